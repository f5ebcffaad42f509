"""BitMart spot, public protocol v1.1, in force from 2022-01-18 until the venue stopped.

Pushes are `{"table": channel, "data": [{..., "symbol": s}]}` and levels are arrays. The wire's
`version` is our sequence. Sources: BitMart's spot API reference, "WebSocket Subscription", and
where it is silent its SDKs and what clients recorded; the comments say which. The private
channels, on another address but with the same requests and replies, are in `spot_private`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bitmart_book.model import BookTicker, Kline, Ticker, Trade
from bitmart_book.venues.profile import (
    BookChannel,
    ErrorKind,
    Errors,
    Framing,
    Limits,
    Operation,
    Profile,
    Rate,
    Reply,
    Server,
    Speech,
    StreamChannel,
    Symbols,
    Topic,
    symbol_problem,
)
from bitmart_book.venues.values import (
    Decoded,
    Fields,
    Row,
    each,
    number,
    number_or_none,
    oldest_first,
    signed_or_none,
    taker_side,
    text,
    whole,
    whole_or_none,
)

__all__ = ["ERRORS", "SPOT", "classify"]

# The list of the reference. The SDKs have a 3m beside it, which the reference never had.
_STEPS = ("1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W", "1M")
# Errors that say "subscribed already" or "logged in already": what was asked for is there. (JKorf's
# BitMart.Net counts the first as success too.)
_DONE_ALREADY = {"90008": "subscribe", "91005": "login"}
ERRORS = {
    "90001": ErrorKind.REQUEST,  # the message is malformed
    "90002": ErrorKind.REQUEST,  # no such operation
    "90003": ErrorKind.REQUEST,  # its arguments are malformed
    "90004": ErrorKind.TOPIC,  # no such channel
    "90005": ErrorKind.SIZE,  # too many topics in one message
    "90006": ErrorKind.FULL,  # too many topics on the connection
    "90007": ErrorKind.LIMIT,  # messages too fast
    "90009": ErrorKind.TOPIC,  # the subscription is invalid
    "91001": ErrorKind.LOGIN,  # no key
    "91002": ErrorKind.LOGIN,  # unknown key
    "91003": ErrorKind.LOGIN,  # frozen key
    "91004": ErrorKind.LOGIN,  # expired key
    "91006": ErrorKind.LOGIN,  # not logged in
    "91010": ErrorKind.LOGIN,  # no signature
    "91011": ErrorKind.LOGIN,  # wrong signature
    "91021": ErrorKind.LOGIN,  # no time
    "91022": ErrorKind.CLOCK,  # the time is more than a minute off
    "91023": ErrorKind.LOGIN,  # the time is malformed
    "92001": ErrorKind.TOPIC,  # no such symbol
    "94001": ErrorKind.LIMIT,  # reconnecting too often
    "94002": ErrorKind.LIMIT,  # too many connections of one address
    "95000": ErrorKind.SERVER,  # internal error
}
"""The documented error codes, and what each is about."""

_TRADE = Fields("spot/trade", "symbol price side size s_t ms_t")
_TICKER = Fields(
    "spot/ticker",
    "symbol last_price bid_px bid_sz ask_px ask_sz open_24h high_24h low_24h base_volume_24h"
    " quote_volume_24h fluctuation s_t ms_t",
)
_BOOK_TICKER = Fields("spot/bookTicker", "symbol bid_px bid_sz ask_px ask_sz ms_t")
_KLINE = Fields("spot/kline", "symbol candle")


# --- pushes ---


def _time_ms(row: Row) -> int | None:
    # Before 2024-02-29 rows had only seconds (`s_t`), whose removal is announced since then.
    found = row.maybe("ms_t", whole_or_none)
    if found is None:
        seconds = row.maybe("s_t", whole_or_none)
        found = None if seconds is None else seconds * 1000
    return found


def _symbol(row: Row) -> str:
    row.key = row.need("symbol", text)
    return row.key


def _trade(row: Row) -> Trade:
    symbol = _symbol(row)
    side = row.maybe("side", taker_side)
    return Trade(
        symbol=symbol,
        side=side,
        price=row.need("price", number),
        size=row.need("size", number),
        time_ms=_time_ms(row),
        side_known=side is not None,
    )


def _trades(message: Mapping[str, Any]) -> Decoded:
    # Recorded frames list the oldest row first; a client of 2022 believed the opposite.
    return oldest_first(each(_TRADE, _trade, message["data"]))


def _ticker(row: Row) -> Ticker:
    # Before 2024-02-29 rows had no best prices, no quote volume and no fluctuation.
    return Ticker(
        symbol=_symbol(row),
        last=row.need("last_price", number),
        bid=row.maybe("bid_px", number_or_none),
        bid_size=row.maybe("bid_sz", number_or_none),
        ask=row.maybe("ask_px", number_or_none),
        ask_size=row.maybe("ask_sz", number_or_none),
        open_24h=row.maybe("open_24h", number_or_none),
        high_24h=row.maybe("high_24h", number_or_none),
        low_24h=row.maybe("low_24h", number_or_none),
        base_volume_24h=row.maybe("base_volume_24h", number_or_none),
        quote_volume_24h=row.maybe("quote_volume_24h", number_or_none),
        fluctuation=row.maybe("fluctuation", signed_or_none),
        time_ms=_time_ms(row),
    )


def _tickers(message: Mapping[str, Any]) -> Decoded:
    return each(_TICKER, _ticker, message["data"])


def _book_ticker(row: Row) -> BookTicker:
    return BookTicker(
        symbol=_symbol(row),
        bid=row.maybe("bid_px", number_or_none),
        bid_size=row.maybe("bid_sz", number_or_none),
        ask=row.maybe("ask_px", number_or_none),
        ask_size=row.maybe("ask_sz", number_or_none),
        time_ms=_time_ms(row),
    )


def _book_tickers(message: Mapping[str, Any]) -> Decoded:
    return each(_BOOK_TICKER, _book_ticker, message["data"])


def _kline(step: str, row: Row) -> Kline:
    symbol = _symbol(row)
    candle = row.get("candle")
    if not isinstance(candle, list):
        raise TypeError(f"candle must be an array, was {str(candle)[:80]!r}")
    time_s, first, high, low, last, volume, *_ = candle
    return Kline(
        symbol=symbol,
        step=step,
        open_time_s=whole(time_s),
        open=number(first),
        high=number(high),
        low=number(low),
        close=number(last),
        volume=number(volume),
    )


def _klines(step: str, message: Mapping[str, Any]) -> Decoded:
    return each(_KLINE, partial(_kline, step), message["data"])


# --- requests and replies ---


def _encode(operation: Operation, topics: Sequence[str]) -> str:
    """The text frame of an operation on raw topics, as the spot hosts read it."""
    return json.dumps({"op": operation, "args": list(topics)}, separators=(",", ":"))


def classify(frame: Any) -> Reply | None:
    """What a frame of the spot hosts answers; None for a push."""
    if frame == "pong":
        return Reply(kind="pong")
    if not isinstance(frame, dict):
        return None
    event, topic, code = frame.get("event"), frame.get("topic"), frame.get("errorCode")
    # Errors name their topic, if at all, behind the event: "subscribe:spot/depth5:FOO_USDT". Not
    # documented, but JKorf's BitMart.Net (fda16d4) and CCAPI both read them so.
    operation, _, embedded = event.partition(":") if isinstance(event, str) else ("", "", "")
    # Not the key but its value makes an error: a login that succeeded may carry error keys that are
    # null (BitMart's Python SDK, 2.3.1).
    code = str(code) if code else None
    if code is None and (not operation or "data" in frame):
        return None
    return Reply(
        kind="ack" if code is None or code in _DONE_ALREADY else "error",
        operation=operation or _DONE_ALREADY.get(code or ""),
        topic=topic if isinstance(topic, str) and topic else embedded or None,
        code=code,
        message=str(frame.get("errorMessage") or ""),
    )


def _check_topic(topic: Topic) -> str | None:
    if SPOT.book(topic.channel) is None and SPOT.stream(topic.channel) is None:
        return f"spot has no channel {topic.channel!r}"
    problem = symbol_problem(topic.symbol)
    if problem or "_" not in topic.symbol:
        return problem or "a spot symbol has an underscore, like BTC_USDT"
    if topic.option:
        return "spot channels take no option behind an @"
    return None


SPOT = Profile(
    market="spot",
    framing=Framing(channel_key="table"),
    books=(
        BookChannel(
            name="spot/depth/increase100",
            kind="sequenced",
            window=100,
            # "Spot": the idle heartbeat has the version of the update before it.
            empty_advances=False,
            stamped_at_send=True,
        ),
        # `ms_t` is the time of the push ("Depth-All Channel").
        BookChannel(name="spot/depth5", kind="full", window=5, stamped_at_send=True),
        BookChannel(name="spot/depth20", kind="full", window=20, stamped_at_send=True),
        BookChannel(name="spot/depth50", kind="full", window=50, stamped_at_send=True),
    ),
    streams=(
        StreamChannel(
            name="spot/trade", decode=_trades, kind="trade", trades=True, fields=(_TRADE,)
        ),
        StreamChannel(name="spot/ticker", decode=_tickers, kind="ticker", fields=(_TICKER,)),
        StreamChannel(
            name="spot/bookTicker",
            decode=_book_tickers,
            kind="book ticker",
            fields=(_BOOK_TICKER,),
        ),
        *(
            StreamChannel(
                name=f"spot/kline{step}",
                decode=partial(_klines, step),
                kind="kline",
                step=step,
                fields=(_KLINE,),
            )
            for step in _STEPS
        ),
    ),
    default_book="spot/depth/increase100",
    symbols=Symbols(owns=lambda symbol: "_" in symbol, check_topic=_check_topic),
    endpoint="spot_public",
    server=Server(url="wss://ws-manager-compress.bitmart.com/api?protocol=1.1"),
    limits=Limits(
        connections=20,
        connects=Rate(30, 60.0),
        messages=Rate(100, 10.0),
        topics_per_connection=115,
        topics_per_message=20,
        topic_bytes_per_message=4096,
        # Only the total length of the topics is documented; twenty of the longest make 1,400 bytes.
        message_bytes=4096,
        idle_seconds=20.0,
        lifeless_seconds=300.0,
    ),
    speech=Speech(
        # A text: ping frames are not answered (hummingbot #4961; the SDKs gave them up in 2024-10).
        ping="ping",
        ping_answered=True,
        encode=_encode,
    ),
    classify=classify,
    can_request=True,
    errors=Errors.by_code(ERRORS),
)
