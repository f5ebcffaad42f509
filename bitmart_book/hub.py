"""Who listens to one book: the slots of iterators, and callbacks.

No loop and no thread: it is told that a book changed, on the thread of whoever feeds it. What a
user's callback does wrong is reported and goes no further.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from bitmart_book._book import Book, Quote
from bitmart_book.model import BookState, Change
from bitmart_book.streams import Slot

__all__ = ["BookHub", "Handle"]

# A callback that fails so often in a row will not succeed; its log lines only hide others.
_CALLBACK_FAILURES = 100


class Handle:
    """A registered callback; `cancel()` ends it and may be called twice."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel: Callable[[], None] | None = cancel

    def cancel(self) -> None:
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()


class BookHub:
    """Who listens to one book: slots of iterators, and callbacks."""

    def __init__(self, book: Book, report: Callable[[str, BaseException], None]) -> None:
        self._book = book
        self._report = report
        self._slots: list[Slot] = []
        self._on_quote: list[_Callback] = []
        self._on_change: list[_Callback] = []
        self._state = book.state

    def add(self, slot: Slot) -> None:
        self._slots.append(slot)
        if self._state == BookState.CLOSED:
            slot.close()

    def remove(self, slot: Slot) -> None:
        with contextlib.suppress(ValueError):
            self._slots.remove(slot)

    def on_quote(self, function: Callable[[Quote], object]) -> Handle:
        return self._register(self._on_quote, function)

    def on_change(self, function: Callable[[Any, int], object]) -> Handle:
        return self._register(self._on_change, function)

    def _register(self, callbacks: list[_Callback], function: Callable[..., object]) -> Handle:
        callback = _Callback(function)
        callbacks.append(callback)

        def cancel() -> None:
            with contextlib.suppress(ValueError):
                callbacks.remove(callback)

        return Handle(cancel)

    def changed(self, change: int) -> None:
        """A whole frame was applied."""
        for callback in list(self._on_change):
            self._call(self._on_change, callback, self._book, change)
        self.look(bool(change & Change.TOP))

    def look(self, top_changed: bool = False) -> None:
        """Tell the listeners if the top, or the state, is another than they were told."""
        state = self._book.state
        if state == self._state and not top_changed:
            return
        self._state = state
        for slot in self._slots:
            slot.poke()
            if state == BookState.CLOSED:
                slot.close()
        if self._on_quote:
            quote = self._book.quote_in_any_state()
            for callback in list(self._on_quote):
                self._call(self._on_quote, callback, quote)

    def _call(self, callbacks: list[_Callback], callback: _Callback, *arguments: object) -> None:
        try:
            callback.function(*arguments)
            callback.failures = 0
        except Exception as error:
            callback.failures += 1
            self._report(f"a callback of {self._book.symbol} failed", error)
            if callback.failures >= _CALLBACK_FAILURES:
                self._report(f"the callback failed {callback.failures} times and is dropped", error)
                callbacks.remove(callback)


class _Callback:
    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        self.failures = 0
