"""Feeds against the exchange in the box: a market in a hurry, and what a book must be."""

import asyncio
import contextlib
import gc

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book.sim.exchange import Knobs

# The market runs so many times faster than the clock, and tells of it as much more often.
FAST = 20.0


# The market lives through no more than so many seconds at a time.
_STEP_SECONDS = 0.02


class Unhurried(bb.Simulator):
    """A busy machine has a slower market, and not one that must catch up and blocks the loop."""

    def now(self):
        if self._loop is not None:
            self._read_at = max(self._read_at, self._loop.time() - _STEP_SECONDS)
        return super().now()


def box(**knobs):
    """A BitMart in a hurry."""
    fast = {"update_interval": 0.1, "picture_interval": 0.5, "legacy_interval": 1.0}
    fast = {name: seconds / FAST for name, seconds in fast.items()}
    return Unhurried(speed=FAST, knobs=Knobs(**{**fast, **knobs}))


def run(work):
    """Run a test's coroutine; afterwards nothing may be left."""

    async def whole():
        result = await work
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []
        return result

    result = asyncio.run(whole(), debug=False)
    gc.collect()
    return result


def differences(simulator, book):
    """Where a LIVE book differs from what the exchange published at its version."""
    truth = simulator.exchange.markets.window(book.symbol, book.sequence)
    assert truth is not None
    depth = book.depth(exact=True)
    return [
        (side, book.sequence)
        for side, rows, expected in zip(("bid", "ask"), depth, truth, strict=True)
        for certain in [book.complete_depth(side)]
        if [tuple(row) for row in rows[:certain]] != [tuple(row) for row in expected[:certain]]
    ]


async def live_differences(simulator, book):
    """The same, as soon as the book is LIVE: where much else runs it may be late for a moment."""
    async for _ in book.quotes():
        if book.state == BookState.LIVE:
            # On a busy machine it may cease to be between two statements.
            with contextlib.suppress(bb.BookNotLive):
                return differences(simulator, book)
    raise AssertionError("the book was closed")


async def watch_every_frame(simulator, feed, symbols, frames):
    """Compare each book with the exchange after each of its frames, until there were so many."""
    wrong, count, enough = [], 0, asyncio.Event()

    def compare(book, change):
        nonlocal count
        count += 1
        if book.state == BookState.LIVE:
            wrong.extend(differences(simulator, book))
        if count >= frames:
            enough.set()

    books = await feed.subscribe(*symbols)
    handles = [book.on_change(compare) for book in books]
    await enough.wait()
    for handle in handles:
        handle.cancel()
    return wrong, count
