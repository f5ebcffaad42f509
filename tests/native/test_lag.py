"""By how much what arrives is late: measured from stamps, by a clock that nobody sets, over a floor
that belongs to the host; and as of when that makes a book."""

import pickle

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from tests.helpers.frames import spot
from tests.helpers.line import DEEP, VENUE, Line


def test_there_is_no_lag_before_there_is_a_floor():
    line = Line()
    assert line.book.lag is None
    assert line.book.quote.lag is None
    line.update(lag=0.3)
    assert line.book.lag == 0.0, "it is the floor itself"


def test_what_is_above_the_floor_is_lag_and_counts_as_age():
    line = Line()
    line.update(lag=0.3)
    line.now += 1
    line.update(lag=2.3)
    quote = line.book.quote
    assert quote.lag == pytest.approx(2.0, abs=0.001)
    assert quote.age == pytest.approx(1.0, abs=0.001), "an earlier frame was of a second ago"
    line.now += 5
    line.update(lag=2.3)
    assert line.book.quote.age == pytest.approx(2.0, abs=0.002)
    assert line.book.valid_until / 1e9 == pytest.approx(line.now - 2.0 + 9.5, abs=0.002)


def test_what_was_said_too_long_ago_is_not_shown_at_all():
    line = Line()
    line.update()
    line.now += 20
    line.update(lag=12.0)
    assert line.book.state == BookState.STALE
    assert line.book.reason == "what it was told last was 12.0 s late"
    with pytest.raises(bb.BookNotLive):
        _ = line.book.quote


def test_what_arrives_earlier_than_ever_is_the_floor():
    line = Line()
    line.update(lag=0.9)
    line.update(lag=0.2)
    assert line.book.lag == 0.0
    line.update(lag=0.9)
    assert line.book.lag == pytest.approx(0.7, abs=0.002)


def test_the_floor_is_of_the_host_and_a_new_connection_begins_with_it():
    line = Line()
    line.update()
    line.engine.forget_generation(1)
    line.open()
    line.hear("snapshot", None, DEEP)
    line.update(lag=7.0)
    assert line.book.lag == pytest.approx(7.0, abs=0.001)
    line.open("another")
    line.hear("snapshot", None, DEEP)
    line.update(lag=7.0)
    assert line.book.lag == 0.0


def test_the_floor_rises_by_no_more_than_two_hundred_parts_in_a_million():
    line = Line()
    line.update()
    line.now += 10_000
    line.update(lag=3.0)
    assert line.book.lag == pytest.approx(1.0, abs=0.002)


@pytest.mark.parametrize("lag", [0.5, -0.5])
def test_a_clock_that_drifts_by_a_hundred_parts_in_a_million_makes_no_lag(lag):
    line = Line()
    line.update()
    for _ in range(10):
        line.now += 5_000
        line.update(lag=(line.now - 100.0) * 2e-4 * lag)
        assert line.book.lag == pytest.approx(0.0, abs=0.002)


def test_one_stamp_of_the_future_means_nothing():
    line = Line()
    line.update()
    line.now += 1
    line.update(lag=-3_600)
    assert line.book.lag == 0.0
    line.now += 10
    line.update()
    assert line.book.lag == pytest.approx(0.0, abs=0.005)


def test_a_venue_whose_clock_was_set_forward_has_a_new_floor_after_two_seconds_and_may_go_back():
    line = Line()
    line.update()
    for _ in range(4):
        line.now += 1
        line.update(lag=-600.0)
    assert line.book.lag == 0.0
    line.update(lag=-598.0)
    assert line.book.lag == pytest.approx(2.0, abs=0.01)
    host = line.engine.line(1).host
    assert host.before(300.0) is None, "there it has never been"
    former = host.before(600.0)
    line.engine.set_floor("venue", round(line.now * 1e9) - former)
    line.now += 1
    line.update()
    assert line.book.lag == pytest.approx(0.0, abs=0.01)
    assert host.before(600.0) is None


@pytest.mark.parametrize(
    "stamp", [None, 0, 1, 5_000, 99_999_999_999_999], ids=["missing", "0", "1", "5000", "between"]
)
def test_what_is_no_stamp_makes_no_lag(stamp):
    line = Line()
    for _ in range(3):
        line.now += 1
        line.update(ms_t=stamp)
        assert line.book.lag is None
    line.update(ms_t=round((VENUE + line.now) * 1000))
    assert line.book.lag == 0.0


@pytest.mark.parametrize("unit", [1, 1_000_000, 1_000_000_000])
def test_stamps_of_any_unit_are_told_apart(unit):
    line = Line()
    line.update()
    line.now += 1
    line.update(ms_t=round((VENUE + line.now - 4) * unit))
    assert line.book.lag == pytest.approx(4.0, abs=0.001)


def test_a_stamp_that_stands_still_tells_nothing():
    line = Line()
    stamp = round(VENUE * 1000)
    line.update(ms_t=stamp)
    for _ in range(20):
        line.now += 1
        line.update(ms_t=stamp)
    assert line.book.lag is None
    assert line.book.state == BookState.LIVE


def test_a_heartbeat_tells_its_lag_if_its_stamp_is_a_new_one():
    line = Line()
    line.update()
    said = line.now
    for _ in range(3):
        line.now += 5
        assert line.hear("update", said, version=line.version) == bb.Change.HEARTBEAT
    assert line.book.lag is None, "the stamp of the update was repeated"
    line.now += 5
    line.hear("update", line.now - 6.0, version=line.version)
    assert line.book.lag == pytest.approx(6.0, abs=0.01)


def test_a_heartbeat_with_the_time_of_the_last_change_tells_nothing():
    line = Line()
    line.update()
    line.now += 60
    line.engine.expect(line.book)
    line.hear("snapshot", line.now, DEEP, line.version)
    line.now += 5
    line.hear("update", 99.0, version=line.version)
    assert line.book.lag is None
    assert line.book.state == BookState.LIVE


def test_a_frame_that_comes_again_tells_nothing():
    line = Line()
    line.update()
    line.update()
    line.now += 5
    line.hear("update", 100.0, ([("1", "4")], []), version=line.version - 1)
    assert line.book.lag == 0.0


def test_a_snapshot_that_nobody_asked_for_is_as_old_as_its_stamp_says():
    """It had waited for two seconds, and was LIVE for nine and a half after that."""
    line = Line()
    line.update()
    line.now += 5
    line.hear("snapshot", line.now - 2, DEEP)
    assert line.book.lag == pytest.approx(2.0, abs=0.002)
    assert line.book.valid_until / 1e9 == pytest.approx(line.now - 2.0 + 9.5, abs=0.002)
    line.now += 1
    line.update()
    assert line.book.lag == 0.0, "of its connection it says nothing"


def test_the_stamp_of_a_snapshot_tells_nothing():
    line = Line()
    line.update()
    line.engine.expect(line.book)
    line.now += 1
    line.hear("snapshot", line.now - 50, DEEP, line.version)
    assert line.book.lag == 0.0
    line.engine.expect(line.book)
    line.hear("snapshot", line.now - 100, DEEP, line.version + 1)
    assert (line.book.lag, line.book.state) == (0.0, BookState.LIVE)


def test_where_nobody_knows_a_frame_may_be_as_late_as_pongs_allow():
    line = Line(unseen=3.0)
    line.now += 1
    line.update(ms_t=None)
    assert line.book.valid_until / 1e9 == pytest.approx(line.now + 6.5)
    assert line.book.quote.age == 0.0
    line = Line(host=None, unseen=0.0)
    line.update()
    assert line.book.lag is None
    assert line.book.valid_until / 1e9 == pytest.approx(line.now + 9.5)


# --- replies ---


def test_a_reply_counts_from_when_it_was_asked_for():
    line = Line(host=None, unseen=0.0)
    line.now += 5
    line.engine.expect(line.book)
    line.now += 8
    line.reply()
    assert line.book.quote.age == pytest.approx(8.0)
    assert line.book.valid_until / 1e9 == pytest.approx(line.now - 8 + 9.5)


def test_a_reply_that_took_too_long_shows_nothing():
    line = Line(host=None, unseen=0.0)
    line.now += 5
    line.engine.expect(line.book)
    line.now += 12
    line.reply()
    assert line.book.state == BookState.STALE


def test_a_book_that_was_doubted_has_a_deadline_again_however_late_what_ends_the_doubt():
    line = Line()
    line.update()
    line.now += 1
    line.engine.invalidate(line.book, "a doubt", state=BookState.STALE)
    line.update(lag=3.0)
    assert line.book.state == BookState.LIVE
    assert line.book.valid_until / 1e9 == pytest.approx(line.now - 1 + 9.5)


def test_the_first_snapshot_counts_from_the_subscription():
    line = Line(host=None, unseen=0.0)
    line.open(None, 0.0)
    line.now += 4
    line.hear("snapshot", None, DEEP)
    assert line.book.quote.age == pytest.approx(4.0)


@pytest.mark.parametrize("asked_meanwhile", [False, True])
def test_a_first_snapshot_may_come_out_of_a_cache_and_has_no_longer_than_frames_may_be_late(
    asked_meanwhile,
):
    line = Line(host=None)
    line.open(None)
    line.now += 4
    if asked_meanwhile:
        line.engine.expect(line.book)
    line.hear("snapshot", None, DEEP)
    assert line.book.quote.age == pytest.approx(4.0)
    assert line.book.valid_until / 1e9 == pytest.approx(line.now - 4 + 6.5)


def test_a_first_snapshot_counts_from_the_first_subscription():
    """It waited inside the venue, and was given up: the book was subscribed anew meanwhile."""
    line = Line(host=None, unseen=0.0)
    line.open(None, 0.0)
    line.now += 5
    line.engine.expect(line.book, subscribed=True)
    line.now += 3
    line.hear("snapshot", None, DEEP)
    assert line.book.quote.age == pytest.approx(8.0)
    line.now += 1
    line.hear("snapshot", None, DEEP)
    assert line.book.quote.age == pytest.approx(4.0), "the second one is that of the second"


def test_a_first_snapshot_that_comes_after_a_request_is_no_younger():
    line = Line(host=None, unseen=0.0)
    line.open(None, 0.0)
    line.now += 6
    line.engine.expect(line.book)
    line.now += 1
    line.hear("snapshot", None, DEEP)
    assert line.book.quote.age == pytest.approx(7.0)


def test_of_several_requests_the_first_counts_as_nothing_says_which_was_answered():
    line = Line(host=None, unseen=0.0)
    line.now += 5
    line.engine.expect(line.book)
    line.now += 3
    line.engine.expect(line.book)
    line.now += 1
    line.reply()
    assert line.book.quote.age == pytest.approx(4.0)
    line.reply()
    assert line.book.quote.age == pytest.approx(1.0), "both have been answered"


def test_a_reply_that_was_lost_is_forgotten_in_time():
    line = Line(host=None, unseen=0.0)
    line.engine.expect(line.book)
    line.now += 20.1
    line.engine.expect(line.book)
    line.now += 1
    line.reply()
    assert line.book.quote.age == pytest.approx(1.0)


def test_a_reply_that_has_all_that_was_told_is_as_new_as_that():
    """After a gap: whenever it was asked for, it has what came a moment ago."""
    line = Line(host=None, unseen=0.0)
    line.engine.expect(line.book)
    line.now += 15
    line.hear("update", None, ([("1", "7")], []), version=line.version + 5)
    assert line.book.state == BookState.GAP
    line.engine.expect(line.book)
    line.now += 1
    line.reply(line.version)
    assert line.book.state == BookState.LIVE
    assert line.book.quote.age == pytest.approx(1.0)


# --- what else there is ---


def test_a_connection_keeps_a_book_live_and_makes_it_no_younger():
    line = Line(host=None, unseen=0.0)
    line.now += 9
    line.engine.confirm(line.book, int((line.now + 5) * 1e9))
    line.now += 4
    assert line.book.state == BookState.LIVE
    assert line.book.quote.age == pytest.approx(13.0)


def test_a_frame_counts_from_when_it_was_heard():
    line = Line(host=None, unseen=0.0)
    line.now += 10
    frame = spot("update", 2, [("1", "3")], [])
    line.engine.apply(frame, generation=1, heard_ns=round(107.0 * 1e9))
    assert line.book.quote.age == pytest.approx(3.0)
    assert line.engine.line(1).last_heard == round(107.0 * 1e9)


def test_what_a_connection_has_shown_is_asked_for_once_and_told_to_its_host():
    line = Line()
    one = line.engine.line(1)
    assert one.spoke_at is None
    line.update()
    line.now += 1
    line.update(lag=3.0)
    line.update(lag=2.0)
    assert one.take_lag() == (pytest.approx(0.0, abs=0.001), 101.0)
    assert one.take_lag() is None
    assert one.spoke_at == pytest.approx(99.0, abs=0.001)
    line.now += 1
    line.update(lag=3.5)
    assert one.take_lag() == (pytest.approx(3.5, abs=0.001), 102.0)
    line.now += 9.9
    line.update(ms_t=None)
    assert line.book.lag == pytest.approx(3.5, abs=0.001), "as late as what came last"
    line.now += 0.2
    line.update(ms_t=None)
    assert line.book.lag is None, "that is too long ago"
    line.engine.open_line(2, 8.0, host="venue")
    other = line.engine.line(2)
    assert other.beside(101.5) == [pytest.approx(3.5, abs=0.001)]
    assert other.beside(102.5) == []
    assert one.beside(0.0) == []
    line.engine.forget_generation(1)
    assert other.beside(0.0) == []
    assert line.engine.line(1) is None


def test_what_was_forgiven_grows_and_is_forgotten_with_the_floor():
    line = Line()
    line.update()
    host = line.engine.line(1).host
    host.forgive(2.0)
    host.forgive(1.0)
    assert host.forgiven == 2.0
    line.now += 5
    line.update(lag=2.0)
    assert line.book.lag == pytest.approx(2.0, abs=0.002), "it stays in the lag"
    line.engine.set_floor("venue", None)
    assert host.forgiven == 0.0
    line.now += 1
    line.update(lag=2.0)
    assert line.book.lag == 0.0
    with pytest.raises(bb.UsageError, match="nothing is known of a host 'nowhere'"):
        line.engine.set_floor("nowhere", None)


def test_a_floor_can_be_told_as_the_stamp_of_what_is_punctual_now():
    line = Line()
    assert line.engine.line(1).host.punctual(0) is None
    line.update()
    punctual = line.engine.line(1).host.punctual(round(line.now * 1e9))
    assert punctual == round((VENUE + line.now) * 1e9)
    again = Line(now=700.0)
    again.engine.open_line(2, 8.0, host="again", punctual_ns=punctual)
    again.engine.assign(again.book, 2)
    again.generation = 2
    again.hear("snapshot", None, DEEP)
    again.update(ms_t=round((VENUE + line.now - 4) * 1000))
    assert again.book.lag == pytest.approx(4.0, abs=0.002)


def test_engines_share_the_hosts_of_the_clock_that_they_read():
    one, other = bb.Engine(clock="monotonic"), bb.Engine(clock="monotonic")
    one.open_line(1, 8.0, host="shared")
    other.open_line(7, 8.0, host="shared")
    assert other.line(7).host is one.line(1).host is not None
    elsewhere = bb.Engine(clock=lambda: 0)
    elsewhere.open_line(1, 8.0, host="shared")
    assert elsewhere.line(1).host is not one.line(1).host


def test_a_quote_takes_its_lag_along():
    line = Line()
    line.update()
    line.now += 5
    line.update(lag=1.5)
    quote = line.book.quote
    assert pickle.loads(pickle.dumps(quote)).lag == quote.lag == pytest.approx(1.5, abs=0.002)
    assert line.book.peek().lag == quote.lag


def test_a_book_that_is_fed_by_hand_has_no_lag():
    line = Line()
    line.update()
    line.book.apply_delta([], [("8", "1")], sequence=line.version + 1)
    assert line.book.lag is None
    assert line.book.quote.age == 0.0


# --- odd stamps: how many make a floor ---


def odd_once_a_second(line, between):
    for _ in range(5):
        line.now += 1
        line.update(lag=-600.0)
        line.now += 0.1
        between()


def test_odd_stamps_with_punctual_ones_between_them_are_no_run():
    line = Line()
    line.update()
    odd_once_a_second(line, lambda: line.update(lag=0.1))
    assert line.book.lag == pytest.approx(0.1, abs=0.01)
    line.update(lag=5.0)
    assert line.book.lag == pytest.approx(5.0, abs=0.01)


def test_nor_with_those_between_them_that_are_a_new_floor():
    line = Line()
    line.update()
    early = iter([-0.1, -0.2, -0.3, -0.4, -0.5])
    odd_once_a_second(line, lambda: line.update(lag=next(early)))
    line.update(lag=4.5)
    assert line.book.lag == pytest.approx(5.0, abs=0.01)


def test_three_odd_stamps_at_once_mean_nothing():
    line = Line()
    line.update()
    for _ in range(4):
        line.now += 0.4
        line.update(lag=-600.0)
    line.update(lag=5.0)
    assert line.book.lag == pytest.approx(5.0, abs=0.01)


def test_the_least_odd_of_a_run_is_the_floor():
    line = Line()
    line.update()
    for lag in (-599.0, -600.0, -598.0, -599.5):
        line.now += 1
        line.update(lag=lag)
    line.update(lag=-596.0)
    assert line.book.lag == pytest.approx(2.0, abs=0.01)


def test_after_a_new_floor_one_odd_stamp_means_nothing_again():
    line = Line()
    line.update()
    for _ in range(4):
        line.now += 1
        line.update(lag=-600.0)
    line.now += 3
    line.update(lag=-1_200.0)
    line.update(lag=-595.0)
    assert line.book.lag == pytest.approx(5.0, abs=0.01)


def test_nor_does_the_next_one_after_a_new_floor():
    line = Line()
    line.update()
    for lag in (-600.0, -600.0, -600.0, -1_200.0):
        line.now += 1
        line.update(lag=lag)
    assert line.engine.line(1).host.before(600.0) is not None, "there its clock was before"


def test_drift_is_forgiven_from_the_floor_on_that_was_found_last():
    line = Line()
    line.update()
    line.now += 10_000
    line.update(lag=1.5)
    line.now += 2
    line.update(lag=2.5)
    assert line.book.lag == pytest.approx(1.0, abs=0.01)


def test_a_jump_back_may_be_measured_two_seconds_late_and_one_early():
    line = Line()
    line.update()
    for _ in range(4):
        line.now += 1
        line.update(lag=-600.0)
    host = line.engine.line(1).host
    assert [host.before(lag) is None for lag in (598.5, 599.5, 601.5, 602.5)] == [
        True,
        False,
        False,
        True,
    ]
    line.engine.set_floor("venue", None)
    assert host.before(600.0) is None, "that is forgotten too"


def test_what_was_shown_over_a_forgotten_floor_is_forgotten():
    line = Line()
    line.update()
    assert line.engine.line(1).take_lag() is not None
    line.engine.open_line(2, 8.0, host="venue")
    assert line.engine.line(2).beside(0.0) == [0.0]
    line.engine.set_floor("venue", None)
    assert line.engine.line(2).beside(0.0) == []


def test_a_known_floor_is_not_set_by_another_connection():
    line = Line()
    line.update()
    line.engine.open_line(9, 100.0, host="venue", punctual_ns=round((VENUE + line.now - 50) * 1e9))
    line.now += 1
    line.update(lag=4.0)
    assert line.book.lag == pytest.approx(4.0, abs=0.01)


def test_the_first_stamp_after_a_reconnect_tells_even_if_it_is_the_last_one():
    line = Line()
    line.update()
    stamp = round((VENUE + line.now) * 1000)
    line.open()
    line.now += 6
    line.hear("snapshot", None, DEEP)
    line.update(ms_t=stamp)
    assert line.book.lag == pytest.approx(6.0, abs=0.01)


def test_what_nobody_can_see_does_not_matter_where_a_moment_is_known():
    line = Line(unseen=3.0)
    line.now += 1
    line.update(ms_t=None)
    assert line.book.valid_until / 1e9 == pytest.approx(line.now + 6.5)
    line.engine.expect(line.book)
    line.reply()
    assert line.book.valid_until / 1e9 == pytest.approx(line.now + 9.5)
    line.update(ms_t=None)
    line.now += 1
    line.update()
    assert line.book.valid_until / 1e9 == pytest.approx(line.now + 9.5)
    assert line.book.quote.lag == 0.0


# --- the first moment of a clock ---


def test_a_floor_that_was_found_at_time_zero_is_one():
    line = Line(now=0.0)
    line.update()
    line.now = 1.0
    line.update(lag=2.0)
    assert line.book.lag == pytest.approx(2.0, abs=0.01)


def test_what_came_at_time_zero_tells_of_what_comes_behind_it():
    line = Line(now=0.0)
    line.update()
    line.now = 1.0
    line.update(ms_t=None)
    assert line.book.lag == 0.0


def test_what_is_punctual_drifts():
    line = Line()
    line.update()
    host = line.engine.line(1).host
    now = round(line.now * 10**9)
    later = now + 10_000 * 10**9
    assert host.punctual(later) - host.punctual(now) == 9_998 * 10**9
