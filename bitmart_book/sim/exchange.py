"""BitMart without sockets: what its public spot and gen-1 servers answer, and push, and forbid.

Bytes and the time come in, frames and closes come out of `output`. No socket, no clock and no
global random: the same calls give the same bytes. What may go wrong on the way between exchange
and client is not decided here; whoever carries the frames can lose or delay them. What BitMart
left undocumented, or what was seen in two forms, is a knob.

Source: BitMart's spot API reference, "WebSocket Subscription", and the rules quoted below;
bitmart-official-api-docs (2020), `WEBSOCKET.md`.
"""

from __future__ import annotations

import heapq
import json
import math
import random
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from bitmart_book.errors import UsageError
from bitmart_book.sim import wire
from bitmart_book.sim.market import Listing, Market, Print, SeededMarket, listings
from bitmart_book.sim.publisher import Glimpse, Publisher, Reach, Side

__all__ = ["Close", "Exchange", "Knobs", "Pong", "Refusal", "Send"]

ENDPOINTS = ("spot_public", "legacy")
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
LEGACY_STEPS = (1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1_440, 10_080, 43_200)
LEGACY_LEVELS = 20
LEGACY_TRADES = 15
HTTP_TOO_MANY_REQUESTS = 429
# BitMart documents no close codes; these are the ones of RFC 6455 that fit.
NORMAL_CLOSE = 1000
POLICY_VIOLATION = 1008


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """How this exchange behaves where BitMart's own behaviour varied or is not known.

    The defaults are what was documented or last recorded. Times are seconds; None: never.
    """

    opcode: Literal["text", "binary", "mixed"] = "text"
    """Of pushes; a binary one is raw deflate (RFC 1951), each message for itself."""
    compress_replies: bool = False
    """Whether acks, errors and pongs follow `opcode` too."""
    numbers: wire.NumberFormat = "mixed"
    seconds: bool = True
    """Whether trades and tickers carry `s_t` beside `ms_t`; its removal was announced."""
    acks: Literal["before", "after", "none"] = "before"
    """Before the first data or after it; before 2024-02-29 there were none."""
    request_acks: bool = False
    error_shape: Literal["documented", "topic", "bare"] = "documented"
    """`"event":"subscribe"`, or `"event":"subscribe:<topic>"`, or no `event`."""
    all_or_nothing: bool = False
    """One bad topic refuses its whole message."""
    window_only: bool = False
    """Updates tell only of the best 100 levels, not of the whole book."""
    window_deletes: bool = False
    """A level that leaves the best 100 is sent as deleted."""
    window_refills: bool = False
    """A level that comes among the best 100 is sent even if it did not change."""
    late_snapshots: bool = False
    """A new subscriber gets the next update before its snapshot."""
    heartbeat_interval: float | None = 5.0
    """After so long without a change: an update with empty sides that repeats the version."""
    update_interval: float = 0.1
    picture_interval: float = 0.5
    """Of depth5, depth20, depth50, tickers and klines."""
    legacy_interval: float = 1.0
    legacy_depth: Literal["snapshot", "delta"] = "snapshot"
    """Whether later pushes of the legacy book are whole or only what changed."""
    legacy_trades: Literal["window", "new"] = "window"
    """Whether later pushes of legacy trades repeat the last 15 or hold the new ones."""
    pong_frames: bool = False
    """Whether spot answers ping frames; BitMart's text says they are not supported."""
    enforce_limits: bool = True
    """Whether a breach has consequences; it is counted in any case."""
    breach: Literal["error+close", "close", "error"] = "error+close"
    """What the consequence is, where there is an error code for it."""
    idle_seconds: float | None = 20.0
    lifeless_seconds: float | None = 300.0
    legacy_lifeless_seconds: float | None = 5.0
    connections: int = 20
    """Open at once from one address, on spot."""
    connects: int = 30
    connects_seconds: float = 60.0
    legacy_connects: int = 1
    legacy_connects_seconds: float = 4.0
    messages: int = 100
    messages_seconds: float = 10.0
    topics: int = 115
    """On one connection."""
    topics_per_message: int = 20
    topic_bytes_per_message: int = 4_096


class Send(NamedTuple):
    """A message to the client: text, or binary."""

    connection: int
    payload: str | bytes


class Pong(NamedTuple):
    """A pong frame to the client, in answer to a ping frame."""

    connection: int
    payload: bytes


class Close(NamedTuple):
    """The exchange closes the connection; it has already forgotten it."""

    connection: int
    code: int
    reason: str


class Refusal(NamedTuple):
    """The HTTP answer to a handshake that is refused."""

    status: int
    reason: str


class _Connection:
    """One client."""

    __slots__ = (
        "active",
        "address",
        "endpoint",
        "id",
        "messages",
        "opened",
        "subscribed",
        "topics",
    )

    def __init__(self, id_: int, endpoint: str, address: str, now: float) -> None:
        self.id = id_
        self.endpoint = endpoint
        self.address = address
        self.opened = self.active = now
        self.messages: deque[float] = deque()
        self.topics: dict[str, tuple[_Desk, str]] = {}
        self.subscribed = False
        """Whether it ever was."""


class _Feed:
    """One thing that is pushed about one symbol, and to whom."""

    __slots__ = ("last", "late", "seen", "subscribers")

    def __init__(self) -> None:
        self.subscribers: dict[int, _Connection] = {}
        self.last: Any = None
        """What was last pushed, without its stamp."""
        self.seen = (-1, -1)
        """The version and number of trades at the last look."""
        self.late: list[tuple[_Connection, str]] = []
        """Snapshots that wait until the next update has gone."""


class _Desk:
    """One symbol at this exchange."""

    __slots__ = ("feeds", "publisher", "running")

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.feeds: dict[str, _Feed] = {}
        self.running: set[str] = set()
        """Which of its jobs are scheduled."""

    def feed(self, key: str) -> _Feed | None:
        """A feed, if somebody listens."""
        feed = self.feeds.get(key)
        return feed if feed is not None and feed.subscribers else None


class _Picture(NamedTuple):
    """A push of the kind that is complete each time."""

    content: Any
    """What makes it another one than the last."""
    text: str


class Exchange:
    """A seeded BitMart. Every method that takes `now` first lets happen what is due until then.

    `now` is in seconds since the exchange began and never goes back; what is on the wire is
    stamped `start_ms` later. `markets` are used for their symbols, and are the only ones unless
    `symbols` names more. `history` versions of each book can be asked for, and of as many there is
    a `glimpse` of the best `glimpses` levels. `speed` makes the markets livelier, not the clock.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        knobs: Knobs | None = None,
        symbols: Sequence[str] | None = None,
        extra_symbols: int = 0,
        extra_rate: float = 4.0,
        markets: Iterable[Market] | None = None,
        start_ms: int = 1_787_000_000_000,
        speed: float = 1.0,
        history: int = 5_000,
        glimpses: int = 0,
    ) -> None:
        if not (speed > 0 and math.isfinite(speed)):
            raise UsageError(f"speed must be above zero, was {speed}")
        self.knobs = knobs or Knobs()
        self.breaches: Counter[str] = Counter()
        """Every limit that a client broke, by its name."""
        self._markets = {market.listing.symbol: market for market in markets or ()}
        if symbols is None and self._markets:
            symbols = ()
        self.listings: dict[str, Listing] = {
            **listings(symbols, extra_symbols, extra_rate),
            **{symbol: market.listing for symbol, market in self._markets.items()},
        }
        """Every symbol that can be subscribed."""
        self._seed = seed
        self._start_ms = start_ms
        self._speed = speed
        self._history = history
        self._glimpses = glimpses
        self._random = random.Random(f"exchange {seed}")
        self._now = 0.0
        self._due: list[tuple[float, int, Callable[[Any, float], None], Any]] = []
        self._serial = 0
        self._connections: dict[int, _Connection] = {}
        self._attempts: dict[tuple[str, str], deque[float]] = {}
        self._desks: dict[str, _Desk] = {}
        self._paused: set[str] | None = set()
        self._output: list[Send | Close | Pong] = []

    # Connections

    def connect(self, endpoint: str, now: float, address: str = "127.0.0.1") -> int | Refusal:
        """A client asks for a connection to "spot_public" or "legacy"."""
        if endpoint not in ENDPOINTS:
            raise UsageError(f"no endpoint {endpoint!r}; there is: {', '.join(ENDPOINTS)}")
        self.advance(now)
        knobs = self.knobs
        if endpoint == "legacy":
            count, seconds = knobs.legacy_connects, knobs.legacy_connects_seconds
        else:
            count, seconds = knobs.connects, knobs.connects_seconds
        # Refused attempts count: who goes on hammering stays out.
        attempts = self._attempts.setdefault((endpoint, address), deque())
        too_often = self._exceeds(attempts, count, seconds)
        alike = [
            connection
            for connection in self._connections.values()
            if (connection.endpoint, connection.address) == (endpoint, address)
        ]
        if too_often and self._breach("connects"):
            return Refusal(HTTP_TOO_MANY_REQUESTS, "too many connection attempts")
        too_many = endpoint == "spot_public" and len(alike) >= knobs.connections
        if too_many and self._breach("connections"):
            return Refusal(HTTP_TOO_MANY_REQUESTS, "too many connections")
        self._serial += 1
        connection = _Connection(self._serial, endpoint, address, self._now)
        self._connections[connection.id] = connection
        self._watch(connection, self._now)
        return connection.id

    def disconnected(self, connection: int, now: float) -> None:
        """The client has gone, or the network has cut it off. Unknown ones are ignored."""
        self.advance(now)
        found = self._connections.get(connection)
        if found is not None:
            self._forget(found)

    def receive(self, connection: int, payload: str | bytes, now: float) -> None:
        """A message of a client: a text as str, a binary one as bytes."""
        self.advance(now)
        found = self._connections.get(connection)
        if found is None:
            return
        found.active = self._now
        if found.endpoint == "legacy":
            self._receive_legacy(found, payload)
        elif self._may_speak(found):
            self._receive_spot(found, payload)

    def ping_frame(self, connection: int, now: float, payload: bytes = b"") -> None:
        """A protocol ping of a client. Spot does not answer it, nor does it keep spot awake."""
        self.advance(now)
        found = self._connections.get(connection)
        if found is None:
            return
        if found.endpoint == "spot_public":
            if not self._may_speak(found) or not self.knobs.pong_frames:
                return
            found.active = self._now
        self._output.append(Pong(connection, payload))

    # Time

    def advance(self, now: float) -> None:
        """Let everything happen that is due until now."""
        while self._due and self._due[0][0] <= now:
            time, _, job, argument = heapq.heappop(self._due)
            self._now = max(self._now, time)
            job(argument, time)
        self._now = max(self._now, now)

    def next_deadline(self) -> float | None:
        """When `advance` has something to do next."""
        return self._due[0][0] if self._due else None

    def output(self) -> list[Send | Close | Pong]:
        """What is to be done, in this order; each only once."""
        output, self._output = self._output, []
        return output

    def _schedule(self, time: float, job: Callable[[Any, float], None], argument: Any) -> None:
        self._serial += 1
        heapq.heappush(self._due, (time, self._serial, job, argument))

    # What is true

    def version(self, symbol: str) -> int:
        """The version of the latest book of a symbol. UsageError for one that is not listed."""
        return self._desk(symbol).publisher.version

    def window(
        self, symbol: str, version: int, levels: int | None = None
    ) -> tuple[Side, Side] | None:
        """(bids, asks) after a version, rows of (price, size), best first; None: not remembered.

        It is the whole book behind the channel, or the best 100 levels with `window_only`; of it
        the best so many `levels`.
        """
        desk = self._desks.get(symbol)
        return None if desk is None else desk.publisher.window(version, levels)

    def glimpse(self, symbol: str, version: int) -> Glimpse | None:
        """The best levels after a version, and how long it was the latest; None: not remembered.

        Says the same as `window` at a hundredth of its cost.
        """
        desk = self._desks.get(symbol)
        return None if desk is None else desk.publisher.glimpses.get(version)

    def subscribed(self) -> dict[str, list[int]]:
        """Each symbol whose sequenced book is subscribed, and the connections that hear of it."""
        return {
            symbol: list(feed.subscribers)
            for symbol, desk in self._desks.items()
            if (feed := desk.feed(INCREASE)) is not None
        }

    def is_two_sided(self, symbol: str) -> bool:
        """Whether its book has bids and asks now."""
        return self._desk(symbol).publisher.best() is not None

    def is_paused(self, symbol: str) -> bool:
        """Whether `pause` holds it."""
        return self._is_paused(symbol)

    def snapshot(self, symbol: str) -> str:
        """The frame that would answer a request now."""
        return self._snapshot(self._desk(symbol))

    # Interventions

    def tell_snapshot(self, symbol: str) -> None:
        """Push the present book to every subscriber, though nobody asked."""
        feed = self._desk(symbol).feed(INCREASE)
        if feed is not None:
            self._push(self._snapshot(self._desk(symbol)), feed.subscribers.values())

    def tell_again(self, symbol: str) -> None:
        """Push a heartbeat, though it is not due."""
        self._tell_increase(self._desk(symbol), lambda: ("", ""))

    def tell_nothing(self, symbol: str) -> None:
        """Push an update without levels that is a version of its own."""
        desk = self._desk(symbol)
        desk.publisher.skip(self._now)
        self._tell_increase(desk, lambda: ("", ""))

    def take(self, symbol: str, side: Literal["bid", "ask"], levels: int | None = None) -> None:
        """Let the best so many levels of a side (None: all of them) go at once."""
        desk = self._desk(symbol)
        batch = desk.publisher.take(side, levels, self._now)
        if batch.bids or batch.asks:
            rows = desk.publisher.numbers.rows
            self._tell_increase(desk, lambda: (rows(batch.bids.items()), rows(batch.asks.items())))

    def pause(self, symbol: str | None = None) -> None:
        """From the latest `now` on, nothing is pushed about a symbol (None: about any).

        Its market stands still too. Requests and subscriptions are answered as ever.
        """
        if symbol is None:
            self._paused = None
        elif self._paused is not None:
            self._paused.add(symbol)
        for desk in self._desks.values():
            if self._is_paused(desk.publisher.symbol):
                desk.publisher.pause(self._now)

    def resume(self, symbol: str | None = None) -> None:
        """End `pause`. After a pause of all, they can only be resumed together."""
        if symbol is None:
            self._paused = set()
        elif self._paused is not None:
            self._paused.discard(symbol)
        for desk in self._desks.values():
            if desk.publisher.paused_at is not None and not self._is_paused(desk.publisher.symbol):
                desk.publisher.resume(self._now)
                self._start(desk, "tick", self._next_tick(desk, self._now))

    def restart(self, symbol: str, version: int) -> None:
        """Let the versions of a symbol go on from another number, without a word to anybody."""
        self._desk(symbol).publisher.restart(version)

    def _is_paused(self, symbol: str) -> bool:
        return self._paused is None or symbol in self._paused

    # Limits

    def _exceeds(self, times: deque[float], count: int, seconds: float) -> bool:
        """Note an event of now; whether there were more than `count` in the last `seconds`."""
        while times and times[0] <= self._now - seconds:
            times.popleft()
        times.append(self._now)
        return len(times) > count

    def _breach(self, name: str) -> bool:
        """Count a breach; whether it has consequences."""
        self.breaches[name] += 1
        return self.knobs.enforce_limits

    def _punish(self, connection: _Connection, name: str, code: str, event: str | None) -> bool:
        """A breach on a connection. Whether the message may still be served."""
        if not self._breach(name):
            return True
        if self.knobs.breach != "close":
            self._error(connection, event, code, None)
        if self.knobs.breach != "error":
            self._close(connection, POLICY_VIOLATION, wire.ERROR_MESSAGES[code])
        return False

    def _may_speak(self, connection: _Connection) -> bool:
        knobs = self.knobs
        if not self._exceeds(connection.messages, knobs.messages, knobs.messages_seconds):
            return True
        return self._punish(connection, "messages", "90007", None)

    def _watch(self, connection: _Connection, now: float) -> None:
        """Close a connection that is idle or lifeless; else look again when it could be."""
        if connection.id not in self._connections:
            return
        knobs, due, reason = self.knobs, math.inf, ""
        legacy = connection.endpoint == "legacy"
        lifeless = knobs.legacy_lifeless_seconds if legacy else knobs.lifeless_seconds
        if lifeless is not None and not connection.subscribed:
            due, reason = connection.opened + lifeless, "nothing subscribed"
        # Gen-1 documents no idle limit.
        if knobs.idle_seconds is not None and not legacy:
            idle = connection.active + knobs.idle_seconds
            if idle < due:
                due, reason = idle, "idle"
        if due <= now:
            self._close(connection, NORMAL_CLOSE, reason)
        elif due < math.inf:
            self._schedule(due, self._watch, connection)

    def _close(self, connection: _Connection, code: int, reason: str) -> None:
        self._forget(connection)
        self._output.append(Close(connection.id, code, reason))

    def _forget(self, connection: _Connection) -> None:
        del self._connections[connection.id]
        for desk, key in connection.topics.values():
            del desk.feeds[key].subscribers[connection.id]

    # Spot: what a client says

    def _receive_spot(self, connection: _Connection, payload: str | bytes) -> None:
        if payload == "ping":
            self._reply(connection, "pong")
            return
        message = _decoded(payload)
        if not isinstance(message, dict):
            self._error(connection, None, "90001", None)
            return
        operation, args = message.get("op"), _topics(message.get("args"))
        if operation not in ("subscribe", "unsubscribe", "request"):
            self._error(connection, None, "90002", None)
        elif args is None:
            self._error(connection, operation, "90003", None)
        elif self._is_short(connection, operation, args):
            self._serve(connection, operation, args)

    def _is_short(self, connection: _Connection, operation: str, topics: list[str]) -> bool:
        knobs = self.knobs
        if len(topics) > knobs.topics_per_message:
            return self._punish(connection, "topics_per_message", "90005", operation)
        if sum(len(topic.encode()) for topic in topics) > knobs.topic_bytes_per_message:
            return self._punish(connection, "topic_bytes_per_message", "90005", operation)
        return True

    def _serve(self, connection: _Connection, operation: str, topics: list[str]) -> None:
        serve = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "request": self._request,
        }[operation]
        problems = [(topic, self._problem(operation, topic)) for topic in topics]
        refused = self.knobs.all_or_nothing and any(code for _, code in problems)
        for topic, code in problems:
            if code is not None:
                self._error(connection, operation, code, topic)
            elif not refused and connection.id in self._connections:
                serve(connection, topic)

    def _problem(self, operation: str, topic: str) -> str | None:
        channel, _, symbol = topic.partition(":")
        if channel not in FAST and channel not in SLOW:
            return "90004"
        if operation == "request" and channel != INCREASE:
            return "90004"
        return None if symbol in self.listings else "92001"

    def _subscribe(self, connection: _Connection, topic: str) -> None:
        if topic in connection.topics:
            self._error(connection, "subscribe", "90008", topic)
            return
        if len(connection.topics) >= self.knobs.topics and not self._punish(
            connection, "topics", "90006", "subscribe"
        ):
            return
        channel, _, symbol = topic.partition(":")
        desk = self._desk(symbol)
        if self.knobs.acks == "before":
            self._ack(connection, "subscribe", topic)
        self._join(connection, topic, desk, channel)
        if channel == INCREASE and self.knobs.late_snapshots:
            desk.feeds[channel].late.append((connection, self._snapshot(desk)))
        else:
            first = self._first_push(desk, channel)
            if first is not None:
                self._push(first, (connection,))
        if self.knobs.acks == "after":
            self._ack(connection, "subscribe", topic)

    def _unsubscribe(self, connection: _Connection, topic: str) -> None:
        # What the server says to a topic that is not subscribed is not documented.
        self._leave(connection, topic)
        if self.knobs.acks != "none":
            self._ack(connection, "unsubscribe", topic)

    def _request(self, connection: _Connection, topic: str) -> None:
        if self.knobs.request_acks:
            self._ack(connection, "request", topic)
        desk = self._desk(topic.partition(":")[2])
        self._push(self._snapshot(desk), (connection,))

    def _join(self, connection: _Connection, topic: str, desk: _Desk, key: str) -> None:
        connection.topics[topic] = (desk, key)
        connection.subscribed = True
        feed = desk.feeds.setdefault(key, _Feed())
        if not feed.subscribers:
            feed.last, feed.seen, feed.late = None, (-1, -1), []
        feed.subscribers[connection.id] = connection
        if connection.endpoint == "legacy":
            self._start(desk, "legacy", self._now + self.knobs.legacy_interval)
        elif key in SLOW:
            self._start(desk, "slow", self._now + self.knobs.picture_interval)

    def _leave(self, connection: _Connection, topic: str) -> None:
        joined = connection.topics.pop(topic, None)
        if joined is not None:
            del joined[0].feeds[joined[1]].subscribers[connection.id]

    # Spot: what is answered. Only pushes are compressed, as far as is known.

    def _ack(self, connection: _Connection, event: str, topic: str) -> None:
        swapped = self._random.random() < 0.5
        self._reply(connection, wire.ack(event, topic, topic_first=swapped))

    def _error(
        self, connection: _Connection, event: str | None, code: str, topic: str | None
    ) -> None:
        shape = self.knobs.error_shape
        if shape == "bare":
            event = None
        elif shape == "topic" and event is not None and topic is not None:
            event = f"{event}:{topic}"
        swapped = self._random.random() < 0.5
        self._reply(connection, wire.error(event, code, event_first=swapped))

    def _reply(self, connection: _Connection, text: str) -> None:
        if self.knobs.compress_replies:
            self._push(text, (connection,))
        else:
            self._output.append(Send(connection.id, text))
            connection.active = self._now

    def _push(self, text: str, connections: Iterable[_Connection]) -> None:
        opcode = self.knobs.opcode
        payload: str | bytes = text
        if opcode == "binary" or (opcode == "mixed" and self._random.random() < 0.5):
            payload = _deflated(text)
        output, now = self._output, self._now
        for connection in connections:
            # Gen-1 knows no compression.
            send = text if connection.endpoint == "legacy" else payload
            output.append(Send(connection.id, send))
            connection.active = now

    # A symbol's jobs

    def _desk(self, symbol: str) -> _Desk:
        """Made when somebody first asks: 2,000 symbols cost nothing until then."""
        desk = self._desks.get(symbol)
        if desk is not None:
            return desk
        if symbol not in self.listings:
            raise UsageError(f"symbol {symbol!r} is not listed")
        knobs, now = self.knobs, self._now
        market = self._markets.get(symbol) or SeededMarket(self.listings[symbol], self._seed)
        publisher = Publisher(
            market,
            seed=self._seed,
            now=now,
            start_ms=self._start_ms,
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
        run = {"tick": self._tick, "slow": self._slow, "legacy": self._legacy}[job]
        self._schedule(time, run, desk)

    def _next_tick(self, desk: _Desk, now: float) -> float:
        """When the market has moved or the heartbeat is due, but not too soon after a push."""
        publisher, heartbeat = desk.publisher, self.knobs.heartbeat_interval
        due = publisher.next_time()
        if heartbeat is not None:
            due = min(due, publisher.told_at + heartbeat)
        return max(due, now + self.knobs.update_interval)

    def _tick(self, desk: _Desk, now: float) -> None:
        desk.running.discard("tick")
        publisher = desk.publisher
        if publisher.paused_at is not None:
            return
        batch = publisher.advance(now)
        heartbeat = self.knobs.heartbeat_interval
        if batch.bids or batch.asks:
            rows = publisher.numbers.rows
            self._tell_increase(desk, lambda: (rows(batch.bids.items()), rows(batch.asks.items())))
        elif heartbeat is not None and now >= publisher.told_at + heartbeat:
            self._tell_increase(desk, lambda: ("", ""))
        if batch.prints:
            self._tell_trades(desk, batch.prints)
        self._tell_best(desk, now)
        self._start(desk, "tick", self._next_tick(desk, now))

    def _tell_increase(self, desk: _Desk, rows: Callable[[], tuple[str, str]]) -> None:
        """Push an update of the present version; its rows are written only for a listener."""
        publisher = desk.publisher
        publisher.told_at = self._now
        feed = desk.feed(INCREASE)
        if feed is None:
            return
        stamp = publisher.time_ms(self._now)
        text = wire.depth_increase("update", publisher.symbol, publisher.version, stamp, *rows())
        self._push(text, feed.subscribers.values())
        late, feed.late = feed.late, []
        for connection, snapshot in late:
            if connection.id in feed.subscribers:
                self._push(snapshot, (connection,))

    def _tell_trades(self, desk: _Desk, prints: list[Print]) -> None:
        feed = desk.feed("spot/trade")
        if feed is not None:
            publisher = desk.publisher
            rows = publisher.trade_rows(prints)
            self._push(wire.trade(publisher.symbol, rows, self._seconds), feed.subscribers.values())

    def _tell_best(self, desk: _Desk, now: float) -> None:
        feed = desk.feed("spot/bookTicker")
        if feed is None:
            return
        picture = self._picture(desk, "spot/bookTicker", now)
        if picture is not None and picture.content != feed.last:
            feed.last = picture.content
            self._push(picture.text, feed.subscribers.values())

    def _slow(self, desk: _Desk, now: float) -> None:
        desk.running.discard("slow")
        if self._tell_pictures(desk, SLOW, now):
            self._start(desk, "slow", now + self.knobs.picture_interval)

    def _tell_pictures(self, desk: _Desk, keys: Iterable[str], now: float) -> bool:
        """Push what has changed of these feeds; whether somebody listens to one of them."""
        publisher, listened = desk.publisher, False
        for key in keys:
            feed = desk.feed(key)
            if feed is None:
                continue
            listened = True
            seen = (publisher.version, publisher.trades)
            if publisher.paused_at is not None or feed.seen == seen:
                continue
            feed.seen = seen
            picture = self._picture(desk, key, now)
            if picture is not None and picture.content != feed.last:
                text = self._later_legacy(desk, key, feed.last, picture)
                feed.last = picture.content
                self._push(text, feed.subscribers.values())
        return listened

    # What is pushed

    def _first_push(self, desk: _Desk, channel: str) -> str | None:
        if channel == "spot/trade":
            return None  # no history on subscribing (live check of 2026-07-19)
        if channel == INCREASE:
            return self._snapshot(desk)
        picture = self._picture(desk, channel, self._now)
        if picture is None:
            return None
        feed = desk.feeds[channel]
        if feed.last is None:
            feed.last = picture.content
        return picture.text

    def _snapshot(self, desk: _Desk) -> str:
        publisher = desk.publisher
        return wire.depth_increase(
            "snapshot",
            publisher.symbol,
            publisher.version,
            publisher.time_ms(self._now),
            *publisher.snapshot(),
        )

    def _seconds(self, time_ms: int) -> str:
        return f'"s_t":{time_ms // 1000},' if self.knobs.seconds else ""

    def _picture(self, desk: _Desk, key: str, now: float) -> _Picture | None:
        """None where the book has nothing to show."""
        publisher = desk.publisher
        symbol, stamp = publisher.symbol, publisher.time_ms(now)
        if key in DEPTHS:
            sides = publisher.depth(DEPTHS[key])
            return _Picture(sides, wire.depth_full(key, symbol, stamp, *sides))
        if key in KLINES:
            bar = publisher.bar(KLINES[key], now)
            values = publisher.bar_values(bar)
            return _Picture((bar.start, values), wire.kline(key, symbol, bar.start, values))
        if key == "spot/bookTicker":
            return self._best_picture(publisher, stamp)
        if key == "spot/ticker":
            return self._ticker_picture(publisher, stamp)
        return self._legacy_picture(publisher, key, now)

    @staticmethod
    def _best_picture(publisher: Publisher, stamp: int) -> _Picture | None:
        best = publisher.best()
        if best is None:
            return None
        price, size = publisher.numbers.price, publisher.numbers.size
        bid, ask = ((price(level[0]), size(level[1])) for level in best)
        return _Picture(best, wire.book_ticker(publisher.symbol, stamp, bid, ask))

    def _ticker_picture(self, publisher: Publisher, stamp: int) -> _Picture | None:
        values = publisher.ticker_values()
        if values is None:
            return None
        text = wire.ticker(publisher.symbol, stamp, self._seconds(stamp), values)
        return _Picture((publisher.last, publisher.best()), text)

    # Gen-1

    def _receive_legacy(self, connection: _Connection, payload: str | bytes) -> None:
        message = _decoded(payload)
        if not isinstance(message, dict) or ("subscribe" in message) == ("unsubscribe" in message):
            self._refuse(connection, "invalid request")
            return
        if message.get("subscribe") == "ping":
            self._push('{"subscribe":"pong"}', (connection,))
            return
        topic = message.get("subscribe", message.get("unsubscribe"))
        key = self._legacy_key(topic, message)
        if isinstance(key, Exception):
            self._refuse(connection, str(key))
            return
        desk = self._desk(message["symbol"])
        name = f"{desk.publisher.symbol}/{key}"
        if "unsubscribe" in message:
            self._leave(connection, name)
            return
        if name not in connection.topics:
            self._join(connection, name, desk, key)
        first = self._first_push(desk, key)
        if first is not None:
            self._push(first, (connection,))

    def _legacy_key(self, topic: Any, message: dict[str, Any]) -> str | UsageError:
        """Which feed is meant, "legacy/depth/6"; or what is wrong with it.

        BitMart documents that an error has a `message`, not what it says.
        """
        symbol, step = message.get("symbol"), message.get("step", 1)
        if topic not in ("price", "kline", "order", "trade"):
            return UsageError(f"unknown subscribe: {topic}")
        listing = self.listings.get(symbol) if isinstance(symbol, str) else None
        if listing is None:
            return UsageError(f"unknown symbol: {symbol}")
        if topic == "price":
            return "legacy/price"
        if topic == "kline":
            known = type(step) is int and step in LEGACY_STEPS
            return f"legacy/kline/{step}" if known else UsageError(f"unknown step: {step}")
        precision = message.get("precision", listing.price_decimals)
        if type(precision) is not int or not (
            listing.min_price_decimals <= precision <= listing.price_decimals
        ):
            return UsageError(f"unknown precision: {precision}")
        return f"legacy/{'depth' if topic == 'order' else topic}/{precision}"

    def _legacy(self, desk: _Desk, now: float) -> None:
        desk.running.discard("legacy")
        keys = [key for key in desk.feeds if key.startswith("legacy/")]
        if self._tell_pictures(desk, keys, now):
            self._start(desk, "legacy", now + self.knobs.legacy_interval)

    def _legacy_picture(self, publisher: Publisher, key: str, now: float) -> _Picture:
        _, topic, *rest = key.split("/")
        symbol, stamp = publisher.symbol, publisher.time_ms(now)
        option = int(rest[0]) if rest else 0
        if topic == "depth":
            sides = publisher.grouped(option, LEGACY_LEVELS)
            return _Picture(sides, wire.legacy_depth(symbol, option, *sides))
        if topic == "trade":
            rows = publisher.legacy_trades(option, LEGACY_TRADES)
            return _Picture(publisher.trades, wire.legacy_trade(symbol, option, rows))
        if topic == "kline":
            values = publisher.legacy_bar(publisher.bar(option * 60, now))
            text = wire.legacy_kline(symbol, option, wire.bar_frame(values), stamp)
            return _Picture(values, text)
        values = publisher.legacy_bar(publisher.day)
        change = publisher.fluctuation()
        sign = "" if change < 0 else "+"
        text = wire.legacy_price(
            symbol,
            wire.bar_frame(values),
            sign + wire.padded(change, 4),
            publisher.legacy_rate(),
            stamp,
        )
        return _Picture(values, text)

    def _later_legacy(self, desk: _Desk, key: str, last: Any, picture: _Picture) -> str:
        """The text of a push that is not the first; the knobs know shorter forms."""
        publisher, option = desk.publisher, key.rpartition("/")[2]
        if key.startswith("legacy/trade") and self.knobs.legacy_trades == "new":
            rows = publisher.legacy_trades(int(option), picture.content - last)
            return wire.legacy_trade(publisher.symbol, int(option), rows)
        if key.startswith("legacy/depth") and self.knobs.legacy_depth == "delta":
            sides = [_changed(*pair) for pair in zip(last, picture.content, strict=True)]
            return wire.legacy_depth(publisher.symbol, int(option), sides[0], sides[1])
        return picture.text

    def _refuse(self, connection: _Connection, message: str) -> None:
        self._push(wire.legacy_error(message), (connection,))


def _decoded(payload: str | bytes) -> Any:
    """The JSON of a client's message; None when it is none. Clients speak in text frames only."""
    if isinstance(payload, bytes):
        return None
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _topics(args: Any) -> list[str] | None:
    """None when these are no topics."""
    if not isinstance(args, list) or not args:
        return None
    return args if all(isinstance(topic, str) for topic in args) else None


def _deflated(text: str) -> bytes:
    # The fastest of its levels: what counts is that it is deflate.
    deflate = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return deflate.compress(text.encode()) + deflate.flush()


def _changed(before: list[wire.BookRow], after: list[wire.BookRow]) -> list[wire.BookRow]:
    """The rows that differ, and those that are gone with nothing in them.

    Totals do not count: below one changed level they all differ.
    """
    known = {row.price: (row.amount, row.orders) for row in before}
    prices = {row.price for row in after}
    gone = [row._replace(amount="0", orders=0) for row in before if row.price not in prices]
    return [row for row in after if known.get(row.price) != (row.amount, row.orders)] + gone
