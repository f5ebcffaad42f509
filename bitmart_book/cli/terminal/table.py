"""The table of all books: a row each, as many columns as fit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from bitmart_book.cli.terminal.lines import (
    ASK,
    BID,
    BOLD,
    DIM,
    PLAIN,
    STATE_WIDTH,
    STATES,
    WARNING,
    Line,
    cut,
    fit,
)
from bitmart_book.cli.terminal.rows import Row
from bitmart_book.cli.terminal.spark import spark
from bitmart_book.display import age, clean, number

__all__ = ["table"]

SELECTED = Style.parse("reverse")
# The most wanted first; in the order of the second tuple from left to right.
_WANTED = ("bid", "ask", "mid", "spread", "upd/s", "age", "lag", "bid size", "ask size")
_PLACES = (
    "bid size", "bid", "ask", "ask size", "spread", "upd/s", "age", "lag", "mid",
)  # fmt: skip
_SPARK = 12


Cells = dict[str, tuple[str, Style]]


def table(rows: Sequence[Row], selected: Row | None, width: int, height: int) -> list[Line]:
    """A head and a row for each of the rows that are to be seen; `height` lines in all."""
    if height < 1:
        return []
    rows = rows[: height - 1]
    # What a cell says is found out once, for the width of its column and for the cell.
    cells = [_cells(row) if row.live else {} for row in rows]
    columns = _columns(rows, cells, width)
    lines = [_head(columns, width)]
    lines += [
        _row(row, found, columns, width, row is selected)
        for row, found in zip(rows, cells, strict=True)
    ]
    return lines + [[Segment(" " * width)]] * (height - len(lines))


def _columns(rows: Sequence[Row], cells: Sequence[Cells], width: int) -> dict[str, int]:
    """Widths by title, of those columns that fit."""
    name = max((cell_len(clean(row.name)) for row in rows), default=6)
    widths = {"": min(max(6, name), max(8, width // 3))}
    left = width - 2 - widths[""] - 1 - STATE_WIDTH
    for title in _WANTED:
        widest = max((len(found[title][0]) for found in cells if found), default=0)
        needed = max(5, len(title), widest)
        if needed + 2 > left:
            break
        widths[title] = needed
        left -= needed + 2
    return {"": widths[""], **{title: widths[title] for title in _PLACES if title in widths}}


def _head(columns: dict[str, int], width: int) -> Line:
    text = "  " + fit("symbol", columns[""] + 1) + fit("state", STATE_WIDTH)
    text += "".join("  " + fit(title, columns[title], right=True) for title in list(columns)[1:])
    return [Segment(fit(text, width), DIM)]


def _row(row: Row, cells: Cells, columns: dict[str, int], width: int, selected: bool) -> Line:
    line = [
        Segment("▸ " if selected else "  ", BOLD),
        Segment(
            fit(cut(clean(row.name), columns[""]), columns[""] + 1), SELECTED if selected else BOLD
        ),
        Segment(str(row.state).center(STATE_WIDTH), STATES.get(row.state, BOLD)),
    ]
    used = 2 + columns[""] + 1 + STATE_WIDTH
    if not row.live:
        # Numbers that nobody may use have less to say here than why nobody may.
        return [*line, Segment(fit("  " + clean(row.reason), width - used), WARNING)]
    for title, room in list(columns.items())[1:]:
        text, style = cells[title]
        line.append(Segment("  " + text.rjust(room), style))
        used += room + 2
    return [*line, Segment(" " * (width - used))]


def _cells(row: Row) -> Cells:
    """What each column says of a book."""
    prices = [number(price) for price in (row.bid, row.ask) if price is not None]
    # So many that the shorter of the two prices does not jump about.
    decimals = max((len(price.partition(".")[2]) for price in prices), default=0)
    return {
        "bid size": (_size(row.bid_size), PLAIN),
        "bid": ("-" if row.bid is None else f"{row.bid:.{decimals}f}", BID),
        "ask": ("-" if row.ask is None else f"{row.ask:.{decimals}f}", ASK),
        "ask size": (_size(row.ask_size), PLAIN),
        "spread": ("-" if row.spread is None else number(row.spread), PLAIN),
        "upd/s": ("" if row.rate is None else f"{row.rate:.1f}", PLAIN),
        "age": (age(row.age), PLAIN),
        "lag": (age(row.lag), PLAIN),
        "mid": (spark(row.mids, _SPARK), DIM),
    }


def _size(size: Decimal | None) -> str:
    return "-" if size is None else cut(number(size), 14)
