"""The account at the venue: orders that rest, fill and are canceled, and what is told of them.

It is the truth for the judge: every order, every fill, and what is held, exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from tests.strangers.channels import Stamp
from tests.strangers.market import Changes, Market
from tests.strangers.speech import Say

SPOT_ORDER = "spot/user/order"
SPOT_ORDERS = "spot/user/orders:ALL_SYMBOLS"
SPOT_BALANCE = "spot/user/balance:BALANCE_UPDATE"
FUTURES_ORDER = "futures/order"
FUTURES_POSITION = "futures/position"
OPEN = ("new", "partially_filled")


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill of one of our orders."""

    fill_id: str
    order_id: str
    price: Decimal
    size: Decimal
    time: int


@dataclass(slots=True)
class Resting:
    """One order of ours as it is now. Sizes are lots and prices ticks of its market."""

    order_id: str
    market: Market
    side: str
    price: int
    size: int
    created: int
    filled: int = 0
    paid: Decimal = Decimal(0)
    status: str = "new"
    updated: int = 0
    last: Execution | None = None


@dataclass(slots=True)
class Account:
    """All orders of one side of the house (spot or futures). `tell` is called with each message."""

    house: str
    random: Random
    stamp: Stamp
    tell: Callable[[Say, int], None]
    orders: dict[str, Resting] = field(default_factory=dict)
    fills: dict[str, Execution] = field(default_factory=dict)
    held: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    history: dict[str, list[tuple[int, Decimal]]] = field(default_factory=dict)
    """Of each currency, and of the position (""), each value and when it began."""
    heard_from: dict[str, int] = field(default_factory=dict)
    """When each private topic was subscribed last: what happened before is in a hole."""
    position: Decimal = Decimal(0)
    later: list[Say] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = ("BTC", "USDT") if self.house == "spot" else ("USDT",)
        self.held = {name: (Decimal(1_000_000), Decimal(0)) for name in names}
        self.history = {name: [(0, free)] for name, (free, _) in self.held.items()}
        self.history[""] = [(0, self.position)]

    def open_orders(self, market: Market | None = None) -> list[Resting]:
        return [
            order
            for order in self.orders.values()
            if order.status in OPEN and (market is None or order.market is market)
        ]

    def act(self, market: Market, changes: Changes, now: int) -> None:
        """Place, fill or cancel something; what the book shows of it goes into `changes`."""
        ours = self.open_orders(market)
        choice = self.random.random()
        if not ours or (choice < 0.35 and len(ours) < 4):
            self._place(market, changes, now)
        elif choice < 0.75:
            self._fill(self.random.choice(ours), changes, now)
        else:
            self._cancel(self.random.choice(ours), changes, now)

    def say_all(self, now: int) -> None:
        """Send what has gathered, after the market's change was noted."""
        says, self.later = self.later, []
        for say in says:
            self.tell(say, now)

    def first_words(self, topic: str, now: int) -> list[Say]:
        """What a subscription of a private topic begins with: positions alone are told at once."""
        if topic == FUTURES_POSITION:
            return [self.positions(now)]
        return []

    def _place(self, market: Market, changes: Changes, now: int) -> None:
        side = self.random.choice(("bid", "ask"))
        away = -1 if side == "bid" else 1
        price = market.best(side) + away * self.random.randint(0, 6)
        number = len(self.orders) + 1
        order_id = str((2_147_000_000 if self.house == "spot" else 220_906_000) + number)
        order = Resting(order_id, market, side, price, self.random.randint(10, 9_999), now)
        order.updated = now
        self.orders[order_id] = order
        market.rest(changes, order_id, side, price, order.size)
        self._told(order, 2, now)

    def _fill(self, order: Resting, changes: Changes, now: int) -> None:
        left = order.size - order.filled
        lots = left if self.random.random() < 0.5 else self.random.randint(1, left)
        form = order.market.form
        fill_id = f"{256_000_000 + len(self.fills)}"
        fill = Execution(fill_id, order.order_id, form.price(order.price), form.size(lots), now)
        self.fills[fill_id] = fill
        order.filled += lots
        order.paid += fill.price * fill.size
        order.last = fill
        order.status = "filled" if order.filled == order.size else "partially_filled"
        order.updated = now
        order.market.rest(
            changes, order.order_id, order.side, order.price, order.size - order.filled
        )
        self._told(order, 1, now)
        self._moved(order, fill, now)

    def _cancel(self, order: Resting, changes: Changes, now: int) -> None:
        order.status = "partially_canceled" if order.filled else "canceled"
        order.updated = now
        order.market.rest(changes, order.order_id, order.side, order.price, 0)
        self._told(order, 3, now)

    def _told(self, order: Resting, action: int, now: int) -> None:
        if self.house == "futures":
            self.later.append(self._futures_row(order, action, now))
            return
        row = self._spot_row(order, now)
        single = f"{SPOT_ORDER}:{order.market.symbol}"
        self.later.append(Say("private", single, {"data": [row], "table": SPOT_ORDER}))
        body = {"data": [dict(row)], "table": "spot/user/orders"}
        self.later.append(Say("private", SPOT_ORDERS, body))

    def _moved(self, order: Resting, fill: Execution, now: int) -> None:
        """A fill changes what is held."""
        sign = 1 if order.side == "bid" else -1
        if self.house == "spot":
            self._hold("BTC", sign * fill.size, now)
            self._hold("USDT", -sign * fill.price * fill.size, now)
            self.later.append(self.balances(now))
        else:
            self.position += sign * fill.size
            self.history[""].append((now, self.position))
            self._hold("USDT", Decimal("-0.01"), now)
            self.later.append(self.positions(now))
            self.later.append(self.asset("USDT", now))

    def _hold(self, name: str, change: Decimal, now: int) -> None:
        free, frozen = self.held[name]
        self.held[name] = (free + change, frozen)
        self.history[name].append((now, free + change))

    def _spot_row(self, order: Resting, now: int) -> dict[str, Any]:
        """§3.4: everything is a string, also times; live values have thirty decimals."""
        form, last = order.market.form, order.last
        stamp = str(self.stamp.ms(now, SPOT_ORDER))
        state = {"new": "4", "partially_filled": "5", "filled": "6", "canceled": "8"}
        return {
            "symbol": order.market.symbol,
            "side": "buy" if order.side == "bid" else "sell",
            "type": "limit",
            "notional": "",
            "size": f"{form.size(order.size):.30f}",
            "ms_t": stamp,
            "price": f"{form.price(order.price):.30f}",
            "filled_notional": f"{order.paid:.30f}",
            "filled_size": f"{form.size(order.filled):.30f}",
            "margin_trading": "0",
            "state": state.get(order.status, "12"),
            "order_id": order.order_id,
            "order_type": "0",
            "last_fill_time": str(self.stamp.ms(last.time, SPOT_ORDER)) if last else "0",
            "last_fill_price": f"{last.price:.5f}" if last else "0",
            "last_fill_count": f"{last.size:.8f}" if last else "0",
            "exec_type": "M" if last else "",
            "detail_id": last.fill_id if last else "",
            "client_order_id": "",
            "create_time": str(self.stamp.ms(order.created, SPOT_ORDER)),
            "update_time": stamp,
            "order_mode": "spot",
            "entrust_type": "NORMAL",
            "order_state": order.status,
            "dealFee": "0.01" if last else "0",
            "deal_fee_coin_name": "USDT",
        }

    def _futures_row(self, order: Resting, action: int, now: int) -> Say:
        """§4.7: {action, order}, `last_trade` an object or null."""
        form, last = order.market.form, order.last if action == 1 else None
        average = order.paid / form.size(order.filled) if order.filled else Decimal(0)
        told = {
            "order_id": order.order_id,
            "client_order_id": "",
            "price": str(form.price(order.price)),
            "size": str(form.size(order.size)),
            "symbol": order.market.symbol,
            "state": 2 if order.status in OPEN else 4,
            "side": 1 if order.side == "bid" else 4,
            "type": "limit",
            "leverage": "5",
            "open_type": "cross",
            "deal_avg_price": str(round(average, 8)),
            "deal_size": str(form.size(order.filled)),
            "create_time": self.stamp.ms(order.created, FUTURES_ORDER),
            "update_time": self.stamp.ms(now, FUTURES_ORDER),
            "plan_order_id": "",
            "last_trade": {
                "lastTradeID": int(last.fill_id),
                "fillQty": str(last.size),
                "fillPrice": str(last.price),
                "fee": "-0.00027",
                "feeCcy": "USDT",
            }
            if last
            else None,
            "trigger_price": "-",
            "position_mode": "one_way_mode",
        }
        body = {"group": FUTURES_ORDER, "data": [{"action": action, "order": told}]}
        return Say("private", FUTURES_ORDER, body)

    def balances(self, now: int) -> Say:
        """§3.5: absolute balances; the sample has two blanks behind its event type."""
        rows = [
            {"ccy": name, "av_bal": f"{free:.30f}", "fz_bal": f"{frozen:.30f}"}
            for name, (free, frozen) in self.held.items()
        ]
        row = {
            "event_type": "TRANSACTION_COMPLETED  ",
            "event_time": str(self.stamp.ms(now, SPOT_BALANCE)),
            "balance_details": rows,
        }
        return Say("private", SPOT_BALANCE, {"data": [row], "table": "spot/user/balance"})

    def asset(self, name: str, now: int) -> Say:
        """§4.7, `futures/asset`."""
        free, frozen = self.held[name]
        topic = f"futures/asset:{name}"
        data = {
            "currency": name,
            "available_balance": str(free),
            "position_deposit": "0",
            "frozen_balance": str(frozen),
        }
        return Say("private", topic, {"group": topic, "data": data})

    def positions(self, now: int) -> Say:
        """§4.7, `futures/position`: the long and the short one, of which one is empty."""
        rows = [
            self._position(1, max(self.position, Decimal(0)), now),
            self._position(2, max(-self.position, Decimal(0)), now),
        ]
        return Say("private", FUTURES_POSITION, {"group": FUTURES_POSITION, "data": rows})

    def _position(self, kind: int, volume: Decimal, now: int) -> dict[str, Any]:
        return {
            "symbol": "BTCUSDT",
            "hold_volume": str(volume),
            "position_type": kind,
            "open_type": 2,
            "frozen_volume": "0",
            "close_volume": "0",
            "hold_avg_price": "70000",
            "close_avg_price": "0",
            "open_avg_price": "70000",
            "liquidate_price": "0",
            "create_time": self.stamp.ms(0, FUTURES_POSITION),
            "update_time": self.stamp.ms(now, FUTURES_POSITION),
            "position_mode": "one_way_mode",
        }
