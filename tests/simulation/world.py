"""A client and an exchange joined by a simulated network, under a virtual clock.

Nothing here sleeps or opens a socket: the two sans-I/O halves are driven from one heap of things
to happen, and everything that chance decides comes from one seed. After every frame and every
timer each book that says it is LIVE is compared with what the exchange itself published at that
version; the oracle is the exchange's history and shares no code with the book.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter

from bitmart_book import BookState, Change, Engine, MessageError
from bitmart_book.client import Client, Close, Open, Send
from bitmart_book.limits import Limiter
from bitmart_book.session import inflate
from bitmart_book.sim import exchange as simulated
from bitmart_book.venues import BITMART
from tests.simulation.faults import Faults

FLAGGED = Change.SNAPSHOT | Change.GAP | Change.TRADE | Change.OTHER
LATENCY = (0.02, 0.08)


class Link:
    """One connection: which socket of the exchange, and when the last frame of each way arrives."""

    def __init__(self, name, endpoint):
        self.name = name
        self.endpoint = endpoint
        self.server = None
        self.generation = 0
        self.up = 0.0
        self.down = 0.0
        self.alive = True


class World:
    """Everything there is, until a given time. `faults` decides what the network does."""

    def __init__(self, seed, exchange, *, faults=None, check=True):
        self.now = 0.0
        self.rng = random.Random(f"world {seed}")
        self.exchange = exchange
        self.engine = Engine(clock=lambda: int(self.now * 1e9), only_known=True)
        self.client = Client(
            self.engine, BITMART, rng=random.Random(f"client {seed}"), limiter=Limiter()
        )
        self.faults = faults or Faults()
        self.check = check
        self.links = {}
        self.by_server = {}
        self.seen = Counter()
        self.wrong = []
        self.events = []
        self.pushes = []
        self.checked = 0
        self._heap = []
        self._order = itertools.count()

    def engine_of(self, venue):
        """An engine of another venue in the place of this one."""
        self.engine = Engine(venue, clock=lambda: int(self.now * 1e9), only_known=True)
        return self.engine

    # --- time ---

    def at(self, when, action, *arguments):
        heapq.heappush(self._heap, (max(when, self.now), next(self._order), action, arguments))

    def run(self, until):
        """Let everything happen up to that time."""
        while True:
            due = min(
                self._heap[0][0] if self._heap else until,
                self.client.next_deadline(self.now),
                self.exchange.next_deadline() or until,
            )
            if due > until:
                break
            self.now = max(self.now, due)
            # The exchange first: what it publishes now can only arrive later.
            self.exchange.advance(self.now)
            self._from_exchange()
            while self._heap and self._heap[0][0] <= self.now:
                _, _, action, arguments = heapq.heappop(self._heap)
                action(*arguments)
            self.client.advance(self.now)
            self._after_client()
            if due == until and not (self._heap and self._heap[0][0] <= until):
                break
        self.now = until

    def run_until(self, condition, limit):
        """Run until `condition()`; returns the seconds it took. Fails after `limit` seconds."""
        start = self.now
        while not condition():
            assert self.now - start < limit, f"not in {limit} s: {str(self.trouble())[:300]}"
            self.run(self.now + 0.05)
        return self.now - start

    # --- what users do ---

    def subscribe(self, *topics):
        self.client.subscribe([self.client.topic(topic) for topic in topics], self.now)
        self._after_client()

    def unsubscribe(self, *topics):
        self.client.unsubscribe([self.client.topic(topic) for topic in topics], self.now)
        self._after_client()

    def all_live(self):
        states = self.client.subscriptions().values()
        return all(state == BookState.LIVE for state in states)

    def trouble(self):
        return {t: s for t, s in self.client.subscriptions().items() if s != BookState.LIVE}

    # --- the network ---

    def cut(self, name):
        """The connection is reset: both sides notice at once."""
        link = self.links.get(name)
        if link is None or not link.alive:
            return
        link.alive = False
        if link.server is not None:
            self.exchange.disconnected(link.server, self.now)
            del self.by_server[link.server]
            self.client.lost(name, "reset by the network", self.now)
        else:
            self.client.failed(name, "reset by the network", self.now)
        del self.links[name]
        self._after_client()

    def _after_client(self):
        for action in self.client.actions():
            if isinstance(action, Open):
                endpoint = "legacy" if "openws" in action.url else "spot_public"
                link = self.links[action.connection] = Link(action.connection, endpoint)
                self.at(self.now + self._latency() * 2, self._connect, link)
            elif isinstance(action, Send):
                self._to_exchange(self.links[action.connection], action.text)
            elif isinstance(action, Close):
                self._closed_by_client(action.connection)
        self.events += self.client.events()
        self.pushes += self.client.pushes()

    def _connect(self, link):
        if not link.alive:
            return
        refusal = self.faults.refuses(self)
        answer = refusal or self.exchange.connect(link.endpoint, self.now)
        if isinstance(answer, int):
            link.server = answer
            self.by_server[answer] = link
            link.generation = self.client.opened(link.name, self.now)
        else:
            link.alive = False
            del self.links[link.name]
            banned = answer.status in (403, 429)
            self.client.failed(link.name, f"HTTP {answer.status}", self.now, banned=banned)
        self._after_client()

    def _closed_by_client(self, name):
        link = self.links.pop(name, None)
        if link is None:
            return
        link.alive = False
        if link.server is not None:
            del self.by_server[link.server]
            self.at(self.now + self._latency(), self.exchange.disconnected, link.server, self.now)

    def _latency(self):
        return self.rng.uniform(*LATENCY)

    def _to_exchange(self, link, text):
        if self.faults.loses_request(self, text):
            return
        link.up = max(link.up, self.now + self._latency())
        self.at(link.up, self._arrive_at_exchange, link, text)

    def _arrive_at_exchange(self, link, text):
        if link.alive and link.server is not None:
            self.exchange.receive(link.server, text, self.now)
            self._from_exchange()

    def _from_exchange(self):
        for out in self.exchange.output():
            link = self.by_server.get(out.connection)
            if link is None:
                continue
            if isinstance(out, simulated.Pong):
                continue
            if isinstance(out, simulated.Close):
                self.at(max(link.down, self.now), self._closed_by_exchange, link, out)
                continue
            for payload, delay in self.faults.frames(self, link, out.payload):
                link.down = max(link.down, self.now + self._latency() + delay)
                self.at(link.down, self._arrive_at_client, link, payload)

    def _closed_by_exchange(self, link, out):
        if link.alive:
            link.alive = False
            self.links.pop(link.name, None)
            self.by_server.pop(link.server, None)
            self.client.lost(link.name, f"{out.code} {out.reason}", self.now)
            self._after_client()

    def _arrive_at_client(self, link, payload):
        if not link.alive:
            return
        try:
            if isinstance(payload, bytes):
                payload = inflate(payload)
            change = self.engine.apply(payload, generation=link.generation)
        except MessageError as error:
            self.client.bad_frame(link.name, error, self.now)
        else:
            if change & FLAGGED:
                self.client.frame(link.name, payload, change, self.now)
        self._after_client()
        if self.check:
            for book in self.engine.touched:
                self._compare(book)

    # --- the oracle ---

    def compare_all(self):
        for book in self.engine.books:
            self._compare(book)

    def _compare(self, book):
        """A LIVE book equals what the exchange had published at that version, as deep as it says
        it is certain."""
        if book.state != BookState.LIVE or book.channel != "spot/depth/increase100":
            return
        book.check()
        truth = self.exchange.window(book.symbol, book.sequence)
        if truth is None:
            self.wrong.append((self.now, book.symbol, book.sequence, "no such version"))
            return
        self.checked += 1
        depth = book.depth(exact=True)
        for side, rows, expected in zip(("bid", "ask"), depth, truth, strict=True):
            certain = book.complete_depth(side)
            if [tuple(row) for row in rows[:certain]] != [tuple(row) for row in expected[:certain]]:
                self.wrong.append((self.now, book.symbol, book.sequence, side))
