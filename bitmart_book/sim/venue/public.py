"""What the public addresses of other venues have in common: symbols, topics, and who hears what.

A `PublicFeed` knows which levels its subscribers have been told of, and when something is to be
said again. The words it is said in are the business of the venue's own file.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from bitmart_book.errors import UsageError
from bitmart_book.model import Instrument
from bitmart_book.sim.market.market import Listing, Print, SeededMarket
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.feeds import Feed
from bitmart_book.sim.venue.lines import Connection, Lines, Rules
from bitmart_book.sim.venue.publisher import Publisher, Reach
from bitmart_book.sim.venue.windows import Rows, changed

__all__ = ["Address", "Channel", "Desk", "PublicFeed", "Topic"]

# Two moves of a market lie at least so far apart.
TICK_SECONDS = 0.01
# A venue's sequence ids grow by one to so much with each change.
LONGEST_STRIDE = 9


class Channel(NamedTuple):
    """What can be subscribed of each symbol."""

    name: str
    """As on the wire, with its depth where a topic has one."""
    kind: Literal["changes", "pictures", "trades", "ticker"]
    levels: int = 0
    """How many a side are told of."""
    interval: float = 0.0
    """Least seconds between two pushes."""
    repeat: float | None = None
    """After so many seconds without a push the venue speaks although nothing has changed."""


class Address(NamedTuple):
    """Where a venue can be reached."""

    endpoint: str
    path: str
    market: str
    """Tells the addresses of a venue apart, like "kraken" or "bybit-spot"."""
    rules: Rules
    make: type[PublicFeed]
    listings: tuple[Listing, ...]
    """What is listed where nobody names symbols."""
    made_up: Callable[[str, float], Listing | None]
    """The listing of any other symbol, and so many changes a second; None: not one of a symbol
    that is spelled so."""
    extra: str
    """How symbols are called of which there are many, like "SYM{:04d}/USD"."""

    def listed(
        self, symbols: Sequence[str] | None, extra: int, extra_rate: float
    ) -> dict[str, Listing]:
        """Those named that this address would spell so (None: the usual ones), and extra ones."""
        usual = {listing.symbol: listing for listing in self.listings}
        names = list(usual) if symbols is None else list(symbols)
        found = {name: usual.get(name) or self.made_up(name, 20.0) for name in names}
        for number in range(1, extra + 1):
            name = self.extra.format(number)
            found[name] = self.made_up(name, extra_rate)
        return {name: listing for name, listing in found.items() if listing is not None}


class Topic(Feed):
    """One channel of one symbol: who listens, and what they have been told."""

    __slots__ = ("_same", "asks", "behind", "bids", "channel", "desk", "mark", "marks", "number",
                 "repeating", "told_at", "version")  # fmt: skip

    def __init__(self, desk: Desk, channel: Channel, number: int) -> None:
        super().__init__()
        self.desk = desk
        self.channel = channel
        self.bids: Rows = []
        self.asks: Rows = []
        self.version = -1
        """The publisher's, of what was last told."""
        self.number = number
        """What the venue counts by: of the last message, or of the last change."""
        self.mark: int | str = -1
        """What names the last message to a client: its number, or its stamp."""
        self.marks: dict[int | str, int] = {}
        """The version that was told under each mark of late."""
        self._same: list[int | str] = []
        """The marks of the messages since the last change."""
        self.told_at = -math.inf
        self.behind = False
        self.repeating = False

    def look(self) -> tuple[Rows, Rows]:
        """Take in the present book; what has changed since: bids and asks, best first."""
        market, levels = self.desk.publisher.market, self.channel.levels
        bids, asks = market.bids.levels(levels), market.asks.levels(levels)
        rows = (
            sorted(changed(self.bids, bids), reverse=True),
            sorted(changed(self.asks, asks)),
        )
        self.bids, self.asks = bids, asks
        self.version = self.desk.publisher.version
        return rows

    def remember(self, most: int, *, changed: bool = False) -> None:
        """The last message told of the present version, and so did those before it that it does
        not differ from."""
        if changed:
            self._same.clear()
        if self.mark not in self._same:
            self._same.append(self.mark)
        for mark in self._same:
            self.marks.pop(mark, None)
            self.marks[mark] = self.version
        while len(self.marks) > most:
            del self.marks[next(iter(self.marks))]


class Desk:
    """One symbol at this venue."""

    __slots__ = ("chance", "nudged", "number", "publisher", "ticking", "topics")

    def __init__(self, publisher: Publisher, chance: random.Random) -> None:
        self.publisher = publisher
        self.chance = chance
        self.topics: dict[str, Topic] = {}
        self.ticking = self.nudged = False
        self.number = chance.randrange(10**8, 10**9)
        """Of the venue's own count of this symbol's changes."""

    def listened(self, *kinds: str) -> Iterator[Topic]:
        """The topics of these kinds that somebody listens to."""
        return (
            topic
            for topic in self.topics.values()
            if topic.subscribers and topic.channel.kind in kinds
        )


class PublicFeed(ABC):
    """One public address of a venue. Times are the exchange's.

    `market` tells the addresses apart, like "kraken" or "bybit-spot". A venue's file says what is
    written: the `_first`, `_update`, `_picture`, `_trades` and `_ticker` of a topic, and what it
    makes of a client's messages in `receive`.
    """

    channels: Mapping[str, Channel] = {}
    counts = False
    """Whether messages have numbers, which begin anew when the service restarts."""
    repeats = False
    """Whether the venue speaks of books that have not changed."""

    def __init__(
        self,
        lines: Lines,
        listings: Mapping[str, Listing],
        *,
        market: str,
        seed: int,
        clock: Clock,
        speed: float,
        history: int,
        glimpses: int,
    ) -> None:
        self.market = market
        self.listings = listings
        self._lines = lines
        self._clock = clock
        self._seed = seed
        self._speed = speed
        self._history = history
        self._glimpses = glimpses
        self._chance = random.Random(f"{market} {seed}")
        self._desks: dict[str, Desk] = {}
        self._is_paused: Callable[[str], bool] = lambda symbol: False  # noqa: ARG005
        self.settle: Callable[[str], None] = lambda symbol: None  # noqa: ARG005
        """Called when a market has moved, where own orders may be in it."""

    # What is true

    def publisher(self, symbol: str) -> Publisher:
        """The market of a symbol. UsageError for one that is not listed."""
        return self._desk(symbol).publisher

    def known_publisher(self, symbol: str) -> Publisher | None:
        """The same, if anybody ever asked for it."""
        desk = self._desks.get(symbol)
        return None if desk is None else desk.publisher

    def instrument(self, symbol: str) -> Instrument:
        """What the venue says about a symbol that is listed."""
        listing = self.listings[symbol]
        return Instrument(
            symbol=symbol,
            market=self.market,
            tick=Decimal(1).scaleb(-listing.price_decimals),
            lot=Decimal(1).scaleb(-listing.size_decimals),
            **self._facts(symbol),
        )

    def _facts(self, symbol: str) -> dict[str, Any]:
        """Of an instrument, what is this venue's own: currencies, what a contract is."""
        del symbol
        return {}

    def known_topic(self, symbol: str, channel: str) -> Topic | None:
        """What subscribers of a channel of a symbol were told last, if anybody ever asked."""
        desk = self._desks.get(symbol)
        return None if desk is None else desk.topics.get(channel)

    def version(self, symbol: str, channel: str, mark: int | str) -> int | None:
        """The version of the book that a message told of; None: not remembered.

        `mark` is what names the message: Kraken's "timestamp" as it was written, OKX's "seqId",
        Bybit's "u". Changes that the channel does not show are no version of their own.
        """
        return self._topic(self._desk(symbol), channel).marks.get(mark)

    def subscribed(self) -> dict[str, list[int]]:
        """Each symbol of which changes of a book are subscribed, and the connections that hear."""
        found: dict[str, list[int]] = {}
        for symbol, desk in self._desks.items():
            ids = [id_ for topic in desk.listened("changes") for id_ in topic.subscribers]
            if ids:
                found[symbol] = list(dict.fromkeys(ids))
        return found

    def snapshot(self, symbol: str) -> str:
        """A snapshot as a new subscriber would get it of the first book that is listened to."""
        desk = self._desk(symbol)
        listened = next(desk.listened("changes"), None)
        if listened is None:
            name = next(c.name for c in self.channels.values() if c.kind == "changes")
            listened = self._topic(desk, name)
            self._catch_up(listened)
        return self._first(listened)

    # Interventions

    def nudge(self, symbol: str) -> None:
        """The market has changed by itself: publish it at the next occasion."""
        desk = self._desk(symbol)
        desk.publisher.glance(self._lines.now)
        if not desk.nudged:
            desk.nudged = True
            self._lines.schedule(self._lines.now + TICK_SECONDS, self._nudged, desk)

    def pauses(self, is_paused: Callable[[str], bool]) -> None:
        """Stop and start the markets as that function says. A market that stands still is quiet:
        what the venue repeats of a quiet book goes on."""
        self._is_paused = is_paused
        now = self._lines.now
        for symbol, desk in self._desks.items():
            if is_paused(symbol):
                desk.publisher.pause(now)
            elif desk.publisher.paused_at is not None:
                desk.publisher.resume(now)
                self._start(desk)

    def take(self, symbol: str, side: Literal["bid", "ask"], levels: int | None) -> None:
        """Let the best so many levels of a side (None: all of them) go at once."""
        desk = self._desk(symbol)
        if desk.publisher.take(side, levels, self._lines.now) != ({}, {}, []):
            self._moved(desk)

    def tell_snapshot(self, symbol: str) -> None:
        """Push what they were last told to every subscriber once more, whole."""
        for topic in self._desk(symbol).listened("changes"):
            self._lines.push(self._first(topic), topic.subscribers.values())
            topic.remember(self._history)

    def tell_again(self, symbol: str) -> None:
        """Say of the books what is said when nothing has changed, though it is not due."""
        for topic in self._desk(symbol).listened("changes", "pictures"):
            self._push(topic, self._repeated(topic))

    def tell_nothing(self, symbol: str) -> None:
        """Push changes without levels that are a message of their own."""
        desk = self._desk(symbol)
        for topic in desk.listened("changes"):
            self._tell(topic)
        desk.publisher.skip(self._lines.now)
        desk.number += 1
        for topic in desk.listened("changes"):
            topic.look()
            self._push(topic, self._update(topic, [], []))
            topic.remember(self._history, changed=True)

    def restart(self, symbol: str, number: int) -> None:
        """Count anew from there, as the venue does it after a restart."""
        raise UsageError(f"{self.market} counts no messages: {symbol} cannot go on from {number}")

    # Endpoint

    def greet(self, connection: Connection) -> None:  # noqa: B027
        """Say something to whoever has just been let in; most say nothing."""

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        for key in list(connection.topics):
            self._leave(connection, key)

    def too_fast(self, connection: Connection) -> bool:
        """More messages than are allowed; without such a limit it never happens."""
        del connection
        return True

    @abstractmethod
    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client."""

    # For the venue's own file

    def _join(self, connection: Connection, key: str, symbol: str, channel: str) -> Topic:
        """Subscribe a connection to a channel of a symbol; `key` is the topic as it names it."""
        topic = self._topic(self._desk(symbol), channel)
        if not topic.subscribers:
            self._catch_up(topic)
        topic.join(connection)
        connection.topics[key] = topic
        connection.subscribed = True
        self._repeat_later(topic)
        return topic

    def _leave(self, connection: Connection, key: str) -> None:
        """End a subscription that there is."""
        topic = connection.topics.pop(key)
        del topic.subscribers[connection.id]

    def _push_first(self, connection: Connection, topic: Topic) -> None:
        """Push what a new subscriber gets at once, if there is anything."""
        text = self._first(topic)
        if text:
            self._lines.push(text, (connection,))
            if topic.channel.levels:
                topic.remember(self._history)

    @abstractmethod
    def _first(self, topic: Topic) -> str:
        """What a new subscriber gets; it may be nothing."""

    @abstractmethod
    def _update(self, topic: Topic, bids: Rows, asks: Rows) -> str:
        """A message of changes; it has a mark of its own, which is noted in the topic."""

    @abstractmethod
    def _trades(self, topic: Topic, prints: Collection[tuple[int, Print]]) -> str:
        """A message of the latest trades, each with its time in milliseconds, oldest first."""

    @abstractmethod
    def _ticker(self, topic: Topic) -> tuple[Any, str] | None:
        """What makes a ticker another one than the last, and its message."""

    def _picture(self, topic: Topic) -> str:
        """A message of the whole book, of topics that have pictures."""
        return self._first(topic)

    def _repeated(self, topic: Topic) -> str:
        """What is said of a book that has not changed for long; it may be nothing."""
        del topic
        return ""

    # Symbols

    def _desk(self, symbol: str) -> Desk:
        """Made when somebody first asks."""
        desk = self._desks.get(symbol)
        if desk is not None:
            return desk
        if symbol not in self.listings:
            raise UsageError(f"symbol {symbol!r} is not listed at {self.market}")
        key = f"{self.market} {self._seed}"
        listing, now = self.listings[symbol], self._lines.now
        publisher = Publisher(
            SeededMarket(listing, random.Random(f"{key} {symbol}").getrandbits(32)),
            seed=self._seed,
            now=now,
            clock=self._clock,
            speed=self._speed,
            history=self._history,
            numbers="padded",
            reach=Reach(),
            glimpses=self._glimpses,
        )
        desk = self._desks[symbol] = Desk(publisher, random.Random(f"desk {key} {symbol}"))
        if self._is_paused(symbol):
            publisher.pause(now)
        else:
            self._start(desk)
        return desk

    def _topic(self, desk: Desk, name: str) -> Topic:
        topic = desk.topics.get(name)
        if topic is None:
            if name not in self.channels:
                raise UsageError(f"{self.market} has no channel {name!r}")
            number = desk.chance.randrange(10**6, 10**8)
            topic = desk.topics[name] = Topic(desk, self.channels[name], number)
            self._catch_up(topic)
        return topic

    def _catch_up(self, topic: Topic) -> None:
        """Nobody was listening: what is told next is the present book."""
        bids, asks = topic.look()
        topic.last = None
        if bids or asks:
            self._unheard(topic)
            topic.remember(self._history, changed=True)

    def _unheard(self, topic: Topic) -> None:  # noqa: B027
        """The book has changed while nobody listened: what the next message is counted by."""

    # What happens

    def _start(self, desk: Desk) -> None:
        due = desk.publisher.next_time()
        if not desk.ticking and due < math.inf:
            desk.ticking = True
            self._lines.schedule(max(due, self._lines.now + TICK_SECONDS), self._tick, desk)

    def _tick(self, desk: Desk, now: float) -> None:
        desk.ticking = False
        if desk.publisher.paused_at is None:
            self._move(desk, now)
            self._start(desk)

    def _nudged(self, desk: Desk, now: float) -> None:
        desk.nudged = False
        if desk.publisher.paused_at is None:
            self._move(desk, now)

    def _move(self, desk: Desk, now: float) -> None:
        """Let the market move, and tell what has changed."""
        version = desk.publisher.version
        trades = desk.publisher.tape.trades
        batch = desk.publisher.advance(now)
        self.settle(desk.publisher.symbol)
        if desk.publisher.tape.trades != trades:
            prints = [(self._clock.ms(desk.publisher.exchange_time(p.time)), p)
                      for p in batch.prints]  # fmt: skip
            for topic in desk.listened("trades"):
                self._push(topic, self._trades(topic, prints))
        if desk.publisher.version != version:
            self._moved(desk)

    def _moved(self, desk: Desk) -> None:
        """There is a new version of the book."""
        desk.number += desk.chance.randint(1, LONGEST_STRIDE)
        for topic in desk.listened("changes", "pictures", "ticker"):
            self._tell_soon(topic)

    def _tell_soon(self, topic: Topic) -> None:
        """Tell a topic's news now, or as soon as its channel allows."""
        due = topic.told_at + topic.channel.interval
        if self._lines.now >= due:
            self._tell(topic)
        elif not topic.behind:
            topic.behind = True
            self._lines.schedule(due, self._tell_late, topic)

    def _tell_late(self, topic: Topic, now: float) -> None:
        del now
        topic.behind = False
        if topic.subscribers:
            self._tell(topic)

    def _tell(self, topic: Topic) -> None:
        if topic.channel.kind == "ticker":
            self._tell_ticker(topic)
            return
        bids, asks = topic.look()
        if bids or asks:
            whole = topic.channel.kind == "pictures"
            self._push(topic, self._picture(topic) if whole else self._update(topic, bids, asks))
        topic.remember(self._history, changed=bool(bids or asks))

    def _tell_ticker(self, topic: Topic) -> None:
        picture = self._ticker(topic)
        if picture is not None and picture[0] != topic.last:
            topic.last = picture[0]
            self._push(topic, picture[1])

    def _push(self, topic: Topic, text: str) -> None:
        if text:
            topic.told_at = self._lines.now
            self._lines.push(text, topic.subscribers.values())

    def _repeat_later(self, topic: Topic) -> None:
        repeat = topic.channel.repeat
        if repeat is not None and not topic.repeating:
            topic.repeating = True
            topic.told_at = max(topic.told_at, self._lines.now)
            self._lines.schedule(topic.told_at + repeat, self._repeat, topic)

    def _repeat(self, topic: Topic, now: float) -> None:
        topic.repeating = False
        repeat = topic.channel.repeat
        if not topic.subscribers or repeat is None:
            return
        if now >= topic.told_at + repeat:
            self._push(topic, self._repeated(topic))
        topic.repeating = True
        self._lines.schedule(topic.told_at + repeat, self._repeat, topic)
