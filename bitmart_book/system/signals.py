"""Which signals ask a program to end, and who hears them, on systems that do not share it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

__all__ = ["ending_signals", "hearing_signals", "locks_hear_signals"]


def ending_signals() -> tuple[signal.Signals, ...]:
    """Those that ask a program to end, as far as this system has them."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


def locks_hear_signals() -> bool:
    """Whether a signal, such as a Ctrl-C, interrupts a thread that waits for a lock. So it is with
    the threads of POSIX."""
    return hasattr(signal, "pthread_kill")


class _Loop(Protocol):
    """What is asked of an event loop."""

    def add_signal_handler(self, sig: int, callback: Callable[[], object], /) -> object: ...

    def remove_signal_handler(self, sig: int, /) -> bool: ...

    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object: ...


@contextmanager
def hearing_signals(loop: _Loop, function: Callable[[], object]) -> Iterator[None]:
    """Let a loop call a function whenever a signal asks the program to end."""
    undo: list[Callable[[], Any]] = []
    for number in ending_signals():
        try:
            loop.add_signal_handler(number, function)
        except NotImplementedError:
            # The documented answer of asyncio's loops that hear no signals, which are those of
            # Windows. There a handler of Python's runs between two turns of the loop, which a
            # signal wakes.
            before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(function))
            undo.append(partial(signal.signal, number, before))
        else:
            undo.append(partial(loop.remove_signal_handler, number))
    try:
        yield
    finally:
        for one in undo:
            one()
