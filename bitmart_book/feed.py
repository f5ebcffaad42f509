"""The asyncio shell: sockets, time and tasks around the client, and what users hold in their hands.

It decides nothing: a frame goes to the engine first and, when it was flagged, to the client; the
client's actions are executed as they come. Everything that could be decided without a socket is
in `client` and `session`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from bitmart_book._book import Book, Engine, Quote, clock_ns
from bitmart_book.capture import CaptureWriter
from bitmart_book.client import Action, Client, Close, Open, Plan, Push
from bitmart_book.errors import (
    BitmartBookError,
    CaptureError,
    FeedClosed,
    MessageError,
    NotConnected,
    SubscriptionRejected,
    UsageError,
)
from bitmart_book.hub import BookHub, Handle
from bitmart_book.limits import Limiter
from bitmart_book.model import BookState, Change, Event
from bitmart_book.playback import Playback
from bitmart_book.session import Timeouts, inflate
from bitmart_book.shadow import ShadowEngine
from bitmart_book.streams import Empty, Ended, Mailbox, Slot
from bitmart_book.venues import BITMART
from bitmart_book.venues.profile import Venue

if TYPE_CHECKING:
    from bitmart_book.sim import Simulator

__all__ = ["Feed", "LiveBook", "Stream"]

T = TypeVar("T")

# Without a flag a frame is nobody's business but the book's and its readers'.
_FLAGGED = Change.SNAPSHOT | Change.GAP | Change.TRADE | Change.OTHER
# The largest documented frame is a few kilobytes, the largest real one 1.1 MB.
_MAX_FRAME_BYTES = 4 * 1024 * 1024
_OPEN_TIMEOUT = 5.0
_CLOSE_TIMEOUT = 1.0

_WARNINGS = {"gap", "stale", "rejected", "disconnected", "bad frame", "error", "unanswered"}


class _Socket(ClientConnection):
    """A websocket connection that remembers which messages were binary.

    `recv(decode=False)` gives bytes without decoding text, but not the opcode, and only the opcode
    says whether a frame of BitMart's is compressed.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.opcodes: deque[Opcode] = deque()

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
            self.opcodes.append(event.opcode)
        super().process_event(event)


class LiveBook(Book):
    """A `Book` that a feed keeps; made by `Feed.subscribe`."""

    __slots__ = ("hub",)
    hub: BookHub

    async def quotes(self, *, timeout: float | None = None) -> AsyncIterator[Quote]:
        """The present quote first, then one whenever the top or the state has changed.

        Conflated: a slow loop sees the newest quote, and in `skipped` how many it did not see.
        While the book is not LIVE a quote has that state and None prices. Raises TimeoutError
        after `timeout` seconds without a change; ends when the book is CLOSED.
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
                    async with asyncio.timeout(timeout):
                        await changed.wait()
                    continue
                quote = self.quote_in_any_state(changes - 1)
                if quote.state == BookState.CLOSED:
                    return
                yield quote
        finally:
            self.hub.remove(slot)

    def on_quote(self, callback: Callable[[Quote], object]) -> Handle:
        """Call `callback(quote)` whenever the top or the state changes. An exception in it is
        reported and never fatal; after a hundred in a row the callback is dropped."""
        return self.hub.on_quote(callback)

    def on_change(self, callback: Callable[[LiveBook, int], object]) -> Handle:
        """Call `callback(book, change)` after each whole frame that changed the book."""
        return self.hub.on_change(callback)


class Stream(Generic[T]):
    """An asynchronous iterator over the values of a topic, never conflated.

    At a hole it has delivered what came before, raises `StreamGap` once, and can be iterated on.
    """

    def __init__(self, maxsize: int, on_close: Callable[[Stream[T]], None] | None = None) -> None:
        self._arrived = asyncio.Event()
        self.mailbox = Mailbox(maxsize, self._arrived.set)
        self._on_close = on_close

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            self._arrived.clear()
            try:
                return self.mailbox.take()  # type: ignore[no-any-return]
            except Ended:
                raise StopAsyncIteration from None
            except Empty:
                await self._arrived.wait()

    def close(self) -> None:
        """End the iteration after what has arrived; may be called twice."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close(self)
        self.mailbox.close()


class Feed:
    """Live books and streams over asyncio. `async with Feed(source=...) as feed:`

    source: "live" (BitMart's own addresses), "sim" (an exchange inside this process), a
    `bb.Simulator`, or a capture file. urls: endpoint name to address, to point at another server.
    record: a file to capture every frame into. shadow: check each frame against the reference
    book. max_levels: levels kept on each side. timeout: seconds that `subscribe` waits; wait:
    "all", or "none" to return at once.
    speed (captures): None as fast as possible, 1.0 as recorded. on_bad_line (captures): "raise"
    or "skip". logger: instead of `logging.getLogger("bitmart_book")`.
    """

    def __init__(
        self,
        *,
        source: Any = "live",
        urls: Mapping[str, str] | None = None,
        record: str | os.PathLike[str] | None = None,
        shadow: bool = False,
        max_levels: int = 50_000,
        timeout: float = 10.0,
        wait: Literal["all", "none"] = "all",
        speed: float | None = None,
        on_bad_line: Literal["raise", "skip"] = "raise",
        progress: Callable[[int, int], None] | None = None,
        logger: logging.Logger | None = None,
        limiter: Limiter | None = None,
        timeouts: Timeouts | None = None,
        venue: Venue = BITMART,
        book_type: type[Book] = LiveBook,
    ) -> None:
        self._source = source
        self._urls = dict(urls or {})
        self._record = record
        self._timeout = timeout
        self._wait = wait
        self._log = logger or logging.getLogger("bitmart_book")
        self._limiter = limiter
        self._timeouts = timeouts
        self._venue = venue
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
        self._simulator: Simulator | None = None
        self._writer: CaptureWriter | None = None
        self._hubs: dict[Book, BookHub] = {}
        self._streams: dict[str, list[Mailbox]] = {}
        self._event_boxes: list[Mailbox] = []
        self._sockets: dict[str, asyncio.Task[None]] = {}
        self._outboxes: dict[str, asyncio.Queue[str]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._wake = asyncio.Event()
        self._stepped = asyncio.Event()
        self._failures: dict[str, str] = {}
        self._finished: asyncio.Future[None] | None = None
        self._opened = False
        self.closed = False
        """Whether `close` was called."""
        self._playback = Playback(
            self._engine,
            source if self._is_capture else (),
            speed=speed,
            on_bad_line=on_bad_line,
            progress=progress,
            applied=self._tell_hubs,
            rested=self._stepped.set,
        )

    # --- life ---

    async def __aenter__(self) -> Feed:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _open(self) -> None:
        if self.closed:
            raise FeedClosed("the feed is closed")
        if self._opened:
            return
        self._opened = True
        if self._record is not None:
            self._writer = CaptureWriter(self._record)
        self._finished = asyncio.get_running_loop().create_future()
        if self._is_capture:
            self._spawn(self._play(self._playback))
            return
        urls = dict(self._urls)
        if self._source == "sim":
            from bitmart_book.sim import Simulator

            self._simulator = Simulator()
            await self._simulator.start()
            urls = {**self._simulator.urls, **urls}
        elif self._source != "live":
            if not self._source.urls:
                self._simulator = self._source
                await self._simulator.start()
            urls = {**self._source.urls, **urls}
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
        )
        self._spawn(self._drive())

    async def close(self) -> None:
        """End every connection, iterator and task. Takes a few seconds at most; may be called
        twice."""
        if self.closed:
            return
        self.closed = True
        if self._client is not None:
            self._client.close(self._now())
            self._execute(self._client.actions())
            self._publish()
        else:
            for book in self._engine.books:
                self._engine.close_book(book)
        for hub in self._hubs.values():
            hub.look()
        for boxes in [*self._streams.values(), self._event_boxes]:
            for box in boxes:
                box.close()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2 * _CLOSE_TIMEOUT)
        if self._simulator is not None:
            await self._simulator.close()
        if self._writer is not None:
            self._writer.close()
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)
        self._stepped.set()

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
        NotConnected where there is no connection; the others stay.
        """
        if not topics:
            raise UsageError("subscribe() takes at least one symbol or topic")
        await self._open()
        self._check_open()
        if self._client is None:
            found = [await self._captured_book(topic) for topic in topics]
            return found[0] if len(found) == 1 else tuple(found)
        names = [self._client.topic(topic, channel=channel, market=market) for topic in topics]
        self._client.subscribe(names, self._now())
        results = [self._result(name) for name in names]
        self._step()
        if (wait or self._wait) == "all":
            await self._until_answered(names)
        return results[0] if len(results) == 1 else tuple(results)

    async def unsubscribe(
        self, *topics: str, channel: str | None = None, market: str | None = None
    ) -> None:
        """Counted: at zero a book is CLOSED for good, and iterators over the topic end."""
        self._check_open()
        client = self._live_client()
        names = [client.topic(topic, channel=channel, market=market) for topic in topics]
        books = {name: client.book(name) for name in names if name in client.subscriptions()}
        for name in client.unsubscribe(names, self._now()):
            for box in self._streams.pop(name, []):
                box.close()
            book = books[name]
            if book is not None:
                self._hubs.pop(book).look()
        self._step()

    @property
    def subscriptions(self) -> dict[str, str]:
        """Topic to state."""
        if self._client is None:
            return {topic: str(self._engine[topic].state) for topic in self._engine}
        return self._client.subscriptions()

    def plan(self, symbols: Any) -> Plan:
        """The connections, topics and messages that these would use, before connecting."""
        client = self._client or Client(self._engine, self._venue, rng=random.Random())
        return client.plan([client.topic(symbol) for symbol in symbols])

    def __getitem__(self, key: str) -> Any:
        self._check_open()
        return self._engine[key]

    def __contains__(self, key: object) -> bool:
        return key in self._engine

    def __iter__(self) -> Any:
        return iter(self._engine)

    def __len__(self) -> int:
        return len(self._engine)

    @property
    def books(self) -> tuple[Any, ...]:
        """All books, in the order in which they were made."""
        return self._engine.books

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
        return {} if self._client is None else self._client.report()

    # --- streams ---

    async def stream(self, topic: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Subscribe a raw topic that is not a book's; returns a stream of its values."""
        await self._open()
        return self._open_stream(topic, maxsize)

    def _open_stream(self, topic: str, maxsize: int) -> Stream[Any]:
        client = self._live_client()
        client.subscribe([topic], self._now())
        stream: Stream[Any] = Stream(maxsize, lambda ended: self._end_stream(topic, ended.mailbox))
        self._streams.setdefault(topic, []).append(stream.mailbox)
        self._step()
        return stream

    def _end_stream(self, topic: str, box: Mailbox) -> None:
        boxes = self._streams.get(topic, [])
        if box in boxes and not self.closed:
            boxes.remove(box)
            self._live_client().unsubscribe([topic], self._now())
            self._step()

    def _topic_of(self, kind: str, symbol: str, option: str = "") -> str:
        """A topic of a market's "trade", "ticker" or "kline" channel."""
        if ":" in symbol:
            return symbol
        profile, _ = self._venue.book_channel(symbol)
        name = f"{profile.market}/{kind}"
        if profile.stream(name) is None:
            raise UsageError(f"{profile.market} has no {kind}")
        return f"{name}:{symbol}{option}"

    def trades(self, symbol: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Public trades of a symbol, or of a raw trade topic: a stream that subscribes itself."""
        return self._open_stream(self._topic_of("trade", symbol), maxsize)

    def tickers(self, symbol: str, *, maxsize: int = 10_000) -> Stream[Any]:
        """Tickers of a symbol."""
        return self._open_stream(self._topic_of("ticker", symbol), maxsize)

    def klines(self, symbol: str, step: str = "1m", *, maxsize: int = 10_000) -> Stream[Any]:
        """Klines of a symbol; step: "1m", "5m", ... "1M"."""
        return self._open_stream(self._topic_of(f"kline{step}", symbol), maxsize)

    def events(self, *, maxsize: int = 10_000) -> Stream[Event]:
        """What happens from now on: connected, subscribed, live, gap, stale, rejected, ..."""
        stream: Stream[Event] = Stream(
            maxsize, lambda ended: self._event_boxes.remove(ended.mailbox)
        )
        self._event_boxes.append(stream.mailbox)
        return stream

    # --- waiting ---

    def _result(self, topic: str) -> Any:
        client = self._live_client()
        book = client.book(topic)
        if book is None:
            stream: Stream[Any] = Stream(
                10_000, lambda ended: self._end_stream(topic, ended.mailbox)
            )
            self._streams.setdefault(topic, []).append(stream.mailbox)
            return stream
        self._hub(book)
        return book

    def _hub(self, book: Any) -> BookHub:
        hub = self._hubs.get(book)
        if hub is None:
            hub = self._hubs[book] = BookHub(book, self._report_failure)
            book.hub = hub
        return hub

    async def _until_answered(self, topics: list[str]) -> None:
        client = self._live_client()
        deadline = self._now() + self._timeout
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
                async with asyncio.timeout(deadline - self._now()):
                    await self._stepped.wait()
            except TimeoutError:
                break
        if self.closed:
            raise FeedClosed("the feed was closed while subscribing")
        if refused:
            first = next(iter(refused.values()))
            raise SubscriptionRejected(tuple(refused), first.code, first.message)
        if waiting:
            raise self._nobody_answered(list(waiting))

    def _nobody_answered(self, topics: list[str]) -> Exception:
        failures = "; ".join(self._failures.values())
        if failures:
            return NotConnected(f"no connection: {failures}")
        return SubscriptionRejected(tuple(topics), None, f"no answer within {self._timeout:g} s")

    async def _captured_book(self, topic: str) -> Any:
        """A book of a capture, once it is LIVE; at the end of the capture it must be there."""
        assert self._finished is not None
        while True:
            book = self._engine.get(topic)
            if book is not None and book.state == BookState.LIVE:
                self._hub(book)
                return book
            if self._finished.done():
                break
            self._stepped.clear()
            await self._stepped.wait()
        self._finished.result()
        if book is None:
            there = ", ".join(self._engine) or "no book at all"
            raise UsageError(f"the capture holds no book of {topic}; it holds {there}")
        self._hub(book)
        return book

    async def finished(self) -> None:
        """Wait for the end of a capture. Raises what ended it early."""
        await self._open()
        assert self._finished is not None
        await asyncio.shield(self._finished)

    def _check_open(self) -> None:
        if self.closed:
            raise FeedClosed("the feed is closed")

    def _live_client(self) -> Client:
        self._check_open()
        if self._client is None:
            raise UsageError("a capture has no subscriptions; open the feed first if it is live")
        return self._client

    # --- the shell ---

    @staticmethod
    def _now() -> float:
        return clock_ns() / 1e9

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # A child's end is never silent: whoever waits is told, and the feed is over.
            error = task.exception()
            if not isinstance(error, BitmartBookError):
                self._log.error("a task of the feed failed", exc_info=error)
            if self._finished is not None and not self._finished.done():
                self._finished.set_exception(error)  # type: ignore[arg-type]
                self._finished.exception()
            self._stepped.set()

    async def _drive(self) -> None:
        client = self._live_client()
        while not self.closed:
            self._wake.clear()
            now = self._now()
            client.advance(now)
            self._after_client()
            pause = client.next_deadline(now) - self._now()
            # Not `wait_for`: on Python 3.11 it can swallow the cancellation that ends this task.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause)):
                    await self._wake.wait()

    def _step(self) -> None:
        """The client was told something: do what it wants, and let it think again."""
        self._after_client()
        self._wake.set()

    def _after_client(self) -> None:
        client = self._client
        if client is None:
            return
        actions = client.actions()
        if actions:
            self._execute(actions)
        self._publish()

    def _publish(self) -> None:
        client = self._client
        assert client is not None
        for push in client.pushes():
            self._deliver(push)
        events = client.events()
        if not events:
            return
        for event in events:
            self._log_event(event)
            if event.kind == "gap" and event.topic in self._streams:
                for box in self._streams[event.topic]:
                    box.hole(event.reason or "connection lost")
        for box in self._event_boxes:
            box.put(events)
        for hub in list(self._hubs.values()):
            hub.look()
        self._stepped.set()

    def _deliver(self, push: Push) -> None:
        for box in self._streams.get(push.topic, ()):
            box.put(push.values)
        self._stepped.set()

    def _log_event(self, event: Event) -> None:
        level = logging.WARNING if event.kind in _WARNINGS else logging.INFO
        if self._log.isEnabledFor(level):
            self._log.log(level, "%s", event)

    def _report_failure(self, what: str, error: BaseException) -> None:
        self._log.error("%s: %s: %s", what, type(error).__name__, error, exc_info=error)
        event = Event(kind="callback failed", time=self._now(), reason=f"{what}: {error!r}")
        for box in self._event_boxes:
            box.put([event])

    def _execute(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Open):
                self._outboxes[action.connection] = asyncio.Queue()
                task = self._spawn(self._connection(action.connection, action.url))
                self._sockets[action.connection] = task
            elif isinstance(action, Close):
                socket = self._sockets.pop(action.connection, None)
                self._outboxes.pop(action.connection, None)
                if socket is not None:
                    socket.cancel()
            else:
                self._outboxes[action.connection].put_nowait(action.text)

    async def _connection(self, name: str, url: str) -> None:
        """One socket from its opening to its end, whatever ends it."""
        client = self._live_client()
        me = asyncio.current_task()
        try:
            async with connect(
                url,
                create_connection=_Socket,
                compression=None,
                max_size=_MAX_FRAME_BYTES,
                ping_interval=None,
                open_timeout=_OPEN_TIMEOUT,
                close_timeout=_CLOSE_TIMEOUT,
                proxy=None,
            ) as socket:
                self._failures.pop(url, None)
                generation = client.opened(name, self._now())
                self._step()
                await self._serve(name, generation, socket)  # type: ignore[arg-type]
        except ConnectionClosed as error:
            self._lost(name, me, f"closed: {error}")
        except Exception as error:
            self._open_failed(name, me, url, error)

    async def _serve(self, name: str, generation: int, socket: _Socket) -> None:
        writing = asyncio.create_task(self._write(self._outboxes[name], socket))
        try:
            while True:
                payload = await socket.recv(decode=False)
                self._receive(name, generation, payload, socket.opcodes.popleft())
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writing

    @staticmethod
    async def _write(outbox: asyncio.Queue[str], socket: _Socket) -> None:
        while True:
            await socket.send(await outbox.get())

    def _lost(self, name: str, me: asyncio.Task[Any] | None, reason: str) -> None:
        # The client may have given this socket up already, and opened another in its place.
        if self._sockets.get(name) is me and self._client is not None and not self.closed:
            del self._sockets[name]
            self._client.lost(name, reason, self._now())
            self._step()

    def _open_failed(
        self, name: str, me: asyncio.Task[Any] | None, url: str, error: Exception
    ) -> None:
        client = self._client
        if client is None or self.closed or self._sockets.get(name) is not me:
            return
        if client.is_open(name):
            self._lost(name, me, f"{type(error).__name__}: {error}")
            return
        del self._sockets[name]
        reason = f"{url}: {error or type(error).__name__}"
        self._failures[url] = reason
        status = error.response.status_code if isinstance(error, InvalidStatus) else 0
        client.failed(name, reason, self._now(), banned=status in (403, 429))
        self._step()

    def _receive(self, name: str, generation: int, payload: bytes, opcode: Opcode) -> None:
        """One message: the engine first, then whoever it concerns."""
        client = self._client
        assert client is not None
        received = time.time_ns()
        try:
            if opcode is Opcode.BINARY:
                payload = inflate(payload)
            if self._writer is not None:
                self._writer.write(payload, received, f"{name}#{generation}")
            change = self._engine.apply(payload, received, generation=generation)
        except MessageError as error:
            client.bad_frame(name, error, self._now())
            self._step()
            return
        if change == 0:
            return
        if change & _FLAGGED:
            client.frame(name, payload, change, self._now())
            self._step()
        self._tell_hubs()

    def _tell_hubs(self) -> None:
        for book in self._engine.touched:
            hub = self._hubs.get(book)
            if hub is not None:
                hub.changed(book.last_change)

    async def _play(self, playback: Playback) -> None:
        await playback.run()
        for hub in self._hubs.values():
            hub.look()
        assert self._finished is not None
        if not self._finished.done():
            self._finished.set_result(None)
        self._stepped.set()
