"""What whoever sits there wants to see: which books, in which order, which one of them, how coarse.

It knows no keys and draws nothing; rows come in, and those that are to be drawn go out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bitmart_book.cli.terminal.rows import Row

__all__ = ["ORDERS", "STEPS", "Choice"]

# By name; rows that are alike keep the order in which their books were asked for.
ORDERS: dict[str, Callable[[Row], Any]] = {
    "not LIVE first": lambda row: row.live,
    "symbol": lambda row: row.name,
    "widest spread": lambda row: -1.0 if row.spread_bps is None else -row.spread_bps,
    "busiest": lambda row: 0.0 if row.rate is None else -row.rate,
    "latest": lambda row: 0.0 if row.lag is None else -row.lag,
    "as asked": lambda _: 0,
}
# How many ticks are put together into one row of the ladder; 1 is the book as it is.
STEPS = (1, 10, 100, 1000, 10_000)


class Choice:
    """The state of the screen that keys change."""

    def __init__(self) -> None:
        self._order = 0
        self._step = 0
        self._top = 0
        self.words = ""
        self.typing = False
        self.whole = False
        self.help = False
        self.selected: str | None = None

    @property
    def order(self) -> str:
        return list(ORDERS)[self._order]

    @property
    def step(self) -> int:
        return STEPS[self._step]

    def next_order(self) -> None:
        self._order = (self._order + 1) % len(ORDERS)

    def coarser(self, by: int) -> None:
        """by: 1, or -1 for finer."""
        self._step = min(len(STEPS) - 1, max(0, self._step + by))

    # --- the words of the filter ---

    def type(self, character: str) -> None:
        self.words += character

    def erase(self) -> None:
        self.words = self.words[:-1]

    def back(self) -> None:
        """One step back to where everything is seen: the help, the filter, the whole ladder."""
        if self.help:
            self.help = False
        elif self.typing or self.words:
            self.typing, self.words = False, ""
        else:
            self.whole = False

    # --- rows ---

    def wanted(self, rows: Sequence[Row]) -> list[Row]:
        """Those that the filter lets through, in order. It is found in names and in states."""
        words = self.words.casefold().split()
        found = [
            row
            for row in rows
            if all(word in f"{row.name} {row.state}".casefold() for word in words)
        ]
        return sorted(found, key=ORDERS[self.order])

    def chosen(self, rows: Sequence[Row]) -> Row | None:
        """The selected one of the rows; the first where it is not among them."""
        return next((row for row in rows if row.name == self.selected), rows[0] if rows else None)

    def move(self, rows: Sequence[Row], by: int) -> None:
        """Select the row that many rows below."""
        at = self.chosen(rows)
        if at is not None:
            self.selected = rows[min(len(rows) - 1, max(0, rows.index(at) + by))].name

    def window(self, rows: Sequence[Row], height: int) -> tuple[int, Sequence[Row]]:
        """So many rows that the selected one is among them, and how many are above."""
        at = self.chosen(rows)
        place = 0 if at is None else rows.index(at)
        lowest = max(0, len(rows) - height)
        # Where nobody has selected, the top is what is looked at: it is sorted for that.
        self._top = max(place - height + 1, min(self._top, place, lowest), 0)
        return self._top, rows[self._top : self._top + height]
