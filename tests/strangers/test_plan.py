"""When lies are told: calm is left, lengths are log-uniform, and a part of a plan is that part."""

from __future__ import annotations

import math
from dataclasses import replace

from tests.strangers import parties, plan
from tests.strangers.lies import LIES
from tests.strangers.result import Result
from tests.strangers.runs import plan_of, shrink
from tests.strangers.settings import Setting
from tests.strangers.units import SECOND

HOUR = 3600 * SECOND
NAMES = tuple(sorted(LIES))


def test_a_fifth_of_the_time_is_calm() -> None:
    for seed in range(20):
        lies = plan.draw(seed, HOUR, NAMES)
        edges = sorted((one.begin, one.end) for one in lies)
        covered, reached = 0, 0
        for begin, end in edges:
            covered += max(0, end - max(begin, reached))
            reached = max(reached, end)
        assert covered < 0.8 * HOUR


def test_lengths_are_log_uniform() -> None:
    lengths = [
        math.log((one.end - one.begin) / SECOND)
        for seed in range(40)
        for one in plan.draw(seed, HOUR, NAMES)
    ]
    low, high = math.log(plan.SHORTEST), math.log(plan.LONGEST)
    middle = sum(lengths) / len(lengths)
    assert abs(middle - (low + high) / 2) < 0.15
    assert min(lengths) >= low - 1e-6
    assert max(lengths) <= high + 1e-6


def test_every_lie_comes_equally_often() -> None:
    counts = dict.fromkeys(NAMES, 0)
    for seed in range(40):
        for one in plan.draw(seed, HOUR, NAMES):
            counts[one.name] += one.number < plan.MORE
    assert min(counts.values()) > 0.5 * max(counts.values())


def test_what_does_little_is_told_oftener_and_beside_others() -> None:
    for seed in range(3):
        told = plan.draw(seed, HOUR, NAMES)
        spans = {(one.begin, one.end) for one in told if one.number < plan.MORE}
        more = [one for one in told if one.number >= plan.MORE]
        assert {(one.begin, one.end) for one in more} <= spans
        assert len({one.number for one in told}) == len(told)
        for name in NAMES:
            assert sum(one.name == name for one in more) == LIES[name].more


def test_a_lie_draws_the_same_whatever_else_is_told() -> None:
    setting = Setting(3, 600.0, NAMES)
    whole = plan_of(setting)
    part = plan_of(replace(setting, only=(1, 4)))
    assert part == [whole[1], whole[4]]


def test_a_failure_shrinks_to_the_lies_that_it_needs() -> None:
    setting = Setting(3, 600.0, NAMES)
    calm = parties.naive(Setting(3, 20.0))
    guilty = {2, 7}

    def again(tried: Setting) -> Result:
        numbers = {one.number for one in plan_of(tried)}
        tally = replace(calm.tally, wrong=int(guilty <= numbers))
        return replace(calm, setting=tried, tally=tally)

    fewest = shrink(again(setting), again)
    assert set(fewest.setting.only) == guilty
    assert "--only 2,7" in fewest.command(sockets=False)
