"""Private connections of the client: logins, their refusals, and what a lost connection means."""

import json
import random

import pytest

import bitmart_book as bb
from bitmart_book.client.client import Client
from bitmart_book.venues import find_venue
from tests.helpers.by_hand import CANARY, ByHand

pytestmark = pytest.mark.private

ORDERS = "spot/user/orders:ALL_SYMBOLS"
BALANCE = "spot/user/balance:BALANCE_UPDATE"
ACKNOWLEDGED = '{"event":"login"}'


def refused(code):
    return f'{{"event":"login","errorCode":"{code}","errorMessage":"no"}}'


@pytest.fixture
def hand():
    hand = ByHand()
    hand.client.subscribe([ORDERS, BALANCE], hand.now)
    hand.step()
    return hand


def test_nothing_is_asked_for_before_the_login_is_answered(hand):
    (login,) = hand.logins
    message = json.loads(login)
    assert message["op"] == "login"
    assert message["args"][:2] == [CANARY["key"], str(hand.wall)]
    assert hand.sent == []
    hand.hear(ACKNOWLEDGED)
    assert [json.loads(text)["args"] for text in hand.sent] == [[ORDERS, BALANCE]]
    assert hand.kinds().count("authenticated") == 1


@pytest.mark.parametrize(
    "answer",
    ['{"event":"login","errorCode":null,"errorMessage":null}', '{"event":"login","errorCode":""}'],
)
def test_empty_error_fields_are_a_success(hand, answer):
    hand.hear(answer)
    assert "authenticated" in hand.kinds()


def test_a_login_that_nobody_answers_is_tried_on_a_new_connection(hand):
    for _ in range(8):
        hand.step(1.0)
    assert hand.opens == 2
    assert len(hand.logins) == 2
    reasons = [event.reason for event in hand.events if event.kind == "disconnected"]
    assert reasons == ["the login was not answered for 5.0 s"]


def test_a_refused_login_is_final_after_three_tries(hand):
    for _ in range(200):
        if hand.opens and hand.is_open:
            hand.hear(refused("91002"))
        hand.step(0.5)
    assert len(hand.logins) == 3
    for topic in (ORDERS, BALANCE):
        answer = hand.client.wanted.refusal(topic)
        assert isinstance(answer.error, bb.AuthenticationError)
        assert answer.error.code == "91002"
    assert hand.kinds().count("rejected") == 2
    assert hand.client.report()["connections"] == {}


def test_a_server_in_trouble_is_tried_again_and_again(hand):
    for _ in range(400):
        if hand.is_open:
            hand.hear(refused("95000"))
        hand.step(0.5)
    assert len(hand.logins) > 10
    assert hand.client.wanted.refusal(ORDERS) is None
    while not hand.is_open:
        hand.step(0.5)
    hand.hear(ACKNOWLEDGED)
    assert "authenticated" in hand.kinds()


def test_a_wrong_clock_is_named_when_nothing_tells_the_time(hand):
    hand.hear(refused("91022"))
    answer = hand.client.wanted.refusal(ORDERS)
    assert isinstance(answer.error, bb.ClockError)
    assert "clock" in str(answer.error)
    assert len(hand.logins) == 1


def test_a_wrong_clock_is_corrected_once_by_the_venues_own_time():
    hand = ByHand()
    hand.client.subscribe(["spot/depth/increase100:BTC_USDT"], hand.now)
    hand.step()
    venue_ms = hand.wall + 300_000
    hand.hear(
        f'{{"data":[{{"asks":[["2","1"]],"bids":[["1","1"]],"ms_t":{venue_ms},"symbol":"BTC_USDT",'
        f'"type":"snapshot","version":1}}],"table":"spot/depth/increase100"}}'
    )
    hand.client.subscribe([ORDERS], hand.now)
    hand.step()
    hand.hear(refused("91022"))
    stamps = [int(json.loads(text)["args"][1]) for text in hand.logins]
    assert stamps == [hand.wall, venue_ms]
    hand.hear(refused("91022"))
    assert isinstance(hand.client.wanted.refusal(ORDERS).error, bb.ClockError)
    assert len(hand.logins) == 2


def stamped(ms_t, symbol="BTC_USDT"):
    return (
        f'{{"data":[{{"asks":[["2","1"]],"bids":[["1","1"]],"ms_t":{ms_t},"symbol":"{symbol}",'
        f'"type":"snapshot","version":1}}],"table":"spot/depth/increase100"}}'
    )


def beside_books(*stamps):
    """A client with a public book for each of these stamps, and the orders on their way."""
    hand = ByHand()
    symbols = [f"S{number}_USDT" for number in range(len(stamps))]
    hand.client.subscribe([f"spot/depth/increase100:{name}" for name in symbols], hand.now)
    hand.step()
    for symbol, stamp in zip(symbols, stamps, strict=True):
        hand.hear(stamped(stamp, symbol))
    hand.client.subscribe([ORDERS], hand.now)
    hand.step()
    return hand


def closing_after_each_refusal(hand, accepts):
    """The venue closes the socket of each login that it refuses, as BitMart does."""
    for _ in range(400):
        if hand.name.startswith("spot-private") and hand.is_open and hand.logins:
            sent = int(json.loads(hand.logins[-1])["args"][1])
            if accepts(sent):
                hand.hear(ACKNOWLEDGED)
                return
            hand.hear(refused("91022"))
            if hand.is_open:
                hand.client.lost(hand.name, "closed by the other side", hand.now)
        hand.step(0.25)


def test_a_clock_that_is_wrong_is_remembered_when_the_refused_socket_is_closed():
    hand = beside_books(1_787_000_300_000)
    closing_after_each_refusal(hand, lambda sent: abs(sent - (hand.wall + 300_000)) < 60_000)
    assert "authenticated" in hand.kinds()
    assert len(hand.logins) <= 3
    logins = len(hand.logins)
    hand.client.lost(hand.name, "reset", hand.now)
    hand.step(15.0)
    assert len(hand.logins) == logins + 1
    sent = int(json.loads(hand.logins[-1])["args"][1])
    assert abs(sent - (hand.wall + 300_000)) < 60_000, "the next one begins with the right time"


def test_a_clock_that_cannot_be_put_right_ends_in_an_error_that_names_it():
    hand = beside_books(1_787_000_300_000)
    closing_after_each_refusal(hand, lambda sent: False)
    assert isinstance(hand.client.wanted.refusal(ORDERS).error, bb.ClockError)
    assert len(hand.logins) <= 3


@pytest.mark.parametrize("odd", [1_787_000_000_000_000, 1_787_000_000, 1_787_009_000_000])
def test_one_odd_stamp_does_not_make_a_wrong_key_a_wrong_clock(odd):
    now = 1_787_000_000_000
    hand = beside_books(now, odd, now)
    for _ in range(3):
        hand.hear(refused("91002"))
        hand.step(15.0)
    error = hand.client.wanted.refusal(ORDERS).error
    assert isinstance(error, bb.AuthenticationError)
    assert not isinstance(error, bb.ClockError)
    sent = {int(json.loads(text)["args"][1]) for text in hand.logins}
    assert sent == {now}


@pytest.mark.parametrize(("seconds", "tries"), [(300, 2), (30, 3)])
def test_futures_name_no_clock_but_their_stamps_do(seconds, tries):
    """A wrong time is refused in the words of a wrong key."""
    hand = ByHand()
    hand.client.subscribe(["futures/depthIncrease20:BTCUSDT"], hand.now)
    hand.step()
    public, venue_ms = hand.name, hand.wall + seconds * 1000
    hand.hear(
        '{"data":{"symbol":"BTCUSDT","asks":[],"bids":[{"price":"2","vol":"1"}],'
        f'"ms_t":{venue_ms},"version":1,"type":"snapshot"}},'
        '"group":"futures/depthIncrease20:BTCUSDT"}'
    )
    hand.client.subscribe(["futures/order"], hand.now)
    hand.step()
    for _ in range(100):
        if hand.name != public and hand.is_open:
            hand.hear('{"action":"access","success":false,"error":"openapi auth failed"}')
        hand.step(0.2)
    assert len(hand.logins) == tries
    error = hand.client.wanted.refusal("futures/order").error
    assert isinstance(error, bb.AuthenticationError)
    assert isinstance(error, bb.ClockError) == (seconds > 60)


def test_without_credentials_private_topics_are_refused_at_once():
    hand = ByHand(credentials=None)
    with pytest.raises(bb.UsageError, match="private"):
        hand.client.subscribe([ORDERS], 0.0)
    hand.client.subscribe(["spot/ticker:BTC_USDT"], 0.0)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("ws://127.0.0.1:1/user", True),
        ("wss://localhost:1/user", True),
        ("ws://ws-manager-compress.bitmart.com/user", False),
        ("wss://evil.invalid/user", False),
        ("wss://ws-manager-compress.bitmart.com.evil.invalid/user", False),
    ],
)
@pytest.mark.parametrize("other_hosts", [False, True])
def test_a_login_goes_to_the_venue_or_to_this_machine_alone(url, allowed, other_hosts):
    hand = ByHand(urls={"spot_private": url}, other_hosts=other_hosts)
    if allowed:
        hand.client.subscribe([ORDERS], 0.0)
    else:
        with pytest.raises(bb.UsageError, match="login"):
            hand.client.subscribe([ORDERS], 0.0)
        assert not hand.client.outbox.take_actions()


def test_public_topics_go_to_another_host_only_when_told_so():
    urls = {"spot_public": "wss://elsewhere.invalid/"}
    with pytest.raises(bb.UsageError, match="allow"):
        ByHand(urls=urls).client.subscribe(["spot/ticker:A_B"], 0.0)
    ByHand(urls=urls, other_hosts=True).client.subscribe(["spot/ticker:A_B"], 0.0)


def order(state, filled, time=1_700_000_000_000, fill=None):
    """A push of one order; documented names, numbers as strings."""
    row = {
        "symbol": "BTC_USDT", "notional": "", "side": "buy", "last_fill_time": str(time),
        "ms_t": str(time), "type": "limit", "filled_size": filled, "price": "100",
        "size": "2", "state": state, "order_id": "7", "last_fill_price": "100",
        "last_fill_count": fill or "0", "update_time": str(time), "exec_type": "M",
        "detail_id": f"d{filled}", "client_order_id": "", "order_mode": "0",
        "entrust_type": "normal", "order_state": state, "filled_notional": "0",
        "margin_trading": "0",
    }  # fmt: skip
    return json.dumps({"data": [row], "table": "spot/user/orders"})


def test_orders_reach_their_topic_once_and_the_account_keeps_them(hand):
    hand.hear(ACKNOWLEDGED)
    hand.hear(order("new", "0"))
    hand.hear(order("partially_filled", "1", 1_700_000_000_001, "1"))
    hand.hear(order("partially_filled", "1", 1_700_000_000_001, "1"))
    topics = [push.topic for push in hand.pushes]
    assert topics == [ORDERS, ORDERS, f"fills of {ORDERS}"], "the third one only repeats"
    assert hand.client.account.order("7").order_id == "7"
    assert len(hand.client.account.fills("7")) == 1


def test_a_lost_connection_is_a_hole_and_is_named_when_it_is_back(hand):
    hand.hear(ACKNOWLEDGED)
    hand.hear(order("new", "0"))
    hand.client.lost(hand.name, "reset", hand.now)
    assert not hand.client.account.is_confirmed(hand.client.account.order("7"))
    hand.carry_out()
    gaps = {event.topic for event in hand.events if event.kind == "gap"}
    assert gaps == {ORDERS, BALANCE}
    while hand.opens < 2:
        hand.step(0.5)
    assert len(hand.logins) == 2
    hand.hear(ACKNOWLEDGED)
    assert hand.kinds().count("authenticated") == 2
    assert [event.reason for event in hand.events if event.kind == "resync"] == ["reset"]
    hand.hear(order("new", "0"))
    assert hand.client.account.is_confirmed(hand.client.account.order("7"))
    assert len(hand.pushes) == 2, "a confirmation after a hole is news"


def test_what_two_topics_bring_is_told_on_both_and_proves_one(hand):
    single = "spot/user/order:BTC_USDT"
    hand.hear(ACKNOWLEDGED)
    hand.client.subscribe([single, "spot/user/order:ETH_USDT"], hand.now)
    hand.step()
    hand.hear(order("new", "0"))
    assert sorted(push.topic for push in hand.pushes) == [single, ORDERS]
    assert hand.client.wanted.answered(ORDERS)
    assert not hand.client.wanted.answered(single), "the push was of the other"
    hand.hear(order("new", "0").replace("orders", "order"))
    assert len(hand.pushes) == 2
    assert hand.client.wanted.answered(single)


def test_what_was_refused_is_not_given_up(hand):
    """There is nothing to give up, and the error of that would be blamed on another topic."""
    hand.hear(ACKNOWLEDGED)
    hand.hear(f'{{"event":"subscribe:{BALANCE}","errorCode":"90004","errorMessage":"no"}}')
    hand.step(1.0)
    assert hand.client.wanted.refusal(BALANCE).code == "90004"
    assert not [text for text in hand.sent if "unsubscribe" in text]


def test_the_assets_of_one_currency_are_not_those_of_another():
    hand = ByHand()
    topics = ["futures/asset:USDT", "futures/asset:BTC"]
    hand.client.subscribe(topics, hand.now)
    hand.step()
    hand.hear('{"action":"access","success":true}')
    hand.hear(
        '{"group":"futures/asset:USDT","data":{"currency":"USDT","available_balance":"3.5",'
        '"position_deposit":"0.5","frozen_balance":"0"}}'
    )
    assert [push.topic for push in hand.pushes] == topics[:1]


def test_nothing_is_missed_before_the_login_is_accepted(hand):
    hand.hear(refused("91002"))
    while hand.opens < 2:
        hand.step(0.5)
    hand.hear(ACKNOWLEDGED)
    assert "gap" not in hand.kinds()
    assert "resync" not in hand.kinds()
    assert hand.client.account.holes == 0


def client_of(*venues, credentials):
    venue = find_venue(venues)
    return Client(
        bb.Engine(venue=venue), venue, rng=random.Random(1), credentials=credentials,
        wall_ms=lambda: 1_700_000_000_000,
    )  # fmt: skip


def test_a_key_is_shown_to_its_own_venue_alone():
    mine = bb.Credentials(**CANARY)
    client = client_of("bitmart", "bybit", credentials=mine)
    client.subscribe([ORDERS], 0.0)
    with pytest.raises(bb.UsageError, match="no credentials"):
        client.subscribe(["bybit/order.linear"], 0.0)
    other = bb.Credentials("another-key-9d2", "another-secret-9d2")
    client = client_of("bitmart", "bybit", credentials={"bybit": other})
    client.subscribe(["bybit/order.linear"], 0.0)
    with pytest.raises(bb.UsageError, match="no credentials"):
        client.subscribe([ORDERS], 0.0)


def test_a_login_that_needs_a_memo_says_so():
    bare = bb.Credentials("another-key-9d2", "another-secret-9d2")
    client = client_of("bitmart", credentials=bare)
    with pytest.raises(bb.UsageError, match="needs the memo"):
        client.subscribe([ORDERS], 0.0)
