"""The file that a command writes: what is there already, and whether that may go."""

from __future__ import annotations

import os
from contextlib import suppress

import bitmart_book as bb

__all__ = ["check_free", "size_of"]


def check_free(path: str, *, force: bool) -> None:
    """UsageError where there is something already, unless it may be overwritten."""
    if size_of(path) and not force:
        raise bb.UsageError(f"{path} exists and is not empty; --force overwrites it")


def size_of(path: str) -> int:
    """Bytes; 0 where there is nothing."""
    with suppress(OSError):
        return os.stat(path).st_size
    return 0
