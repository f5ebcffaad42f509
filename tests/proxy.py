"""A TCP proxy that treats the bytes of a websocket badly: it slices and cuts them."""

import asyncio
import contextlib


class Proxy:
    """Between a client and a server on loopback.

    Of each connection the first `slice_first` bytes towards the client are written one by one.
    `cut()` aborts every connection.
    """

    def __init__(self, port, *, slice_first=0):
        self._port = port
        self._slice_first = slice_first
        self._server = None
        self._writers = set()
        self.connections = 0
        self.port = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self):
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader, writer):
        self.connections += 1
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, server_writer}
        up = asyncio.create_task(self._copy(reader, server_writer, 0))
        try:
            await self._copy(server_reader, writer, self._slice_first)
        finally:
            up.cancel()
            for end in (writer, server_writer):
                self._writers.discard(end)
                end.transport.abort()
            with contextlib.suppress(asyncio.CancelledError):
                await up

    @staticmethod
    async def _copy(reader, writer, slice_first):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                for place in range(len(data[:slice_first])):
                    writer.write(data[place : place + 1])
                    await writer.drain()
                    await asyncio.sleep(0)
                writer.write(data[slice_first:])
                slice_first = max(0, slice_first - len(data))
