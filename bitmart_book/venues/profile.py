"""The type a venue profile fills in: words of the wire, as data and small pure functions.

A profile says which key of a frame names the channel, what a level looks like, which channels
count their updates, how a subscription is worded and what may be sent how often. Everything else
knows shapes and asks the profile; it does not know a single channel by name.

A profile is one kind of socket: the private channels of a market, on another address and behind a
login, are a profile of their own with the same `market`. What tells profiles apart is `endpoint`.
`Venue.topic_profile` finds the one that a raw topic belongs to; where its `login` is not None,
`login(credentials, timestamp_ms)` is the first frame on the socket, and its answer is a `Reply`
with the operation "login": an "ack", or an "error" of which `Profile.error_kind` says whether it is
final. `StreamChannel.topics_of` says which topic a decoded value was subscribed by.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from bitmart_book.errors import (
    AuthenticationError,
    BitmartBookError,
    ClockError,
    LimitExceeded,
    SubscriptionRejected,
    UsageError,
    VenueError,
    printable,
)
from bitmart_book.model import SYMBOL
from bitmart_book.venues.values import UNREADABLE, Decoded, Fields, Unread

if TYPE_CHECKING:
    # Imported for its type alone: only those who log in need hashlib, hmac and logging.
    from bitmart_book.credentials import Credentials

__all__ = [
    "BookChannel",
    "Limits",
    "Operation",
    "Profile",
    "Rate",
    "Reply",
    "StreamChannel",
    "Topic",
    "ErrorKind",
    "Venue",
    "symbol_problem",
]

Operation = Literal["subscribe", "unsubscribe", "request"]


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
    empty_advances: bool = True
    """Whether an update with empty sides may carry the next version. Where it may not, such a
    one is the heartbeat that follows a lost update."""
    unit: Literal["base", "contracts"] = "base"
    """What sizes count: the base currency, or contracts of `Instrument.contract_size`."""
    bids: str = "bids"
    asks: str = "asks"
    price: str = "price"
    """Key of the price where a level is an object; array levels are (price, size)."""
    size: str = "size"
    sequence: str = "version"
    time: str = "ms_t"
    stamped_at_send: bool = False
    """Whether an update or a picture is stamped when the venue sends it, so that a stamp that
    grows older and older tells of a queue. Of replies and heartbeats that is not known."""
    type: str = "type"
    side: str = "way"
    """One-sided channels: the key that names the side; 1 is bids and 2 is asks."""
    levels: str = "depths"
    """One-sided channels: the key of the levels."""


class StreamChannel(msgspec.Struct, frozen=True, kw_only=True):
    """How one channel of events speaks: trades, tickers, klines, orders."""

    name: str
    """The channel as it stands in a topic, before the colon."""
    decode: Callable[[Mapping[str, Any]], Decoded]
    """Makes typed values of the rows of one decoded push, and says which it could not read. May
    raise any of `UNREADABLE` on a push that has no rows: see `read`."""
    kind: str = ""
    """What the values are: "trade", "ticker", "book ticker", "kline", "mark kline", "funding",
    "order", "position", "balance"."""
    step: str = ""
    """Klines: the length of the bars, in the venue's spelling."""
    trades: bool = False
    """Whether the values are public trades."""
    key: str = "symbol"
    """The attribute of a value that stands behind the colon of the topic it came by."""
    filter: str | None = None
    """What stands there where it is always the same; "": the topic is the channel alone."""
    whole: tuple[str, ...] = ()
    """The topics that together bring all that this channel can bring, where there are such."""
    fields: tuple[Fields, ...] = ()
    """The documented keys of its objects, and the counts of those that are not."""

    def read(self, message: Mapping[str, Any]) -> Decoded:
        """The values of one decoded push, oldest first, and what of it could not be read. Never
        raises: of a push that is not of the documented shape nothing could be read."""
        try:
            return self.decode(message)
        except UNREADABLE as error:
            return Decoded([], [Unread(f"{self.name}: {type(error).__name__}: {error}")])

    def topics_of(self, pushed: Topic, value: Any) -> tuple[str, ...]:
        """The topics, without option, that may have brought a value pushed under `pushed`: the
        first of them that is subscribed did."""
        key = getattr(value, self.key) if self.filter is None else ""
        return self.topics_named(pushed, key)

    def topics_named(self, pushed: Topic, key: str) -> tuple[str, ...]:
        """Like `topics_of`, of the symbol or currency that a value is about."""
        if self.filter is not None:
            return (f"{self.name}:{self.filter}" if self.filter else self.name,)
        single = f"{self.name}:{key}"
        if len(self.whole) != 1:
            return (single,)
        (everything,) = self.whole
        return (everything, single) if pushed[:2] == (everything, "") else (single, everything)


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
    """The venue's own words, `printable`: they go into exceptions, reasons and terminals."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "message", printable(self.message))
        if self.code is not None:
            msgspec.structs.force_setattr(self, "code", printable(self.code))


class ErrorKind(enum.Enum):
    """What an error of the venue is about, and so what can be done about it."""

    REQUEST = "the message was not understood"
    TOPIC = "the topic does not exist"
    SIZE = "too much was asked for in one message"
    LIMIT = "a limit of the moment: later, and more slowly"
    FULL = "the connection carries no more topics: another one may"
    LOGIN = "not logged in, or the login is refused for good"
    CLOCK = "the time of a login is too far from the venue's"
    SERVER = "the venue's own trouble: later"

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self in (ErrorKind.LIMIT, ErrorKind.FULL, ErrorKind.SERVER)


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of socket of one protocol generation of a venue."""

    market: str
    """The market it belongs to; a market has a public and may have a private profile."""
    channel_key: str
    """The key of a push that names its channel."""
    channel_prefix: str = ""
    """What our channel names have before the wire's, to tell generations apart."""
    symbol_key: str | None = None
    """The key of a push, beside its data, that names the symbol; None: the topic or data does."""
    books: tuple[BookChannel, ...]
    streams: tuple[StreamChannel, ...]
    default_book: str
    """The channel that a bare symbol means; "" where there are no books."""
    owns_symbol: Callable[[str], bool]
    """Whether a symbol is spelled as this market spells its symbols."""
    endpoint: str
    """Name of its address in `urls`."""
    url: str
    """Its address."""
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
    ping_answered: bool = False
    """Whether it is documented that a ping is answered: then silence says something, too."""
    renew_after: float = 20.0
    """Seconds: a book of pictures that brought none for so long is subscribed anew, as nobody can
    ask for one."""
    picture_holds: float = 28.0
    """Seconds: a picture is not shown for longer, whatever else comes on its connection."""
    acks: bool = True
    """Whether a subscription is acknowledged; else its first data is the acknowledgement."""
    retry_codes: frozenset[str] = frozenset()
    """Codes of errors that say nothing against a topic: it is asked for again later."""
    login: Callable[[Credentials, int], str] | None = None
    """The text frame of a login at a time (milliseconds since 1970); None: there is no login. It
    holds a signature that is good for a minute: never log it."""
    judge: Callable[[Reply], ErrorKind | None] = lambda reply: None  # noqa: ARG005
    """What an error reply is about, as far as the venue's code or words tell."""

    @property
    def private(self) -> bool:
        """Whether its sockets need a login."""
        return self.login is not None

    def error_kind(self, reply: Reply) -> ErrorKind | None:
        """What an error reply is about; None for any other reply, or where nothing tells."""
        return self.judge(reply) if reply.kind == "error" else None

    def error(self, reply: Reply, topics: Sequence[str] = ()) -> BitmartBookError:
        """The exception for an error reply; `topics` are those that it is known to concern."""
        kind, code, message = self.error_kind(reply), reply.code, reply.message
        named = () if reply.topic is None else (printable(reply.topic),)
        concerned = tuple(topics) or named
        if kind is ErrorKind.CLOCK:
            return ClockError(code, message)
        if kind is ErrorKind.LOGIN or reply.operation == "login":
            return AuthenticationError(code, message)
        if kind in (ErrorKind.LIMIT, ErrorKind.FULL, ErrorKind.SIZE):
            return LimitExceeded(code, message, concerned)
        if kind is ErrorKind.REQUEST or not (concerned or kind is ErrorKind.TOPIC):
            return VenueError(code, message, concerned)
        return SubscriptionRejected(concerned, code, message)

    def url_problem(self, url: str, *, other_hosts: bool = False) -> str | None:
        """Why a socket of this profile must not be opened to `url`; None where it may.

        Allowed are the venue's own host, encrypted, and this machine. `other_hosts` is the user's
        explicit word that another host is meant; a login is refused even then.
        """
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host or parts.scheme not in ("ws", "wss"):
            return f"{url!r} is no address of a websocket"
        if _is_loopback(host):
            return None
        if parts.scheme == "wss" and host == urlsplit(self.url).hostname:
            return None
        if self.private:
            return f"a login is only sent to {self.url} or to this machine, not to {host}"
        if other_hosts:
            return None
        why = "not encrypted" if parts.scheme == "ws" else "not the venue's host"
        return f"{host} is {why}; allow other hosts if it is meant"

    def unknown_fields(self) -> dict[str, int]:
        """How often undocumented fields were seen, by "channel.field", in this process."""
        seen = {id(fields): fields for stream in self.streams for fields in stream.fields}
        return {
            f"{fields.where}.{name}": count
            for fields in seen.values()
            for name, count in fields.unknown.items()
        }

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
        problem = symbol_problem(symbol)
        if problem:
            raise UsageError(f"symbol {symbol!r} cannot exist: {problem}")
        profiles = [
            profile
            for profile in self.profiles
            if profile.books
            and (market is None or profile.market == market)
            and (channel is None or "/" not in channel or _find(profile, channel))
        ]
        if market is not None and not profiles:
            known = ", ".join(profile.market for profile in self.profiles if profile.books)
            raise UsageError(f"no market {market!r} with such a channel; there is: {known}")
        if len(profiles) > 1:
            profiles = [profile for profile in profiles if profile.owns_symbol(symbol)]
        for profile in profiles:
            found = _find(profile, channel or profile.default_book)
            if found:
                return profile, found
        names = ", ".join(book.name for profile in self.profiles for book in profile.books)
        raise UsageError(f"no book channel {channel!r} for {symbol}; there is: {names}")

    def is_topic(self, text: str) -> bool:
        """Whether these words are a raw topic; some of those are a channel alone, without colon."""
        return ":" in text or any(
            text.partition("@")[0] in profile.channels for profile in self.profiles
        )

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

    def streams(
        self, kind: str, *, market: str | None = None, step: str | None = None
    ) -> Iterator[tuple[Profile, StreamChannel]]:
        """The event channels of a kind, of one market or of all."""
        for profile in self.profiles:
            for stream in profile.streams:
                if (
                    stream.kind == kind
                    and market in (None, profile.market)
                    and step in (None, stream.step)
                ):
                    yield profile, stream


def symbol_problem(symbol: str) -> str | None:
    """Why a text can be no symbol that one asks for, or None. Ids are taken as they are; which of
    them exist the venue knows, and no other is guessed at."""
    if not SYMBOL.fullmatch(symbol):
        return "a symbol has 1 to 64 characters, no blanks, quotes or control characters"
    # In a topic most of them would be read as its parts, and no symbol has ever had one.
    if set(symbol) & set("/-:@,"):
        return "a symbol has no / - : @ or comma; it is like BTC_USDT on spot, BTCUSDT on futures"
    return None


def _find(profile: Profile, channel: str) -> BookChannel | None:
    for book in profile.books:
        if book.name == channel or book.name.endswith("/" + channel):
            return book
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
