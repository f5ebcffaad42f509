"""The same names without await, for scripts and notebooks: `bitmart_book.connect` and its feed."""

from bitmart_book.feed.blocking import Feed, LiveBook, Stream, connect

__all__ = ["Feed", "LiveBook", "Stream", "connect"]
