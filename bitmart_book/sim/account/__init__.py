"""The private side of the simulated exchange: accounts, orders, and their words."""

__all__: list[str] = []
