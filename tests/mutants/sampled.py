"""Bugs from other hands: `python -m tests.mutants.sampled --seed 1 --count 60`.

Draws small mistakes in the Python code that decides (see `slips`), writes all of them into a copy
of the project, and lets one after the other loose on the tests of the room that it is in; then, if
they notice nothing and `--near` is not said, on all of them. What survives is printed with its
place: it changes nothing that anybody can see, or a test is missing, best near the code. The same
seed draws the same from the same code.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.mutants.build import ROOT, environment, originals
from tests.mutants.forked import let_loose
from tests.mutants.mutant import PACKAGE
from tests.mutants.run import EVERYTHING, SUITE_LIMITS, run
from tests.mutants.slips import Slip, draw
from tests.mutants.together import MODULE, SWITCH, with_all

PLACE = ROOT / "build" / "sampled"
# The rooms that decide, and the tests of each; what is only shown or measured decides nothing.
NEAR = {
    "client": ["tests/client"],
    "feed": ["tests/feed"],
    "listeners": ["tests/listeners"],
    "venues": ["tests/venues"],
    "wire": ["tests/wire", "tests/feed/test_wire.py"],
}
NEAR_LIMITS = (600, 2400)


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


def prepare(folder: Path, drawn: list[tuple[str, Slip]]) -> None:
    """A copy of the project as it stands, with what is compiled of it and all slips in it."""
    shutil.rmtree(folder, ignore_errors=True)
    files = originals()
    for file in {file for file, _ in drawn}:
        slips = {number: slip for number, (of, slip) in enumerate(drawn, 1) if of == file}
        path = Path("bitmart_book") / file
        files[path] = with_all(files[path].decode(), slips).encode()
    files[Path("bitmart_book") / MODULE] = SWITCH.encode()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for path in PACKAGE.glob("_book.*"):
        if path.suffix in (".so", ".pyd"):
            shutil.copy2(path, folder / "bitmart_book")


def room(file: str) -> str:
    return file.partition("/")[0]


def near(file: str) -> list[str]:
    """The tests of the room that a file is in."""
    return NEAR[room(file)]


def in_the_room(
    folder: Path, drawn: list[tuple[str, Slip]], most: float
) -> Iterator[tuple[int, Found]]:
    """What the tests of the rooms notice, by the number of the slip."""
    rooms = sorted({tests for file, _ in drawn for tests in near(file)})
    jobs = {number: near(file) for number, (file, _) in enumerate(drawn, 1)}
    quick = {**environment(0, folder), "HYPOTHESIS_PROFILE": "seeded-quick"}
    for told in let_loose(folder, quick, rooms, jobs, most):
        number, by, seconds = told["number"], told["by"], told["seconds"]
        if number == 0:
            say(f"without a slip: {told['tests']} tests, {seconds:.0f} s")
            if by:
                say(f"left out, as they fail without a slip: {by}")
            continue
        file, slip = drawn[number - 1]
        if by is None:
            # Its place is come to by importing alone, so that it needs a process of its own.
            found = run(folder, environment(number, folder), near(file), NEAR_LIMITS)
            by, seconds = "" if found.outcome == "SURVIVED" else found.by, found.seconds
        yield number, Found(file, slip, by, bool(by), seconds)


def anywhere(folder: Path, number: int, found: Found) -> Found:
    """What all tests notice, where those of the room do not."""
    if found.by:
        return found
    far = run(folder, environment(number, folder), EVERYTHING, SUITE_LIMITS)
    by = "" if far.outcome == "SURVIVED" else far.by
    return Found(found.file, found.slip, by, False, found.seconds + far.seconds)


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
    parser.add_argument("--room", choices=NEAR, action="append", help="only in this one, and more")
    parser.add_argument("--near", action="store_true", help="only the tests of the room itself")
    parser.add_argument("--most", type=float, default=300.0, help="seconds of tests for each")
    options = parser.parse_args()
    chosen = {
        file: text
        for file, text in texts().items()
        if options.file in (None, file) and (not options.room or room(file) in options.room)
    } or parser.error(f"no file that decides is called {options.file}")
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(build, cwd=ROOT, check=True)
    drawn = draw(chosen, options.count, options.seed)
    prepare(PLACE, drawn)
    start = time.monotonic()
    results = []
    for number, here in in_the_room(PLACE, drawn, options.most):
        found = here if options.near else anywhere(PLACE, number, here)
        say(line(found))
        results.append(found)
    by_room = sum(found.near for found in results)
    noticed = sum(bool(found.by) for found in results)
    count = len(results)
    say(f"seed {options.seed}: {count} drawn in {time.monotonic() - start:.0f} s")
    say(f"noticed by the tests of the room: {by_room} ({by_room / count:.0%})")
    if not options.near:
        say(f"noticed by all tests: {noticed} ({noticed / count:.0%})")
    say("survivors:")
    for found in results:
        if not found.by:
            say(line(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
