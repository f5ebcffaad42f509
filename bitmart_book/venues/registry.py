"""The venues that there are, by name, and what is found by naming one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bitmart_book.errors import UsageError
from bitmart_book.venues.bitget import BITGET
from bitmart_book.venues.bybit import BYBIT_INVERSE, BYBIT_LINEAR, BYBIT_SPOT, INSTRUMENTS
from bitmart_book.venues.bybit_private import (
    BYBIT_INVERSE_PRIVATE,
    BYBIT_LINEAR_PRIVATE,
    BYBIT_SPOT_PRIVATE,
)
from bitmart_book.venues.futures import FUTURES, FUTURES_DEMO
from bitmart_book.venues.futures_private import FUTURES_PRIVATE, FUTURES_PRIVATE_DEMO
from bitmart_book.venues.instruments import BITMART_LISTS, Instruments
from bitmart_book.venues.kraken import KRAKEN
from bitmart_book.venues.legacy import LEGACY
from bitmart_book.venues.okx import OKX
from bitmart_book.venues.profile import Venue
from bitmart_book.venues.spot import SPOT
from bitmart_book.venues.spot_private import SPOT_PRIVATE

__all__ = ["BITMART", "BITMART_DEMO", "BYBIT", "find_venue", "read_instruments", "venues"]

BITMART = Venue(
    profiles=(SPOT, FUTURES, LEGACY, SPOT_PRIVATE, FUTURES_PRIVATE), instruments=BITMART_LISTS
)
# Paper trading: the same keys and words, other hosts, and only for futures.
BITMART_DEMO = Venue(
    profiles=(SPOT, FUTURES_DEMO, LEGACY, SPOT_PRIVATE, FUTURES_PRIVATE_DEMO),
    instruments=BITMART_LISTS,
)
BYBIT = Venue(
    profiles=(
        BYBIT_LINEAR,
        BYBIT_INVERSE,
        BYBIT_SPOT,
        BYBIT_LINEAR_PRIVATE,
        BYBIT_INVERSE_PRIVATE,
        BYBIT_SPOT_PRIVATE,
    ),
    instruments=INSTRUMENTS,
)
_VENUES = {"bitmart": BITMART, "kraken": KRAKEN, "okx": OKX, "bybit": BYBIT, "bitget": BITGET}


def venues() -> tuple[str, ...]:
    """The names of the venues that there are: what `venue=` takes everywhere.

    >>> bb.venues()[:2]
    ('bitmart', 'kraken')
    """
    return tuple(_VENUES)


def find_venue(venue: object) -> Venue:
    """The venue, or the several ones in one, that is meant: a name, a `Venue`, a tuple of these,
    or None for BitMart. UsageError for any other, which names what there is."""
    if venue is None:
        return BITMART
    if isinstance(venue, Venue):
        return venue
    if isinstance(venue, str) and venue in _VENUES:
        return _VENUES[venue]
    if isinstance(venue, (tuple, list)) and venue:
        found = [profile for one in venue for profile in find_venue(one).profiles]
        several = Venue(profiles=tuple(found))
        if len({profile.endpoint for profile in found}) < len(found):
            raise UsageError(f"a venue is named twice: {', '.join(map(str, several.names))}")
        return several
    raise UsageError(f"no venue {venue!r}; there is: {', '.join(_VENUES)}")


def read_instruments(
    document: bytes | str | Mapping[str, Any] | list[Any], *, venue: str | Venue = "bitmart"
) -> Instruments:
    """Symbol to `Instrument`, of one of the venue's lists: its text, or what JSON made of it.

    A row that cannot be read costs its own symbol alone, which is named in `refused`:

        instruments = bb.read_instruments(text)
        for symbol, why in instruments.refused.items():
            print(f"{symbol}: {why}")

    `document` is what BitMart's `GET /spot/v1/symbols/details` and `GET /contract/public/details`
    answer; Kraken's snapshot of the channel `instrument`; OKX's `GET /api/v5/public/instruments`;
    Bybit's `GET /v5/market/instruments-info`; Bitget's `GET /api/v2/spot/public/symbols` and
    `GET /api/v2/mix/market/contracts`. Raises MessageError for any other document, and where
    no row at all can be read.

    >>> row = {"symbol": "BTC_USDT", "base_currency": "BTC", "quote_currency": "USDT"}
    >>> row |= {"price_max_precision": 2, "quote_increment": "0.00001", "trade_status": "trading"}
    >>> bb.read_instruments({"code": 1000, "data": {"symbols": [row]}})["BTC_USDT"].tick
    Decimal('0.01')
    """
    reader = find_venue(venue).instruments
    if reader is None:
        raise UsageError(f"there is no reader of the lists of symbols of {venue!r}")
    return reader.instruments(document)
