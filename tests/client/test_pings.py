"""Pings and pongs by themselves, with servers that a session rarely meets."""

import pytest

from bitmart_book.client.pings import Pings


def late_tenths(pongs, apart, lag_at, *, until=900):
    """The tenths of a second at which an answer was late: each ping is answered by so many pongs,
    seconds apart, the first of which comes `lag_at(when it was sent)` later."""
    pings = Pings(True, 5.0, 3.0, 0.0)
    coming, late = [], set()
    for tenth in range(until):
        now = tenth / 10
        while coming and coming[0] <= now:
            coming.pop(0)
            pings.pong(now)
        if pings.due_at() <= now:
            pings.sent(now)
            coming += [now + lag_at(now) + apart * place for place in range(pongs)]
            coming.sort()
        if pings.is_late(now):
            late.add(tenth)
    return late


@pytest.mark.parametrize("apart", [1.5, 6.0])
def test_further_pongs_that_come_later_do_not_hide_a_lag(apart):
    late = late_tenths(3, apart, lambda now: 1.0 if now < 33.0 else 7.0)
    assert not late & set(range(330))
    assert late >= set(range(500, 900))


def test_the_oldest_ping_without_an_answer_is_the_one_that_is_waited_for():
    """Where answers are not promised, pings are sent whether the last one was answered or not."""
    pings = Pings(False, 1.0, 3.0, 0.0)
    for now in (1.0, 2.0, 3.0):
        pings.sent(now)
    pings.pong(3.5)
    assert pings.waits_since == 2.0
    assert not pings.is_late(4.9)
    assert pings.is_late(5.0)
