"""Where the numbers in docs/performance.md come from."""
