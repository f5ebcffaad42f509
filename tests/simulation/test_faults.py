"""Each fault by itself, and all together: no LIVE book is ever wrong, and all come back."""

import pytest

from bitmart_book.sim.exchange import Exchange
from tests.simulation import faults
from tests.simulation.faults import ALL, Faults, Gap, Reset
from tests.simulation.world import World

SYMBOLS = ("BTC_USDT", "ETH_USDT", "SOL_USDT")
# How often a fault acts, where one frame in fifty is not what is wanted.
RATES = {
    "Silence": 0.003,
    "Reset": 0.003,
    "LostAck": 0.5,
    "LostRequest": 0.3,
    "LateReply": 0.5,
    "EmptySnapshot": 0.5,
    "Banned": 0.5,
}
# Some faults need another one to have something to act on.
NEEDS = {
    "LostRequest": Gap,
    "LateReply": Gap,
    # A lost reply between two empty ones would make the second a confirmation.
    "EmptySnapshot": faults.GapOfUpdates,
    "LostAck": Reset,
    "Refused": Reset,
    "Banned": Reset,
}
# Pauses between attempts to connect may have grown to this when the faults stop.
BACK_WITHIN = {"Refused": 40, "Banned": 75, "Rubbish": 40, "Truncated": 40, "Damaged": 40}


def run(kind, seed, seconds=90):
    acting = [kind(end=seconds, rate=RATES.get(kind.__name__, 0.02))]
    if kind.__name__ in NEEDS:
        need = NEEDS[kind.__name__]
        acting.append(need(end=seconds, rate=0.005 if need is Reset else 0.02))
    world = World(seed, Exchange(seed=seed), faults=Faults(*acting))
    world.subscribe(*SYMBOLS)
    world.run(seconds)
    world.run_until(world.all_live, BACK_WITHIN.get(kind.__name__, 20))
    world.run(world.now + 5)
    return world


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_one_fault(kind, seed):
    world = run(kind, seed)
    if kind not in (faults.Refused, faults.Banned):
        assert world.seen[kind.__name__] > 0
    assert world.wrong == []
    assert world.checked > (10 if kind in (faults.Refused, faults.Banned) else 100)
    assert not world.exchange.breaches


@pytest.mark.parametrize("seed", range(3))
def test_all_faults_at_once(seed):
    calm = 120
    acting = Faults(
        *(
            kind(end=calm, rate=RATES.get(kind.__name__, 0.02) / 8)
            for kind in ALL
            if kind is not faults.Refused
        )
    )
    world = World(seed, Exchange(seed=seed), faults=acting)
    world.subscribe(*SYMBOLS)
    world.run(calm)
    world.run_until(world.all_live, 75)
    assert world.wrong == []
    assert len(world.seen) > 10
    assert not world.exchange.breaches


def test_a_reply_to_a_request_is_no_subscription():
    """When the subscription is lost but a request is answered, the book must not be content with
    replies: it would be LIVE and yet hear of no change."""

    class LostSubscription(faults.Fault):
        def loses_request(self, world, text):
            return '"subscribe"' in text and self.active(world)

    world = World(1, Exchange(seed=1), faults=Faults(LostSubscription(end=12)))
    world.subscribe("BTC_USDT")
    world.run(12)
    world.run(world.now + 8)
    updates = world.engine["BTC_USDT"].stats["updates"]
    world.run(world.now + 10)
    assert world.engine["BTC_USDT"].stats["updates"] > updates
    assert world.wrong == []


def test_a_thousand_cuts():
    world = World(5, Exchange(seed=5), check=True)
    world.subscribe("BTC_USDT", "ETH_USDT")
    slowest = 0.0
    for _ in range(1_000):
        world.run_until(world.all_live, 40)
        world.run(world.now + world.rng.uniform(0.0, 3.0))
        if world.links:
            world.cut(next(iter(world.links)))
        start = world.now
        world.run_until(world.all_live, 40)
        slowest = max(slowest, world.now - start)
    assert world.wrong == []
    assert world.client.counters["disconnects"] == 1_000
    assert not world.exchange.breaches
    # A new try may have to wait for its turn: fifteen attempts a minute are half of the limit.
    assert slowest < 31.0
    world.client.close(world.now)
    world._after_client()
    world.run(world.now + 1)
    assert not world.links
    assert world.client.report()["connections"] == {}


def test_the_same_seed_is_the_same_run():
    def log(seed):
        world = run(faults.Truncated, seed, seconds=30)
        return [str(event) for event in world.events], world.checked, dict(world.seen)

    assert log(3) == log(3)
    assert log(3) != log(4)


def test_the_oracle_can_see_a_wrong_book():
    """The simulation is worth nothing if it cannot fail: a book that is a little wrong is found."""
    world = World(1, Exchange(seed=1))
    world.subscribe("BTC_USDT")
    world.run_until(world.all_live, 10)
    book = world.engine["BTC_USDT"]
    best = book.best_bid
    book.apply_delta([(best.exact[0], best.exact[1] + 1)], [])
    world.compare_all()
    assert world.wrong == [(world.now, "BTC_USDT", book.sequence, "bid")]
