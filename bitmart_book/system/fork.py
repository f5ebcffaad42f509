"""What belongs to one process: a child made by fork() has a copy that it must not use.

Threads do not follow into the child, and sockets are shared with the parent, so that a child that
used its copy would wait for ever or read what was meant for the parent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod

from bitmart_book.errors import FeedClosed

__all__ = ["Owned", "after_fork_in_child"]

_generation = 0
_hooks: list[WeakMethod[Callable[[], None]]] = []


class Owned:
    """Something that only the process that made it can use."""

    def __init__(self) -> None:
        self._generation = _generation

    @property
    def is_foreign(self) -> bool:
        """Whether this is a copy in a forked child."""
        return self._generation != _generation

    def check_process(self) -> None:
        """Raises FeedClosed in a forked child."""
        if self._generation != _generation:
            raise FeedClosed(
                "the feed belongs to the process that made it; this is a forked child, which has "
                "to make its own"
            )

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled or copied; another process has to make its "
            "own, or be sent what was read"
        )


def after_fork_in_child(method: Callable[[], None]) -> None:
    """Call this bound method in every child made by fork(), as long as its object lives."""
    _hooks[:] = [hook for hook in _hooks if hook() is not None]
    _hooks.append(WeakMethod(method))


def _forked() -> None:
    global _generation
    _generation += 1
    for hook in _hooks:
        method = hook()
        if method is not None:
            method()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
