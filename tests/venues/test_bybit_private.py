"""Bybit's private words: orders, executions, positions, the wallet, the login, and its refusals.

The literals are the examples of the reference, with other words put in.
"""

import hashlib
import hmac
import json
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book.credentials import redact
from bitmart_book.model import Balance, Fill, Order, OrderStatus, Position
from bitmart_book.venues import BITMART, BYBIT, ErrorKind, Topic, find_venue
from tests.helpers.documented.bybit_private import (
    EXECUTION,
    LOGGED_IN,
    ORDER,
    PONG,
    POSITION,
    REFUSED,
    SUBSCRIBED,
    WALLET,
)
from tests.helpers.keys import KEY, SECRET

pytestmark = pytest.mark.private

LINEAR, INVERSE, SPOT = (profile for profile in BYBIT.profiles if profile.private)
MINE = bb.Credentials(KEY, SECRET)


def push(text, profile=LINEAR, category="linear", **changes):
    """What one example says, with other words in its first row; ... removes one."""
    message = json.loads(text)
    row = message["data"][0]
    if message["topic"] != "wallet":
        message["topic"] += f".{category}"
        row["category"] = category
    for key, value in changes.items():
        row[key] = value
        if value is ...:
            del row[key]
    (channel,) = profile.address(message).channels
    return profile.stream(channel).read(message)


def one(text, *args, **changes):
    (value,), unread = push(text, *args, **changes)
    assert not unread
    return value


# --- pushes ---


def test_an_order():
    assert one(ORDER, symbol="ETHUSDT") == Order(
        market="bybit",
        symbol="ETHUSDT",
        order_id="5cf98598-39a7-459e-97bf-76ca765ee020",
        status=OrderStatus.FILLED,
        side="sell",
        type="market",
        price=Decimal("72.5"),
        size=Decimal(1),
        filled_size=Decimal(1),
        filled_notional=Decimal(75),
        average_price=Decimal(75),
        execution="ioc",
        intent="sell",
        position_mode="one_way_mode",
        create_time_ms=1672364262444,
        update_time_ms=1672364262457,
    )


@pytest.mark.parametrize(
    ("word", "filled", "status"),
    [
        ("New", "0", OrderStatus.NEW),
        ("PartiallyFilled", "0.5", OrderStatus.PARTIALLY_FILLED),
        ("Untriggered", "0", OrderStatus.PENDING),
        ("Triggered", "0", OrderStatus.PENDING),
        ("Filled", "1", OrderStatus.FILLED),
        ("Cancelled", "0", OrderStatus.CANCELED),
        # "In derivatives, orders with this status may have an executed qty."
        ("Cancelled", "0.5", OrderStatus.PARTIALLY_CANCELED),
        ("PartiallyFilledCanceled", "0.5", OrderStatus.PARTIALLY_CANCELED),
        ("Rejected", "0", OrderStatus.CANCELED),
        ("Deactivated", "0", OrderStatus.CANCELED),
        ("SomethingNew", "0", "SomethingNew"),
    ],
)
def test_what_has_become_of_an_order(word, filled, status):
    assert one(ORDER, orderStatus=word, cumExecQty=filled).status == status


@pytest.mark.parametrize(
    ("place", "side", "reduces", "intent", "mode"),
    [
        (0, "Buy", False, "buy", "one_way_mode"),
        (0, "Sell", True, "sell_reduce_only", "one_way_mode"),
        (1, "Buy", False, "buy_open_long", "hedge_mode"),
        (1, "Sell", True, "sell_close_long", "hedge_mode"),
        (2, "Sell", False, "sell_open_short", "hedge_mode"),
        (2, "Buy", True, "buy_close_short", "hedge_mode"),
    ],
)
def test_what_an_order_does_to_a_position(place, side, reduces, intent, mode):
    found = one(ORDER, positionIdx=place, side=side, reduceOnly=reduces)
    assert (found.intent, found.position_mode) == (intent, mode)


def test_an_order_on_spot_has_no_position_and_may_be_of_money():
    found = one(ORDER, SPOT, "spot")
    assert (found.market, found.intent, found.position_mode) == ("bybit-spot", None, None)
    for side, unit, size, notional in [
        ("Buy", "", None, Decimal(1)),
        ("Buy", "quoteCoin", None, Decimal(1)),
        ("Buy", "baseCoin", Decimal(1), None),
        ("Sell", "", Decimal(1), None),
        ("Sell", "quoteCoin", None, Decimal(1)),
    ]:
        found = one(ORDER, SPOT, "spot", side=side, marketUnit=unit)
        assert (found.exact.size, found.exact.notional) == (size, notional)
    limit = one(ORDER, SPOT, "spot", side="Buy", orderType="Limit", timeInForce="GTC")
    assert (limit.size, limit.type, limit.execution) == (1, "limit", "normal")


def test_money_of_an_inverse_contract_is_no_money_of_a_price():
    assert one(ORDER, INVERSE, "inverse").filled_notional is None


def test_an_order_that_rests_where_the_book_does_not_show_it_is_of_another_kind():
    found = one(ORDER, orderType="Limit", timeInForce="RPI")
    assert (found.type, found.execution) == ("rpi", "rpi")
    assert one(ORDER, orderType="Limit", timeInForce="PostOnly").execution == "limit_maker"


def test_why_an_order_was_refused_or_canceled():
    assert one(ORDER).action is None
    assert one(ORDER, cancelType="CancelByUser").action == "CancelByUser"
    reason = "EC_PostOnlyWillTakeLiquidity"
    found = one(ORDER, rejectReason=reason, cancelType="CancelByUser")
    assert found.action == reason


def test_an_execution():
    assert one(EXECUTION) == Fill(
        market="bybit",
        symbol="BTCUSDT",
        order_id="9aac161b-8ed6-450d-9cab-c5cc67c21784",
        fill_id="0ab1bdf7-4219-438b-b30a-32ec863018f7",
        side="sell",
        price=Decimal("95900.1"),
        size=Decimal("0.5"),
        liquidity="taker",
        fee=Decimal("26.3725275"),
        time_ms=1746270400353,
    )
    rebate = one(EXECUTION, isMaker=True, execFee="-0.1", feeCurrency="USDT")
    assert (rebate.liquidity, rebate.fee, rebate.fee_currency) == ("maker", -0.1, "USDT")


def test_not_everything_that_is_called_an_execution_is_one():
    assert push(EXECUTION, execType="Funding") == ([], [])
    for word in ("AdlTrade", "BustTrade", "Delivery", "Settle", "BlockTrade", ""):
        assert one(EXECUTION, execType=word).size == 0.5
    values, (unread,) = push(EXECUTION, execType="Surprise")
    assert not values
    assert unread.key == "BTCUSDT"
    assert "nobody knows 'Surprise'" in unread.reason


def test_rows_of_other_categories_are_not_of_this_market():
    for text in (ORDER, EXECUTION, POSITION):
        message = json.loads(text)
        message["data"][0]["category"] = "option"
        message["topic"] += ".linear"
        (channel,) = LINEAR.address(message).channels
        assert LINEAR.stream(channel).read(message) == ([], [])


def test_a_position_of_nothing():
    assert one(POSITION) == Position(
        market="bybit",
        symbol="BTCUSDT",
        side="short",
        size=Decimal(0),
        mode="hedge_mode",
        create_time_ms=1694402496913,
        update_time_ms=1697682317038,
    )
    for nothing in ("", "None"):
        found = one(POSITION, positionIdx=0, side=nothing)
        assert (found.side, found.mode) == (None, "one_way_mode")


def test_a_position():
    found = one(
        POSITION, positionIdx=0, side="Sell", size="0.25", entryPrice="27000.5", liqPrice="31000"
    )
    assert (found.side, found.exact) == ("short", (Decimal("27000.5"), Decimal("0.25")))
    assert found.liquidation_price == 31000
    assert one(POSITION, positionIdx=1, side="Buy", size="2").side == "long"
    _, (unread,) = push(POSITION, positionIdx=0, side="", size="2")
    assert "no side" in unread.reason


def test_the_wallet():
    assert one(WALLET) == Balance(
        market="bybit",
        currency="BTC",
        available=Decimal("0.00102964"),
        frozen=Decimal(0),
        time_ms=1700034722104,
    )
    message = json.loads(WALLET)
    message["data"][0]["coin"][0] |= {
        "walletBalance": "10", "locked": "1.5", "totalOrderIM": "0.25", "totalPositionIM": "2",
    }  # fmt: skip
    (found,), _ = SPOT.stream("bybit-spot/wallet").read(message)
    assert (found.market, found.available, found.frozen, found.position_margin) == (
        "bybit-spot", Decimal("6.25"), Decimal("1.75"), Decimal(2),
    )  # fmt: skip
    message["data"][0]["accountType"] = "CONTRACT"
    (found,), _ = INVERSE.stream("bybit-inverse/wallet").read(message)
    assert found.account == "CONTRACT"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (ORDER, "symbol"),
        (ORDER, "orderId"),
        (EXECUTION, "execPrice"),
        (EXECUTION, "execQty"),
        (EXECUTION, "side"),
        (EXECUTION, "orderId"),
        (POSITION, "size"),
        (POSITION, "positionIdx"),
    ],
)
def test_what_cannot_be_read_is_said(text, key):
    values, unread = push(text, **{key: ...})
    assert not values
    assert [key in one.reason for one in unread] == [True]


@pytest.mark.parametrize("key", ["price", "qty", "cumExecQty", "side", "orderStatus"])
def test_an_order_of_which_a_part_cannot_be_read_says_the_rest(key):
    values, unread = push(ORDER, **{key: [1]})
    assert len(values) == len(unread) == 1
    assert unread[0].key == "ETH-30DEC22-1400-C"


def test_documented_fields_are_known():
    for text in (ORDER, EXECUTION, POSITION, WALLET):
        push(text)
    assert not bb.Venue(profiles=(LINEAR,)).unknown_fields()


# --- requests and replies ---


def test_a_login_signs_until_when_it_is_good():
    frame = json.loads(LINEAR.login(MINE, 1_662_350_340_000))
    text = b"GET/realtime1662350400000"
    sign = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    assert frame == {"op": "auth", "args": [KEY, 1_662_350_400_000, sign]}
    assert LINEAR.login_has_memo is False


def test_a_login_is_masked_in_logs():
    login = SPOT.login(MINE, 1_662_350_340_000)
    for shown in (login, repr(login), json.dumps({"text": login})):
        masked = redact(shown)
        assert KEY not in masked
        assert "1662350400000" not in masked
        assert not any(part in masked for part in json.loads(login)["args"][2:])


def test_answers():
    accepted, refused = (LINEAR.classify(json.loads(text)) for text in (LOGGED_IN, REFUSED))
    assert (accepted.kind, accepted.operation) == ("ack", "login")
    assert (refused.kind, refused.message) == ("error", "Params Error")
    assert LINEAR.errors.kind(refused) is ErrorKind.LOGIN
    assert isinstance(LINEAR.errors.exception(refused), bb.AuthenticationError)
    expired = LINEAR.classify({"success": False, "op": "auth", "ret_msg": "error:request expired"})
    assert LINEAR.errors.kind(expired) is ErrorKind.CLOCK
    done = LINEAR.classify(json.loads(SUBSCRIBED))
    assert (done.kind, done.operation, done.request) == ("ack", "subscribe", 7)
    assert LINEAR.classify(json.loads(PONG)).kind == "pong"
    wrong = LINEAR.classify(
        {"success": False, "op": "subscribe", "req_id": "8",
         "ret_msg": "error:handler not found,topic:order.swap"}
    )  # fmt: skip
    assert (wrong.kind, wrong.request, wrong.topic) == ("error", 8, None)
    assert LINEAR.errors.kind(wrong) is ErrorKind.TOPIC
    again = {"success": False, "op": "subscribe", "ret_msg": "error:already subscribed,topic:x"}
    assert LINEAR.classify(again).kind == "ack"
    assert LINEAR.classify(json.loads(ORDER)) is None


def test_topics_are_those_of_a_category():
    word = LINEAR.speech.word("subscribe", ["bybit/order.linear", "bybit/wallet"], 4)
    assert json.loads(word) == {
        "req_id": "4",
        "op": "subscribe",
        "args": ["order.linear", "wallet"],
    }
    names = [stream.name for stream in SPOT.streams]
    assert names == ["bybit-spot/order.spot", "bybit-spot/execution.spot", "bybit-spot/wallet"]
    assert LINEAR.symbols.check_topic(Topic("bybit/wallet", "", "")) is None
    assert "no symbol" in LINEAR.symbols.check_topic(Topic("bybit/wallet", "USDT", ""))
    assert "no option" in LINEAR.symbols.check_topic(Topic("bybit/wallet", "", "1"))
    assert BYBIT.topic_profile("bybit-inverse/position.inverse") is INVERSE


def test_a_login_goes_to_the_venue_and_nowhere_else():
    for host in ("stream.bybit.com", "stream.bybit.tr", "stream-demo.bybit.com"):
        assert LINEAR.url_problem(f"wss://{host}/v5/private") is None
        assert LINEAR.url_problem(f"ws://{host}/v5/private", other_hosts=True)
    assert "a login is only sent" in LINEAR.url_problem("wss://bybit.example/", other_hosts=True)
    assert LINEAR.server.in_region("demo", LINEAR.venue) == "wss://stream-demo.bybit.com/v5/private"


def test_several_venues_keep_their_accounts_apart():
    both = find_venue(("bitmart", "bybit"))
    private = [profile.market for profile in both.profiles if profile.private]
    assert private == ["spot", "futures", "bybit", "bybit-inverse", "bybit-spot"]
    assert all(profile.login_has_memo for profile in BITMART.profiles if profile.private)
