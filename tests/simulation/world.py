"""A client and an exchange joined by a simulated network, under a virtual clock.

Nothing here sleeps or opens a socket: the two sans-I/O halves are driven from one heap of things
to happen, and everything that chance decides comes from one seed. After every frame and every
timer each book that says it is LIVE is judged (`judge`).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
import random
import zlib
from collections import Counter

from bitmart_book import BookState, Engine
from bitmart_book.client.client import Client
from bitmart_book.client.intake import Intake
from bitmart_book.client.limits import Limiter
from bitmart_book.client.outbox import Close, Open, Send
from bitmart_book.client.times import WAY
from bitmart_book.sim import exchange as simulated
from bitmart_book.sim.faults.faults import Faults
from bitmart_book.sim.faults.network import NO_ANSWER
from bitmart_book.sim.faults.wires import Order, Reset
from bitmart_book.venues import BITMART, find_venue, venues
from tests.simulation.bounds import family_of
from tests.simulation.judge import SEQUENCED, Judge
from tests.simulation.kinds import WORLD_KINDS
from tests.simulation.recoveries import Recoveries

LIVE = BookState.LIVE
START_MS = 1_787_000_000_000
LATENCY = (0.02, 0.08)
# So long after a refusal whoever wants a symbol that is there asks once more.
ASKED_AGAIN_AFTER = 5.0
# What the websocket library of the real shell does: it is part of what is simulated here.
OPEN_TIMEOUT = 5.0
MAX_FRAME_BYTES = 4 * 1024 * 1024
# The books are read, as a user would, so often even when nothing happens.
READ_EVERY = 0.5
# A suspended machine's connections survive that long.
SLEEP_KEEPS_CONNECTIONS = 15.0

ENDPOINTS = {p.server.url: p.endpoint for name in venues() for p in find_venue(name).profiles}


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
        # The exchange has closed it, and the client's machine was asleep.
        self.forgotten = False


class World:
    """Everything there is, until a given time.

    `spec` names faults of `bitmart_book.sim.faults` and of the three kinds above; `faults` is a
    network that a test has written. `check` compares books; `log` keeps a running digest of
    everything that happened; `keep` all events.
    """

    venue = BITMART
    """Which one the client speaks to."""
    judge_type = Judge
    recoveries_type = Recoveries
    kinds = WORLD_KINDS

    def __init__(
        self,
        seed,
        exchange,
        *,
        spec="",
        faults=None,
        check=True,
        full_every=100,
        log=False,
        keep=True,
        credentials=None,
    ):
        self.now = 0.0
        self.set_by = 0.0
        self._hosts = set()
        self.latency = LATENCY
        """Least and most seconds that a frame is on its way to the client, in their order."""
        self.rng = random.Random(f"world {seed}")
        self.exchange = exchange
        self.limiter = Limiter()
        self._credentials = credentials
        self.speak(self.venue, random.Random(f"client {seed}"))
        self.network = Faults(
            spec,
            rng=random.Random(f"faults {seed}"),
            exchange=exchange,
            kinds=self.kinds,
            told=self._told,
        )
        self.faults = faults
        self.seen = Counter()
        self.keep = keep
        self.check = check
        self.links = {}
        self.by_server = {}
        self.events = []
        self.pushes = []
        self.wanted = []
        self._heap = []
        self._order = itertools.count()
        self._client_due = 0.0
        self._blocked_until = 0.0
        self._asleep = False
        self._slept_from = 0.0, 0
        self._backlog = []
        self._poisons = itertools.count(1)
        # What was found.
        self.frames = 0
        self.book_frames = 0
        """Of those, how many were of spot's sequenced books."""
        self.judge = self.judge_type(
            exchange,
            self.network.log.acts,
            now=lambda: self.now,
            note=self._note,
            full_every=full_every,
        )
        self.wrong, self.over_age = self.judge.wrong, self.judge.over_age
        self.requests = 0
        self.requested_topics = 0
        self.away = self.recoveries_type(self.network)
        self.recoveries = self.away.found
        self.reads, self.live_reads = Counter(), Counter()
        """By the family of the channel."""
        self.banned_at = -math.inf
        self.heard_at = -math.inf
        self._reading = False
        self._hash = hashlib.sha256() if log else None
        self._crc = 0

    def _clock(self):
        return int(self.now * 1e9)

    def wall_ns(self):
        """What the clock of the day says on the client's machine, which somebody may set."""
        return int((START_MS / 1e3 + self.now + self.set_by) * 1e9)

    def speak(self, venue, rng):
        """Begin anew, with a client of that venue."""
        self.engine = Engine(venue, clock=self._clock, only_known=True)
        self.client = Client(
            self.engine,
            venue,
            rng=rng,
            limiter=self.limiter,
            credentials=self._credentials,
            wall_ms=None if self._credentials is None else lambda: self.wall_ns() // 1_000_000,
        )
        self.intake = Intake(self.engine, self.client, self, self)

    # --- the log ---

    def digest(self):
        """SHA-256 of every event, action, fault and frame so far."""
        self._note("now")
        return self._hash.hexdigest()

    def _note(self, *facts):
        if self._hash is not None:
            self._hash.update(f"{self.now!r} {self._crc} {facts}\n".encode())

    def _told(self, when, name, what):
        self._note("fault", when, name, what)

    # --- time ---

    def at(self, when, action, *arguments):
        heapq.heappush(self._heap, (max(when, self.now), next(self._order), action, arguments))

    def run(self, until):
        """Let everything happen up to that time."""
        heap, exchange, network = self._heap, self.exchange, self.network
        if self.check and not self._reading:
            self._reading = True
            self.at(self.now, self._read)
        while True:
            due = heap[0][0] if heap else math.inf
            due = min(due, exchange.next_deadline() or math.inf)
            fault_due = network.next_deadline()
            if fault_due is not None and fault_due < due:
                due = fault_due
            if self._client_due < due:
                due = self._client_due
            if due > until:
                break
            if due > self.now:
                self.now = due
            now = self.now
            # The exchange first: what it publishes now can only arrive later.
            exchange.advance(now)
            if fault_due is not None and fault_due <= now:
                self._execute(network.advance(now))
            self._from_exchange()
            while heap and heap[0][0] <= now:
                _, _, action, arguments = heapq.heappop(heap)
                action(*arguments)
            if self._client_due <= now:
                self._think()
        self.now = until

    def run_until(self, condition, limit):
        """Run until `condition()`; returns the seconds it took. Fails after `limit` seconds."""
        start = self.now
        while not condition():
            assert self.now - start < limit, f"not in {limit} s: {str(self.trouble())[:300]}"
            self.run(self.now + 0.05)
        return self.now - start

    def _think(self):
        """The client does what is due, as soon as its event loop runs."""
        if self.now < self._blocked_until:
            self._client_due = self._blocked_until
            return
        self._client_due = max(self.now, self.intake.advance(self.now))
        if self.check:
            self._look_at_all()

    # --- what users do ---

    def subscribe(self, *topics):
        topics = [self.client.venue.topic(topic) for topic in topics]
        self.wanted += topics
        self.client.subscribe(topics, self.now)
        self.carry_out()
        self._client_due = self.now

    def unsubscribe(self, *topics):
        self.client.unsubscribe([self.client.venue.topic(topic) for topic in topics], self.now)
        self.carry_out()
        self._client_due = self.now

    def all_live(self):
        states = self.client.wanted.states().values()
        return all(state == LIVE for state in states)

    def wanted_live(self):
        """Whether every topic is LIVE that was ever subscribed by the test itself."""
        if self.now < self._blocked_until:
            return False
        states = self.client.wanted.states()
        return all(states[topic] == LIVE for topic in self.wanted)

    def resume(self):
        """What `calm` has ended begins anew, beside the network's faults."""

    def check_rest(self):
        """Nothing is under way: whatever can be compared only then."""

    def calm(self):
        """No more faults from now on; a client that did not run does so again."""
        self._execute(self.network.stop(self.now))
        self.set_by = 0.0
        # What waited until now arrives first: who called that punctual would be wrong.
        self.at(self.now + WAY, self._look_at_the_clocks)
        if self.now < self._blocked_until:
            self._blocked_until = self.now
            self.at(self.now, self._unblock)

    def _look_at_the_clocks(self):
        """Somebody does, and says so."""
        hosts = set(self.client.report()["hosts"])
        for host in hosts:
            self.client.connections.lateness.forget(host)
        self._hosts |= hosts
        if hosts == self._hosts:
            # Of one that is not connected just now nobody can say it.
            self.exchange.clock.set_back = 0.0

    def trouble(self):
        return {t: s for t, s in self.client.wanted.states().items() if s != LIVE}

    def _poison(self):
        """Somebody wants a symbol that does not exist, in one message with all the others."""
        topic = f"{SEQUENCED}:NOPE{next(self._poisons)}_USDT"
        self.client.subscribe([topic], self.now)
        self.carry_out()
        link = next((link for link in self.links.values() if link.server is not None), None)
        if link is not None:
            self.cut(link.name)
        self.at(self.now + 20.0, self._give_up, topic)
        self._client_due = self.now

    def _ask_again(self, topic):
        """A refusal is final until somebody acts; here he does, where he knows the symbol."""
        if self.now < self._blocked_until:
            self.at(self._blocked_until, self._ask_again, topic)
            return
        symbol = topic.partition(":")[2]
        if self.is_listed(symbol) and self.client.wanted.states().get(topic) == "REJECTED":
            self.client.subscribe([topic], self.now)
            self.client.unsubscribe([topic], self.now)
            self.carry_out()
            self._client_due = self.now

    def _give_up(self, topic):
        if self.now < self._blocked_until:
            self.at(self._blocked_until, self._give_up, topic)
            return
        assert self.client.wanted.refusal(topic) is not None or not self.all_live(), (
            "it was accepted"
        )
        self.client.unsubscribe([topic], self.now)
        self.carry_out()
        self._client_due = self.now

    # --- a client that does not run ---

    def block(self, seconds):
        """The client is neither called nor fed for so long; what arrives waits for it."""
        self._blocked_until = max(self._blocked_until, self.now + seconds)
        self.at(self._blocked_until, self._unblock)

    def sleep(self, seconds):
        """The client's machine is suspended, and its clock has gone on when it wakes."""
        if seconds > SLEEP_KEEPS_CONNECTIONS and not self._asleep:
            self._asleep = True
            self._slept_from = self.now, len(self._backlog)
        self.block(seconds)

    def _unblock(self):
        if self.now < self._blocked_until:
            return
        since, waiting = self._slept_from
        if self._asleep and self.now - since > SLEEP_KEEPS_CONNECTIONS:
            # Nobody was there to take it. Of a shorter sleep all has waited.
            del self._backlog[waiting:]
        self._asleep = False
        self._blocked_until = 0.0
        if self.check:
            self._read_all()
        # Which of an event loop's callbacks comes first, sockets or timers, nobody promises.
        if self.rng.random() < 0.5:
            self._think()
        backlog, self._backlog = self._backlog, []
        for action, arguments in backlog:
            action(*arguments)
        self._think()

    def _to_client(self, action, *arguments):
        """Something happens to the client, when its event loop runs again."""
        if self.now < self._blocked_until:
            self._backlog.append((action, arguments))
        else:
            action(*arguments)

    # --- the network ---

    def cut(self, name):
        """The connection is reset: both sides notice at once."""
        link = self.links.get(name)
        if link is None or not link.alive:
            return
        if link.server is not None:
            self.exchange.disconnected(link.server, self.now)
            self._gone(link)
        self._lost(link, "reset by the network")

    def _gone(self, link):
        self.by_server.pop(link.server, None)
        self.network.gone(link.server)

    def _lost(self, link, reason):
        """The client learns that a connection is no more."""
        if not link.alive:
            return
        link.alive = False
        self.links.pop(link.name, None)
        if link.server is None:
            self.client.failed(link.name, reason, self.now)
        else:
            self.client.lost(link.name, reason, self.now)
        self.carry_out()
        self._client_due = self.now
        if self.check:
            self._look_at_all()

    def carry_out(self):
        """Execute the client's actions, and publish what it says."""
        actions = self.client.outbox.take_actions()
        for action in actions:
            self._note(*action)
            if isinstance(action, Open):
                link = Link(action.connection, ENDPOINTS.get(action.url, "spot_public"))
                self.links[action.connection] = link
                self.at(self.now + self._latency() * 2, self._connect, link)
            elif isinstance(action, Send):
                self._to_exchange(self.links[action.connection], action.text)
            elif isinstance(action, Close):
                self._closed_by_client(action.connection)
        outbox = self.client.outbox
        events, pushes = outbox.take_events(), outbox.take_pushes()
        if events or pushes:
            self._publish(events, pushes)

    def _publish(self, events, pushes):
        """What the client has to say."""
        for event in events:
            self._note(str(event))
            if event.kind == "rejected" and event.topic in self.wanted:
                self.at(self.now + ASKED_AGAIN_AFTER, self._ask_again, event.topic)
        if self.keep:
            self.events += events
            self.pushes += pushes

    def _connect(self, link):
        if not link.alive:
            return
        if self._asleep:
            # It has timed out by the time the machine wakes.
            self.at(self._blocked_until, self._connect_timed_out, link)
            return
        refusal = self.network.connecting(self.now)
        if refusal is None and self.faults is not None:
            refusal = self.faults.refuses(self)
        if refusal is NO_ANSWER:
            self.at(self.now + OPEN_TIMEOUT, self._connect_timed_out, link)
            return
        answer = refusal or self.exchange.connect(link.endpoint, self.now)
        if isinstance(answer, int):
            link.server = answer
            self.by_server[answer] = link
            self.network.opened(answer, self.now)
            self._to_client(self._opened, link)
        else:
            if answer.status in (403, 429):
                self.banned_at = self.now
            self._to_client(self._refused, link, answer)

    def _connect_timed_out(self, link):
        """The client's own timer, which waits while nothing runs."""
        if self.now < self._blocked_until:
            self.at(self._blocked_until, self._connect_timed_out, link)
        else:
            self._refused(link, NO_ANSWER)

    def _opened(self, link):
        if link.alive:
            link.generation = self.client.opened(link.name, self.now)
            self.carry_out()
            self._client_due = self.now

    def _refused(self, link, answer):
        if link.alive:
            link.alive = False
            del self.links[link.name]
            banned = answer.status in (403, 429)
            self.client.failed(link.name, f"HTTP {answer.status}", self.now, banned=banned)
            self.carry_out()
            self._client_due = self.now

    def _closed_by_client(self, name):
        link = self.links.pop(name, None)
        if link is None:
            return
        link.alive = False
        if link.server is not None and link.server in self.by_server:
            self._gone(link)
            self.at(self.now + self._latency(), self._disconnect, link.server)

    def _disconnect(self, server):
        self.exchange.disconnected(server, self.now)

    def _latency(self):
        return self.rng.uniform(*LATENCY)

    def _to_exchange(self, link, text):
        if '"request"' in text:
            self.requests += 1
            self.requested_topics += text.count(SEQUENCED)
        if link.forgotten:
            self.at(self.now + self._latency(), self._lost, link, "reset by the exchange")
            return
        if self.faults is not None and self.faults.loses_request(self, text):
            return
        link.up = max(link.up, self.now + self._latency())
        self.at(link.up, self._arrive_at_exchange, link, text)

    def _arrive_at_exchange(self, link, text):
        if link.server in self.by_server:
            for heard in self.network.incoming(link.server, text, self.now):
                self.exchange.receive(link.server, heard, self.now)
            self._from_exchange()

    def _from_exchange(self):
        actions = self.exchange.output()
        if actions:
            self._execute(self.network.outgoing(actions, self.now))

    def _execute(self, ops):
        now, by_server, scripted = self.now, self.by_server, self.faults
        for op in ops:
            if type(op) is Order:
                self._obey(op)
                continue
            link = by_server.get(op.connection)
            if link is None:
                continue
            if type(op) is simulated.Send:
                frames = ((op.payload, 0.0),)
                if scripted is not None:
                    frames = scripted.frames(self, link, op.payload)
                for payload, delay in frames:
                    link.down = max(link.down, now + self.rng.uniform(*self.latency) + delay)
                    self.at(link.down, self._arrive_at_client, link, payload)
            elif type(op) is simulated.Close:
                self._gone(link)
                link.down = max(link.down, now + self._latency())
                self.at(link.down, self._closed_by_exchange, link, f"{op.code} {op.reason}")
            elif type(op) is Reset:
                self._gone(link)
                self.at(now + self._latency(), self._closed_by_exchange, link, "reset by a fault")

    def _obey(self, op):
        self._note("order", *op)
        if op.name == "block":
            self.block(self.rng.uniform(0.2, 2.0) * op.seconds)
        elif op.name == "localclock":
            self.set_by += self.rng.uniform(-1.0, 1.0) * op.seconds
        elif op.name == "sleep":
            self.sleep(self.rng.uniform(0.1, 2.0) * op.seconds)
        elif self.now >= self._blocked_until:
            self._poison()

    def _closed_by_exchange(self, link, reason):
        if self._asleep:
            link.forgotten = True
        else:
            self._to_client(self._lost, link, reason)

    def _arrive_at_client(self, link, payload):
        if self.now < self._blocked_until:
            self._to_client(self._receive, link, payload)
        else:
            self._receive(link, payload)

    def _receive(self, link, payload):
        if not link.alive:
            return
        self.frames += 1
        self.book_frames += link.endpoint == "spot_public"
        self.heard_at = self.now
        compressed = type(payload) is bytes
        if compressed:
            self._crc = zlib.crc32(payload, self._crc)
        else:
            if len(payload) > MAX_FRAME_BYTES:
                self._too_big(link)
                return
            payload = payload.encode("utf-8", "surrogateescape")
            self._crc = (self._crc * 31 + len(payload)) & 0xFFFFFFFF
        called = self.intake.receive(
            link.name, link.generation, payload, compressed, self.wall_ns(), self._clock()
        )
        if called:
            self._client_due = self.now
            if self.check:
                self._look_at_all()

    def applied(self):
        """A frame has changed something."""
        if self.check:
            for book in self.engine.touched:
                self._look(book)

    def _too_big(self, link):
        """The websocket library closes the connection with 1009."""
        if link.server in self.by_server:
            self._gone(link)
            self.at(self.now + self._latency(), self._disconnect, link.server)
        self._lost(link, "1009 message too big")

    # --- the oracle ---

    def compare_all(self):
        for book in self.engine.books:
            self._look(book, full=True)

    def _look_at_all(self):
        for book in self.engine.books:
            self._look(book)

    def _read(self):
        self.at(self.now + READ_EVERY, self._read)
        self._read_all()

    family_of = staticmethod(family_of)

    def is_listed(self, symbol):
        """Whether it is there at all: unlisted ones are wanted by mistake."""
        return symbol in self.exchange.listings or symbol in self.exchange.contracts

    def _read_all(self):
        for book in self.engine.books:
            family = self.family_of(book.channel)
            if not self._asleep and self.is_listed(book.symbol):
                self.reads[family] += 1
                self.live_reads[family] += book.state is LIVE
            self._look(book)

    def _look(self, book, *, full=False):
        """What is LIVE is judged; what is not is waited for."""
        if book.state is not LIVE:
            self.away.went_down(book, self.now)
            return
        if self.away.is_away(book):
            self.away.came_back(book, self.now)
            full = True
        self.judge.look(book, full=full)
