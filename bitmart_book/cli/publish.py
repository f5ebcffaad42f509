"""`bitmart-book publish`: books that every other program of this machine can read."""

from __future__ import annotations

import click

import bitmart_book as bb
from bitmart_book.cli._attached import is_attached
from bitmart_book.cli._live import Stop, connected, is_capture, seconds_option, source_option
from bitmart_book.cli._metrics import metrics_option, served
from bitmart_book.cli._rows import named

__all__ = ["publish"]

PAUSE = 0.25


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@source_option
@click.option(
    "--levels",
    type=click.IntRange(min=1, max=1_000),
    default=20,
    show_default=True,
    help="Of each side.",
)
@seconds_option
@metrics_option
def publish(
    name: str,
    symbols: tuple[str, ...],
    source: str,
    venues: tuple[str, ...],
    levels: int,
    seconds: float | None,
    metrics_at: str | None,
) -> None:
    """Keep books and let the other programs of this machine read them, until Ctrl-C.

    They read them with `bb.attach(NAME)`, or `--source attach:NAME`. A line is printed whenever the
    state of a book is another.
    """
    if is_capture(source) or is_attached(source):
        raise bb.UsageError("publish takes --source live or sim, or the address of a server")
    with (
        Stop(seconds) as stop,
        connected(symbols, source, venues) as following,
        served(following.feed, metrics_at),
    ):
        following.feed.publish(name, levels)
        click.echo(f"published as {name}, {levels} levels a side: {', '.join(symbols)}")
        said: dict[str, bb.BookState] = {}
        stop.begin()
        while not stop and not following.over():
            for symbol, book in named(following.books).items():
                state = book.state
                if said.get(symbol) != state:
                    said[symbol] = state
                    click.echo(f"{symbol} {state}{f': {book.reason}' if book.reason else ''}")
            stop.sleep(PAUSE)
