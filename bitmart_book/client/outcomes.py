"""What an account's words are about, and what taking them in has changed."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from bitmart_book.errors import UsageError
from bitmart_book.model import Balance, Fill, Order, Position

__all__ = ["Correction", "Held", "Key", "Outcome", "compared", "key_of", "market_of"]

Held = Order | Position | Balance
Key = tuple[Any, ...]


class Outcome(NamedTuple):
    """What a value changed.

    "new" and "changed": it is now what is known. "confirmed": it says what was known, after a
    hole. "repeated": it says what was known. "older": it says less than what is known, and was not
    taken. `fill` is an execution that had not been counted before, whatever the rest is.
    """

    kind: Literal["new", "changed", "confirmed", "repeated", "older"]
    fill: Fill | None = None


class Correction(NamedTuple):
    """What `Account.reconcile` changed: an order, position or balance, and as what it was known
    before, None if it was not."""

    before: Order | Position | Balance | None
    after: Order | Position | Balance


def key_of(value: Held) -> Key:
    """What it is, of which market, and which one."""
    if isinstance(value, Order):
        return ("order", value.market, value.order_id)
    if isinstance(value, Position):
        return ("position", value.market, value.symbol, value.side)
    return ("balance", value.market, _keeper(value), value.currency)


def market_of(orders: list[Order], market: str | None) -> str:
    found = {order.market for order in orders} | ({market} if market is not None else set())
    if len(found) == 1:
        return found.pop()
    said = ", ".join(sorted(found)) or "nothing"
    raise UsageError(f"say of which market these are all open orders: market=; it said {said}")


def compared(known: object, value: object, confirmed: bool) -> Outcome:
    if known is None:
        return Outcome("new")
    if known != value:
        return Outcome("changed")
    return Outcome("confirmed" if confirmed else "repeated")


def _keeper(balance: Balance) -> str:
    if balance.account in (None, "BITMART"):
        return balance.market
    return f"{balance.market}/{balance.account}"
