"""A run in real time: a `bb.Feed` of public names on the venue's websockets."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import bitmart_book as bb
from tests.strangers.account_judge import PATIENCE, AccountJudge
from tests.strangers.carrier import Carrier
from tests.strangers.dialects import KEY, MEMO, SECRET
from tests.strangers.feed_reader import BookReader
from tests.strangers.judge import Judge
from tests.strangers.ledger import Ledger
from tests.strangers.plan import Liar
from tests.strangers.result import Result
from tests.strangers.runs import SETTLED, account_fills, audits, deal_key, fill_key, plan_of
from tests.strangers.settings import BOOKS, PRIVATE, TRADES, Setting
from tests.strangers.units import SECOND
from tests.strangers.venue import Habits, Venue

LOOKS_A_SECOND = 20.0
ASK_AGAIN = 5.0
"""Seconds after which a stream that was refused is asked for anew."""


async def run(
    setting: Setting,
    *,
    thread: bool = True,
    habits: Habits | None = None,
    enough: Callable[[Judge, Mapping[str, Ledger]], bool] = lambda judge, ledgers: False,
) -> Result:
    """One run of `setting.length` seconds, or until there is `enough`. With `thread` another
    thread looks, too."""
    venue = Venue(setting.seed, trader=setting.trader, habits=habits)
    plan = plan_of(setting)
    liar = Liar(venue, plan)
    judge = Judge(liar, Random(f"judge {setting.seed}"))
    other = Judge(liar, Random(f"other judge {setting.seed}"), certain_follows=False)
    accounts = AccountJudge(liar)
    async with Carrier(venue) as carrier, _feed(carrier) as feed, asyncio.TaskGroup() as group:
        books = await feed.subscribe(*(name for _, _, name in BOOKS), wait="none")
        keys = [(house, topic) for house, topic, _ in BOOKS]
        reader = BookReader(dict(zip(keys, books, strict=True)), feed.account)
        ledgers = await _listen(feed, group, reader, carrier.now)
        watch = _Watch(other, reader, carrier.now)
        if thread:
            watch.start()
        end = int(setting.length * SECOND)
        while carrier.now() < end and not enough(judge, ledgers):
            await asyncio.sleep(judge.random.expovariate(LOOKS_A_SECOND))
            judge.look(reader, carrier.now())
            # An order of a standstill bears its time, and was told when that was over.
            if carrier.is_punctual(PATIENCE):
                accounts.look(reader, carrier.now())
        end = carrier.now()
        watch.stop()
        ledgers |= account_fills(feed.account, venue, ledgers)
        await feed.close()
    judge.tally.found += [f"(thread) {text}" for text in other.tally.found]
    judge.tally.wrong += other.tally.wrong
    judge.tally.over_age += other.tally.over_age
    judge.tally.no_promise += other.tally.no_promise
    judge.tally.within_ten += other.tally.within_ten
    for what, count in other.tally.reads.items():
        judge.tally.reads[what] = judge.tally.reads.get(what, 0) + count
    return Result(
        setting,
        judge.tally,
        accounts.tally,
        audits(venue, ledgers, carrier.standstills.settled(end, SETTLED)),
        liar.acted(),
        dict(venue.broken),
        len(BOOKS),
        liar.log,
        told=liar.occurrences(),
        standstills=carrier.standstills,
    )


@contextlib.asynccontextmanager
async def _feed(carrier: Carrier) -> AsyncIterator[bb.Feed]:
    credentials = bb.Credentials(KEY, SECRET, MEMO)
    async with bb.Feed(urls=carrier.urls, credentials=credentials, wait="none") as feed:
        yield feed


async def _listen(
    feed: bb.Feed, group: asyncio.TaskGroup, reader: BookReader, now: Callable[[], int]
) -> dict[str, Ledger]:
    ledgers: dict[str, Ledger] = {}
    for house, topic in TRADES:
        ledgers[topic] = Ledger()
        follower = _Follower(feed, topic, ledgers[topic], deal_key(house), lambda: None, now)
        group.create_task(follower.run())
    for topic in PRIVATE:
        ledgers[topic] = Ledger()
        house = topic.partition("/")[0]

        def gap(house: str = house) -> None:
            reader.last_gap[house] = now()

        group.create_task(_Follower(feed, topic, ledgers[topic], fill_key(), gap, now).run())
    return ledgers


@dataclass(slots=True)
class _Follower:
    """Writes down what a stream tells, and asks for it anew when it was refused."""

    feed: bb.Feed
    topic: str
    ledger: Ledger
    key: Callable[[Any], Hashable | None]
    gap: Callable[[], None]
    now: Callable[[], int]

    async def run(self) -> None:
        while True:
            try:
                await self._follow(await self._opened())
                return
            except bb.FeedClosed:
                return
            except (bb.SubscriptionRejected, bb.AuthenticationError):
                self._missed()
            await asyncio.sleep(ASK_AGAIN)

    async def _opened(self) -> Any:
        if self.topic in dict(TRADES).values():
            return self.feed.trades(self.topic)
        return await self.feed.subscribe(self.topic, wait="none")

    async def _follow(self, stream: Any) -> None:
        while True:
            try:
                async for value in stream:
                    told = self.key(value)
                    if told is not None:
                        self.ledger.tells(told)
                return
            except bb.StreamGap:
                self._missed()

    def _missed(self) -> None:
        self.ledger.gap(self.now())
        self.gap()


class _Watch(threading.Thread):
    """A judge in another thread."""

    def __init__(self, judge: Judge, reader: BookReader, now: Callable[[], int]) -> None:
        super().__init__(daemon=True)
        self.judge, self.reader, self.now = judge, reader, now
        self.over = threading.Event()
        self.failed: BaseException | None = None

    def run(self) -> None:
        while not self.over.wait(self.judge.random.expovariate(LOOKS_A_SECOND)):
            try:
                self.judge.look(self.reader, self.now())
            except RuntimeError as error:
                # The venue's own history moved while it was walked through: look again.
                if "mutated" not in str(error) and "changed size" not in str(error):
                    self.failed = error
                    return
            except Exception as error:
                self.failed = error
                return

    def stop(self) -> None:
        self.over.set()
        if self.is_alive():
            self.join()
        if self.failed is not None:
            raise self.failed
