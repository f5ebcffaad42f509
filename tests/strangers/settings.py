"""What a run subscribes, and what it knows."""

from __future__ import annotations

from dataclasses import dataclass, field

BOOKS: tuple[tuple[str, str, str], ...] = (
    ("spot", "spot/depth/increase100:BTC_USDT", "spot/depth/increase100:BTC_USDT"),
    ("spot", "spot/depth/increase100:QUIET_USDT", "spot/depth/increase100:QUIET_USDT"),
    ("spot", "spot/depth5:ETH_USDT", "spot/depth5:ETH_USDT"),
    ("futures", "futures/depthIncrease50:BTCUSDT", "futures/depthIncrease50:BTCUSDT"),
    ("futures", "futures/depth20:ETHUSDT", "futures/depth20:ETHUSDT"),
    ("futures", "futures/depthAll20:BTCUSDT", "futures/depthAll20:BTCUSDT"),
    ("legacy", "order:BMX_ETH@6", "legacy/depth:BMX_ETH@6"),
)
"""House, the venue's topic, and the client's name for it."""

TRADES = (("spot", "spot/trade:BTC_USDT"), ("futures", "futures/trade:BTCUSDT"))

PRIVATE = (
    "spot/user/orders:ALL_SYMBOLS",
    "spot/user/balance:BALANCE_UPDATE",
    "futures/order",
    "futures/position",
    "futures/asset:USDT",
)

KNOWN_BROKEN: dict[str, str] = {}
"""Lies that today's client does not withstand, each with what is wrong. It is a work list: what is
mended leaves it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One run: its seed, its length in seconds, and the names of its lies."""

    seed: int
    length: float
    lies: tuple[str, ...] = ()
    only: tuple[int, ...] = ()
    """Numbers of the occurrences to tell; all where it is empty."""
    alone: bool = False
    """Whether each lie comes once, long enough to show what it does."""
    trader: bool = field(default=True)
