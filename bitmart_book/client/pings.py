"""The pings of one socket: when one is due, which pong answers which, and what their delay says.

Sans-I/O. A pong comes behind all that was on its way, so one that is late says that what arrives
is of then and not of now. Pings carry nothing to know their pongs by. So there is one ping in the
air at a time where pongs can be expected, and a server that answers twice is found out: a pong that
is one too many means that each later ping is answered only when all pongs before it have come.
"""

from __future__ import annotations

from collections import deque

from bitmart_book.client.times import PING_AGAIN

__all__ = ["Pings"]

_REMEMBERED = 16


class _Ping:
    """One ping: when it was sent, and how many pongs are still to come for it."""

    __slots__ = ("at", "number", "pongs")

    def __init__(self, number: int, at: float, pongs: int) -> None:
        self.number = number
        self.at = at
        self.pongs = pongs


class Pings:
    """`answered`: whether it is documented that pings are answered. `after` and `within` are the
    seconds between two pings, and those that a pong may take. `believed_for`: for how long what
    has come is believed, from when the last ping was sent that was answered."""

    def __init__(
        self,
        answered: bool,
        after: float,
        within: float,
        now: float,
        *,
        believed_for: float = float("inf"),
    ) -> None:
        self._expected = answered
        self._after = after
        self._within = within
        self._believed_for = believed_for
        # When the last ping was sent that was answered: all from before that has come.
        self._known_at = now
        self._sent_at = now
        self._answered_at = now
        self._numbers = 0
        # How many pongs the other side sends for one ping.
        self._each = 1
        # Those of which pongs are to come, oldest first, and among them those without any pong.
        self._pings: deque[_Ping] = deque()
        self._unanswered: deque[_Ping] = deque()
        self.answers = False
        """Whether the other side ever answered."""
        self.last_answered = 0
        """The number of the last ping that was answered."""
        self.round_trip: float | None = None
        """Seconds from the last answered ping to its pong, behind all that was on its way."""

    @property
    def count(self) -> bool:
        """Whether something follows from the silence of the other side."""
        return self._expected or self.answers

    def sent(self, now: float) -> int:
        """A ping goes out. Returns its number."""
        self._sent_at = now
        self._numbers += 1
        ping = _Ping(self._numbers, now, self._each)
        for pings in (self._pings, self._unanswered):
            if len(pings) == _REMEMBERED:
                pings.popleft()
            pings.append(ping)
        return ping.number

    def pong(self, now: float) -> None:
        """A pong has come: for the oldest ping of which one is still to come."""
        if not self._numbers:
            return
        if not self._pings:
            self._each += 1
            return
        ping = self._pings[0]
        ping.pongs -= 1
        if not ping.pongs:
            self._pings.popleft()
        if self._unanswered and self._unanswered[0] is ping:
            self._unanswered.popleft()
            self.answers = True
            self.last_answered = ping.number
            self._answered_at = now
            self._known_at = ping.at
            self.round_trip = now - ping.at

    @property
    def waits_since(self) -> float | None:
        """When the oldest ping was sent that has no answer; None if there is none."""
        return self._unanswered[0].at if self._unanswered else None

    def due_at(self) -> float:
        """When the next ping is to be sent; infinity while one is to be answered first."""
        if self._unanswered and self.count:
            return float("inf")
        due = self._sent_at + self._after
        if self.was_late:
            # A second pong for the same ping, if there is one, comes before that.
            due = min(due, self._answered_at + PING_AGAIN)
        return max(due, self._answered_at + PING_AGAIN) if self.answers else due

    @property
    def was_late(self) -> bool:
        """Whether the last answer was late. Then only one that is not says that all is well."""
        return self.round_trip is not None and self.round_trip >= self._within

    def is_late(self, now: float) -> bool:
        """Whether an answer is late, or the last one was."""
        since = self.waits_since
        return self.was_late or (since is not None and now >= since + self._within)

    def late_at(self, now: float) -> float:
        """When the answer that is awaited will be late; infinity: it is, or none is awaited."""
        since = self.waits_since
        late = float("inf") if since is None else since + self._within
        return late if now < late else float("inf")

    def hopeless_at(self) -> float:
        """When a server that answers pings will have fallen behind for too long."""
        if not self.count or not self._unanswered:
            return float("inf")
        return min(
            self._unanswered[0].at + self._after + self._within,
            self._known_at + self._believed_for,
        )
