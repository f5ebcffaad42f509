"""What a venue's lists of symbols say about ticks, lots and contract sizes; BitMart's three.

Nothing is fetched here: BitMart's documents are what `GET /spot/v1/symbols/details`, `GET
/contract/public/details` and the legacy `GET /v2/symbols_details` answered. Sources: BitMart's
REST references, and where their words and payloads differ the clients that compared them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from bitmart_book.errors import MessageError
from bitmart_book.model import Instrument
from bitmart_book.venues.values import (
    UNREADABLE,
    number_or_none,
    rows,
    text,
    whole_or_none,
    word,
)

__all__ = ["BITMART_LISTS", "InstrumentList", "Instruments"]

_decode = msgspec.json.Decoder(float_hook=str).decode
_MOST_DECIMALS = 40


class Instruments(dict[str, Instrument]):
    """Symbol to `Instrument`. `refused` says of which symbols the row could not be read, and why;
    a row that names none is called by its number, counted from 1: "row 3"."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: dict[str, str] = {}


class InstrumentList(NamedTuple):
    """How the lists of symbols of one venue are read."""

    rows: Callable[[Any], Any]
    """The rows of a decoded document. May raise any of `UNREADABLE`."""
    read: Callable[[Any], Instrument]
    """What one row says. May raise any of `UNREADABLE`."""
    symbol: tuple[str, ...] = ("symbol",)
    """The keys of a row that may hold its symbol, the best one first."""

    def instruments(self, document: bytes | str | Mapping[str, Any] | list[Any]) -> Instruments:
        """All that a document says; MessageError where no row of it can be read."""
        try:
            message: Any = _decode(document) if isinstance(document, (bytes, str)) else document
            listed = rows(self.rows(message))
        except (*UNREADABLE, msgspec.DecodeError) as error:
            raise MessageError(f"not a list of symbols: {type(error).__name__}: {error}") from None
        found = Instruments()
        for number, row in enumerate(listed, 1):
            try:
                instrument = self.read(row)
                found[instrument.symbol] = instrument
            except UNREADABLE as error:
                found.refused[self._named(row, number)] = f"{type(error).__name__}: {error}"
        if found.refused and not found:
            symbol, why = next(iter(found.refused.items()))
            raise MessageError(f"not a list of symbols: {symbol}: {why}")
        return found

    def _named(self, row: Any, number: int) -> str:
        """The symbol of a row that cannot be read, as far as it says one."""
        named = [row.get(key) for key in self.symbol if key in row] if isinstance(row, dict) else []
        symbol = named[0] if named else None
        return symbol if type(symbol) is str and symbol else f"row {number}"


def _rows(message: Any) -> Any:
    if isinstance(message, dict) and "data" in message:
        return message["data"]["symbols"]
    return message


def _instrument(row: Any) -> Instrument:
    if not isinstance(row, dict):
        raise TypeError(f"expected an object, was {str(row)[:80]!r}")
    if "contract_size" in row:
        return _contract(row)
    return _pair(row, "spot" if "symbol" in row else "legacy")


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


BITMART_LISTS = InstrumentList(_rows, _instrument, ("symbol", "id"))
"""Of `GET /spot/v1/symbols/details`, `GET /contract/public/details` and the legacy list."""
