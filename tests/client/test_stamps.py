"""What an account makes of stamps that are wrong: in the future, set back, or an hour old."""

from decimal import Decimal

import pytest

import bitmart_book as bb
from tests.helpers.own import (
    NEW,
    THEN,
    balance,
    order,
    position,
)

pytestmark = pytest.mark.private


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
