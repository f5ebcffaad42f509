"""The only place that knows a venue's words: a file each; of BitMart, one for each generation."""

from bitmart_book.venues.futures import FUTURES, FUTURES_DEMO
from bitmart_book.venues.futures_private import FUTURES_PRIVATE, FUTURES_PRIVATE_DEMO
from bitmart_book.venues.instruments import read_instruments
from bitmart_book.venues.legacy import LEGACY
from bitmart_book.venues.profile import (
    Address,
    BookChannel,
    Checksum,
    ErrorKind,
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
from bitmart_book.venues.spot_private import SPOT_PRIVATE

__all__ = [
    "BITMART",
    "BITMART_DEMO",
    "FUTURES",
    "FUTURES_DEMO",
    "FUTURES_PRIVATE",
    "FUTURES_PRIVATE_DEMO",
    "LEGACY",
    "SPOT",
    "SPOT_PRIVATE",
    "Address",
    "BookChannel",
    "Checksum",
    "Limits",
    "Operation",
    "Profile",
    "Rate",
    "Reply",
    "StreamChannel",
    "Topic",
    "ErrorKind",
    "Venue",
    "read_instruments",
]

BITMART = Venue(profiles=(SPOT, FUTURES, LEGACY, SPOT_PRIVATE, FUTURES_PRIVATE))
# Paper trading: the same keys and words, other hosts, and only for futures.
BITMART_DEMO = Venue(profiles=(SPOT, FUTURES_DEMO, LEGACY, SPOT_PRIVATE, FUTURES_PRIVATE_DEMO))
