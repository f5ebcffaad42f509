"""Bitget v2, public channels of spot and of perpetuals in USDT, which share one address.

Pushes are `{"action": ..., "arg": {"instType", "channel", "instId"}, "data": [{...}]}` and levels
are arrays of two texts. Each update of `books` names by `pseq` the `seq` before its own; a `pseq`
of 0 is a reset, which so is no successor of anything. `books1`, `books5` and `books15` are whole
pictures. The checksum that there once was is gone since 2026 (JKorf/Bitget.Net#89).

Spot and perpetuals have the same names of symbols on one address: each kind gets connections of its
own, and what a frame means its connection says.

Sources: Bitget's API v2 reference, "Depth Channel", "Public Trade Channel", "Market Channel", "Get
Symbol Info", "Get Contract Config"; dated readings by nemanull/arbitrage-observatory, 2026-07 to
2026-09. Uncertain: how many levels `books` shows (500 is believed) and how long it is silent about
a quiet book. Nobody has run this file against the live venue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from bitmart_book.model import FuturesTicker, Instrument, Ticker
from bitmart_book.venues.events import instrument, ticker_channel, trade_channel
from bitmart_book.venues.instruments import InstrumentList
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
    Symbols,
    Topic,
    Venue,
)
from bitmart_book.venues.values import is_there_already, number

__all__ = ["BITGET", "BITGET_PERPETUAL", "BITGET_SPOT"]

_MARKETS = {"USDT-FUTURES": "bitget", "SPOT": "bitget-spot"}
_OF_FUTURES = {"mark": "markPrice", "index": "indexPrice"}
_SYMBOL = re.compile(r"[A-Za-z0-9]{1,40}", re.ASCII)
# Of the documented codes those that a public channel can meet.
_ERRORS = {
    "30001": ErrorKind.TOPIC,  # no such channel or instrument
    "30003": ErrorKind.REQUEST,  # no such operation
    "30006": ErrorKind.LIMIT,  # too many requests
    "30007": ErrorKind.LIMIT,  # over the limit
}


# --- requests and replies ---


def _encoder(kind: str) -> Callable[[Operation, Sequence[str]], str]:
    def encode(operation: Operation, topics: Sequence[str]) -> str:
        parsed = [Topic.parse(topic) for topic in topics]
        args = [
            {"instType": kind, "channel": one.channel.partition("/")[2], "instId": one.symbol}
            for one in parsed
        ]
        return json.dumps({"op": operation, "args": args}, separators=(",", ":"))

    return encode


def _classifier(market: str) -> Callable[[Any], Reply | None]:
    def classify(frame: Any) -> Reply | None:
        if frame == "pong":
            return Reply(kind="pong")
        event = frame.get("event") if isinstance(frame, dict) else None
        if not isinstance(event, str):
            return None
        arg = named if isinstance(named := frame.get("arg"), dict) else {}
        channel, symbol = arg.get("channel"), arg.get("instId")
        topic = f"{market}/{channel}:{symbol}" if channel and symbol else None
        if event in ("subscribe", "unsubscribe"):
            return Reply(kind="ack", operation=event, topic=topic)
        message = str(frame.get("msg") or "")
        if event != "error":
            return Reply(kind="notice", message=message)
        operation = frame.get("op")
        return Reply(
            kind="ack" if is_there_already(message) else "error",
            operation=operation if isinstance(operation, str) else None,
            topic=topic,
            code=str(frame.get("code")),
            message=message,
        )

    return classify


def _symbol_problem(symbol: str) -> str | None:
    is_one = _SYMBOL.fullmatch(symbol)
    return None if is_one else "a Bitget symbol is letters and digits, like BTCUSDT"


def _check_topic(topic: Topic) -> str | None:
    if topic.option:
        return "Bitget's channels take no option behind an @"
    return _symbol_problem(topic.symbol)


def _with_symbol(memory: dict[str, Any], message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rows of trades do not say of which symbol they are; the push does."""
    del memory
    symbol = message["arg"]["instId"]
    return {**message, "data": [{**row, "instId": symbol} for row in message["data"]]}


# --- instruments: of the lists of spot and of contracts, which have other names for the same ---


def _instrument(row: Any) -> Instrument:
    is_spot = "pricePrecision" in row
    places = row["pricePrecision"] if is_spot else row["pricePlace"]
    step = Decimal(1) if is_spot else number(row.get("priceEndStep") or "1")
    lots = row["quantityPrecision"] if is_spot else row["volumePlace"]
    lot = Decimal(1).scaleb(-int(lots))
    named = {
        **row,
        "tick": str(step.scaleb(-int(places))),
        "lot": str(lot if is_spot else row.get("sizeMultiplier") or lot),
        "least": row.get("minTradeAmount" if is_spot else "minTradeNum"),
        "state": row.get("status" if is_spot else "symbolStatus"),
    }
    return instrument(
        named,
        _MARKETS["SPOT" if is_spot else "USDT-FUTURES"],
        tick="tick",
        lot="lot",
        base="baseCoin",
        quote="quoteCoin",
        min_size="least",
        min_notional="minTradeUSDT",
        status="state",
    )


def _books(market: str) -> tuple[BookChannel, ...]:
    whole = BookChannel(
        name=f"{market}/books",
        kind="sequenced",
        rule="chain",
        window=500,
        window_kept=True,
        sequence="seq",
        previous="pseq",
        symbol="instId",
        time="ts",
        stamped_at_send=True,
        type="action",
        outer_type=True,
        replaces=True,
        confirmed_by_connection=60.0,
    )
    pictures = (
        msgspec.structs.replace(
            whole, name=f"{market}/books{count}", kind="full", window=count, window_kept=False,
            replaces=False,
        )
        for count in (1, 5, 15)
    )  # fmt: skip
    return (whole, *pictures)


def _profile(kind: str) -> Profile:
    market = _MARKETS[kind]
    trades = trade_channel(
        f"{market}/trade",
        "instId ts price size side tradeId",
        symbol="instId",
        price="price",
        size="size",
        time="ts",
        trade_id="tradeId",
    )
    return Profile(
        venue="bitget",
        market=market,
        framing=Framing(
            channel_key="arg",
            argument=("channel", "instId"),
            channel_prefix=f"{market}/",
            reply_keys=frozenset({"event"}),
        ),
        books=_books(market),
        streams=(
            msgspec.structs.replace(trades, complete=_with_symbol),
            ticker_channel(
                f"{market}/ticker",
                "instId lastPr open24h high24h low24h change24h bidPr askPr bidSz askSz baseVolume"
                " quoteVolume openUtc changeUtc24h indexPrice fundingRate nextFundingTime markPrice"
                " holdingAmount deliveryPrice symbolType symbol ts",
                symbol="instId",
                last="lastPr",
                time="ts",
                fraction="change24h",
                make=Ticker if kind == "SPOT" else FuturesTicker,
                also=lambda row: _OF_FUTURES if "markPrice" in row else {},
                bid="bidPr",
                bid_size="bidSz",
                ask="askPr",
                ask_size="askSz",
                open_24h="open24h",
                high_24h="high24h",
                low_24h="low24h",
                base_volume_24h="baseVolume",
                quote_volume_24h="quoteVolume",
            ),
        ),
        default_book=f"{market}/books",
        symbols=Symbols(
            owns=lambda symbol: kind == "SPOT" or symbol.endswith("USDT"),
            problem=_symbol_problem,
            check_topic=_check_topic,
        ),
        endpoint=f"{market.replace('-', '_')}_public",
        server=Server(url="wss://ws.bitget.com/v2/ws/public"),
        limits=Limits(
            connections=50,
            connects=Rate(300, 300.0),
            messages=Rate(10, 1.0),
            operations=Rate(240, 3600.0),
            # Fewer than 50 channels a connection are advised.
            topics_per_connection=49,
            topics_per_message=20,
            topic_bytes_per_message=1024,
            message_bytes=4096,
            idle_seconds=120.0,
            lifeless_seconds=120.0,
        ),
        speech=Speech(ping="ping", ping_answered=True, encode=_encoder(kind)),
        classify=_classifier(market),
        can_request=False,
        errors=Errors.by_code(_ERRORS),
    )


BITGET_PERPETUAL = _profile("USDT-FUTURES")
BITGET_SPOT = _profile("SPOT")
BITGET = Venue(
    profiles=(BITGET_PERPETUAL, BITGET_SPOT),
    instruments=InstrumentList(rows=lambda message: message["data"], read=_instrument),
)
