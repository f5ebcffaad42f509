"""The one core of both faces: whatever a feed does without waiting.

Which topics a user's words mean, what is subscribed and who gets what comes, what is said about a
book, what is reported. It opens no socket and knows no loop: `life` does, and tells it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from bitmart_book._book import Book, Engine, Latency, clock_ns
from bitmart_book.client.account import Account
from bitmart_book.client.client import Client
from bitmart_book.client.limits import Limiter
from bitmart_book.client.outbox import Push, fills_of
from bitmart_book.client.plan import Plan, plan
from bitmart_book.credentials import Credentials
from bitmart_book.errors import CaptureError, FeedClosed, NoSuchBook, UsageError
from bitmart_book.feed.answers import Answers, verdict
from bitmart_book.feed.fills import FillMailbox
from bitmart_book.feed.live import FeedStream, KeptBook
from bitmart_book.feed.options import Options, Wait, check_wait, filled, is_capture, listed
from bitmart_book.feed.report import LatencyReport, LoopReport, Report
from bitmart_book.fork import Owned
from bitmart_book.listeners.audience import Audience, mailboxes_of
from bitmart_book.listeners.merged import Merged
from bitmart_book.log.journal import Journal
from bitmart_book.model import (
    Balance,
    BookTicker,
    Event,
    FundingRate,
    Kline,
    Order,
    Position,
    Ticker,
    Trade,
)
from bitmart_book.venues import BITMART_DEMO, find_venue, venues
from bitmart_book.venues.profile import StreamChannel, Topic, Venue
from bitmart_book.wire.driver import Driver
from bitmart_book.wire.playback import RecordedTime, has_events, recorded_venues
from bitmart_book.wire.recorder import Recorder

__all__ = [
    "EVENTS",
    "MAXSIZE",
    "Core",
    "Held",
    "NewStream",
    "Value",
]

MAXSIZE = 10_000
# Stands for a topic where a stream is of what happens to the feed itself.
EVENTS = "events"
Value = Trade | Ticker | BookTicker | Kline | FundingRate | Order | Position | Balance
"""What a stream can bring."""
Held = KeptBook | FeedStream[Any]
NewStream = Callable[[str, int], FeedStream[Any]]
"""Makes a stream of a face: of that topic, with room for so many values."""


class Core(Owned):
    """What a feed holds and decides. book_type: the kind of live book of its face."""

    def __init__(self, options: Options, book_type: type[KeptBook]) -> None:
        super().__init__()
        self.options = options = filled(options)
        self.is_capture = is_capture(options["source"])
        self.venue = _venue(options)
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
            explain=lambda book: self.across(lambda: self._explain_book(book)),
            now=lambda: clock_ns() / 1e9,
            across=lambda function: self.across(function),
            instruments=self.instruments,
            latency=self.latency,
        )
        self.client: Client | None = None
        self.driver: Driver | None = None
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
            only_known=not self.is_capture or self.recorded_time is not None,
            book_type=book_type,
            venue=self.venue,
        )

    # --- life, as far as nobody waits ---

    def make_client(
        self,
        urls: dict[str, str],
        credentials: Mapping[str, Credentials] | None,
        recorder: Recorder | None,
    ) -> Client:
        """The client of a feed that opens now. credentials: those of a simulator, if it has any.
        recorder: where what the client tells the engine is written down too."""
        options = self.options
        live, limiter = options["source"] == "live", options["limiter"]
        if limiter is None and not live and not options["urls"]:
            # An exchange of our own counts for itself: its limits are not BitMart's memory of us.
            limiter = Limiter()
        self.client = Client(
            self.engine if recorder is None else recorder.told(self.engine),
            self.venue,
            rng=random.Random(),
            urls=self._regions(self._demo_urls(urls)),
            elsewhere=live and not options["urls"],
            limiter=limiter,
            timeouts=options["timeouts"],
            other_hosts=options["allow_other_hosts"],
            credentials=options["credentials"] or credentials,
            wall_ms=lambda: time.time_ns() // 1_000_000,
        )
        self.client.account.across = self.across
        self.client.account.instruments = self.instruments
        if recorder is not None:
            recorder.name_of = self.client.connections.name_of
        return self.client

    def _demo_urls(self, urls: dict[str, str]) -> dict[str, str]:
        if not self.options["demo"]:
            return urls
        # A server of ours has its demo trading beside the other, at addresses of its own.
        demo = {k.removeprefix("demo_"): v for k, v in urls.items() if k.startswith("demo_")}
        return {**urls, **demo}

    def _regions(self, urls: dict[str, str]) -> dict[str, str]:
        """An address may be the name of a region: {"okx_public": "eea"}."""
        profiles = {profile.endpoint: profile for profile in self.venue.profiles}
        return {
            endpoint: profiles[endpoint].region_url(url)
            if "://" not in url and endpoint in profiles
            else url
            for endpoint, url in urls.items()
        }

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

    def is_listened_to(self) -> bool:
        """Whether a callback, an iterator or a trigger waits for something of a book."""
        return any(book.watched for book in self.engine.books)

    def given_out(self) -> list[object]:
        """What a user may have of this feed beside it: books, streams by their mailboxes, the
        account and what is of it."""
        account = [] if self.client is None else self.client.account.given_out()
        return [*self.engine.books, *mailboxes_of(self.audience), *account]

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

    # --- subscribing ---

    def topics(
        self, words: Iterable[str], channel: str | None = None, market: str | None = None
    ) -> list[str]:
        """The raw topics that these symbols or topics mean, each once. UsageError where one
        cannot exist."""
        venue = self.venue
        return [venue.topic(word, channel=channel, market=market) for word in dict.fromkeys(words)]

    def waits(self, wait: Wait | None) -> bool:
        """Whether a call waits for the venue's answer."""
        if wait is not None:
            check_wait(wait)
        return (wait or self.options["wait"]) == "all"

    def subscribe(
        self,
        words: Sequence[str],
        channel: str | None,
        market: str | None,
        new_stream: NewStream,
    ) -> tuple[list[str], Held | tuple[Held, ...]]:
        """Subscribe all of these, or none where one of them cannot be. Returns their topics, and
        what the user gets: of one the book or stream itself, of several a tuple."""
        client, driver = self.running()
        self.engine.require_quiet()
        topics = self.topics(words, channel, market)
        client.subscribe(topics, driver.now())
        held = {
            word: self._held(topic, new_stream)
            for word, topic in zip(dict.fromkeys(words), topics, strict=True)
        }
        driver.step()
        return topics, held[words[0]] if len(words) == 1 else tuple(held[w] for w in words)

    def _held(self, topic: str, new_stream: NewStream) -> Held:
        book = self.running()[0].wanted[topic].book
        if book is None:
            stream = new_stream(topic, MAXSIZE)
            stream.begun = True
            self.audience.add_stream(topic, stream.mailbox)
            return stream
        return self.introduced(book)

    def introduced(self, book: Book) -> KeptBook:
        """A book of the engine as its user may have it: with listeners of its own."""
        self.audience.hub(book)
        kept = cast(KeptBook, book)
        kept._account = None if self.client is None else self.client.account
        return kept

    def unsubscribe(self, words: Sequence[str], channel: str | None, market: str | None) -> None:
        """Once less each; at zero a book is CLOSED, and streams of the topic end."""
        client, driver = self.running()
        self.engine.require_quiet()
        topics = list(dict.fromkeys(self.topics(words, channel, market)))
        books = {topic: client.wanted[topic].book for topic in topics if topic in client.wanted}
        for topic in client.unsubscribe(topics, driver.now()):
            self.audience.end_streams(topic)
            book = books[topic]
            if book is not None:
                self.audience.forget_book(book)
        driver.step()

    def not_subscribed(self, words: Sequence[str]) -> list[str]:
        """Those of these symbols or topics, which must be of books, that are not subscribed."""
        client, _ = self.running()
        topics = self.topics(words)
        for topic in topics:
            if self.venue.topic_profile(topic).stream(Topic.parse(topic).channel) is not None:
                raise UsageError(
                    f"{topic} is no book's topic: feed.stream({topic!r}) has its values"
                )
        return [
            word
            for word, topic in zip(dict.fromkeys(words), topics, strict=True)
            if topic not in client.wanted
        ]

    def is_hopeless(self) -> bool:
        """Whether no connection could be opened, not even when tried again."""
        if self.client is None:
            return False
        report = self.client.report()
        is_open = any(one["open"] for one in report["connections"].values())
        return not is_open and report["counters"].get("connect_failures", 0) >= 2

    def answers(self, topics: Iterable[str]) -> Answers:
        """What the venue says of topics that were just subscribed."""
        return Answers(self.running()[0].wanted, topics, self.instruments)

    def unfollow(self, words: Sequence[str], merged: Merged) -> None:
        """Nobody follows these books any more; those that were subscribed for that are not."""
        self.audience.unfollow_all(merged)
        merged.close()
        if words and not self.closed and not self.is_foreign:
            there = self.running()[0].wanted
            self.unsubscribe([w for w in words if self.topics([w])[0] in there], None, None)

    # --- streams ---

    def can_begin(self, topic: str) -> bool:
        """Whether `begin` can be called now; before the feed is open only events come."""
        return topic == EVENTS or self.is_capture or self.driver is not None

    def begin(self, stream: FeedStream[Any]) -> None:
        """Subscribe the topic of a stream, unless that was done."""
        self.check_open()
        if stream.begun:
            return
        if stream.topic == EVENTS:
            self.audience.add_events(stream.mailbox)
        else:
            client, driver = self.running()
            self.engine.require_quiet()
            client.subscribe([stream.topic], driver.now())
            self.audience.add_stream(stream.topic, stream.mailbox)
            if isinstance(stream.mailbox, FillMailbox):
                self.audience.add_stream(fills_of(stream.topic), stream.mailbox)
            driver.step()
        stream.begun = True

    def end(self, stream: FeedStream[Any]) -> None:
        """Nobody takes from that stream any more."""
        if stream.topic == EVENTS:
            self.audience.remove_events(stream.mailbox)
            return
        self.audience.remove_stream(fills_of(stream.topic), stream.mailbox)
        if self.closed or not self.audience.remove_stream(stream.topic, stream.mailbox):
            return
        client, driver = self.running()
        for topic in client.unsubscribe([stream.topic], driver.now()):
            self.audience.end_streams(topic)
        driver.step()

    def stream_topic(self, topic: str, *kinds: str) -> str:
        """A raw topic, if it brings values of these kinds, or of any; UsageError for another."""
        channel = Topic.parse(topic).channel
        stream = self.venue.topic_profile(topic).stream(channel)
        if stream is None:
            raise UsageError(f"{topic} is a book's topic: subscribe({topic!r}) gives the book")
        if kinds and stream.kind not in kinds:
            raise UsageError(f"{topic} brings values of kind {stream.kind!r}, not {kinds[0]!r}")
        return topic

    def topic_of(self, kind: str, symbol: str, step: str | None = None, *others: str) -> str:
        """The topic of that kind in the market of a symbol; a raw topic of it, or of the other
        kinds that are as good, is taken as it is."""
        if self.venue.is_topic(symbol):
            return self.stream_topic(symbol, kind, *others)
        market = self.venue.book_channel(symbol)[0].market
        for stream in self._channels(kind, market, step):
            return f"{stream.name}:{self.venue.bare(symbol)}"
        steps = sorted({stream.step for stream in self._channels(kind, market)})
        there = f"; there is: {', '.join(steps)}" if steps and step else ""
        raise UsageError(f"{market} has no {kind}{f' of {step}' if step else ''}{there}")

    def own_topic(self, kind: str, market: str | None) -> str:
        """The topic that brings all of a kind of the account, of a market, or of the first one
        that has such a thing."""
        wanted = market or self._own_market(kind)
        for stream in self._channels(kind, wanted):
            if stream.whole:
                return stream.whole[0]
        raise UsageError(f"{wanted} has no {kind}s")

    def _own_market(self, kind: str) -> str:
        """The market of an account where none is said: the first that has such a thing."""
        markets = [
            profile.market
            for profile in self.venue.profiles
            if profile.private and any(stream.kind == kind for stream in profile.streams)
        ]
        return markets[0] if markets else "spot"

    def fill_topic(self, symbol: str | None, market: str | None) -> str:
        """The topic that tells of executions: of their own, or inside words about orders."""
        if market is None and symbol is not None:
            market = self.venue.book_channel(symbol)[0].market
        wanted = market or self._own_market("order")
        kind = "fill" if self._channels("fill", wanted) else "order"
        return self.own_topic(kind, wanted)

    def balance_topic(self, currency: str | None, market: str | None) -> str:
        """The topic of own balances; on futures of one currency."""
        if market != "futures":
            return self.own_topic("balance", market)
        (stream,) = self._channels("balance", "futures")
        return f"{stream.name}:{currency or 'USDT'}"

    def _channels(self, kind: str, market: str, step: str | None = None) -> list[StreamChannel]:
        return [stream for _, stream in self.venue.streams(kind, market=market, step=step)]

    # --- reading ---

    def subscriptions(self) -> dict[str, str]:
        """Topic to state."""
        if self.client is None:
            return {topic: str(self.engine[topic].state) for topic in self.engine}
        return self.client.wanted.states()

    def account(self) -> Account:
        """What the private topics have told."""
        return self.running()[0].account

    def plan(self, symbols: Iterable[str]) -> Plan:
        """What these would use on an empty client."""
        return plan(self.venue, self.topics(listed("plan", symbols)))

    def book(self, key: str) -> KeptBook:
        """The book of a symbol or topic. NoSuchBook, which is a KeyError, where there is none."""
        self.check_open()
        book = self.engine.get(key) if isinstance(key, str) else None
        if book is None:
            raise NoSuchBook(self._no_book(key))
        return self.introduced(book) if self.is_capture else cast(KeptBook, book)

    def _no_book(self, key: object) -> str:
        if not isinstance(key, str):
            return f"a book is named by its symbol or topic, which is a text; was {key!r}"
        if key.islower() and key.upper() in self.engine:
            return f"there is no book of {key}; did you mean {key.upper()}?"
        if self.is_capture:
            there = ", ".join(self.engine) or "no book at all"
            return f"the capture holds no book of {key}; it holds {there}"
        others = [topic for topic in self.engine if topic.endswith(f":{key}")]
        there = f"; there is {', '.join(others)}" if others else ""
        return f"{key} is not subscribed; subscribe it first: feed.subscribe({key!r}){there}"

    def books(self) -> tuple[KeptBook, ...]:
        """All books, in the order in which they were made."""
        books = self.engine.books
        return tuple(map(self.introduced, books)) if self.is_capture else cast(Any, books)

    def explain(self, *words: str) -> str:
        """A sentence a line for each symbol or topic, or for all that is subscribed."""
        self.check_process()
        if self.closed:
            return "The feed is closed."
        sentences = [self._explain(word) for word in words or self.subscriptions()]
        return "\n".join(sentences) or "Nothing is subscribed."

    def _explain(self, word: str) -> str:
        book = self.engine.get(word)
        if book is not None:
            return self._explain_book(book)
        if self.client is None or self.driver is None:
            return f"{word} is not {'in the capture' if self.is_capture else 'subscribed'}."
        return self.client.explain(word, self.driver.now())

    def _explain_book(self, book: Book) -> str:
        """By its subscription: a topic may say more than the book's channel and symbol."""
        if self.client is not None and self.driver is not None:
            subscription = self.client.wanted.of(book)
            if subscription is not None:
                return self.client.explain(subscription.topic, self.driver.now())
        # Of one that no connection stands behind there is no more to say.
        return f"{Book.explain(book)}."

    def forget_lag(self, host: str) -> None:
        """The user's word that the clock of a host was set."""
        if self.client is None or self.driver is None:
            raise UsageError(f"no connection to {host!r}: this feed is not connected")
        self.client.connections.lateness.forget(host)
        self.driver.step()

    def report(self) -> Report:
        """Connections, topics, counters, and how long things take."""
        counters = self.audience.counters
        report = Report(
            topics=self.subscriptions(),
            engine=self.engine.stats,
            callbacks={name: counters[name] for name in ("failures", "dropped")},
            log={"held_back": self.journal.swallowed},
            connections={},
            counters={},
            hosts={},
            unknown_fields={},
            loop=LoopReport(pauses=0, longest_pause=0.0, stalls={}, internal_errors=0),
            latency=cast(LatencyReport, self.latency.summary()),
        )
        if self.client is not None and self.driver is not None:
            report.update(cast(Report, self.client.report()))
            report["loop"] = cast(LoopReport, self.driver.report())
        return report


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
