"""What must hold between the spans of time in `client.times`, whatever their values."""

import bitmart_book as bb
from bitmart_book.client.times import (
    ACCOUNT_BELIEVED_FOR,
    AFTER_FAILURE_SECONDS,
    ANSWER_WITHIN,
    ASK_AGAIN,
    ASK_BEFORE_DEADLINE,
    ATTEMPT_SECONDS,
    AUDIT_AFTER,
    BANNED_PAUSE,
    BEAT_SECONDS,
    CALLED_LATE,
    CLOSE_AT_EXIT_SECONDS,
    CLOSE_FEED_SECONDS,
    CLOSE_SECONDS,
    CONNECTION_CONFIRMS,
    FIRST_PAUSE,
    GOOD_AFTER,
    LONG_STANDSTILL,
    LONGEST_PAUSE,
    LONGEST_STEP,
    MAX_BEHIND_SECONDS,
    MOVE_AFTER,
    OPEN_SECONDS,
    OUTAGE_AFTER,
    PAUSE_SECONDS,
    PING_AFTER,
    PONG_WITHIN,
    RENEW_AFTER,
    REPLY_WITHIN,
    STANDSTILL,
    TICK,
)
from bitmart_book.venues import BITMART

DEAD_AFTER = PING_AFTER + PONG_WITHIN
BACK_WITHIN = 15.0
"""What docs/faults.md promises after the venue's return."""


def book_deadline():
    """How long the engine holds a book for LIVE that nothing confirms."""
    book = bb.Book("BTC_USDT", clock=lambda: 0)
    book.apply_snapshot([("1", "1")], [("2", "1")], sequence=1)
    return book.valid_until / 1e9


# --- sockets ---


def test_only_a_forgotten_attempt_is_passed_over():
    assert OPEN_SECONDS < ATTEMPT_SECONDS


def test_a_book_is_back_in_time_after_the_venue_is():
    assert FIRST_PAUSE < LONGEST_PAUSE
    assert LONGEST_PAUSE + OPEN_SECONDS <= BACK_WITHIN


def test_a_ban_outlasts_the_window_that_the_venue_counts_in():
    assert all(profile.limits.connects.seconds <= BANNED_PAUSE for profile in BITMART.profiles)


def test_a_connection_is_good_only_after_the_longest_pause():
    assert LONGEST_PAUSE < GOOD_AFTER < OUTAGE_AFTER


def test_closing_a_feed_has_time_for_its_sockets():
    assert 1.5 * CLOSE_SECONDS < CLOSE_AT_EXIT_SECONDS < CLOSE_FEED_SECONDS


# --- whether the other side is there ---


def test_a_dead_connection_is_noticed_before_its_books_lapse_and_before_the_venue_closes():
    assert book_deadline() > DEAD_AFTER
    for profile in BITMART.profiles:
        assert profile.limits.idle_seconds > DEAD_AFTER


def test_an_account_is_believed_for_longer_than_pongs_take_and_for_less_than_is_promised():
    assert PING_AFTER + PONG_WITHIN + TICK < ACCOUNT_BELIEVED_FOR < 10.0


def test_pings_leave_room_for_other_messages():
    for profile in BITMART.profiles:
        rate = profile.limits.messages
        assert rate.seconds / PING_AFTER <= rate.count / 4


def test_data_that_is_behind_is_dropped_before_a_book_built_on_it_lapses():
    assert MAX_BEHIND_SECONDS <= PONG_WITHIN
    assert book_deadline() > MAX_BEHIND_SECONDS


def test_a_silent_connection_that_is_alive_keeps_its_books():
    """Between two pongs, looked at once a tick."""
    assert PING_AFTER + PONG_WITHIN + TICK < CONNECTION_CONFIRMS


def test_a_subscription_is_sent_again_before_its_connection_is_blamed():
    assert ANSWER_WITHIN < DEAD_AFTER


# --- whether this process runs ---


def test_a_standstill_is_longer_than_what_is_only_a_pause():
    assert BEAT_SECONDS < PAUSE_SECONDS < TICK < STANDSTILL < LONG_STANDSTILL


def test_connections_are_given_up_after_a_standstill_before_they_would_be_dead():
    assert LONG_STANDSTILL < DEAD_AFTER


def test_a_failing_client_is_called_again_before_it_is_overdue():
    assert AFTER_FAILURE_SECONDS < STANDSTILL


def test_what_piled_up_is_held_back_before_a_book_built_on_it_lapses():
    assert book_deadline() > STANDSTILL


# --- books ---


def test_the_steps_of_recovery_follow_each_other():
    assert ASK_AGAIN < RENEW_AFTER < MOVE_AFTER
    assert RENEW_AFTER - ASK_AGAIN <= LONGEST_STEP
    assert MOVE_AFTER - RENEW_AFTER <= LONGEST_STEP


def test_a_silent_book_can_be_asked_for_twice_before_its_deadline():
    assert TICK + REPLY_WITHIN <= ASK_BEFORE_DEADLINE < book_deadline()


def test_heartbeats_alone_are_believed_longer_than_a_book_holds_but_not_for_ever():
    assert book_deadline() < AUDIT_AFTER <= 60.0


def test_silence_is_no_answer_while_the_loop_is_only_a_little_late():
    assert PAUSE_SECONDS < CALLED_LATE < PONG_WITHIN < ANSWER_WITHIN
