"""The public side of the simulated exchange: its addresses and their words."""

__all__: list[str] = []
