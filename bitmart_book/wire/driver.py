"""Sockets and time around the client: executes its actions, and decides nothing.

Messages go into the `Intake`, and the client's actions are executed as they come. Everything that
can be decided without a socket is decided in `client`; what users hold in their hands is in `feed`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from time import time_ns
from typing import Any, Protocol

from bitmart_book._book import Engine, Latency, clock_ns
from bitmart_book.client.client import Client
from bitmart_book.client.intake import Intake
from bitmart_book.client.outbox import Action, Close, Open, Ping, Push
from bitmart_book.client.times import (
    AFTER_FAILURE_SECONDS,
    BEAT_SECONDS,
    CLOSE_SECONDS,
    LOOK_FOR_LAPSES,
)
from bitmart_book.log.journal import Journal, escaped
from bitmart_book.model import Event
from bitmart_book.system.fork import after_fork_in_child
from bitmart_book.wire.link import AnyLink, Link
from bitmart_book.wire.recorder import Recorder
from bitmart_book.wire.refusal import refusal_of
from bitmart_book.wire.stalls import Stalls
from bitmart_book.wire.transports import Opener

__all__ = ["Driver"]


class Listener(Protocol):
    """Who is told of changes."""

    def applied(self, since: int | None = None) -> None:
        """As the intake's; since: when it was applied, by the clock (ns)."""


class Driver:
    """The sockets of one client, and its sense of time.

    listener: told after each frame that changed something. published: called with what the client
    has to say. rested: called when all that had arrived is applied.
    notes: what books have noted for the listener; where there is nothing it is not called.
    latency: where it is counted how long things take. opens: what opens a socket.
    """

    def __init__(
        self,
        engine: Engine,
        client: Client,
        journal: Journal,
        listener: Listener,
        *,
        recorder: Recorder | None,
        tls: ssl.SSLContext | None,
        published: Callable[[list[Event], list[Push]], None],
        rested: Callable[[], None],
        latency: Latency,
        notes: list[Any] | None = None,
        opens: Opener = Link.open,
    ) -> None:
        self._engine = engine
        self._client = client
        self._journal = journal
        self._recorder = recorder
        self._tls = tls
        self._published = published
        self.rested = rested
        self._open = opens
        self._links: dict[str, AnyLink] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._latency = latency
        self._stalls = Stalls(latency)
        self.read_at = clock_ns()
        """When what is being handed over was read, in nanoseconds of `clock_ns`."""
        self._intake = Intake(engine, client, self, self, notes=notes)
        self._take_in = self._intake.receive
        self.door = self._intake.door
        # Looked up now and then, because asking a logger takes longer than applying a frame.
        self._traces = journal.traces
        self._stopped = False
        self._advances_soon = False
        self._timer: asyncio.TimerHandle | None = None
        self._beat_at = 0.0
        self._beat: asyncio.TimerHandle | None = None
        self._lapses: asyncio.TimerHandle | None = None
        self.failures: dict[str, str] = {}
        """Why a connection could not be opened, by its name."""
        self.counters: Counter[str] = Counter()

    def start(self) -> None:
        """Begin."""
        after_fork_in_child(self._forked)
        self._look_for_witness()
        self._beat_at = self._loop.time() + BEAT_SECONDS
        self._beat = self._loop.call_later(BEAT_SECONDS, self._look_at_loop)
        self._advance()
        self._look_for_lapses()

    def end(self) -> None:
        """Do what the closed client wants as its last, and begin no more."""
        self.carry_out()
        self._stopped = True
        self._latency.stop()
        for timer in (self._timer, self._beat, self._lapses):
            if timer is not None:
                timer.cancel()
        for task in self._opening.values():
            task.cancel()
        for link in self._links.values():
            link.shut()
        self._opening.clear()

    async def stop(self) -> None:
        """Wait for the end of every connection; cut off those that take more than a second."""
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=1.5 * CLOSE_SECONDS)
        finally:
            self.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def abort(self) -> None:
        """Cut every connection off, now."""
        for task in self._tasks:
            task.cancel()

    def _forked(self) -> None:
        for link in self._links.values():
            link.detach()

    @staticmethod
    def now() -> float:
        """Monotonic seconds, of the clock that the engine reads in nanoseconds. It goes on while
        the machine sleeps, which the loop's own does not."""
        return clock_ns() / 1e9

    # --- time ---

    def step(self) -> None:
        """The client was told something: do what it wants, and let it think again soon."""
        self.carry_out()
        self._advance_soon()

    def later(self, seconds: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        """Call that function after so long, where the client lives."""
        return self._loop.call_later(seconds, function)

    def _look_for_lapses(self) -> None:
        """Tell who watches a book at the moment at which it ceases to be LIVE by itself: not when
        the client looks at it next."""
        next_ns = self._engine.look()
        wait = LOOK_FOR_LAPSES
        if next_ns is not None:
            wait = min(wait, max(0.0, next_ns / 1e9 - self.now()))
        self._lapses = self._loop.call_later(wait, self._look_for_lapses)
        self.rested()

    def _advance_soon(self) -> None:
        if not self._advances_soon and not self._stopped:
            self._advances_soon = True
            self._loop.call_soon(self._advance)

    def _advance(self) -> None:
        """Let the client do what is due. A failure inside does not stop the clock."""
        self._advances_soon = False
        if self._stopped:
            return
        if self._lapses is not None and self._lapses.when() <= self._loop.time():
            # A blocked loop: what has lapsed meanwhile did so before the client says anything.
            self._engine.look()
        now = self.now()
        try:
            deadline = self._intake.advance(now)
        except Exception as error:
            self._journal.error(f"the client failed: {type(error).__name__}: {error}", error)
            self.counters["internal_errors"] += 1
            deadline = now + AFTER_FAILURE_SECONDS
        if self._timer is not None:
            self._timer.cancel()
        if not self._stopped:
            self._timer = self._loop.call_later(max(0.0, deadline - self.now()), self._advance)
        self.rested()

    def _look_at_loop(self) -> None:
        # The loop's own clock stands still while the machine sleeps: sleep is no pause of the loop.
        now = self._loop.time()
        pause = now - self._beat_at
        why = self._stalls.beat(pause)
        if why is not None:
            self._journal.warning(
                "pause",
                f"the event loop did not run for {pause:.3f} s, and no book was updated meanwhile: "
                f"{why}",
                self.now(),
            )
        self._look_for_witness()
        self._journal.tick(self.now())
        self._beat_at = now + BEAT_SECONDS
        self._beat = self._loop.call_later(BEAT_SECONDS, self._look_at_loop)

    # --- what the client wants ---

    def carry_out(self) -> None:
        """Execute the client's actions, and publish its events and pushes."""
        outbox = self._client.outbox
        actions = outbox.take_actions()
        if actions:
            self._execute(actions)
        events, pushes = outbox.take_events(), outbox.take_pushes()
        if events or pushes:
            self._published(events, pushes)

    def _execute(self, actions: list[Action]) -> None:
        for action in actions:
            name = action.connection
            if isinstance(action, Open):
                if not self._stopped:
                    task = self._loop.create_task(self._connection(name, action.url))
                    self._opening[name] = task
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            elif isinstance(action, Close):
                self.failures.pop(name, None)
                if name in self._links:
                    self._links.pop(name).shut()
                elif name in self._opening:
                    self._opening.pop(name).cancel()
            elif isinstance(action, Ping):
                if name in self._links:
                    self._links[name].ping_frame()
            elif name in self._links:
                if self._traces:
                    self._journal.trace(name, ">", action.text)
                self._links[name].send_text(action.text)

    # --- one connection ---

    async def _connection(self, name: str, url: str) -> None:
        """One socket from its opening to its end, whatever ends it."""
        me = asyncio.current_task()
        try:
            link = await self._open(url, self._tls)
        except Exception as error:
            # The client may have given this attempt up already, and begun another in its place.
            if self._opening.get(name) is me:
                del self._opening[name]
                self._open_failed(name, url, error)
            return
        try:
            if self._opening.get(name) is me:
                del self._opening[name]
                self._opened(name, link)
            else:
                link.abort()
            await link.wait_closed()
        except Exception as error:
            self.failed(link, error)
        finally:
            link.abort()
            await link.wait_closed()

    def _opened(self, name: str, link: AnyLink) -> None:
        self.failures.pop(name, None)
        self._links[name] = link
        link.name = name
        link.generation = self._client.opened(name, self.now())
        self.step()
        if not link.ended:
            link.attach(self)

    def _open_failed(self, name: str, url: str, error: Exception) -> None:
        reason = escaped(f"{url}: {str(error) or type(error).__name__}", 300)
        self.failures[name] = reason
        banned, retry_after = refusal_of(error, time_ns() / 1e9)
        self._client.failed(name, reason, self.now(), banned=banned, retry_after=retry_after)
        self.step()

    def ended(self, link: AnyLink, reason: str) -> None:
        """A link has ended by itself: the client is told."""
        if self._links.get(link.name) is link:
            del self._links[link.name]
            self._client.lost(link.name, escaped(reason, 300), self.now())
            self.step()

    def receive(self, link: AnyLink, payload: bytes, is_binary: bool) -> None:
        """A message of a link: in with it."""
        try:
            called = self._take_in(
                link.name, link.generation, payload, is_binary, time_ns(), clock_ns()
            )
        except Exception as error:
            self.failed(link, error)
            return
        if called:
            self._advance_soon()

    def taken(self, link: AnyLink, payload: bytes, change: int) -> None:
        """A message of a link, which the door has let in: tell whom that concerns."""
        try:
            called = self._intake.taken(link.name, link.generation, payload, change, clock_ns())
        except Exception as error:
            self.failed(link, error)
            return
        if called:
            self._advance_soon()

    def applied(self) -> None:
        """A frame has been applied that somebody wants to hear of."""
        self._listener.applied(self._latency.applied(self._engine, self.read_at))

    def ponged(self, link: AnyLink) -> None:
        """A pong frame of a link."""
        if self._links.get(link.name) is link:
            self._client.ponged(link.name, self.now())
            self._advance_soon()

    def _look_for_witness(self) -> None:
        self._traces = self._journal.traces
        records = self._recorder is not None and not self._recorder.is_over
        self._intake.witness = self if self._traces or records else None

    def message(
        self,
        connection: str,
        generation: int,
        payload: bytes,
        received_ns: int | None,
        is_private: bool,
    ) -> None:
        """Trace a message and record it, as far as that is wanted."""
        if self._traces:
            self._journal.trace(connection, "<", payload)
        if self._recorder is not None and not is_private:
            self._recorder.frame(payload, received_ns, connection, generation)

    def failed(self, link: AnyLink, error: BaseException) -> None:
        """A bug of this package, or a mismatch that the shadow book found: what the books of this
        connection hold is in doubt, and a new connection begins anew."""
        self.counters["internal_errors"] += 1
        self._journal.error(f"{link.name}: {type(error).__name__}: {error}", error)
        link.drop(f"{type(error).__name__}: {error}")

    def report(self) -> dict[str, Any]:
        """Counters of what happened to the loop."""
        return {**self._stalls.report(), "internal_errors": self.counters["internal_errors"]}
