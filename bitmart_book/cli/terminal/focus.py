"""The selected book: its ladder with one's own orders, its trades, how its mid went, and why.

Prices of a book that is not LIVE are the last known, and grey all over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

import bitmart_book as bb
from bitmart_book.cli.terminal.lines import (
    ASK,
    BID,
    BOLD,
    DIM,
    PLAIN,
    STATES,
    WARNING,
    Grid,
    Line,
    cut,
    fit,
    grown,
    largest_of,
    size_text,
)
from bitmart_book.cli.terminal.rows import Row
from bitmart_book.cli.terminal.spark import spark
from bitmart_book.display import age, bar, clean, number

__all__ = ["Focus"]

OWN = Style.parse("bold yellow")
MIN_LADDER = 30
MIN_TRADES = 26
MAX_LADDER = 64


class _Ladder(NamedTuple):
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    step: Decimal | None


class Focus:
    """Draws one book after the other; of each it remembers how wide its numbers are, so that
    columns do not jump about."""

    def __init__(self) -> None:
        self._grids: dict[tuple[str, Decimal | None], Grid] = {}

    def lines(
        self,
        row: Row,
        trades: Sequence[bb.Trade | str],
        orders: Iterable[tuple[bb.Order, bool]],
        ticks: int,
        width: int,
        height: int,
    ) -> list[Line]:
        """`height` lines. trades: the newest last, and a text where some were lost. orders: those
        of one's own that are open, and whether that is doubtful. ticks: how many of these are
        one row."""
        # The state is that of the copy which is drawn, and not that of a moment before.
        copy = row.book.peek()
        if height < 4:
            return [_head(row.name, copy, width)][:height] + [[Segment(" " * width)]] * (height - 1)
        body = height - 2
        beside = width >= MIN_LADDER + MIN_TRADES + 3
        left = min(MAX_LADDER, width * 3 // 5) if beside else width
        ladder = _read(copy, ticks, (body - 1) // 2)
        key = (row.name, ladder.step)
        grid = grown(self._grids.get(key, Grid()), [*ladder.bids, *ladder.asks])
        self._grids[key] = grid
        own = _own(orders, copy, ladder.step)
        live = copy.state == bb.BookState.LIVE
        shown = _drawn(ladder, grid, own, live, left, body)
        if beside:
            right = width - left - 3
            column = _trades(trades, right, body)
            middle = Segment(" │ ", DIM)
            shown = [[*a, middle, *b] for a, b in zip(shown, column, strict=True)]
        return [_head(row.name, copy, width), *shown, _foot(row, copy, ladder.step, width)]


def _read(copy: bb.Book, ticks: int, levels: int) -> _Ladder:
    step = None
    if ticks > 1:
        step = ticks * _tick(copy)
        depth = copy.grouped(step, max(1, levels))
        bids, asks = ([_exactly(*level) for level in side.tolist()] for side in depth)
        return _Ladder(bids, asks, step)
    exact = copy.depth(max(1, levels), exact=True)
    return _Ladder(exact.bids, exact.asks, None)


def _exactly(price: float, size: float) -> tuple[Decimal, Decimal]:
    return Decimal(repr(price)), Decimal(repr(size))


def _tick(copy: bb.Book) -> Decimal:
    """The smallest difference that prices can have, as far as these tell."""
    levels = [*copy.depth(20, exact=True).bids, *copy.depth(20, exact=True).asks]
    places = [len(number(price).partition(".")[2]) for price, _ in levels]
    return Decimal(1).scaleb(-max(places, default=0))


class _Own(NamedTuple):
    """What rests of one's own at a price, and whether nobody knows that for certain."""

    size: Decimal
    doubtful: bool

    def __str__(self) -> str:
        return f"◂ {number(self.size)}{'?' if self.doubtful else ''}"


def _own(
    orders: Iterable[tuple[bb.Order, bool]], copy: bb.Book, step: Decimal | None
) -> dict[tuple[str, Decimal], _Own]:
    """By side and price of the ladder."""
    found: dict[tuple[str, Decimal], _Own] = {}
    for order, doubtful in orders:
        if (order.symbol, order.market) != (copy.symbol, copy.market) or order.side is None:
            continue
        exact = order.exact
        if exact.price is None or exact.size is None:
            continue
        side = "bid" if order.side == "buy" else "ask"
        price = exact.price
        if step is not None:
            up = ROUND_FLOOR if side == "bid" else ROUND_CEILING
            price = (price / step).to_integral_value(up) * step
        key = (side, price.normalize())
        before = found.get(key, _Own(Decimal(0), False))
        left = exact.size - (exact.filled_size or 0)
        found[key] = _Own(before.size + left, before.doubtful or doubtful)
    return found


# --- drawing ---


def _head(name: str, copy: bb.Book, width: int) -> Line:
    state = f" {copy.state} "
    name = cut(clean(name), max(1, width - len(state) - 6))
    reason = "" if copy.state == bb.BookState.LIVE else clean(copy.reason or "last known values")
    rest = max(0, width - len(state) - cell_len(name) - 5)
    return [
        Segment("── ", DIM),
        Segment(name, BOLD),
        Segment(" "),
        Segment(state, STATES.get(copy.state, BOLD)),
        Segment(" "),
        Segment(fit(cut(reason, rest), rest) if reason else "─" * rest, WARNING if reason else DIM),
    ]


def _foot(row: Row, copy: bb.Book, step: Decimal | None, width: int) -> Line:
    facts = [
        f"age {age(row.age)}",
        f"lag {age(row.lag)}",
        "" if row.rate is None else f"{row.rate:.1f} upd/s",
        "" if copy.sequence is None else f"#{copy.sequence}",
        f"epoch {copy.epoch}",
        f"gaps {copy.stats['gaps']}",
        "" if step is None else f"by {number(step)}",
    ]
    text = " · ".join(fact for fact in facts if fact)
    room = width - len(text) - 8
    line = spark(row.mids, min(60, room)) if room >= 8 else ""
    return [Segment(fit(f" {text}" + (f"  mid {line}" if line else ""), width), DIM)]


def _drawn(
    ladder: _Ladder,
    grid: Grid,
    own: dict[tuple[str, Decimal], _Own],
    live: bool,
    width: int,
    height: int,
) -> list[Line]:
    shown = (height - 1) // 2
    blank = [Segment(" " * width)]
    asks, bids = ladder.asks[:shown], ladder.bids[:shown]
    largest = largest_of(asks, bids)
    marks = 2 + max(map(len, map(str, own.values()))) if own else 0

    def level(side: str, style: Style, price: Decimal, size: Decimal) -> Line:
        colour = style if live else DIM
        text = f" {price:{grid.price_width}.{grid.price_decimals}f}"
        rest = f"  {size_text(size, grid.size_decimals):>{grid.size_width}}  "
        room = width - len(text) - len(rest) - marks
        if room < 1:
            return [Segment(fit(text + rest, width), colour)]
        line = [
            Segment(text, colour),
            Segment(rest, PLAIN if live else DIM),
            Segment(bar(float(size / largest), room), colour),
        ]
        if marks:
            mine = own.get((side, price.normalize()))
            line.append(Segment(fit("" if mine is None else str(mine), marks), OWN))
        return line

    lines = [
        *([blank] * (shown - len(asks))),
        *(level("ask", ASK, *one) for one in reversed(asks)),
        [Segment(fit(_between(ladder).center(width, "─"), width), DIM)],
        *(level("bid", BID, *one) for one in bids),
    ]
    return lines + [blank] * (height - len(lines))


def _between(ladder: _Ladder) -> str:
    if not ladder.bids or not ladder.asks:
        return " no levels " if not (ladder.bids or ladder.asks) else " one side is empty "
    bid, ask = ladder.bids[0][0], ladder.asks[0][0]
    if ladder.step is not None:
        # The difference of two rounded prices is no spread.
        return f" by {number(ladder.step)} "
    bps = f" · {float((ask - bid) / (ask + bid) * 20_000):.3g} bps" if ask + bid else ""
    return f" spread {number(ask - bid)}{bps} "


def _trades(trades: Sequence[bb.Trade | str], width: int, height: int) -> list[Line]:
    """The newest on top."""
    shown = list(reversed(trades))[: height - 1]
    exact = [number(trade.exact.price) for trade in shown if not isinstance(trade, str)]
    decimals = max((len(price.partition(".")[2]) for price in exact), default=0)
    lines: list[Line] = [[Segment(fit("trades", width), DIM)]]
    for trade in shown:
        if isinstance(trade, str):
            lines.append([Segment(fit(cut(trade, width), width), WARNING)])
            continue
        style = {"buy": BID, "sell": ASK}.get(trade.side or "", PLAIN)
        price, size = trade.exact
        text = f"{price:>12.{decimals}f}  {number(size)}"
        lines.append([Segment(fit(cut(text, width), width), style)])
    return lines + [[Segment(" " * width)]] * (height - len(lines))
