"""The mistakes that a machine makes for `make mutants-sampled`: which, where, and drawn how."""

import ast
from types import SimpleNamespace

import pytest

from tests.mutants.sampled import NEAR, texts
from tests.mutants.slips import draw, slips
from tests.mutants.together import IMPORT, with_all

CODE = '''
"""Nothing of a sentence changes: 1 < 2."""
LIMIT: int = 5


def decide(price, seen):
    if price < LIMIT and seen:
        seen.clear()
        return
    self.count = max(price, 0)
    raise ValueError("not", 3 < 4)
'''


def made(kind):
    return [slip.made_in(CODE) for slip in slips(CODE) if slip.kind == kind]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("boundary", ["if (price <= LIMIT) and seen:"]),
        ("and-or", ["if (price < LIMIT or seen):"]),
        ("forgotten", ["if (price < LIMIT):", "if (seen):"]),
        ("turned", ["if (not (price < LIMIT and seen)):"]),
        ("left-out", ["pass", "pass", "pass"]),
        ("extreme", ["self.count = (min(price, 0))"]),
        ("constant", ["LIMIT: int = (6)", "self.count = max(price, (1))"]),
    ],
)
def test_each_kind_changes_one_place(kind, lines):
    changed = []
    for text in made(kind):
        pairs = zip(CODE.splitlines(), text.splitlines(), strict=True)
        changed += [after.strip() for before, after in pairs if before != after]
    assert sorted(changed) == sorted(lines)


def test_what_is_drawn_is_python_and_different():
    files = texts()
    assert {file.partition("/")[0] for file in files} == set(NEAR)
    for file, slip in draw(files, 60, seed=3):
        text = slip.made_in(files[file])
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(files[file]))


def test_the_same_seed_draws_the_same_and_another_seed_others():
    files = {"a.py": CODE, "b.py": CODE.replace("price", "size")}
    assert draw(files, 12, seed=1) == draw(files, 12, seed=1)
    assert draw(files, 12, seed=1) != draw(files, 12, seed=2)
    assert len(set(draw(files, 12, seed=1))) == 12


def test_each_file_is_drawn_from_as_often_as_the_others():
    files = {"long.py": CODE * 20, "short.py": CODE}
    drawn = [file for file, _ in draw(files, 10, seed=1)]
    assert drawn.count("long.py") == drawn.count("short.py") == 5


def test_more_than_there_are_is_all_there_are():
    assert len(draw({"a.py": CODE}, 1_000, seed=1)) == len(slips(CODE))


def test_all_slips_of_a_file_can_stand_in_it_at_once():
    """Chosen by a number while it runs: each does what it does alone, and none of them nothing."""
    text = f"from __future__ import annotations\n{CODE}"
    found = dict(enumerate(slips(text), 1))
    together = with_all(text, found)
    for number in [0, *found]:
        alone = found[number].made_in(text) if number else text
        for price in (4, 5, 6):
            for seen in ([], [1]):
                assert outcome(together, number, price, seen) == outcome(alone, 0, price, seen)


def outcome(text, number, price, seen):
    """What the function does, and what is there afterwards."""
    names = {"self": SimpleNamespace(count=None), "_is_mutant": lambda one: one == number}
    exec(compile(text.replace(IMPORT, ""), "slips", "exec"), names)
    seen = list(seen)
    try:
        given = names["decide"](price, seen)
    except ValueError as error:
        given = error.args
    return given, seen, names["self"].count, names["LIMIT"]


def test_every_slip_of_the_code_that_decides_can_stand_beside_the_others():
    for text in texts().values():
        ast.parse(with_all(text, dict(enumerate(slips(text), 1))))
