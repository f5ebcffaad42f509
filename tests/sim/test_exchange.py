"""The simulated exchange, without a socket: its frames against BitMart's own examples, its books
against its own truth, its limits, and what each knob changes.

The examples are from BitMart's spot API reference ("WebSocket Subscription", 2025) and from
bitmart-official-api-docs (2020, `WEBSOCKET.md`), except where a comment says otherwise.
"""

import itertools
import json
import math
import struct
import zlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.sim import Close, Exchange, Knobs, Pong, Refusal, capture_markets
from bitmart_book.sim.venue.publisher import bar_start

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


# Frames


@pytest.mark.parametrize("channel", DOCUMENTED)
def test_pushes_have_the_documented_shape(channel):
    box = Box()
    topic = f"{channel}:BTC_USDT"
    first, *pushed = box.op("subscribe", topic)
    assert first == {"event": "subscribe", "topic": topic}
    pushed += frames(box.run(5))
    assert len(pushed) > 3
    for frame in pushed:
        same_shape(frame, DOCUMENTED[channel])
        assert frame["table"] == channel
        assert {item["symbol"] for item in frame["data"]} == {"BTC_USDT"}


def test_a_trade_subscription_begins_without_history():
    assert len(Box().op("subscribe", "spot/trade:BTC_USDT")) == 1


def test_trades_are_oldest_first():
    box = Box(speed=5.0)
    box.op("subscribe", "spot/trade:BTC_USDT")
    times = [item["ms_t"] for frame in frames(box.run(10)) for item in frame["data"]]
    assert len(times) > 30
    assert times == sorted(times)


@pytest.mark.parametrize("levels", [5, 20, 50])
def test_depth_pictures_show_the_best_levels(levels):
    box = Box()
    box.op("request", BTC)
    _, first = box.op("subscribe", f"spot/depth{levels}:BTC_USDT")
    for frame in [first, *frames(box.run(3))]:
        item = rows(frame)
        bids, asks = ([Decimal(price) for price, _ in item[side]] for side in ("bids", "asks"))
        assert len(bids) == len(asks) == levels
        assert asks == sorted(asks)
        assert bids == sorted(bids, reverse=True)
        assert bids[0] < asks[0]
    stamps = [rows(frame)["ms_t"] for frame in frames(box.run(3))]
    assert all(b - a >= 500 for a, b in itertools.pairwise(stamps))


def test_the_picture_is_that_of_the_latest_version():
    box = Box()
    box.op("subscribe", "spot/depth5:BTC_USDT")
    frame = frames(box.run(2))[-1]
    version = box.exchange.version("BTC_USDT")
    bids, _ = box.exchange.window("BTC_USDT", version, 5)
    shown = [(Decimal(price), Decimal(size)) for price, size in rows(frame)["bids"]]
    assert shown == list(bids)


@pytest.mark.parametrize("step", ["1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W", "1M"])
def test_candles(step):
    box = Box(speed=5.0)
    _, first = box.op("subscribe", f"spot/kline{step}:BTC_USDT")
    pushed = [first, *frames(box.run(70))]
    assert len(pushed) > 10
    for frame in pushed:
        same_shape(frame["data"], DOCUMENTED["spot/kline1m"]["data"])
        start, open_, high, low, close, _ = rows(frame)["candle"]
        assert Decimal(low) <= min(Decimal(open_), Decimal(close))
        assert Decimal(high) >= max(Decimal(open_), Decimal(close))
        assert start % 60 == 0
    starts = {rows(frame)["candle"][0] for frame in pushed}
    assert len(starts) == (2 if step == "1m" else 1)


def test_where_bars_begin():
    at = 1_700_000_000  # Tuesday 2023-11-14 22:13:20
    assert bar_start(60, at) == at - 20
    assert bar_start("1W", at) == 1_699_833_600  # Monday the 13th
    assert bar_start("1M", at) == 1_698_796_800  # the 1st


def test_the_book_ticker_tells_only_of_a_new_top():
    box = Box()
    _, first = box.op("subscribe", "spot/bookTicker:BTC_USDT")
    tops = [{**rows(frame), "ms_t": 0} for frame in [first, *frames(box.run(10))]]
    assert len(tops) > 10
    assert all(a != b for a, b in itertools.pairwise(tops))


def test_numbers_come_with_and_without_their_zeros():
    box = Box(symbols=["BTC_USDT", "BABYDOGE_USDT"])
    _, snapshot = box.op("subscribe", BTC)
    texts = [text for row in rows(snapshot)["bids"] for text in row]
    assert any(text.endswith("0") and "." in text for text in texts)
    assert any(len(text.partition(".")[2]) < 2 for text in texts)
    _, tiny = box.op("subscribe", "spot/depth/increase100:BABYDOGE_USDT")
    assert any(len(price) == 14 for price, _ in rows(tiny)["asks"])


@pytest.mark.parametrize("form", ["padded", "stripped"])
def test_number_formats(form):
    box = Box(knobs=Knobs(numbers=form))
    _, snapshot = box.op("subscribe", BTC)
    for text in (text for row in rows(snapshot)["bids"] for text in row):
        if form == "padded":
            assert "." in text
        else:
            assert not ("." in text and text.endswith("0"))


# The sequenced book


def test_snapshot_then_updates_are_the_book_at_every_version():
    """All that was in the snapshot's range or was told of is exact; nothing else is known."""
    box = Box()
    _, first = box.op("subscribe", BTC)
    client = Client()
    client.take(rows(first))
    assert first["data"][0]["type"] == "snapshot"
    reach = {side: levels[99][0] for side, levels in zip(
        ("bids", "asks"), box.exchange.window("BTC_USDT", client.version), strict=True
    )}  # fmt: skip
    assert len(client.sides["bids"]) == len(client.sides["asks"]) == 100
    told = 0
    for frame in frames(box.run(120)):
        told += client.take(rows(frame))
        truth = box.exchange.window("BTC_USDT", client.version)
        for side, levels in zip(("bids", "asks"), truth, strict=True):
            assert set(client.sides[side].items()) <= set(levels)
            within = [
                row
                for row in levels
                if (row[0] >= reach[side] if side == "bids" else row[0] <= reach[side])
            ]
            assert client.best_first(side)[: len(within)] == tuple(within)
    assert told > 300


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1 << 32),
    deletes=st.booleans(),
    refills=st.booleans(),
    speed=st.sampled_from([1.0, 4.0]),
    symbol=st.sampled_from(["BTC_USDT", "SOL_USDT", "BABYDOGE_USDT"]),
)
def test_the_window_of_a_hundred_under_every_policy(seed, deletes, refills, speed, symbol):
    knobs = Knobs(window_only=True, window_deletes=deletes, window_refills=refills)
    box = Box(knobs=knobs, seed=seed, speed=speed, symbols=[symbol])
    _, first = box.op("subscribe", f"spot/depth/increase100:{symbol}")
    client = Client()
    client.take(rows(first))
    for frame in frames(box.run(12)):
        item = rows(frame)
        if client.take(item):
            assert item["asks"] or item["bids"]
        truth = box.exchange.window(symbol, client.version)
        for side, levels in zip(("bids", "asks"), truth, strict=True):
            assert len(levels) == 100
            if deletes:
                assert set(client.sides[side].items()) <= set(levels)
            # Without deletes there are ghosts: levels that left the window and then vanished.
            if refills:
                assert set(client.sides[side].items()) >= set(levels)


@settings(max_examples=20)
@given(seed=st.integers(0, 1 << 32), gaps=st.lists(st.floats(0.01, 9), max_size=8))
def test_a_request_is_answered_with_the_present_book(seed, gaps):
    box = Box(seed=seed)
    for gap in gaps:
        box.run(gap)
        (frame,) = box.op("request", BTC)
        item = rows(frame)
        same_shape(frame, DOCUMENTED["spot/depth/increase100"])
        assert item["type"] == "snapshot"
        assert item["version"] == box.exchange.version("BTC_USDT")
        truth = box.exchange.window("BTC_USDT", item["version"], 100)
        for side, levels in zip(("bids", "asks"), truth, strict=True):
            assert [(Decimal(p), Decimal(s)) for p, s in item[side]] == list(levels)


def test_the_truth_can_be_asked_for_in_any_order_and_is_bounded():
    box = Box(history=400, symbols=["BTC_USDT"], speed=5.0)
    first = box.exchange.version("BTC_USDT")
    seen = {}
    while box.exchange.version("BTC_USDT") < first + 1_500:
        box.run(0.1)
        version = box.exchange.version("BTC_USDT")
        seen[version] = box.exchange.window("BTC_USDT", version)
    last = box.exchange.version("BTC_USDT")
    for version in [*range(last, last - 399, -7), *range(last - 399, last + 1, 3)]:
        assert box.exchange.window("BTC_USDT", version) == seen[version]
    assert box.exchange.window("BTC_USDT", last + 1) is None
    assert box.exchange.window("BTC_USDT", first) is None
    assert box.exchange.window("ETH_USDT", 1) is None


def test_updates_keep_their_distance():
    box = Box(speed=20.0)
    box.op("subscribe", BTC)
    stamps = [rows(frame)["ms_t"] for frame in frames(box.run(20))]
    assert len(stamps) > 190
    assert all(b - a >= 99 for a, b in itertools.pairwise(stamps))


def test_a_quiet_symbol_repeats_its_version():
    """BitMart: an update with empty sides and the same version as the one before it."""
    box = Box(speed=1e-6)
    _, snapshot = box.op("subscribe", BTC)
    (frame,) = frames(box.run(5.05))
    assert rows(frame) == {
        "asks": [], "bids": [], "ms_t": 1_787_000_005_000, "symbol": "BTC_USDT",
        "type": "update", "version": rows(snapshot)["version"],
    }  # fmt: skip
    assert len(box.run(10)) == 2
    never = Box(speed=1e-6, knobs=Knobs(heartbeat_interval=None))
    never.op("subscribe", BTC)
    assert never.run(15) == []


def test_every_subscriber_gets_the_same_frames():
    box = Box()
    box.op("subscribe", BTC)
    other = box.exchange.connect("spot_public", 0.0)
    box.exchange.receive(other, json.dumps({"op": "subscribe", "args": [BTC]}), 0.0)
    box.exchange.output()
    box.exchange.advance(5.0)
    sent = box.exchange.output()
    assert len(sent) > 20
    mine = [action.payload for action in sent if action.connection == box.connection]
    assert mine == [action.payload for action in sent if action.connection == other]


def test_a_book_goes_on_while_nobody_listens():
    box = Box()
    _, snapshot = box.op("subscribe", BTC)
    box.exchange.disconnected(box.connection, 1.0)
    box.exchange.disconnected(box.connection, 1.0)
    box.exchange.output()
    box.exchange.advance(10.0)
    assert box.exchange.output() == []
    assert box.exchange.version("BTC_USDT") > rows(snapshot)["version"] + 20
    box.exchange.receive(box.connection, "ping", 11.0)
    box.exchange.ping_frame(box.connection, 11.0)
    assert box.exchange.output() == []


def test_a_silent_symbol():
    box = Box()
    box.op("subscribe", BTC, "spot/trade:BTC_USDT", "spot/depth5:BTC_USDT", "spot/ticker:BTC_USDT")
    box.op("subscribe", "spot/depth/increase100:ETH_USDT")
    box.exchange.pause("BTC_USDT")
    version = box.exchange.version("BTC_USDT")
    assert {rows(frame)["symbol"] for frame in frames(box.run(8))} == {"ETH_USDT"}
    (frame,) = box.op("request", BTC)
    assert rows(frame)["version"] == version == box.exchange.version("BTC_USDT")
    box.exchange.resume("BTC_USDT")
    tables = {frame["table"] for frame in frames(box.run(5)) if rows_of(frame) == {"BTC_USDT"}}
    assert tables == {"spot/depth/increase100", "spot/trade", "spot/depth5", "spot/ticker"}
    # The market stood still: no burst of what would have happened meanwhile.
    assert box.exchange.version("BTC_USDT") - version < 50


def rows_of(frame):
    return {item["symbol"] for item in frame["data"]}


def test_everything_silent():
    box = Box()
    box.exchange.pause()
    box.op("subscribe", BTC)
    assert box.run(10) == []
    box.exchange.resume()
    assert len(box.run(2)) > 3


def test_a_counter_that_starts_anew():
    box = Box()
    box.op("subscribe", BTC)
    box.run(2)
    box.exchange.restart("BTC_USDT", 7)
    versions = [rows(frame)["version"] for frame in frames(box.run(3))]
    assert versions[:3] == [8, 9, 10]
    assert box.exchange.window("BTC_USDT", 9) is not None


def doubles(packed):
    """The levels of one side of a glimpse."""
    numbers = struct.unpack(f"{len(packed) // 8}d", packed)
    levels = list(zip(numbers[::2], numbers[1::2], strict=True))
    return [level for level in levels if level[0] == level[0]]


@pytest.mark.parametrize("windowed", [False, True])
def test_a_glimpse_is_the_top_of_the_window(windowed):
    knobs = Knobs(window_only=windowed, window_deletes=windowed, window_refills=windowed)
    box = Box(glimpses=20, knobs=knobs)
    box.op("subscribe", BTC)
    first = box.exchange.version("BTC_USDT")
    box.run(20)
    latest = box.exchange.version("BTC_USDT")
    assert latest > first + 50
    until = []
    for version in range(first, latest + 1):
        glimpse = box.exchange.glimpse("BTC_USDT", version)
        window = box.exchange.window("BTC_USDT", version, 20)
        for packed, side in zip((glimpse.bids, glimpse.asks), window, strict=True):
            assert doubles(packed) == [(float(price), float(size)) for price, size in side]
        until.append(glimpse.until)
    assert until == sorted(until)
    assert until[-2] < until[-1] == math.inf
    assert box.exchange.glimpse("BTC_USDT", latest + 1) is None
    box.exchange.restart("BTC_USDT", 7)
    assert box.exchange.glimpse("BTC_USDT", latest).until == math.inf
    box.run(2)
    assert box.exchange.glimpse("BTC_USDT", latest).until < box.now
    assert doubles(box.exchange.glimpse("BTC_USDT", 8).bids)


def test_a_glimpse_of_few_levels():
    box = Box(glimpses=20)
    box.op("subscribe", BTC)
    box.exchange.take("BTC_USDT", "bid")
    glimpse = box.exchange.glimpse("BTC_USDT", box.exchange.version("BTC_USDT"))
    assert doubles(glimpse.bids) == []
    assert len(doubles(glimpse.asks)) == 20
    assert len(glimpse.bids) == len(glimpse.asks) == 20 * 16


def test_what_can_be_made_to_happen():
    box = Box()
    box.op("subscribe", BTC)
    box.run(1)
    exchange, engine = box.exchange, bb.Engine()
    version = exchange.version("BTC_USDT")
    exchange.tell_again("BTC_USDT")
    exchange.tell_nothing("BTC_USDT")
    exchange.tell_snapshot("BTC_USDT")
    again, nothing, snapshot = map(rows, frames(box.take()))
    assert (again["version"], again["bids"], again["asks"]) == (version, [], [])
    assert (nothing["version"], nothing["bids"], nothing["asks"]) == (version + 1, [], [])
    assert (snapshot["version"], snapshot["type"]) == (version + 1, "snapshot")
    assert exchange.window("BTC_USDT", version) == exchange.window("BTC_USDT", version + 1)
    engine.apply(exchange.snapshot("BTC_USDT"))
    exchange.take("BTC_USDT", "ask", 30)
    exchange.take("BTC_USDT", "bid")
    assert not exchange.is_two_sided("BTC_USDT")
    for payload in [*box.take(), exchange.snapshot("BTC_USDT")]:
        engine.apply(payload)
    book = engine["BTC_USDT"]
    assert book.sequence == exchange.version("BTC_USDT")
    assert book.best_bid is None
    assert len(book.asks) == 100
    # The market finds back to two sides, and the book follows.
    for payload in box.run(30):
        engine.apply(payload)
    assert exchange.is_two_sided("BTC_USDT")
    truth = exchange.window("BTC_USDT", book.sequence)
    certain = book.complete_depth("bid")
    assert certain > 20
    assert [level.exact for level in book.bids[:certain]] == list(truth[0][:certain])


def test_who_hears_of_what():
    box = Box()
    assert box.exchange.subscribed() == {}
    box.op("subscribe", BTC, "spot/depth5:ETH_USDT")
    assert box.exchange.subscribed() == {"BTC_USDT": [box.connection]}
    box.exchange.pause("BTC_USDT")
    assert box.exchange.is_paused("BTC_USDT")
    assert not box.exchange.is_paused("ETH_USDT")


def test_2000_symbols_cost_nothing_until_somebody_asks():
    box = Box(symbols=[], extra_symbols=2_000)
    assert len(box.exchange.listings) == 2_000
    assert box.exchange.next_deadline() == 20.0  # only the idle limit of the connection
    _, frame = box.op("subscribe", "spot/depth/increase100:SYM1999_USDT")
    assert rows(frame)["symbol"] == "SYM1999_USDT"


def test_a_recorded_book_under_versions_of_its_own():
    def recorded(kind, time_ms, bids):
        item = {"asks": [["9", "1"]], "bids": bids, "ms_t": time_ms, "symbol": "X_Y", "type": kind}
        return json.dumps({"data": [item], "table": "spot/depth/increase100"})

    source = [recorded("snapshot", 0, [["8", "1.5"]]), recorded("update", 400, [["8.25", "2"]])]
    box = Box(symbols=None, markets=capture_markets(source))
    assert list(box.exchange.listings) == ["X_Y"]
    _, snapshot = box.op("subscribe", "spot/depth/increase100:X_Y")
    assert [[Decimal(t) for t in row] for row in rows(snapshot)["bids"]] == [[8, Decimal("1.5")]]
    (update,) = frames(box.run(0.5))
    assert rows(update)["version"] == rows(snapshot)["version"] + 1
    assert box.exchange.window("X_Y", rows(update)["version"])[0] == (
        (Decimal("8.25"), Decimal(2)),
        (Decimal(8), Decimal("1.5")),
    )


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


# Gen-1

ORDER = {"subscribe": "order", "symbol": "BMX_ETH", "precision": 6}
TRADE = {"subscribe": "trade", "symbol": "BMX_ETH", "precision": 6}


def legacy(**options):
    return Box("legacy", **options)


def test_legacy_ping():
    assert legacy().send('{"subscribe":"ping"}') == [{"subscribe": "pong"}]


@pytest.mark.parametrize(
    ("request_", "example"),
    [
        ({"subscribe": "price", "symbol": "BMX_ETH"}, LEGACY_PRICE),
        ({"subscribe": "kline", "symbol": "BMX_ETH", "step": 1}, LEGACY_KLINE),
        ({"subscribe": "kline", "symbol": "BMX_ETH"}, LEGACY_KLINE),
        (ORDER, LEGACY_DEPTH),
        (TRADE, LEGACY_TRADE),
    ],
)
def test_legacy_pushes_have_the_documented_shape(request_, example):
    box = legacy(speed=20.0)
    (first,) = box.send(request_)
    pushed = [first, *frames(box.run(8))]
    assert len(pushed) > 3
    for frame in pushed:
        same_shape(frame, example)
        echoed = {key: frame[key] for key in frame if key != "data"}
        assert echoed == {key: example[key] for key in example if key != "data"}


def test_legacy_depth_has_20_grouped_levels_with_running_totals():
    box = legacy(speed=20.0)
    (first,) = box.send(ORDER)
    for frame in [first, *frames(box.run(10))]:
        prices = {}
        for name, side in frame["data"].items():
            assert len(side) == 20
            total = Decimal(0)
            for row in side:
                total += Decimal(row["amount"])
                assert Decimal(row["total"]) == total
                assert len(row["price"]) == 8
                assert int(row["count"]) >= 1
            prices[name] = [Decimal(row["price"]) for row in side]
        assert prices["buys"] == sorted(set(prices["buys"]), reverse=True)
        assert prices["sells"] == sorted(set(prices["sells"]))
        assert prices["buys"][0] < prices["sells"][0]


def test_legacy_depth_rounds_bids_down_and_asks_up():
    box = legacy()
    (fine,) = box.send({**ORDER, "precision": 8})
    (coarse,) = box.send(ORDER)
    (omitted,) = box.send({"subscribe": "order", "symbol": "BMX_ETH"})
    assert omitted["precision"] == 8
    grid = Decimal("0.000001")
    best = {name: Decimal(side[0]["price"]) for name, side in fine["data"].items()}
    assert Decimal(coarse["data"]["buys"][0]["price"]) == best["buys"] // grid * grid
    assert Decimal(coarse["data"]["sells"][0]["price"]) == (best["sells"] // grid + 1) * grid


def test_legacy_trades_are_15_newest_first_and_amount_is_price_times_count():
    box = legacy(speed=5.0)
    (history,) = box.send(TRADE)
    batches = [frame["data"]["trades"] for frame in [history, *frames(box.run(9))]]
    assert len(batches) > 3
    for trades in batches:
        assert len(trades) == 15
        times = [row["time"] for row in trades]
        assert times == sorted(times, reverse=True)
        for row in trades:
            assert Decimal(row["amount"]) == Decimal(row["price"]) * Decimal(row["count"])
    assert batches[0][0] in batches[1]


def test_legacy_trades_without_repetition():
    box = legacy(speed=5.0, knobs=Knobs(legacy_trades="new"))
    (history,) = box.send(TRADE)
    assert len(history["data"]["trades"]) == 15
    rows_ = [tuple(row.items()) for frame in frames(box.run(20)) for row in frame["data"]["trades"]]
    assert len(rows_) > 5
    assert len(set(rows_)) == len(rows_)


def test_legacy_depth_as_changes():
    box = legacy(speed=5.0, knobs=Knobs(legacy_depth="delta"))
    (first,) = box.send(ORDER)
    known = {name: {row["price"]: row for row in side} for name, side in first["data"].items()}
    pushed = 0
    for frame in frames(box.run(20)):
        pushed += sum(map(len, frame["data"].values()))
        for name, side in frame["data"].items():
            for row in side:
                known[name][row["price"]] = row
                # A total is that of the push; below a changed level they all move.
                if not Decimal(row["amount"]):
                    del known[name][row["price"]]
    assert 20 < pushed < 20 * 30
    (whole,) = box.send(ORDER)
    for name, side in whole["data"].items():
        amounts = {price: row["amount"] for price, row in known[name].items()}
        assert {row["price"]: row["amount"] for row in side} == amounts


def test_legacy_unsubscribe_has_no_ack_and_ends_the_pushes():
    box = legacy(speed=20.0)
    box.send(ORDER)
    assert box.run(3)
    assert box.send({"unsubscribe": "order", "symbol": "BMX_ETH", "precision": 6}) == []
    assert box.run(5) == []
    assert box.send({"unsubscribe": "order", "symbol": "BMX_ETH", "precision": 6}) == []


@pytest.mark.parametrize(
    "message",
    [
        "ping",
        "[]",
        '{"op":"subscribe"}',
        '{"subscribe":"depth","symbol":"BMX_ETH"}',
        '{"subscribe":"price"}',
        '{"subscribe":"price","symbol":["BMX_ETH"]}',
        '{"subscribe":"price","symbol":"bmx_eth"}',
        '{"subscribe":"kline","symbol":"BMX_ETH","step":2}',
        '{"subscribe":"kline","symbol":"BMX_ETH","step":"1"}',
        '{"subscribe":"order","symbol":"BMX_ETH","precision":5}',
        '{"subscribe":"order","symbol":"BMX_ETH","precision":9}',
        '{"subscribe":"order","symbol":"BMX_ETH","precision":true}',
        '{"subscribe":["order"],"symbol":"BMX_ETH"}',
        '{"subscribe":"order","unsubscribe":"order","symbol":"BMX_ETH"}',
    ],
)
def test_a_legacy_error_has_a_message(message):
    (answer,) = legacy().send(message)
    assert list(answer) == ["message"]


@pytest.mark.parametrize("step", [1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1440, 10080, 43200])
def test_legacy_kline_steps(step):
    (frame,) = legacy().send({"subscribe": "kline", "symbol": "BMX_ETH", "step": step})
    assert frame["step"] == str(step)


def test_legacy_takes_one_connection_in_4_seconds():
    box = legacy()
    assert isinstance(box.exchange.connect("legacy", 3.0), Refusal)
    assert isinstance(box.exchange.connect("legacy", 7.5), int)
    assert box.exchange.breaches == {"connects": 1}


def test_legacy_is_lifeless_after_5_seconds_and_has_no_idle_limit():
    box = legacy()
    box.send('{"subscribe":"ping"}')
    box.run(5.1)
    assert box.closed is not None
    other = legacy(speed=1e-6)
    other.send(ORDER)
    other.run(60, step=5)
    assert other.closed is None


def test_legacy_is_never_compressed_and_answers_ping_frames():
    box = legacy(speed=20.0, knobs=Knobs(opcode="binary"))
    box.exchange.receive(box.connection, json.dumps(ORDER), 0.0)
    assert {type(payload) for payload in [*box.take(), *box.run(3)]} == {str}
    box.exchange.ping_frame(box.connection, box.now, b"y")
    assert box.exchange.output() == [Pong(box.connection, b"y")]


# Determinism, misuse


def everything(seed):
    box = Box(seed=seed, knobs=Knobs(opcode="mixed"))
    out = [box.exchange.version("BTC_USDT")]
    for channel in DOCUMENTED:
        message = json.dumps({"op": "subscribe", "args": [f"{channel}:BTC_USDT"]})
        box.exchange.receive(box.connection, message, 0.0)
    other = box.exchange.connect("legacy", 0.5)
    box.exchange.receive(other, json.dumps(ORDER), 0.5)
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
        Exchange().version("NO_SUCH")
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
    truth = box.exchange.window("BTC_USDT", book.sequence, 20)
    depth = book.depth(20, exact=True)
    assert (depth.bids, depth.asks) == (list(truth[0]), list(truth[1]))
