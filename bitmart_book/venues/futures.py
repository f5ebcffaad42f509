"""BitMart futures, protocols v1 and v2 (2022-10 until the venue stopped), public channels.

Pushes are `{"group": topic, "data": {...}}`, levels are objects and sizes count contracts. The
`version` of a sequenced book advances even on an empty update, where spot repeats it. `group` may
carry a speed that nobody subscribed (`@100ms`), so that what stands behind the @ says nothing.
Sources: BitMart's futures v2 API reference, "WebSocket Subscription", and a probe of the running
venue of 2026-09-23 (nemanull/arbitrage-observatory), which is believed where they differ. The
first protocol had fewer channels and fields of the same shapes; its host ended on 2024-11-30. The
channels under futures/v2/, which were acknowledged and then silent, are not here; the private
ones, on another address but with the same requests and replies, are in `futures_private`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from bitmart_book.model import (
    BookTicker,
    FundingRate,
    FuturesTicker,
    Kline,
    MarkPriceKline,
    Trade,
)
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
    rows,
    signed_or_none,
    text,
    time_or_none,
    whole,
    whole_or_none,
)

__all__ = ["DEMO_HOST", "FUTURES", "FUTURES_DEMO", "classify"]

DEMO_HOST = "openapi-wsdemo-v2.bitmart.com"

_SPEEDS = ("", "100ms", "200ms")
_STEPS = ("1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W")
# Stamps have nine digits of a fraction, which `datetime` would refuse or cut off.
_STAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z")

# The second line of each are the fields of the first protocol.
_TRADE = Fields(
    "futures/trade",
    "trade_id symbol deal_price deal_vol way m created_at"
    " contract_id type create_time create_time_mill",
)
_TICKER = Fields(
    "futures/ticker",
    "symbol last_price volume_24 range mark_price index_price ask_price ask_vol bid_price bid_vol"
    " fair_price",
)
_BOOK_TICKER = Fields(
    "futures/bookticker", "symbol best_bid_price best_bid_vol best_ask_price best_ask_vol ms_t"
)
_KLINE = Fields("futures/kline", "symbol items o h l c v ts")
_FUNDING = Fields(
    "futures/fundingRate",
    "symbol fundingRate fundingTime nextFundingRate nextFundingTime funding_upper_limit"
    " funding_lower_limit ts",
)


# --- pushes ---


def _milliseconds(stamp: object) -> int:
    parts = _STAMP.fullmatch(text(stamp))
    if parts is None:
        raise ValueError(f"expected a time in UTC, was {stamp!r}")
    seconds = int(datetime.fromisoformat(parts[1]).replace(tzinfo=UTC).timestamp())
    return seconds * 1000 + int(((parts[2] or "") + "000")[:3])


def _taker_side(row: Row) -> tuple[Literal["buy", "sell"] | None, bool]:
    # `m` (since 2025-01-16) is true when the buyer was the maker. `way` 1-4 was documented as a
    # buying taker but contradicts `m` in recorded frames, so it is only the last resort; rows of
    # 2023 have neither.
    if isinstance(row.get("m"), bool):
        return ("sell" if row.get("m") else "buy"), True
    way = row.maybe("way", whole)
    if way is None or not 1 <= way <= 8:
        return None, False
    return ("buy" if way <= 4 else "sell"), False


def _grouped(message: Mapping[str, Any]) -> str | None:
    """The symbol in the name of the group, which a row need not repeat."""
    group = message.get("group")
    return Topic.parse(group).symbol or None if isinstance(group, str) else None


def _each(fields: Fields, read: Callable[[Row], Any], message: Mapping[str, Any]) -> Decoded:
    return each(fields, read, message["data"], _grouped(message))


def _symbol(row: Row) -> str:
    if row.get("symbol") not in (None, ""):
        row.key = row.take("symbol", text)
    if row.key is None:
        raise ValueError("symbol is missing")
    return row.key


def _trade(row: Row) -> Trade:
    symbol = _symbol(row)
    side, side_known = _taker_side(row)
    return Trade(
        symbol=symbol,
        side=side,
        price=row.need("deal_price", number),
        size=row.need("deal_vol", number),
        time_ms=row.maybe("created_at", _milliseconds),
        trade_id=row.maybe("trade_id", whole_or_none),
        side_known=side_known,
    )


def _trades(message: Mapping[str, Any]) -> Decoded:
    # The newest row is first (recorded in ccxt, 2024-03), opposite to spot.
    newest_first = rows(message["data"])
    return oldest_first(each(_TRADE, _trade, newest_first[::-1], _grouped(message)))


def _ticker(row: Row) -> FuturesTicker:
    # The first protocol called the mark price the fair price.
    mark = "mark_price" if "mark_price" in row else "fair_price"
    return FuturesTicker(
        symbol=_symbol(row),
        last=row.need("last_price", number),
        bid=row.maybe("bid_price", number_or_none),
        bid_size=row.maybe("bid_vol", number_or_none),
        ask=row.maybe("ask_price", number_or_none),
        ask_size=row.maybe("ask_vol", number_or_none),
        fluctuation=row.maybe("range", signed_or_none),
        contract_volume_24h=row.maybe("volume_24", number_or_none),
        mark=row.maybe(mark, number_or_none),
        index=row.maybe("index_price", number_or_none),
    )


def _tickers(message: Mapping[str, Any]) -> Decoded:
    return _each(_TICKER, _ticker, message)


def _book_ticker(row: Row) -> BookTicker:
    return BookTicker(
        symbol=_symbol(row),
        bid=row.maybe("best_bid_price", number_or_none),
        bid_size=row.maybe("best_bid_vol", number_or_none),
        ask=row.maybe("best_ask_price", number_or_none),
        ask_size=row.maybe("best_ask_vol", number_or_none),
        time_ms=row.maybe("ms_t", time_or_none),
    )


def _book_tickers(message: Mapping[str, Any]) -> Decoded:
    return _each(_BOOK_TICKER, _book_ticker, message)


def _kline(kind: type[Kline], step: str, bar: Row) -> Kline:
    # This is the time of the push and not of the bar: the reference says so, the samples show it.
    seconds = bar.maybe("ts", whole_or_none)
    return kind(
        symbol=text(bar.key),
        step=step,
        open=bar.need("o", number),
        high=bar.need("h", number),
        low=bar.need("l", number),
        close=bar.need("c", number),
        volume=bar.need("v", number),
        push_time_ms=None if seconds is None else seconds * 1000,
    )


def _klines(kind: type[Kline], step: str, message: Mapping[str, Any]) -> Decoded:
    read = partial(_kline, kind, step)

    def bars(row: Row) -> Kline | Decoded:
        symbol = _symbol(row)
        # The reference shows a bar in `data` itself, the wire had it in a list within.
        return each(_KLINE, read, row.get("items"), symbol) if "items" in row else read(row)

    return _each(_KLINE, bars, message)


def _funding_rate(row: Row) -> FundingRate:
    return FundingRate(
        symbol=_symbol(row),
        rate=row.need("fundingRate", partial(number, signed=True)),
        time_ms=row.maybe("fundingTime", time_or_none),
        next_rate=row.maybe("nextFundingRate", signed_or_none),
        next_time_ms=row.maybe("nextFundingTime", time_or_none),
        upper_limit=row.maybe("funding_upper_limit", signed_or_none),
        lower_limit=row.maybe("funding_lower_limit", signed_or_none),
        push_time_ms=row.maybe("ts", time_or_none),
    )


def _funding_rates(message: Mapping[str, Any]) -> Decoded:
    return _each(_FUNDING, _funding_rate, message)


# --- requests and replies ---


def _encode(operation: Operation, topics: Sequence[str]) -> str:
    """The text frame of an operation on raw topics, as the futures hosts read it."""
    return json.dumps({"action": operation, "args": list(topics)}, separators=(",", ":"))


def _judge(reply: Reply) -> ErrorKind | None:
    """What an error of the futures hosts is about. They send no codes, so the words decide."""
    words = reply.message.lower()
    if "temporarily unavailable" in words:
        return ErrorKind.SERVER
    if reply.operation == "login":
        return ErrorKind.CLOCK if "timestamp" in words else ErrorKind.LOGIN
    if "need authen" in words:  # "futures/order need authenication"
        return ErrorKind.LOGIN
    if "invalid message" in words or "invalid action" in words:
        return ErrorKind.REQUEST
    if "invalid channel" in words or "not exist" in words:
        return ErrorKind.TOPIC
    return None


def classify(frame: Any) -> Reply | None:
    """What a frame of the futures hosts answers; None for a push."""
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
    if topic == Topic("futures/ticker", "", ""):
        return None  # of all symbols
    problem = symbol_problem(topic.symbol)
    if problem or "_" in topic.symbol:
        return problem or "a futures symbol has no underscore, like BTCUSDT"
    if book is None and topic.option:
        return "only depth channels take a speed"
    if topic.option not in _SPEEDS:
        return f"the speed is 100ms or 200ms, was {topic.option!r}"
    return None


def _books() -> tuple[BookChannel, ...]:
    depths = (5, 20, 50)
    # Recorded stamps stand on the grid of the pushes.
    book = partial(BookChannel, size="vol", unit="contracts", stamped_at_send=True)
    return (
        # The server keeps a window of `depth` levels: levels that enter or leave it are sent.
        *(
            book(
                name=f"futures/depthIncrease{depth}",
                kind="sequenced",
                window=depth,
                window_kept=True,
            )
            for depth in (50, 20, 5)
        ),
        *(book(name=f"futures/depthAll{depth}", kind="full", window=depth) for depth in depths),
        *(book(name=f"futures/depth{depth}", kind="one-sided", window=depth) for depth in depths),
    )


def _streams() -> tuple[StreamChannel, ...]:
    klines = (
        ("futures/klineBin", "kline", Kline),
        ("futures/markPriceKlineBin", "mark kline", MarkPriceKline),
    )
    return (
        StreamChannel(
            name="futures/trade", decode=_trades, kind="trade", trades=True, fields=(_TRADE,)
        ),
        StreamChannel(
            name="futures/ticker",
            decode=_tickers,
            kind="ticker",
            whole=("futures/ticker",),
            fields=(_TICKER,),
        ),
        StreamChannel(
            name="futures/bookticker",
            decode=_book_tickers,
            kind="book ticker",
            fields=(_BOOK_TICKER,),
        ),
        StreamChannel(
            name="futures/fundingRate",
            decode=_funding_rates,
            kind="funding",
            fields=(_FUNDING,),
        ),
        *(
            StreamChannel(
                name=f"{name}{step}",
                decode=partial(_klines, values, step),
                kind=kind,
                step=step,
                fields=(_KLINE,),
            )
            for name, kind, values in klines
            for step in _STEPS
        ),
    )


_LIMITS = Limits(
    connections=500,
    # No limit is published for attempts and messages; these are those of spot.
    connects=Rate(30, 60.0),
    messages=Rate(100, 10.0),
    # No limit is published; a probe ran this many books on one connection.
    topics_per_connection=100,
    topics_per_message=40,
    # 4,096 are documented; with more than this, forty topics would not fit into the message.
    topic_bytes_per_message=1800,
    # The probe got 2,020 bytes through and was closed (1009) for 2,186.
    message_bytes=2000,
    # The probe saw neither of the two enforced. They are documented, so they are kept.
    idle_seconds=20.0,
    lifeless_seconds=5.0,
)


_SYMBOLS = Symbols(owns=lambda symbol: "_" not in symbol, check_topic=_check_topic)


def _profile(host: str) -> Profile:
    return Profile(
        market="futures",
        framing=Framing(channel_key="group"),
        books=_books(),
        streams=_streams(),
        default_book="futures/depthIncrease50",
        symbols=_SYMBOLS,
        endpoint="futures_public",
        server=Server(url=f"wss://{host}/api?protocol=1.1"),
        limits=_LIMITS,
        speech=Speech(ping='{"action":"ping"}', ping_answered=True, encode=_encode),
        classify=classify,
        can_request=True,
        errors=Errors(judge=_judge),
    )


FUTURES = _profile("openapi-ws-v2.bitmart.com")
FUTURES_DEMO = _profile(DEMO_HOST)
