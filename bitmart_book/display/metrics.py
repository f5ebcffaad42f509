"""What a feed does, as metrics of Prometheus: read when somebody scrapes, and not a moment before.

Everything is counted in compiled code anyway. A scrape reads these counters and the state of each
book, which costs no frame anything: no callback, no lock, no copy of a ladder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from bitmart_book._book import Book
from bitmart_book.display.libraries import library
from bitmart_book.errors import BitmartBookError
from bitmart_book.model import BookState

__all__ = ["NAMES", "Collector", "metrics"]

PREFIX = "bitmart_book_"
_TRIES = 3

# (kind, what it says), by name without the prefix. Of books:
_BOOKS = {
    "state": ("gauge", "Of LIVE 0 or 1, and 1 of whatever else it is; only LIVE can be read."),
    "age_seconds": (
        "gauge",
        "Since what the book shows was last known to be the venue's newest.",
    ),
    "lag_seconds": ("gauge", "By how much what arrives is later than the earliest of its host."),
    "resyncs": ("counter", "Runs that a snapshot began anew, after the first."),
    "gaps": ("counter", "Updates that were missing, or contradicted what was there."),
    "crossed": ("counter", "Frames after which the best bid was not below the best ask."),
    "duplicates": ("counter", "Frames that had been heard before."),
    "bad_frames": ("counter", "Frames of the book that could not be read."),
    "lapses": ("counter", "Times that nothing confirmed the book before its deadline."),
    "audit_mismatches": ("counter", "Snapshots of the same sequence that were not the same."),
    "checksum_mismatches": ("counter", "Frames whose checksum was not that of the book."),
}
# Of connections:
_CONNECTIONS = {
    "connection_open": ("gauge", "Whether there is a socket."),
    "connection_topics": ("gauge", "What it carries."),
    "connection_lag_seconds": ("gauge", "By how much what it brought last was late."),
}
# Of the feed:
_FEED = {
    "up": ("gauge", "Whether the feed is open."),
    "books": ("gauge", "Books that there are."),
    "frames": ("counter", "Frames that were applied, good or bad."),
    "unreadable_frames": ("counter", "Frames that could not be read, of all books."),
    "client_events": ("counter", "What its connections and subscriptions have gone through."),
    "loop_pauses": ("counter", "Times that the event loop did not run for a while."),
    "internal_errors": ("counter", "Errors that should not be: please report them."),
    "latency_seconds": (
        "histogram",
        "How long each stage took of what somebody listens to; see feed.report().",
    ),
}
_ALL = {**_BOOKS, **_CONNECTIONS, **_FEED}
NAMES = {
    PREFIX + name + ("_total" if kind == "counter" else ""): says
    for name, (kind, says) in _ALL.items()
}
"""The name of each metric, as a query has it, and what it says."""

# Upper bounds of the buckets that are told, in powers of two of a nanosecond: 1 us to 69 s. They
# are always the same ones, so that no series begins late.
_BOUNDS = range(10, 37)

_COUNTED = [name for name, (kind, _) in _BOOKS.items() if kind == "counter" and name != "resyncs"]
_LABELS = ("venue", "market", "channel", "symbol")


class _Feed(Protocol):
    """What is asked of a feed, of either face."""

    @property
    def books(self) -> tuple[Book, ...]: ...

    @property
    def stats(self) -> dict[str, int]: ...

    @property
    def closed(self) -> bool: ...

    def report(self) -> Any: ...


def metrics(feed: Any) -> Collector:
    """A collector of prometheus-client for a feed, of either face: what its books, connections and
    counters are at each scrape.

    feed: a `bb.Feed`, or what `bb.connect` returns. Ages and lags are in seconds, counters count
    from the beginning of the feed. Raises UsageError without prometheus-client, which
    `pip install 'bitmart_book[metrics]'` installs.

    >>> import prometheus_client  # doctest: +SKIP
    >>> prometheus_client.REGISTRY.register(bb.metrics(feed))  # doctest: +SKIP
    >>> prometheus_client.start_http_server(9464, "127.0.0.1")  # doctest: +SKIP
    """
    return Collector(feed, library("prometheus_client.core", "bb.metrics()"))


class Collector:
    """Registered with a registry of prometheus-client; asked by it at each scrape."""

    def __init__(self, feed: _Feed, core: Any) -> None:
        self._feed = feed
        self._core = core

    def describe(self) -> list[Any]:
        """Nothing: what there is shows when it is asked for."""
        return []

    def collect(self) -> Iterator[Any]:
        """All metrics, as they are now."""
        if self._feed.closed:
            yield self._single("up", 0)
            return
        yield self._single("up", 1)
        yield from self._of_books(self._feed.books)
        yield from self._of_feed()

    def _metric(self, name: str, *labels: str) -> Any:
        """A metric without samples. `add_metric` takes the values of its labels, and its own."""
        kind, says = _ALL[name]
        family = getattr(self._core, f"{kind.capitalize()}MetricFamily")
        return family(PREFIX + name, says, labels=labels)

    def _single(self, name: str, value: float) -> Any:
        metric = self._metric(name)
        metric.add_metric((), value)
        return metric

    def _of_books(self, books: tuple[Book, ...]) -> Iterator[Any]:
        made = {
            name: self._metric(name, *_LABELS, *(["state"] if name == "state" else []))
            for name in _BOOKS
        }
        for book in books:
            labels = (book.venue, book.market, book.channel, book.symbol)
            quote = book.quote_in_any_state()
            is_live = quote.state == BookState.LIVE
            made["state"].add_metric((*labels, "LIVE"), is_live)
            if not is_live:
                made["state"].add_metric((*labels, quote.state.value), 1)
            if quote.age is not None:
                made["age_seconds"].add_metric(labels, quote.age)
            if quote.lag is not None:
                made["lag_seconds"].add_metric(labels, quote.lag)
            made["resyncs"].add_metric(labels, max(0, quote.epoch - 1))
            stats = book.stats
            for name in _COUNTED:
                if name != "checksum_mismatches" or stats["checksums"]:
                    made[name].add_metric(labels, stats[name])
        yield from made.values()

    def _of_feed(self) -> Iterator[Any]:
        stats = self._feed.stats
        yield self._single("books", stats["books"])
        yield self._single("frames", stats["frames"])
        yield self._single("unreadable_frames", stats["bad_frames"])
        report = self._report()
        if report is None:
            return
        yield self._single("loop_pauses", report["loop"]["pauses"])
        yield self._single("internal_errors", report["loop"]["internal_errors"])
        events = self._metric("client_events", "kind")
        for kind, count in report["counters"].items():
            events.add_metric((kind,), count)
        yield events
        yield from self._of_connections(report["connections"])
        yield self._of_stages(report["latency"])

    def _of_connections(self, connections: dict[str, Any]) -> Iterator[Any]:
        made = {name: self._metric(name, "connection") for name in _CONNECTIONS}
        for name, said in connections.items():
            made["connection_open"].add_metric((name,), said["open"])
            made["connection_topics"].add_metric((name,), said["topics"])
            if said["lag"] is not None:
                made["connection_lag_seconds"].add_metric((name,), said["lag"])
        yield from made.values()

    def _of_stages(self, stages: dict[str, Any]) -> Any:
        """Buckets here are cumulative: each holds what is at most its bound."""
        family = self._metric("latency_seconds", "stage")
        for name, stage in stages.items():
            buckets = []
            for bound in (2**power / 1e9 for power in _BOUNDS):
                within = sum(count for upper, count in stage["buckets"] if upper <= bound)
                buckets.append((str(bound), stage["below_zero"] + within))
            buckets.append(("+Inf", stage["count"]))
            # Of a sum that can become smaller no rate can be taken.
            family.add_metric((name,), buckets, None if stage["below_zero"] else stage["sum"])
        return family

    def _report(self) -> Any:
        """What the feed reports; None where it ends at this moment. A scrape comes on a thread of
        its own, and the feed may make a connection while it is read: then it is read again."""
        for _ in range(_TRIES):
            try:
                return self._feed.report()
            except RuntimeError:
                continue
            except BitmartBookError:
                return None
        return None
