"""The way between an exchange and its clients: lines that stall, filters that change frames.

The mechanism only; what is done with it, and why, is in the files of the families of faults. A
network stands between an `Exchange` and whoever carries its frames: a server with sockets, or a
simulation under a virtual clock. Frames and the time come in, what is left of them comes out; of
chance there is one generator, given in.
"""

from __future__ import annotations

import functools
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bitmart_book.sim.exchange import Close, Exchange, Ping, Pong, Refusal, Send
from bitmart_book.sim.faults.filters import Filters, Wants
from bitmart_book.sim.faults.grammar import Word, words_of
from bitmart_book.sim.faults.log import Log
from bitmart_book.sim.faults.schedule import Schedule
from bitmart_book.sim.faults.standstill import Standstill
from bitmart_book.sim.faults.wires import Op, Order, Wires

__all__ = ["NO_ANSWER", "Begin", "Door", "Kind", "Network", "by_carrier"]

NO_ANSWER = Refusal(0, "no answer")
Begin = Callable[["Network", Word], None]


class Kind(NamedTuple):
    """One kind of fault."""

    begin: Begin
    """Begins one fault of this kind on a network, as a word of the specification asks for it."""
    rows: tuple[int, ...]
    """Of the project's catalogue of faults."""
    per_minute: float
    """How often it happens when it is named alone."""
    share: float
    """Its weight in "all"."""
    seconds: float
    """How long it lasts, where it lasts."""
    doc: str


class Door:
    """Who is let in."""

    def __init__(self) -> None:
        self.refused_until = 0.0
        self.refusals: deque[Refusal] = deque()
        """Of the next attempts, one each."""
        self.welcome: deque[Callable[[int], None]] = deque()
        """What happens to the next connections that are let in, one each."""
        self.slams = 0
        """So many of the next connections are accepted and ended at once."""

    def answer(self, now: float) -> Refusal | None:
        """What somebody hears who wants a connection; None: he is let in."""
        if now < self.refused_until:
            return Refusal(503, "no service")
        return self.refusals.popleft() if self.refusals else None

    def stop(self, now: float) -> None:
        """Let everybody in."""
        self.refused_until, self.slams = now, 0
        self.refusals.clear()
        self.welcome.clear()

    def acting(self, now: float) -> bool:
        """Whether somebody will not be let in."""
        return bool(self.refusals or self.welcome or self.slams or now < self.refused_until)


class Network:
    """Everything between one exchange and its clients that `Faults` may disturb.

    The carrier says `opened` and `gone` for each connection, asks `connecting` before it lets one
    in, puts what the exchange sends through `outgoing` and what clients say through `incoming`,
    calls `advance` when `next_deadline` has come, and executes what these return, in order. `now`
    is the exchange's time. `told` hears of each fault that acts: its time, name and place.

    Faults are made of its parts: `wires`, `filters`, `door`, `markets`, and `at`, which plans.
    """

    def __init__(
        self,
        spec: str,
        *,
        rng: random.Random,
        exchange: Exchange,
        now: float = 0.0,
        kinds: Mapping[str, Kind],
        told: Callable[[float, str, str], None] | None = None,
    ) -> None:
        self.rng = rng
        self.exchange = exchange
        self._kinds = kinds
        self._schedule = schedule = Schedule(now)
        self.log = Log(schedule, {name: kind.rows for name, kind in kinds.items()}, told)
        self.wires = Wires(schedule, exchange, rng)
        self.filters = Filters(schedule, self.log, self.wires.shape)
        self.door = Door()
        self.markets = Standstill(schedule, exchange, rng)
        self._restore: list[Callable[[], None]] = []
        self.start(spec, now)

    @property
    def counts(self) -> Counter[str]:
        """How often each kind of fault has acted."""
        return self.log.counts

    @property
    def now(self) -> float:
        """The exchange's time, of the latest call."""
        return self._schedule.now

    # --- the carrier's side ---

    def opened(self, connection: int, now: float) -> None:
        """A connection was accepted."""
        self._schedule.now = now
        self.wires.opened(connection)
        if self.door.welcome:
            self.door.welcome.popleft()(connection)
        if self.door.slams:
            self.door.slams -= 1
            self.log.count("slam", str(connection))
            end = self.rng.choice((self.wires.cut, self.wires.hang_up))
            self.at(now + self.rng.uniform(0.0, 0.05), lambda: end(connection))

    def gone(self, connection: int) -> None:
        """A connection has ended, for whatever reason."""
        self.wires.gone(connection)

    def connecting(self, now: float) -> Refusal | None:
        """Somebody wants a connection: a refusal (`NO_ANSWER`: say nothing at all), or None."""
        self._schedule.now = now
        return self.door.answer(now)

    def outgoing(self, actions: list[Send | Close | Pong | Ping], now: float) -> Sequence[Op]:
        """What becomes of what the exchange sends."""
        wires, filters = self.wires, self.filters
        if not filters.outbound and not wires.busy and not wires.queues:
            return actions
        self._schedule.now = now
        for action in actions:
            line = wires.lines.get(action.connection)
            if line is None or not isinstance(action, Send) or line.silent:
                wires.deliver(line, action)
                continue
            for payload in filters.frames(action.connection, action.payload):
                wires.deliver(line, Send(action.connection, payload), action.payload)
        return wires.take()

    def incoming(self, connection: int, payload: str | bytes, now: float) -> list[str | bytes]:
        """What the exchange hears of what a client says."""
        self._schedule.now = now
        line = self.wires.lines.get(connection)
        if isinstance(payload, bytes):
            return [] if line is not None and line.deaf else [payload]
        shape = self.wires.shape(connection)
        topics = None if shape is None else shape.topics(payload)
        self.log.acts.heard(connection, payload, topics)
        if line is not None and line.deaf:
            return []
        return [*self.filters.heard(connection, payload)]

    def advance(self, now: float) -> Sequence[Op]:
        """Do what is due until now; also to be called after `incoming`, which may answer."""
        self._schedule.run(now)
        return self.wires.take()

    def next_deadline(self) -> float | None:
        """When `advance` has something to do."""
        return self.now if self.wires.output else self._schedule.next_time()

    def is_silent(self, connection: int) -> bool:
        """Whether that connection is dead without anybody having been told."""
        line = self.wires.busy.get(connection)
        return line is not None and line.silent

    @property
    def acting(self) -> bool:
        """Whether some fault is at work, or about to be."""
        return bool(
            self.filters.outbound
            or self.filters.inbound
            or self.wires.busy
            or self.wires.queues
            or self.markets.paused
            or self.door.acting(self.now)
        )

    def start(self, spec: str, now: float) -> None:
        """Begin with these faults, beside those that may be at work already."""
        self._schedule.now = now
        self._schedule.go_on()
        shares = {name: kind.share for name, kind in self._kinds.items()}
        for word in words_of(spec, shares):
            if word.symbol is not None:
                word = word._replace(symbol=self.exchange.markets.key(word.symbol))
            if word.when is not None:
                self.at(now + word.when, functools.partial(self._begin, word))
            else:
                self._recur(word)

    def stop(self, now: float) -> Sequence[Op]:
        """End every fault. What was held back goes out; connections that are dead stay dead."""
        self._schedule.now = now
        self._schedule.stop()
        self.filters.stop()
        self.log.acts.stop(now)
        self.door.stop(now)
        for symbol in sorted(self.markets.paused):
            self.markets.resume(symbol)
        restore, self._restore = self._restore, []
        for job in restore:
            job()
        self.wires.release_all()
        return self.wires.take()

    # --- what faults are made of ---

    def at(self, when: float, job: Callable[[], None]) -> None:
        """Call `job` at that time, if the faults are not stopped before."""
        self._schedule.at(when, job)

    def until(self, when: float, job: Callable[[], None]) -> None:
        """Call `job` at that time, or when the faults are stopped before: it undoes something."""

        def over() -> None:
            if job in self._restore:
                self._restore.remove(job)
                job()

        self._restore.append(job)
        self.at(when, over)

    def seconds(self, word: Word) -> float:
        """How long the fault of a word lasts."""
        return self._kinds[word.name].seconds if word.seconds is None else word.seconds

    def while_on_a_line(self, word: Word, loses: Wants) -> None:
        """For its time a connection loses the frames that are named."""
        line = self.wires.line()
        if line is None:
            return
        connection, seconds = line.id, self.seconds(word)
        self.filters.add(
            lambda seen: [] if seen.connection == connection and loses(seen) else None,
            seconds,
            first=True,
        )
        self.log.count(word.name, str(connection), self.now + seconds)

    def reset_some_line(self) -> bool:
        """Reset some connection, to see what happens at the next one; whether there was any."""
        line = self.wires.line()
        if line is not None:
            self.log.count("reset", str(line.id))
            self.wires.cut(line.id)
        return line is not None

    def _recur(self, word: Word) -> None:
        per_minute = word.per_minute or self._kinds[word.name].per_minute
        wait = self.rng.expovariate(per_minute / 60.0)

        def again() -> None:
            self._begin(word)
            self._recur(word)

        self.at(self.now + wait, again)

    def _begin(self, word: Word) -> None:
        self._kinds[word.name].begin(self, word)


def by_carrier(net: Network, word: Word) -> None:
    """Begin a fault that only the carrier of the frames can do."""
    net.wires.output.append(Order(word.name, net.seconds(word), word.symbol))
    net.log.count(word.name)
