"""The judge: what a client shows as LIVE, compared with when it was true.

A read is *wrong* if what it shows was never true together, and *over age* if it was superseded
longer ago than the bound of `bounds`. The judge looks at moments of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import partial
from random import Random
from typing import Any, Protocol

from tests.strangers import bounds
from tests.strangers.channels import Channel, SpotIncrease
from tests.strangers.market import KEPT, Form, Market, Row, State
from tests.strangers.plan import Liar
from tests.strangers.units import SECOND, seconds

Pair = tuple[Decimal, Decimal]
READS = ("quote", "depth", "floats", "sweep", "grouped", "net_depth")


class Reader(Protocol):
    """A client as the judge sees it."""

    def topics(self) -> Sequence[tuple[str, str]]:
        """House and topic of each book that is wanted."""

    def read(self, house: str, topic: str, what: str, *args: Any) -> Any:
        """A read of a book, or None while it is not LIVE.

        "quote" → (bid, bid size, ask, ask size) as Decimals or None; "depth", n → (bids, asks,
        complete) of Decimal pairs; "floats", n → the same of floats; "certain" → (bids, asks),
        how many levels are certain; "sweep", side, size → (average, worst, size, notional,
        levels, complete) of floats; "grouped", step, n → as "floats"; "net_depth", n → as "depth".
        """


@dataclass(slots=True)
class Tally:
    """What was found."""

    looks: int = 0
    live: int = 0
    reads: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    over_age: int = 0
    no_promise: int = 0
    within_ten: int = 0
    oldest: int = 0
    live_topics: set[str] = field(default_factory=set)
    by_lie: dict[str, list[int]] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    @property
    def judged(self) -> int:
        return sum(self.reads.values())


@dataclass(slots=True)
class Judge:
    """Looks at a reader. `certain_follows` is False where another thread may move between reads."""

    liar: Liar
    random: Random
    certain_follows: bool = True
    tally: Tally = field(default_factory=Tally)
    spoiled: dict[tuple[str, str], int] = field(default_factory=dict)
    """When lies that nobody can tell acted together last, by house and topic."""

    def look(self, reader: Reader, now: int) -> None:
        """Judge every book of a reader once, one read each, or more."""
        for house, topic in reader.topics():
            channel = self.liar.venue.channels.get((house, topic))
            if channel is None:
                self.tally.looks += 1
                continue
            self._look_at(reader, house, channel, now)

    def _look_at(self, reader: Reader, house: str, channel: Channel, now: int) -> None:
        self.tally.looks += 1
        top = reader.read(house, channel.topic, "quote")
        if top is None:
            return
        self.tally.live += 1
        self.tally.live_topics.add(channel.topic)
        self._verdict(house, channel, "quote", top, self.quote(channel, top), now)
        what = self.random.choice(READS)
        check: Callable[[Reader, str, Channel], tuple[Any, int | None] | None] = {
            "quote": self._quote_again,
            "depth": self._depth,
            "floats": self._floats,
            "sweep": self._sweep,
            "grouped": self._grouped,
            "net_depth": self._net_depth,
        }[what]
        found = check(reader, house, channel)
        if found is not None:
            self._verdict(house, channel, what, *found, now)

    def _verdict(
        self, house: str, channel: Channel, what: str, shown: Any, end: int | None, now: int
    ) -> None:
        """Take a read into account. `end`: when it was superseded; 0 never true, None it holds."""
        tally = self.tally
        tally.reads[what] = tally.reads.get(what, 0) + 1
        kind = bounds.kind_of(channel)
        lies = self.liar.acting(house, channel.topic, now, partial(bounds.memory, kind))
        limit = bounds.bound(kind, lies)
        if self._is_spoiled(house, channel.topic, now) or bounds.is_untellable(lies):
            tally.no_promise += 1
            return
        if end == 0:
            tally.wrong += 1
            self._find("wrong", house, channel, what, shown, now)
            return
        age = 0 if end is None else now - end
        tally.oldest = max(tally.oldest, age)
        if limit is None:
            tally.no_promise += 1
            return
        tally.within_ten += limit <= seconds(10)
        if age > limit:
            tally.over_age += 1
            text = f"{shown} superseded {age / SECOND:.1f} s ago"
            self._find("over age", house, channel, what, text, now)

    def _is_spoiled(self, house: str, topic: str, now: int) -> bool:
        """Whether nobody could tell that a book is wrong, and it has not been shown anew since."""
        lies = self.liar.acting(house, topic, now, lambda name: SECOND)
        if bounds.is_untellable(lies):
            self.spoiled[house, topic] = now
        spoiled = self.spoiled.get((house, topic))
        return spoiled is not None and spoiled > self.liar.venue.shown.get((house, topic), -1)

    def _find(
        self,
        word: str,
        house: str,
        channel: Channel,
        what: str,
        shown: Any,
        now: int,
    ) -> None:
        lies = self.liar.acting(house, channel.topic, now, lambda name: bounds.LONGEST)
        for lie in lies or {"(calm)"}:
            counts = self.tally.by_lie.setdefault(lie, [0, 0])
            counts[word == "over age"] += 1
        if len(self.tally.found) < 200:
            text = f"{now / SECOND:.3f} {word} {what} {channel.topic}: {str(shown)[:300]}"
            self.tally.found.append(f"{text}; lies: {', '.join(sorted(lies)) or 'none'}")

    # Each check gives what was shown, and when that was superseded.

    def quote(self, channel: Channel, top: Sequence[Decimal | None]) -> int | None:
        form = channel.market.form
        bid, ask = row(form, top[0], top[1]), row(form, top[2], top[3])
        if bid == WRONG or ask == WRONG:
            return 0
        if bounds.TOGETHER[bounds.kind_of(channel)]:
            state = channel.market.last_top.get((bid, ask))
            return 0 if state is None else state.end
        if bid is not None and ask is not None and bid[0] >= ask[0]:
            return 0
        sides = [channel.market.last_side.get(("bid", bid))]
        sides.append(channel.market.last_side.get(("ask", ask)))
        return earliest([0 if state is None else state.end for state in sides])

    def _quote_again(
        self, reader: Reader, house: str, channel: Channel
    ) -> tuple[Any, int | None] | None:
        top = reader.read(house, channel.topic, "quote")
        return None if top is None else (top, self.quote(channel, top))

    def _depth(self, reader: Reader, house: str, channel: Channel) -> tuple[Any, int | None] | None:
        count = min(self.random.choice((1, 5, 20, 50, 100)), channel.depth)
        shown = reader.read(house, channel.topic, "depth", count)
        if shown is None:
            return None
        certain = self._certain(reader, house, channel, count, shown[2])
        if certain is None:
            return None
        form = channel.market.form
        rows = {
            "bid": [row(form, *pair) for pair in shown[0]],
            "ask": [row(form, *pair) for pair in shown[1]],
        }
        return rows, self._when(channel, rows, certain)

    def _floats(
        self, reader: Reader, house: str, channel: Channel
    ) -> tuple[Any, int | None] | None:
        count = min(self.random.choice((1, 5, 20)), channel.depth)
        shown = reader.read(house, channel.topic, "floats", count)
        if shown is None:
            return None
        certain = self._certain(reader, house, channel, count, shown[2])
        if certain is None:
            return None
        form = channel.market.form
        rows = {
            side: [as_row(form, price, size) for price, size in pairs]
            for side, pairs in (("bid", shown[0]), ("ask", shown[1]))
        }
        return shown[:2], self._when(channel, rows, certain)

    def _certain(
        self, reader: Reader, house: str, channel: Channel, count: int, complete: bool
    ) -> dict[str, int] | None:
        """How many levels a side are claimed; None where nothing is."""
        if complete:
            return {"bid": count, "ask": count}
        if not self.certain_follows:
            return None
        certain = reader.read(house, channel.topic, "certain")
        if certain is None:
            return None
        return {"bid": min(count, certain[0]), "ask": min(count, certain[1])}

    def _when(
        self, channel: Channel, rows: dict[str, list[Any]], certain: dict[str, int]
    ) -> int | None:
        """When these levels were superseded, as far as they are certain."""
        market = channel.market

        def fits(state: State, side: str) -> bool:
            count = min(certain[side], channel.depth)
            return list(state.side(side)[:count]) == rows[side][:count]

        return self._search(channel, market, fits)

    def _search(
        self, channel: Channel, market: Market, fits: Callable[[State, str], bool]
    ) -> int | None:
        newest = market.now.begin - KEPT
        if bounds.TOGETHER[bounds.kind_of(channel)]:
            for state in market.back(newest):
                if fits(state, "bid") and fits(state, "ask"):
                    return state.end
            return 0
        ends = [
            next((state.end for state in market.back(newest) if fits(state, side)), 0)
            for side in ("bid", "ask")
        ]
        return earliest(ends)

    def _sweep(self, reader: Reader, house: str, channel: Channel) -> tuple[Any, int | None] | None:
        market, side = channel.market, self.random.choice(("bid", "ask"))
        form, levels = market.form, self.random.randint(1, 5)
        # Of a single lot nine tenths are nothing, and nothing is no question.
        lots = max(1, sum(size for _, size in market.now.side(side)[:levels]) * 9 // 10)
        shown = reader.read(house, channel.topic, "sweep", side, form.size(lots))
        if shown is None or not shown[5]:
            return None

        def fits(state: State, other: str) -> bool:
            if other != side:
                return True
            return swept(form, state.side(side)[: channel.depth], lots) == tuple(shown[:5])

        return shown, self._search(channel, market, fits)

    def _grouped(
        self, reader: Reader, house: str, channel: Channel
    ) -> tuple[Any, int | None] | None:
        market, step = channel.market, self.random.choice((2, 5, 10))
        form, count = market.form, self.random.choice((1, 3))
        shown = reader.read(house, channel.topic, "grouped", form.price(step), count)
        if shown is None:
            return None
        bids, asks = [list(map(tuple, side)) for side in shown[:2]]
        if bids and asks and bids[0][0] >= asks[0][0]:
            return shown, 0
        if not shown[2]:
            return None

        def fits(state: State, side: str) -> bool:
            # What lies beyond the channel's depth is nobody's: the last group may reach there.
            rows = state.side(side)[: channel.depth]
            told = bids if side == "bid" else asks
            return grouped(form, rows, side, step, count) == told

        return shown, self._search(channel, market, fits)

    def _net_depth(
        self, reader: Reader, house: str, channel: Channel
    ) -> tuple[Any, int | None] | None:
        if not isinstance(channel, SpotIncrease) or not self.liar.venue.trader:
            return None
        shown = reader.read(house, channel.topic, "net_depth", 3)
        if shown is None:
            return None
        market, form = channel.market, channel.market.form
        ours = own_sizes(market, KEPT)

        def fits(state: State, side: str) -> bool:
            there = dict(state.side(side))
            for pair in shown[0] if side == "bid" else shown[1]:
                told = row(form, *pair)
                if told == WRONG or told is None:
                    return False
                least, most = ours.get((side, told[0]), (0, 0))
                size = there.get(told[0])
                if size is None or not size - most <= told[1] <= size - least:
                    return False
            return True

        return shown, self._search(channel, market, fits)


WRONG: Row = (-1, -1)
"""A pair of numbers that no market of ours can have."""


def row(form: Form, price: Decimal | None, size: Decimal | None) -> Row | None:
    """A price and a size as whole ticks and lots; None for an empty side."""
    if price is None and size is None:
        return None
    if price is None or size is None or not (price.is_finite() and size.is_finite()):
        return WRONG
    ticks, lots = price.scaleb(form.price_digits), size.scaleb(form.size_digits)
    if ticks != int(ticks) or lots != int(lots):
        return WRONG
    return int(ticks), int(lots)


def as_row(form: Form, price: float, size: float) -> Row:
    """The whole ticks and lots whose nearest floats these are; WRONG if there are none."""
    ticks, lots = round(price * 10**form.price_digits), round(size * 10**form.size_digits)
    same = float(form.price(ticks)) == price and float(form.size(lots)) == size
    return (ticks, lots) if same else WRONG


def earliest(ends: Sequence[int | None]) -> int | None:
    """When the first of several ended; 0 (never true) before all, None (still true) behind all."""
    known = [end for end in ends if end is not None]
    return min(known) if known else None


def swept(form: Form, rows: Sequence[Row], lots: int) -> tuple[float, float, float, float, int]:
    """Average, worst price, size, notional and levels of taking `lots`, each rounded once."""
    left, cost, worst, levels = lots, Fraction(0), 0, 0
    for price, size in rows:
        if left == 0:
            break
        taken = min(left, size)
        cost += Fraction(form.price(price)) * Fraction(form.size(taken))
        left, worst, levels = left - taken, price, levels + 1
    got = Fraction(form.size(lots - left))
    average = float(cost / got) if got else 0.0
    return average, float(form.price(worst)), float(got), float(cost), levels


def grouped(
    form: Form, rows: Sequence[Row], side: str, step: int, count: int
) -> list[tuple[float, float]]:
    """The best `count` rows on a grid of `step` ticks: bids rounded down, asks up."""
    sums: dict[int, int] = {}
    for price, size in rows:
        cell = price // step * step if side == "bid" else -(-price // step) * step
        sums[cell] = sums.get(cell, 0) + size
    cells = sorted(sums, reverse=side == "bid")[:count]
    return [(float(form.price(cell)), float(form.size(sums[cell]))) for cell in cells]


def own_sizes(market: Market, memory: int) -> dict[tuple[str, int], tuple[int, int]]:
    """The least and the most that was ours at each price during that time."""
    seen: dict[tuple[str, int], list[int]] = {}
    states = list(market.back(market.now.begin - memory))
    for state in states:
        sums: dict[tuple[str, int], int] = {}
        for side, price, lots in state.own:
            sums[side, price] = sums.get((side, price), 0) + lots
        for key, lots in sums.items():
            seen.setdefault(key, []).append(lots)
    return {
        key: (min(sizes) if len(sizes) == len(states) else 0, max(sizes))
        for key, sizes in seen.items()
    }
