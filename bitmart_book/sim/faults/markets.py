"""Faults of a market and its counter: restarts, sides that run empty, standstills."""

from __future__ import annotations

import math

from bitmart_book.sim.faults.frames import book_of
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]

# Between two restarts of a counter from the same number.
RESTARTS_APART = 60.0


def restart(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=True)
    if symbol is None:
        return
    if ":" in symbol:
        _restart_elsewhere(net, word, symbol)
        return
    version = net.exchange.markets.version(symbol)
    # Far from every number of late: a counter that restarts just below itself cannot be told
    # from lost updates, or from none; and not from the same number again while frames of the
    # time before may be under way.
    if version > 200_000:
        lower = net.rng.randint(2, version - 100_000)
        again = net.now < net.markets.began_at_one.get(symbol, -math.inf) + RESTARTS_APART
        version = lower if again else net.rng.choice((0, 1, lower))
        if version < 2:
            net.markets.began_at_one[symbol] = net.now
    else:
        version += net.rng.randint(1_000_000, 9_000_000)
    net.exchange.markets.restart(symbol, version)
    net.log.count(word.name, symbol)


def _restart_elsewhere(net: Network, word: Word, symbol: str) -> None:
    """Where messages are counted, they are counted anew, lower than ever before."""
    feed = net.exchange.markets.feed_for(symbol)
    if feed is not None and feed.counts:
        net.exchange.markets.restart(symbol, net.rng.randint(2, 1_000_000))
        net.log.count(word.name, book_of(symbol))


def slide(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=True)
    if symbol is not None and net.exchange.markets.is_two_sided(symbol):
        net.exchange.markets.take(symbol, net.rng.choice(("bid", "ask")), net.rng.randint(20, 90))
        net.log.count(word.name, symbol)


def one_sided(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=True)
    if symbol is None or not net.markets.may_be_empty(symbol):
        return
    side = net.rng.choice(("bid", "ask"))
    for taken in ("bid", "ask") if word.name == "drain" else (side,):
        net.exchange.markets.take(symbol, taken)
    net.log.count(word.name, symbol)
    net.markets.stand_still(symbol, net.seconds(word))


def pause(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=True)
    if symbol is not None:
        net.log.count(word.name, symbol)
        net.markets.stand_still(symbol, net.seconds(word))


KINDS: dict[str, Kind] = {
    "restart": Kind(restart, (13,), 3.0, 0.3, 0.0, "versions start anew, also from 1"),
    "slide": Kind(slide, (15,), 6.0, 0.4, 0.0, "many best levels go at once; unseen ones rise"),
    "onesided": Kind(one_sided, (23,), 2.0, 0.08, 5.0, "a side of the book is empty for a while"),
    "drain": Kind(one_sided, (22,), 1.0, 0.05, 5.0, "the book is empty for a while"),
    "pause": Kind(pause, (), 1.0, 0.05, 30.0, "a market stands still, without heartbeats"),
}
