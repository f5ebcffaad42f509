"""`python -m tests.simulation --seed 1 --hours 1`: long runs, and one table of what they found."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time

from tests.simulation import elsewhere, figures, honest
from tests.simulation.figures import ROWS
from tests.simulation.scenarios import STALL_WITHIN, stalls
from tests.simulation.simulate import LIVENESS_SECONDS, SPEC, percentile, simulate_many
from tests.soak.rows import show


def table(total, seconds):
    """The lines of the summary."""
    hours, seeds = total.symbol_hours, len(total.digests)
    yield "symbol-hours", f"{hours:.1f} in {seconds:.0f} real seconds"
    yield "book frames", f"{total.frames} on spot"
    yield "comparisons", f"{total.checked}, {total.fully_checked} of them of the whole book"
    yield "faults", f"{total.faults}, {total.faults / hours:.0f} per symbol-hour"
    rare = {row: total.by_row[row] for row in ROWS if total.by_row[row] < 100}
    yield "catalogue rows", f"{len(ROWS)}; below 100 times: {rare or 'none'}"
    yield "wrong reads", str(total.wrong_reads)
    yield "reads over age", str(total.old_reads)
    for kind in sorted(total.oldest):
        yield f"oldest read, {kind}", f"{total.oldest[kind]:.1f} s"
    for family, count in sorted(total.judged.items()):
        share = 100 * total.short[family] / count
        yield family, f"{total.hours[family]:.1f} hours, {share:.1f} % of looks under a short bound"
    yield "LIVE", f"{100 * total.live_share:.2f} % of the time with faults"
    for kind in ("gap", "all", "reset"):
        yield f"{kind} to LIVE, undisturbed", _spread(kind, total, undisturbed=True)
    for kind in ("gap", "all", "reset", "stale", "new"):
        yield f"{kind} to LIVE, any", _spread(kind, total)
    yield "end of faults to LIVE", _times(total.comebacks)
    yield "the same after a ban", _times(total.banned_comebacks)
    yield "not LIVE in time", f"{len(total.not_back)} (bound: {LIVENESS_SECONDS:g} s, or the ban)"
    yield "own orders", f"{total.orders}, {total.fills} fills, in {total.accounts} of {seeds} seeds"
    yield "told of orders", f"{total.told}, with {total.stream_gaps} gaps"
    yield "told of public trades", f"{total.trades_told}, with {total.trade_gaps} gaps"
    yield "lost without a gap, or wrong", str(len(total.account_wrong))
    yield "limits broken", str(dict(total.breaches) or "none")
    yield "requests", f"{total.requested_topics / hours / 60:.2f} per symbol and minute"
    joined = "".join(total.digests[seed] for seed in sorted(total.digests))
    yield "SHA-256 of all logs", hashlib.sha256(joined.encode()).hexdigest()


def _spread(kind, total, *, undisturbed=False):
    return _times([s for k, clean, s in total.recoveries if k == kind and clean >= undisturbed])


def _times(times):
    if not times:
        return "-"
    return (
        f"{len(times)} times, p50 {percentile(times, 0.5):.2f} s, "
        f"p99 {percentile(times, 0.99):.2f} s, longest {max(times):.2f} s"
    )


def run(options):
    """The long run; returns whether all was well."""
    started = time.perf_counter()

    def progress(result, total):
        took = time.perf_counter() - started
        print(f"{total.symbol_hours:8.1f} symbol-hours, {total.faults} faults, {took:.0f} s")
        for seed in result.failed:
            print(f"FAILED, again with: {again(seed, options)}")
            for what in (result.wrong, result.over_age, result.not_back, result.account_wrong):
                for item in what[:3]:
                    print("   ", item)
            if result.breaches:
                print("    limits broken:", dict(result.breaches))
        sys.stdout.flush()

    total = simulate_many(
        range(options.seed, options.seed + options.seeds),
        options.hours,
        faults=options.faults,
        jobs=options.jobs,
        progress=None if options.digests else progress,
    )
    if options.digests:
        print(json.dumps(total.digests))
        return True
    for name, value in table(total, time.perf_counter() - started):
        print(f"{name:44}{value}")
    if options.counts:
        for counts in (total.by_name, total.by_row, total.counters):
            print(dict(sorted(counts.items())))
    return show(figures.of_a_run(total)) == 0 and not total.failed


def run_elsewhere(options):
    """The world of another venue; returns whether all was well."""
    started = time.perf_counter()
    faults = None if options.faults == SPEC else options.faults
    total = elsewhere.simulate_many(
        options.venue,
        range(options.seed, options.seed + options.seeds),
        options.hours,
        faults=faults,
        quiet=options.quiet,
        jobs=options.jobs,
    )
    for name, value in elsewhere.table(total, time.perf_counter() - started):
        print(f"{name:44}{value}")
    for item in (*total.wrong[:3], *total.over_age[:3], *total.not_back[:3]):
        print("   ", item)
    if options.counts:
        print(dict(sorted(total.by_name.items())))
        print(dict(sorted(total.counters.items())))
    if total.failed:
        print(f"FAILED: seeds {total.failed}")
    return not total.failed


def again(seed, options):
    """The command that does one seed of this run once more."""
    return (
        f"python -m tests.simulation --seed {seed} --hours {options.hours:g} "
        f'--faults "{options.faults}"'
    )


def run_twice(options):
    """The same in two processes with different hash seeds; returns whether the logs are equal."""
    command = [sys.executable, "-m", "tests.simulation", "--digests"]
    for name in ("seed", "seeds", "hours", "faults"):
        command += [f"--{name}", str(getattr(options, name))]
    processes = [
        subprocess.Popen(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True
        )
        for seed in ("1", "2")
    ]
    first, second = (json.loads(process.communicate()[0]) for process in processes)
    differ = [seed for seed in first if first[seed] != second.get(seed)]
    return bool(first) and show(figures.of_seeds_twice(len(first), differ)) == 0


def run_stalls(options):
    """Stalls at random moments; returns whether all were seen in time."""
    started = time.perf_counter()
    seeds = range(options.seed, options.seed + options.stalls)
    found = stalls(seeds, jobs=options.jobs)
    for name, times in zip(("connection silent", "event loop blocked"), found, strict=True):
        late = [seed for seconds, seed in times if seconds > STALL_WITHIN]
        print(
            f"{name}: {len(times)} times, last byte to not LIVE {_times([t for t, _ in times])}; "
            f"{len(late)} above {STALL_WITHIN} s {late[:5] or ''}"
        )
    print(f"{time.perf_counter() - started:.0f} real seconds")
    return show(figures.of_stalls(found)) == 0


def run_holds(options):
    """An honest server, or healthy symbols beside an ill one; returns whether all was well."""
    started = time.perf_counter()
    kind = honest.honest if options.honest else honest.beside_an_ill_one
    name = "an honest server" if options.honest else "beside an ill symbol"
    seeds = range(options.seed, options.seed + options.seeds)
    holds = honest.many(kind, seeds, options.hours, jobs=options.jobs)
    print(f"{len(seeds)} seeds of {options.hours:g} hours, {holds.looks} looks at books")
    print(f"longest not LIVE: {holds.longest:.1f} s, {holds.where}")
    print(f"{time.perf_counter() - started:.0f} real seconds")
    return show(figures.of_holds(name, holds)) == 0


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--hours", type=float, default=1.0, help="symbol-hours of each")
    parser.add_argument("--faults", default=SPEC, help=f"default: {SPEC.replace('%', '%%')}")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--counts", action="store_true", help="print every count")
    parser.add_argument("--digests", action="store_true", help="print only the digests of the logs")
    parser.add_argument("--twice", action="store_true", help="compare the logs of two processes")
    parser.add_argument("--stalls", type=int, default=0, help="so many stalls instead")
    parser.add_argument("--honest", action="store_true", help="a server that does nothing wrong")
    parser.add_argument("--ill", action="store_true", help="one symbol ill, the others judged")
    parser.add_argument("--venue", default="bitmart", help="whose words are spoken")
    parser.add_argument("--quiet", type=int, default=0, help="other venues: more silent books")
    options = parser.parse_args()
    if options.venue != "bitmart":
        return not run_elsewhere(options)
    if options.honest or options.ill:
        return not run_holds(options)
    if options.stalls:
        return not run_stalls(options)
    return not (run_twice(options) if options.twice else run(options))


if __name__ == "__main__":
    sys.exit(main())
