"""What an account makes of the truth from elsewhere: of what the venue answered by REST."""

import msgspec
import pytest

import bitmart_book as bb
from tests.helpers.frames import spot
from tests.helpers.own import (
    CANCELED,
    FILLED,
    NEW,
    PARTLY,
    THEN,
    balance,
    kinds,
    order,
    position,
)

pytestmark = pytest.mark.private


def told(*values):
    """An account that has heard of these, and then had a hole."""
    account = bb.Account()
    for value in values:
        account.apply(value)
    account.resync("connection lost")
    return account


def finished(value):
    return msgspec.structs.replace(value, status="finished")


def test_an_order_that_was_canceled_in_a_hole_is_over_when_rest_says_so():
    book = bb.Book("BTC_USDT")
    book.apply(spot("snapshot", 1, [["100", "5"], ["99", "3"]], [["101", "1"]]))
    gone, stays = order(size=5), order(order_id="2", price=99, size=1)
    account = told(gone, stays)
    assert account.net_depth(book).bids == [(99, 2)]
    assert account.reconcile(orders=[stays], market="spot") == ((gone, finished(gone)),)
    assert list(account.orders) == ["2"]
    assert account.order("1").status == "finished"
    assert account.unconfirmed == ()
    assert account.net_depth(book).bids == [(100, 5), (99, 2)]
    # It is over for good.
    assert kinds(account, order(NEW, time=9)) == ["older"]


def test_all_that_a_hole_hid_is_told_as_what_it_changed():
    known = order(NEW, "0", 1)
    account = told(known, order(order_id="2"))
    truth = [order(PARTLY, "4", 5), order(FILLED, "10", 6, order_id="2"), order(order_id="3")]
    changed = account.reconcile(orders=truth)
    assert [(change.before, change.after) for change in changed] == [
        (known, truth[0]), (order(order_id="2"), truth[1]), (None, truth[2]),
    ]  # fmt: skip
    assert set(account.orders) == {"1", "3"}
    assert account.missing_size("1") == 4
    assert account.reconcile(orders=truth) == ()


def test_orders_that_nobody_heard_the_end_of_are_cleared():
    account = bb.Account()
    for number in range(50):
        account.apply(order("expired", order_id=str(number)))
    changed = account.reconcile(orders=[order(NEW, order_id="7")])
    assert len(changed) == 50
    assert (account.unclear, list(account.orders)) == ({}, ["7"])


def test_what_the_streams_said_later_is_left_alone():
    account = told(order(), position(), balance())
    asked = account.words
    account.apply(order(PARTLY, "4", 2))
    account.apply(order(order_id="2"))
    account.apply(position("6", time=2))
    account.apply(balance("6", 2))
    old = {"orders": [order(order_id="9")], "positions": [], "balances": [balance("5")]}
    for mark in (None, asked):
        changed = account.reconcile(**old, market="spot", asked=mark)
        assert [change.after.order_id for change in changed] == ["9"] * (mark is None)
    assert set(account.orders) == {"1", "2", "9"}
    assert account.positions["BTCUSDT", "long"].size == 6
    assert account.balances["spot", "USDT"].available == 6


def test_what_was_asked_for_later_counts_more_than_what_was_heard_before():
    """Also where nobody noticed a hole."""
    account = bb.Account()
    values = [order(), position(time=THEN + 9), balance(time=THEN + 9)]
    for value in values:
        account.apply(value)
    assert account.reconcile(orders=[], positions=[], balances=[], market="spot") == ()
    changed = account.reconcile(
        orders=[], positions=[], balances=[balance("7", THEN)], market="spot", asked=account.words
    )
    assert [change.before for change in changed] == values
    assert (account.orders, account.positions) == ({}, {})
    assert account.balances["spot", "USDT"].available == 7
    # What the streams say from now on is later, whatever its stamp.
    assert kinds(account, balance("8", THEN + 1), position("3", time=THEN)) == ["changed"] * 2


def test_filled_stays_filled_and_over_stays_over():
    account = told(order(PARTLY, "4", 5), order(CANCELED, "0", 5, order_id="2"))
    assert account.reconcile(orders=[order(NEW, "0", 9), order(NEW, order_id="2")]) == ()
    assert account.orders["1"].filled_size == 4
    assert not account.is_confirmed(account.orders["1"])
    assert account.order("2").status == CANCELED


def test_positions_and_balances():
    long, short = position("5"), position("3", "short")
    account = told(long, short, balance("5"), balance("1", currency="BTC"))
    changed = account.reconcile(positions=[position("6", time=None)], balances=[balance("4", None)])
    assert [change.after.size for change in changed[:2]] == [0, 6]
    assert list(account.positions) == [("BTCUSDT", "long")]
    # Of the other currency the answer did not speak.
    assert [found.currency for found in account.unconfirmed] == ["BTC"]
    assert account.balances["spot", "USDT"].available == 4


def test_in_one_way_mode_the_truth_changes_sides_too():
    one_way = {"mode": "one_way_mode"}
    account = told(position("5", "long", **one_way))
    account.reconcile(positions=[position("2", "short", **one_way)])
    assert list(account.positions) == [("BTCUSDT", "short")]


def test_an_answer_about_one_symbol_says_nothing_of_others():
    btc, eth = order(), order(order_id="2", symbol="ETH_USDT")
    account = told(btc, eth, position(), position(side="short"))
    changed = account.reconcile(orders=[], positions=[], market="spot", symbol="ETH_USDT")
    assert [change.before for change in changed] == [eth]
    assert account.orders == {"1": btc}
    assert len(account.positions) == 2


def test_of_which_market_an_empty_answer_is_must_be_said():
    account = told(order(), order(order_id="2", market="futures"))
    with pytest.raises(bb.UsageError, match="say of which market"):
        account.reconcile(orders=[])
    with pytest.raises(bb.UsageError, match="futures, spot"):
        account.reconcile(orders=[order(), order(order_id="2", market="futures")])
    account.reconcile(orders=[], market="futures")
    assert list(account.orders) == ["1"]


def test_before_anything_was_heard_the_truth_is_all_there_is():
    account = bb.Account()
    values = [order(), position(), balance()]
    changed = account.reconcile(orders=values[:1], positions=values[1:2], balances=values[2:])
    assert changed == tuple((None, value) for value in values)
    assert account.balances["spot", "USDT"] == values[2]


def test_a_correction_is_told_as_the_order_is_known_then():
    """What REST leaves out stays as the stream told it."""
    account = told(order(PARTLY, "4", 5))
    truth = msgspec.structs.replace(order(CANCELED, "4", 9), filled_size=None)
    ((before, after),) = account.reconcile(orders=[truth])
    assert before.filled_size == after.filled_size == 4
    assert after == account.order("1")
