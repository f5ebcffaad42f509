"""The whole screen as lines: which part of it shows what, and what stands above and below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from rich.segment import Segment

import bitmart_book as bb
from bitmart_book.cli.terminal.choice import Choice
from bitmart_book.cli.terminal.focus import Focus
from bitmart_book.cli.terminal.lines import BOLD, DIM, WARNING, Line, cut, fit
from bitmart_book.cli.terminal.rows import Row, Rows
from bitmart_book.cli.terminal.table import table
from bitmart_book.display import clean

__all__ = ["Picture", "Watched"]

# Narrower or lower than this there is room for names and states.
MIN_WIDTH = 32
MIN_HEIGHT = 6
# A ladder with less says nothing; from this width on it stands beside the table.
MIN_FOCUS = 9
BESIDE = 150
KEYS = (
    ("↑ ↓", "select"),
    ("enter", "ladder alone"),
    ("s", "sort"),
    ("/", "filter"),
    ("g G", "group"),
    ("?", "help"),
    ("q", "end"),
)
HELP = (
    ("↑ ↓, k j", "select the book above or below"),
    ("PgUp PgDn", "a screenful up or down"),
    ("Home End", "the first or the last book"),
    ("Enter", "its ladder alone, and back"),
    ("s", "sort: not LIVE first, symbol, spread, updates, lag, as asked"),
    ("/", "show books whose name or state has these words; Enter keeps them"),
    ("Esc", "forget the words; back"),
    ("g G", "put ten ticks into one row, a hundred, ...; and finer again"),
    ("q, Ctrl-C", "end"),
)


class Watched(NamedTuple):
    """What is watched. source: the words for where it comes from; trades: the newest last; orders:
    those of one's own that are open, each with whether nobody knows that for certain."""

    source: str
    books: Callable[[], Mapping[str, bb.Book]]
    trades: Callable[[bb.Book], Sequence[bb.Trade | str]]
    orders: Callable[[], Iterable[tuple[bb.Order, bool]]]


class Picture:
    """Draws what is watched, as it was chosen."""

    def __init__(self, watched: Watched) -> None:
        self.choice = Choice()
        self.rows: Sequence[Row] = ()
        self._watched = watched
        self._all: Sequence[Row] = ()
        self._looking = Rows()
        self._focus = Focus()
        self._clock = ""

    def look(self, now: float, clock: str) -> None:
        """See how the books are. now: seconds of a clock that is never set; clock: the time."""
        self._clock = clock
        self._all = self._looking.look(self._watched.books(), now)
        self.choose()
        if self.choice.selected is None and self.rows:
            # From then on it stays, wherever it is sorted: a ladder that jumps cannot be read.
            self.choice.selected = self.rows[0].name

    def choose(self) -> None:
        """The same rows, as they are wanted now."""
        self.rows = self.choice.wanted(self._all)

    def lines(self, width: int, height: int) -> list[Line]:
        """`height` lines of that width."""
        if width < MIN_WIDTH or height < MIN_HEIGHT:
            texts = [f"{row.state} {clean(row.name)}" for row in self.rows[:height]]
            return _filled([[Segment(fit(text, width))] for text in texts], width, height)
        body = _help(width) if self.choice.help else self._body(width, height - 2)
        return [self._head(width), *_filled(body, width, height - 2), self._foot(width)]

    def _body(self, width: int, height: int) -> list[Line]:
        chosen = self.choice.chosen(self.rows)
        if chosen is None:
            text = " no book has that in its name or state" if self._all else " no books yet"
            return [[Segment(fit(text, width), DIM)]]
        if self.choice.whole:
            return self._ladder(chosen, width, height)
        if width >= BESIDE:
            left = min(width - 70, 100)
            middle = Segment(" ")
            rows = self._table(chosen, left, height)
            ladder = self._ladder(chosen, width - left - 1, height)
            return [[*a, middle, *b] for a, b in zip(rows, ladder, strict=True)]
        wanted = len(self.rows) + 1
        if height < MIN_FOCUS + 3:
            return self._table(chosen, width, height)
        room = min(wanted, max(3, height - max(MIN_FOCUS, height * 3 // 5)))
        rows = self._table(chosen, width, room)
        return rows + self._ladder(chosen, width, height - room)

    def _table(self, chosen: Row, width: int, height: int) -> list[Line]:
        above, rows = self.choice.window(self.rows, height - 1)
        lines = table(rows, chosen, width, height)
        hidden = [*self.rows[:above], *self.rows[above + len(rows) :]]
        if hidden:
            ill = sum(not row.live for row in hidden)
            text = f"{len(hidden)} more" + (f", {ill} of them not LIVE" if ill else "")
            lines[0] = _ended(lines[0], f" {text} ", width, bool(ill))
        return lines

    def _ladder(self, chosen: Row, width: int, height: int) -> list[Line]:
        trades, orders = self._watched.trades(chosen.book), self._watched.orders()
        return self._focus.lines(chosen, trades, orders, self.choice.step, width, height)

    def _head(self, width: int) -> Line:
        ill = sum(not row.live for row in self._all)
        rates = [row.rate for row in self._all if row.rate is not None]
        count = "1 book" if len(self._all) == 1 else f"{len(self._all)} books"
        parts = [
            clean(self._watched.source),
            f"{len(self.rows)} of {count}" if len(self.rows) < len(self._all) else count,
            *([f"{ill} not LIVE"] if ill else []),
            *([f"{sum(rates):,.0f} updates/s"] if rates else []),
            self.choice.order,
        ]
        text = " " + " · ".join(parts)
        clock = f"{self._clock} "
        room = max(0, width - len(clock))
        return [Segment(fit(text, room), WARNING if ill else BOLD), Segment(clock[:width], DIM)]

    def _foot(self, width: int) -> Line:
        choice = self.choice
        if choice.typing:
            return [Segment(fit(f" filter: {clean(choice.words)}_", width), BOLD)]
        line: Line = []
        if choice.words:
            line.append(Segment(f" filter: {clean(choice.words)} ", WARNING))
        for key, meaning in KEYS:
            line += [Segment(f" {key}", BOLD), Segment(f" {meaning} ", DIM)]
        return _cut_line(line, width)


def _help(width: int) -> list[Line]:
    lines: list[Line] = [[Segment(" " * width)]]
    for key, meaning in HELP:
        text = fit(cut(meaning, width - 15), width - 14)
        lines.append([Segment(f"  {key:<12}", BOLD), Segment(text)])
    return lines


def _filled(lines: list[Line], width: int, height: int) -> list[Line]:
    return (lines + [[Segment(" " * width)]] * height)[:height]


def _ended(line: Line, text: str, width: int, warns: bool) -> Line:
    """A line of one piece with a text at its end."""
    begin = fit(line[0].text[: max(0, width - len(text))], max(0, width - len(text)))
    return [Segment(begin, line[0].style), Segment(text[:width], WARNING if warns else DIM)]


def _cut_line(line: Line, width: int) -> Line:
    """The pieces that fit whole, and blanks."""
    shown: Line = []
    left = width
    for piece in line:
        if piece.cell_length > left:
            break
        shown.append(piece)
        left -= piece.cell_length
    return [*shown, Segment(" " * left)]
