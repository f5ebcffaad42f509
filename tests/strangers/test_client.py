"""The product's client under this world's judge, without sockets."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from bitmart_book.client.intake import Intake
from tests.strangers import joined
from tests.strangers.judge import Judge
from tests.strangers.lies import LIES
from tests.strangers.plan import Liar
from tests.strangers.settings import KNOWN_BROKEN, Setting
from tests.strangers.units import SECOND
from tests.strangers.venue import Venue
from tests.strangers.virtual import World

NAMES = tuple(name for name in sorted(LIES) if name not in KNOWN_BROKEN)


def test_an_honest_venue_is_shown_as_it_is() -> None:
    result = joined.run(Setting(7, 120.0))
    assert result.good, result.found()
    assert result.tally.live > 0.99 * result.tally.looks
    assert result.tally.judged > 4000
    assert result.account.reads > 500
    assert result.streams.told > 20
    assert result.streams.gaps == 0


def test_every_message_comes_at_the_time_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[tuple[int, int]] = []

    class Noted(Intake):
        def receive(self, *args: Any) -> bool:
            times.append((args[5], party.now))
            return super().receive(*args)

    monkeypatch.setattr(joined, "Intake", Noted)
    venue = Venue(7)
    party = joined.JoinedClient(7, venue)
    judge = Judge(Liar(venue, ()), Random(7))
    World(venue, party, party.reader, judge, Random(7)).run(20 * SECOND)
    assert len(times) > 100
    assert all(told == now for told, now in times)


def test_the_same_seed_is_the_same_run() -> None:
    one, two = (joined.run(Setting(8, 60.0, NAMES)) for _ in range(2))
    assert one.notes
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lies_that_it_withstands(seed: int) -> None:
    result = joined.run(Setting(seed, 120.0, NAMES))
    assert len(result.acted) > 5
    assert result.good, (result.command(sockets=False), result.found()[:3])


def test_the_work_list_names_lies() -> None:
    assert set(KNOWN_BROKEN) <= set(LIES)
