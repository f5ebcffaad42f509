"""What the box pushes on spot: its frames against BitMart's own examples, its books against its own
truth, and what each knob changes."""

import itertools
import json
import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.sim import Knobs, capture_markets
from bitmart_book.sim.venue.tape import bar_start
from tests.helpers.public_box import BTC, DOCUMENTED, Box, Client, frames, rows, same_shape

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
    version = box.exchange.markets.version("BTC_USDT")
    bids, _ = box.exchange.markets.window("BTC_USDT", version, 5)
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
        ("bids", "asks"), box.exchange.markets.window("BTC_USDT", client.version), strict=True
    )}  # fmt: skip
    assert len(client.sides["bids"]) == len(client.sides["asks"]) == 100
    told = 0
    for frame in frames(box.run(120)):
        told += client.take(rows(frame))
        truth = box.exchange.markets.window("BTC_USDT", client.version)
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
        truth = box.exchange.markets.window(symbol, client.version)
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
        assert item["version"] == box.exchange.markets.version("BTC_USDT")
        truth = box.exchange.markets.window("BTC_USDT", item["version"], 100)
        for side, levels in zip(("bids", "asks"), truth, strict=True):
            assert [(Decimal(p), Decimal(s)) for p, s in item[side]] == list(levels)


def test_the_truth_can_be_asked_for_in_any_order_and_is_bounded():
    box = Box(history=400, symbols=["BTC_USDT"], speed=5.0)
    first = box.exchange.markets.version("BTC_USDT")
    seen = {}
    while box.exchange.markets.version("BTC_USDT") < first + 1_500:
        box.run(0.1)
        version = box.exchange.markets.version("BTC_USDT")
        seen[version] = box.exchange.markets.window("BTC_USDT", version)
    last = box.exchange.markets.version("BTC_USDT")
    for version in [*range(last, last - 399, -7), *range(last - 399, last + 1, 3)]:
        assert box.exchange.markets.window("BTC_USDT", version) == seen[version]
    assert box.exchange.markets.window("BTC_USDT", last + 1) is None
    assert box.exchange.markets.window("BTC_USDT", first) is None
    assert box.exchange.markets.window("ETH_USDT", 1) is None


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
    assert box.exchange.markets.version("BTC_USDT") > rows(snapshot)["version"] + 20
    box.exchange.receive(box.connection, "ping", 11.0)
    box.exchange.ping_frame(box.connection, 11.0)
    assert box.exchange.output() == []


def test_a_silent_symbol():
    box = Box()
    box.op("subscribe", BTC, "spot/trade:BTC_USDT", "spot/depth5:BTC_USDT", "spot/ticker:BTC_USDT")
    box.op("subscribe", "spot/depth/increase100:ETH_USDT")
    box.exchange.markets.pause("BTC_USDT")
    version = box.exchange.markets.version("BTC_USDT")
    assert {rows(frame)["symbol"] for frame in frames(box.run(8))} == {"ETH_USDT"}
    (frame,) = box.op("request", BTC)
    assert rows(frame)["version"] == version == box.exchange.markets.version("BTC_USDT")
    box.exchange.markets.resume("BTC_USDT")
    tables = {frame["table"] for frame in frames(box.run(5)) if rows_of(frame) == {"BTC_USDT"}}
    assert tables == {"spot/depth/increase100", "spot/trade", "spot/depth5", "spot/ticker"}
    # The market stood still: no burst of what would have happened meanwhile.
    assert box.exchange.markets.version("BTC_USDT") - version < 50


def rows_of(frame):
    return {item["symbol"] for item in frame["data"]}


def test_everything_silent():
    box = Box()
    box.exchange.markets.pause()
    box.op("subscribe", BTC)
    assert box.run(10) == []
    box.exchange.markets.resume()
    assert len(box.run(2)) > 3


def test_a_counter_that_starts_anew():
    box = Box()
    box.op("subscribe", BTC)
    box.run(2)
    box.exchange.markets.restart("BTC_USDT", 7)
    versions = [rows(frame)["version"] for frame in frames(box.run(3))]
    assert versions[:3] == [8, 9, 10]
    assert box.exchange.markets.window("BTC_USDT", 9) is not None


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
    first = box.exchange.markets.version("BTC_USDT")
    box.run(20)
    latest = box.exchange.markets.version("BTC_USDT")
    assert latest > first + 50
    until = []
    for version in range(first, latest + 1):
        glimpse = box.exchange.markets.glimpse("BTC_USDT", version)
        window = box.exchange.markets.window("BTC_USDT", version, 20)
        for packed, side in zip((glimpse.bids, glimpse.asks), window, strict=True):
            assert doubles(packed) == [(float(price), float(size)) for price, size in side]
        until.append(glimpse.until)
    assert until == sorted(until)
    assert until[-2] < until[-1] == math.inf
    assert box.exchange.markets.glimpse("BTC_USDT", latest + 1) is None
    box.exchange.markets.restart("BTC_USDT", 7)
    assert box.exchange.markets.glimpse("BTC_USDT", latest).until == math.inf
    box.run(2)
    assert box.exchange.markets.glimpse("BTC_USDT", latest).until < box.now
    assert doubles(box.exchange.markets.glimpse("BTC_USDT", 8).bids)


def test_a_glimpse_of_few_levels():
    box = Box(glimpses=20)
    box.op("subscribe", BTC)
    box.exchange.markets.take("BTC_USDT", "bid")
    glimpse = box.exchange.markets.glimpse("BTC_USDT", box.exchange.markets.version("BTC_USDT"))
    assert doubles(glimpse.bids) == []
    assert len(doubles(glimpse.asks)) == 20
    assert len(glimpse.bids) == len(glimpse.asks) == 20 * 16


def test_what_can_be_made_to_happen():
    box = Box()
    box.op("subscribe", BTC)
    box.run(1)
    exchange, engine = box.exchange, bb.Engine()
    version = exchange.markets.version("BTC_USDT")
    exchange.markets.tell_again("BTC_USDT")
    exchange.markets.tell_nothing("BTC_USDT")
    exchange.markets.tell_snapshot("BTC_USDT")
    again, nothing, snapshot = map(rows, frames(box.take()))
    assert (again["version"], again["bids"], again["asks"]) == (version, [], [])
    assert (nothing["version"], nothing["bids"], nothing["asks"]) == (version + 1, [], [])
    assert (snapshot["version"], snapshot["type"]) == (version + 1, "snapshot")
    assert exchange.markets.window("BTC_USDT", version) == exchange.markets.window(
        "BTC_USDT", version + 1
    )
    engine.apply(exchange.markets.snapshot("BTC_USDT"))
    exchange.markets.take("BTC_USDT", "ask", 30)
    exchange.markets.take("BTC_USDT", "bid")
    assert not exchange.markets.is_two_sided("BTC_USDT")
    for payload in [*box.take(), exchange.markets.snapshot("BTC_USDT")]:
        engine.apply(payload)
    book = engine["BTC_USDT"]
    assert book.sequence == exchange.markets.version("BTC_USDT")
    assert book.best_bid is None
    assert len(book.asks) == 100
    # The market finds back to two sides, and the book follows.
    for payload in box.run(30):
        engine.apply(payload)
    assert exchange.markets.is_two_sided("BTC_USDT")
    truth = exchange.markets.window("BTC_USDT", book.sequence)
    certain = book.complete_depth("bid")
    assert certain > 20
    assert [level.exact for level in book.bids[:certain]] == list(truth[0][:certain])


def test_who_hears_of_what():
    box = Box()
    assert box.exchange.markets.subscribed() == {}
    box.op("subscribe", BTC, "spot/depth5:ETH_USDT")
    assert box.exchange.markets.subscribed() == {"BTC_USDT": [box.connection]}
    box.exchange.markets.pause("BTC_USDT")
    assert box.exchange.markets.is_paused("BTC_USDT")
    assert not box.exchange.markets.is_paused("ETH_USDT")


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
    assert box.exchange.markets.window("X_Y", rows(update)["version"])[0] == (
        (Decimal("8.25"), Decimal(2)),
        (Decimal(8), Decimal("1.5")),
    )
