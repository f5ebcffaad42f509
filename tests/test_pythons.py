"""Which Pythons and versions `make test PYTHONS=...` would use; it is not run here."""

import re
import sys

import pytest

from tests import pythons

HERE = "{}.{}".format(*sys.version_info[:2])


def test_the_python_that_asks_is_among_them_and_others_are_only_if_they_can_build(monkeypatch):
    monkeypatch.setattr(pythons, "candidates", lambda: iter(["/bin/false", sys.executable]))
    assert pythons.found_pythons() == {HERE: sys.executable}
    assert list(pythons.chosen(["all", HERE])) == [(HERE, sys.executable, ())] * 2
    with pytest.raises(SystemExit, match=rf"no Python 3\.10 .* there is: {re.escape(HERE)}"):
        list(pythons.chosen(["3.10"]))


def test_the_oldest_versions_are_those_of_all_that_is_needed():
    ((name, _, versions),) = pythons.chosen(["oldest"])
    assert name == "oldest"
    assert len(versions) == len(pythons.PROJECT["dependencies"])
    assert "click==8.1" in versions
