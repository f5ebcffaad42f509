"""The long programs in short: that they run, that they measure, and that they can fail."""

import asyncio
import threading

import pytest

from bitmart_book import Engine
from tests.soak import bombs, day, leaks, threads

MEMORY = "growth of memory"


def failures(rows):
    return [row for row in rows if not row.passed]


def test_a_minute_of_the_day():
    rows = asyncio.run(day.soak(6_000))
    # A moment says nothing of memory, which grows until it is warm.
    assert [row for row in failures(rows) if MEMORY not in row.figure] == []


@pytest.mark.slow
def test_the_day_notices_a_wrong_best_price(monkeypatch):
    class Lying(day.Source):
        @property
        def top(self):
            bid, ask = super().top
            return bid, ask + 0.01

    monkeypatch.setattr(day, "Source", Lying)
    rows = asyncio.run(day.soak(2_000))
    assert "wrong best prices of LIVE books" in [row.figure for row in failures(rows)]


@pytest.mark.slow
def test_the_day_notices_what_is_kept(monkeypatch):
    kept = []
    whole = day.Day.receive

    def hoarding(self, name, payload):
        kept.append(bytes(bytearray(payload)))
        whole(self, name, payload)

    monkeypatch.setattr(day.Day, "receive", hoarding)
    rows = asyncio.run(day.traced(1_000))
    assert [row.figure.partition("(")[0] for row in failures(rows)] == ["growth of one line "]


def test_some_rounds_leave_nothing_behind():
    rows = leaks.measure(rounds=2)
    assert [row for row in failures(rows) if MEMORY not in row.figure] == []


def test_what_is_left_behind_is_noticed(monkeypatch):
    left = []
    whole = leaks.one_feed

    async def careless(number):
        await whole(number)
        task = asyncio.create_task(asyncio.Event().wait())
        left.append((open("/dev/null"), task))  # noqa: SIM115

    monkeypatch.setattr(leaks, "one_feed", careless)
    found = {row.figure for row in failures(leaks.measure(rounds=2))}
    for file, _ in left:
        file.close()
    assert {"Feed: tasks left", "Feed: descriptors"} <= found


def test_readers_in_four_threads_see_whole_frames():
    assert failures(threads.measure(reads=100_000)) == []


def test_a_torn_read_is_noticed():
    def two_reads(book):
        bid, version = book.best_bid_price, book.sequence
        # Until the writer has had its turn. What is right is read before, where nobody writes.
        while (
            book.sequence == version and threading.current_thread() is not threading.main_thread()
        ):
            pass
        return bid, book.best_ask_price

    rows = threads.measure(reads=400, every=[("two reads", two_reads, tuple)])
    assert "torn reads" in [row.figure for row in failures(rows)]


def test_a_book_that_is_not_live_is_noticed():
    class Shy(Engine):
        def apply(self, frame, *more, **options):
            change = super().apply(frame, *more, **options)
            self.invalidate(self["BTC_USDT"], "shy")
            return change

    rows = threads.measure(reads=2_000, engine=Shy)
    assert "reads refused" in [row.figure for row in failures(rows)]


@pytest.mark.parametrize("name", ["100,001 levels", "a quoted number of 65 bytes"])
def test_a_bomb_is_measured(name):
    assert len(failures(bombs.measure([name]))) == 0
