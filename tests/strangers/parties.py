"""Clients that run under the virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.strangers import joined
from tests.strangers.account_judge import AccountTally
from tests.strangers.judge import Judge, Reader
from tests.strangers.naive import NaiveClient
from tests.strangers.plan import Liar
from tests.strangers.result import Result
from tests.strangers.runs import plan_of
from tests.strangers.settings import BOOKS, Setting
from tests.strangers.units import seconds
from tests.strangers.venue import Venue
from tests.strangers.virtual import World


def naive(setting: Setting, wrap: Callable[[Reader], Reader] = lambda reader: reader) -> Result:
    """The client of an afternoon. `wrap` puts something between it and the judge."""
    client = NaiveClient([(house, topic) for house, topic, _ in BOOKS])
    venue = Venue(setting.seed, trader=setting.trader)
    liar = Liar(venue, plan_of(setting))
    judge = Judge(liar, Random(f"judge {setting.seed}"))
    world = World(venue, client, wrap(client), judge, Random(f"world {setting.seed}"))
    world.run(seconds(setting.length))
    return Result(
        setting,
        judge.tally,
        AccountTally(),
        {},
        liar.acted(),
        dict(venue.broken),
        len(BOOKS),
        liar.log,
        world.fingerprint(),
        liar.occurrences(),
    )


PARTIES: dict[str, Callable[[Setting], Result]] = {"client": joined.run, "naive": naive}
