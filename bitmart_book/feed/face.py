"""What both faces of a feed have in common: all that is only read, and needs no waiting."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar, cast

from bitmart_book.client.account import Account
from bitmart_book.client.plan import Plan, plan
from bitmart_book.errors import CaptureError
from bitmart_book.feed.core import Core
from bitmart_book.feed.live import INTERNAL, KeptBook
from bitmart_book.feed.opening import publish
from bitmart_book.feed.options import listed, names
from bitmart_book.feed.reader import Reader
from bitmart_book.feed.report import Report
from bitmart_book.model import Instrument
from bitmart_book.system.fork import Owned

__all__ = ["Face"]

B = TypeVar("B", bound=KeptBook)
T = TypeVar("T")


class Face(Owned, Generic[B]):
    """A feed as its user sees it. A face adds what is waited for, each in its own way."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self._core = core
        self._reader = Reader(core)

    def _named(self) -> str:
        """Its first books, for a sentence."""
        books = [book.symbol for book in self._core.engine.books]
        return ", ".join(books[:3]) + (", ..." if len(books) > 3 else "") or "no book"

    def _forgotten(self, of: str, block: str, call: str) -> None:
        """Say that it was dropped and never closed, and what to write instead."""
        warnings.warn(
            f"a feed of {of} was dropped and never closed, and ends when nothing of "
            f"it is held any more: write `{block}`, or `{call}` when you are done",
            ResourceWarning,
            stacklevel=3,
            source=self,
        )

    def _do(self, function: Callable[[], T]) -> T:
        """Call a function where the feed lives."""
        return function()

    def _ask(self, question: Callable[[], str]) -> str:
        """Like `_do`, also of a feed that is closed."""
        return question()

    @property
    def subscriptions(self) -> dict[str, str]:
        """Topic to state."""
        return self._do(self._reader.subscriptions)

    def plan(self, symbols: Iterable[str]) -> Plan:
        """The connections, topics and messages that these would use, before connecting.

        >>> feed.plan(["BTC_USDT", "ETH_USDT"]).topics
        2
        """
        core = self._core
        return plan(core.venue, core.words.topics(listed("plan", symbols)))

    def explain(self, *topics: str) -> str:
        """A sentence a line for each of these symbols or topics, or for all: the state, why, since
        when, and what is being done about it. Never raises for what is not there.

        >>> feed.explain("BTC_USDT").startswith("BTC_USDT is live")
        True
        """
        words = names("explain", topics)
        return self._ask(lambda: self._reader.explain(*words))

    @property
    def account(self) -> Account:
        """Orders, positions and balances, as far as the private topics that are subscribed tell."""
        return self._do(self._reader.account)

    @property
    def instruments(self) -> dict[str, Instrument]:
        """What is known of symbols: tick, lot, contract size."""
        return self._core.instruments

    def report(self) -> Report:
        """Connections, topics and counters; how long things take, by stage, in `latency`; and in
        `loop` what kept the event loop from running. Times are in seconds. All of it can be written
        as JSON.

        >>> sorted(feed.report())[:3]
        ['callbacks', 'connections', 'counters']
        """
        return self._do(self._reader.report)

    def forget_lag(self, host: str) -> None:
        """Say that the clock of a host (as `report()["hosts"]` names it) was set: what arrives from
        there counts as punctual from now on, and books that were held for its lag are released.
        UsageError for a host without a connection."""
        self._do(lambda: self._reader.forget_lag(host))

    def publish(self, name: str, levels: int = 20) -> None:
        """Let every other program of this machine, and of this user, read all books of this feed,
        those that are subscribed later too, with `bb.attach(name)`; until the feed is closed.

        levels: of each side, 1,000 at most; 20 cost a fifth of a microsecond a frame. UsageError
        for a name that is published already, of a capture, and where it was never tried, which is
        everywhere but on Linux on x86-64; AttachError where the file cannot be made.

        >>> feed.publish("mine", levels=20)
        >>> bb.attach("mine")["BTC_USDT"].best_bid_price == feed["BTC_USDT"].best_bid_price
        True
        """
        self._do(lambda: publish(self._core, name, levels))

    @property
    def books(self) -> tuple[B, ...]:
        """All books, in the order in which they were made."""
        return cast(tuple[B, ...], self._reader.books())

    @property
    def stats(self) -> dict[str, int]:
        """Counters of the engine."""
        return self._core.engine.stats

    @property
    def bad_lines(self) -> tuple[CaptureError, ...]:
        """The lines of a capture that could not be read and were skipped."""
        return tuple(self._core.bad_lines)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._core.closed

    def __getitem__(self, key: str) -> B:
        """The book of a symbol, or of a topic. NoSuchBook, a KeyError, where there is none."""
        return cast(B, self._reader.book(key))

    def __contains__(self, key: object) -> bool:
        return key in self._core.engine

    def __iter__(self) -> Iterator[str]:
        """Topics, in the order in which their books were made."""
        return iter(self._core.engine)

    def __len__(self) -> int:
        return len(self._core.engine)

    def _ipython_key_completions_(self) -> list[str]:
        return self._core.engine._ipython_key_completions_()

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if name not in INTERNAL]

    def _repr_html_(self) -> str:
        # Of notebooks: most programs never show a feed.
        from bitmart_book.display import books_html

        return books_html(repr(self).strip("<>"), self._core.engine.books)

    def __repr__(self) -> str:
        return f"<Feed {'closed' if self.closed else f'{len(self)} books'}>"
