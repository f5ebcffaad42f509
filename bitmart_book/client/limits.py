"""How often something may be done, and when it may be done next. The time is an argument.

The venue blocks whoever breaks its limits again and again, so they are kept here and not left to
luck: well below what the venue documents, and shared by everything in the process, because the
venue counts addresses and not objects.
"""

from __future__ import annotations

import random
from collections import deque

from bitmart_book.client.times import (
    ATTEMPT_SECONDS,
    BANNED_PAUSE,
    FIRST_PAUSE,
    LONGEST_BAN,
    LONGEST_PAUSE,
)
from bitmart_book.venues.profile import Profile, Rate

__all__ = ["Bucket", "Gate", "Limiter", "Window"]

# Sums of intervals are not exact; without this margin a token would be missed by a rounding error.
_ROUNDING = 1e-6


class Window:
    """At most `rate.count` in any `rate.seconds`: a sliding window, exact at its edges."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._taken: deque[float] = deque()

    def ready_at(self, now: float, count: int = 1) -> float:
        """The earliest time at which so many more may be taken; `now` when they may be at once."""
        missing = len(self._taken) + count - self.rate.count
        if missing <= 0:
            return now
        return max(now, self._taken[missing - 1] + self.rate.seconds)

    def take(self, now: float) -> None:
        """Count one. The caller has waited until `ready_at`."""
        if len(self._taken) == self.rate.count:
            self._taken.popleft()
        self._taken.append(now)


class Bucket:
    """A burst at once, then one each `interval`.

    Nobody has to wait for longer than one interval. With a sliding window that was used up at once,
    the next one would wait for its whole length.
    """

    def __init__(self, burst: int, interval: float) -> None:
        self.burst = burst
        self.interval = interval
        self._empty_at = float("-inf")
        """When the bucket would have held nothing; a token is worth one interval since then."""

    def ready_at(self, now: float) -> float:
        """The earliest time at which one more may be taken; `now` when it may be at once."""
        return max(now, self._empty_at + self.interval - _ROUNDING)

    def take(self, now: float) -> None:
        """Count one. The caller has waited until `ready_at`."""
        full = now - self.burst * self.interval
        self._empty_at = max(self._empty_at, full) + self.interval


def message_rate(rate: Rate) -> Rate:
    """Half of the limit for messages. The rest is for pings, which cannot wait, and for what the
    venue may count differently."""
    if rate.count > 1:
        return Rate(max(1, rate.count // 2), rate.seconds)
    return Rate(1, rate.seconds * 1.1)


def operation_rate(rate: Rate) -> Rate:
    """Fifteen sixteenths of a limit for subscribing and unsubscribing: the rest is for what the
    venue may count differently, as a login."""
    return Rate(max(2, rate.count * 15 // 16), rate.seconds)


def renewal_rate(rate: Rate) -> Rate:
    """Half of it: however many books have to be asked for anew, a new one is not kept waiting."""
    return Rate(max(2, rate.count // 2), rate.seconds)


def connect_bucket(rate: Rate) -> Bucket:
    """Five sixths of a documented rate in its worst window, three fifths of it in one burst.

    2,000 symbols need 18 connections, and half of the rate would make them wait a minute; after
    a burst one may be opened each 8.6 seconds, so that a book that lost its connection is back
    soon.
    """
    if rate.count == 1:
        return Bucket(1, rate.seconds * 1.1)
    burst = max(1, rate.count * 3 // 5)
    later = max(1, rate.count * 5 // 6 - burst)
    return Bucket(burst, rate.seconds / later)


def pause(attempts: int, rng: random.Random) -> float:
    """How long to wait after so many attempts in vain: doubling, with full jitter."""
    return rng.uniform(0.0, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts, 10)))


class Gate:
    """When a connection to one address may be attempted.

    While nobody answers there, one connection at a time makes the attempts for all of them: so what
    the venue allows is not used up in vain, and all are let in soon after it is back.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._failures = 0
        self._retry_at = 0.0
        self._attempting: object = None
        self._attempting_since = 0.0
        self.unreachable_since: float | None = None
        """Since when nobody has answered; None while somebody does."""

    def ready_at(self, who: object, now: float) -> float:
        """When `who` may attempt it, as far as is known now."""
        ready = max(self._bucket.ready_at(now), self._retry_at)
        if self._failures and self._attempting not in (None, who):
            # Another one is attempting it for all; what becomes of that will change this.
            ready = max(ready, self._attempting_since + ATTEMPT_SECONDS)
        return ready

    def attempt(self, who: object, now: float) -> None:
        """`who` attempts it now."""
        self._bucket.take(now)
        self._attempting = who
        self._attempting_since = now

    def give_up(self, who: object) -> None:
        """`who` does not want to know any more what becomes of its attempt."""
        if self._attempting is who:
            self._attempting = None

    def opened(self, who: object) -> None:
        """The attempt of `who` succeeded."""
        self.give_up(who)
        self._failures = 0
        self._retry_at = 0.0
        self.unreachable_since = None

    def failed(
        self,
        who: object,
        now: float,
        rng: random.Random,
        *,
        banned: bool,
        retry_after: float = 0.0,
    ) -> None:
        """The attempt of `who` failed; `banned`: because we try too often. `retry_after`: so many
        seconds the venue asked us to wait; for more than an hour nobody waits."""
        self.give_up(who)
        if self.unreachable_since is None:
            self.unreachable_since = now
        wait = pause(self._failures, rng)
        self._failures += 1
        wait = max(BANNED_PAUSE if banned else wait, min(retry_after, LONGEST_BAN))
        self._retry_at = max(self._retry_at, now + wait)


class Limiter:
    """The gates of all addresses, for a whole process: one object for all feeds in it."""

    def __init__(self) -> None:
        self._gates: dict[str, Gate] = {}

    def gate(self, profile: Profile, url: str) -> Gate:
        """The gate of that address, with the limits of that profile."""
        address = url.partition("?")[0]
        if address not in self._gates:
            self._gates[address] = Gate(connect_bucket(profile.limits.connects))
        return self._gates[address]


PROCESS_LIMITER = Limiter()
"""What feeds share unless they are given another one."""
