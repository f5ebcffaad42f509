"""A local order-book engine for BitMart: raw frames in, an exact and trustworthy book out."""

import sys
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036 (whoever puts a checkout on the path has no installer)
    raise ImportError(f"bitmart_book needs Python 3.11 or newer; this is {sys.version.split()[0]}")

try:
    import bitmart_book._book  # noqa: F401
except ImportError as error:
    if error.name != "bitmart_book._book":
        raise
    raise ImportError(
        f"bitmart_book was not built for this Python ({sys.implementation.cache_tag} on "
        f"{sys.platform}): install it with pip, which takes a wheel or, with a C compiler and "
        f"Python's headers, builds it ({error})"
    ) from None

from bitmart_book import _book
from bitmart_book._book import (
    Book,
    Depth,
    Engine,
    Guard,
    Lens,
    Level,
    Levels,
    NetBook,
    NetTop,
    Quote,
    Sweep,
    Trigger,
    Watcher,
)
from bitmart_book.client.bounds import guard_age
from bitmart_book.errors import (
    AttachError,
    AuthenticationError,
    BitmartBookError,
    BookNotLive,
    CaptureError,
    ClockError,
    CompressionError,
    FeedClosed,
    GuardRefused,
    InvariantError,
    LimitError,
    LimitExceeded,
    MessageError,
    NoSuchBook,
    NotConnected,
    NotPublished,
    NumberError,
    OrderRefused,
    OrderUnknown,
    ShadowMismatch,
    StreamGap,
    SubscriptionRejected,
    UnknownKeyword,
    UsageError,
    VenueError,
)
from bitmart_book.model import (
    VERSION,
    Balance,
    BookState,
    BookTicker,
    Change,
    Event,
    EventKind,
    Fill,
    FundingRate,
    FuturesTicker,
    Instrument,
    Kline,
    MarkPriceKline,
    Order,
    OrderStatus,
    Position,
    Ticker,
    Trade,
    show_with,
)
from bitmart_book.venues import BITMART, Venue, find_venue, read_instruments, venues

__all__ = [
    "Account",
    "AttachError",
    "Attached",
    "AttachedBook",
    "AuthenticationError",
    "Balance",
    "BitmartBookError",
    "Book",
    "BookNotLive",
    "BookState",
    "BookTicker",
    "CaptureError",
    "Change",
    "CheckedEntry",
    "ClockError",
    "CompressionError",
    "Credentials",
    "Depth",
    "Engine",
    "Event",
    "EventKind",
    "Feed",
    "FeedClosed",
    "Fill",
    "FundingRate",
    "FuturesTicker",
    "Guard",
    "GuardRefused",
    "Instrument",
    "InvariantError",
    "Kline",
    "Lens",
    "Level",
    "Levels",
    "LimitError",
    "LimitExceeded",
    "LiveBook",
    "LiveTrigger",
    "MarkPriceKline",
    "MessageError",
    "NetBook",
    "NetTop",
    "NoSuchBook",
    "NotConnected",
    "NotPublished",
    "NumberError",
    "Order",
    "OrderEntry",
    "OrderRefused",
    "OrderStatus",
    "OrderUnknown",
    "Position",
    "Quote",
    "ShadowMismatch",
    "Simulator",
    "StreamGap",
    "SubscriptionRejected",
    "Sweep",
    "TRACE",
    "Ticker",
    "Trade",
    "Trigger",
    "UnknownKeyword",
    "UsageError",
    "Venue",
    "VenueError",
    "Watcher",
    "attach",
    "check_order",
    "connect",
    "metrics",
    "plot_depth",
    "plot_history",
    "read_instruments",
    "replay_job",
    "sync",
    "to_arrow",
    "to_pandas",
    "to_polars",
    "venues",
]

__version__ = VERSION

# The compiled module knows shapes and no venue; this is where it meets BitMart and the others.
_book._set_default_venue(BITMART)
_book._set_venues(find_venue)
_book._set_guard_ages(guard_age)


def _html(thing: object) -> str:
    # Of notebooks: most programs never show anything in one.
    from bitmart_book.display import values

    return values.html(thing)


show_with(_html)

if TYPE_CHECKING:
    from bitmart_book import sync
    from bitmart_book.client.account import Account
    from bitmart_book.credentials import Credentials
    from bitmart_book.display.metrics import metrics
    from bitmart_book.display.plots import plot_depth, plot_history
    from bitmart_book.display.tables import replay_job, to_arrow, to_pandas, to_polars
    from bitmart_book.entry import CheckedEntry, OrderEntry, check_order
    from bitmart_book.feed.asynchronous import Feed, LiveBook, LiveTrigger
    from bitmart_book.log.journal import TRACE
    from bitmart_book.share.attaching import Attached, AttachedBook, attach
    from bitmart_book.sim import Simulator
    from bitmart_book.sync import connect

# What a book alone does not need is imported when it is first used: asyncio and websockets, and
# what signs a login.
_LATER = {
    "Account": "client.account",
    "Attached": "share.attaching",
    "AttachedBook": "share.attaching",
    "CheckedEntry": "entry",
    "Credentials": "credentials",
    "Feed": "feed.asynchronous",
    "LiveBook": "feed.asynchronous",
    "LiveTrigger": "feed.asynchronous",
    "OrderEntry": "entry",
    "Simulator": "sim",
    "TRACE": "log.journal",
    "attach": "share.attaching",
    "check_order": "entry",
    "connect": "sync",
    "metrics": "display.metrics",
    "plot_depth": "display.plots",
    "plot_history": "display.plots",
    "replay_job": "display.tables",
    "sync": "sync",
    "to_arrow": "display.tables",
    "to_pandas": "display.tables",
    "to_polars": "display.tables",
}


def _later(name: str) -> object:
    """A public name whose module is imported now that somebody uses it."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module = importlib.import_module(f"{__name__}.{_LATER[name]}")
    value = module if name == "sync" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What is completed on tab: also what nobody has used yet."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


if not TYPE_CHECKING:
    # Out of sight of type checkers: with it they would take any name at all for one of ours.
    __getattr__ = _later
