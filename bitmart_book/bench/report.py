"""A run from its beginning to its report, as text and as JSON."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import bitmart_book as bb
from bitmart_book.bench import callgrind, peers
from bitmart_book.bench.callgrind import Count
from bitmart_book.bench.stages import FULL, STAGES, Plan, Stage
from bitmart_book.bench.targets import Figure, figures

__all__ = ["Report", "lines", "machine", "run", "versions"]

# Why a stage has nothing to run with, or to measure.
REASONS = {
    "real": "no recorded streams at hand: --real FOLDER names them",
    "memory": "this system does not say how much memory a process has",
}
LIBRARIES = ("msgspec", "numpy", "sortedcontainers", "websockets")


class Report(NamedTuple):
    """Everything that came out of one run."""

    plan: Plan
    stages: list[Stage]
    counts: list[Count]
    not_run: dict[str, str]
    """Stage: why."""

    @property
    def quick(self) -> bool:
        """Whether so little ran that no figure can be said to be reached or missed."""
        return self.plan.scale.frames < FULL.frames

    @property
    def figures(self) -> list[Figure]:
        return list(figures(self.stages))

    def as_json(self) -> dict[str, Any]:
        """Times in seconds a frame or call."""
        return {
            "machine": machine(),
            "versions": versions(self.plan.peers),
            "missing_peers": _missing(),
            "seed": self.plan.seed,
            "scale": self.plan.scale._asdict(),
            "quick": self.quick,
            "figures": [
                {
                    "stage": one.target.stage,
                    "figure": one.target.what,
                    "target": str(one.target),
                    "measured": one.measured,
                    "passed": None if self.quick else one.passed,
                }
                for one in self.figures
            ],
            "stages": [
                {
                    "stage": stage.key,
                    "title": stage.title,
                    "facts": stage.facts,
                    "values": stage.values,
                    "times": [one._asdict() | {"ratio": ratio} for one, ratio in _ratios(stage)],
                }
                for stage in self.stages
            ],
            "instructions": [one._asdict() for one in self.counts],
            "not_run": self.not_run,
        }


def run(
    plan: Plan,
    keys: Sequence[str],
    *,
    instructions: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run those stages. `progress` hears what comes next.

    Raises Disagreement where a contender ends with another book than it should.
    """
    stages, not_run = [], {}
    for number, key in enumerate(keys, 1):
        progress(f"{number} of {len(keys)}: {key}")
        stage = STAGES[key](plan)
        if stage is None:
            not_run[key] = REASONS[key]
        else:
            stages.append(stage)
    counts = []
    if instructions:
        for task in callgrind.TASKS:
            progress(f"counting instructions: {task}")
            counts.append(callgrind.count(task))
    return Report(plan, stages, counts, not_run)


# --- as text ---


def lines(report: dict[str, Any]) -> Iterator[str]:
    """The report, out of its JSON form."""
    here = report["machine"]
    yield f"{here['python']}, {here['system']}, {here['processors']} x {here['processor']}"
    yield ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    for stage in report["stages"]:
        yield ""
        facts = ", ".join(
            f"{value:,} {name}" if isinstance(value, int | float) else f"{name}: {_names(value)}"
            for name, value in stage["facts"].items()
        )
        yield stage["title"] + (f" ({facts})" if facts else "")
        if stage["times"]:
            yield f"  {'':42}{'least':>11}{'median':>11}{'ratio':>8}"
        for one in stage["times"]:
            yield (
                f"  {one['name']:42}{_time(one['min']):>11}{_time(one['median']):>11}"
                f"{one['ratio']:>7.2f}x"
            )
        for name, value in stage["values"].items():
            yield f"  {name:62} {value:,.4g}" if value < 1_000 else f"  {name:62} {value:,.0f}"
    if report["instructions"]:
        yield ""
        yield "instructions a frame or call, and where most of them are"
        for count in report["instructions"]:
            yield f"  {count['task']:42}{count['instructions']:>11,.0f}"
            for name, cost in list(count["functions"].items())[:6]:
                yield f"    {name[-52:]:52}{cost:>11,.0f}"
    yield ""
    yield from _table(report)
    if report["quick"]:
        yield "quick: what was measured is no measurement, only a sign that all works"
    for stage, why in report["not_run"].items():
        yield f"not run: {stage} ({why})"
    if report["missing_peers"]:
        yield "not here: " + ", ".join(report["missing_peers"])
        yield "to have them: pip install " + " ".join(
            f"'{how}'" for how in report["missing_peers"].values()
        )


def _table(report: dict[str, Any]) -> Iterator[str]:
    if not report["figures"]:
        return
    width = max(len(one["figure"]) for one in report["figures"])
    yield f"{'figure':{width}}  {'target':>11}  {'measured':>9}  passed"
    for one in report["figures"]:
        measured = "-" if one["measured"] is None else f"{one['measured']:.3g}"
        passed = {True: "yes", False: "NO", None: "not said"}[one["passed"]]
        yield f"{one['figure']:{width}}  {one['target']:>11}  {measured:>9}  {passed}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e9:.1f} ns" if seconds < 1e-6 else f"{seconds * 1e6:.2f} us"


def _names(value: Any) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in value.items())


def _ratios(stage: Stage) -> Iterator[tuple[Any, float]]:
    for one in stage.timings:
        yield one, one.min / stage.timings[0].min


# --- where it ran ---


def machine() -> dict[str, Any]:
    """What the numbers depend on beside the code."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
        processor = names[0] if names else processor
    except OSError:
        pass
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": platform.python_compiler(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor,
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def versions(here: Sequence[str]) -> dict[str, str]:
    """Of the package, of what it uses, and of the peers that ran."""
    found = {"bitmart_book": bb.__version__}
    for name in (*LIBRARIES, *here):
        found[name] = importlib.metadata.version(name)
    return found


def _missing() -> dict[str, str]:
    return {name: f"{name}=={peers.PINNED[name][0]}" for name in peers.missing()}
