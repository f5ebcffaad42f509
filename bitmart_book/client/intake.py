"""The one door by which bytes come in: each message goes to the engine first, then to the client.

Sans-I/O, and the same code for a socket, a simulated network, a fuzzer and a test. Whoever has a
message calls `receive` with it, with the connection that it came on, and with the time; whoever has
a clock calls `advance` when the time has come that `advance` itself named:

    intake = Intake(engine, client, executor, listener)
    wake_at = intake.advance(now)
    if intake.receive("spot-1", generation, payload, is_binary, time.time_ns(), clock_ns()):
        wake_at = intake.advance(now)    # soon, not necessarily at once

`advance` takes seconds, as all of the client does. `receive` takes nanoseconds of the same clock,
which is the engine's: it is called with every frame, and a clock is read in nanoseconds.
"""

from __future__ import annotations

from typing import Any, Protocol

from bitmart_book._book import Door, Engine
from bitmart_book.client.client import Client
from bitmart_book.client.inflate import inflate
from bitmart_book.client.times import STANDSTILL
from bitmart_book.errors import MessageError
from bitmart_book.model import Change

__all__ = ["Executor", "Intake", "Listener", "Witness"]

# Frames with none of these bits need not be shown to the client.
SHOWN_TO_CLIENT = Change.SNAPSHOT | Change.GAP | Change.TRADE | Change.OTHER


class Executor(Protocol):
    """Who does what the client decides: opens, sends and closes, or simulates it."""

    def carry_out(self) -> None:
        """The client was called: execute the actions in its `outbox`, publish the rest."""


class Listener(Protocol):
    """Who is told of changes."""

    def applied(self) -> None:
        """A frame has changed something: `engine.touched` names the books, each with its
        `last_change`. The client has seen the frame already, if it concerned it."""


class Witness(Protocol):
    """Who sees every message before it is applied, to record or to trace it."""

    def message(
        self,
        connection: str,
        generation: int,
        payload: bytes,
        received_ns: int | None,
        is_private: bool,
    ) -> None:
        """A message, inflated. What `is_private` belongs to an account: never record it."""


class Intake:
    """Takes the messages of all connections of one client.

    `witness` may be set and taken away at any time; without one a frame pays nothing for it.
    `notes`: what the books have noted for the listener, which is not called for frames of which
    nothing was; without any it is called for each.
    """

    def __init__(
        self,
        engine: Engine,
        client: Client,
        executor: Executor,
        listener: Listener,
        witness: Witness | None = None,
        notes: list[Any] | None = None,
    ) -> None:
        self._apply = engine.apply
        self._look = engine.look
        self._client = client
        self._connections = client.connections
        self._beside = client.beside
        self._executor = executor
        self._applied = listener.applied
        self._notes = notes
        self.door = Door(engine, SHOWN_TO_CLIENT, notes)
        """For a wire in C, which asks it before it makes a bytes object of a message."""
        self._offer = self.door.offer
        self.witness = witness

    @property
    def witness(self) -> Witness | None:
        """Who sees every message before it is applied."""
        return self._witness

    @witness.setter
    def witness(self, witness: Witness | None) -> None:
        self._witness = witness
        self.door.is_shut = witness is not None

    def advance(self, now: float) -> float:
        """Let the client do what is due, and have it carried out. Returns when to call again."""
        # Should the client fail, then the next frames do not call it again at once.
        self.door.overdue_ns = int((now + STANDSTILL) * 1e9)
        self._client.advance(now)
        self._executor.carry_out()
        deadline = self._client.next_deadline(now)
        self.door.overdue_ns = int((deadline + STANDSTILL) * 1e9)
        return deadline

    def receive(
        self,
        connection: str,
        generation: int,
        payload: bytes,
        is_binary: bool,
        received_ns: int | None,
        now_ns: int,
    ) -> bool:
        """Take in one websocket message.

        connection: the client's name for it; generation: what `Client.opened` returned. is_binary:
        whether the message is compressed. received_ns: wall clock at receipt, kept for readers.
        now_ns: the engine's clock.
        Returns whether the client was called, so that `advance` is due anew.

        After a pause of this process the message may be old, and the connection as good as lost: so
        the client, if it was not called for much longer than it wanted, learns what time it is
        before anything is applied.
        """
        if not is_binary:
            change = self._offer(payload, received_ns, generation, now_ns)
            if change is not None:
                return change >= 0 and self.taken(connection, generation, payload, change, now_ns)
        called = False
        if now_ns > self.door.overdue_ns:
            called = True
            # What has lapsed meanwhile did so before the client says anything.
            self._look()
            self.advance(now_ns / 1e9)
            if self._connections.generation(connection) != generation:
                return True
        try:
            if is_binary:
                payload = inflate(payload, self._connections.binary(connection))
            if self._witness is not None:
                is_private = self._connections.is_private(connection)
                self._witness.message(connection, generation, payload, received_ns, is_private)
            change = self._apply(payload, received_ns, generation=generation)
        except MessageError as error:
            self._client.bad_frame(connection, payload, error, now_ns / 1e9)
            self._executor.carry_out()
            return True
        return self.taken(connection, generation, payload, change, now_ns) or called

    def taken(
        self, connection: str, generation: int, payload: bytes, change: int, now_ns: int
    ) -> bool:
        """A message was applied, and did that: tell the client and the listeners, as far as it
        concerns them. Returns whether the client was called."""
        if change == 0:
            if self._beside.is_asking:
                self._beside.hear(payload, generation)
            return False
        concerns_client = bool(change & SHOWN_TO_CLIENT)
        if concerns_client:
            self._client.frame(connection, change, now_ns / 1e9)
            self._executor.carry_out()
        if self._notes is None or self._notes:
            self._applied()
        return concerns_client
