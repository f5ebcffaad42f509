"""Faults by name: their little language, what each does to frames, and all of them on a socket."""

import asyncio
import itertools
import json
import random
import subprocess
import sys
import zlib
from itertools import pairwise

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import bitmart_book as bb
from bitmart_book.client.inflate import inflate
from bitmart_book.client.limits import Limiter
from bitmart_book.sim import KINDS, Exchange, Faults, Knobs, Send, Simulator, parse
from bitmart_book.sim.exchange import Close
from bitmart_book.sim.faults import damage
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import NO_ANSWER
from bitmart_book.sim.faults.wires import Reset

TOPIC = "spot/depth/increase100:BTC_USDT"
SUBSCRIBE = f'{{"op":"subscribe","args":["{TOPIC}"]}}'
REQUEST = f'{{"op":"request","args":["{TOPIC}"]}}'


# --- the language ---


def test_the_sample_words():
    words = parse("gap@120 freeze:3s dup reorder cross reset")
    assert words == [
        Word("gap", when=120.0),
        Word("freeze", seconds=3.0),
        *(Word(name) for name in ("dup", "reorder", "cross", "reset")),
    ]
    assert parse("mute/BTC_USDT%2.5:500ms@2m") == [Word("mute", 120.0, 0.5, 2.5, "BTC_USDT")]
    assert parse("") == []


def test_all_is_every_kind_by_its_share():
    words = parse("all%60")
    assert [word.name for word in words] == list(KINDS)
    assert sum(word.per_minute for word in words) == pytest.approx(60)
    assert sum(word.per_minute for word in parse("all")) == pytest.approx(22)
    shares = {word.name: word.per_minute for word in words}
    share = KINDS["gap"].share / KINDS["ban"].share
    assert shares["gap"] / shares["ban"] == pytest.approx(share)


@pytest.mark.parametrize(
    "spec",
    [
        "nonsense", "Gap", "gap@", "gap@soon", "gap@-1", "freeze:3x", "dup%0", "dup%often",
        "dup%-2", "dup%inf", "gap@1@2", "all@5", "all:5s", "gap,dup", "@120", "gap@120s3",
    ],
)  # fmt: skip
def test_what_is_no_word(spec):
    with pytest.raises(bb.UsageError, match="fault"):
        parse(f"dup {spec}")


def test_an_unknown_word_lists_the_known_ones():
    with pytest.raises(bb.UsageError, match=r"there is: all .*freeze.* zeros"):
        Simulator(faults="freze")


def test_every_kind_says_what_it_is():
    for name, kind in KINDS.items():
        assert kind.doc, name
        assert kind.per_minute > 0 < kind.share
        assert all(row >= 1 for row in kind.rows)


# --- one frame ---


def frames(count, seed=1, symbol="BTC_USDT"):
    """A snapshot and so many updates."""
    exchange = Exchange(seed=seed, symbols=[symbol])
    connection = exchange.connect("spot_public", 0.0)
    exchange.receive(connection, SUBSCRIBE.replace("BTC_USDT", symbol), 0.0)
    found = []
    while len(found) < count + 1:
        exchange.advance(exchange.next_deadline())
        found += [send.payload for send in exchange.output() if '"data"' in send.payload]
    return found[: count + 1]


def test_what_means_the_same_is_read_the_same():
    rng = random.Random(1)
    plain, other = bb.Engine(), bb.Engine()
    snapshot, *updates = frames(400)
    plain.apply(snapshot)
    other.apply(snapshot)
    made = {name: 0 for name in damage.MEANING_THE_SAME if name != "big"}
    for number, update in enumerate(updates):
        name = list(made)[number % len(made)]
        changed = damage.MEANING_THE_SAME[name][0](damage.Pushed(update), rng)
        if changed is not None:
            made[name] += changed != update
        plain.apply(update)
        other.apply(changed or update)
        depth, found = (e["BTC_USDT"].depth(exact=True) for e in (plain, other))
        assert (found.bids, found.asks) == (depth.bids, depth.asks), changed
    assert all(count > 3 for count in made.values()), made


@pytest.mark.parametrize("name", damage.LOSING)
def test_what_must_be_refused_is_never_read(name):
    make = damage.LOSING[name][0]
    rng = random.Random(2)
    snapshot, *updates = frames(60)
    done = 0
    for update in updates:
        engine = bb.Engine(max_frame_bytes=4 * 1024 * 1024)
        engine.apply(snapshot)
        book = engine["BTC_USDT"]
        before = book.depth(exact=True)
        pushed = damage.Pushed(update)
        pushed.fields["version"] = str(book.sequence + 1)
        changed = make(pushed, rng)
        if changed is None:
            continue
        done += 1
        if isinstance(changed, bytes):
            with pytest.raises(bb.MessageError):
                inflate(changed)
            continue
        refused = False
        try:
            engine.apply(changed.encode("utf-8", "surrogateescape"))
        except bb.MessageError:
            refused = True
        if name == "cross":
            assert book.state == "GAP"
            continue
        if book.state == "LIVE":
            # Nobody could tell whose frame it was, or that it was one: but nothing was applied.
            assert refused or '"data":' in changed
            depth = book.depth(exact=True)
            assert (depth.bids, depth.asks) == (before.bids, before.asks)
    assert done > 20


@pytest.mark.parametrize("name", damage.OF_SNAPSHOTS)
def test_damaged_snapshots(name):
    make = damage.OF_SNAPSHOTS[name][0]
    snapshot = frames(0)[0]
    truth = bb.Engine()
    truth.apply(snapshot)
    for seed in range(20):
        engine = bb.Engine()
        changed = make(damage.Pushed(snapshot), random.Random(seed))
        if name in ("negativesnap", "nosidesnap"):
            with pytest.raises(bb.MessageError):
                engine.apply(changed)
            continue
        engine.apply(changed)
        book = engine["BTC_USDT"]
        if name == "emptysnap":
            # Nobody can be asked for a second one: it is believed, but nothing that is built on it.
            assert (book.reason, book.best_bid) == ("empty, unconfirmed", None)
            continue
        if name == "crosssnap":
            assert book.state != "LIVE"
        else:
            assert list(book.bids) == list(truth["BTC_USDT"].bids)
            assert list(book.asks) == list(truth["BTC_USDT"].asks)


def test_a_bomb_is_small_and_would_be_large():
    assert len(damage.bomb()) < 20_000
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    assert len(stream.decompress(damage.bomb(), 2_000_000)) == 2_000_000


# --- the network, without a socket ---


class Wire:
    """An exchange, one client's connection, and faults between them, under a virtual clock."""

    def __init__(self, spec, *, symbols=("BTC_USDT",), seed=1, **options):
        self.exchange = Exchange(seed=seed, symbols=symbols, **options)
        self.told = []
        self.faults = Faults(
            spec,
            rng=random.Random(seed),
            exchange=self.exchange,
            told=lambda *facts: self.told.append(facts),
        )
        self.now = 0.0
        self.got = []
        self.connection = None
        self.open()

    def open(self):
        answer = self.faults.connecting(self.now)
        if answer is None:
            answer = self.exchange.connect("spot_public", self.now)
            self.connection = answer
            self.faults.opened(answer, self.now)
            for symbol in self.exchange.listings:
                self.say(SUBSCRIBE.replace("BTC_USDT", symbol))
        return answer

    def say(self, text):
        for heard in self.faults.incoming(self.connection, text, self.now):
            self.exchange.receive(self.connection, heard, self.now)
        self.drain()

    def drain(self):
        while True:
            ops = [
                *self.faults.advance(self.now),
                *self.faults.outgoing(self.exchange.output(), self.now),
            ]
            if not ops:
                return
            for op in ops:
                self.got.append((self.now, op))
                if isinstance(op, Reset | Close):
                    self.faults.gone(op.connection)

    def run(self, until):
        """Until then; returns what arrived as (time, operation)."""
        start = len(self.got)
        while True:
            due = self.exchange.next_deadline() or until
            fault_due = self.faults.next_deadline()
            due = due if fault_due is None else min(due, fault_due)
            if due > until:
                break
            self.now = max(self.now, due)
            if self.connection is not None and int(self.now) % 10 == 0:
                self.exchange.receive(self.connection, "ping", self.now)
            self.exchange.advance(self.now)
            self.drain()
        self.now = until
        return self.got[start:]

    def updates(self, got=None, kind="update"):
        """(time, item) of the book frames that arrived."""
        found = []
        for when, op in self.got if got is None else got:
            if isinstance(op, Send) and isinstance(op.payload, str) and '"data":[{' in op.payload:
                items = json.loads(op.payload)["data"]
                found += [(when, item) for item in items if item.get("type") == kind]
        return found

    def versions(self, got=None):
        return [int(item["version"]) for _, item in self.updates(got)]


def steps(versions):
    return [after - before for before, after in pairwise(versions)]


def test_without_faults_everything_passes_untouched():
    wire = Wire("")
    wire.run(20)
    assert set(steps(wire.versions())) == {1}
    assert wire.faults.log.total == 0
    assert not wire.faults.acting


def test_once_at_a_time():
    wire = Wire("gap@12")
    wire.run(11.9)
    assert set(steps(wire.versions())) == {1}
    wire.run(30)
    assert sorted(steps(wire.versions()))[-2:] == [1, 2]
    assert wire.faults.counts == {"gap": 1}
    assert wire.faults.log.rows == {1: 1, 2: 1, 3: 1}
    assert [(round(when) in (12, 13), name, what) for when, name, what in wire.told] == [
        (True, "gap", TOPIC)
    ]


def test_how_often():
    wire = Wire("dup%30")
    wire.run(300)
    assert 100 < wire.faults.counts["dup"] < 200
    assert steps(wire.versions()).count(0) == wire.faults.counts["dup"]


def test_of_one_symbol_only():
    wire = Wire("gap%60/ETH_USDT", symbols=("BTC_USDT", "ETH_USDT"))
    wire.run(60)
    assert {what.partition(":")[2] for _, _, what in wire.told} == {"ETH_USDT"}
    seen = [item["version"] for _, item in wire.updates() if item["symbol"] == "BTC_USDT"]
    assert set(steps(seen)) == {1}


def test_frozen_frames_arrive_late_and_in_order():
    wire = Wire("freeze@10:3s")
    got = wire.run(20)
    arrivals = [when for when, _ in wire.updates(got)]
    assert not [when for when in arrivals if 10.0 < when < 13.0]
    assert len([when for when in arrivals if when == 13.0]) > 10
    assert set(steps(wire.versions())) == {1}
    assert not wire.faults.acting


def test_what_other_faults_change_waits_in_its_turn():
    wire, count = Wire("jitter@5:30s"), itertools.count()
    # It was there before the jitter, and what it makes of frames cannot even be read.
    wire.faults.filters.add(lambda seen: None if next(count) % 3 else [seen.payload, b"?"], 60.0)
    got = wire.run(40)
    assert set(steps(wire.versions())) == {1}
    assert sum(getattr(op, "payload", None) == b"?" for _, op in got) > 10
    assert wire.faults.counts["jitter"] == 1
    assert not wire.faults.wires.queues


def test_a_lag_grows_and_ends():
    wire = Wire("lag@10:8s")
    got = wire.run(60)
    start = wire.exchange.clock.ms(0.0)
    late = [(when, when - (item["ms_t"] - start) / 1000) for when, item in wire.updates(got)]
    assert max(delay for _, delay in late) == pytest.approx(8.0, abs=0.5)
    assert all(delay < 0.1 for when, delay in late if when < 10 or when > 35)
    # Bytes never stop.
    times = [when for when, _ in late]
    assert max(steps(times)) < 2.0
    assert set(steps(wire.versions())) == {1}


def test_silence_ends_only_with_the_connection():
    wire = Wire("silence@10")
    assert not [when for when, _ in wire.updates(wire.run(40)) if when > 10.0]
    wire.faults.stop(wire.now)
    assert wire.updates(wire.run(50)) == []
    wire.faults.gone(wire.connection)
    wire.open()
    assert wire.updates(wire.run(60))


def test_mute_and_stuck_and_pongs():
    wire = Wire("mute@10:5s/BTC_USDT", symbols=("BTC_USDT", "ETH_USDT"))
    got = wire.run(16)
    symbols = [(when, item["symbol"]) for when, item in wire.updates(got)]
    assert not [when for when, symbol in symbols if symbol == "BTC_USDT" and 10 < when < 15]
    assert [when for when, symbol in symbols if symbol == "ETH_USDT" and 10 < when < 15]
    wire = Wire("stuck@10:20s")
    items = [item for when, item in wire.updates(wire.run(30)) if when > 10]
    assert {item["version"] for item in items[:6]} == {items[0]["version"]}
    assert all(item["bids"] == item["asks"] == [] for item in items[:6])
    acts = wire.faults.log.acts.of(TOPIC, 40.0, lambda name: 10.0)
    assert [(act.name, act.until) for act in acts] == [("stuck", 30.0)]
    wire = Wire("pongs@10:20s")
    wire.run(11)
    wire.say("ping")
    assert wire.got[-1][1].payload == "pong"
    assert not wire.updates(wire.run(29))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dup", {0, 1}), ("reorder", {-2, -1, 1, 2, 3}), ("batch", {1}), ("empty", {1}),
        ("heartbeat", {0, 1}), ("slide", {1}), ("drain", {1}), ("unknown", {0, 1}),
        ("snap", {1, 2, 3}),
    ],
)  # fmt: skip
def test_what_becomes_of_the_order(word, expected):
    wire = Wire(f"{word}%60")
    wire.run(60)
    assert wire.faults.counts[word] > 0
    assert set(steps(wire.versions())) <= expected


def test_snapshots_that_are_late_old_or_unasked():
    wire = Wire("latesnap%20")
    wire.run(60)
    version = 0
    older = 0
    for _, op in wire.got:
        if isinstance(op, Send) and '"data":[{' in op.payload:
            item = json.loads(op.payload)["data"][0]
            if item["type"] == "snapshot":
                older += item["version"] < version
            else:
                version = item["version"]
    assert older > 5
    wire = Wire("oldsnap@10:3s")
    wire.run(12)
    wire.say(REQUEST)
    _, cached = wire.updates(kind="snapshot")[-1]
    assert cached["version"] < wire.exchange.markets.version("BTC_USDT")
    wire.run(14)
    wire.say(REQUEST)
    assert wire.updates(kind="snapshot")[-1][1]["version"] == wire.exchange.markets.version(
        "BTC_USDT"
    )


def test_a_reply_is_cut_short_and_what_a_subscription_begins_with_is_not():
    wire = Wire("shortreply@10")
    wire.run(12)
    wire.say(REQUEST)
    assert len(wire.updates(kind="snapshot")[-1][1]["bids"]) == 50
    # Another fault takes the place of the reply.
    wire = Wire("oldsnap@10:3s shortreply@10")
    wire.run(12)
    wire.say(REQUEST)
    wire.run(14)
    wire.say(SUBSCRIBE.replace("subscribe", "unsubscribe"))
    wire.say(SUBSCRIBE)
    assert len(wire.updates(kind="snapshot")[-1][1]["bids"]) == 100
    wire.say(REQUEST)
    assert wire.faults.counts["shortreply"] == 1


def test_a_counter_starts_anew_far_from_where_it_was():
    wire = Wire("restart%20")
    wire.run(120)
    jumps = [step for step in steps(wire.versions()) if step != 1]
    # Of two restarts at once the first one is never seen.
    assert 10 < len(jumps) <= wire.faults.counts["restart"]
    assert min(jumps) < 0 < max(jumps)
    assert all(abs(jump) > 90_000 for jump in jumps)
    assert min(wire.versions()) <= 2


def test_empty_books_are_apart():
    """A second empty snapshot in a row is to be believed: there is none by mistake."""
    wire = Wire("emptysnap%60")
    wire.run(300)
    assert wire.faults.counts["emptysnap"] in (2, 3)


def test_what_a_client_says_is_lost():
    wire = Wire("lostrequest@10")
    wire.run(11)
    assert 2 in steps(wire.versions())
    before = len(wire.updates(kind="snapshot"))
    wire.say(REQUEST)
    assert len(wire.updates(kind="snapshot")) == before
    wire.say(REQUEST)
    assert len(wire.updates(kind="snapshot")) == before + 1


@pytest.mark.parametrize(
    ("word", "answer"),
    [("lostsub", ""), ("ackonly", '"topic"'), ("suberror", "95000"), ("wrongack", '"topic"')],
)
def test_subscriptions_that_go_wrong(word, answer):
    wire = Wire(f"{word}@10")
    got = wire.run(12)
    assert [op for _, op in got if isinstance(op, Reset)]
    start = len(wire.got)
    wire.open()
    said = [op.payload for _, op in wire.got[start:]]
    assert wire.faults.counts[word] == 1
    assert answer in "".join(said)
    if word == "wrongack":
        assert f'"{TOPIC}"' not in said[0]
    else:
        assert not wire.updates(wire.got[start:], "snapshot")


def test_doors():
    wire = Wire("outage@10:5s")
    wire.run(12)
    assert wire.open().status == 503
    wire.run(15.1)
    assert isinstance(wire.open(), int)
    wire = Wire("ban@10")
    wire.run(12)
    assert wire.open().status in (403, 429)
    assert isinstance(wire.open(), int)
    wire = Wire("blackhole@10")
    wire.run(12)
    assert wire.open() is NO_ANSWER
    wire = Wire("slam@10")
    wire.run(12)
    assert isinstance(wire.open(), int)
    ends = [op for _, op in wire.run(13) if isinstance(op, Reset | Close)]
    assert len(ends) == 1


def test_stop_lets_go_what_is_held():
    wire = Wire("freeze@10:60s reorder%60 early@10 pause@10")
    wire.run(12)
    before = len(wire.versions())
    for op in wire.faults.stop(wire.now):
        wire.got.append((wire.now, op))
    assert not wire.faults.acting
    assert wire.faults.next_deadline() is None
    wire.open()
    wire.run(30)
    assert len(wire.versions()) > before + 20
    assert wire.faults.log.total < 20


def test_the_same_seed_does_the_same():
    def log(seed):
        wire = Wire("all%120", seed=seed, symbols=("BTC_USDT", "ETH_USDT"))
        for second in range(1, 60):
            wire.run(second)
            if wire.connection not in wire.faults.wires.lines:
                wire.open()
        return wire.told, [op for _, op in wire.got]

    assert log(4) == log(4)
    assert log(4)[0] != log(5)[0]


def test_compressed_frames_stay_compressed():
    wire = Wire("shuffle%60 dup%60 batch%60", knobs=Knobs(opcode="binary"))
    wire.run(20)
    assert wire.faults.log.total > 20
    pushes = [op.payload for _, op in wire.got if isinstance(op.payload, bytes)]
    versions = []
    for payload in pushes:
        items = json.loads(zlib.decompress(payload, -zlib.MAX_WBITS))["data"]
        versions += [item["version"] for item in items]
    assert set(steps(versions)) == {0, 1}


# --- on a socket ---


def run(scenario, **options):
    async def bounded():
        async with Simulator(speed=3.0, **options) as simulator:
            return await scenario(simulator)

    return asyncio.run(bounded())


async def until(condition, book):
    """Follow a book until the condition holds."""
    async for _ in book.quotes():
        if condition():
            return


async def ended(socket):
    """Read to the end of a connection; returns how it ended."""
    while True:
        try:
            await socket.recv()
        except ConnectionClosed as error:
            return error


@pytest.mark.parametrize(
    "spec",
    [
        "gap%600 dup%300 reorder%300",
        "reset%200 close%60",
        "cross%200 nan%100 snap%200",
        "split%300:60s",
        "number%300 zeros%300 shuffle%300 twice%300",
        "freeze@1:300ms freeze@2:300ms",
    ],
)
def test_a_book_recovers_over_a_real_socket(spec):
    """The count of what must happen is small: a test is to be quick."""

    async def scenario(simulator):
        limiter = Limiter()
        async with bb.Feed(source=simulator, limiter=limiter) as feed:
            book = await feed.subscribe("BTC_USDT")
            await until(lambda: simulator.faults.log.total >= 2, book)
            simulator.faults.stop(simulator.now())
            simulator.pump()
            updates = book.stats["updates"]
            await until(lambda: book.stats["updates"] > updates + 3 and book.state == "LIVE", book)
            truth = simulator.exchange.markets.window("BTC_USDT", book.sequence, 20)
            depth = book.depth(20, exact=True)
            assert (depth.bids, depth.asks) == (list(truth[0]), list(truth[1]))
            assert not simulator.exchange.breaches
        return simulator.faults.counts

    assert run(scenario, symbols=["BTC_USDT"], faults=spec).total() >= 2


def test_refusals_are_http_answers():
    async def scenario(simulator):
        url = simulator.urls["spot_public"]
        with pytest.raises(InvalidStatus, match="503"):
            async with connect(url, proxy=None):
                pass

    run(scenario, faults="outage@0:60s")


def test_an_attempt_that_nobody_answers():
    async def scenario(simulator):
        async with connect(simulator.urls["spot_public"], proxy=None) as socket:
            await socket.send(SUBSCRIBE)
            await ended(socket)
        with pytest.raises(TimeoutError):
            async with connect(simulator.urls["spot_public"], proxy=None, open_timeout=0.2):
                pass
        async with connect(simulator.urls["spot_public"], proxy=None) as socket:
            await socket.send("ping")
            assert await socket.recv() == "pong"

    run(scenario, faults="blackhole@0.2")


def test_a_silent_socket_does_not_even_close():
    async def scenario(simulator):
        socket = await connect(simulator.urls["spot_public"], proxy=None, close_timeout=0.2)
        await socket.send(SUBSCRIBE)
        await socket.recv()
        silent = asyncio.Event()
        simulator.faults.log.told = lambda *_: silent.set()
        await silent.wait()
        await socket.send("ping")
        await socket.close()
        assert socket.close_code == 1006

    run(scenario, faults="silence@0.3")


def test_a_close_has_its_code():
    async def scenario(simulator):
        async with connect(simulator.urls["spot_public"], proxy=None) as socket:
            await socket.send(SUBSCRIBE)
            assert (await ended(socket)).rcvd.reason == "closed by a fault"

    run(scenario, faults="close@0.2")


def test_the_command_takes_faults():
    command = [sys.executable, "-m", "bitmart_book", "sim"]
    helped = subprocess.run([*command, "--faults", "help"], capture_output=True, text=True)
    assert helped.returncode == 0
    assert all(name in helped.stdout for name in KINDS)
    wrong = subprocess.run([*command, "--faults", "gap nonsense"], capture_output=True, text=True)
    assert wrong.returncode != 0
    assert "no fault 'nonsense'; there is: all" in wrong.stderr
    assert "Traceback" not in wrong.stderr
