"""Bugs from other hands: `python -m tests.mutants.sampled --seed 1 --count 60`.

Draws small mistakes in the Python code that decides (see `slips`), makes one after the other in a
copy of the project, and runs the tests of the room that it is in, then, if they notice nothing, all
of them. What survives is printed with its place: it changes nothing that anybody can see, or a test
is missing, best near the code. The same seed draws the same from the same code.
"""

import argparse
import os
import queue
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.mutants.build import ROOT, originals
from tests.mutants.mutant import PACKAGE
from tests.mutants.run import EVERYTHING, SUITE_LIMITS, run
from tests.mutants.slips import Slip, draw

PLACE = ROOT / "build" / "sampled"
# The rooms that decide, and the tests of each; what is only shown or measured decides nothing.
NEAR = {
    "client": ["tests/client"],
    "feed": ["tests/feed"],
    "listeners": ["tests/listeners"],
    "venues": ["tests/venues"],
    "wire": ["tests/wire", "tests/feed/test_wire.py"],
}
NEAR_LIMITS = (60, 300)


class Found(NamedTuple):
    file: str
    slip: Slip
    by: str
    """Which test noticed; empty: none."""
    near: bool
    """Whether it is one of the room's own."""
    seconds: float


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def texts() -> dict[str, str]:
    """The files that decide, by their path below the package."""
    paths = [path for room in NEAR for path in sorted((PACKAGE / room).glob("*.py"))]
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_text()
        for path in paths
        if path.name != "__init__.py"
    }


def prepare(folder: Path) -> None:
    """A copy of the project as it stands, with what is compiled of it."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in originals().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for path in PACKAGE.glob("_book.*"):
        if path.suffix in (".so", ".pyd"):
            shutil.copy2(path, folder / "bitmart_book")


def attack(folder: Path, file: str, slip: Slip, *, near_only: bool) -> Found:
    """The tests of the room, and if they do not notice, all there are."""
    path = folder / "bitmart_book" / file
    original = path.read_text()
    path.write_text(slip.made_in(original))
    environment = {**os.environ, "PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "seeded"}
    try:
        near = run(folder, environment, NEAR[file.partition("/")[0]], NEAR_LIMITS)
        if near.outcome != "SURVIVED" or near_only:
            by = "" if near.outcome == "SURVIVED" else near.by
            return Found(file, slip, by, bool(by), near.seconds)
        found = run(folder, environment, EVERYTHING, SUITE_LIMITS)
        by = "" if found.outcome == "SURVIVED" else found.by
        return Found(file, slip, by, False, near.seconds + found.seconds)
    finally:
        path.write_text(original)


def line(found: Found) -> str:
    slip = found.slip
    before, after = (" ".join(text.split())[:60] for text in (slip.before, slip.after))
    verdict = f"noticed by {found.by}" if found.by else "SURVIVED"
    place = f"{found.file}:{slip.line}"
    return f"{place:32} {slip.kind:10} {found.seconds:6.1f} s  {verdict}\n    {before}  ->  {after}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.sampled", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which mistakes are drawn")
    parser.add_argument("--count", type=int, default=60, help="how many")
    parser.add_argument("--file", help="only in this file, below the package: client/limits.py")
    parser.add_argument("--near", action="store_true", help="only the tests of the room itself")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    chosen = {
        file: text for file, text in texts().items() if options.file in (None, file)
    } or parser.error(f"no file that decides is called {options.file}")
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(build, cwd=ROOT, check=True)
    folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for number in range(options.jobs):
        prepare(PLACE / str(number))
        folders.put(PLACE / str(number))
    start = time.monotonic()

    def one(drawn: tuple[str, Slip]) -> Found:
        folder = folders.get()
        try:
            found = attack(folder, *drawn, near_only=options.near)
        finally:
            folders.put(folder)
        say(line(found))
        return found

    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(one, draw(chosen, options.count, options.seed)))
    near = sum(found.near for found in results)
    noticed = sum(bool(found.by) for found in results)
    count = len(results)
    say(f"seed {options.seed}: {count} drawn in {time.monotonic() - start:.0f} s")
    say(f"noticed by the tests of the room: {near} ({near / count:.0%})")
    if not options.near:
        say(f"noticed by all tests: {noticed} ({noticed / count:.0%})")
    say("survivors:")
    for found in results:
        if not found.by:
            say(line(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
