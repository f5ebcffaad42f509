"""Feeds of both faces that publish their books, and iterators over what others publish."""

import asyncio
import os

import pytest

import bitmart_book as bb
from bitmart_book import BookState, UsageError
from bitmart_book.share import attaching
from tests.helpers.shared import rest_of_directory


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "bitmart_book"


def test_a_feed_publishes_what_it_has_and_what_comes_later(folder):
    with bb.connect("BTC_USDT", source="sim") as feed:
        feed.publish("prices", levels=5)
        books = bb.attach("prices", timeout=0)
        book = books["BTC_USDT"]
        assert book.state == BookState.LIVE
        quotes = book.quotes(timeout=10)
        assert next(quotes).symbol == next(quotes).symbol == "BTC_USDT"
        feed.subscribe("ETH_USDT")
        assert books["ETH_USDT"].best_bid_price < books["ETH_USDT"].best_ask_price
        with pytest.raises(UsageError, match="published already, as 'prices'"):
            feed.publish("others")
        feed.unsubscribe("BTC_USDT")
        assert list(quotes) == []
        assert book.state == BookState.CLOSED
    assert rest_of_directory(folder) == []
    assert books["ETH_USDT"].state == BookState.CONNECTING


class Still:
    """A book to which nothing happens."""

    symbol, state = "BTC_USDT", BookState.LIVE

    def _tops(self):
        return 7, self.state

    def quote_in_any_state(self, skipped):
        assert skipped == 0
        return "a quote"


def test_a_feed_of_asyncio_and_one_who_waits_there():
    async def run():
        async with bb.Feed(source="sim") as feed:
            await feed.subscribe("BTC_USDT")
            feed.publish("prices")
            book = bb.attach("prices", timeout=0)["BTC_USDT"]
            seen = []
            async for quote in book.quotes(poll=0.001, timeout=10):
                seen.append(quote)
                if len(seen) == 3:
                    break
            book = Still()
            quotes = attaching.Quotes(book, 0.001, 0)
            assert await anext(quotes) == "a quote"
            with pytest.raises(TimeoutError, match="no change of BTC_USDT in 0 s"):
                await anext(quotes)
            book.state = BookState.CLOSED
            assert [quote async for quote in quotes] == []
            return seen

    seen = asyncio.run(run())
    assert [quote.state for quote in seen] == [BookState.LIVE] * 3


def test_what_cannot_be_published():
    capture = os.path.join(os.path.dirname(__file__), "../wire/capture-0.2.0.jsonl.gz")
    with (
        bb.connect(source=capture) as feed,
        pytest.raises(UsageError, match="of a capture are of another time"),
    ):
        feed.publish("prices")


@pytest.mark.parametrize("poll", [0, -1, 61])
def test_how_often_one_cannot_look(poll):
    with bb.connect("BTC_USDT", source="sim") as feed:
        feed.publish("prices")
        with pytest.raises(UsageError, match="poll must be"):
            bb.attach("prices")["BTC_USDT"].quotes(poll=poll)
