"""Waiting for a moment of a book: predicates and triggers of both faces."""

import asyncio
import itertools
import logging
import threading

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from tests.helpers.feeds import box, run


@pytest.fixture(autouse=True)
def quiet(caplog):
    with caplog.at_level(logging.CRITICAL, "bitmart_book"):
        yield


def boxed(work):
    async def whole():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await work(simulator, feed, await feed.subscribe("BTC_USDT"))

    run(whole())


# --- predicates ---


def test_what_is_waited_for_is_true_of_the_quote_that_is_returned():
    async def work(simulator, feed, book):
        del simulator, feed
        start = book.sequence
        quote = await book.wait_for(lambda book: book.sequence >= start + 5, timeout=30)
        assert quote.sequence >= start + 5
        assert quote.state == BookState.LIVE
        assert (await book.wait_for(lambda book: True)).symbol == "BTC_USDT"
        assert book.watched == 0, "nobody listens any more"

    boxed(work)


def test_a_predicate_that_fails_is_told_to_who_waits_and_one_that_is_never_true_ends():
    async def work(simulator, feed, book):
        del simulator
        with pytest.raises(ZeroDivisionError):
            await book.wait_for(lambda book: 1 / 0)
        with pytest.raises(TimeoutError, match="of BTC_USDT within"):
            await book.wait_for(lambda book: False, timeout=0.01)
        waiting = asyncio.ensure_future(book.wait_for(lambda book: False))
        await asyncio.sleep(0)
        await feed.unsubscribe("BTC_USDT")
        with pytest.raises(bb.FeedClosed, match="it has ended"):
            await waiting
        with pytest.raises(bb.FeedClosed):
            await book.wait_for(lambda book: True)

    boxed(work)


def test_a_predicate_is_asked_on_a_live_book_only():
    async def work(simulator, feed, book):
        del simulator
        asked = []
        feed._core.engine.invalidate(book, "for the test")

        def ask(book):
            asked.append(book.state)
            return True

        await book.wait_for(ask, timeout=30)
        assert asked == [BookState.LIVE]

    boxed(work)


# --- triggers ---


def test_a_trigger_can_be_awaited_iterated_and_called():
    async def work(simulator, feed, book):
        del simulator, feed
        quote = await book.when(spread_bps=(">", 0))
        assert quote.ask > quote.bid
        moved, mids = book.when(mid_moved=1).on(lambda quote: mids.append(quote.mid)), []
        count = 0
        async for quote in moved:
            assert quote.mid in mids
            count += 1
            if count == 3:
                break
        assert len(mids) >= 3
        assert all(abs(a - b) >= 0.0099 for a, b in itertools.pairwise(mids))
        with pytest.raises(TimeoutError, match=r"spread_bps < 0 of BTC_USDT within 0\.01 s"):
            await book.when(spread_bps=("<", 0)).wait(timeout=0.01)
        moved.cancel()
        assert [quote async for quote in moved][1:] == []
        # Until its next step a task keeps what a wait that timed out was cancelled with, and so
        # the trigger that was waited for.
        await asyncio.sleep(0)
        assert book.watched == 0

    boxed(work)


def test_losing_a_book_is_told_in_the_middle_of_it_and_reading_is_refused():
    async def work(simulator, feed, book):
        del simulator
        told = asyncio.Event()

        def lost(quote):
            assert quote.bid is None
            with pytest.raises(bb.BookNotLive):
                _ = book.quote
            told.set()

        trigger = book.when(state=("!=", "LIVE")).on(lost)
        feed._core.engine.invalidate(book, "for the test")
        assert told.is_set(), "at once, and not when the loop comes round"
        assert (await trigger).state == BookState.GAP

    boxed(work)


def test_what_a_callback_must_not_do_is_said_and_what_it_raises_is_reported():
    failures = []

    async def whole():
        async with box() as simulator:
            feed = bb.Feed(source=simulator, on_error=lambda what, error: failures.append(what))
            async with feed:
                book = await feed.subscribe("BTC_USDT")
                said = []

                def subscribing(quote):
                    del quote
                    subscriber, new = feed._life.subscriber, feed._new_stream
                    for call in (
                        lambda: subscriber.subscribe(["ETH_USDT"], None, None, new),
                        lambda: subscriber.unsubscribe(["BTC_USDT"], None, None),
                        lambda: feed.trades("BTC_USDT"),
                    ):
                        with pytest.raises(bb.UsageError, match="subscribe, unsubscribe or close"):
                            call()
                        said.append(call)
                    raise ValueError("mine")

                moving = book.when(mid_moved=1).on(subscribing)
                await moving.wait(timeout=30)
                await moving.wait(timeout=30)
                assert len(said) % 3 == 0
                assert set(failures) == {"a trigger of BTC_USDT"}
                assert list(feed) == ["spot/depth/increase100:BTC_USDT"]

    run(whole())


def test_a_feed_that_closes_ends_who_waits():
    async def work(simulator, feed, book):
        del simulator
        waiting = asyncio.ensure_future(book.when(spread_bps=("<", 0)).wait())
        iterating = asyncio.ensure_future(anext(book.when(spread_bps=("<", 0)), None))
        await asyncio.sleep(0)
        await feed.close()
        with pytest.raises(bb.FeedClosed, match="spread_bps < 0 did not become true"):
            await waiting
        assert await iterating is None

    boxed(work)


def test_the_blocking_face_waits_by_itself():
    with bb.connect("BTC_USDT", source=box()) as feed:
        book = feed["BTC_USDT"]
        start = book.sequence
        assert book.wait_for(lambda book: book.sequence > start, timeout=30).sequence > start
        with pytest.raises(ZeroDivisionError):
            book.wait_for(lambda book: 1 / 0)
        threads = []
        moved = book.when(mid_moved=1).on(lambda quote: threads.append(threading.current_thread()))
        assert moved.wait(timeout=30).symbol == "BTC_USDT"
        assert next(moved).state == BookState.LIVE
        assert {thread.name for thread in threads} == {"bitmart_book feed"}
        with pytest.raises(TimeoutError):
            book.when(spread_bps=("<", 0)).wait(timeout=0.01)
        closing = []

        def close(quote):
            del quote
            with pytest.raises(bb.UsageError, match="subscribe, unsubscribe or close"):
                feed.close()
            closing.append(1)

        book.when(spread_bps=(">", 0)).on(close)
        assert closing == [1]
        assert not feed.closed
        endless = book.when(spread_bps=("<", 0))
    assert list(endless) == []
    with pytest.raises(bb.FeedClosed):
        endless.wait()
