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
from bitmart_book.sim.faults.grammar import Word, words_of

__all__ = [
    "LAG_GROWTH",
    "NO_ANSWER",
    "PATIENCE",
    "Begin",
    "Filter",
    "Kind",
    "Line",
    "Network",
    "Op",
    "Order",
    "Reset",
    "Slice",
    "Wants",
    "by_carrier",
    "nothing",
]


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
# Between two empty snapshots of a symbol: a second one in a row is to be believed.
EMPTY_APART = 120.0
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
        kinds: Mapping[str, Kind],
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
        self.rng = rng
        self.exchange = exchange
        self._kinds = kinds
        self._told = told
        self.now = now
        self.lines: dict[int, Line] = {}
        self._busy: dict[int, Line] = {}
        self.filters: list[Filter] = []
        self.inbound: list[Callable[[int, str], list[str] | None]] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self.output: list[Op] = []
        self.refused_until = 0.0
        self.refusals: deque[Refusal] = deque()
        self.slams = 0
        self.emptied: dict[str, float] = {}
        self.began_at_one: dict[str, float] = {}
        self.paused: set[str] = set()
        self._stopped = False
        self.start(spec, now)

    # --- the carrier's side ---

    def opened(self, connection: int, now: float) -> None:
        """A connection was accepted."""
        self.now = now
        self.lines[connection] = Line(connection)
        if self.slams:
            self.slams -= 1
            self.count("slam", str(connection))
            end = self.rng.choice((self.cut, self.hang_up))
            self.at(now + self.rng.uniform(0.0, 0.05), lambda: end(connection))

    def gone(self, connection: int) -> None:
        """A connection has ended, for whatever reason."""
        self.lines.pop(connection, None)
        self._busy.pop(connection, None)

    def connecting(self, now: float) -> Refusal | None:
        """Somebody wants a connection: a refusal (`NO_ANSWER`: say nothing at all), or None."""
        self.now = now
        if now < self.refused_until:
            return Refusal(503, "no service")
        return self.refusals.popleft() if self.refusals else None

    def outgoing(self, actions: list[Send | Close | Pong | Ping], now: float) -> Sequence[Op]:
        """What becomes of what the exchange sends."""
        if not self.filters and not self._busy:
            return actions
        self.now = now
        for action in actions:
            line = self.lines.get(action.connection)
            if line is None or not isinstance(action, Send) or line.silent:
                self.deliver(line, action)
                continue
            for payload in self._filtered(action.connection, action.payload):
                self.deliver(line, Send(action.connection, payload))
        output, self.output = self.output, []
        return output

    def incoming(self, connection: int, payload: str | bytes, now: float) -> list[str | bytes]:
        """What the exchange hears of what a client says."""
        self.now = now
        line = self.lines.get(connection)
        if line is not None and line.deaf:
            return []
        if isinstance(payload, str):
            for act in list(self.inbound):
                heard = act(connection, payload)
                if heard is not None:
                    return list(heard)
        return [payload]

    def advance(self, now: float) -> Sequence[Op]:
        """Do what is due until now; also to be called after `incoming`, which may answer."""
        while self._due and self._due[0][0] <= now:
            self.now, _, job = heapq.heappop(self._due)
            job()
        self.now = now
        output, self.output = self.output, []
        return output

    def next_deadline(self) -> float | None:
        """When `advance` has something to do."""
        if self.output:
            return self.now
        return self._due[0][0] if self._due else None

    def is_silent(self, connection: int) -> bool:
        """Whether that connection is dead without anybody having been told."""
        line = self._busy.get(connection)
        return line is not None and line.silent

    @property
    def acting(self) -> bool:
        """Whether some fault is at work, or about to be."""
        return bool(
            self.filters
            or self._busy
            or self.inbound
            or self.paused
            or self.refusals
            or self.slams
            or self.now < self.refused_until
        )

    def start(self, spec: str, now: float) -> None:
        """Begin with these faults, beside those that may be at work already."""
        self._stopped = False
        self.now = now
        shares = {name: kind.share for name, kind in self._kinds.items()}
        for word in words_of(spec, shares):
            if word.when is not None:
                self.at(now + word.when, functools.partial(self.begin, word))
            else:
                self.recur(word)

    def stop(self, now: float) -> Sequence[Op]:
        """End every fault. What was held back goes out; connections that are dead stay dead."""
        self.now = now
        self._stopped = True
        self._due.clear()
        for entry in list(self.filters):
            self.drop(entry)
            entry.ends()
        self.inbound.clear()
        self.stuck = {symbol: min(now, until) for symbol, until in self.stuck.items()}
        self.refused_until, self.slams = now, 0
        self.refusals.clear()
        for symbol in sorted(self.paused):
            self.resume(symbol)
        for line in list(self._busy.values()):
            line.open_at, line.lag = 0.0, None
            while line.held:
                self.output.append(line.held.popleft()[1])
            self.rest(line)
        output, self.output = self.output, []
        return output

    # --- time and counting ---

    def at(self, when: float, job: Callable[[], None]) -> None:
        if not self._stopped:
            self._serial += 1
            heapq.heappush(self._due, (when, self._serial, job))

    def recur(self, word: Word) -> None:
        per_minute = word.per_minute or self._kinds[word.name].per_minute
        wait = self.rng.expovariate(per_minute / 60.0)

        def again() -> None:
            self.begin(word)
            self.recur(word)

        self.at(self.now + wait, again)

    def begin(self, word: Word) -> None:
        self._kinds[word.name].begin(self, word)

    def count(self, name: str, what: str = "") -> None:
        self.counts[name] += 1
        self.total += 1
        for row in self._kinds[name].rows:
            self.rows[row] += 1
        if self._told is not None:
            self._told(self.now, name, what)

    def seconds(self, word: Word) -> float:
        return self._kinds[word.name].seconds if word.seconds is None else word.seconds

    # --- lines ---

    def _filtered(self, connection: int, payload: str | bytes) -> Sequence[str | bytes]:
        if not self.filters:
            return (payload,)
        seen = Seen(connection, payload)
        for entry in list(self.filters):
            frames = entry.act(seen)
            if frames is not None:
                return frames
        return (payload,)

    def deliver(self, line: Line | None, op: Op) -> None:
        if line is None:
            self.output.append(op)
            return
        if line.silent:
            return
        when = max(line.open_at, line.tail if line.held else 0.0)
        if line.lag is not None:
            since, until = line.lag
            if self.now < until:
                when = max(when, self.now + LAG_GROWTH * (self.now - since))
        if when <= self.now:
            self.output.append(op)
            return
        line.tail = when
        line.held.append((when, op))
        self.at(when, lambda: self.release(line))

    def arrive_late(self, send: Send) -> None:
        self.late_at = self.now
        self.arrive(send)

    def arrive(self, send: Send) -> None:
        line = self.lines.get(send.connection)
        if line is not None:
            self.deliver(line, send)

    def release(self, line: Line) -> None:
        while line.held and line.held[0][0] <= self.now:
            self.late_at = self.now
            self.output.append(line.held.popleft()[1])
        if line.open_at <= self.now:
            line.open_at = 0.0
        if line.lag is not None and self.now >= line.lag[1] and not line.held:
            line.lag = None
        self.rest(line)

    def rest(self, line: Line) -> None:
        if line.busy and line.id in self.lines:
            self._busy[line.id] = line
        else:
            self._busy.pop(line.id, None)

    def cut(self, connection: int) -> None:
        if connection in self.lines:
            self.exchange.disconnected(connection, self.now)
            self.gone(connection)
            self.output.append(Reset(connection))

    def hang_up(self, connection: int) -> None:
        if connection in self.lines:
            self.exchange.disconnected(connection, self.now)
            code = self.rng.choice((1000, 1001, 1008, 1009, 1011, 1012, 1013))
            self.deliver(self.lines[connection], Close(connection, code, "closed by a fault"))

    # --- choosing ---

    def symbol(self, word: Word) -> str | None:
        """A symbol that somebody hears of, not one that stands still."""
        symbols = [
            symbol
            for symbol in self.exchange.subscribed()
            if not self.exchange.is_paused(symbol) and word.symbol in (None, symbol)
        ]
        return self.rng.choice(symbols) if symbols else None

    def line(self) -> Line | None:
        lines = [line for line in self.lines.values() if not line.silent]
        return self.rng.choice(lines) if lines else None

    # --- markets that stand still ---

    def stand_still(self, symbol: str, seconds: float) -> None:
        self.exchange.pause(symbol)
        self.paused.add(symbol)
        self.at(self.now + seconds, lambda: self.resume(symbol))

    def resume(self, symbol: str) -> None:
        self.paused.discard(symbol)
        self.exchange.resume(symbol)

    # --- filters ---

    def filter(
        self,
        act: Callable[[Seen], Sequence[str | bytes] | None],
        seconds: float,
        *,
        first: bool = False,
        ends: Callable[[], None] = lambda: None,
    ) -> Filter:
        entry = Filter(act, ends)
        self.filters.insert(0 if first else len(self.filters), entry)

        def over() -> None:
            if entry in self.filters:
                self.drop(entry)
                entry.ends()

        self.at(self.now + seconds, over)
        return entry

    def drop(self, entry: Filter) -> None:
        if entry in self.filters:
            self.filters.remove(entry)

    def once(
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
                self.drop(entry)
                if count:
                    self.count(word.name, seen.symbol or str(seen.connection))
            return frames

        entry = self.filter(act, PATIENCE)

    def update(self, word: Word) -> Wants:
        """An update that changes something, of the word's symbol."""
        return lambda seen: seen.is_update and seen.levels and word.symbol in (None, seen.symbol)

    def lose_update(self, word: Word, symbol: str, then: Callable[[], None] | None = None) -> None:
        def lose(seen: Seen) -> list[str | bytes]:
            del seen
            if then is not None:
                then()
            return []

        self.once(word, lambda seen: seen.is_update and seen.levels and seen.symbol == symbol, lose)

    def while_on_a_line(self, word: Word, loses: Wants) -> None:
        line = self.line()
        if line is None:
            return
        connection = line.id
        self.filter(
            lambda seen: [] if seen.connection == connection and loses(seen) else None,
            self.seconds(word),
            first=True,
        )
        self.count(word.name, str(connection))

    # --- what clients say ---

    def hear(self, act: Callable[[int, str], list[str] | None]) -> None:
        self.inbound.append(act)
        self.at(self.now + PATIENCE, lambda: self.unhear(act))

    def unhear(self, act: Callable[[int, str], list[str] | None]) -> None:
        if act in self.inbound:
            self.inbound.remove(act)

    # --- what several kinds begin with ---

    def reset_some_line(self) -> bool:
        line = self.line()
        if line is not None:
            self.count("reset", str(line.id))
            self.cut(line.id)
        return line is not None

    def may_be_empty(self, symbol: str) -> bool:
        """Whether nobody was shown an empty book of late. Of now."""
        last = self.emptied.get(symbol)
        if last is not None and self.now < last + EMPTY_APART:
            return False
        self.emptied[symbol] = self.now
        return True


def nothing(seen: Seen) -> list[str | bytes]:
    """What becomes of a frame that is lost."""
    del seen
    return []


def by_carrier(net: Network, word: Word) -> None:
    """Begin a fault that only the carrier of the frames can do."""
    net.output.append(Order(word.name, net.seconds(word), word.symbol))
    net.count(word.name)
