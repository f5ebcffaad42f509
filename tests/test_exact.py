"""Floats to compute with, and beside them the numbers that the venue sent, to the last digit."""

import copy
import pickle
from decimal import Context, Decimal, Inexact, localcontext

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.exact import Exact, Numbered
from bitmart_book.model import FillExact
from tests.helpers.own import fill, order, position

LONG = Decimal("61235." + "3" * 30)


def trade(price="61235.32", size="0.5", **facts):
    return bb.Trade(symbol="BTC_USDT", side="buy", price=price, size=size, **facts)


def test_a_price_is_a_float_and_exact_beside_it():
    found = trade(Decimal("61235.320000000000000000000000000000"), Decimal("0E-30"))
    assert (found.price, found.size) == (61235.32, 0.0)
    assert type(found.price) is type(found.size) is float
    assert found.exact == (Decimal("61235.32"), Decimal(0))
    price, size = found.exact
    assert (str(price), str(size)) == ("61235.32", "0")
    assert found.exact.price is price
    level = bb.Level("61235.32", "0.5")
    assert trade().exact == level.exact
    assert trade().price - level.price == 0.0


@pytest.mark.parametrize(
    "number", ["0.1", 0.1, Decimal("0.1"), Decimal("0.1000"), np.float64(0.1), np.float64("0.1")]
)
def test_any_number_is_taken(number):
    assert trade(number, number) == trade("0.1", "0.1")
    assert repr(trade(number).price) == "0.1"
    assert trade(5).exact.price == 5


@pytest.mark.parametrize(
    "number", ["", "x", "NaN", float("nan"), float("inf"), Decimal("-Infinity"), True, b"1", [1]]
)
def test_what_is_no_number_is_refused(number):
    with pytest.raises(bb.UsageError, match="price must be a"):
        trade(number)
    with localcontext(Context(prec=3, traps=[])), pytest.raises(bb.UsageError):
        trade(number)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_the_float_is_the_nearest_and_nothing_is_lost(number):
    found = trade(number)
    assert found.exact.price == number
    assert found.price == float(number)
    with localcontext(Context(prec=2, traps=[Inexact])):
        assert trade(number) == found


def test_a_copy_keeps_what_it_does_not_change():
    known = fill("a", LONG, LONG, fee=Decimal("0.1"))
    other = msgspec.structs.replace(known, fill_id="b", filled_size="7")
    assert other.exact == FillExact((Decimal(100), LONG, Decimal(7), Decimal("0.1")))
    assert (other.filled_size, other.exact.filled_size) == (7.0, 7)
    for same in (copy.copy(known), copy.deepcopy(known), pickle.loads(pickle.dumps(known))):
        assert same == known
        assert same.exact.size == LONG
        assert type(same.exact) is FillExact


def test_equal_is_what_is_exactly_equal():
    near = LONG + Decimal("1e-30")
    assert float(near) == float(LONG)
    for one, other in ((order(filled=LONG), order(filled=near)), (position(LONG), position(near))):
        assert one != other
        assert one == copy.deepcopy(one)
        assert hash(one) == hash(copy.deepcopy(one))
    assert trade(LONG).exact != trade(near).exact
    assert trade().exact == trade(time_ms=1).exact
    assert hash(trade().exact) == hash(tuple(trade().exact))


def test_every_amount_by_its_name():
    known = order(filled="4", average_price="99.5", leverage=5)
    assert known.exact == (Decimal(100), Decimal(10))
    assert (known.exact.filled_size, known.exact.average_price) == (4, Decimal("99.5"))
    assert (known.leverage, known.exact.leverage, known.exact.trigger_price) == (5.0, 5, None)
    assert order(price=None).exact == (None, Decimal(10))
    held = position("5", average_price="70000.1", liquidation_price="-3")
    price, size = held.exact
    assert (price, size) == (Decimal("70000.1"), Decimal(5))
    assert held.exact.average_price is price
    assert (held.liquidation_price, held.exact.liquidation_price) == (-3.0, Decimal(-3))


def test_every_amount_of_every_value_has_its_exact_number():
    kinds = [kind for kind in vars(bb).values() if isinstance(kind, type)]
    numbered = [kind for kind in kinds if issubclass(kind, Numbered)]
    assert set(numbered) == {bb.Trade, bb.Order, bb.Fill, bb.Position}
    for kind in numbered:
        amounts = [f.name for f in msgspec.structs.fields(kind) if "float" in str(f.type)]
        assert sorted(kind.EXACT.NAMES) == sorted(amounts)


def test_exact_numbers_do_not_change():
    exact = trade().exact
    with pytest.raises(AttributeError):
        exact.price = Decimal(1)
    assert repr(exact) == "TradeExact(price=61235.32, size=0.5)"
    assert isinstance(exact, Exact)


def test_a_log_can_be_read():
    known = order(filled="0E-30", price=Decimal("61235." + "32" + 28 * "0"), status="new")
    assert repr(known) == (
        "Order(market='spot', symbol='BTC_USDT', order_id='1', status='new', side='buy', "
        "type='limit', price=61235.32, size=10.0, filled_size=0.0, update_time_ms=1)"
    )
    assert "exact" not in repr(trade())


def test_a_value_as_a_row_of_a_table():
    facts = msgspec.structs.asdict(trade())
    assert (facts["price"], facts["size"]) == (61235.32, 0.5)
    assert b'"price":61235.32' in msgspec.json.encode(trade())
