"""A topic that somebody wants, and the connection that carries it: facts, no decisions.

They point at each other. Which topic goes on which connection is decided in `connections`.
"""

from __future__ import annotations

from collections import deque
from typing import Any
from urllib.parse import urlsplit

from bitmart_book._book import Book
from bitmart_book.client.bounds import holds
from bitmart_book.client.facts import AskedBeside, Progress, Seen, Snapshots, Told
from bitmart_book.client.limits import Gate
from bitmart_book.client.session import Answer, Session
from bitmart_book.venues.profile import Profile, Reply, Topic

__all__ = ["Connection", "Full", "Subscription", "known_at"]


class Subscription:
    """A topic that is wanted, whether or not it has a connection at the moment."""

    def __init__(self, topic: str, profile: Profile, book: Book | None, now: float) -> None:
        self.topic = topic
        self.profile = profile
        self.book = book
        channel = profile.book(Topic.parse(topic).channel)
        self.is_sequenced = channel is not None and channel.kind == "sequenced"
        self.holds = None if channel is None else holds(profile, channel)
        """Seconds that its book holds after its own last frame because its connection speaks;
        None: that is no reason."""
        self.renewed_after = None if channel is None else channel.renewed_after
        self.window = 0 if channel is None else channel.window
        self.holders = 0
        """How many times it was subscribed more than unsubscribed."""
        self.connection: Connection | None = None

        # What the venue has said of it.
        self.is_answered = False
        """On this connection: acknowledged, or proven by data that only a subscription brings."""
        self.refusal: Answer | None = None
        self.temporary_error: Reply | None = None
        """The last temporary error (busy, try later), shown if the wait times out."""

        # What has come of it.
        self.updates_before = 0
        """How many updates its book had when its connection opened."""
        self.changed_at = 0.0
        """When its changes were last seen to have become more; of a stream: when values came."""
        self.seen = Seen()
        self.snapshots = Snapshots(now)

        # What is done about it.
        self.told = Told(now)
        self.recovery = Progress()
        self.beside = AskedBeside()


class Full:
    """A connection carries fewer topics than the venue documents."""

    def __init__(self) -> None:
        self.most = 0
        """How many it carries, as far as that is known; 0: not yet."""
        self.is_told = False
        """Whether this one says so, or others to the same address did."""
        self.waits = 0
        """How often a topic had to wait because no connection had room."""


class Connection:
    """One connection of the client; facts, no decisions."""

    def __init__(self, name: str, profile: Profile, url: str, gate: Gate, now: float) -> None:
        self.name = name
        self.profile = profile
        self.url = url
        self.host = urlsplit(url).netloc
        """Whose stamps it brings."""
        self.gate = gate
        self.topics: dict[str, Subscription] = {}
        self.beside: dict[str, Subscription] = {}
        """Topics of other connections that are asked of here as well, for a moment."""
        self.session: Session | None = None
        """While its socket is open."""
        self.is_opening = False
        self.generation = 0
        """The number of its last socket."""
        self.renewed_at = now
        """When one of its topics was subscribed anew last, because nothing came."""
        self.retry_at = now
        self.attempts = 0
        """Sockets in a row that were lost too soon."""
        self.is_behind = False
        """Whether what arrives may have waited on its way; its books are held then."""
        self.held_for: str | None = None
        """Why they are."""
        self.bad_frames: deque[float] = deque()
        """When the last unreadable frames came."""
        self.memory: dict[str, dict[str, Any]] = {}
        """By stream: what was told on this socket, where pushes say only what has changed of it."""
        self.full: Full | None = None
        """What is known of its having room for fewer topics than documented; None: nothing."""

        # Of a private one:
        self.refused_logins = 0
        """In a row."""
        self.clock_tried = False
        """Whether a login was sent with the venue's time instead of ours."""
        self.lost_reason: str | None = None
        """Why values of the account may have been lost since the last login."""

    @property
    def room(self) -> int:
        """How many topics more it can carry."""
        most = self.profile.limits.topics_per_connection
        if self.full is not None and self.full.most:
            most = min(most, self.full.most)
        return most - len(self.topics) - len(self.beside)


def known_at(book: Book, now: float) -> float:
    """When what a book holds was last known to be the venue's newest."""
    return now - (book.quote_in_any_state().age or 0.0)
