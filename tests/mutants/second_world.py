"""What the second world sees of the seeded bugs: `python -m tests.mutants.second_world`.

Runs `tests.strangers` in the copy of the project that holds every seeded bug, two symbol-hours for
each, and compares with the same runs without a bug. A bug is seen if something was wrong, over age,
lost, doubled or invented, if a limit was broken, if the run ended by itself, or if much less was
LIVE than without it. The runs are under a virtual clock, so that a busy machine changes nothing.
"""

import argparse
import ast
import json
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from tests.mutants import second_page
from tests.mutants.build import COPY, ROOT, compile_copy, environment, generate, number_of
from tests.mutants.mutant import PACKAGE, Mutant, find
from tests.mutants.second_page import OUT_OF_REACH, Seen
from tests.mutants.table import MUTANTS

OUT = ROOT / "build" / "second-world.jsonl"
SEEDS = (10, 3)
"""Their venues differ in what the protocol page leaves open: pace, heartbeats, compression."""
BOOKS = 7
LENGTH = 2 * 3600 / BOOKS / len(SEEDS)
"""Seconds of each run, so that all of them together are two symbol-hours."""
LESS_LIVE = 0.03
"""So much less of the time LIVE than without a bug is seen, and so much more of anything."""
CPU_SECONDS = 300
"""The processor's time and not the wall's, so that a busy machine is no hang."""


def one() -> dict[str, Any]:
    """In the copy: the runs of one bug, until something is found."""
    from tests.strangers import joined
    from tests.strangers.lies import LIES
    from tests.strangers.settings import BOOKS as WANTED
    from tests.strangers.settings import Setting

    assert len(WANTED) == BOOKS
    watch_sites()
    names = sorted(LIES)
    looks, live, told, gaps, found = 0, 0, 0, 0, []
    never: set[str] = set()
    for number, seed in enumerate(SEEDS):
        # Each run has its share of the lies, so that all of them together tell most lies once.
        setting = Setting(seed, LENGTH, tuple(names[number :: len(SEEDS)]))
        result = joined.run(setting, until_found=True)
        found += result.found()
        looks, live = looks + result.tally.looks, live + result.tally.live
        told, gaps = told + result.streams.told, gaps + result.streams.gaps
        never |= {topic for _, topic, _ in WANTED} - result.tally.live_topics
        if found:
            break
    modules = sorted(name for name in sys.modules if name.startswith("bitmart_book"))
    return {
        "found": found[:3],
        "live": live / looks,
        "told": told,
        "gaps": gaps,
        "never": sorted(never),
        "modules": modules,
        "reached": sorted(Asked.numbers),
    }


class Asked(int):
    """A number of a bug that remembers with which others it was compared."""

    numbers: ClassVar[set[int]] = set()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            self.numbers.add(other)
        return int(self) == other

    __hash__ = int.__hash__


def watch_sites() -> None:
    """Note from now on which places with a bug in Python the run comes by."""
    for name, module in list(sys.modules.items()):
        if name.startswith("bitmart_book") and hasattr(module, "_mutant"):
            vars(module)["_mutant"] = Asked(vars(module)["_mutant"])


def is_in_function(mutant: Mutant) -> bool:
    """Whether its place is run when it is called, and not when its file is imported."""
    text = (PACKAGE / mutant.file).read_text()
    line = text.count("\n", 0, find(mutant, text).start) + 1
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body[0].lineno <= line <= (node.end_lineno or 0)
        for node in ast.walk(ast.parse(text))
    )


def is_out_of_reach(mutant: Mutant, control: dict[str, Any]) -> bool:
    """Whether the runs never come by its place, so that they would be the same with it."""
    if not mutant.file.endswith(".py"):
        return False
    module = "bitmart_book." + mutant.file.removesuffix(".py").replace("/", ".")
    if module.removesuffix(".__init__") not in control["modules"]:
        return True
    return is_in_function(mutant) and number_of(mutant) not in control["reached"]


def child(number: int) -> tuple[int, dict[str, Any] | None, str]:
    """Exit status, what `one` says, and the end of what went wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants.second_world", "--one"],
        cwd=COPY,
        env={**environment(number), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS)),
    )
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        return 0, json.loads(lines[-1]), ""
    return done.returncode, None, (done.stderr.strip().splitlines() or [""])[-1]


def verdict(mutant: Mutant, control: dict[str, Any]) -> Seen:
    if is_out_of_reach(mutant, control):
        return Seen(mutant.name, "", OUT_OF_REACH)
    status, report, error = child(number_of(mutant))
    if report is None:
        how = "hangs" if status < 0 and not error else f"ended: {error.partition(':')[0][:40]}"
        return Seen(mutant.name, how, error or f"status {status}")
    if report["found"]:
        text = report["found"][0]
        return Seen(mutant.name, kind_of(text), text)
    new = sorted(set(report["never"]) - set(control["never"]))
    if new:
        return Seen(mutant.name, "never LIVE", ", ".join(new))
    for what, word in (("live", "less LIVE"), ("told", "less told")):
        if report[what] < control[what] * (1 - LESS_LIVE):
            return Seen(mutant.name, word, f"{report[what]:.4g}, and {control[what]:.4g} without")
    if report["gaps"] > 2 * control["gaps"]:
        return Seen(mutant.name, "more gaps", f"{report['gaps']}, and {control['gaps']} without")
    return Seen(mutant.name, "", f"{report['live']:.4f} {report['told']} {report['gaps']}")


def kind_of(text: str) -> str:
    """A sentence of the judge in two words."""
    for word in ("over age", "wrong", "lost", "doubled", "invented", "limit broken"):
        if word in text:
            # "0 lost, 1 doubled, 0 invented" has all of them.
            if f"0 {word}" in text:
                continue
            return word
    return "found"


def load() -> dict[str, Seen]:
    """What earlier runs have found, by name."""
    if not OUT.exists():
        return {}
    return {row[0]: Seen(*row) for row in map(json.loads, OUT.read_text().splitlines())}


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> int:
    program = "python -m tests.mutants.second_world"
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", help="just these bugs")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--more", action="store_true", help="only those that have no result yet")
    parser.add_argument("--write", action="store_true", help="write docs/seeded-bugs.md, after")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        say(json.dumps(one()))
        return 0
    generate()
    compile_copy()
    status, control, error = child(0)
    if control is None or control["found"]:
        say(f"the runs without a bug fail: {control['found'] if control else error or status}")
        return 1
    counts = f"{control['told']} told, {control['gaps']} gaps"
    say(f"without a bug: LIVE {control['live']:.1%}, {counts}")
    before = load() if options.more else {}
    # In any order, so that a run that is cut short has seen a fair part of them.
    mutants = Random(0).sample(MUTANTS, len(MUTANTS))
    mutants = [m for m in mutants if m.name not in before]
    if options.only:
        mutants = [m for m in MUTANTS if m.name in options.only]
    OUT.parent.mkdir(exist_ok=True)
    seen = 0
    with (
        ThreadPoolExecutor(options.jobs) as pool,
        Path(OUT).open("a" if options.more or options.only else "w") as out,
    ):
        for result in pool.map(lambda mutant: verdict(mutant, control), mutants):
            seen += bool(result.how)
            say(f"{result.name:48} {result.how or '-':14} {result.detail[:120]}")
            out.write(json.dumps(result) + "\n")
            out.flush()
    say(f"{seen} of {len(mutants)} seen")
    if options.write:
        second_page.write(load(), MUTANTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
