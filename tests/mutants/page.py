"""The page that lists the seeded bugs, written by the run that killed them.

What stands behind its table, of the bugs that other hands chose, is written by hand and stays.
"""

from collections.abc import Iterable

from tests.mutants.mutant import PACKAGE, Mutant

PAGE = PACKAGE.parent / "docs" / "seeded-bugs.md"
HEADER = """\
# Seeded bugs

A test suite that has never seen a bug has proven nothing. `make mutants` puts each of the
{count} bugs below into the code, one at a time, and runs the tests: every one must make one fail.
They are the mistakes that order-book clients are known for, and those that a tired programmer
makes here. All of them are compiled into one copy of the package and chosen at run time; the
package itself knows nothing of them. The bugs stand in `tests/mutants`; this page is written from
there, and from the result, by `python -m tests.mutants --write`.

What bugs say that others chose, or nobody, stands [below the table](#bugs-from-other-hands).

| bug | what it would do to a user | noticed by |
| --- | --- | --- |
"""
BEHIND = "\n## "


def row(mutant: Mutant, by: str) -> str:
    return f"| {mutant.name} | {mutant.harm} | `{by.removeprefix('tests/')}` |\n"


def write(killed: Iterable[tuple[Mutant, str]]) -> None:
    rows = [row(mutant, by) for mutant, by in killed]
    _, heading, behind = PAGE.read_text().partition(BEHIND)
    PAGE.write_text(HEADER.format(count=len(rows)) + "".join(rows) + heading + behind)


def rows() -> list[list[str]]:
    """The cells of the table as it stands."""
    table = PAGE.read_text().partition(BEHIND)[0]
    lines = table.partition("| --- |")[2].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
