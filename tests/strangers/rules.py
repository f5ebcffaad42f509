"""The limits and intervals of BitMart, each with its place in the protocol page (§)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.strangers.units import MILLI, SECOND


@dataclass(frozen=True, slots=True)
class Rules:
    """What an endpoint allows. None: the page knows no limit."""

    name: str
    connections: int | None
    topics: int | None
    attempts: tuple[int, int] | None
    messages: tuple[int, int] | None
    args: int | None
    topic_bytes: int | None
    frame_bytes: int | None
    idle: int | None
    lifeless: int | None


SPOT_PUBLIC = Rules(
    "spot_public",
    connections=20,  # §2.3, table, "concurrent connections per IP"
    topics=115,  # §2.3, "topics per connection"
    attempts=(30, 60 * SECOND),  # §2.3, "connection attempts per IP"
    messages=(100, 10 * SECOND),  # §2.3, "client messages per connection"
    args=20,  # §2.3, "topics (`args`) per message"
    topic_bytes=4096,  # §2.3, "total length of the topics in one message"
    frame_bytes=None,
    idle=20 * SECOND,  # §2.2, "No data for 20 s"
    lifeless=300 * SECOND,  # §2.2, "within 5 minutes"
)
SPOT_PRIVATE = Rules(
    "spot_private",
    connections=10,  # §3.2
    topics=100,  # §3.2
    attempts=(30, 60 * SECOND),  # §3.2
    messages=(100, 10 * SECOND),  # §3.2
    args=20,  # §3.2
    topic_bytes=4096,  # §2.3, as public
    frame_bytes=None,
    idle=20 * SECOND,  # §3.2, "as 2.2"
    lifeless=300 * SECOND,  # §3.2, "as 2.2"
)
FUTURES_PUBLIC = Rules(
    "futures_public",
    connections=500,  # §4.3, "500 connections per IP"
    topics=None,  # §4.3, "No published limit on topics/connection or message rate"
    attempts=None,
    messages=None,
    args=None,
    topic_bytes=None,
    frame_bytes=2048,  # §8, "close 1009 above 2,048 bytes on futures"
    idle=20 * SECOND,  # §4.3, "no data 20 s"
    lifeless=5 * SECOND,  # §4.3, "no subscription within 5 s"
)
FUTURES_PRIVATE = Rules(
    "futures_private",
    connections=500,  # §4.3
    topics=None,
    attempts=None,
    messages=None,
    args=None,
    topic_bytes=None,
    frame_bytes=2048,  # §8
    idle=20 * SECOND,  # §4.3
    lifeless=5 * SECOND,  # §4.3
)
LEGACY = Rules(
    "legacy",
    connections=None,
    topics=None,
    attempts=(1, 4 * SECOND),  # §1.1, "1 per 4 s per IP"
    messages=None,
    args=None,
    topic_bytes=None,
    frame_bytes=None,
    idle=None,
    lifeless=5 * SECOND,  # §1.1, "within 5 s"
)
RULES = {
    rules.name: rules
    for rules in (SPOT_PUBLIC, SPOT_PRIVATE, FUTURES_PUBLIC, FUTURES_PRIVATE, LEGACY)
}

INCREASE_EVERY = 100 * MILLI  # §2.8, table, "depth/increase100"
PICTURE_EVERY = 500 * MILLI  # §2.8, table, "depth5, depth20, depth50"
TICKER_EVERY = 500 * MILLI  # §2.8, table, "ticker"
FUTURES_EVERY = (1000 * MILLI, 200 * MILLI, 100 * MILLI)
"""§4.5, "one push per second for every depth" (live), and 100 and 200 ms as documented."""
LEGACY_EVERY = 1000 * MILLI  # §1.1, "Push rate undocumented"
HEARTBEAT_EVERY = 5 * SECOND  # §2.8 rule 6, "Interval unspecified"
EMPTY_EVERY = 10 * SECOND  # §4.5, "up to 10 s without a frame"
POSITION_EVERY = 10 * SECOND  # §4.7, "on change and every 10 s"
SERVER_PING = 54 * SECOND  # §4.3, "~54 s after connect"
LOGIN_WINDOW = 60 * SECOND  # §3.1, "Timestamp valid 60 s"
WINDOW = 100  # §2.8, "100 is the only size"
LEGACY_LEVELS = 20  # §1.1, "20 levels a side in the sample"
EPOCH_MS = 1_790_000_000_000
"""The venue's wall clock when a run begins."""
