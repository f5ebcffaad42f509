"""What users hold in their hands: a feed, its live books and its streams, awaited or not."""

__all__: list[str] = []
