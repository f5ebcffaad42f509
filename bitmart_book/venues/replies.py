"""What a venue answers, and what its errors are about."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from bitmart_book.errors import (
    AuthenticationError,
    BitmartBookError,
    ClockError,
    LimitExceeded,
    SubscriptionRejected,
    VenueError,
    printable,
)

__all__ = ["ErrorKind", "Errors", "Reply"]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame that is no push says about a request."""

    kind: Literal["ack", "error", "pong", "notice"]
    """A notice answers nothing that we sent: a heartbeat, a status, a warning."""
    operation: str | None = None
    """ "subscribe", "unsubscribe", "request", "login", as far as the venue says."""
    topic: str | None = None
    """The raw topic, as far as the venue says."""
    code: str | None = None
    message: str = ""
    """The venue's own words, `printable`: they go into exceptions, reasons and terminals."""
    request: int | None = None
    """The number that the request was given (`Speech.numbered`), as far as the venue says."""
    symbol: str | None = None
    """The symbol that it names, where it names no channel beside it."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "message", printable(self.message))
        if self.code is not None:
            msgspec.structs.force_setattr(self, "code", printable(self.code))


class ErrorKind(enum.Enum):
    """What an error of the venue is about, and so what can be done about it."""

    REQUEST = "the message was not understood"
    TOPIC = "the topic does not exist"
    SIZE = "too much was asked for in one message"
    LIMIT = "a limit of the moment: later, and more slowly"
    FULL = "the connection carries no more topics: another one may"
    LOGIN = "not logged in, or the login is refused for good"
    CLOCK = "the time of a login is too far from the venue's"
    SERVER = "the venue's own trouble: later"

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self in (ErrorKind.LIMIT, ErrorKind.FULL, ErrorKind.SERVER)


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """What the errors of a venue mean."""

    judge: Callable[[Reply], ErrorKind | None] = lambda reply: None  # noqa: ARG005
    """What an error reply is about, as far as the venue's code or words tell."""
    retry_codes: frozenset[str] = frozenset()
    """Codes of errors that say nothing against a topic: it is asked for again later."""

    @classmethod
    def by_code(cls, kinds: Mapping[str, ErrorKind]) -> Errors:
        """Of a venue whose errors have codes: what each is about."""
        later = frozenset(code for code, kind in kinds.items() if kind.is_temporary)
        return cls(judge=lambda reply: kinds.get(reply.code or ""), retry_codes=later)

    def kind(self, reply: Reply) -> ErrorKind | None:
        """What an error reply is about; None for any other reply, or where nothing tells."""
        return self.judge(reply) if reply.kind == "error" else None

    def exception(self, reply: Reply, topics: Sequence[str] = ()) -> BitmartBookError:
        """The exception for an error reply; `topics` are those that it is known to concern."""
        kind, code, message = self.kind(reply), reply.code, reply.message
        named = () if reply.topic is None else (printable(reply.topic),)
        concerned = tuple(topics) or named
        if kind is ErrorKind.CLOCK:
            return ClockError(code, message)
        if kind is ErrorKind.LOGIN or reply.operation == "login":
            return AuthenticationError(code, message)
        if kind in (ErrorKind.LIMIT, ErrorKind.FULL, ErrorKind.SIZE):
            return LimitExceeded(code, message, concerned)
        if kind is ErrorKind.REQUEST or not (concerned or kind is ErrorKind.TOPIC):
            return VenueError(code, message, concerned)
        return SubscriptionRejected(concerned, code, message)
