"""The contracts that are listed on the simulated futures exchange, and their markets.

Sizes are whole contracts everywhere; what one contract is worth is said here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from bitmart_book.sim.market.market import Batch, Ladder, Listing, Market, SeededMarket, listings

__all__ = ["Contract", "contract_market", "contracts"]


class Contract(NamedTuple):
    """One perpetual contract. Its listing counts sizes in whole contracts."""

    listing: Listing
    size: Decimal
    """Of the base currency in one contract; of an inverse contract, dollars."""
    base: str
    settle: str
    """The currency that margins and profits are paid in."""
    inverse: bool = False
    """Whether it is worth a fixed amount of dollars, paid in the base currency."""


def _contract(
    symbol: str, price: int, decimals: int, gap: int, size: int, rate: float, worth: str
) -> Contract:
    base, quote = _currencies(symbol)
    listing = Listing(symbol, price, decimals, 0, gap, size, rate, max(0, decimals - 2))
    inverse = quote == "USD"
    return Contract(listing, Decimal(worth), base, base if inverse else quote, inverse)


def _currencies(symbol: str) -> tuple[str, str]:
    for quote in ("USDT", "USDC", "USD"):
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    return symbol, "USDT"


# Linear contracts in tether and in USDC, inverse ones in coins, prices far below a cent, and a
# contract without any order: all of these were listed together.
_USUAL = (
    _contract("BTCUSDT", 612_357, 1, 2, 3_000, 60.0, "0.001"),
    _contract("ETHUSDT", 192_254, 2, 3, 4_000, 50.0, "0.01"),
    _contract("SOLUSDT", 184_550, 3, 4, 900, 30.0, "0.1"),
    _contract("XRPUSDT", 25_213, 4, 1, 6_000, 20.0, "1"),
    _contract("BTCUSDC", 612_391, 1, 6, 800, 10.0, "0.001"),
    _contract("BTCUSD", 612_310, 1, 8, 2_000, 8.0, "100"),
    _contract("1000PEPEUSDT", 123_456, 7, 9, 50_000, 6.0, "10"),
    _contract("ASTEROIDETHUSDT", 198, 7, 1, 9_000, 0.5, "10000"),
    _contract("THETAUSDT", 7_125, 4, 1, 100, 0.0, "1"),
)
_EMPTY = "THETAUSDT"


def contracts(
    symbols: Sequence[str] | None = None, extra: int = 0, extra_rate: float = 4.0
) -> dict[str, Contract]:
    """Those named (None: the usual ones), and SYM0001USDT and so on.

    A name that is not a usual one gets a contract that depends on nothing but the name.
    """
    usual = {contract.listing.symbol: contract for contract in _USUAL}
    names: Iterable[str] = usual if symbols is None else symbols
    found = {name: usual.get(name) or _made_up(name, 20.0) for name in names}
    for number in range(1, extra + 1):
        name = f"SYM{number:04d}USDT"
        found[name] = _made_up(name, extra_rate)
    return found


def _made_up(symbol: str, rate: float) -> Contract:
    listing = listings([symbol])[symbol]
    base, quote = _currencies(symbol)
    return Contract(listing._replace(size_decimals=0, rate=rate), Decimal("0.01"), base, quote)


def contract_market(contract: Contract, seed: int) -> Market:
    """The market of a contract."""
    if contract.listing.symbol == _EMPTY:
        return _EmptyMarket(contract.listing)
    return SeededMarket(contract.listing, seed)


class _EmptyMarket:
    """A market where nobody is: two in three of the listed contracts hardly traded."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.bids = Ladder(1)
        self.asks = Ladder(-1)

    @property
    def next_time(self) -> float:
        return math.inf

    def advance(self, to_time: float) -> Batch:
        del to_time
        return Batch({}, {}, [])
