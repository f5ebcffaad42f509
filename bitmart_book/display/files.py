"""Captures into files that other programs read: Parquet, Arrow, CSV. Piece by piece, so that a day
takes no more memory than a minute."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Protocol

from bitmart_book.display.columns import Column
from bitmart_book.display.history import History, Paths
from bitmart_book.display.libraries import library
from bitmart_book.display.tables import arrow_table
from bitmart_book.errors import UsageError
from bitmart_book.wire.capture import open_new

__all__ = ["FORMATS", "export", "format_of"]


class _Writer(Protocol):
    def write(self, columns: list[Column]) -> None: ...

    def close(self) -> None: ...


def export(
    paths: Paths,
    out: str,
    *,
    schema: str,
    venue: Any = None,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, list[str]]:
    """Write captures, one after the other, into one file, and its owner's alone.

    out: a name that ends with .parquet, .arrow or .csv. force: overwrite one that is there.
    progress: called with (bytes read, bytes in all) of a capture. Returns how many rows there are,
    and sentences about what could not be read; the rest is in the file. UsageError where nothing
    could be, or for a file that cannot be written: then there is none.
    """
    kind = FORMATS[format_of(out)]
    history = History(paths, schema, venue=venue, progress=progress)
    if kind is not _Csv:
        library("pyarrow", f"a {format_of(out)} file")
    if force:
        _remove(out)
    rows = 0
    file = open_new(out)
    try:
        with file:
            writer: _Writer | None = None
            for columns in history.columns():
                writer = writer or kind(file, columns)
                writer.write(columns)
                rows += len(columns[0].values)
            if writer is not None:
                writer.close()
    except BaseException:
        # Half a file looks like a whole one.
        _remove(out)
        raise
    return rows, history.problems


def _remove(out: str) -> None:
    with suppress(OSError):
        os.unlink(out)


def format_of(out: str) -> str:
    """How the name of a file ends. UsageError for an ending that is none of ours."""
    for ending in FORMATS:
        if out.endswith(ending):
            return ending
    raise UsageError(f"{out}: the name of a file must end with {', '.join(FORMATS)}")


class _Parquet:
    """A row group for each piece."""

    def __init__(self, file: IO[bytes], columns: list[Column]) -> None:
        self._pyarrow = library("pyarrow", "a Parquet file")
        parquet = library("pyarrow.parquet", "a Parquet file")
        self._schema = arrow_table(self._pyarrow, columns).schema
        # Prices come again and again, sizes hardly ever: a dictionary of them costs four tenths of
        # the writing and saves a twentieth of the file.
        again = [column.name for column in columns if not _is_size(column.name)]
        self._writer = parquet.ParquetWriter(
            file, self._schema, compression="snappy", use_dictionary=again
        )

    def write(self, columns: list[Column]) -> None:
        self._writer.write_table(arrow_table(self._pyarrow, columns))

    def close(self) -> None:
        self._writer.close()


def _is_size(name: str) -> bool:
    return name == "size" or name.startswith(("bid_sz", "ask_sz"))


class _Arrow:
    """A record batch for each piece. Its words are written out: a file of Arrow's has one
    vocabulary, and here it grows."""

    def __init__(self, file: IO[bytes], columns: list[Column]) -> None:
        self._pyarrow = library("pyarrow", "an Arrow file")
        self._writer = self._pyarrow.ipc.new_file(file, self._table(columns).schema)

    def _table(self, columns: list[Column]) -> Any:
        plain = [
            Column(column.name, "text", column.listed()) if column.kind == "word" else column
            for column in columns
        ]
        return arrow_table(self._pyarrow, plain)

    def write(self, columns: list[Column]) -> None:
        self._writer.write_table(self._table(columns))

    def close(self) -> None:
        self._writer.close()


class _Csv:
    """A line for each row; times are nanoseconds since 1970, what nothing is known of is empty, and
    a float is written with as many digits as it takes to be the same float again."""

    def __init__(self, file: IO[bytes], columns: list[Column]) -> None:
        self._text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        self._rows = csv.writer(self._text, lineterminator="\n")
        self._rows.writerow([column.name for column in columns])

    def write(self, columns: list[Column]) -> None:
        self._rows.writerows(zip(*(column.listed() for column in columns), strict=True))

    def close(self) -> None:
        self._text.flush()
        self._text.detach()


FORMATS: dict[str, Callable[[IO[bytes], list[Column]], _Writer]] = {
    ".parquet": _Parquet,
    ".arrow": _Arrow,
    ".csv": _Csv,
}
"""By how the name of a file ends."""
