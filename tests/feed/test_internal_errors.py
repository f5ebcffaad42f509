"""What a feed does when its own parts fail: the client, the engine, the disk below a recording."""

import asyncio
import logging

import bitmart_book as bb
from tests.helpers.feeds import box, live_differences, run
from tests.helpers.talk import answer, next_event, talking


def test_a_failing_client_does_not_stop_the_clock(monkeypatch, caplog):
    from bitmart_book.wire import driver as shell_module

    monkeypatch.setattr(shell_module, "AFTER_FAILURE_SECONDS", 0.01)

    async def work():
        async with talking(answer) as urls, bb.Feed(urls=urls) as feed:
            await feed.subscribe("BTC_USDT")
            advance, calls, well = feed._core.client.advance, [], asyncio.Event()

            def failing(now):
                calls.append(now)
                if len(calls) <= 3:
                    raise ZeroDivisionError("a bug")
                advance(now)
                well.set()

            # Nothing arrives and nobody calls: only the clock itself goes on.
            monkeypatch.setattr(feed._core.client, "advance", failing)
            await well.wait()
            assert feed.report()["loop"]["internal_errors"] == 3
            assert (await feed.subscribe("ETH_USDT")).state == "LIVE"

    with caplog.at_level(logging.CRITICAL, "bitmart_book"):
        run(work())


def test_a_failing_engine_costs_the_connection_and_the_books_come_back(monkeypatch, caplog):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            events = feed.events()
            book = await feed.subscribe("BTC_USDT")
            take_in = feed._core.driver._take_in

            def failing(*arguments):
                monkeypatch.setattr(feed._core.driver, "_take_in", take_in)
                raise bb.InvariantError("a bug")

            monkeypatch.setattr(feed._core.driver, "_take_in", failing)
            assert (await next_event(events, "disconnected")).reason == "InvariantError: a bug"
            assert await live_differences(simulator, book) == []

    with caplog.at_level(logging.CRITICAL, "bitmart_book"):
        run(work())


def test_a_full_disk_ends_the_recording_and_not_the_books(tmp_path, monkeypatch, caplog):
    async def work():
        async with box() as simulator:
            async with bb.Feed(source=simulator, record=tmp_path / "capture.jsonl") as feed:
                book = await feed.subscribe("BTC_USDT")

                def full(*_):
                    raise OSError(28, "No space left on device")

                monkeypatch.setattr(feed._life._writer, "write", full)
                sequence = book.sequence
                async for quote in book.quotes():
                    if quote.sequence > sequence + 5:
                        break
                assert book.epoch == 1

    with caplog.at_level(logging.ERROR, "bitmart_book"):
        run(work())
    assert len(caplog.records) == 1
    assert "has ended: [Errno 28] No space left" in caplog.messages[0]


def test_a_disk_that_is_full_at_the_very_end_is_said_too(tmp_path, monkeypatch, caplog):
    async def work():
        async with bb.Feed(source="sim", record=tmp_path / "capture.jsonl") as feed:
            await feed.subscribe("BTC_USDT")
            close = feed._life._writer.close

            def full():
                close()
                raise OSError(28, "No space left on device")

            monkeypatch.setattr(feed._life._writer, "close", full)

    with caplog.at_level(logging.ERROR, "bitmart_book"):
        run(work())
    assert "capture.jsonl is missing: [Errno 28]" in caplog.messages[0]
