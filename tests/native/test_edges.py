"""Where one thing ends and the next begins: the very deadline, the very limit, the second time."""

import json
import pickle
from decimal import Decimal
from fractions import Fraction

import msgspec
import numpy
import pytest

import bitmart_book as bb
from bitmart_book import BookNotLive, BookState, Change, GuardRefused, Level
from bitmart_book.venues import SPOT, Venue
from tests.helpers.frames import FUTURES_TRADES, SPOT_TRADES, spot, spot_item, spot_items

SECOND = 1_000_000_000
BIDS, ASKS = [("100", "1"), ("99", "1")], [("101", "1"), ("102", "1")]


class Clocked:
    """A book on an open connection, under a clock that is set by hand, in nanoseconds."""

    def __init__(self, valid_for=8.0, **options):
        self.ns = 0
        self.engine = bb.Engine(clock=lambda: self.ns, **options)
        self.book = self.engine.book("BTC_USDT")
        self.engine.open_line(1, valid_for)
        self.engine.assign(self.book, 1)
        self.hear("snapshot", 100, BIDS, ASKS)
        assert self.state == BookState.LIVE

    def hear(self, kind, version, bids=(), asks=(), **more):
        return self.engine.apply(spot(kind, version, bids, asks), generation=1, **more)

    @property
    def state(self):
        return self.book.state

    def refusal(self):
        with pytest.raises(BookNotLive) as caught:
            _ = self.book.best_bid
        return caught.value


# --- deadlines ---


def test_at_its_very_deadline_a_book_is_stale_and_not_read():
    clocked = Clocked(valid_for=100.0)
    clocked.ns = round(9.5 * SECOND) - 1
    assert clocked.state == BookState.LIVE
    assert clocked.book.quote.bid == 100
    clocked.ns += 1
    assert clocked.state == BookState.STALE
    assert clocked.book.quote_in_any_state().state == BookState.STALE
    assert clocked.book.peek().state == BookState.STALE
    with pytest.raises(BookNotLive):
        _ = clocked.book.quote
    assert clocked.refusal().state == BookState.STALE
    clocked.hear("update", 100)
    assert clocked.state == BookState.LIVE
    assert clocked.book.stats["lapses"] == 1


def test_a_frame_at_the_very_deadline_of_its_connection_does_not_open_it():
    clocked = Clocked()
    clocked.ns = 8 * SECOND - 1
    clocked.hear("update", 100)
    clocked.ns += 8 * SECOND
    clocked.hear("update", 100)
    assert clocked.state == BookState.STALE
    assert clocked.book.reason == "nothing heard on its connection for 8 s"
    clocked.engine.release(1)
    assert clocked.state == BookState.LIVE


def test_a_connection_does_not_confirm_a_book_that_has_lapsed():
    clocked = Clocked(valid_for=100.0)
    clocked.ns = round(9.5 * SECOND)
    clocked.engine.confirm(clocked.book, 50 * SECOND)
    assert clocked.state == BookState.STALE


def test_a_book_that_has_lapsed_is_not_finished_as_live():
    clocked = Clocked(valid_for=100.0)
    clocked.ns = round(9.5 * SECOND)
    clocked.engine.finish("the end")
    assert clocked.state == BookState.STALE


def test_a_finished_book_has_the_age_that_it_had():
    clocked = Clocked()
    clocked.ns = 2 * SECOND
    clocked.engine.finish("the end")
    clocked.ns = 50 * SECOND
    assert clocked.book.quote.age == 2.0


def test_a_gap_that_goes_on_began_when_it_began():
    clocked = Clocked()
    clocked.ns = SECOND
    clocked.hear("update", 105, [("98", "1")])
    clocked.ns = 2 * SECOND
    clocked.engine.invalidate(clocked.book, "lost once more")
    error = clocked.refusal()
    assert (error.state, error.since) == (BookState.GAP, SECOND)


def test_a_held_connection_is_held_since_the_first_time():
    clocked = Clocked()
    for second in (3, 4):
        clocked.ns = second * SECOND
        clocked.engine.hold(1, "late")
    clocked.ns = 5 * SECOND
    error = clocked.refusal()
    assert (error.reason, error.since) == ("late", 3 * SECOND)
    assert clocked.book.valid_until == 0


def test_what_confirms_in_the_same_moment_is_what_confirmed():
    clocked = Clocked()
    assert clocked.book.confirmed_by == "snapshot"
    clocked.hear("update", 100)
    assert clocked.book.confirmed_by == "heartbeat"


def test_a_new_run_is_as_old_as_the_snapshot_that_begins_it():
    """What confirmed the run before is younger, and says nothing of this one."""
    clocked = Clocked(valid_for=100.0)
    clocked.ns = 5 * SECOND
    clocked.engine.expect(clocked.book)
    clocked.ns = 8 * SECOND
    clocked.hear("update", 101, [("98", "1")])
    clocked.engine.invalidate(clocked.book, "lost")
    clocked.ns = 9 * SECOND
    clocked.hear("snapshot", 101, BIDS, ASKS)
    assert clocked.book.valid_until == 14.5 * SECOND
    assert clocked.book.quote.age == 4.0


def test_a_book_that_came_crossed_once_can_be_doubted_and_continued_later():
    clocked = Clocked()
    clocked.hear("snapshot", 105, [("103", "1")], ASKS)
    assert clocked.state == BookState.STALE
    clocked.hear("snapshot", 106, BIDS, ASKS)
    clocked.engine.invalidate(clocked.book, "a doubt", state=BookState.STALE)
    clocked.hear("update", 106)
    assert clocked.state == BookState.LIVE


def test_one_frame_that_was_heard_earlier_says_nothing_of_the_next():
    clocked = Clocked()
    clocked.ns = 4 * SECOND
    clocked.hear("update", 100, heard_ns=3 * SECOND)
    clocked.hear("update", 100)
    assert clocked.engine.line(1).last_heard == 4 * SECOND
    with pytest.raises(bb.MessageError):
        clocked.engine.apply("[]", generation=1, heard_ns=SECOND)
    clocked.hear("update", 100)
    assert clocked.engine.line(1).last_heard == 4 * SECOND


def test_a_connection_whose_number_comes_again_is_a_new_one():
    clocked = Clocked()
    clocked.engine.forget_generation(1)
    assert clocked.engine.line(1) is None
    clocked.hear("update", 100)
    assert clocked.engine.line(1).last_heard == 0
    clocked.engine.open_line(1, 3.0)
    clocked.engine.assign(clocked.book, 1)
    clocked.hear("snapshot", 100, BIDS, ASKS)
    assert clocked.book.valid_until == 3 * SECOND


def test_a_new_book_says_what_it_waits_for():
    assert bb.Book("BTC_USDT").reason == "no snapshot yet"


def test_the_time_of_receipt_is_that_of_the_last_heartbeat_too():
    clocked = Clocked()
    clocked.engine.apply(spot("update", 100), 77, generation=1)
    assert clocked.book.receive_time_ns == 77


def test_a_book_is_told_that_it_hears_by_heartbeats_and_by_what_lies_beyond_a_gap():
    clocked = Clocked()
    before = clocked.engine.updates(clocked.book)
    clocked.hear("update", 100)
    assert clocked.engine.updates(clocked.book) == before + 1
    before = clocked.engine.changes_told(clocked.book)
    assert clocked.hear("update", 101) & Change.GAP, "the heartbeat of an update that was lost"
    assert clocked.engine.changes_told(clocked.book) == before + 1


# --- versions ---


def test_version_zero_is_a_version():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 0, BIDS, ASKS))
    book = engine["BTC_USDT"]
    assert book.sequence == book.quote.sequence == 0
    assert engine.apply(spot("update", 0)) == Change.HEARTBEAT
    assert engine.apply(spot("update", 1, [("98", "1")])) & Change.LEVELS
    assert engine.apply(spot("update", 0, [("97", "1")])) == Change.DUPLICATE
    assert book.size_at("bid", 97) == 0


# --- frames and engines ---


def test_a_frame_of_exactly_the_largest_size_is_read():
    frame = spot("snapshot", 5, BIDS, ASKS)
    for scan in (True, False):
        assert bb.Engine(max_frame_bytes=len(frame), scan=scan).apply(frame)
        with pytest.raises(bb.MessageError, match="the limit is"):
            bb.Engine(max_frame_bytes=len(frame) - 1, scan=scan).apply(frame)


def test_trades_are_those_of_the_last_frame():
    engine = bb.Engine()
    engine.apply(SPOT_TRADES)
    assert len(engine.trades) == 1
    engine.apply("pong")
    assert engine.trades == ()


def test_a_trade_is_of_its_market_alone():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 5, BIDS, ASKS, symbol="BTCUSDT"))
    futures = engine.book("BTCUSDT")
    assert engine.apply(FUTURES_TRADES) == Change.TRADE
    assert futures.last_trade is not None
    assert engine["spot/depth/increase100:BTCUSDT"].last_trade is None


def test_a_symbol_is_looked_for_again_when_there_is_another_book():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 5, BIDS, ASKS, symbol="BTCUSDT"))
    assert engine["BTCUSDT"].market == "spot"
    engine.book("BTCUSDT")
    assert engine["BTCUSDT"].market == "futures"


def test_a_book_hears_no_newer_connection_than_the_one_it_is_subscribed_on():
    clocked = Clocked()
    assert clocked.engine.apply(spot("snapshot", 200, [], []), generation=2) == 0
    assert clocked.book.stats["refused_generation"] == 1
    assert (clocked.state, clocked.book.sequence) == (BookState.LIVE, 100)


def test_every_item_of_a_frame_adds_to_what_it_changed():
    engine = bb.Engine()
    for symbol in ("A_USDT", "B_USDT"):
        engine.apply(spot("snapshot", 5, BIDS, ASKS, symbol=symbol))
    engine.apply(
        spot_items(
            spot_item("update", 6, [("98", "1")], symbol="A_USDT"),
            spot_item("update", 6, [("100", "7")], symbol="B_USDT"),
            spot_item("update", 7, [("98", "1")], symbol="B_USDT"),
        )
    )
    assert [book.symbol for book in engine.touched] == ["A_USDT", "B_USDT"]
    assert engine["B_USDT"].last_change & Change.TOP


def test_a_bad_frame_whose_items_have_no_name_is_of_its_topic():
    engine = bb.Engine()
    book = engine.book("BTCUSDT")
    book.apply_snapshot(BIDS, ASKS, 5)
    frame = {"group": "futures/depthIncrease50:BTCUSDT", "data": [7]}
    with pytest.raises(bb.MessageError):
        engine.apply(json.dumps(frame))
    assert book.state == BookState.GAP


def test_a_snapshot_that_cannot_be_held_makes_no_book_that_nobody_wants():
    engine = bb.Engine(only_known=True)
    rows = [("9000000000000", "1"), ("0.0000000001", "1")]
    with pytest.raises(bb.NumberError):
        engine.apply(spot("snapshot", 5, rows))
    assert len(engine) == 0


def test_nothing_that_waited_outlives_a_snapshot_that_cannot_be_held():
    engine = bb.Engine()
    engine.apply(spot("update", 6, [("98", "5")]))
    with pytest.raises(bb.NumberError):
        engine.apply(spot("snapshot", 5, [("9000000000000", "1"), ("0.0000000001", "1")]))
    engine.apply(spot("snapshot", 5, BIDS, ASKS))
    book = engine["BTC_USDT"]
    assert (book.sequence, book.size_at("bid", 98)) == (5, 0)


@pytest.mark.parametrize("scan", [True, False])
def test_an_empty_time_is_none(scan):
    engine = bb.Engine(scan=scan)
    engine.apply(spot("snapshot", 5, BIDS, ASKS, ms_t=""))
    assert engine["BTC_USDT"].exchange_time_ms is None


def test_a_side_that_waits_to_be_read_is_counted_on_both_sides():
    engine = bb.Engine()
    engine.apply(spot("update", 6, [("98", "5")], [("103", "1"), ("104", "1")]))
    engine["BTC_USDT"].check()


@pytest.mark.parametrize("kind", ["snapshot", "by hand"])
def test_of_two_rows_of_one_price_beside_each_other_the_last_one_stands(kind):
    bids = [("100", "1"), ("100", "2"), ("99", "1")]
    asks = [("101", "1"), ("102", "1"), ("102", "3")]
    engine = bb.Engine()
    book = engine.book("BTC_USDT")
    if kind == "snapshot":
        engine.apply(spot(kind, 5, bids, asks))
    else:
        book.apply_snapshot(bids, asks, 5)
    assert list(map(tuple, book.bids)) == [(100, 2), (99, 1)]
    assert list(map(tuple, book.asks)) == [(101, 1), (102, 3)]


def test_what_a_snapshot_replaces_in_a_frame_binds_nothing_behind_it():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 5, [("9000000000000", "1")]))
    snapshot = spot_item("snapshot", 6, [("1.0000000001", "1")], ASKS)
    assert engine.apply(spot_items(snapshot, spot_item("update", 7, [("0.0000000001", "1")])))
    assert engine["BTC_USDT"].sequence == 7


@pytest.mark.parametrize("size", [2**32 - 1, 2**32, 2**32 + 7, 2**53, 2**62])
def test_a_size_of_more_than_32_bits_is_kept_where_levels_lie_close(size):
    sides = (
        [(str(1_000 - place), "1") for place in range(64)],
        [(str(1_001 + place), "1") for place in range(64)],
    )
    for large in ("snapshot", "update"):
        engine = bb.Engine()
        more = [("999", str(size))], [("1005", str(size))]
        rows = [
            [*side, *row] if large == "snapshot" else side
            for side, row in zip(sides, more, strict=True)
        ]
        engine.apply(spot("snapshot", 5, *rows))
        if large == "update":
            engine.apply(spot("update", 6, [("998", "2")], [("1004", "2")]))
            engine.apply(spot("update", 7, *more))
        book = engine["BTC_USDT"]
        book.check()
        assert book.size_at("bid", 999) == book.size_at("ask", 1005) == float(size)


# --- what is known, and what it says of itself ---


@pytest.mark.parametrize("short", ["bids", "asks"])
def test_a_depth_is_complete_if_both_sides_are(short):
    book = bb.Book("BTC_USDT", max_levels=2)
    more = {"bids": ("98", "1"), "asks": ("103", "1")}
    sides = {"bids": BIDS, "asks": ASKS}
    sides[short] = [*sides[short], more[short]]
    book.apply_snapshot(sides["bids"], sides["asks"], 5)
    for depth in (book.depth(), book.depth(exact=True), book.grouped(1), book.depth(3)):
        assert not depth.complete
    for depth in (book.depth(2), book.depth(2, exact=True), book.grouped(1, 2)):
        assert depth.complete
    assert book.stats["trimmed"] == 1
    assert book.depth(2) != book.peek().depth()


def test_a_frozen_copy_is_of_its_run_and_its_age():
    clocked = Clocked()
    assert clocked.engine.book("ETH_USDT").quote_in_any_state().age is None, "nothing confirmed it"
    clocked.engine.invalidate(clocked.book, "lost")
    clocked.ns = 5 * SECOND
    clocked.hear("snapshot", 103, BIDS, ASKS)
    clocked.hear("update", 103)
    clocked.ns = 8 * SECOND
    copy = clocked.book.peek()
    clocked.ns = 60 * SECOND
    assert (copy.epoch, copy.quote.age) == (2, 3.0)


def test_levels_of_one_value_are_equal_at_every_scale():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("100", "1"), ("99.125", "0.5")], ASKS, 5)
    assert book.best_bid == Level("100", "1")
    assert pickle.loads(pickle.dumps(book.quote)) == book.quote


def test_a_side_alone_has_a_top_and_no_imbalance():
    engine = bb.Engine()
    assert engine.apply(spot("snapshot", 5, BIDS, [])) & Change.TOP
    assert engine["BTC_USDT"].imbalance(1) is None


def test_no_rows_of_a_grid():
    book = bb.Book("BTC_USDT", max_levels=2)
    book.apply_snapshot([*BIDS, ("98", "1")], ASKS, 5)
    depth = book.grouped(1, 0)
    assert (len(depth.bids), depth.complete) == (0, True)


@pytest.mark.parametrize("amount", [Decimal("1e-400"), Decimal("1e-330")])
def test_a_sweep_of_next_to_nothing_finds_a_level(amount):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(BIDS, ASKS, 5)
    sweep = book.sweep("ask", size=amount)
    assert (sweep.levels, sweep.worst_price, sweep.complete) == (1, 101.0, True)


@pytest.mark.parametrize("count", [True, False])
def test_a_truth_is_no_number_of_levels(count):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(BIDS, ASKS, 5)
    for read in (book.depth, book.imbalance):
        with pytest.raises(bb.UsageError, match="must be a whole number"):
            read(count)


def test_a_guard_lets_pass_what_is_just_good_enough():
    clocked = Clocked()
    clocked.ns = 2 * SECOND
    with clocked.book.guard(max_age=2.0) as quote:
        assert quote.age == 2.0
    with pytest.raises(GuardRefused), clocked.book.guard(max_age=1.999):
        pass
    with clocked.book.guard(max_age=None):
        pass
    # From 100 to 102 around 101 would be 198.02; 99 to 101 around 100 is 200.
    clocked.hear("update", 101, [("100", "0")])
    with clocked.book.guard(max_spread_bps=200):
        pass
    with pytest.raises(GuardRefused), clocked.book.guard(max_spread_bps=Decimal("199.999")):
        pass
    clocked.ns = round(9.4 * SECOND)
    with clocked.book.guard(max_age=None):
        pass


# --- numbers ---


@pytest.mark.parametrize(
    "text",
    [
        "1000000000000000001",
        "1." + "0" * 62,
        "9223372036854775807",
        "1e18",
        "1000000000000000000",
    ],
)
def test_the_longest_and_the_largest_are_found_again(text):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(text, text)], [], 5)
    assert book.depth(exact=True).bids == [(Decimal(text), Decimal(text))]
    assert book.size_at("bid", text) == float(text)


def test_a_value_in_another_form_is_a_repeat():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 5, [("2", "1")], [("3", "1")]))
    assert engine.apply(spot("update", 6, [("1", "1e18")])) & Change.LEVELS
    assert engine.apply(spot("update", 6, [("1", "1" + "0" * 18)])) == Change.DUPLICATE


@pytest.mark.parametrize("text", ["1e", "1e+", "1E-", "1e1.5", "e1"])
def test_an_exponent_has_digits(text):
    with pytest.raises(bb.UsageError, match="expected a decimal number"):
        bb.Book("BTC_USDT").apply_snapshot([(text, "1")], [], 5)


@pytest.mark.parametrize(
    ("number", "scale"),
    [(76005465115331769, 11), (35213610335926478, 15), (68767588086740292, 17), (2**53 + 1, 1)],
)
def test_seventeen_digits_are_rounded_once(number, scale):
    text = f"{number}e-{scale}"
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(text, text)], [], 5)
    assert book.best_bid_price == book.best_bid_size == float(text)
    assert list(book.depth().bids[0]) == [float(text)] * 2
    book.apply_snapshot([("1", text)], [], 6)
    assert list(book.depth().bids[0]) == [1.0, float(text)]
    book.apply_snapshot([(text, "1")], [], 7)
    assert list(book.depth().bids[0]) == [float(text), 1.0]


@pytest.mark.parametrize("value", [0.9437261654655023, 0.9236996522554503, 0.9179606041626261])
def test_sixteen_digits_of_a_float_are_those_of_its_text(value):
    """More than fifteen do not pair off with doubles, also where the scale is that fine."""
    book = bb.Book("BTC_USDT")
    rows = numpy.array([[value, value], [0.25, value]])
    for given in (rows, rows.tolist(), rows):
        book.apply_snapshot(given, [], 5)
        assert book.depth(exact=True).bids[0] == (Decimal(repr(value)), Decimal(repr(value)))


@pytest.mark.parametrize("seconds", [0, 0.0, -1, 1e9, True])
def test_a_book_is_valid_for_some_time(seconds):
    for make in (
        lambda: bb.Book("BTC_USDT", valid_for=seconds),
        lambda: bb.Engine(valid_for=seconds),
    ):
        with pytest.raises(bb.UsageError, match="a positive number of seconds"):
            make()


def test_a_top_that_was_finer_is_another_one():
    """A picture may make the book coarser again, where it could not be held otherwise."""
    engine = bb.Engine()
    fine = "1.000000000000000005"
    engine.apply(spot("snapshot", 5, [(fine, "1")], [("2", "1")]))
    coarse = [("2", "1"), ("9000000000000000000", "1")]
    assert engine.apply(spot("snapshot", 6, [("1", "1")], coarse)) & Change.TOP
    book = engine["BTC_USDT"]
    assert book.depth(exact=True).asks[1][0] == Decimal("9000000000000000000")
    assert not engine.apply(spot("snapshot", 7, [("1.0", "1.0")], coarse)) & Change.TOP


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("first", [10**18, 922337203685477570, 3 * 10**18 + 7])
def test_groups_of_a_grid_finer_than_the_book_in_large_prices(first, count):
    book = bb.Book("BTC_USDT")
    prices = [first + place for place in range(12)]
    book.apply_snapshot([(price, 1) for price in prices], [], 5)
    book.check()
    groups = {}
    for price in reversed(prices):
        groups.setdefault(price * 2 // 5, []).append(price)
    expected = [float(len(rows)) for rows in list(groups.values())[:count]]
    assert [size for _, size in book.grouped("2.5", count).bids] == expected


def test_numbers_below_one_begin_with_a_zero():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("0.5", "0.25")], [("0.75", "10")], 5)
    assert "bid 0.5 x 0.25 | ask 0.75 x 10," in repr(book)
    book.apply_delta([("0.8", "1")], [], 6)
    assert "bid 0.8 is not below ask 0.75" in book.reason


def test_a_buffer_that_was_filled_is_given_back():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(BIDS, ASKS, 5)
    views = [memoryview(bytearray(32)).cast("d", (2, 2)) for _ in range(2)]
    assert book.depth(out=views) == (2, 2)
    assert views[0].tolist() == [[100.0, 1.0], [99.0, 1.0]]
    for view in views:
        view.release()
    with pytest.raises(bb.UsageError):
        book.depth(out=(wrong := memoryview(bytearray(24)).cast("d", (1, 3)), wrong))
    wrong.release()


def test_the_mid_of_a_small_and_a_large_price_is_rounded_once():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("488e-8", "1")], [("632707624556769396e-8", "1")], 5)
    assert book.mid == float(Fraction(488 + 632707624556769396, 2 * 10**8))


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_no_price_beyond_the_best_is_a_level_however_far_it_is(side):
    """Slots are used again: the one of a price may be that of another one far from it."""
    sign = 1 if side == "bid" else -1
    for best in range(64_000, 64_064, 21):
        engine = bb.Engine()
        prices = [best - sign * place for place in range(1_024)]
        rows, none = [(str(price), "1") for price in prices], []
        engine.apply(spot("snapshot", 5, *((rows, none) if side == "bid" else (none, rows))))
        book = engine["BTC_USDT"]
        beyond = [best + sign * place for place in range(1, 1_100)]
        assert not any(book.size_at(side, price) for price in beyond)
        gone = [(str(price), "0") for price in beyond]
        engine.apply(spot("update", 6, *((gone, none) if side == "bid" else (none, gone))))
        book.check()
        levels = book.bids if side == "bid" else book.asks
        assert [level.price for level in levels] == prices


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_the_only_level_that_is_known_is_counted_wherever_it_lies(side):
    sign = 1 if side == "bid" else -1
    shown = [msgspec.structs.replace(book, window=1) for book in SPOT.books]
    venue = Venue(profiles=(msgspec.structs.replace(SPOT, books=tuple(shown)),))
    for best in range(64_000, 64_064):
        engine = bb.Engine(venue=venue)
        top, none = [(str(best), "1")], []
        engine.apply(spot("snapshot", 5, *((top, none) if side == "bid" else (none, top))))
        for version in (6, 7):
            rows = [(str(best - sign * place), str(version)) for place in range(1, 40)]
            engine.apply(
                spot("update", version, *((rows, none) if side == "bid" else (none, rows)))
            )
        assert engine["BTC_USDT"].complete_depth(side) == 1
