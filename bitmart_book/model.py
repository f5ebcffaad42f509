"""The plain values users receive. No behaviour beyond reading them, no I/O, no venue words.

`Level`, `Quote`, `Depth` and `Sweep` are made on the hottest reads and live in `_book`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

import msgspec

__all__ = ["BookState", "Change", "Trade"]


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
