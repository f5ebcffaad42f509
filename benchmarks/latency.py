"""How late users are told: that a book is not LIVE any more, and of what a frame changed.

`python -m benchmarks.latency` measures on this machine, with the event loop, the timers and the
callbacks of a feed:

* books that lapse by themselves while the loop is free: from their deadline to `on_quote`; and how
  late any timer of that loop was, which is what the machine is to be blamed for;
* the same while something blocks the loop for 0.1 to 1 s, again and again: from the return of the
  loop to `on_quote`, and from the deadline;
* each stage of a feed whose venue is in a process of its own, with `on_quote` of three books.

The first two are measured beside the histograms, and exact; the stages are what
`feed.report()["latency"]` says, bounds that are less than twice the truth.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import math
import random
import subprocess
import sys
import time
from functools import partial
from typing import Any

import bitmart_book as bb
from bitmart_book._book import Engine, Latency, clock_ns
from bitmart_book.client.client import Client
from bitmart_book.feed.report import LatencyReport
from bitmart_book.listeners.audience import Audience
from bitmart_book.log.journal import Journal
from bitmart_book.venues import find_venue
from bitmart_book.wire.driver import Driver

BOOKS = 100
# So long books are LIVE here, in place of 9.5 s: a lapse is the same, and there are more of them.
VALID_FOR = 0.3
SYMBOLS = ("BTC_USDT", "ETH_USDT", "SOL_USDT")


class Lapsing:
    """Books that lapse and are fed again, told of as a feed tells."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        latency = Latency()
        self.after_deadline: list[int] = []
        self.after_return: list[int] = []
        self.timers: list[int] = []
        self.returned_at = 0
        self._deadlines: dict[bb.Book, int] = {}
        engine = Engine(clock="monotonic", valid_for=VALID_FOR, book_type=bb.LiveBook)
        silent = logging.Logger("of nobody", logging.CRITICAL)
        audience = Audience(
            engine, Journal(silent), on_error=None, on_outage=None, explain=bb.Book.explain,
            now=Driver.now, latency=latency,
        )  # fmt: skip
        self.driver = Driver(
            engine, Client(engine, find_venue(None), rng=chance), Journal(silent), audience,
            recorder=None, tls=None, published=audience.publish, rested=audience.deliver,
            latency=latency, notes=audience.notes,
        )  # fmt: skip
        for number in range(BOOKS):
            book = engine.book(f"S{number}_USDT")
            audience.hub(book).on_quote(partial(self._told, book))
            self._feed_soon(book)
        self.driver.start()

    def _feed_soon(self, book: bb.Book) -> None:
        due = self._loop.time() + self._chance.uniform(0, VALID_FOR)
        self._loop.call_at(due, self._feed, book, due)

    def _feed(self, book: bb.Book, due: float) -> None:
        self.timers.append(int((self._loop.time() - due) * 1e9))
        book.apply_snapshot([(99, 1)], [(101, 1)], sequence=1)
        assert book.valid_until is not None
        self._deadlines[book] = book.valid_until
        self.driver.step()

    def _told(self, book: bb.Book, quote: bb.Quote) -> None:
        if quote.state == bb.BookState.LIVE:
            return
        now = clock_ns()
        self.after_deadline.append(now - self._deadlines[book])
        if self._deadlines[book] < self.returned_at:
            self.after_return.append(now - self.returned_at)
        self._feed_soon(book)

    async def end(self) -> None:
        self.driver.end()
        await self.driver.stop()


async def free(seconds: float, chance: random.Random) -> tuple[list[int], list[int]]:
    """From the deadline; and how late the loop's timers were meanwhile, which is the machine's."""
    lapsing = Lapsing(chance)
    await asyncio.sleep(seconds)
    await lapsing.end()
    return lapsing.after_deadline, lapsing.timers


async def blocked(seconds: float, chance: random.Random) -> tuple[list[int], list[int]]:
    """Of books that lapsed while it was blocked: from the return of the loop. And from the
    deadline, of all."""
    lapsing = Lapsing(chance)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        # This blocks the loop, which is the point.
        time.sleep(chance.uniform(0.1, 1.0))
        lapsing.returned_at = clock_ns()
        await asyncio.sleep(chance.uniform(0.2, 0.4))
    await lapsing.end()
    return lapsing.after_return, lapsing.after_deadline


async def stages(seconds: float) -> LatencyReport:
    """Those of a feed over loopback, from a simulator that has a process of its own."""
    command = [sys.executable, "-m", "bitmart_book", "sim", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            urls = {name: url for name, url in said.items() if str(url).startswith("ws:")}
            async with bb.Feed(urls=urls) as feed:
                for symbol in SYMBOLS:
                    (await feed.subscribe(symbol)).on_quote(_nothing)
                await asyncio.sleep(seconds)
                return feed.report()["latency"]
        finally:
            process.terminate()


def _nothing(_: bb.Quote) -> None: ...


def exactly(spans: list[int]) -> dict[str, Any]:
    """The figures of nanoseconds that are all there, as a stage has them."""
    spans.sort()
    at = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
    figures = {key: spans[math.ceil(len(spans) * of) - 1] / 1e9 for key, of in at.items()}
    return {"count": len(spans), **figures}


def line(name: str, stage: Any) -> str:
    """A stage in milliseconds."""
    if not stage["count"]:
        return f"{name:34} nothing was counted"
    figures = "  ".join(f"{key} {stage[key] * 1e3:9.3f}" for key in ("p50", "p99", "p999", "max"))
    return f"{name:34} {figures}  ms, of {stage['count']}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how late users are told.")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of the three parts")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    chance = random.Random(wanted.seed)
    told, timers = asyncio.run(free(wanted.seconds, chance))
    print(line("not LIVE to callback, free loop", exactly(told)))
    print(line("timers of that loop, meanwhile", exactly(timers)))
    after, whole = asyncio.run(blocked(wanted.seconds, chance))
    print(line("return of a blocked loop to it", exactly(after)))
    print(line("not LIVE to callback, blocked loop", exactly(whole)))
    for name, stage in asyncio.run(stages(wanted.seconds)).items():
        print(line(name.replace("_", " "), stage))


if __name__ == "__main__":
    main()
