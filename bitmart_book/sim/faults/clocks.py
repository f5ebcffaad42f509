"""Faults of the venue's clock: it is set, and it goes wrong."""

from __future__ import annotations

from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]

# Back in all: what comes late looks the same, so that nobody can go on forgiving it.
MOST_BACK = 4.0
DRIFT = 100e-6


def step(net: Network, word: Word) -> None:
    """It is set forward or back, and stays so."""
    clock = net.exchange.clock
    seconds = net.rng.uniform(-MOST_BACK, MOST_BACK)
    if clock.set_back - seconds > MOST_BACK:
        seconds = abs(seconds)
    clock.step(seconds)
    net.log.count(word.name)


def drift(net: Network, word: Word) -> None:
    """It gains or loses, and stops to do so."""
    clock, over = net.exchange.clock, net.now + net.seconds(word)
    clock.drift(net.rng.choice((-1, 1)) * DRIFT, net.now)
    net.until(over, lambda: clock.drift(0.0, net.now))
    net.log.count(word.name, "", over)


KINDS: dict[str, Kind] = {
    "clockstep": Kind(step, (112,), 0.3, 0.04, 0.0, "the venue's clock is set by up to 4 s"),
    "drift": Kind(drift, (112,), 0.3, 0.04, 60.0, "the venue's clock is wrong by 100 ppm"),
}
