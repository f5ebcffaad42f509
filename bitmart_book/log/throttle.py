"""What is said again and again becomes one line a second and a count.

No clock: the time is an argument. Nothing is dropped silently: what is held back is counted, and
the count is on the next line about the same cause, at the latest a second later.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Entry", "Throttle"]

_OTHERS = "too many different causes"


class Entry(NamedTuple):
    """Something to say, and how loudly (a level of `logging`)."""

    level: int
    text: str


class _Cause:
    def __init__(self, until: float) -> None:
        self.until = until
        self.held: Entry | None = None
        self.count = 0

    def take(self, now: float, seconds: float, entry: Entry, more: int) -> Entry:
        self.until = now + seconds
        self.held = None
        self.count = 0
        if more:
            return entry._replace(text=f"{entry.text} (and {more} more like it)")
        return entry


class Throttle:
    """Lets one line per cause through in so many `seconds`.

    At most `max_causes` are told apart at a time; all others count as one.
    """

    def __init__(self, seconds: float = 1.0, max_causes: int = 1_000) -> None:
        self.seconds = seconds
        self.max_causes = max_causes
        self.swallowed = 0
        """How many lines were held back so far."""
        self._causes: dict[str, _Cause] = {}

    def say(self, cause: str, entry: Entry, now: float) -> Entry | None:
        """The line to write now; None when it is held back."""
        found = self._causes.get(cause)
        if found is None and len(self._causes) >= self.max_causes:
            cause = _OTHERS
            found = self._causes.get(cause)
        if found is None:
            self._causes[cause] = _Cause(now + self.seconds)
            return entry
        if now >= found.until:
            return found.take(now, self.seconds, entry, found.count)
        found.held = entry
        found.count += 1
        self.swallowed += 1
        return None

    def due(self, now: float) -> list[Entry]:
        """The lines that have been held back long enough, each with its count."""
        entries = []
        for cause, found in list(self._causes.items()):
            if now < found.until:
                continue
            if found.held is None:
                del self._causes[cause]
            else:
                entries.append(found.take(now, self.seconds, found.held, found.count - 1))
        return entries

    def rest(self) -> list[Entry]:
        """Everything that is held back, at once: nothing more will be said."""
        entries = [
            found.take(found.until, self.seconds, found.held, found.count - 1)
            for found in self._causes.values()
            if found.held is not None
        ]
        self._causes.clear()
        return entries

    def __len__(self) -> int:
        return len(self._causes)
