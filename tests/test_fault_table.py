"""docs/faults.md: every fault of the catalogue has its row, every test it names is there, and the
simulated exchange does what the rows say it does. Its table of states is the compiled one."""

import ast
import functools
import re
from pathlib import Path

import pytest

from bitmart_book._book import _transitions
from bitmart_book.model import BookState
from bitmart_book.sim.faults.kinds import KINDS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text()
CATALOGUE = range(1, 63)
SECTIONS = {"A": range(1, 35), "B": range(35, 54), "C": range(54, 63)}
REASON = re.compile(r"no test: \w.{10,}")
NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+(?:::\w+)?)`")
WORDS = re.compile(r"\(((?:`[a-z]+` ?)+)\)$")


@functools.cache
def names_in(file):
    """The tests of a file: functions, and class::method."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}::{method.name}"
                for method in node.body
                if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef))
            }
    return frozenset(name for name in names if "test_" in name)


def rows(page):
    """(heading, cells) of each numbered row."""
    heading = ""
    for line in page.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif re.match(r"\|\s*[0-9]", line):
            yield heading, [cell.strip() for cell in line.strip().strip("|").split("|")]


def problems(page):
    """What is wrong with the tables of a page, as sentences."""
    found = list(rows(page))
    numbers = [int(cells[0]) for _, cells in found]
    for number in CATALOGUE:
        if numbers.count(number) != 1:
            yield f"row {number} is there {numbers.count(number)} times"
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the rows are not numbered in their order: {numbers}"
    for heading, cells in found:
        number = int(cells[0])
        if number in CATALOGUE and number not in SECTIONS.get(heading[:1], ()):
            yield f"row {number} stands under {heading!r}"
        if len(cells) != 5:
            yield f"row {number} has {len(cells)} cells"
        elif not all(cells):
            yield f"row {number} has an empty cell"
        else:
            yield from problems_of_words(number, cells[1])
            yield from problems_of_tests(number, cells[4])


def problems_of_words(number, cell):
    """Whether a fault is called what the simulated exchange calls it."""
    match = WORDS.search(cell)
    words = set() if match is None else set(match[1].replace("`", "").split())
    expected = {word for word, kind in KINDS.items() if number in kind.rows}
    if words != expected:
        yield f"row {number} has the words {sorted(words)}, the simulation {sorted(expected)}"


def problems_of_tests(number, cell):
    """What is wrong with the last cell of a row."""
    if REASON.fullmatch(cell):
        return
    for entry in cell.split("<br>"):
        name = NAME.fullmatch(entry.strip())
        if name is None:
            yield f"row {number} names no test and gives no reason: {entry!r}"
        elif name[2] not in names_in(name[1]):
            yield f"row {number}: there is no {name[1]}::{name[2]}"


def test_every_fault_has_a_row_and_every_test_it_names_is_there():
    assert list(problems(PAGE)) == []
    named = {(file, name) for file, name in NAME.findall(PAGE)}
    assert [pair for pair in named if pair[1] not in names_in(pair[0])] == []


def test_few_rows_have_only_a_reason():
    reasons = [cells[0] for _, cells in rows(PAGE) if cells[4].startswith("no test:")]
    assert len(reasons) <= 3, reasons


def without(number):
    return re.sub(rf"(?m)^\| {number} .*\n", "", PAGE)


def with_cells(number, change):
    """The page with the five cells of one row changed."""

    def changed(match):
        cells = match[0].strip("|").split("|")
        return "|" + "|".join(change(cells)) + "|"

    return re.sub(rf"(?m)^\| {number} .*\|$", changed, PAGE)


def replaced(old, new):
    assert old in PAGE
    return PAGE.replace(old, new, 1)


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("", "row 1 is there 0 times"),
        (without(17), "row 17 is there 0 times"),
        (with_cells(17, lambda cells: [" 18 ", *cells[1:]]), "row 18 is there 2 times"),
        (replaced("| 63 |", "| 64 |"), "not numbered in their order"),
        (replaced("## B.", "## A."), "row 35 stands under 'A."),
        (with_cells(17, lambda cells: [cells[0], " ", *cells[2:]]), "row 17 has an empty cell"),
        (with_cells(17, lambda cells: [*cells[:4], " "]), "row 17 has an empty cell"),
        (with_cells(17, lambda cells: cells[:4]), "row 17 has 4 cells"),
        (with_cells(17, lambda cells: [*cells[:4], " later "]), "row 17 names no test"),
        (with_cells(17, lambda cells: [*cells[:4], " no test: "]), "row 17 names no test"),
        (replaced("(`gap`)", "(`hole`)"), "row 1 has the words ['hole'], the simulation ['gap']"),
        (replaced("(`absent`)", ""), "row 17 has the words []"),
        (replaced("::test_spot", "::tset_spot"), "row 1: there is no tests/"),
        (
            replaced("tests/book/test_book.py", "tests/book/bok.py"),
            "there is no tests/book/bok.py::",
        ),
        (replaced("`<br>`", "`, `"), "names no test and gives no reason"),
    ],
)
def test_what_is_wrong_with_a_table_is_found(page, problem):
    found = list(problems(page))
    assert any(problem in sentence for sentence in found), found


# --- from state to state ---


def transitions(page):
    """The table of states of a page: {event: {state: next state}}, as words."""
    section = page.partition("## From state to state")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    states = cells[0][2:]
    return states, {
        event: {state: after for state, after in zip(states, row, strict=True) if after != "no"}
        for event, _, *row in cells[2:]
    }


def compiled():
    return {
        event: {str(state): str(after) for state, after in row.items()}
        for event, row in _transitions().items()
    }


def test_the_page_has_the_compiled_transitions():
    states, table = transitions(PAGE)
    assert states == [str(state) for state in BookState]
    assert table == compiled()
    assert list(table) == list(compiled())


def test_a_wrong_transition_on_the_page_is_found():
    _, table = transitions(PAGE.replace("| LIVE |", "| GAP |", 1))
    assert table != compiled()
