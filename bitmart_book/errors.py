"""What can go wrong, as one tree.

    BitmartBookError
    ├── MessageError            a frame is not of the documented shape
    │   ├── NumberError         a number is well formed but cannot be held exactly
    │   └── CompressionError    a compressed frame cannot be inflated
    ├── BookNotLive             the book was read while it cannot be trusted
    │   └── GuardRefused            it is LIVE, but not as the caller's guard demands
    ├── NotConnected            no connection could be opened
    ├── SubscriptionRejected    the venue refused a topic
    ├── StreamGap               events of a stream were lost
    ├── AuthenticationError     the venue refused a login
    │   └── ClockError          it refused because of the time on this machine
    ├── LimitError              the call would break a limit of the venue
    ├── VenueError              the venue answered a request with an error
    │   └── LimitExceeded       it says that a limit was broken (a LimitError too)
    ├── OrderRefused            an order is refused, by the venue or before it is sent
    ├── OrderUnknown            an order was sent, and nothing says what became of it
    ├── UsageError              the caller asked for something that cannot be
    │   ├── NoSuchBook              a feed was asked for a book that it does not hold
    │   └── UnknownKeyword          a call was given a keyword that it does not take
    ├── FeedClosed              the feed, engine or book is closed
    ├── AttachError             what another program publishes cannot be read here
    │   └── NotPublished            nobody publishes that name
    ├── CaptureError            a line of a capture file cannot be read
    ├── InvariantError          a book is broken inside (a bug of this package)
    └── ShadowMismatch          the compiled and the reference book disagree (likewise)

Errors carry their facts as attributes; the sentence is derived from them. This file knows
nothing of the rest of the package.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "AttachError",
    "AuthenticationError",
    "BitmartBookError",
    "BookNotLive",
    "CaptureError",
    "ClockError",
    "CompressionError",
    "FeedClosed",
    "GuardRefused",
    "InvariantError",
    "LimitError",
    "LimitExceeded",
    "MessageError",
    "NoSuchBook",
    "NotConnected",
    "NotPublished",
    "NumberError",
    "OrderRefused",
    "OrderUnknown",
    "ShadowMismatch",
    "StreamGap",
    "SubscriptionRejected",
    "UnknownKeyword",
    "UsageError",
    "VenueError",
]


_LONGEST = 300


def printable(text: str) -> str:
    """The text with everything escaped that is not shown as it is: what moves a cursor, colours a
    terminal, ends a line, or turns the direction of what follows. Nothing that a venue sends is
    believed to be harmless; who escapes twice changes nothing."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


class BitmartBookError(Exception):
    """Root of every error this package raises on purpose.

    >>> try:
    ...     bb.Book("BTC_USDT").mid
    ... except bb.BitmartBookError as error:
    ...     print(type(error).__name__)
    BookNotLive
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own pickling calls the class with `args`, which the subclasses below
        # fill with a sentence; rebuilding from the attributes keeps the facts.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    kind: type[BitmartBookError], args: tuple[Any, ...], facts: dict[str, Any]
) -> BitmartBookError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class MessageError(BitmartBookError, ValueError):
    """A frame is not of the documented shape. No level of any book was changed.

    `symbol`, `side` ("bid" or "ask") and `row` (counted from 0) say where, as far as it is known.

    >>> bb.Engine().apply("{")
    Traceback (most recent call last):
    bitmart_book.errors.MessageError: not JSON: ...
    """

    def __init__(
        self,
        problem: str,
        *,
        symbol: str | None = None,
        side: str | None = None,
        row: int | None = None,
    ) -> None:
        # What a frame says is quoted, and a frame can say much.
        problem = printable(problem if len(problem) <= _LONGEST else problem[:_LONGEST] + "...")
        if symbol is not None and len(symbol) > _LONGEST:
            symbol = symbol[:_LONGEST] + "..."
        self.problem = problem
        self.symbol = symbol
        self.side = side
        self.row = row
        where = [] if symbol is None else [printable(symbol)]
        if side is not None:
            where.append(side if row is None else f"{side} row {row}")
        super().__init__(f"{' '.join(where)}: {problem}" if where else problem)


class NumberError(MessageError):
    """A number is well formed, but no 64-bit integer at the book's scale can hold it.

    >>> issubclass(bb.NumberError, bb.MessageError)
    True
    """


class CompressionError(MessageError):
    """A compressed frame is damaged, cut off or too large; whose it was nobody can tell.

    >>> issubclass(bb.CompressionError, bb.MessageError)
    True
    """


class BookNotLive(BitmartBookError):
    """The book was read while it cannot be trusted.

    `state` is the `BookState`, `reason` a sentence or None, `since` the time at which the book
    stopped being LIVE (nanoseconds of the engine's clock; None without a clock), `epoch` the
    number of the last unbroken run.

    >>> try:
    ...     bb.Book("BTC_USDT").best_bid
    ... except bb.BookNotLive as error:
    ...     print(f"{error.state}: {error.reason}")
    SYNCING: no snapshot yet
    """

    def __init__(
        self, symbol: str, state: str, reason: str | None, since: int | None, epoch: int
    ) -> None:
        self.symbol = symbol
        self.state = state
        self.reason = reason
        self.since = since
        self.epoch = epoch
        super().__init__(f"{symbol} is {state}, not LIVE" + (f" ({reason})" if reason else ""))


class GuardRefused(BookNotLive):
    """The book is LIVE, but too old or too wide for the caller's `guard`; `reason` says which.

    >>> try:
    ...     with book.guard(max_spread_bps=1):
    ...         print("not reached")
    ... except bb.GuardRefused as error:
    ...     print(error.reason)
    49.63 bps wide, at most 1 allowed
    """

    def __init__(
        self, symbol: str, state: str, reason: str | None, since: int | None, epoch: int
    ) -> None:
        super().__init__(symbol, state, reason, since, epoch)
        self.args = (f"{symbol} is not good enough: {reason}",)


class NotConnected(BitmartBookError, ConnectionError):
    """No connection could be opened; the message says what was tried.

    >>> issubclass(bb.NotConnected, ConnectionError)
    True
    """


class SubscriptionRejected(BitmartBookError):
    """The venue refused `topics`; `code` and `message` are the venue's own words.

    >>> print(bb.SubscriptionRejected(("spot/ticker:A_B",), "90003", "no such symbol"))
    refused: spot/ticker:A_B: no such symbol (code 90003)
    """

    def __init__(self, topics: tuple[str, ...], code: str | None, message: str) -> None:
        self.topics = topics
        self.code = code
        self.message = message
        where = f"{', '.join(topics)}: " if topics else ""
        super().__init__(f"refused: {where}{message}" + (f" (code {code})" if code else ""))


class StreamGap(BitmartBookError):
    """Events of a stream were lost: `lost` of them (None if nobody knows), for `reason`.

    >>> print(bb.StreamGap(3, "more than 10 values not taken"))
    3 events lost: more than 10 values not taken
    """

    def __init__(self, lost: int | None, reason: str) -> None:
        self.lost = lost
        self.reason = reason
        super().__init__(f"{'some' if lost is None else lost} events lost: {reason}")


class AuthenticationError(BitmartBookError):
    """The venue refused a login; `code` and `message` are the venue's own words.

    >>> print(bb.AuthenticationError("30002", "wrong key"))
    login refused: wrong key (code 30002)
    """

    def __init__(self, code: str | None, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"login refused: {message}" + (f" (code {code})" if code else ""))


class ClockError(AuthenticationError):
    """The venue refused a login because of its time: the clock of this machine is wrong, by more
    than the minute that the venue allows. No other key and no other try will help.

    >>> print(bb.ClockError("30007", "wrong time"))
    login refused: wrong time (code 30007); the clock of this machine is wrong
    """

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(code, message)
        self.args = (f"{self.args[0]}; the clock of this machine is wrong",)


class LimitError(BitmartBookError):
    """The call would break a limit that the venue documents.

    >>> issubclass(bb.LimitExceeded, bb.LimitError)
    True
    """


class VenueError(BitmartBookError):
    """The venue answered a request with an error; `code` and `message` are its own words.

    `topics` are those that it concerns, as far as that is known.

    >>> print(bb.VenueError("90001", "bad request", ("spot/ticker:A_B",)))
    the venue says: spot/ticker:A_B: bad request (code 90001)
    """

    def __init__(self, code: str | None, message: str, topics: tuple[str, ...] = ()) -> None:
        self.code = code
        self.message = message
        self.topics = topics
        where = f"{', '.join(topics)}: " if topics else ""
        super().__init__(f"the venue says: {where}{message}" + (f" (code {code})" if code else ""))


class LimitExceeded(VenueError, LimitError):
    """The venue says that one of its limits was broken: so often, or so much at once.

    >>> print(bb.LimitExceeded("90007", "too many"))
    the venue says: too many (code 90007)
    """


class OrderRefused(BitmartBookError):
    """An order, or a change of one, is refused: nothing of it rests anywhere.

    `reason` says why; `code` is the venue's own, None where it was refused before it was sent, of
    which `sent` is False.

    >>> bb.check_order("buy", size=0)
    Traceback (most recent call last):
    bitmart_book.errors.OrderRefused: not sent: size and price must be above zero
    """

    def __init__(self, reason: str, *, code: str | None = None, sent: bool = False) -> None:
        self.reason, self.code, self.sent = printable(reason), code, sent
        by = "the venue refused the order" if sent else "not sent"
        super().__init__(f"{by}: {self.reason}{f' (code {code})' if code else ''}")


class OrderUnknown(BitmartBookError):
    """An order was sent, and no answer came: it may rest, or not. Only the venue knows, by its
    `client_order_id`; do not send it again before that is clear.

    >>> print(bb.OrderUnknown("mine-1", "no answer within 5 s"))
    nobody knows what became of order mine-1: no answer within 5 s
    """

    def __init__(self, client_order_id: str | None, reason: str) -> None:
        self.client_order_id, self.reason = client_order_id, printable(reason)
        super().__init__(f"nobody knows what became of order {client_order_id}: {self.reason}")


class UsageError(BitmartBookError, ValueError):
    """The caller asked for something that cannot be; nothing was changed.

    >>> book.size_at("left", 100)
    Traceback (most recent call last):
    bitmart_book.errors.UsageError: side must be "bid" or "ask", was 'left'
    """


class NoSuchBook(UsageError, KeyError):
    """A feed was asked for a book that it does not hold; the message says what it holds.

    >>> issubclass(bb.NoSuchBook, KeyError)
    True
    """

    # A KeyError shows the repr of its argument, quotes and all.
    __str__ = Exception.__str__


class UnknownKeyword(UsageError, TypeError):
    """A call was given a keyword that it does not take; the message names the nearest one.

    >>> bb.connect("BTC_USDT", sauce="sim")
    Traceback (most recent call last):
    bitmart_book.errors.UnknownKeyword: a feed takes no keyword 'sauce'; did you mean source?
    """


class FeedClosed(BitmartBookError):
    """The feed, engine or book is closed.

    >>> engine = bb.Engine()
    >>> closed = engine.book("BTC_USDT")
    >>> engine.close_book(closed)
    >>> closed.apply_snapshot([], [])
    Traceback (most recent call last):
    bitmart_book.errors.FeedClosed: the book of BTC_USDT is closed
    """


class AttachError(BitmartBookError):
    """What another program of this machine publishes cannot be read here, or nothing can be
    published; the message says why.

    >>> issubclass(bb.NotPublished, bb.AttachError)
    True
    """


class NotPublished(AttachError, LookupError):
    """Nobody publishes that name, or whoever did has ended.

    >>> bb.attach("nothing", timeout=0)
    Traceback (most recent call last):
    bitmart_book.errors.NotPublished: nobody publishes nothing; looked in ...
    """


class CaptureError(BitmartBookError):
    """A capture cannot be read at `line` (counted from 1) of `path`.

    >>> print(bb.CaptureError("frames.jsonl", 3, "no JSON"))
    frames.jsonl: line 3: no JSON
    """

    def __init__(self, path: str, line: int, problem: str) -> None:
        self.path = path
        self.line = line
        self.problem = problem
        super().__init__(f"{path}: line {line}: {problem}")


class InvariantError(BitmartBookError, AssertionError):
    """A book is broken inside; the message holds its state. Please report it.

    >>> book.check()  # raises it where a book is broken inside
    """


class ShadowMismatch(BitmartBookError, AssertionError):
    """The compiled and the reference book differ after the same frame; the message says how.

    >>> issubclass(bb.ShadowMismatch, AssertionError)
    True
    """
