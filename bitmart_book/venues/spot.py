"""BitMart spot, public protocol v1.1, in force from 2022-01-18 until the venue stopped.

Pushes are `{"table": channel, "data": [{..., "symbol": s}]}` and levels are arrays. The wire's
`version` is our sequence. Sources: BitMart's spot API reference, "WebSocket Subscription", and
where it is silent its SDKs and what clients recorded; the comments say which. The private
channels, on another address, are not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bitmart_book.model import BookTicker, Kline, Ticker, Trade
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
    number_or_none,
    oldest_first,
    rows,
    text,
    whole,
)

__all__ = ["SPOT"]

# The reference's list; the SDKs have a 3m beside it that the reference never had.
_STEPS = ("1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W", "1M")
_SYMBOL = re.compile(r"(?=[^_]*_)[A-Za-z0-9_]{1,41}")
# JKorf's BitMart.Net counts it as success too: what was asked for is there.
_ALREADY_SUBSCRIBED = "90008"
# Too many topics on the connection, messages too fast, reconnecting too often, too many
# connections, internal error: of the moment, not of the topic.
_RETRY = frozenset({"90006", "90007", "94001", "94002", "95000"})


# --- pushes ---


def _time_ms(row: Mapping[str, Any]) -> int | None:
    # Before 2024-02-29 there were only seconds, and since then their removal is announced.
    for key, scale in (("ms_t", 1), ("s_t", 1000)):
        if row.get(key) not in (None, ""):
            return whole(row[key]) * scale
    return None


def _trade(row: Mapping[str, Any]) -> Trade:
    side = row["side"]
    if side not in ("buy", "sell"):
        raise ValueError(f"side must be buy or sell, was {side!r}")
    return Trade(
        symbol=text(row["symbol"]),
        side=side,
        price=number(row["price"]),
        size=number(row["size"]),
        time_ms=_time_ms(row),
    )


def _trades(message: Mapping[str, Any]) -> list[Trade]:
    # Recorded frames list the oldest row first; a client of 2022 believed the opposite.
    return oldest_first([_trade(row) for row in rows(message["data"])])


def _ticker(row: Mapping[str, Any]) -> Ticker:
    # Before 2024-02-29 without best prices, quote volume and fluctuation.
    return Ticker(
        symbol=text(row["symbol"]),
        last=number(row["last_price"]),
        bid=number_or_none(row.get("bid_px")),
        bid_size=number_or_none(row.get("bid_sz")),
        ask=number_or_none(row.get("ask_px")),
        ask_size=number_or_none(row.get("ask_sz")),
        open_24h=number_or_none(row.get("open_24h")),
        high_24h=number_or_none(row.get("high_24h")),
        low_24h=number_or_none(row.get("low_24h")),
        base_volume_24h=number_or_none(row.get("base_volume_24h")),
        quote_volume_24h=number_or_none(row.get("quote_volume_24h")),
        fluctuation=number_or_none(row.get("fluctuation"), signed=True),
        time_ms=_time_ms(row),
    )


def _tickers(message: Mapping[str, Any]) -> list[Ticker]:
    return [_ticker(row) for row in rows(message["data"])]


def _book_ticker(row: Mapping[str, Any]) -> BookTicker:
    return BookTicker(
        symbol=text(row["symbol"]),
        bid=number_or_none(row.get("bid_px")),
        bid_size=number_or_none(row.get("bid_sz")),
        ask=number_or_none(row.get("ask_px")),
        ask_size=number_or_none(row.get("ask_sz")),
        time_ms=_time_ms(row),
    )


def _book_tickers(message: Mapping[str, Any]) -> list[BookTicker]:
    return [_book_ticker(row) for row in rows(message["data"])]


def _kline(step: str, row: Mapping[str, Any]) -> Kline:
    candle = row["candle"]
    if not isinstance(candle, list):
        raise TypeError(f"candle must be an array, was {str(candle)[:80]!r}")
    time_s, first, high, low, last, volume, *_ = candle
    return Kline(
        symbol=text(row["symbol"]),
        step=step,
        open_time_s=whole(time_s),
        open=number(first),
        high=number(high),
        low=number(low),
        close=number(last),
        volume=number(volume),
    )


def _klines(step: str, message: Mapping[str, Any]) -> list[Kline]:
    return [_kline(step, row) for row in rows(message["data"])]


# --- requests and replies ---


def _encode(operation: Operation, topics: Sequence[str]) -> str:
    return json.dumps({"op": operation, "args": list(topics)}, separators=(",", ":"))


def _classify(frame: Any) -> Reply | None:
    if frame == "pong":
        return Reply(kind="pong")
    if not isinstance(frame, dict):
        return None
    event, topic, code = frame.get("event"), frame.get("topic"), frame.get("errorCode")
    # Errors name their topic, if at all, behind the event: "subscribe:spot/depth5:FOO_USDT". Not
    # documented, but JKorf's BitMart.Net (fda16d4) and CCAPI both read them so.
    operation, _, embedded = event.partition(":") if isinstance(event, str) else ("", "", "")
    reply = Reply(
        kind="ack",
        operation=operation or None,
        topic=topic if isinstance(topic, str) and topic else embedded or None,
        # The value and not the key decides: a login that succeeded may carry null error keys
        # (BitMart's Python SDK, 2.3.1).
        code=str(code) if code else None,
        message=str(frame.get("errorMessage") or ""),
    )
    if reply.code and reply.code != _ALREADY_SUBSCRIBED:
        return Reply(
            kind="error",
            operation=reply.operation,
            topic=reply.topic,
            code=reply.code,
            message=reply.message,
        )
    if not reply.code and (not reply.operation or "data" in frame):
        return None
    return reply


def _check_topic(topic: Topic) -> str | None:
    if SPOT.book(topic.channel) is None and SPOT.stream(topic.channel) is None:
        return f"spot has no channel {topic.channel!r}"
    if not _SYMBOL.fullmatch(topic.symbol):
        return "a spot symbol is 1 to 41 letters, digits and underscores, like BTC_USDT"
    if topic.option:
        return "spot channels take no option behind an @"
    return None


SPOT = Profile(
    market="spot",
    channel_key="table",
    books=(
        BookChannel(name="spot/depth/increase100", kind="sequenced", window=100),
        BookChannel(name="spot/depth5", kind="full", window=5),
        BookChannel(name="spot/depth20", kind="full", window=20),
        BookChannel(name="spot/depth50", kind="full", window=50),
    ),
    streams=(
        StreamChannel(name="spot/trade", decode=_trades, trades=True),
        StreamChannel(name="spot/ticker", decode=_tickers),
        StreamChannel(name="spot/bookTicker", decode=_book_tickers),
        *(StreamChannel(name=f"spot/kline{s}", decode=partial(_klines, s)) for s in _STEPS),
    ),
    default_book="spot/depth/increase100",
    owns_symbol=lambda symbol: "_" in symbol,
    endpoint="spot_public",
    url="wss://ws-manager-compress.bitmart.com/api?protocol=1.1",
    limits=Limits(
        connections=20,
        connects=Rate(30, 60.0),
        messages=Rate(100, 10.0),
        topics_per_connection=115,
        topics_per_message=20,
        topic_bytes_per_message=4096,
        # Not documented beyond its topics; twenty of the longest make 1,400 bytes.
        message_bytes=4096,
        idle_seconds=20.0,
        lifeless_seconds=300.0,
    ),
    # Text. Ping frames are not answered (hummingbot #4961; the SDKs gave them up in 2024-10).
    ping="ping",
    encode=_encode,
    classify=_classify,
    check_topic=_check_topic,
    can_request=True,
    retry_codes=_RETRY,
)
