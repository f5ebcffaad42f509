"""A recording of a feed, played again, is what the feed was: state by state, price by price."""

import json
import random
import re

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Engine
from bitmart_book.client.client import Client
from bitmart_book.client.intake import Intake
from bitmart_book.sim.exchange import Exchange
from bitmart_book.venues import BITMART
from bitmart_book.wire.capture import Capture, CapturedFrame, CaptureWriter
from bitmart_book.wire.playback import Playback, RecordedTime, has_events
from bitmart_book.wire.recorder import Recorder
from bitmart_book.wire.told import ToldEngine
from tests.helpers.by_hand import ByHand
from tests.helpers.frames import spot
from tests.mutants.mutant import PACKAGE
from tests.simulation.world import World

TOPICS = (
    "BTC_USDT", "ETH_USDT", "spot/depth5:BTC_USDT", "BTCUSDT", "futures/depth20:ETHUSDT",
    "spot/trade:BTC_USDT",
)  # fmt: skip
TOLD = {name for name in vars(ToldEngine) if not name.startswith("_")}
READ = {
    "books", "changes_told", "goes_back", "line", "message", "runs_short",
    "stats", "touched", "trades", "updates",
}  # fmt: skip
WALL = 1_787_000_000_000_000_000


def reading(engine):
    """Everything that a reader sees of every book, by its topic."""
    seen = {}
    for book in engine.books:
        frozen = book.peek()
        quote = book.quote_in_any_state()
        seen[f"{book.channel}:{book.symbol}"] = (
            str(book.state), book.reason, book.epoch, book.sequence, book.confirmed_by,
            frozen.depth(exact=True), repr(quote), quote.exact, quote.exchange_time_ms,
            frozen.complete_depth("bid"), frozen.complete_depth("ask"), book.valid_until,
        )  # fmt: skip
    return seen


class Recorded:
    """A client whose words and frames are recorded, and what was read of its books."""

    def record(self, path, clock):
        self.writer = CaptureWriter(path)
        self.recorder = Recorder(
            self.writer, "0", self.failed, clock=clock, wall=lambda: WALL + clock()
        )
        self.lines = 0
        self.looks = []
        self.time = clock
        for name in ("write", "write_event"):
            self.count(name)

    def count(self, name):
        write = getattr(self.writer, name)

        def counted(*arguments):
            self.lines += 1
            write(*arguments)

        setattr(self.writer, name, counted)

    def failed(self, error):
        raise error

    def message(self, connection, generation, payload, received_ns, is_private):
        assert not is_private
        self.recorder.frame(payload, received_ns, connection, generation)

    def look(self, engine):
        """Read now, after so many lines."""
        self.looks.append((self.lines, self.time(), reading(engine)))

    def compare(self, path):
        """The number of reads of the replay that differ from what was read live, and of all."""
        clock = RecordedTime()
        engine = Engine(clock=clock, only_known=True)
        playback = Playback(
            engine, path, speed=None, on_bad_line="raise", progress=None, applied=nothing,
            told=nothing, rested=nothing, clock=clock,
        )  # fmt: skip
        played, differing = 0, []
        with Capture(path) as capture:
            for lines, now, expected in self.looks:
                while played < lines:
                    playback.take(0, str(path), capture.record())
                    played += 1
                clock.reach(now)
                found = reading(engine)
                if found != expected:
                    differing.append((now, found, expected))
            assert capture.record() is None or played == self.looks[-1][0]
        return differing, len(self.looks)


def nothing():
    pass


class RecordedWorld(World, Recorded):
    """A simulated world that records, and reads all books after whatever happens."""

    def __init__(self, seed, exchange, path, **options):
        self.path = path
        super().__init__(seed, exchange, check=False, **options)

    def speak(self, venue, rng):
        self.engine = Engine(venue, clock=self._clock, only_known=True)
        # No book can have been confirmed before the engine's clock began.
        self.record(self.path, self._clock)
        self.client = Client(self.recorder.told(self.engine), venue, rng=rng, limiter=self.limiter)
        self.recorder.name_of = self.client.connections.name_of
        self.intake = Intake(self.engine, self.client, self, self, witness=self)

    def _receive(self, link, payload):
        super()._receive(link, payload)
        self.look(self.engine)

    def _think(self):
        super()._think()
        self.look(self.engine)


@pytest.mark.parametrize("seed", range(2))
def test_every_read_of_a_replay_is_what_was_read_live_under_faults(seed, tmp_path):
    path = tmp_path / "world.jsonl"
    exchange = Exchange(seed=seed)
    w = RecordedWorld(seed, exchange, path, spec="all%20")
    w.now = 1.0
    w.subscribe(*TOPICS)
    w.run(40)
    w.unsubscribe("ETH_USDT")
    w.run(60)
    w.subscribe("ETH_USDT")
    w.run(90)
    w.writer.close()
    assert w.network.log.total > 20
    differing, reads = w.compare(path)
    assert differing == []
    assert reads > 1_000
    states = {found[0] for _, _, seen in w.looks for found in seen.values()}
    assert states >= {"LIVE", "SYNCING", "CONNECTING", "GAP"}


class RecordedHand(ByHand, Recorded):
    """A client by hand that records."""

    def __init__(self, path):
        super().__init__()
        clock = lambda: int(self.now * 1e9)  # noqa: E731
        self.record(path, clock)
        self.client = Client(
            self.recorder.told(self.engine), BITMART, rng=random.Random(1), limiter=None
        )
        self.recorder.name_of = self.client.connections.name_of
        self.intake = Intake(self.engine, self.client, self, self, witness=self)


def test_a_price_that_was_a_guess_when_it_was_live_is_one_in_the_replay(tmp_path):
    """A hundred bids of a snapshot are taken away, and then a deeper one appears."""
    path = tmp_path / "dark.jsonl"
    hand = RecordedHand(path)
    hand.client.subscribe(["spot/depth/increase100:BTC_USDT"], hand.now)
    hand.step()
    bids = [[str(1000 - n), "1"] for n in range(100)]
    hand.hear(spot("snapshot", 1, bids, [["2000", "1"]]))
    assert hand.engine["BTC_USDT"].state == "LIVE"
    hand.hear(spot("update", 2, [[price, "0"] for price, _ in bids], []))
    hand.hear(spot("update", 3, [["500", "9"]], []))
    live = hand.engine["BTC_USDT"]
    assert live.state == "STALE"
    hand.writer.close()
    with bb.connect(source=path) as feed:
        assert feed["BTC_USDT"].state == "STALE"
        assert feed["BTC_USDT"].reason == live.reason
        with pytest.raises(bb.BookNotLive):
            _ = feed["BTC_USDT"].best_bid


def test_a_frame_of_another_connection_is_passed_over_in_the_replay_too(tmp_path):
    """A topic has moved, and the connection that it was on still has a frame of it."""
    path = tmp_path / "moved.jsonl"
    hand = RecordedHand(path)
    hand.client.subscribe(["spot/depth/increase100:BTC_USDT", "spot/ticker:BTC_USDT"], hand.now)
    hand.step()
    rows = [["9", "1"], ["8", "1"]], [["10", "1"]]
    hand.hear(spot("snapshot", 1, *rows))
    former = hand.generation
    hand.client.move(hand.client.wanted["spot/depth/increase100:BTC_USDT"], hand.now)
    hand.step(1.0)
    assert hand.generation != former
    hand.hear(spot("snapshot", 5, *rows))
    hand.generation = former
    hand.hear(spot("update", 6, [["9", "0"]], []))
    hand.look(hand.engine)
    assert hand.engine["BTC_USDT"].best_bid.price == 9.0
    hand.writer.close()
    assert hand.compare(path) == ([], 1)


def test_a_book_that_was_held_is_held_in_the_replay(tmp_path):
    path = tmp_path / "held.jsonl"
    hand = RecordedHand(path)
    hand.client.subscribe(["spot/depth/increase100:BTC_USDT"], hand.now)
    hand.step()
    hand.hear(spot("snapshot", 1, [["9", "1"]], [["10", "1"]]))
    for version in range(2, 6):
        hand.step(1.0)  # and no ping is answered
        hand.hear(spot("update", version, [["9", str(version)]], []))
    hand.look(hand.engine)
    live = hand.engine["BTC_USDT"]
    assert (live.state, "late" in live.reason or "ping" in live.reason) == ("STALE", True)
    hand.writer.close()
    assert hand.compare(path) == ([], 1)


def test_every_word_of_the_client_is_recorded():
    """What a method of the engine changes must be an event, or a replay is not what was live."""
    asked = set()
    for file in (PACKAGE / "client").glob("*.py"):
        asked |= set(re.findall(r"_engine\.([a-z]\w*)", file.read_text()))
    assert asked - TOLD == READ, "a word that changes a book needs an event in wire/told.py"


def test_a_feed_records_what_it_was(tmp_path):
    path = tmp_path / "feed.jsonl.gz"
    with bb.connect("BTC_USDT", "BTCUSDT", source="sim", record=path) as feed:
        feed.subscribe("ETH_USDT")
        feed.unsubscribe("ETH_USDT")
    assert has_events(path)
    with Capture(path) as capture:
        records = []
        while (record := capture.record()) is not None:
            records.append(record)
    events = {record.event for record in records if not isinstance(record, CapturedFrame)}
    assert events >= {"opened", "wanted", "subscribed", "unwanted", "doubted"}
    assert all(record.at_ns for record in records)
    with bb.connect(source=path) as replayed:
        assert {book.symbol for book in replayed.books} == {"BTC_USDT", "BTCUSDT"}
        assert all(book.state == BookState.LIVE for book in replayed.books)
        assert replayed["BTC_USDT"].reason == "end of capture"
        assert replayed["BTC_USDT"].quote.age < 10


def line(**facts):
    return json.dumps({"t": 1, "at": 10**9, "conn": "spot-1#1", **facts})


def recording(tmp_path, *lines):
    path = tmp_path / "by-hand.jsonl"
    path.write_text("\n".join(['{"bitmart_book":"0"}', *lines]) + "\n")
    return path


WANTED = line(event="wanted", topic="spot/depth/increase100:BTC_USDT")


def test_events_that_nobody_knows_are_skipped(tmp_path):
    path = recording(
        tmp_path,
        line(event="opened", seconds=8.0, more=[1]),
        WANTED,
        line(event="moonrise", topic=7),
        line(frame=spot("snapshot", 5, [("1", "1")], [("2", "1")])),
        line(frame="{rubbish"),
        line(frame=spot("snapshot", 5, [("1", "1")], [("2", "1")], symbol="NOT_WANTED")),
    )
    with bb.connect(source=path) as feed:
        assert [book.symbol for book in feed.books] == ["BTC_USDT"]
        assert feed["BTC_USDT"].state == "LIVE"


@pytest.mark.parametrize(
    "bad",
    [
        line(event="wanted"),
        line(event="wanted", topic="moon/depth:BTC_USDT"),
        line(event="asked", topic="spot/depth5:BTC_USDT"),
        line(event="doubted", topic="spot/depth/increase100:BTC_USDT", reason="x", state="LIVE"),
        line(event="doubted", topic="spot/depth/increase100:BTC_USDT", reason="x", state="MOON"),
        line(event="opened", seconds="long"),
        line(event="confirmed", topic="spot/depth/increase100:BTC_USDT", for_ns=1e99, by="x"),
        line(event=5),
        line(),
        '{"event": "opened"',
    ],
)
def test_an_event_without_its_facts_is_named(tmp_path, bad):
    with pytest.raises(bb.CaptureError) as caught:
        bb.connect(source=recording(tmp_path, WANTED, bad))
    assert caught.value.line == 3


def test_time_between_files_stands_still_and_never_goes_back():
    clock = RecordedTime()
    clock.reach(5_000)
    clock.reach(7_000)
    clock.reach(6_000)
    assert clock() == 7_000
    clock.begin()
    clock.reach(100)
    clock.reach(300)
    assert clock() == 7_200
    clock.reach(None)
    assert clock() == 7_200
