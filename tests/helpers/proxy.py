"""A TCP proxy that treats the bytes of a websocket badly, and one that only adds TLS.

Its misdeeds can be changed while it runs; those of a new kind begin with the next bytes.
"""

import asyncio
import contextlib
import socket
import struct


class Proxy:
    """Between a client and a server on loopback.

    Of each connection the first `slice_first` bytes towards the client are written one by one.
    `latency`: seconds that every piece is late. `slice`: bytes of a piece; 0: as they come.
    `limit`: after so many bytes towards the client the connection is reset; None: never.
    `frozen`: nothing passes, and what was held passes later. `slow_close`: seconds that one side
    learns later than the other that it is closed. `refusing`: new connections are reset at once.
    `reset()` resets every connection, `cut()` only aborts it.
    """

    def __init__(self, port, *, slice_first=0, tls=None):
        self._port = port
        self._slice_first = slice_first
        self._tls = tls
        self._server = None
        self._writers = set()
        self._tasks = set()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self.connections = 0
        self.port = 0
        self.calm()

    def calm(self):
        """From now on behave."""
        self.latency = 0.0
        self.slice = 0
        self.limit = None
        self.slow_close = 0.0
        self.refusing = False
        self.frozen = False

    @property
    def frozen(self):
        return not self._thawed.is_set()

    @frozen.setter
    def frozen(self, frozen):
        if frozen:
            self._thawed.clear()
        else:
            self._thawed.set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.calm()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self):
        for writer in list(self._writers):
            writer.transport.abort()

    def reset(self):
        for writer in list(self._writers):
            self._reset(writer)

    @staticmethod
    def _reset(writer):
        sock = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _accept(self, reader, writer):
        self.connections += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self.refusing:
                self._reset(writer)
            else:
                await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.add(server_writer)
        ways = [
            asyncio.create_task(self._copy(reader, server_writer, towards_client=False)),
            asyncio.create_task(self._copy(server_reader, writer, towards_client=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self.slow_close:
                await asyncio.wait(ways, timeout=self.slow_close)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(server_writer)
            server_writer.transport.abort()

    async def _copy(self, reader, writer, *, towards_client):
        sliced = self._slice_first if towards_client else 0
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._thawed.wait()
                if self.latency:
                    await asyncio.sleep(self.latency)
                passed += len(data)
                if towards_client and self.limit is not None and passed > self.limit:
                    writer.write(data[: len(data) // 2])
                    self._reset(writer)
                    return
                for piece in self._pieces(data, sliced):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                sliced = max(0, sliced - len(data))

    def _pieces(self, data, sliced):
        for place in range(len(data[:sliced])):
            yield data[place : place + 1]
        rest = data[sliced:]
        step = self.slice or max(1, len(rest))
        for place in range(0, len(rest), step):
            yield rest[place : place + step]
