"""Values as the columns of a table: by name, with one kind each, and with holes where nothing is.

Knows numpy's arrays and no library for tables; `tables` hands columns on to those. Times are
nanoseconds since 1970 here, whatever they were, so that tables of all kinds can be joined:
`ts_event` is the venue's stamp and `ts_recv` the wall clock at receipt, as Databento calls them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bitmart_book._book import Depth, Level, Quote
from bitmart_book.errors import UsageError

__all__ = ["NONE", "Column", "Kind", "column_of", "columns_of"]

Kind = Literal["time", "count", "number", "truth", "word", "text"]
"""time: int64 nanoseconds; count: whole numbers; number: float64; truth: int8, 0 or 1; word: int32,
places among a few words that come again; text: a list of str or None."""

NONE = -(2**63)
"""No time, no count; numpy takes it for no time as well. Of numbers it is NaN, of others -1."""

_TIMES = {"exchange_time_ms": "ts_event", "time_ms": "ts_event", "receive_time_ns": "ts_recv"}
_LARGEST = 2**63 - 1


class Column(NamedTuple):
    """One column."""

    name: str
    kind: Kind
    values: Any
    words: Sequence[str] = ()

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where nothing is."""
        if self.kind == "text":
            found = [value is None for value in self.values]
        elif self.kind == "number":
            found = np.isnan(self.values)
        elif self.kind in ("truth", "word"):
            found = self.values < 0
        else:
            found = self.values == NONE
        return np.asarray(found, dtype=bool)

    def listed(self) -> list[Any]:
        """The values as Python has them, None where nothing is."""
        if self.kind == "text":
            return list(self.values)
        values = self.values.tolist()
        if self.kind == "word":
            values = [self.words[place] if place >= 0 else None for place in values]
        elif self.kind == "truth":
            values = [bool(value) for value in values]
        return [None if gone else value for value, gone in zip(values, self.missing, strict=True)]


def columns_of(values: Iterable[Any]) -> list[Column]:
    """The columns of values of one kind: quotes, trades, fills, orders, levels, mappings, or one
    depth. None at all have no columns. UsageError for what is no table."""
    if isinstance(values, Depth):
        sides = [("bid", *row) for row in _pairs(values.bids)]
        sides += [("ask", *row) for row in _pairs(values.asks)]
        return _by_name([dict(zip(("side", "price", "size"), row, strict=True)) for row in sides])
    try:
        given = list(values)
    except TypeError:
        raise UsageError(
            "a table is made of quotes, trades, fills, orders, levels, mappings or one depth, "
            f"and not of {type(values).__name__}"
        ) from None
    kinds = {type(value) for value in given}
    if len(kinds) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise UsageError(f"a table is of values of one kind, and these are {names}")
    return _by_name([_fields(value) for value in given])


def _pairs(side: Any) -> list[tuple[Any, Any]]:
    return [(price, size) for price, size in side]


def _fields(value: Any) -> Mapping[str, Any]:
    """What a value says, by name."""
    if isinstance(value, Quote):
        return value.to_dict()
    if isinstance(value, Level):
        return {"price": value.price, "size": value.size}
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        # What is exact beside its floats stays where it is: a column of floats has the floats.
        return {name: getattr(value, name) for name in value.__struct_fields__ if name != "exact"}
    raise UsageError(f"there is no table of {type(value).__name__}")


def _by_name(rows: list[Mapping[str, Any]]) -> list[Column]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    columns = [_column(name, [row.get(name) for row in rows]) for name in names]
    # Times come first, as everywhere.
    return sorted(columns, key=lambda column: column.name not in ("ts_event", "ts_recv"))


def _column(name: str, cells: list[Any]) -> Column:
    """A column of whatever its cells are; of what they have not in common it is their text."""
    there = [cell for cell in cells if cell is not None]
    if name.endswith(("_ms", "_ns")) and all(_is_whole(cell) for cell in there):
        unit = 1_000_000 if name.endswith("_ms") else 1
        stamps = [None if cell is None else cell * unit for cell in cells]
        return column_of(_TIMES.get(name, name[:-3]), "time", stamps)
    return column_of(name, _kind_of(there), cells)


def _kind_of(cells: list[Any]) -> Kind:
    if cells and all(isinstance(cell, bool) for cell in cells):
        return "truth"
    if cells and all(_is_whole(cell) for cell in cells):
        return "count"
    if all(isinstance(cell, (int, float, Decimal)) for cell in cells):
        return "number"
    return "word" if all(isinstance(cell, str) for cell in cells) else "text"


def column_of(name: str, kind: Kind, cells: list[Any]) -> Column:
    """A column of that kind; a cell that is None is a hole."""
    if kind == "text":
        return Column(name, kind, [None if cell is None else str(cell) for cell in cells])
    if kind == "word":
        return _words(name, cells)
    if kind == "number":
        numbers = [np.nan if cell is None else float(cell) for cell in cells]
        return Column(name, kind, np.array(numbers, dtype=np.float64))
    if kind == "truth":
        truths = [-1 if cell is None else int(cell) for cell in cells]
        return Column(name, kind, np.array(truths, dtype=np.int8))
    counts = [NONE if cell is None else cell for cell in cells]
    return Column(name, kind, np.array(counts, dtype=np.int64))


def _is_whole(cell: object) -> bool:
    return isinstance(cell, int) and not isinstance(cell, bool) and -_LARGEST <= cell <= _LARGEST


def _words(name: str, cells: list[str | None]) -> Column:
    places: dict[str, int] = {}
    values = np.array(
        [-1 if cell is None else places.setdefault(_plain(cell), len(places)) for cell in cells],
        dtype=np.int32,
    )
    return Column(name, "word", values, tuple(places))


def _plain(word: str) -> str:
    return str(word.value) if isinstance(word, Enum) else word
