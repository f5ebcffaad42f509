"""Whether what is shown of another venue's book as LIVE is true, and how old it is.

Where a venue counts (OKX, Bybit), the number that a book has says which state of the market it must
be equal to. Kraken counts nothing: there it is looked for among all states, back in time. Each look
compares twenty levels; some compare all, with what subscribers were told last. Levels beyond those
that the venue proves are compared too, and counted by themselves; a book that calls such a level
complete, or proven, is wrong.

A price may be ten seconds old, and no older. Longer, up to the channel's bound, only while one of
the few faults acts that nothing can show at once, or after any other fault as long as nothing has
come of the book since: what was lost then is a loss before a silence.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal

import numpy as np

from bitmart_book.client import bounds
from bitmart_book.sim.faults.shapes import SHAPES
from tests.simulation.bounds import CALM, MEANS, READING
from tests.simulation.judge import YOUNG, Judge

__all__ = ["DEEPEST", "VenueJudge"]

# So many levels a side the exchange remembers of each of its states.
DEEPEST = 20
# A slower pace of pushes is no age.
PACES = {"okx/books": 0.1, "okx/books5": 0.1, "bybit/orderbook.50": 0.02}
# An unproven level of Kraken's deeper books is renewed each five minutes.
UNPROVEN_AGE = 315.0
# A frame that was on its way when another one was lost may come so much later.
ON_ITS_WAY = 0.3
# After these a number may be of another count than the exchange knows it by.
COUNTED_ANEW = 120.0
# These delay, or turn clocks, and lose nothing.
LOSES_NOTHING = frozenset({"drift", "clockstep", "pause", "lag", "late", "jitter"})
# What looks back at all acts that are remembered.
EVER = 300.0


class _View:
    __slots__ = (
        "arrays",
        "bounds",
        "feed",
        "found",
        "glimpses",
        "holds",
        "key",
        "levels",
        "pace",
        "place",
        "proven",
        "scales",
        "shown",
        "symbol",
        "topic",
        "wire",
        "wrong_since",
    )

    def __init__(self, book, venue, exchange):
        self.topic = f"{book.channel}:{book.symbol}"
        profile = venue.topic_profile(self.topic)
        channel = profile.book(book.channel)
        self.wire = book.channel.partition("/")[2]
        self.symbol = book.symbol
        self.key = f"{profile.market}:{book.symbol}"
        self.feed = exchange.feeds[profile.market]
        self.place = SHAPES[profile.market].place(self.wire, book.symbol)
        self.bounds = {
            fault: bounds.bound(profile, channel, (fault,)) + READING for fault in bounds.FAULTS
        }
        self.holds = self.bounds["last"]
        self.levels = min(DEEPEST, channel.window)
        proven = book.proven_levels
        self.proven = self.levels if proven is None else min(proven, self.levels)
        self.glimpses = exchange.markets.publisher(self.key).glimpses
        listing = exchange.markets.publisher(self.key).listing
        self.scales = listing.price_decimals, listing.size_decimals
        self.arrays = np.empty((self.levels, 2)), np.empty((self.levels, 2))
        self.pace = PACES.get(book.channel, 0.0)
        self.shown = self.found = None
        self.wrong_since = None


class VenueJudge(Judge):
    """Looks at the books of another venue, which a subclass names."""

    venue = None

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.unproven_wrong = 0
        """Looks at a book that showed a wrong level which nothing proves."""
        self.unproven_looks = 0
        self.oldest_unproven = 0.0
        self.deep_wrong = 0
        """Of comparisons of whole sides, those with a wrong level that nothing proves."""
        self.numbered = Counter()
        """By channel, looks at which the number said what had to be shown."""

    def look(self, book, *, full=False):
        """A book that is LIVE."""
        view = self._views.get(book)
        if view is None:
            view = self._views[book] = _View(book, self.venue, self.exchange)
        self.judged[book.channel] += 1
        limit = self._limit_of(view, book)
        self.short[book.channel] += limit <= CALM
        book.depth(view.levels, out=view.arrays)
        shown = tuple(side.tobytes() for side in view.arrays)
        # What is shown may be true again of a newer state.
        newest = next(view.glimpses.latest_first(), None)
        if newest is None:
            return
        now_shown = (shown, newest, book.sequence)
        if now_shown != view.shown or view.found is None:
            view.shown, view.found = now_shown, self._found(view, book, shown)
        if view.found is None:
            return
        state, is_whole = view.found
        if view.proven < view.levels:
            self._unproven(view, book, is_whole)
        if full or self.checked % self._full_every == 0:
            self._compare_all(view, book)
        age = self._now() - state.until - view.pace
        if age > YOUNG:
            self._old_there(view, book, age, limit)

    # --- what it must be, and what it is ---

    def _found(self, view, book, shown):
        """The latest state that is as shown, and whether the unproven levels are, too; None, and it
        is noted, where there is none, or where it is not the one that the book's number says."""
        if book.sequence is not None and not self._was_counted_anew(view):
            version = self.exchange.markets.told_version(view.key, view.wire, book.sequence)
            state = None if version is None else view.glimpses.of(version)
            if state is not None:
                self.numbered[book.channel] += 1
                size = 16 * view.levels
                if (state.bids[:size], state.asks[:size]) != shown:
                    self._wrong_there(view, book, f"is not what {book.sequence} was")
                    return None
        found = self._search(view, shown)
        if found is None:
            self._wrong_there(view, book, "was never so")
        return found

    def _was_counted_anew(self, view):
        acts = self.acts.of(view.place, self._now(), lambda _: COUNTED_ANEW)
        return any(act.name == "restart" for act in acts)

    def _search(self, view, shown):
        proven, whole = 16 * view.proven, 16 * view.levels
        best = None
        for state in view.glimpses.latest_first():
            if (state.bids[:proven], state.asks[:proven]) == (
                shown[0][:proven],
                shown[1][:proven],
            ):
                if (state.bids[:whole], state.asks[:whole]) == shown:
                    return (best or state), True
                best = best or state
            elif best is not None:
                break
        return None if best is None else (best, False)

    def _unproven(self, view, book, is_whole):
        self.unproven_looks += 1
        if is_whole:
            view.wrong_since = None
            return
        now = self._now()
        view.wrong_since = now if view.wrong_since is None else view.wrong_since
        self.unproven_wrong += 1
        self.oldest_unproven = max(self.oldest_unproven, now - view.wrong_since)
        if self._says_more(book.depth(view.levels)):
            self._wrong_there(view, book, "calls a wrong level complete or proven")
        if now - view.wrong_since > UNPROVEN_AGE:
            self.over_age.append((now, view.topic, None, now - view.wrong_since, "unproven levels"))

    @staticmethod
    def _says_more(depth):
        """Whether levels are said to be certain of which one is wrong."""
        return depth.complete or depth.proven

    def _compare_all(self, view, book):
        """All levels, where nothing was told since what the book has: by its number or stamp."""
        topic = view.feed.known_topic(view.symbol, view.wire)
        if topic is None or not _is_of(topic.mark, book):
            return
        self.fully_checked += 1
        depth = book.depth(exact=True)
        for side, rows, told in (("bid", depth.bids, topic.bids), ("ask", depth.asks, topic.asks)):
            expected = [tuple(map(_scaled, row, view.scales)) for row in told]
            found = [tuple(row) for row in rows[: len(expected)]]
            if book.sequence is None:
                # Two messages may have one stamp: whether it is of this one the proven levels say.
                proven = book.proven_levels
                self.deep_wrong += found[:proven] == expected[:proven] and found != expected
            elif found != expected:
                self._wrong_there(view, book, f"{side} levels of all")
            elif depth.complete and len(rows) != len(expected):
                self._wrong_there(view, book, f"{side} is not complete")

    # --- how old it may be ---

    def _limit_of(self, view, book):
        now = self._now()
        known, limit = now - (book.quote_in_any_state().age or 0.0), CALM
        for act in self.acts.of(view.place, now, lambda _: EVER):
            allowed = view.bounds[MEANS.get(act.name, "calm")]
            # Nothing has come of it since that showed anything: a loss before a silence.
            lost_at = act.until if allowed > CALM else act.since
            if known <= lost_at + ON_ITS_WAY and act.name not in LOSES_NOTHING:
                return view.holds
            if now <= act.until + CALM + ON_ITS_WAY:
                limit = max(limit, allowed)
        return limit

    def _old_there(self, view, book, age, limit):
        kind = f"{book.channel}, bound {limit:g}"
        self.oldest[kind] = max(self.oldest[kind], round(age, 2))
        if age > limit:
            self._note("old", view.topic, book.sequence, age)
            self.over_age.append((self._now(), book.symbol, book.sequence, age, kind))

    def _wrong_there(self, view, book, what):
        self._note("wrong", view.topic, book.sequence, what)
        self.wrong.append((self._now(), book.symbol, book.sequence, f"{what}, {book.channel}"))


def _is_of(mark, book):
    """Whether a book is of the message of that mark: a number, or a stamp."""
    if isinstance(mark, int):
        return mark == book.sequence
    moment = datetime.fromisoformat(mark).timestamp()
    return book.exchange_time_ms is not None and int(moment * 1000) == book.exchange_time_ms


def _scaled(units, decimals):
    return Decimal(units).scaleb(-decimals)
