"""Books of the box on futures: every frame against the examples, every value against the window."""

import itertools
import json
from decimal import Decimal

import pytest

import bitmart_book as bb
from tests.helpers.futures_box import BTC50, EXAMPLES, START_MS, Box, echo, pushed, same_shape

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
