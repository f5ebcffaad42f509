"""The window over the best levels of a side: beside a plain dict, wherever prices go.

Books of one side, so that prices may wander anywhere. A window comes with a snapshot, or to a deep
side after some changes whose best levels lie close; the tests send more of them than that first.
"""

import random
import re
from decimal import Decimal
from pathlib import Path

import pytest

import bitmart_book as bb
from tests.helpers.twin import Twin

PACKAGE = Path(__file__).parents[2] / "bitmart_book"
LIMITS = {
    name: int(value)
    for file in ("native/ladder.pxd", "native/window.pxd")
    for name, value in re.findall(r"^    (\w+) = (\d+)$", (PACKAGE / file).read_text(), re.M)
}
NARROW, WIDE, WORD = LIMITS["NARROW_SLOTS"], LIMITS["WIDE_SLOTS"], LIMITS["WORD"]
PUTS, STAYS, REST = LIMITS["WINDOW_PUTS"], LIMITS["WINDOW_STAYS"], LIMITS["WINDOW_REST"]
FEWEST, PRICE, DEEP = LIMITS["WINDOW_LEVELS"], LIMITS["WINDOW_PRICE"], LIMITS["FLAT_MOST"] + 200
LARGEST = 2**63 - 1
LARGE = 2**32

SIDES = pytest.mark.parametrize("number", [0, 1], ids=["bids", "asks"])


class Side:
    """One side of a book, in keys that grow towards the best: prices, or negated around `about`."""

    def __init__(self, number, about=10_000_000, **options):
        self.number = number
        self.about = about
        self.longest = options.get("max_levels", 10**9)
        self.twin = Twin(**options)
        self.book = self.twin.book

    def rows(self, levels):
        """(key, size) as rows of both sides."""
        rows = [(self.about + (key, -key)[self.number], size) for key, size in levels]
        return (rows, []) if self.number == 0 else ([], rows)

    def snapshot(self, levels):
        self.twin.snapshot(*self.rows(levels))

    def put(self, *levels):
        change = self.twin.delta(*self.rows(levels))
        self.book.check()
        if self.book.state == "STALE":
            # It gave levels up, and of those that are left none is certain: they are told anew.
            self.twin.trim(self.longest)
            held = self.twin.rows(self.number)
            self.twin.snapshot(*((held, []) if self.number == 0 else ([], held)))
        best = (self.book.best_bid, self.book.best_ask)[self.number]
        rows = self.twin.rows(self.number)
        assert (None if best is None else best.exact) == (rows[0] if rows else None)
        return change

    def stir(self, key, count=PUTS, sizes=(5, 6)):
        """Change a level until a window is laid out, or moves if it is to."""
        count = max(count, len(self.twin.sides[self.number]) // PRICE)
        for i in range(count // 16 + 1):
            self.put(*[(key, sizes[i % 2])] * 16)
        self.put()

    def compare(self):
        self.twin.compare_exactly()


def test_the_limits_are_read():
    assert WORD < WIDE < NARROW == 2 * WIDE
    assert 0 < PUTS < STAYS < REST


@SIDES
@pytest.mark.parametrize("about", [WORD * 1000, 10_000_019, 77])
@pytest.mark.parametrize("size", [1, LARGE - 1, LARGE, LARGEST], ids=["1", "32", "33", "63"])
def test_every_slot_takes_a_level_and_gives_it_up(number, about, size):
    side = Side(number, about=about + NARROW, max_levels=5_000)
    keys = range(-NARROW, 2 * WORD)
    side.snapshot([(key, 7) for key in range(0, -FEWEST - 1, -1)])
    side.stir(0)
    chance = random.Random(about)
    for share in (1, 2, 3):
        order = chance.sample(keys, len(keys) // share)
        for start in range(0, len(order), 13):
            side.put(*[(key, size) for key in order[start : start + 13]])
            assert not side.put(*[(key, size) for key in order[start : start + 13]])
        side.compare()
        chance.shuffle(order)
        for start in range(0, len(order), 13):
            assert side.put(*[(key, 0) for key in order[start : start + 13]])
            assert not side.put(*[(key, 0) for key in order[start : start + 13]])
        side.compare()


@SIDES
@pytest.mark.parametrize("step", [1, WORD - 1, WORD, WORD + 1, WIDE, NARROW, NARROW + 1, 10**6])
def test_the_best_level_climbs_and_falls(number, step):
    """The window follows both ways; what it leaves and what it finds is all there."""
    side = Side(number, about=10**9, max_levels=5_000)
    side.snapshot([(-key, key + 1) for key in range(0, DEEP, 2)])
    side.stir(-2)
    top = 0
    for i in range(40):
        top += step
        side.put((top, i + 1), (top - 1, 0), (top - 2, i + 9))
        if i % 10 == 0:
            side.compare()
    for i in range(40):
        side.put(*[(key, 0) for key in range(top - 2, top + 1)])
        top -= step
        side.stir(top - 2, STAYS if i % 5 == 0 else 16)
        if i % 10 == 0:
            side.compare()
    side.compare()


@SIDES
def test_a_side_is_emptied_and_filled_again(number):
    side = Side(number)
    for start in (0, 5 * NARROW, -5 * NARROW):
        keys = [start - key for key in range(3 * FEWEST)]
        side.put(*[(key, 1) for key in keys]) if start else side.snapshot([(k, 1) for k in keys])
        side.stir(keys[5])
        side.put(*[(key, 0) for key in keys])
        side.compare()
        # Nothing is there, and the window waits for what comes, above, within or below.
        side.put((start + 1, 4))
        side.put((start + 1, 0), (start - NARROW - 1, 3))
        side.put((start - NARROW - 1, 0), (start + 2 * NARROW, 2))
        side.compare()
        side.put((start + 2 * NARROW, 0))


@SIDES
def test_a_removal_above_the_window_is_nothing(number):
    side = Side(number)
    side.snapshot([(-key, 1) for key in range(100)])
    side.stir(-3)
    for far in (WORD, NARROW, 10**6):
        assert not side.put((far, 0))
    side.compare()


@SIDES
@pytest.mark.parametrize("apart", [1, 30, 60, 200])
def test_levels_that_thin_out(number, apart):
    """Too few levels near the best one: the window goes, and comes back when they are close."""
    side = Side(number, max_levels=5_000)
    side.snapshot([(-key * apart, 1) for key in range(200)])
    side.stir(-apart)
    side.put(*[(-key * apart, 0) for key in range(190) if key % 40])
    side.stir(-190 * apart, STAYS)
    side.compare()
    side.put(*[(-key, 2) for key in range(150)])
    side.stir(-7, REST)
    side.compare()
    side.stir(-7)
    side.compare()


@SIDES
def test_a_lone_level_that_comes_and_goes(number):
    """Far above all others; the window does not move for each of them and back."""
    side = Side(number)
    side.snapshot([(-key, key + 1) for key in range(200)])
    side.stir(-3)
    for i in range(100):
        side.put((5 * NARROW, i + 1), (-i, i + 7))
        side.put((5 * NARROW, 0), (-i - 50, 0))
    side.compare()


@SIDES
@pytest.mark.parametrize("longest", [1, FEWEST, 100, 300])
def test_the_worst_levels_are_dropped(number, longest):
    side = Side(number, max_levels=longest)
    side.snapshot([(-key * 7, 1) for key in range(longest)])
    for top in range(0, 4 * NARROW, 37):
        side.put(*[(top + key, key + 1) for key in range(0, 37, 3)])
        side.twin.trim(longest)
        side.compare()
    assert side.book.complete_depth(("bid", "ask")[number]) == longest


@SIDES
def test_a_finer_scale(number):
    side = Side(number, about=Decimal(1_000_000), max_levels=5_000)
    side.snapshot([(-key, key + 1) for key in range(DEEP)])
    for decimals in (1, 2, 5):
        side.stir(-2)
        fine = Decimal(1).scaleb(-decimals)
        # As many rows as bring a window, beside the one that asks for the finer scale.
        side.put((fine, 3), *[(Decimal(-key), key + 2) for key in range(2 * PUTS)], (-fine, 4))
        side.compare()
        side.put(*[(-key * fine, 5) for key in range(2 * PUTS)])
        side.stir(-2 * fine)
        side.put((0, Decimal("0.1") * fine))
        side.compare()


@SIDES
def test_large_sizes_wherever_they_come_from(number):
    for place in (0, -5, -WIDE - 5, -NARROW - 5, -10 * NARROW):
        side = Side(number)
        levels = [(-key * 3, 1) for key in range(DEEP)]
        side.snapshot([*levels, (place, LARGE)])
        side.stir(-9)
        side.compare()
        side.snapshot(levels)
        side.stir(-9)
        side.put((place, LARGE + 1))
        side.compare()
        side.stir(-9)
        side.compare()
        side.stir(-9, sizes=(LARGEST, 1))
        side.compare()


@SIDES
@pytest.mark.parametrize("place", ["first", "last"])
def test_at_the_ends_of_what_can_be_held(number, place):
    """A distance of two prices overflows nothing."""
    side = Side(number, about=0)
    # As prices: `about` is on neither side of them.
    prices = range(1, 300) if place == "first" else range(LARGEST - 299, LARGEST + 1)
    keys = [(price, -price)[number] for price in prices]
    far = [
        (price, -price)[number]
        for price in ((LARGEST, LARGEST - 1) if place == "first" else (1, 2))
    ]
    side.snapshot([(key, 1) for key in keys[::2]])
    side.stir(keys[10])
    for start in range(0, len(keys), 13):
        side.put(*[(key, 2) for key in keys[start : start + 13]])
    side.compare()
    side.put((far[0], 5))
    side.put((far[1], 5))
    side.stir(keys[20], STAYS)
    side.compare()
    side.put((far[0], 0), (keys[0], 0))
    side.put((far[1], 0), (keys[-1], 0))
    side.stir(keys[20], 2 * STAYS)
    side.compare()
    for key in keys:
        side.put((key, 0))
    side.compare()


@SIDES
@pytest.mark.parametrize("apart", [1, 5, 9, 90])
def test_every_read_finds_the_levels_of_both_parts(number, apart):
    name = ("bid", "ask")[number]
    for length in (100, DEEP):
        side = Side(number)
        side.snapshot([(-key * apart, key + 1) for key in range(length)])
        side.put(*[(-key * apart, key + 1) for key in range(0, length, 3)])
        side.compare()
        rows = side.twin.rows(number)
        book = side.book
        assert book.complete_depth(name) == length
        best = rows[0][0]
        for take in (1, 2, 30, 99, length):
            # Half-way to the next level; a tick is far more than what the text leaves out.
            reach = abs(rows[take - 1][0] - best) + Decimal(apart) / 2
            whole = sum(size for _, size in rows[:take])
            assert book.size_within(name, f"{reach * 10_000 / best:.15f}") == whole
            assert book.sweep(name, size=whole).levels == take
            assert book.sweep(name, size=whole).worst_price == rows[take - 1][0]
            found = book.depth(take, exact=True)
            assert (found.bids, found.asks)[number] == rows[:take]
        for price, size in rows:
            assert book.size_at(name, price) == size
            assert book.size_at(name, price + 1) == dict(rows).get(price + 1, 0)


@SIDES
def test_a_frozen_copy_and_a_new_picture(number):
    side = Side(number)
    levels = [(-key, key + 1) for key in range(200)]
    side.snapshot(levels)
    side.stir(-3)
    side.put((-3, 4))
    copy = side.book.peek()
    before = copy.depth()
    assert not side.book.apply_snapshot(*side.rows(levels)) & bb.Change.LEVELS
    side.stir(-3)
    assert side.book.apply_snapshot(*side.rows(levels)) & bb.Change.LEVELS
    side.snapshot(levels[50:])
    side.stir(-60)
    side.compare()
    copy.check()
    assert copy.depth() == before


# --- at random ---


@SIDES
@pytest.mark.parametrize("seed", range(15))
def test_random_frames(number, seed):
    chance = random.Random(seed)
    longest = chance.choice([60, 5_000, 5_000])
    side = Side(number, about=chance.choice([10**7, 2**62, 10**6 + 1]), max_levels=longest)
    top = 0
    side.snapshot([])
    for _ in range(60):
        # Where levels come for a while, how far apart, how large and how long they stay.
        top += round(chance.choice([0, 1, -1, 1, -1]) * 10 ** chance.uniform(0, 5))
        top = max(-(10**6), min(10**6 - 1, top))
        apart = chance.choice([1, 1, 2, 5, 30, 1000])
        reach = chance.choice([20, 100, 100, 400])
        removing = chance.choice([0.1, 0.3, 0.5, 0.9])
        size = chance.choice([9, 9, 9, LARGE - 1, LARGE + 5])
        for _ in range(chance.choice([3, 10, 40])):
            levels = []
            for _ in range(chance.choice([1, 13, 13, 60])):
                held = side.twin.sides[number]
                if held and chance.random() < 0.4:
                    price = chance.choice(list(held)) - side.about
                    key = (price, -price)[number]
                else:
                    key = top - apart * chance.randrange(reach)
                gone = chance.random() < removing
                levels.append((max(key, 1 - side.about), 0 if gone else chance.randint(1, size)))
            side.put(*levels)
            side.twin.trim(longest)
        side.compare()
