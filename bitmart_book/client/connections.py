"""The connections of one client: which topics each carries, and when its socket is opened.

Sockets come and go in a connection, and a session lives as long as its socket.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from bitmart_book._book import Engine
from bitmart_book.client.lateness import Lateness
from bitmart_book.client.limits import Limiter, pause
from bitmart_book.client.outbox import Close, Open, Outbox, Ping, Send
from bitmart_book.client.subscriptions import Connection, Full, Subscription
from bitmart_book.client.times import FULL_FOR, OUTAGE_AFTER
from bitmart_book.errors import LimitError
from bitmart_book.model import EventKind
from bitmart_book.venues.profile import Profile, Topic

__all__ = ["Connections", "Keeper"]


class Keeper(Protocol):
    """Who ends connections and moves topics between them, with all that follows: the client."""

    def drop(self, connection: Connection, reason: str, now: float) -> None:
        """Close the socket; another one is opened later."""

    def move(self, subscription: Subscription, now: float) -> None:
        """Put a topic on another connection: what one server cannot deliver another may."""


class Connections:
    """All connections of one client, by name.

    `urls` maps a profile's endpoint name to another address than its own.
    """

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        limiter: Limiter,
        *,
        rng: random.Random,
        urls: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._limiter = limiter
        self._rng = rng
        self._urls = dict(urls)
        self._by_name: dict[str, Connection] = {}
        self._numbers: Counter[str] = Counter()
        self._outages: dict[str, float] = {}
        # How many topics a connection to an address carries, where that is fewer than documented,
        # and until when that is believed.
        self._carried: dict[str, tuple[int, float]] = {}
        self.lateness = Lateness(engine, outbox.counters)
        """Which of them are held, because what arrives is late."""

    def __getitem__(self, name: str) -> Connection:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Connection]:
        """Over those that there are now; they may come and go meanwhile."""
        return iter(list(self._by_name.values()))

    def get(self, name: str) -> Connection | None:
        """The connection of that name; None where there is none."""
        return self._by_name.get(name)

    def generation(self, name: str) -> int | None:
        """The number of the socket that a connection has now; None where it has none."""
        connection = self._by_name.get(name)
        if connection is None or connection.session is None:
            return None
        return connection.generation

    def name_of(self, generation: int) -> str | None:
        """The connection whose last socket has that number; None where there is none."""
        named = (c.name for c in self._by_name.values() if c.generation == generation)
        return next(named, None)

    def is_private(self, name: str) -> bool:
        """Whether a connection carries, or may carry, what belongs to an account."""
        connection = self._by_name.get(name)
        return connection is None or connection.profile.private

    def binary(self, name: str) -> str:
        """What a binary message of a connection is: see `Framing.binary`."""
        connection = self._by_name.get(name)
        return "raw deflate" if connection is None else connection.profile.framing.binary

    def clear(self) -> None:
        """Forget all of them."""
        self._by_name.clear()

    def url(self, profile: Profile) -> str:
        """The address of the sockets of a profile."""
        return self._urls.get(profile.endpoint, profile.server.url)

    def report(self) -> dict[str, dict[str, Any]]:
        """Of each connection, for people: where it goes, whether it is open, what it carries."""
        return {
            connection.name: {
                "url": connection.url,
                "open": connection.session is not None,
                "topics": len(connection.topics),
                "attempts": connection.attempts,
                "lag": self.lateness.lag(connection),
            }
            for connection in self
        }

    # --- carrying topics ---

    def carry(
        self, subscription: Subscription, now: float, avoid: Connection | None = None
    ) -> Connection:
        """Put a topic on a connection that has room, or on a new one."""
        profile = subscription.profile
        same = [connection for connection in self if connection.profile is profile]
        free = [other for other in same if other is not avoid and self.takes(other, subscription)]
        if free:
            # One that has room for what its topics may need later; the first, if none has.
            connection = next((one for one in free if _may_renew(one, now)), free[0])
        elif len(same) < profile.limits.connections:
            connection = self._make(profile, now)
        else:
            if avoid is None:  # the client has counted, but not who must be apart from whom
                raise LimitError(f"{subscription.topic} fits on none of {len(same)} connections")
            connection = avoid
        connection.topics[subscription.topic] = subscription
        subscription.connection = connection
        if connection.session is not None:
            connection.session.subscribe([subscription.topic])
            if avoid is not None:
                connection.session.note_renewal(now)
        return connection

    def _make(self, profile: Profile, now: float) -> Connection:
        kind = f"{profile.market}-private" if profile.private else profile.market
        self._numbers[kind] += 1
        name = f"{kind}-{self._numbers[kind]}"
        url = self.url(profile)
        connection = Connection(name, profile, url, self._limiter.gate(profile, url), now)
        most, until = self._carried.get(profile.endpoint, (0, now))
        if now < until:
            connection.full = Full()
            connection.full.most = most
        self._by_name[name] = connection
        return connection

    def has_room_beside(self, connection: Connection) -> bool:
        """Whether a topic of that connection could be carried by another one."""
        same = [other for other in self if other.profile is connection.profile]
        free = any(other.room > 0 for other in same if other is not connection)
        return free or len(same) < connection.profile.limits.connections

    def may_renew_beside(self, subscription: Subscription, now: float) -> bool:
        """Whether another connection could subscribe a topic anew, within the limits of that."""
        profile = subscription.profile
        same = [other for other in self if other.profile is profile]
        return len(same) < profile.limits.connections or any(
            other is not subscription.connection
            and self.takes(other, subscription)
            and _may_renew(other, now)
            for other in same
        )

    @staticmethod
    def takes(connection: Connection, subscription: Subscription) -> bool:
        """Whether a connection has room for a topic, and none from which it must be apart."""
        if connection.room <= 0 or subscription.topic in connection.beside:
            return False
        apart = connection.profile.apart
        mine = apart(Topic.parse(subscription.topic))
        there = (*connection.topics, *connection.beside)
        return mine is None or all(apart(Topic.parse(topic)) != mine for topic in there)

    def note_full(self, connection: Connection, now: float) -> None:
        """A connection carries what is left on it, and no more; others will be no different."""
        assert connection.full is not None
        connection.full.most = max(1, len(connection.topics))
        endpoint = connection.profile.endpoint
        self._carried[endpoint] = connection.full.most, now + FULL_FOR

    def remove(self, subscription: Subscription, now: float, *, is_subscribed: bool = True) -> None:
        """Take a topic off its connection, and end a connection that carries nothing.

        `is_subscribed`: whether there is something to unsubscribe.
        """
        connection = subscription.connection
        if connection is None:
            return
        subscription.connection = None
        connection.topics.pop(subscription.topic, None)
        if connection.session is not None:
            if is_subscribed:
                connection.session.unsubscribe([subscription.topic])
            else:
                connection.session.forget(subscription.topic)
            self.flush(connection, now)
        if not connection.topics:
            connection.gate.give_up(connection)
            if connection.session is not None or connection.is_opening:
                self._engine.forget_generation(connection.generation)
                self._outbox.act(Close(connection.name, "nothing is wanted on it"))
            del self._by_name[connection.name]

    # --- opening and sending ---

    def open_if_due(self, connection: Connection, now: float) -> None:
        """Open it if its time has come, and nobody is doing so."""
        if connection.is_opening or not connection.topics or now < connection.retry_at:
            return
        gate = connection.gate
        if gate.ready_at(connection, now) <= now:
            gate.attempt(connection, now)
            connection.is_opening = True
            self._outbox.act(Open(connection.name, connection.url))

    def opens_at(self, connection: Connection, now: float) -> float:
        """When the next attempt to open it is due, as far as is known now."""
        return max(connection.retry_at, connection.gate.ready_at(connection, now))

    def attempt_failed(
        self, connection: Connection, now: float, *, banned: bool, retry_after: float
    ) -> None:
        """Its socket could not be opened; the gate decides when the next attempt is due."""
        connection.gate.failed(connection, now, self._rng, banned=banned, retry_after=retry_after)
        connection.retry_at = now

    def retry_later(self, connection: Connection, now: float) -> None:
        """After a lost socket: a longer pause each time."""
        connection.retry_at = now + pause(connection.attempts, self._rng)
        connection.attempts += 1

    def flush(self, connection: Connection, now: float) -> None:
        """Send what may be sent now."""
        session = connection.session
        if session is None:
            return
        login = session.take_login()
        if login is not None:
            self._outbox.act(Send(connection.name, login, True))
        session.send_due(now)
        for text in session.output():
            name = connection.name
            self._outbox.act(Ping(name) if text is None else Send(name, text))

    # --- outages ---

    def note_outages(self, now: float) -> None:
        """One event a minute while an endpoint cannot be reached."""
        for connection in self._by_name.values():
            since = connection.gate.unreachable_since
            if since is None or connection.session is not None:
                continue
            endpoint = connection.profile.endpoint
            if now >= max(self._outages.get(endpoint, since), since) + OUTAGE_AFTER:
                self._outages[endpoint] = now
                reason = f"{endpoint} cannot be reached"
                self._outbox.event(
                    EventKind.OUTAGE,
                    now,
                    connection=connection.name,
                    reason=reason,
                    after=now - since,
                )

    def note_reachable(self, connection: Connection, now: float) -> None:
        """A connection has opened: the end of an outage, if there was one."""
        since = connection.gate.unreachable_since
        if since is not None and now - since > OUTAGE_AFTER:
            self._outbox.event(
                EventKind.REACHABLE, now, connection=connection.name, after=now - since
            )


def _may_renew(connection: Connection, now: float) -> bool:
    session = connection.session
    return session is None or session.renewals_at(now) <= now
