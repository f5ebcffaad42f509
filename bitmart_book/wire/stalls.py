"""When the event loop did not run, and whose function it was that kept it.

No clock: it is told how long ago the loop was to run. What was called meanwhile, and how long that
took altogether, `Latency` has timed. A function that took less than half of a pause did not cause
it: then it is something that this feed does not call, such as a task of the user's, or the machine.
"""

from __future__ import annotations

from typing import Any

from bitmart_book._book import Latency
from bitmart_book.client.times import PAUSE_SECONDS

__all__ = ["ELSEWHERE", "OTHERS", "Stalls"]

ELSEWHERE = "elsewhere"
"""What is reported where no function that this feed calls took most of a pause."""
OTHERS = "others"
"""What those have in common for which there are too many names already."""
# More than a program has functions; a lambda that is made anew each time has the same name.
_MOST_NAMES = 1_000


class Stalls:
    """The pauses of one loop."""

    def __init__(self, latency: Latency) -> None:
        self._latency = latency
        self._count = 0
        self._longest = 0.0
        self._causes: dict[str, dict[str, Any]] = {}

    def beat(self, pause: float) -> str | None:
        """The loop runs, so many seconds later than it was to. If that is a pause, it is counted,
        and why is said in a sentence; else None."""
        busiest = self._latency.take_busiest()
        if pause <= PAUSE_SECONDS:
            return None
        self._count += 1
        self._longest = max(self._longest, pause)
        if busiest is None or busiest[1] / 1e9 < pause / 2:
            self._blame(ELSEWHERE, pause)
            return "something in it blocks, or the machine is busy"
        called, spent_ns, calls = busiest
        name = getattr(called, "name", type(called).__name__)
        self._blame(name, pause)
        times = "one call" if calls == 1 else f"{calls} calls"
        return f"{name} took {spent_ns / 1e9:.3f} s, in {times}"

    def _blame(self, name: str, pause: float) -> None:
        if name not in self._causes and len(self._causes) >= _MOST_NAMES:
            name = OTHERS
        cause = self._causes.setdefault(name, {"pauses": 0, "seconds": 0.0, "longest": 0.0})
        cause["pauses"] += 1
        cause["seconds"] += pause
        cause["longest"] = max(cause["longest"], pause)

    def report(self) -> dict[str, Any]:
        """The pauses, and by the function that caused them."""
        return {
            "pauses": self._count,
            "longest_pause": self._longest,
            "stalls": {name: dict(cause) for name, cause in self._causes.items()},
        }
