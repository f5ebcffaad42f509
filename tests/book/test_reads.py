"""Analytics of random books: every answer is the exact value, rounded once."""

import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.check.reference import Item, ReferenceBook, by_hand
from bitmart_book.venues import BITMART

PRICES = st.integers(1, 400)
SIZES = st.one_of(st.integers(1, 2_000), st.integers(2**61, 2**62))


@st.composite
def books(draw):
    """A compiled book and its reference, with the same levels."""
    price_unit = Decimal(1).scaleb(-draw(st.sampled_from([0, 2, 9])))
    size_unit = Decimal(1).scaleb(-draw(st.sampled_from([0, 3, 8])))
    touch = draw(st.integers(50, 350))
    rows = draw(st.dictionaries(PRICES, SIZES, max_size=40))
    sides = {"bid": [], "ask": []}
    for price, size in rows.items():
        sides["bid" if price < touch else "ask"].append((price * price_unit, size * size_unit))
    compiled = bb.Book("BTC_USDT")
    compiled.apply_snapshot(sides["bid"], sides["ask"])
    reference = ReferenceBook("BTC_USDT", BITMART.book_channel("BTC_USDT")[1])
    by_hand(reference, "snapshot", Item("snapshot", sides))
    return compiled, reference, price_unit


def rounded(value):
    return None if value is None else float(value)


@given(books(), st.integers(1, 50))
def test_top_analytics(pair, levels):
    book, reference, _ = pair
    assert book.mid == rounded(reference.mid())
    assert book.spread == rounded(reference.spread())
    assert book.spread_bps == rounded(reference.spread_bps())
    assert book.microprice == rounded(reference.microprice())
    for side in ("bid", "ask"):
        assert book.total_size(side) == rounded(reference.total_size(side))
        assert book.total_size(side, levels) == rounded(reference.total_size(side, levels))
    assert book.imbalance(levels) == rounded(reference.imbalance(levels))
    for side, best in (("bid", book.best_bid), ("ask", book.best_ask)):
        assert (best and best.exact) == reference.best(side)


@given(books(), st.one_of(st.none(), st.integers(0, 50)))
def test_depth(pair, n):
    book, reference, _ = pair
    exact = book.depth(n, exact=True)
    floats = book.depth(n)
    for side, exact_rows, array in (
        ("bid", exact.bids, floats.bids),
        ("ask", exact.asks, floats.asks),
    ):
        expected = reference.side(side)[:n]
        assert exact_rows == expected
        assert array.shape == (len(expected), 2)
        assert array.dtype == np.float64
        assert array.tolist() == [[float(price), float(size)] for price, size in expected]
        assert [level.exact for level in (book.bids if side == "bid" else book.asks)][
            :n
        ] == expected
    assert floats.complete
    assert exact.complete


@given(books(), st.integers(0, 45), st.one_of(st.none(), st.integers(0, 50)))
def test_depth_into_arrays_of_the_caller(pair, rows, n):
    book, reference, _ = pair
    out = np.full((rows, 2), 7.0), np.full((rows + 1, 2), 7.0)
    counts = book.depth(n, out=out)
    for side, array, count in zip(("bid", "ask"), out, counts, strict=True):
        expected = reference.side(side)[: len(array)][:n]
        assert count == len(expected)
        assert array[:count].tolist() == [[float(p), float(s)] for p, s in expected]
        assert np.isnan(array[count:]).all()


@given(
    books(),
    st.sampled_from(["bid", "ask"]),
    st.fractions(0, 10**6, max_denominator=1).map(lambda f: Decimal(int(f)) / 8),
    st.sampled_from(["size", "notional", None]),
    st.one_of(st.none(), st.integers(0, 1_300)),
)
def test_sweep(pair, side, amount, key, thirds):
    book, reference, unit = pair
    asked = {} if key is None else {key: amount}
    if thirds is not None or key is None:
        # At prices that levels have, between them, and beyond all.
        asked["limit"] = ((thirds or 0) * unit / 3).quantize(unit / 1000)
    sweep = book.sweep(side, **asked)
    size, notional, fills, next_price, found = reference.sweep(
        side, **{name: Fraction(value) for name, value in asked.items()}
    )
    average = notional / size if size else None
    worst = fills[-1][0] if fills else None
    assert sweep.size == float(size)
    assert sweep.notional == float(notional)
    assert sweep.levels == len(fills)
    assert sweep.worst_price == rounded(worst)
    assert sweep.average_price == rounded(average)
    assert sweep.complete == found
    assert sweep.next_price == rounded(next_price)
    assert sweep.fills == tuple((float(price), float(part)) for price, part in fills)
    assert sweep.exact == (average, worst, size, notional)
    copied = pickle.loads(pickle.dumps(sweep))
    assert (copied, copied.fills, copied.exact) == (sweep, sweep.fills, sweep.exact)


@given(books(), st.sampled_from(["bid", "ask"]), st.integers(0, 20_000))
def test_size_within(pair, side, bps):
    book, reference, _ = pair
    assert book.size_within(side, bps) == float(reference.size_within(side, Fraction(bps)))
    of_mid = reference.size_within(side, Fraction(bps), of_mid=True)
    assert book.size_within(side, bps, of="mid") == rounded(of_mid)


def test_sums_of_sizes_do_not_wrap():
    large = 2**62
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(90 - price, large) for price in range(9)], [(100, large)])
    assert book.imbalance(9) == 0.8
    assert book.size_within("bid", 1_000) == 9.0 * large
    assert book.grouped(50).bids.tolist() == [[50.0, 9.0 * large]]


@pytest.mark.parametrize("scale", [0, 12])
def test_a_level_at_the_very_edge_is_within_reach(scale):
    """Doubles cannot tell on which side of the edge it is; a hair farther it is not."""
    unit = Decimal(1).scaleb(-scale)
    rows = [
        [(price * unit, 1) for price in prices] for prices in ((10_000, 9_900), (10_100, 10_201))
    ]
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(*rows)
    for side in ("bid", "ask"):
        assert book.size_within(side, 100) == 2.0
        assert book.size_within(side, "99.9999999999999999") == 1.0
        assert book.size_within(side, "100.0000000000000001") == 2.0


@given(books(), st.sampled_from([1, 2, 7, 10, 1000]), st.one_of(st.none(), st.integers(0, 10)))
def test_grouped(pair, steps, n):
    book, reference, unit = pair
    step = steps * unit / 2
    depth = book.grouped(step, n)
    for side, array in (("bid", depth.bids), ("ask", depth.asks)):
        expected = reference.grouped(side, Fraction(step))[:n]
        assert array.tolist() == [[float(price), float(size)] for price, size in expected]


@given(books(), PRICES, st.sampled_from(["bid", "ask"]))
def test_size_at(pair, price, side):
    book, reference, unit = pair
    expected = float(reference.levels[side].get(price * unit, 0))
    assert book.size_at(side, price * unit) == expected
    assert book.size_at(side, str(price * unit)) == expected
    assert book.size_at(side, float(price * unit)) == expected
    assert book.size_at(side, price * unit + unit / 3) == 0.0
    assert book.size_at(side, "1e-30") == 0.0


def test_a_quote_computes_as_its_book_does_and_is_a_row_of_a_table():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("0.1", "1")], [("0.30", "2.5")], sequence=4, exchange_time_ms=9)
    quote = book.quote
    assert (quote.mid, quote.spread) == (book.mid, book.spread) == (0.2, 0.2)
    assert quote.to_dict() == {
        "venue": "bitmart", "market": "spot", "symbol": "BTC_USDT", "state": "LIVE",
        "bid": 0.1, "bid_size": 1.0, "ask": 0.3, "ask_size": 2.5, "mid": 0.2, "spread": 0.2,
        "sequence": 4, "exchange_time_ms": 9, "receive_time_ns": None, "age": None, "lag": None,
        "epoch": 1, "skipped": 0,
    }  # fmt: skip
    assert type(quote.to_dict()["state"]) is str
    assert repr(quote).startswith("Quote('BTC_USDT', bid=0.1, ")
    assert set(quote.to_dict()) >= {name for name in dir(quote) if name[0] != "_"} - {
        "exact", "to_dict",
    }  # fmt: skip
    book.apply_delta([("0.1", "0")], [], sequence=5)
    assert (book.quote.mid, book.quote.spread, book.mid, book.spread) == (None,) * 4
    large = bb.Book("BTC_USDT")
    large.apply_snapshot([("9000000000000000001", "1")], [("9000000000000000003", "1")])
    assert large.quote.mid == large.mid == 9000000000000000002.0


def test_spread_is_rounded_once():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("0.1", 1)], [("0.3", 1)])
    assert book.spread == 0.2
    assert book.mid == 0.2


# --- how far down a book can be trusted ---


def window_book(levels):
    book = bb.Book("BTC_USDT")
    rows = [[str(1_000 - place), "1"] for place in range(levels)]
    asks = [[str(1_001 + place), "1"] for place in range(levels)]
    book.apply(
        '{"table":"spot/depth/increase100","data":[{"symbol":"BTC_USDT","type":"snapshot",'
        f'"version":1,"bids":{rows},"asks":{asks}}}]}}'.replace("'", '"')
    )
    return book


def update(book, bids):
    book.apply_delta(bids, [], sequence=book.sequence + 1)


def test_a_snapshot_cut_at_the_window_is_known_down_to_its_last_level():
    book = window_book(100)
    assert book.complete_depth("bid") == book.complete_depth("ask") == 100
    assert book.depth(100).complete
    assert not book.depth(101).complete
    assert not book.depth().complete
    update(book, [("1000", "0"), ("999", "0"), ("850", "1"), ("901", "0")])
    # Level 850 is in the book, but others may stand above it that were never sent.
    assert len(book.bids) == 98
    assert book.complete_depth("bid") == 97
    assert book.depth(97).complete
    assert not book.depth(98).complete


def test_a_snapshot_shorter_than_the_window_is_the_whole_side():
    book = window_book(99)
    update(book, [("850", "1")])
    assert book.complete_depth("bid") == 100
    assert book.depth().complete
    assert book.depth(500).complete


def test_a_sweep_beyond_what_is_known_is_not_complete():
    book = window_book(100)
    update(book, [("850", "100")])
    assert book.sweep("bid", size=100).complete
    beyond = book.sweep("bid", size=101)
    assert (beyond.size, beyond.complete) == (101.0, False)


def test_a_limit_beyond_what_is_known_is_not_complete():
    book = window_book(100)  # bids 1000 .. 901
    assert book.sweep("bid", limit=901).complete
    assert not book.sweep("bid", limit="900.99").complete
    assert book.sweep("bid", size=99, limit=850).complete
    assert book.sweep("bid", limit=1001).complete  # nothing is so good
    assert book.sweep("bid", limit="1e40").levels == 0
    assert book.sweep("ask", limit="1e40").levels == 100
    assert not book.sweep("ask", limit="1e40").complete
    update(book, [("850", "100")])
    # Between 901 and 850 there may be levels that were never told.
    assert (book.sweep("bid", size=99).next_price, book.sweep("bid", size=100).next_price) == (
        901.0, None,
    )  # fmt: skip
    assert book.sweep("bid", size=101).next_price is None


def test_a_limit_between_two_levels_leaves_the_worse_one():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(100, 1), (99, 2)], [(101, 4), (102, 8)])
    assert [book.sweep("bid", limit=limit).size for limit in (99, "99.5", 100)] == [3.0, 1.0, 1.0]
    assert [book.sweep("ask", limit=limit).size for limit in (101, "101.5", 102)] == [
        4.0, 4.0, 12.0,
    ]  # fmt: skip
    assert book.sweep("bid", size=3, limit="99.5").next_price == 99.0


def test_a_sweep_that_was_made_by_hand_says_what_it_was_given():
    given = bb.Sweep(1.5, 2.0, 4.0, 6.0, 2, True)
    assert (given.fills, given.next_price) == ((), None)
    assert given.exact == (Fraction(3, 2), 2, 4, 6)
    assert given == bb.Sweep(1.5, 2.0, 4.0, 6.0, 2, True, True, [])
    assert given != bb.Sweep(1.5, 2.0, 4.0, 6.0, 2, True, next_price=3.0)


def test_within_reach_of_the_mid_is_another_thing_than_of_the_best():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(99, 1), (98, 2)], [(101, 4), (104, 8)])
    assert [book.size_within("bid", bps, of="mid") for bps in (99, 100, 200)] == [0.0, 1.0, 3.0]
    assert [book.size_within("ask", bps, of="mid") for bps in (99, 100, 400)] == [0.0, 4.0, 12.0]
    book.apply_snapshot([(99, 1)], [])
    assert (book.size_within("bid", 10), book.size_within("ask", 10)) == (1.0, 0.0)
    assert book.size_within("bid", 10, of="mid") is None is book.size_within("ask", 10, of="mid")


def test_groups_beyond_what_is_known_are_not_complete():
    book = window_book(100)  # bids 1000 .. 901, asks 1001 .. 1100
    assert book.grouped(10, 9).complete
    assert not book.grouped(10, 11).complete
    assert not book.grouped(10).complete


def test_the_known_window_survives_a_finer_scale_and_a_new_snapshot():
    book = window_book(100)
    update(book, [("950.123456", "1")])
    assert book.complete_depth("bid") == 101
    assert book.complete_depth("ask") == 100
    update(book, [("850", "1")])
    assert book.complete_depth("bid") == 101
    again = window_book(100)
    assert again.complete_depth("bid") == 100


# --- misuse ---


@pytest.fixture
def book():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([(99, 1)], [(101, 2)])
    return book


@pytest.mark.parametrize(
    "call",
    [
        lambda book: book.depth(-1),
        lambda book: book.depth(1.5),
        lambda book: book.depth(True),
        lambda book: book.depth(out=np.empty((2, 2))),
        lambda book: book.depth(out=(np.empty((2, 2)),)),
        lambda book: book.depth(out=(np.empty((2, 3)), np.empty((2, 2)))),
        lambda book: book.depth(out=(np.empty((2, 2), np.float32), np.empty((2, 2)))),
        lambda book: book.depth(out=(np.empty((4, 4))[:, ::2], np.empty((2, 2)))),
        lambda book: book.depth(out=([], [])),
        lambda book: book.depth(out=(np.empty((2, 2)), np.empty((2, 2))), exact=True),
        lambda book: book.imbalance(0),
        lambda book: book.imbalance(-1),
        lambda book: book.size_at("buy", 1),
        lambda book: book.size_at("bid", "x"),
        lambda book: book.sweep("bid"),
        lambda book: book.sweep("bid", size=1, notional=1),
        lambda book: book.sweep("bid", size=-1),
        lambda book: book.sweep("bid", size=float("nan")),
        lambda book: book.sweep("bids", size=1),
        lambda book: book.sweep("bid", size=1, notional=1, limit=1),
        lambda book: book.sweep("bid", limit=-1),
        lambda book: book.size_within("bid", -1),
        lambda book: book.size_within("bid", 1, of="middle"),
        lambda book: book.grouped(0),
        lambda book: book.grouped(-1),
        lambda book: book.complete_depth("both"),
    ],
)
def test_misuse(book, call):
    with pytest.raises(bb.UsageError):
        call(book)


def test_a_read_only_array_is_refused_and_not_written(book):
    array = np.zeros((2, 2))
    array.flags.writeable = False
    with pytest.raises(bb.UsageError):
        book.depth(out=(array, np.empty((2, 2))))
    assert not array.any()


def test_depth_unpacks_and_frames(book):
    bids, asks = book.depth()
    assert bids.tolist() == [[99.0, 1.0]]
    assert asks.tolist() == [[101.0, 2.0]]
    assert repr(book.depth()) == "Depth(bids=[(99.0, 1.0)], asks=[(101.0, 2.0)], complete=True)"
    assert repr(book.depth(exact=True)).startswith("Depth(bids=[(99, 1)], asks=[(101, 2)]")
    book.apply_delta([(price, 1) for price in (98, 97, 96)], [])
    assert "(98.0, 1.0), (97.0, 1.0), ... 4 levels], asks" in repr(book.depth())


def _absent(wanted, name):
    if wanted == name:
        raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_data_frames(book, name, monkeypatch):
    """With the library or a stand-in that takes the same columns; without it, a clear error."""
    import sys
    import types

    stand_in = types.SimpleNamespace(DataFrame=lambda columns: columns)
    monkeypatch.setitem(sys.modules, name, stand_in)
    columns = getattr(book.depth(), f"to_{name}")()
    assert columns == {"side": ["bid", "ask"], "price": [99.0, 101.0], "size": [1.0, 2.0]}
    monkeypatch.delitem(sys.modules, name)
    absent = types.SimpleNamespace(find_spec=lambda wanted, *_: _absent(wanted, name))
    monkeypatch.setattr(sys, "meta_path", [absent, *sys.meta_path])
    with pytest.raises(bb.UsageError, match=f"pip install {name}"):
        getattr(book.depth(), f"to_{name}")()


def test_a_best_price_that_was_read_before_is_not_read_again_by_mistake():
    book = bb.Book("BTC_USDT")
    for bids, asks, best in (
        ([("100", "1")], [("200", "1")], (100.0, 200.0)),
        ([("1.00", "1"), ("0.99", "1")], [("2.00", "1"), ("2.01", "1")], (1.0, 2.0)),
        ([("0.99", "1")], [("2.01", "1")], (0.99, 2.01)),
        ([], [("2.01", "1")], (None, 2.01)),
        ([("0.99", "3")], [], (0.99, None)),
    ):
        book.apply_snapshot(bids, asks)
        for _ in range(2):
            assert (book.best_bid_price, book.best_ask_price) == best
        assert book.quote.bid == best[0]
    book.apply_delta([("0.99", "0"), ("0.98", "1")], [])
    assert book.best_bid_price == 0.98


def test_rows_of_real_sources_and_what_our_own_arrays_are_filled_with():
    book = bb.Book("BTC_USDT")
    rest = [["23935.4", "65", "65"], ["23935.1", "2", "3", "0", "7"], (0.0, 0)]
    book.apply_snapshot(rest, [("23936", "1"), ("0", "0")], sequence=1)
    assert book.depth(exact=True).bids == [
        (Decimal("23935.4"), Decimal(65)), (Decimal("23935.1"), Decimal(2)),
    ]  # fmt: skip
    out = np.empty((4, 2)), np.empty((4, 2))
    assert book.depth(out=out) == (2, 1)
    again = bb.Book("BTC_USDT")
    again.apply_snapshot(*out, sequence=1)
    assert again.depth() == book.depth()
    wide = np.array([[23935.4, 65.0, 65.0], [np.nan, np.nan, np.nan]])
    again.apply_snapshot(wide, [], sequence=2)
    assert len(again.bids) == 1
    for row in ((0, 1), (float("nan"), 1), (1, float("nan")), ("1",), {1: 2, 3: 4, 5: 6}):
        with pytest.raises(bb.UsageError, match="bid row 0"):
            again.apply_snapshot([row], [])
    with pytest.raises(bb.UsageError, match="round floats that were computed"):
        again.apply_snapshot([(100, 0.1 + 0.2), (99, 1000.0)], [])
