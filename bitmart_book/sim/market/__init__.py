"""What trades at the simulated exchange, and own orders among it."""

__all__: list[str] = []
