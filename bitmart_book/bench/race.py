"""Contenders over the same input in turn: books compared first, times second.

Knows neither exchanges nor books; the clock is here. It counts the processor time of the thread:
what else the machine is busy with would lengthen a long pass more surely than a short one, and so
flatter whoever is quick.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import bitmart_book as bb

__all__ = ["Case", "Disagreement", "Entry", "Sides", "Timing", "Top", "Work", "compare", "race"]

# Best bid and ask; and all levels of both sides as (price, size), best first. A contender has them
# as its attribute `top` and its method `sides()`, the latter by symbol.
Top = tuple[float | None, float | None]
Sides = tuple[list[tuple[float, float]], list[tuple[float, float]]]
Work = Callable[[Any, Iterable[Any]], None]


class Disagreement(bb.BitmartBookError):
    """A contender's book is not the one it should be: no number is worth printing."""


class Case(NamedTuple):
    """The input: `before` brings the books up and is not timed, then `frames`.

    `reference` is who knows the right answer, made anew by a call, and `by` its work. `feed` makes
    of the frames what the loops iterate over, and is timed.
    """

    before: Sequence[Any]
    frames: Sequence[Any]
    reference: Callable[[], Any]
    by: Work
    feed: Callable[[Sequence[Any]], Iterable[Any]] = iter


class Entry(NamedTuple):
    """Who runs, and what: `work(contender, frames)` with a contender fresh from `make()`.

    `has_book` is False for what is only timed beside the others, like inflating and no more.
    """

    name: str
    make: Callable[[], Any]
    work: Work
    case: Case
    has_book: bool = True


class Timing(NamedTuple):
    """Seconds of processor time a frame or call, over the passes."""

    name: str
    min: float
    median: float


def race(entries: Sequence[Entry], *, passes: int, checked: int) -> list[Timing]:
    """Time every entry, in turn, `passes` times, each after a run to warm up.

    Before, each goes through the first `checked` frames one by one and must name the same best
    prices as the reference after every one; after every pass all levels are compared. Garbage is
    collected between the passes and not within, in favour of whoever makes objects.

    Raises Disagreement.
    """
    answers = {id(entry.case): _answer(entry.case, checked) for entry in entries}
    for entry in entries:
        if entry.has_book:
            _follow(entry, answers[id(entry.case)].tops)
    times: list[list[float]] = [[] for _ in entries]
    # What was there before, imported libraries above all, is not looked through again and again.
    gc.collect()
    gc.freeze()
    for _ in range(passes):
        for entry, mine in zip(entries, times, strict=True):
            contender, took = _pass(entry)
            if entry.has_book:
                compare(entry.name, contender.sides(), answers[id(entry.case)].sides)
            mine.append(took / len(entry.case.frames))
    return [
        Timing(entry.name, min(mine), statistics.median(mine))
        for entry, mine in zip(entries, times, strict=True)
    ]


def _pass(entry: Entry) -> tuple[Any, float]:
    """One untimed run and then one that counts, as in a process that does nothing else: nobody pays
    for what the contender before him has driven from the processor's caches."""
    _run(entry)
    return _run(entry)


def _run(entry: Entry) -> tuple[Any, float]:
    case, contender = entry.case, entry.make()
    entry.work(contender, case.feed(case.before))
    gc.collect()
    gc.disable()
    try:
        start = time.thread_time()
        entry.work(contender, case.feed(case.frames))
        return contender, time.thread_time() - start
    finally:
        gc.enable()


def compare(name: str, found: dict[str, Sides], expected: dict[str, Sides]) -> None:
    """Raise Disagreement at the first level that differs."""
    if found == expected:
        return
    if set(found) != set(expected):
        raise Disagreement(f"{name} has other books than it should: {set(found) ^ set(expected)}")
    for symbol, sides in expected.items():
        for side, mine, right in zip(("bid", "ask"), found[symbol], sides, strict=True):
            for rank in range(max(len(mine), len(right))):
                if mine[rank : rank + 1] != right[rank : rank + 1]:
                    raise Disagreement(
                        f"{name} is wrong about {symbol}: {side} {rank} should be "
                        f"{right[rank : rank + 1]}, was {mine[rank : rank + 1]}"
                    )


class _Answer(NamedTuple):
    sides: dict[str, Sides]
    tops: list[Top]


def _answer(case: Case, checked: int) -> _Answer:
    contender = case.reference()
    case.by(contender, case.feed(case.before))
    tops = list(_steps(case, contender, case.by, checked))
    case.by(contender, case.feed(case.frames[checked:]))
    return _Answer(contender.sides(), tops)


def _follow(entry: Entry, tops: Sequence[Top]) -> None:
    contender = entry.make()
    entry.work(contender, entry.case.feed(entry.case.before))
    steps = _steps(entry.case, contender, entry.work, len(tops))
    for number, (found, right) in enumerate(zip(steps, tops, strict=True)):
        if found != right:
            raise Disagreement(
                f"{entry.name} is wrong after frame {number}: the best prices should be {right}, "
                f"were {found}"
            )


def _steps(case: Case, contender: Any, work: Work, count: int) -> Iterator[Top]:
    for frame in case.frames[:count]:
        work(contender, case.feed([frame]))
        yield contender.top
