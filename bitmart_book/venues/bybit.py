"""Bybit v5, public channels of spot, linear and inverse contracts: three sockets that speak alike.

Pushes are `{"topic": "orderbook.50.BTCUSDT", "type": "snapshot" or "delta", "ts", "data": {...}}`,
and levels are arrays of two texts. Each update's `u` is taken to be one more than the last: so it
was on the wire, but the reference promises it for `orderbook.full` only. Where it should not hold,
books go to GAP and are subscribed anew, which their counters show; a rule that takes any `u` would
leave nothing that proves a book. A snapshot replaces whatever its `u` is: 1 after a restart of
the venue's service. Depth 1 is snapshots only, repeated after three quiet seconds.

Topics are the same on all three sockets: which market a frame is of, its connection says.

Sources: Bybit's v5 reference, "Connect", "Orderbook", "Trade", "Ticker", "Get Instruments Info"; a
recording of 2026-08-09; dated readings by nemanull/arbitrage-observatory, 2026-07 to 2026-09.
Nobody has run this file against the live venue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bitmart_book.model import FuturesTicker, Instrument, Ticker
from bitmart_book.venues.events import instrument, ticker_channel, trade_channel, whole_pushes
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
)
from bitmart_book.venues.values import is_there_already

__all__ = [
    "BYBIT_INVERSE",
    "BYBIT_LINEAR",
    "BYBIT_SPOT",
    "INSTRUMENTS",
    "LIMITS",
    "MARKETS",
    "REGIONS",
]

_DEPTHS = (1, 50, 200, 1000)
_SYMBOL = re.compile(r"[A-Za-z0-9]{1,40}(?:-[A-Za-z0-9]{1,20}){0,4}", re.ASCII)
_DOLLARS = re.compile(r".+USD(?:[FGHJKMNQUVXZ][0-9]{2})?", re.ASCII)
_TOPIC_IN_WORDS = re.compile(r"topic:\s*\[?([A-Za-z0-9.\-]+)")
MARKETS = {"linear": "bybit", "inverse": "bybit-inverse", "spot": "bybit-spot"}
"""What each category of the venue is called here."""
REGIONS = (
    *((land, f"stream.bybit.{land}") for land in ("tr", "id", "kz")),
    ("ge", "stream.bybitgeorgia.ge"),
)


# --- requests and replies ---


def _encode(operation: Operation, topics: Sequence[str], request: int) -> str:
    parsed = [Topic.parse(topic) for topic in topics]
    args = [f"{topic.channel.partition('/')[2]}.{topic.symbol}" for topic in parsed]
    frame = {"req_id": str(request), "op": operation, "args": args}
    return json.dumps(frame, separators=(",", ":"))


def _classifier(market: str) -> Callable[[Any], Reply | None]:
    def classify(frame: Any) -> Reply | None:
        operation = frame.get("op") if isinstance(frame, dict) else None
        if not isinstance(operation, str):
            return None
        words, request = str(frame.get("ret_msg") or ""), frame.get("req_id")
        number = int(request) if isinstance(request, str) and request.isdecimal() else None
        # Spot repeats the operation and says pong beside it; the contracts answer with it.
        if operation in ("ping", "pong"):
            return Reply(kind="pong", request=number)
        if frame.get("success") is True:
            return Reply(kind="ack", operation=operation, request=number)
        named = _TOPIC_IN_WORDS.search(words)
        channel, _, symbol = named[1].rpartition(".") if named else ("", "", "")
        return Reply(
            kind="ack" if is_there_already(words) else "error",
            operation=operation,
            topic=f"{market}/{channel}:{symbol}" if channel and symbol else None,
            message=words,
            request=number,
        )

    return classify


def _judge(reply: Reply) -> ErrorKind | None:
    # There are no codes. Seen are "Invalid topic: ..." and "error:handler not found,topic:...".
    words = reply.message.lower()
    if "topic" in words or "not found" in words or "symbol" in words:
        return ErrorKind.TOPIC
    return ErrorKind.LIMIT if "too many" in words or "frequent" in words else None


def _symbol_problem(symbol: str) -> str | None:
    if _SYMBOL.fullmatch(symbol):
        return None
    return "a Bybit symbol is letters and digits, like BTCUSDT or BTC-26DEC25"


def _check_topic(topic: Topic) -> str | None:
    if topic.option:
        return "Bybit's channels take no option behind an @"
    return _symbol_problem(topic.symbol)


def _is_linear(symbol: str) -> bool:
    return symbol.endswith(("USDT", "PERP")) or "-" in symbol


# --- instruments ---


def _rows(message: Any) -> Any:
    result = message["result"]
    return [{"category": result.get("category"), **row} for row in result["list"]]


def _instrument(row: Any) -> Instrument:
    prices, sizes = row.get("priceFilter") or {}, row.get("lotSizeFilter") or {}
    category = row["category"]
    found = {
        **row,
        "tick": prices.get("tickSize"),
        "lot": sizes.get("qtyStep", sizes.get("basePrecision")),
        "min_size": sizes.get("minOrderQty"),
        "max_size": sizes.get("maxLimitOrderQty", sizes.get("maxOrderQty")),
        "min_notional": sizes.get("minNotionalValue", sizes.get("minOrderAmt")),
        # A contract of an inverse one is a dollar; sizes of linear ones are in the base currency.
        "contract_size": "1" if category == "inverse" else None,
    }
    names = ("tick", "lot", "min_size", "max_size", "min_notional", "contract_size", "status")
    keys = {name: name for name in names} | {"base": "baseCoin", "quote": "quoteCoin"}
    made = instrument(found, MARKETS[category], **keys)
    return msgspec.structs.replace(made, inverse=category == "inverse")


LIMITS = Limits(
    # Published are 500 attempts in five minutes, ten topics a request and 21,000 characters of
    # them; the others are modest guesses.
    connections=20,
    connects=Rate(500, 300.0),
    messages=Rate(50, 10.0),
    topics_per_connection=200,
    topics_per_message=10,
    topic_bytes_per_message=4096,
    message_bytes=8192,
    idle_seconds=600.0,
    lifeless_seconds=600.0,
)
_SPOT = {"base_volume_24h": "volume24h", "quote_volume_24h": "turnover24h"}
_PRICES = {"mark": "markPrice", "index": "indexPrice"}
# Sizes of inverse contracts are dollars.
_INVERSE = {"contract_volume_24h": "volume24h", "base_volume_24h": "turnover24h"}
_VOLUMES = {"spot": _SPOT, "linear": _SPOT | _PRICES, "inverse": _INVERSE | _PRICES}


def _profile(path: str, owns_symbol: Callable[[str], bool]) -> Profile:
    market = MARKETS[path]
    return Profile(
        venue="bybit",
        market=market,
        framing=Framing(
            channel_key="topic",
            channel_prefix=f"{market}/",
            separator=".",
            reply_keys=frozenset({"op", "success", "ret_msg"}),
        ),
        books=tuple(
            BookChannel(
                name=f"{market}/orderbook.{depth}",
                kind="full" if depth == 1 else "sequenced",
                window=depth,
                window_kept=depth > 1,
                unit="contracts" if path == "inverse" else "base",
                bids="b",
                asks="a",
                sequence="u",
                symbol="s",
                time="ts",
                stamped_at_send=True,
                outer_type=True,
                outer_time=True,
                update_word="delta",
                replaces=True,
                confirmed_by_connection=60.0,
            )
            for depth in _DEPTHS
        ),
        streams=(
            trade_channel(
                f"{market}/publicTrade",
                "T s S v p L i BT RPI seq mP iP mIv iv",
                symbol="s",
                price="p",
                size="v",
                time="T",
                side="S",
                trade_id="i",
            ),
            ticker_channel(
                f"{market}/tickers",
                "symbol tickDirection price24hPcnt lastPrice prevPrice24h highPrice24h lowPrice24h"
                " prevPrice1h markPrice indexPrice openInterest openInterestValue turnover24h"
                " volume24h nextFundingTime fundingRate bid1Price bid1Size ask1Price ask1Size"
                " usdIndexPrice deliveryTime basisRate deliveryFeeRate predictedDeliveryPrice",
                symbol="symbol",
                last="lastPrice",
                time="ts",
                outer_time=True,
                complete=whole_pushes(),
                make=Ticker if path == "spot" else FuturesTicker,
                fraction="price24hPcnt",
                also=lambda row: _VOLUMES[path],  # noqa: ARG005
                bid="bid1Price",
                bid_size="bid1Size",
                ask="ask1Price",
                ask_size="ask1Size",
                open_24h="prevPrice24h",
                high_24h="highPrice24h",
                low_24h="lowPrice24h",
            ),
        ),
        default_book=f"{market}/orderbook.50",
        symbols=Symbols(owns=owns_symbol, problem=_symbol_problem, check_topic=_check_topic),
        endpoint=f"{market.replace('-', '_')}_public",
        server=Server(url=f"wss://stream.bybit.com/v5/public/{path}", hosts=REGIONS),
        limits=LIMITS,
        speech=Speech(ping='{"op":"ping"}', ping_answered=True, numbered=True, encode=_encode),
        classify=_classifier(market),
        can_request=False,
        errors=Errors(judge=_judge),
    )


BYBIT_LINEAR = _profile("linear", _is_linear)
BYBIT_INVERSE = _profile("inverse", lambda symbol: bool(_DOLLARS.fullmatch(symbol)))
BYBIT_SPOT = _profile("spot", lambda symbol: True)  # noqa: ARG005
INSTRUMENTS = InstrumentList(rows=_rows, read=_instrument)
