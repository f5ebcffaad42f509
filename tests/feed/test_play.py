"""A capture for a backtest: every frame is told, every iterator ends, and one may step."""

import asyncio
from pathlib import Path

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from tests.helpers.feeds import run

CAPTURE = Path(__file__).parents[1] / "wire" / "capture-0.2.0.jsonl.gz"
TOPIC = "spot/depth/increase100:BTC_USDT"
SPEEDS = (None, 0, 1e9)


def by_hand():
    """What every frame changed, and each change of the top or the state, of the first symbol."""
    changes, tops = [], []

    async def work():
        async with bb.Feed(source=CAPTURE) as feed:
            async for moment in feed.play():
                for book in moment.books:
                    if f"{book.channel}:{book.symbol}" == TOPIC:
                        changes.append((book.sequence, book.last_change))
                        tops.append(book.quote_in_any_state().exact)
            return feed["BTC_USDT"].peek()

    last = run(work())
    return changes, tops, last


def distinct(tops):
    """One after the other, without those that are not LIVE."""
    seen = [top for top in tops if top[0] is not None]
    return [top for before, top in zip([None, *seen], seen, strict=False) if top != before]


@pytest.mark.parametrize("speed", SPEEDS)
def test_every_frame_is_told_and_every_iterator_ends(speed):
    changes, _, last = by_hand()

    async def work():
        async with bb.Feed(source=CAPTURE, speed=speed) as feed:
            book = await feed.subscribe("BTC_USDT")
            first = book.sequence
            told, quoted = [], []
            book.on_change(lambda book, change: told.append((book.sequence, change)))
            book.on_quote(quoted.append)
            async for quote in book.quotes():
                assert quote.symbol == "BTC_USDT"
            await feed.wait_for_end()
            assert (book.state, book.reason) == (BookState.LIVE, "end of capture")
            assert book.quote.exact == last.quote.exact
            return first, told, quoted, [quote async for quote in book.quotes()]

    first, told, quoted, after = run(work())
    if not speed:
        later = changes[changes.index(next(c for c in changes if c[0] == first)) + 1 :]
        assert told == later
    assert len(quoted) > (0 if speed else 10)
    assert [quote.exact for quote in after] == [last.quote.exact]


def test_as_fast_as_possible_shows_a_loop_each_change_of_the_top():
    async def work():
        async with bb.Feed(source=CAPTURE) as feed:
            book = await feed.subscribe("BTC_USDT")
            quotes = [quote async for quote in book.quotes()]
            assert {quote.skipped for quote in quotes} == {0}
            return [quote.exact for quote in quotes]

    # What is no frame, as a connection that was lost, is told of too, and is no step.
    shown = distinct(run(work()))
    tops = distinct(by_hand()[1])
    assert shown == tops[tops.index(shown[0]) :]
    assert len(shown) > 10


def test_several_books_and_whoever_waits_end_with_the_capture():
    async def work():
        async with bb.Feed(source=CAPTURE) as feed:
            seen = {quote.symbol async for quote in feed.quotes()}
            assert seen == {book.symbol for book in feed.books}
            assert len(seen) > 1
        async with bb.Feed(source=CAPTURE) as feed:
            book = await feed.subscribe("BTC_USDT")
            assert (await book.wait_for(lambda book: book.spread > 0)).symbol == "BTC_USDT"
            with pytest.raises(bb.FeedClosed, match="it has ended"):
                await book.wait_for(lambda book: False)
            assert [quote async for quote in book.when(spread_bps=("<", 0))] == []
            assert [event async for event in feed.events()] == []

    run(work())


def test_without_anybody_who_waits_nothing_is_read():
    async def work():
        async with bb.Feed(source=CAPTURE) as feed:
            for _ in range(20):
                await asyncio.sleep(0)
            assert feed.books == ()

    run(work())


def test_steps_are_the_frames_of_the_capture_and_the_book_is_of_that_moment():
    async def work():
        times, trades = [], 0
        async with bb.Feed(source=CAPTURE) as feed:
            async for moment in feed.play():
                times.append(moment.time_ns)
                trades += len(moment.trades)
                assert moment.connection is not None
                for book in moment.books:
                    assert book.last_change & moment.change
                    assert feed[f"{book.channel}:{book.symbol}"] is book
                if len(times) == 10:
                    break
            assert times == sorted(times)
            former, later = feed.play(), feed.play()
            await anext(former)
            times.append((await anext(later)).time_ns)
            with pytest.raises(bb.UsageError, match="another play"):
                await anext(former)
            rest = [moment async for moment in later]
            assert rest[0].time_ns >= times[-1]
            await feed.wait_for_end()
            assert [moment async for moment in feed.play()] == []
            assert feed["BTC_USDT"].reason == "end of capture"
        async with bb.Feed(source="sim") as feed:
            with pytest.raises(bb.UsageError, match="steps through a capture"):
                await anext(feed.play())

    run(work())


def test_the_blocking_face_steps_and_ends_as_well():
    with bb.sync.Feed(source=CAPTURE, speed=0) as feed:
        book = feed.subscribe("BTC_USDT")
        told = []
        book.on_change(lambda book, change: told.append(book.sequence))
        quotes = list(book.quotes())
        assert {quote.skipped for quote in quotes} == {0}
        assert len(told) >= len(quotes) - 1 > 10
    with bb.sync.Feed(source=CAPTURE) as feed:
        changed = [book.symbol for moment in feed.play() for book in moment.books]
        assert changed.count("BTC_USDT") > len(told)
        feed.wait_for_end()
    with bb.connect("BTC_USDT", source=CAPTURE, speed=0) as feed:
        assert feed["BTC_USDT"].reason == "end of capture"
        assert len(list(feed["BTC_USDT"].quotes())) == 1
        assert len(list(feed.quotes("BTC_USDT"))) == 1


def test_a_speed_that_is_none_is_said():
    with pytest.raises(bb.UsageError, match="positive, was -1"):
        bb.Feed(source=CAPTURE, speed=-1)
