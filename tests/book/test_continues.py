"""Changes given by hand that say themselves what they continue: a name, or a range of ids."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.check.reference import Item, ReferenceBook, by_hand
from bitmart_book.venues import BITMART

LIVE = bb.BookState.LIVE
GAP = bb.BookState.GAP


@pytest.fixture
def book():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(99, 1)], [(101, 1)], sequence=100)
    return book


def change(book, sequence, **more):
    return bb.Change.names(book.apply_delta([(98, sequence_of(sequence))], [], sequence, **more))


def sequence_of(sequence):
    return sequence[1] if isinstance(sequence, tuple) else sequence


def test_what_names_the_last_one_continues_it(book):
    assert change(book, 117, previous=100) == ("LEVELS",)
    assert change(book, 118, previous=117) == ("LEVELS",)
    # Down too: a venue that counts anew names the last of the old count.
    assert change(book, 3, previous=118) == ("LEVELS",)
    assert (book.state, book.sequence) == (LIVE, 3)
    assert change(book, 5, previous=4) == ("GAP",)
    assert (book.state, book.reason) == (
        GAP, "version gap: expected what follows 3, was what follows 4",
    )  # fmt: skip


def test_a_range_continues_what_it_holds_or_begins_behind(book):
    assert change(book, (95, 103)) == ("LEVELS",)
    assert change(book, (104, 104)) == ("LEVELS",)
    assert change(book, (101, 104)) == ("DUPLICATE",)
    assert (book.state, book.sequence) == (LIVE, 104)
    assert change(book, (106, 110)) == ("GAP",)
    assert book.reason == "version gap: expected 105, was 106"


def test_of_both_one_is_enough(book):
    """The first behind Binance's snapshot is found by its range, all others by name."""
    assert change(book, (90, 120), previous=80) == ("LEVELS",)
    assert change(book, (150, 160), previous=120) == ("LEVELS",)
    assert change(book, (170, 180), previous=165) == ("GAP",)


def test_changes_that_came_before_their_snapshot_are_judged_by_what_they_say():
    book = bb.Book("BTC_USDT")
    for sequence, previous in (((80, 90), 70), ((95, 105), 90), ((130, 140), 105)):
        assert change(book, sequence, previous=previous) == ("BUFFERED",)
    book.apply_snapshot([(99, 1)], [(101, 1)], sequence=100)
    assert (book.state, book.sequence, book.size_at("bid", 98)) == (LIVE, 140, 140.0)


@pytest.mark.parametrize(
    ("sequence", "more"),
    [
        (None, {"previous": 1}),
        ((1, 2, 3), {}),
        ((3, 2), {}),
        ((-1, 2), {}),
        (("1", "2"), {}),
        (5, {"previous": -1}),
        (5, {"previous": "4"}),
        (5, {"previous": True}),
    ],
)
def test_misuse(book, sequence, more):
    with pytest.raises(bb.UsageError):
        book.apply_delta([(98, 1)], [], sequence, **more)
    assert len(book.peek().bids) == 1


def test_a_snapshot_has_no_range(book):
    with pytest.raises(bb.UsageError):
        book.apply_snapshot([(98, 1)], [], sequence=(1, 2))


SMALL = st.integers(90, 112)


def decimal_rows(sides):
    return {
        side: [(Decimal(price), Decimal(size)) for price, size in rows]
        for side, rows in sides.items()
    }


@st.composite
def changes(draw):
    last = draw(SMALL)
    begins = draw(st.one_of(st.none(), st.integers(88, last)))
    previous = draw(st.one_of(st.none(), SMALL))
    rows = draw(st.sampled_from([[], [(98, last)]]))
    return last, begins, previous, rows


@given(st.lists(st.one_of(changes(), SMALL), max_size=12))
def test_the_reference_agrees(steps):
    book = bb.Book("BTC_USDT")
    reference = ReferenceBook("BTC_USDT", BITMART.book_channel("BTC_USDT")[1])
    for step in steps:
        if isinstance(step, int):
            rows = {"bid": [(99, 1)], "ask": [(101, 1)]}
            found = book.apply_snapshot(rows["bid"], rows["ask"], step)
            expected = by_hand(reference, "snapshot", Item("snapshot", decimal_rows(rows), step))
        else:
            last, begins, previous, bids = step
            sequence = last if begins is None else (begins, last)
            found = book.apply_delta(bids, [], sequence, previous=previous)
            item = Item(
                "update", decimal_rows({"bid": bids, "ask": []}), last, previous=previous,
                linked=begins is not None or previous is not None, begins=begins,
            )  # fmt: skip
            expected = by_hand(reference, "update", item)
        assert bb.Change.names(found) == bb.Change.names(expected)
        assert (book.state, book.sequence) == (reference.state, reference.sequence)
        assert book.peek().depth(exact=True).bids == reference.side("bid")
