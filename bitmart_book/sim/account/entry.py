"""The box's order entry: what a user's REST client would be, with and without await.

What the exchange would refuse is an `OrderRefused`. BitMart changes no order in its place: an
amended one is taken back, and another one is placed with the same id of the client's.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bitmart_book.errors import OrderRefused, UsageError
from bitmart_book.exact import Number, exact_number
from bitmart_book.model import Order, OrderStatus

if TYPE_CHECKING:
    from bitmart_book.sim.exchange import Exchange

__all__ = ["BlockingSimulatedEntry", "SimulatedEntry"]

_KINDS = {None: "limit", "gtc": "limit", "post_only": "limit_maker", "ioc": "ioc"}
_EXECUTIONS = {"limit": "normal", "limit_maker": "limit_maker", "ioc": "ioc", "market": "normal"}
_OPEN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
Ask = Callable[[Callable[["Exchange"], Order]], Order]


class BlockingSimulatedEntry:
    """Orders of the box's own account; `Simulator.entry.blocking`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def place(
        self,
        symbol: str,
        side: str,
        size: Number,
        price: Number | None = None,
        *,
        market: str | None = None,
        client_order_id: str | None = None,
        time_in_force: str | None = None,
    ) -> Order:
        """Place an order; returns it as it is then. market: "spot" for symbols with an underscore,
        else "futures", where none is said."""
        if time_in_force not in _KINDS:
            there = ", ".join(str(one) for one in _KINDS if one is not None)
            raise OrderRefused(f"no {time_in_force!r} here; there is: {there}", sent=True)
        kind, where = _KINDS[time_in_force], market or ("spot" if "_" in symbol else "futures")

        def place(exchange: Exchange) -> Order:
            name = client_order_id or ""
            order_id = exchange.trader.place(
                where, symbol, side, price, size, kind=kind, client_order_id=name
            )
            order = value_of(exchange, order_id)
            if kind == "limit_maker" and order.status == OrderStatus.CANCELED:
                raise OrderRefused("it would have traded at once, and was to rest", sent=True)
            return order

        return self._asked(place)

    def cancel(self, order_id: str) -> Order:
        """Take an order back."""

        def cancel(exchange: Exchange) -> Order:
            exchange.trader.cancel(order_id)
            return value_of(exchange, order_id)

        return self._asked(cancel)

    def amend(
        self, order_id: str, *, price: Number | None = None, size: Number | None = None
    ) -> Order:
        """Replace an open order by another one, whose size is what the new one leaves."""

        def amend(exchange: Exchange) -> Order:
            old = value_of(exchange, order_id)
            if old.status not in _OPEN:
                raise OrderRefused(f"order {order_id} is not open but {old.status}", sent=True)
            whole = old.exact.size if size is None else exact_number(size, "size")
            filled = old.exact.filled_size or Decimal(0)
            assert whole is not None
            if whole <= filled:
                raise OrderRefused(f"{filled} of it is filled already", sent=True)
            exchange.trader.cancel(order_id)
            new_id = exchange.trader.place(
                old.market, old.symbol, str(old.side),
                old.exact.price if price is None else price, whole - filled,
                kind="limit_maker" if old.execution == "limit_maker" else "limit",
                client_order_id=old.client_order_id or "",
            )  # fmt: skip
            return value_of(exchange, new_id)

        return self._asked(amend)

    def _asked(self, question: Callable[[Exchange], Order]) -> Order:
        try:
            return self._ask(question)
        except UsageError as error:
            raise OrderRefused(str(error), sent=True) from None


class SimulatedEntry:
    """The same with await, which is what a REST client has: `Simulator.entry`."""

    def __init__(self, ask: Ask) -> None:
        self.blocking = BlockingSimulatedEntry(ask)
        """The same without await."""

    async def place(
        self,
        symbol: str,
        side: str,
        size: Number,
        price: Number | None = None,
        *,
        market: str | None = None,
        client_order_id: str | None = None,
        time_in_force: str | None = None,
    ) -> Order:
        """Place an order; returns it as it is then."""
        return self.blocking.place(
            symbol, side, size, price, market=market, client_order_id=client_order_id,
            time_in_force=time_in_force,
        )  # fmt: skip

    async def cancel(self, order_id: str) -> Order:
        """Take an order back."""
        return self.blocking.cancel(order_id)

    async def amend(
        self, order_id: str, *, price: Number | None = None, size: Number | None = None
    ) -> Order:
        """Replace an open order by another one, whose size is what the new one leaves."""
        return self.blocking.amend(order_id, price=price, size=size)


def value_of(exchange: Exchange, order_id: str) -> Order:
    """An order as a REST answer would have it."""
    told: dict[str, Any] = exchange.trader.order(order_id)
    times = exchange.trader.order_times(order_id)
    return Order(
        market=told["market"],
        symbol=told["symbol"],
        order_id=told["order_id"],
        client_order_id=told["client_order_id"] or None,
        status=told["state"],
        side=told["side"],
        type="market" if told["type"] == "market" else "limit",
        execution=_EXECUTIONS[told["type"]],
        price=told["price"],
        size=told["size"],
        filled_size=told["filled_size"],
        filled_notional=exchange.trader.order_cost(order_id),
        average_price=told["average_price"],
        create_time_ms=times[0],
        update_time_ms=times[1],
    )
