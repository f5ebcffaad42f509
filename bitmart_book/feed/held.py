"""Whether somebody outside a feed still holds something of it: a book, a stream, its account.

A feed that was dropped ends by itself, but not while one of its books is read. Its engine holds the
books too, and so nobody is told when a user lets go of one. It is found out as a garbage collector
does: of the references that there are to a thing, so many come from inside the feed; is there one
more, somebody else has it. Whatever is not seen to lie inside counts as somebody else.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter, deque
from collections.abc import Sequence
from types import CellType, CoroutineType, FunctionType, MappingProxyType, MethodType

from bitmart_book.feed.core import Core
from bitmart_book.listeners.audience import mailboxes_of

__all__ = ["given_out", "is_held", "is_listened_to"]

_CONTAINERS = (
    dict, list, tuple, set, frozenset, deque, Counter, MappingProxyType, MethodType, CellType,
    CoroutineType,
)  # fmt: skip
_ROOMS = ("bitmart_book.", "asyncio.", "_asyncio")
# An exchange in this process holds none of what it is asked for.
_ELSEWHERE = "bitmart_book.sim."


def is_listened_to(core: Core) -> bool:
    """Whether a callback, an iterator or a trigger waits for something of a book."""
    return any(book.watched for book in core.engine.books)


def given_out(core: Core) -> list[object]:
    """What a user may have of this feed beside it: books, streams by their mailboxes, the
    account and what is of it."""
    account = [] if core.client is None else core.client.account.given_out()
    return [*core.engine.books, *mailboxes_of(core.audience), *account]


def is_held(feed: object, values: list[object]) -> bool:
    """Whether one of these values is referred to from outside the feed. The list has to be the
    only thing outside that the caller has of them; it takes a while, some milliseconds."""
    return _has_more(values, _references_inside(feed, values))


def _references_inside(feed: object, values: Sequence[object]) -> list[int]:
    """How many references to each value come from what the feed is made of."""
    found = {id(value): 0 for value in values}
    seen: set[int] = set()
    waiting = [feed]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or not _is_inside(one):
            continue
        seen.add(id(one))
        for other in _parts(one):
            if id(other) in found:
                found[id(other)] += 1
            waiting.append(other)
    return [found[id(value)] for value in values]


def _parts(one: object) -> Sequence[object]:
    """What a thing refers to; of a function only what it was made around, and not its module."""
    if isinstance(one, FunctionType):
        return one.__closure__ or ()
    return gc.get_referents(one)


def _is_inside(one: object) -> bool:
    """Whether a thing belongs to a feed where it is found in it. A user's own does not: what that
    holds is held by the user."""
    kind = type(one)
    if kind in _CONTAINERS:
        return True
    home = one.__module__ if isinstance(one, FunctionType) else kind.__module__
    room = f"{home}."
    return room.startswith(_ROOMS) and not room.startswith(_ELSEWHERE)


def _has_more(values: list[object], inside: list[int]) -> bool:
    # Of what nothing but a list has, looked at in the same way: how much that is by itself depends
    # on the version of Python.
    nobodys = [object()]
    alone = sys.getrefcount(nobodys[0])
    return any(
        sys.getrefcount(values[place]) - alone > inside[place] for place in range(len(values))
    )
