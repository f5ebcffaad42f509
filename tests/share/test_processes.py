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
        versions, broken, refused = torn.read(books["BTC_USDT"], 2_000, enough=30)
        assert versions >= 30
        assert (broken, refused) == (0, 0)
    # The lock is free at once, whatever the deadlines say.
    with pytest.raises(bb.NotPublished, match="has ended"):
        bb.attach("prices", timeout=0)


FORKED = """
import os, sys
import bitmart_book as bb
from tests.share.writer import frame
from bitmart_book.share.publishing import Publisher

engine = bb.Engine(clock="monotonic")
engine.apply(frame(1))
publisher = Publisher(engine, "prices", 20, print)
book = bb.attach("prices")["BTC_USDT"]
child = os.fork()
if child == 0:
    publisher.close()
    print(book.best_bid_price, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(book.best_ask_price, flush=True)
if os.fork() == 0:
    print("left", flush=True)
    sys.stdin.read()
os._exit(0)
"""


def test_forked_children_read_and_do_not_keep_a_publisher_alive():
    with subprocess.Popen(
        [sys.executable, "-c", FORKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout.readline() == "1000.0\n"
        assert program.stdout.readline() == "1001.0\n"
        assert program.stdout.readline() == "left\n"
        program.wait()
        # The child of it still lives.
        with pytest.raises(bb.NotPublished, match="has ended"):
            bb.attach("prices", timeout=0)
        program.stdin.close()


def test_an_orderly_end_is_seen_at_once():
    deaths.closed("prices")


@pytest.mark.slow
def test_killed_stopped_and_closed():
    assert set(deaths.measure(5, 3)) == {"killed", "stopped", "closed"}


@pytest.mark.slow
def test_the_commands():
    """A publisher, `top` and `watch` of it, and what they say of a name that nobody publishes."""
    command = (sys.executable, "-m", "bitmart_book", "publish", "prices", "BTC_USDT")
    source = ("--source", "attach:prices")
    with subprocess.Popen(
        [*command, "--source", "sim"], stdout=subprocess.PIPE, text=True
    ) as publisher:
        try:
            said = "published as prices, 20 levels a side: BTC_USDT\n"
            assert publisher.stdout.readline() == said
            while publisher.stdout.readline() != "BTC_USDT LIVE\n":
                pass
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
