"""How long things take, as a feed reports it, and who kept its loop from running."""

import asyncio
import gc
import json
import logging
import weakref
from types import SimpleNamespace

import pytest

import bitmart_book as bb
from bitmart_book._book import Timed, clock_ns
from tests.helpers import frames
from tests.helpers.feeds import box, run

STAGES = ("venue_to_socket", "socket_to_applied", "applied_to_callback", "not_live_to_callback")


async def until(happened):
    while not happened():
        await asyncio.sleep(0)


async def told(feed, book, listen):
    """The report when the book was lost and whoever listened knows."""
    seen = []
    task = listen(seen.append)

    def over():
        return task is not None and task.done()

    await until(lambda: len(seen) > 4 or over())
    feed._core.engine.invalidate(book, "for the test")
    feed._core.driver.step()
    await until(lambda: seen[-1].state != bb.BookState.LIVE or over())
    if task is not None:
        await task
    return feed.report()


def test_each_stage_of_what_somebody_listens_to_is_counted():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")
            before = feed.report()["latency"]
            assert {before[stage]["count"] for stage in STAGES} == {0}, "nobody listened"

            def listen(look):
                book.on_quote(look)

            return await told(feed, book, listen)

    report = run(work())
    assert json.loads(json.dumps(report))["loop"] == report["loop"]
    assert tuple(report["latency"]) == STAGES
    for stage in STAGES:
        said = report["latency"][stage]
        assert said["count"] > 0
        assert said["min"] <= said["p50"] <= said["p99"] <= said["p999"] <= said["max"]
        assert said["below_zero"] + sum(count for _, count in said["buckets"]) == said["count"]
    assert report["latency"]["socket_to_applied"]["min"] >= 0


@pytest.mark.parametrize("several", [False, True])
def test_loops_count_as_callbacks_do(several):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")

            async def loop(look):
                async for quote in feed.quotes() if several else book.quotes():
                    look(quote)
                    if quote.state != bb.BookState.LIVE:
                        return

            report = await told(feed, book, lambda look: asyncio.create_task(loop(look)))
            return report["latency"]

    latency = run(work())
    # The present comes first, and has waited for nothing.
    assert latency["applied_to_callback"]["count"] >= 4
    assert latency["not_live_to_callback"]["count"] == 1


@pytest.mark.parametrize("several", [False, True])
def test_loops_that_block_count_too(several):
    with bb.connect("BTC_USDT", source=box()) as feed:
        book = feed["BTC_USDT"]
        for seen, _ in enumerate(feed.quotes() if several else book.quotes()):
            if seen > 2:
                break
        assert feed.report()["latency"]["applied_to_callback"]["count"] >= 3


def test_a_capture_counts_nothing(tmp_path):
    path = tmp_path / "capture.jsonl"
    path.write_text(frames.SPOT_SNAPSHOT_4)
    with bb.connect(source=path) as feed:
        feed["BTC_USDT"].on_quote(print)
        feed.wait_for_end(timeout=10)
        report = feed.report()
    assert {report["latency"][stage]["count"] for stage in STAGES} == {0}
    assert report["loop"]["stalls"] == {}


def test_who_kept_the_loop_from_running_is_named(caplog):
    class Slow(Timed):
        name = "maker.requote (on_quote of BTC_USDT)"

    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT")
            driver = feed._core.driver
            busiest = [(Slow(), 50 * 10**9, 1)]
            took = SimpleNamespace(take_busiest=lambda: busiest.pop() if busiest else None)
            driver._stalls._latency = took
            driver._beat_at -= 60.0
            await until(lambda: feed.report()["loop"]["pauses"])
            return feed.report()["loop"]["stalls"][Slow.name]

    with caplog.at_level(logging.WARNING, "bitmart_book"):
        cause = run(work())
    assert cause["pauses"] == 1
    assert cause["longest"] == cause["seconds"] > 59.0
    (said,) = [text for text in caplog.messages if Slow.name in text]
    assert "the event loop did not run for 6" in said
    assert f"{Slow.name} took 50.000 s, in one call" in said


def test_what_is_read_together_waits_for_what_is_before_it():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT")
            driver = feed._core.driver
            driver.read_at = clock_ns() - 7 * 10**9
            driver.applied()
            return feed.report()["latency"]["socket_to_applied"]

    stage = run(work())
    assert stage["count"] == 1
    assert 7.0 <= stage["min"] <= stage["max"] < 60.0


def test_after_a_blocked_loop_what_has_lapsed_is_noted_before_the_client_says_anything():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await feed.subscribe("BTC_USDT")
            driver, loop, order = feed._core.driver, asyncio.get_running_loop(), []
            driver._engine = SimpleNamespace(look=lambda: order.append("look"))
            driver._intake = SimpleNamespace(advance=lambda now: order.append("client") or now + 1)
            for due in (0.0, 60.0):
                driver._lapses.cancel()
                driver._lapses = loop.call_later(due, order.append, "timer")
                driver._advance()
            return order

    assert run(work()) == ["look", "client", "client"]


def test_a_feed_that_was_closed_holds_no_callback_that_was_given_up():
    """Though the feed is held itself, and it was at its very end that the callback was called."""
    states, handles = [], []

    class Function:
        def __call__(self, quote):
            states.append(quote.state)
            if quote.state is bb.BookState.CLOSED:
                handles.pop().cancel()

    function = Function()
    held = weakref.ref(function)
    feed = bb.connect("BTC_USDT", source="sim")
    handles.append(feed["BTC_USDT"].on_quote(function))
    del function
    feed.close()
    gc.collect()
    assert states[-1] is bb.BookState.CLOSED
    assert held() is None
    del feed
