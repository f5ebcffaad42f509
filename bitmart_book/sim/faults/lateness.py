"""Faults of lateness: from the first byte, in a queue of the venue, jitter, pongs that lie."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from bitmart_book.sim.exchange import Send
from bitmart_book.sim.faults.filters import Wants
from bitmart_book.sim.faults.frames import Seen
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]

# What was said at a time after connecting arrives so many times as late.
GROWTHS = (0.8, 4.0, 19.0)
# How late what waits inside the venue can become.
LATEST = 15.0
JITTER = 2.0
# A steady lag that two pongs for each ping hide, and after how long it begins: by then two pings
# have been answered twice.
HIDDEN_LAG = 7.0
HIDDEN_AFTER = 11.0


class Queue:
    """Where frames wait, in their order, for as long as `delay` says; it is empty again after so
    many `seconds`. Pongs may be doubled on the way.

    It stands behind the filters: what other faults have changed, or put in, waits in its turn.
    """

    def __init__(
        self,
        net: Network,
        wants: Wants,
        delay: Callable[[], float],
        seconds: float,
        *,
        pongs: int = 1,
    ) -> None:
        self._net = net
        self._wants = wants
        self._delay = delay
        self._pongs = pongs
        self._held: deque[tuple[float, Send]] = deque()
        net.wires.queues.append(self._take)
        net.until(net.now + seconds, self._end)

    def _take(self, send: Send, said: str | bytes) -> bool:
        wires, now, held = self._net.wires, self._net.now, self._held
        seen = Seen(send.connection, said, wires.shape(send.connection))
        if not self._wants(seen):
            return False
        when = max(held[-1][0] if held else now, now + self._delay())
        held += [(when, send)] * (self._pongs if seen.is_pong else 1)
        if when <= now:
            self._release()
        else:
            self._net.at(when, self._release)
        return True

    def _release(self) -> None:
        while self._held and self._held[0][0] <= self._net.now:
            self._net.wires.leave(self._held.popleft()[1])

    def _end(self) -> None:
        self._net.wires.queues.remove(self._take)
        while self._held:
            self._net.wires.leave(self._held.popleft()[1])


def _growing(net: Network, growth: float, most: float) -> Callable[[], float]:
    since = net.now
    return lambda: min(most, growth * (net.now - since))


def late(net: Network, word: Word) -> None:
    """The next connection is late from its first byte, pongs behind the data or before it."""
    most, growth = net.seconds(word), net.rng.choice(GROWTHS)

    def whole(connection: int) -> None:
        line = net.wires.lines[connection]
        line.lag = (net.now, net.now + most / growth, growth)
        net.wires.rest(line)
        net.at(net.now + most / growth + most, lambda: net.wires.release(line))
        net.log.count(word.name, str(connection), net.now + most / growth + most)

    def data(connection: int) -> None:
        delay = _growing(net, growth, most)
        Queue(net, lambda seen: seen.connection == connection and seen.is_book, delay, most)
        net.log.count(word.name, str(connection), net.now + most)

    if net.reset_some_line():
        net.door.welcome.append(whole if word.name == "late" else data)


def queue(net: Network, word: Word) -> None:
    """Books of one connection, or of a whole market, wait inside the venue."""
    line = net.wires.line()
    if line is None:
        return
    connection, everywhere = line.id, word.name == "upstream"
    place = str(connection)
    shape = net.wires.shape(connection)
    if everywhere:
        place = net.rng.choice(("spot/", "futures/")) if shape is None else f"{shape.market}/"
    # Replies to requests may overtake what waits.
    prompt = net.rng.random() < 0.5
    seconds = net.seconds(word)
    steady = net.rng.uniform(2.0, LATEST)
    growth = net.rng.choice((0.2, 0.8, 4.0))
    sudden = word.name == "queuestep" or (everywhere and net.rng.random() < 0.5)
    delay = (lambda: steady) if sudden else _growing(net, growth, LATEST)

    def wants(seen: Seen) -> bool:
        there = seen.topic.startswith(place) if everywhere else seen.connection == connection
        return there and seen.is_book and not (prompt and seen.is_snapshot)

    Queue(net, wants, delay, seconds)
    net.log.count(word.name, place, net.now + seconds)


def jitter(net: Network, word: Word) -> None:
    """Each frame is late by another time; their order stays."""
    line = net.wires.line()
    if line is not None:
        connection, seconds = line.id, net.seconds(word)
        Queue(
            net,
            lambda seen: seen.connection == connection,
            lambda: net.rng.uniform(0.0, JITTER),
            seconds,
        )
        net.log.count(word.name, str(connection), net.now + seconds)


def two_pongs(net: Network, word: Word) -> None:
    """A steady lag is hidden by the second pong of an earlier ping."""
    line = net.wires.line()
    if line is not None:
        connection, seconds, since = line.id, net.seconds(word), net.now
        Queue(
            net,
            lambda seen: seen.connection == connection,
            lambda: HIDDEN_LAG if net.now > since + HIDDEN_AFTER else 0.0,
            seconds,
            pongs=2,
        )
        net.log.count(word.name, str(connection), net.now + seconds)


KINDS: dict[str, Kind] = {
    "late": Kind(late, (63,), 0.5, 0.025, 30.0, "a connection is late from its first byte"),
    "latedata": Kind(
        late,
        (111,),
        0.5,
        0.025,
        30.0,
        "books of a connection are late from its first byte, pongs not",
    ),
    "queue": Kind(
        queue, (111,), 0.5, 0.06, 30.0, "books of a connection wait inside the venue, pongs do not"
    ),
    "queuestep": Kind(
        queue,
        (111,),
        0.5,
        0.06,
        20.0,
        "books of a connection are late at once, then in time at once",
    ),
    "upstream": Kind(
        queue,
        (111,),
        0.3,
        0.03,
        20.0,
        "books of a market wait inside the venue, on every connection",
    ),
    "jitter": Kind(jitter, (112,), 0.5, 0.05, 20.0, "frames of a connection are up to 2 s late"),
    "twopongs": Kind(
        two_pongs,
        (63,),
        0.5,
        0.03,
        20.0,
        "each ping gets two pongs, which hide a steady lag of 7 s",
    ),
}
