"""Instructions instead of seconds: what a noisy machine cannot blur.

A fixed set of frames runs under valgrind twice, once with more frames; the difference of the
counts, divided by the frames that were more, has neither the interpreter's start nor the import in
it. The same binary gives the same count to a few in a million. The interpreter's own part, the loop
that calls `apply`, is included. Instructions are not time: a missed branch counts like a free one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import bitmart_book as bb
from bitmart_book.bench.contenders import Engine
from bitmart_book.bench.frames import Market, Message, depth50_frame, futures_frame, spot_frame

__all__ = ["TASKS", "Count", "available", "count", "parse"]

# Frames, and reads, of which a run makes the fewer and another the more.
FRAMES, READS = (200, 600), (1_000, 5_000)
SEED = 1

FUNCTION = re.compile(r"(c?)fn=(\(\d+\))(?: (.*))?")

# Frames that move no best price or size, and frames of which each does; and who listens to them.
LISTENING = ("still", "still quoted", "moving", "moving watched", "moving triggered")
FRAME_TASKS = ("frames", "full", "futures", "deep", "rows", *LISTENING)
TASKS = (
    *(*FRAME_TASKS, "best_bid_price", "best_bid", "quote", "depth", "depth_out"),
    *("lens_top", "peek", "net"),
)


class Count(NamedTuple):
    """Instructions a frame or call, and the same of the functions that have most of them."""

    task: str
    instructions: float
    functions: dict[str, float]


def available() -> bool:
    """Whether valgrind is installed."""
    return shutil.which("valgrind") is not None


def count(task: str, functions: int = 12) -> Count:
    """Run one of TASKS under valgrind. Takes some ten seconds.

    Raises UsageError without valgrind.
    """
    if not available():
        raise bb.UsageError("valgrind is not installed (Debian: apt install valgrind)")
    numbers = FRAMES if task in FRAME_TASKS else READS
    few, many = (_run(task, number) for number in numbers)
    many.subtract(few)
    more = numbers[1] - numbers[0]
    most = {name: round(cost / more, 1) for name, cost in many.most_common(functions)}
    return Count(task, round(sum(many.values()) / more, 1), most)


def _run(task: str, number: int) -> Counter[str]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        # Hashes without chance, and no thread of numpy's that waits in a loop.
        environment = os.environ | {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet"]
            + [sys.executable, "-m", "bitmart_book.bench.callgrind", task, str(number)],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
        )
        with out.open() as file:
            return parse(file)


def parse(lines: Iterable[str]) -> Counter[str]:
    """Own instructions by function, out of callgrind's file; code inlined into a function is its
    own."""
    names: dict[str, str] = {}
    costs: Counter[str] = Counter()
    current, skip = "", False
    for line in lines:
        function = FUNCTION.match(line)
        if function:
            # A name is written once, at its function or where that is called, and then numbered.
            called, number, name = function.groups()
            names[number] = name or names[number]
            if not called:
                current = names[number]
        elif line.startswith("calls="):
            skip = True  # the next line is what the callee took
        elif line[:1] in "+-*0123456789" and line.strip():
            if not skip:
                costs[current] += int(line.split()[1])
            skip = False
    return costs


def _work(task: str, number: int) -> None:
    """What valgrind sees. The larger run's frames are made in both, so that only applying
    differs."""
    if task not in FRAME_TASKS:
        _read(task, number)
        return
    if task in LISTENING:
        _listen(task, number)
        return
    symbol = "BTCUSDT" if task == "futures" else "BTC_USDT"
    market = Market(symbol, SEED, levels=5_000 if task == "deep" else 100)
    messages = [market.snapshot(), *(market.update() for _ in range(FRAMES[1]))]
    if task == "rows":
        rows = [(one.kind, one.version, one.bids, one.asks) for one in messages]
        Engine().rows(rows[: 1 + number])
    elif task == "full":
        frames = [depth50_frame(market.snapshot(50)) for _ in messages]
        Engine(channel="depth50").frames(frames[: 1 + number])
    else:
        write = futures_frame if task == "futures" else spot_frame
        frames = [write(one) for one in messages]
        Engine(symbol).frames(frames[: 1 + number])


def _listen(task: str, number: int) -> None:
    """Two levels a side of which one size changes: the best bid's, or the one behind it."""
    price = "100" if task.startswith("moving") else "99"
    opening = [("100", "1"), ("99", "1")], [("101", "1"), ("102", "1")]
    messages = [Message("BTC_USDT", "snapshot", 1, 0, *opening)]
    messages += [
        Message("BTC_USDT", "update", version, 0, [(price, str(1 + version % 2))], [])
        for version in range(2, 2 + FRAMES[1])
    ]
    frames = [spot_frame(message) for message in messages]
    engine = bb.Engine(clock="monotonic")
    engine.apply(frames[0])
    book = engine["BTC_USDT"]
    watcher = bb.Watcher()
    _trigger = None
    if task in ("still quoted", "moving watched"):
        # As a feed's hub watches for `on_quote`: what changes the top, and the state.
        watcher.watch(book, bb.Change.TOP)
    elif task == "moving triggered":
        _trigger = book.when(spread_bps=(">", 1_000))
    apply = engine.apply
    for frame in frames[1 : 1 + number]:
        apply(frame)


def _read(task: str, number: int) -> None:
    engine = bb.Engine()
    engine.apply(spot_frame(Market("BTC_USDT", SEED).snapshot()))
    book = engine["BTC_USDT"]
    # No call in the loop but the one that is counted.
    if task == "best_bid_price":
        for _ in range(number):
            _price = book.best_bid_price
    elif task == "best_bid":
        for _ in range(number):
            _level = book.best_bid
    elif task == "quote":
        for _ in range(number):
            _quote = book.quote
    elif task == "depth":
        for _ in range(number):
            book.depth(20)
    elif task == "peek":
        for _ in range(number):
            book.peek()
    elif task in ("lens_top", "net"):
        _read_without_own(book, task, number)
    else:
        import numpy as np

        out = np.empty((20, 2)), np.empty((20, 2))
        for _ in range(number):
            book.depth(20, out=out)


def _read_without_own(book: bb.Book, task: str, number: int) -> None:
    """With four orders a side, the first at the best price."""
    account = bb.Account()
    lens = account.lens(book)
    for side, levels in (("buy", book.bids), ("sell", book.asks)):
        orders = [
            bb.Order(
                market="spot", symbol="BTC_USDT", order_id=f"{side} {level.price}", status="new",
                side=side, type="limit", price=level.exact[0], size="0.00001",
            )
            for level in levels[:4]
        ]  # fmt: skip
        account.tell(orders=orders)
    account.reconcile(orders=account.orders.values(), market="spot")
    book.apply_delta([], [], sequence=(book.sequence or 0))
    if task == "net":
        for _ in range(number):
            book.net()
    else:
        for _ in range(number):
            _top = lens.top


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]))
