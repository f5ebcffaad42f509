"""The same names without await, for scripts and notebooks: `bitmart_book.connect` and its feed."""

from bitmart_book.entry import BlockingCheckedEntry as CheckedEntry
from bitmart_book.entry import BlockingOrderEntry as OrderEntry
from bitmart_book.feed.blocking import Feed, LiveBook, LiveTrigger, Stream, connect

__all__ = ["CheckedEntry", "Feed", "LiveBook", "LiveTrigger", "OrderEntry", "Stream", "connect"]
