"""The only place that knows a venue's words: a file each; of BitMart, one for each generation."""

from bitmart_book.venues.futures import FUTURES, FUTURES_DEMO
from bitmart_book.venues.futures_private import FUTURES_PRIVATE, FUTURES_PRIVATE_DEMO
from bitmart_book.venues.kraken import KRAKEN
from bitmart_book.venues.legacy import LEGACY
from bitmart_book.venues.okx import OKX
from bitmart_book.venues.profile import (
    Address,
    BookChannel,
    Checksum,
    ErrorKind,
    Errors,
    Framing,
    Limits,
    Operation,
    Pictures,
    Profile,
    Rate,
    Reply,
    Server,
    Speech,
    StreamChannel,
    Symbols,
    Topic,
    Venue,
)
from bitmart_book.venues.registry import (
    BITMART,
    BITMART_DEMO,
    BYBIT,
    find_venue,
    read_instruments,
    venues,
)
from bitmart_book.venues.spot import SPOT
from bitmart_book.venues.spot_private import SPOT_PRIVATE

__all__ = [
    "BITMART",
    "BITMART_DEMO",
    "BYBIT",
    "FUTURES",
    "FUTURES_DEMO",
    "FUTURES_PRIVATE",
    "FUTURES_PRIVATE_DEMO",
    "KRAKEN",
    "LEGACY",
    "OKX",
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
    "Symbols",
    "Speech",
    "Server",
    "Pictures",
    "Framing",
    "Errors",
    "Venue",
    "find_venue",
    "read_instruments",
    "venues",
]
