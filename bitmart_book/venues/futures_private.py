"""BitMart futures, private protocol v1 and v2: orders, positions and assets, behind a login.

Requests and replies are those of `futures`. Words are numbers here, and times JSON integers
(milliseconds since 1970); sizes count contracts; an unset trigger is "-". The first protocol had
the same channels with fewer fields. Source: BitMart's futures v2 API reference, "WebSocket
Subscription", and where it is silent what clients recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bitmart_book.model import Balance, Fill, Order, OrderStatus, Position
from bitmart_book.venues.futures import DEMO_HOST, FUTURES, classify, encode, judge
from bitmart_book.venues.profile import Profile, StreamChannel, Topic
from bitmart_book.venues.values import (
    Fields,
    coded,
    identity,
    identity_or_none,
    number,
    number_or_none,
    rows,
    text,
    time_or_none,
    word,
)

if TYPE_CHECKING:
    from bitmart_book.credentials import Credentials

__all__ = ["FUTURES_PRIVATE", "FUTURES_PRIVATE_DEMO"]

# The reference names only these. There are contracts settled in USDC too, and so other currencies
# may be asked for.
_CURRENCIES = ("USDT", "BTC", "ETH")
_CURRENCY = re.compile(r"[A-Za-z0-9]{1,41}")

_PUSH = Fields("futures/order", "action order")
_ORDER = Fields(
    "futures/order.order",
    "order_id client_order_id price size symbol state side type leverage open_type deal_avg_price"
    " deal_size create_time update_time plan_order_id last_trade trigger_price trigger_price_type"
    " execution_price activation_price_type activation_price callback_rate position_mode",
)
_TRADE = Fields("futures/order.last_trade", "lastTradeID fillQty fillPrice fee feeCcy")
_POSITION = Fields(
    "futures/position",
    "symbol hold_volume position_type open_type frozen_volume close_volume hold_avg_price"
    " close_avg_price open_avg_price liquidate_price create_time update_time position_mode",
)
_ASSET = Fields("futures/asset", "currency available_balance position_deposit frozen_balance")

_ACTION = {
    "1": "match",
    "2": "submit",
    "3": "cancel",
    "4": "liquidate_cancel",
    "5": "adl_cancel",
    "6": "part_liquidate",
    "7": "bankruptcy",
    "8": "passive_adl_match",
    "9": "active_adl_match",
}
_SIDE = {"1": "buy", "2": "buy", "3": "sell", "4": "sell"}
_INTENT = {
    "1": "buy_open_long",
    "2": "buy_close_short",
    "3": "sell_close_long",
    "4": "sell_open_short",
}
_ONE_WAY_INTENT = {"1": "buy", "2": "buy_reduce_only", "3": "sell_reduce_only", "4": "sell"}
_POSITION_SIDE = {"1": "long", "2": "short"}
_MARGIN = {"1": "isolated", "2": "cross", "isolated": "isolated", "cross": "cross"}
_APPROVAL, _CHECK, _FINISH = "1", "2", "4"


# --- pushes ---


def _status(state: str | None, size: Decimal | None, filled: Decimal | None) -> str | None:
    """What the three states of the wire and the sizes say; `action` says only why it was pushed:
    the reference's sample is a "cancel" of an order that still rests."""
    if size and filled is not None and filled >= size:
        return OrderStatus.FILLED
    if state == _APPROVAL:
        return OrderStatus.PENDING
    if state == _CHECK:
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW
    if state == _FINISH and filled is not None:
        return OrderStatus.PARTIALLY_CANCELED if filled else OrderStatus.CANCELED
    return state


def _fill(
    trade: Any, symbol: str, order_id: str, side: str | None, row: Mapping[str, Any]
) -> Fill | None:
    # The venue writes null where there was none; it might as well write an empty object.
    if not trade:
        return None
    if not isinstance(trade, dict):
        raise TypeError(f"expected an object, was {str(trade)[:80]!r}")
    _TRADE.see(trade)
    return Fill(
        market="futures",
        symbol=symbol,
        order_id=order_id,
        fill_id=identity_or_none(trade.get("lastTradeID")),
        side=side,
        price=number(trade["fillPrice"]),
        size=number(trade["fillQty"]),
        filled_size=number_or_none(row.get("deal_size")),
        fee=number_or_none(trade.get("fee"), signed=True),
        fee_currency=word(trade.get("feeCcy")),
        client_order_id=word(row.get("client_order_id")),
    )


def _order(push: Mapping[str, Any]) -> Order:
    _PUSH.see(push)
    row = push["order"]
    if not isinstance(row, dict):
        raise TypeError(f"expected an object, was {str(row)[:80]!r}")
    _ORDER.see(row)
    symbol, order_id = text(row["symbol"]), identity(row["order_id"])
    size, filled = number_or_none(row.get("size")), number_or_none(row.get("deal_size"))
    side = coded(row.get("side"), _SIDE)
    mode = word(row.get("position_mode"))
    return Order(
        market="futures",
        symbol=symbol,
        order_id=order_id,
        status=_status(word(row.get("state")), size, filled),
        side=side,
        type=word(row.get("type")),
        price=number_or_none(row.get("price")),
        size=size,
        filled_size=filled,
        average_price=number_or_none(row.get("deal_avg_price")),
        client_order_id=word(row.get("client_order_id")),
        intent=coded(row.get("side"), _ONE_WAY_INTENT if mode == "one_way_mode" else _INTENT),
        action=coded(push.get("action"), _ACTION),
        leverage=number_or_none(row.get("leverage")),
        margin=coded(row.get("open_type"), _MARGIN),
        position_mode=mode,
        plan_order_id=identity_or_none(row.get("plan_order_id")),
        trigger_price=number_or_none(row.get("trigger_price")),
        trigger_price_type=word(row.get("trigger_price_type")),
        execution_price=number_or_none(row.get("execution_price")),
        activation_price=number_or_none(row.get("activation_price")),
        activation_price_type=word(row.get("activation_price_type")),
        callback_rate=number_or_none(row.get("callback_rate"), signed=True),
        create_time_ms=time_or_none(row.get("create_time")),
        update_time_ms=time_or_none(row.get("update_time")),
        fill=_fill(row.get("last_trade"), symbol, order_id, side, row),
    )


def _orders(message: Mapping[str, Any]) -> list[Order]:
    return [_order(push) for push in rows(message["data"])]


def _position(row: Mapping[str, Any]) -> Position:
    _POSITION.see(row)
    return Position(
        symbol=text(row["symbol"]),
        side=coded(row.get("position_type"), _POSITION_SIDE),
        size=number(row["hold_volume"]),
        frozen=number_or_none(row.get("frozen_volume")),
        closed=number_or_none(row.get("close_volume")),
        average_price=number_or_none(row.get("hold_avg_price")),
        open_price=number_or_none(row.get("open_avg_price")),
        close_price=number_or_none(row.get("close_avg_price")),
        # For a position that cannot be liquidated, the venue may write a price below zero.
        liquidation_price=number_or_none(row.get("liquidate_price"), signed=True),
        margin=coded(row.get("open_type"), _MARGIN),
        mode=word(row.get("position_mode")),
        create_time_ms=time_or_none(row.get("create_time")),
        update_time_ms=time_or_none(row.get("update_time")),
    )


def _positions(message: Mapping[str, Any]) -> list[Position]:
    return [_position(row) for row in rows(message["data"])]


def _asset(row: Mapping[str, Any]) -> Balance:
    _ASSET.see(row)
    return Balance(
        market="futures",
        currency=text(row["currency"]),
        # A loss of crossed positions may take the balance below zero.
        available=number_or_none(row.get("available_balance"), signed=True),
        frozen=number_or_none(row.get("frozen_balance"), signed=True),
        position_margin=number_or_none(row.get("position_deposit"), signed=True),
    )


def _assets(message: Mapping[str, Any]) -> list[Balance]:
    return [_asset(row) for row in rows(message["data"])]


# --- requests ---


def _login(credentials: Credentials, timestamp_ms: int) -> str:
    # The last word names a device; the reference writes "web".
    frame = {"action": "access", "args": [*credentials.login_args(timestamp_ms), "web"]}
    return json.dumps(frame, separators=(",", ":"))


def _check_topic(topic: Topic) -> str | None:
    stream = FUTURES_PRIVATE.stream(topic.channel)
    if stream is None:
        return f"private futures have no channel {topic.channel!r}"
    if topic.option:
        return "private channels take no option behind an @"
    if stream.filter == "":
        return f"{topic.channel} takes no symbol" if topic.symbol else None
    if not _CURRENCY.fullmatch(topic.symbol):
        return f"it names a currency, like {topic.channel}:USDT"
    return None


def _profile(url: str) -> Profile:
    return Profile(
        market="futures",
        channel_key="group",
        books=(),
        streams=(
            StreamChannel(
                name="futures/order",
                decode=_orders,
                kind="order",
                filter="",
                whole=("futures/order",),
                fields=(_PUSH, _ORDER, _TRADE),
            ),
            StreamChannel(
                name="futures/position",
                decode=_positions,
                kind="position",
                filter="",
                whole=("futures/position",),
                fields=(_POSITION,),
            ),
            StreamChannel(
                name="futures/asset",
                decode=_assets,
                kind="balance",
                key="currency",
                whole=tuple(f"futures/asset:{currency}" for currency in _CURRENCIES),
                fields=(_ASSET,),
            ),
        ),
        default_book="",
        owns_symbol=lambda symbol: False,  # noqa: ARG005
        endpoint="futures_private",
        url=url,
        limits=FUTURES.limits,
        ping=FUTURES.ping,
        ping_answered=FUTURES.ping_answered,
        encode=encode,
        classify=classify,
        check_topic=_check_topic,
        can_request=False,
        login=_login,
        judge=judge,
    )


FUTURES_PRIVATE = _profile("wss://openapi-ws-v2.bitmart.com/user?protocol=1.1")
FUTURES_PRIVATE_DEMO = _profile(f"wss://{DEMO_HOST}/user?protocol=1.1")
