"""A notebook, run by a real kernel against the exchange in the box."""

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    "import bitmart_book as bb\nfeed = bb.connect('BTC_USDT', source='sim')",
    "book = feed['BTC_USDT']\nbook",
    "book.best_bid",
    "quotes = [quote.state for _, quote in zip(range(3), book.quotes(timeout=10))]\nquotes",
    "book.ladder(seconds=0.3)",
    "book.depth(3)",
    "import IPython.core.completer as completer\nwith completer.provisionalcompleter():\n"
    "    found = [one.text for one in get_ipython().Completer.completions('feed[\"', 6)]\nfound",
    "feed.close()\nbook",
]


@pytest.mark.filterwarnings("default")  # of the notebook's own machinery
def test_a_notebook_shows_ladders():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    # A machine that stands still makes the feed say so, in an output of its own.
    data = [[one["data"] for one in cell.outputs if "data" in one] for cell in notebook.cells]
    shown = [found[-1] if found else {} for found in data]
    assert "LIVE" in shown[1]["text/html"]
    assert "BTC_USDT" in shown[1]["text/html"]
    assert shown[1]["text/plain"].startswith("<Book spot/depth/increase100:BTC_USDT LIVE")
    assert shown[2]["text/plain"].startswith("Level(price=")
    assert shown[3]["text/plain"].count("BookState.LIVE") == 3
    # One output, which was replaced by its last page.
    assert len(notebook.cells[4].outputs) == 1
    assert "ENDED" in shown[4]["text/html"]
    assert "the ladder has ended" in shown[4]["text/plain"]
    assert shown[5]["text/html"].count("<tr") == 4
    assert "BTC_USDT" in shown[6]["text/plain"]
    assert "CLOSED" in shown[7]["text/html"]
