"""What a feed writes into the log: one line for each thing that happened, and no storms.

Each event becomes at most one line; equal causes are held back and counted. What a server sent is
written without control characters, and no line is longer than 1 kB. At the level TRACE, below
DEBUG, every frame of both directions is a line too. Whatever is written has passed `redact`. Not a
clock: the time is an argument.
"""

from __future__ import annotations

import logging
import re
import traceback

from bitmart_book.credentials import redact
from bitmart_book.errors import BitmartBookError, printable
from bitmart_book.log.throttle import Entry, Throttle
from bitmart_book.model import BookState, Event, EventKind

__all__ = ["TRACE", "Journal", "escaped"]

TRACE = 5
"""The level of `logging` at which a feed writes every frame."""
MAX_LINE_BYTES = 1_000
# BitMart was never seen to send a longer frame.
MAX_TRACE_BYTES = 64 * 1024
Logger = logging.Logger | logging.LoggerAdapter  # type: ignore[type-arg]
if logging.getLevelName(TRACE) == f"Level {TRACE}":
    logging.addLevelName(TRACE, "TRACE")
_NUMBER = re.compile(r"\d+")
# What a user has to know about. "connecting" is not among them: the first time it is no bad news.
_WARNINGS = {
    EventKind.GAP,
    EventKind.STALE,
    EventKind.REJECTED,
    EventKind.DISCONNECTED,
    EventKind.UNANSWERED,
    EventKind.ERROR,
    EventKind.BAD_FRAME,
    EventKind.OVERFLOW,
}
_ERRORS = {EventKind.OUTAGE}
_ASIDES = {EventKind.UNKNOWN_FRAME}
_STATES = {EventKind(state.lower()) for state in BookState}


def escaped(text: str, limit: int = MAX_LINE_BYTES) -> str:
    """One line of at most `limit` bytes: secrets masked, control characters escaped, the rest cut
    off."""
    # Masked before anything is cut off: half a secret would not be recognised.
    text = redact(text)
    text = printable(text)
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: limit - 3].decode("utf-8", "ignore") + "…"


class Journal:
    """Writes events and warnings of one feed to a logger."""

    def __init__(self, logger: Logger, throttle: Throttle | None = None) -> None:
        self._logger = logger
        self._throttle = throttle or Throttle()
        # In which state each topic was left by its last event.
        self._states: dict[str, str] = {}
        self._connected: set[str] = set()

    @property
    def swallowed(self) -> int:
        """How many lines were held back and only counted."""
        return self._throttle.swallowed

    @property
    def traces(self) -> bool:
        """Whether anybody wants to see every frame."""
        return self._logger.isEnabledFor(TRACE)

    def trace(self, connection: str, way: str, frame: bytes | str) -> None:
        """Write a frame; way: ">" for one that is sent, "<" for one that has arrived."""
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "backslashreplace")
        self._write(TRACE, f"{connection} {way} {text}", limit=MAX_TRACE_BYTES)

    def event(self, event: Event, now: float) -> None:
        """Write an event."""
        before = self._follow(event)
        # A book that connects again has lost its connection; the first time it only waits for one.
        lost = event.kind == EventKind.CONNECTING and before is not None
        level = logging.WARNING if lost or event.kind in _WARNINGS else logging.INFO
        if event.kind in _ERRORS:
            level = logging.ERROR
        elif event.kind in _ASIDES:
            level = logging.DEBUG
        word = self._word(event)
        text = f"{event.topic or event.connection or 'feed'}: {word}"
        if event.after is not None:
            text += f" after {event.after:.3f} s"
            if before is not None and event.kind != EventKind.LIVE:
                text += f" {before}"
        if event.topic is not None and event.connection is not None:
            text += f" on {event.connection}"
        if event.code is not None:
            text += f", code {event.code}"
        if event.reason is not None:
            text += f": {event.reason}"
        # Reasons that differ only in numbers (versions, times) count as one cause.
        cause = _NUMBER.sub("#", (event.reason or "")[:200])
        self._say(f"{word} {event.code} {cause}", level, text, now)

    def _word(self, event: Event) -> str:
        """What has happened; a connection that never was is not called lost."""
        name = event.connection or ""
        if event.kind == EventKind.CONNECTED:
            self._connected.add(name)
        elif event.kind == EventKind.DISCONNECTED:
            if name not in self._connected:
                return "cannot connect"
            self._connected.discard(name)
        return event.kind

    def _follow(self, event: Event) -> str | None:
        if event.topic is None or event.kind not in _STATES:
            return None
        before = self._states.pop(event.topic, None)
        if event.kind not in (EventKind.CLOSED, EventKind.REJECTED):
            self._states[event.topic] = event.kind
        return before

    def warning(
        self, cause: str, text: str, now: float, error: BaseException | None = None
    ) -> None:
        """Write a warning, with a traceback; those of one `cause` at most once a second."""
        self._say(cause, logging.WARNING, text, now, error)

    def note(self, text: str) -> None:
        """Write something that is worth knowing and no bad news, always."""
        self._write(logging.INFO, text)

    def error(self, text: str, error: BaseException | None = None) -> None:
        """Write an error, always, with its traceback."""
        self._write(logging.ERROR, text, error)

    def tick(self, now: float) -> None:
        """Write the counts that are due. Call this now and then."""
        if self._throttle:
            for entry in self._throttle.due(now):
                self._write(*entry)

    def close(self) -> None:
        """Write what is still held back."""
        for entry in self._throttle.rest():
            self._write(*entry)

    def _say(
        self, cause: str, level: int, text: str, now: float, error: BaseException | None = None
    ) -> None:
        if self._logger.isEnabledFor(level):
            entry = self._throttle.say(cause, Entry(level, text), now)
            if entry is not None:
                self._write(*entry, error)

    def _write(
        self,
        level: int,
        text: str,
        error: BaseException | None = None,
        limit: int = MAX_LINE_BYTES,
    ) -> None:
        try:
            self._logger.log(level, "%s", escaped(text, limit), exc_info=_masked(error))
        except Exception:
            # A handler or filter of the user failed: that may cost lines of the log, but no book.
            return


def _masked(error: BaseException | None) -> BaseException | None:
    """An exception whose traceback shows no secret: another one in its place if need be."""
    if error is None:
        return None
    shown = "".join(traceback.format_exception(error))
    masked = redact(shown)
    return error if masked == shown else BitmartBookError(masked)
