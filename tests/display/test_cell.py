"""The ladder that lives in a cell: current while it runs, and at its end never taken for live."""

import asyncio
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

import bitmart_book as bb
from bitmart_book.display import cell
from bitmart_book.display.cell import cell_of_this_notebook, ladders
from tests.helpers.frames import spot

BADGE = 'font-weight:bold">LIVE<'
GREEN = "rgba(46,160,67"


class Output:
    """A notebook's cell: what it showed, one after the other."""

    def __init__(self):
        self.pages = []
        self.made = 0

    def __call__(self, data):
        self.made += 1
        self.update(data, raw=True)
        return self

    def update(self, data, *, raw):
        assert raw
        self.pages.append(data)

    @property
    def html(self):
        return self.pages[-1]["text/html"]

    @property
    def text(self):
        return self.pages[-1]["text/plain"]


@pytest.fixture
def moment():
    """A clock, a live book by it, and an output."""
    now = [0]
    engine = bb.Engine(clock=lambda: now[0])
    engine.apply(spot("snapshot", 4, [("1.5", "2")], [("3", "1")]))
    return SimpleNamespace(now=now, engine=engine, book=engine["BTC_USDT"], out=Output())


def shown(moment, *, seconds=1.0, levels=5, over=lambda: False):
    return ladders(
        moment.book,
        moment.out,
        seconds=seconds,
        levels=levels,
        now=lambda: moment.now[0] / 1e9,
        is_over=over,
        wall=lambda: datetime(2026, 1, 2, 3, 4, 5, 670_000, tzinfo=UTC),
    )


def test_one_output_is_replaced_and_the_last_one_says_that_it_is_over(moment):
    for pause in shown(moment):
        assert 0 < pause <= 0.2
        assert BADGE in moment.out.html
        assert "at 03:04:05.6 UTC" in moment.out.html
        moment.now[0] += int(pause * 1e9) + 1
    assert moment.out.made == 1
    assert 6 <= len(moment.out.pages) <= 8
    assert "ENDED" in moment.out.html
    assert "was LIVE at 03:04:05 UTC" in moment.out.html
    assert BADGE not in moment.out.html
    assert GREEN not in moment.out.html
    assert "the ladder has ended" in moment.out.text


def test_each_page_is_of_its_moment(moment):
    pages = shown(moment)
    next(pages)
    moment.engine.apply(spot("update", 5, [("1.75", "2")], []))
    next(pages)
    assert "1.75" in moment.out.html
    assert moment.out.text.startswith("BTC_USDT LIVE | bid 1.75 x 2")
    pages.close()


def test_a_book_that_is_not_live_is_never_shown_as_live(moment):
    pages = shown(moment)
    next(pages)
    moment.now[0] += 60 * 10**9  # nothing has confirmed it
    for _ in pages:
        raise AssertionError("the time is over")
    before = moment.out.pages[-2]["text/html"]
    assert "STALE" in before
    assert "not to be trusted" in before
    assert BADGE not in before
    assert GREEN not in before
    assert "was STALE" in moment.out.html


def test_it_ends_early_by_who_closes_it_and_with_its_book(moment):
    pages = shown(moment, seconds=None)
    next(pages)
    pages.close()  # as Ctrl-C does
    assert "ENDED" in moment.out.html
    over = iter([False, True])
    assert len(list(shown(moment, seconds=None, over=lambda: next(over)))) == 1
    moment.engine.close_book(moment.book)
    assert list(shown(moment, seconds=None)) == []
    assert "was CLOSED" in moment.out.html


def test_where_nothing_replaces_it_the_page_fades_by_itself(moment):
    next(shown(moment))
    assert "3s forwards" in moment.out.pages[0]["text/html"]
    assert "this is old" in moment.out.pages[0]["text/html"]
    assert "@keyframes" not in moment.out.pages[-1]["text/html"]  # closed: over, and said so


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": "1"}, {"levels": 0}])
def test_what_cannot_be_is_refused_before_anything_is_shown(moment, wrong):
    with pytest.raises(bb.UsageError, match="must be"):
        next(shown(moment, **wrong))
    assert moment.out.pages == []


# --- which notebook ---


def with_shell(monkeypatch, shell):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


class TerminalInteractiveShell:
    """IPython in a terminal."""


def test_without_a_notebook_a_sentence_says_what_there_is(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    with pytest.raises(bb.UsageError, match="bitmart-book watch BTC_USDT"):
        cell_of_this_notebook("BTC_USDT")
    for shell in (None, TerminalInteractiveShell()):
        with_shell(monkeypatch, shell)
        with pytest.raises(bb.UsageError, match="no notebook runs here"):
            cell_of_this_notebook("BTC_USDT")


def test_in_a_notebook_its_display_is_used(monkeypatch):
    out = Output()

    def display(data, *, raw, display_id):
        assert (raw, display_id) == (True, True)
        return out(data)

    with_shell(monkeypatch, object())
    module = SimpleNamespace(display=display)
    monkeypatch.setattr(cell, "library", lambda name, _: {"IPython.display": module}[name])
    assert cell_of_this_notebook("A")({"text/html": "x"}) is out


# --- both faces ---


@pytest.fixture
def notebook(monkeypatch):
    """This is a notebook, with that output."""
    out = Output()
    monkeypatch.setattr(cell, "cell_of_this_notebook", lambda symbol: out)
    return out


def test_both_faces_have_one(notebook, tmp_path):
    path = tmp_path / "capture.jsonl"
    path.write_text(spot("snapshot", 4, [("1.5", "2")], [("3", "1")]) + "\n")
    with bb.connect(source=path) as feed:
        assert feed["BTC_USDT"].ladder(seconds=None, levels=3) is None
    assert "was LIVE" in notebook.html
    notebook.pages.clear()

    async def work():
        async with bb.Feed(source=path) as feed:
            book = await feed.subscribe("BTC_USDT")
            await feed.finished()
            await book.ladder(seconds=None)

    asyncio.run(work())
    assert "1.5" in notebook.html
    assert "ENDED" in notebook.html


def test_an_interrupted_ladder_says_that_it_has_ended(notebook, monkeypatch, tmp_path):
    path = tmp_path / "capture.jsonl"
    path.write_text(spot("snapshot", 4, [("1.5", "2")], [("3", "1")]) + "\n")
    with bb.connect(source=path) as feed:
        monkeypatch.setattr(feed["BTC_USDT"].hub, "at_end", lambda function: None)

        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("bitmart_book.feed.blocking._within", interrupted)
        with pytest.raises(KeyboardInterrupt):
            feed["BTC_USDT"].ladder(seconds=None)
    assert "ENDED" in notebook.html
