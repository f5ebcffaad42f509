"""A thread with an event loop of its own, on which a feed lives whose user does not await.

Any thread may call; what crosses over runs on the loop's thread, where callbacks run too.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

from bitmart_book.client.times import CLOSE_AT_EXIT_SECONDS, CLOSE_FEED_SECONDS
from bitmart_book.errors import FeedClosed, UsageError
from bitmart_book.feed.life import Life
from bitmart_book.feed.waiting import wait_for

__all__ = ["LoopThread"]

T = TypeVar("T")


class LoopThread:
    """Runs one feed from now until it is closed."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._over = False
        self._closing: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="bitmart_book feed", daemon=True)
        _running.add(self)
        self._thread.start()

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
            _running.discard(self)

    def _run_until_closed(self) -> None:
        while True:
            try:
                self._loop.run_forever()
                break
            except (KeyboardInterrupt, SystemExit) as error:
                # Of a callback. It cannot end the program from here, but whoever waits for this
                # feed need not wait any longer.
                name = type(error).__name__
                self._life.core.journal.error(f"the feed ends: {name} in a callback", error)
                self._loop.call_soon(self._begin_to_close)

    async def _cancel_the_rest(self) -> None:
        await self._life.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=CLOSE_AT_EXIT_SECONDS)

    def _begin_to_close(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_task(self._life.close())
            self._closing.add_done_callback(lambda _: self._loop.stop())

    @property
    def is_here(self) -> bool:
        """Whether the caller is a callback, which must not wait for its own thread."""
        return threading.current_thread() is self._thread

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for that work on the loop's thread."""
        try:
            self._life.core.check_process()
            if self.is_here:
                raise UsageError("this would wait for the thread that it runs on")
            with self._lock:
                if self._over:
                    raise FeedClosed("the feed is closed")
                future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except BaseException:
            work.close()
            raise
        try:
            wait_for(lambda within: concurrent.futures.wait([future], within).done, None)
            return future.result()
        except concurrent.futures.CancelledError:
            raise FeedClosed("the feed was closed meanwhile") from None
        except BaseException:
            # Interrupted, or out of time: nobody waits for it any more.
            future.cancel()
            raise

    def do(self, function: Callable[[], T]) -> T:
        """Call a function on the loop's thread, with the feed open."""
        if self.is_here:
            return function()

        async def crossing() -> T:
            await self._life.open()
            return function()

        return self.call(crossing())

    def ask(self, question: Callable[[], T]) -> T:
        """Like `do`, also of a feed that is closed: what is asked is only read then."""
        try:
            return self.do(question)
        except FeedClosed:
            self._life.core.check_process()
            return question()

    def let_go(self) -> bool:
        """Its user has dropped the feed: end it and the thread once nothing of it is held. False
        where it was not open, or ends already. Called in the middle of anything: no lock here."""
        if self._closing is not None or self._life.core.is_foreign:
            return False
        if self._life.let_go(self._begin_to_close):
            return True
        # Of one that never was open the thread has nothing to do.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._begin_to_close)
        return False

    def close(self, within: float = CLOSE_FEED_SECONDS) -> None:
        """Close the feed and end the thread; in a callback, begin to."""
        if self._life.core.is_foreign:
            return
        if self.is_here:
            self._life.core.engine.require_quiet()
            self._begin_to_close()
            return
        with self._lock:
            if not self._over:
                self._loop.call_soon_threadsafe(self._begin_to_close)
        self._thread.join(within)


_running: WeakSet[LoopThread] = WeakSet()


@atexit.register
def _close_all() -> None:
    """A thread that the end of the program finds in the middle of something would complain."""
    for thread in list(_running):
        thread.close(CLOSE_AT_EXIT_SECONDS)
