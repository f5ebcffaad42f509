"""BitMart futures, protocol v2 (from 2024-09 until the venue stopped), public part.

Pushes are `{"group": topic, "data": {...}}`, levels are objects and sizes count contracts. The
`version` of a sequenced book advances even on an empty update, where spot repeats it. (BitMart's
futures v2 API reference, "WebSocket Subscription".)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from bitmart_book.model import Trade
from bitmart_book.venues.profile import BookChannel, Profile, TradeChannel

__all__ = ["FUTURES"]


def _milliseconds(stamp: str) -> int:
    # Up to nine fractional digits, which `datetime` would refuse or cut: parsed by hand.
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * 1000 + int((fraction + "000")[:3])


def _taker_side(row: Mapping[str, Any]) -> tuple[Literal["buy", "sell"], bool]:
    # `m` (since 2025-01-16) is true when the buyer was the maker. `way` 1-4 was documented as a
    # buying taker but contradicts `m` in recorded frames, so it is only the last resort.
    if isinstance(row.get("m"), bool):
        return ("sell" if row["m"] else "buy"), True
    return ("buy" if int(row["way"]) <= 4 else "sell"), False


def _trade(row: Mapping[str, Any]) -> Trade:
    side, side_known = _taker_side(row)
    return Trade(
        symbol=str(row["symbol"]),
        side=side,
        price=Decimal(row["deal_price"]),
        size=Decimal(row["deal_vol"]),
        time_ms=_milliseconds(row["created_at"]),
        trade_id=int(row["trade_id"]),
        side_known=side_known,
    )


def _sequenced(depth: int) -> BookChannel:
    # The server keeps a window of `depth` levels: levels that enter or leave it are sent.
    return BookChannel(
        name=f"futures/depthIncrease{depth}",
        kind="sequenced",
        window=depth,
        window_kept=True,
        size="vol",
    )


FUTURES = Profile(
    market="futures",
    channel_key="group",
    books=(
        *(_sequenced(depth) for depth in (50, 20, 5)),
        *(
            BookChannel(name=f"futures/depthAll{depth}", kind="full", window=depth, size="vol")
            for depth in (5, 20, 50)
        ),
        *(
            BookChannel(name=f"futures/depth{depth}", kind="one-sided", window=depth, size="vol")
            for depth in (5, 20, 50)
        ),
    ),
    trades=(TradeChannel(name="futures/trade", decode=_trade, newest_first=True),),
    default_book="futures/depthIncrease50",
    owns_symbol=lambda symbol: "_" not in symbol,
)
