"""Who else runs, if installed: other libraries' books, each with the best of its public API.

Versions are pinned, so that a number can be had again: `PINNED`, the same as the dependency group
`bench-peers`. Nothing here is imported before it is asked for, and what is missing is only named.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from bitmart_book.bench.contenders import Loads, typed_loads
from bitmart_book.bench.race import Sides, Top

__all__ = [
    "PINNED",
    "Ccxt",
    "CcxtHandler",
    "DepthCache",
    "Nautilus",
    "OrderBook",
    "decoders",
    "installed",
    "missing",
]

PINNED = {
    # name of the package: version, what it is imported as
    "order-book": ("1.0.2", "order_book"),  # from Python 3.12
    "nautilus_trader": ("1.231.0", "nautilus_trader"),  # from Python 3.12
    "ccxt": ("4.5.67", "ccxt"),  # the last that knows BitMart
    "python-binance": ("1.0.37", "binance"),
    "orjson": ("3.11.9", "orjson"),  # the one that this ccxt insists on
}


def installed() -> dict[str, str]:
    """Versions of the peers that are here."""
    found = {}
    for name in PINNED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def missing() -> list[str]:
    """Names of the peers that are not."""
    return [name for name in PINNED if name not in installed()]


def decoders(here: Iterable[str]) -> dict[str, Loads]:
    """General JSON decoders by name, slowest first."""
    found: dict[str, Loads] = {"json": json.loads, "msgspec": msgspec.json.decode}
    if "orjson" in here:
        import orjson

        found["orjson"] = orjson.loads
    return found


class OrderBook:
    """order-book, a book of two sorted dictionaries in C; the keys are floats."""

    def __init__(self, loads: Loads = msgspec.json.decode) -> None:
        from order_book import OrderBook as Book

        self.loads = loads
        self.books: dict[str, Any] = defaultdict(Book)
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        loads, books = self.loads, self.books
        for frame in frames:
            item = loads(frame)["data"][0]
            book = books[item["symbol"]]
            if item.get("type") != "update":
                book.bids = {float(price): float(size) for price, size in item["bids"]}
                book.asks = {float(price): float(size) for price, size in item["asks"]}
                bids, asks = book.bids, book.asks
            else:
                bids, asks = book.bids, book.asks
                for price, size in item["bids"]:
                    number = float(size)
                    if number:
                        bids[float(price)] = number
                    else:
                        key = float(price)
                        if key in bids:
                            del bids[key]
                for price, size in item["asks"]:
                    number = float(size)
                    if number:
                        asks[float(price)] = number
                    else:
                        key = float(price)
                        if key in asks:
                            del asks[key]
            self.top = bids.index(0)[0], asks.index(0)[0]

    def typed(self, frames: Iterable[bytes]) -> None:
        """The frame declared to msgspec, which makes the floats."""
        loads, books = typed_loads, self.books
        for frame in frames:
            item = loads(frame).data[0]
            book = books[item.symbol]
            if item.type == "snapshot":
                book.bids = dict(item.bids)
                book.asks = dict(item.asks)
                bids, asks = book.bids, book.asks
            else:
                bids, asks = book.bids, book.asks
                for price, size in item.bids:
                    if size:
                        bids[price] = size
                    elif price in bids:
                        del bids[price]
                for price, size in item.asks:
                    if size:
                        asks[price] = size
                    elif price in asks:
                        del asks[price]
            self.top = bids.index(0)[0], asks.index(0)[0]

    def futures(self, frames: Iterable[bytes]) -> None:
        loads, books = self.loads, self.books
        for frame in frames:
            item = loads(frame)["data"]
            book = books[item["symbol"]]
            if item["type"] == "snapshot":
                book.bids = {float(row["price"]): float(row["vol"]) for row in item["bids"]}
                book.asks = {float(row["price"]): float(row["vol"]) for row in item["asks"]}
                bids, asks = book.bids, book.asks
            else:
                bids, asks = book.bids, book.asks
                for levels, rows in ((bids, item["bids"]), (asks, item["asks"])):
                    for row in rows:
                        number = float(row["vol"])
                        if number:
                            levels[float(row["price"])] = number
                        else:
                            key = float(row["price"])
                            if key in levels:
                                del levels[key]
            self.top = bids.index(0)[0], asks.index(0)[0]

    def rows(self, messages: Iterable[Any]) -> None:
        book = self.books["BTC_USDT"]
        for kind, _version, bid_rows, ask_rows in messages:
            if kind == "snapshot":
                book.bids = {float(price): float(size) for price, size in bid_rows}
                book.asks = {float(price): float(size) for price, size in ask_rows}
            bids, asks = book.bids, book.asks
            for levels, rows in ((bids, bid_rows), (asks, ask_rows)):
                for price, size in rows:
                    number = float(size)
                    if number:
                        levels[float(price)] = number
                    else:
                        key = float(price)
                        if key in levels:
                            del levels[key]
            self.top = bids.index(0)[0], asks.index(0)[0]

    def arrays(self, messages: Iterable[Any]) -> None:
        """Rows as (n, 2) float arrays; a list is what Python walks fastest."""
        book = self.books["BTC_USDT"]
        for kind, _version, bid_rows, ask_rows in messages:
            if kind == "snapshot":
                book.bids = dict(bid_rows.tolist())
                book.asks = dict(ask_rows.tolist())
            bids, asks = book.bids, book.asks
            for levels, rows in ((bids, bid_rows), (asks, ask_rows)):
                for price, size in rows.tolist():
                    if size:
                        levels[price] = size
                    elif price in levels:
                        del levels[price]
            self.top = bids.index(0)[0], asks.index(0)[0]

    def sides(self) -> dict[str, Sides]:
        return {
            symbol: (book.bids.to_list(), book.asks.to_list())
            for symbol, book in self.books.items()
        }


class Nautilus:
    """nautilus_trader's book, in Rust behind Cython; prices are its own fixed-point objects."""

    def __init__(self, loads: Loads = msgspec.json.decode) -> None:
        from nautilus_trader.model.book import OrderBook as Book
        from nautilus_trader.model.enums import BookType
        from nautilus_trader.model.identifiers import InstrumentId

        self.loads = loads
        self.books: dict[str, Any] = {}
        self._best: tuple[Any, Any] = (None, None)
        self._new: Callable[[str], Any] = lambda symbol: Book(
            InstrumentId.from_str(f"{symbol}.BITMART"), BookType.L2_MBP
        )

    def frames(self, frames: Iterable[bytes]) -> None:
        loads = self.loads
        self.rows(
            (item.get("type"), None, item["bids"], item["asks"])
            for item in (loads(frame)["data"][0] for frame in frames)
        )

    def rows(self, messages: Iterable[Any]) -> None:
        # From floats, because from text takes twenty times as long, and to BTC_USDT's decimals.
        from nautilus_trader.model.data import BookOrder
        from nautilus_trader.model.enums import OrderSide
        from nautilus_trader.model.objects import Price, Quantity

        if "BTC_USDT" not in self.books:
            self.books["BTC_USDT"] = self._new("BTC_USDT")
        book = self.books["BTC_USDT"]
        sides = OrderSide.BUY, OrderSide.SELL
        update, delete = book.update, book.delete
        for kind, _version, bid_rows, ask_rows in messages:
            if kind == "snapshot":
                book.clear(0)
            for side, rows in zip(sides, (bid_rows, ask_rows), strict=True):
                for price, size in rows:
                    number = float(size)
                    if number:
                        update(BookOrder(side, Price(float(price), 2), Quantity(number, 5), 0), 0)
                    else:
                        delete(BookOrder(side, Price(float(price), 2), Quantity(1.0, 5), 0), 0)
            self._best = book.best_bid_price(), book.best_ask_price()

    @property
    def top(self) -> Top:
        # Its prices are left as they are while the clock runs: its own way to a float is quick but
        # may be off by one bit.
        bid, ask = self._best
        return float(str(bid)), float(str(ask))

    def sides(self) -> dict[str, Sides]:
        return {
            symbol: (
                [(float(str(level.price)), round(level.size(), 5)) for level in book.bids()],
                [(float(str(level.price)), round(level.size(), 5)) for level in book.asks()],
            )
            for symbol, book in self.books.items()
        }


class Ccxt:
    """ccxt's order book alone: two lists kept in order by bisection."""

    def __init__(self, loads: Loads = msgspec.json.decode) -> None:
        from ccxt.async_support.base.ws.order_book import OrderBook as Book

        self.loads = loads
        self.books: dict[str, Any] = defaultdict(Book)
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        loads = self.loads
        self.rows(
            (item.get("type"), None, item["bids"], item["asks"])
            for item in (loads(frame)["data"][0] for frame in frames)
        )

    def rows(self, messages: Iterable[Any]) -> None:
        book = self.books["BTC_USDT"]
        bids, asks = book["bids"], book["asks"]
        for kind, _version, bid_rows, ask_rows in messages:
            if kind == "snapshot":
                book.reset({})
            for price, size in bid_rows:
                bids.storeArray([float(price), float(size)])
            for price, size in ask_rows:
                asks.storeArray([float(price), float(size)])
            self.top = bids[0][0], asks[0][0]

    def sides(self) -> dict[str, Sides]:
        return {symbol: _ccxt_sides(book) for symbol, book in self.books.items()}


@functools.cache
def _ccxt_client() -> tuple[Any, Any]:
    """An exchange that knows its market, and a client of it that was never connected."""
    import asyncio

    import ccxt.pro

    async def make() -> tuple[Any, Any]:
        exchange = ccxt.pro.bitmart()
        market: dict[str, Any] = {
            "id": "BTC_USDT",
            "symbol": "BTC/USDT",
            "base": "BTC",
            "quote": "USDT",
        }
        market |= {"spot": True, "type": "spot", "active": True}
        exchange.set_markets([exchange.safe_market_structure(market)])
        client = exchange.client("ws://localhost/nobody")
        await exchange.close()
        return exchange, client

    return asyncio.run(make())


class CcxtHandler:
    """ccxt's whole way of a BitMart message, from what its websocket client has received."""

    def __init__(self) -> None:
        self.exchange, self.client = _ccxt_client()
        self.exchange.orderbooks = {}
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        receive, books = self.client.handle_text_or_binary_message, self.exchange.orderbooks
        for frame in frames:
            receive(frame)
            book = books["BTC/USDT"]
            self.top = book["bids"][0][0], book["asks"][0][0]

    def sides(self) -> dict[str, Sides]:
        return {"BTC_USDT": _ccxt_sides(self.exchange.orderbooks["BTC/USDT"])}


def _ccxt_sides(book: Any) -> Sides:
    return (
        [(price, size) for price, size in book["bids"]],
        [(price, size) for price, size in book["asks"]],
    )


class DepthCache:
    """python-binance's cache: dictionaries by text, sorted whenever one looks."""

    def __init__(self, loads: Loads = msgspec.json.decode) -> None:
        from binance.ws.depthcache import DepthCache as Cache

        self.loads = loads
        self._new: Callable[[str], Any] = Cache
        self.books = {"BTC_USDT": Cache("BTC_USDT")}
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        loads = self.loads
        self.rows(
            (item.get("type"), None, item["bids"], item["asks"])
            for item in (loads(frame)["data"][0] for frame in frames)
        )

    def rows(self, messages: Iterable[Any]) -> None:
        book = self.books["BTC_USDT"]
        for kind, _version, bid_rows, ask_rows in messages:
            if kind == "snapshot":
                self.books["BTC_USDT"] = book = self._new("BTC_USDT")
            add_bid, add_ask = book.add_bid, book.add_ask
            # It knows one way to write zero, and this is not BitMart's.
            for row in bid_rows:
                add_bid(row if float(row[1]) else (row[0], "0.00000000"))
            for row in ask_rows:
                add_ask(row if float(row[1]) else (row[0], "0.00000000"))
            self.top = book.get_bids()[0][0], book.get_asks()[0][0]

    def sides(self) -> dict[str, Sides]:
        book = self.books["BTC_USDT"]
        return {
            "BTC_USDT": (
                [(price, size) for price, size in book.get_bids()],
                [(price, size) for price, size in book.get_asks()],
            )
        }
