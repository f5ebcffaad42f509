"""`bitmart-book watch`: live ladders in the terminal, plain lines in a pipe."""

from __future__ import annotations

import io
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import bitmart_book as bb
from bitmart_book import display
from bitmart_book.cli._keys import follow, have_keys
from bitmart_book.cli._live import (
    Following,
    Stop,
    account,
    connected,
    is_capture,
    seconds_option,
    source_option,
)
from bitmart_book.cli._metrics import metrics_option, served
from bitmart_book.cli._rows import named

if TYPE_CHECKING:
    from rich.console import Console

    from bitmart_book.cli.terminal.screen import Screen

__all__ = ["watch"]

# Faster than anybody reads prices, and slow enough to cost a few percent of one core.
REFRESH = 0.2
PLAIN_SIZE = (80, 24)


@click.command()
@click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")
@source_option
@seconds_option
@click.option("--levels", type=click.IntRange(min=1), help="Show at most so many on each side.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Of a capture: 1 as it was recorded, 0 as fast as possible.",
)
@click.option(
    "--faults",
    metavar="SPEC",
    help="What goes wrong in the simulator, as of `sim`: a book leaves LIVE and comes back.",
)
@click.option(
    "--orders",
    is_flag=True,
    help="Mark open orders of your own, of the account whose keys the environment has.",
)
@click.option(
    "--keys/--no-keys",
    default=None,
    help="Sort, filter, select by keys; by itself where Textual is there and the terminal is one.",
)
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, writable=True),
    help="At the end write the last screen as a picture.",
)
@metrics_option
def watch(
    symbols: tuple[str, ...],
    source: str,
    venues: tuple[str, ...],
    seconds: float | None,
    levels: int | None,
    speed: float,
    faults: str | None,
    orders: bool,
    keys: bool | None,
    svg: str | None,
    metrics_at: str | None,
) -> None:
    """Show order books as they change, until Ctrl-C.

    With Textual (pip install 'bitmart_book[watch]') all books as a table and the selected one as a
    ladder with its trades, how its mid went, and your own orders; keys sort, filter, select and
    group, and ? names them. Without, ladders side by side, as many levels as fit; many symbols
    become rows of a table. In a pipe, one plain line for each symbol and second.
    """
    from rich.console import Console

    from bitmart_book.cli.terminal.screen import Screen

    screen = Screen("addresses of a server" if source.startswith("{") else source, levels)
    console = Console(highlight=False)
    with_keys = have_keys(keys, console)
    options: dict[str, Any] = {"speed": speed} if is_capture(source) else {}
    if orders or source.startswith("{"):
        options.update(account(source, venues))
    with (
        Stop(seconds) as stop,
        connected(symbols, source, venues, faults=faults, **options) as following,
        served(following.feed, metrics_at),
    ):
        if orders or "credentials" in options:
            _subscribe_orders(following)
        if not with_keys and not is_capture(source):
            _subscribe_trades(following.feed)
        stop.begin()
        if with_keys:
            follow(following, source, stop, console)
            _look(following, screen, stop, console.height)
            _print(following)
        elif console.is_terminal and not console.is_dumb_terminal:
            draw(following, screen, console, stop)
        else:
            print_lines(following, screen, stop)
        if svg is not None:
            write_svg(screen, console, svg)


def draw(following: Following, screen: Screen, console: Console, stop: Stop) -> None:
    """Redraw the terminal until it is time to end; then leave the last state in plain lines.

    The end of a capture is no reason to leave: there is something to look at.
    """
    from rich.live import Live

    with Live(screen, console=console, screen=True, auto_refresh=False) as live:
        while True:
            _look(following, screen, stop, console.height)
            live.refresh()
            if stop:
                break
            following.over()
            following.check(stop.elapsed)
            stop.sleep(REFRESH)
    _print(following)


def print_lines(following: Following, screen: Screen, stop: Stop) -> None:
    """Lines each second until it is time to end or nothing more can come."""
    while True:
        stop.sleep(1.0)
        over = following.over()
        following.check(stop.elapsed)
        _look(following, screen, stop, PLAIN_SIZE[1])
        _print(following)
        if over or stop:
            break


def write_svg(screen: Screen, console: Console, path: str) -> None:
    """The screen as it was seen last, as SVG of the terminal's size."""
    from rich.console import Console

    width, height = console.size if console.is_terminal else PLAIN_SIZE
    paper = Console(
        record=True,
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    paper.print(screen, end="", height=height)
    # A picture that fetches nothing: rich names a font of somebody else's server.
    text = re.sub(r"@font-face \{.*?\}\s*", "", _svg(paper), flags=re.DOTALL)
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise bb.UsageError(f"cannot write {path}: {error.strerror or error}") from None


def _svg(paper: Console) -> str:
    from rich.terminal_theme import TerminalTheme

    colours = [
        (13, 17, 23),
        (248, 81, 73),
        (63, 185, 80),
        (210, 153, 34),
        (56, 139, 253),
        (137, 87, 229),
        (57, 197, 207),
        (240, 246, 252),
    ]
    theme = TerminalTheme((13, 17, 23), (201, 209, 217), colours)
    return paper.export_svg(title="bitmart-book watch", theme=theme, unique_id="watch")


def _look(following: Following, screen: Screen, stop: Stop, height: int) -> None:
    screen.observe(named(following.books), stop.clock(), time.strftime("%H:%M:%S"), deepest=height)


def _print(following: Following) -> None:
    for name, book in named(following.books).items():
        click.echo(display.line(book, name))


def _subscribe_orders(following: Following) -> None:
    """So that the account knows what is open; nobody reads the words about it."""
    for market in {book.market for book in following.books}:
        with suppress(bb.UsageError, bb.LimitError):
            following.feed.orders(market=market, maxsize=1)


def _subscribe_trades(feed: bb.sync.Feed) -> None:
    """So that the books know their last trade; nobody reads the trades themselves."""
    for symbol in {f"{book.market}:{book.symbol}" for book in feed.books}:
        with suppress(bb.UsageError, bb.LimitError):
            feed.trades(symbol, maxsize=1)
