"""What a feed says: lines in the log, sentences of `explain`, and the report."""

import asyncio
import logging

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book.wire.capture import CaptureWriter
from tests.helpers.feeds import Unhurried, box, run
from tests.helpers.frames import spot
from tests.helpers.limits import PATIENCE
from tests.helpers.talk import answer, closed_port, next_event, snapshot, talking, until


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "bitmart_book")
    return lambda: [
        (record.levelname, record.getMessage())
        for record in caplog.records
        # The machine's own doing, in the middle of anything.
        if not record.getMessage().startswith("the event loop did not run")
    ]


def test_the_life_of_a_book_in_lines(lines):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")
            for connection in list(simulator._connected.values()):
                connection.close(1012, "restarting\n")
            await until(book, "CONNECTING")
            await until(book, "LIVE")

    run(work())
    topic = "spot/depth/increase100:BTC_USDT"
    reason = r"closed by the other side: 1012 (service restart) restarting\n"
    expected = [
        ("INFO", "spot-1: connected", ""),
        ("INFO", f"{topic}: syncing after ", " s: subscribed, no snapshot yet"),
        ("INFO", f"{topic}: subscribed on spot-1", ""),
        ("INFO", f"{topic}: live after ", ", epoch 1"),
        ("WARNING", f"spot-1: disconnected: {reason}", ""),
        ("WARNING", f"{topic}: connecting after ", f" s live: no connection: {reason}"),
    ]
    said = lines()
    assert len(said) >= 9, "what was held back is written at the end"
    for (level, start, end), line in zip(expected, said, strict=False):
        assert line[0] == level
        assert line[1].startswith(start)
        assert line[1].endswith(end)
    assert ("INFO", "feed: closed") in said


def test_three_hundred_books_lost_at_once_are_no_storm(lines):
    async def work():
        async with Unhurried(extra_symbols=300) as simulator:
            symbols = [f"SYM{number:04d}_USDT" for number in range(1, 301)]
            async with bb.Feed(source=simulator, timeout=PATIENCE) as feed:
                events = feed.events(maxsize=10_000)
                await feed.subscribe(*symbols)
                for connection in list(simulator._connected.values()):
                    connection.abort()
                seen = 0
                async for event in events:
                    seen += event.kind == "connecting"
                    if seen == 300:
                        break
            return feed.report()["log"]["held_back"]

    held_back = run(work())
    lost = [text for level, text in lines() if ": connecting after" in text]
    assert 1 <= len(lost) <= 20
    assert "more like it" in lost[-1]
    assert held_back > 800, "300 books each became syncing, live, connecting"


def test_a_frame_that_cannot_be_read_is_quoted_safely(lines):
    async def talk(connection):
        await connection.recv()
        await connection.send(snapshot(1))
        await connection.send("{'single': 'quotes\x1b[2J\n" + "x" * 5_000)
        await answer(connection)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            events = feed.events()
            await feed.subscribe("BTC_USDT")
            await next_event(events, "bad frame")

    run(work())
    assert any("bad frame" in text for _, text in lines())
    for _, text in lines():
        assert text.isprintable()
        assert len(text.encode()) <= 1_000


# --- explain ---


def test_explain_without_subscriptions():
    async def work():
        async with bb.Feed(source="sim") as feed:
            assert feed.explain() == "Nothing is subscribed."
            assert feed.explain("BTC_USDT") == "BTC_USDT is not subscribed."
        assert feed.explain() == "The feed is closed."
        assert bb.Feed(source="sim").explain() == "Nothing is subscribed."

    run(work())


def test_explain_in_every_state():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")
            await feed.subscribe("spot/trade:BTC_USDT")
            first, second = feed.explain().splitlines()
            assert first.startswith("BTC_USDT is live: confirmed by ")
            assert second == "spot/trade:BTC_USDT is live."
            assert book.explain().startswith("BTC_USDT is live")
            assert feed.explain("BTC_USDT").startswith("BTC_USDT is live")

            feed._core.engine.invalidate(book, "version gap: expected 8813, was 8815")
            said = book.explain()
            assert said.startswith("BTC_USDT is gap, not live for 0.0 s: version gap: expected")

            with pytest.raises(bb.SubscriptionRejected):
                await feed.subscribe("NOPE_USDT")
            assert feed.explain("NOPE_USDT").endswith("; refused for good.")

            await feed.unsubscribe("BTC_USDT")
            assert book.explain().startswith("BTC_USDT is closed, not live for ")

    run(work())


def test_explain_without_a_connection():
    async def work():
        urls = {"spot_public": f"ws://127.0.0.1:{closed_port()}/"}
        async with bb.Feed(urls=urls, wait="none") as feed:
            events = feed.events()
            book = await feed.subscribe("BTC_USDT")
            assert book.explain().endswith(("; connecting now.", "; connecting again in 0.0 s."))
            await next_event(events, "disconnected")
            assert "BTC_USDT is connecting, not live for " in book.explain()
            assert "Connect call failed" in book.explain()

    run(work())


def test_explain_a_capture(tmp_path):
    path = tmp_path / "capture.jsonl"
    with CaptureWriter(path) as writer:
        writer.write(spot("snapshot", 1, [("1", "1")], [("2", "1")]).encode(), 0, "a")
        text = spot("snapshot", 5, [("1", "1")], [("2", "1")], "ETH_USDT")
        writer.write(text.encode(), 0, "a")
        writer.write(spot("update", 9, [("1", "2")], [], "ETH_USDT").encode(), 0, "a")
    with bb.connect(source=path) as feed:
        first, second = feed.explain().splitlines()
        assert first == "BTC_USDT is live (end of capture): confirmed by snapshot, version 1."
        assert second.startswith("ETH_USDT is gap, not live: version gap: expected 6, was 9")
        assert feed.explain("NOPE_USDT") == "NOPE_USDT is not in the capture."
        assert feed["BTC_USDT"].explain() == first
        assert [feed["ETH_USDT"].explain()] == [second]


def test_explain_from_any_thread_and_after_the_end():
    with bb.connect("BTC_USDT", source="sim") as feed:
        book = feed["BTC_USDT"]
        assert feed.explain().startswith("BTC_USDT is live")
        assert book.explain().startswith("BTC_USDT is live")
    assert feed.explain() == "The feed is closed."
    assert book.explain().startswith("BTC_USDT is closed")


# --- outages, reports ---


def test_an_outage_reaches_the_hook_once_a_minute(monkeypatch):
    """The client's own sense of time is moved by an hour; the rest happens by itself."""
    from bitmart_book.wire.driver import Driver

    told, hours = [], [0]
    clock = Driver.now
    monkeypatch.setattr(Driver, "now", staticmethod(lambda: clock() + 3600 * hours[0]))
    called = asyncio.Event()

    def on_outage(event):
        told.append(event)
        called.set()

    async def work():
        urls = {"spot_public": f"ws://127.0.0.1:{closed_port()}/"}
        async with bb.Feed(urls=urls, wait="none", on_outage=on_outage) as feed:
            events = feed.events()
            await feed.subscribe("BTC_USDT")
            await next_event(events, "disconnected")
            hours[0] = 1
            feed._core.driver.step()
            await called.wait()

    run(work())
    assert told[0].kind == "outage"
    assert 3_600 <= told[0].after < 3_700


def test_the_report_counts_what_happens_to_the_feed():
    async def work():
        async with bb.Feed(source="sim") as feed:
            await feed.subscribe("BTC_USDT")
            report = feed.report()
            assert report["loop"]["internal_errors"] == 0
            assert report["callbacks"] == {"failures": 0, "dropped": 0}
            assert report["log"]["held_back"] >= 0
            assert report["connections"]["spot-1"]["open"]
            assert report["topics"] == {"spot/depth/increase100:BTC_USDT": BookState.LIVE}

    run(work())


def test_a_dropped_stream_of_events_is_not_filled_for_ever():
    async def work():
        async with bb.Feed(source="sim") as feed:
            kept = feed.events()
            for _ in range(100):
                feed.events()
            await feed.subscribe("BTC_USDT")
            assert len(feed._core.audience._event_mailboxes) <= 2
            assert (await next_event(kept, "live")).topic == "spot/depth/increase100:BTC_USDT"
            kept.close()
            kept.close()
            feed.events()
            assert len(feed._core.audience._event_mailboxes) <= 1

    run(work())
