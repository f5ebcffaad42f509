"""How a book looks: a ladder as text or as HTML, asks above and bids below, and a book in one line.

Every one shows the last known values in any state and says how far to trust them. Plain strings;
the colours of a terminal are the terminal's business. Reads only the public face of a book.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from bitmart_book._book import Book, Level, Quote
from bitmart_book.model import BookState

__all__ = ["age", "bar", "books_html", "clean", "html", "ladder", "line", "number"]

_EIGHTHS = " ▏▎▍▌▋▊▉"
_HTML_LEVELS = 8
# So many books of a feed are shown, those that are not LIVE first.
_HTML_BOOKS = 40

# Backgrounds of the badge, each with a contrast of at least 4.5 to its white text.
_BADGES = {
    BookState.CONNECTING: "#6e7681",
    BookState.SYNCING: "#0969da",
    BookState.LIVE: "#1a7f37",
    BookState.STALE: "#9a6700",
    BookState.GAP: "#cf222e",
    BookState.CLOSED: "#57606a",
    BookState.REJECTED: "#8250df",
}
# Translucent, so that they lie on a light page as well as on a dark one.
_BARS = {"ask": "rgba(248,81,73,.4)", "bid": "rgba(46,160,67,.4)", "": "rgba(128,128,128,.3)"}
_CELL = "padding:0 6px;border:0;text-align:right;color:inherit;background:none"


def number(value: Decimal) -> str:
    """An exact decimal without exponent and without superfluous zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def age(seconds: float | None) -> str:
    """The age of a book in at most five characters; "-" where there is no clock."""
    if seconds is None:
        return "-"
    if seconds < 99.95:
        return f"{max(0.0, seconds):.1f}s"
    return f"{seconds / 60:.0f}m" if seconds < 5970 else f"{min(seconds / 3600, 9999):.0f}h"


def clean(text: str) -> str:
    """One line without control characters: a reason may quote what the venue sent."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)


def bar(share: float, width: int) -> str:
    """A bar over that share of the width, at least an eighth of a character long."""
    eighths = min(width * 8, max(1, round(share * width * 8)))
    whole, part = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(width)


def ladder(book: Book, levels: int = 10, *, bar_width: int = 16) -> list[tuple[str, str]]:
    """Lines of (kind, text), kind "title", "ask", "spread" or "bid", best levels in the middle.

    Shows the last known values in any state; the title says how far to trust them. Lines of one
    ladder have one width.
    """
    copy = book.peek()
    depth = copy.depth(levels, exact=True)
    largest = max((size for _, size in [*depth.bids, *depth.asks]), default=Decimal(1))
    decimals = max((_decimals(price) for price, _ in [*depth.bids, *depth.asks]), default=0)
    prices = max((len(f"{p:.{decimals}f}") for p, _ in [*depth.bids, *depth.asks]), default=5)
    sizes = max((len(number(s)) for _, s in [*depth.bids, *depth.asks]), default=4)

    def row(price: Decimal, size: Decimal) -> str:
        share = float(size / largest)
        return f"{price:>{prices}.{decimals}f}  {number(size):>{sizes}}  {bar(share, bar_width)}"

    width = prices + sizes + bar_width + 4
    return [
        ("title", f"{copy.symbol} {copy.state}{_because(copy)}".ljust(width)),
        *(("ask", row(price, size)) for price, size in reversed(depth.asks)),
        ("spread", _between(copy).center(width, "─")),
        *(("bid", row(price, size)) for price, size in depth.bids),
    ]


def line(book: Book, name: str | None = None) -> str:
    """A book in one line: name, state, both best levels, sequence and age."""
    copy = book.peek()
    return (
        f"{name or copy.symbol} {copy.state}{_because(copy)}"
        f" | {'' if copy.state == BookState.LIVE else 'last known '}"
        f"bid {_level(copy.best_bid)} | ask {_level(copy.best_ask)}"
        f" | sequence {'-' if copy.sequence is None else copy.sequence}"
        f" | age {age(copy.quote.age)}"
    )


def html(book: Book) -> str:
    """The book as a ladder for a notebook. Never raises: what cannot be shown is described."""
    try:
        return _html(book.peek())
    except Exception as error:
        return f"<pre>{escape(repr(book))}\n{escape(f'{type(error).__name__}: {error}')}</pre>"


def _html(copy: Book) -> str:
    depth = copy.depth(_HTML_LEVELS, exact=True)
    live = copy.state == BookState.LIVE
    decimals = max((_decimals(price) for price, _ in [*depth.bids, *depth.asks]), default=0)
    largest = max((size for _, size in [*depth.bids, *depth.asks]), default=Decimal(1))

    def row(side: str, price: Decimal, size: Decimal) -> str:
        length = max(1, round(float(size / largest) * 100))
        colour = _BARS[side if live else ""]
        return (
            f'<tr title="{side}" style="background:none">'
            f'<td style="{_CELL}">{price:.{decimals}f}</td>'
            f'<td style="{_CELL}">{number(size)}</td>'
            f'<td style="{_CELL};width:160px"><div style="width:{length}%;height:11px;'
            f'background:{colour}"></div></td></tr>'
        )

    reason = f" {escape(clean(copy.reason))}" if copy.reason else ""
    old = "" if live else "opacity:.5;"
    facts = (
        f"sequence {'-' if copy.sequence is None else copy.sequence} · "
        f"age {age(copy.quote.age)} · {len(copy.bids)} bids, {len(copy.asks)} asks"
        f"{'' if live else ' · last known values, not to be trusted'}"
    )
    rows = [
        *(row("ask", price, size) for price, size in reversed(depth.asks)),
        f'<tr style="background:none"><td colspan="3" style="{_CELL};text-align:center;'
        f'opacity:.7">{_between(copy)}</td></tr>',
        *(row("bid", price, size) for price, size in depth.bids),
    ]
    return (
        '<div style="font-family:ui-monospace,monospace;font-size:12px;line-height:1.4">'
        f"<div><b>{escape(copy.symbol)}</b> "
        f'<span style="opacity:.7">{escape(copy.channel)}</span> '
        f"{_badge(copy.state)}{reason}</div>"
        f'<table style="{old}border-collapse:collapse;border:0;margin:4px 0">'
        f'{"".join(rows)}</table><div style="opacity:.7">{facts}</div></div>'
    )


def books_html(title: str, books: Sequence[Book]) -> str:
    """Many books as the table of a notebook, a row each. Never raises. The prices of one that is
    not LIVE are not shown: beside others they would be taken for prices."""
    rows = [(book, book.quote_in_any_state()) for book in books]
    rows.sort(key=lambda row: row[1].state == BookState.LIVE)
    words = ("symbol", "channel", "state", "bid", "size", "ask", "size", "age", "")
    head = "".join(f'<th style="{_CELL}">{word}</th>' for word in words)
    more = len(rows) - _HTML_BOOKS
    return (
        '<div style="font-family:ui-monospace,monospace;font-size:12px;line-height:1.6">'
        f"<div><b>{escape(title)}</b></div>"
        f'<table style="border-collapse:collapse;border:0;margin:4px 0"><tr>{head}</tr>'
        f"{''.join(_book_row(*row) for row in rows[:_HTML_BOOKS])}</table>"
        f"{f'<div>and {more:,} more</div>' if more > 0 else ''}</div>"
    )


def _book_row(book: Book, quote: Quote) -> str:
    bid, bid_size, ask, ask_size = ("-" if one is None else number(one) for one in quote.exact)
    why = "" if quote.state == BookState.LIVE else escape(clean(book.reason or ""))
    cells = (
        escape(quote.symbol), escape(book.channel), _badge(quote.state),
        bid, bid_size, ask, ask_size, age(quote.age), why,
    )  # fmt: skip
    shown = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
    return f'<tr style="background:none">{shown}</tr>'


def _badge(state: BookState) -> str:
    style = (
        f"background:{_BADGES.get(state, '#57606a')};color:#fff;border-radius:4px;"
        "padding:1px 6px;font-weight:bold"
    )
    return f'<span style="{style}">{state}</span>'


def _because(copy: Book) -> str:
    return f" ({clean(copy.reason)})" if copy.reason else ""


def _level(level: Level | None) -> str:
    return "-" if level is None else " x ".join(number(value) for value in level.exact)


def _between(copy: Book) -> str:
    bid, ask = copy.best_bid, copy.best_ask
    if bid is None and ask is None:
        return "both sides are empty"
    if bid is None or ask is None:
        return "one side is empty"
    return f"spread {number(ask.exact[0] - bid.exact[0])}"


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
