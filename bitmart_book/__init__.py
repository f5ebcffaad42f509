"""A local order-book engine for BitMart: raw frames in, an exact and trustworthy book out."""

from bitmart_book import _book, sync
from bitmart_book._book import Book, Depth, Engine, Level, Levels, Quote, Sweep
from bitmart_book.errors import (
    AuthenticationError,
    BitmartBookError,
    BookNotLive,
    CaptureError,
    FeedClosed,
    InvariantError,
    LimitError,
    MessageError,
    NumberError,
    ShadowMismatch,
    StreamGap,
    SubscriptionRejected,
    UsageError,
)
from bitmart_book.model import BookState, Change, Trade
from bitmart_book.sync import connect
from bitmart_book.venues import BITMART

__all__ = [
    "AuthenticationError",
    "BitmartBookError",
    "Book",
    "BookNotLive",
    "BookState",
    "CaptureError",
    "Change",
    "Depth",
    "Engine",
    "FeedClosed",
    "InvariantError",
    "Level",
    "Levels",
    "LimitError",
    "MessageError",
    "NumberError",
    "Quote",
    "ShadowMismatch",
    "StreamGap",
    "SubscriptionRejected",
    "Sweep",
    "Trade",
    "UsageError",
    "connect",
    "sync",
]

__version__ = "0.1.0"

# The compiled module knows shapes and no venue; this is where it meets BitMart.
_book._set_default_venue(BITMART)
