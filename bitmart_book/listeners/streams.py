"""What lies between the feed and a consumer: mailboxes for values, slots for the newest quote.

No loop: a consumer brings a `wake` callable, which is called when there is something new, and may
take on another thread than the one that puts. The book never waits for the user: a full mailbox
loses values and says so, a slot keeps only the number of changes it has not shown.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from bitmart_book.errors import BitmartBookError, StreamGap
from bitmart_book.system.fork import Owned

__all__ = ["Empty", "Ended", "Mailbox", "Slot"]


class Empty(Exception):
    """There is nothing to take yet."""


class Ended(Exception):
    """There is nothing to take any more."""


class Mailbox(Owned):
    """A bounded queue of values in which holes are kept at their place.

    What does not fit is lost, the newest first, so that what was there before the hole is
    delivered before the `StreamGap`. Holds at most `maxsize` values and two holes.
    """

    def __init__(self, maxsize: int, wake: Callable[[], None]) -> None:
        super().__init__()
        self.maxsize = maxsize
        self._wake = wake
        self._items: deque[Any] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def put(self, values: Iterable[Any]) -> None:
        """Add values; a hole takes the place of those that do not fit."""
        with self._lock:
            items = self._items
            if self._closed:
                return
            for value in values:
                if len(items) < self.maxsize:
                    items.append(value)
                elif isinstance(last := items[-1], StreamGap) and last.lost is not None:
                    items[-1] = StreamGap(last.lost + 1, last.reason)
                else:
                    items.append(StreamGap(1, f"more than {self.maxsize} values not taken"))
        self._wake()

    def hole(self, reason: str) -> None:
        """Values may be missing here, nobody knows how many."""
        with self._lock:
            if not (self._items and isinstance(self._items[-1], StreamGap)):
                self._items.append(StreamGap(None, reason))
        self._wake()

    def fail(self, error: BitmartBookError) -> None:
        """No more will come, for this reason: it is told once, behind what is there."""
        with self._lock:
            if self._closed:
                return
            self._items.append(error)
            self._closed = True
        self._wake()

    def close(self) -> None:
        """No more will come; what is there can still be taken."""
        with self._lock:
            self._closed = True
        self._wake()

    def take(self) -> Any:
        """The oldest value. Raises StreamGap at a hole, what `fail` was given at the end, Empty,
        or Ended; FeedClosed in a forked child."""
        self.check_process()
        with self._lock:
            if not self._items:
                raise Ended if self._closed else Empty
            item = self._items.popleft()
        if isinstance(item, BitmartBookError):
            raise item
        return item

    def waiting(self) -> list[Any]:
        """What waits to be taken, the oldest first, holes and the end among it. Takes nothing."""
        with self._lock:
            return list(self._items)

    def __len__(self) -> int:
        return len(self._items)


class Slot(Owned):
    """How many changes of a book a consumer has not seen. One thread pokes, one takes."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake
        # Each counter is written by one thread alone, so that no change is counted twice.
        self._changes = 0
        self._taken = 0
        # Of the first change that was not taken: its number, and when it was applied.
        self._first: tuple[int, int | None] = (0, None)
        self._lost_at: int | None = None
        self.since: int | None = None
        """When the first of what was taken last was applied, by the clock (ns)."""
        self.lost_at: int | None = None
        """Since when the book was not LIVE, if that was news in what was taken last."""
        self.closed = False

    def poke(self, since: int | None = None, lost_at: int | None = None) -> None:
        """The book changed, at that time of the clock (ns). lost_at: since when it was not LIVE,
        where that is news."""
        if self._first[0] <= self._taken:
            self._first = (self._changes + 1, since)
        if lost_at is not None:
            self._lost_at = lost_at
        self._changes += 1
        self._wake()

    def close(self) -> None:
        """The book will not change any more."""
        self.closed = True
        self._wake()

    def take(self) -> int:
        """The number of changes since the last call. Raises Empty, or Ended; FeedClosed in a
        forked child."""
        self.check_process()
        closed = self.closed
        first, since = self._first
        changes = self._changes - self._taken
        if changes == 0:
            raise Ended if closed else Empty
        self.lost_at, self._lost_at = self._lost_at, None
        # Another thread may be about to count the change that it has named.
        self.since = since if self._taken < first <= self._taken + changes else None
        self._taken += changes
        return changes
