"""What `docs/seeded-bugs.md` says of the second world, behind the table of the bugs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tests.mutants import page
from tests.mutants.mutant import Mutant

HEADING = "## What the second world sees\n"
TEXT = """
`make mutants-second-world` runs `tests/strangers` against each bug, two symbol-hours under a
virtual clock, and compares with the same runs without one. Of {count} bugs it saw {seen}: {hows}.
{first} of the bugs are noticed by a run of the first world (`tests/simulation`) in the table above;
the others by small tests near the code, and nobody has asked whether the first world sees them too.
Each bug that the second world sees is noticed by a test as well.

| seen by the second world | as |
| --- | --- |
{seen_rows}
| seen by tests alone | because |
| --- | --- |
{unseen_rows}"""

OUT_OF_REACH = "never run"
LESS = "The lie it needs was not told, or two things did not meet, in two symbol-hours."
REASONS = (
    (
        ("native/number.pxd", "native/digits.pxd", "native/double.pxd", "native/values.pxi"),
        "This venue writes no such numbers.",
    ),
    (
        ("native/ladder.pxd", "native/window.pxd", "native/rows.pxi"),
        "Books have at most 170 levels here, and one scale.",
    ),
    (("native/scan.pxd", "native/excerpts.pxi"), "This venue writes no such frames."),
    (
        ("_book.pyx", "exact.py", "model.py"),
        "The judge makes no such read, and nobody writes by hand.",
    ),
    (("client/limits.py",), "Seven books and an account come near no limit."),
    (("native/clock.pxd", "native/lag.pxi"), "The client's own clock is virtual and never wrong."),
)


class Seen(NamedTuple):
    name: str
    how: str
    """Empty: not seen. Else one or two words: "wrong", "less LIVE", "ended: KeyError"."""
    detail: str


def reason(mutant: Mutant, seen: Seen) -> str:
    """Why it was not seen, in a few words."""
    if seen.detail == OUT_OF_REACH:
        return "Its code is never run there: no socket, no feed, no log, or no such message."
    return next((why for files, why in REASONS if mutant.file in files), LESS)


def text(results: Mapping[str, Seen], mutants: Iterable[Mutant], noticed_by: list[str]) -> str:
    """The section, for the bugs that have a result."""
    tried = [mutant for mutant in mutants if mutant.name in results]
    hows: dict[str, list[str]] = {}
    whys: dict[str, list[str]] = {}
    for mutant in tried:
        seen = results[mutant.name]
        if seen.how:
            hows.setdefault(seen.how, []).append(mutant.name)
        else:
            whys.setdefault(reason(mutant, seen), []).append(mutant.name)
    counts = Counter({how: len(names) for how, names in hows.items()})
    return HEADING + TEXT.format(
        count=len(tried),
        seen=sum(counts.values()),
        hows=", ".join(f"{count} {how}" for how, count in counts.most_common()),
        first=sum(by.strip("`").startswith("simulation/") for by in noticed_by),
        seen_rows=_rows(hows),
        unseen_rows=_rows(whys),
    )


def _rows(groups: Mapping[str, list[str]]) -> str:
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    return "".join(f"| {', '.join(names)} | {key} |\n" for key, names in ranked)


def write(results: Mapping[str, Seen], mutants: Iterable[Mutant]) -> None:
    """Put the section behind the table, in place of the one that was there."""
    noticed_by = [row[2] for row in page.rows()]
    head = page.PAGE.read_text().partition(HEADING)[0].rstrip("\n") + "\n\n"
    page.PAGE.write_text(head + text(results, mutants, noticed_by))
