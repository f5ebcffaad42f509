"""Reads the values of a push: numbers, times, names. It knows no channel and no name of the wire.

The functions raise only TypeError and ValueError. null, "" and "-" are what the venue writes where
there is nothing; numbers and ids come as text and as JSON numbers, which one depends on the
channel. `each` reads the rows of a push one by one, so that a bad one costs no other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeVar

from bitmart_book.errors import printable
from bitmart_book.model import Trade

__all__ = [
    "UNREADABLE",
    "Decoded",
    "Fields",
    "Row",
    "Unread",
    "each",
    "coded",
    "identity",
    "identity_or_none",
    "is_there_already",
    "number",
    "number_or_none",
    "oldest_first",
    "rfc3339",
    "rows",
    "signed_or_none",
    "taker_side",
    "text",
    "time_or_none",
    "whole",
    "whole_or_none",
    "word",
]

T = TypeVar("T")

UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a decoder raises of a push that is not of the documented shape."""

# Narrower than what `Decimal` takes (NaN, underscores, other scripts' digits); an exponent of more
# digits would let thirty bytes make a number of gigabytes. Digits can be divided between the parts
# in one way only, because trying them all takes seconds for a text of twenty kilobytes.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# The same bound as for the numbers of a book.
_LONGEST_NUMBER = 64
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NOTHING = (None, "", "-")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
            short = printable(name[:_LONGEST_NAME])
            if short not in self.unknown and len(self.unknown) >= _MOST_NAMES:
                short = "(others)"
            self.unknown[short] += 1


class Unread(NamedTuple):
    """Something of a push that could not be read."""

    reason: str
    key: str | None = None
    """The symbol or currency that its row names."""
    value: Any = None
    """What was made of the rest of its row, if anything."""


class Decoded(NamedTuple):
    """The values of a push, oldest first, and what of it could not be read."""

    values: list[Any]
    unread: list[Unread]


class Row:
    """One object of a push. Its readers say which field it was that could not be read.

    `key` is what the row is about, a symbol or a currency, for whoever has to know what is missing.
    `unread` says what was left out of the value that was made of it.
    """

    __slots__ = ("_row", "key", "unread")

    def __init__(self, fields: Fields, row: object, key: str | None = None) -> None:
        if not isinstance(row, dict):
            raise TypeError(f"expected an object, was {str(row)[:80]!r}")
        fields.see(row)
        self._row: dict[str, Any] = row
        self.key = key
        self.unread: list[str] = []

    @property
    def whole(self) -> Mapping[str, Any]:
        """The object as it came."""
        return self._row

    def __contains__(self, key: str) -> bool:
        return key in self._row

    def get(self, key: str) -> Any:
        """The field as it came; None where it is missing."""
        return self._row.get(key)

    def need(self, key: str, read: Callable[[object], T]) -> T:
        """A field without which there is no value."""
        try:
            return read(self._row[key])
        except KeyError:
            raise ValueError(f"{key} is missing") from None
        except UNREADABLE as error:
            raise ValueError(f"{key}: {error}") from None

    def take(self, key: str, read: Callable[[object], T]) -> T:
        """A field that may be missing; without a meaning for what is there, there is no value."""
        try:
            return read(self._row.get(key))
        except UNREADABLE as error:
            raise ValueError(f"{key}: {error}") from None

    def told(self, key: str, read: Callable[[object], T]) -> T | None:
        """A field that others count with: where it cannot be read it is None, and that is noted."""
        try:
            return self.take(key, read)
        except ValueError as error:
            self.unread.append(str(error))
            return None

    def maybe(self, key: str, read: Callable[[object], T]) -> T | None:
        """A field that may as well be None, where it is missing or cannot be read."""
        try:
            return read(self._row.get(key))
        except UNREADABLE:
            return None


def each(
    fields: Fields, read: Callable[[Row], Any], data: object, key: str | None = None
) -> Decoded:
    """The objects of a list, or the only one, each read by itself. `read` makes a value of one, or
    what is `Decoded` of several. `key`: what all of them are about, if that is known."""
    values: list[Any] = []
    unread: list[Unread] = []
    for one in rows(data):
        row = found = None
        try:
            row = Row(fields, one, key)
            found = read(row)
            if isinstance(found, Decoded):
                values += found.values
                unread += found.unread
            else:
                values.append(found)
        except UNREADABLE as error:
            unread.append(Unread(f"{fields.where}: {error}", key if row is None else row.key))
        if row is not None:
            unread += [Unread(f"{fields.where}: {why}", row.key, found) for why in row.unread]
    return Decoded(values, unread)


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


def signed_or_none(value: object) -> Decimal | None:
    """Like `number_or_none`, also below zero."""
    return number_or_none(value, signed=True)


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


def rfc3339(value: object) -> int:
    """A stamp that is a text in UTC, like 2026-08-16T23:37:03.745044Z, in milliseconds."""
    stamp = datetime.fromisoformat(text(value))
    if stamp.tzinfo is None:
        raise ValueError(f"a stamp without a zone: {str(value)[:80]!r}")
    return (stamp - _EPOCH) // timedelta(milliseconds=1)


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


def is_there_already(words: str) -> bool:
    """Whether an error says that what was asked for is there: an acknowledgement was lost, and the
    topic asked for again. No venue's topic is refused by that; its profile makes it an "ack"."""
    return "already subscribed" in words.lower()


def coded(value: object, names: Mapping[str, str]) -> str | None:
    """A word of an enumeration by our name for it; one that is not known stays as it came."""
    found = word(value)
    return None if found is None else names.get(found.lower(), found)


def rows(value: Any) -> list[Any]:
    """What a list holds, or the only one; null and "" stand for an empty list."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def taker_side(value: object) -> Literal["buy", "sell"]:
    """The side of whoever took a price, as a word."""
    if value == "buy":
        return "buy"
    if value == "sell":
        return "sell"
    raise ValueError(f"side must be buy or sell, was {str(value)[:80]!r}")


def oldest_first(found: Decoded) -> Decoded:
    """Trades by time; those of the same millisecond stay as they are, and all if one has no
    stamp."""
    trades: list[Trade] = found.values
    if len(trades) < 2:
        return found
    stamps = [trade.time_ms for trade in trades if trade.time_ms is not None]
    if len(stamps) < len(trades):
        return found
    return found._replace(values=sorted(trades, key=lambda trade: trade.time_ms or 0))
