"""BitMart's first feeds: openws.bitmart.com (2018-07-31 to 2020) and the one before it.

Pushes are `{"subscribe": topic, "symbol": s, "data": {...}}`; books are full pictures without any
counter or stamp. The feed before, ws.bitmart.com, named symbols by number and had other fields;
its pushes are decoded too, for captures that hold them, but no request is worded for it. Source:
bitmartexchange/bitmart-official-api-docs at 3a34b0e, WEBSOCKET.md, websocket/ and discard/. There
was never a private part.

Our topics are `legacy/` and the venue's word, with the precision (decimals that prices are grouped
to) or the step (minutes) as option: `legacy/depth:BMX_ETH@6`, `legacy/kline:BMX_ETH@15`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, DivisionByZero, InvalidOperation
from functools import partial
from typing import Any, Literal

from bitmart_book.model import Kline, Ticker, Trade
from bitmart_book.venues.profile import (
    BookChannel,
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
    taker_side,
    text,
    whole,
    whole_or_none,
)

__all__ = ["LEGACY"]

_PREFIX = "legacy/"
_PRECISION = re.compile(r"0|[1-9][0-9]?")
_STEPS = frozenset(map(str, (1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1440, 10080, 43200)))
# The book is the one topic with two names: it is asked for as `order` and pushed as `depth`.
_WIRE_REQUEST = {"depth": "order"}
_WIRE_PUSH = {"order": "depth"}
# Which key of a request the option of a topic fills.
_OPTION = {"depth": "precision", "trade": "precision", "kline": "step"}
# A stamp below this is in seconds: as milliseconds it would be of before 1974.
_LEAST_MS = 10**11
# A context of its own, because the user's may round differently or raise on rounding.
_QUOTIENT = Context(prec=28, traps=[DivisionByZero, InvalidOperation])

_TRADE = Fields("legacy/trade", "side isBuy amount price count time")
_PRICE = Fields(
    "legacy/price",
    "open_price highest_price lowest_price volume current_price fluctuation rate timestamp"
    " o h l v c s increase sign",
)
_KLINE = Fields(
    "legacy/kline",
    "open_price highest_price lowest_price volume current_price timestamp o h l v c t",
)


# --- pushes ---


def _symbol(message: Mapping[str, Any]) -> str:
    symbol = message["symbol"]
    # The oldest feed numbered its symbols.
    return text(symbol) if isinstance(symbol, str) else str(whole(symbol))


def _data(message: Mapping[str, Any]) -> Mapping[str, Any]:
    data = message["data"]
    if not isinstance(data, dict):
        raise TypeError(f"data must be an object, was {str(data)[:80]!r}")
    return data


def _side(row: Row) -> Literal["buy", "sell"] | None:
    if "side" in row:
        return row.maybe("side", taker_side)
    # As documented for the oldest feed: 0 is a buy and 1 is a sell.
    return row.maybe("isBuy", lambda value: taker_side({0: "buy", 1: "sell"}.get(whole(value))))


def _size(row: Row, price: Decimal) -> Decimal:
    # The documentation calls `amount` the quantity. But in all of its rows, and in recorded ones,
    # `amount` is price times `count`, cut to eight decimals: the value in the quote currency.
    if "isBuy" not in row:
        return row.need("count", number)
    # The oldest feed sent no `count`. That its `amount` is a value too shows in its samples:
    # divided by the price, all 15 rows give a size of two decimals, one of them the best ask of
    # the book beside it. Where the venue cut the value, the quotient is as near as can be known.
    return _QUOTIENT.divide(row.need("amount", number), price)


def _trade(row: Row) -> Trade:
    price, time, side = row.need("price", number), row.maybe("time", whole_or_none), _side(row)
    if time is not None and time < _LEAST_MS:
        # The oldest feed documents seconds and shows milliseconds.
        time *= 1000
    return Trade(
        symbol=text(row.key),
        side=side,
        price=price,
        size=_size(row, price),
        time_ms=time,
        side_known=side is not None,
    )


def _trades(message: Mapping[str, Any]) -> Decoded:
    # The newest row is first. Whether later pushes repeat rows of earlier ones is not documented.
    newest_first = rows(_data(message)["trades"])
    return oldest_first(each(_TRADE, _trade, newest_first[::-1], _symbol(message)))


def _ticker(row: Row) -> Ticker | Decoded:
    if row.get("s") == "no_data":
        return Decoded([], [])
    # The documentation does not say what `volume` counts. It must be the quote currency: as a
    # quantity, the whole day in the sample would be smaller than one trade in the sample beside it.
    if "c" in row:
        last, first, high, low, volume, stamp = "c", "o", "h", "l", "v", ""
    else:
        last, first, high, low = "current_price", "open_price", "highest_price", "lowest_price"
        volume, stamp = "volume", "timestamp"
    return Ticker(
        symbol=text(row.key),
        last=row.need(last, number),
        open_24h=row.maybe(first, number_or_none),
        high_24h=row.maybe(high, number_or_none),
        low_24h=row.maybe(low, number_or_none),
        quote_volume_24h=row.maybe(volume, number_or_none),
        fluctuation=row.maybe("fluctuation", signed_or_none),
        time_ms=row.maybe(stamp, whole_or_none),
    )


def _tickers(message: Mapping[str, Any]) -> Decoded:
    return each(_PRICE, _ticker, _data(message), _symbol(message))


def _kline(step: str, row: Row) -> Kline:
    if "c" in row:
        # Whether `t` is the start of the bar is not documented. In the sample it is no multiple of
        # the step, and so it is read like the stamp of the later feed.
        first, high, low, last, volume, stamp = "o", "h", "l", "c", "v", "t"
    else:
        first, high, low, last = "open_price", "highest_price", "lowest_price", "current_price"
        # In the sample this is the very stamp of the price that was pushed at that moment.
        volume, stamp = "volume", "timestamp"
    time = row.maybe(stamp, whole_or_none)
    return Kline(
        symbol=text(row.key),
        step=step,
        open=row.need(first, number),
        high=row.need(high, number),
        low=row.need(low, number),
        close=row.need(last, number),
        volume=row.need(volume, number),
        push_time_ms=time * 1000 if time is not None and "c" in row else time,
    )


def _klines(message: Mapping[str, Any]) -> Decoded:
    # The step is asked for as a number and answered as text; the oldest feed answered with a number
    # or "1d".
    step = message["step"]
    step = text(step) if isinstance(step, str) else str(whole(step))
    return each(_KLINE, partial(_kline, step), _data(message), _symbol(message))


# --- requests and replies ---


def _encode(operation: Operation, topics: Sequence[str]) -> str:
    (topic,) = topics
    if operation == "request":
        raise ValueError("the legacy feed has no requests")
    channel, symbol, option = Topic.parse(topic)
    name = channel.removeprefix(_PREFIX)
    words: dict[str, str | int] = {operation: _WIRE_REQUEST.get(name, name), "symbol": symbol}
    if name == "kline":
        option = option or "1"
    if option:
        words[_OPTION[name]] = int(option)
    return json.dumps(words, separators=(",", ":"))


def _classify(frame: Any) -> Reply | None:
    if not isinstance(frame, dict):
        return None
    if "message" in frame:
        # No more is documented: an error has no code, and does not say which request it is about.
        return Reply(kind="error", message=str(frame["message"] or ""))
    if frame.get("subscribe") == "pong":
        return Reply(kind="pong")
    if "data" in frame:
        return None
    # WEBSOCKET.md tells of a "subscription message" that repeats the request. No record of one
    # was found, so nothing waits for it.
    for operation in ("subscribe", "unsubscribe"):
        name, symbol = frame.get(operation), frame.get("symbol")
        if isinstance(name, str) and isinstance(symbol, str):
            name = _WIRE_PUSH.get(name, name)
            option = frame.get(_OPTION.get(name, ""))
            topic = f"{_PREFIX}{name}:{symbol}" + ("" if option is None else f"@{option}")
            return Reply(kind="ack", operation=operation, topic=topic)
    return None


def _check_topic(topic: Topic) -> str | None:
    name = topic.channel.removeprefix(_PREFIX)
    if LEGACY.book(topic.channel) is None and LEGACY.stream(topic.channel) is None:
        return f"the legacy feed has no channel {topic.channel!r}"
    problem = symbol_problem(topic.symbol)
    if problem:
        return problem
    if not topic.option:
        return None
    if name not in _OPTION:
        return f"{topic.channel} takes no option behind an @"
    if _OPTION[name] == "step" and topic.option not in _STEPS:
        return f"the step is one of {', '.join(sorted(_STEPS, key=int))} minutes"
    if _OPTION[name] == "precision" and not _PRECISION.fullmatch(topic.option):
        return f"the precision is a number of decimals, was {topic.option!r}"
    return None


LEGACY = Profile(
    market="legacy",
    framing=Framing(channel_key="subscribe", channel_prefix=_PREFIX, symbol_key="symbol"),
    books=(
        # `total` is a running sum on the later feed and unexplained on the oldest: not read. The
        # samples hold 20 levels a side, those of the oldest feed 29; neither is documented, nor
        # that a push replaces the book, but nothing in it could say what it leaves alone.
        BookChannel(
            name="legacy/depth",
            kind="full",
            window=20,
            bids="buys",
            asks="sells",
            price="price",
            size="amount",
        ),
    ),
    streams=(
        StreamChannel(
            name="legacy/trade", decode=_trades, kind="trade", trades=True, fields=(_TRADE,)
        ),
        StreamChannel(name="legacy/price", decode=_tickers, kind="ticker", fields=(_PRICE,)),
        StreamChannel(name="legacy/kline", decode=_klines, kind="kline", fields=(_KLINE,)),
    ),
    default_book="legacy/depth",
    symbols=Symbols(
        # Its symbols are spelled like those of spot, which bare symbols mean.
        owns=lambda symbol: False,  # noqa: ARG005
        check_topic=_check_topic,
    ),
    endpoint="legacy",
    server=Server(url="wss://openws.bitmart.com"),
    limits=Limits(
        connects=Rate(1, 4.0),
        lifeless_seconds=5.0,
        # The rest is not documented. Chosen well below what later feeds allow: no client is known
        # to have needed more.
        connections=5,
        messages=Rate(20, 10.0),
        topics_per_connection=50,
        topics_per_message=1,
        topic_bytes_per_message=128,
        message_bytes=256,
        idle_seconds=20.0,
    ),
    speech=Speech(ping='{"subscribe":"ping"}', ping_answered=True, encode=_encode),
    classify=_classify,
    can_request=False,
)
