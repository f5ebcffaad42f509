"""Channels that send their sides one by one: each has its own stamp, and neither vouches for the
other."""

import pytest

from bitmart_book import BookState, Change, Engine
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.frames import futures_side

BID, ASK = 1, 2


class Pair:
    """A LIVE book of futures depth20; prices move up by one with each round."""

    def __init__(self):
        self.engine = ShadowEngine()
        self.price = 100
        self.bid(1_000)
        self.ask(1_000)
        self.book = self.engine["futures/depth20:BTCUSDT"]
        assert self.book.state == BookState.LIVE

    def bid(self, time=None):
        return self.engine.apply(futures_side(BID, [(str(self.price), "1")], time=time))

    def ask(self, time=None):
        return self.engine.apply(futures_side(ASK, [(str(self.price + 9), "1")], time=time))

    @property
    def prices(self):
        return self.book.best_bid_price, self.book.best_ask_price


@pytest.mark.parametrize(
    ("bid", "ask"),
    [
        (lambda time: time, lambda time: time - 1),
        (lambda time: time - 1, lambda time: time),
        (lambda time: time, lambda time: 0),
        (lambda time: 0, lambda time: time),
        (lambda time: time, lambda time: None),
        (lambda time: 0, lambda time: 0),
    ],
)
def test_stamps_are_no_sequence_between_two_sides(bid, ask):
    pair = Pair()
    for round_ in range(1, 20):
        pair.price += 1
        pair.bid(bid(1_000 + 10 * round_))
        pair.ask(ask(1_000 + 10 * round_))
        assert pair.prices == (pair.price, pair.price + 9)


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_side_that_goes_back_in_time_is_dropped_twice_and_then_believed(side):
    pair = Pair()
    say = getattr(pair, side)
    before = pair.prices
    pair.price = 101
    assert say(999) == Change.DUPLICATE
    assert pair.ask(1_000) & Change.SNAPSHOT if side == "bid" else pair.bid(1_000)
    pair.price = 102
    assert say(999) == Change.DUPLICATE
    assert say(999) & Change.SNAPSHOT
    assert pair.prices != before


@pytest.mark.parametrize("unit", [1_000, 1_000_000])
def test_stamps_of_another_unit_hold_nothing_back(unit):
    """For a pair that comes each few seconds two pictures that are dropped are ten seconds."""
    pair = Pair()
    stamp = 1_700_000_000_000
    pair.bid(stamp * unit)
    pair.ask(stamp * unit)
    pair.price = 101
    pair.bid(stamp + 60_000)
    pair.ask(stamp + 60_000)
    assert (pair.book.state, pair.prices) == (BookState.LIVE, (101, 110))


@pytest.mark.parametrize(("goes_on", "stops"), [("bid", "ask"), ("ask", "bid")])
def test_a_side_whose_partner_came_three_times_without_it_is_not_shown(goes_on, stops):
    pair = Pair()
    pair.bid(2_000)
    pair.ask(2_000)
    changes = [getattr(pair, goes_on)(2_000 + place) for place in (1, 2, 3)]
    # The last of the pair was an ask already.
    assert changes[1 if goes_on == "ask" else 2] & Change.GAP
    assert pair.book.state == BookState.STALE
    assert f"the {goes_on}s came 3 times without the {stops}s" in pair.book.reason
    pair.price += 1
    getattr(pair, goes_on)(3_000)
    assert pair.book.state == BookState.STALE
    getattr(pair, stops)(3_000)
    assert pair.book.state == BookState.LIVE
    assert pair.prices == (pair.price, pair.price + 9)


def test_a_side_that_waits_unseen_has_come():
    """A bid that would cross waits for its ask, and both are shown."""
    pair = Pair()
    pair.price = 120
    assert pair.bid(2_000) == Change.BUFFERED
    pair.ask(1_999)
    assert pair.prices == (120, 129)
    pair.price = 121
    assert pair.ask(1_999) & Change.SNAPSHOT


def test_in_a_healthy_book_both_sides_may_be_silent():
    pair = Pair()
    assert pair.book.state == BookState.LIVE
    for round_ in range(10):
        pair.bid(2_000 + round_)
        pair.bid(2_000 + round_)
        pair.ask(2_000 + round_)
    assert pair.book.state == BookState.LIVE


def test_a_side_that_meets_the_other_one_waits_too():
    """A locked book is a crossed one."""
    pair = Pair()
    pair.price = 109
    assert pair.bid(2_000) == Change.BUFFERED
    assert pair.prices == (100, 109)


def test_a_finer_ask_just_above_the_best_bid_meets_nothing():
    pair = Pair()
    assert pair.engine.apply(futures_side(ASK, [("100.5", "1")], time=2_000)) & Change.SNAPSHOT
    assert pair.prices == (100, 100.5)
    assert pair.engine.apply(futures_side(BID, [("100.49", "1")], time=2_000)) & Change.SNAPSHOT
    assert pair.engine.apply(futures_side(BID, [("100.501", "1")], time=2_001)) == Change.BUFFERED


def test_a_side_that_had_waited_is_as_new_as_its_stamp():
    pair = Pair()
    pair.price = 120
    assert pair.bid(2_000) == Change.BUFFERED
    pair.ask(2_000)
    pair.price = 119
    assert pair.bid(1_500) == Change.DUPLICATE
    assert pair.prices == (120, 129)


def test_a_side_that_came_twice_and_stays_crossed_waits_for_its_partner_alone():
    pair = Pair()
    for price in (120, 121):
        pair.price = price
        pair.bid(2_000 + price)
    assert pair.book.state == BookState.GAP
    pair.ask(3_000)
    assert pair.prices == (121, 130)


def test_old_sides_with_newer_ones_between_them_are_no_clock_that_was_set():
    pair = Pair()
    for time in range(2_000, 2_010):
        pair.bid(time)
        pair.ask(time)
        assert pair.bid(time - 500) == Change.DUPLICATE


def test_a_row_is_taken_back_by_one_of_the_same_price_alone():
    """The digits are the same, and the point stands elsewhere."""
    pair = Pair()
    rows = [("112", "1"), ("1.12", "1")]
    assert pair.engine.apply(futures_side(BID, rows, time=2_000)) == Change.BUFFERED
    assert pair.prices == (100, 109)


class Aged:
    """A book of futures depth20 by a clock that is set by hand; seconds."""

    def __init__(self):
        self.now = 100.0
        self.engine = Engine(clock=lambda: round(self.now * 1e9))
        self.bid()
        self.ask()
        self.book = self.engine["futures/depth20:BTCUSDT"]

    def bid(self, price="100"):
        self.engine.apply(futures_side(BID, [(price, "1")]))

    def ask(self, price="109"):
        self.engine.apply(futures_side(ASK, [(price, "1")]))


@pytest.mark.parametrize(("goes_on", "other"), [("bid", "ask"), ("ask", "bid")])
def test_a_book_is_as_old_as_the_older_of_its_sides(goes_on, other):
    aged = Aged()
    until = aged.book.valid_until
    aged.now += 7
    getattr(aged, goes_on)()
    assert aged.book.quote.age == pytest.approx(7.0)
    assert aged.book.valid_until == until
    aged.now += 1
    getattr(aged, other)()
    assert aged.book.quote.age == pytest.approx(1.0)
    aged.now += 2
    getattr(aged, goes_on)()
    assert aged.book.quote.age == pytest.approx(2.0)
    getattr(aged, other)()
    assert aged.book.quote.age == 0.0


def test_a_side_alone_takes_no_time_away_that_the_connection_gave():
    aged = Aged()
    aged.now += 9
    until = round((aged.now + 9) * 1e9)
    aged.engine.confirm(aged.book, until)
    aged.bid()
    assert (aged.book.valid_until, aged.book.quote.age) == (until, pytest.approx(9.0))


def test_sides_that_come_far_apart_make_no_young_book():
    aged = Aged()
    aged.engine.invalidate(aged.book, "a doubt", state=BookState.STALE)
    aged.bid()
    aged.now += 4
    aged.ask()
    assert aged.book.quote.age == pytest.approx(4.0)


def test_a_side_that_had_waited_for_its_partner_counts_from_its_own_coming():
    aged = Aged()
    aged.now += 5
    aged.bid("115")
    assert aged.book.quote.age == pytest.approx(5.0), "it would cross, and waits unseen"
    aged.now += 3
    aged.ask("120")
    assert aged.book.best_bid_price == 115.0
    assert aged.book.quote.age == pytest.approx(3.0)
