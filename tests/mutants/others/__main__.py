"""Bugs of other hands in the compiled code: `python -m tests.mutants.others`.

All of one file of them are compiled into one copy of the project, and each is let loose on the
tests of the compiled code alone, in the rooms `native`, `book` and `check`: what only a test far
away notices is nearly not noticed. What survives is printed with its place: it changes nothing that
anybody can see, or a test is missing, best near the code.
"""

import argparse
import sys
import time
from typing import Any

from tests.mutants import others
from tests.mutants.build import ROOT, compile_copy, environment, generate, number_of
from tests.mutants.forked import let_loose
from tests.mutants.mutant import Mutant

ROOMS = ("native", "book", "check")
# Those that compile something, need recordings, or measure; that look at the tests and not at the
# book, or take seconds each.
LEFT_OUT = ("test_cimport.py", "test_real_data.py", "test_clock.py", "test_bombs.py")
NOT_THESE = "not (machines_reach_live_books or fifty_thousand or million)"


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def near_tests() -> list[str]:
    """The tests of the compiled code."""
    paths = [path for room in ROOMS for path in (ROOT / "tests" / room).glob("test_*.py")]
    return [
        path.relative_to(ROOT).as_posix() for path in sorted(paths) if path.name not in LEFT_OUT
    ]


def told(mutant: Mutant, found: dict[str, Any]) -> str:
    verdict = f"noticed by {found['by']}" if found["by"] else "SURVIVED"
    took = f"{found['seconds']:6.1f} s of {found['tests']:4} tests"
    return f"{mutant.name:38} {mutant.file:20} {took}  {verdict}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.others", description=__doc__)
    parser.add_argument("--file", choices=others.names(), help="of which file; else of the newest")
    parser.add_argument("--only", metavar="NAME", action="append", help="just these bugs")
    parser.add_argument("--part", metavar="TEXT", default="", help="only in files called like this")
    parser.add_argument("--most", type=float, default=300.0, help="seconds of tests for each")
    options = parser.parse_args()
    name = options.file or others.names()[-1]
    everybody = others.chosen(name)
    table = others.still_there(everybody)
    copy = ROOT / "build" / "others" / name
    start = time.monotonic()
    generate(table, copy)
    compile_copy(copy)
    say(f"{len(table)} bugs compiled in {time.monotonic() - start:.0f} s")
    numbers = {
        number_of(mutant, table): mutant
        for mutant in table
        if options.part in mutant.file and (not options.only or mutant.name in options.only)
    }
    survivors, noticed = [], 0
    own = {**environment(0, copy), "HYPOTHESIS_PROFILE": "seeded-quick"}
    arguments = ["-k", NOT_THESE, *near_tests()]
    jobs = {number: ["tests/"] for number in numbers}
    for found in let_loose(copy, own, arguments, jobs, options.most):
        if found["number"] == 0:
            say(f"without a bug: {found['tests']} tests, {found['seconds']:.0f} s")
            if found["by"]:
                say(f"left out, as they fail without a bug: {found['by']}")
            continue
        mutant = numbers[found["number"]]
        say(told(mutant, found))
        noticed += bool(found["by"])
        if not found["by"]:
            survivors.append(mutant)
    say(f"{name}: {len(everybody) - len(table)} bugs are gone from the source")
    say(f"noticed: {noticed} of {len(numbers)}, in {time.monotonic() - start:.0f} s; survivors:")
    for mutant in survivors:
        say(f"{mutant.name} ({mutant.file}): {mutant.harm}")
    return 0 if noticed + len(survivors) == len(numbers) else 1


if __name__ == "__main__":
    sys.exit(main())
