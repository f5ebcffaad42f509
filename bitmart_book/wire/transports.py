"""Which library carries the frames of a feed, and what to say where it is not there.

"websockets", the default, is everywhere. "picows" is several times faster: frames go into the
engine without Python in between. It needs the extra `[fast]`, of the version that this package was
compiled for. "auto" takes that one where it can be had.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from bitmart_book.errors import UsageError
from bitmart_book.wire.link import AnyLink, Link

__all__ = ["Opener", "Transport", "opener", "why_not_fast"]

Transport = Literal["websockets", "picows", "auto"]
Opener = Callable[[str, ssl.SSLContext | None], Awaitable[AnyLink]]

_PINNED = "2.3."
_EXTRA = "pip install 'bitmart_book[fast]'"


def why_not_fast() -> str | None:
    """A sentence why the fast wire cannot be had; None where it can."""
    try:
        import aiofastnet  # noqa: F401
        import picows
    except ImportError:
        return f"it needs picows: {_EXTRA}"
    if not picows.__version__.startswith(_PINNED):
        return f"it needs picows {_PINNED}*, and {picows.__version__} is here: {_EXTRA}"
    try:
        from bitmart_book.wire import _fast
    except ImportError as error:
        return f"this bitmart_book was built without it ({error}): install a wheel that has it"
    if not _fast.BUILT_WITH.startswith(_PINNED):
        return f"this bitmart_book was built for picows {_fast.BUILT_WITH}: {_EXTRA}"
    return None


def _is_fast(transport: Any) -> tuple[bool, str | None]:
    if transport not in ("websockets", "picows", "auto"):
        raise UsageError(f'transport must be "websockets", "picows" or "auto", was {transport!r}')
    why_not = None if transport == "websockets" else why_not_fast()
    if transport == "picows" and why_not is not None:
        raise UsageError(f'transport="picows" cannot be had: {why_not}')
    return transport != "websockets" and why_not is None, why_not


def opener(transport: Any) -> tuple[Opener, str | None]:
    """What opens a link of that kind, and, where "auto" has to do without the fast one, a sentence
    that says why. UsageError for "picows" where it cannot be had, and for what is no kind."""
    is_fast, why_not = _is_fast(transport)
    if not is_fast:
        return Link.open, why_not
    from bitmart_book.wire.fast import open_fast

    return open_fast, None
