"""BitMart spot, public protocol v1.1, in force from 2022-01-18 until the venue stopped.

Pushes are `{"table": channel, "data": [{..., "symbol": s}]}` and levels are arrays. The wire's
`version` is our sequence. (BitMart's spot API reference, "WebSocket Subscription".)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bitmart_book.model import Trade
from bitmart_book.venues.profile import BookChannel, Profile, TradeChannel

__all__ = ["SPOT"]


def _trade(row: Mapping[str, Any]) -> Trade:
    if row["side"] not in ("buy", "sell"):
        raise ValueError(f"side must be buy or sell, was {row['side']!r}")
    if row.get("ms_t") is not None:
        time_ms = int(row["ms_t"])
    else:
        # Before 2024-02-29 a trade had only seconds.
        time_ms = int(row["s_t"]) * 1000
    return Trade(
        symbol=str(row["symbol"]),
        side=row["side"],
        price=Decimal(row["price"]),
        size=Decimal(row["size"]),
        time_ms=time_ms,
    )


SPOT = Profile(
    market="spot",
    channel_key="table",
    books=(
        BookChannel(name="spot/depth/increase100", kind="sequenced", window=100),
        BookChannel(name="spot/depth5", kind="full", window=5),
        BookChannel(name="spot/depth20", kind="full", window=20),
        BookChannel(name="spot/depth50", kind="full", window=50),
    ),
    trades=(TradeChannel(name="spot/trade", decode=_trade, newest_first=False),),
    default_book="spot/depth/increase100",
    owns_symbol=lambda symbol: "_" in symbol,
)
