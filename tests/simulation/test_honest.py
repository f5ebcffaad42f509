"""An honest server's books are not held back, nor those beside an ill symbol."""

import pytest

from tests.simulation import figures
from tests.simulation.honest import beside_an_ill_one, honest, many
from tests.simulation.world import World


def bad(rows):
    return [row for row in rows if not row.passed]


@pytest.mark.parametrize("seed", [0])
def test_slow_ways_odd_clocks_and_silence_hold_nothing_back(seed):
    holds = honest(seed, 0.06)
    assert bad(figures.of_holds("honest", holds)) == []
    assert holds.looks > 10_000


def test_a_symbol_that_is_ill_costs_only_itself():
    holds = many(beside_an_ill_one, [1], 0.03)
    assert bad(figures.of_holds("beside", holds)) == []
    assert holds.ill["ill"] == 1


@pytest.mark.slow
def test_it_sees_what_is_held_back(monkeypatch):
    run = World.run

    def cut_now_and_then(world, until):
        run(world, until)
        if world.links and world.now % 30 < 0.1:
            world.cut(next(iter(world.links)))

    monkeypatch.setattr(World, "run", cut_now_and_then)
    holds = honest(1, 0.04)
    assert holds.live_share < 0.999
    assert holds.longest > 0.2
    assert holds.where[0] == 1
