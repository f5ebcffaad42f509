"""Faults of the order of frames: updates lost, repeated, overtaken, joined."""

from __future__ import annotations

from collections.abc import Callable

from bitmart_book.sim.exchange import Send
from bitmart_book.sim.faults.filters import PATIENCE, nothing, updates_of
from bitmart_book.sim.faults.frames import Seen, book_of, merged
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["HELD_SECONDS", "KINDS"]

# How long a frame is held back for one that does not come.
HELD_SECONDS = 1.0


def gap(net: Network, word: Word) -> None:
    net.filters.once(word, updates_of(word.symbol), nothing)


def duplicate(net: Network, word: Word) -> None:
    net.filters.once(word, updates_of(word.symbol), lambda seen: [seen.payload, seen.payload])


def old(net: Network, word: Word) -> None:
    left = net.rng.randint(1, 5)

    def keep(seen: Seen) -> list[str | bytes]:
        kept = seen

        def again(later: Seen) -> list[str | bytes] | None:
            nonlocal left
            if not (later.is_update and kept.is_of(later)):
                return None
            left -= 1
            if left:
                return None
            net.filters.drop(entry)
            net.log.count(word.name, kept.place)
            return [later.payload, kept.payload]

        entry = net.filters.add(again, PATIENCE)
        return [seen.payload]

    net.filters.once(word, updates_of(word.symbol), keep, count=False)


def _hold(
    net: Network, word: Word, together: Callable[[Seen, Seen], list[str | bytes] | None]
) -> None:
    """Hold an update until another frame comes, and let both go in another form."""

    def hold(seen: Seen) -> list[str | bytes]:
        def meet(later: Seen) -> list[str | bytes] | None:
            frames = together(seen, later) if later.connection == seen.connection else None
            if frames is not None:
                net.filters.drop(entry)
                net.log.count(word.name, seen.place)
            return frames

        def alone() -> None:
            net.wires.arrive(Send(seen.connection, seen.payload))

        # First, so that nothing of the same symbol gets past what is held.
        entry = net.filters.add(meet, HELD_SECONDS, first=True, ends=alone)
        return []

    net.filters.once(word, updates_of(word.symbol), hold, count=False)


def reorder(net: Network, word: Word) -> None:
    _hold(
        net,
        word,
        lambda held, later: [later.payload, held.payload] if later.symbol == held.symbol else None,
    )


def batch(net: Network, word: Word) -> None:
    _hold(net, word, lambda held, later: merged(held, later) if later.is_update else None)


def heartbeat(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=True)
    feed = None if symbol is None else net.exchange.markets.feed_for(symbol)
    if symbol is not None and (feed is None or feed.repeats):
        net.exchange.markets.tell_again(symbol)
        net.log.count(word.name, book_of(symbol))


def empty(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=True)
    if symbol is not None:
        net.exchange.markets.tell_nothing(symbol)
        net.log.count(word.name, book_of(symbol))


KINDS: dict[str, Kind] = {
    "gap": Kind(gap, (1, 2, 3), 6.0, 1.2, 0.0, "an update is lost"),
    "dup": Kind(duplicate, (4,), 10.0, 0.7, 0.0, "an update comes twice"),
    "old": Kind(old, (7,), 10.0, 0.7, 0.0, "an update comes again after newer ones"),
    "reorder": Kind(reorder, (7,), 6.0, 0.6, 0.0, "an update is overtaken by the next one"),
    "batch": Kind(batch, (30,), 10.0, 0.7, 0.0, "two updates come in one frame"),
    "heartbeat": Kind(heartbeat, (5,), 10.0, 0.7, 0.0, "an empty update repeats the version"),
    "empty": Kind(empty, (6,), 10.0, 0.7, 0.0, "an empty update has the next version"),
}
