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
from functools import partial
from typing import TYPE_CHECKING, Any

from bitmart_book.model import Balance, Fill, Order, OrderStatus, Position
from bitmart_book.venues.futures import DEMO_HOST, FUTURES, classify
from bitmart_book.venues.profile import (
    Framing,
    Profile,
    Server,
    StreamChannel,
    Symbols,
    Topic,
)
from bitmart_book.venues.values import (
    UNREADABLE,
    Decoded,
    Fields,
    Row,
    coded,
    each,
    identity,
    identity_or_none,
    number,
    number_or_none,
    signed_or_none,
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
    if state == _FINISH:
        if filled is None:
            return OrderStatus.FINISHED
        return OrderStatus.PARTIALLY_CANCELED if filled else OrderStatus.CANCELED
    return state


def _fill(symbol: str, order_id: str, side: str | None, order: Row) -> Fill | None:
    # The venue writes null where there was none; it might as well write an empty object.
    if not order.get("last_trade"):
        return None
    trade = Row(_TRADE, order.get("last_trade"))
    size = trade.need("fillQty", number)
    if not size:
        return None
    return Fill(
        market="futures",
        symbol=symbol,
        order_id=order_id,
        fill_id=trade.maybe("lastTradeID", identity_or_none),
        side=side,
        price=trade.need("fillPrice", number),
        size=size,
        filled_size=order.maybe("deal_size", number_or_none),
        fee=trade.maybe("fee", signed_or_none),
        fee_currency=trade.maybe("feeCcy", word),
        client_order_id=order.maybe("client_order_id", word),
    )


def _order(push: Row) -> Order:
    row = Row(_ORDER, push.get("order"))
    symbol = push.key = row.need("symbol", text)
    order_id = row.need("order_id", identity)
    size, filled = row.told("size", number_or_none), row.told("deal_size", number_or_none)
    side = row.told("side", partial(coded, names=_SIDE))
    mode = row.maybe("position_mode", word)
    try:
        fill = _fill(symbol, order_id, side, row)
    except UNREADABLE as error:
        # The order is as it says all the same.
        fill = None
        row.unread.append(f"last_trade: {error}")
    intents = _ONE_WAY_INTENT if mode == "one_way_mode" else _INTENT
    order = Order(
        market="futures",
        symbol=symbol,
        order_id=order_id,
        status=_status(row.told("state", word), size, filled),
        side=side,
        type=row.told("type", word),
        price=row.told("price", number_or_none),
        size=size,
        filled_size=filled,
        average_price=row.maybe("deal_avg_price", number_or_none),
        client_order_id=row.maybe("client_order_id", word),
        intent=row.maybe("side", partial(coded, names=intents)),
        action=push.maybe("action", partial(coded, names=_ACTION)),
        leverage=row.maybe("leverage", number_or_none),
        margin=row.maybe("open_type", partial(coded, names=_MARGIN)),
        position_mode=mode,
        plan_order_id=row.maybe("plan_order_id", identity_or_none),
        trigger_price=row.maybe("trigger_price", number_or_none),
        trigger_price_type=row.maybe("trigger_price_type", word),
        execution_price=row.maybe("execution_price", number_or_none),
        activation_price=row.maybe("activation_price", number_or_none),
        activation_price_type=row.maybe("activation_price_type", word),
        callback_rate=row.maybe("callback_rate", signed_or_none),
        create_time_ms=row.maybe("create_time", time_or_none),
        update_time_ms=row.maybe("update_time", time_or_none),
        fill=fill,
    )
    push.unread += row.unread
    return order


def _orders(message: Mapping[str, Any]) -> Decoded:
    return each(_PUSH, _order, message["data"])


def _position(row: Row) -> Position:
    symbol = row.key = row.need("symbol", text)
    return Position(
        symbol=symbol,
        side=row.take("position_type", partial(coded, names=_POSITION_SIDE)),
        size=row.need("hold_volume", number),
        frozen=row.maybe("frozen_volume", number_or_none),
        closed=row.maybe("close_volume", number_or_none),
        average_price=row.maybe("hold_avg_price", number_or_none),
        open_price=row.maybe("open_avg_price", number_or_none),
        close_price=row.maybe("close_avg_price", number_or_none),
        # For a position that cannot be liquidated, the venue may write a price below zero.
        liquidation_price=row.maybe("liquidate_price", signed_or_none),
        margin=row.maybe("open_type", partial(coded, names=_MARGIN)),
        mode=row.take("position_mode", word),
        create_time_ms=row.maybe("create_time", time_or_none),
        update_time_ms=row.maybe("update_time", time_or_none),
    )


def _positions(message: Mapping[str, Any]) -> Decoded:
    return each(_POSITION, _position, message["data"])


def _asset(row: Row) -> Balance:
    currency = row.key = row.need("currency", text)
    return Balance(
        market="futures",
        currency=currency,
        # A loss of crossed positions may take the balance below zero.
        available=row.told("available_balance", signed_or_none),
        frozen=row.told("frozen_balance", signed_or_none),
        position_margin=row.told("position_deposit", signed_or_none),
    )


def _assets(message: Mapping[str, Any]) -> Decoded:
    return each(_ASSET, _asset, message["data"])


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


_SYMBOLS = Symbols(owns=lambda symbol: False, check_topic=_check_topic)  # noqa: ARG005


def _profile(url: str) -> Profile:
    return Profile(
        market="futures",
        framing=Framing(channel_key="group"),
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
        symbols=_SYMBOLS,
        endpoint="futures_private",
        server=Server(url=url),
        limits=FUTURES.limits,
        speech=FUTURES.speech,
        classify=classify,
        can_request=False,
        login=_login,
        login_has_memo=True,
        errors=FUTURES.errors,
    )


FUTURES_PRIVATE = _profile("wss://openapi-ws-v2.bitmart.com/user?protocol=1.1")
FUTURES_PRIVATE_DEMO = _profile(f"wss://{DEMO_HOST}/user?protocol=1.1")
