"""How spot's public and private addresses take requests and answer them: framing, acks, errors.

Which topics there are, and what is pushed, is the business of the addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bitmart_book.sim.venue import wire
from bitmart_book.sim.venue.knobs import Knobs
from bitmart_book.sim.venue.lines import POLICY_VIOLATION, Connection, Lines, decoded

__all__ = ["SpotFraming"]


class SpotFraming:
    """What all of spot v1.1 has in common. Only pushes are compressed, as far as is known."""

    def __init__(self, lines: Lines, knobs: Knobs) -> None:
        self._lines = lines
        self._knobs = knobs

    def understood(
        self, connection: Connection, payload: str | bytes, operations: Sequence[str]
    ) -> tuple[str, list[Any]] | None:
        """The operation and its arguments; None: already answered. Pings are."""
        if payload == "ping":
            self._lines.reply(connection, "pong")
            return None
        message = decoded(payload)
        if not isinstance(message, dict):
            self.error(connection, None, "90001", None)
            return None
        operation, args = message.get("op"), message.get("args")
        if not isinstance(operation, str) or operation not in operations:
            self.error(connection, None, "90002", None)
        elif not isinstance(args, list) or (operation != "login" and not _are_topics(args)):
            self.error(connection, operation, "90003", None)
        elif operation == "login" or self._is_short(connection, operation, args):
            return operation, args
        return None

    def _is_short(self, connection: Connection, operation: str, topics: list[str]) -> bool:
        knobs = self._knobs
        if len(topics) > knobs.topics_per_message:
            return self.punish(connection, "topics_per_message", "90005", operation)
        if sum(len(topic.encode()) for topic in topics) > knobs.topic_bytes_per_message:
            return self.punish(connection, "topic_bytes_per_message", "90005", operation)
        return True

    def ack(self, connection: Connection, event: str, topic: str) -> None:
        """Acknowledge a topic."""
        swapped = self._lines.random.random() < 0.5
        self._lines.reply(connection, wire.ack(event, topic, topic_first=swapped))

    def error(
        self, connection: Connection, event: str | None, code: str, topic: str | None
    ) -> None:
        """Refuse an operation, a topic of it, or a message that has no operation."""
        shape = self._knobs.error_shape
        if shape == "bare":
            event = None
        elif shape == "topic" and event is not None and topic is not None:
            event = f"{event}:{topic}"
        swapped = self._lines.random.random() < 0.5
        self._lines.reply(connection, wire.error(event, code, event_first=swapped))

    def punish(self, connection: Connection, name: str, code: str, event: str | None) -> bool:
        """A breach on a connection. Whether the message may still be served."""
        if not self._lines.breach(name):
            return True
        if self._knobs.breach != "close":
            self.error(connection, event, code, None)
        if self._knobs.breach != "error":
            self._lines.close(connection, POLICY_VIOLATION, wire.ERROR_MESSAGES[code])
        return False

    def too_fast(self, connection: Connection) -> bool:
        """More messages than are allowed."""
        return self.punish(connection, "messages", "90007", None)


def _are_topics(args: list[Any]) -> bool:
    return bool(args) and all(isinstance(topic, str) for topic in args)
