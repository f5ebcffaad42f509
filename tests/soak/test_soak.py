"""Short runs of the long checks: that they run, find nothing, and would find something."""

import asyncio
import logging
import os
import subprocess
import sys

import pytest

from tests.soak import consumers, sockets, topics
from tests.soak.rows import Row, at_least, at_most, exactly, show


@pytest.fixture(autouse=True)
def quiet(caplog):
    with caplog.at_level(logging.CRITICAL):
        yield


def check(rows):
    assert [row for row in rows if not row.passed] == []


def test_rows():
    assert exactly("x", 0, 0).passed
    assert not exactly("x", 0, 1).passed
    assert at_most("x", 8, 8.0).passed
    assert not at_most("x", 8, 8.1, " MiB").passed
    assert at_least("x", 8, 8.0).passed
    assert not at_least("x", 8, 7.9).passed
    assert show([Row("a", "1", "1", True)]) == 0
    assert show([Row("a", "1", "1", True), Row("b", "1", "2", False)]) == 1


def test_callback_chaos():
    """Of its own process: debug mode, and every warning an error."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.soak.callbacks", "--exceptions", "1500"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONASYNCIODEBUG": "1"},
    )
    assert (result.stderr, result.returncode) == ("", 0), result.stdout


def test_a_slow_consumer():
    check(asyncio.run(consumers.slow_consumer(5_000, rate=4_000)))


def test_four_reading_threads():
    check(consumers.four_readers(400_000))


def test_chaos_on_a_wire_with_tls():
    check(asyncio.run(sockets.measure(4.0, seed=3, speed=20.0)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_blocked_loop_does_not_show_old_books_as_live():
    check(asyncio.run(consumers.blocked_loop(30.0, 1.0)))


def test_the_wire_check_sees_a_wrong_book(monkeypatch):
    """A book that is not what the exchange published is counted."""
    monkeypatch.setattr(sockets, "differences", lambda simulator, book: [book.symbol])
    rows = asyncio.run(sockets.measure(0.5, speed=20.0))
    assert "wrong levels while LIVE" in [row.figure for row in rows if not row.passed]


def test_many_topics_at_once_keep_every_limit():
    """How long it takes is for the long check: here another program may have the machine."""
    check(asyncio.run(topics.measure(240, within=100.0)))


def test_the_witness_of_the_limits_sees_one_broken(monkeypatch):
    """With narrower limits than BitMart's, what is kept is a breach."""
    narrow = {"spot_public": (1, 50, 10, 100), "spot_private": (0, 20, 10, 100)}
    monkeypatch.setattr(topics, "DOCUMENTED", narrow)
    monkeypatch.setattr(topics, "MESSAGES", (1, 10.0))
    monkeypatch.setattr(topics, "CONNECTS", (0, 60.0))
    rows = asyncio.run(topics.measure(240))
    broken = [row.figure for row in rows if row.figure.startswith("spot") and not row.passed]
    kept = ["spot_public: logins of each", "spot_private: logins of each"]
    assert sorted([*broken, *kept]) == sorted(
        row.figure for row in rows if row.figure.startswith("spot")
    )


def test_the_busiest_window():
    assert topics.most_within([], 10) == 0
    assert topics.most_within([0, 9, 10, 19, 20, 20], 10) == 3
    assert topics.most_within([0, 9, 9.5], 10) == 3


def test_what_is_asked_twice_counts_unless_everything_stood_still():
    def row(again, pause):
        return topics.asked_twice(
            {"counters": {"unanswered": again}, "loop": {"longest_pause": pause}}
        )

    assert row(0, 0.0).passed
    assert not row(1, 0.0).passed
    assert not row(1, 1.0).passed
    assert row(1, 5.0).passed
