"""What was bought and sold: `account.inventory`, `account.tell`."""

from decimal import Context, Decimal

import pytest

import bitmart_book as bb
from bitmart_book.venues import find_venue
from tests.helpers.own import fill, order, position

PARTLY, FILLED, CANCELED = "partially_filled", "filled", "canceled"


@pytest.fixture
def account():
    account = bb.Account()
    account.reconcile(orders=[], market="spot")
    return account


def trade(account, order_id, side, size, price, **facts):
    """An order that is filled at once, whole."""
    size, price = Decimal(size), Decimal(price)
    done = bb.Fill(
        market="spot", symbol="BTC_USDT", order_id=order_id, fill_id=f"of {order_id}", side=side,
        price=price, size=size, filled_size=size, **facts,
    )  # fmt: skip
    return account.apply(
        order(FILLED, size, order_id=order_id, side=side, size=size, price=price, fill=done)
    )


def held(account, symbol="BTC_USDT"):
    holding = account.inventory[symbol]
    return holding.position, holding.average_price, holding.realised


def test_bought_and_sold_at_average_prices(account):
    trade(account, "1", "buy", "2", "100")
    assert held(account) == (2, 100, 0)
    trade(account, "2", "buy", "1", "130")
    assert held(account) == (3, 110, 0)
    trade(account, "3", "sell", "1", "115")
    assert held(account) == (2, 110, 5)
    trade(account, "4", "sell", "5", "100")
    assert held(account) == (-3, 100, -15)
    trade(account, "5", "buy", "3", "90")
    assert held(account) == (0, None, 15)
    holding = account.inventory["BTC_USDT"]
    assert (holding.bought, holding.sold, holding.certain) == (6, 6, True)


def test_a_fee_counts_once_and_by_its_currency(account):
    trade(account, "1", "buy", "2", "100", fee="0.1", fee_currency="BTC")
    trade(account, "1", "buy", "2", "100", fee="0.1", fee_currency="BTC")
    trade(account, "2", "buy", "2", "100", fee="0.2", fee_currency="BTC")
    trade(account, "3", "buy", "2", "100", fee="0.3")
    assert account.inventory["BTC_USDT"].fees == {"BTC": Decimal("0.3"), "": Decimal("0.3")}


def test_an_average_that_no_decimal_is(account):
    trade(account, "1", "buy", "1", "100")
    trade(account, "2", "buy", "2", "101")
    assert str(account.inventory["BTC_USDT"].average_price) == "100.6666666666666666666666666666667"
    trade(account, "3", "sell", "3", "100")
    assert held(account) == (0, None, -2)


def test_an_order_says_more_than_its_executions(account):
    account.apply(order())
    account.apply(order(PARTLY, "3", filled_notional=Decimal(297)))
    assert held(account) == (3, 99, 0)
    # What comes late about them adds nothing but its fee.
    account.apply(fill("a", "3", "3", fee="1"))
    assert held(account) == (3, 99, 0)
    assert account.inventory["BTC_USDT"].fees == {"": 1}


def test_without_a_price_it_is_not_certain_until_the_executions_come(account):
    account.apply(order())
    account.apply(order(PARTLY, "3"))
    assert held(account) == (0, None, 0)
    assert not account.inventory["BTC_USDT"].certain
    assert not account.inventory.certain
    account.apply(fill("a", "1", "1"))
    assert not account.inventory["BTC_USDT"].certain
    account.apply(fill("b", "2", "3"))
    assert held(account) == (3, 100, 0)
    assert account.inventory.certain


def test_executions_before_anything_is_said_of_their_order(account):
    account.apply(fill("a", "2", "2"))
    account.apply(order(PARTLY, "3", filled_notional=Decimal(300)))
    assert held(account) == (3, 100, 0)


def test_a_hole_until_it_is_reconciled(account):
    account.apply(order())
    account.resync("connection lost", market="spot")
    assert not account.inventory["BTC_USDT"].certain
    assert not account.inventory["ETH_USDT"].certain
    assert not account.inventory.certain
    done = order(FILLED, "10", time=2, filled_notional=Decimal(1000))
    unknown = order(FILLED, "5", order_id="2", size="5", filled_notional=Decimal(505))
    account.reconcile(orders=[done, unknown], market="spot")
    assert held(account) == (15, _average("1505", "15"), 0)
    assert account.inventory.certain


def _average(paid, size):
    return Decimal(f"{Context(prec=34).divide(Decimal(paid), Decimal(size)):f}")


def test_an_order_that_is_over_and_nobody_says_what_it_came_to(account):
    account.apply(order())
    account.resync("connection lost", market="spot")
    account.reconcile(orders=[], market="spot")
    assert not account.inventory["BTC_USDT"].certain
    account.reconcile(orders=[order(CANCELED, "0")], market="spot", asked=account.words)
    assert account.inventory.certain
    assert held(account) == (0, None, 0)


def test_a_hole_of_one_symbol(account):
    trade(account, "1", "buy", "2", "100")
    account.resync("unreadable", market="spot", kind="order", about={"BTC_USDT"})
    assert not account.inventory["BTC_USDT"].certain
    assert account.inventory["ETH_USDT"].certain
    account.reconcile(orders=[], market="spot", symbol="BTC_USDT")
    assert account.inventory["BTC_USDT"].certain


def test_a_hole_of_balances_is_none_of_executions(account):
    account.resync("unreadable", market="spot", kind="balance", about={"USDT"})
    assert account.inventory.certain


def test_what_was_filled_before_the_account_began_does_not_count():
    account = bb.Account()
    old = {"create_time_ms": 5, "size": Decimal(10)}
    later = order(
        PARTLY, "3", time=70, order_id="2", create_time_ms=60, filled_notional=Decimal(300)
    )
    account.reconcile(orders=[order(PARTLY, "4", time=50, **old), later], market="spot")
    assert held(account) == (0, None, 0)
    account.apply(order(PARTLY, "6", time=60, fill=fill("b", "2", "6"), **old))
    assert held(account) == (2, 100, 0)
    assert account.inventory.certain


def test_the_same_without_a_word_from_elsewhere():
    account = bb.Account()
    old = {"create_time_ms": 5}
    account.apply(order(PARTLY, "6", time=60, fill=fill("b", "2", "6"), **old))
    assert held(account) == (2, 100, 0)
    # Whatever is younger than the first word counts whole.
    young = {"create_time_ms": 61, "filled_notional": Decimal(300)}
    account.apply(order(FILLED, "3", time=70, order_id="2", fill=fill("c", "1", "3", order_id="2"),
                        **young))  # fmt: skip
    assert held(account) == (5, 100, 0)


def futures(order_id, side, size, price):
    return bb.Fill(
        market="futures", symbol="BTCUSDT", order_id=order_id, fill_id=order_id, side=side,
        price=price, size=size,
    )  # fmt: skip


def test_contracts():
    account = bb.Account()
    account.tell(fills=[futures("1", "buy", "10", "100"), futures("2", "sell", "4", "110")])
    assert held(account, "BTCUSDT") == (6, 100, None)
    account.instruments = {
        "BTCUSDT": bb.Instrument(symbol="BTCUSDT", market="futures", contract_size=Decimal("0.001"))
    }
    assert held(account, "BTCUSDT") == (6, 100, Decimal("0.04"))
    account.instruments = {
        "BTCUSDT": bb.Instrument(
            symbol="BTCUSDT", market="futures", contract_size=Decimal(1), inverse=True
        )
    }
    assert held(account, "BTCUSDT")[2] is None


def test_positions_from_elsewhere_are_the_truth():
    account = bb.Account()
    account.tell(fills=[futures("1", "buy", "10", "100")])
    account.resync("connection lost", market="futures")
    account.reconcile(
        positions=[position("7", average_price="90"), position("2", "short", average_price="80")]
    )
    assert held(account, "BTCUSDT")[:2] == (5, 94)
    assert account.inventory.certain
    account.resync("connection lost", market="futures")
    assert not account.inventory.certain
    account.reconcile(positions=[])
    assert held(account, "BTCUSDT")[:2] == (0, None)
    assert account.inventory.certain


def test_a_mapping_of_what_was_traded(account):
    assert not account.inventory
    assert "BTC_USDT" not in account.inventory
    nothing = account.inventory["BTC_USDT"]
    assert (nothing.position, nothing.average_price, nothing.certain) == (0, None, True)
    assert repr(account.inventory) == "<Inventory of nothing>"
    trade(account, "1", "buy", "2", "100")
    assert list(account.inventory) == ["BTC_USDT"]
    assert repr(account.inventory) == "<Inventory BTC_USDT 2>"
    other = bb.Fill(
        market="elsewhere", symbol="BTC_USDT", order_id="9", fill_id="9", side="sell",
        price="100", size="1",
    )  # fmt: skip
    account.tell(fills=[other])
    assert list(account.inventory) == ["spot:BTC_USDT", "elsewhere:BTC_USDT"]
    assert account.inventory["elsewhere:BTC_USDT"].position == -1
    account.resync("connection lost")
    assert repr(account.inventory).endswith(", not certain>")


def test_another_client_tells():
    account = bb.Account()
    outcomes = account.tell(
        orders=[order()], fills=[fill("a", "4", "4")],
        balances=[bb.Balance(market="spot", currency="BTC", available=Decimal(4), frozen=None)],
    )  # fmt: skip
    assert [outcome.kind for outcome in outcomes] == ["new", "changed", "new"]
    assert held(account) == (4, 100, 0)
    assert account.orders["1"].status == "new"
    assert account.balances["spot", "BTC"].available == 4
    # What is left is less what was filled, whichever word told of it.
    book = bb.Book("BTC_USDT")
    lens = account.lens(book)
    book.apply_snapshot([("100", "9")], [], sequence=1)
    book.apply_delta([], [("101", "1")], sequence=2)
    assert lens.top.bid_size == 3.0


def test_what_is_realised_of_an_inverse_contract_is_said_by_nobody():
    venue = find_venue("bybit")
    account = bb.Account(venue.counts_contracts)
    for market, realised in (("bybit", 10), ("bybit-spot", 10), ("bybit-inverse", None)):
        for side, price in (("buy", 100), ("sell", 110)):
            account.apply(
                bb.Fill(
                    market=market, symbol="BTCUSD", order_id=f"{market} {side}", fill_id=side,
                    side=side, price=Decimal(price), size=Decimal(1),
                )
            )  # fmt: skip
        assert account.inventory.of("BTCUSD", market).realised == realised
    account.instruments = {
        "BTCUSD": bb.Instrument(symbol="BTCUSD", market="bybit"),
        "bybit-inverse:BTCUSD": bb.Instrument(
            symbol="BTCUSD", market="bybit-inverse", contract_size=Decimal(1), inverse=True
        ),
    }
    assert account.inventory["bybit:BTCUSD"].realised == 10
    assert account.inventory["bybit-inverse:BTCUSD"].realised is None


@pytest.mark.parametrize("first", ["order", "fill"])
def test_an_execution_and_its_order_come_on_two_topics_in_any_order(first):
    """Bybit has no execution in a word about an order, and none says what was filled in all."""
    account = bb.Account()
    account.reconcile(orders=[], market="spot")
    words = [order(PARTLY, "2", filled_notional=Decimal(200)), fill("a", "2")]
    for value in words if first == "order" else words[::-1]:
        account.apply(value)
    assert held(account) == (2, 100, 0)
    account.apply(fill("a", "2"))
    assert held(account) == (2, 100, 0)
    more = [order(FILLED, "10", 2, filled_notional=Decimal(1040)), fill("b", "8", time_ms=7)]
    for value in more if first == "order" else more[::-1]:
        account.apply(value)
    assert held(account)[0] == 10
    assert account.missing_size("1") == 0
