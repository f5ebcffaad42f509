"""What a channel of a venue is: how its books or its events speak, as data.

The defaults are BitMart's words. A channel of another venue says in what it differs: which keys its
frames have and where they stand, how its updates follow each other, and what proves its books.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from bitmart_book.venues.values import UNREADABLE, Decoded, Fields, Unread

__all__ = ["BookChannel", "Checksum", "StreamChannel", "Topic"]


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


Rule = Literal["next", "chain", "range", "none"]


class Checksum(msgspec.Struct, frozen=True, kw_only=True):
    """A CRC32 (IEEE, as in zlib) of the best levels, which frames of a book carry.

    It goes over the text of prices and sizes, so how they are written matters. Numbers of more
    than 32 bits and negative ones mean the same modulo 2**32.
    """

    levels: int
    """How many of the best levels of each side it covers; all where a side has fewer."""
    text: Literal["digits", "padded", "stripped"]
    """A number as it goes in: its digits without point and leading zeros, with as many decimals
    as the venue writes; the same with its point and leading zero; or without zeros at its end."""
    key: str = "checksum"
    interleaved: bool = False
    """Bid, ask, bid, ask, and at the end the rest of the longer side; else asks and then bids."""
    joint: str = ""
    """What stands between two numbers."""


class BookChannel(msgspec.Struct, frozen=True, kw_only=True):
    """How one book channel speaks.

    Which it is: name, wire, kind, unit, contracts.
    What it shows: window, window_kept, depth, checksum, proven_levels.
    How its updates follow each other: rule, sequence, previous, empty_advances, replaces.
    Its keys and words: bids, asks, price, size, levels, side, symbol, type, snapshot_word,
    update_word; where they stand: outer_type, outer_time, before_price, longer.
    Its stamps: time, clock, stamped_at_send. How long silence is believed:
    confirmed_by_connection, renewed_after.
    """

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
    wire: str = ""
    """How a frame names the channel; "": as we do, without the profile's prefix. Several channels
    may share one name: which of them a frame is of, its connection says."""
    symbol: str = "symbol"
    """The key of the symbol in an item."""
    rule: Rule = "next"
    """How an update follows what is there: its `sequence` is one more; `previous` is the sequence
    that is there; `previous` to `sequence` is a range that holds the next one; or nothing says
    how, and there is no sequence."""
    previous: str = ""
    """The key of the sequence before (of a range: of its first one). -1 is none."""
    snapshot_word: str = "snapshot"
    update_word: str = "update"
    """The values of `type`."""
    outer_type: bool = False
    """Whether `type` stands beside the items and not in them. Where it does, pictures have to
    have it too, with the word for a snapshot."""
    outer_time: bool = False
    """Whether `time` stands beside the items."""
    clock: Literal["ms", "ns", "text"] = "ms"
    """What `time` is: milliseconds or nanoseconds since 1970, bare or quoted, or a text by RFC
    3339 in UTC: 2026-08-16T23:37:03.745044Z."""
    before_price: int = 0
    """Array levels: how many elements stand before the price."""
    longer: bool = False
    """Array levels: whether there may be more elements behind the size."""
    depth: int = 0
    """To how many levels a side is cut after each frame, where the venue expects that: it tells
    nothing of a level that falls out, and tells of it anew where it comes back. 0: no cut. It
    counts more than `max_levels`."""
    replaces: bool = False
    """Whether snapshots come by themselves, in their turn: then each replaces the book, and what
    came before it continues none. Else one of a lower sequence may be a late reply."""
    checksum: Checksum | None = None
    contracts: Callable[[str], bool] | None = None
    """Where one channel has symbols of both units: whether the sizes of this one are contracts."""
    confirmed_by_connection: float | None = None
    """Seconds that a book holds after its own last frame because its connection speaks; None: only
    its own frames confirm it."""
    renewed_after: float | None = None
    """Seconds after which a book is subscribed anew although nothing is wrong with it, where it
    shows more than can be proven; None: never."""

    @property
    def proven_levels(self) -> int | None:
        """How many levels a side the venue proves: None: all of them, by an unbroken sequence or
        as each picture is whole; 0: none."""
        if self.kind != "sequenced" or self.rule != "none":
            return None
        return 0 if self.checksum is None else self.checksum.levels


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

    complete: Callable[[dict[str, Any], Mapping[str, Any]], Mapping[str, Any] | None] | None = None
    """Where some pushes say only what has changed: makes a whole one of it, by a memory of what was
    said before; None where nothing was."""

    def read(self, message: Mapping[str, Any], memory: dict[str, Any] | None = None) -> Decoded:
        """The values of one decoded push, oldest first, and what of it could not be read. Never
        raises: of a push that is not of the documented shape nothing could be read.

        `memory` is the caller's, one for each connection: where pushes say only what has changed,
        it holds what they change. Without one only whole pushes have values.
        """
        try:
            if self.complete is not None:
                whole = self.complete({} if memory is None else memory, message)
                return Decoded([], []) if whole is None else self.decode(whole)
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
