"""What an account of the simulated exchange has, and what orders and fills do to it.

Amounts are exact fractions. An order freezes what it may cost; a fill moves it; what is left comes
back when the order ends. Which market fills an order, and who is told, is not known here. There is
no liquidation and no funding: a futures balance may fall below zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Literal, NamedTuple

from bitmart_book.errors import UsageError
from bitmart_book.sim.market.contracts import Contract
from bitmart_book.sim.market.market import Listing
from bitmart_book.sim.market.matching import Fill

__all__ = [
    "Account",
    "Balance",
    "FuturesAccount",
    "Order",
    "Position",
    "SpotAccount",
    "Traded",
    "written",
]

OrderKind = Literal["limit", "market", "limit_maker", "ioc"]
OrderState = Literal["new", "partially_filled", "filled", "canceled", "partially_canceled"]
# Side of a futures order: what it does to a position.
OPEN_LONG, CLOSE_SHORT, CLOSE_LONG, OPEN_SHORT = 1, 2, 3, 4

SPOT_FEE = Fraction(1, 1_000)
FUTURES_MAKER_FEE = Fraction(2, 10_000)
FUTURES_TAKER_FEE = Fraction(6, 10_000)
# Of an isolated position, what must be left of its margin.
MAINTENANCE = Fraction(5, 1_000)
RICH, COINS = 1_000_000, 100


def written(amount: Fraction, decimals: int) -> str:
    """Rounded to so many decimals, without superfluous zeros: `"37.5"`, `"0"`."""
    units = round(amount * 10**decimals)
    whole, part = divmod(abs(units), 10**decimals)
    text = f"{whole}.{part:0{decimals}d}".rstrip("0").rstrip(".") if decimals else str(whole)
    return f"-{text}" if units < 0 else text


class Balance:
    """Of one currency: what can be used, and what orders hold."""

    __slots__ = ("available", "frozen")

    def __init__(self, available: Fraction) -> None:
        self.available = available
        self.frozen = Fraction(0)


class Traded(NamedTuple):
    """What one fill was worth to its order."""

    fill: Fill
    time_ms: int
    fee: Fraction
    """In `fee_currency`; what was paid."""
    fee_currency: str


class Order:
    """One order of an account. Prices are ticks and sizes lots."""

    __slots__ = (
        "client_id",
        "cost",
        "created_ms",
        "fee",
        "fee_currency",
        "filled",
        "frozen",
        "id",
        "intent",
        "kind",
        "last",
        "price",
        "side",
        "size",
        "state",
        "symbol",
        "updated_ms",
    )

    def __init__(
        self,
        id_: int,
        client_id: str,
        symbol: str,
        side: Literal["buy", "sell"],
        intent: int,
        kind: OrderKind,
        price: int,
        size: int,
        now_ms: int,
    ) -> None:
        self.id = id_
        self.client_id = client_id
        self.symbol = symbol
        self.side: Literal["buy", "sell"] = side
        self.intent = intent
        """Of a futures order: 1 opens a long position, 2 closes a short one, 3 a long one, 4 opens
        a short one. 0 on spot."""
        self.kind: OrderKind = kind
        self.price = price
        self.size = size
        self.created_ms = self.updated_ms = now_ms
        self.state: OrderState = "new"
        self.filled = 0
        self.cost = 0
        """Of what was filled, ticks times lots."""
        self.frozen = Fraction(0)
        self.fee = Fraction(0)
        self.fee_currency = ""
        self.last: Traded | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still be filled."""
        return self.state in ("new", "partially_filled")

    @property
    def opens(self) -> bool:
        """Whether this futures order opens a position, or makes it larger."""
        return self.intent in (OPEN_LONG, OPEN_SHORT)

    def _fill(self, traded: Traded) -> None:
        fill = traded.fill
        self.last = traded
        self.filled += fill.size
        self.cost += fill.price * fill.size
        self.fee += traded.fee
        self.fee_currency = traded.fee_currency
        self.updated_ms = max(self.updated_ms, traded.time_ms)
        self.state = "filled" if self.filled == self.size else "partially_filled"

    def _end(self, now_ms: int) -> None:
        self.state = "partially_canceled" if self.filled else "canceled"
        self.updated_ms = max(self.updated_ms, now_ms)


class Account(ABC):
    """The balances of one account, made when a currency is first used."""

    def __init__(self) -> None:
        self.balances: dict[str, Balance] = {}

    @abstractmethod
    def balance(self, currency: str) -> Balance:
        """Of a currency; UsageError for one that nothing is traded in."""

    @abstractmethod
    def open(self, order: Order, reference: int) -> list[str]:
        """Freeze what an order may cost. `reference` is the worst price that it can be filled at
        to its owner's cost, in ticks. Returns the currencies that changed. UsageError when there
        is not enough, with nothing changed."""

    @abstractmethod
    def fill(self, order: Order, fill: Fill, time_ms: int) -> list[str]:
        """A fill of an order. Returns the currencies that changed."""

    @abstractmethod
    def end(self, order: Order, now_ms: int) -> list[str]:
        """An order is taken out of the market. Returns the currencies that changed."""

    def deposit(self, currency: str, amount: Fraction) -> None:
        """Add to what is available, or take away from it. UsageError when there is not so much."""
        balance = self.balance(currency)
        if balance.available + amount < 0:
            raise UsageError(f"not enough {currency}: {written(balance.available, 30)}")
        balance.available += amount

    def _freeze(self, currency: str, amount: Fraction) -> None:
        balance = self.balance(currency)
        if amount > balance.available:
            raise UsageError(
                f"not enough {currency}: {written(amount, 30)} needed,"
                f" {written(balance.available, 30)} available"
            )
        balance.available -= amount
        balance.frozen += amount


class SpotAccount(Account):
    """Currencies that are swapped for each other. A fee is taken from what is received."""

    def __init__(
        self,
        listings: Mapping[str, Listing],
        currencies: Callable[[str], tuple[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self._listings = listings
        self._currencies = currencies or _around_underscore
        self._rich: dict[str, Fraction] = {}
        for listing in listings.values():
            base, quote = self._currencies(listing.symbol)
            if quote:
                enough = Fraction(listing.size * 1_000, 10**listing.size_decimals)
                self._rich[base] = max(self._rich.get(base, Fraction(0)), enough)
                dollars = quote in ("USDT", "USDC", "USD")
                self._rich.setdefault(quote, Fraction(RICH if dollars else COINS))

    def currencies(self, symbol: str) -> tuple[str, str]:
        """What is bought and sold, and what it is paid with. UsageError for a symbol that does
        not say it."""
        base, quote = self._currencies(symbol)
        if not quote:
            raise UsageError(f"{symbol} does not say what it is paid with: no orders")
        return base, quote

    def balance(self, currency: str) -> Balance:
        balance = self.balances.get(currency)
        if balance is None:
            if currency not in self._rich:
                raise UsageError(f"no currency {currency!r}")
            balance = self.balances[currency] = Balance(self._rich[currency])
        return balance

    def open(self, order: Order, reference: int) -> list[str]:
        base, quote = self.currencies(order.symbol)
        if order.side == "buy":
            currency, amount = quote, self._value(order.symbol, reference * order.size)
        else:
            currency, amount = base, self._size(order.symbol, order.size)
        self._freeze(currency, amount)
        order.frozen = amount
        return [currency]

    def fill(self, order: Order, fill: Fill, time_ms: int) -> list[str]:
        base, quote = self.currencies(order.symbol)
        size = self._size(order.symbol, fill.size)
        value = self._value(order.symbol, fill.price * fill.size)
        left = order.size - order.filled - fill.size
        if order.side == "buy":
            pays, paid, gets, got = quote, value, base, size
        else:
            pays, paid, gets, got = base, size, quote, value
        # What the order still needs stays frozen; a better price gives the rest back.
        kept = order.frozen * Fraction(left, order.size - order.filled)
        released = order.frozen - kept
        order.frozen = kept
        fee = got * SPOT_FEE
        source, target = self.balance(pays), self.balance(gets)
        source.frozen -= released
        source.available += released - paid
        target.available += got - fee
        order._fill(Traded(fill, time_ms, fee, gets))
        return [base, quote]

    def end(self, order: Order, now_ms: int) -> list[str]:
        base, quote = self.currencies(order.symbol)
        currency = quote if order.side == "buy" else base
        balance = self.balance(currency)
        balance.frozen -= order.frozen
        balance.available += order.frozen
        order.frozen = Fraction(0)
        order._end(now_ms)
        return [currency]

    def _size(self, symbol: str, lots: int) -> Fraction:
        return Fraction(lots, 10 ** self._listings[symbol].size_decimals)

    def _value(self, symbol: str, ticks_lots: int) -> Fraction:
        listing = self._listings[symbol]
        return Fraction(ticks_lots, 10 ** (listing.price_decimals + listing.size_decimals))


def _around_underscore(symbol: str) -> tuple[str, str]:
    base, _, quote = symbol.partition("_")
    return base, quote


class Position:
    """The long or the short position of one contract. Prices are exact; volumes are contracts."""

    __slots__ = (
        "closed",
        "closed_cost",
        "created_ms",
        "deposit",
        "frozen",
        "long",
        "opened",
        "opened_cost",
        "symbol",
        "updated_ms",
        "volume",
        "volume_cost",
    )

    def __init__(self, symbol: str, long: bool, now_ms: int) -> None:
        self.symbol = symbol
        self.long = long
        self.created_ms = self.updated_ms = now_ms
        self.volume = self.opened = self.closed = self.frozen = 0
        """`frozen` is what orders that would close it hold."""
        self.volume_cost = self.opened_cost = self.closed_cost = Fraction(0)
        """Prices times contracts."""
        self.deposit = Fraction(0)

    @staticmethod
    def average(cost: Fraction, volume: int) -> Fraction:
        """Price of each; zero of none."""
        return cost / volume if volume else Fraction(0)


class FuturesAccount(Account):
    """Margins and positions. Contracts that are settled in coins cannot be traded here."""

    def __init__(self, contracts: Mapping[str, Contract], leverage: int, isolated: bool) -> None:
        super().__init__()
        self.positions: dict[tuple[str, bool], Position] = {}
        """By symbol and whether it is long. One that was closed stays until it is opened again."""
        self.leverage = leverage
        self.isolated = isolated
        self._contracts = contracts
        self._settle = {contract.settle for contract in contracts.values()} | {"USDT", "BTC", "ETH"}

    def balance(self, currency: str) -> Balance:
        balance = self.balances.get(currency)
        if balance is None:
            if currency not in self._settle:
                raise UsageError(f"no currency {currency!r}")
            enough = RICH if currency in ("USDT", "USDC") else COINS
            balance = self.balances[currency] = Balance(Fraction(enough))
        return balance

    def deposits(self, currency: str) -> Fraction:
        """What positions hold of a currency."""
        held = (p for p in self.positions.values() if self._contract(p.symbol).settle == currency)
        return sum((position.deposit for position in held), Fraction(0))

    def open(self, order: Order, reference: int) -> list[str]:
        contract = self._contract(order.symbol)
        if contract.inverse:
            raise UsageError(f"{order.symbol} is settled in {contract.settle}: no orders")
        if not order.opens:
            position = self._position(order)
            free = 0 if position is None else position.volume - position.frozen
            if position is None or order.size > free:
                raise UsageError(f"{order.symbol}: only {free} contracts can be closed")
            position.frozen += order.size
            return []
        value = self._value(contract, Fraction(reference * order.size))
        amount = value * (Fraction(1, self.leverage) + FUTURES_TAKER_FEE)
        self._freeze(contract.settle, amount)
        order.frozen = amount
        return [contract.settle]

    def fill(self, order: Order, fill: Fill, time_ms: int) -> list[str]:
        contract = self._contract(order.symbol)
        value = self._value(contract, Fraction(fill.price * fill.size))
        fee = value * (FUTURES_MAKER_FEE if fill.maker else FUTURES_TAKER_FEE)
        balance = self.balance(contract.settle)
        price = Fraction(fill.price, 10**contract.listing.price_decimals)
        if order.opens:
            left = order.size - order.filled - fill.size
            kept = order.frozen * Fraction(left, order.size - order.filled)
            deposit = value / self.leverage
            balance.frozen -= order.frozen - kept
            balance.available += order.frozen - kept - deposit - fee
            order.frozen = kept
            self._opened(order, fill.size, price, deposit, time_ms)
        else:
            balance.available += self._closed(order, contract, fill.size, price, time_ms) - fee
        order._fill(Traded(fill, time_ms, fee, contract.settle))
        return [contract.settle]

    def end(self, order: Order, now_ms: int) -> list[str]:
        order._end(now_ms)
        if not order.opens:
            position = self._position(order)
            assert position is not None
            position.frozen -= order.size - order.filled
            return []
        settle = self._contract(order.symbol).settle
        balance = self.balance(settle)
        balance.frozen -= order.frozen
        balance.available += order.frozen
        order.frozen = Fraction(0)
        return [settle]

    def described(self) -> list[dict[str, str]]:
        """The open positions as texts."""
        return [
            {
                "symbol": position.symbol,
                "side": "long" if position.long else "short",
                "size": self._written_size(position),
                "entry_price": written(position.average(position.volume_cost, position.volume), 18),
            }
            for position in self.positions.values()
            if position.volume
        ]

    def _written_size(self, position: Position) -> str:
        decimals = self._contract(position.symbol).listing.size_decimals
        return written(Fraction(position.volume, 10**decimals), decimals)

    def liquidation(self, position: Position) -> Fraction:
        """The price at which its margin is used up; zero where the whole account stands for it."""
        if not self.isolated or not position.volume:
            return Fraction(0)
        entry = position.average(position.volume_cost, position.volume)
        margin = Fraction(1, self.leverage) - MAINTENANCE
        return entry * (1 - margin if position.long else 1 + margin)

    def _contract(self, symbol: str) -> Contract:
        return self._contracts[symbol]

    @staticmethod
    def _value(contract: Contract, ticks_lots: Fraction) -> Fraction:
        price_unit = Fraction(1, 10**contract.listing.price_decimals)
        return ticks_lots * price_unit * Fraction(contract.size)

    def _position(self, order: Order) -> Position | None:
        return self.positions.get((order.symbol, order.intent in (OPEN_LONG, CLOSE_LONG)))

    def _opened(
        self, order: Order, size: int, price: Fraction, deposit: Fraction, time_ms: int
    ) -> None:
        position = self._position(order)
        if position is None or not position.volume:
            long = order.intent == OPEN_LONG
            position = self.positions[order.symbol, long] = Position(order.symbol, long, time_ms)
        position.volume += size
        position.opened += size
        position.volume_cost += price * size
        position.opened_cost += price * size
        position.deposit += deposit
        position.updated_ms = max(position.updated_ms, time_ms)

    def _closed(
        self, order: Order, contract: Contract, size: int, price: Fraction, time_ms: int
    ) -> Fraction:
        """What comes back: the margin, and what was won or lost."""
        position = self._position(order)
        assert position is not None
        share = Fraction(size, position.volume)
        entry = position.average(position.volume_cost, position.volume)
        won = (price - entry) * size * Fraction(contract.size) * (1 if position.long else -1)
        back = position.deposit * share
        position.deposit -= back
        position.volume_cost -= position.volume_cost * share
        position.volume -= size
        position.frozen -= size
        position.closed += size
        position.closed_cost += price * size
        position.updated_ms = max(position.updated_ms, time_ms)
        return back + won
