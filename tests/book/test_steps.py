"""Floats that were computed are rounded to the steps of a market, and to nothing else."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.check.reference import in_steps

STEPS = st.sampled_from(["0.1", "0.01", "0.5", "1", "0.0001", "0.00000001", "0.25", "10", "3"])


def book(**steps):
    return bb.Book("BTC_USDT", **steps)


def bids(of):
    return of.depth(exact=True).bids


def refused(of, row):
    try:
        of.apply_snapshot([row], [])
    except bb.UsageError:
        return True
    return False


def test_sums_of_floats_are_the_numbers_that_they_stand_for():
    of = book(price_step="0.1", size_step="0.001")
    of.apply_snapshot([(3 * 0.1, 0.1 + 0.2), (0.2, 1000.0)], [], sequence=1)
    assert bids(of) == [(Decimal("0.3"), Decimal("0.3")), (Decimal("0.2"), Decimal(1000))]
    # What is left of a size after subtractions is a hair beside zero, on either side of it.
    for left in (0.3 - 0.1 - 0.2, 0.1 + 0.2 - 0.3):
        assert left != 0
        of.apply_delta([(0.1 + 0.2, 0.7), (0.2, 5)], [])
        of.apply_delta([(3 * 0.1, left)], [])
        assert bids(of) == [(Decimal("0.2"), Decimal(5))]


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_every_price_that_was_computed_is_found_again(kind):
    count = 10_000
    of = book()
    of.apply_snapshot([(f"{k / 10}", "1") for k in range(1, count + 1)], [], sequence=1)
    rows = [(k * 0.1, 0.0) for k in range(1, count + 1)]
    assert any(repr(price) != f"{place / 10}" for place, (price, _) in enumerate(rows, 1))
    of.apply_delta(kind(rows), [], sequence=2, price_step=0.1)
    assert len(of.bids) == 0


@given(
    st.floats(-10, 1e9, allow_nan=False), st.integers(0, 10**12), STEPS, st.booleans(),
    st.integers(-12, 12),
)  # fmt: skip
def test_a_float_means_the_step_that_it_is_near_to(value, count, step, whole, ulps):
    if whole:
        value = count * float(step)
    for _ in range(abs(ulps)):
        value = float(np.nextafter(value, np.inf if ulps > 0 else -np.inf))
    expected = in_steps(value, Decimal(step))
    of = book(size_step=step)
    row = (5, value)
    assert refused(of, row) == (expected is None)
    if expected is not None:
        assert [size for _, size in bids(of)] == ([expected] if expected else [])
        again = book(size_step=step)
        again.apply_snapshot(np.array([row]), [])
        assert again.depth(exact=True) == of.depth(exact=True)


@pytest.mark.parametrize(
    ("value", "step", "meant"),
    [
        (100.005, "0.01", None),
        (0.001, "1", None),
        (0.5, "1", None),
        (0.999, "1", None),
        (-0.01, "0.01", None),
        (-0.5, "1", None),
        (1e16, "0.1", "1e16"),
        (1e17, "1", "1e17"),
        (9007199254740993.0, "0.5", "9007199254740992"),
        (1e15 + 0.3, "0.5", None),
        (float("inf"), "1", None),
        (1e15 + 0.3, "0.1", "1000000000000000.2"),
        (61235.320000000004, "0.01", "61235.32"),
    ],
)
def test_what_is_near_and_what_is_not(value, step, meant):
    of = book(size_step=step)
    assert refused(of, (5, value)) == (meant is None)
    if meant is not None:
        assert [size for _, size in bids(of)] == [Decimal(meant)]


def test_a_size_is_rounded_to_the_step_of_sizes():
    assert refused(book(price_step="0.01", size_step=1), (100.0, 0.5))
    assert refused(book(price_step=1, size_step="0.01"), (100.5, 0.5))
    assert not refused(book(price_step=1, size_step="0.01"), (100.0, 0.5))


def test_what_is_exact_is_not_rounded():
    of = book(price_step="0.5", size_step=1)
    of.apply_snapshot([("100.26", Decimal("0.123")), (99, "7")], [])
    assert bids(of) == [(Decimal("100.26"), Decimal("0.123")), (Decimal(99), Decimal(7))]


def test_the_steps_of_a_call_go_before_those_of_the_book():
    of = book(price_step="0.5")
    of.apply_snapshot([(100.1, 1.0)], [], price_step="0.1")
    with pytest.raises(bb.UsageError, match=r"bid row 0: 100\.1 is near no multiple of price_step"):
        of.apply_snapshot([(100.1, 1.0)], [])
    assert bids(of) == [(Decimal("100.1"), Decimal(1))]


def test_prices_that_are_asked_for_mean_steps_as_well():
    of = book(price_step="0.1")
    of.apply_snapshot([("0.3", "2"), ("0.2", "1")], [("0.6", "4"), ("0.7", "8")])
    for read in (of, of.peek(), of.net(())):
        assert read.size_at("bid", 3 * 0.1) == 2.0
        assert read.size_at("bid", 0.35) == 0.0
        assert read.sweep("bid", limit=3 * 0.1).size == 2.0
        assert read.sweep("ask", limit=0.7 - 1e-16).size == 12.0
    plain = book()
    plain.apply_snapshot([("0.3", "2")], [])
    assert plain.size_at("bid", 3 * 0.1) == 0.0


@pytest.mark.parametrize("step", [0, "0", -1, "x", float("nan"), "1e-19", "1e30", True, ()])
def test_a_step_that_is_none(step):
    for which in ("price_step", "size_step"):
        with pytest.raises(bb.UsageError):
            book(**{which: step})
        with pytest.raises(bb.UsageError):
            book().apply_snapshot([], [], **{which: step})


def test_without_steps_the_error_names_the_row_that_was_computed():
    for rows, place in (
        ([(100, 0.1 + 0.2), (99, 1000.0)], 0),
        ([(100, 2.0), (99, 1000.0), (98, 0.1 + 0.2)], 2),
    ):
        with pytest.raises(bb.UsageError, match=rf"row {place}: the size 0\.30000000000000004 has"):
            book().apply_snapshot([], rows)
    with pytest.raises(bb.UsageError, match=r"with price_step='0\.001'"):
        book().apply_snapshot([(3 * 0.1, 1), (99999, 1)], [])
    # Nothing was computed there: it is only long.
    with pytest.raises(bb.UsageError, match=r"bid row 1: .*the level 1 x 9000000000000000000 be"):
        book().apply_snapshot([(2, "0.01"), (1, 9 * 10**18)], [])
