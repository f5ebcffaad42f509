"""Connections between an exchange and its clients: what is held back on them, and how they end."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from bitmart_book.sim.exchange import Close, Exchange, Ping, Pong, Send
from bitmart_book.sim.faults.schedule import Schedule
from bitmart_book.sim.faults.shapes import SHAPES, Shape

__all__ = ["Line", "Op", "Order", "Reset", "Slice", "Wires"]


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


class Line:
    """One connection as the network sees it."""

    __slots__ = ("deaf", "held", "id", "lag", "open_at", "shape", "silent", "tail")

    def __init__(self, id_: int, shape: Shape | None) -> None:
        self.id = id_
        self.shape = shape
        """How frames look on it; None: as BitMart's."""
        self.silent = self.deaf = False
        """Nothing comes from the exchange; nothing reaches it."""
        self.open_at = 0.0
        """Until then nothing gets through, and waits."""
        self.lag: tuple[float, float, float] | None = None
        """Since when the delay grows, until when, and by how much in each second."""
        self.held: deque[tuple[float, Op]] = deque()
        self.tail = 0.0

    @property
    def busy(self) -> bool:
        return bool(self.silent or self.held or self.open_at or self.lag)


class Wires:
    """Every connection, and what goes out on them next."""

    def __init__(self, schedule: Schedule, exchange: Exchange, rng: random.Random) -> None:
        self.lines: dict[int, Line] = {}
        self.output: list[Op] = []
        """What the carrier has to do next, in this order."""
        self.busy: dict[int, Line] = {}
        """Those on which something else happens than that all passes at once."""
        self.queues: list[Callable[[Send, str | bytes], bool]] = []
        """Where frames may have to wait before they are on a line. Given a frame, and as what the
        exchange said it, they say whether it is kept there."""
        self._schedule = schedule
        self._exchange = exchange
        self._rng = rng

    def opened(self, connection: int) -> None:
        """A connection was accepted."""
        feed = self._exchange.feed_of(connection)
        shape = None if feed is None else SHAPES[feed.market]
        self.lines[connection] = Line(connection, shape)

    def gone(self, connection: int) -> None:
        """A connection has ended, for whatever reason."""
        self.lines.pop(connection, None)
        self.busy.pop(connection, None)

    def shape(self, connection: int) -> Shape | None:
        """How frames look on a connection; None: as BitMart's, or it is gone."""
        line = self.lines.get(connection)
        return None if line is None else line.shape

    def take(self) -> list[Op]:
        """What the carrier has to do now."""
        output, self.output = self.output, []
        return output

    def line(self) -> Line | None:
        """Some connection that is not silent."""
        lines = [line for line in self.lines.values() if not line.silent]
        return self._rng.choice(lines) if lines else None

    def deliver(self, line: Line | None, op: Op, said: str | bytes | None = None) -> None:
        """Something goes out, after all that waits for its connection. `said`: as what the exchange
        said a frame that was changed, and perhaps damaged, on its way."""
        if line is None:
            self.output.append(op)
        elif not line.silent and not self._waits(op, said):
            self._go(line, op)

    def _waits(self, op: Op, said: str | bytes | None) -> bool:
        if not isinstance(op, Send):
            return False
        original = op.payload if said is None else said
        return any(take(op, original) for take in self.queues)

    def _go(self, line: Line, op: Op) -> None:
        """Something is on its line, after all that waits there."""
        now = self._schedule.now
        when = max(line.open_at, line.tail if line.held else 0.0)
        if line.lag is not None:
            since, until, growth = line.lag
            if now < until:
                when = max(when, now + growth * (now - since))
        if when <= now:
            self.output.append(op)
            return
        line.tail = when
        line.held.append((when, op))
        self._schedule.at(when, lambda: self.release(line))

    def arrive(self, send: Send) -> None:
        """A frame comes that the exchange has not sent now; on a connection that is gone it is
        lost."""
        line = self.lines.get(send.connection)
        if line is not None:
            self.deliver(line, send)

    def leave(self, send: Send) -> None:
        """A frame has waited in a queue; on a connection that is gone it is lost."""
        line = self.lines.get(send.connection)
        if line is not None and not line.silent:
            self._go(line, send)

    def release(self, line: Line) -> None:
        """Let out what has waited long enough."""
        now = self._schedule.now
        while line.held and line.held[0][0] <= now:
            self.output.append(line.held.popleft()[1])
        if line.open_at <= now:
            line.open_at = 0.0
        if line.lag is not None and now >= line.lag[1] and not line.held:
            line.lag = None
        self.rest(line)

    def release_all(self) -> None:
        """Hold nothing back any more. What is dead stays dead."""
        for line in list(self.busy.values()):
            line.open_at, line.lag = 0.0, None
            while line.held:
                self.output.append(line.held.popleft()[1])
            self.rest(line)

    def rest(self, line: Line) -> None:
        """A fault has changed a line: whether everything passes at once is to be seen anew."""
        if line.busy and line.id in self.lines:
            self.busy[line.id] = line
        else:
            self.busy.pop(line.id, None)

    def cut(self, connection: int) -> None:
        """Reset a connection."""
        if connection in self.lines:
            self._exchange.disconnected(connection, self._schedule.now)
            self.gone(connection)
            self.output.append(Reset(connection))

    def hang_up(self, connection: int) -> None:
        """The exchange ends a connection."""
        if connection in self.lines:
            self._exchange.disconnected(connection, self._schedule.now)
            code = self._rng.choice((1000, 1001, 1008, 1009, 1011, 1012, 1013))
            self.deliver(self.lines[connection], Close(connection, code, "closed by a fault"))
