"""One websocket: messages out of it as they arrive, texts into it, and a bounded end.

Nothing is queued here. A message is handed over while the bytes it came in are read, so that no
task, no consumer and no library stands between the socket and the book; a text is written at once,
and a peer that does not read is dropped. What is in the messages this file does not know.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from typing import Any, Protocol, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from bitmart_book._book import Door, clock_ns
from bitmart_book.client.times import CLOSE_SECONDS, MAX_BEHIND_SECONDS, OPEN_SECONDS
from bitmart_book.credentials import RedactingFilter

__all__ = [
    "CLOSE_SECONDS",
    "MAX_FRAGMENTS",
    "MAX_MESSAGE_BYTES",
    "MAX_UNSENT_BYTES",
    "OPEN_SECONDS",
    "AnyLink",
    "Link",
    "Receiver",
]

# The largest documented frame is a few kilobytes, the largest real one 1.1 MB.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_FRAGMENTS = 4_096
# More than all that may be sent within a minute.
MAX_UNSENT_BYTES = 512 * 1024
# A loop that waits until it can read takes 256 KiB at a time, one that reads ahead, as on Windows,
# 64. After a read of much less the socket was empty.
FULL_READ_BYTES = 192 * 1024
FULL_READ_AHEAD_BYTES = 48 * 1024

_MAX_BEHIND_NS = int(MAX_BEHIND_SECONDS * 1e9)
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

# At DEBUG the library would write every frame into the log, logins included.
_library_log = logging.getLogger("bitmart_book.websocket")
_library_log.setLevel(logging.INFO)
_library_log.addFilter(RedactingFilter())


class Receiver(Protocol):
    """Who is attached to a link."""

    read_at: int
    """When what is being handed over was read, in nanoseconds of `clock_ns`; set by the link."""

    door: Door
    """What a link in C asks before it makes a bytes object of a message."""

    def receive(self, link: AnyLink, payload: bytes, is_binary: bool) -> None:
        """A message has arrived."""

    def taken(self, link: AnyLink, payload: bytes, change: int) -> None:
        """A message has arrived, and the door has let it in: it did that."""

    def failed(self, link: AnyLink, error: BaseException) -> None:
        """Letting it in has failed, which no message may make it."""

    def ponged(self, link: AnyLink) -> None:
        """A pong frame has arrived."""

    def rested(self) -> None:
        """All messages that were read together have been handed over. A link in C calls it where
        it has called anything else."""

    def ended(self, link: AnyLink, reason: str) -> None:
        """Nothing more will come; called once, unless the link was `shut`."""


class AnyLink(Protocol):
    """An open websocket, as the driver has it; what the methods do is said at those of `Link`."""

    name: str
    generation: int

    @property
    def ended(self) -> bool:
        """Whether nothing more will be handed over."""

    def attach(self, receiver: Receiver) -> None: ...

    def send_text(self, text: str) -> None: ...

    def ping_frame(self) -> None: ...

    def shut(self) -> None: ...

    def drop(self, reason: str) -> None: ...

    def abort(self) -> None: ...

    def detach(self) -> None: ...

    async def wait_closed(self) -> None: ...


class _Connect(connect):
    """Connects to the address that it was given and to no other: a redirect is a failure."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _full_read(loop: asyncio.AbstractEventLoop) -> int:
    """The bytes of a read after which a socket of this loop may hold more."""
    reads_ahead = getattr(asyncio, "ProactorEventLoop", ())
    return FULL_READ_AHEAD_BYTES if isinstance(loop, reads_ahead) else FULL_READ_BYTES


class Link(ClientConnection):
    """An open websocket, made by `Link.open`. `attach` it to get what arrives.

    `name` and `generation` are the caller's, to know it by.
    """

    name = ""
    generation = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ended = False
        """Whether nothing more will be handed over."""
        self._receiver: Receiver | None = None
        self._early: list[tuple[bytes, bool]] = []
        self._early_at = 0
        self._parts: list[bytes] = []
        self._is_binary = False
        self._full_read = _full_read(self.loop)
        self._reads = 0
        self._behind_since: int | None = None
        self._clock = clock_ns
        self._abort_timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, url: str, tls: ssl.SSLContext | None = None) -> Link:
        """Connect, within five seconds. Raises OSError, TimeoutError or what `websockets` raises.

        `tls` is for wss addresses. No proxy is used, whatever the environment says.
        """
        options: dict[str, Any] = {"ssl": tls} if url.startswith("wss:") and tls else {}
        link = await _Connect(
            url,
            create_connection=cls,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            proxy=None,
            logger=_library_log,
            **options,
        )
        return cast("Link", link)

    def attach(self, receiver: Receiver) -> None:
        """From now on tell the receiver of everything. Messages that came with the handshake are
        handed over at once."""
        self._receiver = receiver
        early, self._early = self._early, []
        receiver.read_at = self._early_at
        for payload, is_binary in early:
            self._hand_over(payload, is_binary)
        receiver.rested()
        self._look_for_end()

    def send_text(self, text: str) -> None:
        """Write a text. A peer that does not read what it is sent is dropped."""
        if self.ended or self.protocol.state is not State.OPEN:
            return
        self.protocol.send_text(text.encode())
        self.send_data()
        unsent = self.transport.get_write_buffer_size()
        if unsent > MAX_UNSENT_BYTES:
            self.drop(f"the other side does not read: {unsent} bytes are waiting for it")

    def ping_frame(self) -> None:
        """Send a ping frame; its pong is reported to the receiver."""
        if self.ended or self.protocol.state is not State.OPEN:
            return
        self.protocol.send_ping(b"")
        self.send_data()

    def shut(self) -> None:
        """Close politely; a peer that does not answer is cut off after a second."""
        self.ended = True
        self._receiver = None
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self.send_data()
        self._abort_later()

    def drop(self, reason: str) -> None:
        """Cut the connection off, now, and say so to whoever is attached."""
        self.abort()
        self._end(reason)

    def abort(self) -> None:
        """Cut the connection off, now."""
        self.transport.abort()

    def detach(self) -> None:
        """In a forked child: let go of the socket without touching the connection."""
        self.ended = True
        self._receiver = None
        sock = self.transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, sock.fileno())
            os.close(nothing)

    # --- what the library and the loop call ---

    def data_received(self, data: bytes) -> None:
        now = self._clock()
        self._reads += 1
        if self._receiver is not None:
            self._receiver.read_at = now
        if self._behind_since is not None and now > self._behind_since + _MAX_BEHIND_NS:
            self.drop(f"more than {MAX_BEHIND_SECONDS:g} s behind: this program does not keep up")
            return
        super().data_received(data)
        if self._receiver is not None:
            self._receiver.rested()
        if len(data) < self._full_read:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now
        if self._behind_since is not None:
            # Unless the loop finds more in the socket when it comes by next time, it was empty.
            self.loop.call_soon(self.loop.call_soon, self._was_empty, self._reads)
        self._look_for_end()

    def _was_empty(self, reads: int) -> None:
        if reads == self._reads:
            self._behind_since = None

    def process_event(self, event: Any) -> None:
        if self.response is None or not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
            if isinstance(event, Frame) and event.opcode is Opcode.PONG and self._receiver:
                self._receiver.ponged(self)
            return
        if event.opcode is not Opcode.CONT:
            self._is_binary = event.opcode is Opcode.BINARY
        payload = bytes(event.data)
        if not event.fin or self._parts:
            self._parts.append(payload)
            if len(self._parts) > MAX_FRAGMENTS:
                self.protocol.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
                self.send_data()
                self._parts.clear()
            if not event.fin or not self._parts:
                return
            payload = b"".join(self._parts)
            self._parts.clear()
        self._hand_over(payload, self._is_binary)

    def _hand_over(self, payload: bytes, is_binary: bool) -> None:
        if self._receiver is not None:
            self._receiver.receive(self, payload, is_binary)
        elif not self.ended:
            if not self._early:
                self._early_at = self._clock()
            self._early.append((payload, is_binary))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        self._look_for_end()

    def _look_for_end(self) -> None:
        """A connection that is about to close brings nothing more, and may take its time."""
        if self.protocol.state is not State.OPEN and self._receiver is not None:
            self._end(self._why())
            self._abort_later()

    def _why(self) -> str:
        protocol = self.protocol
        if protocol.parser_exc is not None:
            return f"closed, because of {type(protocol.parser_exc).__name__}: {protocol.parser_exc}"
        if self.connection_exc is not None:
            return f"closed: {type(self.connection_exc).__name__}: {self.connection_exc}"
        if protocol.close_rcvd is not None:
            return f"closed by the other side: {protocol.close_rcvd}"
        if protocol.close_sent is not None:
            return f"closed by this side: {protocol.close_sent}"
        return "closed by the other side without a word"

    def _end(self, reason: str) -> None:
        receiver = self._receiver
        self.ended = True
        self._receiver = None
        if receiver is not None:
            receiver.ended(self, reason)

    def _abort_later(self) -> None:
        if self._abort_timer is None and self.protocol.state is not State.CLOSED:
            self._abort_timer = self.loop.call_later(CLOSE_SECONDS, self.abort)
