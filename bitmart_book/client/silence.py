"""Books of which nothing is heard, where nobody can ask: how long they hold, and when they are
subscribed anew.

Sans-I/O. A lost message shows at the next one, and after it nothing may come for minutes. So what a
connection says otherwise confirms a book for a bounded time after the book's own last frame
(`BookChannel.confirmed_by_connection`), and before that is over it is subscribed anew: the snapshot
replaces it while it stays LIVE. A book that shows more than can be proven is renewed however lively
it is (`BookChannel.renewed_after`). What renewals may use up, and no more, says the session.
"""

from __future__ import annotations

from collections import Counter

from bitmart_book._book import Book, Engine
from bitmart_book.client.subscriptions import Connection, Subscription
from bitmart_book.client.times import (
    CONNECTION_CONFIRMS,
    PONG_WITHIN,
    RENEW_AFTER,
    RENEW_BEFORE,
    RENEW_TOGETHER,
)
from bitmart_book.model import BookState

__all__ = ["Silence", "known_at"]


class Silence:
    """Keeps silent books LIVE for as long as they may be, and renews them before that is over."""

    def __init__(self, engine: Engine, counters: Counter[str]) -> None:
        self._engine = engine
        self._counters = counters

    def keep(self, subscription: Subscription, heard: float, now: float) -> None:
        """Something was last heard on the connection of a LIVE book at `heard`."""
        book, holds = subscription.book, subscription.holds
        assert book is not None
        assert holds is not None
        # A pong may have taken as long as that, and what was said before it no longer.
        until = min(heard - PONG_WITHIN + CONNECTION_CONFIRMS, known_at(book, now) + holds)
        self._engine.confirm(book, int(until * 1e9))

    def is_unanswered(self, subscription: Subscription, now: float) -> bool:
        """Whether a LIVE book was subscribed anew, and no snapshot came: perhaps nothing comes of
        it any more."""
        since = subscription.awaited_since
        return since is not None and now >= since + RENEW_AFTER

    def renew(self, connection: Connection, now: float) -> None:
        """Subscribe those books of a connection anew that it is time for, if that fits."""
        session = connection.session
        assert session is not None
        dues = {
            subscription: _due_at(subscription, now)
            for subscription in connection.topics.values()
            if subscription.book is not None
            and subscription.holds is not None
            and subscription.announced == BookState.LIVE
            and subscription.awaited_since is None
        }
        if not any(due <= now for due in dues.values()) or session.renewals_at(now) > now:
            return
        for subscription, due in dues.items():
            if due <= now + RENEW_TOGETHER:
                assert subscription.book is not None
                subscription.requested_at = subscription.awaited_since = now
                self._counters["renewals"] += 1
                self._engine.expect(subscription.book, subscribed=True)
                session.renew(subscription.topic)


def _due_at(subscription: Subscription, now: float) -> float:
    """When a book is to be subscribed anew, if nothing comes of it until then."""
    assert subscription.book is not None
    assert subscription.holds is not None
    due = known_at(subscription.book, now) + subscription.holds - RENEW_BEFORE
    if subscription.renewed_after is not None:
        due = min(due, subscription.whole_at + subscription.renewed_after - RENEW_TOGETHER)
    return due


def known_at(book: Book, now: float) -> float:
    """When what a book holds was last known to be the venue's newest."""
    return now - (book.quote_in_any_state().age or 0.0)
