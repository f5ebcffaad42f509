"""Books of another program on this machine, as a program reads them.

`attach` finds the file of a publisher and checks it; each book reads its place in it by itself. Who
publishes may die, and another may take its place: a read that is refused looks for that.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, NamedTuple

from bitmart_book._book import Mirror, Quote, Room, clock_ns
from bitmart_book.client.times import ALIVE_FOR, ATTACH_LOOK, ATTACH_PATIENCE, POLL
from bitmart_book.errors import AttachError, NoSuchBook, NotPublished, UsageError
from bitmart_book.model import BookState
from bitmart_book.share import header
from bitmart_book.share.places import check_name, check_private, folders, is_held, require_proven

__all__ = ["Attached", "AttachedBook", "Quotes", "attach"]


class AttachedBook(Mirror):
    """A `Book` that another program of this machine keeps, read here; made by `bb.attach`.

    All reads are those of a book, bit by bit, up to the `levels` a side that are published: what
    would need more raises UsageError. BookNotLive as ever, and whenever the publisher has been
    closed, has died, or was not heard for a second; `reason` says which. Another publisher of the
    same name is found at the first read that is refused, and `epoch` goes on. Of trades and the
    instrument nothing is published.

    >>> with bb.connect("BTC_USDT", source="sim") as feed:
    ...     feed.publish("prices")
    ...     copied = bb.attach("prices")["BTC_USDT"]
    ...     print(copied.best_bid_price < copied.best_ask_price)
    True
    >>> copied.reason
    'prices was closed by its publisher; whoever publishes it next is read'
    """

    __slots__ = ()

    def quotes(self, *, poll: float = POLL, timeout: float | None = None) -> Quotes:
        """The present quote first, then one whenever the top or the state has changed: for
        `for quote in ...` and `async for quote in ...` alike.

        It looks every `poll` seconds, and the newest quote is all it gets: `skipped` says how many
        it did not see. While the book is not LIVE a quote has that state and None prices. Raises
        TimeoutError after `timeout` seconds without a change; ends when the book is CLOSED.

        for quote in book.quotes(timeout=5): ...
        """
        if not 0 < poll <= 60:
            raise UsageError(f"poll must be above 0 and at most 60 seconds, was {poll!r}")
        return Quotes(self, poll, timeout)


class Quotes:
    """The quotes of an attached book, one after the other; made by `AttachedBook.quotes`."""

    def __init__(self, book: AttachedBook, poll: float, timeout: float | None) -> None:
        self._book = book
        self._poll = poll
        self._timeout = timeout
        self._seen: tuple[int, BookState] | None = None
        self._asked_at = 0.0

    def _newer(self) -> Quote | None:
        """One that was not given yet; None: there is none. StopIteration at the end."""
        now = self._book._tops()
        if now == self._seen:
            return None
        before, self._seen = self._seen, now
        if now[1] == BookState.CLOSED and before is not None:
            raise StopIteration
        skipped = 0 if before is None else max(0, now[0] - before[0] - 1)
        self._asked_at = time.monotonic()
        return self._book.quote_in_any_state(skipped)

    def _check_time(self) -> None:
        if self._timeout is not None and time.monotonic() - self._asked_at >= self._timeout:
            raise TimeoutError(f"no change of {self._book.symbol} in {self._timeout} s")

    def __iter__(self) -> Iterator[Quote]:
        return self

    def __next__(self) -> Quote:
        self._asked_at = time.monotonic()
        while True:
            quote = self._newer()
            if quote is not None:
                return quote
            self._check_time()
            time.sleep(self._poll)

    def __aiter__(self) -> AsyncIterator[Quote]:
        return self

    async def __anext__(self) -> Quote:
        # Who blocks needs no event loop.
        import asyncio

        self._asked_at = time.monotonic()
        while True:
            try:
                quote = self._newer()
            except StopIteration:
                raise StopAsyncIteration from None
            if quote is not None:
                return quote
            self._check_time()
            await asyncio.sleep(self._poll)


class _File(NamedTuple):
    """A publisher's file, mapped."""

    path: str
    identity: tuple[int, int]
    header: header.Header
    mapping: mmap.mmap
    room: Room


class Attached(Mapping[str, AttachedBook]):
    """The books of a publisher, by symbol or topic; made by `bb.attach`.

    What is published later is there too. NoSuchBook, a KeyError, for what is not.

    >>> with bb.connect("BTC_USDT", source="sim") as feed:
    ...     feed.publish("prices")
    ...     print(list(bb.attach("prices")))
    ['BTC_USDT']
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._file = _opened(name)
        self._books: dict[str, AttachedBook] = {}
        self._count = -1
        self._numbers: dict[str, int] = {}
        self._facts: dict[str, dict[str, Any]] = {}
        self._read()

    def _read(self) -> None:
        """Which books there are, if there are others than were known."""
        count = self._file.room.books
        if count == self._count:
            return
        self._numbers, self._facts = {}, {}
        for number, facts in header.records(self._file.mapping, self._file.header, count):
            self._numbers[facts["topic"]] = number
            for key in (facts["topic"], *facts["names"]):
                self._facts[key] = facts
        self._count = count

    def _keys(self) -> list[str]:
        """Each book once: by its symbol where that says enough."""
        self._read()
        keys = {facts["topic"]: (*facts["names"], facts["topic"])[0]
                for facts in self._facts.values()}  # fmt: skip
        return list(keys.values())

    def __getitem__(self, key: str) -> AttachedBook:
        if key not in self._facts:
            self._renew()
            self._read()
        facts = self._facts.get(key)
        if facts is None:
            there = ", ".join(self._keys()) or "no book at all"
            raise NoSuchBook(f"{self.name} shows no book of {key}; it shows {there}")
        topic = facts["topic"]
        if topic not in self._books:
            self._books[topic] = AttachedBook(self, self._file.room, self._numbers[topic], facts)
        return self._books[topic]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def __repr__(self) -> str:
        return f"<Attached {self.name}: {', '.join(self._keys()) or 'no book yet'}>"

    # --- another publisher ---

    def _renew(self) -> bool:
        """Take the file that is there now, if it is another one; whether it is."""
        try:
            if _identity(os.stat(self._file.path)) == self._file.identity:
                return False
            self._file = _opened(self.name)
        except (OSError, AttachError):
            return False
        self._count = -1
        return True

    def find(self, room: Room, topic: str) -> tuple[Room, int | None] | None:
        """Where a book is by now that was in that room, as it asks: another room and its number
        there, None where it is not yet; None where nothing is new."""
        self._renew()
        try:
            self._read()
        except AttachError:
            return None
        number = self._numbers.get(topic)
        if self._file.room is room and number is None:
            return None
        return self._file.room, number

    def why(self, room: Room, topic: str, now: int) -> tuple[BookState, str]:
        """What a book is, as it asks, that nobody vouches for, and a sentence."""
        if room.closed_at:
            return BookState.CONNECTING, (
                f"{self.name} was closed by its publisher; whoever publishes it next is read"
            )
        silent = (now - room.alive_until) / 1e9
        if silent < 0:
            return BookState.SYNCING, f"{self.name} does not show {topic} yet"
        if not _lives(self._file):
            return BookState.CONNECTING, (
                f"the program that published {self.name} has ended; whoever publishes it next is "
                "read"
            )
        return BookState.STALE, (
            f"the publisher of {self.name} was not heard for {silent + ALIVE_FOR:.1f} s"
        )


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _opened(name: str) -> _File:
    """The file of a publisher that lives. NotPublished where there is none, and AttachError for
    one that cannot be read here."""
    ended = False
    for folder in folders():
        path = os.path.join(folder, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise AttachError(f"cannot read {path}: {error.strerror}") from None
        try:
            status = os.fstat(descriptor)
            check_private(path, status)
            if not is_held(descriptor):
                ended = True
                continue
            found = header.read(name, os.pread(descriptor, 4096, 0), status.st_size)
            mapping = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
        room = Room(mapping, found.levels, found.capacity, ALIVE_FOR)
        return _File(path, _identity(status), found, mapping, room)
    raise NotPublished(
        f"nobody publishes {name}"
        + (": the program that did has ended" if ended else f"; looked in {', '.join(folders())}")
    )


def _lives(file: _File) -> bool:
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return _identity(os.fstat(descriptor)) == file.identity and is_held(descriptor)
    finally:
        os.close(descriptor)


def attach(name: str, timeout: float = ATTACH_PATIENCE) -> Attached:
    """The books that another program of this machine publishes under a name: a mapping of symbol or
    topic to `AttachedBook`.

    Waits at most `timeout` seconds for the publisher and its first book. Raises NotPublished where
    nobody publishes the name, AttachError for what cannot be read here (another version, another
    start of the machine, another time namespace, somebody else's file), and UsageError where
    attaching was never tried, which is everywhere but on Linux on x86-64.

    >>> with bb.connect("BTC_USDT", source="sim") as feed:
    ...     feed.publish("prices")
    ...     print(bb.attach("prices", timeout=5)["BTC_USDT"].state)
    LIVE
    """
    require_proven()
    check_name(name)
    until = clock_ns() + int(timeout * 1e9)
    while True:
        late = clock_ns() >= until
        try:
            attached = Attached(name)
        except NotPublished:
            if late:
                raise
        else:
            if late or len(attached):
                return attached
        time.sleep(ATTACH_LOOK)
