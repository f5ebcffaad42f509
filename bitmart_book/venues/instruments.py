"""What BitMart's three lists of symbols say about ticks, lots and contract sizes.

Nothing is fetched here: the documents are what `GET /spot/v1/symbols/details`, `GET
/contract/public/details` and the legacy `GET /v2/symbols_details` answered. Sources: BitMart's
REST references, and where their words and payloads differ the clients that compared them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bitmart_book.errors import MessageError
from bitmart_book.model import Instrument
from bitmart_book.venues.values import number_or_none, rows, text, whole_or_none, word

__all__ = ["read_instruments"]

_decode = msgspec.json.Decoder(float_hook=str).decode
_MOST_DECIMALS = 40


def read_instruments(
    document: bytes | str | Mapping[str, Any] | list[Any],
) -> dict[str, Instrument]:
    """Symbol to `Instrument`, of one of the venue's lists: its text, or what JSON made of it.

    Raises MessageError for any other document.
    """
    try:
        message: Any = _decode(document) if isinstance(document, (bytes, str)) else document
        return {instrument.symbol: instrument for instrument in _instruments(message)}
    except (KeyError, TypeError, ValueError, ArithmeticError, msgspec.DecodeError) as error:
        raise MessageError(f"not a list of symbols: {type(error).__name__}: {error}") from None


def _instruments(message: Any) -> list[Instrument]:
    if isinstance(message, dict) and "data" in message:
        message = message["data"]["symbols"]
    found = []
    for row in rows(message):
        if "contract_size" in row:
            found.append(_contract(row))
        else:
            found.append(_pair(row, "spot" if "symbol" in row else "legacy"))
    return found


def _pair(row: Mapping[str, Any], market: str) -> Instrument:
    return Instrument(
        symbol=text(row["symbol" if market == "spot" else "id"]),
        market=market,
        tick=_step(whole_or_none(row.get("price_max_precision"))),
        # In spite of its name this is the step of sizes. The reference says so since 2019-08-01,
        # and no other reading fits pairs with a step of 1 and prices of eight decimals.
        lot=number_or_none(row.get("quote_increment")),
        base=word(row["base_currency"]),
        quote=word(row["quote_currency"]),
        min_size=number_or_none(row.get("base_min_size")),
        max_size=number_or_none(row.get("base_max_size")),
        min_notional=number_or_none(row.get("min_buy_amount")),
        status=word(row.get("trade_status")),
    )


def _step(decimals: int | None) -> Decimal | None:
    # A negative number counts the zeros before the point (as CCAPI reads it).
    if decimals is None:
        return None
    if abs(decimals) > _MOST_DECIMALS:
        raise ValueError(f"a price of {decimals} decimals")
    return Decimal((0, (1,), -decimals))


def _contract(row: Mapping[str, Any]) -> Instrument:
    quote = word(row["quote_currency"])
    return Instrument(
        symbol=text(row["symbol"]),
        market="futures",
        # Here this is a step of prices; on spot the same name is a number of decimals.
        tick=number_or_none(row.get("price_precision")),
        # The reference's table calls it volume_precision.
        lot=number_or_none(row.get("vol_precision", row.get("volume_precision"))),
        base=word(row["base_currency"]),
        quote=quote,
        min_size=number_or_none(row.get("min_volume")),
        max_size=number_or_none(row.get("max_volume")),
        contract_size=number_or_none(row.get("contract_size")),
        # Contracts settled in coins are quoted in dollars and count dollars (a probe, 2026-09).
        inverse=quote == "USD",
        status=word(row.get("status")),
    )
