"""Callback chaos: users' code fails and is cancelled all the time, and no update is lost.

`PYTHONASYNCIODEBUG=1 python -W error -m tests.soak.callbacks` raises 10,000 exceptions in
callbacks, while callbacks, iterators and subscriptions are cancelled at random in the middle of
delivery.
"""

import argparse
import asyncio
import logging
import random
import time
import weakref

import bitmart_book as bb
from tests.helpers.feeds import box, differences
from tests.soak.rows import at_least, collect, exactly, main, noted, other_tasks

SYMBOLS = ("BTC_USDT", "ETH_USDT", "BABYDOGE_USDT")
CALLBACKS = 8


class Failure(Exception):
    """Of the user."""


class Chaos:
    """A feed, a control that sees every frame, and users who misbehave."""

    def __init__(self, simulator, feed, books, exceptions, seed):
        self.simulator = simulator
        self.feed = feed
        self.books = books
        self.wanted = exceptions
        self.rng = random.Random(seed)
        self.exceptions = self.cancels = self.frames = self.lost = self.wrong = 0
        self.sequences = {}
        self.handles = {book: [] for book in books}
        self.functions = weakref.WeakSet()
        self.tasks = set()
        self.done = asyncio.Event()

    def control(self, book, change):
        """Each frame's book is one version after the one before, and right."""
        self.frames += 1
        before = self.sequences.get(book, book.sequence - 1)
        changed = change & (bb.Change.LEVELS | bb.Change.SNAPSHOT)
        if (
            book.state != "LIVE"
            or not before <= book.sequence <= before + 1
            or (changed and book.sequence != before + 1)
        ):
            self.lost += 1
        self.sequences[book] = book.sequence
        if self.frames % 10 == 0:
            self.wrong += len(differences(self.simulator, book))
        if self.exceptions >= self.wanted:
            self.done.set()

    def misbehave(self, book):
        """Register a callback that mostly fails, and sometimes cancels somebody."""
        failed = 0

        def function(*_):
            nonlocal failed
            choice = self.rng.random()
            if choice < 0.05:
                self.cancel(book)
            elif choice < 0.08:
                self.spawn(self.iterate(book))
            elif choice < 0.1 and self.tasks:
                self.rng.choice(list(self.tasks)).cancel()
                self.cancels += 1
            elif choice < 0.11:
                self.spawn(self.come_and_go())
            failed += 1
            if failed % 60:
                self.exceptions += 1
                raise self.rng.choice([Failure, asyncio.CancelledError, ZeroDivisionError])

        self.functions.add(function)
        register = self.rng.choice([book.on_quote, book.on_change])
        self.handles[book].append(register(function))

    def cancel(self, book):
        """Cancel some callback of the book, perhaps the one that runs, and put another there."""
        handles = self.handles[book]
        handles.pop(self.rng.randrange(len(handles))).cancel()
        self.cancels += 1
        self.misbehave(book)

    async def iterate(self, book):
        try:
            async for quote in book.quotes(timeout=5):
                if quote.skipped > 3:
                    raise Failure
        except Failure:
            self.exceptions += 1

    async def come_and_go(self):
        await self.feed.subscribe("SOL_USDT", wait="none")
        trades = self.feed.trades("SOL_USDT")
        await asyncio.sleep(0)
        trades.close()
        await self.feed.unsubscribe("SOL_USDT")

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def run(self):
        controls = [book.on_change(self.control) for book in self.books]
        for book in self.books:
            for _ in range(CALLBACKS):
                self.misbehave(book)
        await self.done.wait()
        for handle in [*controls, *(one for some in self.handles.values() for one in some)]:
            handle.cancel()
        self.handles.clear()
        while self.tasks:
            for task in self.tasks:
                task.cancel()
            await asyncio.wait(self.tasks)


async def measure(exceptions, seed):
    started = time.monotonic()
    async with box() as simulator:
        async with bb.Feed(source=simulator) as feed:
            books = await feed.subscribe(*SYMBOLS)
            chaos = Chaos(simulator, feed, books, exceptions, seed)
            await chaos.run()
            gaps = sum(book.stats["gaps"] for book in books)
            disconnects = feed.report()["counters"].get("disconnects", 0)
        tasks = other_tasks()
        collect()
        kept = len(chaos.functions)
    took = time.monotonic() - started
    return [
        at_least("exceptions in users' code", exceptions, chaos.exceptions),
        at_least("cancels in the middle of delivery", exceptions // 50, chaos.cancels),
        noted("frames seen by the control", chaos.frames),
        exactly("updates lost", 0, chaos.lost),
        exactly("wrong levels", 0, chaos.wrong),
        exactly("gaps", 0, gaps),
        exactly("disconnects", 0, disconnects),
        exactly("tasks left", 0, tasks),
        exactly("callbacks left in memory", 0, kept),
        noted("seconds", took),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exceptions", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("bitmart_book").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    main(asyncio.run(measure(options.exceptions, options.seed)))
