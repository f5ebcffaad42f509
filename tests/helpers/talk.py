"""A server of a test's own making, where the box is too well-behaved."""

import asyncio
import contextlib
import json
import logging
import socket

from websockets.asyncio.server import serve

from tests.helpers.frames import spot


def snapshot(version, symbol="BTC_USDT"):
    return spot("snapshot", version, [("1", "1")], [("2", "1")], symbol)


@contextlib.asynccontextmanager
async def talking(talk, **options):
    """The urls of a server that does `await talk(connection)` for each connection."""
    # A venue knows what it is sent; its log is not ours.
    logger = logging.Logger("a venue", logging.CRITICAL)
    options = {"compression": None, "close_timeout": 1, "logger": logger, **options}
    async with serve(talk, "127.0.0.1", 0, **options) as server:
        scheme = "wss" if options.get("ssl") else "ws"
        yield {"spot_public": f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"}


async def answer(connection, version=1):
    """Answer requests with a snapshot, pings with a pong, until the client leaves."""
    async for text in connection:
        if text == "ping":
            await connection.send("pong")
            continue
        message = json.loads(text)
        if message["op"] in ("subscribe", "request"):
            for topic in message["args"]:
                await connection.send(snapshot(version, topic.partition(":")[2]))


async def until(book, state):
    """Wait until the book is in that state; what states it had before."""
    seen = []
    async for quote in book.quotes():
        seen.append(str(quote.state))
        if quote.state == state:
            return seen
    return seen


async def next_event(stream, kind):
    """The next event of that kind."""
    async for event in stream:
        if event.kind == kind:
            return event
    raise AssertionError(f"the stream ended without {kind}")


async def gone(connection):
    """Wait until the client is gone, however it went."""
    with contextlib.suppress(Exception):
        await connection.wait_closed()
    await asyncio.sleep(0)


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
