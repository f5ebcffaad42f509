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
from tests.simulation import account, channels
from tests.simulation.bounds import family_of
from tests.simulation.world import World

SPEC = "all%48"
SAFETY_SECONDS = 600.0
LIVENESS_SECONDS = 15.0
# A ban lasts a minute by the venue's word, and the client's answer to it has jitter.
BAN_SECONDS = 61.0
GIVE_UP_SECONDS = 180.0
REST_SECONDS = 5.0
# So long until a position is told again, of which a push was missed.
ACCOUNT_REST_SECONDS = 12.0


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
    """By family of channels and bound."""
    hours: Counter = field(default_factory=Counter)
    """Symbol-hours of each family."""
    judged: Counter = field(default_factory=Counter)
    short: Counter = field(default_factory=Counter)
    """How many of the judged looks had a short bound, by family."""
    reads: Counter = field(default_factory=Counter)
    live_reads: Counter = field(default_factory=Counter)
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
    accounts: int = 0
    """Seeds in which somebody traded on spot and futures."""
    orders: int = 0
    fills: int = 0
    told: int = 0
    """What users were told of orders; each of it had happened."""
    stream_gaps: int = 0
    trades_told: int = 0
    """Public trades, in the same seeds."""
    trade_gaps: int = 0
    account_wrong: list = field(default_factory=list)
    """Orders that were lost without a gap, told twice or invented; an account that is not so."""
    failed: list = field(default_factory=list)
    """Seeds in which something was wrong, too old, broken or not back."""

    @property
    def live_share(self):
        return self.live_reads.total() / self.reads.total() if self.reads else 0.0

    @property
    def short_share(self):
        """Of the judged looks, those with a short bound."""
        return self.short.total() / self.judged.total() if self.judged else 0.0

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


def simulate(seed, hours, *, faults=SPEC, knobs=None, safety=SAFETY_SECONDS, trades=None):
    """Run so many symbol-hours from a seed. `knobs` of the exchange are drawn unless given.

    `trades`: whether somebody trades too, and listens to futures and his account; by the seed
    unless it is said.
    """
    trades = seed % 2 == 0 if trades is None else trades
    rng = random.Random(f"simulate {seed}")
    drawn = _knobs(rng)
    exchange = Exchange(
        seed=seed,
        knobs=knobs or drawn,
        symbols=(*channels.SPOT, *channels.CONTRACTS),
        extra_symbols=channels.EXTRA_SYMBOLS,
        extra_rate=channels.EXTRA_RATE,
        glimpses=20,
        history=1_500,
    )
    kind = account.AccountWorld if trades else World
    world = kind(seed, exchange, log=True, keep=False)
    result = Result()
    started = time.perf_counter()
    books = channels.books(seed)
    if trades:
        faults = account.noticeable(faults)
        world.begin()
    world.subscribe(*books, *channels.STREAMS)
    end = hours * 3600.0 / len(books)
    reads, live = Counter(), Counter()
    while world.now < end:
        before = (world.reads.copy(), world.live_reads.copy())
        world.resume()
        world.network.start(faults, world.now)
        world.run(min(end, world.now + safety))
        reads += world.reads - before[0]
        live += world.live_reads - before[1]
        _come_back(world, result)
    result.symbol_hours = world.now * len(books) / 3600.0
    for book in world.engine.books:
        if world.is_listed(book.symbol):
            result.hours[family_of(book.channel)] += world.now / 3600.0
    result.real_seconds = time.perf_counter() - started
    judge = world.judge
    result.frames, result.checked = world.book_frames, judge.checked
    result.fully_checked = judge.fully_checked
    result.judged, result.short = judge.judged, judge.short
    result.faults = world.network.log.total
    result.by_name, result.by_row = world.network.counts, world.network.log.rows
    result.wrong_reads, result.old_reads = len(world.wrong), len(world.over_age)
    result.wrong = world.wrong[:20]
    result.over_age = world.over_age[:20]
    result.oldest = judge.oldest
    result.reads, result.live_reads = reads, live
    result.recoveries = world.recoveries
    result.breaches = exchange.breaches
    result.requests, result.requested_topics = world.requests, world.requested_topics
    result.counters = world.client.counters
    if trades:
        result.hours["account"] = world.now / 3600.0 * len(world.boxes)
        _add_account(world, result)
    result.digests = {seed: world.digest()}
    wrong = result.wrong or result.over_age or result.account_wrong
    if wrong or result.breaches or result.not_back:
        result.failed = [seed]
    return result


def _add_account(world, result):
    truths = world.truth.values()
    result.accounts = 1
    result.orders = world.orders
    result.fills = sum(len(fills) for truth in truths for fills in truth.fills.values())
    result.told = sum(truth.told for truth in truths)
    result.stream_gaps = sum(truth.gaps for truth in truths)
    for topic, deals in world.deals.items():
        result.trades_told += deals.told
        result.trade_gaps += deals.gaps
        for what in ("lost", "twice", "invented"):
            result.account_wrong += [(what, topic, found) for found in getattr(deals, what)[:5]]
    for what in ("lost", "twice", "invented", "account_wrong"):
        result.account_wrong += [(what, *found) for found in getattr(world, what)[:5]]


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
    world.run(world.now + (ACCOUNT_REST_SECONDS if hasattr(world, "truth") else REST_SECONDS))
    world.check_rest()


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
        futures_cadence=rng.choice((1.0, 1.0, None)),
        futures_asks_first=rng.random() < 0.3,
        futures_partner_delay=rng.choice((0.0, 0.0, 0.05)),
        futures_levels=rng.choice(("objects", "objects", "arrays")),
        futures_group_speed=rng.choice(("", "", "100ms")),
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
