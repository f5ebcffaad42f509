"""Seeded frames of BitMart's channels, for the benchmarks, the demo and the tests.

What makes them like real ones, and where that was seen: top-100 changes of four recorded streams
of another venue (24,000 frames), unless said otherwise.

* A snapshot has 100 levels a side, as BitMart's `depth/increase100` has. Prices lie on a tick grid,
  with gaps that widen away from the touch.
* A frame changes 13 levels in the mean, but the half of all frames less than 9 and one in twenty
  more than 35: real frames are as uneven (half less than 9, one in twenty more than 60).
* Changes are spread over the whole view and not only at the touch: the median changed level is the
  43rd of 100, with a cluster at the best levels. A cache of the top would not help, and neither
  would a search that starts there.
* Of the changes 42 % are new sizes, 29 % new levels and 29 % removals; so the ladders neither grow
  nor shrink, and memory is moved as often as in the wild.
* In about half of the frames a best price or its size changes; sometimes the best level is
  eaten and the other side follows into the gap, so that prices wander.
* One frame in twenty is an empty heartbeat (in the recordings one in ten changed nothing).
* A removal is written "0" or "0.00000"; both occur on BitMart's wire. Other numbers keep all their
  decimals, which is the form that suits contenders that key their levels by text.
* One symbol has prices of twelve decimals.

What they lack: correlation between symbols and sides, bursts, numbers in mixed forms, rows out of
order, and the habits of market makers. The recorded streams themselves can be measured too, where
they are at hand. The same seed gives the same bytes.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

__all__ = [
    "SYMBOLS",
    "Grid",
    "Market",
    "Message",
    "Row",
    "capture",
    "depth50_frame",
    "futures_frame",
    "spot_frame",
]

START_MS = 1_787_000_000_000
LEVELS = 100

# Changes of a frame: lognormal, which has the long tail; with these the mean is 13.
CHANGES_MU, CHANGES_SIGMA, MOST_CHANGES = 2.21, 0.9, 150
HEARTBEATS = 0.05
TOUCH_SHARE, TOUCH_DEPTH = 0.12, 3.0
# A little over 42 %: eaten levels and new ones that found no room are counted apart.
SIZE_SHARE = 0.44
EATEN = 0.2

Row = tuple[str, str]


class Grid(NamedTuple):
    """Where a symbol trades: its price in ticks, decimals of a tick and of a size, and a usual
    size in units of its last decimal."""

    price: int
    price_decimals: int
    size_decimals: int
    size: int


SYMBOLS = {
    "BTC_USDT": Grid(6_123_572, 2, 5, 40_000),
    "ETH_USDT": Grid(192_254, 2, 4, 40_000),
    "BABYDOGE_USDT": Grid(1_734, 12, 0, 900_000_000),
    "BTCUSDT": Grid(703_916, 1, 0, 1_500),
}


class Message(NamedTuple):
    """What one frame says, before it is written: rows of (price, size) as text."""

    symbol: str
    kind: Literal["snapshot", "update"]
    version: int
    time_ms: int
    bids: list[Row]
    asks: list[Row]


class Market:
    """One symbol: the exchange's own book, and what it publishes about it.

    `grid` defaults to the usual one of the symbol, `levels` is how many each side shows. It keeps
    to a few more: a side that ran short of a picture's levels, none of which a picture has named,
    would be doubted until the next one, and nobody asks for one here.
    """

    def __init__(
        self, symbol: str, seed: int, *, grid: Grid | None = None, levels: int = LEVELS
    ) -> None:
        self.symbol = symbol
        self.grid = SYMBOLS[symbol] if grid is None else grid
        self._levels = levels
        self._kept = levels + min(levels // 5, 20)
        self._random = random.Random(f"{symbol} {seed}")
        self.version = self._random.randrange(1_000_000, 9_000_000)
        self.time_ms = START_MS
        # A key is the price for asks and the negated price for bids: the best comes first.
        self._keys: tuple[list[int], list[int]] = ([], [])
        self._sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side, sign in ((0, -1), (1, 1)):
            key = sign * self.grid.price
            for depth in range(self._kept):
                key += self._random.randint(1, 1 + min(depth // 8, 40))
                self._keys[side].append(key)
                self._sizes[side][key] = self._size()

    def snapshot(self, levels: int | None = None) -> Message:
        """The best levels of each side, by default all that the market shows."""
        most = self._levels if levels is None else levels
        rows = [
            [self._row(side, key, self._sizes[side][key]) for key in self._keys[side][:most]]
            for side in (0, 1)
        ]
        return Message(self.symbol, "snapshot", self.version, self.time_ms, rows[0], rows[1])

    def opening(self, most: int = 5_000) -> Iterator[Message]:
        """All levels, at most so many of a side in one message: a snapshot and updates."""
        yield self.snapshot(most)
        for first in range(most, max(map(len, self._keys)), most):
            self.version += 1
            bids, asks = (
                [
                    self._row(side, key, self._sizes[side][key])
                    for key in self._keys[side][first : first + most]
                ]
                for side in (0, 1)
            )
            yield Message(self.symbol, "update", self.version, self.time_ms, bids, asks)

    def update(self) -> Message:
        """The next change: about 13 levels, or nothing."""
        self.time_ms += self._random.choice((100, 100, 100, 200, 700))
        changed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        if self._random.random() >= HEARTBEATS:
            self.version += 1
            wanted = self._random.lognormvariate(CHANGES_MU, CHANGES_SIGMA)
            if self._random.random() < EATEN:
                self._eat_best(changed)
            # Twice on one level is one change.
            while len(changed[0]) + len(changed[1]) < min(max(1, round(wanted)), MOST_CHANGES):
                self._change_one(changed)
        bids, asks = (
            [self._row(side, key, size) for key, size in changed[side].items()] for side in (0, 1)
        )
        return Message(self.symbol, "update", self.version, self.time_ms, bids, asks)

    def _size(self) -> int:
        return max(1, int(self._random.lognormvariate(0, 1.3) * self.grid.size))

    def _change_one(self, changed: tuple[dict[int, int], dict[int, int]]) -> None:
        side = self._random.randrange(2)
        keys, sizes = self._keys[side], self._sizes[side]
        if self._random.random() < TOUCH_SHARE:
            at = int(self._random.expovariate(1 / TOUCH_DEPTH))
        else:
            at = int(self._random.random() * self._levels)
        key = keys[min(at, len(keys) - 1)]
        # A side that has grown loses levels rather than winning more, and the other way round.
        balance = 0.5 + 5 * (self._kept - len(keys)) / self._levels
        if self._random.random() < SIZE_SHARE:
            sizes[key] = self._size()
        elif self._random.random() < balance:
            near = key
            for reach in (6, 6, 12, 25):
                key = near + self._random.choice((-1, 1)) * self._random.randint(1, reach)
                if self._is_free(side, key):
                    break
            else:
                return
            self._insert(side, key)
        else:
            self._remove(side, key)
        changed[side][key] = sizes.get(key, 0)

    def _eat_best(self, changed: tuple[dict[int, int], dict[int, int]]) -> None:
        """One side's best level is eaten, and the other side follows into the gap."""
        side = self._random.randrange(2)
        best = self._keys[side][0]
        self._remove(side, best)
        changed[side][best] = 0
        if self._is_free(1 - side, -best):
            self._insert(1 - side, -best)
            changed[1 - side][-best] = self._sizes[1 - side][-best]

    def _insert(self, side: int, key: int) -> None:
        insort(self._keys[side], key)
        self._sizes[side][key] = self._size()

    def _remove(self, side: int, key: int) -> None:
        keys = self._keys[side]
        del keys[bisect_left(keys, key)]
        del self._sizes[side][key]

    def _is_free(self, side: int, key: int) -> bool:
        """Whether a new level of that side may stand there: no other does, and no side crosses."""
        if key in self._sizes[side] or (key >= 0 if side == 0 else key <= 0):
            return False
        return key + self._keys[1 - side][0] > 0

    def _row(self, side: int, key: int, size: int) -> Row:
        price = _decimal(-key if side == 0 else key, self.grid.price_decimals)
        if not size and key & 1:
            return price, "0"
        return price, _decimal(size, self.grid.size_decimals)


def _decimal(units: int, decimals: int) -> str:
    text = str(units).rjust(decimals + 1, "0")
    return f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text


# How each channel writes a message


def spot_frame(message: Message) -> bytes:
    """`spot/depth/increase100`: levels as arrays, sequenced."""
    item = {
        "asks": message.asks,
        "bids": message.bids,
        "ms_t": message.time_ms,
        "symbol": message.symbol,
        "type": message.kind,
        "version": message.version,
    }
    return _json({"data": [item], "table": "spot/depth/increase100"})


def depth50_frame(message: Message) -> bytes:
    """`spot/depth50`: the whole view each time, without a sequence."""
    item = {
        "asks": message.asks,
        "bids": message.bids,
        "ms_t": message.time_ms,
        "symbol": message.symbol,
    }
    return _json({"data": [item], "table": "spot/depth50"})


def futures_frame(message: Message) -> bytes:
    """`futures/depthIncrease50`: levels as objects, sequenced."""
    data = {
        "symbol": message.symbol,
        "asks": [{"price": price, "vol": size} for price, size in message.asks],
        "bids": [{"price": price, "vol": size} for price, size in message.bids],
        "ms_t": message.time_ms,
        "version": message.version,
        "type": message.kind,
    }
    return _json({"data": data, "group": f"futures/depthIncrease50:{message.symbol}@100ms"})


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def capture(
    symbols: tuple[str, ...],
    updates: int,
    seed: int,
    write: Callable[[Message], bytes] = spot_frame,
) -> Iterator[bytes]:
    """Frames of several symbols in turn: a snapshot each, then so many updates each."""
    markets = [Market(symbol, seed) for symbol in symbols]
    for market in markets:
        yield write(market.snapshot())
    for _ in range(updates):
        for market in markets:
            yield write(market.update())
