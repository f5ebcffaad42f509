"""`--source attach:NAME`: the books that another program of this machine publishes, followed by
commands as if they were a feed's."""

from __future__ import annotations

from typing import Any

import bitmart_book as bb

__all__ = ["AttachedFeed", "is_attached"]

PREFIX = "attach:"


def is_attached(source: str) -> bool:
    return source.startswith(PREFIX)


class AttachedFeed:
    """As much of a feed as commands need that only look at books. It has no end."""

    closed = False
    stats: dict[str, int] = {}

    def __init__(self, source: str, symbols: tuple[str, ...]) -> None:
        attached = bb.attach(source.removeprefix(PREFIX))
        self.books: tuple[bb.Book, ...] = tuple(
            dict.fromkeys(attached[symbol] for symbol in symbols)
        )

    def report(self) -> dict[str, Any]:
        """No connections: those are its publisher's."""
        return {}

    def explain(self, topic: str) -> str:
        """A sentence about a book."""
        (book,) = (book for book in self.books if f"{book.channel}:{book.symbol}" == topic)
        return f"{book.explain()}."

    def trades(self, symbol: str, **_: object) -> object:
        raise bb.UsageError(f"nobody publishes trades: there are none of {symbol}")

    @property
    def account(self) -> object:
        raise bb.UsageError("nobody publishes an account")
