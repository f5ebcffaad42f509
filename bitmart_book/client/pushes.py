"""What arrives and is not a book's: values of streams, replies to requests, frames nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from bitmart_book.client.account import Account, Outcome
from bitmart_book.client.answers import Answers
from bitmart_book.client.logins import Logins
from bitmart_book.client.outbox import Outbox, fills_of
from bitmart_book.client.subscriptions import Connection, Full, Subscription
from bitmart_book.client.wanted import Wanted
from bitmart_book.credentials import redact
from bitmart_book.errors import printable
from bitmart_book.model import EventKind, Trade
from bitmart_book.venues.profile import ErrorKind, Profile, Reply, StreamChannel, Topic
from bitmart_book.venues.values import Unread

__all__ = ["Pushes"]

# A server that invents channels must not fill the memory.
MOST_UNKNOWN = 100


class Pushes:
    """Gives each value to the topics that wanted it, and each reply to who waits for it.

    `wanted` are all subscriptions of the client, by topic.
    """

    def __init__(
        self,
        outbox: Outbox,
        wanted: Wanted,
        account: Account,
        answers: Answers,
        logins: Logins,
    ) -> None:
        self._outbox = outbox
        self._wanted = wanted
        self._account = account
        self._answers = answers
        self._logins = logins
        self._unknown: set[str] = set()

    def receive(self, connection: Connection, message: Any, now: float) -> None:
        """A decoded frame that is neither a book's nor a public trade."""
        profile = connection.profile
        if profile.speech.answer_ping is not None and connection.session is not None:
            answer = profile.speech.answer_ping(message)
            if answer is not None:
                connection.session.answer(answer, now)
                return
        reply = profile.classify(message)
        if reply is None:
            self._receive_values(connection, message, now)
        else:
            self._receive_reply(connection, reply, now)

    def receive_trades(self, connection: Connection, trades: Sequence[Trade], now: float) -> None:
        """Public trades, which the engine has decoded."""
        for stream in connection.profile.streams:
            if stream.trades:
                self._give_out(connection, stream, Topic(stream.name, "", ""), trades, now)

    # --- replies ---

    def _receive_reply(self, connection: Connection, reply: Reply, now: float) -> None:
        if reply.kind == "error":
            # Futures repeat what they did not understand, logins too.
            reply = msgspec.structs.replace(reply, message=redact(reply.message))
            self._outbox.counters["errors"] += 1
            self._outbox.event(
                EventKind.ERROR,
                now,
                connection=connection.name,
                topic=reply.topic,
                code=reply.code,
                reason=reply.message,
            )
            self._note_temporary_error(connection, reply)
            if connection.profile.errors.kind(reply) is ErrorKind.FULL:
                connection.full = connection.full or Full()
                connection.full.is_told = True
        assert connection.session is not None
        self._answers.acknowledged(connection, reply)
        for answer in connection.session.receive(reply, now):
            self._answers.take(connection, answer, now)
        if reply.kind == "ack" and reply.operation == "subscribe":
            refused = self._wanted.get(reply.topic or "")
            if refused is not None and refused.refusal is not None:
                self._answers.taken_back(connection, refused, "it is acknowledged", now)
        if reply.operation == "login":
            self._logins.answered(connection, reply, now)

    @staticmethod
    def _note_temporary_error(connection: Connection, reply: Reply) -> None:
        """Whoever waits for an answer in vain is told that the venue cannot at the moment."""
        kind = connection.profile.errors.kind(reply)
        if kind is not None and kind.is_temporary:
            named = connection.topics.get(reply.topic or "")
            for subscription in connection.topics.values() if named is None else [named]:
                subscription.temporary_error = reply

    # --- values ---

    def _receive_values(self, connection: Connection, message: Any, now: float) -> None:
        profile = connection.profile
        address = profile.address(message) if isinstance(message, dict) else None
        streams = () if address is None else filter(None, map(profile.stream, address.channels))
        stream = next(iter(streams), None)
        if address is None or stream is None:
            self._outbox.counters["unknown_frames"] += 1
            name = message.get(profile.framing.channel_key) if isinstance(message, dict) else None
            self._note_unknown(connection, name, now)
            return
        topic = Topic(stream.name, address.symbol, "")
        found = stream.read(message, connection.memory.setdefault(stream.name, {}))
        in_part = [one.value for one in found.unread]
        self._give_out(connection, stream, topic, found.values, now, in_part)
        if found.unread:
            self._tell_holes(connection, stream, topic, found.unread, now)

    def _tell_holes(
        self,
        connection: Connection,
        stream: StreamChannel,
        pushed: Topic,
        unread: Sequence[Unread],
        now: float,
    ) -> None:
        """Rows of a push could not be read: the streams that would have brought them have a hole,
        and nobody else has."""
        self._outbox.counters["bad_frames"] += 1
        others = f", and {len(unread) - 1} more" if len(unread) > 1 else ""
        reason = printable(redact(unread[0].reason)) + others
        self._outbox.event(EventKind.BAD_FRAME, now, connection=connection.name, reason=reason)
        keys = {one.key for one in unread}
        holes: set[str] = set()
        for key in keys:
            holes.update(_may_have_brought(connection, stream, pushed, key))
        if not holes:
            return
        missed = f"what came cannot be read: {reason}"
        if connection.profile.private:
            about = None if None in keys else {key for key in keys if key is not None}
            market = connection.profile.market
            self._account.resync(missed, market=market, kind=stream.kind, about=about)
            self._outbox.event(EventKind.RESYNC, now, connection=connection.name, reason=missed)
        for topic in sorted(holes):
            self._outbox.event(EventKind.GAP, now, topic=topic, reason=missed)

    def _note_unknown(self, connection: Connection, name: Any, now: float) -> None:
        """One event for each channel that nobody knows, however often it comes."""
        shown = redact(str(name)[:100])
        if shown not in self._unknown and len(self._unknown) < MOST_UNKNOWN:
            self._unknown.add(shown)
            reason = f"of {shown}" if isinstance(name, str) else "of no channel"
            self._outbox.event(
                EventKind.UNKNOWN_FRAME, now, connection=connection.name, reason=reason
            )

    def _give_out(
        self,
        connection: Connection,
        stream: StreamChannel,
        pushed: Topic,
        values: Iterable[Any],
        now: float,
        in_part: Sequence[Any] = (),
    ) -> None:
        """Values that came under the topic `pushed`, to the topics that wanted them. `in_part`:
        those of which something could not be read."""
        by_topic: dict[str, list[Any]] = {}
        proven: dict[str, Subscription] = {}
        for value in values:
            subscription = _find(connection, stream.topics_of(pushed, value))
            if subscription is None:
                self._take_back(connection, stream.topics_of(pushed, value), now)
                continue
            proven[subscription.topic] = subscription
            subscription.changed_at = now
            if not connection.profile.private:
                by_topic.setdefault(subscription.topic, []).append(value)
            elif (outcome := self._taken(value, now, in_part)) is not None:
                # Two topics may bring the same; whichever is first, it is news to both.
                for name, other in self._wanted.items():
                    profile = other.profile
                    if profile is connection.profile and _brings(profile, name, stream.kind, value):
                        by_topic.setdefault(name, []).append(value)
                        if outcome.fill is not None and outcome.fill is not value:
                            by_topic.setdefault(fills_of(name), []).append(outcome.fill)
        for subscription in proven.values():
            self._answers.proven(subscription, now)
        for name, found in by_topic.items():
            self._outbox.push(name, tuple(found))

    def _take_back(self, connection: Connection, topics: Sequence[str], now: float) -> None:
        """Data of topics that are not subscribed there: of one that was refused, perhaps."""
        for topic in topics:
            refused = self._wanted.get(topic)
            if refused is not None and refused.refusal is not None:
                self._answers.taken_back(connection, refused, "its data comes", now)

    def _taken(self, value: Any, now: float, in_part: Sequence[Any]) -> Outcome | None:
        """Have the account take a value in; None if it says no more than was known."""
        outcome = self._account.apply(value, now)
        if outcome.kind == "confirmed" and any(value is one for one in in_part):
            # It has a hole of its own, after which what it is about is unconfirmed again.
            outcome = outcome._replace(kind="repeated")
        self._outbox.counters[f"account_{outcome.kind}"] += 1
        is_news = outcome.kind not in ("repeated", "older") or outcome.fill is not None
        return outcome if is_news else None


def _find(connection: Connection, topics: Sequence[str]) -> Subscription | None:
    """The first of these topics that is subscribed on that connection."""
    for topic in topics:
        subscription = connection.topics.get(topic)
        if subscription is not None:
            return subscription
    # A topic with an option: few of them, and only there is a search worth its time.
    for name, other in connection.topics.items():
        if "@" in name and name.partition("@")[0] in topics:
            return other
    return None


def _may_have_brought(
    connection: Connection, stream: StreamChannel, pushed: Topic, key: str | None
) -> list[str]:
    """The topics on that connection by which a row about `key` may have come, pushed under
    `pushed`; about anything where the key could not be read either."""
    if key is not None:
        found = _find(connection, stream.topics_named(pushed, key))
        return [] if found is None else [found.topic]
    return [
        topic
        for topic in connection.topics
        if Topic.parse(topic).channel == stream.name or topic in stream.whole
    ]


def _brings(profile: Profile, topic: str, kind: str, value: Any) -> bool:
    """Whether a private topic tells of such a value."""
    parsed = Topic.parse(topic)
    stream = profile.stream(parsed.channel)
    if stream is None or stream.kind != kind:
        return False
    return stream.whole == (topic,) or getattr(value, stream.key) == parsed.symbol
