"""The client under a virtual clock, against the simulated exchange: wanted set, sharding, limits,
refusals, quiet books, and a third protocol that takes one file."""

import json
from itertools import pairwise

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book.client import Client, Open, Plan
from bitmart_book.limits import Limiter, Window, connect_rate, message_rate
from bitmart_book.session import Session
from bitmart_book.sim.exchange import Exchange, Knobs
from bitmart_book.venues import BITMART
from bitmart_book.venues.profile import Rate
from tests.simulation.faults import Fault, Faults, Gap, Rubbish, Silence
from tests.simulation.world import World


def world(seed=1, **options):
    knobs = options.pop("knobs", None)
    faults = options.pop("faults", None)
    return World(seed, Exchange(seed=seed, knobs=knobs, **options), faults=faults)


def kinds(world):
    return [event.kind for event in world.events]


# --- the wanted set ---


def test_a_book_is_live_a_moment_after_it_is_wanted():
    w = world()
    w.subscribe("BTC_USDT")
    topic = "spot/depth/increase100:BTC_USDT"
    assert w.client.subscriptions() == {topic: "CONNECTING"}
    assert w.run_until(w.all_live, 2) < 1
    assert kinds(w) == ["connected", "subscribed", "live"]
    assert w.client.answered(topic)


def test_topics_are_counted():
    w = world()
    w.subscribe("BTC_USDT")
    w.subscribe("BTC_USDT")
    w.run_until(w.all_live, 2)
    book = w.engine["BTC_USDT"]
    w.unsubscribe("BTC_USDT")
    assert book.state == BookState.LIVE
    w.unsubscribe("BTC_USDT")
    assert book.state == BookState.CLOSED
    assert w.client.subscriptions() == {}
    with pytest.raises(bb.UsageError, match="not subscribed"):
        w.unsubscribe("BTC_USDT")
    w.run(5)
    assert w.links == {}
    w.subscribe("BTC_USDT")
    w.run_until(w.all_live, 2)
    assert w.engine["BTC_USDT"] is not book


def test_late_frames_after_an_unsubscribe_make_no_book():
    w = world()
    w.subscribe("BTC_USDT", "ETH_USDT")
    w.run_until(w.all_live, 2)
    w.unsubscribe("ETH_USDT")
    w.run(w.now + 2)
    assert "ETH_USDT" not in w.engine
    assert w.engine["BTC_USDT"].state == BookState.LIVE


@pytest.mark.parametrize(
    "topic", ["BTC/USDT", "spot/depth7:BTC_USDT", "spot/depth5:BTC-USDT", "nonsense:BTC_USDT"]
)
def test_what_cannot_exist_is_refused_before_anything_is_sent(topic):
    w = world()
    with pytest.raises(bb.UsageError):
        w.subscribe(topic)
    assert w.links == {}
    assert w.client.subscriptions() == {}


def test_every_kind_of_topic_at_once():
    w = world()
    w.subscribe(
        "BTC_USDT", "spot/depth5:BTC_USDT", "spot/depth20:ETH_USDT", "spot/depth50:SOL_USDT",
        "spot/trade:BTC_USDT", "spot/ticker:BTC_USDT", "spot/bookTicker:BTC_USDT",
        "spot/kline1m:BTC_USDT", "legacy/depth:BMX_ETH@6", "legacy/trade:BMX_ETH@6",
        "legacy/price:BMX_ETH", "legacy/kline:BMX_ETH@1",
    )  # fmt: skip
    w.run(60)
    assert set(w.client.subscriptions().values()) == {"LIVE"}
    assert {push.topic for push in w.pushes} == {
        topic for topic in w.client.subscriptions() if "depth" not in topic
    }
    assert w.wrong == []
    assert not w.exchange.breaches


# --- many ---


def test_two_thousand_symbols_within_a_minute():
    w = world(extra_symbols=2_000)
    w.check = False
    symbols = [f"SYM{number:04d}_USDT" for number in range(1, 2_001)]
    assert w.client.plan(map(w.client.topic, symbols)) == Plan(18, 2_000, 105)
    w.subscribe(*symbols)
    assert w.run_until(w.all_live, 60) < 60
    assert w.client.counters["connect_failures"] == 0
    assert len(w.links) == 18
    w.compare_all()
    assert w.wrong == []
    assert w.checked == 2_000
    assert not w.exchange.breaches


def test_more_than_the_venue_carries_is_refused_before_connecting():
    w = world()
    topics = [f"spot/depth/increase100:S{number}_USDT" for number in range(2_301)]
    with pytest.raises(bb.LimitError, match="20 connections carry 2300"):
        w.client.subscribe(topics, 0.0)
    with pytest.raises(bb.LimitError, match="need 21 connections"):
        w.client.plan(topics)
    assert w.client.subscriptions() == {}


def test_a_quiet_symbol_is_asked_and_stays_live():
    w = world(knobs=Knobs(heartbeat_interval=None))
    w.subscribe("BTC_USDT")
    w.run_until(w.all_live, 2)
    w.exchange.pause("BTC_USDT")
    w.run(w.now + 10)
    start, epoch = w.now, w.engine["BTC_USDT"].epoch
    while w.now < start + 60:
        w.run(w.now + 0.25)
        assert w.engine["BTC_USDT"].state == BookState.LIVE
    assert w.client.counters["questions"] >= 8
    assert w.engine["BTC_USDT"].epoch == epoch, "a reply that says nothing new starts no new run"
    assert w.wrong == []


def test_a_channel_that_cannot_be_asked_is_confirmed_by_its_connection():
    w = world()
    w.subscribe("spot/depth5:BTC_USDT", "ETH_USDT")
    w.run_until(w.all_live, 5)
    w.exchange.pause("BTC_USDT")
    w.run(w.now + 30)
    book = w.engine["spot/depth5:BTC_USDT"]
    assert (book.state, book.confirmed_by) == (BookState.LIVE, "connection")
    w.faults = Faults(Silence(rate=1.0))
    w.run(w.now + 13)
    assert book.state != BookState.LIVE


# --- refusals ---


@pytest.mark.parametrize("shape", ["documented", "topic", "bare"])
def test_one_bad_symbol_among_many_costs_only_itself(shape):
    w = world(knobs=Knobs(error_shape=shape))
    topics = [f"spot/depth5:{symbol}" for symbol in ("BTC_USDT", "NOPE_USDT", "ETH_USDT")]
    w.subscribe(*topics, "spot/trade:NIX_USDT")
    w.run(15)
    assert w.client.subscriptions() == {
        "spot/depth5:BTC_USDT": "LIVE",
        "spot/depth5:NOPE_USDT": "REJECTED",
        "spot/depth5:ETH_USDT": "LIVE",
        "spot/trade:NIX_USDT": "REJECTED",
    }
    refusal = w.client.refusal("spot/depth5:NOPE_USDT")
    assert refusal.code == "92001"
    assert refusal.message
    book = w.engine["spot/depth5:NOPE_USDT"]
    assert book.state == BookState.REJECTED
    assert not w.exchange.breaches


@pytest.mark.parametrize("acks", ["none", "after"])
def test_acknowledgements_are_not_needed(acks):
    w = world(knobs=Knobs(acks=acks))
    w.subscribe("BTC_USDT", "spot/ticker:ETH_USDT")
    w.run(10)
    assert set(w.client.subscriptions().values()) == {"LIVE"}
    assert w.client.counters["renewals"] == 0


def test_updates_prove_a_subscription_where_nothing_is_acknowledged():
    """A book whose first snapshot was lost, and that was asked for, is not subscribed for ever."""
    w = world(knobs=Knobs(acks="none"), faults=Faults(Gap(end=0.3, rate=1.0)))
    w.subscribe("BTC_USDT")
    w.run(60)
    assert w.seen["Gap"] > 0
    assert w.client.counters["unanswered"] <= 2
    assert w.wrong == []


@pytest.mark.parametrize("opcode", ["binary", "mixed"])
def test_compressed_pushes(opcode):
    w = world(knobs=Knobs(opcode=opcode))
    w.subscribe("BTC_USDT", "ETH_USDT", "spot/trade:BTC_USDT")
    w.run(20)
    assert set(w.client.subscriptions().values()) == {"LIVE"}
    assert w.wrong == []
    assert w.checked > 50


# --- a third protocol ---


def test_another_protocol_takes_one_file():
    """An invented generation, unlike both of BitMart's, with its words in one profile only."""
    from tests.invented import INVENTED, InventedExchange

    w = World(1, InventedExchange(), check=False)
    w.client = Client(w.engine_of(INVENTED), INVENTED, rng=w.rng, limiter=Limiter())
    w.subscribe("moon/book:CHEESE")
    w.run_until(w.all_live, 5)
    book = w.engine["CHEESE"]
    assert tuple(book.best_bid) == (1.5, book.sequence + 3.0)
    sequence = book.sequence
    w.exchange.lose_one()
    w.run(w.now + 1)
    assert book.state == BookState.LIVE, "asked for, and won back"
    assert w.client.counters["gaps"] == 1
    assert book.sequence > sequence
    assert tuple(book.best_bid) == (1.5, book.sequence + 3.0)


# --- back-off and limits ---


class NobodyHome(Fault):
    def refuses(self, world):
        from bitmart_book.sim.exchange import Refusal

        world.seen["tries"] += 1
        return Refusal(503, "nobody home")


def test_a_connection_that_brings_only_rubbish_is_given_up():
    w = world(faults=Faults(Rubbish(start=5, end=20, rate=1.0)))
    w.subscribe("BTC_USDT")
    w.run(20)
    ends = [event.reason for event in w.events if event.kind == "disconnected"]
    assert "3 bad frames in 10 s" in ends
    assert w.run_until(w.all_live, 40) < 40


def test_it_never_gives_up_and_never_storms():
    w = world(faults=Faults(NobodyHome()))
    w.subscribe("BTC_USDT")
    w.run(600)
    # Pauses of 15 s on average once they have grown.
    assert 25 < w.seen["tries"] < 80
    w.faults = Faults()
    assert w.run_until(w.all_live, 40) < 40


def test_a_door_that_opens_and_slams_is_not_stormed():
    """Reaching the open state proves nothing: the pauses grow all the same."""
    w = world()
    w.subscribe("BTC_USDT")
    while w.now < 600:
        w.run(w.now + 0.3)
        for name in list(w.by_server.values()):
            w.cut(name.name)
    assert 25 < w.client.counters["disconnects"] < 90


def test_a_ban_is_respected():
    class Banned(Fault):
        def refuses(self, world):
            from bitmart_book.sim.exchange import Refusal

            world.seen[round(world.now)] += 1
            return Refusal(429, "too many")

    w = world(faults=Faults(Banned()))
    w.subscribe("BTC_USDT")
    w.run(300)
    times = sorted(w.seen)
    assert all(later - earlier >= 59 for earlier, later in pairwise(times))


def test_attempts_of_several_clients_share_one_limit():
    limiter, now = Limiter(), 0.0
    engines = [bb.Engine(clock=lambda: 0, only_known=True) for _ in range(3)]
    clients = [Client(engine, BITMART, rng=None, limiter=limiter) for engine in engines]
    opened = 0
    for client in clients:
        client.subscribe([f"spot/depth5:S{n}_USDT" for n in range(115 * 6)], now)
        client.advance(now)
        opened += sum(isinstance(action, Open) for action in client.actions())
    assert opened == 18, "three clients, six connections each, and twenty a minute"
    clients[0].subscribe([f"spot/depth5:T{n}_USDT" for n in range(115 * 6)], now)
    clients[0].advance(now)
    assert sum(isinstance(action, Open) for action in clients[0].actions()) == 2


def test_the_legacy_feed_connects_once_in_four_seconds_whatever_happens():
    w = world()
    w.subscribe("legacy/depth:BMX_ETH@6")
    for _ in range(20):
        w.run_until(w.all_live, 60)
        w.cut(next(iter(w.links)))
    w.run_until(w.all_live, 60)
    assert w.client.counters["connects"] == 21
    assert w.client.counters["connect_failures"] == 0
    assert not w.exchange.breaches


def test_a_window_is_exact_at_its_edges():
    window = Window(Rate(2, 10.0))
    assert window.ready_at(0.0) == 0.0
    window.take(0.0)
    window.take(4.0)
    assert window.ready_at(5.0) == 10.0
    window.take(10.0)
    assert window.ready_at(11.0) == 14.0
    assert message_rate(Rate(100, 10.0)) == Rate(50, 10.0)
    assert connect_rate(Rate(30, 60.0)) == Rate(20, 60.0)
    assert connect_rate(Rate(1, 4.0)).seconds > 4.0


# --- a session by itself ---


def spot_session():
    profile = next(p for p in BITMART.profiles if p.market == "spot")
    return Session(profile, 0.0)


def test_a_silent_connection_is_pinged_and_then_dead():
    session = spot_session()
    assert session.next_deadline(0.0) == 5.0
    session.advance(5.0, 0.0)
    assert session.output() == ["ping"]
    session.advance(7.9, 0.0)
    assert session.dead is None
    session.advance(8.0, 0.0)
    assert session.dead == "silent for 8.0 s"


def test_any_byte_answers_a_ping():
    session = spot_session()
    session.advance(5.0, 0.0)
    session.advance(8.0, 6.0)
    assert session.dead is None
    assert session.next_deadline(8.0) == 11.0


def test_messages_keep_to_half_of_the_limit():
    session = spot_session()
    session.subscribe(f"spot/depth5:S{n}_USDT" for n in range(20 * 60))
    session.advance(0.0, 0.0)
    first = session.output()
    assert len(first) == 50
    assert all(len(json.loads(text)["args"]) == 20 for text in first)
    assert session.next_deadline(0.0) == 5.0
    for topic in (topic for text in first for topic in json.loads(text)["args"]):
        session.seen(topic)
    session.advance(9.9, 9.9)
    assert session.output() == []
    session.advance(10.0, 9.9)
    assert len(session.output()) == 10


def test_pings_are_messages_too():
    session = spot_session()
    session.subscribe(f"spot/depth5:S{n}_USDT" for n in range(20 * 49))
    session.advance(0.0, 0.0)
    session.advance(5.0, 0.0)
    assert session.output()[-1] == "ping"
    session.request(["spot/depth/increase100:A_B"])
    session.advance(5.1, 5.1)
    assert session.output() == [], "forty-nine and a ping are fifty"


def test_giving_up_what_was_not_asked_for_says_nothing():
    session = spot_session()
    session.subscribe(["spot/depth5:A_B"])
    session.unsubscribe(["spot/depth5:A_B"])
    session.advance(0.0, 0.0)
    assert session.output() == []
