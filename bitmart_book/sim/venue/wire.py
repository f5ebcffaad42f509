"""The words of BitMart's spot v1.1 and gen-1 feeds, as the server speaks them.

Every frame is a literal of the documented or recorded shape with its values put in; which value
goes where and when is somebody else's business. Nothing here is shared with the client's
decoders, so that the two cannot agree on the same mistake.

Sources: BitMart's spot API reference, "WebSocket Subscription"; bitmart-official-api-docs (2020),
`WEBSOCKET.md`; recorded frames published by users.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

__all__ = [
    "ERROR_MESSAGES",
    "BookRow",
    "Numbers",
    "ack",
    "bar_frame",
    "book_ticker",
    "depth_full",
    "depth_increase",
    "error",
    "kline",
    "legacy_depth",
    "legacy_error",
    "legacy_kline",
    "legacy_price",
    "legacy_trade",
    "padded",
    "ticker",
    "trade",
]

NumberFormat = Literal["mixed", "padded", "stripped"]

ERROR_MESSAGES = {
    # 90004, 91002, 91011, 92001 in BitMart's words; the others paraphrase its table of codes.
    "90001": "Invalid message format",
    "90002": "Invalid op param",
    "90003": "Invalid args param",
    "90004": "Invalid channel param",
    "90005": "Too many topics in one message",
    "90006": "Too many topics on this connection",
    "90007": "Too many messages",
    "90008": "Duplicate subscription",
    "91001": "Param key is empty",
    "91002": "API KEY not found",
    "91005": "Already logged in",
    "91006": "Not logged in",
    "91010": "Param sign is empty",
    "91011": "Param sign is wrong",
    "91021": "Param timestamp is empty",
    "91022": "Param timestamp is outside of one minute",
    "91023": "Param timestamp has a wrong format",
    "92001": "Invalid symbol param",
}


def padded(units: int, decimals: int) -> str:
    """A number with all its decimals: `padded(2030, 2) == "20.30"`."""
    if units < 0:
        return "-" + padded(-units, decimals)
    if not decimals:
        return str(units)
    whole, part = divmod(units, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"


def stripped(units: int, decimals: int) -> str:
    """A number without superfluous zeros: `stripped(2030, 2) == "20.3"`."""
    text = padded(units, decimals)
    return text.rstrip("0").rstrip(".") if decimals else text


class Numbers:
    """Writes the numbers of one symbol: the wire has "23200" beside "28000.00", "71291.2" too.

    In the mixed format about a quarter of the prices and an eighth of the sizes lose their zeros,
    the same price not always: a level is a number, not a text.
    """

    _MOST_PRICES = 50_000

    def __init__(self, price_decimals: int, size_decimals: int, form: NumberFormat) -> None:
        self.price_decimals = price_decimals
        self.size_decimals = size_decimals
        self._form = form
        self._prices: dict[int, tuple[str, str]] = {}
        self._zeros = ("0", padded(0, size_decimals))

    def row(self, price: int, size: int) -> str:
        """A level or a deletion: `["23200","0.69959"]`."""
        texts = self._prices.get(price)
        if texts is None:
            texts = self._price_texts(price)
        form = self._form
        if form != "mixed":
            plain = form == "stripped"
            return f'["{texts[plain]}","{self.size(size)}"]'
        choice = price ^ size
        if not size:
            return f'["{texts[choice & 3 == 0]}","{self._zeros[choice & 1]}"]'
        decimals = self.size_decimals
        if choice & 28 == 0:
            text = stripped(size, decimals)
        elif decimals:
            whole, part = divmod(size, 10**decimals)
            text = f"{whole}.{part:0{decimals}d}"
        else:
            text = str(size)
        return f'["{texts[choice & 3 == 0]}","{text}"]'

    def price(self, price: int) -> str:
        """A price outside of a level."""
        texts = self._prices.get(price) or self._price_texts(price)
        return texts[price & 3 == 0 if self._form == "mixed" else self._form == "stripped"]

    def size(self, size: int) -> str:
        """A size outside of a level."""
        plain = size & 7 == 0 if self._form == "mixed" else self._form == "stripped"
        return (stripped if plain else padded)(size, self.size_decimals)

    def rows(self, levels: Iterable[tuple[int, int]]) -> str:
        """A side: `["23200","0.69959"],["28000.00","0.20000"]`."""
        row = self.row
        return ",".join([row(price, size) for price, size in levels])

    def _price_texts(self, price: int) -> tuple[str, str]:
        if len(self._prices) >= self._MOST_PRICES:
            self._prices.clear()
        text = padded(price, self.price_decimals), stripped(price, self.price_decimals)
        self._prices[price] = text
        return text


# Spot v1.1: replies


def ack(event: str, topic: str, *, topic_first: bool) -> str:
    """Both orders of the keys are on record."""
    if topic_first:
        return f'{{"topic":"{topic}","event":"{event}"}}'
    return f'{{"event":"{event}","topic":"{topic}"}}'


def error(event: str | None, code: str, *, event_first: bool) -> str:
    """The code is a string. Without `event` where the server could not tell the operation."""
    message = ERROR_MESSAGES[code]
    if event is None:
        return f'{{"errorMessage":"{message}","errorCode":"{code}"}}'
    # The event may hold a topic in the client's own words.
    quoted = json.dumps(event)
    if event_first:
        return f'{{"event":{quoted},"errorCode":"{code}","errorMessage":"{message}"}}'
    return f'{{"errorMessage":"{message}","errorCode":"{code}","event":{quoted}}}'


# Spot v1.1: pushes. `asks` and `bids` are rows as `Numbers.rows` writes them.


def depth_increase(kind: str, symbol: str, version: int, time_ms: int, bids: str, asks: str) -> str:
    """`kind` is "snapshot" or "update"; the heartbeat is an update with empty sides."""
    return (
        f'{{"data":[{{"asks":[{asks}],"bids":[{bids}],"ms_t":{time_ms},"symbol":"{symbol}",'
        f'"type":"{kind}","version":{version}}}],"table":"spot/depth/increase100"}}'
    )


def depth_full(table: str, symbol: str, time_ms: int, bids: str, asks: str) -> str:
    """`table` is "spot/depth5", "spot/depth20" or "spot/depth50"."""
    return (
        f'{{"data":[{{"asks":[{asks}],"bids":[{bids}],"ms_t":{time_ms},"symbol":"{symbol}"}}],'
        f'"table":"{table}"}}'
    )


def trade(
    symbol: str, rows: Iterable[tuple[str, str, str, int]], seconds: Callable[[int], str]
) -> str:
    """Rows of (price, size, side of the taker, milliseconds), oldest first."""
    data = ",".join(
        f'{{"ms_t":{time_ms},"price":"{price}",{seconds(time_ms)}"side":"{side}",'
        f'"size":"{size}","symbol":"{symbol}"}}'
        for price, size, side, time_ms in rows
    )
    return f'{{"data":[{data}],"table":"spot/trade"}}'


def ticker(symbol: str, time_ms: int, seconds: str, values: dict[str, str]) -> str:
    """`values` are those of the documented frame by name; `seconds` is `"s_t":N,` or nothing."""
    return (
        f'{{"data":[{{"ask_px":"{values["ask_px"]}","ask_sz":"{values["ask_sz"]}",'
        f'"base_volume_24h":"{values["base_volume_24h"]}","bid_px":"{values["bid_px"]}",'
        f'"bid_sz":"{values["bid_sz"]}","fluctuation":"{values["fluctuation"]}",'
        f'"high_24h":"{values["high_24h"]}","last_price":"{values["last_price"]}",'
        f'"low_24h":"{values["low_24h"]}","ms_t":{time_ms},"open_24h":"{values["open_24h"]}",'
        f'"quote_volume_24h":"{values["quote_volume_24h"]}",{seconds}"symbol":"{symbol}"}}],'
        f'"table":"spot/ticker"}}'
    )


def book_ticker(symbol: str, time_ms: int, bid: tuple[str, str], ask: tuple[str, str]) -> str:
    """The best price and size of each side."""
    return (
        f'{{"data":[{{"ask_px":"{ask[0]}","ask_sz":"{ask[1]}","bid_px":"{bid[0]}",'
        f'"bid_sz":"{bid[1]}","ms_t":{time_ms},"symbol":"{symbol}"}}],"table":"spot/bookTicker"}}'
    )


def kline(table: str, symbol: str, open_time_s: int, values: Sequence[str]) -> str:
    """`values` are open, high, low, close and base volume."""
    texts = ",".join(f'"{value}"' for value in values)
    return (
        f'{{"data":[{{"candle":[{open_time_s},{texts}],"symbol":"{symbol}"}}],"table":"{table}"}}'
    )


# Gen-1


class BookRow(NamedTuple):
    """A level of the legacy book; `total` is the running sum of the amounts."""

    price: str
    amount: str
    total: str
    orders: int


def legacy_depth(
    symbol: str, precision: int, buys: Iterable[BookRow], sells: Iterable[BookRow]
) -> str:
    """Asked for as "order", answered as "depth"."""
    sides = [
        ",".join(
            f'{{"amount":"{row.amount}","total":"{row.total}","price":"{row.price}",'
            f'"count":"{row.orders}"}}'
            for row in side
        )
        for side in (buys, sells)
    ]
    return (
        f'{{"subscribe":"depth","symbol":"{symbol}","precision":{precision},'
        f'"data":{{"buys":[{sides[0]}],"sells":[{sides[1]}]}}}}'
    )


def legacy_trade(
    symbol: str, precision: int, rows: Iterable[tuple[str, str, str, str, int]]
) -> str:
    """Rows of (side, amount, price, count, milliseconds), newest first; `count` is the base."""
    data = ",".join(
        f'{{"side":"{side}","amount":"{amount}","price":"{price}","count":"{count}",'
        f'"time":{time_ms}}}'
        for side, amount, price, count, time_ms in rows
    )
    return (
        f'{{"subscribe":"trade","precision":{precision},"symbol":"{symbol}",'
        f'"data":{{"trades":[{data}]}}}}'
    )


def bar_frame(values: Sequence[str]) -> str:
    """The five numbers that the legacy price and kline share: open, high, low, volume, current."""
    names = ("open_price", "highest_price", "lowest_price", "volume", "current_price")
    return ",".join(f'"{name}":"{value}"' for name, value in zip(names, values, strict=True))


def legacy_price(symbol: str, bar: str, fluctuation: str, rate: str, time_ms: int) -> str:
    """`fluctuation` has its sign always; `rate` is a text like "0.05 USD"."""
    return (
        f'{{"subscribe":"price","symbol":"{symbol}","data":{{{bar},'
        f'"fluctuation":"{fluctuation}","rate":"{rate}","timestamp":{time_ms}}}}}'
    )


def legacy_kline(symbol: str, step: int, bar: str, time_ms: int) -> str:
    """The step was asked for as a number and is answered as a text."""
    return (
        f'{{"subscribe":"kline","symbol":"{symbol}","step":"{step}",'
        f'"data":{{{bar},"timestamp":{time_ms}}}}}'
    )


def legacy_error(message: str) -> str:
    """Only the presence of `message` is documented."""
    return json.dumps({"message": message}, separators=(",", ":"))
