"""Bytes to best prices of Kraken, OKX and Bybit, beside `orjson` and `order-book`, on real frames.

`python -m benchmarks.venues FOLDER` takes the recorded streams in that folder (they are no part of
the project), of each the symbol that says most, and prints microseconds a frame, the ratios, and
what one checksum costs. All who run take turns in one process; before a number is printed each has
named the same best prices as a plain dictionary after each of the first frames, and the same levels
at the end. The least time counts. OKX's checksums are set to 0, as they are since 2026-06.

* `orjson + order-book`: frames decoded by orjson, floats into order-book's two sorted dictionaries,
  which cut Kraken's books to their depth. It checks nothing: no sequence, no checksum.
* `checked`: Kraken's checksum by order-book's own `checksum()`, which wants Decimals: so that they
  have every digit, json makes them.
* `without checksums`: the same frames of Kraken with a counter put into each, and a channel that is
  proven by that. What lies between it and the same with checksums is the cost of those; the fastest
  round of each counts.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import importlib.metadata
import json
import platform
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

import bitmart_book as bb
from bitmart_book.bench.race import Case, Entry, Sides, Timing, Top, race
from bitmart_book.venues import Profile, find_venue

STREAMS = {
    "kraken": ("kraken_v2_20210405", "kraken/book1000", 1000),
    "okx": ("okx_v5_20210722", "okx/books", 0),
    "bybit": ("bybit_v5_20260809", "bybit/orderbook.200", 0),
}
"""Of each venue the longest recording, its channel, and to how many levels a side is cut there."""
CHECKED_FRAMES = 400


class Ours:
    """The engine with every check on."""

    def __init__(self, profile: Profile, channel: str, symbol: str) -> None:
        self.engine = bb.Engine(bb.Venue(profiles=(profile,)))
        self.book = self.engine.book(symbol, channel=channel)
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        apply, book, bid, ask = self.engine.apply, self.book, None, None
        for frame in frames:
            apply(frame)
            bid, ask = book.best_bid_price, book.best_ask_price
        self.top = bid, ask

    def sides(self) -> dict[str, Sides]:
        return {
            book.symbol: (
                [(level.price, level.size) for level in book.bids],
                [(level.price, level.size) for level in book.asks],
            )
            for book in self.engine.books
        }


class Rows:
    """What a frame of each venue says: symbol, whether it is a snapshot, bids and asks."""

    @staticmethod
    def kraken(message: Any) -> tuple[str, bool, Any, Any]:
        item = message["data"][0]
        rows = [[(row["price"], row["qty"]) for row in item[side]] for side in ("bids", "asks")]
        return item["symbol"], message["type"] == "snapshot", *rows

    @staticmethod
    def okx(message: Any) -> tuple[str, bool, Any, Any]:
        item = message["data"][0]
        return message["arg"]["instId"], message["action"] == "snapshot", item["bids"], item["asks"]

    @staticmethod
    def bybit(message: Any) -> tuple[str, bool, Any, Any]:
        item = message["data"]
        return item["s"], message["type"] == "snapshot", item["b"], item["a"]


class Plain:
    """Two dictionaries for a symbol: who knows the right answer."""

    def __init__(self, venue: str, depth: int) -> None:
        self.read = getattr(Rows, venue)
        self.depth = depth
        self.books: dict[str, tuple[dict[float, float], dict[float, float]]] = {}
        self.top: Top = (None, None)

    def frames(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            symbol, first, *rows = self.read(json.loads(frame))
            if first:
                self.books[symbol] = {}, {}
            book = self.books[symbol]
            for worst, levels, changes in zip((min, max), book, rows, strict=True):
                for price, size, *_ in changes:
                    levels[float(price)] = float(size)
                    if not float(size):
                        del levels[float(price)]
                while self.depth and len(levels) > self.depth:
                    del levels[worst(levels)]
            self.top = max(book[0], default=None), min(book[1], default=None)

    def sides(self) -> dict[str, Sides]:
        return {
            symbol: (sorted(bids.items(), reverse=True), sorted(asks.items()))
            for symbol, (bids, asks) in self.books.items()
        }


class OrderBook:
    """order-book fed from orjson, as quick as we know how to: one loop for each venue."""

    def __init__(self, depth: int = 0) -> None:
        import orjson
        from order_book import OrderBook as Book

        self.loads = orjson.loads
        self.new = (
            functools.partial(Book, max_depth=depth, max_depth_strict=True) if depth else Book
        )
        self.books: dict[str, Any] = {}
        self.top: Top = (None, None)

    def kraken(self, frames: Iterable[bytes]) -> None:
        loads, books = self.loads, self.books
        for frame in frames:
            message = loads(frame)
            item = message["data"][0]
            if message["type"] == "snapshot":
                book = books[item["symbol"]] = self.new()
                book.bids = {row["price"]: row["qty"] for row in item["bids"]}
                book.asks = {row["price"]: row["qty"] for row in item["asks"]}
                bids, asks = book.bids, book.asks
            else:
                book = books[item["symbol"]]
                bids, asks = book.bids, book.asks
                for levels, rows in ((bids, item["bids"]), (asks, item["asks"])):
                    for row in rows:
                        price, size = row["price"], row["qty"]
                        if size:
                            levels[price] = size
                        elif price in levels:
                            del levels[price]
            self.top = bids.index(0)[0], asks.index(0)[0]

    def okx(self, frames: Iterable[bytes]) -> None:
        loads, books = self.loads, self.books
        for frame in frames:
            message = loads(frame)
            item = message["data"][0]
            if message["action"] == "snapshot":
                book = books[message["arg"]["instId"]] = self.new()
                book.bids = {float(price): float(size) for price, size, _, _ in item["bids"]}
                book.asks = {float(price): float(size) for price, size, _, _ in item["asks"]}
                bids, asks = book.bids, book.asks
            else:
                book = books[message["arg"]["instId"]]
                bids, asks = book.bids, book.asks
                for levels, rows in ((bids, item["bids"]), (asks, item["asks"])):
                    for price, size, _, _ in rows:
                        number = float(size)
                        if number:
                            levels[float(price)] = number
                        else:
                            key = float(price)
                            if key in levels:
                                del levels[key]
            self.top = bids.index(0)[0], asks.index(0)[0]

    def bybit(self, frames: Iterable[bytes]) -> None:
        loads, books = self.loads, self.books
        for frame in frames:
            message = loads(frame)
            item = message["data"]
            if message["type"] == "snapshot":
                book = books[item["s"]] = self.new()
                book.bids = {float(price): float(size) for price, size in item["b"]}
                book.asks = {float(price): float(size) for price, size in item["a"]}
                bids, asks = book.bids, book.asks
            else:
                book = books[item["s"]]
                bids, asks = book.bids, book.asks
                for levels, rows in ((bids, item["b"]), (asks, item["a"])):
                    for price, size in rows:
                        number = float(size)
                        if number:
                            levels[float(price)] = number
                        else:
                            key = float(price)
                            if key in levels:
                                del levels[key]
            self.top = bids.index(0)[0], asks.index(0)[0]

    def sides(self) -> dict[str, Sides]:
        return {
            symbol: (
                [(float(price), float(size)) for price, size in book.bids.to_list()],
                [(float(price), float(size)) for price, size in book.asks.to_list()],
            )
            for symbol, book in self.books.items()
        }


class CheckedOrderBook(OrderBook):
    """The same, and Kraken's checksum at every frame."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        from order_book import OrderBook as Book

        self.loads = functools.partial(json.loads, parse_float=Decimal)
        self.new = functools.partial(
            Book, max_depth=depth, max_depth_strict=True, checksum_format="KRAKEN"
        )

    def checked(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            self.kraken((frame,))
            symbol, _, rest = frame.partition(b'"symbol":"')[2].partition(b'"')
            theirs = int(rest.rpartition(b'"checksum":')[2].partition(b",")[0].rstrip(b"}]"))
            if self.books[symbol.decode()].checksum() != theirs:
                raise ValueError(f"another checksum of {symbol.decode()}")
        self.top = float(self.top[0] or 0), float(self.top[1] or 0)


def counted(*, summed: bool) -> Profile:
    """Kraken with a counter in each frame, which proves its books; with the checksum or without."""
    profile = find_venue("kraken").profiles[0]
    books = tuple(
        msgspec.structs.replace(
            book, rule="next", sequence="u", checksum=book.checksum if summed else None
        )
        for book in profile.books
    )
    return msgspec.structs.replace(profile, books=books)


def with_counters(frames: list[bytes]) -> list[bytes]:
    """The same frames, counted as if Kraken did."""
    return [
        frame.replace(b'"symbol":', b'"u":%d,"symbol":' % number, 1)
        for number, frame in enumerate(frames)
    ]


def recorded(folder: Path, venue: str) -> tuple[str, list[bytes]]:
    """The symbol that most frames of a recording are of, and those."""
    path = folder / f"{STREAMS[venue][0]}.jsonl.gz"
    by_symbol: dict[str, list[bytes]] = {}
    for line in gzip.decompress(path.read_bytes()).splitlines():
        frame = re.sub(rb'"checksum":-?[0-9]+', b'"checksum":0', line) if venue == "okx" else line
        symbol, *_ = getattr(Rows, venue)(json.loads(frame))
        by_symbol.setdefault(symbol, []).append(frame)
    return max(by_symbol.items(), key=lambda found: len(found[1]))


def entries(folder: Path, venue: str) -> list[Entry]:
    """Who runs on the frames of a venue."""
    _, channel, depth = STREAMS[venue]
    symbol, frames = recorded(folder, venue)

    def case(frames: list[bytes]) -> Case:
        return Case(frames[:1], frames[1:], functools.partial(Plain, venue, depth), Plain.frames)

    def ours(profile: Profile) -> Callable[[], Ours]:
        return lambda: Ours(profile, channel, symbol)

    real = case(frames)
    found = [
        Entry("bitmart_book", ours(find_venue(venue).profiles[0]), Ours.frames, real),
        Entry(
            "orjson + order-book",
            functools.partial(OrderBook, depth),
            getattr(OrderBook, venue),
            real,
        ),
    ]
    if venue == "kraken":
        numbered = case(with_counters(frames))
        found += [
            Entry(
                "the same, checked",
                functools.partial(CheckedOrderBook, depth),
                CheckedOrderBook.checked,
                real,
            ),
            Entry("counted, summed", ours(counted(summed=True)), Ours.frames, numbered),
            Entry("counted", ours(counted(summed=False)), Ours.frames, numbered),
        ]
    return found


def report(venue: str, frames: int, timings: list[Timing]) -> None:
    """Times, and the ratios that are promised."""
    print(f"{venue}: {frames} frames")
    for timing in timings:
        print(f"  {timing.name:22}{1e6 * timing.min:8.2f} us, median {1e6 * timing.median:.2f}")
    least = {timing.name: timing.min for timing in timings}
    peer = least["orjson + order-book"]
    print(f"  {peer / least['bitmart_book']:.1f} times as fast as orjson + order-book")
    if venue == "kraken":
        print(f"  {peer / least['counted']:.1f} times without checksums")
        print(f"  {least['the same, checked'] / least['bitmart_book']:.1f} times if both check")
        cost = least["counted, summed"] - least["counted"]
        print(f"  {1e6 * cost:.2f} us for a checksum")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.venues", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the recorded streams are")
    parser.add_argument("--passes", type=int, default=15)
    parser.add_argument("--only", choices=sorted(STREAMS))
    options = parser.parse_args()
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("orjson", "order-book")
    )
    print(f"Python {platform.python_version()}, {versions}; {options.passes} passes")
    for venue in STREAMS if options.only is None else [options.only]:
        runners = entries(options.folder, venue)
        timings = race(runners, passes=options.passes, checked=CHECKED_FRAMES)
        report(venue, len(runners[0].case.frames), timings)


if __name__ == "__main__":
    main()
