"""Own orders at Bybit among faults: nothing is lost, told twice or invented without a gap."""

import pytest

from bitmart_book.sim.exchange import Exchange
from tests.simulation.own_elsewhere import SYMBOLS, OwnOrders

pytestmark = pytest.mark.private


def traded(seed=4, *, spec="all%20", seconds=120.0):
    exchange = Exchange(seed=seed, venue="bybit", symbols=SYMBOLS, glimpses=50, history=1_500)
    w = OwnOrders(seed, exchange, spec=spec)
    w.begin()
    w.run(seconds)
    w.calm()
    w.run_until(w.wanted_live, 76.0)
    w.run(w.now + 12)
    w.check_rest()
    return w


def found(w):
    return w.lost, w.twice, w.invented, w.account_wrong, w.wrong, dict(w.exchange.breaches)


NOTHING = ([], [], [], [], [], {})


def test_without_faults_everything_is_told():
    w = traded(spec="")
    assert found(w) == NOTHING
    assert w.placed > 20
    for truth in w.truth.values():
        assert (truth.told, truth.gaps) == (len(truth.happened), 0)
        assert (truth.fills_told, truth.fill_gaps) == (len(truth.executed), 0)
        assert truth.fills_told > 5
    assert w.looks["certain"] == w.looks["all"] > 200
    assert w.looks["judged"] >= 2


@pytest.mark.parametrize("seed", range(2))
def test_among_all_faults(seed):
    w = traded(seed)
    assert found(w) == NOTHING
    assert all(truth.told > 10 and truth.fills_told > 3 for truth in w.truth.values())
    assert w.looks["certain"] > 0.8 * w.looks["all"]
