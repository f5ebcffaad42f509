"""BitMart's private futures words: orders, positions, assets and the login.

The literals are the examples of BitMart's futures v2 API reference ("WebSocket Subscription"),
unless a comment names another source.
"""

import json
from decimal import Decimal

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book.model import Balance, Fill, Order, OrderStatus, Position
from bitmart_book.venues import (
    FUTURES,
    FUTURES_PRIVATE,
    FUTURES_PRIVATE_DEMO,
    ErrorKind,
    Reply,
    Topic,
)
from tests.helpers.documented.futures_private import (
    ASSET,
    ASSET_2023,
    ORDER,
    ORDER_2023,
    POSITION,
    POSITIONS_2023,
)
from tests.helpers.keys import KEY, MEMO, SECRET

pytestmark = pytest.mark.private


def decode(message):
    message = json.loads(message) if isinstance(message, str) else message
    channel = Topic.parse(message["group"]).channel
    found = FUTURES_PRIVATE.stream(channel).read(message)
    assert not found.unread
    return found.values


def unread(frame):
    """The values of what has flaws, and what of it could not be read."""
    message = json.loads(frame) if isinstance(frame, str) else frame
    channel = Topic.parse(message["group"]).channel
    found = FUTURES_PRIVATE.stream(channel).read(message)
    assert all(one.reason for one in found.unread)
    return found


def changed(frame, **changes):
    """The frame with other values in its first object; ... removes one."""
    message = json.loads(frame)
    row = message["data"]
    row = row[0] if isinstance(row, list) else row
    for key, value in changes.items():
        part = row["order"] if "order" in row and key not in ("action", "order") else row
        part[key] = value
        if value is ...:
            del part[key]
    return message


def order(**changes):
    (found,) = decode(changed(ORDER, **changes))
    return found


# --- pushes ---


def test_order():
    fill = Fill(
        market="futures",
        symbol="BTCUSDT",
        order_id="220906179895578",
        fill_id="1247592391",
        side="buy",
        price=Decimal("25667.2"),
        size=Decimal(1),
        filled_size=Decimal(0),
        fee=Decimal("-0.00027"),
        fee_currency="USDT",
        client_order_id="BM1234",
    )
    assert decode(ORDER) == [
        Order(
            market="futures",
            symbol="BTCUSDT",
            order_id="220906179895578",
            # It rests (2) though it is pushed for a cancel (3).
            status=OrderStatus.NEW,
            side="buy",
            type="limit",
            price=Decimal(1),
            size=Decimal(1000),
            filled_size=Decimal(0),
            average_price=Decimal(0),
            client_order_id="BM1234",
            intent="buy_open_long",
            action="cancel",
            leverage=Decimal(5),
            margin="isolated",
            position_mode="hedge_mode",
            plan_order_id="220901412155341",
            create_time_ms=1662368173000,
            update_time_ms=1662368173000,
            fill=fill,
        )
    ]


def test_an_order_of_2023_has_no_trade_and_no_triggers():
    assert decode(ORDER_2023) == [
        Order(
            market="futures",
            symbol="LTCUSDT",
            order_id="2312045036986775",
            status=OrderStatus.PENDING,
            side="sell",
            type="market",
            price=Decimal("71.61707928"),
            size=Decimal(1),
            filled_size=Decimal(0),
            average_price=Decimal(0),
            intent="sell_open_short",
            action="submit",
            leverage=Decimal(1),
            margin="cross",
            create_time_ms=1701625324646,
            update_time_ms=1701625324640,
        )
    ]


@pytest.mark.parametrize(
    ("state", "size", "filled", "status"),
    [
        (1, "10", "0", OrderStatus.PENDING),
        (2, "10", "0", OrderStatus.NEW),
        (2, "10", "4", OrderStatus.PARTIALLY_FILLED),
        # from a test of JKorf's BitMart.Net
        (2, "1000", "1000", OrderStatus.FILLED),
        (4, "10", "10", OrderStatus.FILLED),
        (4, "10", "4", OrderStatus.PARTIALLY_CANCELED),
        (4, "10", "0", OrderStatus.CANCELED),
        ("4", 10, 0, OrderStatus.CANCELED),
        (4, "10", None, OrderStatus.FINISHED),
        (2, None, None, OrderStatus.NEW),
        (3, "10", "0", "3"),
        (None, "10", "0", None),
    ],
)
def test_status(state, size, filled, status):
    assert order(state=state, size=size, deal_size=filled).status == status


def test_sides_and_intents():
    both = {
        1: ("buy", "buy_open_long", "buy"),
        2: ("buy", "buy_close_short", "buy_reduce_only"),
        3: ("sell", "sell_close_long", "sell_reduce_only"),
        4: ("sell", "sell_open_short", "sell"),
    }
    for code, (side, intent, one_way) in both.items():
        for wire in (code, str(code)):
            assert (order(side=wire).side, order(side=wire).intent) == (side, intent)
        found = order(side=code, position_mode="one_way_mode")
        assert (found.side, found.intent, found.fill.side) == (side, one_way, side)


def test_actions():
    actions = (
        "match", "submit", "cancel", "liquidate_cancel", "adl_cancel", "part_liquidate",
        "bankruptcy", "passive_adl_match", "active_adl_match",
    )  # fmt: skip
    for code, action in enumerate(actions, 1):
        assert order(action=code).action == action


def test_words_that_nobody_documented_stay_as_they_came():
    found = order(action=10, side=5, state=7, type="iceberg", open_type="portfolio",
                  position_mode="both")  # fmt: skip
    assert (found.action, found.side, found.intent, found.status) == ("10", "5", "5", "7")
    assert (found.type, found.margin, found.position_mode) == ("iceberg", "portfolio", "both")
    (position,) = decode(changed(POSITION, position_type=3, open_type=9))
    assert (position.side, position.margin) == ("3", "9")


def test_triggers():
    found = order(trigger_price="5.5", trigger_price_type="last_price", execution_price=6,
                  activation_price="7", activation_price_type="fair_price",
                  callback_rate="0.5")  # fmt: skip
    assert (found.trigger_price, found.trigger_price_type) == (5.5, "last_price")
    assert (found.execution_price, found.activation_price) == (6, 7)
    assert (found.activation_price_type, found.callback_rate) == ("fair_price", Decimal("0.5"))


def test_positions():
    assert decode(POSITION) == [
        Position(
            symbol="BTCUSDT",
            side="long",
            size=Decimal(2000),
            frozen=Decimal(0),
            closed=Decimal(0),
            average_price=Decimal("19406.2092"),
            open_price=Decimal("19406.2092"),
            close_price=Decimal(0),
            liquidation_price=Decimal("15621.998406"),
            margin="isolated",
            mode="hedge_mode",
            create_time_ms=1662692862255,
            update_time_ms=1662692862255,
        )
    ]
    short, long = decode(POSITIONS_2023)
    assert (short.side, short.size, short.margin, short.mode) == ("short", 5, "cross", None)
    assert (long.side, long.size, long.update_time_ms) == ("long", 6, 1701628152614)
    assert long.exact.average_price == Decimal("71.681666666666666667")


def test_assets():
    assert decode(ASSET) == [
        Balance(
            market="futures",
            currency="BTC",
            available=Decimal(1000),
            frozen=Decimal(1000),
            position_margin=Decimal(1000),
        )
    ]
    (balance,) = decode(ASSET_2023)
    assert (balance.currency, balance.available) == ("USDT", Decimal("37.19688649135"))
    assert (balance.position_margin, balance.frozen) == (Decimal("0.788687546"), 0)
    assert decode(changed(ASSET, available_balance="-3"))[0].available == -3


@pytest.mark.parametrize("data", ["", None, []])
def test_a_push_of_nothing(data):
    for stream in FUTURES_PRIVATE.streams:
        assert stream.read({"group": stream.name, "data": data}) == ([], [])


@pytest.mark.parametrize("nothing", [None, "", "-", ...])
def test_values_that_are_null_empty_or_missing(nothing):
    row = json.loads(ORDER)["data"][0]["order"]
    needed = {"symbol": "BTCUSDT", "order_id": "1"}
    gone = dict.fromkeys(row, nothing) | needed | {"last_trade": None, "action": nothing}
    assert order(**gone) == Order(
        market="futures", symbol="BTCUSDT", order_id="1", status=None, side=None
    )
    row = json.loads(POSITION)["data"][0]
    needed = {"symbol": "BTCUSDT", "hold_volume": "0"}
    assert decode(changed(POSITION, **dict.fromkeys(row, nothing) | needed)) == [
        Position(symbol="BTCUSDT", side=None, size=Decimal(0))
    ]
    row = json.loads(ASSET)["data"]
    assert decode(changed(ASSET, **dict.fromkeys(row, nothing) | {"currency": "BTC"})) == [
        Balance(market="futures", currency="BTC", available=None, frozen=None)
    ]


@pytest.mark.parametrize("nothing", [None, "", {}, ...])
def test_an_order_without_a_trade(nothing):
    assert order(last_trade=nothing).fill is None


def test_numbers_may_be_text_or_numbers():
    assert order(order_id=220906179895578, state="2", side="1", action="3", size=1000,
                 create_time="1662368173000") == order()  # fmt: skip


def test_fields_nobody_knows_are_tolerated_and_counted():
    trade = json.loads(ORDER)["data"][0]["order"]["last_trade"] | {"novelty": 1}
    for frame, name, changes in (
        (ORDER, "futures/order.order.novelty", {"novelty": 1}),
        (ORDER, "futures/order.last_trade.novelty", {"last_trade": trade}),
        (POSITION, "futures/position.novelty", {"novelty": 1}),
        (ASSET, "futures/asset.novelty", {"novelty": 1}),
    ):
        before = bb.Venue(profiles=(FUTURES_PRIVATE,)).unknown_fields().get(name, 0)
        assert decode(changed(frame, **changes)) == decode(frame)
        assert bb.Venue(profiles=(FUTURES_PRIVATE,)).unknown_fields()[name] == before + 1


@pytest.mark.parametrize(
    ("frame", "changes"),
    [
        (ORDER, {"order": ...}),
        (ORDER, {"order": None}),
        (ORDER, {"order": "x"}),
        (ORDER, {"symbol": ...}),
        (ORDER, {"order_id": None}),
        (POSITION, {"symbol": None}),
        (POSITION, {"hold_volume": ...}),
        (POSITION, {"hold_volume": ""}),
        (POSITION, {"hold_volume": "-5"}),
        (POSITION, {"hold_volume": "many"}),
        (POSITION, {"position_type": {}}),
        (POSITION, {"position_mode": []}),
    ],
)
def test_a_row_that_cannot_be_read_costs_no_other(frame, changes):
    good, bad = json.loads(frame), changed(frame, **changes)
    found = unread(good | {"data": [*bad["data"], *good["data"]]})
    assert found.values == decode(good)
    assert len(found.unread) == 1


def test_an_asset_that_names_no_currency():
    assert unread(changed(ASSET, currency=...)).values == []
    (found,), missing = unread(changed(ASSET, available_balance="x"))
    assert (found.available, [one.key for one in missing]) == (None, ["BTC"])


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("price", {"price": "cheap"}),
        ("filled_size", {"deal_size": "some"}),
        ("status", {"state": []}),
        ("status", {"state": True}),
        ("fill", {"last_trade": "x"}),
        ("fill", {"last_trade": {"fillQty": "1"}}),
        ("fill", {"last_trade": {"fillQty": "", "fillPrice": "1"}}),
    ],
)
def test_what_others_count_with_is_a_hole_if_it_cannot_be_read(name, changes):
    (found,), missing = unread(changed(ORDER, **changes))
    assert getattr(found, name) is None
    assert [one.key for one in missing] == [found.symbol]
    assert found.order_id == decode(ORDER)[0].order_id


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("update_time_ms", {"update_time": "x"}),
        ("update_time_ms", {"update_time": "1662368173000.25"}),
        ("trigger_price", {"trigger_price": "-1"}),
        ("leverage", {"leverage": "5x"}),
        ("plan_order_id", {"plan_order_id": []}),
    ],
)
def test_one_odd_field_is_one_none(name, changes):
    (after,), (before,) = decode(changed(ORDER, **changes)), decode(ORDER)
    assert getattr(after, name) is None
    assert msgspec.structs.replace(after, **{name: getattr(before, name)}) == before


# --- topics ---


def test_topics_and_their_requests():
    topics = ["futures/asset:USDT", "futures/asset:BTC", "futures/asset:ETH"]
    assert FUTURES_PRIVATE.speech.encode("subscribe", topics) == (
        '{"action":"subscribe","args":["futures/asset:USDT","futures/asset:BTC",'
        '"futures/asset:ETH"]}'
    )
    for topic in (*topics, "futures/asset:USDC", "futures/position", "futures/order"):
        assert FUTURES_PRIVATE.symbols.check_topic(Topic.parse(topic)) is None
        assert FUTURES.symbols.check_topic(Topic.parse(topic)) is not None
    assert FUTURES_PRIVATE.stream("futures/asset").whole == tuple(topics)


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("futures/ticker:BTCUSDT", "channel"),
        ("futures/unicast", "channel"),
        ("futures/order:BTCUSDT", "no symbol"),
        ("futures/position:BTCUSDT", "no symbol"),
        ("futures/order@100ms", "option"),
        ("futures/asset", "currency"),
        ("futures/asset:", "currency"),
    ],
)
def test_topics_that_cannot_exist(topic, problem):
    assert problem in FUTURES_PRIVATE.symbols.check_topic(Topic.parse(topic))


@pytest.mark.parametrize(
    ("frame", "topic"),
    [
        (ORDER, "futures/order"),
        (POSITION, "futures/position"),
        (ASSET, "futures/asset:BTC"),
    ],
)
def test_which_topic_brought_a_value(frame, topic):
    pushed = Topic.parse(json.loads(frame)["group"])
    (value,) = decode(frame)
    assert FUTURES_PRIVATE.stream(pushed.channel).topics_of(pushed, value) == (topic,)


# --- the login ---


def test_the_documented_login():
    frame = FUTURES_PRIVATE.login(bb.Credentials(KEY, SECRET, MEMO), 1589267764859)
    assert frame == (
        f'{{"action":"access","args":["{KEY}","1589267764859",'
        '"3ceeb7e1b8cb165a975e28a2e2dfaca4d30b358873c0351c1a071d8c83314556","web"]}'
    )
    assert len(frame) < FUTURES_PRIVATE.limits.message_bytes


@pytest.mark.parametrize("more", [{}, {"error": None}, {"error": ""}, {"group": ""}])
def test_a_login_that_succeeded(more):
    reply = FUTURES_PRIVATE.classify({"action": "access", "success": True} | more)
    assert reply == Reply(kind="ack", operation="login")


@pytest.mark.parametrize(
    ("frame", "trouble", "kind"),
    [
        ('{"action":"subscribe","group":"Depth:1","success":false,'
         '"error":"authentication is temporarily unavailable"}',
         ErrorKind.SERVER, bb.SubscriptionRejected),
        ('{"action":"access","success":false,"error":"authentication is temporarily unavailable"}',
         ErrorKind.SERVER, bb.AuthenticationError),
        ('{"action":"subscribe","group":"futures/order","success":false,'
         '"error":"futures/order need authenication"}', ErrorKind.LOGIN, bb.AuthenticationError),
        ('{"action":"access","success":false,"error":"access failed: openapi auth: apiKey '
         '880d5edecs**** failed: openapi auth failed"}', ErrorKind.LOGIN, bb.AuthenticationError),
        # built: the words for this are not documented
        ('{"action":"access","success":false,"error":"access failed: timestamp expired"}',
         ErrorKind.CLOCK, bb.ClockError),
        ('{"action":"subscribe","group":"sfutures/depth50:BTCUSDT","success":false,"request":'
         '{"action":"subscribe","args":["sfutures/depth50:BTCUSDT"]},'
         '"error":"group [sfutures/depth50:BTCUSDT] not exist"}',
         ErrorKind.TOPIC, bb.SubscriptionRejected),
        # live, 2026-09-23
        ('{"action":"subscribe","group":"futures/depthIncrease50:NOPEUSDT@100ms","success":false,'
         '"error":"Invalid channel: not found futures/depthIncrease50:NOPEUSDT@100ms","request":'
         '{"action":"subscribe","args":["futures/depthIncrease50:NOPEUSDT@100ms"]}}',
         ErrorKind.TOPIC, bb.SubscriptionRejected),
        ('{"success":false,"error":"Invalid message: message must be JSON: ping"}',
         ErrorKind.REQUEST, bb.VenueError),
        # recorded in ccxt
        ('{"action":"","group":"futures/trade:BTCUSDT","success":false,"request":{"action":"",'
         '"args":["futures/trade:BTCUSDT"]},'
         '"error":"Invalid action [] for group [futures/trade:BTCUSDT]"}',
         ErrorKind.REQUEST, bb.VenueError),
        ('{"action":"subscribe","group":"futures/trade:BTCUSDT","success":false}',
         None, bb.SubscriptionRejected),
        ('{"success":false}', None, bb.VenueError),
    ],
)  # fmt: skip
def test_every_error_is_typed(frame, trouble, kind):
    message = json.loads(frame)
    for profile in (FUTURES, FUTURES_PRIVATE):
        reply = profile.classify(message)
        assert reply.kind == "error"
        assert profile.errors.kind(reply) is trouble
        error = profile.errors.exception(reply)
        assert type(error) is kind
        assert error.message == message.get("error", "")
        if kind is bb.SubscriptionRejected:
            assert error.topics == (message["group"],)


def test_the_demo_is_the_same_on_another_host():
    assert FUTURES_PRIVATE.server.url == "wss://openapi-ws-v2.bitmart.com/user?protocol=1.1"
    assert (
        FUTURES_PRIVATE_DEMO.server.url == "wss://openapi-wsdemo-v2.bitmart.com/user?protocol=1.1"
    )
    for name in FUTURES_PRIVATE.__struct_fields__:
        if name != "server":
            assert getattr(FUTURES_PRIVATE_DEMO, name) == getattr(FUTURES_PRIVATE, name), name
