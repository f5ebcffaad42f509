"""The simulated exchange, without a socket: its frames against BitMart's own examples, its books
against its own truth, its limits, and what each knob changes.

The examples are from BitMart's spot API reference ("WebSocket Subscription", 2025) and from
bitmart-official-api-docs (2020, `WEBSOCKET.md`), except where a comment says otherwise.
"""

import json
import zlib

import pytest

import bitmart_book as bb
from bitmart_book.sim import Close, Exchange, Knobs, Pong, Refusal
from tests.helpers.public_box import BTC, DOCUMENTED, LEGACY_ORDER, Box, frames, rows

# Replies


def test_ping():
    assert Box().send("ping") == ["pong"]


def test_acks_come_one_for_each_topic_in_both_key_orders():
    box = Box(symbols=[], extra_symbols=60)
    texts = []
    for start in (1, 21, 41):
        topics = [f"spot/trade:SYM{n:04d}_USDT" for n in range(start, start + 20)]
        box.exchange.receive(
            box.connection, json.dumps({"op": "subscribe", "args": topics, "time": 1}), 0.0
        )
        batch = box.take()
        assert [json.loads(text)["topic"] for text in batch] == topics
        texts += batch
    orders = {tuple(json.loads(text)) for text in texts}
    assert orders == {("event", "topic"), ("topic", "event")}


def test_unsubscribed_is_silent():
    box = Box()
    box.op("subscribe", BTC, "spot/depth5:BTC_USDT")
    assert box.op("unsubscribe", BTC, "spot/depth5:BTC_USDT") == [
        {"event": "unsubscribe", "topic": BTC},
        {"event": "unsubscribe", "topic": "spot/depth5:BTC_USDT"},
    ]
    assert box.run(5) == []
    assert box.op("unsubscribe", BTC) == [{"event": "unsubscribe", "topic": BTC}]
    assert len(box.op("subscribe", BTC)) == 2


def code(*frames_):
    return [frame.get("errorCode") for frame in frames_]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("{", "90001"),
        ("[]", "90001"),
        (b'{"op":"subscribe"}', "90001"),
        ("[" * 100_000, "90001"),
        ("{}", "90002"),
        ('{"op":"login","args":["a","b","c"]}', "90002"),
        ('{"op":"subscribe"}', "90003"),
        ('{"op":"subscribe","args":[]}', "90003"),
        ('{"op":"subscribe","args":[1]}', "90003"),
        ('{"op":"subscribe","args":"spot/trade:BTC_USDT"}', "90003"),
        ('{"op":"subscribe","args":["spot/depth400:BTC_USDT"]}', "90004"),
        ('{"op":"subscribe","args":["spot/user/order:BTC_USDT"]}', "90004"),
        ('{"op":"request","args":["spot/depth5:BTC_USDT"]}', "90004"),
        ('{"op":"subscribe","args":["spot/depth5:BTCUSDT"]}', "92001"),
        ('{"op":"subscribe","args":["spot/depth5:btc_usdt"]}', "92001"),
        ('{"op":"request","args":["spot/depth/increase100:FOO_USDT"]}', "92001"),
    ],
)
def test_errors(message, error):
    box = Box()
    (answer,) = box.send(message)
    assert answer["errorCode"] == error
    assert set(answer) - {"event"} == {"errorCode", "errorMessage"}
    assert box.closed is None


def test_errors_in_the_documented_words():
    box = Box()
    assert box.op("subscribe", "spot/none:BTC_USDT") == [
        {"event": "subscribe", "errorCode": "90004", "errorMessage": "Invalid channel param"}
    ]
    bare = Box(knobs=Knobs(error_shape="bare"))
    assert bare.op("subscribe", "spot/trade:NO") == [
        {"errorMessage": "Invalid symbol param", "errorCode": "92001"}
    ]


def test_an_error_that_names_its_topic():
    box = Box(knobs=Knobs(error_shape="topic"))
    (answer,) = box.op("subscribe", 'spot/depth5:"FOO')
    assert answer["event"] == 'subscribe:spot/depth5:"FOO'


def test_one_bad_topic_of_many():
    box = Box()
    acks = box.op("subscribe", "spot/trade:BTC_USDT", "spot/trade:NO", "spot/trade:ETH_USDT")
    assert code(*acks) == [None, "92001", None]
    strict = Box(knobs=Knobs(all_or_nothing=True))
    (answer,) = strict.op("subscribe", "spot/trade:BTC_USDT", "spot/trade:NO")
    assert answer["errorCode"] == "92001"
    assert strict.run(5) == []


def test_a_topic_twice():
    box = Box()
    box.op("subscribe", "spot/trade:BTC_USDT")
    (answer,) = box.op("subscribe", "spot/trade:BTC_USDT")
    assert answer["errorCode"] == "90008"


def test_acks_after_and_none():
    late = Box(knobs=Knobs(acks="after"))
    snapshot, ack = late.op("subscribe", BTC)
    assert rows(snapshot)["type"] == "snapshot"
    assert ack["event"] == "subscribe"
    none = Box(knobs=Knobs(acks="none"))
    (snapshot,) = none.op("subscribe", BTC)
    assert rows(snapshot)["type"] == "snapshot"
    assert none.op("unsubscribe", BTC) == []


def test_a_request_may_have_an_ack():
    box = Box(knobs=Knobs(request_acks=True))
    ack, snapshot = box.op("request", BTC)
    assert ack == {"event": "request", "topic": BTC}
    assert rows(snapshot)["type"] == "snapshot"


def test_an_update_before_the_snapshot():
    box = Box(knobs=Knobs(late_snapshots=True))
    (ack,) = box.op("subscribe", BTC)
    assert ack["event"] == "subscribe"
    first, snapshot, then, *_ = (rows(frame) for frame in frames(box.run(3)))
    kinds = [item["type"] for item in (first, snapshot, then)]
    assert kinds == ["update", "snapshot", "update"]
    assert first["version"] == snapshot["version"] + 1 == then["version"] - 1


def test_without_seconds():
    box = Box(knobs=Knobs(seconds=False))
    _, ticker = box.op("subscribe", "spot/ticker:BTC_USDT")
    assert "s_t" not in rows(ticker)
    box.op("subscribe", "spot/trade:BTC_USDT")
    pushed = frames(box.run(5))
    assert not any("s_t" in item for frame in pushed for item in frame["data"])


# Compression


def inflated(payload):
    deflated = zlib.decompressobj(-zlib.MAX_WBITS)
    text = deflated.decompress(payload) + deflated.flush()
    assert deflated.eof
    assert not deflated.unused_data
    return text.decode()


def test_binary_pushes_inflate_each_for_itself():
    box, plain = Box(knobs=Knobs(opcode="binary")), Box()
    for each in (box, plain):
        each.exchange.receive(each.connection, json.dumps({"op": "subscribe", "args": [BTC]}), 0.0)
    ack, snapshot = box.take()
    assert isinstance(ack, str)
    assert isinstance(snapshot, bytes)
    plain_snapshot = plain.take()[1]
    assert inflated(snapshot) == plain_snapshot
    payloads = box.run(5)
    assert [inflated(payload) for payload in reversed(payloads)] == plain.run(5)[::-1]
    assert box.send("ping") == ["pong"]


def test_mixed_and_compressed_replies():
    box = Box(knobs=Knobs(opcode="mixed"))
    box.op("subscribe", "spot/trade:BTC_USDT")
    assert {type(payload) for payload in box.run(20)} == {str, bytes}
    every = Box(knobs=Knobs(opcode="binary", compress_replies=True))
    every.exchange.receive(every.connection, "ping", 0.0)
    # The vector of the protocol's description decodes alike.
    assert inflated(every.take()[0]) == inflated(bytes.fromhex("2bc8cf4b0700")) == "pong"


# Limits


def test_20_connections_from_one_address():
    exchange = Exchange()
    for second in range(20):
        assert isinstance(exchange.connect("spot_public", second * 0.1), int)
    assert exchange.connect("spot_public", 3) == Refusal(429, "too many connections")
    assert exchange.breaches == {"connections": 1}
    assert isinstance(exchange.connect("spot_public", 3, address="10.0.0.1"), int)


def test_30_attempts_in_a_minute():
    exchange = Exchange()
    for second in range(30):
        connection = exchange.connect("spot_public", float(second))
        exchange.disconnected(connection, float(second))
    assert exchange.connect("spot_public", 59.0) == Refusal(429, "too many connection attempts")
    assert isinstance(exchange.connect("spot_public", 61.5), int)
    assert exchange.breaches == {"connects": 1}


def test_115_topics_on_a_connection():
    box = Box(symbols=[], extra_symbols=120)
    topics = [f"spot/trade:SYM{n:04d}_USDT" for n in range(1, 117)]
    for start in range(0, 100, 20):
        assert len(box.op("subscribe", *topics[start : start + 20])) == 20
    assert len(box.op("subscribe", *topics[100:115])) == 15
    (answer,) = box.op("subscribe", topics[115])
    assert answer["errorCode"] == "90006"
    assert box.closed == Close(box.connection, 1008, "Too many topics on this connection")
    assert box.exchange.breaches == {"topics": 1}


def test_20_topics_in_a_message():
    box = Box(symbols=[], extra_symbols=21)
    topics = [f"spot/trade:SYM{n:04d}_USDT" for n in range(1, 22)]
    (answer,) = box.op("subscribe", *topics)
    assert answer["errorCode"] == "90005"
    assert box.closed is not None
    assert box.exchange.breaches == {"topics_per_message": 1}


def test_4096_bytes_of_topics_in_a_message():
    box = Box()
    box.op("subscribe", *(f"spot/trade:{'x' * 194}" for _ in range(20)))
    assert box.closed is not None
    assert box.exchange.breaches == {"topic_bytes_per_message": 1}
    fine = Box()
    fine.op("subscribe", *(f"spot/trade:{'x' * 193}" for _ in range(20)))
    assert not fine.exchange.breaches


def test_100_messages_in_10_seconds_pings_included():
    box = Box()
    for step in range(100):
        box.now = step * 0.09
        if step % 2:
            box.exchange.ping_frame(box.connection, box.now)
        else:
            assert box.send("ping") == ["pong"]
    box.now = 10.01
    assert box.send("ping") == ["pong"]
    (answer,) = box.send("ping")
    assert answer["errorCode"] == "90007"
    assert box.closed.code == 1008
    assert box.exchange.breaches == {"messages": 1}
    assert box.send("ping") == []


@pytest.mark.parametrize(
    ("knobs", "answers", "closed"),
    [
        (Knobs(breach="close"), 0, True),
        (Knobs(breach="error"), 1, False),
        (Knobs(enforce_limits=False), 21, False),
    ],
)
def test_consequences_of_a_breach(knobs, answers, closed):
    box = Box(knobs=knobs, symbols=[], extra_symbols=21)
    got = box.op("subscribe", *(f"spot/trade:SYM{n:04d}_USDT" for n in range(1, 22)))
    assert len(got) == answers
    assert (box.closed is not None) == closed
    assert box.exchange.breaches.total() == 1


def test_limits_that_are_only_counted_refuse_nobody():
    exchange = Exchange(knobs=Knobs(enforce_limits=False))
    for _ in range(40):
        assert isinstance(exchange.connect("spot_public", 0.0), int)
    assert exchange.breaches == {"connects": 10, "connections": 20}


# Silence


def test_idle_after_20_seconds_without_anything():
    box = Box()
    box.run(19.9)
    box.send("ping")
    assert box.run(19.9) == []
    assert box.closed is None
    box.run(0.2)
    assert box.closed == Close(box.connection, 1000, "idle")


def test_pushes_keep_a_connection_awake():
    box = Box()
    box.op("subscribe", BTC)
    box.run(60)
    assert box.closed is None


def test_ping_frames_do_not_keep_spot_awake_and_are_not_answered():
    """BitMart: ping frames are not supported; users saw hidden disconnects with them."""
    box = Box()
    for _ in range(5):
        box.run(4.1)
        box.exchange.ping_frame(box.connection, box.now, b"x")
    assert box.take() == []
    assert box.closed is not None
    other = Box(knobs=Knobs(pong_frames=True))
    other.exchange.ping_frame(other.connection, 0.0, b"x")
    assert other.exchange.output() == [Pong(other.connection, b"x")]


def test_lifeless_after_5_minutes():
    box = Box()
    for _ in range(29):
        box.run(10, step=10)
        assert box.send("ping") == ["pong"]
    box.run(10.1, step=1)
    assert box.closed == Close(box.connection, 1000, "nothing subscribed")


def test_closing_can_be_switched_off():
    box = Box(knobs=Knobs(idle_seconds=None, lifeless_seconds=None))
    assert box.exchange.next_deadline() is None
    box.run(1_000, step=100)
    assert box.closed is None


# Determinism, misuse


def everything(seed):
    box = Box(seed=seed, knobs=Knobs(opcode="mixed"))
    out = [box.exchange.markets.version("BTC_USDT")]
    for channel in DOCUMENTED:
        message = json.dumps({"op": "subscribe", "args": [f"{channel}:BTC_USDT"]})
        box.exchange.receive(box.connection, message, 0.0)
    other = box.exchange.connect("legacy", 0.5)
    box.exchange.receive(other, json.dumps(LEGACY_ORDER), 0.5)
    return out + box.run(10)


def test_the_same_seed_gives_the_same_bytes():
    assert everything(5) == everything(5)
    assert everything(5) != everything(6)


def test_how_often_it_is_advanced_changes_nothing():
    fine, coarse = Box(), Box()
    for box in (fine, coarse):
        box.op("subscribe", BTC, "spot/trade:BTC_USDT", "spot/depth20:BTC_USDT")
    assert fine.run(8, step=0.013) == coarse.run(8, step=8)


def test_it_says_when_it_wants_to_be_advanced():
    box = Box()
    box.op("subscribe", BTC, "spot/depth5:BTC_USDT")
    for _ in range(50):
        deadline = box.exchange.next_deadline()
        box.exchange.advance(deadline - 1e-6)
        assert box.take() == []
        box.exchange.advance(deadline)
        box.take()


def test_misuse():
    with pytest.raises(bb.UsageError, match="no endpoint"):
        Exchange().connect("futures", 0.0)
    with pytest.raises(bb.UsageError, match="not listed"):
        Exchange().markets.version("NO_SUCH")
    with pytest.raises(bb.UsageError, match="above zero"):
        Exchange(speed=0)


def test_the_engine_reads_every_spot_frame():
    engine = bb.Engine()
    box = Box()
    _, snapshot = box.op("subscribe", BTC)
    engine.apply(json.dumps(snapshot))
    for payload in box.run(30):
        engine.apply(payload)
    book = engine["BTC_USDT"]
    truth = box.exchange.markets.window("BTC_USDT", book.sequence, 20)
    depth = book.depth(20, exact=True)
    assert (depth.bids, depth.asks) == (list(truth[0]), list(truth[1]))
