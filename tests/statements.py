"""How many statements a task takes here and elsewhere: `python -m tests.statements`.

Counts what docs/coming-from.md shows. Imports do not count, nor does a line that ends with
`# opening`; what is inside of one does. It fails where the table of that page says something else,
or where ours takes more than one statement more than the shortest of the others.
"""

import ast
import re
import sys
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "coming-from.md"
OTHERS = ("ccxt.pro", "cryptofeed", "hummingbot", "NautilusTrader")


def count(code: str) -> int:
    """The statements of a program but imports and what opens it."""
    lines = code.splitlines()
    # Others' code stands inside of a coroutine of theirs.
    tree = (
        ast.parse(code, mode="exec", type_comments=False) if "await" not in code else _inside(code)
    )
    shift = 0 if "await" not in code else 1
    return sum(
        isinstance(node, ast.stmt)
        and not isinstance(node, ast.Import | ast.ImportFrom)
        and node.lineno > shift
        and not lines[node.lineno - 1 - shift].endswith("# opening")
        for node in ast.walk(tree)
    )


def _inside(code: str) -> ast.Module:
    body = "".join(f" {line}\n" for line in code.splitlines())
    return ast.parse(f"async def program():\n{body}")


def sections(page: str) -> dict[str, dict[str, str]]:
    """Of each task the programs, by who they are of: "ours" or one of the others."""
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        ours = re.search(r"```python\n(.*?)```", rest, re.DOTALL)
        assert ours is not None, title
        found[title] = {"ours": ours[1]}
        for name, code in re.findall(r"^(\S+?)[:,][^\n]*\n\n```py\n(.*?)```", rest, re.M | re.S):
            assert name in OTHERS, name
            found[title][name] = code
    return found


def counted(page: str) -> dict[str, dict[str, int]]:
    """The statements of each program of each task."""
    return {
        title: {name: count(code) for name, code in programs.items()}
        for title, programs in sections(page).items()
    }


def rows(found: dict[str, dict[str, int]]) -> list[str]:
    """The lines of the table that the page has to have."""
    return [
        f"| {title} | {' | '.join(str(one.get(name, '-')) for name in ('ours', *OTHERS))} |"
        for title, one in found.items()
    ]


def problems(page: str) -> list[str]:
    """What is not as it ought to be."""
    found = counted(page)
    wrong = [f"the page does not say: {row}" for row in rows(found) if f"{row}\n" not in page]
    for title, one in found.items():
        others = [number for name, number in one.items() if name != "ours"]
        if others and one["ours"] > min(others) + 1:
            wrong.append(f"{title}: ours takes {one['ours']}, the shortest other {min(others)}")
    return wrong


def main() -> int:
    page = PAGE.read_text()
    print("\n".join(rows(counted(page))))
    wrong = problems(page)
    print("\n".join(wrong), file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
