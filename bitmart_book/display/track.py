"""What a plot of a book's past is drawn of: lines that break where nothing was known, and spans.

Of a capture, or of quotes that were kept. A line never goes on through a time in which its book was
not LIVE; that time is a span with its state. Knows numpy and no library that draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitmart_book.display.columns import NONE, Column
from bitmart_book.display.tables import pieces
from bitmart_book.errors import UsageError

__all__ = ["LINES", "Span", "Track", "steps", "track"]

LINES = ("bid", "ask", "mid", "spread")
_LIVE = "LIVE"


class Span(NamedTuple):
    """A time in which the book could not be read."""

    begin: Any
    end: Any
    state: str


class Track(NamedTuple):
    """The past of one book. `lines` have NaN wherever the book was not LIVE or a side was empty."""

    name: str
    times: NDArray[Any]
    """Each with the values that held from then on: datetime64[ns], UTC; or places, from 0, where
    nothing has a stamp."""
    lines: dict[str, NDArray[np.float64]]
    spans: list[Span]
    unreadable: NDArray[Any]
    """When something came of which nobody can say what it was about."""


def track(values: Any, symbol: str | None, wanted_by: str) -> Track:
    """The past of one book, of a capture or of quotes. UsageError where that is of several books
    and none is said, or of none."""
    found = [_whole(columns) for columns in pieces(values, None)]
    missing = {*LINES, "state", "symbol"} - set(found[0])
    if missing:
        raise UsageError(f"{wanted_by} takes a capture, or quotes; here is no {min(missing)}")
    table = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    names = _names(table)
    chosen = _choose(names, symbol, wanted_by)
    times = _times(table)
    mine = names == chosen
    spans = _spans(times[mine], table["state"][mine])
    live = table["state"][mine] == _LIVE
    lines = {name: np.where(live, table[name][mine], np.nan) for name in LINES}
    # A row that is of no book is a line of a capture that could not be read.
    return Track(chosen, times[mine], lines, spans, times[names == ""])


def _whole(columns: Iterable[Column]) -> dict[str, NDArray[Any]]:
    found = {}
    for column in columns:
        if column.kind == "word":
            found[column.name] = np.array([*column.words, ""], dtype=object)[column.values]
        elif column.kind == "text":
            found[column.name] = np.array([one or "" for one in column.values], dtype=object)
        else:
            found[column.name] = np.asarray(column.values)
    return found


def _names(table: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Whose row each is: a topic of a capture, and of quotes, which have no channel, a symbol."""
    if "channel" not in table:
        return table["symbol"]
    return np.where(table["symbol"] == "", "", table["channel"] + ":" + table["symbol"])


def _choose(names: NDArray[Any], symbol: str | None, wanted_by: str) -> str:
    there = [str(name) for name in dict.fromkeys(names.tolist()) if name]
    symbols = [name.rpartition(":")[2] for name in there]
    fitting = [
        name
        for name, bare in zip(there, symbols, strict=True)
        if symbol is None or symbol in (name, bare)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if len(set(symbols)) == len(there):
        # Shorter, and clear enough.
        there, fitting = symbols, fitting and symbols
    listed = ", ".join((fitting or there)[:8]) + (", ..." if len(fitting or there) > 8 else "")
    if not there:
        raise UsageError(f"{wanted_by}: there is no book in it")
    if not fitting:
        raise UsageError(f"{wanted_by}: there is no {symbol} in it, but {listed}")
    raise UsageError(
        f"{wanted_by} draws one book; say which, as in symbol={fitting[0]!r}: {listed}"
    )


def _times(table: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """When each row came; by the venue's stamps where nobody has noted that."""
    for name in ("ts_recv", "ts_event"):
        stamps = table.get(name)
        if stamps is not None and stamps.dtype == np.int64 and (stamps != NONE).all():
            return stamps.view("M8[ns]")
    return np.arange(len(table["symbol"]))


def _spans(times: NDArray[Any], states: NDArray[Any]) -> list[Span]:
    """The runs of rows with one state that is not LIVE, each until the row after it."""
    begins = np.flatnonzero(np.r_[True, states[1:] != states[:-1]])
    ends = [*begins[1:], len(times) - 1]
    return [
        Span(times[begin], times[end], str(states[begin]))
        for begin, end in zip(begins, ends, strict=True)
        if states[begin] != _LIVE
    ]


def steps(times: NDArray[Any], values: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A line in steps, which goes on to the moment at which nothing is known any more, and no
    further: the points between which `steps-post` draws."""
    known = ~np.isnan(values)
    lost = np.flatnonzero(known[:-1] & ~known[1:]) + 1
    return np.insert(times, lost, times[lost]), np.insert(values, lost, values[lost - 1])
