"""BitMart's documented pushes, one file for each generation and privacy; no behaviour."""
