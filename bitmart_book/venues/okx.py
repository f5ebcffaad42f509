"""OKX v5, public channels of spot, swaps, futures and options, all on one socket.

Pushes are `{"arg": {"channel", "instId"}, "action": ..., "data": [...]}`, and levels are arrays of
texts: price, size, "0", orders. Each update of `books` names the `seqId` before its own; an empty
one that repeats it is the heartbeat of a quiet book, about once a minute. `books5` and `bbo-tbt`
are whole pictures. The `checksum` of `books` is a constant 0 since 2026-06-23 (OKX's reference;
ccxt#30299): it is compared where it is another number, as it is in recordings from before.

Sources: OKX's API v5 reference, "WebSocket", "Order book channel", "Trades channel", "Tickers
channel", "Get instruments", and its list of error codes; recordings of 2021 and 2022; dated
readings by nemanull/arbitrage-observatory, 2026-07 to 2026-09. Nobody has run this file against the
live venue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bitmart_book.model import SYMBOL, FuturesTicker, Instrument, Ticker
from bitmart_book.venues.events import instrument, ticker_channel, trade_channel
from bitmart_book.venues.instruments import InstrumentList
from bitmart_book.venues.profile import (
    BookChannel,
    Checksum,
    ErrorKind,
    Errors,
    Framing,
    Limits,
    Operation,
    Pictures,
    Profile,
    Rate,
    Reply,
    Server,
    Speech,
    Symbols,
    Topic,
    Venue,
)
from bitmart_book.venues.values import number, text

__all__ = ["OKX", "OKX_PUBLIC"]

_PREFIX = "okx/"
_ERRORS = {
    "50011": ErrorKind.LIMIT,  # too many requests
    "60011": ErrorKind.LOGIN,  # not logged in
    "60012": ErrorKind.REQUEST,  # the message is malformed
    "60013": ErrorKind.REQUEST,  # its arguments are malformed
    "60014": ErrorKind.LIMIT,  # operations too fast
    "60018": ErrorKind.TOPIC,  # no such channel or instrument
    "63999": ErrorKind.SERVER,  # internal error
    "64003": ErrorKind.TOPIC,  # only for accounts of a higher tier
    "64004": ErrorKind.TOPIC,  # another channel of the same book is subscribed
}


def _is_contract(symbol: str) -> bool:
    """Of "BTC-USDT" sizes are bitcoins; of "BTC-USDT-SWAP" and the like they are contracts."""
    return symbol.count("-") > 1


# --- requests and replies ---


def _argument(topic: str) -> dict[str, str]:
    parsed = Topic.parse(topic)
    return {"channel": parsed.channel.removeprefix(_PREFIX), "instId": parsed.symbol}


def _encode(operation: Operation, topics: Sequence[str], request: int) -> str:
    frame = {"id": str(request), "op": operation, "args": [_argument(topic) for topic in topics]}
    return json.dumps(frame, separators=(",", ":"))


def _classify(frame: Any) -> Reply | None:
    if frame == "pong":
        return Reply(kind="pong")
    event = frame.get("event") if isinstance(frame, dict) else None
    if not isinstance(event, str):
        return None
    named, request = frame.get("arg"), frame.get("id")
    named = named if isinstance(named, dict) else {}
    channel, symbol = named.get("channel"), named.get("instId")
    topic = f"{_PREFIX}{channel}:{symbol}" if channel and symbol else None
    number = int(request) if isinstance(request, str) and request.isdecimal() else None
    if event in ("subscribe", "unsubscribe"):
        return Reply(kind="ack", operation=event, topic=topic, request=number)
    message = str(frame.get("msg") or "")
    if event != "error":
        # "notice" announces that the connection will be closed, "channel-conn-count" counts.
        return Reply(kind="notice", message=message)
    return Reply(
        kind="error", topic=topic, code=str(frame.get("code")), message=message, request=number
    )


def _symbol_problem(symbol: str) -> str | None:
    parts = symbol.split("-")
    if SYMBOL.fullmatch(symbol) and len(parts) > 1 and all(parts) and not set(symbol) & set("/:@,"):
        return None
    return "an OKX instrument is words with hyphens, like BTC-USDT or BTC-USDT-SWAP"


def _check_topic(topic: Topic) -> str | None:
    if topic.option:
        return "OKX's channels take no option behind an @"
    return _symbol_problem(topic.symbol)


# --- instruments ---


def _instrument(row: Any) -> Instrument:
    found = instrument(
        row,
        "okx",
        symbol="instId",
        tick="tickSz",
        lot="lotSz",
        base="baseCcy",
        quote="quoteCcy",
        min_size="minSz",
        max_size="maxLmtSz",
        status="state",
    )
    if not _is_contract(found.symbol):
        return found
    # What one contract is: so much (`ctVal`) of a currency, so many times.
    value = number(row["ctVal"]) * number(row.get("ctMult") or "1")
    base, _, quote = text(row.get("uly") or found.symbol).partition("-")
    return msgspec.structs.replace(
        found,
        base=base,
        quote=quote.partition("-")[0],
        contract_size=value,
        inverse=row.get("ctType") == "inverse",
    )


def _ticker(**values: Any) -> Ticker:
    return (FuturesTicker if _is_contract(values["symbol"]) else Ticker)(**values)


def _ticker_volumes(row: Mapping[str, Any]) -> Mapping[str, str]:
    # The same two fields count other things: of contracts, contracts and the base currency.
    if _is_contract(str(row.get("instId"))):
        return {"contract_volume_24h": "vol24h", "base_volume_24h": "volCcy24h"}
    return {"base_volume_24h": "vol24h", "quote_volume_24h": "volCcy24h"}


_BOOKS = BookChannel(
    name=f"{_PREFIX}books",
    kind="sequenced",
    rule="chain",
    window=400,
    window_kept=True,
    sequence="seqId",
    previous="prevSeqId",
    symbol="instId",
    time="ts",
    stamped_at_send=True,
    type="action",
    outer_type=True,
    longer=True,
    replaces=True,
    contracts=_is_contract,
    checksum=Checksum(levels=25, text="stripped", interleaved=True, joint=":"),
    # It speaks of a quiet book about once in 60 s.
    confirmed_by_connection=75.0,
)
_PICTURE = msgspec.structs.replace(
    _BOOKS, kind="full", window_kept=False, outer_type=False, replaces=False, checksum=None
)

OKX_PUBLIC = Profile(
    venue="okx",
    market="okx",
    framing=Framing(
        channel_key="arg",
        argument=("channel", "instId"),
        channel_prefix=_PREFIX,
        reply_keys=frozenset({"event"}),
    ),
    books=(
        _BOOKS,
        msgspec.structs.replace(_PICTURE, name=f"{_PREFIX}books5", window=5),
        msgspec.structs.replace(_PICTURE, name=f"{_PREFIX}bbo-tbt", window=1),
    ),
    streams=(
        trade_channel(
            f"{_PREFIX}trades",
            "instId tradeId px sz side ts count source seqId",
            symbol="instId",
            price="px",
            size="sz",
            time="ts",
            trade_id="tradeId",
        ),
        ticker_channel(
            f"{_PREFIX}tickers",
            "instType instId last lastSz askPx askSz bidPx bidSz open24h high24h low24h sodUtc0"
            " sodUtc8 volCcy24h vol24h ts",
            symbol="instId",
            last="last",
            time="ts",
            also=_ticker_volumes,
            make=_ticker,
            bid="bidPx",
            bid_size="bidSz",
            ask="askPx",
            ask_size="askSz",
            open_24h="open24h",
            high_24h="high24h",
            low_24h="low24h",
        ),
    ),
    default_book=f"{_PREFIX}books",
    symbols=Symbols(
        owns=lambda symbol: "-" in symbol, problem=_symbol_problem, check_topic=_check_topic
    ),
    endpoint="okx_public",
    server=Server(
        url="wss://ws.okx.com:8443/ws/v5/public",
        hosts=(("us", "wsus.okx.com"), ("eea", "wseea.okx.com")),
    ),
    limits=Limits(
        # Of sockets and of messages that are no operations no limit is published.
        connections=20,
        connects=Rate(3, 1.0),
        messages=Rate(50, 10.0),
        operations=Rate(480, 3600.0),
        # Fewer than 30 deep channels a connection are advised.
        topics_per_connection=29,
        topics_per_message=29,
        topic_bytes_per_message=4096,
        message_bytes=65536,
        idle_seconds=30.0,
        lifeless_seconds=30.0,
    ),
    speech=Speech(ping="ping", ping_answered=True, numbered=True, encode=_encode),
    classify=_classify,
    can_request=False,
    # Pictures of a quiet book are only sent when it changes.
    pictures=Pictures(renew_after=60.0, hold=75.0),
    errors=Errors.by_code(_ERRORS),
)
OKX = Venue(
    profiles=(OKX_PUBLIC,),
    instruments=InstrumentList(lambda message: message["data"], _instrument, ("instId",)),
)
