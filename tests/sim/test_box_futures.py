"""Futures of the box, public: every frame against the examples of BitMart's reference and of
recordings, key by key and in their order; every value against the markets behind it.

Examples are of BitMart's futures v2 API reference ("WebSocket Subscription", 2025) or, where a
comment says so, recorded.
"""

import json
import random
import zlib
from decimal import Decimal

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book.sim import Close, Exchange, Knobs, Ping, Pong, Refusal
from bitmart_book.venues.futures import FUTURES
from tests.helpers.futures_box import BTC50, EXAMPLES, KLINES, Box, echo, pushed, same_shape

# Replies


def test_replies_are_those_of_the_examples():
    """Text by text: the order of keys, and no blanks."""
    box = Box()
    kline, nope = "futures/klineBin1m:BTCUSDT", "futures/depthIncrease50:NOPEUSDT@100ms"
    assert box.send({"action": "subscribe", "args": [kline]})[0] == (
        '{"action":"subscribe","group":"futures/klineBin1m:BTCUSDT","success":true,'
        '"request":{"action":"subscribe","args":["futures/klineBin1m:BTCUSDT"]}}'
    )
    assert box.send({"action": "unsubscribe", "args": [kline]}) == [
        '{"action":"unsubscribe","group":"futures/klineBin1m:BTCUSDT","success":true,'
        '"request":{"action":"unsubscribe","args":["futures/klineBin1m:BTCUSDT"]}}'
    ]
    assert box.send({"action": "subscribe", "args": ["futures/order"]}) == [
        '{"action":"subscribe","group":"futures/order","success":false,'
        '"error":"futures/order need authenication"}'
    ]
    assert box.send({"action": "subscribe", "args": [nope]}) == [
        '{"action":"subscribe","group":"futures/depthIncrease50:NOPEUSDT@100ms","success":false,'
        '"error":"Invalid channel: not found futures/depthIncrease50:NOPEUSDT@100ms",'
        '"request":{"action":"subscribe","args":["futures/depthIncrease50:NOPEUSDT@100ms"]}}'
    ]
    assert box.send({"action": "", "args": ["futures/trade:BTCUSDT"]}) == [
        '{"action":"","group":"futures/trade:BTCUSDT","success":false,'
        '"request":{"action":"","args":["futures/trade:BTCUSDT"]},'
        '"error":"Invalid action [] for group [futures/trade:BTCUSDT]"}'
    ]
    for text in ("ping", "not json"):
        assert box.send(text) == [
            f'{{"success":false,"error":"Invalid message: message must be JSON: {text}"}}'
        ]
    assert box.exchange.breaches == {}


def test_an_unknown_topic_as_documented():
    box = Box(futures_unknown="not exist")
    assert box.send({"action": "subscribe", "args": ["sfutures/depth50:BTCUSDT"]}) == [
        '{"action":"subscribe","group":"sfutures/depth50:BTCUSDT","success":false,'
        '"request":{"action":"subscribe","args":["sfutures/depth50:BTCUSDT"]},'
        '"error":"group [sfutures/depth50:BTCUSDT] not exist"}'
    ]


def test_pings():
    box = Box()
    pongs = [json.loads(*box.send('{"action":"ping"}')) for _ in range(2)]
    for pong in pongs:
        assert list(pong) == ["group", "data"]
        assert pong["group"] == "System"
        word, _, uuid = pong["data"].partition("+")
        assert (word, len(uuid), uuid.count("-")) == ("pong", 36, 4)
    assert pongs[0] != pongs[1]
    box.exchange.ping_frame(box.connection, 0.0, b"x")
    box.take()
    assert box.other == [Pong(box.connection, b"x")]
    assert Box(futures_text_ping="pong").send("ping") == ["pong"]


@pytest.mark.parametrize(
    "message",
    ["", "[]", "3", '"x"', "{", '{"action":"subscribe"}', '{"action":"subscribe","args":"x"}',
     '{"action":"subscribe","args":[1]}', "{\"args\":null}"],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_the_connection_stays(message):
    box = Box()
    (answer,) = box.send(message)
    assert list(json.loads(answer)) == ["success", "error"]
    assert json.loads(answer)["error"].startswith("Invalid message: ")
    assert not box.other


@pytest.mark.parametrize(
    "topic",
    [
        "futures/depthIncrease30:BTCUSDT", "futures/depthIncrease50:BTCUSDT@50ms",
        "futures/depthIncrease50:BTC_USDT", "futures/depthIncrease50:btcusdt",
        "futures/depthIncrease50", "futures/depth100:BTCUSDT", "futures/bookTicker:BTCUSDT",
        "futures/ticker:NOPE", "futures/ticker@100ms", "futures/trade:BTCUSDT@100ms",
        "futures/klineBin3m:BTCUSDT", "futures/klineBin1M:BTCUSDT", "futures/klineBin:BTCUSDT",
        "futures/fundingRate:BTCUSDT@100ms", "futures/markPriceKlineBin7m:BTCUSDT",
        "futures/v3/depthAll5:BTCUSDT", "spot/depth5:BTC_USDT", "futures/", "", "x" * 300,
    ],
)  # fmt: skip
def test_topics_that_do_not_exist(topic):
    (answer,) = Box().op("subscribe", topic)
    assert answer == {
        "action": "subscribe",
        "group": topic,
        "success": False,
        "error": f"Invalid channel: not found {topic}",
        "request": echo("subscribe", topic),
    }


def test_private_topics_need_a_login():
    for topic in ("futures/order", "futures/position", "futures/asset:USDT"):
        (answer,) = Box().op("subscribe", topic)
        assert answer["error"] == f"{topic} need authenication"


def test_one_bad_topic_among_good_ones():
    good, bad = "futures/trade:BTCUSDT", "futures/trade:NOPE"
    acks = Box().op("subscribe", bad, good)
    assert [(ack["group"], ack["success"]) for ack in acks] == [(bad, False), (good, True)]
    # The probe saw the whole request repeated, a client's recording one topic of it.
    assert [ack["request"]["args"] for ack in acks] == [[bad, good]] * 2
    acks = Box(futures_echo="single").op("subscribe", bad, good)
    assert [ack["request"]["args"] for ack in acks] == [[bad], [good]]


def test_subscribing_twice_succeeds_twice():
    box = Box()
    assert len(box.op("subscribe", BTC50)) == 2
    assert box.op("subscribe", BTC50) == [
        {"action": "subscribe", "group": BTC50, "success": True,
         "request": echo("subscribe", BTC50)}
    ]  # fmt: skip
    stamps = [data["ms_t"] for data in pushed(box.run(3), BTC50)]
    assert len(stamps) == len(set(stamps)) == 3


def test_only_books_and_rates_can_be_requested():
    box = Box()
    for topic in ("futures/depth20:BTCUSDT", "futures/trade:BTCUSDT", "futures/ticker"):
        (answer,) = box.op("request", topic)
        assert answer["error"] == f"Invalid action [request] for group [{topic}]"
        assert not answer["success"]
    (answer,) = box.op("request", "futures/fundingRate:BTCUSDT")
    same_shape(answer, EXAMPLES["fundingRate"])
    (answer,) = box.op("request", f"{BTC50}@100ms")
    assert (answer["group"], answer["data"]["type"]) == (f"{BTC50}@100ms", "snapshot")
    (answer,) = box.op("request", "futures/depthIncrease50:NOPE")
    assert not answer["success"]


# The first protocol


def test_the_first_protocol():
    box = Box(futures_generation=1)
    frames = box.op("subscribe", "futures/ticker", "futures/depth5:BTCUSDT",
                    "futures/klineBin1m:BTCUSDT", "futures/trade:BTCUSDT")  # fmt: skip
    frames += box.run(10)
    by_group = {frame["group"]: frame for frame in frames if "data" in frame}
    same_shape(by_group["futures/ticker"], EXAMPLES["old ticker"])
    same_shape(by_group["futures/trade:BTCUSDT"], EXAMPLES["trade way"])
    same_shape(by_group["futures/klineBin1m:BTCUSDT"], EXAMPLES["kline flat"])
    same_shape(by_group["futures/depth5:BTCUSDT"], EXAMPLES["depth"])
    for topic in ("futures/ticker:BTCUSDT", BTC50, "futures/depthAll5:BTCUSDT",
                  "futures/bookticker:BTCUSDT", "futures/fundingRate:BTCUSDT",
                  "futures/depth5:BTCUSDT@100ms", "futures/markPriceKlineBin1m:BTCUSDT",
                  "futures/v2/depthAll5:BTCUSDT"):  # fmt: skip
        (answer,) = box.op("subscribe", topic)
        assert not answer["success"]


# Limits


@pytest.mark.parametrize("limit", [2_048, 4_096])
def test_a_message_that_is_too_long_ends_the_connection(limit):
    def text(length):
        head = '{"action":"subscribe","args":["futures/trade:'
        return head + "X" * (length - len(head) - 3) + '"]}'

    box = Box(futures_message_bytes=limit)
    assert len(text(limit)) == limit
    assert len(box.send(text(limit))) == 1
    assert box.send(text(limit + 1)) == []
    assert box.other == [Close(box.connection, 1009, "message too big")]
    assert box.exchange.breaches == {"message_bytes": 1}
    box = Box(futures_message_bytes=limit, enforce_limits=False)
    assert len(box.send(text(limit + 1))) == 1
    assert box.exchange.breaches == {"message_bytes": 1}


def test_connections():
    box = Box(futures_connections=3, futures_connects=1_000)
    for _ in range(2):
        assert isinstance(box.exchange.connect("futures_public", 0.0), int)
    answer = box.exchange.connect("futures_public", 0.0)
    assert answer == Refusal(429, "too many connections")
    assert isinstance(box.exchange.connect("futures_private", 0.0), int)
    assert isinstance(box.exchange.connect("futures_public", 0.0, "10.0.0.1"), int)
    assert isinstance(box.exchange.connect("demo_futures_public", 0.0), int)


def test_a_connection_that_subscribes_to_nothing():
    box = Box()
    box.op("request", BTC50)
    box.run(6)
    assert box.other == [Close(box.connection, 1000, "nothing subscribed")]
    box = Box(futures_lifeless_seconds=None)
    box.run(19)
    assert box.other == []
    box.run(2)
    assert box.other == [Close(box.connection, 1000, "idle")]


def test_idle_connections_and_pings():
    topic = "futures/depthIncrease5:THETAUSDT"
    box = Box()
    box.op("subscribe", topic)
    box.run(15)
    box.exchange.ping_frame(box.connection, 15.0)
    box.run(19)
    box.send('{"action":"ping"}')
    box.run(19)
    assert [type(other) for other in box.other] == [Pong]
    box.run(2)
    assert box.other[1:] == [Ping(box.connection, b""), Close(box.connection, 1000, "idle")]


def test_the_exchange_pings_after_54_seconds():
    box = Box()
    box.op("subscribe", BTC50)
    box.run(53)
    assert box.other == []
    box.run(60)
    assert box.other == [Ping(box.connection, b"")] * 2
    box.exchange.disconnected(box.connection, box.now)
    box.run(200)
    assert len(box.other) == 2


# Interventions and compression


def test_a_pause_of_market_data():
    box = Box()
    topics = [BTC50, "futures/ticker:BTCUSDT", "futures/trade:BTCUSDT", "futures/ticker"]
    box.op("subscribe", *topics, "futures/depthAll5:ETHUSDT")
    box.run(3)
    box.exchange.markets.pause()
    assert box.run(15) == []
    snapshot = box.op("request", BTC50)[0]["data"]
    box.exchange.markets.resume()
    updates = pushed(box.run(3), BTC50)
    assert [data["version"] for data in updates] == [snapshot["version"] + n for n in (1, 2, 3)]
    box.exchange.markets.pause("BTCUSDT")
    groups = {frame["group"] for frame in box.run(3)}
    assert groups == {"futures/depthAll5:ETHUSDT", "futures/ticker"}


@pytest.mark.parametrize("opcode", ["binary", "mixed"])
def test_pushes_may_be_compressed(opcode):
    """Never seen on futures; nobody promised that it stays so."""
    exchange = Exchange(knobs=Knobs(futures_opcode=opcode))
    connection = exchange.connect("futures_public", 0.0)
    exchange.receive(connection, json.dumps(echo("subscribe", BTC50)), 0.0)
    exchange.advance(20.0)
    ack, *payloads = [action.payload for action in exchange.output()]
    assert isinstance(ack, str)
    kinds = {type(payload) for payload in payloads}
    assert kinds == ({bytes} if opcode == "binary" else {bytes, str})
    for payload in payloads:
        if isinstance(payload, bytes):
            payload = zlib.decompress(payload, -zlib.MAX_WBITS)
        assert json.loads(payload)["group"] == BTC50


def test_the_same_seed_makes_the_same_frames():
    def frames(seed):
        box = Box(seed=seed)
        texts = box.op("subscribe", BTC50, "futures/ticker", "futures/trade:SOLUSDT")
        return texts + box.run(5)

    assert frames(1) == frames(1)
    assert frames(1) != frames(2)


def test_contracts_are_named_like_symbols():
    exchange = Exchange(symbols=["BTC_USDT", "ETHUSDT", "FOOUSDC"])
    assert set(exchange.listings) == {"BTC_USDT"}
    assert set(exchange.contracts) == {"ETHUSDT", "FOOUSDC"}
    assert exchange.contracts["FOOUSDC"].settle == "USDC"
    assert exchange.contracts["FOOUSDC"].listing.size_decimals == 0
    assert set(Exchange(symbols=[], extra_symbols=2).contracts) == {"SYM0001USDT", "SYM0002USDT"}


def test_instruments():
    exchange = Exchange()
    found = exchange.instruments()
    assert set(found) == {*exchange.listings, *exchange.contracts}
    linear, inverse, pair = found["ETHUSDT"], found["BTCUSD"], found["BABYDOGE_USDT"]
    assert (linear.tick, linear.lot, linear.contract_size) == (Decimal("0.01"), 1, Decimal("0.01"))
    assert (linear.base, linear.quote, linear.inverse) == ("ETH", "USDT", False)
    assert (inverse.base, inverse.quote, inverse.contract_size) == ("BTC", "USD", 100)
    assert inverse.base_size(Decimal(50), Decimal(20_000)) == Decimal("0.25")
    assert (pair.tick, pair.lot, pair.quote) == (Decimal("1e-12"), 1, "USDT")
    for symbol, instrument in found.items():
        venue = exchange.futures if instrument.market == "futures" else exchange.spot
        listing = venue.publisher(symbol).listing
        assert instrument.tick == Decimal(1).scaleb(-listing.price_decimals)
        assert instrument.lot == Decimal(1).scaleb(-listing.size_decimals)


# As the client reads it

decode = msgspec.json.Decoder(float_hook=str).decode
TOPICS = [
    *(f"futures/{kind}{depth}:BTCUSDT" for kind in ("depth", "depthAll", "depthIncrease")
      for depth in (5, 20, 50)),
    "futures/bookticker:ETHUSDT", "futures/ticker:ETHUSDT", "futures/ticker",
    "futures/trade:SOLUSDT", "futures/fundingRate:BTCUSDT",
    *(f"futures/klineBin{step}:BTCUSDT" for step in KLINES),
    *(f"futures/markPriceKlineBin{step}:BTCUSDT" for step in KLINES),
]  # fmt: skip
FORMS = [
    {},
    {"futures_generation": 1},
    {"futures_klines": "flat", "futures_mark_klines": "items", "futures_trades": "m",
     "futures_group_speed": "100ms", "futures_depth_stamps": False},
    {"futures_trades": "way", "futures_levels": "arrays", "futures_asks_first": True},
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_client_reads_every_frame(form):
    exchange = Exchange(knobs=Knobs(**form), speed=3.0)
    connection = exchange.connect("futures_public", 0.0)
    assert {topic.partition(":")[0] for topic in TOPICS} == set(FUTURES.channels)
    for topic in TOPICS:
        exchange.receive(connection, FUTURES.speech.encode("subscribe", [topic]), 0.0)
    exchange.receive(connection, FUTURES.speech.ping, 0.0)
    exchange.advance(15.0)
    engine, replies, values, books = bb.Engine(), [], {}, set()
    for action in exchange.output():
        message = decode(action.payload)
        reply = FUTURES.classify(message)
        if reply is not None:
            replies.append(reply)
            continue
        channel = message["group"].partition(":")[0].partition("@")[0]
        stream = FUTURES.stream(channel)
        if stream is not None:
            found, unread = stream.read(message)
            assert found
            assert not unread
            values.setdefault(channel, []).extend(found)
        else:
            engine.apply(action.payload)
            books.add(channel)
    accepted = {reply.topic for reply in replies if reply.kind == "ack"}
    refused = {reply.topic for reply in replies if reply.kind == "error"}
    assert accepted | refused == set(TOPICS)
    assert bool(refused) == (form.get("futures_generation") == 1)
    assert [reply.kind for reply in replies].count("pong") == 1
    assert {*values, *books} == {topic.partition(":")[0] for topic in accepted}
    if not refused:
        book = engine["BTCUSDT"]
        truth = exchange.futures.window(BTC50, book.sequence)
        depth = book.depth(exact=True)
        assert tuple(tuple(map(tuple, side)) for side in (depth.bids, depth.asks)) == truth


def test_nothing_depends_on_the_random_numbers_of_the_process():
    random.seed(1)
    box = Box()
    box.op("subscribe", BTC50, "futures/ticker", "futures/fundingRate:BTCUSDT")
    state = random.getstate()
    box.run(3)
    assert random.getstate() == state
