"""The connections of the simulated exchange: who may come, what is forbidden, what goes out, when.

Knows addresses, rates, idle times and the clock that is its argument; what is said on a
connection is the business of the endpoint that the connection belongs to. No socket, no clock and
no global random.
"""

from __future__ import annotations

import heapq
import json
import math
import random
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, Protocol

__all__ = [
    "Close",
    "Connection",
    "Endpoint",
    "Lines",
    "Opcode",
    "Ping",
    "Pong",
    "Refusal",
    "Rules",
    "Send",
    "decoded",
]

HTTP_TOO_MANY_REQUESTS = 429
# BitMart documents no close codes; these are the ones of RFC 6455 that fit.
NORMAL_CLOSE = 1000
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009

Opcode = Literal["text", "binary", "mixed"]
Job = Callable[[Any, float], None]


class Send(NamedTuple):
    """A message to the client: text, or binary."""

    connection: int
    payload: str | bytes


class Pong(NamedTuple):
    """A pong frame to the client, in answer to a ping frame."""

    connection: int
    payload: bytes


class Ping(NamedTuple):
    """A ping frame to the client, which a websocket library answers by itself."""

    connection: int
    payload: bytes


class Close(NamedTuple):
    """The exchange closes the connection; it has already forgotten it."""

    connection: int
    code: int
    reason: str


class Refusal(NamedTuple):
    """The HTTP answer to a handshake that is refused."""

    status: int
    reason: str


class Rules(NamedTuple):
    """What one endpoint allows. Rates are counts in so many seconds; None: no limit."""

    connections: int | None
    """Open at once from one address."""
    connects: tuple[int, float]
    messages: tuple[int, float] | None
    idle: float | None
    lifeless: float | None
    """A connection that never subscribed is closed after so many seconds."""
    opcode: Opcode
    """Of pushes; a binary one is raw deflate (RFC 1951), each message for itself."""
    compress_replies: bool
    """Whether replies follow `opcode` too."""
    pong_frames: bool
    """Whether ping frames are answered, and keep the connection awake."""
    ping_after: float | None = None
    """When the exchange sends a ping frame of its own, again and again."""


class Connection:
    """One client."""

    __slots__ = (
        "account",
        "active",
        "address",
        "endpoint",
        "id",
        "messages",
        "opened",
        "subscribed",
        "told",
        "topics",
    )

    def __init__(self, id_: int, endpoint: str, address: str, now: float) -> None:
        self.id = id_
        self.endpoint = endpoint
        self.address = address
        self.opened = self.active = self.told = now
        """`told` is when something was last sent to it, `active` when anything passed at all."""
        self.messages: deque[float] = deque()
        self.topics: dict[str, Any] = {}
        """What the endpoint needs to know of each subscribed topic."""
        self.subscribed = False
        """Whether it ever was."""
        self.account: Any = None
        """Who has logged in."""


class Endpoint(Protocol):
    """One address of the exchange, and the language that is spoken there."""

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client that has not broken the rate of messages."""

    def left(self, connection: Connection) -> None:
        """The connection is gone: forget its topics."""

    def too_fast(self, connection: Connection) -> bool:
        """A message came too fast. Whether it may still be served."""


class Lines:
    """Connections, and the time: what is due happens in `advance`, what is to be sent piles up.

    `endpoints` and `rules` are filled by the exchange before the first connection.
    """

    def __init__(self, rng: random.Random, enforce_limits: bool) -> None:
        self.now = 0.0
        self.random = rng
        self.rules: dict[str, Rules] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.greetings: dict[str, Callable[[Connection], None]] = {}
        """What an endpoint says to whoever has just been let in; most say nothing."""
        self.breaches: Counter[str] = Counter()
        """Every limit that a client broke, by its name."""
        self._enforce = enforce_limits
        self._serial = 0
        self._connections: dict[int, Connection] = {}
        self._attempts: dict[tuple[str, str], deque[float]] = {}
        self._due: list[tuple[float, int, Job, Any]] = []
        self._output: list[Send | Close | Pong | Ping] = []

    # Connections

    def connect(self, endpoint: str, address: str) -> Connection | Refusal:
        """Somebody asks for a connection to an endpoint that there is."""
        rules = self.rules[endpoint]
        # Refused attempts count: who goes on hammering stays out.
        attempts = self._attempts.setdefault((endpoint, address), deque())
        if self._exceeds(attempts, rules.connects) and self.breach("connects"):
            return Refusal(HTTP_TOO_MANY_REQUESTS, "too many connection attempts")
        alike = sum(
            (connection.endpoint, connection.address) == (endpoint, address)
            for connection in self._connections.values()
        )
        full = rules.connections is not None and alike >= rules.connections
        if full and self.breach("connections"):
            return Refusal(HTTP_TOO_MANY_REQUESTS, "too many connections")
        self._serial += 1
        connection = Connection(self._serial, endpoint, address, self.now)
        self._connections[connection.id] = connection
        self._watch(connection, self.now)
        if rules.ping_after is not None:
            self.schedule(self.now + rules.ping_after, self._ping, connection)
        greet = self.greetings.get(endpoint)
        if greet is not None:
            greet(connection)
        return connection

    def get(self, connection: int) -> Connection | None:
        """A connection that is open."""
        return self._connections.get(connection)

    def of(self, endpoint: Endpoint) -> list[Connection]:
        """The open connections of an endpoint."""
        return [
            connection
            for connection in self._connections.values()
            if self.endpoints[connection.endpoint] is endpoint
        ]

    def is_open(self, connection: Connection) -> bool:
        """Whether it has not been closed."""
        return connection.id in self._connections

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        del self._connections[connection.id]
        self.endpoints[connection.endpoint].left(connection)

    def receive(self, connection: Connection, payload: str | bytes) -> None:
        """A message of a client, for its endpoint."""
        connection.active = self.now
        endpoint = self.endpoints[connection.endpoint]
        if self._in_time(connection) or endpoint.too_fast(connection):
            endpoint.receive(connection, payload)

    def ping_frame(self, connection: Connection, payload: bytes) -> None:
        """A protocol ping of a client. It counts as a message."""
        endpoint = self.endpoints[connection.endpoint]
        if not self._in_time(connection) and not endpoint.too_fast(connection):
            return
        if self.rules[connection.endpoint].pong_frames:
            connection.active = self.now
            self._output.append(Pong(connection.id, payload))

    def close(self, connection: Connection, code: int, reason: str) -> None:
        """End a connection that is open."""
        self.forget(connection)
        self._output.append(Close(connection.id, code, reason))

    # What goes out

    def reply(self, connection: Connection, text: str) -> None:
        """An answer to what a client said."""
        if self.rules[connection.endpoint].compress_replies:
            self.push(text, (connection,))
        else:
            self._output.append(Send(connection.id, text))
            connection.active = connection.told = self.now

    def push(self, text: str, connections: Iterable[Connection]) -> None:
        """News for clients, which may be compressed; all of them get the same bytes."""
        opcode: Opcode | None = None
        payload: str | bytes = text
        output, now, rules = self._output, self.now, self.rules
        for connection in connections:
            if opcode is None:
                opcode = rules[connection.endpoint].opcode
                if opcode == "binary" or (opcode == "mixed" and self.random.random() < 0.5):
                    payload = _deflated(text)
            output.append(Send(connection.id, payload))
            connection.active = connection.told = now

    def output(self) -> list[Send | Close | Pong | Ping]:
        """What is to be done, in this order; each only once."""
        output, self._output = self._output, []
        return output

    # Limits

    def breach(self, name: str) -> bool:
        """Count a breach; whether it has consequences."""
        self.breaches[name] += 1
        return self._enforce

    def _in_time(self, connection: Connection) -> bool:
        rate = self.rules[connection.endpoint].messages
        return rate is None or not self._exceeds(connection.messages, rate)

    def _exceeds(self, times: deque[float], rate: tuple[int, float]) -> bool:
        """Note an event of now; whether there were more than the rate allows."""
        count, seconds = rate
        while times and times[0] <= self.now - seconds:
            times.popleft()
        times.append(self.now)
        return len(times) > count

    def _watch(self, connection: Connection, now: float) -> None:
        """Close a connection that is idle or lifeless; else look again when it could be."""
        if connection.id not in self._connections:
            return
        rules, due, reason = self.rules[connection.endpoint], math.inf, ""
        if rules.lifeless is not None and not connection.subscribed:
            due, reason = connection.opened + rules.lifeless, "nothing subscribed"
        if rules.idle is not None and connection.active + rules.idle < due:
            due, reason = connection.active + rules.idle, "idle"
        if due <= now:
            self.close(connection, NORMAL_CLOSE, reason)
        elif due < math.inf:
            self.schedule(due, self._watch, connection)

    def _ping(self, connection: Connection, now: float) -> None:
        after = self.rules[connection.endpoint].ping_after
        if connection.id in self._connections and after is not None:
            self._output.append(Ping(connection.id, b""))
            self.schedule(now + after, self._ping, connection)

    # Time

    def advance(self, now: float) -> None:
        """Let everything happen that is due until now."""
        while self._due and self._due[0][0] <= now:
            time, _, job, argument = heapq.heappop(self._due)
            self.now = max(self.now, time)
            job(argument, time)
        self.now = max(self.now, now)

    def next_deadline(self) -> float | None:
        """When `advance` has something to do next."""
        return self._due[0][0] if self._due else None

    def schedule(self, time: float, job: Job, argument: Any) -> None:
        """Call `job(argument, time)` when that time has come."""
        self._serial += 1
        heapq.heappush(self._due, (time, self._serial, job, argument))


def decoded(payload: str | bytes) -> Any:
    """The JSON of a client's message; None when it is none. Clients speak in text frames only."""
    if isinstance(payload, bytes):
        return None
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _deflated(text: str) -> bytes:
    # The fastest of its levels: what counts is that it is deflate.
    deflate = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return deflate.compress(text.encode()) + deflate.flush()
