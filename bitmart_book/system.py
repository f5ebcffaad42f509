"""What operating systems do not share: how a file is opened and kept from others, and which signals
ask a program to end.

Everything else is written as if there were one system. What a system lacks is looked for when it is
needed, by its name, and left out where it is not there: nothing here asks which system it is.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

__all__ = [
    "ending_signals",
    "hearing_signals",
    "keep_private",
    "locks_hear_signals",
    "open_to_read",
    "open_to_write",
    "others_can_read",
]


def open_to_read(path: str) -> int:
    """A descriptor. It is opened without waiting: a pipe that nobody writes to would hold
    everything up."""
    return os.open(path, os.O_RDONLY | _flag("O_NONBLOCK") | _flag("O_BINARY"))


def open_to_write(path: str) -> int:
    """A descriptor of a file that is made if there is none, its owner's alone; what is in it stays.
    OSError, ELOOP among them, where the path is a symbolic link: what that leads to is not ours."""
    if not hasattr(os, "O_NOFOLLOW") and os.path.islink(path):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    flags = os.O_WRONLY | os.O_CREAT
    flags |= _flag("O_NOFOLLOW") | _flag("O_NONBLOCK") | _flag("O_BINARY")
    return os.open(path, flags, 0o600)


def keep_private(descriptor: int) -> None:
    """Let nobody but its owner read an open file, and let writing wait for the disk again."""
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)


def others_can_read(status: os.stat_result) -> bool:
    """Whether its permissions let others than its owner read a file. Where files have none the bits
    are made up, and say so of every file: nothing is known, and False."""
    has_owners = hasattr(os, "geteuid")
    return has_owners and bool(status.st_mode & (stat.S_IRWXG | stat.S_IRWXO))


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


def _flag(name: str) -> int:
    return getattr(os, name, 0)
