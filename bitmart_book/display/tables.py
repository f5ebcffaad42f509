"""Tables for other libraries: `to_pandas`, `to_polars`, `to_arrow`.

Each takes values that were read (quotes, trades, fills, ...) or the name of a capture, of which it
makes the rows that a replay shows. The libraries are needed only by whoever asks for their tables.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bitmart_book.display.columns import Column, columns_of
from bitmart_book.display.history import History
from bitmart_book.display.libraries import library
from bitmart_book.errors import UsageError

__all__ = ["arrow_table", "pieces", "replay_job", "to_arrow", "to_pandas", "to_polars"]


def to_pandas(values: Any, schema: str | None = None) -> Any:
    """A pandas DataFrame of values, or of a capture.

    values: quotes, trades, fills, orders, levels, or one depth, of one kind; or the path of a
    capture, or several, and then `schema` says what a row is, as `to_arrow` describes it. Prices
    and sizes are floats; `ts_event` (the venue's stamp) and `ts_recv` (the wall clock at receipt)
    are times in UTC; what nothing is known of is missing, and never 0.

    Raises UsageError without pandas, and for what is no table.

    >>> frame = bb.to_pandas("frames.jsonl.gz")  # doctest: +SKIP
    >>> frame.plot(x="ts_recv", y=["bid", "ask"])  # doctest: +SKIP
    """
    pandas = library("pandas", "to_pandas()")
    return pandas.concat(
        [
            pandas.DataFrame({column.name: _of_pandas(pandas, column) for column in columns})
            for columns in _one_vocabulary(pieces(values, schema))
        ],
        ignore_index=True,
    )


def to_polars(values: Any, schema: str | None = None) -> Any:
    """A polars DataFrame of values, or of a capture: see `to_pandas`.

    Raises UsageError without polars, and for what is no table.

    >>> levels = bb.to_polars(book.depth(20))  # doctest: +SKIP
    """
    polars = library("polars", "to_polars()")
    return polars.concat(
        [
            polars.DataFrame([_of_polars(polars, column) for column in columns])
            for columns in _one_vocabulary(pieces(values, schema))
        ]
    )


def to_arrow(values: Any, schema: str | None = None) -> Any:
    """A pyarrow Table of values, or of a capture: see `to_pandas`.

    schema, of captures: "quotes" (a row whenever the best price or size of a book changes),
    "mbp-10" or "mbp-50" (the same of so many levels), "incremental" (a row for each level that
    changes, from which the whole book can be made again), "trades", or "frames" (what arrived).
    In those of books a gap, a lost connection or a line that cannot be read is a row: `state` says
    what became of the book, `reason` why, and `flags` has 4. Trades have such a row for a lost
    connection and for a line that cannot be read, without `state`. Frames have all that arrived,
    events and unreadable lines among it.

    Raises UsageError without pyarrow, for a file that cannot be opened, and for one that is no
    capture. What cannot be read of one is a warning, and a row; the rest is there.

    >>> table = bb.to_arrow("frames.jsonl.gz", "incremental")  # doctest: +SKIP
    """
    pyarrow = library("pyarrow", "to_arrow()")
    return pyarrow.concat_tables(
        [arrow_table(pyarrow, columns) for columns in _one_vocabulary(pieces(values, schema))]
    )


def replay_job(path: str | os.PathLike[str], schema: str = "quotes") -> Any:
    """`to_arrow` of one capture: a plain function that can be pickled, for one job a file.

    >>> from concurrent.futures import ProcessPoolExecutor  # doctest: +SKIP
    >>> with ProcessPoolExecutor() as pool:  # doctest: +SKIP
    ...     tables = list(pool.map(bb.replay_job, paths))
    """
    return to_arrow(path, schema)


def pieces(values: Any, schema: str | None) -> Iterator[list[Column]]:
    """The columns of values, or of captures piece by piece."""
    if not _are_paths(values):
        if schema is not None:
            raise UsageError("schema= is for captures: what values are they say themselves")
        yield columns_of(values)
        return
    history = History(values, "quotes" if schema is None else schema)
    yield from history.columns()
    for problem in history.problems:
        warnings.warn(f"skipped {problem}", UserWarning, stacklevel=3)


def _are_paths(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return bool(values) and all(isinstance(one, (str, os.PathLike)) for one in values)
    return isinstance(values, (str, os.PathLike))


def _one_vocabulary(pieces: Iterable[list[Column]]) -> list[list[Column]]:
    """All pieces, whose words are those of the last one: numbered alike, or it would be another
    piece of another table."""
    found = list(pieces)
    for place in range(len(found[0])):
        words: dict[str, int] = {}
        for columns in found:
            words.update((word, len(words)) for word in columns[place].words if word not in words)
        for columns in found:
            column = columns[place]
            if column.kind == "word":
                numbers = np.array([*(words[word] for word in column.words), -1], dtype=np.int32)
                columns[place] = column._replace(values=numbers[column.values], words=tuple(words))
    return found


# --- one column for each of them ---


def _of_pandas(pandas: Any, column: Column) -> Any:
    if column.kind == "time":
        return pandas.DatetimeIndex(column.values.view("M8[ns]"), tz="UTC")
    if column.kind == "word":
        return pandas.Categorical.from_codes(column.values, categories=list(column.words))
    missing = column.missing
    if column.kind == "truth":
        return pandas.arrays.BooleanArray(column.values > 0, missing)
    if column.kind == "count":
        return pandas.arrays.IntegerArray(column.values.astype(np.int64), missing)
    return column.values


def _of_polars(polars: Any, column: Column) -> Any:
    if column.kind == "text":
        return polars.Series(column.name, column.values, dtype=polars.String)
    if column.kind == "word":
        words = polars.Series(column.name, list(column.words), dtype=polars.String)
        places = polars.Series(column.values).set(polars.Series(column.missing), None)
        return words.gather(places).cast(polars.Categorical)
    series = polars.Series(column.name, column.values)
    if column.kind == "truth":
        series = series > 0
    series = series.set(polars.Series(column.missing), None)
    if column.kind == "time":
        return series.cast(polars.Datetime("ns", "UTC"))
    return series


def arrow_table(pyarrow: Any, columns: list[Column]) -> Any:
    """A pyarrow Table of columns."""
    return pyarrow.table({column.name: _of_arrow(pyarrow, column) for column in columns})


def _of_arrow(pyarrow: Any, column: Column) -> Any:
    if column.kind == "text":
        return pyarrow.array(column.values, pyarrow.string())
    mask = column.missing
    if column.kind == "word":
        places = pyarrow.array(column.values, mask=mask)
        words = pyarrow.array(list(column.words), pyarrow.string())
        return pyarrow.DictionaryArray.from_arrays(places, words)
    if column.kind == "time":
        return pyarrow.array(column.values, mask=mask).cast(pyarrow.timestamp("ns", "UTC"))
    if column.kind == "truth":
        return pyarrow.array(column.values > 0, mask=mask)
    return pyarrow.array(column.values, mask=mask)
