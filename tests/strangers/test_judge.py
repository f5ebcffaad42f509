"""The judge sees what is wrong, and does not see what is not there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.strangers import bounds, parties
from tests.strangers.judge import Reader, swept
from tests.strangers.lies import LIES
from tests.strangers.result import Result
from tests.strangers.settings import Setting
from tests.strangers.venue import FUTURES_FORM

CALM = Setting(seed=5, length=60.0)


class Between(ABC):
    """Stands between a reader and the judge, and changes what is read of one topic."""

    topic = "spot/depth/increase100:BTC_USDT"

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.kept: Any = None
        self.count = 0

    def topics(self) -> Sequence[tuple[str, str]]:
        return self.reader.topics()

    def read(self, house: str, topic: str, what: str, *args: Any) -> Any:
        shown = self.reader.read(house, topic, what, *args)
        if topic != self.topic or shown is None or what != "quote":
            return shown
        self.count += 1
        return self.spoil(shown)

    @abstractmethod
    def spoil(self, shown: Any) -> Any:
        """What is shown instead."""


class Stale(Between):
    """Shows the quote of its 20th read for ever."""

    def spoil(self, shown: Any) -> Any:
        if self.count <= 20:
            self.kept = shown
        return self.kept


class Torn(Between):
    """Shows the bid of the read before beside the ask of now."""

    def spoil(self, shown: Any) -> Any:
        before, self.kept = self.kept or shown, shown
        return (*before[:2], *shown[2:])


class Invented(Between):
    """Shows a size that is one lot too large, now and then."""

    def spoil(self, shown: Any) -> Any:
        if self.count % 50:
            return shown
        return (shown[0], shown[1] + Decimal("0.00001"), *shown[2:])


class Rounded(Between):
    """Shows half a tick more, which no price of the market can be."""

    def spoil(self, shown: Any) -> Any:
        return (shown[0] + Decimal("0.005"), *shown[1:]) if self.count == 30 else shown


def run(wrap: type[Between] | None) -> Result:
    return parties.naive(CALM) if wrap is None else parties.naive(CALM, wrap)


def test_an_honest_run_is_right() -> None:
    result = run(None)
    assert result.tally.judged > 1500
    assert result.tally.live > 0.95 * result.tally.looks
    assert (result.tally.wrong, result.tally.over_age) == (0, 0), result.tally.found
    assert result.good


@pytest.mark.parametrize("wrap", [Torn, Invented, Rounded])
def test_what_was_never_true_is_wrong(wrap: type[Between]) -> None:
    result = run(wrap)
    assert result.tally.wrong > 0
    assert all("BTC_USDT" in text for text in result.tally.found)
    assert not result.good


def test_what_is_superseded_for_too_long_is_over_age() -> None:
    result = run(Stale)
    assert result.tally.over_age > 20
    assert result.tally.wrong == 0
    assert result.tally.oldest > 30 * 10**9


def test_the_bound_is_the_largest_of_the_lies_that_act() -> None:
    assert bounds.bound("sequenced", set()) == 10_000_000_000
    assert bounds.bound("sequenced", {"doubles", "late_inside"}) == 10_000_000_000
    assert bounds.bound("sequenced", {"frozen", "late_inside"}) == 65_000_000_000
    assert bounds.bound("pictures", {"mute"}) == 28_500_000_000
    assert bounds.bound("unstamped", {"late_inside"}) is None


def test_each_lie_that_has_a_row_of_its_own_is_in_this_world_and_on_the_page() -> None:
    page = bounds.promised()
    assert set(page) == set(bounds.TOGETHER)
    for lie, fault in bounds.FAULTS.items():
        assert lie in LIES
        assert all(fault in faults for faults in page.values())


def test_a_sweep_is_counted_by_hand() -> None:
    rows = [(700_000, 3), (700_010, 5)]
    average, worst, size, notional, levels = swept(FUTURES_FORM, rows, 4)
    assert (worst, size, notional, levels) == (70_001.0, 4.0, 280_001.0, 2)
    assert average == 280_001 / 4
