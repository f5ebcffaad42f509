"""A live book and a stream as asyncio code holds them: what changes is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Generic, TypeVar

from bitmart_book._book import Book, Quote
from bitmart_book.fork import Owned
from bitmart_book.listeners.hub import BookHub, Handle
from bitmart_book.listeners.streams import Empty, Ended, Mailbox, Slot
from bitmart_book.model import BookState, Instrument

__all__ = ["LiveBook", "Stream"]

T = TypeVar("T")


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
        """Call `callback(quote)` whenever the top or the state has changed.

        Conflated: what arrived together is applied together, and the callback gets the newest
        quote, with the number of those in between as `skipped`. An exception in it is reported
        and never fatal; after a hundred in a row the callback is dropped.
        """
        return self.hub.on_quote(callback)

    def on_change(self, callback: Callable[[LiveBook, int], object]) -> Handle:
        """Call `callback(book, change)` after each whole frame that changed the book. The next
        frame waits for it: a slow one delays every book of the feed."""
        return self.hub.on_change(callback)

    @property
    def instrument(self) -> Instrument | None:
        """What is known of the symbol: tick, lot, contract size."""
        return self.hub.instrument()

    def base_size(self, size: Decimal | float | str, price: Decimal | None = None) -> Decimal:
        """A size of this book in the base currency, exact: on futures `unit` is "contracts".

        An inverse contract needs a price, and is divided. Raises UsageError where the contract
        size is not among the feed's `instruments`.
        """
        return self.hub.base_size(size, price)

    def explain(self) -> str:
        """A sentence: the state of the book, why, since when, and what is being done about it."""
        return self.hub.explain()


class Stream(Owned, Generic[T]):
    """An asynchronous iterator over the values of a topic, never conflated.

    At a hole it has delivered what came before, raises `StreamGap` once, and can be iterated on.
    """

    def __init__(self, maxsize: int, on_close: Callable[[Stream[T]], None] | None = None) -> None:
        super().__init__()
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
