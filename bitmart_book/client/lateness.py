"""Which connections are later than their host could be, and whether it was only its clock.

Sans-I/O. The engine measures by how much each frame is later than the earliest that its host has
shown, and counts each book's age from there; this file decides what is held back for it, and what
is forgiven. A lag that all connections of a host show, or one that was opened since, may be a
step of the venue's clock: such steps together are forgiven up to `FORGIVEN_MOST`. A queue of the
venue, in front of all its connections, looks just so; hence the bound, and hence what was forgiven
stays in the lag and the age of every book.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from bitmart_book._book import Engine
from bitmart_book._book import _Line as Measured
from bitmart_book.client.session import Session
from bitmart_book.client.subscriptions import Connection
from bitmart_book.client.times import (
    FORGIVEN_MOST,
    LAG_COUNTS,
    LATE_WITHIN,
    STEP_SLACK,
    STEP_WITHIN,
    TICK,
)
from bitmart_book.errors import UsageError

__all__ = ["Lateness"]


class _Line:
    """One socket: what it has shown, and since when it is late."""

    def __init__(self, connection: Connection, opened_at: float, measured: Measured) -> None:
        self.connection = connection
        self.generation = connection.generation
        self.opened_at = opened_at
        self.measured = measured
        self.host = measured.host
        self.shown: tuple[float, float] | None = None
        """Its lag at the least when it was looked at last, and when the last of it had come."""
        self.late_since: float | None = None
        self.least = 0.0
        """Its lag at the least since then."""
        self.is_beyond = False
        """Whether its lag is more than can be forgiven."""

    def is_late(self, lag: float) -> bool:
        """Whether so much lag is too much on its host."""
        return self.host is not None and lag - self.host.forgiven > LATE_WITHIN


class Lateness:
    """The lag of all connections of one client."""

    def __init__(self, engine: Engine, counters: Counter[str]) -> None:
        self._engine = engine
        self._counters = counters
        self._lines: dict[str, _Line] = {}
        # Since when some connection of a host has been late. One that was opened after that, and is
        # late as well, shows the same as all the others would.
        self._late_hosts: dict[str, float] = {}

    def opened(self, connection: Connection, session: Session) -> None:
        """A socket has opened: its books are readable while it is heard, and what comes on it is
        compared with what its host has shown."""
        timeouts = session.timeouts
        self._engine.open_line(
            connection.generation,
            timeouts.ping_after + timeouts.pong_within,
            host=connection.host,
            unseen=timeouts.pong_within,
            profile=connection.profile,
        )
        measured = self._engine.line(connection.generation)
        assert measured is not None
        self._lines[connection.name] = _Line(connection, session.opened_at, measured)

    def tick(self, connections: Iterable[Connection], now: float) -> list[tuple[Connection, str]]:
        """Look at what has arrived since the last time. Returns the connections that are to be made
        anew, as a fresh one has to show whether they are late or their host's clock was set; each
        with the reason."""
        there = {connection.name for connection in connections if connection.session is not None}
        for name in self._lines.keys() - there:
            del self._lines[name]
        for line in self._lines.values():
            self._look(line, now)
        return [
            (line.connection, self._why(line))
            for line in list(self._lines.values())
            if self._is_to_be_made_anew(line, now)
        ]

    def settle(self, connection: Connection, reason: str | None) -> bool:
        """Hold the books of a connection for that reason or for their lag, or release them. Returns
        whether that has changed anything for whoever reads them."""
        line = self._lines.get(connection.name)
        if reason is None and line is not None and line.generation == connection.generation:
            reason = None if line.late_since is None else self._why(line)
        before, connection.is_behind = connection.is_behind, reason is not None
        if reason is None:
            if before:
                self._engine.release(connection.generation)
        elif not before or reason != connection.held_for:
            self._counters["behind"] += not before
            self._engine.hold(connection.generation, reason)
        connection.held_for = reason
        return before != connection.is_behind

    def _why(self, line: _Line) -> str:
        host = line.connection.host
        reason = f"what arrives is {line.least:.1f} s later than {host} can be"
        if line.is_beyond:
            reason += f"; if its clock was set: feed.forget_lag({host!r})"
        return reason

    def lag(self, connection: Connection) -> float | None:
        """Seconds by which what a connection has brought of late is late; None where nothing
        tells."""
        line = self._lines.get(connection.name)
        if line is None or line.shown is None or line.generation != connection.generation:
            return None
        return line.shown[0]

    def forget(self, host: str) -> None:
        """The user says that the clock of a host was set: what arrives from there counts as
        punctual from now on. UsageError where there is no connection to it."""
        lines = [line for line in self._lines.values() if line.connection.host == host]
        if not lines:
            known = sorted({line.connection.host for line in self._lines.values()})
            raise UsageError(f"no connection to {host!r}; there is: {', '.join(known) or 'none'}")
        self._engine.set_floor(host, None)
        self._late_hosts.pop(host, None)
        for line in lines:
            line.shown = line.late_since = None

    def report(self, connections: Iterable[Connection]) -> dict[str, dict[str, Any]]:
        """Of each host: the lag that was forgiven, and the connections that are held for more."""
        found: dict[str, dict[str, Any]] = {}
        for connection in connections:
            line = self._lines.get(connection.name)
            if line is None or line.host is None:
                continue
            row = found.setdefault(connection.host, {"forgiven": line.host.forgiven, "held": []})
            if line.late_since is not None:
                row["held"].append(connection.name)
        return found

    def _look(self, line: _Line, now: float) -> None:
        """What a connection has shown since the last time."""
        before, shown = line.shown, line.measured.take_lag()
        if shown is None:
            if before is not None and now >= before[1] + LAG_COUNTS:
                line.late_since = line.shown = None
            return
        line.shown = shown
        host = line.connection.host
        if not line.is_late(shown[0]):
            line.late_since = None
            self._late_hosts.pop(host, None)
        elif line.late_since is not None:
            line.least = min(line.least, shown[0])
        elif not self._went_back(line, before, shown, now):
            self._counters["late"] += 1
            line.late_since, line.least, line.is_beyond = now, shown[0], False
            self._late_hosts.setdefault(host, now)

    def _went_back(
        self,
        line: _Line,
        before: tuple[float, float] | None,
        shown: tuple[float, float],
        now: float,
    ) -> bool:
        """Whether the venue's clock was set back to where it had been before. What waits in a queue
        is never later by more than the time that has passed."""
        if before is None or line.host is None:
            return False
        if shown[0] - before[0] <= shown[1] - before[1] + STEP_SLACK:
            return False
        former = line.host.before(shown[0])
        if former is None:
            return False
        self._engine.set_floor(line.connection.host, round(now * 1e9) - former)
        return True

    def _is_to_be_made_anew(self, line: _Line, now: float) -> bool:
        """Whether a late connection is to be replaced; a step of the clock is forgiven."""
        if line.late_since is None or now < line.late_since + STEP_WITHIN:
            return False
        others = line.measured.beside(line.late_since + TICK)
        if others:
            if all(map(line.is_late, others)):
                self._forgive(line, min(line.least, *others))
                return False
        elif line.opened_at > self._late_hosts.get(line.connection.host, now):
            self._forgive(line, line.least)
            return False
        # Alone it proves nothing; and one that is late while others are not may be so for long.
        return now >= line.opened_at + LAG_COUNTS

    def _forgive(self, line: _Line, step: float) -> None:
        """All that is heard of a host is late by `step`."""
        line.is_beyond = step > FORGIVEN_MOST + STEP_SLACK
        if line.is_beyond:
            return
        assert line.host is not None
        self._counters["forgiven"] += 1
        line.host.forgive(min(step, FORGIVEN_MOST))
        for other in self._lines.values():
            if other.host is line.host and not other.is_late(other.least):
                other.late_since = None
        self._late_hosts.pop(line.connection.host, None)
