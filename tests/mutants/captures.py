"""Bugs in what is recorded and played again."""

from tests.mutants.mutant import Mutant

LIVE = "tests/wire/test_replay.py::test_every_read_of_a_replay_is_what_was_read_live_under_faults"

CAPTURES = [
    Mutant(
        "guess-shown-by-a-replay",
        "A replay shows a price that was not shown while it was live.",
        "wire/told.py",
        'self._tell("subscribed", generation, {"topic": _topic(book)})\n',
        "",
        "tests/wire/test_replay.py::test_a_frame_of_another_connection_is_passed_over_in_the_replay_too",
    ),
    Mutant(
        "time-stands-still-in-a-replay",
        "A book that was STALE for minutes is LIVE throughout its replay.",
        "wire/playback.py",
        "self.now_ns += passed\n",
        "",
        LIVE,
    ),
    Mutant(
        "holds-are-not-recorded",
        "What was late and not shown is shown by the replay.",
        "wire/told.py",
        'self._tell("held", generation, {"reason": reason})\n',
        "",
        "tests/wire/test_replay.py::test_a_book_that_was_held_is_held_in_the_replay",
    ),
    Mutant(
        "doubts-are-not-recorded",
        "After a frame that nobody could read the replay shows what was not shown.",
        "wire/told.py",
        'self._tell("doubted", None, {"topic": _topic(book), "state": state, "reason": reason})\n',
        "",
        LIVE,
    ),
    Mutant(
        "acknowledgements-are-not-recorded",
        "A short book is complete while it is live, and not in its replay.",
        "wire/told.py",
        'self._tell("acknowledged", None, {"topic": _topic(book)})\n',
        "",
        "tests/wire/test_told.py::test_an_acknowledgement_is_told_again_and_so_is_that_none_came",
    ),
    Mutant(
        "the-end-of-a-feed-is-recorded",
        "A recording ends with all its books closed, and shows nothing.",
        "feed/life.py",
        "self._recorder.stop()\n",
        "",
        "tests/wire/test_replay.py::test_a_feed_records_what_it_was",
    ),
    Mutant(
        "recording-follows-a-link",
        "On Windows a recording is written over the file that somebody laid a link to.",
        "system/files.py",
        "os.path.islink(path)",
        "False",
        "tests/system/test_windows.py::test_a_capture_does_not_follow_links",
    ),
    Mutant(
        "recording-overwrites",
        "A recording destroys the one of yesterday.",
        "wire/capture.py",
        "found.st_size",
        "False",
        "tests/wire/test_capture.py::test_what_is_there_is_never_overwritten",
    ),
    Mutant(
        "recording-follows-links",
        "Whoever may write a link where a recording is to be has any file of the user overwritten.",
        "system/files.py",
        '_flag("O_NOFOLLOW")',
        "0",
        "tests/wire/test_capture.py::test_what_is_there_is_never_overwritten",
    ),
    Mutant(
        "capture-goes-on-and-on",
        "A file of a megabyte keeps a program busy for twenty minutes.",
        "wire/capture.py",
        "self._line > FREE_LINES + LINES_PER_BYTE * self.bytes_read",
        "False",
        "tests/wire/test_capture.py::test_a_small_file_that_goes_on_and_on_is_refused_in_time",
    ),
]
