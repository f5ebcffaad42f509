"""BitMart's private spot words: orders, balances, the login, and every documented error code.

The literals are the examples of BitMart's spot API reference ("WebSocket Subscription"), unless
a comment names another source.
"""

import json
from decimal import Decimal

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book.model import Balance, Fill, Order, OrderStatus
from bitmart_book.venues import SPOT, SPOT_PRIVATE, ErrorKind, Reply, Topic
from tests.helpers.codes import CODES
from tests.helpers.documented.spot_private import (
    BALANCE,
    BALANCE_2023,
    NO_ORDER,
    ORDER,
    ORDER_2022,
    ORDER_OF_ALL,
    STREAM_FRAMES,
)
from tests.helpers.keys import KEY, MEMO, SECRET

pytestmark = pytest.mark.private


def decode(message):
    message = json.loads(message) if isinstance(message, str) else message
    found = SPOT_PRIVATE.stream(message["table"]).read(message)
    assert not found.unread
    return found.values


def unread(frame):
    """The values of what has flaws, and what of it could not be read."""
    message = json.loads(frame) if isinstance(frame, str) else frame
    found = SPOT_PRIVATE.stream(message["table"]).read(message)
    assert all(one.reason for one in found.unread)
    return found


def changed(frame, **changes):
    """The frame with other values in its first row; ... removes one."""
    message = json.loads(frame)
    for key, value in changes.items():
        message["data"][0][key] = value
        if value is ...:
            del message["data"][0][key]
    return message


def order(**changes):
    (found,) = decode(changed(ORDER, **changes))
    return found


# --- pushes ---


def test_order():
    fill = Fill(
        market="spot",
        symbol="BTC_USDT",
        order_id="2147857398",
        fill_id="256348632",
        side="buy",
        price=Decimal("46100.00000"),
        size=Decimal("1.00000"),
        filled_size=Decimal("1.0000000000"),
        liquidity="maker",
        fee=Decimal("10.00"),
        fee_currency="BMX",
        time_ms=1609926039226,
        client_order_id="order4872191",
    )
    assert decode(ORDER) == [
        Order(
            market="spot",
            symbol="BTC_USDT",
            order_id="2147857398",
            # `order_state`, though `state` says 4 (open).
            status=OrderStatus.PARTIALLY_FILLED,
            side="buy",
            type="market",
            price=Decimal("46100.0000000000"),
            size=Decimal("1.0000000000"),
            filled_size=Decimal("1.0000000000"),
            filled_notional=Decimal("46100.0000000000"),
            client_order_id="order4872191",
            execution="normal",
            mode="spot",
            create_time_ms=1609926028000,
            update_time_ms=1609926044000,
            fill=fill,
        )
    ]
    (of_all,) = decode(ORDER_OF_ALL)
    assert (of_all.fill.fee, of_all.fill.fee_currency) == (None, None)
    assert of_all.mode == "spot"


def test_an_order_of_2022_lacks_most_of_it_and_has_thirty_decimals():
    assert decode(ORDER_2022) == [
        Order(
            market="spot",
            symbol="LTC_USDT",
            order_id="24807076628",
            status=OrderStatus.CANCELED,
            side="buy",
            type="limit",
            price=Decimal(50),
            size=Decimal("0.5"),
            filled_size=Decimal(0),
            filled_notional=Decimal(0),
            execution="normal",
            mode="spot",
            create_time_ms=1646216634000,
        )
    ]
    (found,) = decode(ORDER_2022)
    assert (found.price, found.size, found.filled_size) == (50.0, 0.5, 0.0)
    assert list(map(str, found.exact)) == ["50", "0.5"]
    assert str(found.exact.filled_size) == "0"
    assert "price=50.0, size=0.5, filled_size=0.0" in repr(found)


def test_balance():
    assert decode(BALANCE) == [
        Balance(
            market="spot",
            currency="BTC",
            available=Decimal("123.22"),
            frozen=Decimal("12.56"),
            # The two blanks behind it are the sample's.
            reason="TRANSACTION_COMPLETED",
            time_ms=1693364237000,
        )
    ]
    (balance,) = decode(BALANCE_2023)
    assert (balance.currency, balance.available) == ("LTC", Decimal("0.206"))
    assert (balance.frozen, balance.time_ms) == (Decimal("0.1"), 1701632345416)


def test_several_currencies_and_a_custodian():
    details = [{"ccy": "BTC", "av_bal": "1", "fz_bal": "0"}, {"ccy": "USDT", "av_bal": 2}]
    first, second = decode(changed(BALANCE, balance_details=details, account_type="COPPER"))
    assert (first.currency, first.frozen, first.account) == ("BTC", 0, "COPPER")
    assert (second.currency, second.available, second.frozen) == ("USDT", 2, None)
    assert decode(changed(BALANCE, balance_details="")) == []


@pytest.mark.parametrize("data", ["", None, []])
def test_a_push_of_nothing(data):
    assert decode(NO_ORDER) == []
    for stream in SPOT_PRIVATE.streams:
        assert stream.read({"table": stream.name, "data": data}) == ([], [])


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("4", OrderStatus.NEW),
        ("5", OrderStatus.PARTIALLY_FILLED),
        ("6", OrderStatus.FILLED),
        ("8", OrderStatus.CANCELED),
        ("12", OrderStatus.PARTIALLY_CANCELED),
        (6, OrderStatus.FILLED),
        ("99", "99"),
    ],
)
def test_the_old_state_speaks_where_the_new_one_is_silent(code, status):
    for nothing in (None, "", ...):
        assert order(order_state=nothing, state=code).status == status
    assert order(order_state="canceled", state=code).status == OrderStatus.CANCELED


def test_words_of_enumerations():
    for status in ("new", "partially_filled", "filled", "canceled", "partially_canceled"):
        assert order(order_state=status).status is OrderStatus(status)
    assert order(order_state="FILLED").status is OrderStatus.FILLED
    assert order(entrust_type="LIMIT_MAKER").execution == "limit_maker"
    assert order(entrust_type="IOC").execution == "ioc"
    codes = {"0": "normal", "1": "limit_maker", "2": "fok", "3": "ioc"}
    for code, execution in codes.items():
        assert order(entrust_type="", order_type=code).execution == execution
    assert order(order_mode="iso_margin").mode == "iso_margin"
    assert order(order_mode=None, margin_trading="0").mode == "spot"
    assert order(exec_type="T").fill.liquidity == "taker"


def test_words_that_nobody_documented_stay_as_they_came():
    found = order(
        order_state="Frozen_Again", side="short", type="iceberg", entrust_type="GTD",
        order_mode="cross_margin", exec_type="X",
    )  # fmt: skip
    assert (found.status, found.side, found.type) == ("Frozen_Again", "short", "iceberg")
    assert (found.execution, found.mode, found.fill.liquidity) == ("GTD", "cross_margin", "X")
    (balance,) = decode(changed(BALANCE, event_type="AIRDROP"))
    assert balance.reason == "AIRDROP"


def test_fields_nobody_knows_are_tolerated_and_counted():
    for frame in STREAM_FRAMES:
        before = bb.Venue(profiles=(SPOT_PRIVATE,)).unknown_fields()
        assert decode(changed(frame, cancel_source="user")) == decode(frame)
        after = bb.Venue(profiles=(SPOT_PRIVATE,)).unknown_fields()
        (name,) = [name for name in after if after[name] != before.get(name, 0)]
        assert name.startswith("spot/user/")
        assert name.endswith(".cancel_source")


@pytest.mark.parametrize("nothing", [None, "", ...])
def test_values_that_are_null_empty_or_missing(nothing):
    row = json.loads(ORDER)["data"][0]
    needed = {"symbol": "BTC_USDT", "order_id": "2147857398"}
    assert order(**dict.fromkeys(row, nothing) | needed) == Order(
        market="spot", symbol="BTC_USDT", order_id="2147857398", status=None, side=None
    )
    details = [{"ccy": "BTC", "av_bal": None, "fz_bal": ""}]
    (balance,) = decode(
        changed(BALANCE, balance_details=details, event_type=nothing, event_time=nothing)
    )
    assert balance == Balance(market="spot", currency="BTC", available=None, frozen=None)


def test_numbers_may_be_text_or_numbers():
    assert order(order_id=2147857398, state=4, ms_t=1609926028000, size=1, detail_id=256348632,
                 update_time=1609926044000) == order()  # fmt: skip


@pytest.mark.parametrize(
    "nothing",
    [
        {"last_fill_count": "0", "last_fill_price": "0", "last_fill_time": "0"},
        {"last_fill_count": "0.000000", "last_fill_price": "0"},
        {"last_fill_count": "0"},
        {"last_fill_count": "", "last_fill_price": ""},
        {"last_fill_count": ..., "last_fill_price": ...},
    ],
)
def test_an_order_without_a_fill(nothing):
    assert order(**nothing).fill is None


@pytest.mark.parametrize("unnamed", [None, "", "0", ...])
def test_a_fill_without_an_id(unnamed):
    assert order(detail_id=unnamed).fill.fill_id is None


@pytest.mark.parametrize(
    ("frame", "changes"),
    [
        (ORDER, {"symbol": ...}),
        (ORDER, {"symbol": 5}),
        (ORDER, {"order_id": ...}),
        (ORDER, {"order_id": ""}),
        (ORDER, {"order_id": 1.5}),
        (BALANCE, {"balance_details": 5}),
        (BALANCE, {"balance_details": ["BTC"]}),
        (BALANCE, {"balance_details": [{"av_bal": "1"}]}),
        (BALANCE, {"account_type": []}),
    ],
)
def test_a_row_that_cannot_be_read_costs_no_other(frame, changes):
    good = json.loads(frame)
    bad = changed(frame, **changes)
    found = unread(good | {"data": [*bad["data"], *good["data"]]})
    assert found.values == decode(good)
    assert len(found.unread) == 1


def test_several_flaws_are_several_words():
    rows = [{"ccy": "BTC", "av_bal": "1"}, {"ccy": "ETH", "av_bal": "x"}, {"ccy": []}]
    found = unread(changed(BALANCE, balance_details=rows))
    assert [(v.currency, v.available) for v in found.values] == [("BTC", 1), ("ETH", None)]
    assert [one.key for one in found.unread] == ["ETH", None]
    assert "av_bal: expected a number, was 'x'" in found.unread[0].reason


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("price", {"price": "-1"}),
        ("size", {"size": "NaN"}),
        ("filled_size", {"filled_size": []}),
        ("filled_size", {"filled_size": "none of it"}),
        ("side", {"side": {}}),
        ("type", {"type": []}),
        ("fill", {"last_fill_count": "x"}),
        ("fill", {"last_fill_price": ""}),
        ("fill", {"last_fill_count": ""}),
    ],
)
def test_what_others_count_with_is_a_hole_if_it_cannot_be_read(name, changes):
    (found,), missing = unread(changed(ORDER, **changes))
    assert getattr(found, name) is None
    assert {one.key for one in missing} == {"BTC_USDT"}
    assert (found.order_id, found.status) == ("2147857398", OrderStatus.PARTIALLY_FILLED)


def test_a_state_that_cannot_be_read_is_a_hole():
    (found,), missing = unread(changed(ORDER, order_state={}))
    assert found.status == OrderStatus.NEW  # by the older field
    assert len(missing) == 1
    (found,), missing = unread(changed(ORDER, order_state={}, state=[]))
    assert (found.status, len(missing)) == (None, 2)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("update_time_ms", {"update_time": "yesterday"}),
        ("update_time_ms", {"update_time": "1609926044000.5"}),
        ("create_time_ms", {"create_time": "2021-01-06T09:40:28Z", "ms_t": 1.5}),
        ("notional", {"notional": "-"}),
        ("filled_notional", {"filled_notional": "much"}),
        ("client_order_id", {"client_order_id": []}),
        ("execution", {"entrust_type": {}, "order_type": []}),
        ("mode", {"order_mode": {}, "margin_trading": {}}),
    ],
)
def test_one_odd_field_is_one_none(name, changes):
    found, before = order(**changes), order()
    assert getattr(found, name) is None
    fill = msgspec.structs.replace(before.fill, client_order_id=found.client_order_id)
    same = {name: getattr(before, name), "fill": before.fill}
    assert found.fill == (fill if name == "client_order_id" else before.fill)
    assert msgspec.structs.replace(found, **same) == before


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("fee", {"dealFee": "0.001 BMX"}),
        ("fee_currency", {"deal_fee_coin_name": {}}),
        ("liquidity", {"exec_type": []}),
        ("time_ms", {"last_fill_time": "1609926039226.5"}),
        ("fill_id", {"detail_id": 1.5}),
    ],
)
def test_an_odd_field_of_an_execution_costs_no_execution(name, changes):
    found = order(**changes).fill
    assert getattr(found, name) is None
    before = order().fill
    assert msgspec.structs.replace(found, **{name: getattr(before, name)}) == before


# --- topics ---


@pytest.mark.parametrize(
    "topic",
    [
        "spot/user/order:BTC_USDT",
        "spot/user/order:Yinbi_BTC",
        "spot/user/orders:ALL_SYMBOLS",
        "spot/user/balance:BALANCE_UPDATE",
    ],
)
def test_topics_and_their_requests(topic):
    assert SPOT_PRIVATE.symbols.check_topic(Topic.parse(topic)) is None
    assert SPOT.symbols.check_topic(Topic.parse(topic)) is not None
    frame = SPOT_PRIVATE.speech.encode("subscribe", [topic])
    assert frame == f'{{"op":"subscribe","args":["{topic}"]}}'


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        ("spot/ticker:BTC_USDT", "channel"),
        ("spot/user/trade:BTC_USDT", "channel"),
        ("spot/user/order", "symbol"),
        ("spot/user/order:BTCUSDT", "symbol"),
        ("spot/user/order:ALL_SYMBOLS", "spot/user/orders:ALL_SYMBOLS"),
        ("spot/user/order:BTC_USDT@100ms", "option"),
        ("spot/user/orders:BTC_USDT", "spot/user/orders:ALL_SYMBOLS"),
        ("spot/user/balance:BTC", "spot/user/balance:BALANCE_UPDATE"),
        ("spot/user/balance", "spot/user/balance:BALANCE_UPDATE"),
    ],
)
def test_topics_that_cannot_exist(topic, problem):
    assert problem in SPOT_PRIVATE.symbols.check_topic(Topic.parse(topic))


@pytest.mark.parametrize(
    ("frame", "topics"),
    [
        (ORDER, ("spot/user/order:BTC_USDT", "spot/user/orders:ALL_SYMBOLS")),
        (ORDER_OF_ALL, ("spot/user/orders:ALL_SYMBOLS",)),
        (BALANCE, ("spot/user/balance:BALANCE_UPDATE",)),
    ],
)
def test_which_topic_brought_a_value(frame, topics):
    pushed = Topic.parse(json.loads(frame)["table"])
    (value,) = decode(frame)
    assert SPOT_PRIVATE.stream(pushed.channel).topics_of(pushed, value) == topics


# --- the login ---


def test_the_documented_login():
    frame = SPOT_PRIVATE.login(bb.Credentials(KEY, SECRET, MEMO), 1589267764859)
    assert frame == (
        f'{{"op":"login","args":["{KEY}","1589267764859",'
        '"3ceeb7e1b8cb165a975e28a2e2dfaca4d30b358873c0351c1a071d8c83314556"]}'
    )


@pytest.mark.parametrize(
    "frame",
    [
        '{"event":"login"}',
        # Null or empty error keys beside a success: BitMart's Python SDK, 2.3.1.
        '{"event":"login","errorCode":null,"errorMessage":null}',
        '{"event":"login","errorCode":"","errorMessage":""}',
        '{"errorMessage":"","errorCode":null,"event":"login"}',
    ],
)
def test_a_login_that_succeeded(frame):
    reply = SPOT_PRIVATE.classify(json.loads(frame))
    assert reply == Reply(kind="ack", operation="login")
    assert SPOT_PRIVATE.errors.kind(reply) is None


def test_a_second_login_is_as_good_as_the_first():
    reply = SPOT_PRIVATE.classify({"event": "login", "errorCode": "91005", "errorMessage": "x"})
    assert (reply.kind, reply.operation) == ("ack", "login")


def test_a_clock_that_is_wrong_is_named():
    reply = SPOT_PRIVATE.classify(
        {"event": "login", "errorCode": "91022", "errorMessage": "timestamp"}
    )
    error = SPOT_PRIVATE.errors.exception(reply)
    assert isinstance(error, bb.ClockError)
    assert isinstance(error, bb.AuthenticationError)
    assert "clock of this machine" in str(error)
    assert "91022" in str(error)


@pytest.mark.parametrize("profile", [SPOT, SPOT_PRIVATE], ids=["public", "private"])
@pytest.mark.parametrize(("code", "trouble", "kind", "passes"), CODES)
def test_every_code_is_a_typed_error(profile, code, trouble, kind, passes):
    for wire in (code, int(code)):
        reply = profile.classify({"errorCode": wire, "errorMessage": "their words"})
        assert (reply.kind, reply.code) == ("error", code)
        assert profile.errors.kind(reply) is trouble
        assert trouble.is_temporary == passes == (code in profile.errors.retry_codes)
        error = profile.errors.exception(
            reply, ["spot/ticker:A_B"] if trouble is ErrorKind.TOPIC else ()
        )
        assert type(error) is kind
        assert (error.code, error.message) == (code, "their words")
        assert code in str(error)
        assert "their words" in str(error)
    if kind is bb.LimitExceeded:
        assert isinstance(error, bb.LimitError)
        assert isinstance(error, bb.VenueError)


def test_what_is_done_already_is_no_error():
    reply = SPOT.classify({"event": "subscribe", "topic": "spot/ticker:A_B", "errorCode": "90008"})
    assert (reply.kind, reply.operation, reply.topic) == ("ack", "subscribe", "spot/ticker:A_B")


def test_a_code_that_nobody_documented():
    reply = SPOT.classify({"event": "subscribe", "errorCode": "77777", "errorMessage": "odd"})
    assert SPOT.errors.kind(reply) is None
    assert type(SPOT.errors.exception(reply)) is bb.VenueError
    error = SPOT.errors.exception(reply, ["spot/ticker:A_B"])
    assert (type(error), error.topics) == (bb.SubscriptionRejected, ("spot/ticker:A_B",))
    reply = SPOT.classify({"event": "login", "errorCode": "77777", "errorMessage": "odd"})
    assert type(SPOT.errors.exception(reply)) is bb.AuthenticationError


def test_an_error_at_a_login_is_an_authentication_error_even_if_it_passes():
    reply = SPOT.classify({"event": "login", "errorCode": "95000", "errorMessage": "later"})
    assert SPOT.errors.kind(reply).is_temporary
    assert SPOT.errors.exception(reply).code == "95000"


def test_the_topic_behind_the_event_is_in_the_error():
    reply = SPOT.classify({"event": "subscribe:spot/depth5:FOO_USDT", "errorCode": "92001"})
    assert SPOT.errors.exception(reply).topics == ("spot/depth5:FOO_USDT",)


# --- limits ---


def test_limits():
    limits = SPOT_PRIVATE.limits
    assert (limits.connections, limits.topics_per_connection) == (10, 100)
    assert (limits.connects, limits.messages) == ((30, 60.0), (100, 10.0))
    assert limits.topics_per_message == 20
