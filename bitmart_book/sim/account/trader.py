"""Whose orders, money and positions are in the box: one account at every market that has any."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bitmart_book.errors import UsageError
from bitmart_book.sim.account.accounts import FuturesAccount, Order
from bitmart_book.sim.account.trading import Number, Trading
from bitmart_book.sim.venue.lines import Lines

__all__ = ["Trader"]


class Trader:
    """Who trades here, in all markets of `trading`, by their names. A method that takes `now` first
    lets happen what is due until then."""

    def __init__(self, lines: Lines, trading: dict[str, Trading]) -> None:
        self._lines = lines
        self._trading = trading

    def place(
        self,
        market: str,
        symbol: str,
        side: str,
        price: Number | None,
        size: Number,
        *,
        kind: str = "limit",
        client_order_id: str = "",
        now: float | None = None,
    ) -> str:
        """Place an order on "spot", "futures" or the "demo". Returns its id.

        `side` is "buy" or "sell", which on futures open a position, or "buy_close_short",
        "sell_close_long". `kind` is "limit", "limit_maker" (cancelled if it would match at once) or
        "ioc" (what does not match at once is cancelled); without a price it is a market order.
        It rests in the book, fills as the market comes to it, and the private addresses tell of it.
        Raises UsageError for what the exchange would refuse.
        """
        trading = self._market(market)
        if now is not None:
            self._lines.advance(now)
        order = trading.place(symbol, side, price, size, kind=kind, client_order_id=client_order_id)
        return str(order.id)

    def cancel(self, order_id: str | int, *, now: float | None = None) -> None:
        """Take an order out of its market. UsageError for one that is not open."""
        trading, _ = self._find(order_id)
        if now is not None:
            self._lines.advance(now)
        trading.cancel(order_id)

    def order(self, order_id: str | int) -> dict[str, Any]:
        """What became of an order: texts by their names. UsageError for one that there is not."""
        trading, order = self._find(order_id)
        return trading.described(order)

    def order_times(self, order_id: str | int) -> tuple[int, int]:
        """When an order was placed and when it changed last, in milliseconds since 1970."""
        _, order = self._find(order_id)
        return order.created_ms, order.updated_ms

    def order_cost(self, order_id: str | int) -> Decimal:
        """For how much money an order was filled, exact: price times size of each execution."""
        trading, order = self._find(order_id)
        return trading.cost(order)

    def orders(self, market: str | None = None) -> list[dict[str, Any]]:
        """The open orders of one market or of all, oldest first."""
        names = self._trading if market is None else (market,)
        return [
            trading.described(order)
            for trading in (self._market(name) for name in names)
            for order in trading.orders.values()
            if order.is_open
        ]

    def balances(self, market: str) -> dict[str, dict[str, str]]:
        """What the account has of each currency that it has used: "available" and "frozen"."""
        return self._market(market).balances()

    def positions(self, market: str = "futures") -> list[dict[str, Any]]:
        """The open positions: symbol, side ("long" or "short"), size in contracts, entry price."""
        account = self._market(market).account
        return account.described() if isinstance(account, FuturesAccount) else []

    def deposit(
        self, market: str, currency: str, amount: Number, event: str = "ACCOUNT_RECHARGE"
    ) -> None:
        """Put money into an account, or take it out (below zero)."""
        self._market(market).deposit(currency, amount, event)

    def _market(self, market: str) -> Trading:
        trading = self._trading.get(market)
        if trading is None:
            raise UsageError(f"no market {market!r}; there is: {', '.join(self._trading)}")
        return trading

    def _find(self, order_id: str | int) -> tuple[Trading, Order]:
        for trading in self._trading.values():
            if trading.knows(order_id):
                return trading, trading.order(order_id)
        raise UsageError(f"no order {order_id}")
