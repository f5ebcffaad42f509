"""The face without await: a feed in a thread of its own, its live books and its streams.

For scripts and notebooks. Reads of a book go straight to it; everything else crosses over to the
feed's thread, on which callbacks run too. It has no decisions of its own: `core` makes them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from typing import Any, Self, TypeVar, Unpack, overload

from bitmart_book._book import Quote
from bitmart_book.errors import FeedClosed, UsageError
from bitmart_book.feed.core import Core
from bitmart_book.feed.face import Face
from bitmart_book.feed.fills import FillMailbox
from bitmart_book.feed.life import Life
from bitmart_book.feed.live import (
    Conditions,
    FeedStream,
    KeptBook,
    KeptTrigger,
    Moment,
    unchanged,
)
from bitmart_book.feed.options import Options, Wait, names, spelled_out
from bitmart_book.feed.subscriber import EVENTS, MAXSIZE, Value
from bitmart_book.feed.thread import LoopThread
from bitmart_book.feed.waiting import wait_for
from bitmart_book.listeners.merged import Merged
from bitmart_book.listeners.streams import Empty, Ended, Mailbox, Slot
from bitmart_book.listeners.waiting import Waiter
from bitmart_book.model import (
    Balance,
    BookState,
    Event,
    Fill,
    Kline,
    Order,
    Position,
    Ticker,
    Trade,
)
from bitmart_book.venues.topics import BalanceTopic, OrderTopic, OwnTopic, PositionTopic

__all__ = ["Feed", "LiveBook", "LiveTrigger", "Stream", "connect"]

T = TypeVar("T")
Wanting = Callable[[Callable[[], bool]], AbstractContextManager[None]]


class LiveBook(KeptBook):
    """A `Book` that a feed keeps; made by `Feed.subscribe` and `connect`.

    >>> book = feed["BTC_USDT"]
    >>> book.best_bid_price < book.best_ask_price
    True
    """

    __slots__ = ()

    def quotes(self, *, timeout: float | None = None) -> Generator[Quote, None, None]:
        """The present quote first, then one whenever the top or the state has changed. Blocks.

        Conflated: a slow loop sees the newest quote, and in `skipped` how many it did not see.
        While the book is not LIVE a quote has that state and None prices. Raises TimeoutError
        after `timeout` seconds without a change; ends when the book is CLOSED.

        >>> for quote in book.quotes(timeout=5):
        ...     print(quote.symbol, quote.bid < quote.ask)
        ...     break
        BTC_USDT True
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
                    if not _within(timeout, changed, self.hub.wanting):
                        raise self._unchanged(timeout) from None
                    continue
                quote = self.quote_in_any_state(changes - 1)
                if quote.state == BookState.CLOSED:
                    return
                self.hub.told(quote.state, slot.since, slot.lost_at)
                yield quote
        finally:
            self.hub.remove(slot)

    def wait_for(self, predicate: Callable[[Self], object], timeout: float | None = None) -> Quote:
        """Wait until `predicate(book)` is true; returns the `Quote` of that moment.

        It is asked now and behind each frame, on the feed's thread, while the book is LIVE only:
        `book.wait_for(lambda book: book.spread < 0.5, timeout=30)`. What it raises is raised
        here, but for BookNotLive. Raises TimeoutError after so many seconds, and FeedClosed where
        the book, or its capture, has ended.

        >>> book.wait_for(lambda book: book.spread > 0, timeout=5).symbol
        'BTC_USDT'
        """
        arrived = threading.Event()
        with Waiter(self.hub, predicate, arrived.set) as waiter:
            if not waiter.is_over and not _within(timeout, arrived, self.hub.wanting):
                raise TimeoutError(f"what was waited for of {self.symbol} within {timeout} s")
            return waiter.result()

    def when(self, **conditions: Unpack[Conditions]) -> LiveTrigger:
        """A `LiveTrigger` that fires when all of these become true: `Book.when` lists them. The
        tick of `mid_moved` is the instrument's where the feed knows it.

        >>> trigger = book.when(spread_bps=(">", 0))
        >>> trigger.wait(timeout=5).symbol
        'BTC_USDT'
        """
        return LiveTrigger(self, conditions)

    def ladder(self, seconds: float | None = 10.0, *, levels: int = 10) -> None:
        """Show the ladder in this notebook's cell and keep it current for so many seconds.

        seconds: None until the book is closed, or the cell is interrupted. levels: of each side.
        While the book is not LIVE it shows the state, why, and the last values in grey, as not to
        be trusted; the last picture says that the ladder has ended. UsageError where no notebook
        runs, with what there is in its place.

        >>> book.ladder(seconds=30)  # doctest: +SKIP
        """
        over = threading.Event()
        self.hub.at_end(over.set)
        try:
            with contextlib.closing(self._ladders(seconds, levels, over.is_set)) as pauses:
                for pause in pauses:
                    _within(pause, over, self.hub.wanting)
        finally:
            self.hub.not_at_end(over.set)


class LiveTrigger(KeptTrigger):
    """A `Trigger` of a book that a feed keeps; made by `LiveBook.when`.

    `quote = book.when(spread_bps=(">", 5)).wait()` waits for its next firing, or returns at once
    with one that nobody has taken; `for quote in trigger` takes one after the other, of several
    that were not waited for the newest.

    >>> with_a_spread = book.when(spread_bps=(">", 0))
    >>> with_a_spread.wait(timeout=5).state
    <BookState.LIVE: 'LIVE'>
    >>> with_a_spread.cancel()
    """

    def __init__(self, book: LiveBook, conditions: Conditions) -> None:
        self._arrived = threading.Event()
        super().__init__(book, self._arrived.set, conditions)

    def wait(self, timeout: float | None = None) -> Quote:
        """The quote of the next firing. Raises TimeoutError when it does not fire in so many
        seconds, and FeedClosed when it cannot fire any more."""
        try:
            return self._next(timeout)
        except Ended:
            raise self._over() from None

    def __iter__(self) -> LiveTrigger:
        return self

    def __next__(self) -> Quote:
        try:
            return self._next(None)
        except Ended:
            raise StopIteration from None

    def _next(self, timeout: float | None) -> Quote:
        while True:
            self._arrived.clear()
            try:
                return self._firings.take()
            except Empty:
                if not _within(timeout, self._arrived, self._hub.wanting):
                    raise self._too_late(timeout) from None


class Stream(FeedStream[T]):
    """A blocking iterator over the values of a topic, never conflated.

    At a hole it has delivered what came before, raises `StreamGap` once, and can be iterated on.

    >>> trades = feed.trades("BTC_USDT")
    >>> trades.get(timeout=30).symbol
    'BTC_USDT'
    >>> trades.close()
    """

    def __init__(
        self, topic: str, maxsize: int, end: Callable[[FeedStream[Any]], None], wanting: Wanting
    ) -> None:
        self._arrived = threading.Event()
        self._wanting = wanting
        super().__init__(topic, maxsize, self._arrived.set, end)

    def __iter__(self) -> Stream[T]:
        return self

    def __next__(self) -> T:
        try:
            return self._next(None)
        except Ended:
            raise StopIteration from None

    def get(self, timeout: float | None = None) -> T:
        """The next value. Raises StreamGap at a hole, TimeoutError when nothing comes in so many
        seconds, and FeedClosed when nothing can come any more."""
        try:
            return self._next(timeout)
        except Ended:
            raise self._over() from None

    def _next(self, timeout: float | None) -> T:
        while True:
            self._arrived.clear()
            try:
                return self.mailbox.take()  # type: ignore[no-any-return]
            except Empty:
                if not _within(timeout, self._arrived, self._wanting):
                    raise self._nothing_came(timeout) from None


class Feed(Face[LiveBook]):
    """`bitmart_book.Feed` in a thread of its own; the same keywords, names and meanings.

    Any thread may call. What has to wait for the venue does so, streams too: an order that is
    placed after `orders` has returned is told. A callback, which runs on the feed's own thread,
    may call as well: what would have to wait there returns at once, so that `subscribe` gives a
    book that is not LIVE yet. `finished` is another name of `wait_for_end`.

    >>> with bb.sync.Feed(source="sim") as other:
    ...     print(other.subscribe("ETH_USDT").state)
    LIVE
    """

    @spelled_out
    def __init__(self, **options: Unpack[Options]) -> None:
        super().__init__(Core(options, LiveBook))
        self._life = Life(self._core)
        self._thread = LoopThread(self._life)
        self._core.across = self._thread.ask

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        thread: LoopThread | None = getattr(self, "_thread", None)
        # Once it is let go its thread may end it at any moment, and it has no books then.
        of = self._named() if thread is not None else ""
        if thread is not None and thread.let_go():
            self._forgotten(of, "with bb.connect(...) as feed:", "feed.close()")

    def close(self) -> None:
        """End every connection, iterator, task and the thread. Bounded; may be called twice, from
        any thread. In a callback it returns at once; in a forked child it does nothing."""
        self._thread.close()

    def wait_for_end(self, timeout: float | None = None) -> None:
        """Wait until a capture has been read to its end, or the feed is closed; raises what ended
        it early, and TimeoutError after so many seconds."""
        self._call(self._life.wait_for_end(timeout))

    finished = wait_for_end

    def _begin(self, words: tuple[str, ...]) -> None:
        """What `connect` waits for: the end of a capture that is read at once, and its symbols."""
        if self._core.is_capture and not self._core.options["speed"]:
            self.wait_for_end()
        elif not words:
            self._call(self._life.open())
        if words:
            self.subscribe(*words)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._thread.call(work)

    def _do(self, function: Callable[[], T]) -> T:
        return self._thread.do(function)

    def _ask(self, question: Callable[[], str]) -> str:
        return self._thread.ask(question)

    # --- topics ---

    # A topic is a text, so that to a type checker each of the first three is also the fourth.
    @overload
    def subscribe(  # type: ignore[overload-overlap]
        self, topic: OrderTopic, /, *, wait: Wait | None = None
    ) -> Stream[Order]: ...
    @overload
    def subscribe(  # type: ignore[overload-overlap]
        self, topic: PositionTopic, /, *, wait: Wait | None = None
    ) -> Stream[Position]: ...
    @overload
    def subscribe(  # type: ignore[overload-overlap]
        self, topic: BalanceTopic, /, *, wait: Wait | None = None
    ) -> Stream[Balance]: ...
    @overload
    def subscribe(
        self,
        topic: str,
        /,
        *,
        channel: str | None = None,
        market: str | None = None,
        wait: Wait | None = None,
    ) -> LiveBook: ...
    @overload
    def subscribe(  # type: ignore[overload-overlap]
        self, *topics: OwnTopic, wait: Wait | None = None
    ) -> tuple[Stream[Order | Position | Balance], ...]: ...
    @overload
    def subscribe(
        self,
        *topics: str,
        channel: str | None = None,
        market: str | None = None,
        wait: Wait | None = None,
    ) -> tuple[LiveBook, ...]: ...
    def subscribe(
        self,
        *topics: str,
        channel: str | None = None,
        market: str | None = None,
        wait: Wait | None = None,
    ) -> Any:
        """Subscribe symbols or raw topics; one argument gives one book, several a tuple.

        A raw topic that is not a book's gives a `Stream` of its values. Waits and raises as
        `bitmart_book.Feed.subscribe`; in a callback it returns at once, and the books are not
        LIVE yet.

        >>> book = feed.subscribe("BTC_USDT")
        >>> books = feed.subscribe("BTC_USDT", "ETH_USDT")
        >>> book.state, len(books)
        (<BookState.LIVE: 'LIVE'>, 2)
        """
        words = names("subscribe", topics)
        if not words:
            raise UsageError("subscribe() takes at least one symbol or topic")
        if self._thread.is_here:
            return self._life.subscriber.subscribe(words, channel, market, self._new_stream)[1]
        return self._call(self._life.subscribe(words, channel, market, wait, self._new_stream))

    def unsubscribe(
        self, *topics: str, channel: str | None = None, market: str | None = None
    ) -> None:
        """Counted: at zero a book is CLOSED for good, and iterators over the topic end.

        >>> other = feed.subscribe("SOL_USDT")
        >>> feed.unsubscribe("SOL_USDT")
        >>> other.state
        <BookState.CLOSED: 'CLOSED'>
        """
        words = names("unsubscribe", topics)
        self._do(lambda: self._life.subscriber.unsubscribe(words, channel, market))

    # --- several books ---

    def quotes(self, *symbols: str, timeout: float | None = None) -> Generator[Quote, None, None]:
        """The quotes of several books in one loop: `for quote in feed.quotes("BTC_USDT",
        "ETH_USDT")`; of all that are subscribed, and will be, where none is named. Blocks.

        The present quote of each first, then one whenever the top or the state of one has changed.
        `quote.symbol`, `.market` and `.venue` say whose it is. Conflated by book: a slow loop sees
        the newest quote of each, the one that has waited longest first, with `skipped`. While a
        book is not LIVE its quote has that state and None prices; its last one is CLOSED. Symbols
        that are not subscribed are, for as long as the loop runs. Raises what `subscribe` raises,
        and TimeoutError after `timeout` seconds without any change; ends with the last book.

        >>> for quote in feed.quotes("BTC_USDT", "ETH_USDT", timeout=5):
        ...     print(quote.symbol)
        ...     break
        BTC_USDT
        """
        with contextlib.closing(self._merged("quotes", symbols, timeout)) as each:
            for book, times, _ in each:
                yield book.quote_in_any_state(max(0, times - 1))

    def changes(
        self, *symbols: str, timeout: float | None = None
    ) -> Generator[tuple[LiveBook, int], None, None]:
        """`(book, change)` whenever a frame has changed one of these books, or its state has
        changed; of all where none is named. `change` are the `Change` bits of all frames since that
        book was last told of; 0 where only its state has. Otherwise like `quotes`. Blocks.

        >>> for book, change in feed.changes("BTC_USDT", timeout=30):
        ...     print(book.symbol)
        ...     break
        BTC_USDT
        """
        with contextlib.closing(self._merged("changes", symbols, timeout)) as each:
            for book, _, bits in each:
                yield book, bits

    def _merged(
        self, call: str, symbols: tuple[str, ...], timeout: float | None
    ) -> Generator[tuple[LiveBook, int, int], None, None]:
        words = names(call, symbols)
        changed = threading.Event()
        merged = Merged(changed.set, frames=call == "changes", endless=not words)
        ours = self._call(self._life.follow(words, merged, self._new_stream))
        try:
            while True:
                changed.clear()
                try:
                    taken = merged.take()
                except Ended:
                    return
                except Empty:
                    if not _within(timeout, changed, self._core.audience.wanting):
                        raise unchanged(words, timeout) from None
                    continue
                book = taken[0]
                book.hub.told(book.state, merged.since, merged.lost_at)
                yield taken
        finally:
            with contextlib.suppress(FeedClosed):
                self._do(lambda: self._life.subscriber.unfollow(ours, merged))

    def play(self) -> Generator[Moment[LiveBook], None, None]:
        """Step through a capture: each frame of it, applied, when you are ready for it.

        `for moment in feed.play(): ...` for a backtest: what is read of a book between two
        steps is what it was then. A `Moment` has the time, the books that changed, what changed,
        and trades. Callbacks are called as ever. It begins where the capture is; leave the loop,
        and the rest is read as anybody waits for it. With a speed each step waits for its time.
        """
        stepper = self._call(self._life.begin_to_step())
        try:
            while (moment := self._call(self._life.step(stepper))) is not None:
                yield moment
        finally:
            self._call(self._life.end_of_steps(stepper))

    # --- streams ---

    def stream(self, topic: str, *, maxsize: int = MAXSIZE) -> Stream[Value]:
        """The values of any raw topic that is not a book's, once it has been accepted.

        >>> feed.stream("spot/ticker:BTC_USDT").get(timeout=10).symbol
        'BTC_USDT'
        """
        return self._open_stream(self._core.words.stream(topic), maxsize)

    def trades(self, symbol: str, *, maxsize: int = MAXSIZE) -> Stream[Trade]:
        """Public trades of a symbol, or of a raw trade topic: a stream that subscribes itself.

        >>> feed.trades("BTC_USDT").get(timeout=30).price > 0
        True
        """
        return self._open_stream(self._core.words.of_kind("trade", symbol), maxsize)

    def tickers(self, symbol: str, *, maxsize: int = MAXSIZE) -> Stream[Ticker]:
        """Tickers of a symbol; on futures each is a `FuturesTicker`.

        >>> feed.tickers("BTC_USDT").get(timeout=10).last > 0
        True
        """
        return self._open_stream(self._core.words.of_kind("ticker", symbol), maxsize)

    def klines(self, symbol: str, step: str = "1m", *, maxsize: int = MAXSIZE) -> Stream[Kline]:
        """Klines of a symbol; step: "1m", "5m", ... "1M".

        >>> feed.klines("BTC_USDT", "1m").get(timeout=10).step
        '1m'
        """
        topic = self._core.words.of_kind("kline", symbol, step, "mark kline")
        return self._open_stream(topic, maxsize)

    def orders(self, *, market: str | None = None, maxsize: int = MAXSIZE) -> Stream[Order]:
        """Own orders, of all symbols of a market; where none is said, of the first one of the
        venue: "spot" of BitMart's "spot" and "futures", "bybit" (linear) of Bybit's.

        >>> orders = feed.orders()
        >>> orders.close()
        """
        return self._open_stream(self._core.words.own("order", market), maxsize)

    def fills(
        self, symbol: str | None = None, *, market: str | None = None, maxsize: int = MAXSIZE
    ) -> Stream[Fill]:
        """Executions of own orders, each once, of one symbol, or of all of a market. At a hole some
        may be missing: `StreamGap`, as of any stream, and `account.inventory` says so too.

        >>> fills = feed.fills("BTC_USDT")
        >>> fills.topic
        'spot/user/orders:ALL_SYMBOLS'
        """
        topic = self._core.words.fills(symbol, market)
        bare = None if symbol is None else self._core.venue.bare(symbol)
        return self._open_stream(topic, maxsize, sift=lambda box: FillMailbox.instead_of(box, bare))

    def positions(self, *, market: str | None = None, maxsize: int = MAXSIZE) -> Stream[Position]:
        """Own positions of a market of contracts; of the venue's first one, if none is said."""
        return self._open_stream(self._core.words.own("position", market), maxsize)

    def balances(
        self, currency: str | None = None, *, market: str | None = None, maxsize: int = MAXSIZE
    ) -> Stream[Balance]:
        """Own balances; on futures of one currency ("USDT" unless it is said)."""
        return self._open_stream(self._core.words.balances(currency, market), maxsize)

    def events(self, *, maxsize: int = MAXSIZE) -> Stream[Event]:
        """What happens from now on: connected, subscribed, live, gap, stale, rejected, ...

        >>> for event in feed.events():  # doctest: +SKIP
        ...     print(event)
        """
        return self._open_stream(EVENTS, maxsize)

    def _new_stream(self, topic: str, maxsize: int) -> Stream[Any]:
        return Stream(topic, maxsize, self._end_stream, self._core.audience.wanting)

    def _open_stream(
        self, topic: str, maxsize: int, sift: Callable[[Mailbox], Mailbox] | None = None
    ) -> Stream[Any]:
        stream = self._new_stream(topic, maxsize)
        if sift is not None:
            stream.mailbox = sift(stream.mailbox)
        if self._thread.is_here:
            self._life.subscriber.begin(stream)
        else:
            self._call(self._life.settle(stream))
        return stream

    def _end_stream(self, stream: FeedStream[Any]) -> None:
        with contextlib.suppress(FeedClosed):
            self._do(lambda: self._life.subscriber.end(stream))


def _within(seconds: float | None, event: threading.Event, wanting: Wanting) -> bool:
    """Wait for an event, which a capture goes on for; whether it came in time."""
    with wanting(event.is_set):
        return wait_for(event.wait, seconds)


@spelled_out
def connect(*symbols: str, **options: Unpack[Options]) -> Feed:
    """Open a feed in the background and subscribe symbols or topics; returns a `Feed`.

    source: "live" (the default), "sim", a `bb.Simulator`, or a capture file (or several, read one
    after the other). With a capture and no speed the call returns when all of it has been read;
    symbols are then those that must be there. Other keywords are those of `bitmart_book.Feed`.
    Raises what `Feed.subscribe` raises, and then leaves nothing behind.

    >>> with bb.connect("BTC_USDT", source="sim") as feed:
    ...     print(feed["BTC_USDT"].state)
    LIVE
    """
    words = names("connect", symbols)
    feed = Feed(**options)
    try:
        feed._begin(words)
    except BaseException:
        feed.close()
        raise
    return feed
