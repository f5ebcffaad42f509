"""Markets: what trades at the simulated exchange, and at which prices.

A market is a book of integers (ticks and lots) and what happens to it as its own clock advances:
orders that come, change and go, and trades. `SeededMarket` makes it up from a seed, `CaptureMarket`
replays recorded frames. This file knows no wire format of its own making, no versions, no
connections and no wall clock; time is an argument, in seconds since the start of the market.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from decimal import Decimal, DecimalException
from typing import Any, Literal, NamedTuple, Protocol

from bitmart_book.errors import UsageError
from bitmart_book.wire.capture import Capture

__all__ = [
    "Batch",
    "CaptureMarket",
    "Ladder",
    "Listing",
    "Market",
    "Print",
    "SeededMarket",
    "capture_markets",
    "listings",
]

_SYMBOL = re.compile(r"[A-Za-z0-9_]{1,41}")


class Listing(NamedTuple):
    """What the exchange says about a symbol, and how lively its market is."""

    symbol: str
    price: int
    """About where it trades, in ticks."""
    price_decimals: int
    """Decimals of a tick."""
    size_decimals: int
    gap: int
    """Ticks between two neighbouring levels near the touch."""
    size: int
    """A usual size of a level, in units of the last decimal."""
    rate: float
    """Changes of levels per second."""
    min_price_decimals: int
    """The coarsest grid that the legacy feed groups prices to."""


_LISTINGS = (
    Listing("BTC_USDT", 6_123_572, 2, 5, 30, 20_000, 60.0, 1),
    Listing("ETH_USDT", 192_254, 2, 4, 4, 12_000, 50.0, 1),
    Listing("SOL_USDT", 18_455, 2, 3, 1, 40_000, 30.0, 1),
    Listing("XRP_USDT", 252_130, 5, 1, 12, 15_000, 20.0, 3),
    Listing("BABYDOGE_USDT", 1_734, 12, 0, 1, 90_000_000_000, 10.0, 9),
    Listing("Yinbi_BTC", 2_204, 10, 1, 1, 50_000, 2.0, 8),
    Listing("BMX_ETH", 11_200, 8, 2, 8, 900_000, 5.0, 6),
)
_LEGACY_DEFAULT_DECIMALS = 2


def listings(
    symbols: Sequence[str] | None = None, extra_symbols: int = 0, extra_rate: float = 4.0
) -> dict[str, Listing]:
    """The symbols of an exchange: those named (None: the usual ones), and SYM0001_USDT and so on.

    A name that is not a usual one gets a listing that depends on nothing but the name.
    """
    usual = {listing.symbol: listing for listing in _LISTINGS}
    names = list(usual) if symbols is None else list(symbols)
    found = {name: usual.get(name) or _made_up(name, 20.0) for name in names}
    for number in range(1, extra_symbols + 1):
        name = f"SYM{number:04d}_USDT"
        found[name] = _made_up(name, extra_rate)
    return found


def _made_up(symbol: str, rate: float) -> Listing:
    if not _SYMBOL.fullmatch(symbol):
        raise UsageError(f"symbol {symbol!r} cannot exist: 1 to 41 letters, digits and underscores")
    chance = random.Random(f"listing {symbol}")
    decimals = chance.randint(2, 8)
    return Listing(
        symbol,
        chance.randint(20_000, 900_000),
        decimals,
        chance.randint(0, 5),
        chance.choice((1, 2, 5, 10)),
        chance.randint(1_000, 900_000),
        rate,
        max(0, decimals - _LEGACY_DEFAULT_DECIMALS),
    )


class Print(NamedTuple):
    """One trade. `time` is on the market's clock."""

    time: float
    price: int
    size: int
    taker: Literal["buy", "sell"]


class Batch(NamedTuple):
    """What happened in some time: the new size of each changed level (0: gone), and the trades."""

    bids: dict[int, int]
    asks: dict[int, int]
    prints: list[Print]


class Ladder:
    """One side of a book. `keys` ascend and the best is the last: prices of bids, -prices of asks.

    One order for both sides, so that no routine is written twice.
    """

    __slots__ = ("keys", "sign", "sizes")

    def __init__(self, sign: Literal[1, -1]) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.sizes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def best(self) -> int | None:
        """The best price, None when there is no level. O(1)."""
        return self.keys[-1] * self.sign if self.keys else None

    def put(self, price: int, size: int) -> None:
        """Set the size of a level; zero removes it, also one that is not there."""
        if size:
            if price not in self.sizes:
                insort(self.keys, price * self.sign)
            self.sizes[price] = size
        elif self.sizes.pop(price, 0):
            del self.keys[bisect_left(self.keys, price * self.sign)]

    def levels(self, count: int | None = None) -> list[tuple[int, int]]:
        """(price, size) of the best levels, best first; a new list."""
        keys = self.keys if count is None else self.keys[-count:]
        sign, sizes = self.sign, self.sizes
        return [(key * sign, sizes[key * sign]) for key in reversed(keys)]


class Market(Protocol):
    """What the exchange needs of a market."""

    listing: Listing
    bids: Ladder
    asks: Ladder

    @property
    def next_time(self) -> float:
        """When something happens next; infinity: never."""

    def advance(self, to_time: float) -> Batch:
        """Let everything happen that happens until then, and say what it was."""


# A hundred levels are published; the exchange's own book goes on below them.
LEAST_LEVELS = 130
MOST_LEVELS = 160
START_LEVELS = 145
# A burst is small (1 to 6 changes) or, seldom, large (10 to 40).
_LARGE_BURST = 0.15
_MEAN_BURST = (1 - _LARGE_BURST) * 3.5 + _LARGE_BURST * 25
_TOUCH_PER_BURST = 0.4


class SeededMarket:
    """A market from a seed: the same seed, the same market, however the calls of `advance` fall.

    Changes lie spread over the first 94 levels and a few deeper (of recorded top-100 streams the
    median changed level is the 43rd); 42 % are new sizes, 29 % new levels, 29 % removals. New
    levels keep a shape whose gaps widen away from the touch. Trades and cancels eat the touch,
    orders step into the gap, and a weak pull keeps the price near where it began.
    """

    def __init__(self, listing: Listing, seed: int) -> None:
        self.listing = listing
        self._random = random.Random(f"market {listing.symbol} {seed}")
        self.bids = Ladder(1)
        self.asks = Ladder(-1)
        gap = listing.gap
        self._shape = [gap * (depth + depth * depth // 32) for depth in range(MOST_LEVELS + 1)]
        self._sizes = self._usual_sizes()
        self._drift = 0.0
        for ladder in (self.bids, self.asks):
            self._fill(ladder)
        self._bursts_per_second = listing.rate / _MEAN_BURST
        self._next_time = self._wait()

    @property
    def next_time(self) -> float:
        return self._next_time

    def advance(self, to_time: float) -> Batch:
        batch = Batch({}, {}, [])
        while self._next_time <= to_time:
            self._burst(self._next_time, batch)
            self._next_time += self._wait()
        return batch

    def _wait(self) -> float:
        if self._bursts_per_second <= 0:
            return math.inf
        return self._random.expovariate(self._bursts_per_second)

    def _usual_sizes(self) -> list[int]:
        usual, unit = self.listing.size, 10**self.listing.size_decimals
        sizes = [max(1, int(usual * self._random.lognormvariate(0, 1.2))) for _ in range(256)]
        # People like round numbers, and the wire shows them with and without their zeros.
        for place in range(0, 256, 8):
            rounded = -(-sizes[place] // unit) * unit
            sizes[place] = rounded if rounded < 20 * usual else sizes[place]
        return sizes

    def _size(self) -> int:
        place = int(self._random.random() * 256)
        size = self._sizes[place]
        return size if place & 7 == 0 else max(1, int(size * (0.7 + 0.6 * self._random.random())))

    def _fill(self, ladder: Ladder) -> None:
        sign, gap = ladder.sign, self.listing.gap
        price = self.listing.price - sign * self._random.randint(1, gap)
        for depth in range(START_LEVELS):
            if price <= 0:
                break
            ladder.put(price, self._size())
            step = self._shape[depth + 1] - self._shape[depth]
            price -= sign * self._random.randint(max(1, step // 2), step + step // 2)

    def _burst(self, time: float, batch: Batch) -> None:
        chance = self._random.random
        large = chance() < _LARGE_BURST
        for _ in range(10 + int(chance() * 31) if large else 1 + int(chance() * 6)):
            if chance() < 0.5:
                self._change(self.bids, batch.bids)
            else:
                self._change(self.asks, batch.asks)
        if chance() < _TOUCH_PER_BURST:
            self._move_touch(time, batch)

    def _change(self, ladder: Ladder, changed: dict[int, int]) -> None:
        chance = self._random.random
        keys, levels, where, kind = ladder.keys, len(ladder.keys), chance(), chance()
        if not levels:
            self._reopen(ladder, changed)
            return
        if where < 0.92 or levels <= 100:
            depth = min(int(where * 103), levels - 1)
        else:
            depth = 100 + int((where - 0.92) * 12.5 * (levels - 100))
        if kind >= 0.71 and levels > LEAST_LEVELS:
            price = keys[levels - 1 - depth] * ladder.sign
            ladder.put(price, 0)
            changed[price] = 0
            return
        price = 0
        if kind >= 0.42 and levels < MOST_LEVELS:
            price = self._free_price(ladder, depth)
        if price <= 0:
            price = keys[levels - 1 - depth] * ladder.sign
        size = self._size()
        ladder.put(price, size)
        changed[price] = size

    def _reopen(self, ladder: Ladder, changed: dict[int, int]) -> None:
        """The first order of a side that was taken away."""
        other = (self.asks if ladder is self.bids else self.bids).best
        price = (other or self.listing.price) - ladder.sign * self.listing.gap
        if price > 0:
            self._eat(ladder, changed, price, self._size())

    def _free_price(self, ladder: Ladder, depth: int) -> int:
        """A price without a level about where one of that depth belongs; 0 when it is full there.

        Never better than the best, so that no new level crosses the other side.
        """
        sign, sizes = ladder.sign, ladder.sizes
        jitter = int(self._random.random() * 2 * self.listing.gap)
        price = (ladder.keys[-1] - self._shape[depth] - jitter) * sign
        for _ in range(24):
            if price not in sizes:
                return price
            price -= sign
        return 0

    def _move_touch(self, time: float, batch: Batch) -> None:
        """Something happens at the best price of a side, and the other side may follow."""
        if not self.bids.keys or not self.asks.keys:
            return
        chance = self._random.random
        bid, ask = self.bids.keys[-1], -self.asks.keys[-1]
        pull = 8 * ((bid + ask) / (2 * self.listing.price) - 1)
        self._drift = 0.98 * self._drift + 0.04 * (chance() - 0.5)
        rising = chance() < min(0.9, max(0.1, 0.5 + self._drift - pull))
        eaten, changed = (self.asks, batch.asks) if rising else (self.bids, batch.bids)
        kind = chance()
        if kind < 0.55:
            self._trade(eaten, changed, "buy" if rising else "sell", time, batch.prints)
        elif kind < 0.8:
            self._eat(eaten, changed, eaten.keys[-1] * eaten.sign, 0)
        self._narrow(rising, batch)

    def _trade(
        self,
        eaten: Ladder,
        changed: dict[int, int],
        taker: Literal["buy", "sell"],
        time: float,
        prints: list[Print],
    ) -> None:
        wanted = max(1, self._size() // 2)
        while wanted and len(eaten) > LEAST_LEVELS - 30:
            price = eaten.keys[-1] * eaten.sign
            filled = min(wanted, eaten.sizes[price])
            wanted -= filled
            prints.append(Print(time, price, filled, taker))
            self._eat(eaten, changed, price, eaten.sizes[price] - filled)

    @staticmethod
    def _eat(ladder: Ladder, changed: dict[int, int], price: int, size: int) -> None:
        ladder.put(price, size)
        changed[price] = size

    def _narrow(self, rising: bool, batch: Batch) -> None:
        """Orders step into a wide spread, the side that the price moves away from first."""
        gap, chance = self.listing.gap, self._random.random
        follower = rising
        for _ in range(6):
            if not self.bids.keys or not self.asks.keys:
                return
            spread = -self.asks.keys[-1] - self.bids.keys[-1]
            if spread <= 1 or chance() * 3 * gap > spread:
                return
            ladder, changed = (self.bids, batch.bids) if follower else (self.asks, batch.asks)
            step = 1 + int(chance() * (spread - 1))
            self._eat(ladder, changed, (ladder.keys[-1] + step) * ladder.sign, self._size())
            follower = not follower


class _Recorded(NamedTuple):
    """One recorded push; the prices and sizes of all its rows, bids first."""

    time: float
    kind: Literal["snapshot", "update", "trade"]
    bids: int
    """How many of the rows are bids; of trades, whether the taker bought."""
    rows: array[int]


class CaptureMarket:
    """A recorded book and its trades, at the pace of their own stamps; from the start at the end.

    Its book is the recorded one, faults of the recording included. A snapshot in the middle of
    the recording becomes the changes that lead to it.
    """

    def __init__(self, listing: Listing, recorded: Sequence[_Recorded]) -> None:
        self.listing = listing
        self.bids = Ladder(1)
        self.asks = Ladder(-1)
        self._recorded = recorded
        self._place = 0
        self._lap = 0.0
        self._next_time = 0.0
        self.advance(0.0)

    @property
    def next_time(self) -> float:
        return self._next_time

    def advance(self, to_time: float) -> Batch:
        batch = Batch({}, {}, [])
        while self._next_time <= to_time:
            self._play(self._recorded[self._place], batch)
            self._place += 1
            if self._place == len(self._recorded):
                # One second between the last frame and the first, so that no lap takes no time.
                self._lap += self._recorded[-1].time + 1.0
                self._place = 0
            self._next_time = self._lap + self._recorded[self._place].time
        return batch

    def _play(self, recorded: _Recorded, batch: Batch) -> None:
        rows = recorded.rows
        pairs = list(zip(rows[::2], rows[1::2], strict=True))
        if recorded.kind == "trade":
            taker: Literal["buy", "sell"] = "buy" if recorded.bids else "sell"
            batch.prints.extend(Print(self._next_time, *pair, taker) for pair in pairs)
            return
        sides = (
            (self.bids, batch.bids, pairs[: recorded.bids]),
            (self.asks, batch.asks, pairs[recorded.bids :]),
        )
        for ladder, changed, levels in sides:
            if recorded.kind == "snapshot":
                kept = {price for price, _ in levels}
                gone = [(price, 0) for price in ladder.sizes if price not in kept]
                levels = gone + [row for row in levels if ladder.sizes.get(row[0]) != row[1]]
            for price, size in levels:
                ladder.put(price, size)
                changed[price] = size


def capture_markets(source: str | os.PathLike[str] | Iterable[bytes | str]) -> list[Market]:
    """The markets of a recording: a file, or the frames themselves. Read at once, kept in memory.

    Symbols with a `spot/depth/increase100` snapshot become markets; everything else but their
    trades is passed over. Raises UsageError when there is nothing to replay.
    """
    pushes: dict[str, list[tuple[int, str, dict[str, Any]]]] = {}
    if isinstance(source, str | os.PathLike):
        with Capture(source) as capture:
            for captured in capture:
                _collect(captured.frame, pushes)
    else:
        for frame in source:
            _collect(frame, pushes)
    markets: list[Market] = []
    for symbol, rows in pushes.items():
        while rows and rows[0][1] != "snapshot":
            del rows[0]
        market = _recorded_market(symbol, rows) if rows else None
        if market is not None:
            markets.append(market)
    if not markets:
        raise UsageError("no spot/depth/increase100 snapshot in the capture: nothing to replay")
    return markets


def _collect(frame: bytes | str, pushes: dict[str, list[tuple[int, str, dict[str, Any]]]]) -> None:
    try:
        push = json.loads(frame)
        if not isinstance(push, dict) or push.get("table") not in _REPLAYED:
            return
        for item in push["data"]:
            kind = "trade" if push["table"] == "spot/trade" else item["type"]
            time_ms = int(item["ms_t"] if "ms_t" in item else item["s_t"] * 1000)
            if kind not in ("snapshot", "update", "trade"):
                continue
            pushes.setdefault(item["symbol"], []).append((time_ms, kind, item))
    except (ValueError, KeyError, TypeError):
        # A recording holds whatever the wire brought; what cannot be read was no book.
        return


_REPLAYED = ("spot/depth/increase100", "spot/trade")


def _recorded_market(
    symbol: str, pushes: list[tuple[int, str, dict[str, Any]]]
) -> CaptureMarket | None:
    parsed = []
    price_decimals = size_decimals = 0
    start = pushes[0][0]
    latest = 0.0
    for time_ms, kind, item in pushes:
        try:
            bids, rows = _rows(kind, item)
        except (DecimalException, KeyError, TypeError, ValueError):
            continue
        price_decimals = max([price_decimals, *(_decimals(price) for price, _ in rows)])
        size_decimals = max([size_decimals, *(_decimals(size) for _, size in rows)])
        # Stamps of a recording may step back; a market's clock does not.
        latest = max(latest, (time_ms - start) / 1000)
        parsed.append((latest, kind, bids, rows))
    recorded = []
    try:
        for time, kind, bids, rows in parsed:
            units = array("q")
            for price, size in rows:
                units.append(int(price.scaleb(price_decimals)))
                units.append(int(size.scaleb(size_decimals)))
            recorded.append(_Recorded(time, kind, bids, units))  # type: ignore[arg-type]
    except OverflowError:
        raise UsageError(f"{symbol}: numbers of the capture do not fit 64 bits") from None
    if not recorded:
        return None
    first = recorded[0].rows
    listing = Listing(
        symbol,
        first[0] if first else 1,
        price_decimals,
        size_decimals,
        1,
        1,
        0.0,
        max(0, price_decimals - 2),
    )
    return CaptureMarket(listing, recorded)


def _rows(kind: str, item: dict[str, Any]) -> tuple[int, list[tuple[Decimal, Decimal]]]:
    if kind == "trade":
        return int(item["side"] == "buy"), [(_number(item["price"]), _number(item["size"]))]
    sides = [
        [(_number(price), _number(size)) for price, size in item.get(side) or ()]
        for side in ("bids", "asks")
    ]
    return len(sides[0]), sides[0] + sides[1]


def _number(text: Any) -> Decimal:
    number = Decimal(text)
    # One absurd exponent in a recording must not become a book of thousands of decimals.
    if not number.is_finite() or number < 0 or not -31 < _exponent(number) < 19:
        raise ValueError(f"no price or size: {text!r}")
    return number


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 99


def _decimals(number: Decimal) -> int:
    return max(0, -_exponent(number))
