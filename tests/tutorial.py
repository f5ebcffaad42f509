"""Run docs/tutorial.ipynb as a newcomer would: `python -m tests.tutorial [FOLDER]`.

It is run in a folder of its own; the notebook in `docs` keeps no outputs. With FOLDER what was run
is left there, to be looked at.
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "docs" / "tutorial.ipynb"
# What each of these cells must have shown, by its id.
SHOWS = {
    "recording": "ENDED",
    "plot-of-the-capture": "image/png",
    "connecting": "Feed 2 books",
    "one-book": "LIVE",
    "live-ladder": "ENDED",
    "levels": "bid size",
    "plot-of-the-depth": "image/png",
    "sweep": "average price",
    "buying": "BTC",
    "the-account": "open orders",
    "closing": "CLOSED",
}


def run(folder):
    """The notebook, run in that folder. Raises where a cell does."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.execute(cwd=str(folder))
    return notebook


def missing(notebook):
    """Which cells did not show what they must, and which wrote to standard error."""
    for cell in notebook.cells:
        shown = str(cell.get("outputs", ""))
        if cell.id in SHOWS and SHOWS[cell.id] not in shown:
            yield f"{cell.id} does not show {SHOWS[cell.id]!r}"
        if "'name': 'stderr'" in shown and cell.id != "recording":
            yield f"{cell.id} complains: {shown}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        notebook = run(folder)
    if sys.argv[1:]:
        nbformat.write(notebook, Path(sys.argv[1]) / NOTEBOOK.name)
    problems = list(missing(notebook))
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(notebook.cells)} cells were run, and show what they must")


if __name__ == "__main__":
    main()
