"""The public side of a simulated futures exchange: topics, who listens to them, and when they hear.

One instance is one exchange with markets of its own; the live one and the demo are two. What is
pushed is written by the desk of each contract. What BitMart left undocumented, or what was seen in
two forms, is a knob.

Source: BitMart's futures v2 API reference, "WebSocket Subscription", and a probe of the running
venue of 2026-09-23, which is believed where they differ.
"""

from __future__ import annotations

import math
import random
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from bitmart_book.errors import UsageError
from bitmart_book.sim.market.contracts import Contract
from bitmart_book.sim.venue import futures_wire as wire
from bitmart_book.sim.venue.clock import Clock
from bitmart_book.sim.venue.futures_desk import BOOK, KLINE, KLINES, Body, Desk
from bitmart_book.sim.venue.knobs import FuturesKnobs
from bitmart_book.sim.venue.lines import MESSAGE_TOO_BIG, Connection, Lines, decoded
from bitmart_book.sim.venue.publisher import Publisher, Side
from bitmart_book.sim.venue.windows import Window

__all__ = ["PRIVATE", "Futures"]

DEPTHS = (5, 20, 50)
SPEEDS = {"": 0.1, "100ms": 0.1, "200ms": 0.2}
PRIVATE = re.compile(r"futures/(asset(:.*)?|position|order)")
_TOPIC = re.compile(r"futures/([A-Za-z0-9/]+)(?::([A-Za-z0-9_]+))?(?:@([0-9]+ms))?")


class _Topic(NamedTuple):
    """A topic taken apart."""

    channel: str
    symbol: str
    speed: str


class _Feed:
    """One thing that is pushed of one contract, and to whom, by the group they asked for."""

    __slots__ = (
        "channel",
        "desk",
        "groups",
        "interval",
        "last",
        "running",
        "seen",
        "told_at",
        "window",
    )

    def __init__(self, desk: Desk, channel: str, interval: float, now: float) -> None:
        self.desk = desk
        self.channel = channel
        self.interval = interval
        self.groups: dict[str, dict[int, Connection]] = {}
        self.last: Any = None
        """What was last pushed, without its stamp."""
        self.seen = -1
        """The version of the whole book at the last look."""
        self.told_at = now
        self.running = False
        self.window: Window | None = None

    @property
    def listened(self) -> bool:
        return any(self.groups.values())

    def join(self, connection: Connection, group: str) -> None:
        self.groups.setdefault(group, {})[connection.id] = connection

    def leave(self, connection: Connection, group: str) -> None:
        del self.groups[group][connection.id]


class Futures:
    """Contracts, and who listens to what of them. `settle` is called when a market has moved."""

    def __init__(
        self,
        lines: Lines,
        knobs: FuturesKnobs,
        contracts: Mapping[str, Contract],
        *,
        seed: int,
        clock: Clock,
        speed: float,
        glimpses: int = 0,
        settle: Callable[[str], None] = lambda symbol: None,  # noqa: ARG005
    ) -> None:
        self.contracts = contracts
        self._lines = lines
        self._knobs = knobs
        self._seed = seed
        self._clock = clock
        self._speed = speed
        self._glimpses = glimpses
        self._settle = settle
        self._desks: dict[str, Desk] = {}
        self._ticking: set[str] = set()
        """The contracts whose markets are to move."""
        self._feeds: dict[tuple[str, str, float], _Feed] = {}
        """By symbol, channel and interval."""
        self._everybody: dict[int, Connection] = {}
        """Who listens to the tickers of all contracts."""
        self._everything: dict[str, Body] = {}
        """Their latest, by symbol."""
        self._telling_everybody = False
        self._is_paused: Callable[[str], bool] = lambda symbol: False  # noqa: ARG005

    # Markets

    def publisher(self, symbol: str) -> Publisher:
        """The market of a contract. UsageError for one that is not listed."""
        return self._desk(symbol).publisher

    def trade_id(self, symbol: str, number: int) -> int:
        """The id of the public trade of that number, counted from the market's first."""
        return self._desk(symbol).trade_id + number

    def nudge(self, symbol: str) -> None:
        """The market has changed by itself: publish it at the next occasion."""
        desk = self._desk(symbol)
        if desk.publisher.paused_at is not None:
            return
        desk.publisher.glance(self._lines.now)
        if symbol not in self._ticking:
            self._start(desk, self._lines.now)
        else:
            soon = self._lines.now + self._knobs.futures_trade_interval
            self._lines.schedule(soon, self._publish, desk)

    def _desk(self, symbol: str) -> Desk:
        """Made when somebody first asks."""
        desk = self._desks.get(symbol)
        if desk is not None:
            return desk
        contract = self.contracts.get(symbol)
        if contract is None:
            raise UsageError(f"contract {symbol!r} is not listed")
        desk = Desk(
            contract,
            self._knobs,
            seed=self._seed,
            now=self._lines.now,
            clock=self._clock,
            speed=self._speed,
            glimpses=self._glimpses,
        )
        self._desks[symbol] = desk
        if self._is_paused(symbol):
            desk.publisher.pause(self._lines.now)
        else:
            self._start(desk, self._lines.now)
        return desk

    def _start(self, desk: Desk, now: float) -> None:
        due = max(desk.publisher.next_time(), now + self._knobs.futures_trade_interval)
        if due < math.inf:
            self._ticking.add(desk.publisher.symbol)
            self._lines.schedule(due, self._tick, desk)

    def _tick(self, desk: Desk, now: float) -> None:
        self._ticking.discard(desk.publisher.symbol)
        if desk.publisher.paused_at is None:
            self._publish(desk, now)
            self._start(desk, now)

    def _publish(self, desk: Desk, now: float) -> None:
        """Let the market move, and tell of its trades."""
        if desk.publisher.paused_at is not None:
            return
        batch = desk.publisher.advance(now)
        self._settle(desk.publisher.symbol)
        feed = self._feeds.get((desk.publisher.symbol, "trade", 0.0))
        if batch.prints and feed is not None and feed.listened:
            self._push(feed, desk.trades(batch.prints))

    # Pauses

    def pauses(self, is_paused: Callable[[str], bool]) -> None:
        """Stop and start the markets as that function says, now and when one is first used."""
        self._is_paused = is_paused
        for symbol, desk in self._desks.items():
            publisher = desk.publisher
            if is_paused(symbol):
                publisher.pause(self._lines.now)
            elif publisher.paused_at is not None:
                publisher.resume(self._lines.now)
                if symbol not in self._ticking:
                    self._start(desk, self._lines.now)

    # What is true

    def version(self, topic: str) -> int:
        """The version of the latest push of a sequenced book."""
        return self._window(topic).version

    def window(self, topic: str, version: int) -> tuple[Side, Side] | None:
        """(bids, asks) of a sequenced book after a version; None: not remembered."""
        found = self._window(topic).at(version)
        if found is None:
            return None
        decimals = self.contracts[_taken_apart(topic).symbol].listing.price_decimals
        bids, asks = (
            tuple((Decimal(price).scaleb(-decimals), Decimal(size)) for price, size in side)
            for side in found
        )
        return bids, asks

    def restart(self, topic: str, version: int) -> None:
        """Let the versions of a sequenced book go on from another number, without a word."""
        self._window(topic).restart(version)

    def _window(self, topic: str) -> Window:
        parsed = _taken_apart(topic)
        if parsed.channel not in {f"depthIncrease{depth}" for depth in DEPTHS}:
            raise UsageError(f"{topic} is no sequenced book")
        window = self._feed(self._desk(parsed.symbol), parsed).window
        assert window is not None
        return window

    # What a client says

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message on the public address."""
        message = self.understood(connection, payload)
        if message is None:
            return
        action, args = message
        if action not in ("subscribe", "unsubscribe", "request"):
            for topic in args:
                self._lines.reply(connection, wire.bad_action(action, topic, args))
            return
        for topic in args:
            if self._lines.is_open(connection):
                self._serve(connection, action, topic, args)

    def understood(
        self, connection: Connection, payload: str | bytes
    ) -> tuple[str, list[str]] | None:
        """The action and the arguments; None: already answered. Pings are."""
        lines, knobs = self._lines, self._knobs
        length = len(payload if isinstance(payload, bytes) else payload.encode())
        if length > knobs.futures_message_bytes and lines.breach("message_bytes"):
            lines.close(connection, MESSAGE_TOO_BIG, "message too big")
            return None
        if payload == "ping" and knobs.futures_text_ping == "pong":
            lines.reply(connection, "pong")
            return None
        message = decoded(payload)
        if not isinstance(message, dict):
            text = payload if isinstance(payload, str) else payload.decode(errors="replace")
            lines.reply(connection, wire.bad_message(f"message must be JSON: {text}"))
            return None
        action, args = message.get("action"), message.get("args")
        if action == "ping":
            uuid_ = uuid.UUID(int=lines.random.getrandbits(128), version=4)
            lines.reply(connection, wire.pong(str(uuid_)))
            return None
        if not isinstance(action, str):
            action = ""
        if not isinstance(args, list) or not all(isinstance(topic, str) for topic in args):
            lines.reply(connection, wire.bad_message("args must be an array of strings"))
            return None
        return action, args

    def too_fast(self, connection: Connection) -> bool:
        """No limit of messages is published."""
        del connection
        return True

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        for topic in list(connection.topics):
            self._leave(connection, topic)

    def echo(self, topic: str, args: list[str]) -> list[str]:
        """What an answer repeats of the request."""
        return args if self._knobs.futures_echo == "whole" else [topic]

    def unknown(self, connection: Connection, action: str, topic: str, args: list[str]) -> None:
        """Refuse a topic that does not exist."""
        form = wire.nobody if self._knobs.futures_unknown == "not found" else wire.refused
        self._lines.reply(connection, form(action, topic, self.echo(topic, args)))

    def _serve(self, connection: Connection, action: str, topic: str, args: list[str]) -> None:
        lines = self._lines
        if PRIVATE.fullmatch(topic):
            lines.reply(connection, wire.need_access(action, topic))
            return
        parsed = self._known(topic)
        if parsed is None:
            self.unknown(connection, action, topic, args)
            return
        if action == "request":
            if not parsed.channel.startswith(("depthIncrease", "fundingRate")):
                lines.reply(connection, wire.bad_action(action, topic, self.echo(topic, args)))
                return
            feed = self._feed(self._desk(parsed.symbol), parsed)
            self._push_first(feed, connection, self._group(parsed, topic))
            return
        lines.reply(connection, wire.ack(action, topic, self.echo(topic, args)))
        if action == "unsubscribe":
            self._leave(connection, topic)
        elif topic not in connection.topics:
            self._join(connection, topic, parsed)

    def _known(self, topic: str) -> _Topic | None:
        """A topic that exists."""
        parsed = _taken_apart(topic)
        channel, symbol, speed = parsed
        kline, book = KLINE.fullmatch(channel), BOOK.fullmatch(channel)
        old = self._knobs.futures_generation == 1
        if topic == "futures/ticker":
            return parsed
        if symbol not in self.contracts or (old and channel == "ticker"):
            return None
        if old and (speed or (book is not None and (book[1] or book[2] != "depth"))):
            return None
        if kline is not None:
            known = kline[2] in KLINES and not (old and kline[1] != "k")
        elif book is not None or (channel == "bookticker" and not old):
            return parsed if speed in SPEEDS else None
        else:
            known = channel in ("ticker", "trade") or (channel == "fundingRate" and not old)
        return parsed if known and not speed else None

    def _group(self, parsed: _Topic, topic: str) -> str:
        speed = self._knobs.futures_group_speed
        return f"{topic}@{speed}" if speed and not parsed.speed else topic

    def _join(self, connection: Connection, topic: str, parsed: _Topic) -> None:
        connection.subscribed = True
        group = self._group(parsed, topic)
        if not parsed.symbol:
            connection.topics[topic] = None
            self._everybody[connection.id] = connection
            self._tell_everybody_first(connection)
            return
        feed = self._feed(self._desk(parsed.symbol), parsed)
        connection.topics[topic] = (feed, group)
        if not feed.listened:
            feed.last = None
        feed.join(connection, group)
        self._push_first(feed, connection, group)
        self._keep_running(feed)

    def _leave(self, connection: Connection, topic: str) -> None:
        if topic not in connection.topics:
            return
        joined = connection.topics.pop(topic)
        if joined is None:
            del self._everybody[connection.id]
        else:
            feed, group = joined
            feed.leave(connection, group)

    # Feeds

    def _feed(self, desk: Desk, parsed: _Topic) -> _Feed:
        interval = self._interval(parsed)
        key = (parsed.symbol, parsed.channel, interval)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = _Feed(desk, parsed.channel, interval, self._lines.now)
            if parsed.channel.startswith("depthIncrease"):
                feed.window = self._new_window(feed)
                self._keep_running(feed)
        return feed

    def _interval(self, parsed: _Topic) -> float:
        knobs, channel = self._knobs, parsed.channel
        if channel == "trade" or channel.startswith("v2/"):
            return 0.0
        if channel.startswith(("depth", "bookticker")):
            paced = knobs.futures_cadence
            return SPEEDS[parsed.speed] if paced is None else paced
        if channel == "fundingRate":
            return knobs.futures_funding_interval
        return knobs.futures_ticker_interval

    def _new_window(self, feed: _Feed) -> Window:
        publisher = feed.desk.publisher
        depth = int(feed.channel.removeprefix("depthIncrease"))
        feed.seen = publisher.version
        chance = random.Random(f"window {publisher.symbol} {depth} {feed.interval} {self._seed}")
        bids, asks = feed.desk.levels(depth)
        # An empty contract was seen to begin with that one.
        version = chance.randrange(1_000, 9_000_000) if bids or asks else 3
        return Window(version, bids, asks, depth)

    def _keep_running(self, feed: _Feed) -> None:
        if feed.interval and not feed.running:
            feed.running = True
            self._lines.schedule(self._lines.now + feed.interval, self._run, feed)

    def _run(self, feed: _Feed, now: float) -> None:
        """A sequenced book counts on without listeners; the others rest until there is one."""
        feed.running = False
        if feed.window is None and not feed.listened:
            return
        self._keep_running(feed)
        paused = feed.desk.publisher.paused_at is not None
        if feed.window is not None:
            self._tell_window(feed, feed.window, now, paused=paused)
        elif not paused or feed.channel.startswith("depth"):
            self._tell(feed, now)

    def _tell_window(self, feed: _Feed, window: Window, now: float, *, paused: bool) -> None:
        version, quiet = feed.desk.publisher.version, self._knobs.futures_empty_interval
        moved, feed.seen = version != feed.seen, version
        due = quiet is not None and now >= feed.told_at + quiet and not window.is_empty
        if not moved and (paused or not due):
            return
        changed = window.update(*feed.desk.levels(window.depth))
        feed.told_at = now
        if feed.listened:
            self._push(feed, feed.desk.increase("update", window.version, *changed, now))

    def _tell(self, feed: _Feed, now: float) -> None:
        """Push what is complete each time, if it is another one than the last."""
        picture = feed.desk.picture(feed.channel, now)
        if picture is None:
            return
        content, bodies = picture
        if content == feed.last and feed.channel != "fundingRate":
            return
        feed.last = content
        self._push(feed, bodies[0])
        if len(bodies) > 1 and self._knobs.futures_partner_delay:
            later = now + self._knobs.futures_partner_delay
            self._lines.schedule(later, self._push_late, (feed, bodies[1]))
        elif len(bodies) > 1:
            self._push(feed, bodies[1])

    def _push_late(self, late: tuple[_Feed, Body], now: float) -> None:
        del now
        self._push(*late)

    def _push(self, feed: _Feed, body: Body) -> None:
        for group, connections in feed.groups.items():
            if connections:
                self._lines.push(f"{body[0]}{group}{body[1]}", connections.values())

    def _push_first(self, feed: _Feed, connection: Connection, group: str) -> None:
        """What a new subscriber, or who requests it, gets at once."""
        now = self._lines.now
        bodies: Iterable[Body] = ()
        if feed.window is not None:
            window = feed.window
            bodies = [feed.desk.increase("snapshot", window.version, *window.levels(), now)]
        elif feed.channel.startswith("v2/depthIncrease"):
            bodies = [feed.desk.increase("snapshot", 0, [], [], now)]
        elif feed.interval:
            picture = feed.desk.picture(feed.channel, now)
            if picture is not None:
                feed.last = picture[0] if feed.last is None else feed.last
                bodies = picture[1]
        for body in bodies:
            self._lines.push(f"{body[0]}{group}{body[1]}", (connection,))

    # The tickers of all contracts

    def _tell_everybody_first(self, connection: Connection) -> None:
        for symbol in self._all_symbols():
            body = self._ticker_of(symbol)
            if body is not None:
                self._lines.push(self._for_all(body), (connection,))
        if not self._telling_everybody:
            self._telling_everybody = True
            later = self._lines.now + self._knobs.futures_ticker_interval
            self._lines.schedule(later, self._tell_everybody, None)

    def _tell_everybody(self, _: None, now: float) -> None:
        self._telling_everybody = bool(self._everybody)
        if not self._everybody:
            return
        for symbol in self._all_symbols():
            if self._desk(symbol).publisher.paused_at is not None:
                continue
            before = self._everything.get(symbol)
            body = self._ticker_of(symbol)
            if body is not None and body != before:
                self._lines.push(self._for_all(body), self._everybody.values())
        self._lines.schedule(now + self._knobs.futures_ticker_interval, self._tell_everybody, None)

    def _ticker_of(self, symbol: str) -> Body | None:
        desk = self._desk(symbol)
        if desk.publisher.best() is None:
            return None
        body = wire.ticker(symbol, desk.ticker(), self._knobs.futures_generation)
        self._everything[symbol] = body
        return body

    def _for_all(self, body: Body) -> str:
        speed = self._knobs.futures_group_speed
        return f"{body[0]}futures/ticker{'@' + speed if speed else ''}{body[1]}"

    def _all_symbols(self) -> list[str]:
        """Extra contracts are left out until somebody uses them: there may be thousands."""
        return [
            symbol
            for symbol in self.contracts
            if symbol in self._desks or not symbol.startswith("SYM")
        ]


def _taken_apart(topic: str) -> _Topic:
    match = _TOPIC.fullmatch(topic)
    return _Topic("", "", "") if match is None else _Topic(match[1], match[2] or "", match[3] or "")
