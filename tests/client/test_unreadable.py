"""Frames that cannot be read: whom they put in doubt, and that one never costs many."""

import json

import pytest

from bitmart_book import BookState
from bitmart_book.client.doubts import ANYBODY, NOBODY, Doubt, doubt_of
from bitmart_book.errors import CompressionError, MessageError
from bitmart_book.sim.exchange import Exchange, Knobs
from bitmart_book.venues import FUTURES, LEGACY, SPOT
from tests.helpers.by_hand import ByHand
from tests.helpers.frames import spot
from tests.simulation.scripted import Fault, Faults
from tests.simulation.world import World

BOOK = "spot/depth/increase100"
TOPICS = (f"{BOOK}:BTC_USDT", f"{BOOK}:ETH_USDT", "spot/depth5:BTC_USDT", "spot/trade:BTC_USDT")
PICTURE = {"symbol": "BTC_USDT", "ms_t": 1, "bids": [["9", "1"]], "asks": [["10", "1"]]}


@pytest.fixture
def hand():
    """Four topics on one connection, the books LIVE."""
    hand = ByHand()
    hand.client.subscribe(TOPICS, hand.now)
    hand.step()
    for symbol in ("BTC_USDT", "ETH_USDT"):
        hand.hear(spot("snapshot", 7, [["9", "1"]], [["10", "1"]], symbol=symbol))
    hand.hear(json.dumps({"table": "spot/depth5", "data": [PICTURE]}))
    hand.events.clear()
    return hand


def states(hand):
    """Of the books: increase100 of BTC, of ETH, depth5 of BTC."""
    return [str(hand.engine[topic].state) for topic in TOPICS[:3]]


def holes(hand):
    return [event.topic for event in hand.events if event.kind == "gap" and "trade" in event.topic]


@pytest.mark.parametrize(
    "text",
    ["", " ", "ping", "null", "[]", '""', "0", "true", '[["9","1"]]',
     "<html><body>502 Bad Gateway</body></html>", '{"data":{}}'],
)  # fmt: skip
def test_what_can_be_nobodys_puts_nobody_in_doubt_however_often_it_comes(hand, text):
    for _ in range(20):
        hand.hear(text)
    assert states(hand) == ["LIVE", "LIVE", "LIVE"]
    assert holes(hand) == []
    assert hand.is_open


WHOLE = spot("update", 8, [["9", "2"]], [])


@pytest.mark.parametrize(
    ("text", "doubted"),
    [
        ('{"data":[{"asks":[["10","1', "GAP GAP GAP hole"),
        ("{'table':'x'}", "GAP GAP GAP hole"),
        ('{"data":[{"symbol":"BTC_USDT","asks":[["10', "GAP LIVE GAP hole"),
        (f'{{"table":"{BOOK}","data":[{{"symbol":"ETH_USDT","asks":[["1', "LIVE GAP LIVE"),
        (f'{{"table":"{BOOK}","data":[{{"asks":[["10","1', "GAP GAP LIVE"),
        (f'{{"table":"{BOOK}","data":[{{"asks":[]}}]}}', "GAP GAP LIVE"),
        ('{"table":"spot/depth5","data":[{"asks":[]}]}', "LIVE LIVE GAP"),
        ('{"table":"spot/trade","data":[{"symbol":"BTC_USDT","pri', "LIVE LIVE LIVE hole"),
        ('{"table":"spot/trade","data":[{"sym', "GAP GAP GAP hole"),
        (f'{{"table":"spot/ticker","d{{"table":"{BOOK}","data":[{{"symbol":"ETH_USDT","as',
         "GAP GAP GAP hole"),
        (f'["{BOOK}"]', "GAP GAP GAP hole"),
        (f"<html>{BOOK}</html>", "GAP GAP GAP hole"),
    ],
)  # fmt: skip
def test_whoever_may_have_been_meant_is_in_doubt_and_nobody_else(hand, text, doubted):
    hand.hear(text)
    found = states(hand) + ["hole"] * len(holes(hand))
    assert " ".join(found) == doubted


@pytest.mark.parametrize("length", [1, 30, 80, len(WHOLE) - 1])
def test_a_frame_that_is_cut_off_anywhere_takes_its_book_out_of_live(hand, length):
    hand.hear(WHOLE[:length])
    assert states(hand)[0] == "GAP"


def test_what_does_not_inflate_may_have_been_anybodys(hand):
    hand.hear(b"\x00\x01", compressed=True)
    assert states(hand) == ["GAP", "GAP", "GAP"]
    assert holes(hand) == ["spot/trade:BTC_USDT"]


def test_a_private_push_that_is_no_json_is_a_hole_of_its_connection():
    hand = ByHand()
    hand.client.subscribe(
        ["spot/user/orders:ALL_SYMBOLS", "spot/user/balance:BALANCE_UPDATE"], hand.now
    )
    hand.step()
    hand.hear('{"event":"login"}')
    hand.events.clear()
    hand.hear('{"table":"spot/user/orders","data":[{"symbol":"BTC_USDT","stat')
    assert hand.kinds() == ["bad frame", "resync", "gap"]
    assert hand.events[-1].topic == "spot/user/orders:ALL_SYMBOLS"
    hand.events.clear()
    hand.hear('{"data":[{"symbol":"BTC_USDT","stat')
    assert hand.kinds() == ["bad frame", "resync", "gap", "gap"]
    assert hand.client.account.holes == 2


def test_the_rule_by_itself():
    def of(profile, text, symbol=None):
        return doubt_of(profile, text.encode(), MessageError("bad", symbol=symbol))

    assert doubt_of(SPOT, b"", CompressionError("bad")) == ANYBODY
    assert of(SPOT, "pong pong") == NOBODY
    assert of(SPOT, "{") == ANYBODY
    name = "futures/depth20:BTCUSDT"
    assert of(FUTURES, f'{{"group":"{name}","data":5}}') == Doubt(
        False, "futures/depth20", "BTCUSDT"
    )
    assert of(LEGACY, '{"subscribe":"depth","symbol":616,"data":5}') == Doubt(
        False, "legacy/depth", "616"
    )
    assert not NOBODY.names(BOOK, "BTC_USDT")
    assert ANYBODY.names(BOOK, "BTC_USDT")


# --- one never costs many ---


class Ill(Fault):
    """One symbol sends a frame each second that cannot be read, beside all its good ones."""

    row = '["0","0"]'
    due = 5.0

    def frames(self, world, link, payload):
        frames = [(payload, 0.0)]
        if self.active(world) and world.now >= self.due:
            self.due = world.now + 1.0
            bad = spot("update", 1, [], [], symbol="BTC_USDT").replace("[]", f"[{self.row}]", 1)
            frames.append((bad, 0.0))
            world.seen["Ill"] += 1
        return frames


def requests_of(w, symbol, seconds):
    """How often the venue was asked something about a symbol in that time."""
    seen, original = [], w.exchange.receive

    def receive(connection, text, now):
        seen.append(symbol in text)
        original(connection, text, now)

    w.exchange.receive = receive
    w.run(w.now + seconds)
    w.exchange.receive = original
    return sum(seen)


@pytest.mark.parametrize("row", ['["0","0"]', '["9","1","7"]'])
def test_a_symbol_that_sends_rubbish_each_second_costs_its_neighbour_nothing(row):
    fault = Ill()
    fault.row = row
    w = World(1, Exchange(seed=1, knobs=Knobs()), faults=Faults(fault), full_every=1000)
    w.subscribe("BTC_USDT", "ETH_USDT", "spot/trade:ETH_USDT")
    w.run(5)
    live = reads = 0
    while w.now < 65:
        w.run(w.now + 0.25)
        reads += 1
        live += w.engine["ETH_USDT"].state == BookState.LIVE
    assert w.seen["Ill"] > 50
    assert live >= 0.99 * reads
    assert not [e for e in w.events if e.kind == "disconnected" and e.connection == "spot-1"]
    assert not [e for e in w.events if e.kind == "gap" and e.topic == "spot/trade:ETH_USDT"]
    assert w.wrong == []
    assert requests_of(w, "BTC_USDT", 60) <= 12, "asked for more and more rarely"
    fault.end = w.now
    assert w.run_until(w.all_live, 65) < 65


def test_unreadable_frames_that_name_nobody_end_the_connection(hand):
    for _ in range(3):
        hand.hear('{"data":[{"asks":[["10","1')
    assert not hand.is_open
