"""Which snapshot is believed: versions are remembered across gaps and connections.

Replies come from caches, may be late, and may be of another count. What a LIVE book shows must
never be older than what it had come to, unless an update says that the venue counts anew.
"""

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change, Engine
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.counted import ASKS, BIDS, Talk
from tests.helpers.frames import spot

SECOND = 1_000_000_000
OLD_BIDS, OLD_ASKS = [("50", "1")], [("51", "1")]


def crossed_at(version):
    talk = Talk(version=version - 1)
    assert talk.update(version, [("101", "1")]) & Change.GAP
    return talk


# --- an older reply ---


def test_a_reply_that_is_older_than_what_was_applied_is_not_shown():
    talk = crossed_at(101)
    assert talk.reply(90, OLD_BIDS, OLD_ASKS) & Change.GAP
    assert talk.state == BookState.STALE
    assert "older than version 101" in talk.book.reason
    with pytest.raises(bb.BookNotLive):
        _ = talk.book.best_bid


def test_the_same_old_reply_twice_proves_nothing():
    talk = crossed_at(101)
    for _ in range(5):
        talk.reply(90, OLD_BIDS, OLD_ASKS)
        assert talk.state == BookState.STALE


def test_an_update_that_continues_an_older_reply_proves_it():
    talk = crossed_at(101)
    talk.reply(90, OLD_BIDS, OLD_ASKS)
    assert talk.update(91, [("49", "1")]) & Change.LEVELS
    assert (talk.state, talk.book.sequence, talk.book.best_bid_price) == (BookState.LIVE, 91, 50.0)


def test_a_heartbeat_of_its_version_proves_it_too():
    talk = crossed_at(101)
    talk.reply(90, OLD_BIDS, OLD_ASKS)
    assert talk.heartbeat(90) == Change.HEARTBEAT
    assert talk.state == BookState.LIVE


def test_an_update_that_does_not_continue_it_is_a_gap():
    talk = crossed_at(101)
    talk.reply(90, OLD_BIDS, OLD_ASKS)
    assert talk.update(102) & Change.GAP
    assert talk.state == BookState.GAP
    assert talk.reply(101) & Change.SNAPSHOT
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 102)


def test_a_reply_as_new_as_the_book_is_shown_at_once():
    talk = crossed_at(101)
    talk.reply(101)
    assert talk.state == BookState.LIVE


def test_an_update_known_by_its_heartbeat_alone_counts_as_reached():
    """An update is lost, its heartbeat says so, and the reply is from before it."""
    talk = Talk()
    assert talk.heartbeat(101) & Change.GAP
    talk.reply(100)
    assert talk.state == BookState.STALE
    talk.reply(101)
    assert talk.state == BookState.LIVE


def test_kept_updates_that_continue_an_older_reply_prove_it():
    talk = crossed_at(101)
    assert talk.update(5) == Change.BUFFERED
    assert talk.update(6) == Change.BUFFERED
    talk.reply(5, OLD_BIDS, OLD_ASKS)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 6)


def test_kept_updates_that_a_snapshot_passes_over_are_counted():
    talk = Talk()
    talk.update(103)
    talk.update(104)
    talk.reply(110)
    assert talk.state == BookState.LIVE
    assert talk.book.stats["overtaken"] == 2


def test_what_is_given_by_hand_may_count_as_it_likes():
    book = bb.Book("BTC_USDT")
    book.apply_snapshot(BIDS, ASKS, sequence=100)
    book.apply_delta([("101", "1")], [], sequence=101)
    book.apply_snapshot(BIDS, ASKS, sequence=7)
    assert book.state == BookState.LIVE


# --- a counter that restarted ---


def restarted():
    talk = Talk()
    for version in (1, 2, 3):
        talk.update(version)
    assert talk.state == BookState.GAP
    return talk


@pytest.mark.parametrize("version", [3, 4, 50, 99, 100, 101])
def test_after_a_restart_no_reply_is_believed_before_an_update_continues_it(version):
    talk = restarted()
    talk.reply(version)
    assert talk.state == BookState.STALE
    assert "restarted" in talk.book.reason
    talk.update(version + 1)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, version + 1)


def test_cached_replies_after_a_restart_are_never_shown():
    talk = restarted()
    for version in range(4, 60):
        talk.reply(100, OLD_BIDS, OLD_ASKS)
        assert talk.state != BookState.LIVE
        talk.update(version)
        assert talk.state != BookState.LIVE


def counted_anew():
    """A book whose venue left its count at 1000, and has come to 4 since."""
    talk = Talk(version=1000)
    for version in (1, 2, 3):
        talk.update(version)
    talk.reply(3)
    talk.update(4)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 4)
    return talk


@pytest.mark.parametrize("version", [503, 990, 1000])
def test_a_reply_of_the_count_before_a_restart_is_never_shown(version):
    """It waited since before, or came out of a cache: its version is the higher one."""
    talk = counted_anew()
    talk.reply(version, OLD_BIDS, OLD_ASKS)
    talk.snapshot(version, OLD_BIDS, OLD_ASKS)
    assert (talk.book.sequence, talk.book.best_bid_price) == (4, 100.0)
    assert talk.book.stats["held_snapshots"] == 2
    talk.update(5)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 5)


@pytest.mark.parametrize("version", [990, 2**31 - 20])
def test_the_counts_before_several_restarts_are_remembered(version):
    talk = Talk(version=2**31)
    for number, end in enumerate((1000, 4)):
        for low in (1, 2, 3):
            talk.update(low, [("48", str(7 + number))])
        talk.reply(end - 1)
        talk.update(end, [("48", str(9 + number))])
        assert (talk.state, talk.book.sequence) == (BookState.LIVE, end)
    talk.reply(version, OLD_BIDS, OLD_ASKS)
    assert (talk.book.sequence, talk.book.best_bid_price) == (4, 100.0)


@pytest.mark.parametrize("version", [5, 501, 1001])
def test_what_is_nearer_to_the_count_since_a_restart_is_of_that(version):
    talk = counted_anew()
    talk.reply(version)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, version)


def test_a_first_snapshot_of_the_count_before_a_restart_waits():
    talk = counted_anew()
    talk.move()
    talk.snapshot(995, OLD_BIDS, OLD_ASKS)
    assert talk.state == BookState.STALE
    assert "left at 1000" in talk.book.reason
    talk.reply(6)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 6)


def test_a_count_that_has_passed_the_former_one_is_the_only_one():
    talk = counted_anew()
    talk.reply(1001)
    talk.reply(1010)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 1010)
    for version in (1, 2, 3):
        talk.update(version, [("48", "3")])
    talk.reply(3)
    talk.update(4, [("48", "4")])
    talk.reply(1005, OLD_BIDS, OLD_ASKS)
    assert talk.book.sequence == 4


# --- a new connection ---


def test_a_new_connection_may_begin_with_what_is_newer():
    talk = Talk()
    talk.move()
    talk.snapshot(100)
    assert talk.state == BookState.LIVE


def test_a_first_snapshot_that_is_older_than_what_was_shown_before_waits():
    talk = Talk()
    talk.move()
    talk.snapshot(90, OLD_BIDS, OLD_ASKS)
    assert talk.state == BookState.STALE
    assert talk.update(91) & Change.LEVELS
    assert talk.state == BookState.LIVE


def test_a_reply_that_waited_is_not_shown_whatever_its_version_says():
    talk = Talk()
    talk.update(101, [("100", "3")], ms=50_000)
    before = talk.book.best_bid
    assert talk.reply(1_000_101, OLD_BIDS, OLD_ASKS, ms=47_000) & Change.DUPLICATE
    assert (talk.state, talk.book.best_bid) == (BookState.LIVE, before)
    # Nor after a hole.
    talk.update(109, [("100", "4")], ms=51_000)
    assert talk.state == BookState.GAP
    talk.reply(1_000_109, OLD_BIDS, OLD_ASKS, ms=48_900)
    assert talk.state == BookState.GAP
    talk.reply(109, ms=49_100)
    assert talk.state == BookState.LIVE


@pytest.mark.parametrize("behind", [1_900, 60_001])
def test_stamps_that_are_a_little_apart_or_of_other_clocks_hold_no_reply_back(behind):
    talk = Talk()
    talk.update(101, [("100", "3")], ms=100_000)
    talk.reply(102, ms=100_000 - behind)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 102)


def test_a_lower_reply_must_be_the_same_as_a_lower_first_snapshot():
    """Two that differ, and nothing between them: the updates between the two have not come, so
    one is out of a cache at least."""
    talk = Talk()
    talk.move()
    talk.snapshot(60)
    assert talk.state == BookState.STALE
    talk.reply(80, OLD_BIDS, OLD_ASKS)
    assert talk.state == BookState.STALE
    talk.reply(80)
    assert talk.state == BookState.LIVE


@pytest.mark.parametrize("counted", [100, 124, 60])
def test_an_empty_first_snapshot_says_how_far_a_connection_has_counted(counted):
    """What comes after it with a lower version is no new count, but out of a cache."""
    talk = Talk()
    talk.move()
    talk.snapshot(counted, [], [])
    assert talk.state == BookState.SYNCING
    talk.reply(50, OLD_BIDS, OLD_ASKS)
    assert talk.state == BookState.STALE
    talk.reply(counted)
    assert talk.state == BookState.LIVE


def test_a_new_connection_that_counts_lower_is_believed_when_a_reply_agrees():
    """Another server may have begun to count later, and its market may be quiet."""
    talk = Talk()
    talk.move()
    talk.snapshot(5)
    assert talk.state == BookState.STALE
    talk.reply(5)
    assert talk.state == BookState.LIVE
    # From here on its count is the one that counts.
    talk.update(6, [("101", "1")])
    talk.reply(5)
    assert talk.state == BookState.STALE


def test_what_was_reached_is_remembered_over_connections_that_showed_nothing():
    talk = Talk()
    for _ in range(3):
        talk.move()
        talk.snapshot(90, OLD_BIDS, OLD_ASKS)
        assert talk.state == BookState.STALE


# --- updates that a snapshot overtook ---


def test_overtaking_ends():
    """A reply counts a million further than the updates do, which go on below it."""
    talk = Talk()
    talk.reply(1_000_000)
    states = []
    for version in range(101, 141):
        talk.update(version)
        states.append(talk.state)
    assert states[31] == BookState.LIVE
    assert states[34] == BookState.GAP
    assert talk.book.stats["overtaken"] >= 32
    # Nor is the same believed again.
    talk.reply(1_000_000)
    assert talk.state == BookState.STALE


def test_when_an_update_was_applied_nothing_is_overtaken_any_more():
    talk = Talk()
    talk.reply(112)
    talk.update(105)
    talk.update(113)
    assert talk.state == BookState.LIVE
    for version in (106, 107, 108):
        talk.update(version)
    assert talk.state == BookState.GAP


def test_newer_replies_do_not_begin_the_count_of_overtaken_updates_anew():
    talk = Talk()
    for round_ in range(8):
        talk.reply(1_000_000 + round_)
        for place in range(5):
            talk.update(101 + 5 * round_ + place)
    assert talk.state == BookState.GAP


def test_a_reply_that_only_repeats_itself_does_not_confirm_while_updates_are_below_it():
    now = [0]
    talk = Talk(Engine(clock=lambda: now[0]))
    talk.reply(1_000_000)
    deadline = talk.book.valid_until
    now[0] = 5 * SECOND
    talk.update(101)
    talk.reply(1_000_000)
    assert talk.book.valid_until == deadline
    now[0] = 10 * SECOND
    assert talk.state == BookState.STALE


def test_nor_while_updates_of_another_count_are_below_it():
    """A counter that restarted, and a cache that still answers with the old count."""
    now = [0]
    talk = Talk(Engine(clock=lambda: now[0], valid_for=10.0))
    for second in (1, 4, 7):
        now[0] = second * SECOND
        if second == 1:
            talk.update(5)
        talk.reply(100)
        assert talk.book.valid_until == 10 * SECOND
    # They count on, whatever replies come between them.
    talk.update(6)
    assert talk.state == BookState.LIVE
    talk.update(7)
    assert talk.state == BookState.GAP


@pytest.mark.parametrize("how", ["unreadable", "told"])
def test_a_book_that_was_contradicted_and_then_lost_waits_for_an_update(how):
    talk = Talk()
    talk.update(5)
    if how == "told":
        talk.engine.invalidate(talk.book, "somebody's frame was unreadable")
    else:
        with pytest.raises(bb.MessageError):
            talk.update(6, [("x", "1")])
    assert talk.state == BookState.GAP
    talk.reply(100)
    assert talk.state == BookState.STALE
    talk.reply(6)
    talk.update(7)
    assert talk.state == BookState.LIVE


def test_an_empty_first_update_of_version_zero_is_no_repeat():
    engine = ShadowEngine()
    assert engine.apply(spot("update", 0)) == Change.BUFFERED


def test_when_the_last_of_the_overtaken_has_come_replies_confirm_again():
    now = [0]
    talk = Talk(Engine(clock=lambda: now[0]))
    talk.reply(102)
    talk.update(101)
    talk.update(102)
    now[0] = 5 * SECOND
    talk.reply(102)
    assert talk.book.valid_until == 14.5 * SECOND


# --- late replies ---


def test_a_reply_confirms_from_when_it_was_asked_for():
    now = [0]
    talk = Talk(Engine(clock=lambda: now[0]))
    now[0] = 6 * SECOND
    talk.engine.expect(talk.book)
    now[0] = 9 * SECOND
    talk.snapshot(100)
    assert talk.book.valid_until == 15.5 * SECOND
    assert talk.state == BookState.LIVE


def test_a_reply_that_comes_too_late_does_not_make_a_book_live():
    now = [0]
    talk = Talk(Engine(clock=lambda: now[0]))
    talk.update(103)
    talk.engine.expect(talk.book)
    now[0] = 12 * SECOND
    talk.snapshot(103)
    assert talk.state == BookState.STALE


def test_replies_are_taken_for_the_oldest_question():
    now = [0]
    talk = Talk(Engine(clock=lambda: now[0]))
    for second in (1, 3, 6):
        now[0] = second * SECOND
        talk.engine.expect(talk.book)
    for second in (11, 13, 16):
        talk.snapshot(100)
        assert talk.book.valid_until == (second - 0.5) * SECOND
    # Nobody asked for this one: it is of now.
    now[0] = 7 * SECOND
    talk.snapshot(100)
    assert talk.book.valid_until == 16.5 * SECOND


def test_questions_that_are_never_answered_are_forgotten():
    now = [0]
    talk = Talk(Engine(clock=lambda: now[0]))
    for second in range(0, 60, 3):
        now[0] = second * SECOND
        talk.update(101 + second // 3)
        talk.engine.expect(talk.book)
    now[0] = 100 * SECOND
    talk.engine.expect(talk.book)
    talk.snapshot(120)
    assert talk.state == BookState.LIVE


@pytest.mark.parametrize("version", [102, 103, 104])
def test_a_reply_that_has_all_that_updates_told_is_no_older_than_they_are(version):
    """An earlier request was never answered, and the reply is taken for its answer."""
    now = [0]
    talk = Talk(Engine(clock=lambda: now[0]))
    talk.engine.expect(talk.book)
    now[0] = 11 * SECOND
    talk.update(103)
    now[0] = 12 * SECOND
    talk.snapshot(version)
    assert talk.state == BookState.LIVE
    assert talk.book.valid_until == 20.5 * SECOND


# --- two updates of one version ---


def test_two_different_updates_of_one_version_are_a_gap():
    talk = Talk()
    talk.update(101, [("100", "5")])
    assert talk.update(101, [("99", "7")]) & Change.GAP
    assert talk.state == BookState.GAP
    assert "two different updates of version 101" in talk.book.reason


def test_the_same_update_twice_is_none():
    talk = Talk()
    talk.update(101, [("100", "5")])
    assert talk.update(101, [("100", "5")]) == Change.DUPLICATE
    assert talk.state == BookState.LIVE


def test_a_heartbeat_contradicts_no_update():
    talk = Talk()
    talk.update(101)
    talk.update(102)
    talk.heartbeat(101)
    assert talk.state == BookState.LIVE


def test_of_two_kept_updates_of_one_version_neither_is_applied():
    """The one of the old count must not win over the new one."""
    talk = Talk()
    talk.update(103, [("100", "5")])
    assert talk.update(103, [("99", "7")]) == Change.BUFFERED
    talk.update(104, [("98", "1")])
    talk.reply(102)
    # What was kept first is gone, and the rest continues the reply.
    assert talk.book.size_at("bid", "100") == 1
    assert talk.book.size_at("bid", "99") == 7


def test_a_repeat_while_a_snapshot_is_awaited_drops_nothing():
    talk = Talk()
    talk.update(103, [("100", "5")])
    talk.update(104, [("99", "7")])
    assert talk.update(103, [("100", "5")]) == Change.DUPLICATE
    talk.reply(102)
    assert (talk.state, talk.book.sequence) == (BookState.LIVE, 104)


def test_a_counter_that_falls_back_a_little_is_told_by_what_its_updates_say():
    talk = Talk()
    for version in range(101, 106):
        talk.update(version, [("99", str(version))])
    assert talk.update(103, [("98", "1")]) & Change.GAP
    talk.reply(105)
    assert talk.state == BookState.STALE
