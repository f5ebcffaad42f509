"""What is measured: each stage makes its input from the seed, names who runs, and runs them.

Frames are made, and books brought up by their snapshots, before the clock starts.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bitmart_book.bench import footprint, peers, reads, real, wire
from bitmart_book.bench.contenders import Engine, EngineWithClock, Plain, Sorted
from bitmart_book.bench.frames import (
    Grid,
    Market,
    Message,
    capture,
    depth50_frame,
    futures_frame,
    spot_frame,
)
from bitmart_book.bench.race import Case, Entry, Timing, Work, race

__all__ = ["FULL", "OURS", "QUICK", "STAGES", "Plan", "Scale", "Stage"]

OURS = "bitmart_book"
ORJSON_BOOK = "orjson + order-book"
TYPED_BOOK = "typed msgspec + order-book"
CCXT_HANDLER = "ccxt's own handler"
ONE_SYMBOL = f"{OURS}, one symbol"
NOTHING = "nothing but receiving"
INFLATE = "nothing but inflating"
DEEP_LEVEL = "cost of a level, deep / 100 levels"
DEEPEST_LEVEL = "cost of a level, deepest / 100 levels"
FLAT = "slowest / fastest, over sizes and uptime"
OVER_SIZES = "slowest / fastest, over sizes"
DEEP, DEEPEST = 5_000, 49_000


class Scale(NamedTuple):
    """How much is run."""

    frames: int
    passes: int
    checked: int
    """Frames after which the best prices are compared one by one; the rest at the end."""
    symbols: int
    calls: int
    """Of each read in a pass."""
    socket_frames: int
    socket_passes: int
    books: int
    growth: int
    starts: int
    """Of an interpreter, for the import."""
    deepest: int


FULL = Scale(4_000, 11, 500, 500, 100_000, 20_000, 5, 2_000, 10_000_000, 9, DEEPEST)
QUICK = Scale(150, 2, 50, 20, 2_000, 300, 1, 40, 20_000, 2, 6_000)


class Plan(NamedTuple):
    """Everything that a stage depends on."""

    scale: Scale
    seed: int
    peers: tuple[str, ...]
    """The packages that run too, by name."""
    real: str | None
    """Folder of recorded streams."""


class Stage(NamedTuple):
    """What came out. Times are seconds a frame or call; `values` are other numbers by name."""

    key: str
    title: str
    per: str
    timings: list[Timing]
    values: dict[str, float]
    facts: dict[str, Any]

    def least(self, name: str) -> float | None:
        """The least time of that contender, None if it did not run."""
        return next((one.min for one in self.timings if one.name == name), None)


# --- bytes to best price ---


def _frames(plan: Plan) -> Stage:
    frames = list(capture(("BTC_USDT",), plan.scale.frames, plan.seed))
    case = Case(frames[:1], frames[1:], Plain, Plain.frames)
    entries = [
        Entry(OURS, Engine, Engine.frames, case),
        Entry(f"{OURS}, with a deadline", EngineWithClock, EngineWithClock.frames, case),
    ]
    loads = peers.decoders(plan.peers)
    best = list(loads)[-1]
    if "order-book" in plan.peers:
        for name, decode in loads.items():
            entries.append(_entry(f"{name} + order-book", peers.OrderBook, decode, case))
        entries.append(_typed_book(case))
    entries += [
        _entry(f"{best} + sortedcontainers", Sorted, loads[best], case),
        Entry("typed msgspec + sortedcontainers", Sorted, Sorted.typed, case),
        _entry(f"{best} + dict", Plain, loads[best], case),
    ]
    if best != "json":
        entries.append(_entry("json + sortedcontainers", Sorted, json.loads, case))
    for package, name, book in (
        ("nautilus_trader", "nautilus_trader", peers.Nautilus),
        ("ccxt", "ccxt's book", peers.Ccxt),
        ("python-binance", "python-binance's cache", peers.DepthCache),
    ):
        if package in plan.peers:
            entries.append(_entry(f"{best} + {name}", book, loads[best], case))
    if "ccxt" in plan.peers:
        work = peers.CcxtHandler.frames
        entries.append(Entry(CCXT_HANDLER, peers.CcxtHandler, work, case))
    return _race(plan, "frames", "bytes to best price, 100 levels a side", entries, case)


def _real(plan: Plan) -> Stage | None:
    if plan.real is None:
        return None
    streams = real.streams(plan.real, plan.scale.frames)
    if not streams:
        return None
    frames = [frame for stream in streams.values() for frame in stream]
    case = Case(frames[:1], frames[1:], Plain, Plain.frames)
    entries = [Entry(OURS, Engine, Engine.frames, case), *_kept(plan, case)]
    title = "the same over recorded changes of the best 100 levels"
    stage = _race(plan, "real", title, entries, case)
    stage.facts["streams"] = {name: len(stream) for name, stream in streams.items()}
    return stage


def _full(plan: Plan) -> Stage:
    market = Market("BTC_USDT", plan.seed)
    frames = []
    for _ in range(plan.scale.frames // 2):
        market.update()
        frames.append(depth50_frame(market.snapshot(50)))
    case = Case(frames[:1], frames[1:], Plain, Plain.frames)
    ours = partial(Engine, channel="depth50")
    entries = [Entry(OURS, ours, Engine.frames, case), *_kept(plan, case)]
    return _race(plan, "full", "whole views of 50 + 50 levels", entries, case)


def _futures(plan: Plan) -> Stage:
    frames = list(capture(("BTCUSDT",), plan.scale.frames, plan.seed, futures_frame))
    case = Case(frames[:1], frames[1:], Plain, Plain.futures)
    entries = [Entry(OURS, partial(Engine, "BTCUSDT"), Engine.frames, case)]
    for name, decode in peers.decoders(plan.peers).items():
        entries.append(Entry(f"{name} + dict", partial(Plain, decode), Plain.futures, case))
        if "order-book" in plan.peers:
            make = partial(peers.OrderBook, decode)
            book = f"{name} + order-book"
            entries.append(Entry(book, make, peers.OrderBook.futures, case))
    return _race(plan, "futures", "futures: levels as objects", entries, case)


def _many(plan: Plan) -> Stage:
    chance = random.Random(plan.seed)
    markets = []
    for number in range(plan.scale.symbols):
        # Of about as many digits as BTC_USDT, so that the frames are of its length.
        grid = Grid(chance.randint(1_000_000, 9_000_000), chance.randint(2, 6), 5, 40_000)
        markets.append(Market(f"SYM{number:04d}_USDT", plan.seed, grid=grid))
    snapshots = [spot_frame(market.snapshot()) for market in markets]
    updates = [
        spot_frame(chance.choice(markets).update()) for _ in range(plan.scale.frames * 5 // 2)
    ]
    case = Case(snapshots, updates, Plain, Plain.frames)
    alone = list(capture(("BTC_USDT",), len(updates), plan.seed))
    one = Case(alone[:1], alone[1:], Plain, Plain.frames)
    entries = [
        Entry(OURS, Engine, Engine.many, case),
        Entry(ONE_SYMBOL, Engine, Engine.many, one),
        *_kept(plan, case),
    ]
    title = f"{plan.scale.symbols} symbols in turn, by chance"
    return _race(plan, "many", title, entries, case)


def _deep(plan: Plan) -> Stage:
    cases = []
    sizes = (100, DEEP, plan.scale.deepest)
    for levels in sizes:
        market = Market("BTC_USDT", plan.seed, levels=levels)
        before = [spot_frame(message) for message in market.opening()]
        # Each of the smallest costs a search through a dictionary in the reference.
        count = max(20, plan.scale.frames // (1 if levels <= DEEP else 4))
        updates = [spot_frame(market.update()) for _ in range(count)]
        cases.append(Case(before, updates, Plain, Plain.frames))
    small, case, large = cases
    entries = [
        Entry(OURS, Engine, Engine.frames, case),
        Entry(f"{OURS}, 100 levels", Engine, Engine.frames, small),
        Entry(f"{OURS}, {plan.scale.deepest:,} levels", Engine, Engine.frames, large),
        *_kept(plan, case, dictionary=False),
    ]
    stage = _race(plan, "deep", f"{DEEP:,} levels a side, changed all over", entries, case)
    # The frames differ a little in length.
    ours, few, most = (
        stage.timings[number].min / _levels(its.frames)
        for number, its in enumerate((case, small, large))
    )
    stage.values[DEEP_LEVEL] = ours / few
    stage.values[DEEPEST_LEVEL] = most / few
    return stage


def _compressed(plan: Plan) -> Stage:
    frames = []
    for frame in capture(("BTC_USDT",), plan.scale.frames, plan.seed):
        deflate = zlib.compressobj(wbits=-15)
        frames.append(deflate.compress(frame) + deflate.flush())
    inflate = partial(zlib.decompress, wbits=-15)
    case = Case(frames[:1], frames[1:], Plain, Plain.frames, partial(map, inflate))
    entries = [
        Entry(OURS, Engine, Engine.frames, case),
        Entry(INFLATE, object, _exhaust, case, has_book=False),
        *_kept(plan, case),
    ]
    return _race(plan, "compressed", "compressed frames to best price", entries, case)


def _exhaust(_: object, frames: Iterable[bytes]) -> None:
    for _frame in frames:
        pass


# --- the book alone ---


def _rows(plan: Plan) -> Stage:
    messages = [
        (one.kind, one.version, [list(row) for row in one.bids], [list(row) for row in one.asks])
        for one in _messages(plan)
    ]
    case = Case(messages[:1], messages[1:], Plain, Plain.rows)
    entries = [
        Entry(OURS, Engine, Engine.rows, case),
        Entry("sortedcontainers", Sorted, Sorted.rows, case),
        Entry("dict", Plain, Plain.rows, case),
    ]
    for package, name, book in (
        ("order-book", "order-book", peers.OrderBook),
        ("nautilus_trader", "nautilus_trader", peers.Nautilus),
        ("ccxt", "ccxt's book", peers.Ccxt),
        ("python-binance", "python-binance's cache", peers.DepthCache),
    ):
        if package in plan.peers:
            entries.append(Entry(name, book, book.rows, case))
    title = "the book alone: rows of Python strings through apply_delta"
    return _race(plan, "rows", title, entries, case)


def _arrays(plan: Plan) -> Stage:
    messages = [
        (one.kind, one.version, _array(one.bids), _array(one.asks)) for one in _messages(plan)
    ]
    case = Case(messages[:1], messages[1:], Plain, Plain.rows)
    entries = [
        Entry(OURS, Engine, Engine.rows, case),
        Entry("sortedcontainers", Sorted, Sorted.arrays, case),
    ]
    if "order-book" in plan.peers:
        entries.append(Entry("order-book", peers.OrderBook, peers.OrderBook.arrays, case))
    title = "the book alone: (n, 2) float arrays through apply_delta"
    return _race(plan, "arrays", title, entries, case)


def _messages(plan: Plan) -> Iterator[Message]:
    market = Market("BTC_USDT", plan.seed)
    yield market.snapshot()
    for _ in range(plan.scale.frames):
        # The version of a heartbeat says nothing; by hand there is none.
        message = market.update()
        if message.bids or message.asks:
            yield message


def _array(rows: Sequence[tuple[str, str]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([(float(price), float(size)) for price, size in rows]).reshape(-1, 2)


# --- reads ---


def _top(plan: Plan) -> Stage:
    scale = plan.scale
    sizes = (10, 100, 5_000, scale.deepest)
    statements = reads.top_reads(sizes, scale.frames * 10, plan.seed, plan.peers)
    timings = reads.time_statements(statements, passes=scale.passes, calls=scale.calls)
    values = {}
    for read in ("best_bid_price", "best_bid", "quote"):
        same = [one.min for one in timings if one.name in _sizes_of(read, statements)]
        values[f"{read}: {FLAT}"] = max(same) / min(same)
    return Stage("top", "reads of the top", "read", timings, values, {})


def _sizes_of(read: str, statements: Sequence[reads.Statement]) -> set[str]:
    return {
        one.name
        for one in statements
        if one.name.startswith(f"{read}, ") and one.name.endswith((" levels", " frames"))
    }


def _part(plan: Plan) -> Stage:
    statements = reads.part_reads((100, DEEP, plan.scale.deepest), plan.seed)
    calls = max(10, plan.scale.calls // 20)
    timings = reads.time_statements(statements, passes=plan.scale.passes, calls=calls)
    values = {}
    for read in reads.PART_READS:
        same = [one.min for one in timings if one.name.startswith(f"{read}, ")]
        values[f"{read}: {OVER_SIZES}"] = max(same) / min(same)
    return Stage("part", "reads of a few levels", "read", timings, values, {})


def _depth(plan: Plan) -> Stage:
    statements = reads.depth_reads(plan.seed, plan.peers)
    calls = max(10, plan.scale.calls // 20)
    timings = reads.time_statements(statements, passes=plan.scale.passes, calls=calls)
    title = "the best 20 levels of both sides as float64 arrays"
    return Stage("depth", title, "read", timings, {}, {})


# --- over a websocket ---


def _websocket(plan: Plan) -> Stage:
    frames = list(capture(("BTC_USDT",), plan.scale.socket_frames - 1, plan.seed))
    timings, walls = wire.blasted(
        frames, _contestants(plan), _right(frames), plan.scale.socket_passes
    )
    values = {f"{name}: us a frame of wall time": wall * 1e6 for name, wall in walls.items()}
    title = "over a websocket of this machine, as fast as it goes (processor time)"
    return Stage("websocket", title, "frame", timings, values, _facts(frames))


def _paced(plan: Plan) -> Stage:
    rate = 20_000
    frames = list(capture(("BTC_USDT",), plan.scale.socket_frames - 1, plan.seed))
    delays = wire.paced(frames, _contestants(plan), _right(frames), plan.scale.socket_passes, rate)
    values = {}
    for one in delays:
        values[f"{one.name}: us p50"] = one.p50 * 1e6
        values[f"{one.name}: us p99"] = one.p99 * 1e6
        values[f"{one.name}: frames/s sent"] = one.rate
    title = f"over a websocket at {rate:,} frames/s, from sending to best price known"
    return Stage("paced", title, "frame", [], values, _facts(frames))


def _contestants(plan: Plan) -> list[tuple[str, Callable[[], Any] | None]]:
    found: list[tuple[str, Callable[[], Any] | None]] = [(NOTHING, None), (OURS, Engine)]
    if {"orjson", "order-book"} <= set(plan.peers):
        decode = peers.decoders(plan.peers)["orjson"]
        found.append((ORJSON_BOOK, partial(peers.OrderBook, decode)))
    else:
        found.append(("msgspec + sortedcontainers", Sorted))
    return found


def _right(frames: Sequence[bytes]) -> Any:
    plain = Plain()
    plain.frames(frames)
    return plain.sides()


# --- beside time ---


def _memory(plan: Plan) -> Stage | None:
    if footprint.resident() is None:
        return None
    half = plan.scale.books // 2
    sizes = footprint.memory([_new_books(plan, 0, half), _new_books(plan, half, 2 * half)])
    frames = list(capture(("BTC_USDT",), min(20_000, plan.scale.frames * 5), plan.seed))
    start, end = footprint.growth(frames, plan.scale.growth)
    values = {
        "KiB a book of 100 levels a side": (sizes[2] - sizes[1]) / half / 1024,
        f"MiB of {2 * half:,} books over the import": (sizes[2] - sizes[0]) / 2**20,
        f"KiB grown from frame {plan.scale.growth // 10:,} to {plan.scale.growth:,}": (
            (end - start) / 1024
        ),
    }
    return Stage("memory", "resident memory", "", [], values, {})


def _new_books(plan: Plan, first: int, last: int) -> Iterator[bytes]:
    for number in range(first, last):
        grid = Grid(6_000_000 + number, 2, 5, 40_000)
        market = Market(f"SYM{number:04d}_USDT", plan.seed, grid=grid)
        yield spot_frame(market.snapshot())
        for _ in range(5):
            yield spot_frame(market.update())


def _import(plan: Plan) -> Stage:
    wall, cost = footprint.import_seconds(plan.scale.starts)
    values = {"s for import bitmart_book": wall, "s of processor time for it": cost}
    return Stage("import", "import", "", [], values, {})


# --- what the stages share ---


def _entry(name: str, book: Any, loads: Callable[[bytes], Any], case: Case) -> Entry:
    work: Work = book.frames
    return Entry(name, partial(book, loads), work, case)


def _typed_book(case: Case) -> Entry:
    return Entry(TYPED_BOOK, peers.OrderBook, peers.OrderBook.typed, case)


def _kept(plan: Plan, case: Case, *, dictionary: bool = True) -> list[Entry]:
    """The contenders that are worth their time in every stage."""
    loads = peers.decoders(plan.peers)
    best = list(loads)[-1]
    entries = []
    if "order-book" in plan.peers:
        entries.append(_entry(f"{best} + order-book", peers.OrderBook, loads[best], case))
        entries.append(_typed_book(case))
    entries.append(Entry("typed msgspec + sortedcontainers", Sorted, Sorted.typed, case))
    if dictionary:
        entries.append(_entry(f"{best} + dict", Plain, loads[best], case))
    return entries


def _race(plan: Plan, key: str, title: str, entries: Sequence[Entry], case: Case) -> Stage:
    timings = race(entries, passes=plan.scale.passes, checked=plan.scale.checked)
    return Stage(key, title, "frame", timings, {}, _facts(case.frames))


def _facts(frames: Sequence[Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {"frames": len(frames)}
    if isinstance(frames[0], bytes):
        facts["bytes a frame"] = round(sum(map(len, frames)) / len(frames), 1)
    if not isinstance(frames[0], bytes) or frames[0].startswith(b"{"):
        facts["levels a frame"] = round(_levels(frames), 2)
    return facts


def _levels(frames: Sequence[Any]) -> float:
    count = 0
    for frame in frames:
        if isinstance(frame, bytes):
            data = msgspec.json.decode(frame)["data"]
            item = data[0] if isinstance(data, list) else data
            count += len(item["bids"]) + len(item["asks"])
        else:
            count += len(frame[2]) + len(frame[3])
    return count / len(frames)


STAGES: dict[str, Callable[[Plan], Stage | None]] = {
    "frames": _frames,
    "real": _real,
    "full": _full,
    "many": _many,
    "deep": _deep,
    "futures": _futures,
    "rows": _rows,
    "arrays": _arrays,
    "top": _top,
    "part": _part,
    "depth": _depth,
    "websocket": _websocket,
    "paced": _paced,
    "compressed": _compressed,
    "memory": _memory,
    "import": _import,
}
