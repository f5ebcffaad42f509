"""docs/tutorial.ipynb as it is kept: without outputs, and with what it promises. It is run by
`make notebook`."""

import ast
import json
import re

import nbformat
import pytest

from tests.tutorial import NOTEBOOK, SHOWS, missing

TUTORIAL = nbformat.read(NOTEBOOK, as_version=4)
CODE = [cell for cell in TUTORIAL.cells if cell.cell_type == "code"]


def test_it_is_a_notebook_without_outputs():
    nbformat.validate(TUTORIAL)
    kept = json.loads(NOTEBOOK.read_text())
    assert set(kept["metadata"]) == {"kernelspec", "language_info"}
    for cell in CODE:
        assert cell.outputs == []
        assert cell.execution_count is None


def test_what_must_be_shown_is_of_cells_that_there_are():
    names = [cell.id for cell in TUTORIAL.cells]
    assert len(set(names)) == len(names)
    assert set(SHOWS) <= {cell.id for cell in CODE}


@pytest.mark.parametrize("cell", CODE, ids=lambda cell: cell.id)
def test_each_cell_is_python_and_needs_no_venue(cell):
    ast.parse(cell.source)
    assert not re.search(r"/(home|tmp|work)/", cell.source)
    assert "connect(" not in cell.source or "source=" in cell.source


def test_from_a_capture_to_a_plot_in_three_lines():
    (cell,) = [cell for cell in CODE if cell.id == "plot-of-the-capture"]
    assert len(cell.source.splitlines()) <= 3
    assert cell.source.startswith("import bitmart_book as bb")


def test_it_shows_what_was_asked_for():
    text = "".join(cell.source for cell in CODE)
    for word in (
        "record=",
        "plot_history",
        ".ladder(",
        "plot_depth",
        ".sweep(",
        ".fills(",
        ".account",
    ):
        assert word in text, word


def test_a_cell_that_does_not_show_what_it_must_is_named():
    cell = nbformat.v4.new_code_cell("1")
    cell.id = "sweep"
    assert list(missing(nbformat.v4.new_notebook(cells=[cell]))) == [
        "sweep does not show 'average price'"
    ]
