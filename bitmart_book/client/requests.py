"""The messages of one socket: what goes into one, which number it has, and when it may be sent.

Sans-I/O. Pings count with the messages and never wait; subscribing and unsubscribing may have a
limit of their own beside that (`Limits.operations`), of which renewals get no more than half, so
that what a user asks for is sent at once.
"""

from __future__ import annotations

from typing import NamedTuple

from bitmart_book.client.limits import Window, message_rate, operation_rate, renewal_rate
from bitmart_book.venues.profile import Operation, Profile, Reply, Topic

__all__ = ["Asked", "Requests"]

# Replies come soon, or not at all.
_REMEMBERED = 200


class Asked(NamedTuple):
    """What a message of ours asked for."""

    operation: Operation
    topics: tuple[str, ...]


class Requests:
    """Words and counts the requests of one socket of a profile."""

    def __init__(self, profile: Profile) -> None:
        limits = profile.limits
        self._profile = profile
        self._messages = Window(message_rate(limits.messages))
        self._operations = self._renewals = None
        if limits.operations is not None:
            self._operations = Window(operation_rate(limits.operations))
            self._renewals = Window(renewal_rate(limits.operations))
        self._numbers = 0
        self._asked: dict[int, Asked] = {}

    def ready_at(self, now: float, operation: Operation | None = None) -> float:
        """When one more message may be sent; of that operation, if it is one."""
        ready = self._messages.ready_at(now)
        if operation in ("subscribe", "unsubscribe") and self._operations is not None:
            ready = max(ready, self._operations.ready_at(now))
        return ready

    def renewals_at(self, now: float) -> float:
        """When topics may be given up and asked for again, as far as renewals may use up what is
        counted."""
        return now if self._renewals is None else self._renewals.ready_at(now, 2)

    @property
    def renewals_wait(self) -> bool:
        """Whether renewals are counted, and so may have to wait."""
        return self._renewals is not None

    def count_renewals(self, topics: int, now: float) -> None:
        """So many topics are renewed together, in as few messages as hold them."""
        if self._renewals is None:
            return
        for _ in range(2 * -(-topics // self._profile.limits.topics_per_message)):
            self._renewals.take(now)

    def take(self, now: float) -> None:
        """Count a message that is no request: a ping, a login, an answer."""
        self._messages.take(now)

    def batch(self, queue: dict[str, None]) -> list[str]:
        """As many topics as one message may hold, taken from the queue."""
        limits, speech = self._profile.limits, self._profile.speech
        topics: list[str] = []
        kind, length = None, 0
        for topic in queue:
            if not topics:
                kind = speech.together(Topic.parse(topic))
            elif speech.together(Topic.parse(topic)) != kind:
                continue
            length += len(topic)
            if topics and (
                len(topics) == limits.topics_per_message
                or length > limits.topic_bytes_per_message
                or len(speech.word("unsubscribe", [*topics, topic], self._numbers + 1))
                > limits.message_bytes
            ):
                break
            topics.append(topic)
        for topic in topics:
            del queue[topic]
        return topics

    def word(self, operation: Operation, topics: list[str], now: float) -> str:
        """The text of a request, counted and numbered."""
        self._messages.take(now)
        if operation != "request" and self._operations is not None:
            self._operations.take(now)
        self._numbers += 1
        if self._profile.speech.numbered:
            self._asked[self._numbers] = Asked(operation, tuple(topics))
            if len(self._asked) > _REMEMBERED:
                del self._asked[next(iter(self._asked))]
        return self._profile.speech.word(operation, topics, self._numbers)

    def asked(self, reply: Reply) -> Asked | None:
        """What a reply is about by its number, or by the symbol that it names beside it; None
        where it has no number of ours."""
        asked = None if reply.request is None else self._asked.get(reply.request)
        if asked is None or reply.symbol is None:
            return asked
        named = [t for t in asked.topics if Topic.parse(t).symbol == reply.symbol]
        return Asked(asked.operation, tuple(named)) if named else asked
