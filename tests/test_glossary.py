"""docs/glossary.md: each word once, and every name in it can be found."""

import ast
import re
from collections import Counter
from pathlib import Path

import bitmart_book as bb

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "glossary.md").read_text()
ROWS = re.findall(r"^\| (?!word )([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
NAME = re.compile(r"`([A-Z]\w+(?:\.\w+)?|[a-z]+)`")


def defined(node, prefix=""):
    """The names that a text defines: classes, functions, constants, and what is in a class."""
    for item in ast.iter_child_nodes(node):
        if isinstance(item, ast.ClassDef):
            yield prefix + item.name
            yield from defined(item, f"{item.name}.")
        elif isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + item.name
        elif isinstance(item, ast.AnnAssign | ast.Assign):
            targets = [item.target] if isinstance(item, ast.AnnAssign) else item.targets
            yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


def names_in_source():
    found = set()
    for folder in ("bitmart_book", "tests/mutants", "tests/simulation"):
        for path in (ROOT / folder).rglob("*.py"):
            found.update(defined(ast.parse(path.read_text())))
    for name, kind in vars(bb._book).items():
        found.add(name)
        if isinstance(kind, type):
            found.update(f"{name}.{member}" for member in vars(kind))
            found.update(vars(kind))
    return found


def test_every_name_exists():
    names = {name for _, meaning in ROWS for name in NAME.findall(meaning)}
    assert len(names) > 45
    assert names - names_in_source() == set()


def test_every_word_stands_once_and_has_one_meaning():
    assert len(ROWS) > 80
    words = Counter(word.strip() for row, _ in ROWS for word in row.split(","))
    assert [word for word, count in words.items() if count > 1] == []


def test_a_name_explains_one_word():
    names = Counter(name for _, meaning in ROWS for name in NAME.findall(meaning)[:1])
    assert [name for name, count in names.items() if count > 1] == []
