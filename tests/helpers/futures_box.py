"""The box's public futures address: one client, what it is sent, and BitMart's examples.

The examples are of BitMart's futures v2 API reference ("WebSocket Subscription", 2025) or, where a
comment says so, recorded.
"""

import json
from decimal import Decimal

from bitmart_book.sim import Close, Exchange, Knobs, Ping, Pong

START_MS = 1_787_000_000_000
BTC50 = "futures/depthIncrease50:BTCUSDT"

# Recorded by a probe (2026-09-23), in ccxt (2023, 2025) or in hftbacktest (2025-03-10), except
# "documented" ones.
LEVEL = {"price": "70391.6", "vol": "3550"}
EXAMPLES = {
    "depthIncrease": {"data": {
        "symbol": "BTCUSDT", "asks": [LEVEL], "bids": [LEVEL], "ms_t": 1730400086184,
        "version": 980361, "type": "snapshot",
    }, "group": "futures/depthIncrease20:BTCUSDT@200ms"},
    "depthAll": {"data": {
        "symbol": "BTCUSDT", "asks": [LEVEL], "bids": [LEVEL], "ms_t": 1730399750402,
    }, "group": "futures/depthAll20:BTCUSDT@200ms"},
    "depth": {"group": "futures/depth50:BTCUSDT", "data": {
        "symbol": "BTCUSDT", "way": 1, "depths": [LEVEL], "ms_t": 1701566021194,
    }},
    "old depth": {"group": "futures/depth50:BTCUSDT", "data": {
        "symbol": "BTCUSDT", "way": 2, "depths": [LEVEL],
    }},
    "bookticker": {"data": {
        "symbol": "BTCUSDT", "best_bid_price": "86657.9", "best_bid_vol": "17485",
        "best_ask_price": "86658", "best_ask_vol": "10847", "ms_t": 1790134291018,
    }, "group": "futures/bookticker:BTCUSDT"},
    "ticker": {"data": {
        "symbol": "XAUTUSDT", "last_price": "4338.94", "volume_24": "1852728",
        "range": "-0.0013970048400349", "mark_price": "4338.94", "index_price": "4340.10731595",
        "ask_price": "4339.23", "ask_vol": "137", "bid_price": "4338.93", "bid_vol": "2294",
    }, "group": "futures/ticker"},
    # Of v1, documented.
    "old ticker": {"group": "futures/ticker", "data": {
        "symbol": "BTCUSDT", "volume_24": "117387.58", "fair_price": "146.24",
        "last_price": "146.24", "range": "147.17", "ask_price": "147.11", "ask_vol": "1",
        "bid_price": "142.11", "bid_vol": "1",
    }},
    "trade way+m": {"data": [{
        "trade_id": 3000000389425121, "symbol": "BTCUSDT", "deal_price": "78727.3",
        "deal_vol": "310", "way": 2, "m": True, "created_at": "2025-03-10T18:17:14.656686827Z",
    }], "group": "futures/trade:BTCUSDT"},
    # Documented.
    "trade m": {"data": [{
        "trade_id": 1409495322, "symbol": "BTCUSDT", "deal_price": "117387.58",
        "deal_vol": "1445", "m": True, "created_at": "2023-02-24T07:54:11.124940968Z",
    }], "group": "futures/trade:BTCUSDT"},
    "trade way": {"data": [{
        "trade_id": 6798697637, "contract_id": 1, "symbol": "BTCUSDT", "deal_price": "39735.8",
        "deal_vol": "2", "type": 0, "way": 1, "create_time": 1701618503,
        "create_time_mill": 1701618503517, "created_at": "2023-12-03T15:48:23.517518538Z",
    }], "group": "futures/trade:BTCUSDT"},
    "kline items": {"group": "futures/klineBin1m:BTCUSDT", "data": {"symbol": "BTCUSDT", "items": [
        {"o": "39635.8", "h": "39636", "l": "39614.4", "c": "39629.7", "v": "31852",
         "ts": 1701617761},
    ]}},
    # Documented, of marked prices too.
    "kline flat": {"group": "futures/klineBin1m:BTCUSDT", "data": {
        "symbol": "BTCUSDT", "o": "146.24", "h": "146.24", "l": "146.24", "c": "146.24",
        "v": "146", "ts": 1700533801,
    }},
    "fundingRate": {"data": {
        "symbol": "BTCUSDT", "fundingRate": "0.000011900082", "fundingTime": 1790134290000,
        "nextFundingRate": "0.0000386", "nextFundingTime": 1790150400000,
        "funding_upper_limit": "0.0375", "funding_lower_limit": "-0.0375", "ts": 1790134290542,
    }, "group": "futures/fundingRate:BTCUSDT"},
}  # fmt: skip


def same_shape(frame, example, path="frame"):
    """The same keys in the same order, and the same kinds of values."""
    assert type(frame) is type(example), path
    if isinstance(frame, dict):
        assert list(frame) == list(example), path
        for key, value in frame.items():
            same_shape(value, example[key], f"{path}.{key}")
    elif isinstance(frame, list):
        for place, value in enumerate(frame):
            same_shape(value, example[0], f"{path}[{place}]")
    elif isinstance(frame, str) and example.lstrip("-").replace(".", "").isdigit():
        assert Decimal(frame).is_finite(), path
        assert "e" not in frame.lower(), path
        # Futures write no superfluous zeros.
        assert "." not in frame or frame[-1] not in "0.", path


class Box:
    """An exchange, and one client of its public futures address."""

    def __init__(self, *, endpoint="futures_public", **options):
        knobs = {key: options.pop(key) for key in list(options) if hasattr(Knobs, key)}
        self.exchange = Exchange(knobs=Knobs(**knobs), start_ms=START_MS, **options)
        self.now = 0.0
        self.connection = self.exchange.connect(endpoint, 0.0)
        self.other = []
        """What came beside messages."""

    def take(self):
        payloads = []
        for action in self.exchange.output():
            if isinstance(action, Close | Pong | Ping):
                self.other.append(action)
            elif action.connection == self.connection:
                payloads.append(action.payload)
        return payloads

    def send(self, message):
        """The immediate answers to a message, as texts."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.exchange.receive(self.connection, text, self.now)
        return self.take()

    def op(self, action, *topics):
        return [json.loads(text) for text in self.send({"action": action, "args": list(topics)})]

    def steps(self, seconds):
        """Frame by frame, while the exchange still stands where it sent it."""
        end = self.now + seconds
        while (due := self.exchange.next_deadline()) is not None and due <= end:
            self.now = due
            self.exchange.advance(due)
            for text in self.take():
                yield json.loads(text)
        self.now = end

    def run(self, seconds):
        return list(self.steps(seconds))

    def publisher(self, symbol="BTCUSDT"):
        return self.exchange.futures.publisher(symbol)


def pushed(frames, group):
    return [frame["data"] for frame in frames if frame.get("group") == group and "data" in frame]


def echo(action, *topics):
    return {"action": action, "args": list(topics)}


KLINES = ["1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W"]
