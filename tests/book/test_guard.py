"""A verdict with every read: guards, sentences, and the deadline of a connection."""

from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from tests.helpers.frames import spot

SECOND = 1_000_000_000


def snapshot(version):
    return spot("snapshot", version, [("99", "1")], [("101", "1")])


def update(version):
    return spot("update", version, [("98", "1")])


class Clock:
    def __init__(self):
        self.now = 100 * SECOND

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def live(clock, bids=(("99", "1"),), asks=(("101", "1"),)):
    book = bb.Book("BTC_USDT", clock=clock)
    book.apply_snapshot(bids, asks, sequence=7)
    return book


def test_a_good_quote_is_handed_to_the_block(clock):
    book = live(clock)
    with book.guard(max_age=0.5, max_spread_bps=200) as quote:
        assert (quote.bid, quote.ask) == (99.0, 101.0)


@pytest.mark.parametrize("nothing_asked", [{}, {"max_age": 0.5}, {"max_spread_bps": 1}])
def test_a_book_that_is_not_live_is_refused(clock, nothing_asked):
    book = live(clock)
    clock.now += 10 * SECOND
    with pytest.raises(bb.BookNotLive) as caught, book.guard(**nothing_asked):
        pytest.fail("the block must not run")
    assert not isinstance(caught.value, bb.GuardRefused)
    assert caught.value.state == BookState.STALE


def test_an_old_quote_is_refused(clock):
    book = live(clock)
    clock.now += SECOND // 2
    with book.guard(max_age=0.5):
        pass
    clock.now += 1
    with pytest.raises(bb.GuardRefused, match=r"confirmed 0\.500 s ago, at most 0\.5 s"):
        book.guard(max_age=0.5).__enter__()


def test_without_a_word_a_guard_takes_its_age_from_the_table_of_bounds(clock):
    book = live(clock)
    clock.now += 8 * SECOND
    with book.guard() as quote:
        assert quote.age == 8.0
    clock.now += 1
    assert book.state == BookState.LIVE
    with pytest.raises(bb.GuardRefused, match=r"confirmed 8\.000 s ago, at most 8\.0 s"):
        book.guard().__enter__()
    with book.guard(max_age=None):
        pass
    assert book.guard().max_age == 8.0
    assert book.guard(max_age=None).max_age is None


@pytest.mark.parametrize("channel", ["depth20", "depth5"])
def test_a_picture_may_be_older_before_it_is_subscribed_anew(clock, channel):
    picture = bb.Book("BTC_USDT", channel=channel, clock=clock)
    assert picture.guard().max_age == 22.0


def test_a_book_without_a_clock_passes_every_guard():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("99", "1")], [("101", "1")], sequence=7)
    with book.guard() as quote:
        assert quote.age is None


def test_a_wide_quote_is_refused_exactly(clock):
    book = live(clock)  # 2 wide at a mid of 100: 200 basis points
    with book.guard(max_spread_bps=200):
        pass
    with pytest.raises(bb.GuardRefused, match=r"200\.00 bps wide") as caught:
        book.guard(max_spread_bps=Decimal("199.999999")).__enter__()
    assert caught.value.state == BookState.LIVE
    assert caught.value.epoch == 1
    assert caught.value.symbol == "BTC_USDT"


@pytest.mark.parametrize(("bids", "asks", "missing"), [((), (("1", "1"),), "bid")])
def test_a_side_without_levels_has_no_spread(clock, bids, asks, missing):
    book = live(clock, bids, asks)
    with book.guard(max_age=1):
        pass
    with pytest.raises(bb.GuardRefused, match="no bid"):
        book.guard(max_spread_bps=1000).__enter__()


def test_no_ask_either(clock):
    book = live(clock, (("1", "1"),), ())
    with pytest.raises(bb.GuardRefused, match="no ask"):
        book.guard(max_spread_bps=1000).__enter__()


def test_what_happens_in_the_block_is_not_swallowed(clock):
    with pytest.raises(ZeroDivisionError), live(clock).guard():
        1 / 0


def test_without_a_clock_nothing_ages():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(1, 1)], [(2, 1)])
    with book.guard(max_age=0) as quote:
        assert quote.age is None


@pytest.mark.parametrize("value", [-1, float("nan"), "1", True, float("inf")])
@pytest.mark.parametrize("name", ["max_age", "max_spread_bps"])
def test_a_guard_of_nonsense_is_refused_at_once(clock, name, value):
    with pytest.raises(bb.UsageError, match=name):
        live(clock).guard(**{name: value})


# --- sentences ---


def test_every_state_has_a_sentence(clock):
    book = bb.Book("BTC_USDT", clock=clock)
    clock.now += SECOND
    assert book.explain() == "BTC_USDT is syncing, not live for 1.0 s: no snapshot yet"
    book.apply_snapshot([(1, 1)], [(2, 1)], sequence=7)
    assert book.explain() == "BTC_USDT is live: confirmed by snapshot 0.0 s ago, version 7"
    clock.now += 12 * SECOND
    assert book.explain() == (
        "BTC_USDT is stale, not live for 2.5 s: not confirmed for 9.5 s, version 7"
    )
    book.apply_delta([], [], sequence=9)
    assert book.explain() == (
        "BTC_USDT is gap, not live for 0.0 s: version gap: expected 8, was 9, version 7"
    )
    assert book.peek().explain().startswith("BTC_USDT is gap")


# --- the deadline of a connection ---


def engine_with_line(clock, valid_for=8.0):
    engine = bb.Engine(clock=clock)
    book = engine.book("BTC_USDT")
    engine.open_line(1, valid_for)
    engine.assign(book, 1)
    engine.apply(snapshot(7), generation=1)
    return engine, book


def test_silence_on_the_connection_ends_live_before_the_book_is_old(clock):
    _, book = engine_with_line(clock)
    clock.now += 8 * SECOND - 1
    assert book.state == BookState.LIVE
    clock.now += 1
    with pytest.raises(bb.BookNotLive, match="nothing heard on its connection for 8 s") as caught:
        book.best_bid
    assert caught.value.state == BookState.STALE
    assert caught.value.since == 108 * SECOND


def test_anything_heard_on_the_connection_keeps_it_alive(clock):
    engine, book = engine_with_line(clock)
    clock.now += 7 * SECOND
    engine.apply("pong", generation=1)
    assert book.valid_until == 109.5 * SECOND, "the book's own deadline comes first now"
    clock.now += 2 * SECOND
    assert book.state == BookState.LIVE
    with pytest.raises(bb.MessageError):
        engine.apply("rubbish", generation=1)
    assert engine.line(1).last_heard == clock.now


def test_a_late_frame_does_not_revive_what_was_silent_too_long(clock):
    engine, book = engine_with_line(clock)
    clock.now += 9 * SECOND
    engine.apply(update(8), generation=1)
    assert book.sequence == 8
    assert book.state == BookState.STALE
    engine.release(1)
    assert book.state == BookState.LIVE
    assert book.epoch == 1
    clock.now += 8 * SECOND
    assert book.state == BookState.STALE


def test_a_held_connection_is_kept_up_to_date_unseen(clock):
    engine, book = engine_with_line(clock)
    clock.now += SECOND
    engine.hold(1, "what arrives is late")
    with pytest.raises(bb.BookNotLive, match="what arrives is late") as caught:
        book.quote
    assert caught.value.since == 101 * SECOND
    engine.apply(update(8), generation=1)
    assert book.state == BookState.STALE
    assert book.peek().sequence == 8
    engine.release(1)
    assert book.quote.sequence == 8


def test_the_line_of_one_connection_says_nothing_of_another(clock):
    engine, book = engine_with_line(clock)
    engine.hold(1, "late")
    engine.open_line(2, 8.0)
    engine.assign(book, 2)
    engine.apply(snapshot(9), generation=2)
    assert book.state == BookState.LIVE


def test_a_connection_nobody_opened_has_no_deadline(clock):
    engine = bb.Engine(clock=clock)
    engine.apply(snapshot(7), generation=3)
    clock.now += 9 * SECOND
    assert engine["BTC_USDT"].state == BookState.LIVE


def test_the_clock_never_goes_back():
    first = bb._book.clock_ns()
    assert 0 < first <= bb._book.clock_ns()
