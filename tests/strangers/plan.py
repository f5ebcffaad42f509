"""When which lie is told: drawn from a seed, so that it can be told again, or in part."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.strangers.lies import LIES, Lie
from tests.strangers.units import SECOND, seconds

if TYPE_CHECKING:
    from tests.strangers.venue import Venue

WARM_UP = 15 * SECOND
COOL_DOWN = 60 * SECOND
FORGOTTEN = 200 * SECOND
"""So long after its end no lie is remembered."""
SHORTEST, LONGEST = 0.1, 60.0
MORE = 100_000
"""The number of the first occurrence that is told beside another one."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One lie of a plan. `seed` is the chance it draws from, whatever else is in the plan."""

    number: int
    name: str
    begin: int
    end: int
    seed: str


def draw(seed: int, duration: int, names: Sequence[str]) -> list[Occurrence]:
    """Episodes of one to three lies, 0.1 to 60 s each (log-uniform), with calm between them: at
    least a third of an episode's length, and so a quarter of the time."""
    random = Random(f"plan {seed}")
    deck: list[str] = []
    plan: list[Occurrence] = []
    now = WARM_UP
    while names:
        last = now
        for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
            if not deck:
                deck = sorted(names)
                random.shuffle(deck)
            begin = now + seconds(random.uniform(0.0, 3.0))
            length = math.exp(random.uniform(math.log(SHORTEST), math.log(LONGEST)))
            number = len(plan)
            end = begin + seconds(length)
            plan.append(Occurrence(number, deck.pop(), begin, end, f"lie {seed} {number}"))
            last = max(last, end)
        now = last + seconds((last - now) / SECOND * random.uniform(0.34, 1.2) + 3.0)
        if now > duration - COOL_DOWN:
            break
    plan = [one for one in plan if one.end <= duration - COOL_DOWN // 2]
    return plan + _more(seed, duration, names, plan)


def _more(
    seed: int, duration: int, names: Sequence[str], plan: Sequence[Occurrence]
) -> list[Occurrence]:
    """What does little each time is told oftener, beside others, so that as much is calm."""
    random = Random(f"more {seed}")
    found: list[Occurrence] = []
    for name in sorted(names):
        count = LIES[name].more * duration / (3600 * SECOND)
        for _ in range(int(count) + (random.random() < count % 1)):
            if plan:
                beside = random.choice(plan)
                number = MORE + len(found)
                chance = f"more {seed} {number}"
                found.append(Occurrence(number, name, beside.begin, beside.end, chance))
    return found


class Liar:
    """Tells a plan's lies at a venue, and remembers which acted where and when."""

    def __init__(self, venue: Venue, plan: Collection[Occurrence]) -> None:
        self.venue = venue
        self.told: list[tuple[Occurrence, Lie]] = []
        self.log: list[str] = []
        self._old = 0
        for one in plan:
            venue.later(one.begin, self._beginner(one))

    def _beginner(self, one: Occurrence):  # type: ignore[no-untyped-def]
        def begin(now: int) -> None:
            lie = LIES[one.name](self.venue, Random(one.seed), one.begin, one.end)
            if not lie.aim():
                return
            self.told.append((one, lie))
            self.venue.lies.append(lie)
            lie.begins(now)
            self.log.append(f"{now} begins {one.number} {one.name} {lie.endpoint} {lie.topic}")
            self.venue.later(one.end, self._ender(lie))

        return begin

    def _ender(self, lie: Lie):  # type: ignore[no-untyped-def]
        def end(now: int) -> None:
            self.venue.lies.remove(lie)
            lie.ends(now)

        return end

    def acting(self, house: str, topic: str, now: int, memory: Callable[[str], int]) -> set[str]:
        """Names of the lies that act on a topic now, or did so no longer ago than `memory` of
        their name is. `now` may not go back."""
        while self._old < len(self.told) and self.told[self._old][0].end < now - FORGOTTEN:
            self._old += 1
        return {
            one.name
            for one, lie in self.told[self._old :]
            if now - memory(one.name) <= one.end and lie.touches(house, topic)
        }

    def telling(self, names: Collection[str], endpoint: str, now: int) -> bool:
        """Whether one of these lies is told of an endpoint, or what it held back may still come."""
        return any(
            one.name in names and lie.endpoint == endpoint and now - one.end <= FORGOTTEN
            for one, lie in self.told
        )

    def told_at(self, names: Collection[str], endpoint: str, when: int) -> bool:
        """Whether one of these lies was told of an endpoint when something there happened."""
        return any(
            one.name in names
            and lie.endpoint == endpoint
            and one.begin <= when <= one.end + FORGOTTEN
            for one, lie in self.told
        )

    def occurrences(self) -> dict[str, int]:
        """How often each lie found something to lie about."""
        counts: dict[str, int] = {}
        for one, _ in self.told:
            counts[one.name] = counts.get(one.name, 0) + 1
        return counts

    def acted(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for one, lie in self.told:
            counts[one.name] = counts.get(one.name, 0) + lie.acted
        return counts


LIES_IN_ORDER = tuple(LIES)
