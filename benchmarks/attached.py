"""What it costs to publish books, and to read them in another program.

`python -m benchmarks.attached`: each pair in turn, the least of so many passes; a picture that has
changed since it was read last, and one that has not. Reader and publisher are one process here, of
which each sees the file through a mapping of its own, as two would.
"""

from __future__ import annotations

import argparse
import mmap
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bitmart_book._book import Engine, Mirror, Publication, Room, shared_sizes
from bitmart_book.bench.frames import capture
from bitmart_book.bench.reads import Statement, time_statements
from bitmart_book.client.times import ALIVE_FOR

DAY = 86_400.0
FACTS = {
    "symbol": "BTC_USDT", "venue": "bitmart", "market": "spot", "channel": "spot/depth/increase100",
    "unit": "base", "proven": None, "guard_age": 8.0,
}  # fmt: skip
READS = (
    "book.best_bid_price", "book.best_bid", "book.quote", "book.depth(20, out=out)",
    "book.depth(20)", "book.sweep('ask', size=2)",
)  # fmt: skip


def engine() -> Engine:
    return Engine(clock="monotonic", valid_for=DAY)


class Published:
    """A book, and the same as another program reads it."""

    def __init__(self, levels: int, frames: list[bytes]) -> None:
        self.engine = engine()
        self.engine.apply(frames[0])
        self.book = self.engine["BTC_USDT"]
        # A publisher that nobody beats: it lives for as long as this takes.
        size = shared_sizes(levels, 1)["whole"]
        descriptor = os.memfd_create("attached")
        os.ftruncate(descriptor, size)
        room = Room(mmap.mmap(descriptor, size), levels, 1, DAY)
        self.publication = Publication(room, 0)
        self.publication.show(self.book)
        room.beat(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        seen = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        self.mirror = Mirror(None, Room(seen, levels, 1, ALIVE_FOR), 0, FACTS)
        os.close(descriptor)


def reads(frames: list[bytes], passes: int, calls: int) -> None:
    """Of a picture that stays as it is."""
    both = Published(20, frames)
    out = np.empty((20, 2)), np.empty((20, 2))
    print(f"{'read, ns':32}{'owner':>10}{'attached':>10}{'':>8}")
    for read in READS:
        pair = [
            Statement(name, read, {"book": book, "out": out}, 20)
            for name, book in (("owner", both.book), ("attached", both.mirror))
        ]
        mine, other = (one.min * 1e9 for one in time_statements(pair, passes=passes, calls=calls))
        print(f"{read.removeprefix('book.'):32}{mine:>10.0f}{other:>10.0f}{other / mine:>7.2f}x")


def least(passes: int, work: Any, frames: list[bytes], make: Any) -> float:
    """Nanoseconds a frame."""
    times = []
    for _ in range(passes):
        thing = make()
        begun = time.perf_counter_ns()
        work(thing, frames)
        times.append((time.perf_counter_ns() - begun) / len(frames))
    return min(times)


def apply_all(one: Engine, frames: list[bytes]) -> None:
    apply = one.apply
    for frame in frames:
        apply(frame)


def publishing(frames: list[bytes], passes: int) -> None:
    """What publishing adds to a frame."""

    def alone() -> Engine:
        one = engine()
        one.apply(frames[0])
        return one

    print(f"\n{'frame, ns':32}{'apply':>10}{'published':>10}{'':>8}{'more':>8}")
    for levels in (1, 20, 50, 100):
        kept: list[Published] = []

        def published(levels: int = levels, kept: list[Published] = kept) -> Engine:
            kept[:] = [Published(levels, frames)]
            return kept[0].engine

        plain = shown = float("inf")
        for _ in range(passes):
            plain = min(plain, least(1, apply_all, frames[1:], alone))
            shown = min(shown, least(1, apply_all, frames[1:], published))
        print(
            f"{f'{levels} levels a side':32}{plain:>10.0f}{shown:>10.0f}{shown / plain:>7.2f}x"
            f"{shown - plain:>8.0f}"
        )


def fresh(frames: list[bytes], passes: int) -> None:
    """A frame, and then a read of what it made: the picture is another at each read."""
    out = np.empty((20, 2)), np.empty((20, 2))
    print(f"\n{'read behind each frame, ns':32}{'owner':>10}{'attached':>10}{'':>8}")
    kinds: dict[str, Callable[[Any], Any]] = {
        "best_bid_price": lambda book: book.best_bid_price,
        "depth(20, out=out)": lambda book: book.depth(20, out=out),
    }
    for name, read in kinds.items():
        figures = []
        for attached in (False, True):
            best = float("inf")
            for _ in range(passes):
                both = Published(20, frames)
                book = both.mirror if attached else both.book
                spent = 0
                for frame in frames[1:]:
                    both.engine.apply(frame)
                    begun = time.perf_counter_ns()
                    read(book)
                    spent += time.perf_counter_ns() - begun
                best = min(best, spent / len(frames[1:]))
            figures.append(best)
        mine, other = figures
        print(f"{name:32}{mine:>10.0f}{other:>10.0f}{other / mine:>7.2f}x")
    print("(a call of a function and two looks at the clock are in these)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=9)
    parser.add_argument("--frames", type=int, default=4_000)
    options = parser.parse_args()
    frames = list(capture(("BTC_USDT",), options.frames, 1))
    reads(frames, options.passes, 20_000)
    publishing(frames, options.passes)
    fresh(frames, options.passes)


if __name__ == "__main__":
    main()
