"""A venue at which each order waits in its queue: who is ahead of whom is known to the last lot.

Written from how a price-time market works, order by order; it shares nothing with the client.
Prices are ticks, sizes lots, times whole milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

MIDDLE = 10_000
LEVELS = 25
OURS_AT_ONCE = 6
SWEEPS = 0.1
"""So many trades are about as large as a whole level, or two."""


@dataclass(slots=True)
class Waiting:
    """One order in a queue; `ours` is the name of an order of ours."""

    size: int
    ours: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """What happened to an order of ours: placed, filled by `traded`, or over."""

    time: int
    name: str
    side: str
    price: int
    size: int
    filled: int
    status: str
    traded: int = 0


@dataclass(frozen=True, slots=True)
class Deal:
    """A public trade; `side` is the side of the book that was hit."""

    time: int
    side: str
    price: int
    size: int


@dataclass(slots=True)
class Tick:
    """What happened in some time: every level that something happened at, trades, and words."""

    changed: dict[str, set[int]] = field(default_factory=lambda: {"bid": set(), "ask": set()})
    deals: list[Deal] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)


@dataclass(slots=True)
class Ours:
    """An order of ours as it is."""

    name: str
    side: str
    price: int
    size: int
    filled: int = 0
    until: int = 0


class Queues:
    """A market of queues. `cancels` is how many cancellations there are for one trade."""

    def __init__(self, seed: int, cancels: float, events: float = 40.0) -> None:
        self.random = Random(f"queues {seed} {cancels}")
        self.trades = 1 / (1 + cancels)
        self.events = events
        self.now = 0
        self.levels: dict[str, dict[int, list[Waiting]]] = {"bid": {}, "ask": {}}
        self.ours: dict[str, Ours] = {}
        self.placed = 0
        for rank in range(LEVELS):
            for side, away in (("bid", -1), ("ask", 1)):
                queue = [Waiting(self._lots()) for _ in range(self.random.randint(2, 10))]
                self.levels[side][MIDDLE + away * (1 + rank)] = queue

    # --- what is true ---

    def size(self, side: str, price: int) -> int:
        return sum(order.size for order in self.levels[side].get(price, ()))

    def others(self, side: str) -> dict[int, int]:
        """What is there without us, by price."""
        found = {}
        for price, queue in self.levels[side].items():
            size = sum(order.size for order in queue if order.ours is None)
            if size:
                found[price] = size
        return found

    def ahead(self, name: str) -> int:
        """What waits before an order of ours."""
        ours = self.ours[name]
        before = 0
        for order in self.levels[ours.side][ours.price]:
            if order.ours == name:
                return before
            before += order.size
        raise AssertionError(name)

    def best(self, side: str) -> int:
        return max(self.levels[side]) if side == "bid" else min(self.levels[side])

    # --- what happens ---

    def advance(self, until: int) -> Tick:
        """Let everything happen until then."""
        tick = Tick()
        while True:
            step = self.random.expovariate(self.events / 1000)
            if self.now + step > until:
                break
            self.now += max(1, round(step))
            self._event(tick)
        self.now = until
        return tick

    def _event(self, tick: Tick) -> None:
        self._act(tick)
        # As many come as go, so that both sides stay about as they began.
        there = sum(len(queue) for side in self.levels.values() for queue in side.values())
        if self.random.random() < 1 - 0.5 * there / (12 * LEVELS):
            self._add(tick)
        elif self.random.random() < self.trades:
            self._trade(tick)
        else:
            self._cancel(tick)

    def _lots(self) -> int:
        return self.random.randint(1, 400)

    def _side(self) -> str:
        return self.random.choice(("bid", "ask"))

    def _near(self, side: str) -> int:
        """One of the prices of a side, rather a good one."""
        ranked = sorted(self.levels[side], reverse=side == "bid")
        return ranked[min(int(self.random.expovariate(0.35)), len(ranked) - 1)]

    def _add(self, tick: Tick) -> None:
        side = min(self.levels, key=lambda name: len(self.levels[name]))
        if self.random.random() < 0.8:
            side = self._side()
        inward = 1 if side == "bid" else -1
        price = self._near(side)
        other = self.best("ask" if side == "bid" else "bid")
        if price == self.best(side) and abs(other - price) > 1 and self.random.random() < 0.5:
            price += inward
        elif len(self.levels[side]) < LEVELS:
            price -= inward * self.random.randint(0, LEVELS)
        self.levels[side].setdefault(price, []).append(Waiting(self._lots()))
        tick.changed[side].add(price)

    def _cancel(self, tick: Tick) -> None:
        side = self._side()
        price = self._near(side)
        theirs = [order for order in self.levels[side][price] if order.ours is None]
        if theirs and len(self.levels[side]) > 3:
            self._remove(side, price, self.random.choice(theirs), tick)

    def _remove(self, side: str, price: int, order: Waiting, tick: Tick) -> None:
        queue = self.levels[side][price]
        del queue[next(at for at, other in enumerate(queue) if other is order)]
        if not queue:
            del self.levels[side][price]
        tick.changed[side].add(price)

    def _trade(self, tick: Tick) -> None:
        side = self._side()
        left = self._lots()
        if self.random.random() < SWEEPS:
            left = round(self.size(side, self.best(side)) * self.random.uniform(0.5, 2.5))
        while left and len(self.levels[side]) > 3:
            price = self.best(side)
            first = self.levels[side][price][0]
            size = min(left, first.size)
            left -= size
            first.size -= size
            tick.deals.append(Deal(self.now, side, price, size))
            tick.changed[side].add(price)
            if first.ours is not None:
                self._filled(self.ours[first.ours], size, tick)
            if not first.size:
                self._remove(side, price, first, tick)

    # --- what we do ---

    def _act(self, tick: Tick) -> None:
        for ours in list(self.ours.values()):
            if ours.until <= self.now:
                queue = self.levels[ours.side][ours.price]
                order = next(one for one in queue if one.ours == ours.name)
                self._remove(ours.side, ours.price, order, tick)
                del self.ours[ours.name]
                self._say(ours, "canceled", tick)
        if len(self.ours) < OURS_AT_ONCE and self.random.random() < 0.03:
            self._place(tick)

    def _place(self, tick: Tick) -> None:
        """As a market maker does: at the best price, better where there is room, seldom deeper."""
        side = self._side()
        inward = 1 if side == "bid" else -1
        price, chance = self.best(side), self.random.random()
        if chance < 0.2:
            price = self._near(side)
        elif chance < 0.6 and abs(self.best("ask" if side == "bid" else "bid") - price) > 1:
            price += inward
        self.placed += 1
        ours = Ours(f"{1000 + self.placed}", side, price, self._lots())
        ours.until = self.now + round(self.random.expovariate(1 / 5_000)) + 200
        self.ours[ours.name] = ours
        self.levels[side].setdefault(price, []).append(Waiting(ours.size, ours.name))
        tick.changed[side].add(price)
        self._say(ours, "new", tick)

    def _filled(self, ours: Ours, size: int, tick: Tick) -> None:
        ours.filled += size
        over = ours.filled == ours.size
        if over:
            del self.ours[ours.name]
        self._say(ours, "filled" if over else "partially_filled", tick, size)

    def _say(self, ours: Ours, status: str, tick: Tick, traded: int = 0) -> None:
        word = Word(
            self.now, ours.name, ours.side, ours.price, ours.size, ours.filled, status, traded
        )
        tick.words.append(word)
