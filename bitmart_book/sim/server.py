"""The simulated exchange on a real websocket.

Only carries: bytes to the exchange, its frames to the sockets, and the time to both. What is
answered, pushed or forbidden is the exchange's business, and what goes wrong that of its faults.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ipaddress
import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from websockets.exceptions import InvalidState
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from bitmart_book.errors import UsageError
from bitmart_book.sim.account.entry import SimulatedEntry
from bitmart_book.sim.account.trading import Number
from bitmart_book.sim.control import Control, HttpRequest, is_control
from bitmart_book.sim.exchange import Close, Exchange, Knobs, Ping, Pong, Refusal, Send
from bitmart_book.sim.faults.faults import Faults
from bitmart_book.sim.faults.network import NO_ANSWER
from bitmart_book.sim.faults.wires import Op, Reset, Slice
from bitmart_book.sim.market.market import capture_markets
from bitmart_book.system.signals import hearing_signals

__all__ = ["Simulator"]

# BitMart has a host for each market, and there "api" and "user".
PATHS = {
    "/api": "spot_public",
    "/user": "spot_private",
    "/futures/api": "futures_public",
    "/futures/user": "futures_private",
    "/demo/api": "demo_futures_public",
    "/demo/user": "demo_futures_private",
    "/legacy": "legacy",
}
# Futures negotiate compression of the websocket, each message for itself; spot was never seen to.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True
)
# Far above the 4,096 bytes of topics that a message may have.
MAX_MESSAGE_BYTES = 64 * 1024
# A client that lets so much pile up does not read; BitMart, too, would not keep it for ever.
MAX_UNREAD_BYTES = 16 * 1024 * 1024
CLOSE_SECONDS = 1.0
HANDSHAKE_SECONDS = 10.0
# What is due within so short a time is sent together: one wake-up serves many symbols.
QUANTUM = 0.005
# Of a frame that is cut into pieces.
LONGEST_PIECE = 64
# After a blocked loop or a suspended machine the exchange has not lived through the pause.
LONGEST_STEP = 1.0
ANSWER_SECONDS = 10.0

# The library's own, at DEBUG, would write every frame into the log, logins included.
_library_log = logging.getLogger("bitmart_book.sim.websocket")
_library_log.setLevel(logging.WARNING)

_T = TypeVar("_T")


class Simulator:
    """BitMart in a box: `async with Simulator() as simulator: ... simulator.urls`.

    Listens on this machine only unless `host` says otherwise; `port` 0 is a free one. `venue`
    names another venue whose words are spoken too, or several; `urls` has an address for each
    endpoint while it runs, like "spot_public" and "kraken_public". `capture` is a file whose books
    are replayed in place of the seeded markets. `faults` are words like "gap@120 freeze:3s dup%30"
    that say what goes wrong (see `bitmart_book.sim.parse`), and after it a `Faults` that counts
    them. At `control_url` programs of other languages place orders; `place`, `cancel` and what
    reads the account may be called from any thread. For the other arguments see `Exchange`.

    >>> async with bb.Simulator(faults="gap@120") as simulator:
    ...     print("spot_public" in simulator.urls)
    True
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        venue: str | Sequence[str] = "bitmart",
        knobs: Knobs | None = None,
        symbols: Sequence[str] | None = None,
        extra_symbols: int = 0,
        extra_rate: float = 4.0,
        speed: float = 1.0,
        capture: str | os.PathLike[str] | None = None,
        history: int = 500,
        faults: str = "",
    ) -> None:
        self.urls: dict[str, str] = {}
        self.control_url: str | None = None
        self.exchange = Exchange(
            seed=seed,
            venue=venue,
            knobs=knobs,
            symbols=symbols,
            extra_symbols=extra_symbols,
            extra_rate=extra_rate,
            markets=None if capture is None else capture_markets(capture),
            start_ms=time.time_ns() // 1_000_000,
            speed=speed,
            history=history,
            clock_ms=lambda: time.time_ns() // 1_000_000,
        )
        self._paths = {**PATHS, **{path: name for name, path in self.exchange.paths.items()}}
        self.control = Control(self.exchange, self.now)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.faults = Faults(faults, rng=random.Random(f"faults {seed}"), exchange=self.exchange)
        self._rng = random.Random(f"pieces {seed}")
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._peers: set[_Peer] = set()
        self._connected: dict[int, _Peer] = {}
        self._empty: asyncio.Event | None = None
        self._read_at = 0.0
        self._now = 0.0

    def __repr__(self) -> str:
        return f"<Simulator {' '.join(self.urls.values()) or 'not running'}>"

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen. UsageError when that address cannot be had."""
        if self._server is not None:
            raise UsageError("the simulator is running already")
        loop = asyncio.get_running_loop()
        self._empty = asyncio.Event()
        try:
            self._server = await loop.create_server(lambda: _Peer(self), self._host, self._port)
        except OSError as error:
            raise UsageError(
                f"cannot listen on {self._host} port {self._port}: {error.strerror or error}"
            ) from None
        address = self._server.sockets[0].getsockname()
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        base = f"{host}:{address[1]}"
        for path, endpoint in PATHS.items():
            bare = endpoint == "legacy"
            self.urls[endpoint] = f"ws://{base}{path}{'' if bare else '?protocol=1.1'}"
        for endpoint, path in self.exchange.paths.items():
            self.urls[endpoint] = f"ws://{base}{path}"
        self.control_url = f"http://{base}/control"
        self._loop = loop
        self._read_at = loop.time()
        self._wake_later()

    async def close(self) -> None:
        """Close every connection and stop listening, within about a second; may be repeated."""
        server, self._server = self._server, None
        if server is None:
            return
        self.urls.clear()
        self.control_url = self._loop = None
        server.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for peer in list(self._peers):
            peer.close(CloseCode.GOING_AWAY, "the simulator is closing")
        try:
            await self._wait_until_empty(CLOSE_SECONDS)
        finally:
            for peer in list(self._peers):
                peer.abort()
        await self._wait_until_empty(CLOSE_SECONDS)
        await server.wait_closed()

    async def _wait_until_empty(self, seconds: float) -> None:
        if self._peers and self._empty is not None:
            self._empty.clear()
            try:
                await asyncio.wait_for(self._empty.wait(), seconds)
            except TimeoutError:
                return

    def run(self, ready: Callable[[dict[str, str]], None]) -> None:
        """Serve until Ctrl-C or another signal asks to end; `ready` is given the urls when it can
        be reached."""
        asyncio.run(self._run(ready))

    async def _run(self, ready: Callable[[dict[str, str]], None]) -> None:
        stop = asyncio.Event()
        with hearing_signals(asyncio.get_running_loop(), stop.set):
            async with self:
                ready(dict(self.urls))
                await stop.wait()

    # The account of the box

    @property
    def credentials(self) -> dict[str, str]:
        """The "key", "secret" and "memo" that log in to the private addresses. Made of the seed."""
        return self.exchange.keys._asdict()

    def place(
        self,
        market: str,
        symbol: str,
        side: str,
        price: Number | None,
        size: Number,
        *,
        kind: str = "limit",
        client_order_id: str = "",
    ) -> str:
        """Place an order of the box's account; returns its id. See `Trader.place`."""
        return self._ask(
            lambda exchange: exchange.trader.place(
                market, symbol, side, price, size, kind=kind, client_order_id=client_order_id
            )
        )

    @property
    def entry(self) -> SimulatedEntry:
        """Its `OrderEntry`: what a REST client of yours is to a venue; `entry.blocking` is the same
        without await."""
        return SimulatedEntry(self._ask)

    def cancel(self, order_id: str | int) -> None:
        """Take an order out of its market. UsageError for one that is not open."""
        self._ask(lambda exchange: exchange.trader.cancel(order_id))

    def order(self, order_id: str | int) -> dict[str, Any]:
        """What became of an order: texts by their names."""
        return self._ask(lambda exchange: exchange.trader.order(order_id))

    def orders(self, market: str | None = None) -> list[dict[str, object]]:
        """The open orders of one market or of all."""
        return self._ask(lambda exchange: exchange.trader.orders(market))

    def balances(self, market: str = "spot") -> dict[str, dict[str, str]]:
        """What the account has of each currency that it has used."""
        return self._ask(lambda exchange: exchange.trader.balances(market))

    def positions(self, market: str = "futures") -> list[dict[str, Any]]:
        """The open positions."""
        return self._ask(lambda exchange: exchange.trader.positions(market))

    def _ask(self, question: Callable[[Exchange], _T]) -> _T:
        """Put it to the exchange in the thread that serves it."""
        loop = self._loop
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if loop is None or loop is here:
            return self._answer(question)
        answer: concurrent.futures.Future[_T] = concurrent.futures.Future()

        def ask() -> None:
            try:
                answer.set_result(self._answer(question))
            except BaseException as error:
                answer.set_exception(error)

        loop.call_soon_threadsafe(ask)
        return answer.result(ANSWER_SECONDS)

    def _answer(self, question: Callable[[Exchange], _T]) -> _T:
        if self._loop is not None:
            self.exchange.advance(self.now())
        try:
            return question(self.exchange)
        finally:
            self.pump()

    # For the peers

    def now(self) -> float:
        """Seconds since the start, without the time in which nothing could run."""
        if self._loop is None:
            return self._now
        read_at = self._loop.time()
        self._now += min(read_at - self._read_at, LONGEST_STEP)
        self._read_at = read_at
        return self._now

    def endpoint_at(self, path: str) -> str | None:
        """What is found at a path."""
        return self._paths.get(path)

    def joined(self, peer: _Peer) -> None:
        """Somebody has opened a socket, and is nobody yet."""
        self._peers.add(peer)

    def connecting(self, endpoint: str, address: str) -> int | Refusal:
        """Whether somebody is let in: the number of his connection, or what he is told."""
        now = self.now()
        self.pump()
        return self.faults.connecting(now) or self.exchange.connect(endpoint, now, address)

    def accepted(self, peer: _Peer, connection: int) -> None:
        """Whoever was let in speaks from now on as that connection."""
        self._connected[connection] = peer
        self.faults.opened(connection, self._now)

    def receive(self, connection: int, payload: str | bytes) -> None:
        """A message of a client."""
        now = self.now()
        for heard in self.faults.incoming(connection, payload, now):
            self.exchange.receive(connection, heard, now)

    def piece(self) -> int:
        """How long the next piece of a frame is that is cut."""
        return self._rng.randint(1, LONGEST_PIECE)

    def left(self, peer: _Peer) -> None:
        """A socket is closed; what it had subscribed is forgotten."""
        self._peers.discard(peer)
        if peer.connection is not None:
            self._connected.pop(peer.connection, None)
            self.faults.gone(peer.connection)
            self.exchange.disconnected(peer.connection, self.now())
            self.pump()
        if not self._peers and self._empty is not None:
            self._empty.set()

    def pump(self) -> None:
        """Carry out what the exchange wants, and wake up when it wants something again."""
        if self._server is None:
            return
        written: dict[_Peer, None] = {}
        # Faults make the exchange speak, and what it says goes through them again.
        while ops := [
            *self.faults.advance(self._now),
            *self.faults.outgoing(self.exchange.output(), self._now),
        ]:
            for op in ops:
                self._execute(op, written)
        for peer in written:
            peer.flush()
        self._wake_later()

    def _execute(self, op: Op, written: dict[_Peer, None]) -> None:
        peer = self._connected.get(getattr(op, "connection", -1))
        if peer is None:
            return
        if isinstance(op, Send):
            peer.send(op.payload)
        elif isinstance(op, Close):
            peer.close(op.code, op.reason)
        elif isinstance(op, Pong):
            peer.pong(op.payload)
        elif isinstance(op, Ping):
            peer.ping(op.payload)
        elif isinstance(op, Reset):
            peer.abort()
        elif isinstance(op, Slice):
            loop = asyncio.get_running_loop()
            peer.cut_until = loop.time() + op.until - self._now
        written[peer] = None

    def _wake_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = (self.exchange.next_deadline(), self.faults.next_deadline())
        deadline = min((time for time in due if time is not None), default=None)
        if deadline is not None and self._server is not None:
            loop = asyncio.get_running_loop()
            wait = max(deadline - self._now, QUANTUM)
            self._timer = loop.call_later(wait, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.exchange.advance(self.now())
        self.pump()


class _SilentProtocol(ServerProtocol):
    """A server that leaves it to the exchange whether a ping frame is answered."""

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PING:
            self.events.append(frame)
        else:
            super().recv_frame(frame)


class _Peer(asyncio.Protocol):
    """One socket. No task and no queue: what is sent goes straight to the transport."""

    def __init__(self, simulator: Simulator) -> None:
        self.connection: int | None = None
        self._simulator = simulator
        # No extensions: without permessage-deflate, as BitMart's clients expect.
        self._protocol = _SilentProtocol(max_size=MAX_MESSAGE_BYTES, logger=_library_log)
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._parts: list[bytes] = []
        self._is_text = True
        self._head: bytes | None = b""
        """What came before it was known who knocks; None: it is known."""
        self._http: HttpRequest | None = None
        self.cut_until = 0.0
        """Until that time of the loop what is sent goes out in small pieces."""
        self._pieces = bytearray()
        self._ending = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._simulator.joined(self)
        self._abort_after(HANDSHAKE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        if self._deadline is not None:
            self._deadline.cancel()
        self._simulator.left(self)

    def data_received(self, data: bytes) -> None:
        if self.connection is not None and self._simulator.faults.is_silent(self.connection):
            return  # not even a close is answered
        if self._head is not None:
            data = self._head = self._head + data
            controlled = is_control(data)
            if controlled is None:
                return
            self._head = None
            self._http = HttpRequest() if controlled else None
        if self._http is not None:
            self._control(self._http.feed(data))
            return
        self._protocol.receive_data(data)
        self._events()

    def _control(self, asked: Any) -> None:
        transport = self._transport
        if asked is None or transport is None or transport.is_closing():
            return
        trusted = ipaddress.ip_address(self._address().partition("%")[0]).is_loopback
        transport.write(self._simulator.control.answer(asked, trusted=trusted))
        transport.close()
        self._simulator.pump()

    def eof_received(self) -> bool:
        if self._http is None:
            self._protocol.receive_data(self._head or b"")
        self._protocol.receive_eof()
        self._events()
        return False

    def _events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self.flush()
        self._simulator.pump()

    def _shake_hands(self, request: Request) -> None:
        protocol = self._protocol
        endpoint = self._simulator.endpoint_at(request.path.partition("?")[0])
        if endpoint is not None and "futures" in endpoint:
            protocol.available_extensions = [_DEFLATE]
        response = protocol.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            pass
        elif endpoint is None:
            response = protocol.reject(HTTPStatus.NOT_FOUND, "no such endpoint\n")
        else:
            simulator = self._simulator
            answer = simulator.connecting(endpoint, self._address())
            if answer is NO_ANSWER:
                return
            if isinstance(answer, Refusal):
                response = protocol.reject(answer.status, answer.reason + "\n")
            else:
                self.connection = answer
                simulator.accepted(self, answer)
                if self._deadline is not None:
                    self._deadline.cancel()
        protocol.send_response(response)

    def _address(self) -> str:
        assert self._transport is not None
        return str(self._transport.get_extra_info("peername")[0])

    def _frame(self, frame: Frame) -> None:
        if self.connection is None:
            return
        simulator = self._simulator
        if frame.opcode is Opcode.PING:
            simulator.exchange.ping_frame(self.connection, simulator.now(), bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._is_text = frame.opcode is Opcode.TEXT
            self._parts.append(bytes(frame.data))
            if frame.fin:
                self._message()

    def _message(self) -> None:
        assert self.connection is not None
        payload: str | bytes = b"".join(self._parts)
        self._parts.clear()
        if self._is_text and isinstance(payload, bytes):
            try:
                payload = payload.decode()
            except UnicodeDecodeError:
                self.close(CloseCode.INVALID_DATA, "not UTF-8")
                return
        self._simulator.receive(self.connection, payload)

    # For the simulator

    def send(self, payload: str | bytes) -> None:
        if self._protocol.state is not State.OPEN:
            return
        if isinstance(payload, str):
            # A lone surrogate stands for a byte that is no UTF-8.
            self._protocol.send_text(payload.encode("utf-8", "surrogateescape"))
        else:
            self._protocol.send_binary(payload)

    def pong(self, payload: bytes) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_pong(payload)

    def ping(self, payload: bytes) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(payload)

    def close(self, code: int, reason: str) -> None:
        """Ask the client to close; cut it off when it does not."""
        if self._protocol.state is State.CONNECTING:
            self.abort()
            return
        with contextlib.suppress(InvalidState):
            self._protocol.send_close(code, reason)
        self.flush()
        self._abort_after(CLOSE_SECONDS)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        data = self._protocol.data_to_send()
        self._ending = self._ending or SEND_EOF in data
        if self._pieces or asyncio.get_running_loop().time() < self.cut_until:
            if not self._pieces:
                asyncio.get_running_loop().call_soon(self._send_piece)
            self._pieces += b"".join(data)
            return
        transport.write(b"".join(data))
        if self._ending:
            # Closing waits until everything is written.
            transport.close()
        elif transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            transport.abort()

    def _send_piece(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        length = self._simulator.piece()
        self._transport.write(bytes(self._pieces[:length]))
        del self._pieces[:length]
        if self._pieces:
            asyncio.get_running_loop().call_soon(self._send_piece)
        elif self._ending:
            self._transport.close()

    def _abort_after(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.abort)
