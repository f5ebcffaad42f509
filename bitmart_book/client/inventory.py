"""What was bought and sold: position, average price, what was realised, fees; by market and symbol.

Sans-I/O. It counts executions, each once, and believes what an order says of itself where an
execution was not heard: how much of it was filled, and for how much money. Nothing is guessed:
where neither tells, `certain` is False.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Context, Decimal

import msgspec

from bitmart_book.client.known import EXACT, KnownOrder, filled
from bitmart_book.client.shown import Shown
from bitmart_book.model import Fill, Instrument, OrderStatus, Position

__all__ = ["Holding", "Inventory"]

_ZERO = Decimal(0)
_READABLE = Context(prec=34)
# Orders whose counts are remembered.
REMEMBERED = 20_000


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What was traded of a symbol since its orders were subscribed, or `reconcile` said what there
    is. Sizes and prices are exact; sizes count contracts where the book's do.

    `realised` is without fees, in the currency of the prices; None where the size of a contract is
    not known (`instruments`), or it is inverse.
    """

    market: str
    symbol: str
    position: Decimal = _ZERO
    """Bought less sold: negative where more was sold."""
    average_price: Decimal | None = None
    """Of what is held; None where nothing is."""
    realised: Decimal | None = _ZERO
    fees: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """By currency ("" where the venue did not say which), with the venue's own signs."""
    bought: Decimal = _ZERO
    sold: Decimal = _ZERO
    certain: bool = True
    """False after a hole in the stream until `reconcile`, and where an order says that more was
    filled than its executions, and not for how much."""


class _Counted:
    """How much of an order is counted, and for how much money; and what of that had been filled
    before anybody listened. `paid_before` None: nobody knows for how much."""

    __slots__ = ("before", "notional", "paid_before", "size")

    def __init__(self, before: Decimal, paid_before: Decimal | None) -> None:
        self.before = self.size = before
        self.paid_before = paid_before
        self.notional = paid_before or _ZERO


class _Ledger:
    """One symbol. Sums are kept, and a `Holding` is made of them for whoever reads."""

    def __init__(self) -> None:
        self.position = _ZERO
        self.cost = _ZERO
        """What is held, at its average price; negative where it was sold."""
        self.gained = _ZERO
        self.bought = _ZERO
        self.sold = _ZERO
        self.fees: dict[str, Decimal] = {}
        self.hole = False
        self.open_questions: set[str] = set()
        """Orders of which it is not known what they came to."""

    def trade(self, size: Decimal, notional: Decimal) -> None:
        """Bought so much (sold, where both are negative) for so much."""
        if size > 0:
            self.bought = EXACT.add(self.bought, size)
        else:
            self.sold = EXACT.subtract(self.sold, size)
        held = self.position
        if held and (held > 0) != (size > 0):
            closing = min(abs(size), abs(held))
            share = EXACT.divide(closing, abs(size))
            closed = EXACT.multiply(notional, share)
            out = (
                self.cost
                if closing == abs(held)
                else EXACT.divide(EXACT.multiply(self.cost, closing), abs(held))
            )
            # What was paid for it and what came in have opposite signs.
            self.gained = EXACT.subtract(self.gained, EXACT.add(out, closed))
            self.cost = EXACT.subtract(self.cost, out)
            self.cost = EXACT.add(self.cost, EXACT.subtract(notional, closed))
        else:
            self.cost = EXACT.add(self.cost, notional)
        self.position = EXACT.add(held, size)


class Inventory(Shown, Mapping[str, Holding]):
    """Holdings by symbol; of the same symbol in two markets by "market:symbol" too.

        inventory = feed.account.inventory
        inventory["BTC_USDT"].position

    A symbol that was never traded has a holding of nothing.
    """

    def __init__(
        self,
        instruments: Callable[[], Mapping[str, Instrument]],
        counts_contracts: Callable[[str], bool] | None = None,
    ) -> None:
        self._instruments = instruments
        self._counts_contracts = counts_contracts or (lambda market: market == "futures")
        self._ledgers: dict[tuple[str, str], _Ledger] = {}
        self._counted: dict[tuple[str, str], _Counted] = {}
        self._holed: set[str | None] = set()
        self._begun: dict[str, int] = {}

    # --- reading ---

    @property
    def certain(self) -> bool:
        """Whether every holding is."""
        return not self._holed and all(self[key].certain for key in self)

    def of(self, symbol: str, market: str | None = None) -> Holding:
        """The holding of a symbol, of that market where several have it."""
        for (where, what), ledger in list(self._ledgers.items()):
            if what == symbol and market in (None, where):
                return self._holding(where, what, ledger)
        return Holding(
            market=market or "",
            symbol=symbol,
            certain=not (self._holed if market is None else self._holed & {market, None}),
        )

    def __getitem__(self, key: str) -> Holding:
        market, _, symbol = key.partition(":")
        return self.of(symbol, market) if symbol else self.of(key)

    def __iter__(self) -> Iterator[str]:
        names = [symbol for _, symbol in list(self._ledgers)]
        for market, symbol in list(self._ledgers):
            yield symbol if names.count(symbol) == 1 else f"{market}:{symbol}"

    def __contains__(self, key: object) -> bool:
        return key in list(self)

    def __len__(self) -> int:
        return len(self._ledgers)

    def __repr__(self) -> str:
        held = ", ".join(f"{key} {self[key].position}" for key in self)
        return f"<Inventory {held or 'of nothing'}{'' if self.certain else ', not certain'}>"

    def _holding(self, market: str, symbol: str, ledger: _Ledger) -> Holding:
        size = self._contract_size(market, symbol)
        average = _tidy(EXACT.divide(ledger.cost, ledger.position)) if ledger.position else None
        return Holding(
            market=market,
            symbol=symbol,
            position=ledger.position,
            average_price=average,
            realised=None if size is None else _tidy(EXACT.multiply(ledger.gained, size)),
            fees=dict(ledger.fees),
            bought=ledger.bought,
            sold=ledger.sold,
            certain=not (ledger.hole or ledger.open_questions or self._holed & {market, None}),
        )

    def _contract_size(self, market: str, symbol: str) -> Decimal | None:
        """What one is worth of what a price is of; None where nobody knows, and of inverse ones."""
        there = self._instruments()
        for name in (f"{market}:{symbol}", symbol):
            one = there.get(name)
            if one is not None and one.market == market:
                if one.inverse:
                    return None
                if one.contract_size is not None:
                    return one.contract_size
        return None if self._counts_contracts(market) else Decimal(1)

    # --- writing ---

    def heard(self, known: KnownOrder, fill: Fill | None, *, whole: bool) -> None:
        """A word about an order, and an execution that had not been counted, if there is one.
        `whole`: every earlier order of its market is known."""
        order = known.order
        about = order if order is not None else fill
        if about is None or about.side not in ("buy", "sell"):
            return
        key = (about.market, about.order_id)
        ledger = self._ledger(about.market, about.symbol)
        counted = self._counted.get(key)
        if counted is None:
            counted = self._counted[key] = self._first(known, whole)
            while len(self._counted) > REMEMBERED:
                del self._counted[next(iter(self._counted))]
        self._count_up(ledger, counted, known)
        if fill is not None and fill.exact.fee is not None:
            currency = fill.fee_currency or ""
            fees = EXACT.add(ledger.fees.get(currency, _ZERO), fill.exact.fee)
            ledger.fees[currency] = fees

    def _ledger(self, market: str, symbol: str) -> _Ledger:
        return self._ledgers.setdefault((market, symbol), _Ledger())

    def _first(self, known: KnownOrder, whole: bool) -> _Counted:
        """Of an order that is heard of for the first time: what was filled before anybody
        listened."""
        order = known.order
        if order is None:
            return _Counted(_ZERO, _ZERO)
        begun = self._begun.setdefault(order.market, order.update_time_ms or 0)
        created = order.create_time_ms
        if whole or (created is not None and (created >= begun or created == order.update_time_ms)):
            return _Counted(_ZERO, _ZERO)
        return _before(known)

    def _count_up(self, ledger: _Ledger, counted: _Counted, known: KnownOrder) -> None:
        order = known.order
        told = _ZERO if order is None else filled(order)
        heard = EXACT.add(counted.before, known.filled)
        total = max(told, heard)
        more = EXACT.subtract(total, counted.size)
        name, side = _name_and_side(known)
        if order is not None and order.status == OrderStatus.FINISHED:
            # Over, and nobody said what it came to.
            ledger.open_questions.add(name)
        elif more <= 0:
            ledger.open_questions.discard(name)
        elif (paid := _paid_for(known, counted, told > heard)) is None:
            ledger.open_questions.add(name)
        else:
            ledger.open_questions.discard(name)
            sign = 1 if side == "buy" else -1
            ledger.trade(sign * more, sign * EXACT.subtract(paid, counted.notional))
            counted.size, counted.notional = total, paid

    def forget(self, market: str | None, about: Collection[str] | None = None) -> None:
        """Executions may have been missed: of these symbols of a market, or of all."""
        if about is None:
            self._holed.add(market)
            return
        for symbol in about:
            if market is not None:
                self._ledger(market, symbol).hole = True

    def reconciled(self, market: str, symbol: str | None) -> None:
        """Every order of a hole was told of, with what it came to."""
        for (where, what), ledger in self._ledgers.items():
            if where == market and symbol in (None, what):
                ledger.hole = False
        if symbol is None:
            self._holed.discard(market)
            self._holed.discard(None)

    def correct(self, market: str, symbol: str | None, positions: list[Position]) -> None:
        """What is held of each contract of a market, or of one, as the venue said when it was
        asked."""
        for position in positions:
            if position.market == market and symbol in (None, position.symbol):
                self._ledger(market, position.symbol)
        for (where, what), ledger in self._ledgers.items():
            if where == market and symbol in (None, what):
                mine = [one for one in positions if (one.market, one.symbol) == (market, what)]
                net, cost = _net(mine)
                if ledger.position != net:
                    ledger.position, ledger.cost = net, cost
                ledger.hole = False
                ledger.open_questions.clear()
        if symbol is None:
            self._holed.discard(market)

    def known_before(self, known: KnownOrder) -> None:
        """An order that was there when the account began: what it came to before does not count."""
        order = known.order
        if order is not None:
            self._counted.setdefault((order.market, order.order_id), _before(known))


def _net(positions: list[Position]) -> tuple[Decimal, Decimal]:
    """What long and short ones are together, and what that cost."""
    net = cost = _ZERO
    for position in positions:
        size = position.exact.size if position.side != "short" else -position.exact.size
        net = EXACT.add(net, size)
        cost = EXACT.add(cost, EXACT.multiply(size, position.exact.average_price or _ZERO))
    return net, cost


def _before(known: KnownOrder) -> _Counted:
    """What was filled of an order without its executions having been heard."""
    order = known.order
    assert order is not None
    size = max(_ZERO, EXACT.subtract(filled(order), known.filled))
    paid = order.exact.filled_notional
    if not size:
        return _Counted(_ZERO, _ZERO)
    return _Counted(size, None if paid is None else EXACT.subtract(paid, _paid(known)))


def _name_and_side(known: KnownOrder) -> tuple[str, str | None]:
    about = known.order or known.fills[0]
    return about.order_id, about.side


def _paid_for(known: KnownOrder, counted: _Counted, more_told: bool) -> Decimal | None:
    """For how much money all of it was, before and since; None where nobody knows."""
    if not more_told:
        # The executions tell of all that was filled since somebody listened.
        return EXACT.add(counted.paid_before or _ZERO, _paid(known))
    order = known.order
    if order is None or counted.paid_before is None:
        return None
    return order.exact.filled_notional


def _paid(known: KnownOrder) -> Decimal:
    total = _ZERO
    for fill in known.fills:
        total = EXACT.add(total, EXACT.multiply(fill.exact.price, fill.exact.size))
    return total


def _tidy(number: Decimal) -> Decimal:
    """Rounded to 34 digits, which is what quotients need, without superfluous zeros."""
    rounded = _READABLE.plus(number).normalize(_READABLE)
    return Decimal(f"{rounded:f}")
