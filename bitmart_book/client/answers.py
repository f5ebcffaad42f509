"""What became of each subscription: acknowledged, proven by its data, or refused."""

from __future__ import annotations

from bitmart_book._book import Engine
from bitmart_book.client.connections import Connections
from bitmart_book.client.outbox import Outbox
from bitmart_book.client.recovery import Recovery
from bitmart_book.client.session import Answer
from bitmart_book.client.subscriptions import Connection, Subscription
from bitmart_book.model import BookState, EventKind
from bitmart_book.venues.profile import Reply

__all__ = ["Answers"]


class Answers:
    """Takes the answers of all sessions, and draws the consequences."""

    def __init__(
        self, engine: Engine, outbox: Outbox, connections: Connections, recovery: Recovery
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._connections = connections
        self._recovery = recovery
        # Books that the venue refused: where, and how many frames had been ignored by then.
        self._refused: dict[Subscription, tuple[Connection, int, int]] = {}

    def proven(self, subscription: Subscription, now: float) -> None:
        """Data has arrived that only a subscription brings."""
        connection = subscription.connection
        if subscription.is_answered or connection is None or connection.session is None:
            return
        for answer in connection.session.seen(subscription.topic):
            self.take(connection, answer, now)
        subscription.is_answered = True

    def take(self, connection: Connection, answer: Answer, now: float) -> None:
        """The venue has answered."""
        subscription = connection.topics.get(answer.topic)
        if subscription is None:
            return
        if answer.accepted is None:
            # From now on anything that comes of it proves that it is subscribed.
            subscription.is_answered = False
            if subscription.book is not None:
                subscription.updates_before = self._engine.updates(subscription.book)
            return
        if not answer.accepted:
            self.refused(subscription, answer, now)
            return
        subscription.is_answered = True
        subscription.temporary_error = None
        self._outbox.event(
            EventKind.SUBSCRIBED, now, topic=answer.topic, connection=connection.name
        )

    def acknowledged(self, connection: Connection, reply: Reply) -> None:
        """If a reply says of a book that is subscribed anew that it was given up, or subscribed,
        then nothing of before is on its way any more. That it was so already, which venues say with
        a code or in words, says nothing of the last request."""
        if reply.kind != "ack" or reply.code is not None or reply.message:
            return
        subscription = connection.topics.get(reply.topic or "")
        if subscription is None or subscription.book is None:
            return
        snapshots = subscription.snapshots
        if snapshots.is_renewed and reply.operation in ("subscribe", "unsubscribe"):
            snapshots.is_renewed = False
            self._engine.acknowledge(subscription.book)

    def refused(self, subscription: Subscription, answer: Answer, now: float) -> None:
        """The venue has refused: that is final until the user asks again."""
        subscription.refusal = answer
        self._recovery.stop(subscription)
        book = subscription.book
        if book is not None and book.state != BookState.REJECTED:
            self._engine.invalidate(book, f"refused: {answer.message}", state=BookState.REJECTED)
        subscription.told.state = BookState.REJECTED
        connection = subscription.connection
        if book is not None and connection is not None and answer.error is not None:
            ignored = book.stats["ignored"]
            self._refused[subscription] = connection, connection.generation, ignored
        self._outbox.event(
            EventKind.REJECTED, now, topic=answer.topic, code=answer.code, reason=answer.message
        )
        # What the venue refused cannot be unsubscribed: the error that it answers would be taken
        # for an error about another topic. Without an error the refusal is our own, and it can.
        stands = answer.error is None
        self._connections.remove(subscription, now, is_subscribed=stands)

    def taken_back(
        self, connection: Connection, subscription: Subscription, what: str, now: float
    ) -> bool:
        """Something of a topic has come on that connection. If the venue had refused it, then it
        did not: it is wanted again, and its book begins anew, under every watch. Returns whether
        that was so. What we refused ourselves stays refused."""
        refusal = subscription.refusal
        if refusal is None or refusal.error is None or connection.session is None:
            return False
        if connection.room <= 0:
            return False
        subscription.refusal = None
        self._outbox.counters["retractions"] += 1
        self._outbox.event(
            EventKind.RETRACTED,
            now,
            topic=subscription.topic,
            connection=connection.name,
            reason=f"refused ({refusal.message}), and yet {what}",
        )
        connection.topics[subscription.topic] = subscription
        subscription.connection = connection
        # Given up first, so that a snapshot comes that belongs to this subscription.
        connection.session.renew(subscription.topic, pardoned=True)
        self._recovery.subscribed(subscription, connection, now)
        return True

    def look_at_refused(self, now: float) -> None:
        """Once a second: a REJECTED book takes no frames, and counts those that come."""
        for subscription, (connection, generation, ignored) in list(self._refused.items()):
            book = subscription.book
            assert book is not None
            if subscription.refusal is None or connection.generation != generation:
                del self._refused[subscription]
            elif book.stats["ignored"] > ignored:
                del self._refused[subscription]
                self.taken_back(connection, subscription, "its data comes", now)
