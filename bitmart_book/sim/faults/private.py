"""Faults of what is told of an account, and of public trades and tickers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from bitmart_book.sim.faults.frames import Seen
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]

# Ten minutes.
AHEAD_MS = 600_000
_STAMPED = re.compile(r'("(?:update_time|event_time|ms_t|updatedTime|creationTime)":"?)(\d{13})')
_ID = re.compile(r'"detail_id":"(\d+)"')
# A field of a push, and what the venue may write there one day.
_FIELDS = (
    (re.compile(r'"dealFee":"[^"]*"'), '"dealFee":"0.001 BMX"'),
    (re.compile(r'"fillQty":"[^"]*"'), '"fillQty":""'),
    (re.compile(r'"update_time":"?\d+"?'), '"update_time":"2026-01-01T00:00:00Z"'),
    (re.compile(r'"create_time":"?\d+"?'), '"create_time":1787000000.25'),
    (re.compile(r'"hold_volume":"[^"]*"'), '"hold_volume":""'),
    (re.compile(r'"filled_size":"[^"]*"'), '"filled_size":"-1"'),
    (re.compile(r'"av_bal":"[^"]*"'), '"av_bal":"none"'),
    (re.compile(r'"leverage":"[^"]*"'), '"leverage":"ten"'),
    # Bybit's.
    (re.compile(r'"execFee":"[^"]*"'), '"execFee":"0.001 USDT"'),
    (re.compile(r'"execPrice":"[^"]*"'), '"execPrice":""'),
    (re.compile(r'"execType":"[^"]*"'), '"execType":"Surprise"'),
    (re.compile(r'"updatedTime":"\d+"'), '"updatedTime":"2026-01-01T00:00:00Z"'),
    (re.compile(r'"cumExecQty":"[^"]*"'), '"cumExecQty":"-1"'),
    (re.compile(r'"avgPrice":"[^"]*"'), '"avgPrice":"ten"'),
    (re.compile(r'"size":"[^"]*"'), '"size":""'),
    (re.compile(r'"walletBalance":"[^"]*"'), '"walletBalance":"none"'),
)
_ENDS = r'"order_state":"(?:filled|canceled|partially_canceled)"'
_BYBIT_ENDS = r'"orderStatus":"(?:Filled|Cancelled|PartiallyFilledCanceled)"'
_LAST_WORDS = (
    (re.compile(_ENDS), '"order_state":"expired"'),
    (re.compile(r'"state":4(?=[,}])'), '"state":5'),
    (re.compile(_BYBIT_ENDS), '"orderStatus":"Expired"'),
)
_ORDERS = ("spot/user/orders", "futures/order", "bybit-private/order")

Change = Callable[[Network, Seen], list[str | bytes] | None]


def _next(wants: Callable[[Seen], bool], change: Change) -> Callable[[Network, Word], None]:
    """The next push of some kind becomes another one."""

    def begin(net: Network, word: Word) -> None:
        net.filters.once(word, wants, lambda seen: change(net, seen))

    return begin


def _is_private(seen: Seen) -> bool:
    return seen.is_private


def _is_trade(seen: Seen) -> bool:
    return seen.topic.startswith(("spot/trade", "futures/trade"))


def bad_field(net: Network, seen: Seen) -> list[str | bytes] | None:
    found = [(field, other) for field, other in _FIELDS if field.search(seen.text)]
    if not found:
        return None
    field, other = net.rng.choice(found)
    return [seen.like(field.sub(other, seen.text, count=1))]


def cut(net: Network, seen: Seen) -> list[str | bytes] | None:
    return [seen.like(seen.text[: net.rng.randrange(len(seen.text) // 2, len(seen.text))])]


def stamped_ahead(net: Network, seen: Seen) -> list[str | bytes] | None:
    del net
    text, count = _STAMPED.subn(lambda stamp: f"{stamp[1]}{int(stamp[2]) + AHEAD_MS}", seen.text)
    return [seen.like(text)] if count else None


def id_later(net: Network, seen: Seen) -> list[str | bytes] | None:
    del net
    text, count = _ID.subn('"detail_id":""', seen.text)
    return [seen.like(text), seen.payload] if count else None


def last_word(net: Network, seen: Seen) -> list[str | bytes] | None:
    del net
    for word, other in _LAST_WORDS:
        text, count = word.subn(other, seen.text)
        if count and seen.topic.partition(":")[0] in _ORDERS:
            return [seen.like(text)]
    return None


def bad_trade(net: Network, seen: Seen) -> list[str | bytes] | None:
    name = "price" if seen.topic.startswith("spot") else "deal_price"
    if net.rng.random() < 0.5:
        return cut(net, seen)
    return [seen.like(re.sub(rf'"{name}":"[^"]*"', f'"{name}":"x"', seen.text, count=1))]


def old_trade(net: Network, seen: Seen) -> list[str | bytes] | None:
    """As recorded in 2023: without the sides of its parties."""
    del net
    frame = json.loads(seen.text)
    for row in frame["data"]:
        row.pop("way", None)
        row.pop("m", None)
    return [seen.like(json.dumps(frame, separators=(",", ":")))]


def bad_ticker(net: Network, seen: Seen) -> list[str | bytes] | None:
    del net
    return [seen.like(re.sub(r'"high_24h":"[^"]*"', '"high_24h":"NaN"', seen.text, count=1))]


KINDS: dict[str, Kind] = {
    "badfield": Kind(
        _next(_is_private, bad_field),
        (92,),
        3.0,
        0.1,
        0.0,
        "a field of a private push is unreadable",
    ),
    "cutprivate": Kind(
        _next(_is_private, cut), (92,), 3.0, 0.06, 0.0, "a private push is cut short"
    ),
    "ahead": Kind(
        _next(_is_private, stamped_ahead), (94,), 2.0, 0.06, 0.0, "a private push is of the future"
    ),
    "idlater": Kind(
        _next(_is_private, id_later),
        (95,),
        3.0,
        0.1,
        0.0,
        "a fill comes without its id, then with it",
    ),
    "lastword": Kind(
        _next(_is_private, last_word), (96,), 2.0, 0.06, 0.0, "an order ends in an unknown word"
    ),
    "badtrade": Kind(
        _next(_is_trade, bad_trade), (93,), 3.0, 0.1, 0.0, "a public trade is unreadable"
    ),
    "oldtrade": Kind(
        _next(lambda seen: seen.topic.startswith("futures/trade"), old_trade),
        (93,),
        3.0,
        0.08,
        0.0,
        "a public trade without the sides of its parties",
    ),
    "badticker": Kind(
        _next(lambda seen: seen.topic.startswith("spot/ticker"), bad_ticker),
        (93,),
        3.0,
        0.08,
        0.0,
        "a number of a ticker is none",
    ),
}
