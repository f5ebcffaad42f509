"""Where the files of publishers are, what they may be called, and whether their owners live.

A publisher holds a lock on its file as long as it lives; whatever ends it, the system takes it.
So whether somebody is there is known for certain, without a number of a process, which may be
another's by then.
"""

from __future__ import annotations

import os
import re
import stat
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bitmart_book._book import _has_atomics
from bitmart_book.errors import AttachError, UsageError

__all__ = ["check_name", "folders", "is_held", "own_folder", "require_proven", "taking_turns"]

PROVEN = "linux-x86_64"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def require_proven() -> None:
    """UsageError where what makes this safe was never seen to hold."""
    here = sysconfig.get_platform()
    if here != PROVEN or not _has_atomics:
        raise UsageError(
            "publish() and attach() are for Linux on x86-64, where it was tried what happens when "
            f"a publisher is killed or stopped in the middle of anything; this is {here}"
        )


def check_name(name: object) -> str:
    """The name of a publication. UsageError for what cannot be one."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UsageError(
            "a publication has a name of letters, digits, dots, dashes and underlines, as in "
            f'"mm-prod"; was {name!r}'
        )
    return name


def folders() -> list[str]:
    """Where a publication may be, the likelier place first: who was started by the system may know
    of another one than who was started by a user."""
    places = [f"/dev/shm/bitmart_book-{os.geteuid()}"]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime):
        places.insert(0, os.path.join(runtime, "bitmart_book"))
    return places


def own_folder() -> str:
    """The folder of this user, made if there is none. AttachError where it is not his alone."""
    folder = folders()[0]
    try:
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        status = os.lstat(folder)
    except OSError as error:
        raise AttachError(f"cannot make {folder}: {error.strerror}") from None
    check_private(folder, status)
    return folder


def check_private(path: str, status: os.stat_result) -> None:
    """AttachError where others than this user may have made or changed what is there."""
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & OTHERS:
        raise AttachError(f"{path} is not this user's alone: what stands there could be anybody's")


@contextmanager
def taking_turns(folder: str) -> Iterator[None]:
    """One publisher after the other begins or ends in that folder."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(descriptor: int) -> bool:
    """Whether the publisher of an open file lives. Asking keeps nobody out: it is a shared lock."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
