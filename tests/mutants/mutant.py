"""What a seeded bug is, and where in the source it belongs.

Knows text only: nothing here compiles or runs anything.
"""

import re
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent.parent.parent / "bitmart_book"


class Mutant(NamedTuple):
    """One bug: `original` in `file` becomes `replacement`.

    An `original` that ends with a newline is whole lines, written without their indentation, and
    becomes the lines of `replacement` (none: nothing is done); any other is an expression.
    """

    name: str
    harm: str
    """What it would do to a user, in one sentence."""
    file: str
    """Below the package's folder."""
    original: str
    """Occurs exactly once: in the file, or in the block that begins with `where`."""
    replacement: str
    tests: str
    """Which tests are meant to notice, as arguments of pytest parted by spaces."""
    where: str = ""
    """How the first line of a function or class begins, without its indentation."""
    hangs: str = ""
    """Why the mutant makes a test hang; without a reason a hanging test proves nothing."""
    quick: bool = False
    """Whether it belongs to the few that are tried on every change."""


class Site(NamedTuple):
    """A place in a text. `indent` is that of whole lines; None for an expression."""

    start: int
    end: int
    indent: str | None


class SiteError(Exception):
    """The original text is not there, or not only once."""


def find(mutant: Mutant, text: str) -> Site:
    """Where the original text of a mutant stands in the text of its file."""
    start, end = block(mutant, text) if mutant.where else (0, len(text))
    if mutant.original.endswith("\n"):
        first, *others = map(re.escape, mutant.original.splitlines(keepends=True))
        # Blank lines have no indentation.
        lines = (f"(?P=indent){line}" if line.strip("\\\n") else line for line in others)
        pattern = rf"^(?P<indent> *){first}{''.join(lines)}"
    else:
        pattern = re.escape(mutant.original)
    found = list(re.compile(pattern, re.MULTILINE).finditer(text, start, end))
    if len(found) != 1:
        raise SiteError(f"{mutant.name}: {len(found)} times in {mutant.file}: {mutant.original!r}")
    groups = found[0].groupdict()
    return Site(found[0].start(), found[0].end(), groups.get("indent"))


def block(mutant: Mutant, text: str) -> tuple[int, int]:
    """The function or class whose first line begins with `where`."""
    found = list(re.finditer(rf"^( *){re.escape(mutant.where)}", text, re.MULTILINE))
    if len(found) != 1:
        raise SiteError(f"{mutant.name}: {len(found)} times in {mutant.file}: {mutant.where!r}")
    # It ends where a line stands no deeper; a long signature's closing bracket is not its end.
    deeper = rf"(?! {{0,{len(found[0][1])}}}[^\s)])[^\n]*\n"
    match = re.compile(rf"[^\n]*\n(?:{deeper})*").match(text, found[0].start())
    assert match is not None
    return match.span()
