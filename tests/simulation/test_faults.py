"""Each fault by itself, and all together: no LIVE book is ever wrong or old, and all come back."""

import json
import os
import subprocess
import sys

import pytest

from bitmart_book.sim.exchange import Exchange, Knobs
from bitmart_book.sim.faults import private, sides
from bitmart_book.sim.faults.grammar import words_of
from tests.simulation.bounds import FAMILIES
from tests.simulation.channels import CONTRACTS, STREAMS
from tests.simulation.kinds import NOT_YET, WORLD_KINDS
from tests.simulation.scenarios import STALL_WITHIN, all_at_once, stalls
from tests.simulation.scripted import Fault, Faults, Silence
from tests.simulation.simulate import Result, _come_back, percentile, simulate, simulate_many
from tests.simulation.world import World

SYMBOLS = ("BTC_USDT", "ETH_USDT", "Yinbi_BTC")
SECONDS = 36.0
OTHERS = (
    "futures/depth20:BTCUSDT",
    "futures/depthAll5:SOLUSDT",
    "spot/depth5:BTC_USDT",
    "legacy/depth:ETH_USDT",
    *STREAMS,
)
# What is told of an account needs one: see test_account.
PRIVATE = {"badfield", "cutprivate", "ahead", "idlater", "lastword"}
SHARES = {name: kind.share for name, kind in WORLD_KINDS.items()}
# How long books may take after the faults are over; a ban is respected for a minute.
BACK_WITHIN = {"ban": 76.0}


def world(seed=1, *, spec="", faults=None, knobs=None, topics=(), **options):
    symbols = (*SYMBOLS, *CONTRACTS) if topics else SYMBOLS
    exchange = Exchange(seed=seed, symbols=symbols, knobs=knobs, glimpses=20)
    w = World(seed, exchange, spec=spec, faults=faults, **options)
    w.subscribe(*SYMBOLS, *topics)
    return w


def found(w):
    """What must not be."""
    return w.wrong, w.over_age, dict(w.exchange.breaches)


NOTHING = ([], [], {})


def one_fault(name):
    """A world in which that fault, and nothing else, has acted four times."""
    # What acts on other channels needs somebody who listens to them.
    w = world(
        spec=f"{name}@8 {name}@15 {name}@22 {name}@29",
        seed=len(name),
        topics=OTHERS if name in sides.KINDS or name in private.KINDS else (),
    )
    w.run(SECONDS)
    w.calm()
    w.run_until(w.wanted_live, BACK_WITHIN.get(name, 15.0))
    w.run(w.now + 5)
    return w


@pytest.mark.parametrize("name", [n for n in WORLD_KINDS if n not in {*NOT_YET, *PRIVATE}])
def test_one_fault(name):
    w = one_fault(name)
    assert w.network.counts[name] > 0
    assert found(w) == NOTHING
    assert w.judge.checked > 200
    assert w.wanted_live()


@pytest.mark.parametrize("name", NOT_YET)
def test_a_fault_that_is_not_in_the_mix_yet_acts(name):
    assert one_fault(name).network.counts[name] > 0
    assert all(name != word.name for word in words_of("all", SHARES))


def test_what_is_not_in_the_mix_is_there_and_says_why():
    assert set(NOT_YET) <= set(WORLD_KINDS)
    assert all(len(why.split()) > 4 for why in NOT_YET.values())


@pytest.mark.parametrize("seed", range(4))
def test_all_faults_at_once(seed):
    w = world(seed, spec="all%120", knobs=Knobs(opcode="mixed"))
    w.run(120)
    w.calm()
    w.run_until(w.wanted_live, 76.0 if w.now < w.banned_at + 61 else 15.0)
    assert w.network.log.total > 80
    assert len(w.network.counts) > 25
    assert found(w) == NOTHING


def test_a_run_of_many_kinds_of_exchanges():
    total = simulate_many(range(3), 0.25, faults="all%60")
    assert total.failed == []
    assert total.symbol_hours == pytest.approx(0.75, abs=0.2)
    assert total.frames > 3_500
    assert total.faults > 125
    assert total.live_share > 0.5
    assert set(total.hours) == set(total.judged) == {*FAMILIES.values(), "account"}
    assert min(total.hours.values()) > 0.1 * total.symbol_hours
    assert len(total.digests) == len(total.comebacks + total.banned_comebacks) == 3
    gaps = [s for kind, clean, s in total.recoveries if kind == "gap" and clean]
    assert 0.0 < percentile(gaps, 0.5) < 0.4
    # Of a hundred gaps the last one tells of one unlucky moment.
    assert percentile(gaps, 0.95) < 2.0


def test_the_same_seed_is_the_same_run_whatever_the_hash_seed():
    code = (
        "from tests.simulation.simulate import simulate;"
        "print(simulate(7, 0.05, faults='all%200').digests)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop()) > 64
    assert simulate(7, 0.02).digests != simulate(8, 0.02).digests


# --- stalls, and whole connections ---


def test_a_stall_is_seen_in_time_even_by_nobody():
    plain, blocked = stalls(range(60))
    assert len(plain) == len(blocked) == 30
    assert plain[0][0] <= STALL_WITHIN
    assert blocked[0][0] <= STALL_WITHIN


def test_a_whole_connection_in_doubt_is_won_back_at_once():
    times = all_at_once(1, symbols=115)
    assert len(times) == 115
    assert times[-1] < 1.0


# --- single situations ---


def test_a_reply_to_a_request_is_no_subscription():
    """When the subscription is lost but a request is answered, the book must not be content with
    replies: it would be LIVE and yet hear of no change."""

    class LostSubscription(Fault):
        def loses_request(self, world, text):
            return '"subscribe"' in text and self.active(world)

    w = world(faults=Faults(LostSubscription(end=12)))
    w.run(12)
    w.run(w.now + 8)
    updates = w.engine["BTC_USDT"].stats["updates"]
    w.run(w.now + 10)
    assert w.engine["BTC_USDT"].stats["updates"] > updates
    assert found(w) == NOTHING


def test_a_hundred_cuts():
    w = world(seed=5)
    slowest = 0.0
    for _ in range(100):
        w.run_until(w.all_live, 40)
        w.run(w.now + w.rng.uniform(0.0, 3.0))
        if w.links:
            w.cut(next(iter(w.links)))
        start = w.now
        w.run_until(w.all_live, 40)
        slowest = max(slowest, w.now - start)
    assert found(w) == NOTHING
    assert w.client.counters["disconnects"] == 100
    # A new try may have to wait for its turn: the venue allows so many.
    assert slowest < 31.0
    w.client.close(w.now)
    w.carry_out()
    w.run(w.now + 1)
    assert not w.links
    assert w.client.report()["connections"] == {}


def test_an_update_that_is_lost_before_a_heartbeat():
    """A heartbeat of a version that the book does not have proves that updates were lost. It looks
    like an empty update that has the next version, which spot does not send."""

    class LosesTheLast(Fault):
        """Every update that is followed by quiet."""

        def frames(self, world, link, payload):
            lost = isinstance(payload, str) and "Yinbi_BTC" in payload and '"update"' in payload
            if lost and '"asks":[],"bids":[]' not in payload and self.active(world):
                world.seen["lost"] += 1
                return []
            return [(payload, 0.0)]

    knobs = Knobs(heartbeat_interval=0.3)
    w = world(faults=Faults(LosesTheLast(start=10, end=60)), knobs=knobs)
    w.run(80)
    assert w.seen["lost"] > 5
    assert found(w) == NOTHING


def test_a_frame_that_does_not_inflate_puts_every_book_of_its_connection_in_doubt():
    w = world()
    w.run(20)
    w._arrive_at_client(next(iter(w.by_server.values())), b"\x07no deflate")
    assert {book.state for book in w.engine.books} == {"GAP"}
    assert w.run_until(w.wanted_live, 2) < 1


def test_a_side_of_which_nothing_is_known_is_not_shown():
    w = world()
    w.run(20)
    w.exchange.markets.take("BTC_USDT", "ask", 110)
    w._from_exchange()
    w.run(w.now + 0.09)
    assert w.engine["BTC_USDT"].state != "LIVE"
    assert w.run_until(w.wanted_live, 2) < 1
    assert found(w) == NOTHING


def frame_of(kind, version, bids, asks):
    """A frame of BTC_USDT that the exchange did not send."""
    item = {"asks": asks, "bids": bids, "ms_t": 1, "symbol": "BTC_USDT", "type": kind}
    data = [{**item, "version": version}]
    return json.dumps({"data": data, "table": "spot/depth/increase100"})


def cut_off_from_requests():
    """A world in which a quiet market's book hears only what the test sends; (world, receive)."""

    class Deaf(Fault):
        def loses_request(self, world, text):
            return '"request"' in text and self.active(world)

    w = world(faults=Faults(Deaf(start=20)))
    w.run(20)
    w.exchange.markets.pause()
    w.run(21)
    link = next(iter(w.by_server.values()))
    return w, lambda text: w._arrive_at_client(link, text)


def test_a_heartbeat_is_no_update_behind_a_snapshot_either():
    w, receive = cut_off_from_requests()
    book = w.engine["BTC_USDT"]
    version, (bids, asks) = book.sequence, book.depth(100, exact=True)
    rows = [[[str(price), str(size)] for price, size in side] for side in (bids, asks)]
    receive(frame_of("update", version + 2, [], rows[1][:1]))
    assert book.state == "GAP"
    # The heartbeat has overtaken the update whose version it repeats.
    receive(frame_of("update", version + 3, [], []))
    receive(frame_of("update", version + 3, [[str(bids[0][0]), "7"]], []))
    receive(frame_of("snapshot", version + 2, *rows))
    if book.state == "LIVE":
        assert (book.sequence, str(book.best_bid.exact[1])) in (
            (version + 2, str(bids[0][1])),
            (version + 3, "7"),
        )


def test_a_crossed_snapshot_is_not_healed_by_an_update():
    w, receive = cut_off_from_requests()
    book = w.engine["BTC_USDT"]
    version, (bids, asks) = book.sequence, book.depth(50, exact=True)
    rows = [[[str(price), str(size)] for price, size in side] for side in (bids, asks)]
    crossing = [rows[1][0][0], "1"]
    receive(frame_of("snapshot", version, [crossing, *rows[0]], rows[1]))
    assert book.state != "LIVE"
    receive(frame_of("update", version + 1, [], [[crossing[0], "0"]]))
    assert book.state != "LIVE"
    receive(frame_of("snapshot", version + 1, rows[0], rows[1][1:]))
    assert book.state == "LIVE"


def test_two_bad_symbols_in_one_message_cost_only_themselves():
    knobs = Knobs(error_shape="documented", all_or_nothing=True)
    w = world(knobs=knobs)
    bad = [f"spot/depth/increase100:NOPE{number}_USDT" for number in range(2)]
    w.client.subscribe(bad, w.now)
    w.run(60)
    assert {w.client.wanted.states()[topic] for topic in bad} == {"REJECTED"}
    assert w.wanted_live()


# --- the harness itself ---


def test_the_oracle_can_see_a_wrong_book():
    """The simulation is worth nothing if it cannot fail: a book that is a little wrong is found."""
    for side, place in (("bid", 0), ("ask", 0), ("bid", 15), ("ask", 60)):
        w = world()
        w.run(10)
        book = w.engine["BTC_USDT"]
        price, size = (book.bids if side == "bid" else book.asks)[place].exact
        row = [(price, size + 1)]
        book.apply_delta(row if side == "bid" else [], row if side == "ask" else [])
        w.compare_all()
        assert w.wrong
        assert {what[:3] for _, _, _, what in w.wrong} == {side}
        assert {symbol for _, symbol, _, _ in w.wrong} == {"BTC_USDT"}


def test_the_oracle_can_see_an_old_book():
    class Mute(Fault):
        """One symbol is silent while its connection is not."""

        def frames(self, world, link, payload):
            muted = self.active(world) and isinstance(payload, str) and "BTC_USDT" in payload
            return [] if muted else [(payload, 0.0)]

    w = world(faults=Faults(Mute(start=10)))
    w.run(12)
    book = w.engine["BTC_USDT"]
    w.engine.confirm(book, int(60e9), by="somebody who is mistaken")
    w.run(19)
    assert w.over_age == []
    w.run(26)
    assert {fact[1] for fact in w.over_age} == {"BTC_USDT"}
    assert w.over_age[0][3] == pytest.approx(10.1, abs=0.6)


def test_a_run_that_does_not_come_back_fails():
    w = world(faults=Faults(Silence(start=20)))
    w.run(30)
    result = Result()
    _come_back(w, result)
    assert result.not_back
    assert result.comebacks[0] > 15


def test_faults_of_the_client_itself():
    w = world(spec="block@20:4s")
    w.run(19)
    frames = w.frames
    w.run(20.1)
    assert w.now < w._blocked_until
    w.run(w._blocked_until - 0.01)
    assert w.frames < frames + 20
    assert not w.wanted_live()
    w.run(w.now + 3)
    assert w.wanted_live()
    assert w.frames > frames + 20
    w = world(spec="sleep@20:60s")
    w.run(20.1)
    w.run(w._blocked_until + 5)
    assert w.wanted_live()
    assert w.client.counters["connects"] == 2
    assert found(w) == NOTHING
