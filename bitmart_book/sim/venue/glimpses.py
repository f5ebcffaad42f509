"""The best levels of a book after each of its versions, cheap to make and to compare with."""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Iterator

from bitmart_book.sim.market.market import Ladder, Listing

__all__ = ["Glimpse", "Glimpses"]

# Nobody may show a book for so long that is not true any more.
SHOWN = 120.0


class Glimpse:
    """The best levels after one version, and how long it was the latest.

    `bids` and `asks` are packed doubles, price and size by turns, best first, filled up with nan.
    Each double is the nearest to its number.
    """

    __slots__ = ("asks", "bids", "earlier", "until")

    def __init__(self, bids: bytes, asks: bytes, earlier: Glimpse | None = None) -> None:
        self.bids = bids
        self.asks = asks
        self.until = math.inf
        self.earlier = earlier
        """Of the same number, when it was another book's."""


class Glimpses:
    """Of one market, so many `levels` a side, of so many versions (`most`) as are remembered."""

    def __init__(self, listing: Listing, levels: int, most: int) -> None:
        self._listing = listing
        self._levels = levels
        self._most = most
        self._known: dict[int, Glimpse] = {}
        """By number, in the order of time."""
        self._states: deque[Glimpse] = deque(maxlen=most)
        """All of them, in the order of time."""
        self._open: list[Glimpse] = []
        """Those of the present book, which may have several numbers."""

    def record(self, version: int | None, bids: Ladder, asks: Ladder, now: float) -> None:
        """This is the book from now on; it has no number yet if `version` is None, and may never
        get one, where all that changed lies beyond what the venue tells of."""
        if not self._levels:
            return
        state = Glimpse(self._packed(bids), self._packed(asks))
        latest = self._states[-1] if version is None and self._states else None
        if latest is not None and (latest.bids, latest.asks) == (state.bids, state.asks):
            return
        for glimpse in self._open:
            glimpse.until = now
        self._open.clear()
        self._states.append(state)
        self._open.append(state)
        if version is not None:
            self._keep(version, state, now)

    def renumber(self, version: int, now: float) -> None:
        """The same book has another number, until the next version."""
        if self._levels:
            self._keep(version, self._states[-1], now)

    def of(self, version: int) -> Glimpse | None:
        """After a version; None: not remembered."""
        return self._known.get(version)

    def latest_first(self) -> Iterator[Glimpse]:
        """All of them, back in time."""
        return reversed(self._states)

    def _keep(self, version: int, state: Glimpse, now: float) -> None:
        earlier = self._known.pop(version, None)
        if earlier is not None and earlier.until < now - SHOWN:
            earlier = None
        glimpse = self._known[version] = Glimpse(state.bids, state.asks, earlier)
        self._open.append(glimpse)
        if len(self._known) > self._most:
            del self._known[next(iter(self._known))]

    def _packed(self, ladder: Ladder) -> bytes:
        count, sizes, sign = self._levels, ladder.sizes, ladder.sign
        # A quotient of two integers is rounded once, and so is what a decimal text means.
        ticks, lots = 10**self._listing.price_decimals, 10**self._listing.size_decimals
        flat: list[float] = []
        for key in reversed(ladder.keys[-count:]):
            price = key * sign
            flat += (price / ticks, sizes[price] / lots)
        flat += [math.nan] * (2 * count - len(flat))
        return struct.pack(f"{2 * count}d", *flat)
