"""Records a feed: its frames, and what its client told the engine, each with the time.

A full disk ends the recording, and not the books.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time_ns
from typing import Any

from bitmart_book._book import Engine, clock_ns
from bitmart_book.wire.capture import CaptureWriter
from bitmart_book.wire.told import telling

__all__ = ["Recorder"]


class Recorder:
    """One recording. failed: called with the OSError that has ended it.

    `venues` are those that speak. `name_of` must be set before a client speaks: it gives the name
    of the connection whose socket has a number, or None.
    """

    def __init__(
        self,
        writer: CaptureWriter,
        version: str,
        failed: Callable[[OSError], None],
        *,
        venues: Sequence[str] = (),
        clock: Callable[[], int] = clock_ns,
        wall: Callable[[], int] = time_ns,
    ) -> None:
        self._writer: CaptureWriter | None = writer
        self._failed = failed
        self._clock = clock
        self._wall = wall
        self.name_of: Callable[[int], str | None] = lambda _: None
        self._write(lambda writer: writer.begin(version, venues))

    def told(self, engine: Engine) -> Engine:
        """The engine to give to the client."""
        return telling(engine, self._event, self._clock)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is recorded."""
        return self._writer is None

    def frame(
        self, payload: bytes, received_ns: int | None, connection: str, generation: int
    ) -> None:
        """A frame, inflated, before it is applied."""
        name = f"{connection}#{generation}"
        at = self._clock()
        self._write(lambda writer: writer.write(payload, received_ns or 0, name, at))

    def stop(self) -> None:
        """Nothing more is recorded: what follows is the end of the feed and not of its books."""
        self._writer = None

    def _event(self, event: str, generation: int | None, facts: dict[str, Any]) -> None:
        if self._writer is None:
            return
        name = None if generation is None else f"{self.name_of(generation)}#{generation}"
        wall, at = self._wall(), self._clock()
        self._write(lambda writer: writer.write_event(event, wall, name, at, facts))

    def _write(self, write: Callable[[CaptureWriter], None]) -> None:
        if self._writer is None:
            return
        try:
            write(self._writer)
        except OSError as error:
            self._writer = None
            self._failed(error)
