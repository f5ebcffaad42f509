"""The HTML that what a notebook shows is made of: a table, a badge, and the numbers of a column.

Nothing from outside the page is needed, and the colours of the page are kept: text has its colour,
backgrounds are translucent. Texts come in as they are and are escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import NamedTuple

from bitmart_book.model import BookState

__all__ = ["BADGES", "CELL", "Head", "badge", "block", "clean", "number", "numbers", "table"]

# Backgrounds of the badge, each with a contrast of at least 4.5 to its white text.
BADGES: dict[str, str] = {
    BookState.CONNECTING: "#6e7681",
    BookState.SYNCING: "#0969da",
    BookState.LIVE: "#1a7f37",
    BookState.STALE: "#9a6700",
    BookState.GAP: "#cf222e",
    BookState.CLOSED: "#57606a",
    BookState.REJECTED: "#8250df",
}
_OTHER = "#57606a"
_BARE = "padding:0 6px;border:0;color:inherit;background:none"
CELL = f"{_BARE};text-align:right"
_TEXT_CELL = f"{_BARE};text-align:left"
_COMPUTED_DIGITS = 12
_LONGEST_TEXT = 200


class Head(NamedTuple):
    """What stands above a column, and of what kind it is: a number stands on the right, markup is
    put in as it is."""

    name: str
    kind: str = "number"


def number(value: Decimal) -> str:
    """An exact decimal without exponent and without superfluous zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def numbers(values: Iterable[Decimal | float | None], computed: bool = False) -> list[str]:
    """The numbers of a column, with one count of decimals, so that their points are in line; "-"
    where there is none. Those that were computed are shown with twelve digits, all others whole."""
    exact = [None if one is None else _decimal(one, computed) for one in values]
    places = max((_places(one) for one in exact if one is not None), default=0)
    return ["-" if one is None else f"{one:.{places}f}" for one in exact]


def _decimal(value: Decimal | float, computed: bool) -> Decimal:
    found = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return Decimal(f"{found:.{_COMPUTED_DIGITS}g}") if computed else found


def _places(value: Decimal) -> int:
    if not value.is_finite():
        return 0
    _, _, fraction = number(value).partition(".")
    return len(fraction)


def clean(text: str) -> str:
    """One line without control characters: a reason may quote what the venue sent."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)


def badge(state: str) -> str:
    """A state on its colour."""
    colour = BADGES.get(state, _OTHER) if isinstance(state, BookState) else _OTHER
    return (
        f'<span style="background:{colour};color:#fff;border-radius:4px;'
        f'padding:1px 6px;font-weight:bold">{escape(state)}</span>'
    )


def table(heads: Sequence[Head], rows: Iterable[Sequence[object]]) -> str:
    """A table: a cell is a text, and of a column whose kind is "markup" HTML."""
    head = "".join(
        f'<th style="{_style(one)};font-weight:normal;opacity:.7">{escape(one.name)}</th>'
        for one in heads
    )
    body = "".join(
        f'<tr style="background:none">{"".join(map(_cell, heads, row))}</tr>' for row in rows
    )
    return (
        '<table style="font:inherit;border-collapse:collapse;border:0;margin:4px 0">'
        f'<tr style="background:none">{head}</tr>{body}</table>'
    )


def _style(head: Head) -> str:
    return CELL if head.kind == "number" else _TEXT_CELL


def _cell(head: Head, value: object) -> str:
    text = "-" if value is None else str(value)
    if head.kind != "markup":
        text = clean(text)
        text = escape(text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " ...")
    return f'<td style="{_style(head)}">{text}</td>'


def block(title: str, *parts: str, note: str = "") -> str:
    """A title, what is below it, and a note; title and note are texts."""
    small = f'<div style="opacity:.7">{escape(clean(note))}</div>' if note else ""
    return (
        '<div style="font-family:ui-monospace,monospace;font-size:12px;line-height:1.6">'
        f"<div><b>{escape(clean(title))}</b></div>{''.join(parts)}{small}</div>"
    )
