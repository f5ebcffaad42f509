"""Topics of an account that have one fixed spelling, as types: what arrives is known beforehand.

The profiles hold the same words; a test compares them.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["BalanceTopic", "OrderTopic", "OwnTopic", "PositionTopic"]

OrderTopic = Literal["spot/user/orders:ALL_SYMBOLS", "futures/order"]
PositionTopic = Literal["futures/position"]
BalanceTopic = Literal[
    "spot/user/balance:BALANCE_UPDATE",
    "futures/asset:USDT",
    "futures/asset:BTC",
    "futures/asset:ETH",
]
OwnTopic = OrderTopic | PositionTopic | BalanceTopic
