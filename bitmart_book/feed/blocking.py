"""The same names without await: a background thread owns the loop, any thread may call.

For scripts and notebooks. Reads of a book go straight to it; everything else crosses over to the
feed's thread, on which callbacks run too.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar
from weakref import WeakSet

from bitmart_book._book import Book, Quote
from bitmart_book.client.account import Account
from bitmart_book.client.client import Plan
from bitmart_book.client.times import CLOSE_AT_EXIT_SECONDS, CLOSE_FEED_SECONDS
from bitmart_book.errors import CaptureError, FeedClosed, UsageError
from bitmart_book.feed.asynchronous import Feed as AsyncFeed
from bitmart_book.fork import Owned
from bitmart_book.listeners.hub import BookHub, Handle
from bitmart_book.listeners.streams import Empty, Ended, Mailbox, Slot
from bitmart_book.model import BookState, Event, Instrument

__all__ = ["Feed", "LiveBook", "Stream", "connect"]

T = TypeVar("T")


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
        """Call `callback(quote)` on the feed's thread whenever the top or the state has changed;
        conflated, as the quotes are."""
        return self.hub.on_quote(callback)

    def on_change(self, callback: Callable[[LiveBook, int], object]) -> Handle:
        """Call `callback(book, change)` on the feed's thread after each whole frame. The next
        frame waits for it: a slow one delays every book of the feed."""
        return self.hub.on_change(callback)

    @property
    def instrument(self) -> Instrument | None:
        """What is known of the symbol: tick, lot, contract size."""
        return self.hub.instrument()

    def base_size(self, size: Decimal | float | str, price: Decimal | None = None) -> Decimal:
        """A size of this book in the base currency, exact: on futures `unit` is "contracts".

        An inverse contract needs a price, and is divided. Raises UsageError where the contract
        size is not among the feed's `instruments`.
        """
        return self.hub.base_size(size, price)

    def explain(self) -> str:
        """A sentence: the state of the book, why, since when, and what is being done about it."""
        return self.hub.explain()


class Stream(Owned, Generic[T]):
    """A blocking iterator over the values of a topic, never conflated.

    At a hole it has delivered what came before, raises `StreamGap` once, and can be iterated on.
    `get(timeout)` waits that long and raises TimeoutError.
    """

    def __init__(self, maxsize: int) -> None:
        super().__init__()
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


class Feed(Owned):
    """`bitmart_book.Feed` in a thread of its own; the same keywords and meanings.

    Any thread may call. A callback, which runs on the feed's own thread, may too: what would have
    to wait there returns at once, so that `subscribe` gives a book that is not LIVE yet.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._feed = AsyncFeed(book_type=LiveBook, **options)
        self._feed._across = self._ask
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._over = False
        self._closing: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="bitmart_book feed", daemon=True)
        _open_feeds.add(self)
        self._thread.start()

    # --- the thread ---

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        try:
            self._run_until_closed()
        finally:
            with self._lock:
                self._over = True
            # What other threads have asked for meanwhile is answered: it is cancelled.
            loop.run_until_complete(self._cancel_the_rest())
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            loop.close()
            _open_feeds.discard(self)

    def _run_until_closed(self) -> None:
        while True:
            try:
                self._loop.run_forever()
                break
            except (KeyboardInterrupt, SystemExit) as error:
                # Of a callback. It cannot end the program from here, but whoever waits for this
                # feed need not wait any longer.
                name = type(error).__name__
                self._feed._journal.error(f"the feed ends: {name} in a callback", error)
                self._loop.call_soon(self._begin_to_close)

    async def _cancel_the_rest(self) -> None:
        await self._feed.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=CLOSE_AT_EXIT_SECONDS)

    def _begin_to_close(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_task(self._feed.close())
            self._closing.add_done_callback(lambda _: self._loop.stop())

    @property
    def _is_here(self) -> bool:
        return threading.current_thread() is self._thread

    def _call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Wait for that work on the feed's thread."""
        try:
            self.check_process()
            if self._is_here:
                raise UsageError("this would wait for the thread that it runs on")
            with self._lock:
                if self._over:
                    raise FeedClosed("the feed is closed")
                future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except BaseException:
            work.close()
            raise
        try:
            return future.result(timeout)
        except concurrent.futures.CancelledError:
            raise FeedClosed("the feed was closed meanwhile") from None
        except BaseException:
            # Interrupted, or out of time: nobody waits for it any more.
            future.cancel()
            raise

    def _do(self, function: Callable[[], T]) -> T:
        """Call a function on the feed's thread, with the feed open."""
        if self._is_here:
            return function()

        async def crossing() -> T:
            await self._feed._open()
            return function()

        return self._call(crossing())

    def _ask(self, question: Callable[[], str]) -> str:
        """Like `_do`, also of a feed that is closed: what is asked is only read then."""
        try:
            return self._do(question)
        except FeedClosed:
            self.check_process()
            return question()

    # --- topics ---

    def subscribe(
        self,
        *topics: str,
        channel: str | None = None,
        market: str | None = None,
        wait: Literal["all", "none"] | None = None,
    ) -> Any:
        """Subscribe symbols or book topics; one argument gives one `LiveBook`, several a tuple.

        A raw topic that is not a book's gives a `Stream`. Errors as `bitmart_book.Feed.subscribe`.
        In a callback it returns at once, and the books are not LIVE yet.
        """
        if not topics:
            raise UsageError("subscribe() takes at least one symbol or topic")
        streams = [topic for topic in topics if self._is_stream(topic)]
        books = tuple(topic for topic in topics if topic not in streams)
        found: dict[str, Any] = {}
        if books and self._is_here:
            found = dict(zip(books, self._feed._subscribe(books, channel, market)[1], strict=True))
        elif books:
            result = self._call(
                self._feed.subscribe(*books, channel=channel, market=market, wait=wait)
            )
            found = dict(zip(books, result if len(books) > 1 else (result,), strict=True))
        for topic in streams:
            found[topic] = self._open_stream(topic, 10_000)
        results = tuple(found[topic] for topic in topics)
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
        self._do(lambda: self._feed._unsubscribe(topics, channel, market))

    @property
    def subscriptions(self) -> dict[str, str]:
        """Topic to state."""
        return self._do(lambda: self._feed.subscriptions)

    def plan(self, symbols: Sequence[str]) -> Plan:
        """The connections, topics and messages that these would use, before connecting."""
        return self._feed.plan(symbols)

    def explain(self, *topics: str) -> str:
        """A sentence a line for each of these symbols or topics, or for all: the state, why, since
        when, and what is being done about it. Never raises for what is not there."""
        return self._ask(lambda: self._feed.explain(*topics))

    # --- streams ---

    def trades(self, symbol: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Public trades of a symbol, or of a raw trade topic."""
        return self._open_stream(self._feed._topic_of("trade", symbol), maxsize)

    def orders(self, *, market: str | None = None, maxsize: int = 10_000) -> Stream[Any]:
        """Own orders, of all symbols of a market ("spot", the default, or "futures")."""
        return self._open_stream(self._feed._own("order", market), maxsize)

    def positions(self, *, maxsize: int = 10_000) -> Stream[Any]:
        """Own positions on futures."""
        return self._open_stream(self._feed._own("position", "futures"), maxsize)

    def balances(
        self, currency: str | None = None, *, market: str | None = None, maxsize: int = 10_000
    ) -> Stream[Any]:
        """Own balances; on futures of one currency ("USDT" unless it is said)."""
        return self._open_stream(self._feed._balances(currency, market), maxsize)

    @property
    def instruments(self) -> dict[str, Instrument]:
        """What is known of symbols: tick, lot, contract size."""
        return self._feed.instruments

    @property
    def account(self) -> Account:
        """Orders, positions and balances, as far as the private topics that are subscribed tell."""
        return self._feed.account

    def tickers(self, symbol: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Tickers of a symbol."""
        return self._open_stream(self._feed._topic_of("ticker", symbol), maxsize)

    def klines(self, symbol: str, step: str = "1m", *, maxsize: int = 10_000) -> Stream[Any]:
        """Klines of a symbol; step: "1m", "5m", ... "1M"."""
        return self._open_stream(self._feed._topic_of(f"kline{step}", symbol), maxsize)

    def events(self, *, maxsize: int = 10_000) -> Stream[Event]:
        """What happens from now on: connected, subscribed, live, gap, stale, rejected, ..."""
        stream: Stream[Event] = Stream(maxsize)
        audience = self._feed._audience
        self._do(lambda: audience.add_events(stream.mailbox))
        stream._end = lambda: self._if_open(lambda: audience.remove_events(stream.mailbox))
        return stream

    def _open_stream(self, topic: str, maxsize: int) -> Stream[Any]:
        stream: Stream[Any] = Stream(maxsize)
        feed = self._feed

        def open_stream() -> None:
            feed._add_stream(topic, stream.mailbox)

        self._do(open_stream)
        stream._end = lambda: self._if_open(lambda: feed._end_stream(topic, stream.mailbox))
        return stream

    def _if_open(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(FeedClosed):
            self._do(function)

    # --- reading ---

    def wait_for_end(self, timeout: float | None = None) -> None:
        """Wait until a capture has been read to its end; raises what ended it early."""
        self._call(self._feed.finished(), timeout)

    def report(self) -> dict[str, Any]:
        """Connections, topics and counters."""
        return self._do(self._feed.report)

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
        """End every connection, iterator, task and the thread. Bounded; may be called twice, from
        any thread. In a callback it returns at once; in a forked child it does nothing."""
        self._close(CLOSE_FEED_SECONDS)

    def _close(self, within: float) -> None:
        if self.is_foreign:
            return
        if self._is_here:
            self._begin_to_close()
            return
        with self._lock:
            if not self._over:
                self._loop.call_soon_threadsafe(self._begin_to_close)
        self._thread.join(within)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Feed {'closed' if self.closed else f'{len(self)} books'}>"


_open_feeds: WeakSet[Feed] = WeakSet()


@atexit.register
def _close_all() -> None:
    """A thread that the end of the program finds in the middle of something would complain."""
    for feed in list(_open_feeds):
        feed._close(CLOSE_AT_EXIT_SECONDS)


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
