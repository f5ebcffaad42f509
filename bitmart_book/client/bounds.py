"""How old a price may be that a LIVE book shows: one table, by the kind of channel and by what goes
wrong.

The age of a price is the time since the venue superseded it. What holds for a read is the largest
bound among all that goes wrong at that moment:

    bound(SPOT, channel, {"late", "mute"})

docs/trust.md prints the table, the simulation judges by it, and `Book.guard` takes from it how old
a quote may be unless somebody says otherwise. Every figure follows from `times` and the profiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from bitmart_book.client.times import (
    AUDIT_AFTER,
    RENEW_BEFORE,
    REPLY_WITHIN,
    SEQUENCED_GUARD,
    TICK,
    VALID_FOR,
    WAY,
)
from bitmart_book.venues.profile import BookChannel, Profile

__all__ = ["FAULTS", "bound", "guard_age", "holds", "kind", "kinds", "table"]

FAULTS: Final = {
    "calm": "nothing, or whatever is seen by what arrives: losses, gaps, damage, lost connections",
    "late": "what arrives on a connection is late, its pongs too",
    "late_inside": "data waits inside the venue, and pongs do not",
    "late_reply": "replies to requests wait, and nothing else does",
    "clock": "the venue's clock is set",
    "still": "this process, or its machine, stands still",
    "mute": "one symbol brings nothing any more, or too late, and its connection does",
    "one_side": "one side of a channel that sends its sides by themselves comes no more",
    "last": "the last change before a silence is lost",
    "stuck": "heartbeats, or replies out of a cache, go on, and changes do not",
}
"""What can go wrong, by its name, as far as it makes a difference."""

# Heartbeats and replies are believed until the next audit: it is looked for once a tick, its
# request may be lost once, and its reply takes as long again.
_AUDITED: Final = AUDIT_AFTER + 2 * TICK + REPLY_WITHIN


def kind(channel: BookChannel) -> str:
    """Which kind of channel it is: "sequenced", "pictures", "sides", "unstamped", or that it may
    be silent for so long: "quiet 60 s"."""
    if channel.confirmed_by_connection is not None:
        return f"quiet {channel.confirmed_by_connection:g} s"
    if channel.kind == "sequenced":
        return "sequenced"
    if not channel.stamped_at_send:
        return "unstamped"
    return "sides" if channel.kind == "one-sided" else "pictures"


def bound(profile: Profile, channel: BookChannel, faults: Iterable[str] = ()) -> float:
    """Seconds that a price may be old which a LIVE book of that channel shows, while these of
    `FAULTS` go on or have ended so recently that the book still holds from then.

    Infinity where nothing can be promised. KeyError for a fault that the table does not know.
    """
    return max(_bounds(profile, channel)[fault] for fault in ("calm", *faults))


def holds(profile: Profile, channel: BookChannel) -> float | None:
    """Seconds that a book of a channel holds after its own last frame because its connection
    speaks; None: that is no reason."""
    if channel.confirmed_by_connection is None or channel.kind == "sequenced":
        return channel.confirmed_by_connection
    return min(channel.confirmed_by_connection, profile.pictures.hold)


def guard_age(profile: Profile, channel: BookChannel) -> float:
    """Seconds: the `max_age` of `Book.guard` where its caller says none."""
    held = holds(profile, channel)
    if held is not None:
        return held - RENEW_BEFORE + 2.0
    if channel.kind == "sequenced":
        return SEQUENCED_GUARD
    return profile.pictures.renew_after + 2.0


def _bounds(profile: Profile, channel: BookChannel) -> dict[str, float]:
    """The bound of each fault."""
    of_kind = kind(channel)
    found = dict.fromkeys(FAULTS, VALID_FOR + WAY)
    held = holds(profile, channel)
    if held is not None:
        for fault in ("late_inside", "mute", "one_side", "last", "stuck"):
            found[fault] = held + WAY
        return found
    if of_kind == "sequenced":
        found["stuck"] = _AUDITED
        return found
    # Nobody can ask for a picture; its topic is subscribed anew instead.
    found["mute"] = found["one_side"] = found["last"] = found["stuck"] = profile.pictures.hold + WAY
    if of_kind == "unstamped":
        found["late_inside"] = math.inf
    return found


def kinds(profiles: Iterable[Profile]) -> list[tuple[str, ...]]:
    """As docs/trust.md prints it: each kind of channel, its channels, and what a guard allows."""
    channels: dict[str, list[str]] = {}
    ages: dict[str, float] = {}
    for profile in profiles:
        for channel in profile.books:
            channels.setdefault(kind(channel), []).append(channel.name)
            age = guard_age(profile, channel)
            ages[kind(channel)] = max(age, ages.get(kind(channel), 0.0))
    rows = [
        (of_kind, ", ".join(names), f"{ages[of_kind]:g}") for of_kind, names in channels.items()
    ]
    return [("kind", "channels", "`max_age` of a guard"), *rows]


def table(profiles: Iterable[Profile]) -> list[tuple[str, ...]]:
    """As docs/trust.md prints it: what goes wrong, and the bound of each kind of channel."""
    bounds: dict[str, dict[str, float]] = {}
    for profile in profiles:
        for channel in profile.books:
            found = _bounds(profile, channel)
            before = bounds.setdefault(kind(channel), found)
            bounds[kind(channel)] = {fault: max(before[fault], found[fault]) for fault in FAULTS}
    rows = [
        (fault, words, *(_shown(of_kind[fault]) for of_kind in bounds.values()))
        for fault, words in FAULTS.items()
    ]
    return [("fault", "what goes wrong", *bounds), *rows]


def _shown(seconds: float) -> str:
    return "none" if math.isinf(seconds) else f"{seconds:g}"
