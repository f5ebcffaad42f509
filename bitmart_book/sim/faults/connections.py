"""Faults of connections: silence, delay, resets, refusals."""

from __future__ import annotations

from bitmart_book.sim.exchange import Refusal
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import NO_ANSWER, Kind, Network
from bitmart_book.sim.faults.wires import Slice

__all__ = ["KINDS"]

# Of the seconds that pass, so many are added to the delay of a line that lags.
LAG_GROWTH = 0.8


def silence(net: Network, word: Word) -> None:
    line = net.wires.line()
    if line is not None:
        line.silent = True
        line.deaf = net.rng.random() < 0.5
        line.held.clear()
        net.wires.rest(line)
        net.log.count(word.name, str(line.id))


def freeze(net: Network, word: Word) -> None:
    line = net.wires.line()
    if line is not None:
        line.open_at = max(line.open_at, net.now + net.seconds(word))
        net.wires.rest(line)
        net.at(line.open_at, lambda: net.wires.release(line))
        net.log.count(word.name, str(line.id), line.open_at)


def lag(net: Network, word: Word) -> None:
    """The delay grows to so many seconds; then what has piled up comes, and it is over."""
    line = net.wires.line()
    if line is not None and line.lag is None:
        line.lag = (net.now, net.now + net.seconds(word) / LAG_GROWTH, LAG_GROWTH)
        net.wires.rest(line)
        over = line.lag[1] + net.seconds(word)
        net.at(over, lambda: net.wires.release(line))
        net.log.count(word.name, str(line.id), over)


def reset(net: Network, word: Word) -> None:
    del word
    net.reset_some_line()


def close(net: Network, word: Word) -> None:
    line = net.wires.line()
    if line is not None:
        net.log.count(word.name, str(line.id))
        net.wires.hang_up(line.id)


def outage(net: Network, word: Word) -> None:
    net.door.refused_until = max(net.door.refused_until, net.now + net.seconds(word))
    net.log.count(word.name)
    for connection in list(net.wires.lines):
        net.wires.cut(connection)


def door(net: Network, word: Word) -> None:
    """The next attempts to connect go wrong; one is provoked."""
    if not net.reset_some_line():
        return
    if word.name == "slam":
        net.door.slams += net.rng.randint(1, 3)
        return
    net.log.count(word.name)
    if word.name == "ban":
        net.door.refusals.append(Refusal(net.rng.choice((429, 403)), "too many attempts"))
    else:
        net.door.refusals.append(NO_ANSWER)


def split(net: Network, word: Word) -> None:
    line = net.wires.line()
    if line is not None:
        net.wires.output.append(Slice(line.id, net.now + net.seconds(word)))
        net.log.count(word.name, str(line.id))


KINDS: dict[str, Kind] = {
    "silence": Kind(silence, (35, 53), 0.5, 0.045, 0.0, "a connection brings nothing any more"),
    "freeze": Kind(freeze, (35,), 1.0, 0.05, 3.0, "a connection stalls; all of it arrives, late"),
    "lag": Kind(lag, (63,), 0.5, 0.025, 15.0, "a connection's delay grows while bytes keep coming"),
    "reset": Kind(reset, (40, 43, 44), 1.0, 0.08, 0.0, "a connection is reset"),
    "close": Kind(close, (40, 43, 44), 1.0, 0.03, 0.0, "the exchange closes a connection"),
    "outage": Kind(outage, (41,), 0.5, 0.006, 15.0, "no connection, and none to be had"),
    "blackhole": Kind(door, (41, 52), 0.5, 0.03, 0.0, "an attempt to connect gets no answer"),
    "ban": Kind(door, (42,), 0.3, 0.003, 0.0, "an attempt to connect is refused: too many"),
    "slam": Kind(door, (42,), 0.5, 0.015, 0.0, "connections are accepted and ended at once"),
    "split": Kind(split, (49,), 2.0, 0.2, 2.0, "frames are cut at any byte (sockets only)"),
}
