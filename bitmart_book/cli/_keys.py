"""What `watch` has with keys: whether it can, and a feed as the screen with keys sees it."""

from __future__ import annotations

import codecs
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import bitmart_book as bb
from bitmart_book.cli._live import Following, Stop
from bitmart_book.cli._rows import named
from bitmart_book.cli.terminal.picture import Watched
from bitmart_book.cli.terminal.tape import KEPT, Tape

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["follow", "have_keys"]


def have_keys(wanted: bool | None, console: Console) -> bool:
    """Whether keys can be read and a library for them is there. wanted: what was said about it;
    UsageError where that cannot be."""
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    whole = all(stream is not None and stream.isatty() for stream in streams)
    if wanted and not whole:
        raise bb.UsageError("--keys needs a terminal for its input, its output and its errors")
    drawn = whole and console.is_terminal and not console.is_dumb_terminal
    if wanted is None:
        return drawn and importlib.util.find_spec("textual") is not None
    return wanted


def follow(following: Following, source: str, stop: Stop, console: Console) -> None:
    """Show the books, with keys, until a key or the time or a signal ends it."""
    from bitmart_book.cli.terminal.app import Keyed

    watched = watch_of(following, source)

    def ended() -> bool:
        if stop:
            return True
        following.over()
        following.check(stop.elapsed)
        return False

    app = Keyed(watched, ended, plain=is_plain(console.encoding), clock=stop.clock)
    app.run(mouse=False)
    if app.failure is not None:
        raise app.failure


def is_plain(encoding: str) -> bool:
    """Whether a terminal has no more characters than ASCII, or others than we need."""
    return codecs.lookup(encoding).name != "utf-8"


def watch_of(following: Following, source: str) -> Watched:
    """What is watched of a feed."""
    tape = Tape(_trades(following))
    account = None
    with suppress(bb.UsageError):  # a capture has none
        account = following.feed.account

    def books() -> Mapping[str, bb.Book]:
        tape.take()
        return named(following.books)

    def orders() -> Iterable[tuple[bb.Order, bool]]:
        if account is None:
            return ()
        unconfirmed = (one for one in account.unconfirmed if isinstance(one, bb.Order))
        doubtful = {one.order_id for one in unconfirmed} | account.unclear.keys()
        return [(order, name in doubtful) for name, order in account.orders.items()]

    # What `sim` prints holds the keys of its account.
    place = "addresses of a server" if source.startswith("{") else source
    return Watched(place, books, tape.of, orders)


def _trades(following: Following) -> dict[tuple[str, str], bb.sync.Stream[bb.Trade]]:
    found = {}
    for book in following.books:
        with suppress(bb.UsageError, bb.LimitError):
            key = (book.market, book.symbol)
            found[key] = following.feed.trades(":".join(key), maxsize=KEPT)
    return found
