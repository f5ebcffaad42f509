"""Symbols of the wire are ids: taken as they are, whatever they are made of."""

import json

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.frames import SPOT_SNAPSHOT_4, spot

IDS = ["$NUT_USDT", "索拉拉_USDT", "$GM_USDT", "Yinbi_BTC", "1INCH_USDT", "é_USDT", "😀_USDT",
       "A" * 64, "索" * 64, "a.b-c_d", "x+y#z", "<b>&_USDT"]  # fmt: skip
NO_IDS = ["", "A" * 65, "A B", "A\tB", "A\nB", "A\u00a0B", "A\x00B", "A\x1bB", "A\x7fB", "A\x85B",
          'A"B', "A'B", "A\\B", "A\u202eB", "A\u2066B", "A\u200fB",
          "A\u2028B", "A\ud800B"]  # fmt: skip


@pytest.mark.parametrize("symbol", IDS)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_an_id_is_an_id(symbol, ascii_only, as_bytes):
    engine = ShadowEngine()
    for frame in (
        spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol),
        spot("update", 2, [("1", "3")], [], symbol),
    ):
        text = json.dumps(json.loads(frame), ensure_ascii=ascii_only)
        engine.apply(text.encode() if as_bytes else text)
    book = engine[symbol]
    assert (book.symbol, book.state, book.best_bid.size) == (symbol, BookState.LIVE, 3.0)


@pytest.mark.parametrize("symbol", NO_IDS)
def test_what_could_be_shown_as_something_else_is_none(symbol):
    engine = ShadowEngine()
    with pytest.raises(bb.MessageError):
        engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol))
    assert len(engine) == 0


@pytest.mark.parametrize("symbol", ["$NUT_USDT", "索拉拉_USDT"])
def test_it_may_be_asked_for(symbol):
    engine = bb.Engine()
    assert engine.book(symbol).channel == "spot/depth/increase100"
    assert engine.venue.topic_profile(f"spot/depth5:{symbol}").market == "spot"


@pytest.mark.parametrize("symbol", ["$NUT_USDT", "索拉拉_USDT"])
def test_a_frame_that_is_cut_off_is_known_by_it(symbol):
    engine = ShadowEngine()
    frame = spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol)
    engine.apply(json.dumps(json.loads(frame), ensure_ascii=False))
    broken = json.dumps(json.loads(frame), ensure_ascii=False).replace("]]", "]", 1)
    with pytest.raises(bb.MessageError) as caught:
        engine.apply(broken.encode())
    assert caught.value.symbol == symbol
    assert engine[symbol].state == BookState.GAP


@pytest.mark.parametrize("text", ["NUT USDT", "BTC/USDT", "BTC-USDT"])
def test_no_other_token_is_proposed(text):
    with pytest.raises(bb.UsageError) as caught:
        bb.Engine().book(text)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("blank", ["\u00a0", "\u2003", "\x1c"])
def test_what_is_no_blank_in_json_is_none(blank):
    """Of a frame that is no JSON the name is looked for; both books look for the same."""
    engine = ShadowEngine()
    engine.apply(SPOT_SNAPSHOT_4)
    with pytest.raises(bb.MessageError):
        engine.apply(f'{{"symbol"{blank}:"BTC_USDT","table":"spot/depth/increase100",')
    assert engine["BTC_USDT"].state == BookState.LIVE
