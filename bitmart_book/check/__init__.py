"""The same book once more, slow and plain, and both side by side."""

__all__: list[str] = []
