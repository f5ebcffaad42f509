"""Topics that are subscribed and given up, and what their values go to, as far as nobody waits.

Subscribing and giving up count: a topic is given up when all who wanted it have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bitmart_book.client.outbox import fills_of
from bitmart_book.errors import UsageError
from bitmart_book.feed.answers import Answers
from bitmart_book.feed.core import Core
from bitmart_book.feed.fills import FillMailbox
from bitmart_book.feed.live import FeedStream, KeptBook
from bitmart_book.feed.options import Wait, check_wait
from bitmart_book.listeners.merged import Merged
from bitmart_book.model import (
    Balance,
    BookTicker,
    FundingRate,
    Kline,
    Order,
    Position,
    Ticker,
    Trade,
)
from bitmart_book.venues.profile import Topic

__all__ = ["EVENTS", "MAXSIZE", "Held", "NewStream", "Subscriber", "Value"]

MAXSIZE = 10_000
# Stands for a topic where a stream is of what happens to the feed itself.
EVENTS = "events"
Value = Trade | Ticker | BookTicker | Kline | FundingRate | Order | Position | Balance
"""What a stream can bring."""
Held = KeptBook | FeedStream[Any]
NewStream = Callable[[str, int], FeedStream[Any]]
"""Makes a stream of a face: of that topic, with room for so many values."""


class Subscriber:
    """Subscribes for the users of a feed."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._words = core.words
        self._audience = core.audience

    def waits(self, wait: Wait | None) -> bool:
        """Whether a call waits for the venue's answer."""
        if wait is not None:
            check_wait(wait)
        return (wait or self._core.options["wait"]) == "all"

    def subscribe(
        self,
        words: Sequence[str],
        channel: str | None,
        market: str | None,
        new_stream: NewStream,
    ) -> tuple[list[str], Held | tuple[Held, ...]]:
        """Subscribe all of these, or none where one of them cannot be. Returns their topics, and
        what the user gets: of one the book or stream itself, of several a tuple."""
        client, driver = self._core.running()
        self._core.engine.require_quiet()
        topics = self._words.topics(words, channel, market)
        client.subscribe(topics, driver.now())
        if self._core.publisher is not None:
            self._core.publisher.look()
        held = {
            word: self._held(topic, new_stream)
            for word, topic in zip(dict.fromkeys(words), topics, strict=True)
        }
        driver.step()
        return topics, held[words[0]] if len(words) == 1 else tuple(held[w] for w in words)

    def _held(self, topic: str, new_stream: NewStream) -> Held:
        book = self._core.running()[0].wanted[topic].book
        if book is None:
            stream = new_stream(topic, MAXSIZE)
            stream.begun = True
            self._audience.add_stream(topic, stream.mailbox)
            return stream
        return self._core.introduced(book)

    def unsubscribe(self, words: Sequence[str], channel: str | None, market: str | None) -> None:
        """Once less each; at zero a book is CLOSED, and streams of the topic end."""
        client, driver = self._core.running()
        self._core.engine.require_quiet()
        topics = list(dict.fromkeys(self._words.topics(words, channel, market)))
        books = {topic: client.wanted[topic].book for topic in topics if topic in client.wanted}
        for topic in client.unsubscribe(topics, driver.now()):
            self._audience.end_streams(topic)
            book = books[topic]
            if book is not None:
                self._audience.forget_book(book)
        driver.step()

    def not_subscribed(self, words: Sequence[str]) -> list[str]:
        """Those of these symbols or topics, which must be of books, that are not subscribed."""
        client, _ = self._core.running()
        topics = self._words.topics(words)
        for topic in topics:
            if self._core.venue.topic_profile(topic).stream(Topic.parse(topic).channel) is not None:
                raise UsageError(
                    f"{topic} is no book's topic: feed.stream({topic!r}) has its values"
                )
        return [
            word
            for word, topic in zip(dict.fromkeys(words), topics, strict=True)
            if topic not in client.wanted
        ]

    def unfollow(self, words: Sequence[str], merged: Merged) -> None:
        """Nobody follows these books any more; those that were subscribed for that are not."""
        self._audience.unfollow_all(merged)
        merged.close()
        if words and not self._core.closed and not self._core.is_foreign:
            there = self._core.running()[0].wanted
            self.unsubscribe([w for w in words if self._words.topics([w])[0] in there], None, None)

    # --- what the venue says of it ---

    def answers(self, topics: Iterable[str]) -> Answers:
        """What the venue says of topics that were just subscribed."""
        return Answers(self._core.running()[0].wanted, topics, self._core.instruments)

    def is_hopeless(self) -> bool:
        """Whether no connection could be opened, not even when tried again."""
        if self._core.client is None:
            return False
        report = self._core.client.report()
        is_open = any(one["open"] for one in report["connections"].values())
        return not is_open and report["counters"].get("connect_failures", 0) >= 2

    # --- streams ---

    def can_begin(self, topic: str) -> bool:
        """Whether `begin` can be called now; before the feed is open only events come."""
        return topic == EVENTS or self._core.is_capture or self._core.driver is not None

    def begin(self, stream: FeedStream[Any]) -> None:
        """Subscribe the topic of a stream, unless that was done."""
        self._core.check_open()
        if stream.begun:
            return
        if stream.topic == EVENTS:
            self._audience.add_events(stream.mailbox)
        else:
            client, driver = self._core.running()
            self._core.engine.require_quiet()
            client.subscribe([stream.topic], driver.now())
            self._audience.add_stream(stream.topic, stream.mailbox)
            if isinstance(stream.mailbox, FillMailbox):
                self._audience.add_stream(fills_of(stream.topic), stream.mailbox)
            driver.step()
        stream.begun = True

    def end(self, stream: FeedStream[Any]) -> None:
        """Nobody takes from that stream any more."""
        if stream.topic == EVENTS:
            self._audience.remove_events(stream.mailbox)
            return
        self._audience.remove_stream(fills_of(stream.topic), stream.mailbox)
        if self._core.closed or not self._audience.remove_stream(stream.topic, stream.mailbox):
            return
        client, driver = self._core.running()
        for topic in client.unsubscribe([stream.topic], driver.now()):
            self._audience.end_streams(topic)
        driver.step()
