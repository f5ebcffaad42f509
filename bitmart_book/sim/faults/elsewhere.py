"""Faults that only other venues can notice, and the last update before a long silence."""

from __future__ import annotations

from bitmart_book.sim.faults import damage
from bitmart_book.sim.faults.filters import PATIENCE
from bitmart_book.sim.faults.frames import Seen, book_of
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS", "SHARES"]

SHARES: dict[float, tuple[str, ...]] = {
    1.2: ("gap",),
    0.5: ("dup", "old", "reorder", "batch", "slide", "shuffle", "twice", "absent", "table"),
    0.2: ("heartbeat", "empty", "restart", "nan", "digits", "negative", "cross", "fields", "data"),
    0.1: ("big", "rubbish", "deflate", "unknown", "misspell", "shufflesnap", "twicesnap",
          "crosssnap", "negativesnap", "nosidesnap"),
    0.06: ("emptysnap", "onesided", "drain", "pause", "mute", "stuck", "pongs", "nobody", "queue",
           "queuestep", "jitter"),
    0.04: ("silence", "freeze", "lag", "late", "latedata", "nopong", "lostsub", "ackonly",
           "lostack", "wrongack", "bomb", "oversize", "reset", "close", "clockstep", "drift"),
    0.02: ("blackhole", "slam", "outage", "split"),
}  # fmt: skip
"""Which of BitMart's faults act there too, and with what weight."""


def last(net: Network, word: Word) -> None:
    """An update is lost, on one connection or on all; then the market stands still, for so long
    that no next update shows it."""
    symbol = net.markets.symbol(word, anywhere=True)
    if symbol is None:
        return
    only = net.rng.choice((None, net.rng.choice(net.exchange.markets.subscribed()[symbol])))
    seconds, moment = net.seconds(word), -1.0

    def lose(seen: Seen) -> list[str | bytes] | None:
        nonlocal moment
        if seen.symbol != symbol or not seen.is_update or only not in (None, seen.connection):
            return None
        if moment < 0 and seen.levels:
            moment = net.now
            net.markets.stand_still(symbol, seconds)
            net.log.count(word.name, book_of(symbol), net.now + seconds)
        # What was said in the same moment is lost with it: nothing may follow.
        return [] if net.now == moment else None

    net.filters.add(lose, PATIENCE)


def altered(net: Network, word: Word) -> None:
    """A digit of a price or size is another one, or the checksum says so of all of them: where
    there is a checksum, and nowhere else, that can be noticed."""

    def becomes(seen: Seen) -> list[str | bytes] | None:
        shape = seen.shape
        if shape is None or shape.number != "checksum":
            return None
        push = damage.PushedElsewhere(seen.text, shape)
        if word.name == "checksum":
            push.fields["checksum"] = net.rng.choice(("0", "1", "null"))
            return [push.written()]
        side, place = net.rng.choice(push.places())
        price, size = push.rows[side][place]
        if net.rng.random() < 0.5:
            push.rows[side][place] = damage.other_digit(price, net.rng), size
        else:
            push.rows[side][place] = price, damage.other_digit(size, net.rng)
        return [push.written()]

    net.filters.once(
        word,
        lambda seen: seen.is_update and seen.levels and word.symbol in (None, seen.symbol),
        becomes,
    )


KINDS: dict[str, Kind] = {
    "last": Kind(last, (), 0.5, 0.06, 180.0, "an update is lost before minutes of silence"),
    "digit": Kind(altered, (), 3.0, 0.5, 0.0, "a digit of an update is another (checksums only)"),
    "checksum": Kind(altered, (), 2.0, 0.2, 0.0, "an update has a wrong checksum, 0, or none"),
}
