"""What a client says of the account, compared with the account: orders, balances, the position."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from tests.strangers.account import FUTURES_ORDER, OPEN, SPOT_ORDERS, Account
from tests.strangers.plan import Liar
from tests.strangers.units import SECOND, seconds

PATIENCE = seconds(10)
"""So long ago may what is shown have been superseded (`docs/trust.md`, "The account")."""

UNPROMISED = {"late_inside", "late_inside_step"}
"""News that waits inside the venue while pongs do not: the page promises nothing of an account."""

UNORDERED = {"private_disordered"}
"""News that comes in another order: what has no stamp, or the same one, cannot be put right."""


@dataclass(slots=True)
class Known:
    """What a client says that is confirmed. `open_orders`: id to filled size; None: no word."""

    balances: dict[str, Decimal] = field(default_factory=dict)
    position: Decimal | None = None
    open_orders: dict[str, Decimal | None] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)
    last_gap: int = 0
    """When a gap of its orders was told last; what happened before it may be missing."""


class Teller(Protocol):
    def account(self, house: str) -> Known | None:
        """What is confirmed of a house's account; None while there is nothing."""


@dataclass(slots=True)
class AccountTally:
    """What was found."""

    reads: int = 0
    wrong: int = 0
    over_age: int = 0
    lost: int = 0
    no_promise: int = 0
    found: list[str] = field(default_factory=list)


@dataclass(slots=True)
class AccountJudge:
    """Counts what is wrong, over age, or lost."""

    liar: Liar
    tally: AccountTally = field(default_factory=AccountTally)

    def look(self, teller: Teller, now: int) -> None:
        for house, account in self.liar.venue.accounts.items():
            known = teller.account(house)
            if known is None:
                continue
            if self.liar.telling(UNPROMISED, f"{house}_private", now):
                self.tally.no_promise += 1
            else:
                self._balances(house, account, known, now)
                self._orders(house, account, known, now)

    def _balances(self, house: str, account: Account, known: Known, now: int) -> None:
        for name, value in known.balances.items():
            self._value(house, account, name, value, now)
        if house == "futures" and known.position is not None:
            self._value(house, account, "", known.position, now)

    def _value(self, house: str, account: Account, name: str, value: Decimal, now: int) -> None:
        history = account.history.get(name, [])
        self.tally.reads += 1
        for number in range(len(history) - 1, -1, -1):
            if history[number][1] == value:
                ended = history[number + 1][0] if number + 1 < len(history) else now
                if now - ended <= PATIENCE:
                    return
                endpoint = f"{house}_private"
                if house == "futures" and self.liar.told_at(UNORDERED, endpoint, ended):
                    self.tally.no_promise += 1
                else:
                    self.tally.over_age += 1
                    self._find(f"over age {house} {name or 'position'} {value}", now)
                return
        self.tally.wrong += 1
        self._find(f"wrong {house} {name or 'position'} {value}", now)

    def _orders(self, house: str, account: Account, known: Known, now: int) -> None:
        for order_id in known.open_orders:
            self.tally.reads += 1
            order = account.orders.get(order_id)
            if order is None:
                self.tally.wrong += 1
                self._find(f"invented {house} order {order_id}", now)
            elif order.status not in OPEN and now - order.updated > PATIENCE:
                self.tally.over_age += 1
                self._find(f"over age {house} order {order_id} is {order.status}", now)
        topic = SPOT_ORDERS if house == "spot" else FUTURES_ORDER
        heard_from = account.heard_from.get(topic, now)
        since = max(heard_from, known.last_gap)
        if known.last_gap > heard_from and not self._is_subscribed(topic):
            # The hole that was told lasts until somebody listens again.
            return
        for order in account.open_orders():
            told = order.order_id in known.open_orders or order.order_id in known.unconfirmed
            if not told and order.created > since and now - order.updated > PATIENCE:
                self.tally.lost += 1
                self._find(f"lost {house} order {order.order_id}", now)

    def _is_subscribed(self, topic: str) -> bool:
        return any(topic in line.topics for line in self.liar.venue.connections.values())

    def _find(self, text: str, now: int) -> None:
        if len(self.tally.found) < 100:
            self.tally.found.append(f"{now / SECOND:.3f} {text}")
