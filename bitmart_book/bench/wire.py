"""Frames over a websocket of this machine: what the book adds to receiving them.

The sender is a process of its own (`sender`), the receiver is the `websockets` library as the feed
uses it: no compression, bytes and not text. Cost is the processor time of the receiving process,
which does not count waiting for the sender; delay is from the sender's call to the moment when
both best prices are known.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect

from bitmart_book.bench.contenders import Engine
from bitmart_book.bench.race import Sides, Timing, compare
from bitmart_book.bench.sender import written

__all__ = ["Delay", "blasted", "paced", "sending"]

Contestants = Sequence[tuple[str, Callable[[], Any] | None]]
PATIENCE = 30.0


class Delay(NamedTuple):
    """Seconds from sending to knowing: quantiles over the frames of the best pass."""

    name: str
    p50: float
    p99: float
    rate: float
    """Frames a second that were really sent."""


@contextlib.contextmanager
def sending(frames: Sequence[bytes]) -> Iterator[str]:
    """The address of a sender of these frames."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bitmart_book.bench.sender"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(written(frames))
        process.stdin.close()
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def blasted(
    frames: Sequence[bytes],
    contestants: Contestants,
    right: dict[str, Sides],
    passes: int,
) -> tuple[list[Timing], dict[str, float]]:
    """Seconds of processor time a frame, sent as fast as they are taken; and the least wall time
    of each. A contestant without a book only receives."""
    costs: list[list[float]] = [[] for _ in contestants]
    walls: list[list[float]] = [[] for _ in contestants]
    with sending(frames) as address:
        for number in range(passes + 1):
            for (name, make), cost, wall in zip(contestants, costs, walls, strict=True):
                contender = None if make is None else make()
                took = asyncio.run(_receive(address, len(frames), contender, _race))
                if contender is not None:
                    compare(f"{name} over a websocket", contender.sides(), right)
                if number > 0:
                    cost.append(took[0] / (len(frames) - 1))
                    wall.append(took[1] / (len(frames) - 1))
    names = [name for name, _ in contestants]
    timings = [
        Timing(name, min(cost), statistics.median(cost))
        for name, cost in zip(names, costs, strict=True)
    ]
    return timings, {name: min(wall) for name, wall in zip(names, walls, strict=True)}


def paced(
    frames: Sequence[bytes],
    contestants: Contestants,
    right: dict[str, Sides],
    passes: int,
    rate: int,
) -> list[Delay]:
    """Delays at so many frames a second; of the passes the one with the least median."""
    delays: list[list[Delay]] = [[] for _ in contestants]
    with sending(frames) as address:
        for _ in range(passes):
            for (name, make), mine in zip(contestants, delays, strict=True):
                contender = None if make is None else make()
                sent, known = asyncio.run(
                    _receive(f"{address}/{rate}", len(frames), contender, _follow)
                )
                if contender is not None:
                    compare(f"{name} over a websocket", contender.sides(), right)
                waits = [(b - a) / 1e9 for a, b in zip(sent, known, strict=True)]
                cuts = statistics.quantiles(waits, n=100)
                span = (sent[-1] - sent[0]) / 1e9
                mine.append(Delay(name, cuts[49], cuts[98], (len(sent) - 1) / span))
    return [min(mine, key=lambda delay: delay.p50) for mine in delays]


async def _receive(
    address: str,
    count: int,
    contender: Any,
    work: Callable[[ClientConnection, int, Any], Awaitable[Any]],
) -> Any:
    gc.collect()
    gc.disable()
    try:
        async with (
            asyncio.timeout(PATIENCE),
            connect(address, compression=None, max_size=None, ping_interval=None, proxy=None) as ws,
        ):
            return await work(ws, count, contender)
    finally:
        gc.enable()


async def _race(ws: ClientConnection, count: int, contender: Any) -> tuple[float, float]:
    recv = ws.recv
    # So that everybody starts with a full buffer.
    first = await recv(decode=False)
    wall, cost = time.perf_counter(), time.process_time()
    if contender is None:
        for _ in range(count - 1):
            await recv(decode=False)
    elif isinstance(contender, Engine):
        apply, book = contender.engine.apply, contender.book
        apply(first)
        for _ in range(count - 1):
            apply(await recv(decode=False))
            contender.top = book.best_bid_price, book.best_ask_price
    else:
        work = contender.frames
        work([first])
        for _ in range(count - 1):
            work([await recv(decode=False)])
    took = time.process_time() - cost, time.perf_counter() - wall
    await recv(decode=False)
    return took


async def _follow(ws: ClientConnection, count: int, contender: Any) -> tuple[Any, list[int]]:
    recv, now, known = ws.recv, time.monotonic_ns, []
    if contender is None:
        for _ in range(count):
            await recv(decode=False)
            known.append(now())
    elif isinstance(contender, Engine):
        apply, book = contender.engine.apply, contender.book
        for _ in range(count):
            apply(await recv(decode=False))
            contender.top = book.best_bid_price, book.best_ask_price
            known.append(now())
    else:
        work = contender.frames
        for _ in range(count):
            work([await recv(decode=False)])
            known.append(now())
    sent = array.array("q")
    sent.frombytes(await recv(decode=False))
    return sent, known
