"""Several books for one consumer: which of them have changed since they were taken.

Conflated per book, as a slot is of one: a slow consumer finds each book once, with how often it
changed and in what. Who has waited longest comes first, so that no busy book hides a quiet one. The
book never waits for the user.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from bitmart_book._book import Book
from bitmart_book.listeners.hub import BookHub, Handle
from bitmart_book.listeners.streams import Empty, Ended
from bitmart_book.system.fork import Owned

__all__ = ["Merged"]


class Merged(Owned):
    """The books that one consumer follows.

    wake: called when there is something to take. frames: whether every frame counts as a change,
    and not only those that change the top or the state. endless: whether more books may still
    come, so that it does not end with the last one that there is.
    """

    def __init__(
        self, wake: Callable[[], None], *, frames: bool = False, endless: bool = False
    ) -> None:
        super().__init__()
        self._wake = wake
        self.frames = frames
        self._endless = endless
        self._lock = threading.Lock()
        # What to take, longest waiting first: how many changes of that book, their bits, when the
        # first of them was applied, and since when it was not LIVE where that is news.
        self._due: dict[Any, tuple[int, int, int | None, int | None]] = {}
        self._members: dict[Any, _Member] = {}
        self.since: int | None = None
        """When the first of what was taken last was applied, by the clock (ns)."""
        self.lost_at: int | None = None
        """Since when its book was not LIVE, if that was news in what was taken last."""
        self._over = False

    def follow(self, hub: BookHub, *, now: bool) -> None:
        """From now on that book too, unless it is followed. now: it is to be taken at once."""
        self.check_process()
        book = hub.book
        with self._lock:
            if book in self._members:
                return
            if self._over:
                # Of one that is over before it began the present can still be taken.
                if now:
                    self._due.setdefault(book, (1, 0, None, None))
                return
            member = self._members[book] = _Member(self, hub)
        if now:
            self.note(book, 0)
        member.begin(self.frames)

    def note(
        self, book: Book, change: int, since: int | None = None, lost_at: int | None = None
    ) -> None:
        """A book has changed; since and lost_at as `Consumer.poke` is told."""
        with self._lock:
            times, bits, first, lost = self._due.get(book, (0, 0, since, None))
            lost = lost_at if lost is None else lost
            self._due[book] = times + 1, bits | change, first, lost
        self._wake()

    def leave(self, book: Book) -> None:
        """A book has come to its end, which is taken as its last change."""
        with self._lock:
            member = self._members.pop(book, None)
        if member is not None:
            member.end()
        self._wake()

    def close(self) -> None:
        """No more is followed; what is due can still be taken."""
        with self._lock:
            self._over = True
        for book in list(self._members):
            self.leave(book)
        self._wake()

    def take(self) -> tuple[Any, int, int]:
        """(book, how many changes, their `Change` bits) of the book that has waited longest.
        Raises Empty, or Ended; FeedClosed in a forked child."""
        self.check_process()
        with self._lock:
            if not self._due:
                raise Ended if self._over or not (self._endless or self._members) else Empty
            book = next(iter(self._due))
            times, bits, self.since, self.lost_at = self._due.pop(book)
        return book, times, bits


class _Member:
    """What one of them hears of its book: to a hub it is a slot like any other."""

    def __init__(self, merged: Merged, hub: BookHub) -> None:
        self._merged = merged
        self._hub = hub
        self._frames: Handle | None = None

    def begin(self, frames: bool) -> None:
        if frames:
            self._frames = self._hub.on_frame(self._merged.note)
        self._hub.add(self)

    def end(self) -> None:
        self._hub.remove(self)
        if self._frames is not None:
            self._frames.cancel()

    def poke(self, since: int | None = None, lost_at: int | None = None) -> None:
        self._merged.note(self._hub.book, 0, since, lost_at)

    def close(self) -> None:
        self._merged.leave(self._hub.book)
