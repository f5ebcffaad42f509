"""What a changed level costs in books of different depth, changes spread over the whole book.

`python -m benchmarks.ladder` fills books of 100, 5,000 and 50,000 levels a side, feeds each the
same number of raw frames of 13 changed levels (42 % new sizes, and new levels and removals in
equal parts, at places drawn evenly from the whole side), and prints the time for a level with its
ratio to the first book. Reading the text of a level is part of the figure: that is what a user
pays. The books stay at their depth, and the same seed gives the same frames. The passes of the
depths take turns, and the minimum is the figure to compare.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time

import bitmart_book as bb

ROWS = 13
# Prices have seven digits at every depth, so that reading them costs the same.
MIDDLE = 5_000_000

Row = tuple[str, str]
Sides = tuple[list[Row], list[Row]]


class Side:
    """Prices in ticks of one side; every second tick is taken at first."""

    def __init__(self, sign: int, levels: int, chance: random.Random) -> None:
        self._sign = sign
        self._levels = levels
        self._chance = chance
        self._taken = [MIDDLE + sign * 2 * (i + 1) for i in range(levels)]
        self._free = [price + sign for price in self._taken]

    def rows(self) -> list[Row]:
        """The levels, best first."""
        return [self._row(price) for price in sorted(self._taken, reverse=self._sign < 0)]

    def change(self) -> Row:
        if self._chance.random() < 0.42:
            return self._row(self._chance.choice(self._taken))
        if len(self._taken) < self._levels:
            return self._row(self._move(self._free, self._taken))
        return _price(self._move(self._taken, self._free)), "0"

    def _move(self, source: list[int], target: list[int]) -> int:
        place = self._chance.randrange(len(source))
        source[place], source[-1] = source[-1], source[place]
        target.append(source.pop())
        return target[-1]

    def _row(self, price: int) -> Row:
        return _price(price), f"{self._chance.randint(1, 999_999) / 1e5:.5f}"


def _price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02}"


def stream(levels: int, frames: int, seed: int) -> tuple[Sides, list[bytes]]:
    """A snapshot's rows, and the frames that follow it."""
    chance = random.Random(seed)
    sides = Side(-1, levels, chance), Side(1, levels, chance)
    snapshot = sides[0].rows(), sides[1].rows()
    updates = []
    for version in range(1, frames + 1):
        changed: Sides = ([], [])
        for _ in range(ROWS):
            side = chance.randrange(2)
            changed[side].append(sides[side].change())
        item = {
            "asks": changed[1],
            "bids": changed[0],
            "ms_t": 1_787_000_000_000 + version,
            "symbol": "BTC_USDT",
            "type": "update",
            "version": version,
        }
        message = {"data": [item], "table": "spot/depth/increase100"}
        updates.append(json.dumps(message, separators=(",", ":")).encode())
    return snapshot, updates


def measure(snapshot: Sides, updates: list[bytes]) -> float:
    """Nanoseconds for a changed level."""
    engine = bb.Engine()
    engine.book("BTC_USDT").apply_snapshot(*snapshot, sequence=0)
    start = time.thread_time()
    for frame in updates:
        engine.apply(frame)
    taken = time.thread_time() - start
    engine["BTC_USDT"].check()
    return taken / len(updates) / ROWS * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", type=int, nargs="+", default=[100, 5_000, 50_000])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--passes", type=int, default=7)
    options = parser.parse_args()
    streams = {levels: stream(levels, options.frames, seed=11) for levels in options.levels}
    times: dict[int, list[float]] = {levels: [] for levels in streams}
    for _ in range(options.passes):
        for levels, (snapshot, updates) in streams.items():
            times[levels].append(measure(snapshot, updates))
    print(
        f"{options.frames:,} frames of {ROWS} levels, {options.passes} passes, "
        f"Python {platform.python_version()}"
    )
    first = min(times[options.levels[0]])
    for levels, passes in times.items():
        print(
            f"{levels:7,} levels a side {min(passes):8.1f} ns a level "
            f"(median {statistics.median(passes):.1f}), {min(passes) / first:.2f}x"
        )


if __name__ == "__main__":
    main()
