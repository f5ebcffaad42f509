"""What is known of every book at one instant, and of its last minute: rates, and how the mid went.

It reads the best prices alone, in a way that costs the same for a book of any depth. Prices of a
book that is not LIVE are None here: no row has one that nobody may use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import bitmart_book as bb

__all__ = ["KEPT", "Row", "Rows"]

RATE_SECONDS = 3.0
# A mid is kept each second, for the last minute.
STEP = 1.0
KEPT = 60


class Row(NamedTuple):
    """A book as it was at one instant. age and lag are in seconds, rate in updates per second; mids
    are a second apart, None where the book was not LIVE."""

    name: str
    book: bb.Book
    state: bb.BookState
    reason: str
    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None
    age: float | None
    lag: float | None
    rate: float | None
    mids: Sequence[float | None]

    @property
    def live(self) -> bool:
        return self.state == bb.BookState.LIVE

    @property
    def spread(self) -> Decimal | None:
        return None if self.bid is None or self.ask is None else self.ask - self.bid

    @property
    def spread_bps(self) -> float | None:
        if self.bid is None or self.ask is None or not self.bid + self.ask:
            return None
        return float((self.ask - self.bid) / (self.ask + self.bid) * 20_000)


class Rows:
    """Looks at books again and again."""

    def __init__(self) -> None:
        self._pasts: dict[str, _Past] = {}

    def look(self, books: Mapping[str, bb.Book], now: float) -> list[Row]:
        """A row for each book, in their order. now: seconds of a clock that is never set."""
        for name in self._pasts.keys() - books.keys():
            del self._pasts[name]
        return [self._row(name, book, now) for name, book in books.items()]

    def _row(self, name: str, book: bb.Book, now: float) -> Row:
        past = self._pasts.setdefault(name, _Past())
        quote = book.quote_in_any_state()
        past.see(book.stats["updates"], quote.mid, now)
        reason = "" if quote.state == bb.BookState.LIVE else book.reason or ""
        known = (quote.age, quote.lag, past.rate, past.mids)
        return Row(name, book, quote.state, reason, *quote.exact, *known)


class _Past:
    """The last minute of one book."""

    def __init__(self) -> None:
        self.mids: deque[float | None] = deque(maxlen=KEPT)
        self._counts: deque[tuple[float, int]] = deque()
        self._due: float | None = None

    def see(self, updates: int, mid: float | None, now: float) -> None:
        if self._counts and self._counts[-1][1] > updates:
            self._counts.clear()  # another book has taken this one's name
            self.mids.clear()
        self._counts.append((now, updates))
        while now - self._counts[0][0] > RATE_SECONDS and len(self._counts) > 2:
            self._counts.popleft()
        if self._due is None or now >= self._due:
            self.mids.append(mid)
            # Where nobody looked for longer there is nothing to make up for.
            self._due = now + STEP
        elif mid is None and self.mids:
            self.mids[-1] = None  # a second in which it was not LIVE is none to draw through

    @property
    def rate(self) -> float | None:
        (begun, before), (ended, after) = self._counts[0], self._counts[-1]
        return (after - before) / (ended - begun) if ended - begun >= 0.5 else None
