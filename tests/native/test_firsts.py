"""First moments and last ones: what opened and never spoke, the frame that repeats its
topic, the table that is full; and counters that say what happened."""

import json

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book import BookNotLive, BookState, Change
from bitmart_book.venues import SPOT, Venue
from tests.helpers.frames import futures_side, spot

SECOND = 1_000_000_000
BIDS, ASKS = [("100", "1"), ("99", "1")], [("101", "1"), ("102", "1")]


def live(**options):
    engine = bb.Engine(**options)
    engine.apply(spot("snapshot", 100, BIDS, ASKS))
    return engine, engine["BTC_USDT"]


# --- connections ---


def test_a_connection_was_heard_when_it_opened():
    engine = bb.Engine(clock=lambda: 7 * SECOND)
    engine.open_line(1, 8.0)
    assert engine.line(1).last_heard == 7 * SECOND


def test_a_connection_that_nobody_opened_is_released_for_good():
    now = [0]
    engine = bb.Engine(clock=lambda: now[0])
    book = engine.book("BTC_USDT")
    engine.assign(book, 1)
    engine.apply(spot("snapshot", 100, BIDS, ASKS), generation=1)
    engine.hold(1, "late")
    assert book.state == BookState.STALE
    now[0] = 5 * SECOND
    engine.release(1)
    assert (book.state, book.valid_until) == (BookState.LIVE, 9.5 * SECOND)


def test_a_refusal_says_of_which_run_the_book_was():
    engine, book = live()
    engine.apply(spot("snapshot", 105, BIDS, ASKS))
    assert book.epoch == 2
    engine.invalidate(book, "lost")
    with pytest.raises(BookNotLive) as caught:
        _ = book.best_bid
    assert caught.value.epoch == 2


# --- counters ---


def test_a_crossed_book_is_a_gap_and_is_counted():
    engine, book = live()
    assert engine.apply(spot("update", 101, [("101", "1")])) == (
        Change.LEVELS | Change.TOP | Change.CROSSED | Change.GAP
    )
    assert (book.stats["crossed"], book.stats["gaps"]) == (1, 1)


@pytest.mark.parametrize("scan", [True, False])
def test_each_frame_of_a_book_is_scanned_or_decoded(scan):
    engine, _ = live(scan=scan)
    engine.apply(spot("update", 101, [("98", "1")]))
    # The first frame of a book is always decoded, unless it is a very long one.
    assert (engine.stats["scanned"], engine.stats["decoded"]) == ((1, 1) if scan else (0, 2))


# --- whom a frame is about ---


def test_a_cut_frame_of_one_channel_puts_no_book_of_another_in_doubt():
    engine, book = live()
    with pytest.raises(bb.MessageError):
        engine.apply('{"table":"spot/depth5","data":[{"symbol":"BTC_USDT","asks":[["1')
    assert book.state == BookState.LIVE
    with pytest.raises(bb.MessageError):
        engine.apply('{"table":"spot/depth/increase100","data":[{"symbol":"BTC_USDT","asks":[["1')
    assert book.state == BookState.GAP


def test_a_cut_frame_is_of_the_symbol_that_its_topic_names():
    engine = bb.Engine()
    book = engine.book("BTCUSDT")
    book.apply_snapshot(BIDS, ASKS, 5)
    with pytest.raises(bb.MessageError):
        engine.apply('{"group":"futures/depthIncrease50:BTCUSDT@200ms","data":{"asks":[{"pri')
    assert book.state == BookState.GAP


def test_a_frame_that_ends_like_the_one_before_names_its_symbol_again():
    """The topic is known by how the frame ends, and what it says is compared all the same."""

    def frame(version, symbol):
        text = json.loads(spot("update", version, [("98", "1")], symbol=symbol))
        topic = {"table": "spot/depth/increase100:BTC_USDT"}
        return json.dumps({"data": text["data"], **topic}, separators=(",", ":"))

    engine, book = live()
    engine.apply(spot("snapshot", 100, BIDS, ASKS, symbol="ETH_USDT"))
    engine.apply(frame(101, "BTC_USDT"))
    engine.apply(frame(102, "BTC_USDT"))
    assert book.sequence == 102
    with pytest.raises(bb.MessageError, match="the topic names BTC_USDT, its data ETH_USDT"):
        engine.apply(frame(101, "ETH_USDT"))
    assert engine["ETH_USDT"].sequence == 100


@pytest.mark.parametrize("kind", ["delete", "updatE", "snapshop", "updates", ""])
def test_an_item_is_a_snapshot_or_an_update(kind):
    engine, book = live()
    with pytest.raises(bb.MessageError, match="expected type"):
        engine.apply(spot(kind, 101, [("98", "1")]))
    assert book.state == BookState.GAP


@pytest.mark.parametrize("scan", [True, False])
def test_a_time_in_nanoseconds_may_be_a_text(scan):
    engine, book = live(scan=scan)
    engine.apply(spot("update", 101, [("98", "1")], ms_t="1700000000000000001"))
    assert book.exchange_time_ms == 1_700_000_000_000_000_001


def test_a_symbol_that_nobody_wants_is_looked_for_among_any_number_of_books():
    engine = bb.Engine(only_known=True)
    for number in range(1, 40):
        engine.book(f"COIN{number}_USDT")
        for unknown in ("BTC_USDT", "ETH_USDT", "A_B"):
            assert engine.apply(spot("snapshot", 5, BIDS, ASKS, symbol=unknown)) == 0
    assert len(engine) == 39


# --- what is known, and what there is ---


def test_a_bound_that_a_finer_scale_cannot_hold_stays_beyond_every_price():
    """Of asks it is below every key, of bids it cannot come so far."""
    books = tuple(msgspec.structs.replace(book, window=2) for book in SPOT.books)
    venue = Venue(profiles=(msgspec.structs.replace(SPOT, books=books),))
    engine = bb.Engine(venue=venue)
    far = ("900000000000000000", "1")
    engine.apply(spot("snapshot", 5, [("1", "1")], [("5", "1"), far]))
    engine.apply(spot("update", 6, [], [(far[0], "0")]))
    engine.apply(spot("update", 7, [], [("5.001", "1")]))
    book = engine["BTC_USDT"]
    book.check()
    assert (book.state, book.complete_depth("ask")) == (BookState.LIVE, 2)


@pytest.mark.parametrize("small", ["0.5", "0.000001"])
def test_a_sweep_of_just_all_there_is_finds_the_smallest_level(small):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([], [("100", "1000000000"), ("101", small)], 5)
    sweep = book.sweep("ask", size=f"100000000{0 + int(float(small))}{small[1:]}")
    assert (sweep.levels, sweep.worst_price, sweep.complete) == (2, 101.0, True)


def test_a_side_that_is_empty_twice_is_empty():
    engine = bb.Engine()
    for _ in range(2):
        engine.apply(futures_side(1, [("100", "1")]))
        engine.apply(futures_side(2, []))
    book = engine["futures/depth20:BTCUSDT"]
    assert (book.state, book.best_ask) == (BookState.LIVE, None)


@pytest.mark.parametrize("form", [str, str.encode, lambda text: bytearray(text.encode())])
def test_objects_are_counted_as_well_as_commas(form):
    """So many small ones have fewer commas than a frame may have, and take all the more memory."""
    frame = '{"table":"spot/depth5","data":[' + ",".join(["{}"] * 150_000) + "]}"
    with pytest.raises(bb.MessageError, match="values or 105000 objects"):
        bb.Engine().apply(form(frame))
