"""The ways in which the venue lies. Each says beforehand what an honest client must show.

"Must show" is always one of three: the truth within its bound; not LIVE; or, for streams, all of
it, or a gap that is told. A lie acts while it is in `Venue.lies`; what it does is drawn from a
chance of its own, so that leaving one lie out changes no other.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from tests.strangers.channels import Channel, FuturesSides, Sequenced, SpotIncrease, Trades
from tests.strangers.rules import RULES
from tests.strangers.speech import BOOK, DATA, Say
from tests.strangers.units import MILLI, SECOND, seconds

if TYPE_CHECKING:
    from tests.strangers.venue import Connection, Venue

LIES: dict[str, type[Lie]] = {}

SEQUENCED = ("spot_public", "futures_public")
PUBLIC = (*SEQUENCED, "legacy")
ACKNOWLEDGED = (*SEQUENCED, "spot_private", "futures_private")


class Lie:
    """One occurrence of a lie. `aims` says what it picks for itself when it begins."""

    name: ClassVar[str] = ""
    aims: ClassVar[str] = "endpoint"
    """What a lie is about: "endpoint"; a topic that is a "book" (sequenced), "busy" (the same, and
    it changes every second), "spot" (sequenced, of spot), "sides" (one-sided), "shown" (of any
    book), "trade" or "any"; or "private"."""
    endpoints: ClassVar[tuple[str, ...]] = tuple(RULES)
    """Where it has something to say."""
    chance: ClassVar[float] = 1.0
    """How often it strikes where it could."""
    more: ClassVar[int] = 0
    """How much oftener than others it is told, an hour, because it does little each time."""

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if cls.name:
            LIES[cls.name] = cls

    def __init__(self, venue: Venue, random: Random, begin: int, end: int) -> None:
        self.venue, self.random, self.begin, self.end = venue, random, begin, end
        self.endpoint: str | None = None
        self.topic: str | None = None
        self.acted = 0
        self.prepare()

    def prepare(self) -> None:
        """Draw what stays the same for as long as the lie lasts."""

    def aim(self) -> bool:
        """Pick what the lie is about among what is subscribed; False where there is nothing."""
        there = self._targets()
        if not there:
            return False
        self.endpoint, topic = self.random.choice(there)
        self.topic = None if self.aims == "endpoint" else topic
        return True

    def _targets(self) -> list[tuple[str, str]]:
        found = {
            (connection.rules.name, topic)
            for connection in self.venue.connections.values()
            for topic, channel in connection.topics.items()
            if self._suits(connection, channel)
        }
        return sorted(found)

    def _suits(self, connection: Connection, channel: Channel | None) -> bool:
        if connection.rules.name not in self.endpoints:
            return False
        if self.aims == "endpoint":
            return True
        if self.aims == "private":
            return connection.private
        if channel is None:
            return False
        return {
            "book": isinstance(channel, Sequenced),
            "busy": isinstance(channel, Sequenced) and channel.market.pace >= 1.0,
            "spot": isinstance(channel, SpotIncrease),
            "shown": not isinstance(channel, Trades),
            "sides": isinstance(channel, FuturesSides),
            "trade": isinstance(channel, Trades),
            "any": True,
        }[self.aims]

    def begins(self, now: int) -> None:
        """The lie has been aimed and begins."""

    def ends(self, now: int) -> None:
        """The lie ends, and what it bent is straight again."""

    def touches(self, house: str, topic: str) -> bool:
        """Whether it acts on that topic: the judge's bounds depend on it."""
        if self.topic is not None:
            return topic == self.topic
        return self.endpoint is not None and self.endpoint.partition("_")[0] == house

    def concerns(self, say: Say, connection: Connection) -> bool:
        """Whether `alter` is to be asked about this message."""
        if connection.rules.name != self.endpoint:
            return False
        return self.topic is None or say.topic == self.topic

    def strikes(self) -> bool:
        """Whether to act here: at the first occasion, and then by chance."""
        if self.random.random() >= self.chance and self.acted:
            return False
        self.acted += 1
        return True

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        return [say]

    def covers_channel(self, channel: Channel) -> bool:
        return self.topic is not None and channel.topic == self.topic

    def published(self, channel: Channel, says: list[Say], now: int) -> list[Say]:
        """What every subscriber of a channel is to be told in place of `says`."""
        return says

    def inside(self, connection: Connection, say: Say, entered: int) -> int:
        """How long a message waits inside the venue, where pongs overtake it."""
        return 0

    def link(self, connection: Connection, entered: int) -> int:
        """How long everything waits on its way."""
        return 0

    def door(self, endpoint: str, now: int) -> int | None:
        """The status with which a connection is refused."""
        return None

    def door_pause(self, endpoint: str) -> int:
        """How long a handshake takes longer than it has to."""
        return 0

    def uplink(self, connection: Connection) -> int:
        """How long what the client says is on its way."""
        return 0

    def opened(self, connection: Connection, now: int) -> None:
        """A connection was accepted."""

    def topics(self, connection: Connection) -> int:
        """How many topics a connection may have."""
        return connection.rules.topics or 1 << 30

    def hold(self, say: Say, connection: Connection, now: int, pause: int) -> list[Say]:
        """Say it later."""
        self.venue.later(now + pause, lambda at: self._utter(say, connection, at))
        return []

    def _utter(self, say: Say, connection: Connection, at: int) -> None:
        if not connection.gone and not connection.ending:
            self.venue.utter(connection, say, at)

    def mine(self) -> list[Connection]:
        there = self.venue.connections.values()
        return [c for c in there if c.rules.name == self.endpoint]


def rows_of(say: Say) -> dict[str, Any] | None:
    """The one item of a book message that is still as the venue made it."""
    body = say.body
    if not isinstance(body, dict) or "data" not in body:
        return None
    data = body["data"]
    item = data[0] if isinstance(data, list) and data else data
    return item if isinstance(item, dict) else None


def price_of(row: Any) -> Decimal:
    """Of a level, as either house writes it."""
    return Decimal(str(row["price"] if isinstance(row, dict) else row[0]))


def changed(say: Say, change: Callable[[dict[str, Any]], None]) -> Say:
    """A copy of a message whose item was changed."""
    body = deepcopy(say.body)
    twin = say.with_body(body)
    item = rows_of(twin)
    if item is not None:
        change(item)
    return twin


# Late.


class LateFromFirstByte(Lie):
    """What is said at time a after connecting arrives at a/(1-k), pongs too (finding A1).

    Must show: nothing older than the bound: a book of such a connection is not LIVE as soon as
    its first ping stays unanswered too long, and never LIVE with a price older than the bound.
    """

    name = "late_from_first_byte"

    def prepare(self) -> None:
        self.share = self.random.choice((0.5, 0.8, 0.9, 0.95))

    def begins(self, now: int) -> None:
        for connection in self.mine():
            self.venue.ends(connection, None, now)

    def concerns(self, say: Say, connection: Connection) -> bool:
        self.acted += self._slows(connection)
        return False

    def _slows(self, connection: Connection) -> bool:
        return connection.rules.name == self.endpoint and connection.opened >= self.begin

    def link(self, connection: Connection, entered: int) -> int:
        if not self._slows(connection):
            return 0
        return int((entered - connection.opened) * self.share / (1 - self.share))


class LateInside(Lie):
    """Data waits longer and longer in a queue of the venue; pongs are prompt (finding A2).

    Must show: nothing older than the bound; what `ms_t` says about the lag is enough to know.
    At the end all of it comes at once, and the client may be LIVE with the newest of it.
    """

    name = "late_inside"

    def prepare(self) -> None:
        self.share = self.random.choice((0.3, 0.6, 0.9))

    def inside(self, connection: Connection, say: Say, entered: int) -> int:
        if connection.rules.name != self.endpoint or entered < self.begin:
            return 0
        return int((entered - self.begin) * self.share / (1 - self.share))

    def concerns(self, say: Say, connection: Connection) -> bool:
        self.acted += connection.rules.name == self.endpoint and say.kind in DATA
        return False


class LateInsideStep(LateInside):
    """Data is late by one amount from one moment on, and punctual again from another on.

    Must show: nothing older than the bound.
    """

    name = "late_inside_step"

    def prepare(self) -> None:
        self.lag = seconds(self.random.uniform(1.0, 30.0))

    def inside(self, connection: Connection, say: Say, entered: int) -> int:
        return self.lag if connection.rules.name == self.endpoint and entered >= self.begin else 0


class LateLine(Lie):
    """Everything on a line, pongs too, is later and later, and then all at once punctual.

    Must show: nothing older than the bound; a pong that is late says so.
    """

    name = "late_line"

    def prepare(self) -> None:
        self.share = self.random.choice((0.3, 0.6, 0.9))

    def concerns(self, say: Say, connection: Connection) -> bool:
        self.acted += connection.rules.name == self.endpoint
        return False

    def link(self, connection: Connection, entered: int) -> int:
        if connection.rules.name != self.endpoint or entered < self.begin:
            return 0
        return int((entered - self.begin) * self.share / (1 - self.share))


class LateLineStep(LateLine):
    """A line is late by one amount, pongs too, and then punctual again. Must show: as above."""

    name = "late_line_step"

    def prepare(self) -> None:
        self.lag = seconds(self.random.uniform(0.5, 20.0))

    def link(self, connection: Connection, entered: int) -> int:
        return self.lag if connection.rules.name == self.endpoint and entered >= self.begin else 0


class Stall(LateLine):
    """Nothing comes for a while, and then all that was held back.

    Must show: nothing older than the bound: a silent connection is not LIVE.
    """

    name = "stall"

    def link(self, connection: Connection, entered: int) -> int:
        if connection.rules.name != self.endpoint or entered < self.begin:
            return 0
        return max(self.end - entered, 0)


class LateTopic(Lie):
    """One topic is late by one amount, and all others are punctual.

    Must show: that topic's book within its bound, or not LIVE; the others as ever.
    """

    name = "late_topic"
    aims = "any"

    def prepare(self) -> None:
        self.lag = seconds(self.random.uniform(1.0, 30.0))

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind == "ack":
            return [say]
        self.acted += 1
        return self.hold(say, connection, now, min(self.lag, max(self.end - now, MILLI)))


class LateUplink(LateLine):
    """What the client says arrives late, pings too, and what it hears is punctual.

    Must show: the truth, or not LIVE: its pongs are late and its data is not.
    """

    name = "late_uplink"
    more = 2

    def prepare(self) -> None:
        self.lag = seconds(self.random.uniform(0.5, 15.0))

    def link(self, connection: Connection, entered: int) -> int:
        return 0

    def concerns(self, say: Say, connection: Connection) -> bool:
        return False

    def uplink(self, connection: Connection) -> int:
        if connection.rules.name != self.endpoint:
            return 0
        self.acted += 1
        return self.lag


# The two sides of a one-sided channel (§4.4).


class PairApart(Lie):
    """The asks of a pair are stamped 1 ms before its bids (finding A3).

    Must show: both sides within the bound; a stamp is no sequence between two sides.
    """

    name = "pair_apart"
    aims = "sides"

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.side != "ask":
            return [say]
        item = rows_of(say)
        # Another lie may have left no stamp in it.
        if item is None or "ms_t" not in item:
            return [say]
        self.acted += 1
        return [changed(say, lambda item: item.update(ms_t=item["ms_t"] - 1))]


class PairZero(Lie):
    """One side is stamped 0, or not at all (§4.4, "`ms_t` may be missing"). Must show: as above."""

    name = "pair_zero"
    more = 4
    aims = "sides"

    def prepare(self) -> None:
        self.side = self.random.choice(("bid", "ask"))
        self.without = self.random.random() < 0.5

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.side != self.side:
            return [say]
        self.acted += 1
        if self.without:
            return [changed(say, lambda item: item.pop("ms_t", None))]
        return [changed(say, lambda item: item.update(ms_t=0))]


class PairSwapped(Lie):
    """The asks come before the bids (§4.4, "order within the pair UNCONFIRMED").

    Must show: both sides within the bound.
    """

    name = "pair_swapped"
    aims = "sides"

    def published(self, channel: Channel, says: list[Say], now: int) -> list[Say]:
        self.acted += 1
        return list(reversed(says))


class PairSilent(Lie):
    """One side is not told any more, the other goes on (finding A3).

    Must show: the silent side within its bound, or not LIVE.
    """

    name = "pair_silent"
    aims = "sides"

    def prepare(self) -> None:
        self.side = self.random.choice(("bid", "ask"))

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.side != self.side:
            return [say]
        self.acted += 1
        return []


class PairLate(PairSilent):
    """One side comes later than the other (§8, "delayed partner"). Must show: as `pair_apart`."""

    name = "pair_late"

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.side != self.side:
            return [say]
        self.acted += 1
        return self.hold(say, connection, now, seconds(self.random.uniform(0.01, 3.0)))


# Replies to requests, and first snapshots.


class Reply(Lie, ABC):
    """What replies have in common: in any other message the truth is told, but updates are lost
    now and then, so that somebody asks."""

    # Where nothing changes nobody has to ask.
    aims = "busy"
    lost = 0.05
    """How often an update is lost beside it, so that the client has to ask."""
    asked = False

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind == "update" and (not self.asked or self.random.random() < self.lost):
            self.asked = True
            return []
        if say.kind != "reply":
            return [say]
        channel = connection.topics.get(say.topic or "")
        if not isinstance(channel, Sequenced):
            return [say]
        self.acted += 1
        return self.answer(channel, say, connection, now)

    @abstractmethod
    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        """What is sent in a reply's place."""


class ReplyOld(Reply):
    """Replies are some seconds old (finding A4).

    Must show: nothing older than the bound; not LIVE on such a reply unless updates continue it.
    """

    name = "reply_old"

    def prepare(self) -> None:
        self.past = seconds(self.random.uniform(0.5, 60.0))

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        version, state = channel.old(now - self.past)
        return [channel.snapshot("reply", now, state, version)]


class ReplyCached(ReplyOld):
    """Every reply is the same one, made before the lie began (finding A4). Must show: as above."""

    name = "reply_cached"

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        version, state = channel.old(self.begin - self.past // 4)
        return [channel.snapshot("reply", now, state, version)]


class ReplyAhead(Reply):
    """Replies count a million further than updates do (finding A5).

    Must show: nothing older than the bound: updates that such a reply "overtook" may not be
    dropped for ever while the book is LIVE.
    """

    name = "reply_ahead"
    more = 4

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        return [channel.snapshot("reply", now, None, channel.version + 1_000_000)]


class ReplyBehind(Reply):
    """Replies are true, and count lower than updates do. Must show: the truth, or not LIVE."""

    name = "reply_behind"
    more = 4

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        return [channel.snapshot("reply", now, None, max(channel.version - 700, 1))]


class ReplyOther(Reply):
    """Another symbol's snapshot answers. Must show: neither book wrong, the asked one not LIVE
    until its own answer."""

    name = "reply_other_symbol"

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        others = [
            other
            for other in connection.topics.values()
            if isinstance(other, Sequenced) and other is not channel
        ]
        return others[0].reply(now) if others else []


class ReplyShort(Reply):
    """A reply has only the better half of its levels (finding A7), in whatever order they stand.

    Must show: of what is said to be complete nothing is missing.
    """

    name = "reply_short"
    more = 4

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        def halve(item: dict[str, Any]) -> None:
            for side in ("asks", "bids"):
                rows = item[side]
                best_first = sorted(map(price_of, rows), reverse=side == "bids")
                kept = set(best_first[: len(rows) // 2])
                item[side] = [row for row in rows if price_of(row) in kept]

        return [changed(say, halve)]


class ReplyCut(Reply):
    """A reply ends in the middle of its text. Must show: the truth, or not LIVE."""

    name = "reply_cut"

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        text = say.text()
        return [say.with_text(text[: self.random.randint(1, len(text) - 1)])]


class ReplyEmpty(Reply):
    """A reply has no levels at all. Must show: never an empty side of a market that has one."""

    name = "reply_empty"
    more = 4

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        return [changed(say, lambda item: item.update(asks=[], bids=[]))]


class ReplyNever(Reply):
    """Nobody answers a request. Must show: not LIVE until a snapshot comes some other way."""

    name = "reply_never"
    more = 4

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        return []


class ReplyLate(Reply):
    """An answer comes late, as it was made (§8, "delayed request answer").

    Must show: nothing older than the bound.
    """

    name = "reply_late"
    more = 4

    def answer(self, channel: Sequenced, say: Say, connection: Connection, now: int) -> list[Say]:
        return self.hold(say, connection, now, seconds(self.random.uniform(0.3, 15.0)))


class FirstOld(Lie):
    """Subscriptions begin with a snapshot that is seconds old; every connection is cut once.

    Must show: SYNCING until a snapshot joins the updates.
    """

    name = "first_old"
    more = 4
    endpoints = SEQUENCED

    def prepare(self) -> None:
        self.past = seconds(self.random.uniform(0.5, 60.0))

    def begins(self, now: int) -> None:
        for connection in self.mine():
            self.venue.ends(connection, None, now)

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        channel = connection.topics.get(say.topic or "")
        if say.kind != "first" or not isinstance(channel, Sequenced):
            return [say]
        self.acted += 1
        version, state = channel.old(now - self.past)
        return [channel.snapshot("first", now, state, version)]


class FirstLate(FirstOld):
    """Updates come before the first snapshot (§2.8, RUST). Must show: the truth, or SYNCING."""

    name = "first_late"
    more = 4

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind != "first":
            return [say]
        self.acted += 1
        return self.hold(say, connection, now, seconds(self.random.uniform(0.1, 4.0)))


class FirstEmpty(FirstOld):
    """Subscriptions begin with a snapshot without levels.

    Must show: never an empty side of a market that has one.
    """

    name = "first_empty"
    more = 4

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        channel = connection.topics.get(say.topic or "")
        if say.kind != "first" or not isinstance(channel, Sequenced):
            return [say]
        self.acted += 1
        return [changed(say, lambda item: item.update(asks=[], bids=[]))]


# Counters.


class CounterRestarts(Lie):
    """A topic's counter starts anew near 0, without a snapshot (§4.5, "It restarts").

    Must show: nothing older than the bound (§2.8: rule 2 alone would freeze the book).
    """

    name = "counter_restarts"
    more = 6
    aims = "book"

    def begins(self, now: int) -> None:
        self._strike(now)

    def _strike(self, now: int) -> None:
        channel = self.venue.channels.get(
            ((self.endpoint or "").partition("_")[0], self.topic or "")
        )
        if channel is not None and now < self.end:
            self.acted += 1
            channel.version = self.next(channel.version)
            self.venue.later(now + seconds(self.random.uniform(3.0, 30.0)), self._strike)

    def next(self, version: int) -> int:
        return self.random.randint(0, 5)


class CounterJumps(CounterRestarts):
    """A counter leaves numbers out although nothing was lost.

    Must show: GAP until a snapshot: nobody can know that nothing was lost.
    """

    name = "counter_jumps"
    more = 3

    def next(self, version: int) -> int:
        return version + self.random.choice((1, 2, 1000, 10**6))


class CounterWraps(CounterRestarts):
    """A counter goes on behind 2^31, 2^53 or 2^63. Must show: the truth, or not LIVE."""

    name = "counter_wraps"
    more = 3

    def next(self, version: int) -> int:
        return self.random.choice((2**31 - 2, 2**32 - 2, 2**53 - 2, 0))


class CounterRepeats(Lie):
    """Two different updates have one version (finding A8).

    Must show: the truth, or not LIVE: what repeats a version and says something else is no repeat.
    """

    name = "counter_repeats"
    aims = "book"
    chance = 0.2

    def published(self, channel: Channel, says: list[Say], now: int) -> list[Say]:
        if says and says[0].kind == "update" and self.strikes():
            channel.version -= 1
        return says


# Updates.


class Loses(Lie):
    """Updates are lost. Must show: GAP as soon as the next one comes."""

    name = "loses"
    aims = "book"
    chance = 0.2

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        return [] if say.kind == "update" and self.strikes() else [say]


class Doubles(Lie):
    """Updates come twice. Must show: the truth; the second changes nothing."""

    name = "doubles"
    aims = "book"
    chance = 0.3

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        return [say, say] if say.kind == "update" and self.strikes() else [say]


class Repeats(Lie):
    """Updates come again some time later. Must show: the truth; they are old."""

    name = "repeats"
    aims = "book"
    chance = 0.3

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind == "update" and self.strikes():
            self.hold(say, connection, now, seconds(self.random.uniform(0.2, 10.0)))
        return [say]


class Swaps(Lie):
    """An update comes behind the one after it. Must show: GAP, or the truth."""

    name = "swaps"
    aims = "book"
    chance = 0.1

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind == "update" and self.strikes():
            return self.hold(say, connection, now, seconds(self.random.uniform(0.2, 3.0)))
        return [say]


class Mute(Lie):
    """One topic says nothing more, replies included; all others go on.

    Must show: that book not LIVE once its bound is over.
    """

    name = "mute"
    aims = "shown"

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        self.acted += 1
        return []


class Frozen(Lie):
    """Updates stop and heartbeats of the last version go on; replies are true.

    Must show: what an audit once a minute can: nothing older than 65 s.
    """

    name = "frozen"
    aims = "spot"

    def begins(self, now: int) -> None:
        channel = self.venue.channels.get(("spot", self.topic or ""))
        self.version = channel.version if channel is not None else 0

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind != "update":
            return [say]
        self.acted += 1

        def empty(item: dict[str, Any]) -> None:
            item.update(asks=[], bids=[], version=self.version)

        return [changed(say, empty)] if self.random.random() < 0.2 else []


class Crosses(Lie):
    """An update brings a bid above the best ask, and the next ones take it back.

    Must show: not LIVE while crossed.
    """

    name = "crosses"
    aims = "book"
    chance = 0.2

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        channel = connection.topics.get(say.topic or "")
        if say.kind != "update" or channel is None or not self.strikes():
            return [say]
        form = channel.market.form
        price, lots = channel.market.now.asks[0][0] + 1, 77
        spot = isinstance(channel, SpotIncrease)
        row = (channel.pen.pairs if spot else channel.pen.named)(form, [(price, lots)])
        return [changed(say, lambda item: item["bids"].extend(row))]


class SubscriptionDies(Lie):
    """The venue forgets a subscription, says so or not, and goes on to answer requests.

    Must show: nothing older than the bound: a reply is no subscription.
    """

    name = "subscription_dies"
    more = 6
    aims = "book"

    def begins(self, now: int) -> None:
        says_so = self.random.random() < 0.5
        for connection in self.mine():
            if connection.topics.pop(self.topic or "", None) is not None:
                self.acted += 1
                if says_so and connection.house == "spot":
                    body = {"event": "unsubscribe", "topic": self.topic}
                    self.venue.utter(connection, Say("ack", self.topic, body), now)


class Contradicts(Lie):
    """A message's topic names one symbol and its data another.

    Must show: neither book wrong: the update is nobody's, and so it is lost.
    """

    name = "contradicts"
    endpoints = ("futures_public",)
    aims = "shown"
    chance = 0.05

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        group = isinstance(say.body, dict) and "group" in say.body
        if say.kind not in ("update", "picture") or not group or not self.strikes():
            return [say]
        symbol = "ETHUSDT" if "BTCUSDT" in str(say.topic) else "BTCUSDT"
        return [changed(say, lambda item: item.update(symbol=symbol))]


class Batches(Lie):
    """Two updates come in one frame (§2.7, "`data` is an array"). Must show: the truth."""

    name = "batches"
    aims = "spot"

    def prepare(self) -> None:
        self.kept: dict[int, Say] = {}

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        before = self.kept.pop(connection.number, None)
        if say.kind != "update":
            return [before, say] if before is not None else [say]
        if before is None:
            self.kept[connection.number] = say
            return []
        self.acted += 1
        body = {**say.body, "data": [*before.body["data"], *say.body["data"]]}
        return [say.with_body(body)]

    def ends(self, now: int) -> None:
        for connection in self.mine():
            if connection.number in self.kept:
                self._utter(self.kept[connection.number], connection, now)


class ThirdColumn(Lie):
    """Rows have a third element, which nobody documented. Must show: the truth, or not LIVE."""

    name = "third_column"
    aims = "spot"
    chance = 0.3

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind != "update" or not self.strikes():
            return [say]

        def widen(item: dict[str, Any]) -> None:
            for side in ("asks", "bids"):
                item[side] = [[*row, "3"] for row in item[side]]

        return [changed(say, widen)]


# Acknowledgements and errors.


class AckLate(Lie):
    """Acknowledgements come late. Must show: data is data, acknowledged or not."""

    name = "ack_late"
    endpoints = ACKNOWLEDGED

    def begins(self, now: int) -> None:
        for connection in self.mine():
            self.venue.ends(connection, None, now)

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind != "ack":
            return [say]
        self.acted += 1
        return self.hold(say, connection, now, seconds(self.random.uniform(0.5, 20.0)))


class AckMissing(AckLate):
    """No acknowledgement comes (§8, "none (pre-2024)"). Must show: as above."""

    name = "ack_missing"

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        self.acted += say.kind == "ack"
        return [] if say.kind == "ack" else [say]


class AckDoubled(AckLate):
    """Each acknowledgement comes twice. Must show: as if it came once."""

    name = "ack_doubled"
    more = 1

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        self.acted += say.kind == "ack"
        return [say, say] if say.kind == "ack" else [say]


class Extra(Lie, ABC):
    """What comes beside the messages of a connection, now and then."""

    endpoints: ClassVar[tuple[str, ...]] = PUBLIC
    chance = 0.05

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if not self.strikes():
            return [say]
        return [self.extra(connection, now), say]

    @abstractmethod
    def extra(self, connection: Connection, now: int) -> Say:
        """What is sent beside."""

    def some_topic(self, connection: Connection) -> str:
        return self.random.choice(sorted(connection.topics) or ["spot/depth5:NOBODY_USDT"])

    def error(self, connection: Connection, topic: str | None, words: str) -> Say:
        body: dict[str, Any]
        if connection.house == "futures":
            body = {"action": "subscribe", "group": topic, "success": False, "error": words}
            if topic is None:
                body = {"success": False, "error": words}
        elif connection.house == "legacy":
            body = {"message": words}
        else:
            body = {"errorCode": "95000", "errorMessage": words}
            body["event"] = "subscribe" if topic is None else f"subscribe:{topic}"
        return Say("error", topic, body)


class AckForNobody(Extra):
    """Acknowledgements of what nobody asked for. Must show: nothing changes."""

    name = "ack_for_nobody"
    chance = 0.1
    endpoints = SEQUENCED

    def extra(self, connection: Connection, now: int) -> Say:
        if connection.house == "futures":
            topic = "futures/depthIncrease50:NOBODYUSDT"
            body = {"action": "subscribe", "group": topic, "success": True}
            return Say("ack", topic, body)
        topic = "spot/depth/increase100:NOBODY_USDT"
        return Say("ack", topic, {"event": "subscribe", "topic": topic})


class ErrorForOthers(Extra):
    """Errors about topics of nobody. Must show: nothing changes."""

    name = "error_for_others"

    def extra(self, connection: Connection, now: int) -> Say:
        house = connection.house
        topic = "futures/trade:NOBODYUSDT" if house == "futures" else "spot/trade:NOBODY_USDT"
        return self.error(connection, topic, "Invalid symbol param")


class ErrorForLive(Extra):
    """An error about a topic that is subscribed, and whose data goes on (finding C3).

    Must show: the truth, or not LIVE; and LIVE again some time after it.
    """

    name = "error_for_live"
    chance = 0.04

    def extra(self, connection: Connection, now: int) -> Say:
        return self.error(connection, self.some_topic(connection), "Invalid channel param")


class ErrorNameless(Extra):
    """Errors that name no topic (finding C3). Must show: nobody is refused for good."""

    name = "error_nameless"
    chance = 0.03

    def extra(self, connection: Connection, now: int) -> Say:
        return self.error(connection, None, "internal error")


class ErrorHostile(Extra):
    """Errors whose text is hostile: control characters, directions, quotes, length.

    Must show: nothing changes, and nothing of it reaches a terminal raw.
    """

    name = "error_hostile"

    def extra(self, connection: Connection, now: int) -> Say:
        words = "\x1b]0;owned\x07\u202e\u0000\n\r" + "'\"\\{}" + "x" * self.random.randint(0, 2000)
        return self.error(connection, "spot/trade:NOBODY_USDT", words)


# Frames that cannot be read.


class RowUnreadable(Lie):
    """One row of an update is no number, negative, or has no price.

    Must show: not LIVE until a snapshot: nobody knows what it would have said.
    """

    name = "row_unreadable"
    aims = "book"
    chance = 0.05

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind != "update" or not self.strikes():
            return [say]
        bad = self.random.choice(("abc", "-1", "", None, "0x10", "NaN", "1e999"))
        futures = connection.house == "futures"
        row = {"price": bad, "vol": "1"} if futures else [bad, "1"]

        def spoil(item: dict[str, Any]) -> None:
            rows = item[self.random.choice(("asks", "bids"))]
            rows.insert(self.random.randint(0, len(rows)), row)

        return [changed(say, spoil)]


class FieldUnreadable(Lie):
    """One field of an update is not what it should be. Must show: as above."""

    name = "field_unreadable"
    aims = "book"
    chance = 0.1

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind != "update" or not self.strikes():
            return [say]
        name, value = self.random.choice(
            (
                ("version", "x"),
                ("version", None),
                ("version", -1),
                ("asks", 7),
                ("bids", [[]]),
                ("type", "upd"),
                ("type", None),
            )
        )
        return [changed(say, lambda item: item.update({name: value}))]


class FrameCut(Lie):
    """A book message ends in the middle. Must show: as above, whosever message it was."""

    name = "frame_cut"
    aims = "any"
    chance = 0.06

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind not in ("update", "picture", "trade") or not self.strikes():
            return [say]
        text = say.text()
        return [say.with_text(text[: self.random.randint(1, len(text) - 1)])]


class FrameOfNobody(Extra):
    """Frames that are nobody's (finding C2). Must show: the truth, or not LIVE; and LIVE again."""

    name = "frame_of_nobody"
    chance = 0.03

    def extra(self, connection: Connection, now: int) -> Say:
        texts = ("null", "[]", '""', "{}", "ping", "<html></html>", '{"data":{}}', "0", " ")
        return Say("other", None, self.random.choice(texts))


class DeflateCut(Lie):
    """A compressed message is cut (§8, "truncated deflate"). Must show: as `frame_cut`."""

    name = "deflate_cut"
    aims = "spot"
    chance = 0.1

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind == "update" and self.strikes():
            return [CutSay(say.kind, say.topic, say.body, binary=True)]
        return [say]


class CutSay(Say):
    """A message whose compressed form has lost its end."""

    def payload(self) -> str | bytes:
        whole = super().payload()
        return whole[: len(whole) // 2]


# Private pushes.


class PrivateDoubled(Lie):
    """Private pushes come twice. Must show: each fill once."""

    name = "private_doubled"
    aims = "private"
    chance = 0.5

    def concerns(self, say: Say, connection: Connection) -> bool:
        return say.kind == "private" and connection.rules.name == self.endpoint

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        return [say, say] if self.strikes() else [say]


class PrivateDisordered(PrivateDoubled):
    """A private push comes behind later ones. Must show: no old state again, no fill lost."""

    name = "private_disordered"
    chance = 0.2

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if self.strikes():
            return self.hold(say, connection, now, seconds(self.random.uniform(0.1, 3.0)))
        return [say]


class PrivateUnreadable(PrivateDoubled):
    """A private push cannot be read, in whole or in a field (finding B1).

    Must show: a gap of that stream, told.
    """

    name = "private_unreadable"
    chance = 0.2

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if not self.strikes():
            return [say]
        text = say.text()
        if self.random.random() < 0.5:
            return [say.with_text(text[: self.random.randint(1, len(text) - 1)])]
        for name in ("filled_size", "fillQty", "hold_volume", "av_bal", "available_balance"):
            place = text.find(f'"{name}":')
            if place >= 0:
                start = place + len(name) + 3
                stop = start + len(json.dumps(json.JSONDecoder().raw_decode(text[start:])[0]))
                return [say.with_text(text[:start] + '"none of it"' + text[stop:])]
        return [say.with_text(text[:-1])]


class PrivateFuture(PrivateDoubled):
    """One private push is stamped ten minutes ahead (finding B3).

    Must show: what comes after it all the same.
    """

    name = "private_future"
    chance = 0.2

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        # Another lie may have left nothing in it that has a stamp.
        if not isinstance(say.body, dict) or not self.strikes():
            return [say]
        body = deepcopy(say.body)
        data = body["data"]
        for item in data if isinstance(data, list) else [data]:
            told = item.get("order", item)
            for name in ("update_time", "ms_t", "event_time"):
                if name in told:
                    ahead = int(told[name]) + 600_000
                    told[name] = str(ahead) if isinstance(told[name], str) else ahead
        return [say.with_body(body)]


# Limits and connections.


class FewerTopics(Lie):
    """A connection takes fewer topics than documented (finding C4); all are cut once.

    Must show: books on more connections, within the documented limits.
    """

    name = "fewer_topics"
    endpoints = ("spot_public",)

    def prepare(self) -> None:
        self.allowed = self.random.randint(1, 3)

    def begins(self, now: int) -> None:
        for connection in self.mine():
            self.venue.ends(connection, None, now)

    def topics(self, connection: Connection) -> int:
        if connection.rules.name != self.endpoint or connection.private:
            return super().topics(connection)
        self.acted += 1
        return self.allowed


class Ban(Lie):
    """The door is closed with 403 or 429, and every connection is cut once.

    Must show: not LIVE, and no storm at the door.
    """

    name = "ban"
    more = 2

    def prepare(self) -> None:
        self.status = self.random.choice((403, 429, 503))

    def begins(self, now: int) -> None:
        for connection in self.mine():
            self.venue.ends(connection, None, now)

    def door(self, endpoint: str, now: int) -> int | None:
        if endpoint != self.endpoint:
            return None
        self.acted += 1
        return self.status


class Slams(Ban):
    """Connections are accepted and closed at once. Must show: as above."""

    name = "slams"
    more = 0

    def door(self, endpoint: str, now: int) -> int | None:
        return None

    def opened(self, connection: Connection, now: int) -> None:
        if connection.rules.name == self.endpoint:
            self.acted += 1
            pause = seconds(self.random.uniform(0.0, 0.5))
            self.venue.later(now + pause, lambda at: self.venue.ends(connection, 1001, at))


class SlowDoor(Ban):
    """Handshakes take some seconds longer; every connection is cut once. Must show: not LIVE."""

    name = "slow_door"
    more = 3

    def prepare(self) -> None:
        self.pause = seconds(self.random.uniform(0.5, 8.0))

    def door(self, endpoint: str, now: int) -> int | None:
        return None

    def door_pause(self, endpoint: str) -> int:
        if endpoint != self.endpoint:
            return 0
        self.acted += 1
        return self.pause


class HalfOpen(Lie):
    """The lines that are open now are dead for ever, and nobody says so.

    Must show: not LIVE once nothing was heard for too long; a new line.
    """

    name = "half_open"
    more = 2

    def begins(self, now: int) -> None:
        for connection in self.mine():
            self.acted += 1
            connection.mute = True


class Resets(Lie):
    """Connections are cut again and again. Must show: not LIVE from the cut on."""

    name = "resets"

    def begins(self, now: int) -> None:
        self._cut(now)

    def _cut(self, now: int) -> None:
        if now >= self.end:
            return
        for connection in self.mine():
            self.acted += 1
            self.venue.ends(connection, self.random.choice((None, 1000, 1001, 1011)), now)
        self.venue.later(now + seconds(self.random.uniform(1.0, 20.0)), self._cut)


# Clocks.


class ClockSteps(Lie):
    """The venue's clock is set, and set back. Must show: the truth; LIVE again some time after."""

    name = "clock_steps"

    def prepare(self) -> None:
        self.shift = self.random.choice((-1, 1)) * 10 ** self.random.uniform(2.0, 5.8)

    def begins(self, now: int) -> None:
        self.venue.stamp.shift += self.shift

    def ends(self, now: int) -> None:
        self.venue.stamp.shift -= self.shift

    def concerns(self, say: Say, connection: Connection) -> bool:
        self.acted += say.kind in DATA
        return False

    def touches(self, house: str, topic: str) -> bool:
        return True


class ClockDrifts(ClockSteps):
    """The venue's clock runs fast or slow. Must show: the truth."""

    name = "clock_drifts"

    def prepare(self) -> None:
        self.rate = self.random.choice((-1, 1)) * 10 ** self.random.uniform(-4.0, -2.0)
        self.shift = 0.0

    def begins(self, now: int) -> None:
        self._drift(now)

    def _drift(self, now: int) -> None:
        if now < self.end:
            self.shift += self.rate * 100
            self.venue.stamp.shift += self.rate * 100
            self.venue.later(now + 100 * MILLI, self._drift)


class ClocksDisagree(Lie):
    """One topic is stamped by another clock than the rest. Must show: the truth."""

    name = "clocks_disagree"
    aims = "any"

    def prepare(self) -> None:
        self.shift = self.random.choice((-1, 1)) * 10 ** self.random.uniform(1.0, 5.0)

    def begins(self, now: int) -> None:
        self.venue.stamp.shifts[self.topic or ""] = self.shift

    def concerns(self, say: Say, connection: Connection) -> bool:
        self.acted += say.kind in DATA and say.topic == self.topic
        return False

    def ends(self, now: int) -> None:
        self.venue.stamp.shifts.pop(self.topic or "", None)


class StampUnits(Lie):
    """One topic is stamped in seconds or microseconds. Must show: the truth."""

    name = "stamp_units"
    aims = "shown"

    def prepare(self) -> None:
        self.factor = self.random.choice((Fraction(1, 1000), Fraction(1000), Fraction(1000000)))

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        item = rows_of(say)
        if item is None or "ms_t" not in item:
            return [say]
        self.acted += 1
        return [changed(say, lambda row: row.update(ms_t=int(row["ms_t"] * self.factor)))]


# Pongs, and what else the author thought of.


class TwoPongs(Lie):
    """Two pongs for each ping, while the line is late by some seconds (finding A9).

    Must show: nothing older than the bound.
    """

    name = "two_pongs"
    more = 2

    def prepare(self) -> None:
        self.lag = seconds(self.random.uniform(3.0, 20.0))

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        self.acted += say.kind == "pong"
        return [say, say] if say.kind == "pong" else [say]

    def link(self, connection: Connection, entered: int) -> int:
        # Late only after some pongs have come in advance.
        late = connection.rules.name == self.endpoint and entered >= self.begin + 20 * SECOND
        return self.lag if late else 0


class NoPongs(Lie):
    """No ping is answered, and the data goes on. Must show: the truth, or not LIVE."""

    name = "no_pongs"

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        self.acted += say.kind == "pong"
        return [] if say.kind == "pong" else [say]


class OddNumbers(Lie):
    """Numbers in scientific notation. Must show: the truth, exact."""

    name = "odd_numbers"

    def begins(self, now: int) -> None:
        self.venue.pen.odd = True

    def concerns(self, say: Say, connection: Connection) -> bool:
        self.acted += say.kind in DATA
        return False

    def ends(self, now: int) -> None:
        self.venue.pen.odd = False


class Suffix(Lie):
    """A futures group carries `@100ms` that nobody asked for (§4.2, JK). Must show: the truth."""

    name = "suffix"
    aims = "any"

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        group = say.body.get("group") if isinstance(say.body, dict) else None
        if say.kind not in BOOK or not isinstance(group, str) or "@" in group:
            return [say]
        self.acted += 1
        return [say.with_body({**say.body, "group": f"{group}@100ms"})]


class SidesMissing(Lie):
    """An empty side is null, empty text or missing in an update (§7.2). Must show: the truth."""

    name = "sides_missing"
    aims = "book"

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind != "update":
            return [say]

        def bare(item: dict[str, Any]) -> None:
            for side in ("asks", "bids"):
                if not item[side]:
                    self.acted += 1
                    item[side] = self.random.choice((None, "", []))

        return [changed(say, bare)]


class ShuffledRows(Lie):
    """Rows in no order, and deletions of levels that are not there. Must show: the truth."""

    name = "shuffled_rows"
    aims = "book"

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        if say.kind not in ("update", "reply", "first"):
            return [say]
        self.acted += 1

        def shuffle(item: dict[str, Any]) -> None:
            for side in ("asks", "bids"):
                self.random.shuffle(item[side])

        return [changed(say, shuffle)]


class Unsolicited(Lie):
    """Snapshots that nobody asked for come between updates (§7.2). Must show: the truth."""

    name = "unsolicited"
    aims = "book"
    chance = 0.1

    def alter(self, say: Say, connection: Connection, now: int) -> list[Say]:
        channel = connection.topics.get(say.topic or "")
        if say.kind != "update" or not isinstance(channel, Sequenced) or not self.strikes():
            return [say]
        return [say, channel.snapshot("reply", now)]
