"""A day of twenty symbols at ten messages a second, without sockets: what grows, and what is wrong.

Engine, client, hubs and the iterators of live books do what they do in a feed; frames, losses and
time are made here. `python -m tests.soak.day` takes some minutes; `--messages` makes it shorter.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import random
import statistics
import time
import tracemalloc
from typing import NamedTuple

import bitmart_book as bb
from bitmart_book.bench.frames import SYMBOLS, Market, spot_frame
from bitmart_book.client.client import Client
from bitmart_book.client.intake import Intake
from bitmart_book.client.limits import Limiter
from bitmart_book.client.outbox import Close, Open, Send
from bitmart_book.listeners.hub import BookHub
from bitmart_book.listeners.streams import Empty, Mailbox
from bitmart_book.venues import BITMART
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

DAY = 17_280_000
BOOKS = 20
MESSAGES_PER_SECOND = 200
LAP = 400
SAMPLES = 200
# So many messages apart, on average.
LOST, REPEATED, CUT, TRADED, DISCONNECTED = 5_000, 3_000, 40_000, 50, 500_000


class Moment(NamedTuple):
    """What a market says at one place of its lap, with room for symbol, time and version."""

    frame: bytes
    advances: bool
    snapshot: bytes
    top: tuple


def lap(symbol):
    """One lap of a generated market."""
    market = Market(symbol, seed=11)
    moments = [_moment(market, spot_frame(market.snapshot()), True)]
    while len(moments) < LAP:
        version = market.version
        frame = spot_frame(market.update())
        moments.append(_moment(market, frame, market.version > version))
    return moments


def _moment(market, frame, advances):
    snapshot = spot_frame(market.snapshot())
    item = json.loads(snapshot)["data"][0]
    top = float(item["bids"][0][0]), float(item["asks"][0][0])
    return Moment(_template(frame), advances, _template(snapshot), top)


def _template(frame):
    item = json.loads(frame)["data"][0]
    text = frame.decode()
    for key, old, new in (
        ("ms_t", item["ms_t"], "%d"),
        ("symbol", f'"{item["symbol"]}"', '"%s"'),
        ("version", item["version"], "%d"),
    ):
        text = text.replace(f'"{key}":{old}', f'"{key}":{new}')
    return text.encode().replace(b"%s", b"%b")


class Source:
    """One symbol: its place in the lap, and its version."""

    def __init__(self, symbol, moments, version):
        self.symbol = symbol
        self.moments = moments
        self.place = -1
        self.version = version

    def next(self, now):
        self.place = (self.place + 1) % LAP
        moment = self.moments[self.place]
        self.version += moment.advances
        return moment.frame % (int(now * 1000), self.symbol, self.version)

    def snapshot(self, now):
        moment = self.moments[max(0, self.place)]
        return moment.snapshot % (int(now * 1000), self.symbol, self.version)

    @property
    def top(self):
        return self.moments[max(0, self.place)].top


class Day:
    """The world: a client, its books, who listens to them, and a venue that answers."""

    def __init__(self, seed=1):
        self.now = 1_000.0
        self.chance = random.Random(seed)
        self.engine = bb.Engine(
            clock=lambda: int(self.now * 1e9), only_known=True, book_type=bb.LiveBook
        )
        self.client = Client(self.engine, BITMART, rng=self.chance, limiter=Limiter())
        self.intake = Intake(self.engine, self.client, self, self)
        laps = [lap(symbol) for symbol in SYMBOLS]
        names = [f"SYM{number:02d}_USDT" for number in range(BOOKS)]
        self.sources = {
            name: Source(name.encode(), laps[number % len(laps)], 1_000 * number)
            for number, name in enumerate(names)
        }
        self.generations = {}
        self.trades = Mailbox(1_000, lambda: None)
        self.messages = self.checked = self.wrong = self.seen = self.quotes = 0
        self.client.subscribe([f"spot/depth/increase100:{name}" for name in names], self.now)
        self.client.subscribe([f"spot/trade:{name}" for name in names[:5]], self.now)
        self.hubs = {}
        # What books have told their hubs, which hear of it when a frame is over.
        self.notes = []
        self.due = []
        for book in self.engine.books:
            book.hub = self.hubs[book] = BookHub(book, self)
            book.on_change(self._changed)
        self.carry_out()

    def _changed(self, book, change):
        self.seen += 1

    async def consume(self, book):
        """One user's loop."""
        async for _ in book.quotes():
            self.quotes += 1

    # --- what a hub asks of its host ---

    def callback_failed(self, callback, error):
        """Nobody is told."""

    def hub_is_due(self, hub):
        self.due.append(hub)

    def wanting(self, is_there):
        """No capture has to go on for that."""
        return contextlib.nullcontext()

    def explain_book(self, book):
        return str(book)

    def instrument(self, symbol):
        return None

    # --- the venue ---

    def carry_out(self):
        """What the client wants done is done, and answered at once."""
        while actions := self.client.outbox.take_actions():
            for action in actions:
                if isinstance(action, Open):
                    name = action.connection
                    self.generations[name] = self.client.opened(name, self.now)
                elif isinstance(action, Close):
                    self.generations.pop(action.connection, None)
                elif isinstance(action, Send):
                    self._answer(action.connection, action.text)
        self.client.outbox.take_events()
        for push in self.client.outbox.take_pushes():
            self.trades.put(push.values)

    def _answer(self, name, text):
        if text == "ping":
            self.receive(name, b"pong")
            return
        message = json.loads(text)
        for topic in message["args"]:
            channel, _, symbol = topic.partition(":")
            if message["op"] == "subscribe":
                self.receive(name, json.dumps({"event": "subscribe", "topic": topic}).encode())
            if message["op"] != "unsubscribe" and channel == "spot/depth/increase100":
                self.receive(name, self.sources[symbol].snapshot(self.now))

    def receive(self, name, payload):
        """One message, as a feed takes it."""
        generation = self.generations.get(name)
        if generation is None:
            return
        now_ns = int(self.now * 1e9)
        self.intake.receive(name, generation, payload, False, now_ns, now_ns)

    def applied(self):
        """A frame has changed something."""
        while self.notes:
            hub, change = self.notes.pop(0)
            hub.changed(change)
        for book in self.engine.touched:
            self.hubs[book].deliver()
            self.due.clear()

    # --- the day ---

    async def run(self, messages, each=None):
        """So many messages; `each` is called with the share that is done, some times."""
        sources = list(self.sources.items())
        books = {name: self.engine[name] for name in self.sources}
        chance = self.chance.random
        every = max(1, messages // SAMPLES)
        fault = 1 / LOST + 1 / REPEATED + 1 / CUT + 1 / TRADED + 1 / DISCONNECTED
        advance_at = self.now
        for number in range(messages):
            name, source = sources[number % BOOKS]
            self.now += 1 / MESSAGES_PER_SECOND
            frame = source.next(self.now)
            connection = next(iter(self.generations), None)
            if chance() < fault:
                self._fault(connection, source, frame)
            else:
                self.receive(connection, frame)
            if self.now >= advance_at:
                advance_at = self.intake.advance(self.now)
            if number % 20 == 0:
                self._check(books[name], source)
                await asyncio.sleep(0)
            if number % every == 0 and each is not None:
                each(number / messages)
            if number % 500 == 0:
                self._read_trades()
        self.messages += messages

    def _fault(self, connection, source, frame):
        kind = self.chance.choices(
            ("lost", "repeated", "cut", "traded", "disconnected"),
            (1 / LOST, 1 / REPEATED, 1 / CUT, 1 / TRADED, 1 / DISCONNECTED),
        )[0]
        if kind == "repeated":
            self.receive(connection, frame)
            self.receive(connection, frame)
        elif kind == "cut":
            self.receive(connection, frame[: self.chance.randrange(len(frame))])
        elif kind == "traded":
            self.receive(connection, frame)
            row = {"symbol": source.symbol.decode(), "side": "buy", "price": "1", "size": "2"}
            self.receive(
                connection,
                json.dumps({"table": "spot/trade", "data": [{**row, "ms_t": 5}]}).encode(),
            )
        elif kind == "disconnected" and connection is not None:
            self.generations.pop(connection)
            self.client.lost(connection, "reset by the network", self.now)
            self.carry_out()

    def _check(self, book, source):
        if book.state == bb.BookState.LIVE and book.sequence == source.version:
            self.checked += 1
            self.wrong += (book.best_bid_price, book.best_ask_price) != source.top

    def _read_trades(self):
        try:
            while True:
                self.trades.take()
        except (Empty, bb.StreamGap):
            pass


# --- measuring ---


async def end(readers):
    """Let loops that have no end come to one; what ended one before raises here."""
    for reader in readers:
        reader.cancel()
    for ended in await asyncio.gather(*readers, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            raise ended


async def soak(messages):
    """The day with its memory looked at; returns rows."""
    day = Day()
    readers = [asyncio.create_task(day.consume(book)) for book in day.engine.books]
    await day.run(2_000)
    before = other_tasks(), descriptors(), threads()
    samples = []
    start = time.process_time()

    def each(share):
        samples.append((share, rss_mib()))

    await day.run(messages, each)
    seconds = time.process_time() - start
    after = other_tasks(), descriptors(), threads()
    quarter = [mib for share, mib in samples if share >= 0.75]
    part = max(1, len(quarter) // 5)
    slope = statistics.mean(quarter[-part:]) - statistics.mean(quarter[:part])
    stats = [book.stats for book in day.engine.books]
    await end(readers)
    return [
        noted("messages", f"{messages:,} = {messages / MESSAGES_PER_SECOND / 3600:.2f} h"),
        noted("CPU seconds", seconds),
        noted("memory at the end", f"{samples[-1][1]:.1f} MiB"),
        at_most("growth of memory in the last quarter", 1, slope, " MiB"),
        exactly("tasks, descriptors, threads", before, after),
        exactly("wrong best prices of LIVE books", 0, day.wrong),
        at_least("checks of LIVE books", messages // 25, day.checked),
        at_least("gaps", messages // 20_000, sum(counts["gaps"] for counts in stats)),
        at_least("heartbeats", messages // 100, sum(counts["heartbeats"] for counts in stats)),
        at_least("connections", 1 + messages // 2_000_000, day.client.counters["connects"]),
        at_least("quotes that a loop saw", messages // 100, day.quotes),
    ]


async def traced(messages):
    """A shorter day under tracemalloc; returns a row for the line that grew most."""
    day = Day(seed=2)
    readers = [asyncio.create_task(day.consume(book)) for book in day.engine.books]
    tracemalloc.start()
    try:
        await day.run(messages // 2)
        collect()
        first = tracemalloc.take_snapshot()
        await day.run(messages - messages // 2)
        collect()
        second = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    await end(readers)
    own = tracemalloc.Filter(False, tracemalloc.__file__)
    grown = second.filter_traces([own]).compare_to(first.filter_traces([own]), "lineno")
    worst = max(grown, key=lambda line: line.size_diff)
    where = f"{worst.traceback[0].filename.rpartition('/')[2]}:{worst.traceback[0].lineno}"
    return [
        noted("messages under tracemalloc", f"{messages:,}"),
        at_most(f"growth of one line ({where})", 64, worst.size_diff / 1024, " kB"),
    ]


def measure(messages=DAY, traced_messages=400_000):
    """Rows of figures."""
    logging.disable()
    return [*asyncio.run(soak(messages)), *asyncio.run(traced(traced_messages))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=DAY)
    parser.add_argument("--traced", type=int, default=400_000)
    options = parser.parse_args()
    main(measure(options.messages, options.traced))
