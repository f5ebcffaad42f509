"""Pictures of books by matplotlib, which only they need: a depth, and a book's past.

Colours are translucent and texts are left as they are, so that a picture fits a light page and a
dark one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bitmart_book._book import Book, Depth
from bitmart_book.display.libraries import library
from bitmart_book.display.markup import BADGES, clean
from bitmart_book.display.track import Track, steps, track
from bitmart_book.errors import UsageError
from bitmart_book.model import BookState

__all__ = ["plot_depth", "plot_history"]

# As in the ladder; where nothing but colour tells, it is neither red nor green.
_BID, _ASK, _OLD = "#2da44e", "#f85149", "#8b949e"
# That of LIVE, since a line is there only where the book was.
_MID = _BID
_LEVELS = 50


def plot_depth(book: Book | Depth[Any], levels: int | None = None, *, axes: Any = None) -> Any:
    """Draw what rests on both sides, added up from the best price; returns matplotlib's Axes.

    book: a book, one that `peek` or `net` made, or a `Depth`. levels: of each side, 50 of a book
    and all of a depth where none are said. axes: where to draw; new ones otherwise. Prices are in
    the quote currency, sizes in the base currency, or in contracts where the book counts these.

    Raises BookNotLive as `book.depth` does; a copy that `book.peek()` made can be drawn in any
    state, is grey then, and says so. UsageError without matplotlib.

    >>> axes = bb.plot_depth(book, 20)  # doctest: +SKIP
    """
    pyplot = library("matplotlib.pyplot", "plot_depth()")
    title, unit, is_live = "depth", "size", True
    if isinstance(book, Depth):
        depth = book
    elif isinstance(book, Book):
        depth = book.depth(_LEVELS if levels is None else levels)
        is_live = book.state == BookState.LIVE
        said = "" if is_live else f" {book.state}: last known values, not to be trusted"
        title = f"{clean(book.symbol)}{said}"
        unit = "size (contracts)" if book.unit == "contracts" else "size (base currency)"
    else:
        raise UsageError(f"plot_depth() takes a book or a depth, and not {type(book).__name__}")
    if axes is None:
        axes = pyplot.subplots(figsize=(8, 3.5), layout="constrained")[1]
    for name, side, colour in (("bids", depth.bids, _BID), ("asks", depth.asks, _ASK)):
        rows = np.array([(float(p), float(s)) for p, s in side[:levels]]).reshape(-1, 2)
        if not len(rows):
            continue
        prices = np.r_[rows[0, 0], rows[:, 0]]
        sizes = np.r_[0.0, np.cumsum(rows[:, 1])]
        shown = colour if is_live else _OLD
        axes.step(prices, sizes, where="post", color=shown, label=name, linewidth=1.2)
        axes.fill_between(prices, sizes, step="post", color=shown, alpha=0.25, linewidth=0)
    axes.set_title(title, loc="left", parse_math=False)
    axes.set_xlabel("price (quote currency)")
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    if len(depth.bids) or len(depth.asks):
        axes.legend(frameon=False)
    return axes


def plot_history(values: Any, symbol: str | None = None, *, axes: Any = None) -> Any:
    """Draw the past of a book: mid and spread, and each time in which it was not LIVE as a shade.

    values: the path of a capture, or several, read one after the other; or quotes that were kept.
    symbol: which book, where there are several: a symbol or a topic. axes: two of them, for the mid
    and the spread; new ones otherwise. Returns both. Lines break where the book was not LIVE. Times
    are those of receipt in UTC, or the venue's where these are not there.

    Raises UsageError without matplotlib, for a file that is no capture, and where it is not clear
    which book is meant. What cannot be read of a capture is a warning, and a dotted line.

    >>> mid, spread = bb.plot_history("frames.jsonl.gz")  # doctest: +SKIP
    """
    pyplot = library("matplotlib.pyplot", "plot_history()")
    past = track(values, symbol, "plot_history()")
    if axes is None:
        shape = {"height_ratios": (3, 1), "figsize": (9, 4.5), "layout": "constrained"}
        axes = pyplot.subplots(2, 1, sharex=True, **shape)[1]
    top, bottom = axes
    times, mid = steps(past.times, past.lines["mid"])
    top.plot(times, mid, drawstyle="steps-post", color=_MID, linewidth=1, label="mid")
    # Where there is no mid a side is empty, and nothing lies between.
    between = ~np.isnan(past.lines["mid"])
    _, bid = steps(past.times, np.where(between, past.lines["bid"], np.nan))
    _, ask = steps(past.times, np.where(between, past.lines["ask"], np.nan))
    top.fill_between(
        times, bid, ask, step="post", color=_MID, alpha=0.25, linewidth=0, label="bid to ask"
    )
    times, spread = steps(past.times, past.lines["spread"])
    bottom.plot(times, spread, drawstyle="steps-post", color=_MID, linewidth=1)
    _shade((top, bottom), past)
    # The legend stands between the title and the picture, and hides nothing.
    top.set_title(clean(past.name), loc="left", pad=24, parse_math=False)
    top.set_ylabel("mid (quote currency)")
    bottom.set_ylabel("spread")
    bottom.set_ylim(bottom=0)
    top.ticklabel_format(axis="y", useOffset=False, style="plain")
    _time_axis(bottom, past.times)
    top.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=8, frameon=False, borderaxespad=0.2)
    return top, bottom


def _shade(both: tuple[Any, Any], past: Track) -> None:
    """The times in which the book was not LIVE, in the colours of their states; each is named once,
    and is at least a hair wide."""
    named: set[str] = set()
    for span in past.spans:
        colour = BADGES.get(span.state, _OLD)
        for place, one in enumerate(both):
            label = None if place or span.state in named else span.state
            one.axvspan(span.begin, span.end, color=colour, alpha=0.3, linewidth=0.8, label=label)
        named.add(span.state)
    for place, time in enumerate(past.unreadable):
        for one in both:
            label = None if place or one is not both[0] else "unreadable line"
            one.axvline(time, color=_OLD, linestyle=":", label=label)


def _time_axis(axes: Any, times: Any) -> None:
    if times.dtype.kind != "M":
        axes.set_xlabel("change")
        return
    dates = library("matplotlib.dates", "plot_history()")
    locator = dates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    axes.set_xlabel("time (UTC)")
