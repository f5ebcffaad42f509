"""The plain values users receive. No behaviour beyond reading them, no I/O, no venue words.

`Level`, `Quote`, `Depth` and `Sweep` are made on the hottest reads and live in `_book`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

import msgspec

__all__ = ["BookState", "BookTicker", "Change", "Event", "Kline", "Ticker", "Trade"]


class BookState(StrEnum):
    """Whether a book can be trusted. Only LIVE can be read; see `Book.peek` for the rest."""

    CONNECTING = "CONNECTING"
    """There is no connection."""
    SYNCING = "SYNCING"
    """Waiting for a snapshot."""
    LIVE = "LIVE"
    """Unbroken since its snapshot, not crossed, confirmed in time."""
    STALE = "STALE"
    """Not confirmed in time, or its snapshot was crossed: maybe right."""
    GAP = "GAP"
    """Known to be wrong, or unknowable: updates were lost, or the book crossed."""
    CLOSED = "CLOSED"
    """Closed by the user, for good."""
    REJECTED = "REJECTED"
    """Refused, by the venue or because its numbers cannot be held; final until the user acts."""


class Change:
    """Names of the bits of the `int` that `apply` returns; 0 means that nothing changed.

    Plain ints and not an `enum.IntFlag`: `int & IntFlag` calls Python code and costs some
    twenty times as much as the `if` it decides.
    """

    SNAPSHOT: Final = 1
    """A snapshot, or a full picture of an unsequenced channel, was taken over."""
    LEVELS: Final = 2
    """Some level changed."""
    TOP: Final = 4
    """The best price or the size there changed on some side."""
    TRADE: Final = 8
    """Public trades."""
    HEARTBEAT: Final = 16
    """An empty update that repeats the sequence: the book is confirmed."""
    DUPLICATE: Final = 32
    """An older or repeated frame, not applied."""
    GAP: Final = 64
    """The book cannot be trusted until its next snapshot."""
    BUFFERED: Final = 128
    """An update kept until the snapshot it continues arrives."""
    CROSSED: Final = 256
    """After the whole frame the best bid was not below the best ask."""
    OTHER: Final = 512
    """A well-formed frame that is not a book's or a trade's."""

    @staticmethod
    def names(change: int) -> tuple[str, ...]:
        """The names of the bits that are set: `Change.names(6) == ("LEVELS", "TOP")`."""
        return tuple(name for name, bit in _CHANGE_BITS if change & bit)


_CHANGE_BITS: Final = tuple(
    (name, bit) for name, bit in vars(Change).items() if isinstance(bit, int)
)


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One public trade.

    `side` is the side of the taker. `price` and `size` are exact; on futures the size counts
    contracts. `time_ms` is the venue's stamp (milliseconds since 1970), None where it sent none.
    Spot trades carry no id.
    """

    symbol: str
    side: Literal["buy", "sell"]
    price: Decimal
    size: Decimal
    time_ms: int | None = None
    trade_id: int | None = None
    side_known: bool = True
    """False where the venue named the taker's side only by a contradictory field."""


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """The last price of a symbol, its best prices, and its last 24 hours.

    Prices are in the quote currency, sizes in the base currency, `base_volume_24h` and
    `quote_volume_24h` in the currency they are named after; all are exact. `fluctuation` is the
    change of the price over 24 hours as a fraction: 0.01 is one percent. `time_ms` is the venue's
    stamp (milliseconds since 1970). What the venue did not send is None.
    """

    symbol: str
    last: Decimal
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    open_24h: Decimal | None = None
    """The price 24 hours ago."""
    high_24h: Decimal | None = None
    low_24h: Decimal | None = None
    base_volume_24h: Decimal | None = None
    quote_volume_24h: Decimal | None = None
    fluctuation: Decimal | None = None
    time_ms: int | None = None


class BookTicker(msgspec.Struct, frozen=True, kw_only=True):
    """The best prices of a symbol and the sizes there, exact; None where a side is empty.

    `time_ms` is the venue's stamp (milliseconds since 1970).
    """

    symbol: str
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    time_ms: int | None = None


class Kline(msgspec.Struct, frozen=True, kw_only=True):
    """One bar: the prices and the volume of a span of time, exact. The last one may still change.

    `step` is the length of the bar in the venue's spelling: "1m" to "1M" on spot, minutes ("1",
    "43200") on the legacy feed. `volume` is in the base currency on spot; of the legacy feed it
    is not documented.
    """

    symbol: str
    step: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    open_time_s: int | None = None
    """Start of the bar, seconds since 1970. Spot sent a moment inside the bar before 2024-02-29."""
    push_time_ms: int | None = None
    """When the bar was sent, milliseconds since 1970, where the venue stamps only that."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a feed.

    Each transition of a book is one event, whose `kind` is the new state in lower case:
    "connecting", "syncing", "live", "stale", "gap", "rejected", "closed". Others are "connected",
    "disconnected", "subscribed", "unanswered", "bad frame", "error", "callback failed", "outage"
    (once a minute while an endpoint cannot be reached) and "reachable". A "gap" of a topic that is
    no book's is a hole in its stream. `time` is in seconds of the feed's clock. What does not
    apply is None.
    """

    kind: str
    time: float
    connection: str | None = None
    topic: str | None = None
    code: str | None = None
    """The venue's own code of an error."""
    reason: str | None = None
    after: float | None = None
    """Of "live": seconds since the book was last LIVE, or was subscribed; of other states: seconds
    in the state before; of "outage" and "reachable": seconds since it began."""

    def __str__(self) -> str:
        parts = [self.kind, self.topic or "", self.connection or ""]
        parts += [f"code {self.code}" if self.code else "", self.reason or ""]
        return " ".join(part for part in parts if part)
