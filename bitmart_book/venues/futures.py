"""BitMart futures, protocol v2 (from 2024-09 until the venue stopped), public books and trades.

Pushes are `{"group": topic, "data": {...}}`, levels are objects and sizes count contracts. The
`version` of a sequenced book advances even on an empty update, where spot repeats it. Sources:
BitMart's futures v2 API reference, "WebSocket Subscription", and a probe of the running venue of
2026-09-23 (nemanull/arbitrage-observatory), which is believed where they differ. The private
channels, on another address, are not here, nor the channels under futures/v2/, which were
acknowledged and then silent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from bitmart_book.model import Trade
from bitmart_book.venues.profile import (
    BookChannel,
    Limits,
    Operation,
    Profile,
    Rate,
    Reply,
    StreamChannel,
    Topic,
    number,
    oldest_first,
    rows,
    text,
    whole,
)

__all__ = ["FUTURES"]

_SYMBOL = re.compile(r"[A-Za-z0-9]{1,41}")
_SPEEDS = ("", "100ms", "200ms")
# Nine digits of a fraction, which `datetime` would refuse or cut: taken apart by hand.
_STAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z")


# --- pushes ---


def _milliseconds(stamp: object) -> int:
    parts = _STAMP.fullmatch(text(stamp))
    if parts is None:
        raise ValueError(f"expected a time in UTC, was {stamp!r}")
    seconds = int(datetime.fromisoformat(parts[1]).replace(tzinfo=UTC).timestamp())
    return seconds * 1000 + int(((parts[2] or "") + "000")[:3])


def _taker_side(row: Mapping[str, Any]) -> tuple[Literal["buy", "sell"], bool]:
    # `m` (since 2025-01-16) is true when the buyer was the maker. `way` 1-4 was documented as a
    # buying taker but contradicts `m` in recorded frames, so it is only the last resort.
    if isinstance(row.get("m"), bool):
        return ("sell" if row["m"] else "buy"), True
    way = whole(row["way"])
    if not 1 <= way <= 8:
        raise ValueError(f"way must be 1 to 8, was {way}")
    return ("buy" if way <= 4 else "sell"), False


def _trade(row: Mapping[str, Any]) -> Trade:
    side, side_known = _taker_side(row)
    return Trade(
        symbol=text(row["symbol"]),
        side=side,
        price=number(row["deal_price"]),
        size=number(row["deal_vol"]),
        time_ms=_milliseconds(row["created_at"]),
        trade_id=whole(row["trade_id"]),
        side_known=side_known,
    )


def _trades(message: Mapping[str, Any]) -> list[Trade]:
    # The newest row is first (recorded in ccxt, 2024-03), opposite to spot.
    return oldest_first([_trade(row) for row in reversed(rows(message["data"]))])


# --- requests and replies ---


def _encode(operation: Operation, topics: Sequence[str]) -> str:
    return json.dumps({"action": operation, "args": list(topics)}, separators=(",", ":"))


def _classify(frame: Any) -> Reply | None:
    # The reference promises a text "pong" to a text "ping"; the probe saw that ping refused.
    if frame == "pong":
        return Reply(kind="pong")
    if not isinstance(frame, dict):
        return None
    action, group, problem = frame.get("action"), frame.get("group"), frame.get("error")
    data = frame.get("data")
    if group == "System" and isinstance(data, str) and data.startswith("pong"):
        return Reply(kind="pong")
    failed = frame.get("success") is False or bool(problem)
    if not failed and ("data" in frame or not (action or frame.get("success") is True)):
        return None
    # The echoed `request` is not looked at: sources disagree on whether it holds all topics of the
    # request or the one that is meant.
    operation = action if isinstance(action, str) and action else None
    return Reply(
        kind="error" if failed else "ack",
        operation="login" if operation == "access" else operation,
        topic=group if isinstance(group, str) and group else None,
        message=str(problem or ""),
    )


def _check_topic(topic: Topic) -> str | None:
    book = FUTURES.book(topic.channel)
    if book is None and FUTURES.stream(topic.channel) is None:
        return f"futures have no channel {topic.channel!r}"
    if not _SYMBOL.fullmatch(topic.symbol):
        return "a futures symbol is 1 to 41 letters and digits, like BTCUSDT"
    if book is None and topic.option:
        return "only depth channels take a speed"
    if topic.option not in _SPEEDS:
        return f"the speed is 100ms or 200ms, was {topic.option!r}"
    return None


def _sequenced(depth: int) -> BookChannel:
    # The server keeps a window of `depth` levels: levels that enter or leave it are sent.
    return BookChannel(
        name=f"futures/depthIncrease{depth}",
        kind="sequenced",
        window=depth,
        window_kept=True,
        size="vol",
    )


FUTURES = Profile(
    market="futures",
    channel_key="group",
    books=(
        *(_sequenced(depth) for depth in (50, 20, 5)),
        *(
            BookChannel(name=f"futures/depthAll{depth}", kind="full", window=depth, size="vol")
            for depth in (5, 20, 50)
        ),
        *(
            BookChannel(name=f"futures/depth{depth}", kind="one-sided", window=depth, size="vol")
            for depth in (5, 20, 50)
        ),
    ),
    streams=(StreamChannel(name="futures/trade", decode=_trades, trades=True),),
    default_book="futures/depthIncrease50",
    owns_symbol=lambda symbol: "_" not in symbol,
    endpoint="futures_public",
    url="wss://openapi-ws-v2.bitmart.com/api?protocol=1.1",
    limits=Limits(
        connections=500,
        # Attempts and messages have no published limit here: those of spot.
        connects=Rate(30, 60.0),
        messages=Rate(100, 10.0),
        # No published limit either; the probe ran this many books on one connection.
        topics_per_connection=100,
        topics_per_message=40,
        # Documented are 4,096; with more than this, forty topics would not fit in the message.
        topic_bytes_per_message=1800,
        # The probe got 2,020 bytes through and was closed (1009) for 2,186.
        message_bytes=2000,
        # The probe saw neither of the two enforced. They are documented, so they are kept.
        idle_seconds=20.0,
        lifeless_seconds=5.0,
    ),
    ping='{"action":"ping"}',
    encode=_encode,
    classify=_classify,
    check_topic=_check_topic,
    can_request=True,
)
