"""The box on sockets beyond public spot: private and futures addresses, own orders from Python,
from another thread, and over HTTP."""

import asyncio
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import bitmart_book as bb
from bitmart_book.sim import Exchange, Knobs, Simulator
from bitmart_book.sim.account.private import Keys, signature
from bitmart_book.sim.control import Control, HttpRequest, is_control

pytestmark = pytest.mark.private

KEYS = {"compression": None, "ping_interval": None, "proxy": None}
BTC = "BTC_USDT"


def run(scenario, **options):
    async def bounded():
        async with asyncio.timeout(30), Simulator(**options) as simulator:
            return await scenario(simulator)

    return asyncio.run(bounded(), debug=True)


def login(simulator, word):
    keys, stamp = Keys(**simulator.credentials), str(time.time_ns() // 1_000_000)
    args = [keys.key, stamp, signature(keys, stamp)]
    if word == "op":
        return json.dumps({"op": "login", "args": args})
    return json.dumps({"action": "access", "args": [*args, "web"]})


async def received(socket):
    return json.loads(await socket.recv())


@pytest.mark.parametrize("market", ["spot", "futures", "demo"])
def test_an_order_on_the_private_address(market):
    async def scenario(simulator):
        prefix = "demo_futures" if market == "demo" else market
        word, topic = ("op", "spot/user/orders:ALL_SYMBOLS")
        symbol, price, size = BTC, "50000", "0.1"
        if market != "spot":
            word, topic, symbol, size = "action", "futures/order", "BTCUSDT", 2
        async with connect(simulator.urls[f"{prefix}_private"], **KEYS) as socket:
            await socket.send(login(simulator, word))
            assert "error" not in json.dumps(await received(socket))
            await socket.send(json.dumps({word: "subscribe", "args": [topic]}))
            await received(socket)
            order_id = simulator.place(market, symbol, "buy", price, size)
            placed = (await received(socket))["data"][0]
            assert placed.get("order", placed)["order_id"] == order_id
            assert simulator.orders() == [simulator.order(order_id)]
            assert set(simulator.balances(market)) == {"USDT"}
            assert simulator.positions() == []
            simulator.cancel(order_id)
            await received(socket)
            assert simulator.orders(market) == []

    run(scenario)


def test_a_login_that_fails_closes_the_socket():
    async def scenario(simulator):
        async with connect(simulator.urls["spot_private"], **KEYS) as socket:
            await socket.send('{"op":"login","args":["a","1589267764859","b"]}')
            assert (await received(socket))["errorCode"] == "91002"
            with pytest.raises(ConnectionClosed):
                await socket.recv()

    run(scenario)


def test_futures_negotiate_compression_and_spot_does_not():
    async def scenario(simulator):
        keys = {**KEYS, "compression": "deflate"}
        async with connect(simulator.urls["futures_public"], **keys) as socket:
            extension = socket.response.headers["Sec-WebSocket-Extensions"]
            assert extension.startswith("permessage-deflate")
            assert "server_no_context_takeover" in extension
            assert "client_no_context_takeover" in extension
            topic = "futures/depthIncrease50:BTCUSDT"
            await socket.send(json.dumps({"action": "subscribe", "args": [topic]}))
            await received(socket)
            assert len((await received(socket))["data"]["bids"]) == 50
        async with connect(simulator.urls["spot_private"], **keys) as socket:
            assert "Sec-WebSocket-Extensions" not in socket.response.headers

    run(scenario)


def test_a_message_that_is_too_long_closes_the_socket():
    async def scenario(simulator):
        async with connect(simulator.urls["futures_public"], **KEYS) as socket:
            await (await socket.ping())
            await socket.send("x" * 2_049)
            await socket.wait_closed()
            assert socket.close_code == 1009

    run(scenario)


def test_the_exchange_pings():
    async def scenario(simulator):
        url = urlsplit(simulator.urls["futures_public"])
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        shake = (
            f"GET {url.path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        )
        writer.write(shake.encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        # A final frame with the opcode of a ping, and nothing in it.
        assert await reader.readexactly(2) == b"\x89\x00"
        writer.close()
        await writer.wait_closed()

    run(scenario, knobs=Knobs(futures_ping_seconds=0.01))


def test_orders_from_another_thread():
    """As under `bb.connect`, where the simulator runs in a thread of its own."""
    started, stop = threading.Event(), []
    simulator = Simulator()

    async def serve():
        async with simulator:
            stop.append(asyncio.get_running_loop().create_future())
            started.set()
            await stop[0]

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(20)
        order_id = simulator.place("spot", BTC, "buy", "50000", "0.1")
        assert simulator.order(order_id)["state"] == "new"
        with pytest.raises(bb.UsageError, match="no market 'x'"):
            simulator.place("x", BTC, "buy", "50000", "0.1")
        simulator.cancel(order_id)
        assert simulator.order(order_id)["state"] == "canceled"
    finally:
        loop = stop[0].get_loop()
        loop.call_soon_threadsafe(stop[0].set_result, None)
        thread.join(20)
    # Without anybody who serves, the exchange answers in the caller's thread.
    assert simulator.orders() == []


# Over HTTP


class Web:
    """What a program of another language does."""

    def __init__(self, simulator):
        self.url = urlsplit(simulator.control_url)

    def ask(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=20)
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, self.url.path + path, text, dict(headers))
        response = connection.getresponse()
        value = json.loads(response.read())
        connection.close()
        return response.status, value


def on_the_web(conversation, **options):
    async def scenario(simulator):
        return await asyncio.to_thread(conversation, Web(simulator).ask, simulator)

    return run(scenario, **options)


def test_orders_over_http():
    def conversation(ask, simulator):
        body = {"symbol": BTC, "side": "buy", "price": 50_000.5, "size": "0.1"}
        status, order = ask("POST", "/orders", {**body, "client_order_id": "é"})
        assert (status, order["state"], order["price"]) == (200, "new", "50000.5")
        assert (order["market"], order["client_order_id"]) == ("spot", "é")
        assert ask("GET", f"/orders/{order['order_id']}") == (200, order)
        body = {"symbol": "BTCUSDT", "side": "sell", "size": 3}
        status, sold = ask("POST", "/orders", body)
        assert (status, sold["market"], sold["type"], sold["state"]) == (
            200,
            "futures",
            "market",
            "filled",
        )
        assert ask("GET", "/orders") == (200, [order]) == ask("GET", "/orders?market=spot")
        assert ask("GET", "/orders?market=demo") == (200, [])
        status, (position,) = ask("GET", "/positions")
        assert (position["symbol"], position["side"], position["size"]) == (
            "BTCUSDT",
            "short",
            "3",
        )
        status, balances = ask("GET", "/balances?market=spot")
        assert balances == {"USDT": {"available": "994999.95", "frozen": "5000.05"}}
        status, gone = ask("DELETE", f"/orders/{order['order_id']}")
        assert (status, gone["state"]) == (200, "canceled")
        money = {"currency": "USDT", "amount": "0.5"}
        assert ask("POST", "/deposits", money) == (
            200,
            {"USDT": {"available": "1000000.5", "frozen": "0"}},
        )
        assert simulator.orders() == []

    on_the_web(conversation)


GOOD = {"symbol": BTC, "side": "buy", "price": "50000", "size": "0.1"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "problem"),
    [
        ("POST", "/orders", "x", 400, "the body must be a JSON object"),
        ("POST", "/orders", "[1]", 400, "the body must be a JSON object"),
        ("POST", "/orders", None, 400, "the body must be a JSON object"),
        ("POST", "/orders", {}, 400, "symbol must be a text"),
        ("POST", "/orders", {**GOOD, "side": 1}, 400, "side must be a text"),
        ("POST", "/orders", {**GOOD, "price": [1]}, 400, "price must be above zero"),
        ("POST", "/orders", {**GOOD, "price": True}, 400, "price must be above zero"),
        ("POST", "/orders", {**GOOD, "size": None}, 400, "size must be above zero"),
        ("POST", "/orders", {**GOOD, "leverage": 5}, 400, "unknown 'leverage'; there is: market"),
        ("POST", "/orders", {**GOOD, "symbol": "X_Y"}, 400, "symbol 'X_Y' is not listed"),
        ("POST", "/orders", {**GOOD, "symbol": "XY"}, 400, "contract 'XY' is not listed"),
        ("POST", "/orders", "[" * 50_000, 400, "the body must be a JSON object"),
        ("POST", "/orders", "x" * 70_000, 413, "content too large"),
        ("POST", "/deposits", {"currency": "USDT", "amount": "x"}, 400, "no amount: 'x'"),
        ("POST", "/deposits", {"currency": "U", "amount": "1"}, 400, "no currency 'U'"),
        ("POST", "/deposits", {"currency": "USDT", "amount": "1e999999"}, 400, "no amount: '1e99"),
        ("POST", "/deposits", {"currency": "USDT", "amount": "1e-999999"}, 400, "no amount: '1e-9"),
        ("POST", "/deposits", {"currency": "USDT", "amount": "NaN"}, 400, "no amount: 'NaN'"),
        ("POST", "/deposits", {"currency": "USDT", "amount": "9" * 200}, 400, "no amount: '999"),
        ("GET", "/orders/12", None, 400, "no order 12"),
        ("DELETE", "/orders/12", None, 400, "no order 12"),
        ("GET", "/orders?market=x", None, 400, "no market 'x'"),
        ("DELETE", "/orders", None, 405, "no DELETE here"),
        ("POST", "/balances", None, 405, "no POST here"),
        ("GET", "/other", None, 404, "nothing at /control/other"),
        ("GET", "", None, 404, "nothing at /control"),
    ],
)
def test_what_is_refused_over_http(method, path, body, status, problem):
    def conversation(ask, simulator):
        found, answer = ask(method, path, body)
        assert found == status
        assert answer["error"].startswith(problem)
        assert simulator.orders() == []

    on_the_web(conversation)


def test_pages_in_a_browser_and_other_machines_are_refused():
    def conversation(ask, simulator):
        del simulator
        status, answer = ask("GET", "/orders", headers={"Origin": "https://example.com"})
        assert (status, answer["error"]) == (403, "only for programs on this machine")

    on_the_web(conversation)
    request = HttpRequest().feed(b"GET /control/orders HTTP/1.1\r\n\r\n")
    control = Control(Exchange(), lambda: 0.0)
    assert control.answer(request, trusted=True).startswith(b"HTTP/1.1 200 OK\r\n")
    assert control.answer(request, trusted=False).startswith(b"HTTP/1.1 403 Forbidden\r\n")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"localhost", b"200 OK"),
        (b"127.0.0.1:8080", b"200 OK"),
        (b"[::1]:8080", b"200 OK"),
        (b"rebound.example.com:8080", b"403 Forbidden"),
        (b"localhost.example.com", b"403 Forbidden"),
        (b"", b"403 Forbidden"),
    ],
)
def test_a_name_that_was_made_to_mean_this_machine_is_refused(host, status):
    request = HttpRequest().feed(b"GET /control/orders HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    answer = Control(Exchange(), lambda: 0.0).answer(request, trusted=True)
    assert answer.startswith(b"HTTP/1.1 " + status)


def test_requests_come_in_any_pieces():
    text = b'POST /control/orders HTTP/1.1\r\nContent-Length: 4\r\nX: y\r\n\r\n{"a"'
    for cut in range(1, len(text)):
        request = HttpRequest()
        assert request.feed(text[:cut]) is None
        asked = request.feed(text[cut:])
        assert (asked.method, asked.path, asked.body) == ("POST", "/control/orders", b'{"a"')
        assert asked.headers["x"] == "y"
        assert is_control(text[:cut]) is (None if cut < len(b"POST /control") else True)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET /control\r\n\r\n", 400),
        (b"GET  /control HTTP/1.1\r\n\r\n", 400),
        (b"GET /control HTTP/2\r\n\r\n", 400),
        (b"POST /control/orders HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /control/orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /control/orders HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET /control HTTP/1.1\r\nX: " + b"y" * 20_000, 413),
    ],
)
def test_what_is_no_request(text, status):
    assert HttpRequest().feed(text) == status


def test_what_is_not_for_the_door():
    for text in (b"GET /api HTTP/1.1", b"PUT /control", b"\x16\x03\x01", b"GET /cx"):
        assert is_control(text) is False
    for text in (b"", b"G", b"GET /", b"DELETE /contr"):
        assert is_control(text) is None
