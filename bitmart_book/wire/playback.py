"""Captured frames into an engine, as fast as possible or in their own time.

Every connection of every file is a generation of its own, because nothing that a later one says
continues an earlier one.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Literal

from bitmart_book._book import Engine
from bitmart_book.errors import CaptureError, LimitError, MessageError, UsageError
from bitmart_book.wire.capture import Capture, CapturedFrame

__all__ = ["Playback"]

# So many frames are read before other tasks have their turn.
_SLICE = 500


class Playback:
    """Plays captures into an engine.

    paths: a capture file, or several, one after the other. speed: None as fast as possible, 1.0
    as recorded. on_bad_line: "raise" a CaptureError, or "skip" and keep it in `bad_lines`.
    progress: called with (bytes read, bytes in all) of a file, about once for each percent.
    applied: called after each frame; `engine.touched` says what it changed. rested: called
    whenever other tasks are about to have their turn.
    """

    def __init__(
        self,
        engine: Engine,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        speed: float | None,
        on_bad_line: Literal["raise", "skip"],
        progress: Callable[[int, int], None] | None,
        applied: Callable[[], None],
        rested: Callable[[], None],
    ) -> None:
        if on_bad_line not in ("raise", "skip"):
            raise UsageError(f'on_bad_line must be "raise" or "skip", was {on_bad_line!r}')
        if speed is not None and not speed > 0:
            raise UsageError(f"speed must be positive, was {speed!r}")
        self._engine = engine
        self._paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        self._speed = speed
        self._on_bad_line = on_bad_line
        self._progress = progress
        self._applied = applied
        self._rested = rested
        # When the first frame was recorded (nanoseconds), and when it was played (seconds).
        self._start: tuple[int, float] | None = None
        self._generations: dict[tuple[int, str | None], int] = {}
        self.bad_lines: list[CaptureError] = []

    async def run(self) -> None:
        """Play everything. At the end the books that are LIVE stay so, and time stops for them."""
        for number, path in enumerate(self._paths):
            with Capture(path) as capture:
                await self._play(number, capture)
        self._engine.finish("end of capture")

    async def _play(self, number: int, capture: Capture) -> None:
        shown, count = -1, 0
        while True:
            try:
                captured = next(capture, None)
                if captured is None:
                    return
                await self._wait_for(captured.receive_time_ns)
                self._apply(number, capture, captured)
            except CaptureError as error:
                if self._on_bad_line == "raise":
                    raise
                self.bad_lines.append(error)
            percent = capture.bytes_read * 100 // max(1, capture.bytes_total)
            if self._progress is not None and percent != shown:
                shown = percent
                self._progress(capture.bytes_read, capture.bytes_total)
            count += 1
            if count % _SLICE == 0:
                self._rested()
                await asyncio.sleep(0)

    def _apply(self, number: int, capture: Capture, captured: CapturedFrame) -> None:
        generation = self._generations.setdefault(
            (number, captured.connection), len(self._generations) + 1
        )
        try:
            self._engine.apply(captured.frame, captured.receive_time_ns, generation=generation)
        except (MessageError, LimitError) as error:
            raise CaptureError(capture.path, captured.line, str(error)) from None
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
