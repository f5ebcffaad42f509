"""What the commands that follow a feed share: where from, until when, and what to say if not."""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar, cast

import click

import bitmart_book as bb
from bitmart_book.cli._attached import AttachedFeed, is_attached
from bitmart_book.system.signals import ending_signals

__all__ = [
    "Following",
    "Stop",
    "account",
    "chosen",
    "connected",
    "failing",
    "is_capture",
    "seconds_option",
    "silent",
    "spoken",
    "source_option",
    "venue_option",
]

WINDING_DOWN = "BitMart is winding down; "
WAY_OUT = "`--source sim` runs the same against the built-in simulator"
PATIENCE = 10.0
# Where not even a connection can be opened there is nothing to wait for that long.
HOPELESS_AFTER = 3.0
SLICE = 0.2

_Command = TypeVar("_Command", bound=Callable[..., Any])


def source_option(command: _Command) -> _Command:
    named = click.option(
        "--source",
        default="live",
        show_default=True,
        metavar="live|sim|attach:NAME|FILE|ADDRESS",
        help="The venue itself, the built-in simulator, what another program publishes, a capture, "
        "or the address of a server.",
    )(command)
    return venue_option(named)


def venue_option(command: _Command) -> _Command:
    """Which venue's words are spoken; without it BitMart's, or those that a capture says."""
    return click.option(
        "--venue",
        "venues",
        multiple=True,
        metavar="NAME",
        help=f"Whose symbols these are: {', '.join(bb.venues())}. May be repeated.",
    )(command)


def spoken(venues: tuple[str, ...]) -> bb.Venue:
    """The venue, or the several ones in one, that `--venue` named. UsageError for any other."""
    venue: bb.Venue = bb.Engine(venues or None).venue
    return venue


def chosen(venues: tuple[str, ...]) -> tuple[str, ...] | str | None:
    """The venue of a feed, by what `--venue` said. UsageError for one that there is not."""
    spoken(venues)
    return venues or None


def seconds_option(command: _Command) -> _Command:
    return click.option(
        "--seconds",
        type=click.FloatRange(min=0),
        help="End after so long; without it, at Ctrl-C.",
    )(command)


class Stop:
    """Whether to end: asked for by Ctrl-C or another signal, or because the time is over.

    After `begin` the first signal only answers whoever asks this object, so that nothing is torn
    in the middle of a line or of a screen; before it, and from the second on, signals interrupt.
    Entered, it catches the signals and swallows the interruption: to be ended is no failure.
    """

    def __init__(
        self,
        seconds: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self._sleep = sleep
        self._seconds = seconds
        self.started = clock()
        self._asked = False
        self._begun = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stop:
        for number in ending_signals():
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return kind is KeyboardInterrupt

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked or not self._begun:
            raise KeyboardInterrupt
        self._asked = True

    def begin(self) -> None:
        """From now on somebody asks."""
        self._begun = True

    @property
    def elapsed(self) -> float:
        return self.clock() - self.started

    def __bool__(self) -> bool:
        return self._asked or (self._seconds is not None and self.elapsed >= self._seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep so long, or less if it is time to end."""
        until = self.clock() + seconds
        if self._seconds is not None:
            until = min(until, self.started + self._seconds)
        # In slices, because a signal that only asks does not wake a sleeper.
        while not self._asked and (left := until - self.clock()) > 0:
            self._sleep(min(left, SLICE))


class Following:
    """A feed as a command follows it: whether it is over, and when to give up on it."""

    def __init__(self, feed: bb.sync.Feed, books: tuple[bb.Book, ...] | None) -> None:
        self.feed = feed
        self._books = books
        self._content = False
        self._over = False
        self._failure: BaseException | None = None
        self._events: Any = None
        if isinstance(feed, AttachedFeed):
            # Nothing ends it, and what happens to it is told elsewhere.
            return
        self._events = feed.events(maxsize=100)
        self._thread = threading.Thread(target=self._wait, name="end of the feed", daemon=True)
        self._thread.start()

    @property
    def books(self) -> tuple[bb.Book, ...]:
        """The books that were asked for. A capture may hold others."""
        return self.feed.books if self._books is None else self._books

    def _wait(self) -> None:
        try:
            self.feed.wait_for_end()
        except BaseException as error:
            self._failure = error
        self._over = True

    def over(self) -> bool:
        """Whether nothing more can come. Raises what ended the feed early."""
        if self._failure is not None and not self.feed.closed:
            raise self._failure
        return self._over or self.feed.closed

    def check(self, elapsed: float) -> None:
        """Raises if nothing has become LIVE in time, or nothing can any more; says what was
        tried."""
        if self._content or self.over():
            return
        books = self.books
        if any(book.state == bb.BookState.LIVE for book in books):
            self._content = True
        elif books and all(book.state == bb.BookState.REJECTED for book in books):
            raise bb.BitmartBookError(f"every symbol was refused: {_described(books)}")
        elif books and (elapsed >= PATIENCE or self.is_hopeless(elapsed)):
            raise self.impatience(elapsed)

    def is_hopeless(self, elapsed: float) -> bool:
        """Whether no connection could be opened, not even when tried again."""
        if elapsed < HOPELESS_AFTER:
            return False
        report = self.feed.report()
        places = report.get("connections", {}).values()
        failures = report.get("counters", {}).get("connect_failures", 0)
        return bool(places) and failures >= 2 and not any(place["open"] for place in places)

    def impatience(self, elapsed: float) -> bb.BitmartBookError:
        """The error that nothing became LIVE in that time."""
        problem = f"nothing became LIVE within {elapsed:.0f} s: {_described(self.books)}"
        reasons = []
        with suppress(TimeoutError, StopIteration, bb.StreamGap, bb.FeedClosed):
            while self._events is not None:
                event = self._events.get(timeout=0)
                if event.kind == "disconnected" and event.reason not in reasons:
                    reasons.append(event.reason or "no reason given")
        if reasons:
            return bb.NotConnected(f"{problem}; no connection: {'; '.join(reasons)}")
        return bb.BitmartBookError(problem)


@contextmanager
def connected(
    symbols: tuple[str, ...],
    source: str,
    venues: tuple[str, ...] = (),
    *,
    faults: str | None = None,
    **options: Any,
) -> Iterator[Following]:
    """A feed that need not be LIVE yet. An error of the live venue names the way out."""
    if is_attached(source):
        if venues or options.get("record"):
            raise bb.UsageError(f"{source} is read as it is published")
        attached = AttachedFeed(source, symbols)
        yield Following(cast(bb.sync.Feed, attached), attached.books)
        return
    if "://" in source or source.startswith("{"):
        options["urls"], source = addresses(source, venues), "live"
    try:
        with bb.connect(
            *dict.fromkeys(symbols),
            source=source if faults is None else failing(source, venues, faults),
            venue=chosen(venues),
            wait="none",
            logger=silent(),
            **options,
        ) as feed:
            books = tuple(feed[symbol] for symbol in symbols) if is_capture(source) else None
            yield Following(feed, books and tuple(dict.fromkeys(books)))
    except bb.UsageError:
        raise
    except bb.BitmartBookError as error:
        if source != "live":
            raise
        way_out = WAY_OUT if venues and "bitmart" not in venues else WINDING_DOWN + WAY_OUT
        raise bb.BitmartBookError(f"{error}. {way_out}") from error


def failing(source: str, venues: tuple[str, ...], faults: str) -> bb.Simulator:
    """The simulator with what goes wrong in it."""
    if source != "sim":
        raise bb.UsageError(
            f"--faults is what goes wrong in the simulator: take it with --source sim, not {source}"
        )
    return bb.Simulator(venue=spoken(venues).names, faults=faults)


def is_capture(source: str) -> bool:
    return not (
        source in ("live", "sim")
        or "://" in source
        or source.startswith("{")
        or is_attached(source)
    )


def addresses(source: str, venues: tuple[str, ...]) -> dict[str, str]:
    """The addresses of a server: one, for all public sockets of the venue, or what `bitmart-book
    sim` printed."""
    if not source.startswith("{"):
        profiles = spoken(venues).profiles
        return {profile.endpoint: source for profile in profiles if not profile.private}
    return {name: url for name, url in _printed(source).items() if str(url).startswith("ws")}


def _printed(source: str) -> dict[str, Any]:
    """The line that `bitmart-book sim` printed. What is wrong with it is not shown: it has keys."""
    with suppress(ValueError):
        said = json.loads(source)
        if isinstance(said, dict):
            return said
    raise bb.UsageError("no addresses of a server: take the line that `bitmart-book sim` printed")


def account(source: str, venues: tuple[str, ...]) -> dict[str, Any]:
    """The keys of the account whose orders are to be seen: those that `sim` printed, or those of
    the environment."""
    if is_capture(source) or is_attached(source):
        raise bb.UsageError(f"--orders: there is no account with {source}")
    names = spoken(venues).names
    if source.startswith("{"):
        said = _printed(source).get("credentials")
        return {"credentials": dict.fromkeys(names, bb.Credentials(**said))} if said else {}
    if source == "sim":
        return {}  # it has an account of its own, and a feed knows it
    return {"credentials": {name: bb.Credentials.from_env(venue=name) for name in names}}


def silent() -> logging.Logger:
    """A logger for commands that show what happens in their own way."""
    logger = logging.Logger("bitmart_book.cli")
    logger.addHandler(logging.NullHandler())
    return logger


def _described(books: tuple[bb.Book, ...]) -> str:
    shown = [
        f"{book.symbol} {book.state}" + (f" ({book.reason})" if book.reason else "")
        for book in books[:3]
    ]
    return ", ".join(shown + ([f"{len(books) - 3} more"] if len(books) > 3 else []))
