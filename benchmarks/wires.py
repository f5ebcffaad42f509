"""What a feed pays for a frame, on each wire: `python -m benchmarks.wires`.

A program of its own (`bitmart_book.bench.sender`) sends frames over a websocket of this machine as
fast as they are taken; the receiver is a whole `bb.Feed`, and what is measured is the processor
time of its process between the snapshot and the last frame. The wires take turns. After each pass
the book must be where the last frame left it, and every frame must have been applied.

* held: somebody has the `LiveBook`, and nobody listens
* on_quote: a callback that does nothing
* quotes: a loop over `quotes()` that does nothing
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import statistics
import time
from typing import Any, NamedTuple

import bitmart_book as bb
from bitmart_book.bench.frames import Market, spot_frame
from bitmart_book.bench.report import machine
from bitmart_book.bench.wire import sending
from bitmart_book.client.limits import Limiter
from bitmart_book.wire.transports import why_not_fast

WIRES = ("websockets", "picows")
LISTENERS = ("held", "on_quote", "quotes")
PATIENCE = 60.0


class Pass(NamedTuple):
    """One run of all frames."""

    cost: float
    """Seconds of processor time a frame."""
    wall: float
    told: int
    """How often the listener was called."""


async def one_pass(address: str, frames: int, wire: str, listener: str) -> Pass:
    """All frames into a feed."""
    begun: list[tuple[float, float]] = []
    ended: list[tuple[float, float]] = []
    applied: list[int] = []
    over = asyncio.Event()
    told = [0]
    silent = logging.Logger("of nobody", logging.CRITICAL)
    options: Any = {"transport": wire, "logger": silent, "limiter": Limiter()}
    async with bb.Feed(urls={"spot_public": address}, **options) as feed:
        client: Any = feed._core.client
        frame, bad_frame = client.frame, client.bad_frame

        def first(*arguments: Any) -> None:
            # The client is shown the snapshot, and none of the updates.
            frame(*arguments)
            if not begun:
                begun.append((time.process_time(), time.perf_counter()))

        def last(*arguments: Any) -> None:
            # Behind the frames comes what is none. Then the sender leaves, and sends all again to
            # whoever connects.
            if not ended:
                ended.append((time.process_time(), time.perf_counter()))
                stats = feed["BTC_USDT"].stats
                applied.append(stats["updates"] + stats["heartbeats"])
                over.set()
            bad_frame(*arguments)

        client.frame, client.bad_frame = first, last
        book: Any = await feed.subscribe("BTC_USDT", wait="none")
        following = None
        if listener == "on_quote":

            def count(_: bb.Quote) -> None:
                told[0] += 1

            book.on_quote(count)
        elif listener == "quotes":

            async def follow() -> None:
                async for _ in book.quotes():
                    told[0] += 1

            following = asyncio.create_task(follow())
        gc.collect()
        gc.disable()
        try:
            async with asyncio.timeout(PATIENCE):
                await over.wait()
        finally:
            gc.enable()
        if applied != [frames - 1]:
            raise AssertionError(f"{applied} of {frames - 1} updates were applied")
        if following is not None:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
    (cost, wall), (cost_end, wall_end) = begun[0], ended[0]
    return Pass((cost_end - cost) / (frames - 1), (wall_end - wall) / (frames - 1), told[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--passes", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    why_not = why_not_fast()
    if why_not is not None:
        raise SystemExit(f"there is one wire here: {why_not}")
    market = Market("BTC_USDT", options.seed, levels=100)
    frames = [spot_frame(market.snapshot())]
    frames += [spot_frame(market.update()) for _ in range(options.frames - 1)]
    found: dict[str, dict[str, Any]] = {}
    with sending(frames) as address:
        for listener in LISTENERS:
            costs: dict[str, list[Pass]] = {wire: [] for wire in WIRES}
            for number in range(options.passes + 1):
                for wire in WIRES:
                    one = asyncio.run(one_pass(address, len(frames), wire, listener))
                    if number > 0:
                        costs[wire].append(one)
            slow, fast = costs.values()
            found[listener] = {
                wire: {
                    "least_us": min(one.cost for one in passes) * 1e6,
                    "median_us": statistics.median(one.cost for one in passes) * 1e6,
                    "told": passes[-1].told,
                }
                for wire, passes in costs.items()
            }
            found[listener]["ratio"] = statistics.median(
                a.cost / b.cost for a, b in zip(slow, fast, strict=True)
            )
            if not options.json:
                show(listener, found[listener])
    if options.json:
        print(json.dumps({"machine": machine(), "rows": found}, indent=1))


def show(listener: str, row: dict[str, Any]) -> None:
    for wire in WIRES:
        mine = row[wire]
        print(
            f"{listener:10}{wire:12}{mine['least_us']:8.2f} us at the least{mine['median_us']:8.2f}"
            f" in the middle; told {mine['told']} times"
        )
    print(f"{listener:10}the fast one is {row['ratio']:.2f} times as fast")


if __name__ == "__main__":
    main()
