"""How far a capture has been read, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["reading"]


@contextmanager
def reading() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where that is a terminal, and what moves it: takes bytes read and
    bytes in all."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    errors = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
    with bar:
        task = bar.add_task("reading", total=None)
        yield lambda read, total: bar.update(task, completed=read, total=total)
