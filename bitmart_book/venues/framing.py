"""How the frames of one kind of socket say what they are of: which keys they have, and where."""

from __future__ import annotations

from typing import Literal

import msgspec

from bitmart_book.venues.channels import BookChannel, StreamChannel

__all__ = ["Framing"]


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """The outside of a frame."""

    channel_key: str
    """The key of a push that names its channel."""
    argument: tuple[str, str] | None = None
    """Where the channel key holds an object: its keys of the channel and of the symbol."""
    separator: str = ":"
    """Where the channel key holds a text: what stands in it between channel and symbol."""
    data_key: str = "data"
    """The key of a push that holds its items: a list of objects, or the only one."""
    reply_keys: frozenset[str] = frozenset({"event", "action", "success", "errorCode"})
    """Keys that only replies have: a frame that names a channel and has neither one of these nor
    data is a push that cannot be read."""
    channel_prefix: str = ""
    """What our channel names have before the wire's, to tell generations apart."""
    symbol_key: str | None = None
    """The key of a push, beside its data, that names the symbol; None: the topic or data does."""
    binary: Literal["raw deflate", "gzip", "plain"] = "raw deflate"
    """What a binary message is: compressed text, or text as it is."""

    def wire_name(self, channel: BookChannel | StreamChannel) -> str:
        """How a frame names a channel."""
        wire = channel.wire if isinstance(channel, BookChannel) else ""
        return wire or channel.name.removeprefix(self.channel_prefix)
