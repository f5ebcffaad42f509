"""Channels of trades and tickers, and rows of instruments, by the names of their fields.

What is alike at most venues, so that the file of one says only which key is which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bitmart_book.model import Instrument, Ticker, Trade
from bitmart_book.venues.channels import StreamChannel
from bitmart_book.venues.values import (
    UNREADABLE,
    Decoded,
    Fields,
    Row,
    Unread,
    each,
    number,
    number_or_none,
    oldest_first,
    signed_or_none,
    taker_side,
    text,
    whole_or_none,
    word,
)

__all__ = ["instrument", "instrument_channel", "ticker_channel", "trade_channel", "whole_pushes"]

Clock = Callable[[object], int | None]


def _symbol(row: Row, key: str) -> str:
    row.key = row.need(key, text)
    return row.key


def _side(value: object) -> Any:
    return taker_side(value.lower() if isinstance(value, str) else value)


def _id(value: object) -> int | None:
    # Some venues have ids that are no numbers.
    return whole_or_none(value)


def trade_channel(
    name: str,
    keys: str,
    *,
    symbol: str,
    price: str,
    size: str,
    time: str,
    trade_id: str,
    side: str = "side",
    clock: Clock = whole_or_none,
    data: str = "data",
) -> StreamChannel:
    """A channel of public trades. `keys` are all documented ones of a row, the others name some of
    them; `clock` makes milliseconds of the time."""
    fields = Fields(name, keys)

    def read(row: Row) -> Trade:
        return Trade(
            symbol=_symbol(row, symbol),
            side=row.need(side, _side),
            price=row.need(price, number),
            size=row.need(size, number),
            time_ms=row.maybe(time, clock),
            trade_id=row.maybe(trade_id, _id),
        )

    def decode(message: Mapping[str, Any]) -> Decoded:
        return oldest_first(each(fields, read, message[data]))

    return StreamChannel(name=name, decode=decode, kind="trade", trades=True, fields=(fields,))


def ticker_channel(
    name: str,
    keys: str,
    *,
    symbol: str,
    last: str,
    time: str,
    clock: Clock = whole_or_none,
    outer_time: bool = False,
    percent: str = "",
    fraction: str = "",
    also: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda row: {},  # noqa: ARG005
    make: Callable[..., Ticker] = Ticker,
    data: str = "data",
    complete: Callable[[dict[str, Any], Mapping[str, Any]], Mapping[str, Any] | None] | None = None,
    **words: str,
) -> StreamChannel:
    """A channel of tickers. `words` say which key is which attribute of a `Ticker`, `also` those
    that depend on the row; `percent` or `fraction` is the key of the change in 24 hours."""
    fields = Fields(name, keys)

    def decode(message: Mapping[str, Any]) -> Decoded:
        outer = message.get(time)

        def read(row: Row) -> Ticker:
            named = {**words, **also(row.whole)}
            values = {name: row.maybe(key, number_or_none) for name, key in named.items()}
            change = row.maybe(percent or fraction, signed_or_none)
            if change is not None:
                values["fluctuation"] = change / 100 if percent else change
            return make(
                symbol=_symbol(row, symbol),
                last=row.need(last, number),
                time_ms=whole_or_none(outer) if outer_time else row.maybe(time, clock),
                **values,
            )

        return each(fields, read, message[data])

    return StreamChannel(
        name=name, decode=decode, kind="ticker", fields=(fields,), complete=complete
    )


def whole_pushes(
    topic: str = "topic", kind: str = "type", change: str = "delta", data: str = "data"
) -> Callable[[dict[str, Any], Mapping[str, Any]], Mapping[str, Any] | None]:
    """For `StreamChannel.complete`: a push says all of its topic once, and then what changes."""

    def complete(memory: dict[str, Any], message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        name, said = message[topic], message[data]
        if message.get(kind) == change:
            if name not in memory:
                return None
            said = {**memory[name], **said}
        memory[name] = said
        return {**message, data: said}

    return complete


def instrument(
    row: Mapping[str, Any], market: str, *, symbol: str = "symbol", **keys: str
) -> Instrument:
    """What a row says of its symbol; `keys` say which key is which attribute of an `Instrument`."""
    names = {"base", "quote", "status"}
    found: dict[str, Any] = {
        name: (word if name in names else number_or_none)(row.get(key))
        for name, key in keys.items()
    }
    return Instrument(symbol=text(row[symbol]), market=market, **found)


def instrument_channel(
    name: str, *, rows: Callable[[Any], Any], read: Callable[[Any], Instrument]
) -> StreamChannel:
    """A channel without a symbol that brings the venue's list of instruments."""
    fields = Fields(name, "")

    def decode(message: Mapping[str, Any]) -> Decoded:
        found: list[Instrument] = []
        unread: list[Unread] = []
        for row in rows(message):
            try:
                found.append(read(row))
            except UNREADABLE as error:
                unread.append(Unread(f"{name}: {type(error).__name__}: {error}"))
        return Decoded(found, unread)

    return StreamChannel(name=name, decode=decode, kind="instrument", filter="", fields=(fields,))
