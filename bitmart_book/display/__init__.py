"""How a book looks: a ladder as text or as HTML, asks above and bids below, and a book in one line.

Every one shows the last known values in any state and says how far to trust them. Plain strings;
the colours of a terminal are the terminal's business. Reads only the public face of a book.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from bitmart_book._book import Book, Level, Quote
from bitmart_book.display.markup import CELL, Head, badge, block, clean, number, numbers, table
from bitmart_book.model import BookState

__all__ = [
    "age",
    "bar",
    "books_html",
    "clean",
    "ended_html",
    "html",
    "ladder",
    "line",
    "number",
]

_EIGHTHS = " ▏▎▍▌▋▊▉"
_HTML_LEVELS = 8
# So many books of a feed are shown, those that are not LIVE first.
_HTML_BOOKS = 40

# Translucent, so that they lie on a light page as well as on a dark one.
_BARS = {"ask": "rgba(248,81,73,.4)", "bid": "rgba(46,160,67,.4)", "": "rgba(128,128,128,.3)"}


def age(seconds: float | None) -> str:
    """The age of a book in at most five characters; "-" where there is no clock."""
    if seconds is None:
        return "-"
    if seconds < 99.95:
        return f"{max(0.0, seconds):.1f}s"
    return f"{seconds / 60:.0f}m" if seconds < 5970 else f"{min(seconds / 3600, 9999):.0f}h"


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


def html(book: Book, levels: int = _HTML_LEVELS, at: datetime | None = None) -> str:
    """The book as a ladder for a notebook. at: when that was, now if nothing is said. Never raises:
    what cannot be shown is described."""
    try:
        copy = book.peek()
        facts = f"{_facts(copy)} · {_at(at)}"
        return _html(copy, levels, copy.state == BookState.LIVE, _said(copy), facts)
    except Exception as error:
        return f"<pre>{escape(repr(book))}\n{escape(f'{type(error).__name__}: {error}')}</pre>"


def ended_html(copy: Book, levels: int, at: datetime) -> str:
    """A frozen copy as the last picture of a ladder that is over: nothing of it is of now."""
    said = f"{badge('ENDED')} this ladder was {copy.state} at {at:%H:%M:%S} UTC"
    return _html(copy, levels, False, said, "the last values that it showed, and not those of now")


def _at(moment: datetime | None) -> str:
    """When a picture was made: a notebook is read long after that."""
    moment = datetime.now(UTC) if moment is None else moment
    return f"at {moment:%H:%M:%S}.{moment.microsecond // 100_000} UTC"


def _said(copy: Book) -> str:
    reason = f" {escape(clean(copy.reason))}" if copy.reason else ""
    return f"{badge(copy.state)}{reason}"


def _facts(copy: Book) -> str:
    return (
        f"sequence {'-' if copy.sequence is None else copy.sequence} · "
        f"age {age(copy.quote.age)} · {len(copy.bids)} bids, {len(copy.asks)} asks"
        f"{'' if copy.state == BookState.LIVE else ' · last known values, not to be trusted'}"
    )


def _html(copy: Book, levels: int, is_live: bool, said: str, facts: str) -> str:
    """said: markup beside the symbol; facts: text below."""
    depth = copy.depth(levels, exact=True)
    rungs = [*reversed(depth.asks), *depth.bids]
    decimals = max((_decimals(price) for price, _ in rungs), default=0)
    largest = max((size for _, size in rungs), default=Decimal(1))
    sizes = numbers(size for _, size in rungs)

    def row(place: int, side: str) -> str:
        price, size = rungs[place]
        length = max(1, round(float(size / largest) * 100))
        colour = _BARS[side if is_live else ""]
        return (
            f'<tr title="{side}" style="background:none">'
            f'<td style="{CELL}">{price:.{decimals}f}</td>'
            f'<td style="{CELL}">{sizes[place]}</td>'
            f'<td style="{CELL};width:160px"><div style="width:{length}%;height:11px;'
            f'background:{colour}"></div></td></tr>'
        )

    old = "" if is_live else "opacity:.5;"
    asks = len(depth.asks)
    rows = [
        *(row(place, "ask") for place in range(asks)),
        f'<tr style="background:none"><td colspan="3" style="{CELL};text-align:center;'
        f'opacity:.7">{_between(copy)}</td></tr>',
        *(row(place, "bid") for place in range(asks, len(rungs))),
    ]
    return (
        '<div style="font-family:ui-monospace,monospace;font-size:12px;line-height:1.4">'
        f"<div><b>{escape(copy.symbol)}</b> "
        f'<span style="opacity:.7">{escape(copy.channel)}</span> {said}</div>'
        f'<table style="{old}font:inherit;border-collapse:collapse;border:0;margin:4px 0">'
        f'{"".join(rows)}</table><div style="opacity:.7">{escape(facts)}</div></div>'
    )


_HEADS = (
    Head("symbol", "text"), Head("channel", "text"), Head("state", "markup"), Head("bid"),
    Head("bid size"), Head("ask"), Head("ask size"), Head("age"), Head("", "text"),
)  # fmt: skip


def books_html(title: str, books: Sequence[Book]) -> str:
    """Many books as the table of a notebook, a row each. Never raises. The prices of one that is
    not LIVE are not shown: beside others they would be taken for prices."""
    rows = [(book, book.quote_in_any_state()) for book in books]
    rows.sort(key=lambda row: row[1].state == BookState.LIVE)
    more = len(rows) - _HTML_BOOKS
    rest = [f"<div>and {more:,} more</div>"] if more > 0 else []
    shown = table(_HEADS, [_book_row(*row) for row in rows[:_HTML_BOOKS]])
    return block(title, shown, *rest, note=_at(None))


def _book_row(book: Book, quote: Quote) -> tuple[object, ...]:
    bid, bid_size, ask, ask_size = (None if one is None else number(one) for one in quote.exact)
    why = "" if quote.state == BookState.LIVE else book.reason or ""
    return (
        quote.symbol, book.channel, badge(quote.state),
        bid, bid_size, ask, ask_size, age(quote.age), why,
    )  # fmt: skip


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
