"""The little language in which faults are asked for, like `gap@120 freeze:3s dup%30`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from bitmart_book.errors import UsageError

__all__ = ["Word", "words_of"]

ALL_PER_MINUTE = 22.0


class Word(NamedTuple):
    """One word of a specification."""

    name: str
    when: float | None = None
    seconds: float | None = None
    per_minute: float | None = None
    symbol: str | None = None


# A symbol may have a slash in it, and a market before it, as in "gap/kraken:BTC/USD@3".
_SYMBOL = r"/(?:[a-z][a-z-]*:)?[^@:%]+"
_WORD = re.compile(rf"([a-z]+)((?:[@:%][^@:%/]+|{_SYMBOL})*)")
_SUFFIX = re.compile(rf"([@:%])([^@:%/]+)|({_SYMBOL})")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, None: 1.0}


def words_of(spec: str, shares: Mapping[str, float]) -> list[Word]:
    """The words of a specification, like "gap@120 freeze:3s dup%30 mute/BTC_USDT".

    A word is a name and, in any order, `@TIME` (once, then), `:TIME` (how long it lasts), `%N` (so
    many a minute on average) and `/SYMBOL`. A time is "120", "3s", "500ms" or "2m". `shares` has
    the weight of each kind in "all", which is 22 a minute together; "all%60" is so many. UsageError
    for any other word.
    """
    words = []
    for text in spec.split():
        match = _WORD.fullmatch(text)
        name = match[1] if match else ""
        if match is None or (name != "all" and name not in shares):
            raise UsageError(f"no fault {text!r}; there is: all {' '.join(sorted(shares))}")
        found = _SUFFIX.findall(match[2])
        values = {sign or "/": value or symbol[1:] for sign, value, symbol in found}
        if len(values) < len(found):
            raise UsageError(f"fault {text!r} says one thing twice")
        word = Word(
            name,
            when=_seconds(text, values.get("@")),
            seconds=_seconds(text, values.get(":")),
            per_minute=_number(text, values.get("%")),
            symbol=values.get("/"),
        )
        words += _every(word, shares, text) if name == "all" else [word]
    return words


def _every(word: Word, shares: Mapping[str, float], text: str) -> list[Word]:
    if word.when is not None or word.seconds is not None:
        raise UsageError(f"fault {text!r}: all takes only % and /")
    total = sum(shares.values())
    per_minute = ALL_PER_MINUTE if word.per_minute is None else word.per_minute
    return [
        Word(name, per_minute=per_minute * share / total, symbol=word.symbol)
        for name, share in shares.items()
        if share
    ]


def _seconds(text: str, value: str | None) -> float | None:
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    if match is None:
        raise UsageError(f"fault {text!r}: a time is like 120, 3s, 500ms or 2m, was {value!r}")
    return float(match[1]) * _UNITS[match[2]]


def _number(text: str, value: str | None) -> float | None:
    try:
        number = None if value is None else float(value)
    except ValueError:
        number = -1.0
    if number is not None and not 0 < number < math.inf:
        raise UsageError(f"fault {text!r}: % takes a number of times a minute, was {value!r}")
    return number
