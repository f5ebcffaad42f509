"""What was lost, doubled or invented in a stream."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from tests.strangers.ledger import GAP, Belated, Ledger


@pytest.mark.parametrize(
    ("told", "lost", "doubled", "invented"),
    [
        ("abcdef", 0, 0, 0),
        ("cdef", 0, 0, 0),  # what came before the first word was never promised
        ("abef", 2, 0, 0),
        ("ab|ef", 0, 0, 0),
        ("ab|cdef", 0, 0, 0),
        ("abcd", 2, 0, 0),
        ("abcd|", 0, 0, 0),
        ("abbcdef", 0, 1, 0),
        ("abcxdef", 0, 0, 1),
        ("ab|df", 1, 0, 0),  # the gap excuses c and not e
        ("bacdef", 0, 0, 0),
        ("", 0, 0, 0),
        ("abcdefg", 0, 0, 0),
    ],
)
def test_streams(told: str, lost: int, doubled: int, invented: int) -> None:
    ledger = Ledger([GAP if sign == "|" else sign for sign in told])
    audit = ledger.audit("abcdef", "g")
    assert (audit.lost, audit.doubled, audit.invented) == (lost, doubled, invented)
    assert audit.good is not (lost or doubled or invented)


def test_what_a_later_word_tells_does_not_end_a_hole() -> None:
    told = ["a", GAP, Belated("c"), "e"]
    audit = Ledger(list(told)).audit("abcde", "f")
    assert (audit.lost, audit.doubled, audit.invented, audit.told) == (0, 0, 0, 3)
    assert Ledger(["a", GAP, "c", "e"]).audit("abcde", "f").lost == 1
    assert Ledger(["a", Belated("b"), Belated("b")]).audit("ab").doubled == 1
    assert Ledger(["a", Belated("x")]).audit("ab").invented == 1


def test_what_was_held_back_behind_later_words_is_lost_with_the_connection() -> None:
    times: dict[Hashable, int] = {
        "a": 0,
        "b": 5_000_000_000,
        "c": 5_100_000_000,
        "d": 20_000_000_000,
    }
    ledger = Ledger(["a", "c"])
    ledger.gap(7_000_000_000)
    ledger.tells("d")
    assert ledger.audit("abcd", times=times).lost == 0
    late = Ledger(["a", "c"])
    late.gap(8_500_000_000)
    late.tells("d")
    assert late.audit("abcd", times=times).lost == 1
