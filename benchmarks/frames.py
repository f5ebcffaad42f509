"""Seeded frames of BitMart's sequenced spot channel, for the demo and the benchmarks.

What makes them like real ones: prices lie on a tick grid with gaps that widen away from the touch,
about 100 levels a side; a frame changes about 13 levels, spread over the whole view and not only
at the touch (in recorded top-100 streams the median changed level is the 43rd); of the changes
about 42 % are new sizes, 29 % new levels and 29 % removals; now and then the touch itself is
eaten, so that the price moves; some frames are empty heartbeats, and one symbol has prices of
twelve decimals. What they lack: correlation between symbols, bursts, and the habits of real
market makers. The same seed gives the same bytes.

`python -m benchmarks.frames --out FILE` writes a capture.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

__all__ = ["SYMBOLS", "Market", "capture"]

START_MS = 1_787_000_000_000
LEVELS = 100

SYMBOLS = {
    # symbol: (price in ticks, decimals of a tick, decimals of a size)
    "BTC_USDT": (6_123_572, 2, 5),
    "ETH_USDT": (192_254, 2, 4),
    "BABYDOGE_USDT": (1_734, 12, 0),
}


class Market:
    """One symbol: the exchange's own book, and the frames it publishes about it."""

    def __init__(self, symbol: str, seed: int) -> None:
        self.symbol = symbol
        mid, self._price_decimals, self._size_decimals = SYMBOLS[symbol]
        self._random = random.Random(f"{symbol} {seed}")
        self.version = self._random.randrange(1_000, 9_000_000)
        self.time_ms = START_MS
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        for levels, sign in ((self._bids, -1), (self._asks, 1)):
            price = mid
            for depth in range(LEVELS):
                price += sign * self._random.randint(1, 1 + depth // 8)
                levels[price] = self._size()

    def snapshot(self) -> bytes:
        """The best 100 levels of each side."""
        return self._frame(
            "snapshot",
            [(price, self._bids[price]) for price in sorted(self._bids, reverse=True)[:LEVELS]],
            [(price, self._asks[price]) for price in sorted(self._asks)[:LEVELS]],
        )

    def update(self) -> bytes:
        """The next change: about 13 levels, or nothing."""
        self.time_ms += self._random.choice((100, 100, 100, 200, 700))
        if self._random.random() < 0.03:
            return self._frame("update", [], [])
        self.version += 1
        changed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for _ in range(self._random.randint(4, 22)):
            self._change_one(changed)
        if self._random.random() < 0.2:
            self._move_touch(changed)
        return self._frame("update", list(changed[0].items()), list(changed[1].items()))

    def _size(self) -> int:
        return max(1, int(self._random.lognormvariate(0, 1.3) * 10**self._size_decimals * 0.4))

    def _change_one(self, changed: tuple[dict[int, int], dict[int, int]]) -> None:
        side = self._random.randrange(2)
        levels = (self._bids, self._asks)[side]
        best_first = sorted(levels, reverse=side == 0)
        price = best_first[min(int(self._random.random() * 88), len(best_first) - 1)]
        kind = self._random.random()
        if kind < 0.42:
            levels[price] = self._size()
        elif kind < 0.71 or len(levels) < LEVELS:
            price += self._random.choice((-1, 1)) * self._random.randint(1, 6)
            if not self._is_free(side, price):
                return
            levels[price] = self._size()
        else:
            del levels[price]
        changed[side][price] = levels.get(price, 0)

    def _move_touch(self, changed: tuple[dict[int, int], dict[int, int]]) -> None:
        """One side's best level is eaten, and the other side follows into the gap."""
        side = self._random.randrange(2)
        levels, other = (self._bids, self._asks)[side], (self._asks, self._bids)[side]
        best = max(levels) if side == 0 else min(levels)
        del levels[best]
        changed[side][best] = 0
        if self._is_free(1 - side, best):
            other[best] = self._size()
            changed[1 - side][best] = other[best]

    def _is_free(self, side: int, price: int) -> bool:
        """Whether a new level of that side may stand there without crossing the other side."""
        if price <= 0:
            return False
        return price < min(self._asks) if side == 0 else price > max(self._bids)

    def _frame(self, kind: str, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> bytes:
        return json.dumps(
            {
                "data": [
                    {
                        "asks": [self._row(*row) for row in asks],
                        "bids": [self._row(*row) for row in bids],
                        "ms_t": self.time_ms,
                        "symbol": self.symbol,
                        "type": kind,
                        "version": self.version,
                    }
                ],
                "table": "spot/depth/increase100",
            },
            separators=(",", ":"),
        ).encode()

    def _row(self, price: int, size: int) -> tuple[str, str]:
        return _decimal(price, self._price_decimals), _decimal(size, self._size_decimals)


def _decimal(units: int, decimals: int) -> str:
    text = str(units).rjust(decimals + 1, "0")
    return f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text


def capture(symbols: tuple[str, ...], updates: int, seed: int) -> Iterator[bytes]:
    """Frames of several symbols in turn: a snapshot each, then so many updates each."""
    markets = [Market(symbol, seed) for symbol in symbols]
    for market in markets:
        yield market.snapshot()
    for _ in range(updates):
        for market in markets:
            yield market.update()


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a capture of generated frames.")
    parser.add_argument("--out", type=Path, required=True, help="a .jsonl.gz file")
    parser.add_argument("--symbols", nargs="+", default=["BTC_USDT", "ETH_USDT"], choices=SYMBOLS)
    parser.add_argument("--updates", type=int, default=5_000, help="updates for each symbol")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(options.out, "wb", mtime=0) as file:
        count = 0
        for frame in capture(tuple(options.symbols), options.updates, options.seed):
            file.write(frame + b"\n")
            count += 1
    print(f"{count:,} generated frames (seed {options.seed}) in {options.out}")


if __name__ == "__main__":
    main()
