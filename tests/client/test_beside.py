"""Silent books, asked for on a second connection: two servers that agree, and one that does not."""

import json

from bitmart_book import BookState
from bitmart_book.client.session import Session
from bitmart_book.client.times import AGREE_WITHIN, RENEW_BEFORE, TICK
from bitmart_book.sim.exchange import Exchange
from bitmart_book.venues import find_venue
from tests.simulation.elsewhere import world_of
from tests.simulation.scripted import Fault, Faults

QUIET = "kraken/book10:MINA/GBP"
OKX = find_venue("okx").profiles[0]


class Repeats(Fault):
    """One server stands still: of a symbol it sends no update, and to who subscribes anew what it
    sent at first."""

    def __init__(self, connection, symbol):
        super().__init__()
        self.connection = connection
        self.symbol = symbol
        self.first = None

    def frames(self, world, link, payload):
        if link.name != self.connection or f'"symbol":"{self.symbol}","bids"' not in payload:
            return [(payload, 0.0)]
        if '"snapshot"' in payload:
            self.first = self.first or payload
        elif not self.active(world):
            return [(payload, 0.0)]
        return [(self.first, 0.0)] if '"snapshot"' in payload else []


def world_with(*faults, topics=(QUIET,)):
    """Kraken, with two connections: two depths of a pair are on two. What is quiet stands still."""
    exchange = Exchange(seed=1, venue="kraken", glimpses=20)
    world = world_of("kraken")(1, exchange, faults=Faults(*faults), log=True)
    world.subscribe("kraken/book10:BTC/USD", "kraken/book100:BTC/USD", *topics)
    world.run_until(world.all_live, 10.0)
    exchange.markets.pause("kraken:MINA/GBP")
    return world


def is_true(world):
    """Whether the quiet book, which is LIVE, is as its market is."""
    truth = next(world.exchange.markets.publisher("kraken:MINA/GBP").glimpses.latest_first())
    depth = world.engine[QUIET].depth(10)
    return (depth.bids.tobytes(), depth.asks.tobytes()) == (truth.bids[:160], truth.asks[:160])


def sent_of(world, name):
    """What is sent on that connection from now on, as (method, symbols)."""
    sent, original = [], world._to_exchange

    def note(link, text):
        if link.name == name and "subscribe" in text:
            message = json.loads(text)
            sent.append((message["method"], *message["params"]["symbol"]))
        original(link, text)

    world._to_exchange = note
    return sent


def test_a_silent_book_stays_live_while_two_connections_agree():
    world = world_with()
    own, other = sent_of(world, "kraken-1"), sent_of(world, "kraken-2")
    epoch = world.engine[QUIET].epoch
    world.run(world.now + 280.0)
    book = world.engine[QUIET]
    assert own == [], "its own subscription goes on"
    asked = [one for one in other if "MINA/GBP" in one]
    assert 5 <= asked.count(("subscribe", "MINA/GBP")) <= 7
    assert asked.count(("subscribe", "MINA/GBP")) == asked.count(("unsubscribe", "MINA/GBP"))
    assert world.client.counters["beside_agreed"] == asked.count(("subscribe", "MINA/GBP"))
    assert (book.state, book.epoch) == (BookState.LIVE, epoch)
    assert book.confirmed_by in ("connection", "another connection")
    assert world.client.counters["to_stale"] == 0
    assert world.wrong == world.over_age == []


def test_a_server_that_repeats_an_old_snapshot_is_found_out():
    """Its market changes once more, and nobody is told there; then everything is silent."""
    fault = Repeats("kraken-1", "MINA/GBP")
    world = world_with(fault)
    fault.start = world.now
    world.run(world.now + 5.0)
    world.exchange.markets.take("kraken:MINA/GBP", "bid", 2)
    changed = world.now
    world.run(world.now + 1.0)
    book = world.engine[QUIET]
    assert book.state == BookState.LIVE, "nothing shows it yet"
    world.run_until(lambda: book.state != BookState.LIVE, 60.0)
    (told,) = [event for event in world.events if event.kind == "gap"]
    assert (told.topic, told.reason) == (QUIET, "another connection shows another book")
    assert world.run_until(lambda: book.state == BookState.LIVE, 5.0) < 1.0
    assert world.now - changed < 60.5
    assert is_true(world)
    assert world.client.counters["beside_contradicted"] == 1
    world.run(world.now + 120.0)
    assert is_true(world)
    assert world.wrong == []


def test_a_second_connection_that_stands_still_costs_nothing_but_its_vote():
    fault = Repeats("kraken-2", "MINA/GBP")
    world = world_with(fault)
    world.run(world.now + 60.0)
    assert world.client.counters["beside_agreed"] == 1
    fault.start = world.now
    world.exchange.markets.take("kraken:MINA/GBP", "bid", 2)
    world.run(world.now + 70.0)
    assert world.client.counters["beside_older"] == 1
    assert world.client.counters["to_stale"] == world.client.counters["to_gap"] == 0
    # Nobody agreed: it was subscribed anew where it is.
    assert world.engine[QUIET].stats["snapshots"] == 2
    assert is_true(world)


def test_where_no_answer_comes_there_it_is_renewed_here_in_time():
    class Deaf(Fault):
        def frames(self, world, link, payload):
            lost = self.active(world) and link.name == "kraken-2" and "MINA/GBP" in payload
            return [] if lost else [(payload, 0.0)]

    world = world_with(Deaf(5.0))
    world.run(world.now + 120.0)
    assert world.client.counters["beside_unanswered"] == 2
    assert world.engine[QUIET].stats["snapshots"] == 3
    assert world.client.counters["to_stale"] == 0
    assert world.engine[QUIET].state == BookState.LIVE


def test_a_book_that_speaks_meanwhile_needs_no_second_opinion():
    world = world_with()
    world.run_until(lambda: world.client.counters["beside"], 60.0)
    world.exchange.markets.take("kraken:MINA/GBP", "ask", 1)
    world.run(world.now + 2.0)
    assert world.client.counters["beside_spoken"] == 1
    assert world.engine[QUIET].state == BookState.LIVE
    assert not world.client.connections["kraken-2"].beside


def test_the_second_connection_goes_and_the_book_is_renewed_on_its_own():
    world = world_with()
    world.run_until(lambda: world.client.counters["beside"], 60.0)
    world.cut("kraken-2")
    world.run(world.now + 12.0)
    assert world.client.counters["beside_ended"] == 1
    assert world.engine[QUIET].state == BookState.LIVE
    assert world.client.counters["to_stale"] == 0


def test_a_frame_there_changes_no_book_here():
    world = world_with()
    book = world.engine[QUIET]
    before = book.stats["snapshots"]
    world.run_until(lambda: world.client.counters["beside_agreed"], 70.0)
    assert book.stats["snapshots"] == before
    assert book.stats["refused_generation"] > 0


def test_another_depth_of_the_pair_is_not_carried_where_it_is_asked_for():
    world = world_with()
    world.run_until(lambda: world.client.counters["beside"], 60.0)
    world.subscribe("kraken/book100:MINA/GBP")
    carried = world.client.wanted["kraken/book100:MINA/GBP"].connection
    assert carried.name == "kraken-3"
    world.run_until(world.all_live, 5.0)
    assert world.client.counters["to_gap"] == 0


def test_what_is_asked_beside_is_counted_as_a_renewal_there():
    session = Session(OKX, 0.0)
    for number in range(int(OKX.limits.operations.count / 4)):
        assert session.renewals_at(float(number)) <= number
        session.note_renewal(float(number), OKX.limits.topics_per_message)
    assert session.renewals_at(1000.0) > 3000.0


def test_an_answer_has_time_to_come_before_the_book_is_renewed():
    assert AGREE_WITHIN + 2 * TICK < RENEW_BEFORE
