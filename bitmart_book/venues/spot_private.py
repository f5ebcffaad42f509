"""BitMart spot, private protocol v1.1: orders and balances of an account, behind a login.

Requests, replies and error codes are those of `spot`. Everything in a push is text, also the times
(milliseconds since 1970); live numbers have up to thirty decimals; where there is nothing to say,
`data` is an empty text instead of a list. Source: BitMart's spot API reference, "WebSocket
Subscription", and where it is silent what clients recorded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from bitmart_book.model import Balance, Fill, Order, OrderStatus
from bitmart_book.venues.profile import (
    Framing,
    Limits,
    Profile,
    Rate,
    Server,
    StreamChannel,
    Symbols,
    Topic,
)
from bitmart_book.venues.spot import SPOT, classify
from bitmart_book.venues.values import (
    Decoded,
    Fields,
    Row,
    coded,
    each,
    identity,
    identity_or_none,
    number_or_none,
    signed_or_none,
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


def _first(
    read: Callable[[str, Callable[[object], str | None]], str | None],
    *choices: tuple[str, Mapping[str, str]],
) -> str | None:
    """The word of the first of these keys that says something. `read` is `told` or `maybe`."""
    for key, names in choices:
        found = read(key, partial(coded, names=names))
        if found is not None:
            return found
    return None


def _fill(row: Row, symbol: str, order_id: str, side: str | None) -> Fill | None:
    size = row.told("last_fill_count", number_or_none)
    price = row.told("last_fill_price", number_or_none)
    if not size and (size is not None or not price):
        # Nothing was filled yet.
        return None
    if not size or not price:
        row.unread.append("an execution without its size or its price")
        return None
    return Fill(
        market="spot",
        symbol=symbol,
        order_id=order_id,
        fill_id=row.maybe("detail_id", identity_or_none),
        side=side,
        price=price,
        size=size,
        filled_size=row.maybe("filled_size", number_or_none),
        liquidity=row.maybe("exec_type", partial(coded, names=_LIQUIDITY)),
        fee=row.maybe("dealFee", signed_or_none),
        fee_currency=row.maybe("deal_fee_coin_name", word),
        time_ms=row.maybe("last_fill_time", time_or_none),
        client_order_id=row.maybe("client_order_id", word),
    )


def _order(row: Row) -> Order:
    symbol = row.key = row.need("symbol", text)
    order_id = row.need("order_id", identity)
    side = row.told("side", partial(coded, names=_SIDE))
    created = row.maybe("create_time", time_or_none)
    return Order(
        market="spot",
        symbol=symbol,
        order_id=order_id,
        status=_first(row.told, ("order_state", _STATUS), ("state", _OLD_STATE)),
        side=side,
        type=row.told("type", partial(coded, names=_TYPE)),
        price=row.told("price", number_or_none),
        size=row.told("size", number_or_none),
        filled_size=row.told("filled_size", number_or_none),
        notional=row.maybe("notional", number_or_none),
        filled_notional=row.maybe("filled_notional", number_or_none),
        client_order_id=row.maybe("client_order_id", word),
        execution=_first(row.maybe, ("entrust_type", _EXECUTION), ("order_type", _OLD_EXECUTION)),
        mode=_first(row.maybe, ("order_mode", _MODE), ("margin_trading", _MODE)),
        # `ms_t` is the time of the order's creation too; older pushes had only that.
        create_time_ms=row.maybe("ms_t", time_or_none) if created is None else created,
        update_time_ms=row.maybe("update_time", time_or_none),
        fill=_fill(row, symbol, order_id, side),
    )


def _orders(message: Mapping[str, Any]) -> Decoded:
    return each(_ORDER, _order, message["data"])


def _balance(event: Row, detail: Row) -> Balance:
    currency = detail.key = detail.need("ccy", text)
    return Balance(
        market="spot",
        currency=currency,
        # A borrowed balance may be below zero.
        available=detail.told("av_bal", signed_or_none),
        frozen=detail.told("fz_bal", signed_or_none),
        # Two blanks follow the word in the reference's sample.
        reason=event.maybe("event_type", word),
        account=event.take("account_type", word),
        time_ms=event.maybe("event_time", time_or_none),
    )


def _balances(message: Mapping[str, Any]) -> Decoded:
    def details(event: Row) -> Decoded:
        return each(_DETAIL, partial(_balance, event), event.get("balance_details"))

    return each(_BALANCE, details, message["data"])


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
    return SPOT.symbols.check_topic(Topic("spot/ticker", topic.symbol, ""))


SPOT_PRIVATE = Profile(
    market="spot",
    framing=Framing(channel_key="table"),
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
    symbols=Symbols(
        owns=lambda symbol: False,  # noqa: ARG005
        check_topic=_check_topic,
    ),
    endpoint="spot_private",
    server=Server(url="wss://ws-manager-compress.bitmart.com/user?protocol=1.1"),
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
    speech=SPOT.speech,
    classify=classify,
    can_request=False,
    errors=SPOT.errors,
    login=_login,
    login_has_memo=True,
)
