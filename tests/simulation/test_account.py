"""The account in the simulated world: nothing is lost without a gap, and what would be is seen."""

import re

import pytest

from bitmart_book.client.account import Account
from bitmart_book.client.outcomes import Outcome
from bitmart_book.client.pushes import Pushes
from bitmart_book.listeners.audience import Audience
from bitmart_book.sim.exchange import Exchange
from tests.simulation import account
from tests.simulation.account import CHANNEL, AccountWorld, Disturbed, noticeable
from tests.simulation.channels import CONTRACTS
from tests.simulation.simulate import simulate


def traded(seed=4, *, spec="all%40", seconds=240.0, **options):
    exchange = Exchange(seed=seed, symbols=("BTC_USDT", "BMX_ETH", *CONTRACTS), glimpses=20)
    w = AccountWorld(seed, exchange, spec=noticeable(spec), **options)
    w.begin()
    w.subscribe(*exchange.listings, *(f"{CHANNEL}:{symbol}@200ms" for symbol in CONTRACTS))
    w.run(seconds)
    w.calm()
    w.run_until(w.wanted_live, 76.0 if w.now < w.banned_at + 61 else 15.0)
    w.run(w.now + 12)
    w.check_rest()
    return w


def found(w):
    trades = [
        (d.lost, d.twice, d.invented) for d in w.deals.values() if d.lost + d.twice + d.invented
    ]
    orders = w.lost, w.twice, w.invented, w.account_wrong
    return *orders, trades, w.wrong, dict(w.exchange.breaches)


NOTHING = ([], [], [], [], [], [], {})


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_own_orders_and_futures_among_all_faults(seed):
    w = traded(seed)
    assert found(w) == NOTHING
    assert w.orders > 30
    assert all(len(truth.fills) > 3 for truth in w.truth.values())
    assert all(truth.told > 20 for truth in w.truth.values())
    assert w.judge.judged["futures sequenced"] > 1_000
    assert w.holdings["judged"] > 0
    assert w.holdings["certain"] > 0.8 * w.holdings["looks"]


@pytest.mark.parametrize("name", ["reset", "silence", "freeze", "outage", "sleep", "block"])
def test_a_hole_is_told(name):
    w = traded(
        spec=" ".join(f"{name}@{at}" for at in range(10, 110, 15)), seed=len(name), seconds=120.0
    )
    assert found(w) == NOTHING
    if name not in ("freeze", "block"):
        # Holes with nothing between them are one.
        assert sum(truth.gaps for truth in w.truth.values()) >= 2


@pytest.mark.parametrize("name", ["badfield", "cutprivate", "ahead", "idlater", "lastword"])
def test_odd_pushes_cost_nothing_that_is_not_told(name):
    w = traded(spec=f"{name}%8", seed=len(name), seconds=120.0)
    assert w.network.counts[name] > 3
    assert found(w) == NOTHING


def test_public_trades_that_cannot_be_read_are_a_gap():
    w = traded(spec="badtrade%8 oldtrade%8", seconds=120.0)
    assert found(w) == NOTHING
    gaps = sum(deals.gaps for deals in w.deals.values())
    # What a frame loses is told once, and what follows it is told.
    assert 3 < gaps <= 2 * w.network.counts["badtrade"]


def test_without_faults_everything_is_told():
    w = traded(spec="", faults=account.Disturbed(end=0.0))
    w.faults.on = False
    assert found(w) == NOTHING
    for truth in w.truth.values():
        assert truth.told == len(truth.happened)
        assert truth.gaps == 0
    assert all(deals.told > 50 and deals.gaps == 0 for deals in w.deals.values())


@pytest.mark.slow
def test_the_seed_decides_who_trades_and_is_the_same_run_again():
    first, again, other = (simulate(seed, 0.1, faults="all%60") for seed in (2, 2, 3))
    assert first.digests == again.digests
    assert (first.accounts, other.accounts) == (1, 0)
    assert first.failed == other.failed == []
    assert first.orders > 3


# --- what it would see ---


def test_it_sees_an_order_that_is_confirmed_and_too_old(monkeypatch):
    heard, apply = set(), Account._apply_order

    def only_the_first_word(account, order, now):
        if order.order_id in heard:
            return Outcome("repeated", None)
        heard.add(order.order_id)
        return apply(account, order, now)

    monkeypatch.setattr(Account, "_apply_order", only_the_first_word)
    w = traded(spec="", faults=account.Disturbed(end=0.0), seconds=60.0)
    assert "over age" in {what[2] for what in w.account_wrong}


def test_it_sees_public_trades_that_are_lost_or_told_twice():
    w = traded(spec="", faults=account.Disturbed(end=0.0), seconds=20.0)
    deals = w.deals[account.SPOT_TRADES]
    told, tell = [], deals.tell
    deals.tell = told.append
    w.run(w.now + 20)
    deals.tell = tell
    w.run(w.now + 20)
    assert deals.lost == [deals.lost[0]]
    assert len(deals.lost[0]) == len(told)
    assert not deals.twice
    tell(told[0])
    assert deals.twice == told[:1]


@pytest.mark.slow
def test_it_sees_a_hole_that_nobody_tells_of(monkeypatch):
    publish = Audience.publish
    monkeypatch.setattr(
        Audience,
        "publish",
        lambda self, events, pushes: publish(self, [e for e in events if e.kind != "gap"], pushes),
    )
    assert traded(spec="outage%3").lost


@pytest.mark.slow
def test_it_sees_orders_that_are_told_twice(monkeypatch):
    taken = Pushes._taken
    said_again = Outcome("repeated")
    monkeypatch.setattr(Pushes, "_taken", lambda self, *what: taken(self, *what) or said_again)
    assert traded().twice


@pytest.mark.slow
def test_it_sees_an_account_that_forgets_its_holes(monkeypatch):
    monkeypatch.setattr(Account, "resync", lambda self, reason, market=None: None)
    w = traded(spec="outage%3")
    assert w.account_wrong or w.lost


@pytest.mark.slow
def test_it_sees_a_futures_book_that_is_not_as_published(monkeypatch):
    frames = Disturbed.frames

    def changed(self, world, link, payload):
        if type(payload) is str and "futures/depth" in payload:
            payload = re.sub(r'"vol":"[1-8]', '"vol":"9', payload, count=1)
        return frames(self, world, link, payload)

    monkeypatch.setattr(Disturbed, "frames", changed)
    assert traded().wrong
