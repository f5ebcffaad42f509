"""Whether what is shown as LIVE is true, and how old it is, on every channel.

The oracle is the exchange's own memory of its markets and shares no code with the book: on spot's
sequenced channel the book of the version that is shown; on all others, whose pushes have no number
or one of their own, the latest moment at which the market was as it is shown. Each channel may lag
behind its market by its own pace, which does not count as age.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from tests.simulation import bounds

SEQUENCED = "spot/depth/increase100"
TOP = 20
# Younger than that, nobody needs to know the bound.
YOUNG = 2.0


class View:
    """What the judge knows of one book."""

    __slots__ = ("arrays", "book", "family", "good_until", "levels", "limit", "pace", "publisher",
                 "serial", "topic", "window")  # fmt: skip

    def __init__(self, book, exchange):
        channel = book.channel
        self.book = book
        self.topic = f"{channel}:{book.symbol}"
        self.family = bounds.family_of(channel)
        digits = channel[len(channel.rstrip("0123456789")) :]
        self.levels = min(TOP, int(digits or TOP))
        self.arrays = np.empty((self.levels, 2)), np.empty((self.levels, 2))
        knobs = exchange.knobs
        venue = exchange.futures if channel.startswith("futures") else exchange.spot
        self.publisher = venue.publisher(book.symbol)
        self.pace = {
            "spot sequenced": 0.0,
            "spot pictures": knobs.picture_interval,
            "legacy pictures": knobs.legacy_interval,
        }.get(self.family, (knobs.futures_cadence or 0.2) + knobs.futures_partner_delay)
        self.window = self.topic if self.family == "futures sequenced" else None
        self.serial, self.good_until, self.limit = -1, 0.0, bounds.CALM


class Judge:
    """Looks at books. `now` is a function; `note` hears of what is wrong or too old."""

    def __init__(self, exchange, acts, *, now, note, full_every=100):
        self.exchange = exchange
        self.acts = acts
        self.wrong = []
        """(time, symbol, version, what)."""
        self.over_age = []
        """(time, symbol, version, age, family and bound)."""
        self.oldest = Counter()
        """By family and bound."""
        self.judged = Counter()
        self.short = Counter()
        """How many of those had a short bound, by family."""
        self.fully_checked = 0
        self._now = now
        self._note = note
        self._full_every = full_every
        self._views = {}

    @property
    def checked(self):
        """How many looks there were."""
        return self.judged.total()

    def look(self, book, *, full=False):
        """A book that is LIVE."""
        view = self._views.get(book)
        if view is None:
            view = self._views[book] = View(book, self.exchange)
        family = view.family
        self.judged[family] += 1
        limit = self._limit(view)
        self.short[family] += limit <= bounds.CALM
        if family == "spot sequenced":
            until = self._numbered(view, full or self.checked % self._full_every == 0)
        else:
            until = self._unnumbered(view)
            if view.window and (full or self.checked % self._full_every == 0):
                self._window(view)
        if until is None:
            return
        age = self._now() - until - view.pace
        if age > YOUNG:
            self._old(view, age, limit)

    # --- when what is shown was true ---

    def _numbered(self, view, full):
        """Spot's sequenced book: what was published under the version that it shows."""
        book = view.book
        version = book.sequence
        glimpse = view.publisher.glimpses.of(version)
        if full or glimpse is None:
            self._compare(book, version)
        if glimpse is None:
            return None
        book.depth(TOP, out=view.arrays)
        bids, asks = (side.tobytes() for side in view.arrays)
        first = glimpse
        while glimpse is not None:
            if bids == glimpse.bids and asks == glimpse.asks:
                return glimpse.until
            glimpse = glimpse.earlier
        # Nearly always all twenty are alike; only if not, it matters which of them are certain.
        known = [
            16 * min(TOP, max(1, book.complete_depth("bid"))),
            16 * min(TOP, max(1, book.complete_depth("ask"))),
        ]
        glimpse = first
        while glimpse is not None:
            if (bids[: known[0]], asks[: known[1]]) == (
                glimpse.bids[: known[0]],
                glimpse.asks[: known[1]],
            ):
                return glimpse.until
            glimpse = glimpse.earlier
        side = "bid" if bids[: known[0]] != first.bids[: known[0]] else "ask"
        self._wrong(view, f"{side}, {known[side == 'ask'] // 16} levels known")
        return None

    def _unnumbered(self, view):
        """When the market was last as it is shown; one-sided channels: each side by itself."""
        book, size = view.book, 16 * view.levels
        book.depth(view.levels, out=view.arrays)
        shown = [side.tobytes() for side in view.arrays]
        glimpses = view.publisher.glimpses
        if next(glimpses.latest_first(), None) is None:
            return None
        if view.family != "futures sides":
            bids, asks = shown
            for glimpse in glimpses.latest_first():
                if glimpse.bids[:size] == bids and glimpse.asks[:size] == asks:
                    return glimpse.until
            self._wrong(view, "was never so")
            return None
        until = math.inf
        for side, levels in zip(("bids", "asks"), shown, strict=True):
            for glimpse in glimpses.latest_first():
                if getattr(glimpse, side)[:size] == levels:
                    until = min(until, glimpse.until)
                    break
            else:
                self._wrong(view, f"{side} were never so")
                return None
        return until

    # --- whole books ---

    def _compare(self, book, version):
        """The whole book of spot's sequenced channel, exactly."""
        book.check()
        symbol = book.symbol
        truth = self.exchange.markets.window(symbol, version)
        glimpse = self.exchange.markets.glimpse(symbol, version)
        if truth is None or (glimpse is not None and glimpse.earlier is not None):
            # Of an earlier run of the counter only glimpses are kept.
            if glimpse is None:
                self._wrong(self._views[book], "no such version")
            return
        self.fully_checked += 1
        depth = book.depth(exact=True)
        for side, rows, expected in zip(("bid", "ask"), depth, truth, strict=True):
            certain = book.complete_depth(side)
            if [tuple(row) for row in rows[:certain]] != [tuple(row) for row in expected[:certain]]:
                self._wrong(self._views[book], side)
            elif depth.complete and len(rows) != len(expected):
                self._wrong(self._views[book], f"{side} is not complete")

    def _window(self, view):
        """A sequenced book of futures, exactly."""
        book = view.book
        truth = self.exchange.futures.window(view.window, book.sequence)
        if truth is None:
            return
        self.fully_checked += 1
        for side, rows, expected in zip(("bid", "ask"), book.depth(exact=True), truth, strict=True):
            if [tuple(row) for row in rows] != [tuple(row) for row in expected]:
                self._wrong(view, side)

    # --- verdicts ---

    def _limit(self, view):
        acts, now = self.acts, self._now()
        if view.serial == acts.serial and now < view.good_until:
            return view.limit
        limit, good_until = bounds.CALM, math.inf
        for act in acts.of(view.topic, now, bounds.memory):
            if bounds.exceptional(act.name):
                limit = max(limit, bounds.bound(view.book.channel, act.name))
                good_until = min(good_until, act.until + bounds.memory(act.name))
        view.serial, view.good_until, view.limit = acts.serial, good_until, limit
        return limit

    def _wrong(self, view, what):
        book = view.book
        self._note("wrong", view.topic, book.sequence, what)
        self.wrong.append((self._now(), book.symbol, book.sequence, f"{what}, {view.family}"))

    def _old(self, view, age, limit):
        kind = f"{view.family}, bound {limit:g}"
        self.oldest[kind] = max(self.oldest[kind], round(age, 2))
        if age > limit:
            book = view.book
            self._note("old", view.topic, book.sequence, age)
            self.over_age.append((self._now(), book.symbol, book.sequence, age, kind))
