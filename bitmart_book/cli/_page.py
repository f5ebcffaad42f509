"""The page of `bitmart-book doctor --live`: what was met on the wire, to be sent with a capture.

It says what proves the books and whether it did; where the wire was not as it is documented; and
which limits were met. Nothing on it is secret: no key is used for public channels.
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import bitmart_book as bb
from bitmart_book.cli._live import Following, Stop, connected, spoken

__all__ = ["SYMBOLS", "page"]

SYMBOLS = {
    "bitmart": ("BTC_USDT", "BTCUSDT"),
    "kraken": ("BTC/USD", "ETH/USD", "MINA/GBP"),
    "okx": ("BTC-USDT", "BTC-USDT-SWAP"),
    "bybit": ("BTCUSDT", "bybit-spot:BTCUSDT"),
}
"""What is looked at where nobody names symbols: lively ones, and where one is known a quiet one."""
# Of each kind of event so many texts are shown.
MOST_TEXTS = 5
EVENTS = ("gap", "error", "unknown frame", "bad frame", "rejected", "disconnected", "unanswered")
SLICE = 0.1


class _Heard:
    """What was heard of one book."""

    def __init__(self, now: float) -> None:
        self.changes = 0
        self.unstamped = 0
        self.last_at = now
        self.silence = 0.0
        self.lags: list[float] = []

    def changed(self, book: bb.Book) -> None:
        now = time.monotonic()
        self.silence = max(self.silence, now - self.last_at)
        self.last_at = now
        self.changes += 1
        copy = book.peek()
        if copy.exchange_time_ms is None:
            self.unstamped += 1
        if copy.lag is not None:
            self.lags.append(copy.lag)


def page(
    symbols: tuple[str, ...], source: str, venues: tuple[str, ...], seconds: float
) -> Iterator[str]:
    """The lines of the page, once the time is over."""
    names = spoken(venues).names
    symbols = symbols or tuple(symbol for name in names for symbol in SYMBOLS[name])
    events: Counter[str] = Counter()
    texts: dict[str, dict[str, None]] = {}
    stop = Stop(seconds)
    with stop, connected(symbols, source, venues) as following:
        stop.begin()
        heard = {book: _Heard(time.monotonic()) for book in following.books}
        # The books of a feed have listeners.
        handles = [cast(Any, book).on_change(_told(one)) for book, one in heard.items()]
        stream = following.feed.events()
        while not stop and not following.over():
            stop.sleep(SLICE)
            _take(stream, events, texts)
        _take(stream, events, texts)
        for handle in handles:
            handle.cancel()
        for one in heard.values():
            one.silence = max(one.silence, time.monotonic() - one.last_at)
        yield from _lines(following, names, source, stop.elapsed, heard, events, texts)


def _told(one: _Heard) -> Any:
    return lambda book, _change: one.changed(book)


def _take(stream: Any, events: Counter[str], texts: dict[str, dict[str, None]]) -> None:
    with suppress(TimeoutError, StopIteration, bb.StreamGap, bb.FeedClosed):
        while True:
            event = stream.get(timeout=0)
            kind = str(event.kind)
            events[kind] += 1
            if kind in EVENTS and len(texts.setdefault(kind, {})) < MOST_TEXTS:
                where = event.topic or event.connection or ""
                texts[kind][f"{where}: {event.reason or 'no reason given'}"] = None


def _lines(
    following: Following,
    names: tuple[str, ...],
    source: str,
    elapsed: float,
    heard: dict[bb.Book, _Heard],
    events: Counter[str],
    texts: dict[str, dict[str, None]],
) -> Iterator[str]:
    feed = following.feed
    report, stats = feed.report(), feed.stats
    yield f"bitmart_book {bb.__version__}, Python {platform.python_version()}"
    # What `sim` prints holds the keys of its account.
    place = "addresses of a server" if source.startswith("{") else source
    yield f"venue {', '.join(names)}, source {place}, {elapsed:.0f} s"
    for connection in report["connections"].values():
        lag = "unknown" if connection["lag"] is None else f"{connection['lag']:.3f} s"
        yield f"connection {connection['url']}: {connection['topics']} topics, lag {lag}"
    yield (
        f"frames {stats['frames']}, of them {stats['decoded']} by the slow decoder, "
        f"{stats['bad_frames']} unreadable, {report['counters'].get('unknown_frames', 0)} unknown"
    )
    for book, one in heard.items():
        yield from _of_book(book, one)
    met = {kind: events[kind] for kind in EVENTS if events[kind]}
    yield "events: " + (", ".join(f"{n} {kind}" for kind, n in met.items()) or "none of note")
    for kind, found in texts.items():
        for text in found:
            yield f"  {kind}: {text}"
    limits = {n: c for n, c in report["counters"].items() if n in ("connect_failures", "errors")}
    yield f"limits met: {limits or 'none'}; renewals {report['counters'].get('renewals', 0)}"
    unknown = report["unknown_fields"]
    yield f"undocumented fields: {', '.join(unknown) if unknown else 'none'}"


def _of_book(book: bb.Book, one: _Heard) -> Iterator[str]:
    stats = book.stats
    reason = f" ({book.reason})" if book.reason else ""
    yield f"{book.channel}:{book.symbol} {book.state}{reason}"
    yield (
        f"  {stats['snapshots']} snapshots, {stats['updates']} updates, "
        f"{stats['heartbeats']} heartbeats, {stats['gaps']} breaks of its rule"
    )
    if stats["checksums"] or book.proven_levels:
        yield f"  checksums {stats['checksums']}, of them wrong {stats['checksum_mismatches']}"
    lag = f"lag {min(one.lags):.3f} to {max(one.lags):.3f} s" if one.lags else "lag unknown"
    yield f"  {one.unstamped} of {one.changes} changes without a stamp, {lag}"
    yield f"  longest silence {one.silence:.1f} s"
