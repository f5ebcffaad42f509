"""A notebook, run by a real kernel against the exchange in the box."""

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    "import bitmart_book as bb\nfeed = bb.connect('BTC_USDT', source='sim')",
    "book = feed['BTC_USDT']\nbook",
    "book.best_bid",
    "quotes = [quote.state for _, quote in zip(range(3), book.quotes(timeout=10))]\nquotes",
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
    assert "CLOSED" in shown[4]["text/html"]
