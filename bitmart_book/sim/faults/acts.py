"""Which fault acted where and until when: what somebody has to know who judges a client.

A place is "" (everywhere), the beginning of topics ("spot/"), a connection (its number as a text),
or a topic without its speed, like "futures/depth20:BTCUSDT". Knows no fault by name.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

__all__ = ["Act", "Acts", "topics_of"]

# Who judges a read looks back no further.
REMEMBERED = 300.0


class Act(NamedTuple):
    """One fault that acted."""

    name: str
    place: str
    since: float
    until: float


class Acts:
    """The acts of late, and which topics each connection was asked for."""

    def __init__(self) -> None:
        self.serial = 0
        """Grows with each act."""
        self.topics: dict[int, list[str]] = {}
        """Of each connection, in the order in which they were first asked for. Connections that
        have ended are remembered: what they brought may still be shown."""
        self._acts: deque[Act] = deque()

    def add(self, name: str, place: str, since: float, until: float) -> None:
        """A fault acts from one time to another."""
        self.serial += 1
        self._acts.append(Act(name, place, since, until))
        while self._acts and self._acts[0].since < since - REMEMBERED:
            self._acts.popleft()

    def heard(self, connection: int, text: str, topics: Sequence[str] | None = None) -> None:
        """A client has said something; `topics` is what it asks for where it is not BitMart's."""
        if '"subscribe"' in text:
            known = self.topics.setdefault(connection, [])
            self.serial += 1
            asked = topics_of(text) if topics is None else topics
            known += [topic for topic in asked if topic not in known]

    def stop(self, now: float) -> None:
        """Nothing acts any more."""
        self._acts = deque(act._replace(until=min(now, act.until)) for act in self._acts)
        self.serial += 1

    def of(self, topic: str, now: float, memory: Callable[[str], float]) -> Iterator[Act]:
        """The acts on a topic now, or as long ago as `memory` says of their names."""
        for act in self._acts:
            if now <= act.until + memory(act.name) and self._concerns(act, topic):
                yield act

    def _concerns(self, act: Act, topic: str) -> bool:
        place = act.place
        if not place or place == topic or (place[-1] == "/" and topic.startswith(place)):
            return True
        return place.isdecimal() and topic in self.topics.get(int(place), ())


def topics_of(text: str) -> list[str]:
    """What a client's message asks for, as "channel:symbol"; legacy books are "legacy/depth"."""
    try:
        message: Any = json.loads(text)
    except ValueError:
        return []
    if not isinstance(message, dict):
        return []
    args = message.get("args")
    if isinstance(args, list):
        return [re.sub(r"@.*", "", arg) for arg in args if isinstance(arg, str)]
    topic, symbol = message.get("subscribe"), message.get("symbol")
    if not isinstance(topic, str) or not isinstance(symbol, str):
        return []
    return [f"legacy/{'depth' if topic == 'order' else topic}:{symbol}"]
