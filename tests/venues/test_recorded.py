"""Every recorded stream of Kraken, OKX and Bybit, by the facts that the venues themselves sent.

The recordings are no part of the project; they are looked for as those of `test_real_data`. The
checksums are compared twice: by the book, and by this file over the venue's own text of each level.
"""

import gzip
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
HERE = [name for name in STREAMS if (DATA / f"{name}.jsonl.gz").exists()]
BESIDE_THE_REFERENCE = 120
_NUMBER = re.compile(r'"(price|qty)":([0-9.]+)')


def lines(name):
    return gzip.decompress((DATA / f"{name}.jsonl.gz").read_bytes()).splitlines()


class Texts:
    """Each book once more as a dictionary of the venue's own texts."""

    def __init__(self, venue, depths):
        self.venue, self.depths, self.books = venue, depths, {}

    def apply(self, line):
        """The symbol and its book, after a frame; what its checksum is, if it has one."""
        message = json.loads(_NUMBER.sub(r'"\1":"\2"', line.decode()))
        if self.venue == "kraken":
            (item,) = message["data"]
            symbol, first = item["symbol"], message["type"] == "snapshot"
            rows = [[(r["price"], r["qty"]) for r in item[side]] for side in ("bids", "asks")]
        elif self.venue == "okx":
            (item,) = message["data"]
            symbol, first = message["arg"]["instId"], message["action"] == "snapshot"
            rows = [[(r[0], r[1]) for r in item[side]] for side in ("bids", "asks")]
        else:
            item = message["data"]
            symbol, first = item["s"], message["type"] == "snapshot"
            rows = [item["b"], item["a"]]
        book = ({}, {}) if first else self.books[symbol]
        self.books[symbol] = book = tuple(
            {**side, **{Decimal(price): (price, size) for price, size in rows[place]}}
            for place, side in enumerate(book)
        )
        for place, side in enumerate(book):
            for price in [price for price, row in side.items() if not Decimal(row[1])]:
                del side[price]
            for price in sorted(side, reverse=place == 0)[self.depths.get(symbol, 10**6) :]:
                del side[price]
        return symbol, self.best(symbol), item.get("checksum")

    def best(self, symbol):
        return [
            [side[price] for price in sorted(side, reverse=place == 0)]
            for place, side in enumerate(self.books[symbol])
        ]

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
@pytest.mark.parametrize("name", HERE)
def test_every_frame_and_every_checksum(name, scan):
    venue, frames, sums = STREAMS[name]
    engine = bb.Engine(venue, scan=scan)
    seen = compared = 0
    depths = {}
    texts = Texts(venue, depths)
    for number, line in enumerate(lines(name), 1):
        change = engine.apply(line)
        if change & Change.OTHER:
            continue
        seen += 1
        (book,) = engine.touched or (engine.books[-1],)
        assert book.state is BookState.LIVE, (number, book.reason)
        if venue == "kraken":
            depths[book.symbol] = int(book.channel.removeprefix("kraken/book"))
        symbol, (bids, asks), checksum = texts.apply(line)
        assert book.symbol == symbol
        for rows, level in ((bids, book.best_bid), (asks, book.best_ask)):
            assert level.exact == (Decimal(rows[0][0]), Decimal(rows[0][1]))
        if checksum is not None:
            assert texts.checksum(bids, asks) == checksum % 2**32
            compared += 1
        if number % 500 == 0 or number == frames:
            depth = book.depth(exact=True)
            for rows, mine in ((bids, depth.bids), (asks, depth.asks)):
                assert mine == [(Decimal(price), Decimal(size)) for price, size in rows]
            book.check()
    assert (seen, compared) == (frames, sums)
    assert sum(book.stats["checksums"] for book in engine.books) == sums
    assert sum(book.stats["checksum_mismatches"] for book in engine.books) == 0
    if scan:
        # All but the first frame of each symbol, which makes its book.
        assert engine.stats["decoded"] <= len(engine)


@pytest.mark.parametrize("name", HERE)
def test_beside_the_reference(name):
    engine = ShadowEngine(venue=STREAMS[name][0])
    for line in lines(name)[:BESIDE_THE_REFERENCE]:
        engine.apply(line)
    assert all(book.state is BookState.LIVE for book in engine.books)


@pytest.mark.parametrize("name", [name for name in HERE if name.startswith("kraken")])
def test_a_lost_frame_is_noticed_or_the_ten_best_are_the_truth(name):
    """Each tenth frame is lost in a run of its own; at the symbol's next frame the book is in GAP,
    or its ten best levels are those of a book that has lost nothing."""
    frames = [line for line in lines(name) if b'"book"' in line and b'"data"' in line]
    by_symbol = {}
    for line in frames:
        by_symbol.setdefault(json.loads(line)["data"][0]["symbol"], []).append(line)
    lost = noticed = 0
    for stream in by_symbol.values():
        for missing in range(1, min(len(stream) - 1, 200), 10):
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
