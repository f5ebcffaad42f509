"""The type a venue profile fills in: words of the wire, as data.

A profile says which key of a frame names the channel, where the symbol stands, and for each
channel what a level looks like and whether it counts its updates. The engine knows JSON and these
shapes; it does not know a single channel by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from bitmart_book.errors import UsageError
from bitmart_book.model import Trade

__all__ = ["BookChannel", "Profile", "TradeChannel", "Venue"]

_SYMBOL = re.compile(r"[A-Za-z0-9_]{1,41}")


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


class TradeChannel(msgspec.Struct, frozen=True, kw_only=True):
    """How one public trade channel speaks."""

    name: str
    decode: Callable[[Mapping[str, Any]], Trade]
    """Makes a `Trade` of one row; raises KeyError, TypeError or ValueError on a bad one."""
    newest_first: bool


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol generation of a venue."""

    market: str
    channel_key: str
    """The key of a push that names its channel."""
    books: tuple[BookChannel, ...]
    trades: tuple[TradeChannel, ...]
    default_book: str
    """The channel that a bare symbol means."""
    owns_symbol: Callable[[str], bool]
    """Whether a symbol is spelled as this market spells its symbols."""


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

    def split_topic(self, topic: str) -> tuple[str, str]:
        """Channel and symbol of a raw topic: "futures/depth20:BTCUSDT@200ms" has neither speed."""
        channel, _, symbol = topic.partition(":")
        # The speed is part of a futures topic but not of the book: the server may echo another
        # one than was asked for.
        return channel.partition("@")[0], symbol.partition("@")[0]


def _find(profile: Profile, channel: str) -> BookChannel | None:
    for book in profile.books:
        if book.name == channel or book.name.endswith("/" + channel):
            return book
    return None
