"""A ladder that lives in the cell of a notebook: one output, replaced again and again.

Needs IPython where it runs already, and no widgets. Reads no clock and waits for nothing: whoever
shows a ladder brings the time and waits in its own way. Two things keep an old price from being
taken for one of now: the last thing shown says that it is over, and where nothing follows, because
the kernel is busy or dead, the page itself fades what it has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any, Protocol

from bitmart_book._book import Book
from bitmart_book.client.times import LADDER_OLD_SECONDS, LADDER_SECONDS
from bitmart_book.display import ended_html, html, line
from bitmart_book.display.libraries import library
from bitmart_book.errors import UsageError
from bitmart_book.model import BookState

__all__ = ["Shown", "cell_of_this_notebook", "ladders"]

_LONGEST = 7 * 24 * 3600


class Shown(Protocol):
    """An output of a notebook, as IPython hands it out."""

    def update(self, obj: dict[str, str], /, *, raw: bool) -> object: ...


Show = Callable[[dict[str, str]], Shown]
"""Makes a new output, and shows that in it."""


def cell_of_this_notebook(symbol: str) -> Show:
    """How a new output is made in the cell that runs. UsageError where there is none, with what
    there is instead."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    # IPython in a terminal can print, and not replace what it has printed.
    if shell is None or any(kind.__name__.startswith("Terminal") for kind in type(shell).__mro__):
        raise UsageError(
            f"ladder() replaces what a notebook's cell shows, and no notebook runs here: open one "
            f"(pip install notebook), or watch it in a terminal: bitmart-book watch {symbol}; "
            "print(book) shows it once"
        )

    display = library("IPython.display", "ladder()").display
    return lambda data: display(data, raw=True, display_id=True)


def ladders(
    book: Book,
    show: Show,
    *,
    seconds: float | None,
    levels: int,
    now: Callable[[], float],
    is_over: Callable[[], bool],
    wall: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[float, None, None]:
    """Show a book in a new output, again and again; yields how many seconds to wait each time.

    Ends after so many seconds (None: not by itself) of the clock `now`, or when it is over; closed
    early, it says in the output that it has ended. UsageError for what cannot be shown.
    """
    _check(seconds, levels)
    until = None if seconds is None else now() + seconds
    shown: Shown | None = None
    copy = book.peek()
    at = wall()
    try:
        while True:
            data = {"text/html": _live(copy, levels, at), "text/plain": line(copy)}
            shown = _put(shown, show, data)
            left = LADDER_SECONDS if until is None else until - now()
            if left <= 0 or is_over() or copy.state == BookState.CLOSED:
                return
            yield min(LADDER_SECONDS, left)
            copy, at = book.peek(), wall()
    finally:
        if shown is not None:
            text = f"{line(copy)} at {at:%H:%M:%S} UTC; the ladder has ended"
            data = {"text/html": ended_html(copy, levels, at), "text/plain": text}
            shown.update(data, raw=True)


def _put(shown: Shown | None, show: Show, data: dict[str, str]) -> Shown:
    if shown is None:
        return show(data)
    shown.update(data, raw=True)
    return shown


def _check(seconds: object, levels: object) -> None:
    if seconds is not None and (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 0 < seconds <= _LONGEST
    ):
        raise UsageError(f"seconds must be a number above 0, or None, was {seconds!r}")
    if isinstance(levels, bool) or not isinstance(levels, int) or not 1 <= levels <= 100:
        raise UsageError(f"levels must be from 1 to 100, was {levels!r}")


def _live(copy: Book, levels: int, at: datetime) -> str:
    """A ladder that fades by itself where no newer one takes its place in time."""
    name = "bitmart-book-old"
    after = f"0s linear {LADDER_OLD_SECONDS:g}s forwards"
    return (
        f"<style>@keyframes {name}{{to{{opacity:.35;filter:grayscale(1)}}}}"
        f"@keyframes {name}-said{{to{{visibility:visible}}}}</style>"
        f'<div style="animation:{name} {after}">{html(copy, levels, at)}</div>'
        '<div style="font-family:ui-monospace,monospace;font-size:12px">'
        f'<b style="visibility:hidden;animation:{name}-said {after}">not replaced for '
        f"{LADDER_OLD_SECONDS:g} s: this is old, whatever it says</b></div>"
    )
