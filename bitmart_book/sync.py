"""The same names without await: a background thread owns the loop, any thread may call.

For scripts and notebooks. Reads of a book go straight to it; everything else crosses over to the
feed's thread, on which callbacks run too.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

from bitmart_book._book import Book, Quote
from bitmart_book.client import Plan
from bitmart_book.errors import CaptureError, FeedClosed, UsageError
from bitmart_book.feed import Feed as AsyncFeed
from bitmart_book.hub import BookHub, Handle
from bitmart_book.model import BookState, Event
from bitmart_book.streams import Empty, Ended, Mailbox, Slot

__all__ = ["Feed", "LiveBook", "Stream", "connect"]

T = TypeVar("T")

# Closing waits for sockets that may be dead; the thread is a daemon, should even that not end.
_CLOSE_WITHIN = 10.0


class LiveBook(Book):
    """A `Book` that a feed keeps; made by `Feed.subscribe` and `connect`."""

    __slots__ = ("hub",)
    hub: BookHub

    def quotes(self, *, timeout: float | None = None) -> Iterator[Quote]:
        """The present quote first, then one whenever the top or the state has changed. Blocks.

        Conflated: a slow loop sees the newest quote, and in `skipped` how many it did not see.
        While the book is not LIVE a quote has that state and None prices. Raises TimeoutError
        after `timeout` seconds without a change; ends when the book is CLOSED.
        """
        changed = threading.Event()
        slot = Slot(changed.set)
        self.hub.add(slot)
        try:
            yield self.quote_in_any_state()
            while True:
                changed.clear()
                try:
                    changes = slot.take()
                except Ended:
                    return
                except Empty:
                    if not changed.wait(timeout):
                        raise TimeoutError(f"no change of {self.symbol} in {timeout} s") from None
                    continue
                quote = self.quote_in_any_state(changes - 1)
                if quote.state == BookState.CLOSED:
                    return
                yield quote
        finally:
            self.hub.remove(slot)

    def on_quote(self, callback: Callable[[Quote], object]) -> Handle:
        """Call `callback(quote)` on the feed's thread whenever the top or the state changes."""
        return self.hub.on_quote(callback)

    def on_change(self, callback: Callable[[LiveBook, int], object]) -> Handle:
        """Call `callback(book, change)` on the feed's thread after each whole frame."""
        return self.hub.on_change(callback)


class Stream(Generic[T]):
    """A blocking iterator over the values of a topic, never conflated.

    At a hole it has delivered what came before, raises `StreamGap` once, and can be iterated on.
    `get(timeout)` waits that long and raises TimeoutError.
    """

    def __init__(self, maxsize: int) -> None:
        self._arrived = threading.Event()
        self.mailbox = Mailbox(maxsize, self._arrived.set)
        self._end: Callable[[], None] | None = None

    def __iter__(self) -> Stream[T]:
        return self

    def __next__(self) -> T:
        try:
            return self.get()
        except Ended:
            raise StopIteration from None

    def get(self, timeout: float | None = None) -> T:
        """The next value. Raises StreamGap at a hole and TimeoutError when nothing comes."""
        while True:
            self._arrived.clear()
            try:
                return self.mailbox.take()  # type: ignore[no-any-return]
            except Empty:
                if not self._arrived.wait(timeout):
                    raise TimeoutError(f"nothing arrived in {timeout} s") from None

    def close(self) -> None:
        """End the iteration after what has arrived; may be called twice."""
        end, self._end = self._end, None
        if end is not None:
            end()
        self.mailbox.close()


class Feed:
    """`bitmart_book.Feed` in a thread of its own; the same keywords and meanings."""

    def __init__(self, **options: Any) -> None:
        self._feed = AsyncFeed(book_type=LiveBook, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="bitmart_book feed", daemon=True)
        self._pid = os.getpid()
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        if os.getpid() != self._pid or self._loop.is_closed():
            work.close()
            raise FeedClosed(
                "the feed is closed"
                if os.getpid() == self._pid
                else "the feed belongs to the process that made it; this is a forked child"
            )
        if threading.current_thread() is self._thread:
            work.close()
            raise UsageError("this would wait for the thread it runs on; use a callback's own data")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    async def _do(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        await self._feed._open()
        return function(*arguments, **options)

    def subscribe(
        self,
        *topics: str,
        channel: str | None = None,
        market: str | None = None,
        wait: Literal["all", "none"] | None = None,
    ) -> Any:
        """Subscribe symbols or book topics; one argument gives one `LiveBook`, several a tuple.

        A raw topic that is not a book's gives a `Stream`. Errors as `bitmart_book.Feed.subscribe`.
        """
        streams = [topic for topic in topics if self._is_stream(topic)]
        books = [topic for topic in topics if topic not in streams]
        found: dict[str, Any] = {}
        if books:
            result = self._call(
                self._feed.subscribe(*books, channel=channel, market=market, wait=wait)
            )
            found = dict(zip(books, result if len(books) > 1 else (result,), strict=True))
        for topic in streams:
            found[topic] = self._open_stream(topic, 10_000)
        results = tuple(found[topic] for topic in topics)
        if not topics:
            raise UsageError("subscribe() takes at least one symbol or topic")
        return results[0] if len(topics) == 1 else results

    def _is_stream(self, topic: str) -> bool:
        venue = self._feed._venue
        if ":" not in topic:
            return False
        channel = topic.partition(":")[0]
        return venue.topic_profile(topic).stream(channel) is not None

    def unsubscribe(
        self, *topics: str, channel: str | None = None, market: str | None = None
    ) -> None:
        """Counted: at zero a book is CLOSED for good, and iterators over the topic end."""
        self._call(self._feed.unsubscribe(*topics, channel=channel, market=market))

    @property
    def subscriptions(self) -> dict[str, str]:
        """Topic to state."""

        async def subscriptions() -> dict[str, str]:
            return self._feed.subscriptions

        return self._call(subscriptions())

    def plan(self, symbols: Sequence[str]) -> Plan:
        """The connections, topics and messages that these would use, before connecting."""
        return self._feed.plan(symbols)

    def trades(self, symbol: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Public trades of a symbol, or of a raw trade topic."""
        return self._open_stream(self._feed._topic_of("trade", symbol), maxsize)

    def tickers(self, symbol: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Tickers of a symbol."""
        return self._open_stream(self._feed._topic_of("ticker", symbol), maxsize)

    def klines(self, symbol: str, step: str = "1m", *, maxsize: int = 10_000) -> Stream[Any]:
        """Klines of a symbol; step: "1m", "5m", ... "1M"."""
        return self._open_stream(self._feed._topic_of(f"kline{step}", symbol), maxsize)

    def events(self, *, maxsize: int = 10_000) -> Stream[Event]:
        """What happens from now on: connected, subscribed, live, gap, stale, rejected, ..."""
        stream: Stream[Event] = Stream(maxsize)
        boxes = self._feed._event_boxes

        async def add() -> None:
            boxes.append(stream.mailbox)

        async def remove() -> None:
            boxes.remove(stream.mailbox)

        self._call(add())
        stream._end = lambda: self._if_open(remove)
        return stream

    def _open_stream(self, topic: str, maxsize: int) -> Stream[Any]:
        stream: Stream[Any] = Stream(maxsize)
        feed = self._feed

        async def open_stream() -> None:
            await feed._open()
            inner = feed._open_stream(topic, maxsize)
            # The mailbox that the feed fills is the one that this thread waits on.
            boxes = feed._streams[topic]
            boxes[boxes.index(inner.mailbox)] = stream.mailbox

        async def end_stream() -> None:
            feed._end_stream(topic, stream.mailbox)

        self._call(open_stream())
        stream._end = lambda: self._if_open(end_stream)
        return stream

    def _if_open(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if not self._feed.closed and not self._loop.is_closed():
            self._call(work())

    def wait_for_end(self, timeout: float | None = None) -> None:
        """Wait until a capture has been read to its end; raises what ended it early."""
        self._call(self._feed.finished(), timeout)

    def report(self) -> dict[str, Any]:
        """Connections, topics and counters."""
        return self._call(self._do(self._feed.report))

    @property
    def books(self) -> tuple[Any, ...]:
        """All books, in the order in which they were made."""
        return self._feed.books

    @property
    def stats(self) -> dict[str, int]:
        """Counters of the engine."""
        return self._feed.stats

    @property
    def bad_lines(self) -> tuple[CaptureError, ...]:
        """The lines of a capture that could not be read and were skipped."""
        return self._feed.bad_lines

    @property
    def closed(self) -> bool:
        return self._feed.closed

    def __getitem__(self, key: str) -> Any:
        return self._feed[key]

    def __contains__(self, key: object) -> bool:
        return key in self._feed

    def __iter__(self) -> Iterator[str]:
        """Topics, in the order in which their books were made."""
        return iter(self._feed)

    def __len__(self) -> int:
        return len(self._feed)

    def close(self) -> None:
        """End every connection, iterator, task and the thread. Bounded; may be called twice."""
        if self._loop.is_closed() or not self._thread.is_alive() or os.getpid() != self._pid:
            return
        try:
            self._call(self._feed.close(), _CLOSE_WITHIN)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSE_WITHIN)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Feed {'closed' if self.closed else f'{len(self)} books'}>"


def connect(
    *symbols: str,
    source: Any = "live",
    speed: float | None = None,
    urls: Mapping[str, str] | None = None,
    **options: Any,
) -> Feed:
    """Open a feed in the background and subscribe symbols or topics; returns a `Feed`.

    source: "live" (the default), "sim", a `bb.Simulator`, or a capture file (or several, read one
    after the other). With a capture and speed=None the call returns when all of it has been read;
    symbols are then those that must be there. Other keywords are those of `bitmart_book.Feed`.
    Raises what `Feed.subscribe` raises, and then leaves nothing behind.
    """
    feed = Feed(source=source, speed=speed, urls=urls, **options)
    try:
        if feed._feed._is_capture and speed is None:
            feed.wait_for_end()
        elif not symbols:
            feed._call(feed._feed._open())
        if symbols:
            feed.subscribe(*symbols)
    except BaseException:
        feed.close()
        raise
    return feed
