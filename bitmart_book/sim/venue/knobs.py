"""How the exchange behaves where BitMart's own behaviour varied or is not known.

The defaults are what was last recorded, else what was documented. Times are seconds; None: never.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bitmart_book.sim.venue.lines import Opcode
from bitmart_book.sim.venue.wire import NumberFormat

__all__ = ["FuturesKnobs", "Knobs", "LimitKnobs", "PrivateKnobs", "SpotKnobs"]


@dataclass(frozen=True, kw_only=True)
class SpotKnobs:
    """Of the public spot feed and the legacy one."""

    opcode: Opcode = "text"
    """Of spot pushes, private ones too; a binary one is raw deflate (RFC 1951), each by itself."""
    compress_replies: bool = False
    """Whether acks, errors, pongs and logins follow `opcode` too."""
    numbers: NumberFormat = "mixed"
    seconds: bool = True
    """Whether trades and tickers carry `s_t` beside `ms_t`; its removal was announced."""
    acks: Literal["before", "after", "none"] = "before"
    """Before the first data or after it; before 2024-02-29 there were none."""
    request_acks: bool = False
    error_shape: Literal["documented", "topic", "bare"] = "documented"
    """`"event":"subscribe"`, or `"event":"subscribe:<topic>"`, or no `event`."""
    all_or_nothing: bool = False
    """One bad topic refuses its whole message."""
    window_only: bool = False
    """Updates tell only of the best 100 levels, not of the whole book."""
    window_deletes: bool = False
    """A level that leaves the best 100 is sent as deleted."""
    window_refills: bool = False
    """A level that comes among the best 100 is sent even if it did not change."""
    late_snapshots: bool = False
    """A new subscriber gets the next update before its snapshot."""
    heartbeat_interval: float | None = 5.0
    """After so long without a change: an update with empty sides that repeats the version."""
    update_interval: float = 0.1
    picture_interval: float = 0.5
    """Of depth5, depth20, depth50, tickers and klines."""
    legacy_interval: float = 1.0
    legacy_depth: Literal["snapshot", "delta"] = "snapshot"
    """Whether later pushes of the legacy book are whole or only what changed."""
    legacy_trades: Literal["window", "new"] = "window"
    """Whether later pushes of legacy trades repeat the last 15 or hold the new ones."""
    pong_frames: bool = False
    """Whether spot answers ping frames; BitMart's text says they are not supported."""


@dataclass(frozen=True, kw_only=True)
class LimitKnobs:
    """What spot allows, in public and on the legacy feed, and what happens to who breaks it."""

    enforce_limits: bool = True
    """Whether a breach has consequences; it is counted in any case."""
    breach: Literal["error+close", "close", "error"] = "error+close"
    """What the consequence is, where there is an error code for it."""
    idle_seconds: float | None = 20.0
    lifeless_seconds: float | None = 300.0
    legacy_lifeless_seconds: float | None = 5.0
    connections: int = 20
    """Open at once from one address, on spot."""
    connects: int = 30
    connects_seconds: float = 60.0
    legacy_connects: int = 1
    legacy_connects_seconds: float = 4.0
    messages: int = 100
    messages_seconds: float = 10.0
    topics: int = 115
    """On one connection."""
    topics_per_message: int = 20
    topic_bytes_per_message: int = 4_096


@dataclass(frozen=True, kw_only=True)
class FuturesKnobs:
    """Of the public futures feeds. The probe of 2026-09-23 is believed where it differs."""

    futures_generation: Literal[1, 2] = 2
    """1: the channels and shapes of before 2024-11-30."""
    futures_cadence: float | None = 1.0
    """Between two pushes of a book or best price: each second whatever the topic said, as in the
    probe. None: as the topic says, 100 ms without a speed, as documented."""
    futures_ticker_interval: float = 1.0
    futures_trade_interval: float = 0.1
    futures_funding_interval: float = 60.0
    futures_empty_interval: float | None = 5.0
    """After so long without a change: an update with empty sides and the next version."""
    futures_group_speed: Literal["", "100ms", "200ms"] = ""
    """What the group of a push gets where the topic named no speed."""
    futures_echo: Literal["whole", "single"] = "whole"
    """Whether an ack repeats all topics of the request or its own."""
    futures_unknown: Literal["not found", "not exist"] = "not found"
    """How an unknown topic is refused: as recorded, or as documented."""
    futures_text_ping: Literal["error", "pong"] = "error"
    """What a bare `ping` gets: an error, as recorded, or a bare `pong`, as documented."""
    futures_asks_first: bool = False
    """Of the two frames of a one-sided book."""
    futures_partner_delay: float = 0.0
    """How much later the second of them comes."""
    futures_depth_stamps: bool = True
    """Whether one-sided books have `ms_t`; older frames had none."""
    futures_levels: Literal["objects", "arrays"] = "objects"
    """Of depthAll and depthIncrease; arrays were documented in 2026-09, never seen."""
    futures_trades: Literal["way+m", "m", "way"] = "way+m"
    """Recorded in 2025, documented, of 2023."""
    futures_klines: Literal["items", "flat"] = "items"
    """As recorded, or as documented."""
    futures_mark_klines: Literal["items", "flat"] = "flat"
    futures_opcode: Opcode = "text"
    futures_connections: int | None = 500
    futures_connects: int = 30
    futures_connects_seconds: float = 60.0
    futures_message_bytes: int = 2_048
    """A longer message of a client closes the connection; 4,096 are documented."""
    futures_idle_seconds: float | None = 20.0
    futures_lifeless_seconds: float | None = 5.0
    """Neither was enforced when it was probed."""
    futures_ping_seconds: float | None = 54.0
    """When the exchange sends a ping frame."""


@dataclass(frozen=True, kw_only=True)
class PrivateKnobs:
    """Of the private feeds of both markets."""

    private_connections: int = 10
    """Open at once from one address, on spot."""
    private_topics: int = 100
    """On one connection, on spot."""
    login_clock: float = 0.0
    """How far the exchange's clock is ahead when it judges the time of a login."""
    login_ack: Literal["plain", "null", "empty"] = "plain"
    """Whether a spot login that succeeded carries error keys with null or empty texts."""
    private_decimals: int = 30
    """Decimals of the numbers of spot orders and balances; 30 and 10 are on record."""
    order_fields: Literal["new", "old"] = "new"
    """Old: orders without what came after 2022 on spot, after 2023 on futures."""
    entrust_case: Literal["lower", "upper"] = "lower"
    """Of `entrust_type`: the documented example has one, the table of its values the other."""
    balance_blanks: bool = False
    """Two blanks behind the type of a balance event, as in the documented example."""
    account_type: bool = False
    """Whether balance events name the account, as a client's types of 2026 do."""
    empty_data: bool = False
    """Whether subscribing to spot orders is followed by a push whose data is an empty text."""
    position_interval: float | None = 10.0
    """Positions are pushed so often, beside each change."""
    leverage: int = 10
    open_type: Literal["cross", "isolated"] = "cross"


@dataclass(frozen=True, kw_only=True)
class Knobs(SpotKnobs, LimitKnobs, FuturesKnobs, PrivateKnobs):
    """How this exchange behaves where BitMart's own behaviour varied or is not known.

    The defaults are what was last recorded, else what was documented. Times are seconds; None:
    never.
    """
