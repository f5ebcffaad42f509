"""One side of a book at every depth: beside a plain dict, around every limit of its blocks.

The same prices lie close together or, at a scale that is finer by far, apart: then no window covers
any of them, and all levels are in the array or in the blocks (`test_window` has the windows).
"""

import json
import random
import re
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import bitmart_book as bb
from bitmart_book import Change
from tests.helpers import twin
from tests.helpers.numbers import grid_price

SOURCE = Path(__file__).parents[2] / "bitmart_book" / "native/ladder.pxd"
LIMITS = {
    name: int(value)
    for name, value in re.findall(r"^    ((?:FLAT|BLOCK)_\w+) = (\d+)$", SOURCE.read_text(), re.M)
}
FLAT_MOST, FLAT_LEAST = LIMITS["FLAT_MOST"], LIMITS["FLAT_LEAST"]
ROOM, FILL, HALF = LIMITS["BLOCK_ROOM"], LIMITS["BLOCK_FILL"], LIMITS["BLOCK_HALF"]
# More levels than a flat side may have, and so blocks.
DEEP = FLAT_MOST + 3 * ROOM
# Between the sides; the prices of the tests are on both sides of it.
MIDDLE = 1_000_000

LENGTHS = sorted(
    {0, 1, 2, HALF, FILL, ROOM, ROOM + 1, 3 * ROOM}
    | {limit + step for limit in (FLAT_LEAST, FLAT_MOST) for step in (-1, 0, 1, 2)}
    | {FLAT_MOST // FILL * FILL + FILL * blocks + step for blocks in (1, 2) for step in (-1, 0, 1)}
)


# Finer than every price of the tests.
FINEST = Decimal("0.00001")
APART = False


@pytest.fixture(autouse=True, params=["close", "apart"])
def spacing(request, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "APART", request.param == "apart")


def new_book(**options):
    return spread(bb.Book("BTC_USDT", **options))


def spread(book):
    if APART:
        book.apply_snapshot([(FINEST, 1)], [])
        book.apply_snapshot([], [])
    return book


class Twin(twin.Twin):
    def __init__(self, **options):
        super().__init__(**options)
        spread(self.book)


def levels(count, sign=-1):
    """Rows of one side, best first; every second price is free."""
    return [(MIDDLE + sign * 2 * (i + 1), i % 97 + 1) for i in range(count)]


def test_the_limits_are_read():
    assert HALF < FILL < ROOM < FLAT_LEAST < FLAT_MOST < DEEP
    # A block of half its room is split in two that do not have to be joined at once.
    assert 2 * HALF == ROOM


# --- loading ---


@pytest.mark.parametrize("count", LENGTHS)
@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled"])
def test_snapshots_of_every_length(count, order):
    sides = levels(count), levels(count + 1, 1)
    if order != "sorted":
        for rows in sides:
            rows.reverse() if order == "reversed" else random.Random(count).shuffle(rows)
    twin = Twin()
    twin.snapshot(*sides)
    twin.delta(sides[0][:1], [(sides[1][0][0], 0)])
    twin.compare()


@pytest.mark.parametrize("count", [10, FLAT_MOST, DEEP])
def test_of_rows_with_one_price_the_last_wins_and_zeros_vanish(count):
    chance = random.Random(count)
    rows = [(MIDDLE - chance.randint(1, count), chance.randint(0, 3)) for _ in range(2 * count)]
    twin = Twin()
    twin.snapshot(rows, [(MIDDLE + 1, 0)])


@pytest.mark.parametrize("count", [100, DEEP])
def test_the_same_levels_in_other_blocks_are_no_change(count):
    twin = Twin()
    twin.snapshot(levels(count))
    for price, size in levels(count)[::3]:
        twin.delta([(price, 0)])
        twin.delta([(price, size)])
    assert not twin.book.apply_snapshot(levels(count), []) & Change.LEVELS
    for place in (0, count // 2, -1):
        rows = levels(count)
        rows[place] = rows[place][0], 1000
        assert twin.book.apply_snapshot(rows, []) & Change.LEVELS
        assert twin.book.apply_snapshot(levels(count), []) & Change.LEVELS
    assert twin.book.apply_snapshot(levels(count)[:-1], []) & Change.LEVELS


# --- growing and shrinking, a level at a time ---


def place_orders():
    """In which order levels come: each drives another end of the blocks."""
    count = DEEP + 2 * ROOM
    best_last = list(range(count))
    inwards = [
        place for pair in zip(range(count), reversed(range(count)), strict=True) for place in pair
    ][:count]
    shuffled = best_last[:]
    random.Random(1).shuffle(shuffled)
    return {
        "best last": best_last,
        "best first": best_last[::-1],
        "inwards": inwards,
        "outwards": inwards[::-1],
        "shuffled": shuffled,
    }


@pytest.mark.parametrize("going", place_orders())
@pytest.mark.parametrize("coming", place_orders())
def test_a_side_grows_and_shrinks(coming, going):
    twin = Twin()
    twin.snapshot([])
    for step, place in enumerate(place_orders()[coming]):
        assert twin.delta([(place + 1, step + 1)]) & Change.LEVELS
        twin.book.check()
        assert twin.book.best_bid_price == max(twin.sides[0])
        if step % 50 == 0:
            twin.compare()
    twin.compare()
    for step, place in enumerate(place_orders()[going]):
        assert twin.delta([(place + 1, 0)]) & Change.LEVELS
        assert not twin.delta([(place + 1, 0)])
        twin.book.check()
        if step % 50 == 0:
            twin.compare()
    twin.compare()
    assert twin.book.best_bid is None
    twin.delta([(5, 1)])
    twin.compare()


@pytest.mark.parametrize("count", [FLAT_MOST - 1, FLAT_MOST, DEEP, 20 * ROOM])
def test_whole_blocks_go_in_one_frame(count):
    for first, last in [(0, count), (0, count - 1), (1, count), (1, count - 1)] + [
        (start, min(start + length, count))
        for start in (0, FILL, count // 2, count - 2 * ROOM)
        for length in (HALF, FILL, ROOM, 2 * ROOM + 1)
    ]:
        twin = Twin()
        twin.snapshot(levels(count), levels(count, 1))
        for step in (1, -1):
            bids, asks = levels(count)[first:last][::step], levels(count, 1)[first:last][::step]
            twin.delta([(price, 0) for price, _ in bids], [(price, 0) for price, _ in asks])
            twin.compare()
            twin.delta(bids, asks)
            twin.compare()


@pytest.mark.parametrize("count", [0, 100, FLAT_MOST, DEEP])
def test_a_frame_larger_than_the_side(count):
    twin = Twin()
    twin.snapshot(levels(count))
    twin.delta([(price, 7) for price, _ in levels(10 * DEEP)][::-1])
    twin.compare()
    twin.delta([(price + 1, 8) for price, _ in levels(10 * DEEP)])
    twin.compare()


@pytest.mark.parametrize("crowd", [1, 2, ROOM, 10 * ROOM])
def test_levels_that_all_come_to_one_place(crowd):
    """Every row of a frame falls into one block, and then into the pieces of it."""
    twin = Twin()
    twin.snapshot([(price * 1000, 1) for price in range(1, DEEP + 1)])
    for place in (1, DEEP // 2, DEEP):
        rows = [(place * 1000 + step, 2) for step in range(1, crowd + 1)]
        for part in (rows[::2], rows[1::2][::-1], [(price, 0) for price, _ in rows]):
            twin.delta(part)
            twin.compare()


# --- at random ---


@pytest.mark.parametrize("seed", range(12))
def test_random_frames(seed):
    chance = random.Random(seed)
    most = chance.choice([FLAT_LEAST, FLAT_MOST, DEEP, 3 * DEEP])
    span = 2 * most
    twin = Twin()
    for _ in range(40):
        # Now and then it grows for a while, or shrinks.
        if chance.random() < 0.1:
            count = chance.randint(0, most)
            sides = [
                [(MIDDLE + sign * i, chance.randint(1, 9)) for i in picked]
                for sign in (-1, 1)
                for picked in [chance.sample(range(1, span), min(count, span - 1))]
            ]
            twin.snapshot(*sides)
        removing = chance.choice([0.1, 0.3, 0.5, 0.9])
        for _ in range(10):
            frame = ([], [])
            for _ in range(chance.choice([1, 13, 13, 13, 200])):
                number = chance.randrange(2)
                prices = list(twin.sides[number]) if chance.random() < 0.6 else []
                if prices:
                    price = chance.choice(prices)
                else:
                    price = MIDDLE + (1 if number else -1) * chance.randint(1, span)
                size = 0 if chance.random() < removing else chance.randint(1, 9)
                frame[number].append((price, size))
            if twin.book.state != "LIVE":
                twin.snapshot([])
            twin.delta(*frame)
            twin.book.check()
        twin.compare()


# --- trimming ---


@pytest.mark.parametrize("longest", [1, 2, HALF, FLAT_LEAST, FLAT_MOST, DEEP, DEEP + 1])
def test_the_worst_levels_are_trimmed(longest):
    count = 2 * DEEP
    book = new_book(max_levels=longest)
    rows = levels(count)
    book.apply_snapshot(rows, [])
    held = rows[:longest]
    for step in (1, 5, ROOM, 3 * ROOM, count):
        best = held[0][0]
        better = [(best + i + 1, 3) for i in range(step)]
        book.apply_delta(better, [])
        held = (better[::-1] + held)[:longest]
        book.check()
        assert np.array_equal(book.depth().bids, np.array(held, dtype=float))
        assert book.complete_depth("bid") == longest
        assert book.depth(longest).complete
        assert not book.depth(longest + 1).complete
    assert book.stats["trimmed"] == count + 1 + 5 + 4 * ROOM + count - longest


def test_what_was_trimmed_is_not_known():
    book = new_book(max_levels=DEEP)
    rows = levels(DEEP + 10)
    book.apply_snapshot(rows, [])
    book.apply_delta([(price, 0) for price, _ in rows[: DEEP // 2]], [])
    book.apply_delta([(price, 4) for price, _ in rows[DEEP:]], [])
    assert len(book.bids) == DEEP - DEEP // 2 + 10
    assert book.complete_depth("bid") == DEEP - DEEP // 2
    book.check()


# --- scales ---


@pytest.mark.parametrize("count", [100, FLAT_MOST, DEEP])
def test_a_finer_scale_moves_every_level(count):
    book = new_book()
    bids, asks = levels(count), levels(count, 1)
    book.apply_snapshot(bids, asks)
    # What ended a block has gone before the scale changes.
    gone = {price for price, _ in bids[FILL - 2 :: FILL]}
    book.apply_delta([(price, 0) for price in gone], [])
    fine = (FINEST / 10, Decimal("0.5"))
    book.apply_delta([fine], [])
    book.check()
    expected = [row for row in bids if row[0] not in gone] + [fine]
    assert book.depth(exact=True).bids == expected
    assert book.depth(exact=True).asks == asks
    between = [(Decimal(price) + Decimal("0.5"), 3) for price, _ in bids]
    book.apply_delta(between, [])
    book.check()
    assert book.depth(exact=True).bids == sorted(expected + between, reverse=True)
    assert book.stats["widened"] == 1


# --- reading ---


@pytest.mark.parametrize("count", [100, FLAT_MOST, DEEP])
def test_reads_find_every_level(count):
    twin = Twin()
    twin.snapshot(levels(count), levels(count, 1))
    book = twin.book
    for number, side in enumerate(("bid", "ask")):
        rows = twin.rows(number)
        for price, size in rows:
            assert book.size_at(side, price) == size
            assert book.size_at(side, price + 1) == 0
        assert book.size_at(side, 1) == book.size_at(side, 10 * MIDDLE) == 0
        found = (book.bids, book.asks)[number]
        assert [(level.price, level.size) for level in found] == rows
        assert tuple(found[-1]) == rows[-1]
        assert book.complete_depth(side) == count
        whole = sum(size for _, size in rows)
        assert book.sweep(side, size=whole).levels == count
        assert book.sweep(side, size=whole).worst_price == rows[-1][0]
        for take in (1, ROOM, FLAT_MOST, count):
            # To a tick beyond the level: half-way to the next one.
            reach = abs(rows[0][0] - rows[min(take, count) - 1][0]) + 1
            expected = sum(size for _, size in rows[:take])
            assert book.size_within(side, f"{reach * 10_000 / rows[0][0]:.9f}") == expected
    for take in (1, ROOM, ROOM + 1, count - 1, count, count + 1):
        sums = [sum(size for _, size in twin.rows(number)[:take]) for number in (0, 1)]
        assert book.imbalance(take) == (sums[0] - sums[1]) / sum(sums)
        arrays = np.empty((take, 2)), np.empty((take, 2))
        assert book.depth(out=arrays) == (min(take, count),) * 2
        for number in (0, 1):
            expected = np.array(twin.rows(number)[:take], dtype=float)
            assert np.array_equal(arrays[number][:count], expected)
            assert np.isnan(arrays[number][count:]).all()


def test_sizes_within_are_cut_exactly_at_the_limit():
    book = new_book()
    book.apply_snapshot([("100", 1), ("99", 2), ("98.9", 4)], [("100.1", 1), ("101.101", 2)])
    assert book.size_within("bid", 100) == 3
    assert book.size_within("bid", "99.999999") == 1
    assert book.size_within("bid", 10_000) == book.size_within("bid", 10**9) == 7
    assert book.size_within("ask", 100) == 3
    assert book.size_within("ask", "99.999999") == 1
    assert book.size_within("ask", 10**9) == 3
    assert book.size_within("ask", 0) == 1


@pytest.mark.parametrize("count", [100, DEEP])
def test_a_frozen_copy_stays_as_it_was(count):
    twin = Twin()
    twin.snapshot(levels(count), levels(count, 1))
    copy = twin.book.peek()
    before = copy.depth()
    for price, _ in levels(count):
        twin.delta([(price, 0)], [(price + 4 * MIDDLE, 1)])
    twin.compare()
    copy.check()
    assert copy.depth() == before
    assert len(copy.bids) == count


def test_a_cleared_book_starts_again():
    twin = Twin()
    twin.snapshot(levels(DEEP))
    twin.book.clear()
    twin.book.check()
    assert len(twin.book.peek().bids) == 0
    twin.snapshot(levels(10))
    twin.delta(levels(DEEP))
    twin.compare()


# --- announced replies ---


@pytest.mark.parametrize("count", [101, FLAT_MOST, DEEP])
def test_a_reply_is_joined_to_the_levels_below_it(count):
    engine = bb.Engine()
    bids, asks = ([(grid_price(p, 2), "1") for p, _ in levels(count, s)] for s in (-1, 1))
    send(engine, "snapshot", 1, bids[:100], asks[:100])
    send(engine, "update", 2, bids[100:], asks[100:])
    book = engine["BTC_USDT"]
    before = book.depth(exact=True)
    send(engine, "update", 3, [(price, "0") for price, _ in bids[:ROOM]], [])
    send(engine, "update", 4, bids[:ROOM], [])
    assert book.complete_depth("bid") == 100
    engine.expect(book)
    change = send(engine, "snapshot", 4, bids[:100], asks[:100])
    assert change == Change.SNAPSHOT
    book.check()
    assert book.stats["merges"] == 1
    assert book.stats["audit_mismatches"] == 0
    after = book.depth(exact=True)
    assert (after.bids, after.asks) == (before.bids, before.asks)


def send(engine, kind, version, bids, asks):
    item = {"symbol": "BTC_USDT", "type": kind, "version": version, "ms_t": version}
    data = [{**item, "bids": bids, "asks": asks}]
    return engine.apply(json.dumps({"table": "spot/depth/increase100", "data": data}))


# --- the deepest book there may be ---


def test_fifty_thousand_levels():
    chance = random.Random(3)
    count = 50_000
    twin = Twin()
    twin.snapshot(levels(count), levels(count, 1))
    # Room, so that nothing is trimmed.
    twin.delta(*([(price, 0) for price, _ in levels(count, sign)[::100]] for sign in (-1, 1)))
    for _ in range(300):
        frame = [], []
        for _ in range(13):
            number = chance.randrange(2)
            price = MIDDLE + (1 if number else -1) * chance.randint(1, 2 * count)
            frame[number].append((price, chance.choice([0, 0, 5])))
        twin.delta(*frame)
    twin.compare()
