"""The public side of simulated spot v1.1: topics, books, tickers, trades.

What BitMart left undocumented, or what was seen in two forms, is a knob.

Source: BitMart's spot API reference, "WebSocket Subscription", and the rules quoted below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from bitmart_book.errors import UsageError
from bitmart_book.sim.market.market import Listing, Market, Print, SeededMarket
from bitmart_book.sim.venue import wire
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.feeds import Feed, Picture
from bitmart_book.sim.venue.framing import SpotFraming
from bitmart_book.sim.venue.knobs import Knobs
from bitmart_book.sim.venue.lines import Connection, Lines
from bitmart_book.sim.venue.publisher import Publisher, Reach

__all__ = ["INCREASE", "Spot"]

INCREASE = "spot/depth/increase100"
DEPTHS = {"spot/depth5": 5, "spot/depth20": 20, "spot/depth50": 50}
KLINES: dict[str, str | int] = {
    "spot/kline1m": 60,
    "spot/kline5m": 300,
    "spot/kline15m": 900,
    "spot/kline30m": 1_800,
    "spot/kline1H": 3_600,
    "spot/kline2H": 7_200,
    "spot/kline4H": 14_400,
    "spot/kline1D": 86_400,
    "spot/kline1W": "1W",
    "spot/kline1M": "1M",
}
FAST = (INCREASE, "spot/trade", "spot/bookTicker")
SLOW = (*DEPTHS, "spot/ticker", *KLINES)


class _Desk:
    """One symbol at this exchange."""

    __slots__ = ("feeds", "publisher", "running")

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.feeds: dict[str, Feed] = {}
        self.running: set[str] = set()
        """Which of its jobs are scheduled."""

    def feed(self, key: str) -> Feed | None:
        """A feed, if somebody listens."""
        feed = self.feeds.get(key)
        return feed if feed is not None and feed.subscribers else None


class Spot:
    """Symbols, and who listens to what of them. `settle` is called when a market has moved."""

    def __init__(
        self,
        lines: Lines,
        knobs: Knobs,
        listings: Mapping[str, Listing],
        markets: Mapping[str, Market],
        *,
        seed: int,
        clock: Clock,
        speed: float,
        history: int,
        glimpses: int,
        settle: Callable[[str], None],
    ) -> None:
        self.listings = listings
        self._lines = lines
        self._knobs = knobs
        self._markets = markets
        self._seed = seed
        self._clock = clock
        self._speed = speed
        self._history = history
        self._glimpses = glimpses
        self._settle = settle
        self._framing = SpotFraming(lines, knobs)
        self._desks: dict[str, _Desk] = {}
        self._is_paused: Callable[[str], bool] = lambda symbol: False  # noqa: ARG005

    # Markets

    def publisher(self, symbol: str) -> Publisher:
        """The market of a symbol. UsageError for one that is not listed."""
        return self._desk(symbol).publisher

    def known_publisher(self, symbol: str) -> Publisher | None:
        """The same, if anybody ever asked for it."""
        desk = self._desks.get(symbol)
        return None if desk is None else desk.publisher

    def nudge(self, symbol: str) -> None:
        """The market has changed by itself: publish it at the next occasion."""
        desk = self._desk(symbol)
        desk.publisher.glance(self._lines.now)
        self._start(desk, "nudge", max(self._lines.now, self._soonest(desk)))

    def pauses(self, is_paused: Callable[[str], bool]) -> None:
        """Stop and start the markets as that function says, now and when one is first used."""
        self._is_paused = is_paused
        now = self._lines.now
        for symbol, desk in self._desks.items():
            if is_paused(symbol):
                desk.publisher.pause(now)
            elif desk.publisher.paused_at is not None:
                desk.publisher.resume(now)
                self._start(desk, "tick", self._next_tick(desk, now))

    def snapshot(self, symbol: str) -> str:
        """The frame that would answer a request now."""
        publisher = self._desk(symbol).publisher
        return wire.depth_increase(
            "snapshot",
            symbol,
            publisher.version,
            self._clock.ms(self._lines.now),
            *publisher.depth(),
        )

    def subscribed(self) -> dict[str, list[int]]:
        """Each symbol whose sequenced book is subscribed, and the connections that hear of it."""
        return {
            symbol: list(feed.subscribers)
            for symbol, desk in self._desks.items()
            if (feed := desk.feed(INCREASE)) is not None
        }

    # Interventions

    def tell_snapshot(self, symbol: str) -> None:
        """Push the present book to every subscriber, though nobody asked."""
        feed = self._desk(symbol).feed(INCREASE)
        if feed is not None:
            self._lines.push(self.snapshot(symbol), feed.subscribers.values())

    def tell_again(self, symbol: str) -> None:
        """Push a heartbeat, though it is not due."""
        self._tell_increase(self._desk(symbol), lambda: ("", ""))

    def tell_nothing(self, symbol: str) -> None:
        """Push an update without levels that is a version of its own."""
        desk = self._desk(symbol)
        desk.publisher.skip(self._lines.now)
        self._tell_increase(desk, lambda: ("", ""))

    def restart(self, symbol: str, version: int) -> None:
        """Let the versions go on from another number, without a word to anybody."""
        self._desk(symbol).publisher.restart(version, self._lines.now)

    def take(self, symbol: str, side: Literal["bid", "ask"], levels: int | None) -> None:
        """Let the best so many levels of a side (None: all of them) go at once; own orders stay."""
        desk = self._desk(symbol)
        batch = desk.publisher.take(side, levels, self._lines.now)
        if batch.bids or batch.asks:
            rows = desk.publisher.numbers.rows
            self._tell_increase(desk, lambda: (rows(batch.bids.items()), rows(batch.asks.items())))

    # A client's messages

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client."""
        operations = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "request": self._request,
        }
        understood = self._framing.understood(connection, payload, tuple(operations))
        if understood is None:
            return
        operation, topics = understood
        problems = [(topic, self._problem(operation, topic)) for topic in topics]
        refused = self._knobs.all_or_nothing and any(code for _, code in problems)
        for topic, code in problems:
            if code is not None:
                self._framing.error(connection, operation, code, topic)
            elif not refused and self._lines.is_open(connection):
                operations[operation](connection, topic)

    def too_fast(self, connection: Connection) -> bool:
        """More messages than are allowed."""
        return self._framing.too_fast(connection)

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        for feed in connection.topics.values():
            del feed.subscribers[connection.id]

    def _problem(self, operation: str, topic: str) -> str | None:
        channel, _, symbol = topic.partition(":")
        if channel not in FAST and channel not in SLOW:
            return "90004"
        if operation == "request" and channel != INCREASE:
            return "90004"
        return None if symbol in self.listings else "92001"

    def _subscribe(self, connection: Connection, topic: str) -> None:
        framing = self._framing
        if topic in connection.topics:
            framing.error(connection, "subscribe", "90008", topic)
            return
        if len(connection.topics) >= self._knobs.topics and not framing.punish(
            connection, "topics", "90006", "subscribe"
        ):
            return
        channel, _, symbol = topic.partition(":")
        desk = self._desk(symbol)
        if self._knobs.acks == "before":
            framing.ack(connection, "subscribe", topic)
        self._join(connection, topic, desk, channel)
        if channel == INCREASE and self._knobs.late_snapshots:
            desk.feeds[channel].late.append((connection, self.snapshot(symbol)))
        else:
            first = self._first_push(desk, channel)
            if first is not None:
                self._lines.push(first, (connection,))
        if self._knobs.acks == "after":
            framing.ack(connection, "subscribe", topic)

    def _unsubscribe(self, connection: Connection, topic: str) -> None:
        # What the server says to a topic that is not subscribed is not documented.
        feed = connection.topics.pop(topic, None)
        if feed is not None:
            del feed.subscribers[connection.id]
        if self._knobs.acks != "none":
            self._framing.ack(connection, "unsubscribe", topic)

    def _request(self, connection: Connection, topic: str) -> None:
        if self._knobs.request_acks:
            self._framing.ack(connection, "request", topic)
        self._lines.push(self.snapshot(topic.partition(":")[2]), (connection,))

    def _join(self, connection: Connection, topic: str, desk: _Desk, key: str) -> None:
        feed = desk.feeds.setdefault(key, Feed())
        connection.topics[topic] = feed
        connection.subscribed = True
        feed.join(connection)
        if key in SLOW:
            self._start(desk, "slow", self._lines.now + self._knobs.picture_interval)

    # A symbol's jobs

    def _desk(self, symbol: str) -> _Desk:
        """Made when somebody first asks: 2,000 symbols cost nothing until then."""
        desk = self._desks.get(symbol)
        if desk is not None:
            return desk
        if symbol not in self.listings:
            raise UsageError(f"symbol {symbol!r} is not listed")
        knobs, now = self._knobs, self._lines.now
        market = self._markets.get(symbol) or SeededMarket(self.listings[symbol], self._seed)
        publisher = Publisher(
            market,
            seed=self._seed,
            now=now,
            clock=self._clock,
            speed=self._speed,
            history=self._history,
            numbers=knobs.numbers,
            reach=Reach(knobs.window_only, knobs.window_deletes, knobs.window_refills),
            glimpses=self._glimpses,
        )
        desk = self._desks[symbol] = _Desk(publisher)
        if self._is_paused(symbol):
            publisher.pause(now)
        else:
            self._start(desk, "tick", self._next_tick(desk, now))
        return desk

    def _start(self, desk: _Desk, job: str, time: float) -> None:
        if job in desk.running or time == math.inf:
            return
        desk.running.add(job)
        run = {"tick": self._tick, "nudge": self._nudged, "slow": self._slow}[job]
        self._lines.schedule(time, run, desk)

    def _next_tick(self, desk: _Desk, now: float) -> float:
        """When the market has moved or the heartbeat is due, but not too soon after a push."""
        publisher, heartbeat = desk.publisher, self._knobs.heartbeat_interval
        due = publisher.next_time()
        if heartbeat is not None:
            due = min(due, publisher.told_at + heartbeat)
        return max(due, now + self._knobs.update_interval)

    def _tick(self, desk: _Desk, now: float) -> None:
        desk.running.discard("tick")
        if desk.publisher.paused_at is not None:
            return
        # An own order may just have been published out of turn.
        due = self._soonest(desk)
        if now >= due:
            self._publish(desk, now)
            due = self._next_tick(desk, now)
        self._start(desk, "tick", due)

    def _nudged(self, desk: _Desk, now: float) -> None:
        desk.running.discard("nudge")
        self._publish(desk, now)

    def _soonest(self, desk: _Desk) -> float:
        return desk.publisher.told_at + self._knobs.update_interval

    def _publish(self, desk: _Desk, now: float) -> None:
        """Let the market move, and tell what has changed."""
        publisher = desk.publisher
        if publisher.paused_at is not None:
            return
        batch = publisher.advance(now)
        self._settle(publisher.symbol)
        heartbeat = self._knobs.heartbeat_interval
        if batch.bids or batch.asks:
            rows = publisher.numbers.rows
            self._tell_increase(desk, lambda: (rows(batch.bids.items()), rows(batch.asks.items())))
        elif heartbeat is not None and now >= publisher.told_at + heartbeat:
            self._tell_increase(desk, lambda: ("", ""))
        if batch.prints:
            self._tell_trades(desk, batch.prints)
        self._tell_best(desk, now)

    def _tell_increase(self, desk: _Desk, rows: Callable[[], tuple[str, str]]) -> None:
        """Push an update of the present version; its rows are written only for a listener."""
        publisher, lines = desk.publisher, self._lines
        publisher.told_at = lines.now
        feed = desk.feed(INCREASE)
        if feed is None:
            return
        stamp = self._clock.ms(lines.now)
        text = wire.depth_increase("update", publisher.symbol, publisher.version, stamp, *rows())
        lines.push(text, feed.subscribers.values())
        late, feed.late = feed.late, []
        for connection, snapshot in late:
            if connection.id in feed.subscribers:
                lines.push(snapshot, (connection,))

    def _tell_trades(self, desk: _Desk, prints: list[Print]) -> None:
        feed = desk.feed("spot/trade")
        if feed is not None:
            publisher = desk.publisher
            rows = publisher.tape.rows(prints, publisher.exchange_time)
            text = wire.trade(publisher.symbol, rows, self._seconds)
            self._lines.push(text, feed.subscribers.values())

    def _tell_best(self, desk: _Desk, now: float) -> None:
        feed = desk.feed("spot/bookTicker")
        if feed is None:
            return
        picture = self._picture(desk, "spot/bookTicker", now)
        if picture is not None and picture.content != feed.last:
            feed.last = picture.content
            self._lines.push(picture.text, feed.subscribers.values())

    def _slow(self, desk: _Desk, now: float) -> None:
        desk.running.discard("slow")
        if self._tell_pictures(desk, SLOW, now):
            self._start(desk, "slow", now + self._knobs.picture_interval)

    def _tell_pictures(self, desk: _Desk, keys: Iterable[str], now: float) -> bool:
        """Push what has changed of these feeds; whether somebody listens to one of them."""
        publisher, listened = desk.publisher, False
        for key in keys:
            feed = desk.feed(key)
            if feed is None:
                continue
            listened = True
            seen = (publisher.version, publisher.tape.trades)
            if feed.seen == seen:
                continue
            feed.seen = seen
            picture = self._picture(desk, key, now)
            if picture is not None and picture.content != feed.last:
                feed.last = picture.content
                self._lines.push(picture.text, feed.subscribers.values())
        return listened

    # What is pushed

    def _first_push(self, desk: _Desk, channel: str) -> str | None:
        if channel == "spot/trade":
            return None  # no history on subscribing (live check of 2026-07-19)
        if channel == INCREASE:
            return self.snapshot(desk.publisher.symbol)
        picture = self._picture(desk, channel, self._lines.now)
        if picture is None:
            return None
        feed = desk.feeds[channel]
        if feed.last is None:
            feed.last = picture.content
        return picture.text

    def _seconds(self, time_ms: int) -> str:
        return f'"s_t":{time_ms // 1000},' if self._knobs.seconds else ""

    def _picture(self, desk: _Desk, key: str, now: float) -> Picture | None:
        """None where the book has nothing to show."""
        publisher = desk.publisher
        symbol, stamp = publisher.symbol, self._clock.ms(now)
        if key in DEPTHS:
            sides = publisher.depth(DEPTHS[key])
            return Picture(sides, wire.depth_full(key, symbol, stamp, *sides))
        if key in KLINES:
            bar = publisher.tape.bar(KLINES[key], now)
            values = publisher.tape.bar_values(bar)
            return Picture((bar.start, values), wire.kline(key, symbol, bar.start, values))
        if key == "spot/bookTicker":
            return self._best_picture(publisher, stamp)
        return self._ticker_picture(publisher, stamp)

    @staticmethod
    def _best_picture(publisher: Publisher, stamp: int) -> Picture | None:
        best = publisher.best()
        if best is None:
            return None
        price, size = publisher.numbers.price, publisher.numbers.size
        bid, ask = ((price(level[0]), size(level[1])) for level in best)
        return Picture(best, wire.book_ticker(publisher.symbol, stamp, bid, ask))

    def _ticker_picture(self, publisher: Publisher, stamp: int) -> Picture | None:
        best = publisher.best()
        if best is None:
            return None
        values = publisher.tape.ticker_values(best)
        text = wire.ticker(publisher.symbol, stamp, self._seconds(stamp), values)
        return Picture((publisher.tape.last, best), text)
