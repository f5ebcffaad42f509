"""What is done about a frame that cannot be read: whom it puts in doubt, and what it costs.

Sans-I/O. One never costs many: a frame that says whose it is costs that book alone, however often
it comes. Only frames that name nobody count against their connection.
"""

from __future__ import annotations

from bitmart_book._book import Engine
from bitmart_book.client.account import Account
from bitmart_book.client.connections import Connections, Keeper
from bitmart_book.client.doubts import Doubt, doubt_of
from bitmart_book.client.outbox import Outbox
from bitmart_book.client.recovery import Recovery
from bitmart_book.client.subscriptions import Connection, Subscription
from bitmart_book.client.times import BAD_FRAMES_WITHIN
from bitmart_book.client.wanted import Wanted
from bitmart_book.credentials import redact
from bitmart_book.errors import CompressionError, MessageError
from bitmart_book.model import BookState, EventKind
from bitmart_book.venues.profile import Topic

__all__ = ["Unreadable"]

# So many frames that name nobody within a short time end a connection.
BAD_FRAMES = 3


class Unreadable:
    """Takes the frames that the engine refused. `wanted` are all subscriptions of the
    client."""

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        connections: Connections,
        recovery: Recovery,
        account: Account,
        keeper: Keeper,
        wanted: Wanted,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._connections = connections
        self._recovery = recovery
        self._account = account
        self._keeper = keeper
        self._wanted = wanted

    def take(self, connection: Connection, payload: bytes, error: MessageError, now: float) -> None:
        """A frame of that connection was refused; `payload` is what arrived, inflated if it could
        be, and `error` what was said of it."""
        reason = redact(error)
        self._outbox.counters["bad_frames"] += 1
        self._outbox.event(EventKind.BAD_FRAME, now, connection=connection.name, reason=reason)
        doubt = doubt_of(connection.profile, payload, error)
        self._doubt_books(connection, doubt, error, now)
        self._doubt_streams(connection, doubt, reason, now)
        if self._counts(connection, doubt):
            connection.bad_frames.append(now)
        while connection.bad_frames and connection.bad_frames[0] < now - BAD_FRAMES_WITHIN:
            connection.bad_frames.popleft()
        if len(connection.bad_frames) >= BAD_FRAMES:
            what = f"{BAD_FRAMES} bad frames in {BAD_FRAMES_WITHIN:g} s"
            self._keeper.drop(connection, what, now)
        else:
            self._connections.flush(connection, now)

    @staticmethod
    def _counts(connection: Connection, doubt: Doubt) -> bool:
        """Whether the connection itself is to blame: the frame names no symbol, and may have been
        one that a book needs, or anything at all."""
        if doubt.symbol is not None:
            return False
        if doubt.channel is None:
            return doubt.is_anybodys
        return connection.profile.book(doubt.channel) is not None

    def _doubt_books(
        self, connection: Connection, doubt: Doubt, error: MessageError, now: float
    ) -> None:
        # The engine has not seen what could not be inflated: it touched something before that.
        seen = () if isinstance(error, CompressionError) else self._engine.touched
        found = (self._wanted.of(book) for book in seen)
        doubted = {subscription: None for subscription in found if subscription is not None}
        for subscription in connection.topics.values():
            book = subscription.book
            if book is None or subscription in doubted:
                continue
            parsed = Topic.parse(subscription.topic)
            if not doubt.names(parsed.channel, parsed.symbol):
                continue
            if book.state == BookState.LIVE:
                self._engine.invalidate(book, f"an unreadable frame: {error}")
                doubted[subscription] = None
            elif doubt.symbol is not None:
                # Another one of a book that is in trouble already.
                doubted[subscription] = None
        for subscription in doubted:
            self._doubt_book(subscription, now, is_named=doubt.symbol is not None)

    def _doubt_book(self, subscription: Subscription, now: float, *, is_named: bool) -> None:
        book = subscription.book
        assert book is not None
        self._recovery.announce(subscription, now)
        if book.state != BookState.LIVE and is_named:
            self._recovery.start_ailing(subscription, now)
        elif book.state != BookState.LIVE:
            self._recovery.start(subscription, now)

    def _doubt_streams(self, connection: Connection, doubt: Doubt, reason: str, now: float) -> None:
        """What a stream would have told is missing, and that is said."""
        private = connection.profile.private
        holes = [
            subscription.topic
            for subscription in connection.topics.values()
            if subscription.book is None and _may_be_of(subscription.topic, doubt, private=private)
        ]
        missed = f"an unreadable frame: {reason}"
        if holes and private:
            self._account.resync(missed, market=connection.profile.market)
            self._outbox.event(EventKind.RESYNC, now, connection=connection.name, reason=missed)
        for topic in holes:
            self._outbox.event(EventKind.GAP, now, topic=topic, reason=missed)


def _may_be_of(topic: str, doubt: Doubt, *, private: bool) -> bool:
    """Whether a frame may have been of a stream. What stands behind the colon of a private topic
    is no symbol."""
    parsed = Topic.parse(topic)
    return doubt.names(parsed.channel, "" if private else parsed.symbol)
