"""The figures that the project sets itself, and whether a run reached them.

A figure is a ratio or a size, so that it means the same on another machine. Nothing fails when one
is missed: it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bitmart_book.bench import stages
from bitmart_book.bench.reads import EMPTY
from bitmart_book.bench.stages import OURS, Stage

__all__ = ["TARGETS", "Figure", "Target", "figures"]

Measure = Callable[[Stage], float | None]


class Target(NamedTuple):
    """What should come out of a stage: at least `limit`, or at most."""

    stage: str
    what: str
    at_least: bool
    limit: float
    unit: str
    measure: Measure

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}{self.unit}"


class Figure(NamedTuple):
    """A target and what was measured; None where that could not run."""

    target: Target
    measured: float | None

    @property
    def passed(self) -> bool | None:
        if self.measured is None:
            return None
        if self.target.at_least:
            return self.measured >= self.target.limit
        return self.measured <= self.target.limit


def figures(found: Iterable[Stage]) -> Iterator[Figure]:
    """Every target of the stages that ran."""
    by_key = {stage.key: stage for stage in found}
    for target in TARGETS:
        if target.stage in by_key:
            yield Figure(target, target.measure(by_key[target.stage]))


def _ratio(over: str, under: str) -> Measure:
    def measure(stage: Stage) -> float | None:
        numerator, denominator = stage.least(over), stage.least(under)
        if numerator is None or denominator is None:
            return None
        return numerator / denominator

    return measure


def _fastest_other(under: str = OURS) -> Measure:
    """How many times longer than `under` the fastest takes that is not this project's."""

    def measure(stage: Stage) -> float | None:
        others = [one.min for one in stage.timings if not _is_ours(one.name)]
        mine = stage.least(under)
        return min(others) / mine if others and mine is not None else None

    return measure


def _is_ours(name: str) -> bool:
    return name.startswith((OURS, "depth(", "nothing but", "an empty"))


def _value(name: str) -> Measure:
    return lambda stage: next((value for key, value in stage.values.items() if name in key), None)


def _beside(peer: str) -> Measure:
    return _ratio(peer, OURS)


TARGETS = (
    Target("frames", "bytes to best price, beside orjson + order-book; 20x is the aim",
           True, 16, "x", _beside(stages.ORJSON_BOOK)),
    Target("frames", "bytes to best price, beside the best of the kept libraries",
           True, 12, "x", _fastest_other()),
    Target("frames", "bytes to best price, beside ccxt's own handler",
           True, 45, "x", _beside(stages.CCXT_HANDLER)),
    Target("real", "recorded changes, beside orjson + order-book",
           True, 14, "x", _beside(stages.ORJSON_BOOK)),
    Target("full", "views of 50 + 50 levels, beside orjson + order-book",
           True, 22, "x", _beside(stages.ORJSON_BOOK)),
    Target("many", "symbols in turn, beside orjson + order-book",
           True, 15, "x", _beside(stages.ORJSON_BOOK)),
    Target("many", "symbols in turn, beside one symbol",
           False, 1.5, "x", _ratio(OURS, stages.ONE_SYMBOL)),
    Target("deep", "5,000 levels a side, beside orjson + order-book",
           True, 10, "x", _beside(stages.ORJSON_BOOK)),
    Target("deep", "cost of a level at 5,000 levels a side, beside 100",
           False, 2, "x", _value(stages.DEEP_LEVEL)),
    Target("deep", "cost of a level at 49,000 levels a side, beside 100",
           False, 3, "x", _value(stages.DEEPEST_LEVEL)),
    Target("futures", "levels as objects, beside orjson + order-book",
           True, 17, "x", _beside(stages.ORJSON_BOOK)),
    Target("rows", "rows of Python strings, beside the fastest other book",
           True, 3, "x", _fastest_other()),
    Target("arrays", "float arrays, beside the fastest other book",
           True, 6, "x", _fastest_other()),
    Target("top", "best_bid_price, beside an empty getter",
           False, 2, "x", _ratio("best_bid_price", EMPTY)),
    Target("top", "best_bid, beside an empty getter",
           False, 3, "x", _ratio("best_bid", EMPTY)),
    Target("top", "quote, beside an empty getter",
           False, 5, "x", _ratio("quote", EMPTY)),
    Target("top", "best_bid_price over book sizes and uptime, slowest / fastest",
           False, 1.15, "x", _value(f"best_bid_price: {stages.FLAT}")),
    Target("top", "best_bid over book sizes and uptime, slowest / fastest",
           False, 1.15, "x", _value(f"best_bid: {stages.FLAT}")),
    Target("top", "quote over book sizes and uptime, slowest / fastest",
           False, 1.15, "x", _value(f"quote: {stages.FLAT}")),
    Target("part", "sweep(size=2) over book sizes, slowest / fastest",
           False, 3, "x", _value(f"sweep(size=2): {stages.OVER_SIZES}")),
    Target("part", "depth(5, exact=True) over book sizes, slowest / fastest",
           False, 3, "x", _value(f"depth(5, exact=True): {stages.OVER_SIZES}")),
    Target("part", "grouped(n=5) over book sizes, slowest / fastest",
           False, 3, "x", _value(f"grouped(n=5): {stages.OVER_SIZES}")),
    Target("depth", "depth(20, out=...), beside the fastest other",
           True, 20, "x", _fastest_other("depth(20, out=...)")),
    Target("depth", "depth(20), beside the fastest other",
           True, 6, "x", _fastest_other("depth(20)")),
    Target("websocket", "received and applied, beside received alone",
           False, 1.25, "x", _ratio(OURS, stages.NOTHING)),
    Target("compressed", "inflated and applied, beside inflated alone",
           False, 1.25, "x", _ratio(OURS, stages.INFLATE)),
    Target("memory", "a book of 100 levels a side",
           False, 12, " KiB", _value("KiB a book")),
    Target("memory", "2,000 books, over the bare import",
           False, 40, " MiB", _value("books over the import")),
    Target("memory", "growth over 10 million frames",
           False, 0, " KiB", _value("KiB grown")),
    Target("import", "import bitmart_book",
           False, 0.12, " s", _value("import bitmart_book")),
)  # fmt: skip
