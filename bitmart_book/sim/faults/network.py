"""The way between an exchange and its clients: lines that stall, filters that change frames.

The mechanism only; what is done with it, and why, is `faults`. A network stands between an
`Exchange` and whoever carries its frames: a server with sockets, or a simulation under a virtual
clock. Frames and the time come in, what is left of them comes out; of chance there is one
generator, given in.
"""

from __future__ import annotations

import functools
import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bitmart_book.sim.exchange import Close, Exchange, Ping, Pong, Refusal, Send
from bitmart_book.sim.faults.frames import Seen
from bitmart_book.sim.faults.kinds import KINDS, Kind, Word, parse

__all__ = ["NO_ANSWER", "Filter", "Line", "Network", "Op", "Order", "Reset", "Slice", "Wants"]


class Reset(NamedTuple):
    """The connection is reset: both sides lose it at once. The exchange knows already."""

    connection: int


class Slice(NamedTuple):
    """Until that time the bytes of a connection go out in small pieces."""

    connection: int
    until: float


class Order(NamedTuple):
    """A fault that only the carrier can do, such as stopping the client."""

    name: str
    seconds: float
    symbol: str | None


Op = Send | Close | Pong | Ping | Reset | Slice | Order
NO_ANSWER = Refusal(0, "no answer")
# How long a fault waits for a frame that it can act on.
PATIENCE = 30.0


class Line:
    """One connection as the network sees it."""

    __slots__ = ("deaf", "held", "id", "lag", "open_at", "silent", "tail")

    def __init__(self, id_: int) -> None:
        self.id = id_
        self.silent = self.deaf = False
        """Nothing comes from the exchange; nothing reaches it."""
        self.open_at = 0.0
        """Until then nothing gets through, and waits."""
        self.lag: tuple[float, float] | None = None
        """Since when the delay grows, and until when."""
        self.held: deque[tuple[float, Op]] = deque()
        self.tail = 0.0

    @property
    def busy(self) -> bool:
        return bool(self.silent or self.held or self.open_at or self.lag)


class Filter(NamedTuple):
    """What looks at frames: returns those that take a frame's place, or None to let it pass."""

    act: Callable[[Seen], Sequence[str | bytes] | None]
    ends: Callable[[], None]
    """Called when its time is over, or the faults stop."""


# Of the seconds that pass, so many are added to the delay of a line that lags.
LAG_GROWTH = 0.8
Wants = Callable[[Seen], bool]


class Network:
    """Everything between one exchange and its clients that `Faults` may disturb.

    The carrier says `opened` and `gone` for each connection, asks `connecting` before it lets one
    in, puts what the exchange sends through `outgoing` and what clients say through `incoming`,
    calls `advance` when `next_deadline` has come, and executes what these return, in order. `now`
    is the exchange's time. `told` hears of each fault that acts: its time, name and object.
    """

    def __init__(
        self,
        spec: str,
        *,
        rng: random.Random,
        exchange: Exchange,
        now: float = 0.0,
        kinds: Mapping[str, Kind] = KINDS,
        told: Callable[[float, str, str], None] | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """How often each kind has acted."""
        self.rows: Counter[int] = Counter()
        """The same by the rows of the catalogue."""
        self.total = 0
        self.stuck: dict[str, float] = {}
        """Until when which symbols' heartbeats come while their changes do not."""
        self.late_at = float("-inf")
        """When last something arrived that was not of then."""
        self._rng = rng
        self._exchange = exchange
        self._kinds = kinds
        self._told = told
        self._now = now
        self._lines: dict[int, Line] = {}
        self._busy: dict[int, Line] = {}
        self._filters: list[Filter] = []
        self._inbound: list[Callable[[int, str], list[str] | None]] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self._output: list[Op] = []
        self._refused_until = 0.0
        self._refusals: deque[Refusal] = deque()
        self._slams = 0
        self._emptied: dict[str, float] = {}
        self._began_at_one: dict[str, float] = {}
        self._paused: set[str] = set()
        self._stopped = False
        self.start(spec, now)

    # --- the carrier's side ---

    def opened(self, connection: int, now: float) -> None:
        """A connection was accepted."""
        self._now = now
        self._lines[connection] = Line(connection)
        if self._slams:
            self._slams -= 1
            self._count("slam", str(connection))
            end = self._rng.choice((self._cut, self._hang_up))
            self._at(now + self._rng.uniform(0.0, 0.05), lambda: end(connection))

    def gone(self, connection: int) -> None:
        """A connection has ended, for whatever reason."""
        self._lines.pop(connection, None)
        self._busy.pop(connection, None)

    def connecting(self, now: float) -> Refusal | None:
        """Somebody wants a connection: a refusal (`NO_ANSWER`: say nothing at all), or None."""
        self._now = now
        if now < self._refused_until:
            return Refusal(503, "no service")
        return self._refusals.popleft() if self._refusals else None

    def outgoing(self, actions: list[Send | Close | Pong | Ping], now: float) -> Sequence[Op]:
        """What becomes of what the exchange sends."""
        if not self._filters and not self._busy:
            return actions
        self._now = now
        for action in actions:
            line = self._lines.get(action.connection)
            if line is None or not isinstance(action, Send) or line.silent:
                self._deliver(line, action)
                continue
            for payload in self._filtered(action.connection, action.payload):
                self._deliver(line, Send(action.connection, payload))
        output, self._output = self._output, []
        return output

    def incoming(self, connection: int, payload: str | bytes, now: float) -> list[str | bytes]:
        """What the exchange hears of what a client says."""
        self._now = now
        line = self._lines.get(connection)
        if line is not None and line.deaf:
            return []
        if isinstance(payload, str):
            for act in list(self._inbound):
                heard = act(connection, payload)
                if heard is not None:
                    return list(heard)
        return [payload]

    def advance(self, now: float) -> Sequence[Op]:
        """Do what is due until now; also to be called after `incoming`, which may answer."""
        while self._due and self._due[0][0] <= now:
            self._now, _, job = heapq.heappop(self._due)
            job()
        self._now = now
        output, self._output = self._output, []
        return output

    def next_deadline(self) -> float | None:
        """When `advance` has something to do."""
        if self._output:
            return self._now
        return self._due[0][0] if self._due else None

    def is_silent(self, connection: int) -> bool:
        """Whether that connection is dead without anybody having been told."""
        line = self._busy.get(connection)
        return line is not None and line.silent

    @property
    def acting(self) -> bool:
        """Whether some fault is at work, or about to be."""
        return bool(
            self._filters
            or self._busy
            or self._inbound
            or self._paused
            or self._refusals
            or self._slams
            or self._now < self._refused_until
        )

    def start(self, spec: str, now: float) -> None:
        """Begin with these faults, beside those that may be at work already."""
        self._stopped = False
        self._now = now
        for word in parse(spec, self._kinds):
            if word.when is not None:
                self._at(now + word.when, functools.partial(self._begin, word))
            else:
                self._recur(word)

    def stop(self, now: float) -> Sequence[Op]:
        """End every fault. What was held back goes out; connections that are dead stay dead."""
        self._now = now
        self._stopped = True
        self._due.clear()
        for entry in list(self._filters):
            self._drop(entry)
            entry.ends()
        self._inbound.clear()
        self.stuck = {symbol: min(now, until) for symbol, until in self.stuck.items()}
        self._refused_until, self._slams = now, 0
        self._refusals.clear()
        for symbol in sorted(self._paused):
            self._resume(symbol)
        for line in list(self._busy.values()):
            line.open_at, line.lag = 0.0, None
            while line.held:
                self._output.append(line.held.popleft()[1])
            self._rest(line)
        output, self._output = self._output, []
        return output

    # --- time and counting ---

    def _at(self, when: float, job: Callable[[], None]) -> None:
        if not self._stopped:
            self._serial += 1
            heapq.heappush(self._due, (when, self._serial, job))

    def _recur(self, word: Word) -> None:
        per_minute = word.per_minute or self._kinds[word.name].per_minute
        wait = self._rng.expovariate(per_minute / 60.0)

        def again() -> None:
            self._begin(word)
            self._recur(word)

        self._at(self._now + wait, again)

    def _begin(self, word: Word) -> None:
        getattr(self, f"_begin_{self._kinds[word.name].begin}")(word)

    def _count(self, name: str, what: str = "") -> None:
        self.counts[name] += 1
        self.total += 1
        for row in self._kinds[name].rows:
            self.rows[row] += 1
        if self._told is not None:
            self._told(self._now, name, what)

    def _seconds(self, word: Word) -> float:
        return self._kinds[word.name].seconds if word.seconds is None else word.seconds

    # --- lines ---

    def _filtered(self, connection: int, payload: str | bytes) -> Sequence[str | bytes]:
        if not self._filters:
            return (payload,)
        seen = Seen(connection, payload)
        for entry in list(self._filters):
            frames = entry.act(seen)
            if frames is not None:
                return frames
        return (payload,)

    def _deliver(self, line: Line | None, op: Op) -> None:
        if line is None:
            self._output.append(op)
            return
        if line.silent:
            return
        when = max(line.open_at, line.tail if line.held else 0.0)
        if line.lag is not None:
            since, until = line.lag
            if self._now < until:
                when = max(when, self._now + LAG_GROWTH * (self._now - since))
        if when <= self._now:
            self._output.append(op)
            return
        line.tail = when
        line.held.append((when, op))
        self._at(when, lambda: self._release(line))

    def _arrive_late(self, send: Send) -> None:
        self.late_at = self._now
        self._arrive(send)

    def _arrive(self, send: Send) -> None:
        line = self._lines.get(send.connection)
        if line is not None:
            self._deliver(line, send)

    def _release(self, line: Line) -> None:
        while line.held and line.held[0][0] <= self._now:
            self.late_at = self._now
            self._output.append(line.held.popleft()[1])
        if line.open_at <= self._now:
            line.open_at = 0.0
        if line.lag is not None and self._now >= line.lag[1] and not line.held:
            line.lag = None
        self._rest(line)

    def _rest(self, line: Line) -> None:
        if line.busy and line.id in self._lines:
            self._busy[line.id] = line
        else:
            self._busy.pop(line.id, None)

    def _cut(self, connection: int) -> None:
        if connection in self._lines:
            self._exchange.disconnected(connection, self._now)
            self.gone(connection)
            self._output.append(Reset(connection))

    def _hang_up(self, connection: int) -> None:
        if connection in self._lines:
            self._exchange.disconnected(connection, self._now)
            code = self._rng.choice((1000, 1001, 1008, 1009, 1011, 1012, 1013))
            self._deliver(self._lines[connection], Close(connection, code, "closed by a fault"))

    # --- choosing ---

    def _symbol(self, word: Word) -> str | None:
        """A symbol that somebody hears of, not one that stands still."""
        symbols = [
            symbol
            for symbol in self._exchange.subscribed()
            if not self._exchange.is_paused(symbol) and word.symbol in (None, symbol)
        ]
        return self._rng.choice(symbols) if symbols else None

    def _line(self) -> Line | None:
        lines = [line for line in self._lines.values() if not line.silent]
        return self._rng.choice(lines) if lines else None

    # --- markets that stand still ---

    def _stand_still(self, symbol: str, seconds: float) -> None:
        self._exchange.pause(symbol)
        self._paused.add(symbol)
        self._at(self._now + seconds, lambda: self._resume(symbol))

    def _resume(self, symbol: str) -> None:
        self._paused.discard(symbol)
        self._exchange.resume(symbol)

    # --- filters ---

    def _filter(
        self,
        act: Callable[[Seen], Sequence[str | bytes] | None],
        seconds: float,
        *,
        first: bool = False,
        ends: Callable[[], None] = lambda: None,
    ) -> Filter:
        entry = Filter(act, ends)
        self._filters.insert(0 if first else len(self._filters), entry)

        def over() -> None:
            if entry in self._filters:
                self._drop(entry)
                entry.ends()

        self._at(self._now + seconds, over)
        return entry

    def _drop(self, entry: Filter) -> None:
        if entry in self._filters:
            self._filters.remove(entry)

    def _once(
        self,
        word: Word,
        wants: Wants,
        becomes: Callable[[Seen], Sequence[str | bytes] | None],
        *,
        count: bool = True,
    ) -> None:
        """The next frame that is wanted becomes others."""

        def act(seen: Seen) -> Sequence[str | bytes] | None:
            frames = becomes(seen) if wants(seen) else None
            if frames is not None:
                self._drop(entry)
                if count:
                    self._count(word.name, seen.symbol or str(seen.connection))
            return frames

        entry = self._filter(act, PATIENCE)

    def _update(self, word: Word) -> Wants:
        """An update that changes something, of the word's symbol."""
        return lambda seen: seen.is_update and seen.levels and word.symbol in (None, seen.symbol)
