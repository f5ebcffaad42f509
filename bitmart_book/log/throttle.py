"""What is said again and again becomes one line a second and a count.

No clock: the time is an argument. Nothing is dropped silently: what is held back is counted, and
the count is on the next line about the same cause, at the latest a second later.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Line", "Throttle"]

_OTHERS = "too many different causes"


class Line(NamedTuple):
    """Something to say, and how loudly (a level of `logging`)."""

    level: int
    text: str


class _Cause:
    def __init__(self, until: float) -> None:
        self.until = until
        self.held: Line | None = None
        self.count = 0

    def take(self, now: float, seconds: float, line: Line, more: int) -> Line:
        self.until = now + seconds
        self.held = None
        self.count = 0
        return line if more == 0 else line._replace(text=f"{line.text} (and {more} more like it)")


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

    def say(self, cause: str, line: Line, now: float) -> Line | None:
        """The line to write now; None when it is held back."""
        found = self._causes.get(cause)
        if found is None and len(self._causes) >= self.max_causes:
            cause = _OTHERS
            found = self._causes.get(cause)
        if found is None:
            self._causes[cause] = _Cause(now + self.seconds)
            return line
        if now >= found.until:
            return found.take(now, self.seconds, line, found.count)
        found.held = line
        found.count += 1
        self.swallowed += 1
        return None

    def due(self, now: float) -> list[Line]:
        """The lines that have been held back long enough, each with its count."""
        lines = []
        for cause, found in list(self._causes.items()):
            if now < found.until:
                continue
            if found.held is None:
                del self._causes[cause]
            else:
                lines.append(found.take(now, self.seconds, found.held, found.count - 1))
        return lines

    def rest(self) -> list[Line]:
        """Everything that is held back, at once: nothing more will be said."""
        lines = [
            found.take(found.until, self.seconds, found.held, found.count - 1)
            for found in self._causes.values()
            if found.held is not None
        ]
        self._causes.clear()
        return lines

    def __len__(self) -> int:
        return len(self._causes)
