"""How old what a LIVE book shows may be while a fault of the simulated world acts.

The figures are the product's promise, `bitmart_book.client.bounds`; here it only says which of the
things that can go wrong each fault of the exchange in the box is. Age counts from when the venue
superseded what is shown, the wait for the channel's next push not included.
"""

from __future__ import annotations

from functools import cache

from bitmart_book.client import bounds
from bitmart_book.venues import FUTURES, LEGACY, SPOT

__all__ = ["CALM", "FAMILIES", "SHORT", "bound", "exceptional", "family_of", "memory"]

FAMILIES = {
    "spot/depth/increase100": "spot sequenced",
    "spot/depth": "spot pictures",
    "futures/depthIncrease": "futures sequenced",
    "futures/depthAll": "futures pictures",
    "futures/depth": "futures sides",
    "legacy/depth": "legacy pictures",
}

# What is read at the same moment as it is judged is of then: a frame and the reader of the
# simulation meet within this.
READING = 0.1
SHORT = 10.0
"""What counts as a short bound: the product's, without what reading takes."""
CALM = SHORT + READING

# What is in no row is "calm".
MEANS = {
    "lag": "late",
    "late": "late",
    "twopongs": "late",
    "jitter": "late",
    "latedata": "late_inside",
    "queue": "late_inside",
    "queuestep": "late_inside",
    "upstream": "late_inside",
    "oldreply": "late_reply",
    "oldcount": "late_reply",
    "oneway": "one_side",
    "halt": "mute",
    "clockstep": "clock",
    "freeze": "late",
    "latereply": "late_reply",
    "latesnap": "late_reply",
    "oldsnap": "late_reply",
    "block": "still",
    "sleep": "still",
    "mute": "mute",
    "pongs": "mute",
    "stuck": "stuck",
}


def family_of(channel: str) -> str:
    """The family of a book's channel: "spot pictures" of "spot/depth20"."""
    return FAMILIES.get(channel) or FAMILIES[channel.rstrip("0123456789")]


def exceptional(fault: str) -> bool:
    """Whether it may change the bound of anything."""
    return fault in MEANS


def memory(fault: str) -> float:
    """For how many seconds after its end it still excuses: what came last is shown for so long.
    Pictures that came no more may next come when something changes."""
    missed = MEANS.get(fault) in ("mute", "one_side")
    return 0.4 + (bound("spot/depth5", fault) if missed else CALM)


@cache
def bound(channel: str, fault: str) -> float:
    """In seconds, reading included."""
    profile = next(p for p in (SPOT, FUTURES, LEGACY) if p.book(channel) is not None)
    means = MEANS.get(fault, "calm")
    return bounds.bound(profile, profile.book(channel), (means,)) + READING
