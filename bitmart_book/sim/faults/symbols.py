"""Faults of one symbol among others: it falls silent, or only seems to live."""

from __future__ import annotations

from bitmart_book.sim.exchange import Send
from bitmart_book.sim.faults.frames import book_of, frozen_heartbeat
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]


def mute(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=True)
    if symbol is None:
        return
    only = net.rng.choice((None, net.rng.choice(net.exchange.markets.subscribed()[symbol])))
    net.filters.add(
        lambda seen: [] if seen.symbol == symbol and only in (None, seen.connection) else None,
        net.seconds(word),
        first=True,
    )
    net.log.count(word.name, book_of(symbol), net.now + net.seconds(word))


def stuck(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=True)
    if symbol is None:
        return
    # Elsewhere no heartbeat names a version that it would repeat.
    at_bitmart = ":" not in symbol
    heartbeat = frozen_heartbeat(net.exchange.markets.snapshot(symbol)) if at_bitmart else ""
    over = net.now + net.seconds(word)

    def beat() -> None:
        if net.now < over:
            for connection in net.exchange.markets.subscribed().get(symbol, ()):
                net.wires.arrive(Send(connection, heartbeat))
            net.at(net.now + 3.0, beat)

    net.filters.add(
        lambda seen: (
            [] if seen.is_update and seen.symbol == symbol and (at_bitmart or seen.levels) else None
        ),
        net.seconds(word),
        first=True,
    )
    net.log.count(word.name, book_of(symbol), over)
    if at_bitmart:
        net.at(net.now + 3.0, beat)


def pongs(net: Network, word: Word) -> None:
    net.while_on_a_line(word, lambda seen: not seen.is_pong)


KINDS: dict[str, Kind] = {
    "mute": Kind(mute, (36,), 1.0, 0.03, 20.0, "a symbol is silent while others flow"),
    "stuck": Kind(stuck, (37,), 0.5, 0.04, 40.0, "a symbol's heartbeats come, its changes not"),
    "pongs": Kind(pongs, (38,), 0.5, 0.035, 20.0, "a connection brings pongs and nothing else"),
}
