"""What faults have planned: jobs and their times, on a clock that is an argument."""

from __future__ import annotations

import heapq
from collections.abc import Callable

__all__ = ["Schedule"]


class Schedule:
    """Jobs by their time. None is taken any more once it was stopped, until it goes on."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self._stopped = False

    def at(self, when: float, job: Callable[[], None]) -> None:
        """Call `job` at that time, or as soon as it can be if that is over."""
        if not self._stopped:
            self._serial += 1
            heapq.heappush(self._due, (when, self._serial, job))

    def run(self, until: float) -> None:
        """Do what is due until then."""
        while self._due and self._due[0][0] <= until:
            self.now, _, job = heapq.heappop(self._due)
            job()
        self.now = until

    def next_time(self) -> float | None:
        """When `run` has something to do."""
        return self._due[0][0] if self._due else None

    def stop(self) -> None:
        """Forget every job, and take no more."""
        self._due.clear()
        self._stopped = True

    def go_on(self) -> None:
        """Take jobs again."""
        self._stopped = False
