"""A book without own orders, and where these stand: `book.net`, `Lens`."""

import gc
import json
import pickle
from decimal import Decimal

import pytest

import bitmart_book as bb
from tests.helpers.own import fill, order

PARTLY, FILLED, CANCELED = "partially_filled", "filled", "canceled"
# A stamp of the venue; the book's frames count on from here.
THEN = 1_700_000_000_000
BIDS = [("100", "16.5"), ("99.5", "10"), ("99", "2")]
ASKS = [("101", "3"), ("102", "1")]


class Desk:
    """A book by hand, an account that knows all open orders (none), and a lens."""

    def __init__(self, **options):
        self.book = bb.Book("BTC_USDT", **options)
        self.account = bb.Account()
        self.lens = self.account.lens(self.book)
        self.number = 0
        self.shows("snapshot", BIDS, ASKS)
        self.account.reconcile(orders=[], market="spot")

    def shows(self, kind="update", bids=(), asks=()):
        """The book's next frame, a millisecond after the last one."""
        self.number += 1
        apply = self.book.apply_snapshot if kind == "snapshot" else self.book.apply_delta
        apply(bids, asks, sequence=self.number, exchange_time_ms=THEN + 10 * self.number)

    def says(self, *arguments, late=0, **changes):
        """A word of the venue about an order, as of the book's last frame or later."""
        stamp = THEN + 10 * self.number + late
        return self.account.apply(order(*arguments, time=stamp, **changes))


@pytest.fixture
def desk():
    return Desk()


def test_an_order_is_left_out_once_the_book_shows_something_later(desk):
    desk.says(late=5)
    assert not desk.lens.certain
    assert desk.lens.top.bid_size == 16.5
    assert desk.lens.ahead("1") is None
    desk.shows()
    assert desk.lens.certain
    assert (desk.lens.top.bid, desk.lens.top.bid_size) == (100.0, 6.5)
    assert desk.lens.ahead("1") == (0.0, 6.5)
    net = desk.book.net()
    assert net.certain
    assert net.depth(exact=True).bids[0] == (Decimal(100), Decimal("6.5"))
    assert (net.state, net.sequence) == ("LIVE", desk.book.sequence)


def test_a_frame_of_the_same_millisecond_may_be_older(desk):
    desk.says(late=10)
    desk.shows()
    assert not desk.lens.certain
    desk.shows()
    assert desk.lens.certain


def test_a_frame_that_came_before_the_word_is_not_later(desk):
    """Whatever the stamps say: the venue's clocks may differ."""
    desk.says(late=-1000)
    assert not desk.lens.certain
    desk.shows()
    assert desk.lens.certain


def test_without_stamps_the_clock_of_receipt_decides():
    now = 0

    def clock():
        return now

    engine = bb.Engine(clock=clock)
    book = engine.book("BTC_USDT")
    account = bb.Account()
    lens = account.lens(book)
    account.reconcile(orders=[], market="spot")
    item = {"symbol": "BTC_USDT", "bids": BIDS, "asks": ASKS, "type": "snapshot", "version": 1}
    engine.apply(json.dumps({"data": [item], "table": "spot/depth/increase100"}))
    now = 1_000_000_000
    account.apply(order(time=None), now=1.0)
    update = {**item, "type": "update", "version": 2, "bids": [], "asks": [("103", "1")]}
    frame = json.dumps({"data": [update], "table": "spot/depth/increase100"})
    assert not lens.certain
    now += 1
    engine.apply(frame)
    assert lens.certain


def test_what_is_filled_or_canceled_stays_in_until_the_book_shows_it(desk):
    desk.says()
    desk.shows()
    assert desk.lens.top.bid_size == 6.5
    desk.says(CANCELED, late=5)
    assert not desk.lens.certain
    assert desk.lens.top.bid_size == 16.5
    desk.shows(bids=[("100", "6.5")])
    assert desk.lens.certain
    assert desk.lens.top.bid_size == 6.5


def test_a_level_that_is_ours_alone_is_not_there(desk):
    desk.says(size="16.5")
    desk.says(order_id="2", side="sell", price="101", size="3")
    desk.shows()
    top = desk.lens.top
    assert (top.bid, top.bid_size, top.ask, top.ask_size) == (99.5, 10.0, 102.0, 1.0)
    assert (top.mid, top.spread) == (100.75, 2.5)
    assert top.exact == (Decimal("99.5"), Decimal(10), Decimal(102), Decimal(1))
    assert top.sequence == desk.number
    assert len(desk.book.net().bids) == 2
    assert desk.lens.ahead("2") == (0.0, 0.0)


def test_all_of_a_side_is_ours(desk):
    desk.says(order_id="2", side="sell", price="101", size="3")
    desk.says(order_id="3", side="sell", price="102", size="1")
    desk.shows()
    top = desk.lens.top
    assert (top.ask, top.ask_size, top.mid, top.spread) == (None, None, None, None)
    assert top.exact[2:] == (None, None)
    assert top.certain
    assert desk.book.net().best_ask is None


def test_no_size_is_below_zero(desk):
    """The word about a fill comes after the frame that shows it."""
    desk.says()
    desk.shows(bids=[("100", "4")])
    assert desk.lens.top.bid_size == 4.0
    assert not desk.lens.certain
    assert desk.lens.ahead("1") is None
    net = desk.book.net()
    assert not net.certain
    assert net.size_at("bid", 100) == 4.0
    desk.says(PARTLY, "8")
    desk.shows()
    assert desk.lens.certain
    assert desk.lens.top.bid_size == 2.0


def test_two_orders_that_are_more_than_their_level(desk):
    desk.says()
    desk.says(order_id="2")
    desk.says(order_id="3", price="99", size="1")
    desk.shows()
    assert not desk.lens.certain
    assert desk.lens.top.bid_size == 16.5
    assert desk.book.net().size_at("bid", 99) == 1.0
    desk.shows(bids=[("100", "30")])
    assert desk.lens.certain
    assert desk.lens.top.bid_size == 10.0
    assert desk.lens.ahead("1") == (0.0, 20.0)


def test_after_a_hole_nothing_is_certain_until_it_is_reconciled(desk):
    desk.says()
    desk.shows()
    desk.account.resync("connection lost", market="spot")
    assert not desk.lens.certain
    assert desk.lens.top.bid_size == 16.5
    desk.says()
    desk.shows()
    # That one is known again; what else there is nobody knows.
    assert desk.lens.top.bid_size == 6.5
    assert not desk.lens.certain
    assert not desk.book.net().certain
    desk.account.reconcile(orders=[order(time=THEN)], market="spot")
    desk.shows()
    assert desk.lens.certain


def test_a_hole_of_another_market_is_none_of_this_one(desk):
    desk.account.resync("connection lost", market="futures")
    assert desk.lens.certain
    desk.account.resync("connection lost")
    assert not desk.lens.certain


def test_before_anything_is_said_nothing_is_certain():
    book = bb.Book("BTC_USDT")
    lens = bb.Account().lens(book)
    book.apply_snapshot(BIDS, ASKS, sequence=1)
    assert not lens.certain
    assert lens.share("bid") is None


@pytest.mark.parametrize("changes", [
    {"type": "market"}, {"type": "plan_order"}, {"type": "rpi"}, {"execution": "ioc"},
    {"price": None}, {"symbol": "ETH_USDT"}, {"market": "futures"}, {"side": None},
])  # fmt: skip
def test_what_rests_in_no_book_of_this_symbol(desk, changes):
    desk.says(**changes)
    desk.shows()
    assert desk.lens.certain
    assert desk.lens.top.bid_size == 16.5


@pytest.mark.parametrize("status", ["pending", "expired"])
def test_an_order_that_may_be_there_or_not(desk, status):
    desk.says(status)
    desk.shows()
    assert not desk.lens.certain
    assert desk.lens.top.bid_size == 16.5
    assert desk.lens.ahead("1") is None


def test_an_order_deeper_than_what_the_venue_shows():
    book = bb.Book("BTC_USDT")
    rows = [(str(1000 - n), "1") for n in range(100)]
    account = bb.Account()
    lens = account.lens(book)
    account.reconcile(orders=[], market="spot")
    item = {"symbol": "BTC_USDT", "bids": rows, "asks": [], "type": "snapshot", "version": 1}
    book.apply(json.dumps({"data": [item], "table": "spot/depth/increase100"}))
    account.apply(order(price="10"))
    account.apply(order(order_id="2", price="950.5"))
    book.apply_delta([("999", "2")], [], sequence=2)
    # The one lies beyond all that is shown, the other between what is.
    assert not lens.certain
    account.apply(order(CANCELED, order_id="2", price="950.5"))
    book.apply_delta([("999", "3")], [], sequence=3)
    assert lens.certain
    assert lens.ahead("1") is None


# --- the queue ---


def test_nobody_comes_in_before_an_order_that_waits(desk):
    desk.says()
    desk.shows()
    desk.shows(bids=[("100", "50")])
    assert desk.lens.ahead("1") == (0.0, 6.5)
    desk.shows(bids=[("100", "13")])
    assert desk.lens.ahead("1") == (0.0, 3.0)
    desk.shows(bids=[("100", "60")])
    assert desk.lens.ahead("1") == (0.0, 3.0)


def test_a_finer_scale_of_the_book_begins_anew(desk):
    desk.says()
    desk.shows(bids=[("100", "13")])
    desk.shows(bids=[("100", "60.001")])
    assert desk.lens.ahead("1") == (0.0, 50.001)


def test_a_new_run_of_the_book_begins_anew(desk):
    desk.says()
    desk.shows(bids=[("100", "13")])
    desk.book.apply_delta([], [], sequence=99)
    with pytest.raises(bb.BookNotLive):
        desk.lens.ahead("1")
    desk.number += 1
    desk.shows("snapshot", [("100", "40")], ASKS)
    assert desk.lens.ahead("1") == (0.0, 30.0)


def test_what_is_filled_in_its_place_has_nobody_ahead(desk):
    desk.says()
    desk.shows()
    desk.says(PARTLY, "4", fill=fill("a", "4", "4", liquidity="maker"))
    desk.shows(bids=[("100", "12.5")])
    assert desk.lens.ahead("1") == (0.0, 0.0)


def test_a_fill_as_taker_says_nothing_of_the_queue(desk):
    desk.says()
    desk.shows()
    desk.says(PARTLY, "4", fill=fill("a", "4", "4", liquidity="taker"))
    desk.shows(bids=[("100", "12.5")])
    assert desk.lens.ahead("1") == (0.0, 6.5)


def test_another_price_or_more_size_waits_anew(desk):
    desk.says(size="5")
    desk.shows(bids=[("100", "7")])
    assert desk.lens.ahead("1") == (0.0, 2.0)
    desk.says(size="6")
    desk.shows(bids=[("100", "30")])
    assert desk.lens.ahead("1") == (0.0, 24.0)


def traded(price, size, stamp, side="sell"):
    row = {"symbol": "BTC_USDT", "price": price, "size": size, "side": side, "s_t": 1}
    return json.dumps({"table": "spot/trade", "data": [{**row, "ms_t": stamp}]})


class Trading:
    """An engine in which an own order waits at 100 behind 6.5."""

    def __init__(self):
        self.engine = bb.Engine()
        self.book = self.engine.book("BTC_USDT")
        account = bb.Account()
        self.lens = account.lens(self.book)
        account.reconcile(orders=[], market="spot")
        self.apply("snapshot", 1, BIDS, ASKS)
        account.apply(order(time=THEN + 10))
        self.apply("update", 2)

    def apply(self, kind, version, bids=(), asks=()):
        item = {"symbol": "BTC_USDT", "bids": bids, "asks": asks, "type": kind, "version": version}
        item["ms_t"] = THEN + 10 * version
        self.engine.apply(json.dumps({"data": [item], "table": "spot/depth/increase100"}))

    @property
    def most(self):
        return self.lens.ahead("1")[1]


def test_trades_take_what_is_ahead_first():
    desk = Trading()
    assert desk.most == 6.5
    desk.engine.apply(traded("100", "2", THEN + 25))
    assert desk.most == 4.5
    desk.apply("update", 3, [("100", "80")])
    assert desk.most == 4.5
    desk.engine.apply(traded("100", "9", THEN + 35))
    assert desk.most == 0.0


@pytest.mark.parametrize("frame", [
    traded("100", "2", THEN + 15), traded("100", "2", THEN + 20), traded("99.5", "2", THEN + 25),
    traded("100", "2", THEN + 25, side="buy"),
])  # fmt: skip
def test_trades_that_may_be_in_the_book_already_or_are_of_another_level(frame):
    desk = Trading()
    desk.engine.apply(frame)
    assert desk.most == 6.5


def test_a_trade_that_is_told_twice_counts_once():
    desk = Trading()
    desk.engine.apply(traded("100", "2", THEN + 25))
    desk.engine.apply(traded("100", "2", THEN + 25))
    assert desk.most == 4.5


def test_a_trade_that_comes_after_the_frame_that_shows_it():
    desk = Trading()
    desk.apply("update", 3, [("100", "15.5")])
    assert desk.most == 5.5
    desk.engine.apply(traded("100", "5", THEN + 25))
    # 6.5 less 5, and not 5.5 less 5: the frame may have had it.
    assert desk.most == 1.5


# --- share, would_cross ---


def test_share(desk):
    desk.says()
    desk.shows()
    assert desk.lens.share("bid") == 10 / 16.5
    assert desk.lens.share("bid", levels=2) == 10 / 26.5
    assert desk.lens.share("ask") == 0.0
    desk.shows(asks=[("101", 0), ("102", 0)])
    assert desk.lens.share("ask") is None
    with pytest.raises(bb.UsageError):
        desk.lens.share("buy")
    with pytest.raises(bb.UsageError):
        desk.lens.share("bid", 0)


@pytest.mark.parametrize(("side", "price", "crosses"), [
    ("bid", "101", True), ("bid", 101.5, True), ("bid", "100.999999999999999", False),
    ("ask", 100, True), ("ask", "99", True), ("ask", "100.000000000000001", False),
])  # fmt: skip
def test_would_cross(desk, side, price, crosses):
    assert desk.lens.would_cross(side, price) is crosses


def test_nothing_crosses_an_empty_side(desk):
    desk.shows(asks=[("101", 0), ("102", 0)])
    assert desk.lens.would_cross("bid", 10**6) is False
    for wrong in ("buy", None):
        with pytest.raises(bb.UsageError):
            desk.lens.would_cross(wrong, 1)
    with pytest.raises(bb.UsageError):
        desk.lens.would_cross("bid", "x")


def test_every_read_raises_while_the_book_is_not_live(desk):
    desk.book.apply_delta([], [], sequence=99)
    for read in (
        lambda: desk.lens.top, lambda: desk.lens.certain, lambda: desk.lens.ahead("1"),
        lambda: desk.lens.share("bid"), lambda: desk.lens.would_cross("bid", 1), desk.book.net,
        lambda: desk.book.net([]),
    ):  # fmt: skip
        with pytest.raises(bb.BookNotLive):
            read()


# --- net of given orders, and what these are ---


def test_net_of_given_orders():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(BIDS, ASKS, sequence=1, exchange_time_ms=THEN)
    with pytest.raises(bb.UsageError, match="whose orders"):
        book.net()
    net = book.net([order(PARTLY, "4"), order(order_id="2", symbol="ETH_USDT"), order(price=None)])
    assert net.certain
    assert net.size_at("bid", 100) == 10.5
    assert book.size_at("bid", 100) == 16.5
    assert not book.net([order(time=THEN)]).certain
    too_much = book.net([order(size="17")])
    assert not too_much.certain
    assert too_much.size_at("bid", 100) == 16.5
    assert book.net([]).certain
    assert book.net([order(time=None)]).certain


def test_a_net_book_is_frozen_and_has_every_read(desk):
    desk.says()
    desk.shows()
    net = desk.book.net()
    desk.shows(bids=[("100", "50")])
    assert net.best_bid == (100.0, 6.5)
    assert isinstance(net, bb.NetBook)
    assert net.sweep("bid", size=7).worst_price == 99.5
    net.check()
    with pytest.raises(bb.UsageError):
        net.apply_delta([], [], sequence=3)
    with pytest.raises(bb.UsageError):
        bb.Account().lens(net)


def test_of_one_book_there_is_one_lens(desk):
    assert desk.account.lens(desk.book) is desk.lens
    with pytest.raises(bb.UsageError, match="has a lens"):
        bb.Account().lens(desk.book)
    assert repr(desk.lens) == "<Lens of BTC_USDT: 0 own orders, certain>"
    desk.says()
    assert repr(desk.lens) == "<Lens of BTC_USDT: 1 own orders, not certain>"


def test_a_lens_of_orders_that_were_known_before():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(BIDS, ASKS, sequence=1, exchange_time_ms=THEN)
    account = bb.Account()
    account.reconcile(orders=[order()], market="spot")
    lens = account.lens(book)
    book.apply_delta([], [("103", "1")], sequence=2, exchange_time_ms=THEN + 1)
    assert lens.certain
    assert lens.top.bid_size == 6.5


def test_values_pickle_and_a_lens_does_not(desk):
    top = desk.lens.top
    assert pickle.loads(pickle.dumps(top)) == top
    assert top != (100.0,)
    assert repr(top).startswith("NetTop(bid=100.0, bid_size=16.5, ")
    with pytest.raises(TypeError):
        pickle.dumps(desk.lens)
    with pytest.raises(TypeError):
        bb.NetTop()


def test_a_book_and_its_lens_go_together():
    book = bb.Book("BTC_USDT")
    account = bb.Account()
    account.lens(book)
    del book
    gc.collect()
    assert account._lenses._lenses("spot") == []
