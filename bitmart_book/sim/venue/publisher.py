"""What the exchange knows and has told about one symbol: its versions, and their books.

A publisher moves its market and counts the versions; it can say what the book was after each of
the recent ones. It makes the texts of that symbol's numbers, but no frames, and knows no
connections.
"""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_left
from collections import deque
from decimal import Decimal
from typing import Literal, NamedTuple

from bitmart_book.sim.market.market import Batch, Ladder, Market
from bitmart_book.sim.market.matching import MatchedMarket
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.glimpses import Glimpses
from bitmart_book.sim.venue.tape import Best, Tape
from bitmart_book.sim.venue.wire import BookRow, NumberFormat, Numbers, padded

__all__ = ["History", "Publisher", "Reach", "Side"]

WINDOW = 100
# Late frames are of a minute ago, at up to ten versions a second.
MOST_GLIMPSES = 2_000

Side = tuple[tuple[Decimal, Decimal], ...]


class _Chunk(NamedTuple):
    """A book, and what each of the following versions changed in it."""

    version: int
    bids: dict[int, int]
    asks: dict[int, int]
    deltas: list[array[int]]


class History:
    """The books of the latest versions, as one whole book now and then and what came between.

    Reading versions in rising order is O(changes); any other order starts at a whole book again.
    """

    _CHUNK = 256

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: deque[_Chunk] = deque()
        self._cursor: tuple[_Chunk, int, dict[int, int], dict[int, int]] | None = None

    def start(self, version: int, bids: Ladder, asks: Ladder) -> None:
        """Forget everything; the versions go on from this one."""
        self._chunks.clear()
        self._cursor = None
        self._chunks.append(_Chunk(version, dict(bids.sizes), dict(asks.sizes), []))

    def record(self, batch: Batch, bids: Ladder, asks: Ladder) -> None:
        """The next version; `bids` and `asks` are the book after it."""
        chunk = self._chunks[-1]
        if len(chunk.deltas) + 1 >= min(self._CHUNK, max(1, self._limit)):
            following = chunk.version + len(chunk.deltas) + 1
            self._chunks.append(_Chunk(following, dict(bids.sizes), dict(asks.sizes), []))
            while following - self._chunks[0].version - len(self._chunks[0].deltas) > self._limit:
                self._chunks.popleft()
            return
        flat = [len(batch.bids)]
        for changed in (batch.bids, batch.asks):
            for row in changed.items():
                flat += row
        chunk.deltas.append(array("q", flat))

    def book(self, version: int) -> tuple[dict[int, int], dict[int, int]] | None:
        """(bids, asks) after that version, price to size; not to be changed. None: not known."""
        chunk = next((c for c in reversed(self._chunks) if c.version <= version), None)
        if chunk is None or version > chunk.version + len(chunk.deltas):
            return None
        cursor = self._cursor
        if cursor is not None and cursor[0] is chunk and cursor[1] <= version:
            _, reached, bids, asks = cursor
        else:
            reached, bids, asks = chunk.version, dict(chunk.bids), dict(chunk.asks)
        for delta in chunk.deltas[reached - chunk.version : version - chunk.version]:
            _apply(delta, bids, asks)
        self._cursor = (chunk, version, bids, asks)
        return bids, asks


def _apply(delta: array[int], bids: dict[int, int], asks: dict[int, int]) -> None:
    first_ask = 1 + 2 * delta[0]
    for place in range(1, len(delta), 2):
        side = bids if place < first_ask else asks
        if delta[place + 1]:
            side[delta[place]] = delta[place + 1]
        else:
            side.pop(delta[place], None)


class Reach(NamedTuple):
    """Which changes of a book are published. BitMart's text implies all of them."""

    window_only: bool = False
    """Only those among the best hundred levels."""
    deletes: bool = False
    """A level that leaves the best hundred is deleted, though the exchange still has it."""
    refills: bool = False
    """A level that comes among the best hundred is sent, though it did not change."""


def _joined(first: Batch, then: Batch) -> Batch:
    return Batch({**first.bids, **then.bids}, {**first.asks, **then.asks}, then.prints)


class Publisher:
    """One symbol. Times are the exchange's; `speed` of its seconds pass in the market in one."""

    def __init__(
        self,
        market: Market,
        *,
        seed: int,
        now: float,
        clock: Clock,
        speed: float,
        history: int,
        numbers: NumberFormat,
        reach: Reach,
        glimpses: int = 0,
    ) -> None:
        self.market = market
        self.listing = market.listing
        self.symbol = market.listing.symbol
        self.numbers = Numbers(market.listing.price_decimals, market.listing.size_decimals, numbers)
        self.clock = clock
        self._speed = speed
        self._offset = now
        chance = random.Random(f"publisher {self.symbol} {seed}")
        self.version = chance.randrange(1_000, 9_000_000)
        self._history = History(history)
        self._history.start(self.version, market.bids, market.asks)
        self.glimpses = Glimpses(market.listing, glimpses, max(MOST_GLIMPSES, history))
        """Of the latest versions, earlier runs of the counter included; made if so many levels
        are asked for."""
        self.glimpses.record(self.version, self.market.bids, self.market.asks, now)
        self.told_at = now
        """When an update or a heartbeat was last pushed."""
        self.paused_at: float | None = None
        self.tape = Tape(market.listing, self.numbers, clock, chance, now)
        self.tape.remember_a_past(market.bids.best or market.asks.best or self.listing.price, now)
        self._price_values: dict[int, Decimal] = {}
        self._snapshot: tuple[int, str, str] | None = None
        self._reach = reach
        self._edges = self._window_edges()
        self._unpublished: Batch | None = None
        self._repeats = False

    # Time

    def market_time(self, now: float) -> float:
        """What time it is on the market's clock, which stands still during a pause."""
        return ((now if self.paused_at is None else self.paused_at) - self._offset) * self._speed

    def exchange_time(self, time: float) -> float:
        """The exchange's time of a time on the market's clock."""
        return time / self._speed + self._offset

    def next_time(self) -> float:
        """When the market does something next."""
        return self.market.next_time / self._speed + self._offset

    def pause(self, now: float) -> None:
        if self.paused_at is None:
            self.paused_at = now

    def resume(self, now: float) -> None:
        """The market goes on where it stood."""
        if self.paused_at is not None:
            self._offset += now - self.paused_at
            self.told_at += now - self.paused_at
            self.paused_at = None

    # The book

    def advance(self, now: float) -> Batch:
        """What is to be told of the time until now; when levels are, it is the next version."""
        batch = self.market.advance((now - self._offset) * self._speed)
        for print_ in batch.prints:
            self.tape.add(print_, self.exchange_time(print_.time))
        return self._publish(batch, now) if batch.bids or batch.asks else batch

    def take(self, side: Literal["bid", "ask"], levels: int | None, now: float) -> Batch:
        """The best so many levels of a side (None: all of them) go at once, as in a crash."""
        if isinstance(self.market, MatchedMarket):
            gone = self.market.withdraw(side, levels)
        else:
            ladder = self.market.bids if side == "bid" else self.market.asks
            gone = {price: 0 for price, _ in ladder.levels(levels)}
            for price in gone:
                ladder.put(price, 0)
        if not gone:
            return Batch({}, {}, [])
        return self._publish(Batch(gone, {}, []) if side == "bid" else Batch({}, gone, []), now)

    def skip(self, now: float) -> None:
        """The next version, which says nothing new."""
        batch, self._unpublished = self._unpublished or Batch({}, {}, []), None
        self._next_version(batch, now)

    def _publish(self, batch: Batch, now: float) -> Batch:
        told = batch if self._reach == (False, False, False) else self._within_reach(batch)
        if self._unpublished is not None:
            batch = _joined(self._unpublished, batch)
            self._unpublished = None
        if told.bids or told.asks:
            self._next_version(batch, now)
        else:
            self._unpublished = batch
        return told

    def _next_version(self, batch: Batch, now: float) -> None:
        if self._repeats:
            self._repeats = False
            self._history.start(self.version, self.market.bids, self.market.asks)
            self._snapshot = None
        else:
            self.version += 1
            self._history.record(batch, self.market.bids, self.market.asks)
        self.glimpses.record(self.version, self.market.bids, self.market.asks, now)

    def glance(self, now: float) -> None:
        """The market has changed by itself: some channels may show it before it is a version."""
        if self.paused_at is None:
            self.glimpses.record(None, self.market.bids, self.market.asks, now)

    def _within_reach(self, batch: Batch) -> Batch:
        before, self._edges = self._edges, self._window_edges()
        return Batch(
            self._cut(batch.bids, self.market.bids, before[0], self._edges[0]),
            self._cut(batch.asks, self.market.asks, before[1], self._edges[1]),
            batch.prints,
        )

    def _cut(
        self, changed: dict[int, int], ladder: Ladder, before: float, after: float
    ) -> dict[int, int]:
        """What is told of the changes of a side. `before` and `after` are the keys of the last
        level that was, and is, among the best hundred."""
        told, sign, keys = changed, ladder.sign, ladder.keys
        if self._reach.window_only:
            told = {
                price: size
                for price, size in changed.items()
                if price * sign >= (after if size else before)
            }
        if before == after:
            return told.copy()
        start, end = bisect_left(keys, before), bisect_left(keys, after)
        left = {key * sign: 0 for key in keys[start:end]} if self._reach.deletes else {}
        came = {}
        if self._reach.refills:
            came = {key * sign: ladder.sizes[key * sign] for key in keys[end:start]}
        return {**told, **left, **came}

    def _window_edges(self) -> tuple[float, float]:
        bids, asks = (
            ladder.keys[-WINDOW] if len(ladder.keys) > WINDOW else -math.inf
            for ladder in (self.market.bids, self.market.asks)
        )
        return bids, asks

    def repeat_number(self) -> None:
        """The next version gets the number of the present one."""
        self._repeats = True

    def restart(self, version: int, now: float) -> None:
        """Count the versions anew, as after a restart of the server; older books are forgotten."""
        self.glimpses.renumber(version, now)
        self.version = version
        self._snapshot = None
        self._history.start(version, self.market.bids, self.market.asks)

    def best(self) -> Best | None:
        """(bid, its size), (ask, its size); None while a side is empty."""
        bids, asks = self.market.bids, self.market.asks
        if not bids.keys or not asks.keys:
            return None
        bid, ask = bids.keys[-1], -asks.keys[-1]
        return (bid, bids.sizes[bid]), (ask, asks.sizes[ask])

    def depth(self, count: int = WINDOW) -> tuple[str, str]:
        """The rows of the best so many levels: bids, asks. A hundred of them are written once for
        each version."""
        if count == WINDOW and self._snapshot is not None and self._snapshot[0] == self.version:
            return self._snapshot[1:]
        rows = self.numbers.rows
        sides = rows(self.market.bids.levels(count)), rows(self.market.asks.levels(count))
        if count == WINDOW:
            self._snapshot = (self.version, *sides)
        return sides

    def window(self, version: int, levels: int | None) -> tuple[Side, Side] | None:
        """The best so many levels (None: as many as are published) after that version."""
        if self._reach.window_only:
            levels = WINDOW if levels is None else min(levels, WINDOW)
        book = self._history.book(version)
        if book is None:
            return None
        return self._side(book[0], levels, reverse=True), self._side(book[1], levels, reverse=False)

    def _side(self, sizes: dict[int, int], levels: int | None, *, reverse: bool) -> Side:
        prices = sorted(sizes, reverse=reverse)[:levels]
        price, decimals = self._price, self.listing.size_decimals
        return tuple((price(at), Decimal(sizes[at]).scaleb(-decimals)) for at in prices)

    def _price(self, price: int) -> Decimal:
        value = self._price_values.get(price)
        if value is None:
            if len(self._price_values) > 50_000:
                self._price_values.clear()
            value = Decimal(price).scaleb(-self.listing.price_decimals)
            self._price_values[price] = value
        return value

    # The legacy feed

    def grouped(self, precision: int, count: int) -> tuple[list[BookRow], list[BookRow]]:
        """The best so many levels on a grid of that many decimals: bids rounded down, asks up."""
        step = int(10 ** (self.listing.price_decimals - precision))
        return (
            self._grouped(self.market.bids, step, precision, count),
            self._grouped(self.market.asks, step, precision, count),
        )

    def _grouped(self, ladder: Ladder, step: int, precision: int, count: int) -> list[BookRow]:
        groups: dict[int, list[int]] = {}
        for price, size in ladder.levels():
            # -(-p // step) rounds up; the sign of the ladder makes one expression of both.
            group = ladder.sign * (price * ladder.sign // step)
            if group <= 0 or (group not in groups and len(groups) == count):
                break
            orders = groups.setdefault(group, [0, 0])
            orders[0] += size
            # The book counts levels, not orders; one to three at each looks like the sample.
            orders[1] += 1 + size % 3
        rows, total, decimals = [], 0, self.listing.size_decimals
        for group, (size, orders_there) in groups.items():
            total += size
            amount, sum_ = padded(size, decimals), padded(total, decimals)
            rows.append(BookRow(padded(group, precision), amount, sum_, orders_there))
        return rows
