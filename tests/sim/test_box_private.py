"""Private addresses of the box: logins, and what is told of the account's orders, balances and
positions, every frame against the examples of BitMart's references and of recordings, key by key
and in their order, every value against what was placed.
"""

import json
import zlib
from decimal import Decimal

import msgspec
import pytest

from bitmart_book.credentials import Credentials
from bitmart_book.sim import Close, Exchange, Knobs, Refusal, Send
from bitmart_book.sim.account.private import Keys, signature
from bitmart_book.venues.futures_private import FUTURES_PRIVATE
from bitmart_book.venues.spot_private import SPOT_PRIVATE

pytestmark = pytest.mark.private

START_MS = 1_787_000_000_000
BTC = "BTC_USDT"
ORDERS, ORDER = "spot/user/orders:ALL_SYMBOLS", f"spot/user/order:{BTC}"
BALANCE = "spot/user/balance:BALANCE_UPDATE"
FUTURES = ["futures/order", "futures/position", "futures/asset:USDT"]

# Documented.
SPOT_ORDER = {
    "data": [
        {
            "symbol": "BTC_USDT",
            "side": "buy",
            "type": "market",
            "notional": "",
            "size": "1.0000000000",
            "ms_t": "1609926028000",
            "price": "46100.0000000000",
            "filled_notional": "46100.0000000000",
            "filled_size": "1.0000000000",
            "margin_trading": "0",
            "state": "4",
            "order_id": "2147857398",
            "order_type": "0",
            "last_fill_time": "1609926039226",
            "last_fill_price": "46100.00000",
            "last_fill_count": "1.00000",
            "exec_type": "M",
            "detail_id": "256348632",
            "client_order_id": "order4872191",
            "create_time": "1609926028000",
            "update_time": "1609926044000",
            "order_mode": "0",
            "entrust_type": "normal",
            "order_state": "partially_filled",
            "dealFee": "10.00",
            "deal_fee_coin_name": "BMX",
        }
    ],
    "table": "spot/user/order",
}
# Recorded in ccxt, 2022.
OLD_SPOT_ORDER = {
    "data": [
        {
            "symbol": "LTC_USDT",
            "notional": "",
            "side": "buy",
            "last_fill_time": "0",
            "ms_t": "1646216634000",
            "type": "limit",
            "filled_notional": "0.000000000000000000000000000000",
            "last_fill_price": "0",
            "size": "0.500000000000000000000000000000",
            "price": "50.000000000000000000000000000000",
            "last_fill_count": "0",
            "filled_size": "0.000000000000000000000000000000",
            "margin_trading": "0",
            "state": "8",
            "order_id": "24807076628",
            "order_type": "0",
        }
    ],
    "table": "spot/user/order",
}
# Documented, two blanks included.
SPOT_BALANCE = {
    "data": [
        {
            "event_type": "TRANSACTION_COMPLETED  ",
            "event_time": "1693364237000",
            "balance_details": [{"ccy": "BTC", "av_bal": "123.22", "fz_bal": "12.56"}],
        }
    ],
    "table": "spot/user/balance",
}
ASSET = {
    "group": "futures/asset:USDT",
    "data": {
        "currency": "USDT",
        "available_balance": "37.19688649135",
        "position_deposit": "0.788687546",
        "frozen_balance": "0",
    },
}
# Documented.
POSITION = {
    "group": "futures/position",
    "data": [
        {
            "symbol": "BTCUSDT",
            "hold_volume": "2000",
            "position_type": 1,
            "open_type": 1,
            "frozen_volume": "0",
            "close_volume": "0",
            "hold_avg_price": "19406.2092",
            "close_avg_price": "0",
            "open_avg_price": "19406.2092",
            "liquidate_price": "15621.998406",
            "create_time": 1662692862255,
            "update_time": 1662692862255,
            "position_mode": "hedge_mode",
        }
    ],
}
FUTURES_ORDER = {"group": "futures/order", "data": [{"action": 3, "order": {
    "order_id": "220906179895578", "client_order_id": "BM1234", "price": "1", "size": "1000",
    "symbol": "BTCUSDT", "state": 2, "side": 1, "type": "limit", "leverage": "5",
    "open_type": "isolated", "deal_avg_price": "0", "deal_size": "0",
    "create_time": 1662368173000, "update_time": 1662368173000,
    "plan_order_id": "220901412155341",
    "last_trade": {"lastTradeID": 1247592391, "fillQty": "1", "fillPrice": "25667.2",
                   "fee": "-0.00027", "feeCcy": "USDT"},
    "trigger_price": "-", "trigger_price_type": "-", "execution_price": "-",
    "activation_price_type": "-", "activation_price": "-", "callback_rate": "-",
    "position_mode": "hedge_mode",
}}]}  # fmt: skip
# Recorded in ccxt, 2023: without triggers and mode, and nothing traded.
OLD_FUTURES_KEYS = [
    "order_id", "client_order_id", "price", "size", "symbol", "state", "side", "type", "leverage",
    "open_type", "deal_avg_price", "deal_size", "create_time", "update_time", "plan_order_id",
    "last_trade",
]  # fmt: skip


def same_shape(frame, example, path="frame"):
    """The same keys in the same order, and the same kinds of values; no trade may be null."""
    if path.endswith("last_trade") and frame is None:
        return
    assert type(frame) is type(example), path
    if isinstance(frame, dict):
        assert list(frame) == list(example), path
        for key, value in frame.items():
            same_shape(value, example[key], f"{path}.{key}")
    elif isinstance(frame, list):
        for place, value in enumerate(frame):
            same_shape(value, example[0], f"{path}[{place}]")


class Box:
    """An exchange, and one client of a private address."""

    def __init__(self, endpoint="spot_private", *, topics=(), login=True, **options):
        knobs = {key: options.pop(key) for key in list(options) if hasattr(Knobs, key)}
        options.setdefault("exchange", None)
        exchange = options.pop("exchange")
        self.exchange = exchange or Exchange(knobs=Knobs(**knobs), start_ms=START_MS, **options)
        self.endpoint = endpoint
        self.now = 0.0
        self.closed = None
        self.connection = self.exchange.connect(endpoint, 0.0)
        if login:
            (answer,) = self.login()
            assert "errorCode" not in answer
            assert "error" not in answer
        if topics:
            assert len(self.op("subscribe", *topics)) == len(topics)

    def take(self):
        payloads = []
        for action in self.exchange.output():
            if isinstance(action, Close):
                self.closed = action
            elif isinstance(action, Send) and action.connection == self.connection:
                payloads.append(action.payload)
        return payloads

    def frames(self):
        return [json.loads(payload) for payload in self.take()]

    def send(self, message):
        text = message if isinstance(message, str) else json.dumps(message)
        self.exchange.receive(self.connection, text, self.now)
        return self.take()

    @property
    def word(self):
        return "op" if self.endpoint.startswith("spot") else "action"

    def op(self, operation, *args):
        return [json.loads(text) for text in self.send({self.word: operation, "args": list(args)})]

    def login(self, *, key=None, secret=None, memo=None, time_ms=None, sign=None):
        keys = self.exchange.keys
        used = Keys(keys.key, secret or keys.secret, memo or keys.memo)
        stamp = str(START_MS + round(self.now * 1000) if time_ms is None else time_ms)
        args = [keys.key if key is None else key, stamp]
        args.append(signature(used, stamp) if sign is None else sign)
        if self.word == "op":
            return self.op("login", *args)
        return self.op("access", *args, "web")

    def advance(self, seconds):
        self.now += seconds
        self.exchange.advance(self.now)
        return self.frames()

    def best(self, symbol=BTC):
        """The best bid and ask, as texts."""
        venue = self.exchange.spot if "_" in symbol else self.exchange.futures
        publisher = venue.publisher(symbol)
        decimals = publisher.listing.price_decimals
        return [f"{Decimal(level[0]).scaleb(-decimals):f}" for level in publisher.best()]


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
    box.exchange.place("spot", BTC, "buy", "1", "1")
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
    box.exchange.place("spot", BTC, "buy", "1", "1")
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
    box.exchange.place("futures", "BTCUSDT", "buy", "1", 1)
    assert [frame["group"] for frame in box.frames()] == ["futures/asset:USDT"]
    assert json.loads(*box.send('{"action":"ping"}'))["group"] == "System"


# Spot: orders and balances


def orders(frames, table="spot/user/orders"):
    return [frame["data"][0] for frame in frames if frame["table"] == table]


def balances(frames):
    return [
        {row["ccy"]: (Decimal(row["av_bal"]), Decimal(row["fz_bal"])) for row in item[
            "balance_details"]}
        for frame in frames if frame["table"] == "spot/user/balance" for item in frame["data"]
    ]  # fmt: skip


def test_an_order_from_placing_to_cancelling():
    box = Box(topics=[ORDERS, ORDER, BALANCE], private_decimals=10)
    box.advance(1.5)
    order_id = box.exchange.place("spot", BTC, "buy", "50000", "0.2", client_order_id='my "1"')
    placed = box.frames()
    box.advance(2.0)
    box.exchange.cancel(order_id)
    cancelled = box.frames()
    for frames in (placed, cancelled):
        tables = [frame["table"] for frame in frames]
        assert tables == ["spot/user/order", "spot/user/orders", "spot/user/balance"]
        assert frames[0]["data"] == frames[1]["data"]
        same_shape(frames[0], SPOT_ORDER)
        same_shape(frames[2], SPOT_BALANCE)
    expected = {
        "symbol": BTC,
        "side": "buy",
        "type": "limit",
        "notional": "",
        "size": "0.2000000000",
        "ms_t": str(START_MS + 1_500),
        "price": "50000.0000000000",
        "filled_notional": "0.0000000000",
        "filled_size": "0.0000000000",
        "margin_trading": "0",
        "state": "4",
        "order_id": order_id,
        "order_type": "0",
        "last_fill_time": "0",
        "last_fill_price": "0",
        "last_fill_count": "0",
        "exec_type": "",
        "detail_id": "",
        "client_order_id": 'my "1"',
        "create_time": str(START_MS + 1_500),
        "update_time": str(START_MS + 1_500),
        "order_mode": "0",
        "entrust_type": "normal",
        "order_state": "new",
        "dealFee": "0.0000000000",
        "deal_fee_coin_name": "",
    }
    assert orders(placed) == [expected]
    expected |= {"state": "8", "order_state": "canceled", "update_time": str(START_MS + 3_500)}
    assert orders(cancelled) == [expected]
    assert balances(placed) == [{"USDT": (990_000, 10_000)}]
    assert balances(cancelled) == [{"USDT": (1_000_000, 0)}]
    assert placed[2]["data"][0]["event_type"] == "TRANSACTION_COMPLETED"
    assert placed[2]["data"][0]["event_time"] == str(START_MS + 1_500)


def test_an_order_from_placing_to_its_last_fill():
    """Each partial fill is told once, with its trade; the trades are public too."""
    exchange = Exchange(start_ms=START_MS, speed=3.0, knobs=Knobs(idle_seconds=None))
    box = Box(exchange=exchange, topics=[ORDERS, BALANCE])
    public = exchange.connect("spot_public", 0.0)
    subscribe = {"op": "subscribe", "args": [f"spot/trade:{BTC}"]}
    exchange.receive(public, json.dumps(subscribe), 0.0)
    bid, _ = box.best()
    size = Decimal(9)
    order_id = exchange.place("spot", BTC, "buy", bid, size)
    own, trades, told = [], [], box.frames()
    for tenth in range(1, 2_000):
        exchange.advance(tenth / 10)
        for action in exchange.output():
            if not isinstance(action, Send):
                continue
            frame = json.loads(action.payload)
            if action.connection == public:
                trades += frame.get("data", [])
            elif action.connection == box.connection:
                told.append(frame)
        if exchange.order(order_id)["state"] == "filled":
            break
    own = orders(told)
    assert [row["order_state"] for row in own] == [
        "new", *["partially_filled"] * (len(own) - 2), "filled"
    ]  # fmt: skip
    assert len(own) > 5
    assert [row["state"] for row in own] == ["4", *["5"] * (len(own) - 2), "6"]
    filled = notional = fee = Decimal(0)
    public_trades = {(row["price"], row["size"], str(row["ms_t"]), row["side"]) for row in trades}
    public_trades = {(Decimal(p), Decimal(s), t, side) for p, s, t, side in public_trades}
    ids = []
    for row in own[1:]:
        price, count = Decimal(row["last_fill_price"]), Decimal(row["last_fill_count"])
        assert price == Decimal(bid) == Decimal(row["price"])
        filled, notional = filled + count, notional + count * price
        fee += count / 1_000
        assert Decimal(row["filled_size"]) == filled
        assert Decimal(row["filled_notional"]) == notional
        assert (Decimal(row["dealFee"]), row["deal_fee_coin_name"]) == (fee, "BTC")
        assert row["exec_type"] == "M"
        assert (price, count, row["last_fill_time"], "sell") in public_trades
        assert row["update_time"] == row["last_fill_time"]
        ids.append(int(row["detail_id"]))
    assert filled == size
    assert ids == sorted(set(ids))
    first, *after = balances(told)
    assert first == {"USDT": (1_000_000 - size * Decimal(bid), size * Decimal(bid))}
    assert len(after) == len(own) - 1
    for row, balance in zip(own[1:], after, strict=True):
        got = Decimal(row["filled_size"]) * Decimal("0.999")
        left = (size - Decimal(row["filled_size"])) * Decimal(bid)
        assert balance["BTC"] == (200 + got, 0)
        assert balance["USDT"] == (1_000_000 - size * Decimal(bid), left)


def test_a_taker_is_told_so():
    box = Box(topics=[ORDERS])
    _, ask = box.best()
    box.exchange.place("spot", BTC, "buy", None, "0.00001")
    new, filled = orders(box.frames())
    assert (new["order_state"], filled["order_state"]) == ("new", "filled")
    assert (filled["exec_type"], filled["type"]) == ("T", "market")
    assert Decimal(filled["last_fill_price"]) == Decimal(ask)


def test_kinds_and_states():
    box = Box(topics=[ORDERS], entrust_case="upper")
    bid, ask = box.best()
    place = box.exchange.place
    place("spot", BTC, "buy", ask, "0.1", kind="limit_maker")
    rows = orders(box.frames())
    assert [row["order_state"] for row in rows] == ["new", "canceled"]
    assert [(row["type"], row["order_type"], row["entrust_type"]) for row in rows] == [
        ("limit_maker", "1", "LIMIT_MAKER")
    ] * 2
    place("spot", BTC, "sell", bid, 150, kind="ioc")
    rows = orders(box.frames())
    assert rows[-1]["order_state"] == "partially_canceled"
    assert rows[-1]["state"] == "12"
    assert {(row["type"], row["order_type"], row["entrust_type"]) for row in rows} == {
        ("limit", "3", "IOC")
    }


def test_live_numbers_have_thirty_decimals():
    box = Box(topics=[ORDER, BALANCE])
    box.exchange.place("spot", BTC, "buy", "50", "0.5")
    order, balance = box.frames()
    assert order["data"][0]["price"] == "50.000000000000000000000000000000"
    assert order["data"][0]["size"] == "0.500000000000000000000000000000"
    assert balance["data"][0]["balance_details"][0]["fz_bal"] == (
        "25.000000000000000000000000000000"
    )


def test_older_orders_and_other_forms_of_balances():
    box = Box(topics=[ORDER, BALANCE], order_fields="old", balance_blanks=True, account_type=True)
    box.exchange.place("spot", BTC, "buy", "50", "0.5")
    order, balance = box.frames()
    same_shape(order, OLD_SPOT_ORDER)
    (item,) = balance["data"]
    assert item["event_type"] == "TRANSACTION_COMPLETED  "
    assert list(item) == ["event_type", "account_type", "event_time", "balance_details"]
    assert item["account_type"] == "spot"


def test_data_may_be_an_empty_text():
    box = Box(empty_data=True)
    _, push = box.send({"op": "subscribe", "args": [ORDER]})
    assert push == '{"data":"","table":"spot/user/order"}'
    assert len(box.send({"op": "subscribe", "args": [BALANCE]})) == 1


def test_money_that_comes_and_goes():
    box = Box(topics=[BALANCE])
    box.exchange.deposit("spot", "BTC", "1.5")
    box.exchange.deposit("spot", "USDT", -1_000, "ACCOUNT_WITHDRAWAL")
    frames = box.frames()
    assert [frame["data"][0]["event_type"] for frame in frames] == [
        "ACCOUNT_RECHARGE",
        "ACCOUNT_WITHDRAWAL",
    ]
    assert balances(frames) == [{"BTC": (Decimal("201.5"), 0)}, {"USDT": (999_000, 0)}]


@pytest.mark.parametrize("replies", [False, True])
@pytest.mark.parametrize("opcode", ["binary", "mixed"])
def test_private_pushes_are_compressed_like_public_ones(opcode, replies):
    """BitMart's client for Java once failed on a login answer that came compressed."""
    exchange = Exchange(knobs=Knobs(opcode=opcode, compress_replies=replies), start_ms=START_MS)
    connection = exchange.connect("spot_private", 0.0)
    keys, stamp = exchange.keys, str(START_MS)
    login = {"op": "login", "args": [keys.key, stamp, signature(keys, stamp)]}
    exchange.receive(connection, json.dumps(login), 0.0)
    exchange.receive(connection, json.dumps({"op": "subscribe", "args": [ORDERS]}), 0.0)
    answers = [action.payload for action in exchange.output()]
    for _ in range(20):
        exchange.place("spot", BTC, "buy", "1", "1")
    pushed = [action.payload for action in exchange.output()]
    kinds = {type(payload) for payload in pushed}
    assert kinds == ({bytes} if opcode == "binary" else {bytes, str})
    assert replies or {type(payload) for payload in answers} == {str}
    for payload in answers + pushed:
        if isinstance(payload, bytes):
            payload = zlib.decompress(payload, -zlib.MAX_WBITS)
        assert isinstance(json.loads(payload), dict)


# Futures: orders, positions, assets


def by_group(frames):
    return [(frame["group"], frame["data"]) for frame in frames]


def test_a_futures_order_from_placing_to_cancelling():
    box = Box("futures_private", topics=FUTURES)
    box.advance(1.5)
    order_id = box.exchange.place(
        "futures", "BTCUSDT", "buy", "50000", 20, client_order_id="BM1234"
    )
    placed = box.frames()
    box.advance(2.0)
    box.exchange.cancel(order_id)
    cancelled = box.frames()
    for frames in (placed, cancelled):
        assert [frame["group"] for frame in frames] == ["futures/order", "futures/asset:USDT"]
        same_shape(frames[0], FUTURES_ORDER)
        same_shape(frames[1], ASSET)
    order = {
        "order_id": order_id,
        "client_order_id": "BM1234",
        "price": "50000",
        "size": "20",
        "symbol": "BTCUSDT",
        "state": 2,
        "side": 1,
        "type": "limit",
        "leverage": "10",
        "open_type": "cross",
        "deal_avg_price": "0",
        "deal_size": "0",
        "create_time": START_MS + 1_500,
        "update_time": START_MS + 1_500,
        "plan_order_id": "",
        "last_trade": None,
        "trigger_price": "-",
        "trigger_price_type": "-",
        "execution_price": "-",
        "activation_price_type": "-",
        "activation_price": "-",
        "callback_rate": "-",
        "position_mode": "hedge_mode",
    }
    assert placed[0]["data"] == [{"action": 2, "order": order}]
    order |= {"state": 4, "update_time": START_MS + 3_500}
    assert cancelled[0]["data"] == [{"action": 3, "order": order}]
    # 20 contracts of 0.001 BTC at 50,000, a tenth of it and the fee of a taker.
    assert placed[1]["data"] == {
        "currency": "USDT",
        "available_balance": "999899.4",
        "position_deposit": "0",
        "frozen_balance": "100.6",
    }
    assert cancelled[1]["data"]["available_balance"] == "1000000"


def test_a_position_from_its_opening_to_its_end():
    box = Box("futures_private", topics=FUTURES)
    venue = box.exchange.futures
    (bid, bid_size), (ask, ask_size) = venue.publisher("BTCUSDT").best()
    assert min(bid_size, ask_size) >= 100
    box.exchange.place("futures", "BTCUSDT", "sell", None, 100)
    frames = box.frames()
    groups = [frame["group"] for frame in frames]
    assert groups == ["futures/order", "futures/asset:USDT"] * 2 + ["futures/position"]
    (submitted,), (matched,) = frames[0]["data"], frames[2]["data"]
    assert (submitted["action"], submitted["order"]["state"]) == (2, 1)
    assert (matched["action"], matched["order"]["state"]) == (1, 4)
    same_shape(frames[2], FUTURES_ORDER)
    price, value = Decimal(bid) / 10, Decimal(bid) / 10 * Decimal("0.1")
    fee = value * Decimal("0.0006")
    order = matched["order"]
    assert (order["side"], order["type"], order["deal_size"]) == (4, "market", "100")
    assert Decimal(order["deal_avg_price"]) == price
    last = order["last_trade"]
    assert last["lastTradeID"] == venue.trade_id("BTCUSDT", venue.publisher("BTCUSDT").trades + 1)
    assert (last["fillQty"], last["feeCcy"]) == ("100", "USDT")
    assert (Decimal(last["fillPrice"]), Decimal(last["fee"])) == (price, -fee)
    same_shape(frames[4], POSITION)
    assert frames[4]["data"] == [
        {
            "symbol": "BTCUSDT",
            "hold_volume": "100",
            "position_type": 2,
            "open_type": 2,
            "frozen_volume": "0",
            "close_volume": "0",
            "hold_avg_price": f"{price:f}",
            "close_avg_price": "0",
            "open_avg_price": f"{price:f}",
            "liquidate_price": "0",
            "create_time": START_MS,
            "update_time": START_MS,
            "position_mode": "hedge_mode",
        }
    ]
    asset = frames[3]["data"]
    assert Decimal(asset["position_deposit"]) == value / 10
    assert Decimal(asset["available_balance"]) == 1_000_000 - value / 10 - fee
    box.exchange.place("futures", "BTCUSDT", "buy_close_short", None, 100)
    frames = box.frames()
    positions = [data[0] for group, data in by_group(frames) if group == "futures/position"]
    assert [row["frozen_volume"] for row in positions] == ["100", "0"]
    assert [row["hold_volume"] for row in positions] == ["100", "0"]
    assert positions[1]["close_volume"] == "100"
    assert Decimal(positions[1]["close_avg_price"]) == Decimal(ask) / 10
    assert Decimal(positions[1]["open_avg_price"]) == price
    asset = [data for group, data in by_group(frames) if group == "futures/asset:USDT"][-1]
    won = (Decimal(bid) - Decimal(ask)) / 10 * Decimal("0.1")
    fees = fee + Decimal(ask) / 10 * Decimal("0.1") * Decimal("0.0006")
    assert Decimal(asset["available_balance"]) == 1_000_000 + won - fees
    assert asset["position_deposit"] == asset["frozen_balance"] == "0"


def test_own_trades_are_public_with_the_same_id():
    exchange = Exchange(start_ms=START_MS, speed=3.0)
    box = Box("futures_private", exchange=exchange, topics=["futures/order"])
    public = exchange.connect("futures_public", 0.0)
    subscribe = {"action": "subscribe", "args": ["futures/trade:BTCUSDT"]}
    exchange.receive(public, json.dumps(subscribe), 0.0)
    bid, _ = box.best("BTCUSDT")
    order_id = exchange.place("futures", "BTCUSDT", "buy", bid, 30_000)
    own, trades = [], {}
    for tenth in range(1, 400):
        exchange.advance(tenth / 10)
        for action in exchange.output():
            if not isinstance(action, Send):
                continue
            frame = json.loads(action.payload)
            if frame.get("group") == "futures/trade:BTCUSDT" and "data" in frame:
                trades |= {row["trade_id"]: row for row in frame["data"]}
            if frame.get("group") == "futures/order":
                own += [push["order"]["last_trade"] for push in frame["data"]]
    assert exchange.order(order_id)["state"] == "filled"
    own = [last for last in own if last is not None]
    assert len(own) > 2
    assert sum(int(last["fillQty"]) for last in own) == 30_000
    for last in own:
        row = trades[last["lastTradeID"]]
        assert (row["deal_price"], row["deal_vol"]) == (last["fillPrice"], last["fillQty"])
        assert row["m"]  # the own buyer was the maker


def test_positions_are_told_every_ten_seconds():
    box = Box("futures_private", topics=["futures/position"], futures_idle_seconds=None)
    assert box.advance(25.0) == []
    box.exchange.place("futures", "ETHUSDT", "buy", None, 5)
    box.exchange.place("futures", "BTCUSDT", "sell", None, 5)
    assert len(box.frames()) == 2
    (first,) = box.advance(10.0)
    assert [row["symbol"] for row in first["data"]] == ["ETHUSDT", "BTCUSDT"]
    same_shape(first, POSITION)
    assert len(box.advance(30.0)) == 3
    box.exchange.place("futures", "ETHUSDT", "sell_close_long", None, 5)
    box.frames()
    (later,) = box.advance(10.0)
    assert [row["symbol"] for row in later["data"]] == ["BTCUSDT"]
    box.op("unsubscribe", "futures/position")
    assert box.advance(30.0) == []
    box.op("subscribe", "futures/position")
    assert len(box.advance(30.0)) == 3


def test_other_forms_of_futures_news():
    box = Box(
        "futures_private", topics=FUTURES, order_fields="old", open_type="isolated", leverage=5
    )
    box.exchange.place("futures", "BTCUSDT", "buy", None, 5)
    frames = box.frames()
    order = frames[2]["data"][0]["order"]
    assert list(order) == OLD_FUTURES_KEYS
    assert (order["leverage"], order["open_type"]) == ("5", "isolated")
    (position,) = frames[4]["data"]
    assert "position_mode" not in position
    assert position["open_type"] == 1
    liquidation = Decimal(position["hold_avg_price"]) * Decimal("0.805")
    assert abs(Decimal(position["liquidate_price"]) - liquidation) < Decimal("1e-6")


def test_the_demo_is_another_account_behind_the_same_keys():
    exchange = Exchange(start_ms=START_MS)
    live = Box("futures_private", exchange=exchange, topics=FUTURES)
    demo = Box("demo_futures_private", exchange=exchange, topics=FUTURES)
    exchange.place("demo", "BTCUSDT", "buy", None, 5)
    told = {}
    for action in exchange.output():
        told.setdefault(action.connection, []).append(json.loads(action.payload)["group"])
    assert set(told) == {demo.connection}
    assert told[demo.connection].count("futures/position") == 1
    exchange.place("futures", "BTCUSDT", "buy", None, 5)
    assert {action.connection for action in exchange.output()} == {live.connection}


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
    exchange.receive(connection, profile.encode("subscribe", topics), 0.0)
    exchange.receive(connection, profile.ping, 0.0)
    market, symbol = ("spot", BTC) if profile is SPOT_PRIVATE else ("futures", "BTCUSDT")
    size = "0.5" if market == "spot" else 50
    order_id = exchange.place(market, symbol, "buy", None, size)
    before = profile.unknown_fields()
    kinds, values = [], {}
    for action in exchange.output():
        message = decode(action.payload) if action.payload != "pong" else "pong"
        reply = profile.classify(message)
        if reply is not None:
            kinds.append((reply.kind, reply.operation))
            continue
        channel = message[profile.channel_key].partition(":")[0]
        values.setdefault(channel, []).extend(profile.stream(channel).decode(message))
    assert kinds[0] == ("ack", "login")
    assert kinds[1:4] == [("ack", "subscribe")] * 3
    assert [kind for kind, _ in kinds[4:]] == ["pong"]
    assert set(values) == {topic.partition(":")[0] for topic in topics}
    order = values["spot/user/orders" if market == "spot" else "futures/order"][-1]
    described = exchange.order(order_id)
    assert (order.order_id, order.symbol, order.side) == (order_id, symbol, "buy")
    assert order.filled_size == Decimal(described["filled_size"]) == Decimal(size)
    assert order.status == "filled"
    assert order.fill.side == "buy"
    assert profile.unknown_fields() == before
