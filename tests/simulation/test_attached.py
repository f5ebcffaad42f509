"""What other programs read in the simulated world: never more than the owner would say."""

import pytest

from bitmart_book.sim.exchange import Exchange, Knobs
from tests.simulation.attached import AttachedWorld

SYMBOLS = ("BTC_USDT", "ETH_USDT")
OTHERS = ("futures/depth20:BTCUSDT", "spot/depth5:BTC_USDT", "legacy/depth:ETH_USDT")


def run(seed, seconds, *, spec, topics=(), **options):
    exchange = Exchange(seed=seed, symbols=(*SYMBOLS, "BTCUSDT"), glimpses=20, **options)
    world = AttachedWorld(seed, exchange, spec=spec)
    world.subscribe(*SYMBOLS, *topics)
    world.run(seconds)
    return world


def test_updates_are_lost_a_socket_is_silent_and_the_loop_is_blocked():
    world = run(3, 20, spec="gap@6 freeze@9 block@14")
    assert world.network.log.total >= 2
    assert world.wrong == []
    assert world.compared["both"] > 100
    assert world.compared["neither"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_all_faults_at_once(seed):
    world = run(seed, 300, spec="all%120", topics=OTHERS, knobs=Knobs(opcode="mixed"))
    assert world.network.log.total > 100
    assert world.wrong == []
    assert world.compared["both"] > 1_000
    # A connection that is heard lengthens a deadline that is shown at the next beat.
    assert world.compared["here alone"] < 0.05 * world.compared["both"]
