"""The truth about one symbol: its orders, and every state it ever had with its times.

Prices are whole ticks and sizes whole lots, so that nothing is ever rounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from tests.strangers.units import SECOND

Row = tuple[int, int]
"""Price in ticks, size in lots."""

KEPT = 200 * SECOND
"""So long are whole states kept; of older ones only the best prices are remembered."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a symbol's numbers look like: digits behind the point, and the first middle price."""

    price_digits: int
    size_digits: int
    middle: int
    spread: int
    levels: int

    def price(self, ticks: int) -> Decimal:
        return Decimal(ticks).scaleb(-self.price_digits)

    def size(self, lots: int) -> Decimal:
        return Decimal(lots).scaleb(-self.size_digits)


@dataclass(slots=True)
class State:
    """All levels from `begin` until `end` (None while it lasts), best first; and our own orders."""

    number: int
    begin: int
    bids: tuple[Row, ...]
    asks: tuple[Row, ...]
    own: tuple[tuple[str, int, int], ...] = ()
    end: int | None = None

    def side(self, side: str) -> tuple[Row, ...]:
        return self.bids if side == "bid" else self.asks


@dataclass(frozen=True, slots=True)
class Deal:
    """One public trade."""

    number: int
    time: int
    price: int
    size: int
    taker: str


Changes = dict[str, dict[int, int]]
"""Side to price to new size, 0 where the level is gone."""


@dataclass(slots=True)
class Market:
    """One symbol. `pace` is how many changes it makes a second."""

    symbol: str
    form: Form
    random: Random
    pace: float
    levels: dict[str, dict[int, Row]] = field(default_factory=lambda: {"bid": {}, "ask": {}})
    states: deque[State] = field(default_factory=deque)
    deals: list[Deal] = field(default_factory=list)
    own: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    last_top: dict[tuple[Row | None, Row | None], State] = field(default_factory=dict)
    last_side: dict[tuple[str, Row | None], State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rank in range(self.form.levels):
            self._put("bid", self.form.middle - self.form.spread - rank * 2, self._lots())
            self._put("ask", self.form.middle + self.form.spread + rank * 2, self._lots())
        self._note(0)

    @property
    def now(self) -> State:
        return self.states[-1]

    def best(self, side: str) -> int:
        return max(self.levels["bid"]) if side == "bid" else min(self.levels["ask"])

    def step(self, now: int, ours: Callable[[Changes], None] | None = None) -> Changes:
        """Change something; the state so far ends now. `ours` adds what own orders change."""
        changes: Changes = {"bid": {}, "ask": {}}
        if ours is not None:
            ours(changes)
        kind = self.random.random()
        if kind < 0.02:
            self._sweep(changes, self.random.randint(5, 40))
        elif kind < 0.25:
            self._sweep(changes, self.random.randint(1, 3))
        for _ in range(self.random.randint(1, 5)):
            self._touch(changes)
        self._fill_up(changes)
        self._note(now)
        return changes

    def rest(self, changes: Changes, key: str, side: str, price: int, lots: int) -> None:
        """An order of our own rests with so many lots; with none it is gone."""
        _, _, before = self.own.get(key, (side, price, 0))
        there = self.levels[side].get(price, (price, 0))[1]
        if lots:
            self.own[key] = (side, price, lots)
        else:
            self.own.pop(key, None)
        self._change(changes, side, price, there - before + lots)

    def deal(self, now: int) -> Deal:
        """A public trade near the best price; no two of one symbol are alike."""
        taker = self.random.choice(("buy", "sell"))
        price = self.best("ask" if taker == "buy" else "bid")
        number = len(self.deals)
        deal = Deal(number, now, price, number * 7 + self.random.randint(1, 7), taker)
        self.deals.append(deal)
        return deal

    def back(self, until: int) -> Iterator[State]:
        """States, the newest first, that had not ended before `until`."""
        for state in reversed(self.states):
            if state.end is not None and state.end < until:
                return
            yield state

    def at(self, moment: int) -> State:
        """The state of a moment, or the oldest that is still kept."""
        for state in reversed(self.states):
            if state.begin <= moment:
                return state
        return self.states[0]

    def _note(self, now: int) -> None:
        if self.states:
            self.states[-1].end = now
        state = State(
            self.states[-1].number + 1 if self.states else 0,
            now,
            tuple(sorted(self.levels["bid"].values(), reverse=True)),
            tuple(sorted(self.levels["ask"].values())),
            tuple(self.own.values()),
        )
        self.states.append(state)
        bid = state.bids[0] if state.bids else None
        ask = state.asks[0] if state.asks else None
        self.last_top[bid, ask] = state
        self.last_side["bid", bid] = state
        self.last_side["ask", ask] = state
        while self.states[0].end is not None and self.states[0].end < now - KEPT:
            self.states.popleft()

    def _lots(self) -> int:
        return self.random.randint(1, 9_999_999)

    def _put(self, side: str, price: int, lots: int) -> None:
        self.levels[side][price] = (price, lots)

    def _change(self, changes: Changes, side: str, price: int, lots: int) -> None:
        if lots > 0:
            self._put(side, price, lots)
        elif self.levels[side].pop(price, None) is None:
            return
        changes[side][price] = max(lots, 0)

    def _others(self, side: str, price: int) -> int:
        """Our own lots at a price: the market's own changes leave them alone."""
        return sum(lots for s, p, lots in self.own.values() if (s, p) == (side, price))

    def _sweep(self, changes: Changes, count: int) -> None:
        """Somebody takes the best levels of a side, and the other side moves up."""
        side = self.random.choice(("bid", "ask"))
        away = 1 if side == "ask" else -1
        ranked = sorted(self.levels[side], reverse=side == "bid")
        if len(ranked) < count + 10:
            return
        # The middle is held near where it began by refusing sweeps that lead further away.
        if away * (ranked[0] - self.form.middle) > self.form.levels:
            return
        for price in ranked[:count]:
            self._change(changes, side, price, self._others(side, price))
        other = "bid" if side == "ask" else "ask"
        room = away * (self.best(side) - self.best(other))
        if room > 2 * self.form.spread + 2:
            self._change(changes, other, self.best(side) - away * self.form.spread, self._lots())

    def _touch(self, changes: Changes) -> None:
        side = self.random.choice(("bid", "ask"))
        ranked = sorted(self.levels[side], reverse=side == "bid")
        rank = min(int(self.random.expovariate(0.15)), len(ranked) - 1)
        price = ranked[rank]
        kind = self.random.random()
        if kind < 0.6:
            self._change(changes, side, price, self._others(side, price) + self._lots())
        elif kind < 0.8 and len(ranked) > 20:
            self._change(changes, side, price, self._others(side, price))
        else:
            nearer = price + (1 if side == "bid" else -1)
            other = self.best("ask" if side == "bid" else "bid")
            if (
                nearer not in self.levels[side]
                and abs(other - nearer) >= 1
                and (nearer < other if side == "bid" else nearer > other)
            ):
                self._change(changes, side, nearer, self._lots())

    def _fill_up(self, changes: Changes) -> None:
        """Far levels come and go, so that a side keeps about as many as it began with."""
        for side, away in (("bid", -1), ("ask", 1)):
            levels = self.levels[side]
            worst = min(levels) if side == "bid" else max(levels)
            if len(levels) < self.form.levels * 0.85:
                for extra in range(1, 6):
                    self._change(changes, side, worst + away * 2 * extra, self._lots())
            elif len(levels) > self.form.levels * 1.2:
                self._change(changes, side, worst, self._others(side, worst))
