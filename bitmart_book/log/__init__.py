"""The log of a feed: one line for what is alike, and no secret in any."""

__all__: list[str] = []
