"""One row for each book: the shape that `replay --json` and `top --json` share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import bitmart_book as bb
from bitmart_book.display import number

__all__ = ["named", "row", "row_of_now"]


def named(books: Iterable[bb.Book]) -> dict[str, bb.Book]:
    """Books by symbol, or by topic where several books have one symbol."""
    books = tuple(books)
    count = Counter(book.symbol for book in books)
    return {
        book.symbol if count[book.symbol] == 1 else f"{book.channel}:{book.symbol}": book
        for book in books
    }


def row(name: str, book: bb.Book) -> dict[str, Any]:
    """What JSON says of a book. Of one that cannot be trusted no price is given, only what
    happened to it."""
    top = book.peek()
    live = top.state == bb.BookState.LIVE
    return {
        "symbol": name,
        "sequence": top.sequence,
        "state": str(top.state),
        "best_bid": _level(top.best_bid) if live else None,
        "best_ask": _level(top.best_ask) if live else None,
        "bids": len(top.bids),
        "asks": len(top.asks),
        "gaps": top.stats["gaps"],
    }


def row_of_now(name: str, book: bb.Book) -> dict[str, Any]:
    """The same of a book that goes on: where it is, and why it cannot be trusted; how old what it
    shows may be, and by how much what arrives is late, in seconds."""
    copy = book.peek()
    return {
        **row(name, copy),
        "venue": copy.venue,
        "channel": copy.channel,
        "reason": copy.reason,
        "age": copy.quote.age,
        "lag": copy.quote.lag,
    }


def _level(level: bb.Level | None) -> list[str] | None:
    return None if level is None else [number(value) for value in level.exact]
