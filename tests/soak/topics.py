"""A thousand topics over spot, futures and the account at once, from one feed.

`python -m tests.soak.topics`: the exchange in the box with a listener between it and the feed,
which keeps its own books about connections, messages and topics, and compares them with what
BitMart documents. The exchange counts breaches too, and neither of the two is asked what it
thinks: what counts is what was on the wire.
"""

import argparse
import asyncio
import json
import logging
import time
from collections import Counter, defaultdict

import bitmart_book as bb
from bitmart_book.client.limits import Limiter
from bitmart_book.client.times import ANSWER_WITHIN
from bitmart_book.sim import Send
from tests.soak.rows import at_most, exactly, main, noted

TOPICS = 1_000
SECONDS = 30.0
# What BitMart documents, once more and not taken from the package: open at once, topics on a
# connection, topics and bytes of a message. Of futures only the connections and the bytes are
# published; 100 topics on a connection is what a probe has tried.
DOCUMENTED = {
    "spot_public": (20, 115, 20, 4_096),
    "spot_private": (10, 100, 20, 4_096),
    "futures_public": (500, 100, None, 2_048),
    "futures_private": (500, 100, None, 2_048),
}
CONNECTS = 30, 60.0
MESSAGES = 100, 10.0


class Witness(bb.Simulator):
    """An exchange that remembers who connected, asked and was answered, and when."""

    def __init__(self, **options):
        super().__init__(**options)
        self.endpoint = {}
        self.knocks = defaultdict(list)
        self.open_now = Counter()
        self.most_open = Counter()
        self.messages = defaultdict(list)
        self.topics = defaultdict(set)
        self.logins = Counter()
        self.largest = Counter()
        self.longest = Counter()
        self.acknowledged = set()

    def connecting(self, endpoint, address):
        self.knocks[endpoint].append(time.monotonic())
        answer = super().connecting(endpoint, address)
        if isinstance(answer, int):
            self.endpoint[answer] = endpoint
            self.open_now[endpoint] += 1
            self.most_open[endpoint] = max(self.most_open[endpoint], self.open_now[endpoint])
        return answer

    def left(self, peer):
        if peer.connection in self.endpoint:
            self.open_now[self.endpoint[peer.connection]] -= 1
        super().left(peer)

    def receive(self, connection, payload):
        endpoint = self.endpoint[connection]
        self.messages[connection].append(time.monotonic())
        self.longest[endpoint] = max(self.longest[endpoint], len(payload))
        if payload.startswith("{"):
            self._asked(connection, endpoint, json.loads(payload))
        super().receive(connection, payload)

    def _asked(self, connection, endpoint, message):
        what, args = message.get("op", message.get("action")), message.get("args", [])
        if what in ("login", "access"):
            self.logins[connection] += 1
        elif what == "subscribe":
            self.topics[connection].update(args)
            self.largest[endpoint] = max(self.largest[endpoint], len(args))

    def _execute(self, op, written):
        if isinstance(op, Send) and isinstance(op.payload, str) and '"subscribe"' in op.payload:
            answer = json.loads(op.payload)
            if "data" not in answer and not answer.get("errorCode") and not answer.get("error"):
                self.acknowledged.add(answer.get("topic", answer.get("group")))
        super()._execute(op, written)


def most_within(times, seconds):
    """How many of these lie in the busiest window of that length."""
    most = start = 0
    for end, when in enumerate(times):
        while times[start] <= when - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def topics(count):
    """So many: half of them spot, a third futures, the rest of the account."""
    private = ["spot/user/orders:ALL_SYMBOLS", "spot/user/balance:BALANCE_UPDATE"]
    private += ["futures/order", "futures/position", "futures/asset:USDT"]
    symbols = [f"SYM{number:04d}" for number in range(1, count // 5 + 1)]
    private += [f"spot/user/order:{symbol}_USDT" for symbol in symbols]
    spot = [
        f"spot/{channel}:{symbol}_USDT"
        for channel in ("depth/increase100", "trade", "ticker")
        for symbol in symbols
    ]
    futures = [
        f"futures/{channel}:{symbol}USDT{speed}"
        for channel, speed in (("depthIncrease20", "@200ms"), ("trade", ""))
        for symbol in symbols
    ]
    own, public = count // 6, count // 3
    return spot[: count - public - own] + futures[:public] + private[:own]


def asked_twice(report):
    """Who stood still half the time that an answer may take cannot know whether one had come."""
    again = report["counters"].get("unanswered", 0)
    if report["loop"]["longest_pause"] >= ANSWER_WITHIN / 2:
        return noted("topics that had to be asked for twice", f"{again}, after a standstill")
    return exactly("topics that had to be asked for twice", 0, again)


async def measure(count=TOPICS, *, seed=1, within=SECONDS):
    """Subscribe them all at once; returns rows. within: the seconds in which they must be."""
    wanted = topics(count)
    events = Counter()
    async with Witness(seed=seed, extra_symbols=count // 5, extra_rate=1.0) as exchange:
        start = time.monotonic()
        async with bb.Feed(source=exchange, limiter=Limiter(), timeout=2 * within) as feed:
            stream = feed.events(maxsize=100_000)
            await feed.subscribe(*wanted)
            took = time.monotonic() - start
            report = feed.report()
            states = Counter(feed.subscriptions.values())
        async for event in stream:
            events[event.kind] += 1
        return [
            noted("topics", f"{len(wanted)} on {sum(exchange.most_open.values())} connections"),
            at_most("seconds until all of them were answered", within, took, " s"),
            exactly("topics that were acknowledged", count, len(exchange.acknowledged)),
            exactly("topics that are LIVE", {"LIVE": count}, dict(states)),
            asked_twice(report),
            exactly("connections lost", 0, events["disconnected"]),
            exactly("breaches that the exchange counted", {}, dict(exchange.exchange.breaches)),
            *_kept(exchange),
        ]


def _kept(exchange):
    """A row for each limit, of the address that came nearest to it."""
    connections = defaultdict(list)
    for connection, endpoint in exchange.endpoint.items():
        connections[endpoint].append(connection)
    for endpoint, (at_once, topics, together, length) in DOCUMENTED.items():
        here = connections[endpoint]
        yield at_most(f"{endpoint}: open at once", at_once, exchange.most_open[endpoint])
        yield at_most(
            f"{endpoint}: connects in {CONNECTS[1]:g} s",
            CONNECTS[0],
            most_within(exchange.knocks[endpoint], CONNECTS[1]),
        )
        sent = max((most_within(exchange.messages[c], MESSAGES[1]) for c in here), default=0)
        yield at_most(f"{endpoint}: messages of one in {MESSAGES[1]:g} s", MESSAGES[0], sent)
        carried = max((len(exchange.topics[c]) for c in here), default=0)
        yield at_most(f"{endpoint}: topics of one", topics, carried)
        if together is not None:
            yield at_most(f"{endpoint}: topics of a message", together, exchange.largest[endpoint])
        yield at_most(f"{endpoint}: bytes of a message", length, exchange.longest[endpoint])
        logins = int(endpoint.endswith("private"))
        yield exactly(f"{endpoint}: logins of each", {logins}, {exchange.logins[c] for c in here})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--topics", type=int, default=TOPICS)
    options = parser.parse_args()
    logging.disable()
    main(asyncio.run(measure(options.topics)))
