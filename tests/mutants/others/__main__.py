"""Bugs of other hands in the compiled code: `python -m tests.mutants.others`.

All of one file of them are compiled into one copy of the project, and each is let loose on the
tests of the compiled code alone, in the rooms `native`, `book` and `check`: what only a test far
away notices is nearly not noticed. What survives is printed with its place: it changes nothing that
anybody can see, or a test is missing, best near the code.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants import others
from tests.mutants.build import ROOT, compile_copy, environment, generate, number_of
from tests.mutants.mutant import Mutant
from tests.mutants.run import EVERYTHING, SUITE_LIMITS, Result, run

ROOMS = ("native", "book", "check")
# What takes longest comes last, and what compiles or forks knows nothing more of the book.
LAST = ("test_reads.py", "test_real_data.py", "test_property.py")
LEFT_OUT = ("test_cimport.py",)
LIMITS = (60, 300)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def near_tests(file: str) -> list[str]:
    """The tests of the compiled code, those that are called like the file first."""
    paths = [path for room in ROOMS for path in (ROOT / "tests" / room).glob("test_*.py")]
    called = f"test_{Path(file).stem}.py"
    paths = [path for path in paths if path.name not in LEFT_OUT]
    paths.sort(key=lambda path: (path.name != called, path.name in LAST, path))
    return [path.relative_to(ROOT).as_posix() for path in paths]


def is_noticed(result: Result) -> bool:
    """A process that dies of a signal has noticed, too."""
    return result.good or "ended with -" in result.by


def line(mutant: Mutant, result: Result) -> str:
    verdict = f"noticed by {result.by}" if is_noticed(result) else result.outcome
    return f"{mutant.name:36} {mutant.file:20} {result.seconds:6.1f} s  {verdict}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.others", description=__doc__)
    parser.add_argument("--file", choices=others.names(), help="of which file; else of the newest")
    parser.add_argument("--only", metavar="NAME", action="append", help="just these bugs")
    parser.add_argument("--part", metavar="TEXT", default="", help="only in files called like this")
    parser.add_argument("--all-tests", action="store_true", help="then all the others too")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    name = options.file or others.names()[-1]
    everybody = others.chosen(name)
    table = others.still_there(everybody)
    copy = ROOT / "build" / "others" / name
    start = time.monotonic()
    generate(table, copy)
    compile_copy(copy)
    mutants = [
        mutant
        for mutant in table
        if options.part in mutant.file and (not options.only or mutant.name in options.only)
    ]
    say(f"{len(table)} bugs compiled in {time.monotonic() - start:.0f} s")

    def attack(mutant: Mutant | None) -> Result:
        number = number_of(mutant, table) if mutant else 0
        tests = near_tests(mutant.file if mutant else "")
        result = run(copy, environment(number, copy), tests, LIMITS)
        if options.all_tests and mutant and result.outcome == "SURVIVED":
            result = run(copy, environment(number, copy), EVERYTHING, SUITE_LIMITS)
        if mutant:
            say(line(mutant, result))
            if options.only:
                say(result.output)
        return result

    if not options.only and attack(None).outcome != "SURVIVED":
        say("the tests fail without a bug")
        return 1
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(attack, mutants))
    survivors = [
        (mutant, result)
        for mutant, result in zip(mutants, results, strict=True)
        if not is_noticed(result)
    ]
    noticed = len(mutants) - len(survivors)
    say(f"{name}: {len(everybody) - len(table)} bugs are gone from the source")
    say(f"noticed: {noticed} of {len(mutants)}, in {time.monotonic() - start:.0f} s; survivors:")
    for mutant, result in survivors:
        say(line(mutant, result))
        say(f"    {mutant.harm}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
