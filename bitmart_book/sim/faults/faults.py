"""What goes wrong between an exchange and its clients, by name, from a seed, without a socket."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from bitmart_book.sim.exchange import Exchange
from bitmart_book.sim.faults.kinds import KINDS
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["Faults"]


class Faults(Network):
    """The faults of a specification (see `parse`), acting on one exchange."""

    def __init__(
        self,
        spec: str,
        *,
        rng: random.Random,
        exchange: Exchange,
        now: float = 0.0,
        kinds: Mapping[str, Kind] = KINDS,
        told: Callable[[float, str, str], None] | None = None,
    ) -> None:
        super().__init__(spec, rng=rng, exchange=exchange, now=now, kinds=kinds, told=told)
