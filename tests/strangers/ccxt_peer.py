"""`ccxt` 4.5.67, the last that knows BitMart, as its users write: `watch` in a loop.

It is not installed with the tests: `make strangers-peers` puts it beside them, in build/.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from tests.strangers.carrier import Carrier
from tests.strangers.judge import Reader

WATCHED: tuple[tuple[str, str, str, str], ...] = (
    ("spot", "spot/depth/increase100:BTC_USDT", "BTC/USDT", "depth/increase100"),
    ("spot", "spot/depth/increase100:QUIET_USDT", "QUIET/USDT", "depth/increase100"),
    ("spot", "spot/depth5:ETH_USDT", "ETH/USDT", "depth5"),
    ("futures", "futures/depth50:BTCUSDT", "BTC/USDT:USDT", "depth50"),
    ("futures", "futures/depth20:ETHUSDT", "ETH/USDT:USDT", "depth20"),
)
"""House, the venue's topic, ccxt's symbol, and the depth that it is asked for."""

AGAIN_AFTER = 1.0
"""Seconds after an error until the next attempt."""
CLOSING = 10.0
"""Seconds that closing may take."""
SILENT = 60.0
"""Seconds without a book, after which a careful user closes everything and begins anew."""


def market(symbol: str) -> dict[str, Any]:
    """What ccxt would have learned by REST, as far as its books need it."""
    base, quote = symbol.partition(":")[0].split("/")
    swap = ":" in symbol
    return {
        "id": base + quote if swap else f"{base}_{quote}",
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "settle": quote if swap else None,
        "baseId": base,
        "quoteId": quote,
        "settleId": quote if swap else None,
        "type": "swap" if swap else "spot",
        "spot": not swap,
        "swap": swap,
        "contract": swap,
        "linear": True if swap else None,
        "inverse": False if swap else None,
        "contractSize": 1.0 if swap else None,
        "active": True,
        "precision": {"price": None, "amount": None},
        "limits": {},
        "info": {},
    }


class CcxtReader:
    """A book is shown as LIVE from the return of a `watch` until one raises, or none returns."""

    def __init__(self, made: Callable[[dict[str, Any]], Any], carrier: Carrier) -> None:
        self.made, self.carrier = made, carrier
        self.live: set[str] = set()
        self.exchange: Any = None
        self.restarts = 0
        self.errors: dict[str, int] = {}

    def topics(self) -> Sequence[tuple[str, str]]:
        return [(house, topic) for house, topic, _, _ in WATCHED]

    def read(self, house: str, topic: str, what: str, *args: Any) -> Any:
        symbol = next(symbol for _, name, symbol, _ in WATCHED if name == topic)
        book = None if self.exchange is None else self.exchange.orderbooks.get(symbol)
        if book is None or symbol not in self.live:
            return None
        sides = [[_pair(row) for row in book[side]] for side in ("bids", "asks")]
        if what == "quote":
            return tuple(value for rows in sides for value in (rows[0] if rows else (None, None)))
        if what == "depth":
            # Of a book of deltas it says nothing about what it was never told.
            return sides[0][: args[0]], sides[1][: args[0]], "increase100" not in topic
        return None

    async def run(self) -> None:
        while True:
            self.exchange = self.made({"enableRateLimit": False})
            self.exchange.set_markets([market(symbol) for _, _, symbol, _ in WATCHED])
            self.exchange.urls["api"]["ws"] = {
                "spot": {"public": self.carrier.urls["spot_public"]},
                "swap": {"public": self.carrier.urls["futures_public"]},
            }
            tasks = [asyncio.create_task(self._watch(*one)) for one in WATCHED]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.live.clear()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(CLOSING):
                        await self.exchange.close()
            self.restarts += 1

    async def _watch(self, house: str, topic: str, symbol: str, depth: str) -> None:
        """Returns when nothing came for so long that everything should begin anew."""
        while True:
            try:
                async with asyncio.timeout(SILENT):
                    await self.exchange.watch_order_book_for_symbols(
                        [symbol], None, {"depth": depth}
                    )
                self.live.add(symbol)
            except TimeoutError:
                return
            except Exception as error:
                self.live.discard(symbol)
                name = type(error).__name__
                self.errors[name] = self.errors.get(name, 0) + 1
                await asyncio.sleep(AGAIN_AFTER)


def _pair(row: Sequence[float]) -> tuple[Decimal, Decimal]:
    return Decimal(repr(row[0])), Decimal(repr(row[1]))


def ccxt() -> Callable[[Carrier], contextlib.AbstractAsyncContextManager[Reader]]:
    """Imports it, which takes seconds, before any time of a run has passed."""
    return partial(_ccxt, importlib.import_module("ccxt.pro").bitmart)


@contextlib.asynccontextmanager
async def _ccxt(made: Callable[[dict[str, Any]], Any], carrier: Carrier) -> AsyncIterator[Reader]:
    reader = CcxtReader(made, carrier)
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
