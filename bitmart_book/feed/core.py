"""The one core of both faces: what a feed is made of, and whether it is open.

It opens no socket and knows no loop: `life` does, and tells it. What is done with it stands beside
it: `words` (which topics are meant), `subscriber`, `reader`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

from bitmart_book._book import Book, Engine, Latency, clock_ns
from bitmart_book.client.client import Client
from bitmart_book.client.outbox import Push
from bitmart_book.errors import CaptureError, FeedClosed, UsageError
from bitmart_book.feed.answers import verdict
from bitmart_book.feed.live import KeptBook
from bitmart_book.feed.options import Options, filled, is_capture
from bitmart_book.feed.words import Words
from bitmart_book.listeners.audience import Audience
from bitmart_book.log.journal import Journal
from bitmart_book.model import Event
from bitmart_book.share.publishing import Publisher
from bitmart_book.system.fork import Owned
from bitmart_book.venues import BITMART_DEMO, find_venue, venues
from bitmart_book.venues.profile import Venue
from bitmart_book.wire.driver import Driver
from bitmart_book.wire.playback import RecordedTime, has_events, recorded_venues

__all__ = ["Core"]


class Core(Owned):
    """The parts of a feed. book_type: the kind of live book of its face."""

    def __init__(self, options: Options, book_type: type[KeptBook]) -> None:
        super().__init__()
        self.options = options = filled(options)
        self.is_capture = is_capture(options["source"])
        self.venue = _venue(options)
        self.words = Words(self.venue)
        """Which topics its users mean."""
        self.journal = Journal(options["logger"] or logging.getLogger("bitmart_book"))
        self.instruments = dict(options["instruments"] or {})
        self.recorded_time = self._recorded_time()
        self.engine = self._make_engine(book_type)
        # The time of a capture says nothing of this machine.
        self.latency = Latency(None if self.is_capture else "monotonic")
        self.across: Callable[[Callable[[], Any]], Any] = _here
        """Where questions about the client are answered: in the blocking face on another thread."""
        self.stepped: Callable[[], None] = _nobody
        """Called whenever something has happened that somebody may wait for."""
        self.audience = Audience(
            self.engine,
            self.journal,
            on_error=options["on_error"],
            on_outage=options["on_outage"],
            explain=lambda book: self.across(lambda: self.explain_book(book)),
            now=lambda: clock_ns() / 1e9,
            across=lambda function: self.across(function),
            instruments=self.instruments,
            latency=self.latency,
        )
        self.client: Client | None = None
        self.driver: Driver | None = None
        self.publisher: Publisher | None = None
        self.bad_lines: list[CaptureError] = []
        self.closed = False

    def _recorded_time(self) -> RecordedTime | None:
        """The clock of captures that have events; None where there are none to follow."""
        source: Any = self.options["source"]
        return RecordedTime() if self.is_capture and has_events(source) else None

    def _make_engine(self, book_type: type[KeptBook]) -> Engine:
        kind: type[Engine] = Engine
        if self.options["shadow"]:
            # The reference book and what it needs are for those who compare.
            from bitmart_book.check.shadow import ShadowEngine

            kind = ShadowEngine
        return kind(
            clock=self.recorded_time if self.is_capture else "monotonic",
            max_levels=self.options["max_levels"],
            max_books=self.options["max_books"],
            only_known=not self.is_capture or self.recorded_time is not None,
            book_type=book_type,
            venue=self.venue,
        )

    # --- life, as far as nobody waits ---

    def close(self) -> None:
        """What of closing needs no waiting: from here on nobody is told anything new."""
        self.closed = True
        if self.client is not None and self.driver is not None:
            self.client.close(self.driver.now())
            self.driver.end()
        else:
            for book in self.engine.books:
                self.engine.close_book(book)
        self.audience.close()
        if self.publisher is not None:
            self.publisher.close()

    def introduced(self, book: Book) -> KeptBook:
        """A book of the engine as its user may have it: with listeners of its own."""
        self.audience.hub(book)
        kept = cast(KeptBook, book)
        kept._account = None if self.client is None else self.client.account
        return kept

    def explain_book(self, book: Book) -> str:
        """By its subscription: a topic may say more than the book's channel and symbol."""
        if self.client is not None and self.driver is not None:
            subscription = self.client.wanted.of(book)
            if subscription is not None:
                return self.client.explain(subscription.topic, self.driver.now())
        # Of one that no connection stands behind there is no more to say.
        return f"{Book.explain(book)}."

    def check_open(self) -> None:
        """Raises FeedClosed when the feed was closed, or belongs to another process."""
        self.check_process()
        if self.closed:
            raise FeedClosed("the feed is closed")

    def running(self) -> tuple[Client, Driver]:
        """The client and its driver. UsageError where there are none."""
        self.check_open()
        if self.is_capture:
            raise UsageError("a capture has no subscriptions")
        if self.client is None or self.driver is None:
            raise UsageError("the feed is not open yet: enter it, or subscribe something first")
        return self.client, self.driver

    def published(self, events: list[Event], pushes: list[Push]) -> None:
        """What the client has to say goes to whoever listens."""
        self.audience.publish(events, pushes)
        for event in events:
            if event.kind == "rejected" and event.topic is not None and self.client is not None:
                answer = self.client.wanted.refusal(event.topic)
                if answer is not None:
                    self.audience.refuse(event.topic, verdict({event.topic: answer}))
        self.stepped()


def _venue(options: Options) -> Venue:
    """The venue, or the several ones, that a feed speaks to."""
    if options["demo"] and options["venue"] in (None, "bitmart"):
        return BITMART_DEMO
    if options["venue"] is None and is_capture(options["source"]):
        source: Any = options["source"]
        said = [name for name in recorded_venues(source) if name in venues()]
        return find_venue(tuple(said) or None)
    return find_venue(options["venue"])


def _here(question: Callable[[], Any]) -> Any:
    return question()


def _nobody() -> None:
    pass
