"""BitMart spot, private protocol v1.1: orders and balances of an account, behind a login.

Requests, replies and error codes are those of `spot`. Everything in a push is text, also the times
(milliseconds since 1970); live numbers have up to thirty decimals; where there is nothing to say,
`data` is an empty text instead of a list. Source: BitMart's spot API reference, "WebSocket
Subscription", and where it is silent what clients recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bitmart_book.model import Balance, Fill, Order, OrderStatus
from bitmart_book.venues.profile import Limits, Profile, Rate, StreamChannel, Topic
from bitmart_book.venues.spot import SPOT, classify, encode, judge
from bitmart_book.venues.values import (
    Fields,
    coded,
    identity,
    identity_or_none,
    number_or_none,
    rows,
    text,
    time_or_none,
    word,
)

if TYPE_CHECKING:
    from bitmart_book.credentials import Credentials

__all__ = ["SPOT_PRIVATE"]

_ORDER = Fields(
    "spot/user/order",
    "symbol side type notional size ms_t price filled_notional filled_size margin_trading state"
    " order_id order_type last_fill_time last_fill_price last_fill_count exec_type detail_id"
    " client_order_id create_time update_time order_mode entrust_type order_state dealFee"
    " deal_fee_coin_name",
)
_BALANCE = Fields("spot/user/balance", "event_type event_time balance_details account_type")
_DETAIL = Fields("spot/user/balance.balance_details", "ccy av_bal fz_bal")

_STATUS = {status.value: status for status in OrderStatus}
# The words of the field that `order_state` replaced. Both are sent, and in the reference's sample
# they disagree.
_OLD_STATE = {
    "4": OrderStatus.NEW,
    "5": OrderStatus.PARTIALLY_FILLED,
    "6": OrderStatus.FILLED,
    "8": OrderStatus.CANCELED,
    "12": OrderStatus.PARTIALLY_CANCELED,
}
_SIDE = {"buy": "buy", "sell": "sell"}
_TYPE = {"limit": "limit", "market": "market"}
# The reference's table has these in upper case, its sample in lower case.
_EXECUTION = {"normal": "normal", "limit_maker": "limit_maker", "ioc": "ioc", "fok": "fok"}
_OLD_EXECUTION = {"0": "normal", "1": "limit_maker", "2": "fok", "3": "ioc"}
# The reference's sample shows the number that the older field, `margin_trading`, had.
_MODE = {"0": "spot", "spot": "spot", "iso_margin": "iso_margin"}
_LIQUIDITY = {"m": "maker", "t": "taker"}


# --- pushes ---


def _first(row: Mapping[str, Any], *choices: tuple[str, Mapping[str, str]]) -> str | None:
    """The word of the first of these keys that says something."""
    for key, names in choices:
        found = coded(row.get(key), names)
        if found is not None:
            return found
    return None


def _fill(row: Mapping[str, Any], symbol: str, order_id: str, side: str | None) -> Fill | None:
    size = number_or_none(row.get("last_fill_count"))
    price = number_or_none(row.get("last_fill_price"))
    if not size or price is None:
        return None
    return Fill(
        market="spot",
        symbol=symbol,
        order_id=order_id,
        fill_id=identity_or_none(row.get("detail_id")),
        side=side,
        price=price,
        size=size,
        filled_size=number_or_none(row.get("filled_size")),
        liquidity=coded(row.get("exec_type"), _LIQUIDITY),
        fee=number_or_none(row.get("dealFee"), signed=True),
        fee_currency=word(row.get("deal_fee_coin_name")),
        time_ms=time_or_none(row.get("last_fill_time")),
        client_order_id=word(row.get("client_order_id")),
    )


def _order(row: Mapping[str, Any]) -> Order:
    _ORDER.see(row)
    symbol, order_id = text(row["symbol"]), identity(row["order_id"])
    side = coded(row.get("side"), _SIDE)
    created = time_or_none(row.get("create_time"))
    return Order(
        market="spot",
        symbol=symbol,
        order_id=order_id,
        status=_first(row, ("order_state", _STATUS), ("state", _OLD_STATE)),
        side=side,
        type=coded(row.get("type"), _TYPE),
        price=number_or_none(row.get("price")),
        size=number_or_none(row.get("size")),
        filled_size=number_or_none(row.get("filled_size")),
        notional=number_or_none(row.get("notional")),
        filled_notional=number_or_none(row.get("filled_notional")),
        client_order_id=word(row.get("client_order_id")),
        execution=_first(row, ("entrust_type", _EXECUTION), ("order_type", _OLD_EXECUTION)),
        mode=_first(row, ("order_mode", _MODE), ("margin_trading", _MODE)),
        # `ms_t` is the time of the order's creation too; older pushes had only that.
        create_time_ms=time_or_none(row.get("ms_t")) if created is None else created,
        update_time_ms=time_or_none(row.get("update_time")),
        fill=_fill(row, symbol, order_id, side),
    )


def _orders(message: Mapping[str, Any]) -> list[Order]:
    return [_order(row) for row in rows(message["data"])]


def _balance(event: Mapping[str, Any], detail: Mapping[str, Any]) -> Balance:
    _DETAIL.see(detail)
    return Balance(
        market="spot",
        currency=text(detail["ccy"]),
        available=_amount(detail, "av_bal"),
        frozen=_amount(detail, "fz_bal"),
        # Two blanks follow the word in the reference's sample.
        reason=word(event.get("event_type")),
        account=word(event.get("account_type")),
        time_ms=time_or_none(event.get("event_time")),
    )


def _amount(detail: Mapping[str, Any], key: str) -> Decimal | None:
    # A borrowed balance may be below zero.
    return number_or_none(detail.get(key), signed=True)


def _balances(message: Mapping[str, Any]) -> list[Balance]:
    found = []
    for event in rows(message["data"]):
        _BALANCE.see(event)
        found += [_balance(event, detail) for detail in rows(event.get("balance_details"))]
    return found


# --- requests ---


def _login(credentials: Credentials, timestamp_ms: int) -> str:
    frame = {"op": "login", "args": credentials.login_args(timestamp_ms)}
    return json.dumps(frame, separators=(",", ":"))


def _check_topic(topic: Topic) -> str | None:
    stream = SPOT_PRIVATE.stream(topic.channel)
    if stream is None:
        return f"private spot has no channel {topic.channel!r}"
    if topic.option:
        return "private channels take no option behind an @"
    if stream.filter is not None:
        return None if topic.symbol == stream.filter else f"it is always {stream.whole[0]}"
    if topic.symbol == "ALL_SYMBOLS":
        return "for all symbols it is spot/user/orders:ALL_SYMBOLS"
    return SPOT.check_topic(Topic("spot/ticker", topic.symbol, ""))


SPOT_PRIVATE = Profile(
    market="spot",
    channel_key="table",
    books=(),
    streams=(
        StreamChannel(
            name="spot/user/order",
            decode=_orders,
            kind="order",
            whole=("spot/user/orders:ALL_SYMBOLS",),
            fields=(_ORDER,),
        ),
        StreamChannel(
            name="spot/user/orders",
            decode=_orders,
            kind="order",
            filter="ALL_SYMBOLS",
            whole=("spot/user/orders:ALL_SYMBOLS",),
            fields=(_ORDER,),
        ),
        StreamChannel(
            name="spot/user/balance",
            decode=_balances,
            kind="balance",
            filter="BALANCE_UPDATE",
            whole=("spot/user/balance:BALANCE_UPDATE",),
            fields=(_BALANCE, _DETAIL),
        ),
    ),
    default_book="",
    owns_symbol=lambda symbol: False,  # noqa: ARG005
    endpoint="spot_private",
    url="wss://ws-manager-compress.bitmart.com/user?protocol=1.1",
    limits=Limits(
        # The venue counts private connections apart from public ones, since 2024-06-30.
        connections=10,
        connects=Rate(30, 60.0),
        messages=Rate(100, 10.0),
        topics_per_connection=100,
        topics_per_message=20,
        topic_bytes_per_message=4096,
        message_bytes=4096,
        idle_seconds=20.0,
        lifeless_seconds=300.0,
    ),
    ping="ping",
    ping_answered=True,
    encode=encode,
    classify=classify,
    check_topic=_check_topic,
    can_request=False,
    retry_codes=SPOT.retry_codes,
    login=_login,
    judge=judge,
)
