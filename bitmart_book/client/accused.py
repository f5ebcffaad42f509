"""Topics that an error may have been about, until what follows tells.

Sans-I/O, of one session. An error that names no topic, or one whose data flows, is no verdict: if
the topic is acknowledged, or sends anything, within `ACCUSED_FOR`, then the error was about
something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bitmart_book.client.times import ACCUSED_FOR, CALLED_LATE
from bitmart_book.venues.profile import Reply

__all__ = ["Accusation", "Accused"]


class Accusation(NamedTuple):
    """An error that may have been about a topic."""

    reply: Reply
    due: float
    """When silence will mean that it was."""


class Accused:
    """The accused topics of a session, the first accusation of each."""

    def __init__(self) -> None:
        self._topics: dict[str, Accusation] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __contains__(self, topic: str) -> bool:
        return topic in self._topics

    def add(self, topic: str, reply: Reply, now: float) -> None:
        """An error may have been about that topic."""
        self._topics.setdefault(topic, Accusation(reply, now + ACCUSED_FOR))

    def acquit(self, topic: str) -> bool:
        """Something of it has come, or nobody wants it any more; returns whether it was accused."""
        return self._topics.pop(topic, None) is not None

    def next_deadline(self) -> float:
        """When `convicted` will have something to say; infinity: never."""
        return min((accusation.due for accusation in self._topics.values()), default=float("inf"))

    def convicted(self, now: float) -> list[tuple[str, Reply]]:
        """The topics of which nothing has come in time, and the errors, each once."""
        due = [(topic, found) for topic, found in self._topics.items() if now >= found.due]
        convicted = []
        for topic, found in due:
            if now >= found.due + CALLED_LATE:
                # This process stood still, and what was said meanwhile may not have been read yet.
                self._topics[topic] = Accusation(found.reply, now + ACCUSED_FOR)
            else:
                del self._topics[topic]
                convicted.append((topic, found.reply))
        return convicted
