"""What an account holds: open orders, positions and balances, from what its streams say.

Sans-I/O: typed values go in, what changed comes out. Pushes repeat themselves, overtake each other
and are lost in reconnects, so each is compared with what is known: a fill counts once, a later
state is never taken back by an earlier one, and after a hole everything is unconfirmed until the
venue speaks of it again, or the user says what its REST interface answered. Nothing is guessed: no
fill from a balance, no cancel from silence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from bitmart_book._book import Book, Depth, Lens, clock_ns
from bitmart_book.client.inventory import Inventory
from bitmart_book.client.known import EXACT, FINAL, OPEN, RESTING, KnownOrder, filled
from bitmart_book.client.lenses import NOT_IN_THE_BOOK, Lenses, without
from bitmart_book.client.outcomes import (
    Correction,
    Held,
    Key,
    Outcome,
    compared,
    key_of,
    market_of,
)
from bitmart_book.client.shown import Shown
from bitmart_book.client.stamps import Stamp, Stamps
from bitmart_book.errors import UsageError
from bitmart_book.model import Balance, Fill, Instrument, Order, OrderStatus, Position

__all__ = ["Account", "Correction", "Outcome"]

# How many orders that are not open are remembered, so that late words about them are known for what
# they are: of those that are finished, and of those of which nobody knows.
REMEMBERED = 10_000

_SIDES = {"bid": "buy", "ask": "sell"}
_ZERO = Decimal(0)
# BitMart's oldest feed shows the books of its spot.
_SHOWS = {"legacy": "spot"}
# Its spot has no positions: those that are told beside orders of spot are of its futures.
_HOLDS = {"spot": "futures"}


class Account(Shown):
    """Orders, positions and balances as far as the streams have told.

    `apply` takes every value of the private topics, in the order of arrival; `resync` is called
    where values may have been lost. Properties hand out copies, which any thread may keep.
    `counts_contracts`: of a market, whether its sizes are contracts; of "futures", if nobody says.

    >>> account = bb.Account()
    >>> account.reconcile(orders=[], market="spot")
    ()
    >>> account.orders, account.inventory["BTC_USDT"].position
    ({}, Decimal('0'))
    """

    def __init__(self, counts_contracts: Callable[[str], bool] | None = None) -> None:
        self._markets: dict[str, None] = {}
        self._open: dict[tuple[str, str], KnownOrder] = {}
        # Orders whose last word says neither that they are open nor that they are over.
        self._unclear: dict[tuple[str, str], KnownOrder] = {}
        # Finished orders, and those of which only executions were heard.
        self._rest: dict[tuple[str, str], KnownOrder] = {}
        self._positions: dict[tuple[str, str, str | None], Position] = {}
        self._balances: dict[tuple[str, str], Balance] = {}
        self._unconfirmed: set[Key] = set()
        self._stamps = Stamps()
        # Of what is open or held: the stamp of its last word, and which word of all that was.
        self._stamped: dict[Key, Stamp | None] = {}
        self._word_of: dict[Key, int] = {}
        # What was not taken, because it seemed older than what was known.
        self._doubted: dict[Key, Held] = {}
        self._lenses = Lenses()
        self.instruments: Mapping[str, Instrument] = {}
        """What is known of symbols: an inventory needs the sizes of contracts."""
        self.inventory = Inventory(lambda: self.instruments, counts_contracts)
        """What was traded, by symbol: an `Inventory` of `Holding`."""
        self.across: Callable[[Callable[[], Any]], Any] = lambda work: work()
        """How others have something done where the account is written: a feed without await lives
        in a thread of its own."""
        self.words = 0
        """How many values were taken in: read it before you ask elsewhere, for `reconcile`."""
        self.holes = 0
        """How often values may have been lost."""
        self.last_hole: str | None = None
        """Why, the last time."""

    def __repr__(self) -> str:
        held = f"{len(self.orders)} open orders, {len(self.positions)} positions"
        return f"<Account {held}, {len(self.balances)} balances>"

    # --- writing ---

    def apply(self, value: Order | Fill | Position | Balance, now: float = 0.0) -> Outcome:
        """Take a value in; says what it changed. now: when it arrived, in seconds of a clock that
        is never set: stamps of the venue are judged by it."""
        self.words += 1
        if isinstance(value, Order):
            outcome = self._apply_order(value, now)
            self._follow((value.market, value.order_id), outcome.fill, now)
            return outcome
        if isinstance(value, Fill):
            outcome = self._apply_fill(value)
            self._follow((value.market, value.order_id), outcome.fill, now)
            return outcome
        if isinstance(value, Position):
            return self._apply_position(value, now)
        if isinstance(value, Balance):
            return self._apply_balance(value, now)
        raise UsageError(f"an account takes no {type(value).__name__}")

    def _follow(self, key: tuple[str, str], fill: Fill | None, now: float | None) -> None:
        """A word about an order: what follows for the inventory, and for lenses."""
        known = self._find(key)
        if known is not None:
            self.inventory.heard(known, fill, whole=self._lenses.was_whole(key[0]))
            self._lenses.changed(known, self._unconfirmed, now, fill)

    def tell(
        self,
        *,
        orders: Iterable[Order] = (),
        fills: Iterable[Fill] = (),
        balances: Iterable[Balance] = (),
    ) -> tuple[Outcome, ...]:
        """What any other client of yours has heard, in its order: it counts like what this feed
        hears itself. Returns what each value changed: orders first, then fills, then balances.

            feed.account.tell(orders=[order], fills=[fill])

        The `market` of an order is that of the book (`book.market`). Where that client may have
        missed something, say so: `account.resync("reconnected", market=...)`, and `reconcile`.
        """
        values: list[Order | Fill | Balance] = [*orders, *fills, *balances]
        return self.across(  # type: ignore[no-any-return]
            lambda: tuple(self.apply(value, clock_ns() / 1e9) for value in values)
        )

    def given_out(self) -> list[object]:
        """What a user may have of it."""
        return [self, self.inventory, *self._lenses.given_out()]

    def lens(self, book: Book) -> Lens:
        """The lens of a book: the book as it is without the orders of this account, and where they
        stand in it. Of one book there is one, however often it is asked for.

        `lens.certain` begins False: say which orders are open, `account.reconcile(orders=[...],
        market=book.market)`, an empty list if none are.
        """
        orders = [*self._open.values(), *self._unclear.values()]
        mine = [
            known
            for known in orders
            if known.order is not None
            and (known.order.market, known.order.symbol) == (book.market, book.symbol)
        ]
        return self._lenses.lens(book, mine, self._unconfirmed)

    def resync(
        self,
        reason: str,
        *,
        market: str | None = None,
        kind: str | None = None,
        about: Collection[str] | None = None,
    ) -> None:
        """Values may have been lost: what is known is unconfirmed until it is heard of again.

        Of that market, of that kind ("order", "fill", "position", "balance"), and about these
        symbols or currencies alone, where they are given.
        """
        self.holes += 1
        self.last_hole = reason
        for value in self._held():
            key = key_of(value)
            subject = value.currency if isinstance(value, Balance) else value.symbol
            if (
                market in (None, value.market)
                and kind in (None, key[0])
                and (about is None or subject in about)
            ):
                self._unconfirmed.add(key)
        if kind in (None, "order", "fill"):
            self.inventory.forget(market, about)
        if kind in (None, "order"):
            self._lenses.say_whole(market, False)
            for known in [*self._open.values(), *self._unclear.values()]:
                self._lenses.changed(known, self._unconfirmed, None)

    def _held(self) -> list[Held]:
        positions = [position for position in self._positions.values() if position.size]
        return [*self._open_orders(), *positions, *self._balances.values()]

    def _apply_order(self, order: Order, now: float) -> Outcome:
        known = self._find((order.market, order.order_id)) or KnownOrder()
        fill = known.count(order.fill)
        key = key_of(order)
        stamp = self._stamps.made(order.update_time_ms, now)
        relation = known.compare(order)
        if relation == "behind" or (relation == "same" and self._is_late(key, order, stamp)):
            return Outcome("older", fill)
        if relation == "repeated":
            return Outcome("confirmed" if self._heard(key) else "repeated", fill)
        self._note(key, stamp)
        known.take(order)
        self._file(known)
        self._heard(key)
        return Outcome("new" if relation == "new" else "changed", fill)

    def _apply_fill(self, fill: Fill) -> Outcome:
        key = (fill.market, fill.order_id)
        known = self._find(key)
        if known is None:
            # The order was never heard of: its fill is counted, and no order is made up.
            known = KnownOrder()
            self._remember(self._rest, key, known)
        counted = known.count(fill)
        return Outcome("repeated" if counted is None else "changed", counted)

    def _find(self, key: tuple[str, str]) -> KnownOrder | None:
        return self._open.get(key) or self._unclear.get(key) or self._rest.get(key)

    def _file(self, known: KnownOrder) -> None:
        """Among the open orders, the unclear ones, or the rest."""
        order = known.order
        assert order is not None
        key = (order.market, order.order_id)
        if order.status in OPEN:
            # It is added there before it is removed here, so that another thread always finds it.
            self._markets.setdefault(key[0])
            self._open[key] = known
            self._unclear.pop(key, None)
            self._rest.pop(key, None)
            return
        if order.status in FINAL:
            self._remember(self._rest, key, known)
            self._unclear.pop(key, None)
        else:
            self._remember(self._unclear, key, known)
            self._rest.pop(key, None)
        self._open.pop(key, None)
        self._forget(key_of(order))

    def _remember(
        self, where: dict[tuple[str, str], KnownOrder], key: tuple[str, str], known: KnownOrder
    ) -> None:
        self._markets.setdefault(key[0])
        where[key] = known
        while len(where) > REMEMBERED:
            del where[next(iter(where))]

    def _apply_position(self, position: Position, now: float) -> Outcome:
        key = key_of(position)
        stamp = self._stamps.made(position.update_time_ms, now)
        known = self._positions.get(key[1:])
        if known is not None and self._is_late(key, position, stamp):
            return Outcome("older")
        others = self._other_sides(position)
        if any(self._is_late(key_of(other), position, stamp) for other in others):
            return Outcome("older")
        if known != position:
            self._note(key, stamp)
        self._put_position(position)
        return compared(known, position, self._heard(key))

    def _other_sides(self, position: Position) -> list[Position]:
        """In one-way mode there is one position of a symbol, and it changes sides."""
        if position.mode != "one_way_mode":
            return []
        return [
            other
            for other in self._positions.values()
            if (other.market, other.symbol) == (position.market, position.symbol)
            and other.side != position.side
        ]

    def _put_position(self, position: Position) -> None:
        for other in self._other_sides(position):
            del self._positions[key_of(other)[1:]]
            self._forget(key_of(other))
        self._positions[key_of(position)[1:]] = position

    def _apply_balance(self, balance: Balance, now: float) -> Outcome:
        key = key_of(balance)
        stamp = self._stamps.made(balance.time_ms, now)
        known = self._balances.get(key[2:])
        if known is not None and self._is_late(key, balance, stamp):
            return Outcome("older")
        if known != balance:
            self._note(key, stamp)
        self._balances[key[2:]] = balance
        return compared(known, balance, self._heard(key))

    def _is_late(self, key: Key, value: Held, stamp: Stamp | None) -> bool:
        """Whether a value says less than what is known, as far as stamps tell.

        The venue tells of positions again and again. What it repeats is true, even with an older
        stamp: then its clock has gone back. Until somebody says which of the two words is the later
        one, what is known is unconfirmed.
        """
        known = self._stamped.get(key)
        if not self._stamps.is_late(key[1], stamp, known) or self._doubted.get(key) == value:
            return False
        self._stamps.note(key[1], stamp)
        self._doubted[key] = value
        self._unconfirmed.add(key)
        return True

    def _note(self, key: Key, stamp: Stamp | None) -> None:
        self._stamps.note(key[1], stamp)
        self._stamped[key] = stamp

    def _heard(self, key: Key) -> bool:
        """The venue has spoken of this. Whether it was unconfirmed, and is so no more."""
        self._doubted.pop(key, None)
        if key[0] != "order" or key[1:] in self._open:
            self._word_of[key] = self.words
        if key not in self._unconfirmed:
            return False
        self._unconfirmed.discard(key)
        return True

    def _forget(self, key: Key) -> None:
        """It is not held any more."""
        for where in (self._stamped, self._word_of, self._doubted):
            where.pop(key, None)
        self._unconfirmed.discard(key)

    # --- the truth from elsewhere ---

    def reconcile(
        self,
        *,
        orders: Iterable[Order] | None = None,
        positions: Iterable[Position] | None = None,
        balances: Iterable[Balance] | None = None,
        market: str | None = None,
        symbol: str | None = None,
        asked: int | None = None,
    ) -> tuple[Correction, ...]:
        """What the venue answered by REST; returns what that changed.

        orders: all open orders, and any finished ones: an order that is held as open, or as
        unclear, and is not among them is over, with the status "finished". positions: all that are
        not closed. balances: those of which the answer speaks. What is None was not asked for.
        market: of which market it is the answer; needed where nothing in it says so. symbol: of
        which symbol alone. asked: `account.words`, read before the venue was asked: what it has
        said since then is left alone. Without it everything is left alone that is confirmed.

            asked = feed.account.words
            answer = ...  # your own REST client
            changed = feed.account.reconcile(orders=answer, market="spot", asked=asked)

        UsageError where the market is not clear.
        """
        given = [None if values is None else list(values) for values in (orders, positions)]
        told = None if balances is None else list(balances)
        return self.across(  # type: ignore[no-any-return]
            lambda: self._reconcile(given[0], given[1], told, market, symbol, asked)
        )

    def _reconcile(
        self,
        orders: Any,
        positions: Any,
        balances: Any,
        market: str | None,
        symbol: str | None,
        asked: int | None,
    ) -> tuple[Correction, ...]:
        changed: list[Correction] = []
        if orders is not None:
            where = market_of(orders, market)
            changed += self._reconcile_orders(orders, where, symbol, asked)
        if positions is not None:
            changed += self._reconcile_positions(positions, market, symbol, asked)
        for balance in balances or ():
            before = self._balances.get(key_of(balance)[2:])
            if self._may_correct(balance, before, asked):
                self._balances[key_of(balance)[2:]] = balance
                self._correct(before, balance, changed)
        return tuple(changed)

    def _reconcile_orders(
        self, orders: list[Order], market: str, symbol: str | None, asked: int | None
    ) -> list[Correction]:
        changed: list[Correction] = []
        # Before the first answer nobody knows of what was there when the account began.
        is_first = not self._lenses.was_whole(market) and not self.holes
        for order in orders:
            known = self._find((order.market, order.order_id)) or KnownOrder()
            before = known.order
            if self._may_correct(order, before, asked) and known.compare(order) != "behind":
                known.take(order)
                self._file(known)
                self._correct(before, known.order or order, changed)
                if before is None and is_first:
                    self.inventory.known_before(known)
                self._follow((order.market, order.order_id), None, None)
        named = {order.order_id for order in orders}
        for known in [*self._open.values(), *self._unclear.values()]:
            gone = known.order
            if (
                gone is not None
                and gone.order_id not in named
                and gone.market == market
                and symbol in (None, gone.symbol)
                and self._may_correct(gone, gone, asked)
            ):
                known.take(msgspec.structs.replace(gone, status=OrderStatus.FINISHED))
                self._file(known)
                self._correct(gone, known.order or gone, changed)
                self._follow((market, gone.order_id), None, None)
        self.inventory.reconciled(market, symbol)
        if symbol is None:
            self._lenses.say_whole(market, True)
        return changed

    def _reconcile_positions(
        self, positions: list[Position], market: str | None, symbol: str | None, asked: int | None
    ) -> list[Correction]:
        changed: list[Correction] = []
        named = {key_of(position) for position in positions}
        # An answer of some positions is of their markets; one of none is of all, if nobody says.
        told = {position.market for position in positions}
        if not told and market is not None:
            told = {_HOLDS.get(market, market)}
        closed = [
            msgspec.structs.replace(position, size=0.0)
            for position in self.positions.values()
            if symbol in (None, position.symbol)
            and (not told or position.market in told)
            and key_of(position) not in named
        ]
        for position in [*closed, *positions]:
            before = self._positions.get(key_of(position)[1:])
            if self._may_correct(position, before, asked):
                self._put_position(position)
                self._correct(before, position, changed)
        for where in told or {position.market for position in closed} or {"futures"}:
            self.inventory.correct(where, symbol, list(self._positions.values()))
        return changed

    def _may_correct(self, value: Held, before: Held | None, asked: int | None) -> bool:
        """Whether the streams have not said something later."""
        if before is None:
            return True
        key = key_of(value)
        if asked is not None:
            return self._word_of.get(key, 0) <= asked
        return key in self._unconfirmed or key[1:] in self._unclear

    def _correct(self, before: Held | None, after: Held, changed: list[Correction]) -> None:
        """It was put in; whatever the venue says from now on is later than that."""
        key = key_of(after)
        self._stamped.pop(key, None)
        self._doubted.pop(key, None)
        self._unconfirmed.discard(key)
        if before != after:
            changed.append(Correction(before, after))

    # --- reading ---

    @property
    def orders(self) -> dict[str, Order]:
        """The open orders by order id, the newest last."""
        return {order.order_id: order for order in self._open_orders()}

    @property
    def unclear(self) -> dict[str, Order]:
        """Orders whose last word nobody documents ("expired", a state 5), by order id: perhaps they
        are over. At most the last ten thousand; `reconcile` says what became of them."""
        found = [known.order for known in list(self._unclear.values())]
        return {order.order_id: order for order in found if order is not None}

    @property
    def positions(self) -> dict[tuple[str, str | None], Position]:
        """The positions that are not closed, by (symbol, side); where a second market holds the
        same symbol and side, its key is ("market:symbol", side)."""
        found: dict[tuple[str, str | None], Position] = {}
        for (market, symbol, side), position in list(self._positions.items()):
            if position.size:
                name = symbol if (symbol, side) not in found else f"{market}:{symbol}"
                found[name, side] = position
        return found

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

    def _known(self, order_id: str, market: str | None) -> KnownOrder | None:
        for where in list(self._markets) if market is None else [market]:
            known = self._find((where, order_id))
            if known is not None:
                return known
        return None

    def missing_size(self, order_id: str, market: str | None = None) -> Decimal:
        """What was filled of an order without its executions having been heard of, exact."""
        known = self._known(order_id, market)
        if known is None or known.order is None:
            return _ZERO
        return max(_ZERO, EXACT.subtract(filled(known.order), known.filled))

    def is_confirmed(self, value: Order | Position | Balance) -> bool:
        """Whether the venue has spoken of this order, position or balance since the last hole, in
        words that are known."""
        key = key_of(value)
        return key not in self._unconfirmed and key[1:] not in self._unclear

    @property
    def unconfirmed(self) -> tuple[Order | Position | Balance, ...]:
        """What the venue has not spoken of since the last hole."""
        held: list[Held] = [*self._open_orders()]
        held += list(self._positions.values())
        held += list(self._balances.values())
        return tuple(value for value in held if key_of(value) in self._unconfirmed)

    # --- our own part of a book ---

    def own_size(
        self,
        symbol: str,
        side: str,
        price: Decimal | float | str,
        *,
        unconfirmed: bool = True,
        market: str | None = None,
    ) -> Decimal:
        """What our own orders have resting there, exact. side: "bid" or "ask", of the book.

        `unconfirmed`: whether orders count that have not been heard of since a hole. market: where
        several have such a symbol; else those of all of them count.
        """
        try:
            exact = Decimal(str(price))
        except InvalidOperation:
            raise UsageError(f"price must be a number, was {price!r}") from None
        return self._own(symbol, side, unconfirmed, market).get(exact, _ZERO)

    def net_depth(
        self, book: Book, n: int | None = None, *, unconfirmed: bool = True
    ) -> Depth[list[tuple[Decimal, Decimal]]]:
        """The best `n` levels a side without our own orders, like `book.depth(n, exact=True)`.

        Raises BookNotLive as that does. A level that is ours alone is left out; where an order of
        ours is not yet, or no more, in the book, its level is too small for a moment.
        """
        market = _SHOWS.get(book.market, book.market)
        own = [self._own(book.symbol, side, unconfirmed, market) for side in _SIDES]
        # Levels that are ours alone are left out, and deeper ones take their places.
        depth = book.depth(None if n is None else n + max(map(len, own)), exact=True)
        bids, asks = (without(levels, sizes, n) for levels, sizes in zip(depth, own, strict=True))
        return Depth(bids, asks, depth.complete)

    def _own(
        self, symbol: str, side: str, unconfirmed: bool, market: str | None
    ) -> Mapping[Decimal, Decimal]:
        if side not in _SIDES:
            raise UsageError(f'side must be "bid" or "ask", was {side!r}')
        sizes: dict[Decimal, Decimal] = {}
        for order in self._open_orders():
            price, size = order.exact
            if (
                order.symbol == symbol
                and market in (None, order.market)
                and order.side == _SIDES[side]
                and order.status in RESTING
                and order.type not in NOT_IN_THE_BOOK
                and price is not None
                and size is not None
                and (unconfirmed or self.is_confirmed(order))
            ):
                left = max(_ZERO, EXACT.subtract(size, filled(order)))
                sizes[price] = EXACT.add(sizes.get(price, _ZERO), left)
        return sizes

    def _open_orders(self) -> list[Order]:
        # A copy first: another thread may be reading while this one writes.
        return [known.order for known in list(self._open.values()) if known.order is not None]
