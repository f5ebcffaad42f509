"""Futures of the box, public: every frame against the examples of BitMart's reference and of
recordings, key by key and in their order; every value against the markets behind it.

Examples are of BitMart's futures v2 API reference ("WebSocket Subscription", 2025) or, where a
comment says so, recorded.
"""

import itertools
import json
import random
import zlib
from decimal import Decimal

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book.sim import Close, Exchange, Knobs, Ping, Pong, Refusal
from bitmart_book.sim.market.contracts import contracts
from bitmart_book.sim.venue.futures_wire import stamp
from bitmart_book.venues.futures import FUTURES

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


# Replies


def echo(action, *topics):
    return {"action": action, "args": list(topics)}


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


# Sequenced books


class Client:
    """The documented rules: a snapshot replaces, an update follows by one, also an empty one."""

    def __init__(self):
        self.version, self.sides = None, {"bids": {}, "asks": {}}

    def take(self, data):
        if data["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        else:
            assert data["version"] == self.version + 1
        self.version = data["version"]
        for side, levels in self.sides.items():
            for level in data[side]:
                price, size = Decimal(level["price"]), Decimal(level["vol"])
                levels[price] = size
                if not size:
                    del levels[price]

    def best_first(self):
        return tuple(
            tuple(sorted(self.sides[side].items(), reverse=side == "bids"))
            for side in ("bids", "asks")
        )


@pytest.mark.parametrize("depth", [5, 20, 50])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000PEPEUSDT", "ASTEROIDETHUSDT"])
def test_snapshot_and_updates_are_the_window_of_the_exchange(symbol, depth):
    topic = f"futures/depthIncrease{depth}:{symbol}"
    box, client = Box(speed=3.0), Client()
    ack, first = box.op("subscribe", topic)
    assert ack["success"]
    versions, entered, left = [], 0, 0
    for frame in itertools.chain([first], box.steps(60)):
        if not pushed([frame], topic):
            continue
        same_shape(frame, EXAMPLES["depthIncrease"])
        data, before = frame["data"], client.best_first()
        assert (data["type"] == "snapshot") == (frame is first)
        client.take(data)
        versions.append(data["version"])
        assert data["symbol"] == symbol
        assert data["ms_t"] == START_MS + round(box.now * 1000) or frame is first
        prices = [Decimal(level["price"]) for level in data["bids"]]
        assert prices == sorted(prices, reverse=True)
        prices = [Decimal(level["price"]) for level in data["asks"]]
        assert prices == sorted(prices)
        after = client.best_first()
        assert after == box.exchange.futures.window(topic, data["version"])
        assert max(map(len, after)) <= depth
        market = box.publisher(symbol).market
        decimals = box.exchange.contracts[symbol].listing.price_decimals
        for shown, ladder in zip(after, (market.bids, market.asks), strict=True):
            levels = ladder.levels(depth)
            assert list(shown) == [(Decimal(p).scaleb(-decimals), s) for p, s in levels]
        for old, new, ladder in zip(before, after, (market.bids, market.asks), strict=True):
            known = {Decimal(price).scaleb(-decimals) for price in ladder.sizes}
            left += len({price for price, _ in old} - {price for price, _ in new} & known)
            entered += len({price for price, _ in new} - {price for price, _ in old})
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    assert box.exchange.futures.version(topic) == versions[-1]
    assert len(versions) > 10
    assert entered > depth
    assert left


def test_an_empty_update_advances_the_version():
    topic = "futures/depthIncrease5:ASTEROIDETHUSDT"
    box = Box()
    _, first = box.op("subscribe", topic)
    updates = pushed(box.run(60), topic)
    empty = [data for data in updates if data["asks"] == data["bids"] == []]
    assert len(empty) > 3
    assert [data["version"] for data in updates] == [
        first["data"]["version"] + 1 + place for place in range(len(updates))
    ]
    one_sided = [data for data in updates if bool(data["asks"]) != bool(data["bids"])]
    assert one_sided
    gaps = [b["ms_t"] - a["ms_t"] for a, b in itertools.pairwise(updates)]
    assert max(gaps) <= 5_000


def test_quiet_books_can_be_left_alone():
    topic = "futures/depthIncrease5:ASTEROIDETHUSDT"
    box = Box(futures_empty_interval=None, speed=0.01)
    box.op("subscribe", topic)
    assert pushed(box.run(15), topic) == []


def test_a_contract_without_orders_sends_one_empty_snapshot():
    topic = "futures/depthIncrease50:THETAUSDT"
    box = Box(futures_idle_seconds=None)
    _, first = box.op(
        "subscribe",
        topic,
    )
    assert first["data"] == {
        "symbol": "THETAUSDT", "asks": [], "bids": [], "ms_t": START_MS, "version": 3,
        "type": "snapshot",
    }  # fmt: skip
    assert box.run(120) == []


def test_a_request_is_answered_with_the_present_version():
    box = Box()
    box.op("subscribe", BTC50)
    client = Client()
    client.take(box.op("request", BTC50)[0]["data"])
    for frame in box.steps(10):
        if pushed([frame], BTC50):
            client.take(frame["data"])
            (reply,) = box.op("request", BTC50)
            assert (reply["data"]["type"], reply["data"]["version"]) == ("snapshot", client.version)
            other = Client()
            other.take(reply["data"])
            assert other.sides == client.sides


def test_versions_are_the_servers_and_go_on_without_anybody():
    box = Box()
    first = box.op("subscribe", BTC50)[1]["data"]["version"]
    box.op("unsubscribe", BTC50)
    assert pushed(box.run(10), BTC50) == []
    assert box.op("subscribe", BTC50)[1]["data"]["version"] == first + 10
    other = box.exchange.connect("futures_public", box.now)
    box.exchange.receive(other, json.dumps(echo("request", BTC50)), box.now)
    *_, action = box.exchange.output()
    assert json.loads(action.payload)["data"]["version"] == first + 10


def test_a_counter_can_start_anew():
    box = Box()
    box.op("subscribe", BTC50)
    box.exchange.futures.restart(BTC50, 7)
    assert [data["version"] for data in pushed(box.run(2), BTC50)] == [8, 9]
    with pytest.raises(bb.UsageError, match="no sequenced book"):
        box.exchange.futures.version("futures/depth5:BTCUSDT")
    with pytest.raises(bb.UsageError, match="not listed"):
        box.exchange.futures.version("futures/depthIncrease5:NOPE")


CADENCES = [
    (1.0, "", 1_000),
    (1.0, "@100ms", 1_000),
    (1.0, "@200ms", 1_000),
    (None, "", 100),
    (None, "@100ms", 100),
    (None, "@200ms", 200),
    (0.063, "", 63),
]


@pytest.mark.parametrize(("cadence", "speed", "expected"), CADENCES)
@pytest.mark.parametrize("channel", ["depthIncrease50", "depthAll20", "depth5", "bookticker"])
def test_how_often_books_are_pushed(channel, cadence, speed, expected):
    topic = f"futures/{channel}:BTCUSDT{speed}"
    box = Box(futures_cadence=cadence, futures_trade_interval=0.01, speed=50.0)
    box.op("subscribe", topic)
    stamps = sorted({data["ms_t"] for data in pushed(box.run(5), topic)})
    assert {(stamp - START_MS) % expected for stamp in stamps[:3]} == {0}
    assert min(b - a for a, b in itertools.pairwise(stamps)) >= expected
    assert len(stamps) >= 4 * 1_000 // expected * 9 // 10


def test_groups_may_come_back_with_a_speed():
    """A client subscribed a topic without one, and was told of it with @100ms."""
    box = Box(futures_group_speed="200ms")
    topics = [BTC50, "futures/ticker:ETHUSDT", "futures/ticker", "futures/depth5:BTCUSDT@100ms"]
    frames = box.op("subscribe", *topics)
    assert [frame["group"] for frame in frames if "success" in frame] == topics
    frames += box.run(3)
    assert {frame["group"] for frame in frames if "data" in frame} == {
        f"{BTC50}@200ms",
        "futures/ticker:ETHUSDT@200ms",
        "futures/ticker@200ms",
        "futures/depth5:BTCUSDT@100ms",
    }


def test_one_connection_may_ask_for_several_speeds():
    box = Box()
    topics = [BTC50, f"{BTC50}@100ms", f"{BTC50}@200ms"]
    box.op("subscribe", *topics)
    frames = box.run(4)
    counted = [[data["version"] for data in pushed(frames, topic)] for topic in topics]
    assert len(counted[0]) == 4
    assert counted[0] == counted[1] == counted[2]
    box.op("unsubscribe", topics[1])
    assert {frame["group"] for frame in box.run(2)} == {topics[0], topics[2]}


def test_channels_that_were_announced_and_stayed_silent():
    box = Box()
    ack, snapshot = box.op("subscribe", "futures/v2/depthIncrease20:BTCUSDT@100ms")
    assert ack["success"]
    assert snapshot["data"] == {
        "symbol": "BTCUSDT", "asks": [], "bids": [], "ms_t": START_MS, "version": 0,
        "type": "snapshot",
    }  # fmt: skip
    (ack,) = box.op("subscribe", "futures/v2/depthAll20:BTCUSDT")
    assert ack["success"]
    assert box.run(10) == []


def test_levels_may_be_arrays():
    box = Box(futures_levels="arrays")
    frames = box.op("subscribe", BTC50, "futures/depthAll5:BTCUSDT", "futures/depth5:BTCUSDT")
    kinds = [type(level) for frame in frames if "data" in frame for level in
             frame["data"].get("bids", frame["data"].get("depths"))]  # fmt: skip
    assert set(kinds[:55]) == {list}
    assert set(kinds[55:]) == {dict}


# Whole books


@pytest.mark.parametrize("depth", [5, 20, 50])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000PEPEUSDT"])
def test_both_sides_at_once(symbol, depth):
    topic, box = f"futures/depthAll{depth}:{symbol}", Box(speed=4.0)
    _, first = box.op("subscribe", topic)
    count, decimals = 0, box.publisher(symbol).listing.price_decimals
    for frame in itertools.chain([first], box.steps(20)):
        if pushed([frame], topic):
            same_shape(frame, EXAMPLES["depthAll"])
            count += 1
            if frame is first:
                continue
            market = box.publisher(symbol).market
            for side, ladder in (("bids", market.bids), ("asks", market.asks)):
                assert [(Decimal(x["price"]), int(x["vol"])) for x in frame["data"][side]] == [
                    (Decimal(price).scaleb(-decimals), size) for price, size in ladder.levels(depth)
                ]
    assert count > 10


@pytest.mark.parametrize("depth", [5, 20, 50])
def test_one_side_a_message(depth):
    topic, box = f"futures/depth{depth}:BTCUSDT", Box()
    _, *first = box.op("subscribe", topic)
    frames = [*first, *box.run(10)]
    assert [frame["data"]["way"] for frame in frames] == [1, 2] * (len(frames) // 2)
    assert len(frames) == 22
    for bids, asks in zip(frames[::2], frames[1::2], strict=True):
        same_shape(bids, EXAMPLES["depth"])
        same_shape(asks, EXAMPLES["depth"])
        assert bids["data"]["ms_t"] == asks["data"]["ms_t"]
        prices = [
            [Decimal(level["price"]) for level in frame["data"]["depths"]] for frame in (bids, asks)
        ]
        assert prices[0] == sorted(prices[0], reverse=True)
        assert prices[1] == sorted(prices[1])
        assert prices[0][0] < prices[1][0]
        assert len(prices[0]) == len(prices[1]) == depth
    market = box.publisher().market
    for frame, ladder in zip(frames[-2:], (market.bids, market.asks), strict=True):
        assert [int(level["vol"]) for level in frame["data"]["depths"]] == [
            size for _, size in ladder.levels(depth)
        ]


def test_the_other_forms_of_one_side_a_message():
    topic = "futures/depth5:BTCUSDT"
    box = Box(futures_asks_first=True, futures_depth_stamps=False, futures_partner_delay=0.4)
    _, *first = box.op("subscribe", topic)
    assert [frame["data"]["way"] for frame in first] == [2, 1]
    same_shape(first[0], EXAMPLES["old depth"])
    seen = [(round(box.now, 3), frame["data"]["way"]) for frame in box.steps(2.5)]
    assert seen == [(1.0, 2), (1.4, 1), (2.0, 2), (2.4, 1)]


# Best prices, tickers, rates


def test_the_best_prices():
    topic, box = "futures/bookticker:ETHUSDT", Box()
    box.op("subscribe", topic)
    count = 0
    for frame in box.steps(20):
        same_shape(frame, EXAMPLES["bookticker"])
        (bid, bid_size), (ask, ask_size) = box.publisher("ETHUSDT").best()
        data = frame["data"]
        assert data["ms_t"] == START_MS + round(box.now * 1000)
        assert (Decimal(data["best_bid_price"]), int(data["best_bid_vol"])) == (
            Decimal(bid) / 100,
            bid_size,
        )
        assert (Decimal(data["best_ask_price"]), int(data["best_ask_vol"])) == (
            Decimal(ask) / 100,
            ask_size,
        )
        count += 1
    assert count > 10


def test_tickers():
    topic, box = "futures/ticker:ETHUSDT", Box(speed=5.0)
    box.op("subscribe", topic, "futures/trade:ETHUSDT")
    last, volume, seen = None, None, []
    for frame in box.steps(30):
        if frame["group"] != topic:
            traded = sum(int(row["deal_vol"]) for row in frame["data"])
            last = Decimal(frame["data"][0]["deal_price"])
            volume = None if volume is None else volume + traded
            continue
        same_shape(frame, EXAMPLES["ticker"])
        data = frame["data"]
        (bid, bid_size), (ask, ask_size) = box.publisher("ETHUSDT").best()
        assert [data[key] for key in ("bid_vol", "ask_vol")] == [str(bid_size), str(ask_size)]
        assert Decimal(data["bid_price"]) == Decimal(bid) / 100
        assert Decimal(data["ask_price"]) == Decimal(ask) / 100
        assert last is None or Decimal(data["last_price"]) == last
        assert volume is None or int(data["volume_24"]) == volume
        volume = int(data["volume_24"])
        opened = Decimal(box.publisher("ETHUSDT").day.open) / 100
        change = (Decimal(data["last_price"]) - opened) / opened
        assert abs(Decimal(data["range"]) - change) < Decimal("1e-15")
        assert (
            Decimal(data["bid_price"]) <= Decimal(data["mark_price"]) <= Decimal(data["ask_price"])
        )
        index = Decimal(data["index_price"])
        assert abs(index / Decimal(data["mark_price"]) - 1) < Decimal("0.001")
        assert index.as_tuple().exponent < -2
        seen.append(data)
    assert len(seen) > 15
    names = list(seen[0])[1:]
    for one, other in itertools.combinations(names, 2):
        assert any(data[one] != data[other] for data in seen), (one, other)


def test_the_tickers_of_all_contracts():
    box = Box(extra_symbols=3)
    ack, *first = box.op("subscribe", "futures/ticker")
    assert ack["success"]
    traded = [symbol for symbol in contracts() if symbol != "THETAUSDT"]
    assert [frame["data"]["symbol"] for frame in first] == traded
    box.exchange.futures.publisher("SYM0002USDT")
    frames = box.run(30)
    # Who has not changed is not told of: extra contracts come in when somebody uses them.
    assert {frame["data"]["symbol"] for frame in frames} == {*traded, "SYM0002USDT"}
    seen = {}
    for frame in frames:
        assert seen.get(frame["data"]["symbol"]) != frame["data"]
        seen[frame["data"]["symbol"]] = frame["data"]
    for frame in [*first, *frames]:
        same_shape(frame, EXAMPLES["ticker"])
        assert frame["group"] == "futures/ticker"
    box.op("unsubscribe", "futures/ticker")
    assert box.run(3) == []
    assert len(box.op("subscribe", "futures/ticker")) == 10
    assert box.run(1.5)


def test_funding_rates():
    topic, box = "futures/fundingRate:BTCUSDT", Box(futures_idle_seconds=None)
    _, first = box.op("subscribe", topic)
    frames = [first]
    for frame in box.steps(200):
        assert frame["data"]["ts"] == START_MS + round(box.now * 1000)
        frames.append(frame)
    assert [frame["data"]["ts"] - START_MS for frame in frames] == [0, 60_000, 120_000, 180_000]
    for frame in frames:
        same_shape(frame, EXAMPLES["fundingRate"])
        data = frame["data"]
        assert data["ts"] - 1_000 < data["fundingTime"] <= data["ts"] < data["nextFundingTime"]
        assert data["nextFundingTime"] % (8 * 3_600_000) == 0
        assert data["nextFundingTime"] - data["ts"] <= 8 * 3_600_000
        assert abs(Decimal(data["fundingRate"])) <= Decimal("0.0004")


def test_the_coming_rate_is_settled():
    settlement = (START_MS // (8 * 3_600_000) + 1) * 8 * 3_600_000
    rates = []
    for start in (settlement - 5_000, settlement + 5_000):
        box = Exchange(start_ms=start)
        connection = box.connect("futures_public", 0.0)
        box.receive(connection, json.dumps(echo("request", "futures/fundingRate:BTCUSDT")), 0.0)
        (action,) = box.output()
        rates.append(json.loads(action.payload)["data"])
    coming, settled = Decimal(rates[0]["nextFundingRate"]), Decimal(rates[1]["fundingRate"])
    assert 0 <= settled - coming < Decimal("1e-7")
    assert rates[0]["nextFundingTime"] == settlement


# Trades and bars


@pytest.mark.parametrize("form", ["way+m", "m", "way"])
def test_trades(form):
    topic, box = "futures/trade:BTCUSDT", Box(futures_trades=form, speed=4.0)
    assert len(box.op("subscribe", topic)) == 1  # no history
    rows, batches = [], []
    publisher = box.publisher()
    tell = publisher.advance
    publisher.advance = lambda now: batches.append(tell(now)) or batches[-1]
    for frame in box.steps(40):
        same_shape(frame, EXAMPLES[f"trade {form}"])
        assert frame["group"] == topic
        stamps = [row["created_at"] for row in frame["data"]]
        assert stamps == sorted(stamps, reverse=True)
        rows += reversed(frame["data"])
    prints = [print_ for batch in batches for print_ in batch.prints]
    assert len(rows) == len(prints) > 100
    for row, print_ in zip(rows, prints, strict=True):
        assert Decimal(row["deal_price"]) == Decimal(print_.price) / 10
        assert row["deal_vol"] == str(print_.size)
        if form != "way":
            assert row["m"] == (print_.taker == "sell")
        if form != "m":
            assert 1 <= row["way"] <= 8
        if form == "way":
            # The only place where it is all that tells the taker's side.
            assert (row["way"] > 4) == (print_.taker == "sell")
            assert row["create_time"] == row["create_time_mill"] // 1000
        time = publisher.trade_ns(print_.time)
        assert row["created_at"] == stamp(time)
        assert START_MS * 10**6 <= time <= START_MS * 10**6 + 40 * 10**9
    ids = [row["trade_id"] for row in rows]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert 1 << 51 < ids[0] < 1 << 53


def test_stamps_have_nine_digits():
    assert stamp(1_741_630_634_656_686_827) == "2025-03-10T18:17:14.656686827Z"
    assert stamp(1_741_630_634_000_000_007) == "2025-03-10T18:17:14.000000007Z"


KLINES = ["1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W"]


@pytest.mark.parametrize("step", KLINES)
@pytest.mark.parametrize("form", ["items", "flat"])
def test_bars(step, form):
    topic, box = f"futures/klineBin{step}:BTCUSDT", Box(futures_klines=form, speed=5.0)
    _, first = box.op("subscribe", topic, "futures/trade:BTCUSDT")[:2]
    bar, count = None, 0
    for frame in itertools.chain([first], box.steps(70)):
        if frame["group"] != topic:
            for row in reversed(frame["data"]):
                price = Decimal(row["deal_price"])
                bar["h"], bar["l"] = max(bar["h"], price), min(bar["l"], price)
                bar["c"], bar["v"] = price, bar["v"] + int(row["deal_vol"])
            continue
        same_shape(frame, EXAMPLES[f"kline {form}"])
        data = frame["data"]
        item = data if form == "flat" else data["items"][0]
        assert data["symbol"] == "BTCUSDT"
        if bar is not None and item["ts"] == bar["ts"]:
            assert {key: Decimal(item[key]) for key in "ohlcv"} == {
                key: bar[key] for key in "ohlcv"
            }
        bar = {key: Decimal(item[key]) for key in "ohlcv"} | {"ts": item["ts"]}
        seconds = {"m": 60, "H": 3_600, "D": 86_400, "W": 604_800}[step[-1]] * int(step[:-1])
        # Weeks begin on a Monday, four days after 1970 began.
        assert (item["ts"] - 1 - (345_600 if step == "1W" else 0)) % seconds == 0
        count += 1
    assert count > 30


@pytest.mark.parametrize("form", ["items", "flat"])
def test_bars_of_marked_prices(form):
    topic, box = "futures/markPriceKlineBin1m:BTCUSDT", Box(futures_mark_klines=form)
    _, first = box.op("subscribe", topic, "futures/ticker:BTCUSDT")[:2]
    count, marks = 0, []
    for frame in itertools.chain([first], box.steps(30)):
        if frame["group"] != topic:
            marks.append(Decimal(frame["data"]["mark_price"]))
            continue
        same_shape(frame, EXAMPLES[f"kline {form}"])
        item = frame["data"] if form == "flat" else frame["data"]["items"][0]
        low, high = Decimal(item["l"]), Decimal(item["h"])
        assert low <= Decimal(item["c"]) <= high
        assert low <= Decimal(item["o"]) <= high
        count += 1
    assert count > 5
    assert any(low <= mark <= high for mark in marks)


def test_what_has_not_changed_is_not_pushed_again():
    box = Box(futures_idle_seconds=None)
    kinds = ("depth5", "depthAll5", "bookticker", "ticker", "klineBin1D")
    topics = [f"futures/{kind}:ASTEROIDETHUSDT" for kind in kinds]
    frames = [frame for frame in box.op("subscribe", *topics) if "data" in frame]
    frames += box.run(60)
    for topic in topics:
        told = pushed(frames, topic)
        for data in told:
            data.pop("ms_t", None)
        if "way" in told[0]:  # Both sides are pushed if one of them has changed.
            told = list(zip(told[::2], told[1::2], strict=True))
        assert all(before != after for before, after in itertools.pairwise(told))
        assert len(told) < 50


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
    box.exchange.pause()
    assert box.run(15) == []
    snapshot = box.op("request", BTC50)[0]["data"]
    box.exchange.resume()
    updates = pushed(box.run(3), BTC50)
    assert [data["version"] for data in updates] == [snapshot["version"] + n for n in (1, 2, 3)]
    box.exchange.pause("BTCUSDT")
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
        exchange.receive(connection, FUTURES.encode("subscribe", [topic]), 0.0)
    exchange.receive(connection, FUTURES.ping, 0.0)
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
            found = stream.decode(message)
            assert found
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
