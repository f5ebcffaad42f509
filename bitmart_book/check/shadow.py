"""An engine that runs the compiled and the reference book side by side.

Every frame goes to both; at the first difference in the answer or in any book of the frame it
stops with a report. Some hundred times slower than the engine alone: for doubts, not for trading.
"""

from __future__ import annotations

from typing import Any

from bitmart_book._book import Book, Engine
from bitmart_book.check.reference import ReferenceBook, ReferenceEngine
from bitmart_book.errors import BitmartBookError, MessageError, ShadowMismatch
from bitmart_book.model import BookState, Change

__all__ = ["ShadowEngine", "differences"]


class ShadowEngine(Engine):
    """`Engine`, checked against the reference after each frame; same arguments and results."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._only_wanted = bool(options.get("only_known"))
        known = ("max_levels", "max_books", "max_frame_bytes", "trust_empty")
        self._reference = ReferenceEngine(
            self.venue, **{name: options[name] for name in known if name in options}
        )

    def apply(
        self,
        frame: bytes | bytearray | memoryview | str,
        receive_time_ns: int | None = None,
        *,
        generation: int = 0,
        heard_ns: int | None = None,
    ) -> int:
        """As `Engine.apply`. Raises ShadowMismatch where the two books differ."""
        before = {topic: self[topic].peek() for topic in self}
        outcome: int | BitmartBookError
        expected: int | BitmartBookError
        try:
            outcome = super().apply(
                frame, receive_time_ns, generation=generation, heard_ns=heard_ns
            )
        except BitmartBookError as error:
            outcome = error
        try:
            expected = self._reference.apply(frame, generation=generation)
        except BitmartBookError as error:
            expected = error
        problems = []
        if describe(outcome) != describe(expected):
            problems.append(f"apply gave {describe(outcome)}, expected {describe(expected)}")
        topics = {f"{book.channel}:{book.symbol}" for book in self.touched}
        topics |= {f"{book.channel.name}:{book.symbol}" for book in self._reference.touched}
        if isinstance(outcome, BitmartBookError):
            topics |= set(self) | set(self._reference.books)
        for topic in sorted(topics):
            problems += self._differences(topic)
        if problems:
            raise ShadowMismatch(self._report(frame, before, problems))
        if isinstance(outcome, BitmartBookError):
            raise outcome
        return outcome

    def invalidate(self, book: Book, reason: str, *, state: BookState = BookState.GAP) -> None:
        """As `Engine.invalidate`."""
        stays = state == BookState.STALE and book.state not in (BookState.LIVE, BookState.STALE)
        super().invalidate(book, reason, state=state)
        if stays:
            return
        twin = self._reference.books.get(f"{book.channel}:{book.symbol}")
        if twin is not None:
            twin.become(state)
            if state != BookState.STALE:
                twin.suspect()
                twin.forget()

    def book(self, symbol: str, *, channel: str | None = None, market: str | None = None) -> Book:
        """As `Engine.book`."""
        found = super().book(symbol, channel=channel, market=market)
        self._reference.make_book(found.channel, found.symbol)
        return found

    def open_line(self, generation: int, valid_for: float, **options: Any) -> None:
        """As `Engine.open_line`."""
        super().open_line(generation, valid_for, **options)
        if options.get("profile") is not None:
            self._reference.open_line(generation, options["profile"])

    def forget_generation(self, generation: int) -> None:
        """As `Engine.forget_generation`."""
        super().forget_generation(generation)
        self._reference.forget_generation(generation)

    def assign(self, book: Book, generation: int) -> None:
        """As `Engine.assign`."""
        super().assign(book, generation)
        self._reference.assign(f"{book.channel}:{book.symbol}", generation)

    def expect(self, book: Book, *, subscribed: bool = False, acknowledged: bool = True) -> int:
        """As `Engine.expect`."""
        unanswered = super().expect(book, subscribed=subscribed, acknowledged=acknowledged)
        self._reference.expect(
            f"{book.channel}:{book.symbol}",
            unanswered,
            subscribed=subscribed,
            acknowledged=acknowledged,
        )
        return unanswered

    def acknowledge(self, book: Book) -> None:
        """As `Engine.acknowledge`."""
        super().acknowledge(book)
        self._reference.acknowledge(f"{book.channel}:{book.symbol}")

    def close_book(self, book: Book) -> None:
        """As `Engine.close_book`."""
        super().close_book(book)
        self._reference.books.pop(f"{book.channel}:{book.symbol}", None)

    def _differences(self, topic: str) -> list[str]:
        book, twin = self.get(topic), self._reference.books.get(topic)
        if book is None and self._only_wanted:
            return []
        if book is None or twin is None:
            # `Engine.book` makes books before any frame; the reference waits for one.
            missing = book is None or book.epoch > 0
            return [f"{topic} exists only once"] if missing else []
        return [f"{topic}: {problem}" for problem in differences(book, twin)]

    def _report(self, frame: Any, before: dict[str, Book], problems: list[str]) -> str:
        text = frame if isinstance(frame, str) else bytes(frame).decode("utf-8", "replace")
        lines = ["the compiled and the reference book disagree:", *problems, f"frame: {text}"]
        lines += [
            f"before: {before[topic]!r}"
            for topic in before
            if any(problem.startswith(topic) for problem in problems)
        ]
        return "\n  ".join(lines)


def describe(outcome: int | BitmartBookError) -> str:
    """An answer of `apply`, comparable: the bits, or the family of the error."""
    if isinstance(outcome, MessageError):
        return "MessageError"
    if isinstance(outcome, BitmartBookError):
        return type(outcome).__name__
    return "|".join(Change.names(outcome)) or "0"


def differences(book: Book, twin: ReferenceBook) -> list[str]:
    """Everything in which a compiled book and its reference differ, as sentences."""
    copy = book.peek()
    pairs: list[tuple[str, Any, Any]] = [
        ("epoch", copy.epoch, twin.epoch),
        ("sequence", copy.sequence, twin.sequence),
        ("exchange time", copy.exchange_time_ms, twin.time),
        ("known bids", copy.complete_depth("bid"), twin.certain("bid")),
        ("known asks", copy.complete_depth("ask"), twin.certain("ask")),
        ("checksums", copy.stats["checksums"], twin.checksums),
        ("checksum mismatches", copy.stats["checksum_mismatches"], twin.mismatches),
    ]
    # A deadline that lapsed is seen by the compiled book alone: the reference has no clock.
    if not (copy.state == BookState.STALE and twin.state == BookState.LIVE):
        pairs.append(("state", copy.state, twin.state))
    depth = copy.depth(exact=True)
    for name, rows, expected in (
        ("bids", depth.bids, twin.side("bid")),
        ("asks", depth.asks, twin.side("ask")),
    ):
        pairs += [
            (f"{name}[{place}]", _at(rows, place), _at(expected, place))
            for place in range(max(len(rows), len(expected)))
        ]
    return [f"{name} is {was}, expected {should}" for name, was, should in pairs if was != should]


def _at(rows: Any, place: int) -> Any:
    return tuple(rows[place]) if place < len(rows) else None
