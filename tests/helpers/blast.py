"""A server in a process of its own that pushes at a steady rate, whoever keeps up with it.

`python -m tests.helpers.blast --rate 2000` prints its address and serves until its standard input
ends. A number that is written to it is answered with a line once it has pushed so many more
versions. What a book must be at a version is a function of the version alone: see `truth`. Every
symbol has the same versions.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import subprocess
import sys
import time

from websockets.asyncio.server import broadcast, serve

CHANNEL = "spot/depth/increase100"
BATCH_SECONDS = 0.01


def truth(version):
    """(bid, ask, size of both) at a version: the ask is always one above the bid."""
    bid = 10_000 + version % 1_000
    return bid, bid + 1, version + 1


def frame(kind, version, symbol, padding=0):
    """A snapshot or an update as text; `padding` more rows of each side make it longer."""
    bid, ask, size = truth(version)
    bids = [[str(bid), str(size)]] + [[str(n + 1), str(size)] for n in range(padding)]
    asks = [[str(ask), str(size)]] + [[str(99_999 - n), str(size)] for n in range(padding)]
    if kind == "update":
        old_bid, old_ask, _ = truth(version - 1)
        bids.insert(0, [str(old_bid), "0"])
        asks.insert(0, [str(old_ask), "0"])
    item = {"symbol": symbol, "type": kind, "version": version, "bids": bids, "asks": asks}
    item["ms_t"] = time.time_ns() // 1_000_000
    return json.dumps({"table": CHANNEL, "data": [item]}, separators=(",", ":"))


def trade(version, symbol):
    """A trade at the bid of that version."""
    bid, _, size = truth(version)
    item = {"symbol": symbol, "price": str(bid), "size": str(size), "side": "sell"}
    item["ms_t"] = time.time_ns() // 1_000_000
    item["s_t"] = item["ms_t"] // 1000
    return json.dumps({"table": "spot/trade", "data": [item]}, separators=(",", ":"))


class Blast:
    """The server. `rate`: versions a second of each symbol."""

    def __init__(self, rate, padding):
        self.rate = rate
        self.padding = padding
        self.version = 1
        self.subscribers = {}
        self._pushed = asyncio.Event()

    async def talk(self, connection):
        try:
            async for text in connection:
                await self.answer(connection, text)
        finally:
            for peers in self.subscribers.values():
                peers.discard(connection)

    async def answer(self, connection, text):
        if text == "ping":
            await connection.send("pong")
            return
        message = json.loads(text)
        for topic in message["args"]:
            peers = self.subscribers.setdefault(topic, set())
            if message["op"] == "unsubscribe":
                peers.discard(connection)
                continue
            if message["op"] == "subscribe":
                await connection.send(json.dumps({"event": "subscribe", "topic": topic}))
            channel, _, symbol = topic.partition(":")
            if channel == CHANNEL:
                await connection.send(frame("snapshot", self.version, symbol, self.padding))
            if message["op"] == "subscribe":
                peers.add(connection)

    async def push(self):
        start = time.monotonic()
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            due = 1 + int((time.monotonic() - start) * self.rate)
            while self.version < due:
                self.version += 1
                for topic, peers in self.subscribers.items():
                    if peers:
                        broadcast(peers, self.push_of(topic))
            self._pushed.set()

    async def passes(self, versions):
        """Wait until so many more versions have been pushed."""
        target = self.version + versions
        while self.version < target:
            self._pushed.clear()
            await self._pushed.wait()

    def push_of(self, topic):
        channel, _, symbol = topic.partition(":")
        if channel == CHANNEL:
            return frame("update", self.version, symbol, self.padding)
        return trade(self.version, symbol)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--padding", type=int, default=0)
    options = parser.parse_args()
    # Clients that leave in a hurry are what it is for.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    blast = Blast(options.rate, options.padding)
    async with serve(blast.talk, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        sys.stdout.write(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/\n")
        sys.stdout.flush()
        pushing = asyncio.create_task(blast.push())
        while line := await asyncio.to_thread(sys.stdin.readline):
            await blast.passes(int(line))
            sys.stdout.write("\n")
            sys.stdout.flush()
        pushing.cancel()


class Server:
    """Such a server in a process of its own. `urls` are those of a feed."""

    def __init__(self, process):
        self._process = process
        self.urls = {"spot_public": process.stdout.readline().strip()}

    def passes(self, versions):
        """Stand still until the server has pushed so many more: the market is the clock."""
        self._process.stdin.write(f"{versions}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "\n", "the server has ended"


@contextlib.contextmanager
def running(rate=1_000, padding=0):
    """A `Server` that pushes so many versions a second."""
    command = [
        sys.executable,
        "-m",
        "tests.helpers.blast",
        "--rate",
        str(rate),
        "--padding",
        str(padding),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Server(process)
        finally:
            process.stdin.close()
            process.terminate()


if __name__ == "__main__":
    asyncio.run(main())
