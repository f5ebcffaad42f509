"""Every public read of a book, and how its answer is compared: `READS` and `WRITES` are all names.

A read that is not here makes tests/book/test_moments.py fail.
"""

import re
from decimal import Decimal

import numpy as np

# And what shows nothing, but says what is to be told.
WRITES = {"apply", "apply_snapshot", "apply_delta", "clear", "when"}


class OddDecimal(Decimal):
    """A number that runs Python code when it is looked at."""

    def is_finite(self):
        return super().is_finite()

    def __str__(self):
        return super().__str__()


class OddInt(int):
    def __lt__(self, other):
        return int(self) < other

    def __index__(self):
        return int(self)


class OddArray(np.ndarray):
    """No plain array: its buffer has to be asked for."""


def level(value):
    return value and value.exact


def levels(value):
    return [one.exact for one in value]


def exact_depth(depth):
    return depth.bids, depth.asks, depth.complete


def depth(value):
    return value.bids.tolist(), value.asks.tolist(), value.complete


def quote(value):
    return (
        value.exact, value.sequence, value.exchange_time_ms, value.receive_time_ns, value.age,
        value.state, value.epoch, value.skipped,
    )  # fmt: skip


def filled(kind=np.ndarray):
    out = tuple(np.full((6, 2), 7.0).view(kind) for _ in range(2))
    return out, lambda counts: (counts, *(repr(side.tolist()) for side in out))


def depth_into(kind):
    def read(book):
        out, look = filled(kind)
        counts = book.depth(5, out=out)
        return lambda: look(counts)

    return read


def guarded(book):
    with book.guard(max_age=1e9, max_spread_bps=9_999) as value:
        return value


def frozen(copy):
    assert copy._repr_html_() is not None
    return (
        repr(copy), copy.explain(), copy.state, copy.reason, copy.epoch, copy.sequence,
        copy.exchange_time_ms, copy.receive_time_ns, copy.confirmed_by, copy.stats,
        exact_depth(copy.depth(exact=True)), copy.complete_depth("bid"),
        copy.complete_depth("ask"), quote(copy.quote), depth(copy.grouped("0.5")),
    )  # fmt: skip


def swept(value):
    return repr(value), value.fills, value.next_price, value.exact


def timeless(text):
    """A text without the time of day at which it was made."""
    return re.sub(r"at \d\d:\d\d:\d\d\.\d UTC", "at a time", text)


def as_it_is(value):
    return value


# name: (variant, what is called, what of its answer is compared)
READS = {
    "symbol": [("", lambda book: book.symbol, as_it_is)],
    "market": [("", lambda book: book.market, as_it_is)],
    "channel": [("", lambda book: book.channel, as_it_is)],
    "unit": [("", lambda book: book.unit, as_it_is)],
    "venue": [("", lambda book: book.venue, as_it_is)],
    "proven_levels": [("", lambda book: book.proven_levels, as_it_is)],
    "state": [("", lambda book: book.state, as_it_is)],
    "reason": [("", lambda book: book.reason, as_it_is)],
    "epoch": [("", lambda book: book.epoch, as_it_is)],
    "sequence": [("", lambda book: book.sequence, as_it_is)],
    "confirmed_by": [("", lambda book: book.confirmed_by, as_it_is)],
    "valid_until": [("", lambda book: book.valid_until, as_it_is)],
    "exchange_time_ms": [("", lambda book: book.exchange_time_ms, as_it_is)],
    "receive_time_ns": [("", lambda book: book.receive_time_ns, as_it_is)],
    "last_trade": [("", lambda book: book.last_trade, as_it_is)],
    "last_change": [("", lambda book: book.last_change, as_it_is)],
    "stats": [("", lambda book: book.stats, as_it_is)],
    "best_bid": [("", lambda book: book.best_bid, level)],
    "best_ask": [("", lambda book: book.best_ask, level)],
    "best_bid_price": [("", lambda book: book.best_bid_price, as_it_is)],
    "best_ask_price": [("", lambda book: book.best_ask_price, as_it_is)],
    "best_bid_size": [("", lambda book: book.best_bid_size, as_it_is)],
    "best_ask_size": [("", lambda book: book.best_ask_size, as_it_is)],
    "quote": [("", lambda book: book.quote, quote)],
    "quote_in_any_state": [
        ("", lambda book: book.quote_in_any_state(), quote),
        ("odd", lambda book: book.quote_in_any_state(OddInt(2)), quote),
    ],
    "mid": [("", lambda book: book.mid, as_it_is)],
    "spread": [("", lambda book: book.spread, as_it_is)],
    "spread_bps": [("", lambda book: book.spread_bps, as_it_is)],
    "microprice": [("", lambda book: book.microprice, as_it_is)],
    "total_size": [
        ("all", lambda book: book.total_size("bid"), as_it_is),
        ("odd", lambda book: book.total_size("ask", OddInt(5)), as_it_is),
    ],
    "watched": [("", lambda book: book.watched, as_it_is)],
    "imbalance": [
        ("", lambda book: book.imbalance(), as_it_is),
        ("all", lambda book: book.imbalance(1_000), as_it_is),
        ("odd", lambda book: book.imbalance(OddInt(5)), as_it_is),
    ],
    "bids": [("", lambda book: book.bids, levels)],
    "asks": [("", lambda book: book.asks, levels)],
    "depth": [
        ("", lambda book: book.depth(), depth),
        ("few", lambda book: book.depth(OddInt(2)), depth),
        ("more", lambda book: book.depth(50), depth),
        ("exact", lambda book: book.depth(exact=True), exact_depth),
        ("exact few", lambda book: book.depth(2, exact=True), exact_depth),
        ("exact more", lambda book: book.depth(50, exact=True), exact_depth),
        ("out", depth_into(np.ndarray), lambda look: look()),
        ("odd out", depth_into(OddArray), lambda look: look()),
    ],
    "size_at": [
        ("bid", lambda book: book.size_at("bid", OddDecimal("99")), as_it_is),
        ("ask", lambda book: book.size_at("ask", "201.125"), as_it_is),
    ],
    "sweep": [
        ("size", lambda book: book.sweep("ask", size=50), repr),
        ("odd size", lambda book: book.sweep("bid", size=OddDecimal("2.5")), repr),
        ("notional", lambda book: book.sweep("ask", notional=OddDecimal("1234.5")), repr),
        ("too much", lambda book: book.sweep("bid", notional="1e15"), repr),
        ("limit", lambda book: book.sweep("ask", size=50, limit=OddDecimal("230")), swept),
        ("limit alone", lambda book: book.sweep("bid", limit=OddDecimal("90.5")), swept),
    ],
    "size_within": [
        ("bid", lambda book: book.size_within("bid", OddDecimal(200)), as_it_is),
        ("ask", lambda book: book.size_within("ask", 10_000), as_it_is),
        ("mid", lambda book: book.size_within("bid", OddDecimal(5_000), of="mid"), as_it_is),
    ],
    "grouped": [
        ("", lambda book: book.grouped("5"), depth),
        ("few", lambda book: book.grouped(OddDecimal("0.5"), OddInt(3)), depth),
        ("fine", lambda book: book.grouped("0.000003", 4), depth),
    ],
    "complete_depth": [
        ("bid", lambda book: book.complete_depth("bid"), as_it_is),
        ("ask", lambda book: book.complete_depth("ask"), as_it_is),
    ],
    "guard": [("", guarded, quote)],
    "explain": [("", lambda book: book.explain(), as_it_is)],
    "lag": [("", lambda book: book.lag, as_it_is)],
    "peek": [("", lambda book: book.peek(), frozen)],
    "net": [("nothing", lambda book: book.net(()), frozen)],
    "check": [("", lambda book: book.check(), as_it_is)],
    "__repr__": [("", repr, as_it_is)],
    "_repr_html_": [("", lambda book: book._repr_html_(), timeless)],
}
