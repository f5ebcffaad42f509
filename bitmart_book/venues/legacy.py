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
from typing import Any, Literal

from bitmart_book.model import Kline, Ticker, Trade
from bitmart_book.venues.profile import (
    BookChannel,
    Limits,
    Operation,
    Profile,
    Rate,
    Reply,
    StreamChannel,
    Topic,
)
from bitmart_book.venues.values import (
    Fields,
    number,
    number_or_none,
    oldest_first,
    rows,
    text,
    whole,
    whole_or_none,
)

__all__ = ["LEGACY"]

_PREFIX = "legacy/"
_SYMBOL = re.compile(r"[A-Za-z0-9_]{1,41}")
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


def _side(row: Mapping[str, Any]) -> Literal["buy", "sell"]:
    if "side" in row:
        side = row["side"]
    else:
        # As documented for the oldest feed: 0 is a buy and 1 is a sell.
        side = {0: "buy", 1: "sell"}.get(whole(row["isBuy"]))
    if side == "buy":
        return "buy"
    if side == "sell":
        return "sell"
    raise ValueError(f"side must be buy or sell, was {str(side)[:80]!r}")


def _size(row: Mapping[str, Any], price: Decimal) -> Decimal:
    # The documentation calls `amount` the quantity. But in all of its rows, and in recorded ones,
    # `amount` is price times `count`, cut to eight decimals: the value in the quote currency.
    if "isBuy" not in row:
        return number(row["count"])
    # The oldest feed sent no `count`. That its `amount` is a value too shows in its samples:
    # divided by the price, all 15 rows give a size of two decimals, one of them the best ask of
    # the book beside it. Where the venue cut the value, the quotient is as near as can be known.
    return _QUOTIENT.divide(number(row["amount"]), price)


def _trade(symbol: str, row: Mapping[str, Any]) -> Trade:
    _TRADE.see(row)
    price = number(row["price"])
    time = whole(row["time"])
    return Trade(
        symbol=symbol,
        side=_side(row),
        price=price,
        size=_size(row, price),
        # The oldest feed documents seconds and shows milliseconds.
        time_ms=time if time >= _LEAST_MS else time * 1000,
    )


def _trades(message: Mapping[str, Any]) -> list[Trade]:
    # The newest row is first. Whether later pushes repeat rows of earlier ones is not documented.
    symbol = _symbol(message)
    return oldest_first([_trade(symbol, row) for row in reversed(rows(_data(message)["trades"]))])


def _tickers(message: Mapping[str, Any]) -> list[Ticker]:
    symbol, data = _symbol(message), _data(message)
    _PRICE.see(data)
    if data.get("s") == "no_data":
        return []
    # The documentation does not say what `volume` counts. It must be the quote currency: as a
    # quantity, the whole day in the sample would be smaller than one trade in the sample beside it.
    if "c" in data:
        return [
            Ticker(
                symbol=symbol,
                last=number(data["c"]),
                open_24h=number_or_none(data.get("o")),
                high_24h=number_or_none(data.get("h")),
                low_24h=number_or_none(data.get("l")),
                quote_volume_24h=number_or_none(data.get("v")),
                fluctuation=number_or_none(data.get("fluctuation"), signed=True),
            )
        ]
    return [
        Ticker(
            symbol=symbol,
            last=number(data["current_price"]),
            open_24h=number_or_none(data.get("open_price")),
            high_24h=number_or_none(data.get("highest_price")),
            low_24h=number_or_none(data.get("lowest_price")),
            quote_volume_24h=number_or_none(data.get("volume")),
            fluctuation=number_or_none(data.get("fluctuation"), signed=True),
            time_ms=whole_or_none(data.get("timestamp")),
        )
    ]


def _klines(message: Mapping[str, Any]) -> list[Kline]:
    symbol, data = _symbol(message), _data(message)
    _KLINE.see(data)
    # The step is asked for as a number and answered as text; the oldest feed answered with a number
    # or "1d".
    step = message["step"]
    step = text(step) if isinstance(step, str) else str(whole(step))
    if "c" in data:
        # Whether `t` is the start of the bar is not documented. In the sample it is no multiple of
        # the step, and so it is read like the stamp of the later feed.
        seconds = whole_or_none(data.get("t"))
        return [
            Kline(
                symbol=symbol,
                step=step,
                open=number(data["o"]),
                high=number(data["h"]),
                low=number(data["l"]),
                close=number(data["c"]),
                volume=number(data["v"]),
                push_time_ms=None if seconds is None else seconds * 1000,
            )
        ]
    return [
        Kline(
            symbol=symbol,
            step=step,
            open=number(data["open_price"]),
            high=number(data["highest_price"]),
            low=number(data["lowest_price"]),
            close=number(data["current_price"]),
            volume=number(data["volume"]),
            # In the sample this is the very stamp of the price that was pushed at that moment.
            push_time_ms=whole_or_none(data.get("timestamp")),
        )
    ]


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
    if not _SYMBOL.fullmatch(topic.symbol):
        return "a symbol is 1 to 41 letters, digits and underscores, like BMX_ETH"
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
    channel_key="subscribe",
    channel_prefix=_PREFIX,
    symbol_key="symbol",
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
    # Its symbols are spelled like those of spot, which bare symbols mean.
    owns_symbol=lambda symbol: False,  # noqa: ARG005
    endpoint="legacy",
    url="wss://openws.bitmart.com",
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
    ping='{"subscribe":"ping"}',
    ping_answered=True,
    encode=_encode,
    classify=_classify,
    check_topic=_check_topic,
    can_request=False,
    acks=False,
)
