"""One thing that is pushed about one symbol, and to whom."""

from __future__ import annotations

from typing import Any, NamedTuple

from bitmart_book.sim.venue.lines import Connection

__all__ = ["Feed", "Picture"]


class Feed:
    """The subscribers of one topic, and what they have seen."""

    __slots__ = ("last", "late", "seen", "subscribers")

    def __init__(self) -> None:
        self.subscribers: dict[int, Connection] = {}
        self.last: Any = None
        """What was last pushed, without its stamp."""
        self.seen = (-1, -1)
        """The version and number of trades at the last look."""
        self.late: list[tuple[Connection, str]] = []
        """Snapshots that wait until the next update has gone."""

    def join(self, connection: Connection) -> None:
        """One more subscriber; the first begins anew."""
        if not self.subscribers:
            self.last, self.seen, self.late = None, (-1, -1), []
        self.subscribers[connection.id] = connection


class Picture(NamedTuple):
    """A push of the kind that is complete each time."""

    content: Any
    """What makes it another one than the last."""
    text: str
