"""What the long runs are held to, as rows of one table: figure, target, measured."""

from tests.simulation.kinds import WORLD_KINDS
from tests.simulation.scenarios import STALL_WITHIN
from tests.simulation.simulate import LIVENESS_SECONDS, percentile
from tests.soak.rows import at_least, at_most, exactly

# Rows of the catalogue of faults that can be provoked from outside the client, without bytes.
ROWS = (
    *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26),
    *(27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 48, 50, 51),
    *(52, 53, 55),
)
# A book of an honest server is not held back for longer.
LONGEST_HOLD = 15.0
# A run of this length is long enough for the shares and for the rare faults.
LONG_HOURS = 400


def of_a_run(total):
    """Rows of a run of any length; a long one is held to more."""
    hours = total.symbol_hours
    yield exactly(f"simulation, {hours:.0f} symbol-hours: wrong reads", 0, total.wrong_reads)
    yield exactly("simulation: reads older than the bound", 0, total.old_reads)
    yield exactly("simulation: limits of the venue broken", 0, sum(total.breaches.values()))
    yield exactly(
        f"simulation: not LIVE {LIVENESS_SECONDS:g} s after the faults", 0, len(total.not_back)
    )
    yield at_least(
        "simulation: sequenced book frames a second and symbol of spot",
        5,
        total.frames / (total.hours["spot sequenced"] or 1) / 3600,
    )
    if total.accounts:
        yield exactly(
            f"simulation, {total.orders} own orders: lost without a gap, told twice, or wrong",
            0,
            len(total.account_wrong),
        )
    for kind, half, most in (("gap", 0.4, 2.0), ("reset", None, 5.0)):
        times = [s for k, clean, s in total.recoveries if k == kind and clean]
        if not times:
            continue
        if half is not None:
            yield at_most(f"simulation: {kind} to LIVE, p50", half, percentile(times, 0.5), " s")
        yield at_most(f"simulation: {kind} to LIVE, p99", most, percentile(times, 0.99), " s")
    yield at_least("simulation: looks under a bound of 10 s", 80, 100 * total.short_share, " %")
    if hours >= LONG_HOURS:
        for family in sorted(total.hours):
            yield at_least(f"simulation: hours of {family}", 60, total.hours[family])
        few = [
            name for name, kind in WORLD_KINDS.items() if kind.share and total.by_name[name] < 100
        ]
        yield exactly("simulation: kinds of faults that acted less than 100 times", [], few)
        yield at_least("simulation: LIVE while faults act", 95, 100 * total.live_share, " %")
        yield at_least("simulation: faults", 100_000, total.faults)
        rare = [row for row in ROWS if total.by_row[row] < 100]
        yield exactly("simulation: rows of the catalogue provoked less than 100 times", [], rare)


def of_stalls(found):
    """Rows of the times (seconds, seed) from the last byte to not LIVE."""
    for name, times in zip(("connection silent", "event loop blocked"), found, strict=True):
        longest = max((seconds for seconds, _ in times), default=0.0)
        yield at_most(f"{len(times)} times {name}: not LIVE", STALL_WITHIN, longest, " s")


def of_holds(name, holds):
    """Rows of how long books were not LIVE that nothing was wrong with."""
    yield exactly(f"{name}: wrong reads, or over age", [], holds.wrong[:3])
    yield at_most(f"{name}: longest time not LIVE", LONGEST_HOLD, holds.longest, " s")
    yield at_least(f"{name}: LIVE", 99, 100 * holds.live_share, " %")


def of_seeds_twice(seeds, differ):
    """The row of the seeds that were run in two processes."""
    yield exactly(f"{seeds} seeds twice: logs that differ", [], differ)
