"""The fuzzers for a moment: they find nothing in what is whole, and something in what is broken."""

import os
import random
import zlib

import pytest

from bitmart_book import Change, Engine, MessageError
from bitmart_book.check.shadow import ShadowEngine
from tests.fuzz import boundary, native
from tests.fuzz.grammar import LIVE_CHANNELS, case, dump, load
from tests.fuzz.mutate import mutate
from tests.fuzz.oracle import ALL_BITS, Finding, play


def test_some_thousand_inputs():
    counts = native.run_cases("smoke", range(60))
    assert counts["inputs"] == 9_600
    assert counts["channels"] == LIVE_CHANNELS
    assert Change.names(counts["bits"]) == Change.names(ALL_BITS)
    assert 0.1 < counts["refused"] / counts["inputs"] < 0.9


def test_some_inputs_beside_the_reference():
    counts = native.run_cases("smoke", range(5), kind=ShadowEngine)
    assert counts["live"] > 100


# --- broken engines, and how many cases it may take to find out ---


class HalfApplied(Engine):
    """A refused frame has changed a level."""

    def apply(self, frame, receive_time_ns=None, *, generation=0):
        try:
            return super().apply(frame, receive_time_ns, generation=generation)
        except MessageError:
            for book in self.books:
                if book.state == "LIVE" and book.peek().best_bid is not None:
                    book.apply_delta([(book.peek().best_bid.price, 12345)], [])
            raise


class OtherError(Engine):
    """An error of another kind escapes, for one spelling of a number."""

    def apply(self, frame, receive_time_ns=None, *, generation=0):
        if not isinstance(frame, str) and b"1e-99" in bytes(frame):
            raise KeyError("1e-99")
        return super().apply(frame, receive_time_ns, generation=generation)


class Unnamed(Engine):
    """A changed book is not among those that were touched."""

    touched = ()


class OtherScanner(Engine):
    """Two ways to read a frame that do not agree: one overlooks a dozenth of the frames."""

    def __init__(self, scan=True, **options):
        super().__init__(scan=scan, **options)
        self._overlooks = scan
        self._count = 0

    def apply(self, frame, receive_time_ns=None, *, generation=0):
        self._count += 1
        if self._overlooks and self._count % 12 == 0:
            return 0
        return super().apply(frame, receive_time_ns, generation=generation)


class Deadly(Engine):
    """The process ends, as a memory error under a sanitizer would end it."""

    def apply(self, frame, receive_time_ns=None, *, generation=0):
        if len(frame) % 97 == 0:
            os._exit(77)
        return super().apply(frame, receive_time_ns, generation=generation)


@pytest.mark.parametrize(
    ("kind", "error"),
    [(HalfApplied, Finding), (OtherError, KeyError), (Unnamed, Finding), (OtherScanner, Finding)],
)
def test_a_broken_engine_is_found_and_its_case_shrinks(kind, error):
    found = []

    def note(made, number, what):
        found.append((made, what))

    native.run_cases("planted", range(40), kind=kind, found=note)
    assert found
    made, what = min(found, key=lambda pair: len(pair[0].steps))
    assert isinstance(what, error)
    short = native.shrink(made, kind)
    assert len(short.steps) <= 12
    with pytest.raises(error):
        play(load(dump(short)), kind)
    if kind is not OtherScanner:
        play(short)


def test_what_kills_the_process_can_be_made_again(tmp_path):
    kind = f"{Deadly.__module__}:{Deadly.__name__}"
    rows = native.fuzz(1_600, "death", 1, tmp_path, kind=kind)
    assert [row.passed for row in rows if row.figure == "fuzz: findings"] == [False]
    (path,) = tmp_path.glob("death-*.jsonl")
    made = load(path.read_text())
    assert len(made.steps[-1].data) % 97 == 0
    assert all(len(step.data) % 97 for step in made.steps[:-1] if step.data.startswith(b"{"))


def test_the_same_seed_is_the_same_case():
    assert case("seed", 5) == case("seed", 5)
    assert case("seed", 5) != case("seed", 6)
    assert case("seed", 5) != case("other", 5)


# --- the boundary ---


def boundary_inputs(count):
    chance = random.Random("boundary")
    inputs = boundary.corpus()
    for _ in range(count):
        data = chance.choice(inputs)
        yield data[:1] + mutate(data[1:], chance)


def test_the_boundary_lets_only_documented_errors_pass():
    for data in boundary.corpus():
        boundary.one(data)
    for data in boundary_inputs(2_000):
        boundary.one(data)


def test_an_undocumented_error_at_the_boundary_is_found(monkeypatch):
    def leaky(payload):
        return zlib.decompress(payload, -zlib.MAX_WBITS)

    monkeypatch.setattr(boundary, "inflate", leaky)
    with pytest.raises(zlib.error):
        for data in boundary_inputs(2_000):
            boundary.one(data)
