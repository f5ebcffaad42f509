"""Everything above one socket: what is wanted, on which connection, and how it is won back.

Sans-I/O: the shell says what happened and when, and executes the actions that come out (`Open`,
`Send`, `Close`, wake at `next_deadline`). Time and randomness are arguments; the engine holds the
books, and this file only ever tells it that a book cannot be trusted or is confirmed. The wanted
set is the truth: after a reconnect it is subscribed anew, never a history of sends replayed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from bitmart_book._book import Book, Engine
from bitmart_book.client.account import Account
from bitmart_book.client.limits import PROCESS_LIMITER, Limiter, pause
from bitmart_book.client.places import Place, Wanted
from bitmart_book.client.recovery import Recovery
from bitmart_book.client.session import Answer, Session, Timeouts
from bitmart_book.credentials import Credentials, redact
from bitmart_book.errors import (
    BitmartBookError,
    ClockError,
    CompressionError,
    LimitError,
    MessageError,
    UsageError,
)
from bitmart_book.model import BookState, Change, Event
from bitmart_book.venues.profile import Profile, Reply, StreamChannel, Topic, Trouble, Venue

__all__ = ["Action", "Client", "Close", "Open", "Plan", "Push", "Send"]

# Reaching the open state proves little: servers that accept and drop would be stormed otherwise.
GOOD_AFTER = 30.0
TICK = 1.0
# Called so much later than asked for, this process, or the whole machine, stood still: what has
# piled up meanwhile is not of now, and after a longer while the connections are not worth keeping.
LATE = 3.0
TOO_LATE = 5.0
OUTAGE_AFTER = 60.0
# How far the time of a login may be from the venue's.
CLOCK_MS = 60_000
# A login that is refused so often is refused.
LOGINS = 3
BAD_FRAMES = 3
BAD_FRAMES_WITHIN = 10.0
# A server that invents channels must not fill the memory.
MOST_UNKNOWN = 100


# The text of a number without quotes is kept, so that no digit passes through a double.
_decode = msgspec.json.Decoder(float_hook=str).decode


class Open(NamedTuple):
    """Open a websocket to `url`; report `opened`, or `failed`, for this connection."""

    connection: str
    url: str


class Send(NamedTuple):
    """Send a text frame. A secret one, a login, belongs in no log."""

    connection: str
    text: str
    secret: bool = False

    def __repr__(self) -> str:
        return f"Send({self.connection!r}, {'a login' if self.secret else repr(self.text)})"


class Close(NamedTuple):
    """Close the socket; `lost` need not be reported."""

    connection: str
    reason: str


Action = Open | Send | Close


class Push(NamedTuple):
    """Typed values that arrived on a topic that is not a book's."""

    topic: str
    values: tuple[Any, ...]


class Plan(NamedTuple):
    """What a set of topics would use."""

    connections: int
    topics: int
    messages: int


class Client:
    """The wanted topics of one feed and the connections that carry them.

    `urls` maps a profile's endpoint name to another address than its own; without `elsewhere` only
    endpoints with such an address are used, so that nobody who points at one server is connected
    to another. `now` of every call is
    monotonic seconds of the same clock that the engine counts in nanoseconds.
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
        credentials: Credentials | None = None,
        wall_ms: Callable[[], int] | None = None,
        limiter: Limiter | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._engine = engine
        self._venue = venue
        self._rng = rng
        self._promised: float | None = None
        self._urls = dict(urls or {})
        self._elsewhere = elsewhere
        self._other_hosts = other_hosts
        self._credentials = credentials
        self._wall_ms = wall_ms
        self.account = Account()
        """What the private streams have told."""
        self._limiter = limiter or PROCESS_LIMITER
        self._timeouts = timeouts
        self._wanted: dict[str, Wanted] = {}
        self._by_book: dict[Book, Wanted] = {}
        self._connections: dict[str, Place] = {}
        self._generations = 0
        self._names: Counter[str] = Counter()
        self._unknown: set[str] = set()
        self._next_tick = 0.0
        self._outages: dict[str, float] = {}
        self.counters: Counter[str] = Counter()
        self._recovery = Recovery(
            engine, rng=rng, counters=self.counters, emit=self._event, move=self._move
        )
        self._actions: list[Action] = []
        self._events: list[Event] = []
        self._pushes: list[Push] = []

    # --- what the user wants ---

    def topic(self, text: str, *, channel: str | None = None, market: str | None = None) -> str:
        """The raw topic that a user's words mean. UsageError for what cannot exist."""
        if self._venue.is_topic(text):
            self._venue.topic_profile(text)
            return text
        return f"{self._venue.book_channel(text, channel=channel, market=market)[1].name}:{text}"

    def book(self, topic: str) -> Book | None:
        """The book of a wanted topic; None for one that is not a book's."""
        return self._wanted[topic].book

    def subscribe(self, topics: Iterable[str], now: float) -> None:
        """Want these topics once more each: all of them, or none where one of them cannot be.

        LimitError where the venue, or the engine, could not carry them.
        """
        topics = list(dict.fromkeys(topics))
        profiles = [self._venue.topic_profile(topic) for topic in topics]
        for topic, profile in zip(topics, profiles, strict=True):
            if not self._elsewhere and profile.endpoint not in self._urls:
                served = ", ".join(self._urls) or "nothing"
                raise UsageError(f"{topic} is {profile.endpoint}; this exchange serves {served}")
            problem = profile.url_problem(self._url(profile), other_hosts=self._other_hosts)
            if problem is None and profile.private and self._credentials is None:
                problem = "it is private, and there are no credentials"
            if problem is not None:
                raise UsageError(f"{topic}: {problem}")
        self._check_room(topics, profiles)
        books = self._make_books([topic for topic in topics if topic not in self._wanted])
        for topic, profile in zip(topics, profiles, strict=True):
            wanted = self._wanted.get(topic)
            if wanted is None:
                wanted = self._wanted[topic] = Wanted(topic, profile, books[topic])
                wanted.told_at = wanted.live_at = now
                if wanted.book is not None:
                    self._by_book[wanted.book] = wanted
            wanted.count += 1
            if wanted.place is None:
                wanted.refused = None
                self._place(wanted, now)

    def unsubscribe(self, topics: Iterable[str], now: float) -> list[str]:
        """Want these topics once less each; returns those that nobody wants any more."""
        topics = list(topics)
        for topic in topics:
            if topic not in self._wanted:
                raise UsageError(f"{topic} is not subscribed")
        ended = []
        for topic in topics:
            wanted = self._wanted[topic]
            wanted.count -= 1
            if wanted.count > 0:
                continue
            ended.append(topic)
            del self._wanted[topic]
            self._recovery.calm(wanted)
            self._leave(wanted, now)
            if wanted.book is not None:
                del self._by_book[wanted.book]
                self._engine.close_book(wanted.book)
                self._recovery.tell(wanted, now)
        return ended

    def subscriptions(self) -> dict[str, str]:
        """Topic to its state: a book's own, else CONNECTING, SYNCING, LIVE or REJECTED."""
        return {topic: self._state(wanted) for topic, wanted in self._wanted.items()}

    def refusal(self, topic: str) -> Answer | None:
        """The venue's refusal of a wanted topic, if it refused."""
        wanted = self._wanted.get(topic)
        return None if wanted is None else wanted.refused

    def problem(self, topic: str) -> BitmartBookError | None:
        """What the venue last said of a wanted topic for which it has no answer yet."""
        wanted = self._wanted.get(topic)
        if wanted is None or wanted.problem is None or self.answered(topic):
            return None
        return wanted.profile.error(wanted.problem, (topic,))

    def is_open(self, connection: str) -> bool:
        """Whether that connection has a socket."""
        place = self._connections.get(connection)
        return place is not None and place.session is not None

    def is_private(self, connection: str) -> bool:
        """Whether that connection carries what belongs to an account."""
        place = self._connections.get(connection)
        return place is not None and place.profile.private

    def answered(self, topic: str) -> bool:
        """Whether a wanted topic is LIVE, or has acknowledged or sent anything if not a book's."""
        wanted = self._wanted.get(topic)
        if wanted is None:
            return False
        if wanted.book is not None:
            return wanted.book.state == BookState.LIVE
        return wanted.answered

    def plan(self, topics: Iterable[str]) -> Plan:
        """What these topics would use on an empty client. LimitError where they do not fit."""
        by_profile: dict[str, list[str]] = {}
        profiles: dict[str, Profile] = {}
        for topic in dict.fromkeys(topics):
            profile = self._venue.topic_profile(topic)
            profiles[profile.endpoint] = profile
            by_profile.setdefault(profile.endpoint, []).append(topic)
        connections = messages = 0
        for endpoint, wanted in by_profile.items():
            limits = profiles[endpoint].limits
            needed = -(-len(wanted) // limits.topics_per_connection)
            if needed > limits.connections:
                raise LimitError(
                    f"{len(wanted)} topics of {endpoint} need {needed} connections; "
                    f"the venue allows {limits.connections}"
                )
            connections += needed
            for start in range(0, len(wanted), limits.topics_per_connection):
                count = min(limits.topics_per_connection, len(wanted) - start)
                messages += -(-count // limits.topics_per_message)
        return Plan(connections, sum(map(len, by_profile.values())), messages)

    # --- what the shell says ---

    def opened(self, connection: str, now: float) -> int:
        """The socket is open. Returns the generation to give the engine with its frames."""
        place = self._connections[connection]
        place.opening = False
        door = place.door
        if door.shut_since is not None and now - door.shut_since > OUTAGE_AFTER:
            self._event("reachable", now, connection=connection, after=now - door.shut_since)
        door.opened(place)
        self._generations += 1
        place.generation = self._generations
        login = self._login(place.profile) if place.profile.private else None
        place.session = Session(place.profile, now, self._timeouts, login=login)
        place.clock_tried = False
        place.behind = False
        timeouts = place.session.timeouts
        self._engine.open_line(place.generation, timeouts.ping_after + timeouts.pong_within)
        place.session.subscribe(place.topics)
        place.bad_frames.clear()
        self.counters["connects"] += 1
        self._event("connected", now, connection=connection)
        for wanted in place.topics.values():
            self._recovery.began(wanted, place, now)
        self._flush(place, now)
        return place.generation

    def failed(self, connection: str, reason: str, now: float, *, banned: bool = False) -> None:
        """The socket could not be opened. `banned`: the venue answered that we try too often."""
        place = self._connections[connection]
        place.opening = False
        place.door.failed(place, now, self._rng, banned=banned)
        self.counters["connect_failures"] += 1
        self._event("disconnected", now, connection=connection, reason=reason)
        for wanted in place.topics.values():
            if wanted.book is not None:
                self._engine.invalidate(
                    wanted.book, f"no connection: {reason}", state=BookState.CONNECTING
                )
                self._recovery.tell(wanted, now)
        place.retry_at = now

    def lost(self, connection: str, reason: str, now: float) -> None:
        """The socket is gone."""
        place = self._connections.get(connection)
        if place is None or place.session is None:
            return
        heard = any(wanted.answered for wanted in place.topics.values())
        # Before a login is accepted nothing is asked for, and so nothing can be missed.
        asked = not place.session.waits_for_login
        good = heard and now - place.session.opened_at >= GOOD_AFTER
        place.attempts = 0 if good else place.attempts
        self._engine.forget_generation(place.generation)
        place.session = None
        self.counters["disconnects"] += 1
        self._event("disconnected", now, connection=connection, reason=reason)
        if place.profile.private and asked:
            # What happened meanwhile nobody will tell.
            place.hole = reason
            self.account.resync(reason, market=place.profile.market)
        for wanted in place.topics.values():
            wanted.answered = False
            self._recovery.calm(wanted)
            if wanted.book is not None:
                self._engine.invalidate(
                    wanted.book, f"no connection: {reason}", state=BookState.CONNECTING
                )
                self._recovery.tell(wanted, now)
            elif asked:
                self._event("gap", now, topic=wanted.topic, reason=f"connection lost: {reason}")
        self._retry_later(place, now)

    def frame(self, connection: str, payload: bytes | str, change: int, now: float) -> None:
        """A frame that the engine has seen and flagged: SNAPSHOT, GAP, TRADE or OTHER."""
        place = self._connections[connection]
        if place.session is None:
            return
        if change & Change.TRADE:
            self._push_trades(place, now)
        for book in self._engine.touched:
            wanted = self._by_book.get(book)
            if wanted is not None:
                if not wanted.asked:
                    self._answer(wanted, now)
                self._recovery.changed(wanted, book.last_change, now)
        if change & Change.OTHER:
            self._other(place, payload, now)
        self._flush(place, now)

    def bad_frame(self, connection: str, error: MessageError, now: float) -> None:
        """A frame that the engine refused: its books, or all of the connection, are in doubt."""
        place = self._connections[connection]
        self.counters["bad_frames"] += 1
        self._event("bad frame", now, connection=connection, reason=redact(error))
        # What could not be inflated the engine has not seen: what it touched was another frame.
        seen = () if isinstance(error, CompressionError) else self._engine.touched
        touched = [book for book in seen if book in self._by_book]
        if not touched and error.symbol is None:
            # Whose it was cannot be told: it may have been an update of any book here.
            touched = [
                wanted.book
                for wanted in place.topics.values()
                if wanted.book is not None and wanted.book.state == BookState.LIVE
            ]
            for book in touched:
                self._engine.invalidate(book, f"an unreadable frame: {error}")
        for book in touched:
            wanted = self._by_book[book]
            self._recovery.tell(wanted, now)
            if book.state == BookState.REJECTED:
                self._give_up(wanted, Answer(wanted.topic, False, None, book.reason or ""), now)
            elif book.state != BookState.LIVE:
                self._recovery.trouble(wanted, now)
        for wanted in place.topics.values():
            # Its snapshot was unreadable: no need to wait until its absence is noticed.
            waiting = wanted.book is not None and wanted.book.state == BookState.SYNCING
            if waiting and error.symbol == Topic.parse(wanted.topic).symbol:
                self._recovery.trouble(wanted, now)
        place.bad_frames.append(now)
        while place.bad_frames[0] < now - BAD_FRAMES_WITHIN:
            place.bad_frames.popleft()
        if len(place.bad_frames) >= BAD_FRAMES:
            self._close(place, f"{BAD_FRAMES} bad frames in {BAD_FRAMES_WITHIN:g} s", now)
        else:
            self._flush(place, now)

    def advance(self, now: float) -> None:
        """Do what is due."""
        late = 0.0 if self._promised is None else now - self._promised
        self._promised = None
        if late > LATE:
            self._stood_still(late, now)
        for place in list(self._connections.values()):
            if place.session is None:
                self._open_if_due(place, now)
            else:
                self._advance_session(place, now)
        self._recovery.advance(now)
        if now >= self._next_tick:
            self._next_tick = now + TICK
            self._tick(now)
        for place in list(self._connections.values()):
            self._flush(place, now)

    def next_deadline(self, now: float) -> float:
        """When `advance` must be called next."""
        deadline = self._next_tick if self._wanted else now + 3600.0
        for place in self._connections.values():
            if place.session is not None:
                deadline = min(deadline, place.session.next_deadline(now))
            elif not place.opening and place.topics:
                ready = place.door.ready_at(place, now)
                deadline = min(deadline, max(place.retry_at, ready))
        deadline = min(deadline, self._recovery.next_deadline())
        self._promised = max(deadline, now)
        return deadline

    def close(self, now: float) -> None:
        """Give everything up."""
        for place in list(self._connections.values()):
            place.door.gave_up(place)
            if place.session is not None or place.opening:
                self._actions.append(Close(place.name, "closed by the user"))
        for wanted in self._wanted.values():
            if wanted.book is not None:
                self._engine.close_book(wanted.book)
                self._recovery.tell(wanted, now)
        self._connections.clear()
        self._wanted.clear()
        self._by_book.clear()
        self._event("closed", now)

    # --- what comes out ---

    def actions(self) -> list[Action]:
        """What the shell has to do, in order; handed out once."""
        actions, self._actions = self._actions, []
        return actions

    def events(self) -> list[Event]:
        """What happened, in order; handed out once."""
        events, self._events = self._events, []
        return events

    def pushes(self) -> list[Push]:
        """Values of topics that are not a book's, in order; handed out once."""
        pushes, self._pushes = self._pushes, []
        return pushes

    def report(self) -> dict[str, Any]:
        """Connections, topics and counters, for people."""
        return {
            "connections": {
                place.name: {
                    "url": place.url,
                    "open": place.session is not None,
                    "topics": len(place.topics),
                    "attempts": place.attempts,
                }
                for place in self._connections.values()
            },
            "topics": self.subscriptions(),
            "counters": dict(self.counters),
            "unknown_fields": self._unknown_fields(),
            "engine": self._engine.stats,
        }

    def _unknown_fields(self) -> dict[str, int]:
        """Of what nobody documented, how often it came: by "channel.field", in this process."""
        found: dict[str, int] = {}
        for profile in self._venue.profiles:
            found.update(profile.unknown_fields())
        return found

    def explain(self, topic: str, now: float) -> str:
        """A sentence about a topic: its state, why, and what is being done about it."""
        wanted = self._wanted.get(topic)
        if wanted is None:
            return f"{topic} is not subscribed."
        if wanted.book is None:
            return f"{topic} is {self._state(wanted).lower()}."
        return self._recovery.explain(wanted, now)

    # --- placing topics ---

    def _make_books(self, topics: list[str]) -> dict[str, Book | None]:
        """The book of each topic, None where it is not a book's. All of them, or none is left."""
        made: dict[str, Book | None] = {}
        try:
            for topic in topics:
                made[topic] = self._make_book(topic, made)
        except BitmartBookError:
            for book in made.values():
                if book is not None:
                    self._engine.close_book(book)
            raise
        return made

    def _make_book(self, topic: str, made: Mapping[str, Book | None]) -> Book | None:
        parsed = Topic.parse(topic)
        profile = self._venue.topic_profile(topic)
        if profile.book(parsed.channel) is None:
            return None
        book = self._engine.book(parsed.symbol, channel=parsed.channel, market=profile.market)
        if book in self._by_book:
            raise UsageError(
                f"{self._by_book[book].topic} is subscribed already, and it is the same book"
            )
        for other, same in made.items():
            if same is book:
                raise UsageError(f"{topic} and {other} are the same book: subscribe one of them")
        self._engine.invalidate(book, "not subscribed yet", state=BookState.CONNECTING)
        return book

    def _check_room(self, topics: list[str], profiles: list[Profile]) -> None:
        new: Counter[str] = Counter()
        for topic, profile in zip(topics, profiles, strict=True):
            if topic not in self._wanted:
                new[profile.endpoint] += 1
        for profile in {profile.endpoint: profile for profile in profiles}.values():
            there = sum(wanted.profile is profile for wanted in self._wanted.values())
            limits = profile.limits
            most = limits.connections * limits.topics_per_connection
            if there + new[profile.endpoint] > most:
                raise LimitError(
                    f"{there + new[profile.endpoint]} topics of {profile.endpoint}; "
                    f"{limits.connections} connections carry {most}"
                )

    def _place(self, wanted: Wanted, now: float, avoid: Place | None = None) -> None:
        """Put a topic on a connection that has room, or on a new one."""
        profile = wanted.profile
        mine = [place for place in self._connections.values() if place.profile is profile]
        places = [place for place in mine if place.room > 0 and place is not avoid]
        if places:
            place = places[0]
        elif len(mine) < profile.limits.connections:
            kind = f"{profile.market}-private" if profile.private else profile.market
            self._names[kind] += 1
            name = f"{kind}-{self._names[kind]}"
            url = self._url(profile)
            door = self._limiter.door(profile, url)
            place = self._connections[name] = Place(name, profile, url, door)
            place.retry_at = now
        else:
            assert avoid is not None  # _check_room has counted
            place = avoid
        place.topics[wanted.topic] = wanted
        wanted.place = place
        if place.session is not None:
            place.session.subscribe([wanted.topic])
            self._recovery.began(wanted, place, now)
        self._flush(place, now)

    def _leave(self, wanted: Wanted, now: float, *, subscribed: bool = True) -> None:
        """Take a topic off its connection, and end a connection that carries nothing."""
        place = wanted.place
        if place is None:
            return
        wanted.place = None
        place.topics.pop(wanted.topic, None)
        if place.session is not None:
            if subscribed:
                place.session.unsubscribe([wanted.topic])
            else:
                place.session.forget(wanted.topic)
            self._flush(place, now)
        if not place.topics:
            place.door.gave_up(place)
            if place.session is not None or place.opening:
                self._engine.forget_generation(place.generation)
                self._actions.append(Close(place.name, "nothing is wanted on it"))
            del self._connections[place.name]

    def _move(self, wanted: Wanted, now: float) -> None:
        """To another connection: what one server cannot deliver another may."""
        place, since, steps = wanted.place, wanted.troubled_since, wanted.steps
        assert place is not None
        self.counters["moves"] += 1
        lost = all(
            other.troubled_since is not None for other in place.topics.values() if other.book
        )
        if lost or wanted.profile.limits.connections == 1:
            # None of its books comes: that is the connection's fault, and a new socket is cheaper
            # than moving all of them.
            self._close(place, f"{wanted.topic} does not come", now)
            return
        place.topics.pop(wanted.topic)
        assert place.session is not None
        place.session.unsubscribe([wanted.topic])
        wanted.place = None
        self._place(wanted, now, avoid=place)
        self._recovery.moved(wanted, since, steps)

    # --- connections ---

    def _open_if_due(self, place: Place, now: float) -> None:
        if place.opening or not place.topics or now < place.retry_at:
            return
        door = place.door
        if door.ready_at(place, now) > now:
            return
        door.try_(place, now)
        place.opening = True
        self._actions.append(Open(place.name, place.url))

    def _advance_session(self, place: Place, now: float) -> None:
        session = place.session
        assert session is not None
        for topic in session.unanswered:
            wanted = place.topics.get(topic)
            if wanted is None or wanted.book is None:
                continue
            if self._engine.updates(wanted.book) > wanted.pushed_before:
                self._answer(wanted, now)
        heard = self._engine.last_heard(place.generation)
        silent = session.advance(now, 0.0 if heard is None else heard / 1e9)
        for topic in silent:
            self.counters["unanswered"] += 1
            self._event("unanswered", now, connection=place.name, topic=topic)
        if session.dead is not None:
            self._close(place, session.dead, now)
            return
        behind = session.behind(now)
        if behind != place.behind:
            place.behind = behind
            if behind:
                self.counters["behind"] += 1
                self._engine.hold(place.generation, "what arrives on its connection is late")
            else:
                self._engine.release(place.generation)
            self._recovery.tell_all(place, now)

    def _stood_still(self, late: float, now: float) -> None:
        """Nobody called in time: the process was blocked, or the machine asleep."""
        self.counters["stood_still"] += 1
        reason = f"nothing ran here for {late:.1f} s"
        for place in list(self._connections.values()):
            if place.session is None:
                place.retry_at = min(place.retry_at, now)
            elif late > TOO_LATE:
                self._close(place, reason, now)
                place.attempts = 0
                place.retry_at = now
            else:
                # Until a pong has come through all that piled up.
                place.session.probe(now)
                place.behind = True
                self._engine.hold(place.generation, reason)
                self._recovery.tell_all(place, now)

    def _close(self, place: Place, reason: str, now: float) -> None:
        self._actions.append(Close(place.name, reason))
        self.lost(place.name, reason, now)

    def _retry_later(self, place: Place, now: float) -> None:
        place.retry_at = now + pause(place.attempts, self._rng)
        place.attempts += 1

    def _flush(self, place: Place, now: float) -> None:
        if place.session is None:
            return
        login = place.session.take_login()
        if login is not None:
            self._actions.append(Send(place.name, login, True))
        place.session.send_due(now)
        self._actions += [Send(place.name, text) for text in place.session.output()]

    def _tick(self, now: float) -> None:
        """Once a second: what only time can tell."""
        for place in self._connections.values():
            self._note_outage(place, now)
        self._recovery.tick(self._connections.values(), now)

    def _note_outage(self, place: Place, now: float) -> None:
        """One event a minute while an endpoint cannot be reached."""
        door = place.door
        if door.shut_since is None or place.session is not None:
            return
        told = self._outages.get(place.profile.endpoint, door.shut_since)
        if now >= max(told, door.shut_since) + OUTAGE_AFTER:
            self._outages[place.profile.endpoint] = now
            self._event(
                "outage",
                now,
                connection=place.name,
                reason=f"{place.profile.endpoint} cannot be reached",
                after=now - door.shut_since,
            )

    # --- frames that are not a book's ---

    def _other(self, place: Place, payload: bytes | str, now: float) -> None:
        session = place.session
        assert session is not None
        try:
            message: Any = _decode(payload)
        except msgspec.DecodeError:
            message = payload if isinstance(payload, str) else bytes(payload).decode("ascii")
        reply = place.profile.classify(message)
        if reply is not None:
            if reply.kind == "error":
                # Futures repeat what they did not understand, logins too.
                reply = msgspec.structs.replace(reply, message=redact(reply.message))
                self.counters["errors"] += 1
                self._event(
                    "error",
                    now,
                    connection=place.name,
                    topic=reply.topic,
                    code=reply.code,
                    reason=reply.message,
                )
                self._note_problem(place, reply)
            for answer in session.receive(reply, now):
                self._settle(place, answer, now)
            if reply.operation == "login":
                self._login_answered(place, reply, now)
            return
        self._stream(place, message, now)

    @staticmethod
    def _note_problem(place: Place, reply: Reply) -> None:
        """The venue cannot now: whoever waits for an answer is told so if none comes in time."""
        trouble = place.profile.trouble(reply)
        if trouble is not None and trouble.passes:
            named = place.topics.get(reply.topic or "")
            for wanted in place.topics.values() if named is None else [named]:
                wanted.problem = reply

    def _stream(self, place: Place, message: Any, now: float) -> None:
        profile = place.profile
        name = message.get(profile.channel_key) if isinstance(message, dict) else None
        parsed = Topic.parse(profile.channel_prefix + name) if isinstance(name, str) else None
        stream = parsed and profile.stream(parsed.channel)
        if not stream or not parsed:
            self.counters["unknown_frames"] += 1
            self._note_unknown(place, name, now)
            return
        try:
            values = stream.decode(message)
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            self.counters["bad_frames"] += 1
            self._event(
                "bad frame",
                now,
                connection=place.name,
                reason=redact(f"{parsed.channel}: {type(error).__name__}: {error}"),
            )
            return
        self._push(place, stream, parsed, values, now)

    def _note_unknown(self, place: Place, name: Any, now: float) -> None:
        """Of each channel that nobody knows once."""
        shown = redact(str(name)[:100])
        if shown not in self._unknown and len(self._unknown) < MOST_UNKNOWN:
            self._unknown.add(shown)
            reason = f"of {shown}" if isinstance(name, str) else "of no channel"
            self._event("unknown frame", now, connection=place.name, reason=reason)

    # --- logging in ---

    def _url(self, profile: Profile) -> str:
        return self._urls.get(profile.endpoint, profile.url)

    def _login(self, profile: Profile, offset_ms: int = 0) -> str:
        assert profile.login is not None
        assert self._credentials is not None
        if self._wall_ms is None:
            raise UsageError("a login needs the time: wall_ms")
        return profile.login(self._credentials, self._wall_ms() + offset_ms)

    def _login_answered(self, place: Place, reply: Reply, now: float) -> None:
        session = place.session
        assert session is not None
        if reply.kind == "ack":
            place.refused_logins = 0
            self._event("authenticated", now, connection=place.name)
            if place.hole is not None:
                self._event("resync", now, connection=place.name, reason=place.hole)
                place.hole = None
            return
        trouble = place.profile.trouble(reply)
        if trouble is not None and trouble.passes:
            self._close(place, f"no login now: {reply.message}", now)
            return
        offset = self._venue_offset_ms() if trouble in (Trouble.CLOCK, Trouble.LOGIN) else None
        if offset is not None and abs(offset) > CLOCK_MS:
            # Futures say the same of a wrong time as of a wrong key.
            trouble = Trouble.CLOCK
        elif trouble is Trouble.LOGIN:
            offset = None
        if offset is not None and not place.clock_tried:
            # Once, with the time that the venue itself puts on its public frames.
            place.clock_tried = True
            session.log_in(self._login(place.profile, offset), now)
            return
        place.refused_logins += 1
        if place.refused_logins < LOGINS and trouble is not Trouble.CLOCK:
            self._close(place, f"login refused: {reply.message}", now)
            return
        for wanted in list(place.topics.values()):
            error = place.profile.error(reply, (wanted.topic,))
            if trouble is Trouble.CLOCK:
                error = ClockError(reply.code, reply.message)
            answer = Answer(wanted.topic, False, reply.code, reply.message, error)
            self._give_up(wanted, answer, now)

    def _venue_offset_ms(self) -> int | None:
        """How far the venue's clock is before ours, by the stamp of what last came from it."""
        assert self._wall_ms is not None
        stamps = [
            book.exchange_time_ms + int(1000 * age)
            for book in self._engine.books
            if book.exchange_time_ms is not None
            and (age := book.quote_in_any_state().age) is not None
        ]
        return max(stamps) - self._wall_ms() if stamps else None

    def _is_news(self, value: Any) -> bool:
        """Whether a value of the account says more than was known."""
        outcome = self.account.apply(value)
        self.counters[f"account_{outcome.kind}"] += 1
        return outcome.kind not in ("repeated", "older") or outcome.fill is not None

    def _push_trades(self, place: Place, now: float) -> None:
        for stream in place.profile.streams:
            if stream.trades:
                topic = Topic(stream.name, "", "")
                self._push(place, stream, topic, self._engine.trades, now)

    def _push(
        self, place: Place, stream: StreamChannel, topic: Topic, values: Iterable[Any], now: float
    ) -> None:
        by_topic: dict[str, list[Any]] = {}
        brought: dict[str, None] = {}
        for value in values:
            wanted = self._find(place, stream.topics_of(topic, value))
            if wanted is None:
                continue
            brought[wanted.topic] = None
            if not place.profile.private:
                by_topic.setdefault(wanted.topic, []).append(value)
            elif self._is_news(value):
                # Two topics may bring the same; whichever is first, it is news to both.
                for name in self._wanted:
                    if self._wanted[name].profile is place.profile and _brings(
                        place.profile, name, stream.kind, value
                    ):
                        by_topic.setdefault(name, []).append(value)
        for name in brought:
            self._answer(self._wanted[name], now)
        for name, found in by_topic.items():
            if found:
                self._pushes.append(Push(name, tuple(found)))

    @staticmethod
    def _find(place: Place, topics: Sequence[str]) -> Wanted | None:
        for topic in topics:
            wanted = place.topics.get(topic)
            if wanted is not None:
                return wanted
        # A topic with an option: few of them, and only there is a search worth its time.
        for name, other in place.topics.items():
            if "@" in name and name.partition("@")[0] in topics:
                return other
        return None

    def _answer(self, wanted: Wanted, now: float) -> None:
        """Data has arrived: the subscription stands."""
        if wanted.answered or wanted.place is None or wanted.place.session is None:
            return
        for answer in wanted.place.session.seen(wanted.topic):
            self._settle(wanted.place, answer, now)
        wanted.answered = True

    def _settle(self, place: Place, answer: Answer, now: float) -> None:
        wanted = place.topics.get(answer.topic)
        if wanted is None:
            return
        if answer.accepted:
            wanted.answered = True
            wanted.problem = None
            self._event("subscribed", now, topic=answer.topic, connection=place.name)
        else:
            self._give_up(wanted, answer, now)

    def _give_up(self, wanted: Wanted, answer: Answer, now: float) -> None:
        """The venue refused: final until the user asks again."""
        wanted.refused = answer
        self._recovery.calm(wanted)
        if wanted.book is not None and wanted.book.state != BookState.REJECTED:
            self._engine.invalidate(
                wanted.book, f"refused: {answer.message}", state=BookState.REJECTED
            )
        wanted.told = BookState.REJECTED
        self._event("rejected", now, topic=answer.topic, code=answer.code, reason=answer.message)
        # What the venue refused cannot be unsubscribed: its error would be taken for another's.
        stands = answer.error is None
        self._leave(wanted, now, subscribed=stands)

    def _state(self, wanted: Wanted) -> str:
        if wanted.book is not None:
            return str(wanted.book.state)
        if wanted.refused is not None:
            return str(BookState.REJECTED)
        if wanted.place is None or wanted.place.session is None:
            return str(BookState.CONNECTING)
        return str(BookState.LIVE if wanted.answered else BookState.SYNCING)

    def _event(
        self,
        kind: str,
        now: float,
        *,
        connection: str | None = None,
        topic: str | None = None,
        code: str | None = None,
        reason: str | None = None,
        after: float | None = None,
    ) -> None:
        self._events.append(
            Event(
                kind=kind,
                time=now,
                connection=connection,
                topic=topic,
                code=code,
                reason=reason,
                after=after,
            )
        )


def _brings(profile: Profile, topic: str, kind: str, value: Any) -> bool:
    """Whether a private topic tells of such a value."""
    parsed = Topic.parse(topic)
    stream = profile.stream(parsed.channel)
    if stream is None or stream.kind != kind:
        return False
    return stream.whole == (topic,) or getattr(value, stream.key) == parsed.symbol
