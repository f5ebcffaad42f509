"""How far a capture without a speed of its own is read: as far as somebody waits for.

Read as fast as possible, it would be over before a callback could be registered. So it goes on only
while somebody waits: for a book, for the next change, for the end; and stands still, at that very
frame, when what was waited for is there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Pace"]


class Pace:
    """Who waits for what of a capture. free: it has a speed, and waits for nobody."""

    def __init__(self, *, free: bool) -> None:
        self._free = free
        # Replaced and never changed, so that it is read without the lock.
        self._wanted: tuple[Callable[[], bool], ...] = ()
        self._lock = threading.Lock()
        self._more = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.held = False
        """Whether somebody steps by himself."""

    @contextmanager
    def wanting(self, is_there: Callable[[], bool]) -> Iterator[None]:
        """Let the capture go on until that is true; from any thread."""
        with self._lock:
            self._wanted = (*self._wanted, is_there)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._more.set)
        try:
            yield
        finally:
            with self._lock:
                self._wanted = tuple(one for one in self._wanted if one is not is_there)

    def release(self) -> None:
        """Nobody steps by himself any more."""
        self.held = False
        self._more.set()

    @property
    def goes_on(self) -> bool:
        """Whether the next record is wanted now."""
        if self.held:
            return False
        return self._free or any(not is_there() for is_there in self._wanted)

    async def turn(self) -> None:
        """Return when the next record is wanted."""
        self._loop = asyncio.get_running_loop()
        while not self.goes_on:
            self._more.clear()
            await self._more.wait()
