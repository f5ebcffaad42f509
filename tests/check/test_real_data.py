"""Streams of frames through the engine: the project's own, and real ones where they are at hand.

The real streams are not part of the project. They are looked for in the folder that the
environment variable BITMART_BOOK_DATA names, else in ../shared/data beside the checkout: files
`NAME.frames.jsonl.gz` with checkpoints in `NAME.expected.jsonl.gz` and facts that the exchange
itself published, best prices or checksums over its own text, in `NAME.oracle.jsonl.gz`. A stream
that the project generates goes the same way, so that this file always tests something.
"""

import gzip
import json
import os
import zlib
from decimal import Decimal
from pathlib import Path

import pytest

import bitmart_book as bb
from benchmarks.frames import capture
from tests.helpers.command import run

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("BITMART_BOOK_DATA", ROOT.parent / "shared" / "data")) / "frames"
STREAMS = sorted(
    path.name.removesuffix(".frames.jsonl.gz") for path in DATA.glob("*.frames.jsonl.gz")
)
GENERATED = "generated"


def lines_of(folder, name, kind):
    path = folder / f"{name}.{kind}.jsonl.gz"
    return gzip.open(path, "rb").read().splitlines() if path.exists() else []


def by_line(folder, name, kind):
    facts = {}
    for line in lines_of(folder, name, kind):
        fact = json.loads(line)
        facts.setdefault(fact["line"], []).append(fact)
    return facts


def text_rows(rows):
    return [(Decimal(price), Decimal(size)) for price, size in rows]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """A generated stream with checkpoints from a dictionary: the plainest book there is."""
    folder = tmp_path_factory.mktemp("generated")
    frames, expected, books = [], [], {}
    for line, frame in enumerate(capture(("BTC_USDT", "BABYDOGE_USDT"), 1_500, seed=5), 1):
        frames.append(frame)
        item = json.loads(frame)["data"][0]
        book = books.setdefault(item["symbol"], {"bids": {}, "asks": {}})
        for side in ("bids", "asks"):
            book[side].update({Decimal(price): (price, size) for price, size in item[side]})
            book[side] = {p: row for p, row in book[side].items() if Decimal(row[1])}
        bids = [book["bids"][price] for price in sorted(book["bids"], reverse=True)]
        asks = [book["asks"][price] for price in sorted(book["asks"])]
        checkpoint = {"line": line, "symbol": item["symbol"], "version": item["version"]}
        checkpoint |= {"bids": bids[:20], "asks": asks[:20]}
        checkpoint |= {"n_bids": len(bids), "n_asks": len(asks)}
        expected.append(json.dumps(checkpoint).encode())
    for kind, content in (("frames", frames), ("expected", expected)):
        path = folder / f"{GENERATED}.{kind}.jsonl.gz"
        path.write_bytes(gzip.compress(b"\n".join(content)))
    return folder


def max_levels(name):
    # That venue cut each side to 1000 levels after every update.
    return 1_000 if name.startswith("kraken") else 50_000


class VenueText:
    """The venue's own text of each level, which exact numbers do not keep and checksums need."""

    def __init__(self):
        self._rows = {}

    def note(self, item):
        rows = self._rows.setdefault(item["symbol"], {})
        for side in ("bids", "asks"):
            for price, size in item[side]:
                rows[side, Decimal(price)] = price, size

    def top(self, book, side, count):
        depth = book.depth(count, exact=True)
        out = []
        for price, size in getattr(depth, side):
            text = self._rows[book.symbol][side, price]
            assert Decimal(text[1]) == size
            out.append(text)
        return out


def checksum(algorithm, book, text):
    """The venues' published checksums over the best levels of both sides."""
    if algorithm == "kraken10":
        rows = text.top(book, "asks", 10) + text.top(book, "bids", 10)
        digits = [value.replace(".", "").lstrip("0") for row in rows for value in row]
        return zlib.crc32("".join(digits).encode())
    count = {"okx25": 25, "bitget25": 25, "ftx100": 100}[algorithm]
    bids, asks = text.top(book, "bids", count), text.top(book, "asks", count)
    values = []
    for place in range(max(len(bids), len(asks))):
        for rows in (bids, asks):
            values += rows[place] if place < len(rows) else ()
    if algorithm == "ftx100":
        values = [repr(float(value)) for value in values]
    return zlib.crc32(":".join(values).encode())


@pytest.mark.parametrize("name", [GENERATED, *STREAMS])
def test_every_fact_of_a_stream(name, generated):
    folder = generated if name == GENERATED else DATA
    expected, oracle = by_line(folder, name, "expected"), by_line(folder, name, "oracle")
    engine, text = bb.Engine(max_levels=max_levels(name)), VenueText()
    checked = 0
    for number, line in enumerate(lines_of(folder, name, "frames"), 1):
        engine.apply(line)
        if oracle:
            text.note(json.loads(line)["data"][0])
        for fact in oracle.get(number, ()):
            book = engine[fact["symbol"]]
            checked += 1
            if fact["algo"] == "bbo":
                assert [book.best_bid.exact, book.best_ask.exact] == text_rows(
                    [fact["bid"], fact["ask"]]
                )
            else:
                assert checksum(fact["algo"], book, text) == fact["crc"], number
        for fact in expected.get(number, ()):
            book = engine[fact["symbol"]]
            book.check()
            checked += 1
            depth = book.depth(20, exact=True)
            assert depth.bids == text_rows(fact["bids"])
            assert depth.asks == text_rows(fact["asks"])
            assert (len(book.bids), len(book.asks)) == (fact["n_bids"], fact["n_asks"])
            assert book.sequence == fact["version"]
    assert checked == sum(map(len, expected.values())) + sum(map(len, oracle.values()))
    assert checked > 0
    # The first frame of a book makes it, and that is the general decoder's work.
    assert engine.stats["decoded"] - engine.stats["books"] <= engine.stats["scanned"] / 1000


@pytest.mark.parametrize("name", [GENERATED, *STREAMS])
def test_replay_gives_the_same_tops(name, generated):
    folder = generated if name == GENERATED else DATA
    last = {}
    for facts in by_line(folder, name, "expected").values():
        last.update({fact["symbol"]: fact for fact in facts})
    path = folder / f"{name}.frames.jsonl.gz"
    result = run("replay", "--json", "--max-levels", max_levels(name), path)
    assert result.returncode == 0, result.stderr
    shown = {row["symbol"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert shown.keys() == last.keys()
    for symbol, fact in last.items():
        row = shown[symbol]
        assert (row["state"], row["gaps"], row["sequence"]) == ("LIVE", 0, fact["version"])
        assert (row["bids"], row["asks"]) == (fact["n_bids"], fact["n_asks"])
        for side in ("bid", "ask"):
            price, size = row[f"best_{side}"]
            assert (Decimal(price), Decimal(size)) == text_rows(fact[f"{side}s"][:1])[0]
            for number in (price, size):
                assert number == f"{Decimal(number).normalize():f}"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [GENERATED, *STREAMS])
def test_the_reference_agrees_on_every_frame(name, generated):
    folder = generated if name == GENERATED else DATA
    options = {"max_levels": max_levels(name), "shadow": True}
    with bb.connect(source=folder / f"{name}.frames.jsonl.gz", **options) as feed:
        assert all(book.state == "LIVE" for book in feed.books)
