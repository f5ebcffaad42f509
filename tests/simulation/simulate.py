"""Long seeded runs: faults for a while, then none, over and over; and what was found.

In the first phase nothing wrong may ever be read; in the second, everything must come back. Every
run is a function of its seed and its other arguments alone.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from bitmart_book.sim.exchange import Exchange, Knobs
from tests.simulation.world import World

SPEC = "all"
# Lively ones and a quiet one, whose heartbeats matter.
SYMBOLS = ("BTC_USDT", "ETH_USDT", "Yinbi_BTC")
EXTRA_SYMBOLS = 3
EXTRA_RATE = 60.0
SAFETY_SECONDS = 600.0
LIVENESS_SECONDS = 15.0
# A ban lasts a minute by the venue's word, and the client's answer to it has jitter.
BAN_SECONDS = 61.0
GIVE_UP_SECONDS = 180.0
REST_SECONDS = 5.0


@dataclass
class Result:
    """What one or several runs found. Times are in virtual seconds unless they say otherwise."""

    seeds: int = 1
    symbol_hours: float = 0.0
    real_seconds: float = 0.0
    frames: int = 0
    checked: int = 0
    fully_checked: int = 0
    faults: int = 0
    by_name: Counter = field(default_factory=Counter)
    by_row: Counter = field(default_factory=Counter)
    wrong_reads: int = 0
    old_reads: int = 0
    wrong: list = field(default_factory=list)
    """Where and what, of the first ones of each seed."""
    over_age: list = field(default_factory=list)
    oldest: Counter = field(default_factory=Counter)
    reads: int = 0
    live_reads: int = 0
    recoveries: list = field(default_factory=list)
    """(kind, whether nothing else happened meanwhile, seconds)."""
    comebacks: list = field(default_factory=list)
    """Seconds from the end of all faults until every book was LIVE."""
    banned_comebacks: list = field(default_factory=list)
    not_back: list = field(default_factory=list)
    breaches: Counter = field(default_factory=Counter)
    requests: int = 0
    requested_topics: int = 0
    counters: Counter = field(default_factory=Counter)
    digests: dict = field(default_factory=dict)
    failed: list = field(default_factory=list)
    """Seeds in which something was wrong, too old, broken or not back."""

    @property
    def live_share(self):
        return self.live_reads / self.reads if self.reads else 0.0

    def add(self, other):
        """Join what another run found."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if name == "oldest":
                self.oldest |= value
            elif isinstance(mine, Counter | dict):
                mine.update(value)
            else:
                setattr(self, name, mine + value)
        return self


def simulate(seed, hours, *, faults=SPEC, knobs=None, safety=SAFETY_SECONDS):
    """Run so many symbol-hours from a seed. `knobs` of the exchange are drawn unless given."""
    rng = random.Random(f"simulate {seed}")
    drawn = _knobs(rng)
    exchange = Exchange(
        seed=seed,
        knobs=knobs or drawn,
        symbols=SYMBOLS,
        extra_symbols=EXTRA_SYMBOLS,
        extra_rate=EXTRA_RATE,
        glimpses=20,
        history=1_500,
    )
    world = World(seed, exchange, log=True, keep=False)
    result = Result()
    started = time.perf_counter()
    world.subscribe(*exchange.listings)
    end = hours * 3600.0 / len(exchange.listings)
    reads = live = 0
    while world.now < end:
        before = (world.reads, world.live_reads)
        world.network.start(faults, world.now)
        world.run(min(end, world.now + safety))
        reads += world.reads - before[0]
        live += world.live_reads - before[1]
        _come_back(world, result)
    result.symbol_hours = world.now * len(exchange.listings) / 3600.0
    result.real_seconds = time.perf_counter() - started
    result.frames, result.checked = world.frames, world.checked
    result.fully_checked = world.fully_checked
    result.faults = world.network.total
    result.by_name, result.by_row = world.network.counts, world.network.rows
    result.wrong_reads, result.old_reads = len(world.wrong), len(world.over_age)
    result.wrong = world.wrong[:20]
    result.over_age = world.over_age[:20]
    result.oldest = world.oldest
    result.reads, result.live_reads = reads, live
    result.recoveries = world.recoveries
    result.breaches = exchange.breaches
    result.requests, result.requested_topics = world.requests, world.requested_topics
    result.counters = world.client.counters
    result.digests = {seed: world.digest()}
    if result.wrong or result.over_age or result.breaches or result.not_back:
        result.failed = [seed]
    return result


def _come_back(world, result):
    """The faults are over: everything must be LIVE in time, and stay so."""
    world.calm()
    start = world.now
    banned = start < world.banned_at + BAN_SECONDS
    limit = LIVENESS_SECONDS
    if banned:
        limit += world.banned_at + BAN_SECONDS - start
    while not world.wanted_live() and world.now < start + GIVE_UP_SECONDS:
        world.run(world.now + 0.1)
    took = world.now - start
    if took > limit:
        result.not_back.append((start, took, str(world.trouble())))
    (result.banned_comebacks if banned else result.comebacks).append(took)
    world.run(world.now + REST_SECONDS)


def _knobs(rng):
    """An exchange that behaves in one of the ways that were documented or seen."""
    windowed = rng.random() < 0.3
    return Knobs(
        opcode=rng.choice(("text", "text", "text", "binary", "mixed")),
        compress_replies=rng.random() < 0.3,
        acks=rng.choice(("before", "before", "after", "none")),
        request_acks=rng.random() < 0.3,
        error_shape=rng.choice(("documented", "topic", "bare")),
        all_or_nothing=rng.random() < 0.3,
        window_only=windowed,
        window_deletes=windowed,
        window_refills=windowed,
        late_snapshots=rng.random() < 0.2,
        heartbeat_interval=rng.choice((5.0, 5.0, 2.0, None)),
    )


def _simulate(arguments):
    seed, hours, faults = arguments
    return simulate(seed, hours, faults=faults)


def simulate_many(seeds, hours, *, faults=SPEC, jobs=1, progress=None):
    """Run every seed, in so many processes; `progress` is told of each result."""
    total = Result(seeds=0)
    work = [(seed, hours, faults) for seed in seeds]
    if jobs == 1:
        results = map(_simulate, work)
        for result in results:
            total.add(result)
            if progress:
                progress(result, total)
        return total
    with ProcessPoolExecutor(jobs) as pool:
        for result in pool.map(_simulate, work):
            total.add(result)
            if progress:
                progress(result, total)
    return total


def percentile(values, share):
    """The value below which that share of the values lies; 0.0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


__all__ = ["SPEC", "Result", "percentile", "simulate", "simulate_many"]
