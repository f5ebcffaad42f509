"""The face for asyncio: a feed whose waiting is awaited, its live books and its streams.

It has no decisions of its own: `core` makes them, `life` runs them. A user's code runs here, when
everything that has arrived is applied, and cannot hurt a book.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, Self, TypeVar, Unpack, overload

from bitmart_book._book import Quote
from bitmart_book.errors import UsageError
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

__all__ = ["Feed", "LiveBook", "LiveTrigger", "Stream"]

T = TypeVar("T")


class LiveBook(KeptBook):
    """A `Book` that a feed keeps; made by `Feed.subscribe`.

    >>> book = await feed.subscribe("BTC_USDT")
    >>> book.best_bid_price < book.best_ask_price
    True
    """

    __slots__ = ()

    async def quotes(self, *, timeout: float | None = None) -> AsyncGenerator[Quote, None]:
        """The present quote first, then one whenever the top or the state has changed.

        Conflated: a slow loop sees the newest quote, and in `skipped` how many it did not see.
        While the book is not LIVE a quote has that state and None prices. Raises TimeoutError
        after `timeout` seconds without a change; ends when the book is CLOSED.

        >>> async for quote in book.quotes(timeout=5):
        ...     print(quote.symbol, quote.bid < quote.ask)
        ...     break
        BTC_USDT True
        """
        changed = asyncio.Event()
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
                    if not await _within(timeout, changed, self.hub.wanting):
                        raise self._unchanged(timeout) from None
                    continue
                quote = self.quote_in_any_state(changes - 1)
                if quote.state == BookState.CLOSED:
                    return
                self.hub.told(quote.state, slot.since, slot.lost_at)
                yield quote
        finally:
            self.hub.remove(slot)

    async def wait_for(
        self, predicate: Callable[[Self], object], timeout: float | None = None
    ) -> Quote:
        """Wait until `predicate(book)` is true; returns the `Quote` of that moment.

        It is asked now and behind each frame, on the feed's thread, while the book is LIVE only:
        `await book.wait_for(lambda book: book.spread < 0.5, timeout=30)`. What it raises is raised
        here, but for BookNotLive. Raises TimeoutError after so many seconds, and FeedClosed where
        the book, or its capture, has ended.

        >>> (await book.wait_for(lambda book: book.spread > 0, timeout=5)).symbol
        'BTC_USDT'
        """
        arrived = asyncio.Event()
        with Waiter(self.hub, predicate, arrived.set) as waiter:
            if not waiter.is_over and not await _within(timeout, arrived, self.hub.wanting):
                raise TimeoutError(f"what was waited for of {self.symbol} within {timeout} s")
            return waiter.result()

    def when(self, **conditions: Unpack[Conditions]) -> LiveTrigger:
        """A `LiveTrigger` that fires when all of these become true: `Book.when` lists them. The
        tick of `mid_moved` is the instrument's where the feed knows it.

        >>> (await book.when(spread_bps=(">", 0))).symbol
        'BTC_USDT'
        """
        return LiveTrigger(self, conditions)

    async def ladder(self, seconds: float | None = 10.0, *, levels: int = 10) -> None:
        """Show the ladder in this notebook's cell and keep it current for so many seconds.

        seconds: None until the book is closed, or the cell is interrupted. levels: of each side.
        While the book is not LIVE it shows the state, why, and the last values in grey, as not to
        be trusted; the last picture says that the ladder has ended. UsageError where no notebook
        runs, with what there is in its place.

        >>> await book.ladder(seconds=30)  # doctest: +SKIP
        """
        over = asyncio.Event()
        self.hub.at_end(over.set)
        try:
            with contextlib.closing(self._ladders(seconds, levels, over.is_set)) as pauses:
                for pause in pauses:
                    await _within(pause, over, self.hub.wanting)
        finally:
            self.hub.not_at_end(over.set)


class LiveTrigger(KeptTrigger):
    """A `Trigger` of a book that a feed keeps; made by `LiveBook.when`.

    `quote = await book.when(spread_bps=(">", 5))` waits for its next firing, or returns at once
    with one that nobody has taken; `async for quote in trigger` takes one after the other, of
    several that were not waited for the newest.

    >>> trigger = book.when(spread_bps=(">", 0))
    >>> (await trigger.wait(timeout=5)).state
    <BookState.LIVE: 'LIVE'>
    >>> trigger.cancel()
    """

    def __init__(self, book: LiveBook, conditions: Conditions) -> None:
        self._arrived = asyncio.Event()
        super().__init__(book, self._arrived.set, conditions)

    def __await__(self) -> Generator[Any, None, Quote]:
        return self.wait().__await__()

    async def wait(self, timeout: float | None = None) -> Quote:
        """The quote of the next firing. Raises TimeoutError when it does not fire in so many
        seconds, and FeedClosed when it cannot fire any more."""
        try:
            return await self._next(timeout)
        except Ended:
            raise self._over() from None

    def __aiter__(self) -> LiveTrigger:
        return self

    async def __anext__(self) -> Quote:
        try:
            return await self._next(None)
        except Ended:
            raise StopAsyncIteration from None

    async def _next(self, timeout: float | None) -> Quote:
        while True:
            self._arrived.clear()
            try:
                return self._firings.take()
            except Empty:
                if not await _within(timeout, self._arrived, self._hub.wanting):
                    raise self._too_late(timeout) from None


class Stream(FeedStream[T]):
    """An asynchronous iterator over the values of a topic, never conflated.

    Iterating needs no more than `async for trade in feed.trades(...)`: what the venue refuses is
    raised there. `orders = await feed.orders()` first waits for the venue's acceptance: what
    happens after that line is told. At a hole a stream has delivered what came before, raises
    `StreamGap` once, and can be iterated on.

    >>> trades = await feed.trades("BTC_USDT")
    >>> (await trades.get(timeout=30)).symbol
    'BTC_USDT'
    """

    def __init__(self, topic: str, maxsize: int, life: Life) -> None:
        self._life = life
        self._arrived = asyncio.Event()
        super().__init__(topic, maxsize, self._arrived.set, life.subscriber.end)

    def __await__(self) -> Generator[Any, None, Stream[T]]:
        return self._accepted().__await__()

    async def _accepted(self) -> Stream[T]:
        await self._life.settle(self)
        return self

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self._next(None)
        except Ended:
            raise StopAsyncIteration from None

    async def get(self, timeout: float | None = None) -> T:
        """The next value. Raises StreamGap at a hole, TimeoutError when nothing comes in so many
        seconds, and FeedClosed when nothing can come any more."""
        try:
            return await self._next(timeout)
        except Ended:
            raise self._over() from None

    async def _next(self, timeout: float | None) -> T:
        while True:
            self._arrived.clear()
            try:
                return self.mailbox.take()  # type: ignore[no-any-return]
            except Empty:
                if not self.begun:
                    await self._life.begin(self)
                if not await _within(timeout, self._arrived, self._life.core.audience.wanting):
                    raise self._nothing_came(timeout) from None


class Feed(Face[LiveBook]):
    """Live books and streams over asyncio. `async with Feed(source=...) as feed:`

    * source: "live", the venue's own addresses; "sim", an exchange inside this process; a
      `bb.Simulator`; a capture file, or several.
    * venue: one of `bb.venues()`, or several; BitMart where none is said.
    * credentials: for private topics, of several venues by name; the simulator has its own.
    * demo: futures are those of demo trading.
    * instruments: symbol to `bb.Instrument`, as `bb.read_instruments` makes it of BitMart's lists;
      the simulator brings its own.
    * urls: endpoint name to address, to point at another server; one that is neither the venue's
      own host, encrypted, nor this machine needs allow_other_hosts, and gets no login even then.
    * ca_file: certificates (PEM) to trust instead of the system's, for wss addresses; there is no
      way to trust none.
    * record: a file to capture every frame into.
    * shadow: check each frame against the reference book.
    * transport: what carries frames: "websockets"; "picows", several times faster, with the extra
      `[fast]`; "auto" takes that one where it is there.
    * max_levels: levels kept on each side. max_books: how many books there may be; a whole
      exchange has more than 2,000.
    * timeout: seconds that subscribing waits for an answer, or three where no connection can be
      opened and no more than ten were said. wait: "all", or "none" to return at once.
    * on_error: called with (what failed, the exception) when a user's callback raises, instead of
      a line in the log. on_outage: called with an `Event` once a minute while an exchange cannot
      be reached. Neither can hurt the feed.
    * logger: instead of `logging.getLogger("bitmart_book")`; at its level TRACE (5) every frame is
      written, without secrets.
    * speed (captures): None or 0 as fast as possible, 1.0 as recorded. on_bad_line: "raise" or
      "skip". progress: called with (bytes read, bytes in all) of a file.

    `bitmart_book.sync.Feed` has the same names. `finished` is another name of `wait_for_end`.

    >>> async with bb.Feed(source="sim") as other:
    ...     print((await other.subscribe("ETH_USDT")).state)
    LIVE
    """

    @spelled_out
    def __init__(self, **options: Unpack[Options]) -> None:
        super().__init__(Core(options, LiveBook))
        self._life = Life(self._core)

    async def __aenter__(self) -> Feed:
        try:
            await self._life.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        life: Life | None = getattr(self, "_life", None)
        if life is not None and life.let_go(life.end):
            self._forgotten(self._named(), "async with bb.Feed(...) as feed:", "await feed.close()")

    async def close(self) -> None:
        """End every connection, iterator and task. Takes a few seconds at most; may be called
        twice. Cancelled, it ends them at once. In a forked child it does nothing."""
        await self._life.close()

    async def wait_for_end(self, timeout: float | None = None) -> None:
        """Wait until a capture has been read to its end, or the feed is closed; raises what ended
        it early, and TimeoutError after so many seconds."""
        await self._life.wait_for_end(timeout)

    finished = wait_for_end

    # --- topics ---

    # A topic is a text, so that to a type checker each of the first three is also the fourth.
    @overload
    async def subscribe(  # type: ignore[overload-overlap]
        self, topic: OrderTopic, /, *, wait: Wait | None = None
    ) -> Stream[Order]: ...
    @overload
    async def subscribe(  # type: ignore[overload-overlap]
        self, topic: PositionTopic, /, *, wait: Wait | None = None
    ) -> Stream[Position]: ...
    @overload
    async def subscribe(  # type: ignore[overload-overlap]
        self, topic: BalanceTopic, /, *, wait: Wait | None = None
    ) -> Stream[Balance]: ...
    @overload
    async def subscribe(
        self,
        topic: str,
        /,
        *,
        channel: str | None = None,
        market: str | None = None,
        wait: Wait | None = None,
    ) -> LiveBook: ...
    @overload
    async def subscribe(  # type: ignore[overload-overlap]
        self, *topics: OwnTopic, wait: Wait | None = None
    ) -> tuple[Stream[Order | Position | Balance], ...]: ...
    @overload
    async def subscribe(
        self,
        *topics: str,
        channel: str | None = None,
        market: str | None = None,
        wait: Wait | None = None,
    ) -> tuple[LiveBook, ...]: ...
    async def subscribe(
        self,
        *topics: str,
        channel: str | None = None,
        market: str | None = None,
        wait: Wait | None = None,
    ) -> Any:
        """Subscribe symbols or raw topics; one argument gives one book, several a tuple.

        A raw topic that is not a book's gives a `Stream` of its values; type checkers know those
        of an account, for others `stream`, `trades` and their like are typed. Returns when every
        one is LIVE or accepted; with wait="none" at once. All are subscribed, or, where one of
        them cannot exist, none. Raises SubscriptionRejected, with `.topics`, for those that the
        venue refused or that did not come in time, and NotConnected where there is no connection;
        the others stay. Where the venue says more than that, AuthenticationError, VenueError or
        LimitExceeded, with its code and words.

        >>> book = await feed.subscribe("BTC_USDT")
        >>> books = await feed.subscribe("BTC_USDT", "ETH_USDT")
        >>> book.state, len(books)
        (<BookState.LIVE: 'LIVE'>, 2)
        """
        words = names("subscribe", topics)
        if not words:
            raise UsageError("subscribe() takes at least one symbol or topic")
        return await self._life.subscribe(words, channel, market, wait, self._new_stream)

    async def unsubscribe(
        self, *topics: str, channel: str | None = None, market: str | None = None
    ) -> None:
        """Counted: at zero a book is CLOSED for good, and iterators over the topic end.

        >>> other = await feed.subscribe("SOL_USDT")
        >>> await feed.unsubscribe("SOL_USDT")
        >>> other.state
        <BookState.CLOSED: 'CLOSED'>
        """
        self._life.subscriber.unsubscribe(names("unsubscribe", topics), channel, market)

    # --- several books ---

    async def quotes(
        self, *symbols: str, timeout: float | None = None
    ) -> AsyncGenerator[Quote, None]:
        """The quotes of several books in one loop: `async for quote in feed.quotes("BTC_USDT",
        "ETH_USDT")`; of all that are subscribed, and will be, where none is named.

        The present quote of each first, then one whenever the top or the state of one has changed.
        `quote.symbol`, `.market` and `.venue` say whose it is. Conflated by book: a slow loop sees
        the newest quote of each, the one that has waited longest first, with `skipped`. While a
        book is not LIVE its quote has that state and None prices; its last one is CLOSED. Symbols
        that are not subscribed are, for as long as the loop runs. Raises what `subscribe` raises,
        and TimeoutError after `timeout` seconds without any change; ends with the last book.

        >>> async for quote in feed.quotes("BTC_USDT", timeout=5):
        ...     print(quote.symbol)
        ...     break
        BTC_USDT
        """
        async with contextlib.aclosing(self._merged("quotes", symbols, timeout)) as each:
            async for book, times, _ in each:
                yield book.quote_in_any_state(max(0, times - 1))

    async def changes(
        self, *symbols: str, timeout: float | None = None
    ) -> AsyncGenerator[tuple[LiveBook, int], None]:
        """`(book, change)` whenever a frame has changed one of these books, or its state has
        changed; of all where none is named. `change` are the `Change` bits of all frames since that
        book was last told of; 0 where only its state has. Otherwise like `quotes`.

        >>> async for book, change in feed.changes("BTC_USDT", timeout=30):
        ...     print(book.symbol)
        ...     break
        BTC_USDT
        """
        async with contextlib.aclosing(self._merged("changes", symbols, timeout)) as each:
            async for book, _, bits in each:
                yield book, bits

    async def _merged(
        self, call: str, symbols: tuple[str, ...], timeout: float | None
    ) -> AsyncGenerator[tuple[LiveBook, int, int], None]:
        words = names(call, symbols)
        changed = asyncio.Event()
        merged = Merged(changed.set, frames=call == "changes", endless=not words)
        ours = await self._life.follow(words, merged, self._new_stream)
        try:
            while True:
                changed.clear()
                try:
                    taken = merged.take()
                except Ended:
                    return
                except Empty:
                    if not await _within(timeout, changed, self._core.audience.wanting):
                        raise unchanged(words, timeout) from None
                    continue
                book = taken[0]
                book.hub.told(book.state, merged.since, merged.lost_at)
                yield taken
        finally:
            self._life.subscriber.unfollow(ours, merged)

    async def play(self) -> AsyncGenerator[Moment[LiveBook], None]:
        """Step through a capture: each frame of it, applied, when you are ready for it.

        `async for moment in feed.play(): ...` for a backtest: what is read of a book between two
        steps is what it was then. A `Moment` has the time, the books that changed, what changed,
        and trades. Callbacks are called as ever. It begins where the capture is; leave the loop,
        and the rest is read as anybody waits for it. With a speed each step waits for its time.
        """
        stepper = await self._life.begin_to_step()
        try:
            while (moment := await self._life.step(stepper)) is not None:
                yield moment
        finally:
            await self._life.end_of_steps(stepper)

    # --- streams ---

    def stream(self, topic: str, *, maxsize: int = MAXSIZE) -> Stream[Value]:
        """The values of any raw topic that is not a book's. Awaited, it has been accepted."""
        return self._open_stream(self._core.words.stream(topic), maxsize)

    def trades(self, symbol: str, *, maxsize: int = MAXSIZE) -> Stream[Trade]:
        """Public trades of a symbol, or of a raw trade topic: a stream that subscribes itself.

        >>> (await feed.trades("BTC_USDT").get(timeout=30)).price > 0
        True
        """
        return self._open_stream(self._core.words.of_kind("trade", symbol), maxsize)

    def tickers(self, symbol: str, *, maxsize: int = MAXSIZE) -> Stream[Ticker]:
        """Tickers of a symbol; on futures each is a `FuturesTicker`."""
        return self._open_stream(self._core.words.of_kind("ticker", symbol), maxsize)

    def klines(self, symbol: str, step: str = "1m", *, maxsize: int = MAXSIZE) -> Stream[Kline]:
        """Klines of a symbol; step: "1m", "5m", ... "1M"."""
        topic = self._core.words.of_kind("kline", symbol, step, "mark kline")
        return self._open_stream(topic, maxsize)

    def orders(self, *, market: str | None = None, maxsize: int = MAXSIZE) -> Stream[Order]:
        """Own orders, of all symbols of a market; where none is said, of the first one of the
        venue: "spot" of BitMart's "spot" and "futures", "bybit" (linear) of Bybit's."""
        return self._open_stream(self._core.words.own("order", market), maxsize)

    def fills(
        self, symbol: str | None = None, *, market: str | None = None, maxsize: int = MAXSIZE
    ) -> Stream[Fill]:
        """Executions of own orders, each once, of one symbol, or of all of a market. At a hole some
        may be missing: `StreamGap`, as of any stream, and `account.inventory` says so too."""
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
        """What happens from now on: connected, subscribed, live, gap, stale, rejected, ..."""
        return self._open_stream(EVENTS, maxsize)

    def _new_stream(self, topic: str, maxsize: int) -> Stream[Any]:
        return Stream(topic, maxsize, self._life)

    def _open_stream(
        self, topic: str, maxsize: int, sift: Callable[[Mailbox], Mailbox] | None = None
    ) -> Stream[Any]:
        self._core.check_open()
        stream = self._new_stream(topic, maxsize)
        if sift is not None:
            stream.mailbox = sift(stream.mailbox)
        if self._life.subscriber.can_begin(topic):
            self._life.subscriber.begin(stream)
        return stream


async def _within(
    seconds: float | None,
    event: asyncio.Event,
    wanting: Callable[[Callable[[], bool]], AbstractContextManager[None]],
) -> bool:
    """Wait for an event, which a capture goes on for; whether it came in time."""
    with wanting(event.is_set):
        if seconds is None:
            return await event.wait()
        try:
            async with asyncio.timeout(seconds):
                return await event.wait()
        except TimeoutError:
            return False
