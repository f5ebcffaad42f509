"""The simulated markets: reproducible, consistent, and like real ones; recorded ones replayed."""

import bisect
import gzip
import json
import statistics
from collections import Counter
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book.sim import SeededMarket, capture_markets, listings
from bitmart_book.sim.market.market import LEAST_LEVELS, Ladder, Listing

USUAL = [
    "BTC_USDT", "ETH_USDT", "SOL_USDT", "XRP_USDT", "BABYDOGE_USDT", "Yinbi_BTC", "BMX_ETH",
]  # fmt: skip


def market(symbol="BTC_USDT", seed=1):
    return SeededMarket(listings([symbol])[symbol], seed)


def steps(of, count, seconds=0.1):
    for step in range(1, count + 1):
        yield of.advance(step * seconds)


def test_the_usual_symbols():
    assert list(listings()) == USUAL
    assert listings()["BABYDOGE_USDT"].price_decimals == 12
    assert len({listing.price_decimals for listing in listings().values()}) >= 4


def test_extra_symbols_are_numbered_and_depend_on_their_name_only():
    few, many = listings([], 3), listings([], 2_000, extra_rate=0.5)
    assert list(few) == ["SYM0001_USDT", "SYM0002_USDT", "SYM0003_USDT"]
    assert len(many) == 2_000
    assert many["SYM0002_USDT"] == few["SYM0002_USDT"]._replace(rate=0.5)


def test_any_symbol_that_can_exist_may_be_listed():
    assert listings(["DOGE_USDT"]) == listings(["DOGE_USDT"])
    with pytest.raises(bb.UsageError, match="cannot exist"):
        listings(["DOGE-USDT"])


@pytest.mark.parametrize("symbol", USUAL)
def test_batches_are_all_that_happens_and_nothing_ever_crosses(symbol):
    it = market(symbol)
    bids, asks = dict(it.bids.sizes), dict(it.asks.sizes)
    for batch in steps(it, 1_500):
        for known, changed in ((bids, batch.bids), (asks, batch.asks)):
            for price, size in changed.items():
                assert price > 0
                assert size >= 0
                known[price] = size
                if not size:
                    del known[price]
        assert bids == it.bids.sizes
        assert asks == it.asks.sizes
        assert it.bids.best == max(bids)
        assert it.asks.best == min(asks)
        assert it.bids.best < it.asks.best
        assert it.bids.keys == sorted(bids)
        assert it.asks.keys == sorted(-price for price in asks)
        assert len(bids) > 100
        assert len(asks) > 100


def test_the_same_seed_is_the_same_market_however_it_is_advanced():
    whole = market().advance(20)
    sliced = market()
    prints = [print_ for batch in steps(sliced, 2_000, 0.01) for print_ in batch.prints]
    assert prints == whole.prints
    again = market()
    again.advance(20)
    assert again.bids.levels() == sliced.bids.levels()
    other = market(seed=2)
    other.advance(20)
    assert other.bids.levels() != again.bids.levels()


def observe(it, count):
    """Indices of changed levels in the best 100, kinds of changes, levels per changing step."""
    places, kinds, frames = [], Counter(), []
    for step in range(1, count + 1):
        before = [(set(ladder.sizes), ladder.keys[:]) for ladder in (it.bids, it.asks)]
        batch = it.advance(step * 0.1)
        if batch.bids or batch.asks:
            frames.append(len(batch.bids) + len(batch.asks))
        for (known, keys), changed, ladder in zip(
            before, batch[:2], (it.bids, it.asks), strict=True
        ):
            for price, size in changed.items():
                kinds["size" if price in known and size else "new" if size else "gone"] += 1
                place = len(keys) - bisect.bisect_right(keys, price * ladder.sign)
                if place < 100:
                    places.append(place)
    return places, kinds, frames


@pytest.mark.parametrize("symbol", ["BTC_USDT", "SOL_USDT", "BABYDOGE_USDT"])
def test_it_looks_like_a_real_market(symbol):
    """Medians and shares of recorded top-100 streams: 43rd level; 42, 29 and 29 %."""
    places, kinds, frames = observe(market(symbol), 6_000)
    assert 35 <= statistics.median(places) <= 50
    total = kinds.total()
    assert 0.36 < kinds["size"] / total < 0.48
    assert 0.24 < kinds["new"] / total < 0.34
    assert 0.24 < kinds["gone"] / total < 0.34
    assert 4 <= statistics.mean(frames) <= 20
    assert max(frames) >= 4 * statistics.median(frames)  # bursts


def test_prices_move_and_trades_hit_the_touch():
    it = market()
    tops, prints = set(), []
    for _ in range(3_000):
        bid, ask = it.bids.best, it.asks.best
        tops.add((bid, ask))
        batch = it.advance(it.next_time)
        for print_ in batch.prints:
            assert print_.size > 0
            touched = batch.asks if print_.taker == "buy" else batch.bids
            assert print_.price in touched
        prints += batch.prints
    assert len(tops) > 300
    assert {print_.taker for print_ in prints} == {"buy", "sell"}
    assert [print_.time for print_ in prints] == sorted(print_.time for print_ in prints)


def test_a_day_does_not_lead_far_away():
    slow = SeededMarket(listings(["BABYDOGE_USDT"])["BABYDOGE_USDT"]._replace(rate=60.0), 3)
    for batch in steps(slow, 240, 15.0):
        assert batch.bids
        assert 0.5 < slow.bids.best / slow.listing.price < 1.5
    assert len(slow.bids) > LEAST_LEVELS - 30


def test_a_market_without_a_rate_stands_still():
    still = SeededMarket(listings(["BTC_USDT"])["BTC_USDT"]._replace(rate=0.0), 1)
    assert still.next_time == float("inf")
    assert still.advance(1e9) == ({}, {}, [])


def test_a_ladder_removes_what_is_not_there():
    ladder = Ladder(-1)
    ladder.put(5, 0)
    assert ladder.best is None
    ladder.put(5, 2)
    ladder.put(4, 1)
    assert ladder.levels() == [(4, 1), (5, 2)]
    assert ladder.levels(1) == [(4, 1)]


def push(kind, time_ms, bids, asks, symbol="BTC_USDT"):
    item = {
        "asks": asks, "bids": bids, "ms_t": time_ms, "symbol": symbol, "type": kind, "version": 1,
    }  # fmt: skip
    return json.dumps({"data": [item], "table": "spot/depth/increase100"})


RECORDED = [
    '{"event":"subscribe","topic":"spot/depth/increase100:BTC_USDT"}',
    "pong",
    push("update", 900, [], [["9", "9"]]),
    push("snapshot", 1_000, [["10.5", "1.25"]], [["11", "2"], ["12.00", "3"]]),
    push("update", 1_500, [["10.5", "0"], ["10.125", "7"]], [], "BTC_USDT"),
    '{"data":[{"ms_t":1600,"price":"11","s_t":1,"side":"buy","size":"0.5","symbol":"BTC_USDT"}],'
    '"table":"spot/trade"}',
    push("update", 1_700, [["1e-99", "1"]], []),
    push("snapshot", 2_000, [["10", "1"]], [["12", "3"]]),
    push("update", 5_000, [], [], "ONLY_UPDATES"),
]


def book(of):
    """(price, size) of both sides as they were written."""
    prices, sizes = of.listing.price_decimals, of.listing.size_decimals
    return [
        [(Decimal(p).scaleb(-prices), Decimal(s).scaleb(-sizes)) for p, s in ladder.levels()]
        for ladder in (of.bids, of.asks)
    ]


def test_a_capture_is_a_market():
    (it,) = capture_markets(RECORDED)
    assert it.listing == Listing("BTC_USDT", 10_500, 3, 2, 1, 1, 0.0, 1)
    assert book(it) == [
        [(Decimal("10.5"), Decimal("1.25"))],
        [(Decimal(11), Decimal(2)), (Decimal(12), Decimal(3))],
    ]
    assert it.next_time == 0.5
    assert it.advance(0.5) == ({10_500: 0, 10_125: 700}, {}, [])
    batch = it.advance(0.7)
    assert batch.prints == [(0.6, 11_000, 50, "buy")]
    # The second snapshot is told as the changes that lead to it.
    assert it.advance(1.0) == ({10_125: 0, 10_000: 100}, {11_000: 0}, [])
    assert book(it)[0] == [(Decimal(10), Decimal(1))]


def test_a_capture_starts_anew_a_second_after_its_end():
    (it,) = capture_markets(RECORDED)
    it.advance(1.0)
    assert it.next_time == 2.0
    it.advance(2.0)
    assert book(it)[0] == [(Decimal("10.5"), Decimal("1.25"))]


def test_a_capture_file(tmp_path):
    path = tmp_path / "capture.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write("\n".join(RECORDED))
    (it,) = capture_markets(path)
    assert it.listing.symbol == "BTC_USDT"


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([], "nothing to replay"),
        (["[]", "{}", '{"table":"spot/trade"}', push("update", 1, [], [])], "nothing to replay"),
        ([push("snapshot", 1, [["x", "1"]], [])], "nothing to replay"),
        ([push("snapshot", 1, [["1", "12345678901234567890"]], [])], "64 bits"),
    ],
)
def test_a_capture_without_a_market(frames, problem):
    with pytest.raises(bb.UsageError, match=problem):
        capture_markets(frames)
