"""The same world for other venues: `python -m tests.simulation --venue kraken`.

What is wrong there, and what is too old, says `venue_judge`.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from bitmart_book.sim.exchange import Exchange
from bitmart_book.sim.faults.kinds import kinds_of
from bitmart_book.venues import find_venue
from tests.simulation.recoveries import Recoveries
from tests.simulation.simulate import (
    GIVE_UP_SECONDS,
    LIVENESS_SECONDS,
    REST_SECONDS,
    Result,
    percentile,
)
from tests.simulation.venue_judge import DEEPEST, VenueJudge
from tests.simulation.world import World

# Faults a minute, for each book: as many as BitMart's books have in the long run.
EACH = 48 / 14
SAFETY_SECONDS = 600.0
BOOKS = {
    "kraken": ("BTC/USD", "ETH/USD", "XRP/USD", "MINA/GBP", "KAVA/EUR", "kraken/book100:SOL/USD",
               "kraken/book100:BTC/USD"),
    "okx": ("BTC-USDT", "ETH-USDT", "BTC-USDT-SWAP", "okx/books5:ETH-USDT"),
    "bybit": ("BTCUSDT", "ETHUSDT", "IOTXUSDT", "BTCUSD", "bybit-spot/orderbook.50:BTCUSDT",
              "bybit-spot/orderbook.50:DLCUSDT", "bybit/orderbook.1:ETHUSDT"),
}  # fmt: skip
"""Lively ones, and such as say nothing for minutes."""
_NOT_HERE = frozenset({"block", "sleep", "poison", "localclock"})


class AllRecoveries(Recoveries):
    """Of every book how long it took."""

    @staticmethod
    def counts(_):
        return True


def world_of(name):
    """The kind of world whose client speaks to that venue."""
    venue = find_venue(name)
    judge = type("JudgeOf", (VenueJudge,), {"venue": venue})
    here = kinds_of(elsewhere=True)
    return type(
        "WorldOf",
        (World,),
        {
            "venue": venue,
            "judge_type": judge,
            "recoveries_type": AllRecoveries,
            "kinds": {n: k for n, k in here.items() if n not in _NOT_HERE and n != "split"},
            "family_of": staticmethod(lambda channel: channel),
            "is_listed": lambda self, symbol: any(
                symbol in feed.listings for feed in self.exchange.feeds.values()
            ),
        },
    )


def simulate(name, seed, hours, *, faults=None, books=None, quiet=0, safety=SAFETY_SECONDS):
    """Run so many symbol-hours of a venue from a seed, with `quiet` more books that say nothing for
    minutes."""
    books = list(BOOKS[name] if books is None else books)
    extra = {"kraken": "SYM{:04d}/USD", "okx": "SYM{:04d}-USDT", "bybit": "SYM{:04d}USDT"}[name]
    books += [extra.format(number + 1) for number in range(quiet)]
    if faults is None:
        faults = f"all%{EACH * len(books):.4g}"
    exchange = Exchange(
        seed=seed, venue=name, glimpses=DEEPEST, history=1_500, extra_symbols=quiet, extra_rate=0.02
    )
    world = world_of(name)(seed, exchange, log=True, keep=False)
    result, started = Result(), time.perf_counter()
    world.subscribe(*books)
    end = hours * 3600.0 / len(books)
    if not faults:
        world.run_until(world.all_live, 60.0)
        end += world.now
    while world.now < end:
        before = world.reads.copy(), world.live_reads.copy()
        if faults:
            world.network.start(faults, world.now)
        world.run(min(end, world.now + safety))
        result.reads += world.reads - before[0]
        result.live_reads += world.live_reads - before[1]
        _come_back(world, result)
    judge = world.judge
    result.symbol_hours = world.now * len(books) / 3600.0
    result.real_seconds = time.perf_counter() - started
    result.frames, result.checked = world.frames, judge.checked
    result.judged, result.short = judge.judged, judge.short
    result.fully_checked = judge.fully_checked
    result.faults, result.by_name = world.network.log.total, world.network.counts
    result.wrong_reads, result.old_reads = len(judge.wrong), len(judge.over_age)
    result.wrong, result.over_age = judge.wrong[:20], judge.over_age[:20]
    result.oldest = judge.oldest
    result.recoveries = world.recoveries
    result.breaches = exchange.breaches
    result.counters = Counter(world.client.counters)
    result.counters["unproven_wrong"] = judge.unproven_wrong
    result.counters["unproven_looks"] = judge.unproven_looks
    result.counters["deep_wrong"] = judge.deep_wrong
    result.counters["oldest_unproven"] = int(judge.oldest_unproven)
    result.digests = {seed: world.digest()}
    if result.wrong or result.over_age or result.breaches or result.not_back:
        result.failed = [seed]
    return result


def _come_back(world, result):
    world.calm()
    start = world.now
    while not world.wanted_live() and world.now < start + GIVE_UP_SECONDS:
        world.run(world.now + 0.1)
    took = world.now - start
    result.comebacks.append(took)
    if took > LIVENESS_SECONDS:
        result.not_back.append((start, took, str(world.trouble())))
    world.run(world.now + REST_SECONDS)


def _simulate(arguments):
    name, seed, hours, faults, quiet = arguments
    return simulate(name, seed, hours, faults=faults, quiet=quiet)


def simulate_many(name, seeds, hours, *, faults=None, quiet=0, jobs=1):
    """Run every seed, in so many processes."""
    total = Result(seeds=0)
    work = [(name, seed, hours, faults, quiet) for seed in seeds]
    if jobs == 1:
        for found in map(_simulate, work):
            total.add(found)
        return total
    with ProcessPoolExecutor(jobs) as pool:
        for found in pool.map(_simulate, work):
            total.add(found)
    return total


def table(total, seconds):
    """The lines of the summary."""
    counters = total.counters
    yield "symbol-hours", f"{total.symbol_hours:.1f} in {seconds:.0f} real seconds"
    yield "frames, comparisons", f"{total.frames}, {total.checked}"
    yield "of them of all levels", f"{total.fully_checked}; {counters['deep_wrong']} sides unproven"
    for channel, count in sorted(total.judged.items()):
        yield channel, f"{100 * total.short[channel] / count:.1f} % of looks under the short bound"
    yield "faults", f"{total.faults}, {total.faults / total.symbol_hours:.0f} per symbol-hour"
    rare = sorted(name for name, count in total.by_name.items() if count < 50)
    yield "kinds of fault", f"{len(total.by_name)}; below 50 times: {', '.join(rare) or 'none'}"
    yield "wrong reads", str(total.wrong_reads)
    yield "reads over age", str(total.old_reads)
    for kind in sorted(total.oldest):
        yield f"oldest read, {kind}", f"{total.oldest[kind]:.1f} s"
    yield "looks at unproven levels", f"{counters['unproven_looks']}"
    yield "of them wrong", f"{counters['unproven_wrong']}, at most {counters['oldest_unproven']} s"
    yield "LIVE", f"{100 * total.live_share:.2f} % of the time"
    for kind in ("gap", "all", "reset", "stale"):
        for words, least in (("undisturbed", True), ("any", False)):
            times = [s for k, clean, s in total.recoveries if k == kind and clean >= least]
            if times:
                p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
                shown = f"{len(times)} times, p50 {p50:.2f} s, p99 {p99:.2f} s, {max(times):.2f} s"
                yield f"{kind} to LIVE, {words}", shown
    yield "end of faults to LIVE", f"{max(total.comebacks):.1f} s at most"
    yield "limits broken", str(dict(total.breaches) or "none")


__all__ = ["BOOKS", "EACH", "simulate", "simulate_many", "table", "world_of"]
