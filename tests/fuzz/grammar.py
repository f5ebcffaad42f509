"""Cases: what an exchange, a network and a user might do to one engine, as a list of steps.

A case is a pure function of its number and the seed, whatever the engine answers, so that a
process that died can be asked again what it was given. Most frames are right, or nearly: only
books that are LIVE have anything to lose.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path
from typing import NamedTuple

from bitmart_book.venues import BITMART
from tests.fuzz import stories
from tests.fuzz.mutate import mutate
from tests.fuzz.stories import VENUES, venue_story
from tests.helpers import frames as documented
from tests.helpers.documented.futures import DEPTHS as FUTURES_DEPTHS
from tests.helpers.documented.futures import STREAM_FRAMES as FUTURES_STREAMS
from tests.helpers.documented.legacy import DEPTH as LEGACY_DEPTH
from tests.helpers.documented.legacy import STREAM_FRAMES as LEGACY_STREAMS
from tests.helpers.documented.spot import STREAM_FRAMES as SPOT_STREAMS

__all__ = ["Case", "Step", "case", "real_streams"]

STEPS = 160
REAL_FRAMES = 400
LONGEST_REAL = 1_500


class Step(NamedTuple):
    """One thing that happens: a frame arrives, or the client or a user calls something."""

    kind: str
    """"frame" (bytes), "text" (a str), "view" (a memoryview), or the name of a call."""
    data: bytes = b""
    generation: int = 0


class Case(NamedTuple):
    """An engine's options and what happens to it."""

    options: dict
    steps: list[Step]


# --- rows ---

LEVEL_FORMS = {
    "array": b"[%b,%b]",
    "vol": b'{"price":%b,"vol":%b}',
    "amount": b'{"amount":%b,"price":%b}',
}
EDGE_PRICES = (
    "9223372036854775807", "9223372036854775806", "922337203685477580.7", "9.223372036854775807",
    "0.000000000000000001", "1e18", "1e-18", "1e-17", "9e18", "9.3e9", "9000000000",
    "9000000001.000000001", "1.000000001", "1.0000000001", "0.1", "1", "10", "3e-9", "1e9",
    "99999999.99999999", "100000000.00000001", "123456789012.345678", "0.00000000000001734",
)  # fmt: skip
ZEROS = ('"0"', '"0.0"', '"0.00000000"', "0", '"0e5"', '"-0"', "-0.0", "0.0")


def _padded(text, rng):
    return text + "0" * rng.randrange(12) if "." in text else text


def _grid(index, decimals, rng):
    """An index on a grid as text, in one of the spellings that occur."""
    text = str(index).rjust(decimals + 1, "0")
    if decimals:
        text = f"{text[:-decimals]}.{text[-decimals:]}"
    spelling = rng.randrange(8)
    if spelling == 0:
        return _padded(text, rng)
    if spelling == 1:
        return f"{index}e-{decimals}"
    if spelling == 2 and decimals:
        return text.rstrip("0").rstrip(".") or "0"
    return text


def _size(rng, edges):
    if rng.random() < 0.25:
        return rng.choice(ZEROS)
    if edges and rng.random() < 0.3:
        return _quoted(rng.choice(EDGE_PRICES), rng)
    return _quoted(_grid(rng.randrange(1, 10**6), rng.choice((0, 0, 2, 4, 8)), rng), rng)


def _quoted(text, rng):
    return f'"{text}"' if rng.random() < 0.95 else text


def _pool(seed, decimals, edges):
    """Rows of both sides in every form: {form: (bids, asks)}; few prices, many spellings."""
    rng = random.Random(seed)
    pool = {form: ([], []) for form in LEVEL_FORMS}
    for side, low, high in ((0, 940, 1001), (1, 1000, 1060)):
        for _ in range(400):
            # The two ranges meet in one price, so that now and then a book is crossed.
            index = rng.randrange(low, high)
            if index == 1000 and rng.random() < 0.9:
                index += 2 * side - 1
            price = rng.choice(EDGE_PRICES) if rng.random() < edges else _grid(index, decimals, rng)
            price, size = _quoted(price, rng), _size(rng, edges)
            for form, shape in LEVEL_FORMS.items():
                texts = (size, price) if form == "amount" else (price, size)
                pool[form][side].append(shape % tuple(text.encode() for text in texts))
    return pool


POOLS = [
    _pool(f"{decimals} {edges}", decimals, edges)
    for decimals, edges in ((2, 0.0), (0, 0.0), (1, 0.0), (6, 0.0), (12, 0.0), (2, 0.03), (9, 0.2), (0, 0.9))
]  # fmt: skip


# --- stories: the frames of one symbol on one channel ---

SYMBOLS = {
    "spot": (b"BTC_USDT", b"ETH_USDT", b"a.b-C_9"),
    "futures": (b"BTCUSDT", b"ETHUSDT"),
    "legacy": (b"BMX_ETH", b"22"),
}
FORMS = {"spot": "array", "futures": "vol", "legacy": "amount"}
ENVELOPES = {
    "spot": b'{"data":[%(item)b],"table":"%(channel)b"}',
    "futures": b'{"data":%(item)b,"group":"%(channel)b:%(symbol)b@200ms"}',
    "legacy": b'{"subscribe":"%(channel)b","symbol":"%(symbol)b","data":%(item)b}',
}
EMPTY = (b"[]", b"[]", b"[]", b"null", b'""', b"{}")


class Story:
    """One symbol of one channel: snapshots, updates, heartbeats, losses, repeats."""

    def __init__(self, profile, channel, symbol, pool, rng):
        self._chance = rng.random
        self._channel = channel
        self._kind = channel.kind
        self._symbol = symbol
        self._bids, self._asks = pool[FORMS[profile.market]]
        self._envelope = ENVELOPES[profile.market]
        self._words = {
            b"symbol": symbol,
            b"channel": channel.name.removeprefix(profile.framing.channel_prefix).encode(),
        }
        self._keys = channel.bids.encode(), channel.asks.encode()
        self._version = int(self._chance() * 2_000)
        self._time = 1_700_000_000_000
        self._snapshot_due = True
        self._way = 1

    def frame(self):
        """The next push; of a spot channel seldom with several items."""
        item = getattr(self, f"_{self._kind.replace('-', '_')}")()
        if self._chance() < 0.06:
            item += b"," + getattr(self, f"_{self._kind.replace('-', '_')}")()
            if self._envelope is not ENVELOPES["spot"]:
                item = b"[%b]" % item
        return self._envelope % {**self._words, b"item": item}

    def doubt(self):
        """Something was lost or damaged: a snapshot is what comes next, soon."""
        self._snapshot_due = self._snapshot_due or self._chance() < 0.6

    def _rows(self, pool, most):
        count = int(self._chance() * most)
        if count == 0:
            return EMPTY[int(self._chance() * 6)]
        start = int(self._chance() * (len(pool) - count))
        return b"[%b]" % b",".join(pool[start : start + count])

    def _sides(self, most):
        bids, asks = self._rows(self._bids, most), self._rows(self._asks, most)
        return b'"%b":%b,"%b":%b' % (self._keys[0], bids, self._keys[1], asks)

    def _sequenced(self):
        chance = self._chance()
        self._time += 100
        if self._snapshot_due or chance < 0.05:
            self._snapshot_due = False
            self._version = max(0, self._version + int(self._chance() * 7) - 2)
            kind, sides = b"snapshot", self._sides(24)
        else:
            kind, sides = b"update", self._sides(5)
            if chance < 0.80:
                self._version += 1
            elif chance < 0.86:
                sides = b'"bids":[],"asks":[]'
            elif chance < 0.90:
                self._version += 2 + int(self._chance() * 3)
                self.doubt()
            elif chance < 0.94:
                self._version = max(0, self._version - 1 - int(self._chance() * 4))
            elif chance < 0.945:
                self._version = 1
        return b'{"symbol":"%b","type":"%b","version":%d,"ms_t":%d,%b}' % (
            self._symbol, kind, self._version, self._time, sides,
        )  # fmt: skip

    def _full(self):
        self._time += int(self._chance() * 120) - 5
        time = b',"ms_t":%d' % self._time if self._chance() < 0.8 else b""
        return b'{"symbol":"%b",%b%b}' % (self._symbol, self._sides(20), time)

    def _one_sided(self):
        self._way = 3 - self._way if self._chance() < 0.85 else self._way
        self._time += int(self._chance() * 120) - 5
        rows = self._rows(self._bids if self._way == 1 else self._asks, 20)
        return b'{"symbol":"%b","way":%d,"depths":%b,"ms_t":%d}' % (
            self._symbol, self._way, rows, self._time,
        )  # fmt: skip


CHANNELS = [(profile, channel) for profile in BITMART.profiles for channel in profile.books]
# Those that are LIVE at some time, if there are cases enough.
LIVE_CHANNELS = {channel.name for _, channel in CHANNELS} | stories.LIVE_CHANNELS
SEEDS = [
    text.encode()
    for text in (
        *SPOT_STREAMS, *FUTURES_STREAMS, *LEGACY_STREAMS, *FUTURES_DEPTHS, LEGACY_DEPTH,
        documented.SPOT_SNAPSHOT_4, documented.SPOT_UPDATE_5, documented.SPOT_DEPTH5,
        documented.FUTURES_SNAPSHOT, documented.FUTURES_UPDATE, documented.SPOT_TRADES,
        documented.FUTURES_TRADES, "pong",
        '{"event":"subscribe","topic":"spot/ticker:BTC_USDT"}',
        '{"event":"subscribe:spot/depth5:FOO_USDT","errorCode":"92001","errorMessage":"x"}',
        '{"action":"subscribe","group":"futures/trade:BTCUSDT","success":true,"request":{"args":[]}}',
        '{"group":"System","data":"pong+e0d8adb4"}', '{"subscribe":"pong"}', '{"message":"x"}',
        '{"data":"","table":"spot/depth5"}', "[]", "null", "5", '""', "{}", "",
    )
]  # fmt: skip
FORMS_OF_A_FRAME = ("view",) * 5 + ("frame",) * 4 + ("text",)
CALLS = ("expect", "expect", "expect", "invalidate", "assign", "open_line", "hold", "release",
         "tick", "tick", "confirm", "close_book", "clear", "by_hand", "by_hand", "forget",
         "finish")  # fmt: skip


def real_streams():
    """The first frames of each recorded stream, where such a folder is at hand."""
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("BITMART_BOOK_DATA", root.parent / "shared" / "data")) / "frames"
    streams = []
    for path in sorted(folder.glob("*.frames.jsonl.gz")):
        with gzip.open(path, "rb") as file:
            lines = [line.strip() for _, line in zip(range(REAL_FRAMES), file, strict=False)]
        streams.append([line for line in lines if len(line) <= LONGEST_REAL])
    return [stream for stream in streams if stream]


def case(seed, number, streams=(), steps=STEPS):
    """The case of that number."""
    rng = random.Random(f"{seed} {number}")
    chance = rng.random
    options = {
        "max_levels": rng.choice((50_000, 50_000, 100, 5)),
        "max_books": rng.choice((2_000, 2_000, 2_000, 2)),
        "only_known": chance() < 0.1,
        "clocked": chance() < 0.5,
        # Beside it an engine without the scanner, that has to give the same answers.
        "twin": chance() < 0.25,
        # Of a third of the cases; by a chance of its own.
        "venue": _venue(random.Random(f"venue {seed} {number}")),
    }
    if options["venue"] is not None:
        source = _venue_stories(options["venue"], rng)
        options["twin"] = True
    else:
        source = _real(streams, rng) if streams and chance() < 0.1 else _stories(rng)
    damage = rng.choice((0.0, 0.2, 0.5, 0.8))
    calls = rng.choice((0.0, 0.05, 0.2))
    generations = rng.choice((0, 0, 1, 3))
    made = []
    while len(made) < steps:
        if calls and chance() < calls:
            name = CALLS[int(chance() * len(CALLS))]
            made.append(Step(name, b"%d" % int(chance() * 1_000_000), int(chance() * 4)))
            continue
        frame, doubt = source()
        if chance() < damage:
            frame = mutate(frame, rng)
            doubt()
        kind = FORMS_OF_A_FRAME[int(chance() * 10)]
        made.append(Step(kind, frame, int(chance() * (generations + 1))))
    return Case(options, made)


def _venue(rng):
    return rng.choice(tuple(VENUES)) if rng.random() < 0.35 else None


def _venue_stories(name, rng):
    chance = rng.random
    told = [venue_story(name, rng) for _ in range(rng.choice((1, 1, 2, 3)))]

    def source():
        story = told[int(chance() * len(told))]
        return story.frame(), story.doubt

    return source


def _stories(rng):
    chance = rng.random
    pool = POOLS[int(chance() * len(POOLS))]
    told = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        profile, channel = rng.choice(CHANNELS)
        told.append(Story(profile, channel, rng.choice(SYMBOLS[profile.market]), pool, rng))

    def source():
        if chance() < 0.1:
            return SEEDS[int(chance() * len(SEEDS))], _nothing
        story = told[int(chance() * len(told))]
        return story.frame(), story.doubt

    return source


def _real(streams, rng):
    stream = rng.choice(streams)
    place = 0 if rng.random() < 0.7 else rng.randrange(len(stream))

    def source():
        nonlocal place
        frame = stream[place % len(stream)]
        place += 1
        return frame, _nothing

    return source


def _nothing():
    pass


def dump(made):
    """A case as text: one JSON line of options, one for each step."""
    lines = [json.dumps(made.options)]
    lines += [
        json.dumps(
            {"kind": step.kind, "data": step.data.decode("latin-1"), "generation": step.generation}
        )
        for step in made.steps
    ]
    return "\n".join(lines) + "\n"


def load(text):
    """The reverse of `dump`."""
    options, *lines = map(json.loads, text.splitlines())
    return Case(
        options,
        [Step(line["kind"], line["data"].encode("latin-1"), line["generation"]) for line in lines],
    )
