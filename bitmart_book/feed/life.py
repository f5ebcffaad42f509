"""The life of a feed on an event loop: it opens, waits for answers, plays captures, and closes.

Both faces live on one: the asynchronous on the user's loop, the blocking on that of a thread.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from bitmart_book.client.times import HOPELESS_AFTER, LOOK_WHETHER_HELD, PATIENCE
from bitmart_book.credentials import Credentials
from bitmart_book.errors import BitmartBookError, FeedClosed, UsageError
from bitmart_book.feed.core import Core
from bitmart_book.feed.held import given_out, is_held, is_listened_to
from bitmart_book.feed.live import FeedStream, KeptBook, Moment
from bitmart_book.feed.opening import make_client
from bitmart_book.feed.options import Wait
from bitmart_book.feed.pace import Pace
from bitmart_book.feed.reader import Reader
from bitmart_book.feed.subscriber import EVENTS, Held, NewStream, Subscriber
from bitmart_book.listeners.merged import Merged
from bitmart_book.model import VERSION, BookState
from bitmart_book.wire.capture import CapturedFrame, CaptureWriter
from bitmart_book.wire.driver import Driver
from bitmart_book.wire.playback import Playback
from bitmart_book.wire.recorder import Recorder
from bitmart_book.wire.transports import Opener, opener

if TYPE_CHECKING:
    from bitmart_book.sim import Simulator

__all__ = ["Life"]


class Life:
    """Opens what a core needs, and ends it; waits, on the loop that it was opened on."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.subscriber = Subscriber(core)
        """Of what is done without waiting: it is called where the feed lives."""
        self._reader = Reader(core)
        options = core.options
        self._tls = None if options["ca_file"] is None else _trusting(options["ca_file"])
        self.root: asyncio.Task[None] | None = None
        """The one task that everything else ends with."""
        self._playing: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None
        self._finished: asyncio.Future[None] | None = None
        self._end = asyncio.Event()
        self._stepped = asyncio.Event()
        self._simulator: Simulator | None = None
        self._writer: CaptureWriter | None = None
        self._recorder: Recorder | None = None
        source: Any = options["source"]
        self._stepper: object = None
        self._pace = Pace(free=bool(options["speed"]))
        if core.is_capture:
            core.audience.wanting = self._pace.wanting
        self._playback = Playback(
            core.engine,
            source if core.is_capture else (),
            speed=options["speed"],
            on_bad_line=options["on_bad_line"],
            progress=options["progress"],
            applied=self._played,
            told=self._told,
            rested=self._stepped.set,
            clock=core.recorded_time,
            wanted=self._pace.turn,
        )
        core.stepped = self._stepped.set
        core.bad_lines = self._playback.bad_lines

    # --- opening ---

    async def open(self) -> None:
        """Open the feed, unless it is open; FeedClosed when it was closed."""
        self.core.check_open()
        if self._started is None:
            loop = asyncio.get_running_loop()
            self._started = loop.create_future()
            self._finished = loop.create_future()
            self.root = loop.create_task(self._live())
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
        core = self.core
        if core.options["record"] is not None:
            self._writer = CaptureWriter(core.options["record"])
            self._recorder = Recorder(
                self._writer, VERSION, self._record_failed, venues=core.venue.names
            )
        if core.is_capture:
            self._playing = asyncio.get_running_loop().create_task(self._play())
            return
        urls = await self._addresses()
        if core.closed:
            return
        encrypted = any(url.startswith("wss:") for url in urls.values())
        if self._tls is None and (core.options["source"] == "live" or encrypted):
            self._tls = ssl.create_default_context()
        core.driver = Driver(
            core.engine,
            make_client(core, urls, self._simulated_credentials(), self._recorder),
            core.journal,
            core.audience,
            recorder=self._recorder,
            tls=self._tls,
            published=core.published,
            rested=core.audience.deliver,
            latency=core.latency,
            notes=core.audience.notes,
            opens=self._opener(),
        )
        core.driver.start()

    def _opener(self) -> Opener:
        """What opens a socket; said in the log where that is not what somebody may expect."""
        options = self.core.options
        opens, why_not = opener(options["transport"])
        looks = "shadow=" if options["shadow"] else "record=" if options["record"] else None
        if why_not is not None:
            self.core.journal.note(f'transport="auto" takes websockets: {why_not}')
        elif options["transport"] != "websockets" and looks is not None:
            self.core.journal.note(
                f"{looks} looks at every frame, and takes away most of what picows is faster by"
            )
        return opens

    async def _addresses(self) -> dict[str, str]:
        core = self.core
        urls = dict(core.options["urls"] or {})
        if core.options["source"] == "live":
            return urls
        simulator = await self._running_simulator()
        markets = {profile.market for profile in core.venue.profiles}
        for named, instrument in simulator.exchange.instruments(markets).items():
            core.instruments.setdefault(named, instrument)
        return {**simulator.urls, **urls}

    async def _running_simulator(self) -> Simulator:
        """The simulator that is the source; one that is not running yet is ours to close."""
        if self.core.options["source"] == "sim":
            from bitmart_book.sim import Simulator

            simulator = Simulator(venue=self.core.venue.names)
        else:
            simulator = cast("Simulator", self.core.options["source"])
        if not simulator.urls:
            self._simulator = simulator
            await simulator.start()
        return simulator

    def _simulated_credentials(self) -> dict[str, Credentials] | None:
        """Those of the account that a simulator has, which are the same at each venue."""
        account = getattr(self._simulator or self.core.options["source"], "credentials", None)
        if account is None:
            return None
        return dict.fromkeys(self.core.venue.names, Credentials(**account))

    # --- closing ---

    async def close(self) -> None:
        """End every connection, iterator and task. Takes a few seconds at most; may be called
        twice. Cancelled, it ends them at once. In a forked child it does nothing."""
        if self.core.is_foreign:
            return
        root, cancelled = self.root, None
        if root is not None and root.get_loop() is not asyncio.get_running_loop():
            await self._close_from_elsewhere(root.get_loop())
            return
        self._shut()
        if root is asyncio.current_task():
            return
        while root is not None and not root.done():
            try:
                await asyncio.wait([root])
            except asyncio.CancelledError as error:
                # From here on it takes a few turns of the loop and no more.
                cancelled = error
                self._abort()
        if cancelled is not None:
            raise cancelled

    async def _close_from_elsewhere(self, home: asyncio.AbstractEventLoop) -> None:
        """Close it on its own loop, which runs in another thread, and wait for that here."""
        if not home.is_running():
            if self.core.closed:
                return
            raise UsageError(
                "the feed lives on another event loop, which does not run: close it there, "
                "before that loop ends"
            )
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.close(), home))

    def _shut(self) -> None:
        if self.core.closed:
            return
        if self._recorder is not None:
            self._recorder.stop()
        try:
            self.core.close()
        finally:
            # Whatever has gone wrong, nobody may wait for ever.
            if self._finished is not None and not self._finished.done():
                self._finished.set_result(None)
            self._end.set()
            self._stepped.set()
        self.core.audience.deliver()

    def _abort(self) -> None:
        if self.core.driver is not None:
            self.core.driver.abort()

    async def _finish(self) -> None:
        """Wait for the end of everything that was begun, even if this is cancelled meanwhile."""
        if self.core.is_foreign:
            return
        self._shut()
        self._end_recording()
        cancelled = None
        for ending in (self._end_of_driver, self._end_of_playing, self._end_of_simulator):
            try:
                await ending()
            except asyncio.CancelledError as error:
                cancelled = error
                self._abort()
                # Now it does not take long any more.
                await ending()
        self.core.journal.close()
        if cancelled is not None:
            raise cancelled

    def _record_failed(self, error: OSError) -> None:
        """A full disk ends the recording, and not the books."""
        path = self.core.options["record"]
        self.core.journal.error(f"recording to {path} has ended: {error}", error)

    def _end_recording(self) -> None:
        """At once: nothing more is recorded, and what follows may be cut short."""
        if self._writer is None:
            return
        try:
            self._writer.close()
        except OSError as error:
            problem = f"the end of {self._writer.path} is missing: {error}"
            self.core.journal.error(problem, error)

    async def _end_of_driver(self) -> None:
        if self.core.driver is not None:
            await self.core.driver.stop()

    async def _end_of_playing(self) -> None:
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()
            await asyncio.wait([self._playing])

    async def _end_of_simulator(self) -> None:
        if self._simulator is not None:
            await self._simulator.close()

    # --- forgotten ---

    def let_go(self, end: Callable[[], object]) -> bool:
        """Its user has dropped the feed: call `end`, on its loop, once nothing of it is held any
        more. False where it was never open, is closed, or has no loop any more. From any thread,
        in the middle of anything."""
        root = self.root
        if root is None or root.done() or self.core.closed or self.core.is_foreign:
            return False
        try:
            root.get_loop().call_soon_threadsafe(self._look_whether_held, end)
        except RuntimeError:
            return False
        return True

    def _look_whether_held(self, end: Callable[[], object]) -> None:
        if self.core.closed:
            return
        if is_listened_to(self.core) or is_held(self, given_out(self.core)):
            loop = asyncio.get_running_loop()
            loop.call_later(LOOK_WHETHER_HELD, self._look_whether_held, end)
        else:
            end()

    def end(self) -> None:
        """Begin to close: what was begun is waited for by the one task."""
        self._shut()

    # --- waiting ---

    async def subscribe(
        self,
        words: Sequence[str],
        channel: str | None,
        market: str | None,
        wait: Wait | None,
        new_stream: NewStream,
    ) -> Held | tuple[Held, ...]:
        """Subscribe these, and wait for the venue's answers if that is wanted."""
        waits = self.subscriber.waits(wait)
        await self.open()
        self.core.check_open()
        if self.core.is_capture:
            plain = channel is None and market is None
            keys = words if plain else self.core.words.topics(words, channel, market)
            books = [await self._captured_book(key) for key in keys]
            return books[0] if len(books) == 1 else tuple(books)
        topics, held = self.subscriber.subscribe(words, channel, market, new_stream)
        if waits:
            await self._answered(topics)
        return held

    async def follow(
        self, words: Sequence[str], merged: Merged, new_stream: NewStream
    ) -> list[str]:
        """Let these books be followed, or all; those that are not subscribed are now. Returns the
        symbols or topics of these, for `unfollow`."""
        core, now = self.core, not merged.frames
        await self.open()
        core.check_open()
        if not words:
            for book in core.engine.books:
                core.introduced(book)
            core.audience.follow_all(merged, now=now)
            return []
        if core.is_capture:
            books: Sequence[Any] = [await self._captured_book(key) for key in words]
            ours: list[str] = []
        else:
            ours = self.subscriber.not_subscribed(words)
            try:
                if ours:
                    await self.subscribe(ours, None, None, None, new_stream)
            except BaseException:
                self.subscriber.unfollow(ours, merged)
                raise
            books = [core.running()[0].wanted[topic].book for topic in core.words.topics(words)]
        for book in books:
            merged.follow(core.audience.hub(book), now=now)
        return ours

    async def begin(self, stream: FeedStream[Any]) -> None:
        """Subscribe the topic of a stream."""
        await self.open()
        self.subscriber.begin(stream)

    async def settle(self, stream: FeedStream[Any]) -> None:
        """Subscribe the topic of a stream, and wait for the venue's answer unless the feed waits
        for none. Without an acceptance the stream is ended."""
        try:
            await self.begin(stream)
            if stream.topic != EVENTS and self.subscriber.waits(None):
                await self._answered([stream.topic])
        except BaseException:
            if not self.core.is_foreign:
                stream.close()
            raise

    async def _answered(self, topics: list[str]) -> None:
        """Until every topic has its answer. Raises what `Answers.check` raises."""
        core, seconds = self.core, self.core.options["timeout"]
        answers, driver = self.subscriber.answers(topics), core.running()[1]
        begun = driver.now()
        # Where not even a connection can be opened there is nothing to wait for that long, unless
        # somebody said to: that is looked at once on the way, and from then on.
        looks = HOPELESS_AFTER < seconds <= PATIENCE
        looked = False
        while not core.closed and not answers.complete():
            if looked and self.subscriber.is_hopeless():
                break
            self._stepped.clear()
            span = HOPELESS_AFTER if looks and not looked else seconds
            try:
                async with asyncio.timeout(begun + span - driver.now()):
                    await self._stepped.wait()
            except TimeoutError:
                if looked or not looks:
                    break
                looked = True
        if core.closed:
            raise FeedClosed("the feed was closed while subscribing")
        answers.check(seconds, driver.failures.values())

    async def _captured_book(self, key: str) -> KeptBook:
        """A book of a capture, once it is LIVE; at the end of the capture it must be there."""
        assert self._finished is not None
        while True:
            book = self.core.engine.get(key)
            if book is not None and book.state == BookState.LIVE:
                return self.core.introduced(book)
            if self._finished.done():
                break
            with self._pace.wanting(lambda: self._is_live(key)):
                self._stepped.clear()
                await self._stepped.wait()
        self._finished.result()
        return self._reader.book(key)

    def _is_live(self, key: str) -> bool:
        book = self.core.engine.get(key)
        if book is None or book.state != BookState.LIVE:
            return False
        self._stepped.set()
        return True

    # --- stepping through a capture ---

    async def begin_to_step(self) -> object:
        """From now on `step` alone takes what is next of the capture, until `end_of_steps`; whoever
        stepped before does so no more. Returns what both are to be given."""
        await self.open()
        if not self.core.is_capture:
            raise UsageError('play() steps through a capture: bb.Feed(source="frames.jsonl.gz")')
        self._pace.held = True
        self._stepper = object()
        return self._stepper

    async def step(self, stepper: object) -> Moment[Any] | None:
        """Apply the next frame, when its time has come; None at the end."""
        if stepper is not self._stepper:
            raise UsageError("another play() steps through this capture now")
        engine = self.core.engine
        while True:
            await self._playback.wait()
            record = self._playback.step()
            if record is None:
                return None
            if isinstance(record, CapturedFrame):
                books = tuple(self.core.introduced(book) for book in engine.touched)
                return Moment(
                    record.receive_time_ns, books, self._playback.change, engine.trades,
                    record.connection,
                )  # fmt: skip

    async def end_of_steps(self, stepper: object) -> None:
        """The capture goes on as ever; at its end, that is waited for."""
        if stepper is not self._stepper:
            return
        self._pace.release()
        if self._playback.is_over and self._finished is not None:
            with self._pace.wanting(self._finished.done):
                await asyncio.wait([self._finished])

    async def wait_for_end(self, timeout: float | None) -> None:
        """Until a capture has been read to its end, or the feed is closed. Raises what ended it
        early, and TimeoutError after so many seconds."""
        await self.open()
        assert self._finished is not None
        with self._pace.wanting(self._finished.done):
            await asyncio.wait([self._finished], timeout=timeout)
        if not self._finished.done():
            raise TimeoutError(f"the feed has not come to its end in {timeout} s")
        self._finished.result()

    # --- captures ---

    def _played(self) -> None:
        self.core.audience.applied()
        self.core.audience.deliver()

    def _told(self) -> None:
        self.core.audience.look_at_all()
        self.core.audience.deliver()

    async def _play(self) -> None:
        assert self._finished is not None
        try:
            await self._playback.run()
        except Exception as error:
            if not isinstance(error, BitmartBookError):
                problem = f"playing failed: {type(error).__name__}: {error}"
                self.core.journal.error(problem, error)
            self._finished.set_exception(error)
            self._finished.exception()
        else:
            self._finished.set_result(None)
        self.core.audience.finish()
        self.core.audience.deliver()
        self._stepped.set()


def _trusting(ca_file: str | os.PathLike[str]) -> ssl.SSLContext:
    """Trusts these certificates and no others; checks them, and host names, as ever."""
    try:
        return ssl.create_default_context(cafile=os.fspath(ca_file))
    except OSError as error:
        problem = error.strerror or str(error)
        raise UsageError(f"cannot use {os.fspath(ca_file)} as certificates: {problem}") from None
