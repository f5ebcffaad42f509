"""The simulated Bybit: its words beside recorded ones, and books kept by a dictionary."""

import itertools
import json
import re
from collections import Counter

import pytest

from bitmart_book.sim import Close, Exchange, Refusal
from tests.helpers.plain import PlainBybit

ENDPOINTS = {
    "spot": "bybit_spot_public", "linear": "bybit_public", "inverse": "bybit_inverse_public",
}  # fmt: skip
MARKETS = {"spot": "bybit-spot", "linear": "bybit", "inverse": "bybit-inverse"}
# Keys of recorded and documented frames, in their order.
PUSH = ["topic", "type", "ts", "data", "cts"]
BOOK = ["s", "b", "a", "u", "seq"]
TRADE = ["T", "s", "S", "v", "p", "L", "i", "BT", "RPI", "seq"]
SPOT_TICKER = {
    "symbol", "lastPrice", "highPrice24h", "lowPrice24h", "prevPrice24h", "volume24h",
    "turnover24h", "price24hPcnt", "usdIndexPrice",
}  # fmt: skip


class Talk:
    """One connection to an address of the simulated Bybit."""

    def __init__(self, where="linear", **options):
        self.exchange = Exchange(venue="bybit", **options)
        self.connection = self.exchange.connect(ENDPOINTS[where], 0.0)
        self.feed = self.exchange.feeds[MARKETS[where]]
        self.now = 0.0

    def heard(self):
        return [send.payload for send in self.exchange.output() if hasattr(send, "payload")]

    def say(self, *topics, op="subscribe", **more):
        message = {"op": op, "args": topics, **more}
        self.exchange.receive(self.connection, json.dumps(message), self.now)
        return self.heard()

    def wait(self, seconds):
        self.now += seconds
        self.exchange.advance(self.now)
        return self.heard()


def test_one_answer_for_a_request():
    talk = Talk()
    heard = talk.say("orderbook.50.BTCUSDT", "orderbook.200.ETHUSDT", req_id="r1")
    ack, first, second = map(json.loads, heard)
    assert list(ack) == ["success", "ret_msg", "conn_id", "req_id", "op"]
    assert (ack["success"], ack["ret_msg"], ack["req_id"], ack["op"]) == (
        True, "", "r1", "subscribe",
    )  # fmt: skip
    assert list(first) == PUSH
    assert (first["topic"], first["type"]) == ("orderbook.50.BTCUSDT", "snapshot")
    assert list(first["data"]) == BOOK
    assert first["data"]["s"] == "BTCUSDT"
    assert (len(first["data"]["b"]), len(second["data"]["a"])) == (50, 145)
    assert first["cts"] <= first["ts"]


def test_numbers_are_texts_with_their_decimals_and_a_bare_zero_removes():
    talk = Talk()
    texts = talk.say("orderbook.50.BTCUSDT") + talk.wait(20.0)
    rows = [
        row for text in texts[1:] for side in "ab" for row in json.loads(text)["data"][side]
    ]  # fmt: skip
    assert all(re.fullmatch(r"\d+\.\d\d", price) for price, _ in rows)
    assert {bool(re.fullmatch(r"\d+\.\d{3}", size)) for _, size in rows if size != "0"} == {True}
    assert [size for _, size in rows if size == "0"]


@pytest.mark.parametrize("where", ["spot", "linear", "inverse"])
def test_a_dictionary_keeps_every_book_and_the_count(where):
    talk = Talk(where, seed=2, speed=3.0)
    plain, symbols = PlainBybit(), list(talk.feed.listings)
    topics = [f"orderbook.{depth}.{s}" for s in symbols for depth in (1, 50, 200, 1000)]
    for start in range(0, len(topics), 10):
        for text in talk.say(*topics[start : start + 10]):
            plain.hear(text)
    while plain.applied < 2_000:
        for text in talk.wait(0.5):
            plain.hear(text)
        for topic in topics:
            channel, _, symbol = topic.rpartition(".")
            key = f"{talk.feed.market}:{symbol}"
            version = talk.exchange.markets.told_version(key, channel, plain.marks[topic])
            levels = int(channel.partition(".")[2])
            assert plain.sides(topic) == talk.exchange.markets.window(key, version, levels)
    assert plain.wrong == []


def test_a_lost_delta_breaks_the_count():
    talk = Talk()
    plain = PlainBybit()
    for text in talk.say("orderbook.50.BTCUSDT"):
        plain.hear(text)
    deltas = talk.wait(5.0)
    for text in deltas[:3] + deltas[4:]:
        plain.hear(text)
    assert plain.wrong == [("orderbook.50.BTCUSDT", "u")]


def test_topics_are_alike_on_the_addresses_and_books_are_not():
    exchange = Exchange(venue="bybit")
    texts = []
    for where in ("spot", "linear"):
        connection = exchange.connect(ENDPOINTS[where], 0.0)
        message = '{"op":"subscribe","args":["orderbook.1.BTCUSDT"]}'
        exchange.receive(connection, message, 0.0)
        texts.append(json.loads(exchange.output()[-1].payload))
    assert texts[0]["topic"] == texts[1]["topic"]
    assert texts[0]["data"]["b"] != texts[1]["data"]["b"]
    assert {"bybit:BTCUSDT", "bybit-spot:BTCUSDT"} >= set(exchange.markets.subscribed())
    assert exchange.markets.key("BTCUSD") == "bybit-inverse:BTCUSD"


def test_the_best_prices_come_whole_and_again_after_three_seconds():
    talk = Talk(symbols=["IOTXUSDT"], seed=1)
    heard = talk.say("orderbook.1.IOTXUSDT", "orderbook.50.IOTXUSDT")[1:]
    frames = [(0.0, json.loads(text)) for text in heard]
    for _ in range(600):
        frames += [(talk.now, json.loads(text)) for text in talk.wait(0.1)]
    best = [(when, frame) for when, frame in frames if frame["topic"] == "orderbook.1.IOTXUSDT"]
    assert {frame["type"] for _, frame in best} == {"snapshot"}
    times = [when for when, _ in best]
    assert max(after - before for before, after in itertools.pairwise(times)) < 3.2
    again = Counter(frame["data"]["u"] for _, frame in best)
    assert max(again.values()) > 5, "it was never repeated"
    # A deeper book that does not change says nothing, however long.
    assert len(frames) - len(best) < 10


def test_a_restart_begins_at_one():
    talk = Talk()
    plain = PlainBybit()
    for text in talk.say("orderbook.50.BTCUSDT") + talk.wait(2.0):
        plain.hear(text)
    talk.exchange.markets.restart("bybit:BTCUSDT", 77)
    (snapshot,) = map(json.loads, talk.wait(0.0))
    assert (snapshot["type"], snapshot["data"]["u"]) == ("snapshot", 1)
    plain.hear(json.dumps(snapshot))
    for text in talk.wait(2.0):
        plain.hear(text)
    assert plain.wrong == []
    assert plain.marks["orderbook.50.BTCUSDT"] > 5


def test_trades_and_tickers():
    talk = Talk("linear", seed=1)
    (ack, ticker) = map(json.loads, talk.say("publicTrade.BTCUSDT", "tickers.BTCUSDT"))
    assert ack["success"]
    assert list(ticker) == ["topic", "type", "data", "cs", "ts"]
    assert (ticker["topic"], ticker["type"]) == ("tickers.BTCUSDT", "snapshot")
    known, pushed = ticker["data"], Counter()
    for text in talk.wait(60.0):
        frame = json.loads(text)
        pushed[frame["topic"], frame["type"]] += 1
        if frame["type"] == "delta":
            news = {name: value for name, value in frame["data"].items() if name != "symbol"}
            assert news
            assert all(known[name] != value for name, value in news.items())
            known |= news
        else:
            assert [list(item) for item in frame["data"]] == [TRADE] * len(frame["data"])
    assert set(pushed) == {("publicTrade.BTCUSDT", "snapshot"), ("tickers.BTCUSDT", "delta")}
    assert min(pushed.values()) > 10
    spot = Talk("spot", seed=1)
    heard = spot.say("tickers.BTCUSDT", "publicTrade.BTCUSDT")[1:] + spot.wait(30.0)
    assert {json.loads(text)["type"] for text in heard} == {"snapshot"}
    tickers = [json.loads(text)["data"] for text in heard if "tickers" in text]
    assert all(set(ticker) == SPOT_TICKER for ticker in tickers)
    trades = [item for text in heard if "Trade" in text for item in json.loads(text)["data"]]
    assert all(list(item) == [name for name in TRADE if name != "L"] for item in trades)
    assert trades


def test_forms_of_pings():
    def answer(where, message):
        talk = Talk(where)
        talk.exchange.receive(talk.connection, message, 0.0)
        (text,) = talk.heard()
        return json.loads(text)

    assert list(answer("spot", '{"op":"ping"}').items())[:2] == [
        ("success", True), ("ret_msg", "pong"),
    ]  # fmt: skip
    assert answer("spot", '{"op":"ping","req_id":"3"}')["req_id"] == "3"
    pong = answer("linear", '{"op":"ping","req_id":"2"}')
    assert list(pong) == ["req_id", "op", "args", "conn_id"]
    assert pong["op"] == "pong"
    assert re.fullmatch(r"\d{13}", pong["args"][0])
    assert list(answer("inverse", '{"op":"ping"}')) == ["op", "args", "conn_id"]


def test_what_is_refused():
    talk = Talk()

    def refused(*topics, **more):
        (text,) = talk.say(*topics, **more)
        error = json.loads(text)
        assert list(error) == ["success", "ret_msg", "conn_id", "req_id", "op"]
        assert error["success"] is False
        return error["ret_msg"]

    assert refused("orderbook.7.BTCUSDT") == "error:handler not found,topic:orderbook.7.BTCUSDT"
    assert "FOOUSDT" in refused("orderbook.50.FOOUSDT")
    # One bad topic refuses its whole request.
    assert "nothing" in refused("orderbook.50.BTCUSDT", "nothing.BTCUSDT")
    assert refused(op="subscribe")
    assert refused("orderbook.50.BTCUSDT", op="dance")
    for rubbish in ("", "ping", "[]", b"\xff"):
        talk.exchange.receive(talk.connection, rubbish, talk.now)
        assert json.loads(talk.heard()[0])["success"] is False
    assert talk.wait(5.0) == []
    talk.say("orderbook.50.BTCUSDT")
    assert "already subscribed" in refused("orderbook.50.BTCUSDT")
    (ack,) = map(json.loads, talk.say("orderbook.50.BTCUSDT", op="unsubscribe", req_id="9"))
    assert (ack["success"], ack["op"], ack["req_id"]) == (True, "unsubscribe", "9")
    assert talk.wait(5.0) == []


def test_limits_of_a_request_and_of_a_connection():
    names = [f"SYM{n:04d}USDT" for n in range(1, 12)]
    topics = [f"orderbook.50.{name}" for name in names]
    spot = Talk("spot", extra_symbols=2_000)
    assert json.loads(spot.say(*topics)[0])["ret_msg"] == "args size >10"
    assert json.loads(spot.say(*topics[:10])[0])["success"]
    assert spot.exchange.breaches == {"args": 1}
    linear = Talk("linear", extra_symbols=2_000)
    assert json.loads(linear.say(*topics)[0])["success"]
    many = [f"orderbook.1000.SYM{n:04d}USDT" for n in range(1, 1_001)]
    assert "21000" in json.loads(linear.say(*many)[0])["ret_msg"]
    assert linear.exchange.breaches == {"characters": 1}


def test_500_connections_in_five_minutes_and_ten_minutes_of_nothing():
    exchange = Exchange(venue="bybit")
    answers = [exchange.connect("bybit_spot_public", n * 0.01) for n in range(502)]
    assert [isinstance(answer, Refusal) for answer in answers] == [False] * 500 + [True] * 2
    exchange.advance(599.0)
    assert exchange.output() == []
    exchange.advance(606.0)
    assert {type(done) for done in exchange.output()} == {Close}
