"""The table of seeded bugs fits the source, the tests and the page; `make mutants` runs them."""

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.mutants import page
from tests.mutants.build import mutated, rewrite
from tests.mutants.mutant import PACKAGE, Mutant, SiteError, find
from tests.mutants.table import MUTANTS

ROOT = Path(__file__).parent.parent
NAMES = [mutant.name for mutant in MUTANTS]


def source(mutant):
    return (PACKAGE / mutant.file).read_text()


@functools.cache
def names_in(path):
    """What a test file defines at its top: functions, classes, and cases made by assignment."""
    names = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def is_expression(text):
    """Whether a text can stand in brackets of its own, as it does in the copy with all bugs: as far
    as that can be told of Cython without compiling it."""
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", "s", text)
    while re.search(r"\([^()]*\)|\[[^][]*\]|\{[^{}]*\}", bare):
        bare = re.sub(r"\([^()]*\)|\[[^][]*\]|\{[^{}]*\}", "b", bare)
    statement = r"[][(){}]|\n(?!\s*(and|or|if|else)\b)|(?<![=!<>])=(?!=)"
    statement += r"|^(pass|break|continue|return|raise|del)\b"
    return not re.search(rf"{statement}|\b(and|or|not|in|is|if|else)$", bare)


def is_statement(text, site):
    """Whether a site is all of a line that continues no other one."""
    before, line = text[: site.start].rpartition("\n")[::2]
    rest = text[site.end :].partition("\n")[0]
    continued = re.search(r"([(\[{,]|\b(and|or|not))$", before)
    return not line.strip() and not rest.strip() and not continued


@pytest.mark.parametrize(
    ("text", "can_stand"),
    [
        ("a < b", True),
        ("f(x=1) + [i for i in b]", True),
        ("'(' in text", True),
        ("f(\n    a,\n)", True),
        ("<int> a == b", True),
        ("a < b\n    or b < c", True),
        ("a < b and", False),
        ("pass", False),
        ("a = 1", False),
        ("a += 1", False),
        ("f(a)\nf(b)", False),
        ("(a", False),
    ],
)
def test_what_can_stand_in_brackets(text, can_stand):
    assert is_expression(text) is can_stand


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_each_bug_has_its_place_in_the_source(mutant):
    site = find(mutant, source(mutant))
    assert mutant.replacement != mutant.original
    assert mutant.replacement in ("", "False", "True") or (
        mutant.replacement.endswith("\n") == mutant.original.endswith("\n")
    )
    if mutant.original.endswith("\n"):
        for text in (mutant.original, mutant.replacement):
            assert not text.rstrip().endswith(":"), "the head of a statement needs its body"
    else:
        for text in (mutant.original, mutant.replacement):
            assert is_expression(text), text
        assert not is_statement(source(mutant), site), "a whole statement ends with its line"


def is_choice(test):
    return isinstance(test, ast.Compare) and ast.unparse(test).startswith("_mutant == ")


class NoneOfThem(ast.NodeTransformer):
    """What the copy with all bugs does when none of them was chosen."""

    def visit_IfExp(self, node):
        self.generic_visit(node)
        return node.orelse if is_choice(node.test) else node

    def visit_If(self, node):
        self.generic_visit(node)
        return node.orelse if is_choice(node.test) else node

    def visit_BoolOp(self, node):
        """One row of conditions, whatever brackets stand in it."""
        self.generic_visit(node)
        parts = []
        for part in node.values:
            same = isinstance(part, ast.BoolOp) and type(part.op) is type(node.op)
            parts += part.values if same else [part]
        return ast.BoolOp(node.op, parts)

    def visit_Import(self, node):
        return None if node.names[0].asname == "_mutant_os" else node

    def visit_Assign(self, node):
        self.generic_visit(node)
        return None if ast.unparse(node.targets[0]) == "_mutant" else node


@pytest.mark.parametrize("file", sorted({m.file for m in MUTANTS if m.file.endswith(".py")}))
def test_the_rewritten_file_does_the_same_where_no_bug_was_chosen(file):
    """As it would not with a place inside a text."""
    mutants = [mutant for mutant in MUTANTS if mutant.file == file]
    before = source(mutants[0])
    text = mutated(file, before, mutants)
    assert text.count("_mutant == ") == len(mutants)
    after, plain = (NoneOfThem().visit(ast.parse(code)) for code in (text, before))
    assert ast.dump(after) == ast.dump(plain)


def test_names_and_sentences():
    assert len(set(NAMES)) == len(NAMES)
    for mutant in MUTANTS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", mutant.name)
        assert re.fullmatch(r"[A-Z`].*\.", mutant.harm)
        assert "|" not in mutant.harm


def test_a_few_are_tried_on_every_change():
    assert sum(mutant.quick for mutant in MUTANTS) == 8


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_the_tests_that_are_meant_to_notice_exist(mutant):
    for test in mutant.tests.split():
        path, _, name = test.partition("::")
        assert not name or name.partition("[")[0].partition("::")[0] in names_in(path)


def test_the_page_lists_exactly_these_bugs():
    rows = page.rows()
    assert [row[0] for row in rows] == NAMES
    assert [row[1] for row in rows] == [mutant.harm for mutant in MUTANTS]
    assert f"the\n{len(MUTANTS)} bugs" in page.PAGE.read_text()
    for _, _, by in rows:
        path, name = by.strip("`").split("::", 1)
        assert name.partition("::")[0] in names_in(f"tests/{path}"), f"there is no {by}"


# --- how the source is rewritten ---

TEXT = """\
def first():
    a = 1
    if a < 2:
        return a
    return 0


def second():
    if a < 2:
        return b
"""


def mutant(original, replacement, where="", number=1):
    return Mutant(str(number), "", "x.py", original, replacement, "", where)


@pytest.fixture
def numbers_are_names(monkeypatch):
    monkeypatch.setattr("tests.mutants.build.number_of", lambda mutant, table: mutant.name)


def test_an_expression_becomes_a_choice(numbers_are_names):
    text = rewrite(TEXT, [mutant("a < 2", "a <= 2", "def second(")], "m == {}")
    assert text == TEXT.replace(
        "if a < 2:\n        return b", "if ((a <= 2) if m == 1 else (a < 2)):\n        return b"
    )


def test_lines_become_branches_and_may_hold_another_site(numbers_are_names):
    lines = mutant("if a < 2:\n    return a\n", "")
    other = mutant("if a < 2:\n    return a\n", "a = 3\n", number=2)
    inside = mutant("return a\n", "return 7\n", number=3)
    text = rewrite(TEXT, [lines, other, inside], "m == {}")
    assert text.partition("    return 0")[0] == (
        "def first():\n"
        "    a = 1\n"
        "    if m == 1:\n"
        "        pass\n"
        "    elif m == 2:\n"
        "        a = 3\n"
        "    else:\n"
        "        if a < 2:\n"
        "            if m == 3:\n"
        "                return 7\n"
        "            else:\n"
        "                return a\n"
    )
    ast.parse(text)


@pytest.mark.parametrize(
    ("original", "where"),
    [("a < 2", ""), ("a < 3", ""), ("a < 2", "def third("), ("return b", "def first(")],
)
def test_a_text_that_is_not_there_once_is_an_error(original, where):
    with pytest.raises(SiteError):
        find(mutant(original, "x", where), TEXT)
