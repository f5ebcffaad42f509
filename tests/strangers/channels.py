"""What the venue publishes of a market: each channel turns states into messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from tests.strangers import rules
from tests.strangers.market import KEPT, Changes, Deal, Form, Market, Row, State
from tests.strangers.speech import Say


@dataclass(slots=True)
class Stamp:
    """The venue's wall clock. Lies set `shift` (for all) and `shifts` (of one topic), in ms."""

    offset_ms: int
    shift: float = 0.0
    shifts: dict[str, float] = field(default_factory=dict)

    def ms(self, now: int, topic: str) -> int:
        return self.offset_ms + now // 1_000_000 + round(self.shift + self.shifts.get(topic, 0.0))


@dataclass(slots=True)
class Pen:
    """Writes numbers as BitMart does: zeros at the end are kept here and stripped there (§8)."""

    random: Random
    odd: bool = False

    def number(self, value: Decimal) -> str:
        text = format(value, "f")
        if "." in text and self.random.random() < 0.5:
            text = text.rstrip("0").rstrip(".")
        if self.odd and self.random.random() < 0.2:
            text = format(value.normalize(), "E")
        return text

    def pairs(self, form: Form, rows: list[Row]) -> list[list[str]]:
        return [[self.number(form.price(p)), self.number(form.size(s))] for p, s in rows]

    def named(self, form: Form, rows: list[Row]) -> list[dict[str, str]]:
        return [
            {"price": self.number(form.price(p)), "vol": self.number(form.size(s))} for p, s in rows
        ]


def changed_rows(changes: dict[int, int], *, best_first_down: bool) -> list[Row]:
    return sorted(changes.items(), reverse=best_first_down)


@dataclass(slots=True)
class Channel:
    """One topic of one market. `every` is the least time between two pushes."""

    topic: str
    market: Market
    stamp: Stamp
    pen: Pen
    every: int
    depth: int
    kind: str = "picture"
    pushed: int = -(10**18)
    waiting: bool = False
    version: int = 0
    told: deque[tuple[int, int, State]] = field(default_factory=deque)

    def rows(self, state: State, side: str) -> list[Row]:
        return list(state.side(side)[: self.depth])

    def moved(self, changes: Changes, now: int) -> list[Say]:
        """The market changed and this channel may push."""
        return [self.picture(now)]

    def quiet(self, now: int) -> list[Say]:
        """Nothing has changed for a while."""
        return []

    def opening(self, now: int) -> list[Say]:
        """What a subscription begins with."""
        return [self.picture(now)]

    def reply(self, now: int) -> list[Say]:
        """The answer to a request."""
        return []

    def picture(self, now: int) -> Say:
        """The whole book, where a subscription begins with it."""
        raise TypeError(f"{type(self).__name__} begins with something else")

    def old(self, moment: int) -> tuple[int, State]:
        """The version and state that were told last at that moment."""
        for time, version, state in reversed(self.told):
            if time <= moment:
                return version, state
        return self.told[0][1], self.told[0][2]

    def _tell(self, now: int) -> None:
        self.told.append((now, self.version, self.market.now))
        while self.told[0][0] < now - KEPT:
            self.told.popleft()


class SpotPicture(Channel):
    """`spot/depth5`, `depth20`, `depth50` (§2.8)."""

    def picture(self, now: int) -> Say:
        state = self.market.now
        row: dict[str, Any] = {
            "asks": self.pen.pairs(self.market.form, self.rows(state, "ask")),
            "bids": self.pen.pairs(self.market.form, self.rows(state, "bid")),
            "symbol": self.market.symbol,
            "ms_t": self.stamp.ms(now, self.topic),
        }
        return Say("picture", self.topic, {"table": self.topic.split(":")[0], "data": [row]})


class Sequenced(Channel, ABC):
    """A channel of snapshots and updates, each one version further than the one before."""

    def opening(self, now: int) -> list[Say]:
        return [self.snapshot("first", now)]

    def reply(self, now: int) -> list[Say]:
        return [self.snapshot("reply", now)]

    def snapshot(
        self, kind: str, now: int, state: State | None = None, version: int | None = None
    ) -> Say:
        state = self.market.now if state is None else state
        version = self.version if version is None else version
        rows = {side: self.rows(state, side) for side in ("bid", "ask")}
        return self.say(kind, rows, version, now)

    @abstractmethod
    def say(self, kind: str, rows: dict[str, list[Row]], version: int, now: int) -> Say:
        """One item in the words of this channel."""


class SpotIncrease(Sequenced):
    """`spot/depth/increase100` (§2.8): only what changes is sent, wherever in the book it is."""

    def moved(self, changes: Changes, now: int) -> list[Say]:
        if not changes["bid"] and not changes["ask"]:
            return []
        self.version += 1
        self._tell(now)
        rows = {
            "bid": changed_rows(changes["bid"], best_first_down=True),
            "ask": changed_rows(changes["ask"], best_first_down=False),
        }
        return [self.say("update", rows, self.version, now)]

    def quiet(self, now: int) -> list[Say]:
        # §2.8 rule 6: an empty update whose version equals the previous one.
        return [self.say("heartbeat", {"bid": [], "ask": []}, self.version, now)]

    def say(self, kind: str, rows: dict[str, list[Row]], version: int, now: int) -> Say:
        row = {
            "asks": self.pen.pairs(self.market.form, rows["ask"]),
            "bids": self.pen.pairs(self.market.form, rows["bid"]),
            "ms_t": self.stamp.ms(now, self.topic),
            "symbol": self.market.symbol,
            "type": "snapshot" if kind in ("first", "reply") else "update",
            "version": version,
        }
        return Say(kind, self.topic, {"data": [row], "table": "spot/depth/increase100"})


class FuturesIncrease(Sequenced):
    """`futures/depthIncrease5`, `20`, `50` (§4.5): the venue keeps the window, and says what enters
    and leaves it."""

    def moved(self, changes: Changes, now: int) -> list[Say]:
        before = self.told[-1][2]
        self.version += 1
        self._tell(now)
        return [self.say("update", self._difference(before), self.version, now)]

    def quiet(self, now: int) -> list[Say]:
        # §4.5: an empty update advances the version.
        self.version += 1
        self._tell(now)
        return [self.say("update", {"bid": [], "ask": []}, self.version, now)]

    def _difference(self, before: State) -> dict[str, list[Row]]:
        rows = {}
        for side in ("bid", "ask"):
            old, new = dict(self.rows(before, side)), dict(self.rows(self.market.now, side))
            changes = {price: 0 for price in old if price not in new}
            changes.update({p: s for p, s in new.items() if old.get(p) != s})
            rows[side] = changed_rows(changes, best_first_down=side == "bid")
        return rows

    def say(self, kind: str, rows: dict[str, list[Row]], version: int, now: int) -> Say:
        data = {
            "symbol": self.market.symbol,
            "asks": self.pen.named(self.market.form, rows["ask"]),
            "bids": self.pen.named(self.market.form, rows["bid"]),
            "ms_t": self.stamp.ms(now, self.topic),
            "version": version,
            "type": "snapshot" if kind in ("first", "reply") else "update",
        }
        return Say(kind, self.topic, {"data": data, "group": self.topic})


class FuturesAll(Channel):
    """`futures/depthAll5`, `20`, `50` (§4.4): both sides, no version."""

    def picture(self, now: int) -> Say:
        state, form = self.market.now, self.market.form
        data = {
            "symbol": self.market.symbol,
            "asks": self.pen.named(form, self.rows(state, "ask")),
            "bids": self.pen.named(form, self.rows(state, "bid")),
            "ms_t": self.stamp.ms(now, self.topic),
        }
        return Say("picture", self.topic, {"data": data, "group": self.topic})


class FuturesSides(Channel):
    """`futures/depth5`, `20`, `50` (§4.4): one side a message, `way` 1 bids and 2 asks."""

    def moved(self, changes: Changes, now: int) -> list[Say]:
        return self.opening(now)

    def opening(self, now: int) -> list[Say]:
        return [self._side("bid", 1, now), self._side("ask", 2, now)]

    def _side(self, side: str, way: int, now: int) -> Say:
        data = {
            "symbol": self.market.symbol,
            "way": way,
            "depths": self.pen.named(self.market.form, self.rows(self.market.now, side)),
            "ms_t": self.stamp.ms(now, self.topic),
        }
        return Say("picture", self.topic, {"group": self.topic, "data": data}, side=side)


class LegacyDepth(Channel):
    """Gen-1 `order`, which answers as `depth` (§1.1): 20 levels a side with running totals."""

    def picture(self, now: int) -> Say:
        state = self.market.now
        symbol, _, precision = self.topic.partition(":")[2].partition("@")
        body = {
            "subscribe": "depth",
            "symbol": symbol,
            "precision": int(precision),
            "data": {
                "buys": self._rows(self.rows(state, "bid")),
                "sells": self._rows(self.rows(state, "ask")),
            },
        }
        return Say("picture", self.topic, body)

    def _rows(self, rows: list[Row]) -> list[dict[str, str]]:
        form, total, told = self.market.form, 0, []
        for price, lots in rows:
            total += lots
            told.append(
                {
                    "amount": format(form.size(lots), "f"),
                    "total": format(form.size(total), "f"),
                    "price": format(form.price(price), "f"),
                    "count": str(lots % 5 + 1),
                }
            )
        return told


class Trades(Channel, ABC):
    """Public trades: nothing to begin with (§2.8, "no history"), one row or more a push."""

    def opening(self, now: int) -> list[Say]:
        return []

    def moved(self, changes: Changes, now: int) -> list[Say]:
        return []

    @abstractmethod
    def deals(self, deals: list[Deal]) -> Say:
        """Trades in the words of this channel."""


class SpotTrades(Trades):
    """`spot/trade` (§2.8): rows the oldest first, no id."""

    def deals(self, deals: list[Deal]) -> Say:
        rows = []
        for deal in deals:
            ms = self.stamp.ms(deal.time, self.topic)
            rows.append(
                {
                    "symbol": self.market.symbol,
                    "price": self.pen.number(self.market.form.price(deal.price)),
                    "side": deal.taker,
                    "size": self.pen.number(self.market.form.size(deal.size)),
                    "s_t": ms // 1000,
                    "ms_t": ms,
                }
            )
        return Say("trade", self.topic, {"table": "spot/trade", "data": rows})


class FuturesTrades(Trades):
    """`futures/trade` (§4.6): rows the newest first, nine digits of a second, side from `m`."""

    def deals(self, deals: list[Deal]) -> Say:
        rows = []
        for deal in reversed(deals):
            ms = self.stamp.ms(deal.time, self.topic)
            rows.append(
                {
                    "trade_id": 3_000_000_389_425_121 + deal.number,
                    "symbol": self.market.symbol,
                    "deal_price": self.pen.number(self.market.form.price(deal.price)),
                    "deal_vol": self.pen.number(self.market.form.size(deal.size)),
                    "way": 1 if deal.taker == "buy" else 7,
                    "m": deal.taker == "sell",
                    "created_at": rfc3339(ms),
                }
            )
        return Say("trade", self.topic, {"data": rows, "group": self.topic})


def rfc3339(ms: int) -> str:
    """RFC 3339 with nine digits (§4.6), by hand: civil date from days (no time zone, no floats)."""
    days, rest = divmod(ms, 86_400_000)
    era_day = days + 719_468
    era, day = divmod(era_day, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    of_month = day - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year + era * 400 + (1 if month <= 2 else 0)
    second, milli = divmod(rest, 1000)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{milli:03}000000Z"
    return f"{year:04}-{month:02}-{of_month:02}T{clock}"


def spot_channel(topic: str, market: Market, stamp: Stamp, pen: Pen) -> Channel | None:
    channel = topic.partition(":")[0]
    if channel == "spot/depth/increase100":
        return SpotIncrease(topic, market, stamp, pen, rules.INCREASE_EVERY, rules.WINDOW, "book")
    if channel in ("spot/depth5", "spot/depth20", "spot/depth50"):
        depth = int(channel.removeprefix("spot/depth"))
        return SpotPicture(topic, market, stamp, pen, rules.PICTURE_EVERY, depth)
    if channel == "spot/trade":
        return SpotTrades(topic, market, stamp, pen, 0, 0, "trade")
    return None


def futures_channel(
    topic: str, market: Market, stamp: Stamp, pen: Pen, every: int
) -> Channel | None:
    channel = topic.partition(":")[0].removeprefix("futures/")
    if channel == "trade":
        return FuturesTrades(topic, market, stamp, pen, 0, 0, "trade")
    for prefix, kind in (
        ("depthIncrease", FuturesIncrease),
        ("depthAll", FuturesAll),
        ("depth", FuturesSides),
    ):
        # §4.2: an unknown level ("depthIncrease30") is refused.
        if channel.startswith(prefix) and channel.removeprefix(prefix) in ("5", "20", "50"):
            depth = int(channel.removeprefix(prefix))
            name = "book" if kind is FuturesIncrease else "picture"
            return kind(topic, market, stamp, pen, every, depth, name)
    return None


def legacy_channel(topic: str, market: Market, stamp: Stamp, pen: Pen) -> Channel:
    return LegacyDepth(topic, market, stamp, pen, rules.LEGACY_EVERY, rules.LEGACY_LEVELS)
