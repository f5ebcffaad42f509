"""What the client decides and what it has to say, kept in order until somebody fetches it."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from bitmart_book.errors import printable
from bitmart_book.model import Event, EventKind

__all__ = ["Action", "Close", "Open", "Outbox", "Ping", "Push", "Send", "fills_of"]


class Open(NamedTuple):
    """Open a websocket to `url`; report `opened`, or `failed`, for this connection."""

    connection: str
    url: str


class Send(NamedTuple):
    """Send a text frame. A secret one, a login, belongs in no log."""

    connection: str
    text: str
    secret: bool = False

    def __repr__(self) -> str:
        return f"Send({self.connection!r}, {'a login' if self.secret else repr(self.text)})"


class Ping(NamedTuple):
    """Send a ping frame of the websocket protocol; report its pong with `Client.ponged`."""

    connection: str


class Close(NamedTuple):
    """Close the socket; `lost` need not be reported."""

    connection: str
    reason: str


Action = Open | Send | Ping | Close


class Push(NamedTuple):
    """Typed values that arrived on a topic that is not a book's."""

    topic: str
    values: tuple[Any, ...]


def fills_of(topic: str) -> str:
    """Where executions are pushed that words of a topic of orders were the first to tell of."""
    return f"fills of {topic}"


class Outbox:
    """Actions, events and pushes of one client, and its counters.

    Every part of the client writes here; `take_actions`, `take_events` and `take_pushes` hand out
    each entry once.
    """

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self._actions: list[Action] = []
        self._events: list[Event] = []
        self._pushes: list[Push] = []

    def act(self, action: Action) -> None:
        """Have an action executed, after those before it."""
        self._actions.append(action)

    def push(self, topic: str, values: tuple[Any, ...]) -> None:
        """Values of a topic that is not a book's."""
        self._pushes.append(Push(topic, values))

    def event(
        self,
        kind: EventKind,
        now: float,
        *,
        connection: str | None = None,
        topic: str | None = None,
        code: str | None = None,
        reason: str | None = None,
        after: float | None = None,
    ) -> None:
        """Something has happened; the fields are those of an `Event`. What a frame said, as a topic
        or in a reason, is escaped."""
        self._events.append(
            Event(
                kind=kind,
                time=now,
                connection=connection,
                topic=None if topic is None else printable(topic),
                code=code,
                reason=None if reason is None else printable(reason),
                after=after,
            )
        )

    def take_actions(self) -> list[Action]:
        """The actions since the last call."""
        actions, self._actions = self._actions, []
        return actions

    def take_events(self) -> list[Event]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def take_pushes(self) -> list[Push]:
        """The pushes since the last call."""
        pushes, self._pushes = self._pushes, []
        return pushes
