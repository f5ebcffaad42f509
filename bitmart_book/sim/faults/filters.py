"""What looks at frames on their way, and may let others take their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bitmart_book.sim.faults.frames import Seen
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.log import Log
from bitmart_book.sim.faults.schedule import Schedule
from bitmart_book.sim.faults.shapes import Shape

__all__ = ["PATIENCE", "Filter", "Filters", "Wants", "nothing", "updates_of"]

# How long a fault waits for a frame that it can act on.
PATIENCE = 30.0

Becomes = Callable[[Seen], Sequence[str | bytes] | None]
Wants = Callable[[Seen], bool]
Hears = Callable[[int, str], list[str] | None]


class Filter(NamedTuple):
    """What looks at frames: returns those that take a frame's place, or None to let it pass."""

    act: Becomes
    ends: Callable[[], None]
    """Called when its time is over, or the faults stop."""


class Filters:
    """Those at work, in order: the first that has an answer has the last word on a frame."""

    def __init__(self, schedule: Schedule, log: Log, shape: Callable[[int], Shape | None]) -> None:
        self.outbound: list[Filter] = []
        """Of what the exchange says."""
        self.inbound: list[Hears] = []
        """Of the texts of clients: what is heard of one instead, or None."""
        self._schedule = schedule
        self._log = log
        self._shape = shape

    def frames(self, connection: int, payload: str | bytes) -> Sequence[str | bytes]:
        """What becomes of a frame of the exchange."""
        if not self.outbound:
            return (payload,)
        seen = Seen(connection, payload, self._shape(connection))
        for entry in list(self.outbound):
            frames = entry.act(seen)
            if frames is not None:
                return frames
        return (payload,)

    def heard(self, connection: int, text: str) -> list[str]:
        """What the exchange hears of a client's text."""
        for act in list(self.inbound):
            heard = act(connection, text)
            if heard is not None:
                return list(heard)
        return [text]

    def stop(self) -> None:
        """End them all."""
        for entry in list(self.outbound):
            self.drop(entry)
            entry.ends()
        self.inbound.clear()

    def add(
        self,
        act: Becomes,
        seconds: float,
        *,
        first: bool = False,
        ends: Callable[[], None] = lambda: None,
    ) -> Filter:
        """Look at every frame for so long; `first`: before those that look already."""
        entry = Filter(act, ends)
        self.outbound.insert(0 if first else len(self.outbound), entry)

        def over() -> None:
            if entry in self.outbound:
                self.drop(entry)
                entry.ends()

        self._schedule.at(self._schedule.now + seconds, over)
        return entry

    def drop(self, entry: Filter) -> None:
        """Look no more."""
        if entry in self.outbound:
            self.outbound.remove(entry)

    def once(self, word: Word, wants: Wants, becomes: Becomes, *, count: bool = True) -> None:
        """The next frame that is wanted becomes others."""

        def act(seen: Seen) -> Sequence[str | bytes] | None:
            frames = becomes(seen) if wants(seen) else None
            if frames is not None:
                self.drop(entry)
                if count:
                    self._log.count(word.name, seen.place)
            return frames

        entry = self.add(act, PATIENCE)

    def lose_update(self, word: Word, symbol: str, then: Callable[[], None] | None = None) -> None:
        """The next update of a symbol is lost; then something else happens."""

        def lose(seen: Seen) -> list[str | bytes]:
            del seen
            if then is not None:
                then()
            return []

        self.once(word, updates_of(symbol), lose)

    def hear(self, act: Hears, seconds: float = PATIENCE) -> None:
        """Listen to what clients say, for so long."""
        self.inbound.append(act)
        self._schedule.at(self._schedule.now + seconds, lambda: self.unhear(act))

    def unhear(self, act: Hears) -> None:
        """Listen no more."""
        if act in self.inbound:
            self.inbound.remove(act)


def updates_of(symbol: str | None) -> Wants:
    """Whether a frame is an update that changes something, of that symbol or of any (None)."""
    return lambda seen: seen.is_update and seen.levels and symbol in (None, seen.symbol)


def nothing(seen: Seen) -> list[str | bytes]:
    """What becomes of a frame that is lost."""
    del seen
    return []
