"""Random inputs at full speed, under sanitizers; `make fuzz` runs them, docs/fuzzing.md says how."""
