"""What the judge knows of a process that stood still."""

from __future__ import annotations

import pytest

from tests.strangers.standstills import Standstills
from tests.strangers.units import SECOND


def still(*spans: tuple[float, float]) -> Standstills:
    made = Standstills()
    for due, now in spans:
        made.note(int(due * SECOND), int(now * SECOND))
    return made


def test_a_moment_late_is_no_standstill() -> None:
    assert still((5.0, 5.9)).spans == []
    assert still((5.0, 6.0)).spans == [(5 * SECOND, 6 * SECOND)]


@pytest.mark.parametrize(("now", "is_within"), [(30.0, True), (40.0, True), (40.1, False)])
def test_it_is_remembered_from_its_end(now: float, is_within: bool) -> None:
    assert still((5.0, 30.0)).within(int(now * SECOND), 10 * SECOND) is is_within


@pytest.mark.parametrize(
    ("spans", "settled"),
    [
        ((), 95.0),
        (((10.0, 94.0),), 95.0),
        (((10.0, 96.0),), 10.0),
        (((10.0, 20.0), (90.0, 99.0)), 90.0),
        (((80.0, 93.0), (90.0, 99.0)), 80.0),
    ],
)
def test_what_was_said_behind_one_may_be_on_its_way(
    spans: tuple[tuple[float, float], ...], settled: float
) -> None:
    assert still(*spans).settled(100 * SECOND, 5 * SECOND) == int(settled * SECOND)


def test_it_is_told_in_figures() -> None:
    assert str(still((1.0, 3.0), (10.0, 14.5))) == "2 times, 6 s in all, 4.5 s at most"
    assert str(still()).startswith("0 times")
