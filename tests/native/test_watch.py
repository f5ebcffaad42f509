"""Watchers and triggers of the compiled book: when they are told, of what, and what they may do."""

import gc
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book._book import Notice

SECOND = 1_000_000_000
TABLE = "spot/depth/increase100"


def frame(kind, version, bids=(), asks=(), symbol="BTC_USDT"):
    rows = [",".join(f'["{price}","{size}"]' for price, size in side) for side in (asks, bids)]
    return (
        f'{{"data":[{{"asks":[{rows[0]}],"bids":[{rows[1]}],"ms_t":1698292343610,'
        f'"symbol":"{symbol}","type":"{kind}","version":{version}}}],"table":"{TABLE}"}}'
    ).encode()


class World:
    """An engine with a clock, one LIVE book of two levels a side, and frames for it."""

    def __init__(self):
        self.now = 0
        self.version = 1
        self.engine = bb.Engine(clock=lambda: self.now, valid_for=1.0)
        self.engine.apply(
            frame("snapshot", 1, [("99", "1"), ("98", "2")], [("101", "1"), ("102", "2")]),
            generation=1,
        )
        self.book = self.engine["BTC_USDT"]

    def update(self, bids=(), asks=(), skip=0):
        self.version += 1 + skip
        return self.engine.apply(frame("update", self.version, bids, asks), generation=1)


@pytest.fixture
def world():
    return World()


def noted(world, wants):
    notes = []
    notice = Notice(notes, "it")
    notice.want(world.book, wants)
    return notes, notice


# --- who is told of what ---


def test_only_what_is_wanted_is_told_and_the_book_knows_what_that_is(world):
    assert world.book.watched == 0
    notes, notice = noted(world, Change.TOP)
    assert world.book.watched == Change.TOP
    world.update(bids=[("98", "5")])
    assert notes == []
    world.update(bids=[("99", "5")])
    assert notes == [("it", Change.LEVELS | Change.TOP)]
    notice.want(world.book, Change.LEVELS)
    world.update(bids=[("98", "6")])
    assert notes[1:] == [("it", Change.LEVELS)]
    notice.cancel()
    notice.cancel()
    world.update(bids=[("99", "6")])
    assert len(notes) == 2
    assert world.book.watched == 0


def test_it_is_told_once_behind_the_last_item_of_a_frame(world):
    seen = []
    trigger = world.book.when(mid_moved=1, tick="0.5").on(
        lambda quote: seen.append((quote.bid, quote.sequence))
    )
    both = (
        '{"data":['
        + ",".join(
            f'{{"asks":[],"bids":[["{price}","1"]],"ms_t":1,"symbol":"BTC_USDT",'
            f'"type":"update","version":{version}}}'
            for price, version in (("100", 2), ("100.5", 3))
        )
        + f'],"table":"{TABLE}"}}'
    )
    world.engine.apply(both, generation=1)
    assert seen == [(100.5, 3)]
    assert trigger.fired == 1


def test_every_watcher_of_every_book_of_a_frame_is_told(world):
    notes, _notice = noted(world, Change.TOP)
    world.engine.apply(frame("snapshot", 1, [("9", "1")], [("11", "1")], "ETH_USDT"))
    other = []
    second = Notice(other, "other")
    second.want(world.engine["ETH_USDT"], Change.TOP)
    items = [
        f'{{"asks":[],"bids":[["{price}","7"]],"ms_t":1,"symbol":"{symbol}",'
        f'"type":"update","version":2}}'
        for symbol, price in (("BTC_USDT", 99), ("ETH_USDT", 9))
    ]
    world.engine.apply(f'{{"data":[{",".join(items)}],"table":"{TABLE}"}}')
    assert notes == [("it", Change.LEVELS | Change.TOP)]
    assert other == [("other", Change.LEVELS | Change.TOP)]


def unreadable(world):
    with pytest.raises(bb.MessageError):
        world.engine.apply(frame("update", 2, [("x", "1")]), generation=1)


WAYS_TO_LOSE = {
    "a gap": lambda world: world.update(skip=3),
    "a crossing": lambda world: world.update(bids=[("101", "1")]),
    "a frame that cannot be read": unreadable,
    "another connection": lambda world: world.engine.apply(frame("update", 9), generation=2),
    "the client": lambda world: world.engine.invalidate(world.book, "for the test"),
    "a subscription": lambda world: world.engine.assign(world.book, 2),
    "a connection in doubt": lambda world: world.engine.hold(1, "for the test"),
    "its deadline": lambda world: (setattr(world, "now", SECOND), world.engine.look()),
    "a clear": lambda world: world.book.clear(),
    "its end": lambda world: world.engine.close_book(world.book),
}


@pytest.mark.parametrize("way", WAYS_TO_LOSE)
def test_that_a_book_is_not_live_any_more_is_told_however_it_came(world, way):
    world.engine.open_line(1, 100.0)
    world.engine.apply(frame("snapshot", 1, [("99", "1")], [("101", "1")]), generation=1)
    states = []
    lost = world.book.when(state=("!=", "LIVE")).on(lambda quote: states.append(quote.state))
    notes, _notice = noted(world, Change.SNAPSHOT)
    price = world.book.when(spread_bps=(">", 1))
    assert (states, price.is_true, lost.fired) == ([], True, 0)
    WAYS_TO_LOSE[way](world)
    assert world.book.state != BookState.LIVE
    assert states == [world.book.state]
    assert notes == [("it", 0)]
    assert not price.is_true, "what cannot be read is not true"


def test_one_that_lapsed_unnoticed_is_told_when_a_frame_revives_it(world):
    states = []
    trigger = world.book.when(spread_bps=(">", 1))
    notes, _notice = noted(world, Change.TOP)
    world.now = 5 * SECOND
    world.update(bids=[("98", "3")])
    assert world.book.state == BookState.LIVE
    assert notes[0] == ("it", 0)
    assert states == []
    assert trigger.fired == 2, "it was not true meanwhile"


def test_a_held_connection_that_is_released_makes_its_book_true_again(world):
    world.engine.open_line(1, 100.0)
    world.engine.apply(frame("snapshot", 1, [("99", "1")], [("101", "1")]), generation=1)
    trigger = world.book.when(spread_bps=(">", 1))
    world.engine.hold(1, "for the test")
    world.update(bids=[("99", "2")])
    assert (trigger.fired, trigger.is_true) == (1, False)
    world.engine.release(1)
    assert (trigger.fired, trigger.is_true) == (2, True)


def test_a_deadline_that_has_passed_is_compared_with_the_time_of_the_frame(world):
    """The frame heals nothing: the book's line was silent for too long, and `release` was not
    said."""
    world.engine.open_line(1, 1.0)
    world.engine.apply(frame("snapshot", 1, [("99", "1")], [("101", "1")]), generation=1)
    trigger = world.book.when(top_size=(">", 1.5))
    world.now = 3 * SECOND
    world.update(bids=[("99", "2")], asks=[("101", "2")])
    with pytest.raises(bb.BookNotLive):
        _ = world.book.quote
    assert trigger.fired == 0
    world.engine.release(1)
    assert trigger.fired == 1


def test_when_the_next_one_lapses_is_said(world):
    assert world.engine.look() is None
    _notes, notice = noted(world, Change.TOP)
    assert world.engine.look() == SECOND
    world.now = SECOND // 2
    world.update(bids=[("98", "3")])
    assert world.engine.look() == SECOND + SECOND // 2
    world.now = 2 * SECOND
    assert world.engine.look() is None
    notice.cancel()
    assert bb.Engine().look() is None


def test_a_book_by_itself_tells_of_what_is_written_by_hand():
    book = bb.Book("BTC_USDT")
    trigger = book.when(spread_bps=("<", 100))
    states = []
    book.when(state=["GAP", "SYNCING"]).on(lambda quote: states.append(quote.state))
    assert states == [BookState.SYNCING], "true from the start"
    book.apply_snapshot([("99", "1")], [("101", "1")], sequence=1)
    assert trigger.fired == 0
    book.apply_delta([("100.5", "1")], [], sequence=2)
    assert (trigger.fired, trigger.quote.bid) == (1, 100.5)
    book.apply_delta([], [], sequence=9)
    assert states == [BookState.SYNCING, BookState.GAP]
    book.apply(frame("snapshot", 10, [("99", "1")], [("99.1", "1")]))
    assert trigger.fired == 2
    book.clear()
    assert states[2:] == [BookState.SYNCING]


def test_who_becomes_live_is_told_of_as_a_change_of_the_top():
    engine = bb.Engine()
    book = engine.book("BTC_USDT")
    notes = []
    notice = Notice(notes, 1)
    notice.want(book, Change.TRADE)
    engine.apply(frame("snapshot", 1, [("99", "1")], [("101", "1")]))
    assert [key for key, change in notes if change & Change.TOP] == [1]


# --- what they may do ---


def test_it_must_not_write_from_within(world):
    said = []

    def writing(_quote):
        for write in (
            lambda: world.update(bids=[("97", "1")]),
            lambda: world.book.apply_delta([], [], 9),
            lambda: world.book.apply_snapshot([], []),
            lambda: world.book.apply(frame("update", 9)),
            world.book.clear,
            lambda: world.engine.close_book(world.book),
            lambda: world.engine.invalidate(world.book, "from within"),
            lambda: world.engine.assign(world.book, 3),
            lambda: world.engine.hold(1, "from within"),
            lambda: world.engine.release(1),
            world.engine.require_quiet,
        ):
            with pytest.raises(bb.UsageError, match="must not write"):
                write()
            said.append(world.book.best_bid_size)

    world.engine.open_line(1, 100.0)
    world.engine.apply(frame("snapshot", 1, [("99", "1")], [("101", "1")]), generation=1)
    world.book.when(top_size=("bid", ">", 4)).on(writing)
    world.version = 1
    world.update(bids=[("99", "5")])
    assert said == [5.0] * 11
    world.version = 2
    world.update(bids=[("99", "6")])
    assert world.book.best_bid_size == 6.0


def test_what_a_callback_raises_goes_no_further(world, monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: said.append(what.exc_value))
    after = []

    def failing(_quote):
        raise ValueError("mine")

    trigger = world.book.when(top_size=("bid", ">", 4)).on(failing)
    trigger.on(after.append)
    assert world.update(bids=[("99", "5")]) == Change.LEVELS | Change.TOP
    assert [str(error) for error in said] == ["mine"]
    assert len(after) == 1
    with pytest.raises(bb.UsageError, match="callable"):
        trigger.on(5)


def test_it_may_cancel_itself_and_others_from_within(world):
    calls = []
    triggers = []

    def cancelling(_quote):
        calls.append("first")
        for trigger in triggers:
            trigger.cancel()

    triggers.append(world.book.when(top_size=("bid", ">", 4)).on(cancelling))
    triggers.append(world.book.when(top_size=("bid", ">", 4)).on(lambda _: calls.append("second")))
    world.update(bids=[("99", "5")])
    assert calls == ["first"]
    assert world.book.watched == 0
    assert "ended" in repr(triggers[0])


def test_the_last_watcher_may_go_when_it_is_told_that_the_book_is_lost(world):
    triggers = []
    triggers.append(world.book.when(state="GAP").on(lambda _: triggers[0].cancel()))
    world.update(skip=3)
    assert world.book.watched == 0
    assert triggers[0].fired == 1
    world.engine.apply(frame("snapshot", 9, [("99", "1")], [("101", "1")]), generation=1)
    assert world.book.state == BookState.LIVE


def test_one_that_nobody_holds_and_nobody_hears_is_gone(world):
    trigger = world.book.when(spread_bps=(">", 5))
    assert world.book.watched
    del trigger
    gc.collect()
    assert world.book.watched == 0
    fired = []
    world.book.when(top_size=("bid", ">", 4)).on(fired.append)
    gc.collect()
    world.update(bids=[("99", "5")])
    assert len(fired) == 1, "its callback keeps it"


def test_one_watcher_watches_one_book_and_nothing_that_is_over(world):
    watcher = bb.Watcher()
    watcher.watch(world.book)
    assert (watcher.book, watcher.wants) == (world.book, Change.TOP)
    with pytest.raises(bb.UsageError, match="watches BTC_USDT already"):
        watcher.watch(world.book)
    watcher.cancel()
    assert watcher.book is None
    with pytest.raises(bb.UsageError, match="frozen"):
        watcher.watch(world.book.peek())
    watcher.watch(world.book)
    world.engine.close_book(world.book)
    assert watcher.book is None
    with pytest.raises(bb.FeedClosed):
        watcher.watch(world.book)


# --- conditions ---


def test_it_fires_when_it_becomes_true_and_again_only_after_it_was_not(world):
    trigger = world.book.when(spread_bps=(">=", 150), hysteresis=60)
    assert (trigger.fired, trigger.is_true, trigger.quote.bid) == (1, True, 99.0)
    world.update(bids=[("99.9", "1")])  # 109 basis points: not below 90
    assert trigger.is_true
    world.update(bids=[("99.9", "0")])
    assert trigger.fired == 1
    world.update(bids=[("100.5", "1")])  # 50
    assert not trigger.is_true
    world.update(bids=[("100.5", "0"), ("99.5", "1")])  # 149.6
    assert trigger.fired == 1
    world.update(bids=[("99.5", "0")])
    assert trigger.fired == 2


def test_all_of_several_conditions_have_to_hold(world):
    trigger = world.book.when(
        spread_bps=("<", 100), top_size=("bid", ">", 2), hysteresis={"top_size": 1}
    )
    assert trigger.condition == "spread_bps < 100 and top_size bid > 2"
    world.update(bids=[("100.5", "1")])
    assert trigger.fired == 0
    world.update(bids=[("100.5", "2.5")])
    assert trigger.fired == 1
    world.update(bids=[("100.5", "1.5")])
    world.update(bids=[("100.5", "2.5")])
    assert trigger.fired == 1
    world.update(bids=[("100.5", "1.01")])
    world.update(bids=[("100.5", "2.5")])
    assert trigger.fired == 1, "it has to fall to 1"
    world.update(bids=[("100.5", "1")])
    world.update(bids=[("100.5", "2.5")])
    assert trigger.fired == 2


def test_a_mid_that_moves_by_ticks_is_measured_from_where_it_fired_last(world):
    mids = []
    world.book.when(mid_moved=2, tick="0.1").on(lambda quote: mids.append(quote.mid))
    world.update(bids=[("99.2", "1")])  # 100.1
    assert mids == []
    world.update(bids=[("99.4", "1")])  # 100.2, two ticks to the digit
    assert mids == [100.2]
    world.update(bids=[("99.6", "1")])
    assert mids == [100.2]
    world.update(bids=[("99.6", "0"), ("99.4", "0"), ("99.2", "0")])  # 100.0
    assert mids == [100.2, 100.0]


def test_an_empty_side_has_no_value(world):
    triggers = [
        world.book.when(spread_bps=(">", -1e9)), world.book.when(imbalance=(">", -2)),
        world.book.when(top_size=("<", 1e9)), world.book.when(top_size=("bid", "<", 1e9)),
    ]  # fmt: skip
    one_sided = world.book.when(top_size=("ask", "<", 1e9))
    assert all(trigger.is_true for trigger in triggers)
    world.update(bids=[("99", "0"), ("98", "0")])
    assert not any(trigger.is_true for trigger in triggers)
    assert one_sided.is_true


PRICES = st.integers(1, 10**12)


@given(
    st.integers(0, 6), PRICES, st.integers(1, 10**9), st.integers(1, 10**6), st.integers(1, 10**6),
    st.sampled_from((">", ">=", "<", "<=")), st.integers(-3, 3),
)  # fmt: skip
def test_each_condition_is_exact_at_its_limit(scale, bid, width, one, other, relation, off):
    book = bb.Book("X")
    unit = 10**scale
    ask = bid + width

    def text(number):
        return f"{number}E-{scale}"

    book.apply_snapshot([(text(bid), text(one))], [(text(ask), text(other))])
    holds = {
        ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
        "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    }[relation]  # fmt: skip
    values = {
        "spread_bps": Fraction(20_000 * (ask - bid), ask + bid),
        "imbalance": Fraction(one - other, one + other),
        "top_size": Fraction(min(one, other), unit),
    }
    for name, value in values.items():
        # The nearest limit of 15 decimals, and its neighbours.
        limit = (value * 10**15).__round__() + off
        said = f"{limit}E-15"
        trigger = book.when(**{name: (relation, said)})
        assert trigger.is_true == holds(value, Fraction(limit, 10**15)), (name, said)


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ({}, "takes a condition"),
        ({"spread_bps": 5}, r'as in spread_bps=\(">", 5\)'),
        ({"spread_bps": ("=", 5)}, r'as in spread_bps=\(">", 5\)'),
        ({"spread_bps": (">", "wide")}, "takes a number"),
        ({"spread_bps": (">", float("nan"))}, "takes a number"),
        ({"top_size": ("buy", "<", 5)}, 'side must be "bid" or "ask"'),
        ({"top_size": ("bid", 5)}, r'top_size=\("bid", "<", 0.5\)'),
        ({"mid_moved": 3}, "the tick of BTC_USDT is not known"),
        ({"mid_moved": 0, "tick": 1}, "above zero"),
        ({"state": "LIFE"}, r'or \("!=", "LIVE"\)'),
        ({"state": 5}, "state takes"),
        ({"state": ()}, "state takes"),
        ({"imbalance": (">", 0), "levels": 0}, "at least 1"),
        ({"spread_bps": (">", 5), "hysteresis": -1}, "not be negative"),
        ({"spread_bps": (">", 5), "hysteresis": {"imbalance": 1}}, "no condition of this"),
        ({"spread_bps": (">", 5), "imbalance": (">", 0), "hysteresis": 1}, "of which condition"),
        ({"state": "LIVE", "hysteresis": 1}, "of which condition"),
    ],
)
def test_what_is_no_condition_is_said_in_a_sentence(world, conditions, sentence):
    with pytest.raises(bb.UsageError, match=sentence):
        world.book.when(**conditions)
    assert world.book.watched == 0
