"""The venues beside BitMart whose words the exchange speaks, each at its public addresses."""

from __future__ import annotations

from collections.abc import Sequence

from bitmart_book.errors import UsageError
from bitmart_book.sim.venue import bybit, kraken, okx
from bitmart_book.sim.venue.public import Address

__all__ = ["BITMART", "VENUES", "addresses"]

BITMART = "bitmart"
VENUES: dict[str, tuple[Address, ...]] = {
    "kraken": kraken.ADDRESSES,
    "okx": okx.ADDRESSES,
    "bybit": bybit.ADDRESSES,
}


def addresses(venue: str | Sequence[str]) -> list[Address]:
    """Where those venues can be reached beside BitMart, which always can. UsageError for a name
    that is none of theirs."""
    names = (venue,) if isinstance(venue, str) else tuple(venue)
    for name in names:
        if name != BITMART and name not in VENUES:
            known = ", ".join((BITMART, *VENUES))
            raise UsageError(f"the simulated exchange speaks no {name!r}; there is: {known}")
    return [address for name in dict.fromkeys(names) for address in VENUES.get(name, ())]
