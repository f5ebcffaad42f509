"""Reads the values of a push: numbers, times, names. It knows no channel and no name of the wire.

All raise only TypeError and ValueError. null, "" and "-" are what the venue writes where there is
nothing; numbers and ids come as text and as JSON numbers, which one depends on the channel.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bitmart_book.model import Trade

__all__ = [
    "Fields",
    "coded",
    "identity",
    "identity_or_none",
    "number",
    "number_or_none",
    "oldest_first",
    "rows",
    "text",
    "time_or_none",
    "whole",
    "whole_or_none",
    "word",
]

# Narrower than what `Decimal` takes (NaN, underscores, other scripts' digits); an exponent of more
# digits would let thirty bytes make a number of gigabytes. Digits can be divided between the parts
# in one way only, because trying them all takes seconds for a text of twenty kilobytes.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# The same bound as for the numbers of a book.
_LONGEST_NUMBER = 64
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NOTHING = (None, "", "-")
# The names come from outside: a server that invents them must not fill the memory.
_MOST_NAMES = 100
_LONGEST_NAME = 64


class Fields:
    """The documented keys of one kind of object, and a count of those that are not documented.

    `unknown` counts by name, for the whole process: a decoder is shared by all feeds in it.
    """

    __slots__ = ("_names", "unknown", "where")

    def __init__(self, where: str, names: str) -> None:
        self.where = where
        self._names = frozenset(names.split())
        self.unknown: Counter[str] = Counter()

    def see(self, row: Mapping[str, Any]) -> None:
        """Count the keys of a row that nobody documented."""
        if row.keys() <= self._names:
            return
        for name in row.keys() - self._names:
            short = name[:_LONGEST_NAME]
            if short not in self.unknown and len(self.unknown) >= _MOST_NAMES:
                short = "(others)"
            self.unknown[short] += 1


def number(value: object, *, signed: bool = False) -> Decimal:
    """The exact value of a JSON text or number. (A bare fraction arrives as a str: its text.)"""
    if isinstance(value, str) and (len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value)):
        raise ValueError(f"expected a number, was {value[:80]!r}")
    exact = Decimal(value if isinstance(value, str) else whole(value))
    if exact < 0 and not signed:
        raise ValueError(f"expected a number that is not negative, was {value!r}")
    return exact


def number_or_none(value: object, *, signed: bool = False) -> Decimal | None:
    """Like `number`; None where there is none."""
    return None if value in _NOTHING else number(value, signed=signed)


def whole(value: object) -> int:
    """An integer that is a JSON number or its text: a stamp, an id."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected an integer, was {str(value)[:80]!r}")
    return value


def whole_or_none(value: object) -> int | None:
    """Like `whole`; None where there is none."""
    return None if value in _NOTHING else whole(value)


def time_or_none(value: object) -> int | None:
    """A stamp; the venue writes 0 where nothing has happened yet."""
    return whole_or_none(value) or None


def text(value: object) -> str:
    """A name. Exactly a str: a bare number, whose class is another, names nothing."""
    if type(value) is not str or not value:
        raise TypeError(f"expected a name, was {str(value)[:80]!r}")
    return value


def identity(value: object) -> str:
    """An id, as text, whether it came as text or as a number."""
    return str(whole(value)) if isinstance(value, int) else text(value)


def identity_or_none(value: object) -> str | None:
    """Like `identity`; None where there is none, which some channels write as 0."""
    return None if value in (*_NOTHING, 0, "0") else identity(value)


def word(value: object) -> str | None:
    """A word of an enumeration, as text; None where there is none."""
    if value in _NOTHING:
        return None
    if isinstance(value, str):
        return value.strip() or None
    return str(whole(value))


def coded(value: object, names: Mapping[str, str]) -> str | None:
    """A word of an enumeration by our name for it; one that is not known stays as it came."""
    found = word(value)
    return None if found is None else names.get(found.lower(), found)


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, or the only one; null and "" stand for an empty list."""
    if value is None or value == "":
        return []
    found: list[dict[str, Any]] = value if isinstance(value, list) else [value]
    for row in found:
        if not isinstance(row, dict):
            raise TypeError(f"expected an object, was {str(row)[:80]!r}")
    return found


def oldest_first(trades: list[Trade]) -> list[Trade]:
    """By time; those of the same millisecond stay as they are, and all if one has no stamp."""
    stamps = [trade.time_ms for trade in trades if trade.time_ms is not None]
    if len(stamps) < len(trades):
        return trades
    return sorted(trades, key=lambda trade: trade.time_ms or 0)
