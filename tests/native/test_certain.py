"""Of what is shown, what is known: nothing below a cut may pass for the best price."""

import json

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.frames import spot

HUNDRED = [(str(1_000 - place), "1") for place in range(100)]
ASKS = [(str(2_000 + place), "1") for place in range(100)]
GONE = [(price, "0") for price, _ in HUNDRED]


def live(**options):
    engine = ShadowEngine(**options)
    engine.apply(spot("snapshot", 1, HUNDRED, ASKS))
    book = engine["BTC_USDT"]
    assert book.state == BookState.LIVE
    return engine, book


def asked(engine, book, version, bids, asks):
    engine.expect(book)
    return engine.apply(spot("snapshot", version, bids, asks))


# --- a best price that is a guess ---


def test_a_side_of_which_all_that_was_known_has_gone_is_not_shown_by_a_bare_engine():
    engine, book = live()
    assert engine.apply(spot("update", 2, GONE)) & Change.GAP
    assert book.state == BookState.STALE
    engine.apply(spot("update", 3, [("500", "9")]))
    assert book.state == BookState.STALE
    with pytest.raises(bb.BookNotLive), book.guard(max_age=None):
        pass
    # Where nothing was cut everything is told.
    engine.apply(spot("update", 4, [("950", "1")]))
    assert (book.state, book.best_bid_price) == (BookState.LIVE, 950.0)


def test_where_nobody_can_be_asked_a_side_as_long_as_a_picture_passes_for_the_market():
    """A recording of a moving market goes on; of nothing that it shows is said that it is all."""
    engine, book = live()
    told = [(str(900 - place), "1") for place in range(100)]
    engine.apply(spot("update", 2, GONE + told))
    assert (book.state, book.best_bid_price) == (BookState.LIVE, 900.0)
    assert book.complete_depth("bid") == 0
    assert not book.depth(1).complete
    engine.apply(spot("update", 3, [("900", "0")]))
    assert book.state == BookState.STALE


def test_a_feed_can_ask_and_minds():
    engine, book = live()
    engine.assign(book, 1)
    engine.apply(spot("snapshot", 1, HUNDRED, ASKS), generation=1)
    told = [(str(900 - place), "1") for place in range(100)]
    engine.apply(spot("update", 2, GONE + told), generation=1)
    assert book.state == BookState.STALE


def test_levels_beyond_max_levels_are_no_best_price():
    engine, book = live(max_levels=3)
    engine.apply(spot("update", 2, [("1000", "0"), ("999", "0"), ("998", "0"), ("500", "9")]))
    assert book.state == BookState.STALE


def test_by_hand_too():
    book = bb.Book("BTC_USDT", max_levels=2)
    book.apply_snapshot([(9, 1), (8, 1), (7, 1)], [(10, 1)])
    assert book.apply_delta([(9, 0), (8, 0)], []) & Change.GAP
    assert book.state == BookState.STALE


def test_a_capture_shows_what_its_feed_did(tmp_path):
    path = tmp_path / "capture.jsonl"
    frames = [spot("snapshot", 1, HUNDRED, ASKS), spot("update", 2, GONE),
              spot("update", 3, [("500", "9")])]  # fmt: skip
    path.write_text("".join(json.dumps({"t": 1, "conn": "a", "frame": f}) + "\n" for f in frames))
    with bb.connect(source=str(path), wait="none") as feed:
        feed.wait_for_end(timeout=10)
        assert feed["BTC_USDT"].state == BookState.STALE


# --- where a picture was cut ---


@pytest.mark.parametrize(
    "odd", [HUNDRED[:99] + [HUNDRED[0]], HUNDRED[:99] + [("5", "0")]], ids=["repeat", "zero"]
)
def test_the_window_counts_rows(odd):
    engine = ShadowEngine()
    engine.apply(spot("snapshot", 1, odd, ASKS))
    book = engine["BTC_USDT"]
    assert book.complete_depth("bid") == 99
    assert not book.depth(100).complete
    assert not book.sweep("bid", size=1_000).complete


def test_a_hundred_rows_of_size_zero_tell_nothing():
    engine = ShadowEngine()
    engine.apply(spot("snapshot", 1, GONE, ASKS))
    book = engine["BTC_USDT"]
    assert book.state == BookState.STALE
    assert book.peek().complete_depth("bid") == 0


def test_a_reply_of_half_the_levels_is_not_the_whole_book():
    engine, book = live()
    engine.apply(spot("update", 3, []))
    engine.apply(spot("update", 5, [("1001", "1")]))
    assert book.state == BookState.GAP
    asked(engine, book, 5, HUNDRED[:50], ASKS[:50])
    assert book.state == BookState.LIVE
    assert book.complete_depth("bid") == 50
    assert not book.depth(51).complete


def test_a_side_that_once_had_no_end_gets_none_by_a_longer_reply():
    engine, book = live()
    asked(engine, book, 2, HUNDRED[:50], ASKS)
    engine.apply(spot("update", 3, GONE[:10]))
    assert book.complete_depth("bid") == 40
    asked(engine, book, 5, HUNDRED[10:55], ASKS)
    assert book.complete_depth("bid") == 45
    assert not book.depth(46).complete


def test_a_short_reply_takes_no_level_away_that_the_book_knows():
    engine, book = live()
    asked(engine, book, 1, HUNDRED[:50], ASKS[:50])
    assert book.complete_depth("bid") == 100
    assert book.stats["audit_mismatches"] == 0
    assert book.epoch == 1


def test_a_reply_without_a_side_takes_no_side_away():
    engine, book = live()
    asked(engine, book, 1, [], ASKS)
    assert (book.state, book.best_bid_price) == (BookState.LIVE, 1000.0)
    engine.apply(spot("update", 3))
    asked(engine, book, 4, [], ASKS)
    assert book.state == BookState.STALE


def test_a_book_that_is_known_to_be_short_stays_whole():
    engine = ShadowEngine()
    engine.apply(spot("snapshot", 1, HUNDRED[:5], ASKS[:5]))
    book = engine["BTC_USDT"]
    asked(engine, book, 2, HUNDRED[1:6], ASKS[:6])
    assert book.depth(10).complete


def test_a_reply_that_is_shorter_than_a_whole_book_is_not_all_of_it():
    engine = ShadowEngine()
    engine.apply(spot("snapshot", 1, HUNDRED[:60], ASKS[:60]))
    book = engine["BTC_USDT"]
    assert book.depth(100).complete
    asked(engine, book, 3, HUNDRED[:50], ASKS[:60])
    assert (book.complete_depth("bid"), book.complete_depth("ask")) == (50, 60)
    assert not book.depth(51).complete
    assert not engine.runs_short(book, 60)
    # What a subscription begins with is believed.
    engine.expect(book, subscribed=True)
    engine.apply(spot("snapshot", 4, HUNDRED[:50], ASKS[:60]))
    assert book.depth(100).complete


def test_nor_is_one_that_nobody_asked_for():
    """Else the next ones are measured by it, and each is as long as what it is measured by."""
    engine, book = live()
    engine.apply(spot("snapshot", 2, HUNDRED[:50], ASKS[:50]))
    assert (book.state, book.complete_depth("bid")) == (BookState.LIVE, 50)
    assert not book.depth(51).complete
    asked(engine, book, 3, HUNDRED[:50], ASKS[:50])
    assert not book.depth(51).complete
    engine.apply(spot("snapshot", 4, HUNDRED[:50], ASKS[:50]))
    assert not book.depth(51).complete
    engine.expect(book, subscribed=True)
    engine.apply(spot("snapshot", 5, HUNDRED[:50], ASKS[:50]))
    assert book.depth(51).complete
    # The next one is not the first.
    engine.apply(spot("snapshot", 6, HUNDRED[:40], ASKS[:50]))
    assert not book.depth(41).complete


def renewed(book_levels=60):
    """A book of so many bids, subscribed anew; that is not acknowledged yet."""
    engine = ShadowEngine()
    book = engine.book("BTC_USDT")
    engine.assign(book, 1)
    engine.apply(spot("snapshot", 1, HUNDRED[:book_levels], ASKS[:60]), generation=1)
    assert book.depth(100).complete
    engine.invalidate(book, "an update is missing")
    engine.expect(book, subscribed=True, acknowledged=False)
    return engine, book


def short(engine, version, **more):
    return engine.apply(spot("snapshot", version, HUNDRED[:50], ASKS[:60], **more), generation=1)


def test_what_comes_before_a_renewal_is_acknowledged_says_no_more_than_a_reply():
    engine, book = renewed()
    short(engine, 3)
    assert (book.state, book.complete_depth("bid")) == (BookState.LIVE, 50)
    assert not book.depth(51).complete


def test_what_comes_after_the_acknowledgement_is_what_the_subscription_begins_with():
    engine, book = renewed()
    engine.acknowledge(book)
    short(engine, 3)
    assert book.depth(100).complete
    # The next one is not, though it is acknowledged a second time.
    engine.acknowledge(book)
    engine.apply(spot("snapshot", 4, HUNDRED[:40], ASKS[:60]), generation=1)
    assert not book.depth(41).complete


def test_an_acknowledgement_that_comes_behind_a_snapshot_says_nothing():
    """Of which of the two was the first nobody knows; the next subscription says it again."""
    engine, book = renewed()
    short(engine, 3)
    engine.acknowledge(book)
    short(engine, 4)
    assert not book.depth(51).complete
    engine.expect(book, subscribed=True, acknowledged=False)
    engine.acknowledge(book)
    short(engine, 5)
    assert book.depth(51).complete


@pytest.mark.parametrize("told", ["update", "heartbeat"])
@pytest.mark.parametrize("held", [True, False])
def test_a_snapshot_behind_updates_is_not_what_their_subscription_begins_with(told, held):
    """That one was lost; what comes in its stead may be short, asked for or not."""
    engine, book = renewed()
    if held:
        engine.apply(spot("snapshot", 3, HUNDRED[:60], ASKS[:60]), generation=1)
        engine.expect(book, subscribed=True, acknowledged=False)
    engine.acknowledge(book)
    version = 3 if held and told == "heartbeat" else 4
    levels = [("1000", "2")] if told == "update" else []
    engine.apply(spot("update", version, levels), generation=1)
    short(engine, 5)
    assert book.state == BookState.LIVE
    assert not book.depth(51).complete


def test_a_first_snapshot_that_comes_behind_its_updates_is_what_they_continue():
    engine, book = renewed()
    engine.acknowledge(book)
    engine.apply(spot("update", 4, [("1000", "2")]), generation=1)
    short(engine, 3)
    assert book.sequence == 4
    assert book.depth(100).complete


def test_on_a_new_connection_nothing_is_on_its_way_from_before():
    engine, book = renewed()
    engine.assign(book, 2)
    engine.apply(spot("snapshot", 3, HUNDRED[:50], ASKS[:60]), generation=2)
    assert book.depth(100).complete
    engine.apply(spot("snapshot", 4, HUNDRED[:40], ASKS[:60]), generation=2)
    assert not book.depth(41).complete


def test_a_first_snapshot_that_is_not_acknowledged_may_come_from_another_server():
    engine, book = renewed()
    engine.apply(spot("update", 5, [("1000", "2")], ms_t=1_700_000_010_000), generation=1)
    short(engine, 5, ms_t=1_700_000_005_000)
    assert book.state == BookState.LIVE


def test_what_is_acknowledged_and_was_not_subscribed_anew_begins_nothing():
    engine, book = live()
    engine.acknowledge(book)
    engine.apply(spot("snapshot", 2, HUNDRED[:50], ASKS))
    assert not book.depth(51).complete


def grown(rows):
    """A whole book of 99 bids, to which some are added by an update."""
    engine = ShadowEngine()
    engine.apply(spot("snapshot", 1, HUNDRED[:99], ASKS[:60]))
    book = engine["BTC_USDT"]
    assert book.depth(1_000).complete
    engine.apply(spot("update", 2, rows))
    return engine, book


def test_a_side_that_has_grown_to_the_window_may_go_on_below_it():
    """Some venues tell of no level beyond it, and take back those that leave it."""
    engine, book = grown([("901", "1")])
    assert (book.state, book.complete_depth("bid")) == (BookState.LIVE, 100)
    assert not book.depth(101).complete
    assert not book.sweep("bid", size=1_000).complete
    engine.apply(spot("update", 3, [("1000", "0")]))
    assert book.complete_depth("bid") == 99
    assert not book.depth(100).complete
    # What a subscription begins with says anew that there is no more.
    engine.expect(book, subscribed=True)
    engine.apply(spot("snapshot", 4, HUNDRED[:50], ASKS[:60]))
    assert book.depth(100).complete


def test_what_lies_below_the_window_is_not_certain_where_it_is_told_too():
    engine, book = grown([("901", "1"), ("900", "1"), ("899", "1"), ("1001", "1")])
    assert len(book.bids) == 103
    assert book.complete_depth("bid") == 100
    engine.apply(spot("update", 3, [("1002", "1")]))
    assert book.complete_depth("bid") == 101


def test_whoever_feeds_a_book_by_hand_tells_of_every_level():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(HUNDRED, ASKS)
    book.apply_delta([(str(900 - place), "1") for place in range(50)], [])
    assert book.complete_depth("bid") == 150
    assert book.depth(1_000).complete


def kept_window(kind, version, bids, asks):
    """A frame of a channel whose updates keep the window of 50 levels full."""
    data = {"symbol": "BTCUSDT", "type": kind, "version": version, "ms_t": 1_700_000_000_000}
    for side, rows in (("bids", bids), ("asks", asks)):
        data[side] = [{"price": price, "vol": size} for price, size in rows]
    return json.dumps({"group": "futures/depthIncrease50:BTCUSDT", "data": data})


def test_a_short_reply_is_not_all_of_a_window_that_updates_keep_full():
    """They tell of no level that does not change: what a reply left out stays unknown."""
    engine = ShadowEngine()
    engine.apply(kept_window("snapshot", 1, HUNDRED[:50], ASKS[:50]))
    book = engine["BTCUSDT"]
    engine.apply(kept_window("update", 3, [], []))
    assert book.state == BookState.GAP
    engine.expect(book)
    engine.apply(kept_window("snapshot", 3, HUNDRED[:25], ASKS[:50]))
    assert book.state == BookState.LIVE
    assert (book.complete_depth("bid"), book.complete_depth("ask")) == (25, 50)
    assert not book.depth(26).complete
    # A level that enters the window lies below those that nobody has named.
    engine.apply(kept_window("update", 4, [("1000", "0"), ("950", "1")], []))
    assert book.complete_depth("bid") == 24
    engine.expect(book)
    engine.apply(kept_window("snapshot", 5, HUNDRED[1:51], ASKS[:50]))
    assert book.depth(50).complete


def test_what_the_last_reply_showed_is_not_asked_for_again():
    engine, book = live()
    asked(engine, book, 2, HUNDRED[:5], ASKS[:5])
    assert book.complete_depth("bid") == 5
    assert not engine.runs_short(book, 30)
    engine.apply(spot("update", 3, [("1000", "0")]))
    assert engine.runs_short(book, 30)


# --- a change that is missing ---


def raising():
    yield (99, 1)
    raise ValueError("the source broke")


@pytest.mark.parametrize(
    ("asks", "error"),
    [([(100, 0), (102, float("nan"))], bb.UsageError), (raising(), ValueError), (7, bb.UsageError)],
)
def test_a_change_by_hand_that_raises_is_missing(asks, error):
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(99, 1)], [(100, 1), (101, 1)])
    with pytest.raises(error) as caught:
        book.apply_delta([], asks)
    assert book.state == BookState.GAP
    if error is bb.UsageError:
        assert "in GAP" in str(caught.value)
    assert book.apply_delta([(98, 1)], []) == Change.GAP
    book.apply_snapshot([(99, 1)], [(100, 1)])
    assert book.state == BookState.LIVE


def test_with_a_sequence_the_next_one_shows_what_is_missing():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(99, 1)], [(100, 1)], sequence=1)
    with pytest.raises(bb.UsageError):
        book.apply_delta([], [(100, float("nan"))], sequence=2)
    assert book.state == BookState.LIVE
    assert book.apply_delta([], [(100, 2)], sequence=3) == Change.GAP
