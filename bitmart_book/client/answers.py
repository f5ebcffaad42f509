"""What became of each subscription: acknowledged, proven by its data, or refused."""

from __future__ import annotations

from bitmart_book._book import Engine
from bitmart_book.client.connections import Connections
from bitmart_book.client.outbox import Outbox
from bitmart_book.client.recovery import Recovery
from bitmart_book.client.session import Answer
from bitmart_book.client.subscriptions import Connection, Subscription
from bitmart_book.model import BookState, EventKind

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
        if not answer.accepted:
            self.refused(subscription, answer, now)
            return
        subscription.is_answered = True
        subscription.temporary_error = None
        self._outbox.event(
            EventKind.SUBSCRIBED, now, topic=answer.topic, connection=connection.name
        )

    def refused(self, subscription: Subscription, answer: Answer, now: float) -> None:
        """The venue has refused: that is final until the user asks again."""
        subscription.refusal = answer
        self._recovery.stop(subscription)
        book = subscription.book
        if book is not None and book.state != BookState.REJECTED:
            self._engine.invalidate(book, f"refused: {answer.message}", state=BookState.REJECTED)
        subscription.announced = BookState.REJECTED
        self._outbox.event(
            EventKind.REJECTED, now, topic=answer.topic, code=answer.code, reason=answer.message
        )
        # What the venue refused cannot be unsubscribed: the error that it answers would be taken
        # for an error about another topic. Without an error the refusal is our own, and it can.
        stands = answer.error is None
        self._connections.remove(subscription, now, is_subscribed=stands)
