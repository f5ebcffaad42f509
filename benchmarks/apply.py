"""Raw frame to best prices: this engine beside the obvious way to write it in Python.

`python -m benchmarks.apply` runs both over the same generated frames in turn, compares the final
books, and prints the time for a frame with their ratio. The clock stops neither garbage
collection nor the machine's other work: the minimum of the passes is the figure to compare.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from decimal import Decimal

from sortedcontainers import SortedDict

import bitmart_book as bb
from benchmarks.frames import capture

Top = tuple[float | None, float | None]


def compiled(frames: list[bytes]) -> tuple[Top, list[tuple[Decimal, Decimal]]]:
    engine = bb.Engine()
    top: Top = (None, None)
    for frame in frames:
        engine.apply(frame)
        book = engine["BTC_USDT"]
        top = book.best_bid_price, book.best_ask_price
    return top, engine["BTC_USDT"].depth(exact=True).bids


def plain_python(frames: list[bytes]) -> tuple[Top, list[tuple[Decimal, Decimal]]]:
    bids, asks = SortedDict(), SortedDict()
    top: Top = (None, None)
    for frame in frames:
        item = json.loads(frame)["data"][0]
        if item["type"] == "snapshot":
            bids.clear()
            asks.clear()
        for levels, rows in ((bids, item["bids"]), (asks, item["asks"])):
            for price, size in rows:
                if float(size) == 0:
                    levels.pop(float(price), None)
                else:
                    levels[float(price)] = size, price
        top = bids.peekitem(-1)[0], asks.peekitem(0)[0]
    return top, [(Decimal(price), Decimal(size)) for size, price in reversed(bids.values())]


def measure(
    work: Callable[[list[bytes]], object], frames: list[bytes], passes: list[float]
) -> object:
    start = time.perf_counter()
    result = work(frames)
    passes.append((time.perf_counter() - start) / len(frames) * 1e6)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=20_000)
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()
    frames = list(capture(("BTC_USDT",), options.updates, seed=7))
    contenders = {"bitmart_book": compiled, "json + sortedcontainers": plain_python}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(options.passes + 1):
        results = [measure(work, frames, times[name]) for name, work in contenders.items()]
        if results[0] != results[1]:
            raise SystemExit("the books differ; no time is worth printing")
        if number == 0:  # warm-up
            for passes in times.values():
                passes.clear()
    print(f"{len(frames):,} frames, {options.passes} passes, Python {platform.python_version()}")
    for name, passes in times.items():
        ratio = min(passes) / min(times["bitmart_book"])
        print(
            f"{name:24} {min(passes):7.2f} us a frame (median {statistics.median(passes):.2f}), "
            f"{ratio:.1f}x"
        )


if __name__ == "__main__":
    main()
