"""Floats and arrays by hand: the same answers as for their text, however they lie in memory."""

import math
import struct
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import bitmart_book as bb

short = st.builds(
    lambda mantissa, scale: float(Decimal(mantissa).scaleb(-scale)),
    st.integers(0, 10**17),
    st.integers(0, 20),
)
near_short = st.builds(
    lambda value, steps: math.nextafter(value, math.inf) if steps else value, short, st.booleans()
)
bits = st.builds(
    lambda word: struct.unpack("d", struct.pack("Q", word))[0], st.integers(0, 2**64 - 1)
)
edges = st.sampled_from(
    [0.0, -0.0, 5e-324, 1e-18, 1e-19, 0.1 + 0.2, 1e15, 1e15 - 1, 1e15 + 2, 999999999999999.9]
    + [2.0**53, 2.0**53 + 2, 2.0**63, 1e18, 1e19, 1e22, 1e300, math.inf, -math.inf, math.nan, -1.0]
)
doubles = short | near_short | bits | edges | st.floats()
pairs = st.lists(st.tuples(doubles, doubles), min_size=1, max_size=6)


def outcome(rows, prepared=()):
    """What becomes of rows given by hand: the exact levels, or what the error says."""
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(prepared, [])
    try:
        change = book.apply_delta(rows, [])
    except bb.UsageError as error:
        return str(error)
    book.check()
    return change, book.depth(exact=True).bids


def in_words(value):
    return repr(value).removesuffix(".0") if math.isfinite(value) else value


@given(pairs, st.sampled_from([[], [("1", "1")], [("0.00001", "0.001")], [("0." + "1" * 17, "1")]]))
@example([(0.1 + 0.2, 1.0), (0.3, 1.0)], [])
@example([(0.7, 1.63)], [("0." + "1" * 17, "0." + "1" * 16)])
@example([(1e15, 0.5), (999999999999999.9, 0.25)], [("0.1", "1")])
def test_a_float_is_its_shortest_text_in_an_array_and_in_a_row(rows, prepared):
    expected = outcome([(in_words(price), in_words(size)) for price, size in rows], prepared)
    assert outcome(np.array(rows), prepared) == expected
    assert outcome(rows, prepared) == expected
    assert outcome([list(row) for row in rows], prepared) == expected
    assert outcome(iter(rows), prepared) == expected


@pytest.mark.slow
@given(pairs, st.integers(0, 18))
def test_at_every_scale_of_the_book(rows, scale):
    prepared = [(f"1e-{scale}", f"1e-{scale}")]
    expected = outcome([(in_words(price), in_words(size)) for price, size in rows], prepared)
    assert outcome(np.array(rows), prepared) == expected


@given(pairs)
def test_the_same_update_as_array_and_as_text_is_a_repeat(rows):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([], [], sequence=4)
    try:
        book.apply_delta(np.array(rows), [], sequence=5)
    except bb.UsageError:
        return
    # Where all rows only fill a table the update says nothing, as a heartbeat does.
    says = any(row != (0, 0) and not all(map(math.isnan, row)) for row in rows)
    for _ in range(5):
        # What is below the book and not known would be taken for a restarted counter.
        texts = [(in_words(price), in_words(size)) for price, size in rows]
        again = book.apply_delta(texts, [], sequence=5)
        assert again == (bb.Change.DUPLICATE if says else bb.Change.HEARTBEAT)
    assert book.state == bb.BookState.LIVE


def test_floats_with_fewer_decimals_than_the_book_are_a_repeat_of_their_text():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("0.25", "0.125")], [], sequence=4)
    book.apply_delta(np.array([[0.1, 100.0]]), [], sequence=5)
    for _ in range(5):
        assert book.apply_delta([("0.1", "100")], [], sequence=5) == bb.Change.DUPLICATE
    assert book.state == bb.BookState.LIVE


ROWS = [(i / 4, i / 8) for i in range(1, 8)]


def misaligned(rows):
    array = np.zeros(len(rows) * 16 + 1, dtype="u1")[1:].view("f8").reshape(-1, 2)
    array[:] = rows
    return array


def read_only(rows):
    array = np.array(rows)
    array.flags.writeable = False
    return array


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize(
    "array",
    [
        np.array(ROWS),
        np.array(ROWS)[::-1],
        np.array(ROWS)[::3],
        np.array(ROWS, order="F"),
        np.array(ROWS)[:, ::-1][:, ::-1],
        np.repeat(np.array(ROWS), 2, axis=1)[:, ::2],
        misaligned(ROWS),
        read_only(ROWS),
        np.array(ROWS).view(Subclass),
        np.array(ROWS, dtype=">f8"),
        np.array(ROWS, dtype="f4"),
        np.array(ROWS, dtype="g"),
        np.array(ROWS, dtype=object),
        memoryview(np.array(ROWS)),
        memoryview(b"x" + np.array(ROWS).tobytes())[1:].cast("B").cast("d", (len(ROWS), 2)),
        np.array(ROWS)[:0],
        np.array(ROWS)[:1],
    ],
    ids=lambda array: f"{type(array).__name__}-{getattr(array, 'dtype', '')}",
)
def test_every_kind_of_array_says_what_its_rows_say(array):
    # So that plain arrays are known by now.
    bb.Book("BTC_USDT").apply_snapshot(np.array(ROWS), [])
    assert outcome(array) == outcome([tuple(row) for row in array.tolist()])


def test_more_columns_than_two_are_passed_over():
    array = np.array([[3.0, 2.0, 9.0], [2.0, 1.0, 9.0]])
    assert outcome(array) == outcome([(3.0, 2.0), (2.0, 1.0)])


@pytest.mark.parametrize("shape", [(3, 2, 1), (3, 4, 1), (4,), (2, 1), (0, 3), (0,)])
def test_an_array_of_another_shape_is_no_rows_or_none(shape):
    array = np.ones(shape)
    if array.size == 0:
        assert outcome(array) == outcome([])
    else:
        assert outcome(array).startswith("bid row 0: ")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2), ">f8"),
        np.zeros((2, 2), "f4"),
        np.zeros((2, 2), "i8"),
        np.zeros((2, 2), order="F"),
        np.zeros((4, 2))[::2],
        np.zeros((2, 3)),
        np.zeros((2, 2, 1)),
        np.zeros(2),
        read_only([(1.0, 2.0)]),
        [(1.0, 2.0)],
        None,
        False,
    ],
    ids=repr,
)
def test_only_contiguous_arrays_of_doubles_are_filled(array):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(ROWS, [])
    fine = np.zeros((2, 2)), np.zeros((2, 2))
    assert book.depth(out=fine) == (2, 0)
    for out in ((array, fine[1]), (fine[0], array)):
        with pytest.raises(bb.UsageError, match="out must be"):
            book.depth(out=out)


@pytest.mark.parametrize(
    "make",
    [
        np.zeros,
        lambda shape: memoryview(bytearray(1 + 16 * shape[0]))[1:].cast("d", shape),
        lambda shape: memoryview(np.zeros(shape)),
        lambda shape: np.zeros(shape).view(Subclass),
    ],
)
def test_what_is_filled_in_is_float_of_the_text(make):
    # Some above 2**53 at the scale of the book, where an int64 has no double of its own.
    bids, asks = ["1.789012345678901234", "0.3", "0.1"], ["9.007199254740993", "9.1"]
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([], [(price, price) for price in asks])
    assert book.depth(exact=True).asks[0] == (Decimal(asks[0]), Decimal(asks[0]))
    out = make((5, 2)), make((5, 2))
    assert book.depth(out=out) == (0, 2)
    assert np.asarray(out[1])[:2].tolist() == [[float(price)] * 2 for price in asks]
    book.apply_snapshot([(price, price) for price in bids[1:]], [("9007199254740993", bids[0])])
    assert book.depth(out=out) == (2, 1)
    assert np.asarray(out[1])[:1].tolist() == [[9007199254740992.0, float(bids[0])]]
    book.apply_snapshot([(price, price) for price in bids], [])
    assert book.depth(out=out) == (3, 0)
    assert np.asarray(out[0])[:3].tolist() == [[float(price)] * 2 for price in bids]
    assert np.isnan(np.asarray(out[0])[3:]).all()
    assert np.isnan(np.asarray(out[1])).all()


def test_a_row_that_shortens_the_list_it_stands_in():
    class Shortens:
        def __iter__(self):
            rows.clear()
            return iter(("1", "2"))

    rows = [Shortens(), ("3", "4"), ("5", "6")]
    assert outcome(rows)[1] == [(Decimal(1), Decimal(2))]


def test_a_row_that_changes_the_scale_of_its_book():
    class Finer:
        def __iter__(self):
            # Over a channel of frames, which the book has beside the hand.
            engine.apply(
                b'{"table":"spot/depth/increase100","data":[{"symbol":"BTC_USDT","type":"snapshot",'
                b'"version":5,"ms_t":1,"bids":[["0.00001","0.001"]],"asks":[]}]}'
            )
            return iter(("1.5", "2.5"))

    engine = bb.Engine()
    book = engine.book("BTC_USDT")
    book.apply_snapshot([("1", "1")], [])
    book.apply_delta([(2.5, 3.5), Finer(), (4.25, 1.0)], [])
    book.check()
    assert [tuple(level) for level in book.bids][:3] == [(4.25, 1.0), (2.5, 3.5), (1.5, 2.5)]


class Text(str):
    pass


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("\uff11", "expected a decimal number"),
        ("\udc80", "expected a decimal number"),
        ("", "expected a decimal number"),
        ("-1", "must not be negative"),
        (True, "must be str, Decimal, int or float, was bool"),
        ("1e-40", "more digits than can be held"),
        ("1" * 30, "more digits than can be held"),
    ],
)
def test_what_is_no_number_is_named_with_its_row(value, says):
    for row in ((value, "1"), ["1", value]):
        found = outcome([("7", "7"), row])
        assert "row 1: " in found
        assert says in found


def test_texts_of_other_types_are_numbers_too():
    rows = [(Text("1.5"), "2"), [np.str_("2.5"), np.float64(0.1)], "34", (Decimal("5"), 6)]
    with pytest.raises(bb.UsageError, match=r"bid row 2: expected \(price, size\), was '34'"):
        bb.Book("BTC_USDT").apply_snapshot(rows, [])
    del rows[2]
    assert outcome(tuple(rows))[1] == [
        (Decimal(5), Decimal(6)), (Decimal("2.5"), Decimal("0.1")), (Decimal("1.5"), Decimal(2)),
    ]  # fmt: skip
