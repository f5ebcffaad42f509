"""The client on venues that count requests, number them, and cannot be asked for a snapshot."""

import json
import random
import re

import msgspec
import pytest

from bitmart_book import BookState, Engine, EventKind, UsageError
from bitmart_book.client import bounds
from bitmart_book.client.client import Client
from bitmart_book.client.limits import Limiter
from bitmart_book.client.outbox import Open, Ping, Send
from bitmart_book.client.plan import plan
from bitmart_book.client.session import Session
from bitmart_book.sim.exchange import Exchange
from bitmart_book.venues import find_venue
from bitmart_book.venues.profile import Rate, Reply
from tests.simulation.elsewhere import world_of
from tests.simulation.scripted import Fault, Faults

KRAKEN = find_venue("kraken").profiles[0]
OKX = find_venue("okx").profiles[0]
BYBIT = find_venue("bybit").profiles[0]
PONG = Reply(kind="pong")


def opened(profile):
    session = Session(profile, 0.0)
    session.advance(0.0, 0.0)
    session.output()
    session.receive(PONG, 0.0)
    return session


def said(session, now=0.0):
    session.advance(now, now)
    return [json.loads(text) for text in session.output() if text != session.profile.speech.ping]


def client_of(*names, **options):
    venue = find_venue(names)
    engine = Engine(venue, clock=lambda: 0, only_known=True)
    return Client(engine, venue, rng=random.Random(1), limiter=Limiter(), **options)


# --- messages ---


def test_a_message_holds_one_kind_of_topic_and_has_a_number():
    session = opened(KRAKEN)
    session.subscribe(["kraken/book10:A/B", "kraken/book100:C/D", "kraken/book10:E/F"])
    first, second = said(session)
    assert first["params"] == {
        "channel": "book", "depth": 10, "symbol": ["A/B", "E/F"], "snapshot": True,
    }  # fmt: skip
    assert second["params"]["depth"] == 100
    assert second["req_id"] == first["req_id"] + 1


def test_a_number_says_what_is_acknowledged():
    session = opened(BYBIT)
    topics = [f"bybit/orderbook.50:{name}USDT" for name in ("A", "B")]
    session.subscribe(topics)
    (message,) = said(session)
    number = int(message["req_id"])
    ack = Reply(kind="ack", operation="subscribe", request=number)
    assert [(a.topic, a.accepted) for a in session.receive(ack, 0.1)] == [
        (topic, True) for topic in topics
    ]
    assert session.unanswered == ()


def test_an_error_refuses_the_topic_that_it_names_by_number_and_symbol():
    session = opened(KRAKEN)
    session.subscribe(["kraken/book10:A/B", "kraken/book10:C/D"])
    (message,) = said(session)
    error = Reply(
        kind="error",
        operation="subscribe",
        message="Currency pair not supported C/D",
        request=message["req_id"],
        symbol="C/D",
    )
    (answer,) = session.receive(error, 0.1)
    assert (answer.topic, answer.accepted) == ("kraken/book10:C/D", False)
    assert "Currency pair not supported C/D" in str(answer.error)
    assert session.unanswered == ("kraken/book10:A/B",)


def test_an_error_about_giving_up_is_no_refusal():
    session = opened(OKX)
    session.subscribe(["okx/books:A-B"])
    said(session)
    session.seen("okx/books:A-B")
    session.unsubscribe(["okx/books:A-B"])
    (message,) = said(session)
    error = Reply(kind="error", code="60018", message="no", request=int(message["id"]))
    assert session.receive(error, 1.0) == []


def test_a_ping_frame_of_the_protocol_is_asked_for_where_there_is_no_text():
    silent = msgspec.structs.replace(
        KRAKEN, speech=msgspec.structs.replace(KRAKEN.speech, ping=None)
    )
    venue = msgspec.structs.replace(find_venue("kraken"), profiles=(silent,))
    client = Client(Engine(venue, clock=lambda: 0), venue, rng=random.Random(1), limiter=Limiter())
    client.subscribe(["kraken/book10:A/B"], 0.0)
    client.advance(0.0)
    (action,) = client.outbox.take_actions()
    assert isinstance(action, Open)
    client.opened(action.connection, 0.0)
    sent = client.outbox.take_actions()
    assert [type(one) for one in sent] == [Send, Ping]
    session = client.connections[action.connection].session
    assert not session.liveness.pings.answers
    client.ponged(action.connection, 0.1)
    assert session.liveness.pings.answers


# --- limits ---


def test_pings_use_up_no_operations():
    """An hour of pings each 5 s, more than there are operations, and a new subscription is sent at
    once."""
    session, now = opened(OKX), 0.0
    while now < 3600.0:
        now += 1.0
        session.advance(now, now)
        if OKX.speech.ping in session.output():
            session.receive(PONG, now)
    session.subscribe(["okx/books:A-B"])
    assert [message["op"] for message in said(session, now + 1.0)] == ["subscribe"]


def test_renewals_use_no_more_than_half_of_the_operations():
    session, sent, now = opened(OKX), 0, 0.0
    while now < 3600.0:
        now += 5.0
        session.renew("okx/books:A-B")
        session.advance(now, now)
        sent += sum('"op"' in text for text in session.output() if text)
        session.receive(PONG, now)
    assert 200 < sent <= OKX.limits.operations.count / 2
    session.subscribe(["okx/books:C-D"])
    assert [message["op"] for message in said(session, now)] == ["subscribe"], "not kept waiting"


def test_two_depths_of_a_pair_are_on_two_connections():
    client = client_of("kraken")
    client.subscribe(["kraken/book10:A/B", "kraken/book100:A/B", "kraken/book100:C/D"], 0.0)
    carried = {tuple(connection.topics) for connection in client.connections}
    assert carried == {
        ("kraken/book10:A/B", "kraken/book100:C/D"), ("kraken/book100:A/B",),
    }  # fmt: skip


def test_a_plan_knows_what_must_be_apart_and_what_goes_together():
    client = client_of("kraken", "okx")
    depths = [f"kraken/book{depth}:A/B" for depth in (10, 25, 100)]
    assert plan(client.venue, ["kraken/book10:C/D", *depths]) == (3, 4, 3)
    mixed = ["kraken/book10:A/B", "kraken/book100:C/D", "kraken/trade:A/B", "kraken/ticker:A/B"]
    assert plan(client.venue, mixed) == (1, 4, 4), "one channel and depth in a message"
    assert plan(client.venue, [f"okx/books:A-{number}" for number in range(30)]) == (2, 30, 2)
    assert plan(client.venue, ["kraken/book10:A/B"] * 3 + ["okx/books:A-B"]) == (2, 2, 2)


def test_a_plan_is_what_is_used():
    topics = [f"kraken/book{depth}:{pair}/USD" for pair in "ABC" for depth in (10, 100, 500)]
    client = client_of("kraken")
    client.subscribe(topics, 0.0)
    sent = 0
    for connection in client.connections:
        client.opened(connection.name, 0.0)
        sent += len([one for one in client.outbox.take_actions() if "subscribe" in str(one)])
    assert plan(client.venue, topics) == (len(list(client.connections)), 9, sent)


# --- words ---


def test_words_of_several_venues():
    client = client_of("kraken", "okx")
    assert client.venue.topic("kraken:BTC/USD") == "kraken/book10:BTC/USD"
    assert client.venue.topic("okx:BTC-USDT", channel="books5") == "okx/books5:BTC-USDT"
    assert client.venue.topic("kraken/book100:BTC/USD") == "kraken/book100:BTC/USD"


@pytest.mark.parametrize(
    ("venue", "word", "channel", "hint"),
    [
        ("kraken", "BTC_USDT", None, "BTC/USD"),
        ("okx", "BTC/USD", None, "BTC-USDT"),
        ("bybit", "BTC-USDT/", None, "BTCUSDT"),
        ("kraken", "BTC/USD", "book7", "kraken/book10"),
        ("kraken", "kraken/candles:BTC/USD", None, "kraken/trade"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_sent(venue, word, channel, hint):
    client = client_of(venue)
    with pytest.raises(UsageError, match=hint):
        client.venue.topic(word, channel=channel)
    assert client.outbox.take_actions() == []


# --- what was lost on its way ---


class FirstWordsLost(Fault):
    """Of a topic nothing comes for so long that it is asked for again."""

    def frames(self, world, link, payload):
        lost = "pong" not in payload and "heartbeat" not in payload
        return [] if lost and self.acts(world) else [(payload, 0.0)]


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("kraken", "kraken/book10:BTC/USD"),
        ("okx", "okx/books:BTC-USDT"),
        ("bybit", "bybit-inverse/orderbook.50:BTCUSD"),
    ],
)
def test_a_topic_that_is_asked_for_twice_is_refused_by_nobody(name, topic):
    exchange = Exchange(seed=1, venue=name, glimpses=20)
    world = world_of(name)(1, exchange, faults=Faults(FirstWordsLost(0.0, 4.0)))
    world.subscribe(topic)
    world.run(0.5)
    exchange.markets.pause(topic.partition("/")[0] + ":" + topic.partition(":")[2])
    world.run(5.8)
    assert world.client.counters["unanswered"] == 1
    assert world.client.wanted.refusal(topic) is None
    assert world.run_until(world.all_live, 10.0) < 10.0


def test_who_is_in_trouble_now_and_then_is_asked_for_at_once_each_time():
    """Frames that cannot be read, each half a minute, for long."""
    world = quiet_world("okx", "okx/books:BTC-USDT")
    book = world.engine["okx/books:BTC-USDT"]
    for _ in range(8):
        world.network.start("nan:0@1", world.now)
        gaps = book.stats["bad_frames"]
        world.run_until(lambda gaps=gaps: book.stats["bad_frames"] > gaps, 90.0)
        world.calm()
        assert world.run_until(lambda: book.state == BookState.LIVE, 5.0) <= 0.5
        world.run(world.now + 25.0)


# --- silence ---


def quiet_world(name, topic, **options):
    exchange = Exchange(seed=1, venue=name, glimpses=20, extra_symbols=1, extra_rate=1.0)
    world = world_of(name)(1, exchange, **options)
    world.subscribe(topic)
    world.run_until(world.all_live, 10.0)
    return world


def test_a_book_that_nothing_is_heard_of_is_renewed_and_stays_live():
    world = quiet_world("kraken", "kraken/book10:BTC/USD")
    world.exchange.markets.pause("kraken:BTC/USD")
    book = world.engine["kraken/book10:BTC/USD"]
    world.run(world.now + 300.0)
    assert 4 <= world.client.counters["renewals"] <= 6
    assert world.client.counters["to_stale"] == 0
    assert book.state == BookState.LIVE
    assert book.stats["checksums"] == book.stats["snapshots"] + book.stats["updates"]


def test_where_no_renewal_fits_it_is_stale_at_the_bound(monkeypatch):
    world = quiet_world("kraken", "kraken/book10:BTC/USD")
    world.exchange.markets.pause("kraken:BTC/USD")
    world.run(world.now + 1.0)
    monkeypatch.setattr(Session, "renewals_at", lambda _, now: now + 1000.0)
    monkeypatch.setattr(type(world.client.connections), "may_renew_beside", lambda *_: False)
    book = world.engine["kraken/book10:BTC/USD"]
    since = world.now
    world.run_until(lambda: book.state != BookState.LIVE, 70.0)
    assert book.state == BookState.STALE
    assert 50.0 < world.now - since <= 61.0
    assert world.client.counters["renewals"] == 0


def test_a_deeper_book_is_renewed_each_five_minutes_however_lively_it_is():
    world = quiet_world("kraken", "kraken/book100:SYM0001/USD", check=False)
    world.run(world.now + 900.0)
    assert 3 <= world.client.counters["renewals"] <= 4


def test_a_renewal_that_no_snapshot_follows_is_noticed(monkeypatch):
    world = quiet_world("kraken", "kraken/book10:BTC/USD")
    world.exchange.markets.pause("kraken:BTC/USD")
    receive = Exchange.receive

    def hear_pings_alone(exchange, connection, text, now):
        if "subscribe" not in text:
            receive(exchange, connection, text, now)

    monkeypatch.setattr(Exchange, "receive", hear_pings_alone)
    book = world.engine["kraken/book10:BTC/USD"]
    world.run_until(lambda: world.client.counters["renewals"], 70.0)
    asked = world.now
    world.run_until(lambda: book.state != BookState.LIVE, 10.0)
    assert world.now - asked <= 7.0
    assert book.reason == "subscribed anew, and no snapshot came"


class Unsummed(Fault):
    """The venue's checksums stop: they are 0, or not there."""

    def __init__(self, becomes):
        super().__init__(end=0.0)
        self.becomes = becomes

    def frames(self, world, link, payload):
        if self.acts(world):
            payload = re.sub(r'"checksum":\d+,', self.becomes, payload)
        return [(payload, 0.0)]


@pytest.mark.parametrize("becomes", ['"checksum":0,', ""])
def test_where_checksums_stop_three_renewals_are_tried_and_then_it_is_said(becomes):
    fault = Unsummed(becomes)
    world = quiet_world("kraken", "kraken/book10:BTC/USD", faults=Faults(fault))
    book = world.engine["kraken/book10:BTC/USD"]
    fault.end = float("inf")
    world.run_until(lambda: book.state == BookState.GAP, 5.0)
    assert "checksum" in book.reason
    world.run_until(lambda: book.state == BookState.STALE, 120.0)
    assert book.reason == "the venue's checksums stopped"
    counters = world.client.counters
    assert counters["renewals"] + counters["moves"] == 3, "one of them elsewhere"
    world.run(world.now + 60.0)
    assert book.state == BookState.STALE, "it is not shown, however often it comes"
    told = [event.topic for event in world.events if event.kind == EventKind.CHECKSUMS_STOPPED]
    assert told == ["kraken/book10:BTC/USD"], "once"
    fault.end = 0.0
    assert world.run_until(lambda: book.state == BookState.LIVE, 30.0) < 30.0
    assert world.wrong == world.over_age == []


def test_a_gap_is_healed_within_a_second():
    world = quiet_world("okx", "okx/books:BTC-USDT")
    world.network.start("gap:0@1", world.now)
    book = world.engine["okx/books:BTC-USDT"]
    world.run_until(lambda: book.stats["gaps"], 60.0)
    assert world.run_until(lambda: book.state == BookState.LIVE, 5.0) <= 1.0


# --- bounds ---


@pytest.mark.parametrize(("profile", "most"), [(KRAKEN, 65.0), (OKX, 80.0), (BYBIT, 65.0)])
def test_a_loss_before_silence_is_shown_for_no_longer_than_it_is_promised(profile, most):
    for channel in profile.books:
        assert 10.0 < bounds.bound(profile, channel, ["last"]) <= most
        assert bounds.bound(profile, channel) == 10.0
        assert bounds.guard_age(profile, channel) < bounds.bound(profile, channel, ["last"])


def test_an_operation_rate_is_kept():
    limits = msgspec.structs.replace(OKX.limits, operations=Rate(4, 60.0))
    session = opened(msgspec.structs.replace(OKX, limits=limits))
    for number in range(5):
        session.subscribe([f"okx/books:A-{number}"])
        session.advance(number * 0.1, number * 0.1)
    sent = [text for text in session.output() if text and '"op"' in text]
    assert len(sent) == 3
