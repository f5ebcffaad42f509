"""How a file is opened and kept from others, on systems that do not share how."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["keep_private", "open_to_read", "open_to_write", "others_can_read"]


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


def _flag(name: str) -> int:
    return getattr(os, name, 0)
