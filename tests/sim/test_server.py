"""The simulator on a real loopback websocket, and its command."""

import asyncio
import contextlib
import gzip
import json
import signal
import subprocess
import sys
import zlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import bitmart_book as bb
from bitmart_book.sim import Knobs, Simulator
from bitmart_book.sim.server import LONGEST_STEP

SUBSCRIBE = '{"op":"subscribe","args":["spot/depth/increase100:BTC_USDT"]}'
ENDPOINTS = {
    "spot_public", "spot_private", "futures_public", "futures_private", "demo_futures_public",
    "demo_futures_private", "legacy",
}  # fmt: skip
KEYS = {"compression": None, "ping_interval": None, "proxy": None}


def run(scenario, **options):
    """A scenario of a simulator, in a loop that must have nothing left to do after it."""

    async def bounded():
        async with Simulator(**options) as simulator:
            result = await scenario(simulator)
        assert simulator.urls == {}
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(bounded(), debug=True)


async def drained(socket):
    """Read until the connection ends."""
    while True:
        await socket.recv()


def test_a_book_over_a_socket():
    async def scenario(simulator):
        assert set(simulator.urls) == set(simulator.exchange.endpoints) == ENDPOINTS
        assert simulator.urls["spot_public"].startswith("ws://127.0.0.1:")
        assert simulator.urls["spot_public"].endswith("/api?protocol=1.1")
        engine = bb.Engine()
        async with connect(simulator.urls["spot_public"], **KEYS) as socket:
            await socket.send("ping")
            assert await socket.recv() == "pong"
            await socket.send(SUBSCRIBE)
            assert json.loads(await socket.recv())["event"] == "subscribe"
            for _ in range(20):
                engine.apply(await socket.recv())
            book = engine["BTC_USDT"]
            truth = simulator.exchange.markets.window("BTC_USDT", book.sequence, 20)
            depth = book.depth(20, exact=True)
            assert (depth.bids, depth.asks) == (list(truth[0]), list(truth[1]))

    run(scenario, speed=20.0, knobs=Knobs(update_interval=0.01))


def test_no_compression_is_negotiated():
    async def scenario(simulator):
        keys = {**KEYS, "compression": "deflate"}
        async with connect(simulator.urls["spot_public"], **keys) as socket:
            assert "Sec-WebSocket-Extensions" not in socket.response.headers

    run(scenario)


def test_binary_pushes():
    async def scenario(simulator):
        async with connect(simulator.urls["spot_public"], **KEYS) as socket:
            await socket.send(SUBSCRIBE)
            assert isinstance(await socket.recv(), str)
            snapshot = zlib.decompress(await socket.recv(), -zlib.MAX_WBITS)
            assert json.loads(snapshot)["data"][0]["type"] == "snapshot"

    run(scenario, knobs=Knobs(opcode="binary"))


def test_the_legacy_feed():
    async def scenario(simulator):
        async with connect(simulator.urls["legacy"], **KEYS) as socket:
            await socket.send('{"subscribe":"ping"}')
            assert await socket.recv() == '{"subscribe":"pong"}'
            await socket.send('{"subscribe":"order","symbol":"BMX_ETH","precision":6}')
            book = json.loads(await socket.recv())
            assert len(book["data"]["buys"]) == 20
            with pytest.raises(InvalidStatus, match="429"):
                async with connect(simulator.urls["legacy"], **KEYS):
                    pass
        assert simulator.exchange.breaches == {"connects": 1}

    run(scenario)


@pytest.mark.parametrize(("endpoint", "answered"), [("spot_public", False), ("legacy", True)])
def test_ping_frames(endpoint, answered):
    async def scenario(simulator):
        async with connect(simulator.urls[endpoint], **KEYS) as socket:
            pong = await socket.ping()
            text = "ping" if endpoint == "spot_public" else '{"subscribe":"ping"}'
            await socket.send(text)
            await socket.recv()
            assert pong.done() == answered

    run(scenario)


def test_fragments_and_what_is_too_long():
    async def scenario(simulator):
        async with connect(simulator.urls["spot_public"], **KEYS) as socket:
            await socket.send(["pi", "n", "g"])
            assert await socket.recv() == "pong"
            await socket.send("x" * 70_000)
            with pytest.raises(ConnectionClosed) as raised:
                await socket.recv()
            assert raised.value.rcvd.code == 1009

    run(scenario)


def test_a_breach_closes_the_connection():
    async def scenario(simulator):
        async with connect(simulator.urls["spot_public"], **KEYS) as socket:
            topics = [f"spot/trade:SYM{number:04d}_USDT" for number in range(1, 22)]
            await socket.send(json.dumps({"op": "subscribe", "args": topics}))
            assert json.loads(await socket.recv())["errorCode"] == "90005"
            with pytest.raises(ConnectionClosed) as raised:
                await socket.recv()
            assert raised.value.rcvd.code == 1008

    run(scenario, extra_symbols=21)


def test_idle_connections_are_closed():
    async def scenario(simulator):
        async with connect(simulator.urls["spot_public"], **KEYS) as socket:
            with pytest.raises(ConnectionClosed) as raised:
                await socket.recv()
            assert raised.value.rcvd.reason == "idle"

    run(scenario, knobs=Knobs(idle_seconds=0.05))


def test_unknown_paths_and_things_that_are_no_websocket():
    async def scenario(simulator):
        url = simulator.urls["legacy"].replace("/legacy", "/nobody")
        with pytest.raises(InvalidStatus, match="404"):
            async with connect(url, **KEYS):
                pass
        port = int(url.rpartition(":")[2].partition("/")[0])
        for garbage in (b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\x01\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(garbage)
            assert b"101 " not in await reader.read()
            writer.close()
            await writer.wait_closed()

    run(scenario)


def test_closing_does_not_wait_for_who_has_not_shaken_hands():
    async def scenario():
        async with Simulator() as simulator:
            port = int(simulator.urls["legacy"].rpartition(":")[2].partition("/")[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()

    asyncio.run(scenario())


def test_closing_says_so_and_does_not_wait_for_a_client_that_does_not_listen():
    async def scenario():
        simulator = Simulator()
        await simulator.start()
        async with connect(simulator.urls["spot_public"], **KEYS) as socket:
            await socket.send(SUBSCRIBE)
            await socket.recv()
            await simulator.close()
            await simulator.close()
            with pytest.raises(ConnectionClosed) as raised:
                await drained(socket)
            assert raised.value.rcvd.code == 1001

    asyncio.run(scenario())


def test_it_can_be_started_again_but_not_twice():
    async def scenario():
        simulator = Simulator()
        for _ in range(2):
            await simulator.start()
            with pytest.raises(bb.UsageError, match="running already"):
                await simulator.start()
            async with connect(simulator.urls["spot_public"], **KEYS) as socket:
                await socket.send("ping")
                assert await socket.recv() == "pong"
            await simulator.close()

    asyncio.run(scenario())


def test_an_address_that_is_taken():
    async def scenario(simulator):
        port = int(simulator.urls["legacy"].rpartition(":")[2].partition("/")[0])
        with pytest.raises(bb.UsageError, match=f"cannot listen on 127.0.0.1 port {port}"):
            await Simulator(port=port).start()

    run(scenario)


@pytest.mark.parametrize("count", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_many_symbols_over_one_loop(count):
    async def scenario(simulator):
        names = [name for name in simulator.exchange.listings if name.startswith("SYM")]
        seen = set()

        async def one(part):
            async with connect(simulator.urls["spot_public"], **KEYS) as socket:
                for start in range(0, len(part), 20):
                    topics = [f"spot/depth/increase100:{name}" for name in part[start : start + 20]]
                    await socket.send(json.dumps({"op": "subscribe", "args": topics}))
                while not seen.issuperset(part):
                    frame = json.loads(await socket.recv())
                    if frame.get("data") and frame["data"][0]["type"] == "update":
                        seen.add(frame["data"][0]["symbol"])

        async with asyncio.TaskGroup() as group:
            for start in range(0, count, count // 3):
                group.create_task(one(names[start : start + count // 3]))
        assert len(seen) == count

    run(scenario, extra_symbols=count, extra_rate=40.0)


def test_time_in_which_nothing_could_run_has_not_passed():
    async def scenario(simulator):
        before = simulator.now()
        simulator._read_at -= 3_600
        assert simulator.now() - before < LONGEST_STEP + 0.5

    run(scenario)


def capture(path):
    item = {"asks": [["9", "1"]], "bids": [["8", "1.5"]], "ms_t": 1, "symbol": "X_Y"}
    frame = {"data": [{**item, "type": "snapshot"}], "table": "spot/depth/increase100"}
    with gzip.open(path, "wt") as file:
        file.write(json.dumps(frame))
    return path


def test_a_capture_served(tmp_path):
    async def scenario(simulator):
        async with connect(simulator.urls["spot_public"], **KEYS) as socket:
            await socket.send(
                '{"op":"request","args":["spot/depth/increase100:X_Y"]}',
            )
            (item,) = json.loads(await socket.recv())["data"]
            assert item["symbol"] == "X_Y"

    run(scenario, capture=capture(tmp_path / "capture.jsonl.gz"))


# The command

COMMAND = [sys.executable, "-c", "from bitmart_book.cli.sim import sim; sim()"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_told_to_stop(number):
    with subprocess.Popen(
        [*COMMAND, "--seed", "7"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            urls = json.loads(process.stdout.readline())
            assert set(urls) == ENDPOINTS | {"control", "credentials"}
            assert set(urls["credentials"]) == {"key", "secret", "memo"}

            async def subscribed():
                async with connect(urls["spot_public"], **KEYS) as socket:
                    await socket.send(SUBSCRIBE)
                    await socket.recv()
                    snapshot = json.loads(await socket.recv())
                    process.send_signal(number)
                    with pytest.raises(ConnectionClosed):
                        await drained(socket)
                    return snapshot

            assert asyncio.run(subscribed())["data"][0]["symbol"] == "BTC_USDT"
            assert process.wait() == 0
            assert process.stdout.read() == ""
            assert process.stderr.read() == ""
        finally:
            process.kill()


@pytest.mark.parametrize("form", ["text", "binary"])
def test_the_command_compresses_what_it_pushes(form):
    with subprocess.Popen([*COMMAND, "--compression", form], stdout=subprocess.PIPE) as process:
        try:
            urls = json.loads(process.stdout.readline())

            async def snapshot():
                async with connect(urls["spot_public"], **KEYS) as socket:
                    await socket.send(SUBSCRIBE)
                    return [await socket.recv() for _ in range(2)]

            ack, push = asyncio.run(snapshot())
            assert (type(ack), type(push)) == (str, bytes if form == "binary" else str)
        finally:
            process.kill()


def test_the_command_and_a_capture_that_is_not_there(tmp_path):
    from click.testing import CliRunner

    from bitmart_book.cli.sim import sim

    result = CliRunner().invoke(sim, ["--capture", str(tmp_path / "none")])
    assert isinstance(result.exception, bb.UsageError)
    assert "cannot read" in str(result.exception)
