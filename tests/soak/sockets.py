"""Live books over TLS through a wire that does everything a wire can do wrong.

`python -m tests.soak.sockets --minutes 5`: the exchange in the box, TLS with an authority of its
own, and a proxy that delays, slices, freezes, resets, cuts off and refuses, each for a while and
in random order. After every frame each LIVE book is compared with what the exchange published.

The market of the box runs `--speed` times faster than the clock, and tells of it as much more
often; the client's own patience is divided by the same number, so that one minute holds as many
faults and recoveries as so many do otherwise.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import random
import tempfile
import time
from pathlib import Path

import bitmart_book as bb
from bitmart_book.client import limits
from bitmart_book.client.limits import Limiter
from bitmart_book.client.times import Timeouts
from bitmart_book.sim.exchange import Knobs
from bitmart_book.wire import link
from tests.helpers.certificates import Authority
from tests.helpers.feeds import differences
from tests.helpers.proxy import Proxy
from tests.soak.rows import (
    at_least,
    at_most,
    collect,
    descriptors,
    exactly,
    main,
    noted,
    other_tasks,
    rss_mib,
    threads,
)

SYMBOLS = ("BTC_USDT", "ETH_USDT", "SOL_USDT", "BABYDOGE_USDT")


class Wire:
    """The proxy's misdeeds, each for a while."""

    def __init__(self, proxy, rng):
        self.proxy = proxy
        self.rng = rng
        self.done = dict.fromkeys(
            ("latency", "slice", "freeze", "limit", "reset", "cut", "slow close", "refuse"),
            0,
        )

    async def misbehave(self, until, pace):
        while time.monotonic() < until:
            misdeed = self.rng.choice(list(self.done))
            self.done[misdeed] += 1
            proxy, rng = self.proxy, self.rng
            lasting = rng.uniform(0.2, 1.5) * pace
            if misdeed == "latency":
                proxy.latency = rng.uniform(0.001, 0.2) * pace
            elif misdeed == "slice":
                proxy.slice = rng.choice([1, 2, 3, 7, 100])
            elif misdeed == "freeze":
                proxy.frozen = True
                lasting = rng.uniform(0.2, 4.0) * pace
            elif misdeed == "limit":
                proxy.limit = rng.randrange(1, 60_000)
            elif misdeed == "reset":
                proxy.reset()
            elif misdeed == "cut":
                proxy.cut()
            elif misdeed == "slow close":
                proxy.slow_close = 0.3 * pace
                proxy.cut()
            elif misdeed == "refuse":
                proxy.refusing = True
                proxy.cut()
            await asyncio.sleep(lasting)
            proxy.calm()
            await asyncio.sleep(rng.uniform(0.2, 2.0) * pace)
        self.proxy.calm()


class Watch:
    """Compares every LIVE book with the exchange, after every frame and whenever it looks."""

    def __init__(self, simulator, books):
        self.simulator = simulator
        self.books = books
        self.frames = self.wrong = self.unknown = self.looks = self.live = 0
        self.memory = []
        self.states = set()

    def applied(self, book, change):
        self.frames += 1
        self.compare(book)

    def compare(self, book):
        if book.state != "LIVE":
            return
        published = self.simulator.exchange.markets.window(book.symbol, book.sequence)
        if published is None:
            self.unknown += 1
            return
        # Its deadline may pass between the look at its state and the look into it.
        with contextlib.suppress(bb.BookNotLive):
            self.wrong += len(differences(self.simulator, book))

    async def look(self, until, pause):
        """What a user would read now, and what that costs."""
        while time.monotonic() < until:
            await asyncio.sleep(pause)
            self.memory.append(rss_mib())
            for book in self.books:
                self.looks += 1
                self.states.add(str(book.state))
                self.live += book.state == "LIVE"
                self.compare(book)


async def until_all_live(books, seconds):
    """Whether every book is LIVE again within so many seconds, and how long it took."""
    start = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while late := [book for book in books if book.state != "LIVE"]:
                async for quote in late[0].quotes():
                    if quote.state == "LIVE":
                        break
    return time.monotonic() - start


async def measure(seconds, seed=1, speed=10.0):
    """Rows of a run of so many seconds."""
    rng = random.Random(seed)
    intervals = {"update_interval": 0.1, "picture_interval": 0.5, "legacy_interval": 1.0}
    knobs = Knobs(
        **{name: interval / speed for name, interval in intervals.items()},
        enforce_limits=False,
        opcode="mixed",
    )
    patience = Timeouts(*(limit / speed for limit in Timeouts()))
    simulator = bb.Simulator(speed=speed, knobs=knobs, history=3_000)
    collect()
    before = descriptors(), threads()
    with tempfile.TemporaryDirectory() as folder, hurried(speed):
        authority = Authority(Path(folder))
        async with simulator:
            port = int(simulator.urls["spot_public"].split(":")[2].split("/")[0])
            async with Proxy(port, tls=authority.server()) as tls, Proxy(tls.port) as proxy:
                urls = {"spot_public": f"wss://127.0.0.1:{proxy.port}/api?protocol=1.1"}
                feed = bb.Feed(
                    source=simulator,
                    urls=urls,
                    ca_file=authority.file,
                    timeouts=patience,
                    limiter=Hurried(speed),
                    timeout=30,
                )
                async with feed:
                    books = await feed.subscribe(*SYMBOLS)
                    wire, watch = Wire(proxy, rng), Watch(simulator, books)
                    for book in books:
                        book.on_change(watch.applied)
                    trades = feed.trades("BTC_USDT", maxsize=1_000)
                    start = time.monotonic()
                    until = start + seconds
                    async with asyncio.TaskGroup() as group:
                        group.create_task(wire.misbehave(until, 10 / speed))
                        group.create_task(watch.look(until, 0.02))
                    chaos = time.monotonic() - start
                    recovery = await until_all_live(books, 30)
                    for book in books:
                        watch.compare(book)
                    epochs = sum(book.epoch for book in books)
                    counters = feed.report()["counters"]
                    held = len(trades.mailbox)
                    del trades
                connections = proxy.connections
        tasks = other_tasks()
    collect()
    after = descriptors(), threads()
    links = sum(isinstance(thing, link.Link) for thing in gc.get_objects())
    half = len(watch.memory) // 2
    growth = max(watch.memory[half:]) - max(watch.memory[:half])
    return [
        noted("seconds of chaos", chaos),
        noted("speed of the market and of the client's patience", speed),
        noted("misdeeds of the wire", dict(wire.done)),
        noted("connections", connections),
        noted("runs of books that were won", epochs),
        noted("share of LIVE books", watch.live / max(1, watch.looks)),
        noted("states seen", sorted(watch.states)),
        noted("counters", dict(counters)),
        at_least("frames compared", 5 * seconds, watch.frames),
        exactly("wrong levels while LIVE", 0, watch.wrong),
        at_most("versions that the exchange no longer remembered", 0, watch.unknown),
        at_most("until all are LIVE again", 15, recovery, " s"),
        at_most("values held in an unread stream", 1_002, held),
        exactly("tasks left", 0, tasks),
        at_most("descriptors left", 0, after[0] - before[0]),
        at_most("threads left", 0, after[1] - before[1]),
        exactly("connections left in memory", 0, links),
        # The exchange's own caches are in this figure too.
        at_most("growth of memory in the second half", 16, growth, " MiB"),
    ]


@contextlib.contextmanager
def hurried(speed):
    """What is not an argument of the client, so many times faster."""
    kept = {name: getattr(limits, name) for name in ("FIRST_PAUSE", "LONGEST_PAUSE")}
    opening = link.OPEN_SECONDS
    for name, value in kept.items():
        setattr(limits, name, value / speed)
    link.OPEN_SECONDS = opening / speed
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(limits, name, value)
        link.OPEN_SECONDS = opening


class Hurried(Limiter):
    """Attempts connections as often as a clock that runs so many times faster would let it."""

    def __init__(self, speed):
        super().__init__()
        self._speed = speed

    def gate(self, profile, url):
        gate = super().gate(profile, url)
        gate._bucket.interval /= self._speed
        return gate


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=10.0)
    options = parser.parse_args()
    logging.getLogger("bitmart_book").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    main(asyncio.run(measure(60 * options.minutes, options.seed, options.speed)))
