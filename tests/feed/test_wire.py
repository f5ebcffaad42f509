"""The asyncio feed on bad wires: what is refused, what is cut off, and that it comes back."""

import asyncio
import contextlib
import json
import logging
import re
import socket
import ssl
import warnings

import pytest
from websockets.exceptions import ConnectionClosed

import bitmart_book as bb
from bitmart_book.wire import link as link_module
from tests.helpers.certificates import Authority
from tests.helpers.feeds import box, live_differences, run
from tests.helpers.limits import PATIENCE, out_of_time
from tests.helpers.proxy import Proxy
from tests.helpers.talk import answer, closed_port, gone, next_event, snapshot, talking, until

pytestmark = pytest.mark.usefixtures("wire")

# --- what is refused ---


def test_a_frame_over_the_limit_closes_with_1009_and_the_book_comes_back(wire):
    codes = []

    async def talk(connection):
        first = not codes
        if first:
            codes.append(None)
            await connection.recv()
            await connection.send(snapshot(1))
            with contextlib.suppress(ConnectionClosed):
                await connection.send(" " * link_module.MAX_MESSAGE_BYTES + "{}")
            await gone(connection)
            codes.append(connection.close_code)
        else:
            await answer(connection, version=7)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            events = feed.events()
            book = await feed.subscribe("BTC_USDT")
            lost = await next_event(events, "disconnected")
            assert re.search("PayloadTooBig|exceeding max allowed size", lost.reason)
            await until(book, "LIVE")
            assert book.sequence == 7
        # Whoever has not read the goodbye before the socket is closed has none.
        assert codes[1] in ((1009,) if wire == "websockets" else (1009, 1006))

    run(work())


def test_a_frame_of_exactly_the_limit_passes_the_wire():
    async def talk(connection):
        await connection.recv()
        text = snapshot(3)
        await connection.send(text + " " * (link_module.MAX_MESSAGE_BYTES - len(text)))
        await answer(connection)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            assert (await feed.subscribe("BTC_USDT")).sequence == 3

    run(work())


def test_messages_in_fragments_with_a_ping_between_them():
    async def talk(connection):
        await connection.recv()
        text = snapshot(5)

        async def pieces():
            for character in text:
                yield character
                if character == "{":
                    await connection.ping()

        await connection.send(pieces())
        await connection.send(snapshot(6))
        await answer(connection)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            book = await feed.subscribe("BTC_USDT")
            async for quote in book.quotes():
                if quote.sequence == 6:
                    break

    run(work())


def test_fragments_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(link_module, "MAX_FRAGMENTS", 8)
    codes = []

    async def talk(connection):
        await connection.recv()
        with contextlib.suppress(Exception):
            await connection.send("x" for _ in range(20))
        await gone(connection)
        codes.append(connection.close_code)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            events = feed.events()
            await feed.subscribe("BTC_USDT", wait="none")
            assert "too many fragments" in (await next_event(events, "disconnected")).reason
        assert codes[0] == 1009

    run(work())


@pytest.mark.parametrize(
    "rubbish",
    [
        b"{'table': 'spot/depth/increase100'}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe\x00",
        b"\x00",
        b'{"table":"spot/depth/increase100","data":[{"symbol":"BTC_USDT","type":"upd',
        b"[" * 100_000,
        b'{"table":"spot/depth/increase100","data":' + b"9" * 100_000 + b"}",
    ],
    ids=["quotes", "BOM", "not UTF-8", "NUL", "cut off", "deep", "long number"],
)
def test_a_text_that_cannot_be_read_costs_a_request_and_no_connection(rubbish):
    async def talk(connection):
        await connection.recv()
        await connection.send(snapshot(1))
        await connection.send(rubbish, text=True)
        await answer(connection, version=7)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            events = feed.events()
            book = await feed.subscribe("BTC_USDT")
            event = await next_event(events, "bad frame")
            assert len(event.reason) < 400
            async for quote in book.quotes():
                if quote.sequence == 7 and quote.state == "LIVE":
                    break
            assert feed.report()["counters"]["connects"] == 1

    run(work())


def test_a_redirect_is_not_followed():
    reached = []

    async def elsewhere(connection):
        reached.append(connection)
        await answer(connection)

    async def work():
        async with talking(elsewhere) as there:

            async def redirect(reader, writer):
                await reader.readuntil(b"\r\n\r\n")
                head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
                writer.write(f"{head}{there['spot_public']}\r\n\r\n".encode())
                await writer.drain()
                writer.close()

            async with await asyncio.start_server(redirect, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                urls = {"spot_public": f"ws://127.0.0.1:{port}/"}
                async with bb.Feed(urls=urls, timeout=PATIENCE) as feed:
                    error = await out_of_time(feed, "BTC_USDT", after="disconnected")
                    assert isinstance(error, bb.NotConnected)
                    assert "302" in str(error)
        assert reached == []

    run(work())


def test_addresses_that_are_none():
    with pytest.raises(bb.UsageError, match="begins with wss:// or ws://"):
        bb.Feed(urls={"spot_public": "http://127.0.0.1/"})


# --- opening ---


def test_a_server_that_never_finishes_the_handshake_is_given_up(monkeypatch):
    monkeypatch.setattr(link_module, "OPEN_SECONDS", 0.1)

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async def work():
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            urls = {"spot_public": f"ws://127.0.0.1:{port}/"}
            async with bb.Feed(urls=urls, timeout=PATIENCE) as feed:
                error = await out_of_time(feed, "BTC_USDT", after="disconnected")
                assert isinstance(error, bb.NotConnected)
                assert "timed out" in str(error)

    run(work())
    assert link_module.Link.open.__doc__.startswith("Connect, within five seconds")


def test_a_name_that_cannot_be_resolved_is_resolved_again_each_time(monkeypatch):
    asked = []

    async def work():
        loop = asyncio.get_running_loop()
        resolve = loop.getaddrinfo

        async def getaddrinfo(host, port, **options):
            if host != "books.test":
                return await resolve(host, port, **options)
            asked.append(host)
            if len(asked) < 3:
                raise socket.gaierror(-2, "Name or service not known")
            return await resolve("127.0.0.1", port, **options)

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        async with talking(answer) as urls:
            urls = {"spot_public": urls["spot_public"].replace("127.0.0.1", "books.test")}
            async with bb.Feed(urls=urls, allow_other_hosts=True) as feed:
                events = feed.events()
                await feed.subscribe("BTC_USDT")
                assert "Name or service" in (await next_event(events, "disconnected")).reason
        assert len(asked) == 3

    run(work())


def test_proxies_of_the_environment_are_ignored(monkeypatch):
    nowhere = f"http://127.0.0.1:{closed_port()}"
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "socks_proxy"):
        monkeypatch.setenv(name, nowhere)
        monkeypatch.setenv(name.upper(), nowhere)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def work():
        async with talking(answer) as urls, bb.Feed(urls=urls) as feed:
            assert (await feed.subscribe("BTC_USDT")).state == "LIVE"

    run(work())


# --- TLS ---


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


def test_a_server_whose_certificate_is_trusted(authority):
    async def work():
        async with talking(answer, ssl=authority.server()) as urls:
            async with bb.Feed(urls=urls, ca_file=authority.file) as feed:
                assert (await feed.subscribe("BTC_USDT")).state == "LIVE"

    run(work())


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("unknown", "(?i)certificate.verify.failed"),
        ("system", "(?i)certificate.verify.failed"),
        ("host", "certificate is not valid for '127.0.0.1'|IP address mismatch"),
        ("expired", "certificate has expired"),
        ("version", "protocol version|ConnectionResetError"),
    ],
)
def test_servers_that_are_not_who_they_should_be_are_refused(
    authority, tmp_path, wrong, problem, monkeypatch
):
    monkeypatch.setattr(link_module, "OPEN_SECONDS", PATIENCE)
    trusted, context = authority.file, None
    if wrong == "unknown":
        trusted = Authority(tmp_path / "theirs", "another authority").file
    elif wrong == "system":
        trusted = None
    elif wrong == "host":
        context = authority.server("127.0.0.2")
    elif wrong == "expired":
        context = authority.server(days=-1)
    else:
        context = authority.server()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    context = context or authority.server()
    reached = []

    async def talk(connection):
        reached.append(connection)

    async def work():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with talking(talk, ssl=context) as urls:
            async with bb.Feed(urls=urls, ca_file=trusted, timeout=PATIENCE) as feed:
                error = await out_of_time(feed, "BTC_USDT", after="disconnected")
                assert isinstance(error, bb.NotConnected)
                assert re.search(problem, str(error))
        assert reached == []

    run(work())


def test_certificates_that_are_none(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(bb.UsageError, match=f"cannot use .*{name} as certificates"):
            bb.Feed(ca_file=tmp_path / name)


# --- the end ---


def test_closing_cuts_off_a_peer_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(link_module, "CLOSE_SECONDS", 0.05)
    ends = []

    async def work():
        async with box() as simulator:
            port = int(simulator.urls["spot_public"].split(":")[2].split("/")[0])
            async with Proxy(port) as proxy:
                url = simulator.urls["spot_public"].replace(str(port), str(proxy.port))
                feed = bb.Feed(source=simulator, urls={"spot_public": url})
                book = await feed.subscribe("BTC_USDT")
                proxy.frozen = True
                await feed.close()
                ends.append(str(book.state))

    run(work())
    assert ends == ["CLOSED"]


def test_a_connection_that_is_not_wanted_any_more_is_cut_off_too(monkeypatch):
    """Not only at the end of the feed: a dead peer keeps no socket open."""
    monkeypatch.setattr(link_module, "CLOSE_SECONDS", 0.05)

    async def work():
        async with box() as simulator:
            port = int(simulator.urls["spot_public"].split(":")[2].split("/")[0])
            async with Proxy(port) as proxy:
                url = simulator.urls["spot_public"].replace(str(port), str(proxy.port))
                async with bb.Feed(source=simulator, urls={"spot_public": url}) as feed:
                    await feed.subscribe("BTC_USDT")
                    proxy.frozen = True
                    (task,) = feed._core.driver._tasks
                    await feed.unsubscribe("BTC_USDT")
                    await asyncio.wait([task])
                    assert feed.report()["connections"] == {}

    run(work())


def test_a_peer_that_does_not_read_is_dropped(monkeypatch):
    monkeypatch.setattr(link_module, "MAX_UNSENT_BYTES", 20_000)

    async def talk(connection):
        await connection.recv()
        await connection.send(snapshot(1))
        connection.transport.pause_reading()
        await gone(connection)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            events = feed.events()
            await feed.subscribe("BTC_USDT")
            (link,) = feed._core.driver._links.values()
            for _ in range(1_000):
                link.send_text("x" * 100_000)
                if link.ended:
                    break
            assert "does not read" in (await next_event(events, "disconnected")).reason

    run(work())


@pytest.mark.parametrize("how", ["reset", "cut", "slow close"])
def test_a_connection_that_breaks_is_replaced(how):
    async def work():
        async with box() as simulator:
            port = int(simulator.urls["spot_public"].split(":")[2].split("/")[0])
            async with Proxy(port) as proxy:
                url = simulator.urls["spot_public"].replace(str(port), str(proxy.port))
                async with bb.Feed(source=simulator, urls={"spot_public": url}) as feed:
                    book = await feed.subscribe("BTC_USDT")
                    if how == "reset":
                        proxy.reset()
                    elif how == "cut":
                        proxy.cut()
                    else:
                        proxy.slow_close = 0.2
                        for connection in list(simulator._connected.values()):
                            connection.close(1012, "restarting")
                    assert await until(book, "CONNECTING")
                    assert await live_differences(simulator, book) == []

    run(work())


def test_a_server_that_says_goodbye_but_stays_is_left_at_once():
    """The reason is told and the books are not LIVE before the socket is gone."""
    stay, left = asyncio.Event(), asyncio.Event()

    async def talk(reader, writer):
        import base64
        import hashlib

        request = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", request)[1]
        magic = key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
        accept = base64.b64encode(hashlib.sha1(magic).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        writer.write(head + b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept)
        text = snapshot(1).encode()
        writer.write(b"\r\n\r\n\x81\x7e" + len(text).to_bytes(2, "big") + text)
        writer.write(b"\x88\x0c\x03\xf4restarting")
        await stay.wait()
        writer.close()
        left.set()

    async def work():
        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with bb.Feed(urls={"spot_public": f"ws://127.0.0.1:{port}/"}) as feed:
                events = feed.events()
                book = await feed.subscribe("BTC_USDT", wait="none")
                lost = await next_event(events, "disconnected")
                assert lost.reason == "closed by the other side: 1012 (service restart) restarting"
                assert book.state == "CONNECTING"
            stay.set()
            await left.wait()

    run(work())


# --- what is written ---


def test_log_lines_of_the_library_below_never_hold_frames():
    logger = logging.getLogger("bitmart_book.websocket")
    assert not logger.isEnabledFor(logging.DEBUG)
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        assert not logger.isEnabledFor(logging.DEBUG)
    finally:
        root.setLevel(before)


def test_texts_are_json_of_the_protocol():
    sent = []

    async def talk(connection):
        text = await connection.recv()
        sent.append(text)
        await connection.send(snapshot(1))
        await gone(connection)

    async def work():
        async with talking(talk) as urls, bb.Feed(urls=urls) as feed:
            await feed.subscribe("BTC_USDT")

    run(work())
    assert json.loads(sent[0])["op"] == "subscribe"
