"""Two programs: what one writes as fast as it can, the other reads whole; and what it reads of one
that is killed, stopped or closed."""

import subprocess
import sys

import pytest

import bitmart_book as bb
from tests.helpers.command import run
from tests.share import deaths, torn
from tests.share.writer import writing


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Of the programs of a test too."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_nothing_is_torn_and_a_kill_is_noticed():
    with writing("prices"):
        books = bb.attach("prices", timeout=0)
        versions, broken, refused = torn.read(books["BTC_USDT"], 5_000, enough=100)
        assert versions >= 100
        assert (broken, refused) == (0, 0)
    # The lock is free at once, whatever the deadlines say.
    with pytest.raises(bb.NotPublished, match="has ended"):
        bb.attach("prices", timeout=0)


def test_an_orderly_end_is_seen_at_once():
    deaths.closed("prices")


@pytest.mark.slow
def test_killed_stopped_and_closed():
    assert set(deaths.measure(5, 3)) == {"killed", "stopped", "closed"}


@pytest.mark.slow
def test_the_commands():
    """A publisher, `top` and `watch` of it, and what they say of a name that nobody publishes."""
    publisher = subprocess.Popen(
        [sys.executable, "-m", "bitmart_book", "publish", "prices", "BTC_USDT", "--source", "sim"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert publisher.stdout.readline() == "published as prices, 20 levels a side: BTC_USDT\n"
        while publisher.stdout.readline() != "BTC_USDT LIVE\n":
            pass
        source = ("--source", "attach:prices")
        for command in (("top",), ("watch", "--seconds", "1"), ("doctor",)):
            done = run(*command, "BTC_USDT", *source)
            assert done.returncode == 0, done.stderr
            assert "BTC_USDT" in done.stdout
        assert "shows no book of ETH_USDT" in run("top", "ETH_USDT", *source).stderr
    finally:
        publisher.terminate()
        publisher.wait()
    assert publisher.returncode == 0
    done = run("top", "BTC_USDT", *source)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nobody publishes prices" in done.stderr
