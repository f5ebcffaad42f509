"""The words of other venues on a real loopback websocket, and the command."""

import asyncio
import json
import signal
import subprocess
import sys

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bitmart_book.errors import UsageError
from bitmart_book.sim import Simulator
from tests.helpers.plain import PlainBybit, PlainKraken, PlainOkx

KEYS = {"compression": None, "ping_interval": None, "proxy": None}
VENUES = ("kraken", "okx", "bybit")
PATHS = {
    "kraken_public": "/kraken/v2",
    "okx_public": "/okx/ws/v5/public",
    "bybit_spot_public": "/bybit/v5/public/spot",
    "bybit_public": "/bybit/v5/public/linear",
    "bybit_inverse_public": "/bybit/v5/public/inverse",
}
SUBSCRIBE = {
    "kraken_public": '{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}',
    "okx_public": '{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}',
    "bybit_public": '{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}',
}
CLIENTS = {
    "kraken_public": (lambda: PlainKraken(10), "kraken:BTC/USD", "book10", "BTC/USD", 10),
    "okx_public": (PlainOkx, "okx:BTC-USDT", "books", "books:BTC-USDT", 400),
    "bybit_public": (PlainBybit, "bybit:BTCUSDT", "orderbook.50", "orderbook.50.BTCUSDT", 50),
}


def run(scenario, **options):
    async def bounded():
        async with Simulator(**options) as simulator:
            return await scenario(simulator)

    return asyncio.run(bounded(), debug=True)


@pytest.mark.parametrize("endpoint", list(SUBSCRIBE))
def test_a_book_over_a_socket(endpoint):
    make, key, channel, topic, levels = CLIENTS[endpoint]

    async def scenario(simulator):
        plain = make()
        async with connect(simulator.urls[endpoint], **KEYS) as socket:
            await socket.send(SUBSCRIBE[endpoint])
            while plain.applied < 100:
                plain.hear(await socket.recv())
            version = simulator.exchange.markets.told_version(key, channel, plain.marks[topic])
            assert plain.sides(topic) == simulator.exchange.markets.window(key, version, levels)
        assert plain.wrong == []

    run(scenario, venue=VENUES, speed=20.0)


def test_each_venue_has_its_addresses_beside_bitmart():
    async def scenario(simulator):
        for endpoint, path in PATHS.items():
            assert simulator.urls[endpoint].endswith(path)
        assert simulator.urls["spot_public"].endswith("/api?protocol=1.1")
        # Who asks for the status hears nothing more before it asks for anything.
        async with connect(simulator.urls["kraken_public"], **KEYS) as socket:
            assert json.loads(await socket.recv())["channel"] == "status"

    run(scenario, venue=VENUES)


def test_an_address_that_there_is_not():
    async def scenario(simulator):
        assert "kraken_public" not in simulator.urls
        base = simulator.urls["spot_public"].partition("/api")[0]
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"{base}/kraken/v2", **KEYS)

    run(scenario)
    with pytest.raises(UsageError, match="there is: bitmart, kraken, okx, bybit"):
        Simulator(venue="binance")


def test_a_lost_message_over_a_socket():
    async def scenario(simulator):
        plain = PlainKraken(10)
        async with connect(simulator.urls["kraken_public"], **KEYS) as socket:
            await socket.send(SUBSCRIBE["kraken_public"])
            while not plain.wrong:
                plain.hear(await socket.recv())
        assert plain.wrong == [("BTC/USD", "checksum")]
        assert simulator.faults.counts == {"gap": 1}

    run(scenario, venue="kraken", speed=20.0, faults="gap/BTC/USD@0.5")


def test_the_command():
    command = [sys.executable, "-m", "bitmart_book", "sim", "--venue", "kraken", "--venue", "okx"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        urls = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert urls["kraken_public"].startswith("ws://127.0.0.1:")
    assert {"okx_public", "spot_public", "control", "credentials"} <= set(urls)
    assert "bybit_spot_public" not in urls
    wrong = subprocess.run(
        [sys.executable, "-m", "bitmart_book", "sim", "--venue", "krakn"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert wrong.returncode != 0
    assert "krakn" in wrong.stderr
    helped = subprocess.run(
        [sys.executable, "-m", "bitmart_book", "sim", "--faults", "help"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert all(f"\n{name} " in helped.stdout for name in ("last", "digit", "checksum"))
