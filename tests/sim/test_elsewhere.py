"""Faults between the simulated Kraken, OKX and Bybit and their clients."""

import random

import pytest

from bitmart_book.sim import ELSEWHERE, KINDS, Exchange, Faults, parse
from bitmart_book.sim.faults import damage
from bitmart_book.sim.faults.frames import Seen
from bitmart_book.sim.faults.shapes import SHAPES
from tests.helpers.wires import Wires

SYMBOLS = {
    "kraken": ["BTC/USD", "SOL/USD"],
    "okx": ["BTC-USDT", "BTC-USD-SWAP"],
    "bybit": ["BTCUSDT", "ETHUSDT"],
}
QUIET = {"kraken": "MINA/GBP", "okx": "PAY-BTC", "bybit": "IOTXUSDT"}
NOWHERE = {
    "kraken": {"heartbeat", "restart"},
    "okx": {"digit", "checksum"},
    "bybit": {"digit", "checksum", "batch", "heartbeat"},
}
SAME = ("shuffle", "twice", "absent", "table", "big", "empty")
venues = pytest.mark.parametrize("venue", list(SYMBOLS))


@venues
@pytest.mark.parametrize("name", list(ELSEWHERE))
def test_each_fault_acts(venue, name):
    wires = Wires(venue, f"{name}%120", SYMBOLS[venue], lines=2, speed=2.0)
    for _ in range(12):
        wires.run(2.0)
        if wires.faults.counts[name]:
            break
    assert bool(wires.faults.counts[name]) is (name not in NOWHERE[venue])


@venues
def test_without_faults_nothing_is_wrong(venue):
    wires = Wires(venue, "", SYMBOLS[venue], lines=2, speed=2.0)
    wires.run(60.0)
    assert wires.compare() == (4, 0)
    assert wires.wrong() == []
    assert wires.frames > 500


@venues
@pytest.mark.parametrize("name", SAME)
def test_what_means_the_same_changes_nothing(venue, name):
    wires = Wires(venue, f"{name}%120", SYMBOLS[venue], speed=2.0)
    shown = []
    wires.run(20.0, look=lambda: shown.append(wires.compare()))
    assert wires.faults.counts[name] > 10
    assert {wrong for _, wrong in shown} == {0}
    assert wires.wrong() == []


@venues
@pytest.mark.parametrize("name", ["gap", "mute:2s", "reorder", "nan", "fields", "rubbish"])
def test_what_loses_an_update_is_noticed_at_the_next(venue, name):
    wires = Wires(venue, f"{name}%36", SYMBOLS[venue], speed=2.0)
    shown = []
    wires.run(40.0, look=lambda: shown.append(wires.compare()))
    assert wires.faults.counts[name.partition(":")[0]] > 3
    assert wires.wrong()
    # Books came back each time, and none that is shown was ever another than the exchange told.
    assert {wrong for _, wrong in shown} == {0}
    assert sum(books for books, _ in shown) > 1.2 * len(shown)


def test_an_altered_digit_or_checksum_is_noticed_at_once_or_makes_no_difference():
    wires = Wires("kraken", "digit%90 checksum%30", SYMBOLS["kraken"], speed=2.0)
    shown = []
    wires.run(40.0, look=lambda: shown.append(wires.compare()))
    assert wires.faults.counts["digit"] > 25
    assert wires.faults.counts["checksum"] > 8
    assert {wrong for _, wrong in shown} == {0}
    assert len(wires.wrong()) > 20


@venues
def test_the_last_update_before_a_silence_is_lost(venue):
    symbol = SYMBOLS[venue][0]
    wires = Wires(venue, f"last/{symbol}@5:180s", [symbol])
    (client,) = wires.clients.values()
    wires.run(7.0)
    assert wires.faults.counts["last"] == 1
    lost_at = wires.now
    books = client.applied
    if venue == "okx":
        # Once a minute OKX speaks of a quiet book, and its sequence id shows what is missing.
        wires.run(64.0)
        assert client.wrong == [(f"books:{symbol}", "prevSeqId")]
        assert wires.compare() == (1, 0), "it was not sent anew"
        return
    wires.run(170.0)
    assert client.applied == books, "something was said"
    assert client.wrong == []
    topic = next(iter(client.books))
    now = wires.exchange.markets.window(
        symbol, wires.exchange.markets.version(symbol), wires.levels
    )
    assert client.sides(topic) != now, "nothing was lost"
    beats = [f for f in client.others if f == {"channel": "heartbeat"}]
    assert (len(beats) > 150) is (venue == "kraken")
    # The market goes on, and what was lost shows.
    wires.run(lost_at + 185.0 - wires.now)
    assert client.wrong


@venues
def test_all_of_them(venue):
    wires = Wires(venue, "all%60", [*SYMBOLS[venue], QUIET[venue]], lines=2, speed=2.0)
    shown = []
    wires.run(100.0, look=lambda: shown.append(wires.compare()))
    assert wires.faults.counts.total() > 60
    assert len(wires.faults.counts) > 15
    assert {wrong for _, wrong in shown} == {0}


def test_words_name_symbols_with_slashes_and_markets():
    words = parse("gap/BTC/USD@3 mute/kraken:BTC/USD:20s dup%30/bybit-spot:BTCUSDT last/A_B")
    assert [(w.symbol, w.when, w.seconds, w.per_minute) for w in words] == [
        ("BTC/USD", 3.0, None, None),
        ("kraken:BTC/USD", None, 20.0, None),
        ("bybit-spot:BTCUSDT", None, None, 30.0),
        ("A_B", None, None, None),
    ]


def test_all_means_those_that_the_venue_meets():
    assert {word.name for word in parse("all")} == set(KINDS)
    exchange = Exchange(venue="kraken")
    faults = Faults("", rng=random.Random(1), exchange=exchange)
    shares = {name for name, kind in faults._kinds.items() if kind.share}
    assert shares == set(ELSEWHERE)
    assert not {"last", "digit", "checksum"} & set(KINDS)


@venues
def test_a_frame_taken_apart_and_written_again_is_the_same(venue):
    wires = Wires(venue, "", SYMBOLS[venue])
    market = wires.exchange.markets.key(SYMBOLS[venue][0]).partition(":")[0]
    shape, texts = SHAPES[market], []
    wires.hear = lambda op: texts.append(op.payload)
    wires.run(5.0)
    updates = [text for text in texts if Seen(1, text, shape).is_update]
    assert len(updates) > 20
    for text in updates:
        written = damage.PushedElsewhere(text, shape).written()
        # OKX's number of orders is not kept: nobody reads it.
        assert Seen(1, written, shape).topic == Seen(1, text, shape).topic
        assert venue == "okx" or sorted(written) == sorted(text)
