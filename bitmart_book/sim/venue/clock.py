"""The clock by which the exchange stamps what it says. It may be set, and it may go wrong."""

from __future__ import annotations

__all__ = ["Clock"]


class Clock:
    """Stamps of the exchange's times, which are seconds since it began."""

    def __init__(self, start_ms: int) -> None:
        self.set_back = 0.0
        """By how many seconds in all it was set back."""
        self._start_ms = start_ms
        self._ahead = 0.0
        self._rate = 0.0
        self._since = 0.0

    def ahead(self, now: float) -> float:
        """How many seconds it is ahead of one that was never set and goes right."""
        return self._ahead + self._rate * (now - self._since)

    def step(self, seconds: float) -> None:
        """Set it forward, or back."""
        self._ahead += seconds
        self.set_back += max(0.0, -seconds)

    def drift(self, rate: float, now: float) -> None:
        """From now on it gains so many seconds in each; 0: it goes right."""
        self._ahead, self._since, self._rate = self.ahead(now), now, rate

    def ms(self, now: float) -> int:
        """Milliseconds since 1970, as on the wire."""
        return self._start_ms + round((now + self.ahead(now)) * 1000)

    def seconds(self, now: float) -> int:
        """Whole seconds since 1970."""
        return self.ms(now) // 1000

    def ns(self, now: float) -> int:
        """Nanoseconds since 1970."""
        return self._start_ms * 10**6 + round((now + self.ahead(now)) * 10**9)
