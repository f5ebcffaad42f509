"""The table of all books: a row each, as many columns as fit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from bitmart_book.display import age, clean, number
from bitmart_book.terminal.lines import (
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
from bitmart_book.terminal.rows import Row
from bitmart_book.terminal.spark import spark

__all__ = ["table"]

SELECTED = Style.parse("reverse")
# The most wanted first; in the order of the second tuple from left to right.
_WANTED = ("bid", "ask", "mid", "spread", "upd/s", "age", "lag", "bid size", "ask size")
_PLACES = (
    "bid size", "bid", "ask", "ask size", "spread", "upd/s", "age", "lag", "mid",
)  # fmt: skip
_SPARK = 12


def table(rows: Sequence[Row], selected: Row | None, width: int, height: int) -> list[Line]:
    """A head and a row for each of the rows that are to be seen; `height` lines in all."""
    if height < 1:
        return []
    columns = _columns(rows, width)
    lines = [_head(columns, width)]
    lines += [_row(row, columns, width, row is selected) for row in rows[: height - 1]]
    return lines + [[Segment(" " * width)]] * (height - len(lines))


def _columns(rows: Sequence[Row], width: int) -> dict[str, int]:
    """Widths by title, of those columns that fit."""
    texts = [{title: cell_len(_cell(title, row)[0]) for title in _WANTED} for row in rows]
    name = max((cell_len(clean(row.name)) for row in rows), default=6)
    widths = {"": min(max(6, name), max(8, width // 3))}
    left = width - 2 - widths[""] - 1 - STATE_WIDTH
    for title in _WANTED:
        needed = _SPARK if title == "mid" else max(len(title), *(text[title] for text in texts), 5)
        if needed + 2 > left:
            break
        widths[title] = needed
        left -= needed + 2
    return {"": widths[""], **{title: widths[title] for title in _PLACES if title in widths}}


def _head(columns: dict[str, int], width: int) -> Line:
    text = "  " + fit("symbol", columns[""] + 1) + fit("state", STATE_WIDTH)
    text += "".join("  " + fit(title, columns[title], right=True) for title in list(columns)[1:])
    return [Segment(fit(text, width), DIM)]


def _row(row: Row, columns: dict[str, int], width: int, selected: bool) -> Line:
    mark = "▸ " if selected else "  "
    line = [
        Segment(mark, BOLD),
        Segment(fit(cut(clean(row.name), columns[""]), columns[""] + 1), BOLD),
        Segment(str(row.state).center(STATE_WIDTH), STATES.get(row.state, BOLD)),
    ]
    used = 2 + columns[""] + 1 + STATE_WIDTH
    if not row.live:
        # Numbers that nobody may use have less to say here than why nobody may.
        line.append(Segment(fit("  " + clean(row.reason), width - used), WARNING))
    else:
        for title, room in list(columns.items())[1:]:
            text, style = _cell(title, row)
            line.append(Segment("  " + fit(text, room, right=True), style))
            used += room + 2
        line.append(Segment(" " * (width - used)))
    if selected:
        name = line[1]
        line[1] = Segment(name.text, SELECTED)
    return line


def _cell(title: str, row: Row) -> tuple[str, Style]:
    if title == "mid":
        return spark(row.mids, _SPARK), DIM
    if title == "upd/s":
        return ("" if row.rate is None else f"{row.rate:.1f}"), PLAIN
    if title in ("age", "lag"):
        return age(row.age if title == "age" else row.lag), PLAIN
    if title in ("bid", "ask"):
        price, style = (row.bid, BID) if title == "bid" else (row.ask, ASK)
        return ("-" if price is None else f"{price:.{_decimals(row)}f}"), style
    value, style = {
        "bid size": (row.bid_size, PLAIN),
        "ask size": (row.ask_size, PLAIN),
        "spread": (row.spread, PLAIN),
    }[title]
    return ("-" if value is None else cut(number(value), 14)), style


def _decimals(row: Row) -> int:
    """So many that the shorter of the two prices does not jump about."""
    prices = [number(price) for price in (row.bid, row.ask) if price is not None]
    return max(len(price.partition(".")[2]) for price in prices)
