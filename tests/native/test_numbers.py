"""Text in, the nearest float and the exact Decimal out; and what is refused."""

import random
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given

import bitmart_book as bb
from tests.helpers.numbers import anything

LARGEST = 2**63 - 1


def through_a_book(text, size=None):
    """The level a price and size text become on their way through the engine."""
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(text, text if size is None else size)], [])
    return book.best_bid


def is_holdable(text):
    number = Decimal(text).normalize()
    _, digits, exponent = number.as_tuple()
    scale = max(0, -exponent)
    return scale <= 18 and int("".join(map(str, digits))) * 10 ** (exponent + scale) <= LARGEST


@given(anything)
def test_every_form_of_number_is_exact(text):
    if Decimal(text) == 0:
        # With a size of zero too it fills a table, and is no level.
        assert through_a_book(text) is None
        with pytest.raises(bb.UsageError, match="zero"):
            through_a_book(text, "1")
    elif not is_holdable(text):
        # What looks like a float that was computed is told how to round it.
        with pytest.raises(bb.UsageError, match=r"held exactly|no room for so many"):
            through_a_book(text)
    else:
        level = through_a_book(text)
        assert level.price.hex() == float(text).hex()
        assert level.size.hex() == float(text).hex()
        assert level.exact == (Decimal(text), Decimal(text))


def generated_numbers(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        digits = rng.randint(1, 18)
        mantissa = rng.randint(1, 10**digits)
        scale = rng.randint(0, 18)
        text = str(mantissa).rjust(scale + 1, "0")
        if scale:
            text = f"{text[:-scale]}.{text[-scale:]}"
        form = rng.random()
        if form < 0.2:
            text += ("" if "." in text else ".") + "0" * rng.randint(0, 20)
        elif form < 0.3:
            text = f"{mantissa}e-{scale}"
        elif form < 0.35 and digits < 15:
            text = f"{mantissa}E+{rng.randint(0, 3)}"
        yield text


def check_numbers(count, seed):
    rows = [(text, "1") for text in generated_numbers(count, seed)]
    checked = 0
    for text, _ in rows:
        level = bb.Level(text, text)
        assert level.price.hex() == float(text).hex(), text
        assert level.exact[0] == Decimal(text), text
        checked += 1
    assert checked == count


def test_generated_numbers_sample():
    check_numbers(20_000, seed=1)


@pytest.mark.slow
def test_a_million_generated_numbers():
    check_numbers(1_000_000, seed=2)


def test_large_sides_keep_every_number():
    """Through the ladder and not only through a level: one scale for all of them."""
    rng = random.Random(3)
    texts = {f"{rng.randint(1, 10**7)}.{rng.randint(0, 10**8):08d}" for _ in range(2_000)}
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(text, text) for text in texts], [])
    expected = sorted((Decimal(text) for text in texts), reverse=True)
    assert [row[0] for row in book.depth(exact=True).bids] == expected
    assert book.depth().bids[:, 0].tolist() == [float(number) for number in expected]
    assert book.depth().bids[:, 1].tolist() == [float(number) for number in expected]


@pytest.mark.parametrize(
    "text",
    ["", " ", "1 ", " 1", "+1", "1_0", "0x1", "NaN", "nan", "inf", "Infinity", "1e", "1e+", "e1"]
    + [".", "-", "--1", "1.2.3", "1,5", "\u0661", "1\x00", "1" * 65, "1e1.5", "\ud800"],
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(bb.UsageError, match="expected a decimal number"):
        bb.Level(text, "1")


@pytest.mark.parametrize("text", ["-1", "-0.1", "-1e5", "-9223372036854775809"])
def test_negative_numbers_are_refused(text):
    with pytest.raises(bb.UsageError, match="negative"):
        bb.Level("1", text)


@pytest.mark.parametrize("text", ["-0", "-0.0", "-0e5", "0e99999999999999999999", "000.000"])
def test_every_spelling_of_zero_is_zero(text):
    assert bb.Level("1", text).size == 0.0
    assert str(bb.Level("1", text).size) == "0.0"


@pytest.mark.parametrize(
    "text",
    [str(2**63), "1e19", "1e-19", "0.1234567890123456789", "1e99999999999", "1e-99999999"]
    # Modulo 2**64 these are positive numbers that could be held.
    + [str(2**64 + 5), "19e18", "19" + "0" * 18],
)
def test_numbers_that_cannot_be_held_are_refused(text):
    with pytest.raises(bb.UsageError, match="held exactly"):
        bb.Level(text, "1")


def test_the_largest_number_is_held():
    assert bb.Level(str(LARGEST), "1").exact[0] == LARGEST
    assert bb.Level(str(LARGEST), "1").price == float(LARGEST)
    assert bb.Level("9.223372036854775807", "1").exact[0] == Decimal("9.223372036854775807")
    assert bb.Level("1e18", "0.000000000000000001").exact == (10**18, Decimal("1e-18"))
    assert bb.Level("1", "9e18").exact[1] == 9 * 10**18


def test_the_largest_stands_beside_the_finest():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("0.000000000000000001", "1")], [("9", "0.000000000000000001")])
    assert book.best_bid.exact == (Decimal("1e-18"), 1)
    assert book.best_ask.exact == (9, Decimal("1e-18"))


def test_exact_values_do_not_depend_on_the_decimal_context():
    with localcontext() as context:
        context.prec = 3
        assert bb.Level("123456.789012", "1").exact[0] == Decimal("123456.789012")


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (0.1, "0.1"),
        (1e22, None),
        (5.825e-05, "0.00005825"),
        (100, "100"),
        (Decimal("1.50"), "1.5"),
        (Decimal("1E+2"), "100"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.1), "0.1"),
        (np.int64(7), "7"),
        (np.uint8(7), "7"),
    ],
)
def test_numbers_by_hand_mean_their_shortest_text(value, exact):
    if exact is None:
        with pytest.raises(bb.UsageError, match="held exactly"):
            bb.Level(value, "1")
    else:
        assert bb.Level(value, "1").exact[0] == Decimal(exact)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -1.0, -1, Decimal("NaN"), Decimal("-1"), Decimal("Infinity")]
    + [np.float64("nan"), np.float32("inf"), True, None, b"1", [], object()],
)
def test_unusable_numbers_by_hand(value):
    with pytest.raises(bb.UsageError):
        bb.Level(value, "1")
