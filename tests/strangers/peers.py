"""Other clients under the same judge, in real time: they show that the judge can see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from random import Random

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tests.strangers import ccxt_peer
from tests.strangers.account_judge import PATIENCE, AccountTally
from tests.strangers.carrier import Carrier
from tests.strangers.judge import Judge, Reader
from tests.strangers.naive import NaiveClient
from tests.strangers.plan import Liar
from tests.strangers.result import Result
from tests.strangers.runs import plan_of
from tests.strangers.settings import BOOKS, Setting
from tests.strangers.units import SECOND
from tests.strangers.venue import Venue

LOOKS_A_SECOND = 20.0


Peer = Callable[[Carrier], contextlib.AbstractAsyncContextManager[Reader]]
"""What runs against a carrier's addresses; it is read as the judge's `Reader`."""


async def run(
    setting: Setting, peer: Peer, *, enough: Callable[[Judge], bool] = lambda judge: False
) -> Result:
    """One run of another client of `setting.length` seconds, or until there is `enough`. It has no
    account, so that only its books are judged."""
    venue = Venue(setting.seed, trader=setting.trader)
    liar = Liar(venue, plan_of(setting))
    judge = Judge(liar, Random(f"judge {setting.seed}"))
    async with Carrier(venue) as carrier, peer(carrier) as reader:
        while carrier.now() < int(setting.length * SECOND) and not enough(judge):
            await asyncio.sleep(judge.random.expovariate(LOOKS_A_SECOND))
            # They promise nothing of a process that stands still, so that it is not held
            # against them.
            if carrier.is_punctual(PATIENCE):
                judge.look(reader, carrier.now())
        return Result(
            setting,
            judge.tally,
            AccountTally(),
            {},
            liar.acted(),
            dict(venue.broken),
            len(reader.topics()),
            liar.log,
            told=liar.occurrences(),
            standstills=carrier.standstills,
        )


@contextlib.asynccontextmanager
async def naive(carrier: Carrier) -> AsyncIterator[Reader]:
    """The client of an afternoon on the sockets that it would use."""
    client = NaiveClient([(house, topic) for house, topic, _ in BOOKS])
    task = asyncio.create_task(_Lines(client, carrier).run())
    try:
        yield client
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _Lines:
    """Carries out what the client of an afternoon wishes."""

    def __init__(self, client: NaiveClient, carrier: Carrier) -> None:
        self.client, self.carrier = client, carrier
        self.sockets: dict[int, ClientConnection] = {}
        self.spoken_to = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                self.spoken_to.clear()
                self.client.advance(self.carrier.now())
                for wish in self.client.wishes():
                    if wish.what == "open":
                        group.create_task(self._line(wish.line, wish.text or ""))
                    elif wish.line in self.sockets:
                        group.create_task(self._send(self.sockets[wish.line], wish.text or ""))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout((self.client.due() - self.carrier.now()) / SECOND):
                        await self.spoken_to.wait()

    async def _send(self, socket: ClientConnection, text: str) -> None:
        with contextlib.suppress(ConnectionClosed):
            await socket.send(text)

    async def _line(self, line: int, endpoint: str) -> None:
        try:
            await self._talk(line, endpoint)
        finally:
            self.spoken_to.set()

    async def _talk(self, line: int, endpoint: str) -> None:
        now: Callable[[], int] = self.carrier.now
        try:
            async with connect(self.carrier.urls[endpoint], compression=None) as socket:
                self.sockets[line] = socket
                self.client.opened(line, now())
                self.spoken_to.set()
                async for message in socket:
                    self.client.heard(line, message, now())
                    self.spoken_to.set()
        except InvalidStatus as error:
            self.client.refused(line, error.response.status_code, now())
            return
        except (OSError, TimeoutError, WebSocketException):
            pass
        self.sockets.pop(line, None)
        self.client.lost(line, None, now())


PEERS: dict[str, Callable[[], Peer]] = {"naive": lambda: naive, "ccxt": ccxt_peer.ccxt}
