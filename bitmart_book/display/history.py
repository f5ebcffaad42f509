"""Captures as columns: what a replay shows, frame by frame, in pieces of bounded size.

A capture is played into an engine as any replay plays it, and after each record a taker looks at
what that did. Whatever a replay does not show is in no row; that it does not show it is one: a book
that is not LIVE any more, a line that cannot be read, a connection that was lost.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from bitmart_book._book import Engine, Transcript
from bitmart_book.display.columns import NONE, Column, Kind, column_of
from bitmart_book.errors import CaptureError, UsageError
from bitmart_book.model import BookState
from bitmart_book.venues import find_venue, venues
from bitmart_book.wire.capture import CapturedEvent, CapturedFrame
from bitmart_book.wire.playback import Playback, RecordedTime, has_events, recorded_venues

__all__ = ["SCHEMAS", "History", "Paths", "check_schema"]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
SCHEMAS = ("quotes", "trades", "incremental", "mbp-10", "mbp-50", "frames")
"""Those that are named; of mbp any number of levels will do."""
MOST_LEVELS = 200

# A piece takes about so much memory.
_PIECE_BYTES = 16 << 20
_LAST = 128
_MAYBE_BAD = 4
_STATES = tuple(state.value for state in BookState)

# As `native/transcript.pxi` has it.
LINE = np.dtype([
    ("ts_event", "i8"), ("ts_recv", "i8"), ("sequence", "i8"), ("epoch", "i8"), ("book", "i4"),
    ("reason", "i4"), ("state", "i1"), ("side", "u1"), ("action", "u1"), ("flags", "u1"),
    ("spare", "i4"),
])  # fmt: skip
_SIDES = ("B", "A", "N")
_ACTIONS = ("A", "M", "C", "R")


def check_schema(schema: str) -> int:
    """How many levels a row of a schema has; 0 where it has none. UsageError for none that there
    is."""
    if schema in ("trades", "incremental", "frames"):
        return 0
    if schema == "quotes":
        return 1
    levels = re.fullmatch(r"mbp-(\d{1,3})", schema) if isinstance(schema, str) else None
    if levels is None or not 1 <= int(levels[1]) <= MOST_LEVELS:
        raise UsageError(
            f"schema must be one of {', '.join(SCHEMAS)} (mbp-1 to mbp-{MOST_LEVELS}), "
            f"was {schema!r}"
        )
    return int(levels[1])


class _Taker(Protocol):
    """Whoever makes rows of what is played."""

    def __len__(self) -> int: ...

    def look(self, time_ns: int | None) -> None:
        """Something may have changed: a frame was applied, an event told, time has passed."""

    def record(self, record: CapturedFrame | CapturedEvent) -> None:
        """That was played."""

    def hole(self, reason: str, time_ns: int | None) -> None:
        """That could not be read, and nobody can say what it was about."""

    def columns(self) -> list[Column]:
        """The rows since this was asked last."""


class _Books:
    """What happens to books: `incremental`, `mbp-N` and `quotes`."""

    def __init__(self, engine: Engine, schema: str, levels: int) -> None:
        self._engine = engine
        self._schema = schema
        self._transcript = Transcript(levels, mids=schema == "quotes")
        self.most = max(512, _PIECE_BYTES // (LINE.itemsize + 8 * self._transcript.width))

    def __len__(self) -> int:
        return len(self._transcript)

    def look(self, time_ns: int | None) -> None:
        self._transcript.take(self._engine, time_ns)

    def record(self, record: CapturedFrame | CapturedEvent) -> None:
        pass

    def hole(self, reason: str, time_ns: int | None) -> None:
        self._transcript.hole(reason, time_ns)

    def columns(self) -> list[Column]:
        bare, numbers, books, reasons = self._transcript.rows()
        lines = np.frombuffer(bare, LINE)
        cells = np.frombuffer(numbers).reshape(len(lines), self._transcript.width)
        sequence = lines["sequence"].copy()
        sequence[sequence < 0] = NONE
        return [
            Column("ts_event", "time", lines["ts_event"].copy()),
            Column("ts_recv", "time", lines["ts_recv"].copy()),
            *_names(lines["book"], books),
            *self._own(lines, cells),
            Column("sequence", "count", sequence),
            Column("epoch", "count", lines["epoch"].copy()),
            Column("flags", "count", lines["flags"].copy()),
            Column("state", "word", lines["state"].astype(np.int32), _STATES),
            Column("reason", "word", lines["reason"].copy(), tuple(reasons)),
        ]

    def _own(self, lines: Any, cells: Any) -> Iterator[Column]:
        if self._schema == "incremental":
            yield _letters("action", lines["action"], _ACTIONS)
            yield _letters("side", lines["side"], _SIDES)
        for place, name in enumerate(self._numbers()):
            yield Column(name, "number", cells[:, place].copy())

    def _numbers(self) -> list[str]:
        """What the numbers of a row are, in their order."""
        if self._schema == "incremental":
            return ["price", "size"]
        if self._schema == "quotes":
            return ["bid", "ask", "bid_size", "ask_size", "mid", "spread"]
        return [
            f"{side}_{what}_{level:02}"
            for level in range(self._transcript.levels)
            for what in ("px", "sz")
            for side in ("bid", "ask")
        ]


def _names(numbers: Any, books: list[tuple[str, str, str, str]]) -> Iterator[Column]:
    """Venue, market, channel and symbol of each row, by the number of its book."""
    for part, name in enumerate(("venue", "market", "channel", "symbol")):
        places: dict[str, int] = {}
        codes = [places.setdefault(book[part], len(places)) for book in books]
        # A row that is of no book has the number -1, which is the last one here.
        yield Column(name, "word", np.array([*codes, -1], dtype=np.int32)[numbers], tuple(places))


def _letters(name: str, letters: Any, words: tuple[str, ...]) -> Column:
    codes = np.full(256, -1, dtype=np.int32)
    for place, word in enumerate(words):
        codes[ord(word)] = place
    return Column(name, "word", codes[letters], words)


class _Lists:
    """Rows that are made in Python, as lists."""

    shape: tuple[tuple[str, Kind], ...] = ()
    most = 50_000

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self) -> list[Column]:
        rows, self._rows = self._rows, []
        return [
            column_of(name, kind, [row[place] for row in rows])
            for place, (name, kind) in enumerate(self.shape)
        ]


class _Trades(_Lists):
    """The public trades."""

    shape = (
        ("ts_event", "time"), ("ts_recv", "time"), ("symbol", "word"), ("side", "word"),
        ("price", "number"), ("size", "number"), ("trade_id", "count"), ("flags", "count"),
        ("reason", "text"),
    )  # fmt: skip

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def look(self, time_ns: int | None) -> None:
        pass

    def record(self, record: CapturedFrame | CapturedEvent) -> None:
        if isinstance(record, CapturedEvent):
            if record.event == "closed":
                self.hole(f"the connection {record.connection} was lost", record.receive_time_ns)
            return
        trades = self._engine.trades
        for place, trade in enumerate(trades, 1):
            stamp = None if trade.time_ms is None else trade.time_ms * 1_000_000
            self._rows.append((
                stamp, record.receive_time_ns, trade.symbol, trade.side, trade.price, trade.size,
                trade.trade_id, _LAST if place == len(trades) else 0, None,
            ))  # fmt: skip

    def hole(self, reason: str, time_ns: int | None) -> None:
        flags = _LAST | _MAYBE_BAD
        self._rows.append((None, time_ns, None, None, None, None, None, flags, reason))


class _Frames(_Lists):
    """What arrived, as it arrived, and what a recording has beside it."""

    shape = (
        ("ts_recv", "time"), ("connection", "word"), ("line", "count"), ("event", "word"),
        ("frame", "text"), ("reason", "text"),
    )  # fmt: skip
    most = 10_000

    def look(self, time_ns: int | None) -> None:
        pass

    def record(self, record: CapturedFrame | CapturedEvent) -> None:
        frame = event = None
        if isinstance(record, CapturedFrame):
            frame = record.frame.decode("utf-8", "replace")
        else:
            event = record.event
        self._rows.append(
            (record.receive_time_ns, record.connection, record.line, event, frame, None)
        )

    def hole(self, reason: str, time_ns: int | None) -> None:
        self._rows.append((time_ns, None, None, "unreadable", None, reason))


class _Played(Playback):
    """A playback that tells a taker of each record, and of the time that passed before it."""

    def __init__(
        self,
        engine: Engine,
        paths: Paths,
        taker: _Taker,
        clock: RecordedTime | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._taker = taker
        self._recorded = clock
        self._time: int | None = None
        self.good = 0
        super().__init__(
            engine,
            paths,
            speed=None,
            on_bad_line="skip",
            progress=progress,
            applied=self._look,
            told=self._look,
            rested=_nobody,
            clock=clock,
            skipped=self._missed,
        )

    def _look(self) -> None:
        self._taker.look(self._time)

    def _missed(self, error: CaptureError) -> None:
        self._taker.hole(str(error), self._time)

    def take(self, number: int, path: str, captured: CapturedFrame | CapturedEvent) -> None:
        self._time = captured.receive_time_ns
        if self._recorded is not None:
            # What lapsed until now was STALE, though the next frame may confirm it. `Playback.take`
            # reaches it again, which changes nothing.
            self._recorded.reach(captured.at_ns)
            self._look()
        super().take(number, path, captured)
        self.good += 1
        self._taker.record(captured)


def _nobody() -> None:
    pass


class History:
    """Captures, one after the other, as the columns of a schema.

    `columns()` yields them piece by piece. `problems`, complete behind the last piece, are
    sentences about what could not be read. UsageError for a schema or a file that there is not,
    and, behind the last piece, for files of which not one line could be read.
    """

    def __init__(
        self,
        paths: Paths,
        schema: str,
        *,
        venue: Any = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        levels = check_schema(schema)
        if venue is None:
            venue = tuple(name for name in recorded_venues(paths) if name in venues()) or None
        clock = RecordedTime() if has_events(paths) else None
        self.engine = Engine(find_venue(venue), clock=clock, only_known=clock is not None)
        self._taker: _Books | _Trades | _Frames
        if schema == "trades":
            self._taker = _Trades(self.engine)
        elif schema == "frames":
            self._taker = _Frames()
        else:
            self._taker = _Books(self.engine, schema, levels)
        self._played = _Played(self.engine, paths, self._taker, clock, progress)

    @property
    def problems(self) -> list[str]:
        return [str(error) for error in self._played.bad_lines]

    def columns(self) -> Iterator[list[Column]]:
        """The columns, once; at least one piece, perhaps without rows."""
        pieces = 0
        while self._played.step() is not None:
            if len(self._taker) >= self._taker.most:
                pieces += 1
                yield self._taker.columns()
        if not self._played.good and self._played.bad_lines:
            raise UsageError(f"this is no capture: {self._played.bad_lines[0]}")
        if len(self._taker) or not pieces:
            yield self._taker.columns()
