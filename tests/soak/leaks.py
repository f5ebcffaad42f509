"""Connections opened, used and closed again and again: what each round leaves behind.

`python -W error -m tests.soak.leaks`, with PYTHONASYNCIODEBUG=1, against the exchange in the box:
feeds in one loop, and `connect`, which brings a thread of its own.
"""

import argparse
import asyncio
import logging
import statistics
import sys
import time
import warnings

import bitmart_book as bb
from bitmart_book.sim.exchange import Knobs
from tests.soak.rows import at_most, collect, descriptors, exactly, main, noted, rss_mib, threads

# So many rounds are not counted: caches fill, and the allocator finds its size.
WARM_UP = 20
FAST = 20.0
SYMBOLS = ("BTC_USDT", "ETH_USDT", "SOL_USDT")


def box():
    """An exchange in a hurry, so that a round has something to apply."""
    intervals = {"update_interval": 0.1, "picture_interval": 0.5, "legacy_interval": 1.0}
    knobs = Knobs(**{name: seconds / FAST for name, seconds in intervals.items()})
    return bb.Simulator(speed=FAST, knobs=knobs)


async def one_feed(number):
    """Open, subscribe, take some quotes and trades, cancel a reader in its sleep, close."""
    async with box() as simulator, bb.Feed(source=simulator) as feed:
        books = await feed.subscribe(*SYMBOLS)
        trades = feed.trades("BTC_USDT")
        events = feed.events()
        sleeper = asyncio.create_task(anext(aiter(trades)))
        seen = 0
        async for _ in books[0].quotes():
            seen += 1
            if seen == 3:
                break
        if number % 2:
            await feed.unsubscribe("ETH_USDT")
        sleeper.cancel()
        await asyncio.gather(sleeper, return_exceptions=True)
        events.close()
        trades.close()


def one_connect(number):
    """The same with a background thread."""
    with bb.connect(*SYMBOLS, source="sim") as feed:
        for seen, _ in enumerate(feed["BTC_USDT"].quotes(timeout=10.0)):
            if seen == 2:
                break
        if number % 2:
            feed.unsubscribe("ETH_USDT")


async def _feeds(rounds, each):
    for number in range(rounds):
        await one_feed(number)
        each(len(asyncio.all_tasks()) - 1)


class Rounds:
    """What there is after each round."""

    def __init__(self):
        self.tasks = []
        self.descriptors = []
        self.threads = []
        self.memory = []

    def note(self, tasks=0):
        collect()
        self.tasks.append(tasks)
        self.descriptors.append(descriptors())
        self.threads.append(threads())
        self.memory.append(rss_mib())

    def rows(self, name):
        skip = min(WARM_UP, len(self.memory) // 4)
        memory = self.memory[skip:]
        part = max(1, len(memory) // 5)
        growth = statistics.median(memory[-part:]) - statistics.median(memory[:part])
        yield noted(f"{name}: rounds", f"{len(self.memory)}, {skip} of them to warm up")
        yield exactly(f"{name}: tasks left", 0, max(self.tasks))
        yield exactly(f"{name}: descriptors", self.descriptors[skip], self.descriptors[-1])
        yield exactly(f"{name}: threads", self.threads[skip], self.threads[-1])
        yield at_most(f"{name}: growth of memory", 1.0, growth, " MiB")


class Complaints(logging.Handler):
    """What nobody can catch: errors of destructors, and what loops and feeds log as errors."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.heard = []

    def __enter__(self):
        logging.getLogger().addHandler(self)
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        return self

    def __exit__(self, *_):
        sys.unraisablehook = self._hook
        logging.getLogger().removeHandler(self)

    def emit(self, record):
        self.heard.append(record.getMessage())

    def _unraisable(self, what):
        self.heard.append(repr(what.exc_value))

    def rows(self):
        yield exactly("complaints", [], self.heard[:3])


def measure(rounds=200):
    """Rows of figures. Any warning is an error: of a socket, a task, a file left open."""
    start = time.process_time()
    feeds, connects, complaints = Rounds(), Rounds(), Complaints()
    with warnings.catch_warnings(), complaints:
        warnings.simplefilter("error")
        asyncio.run(_feeds(rounds, feeds.note))
        for number in range(rounds):
            one_connect(number)
            connects.note()
    return [
        *feeds.rows("Feed"),
        *connects.rows("connect"),
        *complaints.rows(),
        noted("CPU seconds", time.process_time() - start),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    main(measure(parser.parse_args().rounds))
