"""A feed that was dropped without being closed says so, and ends when nothing of it is held."""

import asyncio
import gc
import warnings
import weakref

import pytest

import bitmart_book as bb
from bitmart_book.feed.held import given_out, is_held, is_listened_to

pytestmark = pytest.mark.private

DROPPED = "a feed of BTC_USDT was dropped and never closed"


def let_go(holder):
    """Drop what a list holds of a feed, which warns."""
    gc.collect()
    with pytest.warns(ResourceWarning, match=DROPPED) as told:
        holder.clear()
    assert len(told) == 1
    return str(told[0].message)


@pytest.fixture
def sooner(monkeypatch):
    monkeypatch.setattr("bitmart_book.feed.life.LOOK_WHETHER_HELD", 0.01)


def test_a_forgotten_feed_ends_and_its_thread_too(sooner):
    held = [bb.connect("BTC_USDT", source="sim")]
    thread, feed = held[0]._thread._thread, weakref.ref(held[0])
    words = let_go(held)
    assert "write `with bb.connect(...) as feed:`, or `feed.close()` when you are done" in words
    assert feed() is None
    thread.join(20)
    assert not thread.is_alive()


def test_a_feed_of_which_a_book_is_held_goes_on_until_that_is_dropped(sooner):
    held = [bb.connect("BTC_USDT", source="sim")]
    thread, books = held[0]._thread._thread, [held[0]["BTC_USDT"]]
    let_go(held)
    for _, quote in zip(range(3), books[0].quotes(timeout=20), strict=False):
        assert quote.state is bb.BookState.LIVE
    del quote
    assert thread.is_alive()
    books.clear()
    thread.join(20)
    assert not thread.is_alive()


def test_what_is_held():
    with bb.connect("BTC_USDT", "ETH_USDT", source="sim") as feed:
        thread, core, life = feed._thread, feed._core, feed._life

        def held():
            look = lambda: is_listened_to(core) or is_held(life, given_out(core))  # noqa: E731
            return thread.do(look)

        assert not held()
        ways = {
            "a book": lambda: feed["ETH_USDT"],
            "a book in a table": lambda: {"books": [feed["ETH_USDT"]]},
            "a callback": lambda: feed["ETH_USDT"].on_quote(lambda quote: None),
            "a trigger": lambda: feed["ETH_USDT"].when(spread_bps=(">", 1e6)),
            "an iterator": lambda: started(feed["ETH_USDT"].quotes()),
            "a stream": lambda: feed.trades("ETH_USDT"),
            "events": lambda: feed.events(),
            "the account": lambda: feed.account,
            "the inventory": lambda: feed.account.inventory,
            "a lens": lambda: feed.account.lens(feed["ETH_USDT"]),
            "a method of a book": lambda: feed["ETH_USDT"].sweep,
            "a user's own": lambda: Own(feed["ETH_USDT"]),
        }
        for name, hold in ways.items():
            one = [hold()]
            assert held(), name
            if name == "a callback":
                one[0].cancel()
            one.clear()
            gc.collect()
            assert not held(), name


def started(iterator):
    next(iterator)
    return iterator


class Own:
    def __init__(self, book):
        self.book = book


def test_what_a_user_holds_is_no_part_of_the_feed_that_calls_it():
    """A hook of the user's is found in the feed; what it holds is the user's all the same."""

    class Hooks(Own):
        def failed(self, what, error):
            pass

    hooks = Hooks(None)
    with bb.connect("BTC_USDT", source="sim", on_error=hooks.failed) as feed:
        core, life = feed._core, feed._life
        assert not feed._thread.do(lambda: is_held(life, given_out(core)))
        hooks.book = feed["BTC_USDT"]
        assert feed._thread.do(lambda: is_held(life, given_out(core)))


def test_a_forgotten_feed_of_asyncio_ends_on_its_loop(sooner):
    async def forget():
        held = [bb.Feed(source="sim")]
        await held[0].subscribe("BTC_USDT")
        root = held[0]._life.root
        words = let_go(held)
        assert "write `async with bb.Feed(...) as feed:`, or `await feed.close()`" in words
        await asyncio.wait_for(root, 20)

    asyncio.run(forget())


def test_what_was_closed_or_never_opened_is_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with bb.connect("BTC_USDT", source="sim") as feed:
            thread = feed._thread._thread
        del feed
        assert not thread.is_alive()
        bb.Feed(source="sim").plan(["BTC_USDT"])
        idle = [bb.sync.Feed(source="sim")]
        thread = idle[0]._thread._thread
        idle.clear()
        gc.collect()
        thread.join(20)
        assert not thread.is_alive()
