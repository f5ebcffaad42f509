"""The picture of docs/performance.md: time from bytes to best price, and the ratio in every stage.

Plain SVG, on a ground of its own, so that it is readable on a light page and on a dark one.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

__all__ = ["svg"]

WIDTH, LABEL, BAR_END = 860, 300, 700
ROW, BAR = 24, 14
OURS_COLOUR, OTHER_COLOUR = "#0a7d5a", "#9aa5b1"
FONT = "font-family='system-ui, sans-serif'"
# The second half: stages from bytes to best price, and beside whom, the first that ran.
LABELS = {
    "frames": "100 levels a side",
    "real": "recorded changes",
    "full": "views of 50 + 50 levels",
    "many": "many symbols in turn",
    "deep": "5,000 levels a side",
    "futures": "futures, levels as objects",
    "compressed": "compressed, inflated first",
}
BESIDE = ("orjson + order-book", "typed msgspec + sortedcontainers")


def svg(report: dict[str, Any]) -> str:
    """The picture out of a report's JSON form."""
    stages = {stage["stage"]: stage for stage in report["stages"]}
    parts: list[str] = []
    y = 34
    if "frames" in stages:
        times = sorted(stages["frames"]["times"], key=lambda one: float(one["min"]))
        times = [one for one in times if "deadline" not in one["name"]]
        parts.append(_title(y, "From a frame's bytes to both best prices (less is better)"))
        y += 18
        longest = times[-1]["min"]
        for one in times:
            parts += _bar(
                y,
                one["name"],
                one["min"] / longest,
                f"{one['min'] * 1e6:.2f} us",
                one["name"] == "bitmart_book",
            )
            y += ROW
        y += 26
    for beside in BESIDE:
        ratios = list(_stage_ratios(stages, beside))
        if ratios:
            parts.append(_title(y, f"Times as fast as {beside} (more is better)"))
            y += 18
            most = max(ratio for _, ratio in ratios)
            for label, ratio in ratios:
                parts += _bar(y, label, ratio / most, f"{ratio:.1f}x", ours=True)
                y += ROW
            y += 10
            break
    parts.append(_text(16, y + 12, _caption(report), size=11, colour="#5b6672"))
    height = y + 28
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' "
        f"width='{WIDTH}' height='{height}' role='img' aria-label='Benchmark of bitmart_book'>\n"
        f"<rect width='{WIDTH}' height='{height}' rx='8' fill='#ffffff'/>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _stage_ratios(stages: dict[str, Any], beside: str) -> Iterator[tuple[str, float]]:
    for key, label in LABELS.items():
        times = {one["name"]: one["min"] for one in stages.get(key, {"times": []})["times"]}
        if beside in times:
            yield label, times[beside] / times["bitmart_book"]


def _caption(report: dict[str, Any]) -> str:
    versions = report["versions"]
    names = ("bitmart_book", "order-book", "orjson", "msgspec", "nautilus_trader", "ccxt")
    shown = ", ".join(f"{name} {versions[name]}" for name in names if name in versions)
    return f"{report['machine']['python']}, {report['machine']['processor']}; {shown}"


def _bar(y: int, label: str, share: float, value: str, ours: bool) -> list[str]:
    width = max(1.5, share * (BAR_END - LABEL))
    colour = OURS_COLOUR if ours else OTHER_COLOUR
    weight = "600" if ours else "400"
    return [
        _text(LABEL - 10, y + 12, label, anchor="end", weight=weight),
        f"<rect x='{LABEL}' y='{y + 1}' width='{width:.1f}' height='{BAR}' rx='2' "
        f"fill='{colour}'/>",
        _text(int(LABEL + width + 8), y + 12, value, weight=weight),
    ]


def _title(y: int, text: str) -> str:
    return _text(16, y, text, size=15, weight="600")


def _text(
    x: int,
    y: int,
    text: str,
    *,
    size: int = 12,
    anchor: str = "start",
    weight: str = "400",
    colour: str = "#1f2933",
) -> str:
    return (
        f"<text x='{x}' y='{y}' {FONT} font-size='{size}' font-weight='{weight}' "
        f"text-anchor='{anchor}' fill='{colour}'>{escape(text)}</text>"
    )
