"""Faults of channels that send whole pictures, or one side after the other."""

from __future__ import annotations

import re
from collections.abc import Callable

from bitmart_book.sim.faults.frames import Seen
from bitmart_book.sim.faults.grammar import Word
from bitmart_book.sim.faults.network import Kind, Network

__all__ = ["KINDS"]

_ONE_SIDED = re.compile(r"futures/depth\d")
_PICTURES = re.compile(r"(?:spot|futures)/depth(?:All)?\d|legacy/depth")
_STAMP = re.compile(r'"ms_t":(\d+)')


def _topic(net: Network, word: Word, pattern: re.Pattern[str]) -> str | None:
    """A topic of these channels that somebody hears of."""
    topics = [
        topic
        for connection in net.wires.lines
        for topic in net.log.acts.topics.get(connection, ())
        if pattern.match(topic) and word.symbol in (None, topic.partition(":")[2])
    ]
    return net.rng.choice(topics) if topics else None


def _on(
    net: Network, word: Word, topic: str, becomes: Callable[[Seen], list[str | bytes] | None]
) -> None:
    seconds = net.seconds(word)
    net.filters.add(lambda seen: becomes(seen) if seen.topic == topic else None, seconds)
    net.log.count(word.name, topic, net.now + seconds)


def stamps(net: Network, word: Word) -> None:
    """Of a pair that comes in two frames one side is stamped before the other, or with nothing."""
    topic = _topic(net, word, _ONE_SIDED)
    if topic is None:
        return
    side = f'"way":{net.rng.choice((1, 2))}'
    before = net.rng.choice((1, 1, 500))

    def becomes(seen: Seen) -> list[str | bytes] | None:
        if side not in seen.text:
            return None
        text = _STAMP.sub(
            lambda stamp: f'"ms_t":{0 if word.name == "zerostamp" else int(stamp[1]) - before}',
            seen.text,
        )
        return [seen.like(text)]

    _on(net, word, topic, becomes)


def one_side(net: Network, word: Word) -> None:
    topic = _topic(net, word, _ONE_SIDED)
    if topic is not None:
        side = f'"way":{net.rng.choice((1, 2))}'
        _on(net, word, topic, lambda seen: [] if side in seen.text else None)


def halt(net: Network, word: Word) -> None:
    topic = _topic(net, word, _PICTURES)
    if topic is not None:
        _on(net, word, topic, lambda seen: [] if "data" in seen.text else None)


KINDS: dict[str, Kind] = {
    "apart": Kind(stamps, (102,), 1.0, 0.06, 20.0, "the sides of a pair are stamped apart"),
    "zerostamp": Kind(stamps, (102,), 1.0, 0.06, 20.0, "one side of a pair is stamped 0"),
    "oneway": Kind(one_side, (103,), 0.5, 0.06, 40.0, "one side of a pair comes no more"),
    "halt": Kind(halt, (113,), 0.5, 0.06, 60.0, "a channel's pictures of a symbol come no more"),
}
