"""The words of BitMart's private feeds, spot and futures, as the server speaks them.

Every frame is a literal of the documented or recorded shape with its values put in. Nothing here
is shared with the client's decoders, so that the two cannot agree on the same mistake.

Sources: the private channels of BitMart's spot and futures v2 API references (2025); frames
recorded in ccxt (2022, 2023) and in clients' tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from bitmart_book.sim.venue.wire import padded

__all__ = [
    "FuturesLast",
    "empty_orders",
    "futures_asset",
    "futures_order",
    "futures_position",
    "long",
    "spot_balance",
    "spot_login",
    "spot_order",
]


def long(amount: Fraction, decimals: int) -> str:
    """All decimals, as private frames write them: `"0.500000000000000000000000000000"`."""
    return padded(round(amount * 10**decimals), decimals)


# Spot


def spot_login(form: str) -> str:
    """`form` says which error keys a login that succeeded carries: "plain", "null" or "empty"."""
    extra = {
        "plain": "",
        "null": ',"errorCode":null,"errorMessage":null',
        "empty": ',"errorCode":"","errorMessage":""',
    }[form]
    return f'{{"event":"login"{extra}}}'


_SPOT_KEYS = (
    "symbol", "side", "type", "notional", "size", "ms_t", "price", "filled_notional",
    "filled_size", "margin_trading", "state", "order_id", "order_type", "last_fill_time",
    "last_fill_price", "last_fill_count", "exec_type", "detail_id", "client_order_id",
    "create_time", "update_time", "order_mode", "entrust_type", "order_state", "dealFee",
    "deal_fee_coin_name",
)  # fmt: skip
_OLD_SPOT_KEYS = (
    "symbol", "notional", "side", "last_fill_time", "ms_t", "type", "filled_notional",
    "last_fill_price", "size", "price", "last_fill_count", "filled_size", "margin_trading",
    "state", "order_id", "order_type",
)  # fmt: skip


def spot_order(table: str, values: dict[str, str], fields: str) -> str:
    """`values` are texts by their names, every number and time too; `fields` is "new" or "old"."""
    keys = _SPOT_KEYS if fields == "new" else _OLD_SPOT_KEYS
    # A client may have chosen any id.
    body = ",".join(f'"{key}":{json.dumps(values[key])}' for key in keys)
    return f'{{"data":[{{{body}}}],"table":"{table}"}}'


def empty_orders(table: str) -> str:
    """What the server pushes where it has nothing to say."""
    return f'{{"data":"","table":"{table}"}}'


def spot_balance(
    event: str, time_ms: int, rows: Iterable[tuple[str, str, str]], *, with_account: bool
) -> str:
    """Rows of (currency, available, frozen)."""
    account = ',"account_type":"spot"' if with_account else ""
    details = ",".join(
        f'{{"ccy":"{currency}","av_bal":"{available}","fz_bal":"{frozen}"}}'
        for currency, available, frozen in rows
    )
    return (
        f'{{"data":[{{"event_type":"{event}"{account},"event_time":"{time_ms}",'
        f'"balance_details":[{details}]}}],"table":"spot/user/balance"}}'
    )


# Futures


def futures_asset(currency: str, available: str, deposit: str, frozen: str) -> str:
    """The balance of one currency."""
    return (
        f'{{"group":"futures/asset:{currency}","data":{{"currency":"{currency}",'
        f'"available_balance":"{available}","position_deposit":"{deposit}",'
        f'"frozen_balance":"{frozen}"}}}}'
    )


def futures_position(rows: Iterable[dict[str, str | int]], fields: str) -> str:
    """`rows` are the values of each position by their names, in the documented order."""
    return f'{{"group":"futures/position","data":[{_objects(rows, fields)}]}}'


class FuturesLast(NamedTuple):
    """The last trade of a futures order."""

    id: int
    size: str
    price: str
    fee: str
    currency: str


def futures_order(
    action: int, values: dict[str, str | int], last: FuturesLast | None, fields: str
) -> str:
    """`action` says what happened: 1 match, 2 submit, 3 cancel. `values` are those of the order by
    their names, in the documented order, as far as `plan_order_id`."""
    trade = "null"
    if last is not None:
        trade = (
            f'{{"lastTradeID":{last.id},"fillQty":"{last.size}","fillPrice":"{last.price}",'
            f'"fee":"{last.fee}","feeCcy":"{last.currency}"}}'
        )
    triggers = "" if fields == "old" else _TRIGGERS
    body = _object(values)
    return (
        f'{{"group":"futures/order","data":[{{"action":{action},"order":{{{body},'
        f'"last_trade":{trade}{triggers}}}}}]}}'
    )


_TRIGGERS = (
    ',"trigger_price":"-","trigger_price_type":"-","execution_price":"-",'
    '"activation_price_type":"-","activation_price":"-","callback_rate":"-",'
    '"position_mode":"hedge_mode"'
)


def _objects(rows: Iterable[dict[str, str | int]], fields: str) -> str:
    mode = "" if fields == "old" else ',"position_mode":"hedge_mode"'
    return ",".join(f"{{{_object(row)}{mode}}}" for row in rows)


def _object(values: dict[str, str | int]) -> str:
    return ",".join(f'"{key}":{json.dumps(value)}' for key, value in values.items())
