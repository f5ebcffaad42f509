"""How often something may be done, and when the next time is. No clock: the time is an argument.

The venue blocks whoever breaks its limits again and again, so they are kept here and not left to
luck: well below what the venue documents, and shared by everything in the process, because the
venue counts addresses and not objects.
"""

from __future__ import annotations

from collections import deque

from bitmart_book.venues.profile import Profile, Rate

__all__ = ["Limiter", "Window"]


class Window:
    """At most `rate.count` in any `rate.seconds`: a sliding window, exact at its edges."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._taken: deque[float] = deque()

    def ready_at(self, now: float) -> float:
        """The earliest time at which one more may be taken; `now` when it may be at once."""
        if len(self._taken) < self.rate.count:
            return now
        return max(now, self._taken[0] + self.rate.seconds)

    def take(self, now: float) -> None:
        """Count one. The caller has waited until `ready_at`."""
        if len(self._taken) == self.rate.count:
            self._taken.popleft()
        self._taken.append(now)


def within(rate: Rate, numerator: int, denominator: int) -> Rate:
    """A part of a documented rate; one that allows a single try gets a margin of time instead."""
    if rate.count > 1:
        return Rate(max(1, rate.count * numerator // denominator), rate.seconds)
    return Rate(1, rate.seconds * 1.1)


def message_rate(rate: Rate) -> Rate:
    """Half: the rest is for pings, which cannot wait, and for what the venue counts differently."""
    return within(rate, 1, 2)


def connect_rate(rate: Rate) -> Rate:
    """Two thirds: 2,000 symbols need 18 connections, and half would make them wait a minute."""
    return within(rate, 2, 3)


class Limiter:
    """Connection attempts of a whole process, by endpoint. One object for all feeds in it."""

    def __init__(self) -> None:
        self._connects: dict[str, Window] = {}

    def connects(self, profile: Profile) -> Window:
        """The window of connection attempts to that endpoint."""
        if profile.endpoint not in self._connects:
            self._connects[profile.endpoint] = Window(connect_rate(profile.limits.connects))
        return self._connects[profile.endpoint]


PROCESS_LIMITER = Limiter()
"""What feeds share unless they are given another one."""
