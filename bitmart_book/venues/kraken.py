"""Kraken spot, websocket v2 (in force since 2023), public channels.

Pushes are `{"channel": name, "type": ..., "data": [{"symbol": s, ...}]}`, and levels are objects of
bare numbers, written with all the decimals of the pair. Nothing is counted: every snapshot and
update carries a CRC32 of the ten best levels of each side, and that is all that proves a book.

Sources: Kraken's API Center, "Spot Websockets (v2)": "Book (Level 2)", "Book Checksum", "Trade",
"Ticker", "Instrument", "Ping"; frames recorded on 2026-08-16 (GarethCooke/DepthCharge), which are
believed where the two differ; dated readings of documentation and wire by
nemanull/arbitrage-observatory, 2026-07 to 2026-09. Nobody has run this file against the live venue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bitmart_book.model import SYMBOL, Instrument
from bitmart_book.venues.events import instrument, instrument_channel, ticker_channel, trade_channel
from bitmart_book.venues.instruments import InstrumentList
from bitmart_book.venues.profile import (
    BookChannel,
    Checksum,
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
    Symbols,
    Topic,
    Venue,
)
from bitmart_book.venues.values import is_there_already, rfc3339

__all__ = ["KRAKEN", "KRAKEN_SPOT"]

_PREFIX = "kraken/"
_DEPTHS = (10, 25, 100, 500, 1000)
# Nothing proves deeper levels than these; books that show such are fetched anew now and then.
_PROVEN = 10
_RENEWED_AFTER = 300.0


# --- instruments: the pairs of the channel of that name; REST has the names of v1 (XBT/USD) ---


def _pairs(message: Any) -> Any:
    if isinstance(message, dict):
        message = message.get("data", message)
    return message["pairs"] if isinstance(message, dict) else message


def _instrument(row: Any) -> Instrument:
    return instrument(
        row,
        "kraken",
        tick="price_increment",
        lot="qty_increment",
        base="base",
        quote="quote",
        min_size="qty_min",
        min_notional="cost_min",
        status="status",
    )


# --- requests and replies ---


def _wire(topic: Topic) -> tuple[str, int | None]:
    """The name of a channel on the wire, and the depth that it means."""
    name = topic.channel.removeprefix(_PREFIX)
    depth = name.removeprefix("book")
    return ("book", int(depth)) if depth.isdigit() else (name, None)


def _encode(operation: Operation, topics: Sequence[str], request: int) -> str:
    parsed = [Topic.parse(topic) for topic in topics]
    channel, depth = _wire(parsed[0])
    words: dict[str, Any] = {"channel": channel}
    if any(topic.symbol for topic in parsed):
        words["symbol"] = [topic.symbol for topic in parsed]
    if depth is not None:
        words["depth"] = depth
    if operation == "subscribe":
        # Of trades it would be the last fifty, long past.
        words["snapshot"] = channel != "trade"
    frame = {"method": operation, "params": words, "req_id": request}
    return json.dumps(frame, separators=(",", ":"))


def _named(answer: Mapping[str, Any]) -> str | None:
    """The topic that an acknowledgement names."""
    channel, symbol, depth = answer.get("channel"), answer.get("symbol"), answer.get("depth")
    if not isinstance(channel, str):
        return None
    name = f"{_PREFIX}{channel}{depth if channel == 'book' else ''}"
    return f"{name}:{symbol}" if isinstance(symbol, str) else name


def _classify(frame: Any) -> Reply | None:
    if not isinstance(frame, dict):
        return None
    if frame.get("channel") in ("heartbeat", "status"):
        return Reply(kind="notice")
    method, request, symbol = frame.get("method"), frame.get("req_id"), frame.get("symbol")
    number = request if type(request) is int else None
    if method == "pong":
        return Reply(kind="pong", request=number)
    if not isinstance(method, str) and "error" not in frame:
        return None
    result = frame.get("result")
    topic = _named(result) if isinstance(result, dict) else None
    operation = method if isinstance(method, str) else None
    if frame.get("success") is True:
        return Reply(kind="ack", operation=operation, topic=topic, request=number)
    message = str(frame.get("error") or "")
    # How a second subscription is answered is not documented; v1 said so.
    return Reply(
        kind="ack" if is_there_already(message) else "error",
        operation=operation,
        topic=topic,
        code="rate limit" if _kind(message) is ErrorKind.LIMIT else None,
        message=message,
        request=number,
        symbol=symbol if isinstance(symbol, str) else None,
    )


def _kind(message: str) -> ErrorKind | None:
    # There are no codes. Documented or recorded are "Currency pair not supported FOO/BAR",
    # "Subscription depth not supported"; the others are those of v1.
    words = message.lower()
    if "rate" in words or "exceeded" in words or "too many" in words:
        return ErrorKind.LIMIT
    if "not supported" in words or "not found" in words or "currency pair" in words:
        return ErrorKind.TOPIC
    return ErrorKind.REQUEST if "malformed" in words or "invalid" in words else None


def _symbol_problem(symbol: str) -> str | None:
    base, slash, quote = symbol.partition("/")
    if SYMBOL.fullmatch(symbol) and base and slash and quote and not set(quote) & set("/:@,"):
        return None
    return "a Kraken pair is two names and a slash, like BTC/USD"


def _check_topic(topic: Topic) -> str | None:
    if topic.option:
        return "Kraken's channels take no option behind an @"
    if topic.channel == f"{_PREFIX}instrument":
        return "the channel of instruments has no symbol" if topic.symbol else None
    return _symbol_problem(topic.symbol)


KRAKEN_SPOT = Profile(
    venue="kraken",
    market="kraken",
    framing=Framing(
        channel_key="channel",
        channel_prefix=_PREFIX,
        reply_keys=frozenset({"method", "success", "error"}),
    ),
    books=tuple(
        BookChannel(
            name=f"{_PREFIX}book{depth}",
            wire="book",
            kind="sequenced",
            rule="none",
            window=depth,
            window_kept=True,
            depth=depth,
            size="qty",
            time="timestamp",
            clock="text",
            # Of the matching engine, whose frames are sent as they arise; whether they may wait
            # before they are stamped is not documented.
            stamped_at_send=True,
            outer_type=True,
            replaces=True,
            checksum=Checksum(levels=_PROVEN, text="digits"),
            confirmed_by_connection=60.0,
            renewed_after=None if depth <= _PROVEN else _RENEWED_AFTER,
        )
        for depth in _DEPTHS
    ),
    streams=(
        trade_channel(
            f"{_PREFIX}trade",
            "symbol side price qty ord_type trade_id timestamp",
            symbol="symbol",
            price="price",
            size="qty",
            time="timestamp",
            clock=rfc3339,
            trade_id="trade_id",
        ),
        ticker_channel(
            f"{_PREFIX}ticker",
            "symbol bid bid_qty ask ask_qty last volume vwap low high change change_pct timestamp",
            symbol="symbol",
            last="last",
            time="timestamp",
            clock=rfc3339,
            percent="change_pct",
            bid="bid",
            bid_size="bid_qty",
            ask="ask",
            ask_size="ask_qty",
            high_24h="high",
            low_24h="low",
            base_volume_24h="volume",
        ),
        instrument_channel(f"{_PREFIX}instrument", rows=_pairs, read=_instrument),
    ),
    default_book=f"{_PREFIX}book10",
    symbols=Symbols(
        owns=lambda symbol: "/" in symbol, problem=_symbol_problem, check_topic=_check_topic
    ),
    endpoint="kraken_public",
    server=Server(url="wss://ws.kraken.com/v2"),
    limits=Limits(
        # Published are 150 attempts in ten minutes and the minute without a word; the others are
        # modest guesses.
        connections=20,
        connects=Rate(150, 600.0),
        messages=Rate(50, 10.0),
        topics_per_connection=200,
        topics_per_message=50,
        topic_bytes_per_message=4096,
        message_bytes=8192,
        idle_seconds=60.0,
        lifeless_seconds=60.0,
    ),
    speech=Speech(
        ping='{"method":"ping"}',
        ping_answered=True,
        numbered=True,
        encode=_encode,
        # Frames do not name their depth.
        together=lambda topic: topic.channel,
    ),
    apart=lambda topic: topic.symbol if topic.channel.startswith(f"{_PREFIX}book") else None,
    classify=_classify,
    can_request=False,
    errors=Errors(retry_codes=frozenset({"rate limit"}), judge=lambda reply: _kind(reply.message)),
)
KRAKEN = Venue(profiles=(KRAKEN_SPOT,), instruments=InstrumentList(rows=_pairs, read=_instrument))
