"""Live books and streams over asyncio: what users hold in their hands.

It knows neither sockets nor what is decided about them: `wire` has the sockets, `client` decides.
A user's code runs here, when everything that has arrived is applied, and cannot hurt a book.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from bitmart_book._book import Book, Engine, clock_ns
from bitmart_book.check.shadow import ShadowEngine
from bitmart_book.client.account import Account
from bitmart_book.client.client import Client, Plan
from bitmart_book.client.limits import Limiter
from bitmart_book.client.outbox import Push
from bitmart_book.client.session import Answer, Timeouts
from bitmart_book.credentials import Credentials
from bitmart_book.errors import (
    AuthenticationError,
    BitmartBookError,
    CaptureError,
    FeedClosed,
    NotConnected,
    SubscriptionRejected,
    UsageError,
    VenueError,
)
from bitmart_book.feed.live import LiveBook, Stream
from bitmart_book.fork import Owned
from bitmart_book.listeners.audience import Audience
from bitmart_book.listeners.streams import Mailbox
from bitmart_book.log.journal import Journal, Logger
from bitmart_book.model import BookState, Event, Instrument
from bitmart_book.venues import BITMART, BITMART_DEMO
from bitmart_book.venues.profile import Venue
from bitmart_book.wire.capture import CaptureWriter
from bitmart_book.wire.driver import Driver
from bitmart_book.wire.playback import Playback

if TYPE_CHECKING:
    from bitmart_book.sim import Simulator

__all__ = ["Feed", "LiveBook", "Stream"]


class Feed(Owned):
    """Live books and streams over asyncio. `async with Feed(source=...) as feed:`

    source: "live" (BitMart's own addresses), "sim" (an exchange inside this process), a
    `bb.Simulator`, or a capture file. credentials: for private topics; the simulator has its own.
    demo: futures are those of demo trading. instruments: symbol to `bb.Instrument`, as
    `bb.read_instruments` makes it of BitMart's lists; the simulator brings its own.
    urls: endpoint name to address, to point at another server; one that is neither the venue's own
    host, encrypted, nor this machine needs allow_other_hosts, and gets no login even then.
    ca_file: certificates (PEM) to trust instead of the system's, for wss addresses; there is no
    way to trust none. record: a file to capture every frame into. shadow: check each frame
    against the reference book. max_levels: levels kept on each side. timeout: seconds that
    `subscribe` waits; wait: "all", or "none" to return at once.
    on_error: called with (what failed, the exception) when a user's callback raises, instead of a
    line in the log. on_outage: called with an `Event` once a minute while an exchange cannot be
    reached. Neither can hurt the feed. logger: instead of `logging.getLogger("bitmart_book")`;
    at its level TRACE (5) every frame is written, without secrets.
    speed (captures): None as fast as possible, 1.0 as recorded. on_bad_line (captures): "raise"
    or "skip".
    """

    def __init__(
        self,
        *,
        source: Any = "live",
        credentials: Credentials | None = None,
        demo: bool = False,
        instruments: Mapping[str, Instrument] | None = None,
        urls: Mapping[str, str] | None = None,
        allow_other_hosts: bool = False,
        ca_file: str | os.PathLike[str] | None = None,
        record: str | os.PathLike[str] | None = None,
        shadow: bool = False,
        max_levels: int = 50_000,
        timeout: float = 10.0,
        wait: Literal["all", "none"] = "all",
        on_error: Callable[[str, BaseException], object] | None = None,
        on_outage: Callable[[Event], object] | None = None,
        speed: float | None = None,
        on_bad_line: Literal["raise", "skip"] = "raise",
        progress: Callable[[int, int], None] | None = None,
        logger: Logger | None = None,
        limiter: Limiter | None = None,
        timeouts: Timeouts | None = None,
        venue: Venue | None = None,
        book_type: type[Book] = LiveBook,
    ) -> None:
        super().__init__()
        self._source = source
        self._urls = dict(urls or {})
        for url in self._urls.values():
            if not url.startswith(("ws://", "wss://")):
                raise UsageError(f"an address begins with wss:// or ws://, was {url!r}")
        self._tls = None if ca_file is None else _trusting(ca_file)
        self._record = record
        self._timeout = timeout
        self._wait = wait
        self._journal = Journal(logger or logging.getLogger("bitmart_book"))
        self._limiter = limiter
        self._timeouts = timeouts
        if venue is None:
            venue = BITMART_DEMO if demo else BITMART
        self._venue = venue
        self._demo = demo
        self._credentials = credentials
        self._other_hosts = allow_other_hosts
        self.instruments: dict[str, Instrument] = dict(instruments or {})
        """What is known of symbols: tick, lot, contract size."""
        kind: type[Engine] = ShadowEngine if shadow else Engine
        self._is_capture = not (source in ("live", "sim") or hasattr(source, "exchange"))
        self._engine = kind(
            clock=None if self._is_capture else "monotonic",
            max_levels=max_levels,
            only_known=not self._is_capture,
            book_type=book_type,
            venue=venue,
        )
        self._client: Client | None = None
        self._shell: Driver | None = None
        self._simulator: Simulator | None = None
        self._writer: CaptureWriter | None = None
        self._audience = Audience(
            self._engine,
            self._journal,
            on_error=on_error,
            on_outage=on_outage,
            explain=lambda book: self._across(lambda: self._explain_book(book)),
            now=lambda: clock_ns() / 1e9,
            instruments=self.instruments,
        )
        # Where questions about the client are answered: in `sync` on another thread.
        self._across: Callable[[Callable[[], str]], str] = _here
        self._root: asyncio.Task[None] | None = None
        self._playing: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None
        self._finished: asyncio.Future[None] | None = None
        self._end = asyncio.Event()
        self._stepped = asyncio.Event()
        self.closed = False
        """Whether `close` was called."""
        self._playback = Playback(
            self._engine,
            source if self._is_capture else (),
            speed=speed,
            on_bad_line=on_bad_line,
            progress=progress,
            applied=self._played,
            rested=self._stepped.set,
        )

    # --- life ---

    async def __aenter__(self) -> Feed:
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _open(self) -> None:
        self._check_open()
        if self._started is None:
            loop = asyncio.get_running_loop()
            self._started = loop.create_future()
            self._finished = loop.create_future()
            self._root = loop.create_task(self._live())
        await asyncio.shield(self._started)

    async def _live(self) -> None:
        """The one task that everything else ends with, whoever is cancelled meanwhile."""
        assert self._started is not None
        try:
            await self._start()
            self._started.set_result(None)
            await self._end.wait()
        except Exception as error:
            self._started.set_exception(error)
            self._started.exception()
        finally:
            if not self._started.done():
                self._started.set_exception(FeedClosed("the feed was closed while it opened"))
                self._started.exception()
            await self._finish()

    async def _start(self) -> None:
        if self._record is not None:
            self._writer = CaptureWriter(self._record)
        if self._is_capture:
            self._playing = asyncio.get_running_loop().create_task(self._play())
            return
        urls = await self._addresses()
        if self.closed:
            return
        if self._tls is None and (
            self._source == "live" or any(url.startswith("wss:") for url in urls.values())
        ):
            self._tls = ssl.create_default_context()
        if self._demo:
            # A server of ours has its demo trading beside the other, at addresses of its own.
            demo = {k.removeprefix("demo_"): v for k, v in urls.items() if k.startswith("demo_")}
            urls = {**urls, **demo}
        limiter = self._limiter
        if limiter is None and self._source != "live" and not self._urls:
            # An exchange of our own counts for itself: its limits are not BitMart's memory of us.
            limiter = Limiter()
        self._client = Client(
            self._engine,
            self._venue,
            rng=random.Random(),
            urls=urls,
            elsewhere=self._source == "live" and not self._urls,
            limiter=limiter,
            timeouts=self._timeouts,
            other_hosts=self._other_hosts,
            credentials=self._credentials or self._simulated_credentials(),
            wall_ms=lambda: time.time_ns() // 1_000_000,
        )
        self._shell = Driver(
            self._engine,
            self._client,
            self._journal,
            self._audience,
            writer=self._writer,
            tls=self._tls,
            published=self._publish,
            rested=self._audience.deliver,
        )
        self._shell.start()

    async def _addresses(self) -> dict[str, str]:
        if self._source == "live":
            return self._urls
        if self._source == "sim":
            from bitmart_book.sim import Simulator

            simulator = self._simulator = Simulator()
            await simulator.start()
        else:
            simulator = self._source
            if not simulator.urls:
                self._simulator = simulator
                await simulator.start()
        for symbol, instrument in simulator.exchange.instruments().items():
            self.instruments.setdefault(symbol, instrument)
        return {**simulator.urls, **self._urls}

    async def close(self) -> None:
        """End every connection, iterator and task. Takes a few seconds at most; may be called
        twice. Cancelled, it ends them at once. In a forked child it does nothing."""
        if self.is_foreign:
            return
        self._shut()
        root, cancelled = self._root, None
        if root is asyncio.current_task():
            return
        while root is not None and not root.done():
            try:
                await asyncio.wait([root])
            except asyncio.CancelledError as error:
                # From here on it takes a few turns of the loop and no more.
                cancelled = error
                if self._shell is not None:
                    self._shell.abort()
        if cancelled is not None:
            raise cancelled

    def _shut(self) -> None:
        """What of closing needs no waiting: from here on nobody is told anything new."""
        if self.closed:
            return
        self.closed = True
        try:
            if self._client is not None and self._shell is not None:
                self._client.close(self._shell.now())
                self._shell.end()
            else:
                for book in self._engine.books:
                    self._engine.close_book(book)
            self._audience.close()
        finally:
            # Whatever has gone wrong, nobody may wait for ever.
            if self._finished is not None and not self._finished.done():
                self._finished.set_result(None)
            self._end.set()
            self._stepped.set()
        self._audience.deliver()

    async def _finish(self) -> None:
        """Wait for the end of everything that was begun, even if this is cancelled meanwhile."""
        if self.is_foreign:
            return
        self._shut()
        if self._writer is not None:
            # At once: nothing more is recorded, and what follows may be cut short.
            try:
                self._writer.close()
            except OSError as error:
                self._journal.error(f"the end of {self._writer.path} is missing: {error}", error)
        cancelled = None
        for ending in (self._end_of_shell, self._end_of_playing, self._end_of_simulator):
            try:
                await ending()
            except asyncio.CancelledError as error:
                cancelled = error
                if self._shell is not None:
                    self._shell.abort()
                # Now it does not take long any more.
                await ending()
        self._journal.close()
        if cancelled is not None:
            raise cancelled

    async def _end_of_shell(self) -> None:
        if self._shell is not None:
            await self._shell.stop()

    async def _end_of_playing(self) -> None:
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()
            await asyncio.wait([self._playing])

    async def _end_of_simulator(self) -> None:
        if self._simulator is not None:
            await self._simulator.close()

    # --- topics ---

    async def subscribe(
        self,
        *topics: str,
        channel: str | None = None,
        market: str | None = None,
        wait: Literal["all", "none"] | None = None,
    ) -> Any:
        """Subscribe symbols or raw topics; one argument gives one book, several a tuple.

        A raw topic that is not a book's gives a `Stream` of its events. Returns when every one is
        LIVE or has sent its first data; with wait="none" at once. Raises SubscriptionRejected,
        with `.topics`, for those that the venue refused or that did not come in time, and
        NotConnected where there is no connection; the others stay. Where the venue says more than
        that, AuthenticationError, VenueError or LimitExceeded, with its code and words.
        """
        if not topics:
            raise UsageError("subscribe() takes at least one symbol or topic")
        await self._open()
        self._check_open()
        if self._client is None:
            found = [await self._captured_book(topic) for topic in topics]
            return found[0] if len(found) == 1 else tuple(found)
        names, results = self._subscribe(topics, channel, market)
        if (wait or self._wait) == "all":
            await self._until_answered(names)
        return results[0] if len(results) == 1 else tuple(results)

    def _subscribe(
        self, topics: tuple[str, ...], channel: str | None, market: str | None
    ) -> tuple[list[str], list[Any]]:
        client, shell = self._live_client()
        names = [client.topic(topic, channel=channel, market=market) for topic in topics]
        client.subscribe(names, shell.now())
        results = [self._result(name) for name in names]
        shell.step()
        return names, results

    async def unsubscribe(
        self, *topics: str, channel: str | None = None, market: str | None = None
    ) -> None:
        """Counted: at zero a book is CLOSED for good, and iterators over the topic end."""
        self._unsubscribe(topics, channel, market)

    def _unsubscribe(
        self, topics: tuple[str, ...], channel: str | None, market: str | None
    ) -> None:
        client, shell = self._live_client()
        names = [client.topic(topic, channel=channel, market=market) for topic in topics]
        books = {name: client.book(name) for name in names if name in client.subscriptions()}
        for name in client.unsubscribe(names, shell.now()):
            self._audience.end_streams(name)
            book = books[name]
            if book is not None:
                self._audience.forget_book(book)
        shell.step()

    @property
    def subscriptions(self) -> dict[str, str]:
        """Topic to state."""
        if self._client is None:
            return {topic: str(self._engine[topic].state) for topic in self._engine}
        return self._client.subscriptions()

    def _simulated_credentials(self) -> Credentials | None:
        """Those of the account that a simulator of our own has."""
        simulator = self._simulator or (self._source if self._source != "live" else None)
        account = getattr(simulator, "credentials", None)
        return None if account is None else Credentials(**account)

    @property
    def account(self) -> Account:
        """Orders, positions and balances, as far as the private topics that are subscribed tell."""
        account: Account = self._live_client()[0].account
        return account

    def plan(self, symbols: Any) -> Plan:
        """The connections, topics and messages that these would use, before connecting."""
        client = self._client or Client(self._engine, self._venue, rng=random.Random())
        return client.plan([client.topic(symbol) for symbol in symbols])

    def explain(self, *topics: str) -> str:
        """A sentence a line for each of these symbols or topics, or for all: the state, why, since
        when, and what is being done about it. Never raises for what is not there."""
        self.check_process()
        if self.closed:
            return "The feed is closed."
        if topics:
            return "\n".join(map(self._explain, topics))
        sentences = [self._explain(topic) for topic in self.subscriptions]
        return "\n".join(sentences) or "Nothing is subscribed."

    def _explain(self, topic: str) -> str:
        book = self._engine.get(topic)
        if book is not None:
            return self._explain_book(book)
        if self._client is None or self._shell is None:
            return f"{topic} is not {'in the capture' if self._is_capture else 'subscribed'}."
        return self._client.explain(topic, self._shell.now())

    def _explain_book(self, book: Book) -> str:
        if self._client is None or self._shell is None or book.state == BookState.CLOSED:
            # Of one that no connection stands behind there is no more to say.
            return f"{Book.explain(book)}."
        return self._client.explain(f"{book.channel}:{book.symbol}", self._shell.now())

    def __getitem__(self, key: str) -> Any:
        self._check_open()
        book = self._engine[key]
        if self._is_capture:
            self._audience.hub(book)
        return book

    def __contains__(self, key: object) -> bool:
        return key in self._engine

    def __iter__(self) -> Any:
        return iter(self._engine)

    def __len__(self) -> int:
        return len(self._engine)

    @property
    def books(self) -> tuple[Any, ...]:
        """All books, in the order in which they were made."""
        books = self._engine.books
        if self._is_capture:
            for book in books:
                self._audience.hub(book)
        return books

    @property
    def bad_lines(self) -> tuple[CaptureError, ...]:
        """The lines of a capture that could not be read and were skipped."""
        return tuple(self._playback.bad_lines)

    @property
    def stats(self) -> dict[str, int]:
        """Counters of the engine."""
        return self._engine.stats

    def report(self) -> dict[str, Any]:
        """Connections, topics and counters."""
        report: dict[str, Any] = {"topics": self.subscriptions, "engine": self.stats}
        if self._client is not None and self._shell is not None:
            report.update(self._client.report(), loop=self._shell.report())
        counters = self._audience.counters
        report["callbacks"] = {name: counters[name] for name in ("failures", "dropped")}
        report["log"] = {"held_back": self._journal.swallowed}
        return report

    # --- streams ---

    async def stream(self, topic: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Subscribe a raw topic that is not a book's; returns a stream of its values."""
        await self._open()
        return self._open_stream(topic, maxsize)

    def _open_stream(self, topic: str, maxsize: int) -> Stream[Any]:
        self._check_open()
        stream: Stream[Any] = Stream(maxsize, lambda ended: self._end_stream(topic, ended.mailbox))
        self._add_stream(topic, stream.mailbox)
        return stream

    def _add_stream(self, topic: str, box: Mailbox) -> None:
        client, shell = self._live_client()
        client.subscribe([topic], shell.now())
        self._audience.add_stream(topic, box)
        shell.step()

    def _end_stream(self, topic: str, box: Mailbox) -> None:
        if not self.closed and self._audience.remove_stream(topic, box):
            client, shell = self._live_client()
            client.unsubscribe([topic], shell.now())
            shell.step()

    def _topic_of(self, kind: str, symbol: str, step: str | None = None) -> str:
        """A topic of the channel of that kind in the market of a symbol."""
        if self._venue.is_topic(symbol):
            return symbol
        market = self._venue.book_channel(symbol)[0].market
        for _, stream in self._venue.streams(kind, market=market, step=step):
            return f"{stream.name}:{symbol}"
        steps = sorted({stream.step for _, stream in self._venue.streams(kind, market=market)})
        there = f"; there is: {', '.join(steps)}" if steps and step else ""
        raise UsageError(f"{market} has no {kind}{f' of {step}' if step else ''}{there}")

    def trades(self, symbol: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Public trades of a symbol, or of a raw trade topic: a stream that subscribes itself."""
        return self._open_stream(self._topic_of("trade", symbol), maxsize)

    def orders(self, *, market: str | None = None, maxsize: int = 10_000) -> Stream[Any]:
        """Own orders, of all symbols of a market ("spot", the default, or "futures")."""
        return self._open_stream(self._own("order", market), maxsize)

    def positions(self, *, maxsize: int = 10_000) -> Stream[Any]:
        """Own positions on futures."""
        return self._open_stream(self._own("position", "futures"), maxsize)

    def balances(
        self, currency: str | None = None, *, market: str | None = None, maxsize: int = 10_000
    ) -> Stream[Any]:
        """Own balances; on futures of one currency ("USDT" unless it is said)."""
        return self._open_stream(self._balances(currency, market), maxsize)

    def _balances(self, currency: str | None, market: str | None) -> str:
        if market != "futures":
            return self._own("balance", market)
        ((_, stream),) = self._venue.streams("balance", market="futures")
        return f"{stream.name}:{currency or 'USDT'}"

    def _own(self, kind: str, market: str | None) -> str:
        """The topic that brings all of a kind, of a market."""
        wanted = market or "spot"
        for _, stream in self._venue.streams(kind, market=wanted):
            if stream.whole:
                return stream.whole[0]
        raise UsageError(f"{wanted} has no {kind}s")

    def tickers(self, symbol: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Tickers of a symbol."""
        return self._open_stream(self._topic_of("ticker", symbol), maxsize)

    def klines(self, symbol: str, step: str = "1m", *, maxsize: int = 10_000) -> Stream[Any]:
        """Klines of a symbol; step: "1m", "5m", ... "1M"."""
        return self._open_stream(self._topic_of("kline", symbol, step), maxsize)

    def events(self, *, maxsize: int = 10_000) -> Stream[Event]:
        """What happens from now on: connected, subscribed, live, gap, stale, rejected, ..."""
        self._check_open()
        stream: Stream[Event] = Stream(
            maxsize, lambda ended: self._audience.remove_events(ended.mailbox)
        )
        self._audience.add_events(stream.mailbox)
        return stream

    # --- waiting ---

    def _result(self, topic: str) -> Any:
        book = self._live_client()[0].book(topic)
        if book is None:
            stream: Stream[Any] = Stream(10_000, lambda s: self._end_stream(topic, s.mailbox))
            self._audience.add_stream(topic, stream.mailbox)
            return stream
        self._audience.hub(book)
        return book

    async def _until_answered(self, topics: list[str]) -> None:
        client, shell = self._live_client()
        deadline = shell.now() + self._timeout
        waiting = dict.fromkeys(topics)
        refused = {}
        while waiting and not self.closed:
            for topic in list(waiting):
                answer = client.refusal(topic)
                if answer is not None:
                    refused[topic] = answer
                if answer is not None or client.answered(topic):
                    del waiting[topic]
            if not waiting:
                break
            self._stepped.clear()
            try:
                async with asyncio.timeout(deadline - shell.now()):
                    await self._stepped.wait()
            except TimeoutError:
                break
        if self.closed:
            raise FeedClosed("the feed was closed while subscribing")
        if refused:
            raise _verdict(refused)
        if waiting:
            for topic in waiting:
                problem = client.problem(topic)
                if problem is not None:
                    raise problem
            failures = "; ".join(dict.fromkeys(shell.failures.values()))
            if failures:
                raise NotConnected(f"no connection: {failures}")
            raise SubscriptionRejected(
                tuple(waiting), None, f"no answer within {self._timeout:g} s"
            )

    async def _captured_book(self, topic: str) -> Any:
        """A book of a capture, once it is LIVE; at the end of the capture it must be there."""
        assert self._finished is not None
        while True:
            book = self._engine.get(topic)
            if book is not None and book.state == BookState.LIVE:
                self._audience.hub(book)
                return book
            if self._finished.done():
                break
            self._stepped.clear()
            await self._stepped.wait()
        self._finished.result()
        if book is None:
            there = ", ".join(self._engine) or "no book at all"
            raise UsageError(f"the capture holds no book of {topic}; it holds {there}")
        self._audience.hub(book)
        return book

    async def finished(self) -> None:
        """Wait for the end of a capture. Raises what ended it early."""
        await self._open()
        assert self._finished is not None
        await asyncio.shield(self._finished)

    def _check_open(self) -> None:
        self.check_process()
        if self.closed:
            raise FeedClosed("the feed is closed")

    def _live_client(self) -> tuple[Client, Driver]:
        self._check_open()
        if self._client is None or self._shell is None:
            raise UsageError("a capture has no subscriptions; open the feed first if it is live")
        return self._client, self._shell

    def _publish(self, events: list[Event], pushes: list[Push]) -> None:
        self._audience.publish(events, pushes)
        for event in events:
            if event.kind == "rejected" and event.topic is not None and self._client is not None:
                answer = self._client.refusal(event.topic)
                if answer is not None:
                    self._audience.refuse(event.topic, _verdict({event.topic: answer}))
        self._stepped.set()

    # --- captures ---

    def _played(self) -> None:
        self._audience.applied()
        self._audience.deliver()

    async def _play(self) -> None:
        assert self._finished is not None
        try:
            await self._playback.run()
        except Exception as error:
            if not isinstance(error, BitmartBookError):
                self._journal.error(f"playing failed: {type(error).__name__}: {error}", error)
            self._finished.set_exception(error)
            self._finished.exception()
        else:
            self._finished.set_result(None)
        self._audience.look_at_all()
        self._audience.deliver()
        self._stepped.set()


def _verdict(refused: Mapping[str, Answer]) -> BitmartBookError:
    """One exception for all topics that were refused together."""
    first = next(iter(refused.values()))
    if isinstance(first.error, AuthenticationError):
        return first.error
    kinds = {type(answer.error) for answer in refused.values()}
    if len(kinds) == 1 and isinstance(first.error, VenueError):
        return type(first.error)(first.code, first.message, tuple(refused))
    return SubscriptionRejected(tuple(refused), first.code, first.message)


def _here(question: Callable[[], str]) -> str:
    return question()


def _trusting(ca_file: str | os.PathLike[str]) -> ssl.SSLContext:
    """Trusts these certificates and no others; checks them, and host names, as ever."""
    try:
        return ssl.create_default_context(cafile=os.fspath(ca_file))
    except OSError as error:
        problem = error.strerror or str(error)
        raise UsageError(f"cannot use {os.fspath(ca_file)} as certificates: {problem}") from None
