"""Bugs in the compiled code, chosen by people who had not read the list of seeded bugs.

They stand in text files beside this one, a file for each time that somebody sat down and chose, one
paragraph for each bug:

    name-of-the-bug @ file below the package : how the first line of its function begins
    What it would do to a user.
    - whole lines that are there, once in that function
    + what stands there instead; nothing: nothing is done

or, of an expression, `<` what is there and `>` what stands there instead. They measure the tests,
and so nobody mends one that the source has moved away from: it is counted as gone.
"""

from pathlib import Path

from tests.mutants.mutant import PACKAGE, Mutant, SiteError, find

__all__ = ["chosen", "names", "read", "still_there"]

FOLDER = Path(__file__).parent
MARKS = "-+<>"


def names() -> list[str]:
    """Of the files, oldest first."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def chosen(name: str) -> list[Mutant]:
    """The bugs of one file."""
    return [read(text) for text in (FOLDER / f"{name}.txt").read_text().strip().split("\n\n")]


def read(paragraph: str) -> Mutant:
    head, harm, *lines = paragraph.splitlines()
    name, _, place = head.partition(" @ ")
    file, _, where = place.partition(" : ")
    parts = {mark: [line[2:] for line in lines if line[0] == mark] for mark in MARKS}
    if not file or sum(map(len, parts.values())) != len(lines):
        raise ValueError(f"not a bug: {paragraph}")
    if parts["<"]:
        original, replacement = " ".join(parts["<"]), " ".join(parts[">"])
    else:
        original, replacement = ("".join(f"{line}\n" for line in parts[mark]) for mark in "-+")
    return Mutant(name, harm, file, original, replacement, "", where)


def still_there(mutants: list[Mutant]) -> list[Mutant]:
    """Those that have their place in the source as it is."""
    found = []
    for mutant in mutants:
        try:
            find(mutant, (PACKAGE / mutant.file).read_text())
        except SiteError:
            continue
        found.append(mutant)
    return found
