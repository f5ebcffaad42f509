"""Pictures by matplotlib: what is drawn, and that a book that is not LIVE is never drawn as one."""

import gzip
import json
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

import bitmart_book as bb
from tests.helpers.frames import spot


@pytest.fixture(autouse=True)
def unseen():
    mpl.use("Agg")
    yield
    pyplot.close("all")


@pytest.fixture
def book():
    made = bb.Book("$BTC$")
    made.apply_snapshot([("2", "1"), ("1.5", "4")], [("3", "2"), ("4", "8")], sequence=1)
    return made


def test_a_depth_is_added_up_from_the_best_price(book):
    axes = bb.plot_depth(book)
    bids, asks = (np.column_stack(line.get_data()).tolist() for line in axes.lines)
    assert bids == [[2, 0], [2, 1], [1.5, 5]]
    assert asks == [[3, 0], [3, 2], [4, 10]]
    assert axes.get_title(loc="left") == "$BTC$"
    assert axes.get_ylabel() == "size (contracts)"
    axes.figure.canvas.draw()
    assert bb.plot_depth(book.depth(1, exact=True), axes=axes) is axes
    assert len(bb.plot_depth(book, 1).lines[0].get_xdata()) == 2


def test_what_is_not_live_is_refused_and_a_copy_is_grey_and_says_so(book):
    colours = {line.get_color() for line in bb.plot_depth(book).lines}
    book.apply_delta([], [], sequence=9)
    with pytest.raises(bb.BookNotLive):
        bb.plot_depth(book)
    axes = bb.plot_depth(book.peek())
    assert "GAP: last known values, not to be trusted" in axes.get_title(loc="left")
    assert not colours & {line.get_color() for line in axes.lines}


def test_what_is_no_book_and_what_is_empty():
    with pytest.raises(bb.UsageError, match="not int"):
        bb.plot_depth(3)
    empty = bb.Book("A_B")
    empty.apply_snapshot([], [], sequence=1)
    assert len(bb.plot_depth(empty).lines) == 0


def test_a_past_breaks_at_a_gap_which_is_a_shade_that_is_named(tmp_path):
    frames = [
        spot("snapshot", 4, [("1", "1")], [("3", "1")]),
        spot("update", 9),
        spot("snapshot", 10, [("2", "1")], [("3", "1")]),
        spot("update", 11, [("2.5", "1")]),
    ]
    path = tmp_path / "capture.jsonl"
    path.write_text(
        "".join(
            json.dumps({"t": 1_787_000_000_000_000_000 + n * 10**9, "conn": "a", "frame": f}) + "\n"
            for n, f in enumerate(frames)
        )
    )
    top, bottom = bb.plot_history(path)
    assert np.isnan(top.lines[0].get_ydata()).sum() == 1
    assert np.isnan(bottom.lines[0].get_ydata()).sum() == 1
    words = [text.get_text() for text in top.get_legend().get_texts()]
    assert words == ["mid", "bid to ask", "GAP"]
    assert bottom.get_xlabel() == "time (UTC)"
    top.figure.canvas.draw()
    assert bb.plot_history(path, axes=(top, bottom)) == (top, bottom)


def test_quotes_without_stamps_are_drawn_by_their_places(book):
    top, bottom = bb.plot_history([book.quote, book.quote])
    assert bottom.get_xlabel() == "change"
    top.figure.canvas.draw()


def test_the_plot_of_the_quick_start_is_made(tmp_path, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "quick-start.md"
    (code,) = re.findall(r"^```py\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    frames = [spot("snapshot", 4, [("1.5", "2")], [("3", "1")]), spot("update", 5, [("2", "1")])]
    lines = [json.dumps({"t": n, "conn": "a", "frame": one}) for n, one in enumerate(frames)]
    with gzip.open("frames.jsonl.gz", "wt") as file:
        file.write("\n".join(lines))
    exec(compile(code, page.name, "exec"), {})
    assert (tmp_path / "spread.png").stat().st_size > 1000
