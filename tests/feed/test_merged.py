"""One loop over several books, of both faces: whose a quote is, how it begins and how it ends."""

import asyncio

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from tests.helpers.feeds import box, run

SYMBOLS = ("BTC_USDT", "ETH_USDT", "BTCUSDT")


async def until_it_ends(iterator):
    async for _ in iterator:
        pass


def test_a_quote_says_whose_it_is_and_the_present_ones_come_first():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            books = dict(zip(SYMBOLS, await feed.subscribe(*SYMBOLS), strict=True))
            first, later = [], set()
            async for quote in feed.quotes(*SYMBOLS, timeout=30):
                assert quote.market == books[quote.symbol].market
                assert quote.venue == "bitmart"
                if len(first) < len(SYMBOLS):
                    first.append(quote.symbol)
                else:
                    later.add(quote.symbol)
                if len(later) == len(SYMBOLS):
                    break
            assert tuple(first) == SYMBOLS
            assert set(feed.subscriptions.values()) == {"LIVE"}

    run(work())


def test_what_is_not_subscribed_is_for_as_long_as_it_is_followed():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT")
            quotes = feed.quotes("BTC_USDT", "ETH_USDT")
            assert {(await anext(quotes)).symbol, (await anext(quotes)).symbol} == {
                "BTC_USDT", "ETH_USDT",
            }  # fmt: skip
            assert len(feed.subscriptions) == 2
            await quotes.aclose()
            assert [topic.rpartition(":")[2] for topic in feed.subscriptions] == ["BTC_USDT"]
            assert feed["BTC_USDT"].state == BookState.LIVE

    run(work())


def test_without_names_it_follows_all_and_those_that_come_later_and_ends_with_the_feed():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            seen = {}

            async def follow():
                async for quote in feed.quotes():
                    seen[quote.symbol] = quote.state

            task = asyncio.ensure_future(follow())
            await feed.subscribe("BTC_USDT", "ETH_USDT")
            await feed.unsubscribe("ETH_USDT")
            await feed.subscribe("SOL_USDT")
            async for quote in feed["SOL_USDT"].quotes(timeout=30):
                if seen.get("SOL_USDT") == BookState.LIVE == quote.state:
                    break
        await asyncio.wait_for(task, 30)
        assert seen == dict.fromkeys(("BTC_USDT", "ETH_USDT", "SOL_USDT"), BookState.CLOSED)

    run(work())


def test_changes_name_the_book_and_what_changed():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            books = set(await feed.subscribe("BTC_USDT", "ETH_USDT"))
            found = {}
            async for book, change in feed.changes(timeout=30):
                found[book] = found.get(book, 0) | change
                if all(found.get(one, 0) & bb.Change.TOP for one in books):
                    break
            assert set(found) == books

    run(work())


def test_what_cannot_be_followed_is_said_and_nothing_stays_subscribed():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            with pytest.raises(bb.UsageError, match="no book's topic"):
                await anext(feed.quotes("spot/trade:BTC_USDT"))
            with pytest.raises(bb.UsageError, match="one by one"):
                await anext(feed.quotes(["BTC_USDT"]))
            with pytest.raises(bb.SubscriptionRejected):
                await anext(feed.quotes("BTC_USDT", "NOBODY_USDT"))
            assert feed.subscriptions == {}
            await feed.subscribe("BTC_USDT")
            quotes = feed.changes("BTC_USDT", timeout=1e-9)
            with pytest.raises(TimeoutError, match="no change of BTC_USDT in 1e-09 s"):
                await until_it_ends(quotes)

    run(work())


def test_the_blocking_face_does_the_same():
    with bb.connect("BTC_USDT", source="sim") as feed:
        seen = set()
        for quote in feed.quotes("BTC_USDT", "ETH_USDT", timeout=30):
            seen.add(quote.symbol)
            if len(seen) == 2:
                break
        assert len(feed.subscriptions) == 1
        book, change = next(feed.changes(timeout=30))
        assert book is feed["BTC_USDT"]
        assert change
        quotes = feed.quotes()
        next(quotes)
    assert [quote.state for quote in quotes][-1:] == [BookState.CLOSED]
