"""What `Feed.report` says, as types: a dictionary that can be written as JSON."""

from __future__ import annotations

from typing import Literal, TypedDict

__all__ = [
    "ConnectionReport",
    "HostReport",
    "LatencyReport",
    "LoopReport",
    "Report",
    "Stage",
    "StageReport",
    "StallReport",
]


class ConnectionReport(TypedDict):
    """What it says of one connection."""

    url: str
    open: bool
    topics: int
    attempts: int
    lag: float | None
    """Seconds by which what it brought last was late; None where no stamp tells."""


class HostReport(TypedDict):
    """What it says of one host of a venue: the seconds of lag that are taken for steps of its
    clock, and the connections that are held because more than that is late."""

    forgiven: float
    held: list[str]


class StallReport(TypedDict):
    """Pauses of the loop that one function caused: how many, and of these the seconds altogether
    and of the longest."""

    pauses: int
    seconds: float
    longest: float


class LoopReport(TypedDict):
    """How the event loop of a feed has run. A pause is longer than 0.1 s; `longest_pause` is in
    seconds.

    `stalls`: pauses by the qualified name of the function of yours that took at least half of them,
    with what it is called for; "elsewhere" where none did that the feed calls, and "others" for
    those beyond a thousand names.
    """

    pauses: int
    longest_pause: float
    stalls: dict[str, StallReport]
    internal_errors: int


class StageReport(TypedDict):
    """How long one stage took. All times are in seconds.

    Spans are counted in buckets that double: `buckets` has (upper bound, how many) of those that
    hold any, each above half its bound and at most its bound, in powers of two of a nanosecond.
    `p50`, `p99` and `p999` are such bounds: so many of a hundred, or thousand, took no longer, and
    the truth is above half of it. `min`, `max` and `sum` are exact. Without any span they are None.
    `below_zero` counts those that two clocks made negative; they are in no bucket.
    """

    count: int
    below_zero: int
    min: float | None
    p50: float | None
    p99: float | None
    p999: float | None
    max: float | None
    sum: float
    buckets: list[tuple[float, int]]


Stage = Literal[
    "venue_to_socket", "socket_to_applied", "applied_to_callback", "not_live_to_callback"
]
LatencyReport = dict[Stage, StageReport]
"""How long it takes from the venue to your code, by stage, of what somebody listens to.

`venue_to_socket`: from the venue's stamp of sending to when the bytes were read. Two clocks: an
error of either is in it as it is, and it can be below zero. `quote.lag` has no such error.
`socket_to_applied`: until the book shows it, behind whatever was read together with it.
`applied_to_callback`: until your function is called, or your loop takes the quote; of changes that
one quote conflates, from the first.
`not_live_to_callback`: from the moment at which a book ceased to be LIVE, by a frame, by its
connection or by its deadline, until your `on_quote` or loop is first told of it. Time in which the
event loop was blocked is in it.
"""


class Report(TypedDict):
    """What `Feed.report` says. Of a capture connections, hosts, counters and unknown_fields are
    empty, and no latency is counted."""

    topics: dict[str, str]
    engine: dict[str, int]
    callbacks: dict[str, int]
    log: dict[str, int]
    connections: dict[str, ConnectionReport]
    hosts: dict[str, HostReport]
    counters: dict[str, int]
    unknown_fields: dict[str, int]
    loop: LoopReport
    latency: LatencyReport
