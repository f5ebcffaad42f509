"""The only place that knows BitMart's words: one file per protocol generation."""

from bitmart_book.venues.futures import FUTURES
from bitmart_book.venues.legacy import LEGACY
from bitmart_book.venues.profile import (
    BookChannel,
    Limits,
    Operation,
    Profile,
    Rate,
    Reply,
    StreamChannel,
    Topic,
    Venue,
)
from bitmart_book.venues.spot import SPOT

__all__ = [
    "BITMART",
    "FUTURES",
    "LEGACY",
    "SPOT",
    "BookChannel",
    "Limits",
    "Operation",
    "Profile",
    "Rate",
    "Reply",
    "StreamChannel",
    "Topic",
    "Venue",
]

BITMART = Venue(profiles=(SPOT, FUTURES, LEGACY))
