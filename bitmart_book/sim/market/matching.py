"""Own orders in a simulated market: they rest among the others, wait their turn, and fill.

`MatchedMarket` lays them over another market, which never learns of them: without own orders both
are the same, and the same seed makes the same market with them or without. Who owns an order and
what it costs is not known here; all numbers are ticks and lots.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Literal, NamedTuple

from bitmart_book.sim.market.market import Batch, Ladder, Market, Print

__all__ = ["Fill", "MatchedMarket", "Resting"]

BookSide = Literal["bid", "ask"]


class Resting:
    """An own order, as the market sees it."""

    __slots__ = ("ahead", "id", "price", "remaining", "side")

    def __init__(self, id_: int, side: BookSide, price: int, size: int) -> None:
        self.id = id_
        self.side: BookSide = side
        self.price = price
        self.remaining = size
        self.ahead = 0
        """What of others at its price came before it and is still there."""


class Fill(NamedTuple):
    """Part of an own order was traded. `time` is on the market's clock."""

    order: int
    price: int
    size: int
    time: float
    maker: bool
    number: int
    """Of the public trade, counted from the market's first."""


class _Side:
    """One side: the orders of others, less what own orders took of them, and own ones on top."""

    def __init__(self, others: Ladder) -> None:
        self.others = others
        self.sign = others.sign
        self.taken: dict[int, int] = {}
        self.queues: dict[int, deque[Resting]] = {}
        self.shown = Ladder(others.sign)
        self.shown.keys = others.keys.copy()
        self.shown.sizes = others.sizes.copy()
        self.changed: dict[int, None] = {}

    def of_others(self, price: int) -> int:
        return max(0, self.others.sizes.get(price, 0) - self.taken.get(price, 0))

    def best_of_others(self) -> int | None:
        for key in reversed(self.others.keys):
            if self.of_others(key * self.sign):
                return key * self.sign
        return None

    def best_own(self) -> int | None:
        return max(self.queues, key=lambda price: price * self.sign, default=None)

    def best(self) -> int | None:
        found = [price for price in (self.best_of_others(), self.best_own()) if price is not None]
        return max(found, key=lambda price: price * self.sign, default=None)

    def take(self, price: int, size: int) -> None:
        """An own order takes so much of others."""
        self.taken[price] = self.taken.get(price, 0) + size
        self.changed[price] = None

    def put(self, order: Resting) -> None:
        order.ahead = self.of_others(order.price)
        self.queues.setdefault(order.price, deque()).append(order)
        self.changed[order.price] = None

    def remove(self, order: Resting) -> None:
        queue = self.queues[order.price]
        queue.remove(order)
        if not queue:
            del self.queues[order.price]
        self.changed[order.price] = None

    def moved(self, changed: dict[int, int]) -> None:
        """Others have changed these levels."""
        for price in changed:
            self.taken.pop(price, None)
            self.changed[price] = None
            for order in self.queues.get(price, ()):
                # Who was ahead may have gone; nobody comes in before an order that waits.
                order.ahead = min(order.ahead, self.of_others(price))

    def crossing(self, limit: int) -> list[int]:
        """The prices of own orders that are as good as that one or better, best first."""
        prices = [price for price in self.queues if (price - limit) * self.sign >= 0]
        return sorted(prices, key=lambda price: -price * self.sign)

    def publish(self) -> dict[int, int]:
        """What is there now at every price where something happened, be it as before."""
        told = {}
        for price in self.changed:
            own = sum(order.remaining for order in self.queues.get(price, ()))
            size = self.of_others(price) + own
            self.shown.put(price, size)
            told[price] = size
        self.changed.clear()
        return told


class MatchedMarket:
    """Another market with own orders in it.

    Orders are matched at once, against the others as of the last `advance`; the ladders show it
    after the next. An own order at a price waits until what was there before it is traded or gone,
    is traded before any worse price, and meets at its own price whoever comes to cross it.
    """

    def __init__(self, others: Market, trades: int) -> None:
        self.listing = others.listing
        self._others = others
        self._bids = _Side(others.bids)
        self._asks = _Side(others.asks)
        self.bids = self._bids.shown
        self.asks = self._asks.shown
        self._trades = trades
        self._prints: list[Print] = []
        self._fills: list[Fill] = []

    @property
    def next_time(self) -> float:
        if self._prints or self._bids.changed or self._asks.changed:
            return -math.inf
        return self._others.next_time

    def advance(self, to_time: float) -> Batch:
        others = self._others
        if not self._bids.queues and not self._asks.queues:
            self._follow(others.advance(to_time))
        # One burst after the other: an order may be filled by one and be gone at the next.
        while others.next_time <= to_time:
            time = others.next_time
            self._follow(others.advance(time))
            self._uncross(time)
        prints, self._prints = self._prints, []
        return Batch(self._bids.publish(), self._asks.publish(), prints)

    # Own orders

    def place(self, order: Resting, time: float, *, rests: bool) -> None:
        """Match an order with what is there; what is left of it rests, if it `rests`."""
        other = self._asks if order.side == "bid" else self._bids
        taker: Literal["buy", "sell"] = "buy" if order.side == "bid" else "sell"
        while order.remaining:
            price = other.best()
            if price is None or (order.price - price) * other.sign > 0:
                break
            maker = None if other.of_others(price) else other.queues[price][0]
            there = other.of_others(price) if maker is None else maker.remaining
            size = min(order.remaining, there)
            self._print(Print(time, price, size, taker))
            self._filled(order, price, size, time, maker=False)
            if maker is None:
                other.take(price, size)
            else:
                self._made(other, maker, size, time)
        if order.remaining and rests:
            (self._bids if order.side == "bid" else self._asks).put(order)

    def would_match(self, order: Resting) -> bool:
        """Whether some of it would be traded at once."""
        other = self._asks if order.side == "bid" else self._bids
        price = other.best()
        return price is not None and (order.price - price) * other.sign <= 0

    def cancel(self, order: Resting) -> None:
        """Take an order out that rests."""
        (self._bids if order.side == "bid" else self._asks).remove(order)

    def worst_price(self, side: BookSide, size: int) -> int | None:
        """How far into that side of the book so much reaches; None: the side is empty."""
        ladder = self._asks if side == "ask" else self._bids
        worst = None
        for price in _best_first(ladder):
            worst = price
            own = sum(order.remaining for order in ladder.queues.get(price, ()))
            size -= ladder.of_others(price) + own
            if size <= 0:
                break
        return worst

    def withdraw(self, side: BookSide, levels: int | None) -> dict[int, int]:
        """Others take away the best so many of their levels (None: all). Returns what is there
        now at each."""
        ladder = self._bids if side == "bid" else self._asks
        for price, _ in ladder.others.levels(levels):
            ladder.others.put(price, 0)
            ladder.moved({price: 0})
        return ladder.publish()

    def fills(self) -> list[Fill]:
        """What was filled since the last call, in order."""
        fills, self._fills = self._fills, []
        return fills

    # The others

    def _follow(self, batch: Batch) -> None:
        for print_ in batch.prints:
            self._trade(print_)
        self._bids.moved(batch.bids)
        self._asks.moved(batch.asks)

    def _trade(self, print_: Print) -> None:
        """A trade of others: own orders of better prices, or with nobody ahead, come first."""
        side = self._bids if print_.taker == "sell" else self._asks
        left = print_.size
        for price in side.crossing(print_.price):
            passed = 0
            for order in list(side.queues[price]):
                if price == print_.price:
                    before = min(left, max(0, order.ahead - passed))
                    passed += before
                    left -= before
                    if before:
                        self._print(print_._replace(size=before))
                size = min(left, order.remaining)
                if size:
                    left -= size
                    self._print(print_._replace(price=price, size=size))
                    self._made(side, order, size, print_.time)
            for order in side.queues.get(price, ()):
                order.ahead = max(0, order.ahead - passed)
        if left:
            self._print(print_._replace(size=left))

    def _uncross(self, time: float) -> None:
        """Others who have come to the price of an own order meet it there."""
        for side, other in ((self._bids, self._asks), (self._asks, self._bids)):
            taker: Literal["buy", "sell"] = "sell" if side is self._bids else "buy"
            while (price := other.best_of_others()) is not None:
                crossing = side.crossing(price)
                if not crossing:
                    break
                order = side.queues[crossing[0]][0]
                size = min(order.remaining, other.of_others(price))
                other.take(price, size)
                self._print(Print(time, order.price, size, taker))
                self._made(side, order, size, time)

    def _made(self, side: _Side, order: Resting, size: int, time: float) -> None:
        self._filled(order, order.price, size, time, maker=True)
        # Whoever is met has nobody before it any more.
        order.ahead = 0
        side.changed[order.price] = None
        if not order.remaining:
            side.remove(order)

    def _filled(self, order: Resting, price: int, size: int, time: float, *, maker: bool) -> None:
        order.remaining -= size
        self._fills.append(Fill(order.id, price, size, time, maker, self._trades))

    def _print(self, print_: Print) -> None:
        self._trades += 1
        self._prints.append(print_)


def _best_first(side: _Side) -> Iterator[int]:
    prices = {*side.others.sizes, *side.queues}
    return iter(sorted(prices, key=lambda price: -price * side.sign))
