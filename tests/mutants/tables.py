"""Bugs in what others look at: tables of captures, and metrics."""

from tests.mutants.mutant import Mutant

HISTORY = "tests/display/test_history.py::"
METRICS = "tests/display/test_prometheus_client.py::"
REBUILT = HISTORY + "test_rows_make_the_book_again_at_every_frame"

TABLES = [
    Mutant(
        "gap-is-silence-in-a-table",
        "A mean over a table counts the price before a gap as if it had held through it.",
        "native/transcript.pxi",
        "state == page.state",
        "page.state == LIVE or state == page.state",
        HISTORY + "test_a_gap_is_a_row",
        where="cdef int _look",
    ),
    Mutant(
        "lapse-is-silence-in-a-table",
        "Minutes in which nothing was heard stand in a table as minutes of one price.",
        "native/transcript.pxi",
        "state == LIVE and book._lapsed_at(now)",
        "False",
        HISTORY + "test_time_that_passes_is_a_row",
        where="cdef int _look",
    ),
    Mutant(
        "new-run-is-silence-in-a-table",
        "Levels of before a break stay in a book that is made again from a table.",
        "native/transcript.pxi",
        "page.state != LIVE or page.epoch != book._epoch",
        "page.state != LIVE",
        HISTORY + "test_a_run_that_is_replaced_within_one_frame_begins_anew",
    ),
    Mutant(
        "changed-sizes-are-no-rows",
        "A book that is made again from a table has sizes of long ago.",
        "native/transcript.pxi",
        "old[i].size != rung.size",
        "False",
        REBUILT,
    ),
    Mutant(
        "removed-levels-are-no-rows",
        "A book that is made again from a table has levels that are gone.",
        "native/transcript.pxi",
        "i < count and old[i].key > rung.key",
        "False",
        REBUILT,
    ),
    Mutant(
        "only-the-best-of-a-picture-is-compared",
        "A table of ten levels goes on with old ones until the book has another number of them.",
        "native/transcript.pxi",
        "<size_t>count[side] * sizeof(Rung)",
        "sizeof(Rung)",
        HISTORY + "test_pictures_are_the_best_levels",
    ),
    Mutant(
        "unreadable-lines-are-no-rows",
        "Of what a damaged capture lacks nothing stands in its table.",
        "display/history.py",
        "self._taker.hole(str(error), self._time)\n",
        "",
        HISTORY + "test_a_line_that_cannot_be_read_is_a_row",
    ),
    Mutant(
        "lost-connections-are-no-rows-of-trades",
        "A table of trades goes on over an outage, and volumes are too small without a word.",
        "display/history.py",
        'record.event == "closed"',
        "False",
        HISTORY + "test_time_that_passes_is_a_row",
    ),
    Mutant(
        "nothing-known-is-zero-in-a-table",
        "A quote of a book that is not LIVE has the price 0 in a table.",
        "display/columns.py",
        "np.nan if cell is None else float(cell)",
        "0.0 if cell is None else float(cell)",
        "tests/display/test_columns.py::test_quotes",
    ),
    Mutant(
        "empty-table-of-what-is-no-capture",
        "An export of a wrong file leaves an empty table that looks like a quiet day.",
        "display/files.py",
        "os.unlink(out)\n",
        "pass\n",
        "tests/display/test_export.py::test_no_file_is_left_of_what_is_no_capture",
    ),
    Mutant(
        "metrics-of-a-gap-say-live",
        "Nobody is woken for a book that cannot be read.",
        "display/metrics.py",
        "quote.state == BookState.LIVE",
        "True",
        METRICS + "test_a_book_with_a_past",
    ),
    Mutant(
        "closed-feed-looks-open",
        "A feed that ended hours ago is green on every screen.",
        "display/metrics.py",
        "self._feed.closed",
        "False",
        METRICS + "test_a_book_with_a_past",
    ),
    Mutant(
        "metrics-for-everybody",
        "A port that was named without a host is open to the whole network.",
        "cli/_metrics.py",
        'found["host"] or "127.0.0.1"',
        'found["host"] or "0.0.0.0"',
        METRICS + "test_a_command_serves_them",
    ),
]
