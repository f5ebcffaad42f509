"""How a number went, in one line: a spark line. Where there was none to use, nothing is drawn."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["spark"]

_LEVELS = "▁▂▃▄▅▆▇"


def spark(values: Sequence[float | None], width: int) -> str:
    """The last values, a character each, right-aligned; the lowest and highest fill the height."""
    values = list(values)[-width:] if width > 0 else []
    known = [value for value in values if value is not None]
    lowest, highest = min(known, default=0.0), max(known, default=0.0)
    scale = (len(_LEVELS) - 1) / (highest - lowest) if highest > lowest else 0.0
    middle = len(_LEVELS) // 2
    return "".join(
        " " if value is None else _LEVELS[round((value - lowest) * scale) if scale else middle]
        for value in values
    ).rjust(max(0, width))
