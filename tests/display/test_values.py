"""How values look in a notebook: whole numbers in line, text of others escaped, nothing taken."""

import re
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book.client.account import Account
from bitmart_book.display import values
from bitmart_book.display.markup import numbers
from bitmart_book.listeners.streams import Mailbox
from bitmart_book.model import html_of
from tests.helpers.own import balance, fill, order, position

NASTY = "<script>\x1b[31m&"


def cells(text):
    """The tables of a text: for each its rows, the heads among them."""
    return [
        [
            [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)]
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table)
        ]
        for table in re.findall(r"<table[^>]*>(.*?)</table>", text)
    ]


def book():
    made = bb.Book("BTC_USDT")
    made.apply_snapshot(
        [("99.5", "1"), ("99", "20")], [("100.25", "0.25"), ("101", "1.125"), ("120", "3")]
    )
    return made


def test_numbers_of_a_column_stand_in_line_and_are_whole():
    assert numbers([1.5, Decimal("20.125"), None, 3]) == ["1.500", "20.125", "-", "3.000"]
    assert numbers([Decimal("123456789012345678")]) == ["123456789012345678"]
    assert numbers([Decimal("1e-18"), Decimal("2.50")])[0] == "0.000000000000000001"
    assert numbers([0.1 + 0.2]) == ["0.30000000000000004"]
    assert numbers([0.1 + 0.2], computed=True) == ["0.3"]
    assert numbers([float("nan"), 1.0]) == ["NaN", "1"]


@pytest.mark.parametrize("exact", [False, True])
def test_a_depth_is_a_table_with_numbers(exact):
    assert cells(book().depth(3, exact=exact)._repr_html_()) == [
        [
            ["bid size", "bid", "ask", "ask size"],
            ["1", "99.5", "100.25", "0.250"],
            ["20", "99.0", "101.00", "1.125"],
            ["", "", "120.00", "3.000"],
        ]
    ]


def test_of_a_deep_one_some_are_shown_and_what_is_not_certain_is_said():
    rows = [(100 - n, 1) for n in range(15)]
    text = bb.Depth(rows, [], complete=False, proven=False)._repr_html_()
    assert len(cells(text)[0]) == 11
    assert "and 5 more" in text
    assert "not complete" in text
    assert "not proven" in text


def test_a_sweep_says_what_it_took_level_by_level():
    summary, fills = cells(book().sweep("ask", size="1")._repr_html_())
    assert summary[1] == ["100.8125", "101", "1", "100.8125", "2", "101"]
    assert fills == [
        ["price", "size", "size so far"],
        ["100.25", "0.25", "0.25"],
        ["101.00", "0.75", "1.00"],
    ]
    assert "not complete" in book().sweep("bid", size="100")._repr_html_()
    nothing = bb.Book("A_B")
    nothing.apply_snapshot([], [("1", "1")])
    assert cells(nothing.sweep("bid", size=1)._repr_html_())[0][1][0] == "-"


def test_a_sweep_over_thirds_is_shown_with_few_digits():
    made = bb.Book("A_B")
    made.apply_snapshot([], [("1", "1"), ("2", "2")])
    assert cells(made.sweep("ask", size=3)._repr_html_())[0][1][0] == "1.66666666667"


def test_levels_and_a_quote():
    made = book()
    assert cells(made.asks._repr_html_())[0][1:] == [
        ["100.25", "0.250"], ["101.00", "1.125"], ["120.00", "3.000"],
    ]  # fmt: skip
    assert cells(made.quote._repr_html_())[0][1] == [
        "BTC_USDT", "LIVE", "1", "99.5", "100.25", "0.25", "0.75", "-", "-",
    ]  # fmt: skip


def test_a_quote_that_is_not_live_has_no_price():
    quote = bb.Book("BTC_USDT").quote_in_any_state()
    shown = cells(quote._repr_html_())[0][1]
    assert shown == ["BTC_USDT", "SYNCING", "-", "-", "-", "-", "-", "-", "-"]


def test_an_account_has_a_table_for_each_of_what_it_holds():
    account = Account()
    assert cells(account._repr_html_()) == []
    for value in (order(), order(order_id="2", price="9.125"), position(), balance("1234.5")):
        account.apply(value)
    text = account._repr_html_()
    orders, positions, balances, *_ = cells(text)
    assert [row[0:1] + row[4:7] for row in orders[1:]] == [
        ["spot", *row] for row in _prices_of(account)
    ]
    assert positions[1][:4] == ["futures", "BTCUSDT", "long", "5"]
    assert balances[1] == ["spot", "USDT", "1234.5", "0", "yes"]
    assert "2 open orders, 1 positions, 1 balances" in text
    account.resync("lost <b>")
    text = account._repr_html_()
    assert cells(text)[0][1][-1] == "no"
    assert "lost &lt;b&gt;" in text
    assert repr(account) == "<Account 2 open orders, 1 positions, 1 balances>"


def _prices_of(account):
    orders = list(account.orders.values())
    columns = [
        numbers(getattr(one.exact, name) for one in orders)
        for name in ("price", "size", "filled_size")
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def test_an_inventory_is_a_table():
    account = Account()
    account.reconcile(orders=[], market="spot")
    account.apply(order())
    account.apply(fill("a", size="1"))
    row = dict(zip(*cells(account.inventory._repr_html_())[0], strict=True))
    assert row["symbol"] == "BTC_USDT"
    assert abs(Decimal(row["position"])) == 1


def test_an_event_and_a_stream_of_them():
    event = bb.Event(kind=bb.EventKind.GAP, time=1.5, topic=f"t:{NASTY}", reason="r" * 300)
    text = event._repr_html_()
    heads, row = cells(text)[0]
    assert heads == ["kind", "feed clock (s)", "topic", "reason"]
    assert row[:2] == ["gap", "1.500"]
    assert "<script>" not in text
    assert "\x1b" not in text
    assert len(row[3]) < 250


def test_a_stream_shows_what_waits_holes_where_they_are_and_takes_nothing():
    box = Mailbox(5, lambda: None)
    trade = bb.Trade(symbol="BTC_USDT", side="buy", price="1.50", size="2", time_ms=0)
    box.put([trade])
    box.hole("lost <b>")
    box.put([trade, trade])
    text = values.stream_html(f"Stream {NASTY}", box.waiting())
    before, after = cells(text)
    assert (len(before), len(after)) == (2, 3)
    assert before[0] == ["symbol", "side", "price", "size", "time (UTC)"]
    assert before[1] == ["BTC_USDT", "buy", "1.5", "2", "1970-01-01 00:00:00.000"]
    assert "StreamGap" in text
    assert "lost &lt;b&gt;" in text
    assert "<script>" not in text
    assert len(box) == 4
    assert "nothing waits" in values.stream_html("s", [])


def test_a_stamp_that_is_no_time_is_shown_as_it_is():
    trade = bb.Trade(symbol="A", side=None, price=1, size=1, time_ms=10**18)
    assert str(10**18) in values.stream_html("s", [trade])


def test_many_values_and_many_orders_are_cut():
    trade = bb.Trade(symbol="A", side=None, price=1, size=1)
    assert "and 480 more" in values.stream_html("s", [trade] * 500)
    account = Account()
    for number in range(30):
        account.apply(order(order_id=str(number)))
    assert "and 10 more" in account._repr_html_()


def test_what_cannot_be_shown_is_described():
    class Broken(bb.Book):
        def peek(self):
            raise bb.FeedClosed("no <more>")

    assert "no &lt;more&gt;" in values.html(Broken("A_B"))
    assert "Depth, which cannot be shown: TypeError" in html_of(bb.Depth(1, 2, complete=True))
    assert values.html(3) == "<pre>3</pre>"
