"""What lies between the feed and a consumer: mailboxes for values, slots for the newest quote.

No loop and no thread: a consumer brings a `wake` callable, which is called when there is something
new. The book never waits for the user: a full mailbox loses values and says so, a slot keeps only
the number of changes it has not shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from bitmart_book.errors import StreamGap

__all__ = ["Empty", "Ended", "Mailbox", "Slot"]


class Empty(Exception):
    """There is nothing to take yet."""


class Ended(Exception):
    """There is nothing to take any more."""


class Mailbox:
    """A bounded queue of values in which holes are kept at their place.

    What does not fit is lost, the newest first, so that what was there before the hole is
    delivered before the `StreamGap`.
    """

    def __init__(self, maxsize: int, wake: Callable[[], None]) -> None:
        self.maxsize = maxsize
        self._wake = wake
        self._items: deque[Any] = deque()
        self._closed = False

    def put(self, values: Iterable[Any]) -> None:
        """Add values; a hole takes the place of those that do not fit."""
        for value in values:
            if len(self._items) < self.maxsize:
                self._items.append(value)
            elif isinstance(last := self._items[-1], StreamGap) and last.lost is not None:
                self._items[-1] = StreamGap(last.lost + 1, last.reason)
            else:
                self._items.append(StreamGap(1, f"more than {self.maxsize} values not taken"))
        self._wake()

    def hole(self, reason: str) -> None:
        """Values may be missing here, nobody knows how many."""
        if not (self._items and isinstance(self._items[-1], StreamGap)):
            self._items.append(StreamGap(None, reason))
        self._wake()

    def close(self) -> None:
        """No more will come; what is there can still be taken."""
        self._closed = True
        self._wake()

    def take(self) -> Any:
        """The oldest value. Raises StreamGap at a hole, Empty, or Ended."""
        if self._items:
            item = self._items.popleft()
            if isinstance(item, StreamGap):
                raise item
            return item
        raise Ended if self._closed else Empty

    def __len__(self) -> int:
        return len(self._items)


class Slot:
    """How many changes of a book a consumer has not seen."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._changes = 0
        self.closed = False

    def poke(self) -> None:
        """The book changed."""
        self._changes += 1
        self._wake()

    def close(self) -> None:
        """The book will not change any more."""
        self.closed = True
        self._wake()

    def take(self) -> int:
        """The number of changes since the last call. Raises Empty, or Ended."""
        if self._changes == 0:
            raise Ended if self.closed else Empty
        changes, self._changes = self._changes, 0
        return changes
