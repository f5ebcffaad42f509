"""Announced replies: what a snapshot of the same sequence proves, joins, and throws away.

The machine has a venue of its own: a true book deeper than the window its snapshots show, whose
changes are pushed for every price, or only where they are seen among the best. Whatever a LIVE
book says it is certain of must be true, and the reference must agree in everything.
"""

import json

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bitmart_book import BookState, Change, Engine
from bitmart_book.check.shadow import ShadowEngine
from bitmart_book.venues import SPOT, Venue

WINDOW = 4
CHANNEL = "spot/depth/increase100"
SHALLOW = Venue(
    profiles=(
        msgspec.structs.replace(
            SPOT, books=tuple(msgspec.structs.replace(book, window=WINDOW) for book in SPOT.books)
        ),
    )
)


def frame(kind, version, bids=(), asks=()):
    item = {"symbol": "BTC_USDT", "type": kind, "version": version, "ms_t": version}
    item["bids"] = [[str(price), str(size)] for price, size in bids]
    item["asks"] = [[str(price), str(size)] for price, size in asks]
    return json.dumps({"table": CHANNEL, "data": [item]})


def live(bids, asks, engine=Engine, **options):
    made = engine(venue=SHALLOW, **options)
    made.apply(frame("snapshot", 7, bids, asks))
    return made, made["BTC_USDT"]


BIDS = [(100, 1), (99, 1), (98, 1), (97, 1)]
ASKS = [(101, 1), (102, 1), (103, 1), (104, 1)]


def test_an_announced_reply_that_agrees_keeps_the_run_and_the_deeper_levels():
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(90, 5), (100, 0)]))
    engine.expect(book)
    change = engine.apply(frame("snapshot", 8, [(99, 1), (98, 1), (97, 1), (96, 2)], ASKS))
    assert change == Change.SNAPSHOT | Change.LEVELS
    assert book.epoch == 1
    assert [level.price for level in book.bids] == [99, 98, 97, 96, 90]
    assert book.complete_depth("bid") == 4
    assert book.stats["merges"] == 1
    assert book.stats["audit_mismatches"] == book.stats["ghosts"] == 0


def test_what_was_known_before_stays_known():
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(100.5, 1), (100.4, 1), (100.3, 1)]))
    assert book.complete_depth("bid") == 7
    engine.expect(book)
    engine.apply(frame("snapshot", 8, [(100.5, 1), (100.4, 1), (100.3, 1), (100, 1)], ASKS))
    assert book.complete_depth("bid") == 7


def test_a_side_that_no_reply_can_show_more_of_does_not_run_short():
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(100, 0)]))
    engine.expect(book)
    engine.apply(frame("snapshot", 8, BIDS[1:], ASKS))
    assert not engine.runs_short(book, 3)
    engine.apply(frame("update", 9, asks=[(101, 0)]))
    assert engine.runs_short(book, 4)
    assert not engine.runs_short(book, 3)


def test_a_level_that_was_never_told_of_can_become_the_best():
    """The real case: the book was cut above it, and everything better has gone."""
    engine, book = live([(100, 1), (99, 1), (98, 1), (97, 1)], ASKS)
    deletes = [(100, 0), (99, 0), (98, 0), (97, 0)]
    engine.apply(frame("update", 8, bids=[*deletes, (95, 1)]))
    assert book.state == BookState.STALE
    assert book.peek().best_bid_price == 95
    assert book.peek().complete_depth("bid") == 0
    engine.expect(book)
    change = engine.apply(frame("snapshot", 8, [(96, 3), (95, 1)], ASKS))
    assert change & Change.TOP
    assert book.best_bid_price == 96
    assert book.epoch == 2


@pytest.mark.parametrize(
    ("bids", "problem"),
    [
        ([(100, 2), (99, 1), (98, 1), (97, 1)], "another size"),
        ([(99, 1), (98, 1), (97, 1), (96, 1)], "a level that is not there"),
        ([(100, 1), (99.5, 1), (99, 1), (98, 1)], "a level that we do not have"),
    ],
)
def test_a_reply_that_contradicts_the_book_replaces_it(bids, problem):
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(90, 5)]))
    engine.expect(book)
    engine.apply(frame("snapshot", 8, bids, ASKS))
    assert book.stats["audit_mismatches"] == 1, problem
    assert [level.price for level in book.bids] == [float(price) for price, _ in bids]
    assert book.epoch == 2


def test_ghosts_below_what_is_known_make_the_book_keep_no_more_than_the_window():
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(96, 1), (95, 1), (100, 0)]))
    engine.expect(book)
    engine.apply(frame("snapshot", 8, [(99, 1), (98, 1), (97, 1), (95, 1)], ASKS))
    assert book.stats["ghosts"] == 1
    assert book.stats["audit_mismatches"] == 0
    assert [level.price for level in book.bids] == [99, 98, 97, 95]
    assert book.epoch == 1
    engine.apply(frame("update", 9, bids=[(100, 1)]))
    assert [level.price for level in book.bids] == [100, 99, 98, 97]
    assert book.complete_depth("bid") == 4


def test_a_new_subscription_may_be_deeper_than_the_window_again():
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(96, 1), (95, 1), (100, 0)]))
    engine.expect(book)
    engine.apply(frame("snapshot", 8, [(99, 1), (98, 1), (97, 1), (95, 1)], ASKS))
    assert book.stats["ghosts"] == 1
    engine.assign(book, 2)
    engine.apply(frame("snapshot", 9, BIDS, ASKS), generation=2)
    engine.apply(frame("update", 10, bids=[(90, 1)]), generation=2)
    assert len(book.bids) == 5


def test_an_announced_reply_of_another_sequence_replaces():
    """Something was lost, and a merge would keep what came of it."""
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(90, 5)]))
    engine.expect(book)
    engine.apply(frame("snapshot", 11, BIDS, ASKS))
    assert [level.price for level in book.bids] == [100, 99, 98, 97]
    assert book.epoch == 2
    assert book.stats["merges"] == 0


def test_after_a_gap_nothing_is_merged():
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(90, 5)]))
    engine.apply(frame("update", 10))
    assert book.state == BookState.GAP
    engine.expect(book)
    engine.apply(frame("snapshot", 10, BIDS, ASKS))
    assert [level.price for level in book.bids] == [100, 99, 98, 97]
    assert book.stats["merges"] == 0


def test_an_unannounced_snapshot_replaces():
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(90, 5)]))
    engine.apply(frame("snapshot", 8, BIDS, ASKS))
    assert len(book.bids) == 4
    assert book.epoch == 2


def test_one_announcement_is_for_one_reply():
    engine, book = live(BIDS, ASKS)
    engine.expect(book)
    engine.apply(frame("snapshot", 7, BIDS, ASKS))
    engine.apply(frame("update", 8, bids=[(90, 5)]))
    engine.apply(frame("snapshot", 8, BIDS, ASKS))
    assert book.stats["merges"] == 1
    assert len(book.bids) == 4


def test_a_merge_can_widen_the_scale():
    engine, book = live(BIDS, ASKS, ShadowEngine)
    engine.expect(book)
    engine.apply(frame("update", 8, bids=[(90, 5), (97, 0)]))
    change = engine.apply(frame("snapshot", 8, [*BIDS[:3], (96.125, 0.5)], ASKS))
    assert change == Change.SNAPSHOT | Change.LEVELS
    assert book.bids[3].price == 96.125
    assert book.bids[4].price == 90


def test_a_book_that_keeps_fewer_levels_than_a_reply_shows():
    engine, book = live(BIDS, ASKS, ShadowEngine, max_levels=2)
    engine.expect(book)
    assert engine.apply(frame("snapshot", 7, BIDS, ASKS)) == Change.SNAPSHOT
    assert len(book.bids) == 2


def test_updates_that_a_snapshot_overtook_are_no_restarted_counter():
    engine, book = live(BIDS, ASKS, ShadowEngine)
    engine.expect(book)
    engine.apply(frame("snapshot", 12, BIDS, ASKS))
    for version in range(8, 13):
        assert engine.apply(frame("update", version, bids=[(90, version)])) == Change.DUPLICATE
    assert book.state == BookState.LIVE
    assert engine.apply(frame("update", 13, bids=[(90, 1)])) & Change.LEVELS
    # From here on the like is evidence again.
    for version in (9, 10, 11):
        engine.apply(frame("update", version, bids=[(91, version)]))
    assert book.state == BookState.GAP


class Audited(RuleBasedStateMachine):
    """A true book of at most twelve levels a side; the venue shows the best four of them."""

    everything = True
    """Whether changes are pushed at any price, or only of levels among the best four."""

    def __init__(self):
        super().__init__()
        self.engine = ShadowEngine(venue=SHALLOW)
        self.version = 1
        self.truth = {"bids": {}, "asks": {}}
        self.pending = None
        for place in range(8):
            self.truth["bids"][100 - place] = 1
            self.truth["asks"][101 + place] = 1
        self.engine.apply(self.snapshot())
        self.book = self.engine["BTC_USDT"]

    def side(self, name, most=None):
        return sorted(self.truth[name].items(), reverse=name == "bids")[:most]

    def snapshot(self):
        return frame("snapshot", self.version, self.side("bids", WINDOW), self.side("asks", WINDOW))

    @rule(
        name=st.sampled_from(["bids", "asks"]),
        places=st.lists(st.integers(0, 14), min_size=1, max_size=4),
        size=st.integers(0, 3),
    )
    def change(self, name, places, size):
        self.version += 1
        seen_before = dict(self.side(name, WINDOW))
        touched = []
        for place in places:
            price = 102 - place if name == "bids" else 99 + place
            opposite = self.side("asks" if name == "bids" else "bids", 1)
            if opposite and (
                price >= opposite[0][0] if name == "bids" else price <= opposite[0][0]
            ):
                continue
            if size:
                self.truth[name][price] = size
            elif len(self.truth[name]) > 5:
                self.truth[name].pop(price, None)
            touched.append(price)
        seen = dict(self.side(name, WINDOW))
        rows = {
            price: self.truth[name].get(price, 0)
            for price in touched
            if self.everything or price in seen or price in seen_before
        }
        self.engine.apply(frame("update", self.version, **{name: rows.items()}))

    @rule()
    def ask(self):
        self.engine.expect(self.book)
        self.engine.apply(self.snapshot())
        assert self.book.state == BookState.LIVE

    @rule()
    def lose_updates(self):
        # Two of them: an empty update that carries the next version cannot be told from its loss.
        self.version += 2
        self.truth["bids"][min(self.truth["bids"])] = self.version

    @rule()
    def heartbeat(self):
        self.engine.apply(frame("update", self.version))
        if self.book.state != BookState.LIVE:
            self.engine.apply(self.snapshot())

    @invariant()
    def what_is_certain_is_true(self):
        self.book.check()
        # A book that missed the newest versions is true of an older one, which is not kept here.
        if self.book.state != BookState.LIVE or self.book.sequence != self.version:
            return
        if not self.everything:
            return
        for name in ("bids", "asks"):
            certain = self.book.complete_depth(name[:-1])
            mine = [(level.price, level.size) for level in getattr(self.book, name)]
            assert mine[:certain] == self.side(name)[:certain]


class AuditedFromAWindow(Audited):
    everything = False

    @rule()
    def two_replies_and_nothing_between(self):
        """Right after a reply, what the book is certain of is what the venue showed."""
        self.ask()
        for name in ("bids", "asks"):
            mine = [(level.price, level.size) for level in getattr(self.book, name)]
            assert mine[:WINDOW] == self.side(name, WINDOW)


def case(machine, share):
    test = machine.TestCase
    test.settings = settings(max_examples=max(1, int(settings().max_examples * share)))
    return test


TestAudited = case(Audited, 0.5)
TestAuditedFromAWindow = case(AuditedFromAWindow, 0.3)


def test_a_channel_that_keeps_its_window_loses_nothing_to_a_ghost():
    books = tuple(msgspec.structs.replace(book, window_kept=True) for book in SPOT.books)
    kept = Venue(profiles=(msgspec.structs.replace(SPOT, books=books),))
    engine = Engine(venue=kept, max_levels=3)
    engine.apply(frame("snapshot", 7, BIDS, ASKS))
    book = engine["BTC_USDT"]
    assert book.complete_depth("bid") == 3
    engine.apply(frame("update", 8, bids=[(99, 0), (98, 0), (96, 1), (95, 1)]))
    engine.expect(book)
    engine.apply(frame("snapshot", 8, [(100, 1), (95, 1)], ASKS))
    assert book.stats["ghosts"] == 1
    engine.apply(frame("update", 9, bids=[(94, 1)]))
    assert [level.price for level in book.bids] == [100, 95, 94]


def test_a_reply_that_takes_a_ghost_away_is_a_change():
    engine, book = live(BIDS, ASKS)
    engine.apply(frame("update", 8, bids=[(96, 1), (95, 1), (100, 0)]))
    engine.expect(book)
    change = engine.apply(frame("snapshot", 8, [(99, 1), (98, 1), (97, 1), (95, 1)], ASKS))
    assert change == Change.SNAPSHOT | Change.LEVELS
