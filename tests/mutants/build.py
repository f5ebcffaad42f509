"""A copy of the project with all bugs of a table in it, of which the environment chooses one.

Everything compiled is compiled once. `BITMART_BOOK_MUTANT` holds the number of the mutant; without
it, or with 0, the copy behaves as the original. What is compiled looks again after a fork.
"""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tests.mutants.mutant import Mutant, Site, find
from tests.mutants.table import MUTANTS

ROOT = Path(__file__).parent.parent.parent
COPY = ROOT / "build" / "mutants"
VARIABLE = "BITMART_BOOK_MUTANT"
COMPILED = {".pyx", ".pxd", ".pxi"}
# What tests read of what begins with a dot.
SHOWN = (".ci", ".github", ".gitignore")
# What a build or a run leaves in the copy; everything else that is not in the original goes.
MADE = {".so", ".pyd", ".c", ".o", ".pyc"}

# The header of numbers is seen by all compiled files.
SEEN_BY_ALL = "native/number.pxd"
TOP = "_book.pyx"
SWITCH = f'''
cdef extern from *:
    """
    #include <pthread.h>
    #include <stdlib.h>
    static int bb_mutant_number = -1;
    static void bb_mutant_anew(void) {{ bb_mutant_number = -1; }}
    static unsigned char bb_mutants_reached[4096];
    static int bb_mutant(void) {{
        if (bb_mutant_number < 0) {{
            const char *text = getenv("{VARIABLE}");
            static int forks = 0;
            if (!forks++) {{
                pthread_atfork(NULL, NULL, bb_mutant_anew);
            }}
            bb_mutant_number = text ? atoi(text) : 0;
        }}
        return bb_mutant_number;
    }}
    static int bb_is_mutant(int number) {{
        bb_mutants_reached[number] = 1;
        return bb_mutant() == number;
    }}
    """
    bint bb_is_mutant(int) noexcept nogil
    unsigned char bb_mutants_reached[4096]
'''
# Behind everything else that is compiled.
REACHED = """

def _mutants_reached():
    '''The numbers of the mutants whose place was come to since this was asked last.'''
    found = [number for number in range(4096) if bb_mutants_reached[number]]
    memset(bb_mutants_reached, 0, 4096)
    return found
"""
PYTHON_SWITCH = f"""
import os as _mutant_os
_mutant = int(_mutant_os.environ.get("{VARIABLE}") or 0)
"""


def number_of(mutant: Mutant, table: Sequence[Mutant] = MUTANTS) -> int:
    return table.index(mutant) + 1


def rewrite(
    text: str, mutants: list[Mutant], choice: str, table: Sequence[Mutant] = MUTANTS
) -> str:
    """The text with every mutant in it; `choice` asks whether it is the one with that number.

    Several mutants may share a site, and a site may lie inside another one.
    """
    sites: dict[Site, list[Mutant]] = {}
    for mutant in mutants:
        sites.setdefault(find(mutant, text), []).append(mutant)

    def render(start: int, end: int, inside: list[Site]) -> str:
        parts = []
        while inside:
            site = inside[0]
            within = [other for other in inside[1:] if other.start < site.end]
            for other in within:
                assert other.end <= site.end, f"{sites[other][0].name} lies across {site}"
            parts += [text[start : site.start], choose(site, within)]
            start = site.end
            inside = inside[1 + len(within) :]
        return "".join(parts) + text[start:end]

    def choose(site: Site, within: list[Site]) -> str:
        original = render(site.start, site.end, within)
        if site.indent is None:
            tests = (
                f"({m.replacement}) if {choice.format(number_of(m, table))} else "
                for m in sites[site]
            )
            return f"({''.join(tests)}({original}))"
        lines = ""
        for mutant in sites[site]:
            word = "elif" if lines else "if"
            lines += f"{site.indent}{word} {choice.format(number_of(mutant, table))}:\n"
            lines += textwrap.indent(mutant.replacement or "pass\n", site.indent + "    ")
        return f"{lines}{site.indent}else:\n{textwrap.indent(original, '    ')}"

    return render(0, len(text), sorted(sites, key=lambda site: (site.start, -site.end)))


def mutated(file: str, text: str, mutants: list[Mutant], table: Sequence[Mutant] = MUTANTS) -> str:
    """The text of a file of the package as it stands in the copy."""
    if Path(file).suffix not in COMPILED:
        text = rewrite(text, mutants, "_mutant == {}", table) if mutants else text
        future = "from __future__ import annotations\n"
        return text.replace(future, future + PYTHON_SWITCH, 1) if mutants else text
    text = rewrite(text, mutants, "bb_is_mutant({})", table) if mutants else text
    if file == SEEN_BY_ALL:
        first = "from libc.stdint"
        return text.replace(first, SWITCH + first, 1)
    for first in (
        "from bitmart_book.native.number cimport (\n",
        "from bitmart_book.native.number cimport ",
    ):
        if first in text:
            text = text.replace(first, f"{first}bb_is_mutant, bb_mutants_reached, ", 1)
            return text + REACHED if file == TOP else text
    if not mutants:
        return text
    first = "from libc.stdint"
    return text.replace(first, f"from bitmart_book.native.number cimport bb_is_mutant\n{first}", 1)


def originals() -> dict[Path, bytes]:
    """Everything that the tests need, by its path below the root."""
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info", *(f"*{end}" for end in MADE))
    files = {}
    for top in sorted(ROOT.iterdir()):
        hidden = top.name.startswith(".") and top.name not in SHOWN
        if hidden or top.name in ("build", "dist"):
            continue
        for path in [top, *top.rglob("*")] if top.is_dir() else [top]:
            relative = path.relative_to(ROOT)
            if path.is_file() and not any(skip("", [part]) for part in relative.parts):
                files[relative] = path.read_bytes()
    return files


def generate(table: Sequence[Mutant] = MUTANTS, copy: Path = COPY) -> None:
    """Write the copy. A file that has not changed is not touched, so that it is not recompiled."""
    by_file = sorted(table, key=lambda mutant: mutant.file)
    mutants = {file: list(group) for file, group in groupby(by_file, lambda mutant: mutant.file)}
    files = originals()
    for file in {
        *mutants,
        SEEN_BY_ALL,
        *(
            str(p.relative_to("bitmart_book"))
            for p in files
            if p.parts[0] == "bitmart_book" and p.suffix in COMPILED
        ),
    }:
        path = Path("bitmart_book") / file
        text = mutated(file, files[path].decode(), mutants.get(file, []), table)
        files[path] = text.encode()
    for path, content in files.items():
        target = copy / path
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in [path for path in copy.rglob("*") if path.is_file()]:
        relative = path.relative_to(copy)
        kept = relative.parts[0] in ("build", ".hypothesis") or path.suffix in MADE
        if not kept and relative not in files:
            path.unlink()


def environment(number: int = 0, copy: Path = COPY) -> dict[str, str]:
    """That of a process in the copy."""
    paths = [str(copy), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "HYPOTHESIS_PROFILE": "seeded",
        VARIABLE: str(number),
    }


def compile_copy(copy: Path = COPY) -> None:
    """Compile what has changed, unoptimised: that takes a third of the time."""
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=copy,
        env={**environment(0, copy), "BITMART_BOOK_DEBUG": "1"},
        check=True,
    )
    code = "import bitmart_book._book as book; print(book.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=copy,
        env=environment(0, copy),
        capture_output=True,
        text=True,
    )
    assert found.stdout.startswith(str(copy)), f"not the copy: {found.stdout}{found.stderr}"
