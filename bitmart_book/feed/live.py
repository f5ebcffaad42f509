"""What a live book and a stream are in both faces, except for how their users wait."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Generic, Literal, NamedTuple, Self, TypedDict, TypeVar

from bitmart_book._book import Book, NetBook, Quote, Trigger, clock_ns
from bitmart_book.client.account import Account
from bitmart_book.errors import FeedClosed, UsageError
from bitmart_book.listeners.hub import BookHub, Handle
from bitmart_book.listeners.streams import Mailbox
from bitmart_book.listeners.waiting import Firings, never
from bitmart_book.model import BookState, Instrument, Order, Trade
from bitmart_book.system.fork import Owned

__all__ = ["Conditions", "FeedStream", "KeptBook", "KeptTrigger", "Moment", "unchanged"]

T = TypeVar("T")
B = TypeVar("B", bound="KeptBook")
Number = str | Decimal | int | float
Condition = tuple[Literal[">", ">=", "<", "<="], Number]
SizeCondition = Condition | tuple[Literal["bid", "ask"], Literal[">", ">=", "<", "<="], Number]
State = BookState | str
# Names that the rooms of the package need of each other, and no user.
INTERNAL = {"begun", "check_process", "hub", "is_foreign", "mailbox"}


class Conditions(TypedDict, total=False):
    """The keywords of `when`."""

    spread_bps: Condition | None
    imbalance: Condition | None
    top_size: SizeCondition | None
    mid_moved: Number | None
    state: State | tuple[State, ...] | list[State] | set[State] | None
    levels: int
    tick: Number | None
    hysteresis: Number | Mapping[str, Number]


class KeptBook(Book):
    """A `Book` that a feed keeps. Each face adds `quotes`, which waits in its own way."""

    __slots__ = ("_account", "hub")
    hub: BookHub
    _account: Account | None

    def on_quote(self, callback: Callable[[Quote], object]) -> Handle:
        """Call `callback(quote)` on the feed's thread whenever the top or the state has changed.

        Conflated: what arrived together is applied together, and the callback gets the newest
        quote, with the number of those in between as `skipped`. An exception in it is reported
        and never fatal; after a hundred in a row the callback is dropped.

        >>> handle = book.on_quote(lambda quote: None)
        >>> handle.cancel()
        """
        return self.hub.on_quote(callback)

    def on_change(self, callback: Callable[[Self, int], object]) -> Handle:
        """Call `callback(book, change)` on the feed's thread after each whole frame that changed
        the book. The next frame waits for it: a slow one delays every book of the feed.

        >>> handle = book.on_change(lambda book, change: None)
        >>> handle.cancel()
        """
        return self.hub.on_change(callback)

    def net(self, orders: Iterable[Order] | None = None) -> NetBook:
        """A frozen copy without own orders, those of `feed.account` if none are given: a `NetBook`,
        with every read of a book, and `certain`. Raises BookNotLive."""
        account = getattr(self, "_account", None)
        if orders is None and account is not None:
            account.lens(self)
        return super().net(orders)

    def _with_tick(self, conditions: Conditions) -> Conditions:
        """These conditions, with the tick of the symbol where it is known and none is said."""
        instrument = self.instrument
        if instrument is None or instrument.tick is None:
            return conditions
        return {"tick": instrument.tick, **conditions}

    def plot_depth(self, levels: int = 50, *, axes: Any = None) -> Any:
        """Draw what rests on both sides, added up from the best price; returns matplotlib's Axes.

        levels: of each side. axes: where to draw; new ones otherwise. Raises BookNotLive, and
        UsageError without matplotlib: pip install 'bitmart_book[plot]'. `bb.plot_depth` draws
        copies too, `book.peek()` or `book.net()`, and depths.

        >>> axes = book.plot_depth(20)  # doctest: +SKIP
        """
        # Of notebooks: most programs never draw anything.
        from bitmart_book.display.plots import plot_depth

        return plot_depth(self, levels, axes=axes)

    @property
    def instrument(self) -> Instrument | None:
        """What is known of the symbol: tick, lot, contract size."""
        return self.hub.instrument()

    def base_size(self, size: Decimal | float | str, price: Decimal | None = None) -> Decimal:
        """A size of this book in the base currency, exact: on futures `unit` is "contracts".

        An inverse contract needs a price, and is divided. Raises UsageError where the contract
        size is not among the feed's `instruments`.

        >>> book.base_size("0.5")
        Decimal('0.5')
        """
        return self.hub.base_size(size, price)

    def explain(self) -> str:
        """A sentence: the state of the book, why, since when, and what is being done about it.

        >>> book.explain().startswith("BTC_USDT is live")
        True
        """
        return self.hub.explain()

    def _unchanged(self, seconds: float | None) -> TimeoutError:
        return unchanged((self.symbol,), seconds)

    def _ladders(
        self, seconds: float | None, levels: int, is_over: Callable[[], bool]
    ) -> Generator[float, None, None]:
        """Show it in this notebook's cell again and again; yields how long to wait each time."""
        # Of notebooks: most programs never show a ladder.
        from bitmart_book.display.cell import cell_of_this_notebook, ladders

        return ladders(
            self,
            cell_of_this_notebook(self.symbol),
            seconds=seconds,
            levels=levels,
            now=lambda: clock_ns() / 1e9,
            is_over=is_over,
        )

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if name not in INTERNAL]


class Moment(NamedTuple, Generic[B]):
    """One frame of a capture that is stepped through, applied; made by `Feed.play`."""

    time_ns: int | None
    """Wall clock at its receipt, as it was recorded."""
    books: tuple[B, ...]
    """The books that it changed."""
    change: int
    """`Change` bits, the union over these."""
    trades: tuple[Trade, ...]
    """The public trades that it brought."""
    connection: str | None
    """The name of the connection that it came on."""


class KeptTrigger(Trigger):
    """A trigger of a book that a feed keeps. Each face adds how one waits for it."""

    def __init__(self, book: KeptBook, wake: Callable[[], None], conditions: Conditions) -> None:
        self._hub = book.hub
        self._firings = Firings(wake)
        super().__init__(book, **book._with_tick(conditions))
        self._listen(self._firings.note)
        book.hub.at_end(self._firings.end)

    def __del__(self) -> None:
        hub = getattr(self, "_hub", None)
        if hub is not None:
            hub.not_at_end(self._firings.end)
        super().__del__()

    def on(self, callback: Callable[[Quote], object]) -> Self:
        """Call `callback(quote)` on the feed's thread each time it fires, at once where it is true
        now. Returns the trigger.

        It is called in the middle of everything, before any other frame is applied and before
        `on_quote` and `on_change`: it may read whatever it likes, and must not write to a book,
        subscribe, unsubscribe or close from within. An exception in it is reported and never fatal.
        """
        guarded = self._hub.guarded("a trigger", callback)
        self._hub.across(lambda: super(KeptTrigger, self).on(guarded))
        return self

    def cancel(self) -> None:
        """End it, and whoever waits for it; may be called twice, from its own callback as well."""
        super().cancel()
        self._hub.not_at_end(self._firings.end)
        self._firings.end()

    def __repr__(self) -> str:
        return f"<Trigger {self.condition} of {self.book.symbol}, fired {self.fired} times>"

    def _over(self) -> FeedClosed:
        return never(self._hub, f"{self.condition} did not become true")

    def _too_late(self, seconds: float | None) -> TimeoutError:
        return TimeoutError(f"{self.condition} of {self.book.symbol} within {seconds} s")


def unchanged(words: Sequence[str], seconds: float | None) -> TimeoutError:
    """What is raised where none of these books has changed for so long."""
    return TimeoutError(f"no change of {', '.join(words) or 'any book'} in {seconds} s")


class FeedStream(Owned, Generic[T]):
    """The values of one topic, never conflated, from a feed to one consumer.

    At most `maxsize` of them wait; a consumer that is slower than that is told of the hole. `end`
    is called when the consumer needs no more. Each face adds how one waits for the next.
    """

    def __init__(
        self,
        topic: str,
        maxsize: int,
        wake: Callable[[], None],
        end: Callable[[FeedStream[T]], None],
    ) -> None:
        super().__init__()
        if not maxsize > 0:
            raise UsageError(f"maxsize must be at least 1, was {maxsize!r}")
        self.topic = topic
        """What brings the values; "events" for those of the feed itself."""
        self.mailbox = Mailbox(maxsize, wake)
        """What has arrived and was not taken yet."""
        self.begun = False
        """Whether the topic is subscribed, or was."""
        self._end: Callable[[FeedStream[T]], None] | None = end

    def close(self) -> None:
        """End the iteration after what has arrived; may be called twice."""
        end, self._end = self._end, None
        if end is not None:
            end(self)
        self.mailbox.close()

    def __repr__(self) -> str:
        state = "closed" if self._end is None else f"{len(self.mailbox)} waiting"
        return f"<Stream {self.topic} {state}>"

    def _repr_html_(self) -> str:
        from bitmart_book.display.values import stream_html

        return stream_html(repr(self).strip("<>"), self.mailbox.waiting())

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if name not in INTERNAL]

    def _nothing_came(self, seconds: float | None) -> TimeoutError:
        return TimeoutError(f"nothing arrived on {self.topic} in {seconds} s")

    def _over(self) -> FeedClosed:
        return FeedClosed(f"nothing more will come on {self.topic}: the stream is closed")
