"""The private addresses of the simulated exchange: logins, topics, and news of the account.

A connection logs in once, with BitMart's signature, and hears of the account of the box: orders
and balances on spot, orders, positions and assets on futures.

Source: the private channels of BitMart's spot and futures v2 API references.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from bitmart_book.sim.account import private_wire as words
from bitmart_book.sim.account.accounts import FuturesAccount, Order, Position, SpotAccount, written
from bitmart_book.sim.account.trading import SUBMITTED
from bitmart_book.sim.market.market import Listing
from bitmart_book.sim.venue import futures_wire, wire
from bitmart_book.sim.venue.framing import SpotFraming
from bitmart_book.sim.venue.futures import PRIVATE, Futures
from bitmart_book.sim.venue.futures_desk import first_trade_id
from bitmart_book.sim.venue.knobs import Knobs
from bitmart_book.sim.venue.lines import POLICY_VIOLATION, Connection, Lines

__all__ = ["FuturesPrivate", "Keys", "Listeners", "SpotPrivate", "signature"]

CLOCK_MS = 60_000
ORDERS = "spot/user/orders:ALL_SYMBOLS"
BALANCE = "spot/user/balance:BALANCE_UPDATE"
ASSETS = ("USDT", "BTC", "ETH")
# Both are numbers on the wire; on spot as texts.
SPOT_STATES = {
    "new": "4",
    "partially_filled": "5",
    "filled": "6",
    "canceled": "8",
    "partially_canceled": "12",
}
SPOT_TYPES = {"limit": "0", "market": "0", "limit_maker": "1", "ioc": "3"}
ENTRUSTED = {"limit": "normal", "market": "normal", "limit_maker": "limit_maker", "ioc": "ioc"}
APPROVAL, RESTING, FINISHED = 1, 2, 4


class Keys(NamedTuple):
    """What logs in to the account of the box."""

    key: str
    secret: str
    memo: str

    @classmethod
    def of(cls, seed: int) -> Keys:
        """The same seed, the same keys."""
        chance = random.Random(f"credentials {seed}")
        return cls(f"{chance.getrandbits(160):040x}", f"{chance.getrandbits(256):064x}", "box")


def signature(keys: Keys, timestamp: str) -> str:
    """What a login at that time (milliseconds, as a text) must carry."""
    text = f"{timestamp}#{keys.memo}#bitmart.WebSocket"
    return hmac.new(keys.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def login_problem(keys: Keys, args: list[Any], now_ms: int) -> str | None:
    """The code of what is wrong with a login, None when it is right."""
    key, timestamp, sign = (str(args[at]) if at < len(args) else "" for at in range(3))
    if not key:
        return "91001"
    if not timestamp:
        return "91021"
    if not sign:
        return "91010"
    if key != keys.key:
        return "91002"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 13):
        return "91023"
    if abs(int(timestamp) - now_ms) > CLOCK_MS:
        return "91022"
    expected = signature(keys, timestamp)
    return None if hmac.compare_digest(sign.encode(), expected.encode()) else "91011"


class Listeners:
    """Who listens to which topic."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._topics: dict[str, dict[int, Connection]] = {}

    def join(self, connection: Connection, topic: str) -> None:
        """A connection asks for a topic."""
        connection.subscribed = True
        connection.topics[topic] = None
        self._topics.setdefault(topic, {})[connection.id] = connection

    def leave(self, connection: Connection, topic: str) -> None:
        """It does not want it any more."""
        connection.topics.pop(topic, None)
        self._topics.get(topic, {}).pop(connection.id, None)

    def left(self, connection: Connection) -> None:
        """It is gone."""
        for topic in list(connection.topics):
            self.leave(connection, topic)

    def of(self, topic: str) -> Iterable[Connection]:
        """Who asked for a topic."""
        return self._topics.get(topic, {}).values()

    def push(self, topic: str, text: str) -> None:
        """Send to all of these."""
        self._lines.push(text, self.of(topic))


class SpotPrivate:
    """Spot's private address, and the listener of its account."""

    def __init__(
        self,
        lines: Lines,
        knobs: Knobs,
        keys: Keys,
        account: SpotAccount,
        listings: Mapping[str, Listing],
        *,
        seed: int,
        now_ms: Callable[[], int],
        login_ms: Callable[[], int],
    ) -> None:
        self._lines = lines
        self._knobs = knobs
        self._keys = keys
        self._account = account
        self._listings = listings
        self._seed = seed
        self._now_ms = now_ms
        self._login_ms = login_ms
        self._framing = SpotFraming(lines, knobs)
        self._listeners = Listeners(lines)

    # A client's messages

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client."""
        operations = ("login", "subscribe", "unsubscribe")
        understood = self._framing.understood(connection, payload, operations)
        if understood is None:
            return
        operation, args = understood
        if operation == "login":
            self._login(connection, args)
        elif connection.account is None:
            self._framing.error(connection, operation, "91006", args[0])
        else:
            for topic in args:
                if self._lines.is_open(connection):
                    self._serve(connection, operation, topic)

    def too_fast(self, connection: Connection) -> bool:
        """More messages than are allowed."""
        return self._framing.too_fast(connection)

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self._listeners.left(connection)

    def _login(self, connection: Connection, args: list[Any]) -> None:
        if connection.account is not None:
            self._framing.error(connection, "login", "91005", None)
            return
        problem = login_problem(self._keys, args, self._login_ms())
        if problem is None:
            connection.account = self._account
            self._lines.reply(connection, words.spot_login(self._knobs.login_ack))
            return
        self._framing.error(connection, "login", problem, None)
        self._lines.close(connection, POLICY_VIOLATION, wire.ERROR_MESSAGES[problem])

    def _serve(self, connection: Connection, operation: str, topic: str) -> None:
        framing, knobs = self._framing, self._knobs
        code = self._problem(topic)
        if code is not None:
            framing.error(connection, operation, code, topic)
            return
        if operation == "unsubscribe":
            self._listeners.leave(connection, topic)
            if knobs.acks != "none":
                framing.ack(connection, operation, topic)
            return
        if topic in connection.topics:
            framing.error(connection, operation, "90008", topic)
            return
        if len(connection.topics) >= knobs.private_topics and not framing.punish(
            connection, "topics", "90006", operation
        ):
            return
        if knobs.acks != "none":
            framing.ack(connection, operation, topic)
        self._listeners.join(connection, topic)
        if knobs.empty_data and topic != BALANCE:
            self._lines.push(words.empty_orders(topic.partition(":")[0]), (connection,))

    def _problem(self, topic: str) -> str | None:
        channel, _, symbol = topic.partition(":")
        if channel == "spot/user/order":
            return None if symbol in self._listings else "92001"
        if channel in ("spot/user/orders", "spot/user/balance"):
            return None if topic in (ORDERS, BALANCE) else "92001"
        return "90004"

    # The account's news

    def order_changed(self, order: Order, action: int) -> None:
        """An order was submitted, matched or cancelled: its state says which."""
        del action
        for topic in (f"spot/user/order:{order.symbol}", ORDERS):
            table = topic.partition(":")[0]
            self._listeners.push(
                topic, words.spot_order(table, self._order(order), self._knobs.order_fields)
            )

    def balances_changed(self, event: str, currencies: list[str]) -> None:
        """The balances of these currencies are others now."""
        knobs, rows = self._knobs, []
        for currency in currencies:
            balance = self._account.balance(currency)
            amounts = (balance.available, balance.frozen)
            available, frozen = (words.long(amount, knobs.private_decimals) for amount in amounts)
            rows.append((currency, available, frozen))
        blanks = "  " if knobs.balance_blanks else ""
        text = words.spot_balance(
            event + blanks, self._now_ms(), rows, with_account=knobs.account_type
        )
        self._listeners.push(BALANCE, text)

    def positions_changed(self, symbol: str) -> None:
        """There are none on spot."""

    def _order(self, order: Order) -> dict[str, str]:
        listing, last = self._listings[order.symbol], order.last
        tick, lot = Fraction(1, 10**listing.price_decimals), Fraction(1, 10**listing.size_decimals)
        entrusted = ENTRUSTED[order.kind]

        def long(amount: Fraction) -> str:
            return words.long(amount, self._knobs.private_decimals)

        return {
            "symbol": order.symbol,
            "side": order.side,
            "type": "limit" if order.kind == "ioc" else order.kind,
            "notional": "",
            "size": long(order.size * lot),
            "ms_t": str(order.created_ms),
            "price": long(order.price * tick),
            "filled_notional": long(order.cost * tick * lot),
            "filled_size": long(order.filled * lot),
            "margin_trading": "0",
            "state": SPOT_STATES[order.state],
            "order_id": str(order.id),
            "order_type": SPOT_TYPES[order.kind],
            "last_fill_time": "0" if last is None else str(last.time_ms),
            "last_fill_price": "0" if last is None else long(last.fill.price * tick),
            "last_fill_count": "0" if last is None else long(last.fill.size * lot),
            "exec_type": "" if last is None else "M" if last.fill.maker else "T",
            "detail_id": "" if last is None else str(self._trade_id(order, last.fill.number)),
            "client_order_id": order.client_id,
            "create_time": str(order.created_ms),
            "update_time": str(order.updated_ms),
            "order_mode": "0",
            "entrust_type": entrusted.upper() if self._knobs.entrust_case == "upper" else entrusted,
            "order_state": order.state,
            "dealFee": long(order.fee),
            "deal_fee_coin_name": order.fee_currency,
        }

    def _trade_id(self, order: Order, number: int) -> int:
        return first_trade_id(self._seed, order.symbol) + number


class FuturesPrivate:
    """The private address of a futures exchange, and the listener of its account."""

    def __init__(
        self,
        lines: Lines,
        knobs: Knobs,
        keys: Keys,
        account: FuturesAccount,
        venue: Futures,
        *,
        login_ms: Callable[[], int],
    ) -> None:
        self._lines = lines
        self._knobs = knobs
        self._keys = keys
        self._account = account
        self._venue = venue
        self._login_ms = login_ms
        self._listeners = Listeners(lines)
        self._reminding = False

    # A client's messages

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client."""
        message = self._venue.understood(connection, payload)
        if message is None:
            return
        action, args = message
        if action == "access":
            self._login(connection, args)
            return
        for topic in args:
            if self._lines.is_open(connection):
                self._serve(connection, action, topic, args)

    def too_fast(self, connection: Connection) -> bool:
        """No limit of messages is published."""
        del connection
        return True

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self._listeners.left(connection)

    def _login(self, connection: Connection, args: list[str]) -> None:
        if connection.account is not None:
            self._lines.reply(connection, futures_wire.access("already authenticated"))
            return
        if login_problem(self._keys, list(args), self._login_ms()) is None:
            connection.account = self._account
            self._lines.reply(connection, futures_wire.access(None))
            return
        shown = (args[0] if args else "")[:10]
        problem = f"openapi auth: apiKey {shown}**** failed: openapi auth failed"
        self._lines.reply(connection, futures_wire.access(problem))
        self._lines.close(connection, POLICY_VIOLATION, "access failed")

    def _serve(self, connection: Connection, action: str, topic: str, args: list[str]) -> None:
        lines, echo = self._lines, self._venue.echo(topic, args)
        if action not in ("subscribe", "unsubscribe"):
            lines.reply(connection, futures_wire.bad_action(action, topic, echo))
        elif PRIVATE.fullmatch(topic) and connection.account is None:
            lines.reply(connection, futures_wire.need_access(action, topic))
        elif not self._is_topic(topic):
            self._venue.unknown(connection, action, topic, args)
        else:
            lines.reply(connection, futures_wire.ack(action, topic, echo))
            if action == "unsubscribe":
                self._listeners.leave(connection, topic)
                return
            self._listeners.join(connection, topic)
            if topic == "futures/position":
                self._remind()

    @staticmethod
    def _is_topic(topic: str) -> bool:
        channel, _, currency = topic.partition(":")
        if channel == "futures/asset":
            return currency in ASSETS
        return topic in ("futures/position", "futures/order")

    def _remind(self) -> None:
        every = self._knobs.position_interval
        if every is not None and not self._reminding:
            self._reminding = True
            self._lines.schedule(self._lines.now + every, self._repeat, None)

    def _repeat(self, _: None, now: float) -> None:
        del now
        self._reminding = False
        if not self._listeners.of("futures/position"):
            return
        held = [position for position in self._account.positions.values() if position.volume]
        if held:
            self._tell_positions(held)
        self._remind()

    # The account's news

    def order_changed(self, order: Order, action: int) -> None:
        """An order was submitted, matched or cancelled."""
        listing = self._venue.contracts[order.symbol].listing
        tick = Fraction(1, 10**listing.price_decimals)
        average = Fraction(order.cost, order.filled) * tick if order.filled else Fraction(0)
        state = RESTING if order.is_open else FINISHED
        if action == SUBMITTED and order.kind == "market":
            state = APPROVAL
        values: dict[str, str | int] = {
            "order_id": str(order.id),
            "client_order_id": order.client_id,
            "price": written(order.price * tick, listing.price_decimals),
            "size": str(order.size),
            "symbol": order.symbol,
            "state": state,
            "side": order.intent,
            "type": "market" if order.kind == "market" else "limit",
            "leverage": str(self._account.leverage),
            "open_type": "isolated" if self._account.isolated else "cross",
            "deal_avg_price": written(average, 18),
            "deal_size": str(order.filled),
            "create_time": order.created_ms,
            "update_time": order.updated_ms,
            "plan_order_id": "",
        }
        traded, last = order.last, None
        if traded is not None:
            last = words.FuturesLast(
                self._venue.trade_id(order.symbol, traded.fill.number),
                str(traded.fill.size),
                written(traded.fill.price * tick, listing.price_decimals),
                # Paid fees are negative in the documented example.
                written(-traded.fee, 12),
                traded.fee_currency,
            )
        text = words.futures_order(action, values, last, self._knobs.order_fields)
        self._listeners.push("futures/order", text)

    def balances_changed(self, event: str, currencies: list[str]) -> None:
        """The balances of these currencies are others now."""
        del event
        for currency in currencies:
            balance = self._account.balance(currency)
            amounts = (balance.available, self._account.deposits(currency), balance.frozen)
            texts = [written(amount, 12) for amount in amounts]
            self._listeners.push(f"futures/asset:{currency}", words.futures_asset(currency, *texts))

    def positions_changed(self, symbol: str) -> None:
        """A position in that contract is another one now."""
        positions = self._account.positions.values()
        self._tell_positions([position for position in positions if position.symbol == symbol])

    def _tell_positions(self, positions: Iterable[Position]) -> None:
        rows = [self._position(position) for position in positions]
        text = words.futures_position(rows, self._knobs.order_fields)
        self._listeners.push("futures/position", text)

    def _position(self, position: Position) -> dict[str, str | int]:
        average = position.average
        return {
            "symbol": position.symbol,
            "hold_volume": str(position.volume),
            "position_type": 1 if position.long else 2,
            "open_type": 1 if self._account.isolated else 2,
            "frozen_volume": str(position.frozen),
            "close_volume": str(position.closed),
            "hold_avg_price": written(average(position.volume_cost, position.volume), 18),
            "close_avg_price": written(average(position.closed_cost, position.closed), 18),
            "open_avg_price": written(average(position.opened_cost, position.opened), 18),
            "liquidate_price": written(self._account.liquidation(position), 6),
            "create_time": position.created_ms,
            "update_time": position.updated_ms,
        }
