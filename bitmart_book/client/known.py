"""What is known of one order: how it was described last, and its executions, each counted once.

Pushes repeat themselves, overtake each other, and tell the same execution with and without an id.
What tells two executions apart is, in this order: their ids, what was filled in all after each, and
their price, size and time. Where an id is used twice, it is another execution if what was filled in
all has room for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Literal

import msgspec

from bitmart_book.model import Fill, Order, OrderStatus

__all__ = ["FINAL", "OPEN", "RESTING", "KnownOrder", "filled"]

RESTING = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})
OPEN = RESTING | {OrderStatus.PENDING}
FINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.PARTIALLY_CANCELED,
        OrderStatus.FINISHED,
    }
)
_ZERO = Decimal(0)
# A context of its own, because the user's may round (live sizes have thirty decimals) or raise.
EXACT = Context(prec=200)


def filled(order: Order) -> Decimal:
    """What was filled of an order; 0 where it does not say."""
    return order.exact.filled_size or _ZERO


class KnownOrder:
    """An order: `order` as it was described last, None if only executions were heard of."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.fills: list[Fill] = []
        self.filled = _ZERO
        """The sum of the executions."""
        self._total = _ZERO
        """The most that was said to be filled in all."""
        self._by_id: dict[str, list[int]] = {}
        self._by_total: dict[Decimal | None, list[int]] = {}

    # --- executions ---

    def count(self, fill: Fill | None) -> Fill | None:
        """An execution that was not counted before, and now is."""
        if fill is None:
            return None
        self._total = max(self._total, fill.exact.filled_size or _ZERO)
        place = self._counted(fill)
        if place is None:
            place = len(self.fills)
            self.fills.append(fill)
            self.filled = EXACT.add(self.filled, fill.exact.size)
            self._by_total.setdefault(fill.exact.filled_size, []).append(place)
        elif fill.fill_id is None or self.fills[place].fill_id is not None:
            return None
        else:
            # It was told without an id before, and this says which it was.
            self.fills[place] = fill
            self._name(fill.fill_id, place)
            return None
        if fill.fill_id is not None:
            self._name(fill.fill_id, place)
        return fill

    def _name(self, fill_id: str, place: int) -> None:
        self._by_id.setdefault(fill_id, []).append(place)

    def _counted(self, fill: Fill) -> int | None:
        """Where this execution stands, if it was counted before."""
        named = self._by_id.get(fill.fill_id, []) if fill.fill_id is not None else []
        alike = [place for place in self._candidates(fill) if _is_same(self.fills[place], fill)]
        for place in alike:
            if place in named or None in (fill.fill_id, self.fills[place].fill_id):
                return place
        if not self._total or EXACT.add(self.filled, fill.exact.size) <= self._total:
            return None
        # There is no room for another one: it is told of again, in other words.
        if fill.fill_id is not None and not named and not alike:
            return None
        return (alike or named or [0])[0]

    def _candidates(self, fill: Fill) -> Iterable[int]:
        """The places of all that may be the same execution, by what was filled in all."""
        total = fill.exact.filled_size
        if total is None:
            return range(len(self.fills))
        return self._by_total.get(total, []) + self._by_total.get(None, [])

    # --- descriptions ---

    def compare(self, order: Order) -> Literal["new", "repeated", "further", "behind", "same"]:
        """How a description relates to the one that is known. "same": as far on; only stamps can
        tell which is the later one."""
        known = self.order
        if known is None:
            return "new"
        if order == known:
            return "repeated"
        return _compare(order, known)

    def take(self, order: Order) -> None:
        """It is described so now. What was filled stays filled, and what is not said is as it
        was: a last word may say less than an earlier one."""
        known = self.order
        if known is not None:
            if order.filled_size is None or filled(order) < filled(known):
                told = known.exact.filled_size
                order = msgspec.structs.replace(order, filled_size=told)
            if order.status is None and known.status not in FINAL:
                order = msgspec.structs.replace(order, status=known.status)
        self.order = order


def _is_same(one: Fill, other: Fill) -> bool:
    """Whether two words may be about one execution, by their numbers."""
    if (one.exact.price, one.exact.size) != (other.exact.price, other.exact.size):
        return False
    if one.exact.filled_size is not None and other.exact.filled_size is not None:
        return one.exact.filled_size == other.exact.filled_size
    return None in (one.time_ms, other.time_ms) or one.time_ms == other.time_ms


def _compare(order: Order, known: Order) -> Literal["further", "behind", "same"]:
    if known.status in FINAL:
        if order.status not in FINAL:
            return "behind"
        if known.status == OrderStatus.FINISHED != order.status:
            # What it came to was not known.
            return "further"
        # Of two final descriptions the one that knows of more is later.
        return "further" if filled(order) > filled(known) else "behind"
    if order.status in FINAL:
        return "further"
    if order.filled_size is not None and filled(order) != filled(known):
        # More is filled later, whatever the clocks say.
        return "further" if filled(order) > filled(known) else "behind"
    if order.status == OrderStatus.PENDING and known.status in RESTING:
        return "behind"
    return "same"
