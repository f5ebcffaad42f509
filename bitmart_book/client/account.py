"""What an account holds: open orders, positions and balances, from what its streams say.

Sans-I/O: typed values go in, what changed comes out. Pushes repeat themselves, overtake each other
and are lost in reconnects, so each is compared with what is known: a fill counts once, a later
state is never taken back by an earlier one, and after a hole everything is unconfirmed until the
venue speaks of it again. Nothing is guessed: no fill from a balance, no cancel from silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple

import msgspec

from bitmart_book._book import Book, Depth
from bitmart_book.errors import UsageError
from bitmart_book.model import Balance, Fill, Order, OrderStatus, Position

__all__ = ["Account", "Outcome"]

# How many finished orders are remembered, so that late repeats of them are known for what they are.
REMEMBERED = 10_000

FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.PARTIALLY_CANCELED})
_RESTING = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})
# Kinds of order that wait for a price somewhere else than in the book, or never rest.
_NOT_IN_THE_BOOK = frozenset({"market", "plan_order", "trailing_order", "take_profit", "stop_loss"})
_SIDES = {"bid": "buy", "ask": "sell"}
_ZERO = Decimal(0)
# A context of its own, because the user's may round (live sizes have thirty decimals) or raise.
_EXACT = Context(prec=200)


class Outcome(NamedTuple):
    """What a value changed.

    "new" and "changed": it is now what is known. "confirmed": it says what was known, after a
    hole. "repeated": it says what was known. "older": it says less than what is known, and was not
    taken. `fill` is an execution that had not been counted before, whatever the rest is.
    """

    kind: Literal["new", "changed", "confirmed", "repeated", "older"]
    fill: Fill | None = None


class Account:
    """Orders, positions and balances as far as the streams have told.

    `apply` takes every value of the private topics, in the order of arrival; `resync` is called
    where values may have been lost. Properties hand out copies, which any thread may keep.
    """

    def __init__(self) -> None:
        self._markets: dict[str, None] = {}
        self._open: dict[tuple[str, str], _Known] = {}
        # Finished orders, and those of which only executions were heard.
        self._rest: dict[tuple[str, str], _Known] = {}
        self._positions: dict[tuple[str, str | None], Position] = {}
        # Positions that were not taken, because they seemed older than what was known.
        self._doubted: dict[tuple[str, str | None], Position] = {}
        self._balances: dict[tuple[str, str], Balance] = {}
        self._unconfirmed: set[tuple[Any, ...]] = set()
        self.holes = 0
        """How often values may have been lost."""
        self.last_hole: str | None = None
        """Why, the last time."""

    # --- writing ---

    def apply(self, value: Order | Fill | Position | Balance) -> Outcome:
        """Take a value in; says what it changed."""
        if isinstance(value, Order):
            return self._apply_order(value)
        if isinstance(value, Fill):
            return self._apply_fill(value)
        if isinstance(value, Position):
            return self._apply_position(value)
        if isinstance(value, Balance):
            return self._apply_balance(value)
        raise UsageError(f"an account takes no {type(value).__name__}")

    def resync(self, reason: str, *, market: str | None = None) -> None:
        """Values of that market, or of any, may have been lost: what is known is unconfirmed until
        it is heard of again."""
        self.holes += 1
        self.last_hole = reason
        keys: list[tuple[Any, ...]] = [("order", *key) for key in self._open]
        keys += [("position", p.market, *key) for key, p in self._positions.items() if p.size]
        keys += [("balance", b.market, *key) for key, b in self._balances.items()]
        self._unconfirmed.update(key for key in keys if market in (None, key[1]))

    def _apply_order(self, order: Order) -> Outcome:
        key = (order.market, order.order_id)
        known = self._find(key)
        if known is None:
            known = _Known()
        fill = known.count(order.fill)
        kind = known.take(order)
        if kind == "older":
            return Outcome(kind, fill)
        confirmed = self._confirm("order", *key)
        if kind != "repeated":
            self._file(key, known)
        elif confirmed:
            return Outcome("confirmed", fill)
        return Outcome(kind, fill)

    def _apply_fill(self, fill: Fill) -> Outcome:
        key = (fill.market, fill.order_id)
        known = self._find(key)
        if known is None:
            # The order was never heard of: its fill is counted, and no order is made up.
            known = _Known()
            self._file(key, known)
        counted = known.count(fill)
        return Outcome("repeated" if counted is None else "changed", counted)

    def _find(self, key: tuple[str, str]) -> _Known | None:
        return self._open.get(key) or self._rest.get(key)

    def _file(self, key: tuple[str, str], known: _Known) -> None:
        """Among the open orders, or among the rest."""
        self._markets.setdefault(key[0])
        if known.order is not None and known.order.status not in FINAL:
            # It is added there before it is removed here, so that another thread always finds it.
            self._open[key] = known
            self._rest.pop(key, None)
            return
        self._rest[key] = known
        self._open.pop(key, None)
        while len(self._rest) > REMEMBERED:
            del self._rest[next(iter(self._rest))]

    def _apply_position(self, position: Position) -> Outcome:
        key = (position.symbol, position.side)
        known = self._positions.get(key)
        older = known is not None and _is_older(position.update_time_ms, known.update_time_ms)
        # The venue tells of positions again and again. What it repeats is true, even with an older
        # stamp: then its clock has gone back.
        if older and self._doubted.get(key) != position:
            self._doubted[key] = position
            return Outcome("older")
        self._doubted.pop(key, None)
        if position.mode == "one_way_mode":
            # There is one position of a symbol, and it changes sides.
            for other in [k for k in self._positions if k[0] == position.symbol and k != key]:
                if _is_older(position.update_time_ms, self._positions[other].update_time_ms):
                    return Outcome("older")
                del self._positions[other]
                self._unconfirmed.discard(("position", position.market, *other))
        self._positions[key] = position
        confirmed = self._confirm("position", position.market, *key)
        return _compared(known, position, confirmed)

    def _apply_balance(self, balance: Balance) -> Outcome:
        key = (_keeper(balance), balance.currency)
        known = self._balances.get(key)
        if known is not None and _is_older(balance.time_ms, known.time_ms):
            return Outcome("older")
        self._balances[key] = balance
        return _compared(known, balance, self._confirm("balance", balance.market, *key))

    def _confirm(self, *key: Any) -> bool:
        """Whether this was unconfirmed, and is so no more."""
        if key not in self._unconfirmed:
            return False
        self._unconfirmed.discard(key)
        return True

    # --- reading ---

    @property
    def orders(self) -> dict[str, Order]:
        """The open orders by order id, the newest last."""
        return {order.order_id: order for order in self._open_orders()}

    @property
    def positions(self) -> dict[tuple[str, str | None], Position]:
        """The positions that are not closed, by (symbol, side)."""
        return {key: found for key, found in list(self._positions.items()) if found.size}

    @property
    def balances(self) -> dict[tuple[str, str], Balance]:
        """The balances by (market, currency): ("spot", "USDT"). Of a custodian's account the
        market is followed by its name: ("spot/COPPER", "USDT")."""
        return dict(self._balances)

    def order(self, order_id: str, market: str | None = None) -> Order | None:
        """An order, open or finished, as it was described last."""
        known = self._known(order_id, market)
        return None if known is None else known.order

    def fills(self, order_id: str, market: str | None = None) -> tuple[Fill, ...]:
        """The executions of an order that were heard of, in the order of arrival."""
        known = self._known(order_id, market)
        return () if known is None else tuple(known.fills)

    def _known(self, order_id: str, market: str | None) -> _Known | None:
        for where in list(self._markets) if market is None else [market]:
            known = self._find((where, order_id))
            if known is not None:
                return known
        return None

    def missing_size(self, order_id: str, market: str | None = None) -> Decimal:
        """What was filled of an order without its executions having been heard of."""
        order = self.order(order_id, market)
        missing = _ZERO if order is None else _filled(order)
        for fill in self.fills(order_id, market):
            missing = _EXACT.subtract(missing, fill.size)
        return max(_ZERO, missing)

    def is_confirmed(self, value: Order | Position | Balance) -> bool:
        """Whether the venue has spoken of this order, position or balance since the last hole."""
        if isinstance(value, Order):
            key: tuple[Any, ...] = ("order", value.market, value.order_id)
        elif isinstance(value, Position):
            key = ("position", value.market, value.symbol, value.side)
        else:
            key = ("balance", value.market, _keeper(value), value.currency)
        return key not in self._unconfirmed

    @property
    def unconfirmed(self) -> tuple[Order | Position | Balance, ...]:
        """What the venue has not spoken of since the last hole."""
        held: list[Order | Position | Balance] = [*self._open_orders()]
        held += list(self._positions.values())
        held += list(self._balances.values())
        return tuple(value for value in held if not self.is_confirmed(value))

    # --- our own part of a book ---

    def own_size(
        self, symbol: str, side: str, price: Decimal | float | str, *, unconfirmed: bool = True
    ) -> Decimal:
        """What our own orders have resting there, exact. side: "bid" or "ask", of the book.

        `unconfirmed`: whether orders count that have not been heard of since a hole.
        """
        try:
            exact = Decimal(str(price))
        except InvalidOperation:
            raise UsageError(f"price must be a number, was {price!r}") from None
        return self._own(symbol, side, unconfirmed).get(exact, _ZERO)

    def net_depth(
        self, book: Book, n: int | None = None, *, unconfirmed: bool = True
    ) -> Depth[list[tuple[Decimal, Decimal]]]:
        """The best `n` levels a side without our own orders, like `book.depth(n, exact=True)`.

        Raises BookNotLive as that does. A level that is ours alone is left out; where an order of
        ours is not yet, or no more, in the book, its level is too small for a moment.
        """
        own = [self._own(book.symbol, side, unconfirmed) for side in _SIDES]
        # Levels that are ours alone are left out, and deeper ones take their places.
        depth = book.depth(None if n is None else n + max(map(len, own)), exact=True)
        bids, asks = (_without(levels, sizes, n) for levels, sizes in zip(depth, own, strict=True))
        return Depth(bids, asks, depth.complete)

    def _own(self, symbol: str, side: str, unconfirmed: bool) -> Mapping[Decimal, Decimal]:
        if side not in _SIDES:
            raise UsageError(f'side must be "bid" or "ask", was {side!r}')
        sizes: dict[Decimal, Decimal] = {}
        for order in self._open_orders():
            if (
                order.symbol == symbol
                and order.side == _SIDES[side]
                and order.status in _RESTING
                and order.type not in _NOT_IN_THE_BOOK
                and order.price is not None
                and order.size is not None
                and (unconfirmed or self.is_confirmed(order))
            ):
                left = max(_ZERO, _EXACT.subtract(order.size, _filled(order)))
                sizes[order.price] = _EXACT.add(sizes.get(order.price, _ZERO), left)
        return sizes

    def _open_orders(self) -> list[Order]:
        # A copy first: another thread may be reading while this one writes.
        return [known.order for known in list(self._open.values()) if known.order is not None]


class _Known:
    """What is known of an order: how it was described last, and its executions."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.fills: list[Fill] = []
        self._ids: set[str] = set()
        self._totals: set[Decimal] = set()

    def count(self, fill: Fill | None) -> Fill | None:
        """An execution that was not counted before, and now is."""
        if fill is None:
            return None
        if fill.fill_id is not None:
            if fill.fill_id in self._ids:
                return None
            self._ids.add(fill.fill_id)
        elif fill.filled_size is None or fill.filled_size in self._totals:
            # Without an id, only the total that was filled tells two executions apart.
            return None
        if fill.filled_size is not None:
            self._totals.add(fill.filled_size)
        self.fills.append(fill)
        return fill

    def take(self, order: Order) -> Literal["new", "changed", "repeated", "older"]:
        """A description of the order; the one that is further on stays."""
        known = self.order
        if known is None:
            self.order = order
            return "new"
        if order == known:
            return "repeated"
        if _is_behind(order, known):
            return "older"
        if _filled(order) < _filled(known):
            # The last description may say less than an earlier one: what was filled stays filled.
            order = msgspec.structs.replace(order, filled_size=known.filled_size)
        self.order = order
        return "changed"


def _is_behind(order: Order, known: Order) -> bool:
    if known.status in FINAL:
        # What is finished stays so. Of two final descriptions the one that knows of more is later.
        return order.status not in FINAL or _filled(order) <= _filled(known)
    if order.status in FINAL:
        return False
    if order.filled_size is not None and _filled(order) != _filled(known):
        # More is filled later, whatever the clocks say.
        return _filled(order) < _filled(known)
    if order.status == OrderStatus.PENDING and known.status in _RESTING:
        return True
    return _is_older(order.update_time_ms, known.update_time_ms)


def _filled(order: Order) -> Decimal:
    return order.filled_size or _ZERO


def _is_older(time_ms: int | None, than_ms: int | None) -> bool:
    return time_ms is not None and than_ms is not None and time_ms < than_ms


def _compared(known: object, value: object, confirmed: bool) -> Outcome:
    if known is None:
        return Outcome("new")
    if known != value:
        return Outcome("changed")
    return Outcome("confirmed" if confirmed else "repeated")


def _keeper(balance: Balance) -> str:
    if balance.account in (None, "BITMART"):
        return balance.market
    return f"{balance.market}/{balance.account}"


def _without(
    levels: Iterable[tuple[Decimal, Decimal]], own: Mapping[Decimal, Decimal], n: int | None
) -> list[tuple[Decimal, Decimal]]:
    left = [(price, _EXACT.subtract(size, own.get(price, _ZERO))) for price, size in levels]
    return [level for level in left if level[1] > 0][:n]
