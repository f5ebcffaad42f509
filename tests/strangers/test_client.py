"""The product's client under this world's judge, without sockets."""

from __future__ import annotations

import pytest

from tests.strangers import joined
from tests.strangers.lies import LIES
from tests.strangers.settings import KNOWN_BROKEN, Setting

NAMES = tuple(name for name in sorted(LIES) if name not in KNOWN_BROKEN)


def test_an_honest_venue_is_shown_as_it_is() -> None:
    result = joined.run(Setting(7, 120.0))
    assert result.good, result.found()
    assert result.tally.live > 0.99 * result.tally.looks
    assert result.tally.judged > 4000
    assert result.account.reads > 500
    assert result.streams.told > 20
    assert result.streams.gaps == 0


def test_the_same_seed_is_the_same_run() -> None:
    one, two = (joined.run(Setting(8, 60.0, NAMES)) for _ in range(2))
    assert one.notes
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lies_that_it_withstands(seed: int) -> None:
    result = joined.run(Setting(seed, 240.0, NAMES))
    assert len(result.acted) > 5
    assert result.good, (result.command(sockets=False), result.found()[:3])


def test_the_work_list_names_lies() -> None:
    assert set(KNOWN_BROKEN) <= set(LIES)
