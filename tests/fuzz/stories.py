"""Stories of the venues beside BitMart: the frames of one symbol, with what proves them.

Each keeps the exchange's own book, a plain dictionary of texts, so that checksums are right until
something is lost or damaged on purpose.
"""

from __future__ import annotations

from tests.helpers.strange_venue import STRANGE, strange, strange_sum
from tests.helpers.venue_frames import (
    bybit,
    kraken,
    kraken_ack,
    kraken_sum,
    okx,
    okx_picture,
    okx_sum,
)

__all__ = ["STORIES", "VENUES", "venue_story"]

# What `Engine(venue=...)` takes, by a name that can be written down.
VENUES = {
    "kraken": "kraken",
    "okx": "okx",
    "bybit": "bybit",
    "several": ("kraken", "okx", "bybit"),
    "strange": STRANGE,
}


class Market:
    """Both sides of one market: prices on a grid around 1000, sizes as texts."""

    def __init__(self, rng, decimals, size_decimals):
        self._rng = rng
        self._decimals = decimals
        self._size_decimals = size_decimals
        self.sides = ({}, {})
        for side in range(2):
            for _ in range(rng.randrange(1, 30)):
                self._put(side, self._place(side), self._size())

    def _place(self, side):
        chance = self._rng.random
        return 1000 - int(chance() * 40) if side == 0 else 1001 + int(chance() * 40)

    def _size(self):
        return f"{1 + int(self._rng.random() * 10**6)}".rjust(self._size_decimals + 1, "0")

    def _put(self, side, place, size):
        if size:
            self.sides[side][place] = size
        else:
            self.sides[side].pop(place, None)

    def price(self, place):
        return _point(str(place).rjust(self._decimals + 1, "0"), self._decimals)

    def size(self, text):
        return _point(text, self._size_decimals)

    def rows(self, side, most=None):
        """Texts, best first."""
        order = sorted(self.sides[side].items(), reverse=side == 0)
        return [(self.price(place), self.size(size)) for place, size in order[:most]]

    def change(self, most=None):
        """Something happens; the rows of both sides that tell of it, within so many levels."""
        before = [dict(self.rows(side, most)) for side in range(2)]
        for _ in range(int(self._rng.random() * 4)):
            side = int(self._rng.random() * 2)
            gone = self._rng.random() < 0.4
            self._put(side, self._place(side), None if gone else self._size())
        told = []
        for side in range(2):
            now = dict(self.rows(side, most))
            rows = [row for row in now.items() if before[side].get(row[0]) != row[1]]
            within = self._is_within(side, now, most)
            rows += [(p, self.size("0" * (self._size_decimals + 1)))
                     for p in before[side] if p not in now and within(p)]  # fmt: skip
            self._rng.shuffle(rows)
            told.append(rows)
        return told

    @staticmethod
    def _is_within(side, now, most):
        """Levels that fall out of what is shown are not told of."""
        if most is None or len(now) < most:
            return lambda price: True
        worst = min(map(float, now)) if side == 0 else max(map(float, now))
        return lambda price: float(price) >= worst if side == 0 else float(price) <= worst


def _point(text, decimals):
    return f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text


class VenueStory:
    """One symbol of one venue. `frame` is its next push, `doubt` says that something was lost."""

    symbols = (b"",)

    def __init__(self, rng):
        self._rng = rng
        self._chance = rng.random
        self._market = Market(rng, rng.choice((0, 1, 2, 6)), rng.choice((0, 2, 8)))
        self._symbol = rng.choice(self.symbols)
        self._snapshot_due = True
        self._version = int(self._chance() * 1000) + 1

    def doubt(self):
        self._snapshot_due = self._snapshot_due or self._chance() < 0.6

    def frame(self):
        chance = self._chance()
        if self._snapshot_due or chance < 0.05:
            self._snapshot_due = False
            return self._snapshot().encode()
        if chance > 0.93:
            self._lose()
        return self._update(chance).encode()

    def _lose(self):
        self._market.change()
        self._version += 1
        self.doubt()


class KrakenStory(VenueStory):
    symbols = ("BTC/USD", "1INCH/EUR")

    def __init__(self, rng):
        super().__init__(rng)
        self._depth = rng.choice((10, 10, 25))
        self._told = False

    def _checksum(self):
        sides = [self._market.rows(side, 10) for side in range(2)]
        if self._chance() < 0.01:
            return self._rng.choice((None, 0, 1))
        return kraken_sum(*sides)

    def _snapshot(self):
        if not self._told and self._chance() < 0.5:
            self._told = True
            self._snapshot_due = True
            return kraken_ack(self._symbol, self._depth)
        sides = [self._market.rows(side, self._depth) for side in range(2)]
        return kraken("snapshot", *sides, self._symbol, checksum=self._checksum())

    def _update(self, chance):
        if chance < 0.1:
            return '{"channel":"heartbeat"}'
        sides = self._market.change(self._depth)
        return kraken("update", *sides, self._symbol, checksum=self._checksum())


class OkxStory(VenueStory):
    symbols = ("BTC-USDT", "BTC-USDT-SWAP")

    def __init__(self, rng):
        super().__init__(rng)
        self._sums = self._chance() < 0.5

    def _checksum(self):
        if not self._sums:
            return self._rng.choice((0, 0, 0, None))
        sides = [
            [tuple(_stripped(text) for text in row) for row in self._market.rows(side)]
            for side in range(2)
        ]
        return okx_sum(*sides)

    def _snapshot(self):
        self._version += 1
        sides = [self._market.rows(side) for side in range(2)]
        return okx("snapshot", -1, self._version, *sides, self._symbol, checksum=self._checksum())

    def _update(self, chance):
        last = self._version
        if chance < 0.1:
            return okx("update", last, last, symbol=self._symbol, checksum=self._checksum())
        if chance < 0.2:
            channel = self._rng.choice(("books5", "bbo-tbt"))
            most = 5 if channel == "books5" else 1
            sides = [self._market.rows(side, most) for side in range(2)]
            return okx_picture(channel, *sides, self._symbol)
        # Now and then it counts anew, from below.
        self._version = last - 5 if chance > 0.9 and last > 5 else last + 1 + int(chance * 9)
        if chance < 0.25:
            last = self._version - 1
        sides = self._market.change()
        return okx("update", last, self._version, *sides, self._symbol, checksum=self._checksum())


def _stripped(text):
    return text.rstrip("0").rstrip(".") if "." in text else text


class BybitStory(VenueStory):
    symbols = ("BTCUSDT", "BTCUSD")

    def _snapshot(self):
        self._version = 1 if self._chance() < 0.2 else self._version + 1
        sides = [self._market.rows(side, 50) for side in range(2)]
        return bybit("snapshot", self._version, *sides, self._symbol)

    def _update(self, chance):
        if chance < 0.15:
            sides = [self._market.rows(side, 1) for side in range(2)]
            return bybit("snapshot", self._version, *sides, self._symbol, depth=1)
        repeated = chance < 0.2
        self._version += not repeated
        return bybit("delta", self._version, *self._market.change(), self._symbol)


class StrangeStory(VenueStory):
    symbols = ("~A", "~b/c:d")

    def _checksum(self):
        if self._chance() < 0.2:
            return None
        return strange_sum(*(self._market.rows(side, 3) for side in range(2)))

    def _snapshot(self):
        self._version += 3
        sides = [self._market.rows(side) for side in range(2)]
        return strange(
            "everything", self._version, self._version, *sides, self._symbol,
            checksum=self._checksum(),
        )  # fmt: skip

    def _update(self, chance):
        first = self._version + 1
        self._version += int(chance * 4)
        sides = self._market.change() if self._version >= first else ([], [])
        return strange(
            "difference", first - (chance < 0.2), self._version, *sides, self._symbol,
            checksum=self._checksum(),
        )  # fmt: skip


STORIES = {
    "kraken": (KrakenStory,),
    "okx": (OkxStory,),
    "bybit": (BybitStory,),
    "several": (KrakenStory, OkxStory, BybitStory),
    "strange": (StrangeStory,),
}
LIVE_CHANNELS = {
    "kraken/book10", "kraken/book25", "okx/books", "okx/books5", "okx/bbo-tbt",
    "bybit/orderbook.50", "bybit/orderbook.1", "bybit-inverse/orderbook.50",
    "bybit-inverse/orderbook.1", "strange/changes",
}  # fmt: skip


def venue_story(name, rng):
    """A story of one of the venues of that name."""
    return rng.choice(STORIES[name])(rng)
