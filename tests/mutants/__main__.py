"""Lets the tests loose on every seeded bug: `python -m tests.mutants`.

A mutant is killed when a test fails. One that makes a test hang is killed only where the table
says why it must; a run that ends in any other way proves nothing and is an error.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.mutants import page
from tests.mutants.build import COPY, compile_copy, environment, generate, number_of
from tests.mutants.mutant import Mutant
from tests.mutants.run import EVERYTHING, LIMITS, SUITE_LIMITS, Result, run
from tests.mutants.table import MUTANTS
from tests.soak import rows


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def pytest(arguments: list[str], number: int, limits: tuple[int, int] = LIMITS) -> Result:
    """One run in the copy, until the first failure."""
    return run(COPY, environment(number), arguments, limits)


def attack(mutant: Mutant) -> Result:
    """The tests that are meant to notice, and if they do not, all there are."""
    result = pytest(mutant.tests.split(), number_of(mutant))
    if result.outcome == "SURVIVED":
        found = pytest(EVERYTHING, number_of(mutant), SUITE_LIMITS)
        result = found._replace(seconds=result.seconds + found.seconds)
    if result.outcome == "hung" and not mutant.hangs:
        return result._replace(outcome="ERROR", by=f"hangs without a stated reason: {result.by}")
    return result


def control(mutants: list[Mutant]) -> Result:
    """The same tests without a mutant: only those that pass can prove anything."""
    tests = sorted({test for mutant in mutants for test in mutant.tests.split()})
    result = pytest(tests, 0, SUITE_LIMITS)
    if result.outcome == "SURVIVED":
        return result._replace(outcome="killed", by="nothing fails without a mutant")
    return result._replace(outcome="ERROR", by=f"fails without a mutant: {result.by}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", help="just these mutants")
    parser.add_argument("--fast", action="store_true", help="a few that cover most of the code")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="write docs/seeded-bugs.md")
    options = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if mutant.quick or not options.fast]
    if options.only:
        unknown = set(options.only) - {mutant.name for mutant in MUTANTS}
        if unknown:
            parser.error(f"no mutant is called {', '.join(sorted(unknown))}")
        mutants = [mutant for mutant in MUTANTS if mutant.name in options.only]
    start = time.monotonic()
    generate()
    compile_copy()
    say(f"{len(mutants)} mutants compiled in {time.monotonic() - start:.1f} s")

    def show(name: str, result: Result) -> Result:
        say(f"{name:36} {result.outcome:9}{result.seconds:6.1f} s  {result.by}")
        if options.only or result.outcome == "ERROR":
            say(result.output)
        return result

    with ThreadPoolExecutor(options.jobs) as pool:
        passes = pool.submit(lambda: show("(none)", control(mutants)))
        results = list(pool.map(lambda mutant: show(mutant.name, attack(mutant)), mutants))
    killed = sum(result.good for result in results)
    say(f"{killed} of {len(mutants)} killed in {time.monotonic() - start:.0f} s")
    survivors = len(mutants) - killed
    rows.show([rows.exactly(f"{len(mutants)} seeded bugs: not noticed", 0, survivors)])
    if killed < len(mutants) or not passes.result().good:
        return 1
    if options.write:
        if len(mutants) < len(MUTANTS):
            parser.error("--write needs all mutants")
        page.write(zip(mutants, (result.by for result in results), strict=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
