"""Empty snapshots: an empty market and a server that is not ready look the same."""

import json

import pytest

from bitmart_book import BookState, Change
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.frames import spot

BIDS, ASKS = [("100", "1")], [("101", "1")]


def bare(**options):
    engine = ShadowEngine(**options)
    engine.book("BTC_USDT")
    return engine, engine["BTC_USDT"]


def assigned():
    engine, book = bare()
    engine.assign(book, 1)
    return engine, book, lambda *item: engine.apply(spot(*item), generation=1)


def test_a_market_that_was_always_empty_is_shown_as_that():
    """A recording of one begins so, and nobody can be asked for a second picture."""
    engine, book = bare()
    engine.apply(spot("snapshot", 3))
    assert (book.state, book.reason) == (BookState.LIVE, "empty, unconfirmed")
    assert book.best_bid is None
    assert book.complete_depth("bid") == 0
    assert not book.depth(1).complete


def test_what_is_built_on_an_empty_snapshot_is_not_shown():
    engine, book = bare()
    engine.apply(spot("snapshot", 3))
    assert engine.apply(spot("update", 4, BIDS)) & Change.GAP
    assert book.state == BookState.STALE
    assert book.reason.startswith("base unconfirmed")
    engine.apply(spot("update", 5, [], ASKS))
    assert book.state == BookState.STALE
    engine.apply(spot("snapshot", 6, BIDS, ASKS))
    assert (book.state, book.reason) == (BookState.LIVE, None)


def test_an_empty_reply_does_not_make_what_is_built_on_one_live():
    """It says again that there is nothing, and updates have told of levels since."""
    engine, book = bare()
    engine.assign(book, 1)
    engine.apply(spot("snapshot", 3), generation=1)
    engine.expect(book)
    engine.apply(spot("snapshot", 3), generation=1)
    assert (book.state, book.best_bid) == (BookState.LIVE, None)
    engine.apply(spot("update", 4, BIDS, ASKS), generation=1)
    assert book.state == BookState.STALE
    engine.expect(book)
    assert engine.apply(spot("snapshot", 4), generation=1) & Change.GAP
    # One witness is not enough any more, and two of the same kind are one.
    for _ in range(2):
        assert book.state == BookState.SYNCING
        engine.expect(book)
        engine.apply(spot("snapshot", 4), generation=1)
    engine.expect(book)
    engine.apply(spot("snapshot", 4, BIDS, ASKS), generation=1)
    assert (book.state, book.reason) == (BookState.LIVE, None)


@pytest.mark.parametrize("assign", [True, False])
def test_levels_that_are_told_of_take_back_what_an_empty_snapshot_said(assign):
    engine, book = bare()
    generation = 1 if assign else 0
    if assign:
        engine.assign(book, 1)
    engine.apply(spot("snapshot", 3, BIDS, ASKS), generation=generation)
    engine.apply(spot("snapshot", 4), generation=generation)
    engine.apply(spot("update", 5, BIDS), generation=generation)
    engine.expect(book)
    engine.apply(spot("snapshot", 5), generation=generation)
    assert book.state == BookState.SYNCING
    # Removals tell of no level: both have said it again.
    engine.apply(spot("update", 6, [("100", "0")]), generation=generation)
    engine.apply(spot("snapshot", 6), generation=generation)
    assert (book.state, book.best_bid) == (BookState.LIVE, None)


def test_nor_does_a_reply_that_lacks_a_side():
    engine, book = bare()
    engine.apply(spot("snapshot", 3))
    engine.apply(spot("update", 4, BIDS, ASKS))
    assert book.state == BookState.STALE
    engine.expect(book)
    assert engine.apply(spot("snapshot", 4, [], ASKS)) & Change.GAP
    assert book.state == BookState.STALE


def test_an_empty_book_stays_one_while_nothing_comes():
    engine, book = bare()
    engine.apply(spot("snapshot", 3))
    engine.apply(spot("update", 4))
    engine.apply(spot("update", 5, [("100", "0")]))
    assert (book.state, book.reason) == (BookState.LIVE, "empty, unconfirmed")


def test_a_book_that_had_levels_waits_for_a_second_one():
    engine, book = bare()
    engine.apply(spot("snapshot", 3, BIDS, ASKS))
    assert engine.apply(spot("snapshot", 5)) == Change.GAP
    assert book.state == BookState.SYNCING
    engine.apply(spot("snapshot", 5))
    assert book.state == BookState.LIVE


def test_after_two_empty_replies_the_next_rows_make_no_live_book():
    engine, book = bare()
    engine.apply(spot("snapshot", 3, BIDS, ASKS))
    engine.apply(spot("update", 9, BIDS))
    engine.apply(spot("snapshot", 9))
    engine.apply(spot("snapshot", 9))
    engine.apply(spot("update", 10, [("50", "1")]))
    assert book.state == BookState.STALE


def test_rows_kept_for_an_empty_snapshot_are_not_shown_either():
    engine, book = bare()
    engine.apply(spot("update", 4, BIDS))
    engine.apply(spot("snapshot", 3))
    assert book.state == BookState.STALE


def test_a_recording_may_be_trusted_by_name():
    engine, book = bare(trust_empty=True)
    engine.apply(spot("snapshot", 3))
    assert (book.state, book.reason) == (BookState.LIVE, None)
    engine.apply(spot("update", 4, BIDS, ASKS))
    assert book.state == BookState.LIVE
    assert book.complete_depth("bid") == 1


def test_two_replies_are_one_witness():
    """Where one can ask, both a reply and what comes unasked have to say it."""
    engine, book, say = assigned()
    for version in (3, 4, 5):
        engine.expect(book)
        say("snapshot", version)
        assert book.state == BookState.SYNCING
    say("snapshot", 6)
    assert book.state == BookState.LIVE


def test_two_first_snapshots_are_one_witness():
    engine, book, say = assigned()
    for version in (3, 4, 5):
        say("snapshot", version)
        assert book.state == BookState.SYNCING
    engine.expect(book)
    say("snapshot", 6)
    assert book.state == BookState.LIVE


def test_with_levels_between_them_two_witnesses_are_none():
    engine, book, say = assigned()
    say("snapshot", 3)
    say("snapshot", 4, BIDS, ASKS)
    engine.expect(book)
    say("snapshot", 5)
    assert book.state == BookState.SYNCING


def test_several_requests_under_way_are_all_answered_by_replies():
    engine, book, say = assigned()
    assert [engine.expect(book), engine.expect(book)] == [1, 2]
    say("snapshot", 3)
    say("snapshot", 3)
    assert book.state == BookState.SYNCING


def test_another_connection_is_another_witness():
    engine, book, say = assigned()
    say("snapshot", 3)
    engine.assign(book, 2)
    engine.expect(book)
    engine.apply(spot("snapshot", 3), generation=2)
    assert book.state == BookState.SYNCING


@pytest.mark.parametrize("trusted", [False, True])
def test_an_empty_picture(trusted):
    def picture(bids, asks):
        item = {"symbol": "ETH_USDT", "bids": bids, "asks": asks}
        return json.dumps({"table": "spot/depth5", "data": [item]})

    engine = ShadowEngine(trust_empty=trusted)
    engine.apply(picture([], []))
    book = engine["spot/depth5:ETH_USDT"]
    assert (book.state, book.reason) == (
        BookState.LIVE, None if trusted else "empty, unconfirmed",
    )  # fmt: skip
    engine.apply(picture(BIDS, ASKS))
    assert (book.state, book.reason) == (BookState.LIVE, None)
    engine.apply(picture([], []))
    assert book.state == (BookState.LIVE if trusted else BookState.SYNCING)
