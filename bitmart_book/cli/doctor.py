"""`bitmart-book doctor`: says in sentences what works here and what does not.

Connects to nothing but this machine, unless it is asked about books.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

import click

import bitmart_book as bb
from bitmart_book import _book
from bitmart_book.cli._attached import is_attached
from bitmart_book.cli._live import Stop, connected, silent, source_option

__all__ = ["Finding", "doctor", "examine"]

PATIENCE = 10.0
PAUSE = 0.05

CLOSES = date(2027, 1, 31)

SNAPSHOT = (
    '{"table":"spot/depth/increase100","data":[{"symbol":"BTC_USDT","type":"snapshot","version":1,'
    '"ms_t":1,"bids":[["99.5","1"],["99","2"]],"asks":[["100.5","3"]]}]}'
)
UPDATE = (
    '{"table":"spot/depth/increase100","data":[{"symbol":"BTC_USDT","type":"update","version":2,'
    '"ms_t":2,"bids":[["99.5","0"]],"asks":[["100","4"]]}]}'
)


class Finding(NamedTuple):
    """One sentence, and whether it is good news: None where nothing depends on it."""

    good: bool | None
    sentence: str


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@source_option
@click.option("--live", is_flag=True, help="One page about what comes from there, to be sent.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Of --live: for how long to listen.",
)
def doctor(
    symbols: tuple[str, ...], source: str, venues: tuple[str, ...], live: bool, seconds: float
) -> int:
    """Say in sentences what works and what does not.

    With SYMBOL, say also how its book at the source is: its state, why, since when, and what is
    being done about it. Without, connect to nothing but this machine.

    With --live, listen to the venue itself for a while and print one page: what proved the books
    and whether it did, where the wire was not as it is documented, silences, limits met. Nobody has
    run this package against the live Kraken, OKX and Bybit: such a page, with a capture made by
    `record`, is the report that is missing.

    The exit status is 1 if something essential does not work, or a book is not LIVE within ten
    seconds.
    """
    if live:
        if is_attached(source):
            raise bb.UsageError("--live listens to the venue itself, or to the simulator")
        from bitmart_book.cli._page import page

        for line in page(symbols, source, venues, seconds):
            click.echo(line)
        return 0
    essential = _shown(examine(date.today()))
    books = _shown(_books(symbols, source, venues)) if symbols else []
    click.echo(_conclusion(essential, books))
    return int(not all(essential + books))


def _shown(findings: Iterator[Finding]) -> list[bool]:
    """Show each as soon as it is known; whether what depends on it works."""
    works = []
    for finding in findings:
        _show(finding)
        works.append(finding.good is not False)
    return works


def _conclusion(essential: list[bool], books: list[bool]) -> str:
    """The one sentence that is left at the bottom of the screen."""
    ill = books.count(False)
    if not all(essential):
        return "Something essential does not work."
    if ill:
        return f"All that is essential works here, and {ill} of {len(books)} books cannot be read."
    return "All that is essential works."


def _show(finding: Finding) -> None:
    mark = {True: "works  ", False: "BROKEN ", None: "note   "}[finding.good]
    colour = {True: "green", False: "red", None: "yellow"}[finding.good]
    click.echo(click.style(mark, fg=colour, bold=finding.good is False) + finding.sentence)


def _books(symbols: tuple[str, ...], source: str, venues: tuple[str, ...]) -> Iterator[Finding]:
    """How the books of these symbols are, once they are LIVE or it has taken too long."""
    stop = Stop(PATIENCE)
    with connected(symbols, source, venues) as following:
        books = following.books
        while (
            any(book.state not in (bb.BookState.LIVE, bb.BookState.REJECTED) for book in books)
            and not stop
            and not following.over()
            and not following.is_hopeless(stop.elapsed)
        ):
            stop.sleep(PAUSE)
        for book in books:
            sentence = following.feed.explain(f"{book.channel}:{book.symbol}")
            yield Finding(book.state == bb.BookState.LIVE, sentence)


def examine(today: date) -> Iterator[Finding]:
    """Every finding, as soon as it is known."""
    yield _python()
    yield _guarded("The compiled book", _compiled)
    yield from _optional()
    yield _guarded("The built-in simulator", _simulator)
    yield _venue(today)


def _guarded(what: str, check: Callable[[], str]) -> Finding:
    """A doctor that falls ill himself helps nobody: whatever goes wrong becomes a sentence."""
    try:
        return Finding(True, check())
    except Exception as error:
        problem = " ".join(str(error).split()) or "no message"
        return Finding(False, f"{what} does not work: {type(error).__name__}: {problem}")


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding(
        good,
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        + ("." if good else ": 3.11 or newer is needed."),
    )


def _compiled() -> str:
    engine = bb.Engine()
    engine.apply(SNAPSHOT)
    change = engine.apply(UPDATE)
    book = engine["BTC_USDT"]
    book.check()
    found = (book.state, book.best_bid, book.best_ask, bool(change & bb.Change.TOP))
    expected = (bb.BookState.LIVE, bb.Level("99", "2"), bb.Level("100", "4"), True)
    if found != expected:
        raise bb.InvariantError(f"expected {expected}, was {found}")
    at_once = _book._characters_at_once
    return (
        f"The compiled book of bitmart_book {bb.__version__} reads a snapshot and an update "
        f"and is right about both; it takes {at_once} character{'s' * (at_once > 1)} at a time"
        f"{'' if _book._rounds_once else ', and makes floats of texts'}."
    )


def _optional() -> Iterator[Finding]:
    for package, use in (
        ("zstandard", "captures that end with .zst"),
        ("pandas", "depth().to_pandas()"),
        ("polars", "depth().to_polars()"),
        ("textual", "the keys of `watch`"),
    ):
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(None, f"{package} is not installed; only {use} would need it.")
        else:
            yield Finding(True, f"{package} {version} is installed, for {use}.")


def _simulator() -> str:
    started = time.monotonic()
    with bb.connect("BTC_USDT", source="sim", timeout=PATIENCE, logger=silent()) as feed:
        book = feed["BTC_USDT"]
        quote = book.quote
        book.peek().check()
        took = time.monotonic() - started
    return (
        f"The built-in simulator started on this machine, and the book of BTC_USDT was LIVE "
        f"{took:.1f} s later, at {quote.bid} / {quote.ask}."
    )


def _venue(today: date) -> Finding:
    means = (
        "`--source live` cannot work any more"
        if today >= CLOSES
        else "`--source live` may not work now, and will end"
    )
    return Finding(
        None,
        "BitMart is winding down: announced on 2026-07-26, trading ended on 2026-08-26, the "
        f"platform {'closed' if today >= CLOSES else 'closes'} on 2027-01-31. {means}; "
        "`--source sim` and captures do not need it. Nothing was sent to BitMart to find out.",
    )
