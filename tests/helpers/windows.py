"""A system that lacks what Windows lacks, for as long as a test runs.

The lists are from the documentation of `os` and `signal` and from asyncio's sources. It is no
Windows: it shows that nothing asks for what is not there.
"""

import asyncio
import os
import signal
import sys

FILES = ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "fchmod", "set_blocking", "geteuid", "getuid")
PROCESSES = ("fork", "register_at_fork", "sysconf", "getloadavg")
SIGNALS = ("pthread_kill", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE")
MODULES = ("resource", "fcntl", "termios", "pwd")
# What Windows has beside all others; its value there.
BINARY = 0x8000
# asyncio.proactor_events: what one read of a socket brings at most.
READ_AHEAD_BYTES = 65_536


class NoSignals(asyncio.SelectorEventLoop):
    """Its loops are told of no signal: they have what asyncio gives to every loop, and no more."""

    add_signal_handler = asyncio.AbstractEventLoop.add_signal_handler
    remove_signal_handler = asyncio.AbstractEventLoop.remove_signal_handler


def take_away(patch):
    """Take it all away from this process. `patch` is pytest's monkeypatch."""
    for name in (*FILES, *PROCESSES):
        patch.delattr(os, name, raising=False)
    for name in SIGNALS:
        patch.delattr(signal, name, raising=False)
    for name in MODULES:
        patch.setitem(sys.modules, name, None)
