"""Many slips in one file of Python, of which one is chosen while it runs.

`is_mutant(number)` stands before each of them; it is written into the copy of the package, and
notes which were come to. Knows text only.
"""

from tests.mutants.slips import Slip

__all__ = ["MODULE", "SWITCH", "with_all"]

MODULE = "_mutants.py"
SWITCH = """\
import os

number = int(os.environ.get("BITMART_BOOK_MUTANT") or 0)
reached = set()


def is_mutant(one):
    reached.add(one)
    return one == number
"""
IMPORT = "from bitmart_book._mutants import is_mutant as _is_mutant\n"
FUTURE = "from __future__ import annotations\n"

Site = tuple[int, int, bool]


def site_of(slip: Slip) -> Site:
    """Where it is, and whether it is an expression."""
    return slip.start, slip.end, slip.after != "pass"


def with_all(text: str, slips: dict[int, Slip]) -> str:
    """The text with every slip in it, by number. A slip may lie within another one."""
    content = text.encode()
    sites: dict[Site, list[int]] = {}
    for number, slip in slips.items():
        sites.setdefault(site_of(slip), []).append(number)

    def render(start: int, end: int, inside: list[Site]) -> bytes:
        parts = b""
        while inside:
            site, *others = inside
            within = [other for other in others if other[0] < site[1]]
            parts += content[start : site[0]] + choose(site, within)
            start, inside = site[1], others[len(within) :]
        return parts + content[start:end]

    def choose(site: Site, within: list[Site]) -> bytes:
        original = render(site[0], site[1], within)
        if site[2]:
            tests = "".join(
                f"({slips[number].after}) if _is_mutant({number}) else " for number in sites[site]
            )
            return b"(" + tests.encode() + b"(" + original + b"))"
        (number,) = sites[site]
        line = content.rfind(b"\n", 0, site[0]) + 1
        indent = content[line : site[0]]
        return f"if _is_mutant({number}): pass\n".encode() + indent + b"else: " + original

    ordered = sorted(sites, key=lambda site: (site[0], -site[1], site[2]))
    changed = render(0, len(content), ordered).decode()
    assert FUTURE in changed
    return changed.replace(FUTURE, FUTURE + IMPORT, 1)
