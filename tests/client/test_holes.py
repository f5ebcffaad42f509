"""Rows that cannot be read: what of a push is told all the same, and which streams have a hole."""

import json

import pytest

from tests.helpers.by_hand import ByHand
from tests.helpers.documented import futures_private, spot_private
from tests.helpers.frames import spot

pytestmark = pytest.mark.private

ORDERS, ORDER = "spot/user/orders:ALL_SYMBOLS", "spot/user/order:BTC_USDT"
BALANCE = "spot/user/balance:BALANCE_UPDATE"
SPOT = (ORDERS, BALANCE)
FUTURES = ("futures/order", "futures/position", "futures/asset:USDT", "futures/asset:BTC")
ACKNOWLEDGED = {"spot": '{"event":"login"}', "futures": '{"action":"access","success":true}'}


def logged_in(*topics):
    hand = ByHand()
    hand.client.subscribe(topics, hand.now)
    hand.step()
    hand.hear(ACKNOWLEDGED[topics[0].partition("/")[0]])
    return hand


def told(hand, message):
    """The topics with a hole, and those that got a value, after this push."""
    events, pushes = len(hand.events), len(hand.pushes)
    hand.hear(message if isinstance(message, str) else json.dumps(message))
    fresh = hand.events[events:]
    gaps = [event.topic for event in fresh if event.kind == "gap"]
    assert [e.kind for e in fresh].count("resync") == bool(gaps and hand.client.account.holes)
    assert [e.kind for e in fresh].count("bad frame") <= 1
    # The fills of an order have a stream of their own, which says nothing more here.
    topics = [push.topic for push in hand.pushes[pushes:]]
    return gaps, [topic for topic in topics if not topic.startswith("fills of ")]


def row(order_id="7", **changes):
    """A row of a new order on spot."""
    facts = json.loads(spot_private.ORDER)["data"][0]
    facts |= {
        "order_id": order_id, "order_state": "new", "state": "4", "filled_size": "0", "size": "2",
        "type": "limit", "price": "100", "last_fill_count": "0", "last_fill_price": "0",
        "detail_id": "",
    }  # fmt: skip
    return facts | changes


def pushed(*rows, table="spot/user/orders"):
    return {"table": table, "data": list(rows)}


def filled(order_id, **changes):
    facts = {
        "order_state": "filled", "filled_size": "2", "last_fill_count": "2",
        "last_fill_price": "100", "detail_id": f"d{order_id}",
    }  # fmt: skip
    return row(order_id) | facts | changes


def test_one_odd_row_costs_no_other_and_is_a_hole_of_its_stream_alone():
    hand = logged_in(*SPOT)
    assert told(hand, pushed(row("1"), row("2"))) == ([], [ORDERS])
    account = hand.client.account
    bad = filled("2") | {"order_id": None}
    assert told(hand, pushed(filled("1"), bad)) == ([ORDERS], [ORDERS])
    assert account.order("1").status == "filled"
    assert [fill.fill_id for fill in account.fills("1")] == ["d1"]
    # What it said of the other order is not known, and so that one is not confirmed any more.
    assert account.unconfirmed == (account.orders["2"],)
    assert account.holes == 1
    assert "order_id: expected a name, was 'None'" in account.last_hole
    assert told(hand, pushed(row("2", filled_size="1"))) == ([], [ORDERS])
    assert account.unconfirmed == ()


def test_an_odd_field_that_nothing_hangs_on_is_no_hole():
    hand = logged_in(*SPOT)
    odd = {"dealFee": "0.001 BMX", "update_time": "2021-01-06T09:40:28Z", "notional": []}
    assert told(hand, pushed(filled("1", **odd))) == ([], [ORDERS])
    (fill,) = hand.client.account.fills("1")
    assert (fill.fee, fill.exact.size) == (None, 2)
    assert hand.client.account.holes == 0


@pytest.mark.parametrize(
    "flaw",
    [{"filled_size": "none of it"}, {"last_fill_count": ""}, {"last_fill_price": "1,5"}],
)
def test_an_execution_that_cannot_be_read_is_a_hole_and_the_order_is_told(flaw):
    hand = logged_in(*SPOT)
    assert told(hand, pushed(filled("1", **flaw))) == ([ORDERS], [ORDERS])
    assert hand.client.account.order("1").status == "filled"


@pytest.mark.parametrize("flaw", [{"filled_size": "-1"}, {"price": "1,5"}, {"order_state": []}])
def test_a_push_that_cannot_be_read_and_comes_twice_is_told_once(flaw):
    hand = logged_in(*SPOT)
    whole, odd = row(order_id="8"), row(**flaw)
    assert told(hand, pushed(whole, odd)) == ([ORDERS], [ORDERS])
    # Both are unconfirmed: the one that can be read is told of again, and the other one is not.
    assert told(hand, pushed(odd)) == ([ORDERS], [])
    assert told(hand, pushed(whole, odd)) == ([ORDERS], [ORDERS])
    assert [order.order_id for order in hand.pushes[-1].values] == ["8"]
    assert len(hand.client.account.unconfirmed) == 2
    # What it lacked is news.
    assert told(hand, pushed(row())) == ([], [ORDERS])


def test_of_two_topics_the_one_that_brought_it_has_the_hole():
    hand = logged_in(ORDERS, ORDER, "spot/user/order:ETH_USDT")
    bad = row(side={})
    assert told(hand, pushed(bad, table="spot/user/order"))[0] == [ORDER]
    assert told(hand, pushed(bad))[0] == [ORDERS]
    # Of a row that names no symbol, whose it was is not known.
    nameless = row(symbol=None)
    gaps, _ = told(hand, pushed(nameless, table="spot/user/order"))
    assert sorted(gaps) == [ORDER, "spot/user/order:ETH_USDT", ORDERS]
    # And nobody wanted that one.
    hand, unwanted = logged_in(ORDER), row(symbol="ETH_USDT", side={})
    assert told(hand, pushed(unwanted, table="spot/user/order")) == ([], [])


@pytest.mark.parametrize(
    ("flaw", "holes"),
    [
        ({"hold_volume": ""}, ["futures/position"]),
        ({"hold_volume": "-3"}, ["futures/position"]),
        ({"update_time": "1662692862255.5"}, []),
        ({"liquidate_price": "none"}, []),
    ],
)
def test_positions(flaw, holes):
    hand = logged_in(*FUTURES)
    push = json.loads(futures_private.POSITION)
    told(hand, push)
    other = push["data"][0] | {"symbol": "ETHUSDT", "hold_volume": "9"}
    push["data"] = [push["data"][0] | flaw, other]
    gaps, topics = told(hand, push)
    assert (gaps, set(topics)) == (holes, {"futures/position"})
    account = hand.client.account
    assert account.positions["ETHUSDT", "long"].size == 9
    known = account.positions["BTCUSDT", "long"]
    assert account.is_confirmed(known) == (not holes)
    assert account.is_confirmed(account.positions["ETHUSDT", "long"])


def test_assets_of_one_currency():
    hand = logged_in(*FUTURES)
    told(hand, '{"group":"futures/asset:BTC","data":{"currency":"BTC","available_balance":"3"}}')
    push = json.loads(futures_private.ASSET)
    push["group"] = "futures/asset:USDT"
    push["data"] |= {"currency": "USDT", "available_balance": "much"}
    gaps, topics = told(hand, push)
    assert (gaps, topics) == (["futures/asset:USDT"], ["futures/asset:USDT"])
    account = hand.client.account
    assert account.balances["futures", "USDT"].available is None
    assert [found.currency for found in account.unconfirmed] == ["USDT"]
    # A bare number has no currency.
    assert told(hand, '{"group":"futures/asset:USDT","data":5}')[0] == [
        "futures/asset:BTC", "futures/asset:USDT",
    ]  # fmt: skip


def test_a_trigger_that_is_below_zero_is_one_none():
    hand = logged_in(*FUTURES)
    push = json.loads(futures_private.ORDER)
    push["data"][0]["order"]["trigger_price"] = "-1"
    assert told(hand, push) == ([], ["futures/order"])
    push["data"][0]["order"]["order_id"] = "8"
    push["data"][0]["order"]["last_trade"]["fillQty"] = ""
    assert told(hand, push) == (["futures/order"], ["futures/order"])


def test_what_cannot_be_read_ends_no_private_connection():
    hand = logged_in(*SPOT)
    for _ in range(6):
        assert told(hand, {"table": "spot/user/balance", "data": 5}) == ([BALANCE], [])
    assert hand.is_open
    assert hand.opens == 1


def test_a_thousand_rows_that_cannot_be_read_are_one_word():
    hand = logged_in(*SPOT)
    assert told(hand, pushed(*[5] * 1000)) == ([ORDERS], [])
    assert hand.client.account.holes == 1
    assert "and 999 more" in hand.client.account.last_hole


# --- public streams ---

TICKER, OTHER = "spot/ticker:BTC_USDT", "spot/ticker:ETH_USDT"


def ticker(symbol="BTC_USDT", **changes):
    return {"symbol": symbol, "last_price": "1", "ms_t": 1} | changes


def test_a_ticker_that_cannot_be_read_is_a_hole_and_costs_no_book():
    hand = ByHand()
    hand.client.subscribe([hand.client.venue.topic("BTC_USDT"), TICKER, OTHER], hand.now)
    hand.step()
    hand.hear(spot("snapshot", 1, [("1", "1")], [("2", "1")]))
    rows = [ticker(last_price="NaN"), ticker("ETH_USDT")]
    assert told(hand, {"table": "spot/ticker", "data": rows}) == ([TICKER], [OTHER])
    gaps, topics = told(hand, {"table": "spot/ticker", "data": [ticker(bid_px="NaN")]})
    assert (gaps, topics) == ([], [TICKER])
    (value,) = hand.pushes[-1].values
    assert (value.last, value.bid) == (1, None)
    assert hand.engine["BTC_USDT"].state == "LIVE"
    assert hand.client.account.holes == 0


TRADES = ("spot/trade:BTC_USDT", "spot/trade:ETH_USDT")


def trade(symbol="BTC_USDT", **changes):
    return {"symbol": symbol, "side": "buy", "price": "1", "size": "2", "ms_t": 1} | changes


def test_a_trade_that_cannot_be_read_is_a_hole_of_its_stream_and_costs_no_book():
    hand = ByHand()
    topics = [hand.client.venue.topic("BTC_USDT"), hand.client.venue.topic("ETH_USDT"), TICKER]
    hand.client.subscribe([*topics, *TRADES], hand.now)
    hand.step()
    for symbol in ("BTC_USDT", "ETH_USDT"):
        hand.hear(spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol))
    rows = [trade(price="1 USDT"), trade(size="3"), trade("ETH_USDT")]
    for _ in range(6):
        assert told(hand, {"table": "spot/trade", "data": rows}) == ([TRADES[0]], [*TRADES])
    (push,) = [push for push in hand.pushes[-2:] if push.topic == TRADES[0]]
    assert [value.size for value in push.values] == [3]
    for symbol in ("BTC_USDT", "ETH_USDT"):
        assert (hand.engine[symbol].state, hand.engine[symbol].epoch) == ("LIVE", 1)
    assert hand.engine["BTC_USDT"].last_trade.size == 3
    # Of a row that names no symbol it may be any of them.
    assert told(hand, {"table": "spot/trade", "data": [trade(None)]}) == ([*TRADES], [])
    assert told(hand, {"table": "spot/trade", "data": 5}) == ([*TRADES], [])
    assert (hand.opens, hand.engine["BTC_USDT"].state) == (1, "LIVE")


def test_a_trade_whose_side_was_not_told_is_a_trade():
    hand = ByHand()
    hand.client.subscribe(["futures/trade:BTCUSDT"], hand.now)
    hand.step()
    row = {
        "trade_id": 1409495322, "symbol": "BTCUSDT", "deal_price": "117387.58",
        "deal_vol": "1445", "created_at": "2023-02-24T07:54:11.124940968Z",
    }  # fmt: skip
    gaps, topics = told(hand, {"group": "futures/trade:BTCUSDT", "data": [row]})
    assert (gaps, topics) == ([], ["futures/trade:BTCUSDT"])
    (value,) = hand.pushes[-1].values
    assert (value.side, value.side_known, value.price) == (None, False, 117387.58)


def test_what_is_no_json_may_have_been_of_any_stream_of_its_connection():
    hand = logged_in(*SPOT)
    told(hand, pushed(row("1")))
    # The venue writes the name of the channel behind the data.
    text = json.dumps({"data": [filled("1")], "table": "spot/user/orders"})
    gaps, _ = told(hand, text[: len(text) // 2])
    assert sorted(gaps) == sorted(SPOT)
    assert hand.client.account.unconfirmed == (hand.client.account.orders["1"],)
