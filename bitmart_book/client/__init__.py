"""Decisions without I/O: what is wanted, on which connection, and how books are won back."""

__all__: list[str] = []
