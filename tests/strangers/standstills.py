"""When the process of a run in real time did not run: the machine was busy, or the loop was."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.strangers.units import SECOND

STILL = SECOND
"""A venue that does something so much later than it was due stood still."""


@dataclass(slots=True)
class Standstills:
    """What a venue says behind one bears the time at which it should have been said."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    """From, until."""

    def note(self, due: int, now: int) -> None:
        """Something that was due is done now."""
        if now - due >= STILL:
            self.spans.append((due, now))

    def within(self, now: int, pause: int) -> bool:
        """Whether one ended no longer ago than that."""
        return bool(self.spans) and now - self.spans[-1][1] <= pause

    def settled(self, end: int, pause: int) -> int:
        """What happened until then was said `pause` before the end, or earlier."""
        until = end - pause
        for begin, over in reversed(self.spans):
            if over > until:
                until = min(until, begin)
        return until

    def __str__(self) -> str:
        lengths = [(end - begin) / SECOND for begin, end in self.spans]
        longest = max(lengths, default=0.0)
        return f"{len(lengths)} times, {sum(lengths):.0f} s in all, {longest:.1f} s at most"
