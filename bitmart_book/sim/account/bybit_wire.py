"""The words of Bybit's private websocket v5: orders, executions, positions, the wallet.

Every frame has the documented keys. Nothing here is shared with the client's decoders, so that the
two cannot agree on the same mistake.

Sources: bybit-exchange.github.io, "V5", WebSocket Stream, Private: Order, Execution, Position,
Wallet; Connect. Two recordings of others' clients (2024-09, 2025-11) show that a push of a category
is named by it ("order.linear").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["answer", "execution", "order", "pong", "position", "pushed", "wallet"]

Texts = Mapping[str, Any]


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def answer(operation: str, connection: str, request: Any, problem: str | None) -> str:
    """What is said to a request: "" and true where nothing is wrong with it."""
    numbered = {"req_id": request} if isinstance(request, str) else {}
    said = {"success": problem is None, "ret_msg": problem or "", "op": operation}
    return _text({**numbered, **said, "conn_id": connection})


def pong(connection: str, request: Any, ms: int) -> str:
    """As the contracts' public addresses say it."""
    numbered = {"req_id": request} if isinstance(request, str) else {}
    return _text({**numbered, "op": "pong", "args": [str(ms)], "conn_id": connection})


def pushed(topic: str, id_: str, ms: int, rows: Iterable[Texts]) -> str:
    """A push of some rows."""
    return _text({"id": id_, "topic": topic, "creationTime": ms, "data": list(rows)})


def order(values: Texts, *, contract: bool) -> dict[str, Any]:
    """An order. `values` are what there is to say of it; of the rest it is said that there is
    nothing."""
    nothing: dict[str, Any] = {
        "category": "", "symbol": "", "orderId": "", "orderLinkId": "", "blockTradeId": "",
        "side": "", "positionIdx": 0, "orderStatus": "", "cancelType": "UNKNOWN",
        "rejectReason": "EC_NoError", "timeInForce": "GTC", "isLeverage": "", "price": "0",
        "qty": "0", "avgPrice": "", "leavesQty": "0", "leavesValue": "0", "cumExecQty": "0",
        "cumExecValue": "0", "cumExecFee": "0", "orderType": "Limit", "stopOrderType": "",
        "orderIv": "", "triggerPrice": "", "takeProfit": "", "stopLoss": "", "triggerBy": "",
        "tpTriggerBy": "", "slTriggerBy": "", "triggerDirection": 0, "placeType": "",
        "lastPriceOnCreated": "", "closeOnTrigger": False, "reduceOnly": False, "smpGroup": 0,
        "smpType": "None", "smpOrderId": "", "slLimitPrice": "0", "tpLimitPrice": "0",
        "tpslMode": "", "marketUnit": "", "createdTime": "0", "updatedTime": "0",
        "feeCurrency": "", "closedPnl": "0", "slippageToleranceType": "UNKNOWN",
        "slippageTolerance": "",
    }  # fmt: skip
    # Spot does not have this key.
    created = {"createType": "CreateByUser"} if contract else {}
    return {**nothing, **created, **values}


def execution(values: Texts, *, contract: bool) -> dict[str, Any]:
    """One execution."""
    nothing: dict[str, Any] = {
        "category": "", "symbol": "", "closedSize": "", "execFee": "0", "execId": "",
        "execPrice": "0", "execQty": "0", "execType": "Trade", "execValue": "0", "feeRate": "0",
        "tradeIv": "", "markIv": "", "blockTradeId": "", "markPrice": "", "indexPrice": "",
        "underlyingPrice": "", "leavesQty": "0", "orderId": "", "orderLinkId": "",
        "orderPrice": "0", "orderQty": "0", "orderType": "Limit", "stopOrderType": "UNKNOWN",
        "side": "", "execTime": "0", "isLeverage": "0", "isMaker": False, "seq": 0,
        "marketUnit": "", "execPnl": "0", "feeCurrency": "", "extraFees": "",
    }  # fmt: skip
    created = {"createType": "CreateByUser"} if contract else {}
    return {**nothing, **created, **values}


def position(values: Texts) -> dict[str, Any]:
    """One position; one of nothing has no side."""
    nothing: dict[str, Any] = {
        "positionIdx": 0, "tradeMode": 0, "riskId": 1, "riskLimitValue": "2000000", "symbol": "",
        "side": "", "size": "0", "entryPrice": "0", "leverage": "10", "positionValue": "0",
        "positionBalance": "0", "markPrice": "0", "positionIM": "0", "positionIMByMp": "0",
        "positionMM": "0", "positionMMByMp": "0", "takeProfit": "0", "stopLoss": "0",
        "trailingStop": "0", "unrealisedPnl": "0", "curRealisedPnl": "0", "cumRealisedPnl": "0",
        "sessionAvgPrice": "0", "createdTime": "0", "updatedTime": "0", "tpslMode": "Full",
        "liqPrice": "", "bustPrice": "", "category": "linear", "positionStatus": "Normal",
        "adlRankIndicator": 0, "autoAddMargin": 0, "leverageSysUpdatedTime": "",
        "mmrSysUpdatedTime": "", "seq": -1, "isReduceOnly": False,
    }  # fmt: skip
    return {**nothing, **values}


def wallet(coins: Iterable[Texts]) -> dict[str, Any]:
    """The unified wallet, as far as these currencies go. What is said in dollars of all of it
    nobody reckons here."""
    rows = [
        {
            "coin": "", "equity": "0", "usdValue": "0", "walletBalance": "0",
            "availableToWithdraw": "", "availableToBorrow": "", "borrowAmount": "0",
            "accruedInterest": "0", "totalOrderIM": "0", "totalPositionIM": "0",
            "totalPositionMM": "0", "unrealisedPnl": "0", "cumRealisedPnl": "0", "bonus": "0",
            "collateralSwitch": True, "marginCollateral": True, "locked": "0",
            "spotHedgingQty": "0", **coin,
        }
        for coin in coins
    ]  # fmt: skip
    return {
        "accountIMRate": "0", "accountIMRateByMp": "0", "accountMMRate": "0",
        "accountMMRateByMp": "0", "totalEquity": "0", "totalWalletBalance": "0",
        "totalMarginBalance": "0", "totalAvailableBalance": "0", "totalPerpUPL": "0",
        "totalInitialMargin": "0", "totalInitialMarginByMp": "0", "totalMaintenanceMargin": "0",
        "totalMaintenanceMarginByMp": "0", "coin": rows, "accountLTV": "0",
        "accountType": "UNIFIED",
    }  # fmt: skip
