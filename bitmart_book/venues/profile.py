"""The type a venue profile fills in: words of the wire, as data and small pure functions.

A profile says which key of a frame names the channel, what a level looks like, which channels
count their updates, how a subscription is worded and what may be sent how often. Everything else
knows shapes and asks the profile; it does not know a single channel by name.

A profile is one kind of socket: the private channels of a market, on another address and behind a
login, are a profile of their own with the same `market`. What tells profiles apart is `endpoint`.
`Venue.topic_profile` finds the one that a raw topic belongs to; where its `login` is not None,
`login(credentials, timestamp_ms)` is the first frame on the socket, and its answer is a `Reply`
with the operation "login": an "ack", or an "error" of which `Errors.kind` says whether it is
final. `StreamChannel.topics_of` says which topic a decoded value was subscribed by.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from bitmart_book.errors import UsageError
from bitmart_book.model import SYMBOL
from bitmart_book.venues.channels import BookChannel, Checksum, StreamChannel, Topic
from bitmart_book.venues.framing import Framing
from bitmart_book.venues.instruments import InstrumentList
from bitmart_book.venues.replies import ErrorKind, Errors, Reply
from bitmart_book.venues.speech import Limits, Operation, Rate, Speech

if TYPE_CHECKING:
    # Imported for its type alone: only those who log in need hashlib, hmac and logging.
    from bitmart_book.credentials import Credentials

__all__ = [
    "Address",
    "BookChannel",
    "Checksum",
    "ErrorKind",
    "Errors",
    "Framing",
    "Limits",
    "Operation",
    "Pictures",
    "Profile",
    "Rate",
    "Reply",
    "Server",
    "Speech",
    "StreamChannel",
    "Symbols",
    "Topic",
    "Venue",
    "symbol_problem",
]


class Address(NamedTuple):
    """What a push says of where it belongs."""

    channels: tuple[str, ...]
    """The full names of the channels that it may be of: several where they share one name on the
    wire, and a name that nobody knows where it is of none of ours."""
    symbol: str
    """As far as it is said beside the data; else ""."""


class Symbols(msgspec.Struct, frozen=True, kw_only=True):
    """How a market spells its symbols, and the topics that they stand in."""

    owns: Callable[[str], bool]
    """Whether a symbol is spelled as this market spells its symbols."""
    problem: Callable[[str], str | None] | None = None
    """Why a text can be no symbol of this market, or None; None: as BitMart spells its own."""
    check_topic: Callable[[Topic], str | None]
    """None for a topic that can exist, else why it cannot."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where a kind of socket is opened."""

    url: str
    """Its address."""
    hosts: tuple[tuple[str, str], ...] = ()
    """(region, host): the venue's other hosts, for the same port and path as those of `url`."""

    def in_region(self, region: str, venue: str) -> str:
        """The address in a region. UsageError, which names those that there are."""
        hosts = dict(self.hosts)
        if region not in hosts:
            names = ", ".join(hosts) or "none"
            raise UsageError(f"no region {region!r} of {venue}; there is: {names}")
        return self.url.replace(str(urlsplit(self.url).hostname), hosts[region], 1)

    def names(self) -> set[str | None]:
        """All its hosts."""
        return {urlsplit(self.url).hostname, *(host for _, host in self.hosts)}


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """How long the books hold of which only pictures come."""

    renew_after: float = 20.0
    """Seconds: a book of pictures that brought none for so long is subscribed anew, as nobody can
    ask for one."""
    hold: float = 28.0
    """Seconds: a picture is not shown for longer, whatever else comes on its connection."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of socket of one protocol generation of a venue.

    Who it is: venue, market, endpoint, server, private.
    What comes: framing, books, streams, default_book, symbols; book, stream, channels, address,
    split; classify, errors, pictures.
    What is sent: speech, limits, apart, can_request; login, login_has_memo; url_problem.
    """

    venue: str = "bitmart"
    """The venue it belongs to, as `bb.venues()` names it."""
    market: str
    """The market it belongs to; a market has a public and may have a private profile."""
    framing: Framing
    """How its frames say what they are of."""
    books: tuple[BookChannel, ...]
    streams: tuple[StreamChannel, ...]
    default_book: str
    """The channel that a bare symbol means; "" where there are no books."""
    symbols: Symbols
    endpoint: str
    """Name of its address in `urls`."""
    server: Server
    limits: Limits
    speech: Speech
    """What is sent on it."""
    apart: Callable[[Topic], Hashable | None] = lambda topic: None  # noqa: ARG005
    """Two topics of which this is equal must not be on one connection, as nobody could tell their
    frames apart; None: the topic goes with any other."""
    classify: Callable[[Any], Reply | None]
    """Of a decoded frame, or the text of one that is not JSON: what it answers; None: a push."""
    can_request: bool
    """Whether a snapshot can be asked for without subscribing anew."""
    errors: Errors = Errors()
    """What its errors mean."""
    pictures: Pictures = Pictures()
    login: Callable[[Credentials, int], str] | None = None
    """The text frame of a login at a time (milliseconds since 1970); None: there is no login. It
    holds a signature that is good for a minute: never log it."""
    login_has_memo: bool = False
    """Whether that login signs the memo of a key, which other venues' keys do not have."""

    @property
    def private(self) -> bool:
        """Whether its sockets need a login."""
        return self.login is not None

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
        if parts.scheme == "wss" and host in self.server.names():
            return None
        if self.private:
            return f"a login is only sent to {self.server.url} or to this machine, not to {host}"
        if other_hosts:
            return None
        why = "not encrypted" if parts.scheme == "ws" else "not the venue's host"
        return f"{host} is {why}; allow other hosts if it is meant"

    def address(self, message: Mapping[str, Any]) -> Address | None:
        """Which channel and symbol a decoded frame names; None where it names no channel."""
        named: Any = message.get(self.framing.channel_key)
        symbol: Any = None
        if self.framing.argument is not None:
            if not isinstance(named, dict):
                return None
            named, symbol = named.get(self.framing.argument[0]), named.get(self.framing.argument[1])
        if not isinstance(named, str):
            return None
        found = self.split(named)
        if symbol is None and not found.symbol and self.framing.symbol_key is not None:
            symbol = message.get(self.framing.symbol_key)
        # The oldest feed named its symbols by number.
        return found if symbol is None else found._replace(symbol=str(symbol))

    def split(self, named: str) -> Address:
        """A text that names a channel, and perhaps a symbol, taken apart."""
        plain = Topic.parse(named)
        names: list[str] = []
        symbol = ""
        described: tuple[BookChannel | StreamChannel, ...] = (*self.books, *self.streams)
        for channel in described:
            wire = self.framing.wire_name(channel)
            if self.framing.separator == ":":
                if wire == plain.channel:
                    names.append(channel.name)
                    symbol = plain.symbol
            elif named == wire or named.startswith(wire + self.framing.separator):
                names.append(channel.name)
                symbol = named[len(wire) + 1 :]
        if names:
            return Address(tuple(names), symbol)
        return Address((self.framing.channel_prefix + plain.channel,), plain.symbol)

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
    """All sockets of a venue, or of several, and how a user's words find their channel.

    >>> bb.Engine(venue=("kraken", "okx")).venue.names
    ('kraken', 'okx')
    """

    profiles: tuple[Profile, ...]
    instruments: InstrumentList | None = None
    """How its lists of symbols are read; None where there is no reader."""

    @property
    def names(self) -> tuple[str, ...]:
        """The venues that it speaks to, as `bb.venues()` names them."""
        return tuple(dict.fromkeys(profile.venue for profile in self.profiles))

    def counts_contracts(self, market: str) -> bool:
        """Whether the sizes of a market's books are contracts, of which one has to know the size;
        of one whose channels have both, whether any may be."""
        books = [book for one in self.profiles if one.market == market for book in one.books]
        return any(book.unit == "contracts" or book.contracts is not None for book in books)

    def bare(self, symbol: str) -> str:
        """The symbol alone, where it says its venue or market: "kraken:BTC/USD"."""
        return self._placed(symbol)[1]

    def book_channel(
        self, symbol: str, *, channel: str | None = None, market: str | None = None
    ) -> tuple[Profile, BookChannel]:
        """The channel meant by these words; `bare` has the symbol.

        `symbol` may say its venue or market, and must where there are several venues and nothing
        else says which is meant: "kraken:BTC/USD". `channel` may be the full name
        ("spot/depth/increase100") or its end ("depth20", "increase100"). Raises UsageError, naming
        what there is.
        """
        place, bare = self._placed(symbol)
        profiles = [
            profile
            for profile in self.profiles
            if profile.books
            and place in (None, profile.venue, profile.market)
            and market in (None, profile.market)
            and (channel is None or "/" not in channel or _find(profile, channel))
        ]
        if market is not None and not profiles:
            known = ", ".join(profile.market for profile in self.profiles if profile.books)
            raise UsageError(f"no market {market!r} with such a channel; there is: {known}")
        venues = tuple(dict.fromkeys(profile.venue for profile in profiles))
        if len(venues) > 1:
            words = " or ".join(repr(f"{name}:{bare}") for name in venues)
            raise UsageError(f"which venue's symbol is {bare!r}? There is {words}")
        problems = [_problem(profile, bare) for profile in profiles]
        if problems and None not in problems:
            raise UsageError(f"symbol {bare!r} cannot exist: {problems[0]}")
        if len(profiles) > 1:
            profiles = [profile for profile in profiles if profile.symbols.owns(bare)]
        for profile in profiles:
            found = _find(profile, channel or profile.default_book)
            if found:
                return profile, found
        names = ", ".join(
            book.name
            for profile in self.profiles
            if place in (None, profile.venue, profile.market)
            for book in profile.books
        )
        raise UsageError(f"no book channel {channel!r} for {bare}; there is: {names}")

    def _placed(self, symbol: str) -> tuple[str | None, str]:
        """The venue or market that a symbol says, and the symbol."""
        place, colon, bare = symbol.partition(":")
        if colon and any(place in (one.venue, one.market) for one in self.profiles):
            return place, bare
        return None, symbol

    def unknown_fields(self) -> dict[str, int]:
        """How often undocumented fields were seen, by "channel.field", in this process."""
        streams = [stream for profile in self.profiles for stream in profile.streams]
        seen = {id(fields): fields for stream in streams for fields in stream.fields}
        return {
            f"{fields.where}.{name}": count
            for fields in seen.values()
            for name, count in fields.unknown.items()
        }

    def topic(self, text: str, *, channel: str | None = None, market: str | None = None) -> str:
        """The raw topic that a user's words mean. UsageError for what cannot exist."""
        if self.is_topic(text):
            self.topic_profile(text)
            return text
        found = self.book_channel(text, channel=channel, market=market)[1]
        return f"{found.name}:{self.bare(text)}"

    def is_topic(self, text: str) -> bool:
        """Whether these words are a raw topic; some of those are a channel alone, without colon."""
        return (":" in text and self._placed(text)[0] is None) or any(
            text.partition("@")[0] in profile.channels for profile in self.profiles
        )

    def topic_profile(self, topic: str) -> Profile:
        """The generation that speaks a raw topic. UsageError for one that cannot exist."""
        parsed = Topic.parse(topic)
        for profile in self.profiles:
            if profile.book(parsed.channel) or profile.stream(parsed.channel):
                problem = profile.symbols.check_topic(parsed)
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


def _problem(profile: Profile, symbol: str) -> str | None:
    return (profile.symbols.problem or symbol_problem)(symbol)


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
