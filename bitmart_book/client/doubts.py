"""Whom a frame that cannot be read puts in doubt: a channel, a symbol, a connection, or nobody.

Sans-I/O, no state: a frame and the error about it come in, and what it may have been comes out. It
may have been nobody's only if it is whole, well formed, and names no channel of books. Whatever is
cut off or garbled may have been anybody's, as far as it does not say itself whose it was.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from bitmart_book.errors import CompressionError, MessageError
from bitmart_book.venues.profile import Profile

__all__ = ["Doubt", "doubt_of"]

# Words, or a page of a web server, as a gateway sends them. No part of a push looks like that:
# pushes are JSON, and whatever is cut out of one has a digit or a sign in it.
_NO_PUSH = re.compile(rb"[\sA-Za-z]{0,64}|\s*<.*>\s*", re.DOTALL)
_CHANNEL_IN_BYTES = rb'"%b"\s*:\s*"([^"\\]{1,120})"'


class Doubt(NamedTuple):
    """What a frame that could not be read may have been."""

    is_anybodys: bool
    """Whether it may have been of a topic that it does not name; else only of what it names."""
    channel: str | None = None
    """The full name of the channel that it names."""
    symbol: str | None = None
    """The one symbol that it names."""
    others: tuple[str, ...] = ()
    """Channels that have the same name on the wire."""

    def names(self, channel: str, symbol: str) -> bool:
        """Whether it may have been of that channel and symbol; "" is any symbol."""
        if not self.is_anybodys and self.channel is None:
            return False
        if self.channel not in (None, channel) and channel not in self.others:
            return False
        return not symbol or self.symbol in (None, symbol)


NOBODY = Doubt(is_anybodys=False)
ANYBODY = Doubt(is_anybodys=True)


def doubt_of(profile: Profile, payload: bytes, error: MessageError) -> Doubt:
    """Whom a frame of a socket of that profile puts in doubt. `error` is what the engine, or
    whoever inflates, said of it."""
    if isinstance(error, CompressionError):
        return ANYBODY
    try:
        message = msgspec.json.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _of_damaged(profile, payload, error)
    found = profile.address(message) if isinstance(message, dict) else None
    if found is None:
        named = _names_books(profile, msgspec.json.encode(message))
        return Doubt(is_anybodys=True, symbol=error.symbol) if named else NOBODY
    channel, *others = found.channels
    return Doubt(False, channel, error.symbol or found.symbol or None, tuple(others))


def _of_damaged(profile: Profile, payload: bytes, error: MessageError) -> Doubt:
    """Of a frame that is not JSON: cut off, garbled, or never meant to be any."""
    if _NO_PUSH.fullmatch(payload) and not _names_books(profile, payload):
        return NOBODY
    framing = profile.framing
    key = framing.channel_key if framing.argument is None else framing.argument[0]
    names = re.findall(_CHANNEL_IN_BYTES % key.encode(), payload)
    if len(names) != 1:
        # None, or the beginning of another frame within it: what it names is not all that it was.
        return Doubt(is_anybodys=True, symbol=error.symbol if not names else None)
    channel, *others = profile.split(names[0].decode("utf-8", "replace")).channels
    if profile.book(channel) is None and error.symbol is None:
        return ANYBODY
    return Doubt(True, channel, error.symbol, tuple(others))


def _names_books(profile: Profile, text: bytes) -> bool:
    """Whether the name of any channel of books stands in a text."""
    names = (profile.framing.wire_name(book) for book in profile.books)
    return any(name.encode() in text for name in names)
