"""The venue: connections, subscriptions, limits and time. No I/O, and one source of chance.

A carrier (a real socket, or a virtual clock) calls `opens`, `hears`, `lost` and `advance`, and
takes what is to be delivered from `takes`. `due` is the next moment at which `advance` has work.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.strangers import dialects, rules
from tests.strangers.account import Account
from tests.strangers.channels import (
    Channel,
    FuturesIncrease,
    Pen,
    SpotIncrease,
    Stamp,
    Trades,
    futures_channel,
    legacy_channel,
    spot_channel,
)
from tests.strangers.market import Changes, Deal, Form, Market
from tests.strangers.rules import RULES, Rules
from tests.strangers.speech import DATA, Say
from tests.strangers.units import MILLI, SECOND, seconds

if TYPE_CHECKING:
    from tests.strangers.lies import Lie

NEVER = 1 << 62
SPOT_FORM = Form(price_digits=2, size_digits=5, middle=6_400_000, spread=3, levels=140)
FUTURES_FORM = Form(price_digits=1, size_digits=0, middle=700_000, spread=2, levels=70)
LEGACY_FORM = Form(price_digits=6, size_digits=2, middle=112_000, spread=2, levels=40)


@dataclass(slots=True, eq=False)
class Connection:
    """One websocket as the venue sees it. `inside` waits in the venue, `link` is on its way."""

    number: int
    rules: Rules
    opened: int
    latency: int
    topics: dict[str, Channel | None] = field(default_factory=dict)
    heard: int = 0
    told: int = 0
    messages: deque[int] = field(default_factory=deque)
    inside: deque[tuple[int, Say]] = field(default_factory=deque)
    link: deque[tuple[int, Say | int]] = field(default_factory=deque)
    arriving: deque[tuple[int, str | None]] = field(default_factory=deque)
    subscribed: bool = False
    logged_in: bool = False
    ending: bool = False
    gone: bool = False
    mute: bool = False

    @property
    def house(self) -> str:
        return self.rules.name.partition("_")[0]

    @property
    def private(self) -> bool:
        return self.rules.name.endswith("private")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrives at the client: a payload, or the end of the connection (`code`, None: cut)."""

    connection: int
    payload: str | bytes | None
    code: int | None = None
    say: Say | None = None


@dataclass(slots=True)
class Habits:
    """What the protocol page leaves open, drawn from the seed (§8, "knob")."""

    every: int = rules.FUTURES_EVERY[0]
    heartbeat: int | None = rules.HEARTBEAT_EVERY
    error_shape: str = "documented"
    binary: float = 0.0
    closes_after_error: bool = False
    latency: tuple[int, int] = (2 * MILLI, 40 * MILLI)

    @classmethod
    def drawn(cls, random: Random) -> Habits:
        return cls(
            every=random.choice(rules.FUTURES_EVERY),
            heartbeat=random.choice((2 * SECOND, rules.HEARTBEAT_EVERY, None)),
            error_shape=random.choice(("documented", "topic", "bare")),
            binary=random.choice((0.0, 0.0, 0.3, 1.0)),
            closes_after_error=random.random() < 0.5,
        )


class Venue:
    """Everything that BitMart is to a client. `random` is the only source of chance."""

    def __init__(
        self,
        seed: int,
        *,
        habits: Habits | None = None,
        trades: bool = True,
        trader: bool = False,
        paces: dict[str, float] | None = None,
        offset_ms: int = rules.EPOCH_MS,
    ) -> None:
        self.random = Random(f"venue {seed}")
        self.habits = Habits.drawn(Random(f"habits {seed}")) if habits is None else habits
        self.stamp = Stamp(offset_ms)
        self.pen = Pen(Random(f"pen {seed}"))
        self.lies: list[Lie] = []
        self.connections: dict[int, Connection] = {}
        self.channels: dict[tuple[str, str], Channel] = {}
        self.shown: dict[tuple[str, str], int] = {}
        """When a whole book was said last, by house and topic."""
        self.attempts: dict[str, deque[int]] = {name: deque() for name in RULES}
        self.broken: dict[str, int] = {}
        self.deliveries: deque[Delivery] = deque()
        self.trading = trades
        self.trader = trader
        self.refuses: Callable[[str], int | None] | None = None
        self._numbers = itertools.count(1)
        self._order = itertools.count()
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self.markets: dict[tuple[str, str], Market] = {}
        self._make_markets(seed, paces or {})
        self.accounts = {
            house: Account(house, Random(f"account {house} {seed}"), self.stamp, self._tell_private)
            for house in ("spot", "futures")
        }
        self._at(rules.POSITION_EVERY, self._positions)

    def _make_markets(self, seed: int, paces: dict[str, float]) -> None:
        for house, symbol, form, pace in (
            ("spot", "BTC_USDT", SPOT_FORM, 5.0),
            ("spot", "ETH_USDT", SPOT_FORM, 1.0),
            ("spot", "QUIET_USDT", SPOT_FORM, 0.04),
            ("futures", "BTCUSDT", FUTURES_FORM, 5.0),
            ("futures", "ETHUSDT", FUTURES_FORM, 0.5),
            ("legacy", "BMX_ETH", LEGACY_FORM, 0.7),
        ):
            chance = Random(f"market {house} {symbol} {seed}")
            market = Market(symbol, form, chance, paces.get(symbol, pace))
            self.markets[house, symbol] = market
            self._at(self._next_change(house, market, 0), self._changer(house, market))

    # What a carrier calls.

    def opens(self, endpoint: str, now: int) -> tuple[int, Connection | None]:
        """Somebody connects: 101 and the connection, or the status of a refusal."""
        limits = RULES[endpoint]
        for lie in self.lies:
            status = lie.door(endpoint, now)
            if status is not None:
                return status, None
        tries = self.attempts[endpoint]
        tries.append(now)
        if limits.attempts is not None:
            count, window = limits.attempts
            while tries[0] <= now - window:
                tries.popleft()
            if len(tries) > count:
                self.breach(f"{endpoint} attempts")
                return 429, None
        there = sum(c.rules is limits for c in self.connections.values())
        if limits.connections is not None and there >= limits.connections:
            self.breach(f"{endpoint} connections")
            return 403, None
        number = next(self._numbers)
        latency = self.random.randint(*self.habits.latency)
        connection = Connection(number, limits, now, latency, heard=now, told=now)
        self.connections[number] = connection
        if limits.lifeless is not None:
            self._at(now + limits.lifeless, lambda at: self._lifeless(connection, at))
        if limits.idle is not None:
            self._at(now + limits.idle, lambda at: self._idle(connection, at))
        for lie in self.lies:
            lie.opened(connection, now)
        return 101, connection

    def door_pause(self, endpoint: str) -> int:
        """How much longer than it has to a handshake takes just now."""
        return max((lie.door_pause(endpoint) for lie in self.lies), default=0)

    def hears(self, number: int, text: str | None, now: int) -> None:
        """The client sent a text (None: a ping frame); it arrives after the line's latency."""
        connection = self.connections.get(number)
        if connection is not None and not connection.mute:
            late = max((lie.uplink(connection) for lie in self.lies), default=0)
            at = now + connection.latency + late
            if connection.arriving:
                # Nothing overtakes on a wire.
                at = max(at, connection.arriving[-1][0])
            connection.arriving.append((at, text))

    def lost(self, number: int, now: int) -> None:
        """The client ended the connection."""
        self.connections.pop(number, None)

    def due(self) -> int:
        """The next moment at which something happens here."""
        times = [self._agenda[0][0]] if self._agenda else []
        for connection in self.connections.values():
            if connection.arriving:
                times.append(connection.arriving[0][0])
            if connection.inside:
                times.append(self._inside_due(connection))
            if connection.link:
                times.append(self._link_due(connection))
        return min(times, default=NEVER)

    def advance(self, now: int) -> None:
        """Do all that is due until now, in the order of its time."""
        while self._agenda and self._agenda[0][0] <= now:
            at, _, what = heapq.heappop(self._agenda)
            what(at)
        for connection in list(self.connections.values()):
            while connection.arriving and connection.arriving[0][0] <= now:
                _, text = connection.arriving.popleft()
                self._heard(connection, text, now)
            self._flush(connection, now)

    def takes(self) -> Iterator[Delivery]:
        while self.deliveries:
            yield self.deliveries.popleft()

    # What lies and dialects call.

    def later(self, at: int, what: Callable[[int], None]) -> None:
        self._at(at, what)

    def subscribers(self, channel: Channel) -> list[Connection]:
        return [c for c in self.connections.values() if c.topics.get(channel.topic) is channel]

    def say(self, connection: Connection, say: Say, now: int) -> None:
        """Say something on a connection, as the acting lies have it."""
        if connection.ending or connection.gone:
            return
        says = [say]
        for lie in self.lies:
            if lie.concerns(say, connection):
                says = [told for one in says for told in lie.alter(one, connection, now)]
        for one in says:
            if one.kind in DATA and not one.binary and self.habits.binary:
                # §2.1: pushes of spot come as text or as raw DEFLATE, and nobody knows why.
                one.binary = (
                    connection.house == "spot" and self.random.random() < self.habits.binary
                )
            self.utter(connection, one, now)

    def utter(self, connection: Connection, say: Say, now: int) -> None:
        """Put a message on its way without asking any lie."""
        connection.told = now
        if say.kind in ("first", "reply") and say.topic is not None:
            self.shown[connection.house, say.topic] = now
        if say.kind in DATA:
            connection.inside.append((now, say))
        else:
            connection.link.append((now, say))
        self._flush(connection, now)

    def ends(self, connection: Connection, code: int | None, now: int) -> None:
        """Close a connection behind all that was said; with None it is cut at once."""
        if connection.gone:
            return
        if code is None:
            self._gone(connection, None)
        else:
            connection.link.extend(connection.inside)
            connection.inside.clear()
            connection.link.append((now, code))
            connection.ending = True

    def channel(self, house: str, topic: str, now: int) -> Channel | None:
        """The channel of a topic, made when somebody first asks for it."""
        found = self.channels.get((house, topic))
        if found is not None:
            return found
        symbol = topic.partition(":")[2].partition("@")[0]
        market = self.markets.get((house, symbol))
        if market is None:
            return None
        if house == "spot":
            made = spot_channel(topic, market, self.stamp, self.pen)
        elif house == "futures":
            made = futures_channel(topic, market, self.stamp, self.pen, self.habits.every)
        else:
            made = legacy_channel(topic, market, self.stamp, self.pen)
        if made is not None:
            made.version = self.random.randint(1_000, 5_000_000)
            made._tell(now)
            made.pushed = now
            self.channels[house, topic] = made
            self._watch_quiet(made, now)
        return made

    # Time.

    def _at(self, at: int, what: Callable[[int], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), what))

    def _next_change(self, house: str, market: Market, now: int) -> int:
        pause = seconds(market.random.expovariate(market.pace))
        if house == "futures":
            # §4.5: everything is pushed on one grid.
            every = self.habits.every
            return (now + every + pause) // every * every
        return now + max(pause, rules.INCREASE_EVERY)

    def _changer(self, house: str, market: Market) -> Callable[[int], None]:
        def change(now: int) -> None:
            account = self.accounts.get(house)
            acts = (
                account is not None
                and self.trader
                and market.symbol in ("BTC_USDT", "BTCUSDT")
                and self.random.random() < 0.15
            )
            changes = market.step(
                now, (lambda into: account.act(market, into, now)) if account and acts else None
            )
            self._publish(house, market, changes, now)
            if account is not None and acts:
                account.say_all(now)
            if self.trading and self.random.random() < 0.3:
                self._trade(house, market, now)
            self._at(self._next_change(house, market, now), change)

        return change

    def _publish(self, house: str, market: Market, changes: Changes, now: int) -> None:
        for channel in self._of(house, market):
            if isinstance(channel, Trades):
                continue
            if channel.kind == "book" or now - channel.pushed >= channel.every:
                self._push(channel, channel.moved(changes, now), now)
            elif not channel.waiting:
                channel.waiting = True
                self._at(channel.pushed + channel.every, self._catch_up(channel))

    def _of(self, house: str, market: Market) -> list[Channel]:
        return [c for (h, _), c in self.channels.items() if h == house and c.market is market]

    def _catch_up(self, channel: Channel) -> Callable[[int], None]:
        def push(now: int) -> None:
            channel.waiting = False
            self._push(channel, channel.moved({"bid": {}, "ask": {}}, now), now)

        return push

    def _push(self, channel: Channel, says: list[Say], now: int) -> None:
        channel.pushed = now
        for lie in self.lies:
            if lie.covers_channel(channel):
                says = lie.published(channel, says, now)
        for connection in self.subscribers(channel):
            for say in says:
                self.say(connection, say, now)

    def _watch_quiet(self, channel: Channel, now: int) -> None:
        pauses: dict[type[Channel], int | None] = {
            SpotIncrease: self.habits.heartbeat,
            FuturesIncrease: rules.EMPTY_EVERY,
        }
        pause = pauses.get(type(channel))
        if pause is None:
            return

        def look(at: int) -> None:
            if at - channel.pushed >= pause:
                self._push(channel, channel.quiet(at), at)
            self._at(max(channel.pushed + pause, at + 1), look)

        self._at(now + pause, look)

    def _trade(self, house: str, market: Market, now: int) -> None:
        if house == "legacy":
            return
        deals: list[Deal] = [market.deal(now) for _ in range(self.random.randint(1, 3))]
        for channel in self._of(house, market):
            if isinstance(channel, Trades):
                self._push(channel, [channel.deals(deals)], now)

    def _positions(self, now: int) -> None:
        self._tell_private(self.accounts["futures"].positions(now), now)
        self._at(now + rules.POSITION_EVERY, self._positions)

    def _tell_private(self, say: Say, now: int) -> None:
        for connection in list(self.connections.values()):
            if connection.private and say.topic in connection.topics:
                self.say(connection, say, now)

    def _idle(self, connection: Connection, now: int) -> None:
        """§8: 20 s without traffic from the client and nothing pushed."""
        if self.connections.get(connection.number) is not connection:
            return
        assert connection.rules.idle is not None
        last = max(connection.heard, connection.told)
        if now - last >= connection.rules.idle:
            self.ends(connection, 1000, now)
            self._flush(connection, now)
        else:
            self._at(last + connection.rules.idle, lambda at: self._idle(connection, at))

    def _lifeless(self, connection: Connection, now: int) -> None:
        if self.connections.get(connection.number) is connection and not connection.subscribed:
            self.ends(connection, 1000, now)
            self._flush(connection, now)

    # Messages of the client.

    def _heard(self, connection: Connection, text: str | None, now: int) -> None:
        if connection.ending or connection.gone or connection.mute:
            return
        connection.heard = now
        limits = connection.rules
        if limits.messages is not None:
            count, window = limits.messages
            connection.messages.append(now)
            while connection.messages[0] <= now - window:
                connection.messages.popleft()
            if len(connection.messages) > count:
                self.breach(f"{limits.name} messages")
                self.ends(connection, 1008, now)
                return
        if text is None:
            return
        if limits.frame_bytes is not None and len(text.encode()) > limits.frame_bytes:
            self.breach(f"{limits.name} frame")
            self.ends(connection, 1009, now)
            return
        dialects.hear(self, connection, text, now)

    def breach(self, what: str) -> None:
        """A documented limit was broken; it is counted."""
        self.broken[what] = self.broken.get(what, 0) + 1

    # The way to the client.

    def _inside_due(self, connection: Connection) -> int:
        entered, say = connection.inside[0]
        return entered + max((lie.inside(connection, say, entered) for lie in self.lies), default=0)

    def _link_due(self, connection: Connection) -> int:
        entered, _ = connection.link[0]
        lag = max((lie.link(connection, entered) for lie in self.lies), default=0)
        return entered + connection.latency + lag

    def _flush(self, connection: Connection, now: int) -> None:
        while connection.inside and self._inside_due(connection) <= now:
            _, say = connection.inside.popleft()
            connection.link.append((now, say))
        while connection.link and not connection.gone and self._link_due(connection) <= now:
            _, what = connection.link.popleft()
            if connection.mute:
                continue
            if isinstance(what, int):
                self._gone(connection, what)
                return
            self.deliveries.append(Delivery(connection.number, what.payload(), say=what))

    def _gone(self, connection: Connection, code: int | None) -> None:
        connection.gone = True
        self.connections.pop(connection.number, None)
        self.deliveries.append(Delivery(connection.number, None, code))
