"""The bugs that other hands chose can be read, placed and compiled; `make mutants-others` runs
them."""

import os
import re
import signal
from itertools import groupby

import pytest

from tests.mutants import forked, others
from tests.mutants.build import mutated
from tests.mutants.mutant import PACKAGE
from tests.mutants.others.__main__ import near_tests

PARAGRAPH = """\
some-name @ native/rows.pxi : cdef bint fits(
Harm is done.
"""


@pytest.mark.parametrize("name", others.names())
def test_names_and_sentences(name):
    bugs = others.chosen(name)
    assert len({bug.name for bug in bugs}) == len(bugs) >= 30
    for bug in bugs:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", bug.name)
        assert re.fullmatch(r"[A-Z`].*\.", bug.harm)
        assert bug.original != bug.replacement


@pytest.mark.parametrize("name", others.names())
def test_most_have_their_place_in_the_source(name):
    """The source may move on: they are a measure of their time, and nobody has to mend them."""
    bugs = others.chosen(name)
    there = others.still_there(bugs)
    assert 2 * len(there) > len(bugs)
    for file, group in groupby(sorted(there, key=lambda bug: bug.file), lambda bug: bug.file):
        here = list(group)
        text = mutated(file, (PACKAGE / file).read_text(), here, there)
        assert len(re.findall(r"bb_is_mutant\(\d", text)) == len(here)


def test_a_paragraph_is_lines_or_an_expression():
    lines = others.read(PARAGRAPH + "- if a:\n-     b = 1\n+ pass")
    assert (lines.original, lines.replacement) == ("if a:\n    b = 1\n", "pass\n")
    assert lines[:3] == ("some-name", "Harm is done.", "native/rows.pxi")
    assert lines.where == "cdef bint fits("
    nothing = others.read(PARAGRAPH + "- b = 1")
    assert (nothing.original, nothing.replacement) == ("b = 1\n", "")
    expression = others.read(PARAGRAPH + "< a < 2\n> a <= 2")
    assert (expression.original, expression.replacement) == ("a < 2", "a <= 2")
    with pytest.raises(ValueError, match="not a bug"):
        others.read(PARAGRAPH + "a < 2")
    with pytest.raises(ValueError, match="not a bug"):
        others.read("some-name\nHarm is done.\n- a = 1")


def test_the_near_tests_are_those_of_the_compiled_code():
    tests = near_tests()
    assert len(set(tests)) == len(tests) > 20
    assert "tests/book/test_cimport.py" not in tests


@pytest.mark.parametrize(
    ("ends_by", "longest", "how"),
    [
        (lambda: os._exit(0), 60.0, ""),
        (lambda: os._exit(3), 60.0, ""),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), 60.0, "signal 9"),
        (signal.pause, 0.0, "no end"),
    ],
    ids=["well", "badly", "killed", "never"],
)
def test_how_the_process_of_a_bug_ended(ends_by, longest, how):
    """Of one that ends by itself its own word counts."""
    child = os.fork()
    if child == 0:
        ends_by()
    assert forked.wait(child, longest) == how
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)
