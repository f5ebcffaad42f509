"""Captured frames into an engine, as fast as possible or in their own time.

Every connection of every file is a generation of its own, because nothing that a later one says
continues an earlier one. Where a recording has events, they are told to the engine as the client
told them, at the time that they were told: so a book is what it was while it was live.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Literal

from bitmart_book._book import Engine
from bitmart_book.errors import (
    BitmartBookError,
    CaptureError,
    LimitError,
    MessageError,
    UsageError,
)
from bitmart_book.wire.capture import Capture, CapturedEvent, CapturedFrame
from bitmart_book.wire.told import retell

__all__ = ["Playback", "RecordedTime", "has_events", "recorded_venues"]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

Record = tuple[int, str, CapturedFrame | CapturedEvent]
"""The number of a file, its path, and what stands in it next."""

# So many frames are read before other tasks have their turn.
_SLICE = 500


class RecordedTime:
    """The clock of an engine that hears a recording: the time at which each line was written.

    Between files, whose clocks may be of different machines, no time passes; it never goes back.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self._recorded: int | None = None

    def __call__(self) -> int:
        return self.now_ns

    def begin(self) -> None:
        """Another file begins."""
        self._recorded = None

    def reach(self, at_ns: int | None) -> None:
        """A line of that time is next."""
        if at_ns is None:
            return
        if self._recorded is None:
            self._recorded = at_ns
            self.now_ns = self.now_ns or at_ns
        passed = at_ns - self._recorded
        if passed > 0:
            self.now_ns += passed
            self._recorded = at_ns


def has_events(paths: Paths) -> bool:
    """Whether all of these files are recordings with events. False where one cannot be read:
    playing it will say why."""
    return all(_has_events(path) for path in _listed(paths)) and bool(_listed(paths))


def recorded_venues(paths: Paths) -> tuple[str, ...]:
    """The venues that speak in these files, as far as they say so; older recordings do not."""
    found: dict[str, None] = {}
    for path in _listed(paths):
        found.update(dict.fromkeys(_header(path)[1]))
    return tuple(found)


def _has_events(path: str | os.PathLike[str]) -> bool:
    return _header(path)[0]


def _header(path: str | os.PathLike[str]) -> tuple[bool, tuple[str, ...]]:
    try:
        with Capture(path) as capture:
            try:
                capture.record()
            except BitmartBookError:
                return False, capture.venues
            return capture.has_events, capture.venues
    except (BitmartBookError, OSError):
        return False, ()


def _listed(paths: Paths) -> list[str | os.PathLike[str]]:
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


async def _at_once() -> None:
    pass


class Playback:
    """Plays captures into an engine.

    paths: a capture file, or several, one after the other. speed: None or 0 as fast as possible,
    1.0 as recorded. on_bad_line: "raise" a CaptureError, or "skip" and keep it in `bad_lines`.
    progress: called with (bytes read, bytes in all) of a file, about once for each percent.
    applied: called after each frame; `engine.touched` says what it changed. told: called after
    each event, of which any book may have another state. rested: called whenever other tasks are
    about to have their turn. clock: that of the engine, where the captures have events. wanted:
    awaited before each record; it returns when that is wanted.
    """

    def __init__(
        self,
        engine: Engine,
        paths: Paths,
        *,
        speed: float | None,
        on_bad_line: Literal["raise", "skip"],
        progress: Callable[[int, int], None] | None,
        applied: Callable[[], None],
        told: Callable[[], None],
        rested: Callable[[], None],
        clock: RecordedTime | None,
        wanted: Callable[[], Awaitable[None]] | None = None,
        skipped: Callable[[CaptureError], None] | None = None,
    ) -> None:
        if on_bad_line not in ("raise", "skip"):
            raise UsageError(f'on_bad_line must be "raise" or "skip", was {on_bad_line!r}')
        if speed is not None and not speed >= 0:
            raise UsageError(f"speed must be 0 (as fast as possible) or positive, was {speed!r}")
        self._engine = engine
        self._paths = _listed(paths)
        self._speed = speed or None
        self._on_bad_line = on_bad_line
        self._progress = progress
        self._applied = applied
        self._told = told
        self._clock = clock
        self._rested = rested
        self._wanted = _at_once if wanted is None else wanted
        self._skipped = skipped
        # When the first frame was recorded (nanoseconds), and when it was played (seconds).
        self._start: tuple[int, float] | None = None
        self._generations: dict[tuple[int, str | None], int] = {}
        self._records = self._read()
        # The next record, where it was looked at and not taken yet.
        self._next: Record | None = None
        self._over = False
        self.change = 0
        """The `Change` bits of the last frame."""
        self.bad_lines: list[CaptureError] = []

    async def run(self) -> None:
        """Play everything. At the end the books that are LIVE stay so, and time stops for them."""
        count = 0
        while True:
            await self._wanted()
            await self.wait()
            # Meanwhile somebody may have begun to step by himself, or have what he waited for.
            await self._wanted()
            if self.step() is None:
                return
            count += 1
            if count % _SLICE == 0:
                self._rested()
                await asyncio.sleep(0)

    def step(self) -> CapturedFrame | CapturedEvent | None:
        """Take the next record now; None at the end, where books that are LIVE stay so."""
        while (record := self._peek()) is not None:
            number, path, captured = record
            self._next = None
            try:
                self.take(number, path, captured)
            except CaptureError as error:
                self._skip(error)
                continue
            return captured
        if not self._over:
            self._over = True
            self._engine.finish("end of capture")
        return None

    @property
    def is_over(self) -> bool:
        """Whether all of it has been taken."""
        return self._over

    async def wait(self) -> None:
        """Until it is the next record's time."""
        record = self._peek()
        if record is not None:
            await self._wait_for(record[2].receive_time_ns)

    def _peek(self) -> Record | None:
        if self._next is None and not self._over:
            self._next = next(self._records, None)
        return self._next

    def _read(self) -> Iterator[Record]:
        """The records of every file."""
        for number, path in enumerate(self._paths):
            if self._clock is not None:
                self._clock.begin()
            with Capture(path) as capture:
                shown = -1
                while True:
                    try:
                        captured = next(capture, None) if self._clock is None else capture.record()
                    except CaptureError as error:
                        self._skip(error)
                        continue
                    if captured is None:
                        break
                    yield number, capture.path, captured
                    percent = capture.bytes_read * 100 // max(1, capture.bytes_total)
                    if self._progress is not None and percent != shown:
                        shown = percent
                        self._progress(capture.bytes_read, capture.bytes_total)

    def _skip(self, error: CaptureError) -> None:
        if self._on_bad_line == "raise":
            raise error
        self.bad_lines.append(error)
        if self._skipped is not None:
            self._skipped(error)

    def take(self, number: int, path: str, captured: CapturedFrame | CapturedEvent) -> None:
        """Give one record of a file to the engine. CaptureError for one that is none."""
        if self._clock is not None:
            self._clock.reach(captured.at_ns)
            self._engine.look()
        generation = self._generations.setdefault(
            (number, captured.connection), len(self._generations) + 1
        )
        if isinstance(captured, CapturedFrame):
            self._apply(path, captured, generation)
            return
        assert self._clock is not None
        retell(self._engine, captured, generation, self._clock.now_ns, path)
        self._told()

    def _apply(self, path: str, captured: CapturedFrame, generation: int) -> None:
        try:
            self.change = 0
            self.change = self._engine.apply(
                captured.frame, captured.receive_time_ns, generation=generation
            )
        except (MessageError, LimitError) as error:
            if self._clock is None:
                raise CaptureError(path, captured.line, str(error)) from None
            # It was no better when it was live, and what followed from it comes next.
        finally:
            self._applied()

    async def _wait_for(self, recorded_ns: int | None) -> None:
        """Until it is that frame's time."""
        if self._speed is None or recorded_ns is None:
            return
        self._rested()
        now = time.monotonic()
        if self._start is None:
            self._start = recorded_ns, now
        due = self._start[1] + (recorded_ns - self._start[0]) / 1e9 / self._speed
        if due > now:
            await asyncio.sleep(due - now)
