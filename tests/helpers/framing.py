"""A server that writes whatever bytes a test wants behind its handshake, and a receiver that notes
what a link makes of them: the same for each wire."""

import asyncio
import base64
import contextlib
import hashlib
import re

import bitmart_book as bb
from bitmart_book._book import Door
from bitmart_book.wire.transports import opener, why_not_fast

WIRES = ("websockets", "picows")
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def frame(kind, payload=b"", *, flags=FIN, mask=None, length=None):
    """One frame. length: what it says of its payload, where that is a lie."""
    size = len(payload) if length is None else length
    head = bytes([flags | kind])
    masked = 0 if mask is None else 0x80
    if size < 126:
        head += bytes([masked | size])
    elif size < 1 << 16:
        head += bytes([masked | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([masked | 127]) + size.to_bytes(8, "big")
    if mask is not None:
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        head += mask
    return head + payload


def goodbye(code, reason=b""):
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


class Server:
    """Shakes hands once for each client and writes `pieces`, one read each where it can be helped;
    notes what it is sent. waits: with the pieces, until `may_begin` is set."""

    def __init__(
        self, pieces=(), *, headers=b"", status=b"101 Switching Protocols", stays=False, waits=False
    ):
        self.pieces = pieces
        self.headers = headers
        self.status = status
        self.stays = stays
        self.request = b""
        self.sent = b""
        self.may_leave = asyncio.Event()
        self.may_begin = asyncio.Event()
        if not waits:
            self.may_begin.set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        self._done = asyncio.Event()
        return self

    async def __aexit__(self, *_):
        self.may_leave.set()
        self._server.close()
        if self.request:
            await self._done.wait()

    async def _talk(self, reader, writer):
        self.writer = writer
        try:
            self.request = await reader.readuntil(b"\r\n\r\n")
            key = re.search(rb"Sec-WebSocket-Key: (\S+)", self.request)[1]
            accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
            head = b"HTTP/1.1 " + self.status + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            first = head + b"Sec-WebSocket-Accept: " + accept + b"\r\n" + self.headers + b"\r\n"
            pieces = [first, *self.pieces]
            if self.may_begin.is_set():
                # What comes with the handshake is one piece with it.
                pieces = [b"".join(pieces[:2]), *pieces[2:]]
            else:
                writer.write(pieces.pop(0))
                await self.may_begin.wait()
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            with contextlib.suppress(OSError):
                if not self.stays:
                    writer.write_eof()
                self.sent = await reader.read()
            await self.may_leave.wait()
        finally:
            self._done.set()
            writer.close()

    @property
    def codes(self):
        """Codes of the CLOSE frames that were sent; one without a code is as good as 1000."""
        return [
            int.from_bytes(payload[:2], "big") or 1000
            for kind, payload in self.heard
            if kind == CLOSE
        ]

    @property
    def heard(self):
        """(kind, payload) of the frames that were sent, which are short and masked."""
        found, rest = [], self.sent
        while rest:
            size, mask = rest[1] & 0x7F, rest[2:6]
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(rest[6 : 6 + size]))
            found.append((rest[0] & 0xF, payload))
            rest = rest[6 + size :]
        return found


class Noted:
    """A receiver without an engine behind it."""

    def __init__(self):
        self.read_at = 0
        self.messages = []
        self.ends = []
        self.pongs = 0
        self.rests = 0
        self.errors = []
        self.over = asyncio.Event()
        self.door = Door(bb.Engine(), 0)
        self.door.is_shut = True

    def receive(self, link, payload, is_binary):
        assert type(payload) is bytes
        self.messages.append((payload, is_binary))

    def taken(self, link, payload, change):
        raise AssertionError("the door is shut")

    def failed(self, link, error):
        self.errors.append(error)
        link.drop(str(error))

    def ponged(self, link):
        self.pongs += 1

    def rested(self):
        self.rests += 1

    def ended(self, link, reason):
        self.ends.append(reason)
        self.over.set()


@contextlib.asynccontextmanager
async def opened(wire, url, noted=None):
    """An open link of that wire, attached to a receiver."""
    link = await opener(wire)[0](url, None)
    noted = Noted() if noted is None else noted
    try:
        link.attach(noted)
        yield link, noted
    finally:
        link.abort()
        await link.wait_closed()


async def outcome(wire, pieces, *, waits=False):
    """What a link of that wire makes of those bytes: (messages, codes that it closed with, why it
    ended). waits: they are written when somebody is attached."""
    async with Server(pieces, waits=waits) as server:
        async with opened(wire, server.url) as (_, noted):
            server.may_begin.set()
            await asyncio.wait_for(noted.over.wait(), 10)
        server.may_leave.set()
        await server._done.wait()
        assert len(noted.ends) == 1
        assert noted.errors == []
        return noted.messages, server.codes, noted.ends[0]


def wires():
    """Parameters of a test of each wire; and why one is missing."""
    import pytest

    why_not = why_not_fast()
    missing = pytest.mark.skipif(
        why_not is not None, reason=f"the fast wire cannot be tried here: {why_not}"
    )
    return [pytest.param("websockets"), pytest.param("picows", marks=missing)]
