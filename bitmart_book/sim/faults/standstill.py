"""Markets as faults see them: which can be meant, which stand still, which were emptied of late."""

from __future__ import annotations

import random

from bitmart_book.sim.exchange import Exchange
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.schedule import Schedule

__all__ = ["Standstill"]

# Between two empty snapshots of a symbol: a second one in a row is to be believed.
EMPTY_APART = 120.0


class Standstill:
    """Chooses symbols, and stops their markets for a while."""

    def __init__(self, schedule: Schedule, exchange: Exchange, rng: random.Random) -> None:
        self.paused: set[str] = set()
        self.began_at_one: dict[str, float] = {}
        """When the counter of which symbol last began at its lowest numbers."""
        self._schedule = schedule
        self._exchange = exchange
        self._rng = rng
        self._emptied: dict[str, float] = {}

    def symbol(self, word: Word, *, anywhere: bool = False) -> str | None:
        """A symbol whose sequenced book somebody hears of, not one that stands still. Only of
        BitMart, unless it may be `anywhere`."""
        symbols = [
            symbol
            for symbol in self._exchange.markets.subscribed()
            if (anywhere or ":" not in symbol)
            and not self._exchange.markets.is_paused(symbol)
            and word.symbol in (None, symbol)
        ]
        return self._rng.choice(symbols) if symbols else None

    def stand_still(self, symbol: str, seconds: float) -> None:
        """Stop a market for so long."""
        self._exchange.markets.pause(symbol)
        self.paused.add(symbol)
        self._schedule.at(self._schedule.now + seconds, lambda: self.resume(symbol))

    def resume(self, symbol: str) -> None:
        """Let a market go on."""
        self.paused.discard(symbol)
        self._exchange.markets.resume(symbol)

    def may_be_empty(self, symbol: str) -> bool:
        """Whether nobody was shown an empty book of late. Of now."""
        last = self._emptied.get(symbol)
        if last is not None and self._schedule.now < last + EMPTY_APART:
            return False
        self._emptied[symbol] = self._schedule.now
        return True
