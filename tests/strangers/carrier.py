"""The venue on a real websocket of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import time
from http import HTTPStatus
from types import TracebackType

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.strangers.account_judge import PATIENCE
from tests.strangers.rules import RULES
from tests.strangers.standstills import STILL, Standstills
from tests.strangers.units import MILLI, SECOND
from tests.strangers.venue import Connection, Delivery, Venue

PATHS = {f"/{name}": name for name in RULES}


class Carrier:
    """`async with Carrier(venue) as carrier`: `carrier.urls` are its addresses.

    The venue's time is that of the machine's clock since the start. `now` may be called from any
    thread; everything else belongs to the loop.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.urls: dict[str, str] = {}
        self.start = time.monotonic_ns()
        self.standstills = Standstills()
        self._queues: dict[int, asyncio.Queue[Delivery]] = {}
        self._accepted: dict[int, Connection] = {}
        self._changed = asyncio.Event()
        self._server: Server | None = None
        self._clock: asyncio.Task[None] | None = None

    def now(self) -> int:
        return time.monotonic_ns() - self.start

    def is_punctual(self, pause: int) -> bool:
        """Whether the venue is doing all in its time, and has done so for `pause`."""
        now = self.now()
        return now - self.venue.due() < STILL and not self.standstills.within(now, pause)

    async def __aenter__(self) -> Carrier:
        self.start = time.monotonic_ns()
        self.venue.stamp.offset_ms = time.time_ns() // MILLI
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._door,
            ping_interval=None,
            compression=None,
            close_timeout=1,
        )
        port = self._server.sockets[0].getsockname()[1]
        self.urls = {
            name: f"ws://127.0.0.1:{port}{path}?protocol=1.1" for path, name in PATHS.items()
        }
        self._clock = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        assert self._clock is not None
        self._clock.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._clock
        self._server.close()
        await self._server.wait_closed()

    async def _door(self, socket: ServerConnection, request: Request) -> Response | None:
        endpoint = PATHS.get(request.path.partition("?")[0])
        if endpoint is None:
            return socket.respond(HTTPStatus.NOT_FOUND, "")
        await asyncio.sleep(self.venue.door_pause(endpoint) / SECOND)
        before = dict(self.venue.broken)
        status, connection = self.venue.opens(endpoint, self.now())
        if not self.is_punctual(PATIENCE):
            # Who stands still sees attempts closer together than they were made.
            self.venue.broken = before
        if connection is None:
            return socket.respond(HTTPStatus(status), "")
        self._accepted[id(socket)] = connection
        self._queues[connection.number] = asyncio.Queue()
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        connection = self._accepted.pop(id(socket))
        queue = self._queues[connection.number]
        writer = asyncio.create_task(self._write(socket, queue))
        try:
            async for message in socket:
                text = message if isinstance(message, str) else message.decode("utf-8", "replace")
                self.venue.hears(connection.number, text, self.now())
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self.venue.lost(connection.number, self.now())
            self._queues.pop(connection.number, None)
            writer.cancel()

    async def _write(self, socket: ServerConnection, queue: asyncio.Queue[Delivery]) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                delivery = await queue.get()
                if delivery.payload is not None:
                    await socket.send(delivery.payload)
                elif delivery.code is not None:
                    await socket.close(delivery.code)
                else:
                    socket.transport.abort()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            now = self.now()
            self.standstills.note(self.venue.due(), now)
            self.venue.advance(now)
            for delivery in self.venue.takes():
                queue = self._queues.get(delivery.connection)
                if queue is not None:
                    queue.put_nowait(delivery)
            pause = max(self.venue.due() - self.now(), 0) / SECOND
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(max(pause, 0.001), 1.0))
