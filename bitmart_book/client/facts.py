"""What is known of one wanted book, in groups: facts, no decisions. A subscription has one each."""

from __future__ import annotations

from bitmart_book.model import BookState

__all__ = ["Ailment", "AskedBeside", "Progress", "Seen", "Snapshots", "Told"]


class Seen:
    """What of a book has been looked at."""

    def __init__(self) -> None:
        self.changes = 0
        """How many changes had been told of."""
        self.updates = 0
        """How many updates and heartbeats had come."""
        self.updated_at = 0.0
        """When the last of them was seen to have come."""


class Snapshots:
    """Which snapshots were asked for, and came. A reply to a request comes without a subscription
    too; a book that is subscribed anew is given up, and asked for again."""

    def __init__(self, now: float) -> None:
        self.was_requested = False
        """On this connection: until then every frame of the book proves the subscription."""
        self.requested_at = float("-inf")
        self.last_reply: tuple[int, int] | None = None
        """The book's sequence and the number of its changes at the last reply to a request."""
        self.frozen_replies = 0
        """How many replies in a row showed changes that no update had told of."""
        self.whole_at = now
        """When the last snapshot came."""
        self.is_renewed = False
        """Whether its book was subscribed anew, and the venue has not acknowledged that."""
        self.awaited_since: float | None = None
        """When a LIVE book was subscribed anew, and no snapshot has come since."""

    def begin(self) -> None:
        """The topic is on another connection: there nothing was asked for, and nothing came."""
        self.was_requested = False
        self.requested_at = float("-inf")
        self.last_reply = None
        self.frozen_replies = 0
        self.awaited_since = None
        self.is_renewed = False


class AskedBeside:
    """Whether a book is asked for on a second connection, beside its own."""

    def __init__(self) -> None:
        self.asked_at = float("-inf")
        """When it was last."""
        self.is_asked = False
        """Whether that has no verdict yet."""


class Told:
    """What was last announced of a book."""

    def __init__(self, now: float) -> None:
        self.state = BookState.CONNECTING
        self.at = now
        self.live_at = now
        """When the book was last seen LIVE."""
        self.overflows = 0
        """How often too many updates had been kept for a snapshot, when that was last announced."""


class Ailment:
    """What frames of its own that nobody could read have cost a book."""

    def __init__(self) -> None:
        self.relapses = 0
        """How often in a row it was lost to one."""
        self.last_at = float("-inf")
        """When the last one came."""
        self.until = 0.0
        """Until when the book is left alone because of them, should they go on."""


class Progress:
    """How far a book is on its way back."""

    def __init__(self) -> None:
        self.since: float | None = None
        """None while it is not being won back."""
        self.steps = 0
        """How many steps have been taken."""
        self.next_step_at = 0.0
        self.old_snapshots = 0
        """How many snapshots had been too old when the last step was taken."""
        self.ailment = Ailment()

    def begin(self, now: float, steps: int, next_step_at: float) -> None:
        """It is to be won back, and so many steps are behind it."""
        self.since = now
        self.steps = steps
        self.next_step_at = next_step_at
