"""What clients say on one kind of socket: their requests, their pings, and how often at most."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from bitmart_book.venues.channels import Topic

__all__ = ["Limits", "Operation", "Rate", "Speech"]

Operation = Literal["subscribe", "unsubscribe", "request"]


class Rate(NamedTuple):
    """At most `count` in any `seconds`."""

    count: int  # type: ignore[assignment]  # a rate is no sequence to count in
    seconds: float


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue documents; who breaks it is cut off, and banned when that repeats."""

    connections: int
    """Open at once from one address."""
    connects: Rate
    """Attempts from one address."""
    messages: Rate
    """From the client on one connection, pings included."""
    operations: Rate | None = None
    """Subscribing and unsubscribing on one connection, where that is counted by itself and pings
    are not; None: it is not."""
    topics_per_connection: int
    topics_per_message: int
    topic_bytes_per_message: int
    """Total length of the topics of one message."""
    message_bytes: int
    """Length of one client message."""
    idle_seconds: float
    """A silent connection is closed after that."""
    lifeless_seconds: float
    """A connection that has subscribed to nothing is closed after that."""


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent."""

    encode: Callable[..., str]
    """`encode(operation, topics)`: the text frame of an operation on raw topics; as many as
    `Limits` allow in a message, and only such as go `together`. Where requests are `numbered`,
    `encode(operation, topics, number)`. Call `word`, which knows which."""
    numbered: bool = False
    """Whether requests carry a number, which replies repeat: `Reply.request`."""
    together: Callable[[Topic], Hashable] = lambda topic: None  # noqa: ARG005
    """Topics may stand in one message where this is equal."""
    ping: str | None
    """The text frame that asks whether the other side is there; None: it answers none, but the
    ping frames of the websocket protocol."""
    ping_answered: bool = False
    """Whether it is documented that a ping is answered: then silence says something, too."""
    answer_ping: Callable[[Any], str | None] | None = None
    """Where the venue asks whether we are there: of a decoded frame, the text that answers it;
    None where it does not ask. (Ping frames of the protocol are answered anyway.)"""

    def word(self, operation: Operation, topics: Sequence[str], number: int = 0) -> str:
        """The text frame of an operation on raw topics that go together."""
        return self.encode(operation, topics, *([number] if self.numbered else []))
