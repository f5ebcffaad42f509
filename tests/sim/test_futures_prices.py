"""What the box tells on futures beside books: best prices, tickers, rates, trades and bars, in the
documented form and of the market behind them."""

import itertools
import json
from decimal import Decimal

import pytest

from bitmart_book.sim import Exchange
from bitmart_book.sim.market.contracts import contracts
from bitmart_book.sim.venue.futures_wire import stamp
from tests.helpers.futures_box import EXAMPLES, KLINES, START_MS, Box, echo, pushed, same_shape

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
        opened = Decimal(box.publisher("ETHUSDT").tape.day.open) / 100
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
        time = publisher.clock.ns(publisher.exchange_time(print_.time))
        assert row["created_at"] == stamp(time)
        assert START_MS * 10**6 <= time <= START_MS * 10**6 + 40 * 10**9
    ids = [row["trade_id"] for row in rows]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert 1 << 51 < ids[0] < 1 << 53


def test_stamps_have_nine_digits():
    assert stamp(1_741_630_634_656_686_827) == "2025-03-10T18:17:14.656686827Z"
    assert stamp(1_741_630_634_000_000_007) == "2025-03-10T18:17:14.000000007Z"


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
