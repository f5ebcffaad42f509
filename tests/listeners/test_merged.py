"""Several books for one consumer: conflated by book, none forgotten, none hidden by a busy one."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book.listeners.hub import BookHub
from bitmart_book.listeners.merged import Merged
from bitmart_book.listeners.streams import Empty, Ended


@pytest.fixture
def engine():
    return bb.Engine()


def hub_of(engine, symbol):
    book = engine.book(symbol)
    book.apply_snapshot([("99", "1")], [("101", "1")], sequence=7)
    host = SimpleNamespace(
        callback_failed=lambda callback, error: None,
        hub_is_due=lambda hub: None,
        notes=[],
        wanting=lambda is_there: nullcontext(),
        across=lambda function: function(),
        interrupted=lambda error: None,
        explain_book=lambda book: "a sentence",
        instrument=lambda symbol: None,
    )
    return BookHub(book, host)


def taken(merged):
    found = []
    while True:
        try:
            book, times, bits = merged.take()
        except (Empty, Ended) as error:
            return [*found, type(error)]
        found.append((book.symbol, times, bits))


def test_each_book_is_there_once_with_how_often_it_changed(engine):
    woken = []
    merged = Merged(lambda: woken.append(1))
    first, second = hub_of(engine, "BTC_USDT"), hub_of(engine, "ETH_USDT")
    merged.follow(first, now=True)
    merged.follow(second, now=True)
    merged.follow(second, now=True)
    assert taken(merged) == [("BTC_USDT", 1, 0), ("ETH_USDT", 1, 0), Empty]
    for hub in (second, first, second, second):
        hub.changed(Change.LEVELS | Change.TOP)
        hub.changed(Change.LEVELS)
    assert taken(merged) == [("ETH_USDT", 3, 0), ("BTC_USDT", 1, 0), Empty]
    assert len(woken) >= 6


def test_a_busy_book_does_not_hide_a_quiet_one(engine):
    merged = Merged(lambda: None)
    busy, quiet = hub_of(engine, "BTC_USDT"), hub_of(engine, "ETH_USDT")
    for hub in (busy, quiet):
        merged.follow(hub, now=False)
    for hub in (busy, quiet, busy):
        hub.changed(Change.TOP)
    assert merged.take()[0] is busy.book
    busy.changed(Change.TOP)
    assert merged.take()[0] is quiet.book


def test_frames_count_where_they_are_wanted_with_all_their_bits(engine):
    merged = Merged(lambda: None, frames=True)
    hub = hub_of(engine, "BTC_USDT")
    merged.follow(hub, now=False)
    assert taken(merged) == [Empty]
    hub.changed(Change.LEVELS)
    hub.changed(Change.TRADE)
    assert taken(merged) == [("BTC_USDT", 2, Change.LEVELS | Change.TRADE), Empty]
    engine.invalidate(hub.book, "for the test")
    hub.look()
    assert taken(merged) == [("BTC_USDT", 1, 0), Empty]


def test_it_ends_with_its_last_book_and_each_is_told_of_as_closed(engine):
    merged = Merged(lambda: None)
    hubs = [hub_of(engine, symbol) for symbol in ("BTC_USDT", "ETH_USDT")]
    for hub in hubs:
        merged.follow(hub, now=False)
    engine.close_book(hubs[0].book)
    hubs[0].look()
    assert taken(merged) == [("BTC_USDT", 1, 0), Empty]
    engine.close_book(hubs[1].book)
    hubs[1].look()
    book, _, _ = merged.take()
    assert book.quote_in_any_state().state == BookState.CLOSED
    assert taken(merged) == [Ended]


def test_one_that_follows_all_waits_for_books_that_are_not_there_yet(engine):
    merged = Merged(lambda: None, endless=True)
    assert taken(merged) == [Empty]
    hub = hub_of(engine, "BTC_USDT")
    merged.follow(hub, now=False)
    merged.close()
    hub.changed(Change.TOP)
    assert taken(merged) == [Ended], "nobody listens any more"
    merged.follow(hub_of(engine, "ETH_USDT"), now=True)
    assert taken(merged) == [("ETH_USDT", 1, 0), Ended], "the present can still be taken"
