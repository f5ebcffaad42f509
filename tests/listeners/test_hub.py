"""Callbacks and slots of one book: who is told what, and what a bad callback can do."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book.listeners.hub import CALLBACK_FAILURES, BookHub
from bitmart_book.listeners.streams import Empty, Ended, Slot

LEVELS = Change.LEVELS


@pytest.fixture
def engine():
    return bb.Engine()


@pytest.fixture
def book(engine):
    book = engine.book("BTC_USDT")
    book.apply_snapshot([("99", "1")], [("101", "1")], sequence=7)
    return book


@pytest.fixture
def reports():
    return []


@pytest.fixture
def hub(book, reports):
    due = []
    host = SimpleNamespace(
        callback_failed=lambda callback, error: reports.append((callback.what, error)),
        hub_is_due=due.append,
        notes=[],
        wanting=lambda is_there: nullcontext(),
        across=lambda function: function(),
        interrupted=lambda error: None,
        explain_book=lambda book: "a sentence",
        instrument=lambda symbol: None,
    )
    hub = BookHub(book, host)
    hub.waiting = due
    return hub


def deliver(hub):
    """What the feed does when all that had arrived is applied."""
    waiting, hub.waiting[:] = list(dict.fromkeys(hub.waiting)), []
    for one in waiting:
        one.deliver()


def test_a_change_is_told_to_all_and_the_top_to_those_who_want_it(hub, book):
    changes, quotes, slot = [], [], Slot(lambda: None)
    hub.on_change(lambda book, change: changes.append(change))
    hub.on_quote(quotes.append)
    hub.add(slot)
    hub.changed(LEVELS)
    hub.changed(LEVELS | Change.TOP)
    deliver(hub)
    assert changes == [LEVELS, LEVELS | Change.TOP]
    assert [quote.bid for quote in quotes] == [99.0]
    assert slot.take() == 1


def test_a_lost_book_is_told_without_a_frame(hub, book, engine):
    quotes, slot = [], Slot(lambda: None)
    hub.on_quote(quotes.append)
    hub.add(slot)
    engine.invalidate(book, "for the test")
    hub.look()
    hub.look()
    deliver(hub)
    assert [(quote.state, quote.bid) for quote in quotes] == [(BookState.GAP, None)]
    assert slot.take() == 1


def test_a_closed_book_ends_its_slots(hub, book, engine):
    early, late = Slot(lambda: None), Slot(lambda: None)
    hub.add(early)
    engine.close_book(book)
    hub.look()
    hub.add(late)
    assert early.take() == 1
    for slot in (early, late):
        with pytest.raises(Ended):
            slot.take()


def test_a_removed_slot_is_told_nothing(hub):
    slot = Slot(lambda: None)
    hub.add(slot)
    hub.remove(slot)
    hub.remove(slot)
    hub.changed(Change.TOP)
    with pytest.raises(Empty):
        slot.take()


def test_an_exception_of_a_callback_goes_no_further(hub, reports):
    calls = []

    def bad(book, change):
        raise RuntimeError("of the user")

    hub.on_change(bad)
    hub.on_change(lambda book, change: calls.append(change))
    hub.changed(LEVELS)
    assert calls == [LEVELS]
    ((what, error),) = reports
    assert (what, str(error)) == ("on_change of BTC_USDT", "of the user")


def test_a_callback_is_dropped_after_a_hundred_failures_in_a_row_and_only_then(hub, reports):
    calls = 0

    def bad(book, change):
        nonlocal calls
        calls += 1
        if calls != 99:
            raise RuntimeError

    hub.on_change(bad)
    for _ in range(300):
        hub.changed(LEVELS)
    assert calls == 199, "the one that succeeded ended the row"
    assert len(reports) == 198
    assert CALLBACK_FAILURES == 100


def test_a_callback_may_cancel_itself(hub):
    calls = []
    first = hub.on_change(lambda book, change: (calls.append("first"), first.cancel()))
    hub.on_change(lambda book, change: calls.append("second"))
    hub.changed(LEVELS)
    hub.changed(LEVELS)
    assert calls == ["first", "second", "second"]
    first.cancel()


def test_a_quote_callback_may_cancel_itself(hub):
    calls = []
    first = hub.on_quote(lambda quote: (calls.append("first"), first.cancel()))
    hub.on_quote(lambda quote: calls.append("second"))
    for _ in range(2):
        hub.changed(Change.TOP)
        deliver(hub)
    assert calls == ["first", "second", "second"]


def test_a_callback_that_another_cancels_is_not_called_any_more(hub):
    calls, handles = [], []
    hub.on_change(lambda book, change: [handle.cancel() for handle in handles])
    handles.append(hub.on_change(lambda book, change: calls.append("cancelled")))
    hub.changed(LEVELS)
    assert calls == []


def test_quotes_between_two_deliveries_are_skipped_and_counted(hub):
    quotes = []
    hub.changed(Change.TOP)
    hub.on_quote(quotes.append)
    for _ in range(3):
        hub.changed(Change.TOP)
    deliver(hub)
    hub.changed(Change.TOP)
    deliver(hub)
    assert [quote.skipped for quote in quotes] == [2, 0]
