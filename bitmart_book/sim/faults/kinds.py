"""Every kind of fault by its name, in one table; each is written in the file of its family.

One thing has no name on purpose: a fault that makes the truth different without any trace, like
one changed digit of a price. BitMart sends no checksum, so nobody could notice.
"""

from collections.abc import Mapping

from bitmart_book.sim.faults import (
    clocks,
    connections,
    damaged,
    elsewhere,
    lateness,
    markets,
    nobody,
    order,
    private,
    refusals,
    replies,
    requests,
    sides,
    snapshots,
    symbols,
)
from bitmart_book.sim.faults.grammar import Word, words_of
from bitmart_book.sim.faults.network import Kind

__all__ = ["ELSEWHERE", "KINDS", "kinds_of", "parse"]

KINDS: dict[str, Kind] = {
    **order.KINDS,
    **snapshots.KINDS,
    **markets.KINDS,
    **damaged.KINDS,
    **requests.KINDS,
    **symbols.KINDS,
    **connections.KINDS,
    **lateness.KINDS,
    **sides.KINDS,
    **replies.KINDS,
    **nobody.KINDS,
    **refusals.KINDS,
    **private.KINDS,
    **clocks.KINDS,
}


ELSEWHERE: dict[str, Kind] = {
    **{
        name: KINDS[name]._replace(share=share)
        for share, names in elsewhere.SHARES.items()
        for name in names
    },
    **elsewhere.KINDS,
}
"""Those that act on other venues as well, or on nobody else, with their shares in "all" there."""


def kinds_of(*, elsewhere: bool) -> dict[str, Kind]:
    """Every kind by its name; "all" are those that act on BitMart, or on other venues."""
    here, there = (ELSEWHERE, KINDS) if elsewhere else (KINDS, ELSEWHERE)
    others = {name: kind for name, kind in there.items() if name not in here}
    return {**here, **{name: kind._replace(share=0.0) for name, kind in others.items()}}


def parse(spec: str, kinds: Mapping[str, Kind] | None = None) -> list[Word]:
    """The words of a specification, like "gap@120 freeze:3s dup%30 mute/BTC_USDT"; see `words_of`.

    UsageError for a word that is none of the kinds.
    """
    kinds = kinds_of(elsewhere=False) if kinds is None else kinds
    return words_of(spec, {name: kind.share for name, kind in kinds.items()})
