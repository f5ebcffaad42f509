"""`bitmart-book record`: captures raw frames into a file."""

from __future__ import annotations

import os

import click

import bitmart_book as bb
from bitmart_book.cli._attached import is_attached
from bitmart_book.cli._live import Stop, connected, is_capture, seconds_option, source_option
from bitmart_book.cli._metrics import metrics_option, served
from bitmart_book.cli._out import check_free, size_of

__all__ = ["record"]

PAUSE = 0.25


@click.command()
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where to; a name that ends with .gz is compressed.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is not empty.")
@source_option
@seconds_option
@metrics_option
def record(
    symbols: tuple[str, ...],
    out: str,
    force: bool,
    source: str,
    venues: tuple[str, ...],
    seconds: float | None,
    metrics_at: str | None,
) -> None:
    """Capture every frame as it arrives, until Ctrl-C, for `replay` and `--source FILE`.

    SYMBOL may also be a raw topic, such as spot/trade:BTC_USDT.
    """
    from rich.console import Console
    from rich.status import Status

    if is_capture(source):
        raise bb.UsageError(f"{source} is a capture already: record takes live or sim")
    if is_attached(source):
        raise bb.UsageError(f"{source} brings no frames: record them where they are published")
    check_free(out, force=force)
    if size_of(out):
        _remove(out)
    errors = Console(stderr=True, highlight=False)
    frames = 0
    with Stop(seconds) as stop:
        with (
            connected(symbols, source, venues, record=out) as following,
            served(following.feed, metrics_at),
            Status("connecting", console=errors) as status,
        ):
            feed = following.feed
            stop.begin()
            while not stop and not following.over():
                stop.sleep(PAUSE)
                frames = feed.stats["frames"]
                following.check(stop.elapsed)
                ill = sum(book.state != bb.BookState.LIVE for book in feed.books)
                status.update(
                    f"{frames:,} frames, {size_of(out):,} bytes, {stop.elapsed:.0f} s"
                    + (f", {ill} of {len(feed.books)} books not LIVE" if ill else "")
                )
        # After closing, because only then everything is in the file.
        click.echo(f"{frames:,} frames, {size_of(out):,} bytes in {out}")


def _remove(path: str) -> None:
    """Away with a plain file, or with a link and not with what it leads to."""
    try:
        os.unlink(path)
    except OSError as error:
        raise bb.UsageError(f"cannot overwrite {path}: {error.strerror or error}") from None
