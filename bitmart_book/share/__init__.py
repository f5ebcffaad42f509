"""Books that several programs on one machine read, from the one that keeps them."""

__all__: list[str] = []
