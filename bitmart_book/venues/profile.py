"""The type a venue profile fills in: words of the wire, as data and small pure functions.

A profile says which key of a frame names the channel, what a level looks like, which channels
count their updates, how a subscription is worded and what may be sent how often. Everything else
knows shapes and asks the profile; it does not know a single channel by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from bitmart_book.errors import UsageError
from bitmart_book.model import Trade

__all__ = [
    "BookChannel",
    "Limits",
    "Operation",
    "Profile",
    "Rate",
    "Reply",
    "StreamChannel",
    "Topic",
    "Venue",
    "number",
    "number_or_none",
    "oldest_first",
    "rows",
    "text",
    "whole",
]

Operation = Literal["subscribe", "unsubscribe", "request"]

_SYMBOL = re.compile(r"[A-Za-z0-9_]{1,41}")


class Topic(NamedTuple):
    """A topic taken apart: "futures/depth20:BTCUSDT@200ms" has the option "200ms"."""

    channel: str
    symbol: str
    option: str

    @classmethod
    def parse(cls, text: str) -> Topic:
        """Of a raw topic. Parts that are not there are empty."""
        head, _, option = text.partition("@")
        channel, _, symbol = head.partition(":")
        return cls(channel, symbol, option)


class BookChannel(msgspec.Struct, frozen=True, kw_only=True):
    """How one book channel speaks."""

    name: str
    """The channel as it stands in a topic, before the colon."""
    kind: Literal["sequenced", "full", "one-sided"]
    """Snapshot and counted updates; a full picture each time; or one full side each time."""
    window: int
    """How many levels a side the venue's picture holds."""
    window_kept: bool = False
    """Whether updates keep the window full, so that nothing inside it is ever unknown."""
    bids: str = "bids"
    asks: str = "asks"
    price: str = "price"
    """Key of the price where a level is an object; array levels are (price, size)."""
    size: str = "size"
    sequence: str = "version"
    time: str = "ms_t"
    type: str = "type"
    side: str = "way"
    """One-sided channels: the key that names the side; 1 is bids and 2 is asks."""
    levels: str = "depths"
    """One-sided channels: the key of the levels."""


class StreamChannel(msgspec.Struct, frozen=True, kw_only=True):
    """How one channel of events speaks: trades, tickers, klines."""

    name: str
    """The channel as it stands in a topic, before the colon."""
    decode: Callable[[Mapping[str, Any]], list[Any]]
    """Makes typed values of one decoded push, oldest first. Raises KeyError, TypeError, ValueError
    or ArithmeticError on one that is not of the documented shape."""
    trades: bool = False
    """Whether the values are public trades."""


class Rate(NamedTuple):
    """At most `count` in any `seconds`."""

    count: int  # type: ignore[assignment]  # a rate is no sequence to count in
    seconds: float


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue documents; who breaks it is cut off, and banned when that repeats."""

    connections: int
    """Open at once from one address."""
    connects: Rate
    """Attempts from one address."""
    messages: Rate
    """From the client on one connection, pings included."""
    topics_per_connection: int
    topics_per_message: int
    topic_bytes_per_message: int
    """Total length of the topics of one message."""
    message_bytes: int
    """Length of one client message."""
    idle_seconds: float
    """A silent connection is closed after that."""
    lifeless_seconds: float
    """A connection that has subscribed to nothing is closed after that."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame that is no push says about a request."""

    kind: Literal["ack", "error", "pong"]
    operation: str | None = None
    """ "subscribe", "unsubscribe", "request", "login", as far as the venue says."""
    topic: str | None = None
    """The raw topic, as far as the venue says."""
    code: str | None = None
    message: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol generation of a venue."""

    market: str
    channel_key: str
    """The key of a push that names its channel."""
    channel_prefix: str = ""
    """What our channel names have before the wire's, to tell generations apart."""
    symbol_key: str | None = None
    """The key of a push, beside its data, that names the symbol; None: the topic or data does."""
    books: tuple[BookChannel, ...]
    streams: tuple[StreamChannel, ...]
    default_book: str
    """The channel that a bare symbol means."""
    owns_symbol: Callable[[str], bool]
    """Whether a symbol is spelled as this market spells its symbols."""
    endpoint: str
    """Name of its public address in `urls`."""
    url: str
    """Its public address."""
    limits: Limits
    ping: str
    """The text frame that asks whether the other side is there."""
    encode: Callable[[Operation, Sequence[str]], str]
    """The text frame of an operation on raw topics; as many as `limits` allows in a message."""
    classify: Callable[[Any], Reply | None]
    """Of a decoded frame, or the text of one that is not JSON: what it answers; None: a push."""
    check_topic: Callable[[Topic], str | None]
    """None for a topic that can exist, else why it cannot."""
    can_request: bool
    """Whether a snapshot can be asked for without subscribing anew."""
    acks: bool = True
    """Whether a subscription is acknowledged; else its first data is the acknowledgement."""
    retry_codes: frozenset[str] = frozenset()
    """Codes of errors that say nothing against a topic: it is asked for again later."""

    @property
    def channels(self) -> list[str]:
        """The full names of all channels."""
        return [book.name for book in self.books] + [stream.name for stream in self.streams]

    def book(self, channel: str) -> BookChannel | None:
        """The book channel of that full name."""
        return next((book for book in self.books if book.name == channel), None)

    def stream(self, channel: str) -> StreamChannel | None:
        """The event channel of that full name."""
        return next((stream for stream in self.streams if stream.name == channel), None)


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """All generations of a venue, and how a user's words find their channel."""

    profiles: tuple[Profile, ...]

    def book_channel(
        self, symbol: str, *, channel: str | None = None, market: str | None = None
    ) -> tuple[Profile, BookChannel]:
        """The channel meant by these words.

        `channel` may be the full name ("spot/depth/increase100") or its end ("depth20",
        "increase100"). Raises UsageError, naming what there is.
        """
        if not _SYMBOL.fullmatch(symbol):
            raise UsageError(
                f"symbol {symbol!r} cannot exist: 1 to 41 letters, digits and underscores"
                + self._likely(symbol)
            )
        profiles = [
            profile
            for profile in self.profiles
            if (market is None or profile.market == market)
            and (channel is None or "/" not in channel or _find(profile, channel))
        ]
        if market is not None and not profiles:
            known = ", ".join(profile.market for profile in self.profiles)
            raise UsageError(f"no market {market!r} with such a channel; there is: {known}")
        if len(profiles) > 1:
            profiles = [profile for profile in profiles if profile.owns_symbol(symbol)]
        for profile in profiles:
            found = _find(profile, channel or profile.default_book)
            if found:
                return profile, found
        names = ", ".join(book.name for profile in self.profiles for book in profile.books)
        raise UsageError(f"no book channel {channel!r} for {symbol}; there is: {names}")

    def topic_profile(self, topic: str) -> Profile:
        """The generation that speaks a raw topic. UsageError for one that cannot exist."""
        parsed = Topic.parse(topic)
        for profile in self.profiles:
            if profile.book(parsed.channel) or profile.stream(parsed.channel):
                problem = profile.check_topic(parsed)
                if topic.endswith("@"):
                    problem = "nothing behind the @"
                if problem:
                    raise UsageError(f"topic {topic!r} cannot exist: {problem}")
                return profile
        names = ", ".join(name for profile in self.profiles for name in profile.channels)
        raise UsageError(f"no channel {parsed.channel!r}; there is: {names}")

    @staticmethod
    def _likely(symbol: str) -> str:
        guess = re.sub(r"[^A-Za-z0-9]+", "_", symbol).strip("_").upper()
        return f"; did you mean {guess}?" if guess and len(guess) <= 41 else ""


def _find(profile: Profile, channel: str) -> BookChannel | None:
    for book in profile.books:
        if book.name == channel or book.name.endswith("/" + channel):
            return book
    return None


# --- What decoders read their values with. All raise only TypeError and ValueError. ---

# Narrower than what `Decimal` takes (NaN, underscores, other scripts' digits); an exponent of more
# digits would let thirty bytes make a number of gigabytes.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def number(value: object, *, signed: bool = False) -> Decimal:
    """The exact value of a JSON text or number. (A bare fraction arrives as a str: its text.)"""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(f"expected a number, was {value[:80]!r}")
    exact = Decimal(value if isinstance(value, str) else whole(value))
    if exact < 0 and not signed:
        raise ValueError(f"expected a number that is not negative, was {value!r}")
    return exact


def number_or_none(value: object, *, signed: bool = False) -> Decimal | None:
    """Like `number`; null and "" are what the venue writes where there is none."""
    return None if value is None or value == "" else number(value, signed=signed)


def whole(value: object) -> int:
    """An integer that is a JSON number or its text: a stamp, an id."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected an integer, was {str(value)[:80]!r}")
    return value


def text(value: object) -> str:
    """A name. Exactly a str: a bare number, whose class is another, names nothing."""
    if type(value) is not str or not value:
        raise TypeError(f"expected a name, was {str(value)[:80]!r}")
    return value


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, or the only one; null and "" stand for an empty list."""
    if value is None or value == "":
        return []
    found: list[dict[str, Any]] = value if isinstance(value, list) else [value]
    for row in found:
        if not isinstance(row, dict):
            raise TypeError(f"expected an object, was {str(row)[:80]!r}")
    return found


def oldest_first(trades: list[Trade]) -> list[Trade]:
    """By time; those of the same millisecond stay as they are, and all if one has no stamp."""
    stamps = [trade.time_ms for trade in trades if trade.time_ms is not None]
    if len(stamps) < len(trades):
        return trades
    return sorted(trades, key=lambda trade: trade.time_ms or 0)
