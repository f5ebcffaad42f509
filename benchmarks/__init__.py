"""Where the numbers in README come from."""
