"""The simulated Kraken: its words beside recorded ones, and books kept by a dictionary."""

import itertools
import json
import re
from collections import Counter

import pytest

from bitmart_book.errors import UsageError
from bitmart_book.sim import Close, Exchange, Refusal
from bitmart_book.sim.venue.kraken import checksum
from tests.helpers.plain import PlainKraken

STAMP = re.compile(r"2026-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
# Keys of recorded frames of 2026-08-16 and of documented ones, in their order.
ACK = ["method", "result", "success", "time_in", "time_out"]
PUSH = ["channel", "type", "data"]
BOOK = ["symbol", "bids", "asks", "checksum", "timestamp"]
TRADE = ["symbol", "side", "price", "qty", "ord_type", "trade_id", "timestamp"]
TICKER = [
    "symbol", "bid", "bid_qty", "ask", "ask_qty", "last", "volume", "vwap", "low", "high",
    "change", "change_pct", "timestamp",
]  # fmt: skip


class Talk:
    """One connection to the simulated Kraken."""

    def __init__(self, **options):
        self.exchange = Exchange(venue="kraken", **options)
        self.connection = self.exchange.connect("kraken_public", 0.0)
        self.now = 0.0

    def heard(self):
        return [send.payload for send in self.exchange.output() if hasattr(send, "payload")]

    def say(self, method, channel, symbols, id_=None, **params):
        message = {"method": method, "params": {"channel": channel, "symbol": symbols, **params}}
        if id_ is not None:
            message["req_id"] = id_
        self.exchange.receive(self.connection, json.dumps(message), self.now)
        return self.heard()

    def wait(self, seconds):
        self.now += seconds
        self.exchange.advance(self.now)
        return self.heard()


@pytest.fixture
def talk():
    talk = Talk(seed=1)
    talk.greeting = talk.heard()
    return talk


def shaped(text):
    """A frame's keys, in their order."""
    return list(json.loads(text))


def test_the_documented_checksum():
    bids = (
        ("45283.5", "0.10000000"), ("45283.4", "1.54582015"), ("45282.1", "0.10000000"),
        ("45281.0", "0.10000000"), ("45280.3", "1.54592586"), ("45279.0", "0.07990000"),
        ("45277.6", "0.03310103"), ("45277.5", "0.30000000"), ("45277.3", "1.54602737"),
        ("45276.6", "0.15445238"),
    )  # fmt: skip
    asks = (
        ("45285.2", "0.00100000"), ("45286.4", "1.54571953"), ("45286.6", "1.54571109"),
        ("45289.6", "1.54560911"), ("45290.2", "0.15890660"), ("45291.8", "1.54553491"),
        ("45294.7", "0.04454749"), ("45296.1", "0.35380000"), ("45297.5", "0.09945542"),
        ("45299.5", "0.18772827"),
    )  # fmt: skip
    assert checksum(bids, asks) == 3310070434
    # What lies below the ten best is not in it.
    assert checksum((*bids, ("1.0", "1.0")), (*asks, ("99999.0", "1.0"))) == 3310070434
    plain = PlainKraken(10)
    plain.books["BTC/USD"] = dict(bids), dict(asks)
    assert plain.checksum("BTC/USD") == 3310070434


def test_who_connects_is_told_the_status(talk):
    (greeting,) = map(json.loads, talk.greeting)
    (status,) = greeting.pop("data")
    assert greeting == {"channel": "status", "type": "update"}
    assert status.pop("connection_id") >= 2**63
    assert status == {"version": "2.0.10", "system": "online", "api_version": "v2"}
    # Nothing more until something is subscribed.
    assert talk.wait(30.0) == []


def test_each_symbol_is_acknowledged_by_itself(talk):
    heard = talk.say("subscribe", "book", ["BTC/USD", "ETH/USD"], id_=7, depth=25, snapshot=True)
    assert [shaped(text) for text in heard] == [[*ACK, "req_id"], PUSH] * 2
    ack, first, *_ = map(json.loads, heard)
    assert list(ack["result"].items()) == [
        ("channel", "book"), ("depth", 25), ("snapshot", True), ("symbol", "BTC/USD"),
    ]  # fmt: skip
    assert (ack["method"], ack["success"], ack["req_id"]) == ("subscribe", True, 7)
    assert STAMP.fullmatch(ack["time_in"])
    assert first["type"] == "snapshot"
    (item,) = first["data"]
    assert list(item) == BOOK
    assert STAMP.fullmatch(item["timestamp"])
    assert len(item["bids"]) == len(item["asks"]) == 25


def test_numbers_are_bare_and_have_all_their_decimals(talk):
    texts = talk.say("subscribe", "book", ["BTC/USD", "MINA/GBP"])
    talk.now = 0.0
    texts += talk.wait(30.0)
    books = [text for text in texts if text.startswith('{"channel":"book"')]
    decimals = {"BTC/USD": 1, "MINA/GBP": 5}
    seen = Counter()
    for text in books:
        places = decimals[json.loads(text)["data"][0]["symbol"]]
        rows = re.findall(r'\{"price":([^,]+),"qty":([^}]+)\}', text)
        assert all(re.fullmatch(rf"\d+\.\d{{{places}}}", price) for price, _ in rows)
        assert all(re.fullmatch(r"\d+\.\d{8}", size) for _, size in rows)
        seen.update(size == "0.00000000" for _, size in rows)
    assert seen[True] > 20, "nothing was removed"


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
def test_a_dictionary_keeps_every_book_and_every_checksum(depth):
    talk = Talk(seed=depth, speed=4.0, glimpses=0)
    plain = PlainKraken(depth)
    symbols = list(talk.exchange.feeds["kraken"].listings)
    for text in talk.heard() + talk.say("subscribe", "book", symbols, depth=depth):
        plain.hear(text)
    compared = 0
    while plain.applied < 1_000 and talk.now < 600:
        for text in talk.wait(0.5):
            plain.hear(text)
        for symbol in symbols:
            version = talk.exchange.markets.told_version(
                symbol, f"book{depth}", plain.marks[symbol]
            )
            assert plain.sides(symbol) == talk.exchange.markets.window(symbol, version, depth)
            compared += 1
    assert plain.wrong == []
    assert plain.applied >= 1_000
    assert compared > 20
    beats = [frame for frame in plain.others if frame == {"channel": "heartbeat"}]
    assert len(beats) < talk.now


def test_who_does_not_cut_to_the_depth_is_found_out():
    talk = Talk(seed=3, speed=4.0)
    plain = PlainKraken(10_000)
    for text in talk.heard() + talk.say("subscribe", "book", ["BTC/USD"], depth=10):
        plain.hear(text)
    for text in talk.wait(60.0):
        plain.hear(text)
    assert plain.wrong


def test_a_level_that_comes_back_is_sent_and_one_that_is_pushed_out_is_not():
    talk = Talk(seed=3)
    first = json.loads(talk.say("subscribe", "book", ["BTC/USD"])[-1])["data"][0]
    before = [level["price"] for level in first["bids"]]
    talk.exchange.markets.take("kraken:BTC/USD", "bid", 2)
    (update,) = (json.loads(text)["data"][0] for text in talk.wait(0.0))
    gone = {level["price"] for level in update["bids"] if level["qty"] == 0}
    came = {level["price"] for level in update["bids"] if level["qty"] > 0}
    assert gone == set(before[:2])
    assert len(came) == 2
    assert max(came) < before[-1]
    talk.exchange.markets.take("kraken:BTC/USD", "bid", 1)
    # Over a longer time far more levels leave the ten best than are said to be gone.
    market = talk.exchange.markets.publisher("kraken:BTC/USD").market
    shown, left = set(before), 0
    for text in talk.wait(20.0):
        if '"book"' not in text:
            continue
        for level in json.loads(text)["data"][0]["bids"]:
            shown.add(level["price"])
    left = [price for price in shown if round(price * 10) in market.bids.sizes]
    assert len(left) > 10


def test_the_same_price_may_stand_twice_and_the_last_counts():
    talk = Talk(seed=5, speed=4.0)
    talk.say("subscribe", "book", ["BTC/USD"], depth=100)
    twice = 0
    for text in talk.wait(60.0):
        if text.startswith('{"channel":"book"'):
            prices = [level["price"] for level in json.loads(text)["data"][0]["bids"]]
            twice += len(prices) != len(set(prices))
    assert twice > 5


def test_heartbeats_come_each_second_in_which_nothing_else_does():
    talk = Talk(symbols=["MINA/GBP"], seed=1)
    talk.say("subscribe", "book", ["MINA/GBP"])
    frames = []
    for _ in range(1_200):
        frames += [(talk.now, text) for text in talk.wait(0.1)]
    beats = [when for when, text in frames if text == '{"channel":"heartbeat"}']
    times = [0.0, *(when for when, _ in frames)]
    assert len(beats) > 100
    assert all(after - before < 1.15 for before, after in itertools.pairwise(times))
    assert len(frames) - len(beats) < 15, "the quiet pair is not quiet"


def test_a_quiet_pair_says_nothing_for_minutes():
    talk = Talk(symbols=["MINA/GBP", "KAVA/EUR"], seed=2)
    plain = PlainKraken(10)
    for text in talk.heard() + talk.say("subscribe", "book", ["MINA/GBP", "KAVA/EUR"]):
        plain.hear(text)
    spoke, longest = 0.0, 0.0
    for _ in range(1_800):
        heard = [text for text in talk.wait(1.0) if "heartbeat" not in text]
        if heard:
            longest, spoke = max(longest, talk.now - spoke), talk.now
    assert longest > 120


def test_what_is_refused(talk):
    def refused(heard):
        (text,) = heard
        error = json.loads(text)
        assert not error.pop("success")
        assert STAMP.fullmatch(error.pop("time_in"))
        assert STAMP.fullmatch(error.pop("time_out"))
        return error

    assert refused(talk.say("subscribe", "book", ["BTC/USD"], depth=7)) == {
        "error": "Subscription depth not supported", "method": "subscribe",
    }  # fmt: skip
    unknown = refused(talk.say("subscribe", "book", ["FOO/BAR"], id_=3))
    assert unknown == {
        "error": "Currency pair not supported FOO/BAR", "method": "subscribe",
        "symbol": "FOO/BAR", "req_id": 3,
    }  # fmt: skip
    assert refused(talk.say("subscribe", "candles", ["BTC/USD"]))["error"]
    assert refused(talk.say("dance", "book", ["BTC/USD"]))["error"]
    assert refused(talk.say("subscribe", "book", []))["error"]
    assert refused(talk.say("subscribe", "ticker", ["BTC/USD"], event_trigger="moon"))["error"]
    assert refused(talk.say("unsubscribe", "book", ["BTC/USD"]))["symbol"] == "BTC/USD"
    for rubbish in ("", "ping", "[]", '{"method":"subscribe"}', b"\xff", '{"method":'):
        talk.exchange.receive(talk.connection, rubbish, talk.now)
        assert refused(talk.heard())["error"]
    # One depth of each pair on a connection.
    assert len(talk.say("subscribe", "book", ["BTC/USD"], depth=25)) == 2
    assert refused(talk.say("subscribe", "book", ["BTC/USD"], depth=10))["symbol"] == "BTC/USD"
    assert refused(talk.say("unsubscribe", "book", ["BTC/USD"], depth=10))["symbol"] == "BTC/USD"
    (ack,) = map(json.loads, talk.say("unsubscribe", "book", ["BTC/USD"], depth=25, id_=9))
    assert ack["result"] == {"channel": "book", "depth": 25, "symbol": "BTC/USD"}
    assert ack["req_id"] == 9
    assert all("heartbeat" in text for text in talk.wait(5.0))
    assert len(talk.say("subscribe", "book", ["BTC/USD"], depth=10)) == 2


def test_a_refused_depth_leaves_a_connection_that_can_go_on():
    talk = Talk(seed=1)
    talk.say("subscribe", "book", ["BTC/USD", "FOO/BAR"], depth=10)
    assert any('"update"' in text for text in talk.wait(5.0))


def test_trades_and_tickers(talk):
    heard = talk.say("subscribe", "trade", ["BTC/USD"], snapshot=True)
    past = json.loads(heard[1])
    assert past["type"] == "snapshot"
    assert 1 < len(past["data"]) <= 50
    assert [list(item) for item in past["data"]] == [TRADE] * len(past["data"])
    assert len(talk.say("subscribe", "trade", ["ETH/USD"])) == 1, "nobody asked for the past"
    heard = talk.say("subscribe", "ticker", ["BTC/USD"])
    assert [list(item) for item in json.loads(heard[1])["data"]] == [TICKER]
    assert json.loads(heard[0])["result"]["event_trigger"] == "trades"
    assert json.loads(heard[1])["type"] == "snapshot"
    pushed = Counter()
    ids = [item["trade_id"] for item in past["data"]]
    for text in talk.wait(60.0):
        frame = json.loads(text)
        pushed[frame["channel"], frame.get("type")] += 1
        if frame["channel"] == "trade":
            ids += [i["trade_id"] for i in frame["data"] if i["symbol"] == "BTC/USD"]
    assert pushed["trade", "update"] > 10
    assert pushed["ticker", "update"] > 10
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_instruments(talk):
    heard = talk.say("subscribe", "instrument", None, snapshot=True)
    ack, snapshot = map(json.loads, heard)
    assert ack["result"] == {"channel": "instrument", "snapshot": True}
    assert snapshot["type"] == "snapshot"
    pairs = {pair["symbol"]: pair for pair in snapshot["data"]["pairs"]}
    assert set(pairs) == set(talk.exchange.feeds["kraken"].listings)
    assert {"symbol", "status", "price_precision", "qty_precision", "price_increment",
            "qty_increment", "qty_min", "cost_min"} <= set(pairs["BTC/USD"])  # fmt: skip
    assert pairs["BTC/USD"]["price_precision"] == 1
    assert pairs["BTC/USD"]["price_increment"] == 0.1
    # Small numbers have an exponent here, as on the live wire.
    assert '"qty_increment":1e-08' in heard[1]
    assert talk.wait(1.0) == ['{"channel":"heartbeat"}']


def test_pings(talk):
    talk.exchange.receive(talk.connection, '{"method":"ping","req_id":42}', 0.0)
    (pong,) = map(json.loads, talk.heard())
    assert list(pong) == ["method", "req_id", "time_in", "time_out"]
    assert (pong["method"], pong["req_id"]) == ("pong", 42)


def test_a_connection_without_anything_is_closed_after_a_minute(talk):
    talk.exchange.advance(59.9)
    assert talk.exchange.output() == []
    talk.exchange.advance(60.1)
    (close,) = talk.exchange.output()
    assert isinstance(close, Close)


def test_150_connections_in_ten_minutes():
    exchange = Exchange(venue="kraken")
    answers = [exchange.connect("kraken_public", n * 0.1) for n in range(160)]
    assert [isinstance(answer, Refusal) for answer in answers] == [False] * 150 + [True] * 10
    assert isinstance(exchange.connect("kraken_public", 640.0), int)


def test_symbols_are_spelled_as_there():
    exchange = Exchange(venue="kraken", symbols=["BTC/USD", "BTC_USDT"])
    assert set(exchange.feeds["kraken"].listings) == {"BTC/USD"}
    assert set(exchange.listings) == {"BTC_USDT"}
    assert exchange.contracts == {}
    assert (
        exchange.markets.key("BTC/USD")
        == "kraken:BTC/USD"
        == exchange.markets.key("kraken:BTC/USD")
    )
    assert exchange.markets.key("BTC_USDT") == "BTC_USDT"
    extra = Exchange(venue="kraken", extra_symbols=3).feeds["kraken"].listings
    assert "SYM0003/USD" in extra
    with pytest.raises(UsageError, match="BTC-USD"):
        Exchange(venue="kraken", symbols=["BTC-USD"])
    with pytest.raises(UsageError, match="speaks no 'krakn'; there is: bitmart, kraken"):
        Exchange(venue="krakn")
    with pytest.raises(UsageError, match="no endpoint 'kraken_public'"):
        Exchange().connect("kraken_public", 0.0)


def test_the_same_seed_says_the_same():
    def said(seed):
        talk = Talk(seed=seed)
        return talk.say("subscribe", "book", ["BTC/USD"]) + talk.wait(10.0)

    assert said(1) == said(1) != said(2)
