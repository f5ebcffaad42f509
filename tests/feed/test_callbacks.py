"""Users' own code in the middle of delivery: whatever it does, the books stay right."""

import asyncio
import logging
import threading

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book._book import Latency
from bitmart_book.listeners.hub import CALLBACK_FAILURES, Callback
from bitmart_book.model import Event, EventKind
from tests.helpers.feeds import box, differences, live_differences, run


@pytest.fixture(autouse=True)
def quiet(caplog):
    with caplog.at_level(logging.CRITICAL, "bitmart_book"):
        yield


def boxed(work):
    """Run `await work(simulator, feed)` with a hurried box."""

    async def whole():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            await work(simulator, feed)

    run(whole())


async def frames(book, count):
    """Wait until the book has changed so many times."""
    enough, seen = asyncio.Event(), 0

    def counting(book, change):
        nonlocal seen
        seen += 1
        if seen >= count:
            enough.set()

    handle = book.on_change(counting)
    await enough.wait()
    handle.cancel()


# --- what a callback may do ---


@pytest.mark.parametrize("register", ["on_quote", "on_change"])
def test_it_may_cancel_itself_and_others(register):
    async def work(simulator, feed):
        book = await feed.subscribe("BTC_USDT")
        calls = {"first": 0, "second": 0, "third": 0}
        handles = {}

        def first(*_):
            calls["first"] += 1
            handles["first"].cancel()
            handles["third"].cancel()

        def second(*_):
            calls["second"] += 1

        def third(*_):
            calls["third"] += 1

        for function in (first, second, third):
            handles[function.__name__] = getattr(book, register)(function)
        await frames(book, 30)
        assert calls["first"] == 1
        assert calls["third"] == 0, "cancelled before its turn came"
        assert calls["second"] > 1
        assert await live_differences(simulator, book) == []

    boxed(work)


def test_it_may_register_another():
    async def work(simulator, feed):
        book = await feed.subscribe("BTC_USDT")
        called = asyncio.Event()
        handles = []

        def outer(quote):
            handles.pop().cancel()
            book.on_quote(lambda quote: called.set())

        handles.append(book.on_quote(outer))
        await called.wait()

    boxed(work)


def test_it_may_read_every_book():
    async def work(simulator, feed):
        books = await feed.subscribe("BTC_USDT", "ETH_USDT")
        wrong, count, enough = [], 0, asyncio.Event()

        def reading(book, change):
            nonlocal count
            count += 1
            for other in books:
                if other.state == BookState.LIVE:
                    wrong.extend(differences(simulator, other))
                    other.check()
            if count == 60:
                enough.set()

        for book in books:
            book.on_change(reading)
        await enough.wait()
        assert wrong == []

    boxed(work)


def test_it_may_subscribe_a_stream_and_close_it():
    async def work(simulator, feed):
        book = await feed.subscribe("BTC_USDT")
        streams, opened = [], asyncio.Event()

        def opening(quote):
            if not streams:
                streams.append(feed.trades("ETH_USDT"))
                streams.append(feed.trades("ETH_USDT"))
                streams[0].close()
                opened.set()

        book.on_quote(opening)
        await opened.wait()
        assert (await anext(streams[1])).symbol == "ETH_USDT"
        assert [trade async for trade in streams[0]] == []

    boxed(work)


def test_it_may_begin_to_subscribe_and_to_unsubscribe():
    async def work(simulator, feed):
        bitcoin, ether = await feed.subscribe("BTC_USDT", "ETH_USDT")
        tasks = []

        def changing(quote):
            if not tasks:
                tasks.append(asyncio.ensure_future(feed.unsubscribe("ETH_USDT")))
                tasks.append(asyncio.ensure_future(feed.subscribe("SOL_USDT")))

        bitcoin.on_quote(changing)
        await frames(bitcoin, 5)
        await tasks[0]
        assert ether.state == BookState.CLOSED
        assert (await tasks[1]).state == BookState.LIVE

    boxed(work)


def test_it_may_begin_to_close_the_feed():
    async def work(simulator, feed):
        book = await feed.subscribe("BTC_USDT")
        tasks, states = [], []

        def closing(quote):
            states.append(quote.state)
            if not tasks:
                tasks.append(asyncio.ensure_future(feed.close()))

        book.on_quote(closing)
        async for _ in book.quotes():
            pass
        await tasks[0]
        assert states[-1] == BookState.CLOSED

    boxed(work)


@pytest.mark.parametrize("action", ["subscribe", "unsubscribe", "close", "report", "explain"])
def test_without_await_too(action):
    with bb.connect("BTC_USDT", "ETH_USDT", source="sim") as feed:
        done, results = threading.Event(), []

        def callback(quote):
            if done.is_set():
                return
            try:
                if action == "subscribe":
                    results.append(feed.subscribe("SOL_USDT"))
                    results.append(feed.subscribe("spot/trade:SOL_USDT"))
                elif action == "unsubscribe":
                    feed.unsubscribe("ETH_USDT")
                    feed.unsubscribe("BTC_USDT")
                elif action == "close":
                    feed.close()
                else:
                    results.append(getattr(feed, action)())
                    results.append(feed["ETH_USDT"].explain())
            except BaseException as error:
                results.append(error)
            done.set()

        book = feed["BTC_USDT"]
        book.on_quote(callback)
        done.wait()
        assert not [result for result in results if isinstance(result, BaseException)]
        if action == "subscribe":
            assert isinstance(results[0], bb.sync.LiveBook)
            live = (quote for quote in results[0].quotes() if quote.state == "LIVE")
            assert next(live).bid
            assert results[1].get().symbol == "SOL_USDT"
        elif action == "unsubscribe":
            assert feed.subscriptions == {}
        elif action == "close":
            for _ in book.quotes():
                pass
            assert feed.closed
        else:
            assert len(results) == 2


def test_it_may_not_wait_for_the_thread_it_runs_on():
    with bb.connect("BTC_USDT", source="sim") as feed:
        caught, done = [], threading.Event()

        def callback(quote):
            try:
                feed.wait_for_end()
            except bb.UsageError as error:
                caught.append(str(error))
            done.set()

        feed["BTC_USDT"].on_quote(callback)
        done.wait()
    assert "wait for the thread" in caught[0]


# --- what it does wrong ---


class Strange(BaseException):
    """Of no kind that anybody catches."""


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, Strange, GeneratorExit])
def test_what_it_raises_goes_no_further(error):
    async def work(simulator, feed):
        book = await feed.subscribe("BTC_USDT")
        events = feed.events()

        def raising(*_):
            raise error("of the user")

        book.on_change(raising)
        book.on_quote(raising)
        await frames(book, 20)
        assert (await anext(events)).kind == "callback failed"
        assert await live_differences(simulator, book) == []
        assert book.epoch == 1

    boxed(work)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_meant_for_the_whole_program_ends_it(error):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")

            def raising(quote):
                raise error

            book.on_quote(raising)
            await asyncio.Event().wait()

    with pytest.raises(error):
        asyncio.run(work())


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_without_await_it_ends_the_feed(error, caplog):
    feed = bb.connect("BTC_USDT", source="sim")
    book = feed["BTC_USDT"]

    def raising(quote):
        raise error

    with caplog.at_level(logging.ERROR, "bitmart_book"):
        book.on_quote(raising)
        for _ in book.quotes():
            pass
        feed.close()
    assert feed.closed
    assert f"the feed ends: {error.__name__} in a callback" in caplog.messages
    assert not any(thread.name == "bitmart_book feed" for thread in threading.enumerate())


def test_failures_in_a_row_are_counted_anew_after_a_success():
    async def work(simulator, feed):
        book = await feed.subscribe("BTC_USDT")
        calls = 0

        def sometimes(*_):
            nonlocal calls
            calls += 1
            if calls % CALLBACK_FAILURES:
                raise RuntimeError("of the user")

        book.on_change(sometimes)
        await frames(book, 2 * CALLBACK_FAILURES + 10)
        assert calls >= 2 * CALLBACK_FAILURES
        assert feed.report()["callbacks"]["dropped"] == 0

    boxed(work)


def test_after_a_hundred_failures_it_is_dropped_with_one_error(caplog):
    caplog.set_level(logging.DEBUG, "bitmart_book")

    async def work(simulator, feed):
        book = await feed.subscribe("BTC_USDT")
        calls = 0

        def failing(*_):
            nonlocal calls
            calls += 1
            raise RuntimeError("of the user")

        book.on_change(failing)
        await frames(book, CALLBACK_FAILURES + 20)
        assert calls == CALLBACK_FAILURES
        assert feed.report()["callbacks"] == {"failures": CALLBACK_FAILURES, "dropped": 1}

    boxed(work)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.getMessage() for record in errors] == [
        "on_change of BTC_USDT failed 100 times in a row and is not called any more: "
        "RuntimeError: of the user"
    ]
    warned = [text for text in caplog.messages if text.startswith("a callback failed")]
    assert 0 < len(warned) < 20, "a line a second, not a hundred"
    assert any(record.exc_info for record in caplog.records), "with a traceback"


def test_a_hook_that_always_fails_is_dropped_too():
    calls = []

    def hook():
        calls.append(None)
        raise RuntimeError("of the user")

    callback = Callback("hook", hook, lambda callback, error: None, Latency(None))
    for _ in range(2 * CALLBACK_FAILURES):
        callback()
    assert len(calls) == CALLBACK_FAILURES


def test_on_error_is_told_instead_of_the_log_and_may_fail_too(caplog):
    caplog.set_level(logging.DEBUG, "bitmart_book")
    told = []

    def on_error(what, error):
        told.append((what, type(error)))
        if len(told) == 3:
            raise KeyError("in on_error itself")

    async def work():
        async with box() as simulator:
            async with bb.Feed(source=simulator, on_error=on_error) as feed:
                book = await feed.subscribe("BTC_USDT")
                book.on_change(lambda *_: 1 / 0)
                await frames(book, 10)
                assert await live_differences(simulator, book) == []

    run(work())
    assert told[0] == ("on_change of BTC_USDT", ZeroDivisionError)
    assert len(told) >= 9
    assert any("on_error: KeyError" in text for text in caplog.messages)
    assert not any("ZeroDivisionError" in text for text in caplog.messages)


def test_on_outage_is_called_and_isolated():
    told, states = [], []

    def on_outage(event):
        told.append(event)
        states.append(feed.subscriptions)
        raise RuntimeError("of the user")

    async def work():
        nonlocal feed
        async with bb.Feed(source="sim", on_outage=on_outage) as feed:
            await feed.subscribe("BTC_USDT")
            client = feed._core.client
            client.outbox.event(
                EventKind.OUTAGE, 5.0, connection="spot-1", reason="unreachable", after=61.0
            )
            await feed.subscribe("ETH_USDT")

    feed = None
    run(work())
    expected = Event(kind="outage", time=5.0, connection="spot-1", reason="unreachable", after=61.0)
    assert told == [expected]
    assert len(states) == 1


def test_a_coroutine_function_is_no_callback():
    async def work(simulator, feed):
        book = await feed.subscribe("BTC_USDT")

        async def never_awaited(quote):
            pass

        for register in (book.on_quote, book.on_change):
            with pytest.raises(bb.UsageError, match="coroutine function"):
                register(never_awaited)
            with pytest.raises(bb.UsageError, match="must be callable"):
                register(None)

    boxed(work)
    with pytest.raises(bb.UsageError, match="must be callable"):
        bb.Feed(source="sim", on_error=3)


# --- conflation ---


def test_on_quote_gets_the_newest_of_what_arrived_together():
    """Nobody quotes a price that is already known to be old."""
    from tests.helpers.frames import spot
    from tests.helpers.talk import answer, talking

    release = asyncio.Event()

    async def talk(connection):
        await connection.recv()
        await connection.send(spot("snapshot", 1, [("1", "1")], [("2", "1")]))
        await release.wait()
        connection.transport.pause_reading()
        for version in range(2, 12):
            size = str(version)
            connection.protocol.send_text(spot("update", version, [("1", size)]).encode())
        connection.transport.write(b"".join(connection.protocol.data_to_send()))
        await answer(connection)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            book = await feed.subscribe("BTC_USDT")
            quotes, changes, seen = [], [], asyncio.Event()

            def quoting(quote):
                quotes.append((quote.sequence, quote.skipped))
                if quote.sequence == 11:
                    seen.set()

            book.on_change(lambda book, change: changes.append(book.sequence))
            book.on_quote(quoting)
            release.set()
            await seen.wait()
            assert changes == list(range(2, 12)), "each whole frame"
            assert quotes == [(11, 9)], "the newest, and how many were skipped"

    run(work())


def test_in_a_capture_no_quote_is_skipped(tmp_path):
    from bitmart_book.wire.capture import CaptureWriter
    from tests.helpers.frames import spot

    path = tmp_path / "capture.jsonl"
    with CaptureWriter(path) as writer:
        writer.write(spot("snapshot", 1, [("1", "1")], [("2", "1")]).encode(), 0, "a")
        for version in range(2, 20):
            frame = spot("update", version, [("1", str(version))]).encode()
            writer.write(frame, 3_600 * 10**9, "a")

    async def slowly():
        async with bb.Feed(source=path, speed=36_000) as feed:
            book = await feed.subscribe("BTC_USDT")
            quotes = []
            book.on_quote(lambda quote: quotes.append((quote.sequence, quote.skipped)))
            await feed.finished()
            return list(quotes)

    quotes = run(slowly())
    assert quotes == [(version, 0) for version in range(2, 20)]
