"""The same names without await, for scripts and notebooks: `bitmart_book.connect` and its feed."""

from bitmart_book.entry import BlockingCheckedEntry as CheckedEntry
from bitmart_book.entry import BlockingOrderEntry as OrderEntry
from bitmart_book.feed.blocking import Feed, LiveBook, Stream, connect

__all__ = ["CheckedEntry", "Feed", "LiveBook", "OrderEntry", "Stream", "connect"]
from bitmart_book.feed.blocking import LiveTrigger

__all__ = ["Feed", "LiveBook", "LiveTrigger", "Stream", "connect"]
