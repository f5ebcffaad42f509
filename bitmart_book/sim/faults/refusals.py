"""Faults of refusals: errors that name nobody, or somebody who is well; less room than promised."""

from __future__ import annotations

import json
from collections import Counter

from bitmart_book.sim.exchange import Send
from bitmart_book.sim.faults.frames import acks
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]

# What was meant is done so much later.
LATER = 0.2
_STRAY = '{"errorMessage":"Invalid symbol param","errorCode":"92001"}'


def _spot_line(net: Network, word: Word) -> tuple[int, str] | None:
    """A connection to spot that carries books, and a topic on it."""
    found = [
        (connection, topic)
        for connection in net.wires.lines
        for topic in net.log.acts.topics.get(connection, ())
        if topic.startswith("spot/depth") and word.symbol in (None, topic.partition(":")[2])
    ]
    return net.rng.choice(found) if found else None


def stray_error(net: Network, word: Word) -> None:
    """A subscription meets an error that names no topic, and is done all the same."""
    place = _spot_line(net, word)
    if place is None:
        return

    def act(connection: int, text: str) -> list[str] | None:
        if '"op"' not in text or '"subscribe"' not in text or not acks(text):
            return None
        net.filters.unhear(act)
        net.wires.arrive(Send(connection, _STRAY))
        net.at(net.now + LATER, lambda: net.exchange.receive(connection, text, net.now))
        net.log.count(word.name, str(connection))
        return []

    net.filters.hear(act)
    net.log.count("reset", str(place[0]))
    net.wires.cut(place[0])


def live_error(net: Network, word: Word) -> None:
    """An error names a topic whose data flows."""
    place = _spot_line(net, word)
    if place is not None:
        connection, topic = place
        error = {
            "event": f"subscribe:{topic}",
            "errorCode": net.rng.choice(("92001", "90004")),
            "errorMessage": "Invalid symbol param",
        }
        net.wires.arrive(Send(connection, json.dumps(error, separators=(",", ":"))))
        net.log.count(word.name, topic)


def few_topics(net: Network, word: Word) -> None:
    """For a while connections to spot take only so many topics."""
    place = _spot_line(net, word)
    if place is None:
        return
    carried = len(net.log.acts.topics[place[0]])
    most = net.rng.randint((carried + 1) // 2, max(1, carried - 1))
    taken: Counter[int] = Counter()
    named = net.rng.random() < 0.5

    def act(connection: int, text: str) -> list[str] | None:
        if '"op":"subscribe"' not in text:
            return None
        args = json.loads(text)["args"]
        room = max(0, most - taken[connection])
        taken[connection] += min(room, len(args))
        for topic in args[room:]:
            event = f"subscribe:{topic}" if named else "subscribe"
            error = (
                f'{{"event":"{event}","errorCode":"90006",'
                '"errorMessage":"Too many topics on this connection"}'
            )
            net.wires.arrive(Send(connection, error))
        if args[room:]:
            net.log.count(word.name, str(connection))
        return [json.dumps({"op": "subscribe", "args": args[:room]})] if room else []

    net.filters.hear(act, net.seconds(word))
    net.log.count("reset", str(place[0]))
    net.wires.cut(place[0])


KINDS: dict[str, Kind] = {
    "strayerror": Kind(
        stray_error, (89,), 1.0, 0.035, 0.0, "an error names no topic while one is asked for"
    ),
    "liveerror": Kind(live_error, (89,), 1.0, 0.06, 0.0, "an error names a topic whose data flows"),
    "fewtopics": Kind(
        few_topics, (91,), 0.5, 0.03, 20.0, "a connection takes fewer topics than is documented"
    ),
}
