"""Logging in on private connections, and what is done about a login that is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bitmart_book._book import Engine
from bitmart_book.client.answers import Answers
from bitmart_book.client.connections import Keeper
from bitmart_book.client.outbox import Outbox
from bitmart_book.client.session import Answer
from bitmart_book.client.subscriptions import Connection
from bitmart_book.client.times import LOGIN_CLOCK
from bitmart_book.credentials import Credentials
from bitmart_book.errors import ClockError, UsageError
from bitmart_book.model import EventKind
from bitmart_book.venues.profile import ErrorKind, Profile, Reply

__all__ = ["Logins"]

# A login that is refused so often is refused for good.
MOST_REFUSED = 3
# Stamps of another time than 2009 to 2099 are no milliseconds.
_EARLIEST_MS, _LATEST_MS = 1_230_000_000_000, 4_100_000_000_000


class Logins:
    """Writes logins and judges their answers.

    `credentials` by the name of their venue. `wall_ms` is the time that a login is stamped with,
    milliseconds since 1970; it may be None where no private topic is ever subscribed.
    """

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        answers: Answers,
        keeper: Keeper,
        *,
        credentials: Mapping[str, Credentials],
        wall_ms: Callable[[], int] | None,
    ) -> None:
        self._engine = engine
        self._outbox = outbox
        self._answers = answers
        self._keeper = keeper
        self._credentials = credentials
        self._wall_ms = wall_ms
        # How far the venue's clock is before ours, once it has refused a login for that.
        self._offset_ms = 0

    def problem(self, profile: Profile) -> str | None:
        """Why nobody can log in on sockets of that profile; None where somebody can."""
        credentials = self._credentials.get(profile.venue)
        if credentials is None:
            return "it is private, and there are no credentials"
        if profile.login_has_memo and not credentials.has_memo:
            return f"a login at {profile.venue} needs the memo of the key: Credentials(.., memo)"
        return None

    def text(self, profile: Profile) -> str | None:
        """The login to send first on a socket of that profile; None where there is none to send.
        UsageError where nobody tells the time."""
        if profile.login is None:
            return None
        credentials = self._credentials[profile.venue]
        if self._wall_ms is None:
            raise UsageError("a login needs the time: wall_ms")
        if self._offset_ms:
            # What was found out before stays true on the next socket, unless a clock was set.
            offset = self._venue_offset_ms()
            self._offset_ms = self._offset_ms if offset is None else _if_wrong(offset)
        return profile.login(credentials, self._wall_ms() + self._offset_ms)

    def answered(self, connection: Connection, reply: Reply, now: float) -> None:
        """The venue has answered a login."""
        if reply.kind == "ack":
            self._accepted(connection, now)
            return
        kind = connection.profile.errors.kind(reply)
        if kind is not None and kind.is_temporary:
            self._keeper.drop(connection, f"no login now: {reply.message}", now)
            return
        offset = self._venue_offset_ms() if kind in (ErrorKind.CLOCK, ErrorKind.LOGIN) else None
        if offset is not None and _if_wrong(offset):
            # Futures say the same of a wrong time as of a wrong key.
            kind = ErrorKind.CLOCK
        elif kind is ErrorKind.LOGIN:
            offset = None
        if offset is not None and not connection.clock_tried:
            self._try_venue_clock(connection, offset, now)
            return
        connection.refused_logins += 1
        if connection.refused_logins < MOST_REFUSED and kind is not ErrorKind.CLOCK:
            self._keeper.drop(connection, f"login refused: {reply.message}", now)
            return
        self._refuse_all(connection, reply, kind, now)

    def _accepted(self, connection: Connection, now: float) -> None:
        connection.refused_logins = 0
        connection.clock_tried = False
        self._outbox.event(EventKind.AUTHENTICATED, now, connection=connection.name)
        if connection.lost_reason is not None:
            reason, connection.lost_reason = connection.lost_reason, None
            self._outbox.event(EventKind.RESYNC, now, connection=connection.name, reason=reason)

    def _try_venue_clock(self, connection: Connection, offset_ms: int, now: float) -> None:
        """Log in once more, with the time that the venue itself puts on its public frames."""
        assert connection.session is not None
        connection.clock_tried = True
        # If the venue closes the socket with its refusal, the next one begins with the right time.
        self._offset_ms = offset_ms
        login = self.text(connection.profile)
        assert login is not None
        connection.session.log_in(login, now)

    def _refuse_all(
        self, connection: Connection, reply: Reply, kind: ErrorKind | None, now: float
    ) -> None:
        for subscription in list(connection.topics.values()):
            error = connection.profile.errors.exception(reply, (subscription.topic,))
            if kind is ErrorKind.CLOCK:
                error = ClockError(reply.code, reply.message)
            answer = Answer(subscription.topic, False, reply.code, reply.message, error)
            self._answers.refused(subscription, answer, now)

    def _venue_offset_ms(self) -> int | None:
        """How far the venue's clock is before ours, by the stamps of what last came from it: by the
        middle one, because a single book may be stamped oddly. None where nothing is stamped."""
        assert self._wall_ms is not None
        stamps = sorted(
            book.exchange_time_ms + int(1000 * age)
            for book in self._engine.books
            if book.exchange_time_ms is not None
            and _EARLIEST_MS <= book.exchange_time_ms <= _LATEST_MS
            and (age := book.quote_in_any_state().age) is not None
        )
        return stamps[len(stamps) // 2] - self._wall_ms() if stamps else None


def _if_wrong(offset_ms: int) -> int:
    """The offset, if the venue would refuse a login for it; else 0."""
    return offset_ms if abs(offset_ms) > 1_000 * LOGIN_CLOCK else 0
