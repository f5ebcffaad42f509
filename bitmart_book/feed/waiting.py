"""A thread that waits for something, and can be interrupted while it does.

Where a lock does not hear signals, as on Windows, a Ctrl-C counts only between two waits: it is
waited for a moment, and then again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bitmart_book.client.times import LOOK_FOR_SIGNALS
from bitmart_book.system.signals import locks_hear_signals

__all__ = ["wait_for"]


def wait_for(happens: Callable[[float | None], object], timeout: float | None) -> bool:
    """Whether something happens within so many seconds; None: however long it takes.

    `happens` waits itself, for as long as it is told, and says whether it did, as `Event.wait`.
    """
    if locks_hear_signals():
        return bool(happens(timeout))
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        left = LOOK_FOR_SIGNALS if until is None else until - time.monotonic()
        if happens(max(0.0, min(left, LOOK_FOR_SIGNALS))):
            return True
        if left <= LOOK_FOR_SIGNALS and until is not None:
            return False
