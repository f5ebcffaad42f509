"""The books of a feed, shown to other programs of this machine.

The file is made under another name, locked, filled, and then takes the place of what was there: who
reads never sees half of a beginning. Each book is shown behind each of its frames, in compiled
code; from here come the beats that say that the feed's loop runs, and what no frame tells of.
"""

from __future__ import annotations

import contextlib
import glob
import mmap
import os
import secrets
from collections.abc import Callable
from typing import Any, Protocol

from bitmart_book._book import (
    DEFAULT_MAX_BOOKS,
    Book,
    Engine,
    Publication,
    Room,
    _most_shared_levels,
    clock_ns,
    shared_sizes,
)
from bitmart_book.client.times import ALIVE_FOR, SHOW_AGAIN
from bitmart_book.errors import AttachError, UsageError
from bitmart_book.share import header
from bitmart_book.share.places import check_name, is_held, own_folder, require_proven, taking_turns
from bitmart_book.system.fork import after_fork_in_child

__all__ = ["Publisher", "facts_of"]


class _Timer(Protocol):
    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], _Timer]


class Publisher:
    """Shows all books of an engine under a name, those that come later too.

    levels: of each side. failed: told once of each book that cannot be shown. UsageError for a name
    that somebody publishes already, and where nobody can; AttachError where the file cannot be
    made.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        levels: int,
        failed: Callable[[AttachError], object],
    ) -> None:
        require_proven()
        self.name = check_name(name)
        if isinstance(levels, bool) or not isinstance(levels, int):
            raise UsageError(f"levels must be a whole number, was {levels!r}")
        if not 1 <= levels <= _most_shared_levels:
            raise UsageError(f"levels must be from 1 to {_most_shared_levels}, was {levels}")
        self._engine = engine
        self._failed = failed
        self._hopeless: set[str] = set()
        self._header = header.Header(levels, DEFAULT_MAX_BOOKS, secrets.randbits(62), os.getpid())
        self._sizes = shared_sizes(levels, self._header.capacity)
        self._shown: dict[str, Publication] = {}
        self._timer: _Timer | None = None
        self._closed = False
        self._make()
        after_fork_in_child(self._forked)
        self.look()
        self._room.beat(clock_ns())

    # --- the file ---

    def _make(self) -> None:
        folder = own_folder()
        self.path = os.path.join(folder, self.name)
        try:
            with taking_turns(folder):
                self._require_free()
                self._remove_left_over(folder)
                self._fill(os.path.join(folder, f".{self.name}.{self._header.instance:x}"))
        except OSError as error:
            raise AttachError(f"cannot make {self.path}: {error.strerror}") from None

    def _require_free(self) -> None:
        try:
            there = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        try:
            if is_held(there):
                raise UsageError(
                    f"{self.name} is published already: end that program, or take another name"
                )
        finally:
            os.close(there)

    def _remove_left_over(self, folder: str) -> None:
        """What somebody began who has died since: nobody else is beginning now."""
        for path in glob.glob(os.path.join(glob.escape(folder), f".{self.name}.*")):
            os.unlink(path)

    def _fill(self, path: str) -> None:
        import fcntl

        made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.ftruncate(made, self._sizes["whole"])
            # Where memory is short this fails; a store into nothing would end the process.
            os.posix_fallocate(made, 0, self._sizes["records"])
            os.pwrite(made, header.pack(self._header), 0)
            self._mapping = mmap.mmap(made, self._sizes["whole"])
            # By itself, so that a child of this process can let go of it.
            self._file, self._lock = made, os.open(path, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(path, self.path)
        except BaseException:
            os.close(made)
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        self._identity = _identity(os.fstat(made))
        self._room = Room(self._mapping, self._header.levels, self._header.capacity, ALIVE_FOR)

    def _forked(self) -> None:
        """The parent publishes; if it dies, that must be seen whoever lives on."""
        if not self._closed:
            self._let_go()

    def _let_go(self) -> None:
        self._closed = True
        os.close(self._file)
        os.close(self._lock)

    # --- the books ---

    def look(self) -> None:
        """Show the books that are not shown yet."""
        for topic in self._engine:
            book = self._engine[topic]
            publication = self._shown.get(topic)
            is_shown = publication is not None and publication.book is book
            if is_shown or topic in self._hopeless:
                continue
            try:
                self._show(topic, book)
            except AttachError as error:
                self._hopeless.add(topic)
                self._failed(error)

    def _show(self, topic: str, book: Book) -> None:
        publication = self._shown.get(topic)
        if publication is None:
            publication = Publication(self._room, self._add_record(topic, book))
            self._shown[topic] = publication
            publication.show(book)
            self._room.show_books(len(self._shown))
        elif publication.book is None:
            # It was subscribed anew: the same place, and a later epoch.
            publication.show(book)

    def _add_record(self, topic: str, book: Book) -> int:
        number, sizes = len(self._shown), self._sizes
        record = header.packed_record(facts_of(self._engine, topic, book), sizes["record"])
        at = sizes["records"] + number * sizes["record"]
        slot = sizes["slots"] + number * sizes["slot"]
        if number >= self._header.capacity:
            raise AttachError(f"no room to publish {topic}: there are {number} books")
        try:
            os.posix_fallocate(self._file, at, sizes["record"])
            os.posix_fallocate(self._file, slot, sizes["slot"])
        except OSError as error:
            raise AttachError(f"no room to publish {topic}: {error.strerror}") from None
        self._mapping[at : at + len(record)] = record
        return number

    # --- time ---

    def start(self, later: Later) -> None:
        """Say from now on, again and again, that whoever calls is alive. later: calls a function
        after so many seconds on the feed's loop, so that a loop that hangs is not alive."""
        self._later = later
        self._timer = later(SHOW_AGAIN, self._beat)

    def _beat(self) -> None:
        if self._closed:
            return
        self._timer = self._later(SHOW_AGAIN, self._beat)
        self.refresh()

    def refresh(self, now: int | None = None) -> None:
        """Show everything anew, as of that time of the clock (ns)."""
        self.look()
        for publication in self._shown.values():
            publication.refresh()
        self._room.beat(clock_ns() if now is None else now)

    def close(self) -> None:
        """Nothing can be read from now on, and nothing is left behind. May be called twice."""
        if self._closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._room.close(clock_ns())
        for publication in self._shown.values():
            publication.hide()
        with contextlib.suppress(OSError), taking_turns(os.path.dirname(self.path)):
            if _identity(os.stat(self.path)) == self._identity:
                os.unlink(self.path)
        self._let_go()

    def __repr__(self) -> str:
        return f"<Publisher {self.name}, {len(self._shown)} books>"


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def facts_of(engine: Engine, topic: str, book: Book) -> dict[str, Any]:
    """What does not change of a book. names: what it is called beside its topic."""
    names = (book.symbol, f"{book.venue}:{book.symbol}", f"{book.market}:{book.symbol}")
    return {
        "topic": topic,
        "names": [name for name in names if engine.get(name) is book],
        "symbol": book.symbol,
        "venue": book.venue,
        "market": book.market,
        "channel": book.channel,
        "unit": book.unit,
        "proven": book.proven_levels,
        "guard_age": book.guard().max_age,
    }
