"""Errors that do not say clearly whom they are about, refusals that are taken back, and connections
that carry fewer topics than documented."""

import json
from itertools import pairwise

import pytest

from bitmart_book import BookState
from tests.helpers.frames import spot
from tests.helpers.spot_hand import BOOK, OTHER, TRADES, ack, asked, snapshot, subscribed, tick

NAMELESS = '{"event":"subscribe","errorCode":"92001","errorMessage":"no"}'


def error(topic, code="92001"):
    return json.dumps({"event": f"subscribe:{topic}", "errorCode": code, "errorMessage": "no"})


def trade(symbol="BTC_USDT"):
    row = {"symbol": symbol, "side": "buy", "price": "9", "size": "1", "ms_t": 1}
    return json.dumps({"table": "spot/trade", "data": [row]})


# --- accused ---


@pytest.mark.parametrize("proof", [ack(BOOK), snapshot()])
def test_an_error_without_a_topic_refuses_nobody_who_answers_within_two_seconds(proof):
    hand = subscribed(BOOK)
    hand.hear(NAMELESS)
    assert hand.client.wanted.states() == {BOOK: "SYNCING"}
    tick(hand, 0.2)
    hand.hear(proof)
    tick(hand, 1.8)
    tick(hand, 1.0)
    assert hand.client.wanted.states()[BOOK] in ("SYNCING", "LIVE")
    assert hand.client.wanted.refusal(BOOK) is None
    assert "rejected" not in hand.kinds()


def test_silence_of_two_seconds_is_a_refusal():
    hand = subscribed(BOOK)
    hand.hear(NAMELESS)
    tick(hand, 1.9)
    assert hand.client.wanted.refusal(BOOK) is None
    tick(hand, 0.1)
    assert hand.client.wanted.refusal(BOOK).code == "92001"
    assert hand.client.wanted.states() == {BOOK: "REJECTED"}


def test_of_a_standstill_no_refusal_follows():
    hand = subscribed(BOOK)
    hand.hear(NAMELESS)
    tick(hand, 2.9)
    assert hand.client.wanted.refusal(BOOK) is None, "the answer may wait unread"
    tick(hand, 2.0)
    assert hand.client.wanted.refusal(BOOK) is not None


def test_an_error_that_names_a_topic_in_question_is_a_refusal_at_once():
    hand = subscribed(BOOK, OTHER)
    hand.hear(error(BOOK))
    assert hand.client.wanted.states()[BOOK] == "REJECTED"


@pytest.mark.parametrize("code", ["92001", "95000"])
def test_an_error_about_a_book_whose_data_flows_costs_nothing(code):
    hand = subscribed(BOOK)
    hand.hear(snapshot(7))
    asked(hand)
    hand.hear(error(BOOK, code))
    for version in range(8, 30):
        tick(hand, 0.5)
        hand.hear(spot("update", version, [["9", "1"]], [], ms_t=None))
        assert hand.engine[BOOK].state == BookState.LIVE
    assert asked(hand) == []
    assert hand.engine[BOOK].epoch == 1


def test_a_topic_that_was_answered_and_is_silent_after_an_error_is_asked_for_anew():
    hand = subscribed(BOOK, TRADES)
    hand.hear(snapshot())
    hand.hear(ack(TRADES))
    asked(hand)
    hand.hear(error(TRADES))
    tick(hand, 2.0)
    assert asked(hand) == [("unsubscribe", TRADES), ("subscribe", TRADES)]
    hand.hear(error(TRADES))
    assert hand.client.wanted.states()[TRADES] == "REJECTED"


def test_an_error_about_what_nobody_asked_for_asks_for_nothing():
    hand = subscribed(BOOK)
    hand.hear(snapshot())
    asked(hand)
    hand.hear(error("spot/trade:NOBODY_USDT", "95000"))
    for _ in range(8):
        tick(hand, 1.0)
        hand.hear(spot("update", 7, [], []))
    assert asked(hand) == []


# --- taken back ---


def refused_beside_a_live_one():
    hand = subscribed(BOOK, OTHER, TRADES)
    hand.hear(snapshot(symbol="ETH_USDT"))
    hand.hear(error(BOOK))
    hand.hear(error(TRADES))
    assert hand.client.wanted.states() == {BOOK: "REJECTED", OTHER: "LIVE", TRADES: "REJECTED"}
    hand.events.clear()
    asked(hand)
    return hand


@pytest.mark.parametrize("proof", [ack(BOOK), snapshot()])
def test_a_refused_book_that_comes_all_the_same_begins_anew(proof):
    hand = refused_beside_a_live_one()
    epoch = hand.engine[BOOK].epoch
    tick(hand, 0.2)
    hand.hear(proof)
    assert hand.client.wanted.states()[BOOK] in ("REJECTED", "SYNCING"), "not LIVE beside the watch"
    tick(hand, 1.0)
    assert hand.client.wanted.refusal(BOOK) is None
    assert hand.client.wanted.states()[BOOK] == "SYNCING", "not LIVE with that snapshot"
    assert hand.kinds()[:2] == ["retracted", "syncing"]
    assert asked(hand) == [("unsubscribe", BOOK), ("subscribe", BOOK)]
    hand.hear(ack(BOOK))
    hand.hear(snapshot(9))
    assert hand.engine[BOOK].state == BookState.LIVE
    assert hand.engine[BOOK].epoch > epoch
    # Every watchdog: a silent book is asked for.
    for _ in range(8):
        tick(hand, 1.0)
        hand.hear(spot("update", 7, [], [], symbol="ETH_USDT"))
    assert ("request", BOOK) in asked(hand)
    hand.hear(error(BOOK))
    assert hand.client.wanted.refusal(BOOK) is None, "the next error is given time too"


@pytest.mark.parametrize("proof", [ack(TRADES), trade()])
def test_a_refused_stream_that_comes_all_the_same_is_wanted_again(proof):
    hand = refused_beside_a_live_one()
    hand.hear(proof)
    assert hand.client.wanted.states()[TRADES] == "SYNCING"
    hand.hear(trade())
    assert hand.client.wanted.states()[TRADES] == "LIVE"
    assert hand.pushes[-1].topic == TRADES


# --- fewer topics than documented ---


@pytest.mark.parametrize("named", [True, False])
def test_a_connection_that_is_full_gives_topics_to_another_and_that_is_learned(named):
    topics = [f"spot/ticker:S{number}_USDT" for number in range(6)]
    hand = subscribed(*topics)
    first = hand.name
    for topic in topics[:4]:
        hand.hear(ack(topic))
    for topic in topics[4:]:
        hand.hear(error(topic if named else "", "90006").replace('be:"', 'be"'))
    tick(hand, 5.0)
    tick(hand, 0.1)
    sizes = [len(connection.topics) for connection in hand.client.connections]
    assert sizes == [4, 2]
    assert hand.name != first
    hand.client.subscribe(["spot/ticker:MORE_USDT"], hand.now)
    assert len(hand.client.connections[first].topics) == 4, "no more than it carries"


def test_where_no_connection_has_room_a_topic_is_asked_for_more_and_more_rarely(monkeypatch):
    hand = subscribed("spot/ticker:A_B", "spot/ticker:C_D")
    monkeypatch.setattr(type(hand.client.connections), "has_room_beside", lambda *_: False)
    hand.hear(ack("spot/ticker:A_B"))
    times = []
    asked(hand)
    for second in range(1200):
        if ("subscribe", "spot/ticker:C_D") in asked(hand):
            times.append(second)
            hand.hear(error("spot/ticker:C_D", "90006"))
        elif second == 0:
            hand.hear(error("spot/ticker:C_D", "90006"))
        tick(hand, 1.0)
    assert 5 <= len(times) <= 9
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 306
