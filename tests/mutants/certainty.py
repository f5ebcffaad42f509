"""Bugs in what a book takes for certain: empty and short pictures, and sides that come alone."""

from tests.mutants.mutant import Mutant

FILE = "native/written.pxi"
EMPTY = "tests/native/test_empty.py"
SIDES = "tests/native/test_sides.py"
CERTAIN = "tests/native/test_certain.py"

CERTAINTY = [
    Mutant(
        "two-empty-replies-believed",
        "A cache that answers twice without levels makes an empty book of a full market.",
        FILE,
        "self._empties |= 2 if announced else 1\n",
        "self._empties = self._empties * 2 + 1\n",
        f"{EMPTY}::test_two_replies_are_one_witness",
    ),
    Mutant(
        "empty-once-empty-for-ever",
        "An empty snapshot of an hour ago counts as a witness for one of now.",
        FILE,
        "self._empties = 0\n",
        "pass\n",
        f"{EMPTY}::test_with_levels_between_them_two_witnesses_are_none",
        where="cdef int _apply_snapshot(",
    ),
    Mutant(
        "built-on-an-empty-snapshot",
        "After an empty snapshot the first update is taken for the whole market.",
        FILE,
        "return not (self._hollow and self._is_empty())\n",
        "return not self._hollow\n",
        f"{EMPTY}::test_what_is_built_on_an_empty_snapshot_is_not_shown",
    ),
    Mutant(
        "empty-market-never-shown",
        "The recording of a market that was empty at first is never LIVE.",
        FILE,
        "self._empty_snapshots < 2 and not self._is_empty()",
        "self._empty_snapshots < 2",
        f"{EMPTY}::test_a_market_that_was_always_empty_is_shown_as_that",
    ),
    Mutant(
        "empty-recording-not-trusted",
        "A user who says that a recording may be trusted is not heard.",
        "native/engine.pxi",
        "book._trusts_empty = self._trusts_empty\n",
        "pass\n",
        f"{EMPTY}::test_a_recording_may_be_trusted_by_name",
    ),
    Mutant(
        "one-clock-for-both-sides",
        "A venue that stamps asks a millisecond before bids has its asks thrown away for ever.",
        FILE,
        "self._side_time[side] = item.exchange_time\n",
        "self._side_time[0] = self._side_time[1] = item.exchange_time\n",
        f"{SIDES}::test_stamps_are_no_sequence_between_two_sides",
        where="cdef int _apply_side(",
    ),
    Mutant(
        "zero-is-a-stamp",
        "A side that was stamped once stands still when its stamps are zero.",
        FILE,
        "time <= 0 or time >= last",
        "time < 0 or time >= last",
        f"{SIDES}::test_stamps_are_no_sequence_between_two_sides",
    ),
    Mutant(
        "one-side-vouches-for-both",
        "One side stops, and its last prices are shown for as long as the other goes on.",
        FILE,
        "was_live and self._side_alone[side] >= STALE_RUN",
        "False",
        f"{SIDES}::test_a_side_whose_partner_came_three_times_without_it_is_not_shown",
    ),
    Mutant(
        "one-side-ends-the-doubt",
        "A side that comes alone makes a book LIVE again whose other side was doubted.",
        FILE,
        "self._state == STALE and self._side_seen[0] and self._side_seen[1]",
        "False",
        f"{SIDES}::test_a_side_whose_partner_came_three_times_without_it_is_not_shown",
    ),
    Mutant(
        "guessed-best-price-of-a-recording",
        "A recording shows as the best price a level of which the feed knew nothing for certain.",
        FILE,
        "ladder_length(&self._sides.ladders[side]) < self._spec.window",
        "False",
        f"{CERTAIN}::test_a_side_of_which_all_that_was_known_has_gone_is_not_shown_by_a_bare_engine",
    ),
    Mutant(
        "half-a-reply-is-the-whole-book",
        "A reply that was cut short is said to be complete.",
        FILE,
        "item.count[side] < ladder_length(old)",
        "False",
        f"{CERTAIN}::test_a_reply_that_is_shorter_than_a_whole_book_is_not_all_of_it",
    ),
    Mutant(
        "half-a-reply-ends-a-side",
        "A side that was cut is said to be complete after the next short reply.",
        FILE,
        "old.known_from != KNOWN_FROM_START or item.count[side] < ladder_length(old)",
        "item.count[side] < ladder_length(old)",
        f"{CERTAIN}::test_a_side_that_once_had_no_end_gets_none_by_a_longer_reply",
    ),
    Mutant(
        "reply-without-a-side-empties-it",
        "A reply that lost a side on its way empties that side, and the book is LIVE.",
        FILE,
        "fresh.known_from = INT64_LIMIT\n",
        "pass\n",
        f"{CERTAIN}::test_a_reply_without_a_side_takes_no_side_away",
    ),
    Mutant(
        "short-reply-asked-for-again-and-again",
        "A market of five levels is asked for every three seconds, for ever.",
        "native/engine.pxi",
        "min(<Py_ssize_t>levels, mine._pictured[side])",
        "<Py_ssize_t>levels",
        f"{CERTAIN}::test_what_the_last_reply_showed_is_not_asked_for_again",
    ),
    Mutant(
        "missing-change-by-hand",
        "A change given by hand that could not be read is missing, and the book is LIVE.",
        FILE,
        "read or kind != ITEM_UPDATE or sequence is not None or not self._is_synced()",
        "True",
        f"{CERTAIN}::test_a_change_by_hand_that_raises_is_missing",
    ),
]
