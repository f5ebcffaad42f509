"""Random frames into the compiled and the reference engine: after every step they are equal.

`ShadowEngine` itself does the comparison, so these tests also prove that it works; that it can
fail is proven in tests/check/test_shadow.py.
"""

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bitmart_book import Change, MessageError
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.numbers import grid_price, padded, scientific, sizes


@st.composite
def prices(draw, decimals, low, high):
    """Texts of prices on and off a grid; the same price turns up in several spellings."""
    index = draw(st.integers(low, high))
    text = grid_price(index, decimals)
    form = draw(st.integers(0, 5))
    if form == 0:
        return draw(padded(st.just(text)))
    if form == 1:
        return draw(scientific(st.just(text)))
    if form == 2:
        return text.rstrip("0").rstrip(".") if "." in text else text
    return text


class Frames(RuleBasedStateMachine):
    """One symbol on one channel, fed with frames that are right, late, broken and mad."""

    max_levels = 50_000

    def __init__(self):
        super().__init__()
        self.engine = ShadowEngine(max_levels=self.max_levels)
        self.version = 100
        self.sent = []

    @initialize(decimals=st.sampled_from([0, 1, 2, 6, 12]))
    def choose_grid(self, decimals):
        self.decimals = decimals
        self.bids = prices(decimals, 1, 60)
        self.asks = prices(decimals, 55, 120)

    def level(self, data, side):
        price = data.draw(self.bids if side == "bids" else self.asks)
        return self.spell(data, price), self.spell(data, data.draw(sizes))

    @staticmethod
    def as_object(level):
        """A level as futures frames have it."""
        return {"price": level[0], "vol": level[1]}

    @staticmethod
    def spell(data, text):
        """Quoted, or bare where JSON allows it."""
        if data.draw(st.integers(0, 4)) == 0:
            try:
                json.loads(text)
            except ValueError:
                return text
            return Bare(text)
        return text

    def rows(self, data, side, most):
        rows = [self.level(data, side) for _ in range(data.draw(st.integers(0, most)))]
        return rows or data.draw(st.sampled_from([[], None, "", {}]))

    def send(self, text, **options):
        self.sent = [*self.sent[-8:], text]
        try:
            change = self.engine.apply(text, **options)
        except MessageError:
            return None
        assert bool(change & ~Change.OTHER) == bool(self.engine.touched)
        return change

    @rule(back=st.integers(1, 8))
    def repeat(self, back):
        if self.sent:
            self.send(self.sent[-min(back, len(self.sent))])

    @invariant()
    def every_book_checks(self):
        for book in self.engine.books:
            book.check()


class Bare(str):
    """A number to be written without quotes."""


def dump(value):
    """JSON of a frame whose `Bare` numbers have no quotes."""
    if isinstance(value, Bare):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value)


class SequencedFrames(Frames):
    def frame(self, data, kind, version, most):
        item = {"symbol": "BTC_USDT", "type": kind, "version": version, "ms_t": 1700000000000}
        for side in ("asks", "bids"):
            if kind == "snapshot" or data.draw(st.integers(0, 9)):
                item[side] = self.rows(data, side, most)
        return item

    def push(self, *items):
        return dump({"data": items, "table": "spot/depth/increase100"})

    @rule(data=st.data(), step=st.integers(-3, 4))
    def snapshot(self, data, step):
        self.version = max(0, self.version + step)
        self.send(self.push(self.frame(data, "snapshot", self.version, 12)))

    @rule(data=st.data())
    def next_update(self, data):
        self.version += 1
        self.send(self.push(self.frame(data, "update", self.version, 6)))

    @rule(data=st.data())
    def two_updates_in_one_frame(self, data):
        first = self.frame(data, "update", self.version + 1, 3)
        second = self.frame(data, "update", self.version + 2, 3)
        self.version += 2
        self.send(self.push(first, second))

    @rule(data=st.data(), step=st.integers(-6, 6))
    def other_update(self, data, step):
        self.send(self.push(self.frame(data, "update", max(0, self.version + step), 3)))

    @rule()
    def heartbeat(self):
        empty = {"symbol": "BTC_USDT", "type": "update", "version": self.version}
        self.send(self.push({**empty, "asks": [], "bids": []}))

    @rule(count=st.integers(1, 5), data=st.data())
    def counter_restarts(self, count, data):
        self.version = 0
        for _ in range(count):
            self.version += 1
            self.send(self.push(self.frame(data, "update", self.version, 2)))

    @rule(data=st.data(), where=st.integers(0, 200))
    def broken_frame(self, data, where):
        text = self.push(self.frame(data, "update", self.version + 1, 4))
        where = min(where, len(text) - 1)
        self.send(text[:where] + data.draw(st.sampled_from(["", "x", "\x00", '"', "}", "-1"])))

    @rule(
        data=st.data(),
        token=st.sampled_from(
            ["-1", "NaN", "Infinity", "0x1", "1_0", "", " 1", "1 ", "1e", "e1", ".", "+1", "--1"]
            + ["9" * 20, "1e19", "1e-19", "0." + "0" * 18 + "1", "9223372036854775808", "1" * 65]
            + ["1e99999999999999999999", "\u0661", None, True, [], {}, Bare("-0"), Bare("-0.0")]
        ),
        kind=st.sampled_from(["snapshot", "update"]),
        place=st.sampled_from([0, 1]),
    )
    def bad_number(self, data, token, kind, place):
        item = self.frame(data, kind, self.version + 1, 4)
        row = ["1", "1"]
        row[place] = token
        item["bids"] = [["2", "1"], row]
        self.send(self.push(item))

    @rule(generation=st.integers(0, 3), data=st.data())
    def other_connection(self, generation, data):
        kind = data.draw(st.sampled_from(["snapshot", "update"]))
        self.send(self.push(self.frame(data, kind, self.version + 1, 4)), generation=generation)


class TrimmedFrames(SequencedFrames):
    max_levels = 5


class FullFrames(Frames):
    @initialize()
    def start_clock(self):
        self.time = 1000

    @rule(data=st.data(), step=st.integers(-2, 3))
    def picture(self, data, step):
        self.time += step
        item = {"symbol": "BTC_USDT"}
        if data.draw(st.integers(0, 5)):
            item["ms_t"] = self.time
        for side in ("asks", "bids"):
            if data.draw(st.integers(0, 15)):
                item[side] = self.rows(data, side, 6)
        self.send(dump({"table": "spot/depth5", "data": [item]}))


class OneSidedFrames(Frames):
    @initialize()
    def start_clock(self):
        self.time = 1000

    def push(self, data, way):
        rows = [
            self.as_object(self.level(data, "bids" if way == 1 else "asks"))
            for _ in range(data.draw(st.integers(0, 5)))
        ]
        item = {"symbol": "BTCUSDT", "way": way, "depths": rows, "ms_t": self.time}
        self.send(dump({"group": "futures/depth5:BTCUSDT@200ms", "data": item}))

    @rule(data=st.data(), step=st.integers(-1, 2), first=st.sampled_from([1, 2]))
    def pair(self, data, step, first):
        self.time += step
        self.push(data, first)
        self.push(data, 3 - first)

    @rule(data=st.data(), step=st.integers(-1, 2), way=st.sampled_from([1, 2, 3, "1", None]))
    def single(self, data, step, way):
        self.time += step
        self.push(data, way)


class FuturesFrames(Frames):
    @rule(data=st.data(), kind=st.sampled_from(["snapshot", "update", "update", "update"]))
    def push(self, data, kind):
        self.version += data.draw(st.sampled_from([1, 1, 1, 1, 1, 0, 2, -1]))
        item = {"symbol": "BTCUSDT", "type": kind, "version": max(0, self.version)}
        for side in ("asks", "bids"):
            rows = self.rows(data, side, 5)
            item[side] = [self.as_object(row) for row in rows] if isinstance(rows, list) else rows
        self.send(dump({"data": item, "group": "futures/depthIncrease20:BTCUSDT@200ms"}))


def case(machine, share):
    """The machine as a test; `share` of the runs, so that all of them together stay in budget."""
    test = machine.TestCase
    test.settings = settings(max_examples=int(settings().max_examples * share))
    return test


TestSequenced = case(SequencedFrames, 0.5)
TestTrimmed = case(TrimmedFrames, 0.2)
TestFull = case(FullFrames, 0.2)
TestOneSided = case(OneSidedFrames, 0.2)
TestFutures = case(FuturesFrames, 0.2)


@pytest.mark.parametrize("machine", [SequencedFrames, FullFrames, OneSidedFrames, FuturesFrames])
def test_machines_reach_live_books(machine):
    """The machines are no use if they never get past the first refusal."""
    seen = set()

    class Watched(machine):
        @invariant()
        def note_states(self):
            seen.update(book.state for book in self.engine.books)

    Watched.TestCase.settings = settings(max_examples=8, database=None, derandomize=True)
    Watched.TestCase().runTest()
    assert "LIVE" in seen
    assert len(seen) > 1
