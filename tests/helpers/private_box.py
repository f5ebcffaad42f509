"""The box's private addresses: one client that logs in, what it is told, and BitMart's examples."""

import json
from decimal import Decimal

from bitmart_book.sim import Close, Exchange, Knobs, Send
from bitmart_book.sim.account.private import Keys, signature

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
