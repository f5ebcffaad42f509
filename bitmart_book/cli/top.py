"""`bitmart-book top`: one line for each symbol, then the end."""

from __future__ import annotations

import json

import click

import bitmart_book as bb
from bitmart_book import display
from bitmart_book.cli._live import Stop, connected, source_option
from bitmart_book.cli._rows import named, row_of_now

__all__ = ["top"]

PAUSE = 0.02


@click.command()
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@source_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object per symbol and line.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Seconds within which every symbol has to be LIVE.",
)
def top(
    symbols: tuple[str, ...], source: str, venues: tuple[str, ...], as_json: bool, timeout: float
) -> int:
    """Print the best prices of each symbol, and end.

    The exit status is 1 if some symbol was not LIVE in time.
    """
    stop = Stop(timeout)
    with connected(symbols, source, venues) as following:
        books = following.books
        while (
            any(map(_may_become_live, books))
            and not stop
            and not following.over()
            and not following.is_hopeless(stop.elapsed)
        ):
            stop.sleep(PAUSE)
        for name, book in named(books).items():
            click.echo(json.dumps(row_of_now(name, book)) if as_json else display.line(book, name))
        ill = [book for book in books if book.state != bb.BookState.LIVE]
        if ill and len(ill) == len(books):
            raise following.impatience(stop.elapsed)
        if ill:
            click.echo(f"bitmart-book: {len(ill)} of {len(books)} not LIVE", err=True)
    return 1 if ill else 0


def _may_become_live(book: bb.Book) -> bool:
    return book.state not in (
        bb.BookState.LIVE,
        bb.BookState.REJECTED,
        bb.BookState.CLOSED,
    )
