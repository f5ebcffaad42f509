"""Bybit v5, private channels of spot, linear and inverse contracts: orders, executions, positions,
and the wallet, behind a login.

There is one address for all of them. Each market is a profile of its own all the same, with a
connection and a login of its own, and the topics of its category ("order.linear"): so a hole in one
market is none in another. Pushes are `{"topic", "id", "creationTime", "data": [...]}`, and numbers,
ids and times in them are texts.

An order and its executions come on different topics, in any order, so an order has no `fill` here:
executions are values of their own. None of them is numbered, and nothing is told of what there was
when one subscribed.

Sources: Bybit's v5 reference, "Connect" (the address, the login's text and frame, pongs, how long a
quiet connection lives), "Order", "Execution", "Position", "Wallet" (fields, topics by category),
"Enums" (words of states and kinds), "Demo Trading" (the other host). What a refused login says, and
that pushes of a category name it, was seen in public issues and tests of clients (pybit 152 and
300; recordings of 2024-09 and 2025-11). Not documented, and so uncertain: which of an order's two
topics comes first; whether `wallet` names every currency or only those that changed; whether a
login may be good for as long as `GOOD_FOR_MS` (longer ones were seen to be taken).
Nobody has run this file against the live venue.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from bitmart_book.model import Balance, Fill, Order, OrderStatus, Position
from bitmart_book.venues.bybit import LIMITS, MARKETS, REGIONS
from bitmart_book.venues.profile import (
    ErrorKind,
    Errors,
    Framing,
    Operation,
    Profile,
    Reply,
    Server,
    Speech,
    StreamChannel,
    Symbols,
    Topic,
)
from bitmart_book.venues.values import (
    Decoded,
    Fields,
    Row,
    coded,
    each,
    identity,
    identity_or_none,
    is_there_already,
    number,
    number_or_none,
    signed_or_none,
    text,
    time_or_none,
    word,
)

if TYPE_CHECKING:
    from bitmart_book.credentials import Credentials

__all__ = ["BYBIT_INVERSE_PRIVATE", "BYBIT_LINEAR_PRIVATE", "BYBIT_SPOT_PRIVATE", "GOOD_FOR_MS"]

GOOD_FOR_MS = 60_000
"""A login says until when it is good; the reference asks for a time that is not over."""

_ORDER = Fields(
    "bybit/order",
    "category symbol orderId orderLinkId parentOrderLinkId isLeverage blockTradeId price"
    " brokerOrderPrice qty side positionIdx orderStatus createType cancelType rejectReason avgPrice"
    " leavesQty leavesValue cumExecQty cumExecValue cumExecFee cumFeeDetail closedPnl feeCurrency"
    " timeInForce orderType stopOrderType ocoTriggerBy orderIv marketUnit slippageToleranceType"
    " slippageTolerance triggerPrice takeProfit stopLoss tpslMode tpLimitPrice slLimitPrice"
    " tpTriggerBy slTriggerBy triggerDirection triggerBy lastPriceOnCreated reduceOnly"
    " closeOnTrigger placeType smpType smpGroup smpOrderId createdTime updatedTime",
)
_EXECUTION = Fields(
    "bybit/execution",
    "category symbol isLeverage orderId orderLinkId side orderPrice orderQty leavesQty createType"
    " orderType stopOrderType execFee execFeeV2 feeCurrency execId execPrice execQty execPnl"
    " execType execValue execTime isMaker feeRate tradeIv markIv markPrice indexPrice"
    " underlyingPrice blockTradeId closedSize extraFees seq marketUnit",
)
_POSITION = Fields(
    "bybit/position",
    "category symbol side size positionIdx tradeMode positionValue riskId riskLimitValue entryPrice"
    " markPrice leverage positionBalance autoAddMargin positionIM positionIMByMp positionMM"
    " positionMMByMp liqPrice bustPrice tpslMode takeProfit stopLoss trailingStop unrealisedPnl"
    " curRealisedPnl sessionAvgPrice delta gamma vega theta cumRealisedPnl positionStatus"
    " adlRankIndicator isReduceOnly mmrSysUpdatedTime leverageSysUpdatedTime createdTime"
    " updatedTime seq breakEvenPrice",
)
_WALLET = Fields(
    "bybit/wallet",
    "accountType accountLTV accountIMRate accountIMRateByMp accountMMRate accountMMRateByMp"
    " totalEquity totalWalletBalance totalMarginBalance totalAvailableBalance totalPerpUPL"
    " totalInitialMargin totalInitialMarginByMp totalMaintenanceMargin totalMaintenanceMarginByMp"
    " coin",
)
_COIN = Fields(
    "bybit/wallet.coin",
    "coin equity usdValue walletBalance free locked spotHedgingQty borrowAmount spotBorrow"
    " availableToBorrow availableToWithdraw accruedInterest totalOrderIM totalPositionIM"
    " totalPositionMM unrealisedPnl cumRealisedPnl bonus collateralSwitch marginCollateral",
)

_SIDE = {"buy": "buy", "sell": "sell"}
_TYPE = {"limit": "limit", "market": "market"}
# An order of retail price improvement rests where "orderbook" does not show it.
_RPI = "rpi"
_EXECUTIONS = {"gtc": "normal", "postonly": "limit_maker", "ioc": "ioc", "fok": "fok", "rpi": _RPI}
# "Cancelled" is also said of contracts' orders that were filled in part.
_STATUS = {
    "created": OrderStatus.PENDING,
    "untriggered": OrderStatus.PENDING,
    "triggered": OrderStatus.PENDING,
    "new": OrderStatus.NEW,
    "partiallyfilled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELED,
    "partiallyfilledcanceled": OrderStatus.PARTIALLY_CANCELED,
    "rejected": OrderStatus.CANCELED,
    "deactivated": OrderStatus.CANCELED,
}
# Where nothing is to be said.
_NO_REASON = frozenset({"UNKNOWN", "EC_NoError"})
_NOT_TRADED = "funding"
# Each of these changes what is held: others' liquidations and de-leveraging, too.
_TRADED = frozenset(
    {
        "trade",
        "adltrade",
        "busttrade",
        "delivery",
        "settle",
        "blocktrade",
        "moveposition",
        "futurespread",
    }
)
_POSITION_SIDE = {"buy": "long", "sell": "short", "none": None}
_HEDGED = {"1": "long", "2": "short"}
_UNIFIED = "UNIFIED"


# --- pushes ---


def _intent(row: Row, side: str | None, place: str | None) -> str | None:
    """What an order does to a position: of one-way mode, or of the long or short one that it names
    (`positionIdx` 1 and 2)."""
    if place == "0":
        return f"{side}_reduce_only" if row.get("reduceOnly") is True else side
    return {
        ("1", "buy"): "buy_open_long",
        ("1", "sell"): "sell_close_long",
        ("2", "sell"): "sell_open_short",
        ("2", "buy"): "buy_close_short",
    }.get((str(place), str(side)))


def _mode(place: str | None) -> str | None:
    return {"0": "one_way_mode", "1": "hedge_mode", "2": "hedge_mode"}.get(str(place))


def _status(row: Row, filled: Decimal | None) -> str | None:
    status = row.told("orderStatus", partial(coded, names=_STATUS))
    if status == OrderStatus.CANCELED and filled:
        return OrderStatus.PARTIALLY_CANCELED
    return status


def _reason(row: Row) -> str | None:
    """Why it was canceled or refused, in the venue's words."""
    for key in ("rejectReason", "cancelType"):
        found = row.maybe(key, word)
        if found is not None and found not in _NO_REASON:
            return found
    return None


def _in_quote(row: Row, side: str | None, kind: str | None) -> bool:
    """Whether the size of a market order on spot is money: so it is where nothing is said of a
    buy."""
    if kind != "market":
        return False
    unit = row.maybe("marketUnit", word)
    return unit == "quoteCoin" or (side == "buy" and unit is None)


def _order(row: Row, *, market: str, category: str) -> Order | Decoded:
    if not _is_of(row, category):
        return Decoded([], [])
    symbol = row.key = row.need("symbol", text)
    order_id = row.need("orderId", identity)
    side = row.told("side", partial(coded, names=_SIDE))
    kind = row.told("orderType", partial(coded, names=_TYPE))
    execution = row.maybe("timeInForce", partial(coded, names=_EXECUTIONS))
    size, filled = row.told("qty", number_or_none), row.told("cumExecQty", number_or_none)
    in_quote = category == "spot" and _in_quote(row, side, kind)
    place = None if category == "spot" else row.maybe("positionIdx", word)
    return Order(
        market=market,
        symbol=symbol,
        order_id=order_id,
        status=_status(row, filled),
        side=side,
        type=_RPI if execution == _RPI else kind,
        price=row.told("price", number_or_none),
        size=None if in_quote else size,
        filled_size=filled,
        notional=size if in_quote else None,
        # Of an inverse contract it is in the base currency, and of no use for a price.
        filled_notional=None
        if category == "inverse"
        else row.maybe("cumExecValue", number_or_none),
        average_price=row.maybe("avgPrice", number_or_none),
        client_order_id=row.maybe("orderLinkId", word),
        execution=execution,
        intent=None if place is None else _intent(row, side, place),
        action=_reason(row),
        position_mode=_mode(place),
        trigger_price=row.maybe("triggerPrice", number_or_none),
        trigger_price_type=row.maybe("triggerBy", word),
        create_time_ms=row.maybe("createdTime", time_or_none),
        update_time_ms=row.maybe("updatedTime", time_or_none),
    )


def _execution(row: Row, *, market: str, category: str) -> Fill | Decoded:
    if not _is_of(row, category):
        return Decoded([], [])
    symbol = row.key = row.need("symbol", text)
    kind = row.maybe("execType", word)
    # A classic account's spot says no kind: all that is told there are trades.
    known = (kind or "trade").lower()
    if known == _NOT_TRADED:
        return Decoded([], [])
    if known not in _TRADED:
        raise ValueError(f"execType: nobody knows {kind!r}")
    maker = row.get("isMaker")
    return Fill(
        market=market,
        symbol=symbol,
        order_id=row.need("orderId", identity),
        fill_id=row.maybe("execId", identity_or_none),
        side=row.need("side", partial(coded, names=_SIDE)),
        price=row.need("execPrice", number),
        size=row.need("execQty", number),
        liquidity="maker" if maker is True else "taker" if maker is False else None,
        fee=row.maybe("execFee", signed_or_none),
        fee_currency=row.maybe("feeCurrency", word),
        time_ms=row.maybe("execTime", time_or_none),
        client_order_id=row.maybe("orderLinkId", word),
    )


def _position(row: Row, *, market: str, category: str) -> Position | Decoded:
    if not _is_of(row, category):
        return Decoded([], [])
    symbol = row.key = row.need("symbol", text)
    place = row.need("positionIdx", identity)
    size = row.need("size", number)
    side = _HEDGED.get(place) or row.take("side", partial(_position_side, size=size))
    return Position(
        market=market,
        symbol=symbol,
        side=side,
        size=size,
        average_price=row.maybe("entryPrice", number_or_none) if size else None,
        liquidation_price=row.maybe("liqPrice", signed_or_none) if size else None,
        mode=_mode(place),
        create_time_ms=row.maybe("createdTime", time_or_none),
        update_time_ms=row.maybe("updatedTime", time_or_none),
    )


def _position_side(value: object, size: Decimal) -> str | None:
    """A position of nothing has no side: "" or "None"."""
    found = word(value)
    if found is not None and found.lower() in _POSITION_SIDE:
        found = _POSITION_SIDE[found.lower()]
    if found is None and size:
        raise ValueError(f"of {size} held no side is said")
    return found


def _balance(account: str | None, time_ms: int | None, market: str, row: Row) -> Balance:
    currency = row.key = row.need("coin", text)
    total = row.told("walletBalance", signed_or_none)
    by_orders = row.told("totalOrderIM", number_or_none)
    locked = row.told("locked", number_or_none)
    positions = row.told("totalPositionIM", number_or_none)
    free = row.told("free", signed_or_none)
    frozen = None if locked is None and by_orders is None else (locked or 0) + (by_orders or 0)
    if free is None and total is not None:
        free = total - (frozen or 0) - (positions or 0)
    return Balance(
        market=market,
        currency=currency,
        # A loss or a loan may take it below zero.
        available=free,
        frozen=None if frozen is None else Decimal(frozen),
        position_margin=positions,
        account=None if account in (None, _UNIFIED) else account,
        time_ms=time_ms,
    )


def _wallet(message: Mapping[str, Any], *, market: str) -> Decoded:
    time_ms = time_or_none(message.get("creationTime"))

    def coins(row: Row) -> Decoded:
        read = partial(_balance, row.maybe("accountType", word), time_ms, market)
        return each(_COIN, read, row.get("coin"))

    return each(_WALLET, coins, message["data"])


def _is_of(row: Row, category: str) -> bool:
    """Whether a row is of that category: the topic for all of them brings others too."""
    return row.get("category") in (None, category)


# --- requests and replies ---


def _login(credentials: Credentials, timestamp_ms: int) -> str:
    expires = timestamp_ms + GOOD_FOR_MS
    key, sign = credentials.signed(f"GET/realtime{expires}")
    return json.dumps({"op": "auth", "args": [key, expires, sign]}, separators=(",", ":"))


def _encode(operation: Operation, topics: Sequence[str], request: int) -> str:
    args = [topic.partition("/")[2] for topic in topics]
    frame = {"req_id": str(request), "op": operation, "args": args}
    return json.dumps(frame, separators=(",", ":"))


def _classify(frame: Any) -> Reply | None:
    operation = frame.get("op") if isinstance(frame, dict) else None
    if not isinstance(operation, str):
        return None
    words, request = str(frame.get("ret_msg") or ""), frame.get("req_id")
    asked = int(request) if isinstance(request, str) and request.isdecimal() else None
    if operation in ("ping", "pong"):
        return Reply(kind="pong", request=asked)
    if operation == "auth":
        kind = "ack" if frame.get("success") is True else "error"
        return Reply(kind=kind, operation="login", message=words)  # type: ignore[arg-type]
    if frame.get("success") is True or is_there_already(words):
        return Reply(kind="ack", operation=operation, request=asked, message=words)
    return Reply(kind="error", operation=operation, message=words, request=asked)


def _judge(reply: Reply) -> ErrorKind | None:
    # There are no codes. "Params Error" is said of a wrong key, of a wrong signature, and of a
    # login whose time is over; "request expired" was said of the last one years ago.
    words = reply.message.lower()
    if "expired" in words:
        return ErrorKind.CLOCK
    if reply.operation == "login" or "auth" in words or "permission" in words:
        return ErrorKind.LOGIN
    if "topic" in words or "not found" in words:
        return ErrorKind.TOPIC
    return ErrorKind.LIMIT if "too many" in words or "frequent" in words else None


def _checker(market: str) -> Callable[[Topic], str | None]:
    def check(topic: Topic) -> str | None:
        if topic.option:
            return "Bybit's channels take no option behind an @"
        return f"{topic.channel} of {market} takes no symbol" if topic.symbol else None

    return check


def _profile(category: str) -> Profile:
    market = MARKETS[category]

    def stream(
        name: str, kind: str, decode: Callable[..., Decoded], *fields: Fields
    ) -> StreamChannel:
        full = f"{market}/{name}"
        return StreamChannel(
            name=full, decode=decode, kind=kind, filter="", whole=(full,), fields=fields,
            key="currency" if kind == "balance" else "symbol",
        )  # fmt: skip

    def rows(fields: Fields, read: Callable[..., Any]) -> Callable[..., Decoded]:
        one = partial(read, market=market, category=category)
        return lambda message: each(fields, one, message["data"])

    orders = stream(f"order.{category}", "order", rows(_ORDER, _order), _ORDER)
    fills = stream(f"execution.{category}", "fill", rows(_EXECUTION, _execution), _EXECUTION)
    positions = stream(f"position.{category}", "position", rows(_POSITION, _position), _POSITION)
    wallet = stream("wallet", "balance", partial(_wallet, market=market), _WALLET, _COIN)
    held = () if category == "spot" else (positions,)
    streams = (orders, fills, *held, wallet)
    return Profile(
        venue="bybit",
        market=market,
        framing=Framing(
            channel_key="topic",
            channel_prefix=f"{market}/",
            separator=".",
            reply_keys=frozenset({"op", "success", "ret_msg"}),
        ),
        books=(),
        streams=streams,
        default_book="",
        symbols=Symbols(
            owns=lambda symbol: False,  # noqa: ARG005
            check_topic=_checker(market),
        ),
        endpoint=f"{market.replace('-', '_')}_private",
        server=Server(
            url="wss://stream.bybit.com/v5/private",
            # Demo trading has private channels of its own, and the books of the venue.
            hosts=(*REGIONS, ("demo", "stream-demo.bybit.com")),
        ),
        limits=LIMITS,
        speech=Speech(ping='{"op":"ping"}', ping_answered=True, numbered=True, encode=_encode),
        classify=_classify,
        can_request=False,
        login=_login,
        errors=Errors(judge=_judge),
    )


BYBIT_LINEAR_PRIVATE = _profile("linear")
BYBIT_INVERSE_PRIVATE = _profile("inverse")
BYBIT_SPOT_PRIVATE = _profile("spot")
