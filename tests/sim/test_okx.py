"""The simulated OKX: its words beside recorded ones, and books kept by a dictionary."""

import itertools
import json
import re
from collections import Counter

import pytest

from bitmart_book.sim import Close, Exchange, Knobs, Refusal
from tests.helpers.plain import PlainOkx

# Keys of recorded and documented frames, in their order.
PUSH = ["arg", "action", "data"]
BOOK = ["asks", "bids", "ts", "checksum", "prevSeqId", "seqId"]
TRADE = ["instId", "tradeId", "px", "sz", "side", "ts", "count", "source", "seqId"]
TICKER = [
    "instType", "instId", "last", "lastSz", "askPx", "askSz", "bidPx", "bidSz", "open24h",
    "high24h", "low24h", "sodUtc0", "sodUtc8", "volCcy24h", "vol24h", "ts",
]  # fmt: skip


class Talk:
    """One connection to the simulated OKX."""

    def __init__(self, **options):
        self.exchange = Exchange(venue="okx", **options)
        self.connection = self.exchange.connect("okx_public", 0.0)
        self.now = 0.0

    def heard(self):
        return [send.payload for send in self.exchange.output() if hasattr(send, "payload")]

    def say(self, *topics, op="subscribe", **more):
        args = [dict(zip(("channel", "instId"), topic.split(":"), strict=True)) for topic in topics]
        self.exchange.receive(
            self.connection, json.dumps({"op": op, "args": args, **more}), self.now
        )
        return self.heard()

    def wait(self, seconds, pings=True):
        """Let so much time pass; as a client must, say something before half a minute is over."""
        heard, until = [], self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + 20.0)
            self.exchange.advance(self.now)
            heard += self.heard()
            if pings:
                self.exchange.receive(self.connection, "ping", self.now)
                assert self.heard() == ["pong"]
        return heard


def test_each_topic_is_acknowledged_by_itself():
    talk = Talk(seed=1)
    heard = talk.say("books:BTC-USDT", "books:BTC-USDT-SWAP", id="r7")
    assert len(heard) == 4
    ack, first = map(json.loads, heard[:2])
    assert list(ack) == ["id", "event", "arg", "connId"]
    assert ack["event"] == "subscribe"
    assert ack["arg"] == {"channel": "books", "instId": "BTC-USDT"}
    assert ack["id"] == "r7"
    assert re.fullmatch("[0-9a-f]{8}", ack["connId"])
    assert list(first) == PUSH
    assert (first["arg"], first["action"]) == (ack["arg"], "snapshot")
    (item,) = first["data"]
    assert list(item) == BOOK
    assert (item["prevSeqId"], item["checksum"]) == (-1, 0)
    assert re.fullmatch(r"\d{13}", item["ts"])
    assert list(json.loads(talk.say("books:ETH-USDT")[0])) == ["event", "arg", "connId"]


def test_numbers_are_texts_without_superfluous_zeros():
    talk = Talk(seed=1)
    texts = talk.say("books:BTC-USDT", "books:BTC-USD-SWAP") + talk.wait(20.0)
    rows = [
        row
        for text in texts
        if '"action"' in text
        for item in json.loads(text)["data"]
        for row in item["asks"] + item["bids"]
    ]
    assert all(len(row) == 4 for row in rows)
    numbers = [number for row in rows for number in row[:2]]
    assert not [number for number in numbers if "." in number and number[-1] in "0."]
    assert [row for row in rows if row[1:] == ["0", "0", "0"]]
    assert [number for number in numbers if "." not in number]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_dictionary_keeps_every_book_and_the_chain(seed):
    talk = Talk(seed=seed, speed=3.0)
    plain, symbols = PlainOkx(), list(talk.exchange.feeds["okx"].listings)
    topics = [f"{name}:{s}" for s in symbols for name in ("books", "books5", "bbo-tbt")]
    levels = {"books": 400, "books5": 5, "bbo-tbt": 1}
    for text in talk.say(*topics):
        plain.hear(text)
    strides = set()
    while plain.applied < 2_000:
        before = dict(plain.marks)
        for text in talk.wait(0.5):
            plain.hear(text)
        for topic in topics:
            name, _, symbol = topic.partition(":")
            version = talk.exchange.markets.told_version(symbol, name, plain.marks[topic])
            assert plain.sides(topic) == talk.exchange.markets.window(symbol, version, levels[name])
            strides.add(plain.marks[topic] - before[topic])
    assert plain.wrong == []
    assert min(strides) == 0
    assert len(strides) > 10


def test_a_lost_update_breaks_the_chain():
    talk = Talk(seed=1)
    plain = PlainOkx()
    for text in talk.say("books:BTC-USDT"):
        plain.hear(text)
    updates = talk.wait(5.0)
    for text in updates[:3] + updates[4:]:
        plain.hear(text)
    assert plain.wrong == [("books:BTC-USDT", "prevSeqId")]


def test_a_quiet_book_is_spoken_of_once_a_minute():
    talk = Talk(symbols=["PAY-BTC"], seed=2)
    plain = PlainOkx()
    for text in talk.say("books:PAY-BTC"):
        plain.hear(text)
    spoken, quiet = [], 0
    for _ in range(900):
        for text in talk.wait(1.0):
            plain.hear(text)
            (item,) = json.loads(text)["data"]
            spoken.append(talk.now)
            if not item["asks"] and not item["bids"]:
                assert item["prevSeqId"] == item["seqId"] == plain.marks["books:PAY-BTC"]
                quiet += 1
    assert plain.wrong == []
    assert quiet >= 5
    gaps = [after - before for before, after in itertools.pairwise([0.0, *spoken])]
    assert max(gaps) <= 61
    assert len(spoken) - quiet < 40


def test_what_a_maintenance_does():
    talk = Talk(seed=1)
    plain = PlainOkx()
    for text in talk.say("books:BTC-USDT") + talk.wait(2.0):
        plain.hear(text)
    before = plain.marks["books:BTC-USDT"]
    talk.exchange.markets.restart("BTC-USDT", 5)
    for text in talk.wait(2.0):
        plain.hear(text)
    assert plain.wrong == []
    assert 5 < plain.marks["books:BTC-USDT"] < before


def test_pictures_trades_and_tickers():
    talk = Talk(seed=1)
    topics = [f"{name}:BTC-USDT" for name in ("books5", "bbo-tbt", "trades", "tickers")]
    first = {
        json.loads(text)["arg"]["channel"]: text for text in talk.say(*topics) if "data" in text
    }
    assert set(first) == {"books5", "bbo-tbt", "tickers"}
    (five,), (best,) = (json.loads(first[name])["data"] for name in ("books5", "bbo-tbt"))
    assert list(json.loads(first["books5"])) == ["arg", "data"], "pictures have no action"
    assert list(five) == ["asks", "bids", "instId", "ts", "seqId"]
    assert list(best) == ["asks", "bids", "ts", "seqId"]
    assert (len(five["asks"]), len(best["asks"])) == (5, 1)
    assert list(json.loads(first["tickers"])["data"][0]) == TICKER
    pushed, last, ids = Counter(), {}, []
    for text in talk.wait(60.0):
        frame = json.loads(text)
        name = frame["arg"]["channel"]
        pushed[name] += 1
        if name == "trades":
            assert [list(item) for item in frame["data"]] == [TRADE] * len(frame["data"])
            ids += [int(item["tradeId"]) for item in frame["data"]]
        else:
            rows = [frame["data"][0].get(side) for side in ("asks", "bids")]
            assert name == "tickers" or rows != last.get(name), "the same picture twice"
            last[name] = rows
    assert min(pushed.values()) > 10
    assert pushed["bbo-tbt"] < 60 / 0.01
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    kinds = {
        symbol: json.loads(talk.say(f"tickers:{symbol}")[1])["data"][0]["instType"]
        for symbol in ("ETH-USDT", "BTC-USDT-SWAP", "BTC-USDT-261225")
    }
    assert list(kinds.values()) == ["SPOT", "SWAP", "FUTURES"]


def test_what_is_refused():
    talk = Talk(seed=1)
    (error,) = map(json.loads, talk.say("books:FOO-BAR"))
    assert list(error) == ["event", "code", "msg", "connId"]
    assert (error["event"], error["code"]) == ("error", "60018")
    assert "FOO-BAR" in error["msg"]
    ack, _, error = map(json.loads, talk.say("books:BTC-USDT", "nothing:BTC-USDT", id="a1"))
    assert (ack["event"], error["event"], error["id"]) == ("subscribe", "error", "a1")
    bad = (
        *("", "pong", "[]", "{}", '{"op":"subscribe"}', '{"op":"subscribe","args":[]}', b"\xff"),
        *('{"op":"subscribe","args":["spot/ticker:BTC-USDT"]}', '{"op":"dance"}'),
        '{"op":"subscribe","args":[{"channel":"books"}],"id":"a b"}',
    )
    for rubbish in bad:
        talk.exchange.receive(talk.connection, rubbish, talk.now)
        (error,) = map(json.loads, talk.heard())
        assert error["code"] == "60012"
        assert error["msg"].startswith("Illegal request: ")
    (error,) = map(json.loads, talk.say("books:ETH-USDT", op="unsubscribe"))
    assert error["code"] == "60018"
    (ack,) = map(json.loads, talk.say("books:BTC-USDT", op="unsubscribe"))
    assert (ack["event"], ack["arg"]["instId"]) == ("unsubscribe", "BTC-USDT")
    assert talk.wait(20.0) == []


def test_480_operations_an_hour_on_a_connection():
    talk = Talk(seed=1, symbols=["PAY-BTC"])
    for number in range(240):
        talk.now = number * 5.0
        talk.say("books:PAY-BTC")
        talk.say("books:PAY-BTC", op="unsubscribe")
        # Pings are no operations.
        talk.exchange.receive(talk.connection, "ping", talk.now)
        assert talk.heard() == ["pong"]
    (error,) = map(json.loads, talk.say("books:PAY-BTC"))
    assert (error["event"], error["code"]) == ("error", "60014")
    assert talk.exchange.breaches == {"operations": 1}
    # An hour after the first ones there is room again; a new connection has all of it.
    talk.connection = talk.exchange.connect("okx_public", talk.now)
    assert '"subscribe"' in talk.say("books:PAY-BTC")[0]
    lax = Talk(symbols=["PAY-BTC"], knobs=Knobs(enforce_limits=False))
    answers = [lax.say("books:PAY-BTC") for _ in range(500)]
    assert all('"subscribe"' in answer[0] for answer in answers)
    assert lax.exchange.breaches["operations"] == 20


def test_three_connections_a_second():
    exchange = Exchange(venue="okx")
    answers = [exchange.connect("okx_public", n * 0.01) for n in range(5)]
    assert [isinstance(answer, Refusal) for answer in answers] == [False] * 3 + [True] * 2


def test_half_a_minute_without_anything_ends_a_connection():
    talk = Talk(symbols=["PAY-BTC"])
    assert talk.wait(200.0) == []
    talk.exchange.advance(talk.now + 29.9)
    assert talk.exchange.output() == []
    talk.exchange.advance(talk.now + 30.1)
    assert isinstance(talk.exchange.output()[0], Close)


def test_an_upgrade_is_announced():
    talk = Talk()
    talk.exchange.feeds["okx"].notice()
    (notice,) = map(json.loads, talk.heard())
    assert list(notice) == ["event", "code", "msg", "connId"]
    assert (notice["event"], notice["code"]) == ("notice", "64008")
