"""Random inputs at full speed, under sanitizers: `make fuzz`. docs/trust.md has what was found."""
