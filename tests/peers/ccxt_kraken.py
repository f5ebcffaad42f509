"""The box against a client that somebody else wrote: ccxt's class for Kraken's websocket.

    python -m tests.peers.ccxt_kraken [--seconds 20] [--speed 5]

ccxt keeps its books of several pairs at several depths by its own rules, and raises an error at a
checksum that does not match. Here each of its books is compared with what the exchange had under
the stamp of the last message; then a message is lost, and ccxt must notice it, which shows that
this judge can see. Exit status 1 if anything is not as it should be.

Two things are done to ccxt. Its checksum, which it computes but does not ask for unless it is
told to, is asked for; and numbers keep the text in which they came, without which nobody can
compute it: a float has forgotten its last zeros.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import types
from decimal import Decimal

import ccxt.pro
from ccxt.async_support.base.ws import client as websocket
from ccxt.base.errors import ChecksumError

from bitmart_book.sim import Simulator

# ccxt cuts a book to as many levels as its first message had: only full ones are right.
DEPTHS = (10, 25, 100)
PAIRS = ("BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD")


class Written(Decimal):
    """A number, and the text in which it came."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = str(text)
        return number

    def __str__(self):
        return self.text

    def split(self, point):
        """As of a text: this is how ccxt takes a number apart for its checksum."""
        return self.text.split(point)


def loads(data):
    return json.loads(data, parse_float=Written)


def foreign(url):
    """ccxt's Kraken at that address, with its markets set by hand: it shall ask nobody."""
    dumps = websocket.json_parser.dumps
    websocket.json_parser = types.SimpleNamespace(loads=loads, dumps=dumps)
    exchange = ccxt.pro.kraken({"newUpdates": False})
    exchange.number = Written
    exchange.options["watchOrderBook"]["checksum"] = True
    exchange.urls["api"]["ws"]["publicV2"] = url
    exchange.set_markets(
        [
            exchange.safe_market_structure(
                {"id": pair.replace("/", ""), "symbol": pair, "base": pair.split("/")[0],
                 "quote": pair.split("/")[1], "type": "spot", "spot": True, "active": True,
                 "info": {"wsname": pair}}
            )
            for pair in PAIRS
        ]
    )  # fmt: skip
    exchange.options["marketsByWsName"] = {pair: exchange.markets[pair] for pair in PAIRS}
    return exchange


def side(rows, levels):
    return [(Decimal(str(price)), Decimal(str(size))) for price, size, *_ in rows[:levels]]


async def keep(simulator, depth, seconds):
    """Watch all pairs at one depth; how many messages ccxt read, how many of its books were
    compared, and of how many pairs."""
    exchange = foreign(simulator.urls["kraken_public"])
    messages, compared, stamps = 0, 0, {}
    read = exchange.handle_order_book

    def counted(client, message):
        nonlocal messages
        messages += 1
        try:
            read(client, message)
        except KeyError:
            # It takes ten levels of each side for granted when it looks for what is wrong.
            client.reject(ChecksumError("fewer than ten levels are left"))

    exchange.handle_order_book = counted

    async def watch(pair):
        nonlocal compared
        while True:
            book = await exchange.watch_order_book(pair, depth)
            if book["datetime"] is None or stamps.get(pair) == book["datetime"]:
                continue
            stamps[pair] = book["datetime"]
            home = simulator.exchange
            version = home.told_version(f"kraken:{pair}", f"book{depth}", book["datetime"])
            truth = home.window(f"kraken:{pair}", version, depth)
            for name, rows in zip(("bids", "asks"), truth, strict=True):
                found = side(book[name], depth + 1)
                assert found == list(rows), f"{pair} {depth} {name}: {found[:3]} is not {rows[:3]}"
            compared += 1

    watching = [asyncio.create_task(watch(pair)) for pair in PAIRS]
    try:
        done, _ = await asyncio.wait(watching, timeout=seconds,
                                     return_when=asyncio.FIRST_EXCEPTION)  # fmt: skip
        for task in done:
            task.result()
    finally:
        for task in watching:
            task.cancel()
        await exchange.close()
        await asyncio.gather(*watching, return_exceptions=True)
    return messages, compared, len(stamps)


async def judge(seconds, speed):
    async with Simulator(venue="kraken", speed=speed, history=5_000) as simulator:
        found = await asyncio.gather(*(keep(simulator, depth, seconds) for depth in DEPTHS))
    for depth, (messages, compared, pairs) in zip(DEPTHS, found, strict=True):
        print(
            f"depth {depth}: {messages} messages of {pairs} pairs, every checksum accepted; "
            f"{compared} books compared, all right"
        )
        assert pairs == len(PAIRS), "a pair was never heard of"
        assert messages > 5 * seconds, "the exchange said hardly anything"
        assert compared > 2 * seconds, "hardly anything was compared"
    noticed = 0
    for seed in range(3):
        lost = "gap/BTC/USD@2"
        async with Simulator(venue="kraken", speed=speed, seed=seed, faults=lost) as simulator:
            # A wrong book before the wrong checksum would be an AssertionError, and end it all.
            with contextlib.suppress(ChecksumError):
                await keep(simulator, 10, 10)
                raise AssertionError("ccxt noticed nothing")
            assert simulator.faults.counts["gap"] == 1
            noticed += 1
    print(f"of 3 lost messages ccxt noticed {noticed}, by the checksum of the next")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--speed", type=float, default=5.0)
    options = parser.parse_args()
    asyncio.run(judge(options.seconds, options.speed))
    print(f"ccxt {ccxt.__version__} and the simulated Kraken agree")


if __name__ == "__main__":
    sys.exit(main())
