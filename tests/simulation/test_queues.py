"""The lens and the inventory beside two markets that know the truth, as `queues` has them."""

import pytest

from bitmart_book.client.account import Account
from tests.simulation.queues import Matched, figures, run
from tests.strangers.queues import Queues

WORLDS = [
    pytest.param(Matched, 1, id="first world"),
    pytest.param(Queues, 1, id="second world, 1 : 1"),
    pytest.param(Queues, 5, id="second world, 5 : 1"),
]


@pytest.mark.parametrize(("kind", "cancels"), WORLDS)
def test_nothing_is_wrong_and_much_is_said(kind, cancels):
    world = run(kind, 3, cancels, 60)
    found = figures(world)
    assert world.wrong == []
    assert found["given"] >= 0.9
    assert found["certain"] >= 0.9
    assert found["inventory certain"] == 1.0
    assert found["looks"] > 200


@pytest.mark.parametrize(("kind", "cancels"), WORLDS)
def test_holes_make_nothing_wrong(kind, cancels):
    world = run(kind, 3, cancels, 60, faults=4)
    found = figures(world)
    assert world.wrong == []
    assert 0.5 < found["certain"] < 0.99
    assert 0.5 < found["inventory certain"] < 1.0
    assert world.account.holes > 0


@pytest.mark.parametrize(("kind", "cancels"), WORLDS[1:])
def test_the_judge_can_see(kind, cancels, monkeypatch):
    """What a lens says that is not told of holes, and that is told lies, is wrong."""
    monkeypatch.setattr(Account, "resync", lambda *_, **__: None)
    world = run(kind, 3, cancels, 60, faults=4)
    assert {what for what, *_ in world.wrong} >= {"net", "inventory"}
