"""One book fed by hand: what each call does, in which state, and what reads say then."""

import copy
import os
import pickle
import threading
from decimal import Decimal

import numpy as np
import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book._book import clock_ns

READS = {
    "best_bid": lambda book: book.best_bid,
    "best_ask": lambda book: book.best_ask,
    "best_bid_price": lambda book: book.best_bid_price,
    "best_bid_size": lambda book: book.best_bid_size,
    "best_ask_price": lambda book: book.best_ask_price,
    "best_ask_size": lambda book: book.best_ask_size,
    "quote": lambda book: book.quote,
    "mid": lambda book: book.mid,
    "spread": lambda book: book.spread,
    "spread_bps": lambda book: book.spread_bps,
    "microprice": lambda book: book.microprice,
    "total_size": lambda book: book.total_size("bid", 2),
    "imbalance": lambda book: book.imbalance(3),
    "bids": lambda book: book.bids,
    "asks": lambda book: book.asks,
    "depth": lambda book: book.depth(5),
    "depth_out": lambda book: book.depth(out=(np.empty((2, 2)), np.empty((2, 2)))),
    "depth_exact": lambda book: book.depth(exact=True),
    "size_at": lambda book: book.size_at("bid", "99"),
    "sweep": lambda book: book.sweep("ask", size=1),
    "size_within": lambda book: book.size_within("bid", 10),
    "grouped": lambda book: book.grouped(1),
    "complete_depth": lambda book: book.complete_depth("bid"),
}
EMPTY_SIDE = {
    "best_ask": None,
    "best_ask_price": None,
    "best_ask_size": None,
    "mid": None,
    "spread": None,
    "spread_bps": None,
    "microprice": None,
    "imbalance": None,
}


def live_book(**options):
    book = bb.Book("BTC_USDT", **options)
    book.apply_snapshot([("99", "1"), ("98", "2")], [("101", "3"), ("102", "4")], sequence=7)
    return book


class Clock:
    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now


# --- states ---


def test_a_new_book_waits_for_its_snapshot():
    book = bb.Book("BTC_USDT")
    assert book.state == BookState.SYNCING
    assert book.reason == "no snapshot yet"
    assert (book.symbol, book.market, book.channel) == (
        "BTC_USDT",
        "spot",
        "spot/depth/increase100",
    )
    assert book.epoch == 0
    with pytest.raises(bb.BookNotLive) as caught:
        book.best_bid
    error = caught.value
    assert (error.state, error.reason, error.since, error.epoch) == (
        BookState.SYNCING,
        "no snapshot yet",
        None,
        0,
    )


def test_a_snapshot_makes_it_live():
    book = live_book()
    assert book.state == BookState.LIVE
    assert book.reason is None
    assert book.epoch == 1
    assert book.sequence == 7
    assert tuple(book.best_bid) == (99.0, 1.0)
    assert tuple(book.best_ask) == (101.0, 3.0)


@pytest.mark.parametrize("name", READS)
def test_every_read_raises_in_every_state_but_live(name):
    engine = bb.Engine()
    book = engine.book("BTC_USDT")
    for state in set(BookState) - {BookState.LIVE, BookState.CLOSED, BookState.REJECTED}:
        book.apply_snapshot([("99", "1")], [("101", "1")], sequence=1)
        READS[name](book)
        engine.invalidate(book, "for the test", state=state)
        with pytest.raises(bb.BookNotLive) as caught:
            READS[name](book)
        assert caught.value.state == state
        assert caught.value.reason == "for the test"


@pytest.mark.parametrize("state", [BookState.REJECTED, BookState.CLOSED])
@pytest.mark.parametrize("name", READS)
def test_every_read_raises_in_the_final_states(name, state):
    engine = bb.Engine()
    book = engine.book("BTC_USDT")
    engine.invalidate(book, "for the test", state=state)
    with pytest.raises(bb.BookNotLive, match=str(state)):
        READS[name](book)


def test_a_quote_in_any_state_has_prices_in_one_only():
    book = live_book()
    assert book.quote_in_any_state().exact == book.quote.exact
    book.apply_delta([], [], sequence=99)
    quote = book.quote_in_any_state(skipped=3)
    assert (quote.state, quote.sequence, quote.skipped) == (BookState.GAP, 7, 3)
    assert quote.exact == (None, None, None, None)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (None, None, None, None)
    # A frozen copy shows what there was.
    assert book.peek().quote_in_any_state().bid == 99.0


@pytest.mark.parametrize("name", READS)
def test_a_frozen_copy_can_be_read_in_any_state(name):
    book = live_book()
    expected = READS[name](book)
    book.apply_delta([], [("103", "1")], sequence=99)
    assert book.state == BookState.GAP
    peeked = book.peek()
    assert peeked.state == BookState.GAP
    assert peeked.reason == "version gap: expected 8, was 99"
    value = READS[name](peeked)
    if name == "quote":
        assert value.state == BookState.GAP
        assert value.exact == expected.exact
    else:
        assert value == expected
    with pytest.raises(bb.UsageError, match="frozen"):
        peeked.apply_snapshot([], [])


@pytest.mark.parametrize("name", READS)
def test_an_empty_side_is_none_and_never_zero(name):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("99", "1")], [])
    value = READS[name](book)
    if name in EMPTY_SIDE:
        assert value is EMPTY_SIDE[name]
    if name == "quote":
        assert (value.ask, value.ask_size) == (None, None)
        assert value.exact == (Decimal(99), Decimal(1), None, None)


def test_the_best_price_goes_when_its_level_goes():
    book = live_book()
    book.apply_delta([("99", "0"), ("98", "0")], [], sequence=8)
    assert book.best_bid is None
    assert book.mid is None
    book.check()


def test_a_gap_keeps_reads_out_until_the_next_snapshot():
    book = live_book()
    assert book.apply_delta([("99", "5")], [], sequence=9) == Change.GAP
    assert book.state == BookState.GAP
    assert book.peek().best_bid.size == 1.0  # the update was not applied
    assert book.apply_snapshot([("90", "1")], [("91", "1")], sequence=20) & Change.SNAPSHOT
    assert book.best_bid.price == 90.0
    assert book.epoch == 2
    assert book.stats["gaps"] == 1


def test_an_older_update_is_a_duplicate():
    book = live_book()
    book.apply_delta([("99", "5")], [], sequence=8)
    assert book.apply_delta([("99", "5")], [], sequence=8) == Change.DUPLICATE
    assert book.apply_delta([("97", "1")], [], sequence=7) == Change.DUPLICATE
    assert book.sequence == 8
    assert book.size_at("bid", 97) == 0.0


def test_repeats_never_look_like_a_restart_but_unknown_old_frames_do():
    book = live_book()
    for sequence in (8, 9, 10):
        book.apply_delta([("99", str(sequence))], [], sequence=sequence)
    for _ in range(5):
        for sequence in (8, 9, 10):
            change = book.apply_delta([("99", str(sequence))], [], sequence=sequence)
            assert change == Change.DUPLICATE
    assert book.state == BookState.LIVE
    assert book.apply_delta([("90", "1")], [], sequence=1) == Change.DUPLICATE
    assert book.apply_delta([("90", "1")], [], sequence=2) == Change.DUPLICATE
    assert book.apply_delta([("90", "1")], [], sequence=3) == Change.GAP
    assert book.reason == "the venue's counter restarted: expected 11, was 3"


def test_a_counter_that_restarts_a_little_below_is_no_repeat():
    """The numbers are those of updates just applied, but what they say is another thing."""
    book = live_book()
    for sequence in (8, 9, 10):
        book.apply_delta([("99", str(sequence))], [], sequence=sequence)
    changes = [book.apply_delta([("98", "5")], [], sequence=sequence) for sequence in (8, 9, 10)]
    assert changes == [Change.GAP, Change.BUFFERED, Change.BUFFERED]


def test_updates_kept_before_the_snapshot_are_replayed_in_order():
    book = bb.Book("BTC_USDT")
    assert book.apply_delta([("99", "1")], [], sequence=5) == Change.BUFFERED
    assert book.apply_delta([("99", "2")], [], sequence=6) == Change.BUFFERED
    assert book.apply_delta([("99", "3")], [], sequence=7) == Change.BUFFERED
    book.apply_snapshot([("99", "9")], [("101", "1")], sequence=5)
    assert book.sequence == 7
    assert book.best_bid.size == 3.0


def test_both_sides_of_a_kept_update_are_kept():
    book = bb.Book("BTC_USDT")
    book.apply_delta([("99", "1"), ("98", "2")], [("101", "3"), ("102", "4")], sequence=6)
    book.apply_snapshot([("97", "1")], [("103", "1")], sequence=5)
    assert [tuple(level) for level in book.bids] == [(99, 1), (98, 2), (97, 1)]
    assert [tuple(level) for level in book.asks] == [(101, 3), (102, 4), (103, 1)]


def test_an_uncounted_update_before_the_snapshot_cannot_be_used():
    book = bb.Book("BTC_USDT")
    assert book.apply_delta([("99", "1")], []) == Change.GAP
    assert book.state == BookState.SYNCING


def test_an_unsequenced_book():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("99", "1")], [("101", "1")])
    assert book.sequence is None
    assert book.apply_delta([("99", "2")], []) == Change.LEVELS | Change.TOP
    assert book.best_bid.size == 2.0
    # A counted update cannot be shown to continue a snapshot that was not counted.
    assert book.apply_delta([("99", "3")], [], sequence=1) == Change.GAP


def test_clear():
    book = live_book()
    book.clear()
    assert book.state == BookState.SYNCING
    assert len(book.peek().bids) == 0
    book.check()


# --- change bits ---


def test_change_bits_of_updates():
    book = live_book()
    assert book.apply_delta([("98", "2")], [], sequence=8) == 0
    assert book.apply_delta([("98", "3")], [], sequence=9) == Change.LEVELS
    assert book.apply_delta([("99", "3")], [], sequence=10) == Change.LEVELS | Change.TOP
    assert book.apply_delta([("50", "0")], [], sequence=11) == 0
    assert book.apply_delta([], [("101", "0")], sequence=12) == Change.LEVELS | Change.TOP
    assert book.apply_delta([], [], sequence=12) == Change.HEARTBEAT
    assert book.apply_delta([], [], sequence=13) == 0
    assert book.sequence == 13


def test_the_top_has_changed_when_the_next_level_has_the_same_size():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("99", "1"), ("98", "1")], [("101", "1"), ("102", "1")], sequence=7)
    assert book.apply_delta([("99", "0")], [], sequence=8) == Change.LEVELS | Change.TOP
    assert book.apply_delta([], [("101", "0")], sequence=9) == Change.LEVELS | Change.TOP


def test_the_last_row_of_a_price_wins_in_an_update():
    book = live_book()
    book.apply_delta([("97", "5"), ("97.0", "6")], [("103", "1"), ("103", "0")], sequence=8)
    assert book.size_at("bid", 97) == 6.0
    assert book.size_at("ask", 103) == 0.0


def test_every_price_is_found_again():
    """As floats, 0.29 and 0.57 in units of a hundredth are a little less than 29 and 57."""
    prices = [f"0.{cents:02}" for cents in range(1, 100)]
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(price, "1") for price in prices], [], sequence=1)
    for sequence, price in enumerate(prices, 2):
        book.apply_delta([(price, "0")], [], sequence=sequence)
    assert book.best_bid is None


def test_change_bits_of_snapshots():
    book = live_book()
    rows = [("99", "1"), ("98", "2")], [("101", "3"), ("102", "4")]
    assert book.apply_snapshot(*rows, sequence=8) == Change.SNAPSHOT
    assert book.apply_snapshot(rows[0], [("101", "3")], sequence=9) == (
        Change.SNAPSHOT | Change.LEVELS
    )
    assert book.apply_snapshot([("99", "2")], [("101", "3")], sequence=10) == (
        Change.SNAPSHOT | Change.LEVELS | Change.TOP
    )


def test_a_finer_price_does_not_pretend_that_the_top_moved():
    book = live_book()
    assert book.apply_delta([("97.123", "1.5")], [], sequence=8) == Change.LEVELS
    assert book.stats["widened"] == 1
    assert book.best_bid.exact == (Decimal(99), Decimal(1))


def test_change_names():
    assert Change.names(Change.LEVELS | Change.TOP) == ("LEVELS", "TOP")
    assert Change.names(0) == ()


# --- crossed ---


@pytest.mark.parametrize("price", ["101", "101.5"])
def test_a_locked_or_crossed_book_is_a_gap(price):
    book = live_book()
    change = book.apply_delta([(price, "1")], [], sequence=8)
    assert change & Change.CROSSED
    assert change & Change.GAP
    assert book.state == BookState.GAP
    assert book.reason == f"crossed: bid {price} is not below ask 101"
    book.check()


def test_crossing_is_judged_after_the_whole_frame():
    book = live_book()
    change = book.apply_delta([("101", "1")], [("101", "0")], sequence=8)
    assert change == Change.LEVELS | Change.TOP
    assert book.best_bid.price == 101.0


def test_a_crossed_snapshot_is_stale_until_an_update_heals_it():
    book = bb.Book("BTC_USDT")
    change = book.apply_snapshot([("102", "1")], [("101", "1"), ("103", "1")], sequence=1)
    assert change & Change.CROSSED
    assert book.state == BookState.STALE
    assert book.apply_delta([], [], sequence=1) == Change.HEARTBEAT
    assert book.state == BookState.STALE
    book.apply_delta([], [("101", "0")], sequence=2)
    assert book.state == BookState.LIVE
    assert book.best_ask.price == 103.0


# --- deadlines ---


def test_a_book_goes_stale_by_itself_at_its_deadline():
    clock = Clock()
    book = live_book(clock=clock, valid_for=10)
    assert book.valid_until == 10_000_000_000
    clock.now = 9_999_999_999
    assert book.quote.age == 9.999999999
    clock.now = 10_000_000_000
    assert book.state == BookState.STALE
    assert book.reason == "not confirmed for 10 s"
    with pytest.raises(bb.BookNotLive) as caught:
        book.best_bid_price
    assert caught.value.since == 10_000_000_000


@pytest.mark.parametrize("name", READS)
def test_every_read_compares_the_deadline(name):
    clock = Clock()
    book = live_book(clock=clock)
    READS[name](book)
    clock.now = 10_000_000_000
    with pytest.raises(bb.BookNotLive):
        READS[name](book)


def test_updates_and_heartbeats_confirm_and_duplicates_do_not():
    clock = Clock()
    book = live_book(clock=clock)
    assert book.confirmed_by == "snapshot"
    clock.now = 1_000
    book.apply_delta([("98", "1")], [], sequence=8)
    assert (book.valid_until, book.confirmed_by) == (9_500_001_000, "update")
    clock.now = 2_000
    book.apply_delta([], [], sequence=8)
    assert (book.valid_until, book.confirmed_by) == (9_500_002_000, "heartbeat")
    clock.now = 3_000
    book.apply_delta([("98", "1")], [], sequence=8)
    assert book.valid_until == 9_500_002_000
    assert book.quote.age == 1e-6


def test_an_unbroken_update_revives_a_lapsed_book_and_a_gap_does_not():
    clock = Clock()
    book = live_book(clock=clock)
    clock.now = 20_000_000_000
    assert book.state == BookState.STALE
    book.apply_delta([("98", "1")], [], sequence=8)
    assert book.state == BookState.LIVE
    clock.now = 40_000_000_000
    book.apply_delta([("98", "1")], [], sequence=10)
    assert book.state == BookState.GAP


def test_without_a_clock_a_book_is_never_stale():
    book = live_book()
    assert book.valid_until is None
    assert book.quote.age is None


def test_the_machine_clock_serves_too():
    engine = bb.Engine(clock="monotonic", valid_for=1000)
    book = engine.book("BTC_USDT")
    book.apply_snapshot([("99", "1")], [("101", "1")])
    assert book.state == BookState.LIVE
    assert 0 <= book.quote.age < 100
    engine.confirm(book, book.valid_until - 1_000_000_000_000)
    assert book.state == BookState.STALE
    engine.confirm(book, book.valid_until + 2_000_000_000_000)
    assert book.state == BookState.STALE, "a word from the connection revives nothing"


def test_a_word_that_knows_as_of_when_makes_a_live_book_younger():
    clock = Clock()
    engine = bb.Engine(clock=clock, valid_for=9.5)
    book = engine.book("BTC_USDT")
    book.apply_snapshot([("99", "1")], [("101", "1")])
    clock.now = 5_000_000_000
    engine.confirm(book, 14_000_000_000)
    assert book.quote.age == 5.0
    engine.confirm(book, 14_000_000_000, known_ns=3_000_000_000)
    assert (book.quote.age, book.valid_until) == (2.0, 14_000_000_000)
    engine.confirm(book, 14_000_000_000, known_ns=1_000_000_000)
    assert book.quote.age == 2.0, "nothing is unlearned"
    engine.confirm(book, 14_000_000_000, known_ns=99_000_000_000)
    assert book.quote.age == 0.0, "nobody knows the future"


def test_the_machine_clock_is_the_one_that_is_never_set():
    engine = bb.Engine(clock="monotonic", valid_for=1000)
    book = engine.book("BTC_USDT")
    before = clock_ns()
    book.apply_snapshot([("99", "1")], [("101", "1")])
    assert before <= book.valid_until - 1_000_000_000_000 <= clock_ns()


def test_peek_stops_time():
    clock = Clock()
    book = live_book(clock=clock)
    clock.now = 5_000_000_000
    copy_ = book.peek()
    clock.now = 50_000_000_000
    assert copy_.quote.age == 5.0
    assert copy_.state == BookState.LIVE
    assert book.peek().state == BookState.STALE


@pytest.mark.parametrize("clock", ["wall", 5, object()])
def test_a_clock_must_be_one(clock):
    with pytest.raises(bb.UsageError, match="clock"):
        bb.Book("BTC_USDT", clock=clock)


# --- rows by hand ---


@pytest.mark.parametrize(
    "rows",
    [
        [("99", "1"), ("98", "2")],
        [["99", "1"], ["98", "2"]],
        [(99, 1), (98, 2)],
        [(99.0, 1.0), (98.0, 2.0)],
        [(Decimal("99.0"), Decimal("1.00")), (Decimal(98), Decimal(2))],
        (row for row in [("98", "2"), ("99", "1")]),
        np.array([[99.0, 1.0], [98.0, 2.0]]),
        np.array([[99.0, 1.0], [98.0, 2.0]])[::-1],
        np.array([[99.0, 0, 1.0], [98.0, 0, 2.0]])[:, ::2],
        np.array([[99, 1], [98, 2]]),
        np.array([[99.0, 1.0], [98.0, 2.0]], dtype=np.float32),
        [bb.Level(99, 1), bb.Level(98, 2)],
        [("98", "2"), ("99", "7"), ("99", "1"), ("97", "0")],
    ],
    ids=lambda rows: type(rows).__name__,
)
def test_rows_of_every_kind(rows):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(rows, [])
    assert [tuple(level) for level in book.bids] == [(99.0, 1.0), (98.0, 2.0)]
    book.check()


def test_float_rows_mean_their_shortest_text():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(np.array([[0.1, 0.3]]), np.array([[0.2 + 0.1, 1]]))
    assert book.best_bid.exact == (Decimal("0.1"), Decimal("0.3"))
    assert book.best_ask.exact[0] == Decimal("0.30000000000000004")


@pytest.mark.parametrize("empty", [[], (), np.empty((0, 2)), np.array([]), iter(())])
def test_empty_rows(empty):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(empty, [("1", "1")])
    assert book.best_bid is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("99", "1"), ("nan", "1")], "bid row 1: expected a decimal number, was 'nan'"),
        ([(float("nan"), 1)], "bid row 0: a number must be finite"),
        ([(float("inf"), 1)], "bid row 0: a number must be finite"),
        ([(1, -1)], "bid row 0: a number must not be negative"),
        ([("0", "1")], "bid row 0: a price must not be zero"),
        ([("1",)], r"bid row 0: expected \(price, size\)"),
        (["99"], r"bid row 0: expected \(price, size\)"),
        ([None], r"bid row 0: expected \(price, size\)"),
        ([("1", None)], "bid row 0: a number must be str, Decimal, int or float, was NoneType"),
        (np.array([[1.0, np.nan]]), "bid row 0: a number must be finite"),
        (np.array([[1.0, -1.0]]), "bid row 0: a number must not be negative"),
        (np.array([[0.0, 1.0]]), "bid row 0: a price must not be zero"),
        (5, "bids must be rows"),
        ([("1e19", "1")], "bid row 0: the numbers have more digits"),
        ([("1", "1e-19")], "bid row 0: the numbers have more digits"),
    ],
)
@pytest.mark.parametrize("method", ["apply_snapshot", "apply_delta"])
def test_unusable_rows_change_nothing(method, rows, message):
    book = live_book()
    before = book.peek()
    with pytest.raises(bb.UsageError, match=message):
        getattr(book, method)(rows, [("200", "1")], sequence=8)
    assert book.depth() == before.depth()
    assert (book.state, book.sequence, book.epoch) == (BookState.LIVE, 7, 1)
    assert book.apply_delta([("98", "5")], [], sequence=8) == Change.LEVELS


@pytest.mark.parametrize("sequence", [-1, 1.0, "8", True, 2**63])
def test_a_sequence_must_be_a_whole_number(sequence):
    with pytest.raises(bb.UsageError, match="sequence"):
        live_book().apply_delta([], [], sequence=sequence)


def test_rows_that_call_back_into_the_book_are_refused():
    book = live_book()

    def rows():
        with pytest.raises(bb.UsageError, match="within apply"):
            book.apply_delta([("50", "1")], [], sequence=8)
        yield ("97", "1")

    book.apply_delta(rows(), [], sequence=8)
    assert book.size_at("bid", 97) == 1.0
    assert book.size_at("bid", 50) == 0.0


def test_at_most_so_many_levels():
    book = bb.Book("BTC_USDT", max_levels=3)
    book.apply_snapshot([(price, 1) for price in range(1, 10)], [(20, 1)], sequence=1)
    assert [level.price for level in book.bids] == [9.0, 8.0, 7.0]
    book.apply_delta([("10", "1")], [], sequence=2)
    assert [level.price for level in book.bids] == [10.0, 9.0, 8.0]
    book.apply_delta([("10", "0"), ("9", "0")], [], sequence=3)
    # What was dropped is unknown now: only one level is certain, though 7 came back.
    book.apply_delta([("7", "1")], [], sequence=4)
    assert len(book.bids) == 2
    assert book.complete_depth("bid") == 1
    assert book.stats["trimmed"] == 7
    book.check()


@pytest.mark.parametrize("limit", [0, -1, 50_001, 1.5, True, "5"])
def test_max_levels_has_bounds(limit):
    with pytest.raises(bb.UsageError, match="max_levels"):
        bb.Book("BTC_USDT", max_levels=limit)


# --- keys ---


@pytest.mark.parametrize(
    ("arguments", "channel"),
    [
        ({"symbol": "BTC_USDT"}, "spot/depth/increase100"),
        ({"symbol": "BTCUSDT"}, "futures/depthIncrease50"),
        ({"symbol": "Yinbi_BTC", "channel": "depth20"}, "spot/depth20"),
        ({"symbol": "BTCUSDT", "channel": "depth20"}, "futures/depth20"),
        ({"symbol": "BTCUSDT", "channel": "depthAll5"}, "futures/depthAll5"),
        ({"symbol": "BTC_USDT", "channel": "spot/depth5"}, "spot/depth5"),
        ({"symbol": "BTCUSDT", "market": "spot"}, "spot/depth/increase100"),
        ({"symbol": "BTC_USDT", "channel": "increase100"}, "spot/depth/increase100"),
    ],
)
def test_what_a_symbol_means(arguments, channel):
    assert bb.Book(**arguments).channel == channel


@pytest.mark.parametrize(
    "arguments",
    [
        {"symbol": "BTC/USDT"},
        {"symbol": "BTC-USDT"},
        {"symbol": ""},
        {"symbol": "A" * 65},
        {"symbol": "BTC USDT"},
        {"symbol": "BTC_USDT\u202e"},
        {"symbol": "BTC_USDT", "channel": "depth7"},
        {"symbol": "BTC_USDT", "channel": "depthAll5"},
        {"symbol": "BTC_USDT", "market": "options"},
        {"symbol": None},
    ],
)
def test_what_cannot_exist_is_refused_at_the_door(arguments):
    with pytest.raises(bb.UsageError):
        bb.Book(**arguments)


# --- threads, processes, pickles ---


def test_books_and_engines_do_not_pickle_and_values_do():
    book = live_book()
    for thing in (book, bb.Engine(), book.peek()):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
        with pytest.raises(TypeError):
            copy.copy(thing)
    values = [book.best_bid, book.quote, book.bids, book.depth(), book.depth(exact=True)]
    values += [book.sweep("ask", size=1)]
    for value in values:
        again = pickle.loads(pickle.dumps(value))
        assert again == value
        assert repr(again) == repr(value)


def test_a_level_is_a_value():
    level = live_book().best_bid
    price, size = level
    assert (price, size) == (99.0, 1.0) == level
    assert level[0] == 99.0
    assert len(level) == 2
    assert level == bb.Level("99.00", 1)
    assert level != bb.Level("99.01", 1)
    assert level != 5
    assert hash(level) == hash(bb.Level(99, 1)) == hash((99.0, 1.0))
    assert repr(level) == "Level(price=99.0, size=1.0)"


def test_levels_are_a_frozen_sequence():
    book = live_book()
    bids = book.bids
    book.apply_delta([("99", "0")], [], sequence=8)
    assert len(bids) == 2
    assert bids[0].price == 99.0
    assert [level.price for level in bids[1:]] == [98.0]
    assert [level.price for level in reversed(bids)] == [98.0, 99.0]
    assert bb.Level(98, 2) in bids
    assert repr(bids) == "Levels([(99.0, 1.0), (98.0, 2.0)])"
    with pytest.raises(IndexError):
        bids[2]


def test_repr_never_raises():
    book = bb.Book("BTC_USDT")
    assert repr(book) == (
        "<Book spot/depth/increase100:BTC_USDT SYNCING (no snapshot yet) bid - | ask -, 0/0 levels>"
    )
    assert repr(live_book()) == (
        "<Book spot/depth/increase100:BTC_USDT LIVE bid 99 x 1 | ask 101 x 3, 2/2 levels>"
    )


def test_a_forked_child_has_closed_books():
    engine = bb.Engine()
    book = engine.book("BTC_USDT")
    book.apply_snapshot([("99", "1")], [("101", "1")], sequence=1)
    peeked = book.peek()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover (another process)
        outcome = []
        for action in (
            lambda: book.best_bid,
            lambda: book.apply_delta([], [], sequence=1),
            lambda: engine.apply(b"{}"),
        ):
            try:
                action()
                outcome.append("nothing")
            except bb.BitmartBookError as error:
                outcome.append(type(error).__name__)
        outcome += [str(book.state), str(book.reason), str(peeked.best_bid.price)]
        os.write(writer, "|".join(outcome).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == (
            "BookNotLive|FeedClosed|FeedClosed|CLOSED|closed in a forked child|99.0"
        )
    os.waitpid(child, 0)
    assert book.best_bid.price == 99.0


def test_readers_in_other_threads_see_whole_frames():
    """Bid and ask of one frame always belong together in one `quote`."""
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(10, 1)], [(11, 1)], sequence=0)
    torn, done = [], threading.Event()

    def read():
        while not done.is_set():
            quote = book.quote
            if quote.ask - quote.bid != 1 or quote.bid_size != quote.ask_size:
                torn.append(quote)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for step in range(1, 5_001):
        old, new = 10 + (step - 1) % 7, 10 + step % 7
        # Removals come last in each list so that every frame ends uncrossed.
        book.apply_delta([(old, 0), (new, step)], [(old + 1, 0), (new + 1, step)], sequence=step)
    done.set()
    for reader in readers:
        reader.join()
    assert not torn
    assert book.sequence == 5_000


def test_subclasses_keep_the_reads():
    class Mine(bb.Book):
        pass

    book = Mine("BTC_USDT")
    book.note = "a subclass may carry more"
    book.apply_snapshot([("99", "1")], [("101", "1")])
    assert book.best_bid_price == 99.0
    assert bb.Engine(book_type=Mine).book("BTC_USDT").__class__ is Mine


def test_a_book_says_what_its_sizes_count():
    assert bb.Book("BTC_USDT").unit == "base"
    assert bb.Book("BTCUSDT").unit == "contracts"
    assert bb.Book("BTCUSDT").peek().unit == "contracts"
