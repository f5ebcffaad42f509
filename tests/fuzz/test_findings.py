"""What the fuzzers have found, each as the input that showed it."""

import json

import pytest

from bitmart_book import BookState, Engine, LimitError, MessageError, UsageError
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.frames import SPOT_SNAPSHOT_4, futures_side, spot, spot_item, spot_items

# --- numbers that cannot be held beside each other ---


@pytest.mark.parametrize("engine", [Engine, ShadowEngine])
def test_the_second_item_of_a_frame_needs_a_scale_that_the_first_one_forbids(engine):
    engine = engine()
    engine.apply(spot("snapshot", 1, [("9", "1")], []))
    items = (spot_item("update", 2, [("9300000000", "1")]),
             spot_item("update", 3, [("1.000000001", "1")]))  # fmt: skip
    engine.apply(spot_items(*items))
    book = engine["BTC_USDT"]
    assert book.state == BookState.GAP
    book.check()


@pytest.mark.parametrize("engine", [Engine, ShadowEngine])
def test_a_frame_whose_second_item_cannot_be_held_changes_nothing(engine):
    engine = engine()
    engine.apply(spot("snapshot", 1, [("9000000000", "1")], []))
    items = (spot_item("update", 2, [("1.000000001", "1")]),
             spot_item("update", 3, [("1.0000000001", "1")]))  # fmt: skip
    with pytest.raises(MessageError):
        engine.apply(spot_items(*items))
    assert engine["BTC_USDT"].sequence == 1


@pytest.mark.parametrize("engine", [Engine, ShadowEngine])
def test_a_side_that_waits_and_a_partner_that_fits_only_without_it(engine):
    engine = engine()
    for way, price in ((1, "8999999999"), (2, "9000000000")):
        engine.apply(futures_side(way, [(price, "1")]))
    engine.apply(futures_side(1, [("9000000001.000000001", "1")]))
    engine.apply(futures_side(2, [("9300000000", "1")]))
    book = engine["futures/depth20:BTCUSDT"]
    book.check()
    assert book.state == BookState.GAP


# --- errors that are not documented, or too long ---


def test_a_grid_wider_than_a_double_is_refused():
    engine = Engine()
    engine.apply(SPOT_SNAPSHOT_4)
    with pytest.raises(UsageError):
        engine["BTC_USDT"].grouped("1e400")


def test_a_topic_is_quoted_in_part():
    with pytest.raises(MessageError) as caught:
        Engine().apply(
            json.dumps({"table": "spot/depth5:" + "A" * 2_000, "data": [{"symbol": "A"}]})
        )
    assert len(str(caught.value)) < 1_000


# --- states ---


def test_a_picture_after_a_counted_update_by_hand():
    engine = Engine()
    book = engine.book("ETH_USDT", channel="depth5")
    book.apply_delta([("1", "1")], [], 5)
    picture = {"symbol": "ETH_USDT", "bids": [["1", "1"]], "asks": [["2", "1"]]}
    engine.apply(json.dumps({"table": "spot/depth5", "data": [picture]}))
    assert book.state == BookState.LIVE
    book.check()


def test_a_book_that_is_known_to_be_wrong_does_not_become_merely_stale():
    engine = Engine()
    engine.apply(SPOT_SNAPSHOT_4)
    book = engine["BTC_USDT"]
    engine.apply(spot("update", 6, [("23100", "1")]))
    assert book.state == BookState.GAP
    engine.invalidate(book, "not heard of", state=BookState.STALE)
    engine.apply(spot("update", 5, [("23100", "1")]))
    assert book.state == BookState.GAP


# --- the two ways to read a frame ---


def test_a_legacy_push_without_its_symbol():
    def push(**names):
        rows = [{"amount": "1", "price": "2"}]
        data = {"symbol": "BMX_ETH", "buys": rows, "sells": [{"amount": "1", "price": "3"}]}
        return json.dumps({"subscribe": "depth", **names, "data": data})

    answers = []
    for scan in (True, False):
        engine = Engine(scan=scan)
        engine.apply(push(symbol="BMX_ETH"))
        try:
            answers.append(engine.apply(push(precision=6)))
        except MessageError:
            answers.append("refused")
    assert answers[0] == answers[1]


def test_an_enormous_exponent_and_a_broken_row():
    rows = [["1", "611e-56160"], ["2"]]
    frame = {"symbol": "ETH_USDT", "bids": rows, "asks": []}
    text = json.dumps({"table": "spot/depth5", "data": [frame]})
    engine = ShadowEngine()
    with pytest.raises(MessageError):
        engine.apply(text)
    good = {"symbol": "ETH_USDT", "bids": [["1", "1"]], "asks": []}
    engine.apply(json.dumps({"table": "spot/depth5", "data": [good]}))
    with pytest.raises(MessageError):
        engine.apply(text)


# --- limits ---


def test_a_frame_of_too_many_symbols_makes_no_book():
    engine = Engine(max_books=2)
    items = [spot_item("snapshot", 1, [("1", "1")], [("2", "1")], name) for name in "ABC"]
    with pytest.raises(LimitError):
        engine.apply(spot_items(*items))
    assert len(engine) == 0
