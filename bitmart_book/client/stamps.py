"""Which of two private words is the older one, by stamps that may be wrong.

Sans-I/O. What the venue says of an account mostly arrives in order; now and then something was
overtaken, by seconds. So a stamp that is behind by so little says that its word is late. One that
is further behind says it only if the stamp it is behind can be believed: if about half of the
others are as far ahead of our own clock. A single stamp in the future holds nothing up, and a clock
of the venue that was set back holds for a few words.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from bitmart_book.client.times import OVERTAKEN_WITHIN

__all__ = ["Stamp", "Stamps"]

# So many of the last stamps of a market bear witness.
WITNESSES = 8
_LATE_MS = 1000 * OVERTAKEN_WITHIN


class Stamp(NamedTuple):
    """A stamp of the venue, and how it was related to our own clock when it arrived."""

    ms: int
    ahead_ms: float
    """By how much it was ahead of the clock of whoever received it, whatever that clock's zero."""


class Stamps:
    """The last stamps of each market."""

    def __init__(self) -> None:
        self._last: dict[str, deque[Stamp]] = {}

    @staticmethod
    def made(ms: int | None, now: float) -> Stamp | None:
        """A stamp that arrived now, in seconds of a clock that is never set; None if there is
        none."""
        return None if ms is None else Stamp(ms, ms - 1000 * now)

    def note(self, market: str, stamp: Stamp | None) -> None:
        """A word with that stamp has brought something new. One push may bring several."""
        last = self._last.setdefault(market, deque(maxlen=WITNESSES))
        if stamp is not None and all(stamp.ms != other.ms for other in last):
            last.append(stamp)

    def is_late(self, market: str, stamp: Stamp | None, known: Stamp | None) -> bool:
        """Whether a word of that stamp was overtaken by what is known."""
        if stamp is None or known is None or stamp.ms >= known.ms:
            return False
        if known.ms - stamp.ms <= _LATE_MS:
            return True
        others = [other for other in self._last.get(market, ()) if other.ms != known.ms]
        ahead = sum(other.ahead_ms >= known.ahead_ms - _LATE_MS for other in others)
        return bool(others) and 2 * ahead >= len(others)
