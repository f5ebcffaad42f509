"""One who waits for a moment of a book: until a predicate is true, or a trigger has fired.

No loop: whoever waits brings a `wake` callable. The predicate is called where the feed lives,
behind each frame, on a LIVE book only: what it looks at, and the quote, are of one moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bitmart_book._book import Quote, Timed
from bitmart_book.errors import BookNotLive, FeedClosed
from bitmart_book.listeners.hub import BookHub, Handle, named
from bitmart_book.listeners.streams import Empty, Ended
from bitmart_book.model import Change

__all__ = ["Firings", "Waiter"]


class Waiter(Timed):
    """Waits until `predicate(book)` is true."""

    def __init__(
        self, hub: BookHub, predicate: Callable[[Any], object], wake: Callable[[], None]
    ) -> None:
        self._hub = hub
        self._predicate = predicate
        self._wake = wake
        self._quote: Quote | None = None
        self._error: BaseException | None = None
        self._frames: Handle | None = None

    @property
    def name(self) -> str:
        """The qualified name of the predicate."""
        return named(self._predicate, f"wait_for of {self._hub.book.symbol}")

    @property
    def is_over(self) -> bool:
        """Whether `result` has something to say."""
        return self._quote is not None or self._error is not None

    def __enter__(self) -> Waiter:
        self._hub.across(self._begin)
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.remove(self)
        if self._frames is not None:
            self._frames.cancel()

    def _begin(self) -> None:
        self._hub.add(self)
        self._frames = self._hub.on_frame(self._heard)
        self.poke()

    def _heard(self, _: object, change: int, since: int | None) -> None:
        """A frame was applied. One that changed the top is told to slots as well, by `poke`."""
        if not change & Change.TOP:
            self.poke(since)

    def poke(self, since: int | None = None, lost_at: int | None = None) -> None:
        """Something is another than it was: ask the predicate."""
        del since, lost_at
        if self.is_over:
            return
        book, latency = self._hub.book, self._hub.latency
        try:
            quote = book.quote
            if latency.call(self, self._predicate, (book,), None, None):
                self._quote = quote
        except BookNotLive:
            return
        except BaseException as error:
            # Whoever waits is told.
            self._error = error
        if self.is_over:
            self._wake()

    def close(self) -> None:
        """It will never become true any more."""
        if not self.is_over:
            self._error = never(self._hub, "what was waited for did not happen")
            self._wake()

    def result(self) -> Quote:
        """The quote of the moment at which it was true. Raises what the predicate raised, and
        FeedClosed where it cannot become true any more."""
        if self._error is not None:
            raise self._error
        assert self._quote is not None
        return self._quote


class Firings:
    """The newest firing of a trigger that was not taken yet."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._quote: Quote | None = None
        self._over = False

    def note(self, quote: Quote) -> None:
        """The trigger has fired."""
        self._quote = quote
        self._wake()

    def end(self) -> None:
        """It fires no more."""
        self._over = True
        self._wake()

    def take(self) -> Quote:
        """The quote of the newest firing. Raises Empty, or Ended."""
        quote, self._quote = self._quote, None
        if quote is None:
            raise Ended if self._over else Empty
        return quote


def never(hub: BookHub, what: str) -> FeedClosed:
    """What is raised where nothing can happen any more."""
    return FeedClosed(f"{what}, and nothing more will come of {hub.book.symbol}: it has ended")
