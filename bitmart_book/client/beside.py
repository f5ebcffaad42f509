"""Silent books, asked for on a second connection: whether two servers agree.

Sans-I/O. A server that stands still answers a new subscription out of what it has, and so says of
its own silence what it always said. So a silent book is subscribed on another connection beside its
own, where there is one that has room and may: what comes there goes into a second book, which
nobody reads, and as long as the two agree the first one stays LIVE and is known to be of now. Where
they differ, the venue's own count says which is the older one; a newer one that is different puts
the book in doubt, and it is moved.

Nothing of it changes a book: frames of another connection than its own are refused as ever.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable

from bitmart_book._book import Book, Engine
from bitmart_book.client.connections import Connections
from bitmart_book.client.subscriptions import Connection, Subscription, known_at
from bitmart_book.client.times import AGREE_WITHIN
from bitmart_book.errors import MessageError
from bitmart_book.model import BookState
from bitmart_book.venues.profile import Topic, Venue

__all__ = ["Beside"]


class _Round:
    """What a connection was asked of books that are carried by others."""

    def __init__(self, connection: Connection, now: float) -> None:
        self.connection = connection
        self.generation = connection.generation
        self.asked_at = now
        self.books: dict[Subscription, Book] = {}
        """Of those that have no verdict yet, what came there."""
        self.topics: list[str] = []

    def stands(self) -> bool:
        """Whether what comes there can say anything: the socket is the same, and not late."""
        there = self.connection
        return (
            there.session is not None
            and there.generation == self.generation
            and not there.is_behind
        )


class Beside:
    """Asks of silent books on other connections, and says which of them are contradicted."""

    def __init__(self, engine: Engine, connections: Connections, counters: Counter[str]) -> None:
        self._engine = engine
        self._connections = connections
        self._counters = counters
        self._rounds: list[_Round] = []
        self._engines: dict[str, Engine] = {}

    @property
    def is_asking(self) -> bool:
        """Whether `hear` wants to hear frames that changed nothing."""
        return bool(self._rounds)

    def ask(
        self, connection: Connection, silent: Iterable[Subscription], now: float
    ) -> list[Subscription]:
        """Ask of silent books of a connection on another one; returns those that are asked of."""
        one: _Round | None = None
        for subscription in silent:
            assert subscription.book is not None
            if subscription.beside.asked_at >= known_at(subscription.book, now):
                continue  # once in a silence: who is not answered there is renewed here
            if one is None:
                found = self._find(connection, subscription, now)
                if found is None:
                    continue
                one = _Round(found, now)
            elif not self._connections.takes(one.connection, subscription):
                continue
            subscription.beside.asked_at = now
            subscription.beside.is_asked = True
            one.connection.beside[subscription.topic] = subscription
            one.books[subscription] = self._second_book(subscription, one)
            one.topics.append(subscription.topic)
        if one is None:
            return []
        there = one.connection
        assert there.session is not None
        self._rounds.append(one)
        self._counters["beside"] += len(one.topics)
        there.session.note_renewal(now, len(one.topics))
        there.session.subscribe(one.topics)
        self._connections.flush(there, now)
        return list(one.books)

    def _find(
        self, connection: Connection, subscription: Subscription, now: float
    ) -> Connection | None:
        busy = [one.connection for one in self._rounds]
        for other in self._connections:
            if (
                other is not connection
                and other not in busy
                and other.profile is connection.profile
                and other.session is not None
                and not other.is_behind
                and other.session.renewals_at(now) <= now
                and self._connections.takes(other, subscription)
            ):
                return other
        return None

    def _second_book(self, subscription: Subscription, one: _Round) -> Book:
        profile = subscription.profile
        engine = self._engines.get(profile.endpoint)
        if engine is None:
            engine = Engine(Venue(profiles=(profile,)), only_known=True)
            self._engines[profile.endpoint] = engine
        parsed = Topic.parse(subscription.topic)
        book = engine.book(parsed.symbol, channel=parsed.channel, market=profile.market)
        engine.assign(book, one.generation)
        return book

    def hear(self, payload: bytes, generation: int) -> None:
        """A frame that changed no book of the client's: perhaps one that was asked for."""
        for one in self._rounds:
            if one.generation == generation:
                with contextlib.suppress(MessageError):
                    self._engines[one.connection.profile.endpoint].apply(
                        payload, generation=generation
                    )

    def look(self, now: float) -> list[Subscription]:
        """Once a second: confirm the books of which two connections agree; returns those of which
        another one shows something newer and different."""
        contradicted: list[Subscription] = []
        for one in list(self._rounds):
            for subscription, second in list(one.books.items()):
                verdict = self._verdict(one, subscription, second, now)
                if verdict is None:
                    continue
                self._drop(one, subscription)
                self._counters[f"beside_{verdict}"] += 1
                if verdict == "contradicted":
                    contradicted.append(subscription)
            if not one.books:
                self._end(one, now)
        return contradicted

    def _verdict(
        self, one: _Round, subscription: Subscription, second: Book, now: float
    ) -> str | None:
        """What became of it; None: not yet."""
        book = subscription.book
        assert book is not None
        if subscription.connection is None or book.state != BookState.LIVE or not one.stands():
            return "ended"
        if known_at(book, now) > one.asked_at:
            return "spoken"
        is_over = now >= one.asked_at + AGREE_WITHIN
        if second.state != BookState.LIVE:
            return "unanswered" if is_over else None
        if _agree(book, second, subscription.window):
            until = book.valid_until
            assert until is not None
            # The second one answers a question: it is of no earlier time than that.
            known = int(one.asked_at * 1e9)
            subscription.beside.asked_at = -math.inf
            self._engine.confirm(book, until, by="another connection", known_ns=known)
            return "agreed"
        if not is_over:
            # What changes now may be on its way on one of the two.
            return None
        return "contradicted" if _is_newer(second, book) else "older"

    def _drop(self, one: _Round, subscription: Subscription) -> None:
        second = one.books.pop(subscription)
        subscription.beside.is_asked = False
        self._engines[one.connection.profile.endpoint].close_book(second)

    def _end(self, one: _Round, now: float) -> None:
        """All have their verdict: they are given up there, in as few messages as hold them."""
        self._rounds.remove(one)
        there = one.connection
        for topic in one.topics:
            there.beside.pop(topic, None)
        if there.session is not None and there.generation == one.generation:
            there.session.unsubscribe(one.topics)
            self._connections.flush(there, now)


def _agree(book: Book, second: Book, window: int) -> bool:
    """Whether two LIVE books are equal, as far as both may reach."""
    if book.sequence != second.sequence:
        return False
    was_cut = book.stats["trimmed"] > 0
    here, there = book.depth(exact=True), second.depth(exact=True)
    for mine, other in ((here.bids, there.bids), (here.asks, there.asks)):
        shared = min(len(mine), len(other))
        if mine[:shared] != other[:shared]:
            return False
        if len(mine) != len(other) and not was_cut and shared < window:
            return False
    return True


def _is_newer(second: Book, book: Book) -> bool:
    """Whether of two that differ the second one is not known to be the older."""
    if book.sequence is not None and second.sequence is not None:
        return second.sequence >= book.sequence
    mine, other = book.exchange_time_ms, second.exchange_time_ms
    return mine is None or other is None or other >= mine
