"""Everything above one socket: what is wanted, on which connection, and how it is won back.

Sans-I/O: the driver says what happened and when, and executes the actions that come out (`Open`,
`Send`, `Close`, wake at `next_deadline`). Time and randomness are arguments; the engine holds the
books, and the client only ever tells it that a book cannot be trusted or is confirmed. The wanted
topics are the truth: after a reconnect they are subscribed anew, and no history of what was sent is
replayed.

This file is the flow. Its parts: `subscriptions` (what is known), `connections` (who carries what,
and when a socket is opened), `session` (one socket), `answers`, `recovery`, `logins`, `pushes`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bitmart_book._book import Engine
from bitmart_book.client.account import Account
from bitmart_book.client.answers import Answers
from bitmart_book.client.connections import Connections
from bitmart_book.client.limits import PROCESS_LIMITER, Limiter
from bitmart_book.client.logins import Logins
from bitmart_book.client.outbox import Close, Outbox
from bitmart_book.client.pushes import Pushes
from bitmart_book.client.recovery import Recovery
from bitmart_book.client.session import Session
from bitmart_book.client.subscriptions import Connection, Full, Subscription
from bitmart_book.client.times import (
    ANSWER_WITHIN,
    FULL_LONGEST_WAIT,
    GOOD_AFTER,
    IDLE_SECONDS,
    LONG_STANDSTILL,
    STANDSTILL,
    TICK,
    Timeouts,
)
from bitmart_book.client.unreadable import Unreadable
from bitmart_book.client.wanted import Wanted
from bitmart_book.credentials import Credentials
from bitmart_book.errors import (
    CompressionError,
    MessageError,
    UsageError,
)
from bitmart_book.model import BookState, Change, EventKind
from bitmart_book.venues.profile import Profile, Reply, Venue

__all__ = ["Client"]


class Client:
    """The wanted topics of one feed and the connections that carry them.

    `urls` maps a profile's endpoint name to another address than its own; without `elsewhere` only
    endpoints with such an address are used, so that nobody who points at one server is connected
    to another. `now` of every call is monotonic seconds of the same clock that the engine counts in
    nanoseconds. `wall_ms` is the time that logins are stamped with, milliseconds since 1970.
    `credentials` are by venue; some alone are those of its first venue that has private topics.
    """

    def __init__(
        self,
        engine: Engine,
        venue: Venue,
        *,
        rng: random.Random,
        urls: Mapping[str, str] | None = None,
        elsewhere: bool = True,
        other_hosts: bool = False,
        credentials: Credentials | Mapping[str, Credentials] | None = None,
        wall_ms: Callable[[], int] | None = None,
        limiter: Limiter | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._engine = engine
        self.venue = venue
        """Whose words it speaks."""
        self._urls = dict(urls or {})
        self._elsewhere = elsewhere
        self._other_hosts = other_hosts
        self._timeouts = timeouts
        self.wanted = Wanted(engine)
        """What the user wants, and how it stands with that."""
        self._generations = 0
        self._next_tick = 0.0
        self._promised: float | None = None
        """When `advance` was to be called, by the last `next_deadline`."""
        self.account = Account(venue.counts_contracts)
        """What the private streams have told."""
        self.outbox = Outbox()
        """What is to be done, and what there is to say: fetch it after each call."""
        self.connections = Connections(
            engine, self.outbox, limiter or PROCESS_LIMITER, rng=rng, urls=self._urls
        )
        self._recovery = Recovery(engine, self.outbox, self.connections, self, rng=rng)
        self.beside = self._recovery.beside
        """What other connections are asked of silent books: it hears frames that changed none."""
        self._answers = Answers(engine, self.outbox, self.connections, self._recovery)
        self._logins = Logins(
            engine,
            self.outbox,
            self._answers,
            self,
            credentials=_by_venue(credentials, venue),
            wall_ms=wall_ms,
        )
        self._unreadable = Unreadable(
            engine,
            self.outbox,
            self.connections,
            self._recovery,
            self.account,
            self,
            self.wanted,
        )
        self._pushes = Pushes(self.outbox, self.wanted, self.account, self._answers, self._logins)

    @property
    def counters(self) -> Counter[str]:
        """How often what has happened, for people."""
        return self.outbox.counters

    # --- what the user wants ---

    def subscribe(self, topics: Iterable[str], now: float) -> None:
        """Want these topics once more each: all of them, or none where one of them cannot be.

        LimitError where the venue, or the engine, could not carry them.
        """
        topics = list(dict.fromkeys(topics))
        profiles = [self.venue.topic_profile(topic) for topic in topics]
        for topic, profile in zip(topics, profiles, strict=True):
            self._check_allowed(topic, profile)
        self.wanted.check_room(topics, profiles)
        books = self.wanted.make_books(topics, profiles)
        for topic, profile in zip(topics, profiles, strict=True):
            subscription = self.wanted.want(topic, profile, books, now)
            if subscription.connection is None:
                subscription.refusal = None
                self._carry(subscription, now)

    def _check_allowed(self, topic: str, profile: Profile) -> None:
        if not self._elsewhere and profile.endpoint not in self._urls:
            served = ", ".join(self._urls) or "nothing"
            raise UsageError(f"{topic} is {profile.endpoint}; this exchange serves {served}")
        url = self.connections.url(profile)
        problem = profile.url_problem(url, other_hosts=self._other_hosts)
        if problem is None and profile.private:
            problem = self._logins.problem(profile)
        if problem is not None:
            raise UsageError(f"{topic}: {problem}")

    def unsubscribe(self, topics: Iterable[str], now: float) -> list[str]:
        """Want these topics once less each; returns those that nobody wants any more."""
        ended = self.wanted.drop(topics)
        for subscription in ended:
            self._recovery.stop(subscription)
            self.connections.remove(subscription, now)
            if subscription.book is not None:
                self._engine.close_book(subscription.book)
                self._recovery.announce(subscription, now)
        return [subscription.topic for subscription in ended]

    # --- what the driver says ---

    def opened(self, connection: str, now: float) -> int:
        """The socket is open. Returns the generation to give the engine with its frames."""
        opened = self.connections[connection]
        opened.is_opening = False
        self.connections.note_reachable(opened, now)
        opened.gate.opened(opened)
        self._generations += 1
        opened.generation = self._generations
        login = self._logins.text(opened.profile)
        session = opened.session = Session(opened.profile, now, self._timeouts, login=login)
        opened.full = None
        opened.is_behind = False
        self.connections.lateness.opened(opened, session)
        session.subscribe(opened.topics)
        opened.bad_frames.clear()
        opened.memory.clear()
        self.counters["connects"] += 1
        self.outbox.event(EventKind.CONNECTED, now, connection=connection)
        for subscription in opened.topics.values():
            self._recovery.subscribed(subscription, opened, now)
        self.connections.flush(opened, now)
        return opened.generation

    def failed(
        self,
        connection: str,
        reason: str,
        now: float,
        *,
        banned: bool = False,
        retry_after: float = 0.0,
    ) -> None:
        """The socket could not be opened. `banned`: the venue answered that we try too often.
        `retry_after`: so many seconds it asked us to wait."""
        failed = self.connections[connection]
        failed.is_opening = False
        self.connections.attempt_failed(failed, now, banned=banned, retry_after=retry_after)
        self.counters["connect_failures"] += 1
        self.outbox.event(EventKind.DISCONNECTED, now, connection=connection, reason=reason)
        for subscription in failed.topics.values():
            self._disconnected(subscription, reason, now)

    def lost(self, connection: str, reason: str, now: float) -> None:
        """The socket is gone."""
        lost = self.connections.get(connection)
        if lost is None or lost.session is None:
            return
        heard = any(subscription.is_answered for subscription in lost.topics.values())
        # Before a login is accepted nothing is asked for, and so nothing can be missed.
        asked = not lost.session.waits_for_login
        if heard and now - lost.session.opened_at >= GOOD_AFTER:
            lost.attempts = 0
        self._engine.forget_generation(lost.generation)
        lost.session = None
        self.counters["disconnects"] += 1
        self.outbox.event(EventKind.DISCONNECTED, now, connection=connection, reason=reason)
        if lost.profile.private and asked:
            # What happens to the account until the next login nobody will tell.
            lost.lost_reason = reason
            self.account.resync(reason, market=lost.profile.market)
        for subscription in lost.topics.values():
            subscription.is_answered = False
            self._recovery.stop(subscription)
            self._disconnected(subscription, reason, now)
            if subscription.book is None and asked:
                missed = f"connection lost: {reason}"
                self.outbox.event(EventKind.GAP, now, topic=subscription.topic, reason=missed)
        self.connections.retry_later(lost, now)

    def _disconnected(self, subscription: Subscription, reason: str, now: float) -> None:
        """A book without a connection cannot be trusted."""
        if subscription.book is not None:
            reason = f"no connection: {reason}"
            self._engine.invalidate(subscription.book, reason, state=BookState.CONNECTING)
            self._recovery.announce(subscription, now)

    def frame(self, connection: str, change: int, now: float) -> None:
        """A frame that the engine has applied, with any of SNAPSHOT, GAP, TRADE, OTHER in its
        Change bits."""
        heard = self.connections[connection]
        if heard.session is None:
            return
        if change & Change.TRADE:
            self._pushes.receive_trades(heard, self._engine.trades, now)
        for book in self._engine.touched:
            subscription = self.wanted.of(book)
            if subscription is not None:
                if not subscription.snapshots.was_requested:
                    self._answers.proven(subscription, now)
                self._recovery.changed(subscription, book.last_change, now)
        if change & Change.OTHER:
            self._pushes.receive(heard, self._engine.message, now)
        self.connections.flush(heard, now)

    def ponged(self, connection: str, now: float) -> None:
        """The other side has answered a ping frame of the protocol."""
        heard = self.connections[connection]
        if heard.session is not None:
            heard.session.receive(Reply(kind="pong"), now)
            self.connections.flush(heard, now)

    def bad_frame(self, connection: str, payload: bytes, error: MessageError, now: float) -> None:
        """A frame that the engine refused, or that could not be inflated: whoever it may have
        been about is in doubt."""
        heard = self.connections[connection]
        if not isinstance(error, CompressionError):
            # Of trades, those that could be read. What cannot be inflated the engine never saw.
            self._pushes.receive_trades(heard, self._engine.trades, now)
        self._unreadable.take(heard, payload, error, now)

    def advance(self, now: float) -> None:
        """Do what is due."""
        late = 0.0 if self._promised is None else now - self._promised
        self._promised = None
        if late > STANDSTILL:
            self._stood_still(late, now)
        is_tick = now >= self._next_tick
        if is_tick:
            self._next_tick = now + TICK
            for connection, reason in self.connections.lateness.tick(self.connections, now):
                self.drop(connection, reason, now)
        for connection in self.connections:
            if connection.session is None:
                self.connections.open_if_due(connection, now)
            else:
                self._advance_session(connection, connection.session, now)
        self._recovery.advance(now)
        if is_tick:
            self.connections.note_outages(now)
            self._answers.look_at_refused(now)
            self._recovery.tick(self.connections, now)
        for connection in self.connections:
            self.connections.flush(connection, now)

    def next_deadline(self, now: float) -> float:
        """When `advance` must be called next."""
        deadline = self._next_tick if self.wanted else now + IDLE_SECONDS
        for connection in self.connections:
            if connection.session is not None:
                deadline = min(deadline, connection.session.next_deadline(now))
            elif not connection.is_opening and connection.topics:
                deadline = min(deadline, self.connections.opens_at(connection, now))
        deadline = min(deadline, self._recovery.next_deadline())
        self._promised = max(deadline, now)
        return deadline

    def close(self, now: float) -> None:
        """Give everything up."""
        for connection in self.connections:
            connection.gate.give_up(connection)
            if connection.session is not None or connection.is_opening:
                self.outbox.act(Close(connection.name, "closed by the user"))
        for subscription in self.wanted.values():
            if subscription.book is not None:
                self._engine.close_book(subscription.book)
                self._recovery.announce(subscription, now)
        self.connections.clear()
        self.wanted.clear()
        self.outbox.event(EventKind.CLOSED, now)

    # --- for people ---

    def report(self) -> dict[str, Any]:
        """Connections, topics and counters."""
        return {
            "connections": self.connections.report(),
            "hosts": self.connections.lateness.report(self.connections),
            "topics": self.wanted.states(),
            "counters": dict(self.counters),
            "unknown_fields": self.venue.unknown_fields(),
            "engine": self._engine.stats,
        }

    def explain(self, topic: str, now: float) -> str:
        """A sentence about a topic: its state, why, and what is being done about it."""
        subscription = self.wanted.get(topic)
        if subscription is None:
            return f"{topic} is not subscribed."
        if subscription.book is None:
            return f"{topic} is {self.wanted.state(topic).lower()}."
        return self._recovery.explain(subscription, now)

    # --- connections ---

    def drop(self, connection: Connection, reason: str, now: float) -> None:
        """Close the socket; another one is opened later."""
        self.outbox.act(Close(connection.name, reason))
        self.lost(connection.name, reason, now)

    def _carry(
        self, subscription: Subscription, now: float, avoid: Connection | None = None
    ) -> None:
        connection = self.connections.carry(subscription, now, avoid)
        if connection.session is not None:
            self._recovery.subscribed(subscription, connection, now)
        self.connections.flush(connection, now)

    def move(self, subscription: Subscription, now: float) -> None:
        """Put a topic on another connection: what one server cannot deliver another may."""
        connection = subscription.connection
        since, steps = subscription.recovery.since, subscription.recovery.steps
        assert connection is not None
        assert connection.session is not None
        if subscription.profile.limits.connections == 1 and self._brings_others(connection):
            # There is no other one to move to, and this one serves everybody else.
            connection.session.renew(subscription.topic)
            self.counters["renewals"] += 1
            return
        self.counters["moves"] += 1
        if subscription.profile.limits.connections == 1 or not self._brings_others(connection):
            # Nothing of it comes: that is the connection's fault, and a new socket is cheaper
            # than moving all of them.
            self.drop(connection, f"{subscription.topic} does not come", now)
            return
        connection.topics.pop(subscription.topic)
        connection.session.unsubscribe([subscription.topic])
        subscription.connection = None
        self._carry(subscription, now, avoid=connection)
        self._recovery.moved(subscription, since, steps)

    def _make_room(
        self, connection: Connection, full: Full, subscription: Subscription, now: float
    ) -> None:
        """A topic was not answered on a connection that says that it is full: it goes to another
        one, and where there is none it is asked for again, more and more rarely."""
        assert connection.session is not None
        if self.connections.has_room_beside(connection):
            connection.session.forget(subscription.topic)
            connection.topics.pop(subscription.topic)
            self.connections.note_full(connection, now)
            subscription.connection = None
            self._carry(subscription, now, avoid=connection)
            self.counters["moves"] += 1
            return
        wait = min(FULL_LONGEST_WAIT, ANSWER_WITHIN * 2.0 ** min(full.waits, 10))
        full.waits += 1
        connection.session.postpone(subscription.topic, wait, now)

    @staticmethod
    def _brings_others(connection: Connection) -> bool:
        """Whether something comes on a connection besides the books that are being won back."""
        lost = [s for s in connection.topics.values() if s.recovery.since is not None]
        since = min((s.recovery.since or 0.0 for s in lost), default=0.0)
        return any(
            subscription.changed_at > since
            if subscription.book is None
            else subscription.recovery.since is None
            for subscription in connection.topics.values()
        )

    def _advance_session(self, connection: Connection, session: Session, now: float) -> None:
        for topic in session.unanswered:
            subscription = connection.topics.get(topic)
            if subscription is None or subscription.book is None:
                continue
            if self._engine.updates(subscription.book) > subscription.updates_before:
                self._answers.proven(subscription, now)
        line = self._engine.line(connection.generation)
        heard = None if line is None else line.last_heard
        silent = session.advance(now, 0.0 if heard is None else heard / 1e9)
        for answer in session.take_verdicts():
            self._answers.take(connection, answer, now)
        for topic in silent:
            self.counters["unanswered"] += 1
            self.outbox.event(EventKind.UNANSWERED, now, connection=connection.name, topic=topic)
            full = connection.full
            if full is not None and full.is_told and topic in connection.topics:
                self._make_room(connection, full, connection.topics[topic], now)
        if session.dead is not None:
            self.drop(connection, session.dead, now)
            return
        if self.connections.lateness.settle(connection, session.liveness.behind(now)):
            self._recovery.announce_all(connection, now)

    def _stood_still(self, late: float, now: float) -> None:
        """Nobody called in time: the process was blocked, or the machine asleep."""
        self.counters["stood_still"] += 1
        reason = f"nothing ran here for {late:.1f} s"
        for connection in self.connections:
            if connection.session is None:
                connection.retry_at = min(connection.retry_at, now)
            elif late > LONG_STANDSTILL:
                self.drop(connection, reason, now)
                connection.attempts = 0
                connection.retry_at = now
            else:
                # Its books are held until a pong has come through all that piled up.
                connection.session.liveness.probe(now, reason)
                connection.is_behind, connection.held_for = True, reason
                self._engine.hold(connection.generation, reason)
                self._recovery.announce_all(connection, now)


def _by_venue(
    credentials: Credentials | Mapping[str, Credentials] | None, venue: Venue
) -> Mapping[str, Credentials]:
    """Credentials by the name of their venue. A key is shown to no other venue than its own."""
    if credentials is None or isinstance(credentials, Mapping):
        return credentials or {}
    private = [profile.venue for profile in venue.profiles if profile.private]
    return dict.fromkeys(private[:1], credentials)
