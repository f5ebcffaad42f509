"""Faults of snapshots that are not what they seem: from a cache, cut short, empty, far ahead; and
of counters that pass a number twice."""

from __future__ import annotations

import re

from bitmart_book.sim.faults import damage
from bitmart_book.sim.faults.filters import PATIENCE, nothing, updates_of
from bitmart_book.sim.faults.frames import Seen, book_of
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]

_VERSION = re.compile(r'"version":\d+')
# How old what a cache answers can be.
OLDEST = 20.0
# A counter that jumps goes so far.
JUMP = 1_000_000
# Of a reply that is cut short so many levels a side are left.
SHORT = 50


def _instead(net: Network, word: Word, symbol: str, reply: str, seconds: float) -> None:
    """For so long every snapshot of a symbol is another one, on the connections that there are.

    On a new one nobody could tell an old snapshot from that of a counter that restarted.
    """
    connections = set(net.wires.lines)

    def act(seen: Seen) -> list[str | bytes] | None:
        if not (seen.is_snapshot and seen.symbol == symbol and seen.connection in connections):
            return None
        net.log.acts.add(word.name, seen.place, net.now, net.now)
        return [seen.like(reply)]

    net.filters.add(act, seconds)


def old_reply(net: Network, word: Word) -> None:
    """An update is unreadable or crosses the book, and the reply is older than what was shown."""
    symbol = net.markets.symbol(word)
    if symbol is None:
        return
    cached, version = net.exchange.markets.snapshot(symbol), net.exchange.markets.version(symbol)
    seconds = net.seconds(word)

    def spoil() -> None:
        def spoiled(seen: Seen) -> list[str | bytes] | None:
            make = net.rng.choice((damage.crossed, damage.not_a_number, damage.negative_size))
            if make is damage.crossed and not net.exchange.markets.is_two_sided(symbol):
                return None
            frame = make(damage.Pushed(seen.text), net.rng)
            # If the counter has restarted since, nobody could tell that the reply is older.
            if frame is None or net.exchange.markets.version(symbol) < version:
                return None
            _instead(net, word, symbol, cached, seconds)
            return [seen.like(frame)]

        net.filters.once(word, updates_of(symbol), spoiled)

    net.at(net.now + net.rng.uniform(1.0, OLDEST), spoil)


def old_count(net: Network, word: Word) -> None:
    """A counter restarts, and replies go on coming from a cache of the time before."""
    symbol = net.markets.symbol(word)
    if symbol is None or net.exchange.markets.version(symbol) < 2 * JUMP // 10:
        return
    _instead(net, word, symbol, net.exchange.markets.snapshot(symbol), net.seconds(word))
    net.exchange.markets.restart(symbol, net.rng.randint(2, 100_000))
    net.log.count(word.name, book_of(symbol), net.now + net.seconds(word))


def jump(net: Network, word: Word) -> None:
    """A reply has the present book under a number far ahead; updates go on from where they were."""
    symbol = net.markets.symbol(word)
    if symbol is None:
        return

    def becomes(seen: Seen) -> list[str | bytes] | None:
        ahead = seen.version + JUMP
        net.exchange.spot.publisher(symbol).glimpses.renumber(ahead, net.now)
        return [seen.like(_VERSION.sub(f'"version":{ahead}', seen.text))]

    net.filters.once(word, lambda seen: seen.is_snapshot and seen.symbol == symbol, becomes)
    net.exchange.markets.tell_snapshot(symbol)


def same_number(net: Network, word: Word) -> None:
    """Two updates that differ have one number."""
    symbol = net.markets.symbol(word)
    if symbol is not None:
        net.exchange.spot.publisher(symbol).repeat_number()
        net.log.count(word.name, book_of(symbol))


def restart_near(net: Network, word: Word) -> None:
    """A counter restarts a few numbers below, and passes them again."""
    symbol = net.markets.symbol(word)
    if symbol is not None and net.exchange.markets.version(symbol) > 100:
        net.exchange.markets.restart(
            symbol, net.exchange.markets.version(symbol) - net.rng.randint(1, 20)
        )
        net.log.count(word.name, book_of(symbol))


def _upper_half(seen: Seen) -> list[str | bytes] | None:
    push = damage.Pushed(seen.text)
    if min(len(rows) for rows in push.rows.values()) <= SHORT:
        return None
    for side in damage.SIDES:
        push.rows[side] = push.rows[side][:SHORT]
    return [seen.like(push.written())]


def short_unasked(net: Network, word: Word) -> None:
    """A snapshot that nobody has asked for lacks the deeper half of the book.

    Not the one that a subscription begins with: of that nobody can tell.
    """
    symbol = net.markets.symbol(word)
    if symbol is None or net.exchange.knobs.late_snapshots:
        return
    begun = set(net.exchange.markets.subscribed()[symbol])

    def anew(connection: int, text: str) -> list[str] | None:
        if "subscribe" in text and f':{symbol}"' in text:
            begun.discard(connection)
        return None

    net.filters.hear(anew)
    net.filters.once(
        word,
        lambda seen: seen.is_snapshot and seen.symbol == symbol and seen.connection in begun,
        _upper_half,
    )
    net.exchange.markets.tell_snapshot(symbol)


def short(net: Network, word: Word) -> None:
    """A reply that somebody has asked for lacks the deeper half of the book.

    If another fault has taken that reply's place, what comes next may be what a subscription begins
    with: of that nobody can tell.
    """
    symbol = net.markets.symbol(word)
    if symbol is None:
        return
    asked: set[int] = set()

    def hear(connection: int, text: str) -> list[str] | None:
        if f':{symbol}"' not in text:
            return None
        if '"request"' in text:
            asked.add(connection)
        elif '"subscribe"' in text:
            asked.discard(connection)
        return None

    net.filters.hear(hear, 2 * PATIENCE)
    net.filters.once(
        word,
        lambda seen: seen.is_snapshot and seen.symbol == symbol and seen.connection in asked,
        _upper_half,
    )
    net.filters.once(word, updates_of(symbol), nothing, count=False)


def empty_twice(net: Network, word: Word) -> None:
    """Two snapshots in a row are empty while updates tell of levels between them."""
    symbol = net.markets.symbol(word)
    if symbol is None or not net.markets.may_be_empty(symbol):
        return
    told: dict[int, bool] = {}
    """Whether a connection has heard of levels since its first empty snapshot."""

    def act(seen: Seen) -> list[str | bytes] | None:
        if seen.symbol != symbol:
            return None
        if seen.is_snapshot and told.get(seen.connection, True):
            if told.pop(seen.connection, False):
                net.filters.drop(entry)
            else:
                told[seen.connection] = False
            net.log.count(word.name, seen.place)
            push = damage.Pushed(seen.text)
            return [seen.like(damage.emptied(push, net.rng))]
        if seen.is_update and seen.connection in told:
            sizes = [size for side in damage.Pushed(seen.text).rows.values() for _, size in side]
            told[seen.connection] |= any(float(size.strip('"')) > 0 for size in sizes)
        return None

    entry = net.filters.add(act, net.seconds(word), first=True)
    if word.name == "firstempty":
        connections = net.exchange.markets.subscribed()[symbol]
        net.wires.cut(net.rng.choice(connections))
    else:
        net.filters.lose_update(word, symbol)


KINDS: dict[str, Kind] = {
    "oldreply": Kind(
        old_reply, (98,), 1.0, 0.1, 5.0, "replies are older than what was shown, and nothing is due"
    ),
    "oldcount": Kind(
        old_count, (98,), 0.5, 0.06, 8.0, "versions start anew, replies come from before that"
    ),
    "jump": Kind(jump, (67,), 1.0, 0.06, 0.0, "a reply has a version far ahead of the updates"),
    "samenumber": Kind(
        same_number, (100,), 2.0, 0.1, 0.0, "two updates that differ have one version"
    ),
    "restartnear": Kind(restart_near, (100,), 1.0, 0.06, 0.0, "versions start anew just below"),
    "shortreply": Kind(short, (101,), 2.0, 0.1, 0.0, "a reply lacks the deeper half of the book"),
    "shortsnap": Kind(
        short_unasked, (101,), 2.0, 0.1, 0.0, "an unasked snapshot lacks the deeper half"
    ),
    "emptytwice": Kind(
        empty_twice, (22,), 0.5, 0.06, 10.0, "two replies in a row are empty while updates flow"
    ),
    "firstempty": Kind(
        empty_twice, (22,), 0.5, 0.03, 10.0, "the first snapshots are empty while updates flow"
    ),
}
