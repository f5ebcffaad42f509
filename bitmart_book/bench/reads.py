"""What a read of a book costs, beside the emptiest getter there is and beside other books.

A statement is repeated in one line of code, so that the loop around it does not count.
"""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Sequence
from itertools import chain, islice
from time import thread_time
from typing import Any, NamedTuple

import numpy as np

import bitmart_book as bb
from bitmart_book.bench.contenders import Sorted
from bitmart_book.bench.frames import Market, spot_frame
from bitmart_book.bench.peers import Ccxt, Nautilus, OrderBook
from bitmart_book.bench.race import Disagreement, Timing

__all__ = [
    "EMPTY",
    "PART_READS",
    "Statement",
    "depth_reads",
    "live_book",
    "part_reads",
    "time_statements",
    "top_reads",
]

EMPTY = "an empty getter (int.real)"
DEPTH = 20
# Reads that look at a few levels, and how they are called.
PART_READS = {
    "sweep(size=2)": 'book.sweep("ask", size=2)',
    "size_within": 'book.size_within("bid", 1)',
    "depth(5, exact=True)": "book.depth(5, exact=True)",
    "grouped(n=5)": 'book.grouped("0.1", 5)',
}


class Statement(NamedTuple):
    """What is timed: Python source over the names in `scope`."""

    name: str
    source: str
    scope: dict[str, Any]
    repeated: int = 50


def time_statements(statements: Sequence[Statement], *, passes: int, calls: int) -> list[Timing]:
    """Seconds a call: the statements in turn, `passes` times after one pass to warm up.

    A pass makes about `calls` calls of each.
    """
    timers = [
        timeit.Timer("; ".join([one.source] * one.repeated), timer=thread_time, globals=one.scope)
        for one in statements
    ]
    rounds = [max(1, calls // one.repeated) for one in statements]
    times: list[list[float]] = [[] for _ in statements]
    for number in range(passes + 1):
        for one, timer, often, mine in zip(statements, timers, rounds, times, strict=True):
            took = timer.timeit(often)
            if number > 0:
                mine.append(took / (often * one.repeated))
    return [
        Timing(one.name, min(mine), statistics.median(mine))
        for one, mine in zip(statements, times, strict=True)
    ]


def live_book(levels: int, updates: int, seed: int, **options: Any) -> bb.Book:
    """A book of so many levels a side that has seen so many updates."""
    market = Market("BTC_USDT", seed, levels=levels)
    engine = bb.Engine(**options)
    for message in market.opening():
        engine.apply(spot_frame(message))
    for _ in range(updates):
        engine.apply(spot_frame(market.update()))
    book = engine["BTC_USDT"]
    book.check()
    return book


def top_reads(sizes: Sequence[int], uptime: int, seed: int, here: Sequence[str]) -> list[Statement]:
    """Reads of the top: of books of so many levels, of one that has been up for `uptime` frames,
    of one with a clock, and of the other libraries' books."""
    statements = [Statement(EMPTY, "x.real", {"x": 7})]
    usual = {"book": live_book(100, 100, seed)}
    statements += [
        Statement(read, f"book.{read}", usual)
        for read in ("best_bid_price", "best_bid", "quote", "mid")
    ]
    for read in ("best_bid_price", "best_bid", "quote"):
        for size in sizes:
            scope = {"book": live_book(size, 0, seed)}
            statements.append(Statement(f"{read}, {size:,} levels", f"book.{read}", scope))
        scope = {"book": live_book(100, uptime, seed)}
        statements.append(Statement(f"{read}, after {uptime:,} frames", f"book.{read}", scope))
    clocked = {"book": live_book(100, 100, seed, clock="monotonic", valid_for=86_400.0)}
    statements += [
        Statement(f"{read}, with a deadline", f"book.{read}", clocked)
        for read in ("best_bid_price", "best_bid", "quote")
    ]
    snapshot = [spot_frame(Market("BTC_USDT", seed).snapshot())]
    ordered = Sorted()
    ordered.frames(snapshot)
    scope_of_sorted = {"prices": ordered.books["BTC_USDT"][2]}
    statements.append(Statement("sortedcontainers: best bid", "-prices[0]", scope_of_sorted))
    for package, kind, read in (
        ("order-book", OrderBook, "book.bids.index(0)[0]"),
        ("nautilus_trader", Nautilus, "book.best_bid_price()"),
        ("ccxt", Ccxt, "book['bids'][0][0]"),
    ):
        if package in here:
            peer = kind()
            peer.frames(snapshot)
            scope = {"book": peer.books["BTC_USDT"]}
            statements.append(Statement(f"{package}: best bid", read, scope))
    return statements


def part_reads(sizes: Sequence[int], seed: int) -> list[Statement]:
    """Reads of a few levels, of books of so many: they should cost what they look at."""
    books = [(size, live_book(size, 0, seed)) for size in sizes]
    return [
        Statement(f"{read}, {size:,} levels", source, {"book": book}, 10)
        for read, source in PART_READS.items()
        for size, book in books
    ]


def depth_reads(seed: int, here: Sequence[str]) -> list[Statement]:
    """The best 20 levels of both sides as float64 arrays of shape (20, 2).

    Of several ways that a library offers each is a contender. Raises Disagreement.
    """
    snapshot = [spot_frame(Market("BTC_USDT", seed).snapshot())]
    engine = bb.Engine()
    engine.apply(snapshot[0])
    out = np.empty((DEPTH, 2)), np.empty((DEPTH, 2))
    ours = {"book": engine["BTC_USDT"], "out": out, "n": DEPTH}
    statements = [
        Statement("depth(20, out=...)", "book.depth(n, out=out)", ours, 10),
        Statement("depth(20)", "book.depth(n)", ours, 10),
    ]
    tools: dict[str, Any] = {
        "array": np.array,
        "fromiter": np.fromiter,
        "chain": chain.from_iterable,
    }
    tools |= {"islice": islice, "n": DEPTH, "float64": np.float64}
    ordered = Sorted()
    ordered.frames(snapshot)
    bids, asks, _, _ = ordered.books["BTC_USDT"]
    # Bids by negated price: one multiplication of the array.
    negative = np.array([-1.0, 1.0])
    scope = {"bids": bids, "asks": asks, "negative": negative} | tools
    ways = {
        "sortedcontainers: slice of items()": (
            "(array(bids.items()[:n]) * negative, array(asks.items()[:n]))",
            scope,
        ),
        "sortedcontainers: islice of items()": (
            "(fromiter(chain(islice(bids.items(), n)), float64, 2 * n).reshape(n, 2) * negative,"
            " fromiter(chain(islice(asks.items(), n)), float64, 2 * n).reshape(n, 2))",
            scope,
        ),
    }
    if "order-book" in here:
        peer = OrderBook()
        peer.frames(snapshot)
        book = peer.books["BTC_USDT"]
        scope = {"bids": book.bids, "asks": book.asks} | tools
        ways |= {
            "order-book: slice of to_list()": (
                "(array(bids.to_list()[:n]), array(asks.to_list()[:n]))",
                scope,
            ),
            "order-book: islice of items()": (
                "(fromiter(chain(islice(bids.items(), n)), float64, 2 * n).reshape(n, 2),"
                " fromiter(chain(islice(asks.items(), n)), float64, 2 * n).reshape(n, 2))",
                scope,
            ),
            "order-book: index()": (
                "(array([bids.index(i) for i in range(n)]),"
                " array([asks.index(i) for i in range(n)]))",
                scope,
            ),
        }
    if "ccxt" in here:
        other = Ccxt()
        other.frames(snapshot)
        book = other.books["BTC_USDT"]
        scope = {"bids": book["bids"], "asks": book["asks"]} | tools
        ways["ccxt: slice"] = ("(array(bids[:n]), array(asks[:n]))", scope)
    if "nautilus_trader" in here:
        third = Nautilus()
        third.frames(snapshot)
        scope = {"book": third.books["BTC_USDT"]} | tools
        ways["nautilus_trader: levels"] = (
            "(array([(float(x.price), x.size()) for x in book.bids()[:n]]),"
            " array([(float(x.price), x.size()) for x in book.asks()[:n]]))",
            scope,
        )
    statements += [Statement(name, source, scope, 1) for name, (source, scope) in ways.items()]
    _compare_depths(statements)
    return statements


def _compare_depths(statements: Sequence[Statement]) -> None:
    eval(statements[0].source, dict(statements[0].scope))
    right = statements[0].scope["out"]
    for one in statements[1:]:
        found = eval(one.source, dict(one.scope))
        for mine, theirs in zip(found, right, strict=True):
            # Not to the last bit: one of the libraries rounds in its own way.
            if not np.allclose(mine, theirs, rtol=1e-12, atol=0):
                raise Disagreement(f"{one.name} reads other levels than {statements[0].name}")
