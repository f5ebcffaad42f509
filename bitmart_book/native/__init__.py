"""What `_book.pyx` is compiled from, one idea a file; there is nothing here to import."""

__all__: list[str] = []
