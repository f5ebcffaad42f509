"""The last trades of each symbol, as its stream told them. What was lost is told in its place."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import bitmart_book as bb

__all__ = ["Tape"]

KEPT = 100


class _Stream(Protocol):
    def get(self, timeout: float | None = None) -> bb.Trade: ...


class Tape:
    """streams: by market and symbol; nobody else reads them."""

    def __init__(self, streams: Mapping[tuple[str, str], _Stream]) -> None:
        self._streams = streams
        self._kept: dict[tuple[str, str], deque[bb.Trade | str]] = {
            key: deque(maxlen=KEPT) for key in streams
        }

    def take(self) -> None:
        """Take what has come, of all of them: what nobody takes runs over, and is told as lost."""
        for key, stream in self._streams.items():
            with suppress(TimeoutError, StopIteration, bb.FeedClosed, bb.VenueError):
                while True:
                    self._kept[key].append(_next(stream))

    def of(self, book: bb.Book) -> Sequence[bb.Trade | str]:
        """The newest last, and a text where some were lost."""
        return self._kept.get((book.market, book.symbol), ())


def _next(stream: _Stream) -> bb.Trade | str:
    try:
        return stream.get(timeout=0)
    except bb.StreamGap as gap:
        return f"{gap.lost or 'some'} lost: {gap.reason}"
