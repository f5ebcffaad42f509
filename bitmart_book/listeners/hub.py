"""Who listens to one book: the slots of iterators, and callbacks.

No loop: it is told that a book changed, on the thread of whoever feeds it; listeners come and go
on any thread. What a user's callback does wrong is reported and goes no further.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from bitmart_book._book import Book, Latency, Notice, Quote, Timed
from bitmart_book.errors import UsageError
from bitmart_book.model import BookState, Change, Instrument
from bitmart_book.system.fork import Owned

__all__ = ["BookHub", "Callback", "Consumer", "Handle", "HubHost"]

# A callback that failed so often in a row is dropped: it will not succeed, and its lines in the log
# hide others.
CALLBACK_FAILURES = 100
# What `on_change` is called for: all that a frame can do to a book.
EVERY_FRAME = (
    Change.SNAPSHOT | Change.LEVELS | Change.TOP | Change.TRADE | Change.HEARTBEAT
    | Change.DUPLICATE | Change.GAP | Change.BUFFERED | Change.CROSSED
)  # fmt: skip


class Handle:
    """A registered callback; `cancel()` ends it and may be called twice, from any thread."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel: Callable[[], None] | None = cancel

    def cancel(self) -> None:
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()

    def __repr__(self) -> str:
        return f"<Handle {'cancelled' if self._cancel is None else 'active'}>"


def named(function: Callable[..., object], what: str) -> str:
    """A user's function as a report names it, with what it is called for."""
    inner = getattr(function, "func", function)  # of a functools.partial
    kind = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{kind.__module__}.{kind.__qualname__} ({what})"


class Callback(Timed):
    """A user's function. What it raises is reported, and a hundred failures in a row end it.

    latency: what times it.

    Only KeyboardInterrupt and SystemExit pass: they are meant for the whole program. A
    CancelledError does not: the function is not a task, so that it can only be somebody else's.
    """

    def __init__(
        self,
        what: str,
        function: Callable[..., object],
        failed: Callable[[Callback, BaseException], None],
        latency: Latency,
    ) -> None:
        if not callable(function):
            raise UsageError(f"a callback must be callable, was {function!r}")
        if inspect.iscoroutinefunction(function):
            raise UsageError(
                f"{function!r} is a coroutine function, and a callback is not awaited; "
                "iterate with `async for`, or create a task in the callback"
            )
        self.what = what
        self.function = function
        self.failures = 0
        """In a row."""
        self.ended = False
        self._failed = failed
        self._latency = latency

    @property
    def name(self) -> str:
        """The qualified name of the function, and what it is called for."""
        return named(self.function, self.what)

    @property
    def hopeless(self) -> bool:
        return self.failures >= CALLBACK_FAILURES

    def __call__(self, *arguments: object) -> None:
        self.tell(None, None, *arguments)

    def tell(self, since: int | None, lost_at: int | None, *arguments: object) -> None:
        """Call it with the arguments; since and lost_at as `Latency.told` takes them."""
        if self.ended:
            return
        try:
            self._latency.call(self, self.function, arguments, since, lost_at)
        except (KeyboardInterrupt, SystemExit):
            # The program is about to end: this callback is not called again meanwhile.
            self.ended = True
            raise
        except BaseException as error:
            self.failures += 1
            self.ended = self.hopeless
            self._failed(self, error)
        else:
            self.failures = 0


class Consumer(Protocol):
    """Who takes what has changed in its own time: a slot, or a member of several books."""

    def poke(self, since: int | None = None, lost_at: int | None = None) -> None:
        """The top, or the state, has changed: at that time of the clock (ns). lost_at: since when
        the book has not been LIVE, where this is the first that is told of it."""

    def close(self) -> None:
        """Nothing will change any more."""


class HubHost(Protocol):
    """Whom a hub belongs to: the audience of a feed."""

    across: Callable[[Callable[[], Any]], Any]
    """Calls a function where the feed lives."""

    wanting: Callable[[Callable[[], bool]], AbstractContextManager[None]]
    """Lets a capture go on until something is true."""

    def interrupted(self, error: BaseException) -> None:
        """A callback wants to end the program where nothing can be raised: raise it later."""

    def callback_failed(self, callback: Callback, error: BaseException) -> None:
        """A callback has raised; called each time."""

    notes: list[tuple[BookHub, int]]
    """What the compiled book has noted for hubs: `changed` is to be called with each."""

    def hub_is_due(self, hub: BookHub) -> None:
        """There is something to deliver: `deliver` is to be called when all that has arrived is
        applied."""

    def explain_book(self, book: Book) -> str:
        """A sentence about the state of a book."""

    def instrument(self, symbol: str, market: str) -> Instrument | None:
        """What is known of a symbol."""


class BookHub(Owned):
    """Who listens to one book. latency: where it is counted how late they are told."""

    def __init__(self, book: Book, host: HubHost, latency: Latency | None = None) -> None:
        super().__init__()
        self.book = book
        self._host = host
        self._lock = threading.Lock()
        # These tuples are replaced and never changed, so that whoever iterates needs no lock.
        self._slots: tuple[Consumer, ...] = ()
        self._on_quote: tuple[Callback, ...] = ()
        self._ends: tuple[Callable[[], None], ...] = ()
        self._on_change: tuple[Callback, ...] = ()
        self._on_frame: tuple[Callable[[Book, int, int | None], None], ...] = ()
        self._state = book.state
        self._changes = 0
        # Of what `deliver` will tell: when the first of it was applied, and the loss that is in it.
        self._since: int | None = None
        self._lost_at: int | None = None
        self.latency = Latency(None) if latency is None else latency
        self._finished = False
        # What the book tells; only of what somebody here wants to hear.
        self._notice = Notice(host.notes, self)

    def explain(self) -> str:
        """A sentence: the state of the book, why, since when, and what is being done about it."""
        return self._host.explain_book(self.book)

    def instrument(self) -> Instrument | None:
        """What is known of the book's symbol."""
        return self._host.instrument(self.book.symbol, self.book.market)

    def base_size(self, size: Decimal | float | str, price: Decimal | None) -> Decimal:
        """A size of the book in the base currency. UsageError where that is not known."""
        try:
            exact = Decimal(str(size))
        except InvalidOperation:
            raise UsageError(f"a size must be a number, was {size!r}") from None
        if self.book.unit == "base":
            return exact
        instrument = self.instrument()
        if instrument is None or instrument.market != self.book.market:
            raise UsageError(
                f"the contract size of {self.book.symbol} is not known; the feed takes instruments"
            )
        try:
            return instrument.base_size(exact, price)
        except ValueError as error:
            raise UsageError(str(error)) from None

    def add(self, slot: Consumer) -> None:
        """From now on the slot is told of changes."""
        self.check_process()
        with self._lock:
            self._slots = (*self._slots, slot)
        self._listen()
        # Only after adding it: `look` sets the state first and then tells the slots that are there.
        if self._state == BookState.CLOSED or self._finished:
            slot.close()

    def remove(self, slot: Consumer) -> None:
        if not self.is_foreign:
            with self._lock:
                self._slots = tuple(other for other in self._slots if other is not slot)
            self._listen()

    def _listen(self) -> None:
        """Let the book tell what anybody here wants to hear, and nothing more."""
        with self._lock:
            frames = self._on_change or self._on_frame
            wants = EVERY_FRAME if frames else Change.TOP
            if not (self._slots or self._on_quote or frames):
                self._notice.cancel()
            elif self._state != BookState.CLOSED and (
                self._notice.book is None or self._notice.wants != wants
            ):
                if self._notice.book is None:
                    # What happened while nobody listened is no news.
                    self._state = self.book.state
                if self._state != BookState.CLOSED:
                    self._notice.want(self.book, wants)

    def on_quote(self, function: Callable[[Quote], object]) -> Handle:
        """Call `function(quote)` with the newest quote after what has arrived changed it."""
        self.check_process()
        callback = self._callback("on_quote", function)
        with self._lock:
            self._on_quote = (*self._on_quote, callback)
        self._listen()
        return Handle(lambda: self._drop(callback))

    def on_change(self, function: Callable[[Any, int], object]) -> Handle:
        """Call `function(book, change)` after each frame."""
        self.check_process()
        callback = self._callback("on_change", function)
        with self._lock:
            self._on_change = (*self._on_change, callback)
        self._listen()
        return Handle(lambda: self._drop(callback))

    def on_frame(self, note: Callable[[Book, int, int | None], None]) -> Handle:
        """Call `note(book, change, since)` after each frame: no code of a user's, and nothing that
        raises."""
        with self._lock:
            self._on_frame = (*self._on_frame, note)
        self._listen()
        return Handle(lambda: self._drop_note(note))

    def _drop_note(self, note: Callable[..., None]) -> None:
        if not self.is_foreign:
            with self._lock:
                self._on_frame = tuple(one for one in self._on_frame if one != note)
            self._listen()

    def _callback(self, what: str, function: Callable[..., object]) -> Callback:
        what = f"{what} of {self.book.symbol}"
        return Callback(what, function, self._callback_failed, self.latency)

    def _drop(self, callback: Callback) -> None:
        callback.ended = True
        if not self.is_foreign:
            with self._lock:
                self._on_quote = tuple(c for c in self._on_quote if c is not callback)
                self._on_change = tuple(c for c in self._on_change if c is not callback)
            self._listen()

    def guarded(self, what: str, function: Callable[[Quote], object]) -> Callable[[Quote], None]:
        """A user's function as compiled code may call it: nothing that it raises gets out."""
        callback = self._callback(what, function)

        def call(quote: Quote) -> None:
            try:
                callback(quote)
            except BaseException as interruption:
                self._host.interrupted(interruption)

        return call

    def across(self, function: Callable[[], Any]) -> Any:
        """Call a function where the feed lives, between two frames."""
        return self._host.across(function)

    def at_end(self, function: Callable[[], None]) -> None:
        """Call this when the book is closed, or has come to the end of its capture."""
        with self._lock:
            self._ends = (*self._ends, function)
        if self._state == BookState.CLOSED or self._finished:
            function()

    def not_at_end(self, function: Callable[[], None]) -> None:
        """Do not call it then."""
        with self._lock:
            self._ends = tuple(one for one in self._ends if one != function)

    def _callback_failed(self, callback: Callback, error: BaseException) -> None:
        if callback.hopeless:
            self._drop(callback)
        self._host.callback_failed(callback, error)

    def changed(self, change: int, since: int | None = None) -> None:
        """A whole frame was applied, or, with a change of 0, only the state is another. since: the
        time of the clock (ns) at which that was so."""
        if change:
            for note in self._on_frame:
                note(self.book, change, since)
            for callback in self._on_change:
                callback.tell(since, None, self.book, change)
        # Most frames change neither, and nobody has to be told of them.
        if change & Change.TOP or self.book.state is not self._state:
            self.look(True, since)

    def look(self, top_changed: bool = False, since: int | None = None) -> None:
        """Tell the listeners if the top, or the state, is another than they were told."""
        state = self.book.state
        if state == self._state and not top_changed:
            return
        if since is None:
            since = self.latency.now()
        is_lost = self._state == BookState.LIVE != state
        lost_at = self._notice.ceased() if is_lost else None
        self._state = state
        for slot in self._slots:
            slot.poke(since, lost_at)
            if state == BookState.CLOSED:
                slot.close()
        if state == BookState.CLOSED:
            for end in self._ends:
                end()
        if self._on_quote:
            if not self._changes:
                self._since = since
            if lost_at is not None:
                self._lost_at = lost_at
            self._changes += 1
            self._host.hub_is_due(self)

    def finish(self) -> None:
        """Nothing more will come of this book: the end of its capture."""
        self._finished = True
        for slot in self._slots:
            slot.close()
        for end in self._ends:
            end()

    def wanting(self, is_there: Callable[[], bool]) -> AbstractContextManager[None]:
        """While somebody waits until that is true."""
        return self._host.wanting(is_there)

    def deliver(self) -> None:
        """Give the newest quote to the callbacks; it says how many they did not see."""
        skipped, self._changes = self._changes - 1, 0
        lost_at, self._lost_at = self._lost_at, None
        quote = self.book.quote_in_any_state(max(0, skipped))
        if quote.state == BookState.LIVE:
            lost_at = None
        for callback in self._on_quote:
            callback.tell(self._since, lost_at, quote)

    def told(self, state: BookState, since: int | None, lost_at: int | None) -> None:
        """A consumer shows his user the book in that state now, with what he was poked with."""
        self.latency.told(since, None if state == BookState.LIVE else lost_at)
