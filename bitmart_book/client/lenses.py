"""What the lenses of an account's books are told: where own orders rest, and how sure that is.

Sans-I/O. An account says of each order that a word was about what it knows of it now; this turns it
into what a `Lens` understands, for the books of its market and symbol.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

from bitmart_book._book import Book, Lens
from bitmart_book.client.known import EXACT, FINAL, RESTING, KnownOrder, filled
from bitmart_book.client.outcomes import Key
from bitmart_book.errors import UsageError
from bitmart_book.model import Fill, Order

__all__ = ["NOT_IN_THE_BOOK", "Lenses", "without"]

# Kinds of order that wait for a price somewhere else than in the book, or never rest.
NOT_IN_THE_BOOK = frozenset(
    {"market", "plan_order", "trailing_order", "take_profit", "stop_loss", "rpi"}
)
_SIDES = frozenset({"buy", "sell"})


class Lenses:
    """The lenses that an account has given out, by market and symbol."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], list[weakref.ref[Lens]]] = {}
        self._whole: set[str] = set()
        self._once: set[str] = set()

    def lens(self, book: Book, orders: Iterable[KnownOrder], unconfirmed: set[Key]) -> Lens:
        """The lens of a book, which is told of these orders if it is new."""
        found = self._of.setdefault((book.market, book.symbol), [])
        found[:] = [ref for ref in found if ref() is not None]
        for ref in found:
            lens = ref()
            if lens is not None and lens.book is book:
                return lens
        lens = Lens(book)
        found.append(weakref.ref(lens))
        for known in orders:
            _tell(lens, known, _is_doubtful(known, unconfirmed), None)
        lens._say_whole(book.market in self._whole)
        return lens

    def given_out(self) -> list[Lens]:
        """All that there are."""
        return [lens for found in self._of.values() for ref in found if (lens := ref()) is not None]

    def changed(
        self,
        known: KnownOrder,
        unconfirmed: set[Key],
        now: float | None,
        fill: Fill | None = None,
    ) -> None:
        """Something was said about an order; `fill`: and it was an execution."""
        order = known.order
        if order is None or not self._of:
            return
        for lens in self._lenses(order.market, order.symbol):
            met = fill is not None and fill.liquidity == "maker"
            _tell(lens, known, _is_doubtful(known, unconfirmed), now, met)

    def say_whole(self, market: str | None, whole: bool) -> None:
        """Whether all open orders of a market (None: of any) are known."""
        if whole and market is not None:
            self._whole.add(market)
            self._once.add(market)
        elif market is None:
            self._whole.clear()
        else:
            self._whole.discard(market)
        for where, _ in self._of:
            if market in (None, where):
                for lens in self._lenses(where):
                    lens._say_whole(whole)

    def was_whole(self, market: str) -> bool:
        """Whether they ever were: whatever is unknown since then is later than that."""
        return market in self._once

    def _lenses(self, market: str, symbol: str | None = None) -> list[Lens]:
        found = [
            ref()
            for (where, what), refs in self._of.items()
            if where == market and symbol in (None, what)
            for ref in refs
        ]
        return [lens for lens in found if lens is not None]


def _is_doubtful(known: KnownOrder, unconfirmed: set[Key]) -> bool:
    order = known.order
    assert order is not None
    key = ("order", order.market, order.order_id)
    return key in unconfirmed or order.status not in RESTING


def rests(order: Order) -> bool:
    """Whether an order is, or may be, in the book."""
    return (
        order.status not in FINAL
        and order.type not in NOT_IN_THE_BOOK
        and order.execution not in ("ioc", "fok")
        and order.side in _SIDES
        and order.exact.price is not None
        and order.exact.size is not None
    )


def _tell(
    lens: Lens, known: KnownOrder, doubtful: bool, now: float | None, met: bool = False
) -> None:
    order = known.order
    assert order is not None
    stamp = order.update_time_ms
    left = left_of(known)
    if not rests(order) or left <= 0:
        lens._forget_order(order.order_id, stamp_ms=stamp, now=now)
        return
    price = order.exact.price
    assert price is not None
    side: Literal["bid", "ask"] = "bid" if order.side == "buy" else "ask"
    try:
        lens._tell(
            order.order_id, side, price, left, stamp_ms=stamp, now=now, doubtful=doubtful, met=met
        )
    except UsageError:
        # More digits than a book can hold: no level is of such an order alone, and none is
        # diminished by it; that it is there makes everything uncertain.
        lens._tell(order.order_id, side, 1, 1, stamp_ms=stamp, now=now, doubtful=True)


def left_of(known: KnownOrder) -> Decimal:
    """What of an order is not filled, as far as its words and its executions tell."""
    order = known.order
    if order is None or order.exact.size is None:
        return Decimal(0)
    return max(Decimal(0), EXACT.subtract(order.exact.size, max(filled(order), known.filled)))


def without(
    levels: Iterable[tuple[Decimal, Decimal]], own: Mapping[Decimal, Decimal], n: int | None
) -> list[tuple[Decimal, Decimal]]:
    """The best `n` levels of a side, less what own orders have there."""
    left = [(price, EXACT.subtract(size, own.get(price, Decimal(0)))) for price, size in levels]
    return [level for level in left if level[1] > 0][:n]
