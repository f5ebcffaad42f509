"""What carries the frames of a feed: chosen by its user, and the same to him but for the time it
takes."""

import asyncio
import logging
import sys

import pytest

import bitmart_book as bb
from bitmart_book.wire import transports
from bitmart_book.wire.capture import Capture, CapturedFrame
from tests.helpers.feeds import box, live_differences, run
from tests.helpers.framing import TEXT, Noted, Server, frame, opened, wires
from tests.helpers.talk import answer, next_event, snapshot, talking

FAST = pytest.mark.skipif(
    transports.why_not_fast() is not None,
    reason=f"the fast wire cannot be tried here: {transports.why_not_fast()}",
)
each_wire = pytest.mark.parametrize("wire", wires())


# --- which ---


def kinds(feed):
    return {type(link).__name__ for link in feed._core.driver._links.values()}


@pytest.mark.parametrize("wrong", ["fast", None, 5])
@pytest.mark.parametrize("face", [bb.Feed, bb.sync.Feed, bb.connect])
def test_another_transport_is_told_before_anything_begins(face, wrong):
    with pytest.raises(bb.UsageError, match='transport must be "websockets", "picows" or "auto"'):
        face(transport=wrong)


def test_where_the_library_is_missing_it_says_so_and_auto_does_without(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "picows", None)
    with pytest.raises(bb.UsageError) as caught:
        bb.Feed(transport="picows")
    said = str(caught.value)
    assert said == (
        "transport=\"picows\" cannot be had: it needs picows: pip install 'bitmart_book[fast]'"
    )

    async def work():
        async with talking(answer) as urls, bb.Feed(urls=urls, transport="auto") as feed:
            assert (await feed.subscribe("BTC_USDT")).state == "LIVE"
            assert kinds(feed) == {"Link"}

    with caplog.at_level(logging.INFO, "bitmart_book"):
        run(work())
    lines = [text for text in caplog.messages if "transport" in text]
    assert lines == ['transport="auto" takes websockets: it needs picows: pip install '
                     "'bitmart_book[fast]'"]  # fmt: skip


@FAST
@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("picows", "2.4.0", "it needs picows 2.3.*, and 2.4.0 is here"),
        ("bitmart_book.wire._fast", "2.2.1", "this bitmart_book was built for picows 2.2.1"),
        ("bitmart_book.wire._fast", None, "this bitmart_book was built without it ("),
    ],
)
def test_another_version_of_the_library_is_not_used(monkeypatch, name, value, why):
    """Its objects lie otherwise in memory."""
    if value is None:
        monkeypatch.delattr("bitmart_book.wire._fast", raising=False)
        monkeypatch.setitem(sys.modules, name, None)
    else:
        word = "__version__" if name == "picows" else "BUILT_WITH"
        __import__(name)
        monkeypatch.setattr(sys.modules[name], word, value)
    assert why in transports.why_not_fast()
    with pytest.raises(bb.UsageError, match="cannot be had"):
        bb.Feed(transport="picows")


@FAST
def test_auto_takes_the_fast_one_where_it_is_and_the_default_never_does():
    async def work():
        for transport, kind in (("auto", "FastLink"), ("picows", "FastLink"), (None, "Link")):
            options = {} if transport is None else {"transport": transport}
            async with talking(answer) as urls, bb.Feed(urls=urls, **options) as feed:
                assert (await feed.subscribe("BTC_USDT")).state == "LIVE"
                assert kinds(feed) == {kind}

    run(work())


@FAST
def test_the_blocking_face_has_it_too():
    with bb.sync.Feed(source="sim", transport="picows") as feed:
        book = feed.subscribe("BTC_USDT")
        assert kinds(feed) == {"FastLink"}
        assert book.wait_for(lambda quote: quote.sequence > 3).state == "LIVE"


# --- what it does ---


@FAST
def test_a_frame_that_nobody_listens_to_never_enters_python():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator, transport="picows") as feed:
            book = await feed.subscribe("BTC_USDT")
            driver, calls = feed._core.driver, []
            for name in ("receive", "taken", "rested"):
                original = getattr(driver, name)

                def counted(*arguments, name=name, original=original):
                    calls.append(name)
                    return original(*arguments)

                setattr(driver, name, counted)
            before = book.stats["updates"]
            while book.stats["updates"] < before + 40:
                await asyncio.sleep(0)
            told = len(calls)
            assert told < 10, "pongs and acknowledgements, but no updates"
            # And now somebody listens.
            quotes = []
            book.on_quote(quotes.append)
            while len(quotes) < 5:
                await asyncio.sleep(0)
            assert calls.count("taken") >= 5
            assert await live_differences(simulator, book) == []

    run(work())


@each_wire
@pytest.mark.parametrize("option", ["shadow", "record"])
def test_who_looks_at_every_frame_sees_every_frame(wire, option, tmp_path, caplog):
    file = tmp_path / "capture.jsonl"
    options = {"shadow": True} if option == "shadow" else {"record": file}

    async def work():
        async with box() as simulator:
            async with bb.Feed(source=simulator, transport=wire, **options) as feed:
                book = await feed.subscribe("BTC_USDT")
                while book.sequence is None or book.stats["updates"] < 20:
                    await asyncio.sleep(0)
                assert await live_differences(simulator, book) == []
                return feed._core.engine.stats["frames"]

    with caplog.at_level(logging.INFO, "bitmart_book"):
        frames = run(work())
    assert any("looks at every frame" in text for text in caplog.messages) is (wire == "picows")
    if option == "record":
        with Capture(file) as capture:
            written = [one for one in capture if isinstance(one, CapturedFrame)]
        assert len(written) >= frames


@FAST
def test_tracing_can_be_turned_on_and_off(caplog):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator, transport="picows") as feed:
            book = await feed.subscribe("BTC_USDT")
            driver = feed._core.driver
            for level, traced in ((5, True), (logging.INFO, False)):
                caplog.set_level(level, "bitmart_book")
                driver._look_for_witness()
                caplog.clear()
                before = book.stats["updates"]
                while book.stats["updates"] < before + 3:
                    await asyncio.sleep(0)
                assert any('"update"' in text for text in caplog.messages) is traced

    run(work())


@FAST
@pytest.mark.parametrize("name", ["taken", "apply"])
def test_a_failure_inside_costs_the_connection_and_the_books_come_back(monkeypatch, caplog, name):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator, transport="picows") as feed:
            events = feed.events()
            book = await feed.subscribe("BTC_USDT")
            driver = feed._core.driver
            if name == "taken":
                intake = driver._intake
                original = intake.taken

                def failing(*arguments):
                    intake.taken = original
                    raise bb.InvariantError("a bug")

                intake.taken = failing
                book.on_quote(lambda quote: None)
            else:
                (link,) = driver._links.values()
                link.failed(bb.InvariantError("a bug"))
            assert (await next_event(events, "disconnected")).reason == "InvariantError: a bug"
            assert feed.report()["loop"]["internal_errors"] == 1
            assert await live_differences(simulator, book) == []

    with caplog.at_level(logging.CRITICAL, "bitmart_book"):
        run(work())


@each_wire
def test_a_bad_frame_is_told_and_costs_a_request(wire):
    async def talk(connection):
        await connection.recv()
        await connection.send(snapshot(1))
        await connection.send('{"table":"spot/depth/increase100","data":[{"symbol":"BTC_USDT"')
        await answer(connection, version=7)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls, transport=wire) as feed:
            events = feed.events()
            book = await feed.subscribe("BTC_USDT")
            assert "not JSON" in (await next_event(events, "bad frame")).reason
            async for quote in book.quotes():
                if quote.sequence == 7:
                    break

    run(work())


# --- what piles up ---


@FAST
def test_a_socket_that_is_never_empty_holds_old_data_and_is_dropped(monkeypatch):
    """Three seconds are none here: what is still full at the next read has been so for too long."""
    monkeypatch.setattr("bitmart_book.wire.fast.MAX_BEHIND_SECONDS", 0.0)
    much = frame(TEXT, b"x" * 1_000) * 4_000

    async def work():
        async with Server(stays=True) as server:
            async with opened("picows", server.url) as (link, noted):
                server.writer.write(much)
                while not noted.ends and len(noted.messages) < 4_000:
                    await asyncio.sleep(0)
                assert noted.ends == ["more than 0 s behind: this program does not keep up"]
                assert 0 < len(noted.messages) < 4_000
                assert link.ended

    run(work())


@FAST
def test_a_full_read_is_no_backlog_when_nothing_follows(monkeypatch):
    monkeypatch.setattr("bitmart_book.wire.fast.MAX_BEHIND_SECONDS", 0.0)

    async def work():
        async with Server(stays=True) as server:
            async with opened("picows", server.url) as (_, noted):
                for number in range(1, 6):
                    server.writer.write(frame(TEXT, b"x" * 40_000))
                    while len(noted.messages) < number:
                        await asyncio.sleep(0)
                assert noted.ends == []

    run(work())


@FAST
def test_whoever_is_attached_knows_when_the_bytes_were_read():
    class Dated(Noted):
        def receive(self, link, payload, is_binary):
            self.messages.append(self.read_at)

    async def work():
        async with Server(stays=True) as server:
            async with opened("picows", server.url, Dated()) as (_, noted):
                server.writer.write(2 * frame(TEXT, b"together"))
                while len(noted.messages) < 2:
                    await asyncio.sleep(0)
                server.writer.write(frame(TEXT, b"alone"))
                while len(noted.messages) < 3:
                    await asyncio.sleep(0)
                first, second, third = noted.messages
                assert 0 < first == second < third
                assert noted.rests >= 2

    run(work())
