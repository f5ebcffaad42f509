"""The same book once more, slow and plain: the oracle of the tests and of `shadow=True`.

Sorted dictionaries of Decimals, one small rule after the other, no code shared with the compiled
book. It keeps no clock: what a deadline does is tested on its own. Where this file and `_book`
disagree, one of them is wrong.
"""

from __future__ import annotations

import json
import re
import unicodedata
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from sortedcontainers import SortedDict

from bitmart_book.errors import FeedClosed, LimitError, MessageError, NumberError, UsageError
from bitmart_book.model import BookState, Change, Trade

__all__ = ["ReferenceBook", "ReferenceEngine"]

Side = Literal["bid", "ask"]
Verdict = Literal["uncounted", "no counter", "next", "lost", "ahead", "heartbeat", "old", "older"]
Rows = list[tuple[Decimal, Decimal]]
SIDES: tuple[Side, Side] = ("bid", "ask")
# Where the known part of a side ends of which nothing is known.
NOTHING: dict[Side, Decimal] = {"bid": Decimal("Infinity"), "ask": Decimal("-Infinity")}

LARGEST = 2**63 - 1
MOST_DECIMALS = 18
MOST_ROWS = 100_000
MOST_KEPT_FRAMES = 1_000
MOST_KEPT_ROWS = 4 * 1024 * 1024 // 32
STALE_RUN = 3
REPEATS_KNOWN = 32
MOST_OVERTAKEN = 32
MOST_UNSUMMED = 4
MOST_WRITTEN = 24
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_NUMBER = re.compile(r"(-?)(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Ids are taken as they are, but for what would not be told apart in a topic or a line of text.
_NO_ID = frozenset("\"'\\\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANKS = r"[ \t\n\r\f\v]*"


@dataclass
class Item:
    """One snapshot, update, picture or side, parsed."""

    kind: Literal["snapshot", "update", "picture", "side"]
    rows: dict[Side, Rows]
    sequence: int | None = None
    time: int | None = None
    previous: int | None = None
    checksum: int | None = None
    # Most decimals of its prices and of its sizes, as they were written.
    written: tuple[int, int] = (0, 0)
    by_hand: bool = False
    # By hand: whether it says itself what it continues, by `previous`, or as a range from `begins`.
    linked: bool = False
    begins: int | None = None

    def longest(self) -> int:
        return max(len(rows) for rows in self.rows.values())

    def empty(self) -> bool:
        return not any(self.rows.values())

    def without_levels(self) -> bool:
        return not any(size for rows in self.rows.values() for _, size in rows)


class Swept(NamedTuple):
    """What consuming a side would give."""

    size: Fraction
    notional: Fraction
    fills: list[tuple[Decimal, Fraction]]
    next_price: Decimal | None
    found: bool


def judge(
    last: int | None,
    version: int | None,
    *,
    empty: bool,
    advances: bool,
    rule: str = "next",
    previous: int | None = None,
) -> Verdict:
    """The sequence rule: how a version follows the last one.

    `advances`: whether a frame without levels may carry the next version; elsewhere it is the
    heartbeat of an update that was lost. `previous` is what an update of a "chain" names as the
    version before it, and of a "range" the first version that it covers.
    """
    if version is None or rule == "none":
        return "uncounted"
    if last is None:
        return "no counter"
    if rule == "chain":
        names_last = previous == last
        if names_last and version != last:
            return "next"
        if version == last:
            return "heartbeat" if names_last and empty else "old"
        return "older" if version < last else "ahead"
    if rule == "range" and version > last:
        assert previous is not None
        return "next" if previous <= last + 1 else "ahead"
    if version > last + 1:
        return "ahead"
    if version == last + 1:
        return "lost" if empty and not advances else "next"
    if version == last:
        return "heartbeat" if empty else "old"
    return "older"


def judge_by_hand(last: int | None, item: Item) -> Verdict:
    """How an update follows a version that says itself what it continues: the version that it
    names, or any that its range holds or begins behind."""
    assert item.sequence is not None
    if last is None:
        return "no counter"
    names_last = item.previous == last
    if item.sequence == last:
        return "heartbeat" if names_last and item.empty() else "old"
    if names_last:
        return "next"
    if item.sequence < last:
        return "older"
    return "next" if item.begins is not None and item.begins <= last + 1 else "ahead"


def in_steps(value: float, step: Decimal) -> Decimal | None:
    """The multiple of a step that a float means that was computed; None where it means none."""
    count = Fraction(value) / Fraction(step)
    nearest = (count + Fraction(1, 2)).__floor__()
    allowed = max(Fraction(1, 10**6), count * 8 / 2**52)
    if -1 < count < 10**14 and abs(count - nearest) <= allowed:
        return nearest * step
    written = Decimal(repr(value))
    return written if value >= 0 and Fraction(written) % Fraction(step) == 0 else None


def decimals(value: Decimal) -> int:
    """Digits after the point that are not superfluous zeros."""
    if not value:
        return 0
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    while digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    return max(0, -exponent)


def holdable(value: Decimal, scale: int) -> bool:
    return scale <= MOST_DECIMALS and Fraction(value) * 10**scale <= LARGEST


@dataclass
class Scales:
    """How many decimals the book's integers stand for. They widen, and start afresh only where a
    picture cannot be held otherwise."""

    price: int = 0
    size: int = 0

    def widened(self, rows: dict[Side, Rows]) -> Scales:
        flat = [row for side in rows.values() for row in side]
        return Scales(
            max([self.price, *(decimals(price) for price, _ in flat)]),
            max([self.size, *(decimals(size) for _, size in flat)]),
        )

    def hold(self, rows: dict[Side, Rows]) -> bool:
        return (
            self.price <= MOST_DECIMALS
            and self.size <= MOST_DECIMALS
            and all(
                holdable(price, self.price) and holdable(size, self.size)
                for side in rows.values()
                for price, size in side
            )
        )


@dataclass(eq=False)
class ReferenceBook:
    """One book; `channel` is a descriptor of `venues`."""

    symbol: str
    channel: Any
    max_levels: int = 50_000
    state: BookState = BookState.SYNCING
    epoch: int = 0
    sequence: int | None = None
    time: int | None = None
    scales: Scales = field(default_factory=Scales)
    generation: int = 0
    assigned: bool = False
    trust_empty: bool = False
    last_trade: Trade | None = None

    def __post_init__(self) -> None:
        self.levels: dict[Side, SortedDict] = {"bid": SortedDict(), "ask": SortedDict()}
        # Worst price of each side that is known for certain; None: the whole side is.
        self.known_to: dict[Side, Decimal | None] = {"bid": None, "ask": None}
        self.forget()
        self.empty_snapshots = 0
        # Which kinds of snapshots were empty one after the other, and whether all is built on one.
        self.empties: set[bool] = set()
        self.hollow = False
        # Whether the venue was caught keeping silent about levels that went.
        self.narrow = False
        # Whether levels were dropped because a side may have no more.
        self.trimmed = False
        # The highest version that was come to, here or (`elsewhere`) on an earlier connection.
        self.reached = -1
        self.left_at: deque[int] = deque(maxlen=4)
        # The highest of all that it ever left.
        self.passed = -1
        self.elsewhere = False
        # Whether the counter began anew, and whether the snapshot held is one not believed yet.
        self.recounted = False
        self.unproven = False
        self.overtaken = 0
        # How many requests may still be answered.
        self.asked = 0
        # Whether the next snapshot is the first of a subscription, or may be: it was subscribed
        # anew, and that is not acknowledged yet.
        self.begins = self.renewed = False
        # Whether an update was told of since that subscription began.
        self.told = False
        # With how many decimals the venue writes prices and sizes, and how many snapshots in a row
        # had no checksum where nothing else proves the book.
        self.written = [0, 0]
        self.unsummed = 0
        self.checksums = self.mismatches = 0

    @property
    def _most_levels(self) -> int:
        """To how many levels a side is cut: to the venue's, where it has such a number."""
        return self.channel.depth or self.max_levels

    def forget(self) -> None:
        self.kept: list[Item] = []
        self.staged: Item | None = None
        self.stale_run = 0
        self.refused = False
        self.held: int | None = None
        self.overtaken_from: int | None = None
        self.seen: set[Side] = set()
        self.side_time: dict[Side, int | None] = {"bid": None, "ask": None}
        self.side_stale: dict[Side, int] = {"bid": 0, "ask": 0}
        self.alone: dict[Side, int] = {"bid": 0, "ask": 0}
        # By version, one for each remainder.
        self.recent: dict[int, tuple[int, dict[Side, Rows]]] = {}
        # The same of what was heard before the venue's counter restarted.
        self.former: dict[int, tuple[int, dict[Side, Rows]]] = {}

    # --- reading ---

    def side(self, side: Side) -> Rows:
        """All levels, best first."""
        items = list(self.levels[side].items())
        return items[::-1] if side == "bid" else items

    def best(self, side: Side) -> tuple[Decimal, Decimal] | None:
        rows = self.side(side)
        return rows[0] if rows else None

    def known(self, side: Side) -> int:
        limit = self.known_to[side]
        if limit is None:
            return len(self.levels[side])
        return sum(
            price >= limit if side == "bid" else price <= limit for price in self.levels[side]
        )

    def certain(self, side: Side) -> int:
        """How many of the best levels are known, and proven by the venue."""
        proven = self.channel.proven_levels
        return self.known(side) if proven is None else min(self.known(side), proven)

    def crossed(self) -> bool:
        bid, ask = self.best("bid"), self.best("ask")
        return bid is not None and ask is not None and bid[0] >= ask[0]

    def mid(self) -> Fraction | None:
        bid, ask = self.best("bid"), self.best("ask")
        return None if not bid or not ask else (Fraction(bid[0]) + Fraction(ask[0])) / 2

    def spread(self) -> Fraction | None:
        bid, ask = self.best("bid"), self.best("ask")
        return None if not bid or not ask else Fraction(ask[0]) - Fraction(bid[0])

    def spread_bps(self) -> Fraction | None:
        mid, spread = self.mid(), self.spread()
        return None if mid is None or spread is None else spread / mid * 10_000

    def total_size(self, side: Side, levels: int | None = None) -> Fraction:
        return sum((Fraction(size) for _, size in self.side(side)[:levels]), Fraction())

    def microprice(self) -> Fraction | None:
        bid, ask = self.best("bid"), self.best("ask")
        if not bid or not ask:
            return None
        (bid_price, bid_size), (ask_price, ask_size) = map(fractions, (bid, ask))
        return (bid_price * ask_size + ask_price * bid_size) / (bid_size + ask_size)

    def imbalance(self, levels: int) -> Fraction | None:
        if not self.levels["bid"] or not self.levels["ask"]:
            return None
        bid, ask = (
            sum((Fraction(size) for _, size in self.side(side)[:levels]), Fraction())
            for side in SIDES
        )
        return (bid - ask) / (bid + ask)

    def sweep(
        self,
        side: Side,
        *,
        size: Fraction | None = None,
        notional: Fraction | None = None,
        limit: Fraction | None = None,
    ) -> Swept:
        total_size = total_notional = Fraction()
        fills: list[tuple[Decimal, Fraction]] = []
        next_price = None
        for price_text, size_text in self.side(side):
            price, available = Fraction(price_text), Fraction(size_text)
            part = available
            if size is not None:
                part = min(part, size - total_size)
            elif notional is not None:
                part = min(part, (notional - total_notional) / price)
            if limit is not None and (price < limit if side == "bid" else price > limit):
                part = Fraction()
            if part > 0:
                total_size += part
                total_notional += part * price
                fills.append((price_text, part))
            if part < available:
                next_price = price_text
                break
        found = size in (None, total_size) and notional in (None, total_notional)
        return Swept(total_size, total_notional, fills, next_price, found)

    def size_within(self, side: Side, bps: Fraction, *, of_mid: bool = False) -> Fraction | None:
        rows = self.side(side)
        middle = self.mid() if of_mid else Fraction(rows[0][0]) if rows else None
        if middle is None:
            return None if of_mid else Fraction()
        reach = bps / 10_000 * middle
        edge = middle - reach if side == "bid" else middle + reach
        return sum(
            (
                Fraction(size)
                for price, size in rows
                if (Fraction(price) >= edge if side == "bid" else Fraction(price) <= edge)
            ),
            Fraction(),
        )

    def grouped(self, side: Side, step: Fraction) -> list[tuple[Fraction, Fraction]]:
        groups: dict[Fraction, Fraction] = {}
        for price, size in self.side(side):
            steps = Fraction(price) / step
            place = (steps.__floor__() if side == "bid" else steps.__ceil__()) * step
            groups[place] = groups.get(place, Fraction()) + Fraction(size)
        return list(groups.items())

    # --- writing ---

    def plan(self, item: Item, scales: Scales) -> Scales | None:
        """The scales at which the item can be applied, or None."""
        wanted = scales.widened(item.rows)
        whole = item.kind in ("snapshot", "picture")
        there = {} if whole else {side: self.side(side) for side in SIDES}
        if wanted.hold(item.rows) and (wanted == scales or wanted.hold(there)):
            return wanted
        if not whole:
            return None
        own = Scales().widened(item.rows)
        return own if own.hold(item.rows) else None

    def become(self, state: BookState) -> None:
        if state == BookState.LIVE:
            self.epoch += 1
        self.state = state
        self.refused = False

    def is_synced(self) -> bool:
        """Whether updates continue what is held: a crossed snapshot is continued by none."""
        return self.state == BookState.LIVE or (self.state == BookState.STALE and not self.refused)

    def gap(self) -> int:
        self.become(BookState.GAP)
        return Change.GAP

    def apply(self, item: Item, *, by_hand: bool = False) -> int:
        """Apply one item whose numbers are known to fit; returns Change bits."""
        if self.state == BookState.CLOSED:
            return 0
        if self.state == BookState.REJECTED and not by_hand:
            return 0
        item.by_hand = by_hand
        if item.kind == "snapshot":
            change = self._snapshot(item, by_hand)
        elif item.kind == "update":
            change = self._update(item)
        elif item.kind == "picture":
            change = self._picture(item)
        else:
            change = self._side(item)
        if change & Change.LEVELS and not by_hand:
            self._bound()
        return change

    def _bound(self) -> None:
        """Of a side with as many levels as a picture shows, which was all that there was, deeper
        ones may have come, of which nobody tells."""
        window = self.channel.window
        if self.channel.depth or self.channel.window_kept or not window:
            return
        for side in SIDES:
            rows = self.side(side)
            if self.known_to[side] is None and len(rows) >= window:
                self.known_to[side] = rows[window - 1][0]

    def _tops(self) -> tuple[Any, Any]:
        return self.best("bid"), self.best("ask")

    def _top_bit(self, before: tuple[Any, Any], was_live: bool) -> int:
        now = self._tops()
        changed = now != before if was_live else now != (None, None)
        return Change.TOP if changed else 0

    def _all_levels(self) -> dict[Side, dict[Decimal, Decimal]]:
        return {side: dict(self.levels[side]) for side in SIDES}

    def _snapshot(self, item: Item, by_hand: bool) -> int:
        was_live = self.state == BookState.LIVE
        announced = self.asked > 0 and not by_hand
        self.asked -= announced
        verdict = judge(self.sequence, item.sequence, empty=False, advances=True)
        undecided = self.unproven and (self.recounted or self._is_of_former_count(self.sequence))
        undecided |= self.channel.replaces
        if verdict == "older" and not by_hand and self.is_synced() and not undecided:
            if announced and self.stale_run:
                return self._restarted()
            self.held = item.sequence
            self.stale_run += 1
            return self._restarted() if self.stale_run >= STALE_RUN else Change.DUPLICATE
        stands = self.is_synced() and not self.unproven and not by_hand
        stands = stands and not self.channel.replaces
        if stands and self._is_of_former_count(item.sequence):
            return Change.DUPLICATE
        if not by_hand and self._is_behind_time(item):
            return Change.DUPLICATE
        if self.unproven and verdict == "old" and not by_hand and self.is_synced():
            if not self._is_proven(item.sequence, announced=announced):
                return Change.DUPLICATE
            self._believe()
        hollow = not by_hand and not self.trust_empty and item.without_levels()
        if hollow and self._waits_for_another(announced=announced):
            self._counts_from(item.sequence)
            self.become(BookState.SYNCING)
            return Change.GAP
        before, levels_before, scales_before = self._tops(), self._all_levels(), self.scales
        same = item.sequence is not None and item.sequence == self.sequence
        repeats = was_live and same
        if announced and same and self.is_synced():
            joined = self._merge(item)
            if joined is not None:
                return self._merged(joined | self._top_bit(before, was_live), item)
        behind = same and self._is_contradicted()
        last = self.sequence
        later = announced or self._is_later(item)
        self._load(item, by_hand=by_hand, later=later)
        self.begins = self.renewed = False
        self.hollow = hollow
        if hollow:
            self.known_to = dict(NOTHING)
        else:
            self.empties = set()
        self._overtake(last, item.sequence)
        if not self.unproven and last is not None:
            self._reach(last)
        changed = self._all_levels() != levels_before or self.scales != scales_before
        self.sequence, self.time = item.sequence, item.time
        self.empty_snapshots = 0
        if not behind:
            self.stale_run = 0
        self.held = None
        if item.sequence is None or self.channel.replaces:
            self.kept, self.recent, self.former = [], {}, {}
        drained, complete, continued = self._drain()
        self._trim()
        self.unproven = not (
            by_hand
            or continued
            or self.channel.replaces
            or self._is_proven(item.sequence, announced=announced and not self.unproven)
        )
        if not self.unproven:
            self._believe()
        if by_hand and not complete:
            self.kept = []
        elif not complete:
            if self.state not in (BookState.SYNCING, BookState.GAP):
                self.become(BookState.GAP)
            return Change.GAP
        change = Change.SNAPSHOT | (Change.LEVELS if changed or drained else 0)
        if not by_hand and not self._has_proof(item):
            return change | Change.GAP
        if self.crossed():
            self.become(BookState.STALE)
            self.refused = not by_hand
            return change | Change.CROSSED
        if self.in_the_dark():
            self._darken()
            return change | Change.GAP
        if self.unproven:
            self.become(BookState.STALE)
            return change | Change.GAP
        if not (repeats and change == Change.SNAPSHOT):
            self.become(BookState.LIVE)
        return change | self._top_bit(before, was_live)

    def _is_empty(self) -> bool:
        return not any(self.levels.values())

    def _waits_for_another(self, *, announced: bool) -> bool:
        """Whether one more snapshot has to say that there are no levels."""
        if self.assigned and not self.channel.replaces:
            self.empties.add(announced)
            return len(self.empties) < 2
        self.empty_snapshots += 1
        return self.empty_snapshots < 2 and (self.assigned or not self._is_empty())

    def _has_proof(self, item: Item) -> bool:
        """Whether a snapshot is proven by what the channel offers for that, now that it is loaded;
        where it is not, the book is in GAP, or STALE where there is no proof any more."""
        if self.channel.proven_levels == 0:
            self.become(BookState.STALE)
            self.refused = True
            return False
        if self._has_only_sum():
            if not item.checksum and not (item.checksum == 0 and self._is_empty()):
                self.unsummed += 1
                if self.unsummed >= MOST_UNSUMMED:
                    self.become(BookState.STALE)
                    self.refused = True
                    return False
            else:
                self.unsummed = 0
        return self._sums_up(item)

    def _has_only_sum(self) -> bool:
        return self.channel.rule == "none" and self.channel.checksum is not None

    def _sums_up(self, item: Item) -> bool:
        """Whether the venue's checksum is the book's; a book that it is not of is in GAP."""
        if self.channel.checksum is None or self.channel.kind != "sequenced":
            return True
        # How it is written, and what it sums up to, whoever feeds a book by hand need not know.
        if item.by_hand:
            return True
        whole = item.kind == "snapshot"
        self.written = [
            min(new, MOST_WRITTEN) if whole else max(old, min(new, MOST_WRITTEN))
            for old, new in zip(self.written, item.written, strict=True)
        ]
        if self.channel.rule != "none":
            covered = self.channel.checksum.levels
            known = all(
                self.known_to[side] is None or self.known(side) >= covered for side in SIDES
            )
            if not item.checksum or not known:
                return True
        if item.checksum is not None:
            self.checksums += 1
        if item.checksum == self._checksum():
            return True
        self.mismatches += 1
        if not item.checksum:
            self.unsummed = max(self.unsummed, 1)
        self.become(BookState.GAP)
        return False

    def _checksum(self) -> int:
        """The CRC32 of the best levels, as the venue makes it."""
        rule = self.channel.checksum
        texts: dict[Side, list[list[str]]] = {
            side: [
                [self._summed(price, 0), self._summed(size, 1)]
                for price, size in self.side(side)[: rule.levels]
            ]
            for side in SIDES
        }
        if rule.interleaved:
            longest = max(map(len, texts.values()))
            levels = [row for place in range(longest) for side in SIDES
                      for row in texts[side][place : place + 1]]  # fmt: skip
        else:
            levels = texts["ask"] + texts["bid"]
        return zlib.crc32(rule.joint.join(text for level in levels for text in level).encode())

    def _summed(self, value: Decimal, which: int) -> str:
        text = f"{value:.{max(decimals(value), self.written[which])}f}"
        if self.channel.checksum.text == "stripped":
            return text.rstrip("0").rstrip(".") if "." in text else text
        if self.channel.checksum.text == "padded":
            return text
        return text.replace(".", "").lstrip("0")

    def _is_behind_time(self, item: Item) -> bool:
        """Whether a snapshot, not the first of a subscription, was stamped from two seconds to a
        minute before the last update that has come."""
        if self.begins or self.renewed or self.channel.replaces or item.time is None:
            return False
        last = self.time
        if self.kept and self.kept[-1].time is not None:
            last = self.kept[-1].time
        return last is not None and 2_000 <= last - item.time < 60_000

    def _is_later(self, item: Item) -> bool:
        """Whether an unasked snapshot is not the one that a subscription begins with. Where nobody
        can be asked, one without a side is believed."""
        both = all(item.rows.get(side) for side in SIDES)
        first = self.begins and not self._has_overtaken(item)
        return not (first or self.channel.replaces) and (self.assigned or both)

    def _has_overtaken(self, item: Item) -> bool:
        """Whether a snapshot was made after some update of its subscription had been told of, so
        that it is not the one that this begins with."""
        if not self.told:
            return False
        if not self.kept:
            return True
        counted = -1 if item.sequence is None else item.sequence
        assert self.kept[0].sequence is not None
        return counted >= self.kept[0].sequence

    def _is_proven(self, sequence: int | None, *, announced: bool) -> bool:
        """Whether a snapshot is believed although no update continues it."""
        if self.recounted or self._is_of_former_count(sequence):
            return False
        last = -1 if sequence is None else sequence
        return last >= self.reached or (self.elsewhere and announced)

    def _is_of_former_count(self, sequence: int | None) -> bool:
        """Whether a version is nearer to a count that the venue left than to the one since."""
        now = self.reached
        if now < 0:
            now = -1 if self.sequence is None else self.sequence
        if sequence is None or sequence <= now:
            return False
        return any(0 <= end - sequence < sequence - now for end in self.left_at)

    def _believe(self) -> None:
        if self.sequence is not None:
            self._note_left(self.sequence)
        self.unproven = self.recounted = self.elsewhere = False
        self.reached = -1

    def _counts_from(self, sequence: int | None) -> None:
        """What is not shown says all the same how far a new connection has counted."""
        if self.elsewhere and sequence is not None:
            self._note_left(sequence)
            self.reached = sequence
            self.elsewhere = False

    def _note_left(self, sequence: int) -> None:
        """Versions are counted from that one now: a higher count that was is over."""
        if self.reached > sequence:
            self.left_at.append(self.reached)
            self.passed = max(self.passed, self.reached)

    def _reach(self, sequence: int) -> None:
        if sequence > self.reached:
            self.reached = sequence
            self.elsewhere = False

    def leave(self) -> None:
        """The book is told of elsewhere from now on, where its version may be another."""
        if not self.unproven and self.sequence is not None:
            self._reach(self.sequence)
        self.elsewhere = True
        self.begin()
        self.recounted = self.unproven = self.renewed = False
        self.sequence = None
        self.overtaken = self.asked = 0
        self.empties = set()

    def begin(self) -> None:
        """A subscription begins now, and its first snapshot comes before its updates."""
        self.begins = True
        self.told = False

    def suspect(self) -> None:
        """The book is lost; if it was contradicted, no version is worth more than another."""
        self.recounted |= self._is_contradicted()

    def _is_contradicted(self) -> bool:
        """Whether updates have come that are below the book, and none since that continues it."""
        overtaken = self.overtaken_from is not None and self.overtaken > 0
        return overtaken or (self.stale_run > 0 and self.held is None)

    def _overtake(self, before: int | None, sequence: int | None) -> None:
        if self.overtaken_from is None:
            self.overtaken = 0
        if before is not None and (sequence is None or before > sequence):
            self.overtaken_from = None
        elif before is not None and sequence is not None and self.overtaken_from is None:
            self.overtaken_from = before if before < sequence else None

    def _merge(self, item: Item) -> int | None:
        """Join an announced reply of the same sequence to the book: Change bits, or None where
        they disagree on something that the book should have known."""
        if self.plan(item, self.scales) != self.scales.widened(item.rows):
            return None
        if not self.scales.widened(item.rows).hold({side: self.side(side) for side in SIDES}):
            return None
        joined: dict[Side, SortedDict] = {}
        known: dict[Side, Decimal | None] = {}
        cuts: dict[Side, Decimal | None] = {}
        wrong = changed = False
        for side in SIDES:
            mine, known_to = self.levels[side], self.known_to[side]
            reply, limit = self._cut(side, item.rows[side])
            cuts[side] = limit
            for price in {*reply, *mine}:
                if not _reaches(side, price, limit) or mine.get(price) == reply.get(price):
                    continue
                changed = True
                told = _reaches(side, price, known_to)
                wrong |= told
                self.narrow |= price in mine and (price not in reply or not told)
            deeper = {
                price: size for price, size in mine.items() if not _reaches(side, price, limit)
            }
            joined[side] = SortedDict({**deeper, **reply})
            known[side] = _deeper(side, known_to, limit)
        if wrong:
            return None
        for side in SIDES:
            limit = cuts[side]
            hidden = [price for price in joined[side] if not _reaches(side, price, limit)]
            if self.narrow and hidden and limit != NOTHING[side]:
                for price in hidden:
                    del joined[side][price]
                known[side] = limit
                changed = True
        self.levels, self.known_to = joined, known
        self.scales = self.scales.widened(item.rows)
        return Change.LEVELS if changed else 0

    def _cut(self, side: Side, rows: Rows) -> tuple[dict[Decimal, Decimal], Decimal | None]:
        """What a reply shows of a side, and its worst price where it may have been cut there."""
        shown = sorted(
            ((price, size) for price, size in dict(rows).items() if size), reverse=side == "bid"
        )
        cut = len(shown) > self.max_levels or self._may_be_cut(side, rows, later=True)
        shown = shown[: self.max_levels]
        worst = shown[-1][0] if shown else NOTHING[side]
        return dict(shown), worst if cut else None

    def _may_be_cut(self, side: Side, rows: Rows, *, later: bool) -> bool:
        """Whether a picture may end where there is more: at the window, or, unless it is the first
        of a subscription, anywhere where the book has more, or no end that it knows."""
        window = self.channel.window
        if len(rows) >= window:
            return bool(window) and not self.channel.window_kept
        more = self.known_to[side] is not None or len(self.levels[side]) > len(rows)
        return later and more

    def _merged(self, change: int, item: Item) -> int:
        self.empty_snapshots = 0
        if self._is_contradicted():
            return change | Change.SNAPSHOT
        self.stale_run = 0
        self.held = None
        if item.time is not None:
            self.time = item.time
        self._trim()
        if self.crossed():
            self.become(BookState.STALE)
            self.refused = True
            return change | Change.SNAPSHOT | Change.CROSSED
        if self.in_the_dark():
            self._darken()
            return change | Change.SNAPSHOT | Change.GAP
        if self.state == BookState.STALE:
            self.become(BookState.LIVE)
        return change | Change.SNAPSHOT

    def _restarted(self) -> int:
        self.stale_run = 0
        self.held = None
        self.recounted = True
        self._leave_recent()
        return self.gap()

    def _update(self, item: Item) -> int:
        if not self.is_synced():
            waits = item.sequence is not None and not self.channel.replaces
            return self._keep(item) if waits else Change.GAP
        verdict = self.judge(self.sequence, item)
        if verdict in ("ahead", "no counter"):
            self.gap()
            if not self.channel.replaces:
                self._keep(item)
            return Change.GAP
        if verdict == "heartbeat":
            self.told = True
            self.stale_run = 0
            if self.state == BookState.STALE and (self.crossed() or self.in_the_dark()):
                return Change.HEARTBEAT
            self.overtaken_from = None
            if self.state == BookState.STALE:
                self._believe()
                self.become(BookState.LIVE)
            return Change.HEARTBEAT
        if verdict in ("old", "older"):
            return self._old(item)
        if verdict == "lost":
            assert item.sequence is not None
            self._reach(item.sequence)
            return self.gap()
        if not item.by_hand and self._may_be_of_former_run(item):
            return self.gap()
        if self.plan(item, self.scales) is None:
            return self.gap()
        before = self._tops()
        change = Change.LEVELS if self._put(item) else 0
        self.told = True
        self.stale_run = 0
        self.overtaken_from = None
        if item.sequence is not None:
            self.sequence = item.sequence
            self._remember(item)
        if item.time is not None:
            self.time = item.time
        self._trim()
        change |= self._top_bit(before, True)
        if not self._sums_up(item):
            return change | Change.GAP
        if self.crossed():
            return change | Change.CROSSED | self.gap()
        if (change & Change.TOP or self.state != BookState.LIVE) and self.in_the_dark():
            if self.state != BookState.STALE:
                self._darken()
            return change | Change.GAP
        if self.state == BookState.STALE:
            self._believe()
            self.become(BookState.LIVE)
        return change

    def judge(self, last: int | None, item: Item) -> Verdict:
        """How an update follows a version; only a feed can ask for what was lost, and so minds."""
        advances = not self.assigned or self.channel.empty_advances
        if item.linked:
            return judge_by_hand(last, item)
        return judge(
            last,
            item.sequence,
            empty=item.empty(),
            advances=advances,
            rule=self.channel.rule,
            previous=item.previous,
        )

    def _old(self, item: Item) -> int:
        """An update that is not above the book: a duplicate, or a sign of a restarted counter."""
        assert item.sequence is not None
        heard = self._heard_before(item)
        if heard == "contradicted":
            self.gap()
            self.recounted = True
            self._leave_recent()
            if not self.channel.replaces:
                self._keep(item)
            return Change.GAP
        if heard == "repeated":
            return Change.DUPLICATE
        if self.channel.replaces:
            # Nothing overtakes anything there: the count is another one.
            return self._restarted()
        overtaken = self.overtaken_from is not None and item.sequence > self.overtaken_from
        if overtaken and self.held is None:
            self.overtaken += 1
            if self.overtaken <= MOST_OVERTAKEN:
                self._remember(item)
                if item.sequence == self.sequence:
                    self.overtaken_from = None
                return Change.DUPLICATE
        self.stale_run += 1
        if self.stale_run < STALE_RUN and (self.held is None or item.sequence != self.held + 1):
            return Change.DUPLICATE
        self._restarted()
        self._keep(item)
        return Change.GAP

    def _darken(self) -> None:
        """Whoever said that the book was empty has to say it again."""
        self.empties = set()
        self.become(BookState.STALE)

    def in_the_dark(self) -> bool:
        """Whether all that was known of some side has gone. A side that was said to be empty is
        shown as that, and nothing else."""
        dark = any(
            self.known_to[side] is not None and not self.known(side) and self._is_a_guess(side)
            for side in SIDES
        )
        return dark and not (self.hollow and self._is_empty())

    def _is_a_guess(self, side: Side) -> bool:
        """Whether a side of which nothing is certain is hidden: not where nobody can be asked and
        it has grown to a picture's length by updates."""
        return self.assigned or self.trimmed or len(self.levels[side]) < self.channel.window

    def _older(self, item: Item) -> bool:
        self.stale_run, older = _older(item.time, self.time, self.stale_run)
        return older

    def _picture(self, item: Item) -> int:
        was_live = self.state == BookState.LIVE
        if was_live and self._older(item):
            return Change.DUPLICATE
        hollow = False
        if item.without_levels() and not self.trust_empty:
            self.empty_snapshots += 1
            if self.empty_snapshots < 2 and (self.assigned or not self._is_empty()):
                self.become(BookState.SYNCING)
                return Change.GAP
            hollow = not self.assigned
        else:
            self.empty_snapshots = 0
        before, levels_before, scales_before = self._tops(), self._all_levels(), self.scales
        self._load(item)
        self.time = item.time
        self._trim()
        changed = self._all_levels() != levels_before or self.scales != scales_before
        change = Change.SNAPSHOT | (Change.LEVELS if changed else 0)
        if self.crossed():
            return change | Change.CROSSED | self.gap()
        if not was_live or hollow != self.hollow:
            self.become(BookState.LIVE)
        self.hollow = hollow
        return change | self._top_bit(before, was_live)

    def _side(self, item: Item) -> int:
        was_live = self.state == BookState.LIVE
        (side,) = item.rows
        partner: Side = "ask" if side == "bid" else "bid"
        if was_live and self.staged is None:
            run = self.side_stale[side]
            self.side_stale[side], older = _older(item.time, self.side_time[side], run)
            if older:
                return Change.DUPLICATE
        self.alone[side] += 1
        self.alone[partner] = 0
        if self.state == BookState.STALE and len(self.seen) == 2:
            self.seen.clear()
        before, levels_before, scales_before = self._tops(), self._all_levels(), self.scales
        staged, self.staged = self.staged, None
        if self.plan(item, self.scales) is None:
            self.seen.clear()
            return self.gap()
        opposite = self.best(partner)
        crosses = opposite is not None and any(
            size and (price >= opposite[0] if side == "bid" else price <= opposite[0])
            for price, size in dict(item.rows[side]).items()
        )
        if was_live and crosses and (staged is None or side in staged.rows):
            if staged is None:
                self.staged = item
                return Change.BUFFERED
            self.seen.discard(partner)
            self._load(item)
            changed = self._all_levels() != levels_before or self.scales != scales_before
            return (Change.LEVELS if changed else 0) | Change.CROSSED | self.gap()
        if staged is not None and side not in staged.rows:
            self._load(staged)
            self.side_time[partner] = staged.time
            if self.plan(item, self.scales) is None:
                self.seen.clear()
                changed = self._all_levels() != levels_before or self.scales != scales_before
                return (Change.LEVELS if changed else 0) | self.gap()
        self._load(item)
        self.seen.add(side)
        self.side_time[side] = self.time = item.time
        self._trim()
        changed = self._all_levels() != levels_before or self.scales != scales_before
        change = Change.LEVELS if changed else 0
        if len(self.seen) < 2:
            return change
        change |= Change.SNAPSHOT
        if self.crossed():
            self.seen.clear()
            return change | Change.CROSSED | self.gap()
        if was_live and self.alone[side] >= STALE_RUN:
            self.become(BookState.STALE)
            return change | Change.GAP
        if not was_live:
            self.become(BookState.LIVE)
        return change | self._top_bit(before, was_live)

    def _load(self, item: Item, *, by_hand: bool = False, later: bool = False) -> None:
        wanted = self.plan(item, self.scales)
        assert wanted is not None
        self.scales = wanted
        for side, rows in item.rows.items():
            cut = not by_hand and self._may_be_cut(side, rows, later=later)
            ladder = SortedDict()
            for price, size in rows:
                ladder[price] = size
            for price in [price for price, size in ladder.items() if not size]:
                del ladder[price]
            self.levels[side] = ladder
            self.known_to[side] = None
            self._trim()
            if cut:
                self.known_to[side] = self.side(side)[-1][0] if ladder else NOTHING[side]

    def _put(self, item: Item) -> bool:
        """Put an update's rows in order; says whether any level changed on the way."""
        wanted = self.plan(item, self.scales)
        assert wanted is not None
        self.scales = wanted
        changed = False
        for side, rows in item.rows.items():
            ladder = self.levels[side]
            for price, size in rows:
                changed |= ladder.get(price, Decimal(0)) != size
                if size:
                    ladder[price] = size
                else:
                    ladder.pop(price, None)
        return changed

    def _trim(self) -> None:
        most = self._most_levels
        if self.channel.depth:
            # All that the venue shows is known, and where it shows less there is no more.
            for side in SIDES:
                rows = self.side(side)
                for price, _ in rows[most:]:
                    del self.levels[side][price]
                self.known_to[side] = rows[most - 1][0] if len(rows) >= most else None
            return
        if self.narrow and not self.channel.window_kept and self.channel.window:
            most = min(most, self.channel.window)
        for side in SIDES:
            rows = self.side(side)
            if len(rows) <= most:
                continue
            self.trimmed = True
            for price, _ in rows[most:]:
                del self.levels[side][price]
            worst, limit = rows[most - 1][0], self.known_to[side]
            if limit is None or (worst > limit if side == "bid" else worst < limit):
                self.known_to[side] = worst

    def _keep(self, item: Item) -> int:
        assert item.sequence is not None
        heard = self._heard_before(item)
        if heard == "repeated":
            return Change.DUPLICATE
        if self._is_of_former_run(item):
            self.kept = []
            self.recounted = True
            return Change.DUPLICATE
        if heard == "contradicted":
            self.kept = []
            self._leave_recent()
            self.recounted = True
        if self.kept:
            verdict = self.judge(self.kept[-1].sequence, item)
            if verdict in ("old", "heartbeat"):
                return Change.DUPLICATE
            if verdict == "older":
                self.kept = []
                last = -1 if self.sequence is None else self.sequence
                self.recounted |= item.sequence <= max(self.reached, last)
        rows = sum(len(rows) for kept in [*self.kept, item] for rows in kept.rows.values())
        if len(self.kept) >= MOST_KEPT_FRAMES or rows > MOST_KEPT_ROWS:
            self.kept = []
            return Change.GAP
        if not item.empty() or self.channel.empty_advances:
            self._remember(item)
        if not item.without_levels():
            # Levels were told of: whoever said that there are none has to say it again.
            self.empties, self.empty_snapshots = set(), 0
        self.kept.append(item)
        self.told = True
        return Change.BUFFERED

    def _drain(self) -> tuple[bool, bool, bool]:
        """Apply the kept updates that continue the book: (some level changed, none is left, one
        continued it)."""
        changed = continued = False
        while self.kept:
            item = self.kept[0]
            verdict = self.judge(self.sequence, item)
            if verdict in ("ahead", "no counter", "lost"):
                return changed, False, continued
            continued |= verdict == "heartbeat"
            if verdict == "next":
                if self._is_passed_again(item) and self._is_out_of_time(item):
                    return changed, False, continued
                if self.plan(item, self.scales) is None:
                    return changed, False, continued
                continued = True
                changed |= self._put(item)
                self.sequence = item.sequence
                self._remember(item)
                if item.time is not None:
                    self.time = item.time
            del self.kept[0]
        return changed, True, continued

    def _heard_before(self, item: Item) -> Literal["unheard", "repeated", "contradicted"]:
        assert item.sequence is not None
        sequence, rows = self.recent.get(item.sequence % REPEATS_KNOWN, (None, None))
        if sequence != item.sequence:
            return "unheard"
        if rows == item.rows:
            return "repeated"
        return "unheard" if item.empty() else "contradicted"

    def _leave_recent(self) -> None:
        """The counter restarted: what was heard is of the run before."""
        self.former.update(self.recent)
        self.recent = {}

    def _is_of_former_run(self, item: Item) -> bool:
        assert item.sequence is not None
        former = self.former.get(item.sequence % REPEATS_KNOWN)
        return former == (item.sequence, item.rows)

    def _may_be_of_former_run(self, item: Item) -> bool:
        """Whether an update with the next version may be one of before the counter restarted: it
        says what one of then said, or was stamped before what it would continue."""
        if not self._is_passed_again(item):
            return False
        repeated = self._is_of_former_run(item) or self._heard_before(item) == "repeated"
        return repeated or self._is_out_of_time(item)

    def _is_passed_again(self, item: Item) -> bool:
        """Whether the counter had been at that version before."""
        return item.sequence is not None and item.sequence <= max(self.reached, self.passed)

    def _is_out_of_time(self, item: Item) -> bool:
        if item.time is None or self.time is None:
            return False
        return 0 < self.time - item.time < 60_000

    def _remember(self, item: Item) -> None:
        assert item.sequence is not None
        self.recent[item.sequence % REPEATS_KNOWN] = item.sequence, item.rows

    def refuse(self) -> None:
        """A frame of this book could not be read."""
        if self.channel.kind == "sequenced" and self.state in (BookState.LIVE, BookState.STALE):
            self.suspect()
            self.become(BookState.GAP)

    def adopt(self, generation: int) -> None:
        if self.generation and self.state not in (BookState.CLOSED, BookState.REJECTED):
            self.forget()
            self.leave()
            self.become(BookState.SYNCING)
        self.generation = generation


def _older(time: int | None, last: int | None, run: int) -> tuple[int, bool]:
    """Whether a picture is older than the last one of the same, and how many were in a row; the
    third is believed. A stamp of zero is none, and one of another unit can not be compared."""
    if not time or last is None or time >= last or time < last // 100:
        return 0, False
    return ((run + 1), True) if run + 1 < STALE_RUN else (0, False)


def _reaches(side: Side, price: Decimal, limit: Decimal | None) -> bool:
    """Whether a price is at the limit or better; without one every price is."""
    return limit is None or (price >= limit if side == "bid" else price <= limit)


def _deeper(side: Side, one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return None
    return min(one, other) if side == "bid" else max(one, other)


def fractions(row: tuple[Decimal, Decimal]) -> tuple[Fraction, Fraction]:
    return Fraction(row[0]), Fraction(row[1])


class ReferenceEngine:
    """Raw frames into reference books. `venue` is what `venues` describes."""

    def __init__(
        self,
        venue: Any,
        *,
        max_levels: int = 50_000,
        max_books: int = 2_000,
        max_frame_bytes: int = 4 * 1024 * 1024,
        trust_empty: bool = False,
    ) -> None:
        self.venue = venue
        self.max_levels = max_levels
        self.max_books = max_books
        self.max_frame_bytes = max_frame_bytes
        self.trust_empty = trust_empty
        self.books: dict[str, ReferenceBook] = {}
        self.touched: list[ReferenceBook] = []
        self.channels = {book.name: book for profile in venue.profiles for book in profile.books}
        self.markets = {
            book.name: profile.market for profile in venue.profiles for book in profile.books
        }
        self.owners = {book.name: profile for profile in venue.profiles for book in profile.books}
        # What is spoken on a connection; which channel an acknowledgement named, and which got the
        # last frame, by connection and symbol.
        self.lines: dict[int, Any] = {}
        self.told: dict[tuple[int, str], str] = {}
        self.settled: dict[tuple[int, str], str] = {}
        self.trades = {
            stream.name: (profile.market, stream)
            for profile in venue.profiles
            for stream in profile.streams
            if stream.trades
        }

    def apply(self, frame: Any, *, generation: int = 0) -> int:
        self.touched = []
        text = frame if isinstance(frame, str) else bytes(frame).decode("utf-8", "surrogateescape")
        if (
            len(text if isinstance(frame, str) else text.encode("utf-8", "surrogateescape"))
            > self.max_frame_bytes
        ):
            self._refuse_unread(text, "too long", generation)
        if text == "pong":
            return Change.OTHER
        try:
            text.encode("utf-8")
            message = json.loads(text, parse_float=WireNumber, parse_constant=_no_constant)
            json.dumps(message, ensure_ascii=False).encode("utf-8")  # no half characters
        except (ValueError, RecursionError) as error:
            self._refuse_unread(text, str(error), generation)
        return self._message(message, generation)

    def open_line(self, generation: int, profile: Any) -> None:
        """What is spoken on a connection: its frames are of nothing else."""
        self.lines[generation] = profile

    def forget_generation(self, generation: int) -> None:
        """Drop what is known of a connection."""
        self.lines.pop(generation, None)
        for memory in (self.told, self.settled):
            for key in [key for key in memory if key[0] == generation]:
                del memory[key]

    def _profiles(self, generation: int) -> list[Any]:
        here = self.lines.get(generation)
        return list(self.venue.profiles) if here is None else [here]

    def _refuse_unread(self, text: str, problem: str, generation: int) -> None:
        profiles = self._profiles(generation)
        keys = {book.symbol for profile in profiles for book in profile.books} | {"symbol"}
        keys |= {profile.framing.argument[1] for profile in profiles if profile.framing.argument}
        words = "|".join(map(re.escape, sorted(keys)))
        found_ids = re.findall(rf'"(?:{words})"{_BLANKS}:{_BLANKS}"([^"\\]+)"', text)
        symbols = {symbol for symbol in found_ids if _is_id(symbol)}
        names = None
        for profile in profiles:
            framing = profile.framing
            key = framing.argument[0] if framing.argument else framing.channel_key
            found = re.search(rf'"{key}"{_BLANKS}:{_BLANKS}"([^"\\]+)"', text)
            if found:
                names, symbol = _taken_apart(profile, found[1])
                symbols |= {symbol} - {""}
                break
        here = {book.name for profile in profiles for book in profile.books}
        for book in self.books.values():
            named = book.channel.name in (here if names is None else names)
            if book.symbol in symbols and named and self._is_on(book, generation, names):
                book.refuse()
        raise MessageError(problem)

    @staticmethod
    def _is_on(book: ReferenceBook, generation: int, names: list[str] | None) -> bool:
        """Whether a frame of that connection may be of a book, where several look alike."""
        alike = names is not None and len(names) > 1
        return not (alike and generation and book.assigned and book.generation != generation)

    def _addressed(
        self, message: dict[str, Any], generation: int
    ) -> tuple[Any, list[str], str] | None:
        """(profile, channels that look like that, symbol); None for what names no channel."""
        key = None
        found: list[tuple[Any, list[str], str]] = []
        for profile in self._profiles(generation):
            own = profile.framing.channel_key
            if message.get(own) is None or key not in (None, own):
                continue
            address = _address(profile, message)
            if address is not None:
                key = own
                found.append((profile, *address))
        if not found:
            return None
        known = [one for one in found if one[1][0] in one[0].channels]
        if not known:
            return found[0]
        owners = [one for one in known if one[0].symbols.owns(one[2])]
        first, others = known[0], known[1:]
        if owners and owners[0] is not first:
            first, others = owners[0], [one for one in known if one is not owners[0]]
        names = dict.fromkeys([*first[1], *(name for one in others for name in one[1])])
        return first[0], list(names), first[2]

    def _message(self, message: Any, generation: int) -> int:
        if not isinstance(message, dict):
            raise MessageError("expected a JSON object")
        found = self._addressed(message, generation)
        if found is None:
            self._hear_reply(message, generation)
            return Change.OTHER
        profile, names, symbol = found
        if profile.framing.data_key not in message:
            if profile.framing.reply_keys & message.keys():
                self._hear_reply(message, generation)
            elif names[0] in self.channels and profile.framing.symbol_key is None:
                self._refuse(names, [symbol], MessageError("a push without data"), generation)
            return Change.OTHER
        data = message[profile.framing.data_key]
        if names[0] in self.channels:
            if data is None or data == "":
                return 0
            return self._books(names, symbol, data, message, generation)
        if names[0] in self.trades:
            if data is None or data == "":
                return 0
            return self._trades(*self.trades[names[0]], message)
        return Change.OTHER

    def _hear_reply(self, message: dict[str, Any], generation: int) -> None:
        """Note which channel an acknowledgement names, where frames do not name it."""
        for profile in self._profiles(generation):
            wires = [book.wire for book in profile.books if book.wire]
            if len(set(wires)) == len(wires):
                continue
            reply = profile.classify(message)
            if reply is None or reply.kind != "ack" or not reply.topic:
                continue
            name, symbol = _split(reply.topic)
            if name not in self.channels or len(self.told) >= self.max_books:
                continue
            if reply.operation == "subscribe":
                self.told[generation, symbol] = name
            else:
                self.told.pop((generation, symbol), None)

    def _settle(
        self, names: list[str], symbol: str, generation: int, item: Item | None
    ) -> str | None:
        """Which of the channels that look alike an item is of; None: nobody's yet."""
        if len(names) == 1:
            return names[0]
        there = {name: self.books[f"{name}:{symbol}"] for name in names
                 if f"{name}:{symbol}" in self.books}  # fmt: skip
        for name, book in there.items():
            if generation and book.generation == generation:
                return name
        free = [name for name, book in there.items() if not (generation and book.assigned)]
        if there and not free:
            return next(iter(there))
        if len(free) == 1:
            return free[0]
        told = self.told.get((generation, symbol))
        if told in (free or names):
            return told
        whole = item is None or item.kind != "update"
        if free and not whole:
            return self.settled.get((generation, symbol), free[0])
        here = free or names
        owner = self.owners[here[0]]
        here = [name for name in here if self.owners[name] is owner]
        if len(here) == 1:
            return here[0]
        if not whole:
            return None
        longest = 0 if item is None else item.longest()
        deep_enough = [name for name in here if self.channels[name].window >= longest]
        if deep_enough:
            return min(deep_enough, key=lambda name: self.channels[name].window)
        return str(owner.default_book)

    def _refuse(
        self, names: list[str], symbols: list[str], error: MessageError, generation: int
    ) -> None:
        for symbol in symbols:
            for name in names:
                book = self.books.get(f"{name}:{symbol}")
                if book is not None and self._is_on(book, generation, names):
                    book.refuse()
        raise error

    def _books(
        self,
        names: list[str],
        topic_symbol: str,
        data: Any,
        message: dict[str, Any],
        generation: int,
    ) -> int:
        name = names[0]
        if topic_symbol:
            name = self._settle(names, topic_symbol, generation, None) or name
        channel = self.channels[name]
        entries = [data] if isinstance(data, dict) else data
        if not isinstance(entries, list):
            error = MessageError("data must be a list")
            self._refuse(names, [topic_symbol], error, generation)
        named = [entry.get(channel.symbol) for entry in entries if isinstance(entry, dict)]
        symbols = [symbol for symbol in named if isinstance(symbol, str)]
        symbols += [topic_symbol] if topic_symbol else []
        parsed: list[tuple[str, Item]] = []
        settled: list[str | None] = []
        try:
            for entry in entries:
                parsed.append(_parse(channel, topic_symbol, entry, message))
                rows = sum(len(rows) for _, item in parsed for rows in item.rows.values())
                if rows > MOST_ROWS:
                    raise MessageError("too many levels")
            planned: dict[str, Scales] = {}
            for symbol, item in parsed:
                settled.append(self._settle(names, symbol, generation, item))
                there = self.books.get(f"{settled[-1]}:{symbol}") or ReferenceBook(symbol, channel)
                scales = there.plan(item, planned.get(symbol, there.scales))
                if scales is None:
                    raise Unholdable(item.kind, symbol)
                planned[symbol] = scales
        except Unholdable as error:
            if error.kind in ("snapshot", "picture"):
                self._miss(str(self._settled_miss(names, str(error.symbol), generation)),
                           str(error.symbol))  # fmt: skip
            self._refuse(names, symbols, error, generation)
        except MessageError as error:
            self._refuse(names, symbols, error, generation)
        change = 0
        for (symbol, item), found in zip(parsed, settled, strict=True):
            if found is None:
                continue
            book = self.make_book(found, symbol)
            if len(names) > 1:
                self.settled[generation, symbol] = found
            if generation and (
                generation < book.generation or (book.assigned and generation > book.generation)
            ):
                continue
            if generation > book.generation:
                book.adopt(generation)
            one = book.apply(item)
            if one and book not in self.touched:
                self.touched.append(book)
            change |= one
        return change

    def _settled_miss(self, names: list[str], symbol: str, generation: int) -> str | None:
        """Of a snapshot that cannot be held, how long it is does not count."""
        endless: dict[Side, Rows] = {side: [(Decimal(1), Decimal(1))] * MOST_ROWS for side in SIDES}
        return self._settle(names, symbol, generation, Item("snapshot", endless))

    def assign(self, topic: str, generation: int) -> None:
        """The book is subscribed on that connection; frames of every other one are refused."""
        name, symbol = _split(topic)
        book = self.make_book(name, symbol)
        book.assigned = True
        book.generation = generation
        book.narrow = False
        book.forget()
        book.leave()
        book.become(BookState.SYNCING)

    def expect(
        self, topic: str, unanswered: int, *, subscribed: bool = False, acknowledged: bool = True
    ) -> None:
        """So many snapshots of the book will be replies to requests; `subscribed`: before them
        comes the first of a subscription, and before that, unless it is `acknowledged`, perhaps
        one that was on its way."""
        book = self.make_book(*_split(topic))
        if subscribed:
            if acknowledged:
                book.begin()
            book.renewed |= not acknowledged
        book.asked = unanswered

    def acknowledge(self, topic: str) -> None:
        """The subscription is acknowledged: if no snapshot has come since it was sent, the next one
        is its first."""
        book = self.make_book(*_split(topic))
        if book.renewed:
            book.begin()
        book.renewed = False

    def _miss(self, name: str, symbol: str) -> None:
        book = self.make_book(name, symbol)
        if book.state not in (BookState.CLOSED, BookState.REJECTED):
            book.forget()
            book.become(BookState.GAP)

    def make_book(self, name: str, symbol: str) -> ReferenceBook:
        topic = f"{name}:{symbol}"
        if topic not in self.books:
            if len(self.books) >= self.max_books:
                raise LimitError(f"more than {self.max_books} books")
            self.books[topic] = ReferenceBook(
                symbol, self.channels[name], self.max_levels, trust_empty=self.trust_empty
            )
        return self.books[topic]

    def _trades(self, market: str, channel: Any, message: dict[str, Any]) -> int:
        trades, unread = channel.read(message)
        for trade in trades:
            for topic, book in self.books.items():
                if book.symbol == trade.symbol and self.markets[topic.partition(":")[0]] == market:
                    book.last_trade = trade
        if unread:
            # Those that could be read count all the same.
            raise MessageError(f"not a trade: {unread[0].reason}")
        return Change.TRADE if trades else 0


class WireNumber(str):
    """The text of a JSON number that is no integer."""

    __slots__ = ()


class Unholdable(NumberError):
    """A number that cannot be held, and the kind of item it stood in."""

    def __init__(self, kind: str, symbol: str) -> None:
        super().__init__("cannot be held", symbol=symbol)
        self.kind = kind


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _is_id(text: str) -> bool:
    return 1 <= len(text) <= 64 and not any(
        char in _NO_ID or char.isspace() or unicodedata.category(char) in ("Cc", "Cs")
        for char in text
    )


def _split(topic: str) -> tuple[str, str]:
    """Channel and symbol of a raw topic, without the speed."""
    channel, _, symbol = topic.partition("@")[0].partition(":")
    return channel, symbol


def _taken_apart(profile: Any, named: str) -> tuple[list[str], str]:
    """The channels that a text may name, and the symbol in it."""
    framing, names, symbol = profile.framing, [], ""
    for channel in (*profile.books, *profile.streams):
        wire = getattr(channel, "wire", "") or channel.name.removeprefix(framing.channel_prefix)
        if framing.separator == ":":
            head, tail = _split(named)
            found = head == wire
        else:
            found = named == wire or named.startswith(wire + framing.separator)
            tail = named[len(wire) + 1 :]
        if found:
            names.append(channel.name)
            symbol = tail
    if not names:
        head, symbol = _split(named)
        names = [framing.channel_prefix + head]
    return names, symbol


def _address(profile: Any, message: dict[str, Any]) -> tuple[list[str], str] | None:
    """The channels that a push may be of, and the symbol beside its data."""
    framing = profile.framing
    named = message[framing.channel_key]
    if framing.argument is not None:
        if not isinstance(named, dict) or not isinstance(named.get(framing.argument[0]), str):
            return None
        names, symbol = _taken_apart(profile, named[framing.argument[0]])
        inner = named.get(framing.argument[1])
        return names, symbol if inner is None else str(inner)
    if not isinstance(named, str):
        return None
    names, symbol = _taken_apart(profile, named)
    if framing.symbol_key is not None and not symbol and framing.data_key in message:
        symbol = str(message.get(framing.symbol_key))
    return names, symbol


def _decimals_written(value: Any) -> int:
    """The decimals of a number's text, zeros at its end included."""
    match = _NUMBER.fullmatch(str(value))
    assert match
    written = len(match[2].partition(".")[2]) - int((match[3] or "e0")[1:])
    return max(0, written)


def _signed(value: Any) -> int | None:
    """A wire integer, which as a number may be below zero."""
    if isinstance(value, int) and not isinstance(value, bool) and -LARGEST <= value < 0:
        return value
    return _whole(value)


def _time(value: Any, clock: str) -> int | None:
    """A stamp in milliseconds."""
    if clock == "text":
        match = _STAMP.fullmatch(value) if type(value) is str else None
        if match is None or int(match[1]) < 1970:
            return None
        try:
            year, month, day, hour, minute, second = map(int, match.groups()[:6])
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return None
        return (moment - EPOCH) // timedelta(milliseconds=1) + int(
            (match[7] or "0").ljust(3, "0")[:3]
        )
    found = _whole(value)
    return found // 1_000_000 if clock == "ns" and found is not None else found


def _number(value: Any, symbol: str, kind: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise MessageError("expected a decimal number", symbol=symbol)
    text = str(value)
    match = _NUMBER.fullmatch(text)
    if not match or len(text) > 64:
        raise MessageError("expected a decimal number", symbol=symbol)
    if not match[2].strip("0."):
        return Decimal(0)
    if match[1]:
        raise MessageError("a number must not be negative", symbol=symbol)
    significant = match[2].replace(".", "").strip("0")
    if int(significant) > LARGEST:
        raise Unholdable(kind, symbol)
    if abs(int((match[3] or "e0")[1:])) > 1000:
        # It cannot be held either, which is said when all has been read.
        return Decimal("1e1001") if int(match[3][1:]) > 0 else Decimal("1e-1001")
    return Decimal(text)


def _whole(value: Any) -> int | None:
    """A wire integer, sent as a number or as text."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        return None
    return value


def _rows(
    channel: Any, levels: Any, symbol: str, kind: str, written: list[int] | None = None
) -> Iterator[tuple[Decimal, Decimal]]:
    if levels is None or levels == "" or levels == {}:
        return
    if not isinstance(levels, list):
        raise MessageError("expected a list of levels", symbol=symbol)
    for level in levels:
        if isinstance(level, dict):
            price, size = level.get(channel.price), level.get(channel.size)
        elif isinstance(level, list) and (
            len(level) == 2 + channel.before_price
            or (channel.longer and len(level) > 2 + channel.before_price)
        ):
            price, size = level[channel.before_price : channel.before_price + 2]
        else:
            raise MessageError("expected a level", symbol=symbol)
        row = _number(price, symbol, kind), _number(size, symbol, kind)
        if not row[0]:
            raise MessageError("a price must not be zero", symbol=symbol)
        for which, value in enumerate((price, size) if written is not None else ()):
            assert written is not None
            written[which] = max(written[which], _decimals_written(value))
        yield row


def _parse(
    channel: Any, topic_symbol: str, entry: Any, message: dict[str, Any]
) -> tuple[str, Item]:
    if not isinstance(entry, dict):
        raise MessageError("expected an object in data")
    symbol = entry.get(channel.symbol)
    if symbol is None and topic_symbol:
        symbol = topic_symbol
    if type(symbol) is not str or not _is_id(symbol):
        raise MessageError("expected a symbol")
    if topic_symbol and symbol != topic_symbol:
        raise MessageError("the topic names another symbol", symbol=topic_symbol)
    counted = channel.kind == "sequenced"
    sequence = previous = checksum = time = None
    kind: Literal["snapshot", "update", "picture", "side"] = "picture"
    if counted or channel.outer_type:
        word = (message if channel.outer_type else entry).get(channel.type)
        if word != channel.snapshot_word and not (counted and word == channel.update_word):
            raise MessageError("expected a type", symbol=symbol)
        if counted:
            kind = "snapshot" if word == channel.snapshot_word else "update"
    if counted and channel.rule != "none":
        sequence = _whole(entry.get(channel.sequence))
        if sequence is None:
            raise MessageError("expected a version", symbol=symbol)
    if counted and channel.rule in ("chain", "range"):
        previous = _signed(entry.get(channel.previous))
        if previous is None:
            raise MessageError("expected a version", symbol=symbol)
    if counted and channel.checksum is not None and entry.get(channel.checksum.key) is not None:
        checksum = _signed(entry[channel.checksum.key])
        if checksum is None or not -(2**31) <= checksum < 2**32:
            raise MessageError("expected a checksum", symbol=symbol)
        checksum %= 2**32
    stamp = (message if channel.outer_time else entry).get(channel.time)
    if stamp not in (None, ""):
        time = _time(stamp, channel.clock)
        if time is None:
            raise MessageError("expected a time", symbol=symbol)
    written = [0, 0]
    # How numbers are written matters to some checksums only.
    noted = written if checksum_of_text(channel) else None
    rows: dict[Side, Rows]
    if channel.kind == "one-sided":
        kind = "side"
        number = _whole(entry.get(channel.side))
        if number not in (1, 2) or channel.levels not in entry:
            raise MessageError("expected one side", symbol=symbol)
        side: Side = "bid" if number == 1 else "ask"
        rows = {side: list(_rows(channel, entry[channel.levels], symbol, kind))}
    else:
        if kind != "update" and not {channel.bids, channel.asks} <= entry.keys():
            raise MessageError("a full picture needs both sides", symbol=symbol)
        rows = {
            "bid": list(_rows(channel, entry.get(channel.bids), symbol, kind, noted)),
            "ask": list(_rows(channel, entry.get(channel.asks), symbol, kind, noted)),
        }
    item = Item(kind, rows, sequence, time, previous, checksum, (written[0], written[1]))
    return symbol, item


def checksum_of_text(channel: Any) -> bool:
    """Whether a checksum of the channel is over numbers as they are written."""
    if channel.kind != "sequenced" or channel.checksum is None:
        return False
    return bool(channel.checksum.text != "stripped")


def by_hand(book: ReferenceBook, kind: Literal["snapshot", "update"], item: Item) -> int:
    """What `Book.apply_snapshot` and `Book.apply_delta` do with rows that are numbers already."""
    if book.state == BookState.CLOSED:
        raise FeedClosed("closed")
    item.kind = kind
    if book.plan(item, book.scales) is None:
        raise UsageError("cannot be held")
    return book.apply(item, by_hand=True)
