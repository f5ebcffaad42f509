"""What goes wrong between an exchange and its clients, by name, from a seed, without a socket."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from bitmart_book.sim.exchange import Exchange
from bitmart_book.sim.faults.kinds import kinds_of
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["Faults"]


class Faults(Network):
    """The faults of a specification (see `parse`), acting on one exchange.

    "all" are those that BitMart meets, or, of an exchange that speaks other venues' words, those
    that they do. `kinds` replaces them.
    """

    def __init__(
        self,
        spec: str,
        *,
        rng: random.Random,
        exchange: Exchange,
        now: float = 0.0,
        kinds: Mapping[str, Kind] | None = None,
        told: Callable[[float, str, str], None] | None = None,
    ) -> None:
        if kinds is None:
            kinds = kinds_of(elsewhere=bool(exchange.feeds))
        super().__init__(spec, rng=rng, exchange=exchange, now=now, kinds=kinds, told=told)
