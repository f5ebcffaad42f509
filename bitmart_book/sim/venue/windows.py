"""A futures book as it is pushed: the best so many levels a side, kept full, each push a version.

A level that enters the window is sent, one that leaves it is sent as gone, so that the windows of
server and client stay the same. A push without any change is a version too.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Rows", "Window", "changed"]

Rows = list[tuple[int, int]]


class Window:
    """The latest push, and what earlier ones had come to. Rows are (price, size), best first."""

    _REMEMBERED = 500

    def __init__(self, version: int, bids: Rows, asks: Rows, depth: int) -> None:
        self.version = version
        self.depth = depth
        self._sides = (bids, asks)
        self._past: dict[int, tuple[Rows, Rows]] = {version: self._sides}

    @property
    def is_empty(self) -> bool:
        """Whether there is no level at all."""
        return not self._sides[0] and not self._sides[1]

    def levels(self) -> tuple[Rows, Rows]:
        """Bids and asks as of this version."""
        return self._sides

    def at(self, version: int) -> tuple[Rows, Rows] | None:
        """Bids and asks as of an earlier version; None: not remembered."""
        return self._past.get(version)

    def update(self, bids: Rows, asks: Rows) -> tuple[Rows, Rows]:
        """The next version: what changed since the last one, size zero for what is gone."""
        before, self._sides = self._sides, (bids, asks)
        self.version += 1
        self._past[self.version] = self._sides
        if len(self._past) > self._REMEMBERED:
            del self._past[next(iter(self._past))]
        return (
            sorted(changed(before[0], bids), reverse=True),
            sorted(changed(before[1], asks)),
        )

    def restart(self, version: int) -> None:
        """Count anew from that version; earlier ones are forgotten."""
        self.version = version
        self._past = {version: self._sides}


def changed(before: Sequence[tuple[int, int]], after: Rows) -> Rows:
    """What makes a side of what it was: new sizes, and size zero for what is gone."""
    known, kept = dict(before), {price for price, _ in after}
    rows = [row for row in after if known.get(row[0]) != row[1]]
    return rows + [(price, 0) for price in known if price not in kept]
