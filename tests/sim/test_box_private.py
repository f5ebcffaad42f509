"""Private addresses of the box: logins, and what is told of the account's orders, balances and
positions, every frame against the examples of BitMart's references and of recordings, key by key
and in their order, every value against what was placed.
"""

import json
from decimal import Decimal

import msgspec
import pytest

from bitmart_book.credentials import Credentials
from bitmart_book.sim import Close, Exchange, Knobs, Refusal
from bitmart_book.sim.account.private import Keys, signature
from bitmart_book.venues.futures_private import FUTURES_PRIVATE
from bitmart_book.venues.profile import Venue
from bitmart_book.venues.spot_private import SPOT_PRIVATE
from tests.helpers.private_box import BALANCE, BTC, FUTURES, ORDER, ORDERS, START_MS, Box

pytestmark = pytest.mark.private


# Logins

both = pytest.mark.parametrize("endpoint", ["spot_private", "futures_private"])


def test_the_signature_is_the_documented_one():
    keys = Keys(
        "80618e45710812162b04892c7ee5ead4a3cc3e56",
        "6c6c98544461bbe71db2bca4c6d7fd0021e0ba9efc215f9c6ad41852df9d9df9",
        "test001",
    )
    expected = "3ceeb7e1b8cb165a975e28a2e2dfaca4d30b358873c0351c1a071d8c83314556"
    assert signature(keys, "1589267764859") == expected


def test_credentials_depend_on_the_seed_alone():
    first, same, other = (Exchange(seed=seed).keys for seed in (1, 1, 2))
    assert first == same
    assert first.key != other.key
    assert first.secret != other.secret
    assert (len(first.key), len(first.secret)) == (40, 64)


def test_a_login_succeeds():
    assert Box(login=False).login() == [{"event": "login"}]
    box = Box("futures_private", login=False)
    keys = box.exchange.keys
    request = ["access", keys.key, str(START_MS), signature(keys, str(START_MS)), "web"]
    assert box.send({"action": request[0], "args": request[1:]}) == [
        '{"action":"access","success":true}'
    ]
    assert box.closed is None


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("plain", '{"event":"login"}'),
        ("null", '{"event":"login","errorCode":null,"errorMessage":null}'),
        ("empty", '{"event":"login","errorCode":"","errorMessage":""}'),
    ],
)
def test_a_login_that_succeeds_may_carry_error_keys(form, text):
    box = Box(login=False, login_ack=form)
    keys = box.exchange.keys
    stamp = START_MS  # A number: BitMart's own client for Node sends one.
    args = [keys.key, stamp, signature(keys, str(stamp))]
    assert box.send({"op": "login", "args": args}) == [text]


BAD_LOGINS = [
    ({"key": ""}, "91001"),
    ({"key": "0" * 40}, "91002"),
    ({"key": "é"}, "91002"),
    ({"sign": ""}, "91010"),
    ({"sign": "0" * 64}, "91011"),
    ({"sign": "é"}, "91011"),
    ({"secret": "0" * 64}, "91011"),
    ({"memo": "other"}, "91011"),
    ({"time_ms": ""}, "91021"),
    ({"time_ms": "yesterday"}, "91023"),
    ({"time_ms": START_MS // 1000}, "91023"),
    ({"time_ms": START_MS - 60_001}, "91022"),
    ({"time_ms": START_MS + 60_001}, "91022"),
]


@pytest.mark.parametrize(("changes", "code"), BAD_LOGINS)
def test_a_login_that_fails_ends_the_connection(changes, code):
    box = Box(login=False)
    (error,) = box.login(**changes)
    assert sorted(error) == ["errorCode", "errorMessage", "event"]
    assert (error["event"], error["errorCode"]) == ("login", code)
    if code in ("91002", "91011"):
        known = {"91002": "API KEY not found", "91011": "Param sign is wrong"}
        assert error["errorMessage"] == known[code]
    assert isinstance(box.closed, Close)
    assert box.op("subscribe", ORDER) == []
    box = Box("futures_private", login=False)
    (error,) = box.login(**changes)
    shown = changes.get("key", box.exchange.keys.key)[:10]
    assert list(error.items()) == [
        ("action", "access"),
        ("success", False),
        ("error", f"access failed: openapi auth: apiKey {shown}**** failed: openapi auth failed"),
    ]
    assert isinstance(box.closed, Close)


@both
@pytest.mark.parametrize("off", [-60_000, 60_000])
def test_a_minute_is_not_too_much(endpoint, off):
    Box(endpoint, login=False).login(time_ms=START_MS + off)
    box = Box(endpoint, login=False)
    assert "error" not in box.login(time_ms=START_MS + off)[0]
    assert box.closed is None


@both
def test_the_clock_of_the_exchange_may_be_another(endpoint):
    box = Box(endpoint, login=False, login_clock=90.0)
    box.login()
    assert box.closed is not None
    box = Box(endpoint, login=False, login_clock=90.0)
    box.login(time_ms=START_MS + 95_000)
    assert box.closed is None
    box = Box(endpoint, login=False, clock_ms=lambda: 1_800_000_000_000)
    box.login(time_ms=1_800_000_000_001)
    assert box.closed is None


def test_one_login_to_a_connection():
    box = Box()
    (error,) = box.login()
    assert (error["event"], error["errorCode"]) == ("login", "91005")
    box = Box("futures_private")
    (error,) = box.login()
    assert (error["action"], error["success"]) == ("access", False)
    assert box.closed is None
    assert len(box.op("subscribe", "futures/order")) == 1


def test_nothing_is_told_before_the_login():
    box = Box(login=False)
    (error,) = box.op("subscribe", ORDER, BALANCE)
    assert (error["event"], error["errorCode"]) == ("subscribe", "91006")
    box.exchange.trader.place("spot", BTC, "buy", "1", "1")
    assert box.frames() == []
    assert box.closed is None
    assert box.login() == [{"event": "login"}]
    box = Box("futures_private", login=False)
    assert box.send({"action": "subscribe", "args": ["futures/order"]}) == [
        '{"action":"subscribe","group":"futures/order","success":false,'
        '"error":"futures/order need authenication"}'
    ]
    assert box.op("subscribe", "futures/asset:USDT")[0]["error"] == (
        "futures/asset:USDT need authenication"
    )


@pytest.mark.parametrize("args", [[], ["x"], None, "x", {}])
def test_logins_that_are_none(args):
    box = Box(login=False)
    (text,) = box.send({"op": "login", "args": args})
    assert json.loads(text)["errorCode"] in ("90003", "91001", "91021")
    box = Box("futures_private", login=False)
    (text,) = box.send({"action": "access", "args": args})
    assert json.loads(text)["success"] is False


# Subscriptions


def test_spot_topics():
    box = Box()
    for topic in (ORDER, ORDERS, BALANCE):
        (ack,) = box.op("subscribe", topic)
        assert ack == {"event": "subscribe", "topic": topic}
        (error,) = box.op("subscribe", topic)
        assert error["errorCode"] == "90008"
    for topic, code in (
        ("spot/user/order:NOPE_USDT", "92001"),
        ("spot/user/order", "92001"),
        ("spot/user/orders:BTC_USDT", "92001"),
        ("spot/user/balance:USDT", "92001"),
        ("spot/user/trades:BTC_USDT", "90004"),
        ("spot/depth5:BTC_USDT", "90004"),
        ("futures/order", "90004"),
    ):
        (error,) = box.op("subscribe", topic)
        assert (error["event"], error["errorCode"]) == ("subscribe", code)
    (ack,) = box.op("unsubscribe", ORDERS)
    assert ack == {"event": "unsubscribe", "topic": ORDERS}
    box.exchange.trader.place("spot", BTC, "buy", "1", "1")
    assert [frame["table"] for frame in box.frames()] == ["spot/user/order", "spot/user/balance"]
    assert box.send("ping") == ["pong"]
    (error,) = box.op("request", ORDERS)
    assert error["errorCode"] == "90002"


def test_futures_topics():
    box = Box("futures_private")
    topics = [*FUTURES, "futures/asset:BTC", "futures/asset:ETH"]
    for topic in topics * 2:
        (ack,) = box.op("subscribe", topic)
        assert ack == {
            "action": "subscribe", "group": topic, "success": True,
            "request": {"action": "subscribe", "args": [topic]},
        }  # fmt: skip
    for topic in ("futures/asset:XRP", "futures/asset", "futures/order:BTCUSDT",
                  "futures/depth5:BTCUSDT", "futures/unicast"):  # fmt: skip
        (error,) = box.op("subscribe", topic)
        assert error["error"] == f"Invalid channel: not found {topic}"
    (error,) = box.op("request", "futures/order")
    assert error["error"] == "Invalid action [request] for group [futures/order]"
    (ack,) = box.op("unsubscribe", "futures/order")
    assert ack["success"]
    box.exchange.trader.place("futures", "BTCUSDT", "buy", "1", 1)
    assert [frame["group"] for frame in box.frames()] == ["futures/asset:USDT"]
    assert json.loads(*box.send('{"action":"ping"}'))["group"] == "System"


# Limits


def test_ten_private_connections_from_one_address():
    exchange = Exchange()
    for _ in range(10):
        assert isinstance(exchange.connect("spot_private", 0.0), int)
    assert exchange.connect("spot_private", 0.0) == Refusal(429, "too many connections")
    assert isinstance(exchange.connect("spot_public", 0.0), int)
    assert isinstance(exchange.connect("futures_private", 0.0), int)
    assert isinstance(exchange.connect("spot_private", 0.0, "10.0.0.9"), int)


def test_a_hundred_private_topics_and_messages():
    box = Box(extra_symbols=120)
    topics = [f"spot/user/order:SYM{number:04d}_USDT" for number in range(1, 121)]
    for place in range(0, 100, 20):
        assert len(box.op("subscribe", *topics[place : place + 20])) == 20
    (error,) = box.op("subscribe", topics[100])
    assert error["errorCode"] == "90006"
    assert box.closed is not None
    box = Box(extra_symbols=30)
    (error,) = box.op("subscribe", *topics[:21])
    assert error["errorCode"] == "90005"
    box = Box()
    for _ in range(99):
        assert box.send("ping") == ["pong"]
    (text,) = box.send("ping")
    assert json.loads(text)["errorCode"] == "90007"


@pytest.mark.parametrize(
    ("endpoint", "topic", "lifeless"),
    [("spot_private", ORDERS, 300), ("futures_private", "futures/order", 5)],
)
def test_private_connections_that_say_nothing(endpoint, topic, lifeless):
    box = Box(endpoint, idle_seconds=None, futures_idle_seconds=None)
    box.advance(lifeless - 1)
    assert box.closed is None
    box.advance(2)
    assert box.closed.reason == "nothing subscribed"
    box = Box(endpoint, topics=[topic])
    box.advance(19)
    assert box.closed is None
    box.advance(2)
    assert box.closed.reason == "idle"


# As the client reads it

decode = msgspec.json.Decoder(float_hook=str).decode


@pytest.mark.parametrize("fields", ["new", "old"])
@pytest.mark.parametrize("profile", [SPOT_PRIVATE, FUTURES_PRIVATE], ids=["spot", "futures"])
def test_the_client_logs_in_and_reads_every_frame(profile, fields):
    exchange = Exchange(
        start_ms=START_MS, speed=4.0, knobs=Knobs(order_fields=fields, empty_data=True)
    )
    connection = exchange.connect(profile.endpoint, 0.0)
    keys = Credentials(*exchange.keys)
    exchange.receive(connection, profile.login(keys, START_MS), 0.0)
    topics = [ORDER, ORDERS, BALANCE] if profile is SPOT_PRIVATE else FUTURES
    exchange.receive(connection, profile.speech.encode("subscribe", topics), 0.0)
    exchange.receive(connection, profile.speech.ping, 0.0)
    market, symbol = ("spot", BTC) if profile is SPOT_PRIVATE else ("futures", "BTCUSDT")
    size = "0.5" if market == "spot" else 50
    order_id = exchange.trader.place(market, symbol, "buy", None, size)
    before = Venue(profiles=(profile,)).unknown_fields()
    kinds, values = [], {}
    for action in exchange.output():
        message = decode(action.payload) if action.payload != "pong" else "pong"
        reply = profile.classify(message)
        if reply is not None:
            kinds.append((reply.kind, reply.operation))
            continue
        channel = message[profile.framing.channel_key].partition(":")[0]
        values.setdefault(channel, []).extend(profile.stream(channel).decode(message).values)
    assert kinds[0] == ("ack", "login")
    assert kinds[1:4] == [("ack", "subscribe")] * 3
    assert [kind for kind, _ in kinds[4:]] == ["pong"]
    assert set(values) == {topic.partition(":")[0] for topic in topics}
    order = values["spot/user/orders" if market == "spot" else "futures/order"][-1]
    described = exchange.trader.order(order_id)
    assert (order.order_id, order.symbol, order.side) == (order_id, symbol, "buy")
    assert order.exact.filled_size == Decimal(described["filled_size"]) == Decimal(size)
    assert order.status == "filled"
    assert order.fill.side == "buy"
    assert Venue(profiles=(profile,)).unknown_fields() == before
