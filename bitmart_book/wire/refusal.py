"""What a server says that refuses a handshake: that we try too often, and how long to wait."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import NamedTuple

from websockets.exceptions import InvalidStatus

__all__ = ["Refusal", "refusal_of"]

# 403 and 429 are what BitMart documents or was seen to say, 418 what others say of a ban.
_BANS = (403, 418, 429)


class Refusal(NamedTuple):
    """Of an attempt that failed for whatever reason."""

    banned: bool
    """Whether the server says that we try too often."""
    retry_after: float
    """Seconds that it asks us to wait; 0 where it does not."""


def refusal_of(error: Exception, wall: float) -> Refusal:
    """What an exception of an attempt says. wall: seconds since 1970."""
    if not isinstance(error, InvalidStatus):
        return Refusal(False, 0.0)
    found = error.response.headers.get_all("Retry-After")
    waits = [_seconds(text.strip(), wall) for text in found]
    return Refusal(error.response.status_code in _BANS, max(waits, default=0.0))


def _seconds(text: str, wall: float) -> float:
    """Of a number of seconds, or of a date."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - wall)
    except (ValueError, OverflowError):
        return 0.0
