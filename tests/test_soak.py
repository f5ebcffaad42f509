"""Short runs of the long checks: that they run, find nothing, and would find something."""

import asyncio
import logging
import os
import subprocess
import sys

import pytest

from tests.soak import consumers, sockets
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
