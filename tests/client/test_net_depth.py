"""Our own part of a book: how much of a level is ours, and the depth without it."""

from decimal import Context, Decimal, Inexact, localcontext

import pytest

import bitmart_book as bb
from tests.helpers.frames import spot
from tests.helpers.own import (
    FILLED,
    PARTLY,
    PENDING,
    fill,
    order,
)

pytestmark = pytest.mark.private


def test_own_size():
    account = bb.Account()
    for number, changes in enumerate([
        {}, {"filled": "4", "status": PARTLY}, {"price": Decimal("99.5")}, {"side": "sell"},
        {"symbol": "ETH_USDT"}, {"type": "market"}, {"type": "plan_order"}, {"price": None},
        {"size": None}, {"status": PENDING}, {"status": FILLED, "filled": "10"},
        {"side": None}, {"status": "odd"},
    ]):  # fmt: skip
        account.apply(order(order_id=str(number), **changes))
    for price in ("100", "100.0", 100, 100.0, Decimal("1e2")):
        assert account.own_size("BTC_USDT", "bid", price) == 16
    assert account.own_size("BTC_USDT", "bid", 99.5) == 10
    assert account.own_size("BTC_USDT", "ask", 100) == 10
    assert account.own_size("BTC_USDT", "ask", 101) == 0
    assert account.own_size("NOPE_USDT", "bid", 100) == 0
    account.resync("connection lost")
    assert account.own_size("BTC_USDT", "bid", 100) == 16
    assert account.own_size("BTC_USDT", "bid", 100, unconfirmed=False) == 0


@pytest.mark.parametrize("arguments", [("buy", 100), ("", 100), ("bid", "x"), ("bid", None)])
def test_what_is_no_side_or_price(arguments):
    with pytest.raises(bb.UsageError):
        bb.Account().own_size("BTC_USDT", *arguments)


def test_net_depth():
    book = bb.Book("BTC_USDT")
    book.apply(
        spot(
            "snapshot", 1, [["100", "16.5"], ["99.5", "10"], ["99", "2"]],
            [["101", "3"], ["102", "1"]],
        )
    )  # fmt: skip
    account = bb.Account()
    assert account.net_depth(book) == book.depth(exact=True)
    for number, changes in enumerate([{}, {"status": PARTLY, "filled": "4"},
                                      {"price": Decimal("99.50")}]):  # fmt: skip
        account.apply(order(order_id=str(number), **changes))
    account.apply(order(order_id="9", side="sell", price=Decimal(101), size=Decimal(5)))
    depth = account.net_depth(book)
    assert depth.bids == [(Decimal(100), Decimal("0.5")), (Decimal(99), Decimal(2))]
    # More of ours than there is: the level is being taken away.
    assert depth.asks == [(Decimal(102), Decimal(1))]
    assert account.net_depth(book, 1).bids == depth.bids[:1]
    assert account.net_depth(book, 1).asks == depth.asks
    assert account.net_depth(book, 2) == depth
    assert account.net_depth(book, 1).complete
    account.resync("connection lost")
    assert account.net_depth(book, unconfirmed=False) == book.depth(exact=True)


def test_sizes_are_exact_whatever_the_context_of_the_user():
    size, part = Decimal("123456789." + 29 * "0" + "1"), Decimal("0." + 29 * "0" + "3")
    account = bb.Account()
    with localcontext(Context(prec=3, traps=[Inexact])):
        account.apply(order(PARTLY, part, size=size, fill=fill("a", part / 3, part)))
        account.apply(order(order_id="2", size=size))
        whole = account.own_size("BTC_USDT", "bid", 100)
        assert account.missing_size("1") == Decimal("0." + 29 * "0" + "2")
    assert whole == Decimal("246913577." + 29 * "9" + "9")


def test_net_depth_of_a_book_that_is_not_live():
    with pytest.raises(bb.BookNotLive):
        bb.Account().net_depth(bb.Book("BTC_USDT"))
