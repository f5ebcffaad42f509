"""What lines on a terminal are made of: styles, widths, numbers, and the same in plain letters."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

import bitmart_book as bb
from bitmart_book.display import number

__all__ = [
    "ASK",
    "BID",
    "BOLD",
    "DIM",
    "PLAIN",
    "STATES",
    "STATE_WIDTH",
    "WARNING",
    "Grid",
    "Line",
    "cut",
    "fit",
    "grown",
    "in_ascii",
    "largest_of",
    "size_text",
]

STATES = {
    bb.BookState.CONNECTING: Style.parse("bold black on yellow"),
    bb.BookState.SYNCING: Style.parse("bold white on blue"),
    bb.BookState.LIVE: Style.parse("bold black on green"),
    bb.BookState.STALE: Style.parse("bold black on yellow"),
    bb.BookState.GAP: Style.parse("bold white on red"),
    bb.BookState.CLOSED: Style.parse("bold white on bright_black"),
    bb.BookState.REJECTED: Style.parse("bold white on magenta"),
}
PLAIN = Style.null()
BOLD = Style.parse("bold")
# Not bright black, which some palettes make the colour of the background.
DIM = Style.parse("dim")
BID = Style.parse("green")
ASK = Style.parse("red")
WARNING = Style.parse("yellow")

# Sizes with thirty decimals exist; a ladder that shows them all shows nothing else.
MAX_SIZE_WIDTH = 12
STATE_WIDTH = max(map(len, bb.BookState))
# Characters that a terminal without Unicode shows instead, each as wide as what it stands for.
_ASCII = str.maketrans(
    {
        **dict.fromkeys("─━", "-"),
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("█▉▊▋▌▐", "#"),
        **dict.fromkeys("▍▎▏", "'"),
        **dict(zip("▁▂▃▄▅▆▇", "__..--^", strict=True)),
        "·": "|",
        "…": "~",
        "▸": ">",
        "◂": "<",
        "↑": "^",
        "↓": "v",
    }
)

Line = list[Segment]


class Grid(NamedTuple):
    """How wide numbers of one book are. It only grows, so that columns do not jump about."""

    price_decimals: int = 0
    price_width: int = 4
    size_decimals: int = 0
    size_width: int = 4


def in_ascii(line: Iterable[Segment]) -> Line:
    """The line for a terminal that has no other characters. What has no likeness becomes "?"."""
    return [
        Segment(text.translate(_ASCII).encode("ascii", "replace").decode(), style, control)
        for text, style, control in line
    ]


def grown(grid: Grid, levels: list[tuple[Decimal, Decimal]]) -> Grid:
    if not levels:
        return grid
    prices = [number(price).partition(".") for price, _ in levels]
    sizes = [number(size).partition(".") for _, size in levels]
    price_decimals = max(grid.price_decimals, *(len(part[2]) for part in prices))
    whole = max(len(part[0]) for part in sizes)
    size_decimals = max(grid.size_decimals, *(len(part[2]) for part in sizes))
    size_decimals = min(size_decimals, max(0, MAX_SIZE_WIDTH - 1 - whole))
    return Grid(
        price_decimals,
        max(
            grid.price_width,
            max(len(part[0]) for part in prices) + price_decimals + bool(price_decimals),
        ),
        size_decimals,
        max(grid.size_width, whole + size_decimals + bool(size_decimals)),
    )


def size_text(size: Decimal, decimals: int) -> str:
    text = f"{size:.{decimals}f}"
    # A size that is there must not look like none.
    return text if text.strip("0.") or not size else f"{size:.1e}"


def largest_of(*sides: list[tuple[Decimal, Decimal]]) -> Decimal:
    return max((size for levels in sides for _, size in levels), default=Decimal(1))


def cut(text: str, width: int) -> str:
    """The text, or its beginning and a sign that there is more."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 0 else ""


def fit(text: str, width: int, *, right: bool = False) -> str:
    text = cut(text, width)
    padding = " " * (width - cell_len(text))
    return padding + text if right else text + padding
