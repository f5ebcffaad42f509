"""What a run subscribes, and what it knows."""

from __future__ import annotations

from dataclasses import dataclass, field

BOOKS: tuple[tuple[str, str, str], ...] = (
    ("spot", "spot/depth/increase100:BTC_USDT", "spot/depth/increase100:BTC_USDT"),
    ("spot", "spot/depth/increase100:QUIET_USDT", "spot/depth/increase100:QUIET_USDT"),
    ("spot", "spot/depth5:ETH_USDT", "spot/depth5:ETH_USDT"),
    ("futures", "futures/depthIncrease50:BTCUSDT", "futures/depthIncrease50:BTCUSDT"),
    ("futures", "futures/depth20:ETHUSDT", "futures/depth20:ETHUSDT"),
    ("futures", "futures/depthAll20:BTCUSDT", "futures/depthAll20:BTCUSDT"),
    ("legacy", "order:BMX_ETH@6", "legacy/depth:BMX_ETH@6"),
)
"""House, the venue's topic, and the client's name for it."""

TRADES = (("spot", "spot/trade:BTC_USDT"), ("futures", "futures/trade:BTCUSDT"))

PRIVATE = (
    "spot/user/orders:ALL_SYMBOLS",
    "spot/user/balance:BALANCE_UPDATE",
    "futures/order",
    "futures/position",
    "futures/asset:USDT",
)

KNOWN_BROKEN: dict[str, str] = {
    "late_from_first_byte": "A1",
    "late_inside": "A2",
    "late_inside_step": "A2",
    "pair_apart": "A3",
    "pair_zero": "A3",
    # A new connection begins with a snapshot that is older than what was shown on the one before.
    "first_old": "A4, on a new connection",
    # An update was lost, and a reply of the book's own version confirms the book all the same.
    "reply_cached": "A4, equal replies",
    "reply_old": "A4, equal replies",
    # A reply counts from when it arrives, and not from when it was asked for.
    "reply_late": "A4, late replies",
    "reply_short": "A7",
    "counter_repeats": "A8",
    # A count that restarts just below the book's passes it again with other updates.
    "counter_restarts": "A8, after a restart",
    "private_unreadable": "B1",
    "frame_cut": "B2",
    # Not wrong, but never LIVE again: the judge counts it in the share of LIVE reads alone.
    "error_for_live": "C3",
    "private_future": "B3",
    # Not among the findings: a second empty reply is believed while updates flow, and the next
    # update makes a LIVE book of its few rows.
    "reply_empty": "two empty replies",
    "first_empty": "two empty replies",
}
"""Lies that today's client does not withstand, each with the finding that describes it
(`findings/trust.md`). It is a work list: what is mended leaves it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One run: its seed, its length in seconds, and the names of its lies."""

    seed: int
    length: float
    lies: tuple[str, ...] = ()
    only: tuple[int, ...] = ()
    """Numbers of the occurrences to tell; all where it is empty."""
    alone: bool = False
    """Whether each lie comes once, long enough to show what it does."""
    trader: bool = field(default=True)
