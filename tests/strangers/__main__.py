"""`python -m tests.strangers --seeds N --hours H`: the client under this world's judge."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context

from tests.strangers import runs
from tests.strangers.lies import LIES
from tests.strangers.result import Result, by_lie, line, table
from tests.strangers.settings import KNOWN_BROKEN, Setting


def main() -> int:
    options = parse()
    names = tuple(options.lies.split(",")) if options.lies else tuple(sorted(LIES))
    if options.calm:
        names = ()
    elif not options.lies and not options.all:
        names = tuple(name for name in names if name not in KNOWN_BROKEN)
    for name in names:
        if name not in LIES:
            print(f"no such lie: {name}; there are {', '.join(sorted(LIES))}", file=sys.stderr)
            return 2
    seeds = list(range(options.seed, options.seed + options.seeds))
    length, only = options.hours * 3600, tuple(runs.numbers(options.only))
    if options.each:
        settings = [Setting(s, length, (name,), only, True) for s in seeds for name in names]
    else:
        settings = [Setting(s, length, names, only, options.alone) for s in seeds]
    if options.sockets:
        results = asyncio.run(real_time(settings, options.party, options.at_once))
    else:
        results = side_by_side(settings, options.party, options.jobs)
    rows = [line(title(result, each=options.each), [result]) for result in results]
    rows.append(line("all", results))
    print(table(rows))
    if options.sockets:
        for result in results:
            print(f"seed {result.setting.seed}: the process stood still {result.standstills}")
    if options.by_lie:
        print(by_lie(results, names))
    for result in results:
        if not result.good:
            report(result, options)
    if options.fingerprints:
        print(*(result.fingerprint for result in results), sep="\n")
    # Other clients do not promise what is judged here.
    return int(options.party == "client" and not all(result.good for result in results))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.strangers", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="so many seeds")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--hours", type=float, default=0.1, help="length of each run")
    parser.add_argument("--lies", help="names, with commas; else all but the known broken ones")
    parser.add_argument("--all", action="store_true", help="with the known broken ones")
    parser.add_argument("--calm", action="store_true", help="no lies")
    parser.add_argument("--only", default="", help="numbers of the occurrences to tell")
    parser.add_argument("--each", action="store_true", help="a run for each lie by itself")
    parser.add_argument("--alone", action="store_true", help="each lie once, as long as the run")
    parser.add_argument("--sockets", action="store_true", help="real websockets, in real time")
    parser.add_argument("--at-once", type=int, default=4, help="so many runs side by side")
    parser.add_argument("--jobs", type=int, default=1, help="so many processes, without sockets")
    parser.add_argument("--by-lie", action="store_true", help="a table with a line for each lie")
    parser.add_argument("--party", default="client", help="client, naive, or ccxt (real time only)")
    parser.add_argument("--no-shrink", action="store_true", help="do not look for fewer lies")
    parser.add_argument("--fingerprints", action="store_true", help="print what must be equal")
    return parser.parse_args()


async def real_time(settings: list[Setting], party: str, at_once: int) -> list[Result]:
    from tests.strangers import peers, sockets

    room = asyncio.Semaphore(at_once)
    peer = None if party == "client" else peers.PEERS[party]()

    async def one(setting: Setting) -> Result:
        async with room:
            result = await (peers.run(setting, peer) if peer else sockets.run(setting))
            show(result)
            return result

    return list(await asyncio.gather(*(one(setting) for setting in settings)))


def side_by_side(settings: list[Setting], party: str, jobs: int) -> list[Result]:
    """Runs under the virtual clock, so many at once: what they find does not depend on that."""
    results = []
    with ExitStack() as stack:
        run = partial(virtual_run, party)
        if jobs > 1 and len(settings) > 1:
            pool = stack.enter_context(ProcessPoolExecutor(jobs, get_context("spawn")))
            found: Iterator[Result] = pool.map(run, settings)
        else:
            found = map(run, settings)
        for result in found:
            results.append(result)
            if len(settings) > 1:
                show(result)
    return results


def virtual_run(party: str, setting: Setting) -> Result:
    return virtual(party)(setting)


def virtual(party: str) -> Callable[[Setting], Result]:
    from tests.strangers import parties

    return parties.PARTIES[party]


def show(result: Result) -> None:
    """A run's line, as soon as it is over."""
    print(*line(title(result, each=result.setting.alone), [result]), file=sys.stderr, flush=True)


def title(result: Result, *, each: bool) -> str:
    return f"{result.setting.seed} {result.setting.lies[0]}" if each else f"{result.setting.seed}"


def report(result: Result, options: argparse.Namespace) -> None:
    """Why a run failed, the command that runs it again, and the fewest lies that do it."""
    party = "" if options.party == "client" else f" --party {options.party}"
    print(f"\nfailed: {result.command(sockets=options.sockets)}{party}")
    for text in result.first_of_each(2):
        print(f"  {text}")
    if options.sockets or options.no_shrink:
        return
    fewest = runs.shrink(result, virtual(options.party))
    print(f"fewest lies: {fewest.command(sockets=False)}{party}")
    for text in [*fewest.notes, *fewest.found()[:3]]:
        print(f"  {text}")


if __name__ == "__main__":
    sys.exit(main())
