"""How old a price may be that is shown as LIVE: the promise, as data, channel by lie.

Taken from `docs/faults.md` ("What a book promises") and `docs/trust.md`. `None` is where the
product promises nothing today; such reads are counted apart. When the product has a table of its
own, `bound` is the only thing that has to read it.
"""

from __future__ import annotations

from tests.strangers.channels import Channel, FuturesSides, Sequenced
from tests.strangers.units import SECOND, seconds

KINDS = ("sequenced", "picture", "sides")

CALM: dict[str, float] = {
    # "something has confirmed the book within the last ten seconds"
    "sequenced": 10.5,
    # "eight seconds after the last message that arrived" on its connection
    "picture": 10.5,
    "sides": 10.5,
}

LATE = 13.5
"""Ten seconds, and the three that a pong may be late before its books are held (row 63)."""

BOUNDS: dict[tuple[str, str], float | None] = {
    # Row 37: an audit each 60 s, and what its reply takes.
    ("sequenced", "frozen"): 66.0,
    # The same, of a silent symbol whose replies come out of a cache.
    ("sequenced", "reply_cached"): 66.0,
    # "All other channels ... are not asked: ... so does any message on their connection."
    ("picture", "mute"): None,
    ("picture", "late_topic"): None,
    ("sides", "mute"): None,
    ("sides", "late_topic"): None,
    ("sides", "pair_silent"): None,
    ("picture", "frame_cut"): LATE,
    ("sides", "frame_cut"): LATE,
}
for _late in (
    "late_from_first_byte",
    "late_inside",
    "late_inside_step",
    "late_line",
    "late_line_step",
    "late_uplink",
    "late_topic",
    "stall",
    "two_pongs",
    "no_pongs",
    "reply_late",
):
    for _kind in KINDS:
        BOUNDS.setdefault((_kind, _late), LATE)

LONGEST = 66 * SECOND


def memory(kind: str, lie: str) -> int:
    """For how long after its end a lie still excuses: as long as its bound is."""
    return seconds(BOUNDS.get((kind, lie), CALM[kind]) or LATE)


def kind_of(channel: Channel) -> str:
    if isinstance(channel, Sequenced):
        return "sequenced"
    return "sides" if isinstance(channel, FuturesSides) else "picture"


def bound(kind: str, lies: set[str]) -> int | None:
    """The largest bound among these lies, in nanoseconds; None where nothing is promised."""
    found = [BOUNDS.get((kind, lie), CALM[kind]) for lie in lies] or [CALM[kind]]
    if None in found:
        return None
    return seconds(max(value for value in found if value is not None))


TOGETHER = {"sequenced": True, "picture": True, "sides": False}
"""Whether both sides of what is shown must have been true at one moment. The two sides of a
one-sided channel come in two messages that nothing joins (§4.4), so each is judged by itself."""
