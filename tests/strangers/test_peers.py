"""Other clients can be judged as the product is."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import Any, cast

import pytest

from tests.strangers import ccxt_peer, peers
from tests.strangers.ccxt_peer import WATCHED, CcxtReader
from tests.strangers.judge import Judge
from tests.strangers.settings import Setting


@pytest.mark.slow
def test_the_client_of_an_afternoon_on_real_sockets() -> None:
    def seen_enough(judge: Judge) -> bool:
        return len(judge.tally.live_topics) == 7 and judge.tally.judged > 300

    result = asyncio.run(peers.run(Setting(3, 120.0), peers.naive, enough=seen_enough))
    assert result.tally.judged > 300
    assert (result.tally.wrong, result.tally.over_age) == (0, 0), result.found()


class Exchange:
    """What of ccxt its reader touches. `script`: what each watch of a symbol does."""

    def __init__(self, script: list[Any]) -> None:
        self.script = script
        self.markets: list[dict[str, Any]] = []
        self.urls: dict[str, Any] = {"api": {}}
        self.orderbooks: dict[str, Any] = {}
        self.over = asyncio.Event()

    def set_markets(self, markets: list[dict[str, Any]]) -> None:
        self.markets = markets

    async def watch_order_book_for_symbols(self, symbols: list[str], *_: Any) -> None:
        if symbols != ["BTC/USDT"]:
            await self.over.wait()
        step = self.script.pop(0) if self.script else None
        if step is None:
            await self.over.wait()
        elif isinstance(step, Exception):
            raise step
        self.orderbooks["BTC/USDT"] = step

    async def close(self) -> None:
        self.over.set()


async def told_by(script: list[Any]) -> tuple[Any, Any]:
    """What is read of a book after all that happens to it."""
    exchange = Exchange(script)
    carrier = cast(Any, type("", (), {"urls": {"spot_public": "a", "futures_public": "b"}})())
    reader = CcxtReader(lambda _: exchange, carrier)
    task = asyncio.create_task(reader.run())
    while exchange.script:
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    house, topic = reader.topics()[0]
    read = reader.read(house, topic, "quote"), reader.read(house, topic, "depth", 1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return read


BOOK = {"bids": [[64000.03, 0.5], [63999.9, 2.0]], "asks": [[64001.0, 1e-05]]}


def test_ccxt_shows_a_book_from_when_it_returned_one() -> None:
    quote, depth = asyncio.run(told_by([BOOK]))
    assert quote == (Decimal("64000.03"), Decimal("0.5"), Decimal("64001.0"), Decimal("0.00001"))
    assert depth == ([quote[:2]], [quote[2:]], False)


def test_ccxt_shows_nothing_after_an_error() -> None:
    assert asyncio.run(told_by([BOOK, OSError("gone")])) == (None, None)


def test_an_empty_side_is_none() -> None:
    quote, _ = asyncio.run(told_by([{"bids": [], "asks": [[1.0, 2.0]]}]))
    assert quote == (None, None, Decimal(1), Decimal(2))


@pytest.mark.parametrize(("house", "topic", "symbol", "depth"), WATCHED)
def test_markets_are_named_as_the_venue_does(
    house: str, topic: str, symbol: str, depth: str
) -> None:
    market = ccxt_peer.market(symbol)
    assert topic == f"{house}/{depth}:{market['id']}"
    assert market["type"] == {"spot": "spot", "futures": "swap"}[house]
