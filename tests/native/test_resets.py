"""What begins anew forgets what was before: counters, stamps, what waits and what was heard; and
the second time is like the first. Each in the state in which it would be seen."""

import json

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from tests.helpers.frames import futures_side, spot

SECOND = 1_000_000_000
BIDS, ASKS = [("100", "1"), ("99", "1")], [("101", "1"), ("102", "1")]
BID, ASK = 1, 2


class Told:
    """A book on a connection, under a clock that is set by hand, in seconds."""

    def __init__(self, version=100, **options):
        self.now = 0.0
        self.engine = bb.Engine(clock=lambda: round(self.now * SECOND), **options)
        self.book = self.engine.book("BTC_USDT")
        self.generation = 0
        self.move()
        self.snapshot(version)
        assert self.state == BookState.LIVE

    def move(self):
        self.generation += 1
        self.engine.assign(self.book, self.generation)

    def say(self, kind, version, bids=(), asks=(), **more):
        return self.engine.apply(
            spot(kind, version, bids, asks), generation=self.generation, **more
        )

    def snapshot(self, version, bids=BIDS, asks=ASKS, **more):
        return self.say("snapshot", version, bids, asks, **more)

    def reply(self, version, bids=BIDS, asks=ASKS):
        self.engine.expect(self.book)
        return self.snapshot(version, bids, asks)

    def update(self, version, bids=(("49", "2"),), asks=()):
        return self.say("update", version, bids, asks)

    def updates(self, *versions):
        """Of sizes that tell them from each other."""
        return [self.update(version, [("49", str(version))]) for version in versions]

    def heartbeat(self, version):
        return self.say("update", version)

    @property
    def state(self):
        return self.book.state


# --- frames below the book, and what makes them evidence ---


def test_an_update_between_old_frames_begins_their_count_anew():
    told = Told()
    told.updates(50, 51)
    told.update(101)
    told.updates(52, 53)
    assert told.state == BookState.LIVE
    told.updates(54)
    assert told.state == BookState.GAP


def test_a_heartbeat_between_old_frames_begins_their_count_anew():
    told = Told()
    told.updates(50, 51)
    told.heartbeat(100)
    told.updates(52, 53)
    assert told.state == BookState.LIVE


def test_a_reply_that_agrees_between_old_frames_begins_their_count_anew():
    told = Told()
    told.updates(50)
    assert told.snapshot(90) == Change.DUPLICATE
    assert told.reply(100) & Change.SNAPSHOT
    told.updates(61, 62)
    assert told.state == BookState.LIVE


def test_old_frames_before_a_loss_do_not_count_with_those_after_it():
    told = Told()
    told.updates(50, 51)
    told.engine.invalidate(told.book, "lost")
    told.reply(100)
    assert told.state == BookState.STALE, "it was contradicted"
    assert told.updates(60, 61) == [Change.DUPLICATE] * 2
    assert told.state == BookState.STALE


def test_an_old_reply_from_before_a_snapshot_is_continued_by_nothing():
    told = Told()
    assert told.reply(90) == Change.DUPLICATE
    told.snapshot(110)
    assert told.updates(91) == [Change.DUPLICATE]
    assert told.state == BookState.LIVE


def test_what_an_earlier_snapshot_overtook_is_evidence_after_a_loss():
    told = Told()
    told.reply(112)
    told.engine.invalidate(told.book, "lost")
    told.reply(113)
    assert told.state == BookState.LIVE
    told.updates(105, 106, 107)
    assert told.state == BookState.GAP


def test_a_heartbeat_ends_what_a_snapshot_has_overtaken():
    told = Told()
    told.reply(112)
    told.heartbeat(112)
    told.updates(105, 106, 107)
    assert told.state == BookState.GAP


def test_the_same_snapshot_again_forgets_nothing_of_what_was_overtaken():
    told = Told()
    told.reply(112)
    told.snapshot(112)
    told.updates(105, 106, 107)
    assert told.state == BookState.LIVE


def test_what_lies_below_all_that_was_overtaken_is_evidence():
    told = Told()
    told.reply(112)
    told.updates(50, 51, 52)
    assert told.state == BookState.GAP


def test_the_last_overtaken_update_ends_it():
    told = Told()
    told.reply(103)
    told.updates(102, 103)
    told.updates(91, 92, 93)
    assert told.state == BookState.GAP


def test_thirty_two_updates_may_be_overtaken_and_no_more():
    told = Told()
    told.reply(1_000_000)
    for version in range(101, 135):
        told.updates(version)
    assert told.state == BookState.LIVE, "thirty-two, and two that are evidence"
    told.updates(135)
    assert told.state == BookState.GAP


def test_what_waited_for_its_snapshot_is_known_when_it_is_repeated():
    told = Told()
    told.engine.invalidate(told.book, "lost")
    told.updates(101, 102)
    told.reply(100)
    assert (told.state, told.book.sequence) == (BookState.LIVE, 102)
    for _ in range(2):
        assert told.updates(101, 102) == [Change.DUPLICATE] * 2
    assert told.state == BookState.LIVE


# --- whom a snapshot is believed from ---


def test_an_update_that_continues_a_snapshot_proves_it_for_good():
    told = Told()
    told.update(101, [("101", "1")])
    assert told.state == BookState.GAP
    told.reply(90)
    told.update(91)
    assert told.state == BookState.LIVE
    assert told.snapshot(91) & Change.SNAPSHOT


def test_a_heartbeat_that_continues_a_snapshot_proves_it_for_good():
    told = Told()
    told.update(101, [("101", "1")])
    told.reply(90)
    told.heartbeat(90)
    assert told.state == BookState.LIVE
    assert told.snapshot(90) & Change.SNAPSHOT


def test_a_cleared_book_takes_what_comes():
    told = Told()
    told.book.clear()
    told.snapshot(7)
    assert (told.state, told.book.sequence) == (BookState.LIVE, 7)


def test_after_a_contradiction_no_reply_is_believed_alone():
    told = Told()
    told.update(101, [("100", "5")])
    told.update(101, [("99", "7")])
    assert told.state == BookState.GAP
    told.reply(101)
    assert told.state == BookState.STALE


def test_the_same_rows_on_the_other_side_are_another_update():
    told = Told()
    told.update(101, [("98", "5")])
    assert told.update(101, [], [("98", "5")]) & Change.GAP


def test_a_contradiction_while_a_snapshot_is_awaited_is_over_with_the_next_update():
    told = Told()
    told.engine.invalidate(told.book, "lost")
    told.update(103, [("98", "5")])
    assert told.update(103, [("97", "7")]) == Change.BUFFERED
    assert told.update(103, [("97", "7")]) == Change.DUPLICATE
    assert told.update(104, [("96", "7")]) == Change.BUFFERED
    told.reply(102)
    assert (told.state, told.book.sequence) == (BookState.LIVE, 104)


def test_a_counter_that_falls_back_to_just_what_was_reached_is_not_believed():
    told = Told()
    told.engine.invalidate(told.book, "lost")
    told.updates(105)
    assert told.update(100, [("5", "1")]) == Change.BUFFERED
    told.reply(105)
    assert told.state != BookState.LIVE


def test_a_book_that_was_crossed_by_hand_is_not_revived_by_a_heartbeat():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(ASKS, BIDS, 5)
    assert book.apply_delta([], [], 5) == Change.HEARTBEAT
    assert book.state == BookState.STALE


def test_what_a_heartbeat_told_of_is_reached():
    """The update is lost, and the snapshot from before it comes on another connection."""
    told = Told()
    assert told.heartbeat(101) & Change.GAP
    told.move()
    told.snapshot(100)
    assert told.state == BookState.STALE


# --- connections ---


def test_an_update_that_is_heard_again_on_a_new_connection_is_kept_there():
    told = Told()
    told.update(101)
    told.move()
    assert told.update(101) == Change.BUFFERED
    told.snapshot(100)
    assert (told.state, told.book.sequence) == (BookState.LIVE, 101)


def test_a_request_is_not_answered_on_a_new_connection():
    told = Told()
    told.engine.expect(told.book)
    told.now = 5.0
    told.move()
    told.now = 6.0
    told.snapshot(100)
    assert told.book.valid_until == 14.5 * SECOND, "as of the subscription"


def test_only_the_first_snapshot_is_that_of_the_subscription():
    told = Told()
    told.now = 20.0
    told.snapshot(130)
    assert told.state == BookState.LIVE
    assert told.book.valid_until == 29.5 * SECOND


def test_a_snapshot_is_no_younger_than_when_it_was_heard():
    told = Told()
    told.now = 8.0
    told.move()
    told.snapshot(130, heard_ns=6 * SECOND)
    assert told.book.valid_until == 15.5 * SECOND


def test_a_request_may_be_answered_for_twice_as_long_as_a_book_is_valid():
    told = Told()
    assert told.engine.expect(told.book) == 1
    told.now = 12.0
    assert told.engine.expect(told.book) == 2
    told.now = 19.1
    assert told.engine.expect(told.book) == 2, "the first one is long past"


def test_a_side_that_waits_is_not_joined_to_one_of_a_new_connection():
    engine = bb.Engine()
    book = engine.book("BTCUSDT", channel="depth20", market="futures")
    for generation in (1, 2):
        engine.assign(book, generation)
        engine.apply(futures_side(ASK, [("109", "1")]), generation=generation)
        if generation == 1:
            engine.apply(futures_side(BID, [("100", "1")]), generation=1)
            assert engine.apply(futures_side(BID, [("120", "1")]), generation=1) == Change.BUFFERED
    assert book.peek().best_bid_price == 100
    engine.apply(futures_side(BID, [("101", "1")]), generation=2)
    assert (book.state, book.best_bid_price) == (BookState.LIVE, 101)


def test_a_refused_book_is_not_woken_by_a_newer_connection():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 5, BIDS, ASKS), generation=1)
    book = engine["BTC_USDT"]
    engine.invalidate(book, "refused", state=BookState.REJECTED)
    engine.apply(spot("update", 6), generation=2)
    assert (book.state, book.reason) == (BookState.REJECTED, "refused")


def test_an_unreadable_frame_ends_a_stale_book_too():
    told = Told()
    told.engine.invalidate(told.book, "in doubt", state=BookState.STALE)
    with pytest.raises(bb.MessageError):
        told.update(101, [("x", "1")])
    assert told.state == BookState.GAP
    told.heartbeat(100)
    assert told.state == BookState.GAP


def test_the_same_snapshot_revives_a_stale_book():
    told = Told()
    told.engine.invalidate(told.book, "in doubt", state=BookState.STALE)
    told.snapshot(100)
    assert told.state == BookState.LIVE


# --- empty ones ---


def test_a_good_snapshot_makes_an_empty_word_before_it_forgotten():
    told = Told()
    assert told.snapshot(101, [], []) == Change.GAP
    told.snapshot(102)
    assert told.state == BookState.LIVE
    told.engine.expect(told.book)
    assert told.snapshot(103, [], []) == Change.GAP
    assert told.state == BookState.SYNCING


def test_a_reply_that_crosses_the_book_is_continued_by_no_update():
    """All that it shows was unknown before, so that it contradicts nothing."""
    engine = bb.Engine()
    engine.apply(spot("snapshot", 3))
    book = engine["BTC_USDT"]
    assert book.state == BookState.LIVE
    engine.apply(spot("update", 4, BIDS))
    engine.expect(book)
    assert engine.apply(spot("snapshot", 4, BIDS, [("100", "1")])) & Change.CROSSED
    engine.apply(spot("update", 5, [("100", "0")]))
    assert book.state != BookState.LIVE


def test_old_pictures_with_newer_ones_between_them_are_no_clock_that_was_set():
    engine = bb.Engine()
    for time in range(2_000, 2_010):
        assert engine.apply(picture(time)) & Change.SNAPSHOT
        assert engine.apply(picture(time - 500)) == Change.DUPLICATE


def picture(time):
    item = {"asks": ASKS, "bids": BIDS, "symbol": "BTC_USDT", "ms_t": time}
    return json.dumps({"table": "spot/depth5", "data": [item]})


def test_a_book_in_the_dark_stays_there_until_its_best_price_is_known():
    engine = bb.Engine()
    engine.apply(spot("snapshot", 3))
    engine.apply(spot("update", 4, BIDS, ASKS))
    for version, price in ((5, "98"), (6, "97")):
        engine.apply(spot("update", version, [(price, "1")]))
        assert engine["BTC_USDT"].state == BookState.STALE
    engine.apply(spot("update", 6))
    assert engine["BTC_USDT"].state == BookState.STALE


# --- what waits ---


def test_what_was_dropped_is_counted_no_more():
    told = Told()
    for _ in range(2):
        told.engine.invalidate(told.book, "lost")
        told.updates(103, 104)
        told.book.check()
    told.move()
    told.book.check()


def test_who_drops_what_waits_says_so():
    told = Told()
    told.engine.invalidate(told.book, "lost")
    changes = told.updates(*range(103, 103 + 1_001))
    assert changes == [Change.BUFFERED] * 1_000 + [Change.GAP]
    assert told.book.reason == "too many updates while waiting for a snapshot"
    told.book.check()


def test_a_picture_drops_what_was_kept_by_hand():
    engine = bb.Engine()
    book = engine.book("BTC_USDT", channel="depth5")
    assert book.apply_delta(BIDS, [], 6) == Change.BUFFERED
    engine.apply(picture(2_000))
    assert book.state == BookState.LIVE
    book.check()


def test_after_a_reply_that_agrees_an_old_one_is_continued_by_nothing():
    told = Told()
    assert told.reply(90) == Change.DUPLICATE
    assert told.reply(100) & Change.SNAPSHOT
    assert told.updates(91) == [Change.DUPLICATE]
    assert told.state == BookState.LIVE


def test_a_book_that_nobody_assigned_leaves_its_connection_too():
    """Its new one may count lower, and a reply says so."""
    engine = bb.Engine()
    engine.apply(spot("snapshot", 100, BIDS, ASKS), generation=1)
    book = engine["BTC_USDT"]
    engine.apply(spot("snapshot", 50, BIDS, ASKS), generation=2)
    assert book.state == BookState.STALE
    engine.expect(book)
    engine.apply(spot("snapshot", 50, BIDS, ASKS), generation=2)
    assert book.state == BookState.LIVE
