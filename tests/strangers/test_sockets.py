"""A real feed of public names on this venue's websockets: it is LIVE, and it is right."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.strangers import runs, sockets
from tests.strangers.judge import Judge
from tests.strangers.ledger import GAP, Ledger
from tests.strangers.lies import Resets
from tests.strangers.settings import BOOKS, TRADES, Setting
from tests.strangers.units import SECOND

pytestmark = pytest.mark.slow

LONGEST = 120.0


def seen_enough(judge: Judge, ledgers: Mapping[str, Ledger]) -> bool:
    """Every book was LIVE, much was read, and every stream told something."""
    told = [ledgers[topic] for _, topic in TRADES]
    told += [ledgers["spot/user/orders:ALL_SYMBOLS"], ledgers["futures/order"]]
    return (
        len(judge.tally.live_topics) == len(BOOKS)
        and judge.tally.judged > 1000
        and all(len(ledger.told) > 2 for ledger in told)
    )


def test_an_honest_venue_is_shown_as_it_is() -> None:
    result = asyncio.run(sockets.run(Setting(3, LONGEST), enough=seen_enough))
    assert len(result.tally.live_topics) == len(BOOKS)
    assert (result.tally.wrong, result.tally.over_age) == (0, 0), result.found()
    assert result.streams.told > 5
    assert result.streams.good, result.found()
    assert result.account.reads > 0
    assert (result.account.wrong, result.account.over_age) == (0, 0), result.found()
    assert not result.broken


def test_cut_connections_are_told_and_nothing_is_shown_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gap_told(judge: Judge, ledgers: Mapping[str, Ledger]) -> bool:
        told = ledgers["spot/trade:BTC_USDT"].told
        return GAP in told and len(told) - told.index(GAP) > 3 and judge.tally.judged > 1000

    def aim_at_spot(lie: Resets) -> bool:
        lie.endpoint = "spot_public"
        return True

    monkeypatch.setattr(Resets, "aim", aim_at_spot)
    monkeypatch.setattr(runs, "WARM_UP", 3 * SECOND)
    setting = Setting(1, LONGEST, ("resets",), alone=True)
    result = asyncio.run(sockets.run(setting, enough=gap_told))
    assert result.acted == {"resets": result.acted["resets"]}
    assert result.streams.gaps >= 1
    assert (result.tally.wrong, result.tally.over_age) == (0, 0), result.found()
    assert result.streams.good, result.found()
