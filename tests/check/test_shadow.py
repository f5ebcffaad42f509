"""The shadow engine, and the proof that it can fail."""

import pytest

import bitmart_book as bb
from bitmart_book.check.reference import ReferenceBook, ReferenceEngine
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers import frames
from tests.helpers.frames import spot


def test_it_gives_what_the_engine_gives():
    shadow, plain = ShadowEngine(), bb.Engine()
    for frame in (frames.SPOT_SNAPSHOT_4, frames.SPOT_UPDATE_5, "pong", frames.SPOT_TRADES):
        assert shadow.apply(frame) == plain.apply(frame)
    assert shadow["BTC_USDT"].depth() == plain["BTC_USDT"].depth()
    with pytest.raises(bb.MessageError):
        shadow.apply("{")


BUGS = {
    "a rule": (ReferenceBook, "crossed", lambda self: True),
    "levels": (ReferenceBook, "_put", lambda self, item: True),
    "sequence": (ReferenceBook, "_remember", lambda self, item: setattr(self, "sequence", 99)),
    "known window": (ReferenceBook, "known", lambda self, side: 0),
    "an error": (ReferenceEngine, "_message", lambda self, message, generation: int("x")),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_difference_stops_it_with_a_report(name, monkeypatch):
    engine = ShadowEngine()
    engine.apply(frames.SPOT_SNAPSHOT_4)
    owner, attribute, bug = BUGS[name]
    if name == "an error":

        def bug(self, message, generation):
            raise bb.MessageError("seeded")

    monkeypatch.setattr(owner, attribute, bug)
    with pytest.raises(bb.ShadowMismatch) as caught:
        engine.apply(frames.SPOT_UPDATE_5)
    report = str(caught.value)
    assert "spot/depth/increase100:BTC_USDT" in report
    assert '"version":5' in report
    assert "before: <frozen Book" in report


def test_a_book_that_exists_only_once_is_a_difference(monkeypatch):
    engine = ShadowEngine()
    monkeypatch.setattr(ReferenceEngine, "_message", lambda *_: 7)
    with pytest.raises(bb.ShadowMismatch, match="exists only once"):
        engine.apply(frames.SPOT_SNAPSHOT_4)


def test_a_deadline_is_no_difference():
    now = [0]
    engine = ShadowEngine(clock=lambda: now[0])
    engine.apply(frames.SPOT_SNAPSHOT_4)
    now[0] = 10**12
    assert engine["BTC_USDT"].state == "STALE"
    engine.apply(spot("update", 5))
    engine.apply(spot("update", 7))
    assert engine["BTC_USDT"].state == "GAP"


def test_what_the_client_says_reaches_both():
    engine = ShadowEngine()
    engine.apply(frames.SPOT_SNAPSHOT_4)
    engine.invalidate(engine["BTC_USDT"], "for the test")
    engine.apply(spot("update", 5, [("1", "1")]))
    engine.close_book(engine["BTC_USDT"])
    engine.apply(frames.SPOT_SNAPSHOT_4)
    assert engine["BTC_USDT"].state == "LIVE"
