"""Orders of the box's own account: placed, matched, cancelled, and told to whoever listens.

Stands between an account and the markets of one exchange: spot, futures, or the demo.
"""

from __future__ import annotations

from decimal import Decimal, DecimalException
from fractions import Fraction
from typing import Any, Literal, Protocol, cast, get_args

from bitmart_book.errors import UsageError
from bitmart_book.sim.account.accounts import (
    Account,
    Order,
    OrderKind,
    SpotAccount,
    written,
)
from bitmart_book.sim.market.matching import MatchedMarket, Resting
from bitmart_book.sim.venue.lines import Lines
from bitmart_book.sim.venue.publisher import Publisher

__all__ = ["Listener", "Number", "Trading", "Venue"]

Number = str | int | float | Decimal
# What happened to an order; the numbers are those of the futures feed.
MATCHED, SUBMITTED, CANCELLED = 1, 2, 3
# Of an amount of money; the venue writes thirty decimals.
MOST_DIGITS = 40

_SPOT_SIDES: dict[str, tuple[Literal["buy", "sell"], int]] = {
    "buy": ("buy", 0),
    "sell": ("sell", 0),
}
_FUTURES_SIDES: dict[str, tuple[Literal["buy", "sell"], int]] = {
    "buy": ("buy", 1),
    "sell": ("sell", 4),
    "buy_open_long": ("buy", 1),
    "buy_close_short": ("buy", 2),
    "sell_close_long": ("sell", 3),
    "sell_open_short": ("sell", 4),
}


class Venue(Protocol):
    """The markets that orders are placed in."""

    def publisher(self, symbol: str) -> Publisher:
        """The market of a symbol. UsageError for one that is not listed."""

    def nudge(self, symbol: str) -> None:
        """Publish the market at the next occasion."""


class Listener(Protocol):
    """Who is told of what happens to an account."""

    def order_changed(self, order: Order, action: int) -> None:
        """It was matched (1), submitted (2) or cancelled (3)."""

    def balances_changed(self, event: str, currencies: list[str]) -> None:
        """The balances of these currencies are others now, by that kind of event."""

    def positions_changed(self, symbol: str) -> None:
        """A position in that contract is another one now."""


class Trading:
    """The orders of one account at one venue. All numbers that come in must be exact."""

    def __init__(
        self,
        lines: Lines,
        venue: Venue,
        account: Account,
        market: str,
        first_order_id: int,
        listener: Listener | None = None,
    ) -> None:
        self.account = account
        self.listener = listener
        self.orders: dict[int, Order] = {}
        """All that were ever placed, by their ids."""
        self._lines = lines
        self._venue = venue
        self._market = market
        self._next_id = first_order_id
        self._resting: dict[int, Resting] = {}
        self._matched: dict[str, MatchedMarket] = {}

    def place(
        self,
        symbol: str,
        side: str,
        price: Number | None,
        size: Number,
        *,
        kind: str = "limit",
        client_order_id: str = "",
    ) -> Order:
        """Place an order; without a price it takes what it gets.

        UsageError, with nothing changed, for numbers that are not on the symbol's grid, an unknown
        symbol or side, or not enough money.
        """
        publisher = self._venue.publisher(symbol)
        sides = _SPOT_SIDES if isinstance(self.account, SpotAccount) else _FUTURES_SIDES
        if side not in sides:
            raise UsageError(f"no side {side!r}; there is: {', '.join(sides)}")
        direction, intent = sides[side]
        kind = "market" if price is None else kind
        if kind not in get_args(OrderKind) or (kind == "market") != (price is None):
            raise UsageError(f"no order of kind {kind!r} with the price {price}")
        listing = publisher.listing
        lots = _units(size, listing.size_decimals, "size")
        market = self._market_of(symbol, publisher)
        other: Literal["bid", "ask"] = "ask" if direction == "buy" else "bid"
        if price is None:
            worst = market.worst_price(other, lots)
            if worst is None:
                raise UsageError(f"nobody to trade {symbol} with")
            ticks = worst
        else:
            ticks = _units(price, listing.price_decimals, "price")
        now_ms = publisher.clock.ms(self._lines.now)
        kind = cast(OrderKind, kind)
        order = Order(
            self._next_id, client_order_id, symbol, direction, intent, kind, ticks, lots, now_ms
        )
        # A seller who meets better prices than the own one may be filled at the best of them.
        best = market.worst_price(other, 1) if direction == "sell" else None
        changed = self.account.open(order, max(ticks, best or 0))
        self._next_id += 1
        self.orders[order.id] = order
        self._tell(order, SUBMITTED, changed)
        resting = Resting(order.id, "bid" if direction == "buy" else "ask", ticks, lots)
        if kind == "limit_maker" and market.would_match(resting):
            self._end(order)
            return order
        self._resting[order.id] = resting
        rests = kind in ("limit", "limit_maker")
        market.place(resting, publisher.market_time(self._lines.now), rests=rests)
        self.settle(symbol)
        if order.is_open and not rests:
            del self._resting[order.id]
            self._end(order)
        self._venue.nudge(symbol)
        return order

    def cancel(self, order_id: str | int) -> Order:
        """Take an order out of the market. UsageError for one that is not open."""
        order = self.order(order_id)
        if not order.is_open:
            raise UsageError(f"order {order.id} is not open but {order.state}")
        self._matched[order.symbol].cancel(self._resting.pop(order.id))
        self._end(order)
        self._venue.nudge(order.symbol)
        return order

    def order(self, order_id: str | int) -> Order:
        """An order by its id. UsageError for one that there is not."""
        if not self.knows(order_id):
            raise UsageError(f"no order {order_id}")
        return self.orders[int(order_id)]

    def knows(self, order_id: str | int) -> bool:
        """Whether there is an order of that id."""
        text = str(order_id)
        return text.isascii() and text.isdigit() and int(text) in self.orders

    def balances(self) -> dict[str, dict[str, str]]:
        """What the account has of each currency that it has used."""
        return {
            currency: {
                "available": written(balance.available, 30),
                "frozen": written(balance.frozen, 30),
            }
            for currency, balance in self.account.balances.items()
        }

    def described(self, order: Order) -> dict[str, Any]:
        """An order as a mapping of texts."""
        listing = self._venue.publisher(order.symbol).listing
        tick, lot = Fraction(1, 10**listing.price_decimals), Fraction(1, 10**listing.size_decimals)
        average = Fraction(order.cost, order.filled) * tick if order.filled else None
        return {
            "order_id": str(order.id),
            "client_order_id": order.client_id,
            "market": self._market,
            "symbol": order.symbol,
            "side": order.side,
            "type": order.kind,
            "price": written(order.price * tick, listing.price_decimals),
            "size": written(order.size * lot, listing.size_decimals),
            "filled_size": written(order.filled * lot, listing.size_decimals),
            "average_price": None if average is None else written(average, 18),
            "state": order.state,
        }

    def cost(self, order: Order) -> Decimal:
        """What was filled of an order, each part at its price."""
        listing = self._venue.publisher(order.symbol).listing
        return Decimal(order.cost).scaleb(-listing.price_decimals - listing.size_decimals)

    def deposit(self, currency: str, amount: Number, event: str) -> None:
        """Put money into the account, or take some out. UsageError for what is no amount."""
        self.account.deposit(currency, _amount(amount))
        if self.listener is not None:
            self.listener.balances_changed(event, [currency])

    def settle(self, symbol: str) -> None:
        """Book what the market has filled since the last time."""
        market = self._matched.get(symbol)
        if market is None:
            return
        publisher = self._venue.publisher(symbol)
        for fill in market.fills():
            order = self.orders[fill.order]
            time_ms = publisher.clock.ms(publisher.exchange_time(fill.time))
            changed = self.account.fill(order, fill, time_ms)
            if not order.is_open:
                del self._resting[order.id]
            self._tell(order, MATCHED, changed)

    def _market_of(self, symbol: str, publisher: Publisher) -> MatchedMarket:
        market = self._matched.get(symbol)
        if market is None:
            market = MatchedMarket(publisher.market, publisher.tape.trades)
            publisher.market = self._matched[symbol] = market
        return market

    def _end(self, order: Order) -> None:
        now_ms = self._venue.publisher(order.symbol).clock.ms(self._lines.now)
        self._tell(order, CANCELLED, self.account.end(order, now_ms))

    def _tell(self, order: Order, action: int, currencies: list[str]) -> None:
        listener = self.listener
        if listener is None:
            return
        listener.order_changed(order, action)
        if currencies:
            listener.balances_changed("TRANSACTION_COMPLETED", currencies)
        if action == MATCHED or (order.intent and not order.opens):
            listener.positions_changed(order.symbol)


def _amount(number: Number) -> Fraction:
    """An amount of money, exact. Its digits are bounded, as a balance is written out in full."""
    try:
        exact = Decimal(str(number))
    except (DecimalException, ValueError):
        exact = Decimal("NaN")
    written_out = len(exact.as_tuple().digits) <= MOST_DIGITS >= abs(exact.adjusted())
    if not exact.is_finite() or not written_out:
        raise UsageError(f"no amount: {str(number)[:100]!r}")
    return Fraction(exact)


def _units(number: Number, decimals: int, name: str) -> int:
    """A price or size in ticks or lots."""
    try:
        exact = Decimal(str(number)).scaleb(decimals)
        if exact > 0 and exact == exact.to_integral_value() and exact < 1 << 63:
            return int(exact)
    except (DecimalException, ValueError):
        pass
    grid = Decimal(1).scaleb(-decimals)
    raise UsageError(f"{name} must be above zero and a multiple of {grid:f}, was {number!r}")
