"""A client and the venue joined without sockets, under a clock that only counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from tests.strangers.judge import Judge, Reader
from tests.strangers.units import MILLI, seconds
from tests.strangers.venue import NEVER, Venue


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants done: "open" (text: endpoint), "send" (None: a ping frame), "close"."""

    what: str
    line: int
    text: str | None = None


class Party(Protocol):
    """A client without I/O. `line` is its own number for a connection."""

    def due(self) -> int:
        """The next moment at which `advance` has something to do."""

    def advance(self, now: int) -> None: ...

    def opened(self, line: int, now: int) -> None: ...

    def refused(self, line: int, status: int, now: int) -> None: ...

    def heard(self, line: int, payload: str | bytes, now: int) -> None: ...

    def lost(self, line: int, code: int | None, now: int) -> None: ...

    def wishes(self) -> Iterable[Wish]:
        """What has gathered to be done; each is given once."""


@dataclass(slots=True)
class World:
    """One run. `digest` is of everything that passed between the two, and of every read."""

    venue: Venue
    party: Party
    reader: Reader
    judge: Judge
    random: Random
    looks_a_second: float = 4.0
    now: int = 0
    also: Callable[[int], None] = lambda now: None
    """Called whenever the judge has looked."""
    over: bool = False
    """Set to end the run before its time."""
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    _lines: dict[int, int] = field(default_factory=dict)
    _numbers: dict[int, int] = field(default_factory=dict)
    _opening: list[tuple[int, int, str]] = field(default_factory=list)

    def run(self, until: int) -> None:
        """Let time pass until a moment, looking at the client at moments of the judge's own."""
        look = self.now
        while self.now < until and not self.over:
            self._grant()
            opening = min((at for at, _, _ in self._opening), default=NEVER)
            self.now = max(self.now, min(self.venue.due(), self.party.due(), opening, look, until))
            self._open()
            self.venue.advance(self.now)
            self._deliver()
            self.party.advance(self.now)
            if self.now >= look:
                self.judge.look(self.reader, self.now)
                self.also(self.now)
                look = self.now + seconds(self.random.expovariate(self.looks_a_second)) + 1

    def fingerprint(self) -> str:
        """The same for two runs that were the same."""
        tally = self.judge.tally
        self._note(f"{tally.live} {tally.reads} {tally.wrong} {tally.over_age} {tally.found}")
        return self.digest.hexdigest()[:16]

    def _grant(self) -> None:
        for wish in self.party.wishes():
            self._note(f"{self.now} {wish.what} {wish.line} {wish.text}")
            if wish.what == "open":
                pause = self.random.randint(5 * MILLI, 60 * MILLI)
                pause += self.venue.door_pause(wish.text or "")
                self._opening.append((self.now + pause, wish.line, wish.text or ""))
            elif wish.what == "send":
                if wish.line in self._numbers:
                    self.venue.hears(self._numbers[wish.line], wish.text, self.now)
            else:
                self._opening = [one for one in self._opening if one[1] != wish.line]
                number = self._numbers.pop(wish.line, None)
                if number is not None:
                    self._lines.pop(number, None)
                    self.venue.lost(number, self.now)

    def _open(self) -> None:
        ready = sorted(one for one in self._opening if one[0] <= self.now)
        self._opening = [one for one in self._opening if one[0] > self.now]
        for _, line, endpoint in ready:
            status, connection = self.venue.opens(endpoint, self.now)
            self._note(f"{self.now} door {line} {endpoint} {status}")
            if connection is None:
                self.party.refused(line, status, self.now)
                continue
            self._lines[connection.number] = line
            self._numbers[line] = connection.number
            self.party.opened(line, self.now)

    def _deliver(self) -> None:
        for delivery in self.venue.takes():
            line = self._lines.get(delivery.connection)
            if line is None:
                continue
            self._note(f"{self.now} {line} {delivery.payload!r} {delivery.code}")
            if delivery.payload is not None:
                self.party.heard(line, delivery.payload, self.now)
            else:
                self._lines.pop(delivery.connection)
                self._numbers.pop(line, None)
                self.party.lost(line, delivery.code, self.now)

    def _note(self, text: str) -> None:
        self.digest.update(text.encode("utf-8", "surrogatepass"))
