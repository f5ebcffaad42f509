"""What a client keeps of each wanted topic and of each connection; facts, no decisions."""

from __future__ import annotations

from collections import deque

from bitmart_book._book import Book
from bitmart_book.client.limits import Door
from bitmart_book.client.session import Answer, Session
from bitmart_book.model import BookState
from bitmart_book.venues.profile import Profile, Reply, Topic

__all__ = ["Place", "Wanted"]


class Wanted:
    """A topic that somebody wants."""

    def __init__(self, topic: str, profile: Profile, book: Book | None) -> None:
        self.topic = topic
        self.profile = profile
        self.book = book
        channel = profile.book(Topic.parse(topic).channel)
        self.is_sequenced = channel is not None and channel.kind == "sequenced"
        self.count = 0
        self.place: Place | None = None
        self.answered = False
        # A reply to a request comes without a subscription too, and so proves none.
        self.asked = False
        self.pushed_before = 0
        self.refused: Answer | None = None
        # What the venue last said instead of an answer: that it cannot now.
        self.problem: Reply | None = None
        # What was last told of the book: its state, since when, and when it last was LIVE.
        self.told = BookState.CONNECTING
        self.told_at = 0.0
        self.live_at = 0.0
        # When a snapshot was last asked for; what had come when it was last seen to move.
        self.asked_at = float("-inf")
        self.moves = 0
        self.moved_at = 0.0
        # Sequence and moves at the last reply, and how many replies in a row told of changes that
        # no update had.
        self.replied: tuple[int, int] | None = None
        self.frozen_replies = 0
        # How often too much had been kept for a snapshot when that was last told of.
        self.overflows = 0
        # How many snapshots had been too old when its recovery last took a step.
        self.old_snapshots = 0
        # Recovery: since when, how many steps were taken, when the next one is due.
        self.troubled_since: float | None = None
        self.steps = 0
        self.due = 0.0


class Place:
    """One of the client's places for a socket; sockets come and go in it."""

    def __init__(self, name: str, profile: Profile, url: str, door: Door) -> None:
        self.name = name
        self.profile = profile
        self.url = url
        self.door = door
        self.topics: dict[str, Wanted] = {}
        self.session: Session | None = None
        self.opening = False
        self.generation = 0
        self.retry_at = 0.0
        self.attempts = 0
        self.behind = False
        # Of a private one: refused logins in a row, whether the venue's time was tried, and why
        # values may have been lost since the last login.
        self.refused_logins = 0
        self.clock_tried = False
        self.hole: str | None = None
        self.bad_frames: deque[float] = deque()

    @property
    def room(self) -> int:
        return self.profile.limits.topics_per_connection - len(self.topics)
