"""How old a price may be that is shown as LIVE: the promise of `docs/trust.md`, channel by lie.

The page is read as its readers do, from its table. What is said here is only under which of the
page's faults each lie falls, judged by what the lie does to the wire; whatever stands in no row
is the page's first: "nothing, or whatever is seen by what arrives".
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

from tests.strangers.channels import Channel, FuturesSides, LegacyDepth, Sequenced
from tests.strangers.units import SECOND, seconds

PAGE = Path(__file__).parents[2] / "docs" / "trust.md"

FAULTS: dict[str, str] = {
    "late_from_first_byte": "late",
    "late_line": "late",
    "late_line_step": "late",
    "late_uplink": "late",
    "stall": "late",
    "two_pongs": "late",
    "no_pongs": "late",
    "late_inside": "late_inside",
    "late_inside_step": "late_inside",
    "reply_late": "late_reply",
    "clock_steps": "clock",
    "clock_drifts": "clock",
    "clocks_disagree": "clock",
    "stamp_units": "clock",
    "mute": "mute",
    "late_topic": "mute",
    "subscription_dies": "mute",
    "pair_silent": "one_side",
    "pair_late": "one_side",
    "frozen": "stuck",
    "reply_cached": "stuck",
}
"""The page's word for a lie; "calm" for all others."""

LOSES = frozenset(
    {
        "loses",
        "swaps",
        "reply_old",
        "reply_cached",
        "reply_ahead",
        "reply_behind",
        "reply_other_symbol",
        "reply_short",
        "reply_cut",
        "reply_empty",
        "reply_never",
        "reply_late",
    }
)
"""Lies that let an update vanish now and then, or come behind the next one."""

UNTELLABLE: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"counter_repeats"}), LOSES),
    (frozenset({"first_empty"}), frozenset({"reply_empty"})),
)
"""What no client can tell, as nobody says anything else ("What nobody can tell" of the page): one
of the first and one of the second act together."""

LONGEST = 66 * SECOND


@cache
def promised() -> dict[str, dict[str, float]]:
    """Seconds by kind of channel and fault, as the page has them; infinity for "none"."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("| fault | what goes wrong"))
    kinds = _cells(lines[first])[2:]
    found: dict[str, dict[str, float]] = {kind: {} for kind in kinds}
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        fault, _, *values = _cells(line)
        for kind, value in zip(kinds, values, strict=True):
            found[kind][fault] = math.inf if value == "none" else float(value)
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def of(kind: str, lie: str) -> float:
    return promised()[kind][FAULTS.get(lie, "calm")]


def memory(kind: str, lie: str) -> int:
    """For how long after its end a lie still excuses: as long as its bound is."""
    value = of(kind, lie)
    return LONGEST if math.isinf(value) else seconds(value)


def kind_of(channel: Channel) -> str:
    if isinstance(channel, Sequenced):
        return "sequenced"
    if isinstance(channel, LegacyDepth):
        return "unstamped"
    return "sides" if isinstance(channel, FuturesSides) else "pictures"


def bound(kind: str, lies: set[str]) -> int | None:
    """The largest bound among these lies, in nanoseconds; None where nothing is promised."""
    value = max(of(kind, lie) for lie in lies | {"calm"})
    return None if math.isinf(value) else seconds(value)


def is_untellable(lies: set[str]) -> bool:
    return any(lies & some and lies & others for some, others in UNTELLABLE)


TOGETHER = {"sequenced": True, "pictures": True, "sides": False, "unstamped": True}
"""Whether both sides of what is shown must have been true at one moment. The two sides of a
one-sided channel come in two messages that nothing joins (§4.4), so each is judged by itself."""
