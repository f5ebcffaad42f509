"""How late users are told: under a clock that the test sets, for each way of listening."""

import functools
import logging

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book._book import Latency
from bitmart_book.listeners.audience import Audience
from bitmart_book.listeners.hub import Callback, named
from bitmart_book.listeners.merged import Merged
from bitmart_book.listeners.streams import Slot
from bitmart_book.listeners.waiting import Waiter
from bitmart_book.log.journal import Journal

SECOND = 1_000_000_000
MS = 1_000_000


class World:
    """An audience, a clock, and a LIVE book that is fed by hand."""

    def __init__(self):
        self.now = 1_000 * SECOND
        clock = lambda: self.now  # noqa: E731
        self.engine = bb.Engine(clock=clock, valid_for=9.5, book_type=bb.LiveBook)
        self.latency = Latency(lambda: self.now)
        self.audience = Audience(
            self.engine,
            Journal(logging.getLogger("tests.latency")),
            on_error=None,
            on_outage=None,
            explain=lambda book: "",
            now=lambda: self.now / 1e9,
            latency=self.latency,
        )
        self.book = self.engine.book("BTC_USDT")
        self.size = 0
        self.fill()
        self.hub = self.audience.hub(self.book)

    def fill(self):
        self.size += 1
        self.book.apply_snapshot([("99", self.size)], [("101", "1")], sequence=7)

    def counted(self, stage):
        """(count, shortest, longest), in whole milliseconds."""
        summary = self.latency.summary()[stage]
        if not summary["count"]:
            return (0, None, None)
        return summary["count"], round(summary["min"] * 1e3), round(summary["max"] * 1e3)

    @property
    def to_callback(self):
        return self.counted("applied_to_callback")

    @property
    def to_bad_news(self):
        return self.counted("not_live_to_callback")

    def lapse(self, late_ms):
        """The book's deadline passes, and so much later somebody looks."""
        self.now = self.book.valid_until + late_ms * MS
        self.engine.look()
        self.audience.applied()


@pytest.fixture
def world():
    return World()


def wait(world, span_ms):
    world.now += span_ms * MS


# --- from what was applied ---


def test_a_callback_is_as_late_as_the_first_change_that_its_quote_conflates(world):
    world.hub.on_quote(lambda quote: wait(world, 10))
    world.hub.on_quote(lambda quote: None)
    world.fill()
    world.audience.applied()
    wait(world, 3)
    world.fill()
    world.audience.applied()
    wait(world, 2)
    world.audience.deliver()
    # The second callback waits for the first one.
    assert world.to_callback == (2, 5, 15)
    world.fill()
    world.audience.deliver()
    assert world.to_callback == (4, 0, 15), "and that was the end of it"


def test_what_comes_behind_a_slow_callback_of_the_same_frame_is_late_by_it(world):
    world.hub.on_change(lambda book, change: wait(world, 40))
    world.hub.on_quote(lambda quote: None)
    world.fill()
    world.audience.deliver()
    assert world.to_callback == (2, 0, 40)


def test_a_loop_is_as_late_as_it_takes_its_quote(world):
    slot = Slot(lambda: None)
    world.hub.add(slot)
    for span in (7, 2):
        world.fill()
        world.audience.applied()
        wait(world, span)
    slot.take()
    world.hub.told(world.book.state, slot.since, slot.lost_at)
    assert world.to_callback == (1, 9, 9)
    world.fill()
    world.audience.applied()
    wait(world, 1)
    slot.take()
    world.hub.told(world.book.state, slot.since, slot.lost_at)
    assert world.to_callback == (2, 1, 9)


def test_a_change_that_another_thread_is_about_to_count_has_no_time_yet():
    slot = Slot(lambda: None)
    slot.poke(5)
    slot._first = (2, 9)
    assert slot.take() == 1
    assert slot.since is None
    slot.poke(9)
    assert slot.take() == 1
    assert slot.since == 9


def test_a_loop_over_several_books_is_late_by_book(world):
    merged = Merged(lambda: None)
    merged.follow(world.hub, now=False)
    for span in (7, 2):
        world.fill()
        world.audience.applied()
        wait(world, span)
    book, times, _ = merged.take()
    assert (book, times) == (world.book, 2)
    assert world.now - merged.since == 9 * MS
    assert merged.lost_at is None


# --- from not LIVE ---


def test_bad_news_is_as_late_as_the_deadline_is_past(world):
    quotes = []
    world.hub.on_quote(quotes.append)
    world.lapse(late_ms=4)
    wait(world, 3)
    world.audience.deliver()
    assert [quote.state for quote in quotes] == [BookState.STALE]
    assert (world.to_bad_news, world.to_callback) == ((1, 7, 7), (1, 3, 3))
    # Another state that is not LIVE either is told, and no news of that kind.
    wait(world, 900)
    world.engine.invalidate(world.book, "doubted")
    world.audience.deliver()
    assert [quote.state for quote in quotes] == [BookState.STALE, BookState.GAP]
    assert world.to_bad_news == (1, 7, 7)
    # The next time it counts anew.
    world.fill()
    world.audience.deliver()
    wait(world, 50)
    world.engine.invalidate(world.book, "again")
    wait(world, 2)
    world.audience.deliver()
    assert world.to_bad_news == (2, 2, 7)


def test_each_who_listens_is_told_and_counted(world):
    slot, merged = Slot(lambda: None), Merged(lambda: None)
    world.hub.add(slot)
    merged.follow(world.hub, now=False)
    world.engine.invalidate(world.book, "for the test")
    world.audience.applied()
    wait(world, 6)
    slot.take()
    merged.take()
    for one in (slot, merged):
        world.hub.told(world.book.state, one.since, one.lost_at)
    assert world.to_bad_news == (2, 6, 6)
    slot.poke(world.now)
    slot.take()
    assert slot.lost_at is None, "and that was the end of it"


def test_a_loss_that_was_over_before_anybody_was_told_is_no_news(world):
    quotes, slot = [], Slot(lambda: None)
    world.hub.add(slot)
    world.hub.on_quote(quotes.append)
    world.lapse(late_ms=4)
    world.fill()
    world.audience.deliver()
    slot.take()
    world.hub.told(world.book.state, slot.since, slot.lost_at)
    assert [quote.state for quote in quotes] == [BookState.LIVE]
    assert world.to_bad_news == (0, None, None)


# --- who took how long ---


def test_a_function_is_named_as_it_is_written(world):
    class Maker:
        def on_quote(self, quote): ...

        def __call__(self, quote): ...

    here = "tests.listeners.test_latency.test_a_function_is_named_as_it_is_written.<locals>.Maker"
    assert named(Maker().on_quote, "x") == f"{here}.on_quote (x)"
    assert named(functools.partial(Maker.on_quote, None), "x") == f"{here}.on_quote (x)"
    assert named(Maker(), "on_quote of BTC_USDT") == f"{here} (on_quote of BTC_USDT)"


def test_what_raises_and_what_is_waited_for_is_timed_too(world):
    def slow(quote):
        wait(world, 300)
        raise RuntimeError("of the user")

    world.hub.on_quote(slow)
    world.fill()
    world.audience.deliver()
    called, spent, calls = world.latency.take_busiest()
    assert isinstance(called, Callback)
    assert (called.function, spent, calls) == (slow, 300 * MS, 1)
    waiter = Waiter(world.hub, lambda book: wait(world, 700), lambda: None)
    with waiter:
        world.fill()
        world.audience.deliver()
    called, spent, calls = world.latency.take_busiest()
    # When it began, and once as the frame changed the top.
    assert (called, spent, calls) == (waiter, 1_400 * MS, 2)
    assert called.name.endswith(".<lambda> (wait_for of BTC_USDT)")
