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
from bitmart_book.venues import FUTURES_PRIVATE, SPOT_PRIVATE
from tests.helpers.documented import futures_private, spot_private
from tests.helpers.frames import spot
from tests.helpers.own import (
    CANCELED,
    FILLED,
    NEW,
    PARTLY,
    PARTLY_CANCELED,
    PENDING,
    THEN,
    balance,
    fill,
    kinds,
    order,
    position,
)

pytestmark = pytest.mark.private


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


@pytest.mark.parametrize("word", ["expired", "5", None])
def test_an_order_whose_last_word_nobody_knows_is_neither_open_nor_over(word):
    account = bb.Account()
    known = order(word)
    assert kinds(account, known) == ["new"]
    assert (account.orders, account.order("1")) == ({}, known)
    assert account.unclear == {"1": known}
    assert not account.is_confirmed(known)
    assert account.own_size("BTC_USDT", "bid", 100) == 0
    # It may have been a pause.
    assert kinds(account, order(PARTLY, "4", 2)) == ["changed"]
    assert (set(account.orders), account.unclear) == ({"1"}, {})
    account.apply(order(word, "4", 3))
    account.apply(order(CANCELED, "4", 4))
    assert account.unclear == account.orders == {}


def test_a_word_without_a_state_leaves_the_state_as_it_was():
    account = bb.Account()
    account.apply(order(NEW, "0"))
    account.apply(order(None, "4", 2))
    assert (account.orders["1"].status, account.orders["1"].filled_size) == (NEW, 4)


def test_orders_that_nobody_hears_the_end_of_do_not_pile_up():
    account = bb.Account()
    for number in range(20_000):
        account.apply(order(NEW, order_id=str(number)))
        account.apply(order("expired", time=2, order_id=str(number)))
    assert account.orders == {}
    assert len(account.unclear) == module.REMEMBERED == 10_000
    assert account.unconfirmed == ()
    assert account.order("5") is None
    account.apply(order("finished", time=3, order_id="19999"))
    assert len(account.unclear) == 9_999


@pytest.mark.parametrize(("known", "total"), [(None, None), ("0", 0), ("4", 4)])
def test_an_order_that_is_over_though_nobody_says_how(known, total):
    account = bb.Account()
    if known is not None:
        account.apply(order(PARTLY, known))
    account.apply(order("finished", None, 2))
    assert account.orders == account.unclear == {}
    assert (account.order("1").status, account.order("1").filled_size) == ("finished", total)
    assert kinds(account, order(NEW, "9", 3)) == ["older"]
    # Whoever knows what it came to knows more.
    assert kinds(account, order(CANCELED, known or "0", 1)) == ["changed"]
    assert account.order("1").status == CANCELED


lives = st.lists(st.integers(1, 3), max_size=4).flatmap(
    lambda sizes: st.tuples(
        st.just(sizes),
        st.sampled_from([None, "cancel", "fill"]),
        st.sampled_from(["all", "none", "some", "one"]),
    )
)


def without_an_id(push):
    return msgspec.structs.replace(
        push, fill=push.fill and msgspec.structs.replace(push.fill, fill_id=None)
    )


def counted_as(found):
    """What an execution is, whether or not its id was told."""
    return msgspec.structs.replace(found, fill_id=None)


@given(life=lives, data=st.data())
def test_any_order_of_arrival_ends_in_the_same_state(life, data):
    """All pushes of an order, each once to three times, in any sequence; executions with ids,
    without, now with and now without, or all with one id."""
    sizes, end, named = life
    total = Decimal(sum(sizes) + (end != "fill" or not sizes))
    pushes = [order(PENDING, time=0, size=total), order(NEW, time=1, size=total)]
    filled, fills, time = Decimal(0), [], 1
    for number, size in enumerate(sizes):
        filled, time = filled + size, time + 1
        fill_id = {"none": None, "one": "f"}.get(named, f"f{number}")
        fills.append(fill(fill_id, size, filled))
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
    if named == "some":
        arrivals = [without_an_id(p) if data.draw(st.booleans()) else p for p in arrivals]
    account = bb.Account()
    told = [account.apply(push).fill for push in arrivals]
    known = account.order("1")
    assert counted_as_order(known) == counted_as_order(pushes[-1])
    assert set(account.orders) == ({"1"} if pushes[-1].status in (NEW, PARTLY) else set())
    counted = [found for found in told if found is not None]
    in_turn = sorted(map(counted_as, counted), key=lambda f: f.filled_size)
    assert in_turn == list(map(counted_as, fills))
    if named != "some":
        assert sorted(counted, key=lambda f: f.filled_size) == fills
    assert account.missing_size("1") == 0
    assert sum(found.exact.size for found in account.fills("1")) == filled


def counted_as_order(known):
    return msgspec.structs.replace(known, fill=known.fill and counted_as(known.fill))


@pytest.mark.parametrize("total", ["0.4", None])
def test_an_execution_told_first_without_its_id_and_then_with_it_counts_once(total):
    account = bb.Account()
    first, then = fill(None, "0.4", total), fill("x", "0.4", total)
    assert account.apply(order(PARTLY, "0.4", 1, fill=first)).fill == first
    assert account.apply(order(PARTLY, "0.4", 2, fill=then)).fill is None
    assert account.apply(order(PARTLY, "0.4", 3, fill=first)).fill is None
    assert account.fills("1") == (then,), "the id is known now"
    assert account.missing_size("1") == 0


@pytest.mark.parametrize(("size", "total"), [("0.6", "1.0"), ("0.4", "0.8"), ("0.6", None)])
def test_two_executions_with_one_id_are_both_told(size, total):
    account = bb.Account()
    first, second = fill("x", "0.4", total and "0.4"), fill("x", size, total)
    for _ in range(3):
        account.apply(first)
        account.apply(second)
    assert account.fills("1") == (first, second)


def test_a_repeat_in_other_words_is_not_counted_beyond_what_was_filled():
    account = bb.Account()
    account.apply(fill("x", "1", "1"))
    # What was filled in all was brought up to date before the execution was.
    assert account.apply(fill("x", "1", "2")).fill is not None
    assert account.apply(fill("y", "1", "2")).fill is None
    assert account.apply(fill("x", "2", "2")).fill is None
    assert sum(found.exact.size for found in account.fills("1")) == 2
    # Different ids are different executions, whatever the totals say.
    assert account.apply(fill("z", "0.5", "2")).fill is not None


def test_without_an_id_and_a_total_the_time_tells_executions_apart():
    account = bb.Account()
    values = [fill(None, "1", time_ms=t) for t in (1, 1, 2, 1, 2)]
    assert [account.apply(v).fill is not None for v in values] == [True, False, True, False, False]


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
    # Two words disagree: which is right is not known before the next one.
    assert [found.size for found in account.unconfirmed] == [5]
    assert kinds(account, position("5", time=10), position("7", time=9)) == ["confirmed", "older"]
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


def test_a_hole_of_one_kind_or_one_symbol_leaves_the_others_alone():
    account = bb.Account()
    values = [order(), order(order_id="2", symbol="ETH_USDT"), balance(), position()]
    for value in values:
        account.apply(value)
    account.resync("unreadable", market="spot", kind="order", about={"BTC_USDT"})
    assert account.unconfirmed == (values[0],)
    account.resync("unreadable", kind="order")
    assert account.unconfirmed == tuple(values[:2])
    account.resync("unreadable", market="spot", kind="balance", about={"BTC"})
    assert account.unconfirmed == tuple(values[:2])
    account.resync("unreadable", kind="balance", about={"BTC", "USDT"})
    account.resync("unreadable", kind="position", about={"BTCUSDT"})
    assert set(account.unconfirmed) == set(values)
    assert account.holes == 5


# --- stamps that are wrong ---

AHEAD = THEN + 600_000
WORDS = {
    "balance": lambda step, time: balance(str(step), time),
    "position": lambda step, time: position(str(step), time=time),
    "order": lambda step, time: order(NEW, "0", time, price=Decimal(step)),
}
each_kind = pytest.mark.parametrize("word", WORDS.values(), ids=WORDS.keys())


def held(account):
    (value,) = [*account.orders.values(), *account.positions.values(), *account.balances.values()]
    return value


def tell(account, word, *stamps, begin=1):
    """Words a second apart, each stamped as told; what became of each."""
    return [
        account.apply(word(step, stamp), now=float(step)).kind
        for step, stamp in enumerate(stamps, begin)
    ]


@each_kind
@pytest.mark.parametrize("before", [0, 1, 5])
def test_one_stamp_in_the_future_holds_nothing_up(word, before):
    account = bb.Account()
    stamps = [THEN + 1000 * second for second in range(before)]
    stamps.append(AHEAD)
    stamps += [THEN + 1000 * second for second in range(before + 1, before + 5)]
    assert tell(account, word, *stamps) == ["new"] + ["changed"] * (len(stamps) - 1)
    assert held(account) == word(len(stamps), stamps[-1])
    assert account.is_confirmed(held(account))


@each_kind
def test_nor_does_one_across_a_reconnect(word):
    account = bb.Account()
    tell(account, word, THEN, AHEAD)
    account.resync("connection lost")
    assert tell(account, word, THEN + 30_000, begin=31) == ["changed"]
    assert account.unconfirmed == ()


@each_kind
def test_a_word_that_was_overtaken_takes_nothing_back(word):
    account = bb.Account()
    tell(account, word, THEN, THEN + 1000, THEN + 5000)
    (kind,) = tell(account, word, THEN + 2000, begin=4)
    assert (kind, held(account)) == ("older", word(3, THEN + 5000))
    # They disagree, and only stamps say which is right: that is known when the next one comes.
    assert not account.is_confirmed(held(account))
    tell(account, word, THEN + 6000, begin=5)
    assert account.is_confirmed(held(account))


@each_kind
def test_what_is_repeated_is_true_whatever_its_stamp(word):
    account = bb.Account()
    tell(account, word, THEN + 3000)
    late = word(7, THEN)
    assert [account.apply(late, now=4.0).kind for _ in range(3)] == ["older", "changed", "repeated"]


@each_kind
def test_a_clock_of_the_venue_that_was_set_back_holds_for_a_few_words(word):
    account = bb.Account()
    ahead = [AHEAD + 1000 * second for second in range(1, 11)]
    behind = [THEN + 1000 * second for second in range(11, 21)]
    told = tell(account, word, *ahead, *behind)
    assert told[:10] == ["new"] + ["changed"] * 9
    assert told[10] == "older"
    assert told[15:] == ["changed"] * 5
    assert account.is_confirmed(held(account))


def test_a_position_of_an_hour_ago_is_not_taken_for_the_newest():
    """What was overtaken may bear an old stamp: that of the last change."""
    account = bb.Account()
    account.apply(position("5", time=THEN), now=0.0)
    for second in (3600, 3601, 3602):
        account.apply(balance(str(second), THEN + second * 1000, "futures"), now=float(second))
    account.apply(position("7", time=THEN + 3_602_500), now=3602.5)
    assert account.apply(position("5", time=THEN), now=3603.0).kind == "older"
    assert account.positions["BTCUSDT", "long"].size == 7


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
        for value in SPOT_PRIVATE.stream(message["table"]).decode(message).values:
            account.apply(value)
    for frame in futures_private.STREAM_FRAMES:
        message = json.loads(frame)
        channel = message["group"].partition(":")[0]
        for value in FUTURES_PRIVATE.stream(channel).decode(message).values:
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


def test_two_markets_may_have_one_symbol():
    account = bb.Account()
    account.apply(order(market="bybit", symbol="BTCUSDT", order_id="l"))
    account.apply(order(market="bybit-spot", symbol="BTCUSDT", order_id="s", size=Decimal(3)))
    assert account.own_size("BTCUSDT", "bid", 100) == 13
    assert account.own_size("BTCUSDT", "bid", 100, market="bybit-spot") == 3
    book = bb.Engine(venue="bybit").book("BTCUSDT", market="bybit-spot")
    book.apply_snapshot([("100", "5")], [("101", "1")], sequence=1)
    assert account.net_depth(book).bids == [(100, 2)]


def test_positions_of_two_markets_stand_beside_each_other():
    account = bb.Account()
    ours, theirs = position("5"), position("2", market="bybit", mode="one_way_mode")
    assert kinds(account, ours, theirs) == ["new", "new"]
    assert account.positions == {("BTCUSDT", "long"): ours, ("bybit:BTCUSDT", "long"): theirs}
    # The other side of a market in one-way mode is no other market's.
    account.apply(position("0", side=None, time=2, market="bybit", mode="one_way_mode"))
    assert account.positions == {("BTCUSDT", "long"): ours}
    account.apply(position("3", time=3, market="bybit", mode="one_way_mode"))
    account.resync("connection lost")
    account.reconcile(positions=[], market="bybit")
    assert account.positions == {("BTCUSDT", "long"): ours}


def test_a_hole_in_the_executions_alone_leaves_the_orders_sure():
    account = bb.Account()
    account.apply(order(market="bybit"))
    account.resync("unreadable", market="bybit", kind="fill", about={"BTC_USDT"})
    assert account.unconfirmed == ()
    assert not account.inventory.of("BTC_USDT", "bybit").certain
    account.reconcile(orders=[order(market="bybit")], market="bybit")
    assert account.inventory.of("BTC_USDT", "bybit").certain
