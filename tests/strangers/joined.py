"""The product's client without sockets: `bitmart_book.client.intake` under the virtual clock.

The engine, the client and the door for bytes are the product's own; what a socket would do (open,
send, close) becomes wishes of the virtual world.
"""

from __future__ import annotations

import math
import sys
import typing
from collections.abc import Callable, Hashable, Iterable
from random import Random
from typing import Any

import bitmart_book as bb
from bitmart_book.client.client import Client
from bitmart_book.client.intake import Intake
from bitmart_book.client.outbox import Close, Open, Send
from tests.strangers.account_judge import AccountJudge
from tests.strangers.dialects import KEY, MEMO, SECRET
from tests.strangers.feed_reader import BookReader
from tests.strangers.judge import Judge
from tests.strangers.ledger import Ledger
from tests.strangers.plan import Liar
from tests.strangers.result import Result
from tests.strangers.rules import RULES
from tests.strangers.runs import SETTLED, account_fills, audits, deal_key, fill_key, plan_of
from tests.strangers.settings import BOOKS, PRIVATE, TRADES, Setting
from tests.strangers.units import MILLI, SECOND, seconds
from tests.strangers.venue import NEVER, Venue
from tests.strangers.virtual import Wish, World

BANNED = (403, 429)
"""Statuses of a door that is closed because somebody knocked too often."""

ASK_AGAIN = seconds(20)
"""So long after a stream was refused its user asks for it anew, as a program that goes on does."""


def fresh_limiter() -> Any:
    """A limiter of its own, so that no run remembers another one of this process.

    Its class has no public name; the constructor that takes it says which it is.
    """
    hints = typing.get_type_hints(Client.__init__, vars(sys.modules[Client.__module__]))
    (kind,) = (one for one in typing.get_args(hints["limiter"]) if one is not type(None))
    return kind()


class JoinedClient:
    """A party of the world. Its `now` is the world's; `ledgers` hold what its streams told."""

    def __init__(self, seed: int, venue: Venue) -> None:
        self.now = 0
        self.engine = bb.Engine(clock=lambda: self.now, only_known=True)
        self.client = Client(
            self.engine,
            self.engine.venue,
            rng=Random(f"client {seed}"),
            urls={name: f"ws://127.0.0.1:9/{name}" for name in RULES},
            elsewhere=False,
            credentials=bb.Credentials(KEY, SECRET, MEMO),
            wall_ms=lambda: venue.stamp.offset_ms + self.now // MILLI,
            limiter=fresh_limiter(),
        )
        self.intake = Intake(self.engine, self.client, self, self)
        self.ledgers: dict[str, Ledger] = {}
        self._keys: dict[str, Callable[[Any], Hashable | None]] = {}
        for house, topic in TRADES:
            self._keys[topic] = deal_key(house)
        for topic in PRIVATE:
            self._keys[topic] = fill_key()
        self.ledgers = {topic: Ledger() for topic in self._keys}
        self._lines: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._generations: dict[str, int] = {}
        self._wishes: list[Wish] = []
        self._due = 0.0
        self._again: dict[str, int] = {}
        self._last = 0
        names = [name for _, _, name in BOOKS]
        self.client.subscribe([*names, *self._keys], 0.0)
        books = {(house, topic): self.client.wanted[name].book for house, topic, name in BOOKS}
        self.reader = BookReader(
            {key: book for key, book in books.items() if book is not None}, self.client.account
        )

    # The executor and the listener of the door.

    def carry_out(self) -> None:
        for action in self.client.outbox.take_actions():
            if isinstance(action, Open):
                self._last += 1
                self._lines[self._last] = action.connection
                self._numbers[action.connection] = self._last
                endpoint = action.url.rpartition("/")[2]
                self._wishes.append(Wish("open", self._last, endpoint))
            elif isinstance(action, Send):
                self._wishes.append(Wish("send", self._numbers[action.connection], action.text))
            elif isinstance(action, Close):
                line = self._numbers.pop(action.connection, None)
                if line is not None:
                    self._lines.pop(line, None)
                    self._wishes.append(Wish("close", line))
            else:
                raise AssertionError(action)
        for push in self.client.outbox.take_pushes():
            self._pushed(push)
        for event in self.client.outbox.take_events():
            # A refusal ends a stream, which is told as well.
            if event.kind in ("gap", "rejected") and event.topic in self.ledgers:
                self.ledgers[event.topic].gap(self.now)
                if event.kind == "rejected":
                    self._again[event.topic] = self.now + ASK_AGAIN
                self.reader.last_gap[event.topic.partition("/")[0]] = self.now

    def applied(self) -> None:
        """Books are read when the judge wants to, and not here."""

    # A party of the world.

    def due(self) -> int:
        due = NEVER if self._due == math.inf else max(seconds(self._due), self.now + 1)
        return min([due, *self._again.values()])

    def advance(self, now: int) -> None:
        self.now = now
        for topic in [topic for topic, at in self._again.items() if at <= now]:
            del self._again[topic]
            self.client.subscribe([topic], now / SECOND)
            self._soon()
        if now >= seconds(self._due):
            self._due = self.intake.advance(now / SECOND)

    def opened(self, line: int, now: int) -> None:
        self.now = now
        name = self._lines.get(line)
        if name is not None:
            self._generations[name] = self.client.opened(name, now / SECOND)
            self._soon()

    def refused(self, line: int, status: int, now: int) -> None:
        self.now = now
        name = self._lines.pop(line, None)
        if name is not None:
            self._numbers.pop(name, None)
            banned = status in BANNED
            self.client.failed(name, f"the venue answered {status}", now / SECOND, banned=banned)
            self._soon()

    def heard(self, line: int, payload: str | bytes, now: int) -> None:
        self.now = now
        name = self._lines.get(line)
        if name is None:
            return
        data = payload.encode("utf-8", "replace") if isinstance(payload, str) else payload
        binary = isinstance(payload, bytes)
        generation = self._generations[name]
        if self.intake.receive(name, generation, data, binary, None, now):
            self._soon()

    def lost(self, line: int, code: int | None, now: int) -> None:
        self.now = now
        name = self._lines.pop(line, None)
        if name is not None:
            self._numbers.pop(name, None)
            self.client.lost(name, f"closed with {code}", now / SECOND)
            self._soon()

    def wishes(self) -> Iterable[Wish]:
        wishes, self._wishes = self._wishes, []
        return wishes

    def _soon(self) -> None:
        self.carry_out()
        self._due = self.now / SECOND

    def _pushed(self, push: Any) -> None:
        ledger = self.ledgers.get(push.topic)
        if ledger is None:
            return
        for value in push.values:
            key = self._keys[push.topic](value)
            if key is not None:
                ledger.tells(key)


def run(setting: Setting, *, until_found: bool = False) -> Result:
    """One run of the product's client; with `until_found` it ends at the first book or account
    that is not as it should be."""
    venue = Venue(setting.seed, trader=setting.trader)
    party = JoinedClient(setting.seed, venue)
    liar = Liar(venue, plan_of(setting))
    judge = Judge(liar, Random(f"judge {setting.seed}"))
    accounts = AccountJudge(liar)
    world = World(venue, party, party.reader, judge, Random(f"world {setting.seed}"))

    def also(now: int) -> None:
        accounts.look(party.reader, now)
        world.over = until_found and bool(judge.tally.found or accounts.tally.found)

    world.also = also
    world.run(seconds(setting.length))
    ledgers = {**party.ledgers}
    ledgers |= account_fills(party.client.account, venue, ledgers)
    return Result(
        setting,
        judge.tally,
        accounts.tally,
        audits(venue, ledgers, world.now - SETTLED),
        liar.acted(),
        dict(venue.broken),
        len(BOOKS),
        liar.log,
        world.fingerprint(),
        liar.occurrences(),
    )
