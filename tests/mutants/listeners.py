"""Bugs in what listeners are told, in recorded files, and in typed values."""

from tests.mutants.mutant import Mutant

LISTENERS = [
    Mutant(
        "callback-exception-escapes",
        "A mistake in a user's callback ends the connection.",
        "listeners/hub.py",
        "BaseException",
        "ZeroDivisionError",
        "tests/listeners/test_hub.py::test_an_exception_of_a_callback_goes_no_further",
        where="except BaseException as error:",
    ),
    Mutant(
        "failing-callback-kept",
        "A callback that always fails fills the log for ever.",
        "listeners/hub.py",
        "self.failures >= CALLBACK_FAILURES",
        "False",
        "tests/listeners/test_hub.py::test_a_callback_is_dropped_after_a_hundred_failures_in_a_row_and_only_then",
    ),
    Mutant(
        "failures-added-up-over-days",
        "A callback that fails once an hour is dropped after four days.",
        "listeners/hub.py",
        "self.failures = 0\n",
        "",
        "tests/listeners/test_hub.py::test_a_callback_is_dropped_after_a_hundred_failures_in_a_row_and_only_then",
        where="def __call__(",
    ),
    Mutant(
        "state-change-not-told",
        "Whoever listens is not told that the book has been lost.",
        "listeners/hub.py",
        "state == self._state and not top_changed",
        "not top_changed",
        "tests/listeners/test_hub.py::test_a_lost_book_is_told_without_a_frame",
    ),
    Mutant(
        "cancelled-callback-called-once-more",
        "A callback that another one has just cancelled is still told of the frame.",
        "listeners/hub.py",
        "if self.ended:\n    return\n",
        "",
        "tests/listeners/test_hub.py::test_a_callback_that_another_cancels_is_not_called_any_more",
    ),
    Mutant(
        "overflow-not-told",
        "A slow consumer of trades misses some and never knows.",
        "listeners/streams.py",
        'items.append(StreamGap(1, f"more than {self.maxsize} values not taken"))\n',
        "",
        "tests/listeners/test_streams.py::test_everything_is_delivered_or_counted",
    ),
    Mutant(
        "overflow-miscounted",
        "A slow consumer is told that it missed one trade when it missed a thousand.",
        "listeners/streams.py",
        "last.lost + 1",
        "last.lost",
        "tests/listeners/test_streams.py::test_everything_is_delivered_or_counted",
    ),
    Mutant(
        "conflated-quotes-not-counted",
        "A slow consumer cannot know how many quotes it did not see.",
        "listeners/streams.py",
        "self._changes += 1\n",
        "self._changes = 1\n",
        "tests/listeners/test_streams.py::test_a_slot_counts",
    ),
]

FILES = [
    Mutant(
        "cut-capture-ends-quietly",
        "A capture that was cut off replays as if it were whole.",
        "wire/capture.py",
        "self._frame.eof",
        "True",
        "tests/wire/test_capture.py::test_a_file_that_was_cut_off",
        where="def readinto(",
    ),
    Mutant(
        "captures-readable-by-all",
        "Every user of the machine can read what was recorded.",
        "system.py",
        "os.fchmod(descriptor, 0o600)\n",
        "os.fchmod(descriptor, 0o644)\n",
        "tests/feed/test_feed.py::test_a_recording_replays_to_the_same_book",
    ),
    Mutant(
        "capture-is-one-connection",
        "In a replay the updates of one connection are joined to the snapshot of another.",
        "wire/playback.py",
        "(number, captured.connection)",
        "(number, None)",
        "tests/wire/test_capture.py::test_a_new_connection_in_a_recording_needs_its_own_snapshot",
    ),
    Mutant(
        "taker-side-reversed",
        "Every futures trade is said to come from the other side.",
        "venues/futures.py",
        '"sell" if row.get("m") else "buy"',
        '"buy" if row.get("m") else "sell"',
        "tests/venues/test_futures.py::test_trade",
    ),
    Mutant(
        "futures-trades-newest-first",
        "The last trade of a push is its first one.",
        "venues/futures.py",
        "newest_first[::-1]",
        "newest_first",
        "tests/venues/test_futures.py::test_rows_come_newest_first",
        where="def _trades(",
    ),
]

SHELL = LISTENERS + FILES
