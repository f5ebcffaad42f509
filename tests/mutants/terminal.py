"""Bugs in what `watch` with keys shows: a price that looks better than it is."""

from tests.mutants.mutant import Mutant

TEST = "tests/cli/terminal/test_picture.py::"

TERMINAL = [
    Mutant(
        "lost-ladder-in-colours",
        "Prices of a book that is lost stand on the screen in the colours of one that is LIVE.",
        "cli/terminal/focus.py",
        "copy.state == bb.BookState.LIVE",
        "True",
        f"{TEST}test_a_ladder_that_is_not_live_is_grey_and_says_what_the_copy_is",
        where="def lines(",
    ),
    Mutant(
        "spark-line-through-a-gap",
        "A mid is drawn for a second in which nobody could know it.",
        "cli/terminal/rows.py",
        "mid is None and self.mids",
        "False",
        f"{TEST}test_a_mid_is_kept_each_second_and_none_through_a_gap",
        where="def see(",
    ),
    Mutant(
        "own-order-in-the-better-row",
        "Where ticks are put together, one's own order is marked at a better price than it has.",
        "cli/terminal/focus.py",
        'ROUND_FLOOR if side == "bid" else ROUND_CEILING',
        "ROUND_CEILING",
        f"{TEST}test_own_orders_are_marked_and_add_up_in_a_coarse_row",
        where="def _own(",
    ),
    Mutant(
        "hidden-trouble-is-not-counted",
        "Sixty books fill the screen, and that one below its edge is not LIVE is not said.",
        "cli/terminal/picture.py",
        "not row.live",
        "False",
        f"{TEST}test_what_cannot_be_seen_is_counted",
        where="def _table(",
    ),
]
