"""Orders, positions and balances from pushes that repeat, overtake each other and get lost."""

import itertools
import json
from decimal import Context, Decimal, Inexact, localcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bitmart_book as bb
from bitmart_book.client import account as module
from bitmart_book.model import Balance, Fill, Order, OrderStatus, Position
from bitmart_book.venues import FUTURES_PRIVATE, SPOT_PRIVATE
from tests.helpers.documented import futures_private, spot_private
from tests.helpers.frames import spot

pytestmark = pytest.mark.private

NEW, PARTLY, FILLED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
PENDING = OrderStatus.PENDING
CANCELED, PARTLY_CANCELED = OrderStatus.CANCELED, OrderStatus.PARTIALLY_CANCELED


def order(status=NEW, filled="0", time=1, *, order_id="1", fill=None, **changes):
    facts = {
        "market": "spot", "symbol": "BTC_USDT", "side": "buy", "type": "limit",
        "price": Decimal("100"), "size": Decimal("10"),
    }  # fmt: skip
    return Order(
        order_id=order_id,
        status=status,
        filled_size=None if filled is None else Decimal(filled),
        update_time_ms=time,
        fill=fill,
        **(facts | changes),
    )


def fill(fill_id, size="1", filled=None, *, order_id="1", **changes):
    return Fill(
        market="spot",
        symbol="BTC_USDT",
        order_id=order_id,
        fill_id=fill_id,
        side="buy",
        price=Decimal("100"),
        size=Decimal(size),
        filled_size=None if filled is None else Decimal(filled),
        **changes,
    )


def position(size="5", side="long", time=1, **changes):
    return Position(symbol="BTCUSDT", side=side, size=Decimal(size), update_time_ms=time, **changes)


def balance(available="5", time=1, market="spot", currency="USDT", **changes):
    return Balance(
        market=market, currency=currency, available=Decimal(available), frozen=Decimal(0),
        time_ms=time, **changes,
    )  # fmt: skip


def kinds(account, *values):
    return [account.apply(value).kind for value in values]


# --- orders ---


def test_the_life_of_an_order():
    account = bb.Account()
    steps = [
        order(PENDING, time=1),
        order(NEW, time=1),
        order(PARTLY, "4", time=2, fill=fill("a", "4", "4")),
        order(FILLED, "10", time=3, fill=fill("b", "6", "10")),
    ]
    for step in steps[:3]:
        account.apply(step)
        assert account.orders == {"1": step}
    outcome = account.apply(steps[3])
    assert (outcome.kind, outcome.fill) == ("changed", steps[3].fill)
    assert account.orders == {}
    assert account.order("1") == account.order("1", "spot") == steps[3]
    assert account.order("1", "futures") is account.order("2") is None
    assert [found.fill_id for found in account.fills("1")] == ["a", "b"]
    assert account.missing_size("1") == 0


def test_the_same_push_twice_is_told_once():
    account = bb.Account()
    first = order(PARTLY, "4", fill=fill("a", "4", "4"))
    assert kinds(account, first, first) == ["new", "repeated"]
    assert account.apply(first).fill is None
    assert len(account.fills("1")) == 1


def test_a_later_push_repeats_the_last_fill():
    account = bb.Account()
    last = fill("a", "4", "4")
    assert account.apply(order(PARTLY, "4", 1, fill=last)).fill == last
    outcome = account.apply(order(PARTLY_CANCELED, "4", 2, fill=last))
    assert (outcome.kind, outcome.fill) == ("changed", None)
    assert account.fills("1") == (last,)


def test_fills_without_an_id_are_told_apart_by_what_is_filled_in_all():
    account = bb.Account()
    pushes = [fill(None, "4", "4"), fill(None, "4", "4"), fill(None, "4", "8"), fill(None, "1")]
    assert [account.apply(found).fill is not None for found in pushes] == [
        True, False, True, False,
    ]  # fmt: skip
    assert account.fills("1") == (pushes[0], pushes[2])


def test_the_same_fill_id_of_another_order_or_market_is_another_fill():
    account = bb.Account()
    assert account.apply(fill("a", order_id="1")).fill
    assert account.apply(fill("a", order_id="2")).fill
    other = msgspec.structs.replace(fill("a", order_id="1"), market="futures")
    assert account.apply(other).fill
    assert account.apply(fill("a", order_id="1")).fill is None


def test_an_execution_of_an_order_that_was_never_heard_of():
    account = bb.Account()
    early = fill("a", "4", "4")
    assert account.apply(early) == ("changed", early)
    assert account.orders == {}
    assert account.order("1") is None
    assert account.apply(order(PARTLY, "4", fill=early)) == ("new", None)
    assert account.orders["1"].status == PARTLY
    assert account.fills("1") == (early,)


def test_what_was_filled_but_not_heard_of_is_known_to_be_missing():
    account = bb.Account()
    account.apply(order(PARTLY, "4", fill=fill("a", "4", "4")))
    account.apply(order(PARTLY, "9", fill=fill("c", "2", "9")))
    assert account.missing_size("1") == 3
    late = account.apply(order(PARTLY, "7", fill=fill("b", "3", "7")))
    assert (late.kind, late.fill.fill_id) == ("older", "b")
    assert account.missing_size("1") == 0
    assert account.missing_size("unknown") == 0


@pytest.mark.parametrize(
    ("known", "late"),
    [
        (order(PARTLY, "4", 5), order(NEW, "0", 4)),
        # Less filled is earlier, whatever the clocks say.
        (order(PARTLY, "4", 5), order(PARTLY, "3", 6)),
        (order(NEW, "0", 5), order(PENDING, "0", 5)),
        (order(NEW, "0", 5), order(PENDING, "0", 6)),
        (order(NEW, "0", 5), order(NEW, "0", 4, price=Decimal(99))),
        (order(FILLED, "10", 5), order(PARTLY, "4", 6)),
        (order(FILLED, "10", 5), order(CANCELED, "0", 6)),
        (order(CANCELED, "0", 5), order(NEW, "0", 6)),
        (order(CANCELED, "0", 5), order(PARTLY, "4", 6)),
        (order(CANCELED, None, 5), order("odd", "0", 6)),
    ],
)
def test_an_older_state_does_not_come_back(known, late):
    account = bb.Account()
    account.apply(known)
    assert account.apply(late).kind == "older"
    assert account.order("1") == known
    assert ("1" in account.orders) == (known.status in (NEW, PARTLY))


@pytest.mark.parametrize(
    ("known", "news"),
    [
        (order(NEW, "0", 5), order(PARTLY, "4", 4)),
        (order(NEW, "0", 5), order(NEW, "0", 5, price=Decimal(99))),
        (order(NEW, "0", None), order(NEW, "0", None, price=Decimal(99))),
        (order(PENDING, "0", 5), order(NEW, "0", 5)),
        (order(NEW, "0", 5), order("odd", "0", 6)),
        (order(PARTLY, "4", 5), order(PARTLY_CANCELED, "4", 4)),
        (order(CANCELED, "0", 5), order(PARTLY_CANCELED, "4", 4)),
    ],
)
def test_a_further_state_is_taken(known, news):
    account = bb.Account()
    account.apply(known)
    assert account.apply(news).kind == "changed"
    assert account.order("1") == news


@pytest.mark.parametrize("silent", [None, "0"])
def test_a_last_word_that_does_not_say_it_all_takes_nothing_back(silent):
    account = bb.Account()
    account.apply(order(PARTLY, "4", 5))
    assert account.apply(order(CANCELED, silent, 6)).kind == "changed"
    assert account.orders == {}
    assert account.order("1").status == CANCELED
    assert account.order("1").filled_size == 4


def test_words_that_nobody_documented_are_not_final():
    account = bb.Account()
    account.apply(order("suspended"))
    assert account.orders["1"].status == "suspended"


lives = st.lists(st.integers(1, 3), max_size=4).flatmap(
    lambda sizes: st.tuples(
        st.just(sizes), st.sampled_from([None, "cancel", "fill"]), st.booleans()
    )
)


@given(life=lives, data=st.data())
def test_any_order_of_arrival_ends_in_the_same_state(life, data):
    """All pushes of an order, each once to three times, in any sequence."""
    sizes, end, named = life
    total = Decimal(sum(sizes) + (end != "fill" or not sizes))
    pushes = [order(PENDING, time=0, size=total), order(NEW, time=1, size=total)]
    filled, fills, time = Decimal(0), [], 1
    for number, size in enumerate(sizes):
        filled, time = filled + size, time + 1
        fills.append(fill(f"f{number}" if named else None, size, filled))
        status = FILLED if filled == total else PARTLY
        pushes.append(order(status, filled, time, size=total, fill=fills[-1]))
    if filled < total and end is not None:
        last = fills[-1] if fills else None
        status = PARTLY_CANCELED if filled else CANCELED
        pushes.append(order(status, filled, time + 1, size=total, fill=last))
    times = data.draw(st.lists(st.integers(1, 3), min_size=len(pushes), max_size=len(pushes)))
    arrivals = data.draw(
        st.permutations(
            list(itertools.chain(*([p] * n for p, n in zip(pushes, times, strict=True))))
        )
    )
    account = bb.Account()
    told = [account.apply(push).fill for push in arrivals]
    assert account.order("1") == pushes[-1]
    assert set(account.orders) == ({"1"} if pushes[-1].status in (NEW, PARTLY) else set())
    counted = [found for found in told if found is not None]
    assert sorted(counted, key=lambda f: f.filled_size) == fills
    assert account.missing_size("1") == 0


def test_finished_orders_are_forgotten_at_last(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    account = bb.Account()
    for number in range(10):
        account.apply(order(FILLED, "10", order_id=str(number)))
    assert [account.order(str(n)) is not None for n in range(10)] == [False] * 7 + [True] * 3
    assert kinds(account, order(PARTLY, "4", order_id="9")) == ["older"]


# --- positions ---


def test_positions_of_two_sides():
    account = bb.Account()
    long, short = position("5"), position("3", "short")
    assert kinds(account, long, short, long) == ["new", "new", "repeated"]
    assert account.positions == {("BTCUSDT", "long"): long, ("BTCUSDT", "short"): short}
    assert kinds(account, position("6", time=3), position("4", time=2)) == ["changed", "older"]
    assert account.positions["BTCUSDT", "long"].size == 6
    assert kinds(account, position("0", time=4)) == ["changed"]
    assert list(account.positions) == [("BTCUSDT", "short")]
    assert kinds(account, position("6", time=3)) == ["older"]


def test_a_position_that_the_venue_insists_on_is_believed_though_its_clock_went_back():
    account = bb.Account()
    assert kinds(account, position("5", time=10), position("7", time=9)) == ["new", "older"]
    assert account.positions["BTCUSDT", "long"].size == 5
    assert kinds(account, position("5", time=10), position("7", time=9)) == ["repeated", "older"]
    assert kinds(account, position("7", time=9)) == ["changed"]
    assert account.positions["BTCUSDT", "long"].size == 7


def test_in_one_way_mode_a_position_changes_sides():
    account = bb.Account()
    one_way = {"mode": "one_way_mode"}
    account.apply(position("5", "long", 1, **one_way))
    account.apply(position("2", "short", 2, **one_way))
    assert [(key[1], found.size) for key, found in account.positions.items()] == [("short", 2)]
    assert kinds(account, position("5", "long", 1, **one_way)) == ["older"]
    assert list(account.positions) == [("BTCUSDT", "short")]


# --- balances ---


def test_balances_of_markets_and_keepers():
    account = bb.Account()
    values = [
        balance("1"), balance("2", market="futures"), balance("3", account="BITMART", time=2),
        balance("4", account="COPPER"), balance("5", currency="BTC"),
    ]  # fmt: skip
    assert kinds(account, *values) == ["new", "new", "changed", "new", "new"]
    assert {key: found.available for key, found in account.balances.items()} == {
        ("spot", "USDT"): 3,
        ("futures", "USDT"): 2,
        ("spot/COPPER", "USDT"): 4,
        ("spot", "BTC"): 5,
    }
    assert kinds(account, balance("9", time=1)) == ["older"]
    assert kinds(account, balance("9", time=None)) == ["changed"]


def test_what_is_read_is_a_copy():
    account = bb.Account()
    for value in (order(), position(), balance()):
        account.apply(value)
    for found in (account.orders, account.positions, account.balances):
        found.clear()
    assert account.orders
    assert account.positions
    assert account.balances


def test_an_account_takes_nothing_else():
    with pytest.raises(bb.UsageError, match="takes no Trade"):
        bb.Account().apply(bb.Trade(symbol="A_B", side="buy", price=Decimal(1), size=Decimal(1)))


# --- holes ---


def test_after_a_hole_everything_is_unconfirmed_until_it_is_heard_of():
    account = bb.Account()
    done = order(FILLED, "10", order_id="2")
    values = [order(), position(), balance()]
    for value in (*values, done, position("0", "short")):
        account.apply(value)
    assert account.unconfirmed == ()
    account.resync("connection lost")
    assert (account.holes, account.last_hole) == (1, "connection lost")
    assert account.unconfirmed == tuple(values)
    # What is finished stays finished, and what is closed was not there.
    assert account.is_confirmed(done)
    # Nothing is guessed: all is as it was.
    assert account.orders == {"1": values[0]}
    assert [account.apply(value).kind for value in values] == ["confirmed"] * 3
    assert account.unconfirmed == ()
    assert [account.apply(value).kind for value in values] == ["repeated"] * 3


def test_news_confirm_and_older_words_do_not():
    account = bb.Account()
    account.apply(order(PARTLY, "4", 5))
    account.apply(position(time=5))
    account.apply(balance(time=5))
    account.resync("connection lost")
    assert kinds(account, order(NEW, "0", 4), position(time=4), balance(time=4)) == ["older"] * 3
    assert len(account.unconfirmed) == 3
    assert (
        kinds(account, order(PARTLY, "6", 6), position("1", time=6), balance("1", 6))
        == ["changed"] * 3
    )
    assert account.unconfirmed == ()


def test_an_order_that_ended_in_the_hole():
    account = bb.Account()
    account.apply(order(PARTLY, "4", fill=fill("a", "4", "4")))
    account.resync("connection lost")
    account.apply(order(FILLED, "10", 9, fill=fill("z", "1", "10")))
    assert account.unconfirmed == ()
    assert account.missing_size("1") == 5


def test_a_hole_of_one_market_leaves_the_other_alone():
    account = bb.Account()
    for market in ("spot", "futures"):
        account.apply(order(market=market, order_id=market))
        account.apply(balance(market=market))
    account.apply(position())
    account.resync("connection lost", market="spot")
    assert {value.market for value in account.unconfirmed} == {"spot"}
    assert len(account.unconfirmed) == 2
    account.resync("connection lost", market="futures")
    assert len(account.unconfirmed) == 5


# --- our own part of a book ---


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


# --- with the venue's own words ---


def test_the_documented_pushes():
    account = bb.Account()
    for frame in spot_private.STREAM_FRAMES:
        message = json.loads(frame)
        for value in SPOT_PRIVATE.stream(message["table"]).decode(message):
            account.apply(value)
    for frame in futures_private.STREAM_FRAMES:
        message = json.loads(frame)
        channel = message["group"].partition(":")[0]
        for value in FUTURES_PRIVATE.stream(channel).decode(message):
            account.apply(value)
    assert set(account.orders) == {"2147857398", "220906179895578", "2312045036986775"}
    assert account.order("24807076628").status == CANCELED
    assert [found.fill_id for found in account.fills("2147857398")] == ["256348632"]
    assert set(account.positions) == {
        ("BTCUSDT", "long"), ("LTCUSDT", "long"), ("LTCUSDT", "short"),
    }  # fmt: skip
    assert set(account.balances) == {
        ("spot", "BTC"), ("spot", "LTC"), ("futures", "BTC"), ("futures", "USDT"),
    }  # fmt: skip
