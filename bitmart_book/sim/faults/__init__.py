"""What can go wrong between the simulated exchange and its clients."""

__all__: list[str] = []
