"""Books of which nothing is heard, where nobody can ask: how long they hold, and when they are
subscribed anew.

Sans-I/O. A lost message shows at the next one, and after it nothing may come for minutes. So what a
connection says otherwise confirms a book for a bounded time after the book's own last frame
(`BookChannel.confirmed_by_connection`). Before that is over it is asked for on a second connection,
where there is one (`beside`); where not, or where no answer comes there, it is subscribed anew, and
the snapshot replaces it while it stays LIVE. A book that shows more than can be proven is renewed
however lively it is (`BookChannel.renewed_after`). What renewals may use up, and no more, says the
session.
"""

from __future__ import annotations

import math
from collections import Counter

from bitmart_book._book import Engine
from bitmart_book.client.beside import Beside
from bitmart_book.client.subscriptions import Connection, Subscription, known_at
from bitmart_book.client.times import (
    CONNECTION_CONFIRMS,
    PONG_WITHIN,
    RENEW_AFTER,
    RENEW_BEFORE,
    RENEW_TOGETHER,
)
from bitmart_book.model import BookState

__all__ = ["Silence"]


class Silence:
    """Keeps silent books LIVE for as long as they may be, and renews them before that is over."""

    def __init__(self, engine: Engine, beside: Beside, counters: Counter[str]) -> None:
        self._engine = engine
        self._beside = beside
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
        since = subscription.snapshots.awaited_since
        return since is not None and now >= since + RENEW_AFTER

    def renew(self, connection: Connection, now: float) -> None:
        """Ask beside for those books of a connection that it is time for, or subscribe them anew,
        if that fits."""
        session = connection.session
        assert session is not None
        dues = {
            subscription: _due_at(subscription, now)
            for subscription in connection.topics.values()
            if subscription.book is not None
            and subscription.holds is not None
            and subscription.told.state == BookState.LIVE
            and subscription.snapshots.awaited_since is None
            and not subscription.beside.is_asked
        }
        if not any(due <= now for due in dues.values()):
            return
        together = [s for s, due in dues.items() if due <= now + RENEW_TOGETHER]
        silent = [s for s in together if _whole_until(s) > now + RENEW_TOGETHER]
        for subscription in self._beside.ask(connection, silent, now):
            together.remove(subscription)
            del dues[subscription]
        if not any(due <= now for due in dues.values()) or session.renewals_at(now) > now:
            return
        for subscription in together:
            assert subscription.book is not None
            subscription.snapshots.requested_at = subscription.snapshots.awaited_since = now
            self._counters["renewals"] += 1
            self._engine.expect(subscription.book, subscribed=True)
            session.renew(subscription.topic)


def _due_at(subscription: Subscription, now: float) -> float:
    """When something is to be done about a book, if nothing comes of it until then."""
    assert subscription.book is not None
    assert subscription.holds is not None
    silent = known_at(subscription.book, now) + subscription.holds - RENEW_BEFORE
    return min(silent, _whole_until(subscription))


def _whole_until(subscription: Subscription) -> float:
    """Until when the deeper levels count that nothing proves; what another connection says of a
    lively book at another moment could not be compared with them."""
    if subscription.renewed_after is None:
        return math.inf
    return subscription.snapshots.whole_at + subscription.renewed_after - RENEW_TOGETHER
