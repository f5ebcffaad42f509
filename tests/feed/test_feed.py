"""The asyncio feed over real websockets on loopback, against the exchange in the box."""

import asyncio
import base64
import hashlib
import json
import logging
import re
import threading

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from tests.helpers.feeds import Unhurried, box, live_differences, run, watch_every_frame
from tests.helpers.frames import spot
from tests.helpers.limits import PATIENCE, out_of_time
from tests.helpers.proxy import Proxy
from tests.helpers.talk import closed_port, until


async def until_gap(stream):
    """Iterate to the next hole."""
    try:
        async for _ in stream:
            pass
    except bb.StreamGap as gap:
        return gap


SYMBOLS = ("BTC_USDT", "ETH_USDT", "BABYDOGE_USDT")


@pytest.mark.parametrize("opcode", ["text", "binary", "mixed"])
def test_every_book_equals_the_exchange_after_every_frame(opcode):
    async def work():
        async with box(opcode=opcode) as simulator:
            async with bb.Feed(source=simulator) as feed:
                wrong, count = await watch_every_frame(simulator, feed, SYMBOLS, 300)
            assert wrong == []
            assert count >= 300
            assert not simulator.exchange.breaches

    run(work())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_minutes_of_market_over_the_socket():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            wrong, count = await watch_every_frame(simulator, feed, SYMBOLS, 3 * 5_900)
        assert wrong == []
        assert count >= 3 * 5_900

    run(work())


def test_three_hundred_symbols():
    async def work():
        async with Unhurried(extra_symbols=300) as simulator:
            symbols = [f"SYM{number:04d}_USDT" for number in range(1, 301)]
            async with bb.Feed(source=simulator, timeout=PATIENCE) as feed:
                assert feed.plan(symbols) == (3, 300, 16)
                for book in await feed.subscribe(*symbols):
                    assert await live_differences(simulator, book) == []
            assert not simulator.exchange.breaches

    run(work())


# --- the wire treated badly ---


@pytest.mark.parametrize("opcode", ["text", "binary"])
def test_bytes_arrive_one_by_one(opcode):
    async def work():
        async with box(opcode=opcode) as simulator:
            port = int(simulator.urls["spot_public"].split(":")[2].split("/")[0])
            async with Proxy(port, slice_first=20_000) as proxy:
                url = simulator.urls["spot_public"].replace(str(port), str(proxy.port))
                async with bb.Feed(source=simulator, urls={"spot_public": url}) as feed:
                    wrong, _ = await watch_every_frame(simulator, feed, SYMBOLS[:2], 40)
                assert wrong == []
                assert proxy.connections == 1

    run(work())


def test_the_first_frames_come_with_the_handshake():
    """The answer to the handshake, a snapshot and an update in one write, and so in one read."""
    frames = [
        spot("snapshot", 1, [("1", "1")], [("2", "1")]).encode(),
        spot("update", 2, [("1", "7")]).encode(),
    ]

    async def talk(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", request)[1]
        magic = key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
        accept = base64.b64encode(hashlib.sha1(magic).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        head += b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        texts = [b"\x81\x7e" + len(frame).to_bytes(2, "big") + frame for frame in frames]
        writer.write(head + b"".join(texts))
        await reader.read()
        writer.close()

    async def work():
        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with bb.Feed(urls={"spot_public": f"ws://127.0.0.1:{port}/"}) as feed:
                book = await feed.subscribe("BTC_USDT")
                assert book.sequence == 2
                assert book.best_bid.size == 7.0

    run(work())


def test_cut_connections_come_back():
    async def work():
        async with box() as simulator:
            port = int(simulator.urls["spot_public"].split(":")[2].split("/")[0])
            async with Proxy(port) as proxy:
                url = simulator.urls["spot_public"].replace(str(port), str(proxy.port))
                async with bb.Feed(source=simulator, urls={"spot_public": url}) as feed:
                    book = await feed.subscribe("BTC_USDT")
                    trades = feed.trades("BTC_USDT")
                    await anext(trades)
                    quotes = book.quotes()
                    for _ in range(3):
                        proxy.cut()
                        states = []
                        async for quote in quotes:
                            states.append(quote.state)
                            if quote.state == BookState.CONNECTING:
                                assert (quote.bid, quote.ask) == (None, None)
                            if states[-1] == "LIVE" and "CONNECTING" in states:
                                break
                        assert await live_differences(simulator, book) == []
                    await quotes.aclose()
                    assert "connection lost" in (await until_gap(trades)).reason
                    await anext(trades)

    run(work())


def test_rubbish_is_reported_and_survived():
    from websockets.asyncio.server import serve

    snapshot = {"asks": [["2", "1"]], "bids": [["1", "1"]], "symbol": "BTC_USDT"}
    snapshot |= {"type": "snapshot", "version": 1}
    good = json.dumps({"table": "spot/depth/increase100", "data": [snapshot]})

    async def work():
        sent = []

        async def talk(connection):
            async for text in connection:
                if text == "ping":
                    await connection.send("pong")
                    continue
                message = json.loads(text)
                sent.append(message["op"])
                for topic in message["args"]:
                    await connection.send(json.dumps({"event": message["op"], "topic": topic}))
                if message["op"] == "subscribe":
                    await connection.send(good)
                    await connection.send("{'single': 'quotes'}")
                else:
                    await connection.send(good.replace('"version": 1', '"version": 5'))

        async with serve(talk, "127.0.0.1", 0, compression=None) as server:
            port = server.sockets[0].getsockname()[1]
            async with bb.Feed(urls={"spot_public": f"ws://127.0.0.1:{port}/"}) as feed:
                events = feed.events()
                book = await feed.subscribe("BTC_USDT")
                async for event in events:
                    if event.kind == "bad frame":
                        assert "not JSON" in event.reason
                        break
                async for quote in book.quotes():
                    if quote.sequence == 5 and quote.state == "LIVE":
                        break
                assert sent == ["subscribe", "request"]

    run(work())


def test_a_compressed_bomb_is_refused():
    import zlib

    from bitmart_book.client.inflate import inflate

    def deflated(data):
        compressor = zlib.compressobj(wbits=-15)
        return compressor.compress(data) + compressor.flush()

    assert inflate(deflated(b"pong")) == b"pong"
    assert len(inflate(deflated(b"x" * 1_000 + bytes(range(256)) * 40))) == 11_240
    for bad, problem in (
        (deflated(b"0" * 50_000_000), "too large"),
        (deflated(b"hello world")[:-3], "cut off"),
        (deflated(b"hello") + b"more", "bytes behind its end"),
        (b"\xff\xff\xff", "not raw deflate"),
        (b"", "cut off"),
    ):
        with pytest.raises(bb.MessageError, match=problem):
            inflate(bad)


# --- what users hold ---


def test_quotes_are_conflated_and_say_what_was_skipped():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")
            many = asyncio.Event()
            changes = 0

            def count(book, change):
                nonlocal changes
                changes += 1
                if changes == 200:
                    many.set()

            quotes = book.quotes()
            first = await anext(quotes)
            assert first.state == BookState.LIVE
            assert first.skipped == 0
            handle = book.on_change(count)
            await many.wait()  # a consumer that does not come back for two hundred frames
            handle.cancel()
            late = await anext(quotes)
            assert late.skipped > 20
            assert late.sequence == book.sequence
            assert late.exact == book.quote.exact
            assert await live_differences(simulator, book) == []
            await quotes.aclose()

    run(work())


def test_trades_are_not_conflated_and_overflow_is_said():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            all_trades = feed.trades("BTC_USDT")
            few = feed.trades("BTC_USDT", maxsize=3)
            seen = [await anext(all_trades) for _ in range(30)]
            assert all(isinstance(trade, bb.Trade) for trade in seen)
            kept = [await anext(few) for _ in range(3)]
            assert kept == seen[:3]
            with pytest.raises(bb.StreamGap) as caught:
                await anext(few)
            assert caught.value.lost >= 27
            assert isinstance(await anext(few), bb.Trade)
            few.close()
            all_trades.close()
            assert feed.subscriptions == {}
            left = [trade async for trade in all_trades]
            assert all(isinstance(trade, bb.Trade) for trade in left)

    run(work())


def test_last_trade_tickers_and_klines():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book, trades, ticker = await feed.subscribe(
                "BTC_USDT", "spot/trade:BTC_USDT", "spot/ticker:BTC_USDT"
            )
            trade = await anext(trades)
            assert book.last_trade is not None
            assert trade.symbol == "BTC_USDT"
            assert isinstance(await anext(ticker), bb.Ticker)
            kline = await anext(feed.klines("BTC_USDT", "5m"))
            assert isinstance(kline, bb.Kline)
            assert kline.step == "5m"
            assert isinstance(await anext(feed.tickers("ETH_USDT")), bb.Ticker)
            with pytest.raises(bb.UsageError, match="no kline of 7m"):
                feed.klines("BTC_USDT", "7m")

    run(work())


def test_the_legacy_feed():
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BMX_ETH", market="legacy")
            assert book.channel == "legacy/depth"
            assert len(book.bids) == 20
            assert book.sequence is None
            price, kline, trades = await feed.subscribe(
                "legacy/price:BMX_ETH", "legacy/kline:BMX_ETH@5", "legacy/trade:BMX_ETH@6"
            )
            assert (await anext(price)).symbol == "BMX_ETH"
            assert (await anext(kline)).step == "5"
            assert (await anext(trades)).side in ("buy", "sell")
            assert not simulator.exchange.breaches

    run(work())


def test_callbacks_cannot_hurt_the_book(caplog):
    async def work():
        async with box() as simulator, bb.Feed(source=simulator) as feed:
            book = await feed.subscribe("BTC_USDT")
            calls = {"bad": 0, "good": 0}
            enough = asyncio.Event()
            events = feed.events()

            def bad(book, change):
                calls["bad"] += 1
                raise RuntimeError("of the user")

            def good(quote):
                calls["good"] += 1
                if calls["good"] >= 60 and calls["bad"] >= 100:
                    enough.set()

            book.on_change(bad)
            handle = book.on_quote(good)
            await enough.wait()
            assert calls["bad"] == 100, "after a hundred failures in a row it is dropped"
            assert (await anext(events)).kind == "callback failed"
            handle.cancel()
            handle.cancel()
            assert await live_differences(simulator, book) == []

    with caplog.at_level(logging.CRITICAL, "bitmart_book"):
        run(work())


def test_unsubscribed_books_are_closed_for_good():
    async def work():
        async with bb.Feed(source="sim") as feed:
            book = await feed.subscribe("BTC_USDT")
            again = await feed.subscribe("BTC_USDT")
            assert again is book
            quotes = book.quotes()
            await anext(quotes)
            await feed.unsubscribe("BTC_USDT")
            assert book.state == BookState.LIVE
            await feed.unsubscribe("BTC_USDT")
            assert book.state == BookState.CLOSED
            async for _ in quotes:
                pass  # what was pending, and then the end
            with pytest.raises(bb.BookNotLive):
                book.best_bid
            assert (await feed.subscribe("BTC_USDT")) is not book

    run(work())


# --- refusals ---


def test_a_refused_topic_is_told_to_whoever_asked_and_the_others_stay():
    async def work():
        async with bb.Feed(source="sim") as feed:
            with pytest.raises(bb.SubscriptionRejected) as caught:
                await feed.subscribe("BTC_USDT", "NOPE_USDT", "ETH_USDT")
            assert caught.value.topics == ("spot/depth/increase100:NOPE_USDT",)
            assert caught.value.code == "92001"
            assert feed["NOPE_USDT"].state == BookState.REJECTED
            for symbol in ("BTC_USDT", "ETH_USDT"):
                assert "LIVE" in await until(feed[symbol], "LIVE")

    run(work())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("BTC/USDT",), "it is like BTC_USDT on spot"),
        (("spot/depth9:BTC_USDT",), "no channel 'spot/depth9'"),
        ((), "at least one"),
    ],
)
def test_what_cannot_exist_is_refused_before_anything_is_sent(words, problem):
    async def work():
        async with bb.Feed(source="sim") as feed:
            with pytest.raises(bb.UsageError, match=problem):
                await feed.subscribe(*words)
            assert feed.report()["connections"] == {}

    run(work())


def test_without_a_network_one_line_says_what_was_tried():
    async def work():
        url = f"ws://127.0.0.1:{closed_port()}/"
        async with bb.Feed(urls={"spot_public": url}, timeout=PATIENCE) as feed:
            error = await out_of_time(feed, "BTC_USDT", after="disconnected")
        assert isinstance(error, bb.NotConnected)
        assert url in str(error)
        assert "\n" not in str(error)

    run(work())


def test_a_server_that_says_nothing():
    from websockets.asyncio.server import serve

    async def work():
        async def silent(connection):
            await connection.wait_closed()

        async with serve(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            urls = {"spot_public": f"ws://127.0.0.1:{port}/"}
            async with bb.Feed(urls=urls, timeout=PATIENCE) as feed:
                error = await out_of_time(feed, "BTC_USDT", after="connected")
                assert isinstance(error, bb.SubscriptionRejected)
                assert "no answer within 1000 s" in str(error)
                assert feed["BTC_USDT"].state == BookState.SYNCING
                assert (await feed.subscribe("ETH_USDT", wait="none")).state == BookState.SYNCING

    run(work())


def test_a_closed_feed_says_so():
    async def work():
        feed = bb.Feed(source="sim")
        await feed.close()
        await feed.close()
        for action in (feed.subscribe("BTC_USDT"), feed.unsubscribe("BTC_USDT")):
            with pytest.raises(bb.FeedClosed):
                await action
        with pytest.raises(bb.FeedClosed):
            feed["BTC_USDT"]

    run(work())


def test_closing_while_subscribing():
    async def work():
        url = f"ws://127.0.0.1:{closed_port()}/"
        feed = bb.Feed(urls={"spot_public": url}, timeout=PATIENCE)
        await feed._life.open()
        waiting = asyncio.create_task(feed.subscribe("BTC_USDT"))
        await asyncio.sleep(0)
        await feed.close()
        with pytest.raises(bb.FeedClosed):
            await waiting

    run(work())


# --- recording ---


def test_a_recording_replays_to_the_same_book(tmp_path):
    path = tmp_path / "recorded.jsonl.gz"

    async def work():
        async with box(opcode="binary") as simulator:
            async with bb.Feed(source=simulator, record=path) as feed:
                await watch_every_frame(simulator, feed, ("BTC_USDT", "ETH_USDT"), 100)
                book = feed["BTC_USDT"]
                # Nothing arrives between these two lines: there is no await.
                return book.sequence, book.depth()

    sequence, depth = run(work())
    assert path.stat().st_mode & 0o777 == 0o600

    async def replay():
        async with bb.Feed(source=path) as feed:
            book = await feed.subscribe("BTC_USDT")
            await feed.finished()
            return book.sequence, book.depth(), book.reason

    again, replayed, reason = run(replay())
    assert again >= sequence
    assert reason == "end of capture"
    if again == sequence:
        assert replayed == depth


def test_a_capture_at_its_own_speed(tmp_path):
    """Time between recorded frames is waited for, so many times faster."""
    from bitmart_book.wire.capture import CaptureWriter

    path = tmp_path / "slow.jsonl"
    with CaptureWriter(path) as writer:
        writer.write(spot("snapshot", 1, [("1", "1")], [("2", "1")]).encode(), 0, "a")
        writer.write(spot("update", 2, [("1", "2")]).encode(), 3_600 * 10**9, "a")

    async def work():
        async with bb.Feed(source=path, speed=36_000) as feed:
            book = await feed.subscribe("BTC_USDT")
            assert book.sequence == 1
            sizes = [
                quote.bid_size
                async for quote in book.quotes()
                if quote.state == "LIVE" and (quote.sequence == 1 or await feed.close() is None)
            ]
            assert sizes[-1] == 2.0

    run(work())
    with pytest.raises(bb.UsageError, match="speed"):
        bb.connect(source=path, speed=-1)


def test_a_shadowed_feed():
    async def work():
        async with box() as simulator:
            async with bb.Feed(source=simulator, shadow=True) as feed:
                wrong, _ = await watch_every_frame(simulator, feed, ("BTC_USDT", "ETH_USDT"), 60)
                assert wrong == []

    run(work())


# --- without await ---


def test_plain_calls():
    with bb.connect("BTC_USDT", "ETH_USDT", source="sim") as feed:
        book = feed["BTC_USDT"]
        assert isinstance(book, bb.sync.LiveBook)
        assert book.state == BookState.LIVE
        assert len(book.depth(20).bids) == 20
        assert repr(book).startswith("<Book spot/depth/increase100:BTC_USDT LIVE bid ")
        quotes = book.quotes()
        first, second = next(quotes), next(quotes)
        assert second.sequence > first.sequence
        solana = feed.subscribe("SOL_USDT")
        assert solana.state == BookState.LIVE
        feed.unsubscribe("ETH_USDT")
        assert set(feed.subscriptions) == {
            "spot/depth/increase100:BTC_USDT",
            "spot/depth/increase100:SOL_USDT",
        }
        trades = feed.trades("BTC_USDT")
        assert trades.get().symbol == "BTC_USDT"
        trades.close()
        with pytest.raises(TimeoutError):
            feed.events().get(timeout=0)
        assert feed.report()["counters"]["connects"] == 1
    assert book.state == BookState.CLOSED
    assert not any(thread.name == "bitmart_book feed" for thread in threading.enumerate())
    assert list(quotes) == []
    with pytest.raises(bb.FeedClosed):
        feed.subscribe("BTC_USDT")
    feed.close()


def test_callbacks_run_on_the_feeds_thread():
    with bb.connect("BTC_USDT", source="sim") as feed:
        done, names = threading.Event(), set()

        def callback(quote):
            names.add(threading.current_thread().name)
            done.set()

        feed["BTC_USDT"].on_quote(callback)
        done.wait()
    assert names == {"bitmart_book feed"}


def test_any_thread_may_subscribe():
    with bb.connect(source="sim") as feed:
        results = {}

        def subscribe(symbol):
            results[symbol] = feed.subscribe(symbol).state

        threads = [
            threading.Thread(target=subscribe, args=(symbol,))
            for symbol in ("BTC_USDT", "ETH_USDT", "SOL_USDT")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(results.values()) == {BookState.LIVE}


def test_a_failed_connect_leaves_nothing():
    with pytest.raises(bb.SubscriptionRejected):
        bb.connect("NOPE_USDT", source="sim")
    assert not any(thread.name == "bitmart_book feed" for thread in threading.enumerate())
