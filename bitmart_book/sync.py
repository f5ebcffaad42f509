"""Plain calls for scripts and notebooks.

In this version `connect` reads captures: it runs the whole file through an engine and hands out
the books as they were at its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from bitmart_book._book import Book, Engine
from bitmart_book.capture import Capture
from bitmart_book.errors import CaptureError, FeedClosed, LimitError, MessageError, UsageError

__all__ = ["Feed", "connect"]

OnBadLine = Literal["raise", "skip"]


class Feed:
    """The books of a capture, by symbol or topic. Made by `connect`; also a context manager."""

    def __init__(self, engine: Engine, bad_lines: tuple[CaptureError, ...]) -> None:
        self._engine = engine
        self._closed = False
        self.bad_lines = bad_lines
        """The lines that could not be read, where the caller chose to skip them."""

    def __getitem__(self, key: str) -> Book:
        if self._closed:
            raise FeedClosed("the feed is closed")
        return self._engine[key]

    def __iter__(self) -> Iterator[str]:
        """Topics, in the order in which they appeared."""
        return iter(self._engine)

    def __len__(self) -> int:
        return len(self._engine)

    def __contains__(self, key: object) -> bool:
        return key in self._engine

    @property
    def books(self) -> tuple[Book, ...]:
        return self._engine.books

    @property
    def stats(self) -> dict[str, int]:
        """Counters of the engine."""
        return self._engine.stats

    def close(self) -> None:
        """Close every book; may be called twice."""
        if not self._closed:
            self._closed = True
            for book in self._engine.books:
                self._engine.close_book(book)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Feed {'closed' if self._closed else f'{len(self)} books, end of capture'}>"


def connect(
    *symbols: str,
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    max_levels: int = 50_000,
    shadow: bool = False,
    on_bad_line: OnBadLine = "raise",
    progress: Callable[[int, int], None] | None = None,
) -> Feed:
    """Read captures to their end; returns a `Feed` with the books as they were then.

    symbols: symbols or topics that must be there, else UsageError. source: a capture file, or
    several, read one after the other as separate connections. shadow: check every frame against
    the reference book (slow; raises ShadowMismatch). on_bad_line: "raise" a CaptureError at the
    first line that cannot be read, or "skip" it, count it in `Feed.bad_lines` and go on; a book
    whose frame was bad is in GAP until its next snapshot. progress: called with (bytes read,
    bytes in all) of the current file, about once for each percent.
    """
    if on_bad_line not in ("raise", "skip"):
        raise UsageError(f'on_bad_line must be "raise" or "skip", was {on_bad_line!r}')
    paths = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    for path in paths:
        if path in ("live", "sim"):
            raise UsageError(f"source {path!r} is not in this version: give a capture file")
    engine = _engine(max_levels, shadow)
    bad_lines: list[CaptureError] = []
    # Every connection of every file is a generation of its own: nothing that a later one says
    # continues an earlier one.
    generations: dict[tuple[int, str | None], int] = {}
    for number, path in enumerate(paths):
        with Capture(path) as capture:
            shown = -1
            while True:
                try:
                    captured = next(capture, None)
                    if captured is None:
                        break
                    generation = generations.setdefault(
                        (number, captured.connection), len(generations) + 1
                    )
                    try:
                        engine.apply(
                            captured.frame, captured.receive_time_ns, generation=generation
                        )
                    except (MessageError, LimitError) as error:
                        raise CaptureError(capture.path, captured.line, str(error)) from None
                except CaptureError as error:
                    if on_bad_line == "raise":
                        raise
                    bad_lines.append(error)
                percent = capture.bytes_read * 100 // max(1, capture.bytes_total)
                if progress is not None and percent != shown:
                    shown = percent
                    progress(capture.bytes_read, capture.bytes_total)
    engine.finish("end of capture")
    missing = [symbol for symbol in symbols if symbol not in engine]
    if missing:
        there = ", ".join(engine) or "no book at all"
        raise UsageError(f"the capture holds no book of {', '.join(missing)}; it holds {there}")
    return Feed(engine, tuple(bad_lines))


def _engine(max_levels: int, shadow: bool) -> Engine:
    if not shadow:
        return Engine(max_levels=max_levels)
    # Only here, so that nobody else pays for importing the reference book.
    from bitmart_book.shadow import ShadowEngine

    return ShadowEngine(max_levels=max_levels)
