"""Faults of single frames: strange ones beside the book's own, and damaged ones."""

from __future__ import annotations

from collections.abc import Mapping

from bitmart_book.sim.faults import damage
from bitmart_book.sim.faults.filters import updates_of
from bitmart_book.sim.faults.frames import Seen, extra_frames
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Begin, Kind, Network

__all__ = ["KINDS"]


def beside(net: Network, word: Word) -> None:
    net.filters.once(
        word,
        updates_of(word.symbol),
        lambda seen: [seen.payload, extra_frames(word.name, seen, net.rng)],
    )


def _damaged(net: Network, word: Word, seen: Seen) -> list[str | bytes] | None:
    make, _ = (damage.MEANING_THE_SAME | damage.LOSING | damage.OF_SNAPSHOTS)[word.name]
    if make is damage.crossed and not net.exchange.markets.is_two_sided(seen.symbol):
        return None
    if seen.shape is None:
        frame = make(damage.Pushed(seen.text), net.rng)
    elif word.name in damage.ANYWHERE:
        frame = make(damage.PushedElsewhere(seen.text, seen.shape), net.rng)
    else:
        return None
    return None if frame is None else [seen.like(frame)]


def damage_update(net: Network, word: Word) -> None:
    net.filters.once(
        word,
        lambda seen: seen.is_update and word.symbol in (None, seen.symbol),
        lambda seen: _damaged(net, word, seen),
    )


def damage_snapshot(net: Network, word: Word) -> None:
    symbol = net.markets.symbol(word, anywhere=word.name in damage.ANYWHERE)
    if symbol is None or (word.name == "emptysnap" and not net.markets.may_be_empty(symbol)):
        return
    net.filters.once(
        word,
        lambda seen: seen.is_snapshot and seen.symbol == symbol,
        lambda seen: _damaged(net, word, seen),
    )
    net.exchange.markets.tell_snapshot(symbol)


def _each(
    table: Mapping[str, tuple[damage.Damage, tuple[int, ...]]],
    begin: Begin,
    per_minute: float,
    share: float,
    shares: Mapping[str, float],
) -> dict[str, Kind]:
    """A kind for each way to damage a frame; the way says what it is."""
    return {
        name: Kind(
            begin,
            rows,
            per_minute,
            shares.get(name, share),
            0.0,
            " ".join((make.__doc__ or "").split()),
        )
        for name, (make, rows) in table.items()
    }


KINDS: dict[str, Kind] = {
    "unknown": Kind(beside, (29,), 6.0, 0.4, 0.0, "a frame of an unknown table or symbol"),
    "misspell": Kind(beside, (33,), 3.0, 0.1, 0.0, "a frame of a symbol spelled otherwise"),
    **_each(damage.MEANING_THE_SAME, damage_update, 8.0, 0.7, {"big": 0.1}),
    **_each(
        damage.LOSING,
        damage_update,
        3.0,
        0.25,
        {"rubbish": 0.1, "deflate": 0.1, "bomb": 0.05, "oversize": 0.03},
    ),
    **_each(damage.OF_SNAPSHOTS, damage_snapshot, 2.0, 0.12, {"emptysnap": 0.06}),
}
