"""Large snapshots: real ones have 44,000 levels a side."""

import random
import tracemalloc

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Engine, MessageError
from bitmart_book.check.reference import ReferenceEngine
from tests.helpers.frames import spot

LEVELS = 44_000
MIB = 1024 * 1024


def drawn(seed, count=LEVELS):
    """So many levels a side, best first, around 100,000 with two decimals."""
    chance = random.Random(seed)
    steps = [chance.randint(1, 5) for _ in range(2 * count)]
    sides, price = ([], []), 100_000_00
    for side, sign, begin in ((0, -1, price), (1, 1, price + 1)):
        place = begin
        for step in steps[side * count : (side + 1) * count]:
            place += sign * step
            text = f"{place // 100}.{place % 100:02}"
            sides[side].append([text, f"{chance.randint(1, 10**9) / 10**5:.5f}"])
    return sides


@pytest.fixture(scope="module")
def frame():
    return spot("snapshot", 1, *drawn(7)).encode()


def test_it_fits_into_a_frame(frame):
    assert 1.5 * MIB < len(frame) < 4 * MIB


@pytest.mark.parametrize("scan", [True, False])
def test_every_level_is_there(frame, scan):
    bids, asks = drawn(7)
    engine = Engine(scan=scan)
    engine.apply(frame)
    book = engine["BTC_USDT"]
    book.check()
    assert (len(book.bids), len(book.asks)) == (LEVELS, LEVELS)
    assert [str(book.bids[place].exact[0]) for place in (0, -1)] == [bids[0][0], bids[-1][0]]
    assert [str(book.asks[place].exact[0]) for place in (0, -1)] == [asks[0][0], asks[-1][0]]
    engine.apply(spot("update", 2, [(bids[20_000][0], "0")]))
    assert (book.state, len(book.bids)) == (BookState.LIVE, LEVELS - 1)


def test_the_first_frame_of_a_book_needs_no_decoder(frame):
    """Decoded, its values would take ten times as much memory as the book."""
    engine = Engine()
    engine.apply(frame)
    assert engine.stats["scanned"] == 1
    assert engine.stats["decoded"] == 0


def test_it_makes_few_objects(frame):
    engine = Engine()
    tracemalloc.start()
    try:
        engine.apply(frame)
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_a_large_frame_makes_no_book_that_nobody_wants(frame):
    engine = Engine(only_known=True)
    engine.apply(frame)
    assert len(engine) == 0
    with pytest.raises(bb.LimitError):
        Engine(max_books=0).apply(frame)


def test_a_large_frame_that_cannot_be_held_is_refused():
    bids, asks = drawn(7, 3_000)
    bids[1_000] = ["99999999", "1"]
    asks[5] = ["100000.000000000001", "1"]
    engine = Engine()
    with pytest.raises(bb.NumberError, match=r"the level 99999999 x 1 beside"):
        engine.apply(spot("snapshot", 1, bids, asks))
    assert engine["BTC_USDT"].state == BookState.GAP


def test_there_is_a_limit_and_both_books_have_the_same():
    rows = [["5", "1"]] * 100_001
    for engine in (Engine(), Engine(scan=False), ReferenceEngine(Engine().venue)):
        with pytest.raises(MessageError):
            engine.apply(spot("snapshot", 1, rows))
    for engine in (Engine(), Engine(scan=False)):
        assert engine.apply(spot("snapshot", 1, rows[1:])) & bb.Change.SNAPSHOT
