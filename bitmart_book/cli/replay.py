"""`bitmart-book replay`: captured frames through the engine, and the books at their end."""

from __future__ import annotations

import json
import sys

import click

import bitmart_book as bb
from bitmart_book.cli._live import chosen, venue_option
from bitmart_book.cli._progress import reading
from bitmart_book.cli._rows import named, row
from bitmart_book.display import ladder

__all__ = ["replay"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per book and line.")
@click.option("--max-levels", default=50_000, show_default=True, help="Levels kept on each side.")
@click.option("--levels", default=8, show_default=True, help="Levels shown on each side.")
@click.option("--skip-bad-lines", is_flag=True, help="Report bad lines at the end and go on.")
@venue_option
@click.option("--shadow", is_flag=True, help="Check every frame against the reference book.")
def replay(
    files: tuple[str, ...],
    as_json: bool,
    max_levels: int,
    levels: int,
    skip_bad_lines: bool,
    venues: tuple[str, ...],
    shadow: bool,
) -> int:
    """Run captured frames through the engine and show the books as they are at the end.

    A capture is JSON lines, plain or compressed with gzip or zstd; each FILE counts as a
    connection of its own.
    """
    with reading() as progress:
        feed = bb.connect(
            source=files,
            venue=chosen(venues),
            max_levels=max_levels,
            shadow=shadow,
            on_bad_line="skip" if skip_bad_lines else "raise",
            progress=progress,
        )
    with feed:
        if as_json:
            for name, book in named(feed.books).items():
                click.echo(json.dumps(row(name, book)))
        else:
            _print_ladders(feed, levels)
        for problem in feed.bad_lines:
            click.echo(f"bitmart-book: skipped {problem}", err=True)
    return 1 if feed.bad_lines else 0


def _print_ladders(feed: bb.sync.Feed, levels: int) -> None:
    from rich.columns import Columns
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    styles = {"title": "bold", "ask": "red", "spread": "dim", "bid": "green"}
    panels = []
    for book in feed.books:
        text = Text("\n", no_wrap=True).join(
            Text(line, style=styles[kind]) for kind, line in ladder(book, levels)
        )
        panels.append(Panel(text, title=book.channel, subtitle=f"sequence {book.sequence}"))
    Console(file=sys.stdout).print(Columns(panels))
    stats = feed.stats
    click.echo(
        f"{stats['frames']:,} frames, {stats['books']} books, "
        f"{sum(book.stats['gaps'] for book in feed.books)} gaps, "
        f"{stats['bad_frames']} bad frames"
    )
