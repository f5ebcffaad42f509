"""What the user wants of one client: each topic once, the book of it, and how it stands with both.

The wanted topics are the truth of a client: after a reconnect they are subscribed anew. Which
connection carries them is decided elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bitmart_book._book import Book, Engine
from bitmart_book.client.session import Answer
from bitmart_book.client.subscriptions import Subscription
from bitmart_book.errors import BitmartBookError, LimitError, UsageError
from bitmart_book.model import BookState
from bitmart_book.venues.profile import Profile, Topic

__all__ = ["Wanted"]


class Wanted(Mapping[str, Subscription]):
    """The subscriptions of one client, by topic."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._topics: dict[str, Subscription] = {}
        self._books: dict[Book, Subscription] = {}

    def __getitem__(self, topic: str) -> Subscription:
        return self._topics[topic]

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __len__(self) -> int:
        return len(self._topics)

    def of(self, book: Book) -> Subscription | None:
        """The subscription whose book that is; None where nobody wants it."""
        return self._books.get(book)

    # --- wanting ---

    def check_room(self, topics: Sequence[str], profiles: Sequence[Profile]) -> None:
        """LimitError where the venue could not carry these beside those that there are."""
        new: Counter[str] = Counter()
        for topic, profile in zip(topics, profiles, strict=True):
            if topic not in self._topics:
                new[profile.endpoint] += 1
        for profile in {profile.endpoint: profile for profile in profiles}.values():
            there = sum(other.profile is profile for other in self._topics.values())
            limits = profile.limits
            most = limits.connections * limits.topics_per_connection
            if there + new[profile.endpoint] > most:
                raise LimitError(
                    f"{there + new[profile.endpoint]} topics of {profile.endpoint}; "
                    f"{limits.connections} connections carry {most}"
                )

    def want(
        self, topic: str, profile: Profile, books: Mapping[str, Book | None], now: float
    ) -> Subscription:
        """Want a topic once more; `books` has its book, if it is new."""
        subscription = self._topics.get(topic)
        if subscription is None:
            book = books[topic]
            subscription = self._topics[topic] = Subscription(topic, profile, book, now)
            if book is not None:
                self._books[book] = subscription
        subscription.holders += 1
        return subscription

    def make_books(
        self, topics: Sequence[str], profiles: Sequence[Profile]
    ) -> dict[str, Book | None]:
        """The books of those topics that are new, None where one is not a book's. All of them, or
        none is left."""
        made: dict[str, Book | None] = {}
        try:
            for topic, profile in zip(topics, profiles, strict=True):
                if topic not in self._topics:
                    made[topic] = self._make_book(topic, profile, made)
        except BitmartBookError:
            for book in made.values():
                if book is not None:
                    self._engine.close_book(book)
            raise
        return made

    def _make_book(
        self, topic: str, profile: Profile, made: Mapping[str, Book | None]
    ) -> Book | None:
        parsed = Topic.parse(topic)
        if profile.book(parsed.channel) is None:
            return None
        book = self._engine.book(parsed.symbol, channel=parsed.channel, market=profile.market)
        if book in self._books:
            raise UsageError(
                f"{self._books[book].topic} is subscribed already, and it is the same book"
            )
        for other, same in made.items():
            if same is book:
                raise UsageError(f"{topic} and {other} are the same book: subscribe one of them")
        self._engine.invalidate(book, "not subscribed yet", state=BookState.CONNECTING)
        return book

    def drop(self, topics: Iterable[str]) -> list[Subscription]:
        """Want these once less each; returns those that nobody wants any more, and that are not
        here any more."""
        topics = list(topics)
        for topic in topics:
            if topic not in self._topics:
                raise UsageError(f"{topic} is not subscribed")
        ended = []
        for topic in topics:
            subscription = self._topics[topic]
            subscription.holders -= 1
            if subscription.holders > 0:
                continue
            ended.append(subscription)
            del self._topics[topic]
            if subscription.book is not None:
                del self._books[subscription.book]
        return ended

    def clear(self) -> None:
        """Nothing is wanted any more."""
        self._topics.clear()
        self._books.clear()

    # --- how it stands with them ---

    def state(self, topic: str) -> str:
        """Of a wanted topic: its book's own, else CONNECTING, SYNCING, LIVE or REJECTED."""
        subscription = self._topics[topic]
        if subscription.book is not None:
            return str(subscription.book.state)
        if subscription.refusal is not None:
            return str(BookState.REJECTED)
        if subscription.connection is None or subscription.connection.session is None:
            return str(BookState.CONNECTING)
        return str(BookState.LIVE if subscription.is_answered else BookState.SYNCING)

    def states(self) -> dict[str, str]:
        """As `state`, by topic."""
        return {topic: self.state(topic) for topic in self._topics}

    def answered(self, topic: str) -> bool:
        """Whether a wanted topic is LIVE, or has acknowledged or sent anything if not a book's."""
        subscription = self._topics.get(topic)
        if subscription is None:
            return False
        if subscription.book is not None:
            return subscription.book.state == BookState.LIVE
        return subscription.is_answered

    def refusal(self, topic: str) -> Answer | None:
        """The venue's refusal of a wanted topic, if it refused."""
        subscription = self._topics.get(topic)
        return None if subscription is None else subscription.refusal

    def problem(self, topic: str) -> BitmartBookError | None:
        """The last temporary error about a wanted topic that is not answered yet."""
        subscription = self._topics.get(topic)
        if subscription is None or subscription.temporary_error is None or self.answered(topic):
            return None
        return subscription.profile.errors.exception(subscription.temporary_error, (topic,))
