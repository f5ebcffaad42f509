"""What a feed says of itself to whoever asks: its books, how they stand, what was counted."""

from __future__ import annotations

from typing import cast

from bitmart_book.client.account import Account
from bitmart_book.errors import NoSuchBook, UsageError
from bitmart_book.feed.core import Core
from bitmart_book.feed.live import KeptBook
from bitmart_book.feed.report import LatencyReport, LoopReport, Report

__all__ = ["Reader"]


class Reader:
    """Answers of a feed, for both faces."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def subscriptions(self) -> dict[str, str]:
        """Topic to state."""
        if self._core.client is None:
            return {topic: str(self._core.engine[topic].state) for topic in self._core.engine}
        return self._core.client.wanted.states()

    def account(self) -> Account:
        """What the private topics have told."""
        return self._core.running()[0].account

    def book(self, key: str) -> KeptBook:
        """The book of a symbol or topic. NoSuchBook, which is a KeyError, where there is none."""
        self._core.check_open()
        book = self._core.engine.get(key) if isinstance(key, str) else None
        if book is None:
            raise NoSuchBook(self._no_book(key))
        return self._core.introduced(book) if self._core.is_capture else cast(KeptBook, book)

    def _no_book(self, key: object) -> str:
        if not isinstance(key, str):
            return f"a book is named by its symbol or topic, which is a text; was {key!r}"
        if key.islower() and key.upper() in self._core.engine:
            return f"there is no book of {key}; did you mean {key.upper()}?"
        if self._core.is_capture:
            there = ", ".join(self._core.engine) or "no book at all"
            return f"the capture holds no book of {key}; it holds {there}"
        others = [topic for topic in self._core.engine if topic.endswith(f":{key}")]
        there = f"; there is {', '.join(others)}" if others else ""
        return f"{key} is not subscribed; subscribe it first: feed.subscribe({key!r}){there}"

    def books(self) -> tuple[KeptBook, ...]:
        """All books, in the order in which they were made."""
        books = self._core.engine.books
        if self._core.is_capture:
            return tuple(map(self._core.introduced, books))
        return cast(tuple[KeptBook, ...], books)

    def explain(self, *words: str) -> str:
        """A sentence a line for each symbol or topic, or for all that is subscribed."""
        self._core.check_process()
        if self._core.closed:
            return "The feed is closed."
        sentences = [self._explain(word) for word in words or self.subscriptions()]
        return "\n".join(sentences) or "Nothing is subscribed."

    def _explain(self, word: str) -> str:
        book = self._core.engine.get(word)
        if book is not None:
            return self._core.explain_book(book)
        if self._core.client is None or self._core.driver is None:
            return f"{word} is not {'in the capture' if self._core.is_capture else 'subscribed'}."
        return self._core.client.explain(word, self._core.driver.now())

    def forget_lag(self, host: str) -> None:
        """The user's word that the clock of a host was set."""
        if self._core.client is None or self._core.driver is None:
            raise UsageError(f"no connection to {host!r}: this feed is not connected")
        self._core.client.connections.lateness.forget(host)
        self._core.driver.step()

    def report(self) -> Report:
        """Connections, topics, counters, and how long things take."""
        counters = self._core.audience.counters
        report = Report(
            topics=self.subscriptions(),
            engine=self._core.engine.stats,
            callbacks={name: counters[name] for name in ("failures", "dropped")},
            log={"held_back": self._core.journal.swallowed},
            connections={},
            counters={},
            hosts={},
            unknown_fields={},
            loop=LoopReport(pauses=0, longest_pause=0.0, stalls={}, internal_errors=0),
            latency=cast(LatencyReport, self._core.latency.summary()),
        )
        if self._core.client is not None and self._core.driver is not None:
            report.update(cast(Report, self._core.client.report()))
            report["loop"] = cast(LoopReport, self._core.driver.report())
        return report
