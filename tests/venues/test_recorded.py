"""Every recorded stream of Kraken, OKX and Bybit, by the facts that the venues themselves sent.

The recordings are no part of the project; they are looked for as those of `test_real_data`. The
checksums are compared twice: by the book, and by this file over the venue's own text of each level.
"""

import bisect
import gzip
import itertools
import json
import os
import re
import zlib
from decimal import Decimal
from pathlib import Path

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book.check.shadow import ShadowEngine

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("BITMART_BOOK_DATA", ROOT.parent / "shared" / "data")) / "venues"
# How many frames of books there are, and checksums in them.
STREAMS = {
    "kraken_v2_minagbp_20260816": ("kraken", 30, 30),
    "kraken_v2_20210405": ("kraken", 14_506, 14_506),
    "okx_v5_20220513": ("okx", 290, 290),
    "okx_v5_20210722": ("okx", 1_504, 1_504),
    "bybit_v5_20260809": ("bybit", 2_148, 0),
}
BESIDE_THE_REFERENCE = 120
_NUMBER = re.compile(r'"(price|qty)":([0-9.]+)')
HERE = [name for name in STREAMS if (DATA / f"{name}.jsonl.gz").exists()]
NOT_HERE = pytest.param(
    "",
    marks=pytest.mark.skip(
        reason="recorded streams are their venues' and no part of this project: "
        "BITMART_BOOK_DATA says where they lie"
    ),
)


def recorded(names):
    """A case for each stream that is at hand; where none is, one that says why."""
    return pytest.mark.parametrize("name", names or [NOT_HERE])


def lines(name):
    return gzip.decompress((DATA / f"{name}.jsonl.gz").read_bytes()).splitlines()


class Side:
    """One side as the venue's own texts, by price."""

    def __init__(self, best_is_last):
        self.best_is_last = best_is_last
        self.prices, self.rows = [], {}

    def put(self, text, size):
        price = Decimal(text)
        place = bisect.bisect_left(self.prices, price)
        if Decimal(size):
            if price not in self.rows:
                self.prices.insert(place, price)
            self.rows[price] = text, size
        elif price in self.rows:
            del self.prices[place], self.rows[price]

    def cut(self, depth):
        while len(self.prices) > depth:
            del self.rows[self.prices.pop(0 if self.best_is_last else -1)]

    def best(self, count=None):
        order = reversed(self.prices) if self.best_is_last else self.prices
        return [self.rows[price] for price in itertools.islice(order, count)]


class Texts:
    """Each book once more, as a dictionary of the venue's own texts."""

    def __init__(self, venue):
        self.venue, self.books = venue, {}

    def read(self, line):
        """Symbol, whether it is a snapshot, rows of both sides, and the checksum, of a frame."""
        message = json.loads(_NUMBER.sub(r'"\1":"\2"', line.decode()))
        if self.venue == "kraken":
            (item,) = message["data"]
            rows = [[(r["price"], r["qty"]) for r in item[side]] for side in ("bids", "asks")]
            return item["symbol"], message["type"] == "snapshot", rows, item["checksum"]
        if self.venue == "okx":
            (item,) = message["data"]
            rows = [[(r[0], r[1]) for r in item[side]] for side in ("bids", "asks")]
            first = message["action"] == "snapshot"
            return message["arg"]["instId"], first, rows, item["checksum"]
        item = message["data"]
        return item["s"], message["type"] == "snapshot", [item["b"], item["a"]], None

    def apply(self, symbol, first, rows, depth):
        if first:
            self.books[symbol] = Side(True), Side(False)
        for side, changes in zip(self.books[symbol], rows, strict=True):
            for price, size in changes:
                side.put(price, size)
            side.cut(depth)
        return self.books[symbol]

    def checksum(self, bids, asks):
        if self.venue == "kraken":
            values = [value for row in asks[:10] + bids[:10] for value in row]
            text = "".join(value.replace(".", "").lstrip("0") for value in values)
        else:
            values = []
            for place in range(25):
                for rows in (bids, asks):
                    values += rows[place] if place < len(rows) else ()
            text = ":".join(values)
        return zlib.crc32(text.encode())


@pytest.mark.parametrize("scan", [True, False], ids=["scanned", "decoded"])
@recorded(HERE)
def test_every_frame_and_every_checksum(name, scan):
    venue, frames, sums = STREAMS[name]
    engine = bb.Engine(venue, scan=scan)
    seen = compared = 0
    texts = Texts(venue)
    books = {}
    for number, line in enumerate(lines(name), 1):
        if engine.apply(line) & Change.OTHER:
            continue
        seen += 1
        symbol, first, rows, checksum = texts.read(line)
        if first:
            books[symbol] = next(book for book in engine.books if book.symbol == symbol)
        book = books[symbol]
        assert book.state is BookState.LIVE, (number, book.reason)
        depth = int(book.channel.removeprefix("kraken/book")) if venue == "kraken" else 10**6
        bids, asks = texts.apply(symbol, first, rows, depth)
        for side, level in ((bids, book.best_bid), (asks, book.best_ask)):
            assert level.exact == tuple(map(Decimal, side.best(1)[0]))
        if checksum is not None:
            assert texts.checksum(bids.best(25), asks.best(25)) == checksum % 2**32
            compared += 1
        if number % 500 == 0 or number == frames:
            depth = book.depth(exact=True)
            for side, mine in ((bids, depth.bids), (asks, depth.asks)):
                assert mine == [(Decimal(price), Decimal(size)) for price, size in side.best()]
            book.check()
    assert (seen, compared) == (frames, sums)
    assert sum(book.stats["checksums"] for book in engine.books) == sums
    assert sum(book.stats["checksum_mismatches"] for book in engine.books) == 0
    if scan:
        # All but the first frame of each symbol, which makes its book.
        assert engine.stats["decoded"] <= len(engine)


@recorded(HERE)
def test_beside_the_reference(name):
    engine = ShadowEngine(venue=STREAMS[name][0])
    for line in lines(name)[:BESIDE_THE_REFERENCE]:
        engine.apply(line)
    assert all(book.state is BookState.LIVE for book in engine.books)


@recorded([name for name in HERE if name.startswith("kraken")])
def test_a_lost_frame_is_noticed_or_the_ten_best_are_the_truth(name):
    """Each tenth frame is lost in a run of its own; at the symbol's next frame the book is in GAP,
    or its ten best levels are those of a book that has lost nothing."""
    frames = [line for line in lines(name) if b'"book"' in line and b'"data"' in line]
    by_symbol = {}
    for line in frames:
        by_symbol.setdefault(json.loads(line)["data"][0]["symbol"], []).append(line)
    lost = noticed = 0
    for stream in by_symbol.values():
        for missing in range(1, min(len(stream) - 1, 100), 10):
            whole, holed = bb.Engine("kraken"), bb.Engine("kraken")
            for place, line in enumerate(stream[: missing + 2]):
                whole.apply(line)
                if place != missing:
                    holed.apply(line)
            lost += 1
            (truth,), (book,) = whole.books, holed.books
            if book.state is BookState.GAP:
                noticed += 1
            else:
                assert book.depth(10) == truth.depth(10)
                assert book.depth(10).proven
    assert lost >= 3
    assert noticed >= lost // 2
