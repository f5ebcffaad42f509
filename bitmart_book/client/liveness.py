"""Whether the other side of one socket is there, and whether what it sends is of now.

Sans-I/O. Nobody is there where no byte, or no answer to a ping, came for too long. What arrives is
behind where answers come late: it has waited on its way as long as they did. What follows is the
client's business: the socket is closed, or its books are held.
"""

from __future__ import annotations

from collections.abc import Callable

from bitmart_book.client.pings import Pings
from bitmart_book.client.times import ACCOUNT_BELIEVED_FOR, Timeouts
from bitmart_book.venues.profile import Profile

__all__ = ["Liveness"]

_LATE = "what arrives on its connection is late"
_UNANSWERED = "its connection has answered no ping for {:g} s"


class Liveness:
    """What one socket has heard, and which of its pings were answered. `send` sends one ping."""

    def __init__(
        self, profile: Profile, timeouts: Timeouts, now: float, send: Callable[[float], None]
    ) -> None:
        self._timeouts = timeouts
        self._send = send
        self.pings = Pings(
            profile.speech.ping_answered,
            timeouts.ping_after,
            timeouts.pong_within,
            now,
            believed_for=ACCOUNT_BELIEVED_FOR if profile.private else float("inf"),
        )
        """Which of them were answered, and how soon."""
        self._heard_at = now
        # When the first ping was sent since anything was heard.
        self._unheard: float | None = None
        # The ping after which all that was sent before it has been heard.
        self._probe: int | None = None
        self._probed_at = now
        self._probed_for = ""

    def heard(self, at: float) -> None:
        """Bytes last arrived at that time."""
        self._heard_at = max(self._heard_at, at)
        if self._unheard is not None and self._heard_at >= self._unheard:
            self._unheard = None

    def ping(self, now: float) -> int:
        """Ask whether the other side is there. Returns the number of the ping."""
        self._send(now)
        if self._unheard is None:
            self._unheard = now
        return self.pings.sent(now)

    def probe(self, now: float, why: str) -> None:
        """Find out when all that was sent until now has been heard: `behind` until then."""
        self._probe = self.ping(now)
        self._probed_at = now
        self._probed_for = why

    def behind(self, now: float) -> str | None:
        """Why what arrives may have waited on its way: the pong comes after it in line. None where
        nothing says so.

        A server that never answered a ping, and of which nobody says that it would, cannot be
        judged by its pongs; it gets `pong_within` seconds to be heard again.
        """
        pings, within = self.pings, self._timeouts.pong_within
        if self._probe is not None and (
            pings.last_answered >= self._probe
            or (not pings.count and now >= self._probed_at + within)
        ):
            self._probe = None
        if self._probe is not None:
            return self._probed_for
        if pings.count and pings.is_late(now):
            return _LATE if pings.answers else _UNANSWERED.format(within)
        return None

    def end(self, now: float) -> str | None:
        """Why nobody is there any more; None where somebody may be."""
        if now >= self._dead_at():
            return f"silent for {now - self._heard_at:.1f} s"
        if now >= self.pings.hopeless_at():
            since = self.pings.waits_since
            assert since is not None
            return f"a ping was not answered for {now - since:.1f} s"
        return None

    def _dead_at(self) -> float:
        """When silence will mean that nobody is there."""
        deadline = self._heard_at + self._timeouts.ping_after + self._timeouts.pong_within
        if self._unheard is None:
            return deadline
        return max(deadline, self._unheard + self._timeouts.pong_within)

    def next_deadline(self, now: float) -> float:
        """When a ping is due, or one of the answers above may be another one."""
        pings = self.pings
        return min(pings.due_at(), self._dead_at(), pings.hopeless_at(), pings.late_at(now))
