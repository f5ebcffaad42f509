"""Bybit's private address: the login, topics by category, and news of one unified account.

Spot and linear contracts can be traded; of inverse ones nothing ever happens here. The linear
account is in hedge mode, and both share one wallet. Ids of orders are numbers, where the venue has
UUIDs on contracts.

Sources: as `bybit_wire`. Not documented, and therefore guesses: what errors say, except of a login;
that a refused login leaves the connection open. Which of an order's two topics speaks first is a
matter of chance here, as nobody promises anything.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from bitmart_book.sim.account import bybit_wire as words
from bitmart_book.sim.account.accounts import (
    FuturesAccount,
    Order,
    Position,
    SpotAccount,
    written,
)
from bitmart_book.sim.account.private import Keys, Listeners
from bitmart_book.sim.account.trading import MATCHED, Trading
from bitmart_book.sim.market.contracts import Contract
from bitmart_book.sim.market.market import Listing
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.lines import Connection, Lines, decoded
from bitmart_book.sim.venue.public import PublicFeed

__all__ = ["ENDPOINTS", "PATH", "BybitPrivate", "open_accounts"]

PATH = "/bybit/v5/private"
# A client may have a name of its own for each market; the address is one.
ENDPOINTS = ("bybit_private", "bybit_inverse_private", "bybit_spot_private")
CATEGORIES = {"bybit": "linear", "bybit-spot": "spot", "bybit-inverse": "inverse"}
FIRST_ORDER_IDS = {"bybit": 500_000_000_000_000, "bybit-spot": 1_900_000_000_000_000_000}
LEVERAGE = 10
_TOPICS = {
    **{f"{name}.{category}": name for name in ("order", "execution", "position")
       for category in CATEGORIES.values()},
    **{name: name for name in ("order", "execution", "position", "wallet")},
}  # fmt: skip
del _TOPICS["position.spot"]
_STATES = {
    "new": "New",
    "partially_filled": "PartiallyFilled",
    "filled": "Filled",
    "canceled": "Cancelled",
    "partially_canceled": "PartiallyFilledCanceled",
}
_LASTS = {"limit": "GTC", "market": "IOC", "limit_maker": "PostOnly", "ioc": "IOC"}
_QUOTES = ("USDT", "USDC")
# Amounts are written with so many decimals.
_MONEY = 18


def currencies(symbol: str) -> tuple[str, str]:
    """What is traded there, and what it is paid with."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    return symbol.removesuffix("PERP"), "USDC"


def signature(keys: Keys, expires: int) -> str:
    """What a login that is good until then (milliseconds) must carry."""
    text = f"GET/realtime{expires}"
    return hmac.new(keys.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Market(NamedTuple):
    """What can be traded in one category, and for whom."""

    category: str
    trading: Trading
    listings: Mapping[str, Listing]


class BybitPrivate:
    """The private address, and all that it tells."""

    def __init__(
        self,
        lines: Lines,
        keys: Keys,
        *,
        seed: int,
        clock: Clock,
        login_ms: Callable[[], int],
    ) -> None:
        self._lines = lines
        self._keys = keys
        self._seed = seed
        self._clock = clock
        self._login_ms = login_ms
        self._chance = random.Random(f"bybit private {seed}")
        self._listeners = Listeners(lines)
        self._pushes = 0
        self.markets: dict[str, Market] = {}
        """By our names of them."""

    # A client's messages

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client. A request has one answer."""
        message = decoded(payload)
        if not isinstance(message, dict):
            self._answer(connection, "", None, "error:invalid request")
            return
        operation, args, request = message.get("op"), message.get("args"), message.get("req_id")
        if operation == "ping":
            ms = self._clock.ms(self._lines.now)
            self._lines.reply(connection, words.pong(_name(connection), request, ms))
        elif operation == "auth":
            self._answer(connection, "auth", request, self._login(connection, args))
        elif operation in ("subscribe", "unsubscribe"):
            self._serve(connection, operation, args, request)
        else:
            self._answer(connection, str(operation or ""), request, "error:invalid op")

    def _serve(self, connection: Connection, operation: str, args: Any, request: Any) -> None:
        problem = self._problem(connection, operation, args)
        self._answer(connection, operation, request, problem)
        if problem is not None:
            return
        listeners = self._listeners
        change = listeners.join if operation == "subscribe" else listeners.leave
        for topic in args:
            change(connection, topic)

    def too_fast(self, connection: Connection) -> bool:
        """No limit of messages is published."""
        del connection
        return True

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self._listeners.left(connection)

    def _answer(
        self, connection: Connection, operation: str, request: Any, problem: str | None
    ) -> None:
        text = words.answer(operation, _name(connection), request, problem)
        self._lines.reply(connection, text)

    def _login(self, connection: Connection, args: Any) -> str | None:
        """Why a login is refused: whatever is wrong with it, it is said in the same words."""
        key, expires, sign = args if isinstance(args, list) and len(args) == 3 else ("", 0, "")
        try:
            until = int(expires)
        except (TypeError, ValueError):
            until = 0
        if key != self._keys.key or until <= self._login_ms():
            return "Params Error"
        if not hmac.compare_digest(str(sign).encode(), signature(self._keys, until).encode()):
            return "Params Error"
        connection.account = self
        return None

    def _problem(self, connection: Connection, operation: str, args: Any) -> str | None:
        if not isinstance(args, list) or not args or not all(isinstance(a, str) for a in args):
            return "error:args is empty"
        if connection.account is None:
            return f"error:topic:{args[0]} needs auth first"
        for topic in args:
            if topic not in _TOPICS:
                return f"error:handler not found,topic:{topic}"
            if operation == "subscribe" and topic in connection.topics:
                return f"error:already subscribed,topic:{topic}"
        asked = {name: {"." in topic for topic in args if _TOPICS[topic] == name}
                 for name in ("order", "execution", "position")}  # fmt: skip
        if any(len(kinds) == 2 for kinds in asked.values()):
            return "error:All-In-One topic and Categorised topic in one request"
        return None

    # News

    def tell(self, name: str, category: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Push rows to those who asked for their category, and to those who asked for all."""
        rows = list(rows)
        topics = (name,) if name == "wallet" else (f"{name}.{category}", name)
        for topic in topics:
            self._pushes += 1
            id_ = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._seed} {self._pushes}").hex
            ms = self._clock.ms(self._lines.now)
            self._listeners.push(topic, words.pushed(topic, id_, ms, rows))

    def tell_wallet(self, names: Iterable[str]) -> None:
        """What there is of these currencies now."""
        self.tell("wallet", "", [words.wallet(self._coin(name) for name in names)])

    def _coin(self, currency: str) -> dict[str, str]:
        spot, linear = self.markets["bybit-spot"], self.markets["bybit"]
        balance = spot.trading.account.balance(currency)
        locked = sum(
            (
                order.frozen
                for order in spot.trading.orders.values()
                if order.is_open
                and currencies(order.symbol)[1 if order.side == "buy" else 0] == currency
            ),
            Fraction(0),
        )
        account = linear.trading.account
        assert isinstance(account, FuturesAccount)
        held = account.deposits(currency)
        total = written(balance.available + balance.frozen + held, _MONEY)
        return {
            "coin": currency,
            "equity": total,
            "walletBalance": total,
            "locked": written(locked, _MONEY),
            "totalOrderIM": written(balance.frozen - locked, _MONEY),
            "totalPositionIM": written(held, _MONEY),
        }

    def toss(self) -> bool:
        """One of two, by chance."""
        return self._chance.random() < 0.5


class _Desk:
    """Writes what happens to the orders of one market."""

    def __init__(self, address: BybitPrivate, market: Market) -> None:
        self._address = address
        self._market = market
        self._contract = market.category != "spot"

    def order_changed(self, order: Order, action: int) -> None:
        """It was matched, submitted or cancelled: its state says which."""
        category = self._market.category
        news = [("order", self._order(order))]
        if action == MATCHED:
            news.append(("execution", self._execution(order)))
            if self._address.toss():
                news.reverse()
        for name, row in news:
            self._address.tell(name, category, [row])
        if self._contract and action != MATCHED:
            # Said of every order that comes or goes, whether or not it is another one.
            self.positions_changed(order.symbol)

    def balances_changed(self, event: str, currencies: list[str]) -> None:
        """The balances of these currencies are others now."""
        del event
        self._address.tell_wallet(currencies)

    def positions_changed(self, symbol: str) -> None:
        """A position in that contract may be another one now."""
        account = self._market.trading.account
        if not isinstance(account, FuturesAccount):
            return
        held = [one for one in account.positions.values() if one.symbol == symbol]
        if held:
            rows = [self._position(account, one) for one in held]
            self._address.tell("position", self._market.category, rows)

    def _named(self, order: Order) -> dict[str, Any]:
        return {
            "category": self._market.category,
            "symbol": order.symbol,
            "orderId": str(order.id),
            "orderLinkId": order.client_id,
            "side": order.side.capitalize(),
            "orderType": "Market" if order.kind == "market" else "Limit",
            "isLeverage": "" if self._contract else "0",
        }

    def _order(self, order: Order) -> dict[str, Any]:
        listing = self._market.listings[order.symbol]
        price, size = listing.price_decimals, listing.size_decimals
        state = _STATES[order.state]
        if self._contract and order.state == "partially_canceled":
            state = "Cancelled"
        average = Fraction(order.cost, order.filled * 10**price) if order.filled else None
        left = order.size - order.filled if order.is_open else 0
        values = {
            **self._named(order),
            "positionIdx": self._place(order),
            "orderStatus": state,
            "cancelType": "CancelByUser" if order.state.endswith("canceled") else "UNKNOWN",
            "timeInForce": _LASTS[order.kind],
            "price": _units(order.price, price),
            "qty": _units(order.size, size),
            "avgPrice": "" if average is None else written(average, _MONEY),
            "leavesQty": _units(left, size),
            "leavesValue": _units(left * order.price, price + size),
            "cumExecQty": _units(order.filled, size),
            "cumExecValue": _units(order.cost, price + size),
            "cumExecFee": written(order.fee, _MONEY),
            "reduceOnly": bool(order.intent) and not order.opens,
            "marketUnit": "baseCoin" if order.kind == "market" and not self._contract else "",
            "createdTime": str(order.created_ms),
            "updatedTime": str(order.updated_ms),
            "feeCurrency": "" if self._contract else order.fee_currency,
        }
        return words.order(values, contract=self._contract)

    def _execution(self, order: Order) -> dict[str, Any]:
        traded = order.last
        assert traded is not None
        listing, fill = self._market.listings[order.symbol], traded.fill
        price, size = listing.price_decimals, listing.size_decimals
        id_ = uuid.uuid5(uuid.NAMESPACE_OID, f"{order.symbol} {order.id} {fill.number}")
        values = {
            **self._named(order),
            "execId": str(id_),
            "execPrice": _units(fill.price, price),
            "execQty": _units(fill.size, size),
            "execValue": _units(fill.price * fill.size, price + size),
            "execFee": written(traded.fee, _MONEY),
            "feeCurrency": traded.fee_currency,
            "execTime": str(traded.time_ms),
            "leavesQty": _units(order.size - order.filled, size),
            "orderPrice": _units(order.price, price),
            "orderQty": _units(order.size, size),
            "isMaker": fill.maker,
            "isLeverage": "0",
            "seq": fill.number,
        }
        return words.execution(values, contract=self._contract)

    def _place(self, order: Order) -> int:
        """Which position it is about: the long one is 1, the short one 2; on spot there is none."""
        if not order.intent:
            return 0
        return 1 if order.opens == (order.side == "buy") else 2

    def _position(self, account: FuturesAccount, held: Position) -> dict[str, Any]:
        listing = self._market.listings[held.symbol]
        size = _units(held.volume, listing.size_decimals)
        side = "Buy" if held.long else "Sell"
        average = held.average(held.volume_cost, held.volume)
        values = {
            "symbol": held.symbol,
            "category": self._market.category,
            "positionIdx": 1 if held.long else 2,
            "side": side if held.volume else "",
            "size": size,
            "entryPrice": written(average, _MONEY),
            "leverage": str(account.leverage),
            "positionIM": written(held.deposit, _MONEY),
            "createdTime": str(held.created_ms),
            "updatedTime": str(held.updated_ms),
            "seq": held.updated_ms,
        }
        return words.position(values)


def open_accounts(
    lines: Lines,
    feeds: Mapping[str, PublicFeed],
    keys: Keys,
    *,
    seed: int,
    clock: Clock,
    login_ms: Callable[[], int],
) -> tuple[BybitPrivate, dict[str, Trading]]:
    """The private address, and what can be traded by whoever logs in there, by market."""
    address = BybitPrivate(lines, keys, seed=seed, clock=clock, login_ms=login_ms)
    spot = SpotAccount(feeds["bybit-spot"].listings, currencies)
    linear = FuturesAccount(_contracts(feeds["bybit"].listings), LEVERAGE, isolated=False)
    # One wallet for both.
    linear.balances = spot.balances
    found: dict[str, Trading] = {}
    for market, account in (("bybit", linear), ("bybit-spot", spot)):
        feed = feeds[market]
        trading = Trading(lines, feed, account, market, FIRST_ORDER_IDS[market])
        where = address.markets[market] = Market(CATEGORIES[market], trading, feed.listings)
        trading.listener = _Desk(address, where)
        feed.settle = trading.settle
        found[market] = trading
    return address, found


def _contracts(listings: Mapping[str, Listing]) -> dict[str, Contract]:
    """Sizes are in the base currency, so that a contract is one lot of it."""
    return {
        symbol: Contract(listing, Decimal(1).scaleb(-listing.size_decimals), *currencies(symbol))
        for symbol, listing in listings.items()
    }


def _units(units: int, decimals: int) -> str:
    return written(Fraction(units, 10**decimals), decimals)


def _name(connection: Connection) -> str:
    """What the venue calls a connection."""
    return f"cpriv{connection.id:06x}"
