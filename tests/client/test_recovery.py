"""Winning books back in a simulated world: cuts, refusals, silence, moves, and no storms."""

import json

import pytest

import bitmart_book as bb
from bitmart_book import BookState
from bitmart_book.client.client import Client
from bitmart_book.client.limits import PROCESS_LIMITER, Limiter
from bitmart_book.client.outbox import Open
from bitmart_book.sim.exchange import Exchange, Knobs
from bitmart_book.venues import BITMART
from tests.helpers.frames import spot
from tests.simulation.scripted import Fault, Faults, NobodyHome, is_book
from tests.simulation.world import World

BOOK, TICKER = "spot/depth/increase100:BTC_USDT", "spot/ticker:ETH_USDT"


def world(*topics, faults=None, **knobs):
    w = World(1, Exchange(seed=1, knobs=Knobs(**knobs)), faults=faults)
    w.subscribe(*topics)
    return w


def connection_of(w, symbol):
    topic = w.client.venue.topic(symbol)
    return next(connection for connection in w.client.connections if topic in connection.topics)


def subscriptions_sent(w):
    """Watch what the exchange receives: (operation, topic) of each message, in order."""
    seen, original = [], w.exchange.receive

    def receive(connection, text, now):
        if text.startswith("{"):
            message = json.loads(text)
            seen.extend((message["op"], topic) for topic in message["args"])
        original(connection, text, now)

    w.exchange.receive = receive
    return seen


def test_after_a_cut_all_is_subscribed_again_and_the_hole_is_told():
    w = world("BTC_USDT", TICKER)
    w.run_until(w.all_live, 5)
    sent = subscriptions_sent(w)
    w.cut(next(iter(w.links)))
    assert w.client.wanted.states() == {BOOK: "CONNECTING", TICKER: "CONNECTING"}
    holes = [event.reason for event in w.events if (event.kind, event.topic) == ("gap", TICKER)]
    assert holes == ["connection lost: reset by the network"]
    w.run_until(w.all_live, 3)
    assert sent == [("subscribe", BOOK), ("subscribe", TICKER)]


def test_a_lost_update_is_answered_by_a_request_at_once():
    w = world("BTC_USDT")
    w.run_until(w.all_live, 5)
    sent = subscriptions_sent(w)
    lost = w.engine["BTC_USDT"].sequence + 2
    w._arrive_at_client(next(iter(w.by_server.values())), spot("update", lost))
    assert w.engine["BTC_USDT"].state == BookState.GAP
    w.run(w.now + 0.5)
    assert sent == [("request", BOOK)]


def test_what_was_refused_is_not_asked_for_again():
    w = world("BTC_USDT", "NOPE_USDT")
    w.run(5)
    refused = w.client.venue.topic("NOPE_USDT")
    assert w.client.wanted.states()[refused] == "REJECTED"
    sent = subscriptions_sent(w)
    w.cut(next(iter(w.links)))
    w.run(15)
    assert sent == [("subscribe", BOOK)]
    assert w.client.wanted.states() == {BOOK: "LIVE", refused: "REJECTED"}


def test_a_frame_that_nobody_can_read_puts_all_of_its_connection_in_doubt():
    w = world("BTC_USDT", "ETH_USDT")
    w.run_until(w.all_live, 5)
    w._arrive_at_client(next(iter(w.by_server.values())), "{'data': []}")
    for symbol in ("BTC_USDT", "ETH_USDT"):
        assert w.engine[symbol].state == BookState.GAP
        assert w.engine[symbol].reason.startswith("an unreadable frame")
    assert w.run_until(w.all_live, 2) < 1
    assert w.client.counters["disconnects"] == 0


def test_bad_frames_far_apart_do_not_add_up():
    w = world("BTC_USDT")
    for _ in range(6):
        w.run(w.now + 6)
        w._arrive_at_client(next(iter(w.by_server.values())), "{rubbish")
    assert w.client.counters["bad_frames"] == 6
    assert w.client.counters["disconnects"] == 0
    w._arrive_at_client(next(iter(w.by_server.values())), "{rubbish")
    assert w.client.counters["disconnects"] == 1, "the third in ten seconds"


def test_a_full_connection_takes_no_more():
    engine = bb.Engine(clock=lambda: 0, only_known=True)
    client = Client(engine, BITMART, rng=None, limiter=Limiter())
    for number in range(116):
        client.subscribe([f"spot/depth5:S{number}_USDT"], 0.0)
    assert sorted(len(connection.topics) for connection in client.connections) == [1, 115]


@pytest.mark.parametrize("opens", [True, False])
def test_the_first_pauses_grow_whether_connections_drop_or_never_open(opens):
    """Later on the limit decides alone; that it is reached in a minute and not in ten seconds is
    what growing pauses are for."""
    w = world("BTC_USDT", faults=Faults() if opens else Faults(NobodyHome()))
    while w.now < 12:
        w.run(w.now + 0.3)
        for link in list(w.by_server.values()):
            w.cut(link.name)
    counters = w.client.counters
    assert 4 <= counters["disconnects"] + counters["connect_failures"] <= 9


def test_an_answer_is_no_subscription():
    """While only questions are answered nobody says that the topic is subscribed."""

    class LostSubscription(Fault):
        def loses_request(self, world, text):
            return '"subscribe"' in text and self.active(world)

    def told():
        return [event.kind for event in w.events if event.topic == BOOK]

    w = world("BTC_USDT", faults=Faults(LostSubscription(end=12)))
    w.run_until(w.all_live, 10)
    w.run(12)
    assert "subscribed" not in told()
    w.run(20)
    assert "subscribed" in told()


class SilentSymbol(Fault):
    """One symbol stops while others flow."""

    symbol = "BTC_USDT"

    def frames(self, world, link, payload):
        silent = self.active(world) and is_book(payload) and f'"{self.symbol}"' in payload
        return [] if silent else [(payload, 0.0)]


class DeadConnection(Fault):
    """One symbol does not come over one connection, whatever is asked for there."""

    symbol = "BTC_USDT"
    link = None

    def frames(self, world, link, payload):
        if self.active(world) and self.link is None and f'"{self.symbol}"' in payload:
            self.link = link
        if link is self.link and '"data"' in payload and f'"{self.symbol}"' in payload:
            return []
        return [(payload, 0.0)]


def test_a_symbol_that_does_not_come_is_moved_and_others_stay():
    fault = DeadConnection(start=20)
    w = world("BTC_USDT", "ETH_USDT", faults=Faults(fault))
    w.run(20)
    before, sent = connection_of(w, "BTC_USDT"), subscriptions_sent(w)
    w.run_until(lambda: not w.all_live(), 15)
    w.run_until(w.all_live, 15)
    assert connection_of(w, "BTC_USDT") is not before
    assert connection_of(w, "ETH_USDT") is before
    assert (w.client.counters["moves"], w.client.counters["disconnects"]) == (1, 0)
    w.run(w.now + 2)
    mine = [operation for operation, topic in sent if topic == BOOK]
    assert mine.count("request") >= 3, "while it was silent, and then twice more"
    changes = [operation for operation in mine if operation != "request"]
    assert changes[:2] == ["unsubscribe", "subscribe"], "anew where it was"
    assert sorted(changes[2:]) == ["subscribe", "unsubscribe"], "given up there and made here"
    assert w.wrong == []


@pytest.mark.parametrize("pongs", [False, True])
def test_a_symbol_that_falls_silent_is_not_shown_though_all_others_flow(pongs):
    """Neither the frames of another symbol nor pongs say anything about this one."""
    w = world("BTC_USDT", "ETH_USDT", faults=Faults(SilentSymbol(start=20, end=31)))
    if pongs:
        w.exchange.markets.pause("ETH_USDT")
    w.run(29)
    assert w.engine["BTC_USDT"].state == BookState.LIVE
    w.run(30.5)
    assert w.engine["BTC_USDT"].state == BookState.STALE
    assert w.engine["ETH_USDT"].state == BookState.LIVE
    assert w.client.counters["questions"] >= 1
    w.run(31)
    w.run_until(w.all_live, 5)
    assert w.client.counters["disconnects"] == 0


def test_a_book_in_trouble_asks_no_faster_however_much_goes_wrong():
    class NoReply(Fault):
        def loses_request(self, world, text):
            return '"request"' in text and self.active(world)

    w = world("BTC_USDT", faults=Faults(NoReply(start=10)))
    w.run(10)
    link, book = next(iter(w.by_server.values())), w.engine["BTC_USDT"]
    requests = w.client.counters["requests"]
    w._arrive_at_client(link, spot("update", book.sequence + 5))
    assert book.state == BookState.GAP
    for _ in range(20):
        # The counter goes back and forth, and each time what was kept has a hole.
        w._arrive_at_client(link, spot("snapshot", 1, [("1", "1")], [("2", "1")]))
    assert w.client.counters["requests"] == requests + 1
    w.run(w.now + 0.5)
    assert w.client.counters["requests"] == requests + 1


def test_a_question_is_not_repeated_before_its_answer_could_come():
    class NoReply(Fault):
        def loses_request(self, world, text):
            return '"request"' in text

    w = world("BTC_USDT", faults=Faults(NoReply()), heartbeat_interval=None)
    w.run_until(w.all_live, 5)
    w.exchange.markets.pause("BTC_USDT")
    w.run_until(lambda: w.client.counters["questions"], 10)
    w.run(w.now + 2.5)
    assert w.client.counters["questions"] == 1


# Those of the process, and of no test.
GATES_OF_THE_PROCESS = PROCESS_LIMITER._gates


def test_a_test_begins_without_the_limits_of_those_before_it():
    """A server of another test may have refused its clients for an hour, and had the same port."""
    assert PROCESS_LIMITER._gates is not GATES_OF_THE_PROCESS
    assert PROCESS_LIMITER._gates == {}


def test_clients_share_one_limit_unless_they_are_told_otherwise(monkeypatch):
    monkeypatch.setattr("bitmart_book.client.client.PROCESS_LIMITER", Limiter())
    opened = []
    for _ in range(4):
        engine = bb.Engine(clock=lambda: 0, only_known=True)
        client = Client(engine, BITMART, rng=None)
        client.subscribe([f"spot/depth5:S{number}_USDT" for number in range(115 * 6)], 0.0)
        client.advance(0.0)
        opened.append(sum(isinstance(action, Open) for action in client.outbox.take_actions()))
    assert opened == [6, 6, 6, 0]


# --- whether what a renewed subscription begins with is known ---


class OnlyRenewed(Fault):
    """An update is lost, and replies are too old, until the book is subscribed anew; then it has
    no more than fifty levels."""

    def __init__(self):
        super().__init__(start=5.0)
        self.cached = None

    def frames(self, world, link, payload):
        if not is_book(payload):
            return [(payload, 0.0)]
        self.cached = self.cached or payload
        if world.client.counters["renewals"]:
            message = json.loads(payload)
            for item in message["data"]:
                if item["type"] == "snapshot":
                    item["bids"], item["asks"] = item["bids"][:50], item["asks"][:50]
            payload = json.dumps(message)
        elif '"snapshot"' in payload:
            payload = self.cached
        elif self.active(world) and not world.seen["lost"]:
            world.seen["lost"] += 1
            return []
        return [(payload, 0.0)]


@pytest.mark.parametrize(("acks", "known"), [("before", True), ("after", True), ("none", False)])
def test_the_engine_hears_that_a_renewal_is_acknowledged(acks, known):
    """That the topic was given up says as much: nothing of before is behind it on its way."""
    w = world("BTC_USDT", faults=Faults(OnlyRenewed()), acks=acks)
    w.run_until(w.all_live, 5)
    w.run_until(lambda: w.client.counters["renewals"] > 0, 60)
    w.run_until(w.all_live, 3)
    assert w.engine["BTC_USDT"].state == BookState.LIVE
    assert w.engine["BTC_USDT"].depth(51).complete == known


def short_snapshot(w):
    levels = [[[str(price + step * 0.5), "1"] for step in range(50)] for price in (100, 200)]
    return spot("snapshot", w.engine["BTC_USDT"].sequence + 1000, *levels)


def test_what_is_on_its_way_when_a_book_is_subscribed_anew_says_no_more_than_a_reply():
    w = world("BTC_USDT", faults=Faults(OnlyRenewed()))
    w.run_until(w.all_live, 5)
    w.run_until(lambda: w.client.counters["renewals"] > 0, 60)
    w._arrive_at_client(next(iter(w.by_server.values())), short_snapshot(w))
    book = w.engine["BTC_USDT"]
    assert book.state == BookState.LIVE
    assert not book.depth(51).complete


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ({"event": "subscribe", "topic": BOOK}, True),
        ({"event": "unsubscribe", "topic": BOOK}, True),
        ({"event": "request", "topic": BOOK}, False),
        ({"event": "subscribe", "topic": TICKER}, False),
        # It was so already: that is of no new request.
        ({"event": "subscribe", "topic": BOOK, "errorCode": "90008"}, False),
    ],
)
def test_what_acknowledges_a_renewal(words, known):
    w = world("BTC_USDT", faults=Faults(OnlyRenewed()))
    w.run_until(w.all_live, 5)
    w.run_until(lambda: w.client.counters["renewals"] > 0, 60)
    link = next(iter(w.by_server.values()))
    w._arrive_at_client(link, json.dumps(words))
    w._arrive_at_client(link, short_snapshot(w))
    assert w.engine["BTC_USDT"].state == BookState.LIVE
    assert w.engine["BTC_USDT"].depth(51).complete == known
