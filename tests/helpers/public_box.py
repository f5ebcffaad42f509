"""The box's public spot and legacy addresses: one client, what it is sent, and BitMart's examples.

The examples are from BitMart's spot API reference ("WebSocket Subscription", 2025) and from
bitmart-official-api-docs (2020, `WEBSOCKET.md`), except where a comment says otherwise.
"""

import json
from decimal import Decimal

from bitmart_book.sim import Close, Exchange

BTC = "spot/depth/increase100:BTC_USDT"

DOCUMENTED = {
    "spot/depth/increase100": {"data": [{
        "asks": [["23200", "0.69959"], ["28000.00", "0.20000"]], "bids": [["23105", "1.80114"]],
        "ms_t": 1698292343610, "symbol": "BTC_USDT", "type": "snapshot", "version": 4,
    }], "table": "spot/depth/increase100"},
    # Recorded in 2021.
    "spot/depth5": {"data": [{
        "asks": [["46828.38", "0.21847"]], "bids": [["46820.78", "0.00444"]],
        "ms_t": 1631044962431, "symbol": "BTC_USDT",
    }], "table": "spot/depth5"},
    "spot/trade": {"table": "spot/trade", "data": [{
        "symbol": "ETH_USDT", "price": "162.12", "side": "buy", "size": "11.085",
        "s_t": 1542337219, "ms_t": 1542337219120,
    }]},
    "spot/ticker": {"data": [{
        "ask_px": "36000", "ask_sz": "1.021", "base_volume_24h": "2.02000", "bid_px": "35000",
        "bid_sz": "11", "fluctuation": "-0.0001", "high_24h": "35003.04",
        "last_price": "35000.00", "low_24h": "35000.00", "ms_t": 1709024652967,
        "open_24h": "35003.03", "quote_volume_24h": "70700.00", "s_t": 1709024652,
        "symbol": "BTC_USDT",
    }], "table": "spot/ticker"},
    # From a client's tests (2026); BitMart's own text is not known.
    "spot/bookTicker": {"data": [{
        "ask_px": "71291.23", "ask_sz": "2.46310", "bid_px": "71291.2", "bid_sz": "2.30267",
        "ms_t": 1773892368212, "symbol": "BTC_USDT",
    }], "table": "spot/bookTicker"},
    "spot/kline1m": {"data": [{
        "candle": [1709025360, "162.01", "162.02", "162.03", "162.04", "336.452694"],
        "symbol": "BTC_USDT",
    }], "table": "spot/kline1m"},
}  # fmt: skip
LEGACY_PRICE = {"subscribe": "price", "symbol": "BMX_ETH", "data": {
    "open_price": "0.000109", "highest_price": "0.000122", "lowest_price": "0.000094",
    "volume": "2396.650514", "current_price": "0.000112", "fluctuation": "+0.0275",
    "rate": "0.05 USD", "timestamp": 1532033149669,
}}  # fmt: skip
LEGACY_KLINE = {"subscribe": "kline", "symbol": "BMX_ETH", "step": "1", "data": {
    "open_price": "0.000112", "highest_price": "0.000112", "lowest_price": "0.000112",
    "volume": "0.000000", "current_price": "0.000112", "timestamp": 1532033149669,
}}  # fmt: skip
LEGACY_DEPTH = {"subscribe": "depth", "symbol": "BMX_ETH", "precision": 6, "data": {
    "buys": [
        {"amount": "30657.00", "total": "30657.00", "price": "0.000111", "count": "1"},
        {"amount": "53266.60", "total": "83923.60", "price": "0.000110", "count": "3"},
    ],
    "sells": [{"amount": "7734.95", "total": "7734.95", "price": "0.000113", "count": "3"}],
}}  # fmt: skip
LEGACY_TRADE = {"subscribe": "trade", "precision": 6, "symbol": "BMX_ETH", "data": {"trades": [
    {"side": "buy", "amount": "2.07827200", "price": "0.000112", "count": "18556.00",
     "time": 1532039229703},
]}}  # fmt: skip


def same_shape(frame, example, path="frame"):
    """The same keys, and the same kinds of values: numbers as numbers, number texts as such."""
    assert type(frame) is type(example), path
    if isinstance(frame, dict):
        assert set(frame) == set(example), path
        for key, value in frame.items():
            same_shape(value, example[key], f"{path}.{key}")
    elif isinstance(frame, list) and path.endswith("candle"):
        assert len(frame) == len(example)
        for place, value in enumerate(frame):
            same_shape(value, example[place], f"{path}[{place}]")
    elif isinstance(frame, list):
        for place, value in enumerate(frame):
            same_shape(value, example[0], f"{path}[{place}]")
    elif isinstance(frame, str) and example.lstrip("+-").replace(".", "").isdigit():
        assert Decimal(frame).is_finite(), path
        assert "e" not in frame.lower(), path


class Box:
    """An exchange, and the frames that one client of it received."""

    def __init__(self, endpoint="spot_public", knobs=None, at=0.0, **options):
        options.setdefault("symbols", ["BTC_USDT", "ETH_USDT", "BMX_ETH"])
        self.exchange = Exchange(knobs=knobs, **options)
        self.now = at
        self.connection = self.exchange.connect(endpoint, at)
        assert isinstance(self.connection, int)
        self.closed = None

    def take(self):
        payloads = []
        for action in self.exchange.output():
            if isinstance(action, Close):
                self.closed = action
            else:
                payloads.append(action.payload)
        return payloads

    def send(self, message):
        """The immediate answers to a message."""
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        self.exchange.receive(self.connection, text, self.now)
        return [frame if frame == "pong" else json.loads(frame) for frame in self.take()]

    def op(self, operation, *topics):
        return self.send({"op": operation, "args": list(topics)})

    def run(self, seconds, step=0.1):
        """What is pushed in that time; the client pings when it must."""
        payloads = []
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + step)
            self.exchange.advance(self.now)
            payloads += self.take()
        return payloads


def frames(payloads):
    return [json.loads(payload) for payload in payloads]


def rows(frame):
    (item,) = frame["data"]
    return item


class Client:
    """The documented rules, written down once more: snapshot replaces, update follows by one."""

    def __init__(self):
        self.version = None
        self.sides = {"bids": {}, "asks": {}}

    def take(self, item):
        if item["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        elif item["version"] == self.version:
            assert item["asks"] == item["bids"] == []
            return False
        else:
            assert item["version"] == self.version + 1
        self.version = item["version"]
        for side, levels in self.sides.items():
            for price, size in item[side]:
                levels[Decimal(price)] = Decimal(size)
                if not Decimal(size):
                    del levels[Decimal(price)]
        return True

    def best_first(self, side):
        return tuple(sorted(self.sides[side].items(), reverse=side == "bids"))


LEGACY_ORDER = {"subscribe": "order", "symbol": "BMX_ETH", "precision": 6}
