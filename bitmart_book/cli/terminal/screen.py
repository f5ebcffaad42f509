"""What `watch` draws: books as panels, and as rows of a table where panels do not fit.

A rich renderable of plain segments: panels and tables of rich itself cost ten times as much. It
draws what it was shown last; it knows no feed, no clock and no terminal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

import bitmart_book as bb
from bitmart_book.cli.terminal.lines import (
    ASK,
    BID,
    BOLD,
    DIM,
    PLAIN,
    STATE_WIDTH,
    STATES,
    WARNING,
    Grid,
    Line,
    cut,
    fit,
    grown,
    in_ascii,
    largest_of,
    size_text,
)
from bitmart_book.display import age, bar, clean, number

__all__ = ["Screen"]

# Narrower or lower than this there is room for a name and a state.
MIN_WIDTH = 32
MIN_PANEL_WIDTH = 34
MAX_PANEL_WIDTH = 120
# Borders, the line of the spread and two levels a side: with less, a row of a table says more.
MIN_PANEL_HEIGHT = 7
MIN_BAR = 6
RATE_SECONDS = 3.0


class View(NamedTuple):
    """A book as it was at one instant."""

    name: str
    copy: bb.Book
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    grid: Grid
    age: float | None
    rate: float | None

    @property
    def live(self) -> bool:
        return self.copy.state == bb.BookState.LIVE


class Screen:
    """All books at once. `observe` takes copies of them, rendering draws the copies.

    source: what the bottom line says of where the books come from. levels: how many levels a side
    are shown at most; None as many as fit.
    """

    def __init__(self, source: str, levels: int | None = None) -> None:
        self._source = clean(source)
        self._levels = levels
        self._views: list[View] = []
        self._clock = ""
        self._grids: dict[str, Grid] = {}
        self._counts: dict[str, deque[tuple[float, int]]] = {}

    def observe(
        self, books: Mapping[str, bb.Book], now: float, clock: str, *, deepest: int
    ) -> None:
        """Look at the books, by name. now: seconds, for the rates; clock: the time to show;
        deepest: how many levels a side could be drawn."""
        self._clock = clock
        self._views = [self._view(name, book, now, deepest) for name, book in books.items()]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        lines = self._lines(width, max(1, height - 1))
        lines += [[Segment(" " * width)]] * (height - 1 - len(lines))
        for line in [*lines[: height - 1], self._footer(width)]:
            yield from in_ascii(line) if options.ascii_only else line
            yield Segment.line()

    # --- looking ---

    def _view(self, name: str, book: bb.Book, now: float, deepest: int) -> View:
        copy = book.peek()
        wanted = deepest if self._levels is None else min(deepest, self._levels)
        depth = copy.depth(max(1, wanted), exact=True)
        grid = grown(self._grids.get(name, Grid()), [*depth.bids, *depth.asks])
        self._grids[name] = grid
        updates = copy.stats["updates"]
        counts = self._counts.setdefault(name, deque())
        if counts and counts[-1][1] > updates:
            counts.clear()  # another book has taken this one's name
        counts.append((now, updates))
        while now - counts[0][0] > RATE_SECONDS and len(counts) > 2:
            counts.popleft()
        seconds = now - counts[0][0]
        rate = (updates - counts[0][1]) / seconds if seconds >= 0.5 else None
        return View(name, copy, depth.bids, depth.asks, grid, copy.quote.age, rate)

    # --- drawing ---

    def _lines(self, width: int, height: int) -> list[Line]:
        views = self._views
        if not views:
            return [[Segment(fit(" no books yet", width), DIM)]]
        if width < MIN_WIDTH or height < 2:
            texts = [f"{view.copy.state} {view.name}" for view in views]
            return [[Segment(fit(text, width))] for text in texts]
        narrowest = max(MIN_PANEL_WIDTH, *(_least_width(view.grid) for view in views))
        columns = _columns(len(views), width, height, narrowest)
        if not columns:
            return _table(views, width, height)
        panel_height = height // -(-len(views) // columns)
        panel_width = min(MAX_PANEL_WIDTH, width // columns)
        mirrored = _is_mirrored(panel_width, narrowest)
        if self._levels is not None:
            both = 1 if mirrored else 2
            panel_height = min(panel_height, max(MIN_PANEL_HEIGHT, 4 + both * self._levels))
        lines: list[Line] = []
        for first in range(0, len(views), columns):
            panels = [
                _panel(view, panel_width, panel_height, self._levels, mirrored)
                for view in views[first : first + columns]
            ]
            padding = [Segment(" " * (width - len(panels) * panel_width))]
            lines += [
                [part for line in parts for part in line] + padding
                for parts in zip(*panels, strict=True)
            ]
        return lines

    def _footer(self, width: int) -> Line:
        rates = [view.rate for view in self._views if view.rate is not None]
        ill = sum(not view.live for view in self._views)
        parts = [
            self._source,
            "1 book" if len(self._views) == 1 else f"{len(self._views)} books",
            *([f"{ill} not LIVE"] if ill else []),
            f"{sum(rates):,.0f} updates/s" if rates else "",
            self._clock,
            "Ctrl-C ends",
        ]
        text = " · ".join(part for part in parts if part)
        return [Segment(fit(" " + text, width), DIM)]


def _columns(count: int, width: int, height: int, narrowest: int) -> int:
    """The number of panels side by side that shows most levels; 0 if panels do not fit."""
    best, most = 0, 0
    for columns in range(1, min(count, width // narrowest) + 1):
        panel_height = height // -(-count // columns)
        if panel_height < MIN_PANEL_HEIGHT:
            continue
        mirrored = _is_mirrored(min(MAX_PANEL_WIDTH, width // columns), narrowest)
        levels = (panel_height - 4) if mirrored else (panel_height - 4) // 2
        if levels > most:
            best, most = columns, levels
    return best


def _is_mirrored(width: int, narrowest: int) -> bool:
    """Whether bids and asks stand side by side: it shows twice as many levels."""
    return width >= 2 * narrowest


def _least_width(grid: Grid) -> int:
    return grid.price_width + grid.size_width + MIN_BAR + 8


# --- a panel ---


def _panel(view: View, width: int, height: int, levels: int | None, mirrored: bool) -> list[Line]:
    inner = width - 4
    body = height - 2
    # A line for the last trade or the reason, where two levels a side remain beside it.
    lines = [_note(view, inner)] if body >= 4 + (2 if mirrored else 3) else []
    room = body - len(lines) - 1
    limit = room if levels is None else levels
    if mirrored:
        lines += [_spread(view, inner), *_mirrored(view, inner, min(room, limit))]
    else:
        lines += _stacked(view, inner, min(room // 2, limit))
    lines += [[Segment(" " * inner)]] * (body - len(lines))
    edge, end = Segment("│ ", DIM), Segment(" │", DIM)
    return [_head(view, width), *([edge, *line, end] for line in lines), _foot(view, width)]


def _head(view: View, width: int) -> Line:
    state = f" {view.copy.state} "
    name = cut(view.name, width - len(state) - 7)
    fill = width - len(state) - cell_len(name) - 5
    return [
        Segment("╭ ", DIM),
        Segment(name, BOLD),
        Segment(" " + "─" * fill, DIM),
        Segment(state, STATES.get(view.copy.state, BOLD)),
        Segment("─╮", DIM),
    ]


def _foot(view: View, width: int) -> Line:
    facts = [
        f"age {age(view.age)}",
        "" if view.rate is None else f"{view.rate:.1f} upd/s",
        "" if view.copy.sequence is None else f"#{view.copy.sequence}",
    ]
    text = cut(" · ".join(fact for fact in facts if fact), width - 6)
    return [Segment("╰─ " + text + " " + "─" * (width - 5 - cell_len(text)) + "╯", DIM)]


def _note(view: View, width: int) -> Line:
    reason = clean(view.copy.reason or "")
    trade = view.copy.last_trade
    if not view.live:
        return [Segment(fit(reason or "last known values", width), WARNING)]
    if trade is None:
        return [Segment(fit(reason, width), DIM)]
    price, size = trade.exact
    text = f"{trade.side or 'traded'} {number(size)} at {number(price)}"
    known = Style.null() if not trade.side_known else BID if trade.side == "buy" else ASK
    if len(text) + 5 > width:
        return [Segment(fit(text, width), known)]
    rest = fit(f"  {reason}" if reason else "", width - 5 - len(text))
    return [Segment("last ", DIM), Segment(text, known), Segment(rest, DIM)]


def _spread(view: View, width: int) -> Line:
    return [Segment(_between(view, width).center(width, "─"), DIM)]


def _between(view: View, width: int) -> str:
    if not view.bids and not view.asks:
        return " no levels "
    if not view.bids or not view.asks:
        return " no bids " if not view.bids else " no asks "
    bid, ask = view.bids[0][0], view.asks[0][0]
    text = f" spread {number(ask - bid)} "
    bps = f"· {float((ask - bid) / (ask + bid) * 20_000):.3g} bps "
    return text + bps if len(text + bps) <= width - 4 else fit(text, min(width, len(text)))


def _stacked(view: View, width: int, shown: int) -> list[Line]:
    blank = [Segment(" " * width)]
    asks, bids = view.asks[:shown], view.bids[:shown]
    largest = largest_of(asks, bids)
    return [
        *([blank] * (shown - len(asks))),
        *(_level(view, level, largest, width, ASK) for level in reversed(asks)),
        _spread(view, width),
        *(_level(view, level, largest, width, BID) for level in bids),
        *([blank] * (shown - len(bids))),
    ]


def _mirrored(view: View, width: int, shown: int) -> list[Line]:
    left, right = (width - 3) // 2, width - 3 - (width - 3) // 2
    asks, bids = view.asks[:shown], view.bids[:shown]
    largest = largest_of(asks, bids)
    middle = Segment(" │ ", DIM)
    lines = []
    for index in range(max(len(asks), len(bids))):
        line = [Segment(" " * left)]
        if index < len(bids):
            line = _level(view, bids[index], largest, left, BID)[::-1]
            line[0] = Segment(_flipped(line[0].text), line[0].style)
        line.append(middle)
        if index < len(asks):
            line += _level(view, asks[index], largest, right, ASK)
        else:
            line.append(Segment(" " * right))
        lines.append(line)
    return lines


def _level(
    view: View, level: tuple[Decimal, Decimal], largest: Decimal, width: int, style: Style
) -> Line:
    """Price, size and bar. Of a book that cannot be trusted everything is grey."""
    price, size = level
    grid = view.grid
    numbers = (
        f"{price:{grid.price_width}.{grid.price_decimals}f}",
        f"  {size_text(size, grid.size_decimals):>{grid.size_width}}  ",
    )
    room = width - len(numbers[0]) - len(numbers[1])
    if room < 1:
        return [Segment(fit("".join(numbers), width), style if view.live else DIM)]
    return [
        Segment(numbers[0], style if view.live else DIM),
        Segment(numbers[1], PLAIN if view.live else DIM),
        Segment(bar(float(size / largest), room), style if view.live else DIM),
    ]


def _flipped(text: str) -> str:
    """The bar growing to the left. Blocks of that side come only in full and in half."""
    full = text.count("█")
    part = "▐" if text[full : full + 1].strip() else ""
    return (part + "█" * full).rjust(len(text))


# --- a table ---


def _table(views: list[View], width: int, height: int) -> list[Line]:
    """A row for each book, in as many blocks side by side as are 80 wide."""
    blocks = min(max(1, width // 80), -(-len(views) // max(1, height - 1)))
    rows = max(1, height - 1)
    hidden = views[blocks * rows :]
    if hidden:
        hidden = views[blocks * rows - 1 :]
        views = views[: blocks * rows - 1]
    block_width = width // blocks
    columns = _Columns(views, block_width - 1)
    shown: list[list[Line]] = []
    for block in range(blocks):
        part = [columns.row(view) for view in views[block * rows : (block + 1) * rows]]
        shown.append([columns.header(), *part])
    if hidden:
        ill = sum(not view.live for view in hidden)
        text = f"… {len(hidden)} more" + (f", {ill} of them not LIVE" if ill else "")
        shown[-1].append([Segment(fit(text, block_width - 1), WARNING if ill else DIM)])
    blank = [Segment(" " * (block_width - 1))]
    lines: list[Line] = []
    for index in range(max(map(len, shown))):
        line: Line = []
        for part in shown:
            line += [Segment(" "), *(part[index] if index < len(part) else blank)]
        lines.append([*line, Segment(" " * (width - blocks * block_width))])
    return lines


class _Columns:
    """The columns of the table that fit into a width: the most wanted first."""

    def __init__(self, views: list[View], width: int) -> None:
        prices = max(max(view.grid.price_width for view in views), 5)
        sizes = max(max(view.grid.size_width for view in views), 8)
        name = min(max(cell_len(view.name) for view in views), max(8, width // 3))
        widths = {"symbol": name, "state": STATE_WIDTH}
        wanted = [
            ("bid", prices),
            ("ask", prices),
            ("age", 5),
            ("upd/s", 5),
            ("bid size", sizes),
            ("ask size", sizes),
            ("spread", max(6, prices - 2)),
            ("last", prices),
        ]
        self._width = width
        left = width - name - STATE_WIDTH - 1
        for title, needed in wanted:
            if needed + 2 > left:
                break
            widths[title] = needed
            left -= needed + 2
        order = ("symbol", "state", "bid size", "bid", "ask", "ask size", "spread", "last")
        self._widths = {
            title: widths[title] for title in (*order, "upd/s", "age") if title in widths
        }

    def header(self) -> Line:
        text = "".join(
            title.ljust(width + 1) if title == "symbol"
            else title.center(width) if title == "state"
            else "  " + title.rjust(width)
            for title, width in self._widths.items()
        )  # fmt: skip
        return [Segment(fit(text, self._width), DIM)]

    def row(self, view: View) -> Line:
        widths = self._widths
        line = [
            Segment(fit(cut(view.name, widths["symbol"]), widths["symbol"] + 1), BOLD),
            Segment(view.copy.state.center(STATE_WIDTH), STATES.get(view.copy.state, BOLD)),
        ]
        used = widths["symbol"] + 1 + STATE_WIDTH
        if not view.live:
            # Numbers nobody may use have less to say here than why nobody may.
            text = "  " + clean(view.copy.reason or "")
            return [*line, Segment(fit(text, self._width - used), WARNING)]
        for title, width in widths.items():
            if title not in ("symbol", "state"):
                text, style = _table_cell(title, view)
                line.append(Segment("  " + fit(text, width, right=True), style))
                used += width + 2
        return [*line, Segment(" " * (self._width - used))]


def _table_cell(title: str, view: View) -> tuple[str, Style]:
    grid = view.grid
    if title in ("bid", "ask"):
        levels, style = (view.bids, BID) if title == "bid" else (view.asks, ASK)
        return (f"{levels[0][0]:.{grid.price_decimals}f}" if levels else "-"), style
    if title in ("bid size", "ask size"):
        levels = view.bids if title == "bid size" else view.asks
        return (size_text(levels[0][1], grid.size_decimals) if levels else "-"), PLAIN
    if title == "spread":
        both = bool(view.bids and view.asks)
        return (number(view.asks[0][0] - view.bids[0][0]) if both else "-"), PLAIN
    if title == "last":
        trade = view.copy.last_trade
        if trade is None:
            return "-", DIM
        sides = {"buy": BID, "sell": ASK}
        return number(trade.exact.price), sides.get(trade.side or "", PLAIN)
    if title == "upd/s":
        return ("" if view.rate is None else f"{view.rate:.1f}"), PLAIN
    return age(view.age), PLAIN
