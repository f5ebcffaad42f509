"""What must hold after every step, whatever the input was: the judge of the fuzzer.

* Only documented errors leave the engine and the reads.
* A refused frame has changed no level and no sequence of any book.
* `Book.check()` finds nothing; a LIVE book is not crossed; reads that say the same thing agree.
* A book that is not LIVE is not readable, and a LIVE one is.
"""

from __future__ import annotations

import contextlib
import random

import numpy as np

from bitmart_book import (
    BookNotLive,
    BookState,
    Change,
    Engine,
    FeedClosed,
    LimitError,
    MessageError,
    NumberError,
    UsageError,
)
from tests.fuzz.stories import VENUES

__all__ = ["Finding", "Watch", "play"]

ROWS = 96
# Books that are made beforehand, by venue.
KNOWN = {
    None: ("BTC_USDT", "BTCUSDT"),
    "kraken": ("BTC/USD",),
    "okx": ("BTC-USDT",),
    "bybit": ("BTCUSDT",),
    "several": ("kraken:BTC/USD", "okx:BTC-USDT", "bybit:BTCUSD"),
    "strange": ("~A",),
}
# Longer texts would be cut by a log, or fill it.
LONGEST_ERROR = 1_000
LOST = tuple(state for state in BookState if state not in ("LIVE", "CLOSED", "REJECTED"))
ALL_BITS = sum(value for name, value in vars(Change).items() if name.isupper())


class Finding(AssertionError):
    """Something that must not happen has happened."""


def _reads():
    """Every read of a book, with arguments that are seldom kind."""
    prices = ["1", "10.00", "10.01", "999", 9.99, 1e-18, "9223372036854775807", "1e400", "x", -1, 0]
    amounts = ["0", "1", 0.5, "1e30", 10**30, "9223372036854775807", "1e-18", "1e400", "NaN"]
    steps = ["0.01", 1, "1000", "1e-18", "1e18", "0", "7", "1e200", 0.3]
    depths = [None, 0, 1, 5, 10**30, -1, True]
    out = np.empty((5, 2)), np.empty((7, 2))

    def cycle(name, values, **more):
        place = 0

        def read(book):
            nonlocal place
            place = (place + 1) % len(values)
            side = ("bid", "ask")[place & 1]
            value = values[place]
            if name == "sweep":
                more_or_less = ("notional", "size", "limit")[place % 3]
                sweep = book.sweep(side, **{more_or_less: value})
                return sweep.fills, sweep.next_price, sweep.exact
            if name in ("size_at", "size_within"):
                return getattr(book, name)(side, value, **more)
            return getattr(book, name)(value, **more)

        return read

    plain = [
        "best_bid", "best_ask", "best_bid_price", "best_ask_price", "best_bid_size",
        "best_ask_size", "mid", "spread", "spread_bps", "microprice", "bids", "asks",
    ]  # fmt: skip
    reads = [lambda book, name=name: getattr(book, name) for name in plain]
    reads += [
        cycle("imbalance", [1, 5, 10**30, 0, -1]),
        cycle("depth", depths),
        cycle("depth", depths, exact=True),
        lambda book: book.depth(out=out),
        lambda book: book.depth(3, out=out),
        cycle("size_at", prices),
        cycle("sweep", amounts),
        lambda book: book.total_size("bid"),
        lambda book: book.total_size("ask", 3),
        cycle("size_within", ["0", 10, "10000", 1e9, "1e400", "-1"]),
        cycle("size_within", ["0", 10, "10000", 1e9, "-1"], of="mid"),
        cycle("grouped", steps),
        cycle("grouped", steps, n=3),
        lambda book: book.complete_depth("bid"),
        lambda book: book.complete_depth("ask"),
        lambda book: book.peek().depth(exact=True),
        lambda book: book.quote.exact,
        lambda book: book.quote == book.quote,
        _guarded,
    ]
    always = [
        "state", "reason", "epoch", "sequence", "confirmed_by", "valid_until", "exchange_time_ms",
        "receive_time_ns", "last_trade", "last_change", "stats",
    ]  # fmt: skip
    reads += [lambda book, name=name: getattr(book, name) for name in always]
    reads += [repr, lambda book: book.explain(), lambda book: book.quote_in_any_state(3)]
    return reads


def _guarded(book):
    with book.guard(max_age=5.0, max_spread_bps=1000) as quote:
        return quote


READS = _reads()
READS_EACH_STEP = 2


class Watch:
    """An engine that is used and watched. `refused`, `live`, `bits`, `live_channels` count."""

    def __init__(self, options, kind=Engine):
        self.now = 1_000_000_000
        self.engine = self._make(kind, options)
        self._twin = self._make(kind, options, scan=False) if options.get("twin") else None
        self.refused = self.live = self.bits = 0
        self.live_channels = set()
        self._marks = {book: self._mark(book) for book in self.engine.books}
        self._read = 0

    def _make(self, kind, options, **more):
        engine = kind(
            clock=(lambda: self.now) if options["clocked"] else None,
            max_levels=options["max_levels"],
            max_books=options["max_books"],
            only_known=options["only_known"],
            venue=VENUES.get(options.get("venue")),
            **more,
        )
        if options["only_known"]:
            for symbol in KNOWN[options.get("venue")]:
                engine.book(symbol)
        return engine

    # --- steps ---

    def step(self, step):
        kind = step.kind
        if kind == "view":
            # numpy's memory ends with its last byte: one read too many is seen.
            self._frame(memoryview(np.frombuffer(step.data, np.uint8).copy()), step.generation)
        elif kind == "frame":
            self._frame(step.data, step.generation)
        elif kind == "text":
            self._frame(step.data.decode("utf-8", "surrogateescape"), step.generation)
        else:
            self._called(kind, int(step.data), step.generation)

    def _frame(self, frame, generation):
        engine, marks = self.engine, self._marks
        try:
            change = engine.apply(frame, 5, generation=generation)
        except (MessageError, LimitError) as error:
            self._refusal(error)
            if self._twin is not None:
                self._compare(frame, generation, type(error))
            return
        if type(change) is not int or change & ~ALL_BITS:
            raise Finding(f"apply returned {change!r}")
        self.bits |= change
        touched = engine.touched
        if change & ~(Change.OTHER | Change.TRADE) and not touched:
            raise Finding(f"{Change.names(change)} and no book was touched")
        for book in touched:
            book.check()
            marks[book] = self._mark(book)
            self._look(book)
        for book in engine.books:
            # Of others only the sequence may have advanced, or they are new and empty.
            mark = marks.get(book)
            if mark is None:
                marks[book] = self._mark(book)
            elif mark[0] != book.sequence:
                marks[book] = (book.sequence, *mark[1:])
        if not touched and marks:
            self._look(next(iter(marks)))
        if self._twin is not None:
            self._compare(frame, generation, change)

    def _refusal(self, error):
        self.refused += 1
        if len(str(error)) > LONGEST_ERROR:
            raise Finding(f"an error message of {len(str(error))} characters")
        marks = self._marks
        for book in self.engine.books:
            mark = marks.get(book)
            now = self._mark(book)
            if mark is None:
                # A snapshot that cannot be held makes a book, to say so; and of a frame with
                # too many symbols some may have books already when the last one gets none.
                if not isinstance(error, (NumberError, LimitError)):
                    raise Finding(f"a refused frame made {book!r}")
                marks[book] = now
            elif mark != now:
                raise Finding(f"a refused frame changed {book!r}")
            book.check()
        for book in self.engine.touched:
            self._look(book)

    def _compare(self, frame, generation, answer):
        """The same frame to the engine that decodes everything: the same answer, the same books."""
        try:
            other = self._twin.apply(frame, 5, generation=generation)
        except (MessageError, LimitError) as error:
            other = type(error)
        if other != answer:
            raise Finding(f"scanned, the frame gives {answer}; decoded, {other}")
        for book, twin in zip(self.engine.books, self._twin.books, strict=True):
            if self._all_of(book) != self._all_of(twin):
                raise Finding(f"scanned, the frame makes {book!r}; decoded, {twin!r}")

    def _all_of(self, book):
        return (
            book.symbol, book.channel, book.state, book.reason, book.epoch, book.sequence,
            book.exchange_time_ms, book.confirmed_by, book.last_trade, book.stats, self._mark(book),
        )  # fmt: skip

    def _mark(self, book):
        """All that a refused frame must leave as it is."""
        copy = book.peek()
        counts = copy.depth(out=_MARK)
        return copy.sequence, counts, _MARK[0].tobytes(), _MARK[1].tobytes()

    # --- calls ---

    def _called(self, name, number, generation):
        if name == "tick":
            self.now += number * 30_000
        for engine in (self.engine, self._twin):
            if engine is not None and name != "tick":
                self._call(engine, name, number, generation)
        for book in self.engine.books:
            book.check()
            self._marks[book] = self._mark(book)

    def _call(self, engine, name, number, generation):
        if name in ("hold", "release", "open_line", "forget"):
            name = "forget_generation" if name == "forget" else name
            more = {"hold": ("held",), "open_line": (5.0,)}.get(name, ())
            getattr(engine, name)(generation, *more)
            return
        if name == "finish":
            engine.finish("the end")
            return
        books = engine.books
        if not books:
            return
        book = books[number % len(books)]
        # FeedClosed, or a clock that a book does not have: what a call says that cannot be done.
        with contextlib.suppress(UsageError, FeedClosed):
            if name == "expect":
                engine.expect(book)
            elif name == "invalidate" and book.state not in (BookState.REJECTED, BookState.CLOSED):
                state = LOST[number % len(LOST)]
                if state != BookState.STALE or book.state in (BookState.LIVE, BookState.STALE):
                    engine.invalidate(book, "said so", state=state)
            elif name == "assign":
                engine.assign(book, generation)
            elif name == "confirm":
                engine.confirm(book, self.now + number * 20_000)
            elif name == "close_book":
                engine.close_book(book)
                self._marks.pop(book, None)
                for read in READS:
                    self._try(read, book)
            elif name == "clear":
                book.clear()
            elif name == "by_hand" and "ncrease" in book.channel:
                self._by_hand(book, number)

    def _by_hand(self, book, number):
        chance = random.Random(number)
        sides = [_hand_rows(chance), _hand_rows(chance)]
        sequence = chance.choice([None, None, book.sequence, (book.sequence or 0) + 1, 5])
        before = self._mark(book)
        try:
            if chance.random() < 0.5:
                book.apply_snapshot(*sides, sequence)
            elif chance.random() < 0.5:
                book.apply_delta(*sides, sequence)
            else:
                last = (book.sequence or 0) + chance.choice([1, 1, 3, -2])
                previous = chance.choice([None, book.sequence, last - 1])
                book.apply_delta(
                    *sides, (max(0, last - 2), max(0, last)), previous=previous, price_step="0.01"
                )
        except UsageError:
            if self._mark(book) != before:
                raise Finding(f"refused rows changed {book!r}") from None

    # --- reads ---

    def _look(self, book):
        """The invariants of one book, and the next few of all reads."""
        state = book.state
        if state is BookState.LIVE:
            self.live += 1
            self.live_channels.add(book.channel)
            self._agree(book)
        for _ in range(READS_EACH_STEP):
            self._read = (self._read + 1) % len(READS)
            self._try(READS[self._read], book)
        if book.state is not state:
            raise Finding(f"a read changed {state} to {book!r}")

    def _agree(self, book):
        quote = book.quote
        bid, ask = quote.bid, quote.ask
        if bid != book.best_bid_price or ask != book.best_ask_price:
            raise Finding(f"the quote and the best prices of {book!r} differ")
        if bid is not None and ask is not None and bid >= ask:
            exact = quote.exact
            if exact[0] >= exact[2]:
                raise Finding(f"LIVE and crossed: {book!r}")
        bids, asks = book.depth(out=_TOP)
        if (bids == 0) != (bid is None) or (asks == 0) != (ask is None):
            raise Finding(f"the quote and the depth of {book!r} differ")
        if bids and _TOP[0][0, 0] != bid or asks and _TOP[1][0, 0] != ask:
            raise Finding(f"the quote and the depth of {book!r} differ")

    def _try(self, read, book):
        try:
            read(book)
        except BookNotLive as error:
            if book.state is BookState.LIVE and type(error) is BookNotLive:
                raise Finding(f"a LIVE book was not readable: {book!r}") from None
        except UsageError:
            pass


_MARK = np.empty((ROWS, 2)), np.empty((ROWS, 2))
_TOP = np.empty((2, 2)), np.empty((2, 2))


def _hand_rows(chance):
    """Rows as a user may give them, good and bad, of every kind."""
    count = chance.randrange(5)
    values = ["1", "0", 2.5, 0.1, 10**6, "1e-18", "9e18", 1e300, float("nan"), None, -1, "x"]
    rows = [(chance.choice(values[:7]), chance.choice(values[:7])) for _ in range(count)]
    kind = chance.randrange(8)
    if kind == 0:
        return np.array([(chance.random() * 100, chance.choice((0.0, 1.0))) for _ in range(count)])
    if kind == 1:
        return np.array([(chance.choice((1.0, 1e300, -1.0, float("inf"))), 1.0)] * 3)[::2]
    if kind == 2:
        rows.append((chance.choice(values), chance.choice(values)))
    elif kind == 3:
        rows.append(chance.choice([None, "12", (1,), (1, 2, 3), 5]))
    elif kind == 4:
        return chance.choice([None, 5, "ab", {}, np.zeros((2, 3)), np.zeros(4), iter(rows)])
    return rows


def play(case, kind=Engine, *, before_step=None):
    """Play a case to its end; returns the watch. Raises what is a finding."""
    watch = Watch(case.options, kind)
    for number, step in enumerate(case.steps):
        if before_step is not None:
            before_step(number)
        watch.step(step)
    return watch
