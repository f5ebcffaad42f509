"""Every kind of fault by its name, in one table; each is written in the file of its family.

One thing has no name on purpose: a fault that makes the truth different without any trace, like
one changed digit of a price. BitMart sends no checksum, so nobody could notice.
"""

from collections.abc import Mapping

from bitmart_book.sim.faults import (
    clocks,
    connections,
    damaged,
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

__all__ = ["KINDS", "parse"]

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


def parse(spec: str, kinds: Mapping[str, Kind] = KINDS) -> list[Word]:
    """The words of a specification, like "gap@120 freeze:3s dup%30 mute/BTC_USDT"; see `words_of`.

    UsageError for a word that is none of the kinds.
    """
    return words_of(spec, {name: kind.share for name, kind in kinds.items()})
