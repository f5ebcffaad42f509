"""The client under a virtual clock, against the simulated exchange: wanted set, sharding, limits,
refusals, quiet books, and a third protocol that takes one file."""

import json
import random
import re
from itertools import pairwise

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book.client.client import Client
from bitmart_book.client.limits import Bucket, Gate, Limiter, Window, connect_bucket, message_rate
from bitmart_book.client.outbox import Open
from bitmart_book.client.plan import Plan, plan
from bitmart_book.client.session import Session
from bitmart_book.sim.exchange import Exchange, Knobs
from bitmart_book.venues import BITMART
from bitmart_book.venues.profile import Rate, Reply
from tests.helpers.by_hand import ByHand
from tests.helpers.frames import spot
from tests.simulation.scripted import Fault, Faults, Gap, NobodyHome, Rubbish, Silence
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
    assert w.client.wanted.states() == {topic: "CONNECTING"}
    assert w.run_until(w.all_live, 2) < 1
    assert kinds(w) == ["connected", "syncing", "subscribed", "live"]
    assert w.client.wanted.answered(topic)


def test_an_event_is_of_a_kind_that_equals_its_text():
    w = world()
    w.subscribe("BTC_USDT")
    w.run_until(w.all_live, 2)
    assert {type(event.kind) for event in w.events} == {bb.EventKind}
    assert w.events[0].kind is bb.EventKind.CONNECTED
    assert w.events[0].kind == "connected"
    assert f"{w.events[0].kind}" == "connected"


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
    assert w.client.wanted.states() == {}
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
    assert w.client.wanted.states() == {}


def test_every_kind_of_topic_at_once():
    w = world()
    w.subscribe(
        "BTC_USDT", "spot/depth5:BTC_USDT", "spot/depth20:ETH_USDT", "spot/depth50:SOL_USDT",
        "spot/trade:BTC_USDT", "spot/ticker:BTC_USDT", "spot/bookTicker:BTC_USDT",
        "spot/kline1m:BTC_USDT", "legacy/depth:BMX_ETH@6", "legacy/trade:BMX_ETH@6",
        "legacy/price:BMX_ETH", "legacy/kline:BMX_ETH@1",
    )  # fmt: skip
    w.run(60)
    assert set(w.client.wanted.states().values()) == {"LIVE"}
    assert {push.topic for push in w.pushes} == {
        topic for topic in w.client.wanted.states() if "depth" not in topic
    }
    assert w.wrong == []
    assert not w.exchange.breaches


# --- many ---


@pytest.mark.parametrize(
    ("count", "uses"),
    [(400, Plan(4, 400, 21)), pytest.param(2_000, Plan(18, 2_000, 105), marks=pytest.mark.slow)],
)
def test_all_symbols_of_a_venue_within_a_minute(count, uses):
    w = world(extra_symbols=count)
    w.check = False
    symbols = [f"SYM{number:04d}_USDT" for number in range(1, count + 1)]
    assert plan(w.client.venue, map(w.client.venue.topic, symbols)) == uses
    w.subscribe(*symbols)
    assert w.run_until(w.all_live, 60) < 60
    assert w.client.counters["connect_failures"] == 0
    assert len(w.links) == uses.connections
    w.compare_all()
    assert w.wrong == []
    assert w.judge.checked == count
    assert not w.exchange.breaches


def test_more_than_the_venue_carries_is_refused_before_connecting():
    w = world()
    topics = [f"spot/depth/increase100:S{number}_USDT" for number in range(2_301)]
    with pytest.raises(bb.LimitError, match="20 connections carry 2300"):
        w.client.subscribe(topics, 0.0)
    with pytest.raises(bb.LimitError, match="need 21 connections"):
        plan(w.client.venue, topics)
    assert w.client.wanted.states() == {}


def test_a_quiet_symbol_is_asked_and_stays_live():
    w = world(knobs=Knobs(heartbeat_interval=None))
    w.subscribe("BTC_USDT")
    w.run_until(w.all_live, 2)
    w.exchange.markets.pause("BTC_USDT")
    w.run(w.now + 10)
    start, epoch = w.now, w.engine["BTC_USDT"].epoch
    while w.now < start + 60:
        w.run(w.now + 0.25)
        assert w.engine["BTC_USDT"].state == BookState.LIVE
    assert w.client.counters["questions"] >= 8
    assert w.engine["BTC_USDT"].epoch == epoch, "a reply that says nothing new starts no new run"
    assert w.wrong == []


def test_a_book_alive_by_replies_alone_is_subscribed_anew_once_a_minute():
    """They may come out of a cache: what a subscription begins with is another witness."""
    w = world(knobs=Knobs(heartbeat_interval=None))
    w.subscribe("BTC_USDT")
    w.run_until(w.all_live, 2)
    w.exchange.markets.pause("BTC_USDT")
    w.run(w.now + 10)
    epoch = w.engine["BTC_USDT"].epoch
    end = w.now + 130
    while w.now < end:
        w.run(w.now + 0.25)
        assert w.engine["BTC_USDT"].state == BookState.LIVE
    assert w.client.counters["audits"] == 2
    assert w.client.counters["renewals"] == 2
    assert w.engine["BTC_USDT"].epoch == epoch
    assert w.wrong == []


def test_a_channel_that_cannot_be_asked_is_confirmed_by_its_connection():
    w = world()
    w.subscribe("spot/depth5:BTC_USDT", "ETH_USDT")
    w.run_until(w.all_live, 5)
    w.exchange.markets.pause("BTC_USDT")
    w.run(w.now + 30)
    book = w.engine["spot/depth5:BTC_USDT"]
    assert (book.state, book.confirmed_by) == (BookState.LIVE, "connection")
    w.faults = Faults(Silence(rate=1.0))
    w.run(w.now + 13)
    assert book.state != BookState.LIVE


def test_a_picture_that_does_not_come_is_subscribed_anew():
    """Nobody can ask for it; its connection keeps it LIVE, and does not make it younger."""
    w = world()
    w.subscribe("spot/depth5:BTC_USDT", "ETH_USDT")
    w.run_until(w.all_live, 5)
    w.exchange.markets.pause("BTC_USDT")
    w.run(w.now + 18)
    book = w.engine["spot/depth5:BTC_USDT"]
    assert (book.state, book.confirmed_by) == (BookState.LIVE, "connection")
    assert book.quote.age > 17.0
    assert w.client.counters["renewals"] == 0
    w.run(w.now + 4)
    assert w.client.counters["renewals"] == 1
    assert book.quote.age < 3.0
    assert book.epoch == 1


def test_a_picture_that_stopped_is_not_shown_for_ever():
    class Lost(Fault):
        def frames(self, world, link, payload):
            return [] if "depth5" in str(payload) and self.active(world) else [(payload, 0.0)]

    w = world()
    w.subscribe("spot/depth5:BTC_USDT", "ETH_USDT")
    w.run_until(w.all_live, 5)
    w.faults = Faults(Lost(start=w.now))
    book = w.engine["spot/depth5:BTC_USDT"]
    while book.state == BookState.LIVE:
        age = book.quote.age
        w.run(w.now + 0.25)
    assert 27.0 < age <= 28.0


@pytest.mark.parametrize("topic", ["spot/depth5:BTC_USDT", "futures/depth5:BTCUSDT"])
def test_a_picture_that_is_stamped_before_the_last_one_is_not_vouched_for_by_its_connection(topic):
    """It is not applied, and may be the newer one all the same: a clock was set a little."""

    class Earlier(Fault):
        count = 0

        def frames(self, world, link, payload):
            if "depth5" not in str(payload) or not self.active(world):
                return [(payload, 0.0)]
            self.count += 1
            stamp = re.search(r'"ms_t":"?(\d+)', payload).group(1)
            earlier = payload.replace(stamp, str(int(stamp) - 2_500))
            return [(earlier, 0.0)] if self.count <= 2 else []

    w = world()
    w.subscribe(topic, "ETH_USDT", "futures/depthIncrease20:ETHUSDT")
    w.run_until(w.all_live, 5)
    w.faults = Faults(Earlier(start=w.now))
    book = w.engine[topic]
    while book.state == BookState.LIVE:
        age = book.quote.age
        w.run(w.now + 0.25)
    assert 8.0 < age <= 10.0


# --- refusals ---


@pytest.mark.parametrize("shape", ["documented", "topic", "bare"])
def test_one_bad_symbol_among_many_costs_only_itself(shape):
    w = world(knobs=Knobs(error_shape=shape))
    topics = [f"spot/depth5:{symbol}" for symbol in ("BTC_USDT", "NOPE_USDT", "ETH_USDT")]
    w.subscribe(*topics, "spot/trade:NIX_USDT")
    w.run(15)
    assert w.client.wanted.states() == {
        "spot/depth5:BTC_USDT": "LIVE",
        "spot/depth5:NOPE_USDT": "REJECTED",
        "spot/depth5:ETH_USDT": "LIVE",
        "spot/trade:NIX_USDT": "REJECTED",
    }
    refusal = w.client.wanted.refusal("spot/depth5:NOPE_USDT")
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
    assert set(w.client.wanted.states().values()) == {"LIVE"}
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
    assert set(w.client.wanted.states().values()) == {"LIVE"}
    assert w.wrong == []
    assert w.judge.checked > 50


# --- a third protocol ---


def test_another_protocol_takes_one_file():
    """An invented generation, unlike both of BitMart's, with its words in one profile only."""
    from tests.helpers.invented import INVENTED, InventedExchange

    w = World(1, InventedExchange(), check=False)
    w.speak(INVENTED, w.rng)
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
    # Pauses of 5 s on average once they have grown, and no more than one each 8.6 s for long.
    assert 50 < w.seen["tries"] < 95
    w.faults = Faults()
    assert w.run_until(w.all_live, 15) < 15


def test_a_server_that_accepts_and_drops_is_not_stormed():
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
        opened += sum(isinstance(action, Open) for action in client.outbox.take_actions())
    assert opened == 18, "three clients, six connections each: the whole burst"
    clients[0].subscribe([f"spot/depth5:T{n}_USDT" for n in range(115 * 6)], now)
    clients[0].advance(now)
    assert not clients[0].outbox.take_actions()
    later = clients[0].next_deadline(now)
    while later < 8.5:
        clients[0].advance(later)
        later = clients[0].next_deadline(later)
    clients[0].advance(60 / 7)
    assert sum(isinstance(action, Open) for action in clients[0].outbox.take_actions()) == 1


def test_rubbish_takes_legacy_books_out_of_live_too():
    """It may have been a picture, and nobody can be asked for another one: the next one heals."""
    w = world()
    w.subscribe("legacy/depth:BMX_ETH@6", "legacy/price:BMX_ETH")
    w.run_until(w.all_live, 10)
    book = w.engine["legacy/depth:BMX_ETH"]
    w._arrive_at_client(next(iter(w.by_server.values())), "{'subscribe':'depth'")
    assert book.state == BookState.GAP
    assert book.reason.startswith("an unreadable frame")
    assert w.run_until(w.all_live, 3) < 2
    assert w.client.counters["disconnects"] == 0


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


@pytest.mark.parametrize("rate", [Rate(30, 60.0), Rate(20, 60.0), Rate(10, 60.0), Rate(1, 4.0)])
def test_a_bucket_keeps_every_window_below_the_rate(rate):
    bucket, now, taken = connect_bucket(rate), 100.0, []
    while len(taken) < 200:
        # Impatient at first, then as fast as it may be, then after a rest.
        now = bucket.ready_at(now) + (300.0 if len(taken) % 70 == 69 else 0.0)
        assert bucket.ready_at(now) == now
        bucket.take(now)
        taken.append(now)
    for start in taken:
        within = sum(start <= time < start + rate.seconds for time in taken)
        assert within <= max(1, rate.count * 5 // 6)


def test_a_bucket_lets_a_burst_through_and_then_one_each_interval():
    bucket = Bucket(3, 10.0)
    for _ in range(3):
        assert bucket.ready_at(0.0) == 0.0
        bucket.take(0.0)
    assert bucket.ready_at(0.0) == pytest.approx(10.0)
    bucket.take(10.0)
    assert bucket.ready_at(10.0) == pytest.approx(20.0)


def test_one_attempts_it_for_all_while_nobody_answers():
    rng = random.Random(1)
    gate, a, b = Gate(Bucket(18, 8.0)), object(), object()
    assert gate.ready_at(a, 0.0) == gate.ready_at(b, 0.0) == 0.0
    gate.attempt(a, 0.0)
    gate.failed(a, 1.0, rng, banned=False)
    ready = gate.ready_at(b, 1.0)
    assert 1.0 <= ready <= 1.5
    gate.attempt(b, ready)
    assert gate.ready_at(a, ready) == ready + 10.0, "b has ten seconds to say what became of it"
    gate.opened(b)
    assert gate.ready_at(a, ready) == ready
    assert gate.unreachable_since is None


def test_a_gate_that_bans_is_left_alone_for_a_minute():
    gate, a = Gate(Bucket(18, 8.0)), object()
    gate.attempt(a, 0.0)
    gate.failed(a, 0.0, random.Random(1), banned=True)
    assert gate.ready_at(a, 0.0) == 60.0
    gate.failed(a, 1.0, random.Random(1), banned=False)
    assert gate.ready_at(a, 1.0) == 60.0


def test_who_gave_up_keeps_nobody_waiting():
    gate, a, b = Gate(Bucket(18, 8.0)), object(), object()
    gate.attempt(a, 0.0)
    gate.failed(a, 0.0, random.Random(1), banned=False)
    gate.attempt(a, 1.0)
    gate.give_up(a)
    assert gate.ready_at(b, 1.0) == 1.0


# --- a session by itself ---


SPOT = next(p for p in BITMART.profiles if p.market == "spot")
PONG = Reply(kind="pong")


def spot_session():
    """Open, and its first ping is answered."""
    session = Session(SPOT, 0.0)
    session.advance(0.0, 0.0)
    assert session.output() == ["ping"]
    session.receive(PONG, 0.0)
    return session


def test_a_silent_connection_is_pinged_and_then_dead():
    session = spot_session()
    assert session.next_deadline(0.0) == 5.0
    session.advance(5.0, 0.0)
    assert session.output() == ["ping"]
    session.advance(7.9, 0.0)
    assert session.dead is None
    session.advance(8.0, 0.0)
    assert session.dead == "silent for 8.0 s"


@pytest.mark.parametrize("last_byte", [0.0, 0.1, 2.0, 4.9, 5.0, 5.1, 7.0, 9.9])
def test_silence_is_noticed_in_eight_seconds_whenever_it_begins(last_byte):
    session, now = spot_session(), 0.0
    while session.dead is None:
        now = session.next_deadline(now)
        session.advance(now, min(now, last_byte))
        if now <= last_byte:
            session.receive(PONG, now)
    assert last_byte + 3.0 <= now <= last_byte + 8.001


def test_any_byte_shows_that_somebody_is_there():
    session = spot_session()
    session.advance(5.0, 0.0)
    session.advance(8.0, 6.0)
    assert session.dead is None


def test_pings_go_out_however_much_arrives():
    session, now, pings = spot_session(), 0.0, 0
    while now < 60.0:
        now = session.next_deadline(now)
        session.advance(now, now)
        pings += session.output().count("ping")
        session.receive(PONG, now)
    assert pings == 12


def test_a_pong_that_is_late_says_that_all_before_it_is():
    session = spot_session()
    session.advance(5.0, 5.0)
    session.receive(PONG, 5.1)
    assert session.liveness.pings.round_trip == pytest.approx(0.1)
    session.advance(10.0, 10.0)
    assert not session.liveness.behind(12.9)
    assert session.next_deadline(10.0) == 13.0
    assert session.liveness.behind(13.0)
    session.receive(PONG, 14.0)
    assert session.liveness.behind(14.0), "what came before it was as late"
    session.advance(15.0, 15.0)
    session.receive(PONG, 15.1)
    assert not session.liveness.behind(15.1)


def test_a_connection_that_falls_behind_for_good_is_dead():
    session = spot_session()
    session.advance(5.0, 5.0)
    session.receive(PONG, 5.1)
    for now in (10.0, 15.0):
        session.advance(now, now)
    assert session.dead is None
    session.advance(18.0, 18.0)
    assert session.dead == "a ping was not answered for 8.0 s"


@pytest.mark.parametrize("answers", [True, False])
def test_a_probe_is_over_when_all_before_it_was_heard(answers):
    session = spot_session()
    if not answers:
        session = Session(
            msgspec.structs.replace(
                SPOT, speech=msgspec.structs.replace(SPOT.speech, ping_answered=False)
            ),
            0.0,
        )
        session.advance(0.0, 0.0)
    session.advance(5.0, 5.0)
    if answers:
        session.receive(PONG, 5.1)
    session.liveness.probe(7.0, "a standstill")
    assert session.liveness.behind(7.0)
    session.advance(7.5, 7.5)
    if answers:
        assert session.liveness.behind(7.5)
        session.receive(PONG, 7.5)
    else:
        assert session.liveness.behind(9.9)
        session.advance(10.0, 10.0)
    assert not session.liveness.behind(10.0)


def test_messages_keep_to_half_of_the_limit():
    session = spot_session()
    session.subscribe(f"spot/depth5:S{n}_USDT" for n in range(20 * 60))
    session.advance(0.0, 0.0)
    first = session.output()
    assert len(first) == 49, "and the first ping"
    assert all(len(json.loads(text)["args"]) == 20 for text in first)
    assert session.next_deadline(0.0) == 5.0
    for topic in (topic for text in first for topic in json.loads(text)["args"]):
        session.seen(topic)
    session.advance(9.9, 9.9)
    assert session.output() == ["ping"]
    session.advance(10.0, 9.9)
    assert len(session.output()) == 11


def test_pings_are_messages_too():
    session = spot_session()
    session.subscribe(f"spot/depth5:S{n}_USDT" for n in range(20 * 48))
    session.advance(0.0, 0.0)
    session.advance(5.0, 0.0)
    assert session.output()[-1] == "ping"
    session.request(["spot/depth/increase100:A_B"])
    session.advance(5.1, 5.1)
    assert session.output() == [], "forty-eight and two pings are fifty"


def test_giving_up_what_was_not_asked_for_says_nothing():
    session = spot_session()
    session.subscribe(["spot/depth5:A_B"])
    session.unsubscribe(["spot/depth5:A_B"])
    session.advance(0.0, 0.0)
    assert session.output() == []


# --- what is late, short, frozen ---


class Standstill(Fault):
    """The exchange goes on, and all that it sends arrives only afterwards."""

    def frames(self, world, link, payload):
        return [(payload, max(0.0, self.end - world.now) if self.active(world) else 0.0)]


def states(world, symbol="BTC_USDT"):
    return [event.kind for event in world.events if event.topic and event.topic.endswith(symbol)]


def blocked(world, seconds):
    """Nothing of the client runs for so long; what has arrived meanwhile is applied first."""
    world.now += seconds
    world.exchange.advance(world.now)
    world._from_exchange()


def test_a_process_that_stood_still_shows_nothing_until_a_pong_came_through():
    w = world()
    w.subscribe("BTC_USDT")
    w.run(20)
    w.client.next_deadline(w.now)
    epoch = w.engine["BTC_USDT"].epoch
    blocked(w, 4.5)
    w.client.advance(w.now)
    w.carry_out()
    book = w.engine["BTC_USDT"]
    assert book.state == BookState.STALE
    assert book.reason.startswith("nothing ran here for")
    assert w.run_until(w.all_live, 2) < 1
    assert book.epoch == epoch, "nothing was lost, and so it is the same run"
    assert states(w)[-2:] == ["stale", "live"]
    assert w.wrong == []


def test_after_a_long_sleep_every_connection_is_made_anew():
    w = world()
    w.subscribe("BTC_USDT")
    w.run(20)
    w.client.next_deadline(w.now)
    blocked(w, 600.0)
    assert w.engine["BTC_USDT"].state == BookState.STALE, "nobody had to notice"
    w.client.advance(w.now)
    w.carry_out()
    assert w.run_until(w.all_live, 5) < 3
    assert w.client.counters["connects"] == 2


def test_a_connection_that_falls_behind_is_not_shown():
    """Bytes never stop, but what they say is from seconds ago."""

    class Growing(Fault):
        def frames(self, world, link, payload):
            return [(payload, min(30.0, max(0.0, (world.now - 20) / 4)))]

    w = world(faults=Faults(Growing()))
    w.subscribe("BTC_USDT")
    w.run(20)
    oldest = 0.0
    while w.now < 80:
        w.run(w.now + 0.05)
        book = w.engine["BTC_USDT"]
        if book.state == BookState.LIVE:
            oldest = max(oldest, w.now - (book.exchange_time_ms - w.exchange.clock.ms(0.0)) / 1000)
    assert w.client.counters["behind"] > 0
    assert oldest < 10.0


def test_replies_without_updates_are_a_dead_subscription():
    """The server answers requests and sends heartbeats, but has forgotten the subscription."""

    class Forgotten(Fault):
        def frames(self, world, link, payload):
            renewed = world.client.counters["renewals"] > 0
            update = '"update"' in payload if isinstance(payload, str) else False
            if self.active(world) and update and not renewed:
                return []
            return [(payload, 0.0)]

    w = world(faults=Faults(Forgotten(start=10)))
    w.subscribe("BTC_USDT")
    w.run(60)
    assert w.client.counters["frozen"] == 1
    assert w.client.counters["renewals"] == 1
    updates = w.engine["BTC_USDT"].stats["updates"]
    w.run(70)
    assert w.engine["BTC_USDT"].stats["updates"] > updates
    assert w.wrong == []


def test_a_book_alive_by_heartbeats_alone_is_audited_once_a_minute():
    w = world()
    w.subscribe("BTC_USDT")
    w.run(5)
    w.exchange.markets.pause("BTC_USDT")
    heartbeat = (
        '{{"data":[{{"asks":[],"bids":[],"ms_t":1,"symbol":"BTC_USDT","type":"update",'
        '"version":{}}}],"table":"spot/depth/increase100"}}'
    )
    link = next(iter(w.by_server.values()))
    for _ in range(60):
        w.run(w.now + 3)
        w._arrive_at_client(link, heartbeat.format(w.engine["BTC_USDT"].sequence))
    assert w.client.counters["audits"] in (2, 3)
    assert w.client.counters["questions"] == 0
    assert w.engine["BTC_USDT"].stats["audits"] == w.client.counters["audits"]


def test_a_book_known_too_shallowly_is_refreshed_by_a_merge(monkeypatch):
    # The markets in the box are not lively enough to use up seventy levels.
    monkeypatch.setattr("bitmart_book.client.recovery.ENOUGH_KNOWN", 80)
    w = world(symbols=["BTC_USDT"], speed=30.0)
    w.subscribe("BTC_USDT")
    short = 0
    while w.now < 120:
        w.run(w.now + 1)
        book = w.engine["BTC_USDT"]
        short += book.state == BookState.LIVE and not book.depth(75).complete
    refreshes = w.client.counters["refreshes"]
    assert refreshes > 0
    assert book.stats["merges"] == book.stats["audits"] == refreshes
    assert book.stats["audit_mismatches"] == 0
    assert book.epoch == 1
    assert short < 5
    assert w.wrong == []


def test_every_transition_is_told_once():
    w = world(faults=Faults(Gap(rate=0.05, end=60)))
    w.subscribe("BTC_USDT", "ETH_USDT")
    w.run(70)
    w.cut(next(iter(w.links)))
    w.run(80)
    w.unsubscribe("BTC_USDT")
    told = states(w)
    told = [kind for kind in told if kind != "subscribed"]
    assert all(before != after for before, after in pairwise(told))
    assert told[:2] == ["syncing", "live"]
    assert told.count("gap") == w.client.counters["gaps"] - states(w, "ETH_USDT").count("gap")
    assert told[-5:] == ["live", "connecting", "syncing", "live", "closed"]
    live = [event for event in w.events if event.kind == "live"]
    assert all(event.after < 20 for event in live)


def test_explain_says_what_is_wrong_and_what_is_done():
    w = world()
    topic = w.client.venue.topic("BTC_USDT")
    assert w.client.explain(topic, 0.0) == f"{topic} is not subscribed."
    w.subscribe("BTC_USDT")
    assert w.client.explain(topic, w.now).endswith("; connecting again in 0.0 s.")
    w.run(5)
    text = w.client.explain(topic, w.now)
    assert text.startswith("BTC_USDT is live: confirmed by update 0.")
    w.faults = Faults(Fault(), Lost())
    link = next(iter(w.by_server.values()))
    version = w.engine["BTC_USDT"].sequence + 3
    w._arrive_at_client(
        link,
        f'{{"data":[{{"asks":[],"bids":[],"ms_t":1,"symbol":"BTC_USDT","type":"update",'
        f'"version":{version}}}],"table":"spot/depth/increase100"}}',
    )
    w.now += 0.4
    text = w.client.explain(topic, w.now)
    assert text.startswith("BTC_USDT is gap, not live for 0.4 s: version gap: expected ")
    assert "; request 1 sent, next step in 0." in text


class Lost(Fault):
    def loses_request(self, world, text):
        return '"request"' in text


# --- rows of docs/faults.md that nothing else shows ---


class Snapshots(Fault):
    """What becomes of snapshots while it acts: `change(payload)` gives another, or None."""

    def __init__(self, change, *arguments, **options):
        super().__init__(*arguments, **options)
        self.change = change

    def frames(self, world, link, payload):
        if not self.active(world) or '"snapshot"' not in payload:
            return [(payload, 0.0)]
        changed = self.change(payload)
        return [] if changed is None else [(changed, 0.0)]


def test_after_a_cut_a_full_connection_is_back_with_six_messages_every_time():
    hand = ByHand()
    symbols = [f"S{number}_USDT" for number in range(115)]
    wanted = sorted(hand.client.venue.topic(symbol) for symbol in symbols)
    hand.client.subscribe(wanted, hand.now)
    hand.step()
    for _ in range(3):
        hand.sent.clear()
        hand.client.lost(hand.name, "reset by the network", hand.now)
        cut_at = hand.now
        while not hand.sent:
            hand.step(0.05)
        messages = [json.loads(text) for text in hand.sent]
        assert [message["op"] for message in messages] == ["subscribe"] * 6
        assert sorted(topic for message in messages for topic in message["args"]) == wanted
        assert hand.now - cut_at < 5.0
        assert {str(book.state) for book in hand.engine.books} == {"SYNCING"}
        for symbol in symbols:
            hand.hear(spot("snapshot", 1, [("1", "1")], [("2", "1")], symbol=symbol))
        assert set(hand.client.wanted.states().values()) == {"LIVE"}


@pytest.mark.parametrize("what", ["the subscription", "its data"])
def test_a_subscription_that_brings_nothing_is_made_again(what):
    """Nobody heard it, or it was acknowledged and forgotten: data alone proves it."""

    class LostOnce(Fault):
        def loses_request(self, world, text):
            lost = what == "the subscription" and '"subscribe"' in text and not world.seen["lost"]
            world.seen["lost"] += lost
            return lost

        def frames(self, world, link, payload):
            lost = what == "its data" and not world.client.counters["renewals"]
            return [] if lost and '"data"' in payload else [(payload, 0.0)]

    w = world(faults=Faults(LostOnce()))
    w.subscribe("BTC_USDT")
    assert 5 < w.run_until(w.all_live, 12) < 10
    updates = w.engine["BTC_USDT"].stats["updates"]
    w.run(w.now + 3)
    assert w.engine["BTC_USDT"].stats["updates"] > updates
    assert w.client.counters["disconnects"] == 0


def test_a_reply_that_is_seconds_old_is_joined_to_what_was_kept():
    """The server answers from a cache: first from before the gap, then from just after it. Whoever
    throws away what came meanwhile can never join the two."""
    replies = []
    w = world(
        faults=Faults(Gap(start=10, end=10.5, rate=1.0), Snapshots(lambda _: replies[-1], start=10))
    )
    w.subscribe("BTC_USDT")
    w.run(9.5)
    replies.append(w.exchange.markets.snapshot("BTC_USDT"))
    book = w.engine["BTC_USDT"]
    w.run_until(lambda: book.state == BookState.GAP, 3)
    w.run(w.now + 0.5)
    replies.append(w.exchange.markets.snapshot("BTC_USDT"))
    w.run(w.now + 0.3)
    assert book.reason.endswith("does not reach the updates kept for it")
    w.run_until(w.all_live, 5)
    assert book.sequence > json.loads(replies[-1])["data"][0]["version"]
    assert w.client.counters["disconnects"] == w.client.counters["renewals"] == 0
    assert w.wrong == []


def test_when_too_many_updates_are_kept_all_of_them_are_dropped_and_the_book_is_won_back():
    w = world(
        knobs=Knobs(update_interval=0.002),
        faults=Faults(Gap(start=5, end=5.2, rate=1.0), Snapshots(lambda _: None, start=5, end=8)),
        speed=100.0,
    )
    w.subscribe("BTC_USDT")
    w.run(8)
    book = w.engine["BTC_USDT"]
    overflows = book.stats["buffer_overflows"]
    assert overflows >= 1
    assert book.state == BookState.GAP
    told = [event for event in w.events if event.kind == "overflow"]
    assert len(told) == overflows == w.client.counters["overflows"]
    assert told[0].topic == "spot/depth/increase100:BTC_USDT"
    assert "too many updates" in told[0].reason
    w.run_until(w.all_live, 5)
    assert w.wrong == []


@pytest.mark.parametrize("version", [1, 100_000_000_000])
def test_a_counter_that_restarts_is_noticed_after_three_frames(version):
    w = world()
    w.subscribe("BTC_USDT")
    w.run(20)
    before = w.engine["BTC_USDT"].sequence
    w.exchange.markets.restart("BTC_USDT", version)
    w._from_exchange()
    w.run_until(lambda: w.engine["BTC_USDT"].state == BookState.GAP, 2)
    if version < before:
        assert "the venue's counter restarted" in w.engine["BTC_USDT"].reason
    w.run_until(w.all_live, 1)
    assert abs(w.engine["BTC_USDT"].sequence - version) < 100
    assert w.client.counters["disconnects"] == 0


def test_a_crossed_snapshot_is_asked_for_again():
    crossed = []

    def cross(payload):
        crossed.append(w.now)
        message = json.loads(payload)
        message["data"][0]["bids"] = [["99999999", "1"]]
        return json.dumps(message) if len(crossed) <= 2 else payload

    w = world(faults=Faults(Snapshots(cross)))
    w.subscribe("BTC_USDT")
    assert w.run_until(w.all_live, 5) < 2
    assert [reason for reason in reasons(w, "stale") if "crossed snapshot" in reason]
    assert crossed[1] - crossed[0] < 0.5, "at once"
    assert 0.8 < crossed[2] - crossed[1] < 1.5, "and again after a second"
    assert w.wrong == []


def reasons(world, kind):
    return [event.reason or "" for event in world.events if event.kind == kind]


def test_an_outage_is_told_once_a_minute_and_so_is_its_end():
    w = world(faults=Faults(NobodyHome()))
    w.subscribe("BTC_USDT")
    w.run(59)
    assert reasons(w, "outage") == []
    w.run(250)
    assert reasons(w, "outage") == ["spot_public cannot be reached"] * 4
    w.faults = Faults()
    w.run_until(w.all_live, 15)
    assert [event.after > 240 for event in w.events if event.kind == "reachable"] == [True]


@pytest.mark.parametrize(
    "text",
    [
        '{"table":"spot/nothing:BTC_USDT","data":[{"symbol":"BTC_USDT"}]}',
        '{"table":"spot/depth5","data":[{"symbol":"BTC_USDT","asks":[],"bids":[],"ms_t":1}]}',
    ],
)
def test_a_frame_of_a_table_that_nobody_knows_is_counted_and_changes_nothing(text):
    w = world()
    w.subscribe("BTC_USDT")
    w.run(5)
    book = w.engine["BTC_USDT"]
    before, known = (book.sequence, book.epoch), len(w.engine)
    w._arrive_at_client(next(iter(w.by_server.values())), text)
    assert (book.state, book.sequence, book.epoch) == (BookState.LIVE, *before)
    assert len(w.engine) == known
    assert w.client.counters["bad_frames"] == 0
    w._arrive_at_client(next(iter(w.by_server.values())), text)
    assert w.client.counters["unknown_frames"] == 2 * ("nothing" in text)
    told = [event.reason for event in w.events if event.kind == "unknown frame"]
    assert told == ["of spot/nothing:BTC_USDT"] * ("nothing" in text), "once"


def test_a_server_that_invents_channels_fills_no_memory():
    w = world()
    w.subscribe("BTC_USDT")
    w.run(5)
    for number in range(300):
        text = f'{{"table":"spot/nothing{number}","data":[]}}'
        w._arrive_at_client(next(iter(w.by_server.values())), text)
    assert w.client.counters["unknown_frames"] == 300
    assert len([event for event in w.events if event.kind == "unknown frame"]) == 100


def test_one_book_cannot_be_wanted_under_two_names():
    """The venue may push it at another speed than was asked for: no frame says whose it is."""
    engine = bb.Engine(clock=lambda: 0, only_known=True)
    client = Client(engine, BITMART, rng=None, limiter=Limiter())
    client.subscribe(["futures/depth20:BTCUSDT@100ms"], 0.0)
    with pytest.raises(bb.UsageError, match="it is the same book"):
        client.subscribe(["futures/depth20:BTCUSDT@200ms"], 0.0)
    assert list(client.wanted.states()) == ["futures/depth20:BTCUSDT@100ms"]


def test_all_topics_of_a_call_are_wanted_or_none():
    engine = bb.Engine(clock=lambda: 0, only_known=True, max_books=2)
    client = Client(engine, BITMART, rng=random.Random(1), limiter=Limiter())
    client.subscribe(["spot/depth5:BTC_USDT"], 0.0)
    before = client.next_deadline(0.0)
    refused = [
        (["futures/depth20:BTCUSDT@100ms", "futures/depth20:BTCUSDT@200ms"], "are the same book"),
        (["spot/depth5:ETH_USDT", "spot/depth5:SOL_USDT"], "more than 2 books"),
        (["spot/depth5:ETH_USDT", "spot/user/orders:ALL_SYMBOLS"], "no credentials"),
    ]
    for topics, problem in refused:
        with pytest.raises(bb.BitmartBookError, match=problem):
            client.subscribe(topics, 0.0)
        assert list(client.wanted.states()) == list(engine) == ["spot/depth5:BTC_USDT"]
    assert client.next_deadline(0.0) == before
    assert list(client.report()["connections"]) == ["spot-1"]
    client.unsubscribe(["spot/depth5:BTC_USDT"], 0.0)
    assert len(engine) == 0, "and it was counted once"


def test_what_the_box_sends_is_scanned():
    w = world()
    w.subscribe(
        *("BTC_USDT", "ETH_USDT", "spot/depth5:BTC_USDT", "spot/depth50:BTC_USDT"),
        *("futures/depthIncrease20:BTCUSDT@200ms", "futures/depth20:BTCUSDT"),
        "futures/depthAll50:ETHUSDT@200ms",
    )
    w.run(60)
    stats = w.engine.stats
    assert stats["scanned"] > 1_000
    assert stats["decoded"] <= stats["scanned"] / 1000
