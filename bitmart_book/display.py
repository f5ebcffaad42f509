"""How a book looks as text: a ladder with its state, asks above and bids below.

Plain strings of a fixed width; colours are the terminal's business. Reads only the public face.
"""

from __future__ import annotations

from decimal import Decimal

from bitmart_book._book import Book

__all__ = ["ladder", "number"]

_EIGHTHS = " ▏▎▍▌▋▊▉"


def number(value: Decimal) -> str:
    """An exact decimal without exponent and without superfluous zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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
        bar = _bar(float(size / largest), bar_width)
        return f"{price:>{prices}.{decimals}f}  {number(size):>{sizes}}  {bar}"

    width = prices + sizes + bar_width + 4
    reason = f" ({copy.reason})" if copy.reason else ""
    spread = copy.depth(1, exact=True)
    between = (
        f"spread {number(spread.asks[0][0] - spread.bids[0][0])}"
        if len(spread.bids) and len(spread.asks)
        else "one side is empty"
    )
    return [
        ("title", f"{copy.symbol} {copy.state}{reason}".ljust(width)),
        *(("ask", row(price, size)) for price, size in reversed(depth.asks)),
        ("spread", between.center(width, "─")),
        *(("bid", row(price, size)) for price, size in depth.bids),
    ]


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _bar(share: float, width: int) -> str:
    eighths = max(1, round(share * width * 8))
    whole, part = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(width)
