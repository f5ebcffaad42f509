"""`python -m tests.simulation.lag --hours H`: an honest venue whose data jitters, whose clock
drifts and is set, whose stamps are odd; and one that is late. Books of which nothing is wrong must
stay LIVE, and no price that is shown may be older than its bound, for as many hours as are wanted.

It shares with the box nothing but the protocol: frames are made here, each with a delay of its own,
so that data may wait inside the venue while pongs do not. Time only counts.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
from dataclasses import dataclass, field

from bitmart_book import BookState, Engine
from bitmart_book.client import bounds
from bitmart_book.client.client import Client
from bitmart_book.client.intake import Intake
from bitmart_book.client.limits import Limiter
from bitmart_book.client.outbox import Close, Open, Send
from bitmart_book.venues import BITMART, FUTURES, SPOT

INCREASE = "spot/depth/increase100"
CHANGES = {
    # How many seconds from change to change; and from heartbeat to heartbeat, where there are any.
    f"{INCREASE}:BUSY_USDT": (0.7, 5.0),
    f"{INCREASE}:QUIET_USDT": (40.0, 5.0),
    f"{INCREASE}:SILENT_USDT": (300.0, None),
    "spot/depth20:ETH_USDT": (0.9, None),
    "futures/depthIncrease50:BTCUSDT": (1.0, None),
    "futures/depthAll20:ETHUSDT": (1.0, None),
    "futures/depth5:XRPUSDT": (9.0, None),
}
WAY = 0.05
STEP = 0.25
MISSING = object()


@dataclass
class Setting:
    """What is done to a run. Times are in seconds."""

    jitter: float = 0.0
    drift: float = 0.0
    """Of the venue's clock; 1e-4 are 100 ppm."""
    steps: dict[float, float] = field(default_factory=dict)
    """When the venue's clock is set, and by how much."""
    odd: str = ""
    """What the stamps of one topic are: "missing", "zero", "seconds", "microseconds", "frozen"."""
    late: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """From when until when the data of each connection waits inside the venue, and how long."""
    late_share: float = 0.0
    """By how much its delay grows with each second of that time."""
    only_first: bool = False
    """Whether only connections that are open when it begins are late."""
    topics: tuple[str, ...] = tuple(CHANGES)


class Run:
    """One venue and one client. `live`, `longest` and `over_age` are by topic."""

    def __init__(self, setting, seed=1):
        self.setting = setting
        self.now = 0.0
        self.random = random.Random(f"lag {seed}")
        self.engine = Engine(clock=lambda: int(self.now * 1e9), only_known=True)
        self.client = Client(
            self.engine, BITMART, rng=random.Random(f"client {seed}"), limiter=Limiter()
        )
        self.intake = Intake(self.engine, self.client, self, self)
        self.profiles = {profile.server.url: profile for profile in BITMART.profiles}
        self.links = {}
        self.numbers = itertools.count(1)
        self.version = dict.fromkeys(setting.topics, 100)
        self.superseded = {}
        """(topic, version) → when a newer one was made."""
        self.heap = []
        self.order = itertools.count()
        self.wake = 0.0
        self.live = dict.fromkeys(setting.topics, 0)
        self.longest = dict.fromkeys(setting.topics, 0.0)
        self.over_age = []
        self.oldest = 0.0
        self.reads = 0
        self._down = {}
        self.client.subscribe(setting.topics, 0.0)
        for topic in setting.topics:
            self._change(topic)
            if CHANGES[topic][1]:
                self._beat(topic)

    # --- time ---

    def at(self, when, action, *arguments):
        heapq.heappush(self.heap, (when, next(self.order), action, arguments))

    def run(self, until):
        """Let time pass; the books are read four times a second."""
        read_at = self.now
        while self.now < until:
            due = self.heap[0][0] if self.heap else until
            self.now = max(self.now, min(due, self.wake, read_at, until))
            while self.heap and self.heap[0][0] <= self.now:
                _, _, action, arguments = heapq.heappop(self.heap)
                action(*arguments)
            if self.wake <= self.now:
                self.wake = max(self.intake.advance(self.now), self.now + 1e-3)
            if self.now >= read_at:
                read_at = self.now + STEP
                self._read()
        return self

    # --- the venue ---

    def stamp(self, topic, now):
        """What the venue's clock says, as that topic's stamps say it."""
        odd = self.setting.odd if topic == self.setting.topics[0] else ""
        shift = sum(by for when, by in self.setting.steps.items() if now >= when)
        ms = 1_700_000_000_000 + int((now * (1 + self.setting.drift) + shift) * 1000)
        return {
            "": ms, "missing": MISSING, "zero": 0, "seconds": ms // 1000,
            "microseconds": ms * 1000, "frozen": 1_700_000_000_000,
        }[odd]  # fmt: skip

    def inside(self, link, now):
        """How long data that is made now waits inside the venue."""
        begin, end, lag = self.setting.late
        if not begin <= now < end or (self.setting.only_first and link["opened"] > begin):
            return 0.0
        return lag + (now - begin) * self.setting.late_share

    def _change(self, topic):
        self.version[topic] += 1
        self.superseded[topic, self.version[topic] - 1] = self.now
        for link in self.links.values():
            if topic in link["topics"]:
                self._tell(link, topic, "update")
        apart = CHANGES[topic][0]
        self.at(self.now + apart * self.random.uniform(0.5, 1.5), self._change, topic)

    def _beat(self, topic):
        for link in self.links.values():
            if topic in link["topics"]:
                self._tell(link, topic, "heartbeat")
        self.at(self.now + CHANGES[topic][1], self._beat, topic)

    def _tell(self, link, topic, kind):
        for text in self._frames(topic, kind):
            delay = self.inside(link, self.now) + self.random.uniform(0, self.setting.jitter)
            link["data"] = max(link["data"], self.now + WAY + delay)
            self.at(link["data"], self._hear, link, text)

    def _frames(self, topic, kind):
        """Whole books of one level a side, whose bid is the version: an update takes the last one
        away."""
        version, (channel, symbol) = self.version[topic], topic.split(":")
        bids, asks = [[f"{version}", "1"]], [["9000000", "1"]]
        if kind == "update" and "ncrease" in channel:
            bids, asks = [[f"{version}", "1"], [f"{version - 1}", "0"]], []
        if kind == "heartbeat":
            bids = asks = []
        item = {"symbol": symbol, "ms_t": self.stamp(topic, self.now)}
        if item["ms_t"] is MISSING:
            del item["ms_t"]
        if "ncrease" in channel:
            item["version"] = version
            item["type"] = "snapshot" if kind == "snapshot" else "update"
        if channel.startswith("spot"):
            yield json.dumps({"data": [{**item, "bids": bids, "asks": asks}], "table": channel})
            return
        sides = [[{"price": price, "vol": size} for price, size in side] for side in (bids, asks)]
        if channel.startswith("futures/depth5"):
            for way, side in enumerate(sides, 1):
                yield json.dumps({"data": {**item, "way": way, "depths": side}, "group": topic})
            return
        yield json.dumps({"data": {**item, "bids": sides[0], "asks": sides[1]}, "group": topic})

    # --- the network ---

    def carry_out(self):
        for action in self.client.outbox.take_actions():
            if isinstance(action, Open):
                self.at(self.now + 2 * WAY, self._open, action.connection, action.url)
            elif isinstance(action, Close):
                self.links.pop(action.connection, None)
            elif isinstance(action, Send) and action.connection in self.links:
                self.at(self.now + WAY, self._receive, self.links[action.connection], action.text)
        self.client.outbox.take_events()
        self.wake = self.now

    def applied(self):
        pass

    def _open(self, name, url):
        link = {"name": name, "topics": set(), "data": 0.0, "opened": self.now}
        link["profile"] = self.profiles[url]
        self.links[name] = link
        link["generation"] = self.client.opened(name, self.now)
        self.carry_out()

    def _receive(self, link, text):
        if text == link["profile"].speech.ping:
            pong = "pong" if text == "ping" else '{"group":"System","data":"pong+1"}'
            self.at(self.now + WAY, self._hear, link, pong)
            return
        message = json.loads(text)
        operation = message.get("op") or message["action"]
        for topic in message["args"]:
            if operation == "unsubscribe":
                link["topics"].discard(topic)
                continue
            if operation == "subscribe":
                link["topics"].add(topic)
                ack = {"event": "subscribe", "topic": topic}
                if "action" in message:
                    ack = {"action": "subscribe", "group": topic, "success": True}
                self.at(self.now + WAY, self._hear, link, json.dumps(ack))
            self._tell(link, topic, "snapshot")

    def _hear(self, link, text):
        if self.links.get(link["name"]) is link:
            ns = int(self.now * 1e9)
            self.intake.receive(link["name"], link["generation"], text.encode(), False, None, ns)

    # --- the judge ---

    def _read(self):
        self.reads += 1
        for topic in self.setting.topics:
            book = self.client.wanted[topic].book
            if book.state != BookState.LIVE:
                if topic in self._down:
                    self.longest[topic] = max(self.longest[topic], self.now - self._down[topic])
                continue
            # What comes before the first time is no fault of anybody's.
            self._down[topic] = self.now
            self.live[topic] += 1
            shown = int(book.best_bid_price)
            gone = self.superseded.get((topic, shown))
            age = 0.0 if gone is None else self.now - gone
            self.oldest = max(self.oldest, age)
            profile = SPOT if topic.startswith("spot") else FUTURES
            channel = profile.book(topic.split(":")[0])
            if age > bounds.bound(profile, channel, ["late", "late_inside", "clock"]):
                self.over_age.append((self.now, topic, age))

    @property
    def share(self):
        """Of all reads of the book that was LIVE least, how many were LIVE."""
        return min(self.live.values()) / self.reads

    @property
    def is_good(self):
        """Whether no book was away for long, and all were there nearly always: in an hour 36
        seconds are one in a hundred."""
        rest = (1 - self.share) * self.now
        return max(self.longest.values()) <= 15.0 and rest <= max(0.01 * self.now, 15.0)


SETTINGS = {
    "calm": Setting(),
    "jitter": Setting(jitter=2.0),
    "drift": Setting(drift=1e-4, jitter=0.5),
    "drift back": Setting(drift=-1e-4, jitter=0.5),
    "step": Setting(steps={100.0: -5.0}, jitter=2.0),
    "step forward": Setting(steps={100.0: 5.0}, jitter=2.0),
    "forward and back": Setting(steps={100.0: 600.0, 300.0: -600.0}),
    "there and back": Setting(steps={100.0: -4.0, 300.0: 4.0}),
    "three steps": Setting(steps={100.0: -1.5, 200.0: -1.5, 300.0: -1.5}, jitter=1.0),
    "missing": Setting(odd="missing"),
    "zero": Setting(odd="zero"),
    "seconds": Setting(odd="seconds"),
    "microseconds": Setting(odd="microseconds"),
    "frozen": Setting(odd="frozen"),
    "one topic": Setting(steps={100.0: -4.0}, topics=(f"{INCREASE}:BUSY_USDT",)),
    "one quiet topic": Setting(steps={100.0: -4.0}, topics=(f"{INCREASE}:QUIET_USDT",)),
    "one picture": Setting(topics=("futures/depth5:XRPUSDT",), jitter=1.0),
}
"""Of all of these no book may be away for longer than 15 s."""

LATE = {
    "late": Setting(late=(60.0, 200.0, 30.0)),
    "later and later": Setting(late=(60.0, 300.0, 0.0), late_share=0.8),
    "late, and a fresh one is not": Setting(late=(60.0, 1e9, 20.0), only_first=True),
    "late from the beginning of the run": Setting(late=(10.0, 300.0, 0.0), late_share=4.0),
    "late by jitter": Setting(late=(60.0, 200.0, 6.0), jitter=2.0),
}
"""Of all of these no price may be older than its bound."""


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.lag", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="length of each run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one of: " + ", ".join(SETTINGS | LATE))
    options = parser.parse_args()
    failed = 0
    for name, setting in (SETTINGS | LATE).items():
        if options.only not in (None, name):
            continue
        run = Run(setting, options.seed).run(options.hours * 3600)
        worst, away = run.share, max(run.longest.values())
        bad = bool(run.over_age) or (name in SETTINGS and not run.is_good)
        failed += bad
        print(  # noqa: T201
            f"{'FAILED' if bad else 'ok    '} {name:34} LIVE {worst:7.2%} at the least, "
            f"away {away:5.1f} s, {len(run.over_age)} over age, oldest {run.oldest:4.1f} s",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
