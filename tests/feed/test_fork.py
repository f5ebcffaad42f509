"""A forked child has a copy of a feed: it is told so at every use, and cannot hurt the parent."""

import copy
import json
import os
import pickle
import subprocess
import sys

import pytest

import bitmart_book as bb
from tests.helpers.blast import running
from tests.helpers.framing import wires

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

HEAD = """
import asyncio, gc, json, logging, multiprocessing, os, sys
import bitmart_book as bb

# Forking takes its time, and the feed would say so.
logging.getLogger("bitmart_book").setLevel(logging.ERROR)

def tried(**uses):
    said = {}
    for name, use in uses.items():
        try:
            said[name] = f"no error: {use()!r}"
        except BaseException as error:
            said[name] = f"{type(error).__name__}: {error}"
    return said
"""

WITHOUT_AWAIT = """
feed = bb.connect("BTC_USDT", source=SOURCE, urls=URLS, timeout=20)
book, trades = feed["BTC_USDT"], feed.events()
waiting = book.quotes(timeout=20)
next(waiting)

def uses():
    return tried(
        subscribe=lambda: feed.subscribe("ETH_USDT"),
        unsubscribe=lambda: feed.unsubscribe("BTC_USDT"),
        subscriptions=lambda: feed.subscriptions,
        report=lambda: feed.report(),
        explain=lambda: feed.explain(),
        book_explain=lambda: book.explain(),
        trades=lambda: feed.trades("BTC_USDT"),
        events=lambda: feed.events(),
        get=lambda: trades.get(timeout=20),
        item=lambda: feed["BTC_USDT"],
        best_bid=lambda: book.best_bid,
        quotes=lambda: next(book.quotes(timeout=20)),
        waiting=lambda: next(waiting),
        on_quote=lambda: book.on_quote(print),
        wait_for_end=lambda: feed.wait_for_end(timeout=20),
        state=lambda: str(book.state),
        close=feed.close,
    )
"""

AFTER = """
sequence = book.sequence
for quote in book.quotes(timeout=20):
    if quote.sequence > sequence + 20:
        break
feed.subscribe("ETH_USDT")
report = feed.report()["counters"]
print(json.dumps({"epoch": book.epoch, "connects": report["connects"],
                  "disconnects": report.get("disconnects", 0)}))
feed.close()
"""

FORKED = """
def run_in_child(work):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.write(writing, json.dumps(work()).encode())
        os.close(writing)
        gc.collect()
        END
    os.close(writing)
    with open(reading) as pipe:
        print(pipe.read())
    assert os.waitpid(child, 0)[1] == 0
"""


def play(program, source="sim", urls=None, end="sys.exit(0)", wire="websockets"):
    """Run a program; the child's words and the parent's report."""
    chosen = f'from bitmart_book.feed import options\noptions.DEFAULTS["transport"] = "{wire}"\n'
    program = (HEAD + chosen + program).replace("SOURCE", repr(source)).replace("URLS", repr(urls))
    result = subprocess.run(
        # Newer Pythons warn of every fork of a process that has threads, which is the point here.
        [
            sys.executable,
            "-W",
            "error::ResourceWarning",
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            program.replace("END", end),
        ],
        capture_output=True,
        text=True,
    )
    assert result.stderr.strip() == ""
    child, parent = result.stdout.strip().splitlines()
    return json.loads(child), json.loads(parent)


def check(said, parent):
    closed = said.pop("close")
    assert closed == "no error: None", "so that a with block can be left"
    assert said.pop("state") == "no error: 'CLOSED'"
    assert said.pop("best_bid").startswith("BookNotLive: BTC_USDT is CLOSED")
    assert said.pop("waiting").startswith(("FeedClosed", "StopIteration"))
    for name, words in said.items():
        assert words.startswith("FeedClosed: the "), f"{name}: {words}"
        assert "forked child" in words, f"{name}: {words}"
    assert parent == {"epoch": 1, "connects": 1, "disconnects": 0}


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_a_child_of_a_feed_without_await(end):
    check(*play(WITHOUT_AWAIT + FORKED + "run_in_child(uses)\n" + AFTER, end=end))


@pytest.mark.parametrize("wire", wires()[1:])
def test_a_child_of_a_feed_on_the_fast_wire(wire):
    check(*play(WITHOUT_AWAIT + FORKED + "run_in_child(uses)\n" + AFTER, wire=wire))


def test_a_child_of_multiprocessing():
    program = (
        WITHOUT_AWAIT
        + """
def work(feed, book, queue):
    queue.put(uses())

context = multiprocessing.get_context("fork")
queue = context.Queue()
child = context.Process(target=work, args=(feed, book, queue))
child.start()
print(json.dumps(queue.get(timeout=60)))
child.join(60)
assert child.exitcode == 0
"""
        + AFTER
    )
    check(*play(program))


WITH_AWAIT = """
async def main():
    async with bb.Feed(source=SOURCE, urls=URLS, timeout=20) as feed:
        book = await feed.subscribe("BTC_USDT")
        waiting = book.quotes(timeout=20)
        await anext(waiting)
        sequence = book.sequence

        def first_step(work):
            try:
                work.send(None)
            except StopIteration as stop:
                return stop.value
            finally:
                work.close()

        def uses():
            return tried(
                subscribe=lambda: first_step(feed.subscribe("ETH_USDT")),
                unsubscribe=lambda: first_step(feed.unsubscribe("BTC_USDT")),
                explain=lambda: feed.explain(),
                trades=lambda: feed.trades("BTC_USDT"),
                events=lambda: feed.events(),
                item=lambda: feed["BTC_USDT"],
                best_bid=lambda: book.best_bid,
                quotes=lambda: first_step(anext(book.quotes())),
                waiting=lambda: first_step(anext(waiting)),
                on_quote=lambda: book.on_quote(print),
                state=lambda: str(book.state),
                close=lambda: first_step(feed.close()),
            )

        run_in_child(uses)
        async for quote in book.quotes(timeout=20):
            if quote.sequence > sequence + 20:
                break
        await feed.subscribe("ETH_USDT")
        report = feed.report()["counters"]
        print(json.dumps({"epoch": book.epoch, "connects": report["connects"],
                          "disconnects": report.get("disconnects", 0)}))

asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "raise SystemExit(0)"])
def test_a_child_forked_inside_the_loop(end):
    """In the second case it even runs the parent's loop to its end, over the same epoll."""
    with running(rate=200) as server:
        check(*play(FORKED + WITH_AWAIT, "live", server.urls, end))


def test_what_belongs_to_a_process_is_not_pickled_or_copied():
    with bb.connect("BTC_USDT", source="sim") as feed:
        for thing in (feed, feed._core, feed["BTC_USDT"], feed["BTC_USDT"].hub, feed.events()):
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(thing)
            with pytest.raises(TypeError, match="cannot be pickled"):
                copy.copy(thing)
        assert pickle.loads(pickle.dumps(feed["BTC_USDT"].quote)).bid
