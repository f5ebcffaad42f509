"""Own orders at Bybit among faults: nothing is lost, told twice or invented without a gap."""

import pytest

from bitmart_book.client.account import Account
from bitmart_book.client.outcomes import Outcome
from bitmart_book.client.pushes import Pushes
from bitmart_book.listeners.audience import Audience
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


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_among_all_faults(seed):
    w = traded(seed)
    assert found(w) == NOTHING
    assert all(truth.told > 10 and truth.fills_told > 3 for truth in w.truth.values())
    assert w.looks["certain"] > 0.8 * w.looks["all"]


@pytest.mark.parametrize("name", ["reset", "silence", "outage"])
def test_a_hole_is_told(name):
    w = traded(len(name), spec=" ".join(f"{name}@{at}" for at in range(5, 60, 6)), seconds=70.0)
    assert found(w) == NOTHING
    assert sum(truth.gaps for truth in w.truth.values()) >= 2
    assert sum(truth.fill_gaps for truth in w.truth.values()) >= 2


@pytest.mark.parametrize("name", ["badfield", "cutprivate", "ahead", "lastword"])
def test_odd_pushes_cost_nothing_that_is_not_told(name):
    w = traded(len(name), spec=f"{name}%15", seconds=90.0)
    assert w.network.counts[name] > 3
    assert found(w) == NOTHING


# --- what it would see ---


@pytest.mark.slow
def test_it_sees_a_hole_that_nobody_tells_of(monkeypatch):
    publish = Audience.publish
    monkeypatch.setattr(
        Audience,
        "publish",
        lambda self, events, pushes: publish(self, [e for e in events if e.kind != "gap"], pushes),
    )
    w = traded(spec="outage@10 outage@40", seconds=60.0)
    assert {what[2] for what in w.lost if what[2] == "execution"}
    assert any(what[2] != "execution" for what in w.lost)


def test_it_sees_words_that_are_told_twice(monkeypatch):
    taken, said_again = Pushes._taken, Outcome("changed")
    monkeypatch.setattr(Pushes, "_taken", lambda self, *what: taken(self, *what) or said_again)
    give = Pushes._give_out

    def again(self, connection, stream, pushed, values, *others):
        give(self, connection, stream, pushed, [*values, *values], *others)

    monkeypatch.setattr(Pushes, "_give_out", again)
    w = traded(spec="", seconds=30.0)
    assert any(what[2] == "execution" for what in w.twice)
    assert any(what[2] != "execution" for what in w.twice)


def test_it_sees_an_inventory_that_forgets_its_holes(monkeypatch):
    monkeypatch.setattr(Account, "resync", lambda self, reason, **about: None)
    w = traded(spec="outage@10 outage@40", seconds=60.0)
    assert w.account_wrong
