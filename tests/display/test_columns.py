"""Values as columns: each kind, what is missing, and what is no table."""

import pickle
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book.display.columns import columns_of
from bitmart_book.display.tables import to_arrow

TRADE = bb.Trade(symbol="BTC_USDT", side="buy", price=Decimal("1.5"), size=Decimal(2), time_ms=7)


def shown(values):
    return {column.name: column.listed() for column in columns_of(values)}


def kinds(values):
    return {column.name: column.kind for column in columns_of(values)}


def test_quotes():
    book = bb.Book("BTC_USDT")
    waiting = book.quote_in_any_state()
    book.apply_snapshot([("1", "2")], [("1.5", "3")], exchange_time_ms=7, receive_time_ns=8)
    columns = shown([waiting, book.quote])
    assert list(columns)[:2] == ["ts_event", "ts_recv"]
    assert columns["ts_event"] == [None, 7_000_000]
    assert columns["ts_recv"] == [None, 8]
    assert columns["bid"] == [None, 1.0]
    assert columns["mid"] == [None, 1.25]
    assert columns["state"] == ["SYNCING", "LIVE"]
    assert columns["symbol"] == ["BTC_USDT", "BTC_USDT"]
    assert set(columns) == set(book.quote.to_dict()) - {"exchange_time_ms", "receive_time_ns"} | {
        "ts_event", "ts_recv",
    }  # fmt: skip


def test_trades():
    assert shown([TRADE]) == {
        "ts_event": [7_000_000], "symbol": ["BTC_USDT"], "side": ["buy"], "price": [1.5],
        "size": [2.0], "trade_id": [None], "side_known": [True],
    }  # fmt: skip
    assert kinds([TRADE])["side_known"] == "truth"


def test_a_depth_and_its_levels():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot([("1", "2"), ("0.5", "1")], [("1.5", "3")])
    expected = {"side": ["bid", "bid", "ask"], "price": [1.0, 0.5, 1.5], "size": [2.0, 1.0, 3.0]}
    assert shown(book.depth()) == expected
    assert shown(book.depth(exact=True)) == expected
    assert shown(book.bids) == {"price": [1.0, 0.5], "size": [2.0, 1.0]}


def test_cells_of_all_kinds():
    rows = [
        {"a": 1, "b": True, "c": "x", "d": (1,), "e": 2**70, "f_ms": 3, "g": None},
        {"a": None, "b": None, "c": None, "d": None, "e": 1, "f_ms": None, "g": None},
    ]
    assert shown(rows) == {
        "a": [1, None], "b": [True, None], "c": ["x", None], "d": ["(1,)", None],
        "e": [2.0**70, 1.0], "f": [3_000_000, None], "g": [None, None],
    }  # fmt: skip
    assert shown([]) == {}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (3, "and not of int"),
        ([1], "there is no table of int"),
        ([TRADE, {"a": 1}], "values of one kind, and these are Trade, dict"),
    ],
)
def test_what_is_no_table(values, problem):
    with pytest.raises(bb.UsageError, match=problem):
        columns_of(values)


def test_a_job_can_be_sent_to_another_process():
    assert pickle.loads(pickle.dumps(bb.replay_job)) is bb.replay_job
    assert bb.to_arrow is to_arrow
