"""Faults of snapshots: unasked for, late, from a cache, kept away."""

from __future__ import annotations

from bitmart_book.sim.exchange import Send
from bitmart_book.sim.faults.frames import Seen, book_of
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network
from bitmart_book.sim.faults.order import HELD_SECONDS

__all__ = ["KINDS"]


def unasked(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word)
    if symbol is None:
        return

    def tell() -> None:
        net.exchange.markets.tell_snapshot(symbol)

    if net.rng.random() < 0.5:
        net.log.count(word.name, book_of(symbol))
        tell()
    else:
        # A newer one: it brings what the lost update would have brought.
        net.filters.lose_update(word, symbol, then=lambda: net.at(net.now, tell))


def late_snapshot(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word)
    if symbol is None:
        return
    text = net.exchange.markets.snapshot(symbol)
    connections = net.exchange.markets.subscribed()[symbol]

    def arrive() -> None:
        for connection in connections:
            if connection in net.wires.lines:
                net.wires.arrive(Send(connection, text))
                net.log.count(word.name, book_of(symbol))

    net.at(net.now + net.rng.uniform(0.2, max(0.2, net.seconds(word))), arrive)


def late_reply(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word)
    if symbol is None:
        return
    seconds = net.seconds(word)

    def late(seen: Seen) -> list[str | bytes]:
        wait = net.rng.uniform(0.2, max(0.2, seconds))
        send = Send(seen.connection, seen.payload)
        net.log.acts.add(word.name, seen.place, net.now, net.now + wait)
        net.at(net.now + wait, lambda: net.wires.arrive(send))
        return []

    def then() -> None:
        net.filters.once(
            word, lambda seen: seen.is_snapshot and seen.symbol == symbol, late, count=False
        )

    net.filters.lose_update(word, symbol, then)


def old_snapshots(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word)
    if symbol is None:
        return
    cached = net.exchange.markets.snapshot(symbol)

    def act(seen: Seen) -> list[str | bytes] | None:
        if not (seen.is_snapshot and seen.symbol == symbol):
            return None
        net.log.acts.add(word.name, seen.place, net.now, net.now)
        return [cached]

    net.filters.add(act, net.seconds(word))
    net.filters.lose_update(word, symbol)


def early(net: Network, word: Word) -> None:
    """Each book of the next connection gets its snapshot a few updates late."""
    before = set(net.wires.lines)
    held: dict[tuple[int, str], tuple[str | bytes, int]] = {}

    def act(seen: Seen) -> list[str | bytes] | None:
        key = (seen.connection, seen.symbol)
        if seen.is_snapshot and seen.connection not in before and key not in held:
            held[key] = (seen.payload, net.rng.randint(1, 3))
            net.log.count(word.name, seen.place)
            net.at(net.now + HELD_SECONDS, lambda: let_go(key))
            return []
        if seen.is_update and key in held:
            payload, left = held[key]
            held[key] = (payload, left - 1)
            if left == 1:
                return [seen.payload, payload]
        return None

    def let_go(key: tuple[int, str]) -> None:
        payload, left = held[key]
        held[key] = (payload, 0)
        if left > 0:
            net.wires.arrive(Send(key[0], payload))

    def ends() -> None:
        for key in list(held):
            let_go(key)

    if net.reset_some_line():
        net.filters.add(act, 10.0, ends=ends)


def overflow(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word)
    if symbol is None:
        return
    seconds = net.seconds(word)

    def act(seen: Seen) -> list[str | bytes] | None:
        return [] if seen.is_snapshot and seen.symbol == symbol else None

    def burst() -> None:
        if (
            not net.exchange.markets.is_paused(symbol)
            and symbol in net.exchange.markets.subscribed()
        ):
            for _ in range(110):
                net.exchange.markets.tell_nothing(symbol)

    def then() -> None:
        net.filters.add(act, seconds)
        for part in range(10):
            net.at(net.now + seconds * (part + 1) / 12, burst)

    net.filters.lose_update(word, symbol, then)


KINDS: dict[str, Kind] = {
    "snap": Kind(unasked, (11,), 10.0, 0.6, 0.0, "a snapshot that nobody asked for"),
    "latesnap": Kind(late_snapshot, (12,), 6.0, 0.5, 2.0, "an older snapshot comes late"),
    "latereply": Kind(late_reply, (8, 12), 3.0, 0.1, 2.0, "the answer to a request is slow"),
    "oldsnap": Kind(old_snapshots, (9,), 2.0, 0.1, 3.0, "requests are answered from a cache"),
    "early": Kind(early, (8,), 1.0, 0.02, 0.0, "after subscribing, updates precede the snapshot"),
    "overflow": Kind(overflow, (10,), 0.5, 0.05, 3.0, "1,100 updates while no snapshot comes"),
}
