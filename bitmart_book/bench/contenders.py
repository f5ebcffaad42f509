"""Who runs: this engine, and books made of the libraries that the package itself depends on.

A contender is a class; an instance holds the books of one pass. A method is one kind of work: it
takes the frames (or rows) and does all of the work in its own loop, without a call that only the
benchmark needs. Every loop ends each frame with both best prices read as floats. The others get
less to do than the engine: they route by symbol, as it does, but check neither the sequence, nor
whether the book is crossed, nor whether a number is one, and they hold floats where it is exact.

Of ours only public names are used, as a user would.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from sortedcontainers import SortedDict

import bitmart_book as bb
from bitmart_book.bench.race import Sides, Top

__all__ = ["Engine", "EngineWithClock", "Plain", "Sorted", "TypedFrame", "typed_loads"]

Loads = Callable[[bytes], Any]


class Engine:
    """This engine, with every check on. One read of a best price checks the book's state."""

    def __init__(
        self, symbol: str = "BTC_USDT", channel: str | None = None, **options: Any
    ) -> None:
        self.engine = bb.Engine(**options)
        self.book = self.engine.book(symbol, channel=channel)
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        """Raw frames of one symbol, whose book the caller holds."""
        apply, book, bid, ask = self.engine.apply, self.book, None, None
        for frame in frames:
            apply(frame)
            bid, ask = book.best_bid_price, book.best_ask_price
        self.top = bid, ask

    def many(self, frames: Iterable[bytes]) -> None:
        """Raw frames of many symbols: the engine says which books changed."""
        engine, apply, bid, ask = self.engine, self.engine.apply, None, None
        for frame in frames:
            apply(frame)
            for book in engine.touched:
                bid, ask = book.best_bid_price, book.best_ask_price
        self.top = bid, ask

    def rows(self, messages: Iterable[Any]) -> None:
        """Rows that are Python objects already: the book alone, by hand."""
        book, bid, ask = self.book, None, None
        for kind, version, bids, asks in messages:
            if kind == "snapshot":
                book.apply_snapshot(bids, asks, version)
            else:
                book.apply_delta(bids, asks, version)
            bid, ask = book.best_bid_price, book.best_ask_price
        self.top = bid, ask

    def sides(self) -> dict[str, Sides]:
        return {
            book.symbol: (
                [(level.price, level.size) for level in book.bids],
                [(level.price, level.size) for level in book.asks],
            )
            for book in self.engine.books
            if book.state == bb.BookState.LIVE
        }


class EngineWithClock(Engine):
    """The same where a book that is not confirmed in time refuses to be read."""

    def __init__(self) -> None:
        super().__init__(clock="monotonic", valid_for=3600.0)


class Plain:
    """Two dictionaries for a symbol; the best price is searched when it is read."""

    def __init__(self, loads: Loads = msgspec.json.decode) -> None:
        self.loads = loads
        self.books: dict[str, tuple[dict[float, float], dict[float, float]]]
        self.books = defaultdict(lambda: ({}, {}))
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        loads, books = self.loads, self.books
        for frame in frames:
            item = loads(frame)["data"][0]
            bids, asks = books[item["symbol"]]
            # A channel of whole views says no type.
            if item.get("type") != "update":
                bids.clear()
                asks.clear()
            for price, size in item["bids"]:
                number = float(size)
                if number:
                    bids[float(price)] = number
                else:
                    bids.pop(float(price), None)
            for price, size in item["asks"]:
                number = float(size)
                if number:
                    asks[float(price)] = number
                else:
                    asks.pop(float(price), None)
            self.top = max(bids, default=None), min(asks, default=None)

    def futures(self, frames: Iterable[bytes]) -> None:
        loads, books = self.loads, self.books
        for frame in frames:
            item = loads(frame)["data"]
            bids, asks = books[item["symbol"]]
            if item["type"] == "snapshot":
                bids.clear()
                asks.clear()
            for levels, rows in ((bids, item["bids"]), (asks, item["asks"])):
                for row in rows:
                    number = float(row["vol"])
                    if number:
                        levels[float(row["price"])] = number
                    else:
                        levels.pop(float(row["price"]), None)
            self.top = max(bids, default=None), min(asks, default=None)

    def rows(self, messages: Iterable[Any]) -> None:
        bids, asks = self.books["BTC_USDT"]
        for kind, _version, bid_rows, ask_rows in messages:
            if kind == "snapshot":
                bids.clear()
                asks.clear()
            for levels, rows in ((bids, bid_rows), (asks, ask_rows)):
                for price, size in rows:
                    number = float(size)
                    if number:
                        levels[float(price)] = number
                    else:
                        levels.pop(float(price), None)
            self.top = max(bids, default=None), min(asks, default=None)

    def sides(self) -> dict[str, Sides]:
        return {
            symbol: (sorted(bids.items(), reverse=True), sorted(asks.items()))
            for symbol, (bids, asks) in self.books.items()
        }


class TypedItem(msgspec.Struct, gc=False):
    """One book in a spot frame; msgspec makes floats of the quoted numbers, in C."""

    symbol: str
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    type: str = "snapshot"


class TypedFrame(msgspec.Struct, gc=False):
    """A spot book frame, declared."""

    data: list[TypedItem]


typed_loads = msgspec.json.Decoder(TypedFrame, strict=False).decode


def _sorted_sides() -> tuple[Any, Any, Any, Any]:
    bids, asks = SortedDict(), SortedDict()
    return bids, asks, bids.keys(), asks.keys()


class Sorted:
    """Two SortedDicts for a symbol, the bids by negated price, so that the best is the first."""

    def __init__(self, loads: Loads = msgspec.json.decode) -> None:
        self.loads = loads
        self.books: dict[str, tuple[Any, Any, Any, Any]] = defaultdict(_sorted_sides)
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        loads, books = self.loads, self.books
        for frame in frames:
            item = loads(frame)["data"][0]
            bids, asks, bid_prices, ask_prices = books[item["symbol"]]
            if item.get("type") != "update":
                bids.clear()
                asks.clear()
                bids.update({-float(price): float(size) for price, size in item["bids"]})
                asks.update({float(price): float(size) for price, size in item["asks"]})
            else:
                for price, size in item["bids"]:
                    number = float(size)
                    if number:
                        bids[-float(price)] = number
                    else:
                        bids.pop(-float(price), None)
                for price, size in item["asks"]:
                    number = float(size)
                    if number:
                        asks[float(price)] = number
                    else:
                        asks.pop(float(price), None)
            self.top = -bid_prices[0], ask_prices[0]

    def typed(self, frames: Iterable[bytes]) -> None:
        loads, books = typed_loads, self.books
        for frame in frames:
            item = loads(frame).data[0]
            bids, asks, bid_prices, ask_prices = books[item.symbol]
            if item.type == "snapshot":
                bids.clear()
                asks.clear()
                bids.update({-price: size for price, size in item.bids})
                asks.update(item.asks)
            else:
                for price, size in item.bids:
                    if size:
                        bids[-price] = size
                    else:
                        bids.pop(-price, None)
                for price, size in item.asks:
                    if size:
                        asks[price] = size
                    else:
                        asks.pop(price, None)
            self.top = -bid_prices[0], ask_prices[0]

    def rows(self, messages: Iterable[Any]) -> None:
        bids, asks, bid_prices, ask_prices = self.books["BTC_USDT"]
        for kind, _version, bid_rows, ask_rows in messages:
            if kind == "snapshot":
                bids.clear()
                asks.clear()
            for price, size in bid_rows:
                number = float(size)
                if number:
                    bids[-float(price)] = number
                else:
                    bids.pop(-float(price), None)
            for price, size in ask_rows:
                number = float(size)
                if number:
                    asks[float(price)] = number
                else:
                    asks.pop(float(price), None)
            self.top = -bid_prices[0], ask_prices[0]

    def arrays(self, messages: Iterable[Any]) -> None:
        bids, asks, bid_prices, ask_prices = self.books["BTC_USDT"]
        for kind, _version, bid_rows, ask_rows in messages:
            if kind == "snapshot":
                bids.clear()
                asks.clear()
            for price, size in bid_rows.tolist():
                if size:
                    bids[-price] = size
                else:
                    bids.pop(-price, None)
            for price, size in ask_rows.tolist():
                if size:
                    asks[price] = size
                else:
                    asks.pop(price, None)
            self.top = -bid_prices[0], ask_prices[0]

    def sides(self) -> dict[str, Sides]:
        return {
            symbol: ([(-price, size) for price, size in bids.items()], list(asks.items()))
            for symbol, (bids, asks, _, _) in self.books.items()
        }
