"""Bugs in what a notebook shows."""

from tests.mutants.mutant import Mutant

CELL = "tests/display/test_cell.py::"

NOTEBOOK = [
    Mutant(
        "ended-ladder-looks-live",
        "A ladder that ended hours ago stands in its cell in green, with a badge that says LIVE.",
        "display/cell.py",
        "ended_html(copy, levels, at)",
        "html(copy, levels)",
        CELL + "test_one_output_is_replaced_and_the_last_one_says_that_it_is_over",
    ),
    Mutant(
        "ladder-of-its-first-moment",
        "A ladder shows, as of now, what the book was when its cell was run.",
        "display/cell.py",
        "copy, at = book.peek(), wall()\n",
        "at = wall()\n",
        CELL + "test_each_page_is_of_its_moment",
        where="def ladders(",
    ),
    Mutant(
        "stale-ladder-looks-live",
        "The levels of a book that cannot be trusted stand in a notebook in the colours of one "
        "that is LIVE.",
        "display/__init__.py",
        "copy.state == BookState.LIVE",
        "True",
        "tests/test_display.py::test_html_in_every_state",
        where="def html(",
    ),
    Mutant(
        "sizes-are-rounded-in-a-notebook",
        "A size of eighteen digits is shown with twelve of them, and zeros.",
        "display/markup.py",
        'Decimal(f"{found:.{_COMPUTED_DIGITS}g}") if computed else found',
        'Decimal(f"{found:.{_COMPUTED_DIGITS}g}")',
        "tests/display/test_values.py::test_numbers_of_a_column_stand_in_line_and_are_whole",
    ),
    Mutant(
        "outage-is-blank-in-a-plot",
        "A minute without a book is a blank in a plot, and looks as if nothing had been traded.",
        "display/track.py",
        '_spans(times[mine], table["state"][mine])',
        "[]",
        "tests/display/test_track.py::test_a_line_ends_where_the_gap_begins_and_the_gap_is_a_span",
    ),
    Mutant(
        "line-ends-before-the-gap",
        "The last price before a gap is not drawn for as long as it held.",
        "display/track.py",
        "known[:-1] & ~known[1:]",
        "known[:-1] & known[1:]",
        "tests/display/test_track.py::test_a_line_ends_where_the_gap_begins_and_the_gap_is_a_span",
    ),
    Mutant(
        "looking-at-a-stream-takes-from-it",
        "A stream that is looked at in a notebook has lost what waited in it.",
        "listeners/streams.py",
        "return list(self._items)\n",
        "found = list(self._items)\nself._items.clear()\nreturn found\n",
        "tests/display/test_values.py::"
        "test_a_stream_shows_what_waits_holes_where_they_are_and_takes_nothing",
        where="def waiting(",
    ),
]
