"""How often each kind of fault has acted, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from bitmart_book.sim.faults.acts import Acts
from bitmart_book.sim.faults.schedule import Schedule

__all__ = ["Log"]


class Log:
    """Counts, and the acts of late. `told` hears of each fault that acts: time, name and place."""

    def __init__(
        self,
        schedule: Schedule,
        rows: Mapping[str, tuple[int, ...]],
        told: Callable[[float, str, str], None] | None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """How often each kind has acted."""
        self.rows: Counter[int] = Counter()
        """The same by the rows of the catalogue."""
        self.total = 0
        self.acts = Acts()
        self._schedule = schedule
        self._rows = rows
        self.told = told

    def count(self, name: str, place: str = "", until: float | None = None) -> None:
        """A fault acts now, and until that time if it lasts."""
        now = self._schedule.now
        self.counts[name] += 1
        self.total += 1
        for row in self._rows[name]:
            self.rows[row] += 1
        self.acts.add(name, place, now, now if until is None else until)
        if self.told is not None:
            self.told(now, name, place)
