"""What a set of topics would use: connections, topics and messages, by the same rules as in use.

Sans-I/O, and nothing is made: topics are put on connections as `Connections.carry` does it, each on
the first that has room and carries none from which it must be apart; messages hold what `Requests`
would put into them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bitmart_book.client.requests import Requests
from bitmart_book.errors import LimitError
from bitmart_book.venues.profile import Profile, Topic, Venue

__all__ = ["Plan", "plan"]


class Plan(NamedTuple):
    """What a set of topics would use."""

    connections: int
    topics: int
    messages: int


def plan(venue: Venue, topics: Iterable[str]) -> Plan:
    """What these raw topics would use on an empty client. LimitError where they do not fit."""
    wanted: dict[str, tuple[Profile, list[str]]] = {}
    for topic in dict.fromkeys(topics):
        profile = venue.topic_profile(topic)
        wanted.setdefault(profile.endpoint, (profile, []))[1].append(topic)
    connections = messages = 0
    for profile, named in wanted.values():
        carried = _carried(profile, named)
        if len(carried) > profile.limits.connections:
            raise LimitError(
                f"{len(named)} topics of {profile.endpoint} need {len(carried)} connections; "
                f"the venue allows {profile.limits.connections}"
            )
        connections += len(carried)
        messages += sum(_messages(profile, one) for one in carried)
    return Plan(connections, sum(len(named) for _, named in wanted.values()), messages)


def _carried(profile: Profile, topics: list[str]) -> list[list[str]]:
    """The topics of each connection."""
    carried: list[list[str]] = []
    taken: list[set[object]] = []
    first = 0
    for topic in topics:
        alone = profile.apart(Topic.parse(topic))
        while first < len(carried) and len(carried[first]) >= profile.limits.topics_per_connection:
            first += 1
        place = first
        while place < len(carried) and (
            len(carried[place]) >= profile.limits.topics_per_connection
            or (alone is not None and alone in taken[place])
        ):
            place += 1
        if place == len(carried):
            carried.append([])
            taken.append(set())
        carried[place].append(topic)
        taken[place].add(alone)
    return carried


def _messages(profile: Profile, topics: list[str]) -> int:
    """How many messages subscribe so many topics of a connection."""
    requests, queue, count = Requests(profile), dict.fromkeys(topics), 0
    while queue:
        requests.batch(queue)
        count += 1
    return count
