"""What the exchange knows and has told about one symbol: versions, their books, the day, bars.

A publisher moves its market and counts the versions; it can say what the book was after each of
the recent ones. It makes the texts of that symbol's numbers, but no frames, and knows no
connections.
"""

from __future__ import annotations

import math
import random
import struct
from array import array
from bisect import bisect_left
from collections import deque
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from bitmart_book.sim.market.market import Batch, Ladder, Market, Print
from bitmart_book.sim.market.matching import MatchedMarket
from bitmart_book.sim.venue.wire import BookRow, NumberFormat, Numbers, padded, stripped

__all__ = ["Bar", "Glimpse", "History", "Publisher", "Reach", "Side", "bar_start"]

WINDOW = 100
REMEMBERED_TRADES = 200
DAY_SECONDS = 86_400

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


class Glimpse:
    """The best levels after one version, and how long it was the latest.

    `bids` and `asks` are packed doubles, price and size by turns, best first, filled up with nan:
    cheap to make of every version and to compare with. Each double is the nearest to its number.
    """

    __slots__ = ("asks", "bids", "until")

    def __init__(self, bids: bytes, asks: bytes) -> None:
        self.bids = bids
        self.asks = asks
        self.until = math.inf


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


class Bar:
    """Open, high, low, close and volumes of some time; prices in ticks, volumes exact."""

    __slots__ = ("base", "close", "high", "low", "open", "quote", "start")

    def __init__(self, start: int, price: int) -> None:
        self.start = start
        self.open = self.high = self.low = self.close = price
        self.base = self.quote = 0

    def add(self, price: int, size: int) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.base += size
        self.quote += price * size


def bar_start(step: str | int, time_s: int) -> int:
    """When the bar began that holds a time (both seconds since 1970): weeks begin on Monday.

    `step` is seconds, or "1W", or "1M" for a month of the calendar.
    """
    if step == "1M":
        month = datetime.fromtimestamp(time_s, UTC).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        return int(month.timestamp())
    if step == "1W":
        monday = 4 * DAY_SECONDS  # 1970-01-05
        return time_s - (time_s - monday) % (7 * DAY_SECONDS)
    assert isinstance(step, int)
    return time_s - time_s % step


class Publisher:
    """One symbol. Times are the exchange's; `speed` of its seconds pass in the market in one."""

    def __init__(
        self,
        market: Market,
        *,
        seed: int,
        now: float,
        start_ms: int,
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
        self._start_ms = start_ms
        self._speed = speed
        self._offset = now
        chance = random.Random(f"publisher {self.symbol} {seed}")
        self.version = chance.randrange(1_000, 9_000_000)
        self.history = History(history)
        self.history.start(self.version, market.bids, market.asks)
        self.glimpses: dict[int, Glimpse] = {}
        """Of the latest versions, earlier runs of the counter included; made if so many levels
        are asked for."""
        self._glimpse_levels = glimpses
        self._most_glimpses = max(2, history)
        if glimpses:
            self._glimpse()
        self.told_at = now
        """When an update or a heartbeat was last pushed."""
        self.paused_at: float | None = None
        self.prints: deque[tuple[int, Print]] = deque(maxlen=REMEMBERED_TRADES)
        """(milliseconds, trade) of the latest, oldest first."""
        self.trades = 0
        """How many there have been."""
        self._price_values: dict[int, Decimal] = {}
        self._snapshot: tuple[int, str, str] | None = None
        self._bars: dict[str | int, Bar] = {}
        self._reach = reach
        self._edges = self._window_edges()
        self._unpublished: Batch | None = None
        self._remember_the_past(chance, now)

    def _remember_the_past(self, chance: random.Random, now: float) -> None:
        """A day that has already happened, so that a newcomer finds a price and trades."""
        best = self.market.bids.best or self.market.asks.best or self.listing.price
        time = now
        past = []
        for _ in range(15):
            time -= chance.expovariate(0.5) + 0.001
            size = max(1, int(self.listing.size * chance.lognormvariate(-1, 1)))
            past.append(Print(time, best, size, chance.choice(("buy", "sell"))))
        opened = max(1, best + int(best * chance.uniform(-0.03, 0.03)))
        self.day = Bar(self._seconds(now), opened)
        for print_ in reversed(past):
            self.prints.append((self.time_ms(print_.time), print_))
            self.day.add(print_.price, print_.size)
        self.day.high = max(self.day.high, opened + int(best * chance.uniform(0, 0.02)))
        self.day.low = min(self.day.low, max(1, opened - int(best * chance.uniform(0, 0.02))))
        self.day.base += 900 * self.listing.size
        self.day.quote += 900 * self.listing.size * best
        self.trades = len(self.prints)

    # Time

    def time_ms(self, now: float) -> int:
        """The wire's stamp of a time."""
        return self._start_ms + round(now * 1000)

    def _seconds(self, now: float) -> int:
        return self.time_ms(now) // 1000

    def market_time(self, now: float) -> float:
        """What time it is on the market's clock, which stands still during a pause."""
        return ((now if self.paused_at is None else self.paused_at) - self._offset) * self._speed

    def trade_ms(self, time: float) -> int:
        """The wire's stamp of a time on the market's clock."""
        return self.time_ms(time / self._speed + self._offset)

    def trade_ns(self, time: float) -> int:
        """The same in nanoseconds since 1970."""
        return self._start_ms * 10**6 + round((time / self._speed + self._offset) * 10**9)

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
            self._count(print_)
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
        self.version += 1
        self.history.record(batch, self.market.bids, self.market.asks)
        if self._glimpse_levels:
            before = self.glimpses.get(self.version - 1)
            if before is not None:
                before.until = now
            self._glimpse()

    def _glimpse(self) -> None:
        count, bids, asks = self._glimpse_levels, self.market.bids, self.market.asks
        self.glimpses[self.version] = Glimpse(self._packed(bids, count), self._packed(asks, count))
        if len(self.glimpses) > self._most_glimpses:
            del self.glimpses[next(iter(self.glimpses))]

    def _packed(self, ladder: Ladder, count: int) -> bytes:
        sizes, sign = ladder.sizes, ladder.sign
        # A quotient of two integers is rounded once, and so is what a decimal text means.
        ticks, lots = 10**self.listing.price_decimals, 10**self.listing.size_decimals
        flat: list[float] = []
        for key in reversed(ladder.keys[-count:]):
            price = key * sign
            flat += (price / ticks, sizes[price] / lots)
        flat += [math.nan] * (2 * count - len(flat))
        return struct.pack(f"{2 * count}d", *flat)

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

    def restart(self, version: int) -> None:
        """Count the versions anew, as after a restart of the server; older books are forgotten."""
        if self._glimpse_levels:
            # The same book under another number, until the next version.
            self.glimpses[version] = self.glimpses[self.version]
        self.version = version
        self._snapshot = None
        self.history.start(version, self.market.bids, self.market.asks)

    def best(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """(bid, its size), (ask, its size); None while a side is empty."""
        bids, asks = self.market.bids, self.market.asks
        if not bids.keys or not asks.keys:
            return None
        bid, ask = bids.keys[-1], -asks.keys[-1]
        return (bid, bids.sizes[bid]), (ask, asks.sizes[ask])

    def snapshot(self) -> tuple[str, str]:
        """The rows of the best hundred levels: bids, asks. Written once for each version."""
        if self._snapshot is None or self._snapshot[0] != self.version:
            self._snapshot = (self.version, *self.depth(WINDOW))
        return self._snapshot[1:]

    def depth(self, count: int) -> tuple[str, str]:
        """The rows of the best so many levels: bids, asks."""
        rows = self.numbers.rows
        return rows(self.market.bids.levels(count)), rows(self.market.asks.levels(count))

    def window(self, version: int, levels: int | None) -> tuple[Side, Side] | None:
        """The best so many levels (None: as many as are published) after that version."""
        if self._reach.window_only:
            levels = WINDOW if levels is None else min(levels, WINDOW)
        book = self.history.book(version)
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

    # The tape

    @property
    def last(self) -> int:
        """The price of the last trade."""
        return self.day.close

    def _count(self, print_: Print) -> None:
        time = print_.time / self._speed + self._offset
        self.prints.append((self.time_ms(time), print_))
        self.trades += 1
        if self._seconds(time) - self.day.start >= DAY_SECONDS:
            self.day = Bar(self._seconds(time), self.last)
        self.day.add(print_.price, print_.size)
        for step, bar in self._bars.items():
            start = bar_start(step, self._seconds(time))
            if start != bar.start:
                bar = self._bars[step] = Bar(start, bar.close)
            bar.add(print_.price, print_.size)

    def bar(self, step: str | int, now: float) -> Bar:
        """The running bar. The first one of a step holds the trades that are remembered of it."""
        start = bar_start(step, self._seconds(now))
        bar = self._bars.get(step)
        if bar is None:
            within = [p for time_ms, p in self.prints if time_ms // 1000 >= start]
            bar = Bar(start, within[0].price if within else self.last)
            for print_ in within:
                bar.add(print_.price, print_.size)
            self._bars[step] = bar
        elif bar.start != start:
            bar = self._bars[step] = Bar(start, bar.close)
        return bar

    def trade_rows(self, prints: list[Print]) -> list[tuple[str, str, str, int]]:
        """(price, size, side of the taker, milliseconds) of trades that `advance` reported."""
        price, size = self.numbers.price, self.numbers.size
        return [
            (
                price(print_.price),
                size(print_.size),
                print_.taker,
                self.trade_ms(print_.time),
            )
            for print_ in prints
        ]

    def fluctuation(self) -> int:
        """Change of the price since the day began, in ten-thousandths."""
        return (self.last - self.day.open) * 10_000 // self.day.open

    def bar_values(self, bar: Bar) -> list[str]:
        """Open, high, low, close and base volume of a spot candle."""
        price = self.numbers.price
        ohlc = [price(value) for value in (bar.open, bar.high, bar.low, bar.close)]
        return [*ohlc, padded(bar.base, self.listing.size_decimals)]

    def ticker_values(self) -> dict[str, str] | None:
        """The texts of the ticker by their names; None while a side of the book is empty."""
        best = self.best()
        if best is None:
            return None
        (bid, bid_size), (ask, ask_size) = best
        price, size, listing, day = self.numbers.price, self.numbers.size, self.listing, self.day
        return {
            "ask_px": price(ask),
            "ask_sz": size(ask_size),
            "base_volume_24h": padded(day.base, listing.size_decimals),
            "bid_px": price(bid),
            "bid_sz": size(bid_size),
            "fluctuation": padded(self.fluctuation(), 4),
            "high_24h": price(day.high),
            "last_price": price(self.last),
            "low_24h": price(day.low),
            "open_24h": price(day.open),
            "quote_volume_24h": padded(self._quote(day, 2), 2),
        }

    def _quote(self, bar: Bar, decimals: int) -> int:
        scale = self.listing.price_decimals + self.listing.size_decimals - decimals
        return int(bar.quote // 10**scale if scale >= 0 else bar.quote * 10**-scale)

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

    def legacy_trades(self, precision: int, count: int) -> list[tuple[str, str, str, str, int]]:
        """(side, quote amount, price, base size, milliseconds) of the latest, newest first."""
        step = int(10 ** (self.listing.price_decimals - precision))
        rows: list[tuple[str, str, str, str, int]] = []
        for time_ms, print_ in list(self.prints)[: -count - 1 : -1] if count else ():
            price = print_.price // step
            amount = padded(price * print_.size, precision + self.listing.size_decimals)
            base = padded(print_.size, self.listing.size_decimals)
            rows.append((print_.taker, amount, padded(price, precision), base, time_ms))
        return rows

    def legacy_bar(self, bar: Bar) -> list[str]:
        """Open, highest, lowest, volume (of the quote currency) and current price."""
        decimals = self.listing.price_decimals
        open_, high, low, close = (
            padded(value, decimals) for value in (bar.open, bar.high, bar.low, bar.close)
        )
        return [open_, high, low, padded(self._quote(bar, 6), 6), close]

    def legacy_rate(self) -> str:
        """The price in dollars, as a text."""
        dollars = {"BTC": 61_235, "ETH": 1_922}.get(self.symbol.rpartition("_")[2], 1)
        cents = self.last * dollars * 100 // 10**self.listing.price_decimals
        return f"{stripped(cents, 2)} USD"
