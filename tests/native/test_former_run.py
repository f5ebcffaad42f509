"""After a restart of the venue's counter, updates of the run before it are none of the new one.

Neither those that come again, nor those that come late.
"""

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from tests.helpers.counted import ASKS, BIDS, Talk


def fallen_back(ms=1_000):
    """A book whose counter fell back from 105 to 103, where it counts again and is believed."""
    talk = Talk()
    for version in range(101, 106):
        talk.update(version, [("99", str(version))], ms=version * 100 - 20_000)
    assert talk.update(103, [("98", "1")], ms=ms) & Change.GAP
    talk.reply(103, ms=ms + 50)
    assert talk.state == BookState.STALE, "no update has continued it"
    return talk


@pytest.mark.parametrize("believed", [True, False])
def test_an_update_of_before_the_counter_fell_back_is_none_of_the_new_count(believed):
    """It is repeated just when its version is the next one."""
    talk = fallen_back()
    version = 104
    if believed:
        talk.update(104, [("98", "2")], ms=1_100)
        assert talk.state == BookState.LIVE
        version = 105
    assert talk.update(version, [("99", str(version))], ms=2_000) & Change.GAP
    assert talk.state == BookState.GAP
    assert f"the update {version} may be of before" in talk.book.reason


@pytest.mark.parametrize("believed", [True, False])
def test_nor_is_one_that_was_stamped_before_what_it_would_continue(believed):
    """It is late, and was never heard before."""
    talk = fallen_back()
    version = 104
    if believed:
        talk.update(104, [("98", "2")], ms=1_100)
        version = 105
    assert talk.update(version, [("97", "9")], ms=-10_000) & Change.GAP
    assert talk.state == BookState.GAP


@pytest.mark.parametrize("ms", [1_000, -200_000])
def test_what_is_stamped_like_the_one_before_or_by_another_clock_continues_it(ms):
    talk = fallen_back(ms=950)
    talk.update(104, [("98", "2")], ms=ms)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 104)


def test_an_update_of_before_the_counter_fell_back_is_not_kept_for_a_reply():
    talk = Talk()
    for version in range(101, 106):
        talk.update(version, [("99", str(version))])
    assert talk.update(103, [("98", "1")]) & Change.GAP
    assert talk.update(104, [("99", "104")]) == Change.DUPLICATE
    talk.reply(103)
    assert talk.state == BookState.STALE
    assert talk.book.sequence == 103


def test_a_late_update_of_before_the_counter_fell_back_continues_no_reply():
    talk = Talk(version=105)
    talk.update(107, [("99", "5")], ms=1_000)
    assert talk.update(102, [("97", "9")], ms=500) == Change.BUFFERED
    talk.reply(101, ms=2_000)
    assert talk.state == BookState.GAP


def test_who_feeds_a_book_by_hand_may_say_the_same_again():
    book = bb.Book("BTC_USDT")
    for _ in range(2):
        book.apply_snapshot(BIDS, ASKS, 100)
        for version in range(101, 104):
            book.apply_delta([("99", str(version))], [], version)
        assert (book.state, book.sequence) == (BookState.LIVE, 103)


def test_how_far_the_counter_had_come_is_known_after_many_restarts():
    """None of the last few counts that it left was as high."""
    talk = Talk(version=200)
    for start in (50, 40, 30, 20, 10):
        talk.update(talk.book.sequence + 1, [("99", str(start))], ms=0)
        talk.move()
        talk.snapshot(start, ms=0)
    for version in range(11, 61):
        talk.update(version, [("97", str(version))], ms=1_000)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 60)
    assert talk.update(61, [("96", "1")], ms=500) & Change.GAP
    assert talk.state == BookState.GAP
