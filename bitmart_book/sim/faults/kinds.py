"""The names of the faults, and the little language in which they are asked for.

One thing has no name on purpose: a fault that makes the truth different without any trace, like
one changed digit of a price. BitMart sends no checksum, so nobody could notice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from bitmart_book.errors import UsageError
from bitmart_book.sim.faults import damage

__all__ = ["KINDS", "Kind", "Word", "parse"]

ALL_PER_MINUTE = 22.0


class Kind(NamedTuple):
    """One kind of fault."""

    begin: str
    """Which method of `Faults` begins it."""
    rows: tuple[int, ...]
    """Of the project's catalogue of faults."""
    per_minute: float
    """How often it happens when it is named alone."""
    share: float
    """Its weight in "all"."""
    seconds: float
    """How long it lasts, where it lasts."""
    doc: str


def _damages(
    table: Mapping[str, tuple[damage.Damage, tuple[int, ...]]],
    begin: str,
    per_minute: float,
    share: float,
    shares: Mapping[str, float],
) -> dict[str, Kind]:
    return {
        name: Kind(
            begin,
            rows,
            per_minute,
            shares.get(name, share),
            0.0,
            " ".join((make.__doc__ or "").split()),
        )
        for name, (make, rows) in table.items()
    }


KINDS: dict[str, Kind] = {
    # Of the order of frames.
    "gap": Kind("gap", (1, 2, 3), 6.0, 1.2, 0.0, "an update is lost"),
    "dup": Kind("duplicate", (4,), 10.0, 0.7, 0.0, "an update comes twice"),
    "old": Kind("old", (7,), 10.0, 0.7, 0.0, "an update comes again after newer ones"),
    "reorder": Kind("reorder", (7,), 6.0, 0.6, 0.0, "an update is overtaken by the next one"),
    "batch": Kind("batch", (30,), 10.0, 0.7, 0.0, "two updates come in one frame"),
    "heartbeat": Kind("heartbeat", (5,), 10.0, 0.7, 0.0, "an empty update repeats the version"),
    "empty": Kind("empty", (6,), 10.0, 0.7, 0.0, "an empty update has the next version"),
    # Snapshots.
    "snap": Kind("unasked", (11,), 10.0, 0.6, 0.0, "a snapshot that nobody asked for"),
    "latesnap": Kind("late_snapshot", (12,), 6.0, 0.5, 2.0, "an older snapshot comes late"),
    "latereply": Kind("late_reply", (8, 12), 3.0, 0.1, 2.0, "the answer to a request is slow"),
    "oldsnap": Kind("old_snapshots", (9,), 2.0, 0.1, 3.0, "requests are answered from a cache"),
    "early": Kind("early", (8,), 1.0, 0.02, 0.0, "after subscribing, updates precede the snapshot"),
    "overflow": Kind("overflow", (10,), 0.5, 0.05, 3.0, "1,100 updates while no snapshot comes"),
    # The market and its counter.
    "restart": Kind("restart", (13,), 3.0, 0.3, 0.0, "versions start anew, also from 1"),
    "slide": Kind("slide", (15,), 6.0, 0.4, 0.0, "many best levels go at once; unseen ones rise"),
    "onesided": Kind("one_sided", (23,), 2.0, 0.08, 5.0, "a side of the book is empty for a while"),
    "drain": Kind("one_sided", (22,), 1.0, 0.05, 5.0, "the book is empty for a while"),
    "pause": Kind("pause", (), 1.0, 0.05, 30.0, "a market stands still, without heartbeats"),
    # Frames beside the book's own.
    "unknown": Kind("beside", (29,), 6.0, 0.4, 0.0, "a frame of an unknown table or symbol"),
    "misspell": Kind("beside", (33,), 3.0, 0.1, 0.0, "a frame of a symbol spelled otherwise"),
    **_damages(damage.MEANING_THE_SAME, "damage", 8.0, 0.7, {"big": 0.1}),
    **_damages(
        damage.LOSING,
        "damage",
        3.0,
        0.25,
        {"rubbish": 0.1, "deflate": 0.1, "bomb": 0.05, "oversize": 0.03},
    ),
    **_damages(damage.OF_SNAPSHOTS, "damage_snapshot", 2.0, 0.12, {"emptysnap": 0.06}),
    # What a client says, and how it is answered.
    "lostrequest": Kind("lost_request", (), 3.0, 0.1, 0.0, "a request for a snapshot is not heard"),
    "lostsub": Kind("subscription", (46,), 1.0, 0.025, 0.0, "a subscription is not heard"),
    "ackonly": Kind("subscription", (46,), 1.0, 0.025, 0.0, "a subscription is only acknowledged"),
    "suberror": Kind("subscription", (), 1.0, 0.025, 0.0, "a subscription meets an internal error"),
    "lostack": Kind("lost_ack", (46,), 1.0, 0.025, 0.0, "an acknowledgement is lost"),
    "wrongack": Kind("lost_ack", (46,), 1.0, 0.025, 0.0, "an acknowledgement names another topic"),
    "nopong": Kind("no_pong", (48,), 1.0, 0.04, 20.0, "pings are not answered"),
    # One symbol.
    "mute": Kind("mute", (36,), 1.0, 0.03, 20.0, "a symbol is silent while others flow"),
    "stuck": Kind("stuck", (37,), 0.5, 0.04, 40.0, "a symbol's heartbeats come, its changes not"),
    "pongs": Kind("pongs", (38,), 0.5, 0.035, 20.0, "a connection brings pongs and nothing else"),
    # Connections.
    "silence": Kind("silence", (35, 53), 0.5, 0.045, 0.0, "a connection brings nothing any more"),
    "freeze": Kind("freeze", (35,), 1.0, 0.05, 3.0, "a connection stalls; all of it arrives, late"),
    "lag": Kind("lag", (), 0.5, 0.025, 15.0, "a connection's delay grows while bytes keep coming"),
    "reset": Kind("reset", (40, 43, 44), 1.0, 0.08, 0.0, "a connection is reset"),
    "close": Kind("close", (40, 43, 44), 1.0, 0.03, 0.0, "the exchange closes a connection"),
    "outage": Kind("outage", (41,), 0.5, 0.018, 15.0, "no connection, and none to be had"),
    "blackhole": Kind("door", (41, 52), 0.5, 0.03, 0.0, "an attempt to connect gets no answer"),
    "ban": Kind("door", (42,), 0.3, 0.008, 0.0, "an attempt to connect is refused: too many"),
    "slam": Kind("door", (42,), 0.5, 0.015, 0.0, "connections are accepted and ended at once"),
    "split": Kind("split", (49,), 2.0, 0.2, 2.0, "frames are cut at any byte (sockets only)"),
}


class Word(NamedTuple):
    """One word of a specification."""

    name: str
    when: float | None = None
    seconds: float | None = None
    per_minute: float | None = None
    symbol: str | None = None


_WORD = re.compile(r"([a-z]+)((?:[@:%/][^@:%/]+)*)")
_SUFFIX = re.compile(r"([@:%/])([^@:%/]+)")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, None: 1.0}


def parse(spec: str, kinds: Mapping[str, Kind] = KINDS) -> list[Word]:
    """The words of a specification, like "gap@120 freeze:3s dup%30 mute/BTC_USDT".

    A word is a name and, in any order, `@TIME` (once, then), `:TIME` (how long it lasts), `%N` (so
    many a minute on average) and `/SYMBOL`. A time is "120", "3s", "500ms" or "2m". "all" is every
    kind by its share, 22 a minute together; "all%60" is so many. UsageError for any other word.
    """
    words = []
    for text in spec.split():
        match = _WORD.fullmatch(text)
        name = match[1] if match else ""
        if match is None or (name != "all" and name not in kinds):
            raise UsageError(f"no fault {text!r}; there is: all {' '.join(sorted(kinds))}")
        values = dict(_SUFFIX.findall(match[2]))
        if len(values) < len(_SUFFIX.findall(match[2])):
            raise UsageError(f"fault {text!r} says one thing twice")
        word = Word(
            name,
            when=_seconds(text, values.get("@")),
            seconds=_seconds(text, values.get(":")),
            per_minute=_number(text, values.get("%")),
            symbol=values.get("/"),
        )
        words += _every(word, kinds, text) if name == "all" else [word]
    return words


def _every(word: Word, kinds: Mapping[str, Kind], text: str) -> list[Word]:
    if word.when is not None or word.seconds is not None:
        raise UsageError(f"fault {text!r}: all takes only % and /")
    total = sum(kind.share for kind in kinds.values())
    per_minute = ALL_PER_MINUTE if word.per_minute is None else word.per_minute
    return [
        Word(name, per_minute=per_minute * kind.share / total, symbol=word.symbol)
        for name, kind in kinds.items()
    ]


def _seconds(text: str, value: str | None) -> float | None:
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    if match is None:
        raise UsageError(f"fault {text!r}: a time is like 120, 3s, 500ms or 2m, was {value!r}")
    return float(match[1]) * _UNITS[match[2]]


def _number(text: str, value: str | None) -> float | None:
    try:
        number = None if value is None else float(value)
    except ValueError:
        number = -1.0
    if number is not None and not 0 < number < math.inf:
        raise UsageError(f"fault {text!r}: % takes a number of times a minute, was {value!r}")
    return number
