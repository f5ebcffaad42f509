"""How the frames of Kraken, OKX and Bybit look from outside, for those who stand in between.

Knows only what this exchange writes. A place is named as BitMart's are, "kraken/book:BTC/USD",
without the depth of a channel, as BitMart's are without their speed.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["SHAPES", "Look", "Shape", "place_of"]

_DEPTH = re.compile(r"[.\d]+$")


class Look(NamedTuple):
    """What a push is about."""

    channel: str
    symbol: str
    kind: str
    """ "snapshot" or "update" of a book that is told by its changes, "" of all else."""


class Shape(NamedTuple):
    """The frames of one address."""

    market: str
    pushed: re.Pattern[str]
    """Of a push: groups "channel", "symbol" and perhaps "kind"."""
    kinds: dict[str, str]
    books: re.Pattern[str]
    """Of channels that carry books."""
    empty: str
    """How a push without levels reads."""
    ack: re.Pattern[str]
    pong: re.Pattern[str]
    named: re.Pattern[str]
    """Of the name in an acknowledgement: its second group."""
    asked: Callable[[Any], list[tuple[str, str]]]
    """(channel, symbol) of each topic that a client's message asks for."""
    acks: Callable[[Any], list[str]]
    """The acknowledgements of a client's subscription."""
    sides: dict[str, str]
    row: Callable[[Any], tuple[str, str]]
    written_row: Callable[[str, str], str]
    number: str
    """What proves a message: its number, or its checksum."""
    many: bool = True
    """Whether a push may tell of several changes."""

    def look(self, text: str) -> Look:
        """What a frame is about; nothing if it is no push."""
        match = self.pushed.match(text)
        if match is None:
            return Look("", "", "")
        found = match.groupdict()
        changes = self.books.fullmatch(found["channel"]) and found["channel"] != "orderbook.1"
        kind = self.kinds.get(found["kind"] or "", "") if changes else ""
        return Look(found["channel"], found["symbol"], kind)

    def key(self, symbol: str) -> str:
        """How the exchange calls a symbol of this address."""
        return f"{self.market}:{symbol}"

    def place(self, channel: str, symbol: str) -> str:
        """The topic of a channel, without its depth."""
        return f"{self.market}/{_DEPTH.sub('', channel)}:{symbol}"

    def topics(self, text: str) -> list[str]:
        """The places that a client's message asks for."""
        return [self.place(*topic) for topic in self._heard(text, self.asked, [])]

    def acknowledged(self, text: str) -> list[str]:
        """The acknowledgements of a client's subscription."""
        return self._heard(text, self.acks, [])

    @staticmethod
    def _heard(text: str, of: Callable[[Any], list[Any]], nothing: list[Any]) -> list[Any]:
        try:
            return of(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError):
            return nothing

    def merged(self, first: str, then: str) -> str | None:
        """Two pushes of one channel as one, in this order; None where that cannot be."""
        if not self.many or self.look(first)[:2] != self.look(then)[:2]:
            return None
        head, between, items = first.partition('"data":[')
        return f"{head}{between}{items[:-2]},{then.partition(between)[2]}"

    def renamed(self, text: str, rng: random.Random) -> str | None:
        """An acknowledgement of something that was not meant."""
        match = self.named.search(text)
        if match is None:
            return None
        name = rng.choice(("NOBODY", match[2].swapcase(), "", match[2] + "X"))
        return text[: match.start(2)] + name + text[match.end(2) :]


def place_of(key: str) -> str:
    """The place of a symbol's book, "kraken/book:BTC/USD" for "kraken:BTC/USD"."""
    market, _, symbol = key.partition(":")
    book = next(book for shape, book in _BOOKS if shape.market == market)
    return f"{market}/{book}:{symbol}"


# Kraken


def _kraken_asked(message: Any) -> list[tuple[str, str]]:
    if message["method"] != "subscribe":
        return []
    params = message["params"]
    return [(params["channel"], symbol) for symbol in params.get("symbol", ())]


def _kraken_acks(message: Any) -> list[str]:
    params, stamp = message["params"], "2026-08-16T23:37:04.849274Z"
    depth = f'"depth":{params.get("depth", 10)},' if params["channel"] == "book" else ""
    id_ = f',"req_id":{message["req_id"]}' if "req_id" in message else ""
    return [
        f'{{"method":"subscribe","result":{{"channel":"{channel}",{depth}"snapshot":true,'
        f'"symbol":"{symbol}"}},"success":true,"time_in":"{stamp}","time_out":"{stamp}"{id_}}}'
        for channel, symbol in _kraken_asked(message)
    ]


KRAKEN = Shape(
    market="kraken",
    pushed=re.compile(
        r'\{"channel":"(?P<channel>\w+)","type":"(?P<kind>\w+)","data":\[\{'
        r'"symbol":"(?P<symbol>[^"]+)"'
    ),
    kinds={"snapshot": "snapshot", "update": "update"},
    books=re.compile("book"),
    empty='"bids":[],"asks":[]',
    ack=re.compile(r'\{"method":"subscribe","result"'),
    pong=re.compile(r'\{"method":"pong"'),
    named=re.compile(r'("symbol":")([^"]+)'),
    asked=_kraken_asked,
    acks=_kraken_acks,
    sides={"bids": "bids", "asks": "asks"},
    row=lambda row: (str(row["price"]), str(row["qty"])),
    written_row=lambda price, size: f'{{"price":{price},"qty":{size}}}',
    number="checksum",
)


# OKX


def _okx_asked(message: Any) -> list[tuple[str, str]]:
    if message["op"] != "subscribe":
        return []
    return [(arg["channel"], arg["instId"]) for arg in message["args"]]


def _okx_acks(message: Any) -> list[str]:
    return [
        f'{{"event":"subscribe","arg":{{"channel":"{channel}","instId":"{symbol}"}},'
        '"connId":"a4d3ae55"}'
        for channel, symbol in _okx_asked(message)
    ]


def _orders(size: str) -> int:
    """How many orders are at a level, as if there were never several."""
    return 1 if re.search("[1-9]", size) else 0


OKX = Shape(
    market="okx",
    pushed=re.compile(
        r'\{"arg":\{"channel":"(?P<channel>[\w-]+)","instId":"(?P<symbol>[^"]+)"\},'
        r'(?:"action":"(?P<kind>\w+)",)?"data"'
    ),
    kinds={"snapshot": "snapshot", "update": "update"},
    books=re.compile("books5?|bbo-tbt"),
    empty='"asks":[],"bids":[]',
    ack=re.compile(r'\{(?:"id":"\w+",)?"event":"subscribe"'),
    pong=re.compile(r"pong$"),
    named=re.compile(r'("instId":")([^"]+)'),
    asked=_okx_asked,
    acks=_okx_acks,
    sides={"asks": "asks", "bids": "bids"},
    row=lambda row: (f'"{row[0]}"', f'"{row[1]}"'),
    written_row=lambda price, size: f'[{price},{size},"0","{_orders(size)}"]',
    number="seqId",
)


# Bybit


def _bybit_asked(message: Any) -> list[tuple[str, str]]:
    if message["op"] != "subscribe":
        return []
    return [(arg.rpartition(".")[0], arg.rpartition(".")[2]) for arg in message["args"]]


def _bybit_acks(message: Any) -> list[str]:
    id_ = json.dumps(str(message.get("req_id", "")))
    return [f'{{"success":true,"ret_msg":"","conn_id":"a4d3ae55","req_id":{id_},"op":"subscribe"}}']


def _bybit(market: str) -> Shape:
    return Shape(
        market=market,
        pushed=re.compile(
            r'\{"topic":"(?P<channel>[\w.]+)\.(?P<symbol>[^".]+)","type":"(?P<kind>\w+)"'
        ),
        kinds={"snapshot": "snapshot", "delta": "update"},
        books=re.compile(r"orderbook\.\d+"),
        empty='"b":[],"a":[]',
        ack=re.compile(r'\{"success":true,.*"op":"subscribe"\}'),
        pong=re.compile(r'\{(?:"req_id":"[^"]*",)?"op":"pong"|\{"success":true,"ret_msg":"pong"'),
        named=re.compile(r'("req_id":")([^"]*)'),
        asked=_bybit_asked,
        acks=_bybit_acks,
        sides={"bids": "b", "asks": "a"},
        row=lambda row: (f'"{row[0]}"', f'"{row[1]}"'),
        written_row=lambda price, size: f"[{price},{size}]",
        number="u",
        many=False,
    )


_BOOKS = [
    (KRAKEN, "book"),
    (OKX, "books"),
    *((_bybit(market), "orderbook") for market in ("bybit", "bybit-spot", "bybit-inverse")),
]
SHAPES: dict[str, Shape] = {shape.market: shape for shape, _ in _BOOKS}
"""By the market of an address."""
