"""What a plot of a book's past is drawn of: no line through a time in which nothing was known."""

import json

import numpy as np
import pytest

import bitmart_book as bb
from bitmart_book.display.track import Span, steps, track
from tests.helpers.frames import spot

START = 1_787_000_000_000_000_000
SECOND = 10**9


def written(path, *frames):
    """A capture of frames, one a second."""
    path.write_text(
        "".join(
            json.dumps({"t": START + number * SECOND, "conn": "a", "frame": frame}) + "\n"
            for number, frame in enumerate(frames)
        )
    )
    return path


def picture(version, bid="1.5", ask="3", symbol="BTC_USDT"):
    return spot("snapshot", version, [(bid, "2")], [(ask, "1")], symbol=symbol)


def seconds(times):
    return [(int(time.astype(np.int64)) - START) / SECOND for time in times]


@pytest.fixture
def gap(tmp_path):
    """LIVE, a gap of two seconds, LIVE again."""
    frames = [picture(4), spot("update", 5, [("1.75", "2")]), spot("update", 9), picture(10)]
    frames.insert(3, spot("update", 9))
    return written(tmp_path / "gap.jsonl", *frames, spot("update", 11, [("2", "1")]))


def test_a_line_ends_where_the_gap_begins_and_the_gap_is_a_span(gap):
    past = track(gap, None, "x()")
    assert past.name == "spot/depth/increase100:BTC_USDT"
    times, mid = steps(past.times, past.lines["mid"])
    drawn = list(zip(seconds(times), mid.tolist(), strict=True))
    # The last value holds until the gap, where the line breaks.
    at = next(place for place, (_, value) in enumerate(drawn) if np.isnan(value))
    assert drawn[:at] == [(0, 2.25), (1, 2.375), (2, 2.375)]
    assert drawn[at][0] == 2
    assert [pair for pair in drawn[at:] if not np.isnan(pair[1])] == [(4, 2.25), (5, 2.5)]
    (span,) = past.spans
    assert seconds([span.begin, span.end]) == [2, 4]
    assert span.state == "GAP"
    assert np.nanmax(past.lines["spread"]) == 1.5


def test_one_book_of_several_is_named(tmp_path):
    both = written(tmp_path / "two.jsonl", picture(4), picture(4, symbol="ETH_USDT"))
    with pytest.raises(bb.UsageError, match=r"symbol='BTC_USDT': BTC_USDT, ETH_USDT$"):
        track(both, None, "x()")
    with pytest.raises(bb.UsageError, match="there is no SOL_USDT in it, but BTC_USDT"):
        track(both, "SOL_USDT", "x()")
    for word in ("ETH_USDT", "spot/depth/increase100:ETH_USDT"):
        assert track(both, word, "x()").name.endswith(":ETH_USDT")


def test_a_line_that_cannot_be_read_is_a_moment_of_its_own(tmp_path):
    path = written(tmp_path / "bad.jsonl", picture(4), spot("update", 5))
    with path.open("a") as file:
        file.write('{"frame"\n' + json.dumps({"t": START + 5 * SECOND, "frame": picture(6)}) + "\n")
    with pytest.warns(UserWarning, match="skipped"):
        past = track(path, None, "x()")
    assert len(past.unreadable) == 1


def test_quotes_that_were_kept_are_a_past_too():
    book = bb.Book("BTC_USDT")
    quotes = [book.quote_in_any_state()]
    book.apply_snapshot([("1", "1")], [("2", "1")], sequence=1)
    quotes.append(book.quote)
    book.apply_delta([("1.5", "1")], [], sequence=2)
    quotes.append(book.quote)
    book.apply_delta([], [], sequence=9)
    quotes.append(book.quote_in_any_state())
    past = track(quotes, None, "x()")
    # Without stamps the places stand for times.
    assert past.times.tolist() == [0, 1, 2, 3]
    assert past.lines["mid"].tolist()[1:3] == [1.5, 1.75]
    assert past.spans == [Span(0, 1, "SYNCING"), Span(3, 3, "GAP")]


@pytest.mark.parametrize(
    ("values", "why"),
    [([], "here is no"), ([bb.Level(1, 2)], "takes a capture, or quotes"), (3, "not of int")],
)
def test_what_has_no_past_is_refused(values, why):
    with pytest.raises(bb.UsageError, match=why):
        track(values, None, "x()")


def test_without_matplotlib_the_command_that_installs_it_is_named(monkeypatch, gap):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    command = r"needs matplotlib: pip install 'bitmart_book\[plot\]'"
    with bb.connect(source=gap) as feed:
        book = feed["BTC_USDT"]
        for draw in (book.plot_depth, lambda: bb.plot_depth(book), lambda: bb.plot_history(gap)):
            with pytest.raises(bb.UsageError, match=command):
                draw()
