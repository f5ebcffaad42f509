"""What users hold in their hands: a feed, its live books and its streams, awaited or not.

`core` decides, `life` waits; `asynchronous` and `blocking` are the two faces of them. These names
are those of the asynchronous face; the blocking ones are in `bitmart_book.sync`.
"""

from bitmart_book.feed.asynchronous import Feed, LiveBook, Stream

__all__ = ["Feed", "LiveBook", "Stream"]
