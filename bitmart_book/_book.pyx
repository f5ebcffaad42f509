# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: auto_pickle=False, autotestdict=False, embedsignature=True, embedsignature.format=clinic
"""The compiled order book and the engine that feeds it raw frames.

No I/O, no clock of its own unless asked for one, no venue words: an `Engine` is told by channel
descriptors what a frame looks like. Inside, prices and sizes are int64 mantissas at a decimal
scale; a float or a Decimal exists only in the answer to a read.

Every write follows one order: parse the whole frame into scratch rows, check that every number
can be held, and only then touch a ladder. A frame that is refused has changed no level.
"""

import os
import re
from decimal import Decimal
from fractions import Fraction

import msgspec

from bitmart_book.errors import (
    BookNotLive,
    FeedClosed,
    GuardRefused,
    InvariantError,
    LimitError,
    MessageError,
    NumberError,
    UsageError,
)
from bitmart_book.model import BookState, Change

cimport cython
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_STRIDED_RO,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_Check, PyLong_CheckExact
from cpython.mem cimport PyMem_Free
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.unicode cimport PyUnicode_Check, PyUnicode_CheckExact
from libc.math cimport NAN, isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from bitmart_book.native.clock cimport is_before, monotonic_ns
from bitmart_book.native.double cimport number_of_double
from bitmart_book.native.json cimport LONGEST_WORD, Span, pack_word
from bitmart_book.native.ladder cimport (
    Cursor,
    Demand,
    IndexedRung,
    Ladder,
    best_first,
    ladder_ask,
    ladder_begin,
    ladder_best,
    ladder_copy,
    ladder_exchange,
    ladder_count_from,
    ladder_equal,
    ladder_expect,
    ladder_fault,
    ladder_fits,
    ladder_fold,
    ladder_free,
    ladder_join,
    ladder_lay_out,
    ladder_length,
    ladder_load,
    ladder_move,
    ladder_put,
    ladder_rescale,
    ladder_reserve,
    ladder_settle,
    ladder_size,
    ladder_trim,
    ladder_worst,
    next_better,
    next_worse,
    no_demand,
    worst_first,
)
from bitmart_book.native.scan cimport (
    ITEM_FULL,
    ITEM_SIDE,
    ITEM_SNAPSHOT,
    ITEM_UPDATE,
    Item,
    ItemKind,
    Row,
    Rows,
    Words,
    find_topic,
    is_among,
    scan_frame,
    topic_name,
)
from bitmart_book.native.number cimport (
    INT64_LIMIT,
    MAX_SCALE,
    NUMBER_MALFORMED,
    NUMBER_NEGATIVE,
    NUMBER_OK,
    NUMBER_UNHOLDABLE,
    MOST10,
    POW10,
    POW10_DOUBLE,
    Number,
    NumberStatus,
    at_scale,
    holds,
    parse_number,
    to_double,
    widened,
)
from bitmart_book.native.window cimport Rung

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object)
    void* PyUnicode_1BYTE_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    # Borrowed.
    bint PyList_CheckExact(object)
    Py_ssize_t PyList_GET_SIZE(object)
    PyObject* PyList_GET_ITEM(object, Py_ssize_t)
    bint PyTuple_CheckExact(object)
    Py_ssize_t PyTuple_GET_SIZE(object)
    PyObject* PyTuple_GET_ITEM(object, Py_ssize_t)
    bint PyBuffer_IsContiguous(const Py_buffer*, char)
    const char* PyUnicode_AsUTF8AndSize(object, Py_ssize_t*) except NULL
    char* PyOS_double_to_string(double, char, int, int, int*) except NULL

__all__ = ["Book", "Depth", "Engine", "Guard", "Level", "Levels", "Quote", "Sweep", "clock_ns"]

cdef int BID = 0
cdef int ASK = 1
cdef tuple SIDE_NAMES = ("bid", "ask")
# Bid keys are prices, ask keys are negated prices: the best level of either side is the last.
cdef int64_t[2] SIGN
SIGN[0] = 1
SIGN[1] = -1

cdef int64_t NEVER = INT64_LIMIT
cdef object WIDEST_STEP = 10 ** 30
# The deadline of a connection that is held: no time is before it.
cdef int64_t HELD = -1
cdef int64_t KNOWN_FROM_START = -INT64_LIMIT

# Who may read: nobody, anybody before the deadline, anybody (frozen copies).
cdef enum:
    ACCESS_NONE
    ACCESS_LIVE
    ACCESS_FROZEN

cdef enum:
    CONNECTING
    SYNCING
    LIVE
    STALE
    GAP
    CLOSED
    REJECTED

cdef tuple STATES = (
    BookState.CONNECTING,
    BookState.SYNCING,
    BookState.LIVE,
    BookState.STALE,
    BookState.GAP,
    BookState.CLOSED,
    BookState.REJECTED,
)
cdef dict STATE_NUMBERS = {state: number for number, state in enumerate(STATES)}

# The transition table: to which states a book may go from each. CLOSED is for good; a REJECTED
# book starts afresh or closes.
cdef int[7] ALLOWED
ALLOWED[CONNECTING] = 0b1111111
ALLOWED[SYNCING] = 0b1111111
ALLOWED[LIVE] = 0b1111111
ALLOWED[STALE] = 0b1111111
ALLOWED[GAP] = 0b1111111
ALLOWED[CLOSED] = 1 << CLOSED
ALLOWED[REJECTED] = 1 << REJECTED | 1 << CLOSED | 1 << SYNCING | 1 << CONNECTING | 1 << LIVE | 1 << STALE

# What `_apply_scanned` returns for a frame that the general decoder has to read: no Change bits.
cdef int NOT_SCANNED = 1 << 30

cdef int SNAPSHOT_BIT = Change.SNAPSHOT
cdef int LEVELS_BIT = Change.LEVELS
cdef int TOP_BIT = Change.TOP
cdef int TRADE_BIT = Change.TRADE
cdef int HEARTBEAT_BIT = Change.HEARTBEAT
cdef int DUPLICATE_BIT = Change.DUPLICATE
cdef int GAP_BIT = Change.GAP
cdef int BUFFERED_BIT = Change.BUFFERED
cdef int CROSSED_BIT = Change.CROSSED
cdef int OTHER_BIT = Change.OTHER

# A run of frames below the book's sequence that are not repeats: the venue's counter restarted.
cdef int STALE_RUN = 3
# Bounds on what a hostile or broken server can make us hold. The largest real frame seen is a
# 1.1 MB snapshot; websockets and most servers stop at 1 MiB, so 4 MiB leaves room.
DEFAULT_MAX_FRAME_BYTES = 4 * 1024 * 1024
DEFAULT_MAX_LEVELS = 50_000
DEFAULT_MAX_BOOKS = 2_000
cdef Py_ssize_t MAX_ROWS = 20_000
# A frame of so many levels with four members each has fewer. Decoded, every value is an object, and
# small ones take forty times their text.
cdef Py_ssize_t MAX_COMMAS = 100_000
cdef Py_ssize_t MAX_OBJECTS = 25_000
cdef Py_ssize_t MAX_BUFFERED_FRAMES = 1_000
cdef Py_ssize_t MAX_BUFFERED_ROWS = 4 * 1024 * 1024 // sizeof(Row)

# Symbols of the wire are taken verbatim; refused is only what could not be told apart in a topic or
# a log line. What a user may ask for is the venue's business, and narrower.
cdef object SYMBOL = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
cdef object SYMBOL_IN_BYTES = re.compile(rb'"symbol"\s*:\s*"([A-Za-z0-9_.\-]{1,64})"')


def clock_ns():
    """int, nanoseconds of the clock that "monotonic" means: it never goes back, and where the
    system can tell it goes on while the machine sleeps."""
    return monotonic_ns()


class _BareNumber(str):
    """The text of a JSON number that is no integer: no digit passes through a double."""

    __slots__ = ()


cdef object _decode = msgspec.json.Decoder(float_hook=_BareNumber).decode

# Which process a book belongs to: a child made by fork() must not serve its parent's book.
cdef int process_generation = 0


def _after_fork():
    global process_generation
    process_generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

# What `Engine()` and `Book()` speak when they are not told: set once by the package, because
# this module knows shapes and no venue.
cdef object default_venue = None


def _set_default_venue(venue):
    global default_venue
    default_venue = venue


# How a book looks in a notebook: a function of a frozen copy, set by the package.
cdef object display_html = None


def _set_display(html):
    global display_html
    display_html = html


include "native/arrays.pxi"
include "native/values.pxi"
include "native/rows.pxi"


cdef class Book:
    """The order book of one symbol on one channel.

    By itself it is fed by hand or with raw frames of its own symbol; an `Engine` makes and feeds
    books of many. One thread writes; any thread may read, and one call is consistent.

    `clock` is a callable that returns monotonic nanoseconds, or "monotonic" for the machine's
    own, read in C. With a clock a book is STALE when nothing has confirmed it for `valid_for`
    seconds; without one it never is. Each side holds at most `max_levels` levels; worse ones are
    dropped after each frame.
    """

    def __cinit__(self):
        self.symbol = ""
        self.market = ""
        self.channel = ""
        self._state = CLOSED
        self._access = ACCESS_NONE
        self._deadline = NEVER
        self._sequence = -1
        self._exchange_time = -1
        self._held_sequence = -1
        self._overtaken_from = -1
        self._ladders[0].known_from = KNOWN_FROM_START
        self._ladders[1].known_from = KNOWN_FROM_START
        self._buffer = []
        self._process = process_generation

    def __init__(
        self, symbol, *, channel=None, market=None, clock=None, valid_for=10.0,
        max_levels=DEFAULT_MAX_LEVELS,
    ):
        if not isinstance(symbol, str):
            raise UsageError(f"a symbol must be str, was {type(symbol).__name__}")
        profile, found = default_venue.book_channel(symbol, channel=channel, market=market)
        self._set_up(
            symbol, _Channel(profile.market, found), clock, seconds_to_ns(valid_for),
            level_limit(max_levels),
        )

    cdef int _set_up(
        self, str symbol, _Channel spec, object clock, int64_t valid_for, Py_ssize_t max_levels
    ) except -1:
        if not (clock is None or clock == "monotonic" or callable(clock)):
            raise UsageError(f'clock must be None, "monotonic" or a callable, was {clock!r}')
        self.symbol = symbol
        self.market = spec.market
        self.channel = spec.name
        self._spec = spec
        self._native_clock = isinstance(clock, str)
        self._clock = clock
        self._valid_for = valid_for
        self._max_levels = max_levels
        self._state = SYNCING
        self._reason = "no snapshot yet"
        self._since = None if clock is None else self._now()
        return 0

    def __dealloc__(self):
        ladder_free(&self._ladders[0])
        ladder_free(&self._ladders[1])
        Py_XDECREF(self._shown[0])
        Py_XDECREF(self._shown[1])

    def __reduce__(self):
        raise TypeError("a Book cannot be pickled or copied; pickle what you read from it")

    # --- state ---

    cdef int64_t _now(self) except? -1:
        if self._native_clock:
            return monotonic_ns()
        if self._clock is None:
            return 0
        return self._clock()

    @cython.final
    cdef int64_t _ends(self) noexcept:
        """When LIVE ends by itself: at the book's own deadline or at its connection's."""
        if self._line is not None and self._line.deadline < self._deadline:
            return self._line.deadline
        return self._deadline

    cdef bint _lapsed(self) except -1:
        if self._deadline == NEVER:
            return False
        if self._native_clock:
            return not is_before(self._ends(), self._valid_for)
        return self._now() >= self._ends()

    @cython.final
    cdef int _require_live(self) except -1:
        if self._access == ACCESS_LIVE and self._process == process_generation:
            if self._deadline == NEVER:
                return 0
            if self._native_clock:
                if is_before(self._ends(), self._valid_for):
                    return 0
            elif self._now() < self._ends():
                return 0
        elif self._access == ACCESS_FROZEN:
            return 0
        raise self._not_live()

    @cython.final
    cdef int _require_live_at(self, int64_t now) except -1:
        """The same for a time that has been read already."""
        if self._access == ACCESS_LIVE and self._process == process_generation:
            if self._deadline == NEVER or now < self._ends():
                return 0
        elif self._access == ACCESS_FROZEN:
            return 0
        raise self._not_live()

    cdef object _not_live(self):
        return BookNotLive(self.symbol, self.state, self.reason, self._since_now(), self._epoch)

    cdef object _since_now(self):
        # A deadline that lapsed ended LIVE by itself, before anybody announced it.
        if self._state == LIVE and self._clock is not None and self._deadline != NEVER:
            ends = self._ends()
            return self._line.held_at if ends == HELD else ends
        return self._since

    cdef int _require_writable(self) except -1:
        if self._access == ACCESS_FROZEN:
            raise UsageError("this is a frozen copy, made by peek()")
        if self._process != process_generation:
            raise FeedClosed("the book belongs to the process that made it; this is a forked child")
        if self._state == CLOSED:
            raise FeedClosed(f"the book of {self.symbol} is closed")
        return 0

    @property
    def state(self):
        """The `BookState` now, deadline included. Never raises."""
        if self._access == ACCESS_FROZEN:
            return STATES[self._state]
        if self._process != process_generation:
            return BookState.CLOSED
        if self._state == LIVE and self._lapsed():
            return BookState.STALE
        return STATES[self._state]

    @property
    def reason(self):
        """Why the book is in its state, as a sentence; None while it is simply LIVE."""
        if self._access == ACCESS_FROZEN:
            return self._reason
        if self._process != process_generation:
            return "closed in a forked child"
        if self._state == LIVE and self._lapsed():
            if self._line is None or self._deadline <= self._line.deadline:
                return f"not confirmed for {self._valid_for / 1e9:g} s"
            if self._line.deadline == HELD:
                return self._line.reason
            return f"nothing heard on its connection for {self._line.valid_for / 1e9:g} s"
        return self._reason

    @property
    def unit(self):
        """What sizes count: "base", the base currency, or "contracts"."""
        return self._spec.unit

    @property
    def epoch(self):
        """Number of the current unbroken run; 0 before the first."""
        return self._epoch

    @property
    def sequence(self):
        """The venue's counter after the last applied frame; None where it has none."""
        return None if self._sequence < 0 else self._sequence

    @property
    def confirmed_by(self):
        """What last confirmed the book: "snapshot", "update", "heartbeat", ...; None before."""
        return self._confirmed_by

    @property
    def valid_until(self):
        """Clock time (ns) until which the book is LIVE unless confirmed again; None: no deadline."""
        return None if self._deadline == NEVER else max(self._ends(), 0)

    @property
    def exchange_time_ms(self):
        """The venue's stamp on the last applied frame, milliseconds since 1970, or None."""
        return None if self._exchange_time < 0 else self._exchange_time

    @property
    def receive_time_ns(self):
        """Wall-clock time of receipt of the last applied frame, as the caller gave it, or None."""
        return self._receive_time

    @property
    def last_trade(self):
        """The last public `Trade` of the symbol that the engine saw, or None. Never raises."""
        return self._last_trade

    @property
    def last_change(self):
        """`Change` bits of the last frame that changed this book."""
        return self._change

    @property
    def stats(self):
        """dict of counters of everything that happened to this book."""
        cdef Counters counters = self._counters
        return counters

    cdef int _become(self, int state, object reason) except -1:
        if not ALLOWED[self._state] >> state & 1:
            raise InvariantError(
                f"{self.symbol}: a {STATES[self._state]} book cannot become {STATES[state]}"
            )
        if state == LIVE:
            self._epoch += 1
            self._access = ACCESS_LIVE
        elif self._state != state or self._access == ACCESS_LIVE:
            self._access = ACCESS_NONE
            self._since = None if self._clock is None else self._now()
        if state != LIVE:
            self._deadline = NEVER
        self._state = state
        self._reason = reason
        self._refused = False
        return 0

    cdef bint _is_synced(self) noexcept:
        """Whether updates continue what is held. Nothing continues a snapshot that was crossed: an
        update that happens to end the crossing does not make the rest of it right."""
        return self._state == LIVE or (self._state == STALE and not self._refused)

    cdef int _confirm(self, object by) except -1:
        self._confirmed_by = by
        if self._clock is not None:
            self._confirmed_at = self._heard_at if self._heard_at != 0 else self._now()
            if self._deadline != NEVER and self._confirmed_at >= self._deadline:
                self._counters.lapses += 1
            self._deadline = self._confirmed_at + self._valid_for
        return 0

    cdef int _forget(self) except -1:
        """Drop everything that a later snapshot must not be joined to."""
        cdef int i
        self._buffer = []
        self._buffered_rows = 0
        self._staged = None
        self._stale_run = 0
        self._held_sequence = -1
        self._overtaken_from = -1
        self._expected = False
        self._side_seen[0] = False
        self._side_seen[1] = False
        for i in range(RECENT):
            self._recent_sequence[i] = -1
        return 0

    cdef int _adopt(self, int64_t generation, _Line line) except -1:
        """Frames now come over a newer connection: nothing continues what the older one said."""
        if self._generation != 0 and self._state not in (CLOSED, REJECTED):
            self._forget()
            self._become(SYNCING, "new connection, no snapshot yet")
        self._generation = generation
        self._line = line
        return 0

    cdef int _refuse(self, object reason) except -1:
        """A frame of this book could not be read: whether it was the next update is unknowable."""
        self._counters.bad_frames += 1
        if self._spec.kind == ITEM_UPDATE and self._state in (LIVE, STALE):
            self._counters.gaps += 1
            self._become(GAP, reason)
            return GAP_BIT
        return 0

    # --- writing by hand ---

    def apply(self, frame, receive_time_ns=None):
        """Apply one raw frame of this book's own channel and symbol; returns `Change` bits.

        frame: bytes, bytearray, memoryview or str. Raises MessageError for a frame that is not of
        the documented shape and UsageError for one of another book; neither changes a level.
        """
        self._require_writable()
        cdef Engine engine
        if self._standalone is None:
            engine = Engine()
            engine._own(self)
            self._standalone = engine
        engine = <Engine>self._standalone
        return engine._apply(frame, receive_time_ns, 0, self)

    def apply_snapshot(
        self, bids, asks, sequence=None, *, exchange_time_ms=None, receive_time_ns=None
    ):
        """Replace the whole book; returns `Change` bits.

        bids, asks: rows of (price, size), each str, Decimal, int or float, in any order, or a
        float array of shape (n, 2). A float means its shortest repr. Of rows with one price the
        last wins; size zero is no level. Raises UsageError for NaN, infinite, negative or
        unreadable numbers, and then nothing has changed.
        """
        return self._by_hand(
            ITEM_SNAPSHOT, bids, asks, sequence, exchange_time_ms, receive_time_ns
        )

    def apply_delta(
        self, bids, asks, sequence=None, *, exchange_time_ms=None, receive_time_ns=None
    ):
        """Set the sizes at some prices; size zero removes a level. Returns `Change` bits.

        Rows as for `apply_snapshot`. A `sequence` must continue the book's: a later one returns
        GAP and applies nothing, an earlier one returns DUPLICATE. `sequence=None` is not checked.
        Before a snapshot nothing is applied: a counted update is kept for it, any other is a GAP.
        """
        return self._by_hand(ITEM_UPDATE, bids, asks, sequence, exchange_time_ms, receive_time_ns)

    cdef object _by_hand(
        self, ItemKind kind, object bids, object asks, object sequence, object exchange_time,
        object receive_time
    ):
        self._require_writable()
        if self._scratch is None:
            self._scratch = _Scratch()
        cdef _Scratch scratch = self._scratch
        cdef Item* item
        cdef Scales now, wanted
        cdef Misfit misfit
        cdef int side
        scratch.clear()
        scratch.busy = True
        try:
            item = scratch.add_item(kind)
            if sequence is not None:
                item.sequence = counter(sequence, "sequence")
            if exchange_time is not None:
                item.exchange_time = counter(exchange_time, "exchange_time_ms")
            now.price = self._price_scale
            now.size = self._size_scale
            for side in range(2):
                item.first[side] = scratch.n_rows
                item.present[side] = True
                rows_by_hand(scratch, bids if side == BID else asks, side, now)
                item.count[side] = scratch.n_rows - item.first[side]
            # Odd rows run anybody's code.
            now.price = self._price_scale
            now.size = self._size_scale
            item.fitting = fits(scratch.rows, item, now.price, now.size, &misfit)
            if not (
                item.fitting
                or plan(self._ladders, now, scratch.rows, item, &wanted, &misfit)
            ):
                raise UsageError(
                    f"{self.symbol} {SIDE_NAMES[misfit.side]} row {misfit.row}: the numbers have "
                    "more digits than can be held exactly"
                )
            return self._apply_item(scratch, scratch.rows, item, receive_time, True)
        finally:
            scratch.busy = False

    def clear(self):
        """Forget every level; the book is SYNCING until its next snapshot."""
        self._require_writable()
        self._forget()
        ladder_free(&self._ladders[0])
        ladder_free(&self._ladders[1])
        self._sequence = -1
        self._become(SYNCING, "cleared, no snapshot yet")

    # --- writing ---

    cdef int _apply_item(
        self, _Scratch scratch, const Row* rows, Item* item, object receive_time, bint by_hand
    ) except -1:
        """Apply one checked item; returns Change bits. The numbers are known to fit."""
        cdef int change
        self._heard_at = item.heard
        if self._state == CLOSED or (self._state == REJECTED and not by_hand):
            self._counters.ignored += 1
            return 0
        if item.kind == ITEM_SNAPSHOT:
            change = self._apply_snapshot(scratch, rows, item, by_hand)
        elif item.kind == ITEM_UPDATE:
            change = self._apply_update(rows, item)
        elif item.kind == ITEM_FULL:
            change = self._apply_full(scratch, rows, item)
        else:
            change = self._apply_side(scratch, rows, item)
        if change & (SNAPSHOT_BIT | LEVELS_BIT | HEARTBEAT_BIT) or change == 0:
            if receive_time is not None:
                self._receive_time = receive_time
        return change

    cdef bint _can_hold(self, const Row* rows, Item* item) noexcept:
        """Whether the numbers of an item can be held exactly, and it can be applied, now."""
        cdef Scales now, wanted
        cdef Misfit misfit
        now.price = self._price_scale
        now.size = self._size_scale
        item.fitting = fits_at_a_glance(item, now) or fits(rows, item, now.price, now.size, &misfit)
        return item.fitting or plan(self._ladders, now, rows, item, &wanted, &misfit)

    cdef int _apply_snapshot(
        self, _Scratch scratch, const Row* rows, Item* item, bint by_hand
    ) except -1:
        cdef bint was_live = self._state == LIVE
        cdef bint same_sequence = item.sequence >= 0 and item.sequence == self._sequence
        cdef bint announced = self._expected
        cdef bint complete = True
        cdef int change
        cdef int64_t before_sequence = self._sequence
        cdef Rung[2] before
        cdef bint[2] had
        cdef Scales scales
        if not by_hand and self._is_synced() and item.sequence < self._sequence:
            # A late reply to an old request: showing it would be showing an older book as live.
            self._counters.held_snapshots += 1
            if self._expected and self._stale_run > 0:
                # What was asked for, and updates too, are of a lower count.
                return self._restarted(item.sequence)
            self._held_sequence = item.sequence
            self._stale_run += 1
            if self._stale_run >= STALE_RUN:
                return self._restarted(item.sequence)
            return DUPLICATE_BIT
        self._expected = False
        if not by_hand and not has_levels(rows, item):
            self._empty_snapshots += 1
            if self._empty_snapshots < 2:
                # An empty contract and a server that is not ready look the same: ask once more.
                self._become(SYNCING, "empty snapshot, waiting for a second one")
                return GAP_BIT
        self._counters.snapshots += 1
        remember_top(self, before, had, &scales)
        if announced and same_sequence and self._is_synced():
            change = self._audit(scratch, rows, item)
            if change >= 0:
                change |= top_change(self, before, had, scales, was_live)
                return self._merged(change, item)
        change = self._load_sides(scratch, rows, item, 0 if by_hand else self._window())
        # Updates that the snapshot has overtaken on their way are no sign of a restarted counter.
        self._overtaken_from = before_sequence if before_sequence < item.sequence else -1
        self._sequence = item.sequence
        self._exchange_time = item.exchange_time
        self._empty_snapshots = 0
        self._stale_run = 0
        self._held_sequence = -1
        if item.sequence < 0:
            # Nothing that was counted can be joined to a snapshot that was not.
            self._buffer = []
            self._buffered_rows = 0
        change |= self._drain(&complete)
        self._trim()
        if by_hand and not complete:
            # Whoever feeds a book by hand decides what it continues from.
            self._buffer = []
            self._buffered_rows = 0
        elif not complete:
            self._counters.old_snapshots += 1
            self._become(
                self._state if self._state in (SYNCING, GAP) else GAP,
                f"the snapshot {item.sequence} does not reach the updates kept for it",
            )
            return GAP_BIT
        if self._crossed():
            self._counters.crossed += 1
            self._become(STALE, f"crossed snapshot: {self._cross_text()}")
            self._refused = not by_hand
            return change | SNAPSHOT_BIT | CROSSED_BIT
        if self._is_in_the_dark():
            self._become(STALE, "of one side no level is known for certain")
            return change | SNAPSHOT_BIT | GAP_BIT
        if not (was_live and same_sequence and change == 0):
            # A reply that only repeats what is shown confirms the run; anything else starts one.
            self._become(LIVE, None)
        self._confirm("snapshot")
        return change | SNAPSHOT_BIT | top_change(self, before, had, scales, was_live)

    cdef int _merged(self, int change, Item* item) except -1:
        """The reply has been joined to the book, which goes on in the same run."""
        self._counters.merges += 1
        self._empty_snapshots = 0
        self._stale_run = 0
        self._held_sequence = -1
        if item.exchange_time >= 0:
            self._exchange_time = item.exchange_time
        self._trim()
        if self._crossed():
            self._counters.crossed += 1
            self._become(STALE, f"crossed snapshot: {self._cross_text()}")
            self._refused = True
            return change | SNAPSHOT_BIT | CROSSED_BIT
        if self._state == STALE:
            self._become(LIVE, None)
        self._confirm("snapshot")
        return change | SNAPSHOT_BIT

    cdef int _audit(self, _Scratch scratch, const Row* rows, Item* item) except -2:
        """Compare the book with an announced reply of the same sequence, and join the two.

        Returns the Change bits of a merge: levels of the price range that the reply covers are
        the reply's, deeper ones stay, and more is known than before. Returns -1, and has changed
        no level, where the two disagree on something the book should have known; then the reply
        must replace the book.
        """
        cdef Ladder[2] fresh
        cdef Ladder[2] joined
        cdef int64_t[2] covered
        cdef int side
        cdef Py_ssize_t window = self._window()
        cdef Comparison found
        cdef Ladder* mine
        cdef int64_t below
        cdef int change = 0
        cdef Scales now, wanted
        cdef Misfit misfit
        self._counters.audits += 1
        now.price = self._price_scale
        now.size = self._size_scale
        if not plan(self._ladders, now, rows, item, &wanted, &misfit):
            raise InvariantError(f"{self.symbol}: a snapshot was applied without being checked")
        if (
            wanted.price < now.price
            or wanted.size < now.size
            or not ladder_fits(&self._ladders[0], POW10[wanted.price - now.price], POW10[wanted.size - now.size])
            or not ladder_fits(&self._ladders[1], POW10[wanted.price - now.price], POW10[wanted.size - now.size])
        ):
            return -1
        memset(fresh, 0, sizeof(fresh))
        memset(joined, 0, sizeof(joined))
        memset(&found, 0, sizeof(found))
        try:
            loading = scratch.loading_room(max(item.count[0], item.count[1]))
            for side in range(2):
                mine = &self._ladders[side]
                if (
                    ladder_begin(&fresh[side], item.count[side]) < 0
                    or ladder_begin(&joined[side], item.count[side] + ladder_length(mine)) < 0
                ):
                    raise MemoryError
            self._rescale(wanted)
            for side in range(2):
                mine = &self._ladders[side]
                fill_loading(loading, rows, item, side, wanted)
                ladder_load(&fresh[side], loading, item.count[side])
                fresh[side].known_from = KNOWN_FROM_START
                if 0 < window <= ladder_length(&fresh[side]):
                    fresh[side].known_from = ladder_worst(&fresh[side]).key
                ladder_trim(&fresh[side], self._max_levels)
                covered[side] = fresh[side].known_from
                compare_ladders(mine, &fresh[side], covered[side], &found)
            self._counters.audit_mismatches += found.mismatches
            self._counters.ghosts += found.ghosts
            if found.ghosts:
                # The venue does not tell of every level that goes: keep no more than it shows.
                self._narrow = True
            if found.mismatches:
                return -1
            if found.filled or found.ghosts:
                change = LEVELS_BIT
            for side in range(2):
                mine = &self._ladders[side]
                below = covered[side]
                joined[side].known_from = min(mine.known_from, covered[side])
                if self._narrow and ladder_count_from(mine, below) < ladder_length(mine):
                    below = KNOWN_FROM_START
                    joined[side].known_from = covered[side]
                    change = LEVELS_BIT
                ladder_join(&joined[side], mine, below, &fresh[side])
                ladder_expect(&joined[side])
                ladder_move(mine, &joined[side])
        finally:
            for side in range(2):
                ladder_free(&fresh[side])
                ladder_free(&joined[side])
        return change

    cdef int _restarted(self, int64_t sequence) except -1:
        self._counters.gaps += 1
        self._become(
            GAP, f"the venue's counter restarted: expected {self._sequence + 1}, was {sequence}"
        )
        self._stale_run = 0
        self._held_sequence = -1
        return GAP_BIT

    cdef int _apply_update(self, const Row* rows, Item* item) except -1:
        cdef bint empty = item.count[0] + item.count[1] == 0
        cdef int64_t last = self._sequence
        cdef int change
        cdef bint applied = True
        cdef Rung[2] before
        cdef bint[2] had
        cdef Scales scales
        if not self._is_synced():
            if item.sequence < 0:
                return GAP_BIT
            return self._keep(rows, item)
        if item.sequence >= 0 and item.sequence != last + 1 or (last < 0 and item.sequence >= 0):
            if last < 0 or item.sequence > last:
                self._counters.gaps += 1
                expected = "no counter" if last < 0 else last + 1
                self._become(GAP, f"version gap: expected {expected}, was {item.sequence}")
                self._keep(rows, item)
                return GAP_BIT
            if empty and item.sequence == last:
                # BitMart's spot heartbeat repeats the version; it proves that nothing was lost.
                self._counters.heartbeats += 1
                self._stale_run = 0
                if self._state == STALE and (self._crossed() or self._is_in_the_dark()):
                    return HEARTBEAT_BIT
                if self._state == STALE:
                    self._become(LIVE, None)
                self._confirm("heartbeat")
                return HEARTBEAT_BIT
            self._counters.duplicates += 1
            if self._is_repeat(rows, item):
                return DUPLICATE_BIT
            if item.sequence > self._overtaken_from >= 0 and self._held_sequence < 0:
                return DUPLICATE_BIT
            # Below the book and not something it has applied: evidence that the venue's counter
            # restarted. Taking it for a duplicate for ever would freeze the book.
            self._stale_run += 1
            if self._stale_run >= STALE_RUN or (
                self._held_sequence >= 0 and item.sequence == self._held_sequence + 1
            ):
                change = self._restarted(item.sequence)
                self._keep(rows, item)
                return change
            return DUPLICATE_BIT
        if self._is_early_heartbeat(item):
            self._counters.gaps += 1
            self._become(GAP, f"version gap: a heartbeat of {item.sequence} before its update")
            return GAP_BIT
        remember_top(self, before, had, &scales)
        change = self._put_rows(rows, item, &applied)
        if not applied:
            return self._unholdable()
        self._counters.updates += 1
        self._stale_run = 0
        self._overtaken_from = -1
        if item.sequence >= 0:
            self._sequence = item.sequence
            self._remember(rows, item)
        if item.exchange_time >= 0:
            self._exchange_time = item.exchange_time
        self._trim()
        change |= top_change(self, before, had, scales, True)
        if self._crossed():
            return change | self._crossed_gap()
        if self._is_in_the_dark():
            if self._state != STALE:
                self._become(STALE, "of one side no level is known for certain")
            return change | GAP_BIT
        if self._state == STALE:
            self._become(LIVE, None)
        self._confirm("update")
        return change

    cdef bint _is_early_heartbeat(self, const Item* item) noexcept:
        """Whether the next version comes with nothing in it on a channel whose heartbeats repeat
        the version: then its update was lost. Only a feed, which can ask, minds."""
        return (
            self._assigned and not self._spec.empty_advances and item.sequence >= 0
            and item.count[0] + item.count[1] == 0
        )

    cdef bint _is_in_the_dark(self) noexcept:
        """Whether the best price of some side is a guess: all that was known of it has gone, and
        what lay below the venue's window was never told. Only a feed, which can ask, minds."""
        cdef int side
        if not self._assigned:
            return False
        for side in range(2):
            if self._ladders[side].known_from != KNOWN_FROM_START and self._known(side) == 0:
                return True
        return False

    cdef int _crossed_gap(self) except -1:
        self._counters.crossed += 1
        self._counters.gaps += 1
        self._become(GAP, f"crossed: {self._cross_text()}")
        return CROSSED_BIT | GAP_BIT

    cdef int _unholdable(self) except -1:
        """The item can be held by itself, but not beside what has come since it was checked: in
        the same frame, or kept from an earlier one."""
        self._counters.gaps += 1
        self._side_seen[0] = False
        self._side_seen[1] = False
        self._become(GAP, "the numbers have more digits than can be held exactly")
        return GAP_BIT

    cdef int _apply_full(self, _Scratch scratch, const Row* rows, Item* item) except -1:
        """A full picture of an unsequenced channel replaces the book each time."""
        cdef bint was_live = self._state == LIVE
        cdef int change
        cdef Rung[2] before
        cdef bint[2] had
        cdef Scales scales
        if was_live and self._older(item):
            return DUPLICATE_BIT
        if not has_levels(rows, item):
            self._empty_snapshots += 1
            if self._empty_snapshots < 2:
                self._become(SYNCING, "empty picture, waiting for a second one")
                return GAP_BIT
        else:
            self._empty_snapshots = 0
        self._counters.snapshots += 1
        # Updates that were kept by hand have nothing to continue here.
        self._buffer = []
        self._buffered_rows = 0
        remember_top(self, before, had, &scales)
        change = self._load_sides(scratch, rows, item, self._window()) | SNAPSHOT_BIT
        self._exchange_time = item.exchange_time
        self._trim()
        if self._crossed():
            return change | self._crossed_gap()
        if not was_live:
            self._become(LIVE, None)
        self._confirm("picture")
        return change | top_change(self, before, had, scales, was_live)

    cdef bint _older(self, const Item* item) noexcept:
        """Whether a picture is older than the one shown. A few in a row mean a clock was reset."""
        if item.exchange_time < 0 or item.exchange_time >= self._exchange_time:
            self._stale_run = 0
            return False
        self._counters.duplicates += 1
        self._stale_run += 1
        if self._stale_run < STALE_RUN:
            return True
        self._stale_run = 0
        return False

    cdef int _apply_side(self, _Scratch scratch, const Row* rows, Item* item) except -1:
        """One side of an unsequenced channel that sends its sides in turn.

        Between a side and its partner the book may look crossed; such a side waits, unseen,
        until the partner comes.
        """
        cdef int side = BID if item.present[0] else ASK
        cdef bint was_live = self._state == LIVE
        cdef int change
        cdef _Pending staged
        cdef Rung[2] before
        cdef bint[2] had
        cdef Scales scales
        if was_live and self._staged is None and self._older(item):
            return DUPLICATE_BIT
        remember_top(self, before, had, &scales)
        staged = self._staged
        self._staged = None
        if not self._can_hold(rows, item):
            return self._unholdable()
        if was_live and self._would_cross(rows, item, side):
            if staged is None or staged.item.present[side]:
                if staged is not None:
                    # The same side twice and still crossed: no partner is coming to explain it.
                    self._side_seen[1 - side] = False
                    return self._load_sides(scratch, rows, item, self._window()) | self._crossed_gap()
                self._staged = keep_item(rows, item)
                return BUFFERED_BIT
        change = SNAPSHOT_BIT
        if staged is not None and not staged.item.present[side]:
            change |= self._load_sides(scratch, staged.rows, &staged.item, self._window())
            if not self._can_hold(rows, item):
                return change & ~SNAPSHOT_BIT | self._unholdable()
        change |= self._load_sides(scratch, rows, item, self._window())
        self._counters.snapshots += 1
        self._side_seen[side] = True
        self._exchange_time = item.exchange_time
        self._trim()
        if not (self._side_seen[0] and self._side_seen[1]):
            return change & ~SNAPSHOT_BIT
        if self._crossed():
            change |= self._crossed_gap()
            self._side_seen[0] = False
            self._side_seen[1] = False
            return change
        if not was_live:
            self._become(LIVE, None)
        self._confirm("picture")
        return change | top_change(self, before, had, scales, was_live)

    cdef bint _would_cross(self, const Row* rows, const Item* item, int side) noexcept:
        """Whether the best row of one side would meet the other side as it is shown."""
        cdef const Rung* best = ladder_best(&self._ladders[1 - side])
        cdef Py_ssize_t i
        cdef const Row* row
        cdef int64_t price
        cdef int64_t limit
        if best == NULL:
            return False
        limit = best.key * SIGN[1 - side]
        for i in range(item.count[side]):
            row = &rows[item.first[side] + i]
            if row.size.mantissa == 0:
                continue
            price = at_scale(row.price, self._price_scale)
            if price < 0:
                # Finer than the book's scale: cut to it. A cut price meets `limit` exactly when
                # the true one is at or beyond it, but for bids it may fall one short.
                price = row.price.mantissa // POW10[min(-(row.price.exponent + self._price_scale), MAX_SCALE)]
                if side == ASK:
                    price += 1
            if (side == BID and price >= limit) or (side == ASK and price <= limit):
                if not named_again(rows, item, side, i):
                    return True
        return False

    cdef Py_ssize_t _window(self) noexcept:
        return 0 if self._spec.window_kept else self._spec.window

    cdef int _load_sides(
        self, _Scratch scratch, const Row* rows, Item* item, Py_ssize_t window
    ) except -1:
        """Replace the sides that the item holds. Memory is taken before anything changes.

        `window` is where the venue cuts its pictures; 0: this one is whole.
        """
        cdef Ladder* fresh = scratch.fresh
        cdef Scales now, wanted
        cdef Misfit misfit
        cdef IndexedRung* loading
        cdef int side
        cdef int change = 0
        cdef Ladder* old
        now.price = self._price_scale
        now.size = self._size_scale
        if item.fitting:
            wanted = now
        elif not plan(self._ladders, now, rows, item, &wanted, &misfit):
            raise InvariantError(f"{self.symbol}: a snapshot was applied without being checked")
        for side in range(2):
            if item.present[side] and ladder_begin(&fresh[side], item.count[side]) < 0:
                raise MemoryError
        loading = scratch.loading_room(max(item.count[0], item.count[1]))
        if item.kind == ITEM_SIDE:
            # The other side stays and has to follow the scale.
            self._rescale(wanted)
        for side in range(2):
            if not item.present[side]:
                continue
            if not fill_in_order(&fresh[side], rows, item, side, wanted):
                fill_loading(loading, rows, item, side, wanted)
                ladder_load(&fresh[side], loading, item.count[side])
            fresh[side].known_from = KNOWN_FROM_START
            self._counters.trimmed += ladder_trim(&fresh[side], self._max_levels)
            if 0 < window <= ladder_length(&fresh[side]):
                # The picture may have been cut at the window: below its last level nothing is known.
                fresh[side].known_from = ladder_worst(&fresh[side]).key
            old = &self._ladders[side]
            if (
                now.price != wanted.price
                or now.size != wanted.size
                or not ladder_equal(old, &fresh[side])
            ):
                change = LEVELS_BIT
            if item.kind == ITEM_SNAPSHOT:
                ladder_expect(&fresh[side])
            ladder_exchange(old, &fresh[side])
        self._price_scale = wanted.price
        self._size_scale = wanted.size
        return change

    cdef int _rescale(self, Scales wanted) except -1:
        cdef int side
        cdef int64_t price_factor, size_factor
        if wanted.price == self._price_scale and wanted.size == self._size_scale:
            return 0
        if ladder_fold(&self._ladders[0]) < 0 or ladder_fold(&self._ladders[1]) < 0:
            raise MemoryError
        self._counters.widened += 1
        price_factor = POW10[wanted.price - self._price_scale]
        size_factor = POW10[wanted.size - self._size_scale]
        for side in range(2):
            ladder_rescale(&self._ladders[side], price_factor, size_factor)
        self._price_scale = wanted.price
        self._size_scale = wanted.size
        return 0

    cdef int _put_rows(self, const Row* rows, Item* item, bint* applied) except -1:
        """Put an update's rows in order; with `applied` False nothing was changed."""
        cdef Scales now, wanted
        cdef Misfit misfit
        cdef int side
        cdef Py_ssize_t i
        cdef const Row* row
        cdef Ladder* ladder
        cdef Demand demand
        cdef int64_t key, sign
        cdef int64_t[2] best
        cdef bint changed = False
        now.price = self._price_scale
        now.size = self._size_scale
        if item.fitting or fits(rows, item, now.price, now.size, &misfit):
            wanted = now
        elif not plan(self._ladders, now, rows, item, &wanted, &misfit):
            applied[0] = False
            return 0
        if wanted.price != now.price or wanted.size != now.size:
            self._rescale(wanted)
        for side in range(2):
            ladder = &self._ladders[side]
            demand = demand_of(ladder, rows, item, side, wanted)
            best[side] = demand.best
            if ladder_reserve(ladder, demand) < 0:
                raise MemoryError
        for side in range(2):
            ladder = &self._ladders[side]
            sign = 1 if side == 0 else -1
            for i in range(item.count[side]):
                row = &rows[item.first[side] + i]
                key = widened(row.price, wanted.price) * sign
                changed |= ladder_put(ladder, key, widened(row.size, wanted.size))
            ladder_settle(ladder, best[side])
        return LEVELS_BIT if changed else 0

    cdef int _trim(self) except -1:
        cdef Py_ssize_t longest = self._max_levels
        if self._narrow and 0 < self._window() < longest:
            longest = self._window()
        self._counters.trimmed += ladder_trim(&self._ladders[0], longest)
        self._counters.trimmed += ladder_trim(&self._ladders[1], longest)
        return 0

    cdef int _keep(self, const Row* rows, Item* item) except -1:
        """Keep an update until a snapshot arrives that it continues."""
        cdef _Pending tail
        if self._buffer:
            tail = self._buffer[len(self._buffer) - 1]
            if item.sequence == tail.item.sequence:
                self._counters.duplicates += 1
                return DUPLICATE_BIT
            if item.sequence < tail.item.sequence:
                # The counter went back: what was kept belongs to the old count.
                self._buffer = []
                self._buffered_rows = 0
        if (
            len(self._buffer) >= MAX_BUFFERED_FRAMES
            or self._buffered_rows + item.count[0] + item.count[1] > MAX_BUFFERED_ROWS
        ):
            self._counters.buffer_overflows += 1
            self._buffer = []
            self._buffered_rows = 0
            self._reason = "too many updates while waiting for a snapshot"
            return GAP_BIT
        self._buffer.append(keep_item(rows, item))
        self._buffered_rows += item.count[0] + item.count[1]
        self._counters.buffered += 1
        return BUFFERED_BIT

    cdef int _drain(self, bint* complete) except -1:
        """Apply the kept updates that continue the snapshot; says whether all of them do."""
        cdef _Pending pending
        cdef int change = 0
        cdef bint applied = True
        cdef Py_ssize_t used = 0
        cdef int i
        for i in range(RECENT):
            self._recent_sequence[i] = -1
        complete[0] = True
        for pending in self._buffer:
            if pending.item.sequence > self._sequence:
                if self._sequence < 0 or pending.item.sequence != self._sequence + 1:
                    complete[0] = False
                    break
                if self._is_early_heartbeat(&pending.item):
                    complete[0] = False
                    break
                change |= self._put_rows(pending.rows, &pending.item, &applied)
                if not applied:
                    complete[0] = False
                    break
                self._counters.updates += 1
                self._sequence = pending.item.sequence
                self._remember(pending.rows, &pending.item)
                if pending.item.exchange_time >= 0:
                    self._exchange_time = pending.item.exchange_time
            self._buffered_rows -= pending.n_rows
            used += 1
        del self._buffer[:used]
        return change

    cdef uint64_t _digest(self, const Row* rows, const Item* item) noexcept:
        """A number that two different updates hardly ever share."""
        cdef uint64_t digest = <uint64_t>item.count[0] * 1099511628211u
        cdef uint64_t price, size
        cdef int side
        cdef Py_ssize_t i
        cdef const Row* row
        # Each row by itself, so that none waits for the one before; its place is part of it.
        for side in range(2):
            for i in range(item.count[side]):
                row = &rows[item.first[side] + i]
                price = <uint64_t>row.price.mantissa ^ <uint64_t>row.price.exponent << 58
                size = <uint64_t>row.size.mantissa ^ <uint64_t>row.size.exponent << 58
                price = (price + <uint64_t>i) * 0x9E3779B97F4A7C15u + size
                digest += (price ^ price >> 32) * 0xD6E8FEB86659FD93u
        return digest

    cdef bint _is_repeat(self, const Row* rows, Item* item) noexcept:
        cdef int slot = item.sequence & (RECENT - 1)
        return (
            self._recent_sequence[slot] == item.sequence
            and self._recent_digest[slot] == self._digest(rows, item)
        )

    cdef void _remember(self, const Row* rows, Item* item) noexcept:
        cdef int slot = item.sequence & (RECENT - 1)
        self._recent_sequence[slot] = item.sequence
        self._recent_digest[slot] = self._digest(rows, item)

    cdef bint _crossed(self) noexcept:
        """Whether the best bid is not below the best ask; locked counts as crossed."""
        cdef const Rung* bid = ladder_best(&self._ladders[0])
        cdef const Rung* ask = ladder_best(&self._ladders[1])
        if bid == NULL or ask == NULL:
            return False
        return bid.key >= -ask.key

    cdef str _cross_text(self):
        bid = self._level(BID).exact[0]
        ask = self._level(ASK).exact[0]
        return f"bid {bid:f} is not below ask {ask:f}"

    # --- reading ---

    @cython.final
    cdef Level _level(self, int side):
        """The best level; None where there is none."""
        cdef const Rung* rung = ladder_best(&self._ladders[side])
        if rung == NULL:
            return None
        return make_level(
            rung.key * SIGN[side], self._price_scale, rung.size, self._size_scale
        )

    @cython.final
    cdef object _best_price(self, int side):
        cdef const Rung* best = ladder_best(&self._ladders[side])
        cdef object price
        if best == NULL:
            return None
        if (
            best.key != self._shown_keys[side] or self._price_scale != self._shown_scales[side]
            or self._shown[side] == NULL
        ):
            price = to_double(best.key * SIGN[side], self._price_scale)
            Py_XDECREF(self._shown[side])
            Py_INCREF(price)
            self._shown[side] = <PyObject*>price
            self._shown_keys[side] = best.key
            self._shown_scales[side] = self._price_scale
        return <object>self._shown[side]

    # For C, of whoever cimports this: side 0 are bids, 1 asks.

    cdef bint read_best(self, int side, double* price, double* size) except -1:
        """The best level of a side; False where there is none. Raises BookNotLive."""
        cdef const Rung* best
        self._require_live()
        best = ladder_best(&self._ladders[side])
        if best == NULL:
            return False
        price[0] = to_double(best.key * SIGN[side], self._price_scale)
        size[0] = to_double(best.size, self._size_scale)
        return True

    cdef Py_ssize_t read_levels(self, int side, double* cells, Py_ssize_t rows) except -1:
        """Write the best levels of a side, best first, as price, size, price, size, ...; at most
        `rows` of them. How many. Raises BookNotLive."""
        self._require_live()
        return self._fill_cells(side, rows, <char*>cells, rows, False)

    @property
    def best_bid(self):
        """The best bid `Level`, or None where there is none. O(1)."""
        self._require_live()
        return self._level(BID)

    @property
    def best_ask(self):
        """The best ask `Level`, or None where there is none. O(1)."""
        self._require_live()
        return self._level(ASK)

    @property
    def best_bid_price(self):
        """float, or None where there is no bid. O(1)."""
        self._require_live()
        return self._best_price(BID)

    @property
    def best_ask_price(self):
        """float, or None where there is no ask. O(1)."""
        self._require_live()
        return self._best_price(ASK)

    @property
    def best_bid_size(self):
        """float, or None where there is no bid. O(1)."""
        self._require_live()
        cdef const Rung* best = ladder_best(&self._ladders[0])
        if best == NULL:
            return None
        return to_double(best.size, self._size_scale)

    @property
    def best_ask_size(self):
        """float, or None where there is no ask. O(1)."""
        self._require_live()
        cdef const Rung* best = ladder_best(&self._ladders[1])
        if best == NULL:
            return None
        return to_double(best.size, self._size_scale)

    @property
    def quote(self):
        """A `Quote`: both sides, sequence, times, age and state, taken at one instant. O(1)."""
        cdef int64_t now = 0
        if self._clock is None:
            self._require_live()
        else:
            # One look at the clock, for the deadline and the age.
            now = self._now()
            self._require_live_at(now)
        return self._make_quote(0, now)

    def quote_in_any_state(self, skipped=0):
        """A `Quote` that never raises: while the book is not LIVE its prices are None. O(1)."""
        cdef Quote quote = self._make_quote(skipped, self._now())
        state = self.state
        quote._state = STATE_NUMBERS[state]
        if state is not BookState.LIVE and self._access != ACCESS_FROZEN:
            quote._present[0] = False
            quote._present[1] = False
        return quote

    @cython.final
    cdef Quote _make_quote(self, int64_t skipped, int64_t now):
        cdef Quote quote = Quote.__new__(Quote)
        cdef const Rung* best
        cdef int side
        if self._clock is not None and self._confirmed_by is not None:
            quote._ages = True
            quote._age = now - self._confirmed_at
        quote._state = self._state
        for side in range(2):
            best = ladder_best(&self._ladders[side])
            quote._present[side] = best != NULL
            if best != NULL:
                quote._prices[side] = best.key * SIGN[side]
                quote._sizes[side] = best.size
        quote._price_scale = self._price_scale
        quote._size_scale = self._size_scale
        quote._sequence = self._sequence
        quote._exchange_time = self._exchange_time
        quote.receive_time_ns = self._receive_time
        quote.epoch = self._epoch
        quote.skipped = skipped
        return quote

    cdef bint _both(self, int64_t* prices, int64_t* sizes) except -1:
        cdef int side
        cdef const Rung* best
        self._require_live()
        for side in range(2):
            best = ladder_best(&self._ladders[side])
            if best == NULL:
                return False
            prices[side] = best.key * SIGN[side]
            sizes[side] = best.size
        return True

    @property
    def mid(self):
        """float, halfway between the best prices; None where a side is empty."""
        cdef int64_t[2] prices
        cdef int64_t[2] sizes
        if not self._both(prices, sizes):
            return None
        if prices[0] < 1 << 51 and prices[1] < 1 << 51:
            return <double>(prices[0] + prices[1]) / (2 * POW10_DOUBLE[self._price_scale])
        return ratio(<object>prices[0] + <object>prices[1], 2 * 10 ** <object>self._price_scale)

    @property
    def spread(self):
        """float, best ask minus best bid, rounded once; None where a side is empty."""
        cdef int64_t[2] prices
        cdef int64_t[2] sizes
        if not self._both(prices, sizes):
            return None
        return to_double(prices[1] - prices[0], self._price_scale)

    @property
    def microprice(self):
        """float, (bid * ask_size + ask * bid_size) / (bid_size + ask_size), rounded once."""
        cdef int64_t[2] prices
        cdef int64_t[2] sizes
        if not self._both(prices, sizes):
            return None
        bid, ask, bid_size, ask_size = prices[0], prices[1], sizes[0], sizes[1]
        return ratio(
            bid * ask_size + ask * bid_size,
            (bid_size + ask_size) * 10 ** <object>self._price_scale,
        )

    cdef object _total_size(self, int side, Py_ssize_t levels):
        """Exact sum of the best sizes of a side, as an int at the book's scale."""
        cdef const Ladder* ladder = &self._ladders[side]
        cdef Cursor cursor = best_first(ladder)
        cdef Py_ssize_t _
        cdef int64_t size, part = 0
        total = 0
        for _ in range(min(levels, ladder_length(ladder))):
            size = next_worse(&cursor).size
            if part > INT64_LIMIT - size:
                total += part
                part = 0
            part += size
        return total + part

    def imbalance(self, levels=1):
        """float in [-1, 1]: (bid size - ask size) / (bid size + ask size) over so many levels.

        None where a side is empty.
        """
        cdef Py_ssize_t count = level_count(levels, "levels")
        self._require_live()
        if count == 0:
            raise UsageError("levels must be at least 1, was 0")
        if ladder_length(&self._ladders[0]) == 0 or ladder_length(&self._ladders[1]) == 0:
            return None
        bid_size = self._total_size(BID, count)
        ask_size = self._total_size(ASK, count)
        return ratio(bid_size - ask_size, bid_size + ask_size)

    @property
    def bids(self):
        """`Levels` of the bids, best first, frozen now. O(n)."""
        return self._side_levels(BID)

    @property
    def asks(self):
        """`Levels` of the asks, best first, frozen now. O(n)."""
        return self._side_levels(ASK)

    cdef Levels _side_levels(self, int side):
        cdef Ladder copy
        cdef Cursor cursor
        cdef const Rung* rung
        cdef int price_scale, size_scale
        cdef list levels = []
        self._require_live()
        # Making objects can run a garbage collection and so anybody's code: copy first.
        price_scale = self._price_scale
        size_scale = self._size_scale
        memset(&copy, 0, sizeof(copy))
        if ladder_copy(&copy, &self._ladders[side], 0) < 0:
            raise MemoryError
        try:
            cursor = best_first(&copy)
            rung = next_worse(&cursor)
            while rung != NULL:
                levels.append(
                    make_level(rung.key * SIGN[side], price_scale, rung.size, size_scale)
                )
                rung = next_worse(&cursor)
        finally:
            ladder_free(&copy)
        cdef Levels result = Levels.__new__(Levels)
        result._levels = levels
        return result

    def depth(self, n=None, *, out=None, exact=False):
        """The best `n` levels a side (all by default) as a `Depth`, best first.

        With `out=(bids, asks)`, two writable C-contiguous float64 arrays of shape (k, 2), those
        are filled, the rest of them set to nan, the counts (bids, asks) returned and nothing
        allocated. With `exact=True` the sides are lists of (Decimal, Decimal).
        """
        cdef Py_ssize_t count = level_count(n, "n")
        cdef Ladder* ladder
        cdef int side
        self._require_live()
        if out is not None:
            if exact:
                raise UsageError("out= takes float64 arrays; it cannot be exact")
            if not isinstance(out, (tuple, list)) or len(out) != 2:
                raise UsageError("out must be a pair of arrays: (bids, asks)")
            return (
                self._fill(BID, count, out[0], True),
                self._fill(ASK, count, out[1], True),
            )
        complete = self._whole(BID, count) and self._whole(ASK, count)
        if exact:
            bids, asks = self._side_levels(BID), self._side_levels(ASK)
            return Depth(
                [level.exact for level in bids._levels[:count]],
                [level.exact for level in asks._levels[:count]],
                complete,
            )
        arrays = []
        for side in range(2):
            ladder = &self._ladders[side]
            array = new_array(min(count, ladder_length(ladder)))
            self._fill(side, count, array, False)
            arrays.append(array)
        return Depth(arrays[0], arrays[1], complete)

    cdef Py_ssize_t _fill(self, int side, Py_ssize_t count, object array, bint pad) except -1:
        """Write the best levels of a side into a float64 (k, 2) array; returns how many."""
        cdef Py_buffer view
        cdef Grid grid
        if grid_of_array(array, CONTIGUOUS | WRITEABLE, &grid):
            return self._fill_cells(side, count, grid.first, grid.rows, pad)
        try:
            PyObject_GetBuffer(
                array, &view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE
            )
        except (TypeError, BufferError, ValueError) as error:
            raise UsageError(f"out must be writable C-contiguous arrays: {error}") from None
        try:
            if not is_grid(&view):
                raise UsageError("out must be float64 arrays of shape (k, 2)")
            get_acquainted(array)
            return self._fill_cells(side, count, <char*>view.buf, view.shape[0], pad)
        finally:
            PyBuffer_Release(&view)

    cdef Py_ssize_t _fill_cells(
        self, int side, Py_ssize_t count, char* cells, Py_ssize_t rows, bint pad
    ) noexcept:
        cdef const Ladder* ladder = &self._ladders[side]
        cdef Cursor cursor = best_first(ladder)
        cdef const Rung* rung
        cdef Py_ssize_t i
        cdef Py_ssize_t filled = min(min(count, rows), ladder_length(ladder))
        cdef double price_unit = SIGN[side] * POW10_DOUBLE[self._price_scale]
        cdef double size_unit = POW10_DOUBLE[self._size_scale]
        cdef double price, size
        for i in range(filled):
            rung = next_worse(&cursor)
            if -LAST_EXACT <= rung.key <= LAST_EXACT and rung.size <= LAST_EXACT:
                # Beside each other, as one division of two.
                price = <double>rung.key / price_unit
                size = <double>rung.size / size_unit
            else:
                price = to_double(rung.key * SIGN[side], self._price_scale)
                size = to_double(rung.size, self._size_scale)
            put_level(cells, i, price, size)
        if pad:
            for i in range(filled, rows):
                put_level(cells, i, NAN, NAN)
        return filled

    def size_at(self, side, price):
        """float, the size resting at exactly that price (float, text or Decimal); 0.0 if none."""
        cdef int number = side_number(side)
        cdef Number wanted
        cdef int64_t key
        text = number_text(price)
        cdef NumberStatus status = parse_text(text, &wanted)
        if status != NUMBER_OK and status != NUMBER_UNHOLDABLE:
            raise UsageError(number_problem(status, text))
        self._require_live()
        key = -1 if status == NUMBER_UNHOLDABLE else at_scale(wanted, self._price_scale)
        if key < 0:
            return 0.0  # finer or larger than any price in the book
        return to_double(ladder_size(&self._ladders[number], key * SIGN[number]), self._size_scale)

    def sweep(self, side, *, size=None, notional=None):
        """What consuming `side` ("bid" or "ask") up to a size or a notional would give: a `Sweep`.

        Exactly one of `size` and `notional` is given (float, text, Decimal or int, not negative).
        All sums are exact.
        """
        cdef int number = side_number(side)
        cdef Py_ssize_t i = 0
        cdef bint certain
        if (size is None) == (notional is None):
            raise UsageError("sweep() takes either size= or notional=")
        wanted = to_fraction(size if notional is None else notional)
        levels = self._side_levels(number)._levels
        price_unit = 10 ** <object>self._price_scale
        size_unit = 10 ** <object>self._size_scale
        # In units of the book's scales everything but the last, partial level is an integer.
        left = wanted * size_unit if notional is None else wanted * size_unit * price_unit
        taken_size = 0
        taken_notional = 0
        worst = None
        for level in levels:
            if left <= 0:
                break
            price = (<Level>level)._price
            whole = (<Level>level)._size
            value = whole if notional is None else whole * price
            if value <= left:
                part = whole
            else:
                part = left if notional is None else left / price
            left -= value
            taken_size += part
            taken_notional += part * price
            worst = level.price
            i += 1
        certain = i == 0 or i <= self._known(number)
        if taken_size == 0:
            return Sweep(None, None, 0.0, 0.0, 0, left <= 0)
        return Sweep(
            fraction_to_float(Fraction(taken_notional, 1) / (taken_size * price_unit)),
            worst,
            fraction_to_float(Fraction(taken_size, 1) / size_unit),
            fraction_to_float(Fraction(taken_notional, 1) / (size_unit * price_unit)),
            i,
            left <= 0 and certain,
        )

    def size_within(self, side, bps):
        """float, the cumulative size within `bps` basis points of that side's best price."""
        cdef int number = side_number(side)
        cdef const Ladder* ladder = &self._ladders[number]
        cdef Py_ssize_t count
        reach = to_fraction(bps) / 10_000
        whole = reach.denominator
        part = reach.numerator * (-1 if number == BID else 1)
        self._require_live()
        if ladder_length(ladder) == 0:
            return 0.0
        # From here on no Python code runs that could change the ladder.
        # Best * (1 - reach), or 1 + reach, as a key: bids down to the next integer above it.
        limit = -((-ladder_best(ladder).key * (whole + part)) // whole)
        count = ladder_count_from(ladder, max(limit, <object>KNOWN_FROM_START))
        return ratio(self._total_size(number, count), 10 ** <object>self._size_scale)

    def grouped(self, step, n=None):
        """The ladder on a coarser grid of `step`, at most `n` rows a side: a `Depth`.

        Bids are rounded down and asks up, so that no row looks better than its levels are.
        """
        cdef Py_ssize_t count = level_count(n, "n")
        width = to_fraction(step)
        if width == 0:
            raise UsageError("step must be greater than zero")
        if width > WIDEST_STEP:
            raise UsageError(f"step is wider than any price, was {step!r}")
        self._require_live()
        units = width * 10 ** <object>self._price_scale
        sides = []
        complete = True
        for number in (BID, ASK):
            rows = {}
            certain = True
            for level in self._side_levels(number)._levels:
                price = (<Level>level)._price
                index = price // units if number == BID else -(-price // units)
                if index not in rows:
                    if len(rows) == count:
                        break
                    rows[index] = 0
                rows[index] += (<Level>level)._size
            known_from = self._ladders[number].known_from
            if known_from != KNOWN_FROM_START:
                # Certain where the far edge of the last row lies inside what is known.
                certain = len(rows) == count and (
                    count == 0 or next(reversed(rows)) * units * SIGN[number] >= known_from
                )
            complete = complete and certain
            array = new_array(len(rows))
            for i, (index, total) in enumerate(rows.items()):
                array[i, 0] = fraction_to_float(index * width)
                array[i, 1] = ratio(total, 10 ** <object>self._size_scale)
            sides.append(array)
        return Depth(sides[0], sides[1], complete)

    cdef Py_ssize_t _known(self, int side) noexcept:
        cdef const Ladder* ladder = &self._ladders[side]
        return ladder_count_from(ladder, ladder.known_from)

    cdef bint _whole(self, int side, Py_ssize_t levels) noexcept:
        if self._ladders[side].known_from == KNOWN_FROM_START:
            return True
        return levels <= self._known(side)

    def complete_depth(self, side):
        """int, how many of the best levels of that side are known for certain.

        A snapshot cut at the venue's window says nothing of the levels beyond it; those that
        changed since are in the book, but others may stand between them.
        """
        cdef int number = side_number(side)
        self._require_live()
        return self._known(number)

    def guard(self, *, max_age=None, max_spread_bps=None):
        """A `Guard`: `with book.guard(max_age=0.5, max_spread_bps=20) as quote:`

        Entering it raises BookNotLive while the book is not LIVE, and GuardRefused (a kind of it)
        where the last confirmation is more than `max_age` seconds ago or the spread is more than
        `max_spread_bps` basis points of the mid (or a side is empty); so that no order is sent on
        such a quote. Both are numbers from 0 on, UsageError otherwise. A book without a clock
        does not age.
        """
        return Guard(self, max_age, max_spread_bps)

    def explain(self):
        """A sentence about the state of this book, for people. Never raises."""
        cdef object state = self.state
        reason = self.reason
        version = "" if self._sequence < 0 else f", version {self._sequence}"
        if state is BookState.LIVE:
            age = ""
            if self._confirmed_by is not None:
                age = f": confirmed by {self._confirmed_by}"
                if self._clock is not None:
                    age += f" {max(0.0, (self._now() - self._confirmed_at) / 1e9):.1f} s ago"
            return f"{self.symbol} is live{f' ({reason})' if reason else ''}{age}{version}"
        since = self._since_now()
        lasted = ""
        if since is not None and self._clock is not None:
            lasted = f" for {max(0.0, (self._now() - since) / 1e9):.1f} s"
        return f"{self.symbol} is {str(state).lower()}, not live{lasted}{f': {reason}' if reason else ''}{version}"

    def peek(self):
        """A frozen copy of the last values, readable in any state; its `state` says how far to
        trust it. O(n)."""
        cdef Book copy = Book.__new__(Book)
        cdef int side
        for side in range(2):
            if ladder_copy(&copy._ladders[side], &self._ladders[side], 0) < 0:
                raise MemoryError
        copy._price_scale = self._price_scale
        copy._size_scale = self._size_scale
        copy._sequence = self._sequence
        copy._exchange_time = self._exchange_time
        copy._receive_time = self._receive_time
        copy._epoch = self._epoch
        copy._confirmed_by = self._confirmed_by
        copy._last_trade = self._last_trade
        copy._counters = self._counters
        copy.symbol = self.symbol
        copy.market = self.market
        copy.channel = self.channel
        copy._spec = self._spec
        copy._state = STATE_NUMBERS[self.state]
        copy._reason = self.reason
        copy._since = self._since_now()
        copy._access = ACCESS_FROZEN
        if self._clock is not None:
            # Time stands still in the copy: its age is what it was now.
            now = self._now()
            copy._clock = lambda: now
            copy._confirmed_at = self._confirmed_at
        return copy

    def __repr__(self):
        def side(level):
            if level is None:
                return "-"
            price, size = level.exact
            return f"{price:f} x {size:f}"

        kind = "frozen " if self._access == ACCESS_FROZEN else ""
        return (
            f"<{kind}Book {self.channel}:{self.symbol} {self.state}"
            f"{f' ({self.reason})' if self.reason else ''} "
            f"bid {side(self._level(BID))} | ask {side(self._level(ASK))}, "
            f"{ladder_length(&self._ladders[0])}/{ladder_length(&self._ladders[1])} levels>"
        )

    def _repr_html_(self):
        return None if display_html is None else display_html(self.peek())

    def check(self):
        """Assert every invariant of the book; raises InvariantError with its state in the message.

        Never needed in good health: it is for tests, and for users who want to be sure. O(n).
        """
        cdef const Ladder* ladder
        cdef const char* fault
        cdef Cursor cursor
        cdef const Rung* rung
        cdef int64_t worse
        cdef int side
        problem = None
        for side in range(2):
            ladder = &self._ladders[side]
            name = SIDE_NAMES[side]
            fault = ladder_fault(ladder)
            if fault != NULL:
                problem = f"{name}: {fault.decode()}"
                continue
            if ladder_length(ladder) > self._max_levels and self._access != ACCESS_FROZEN:
                problem = f"{name}: {ladder_length(ladder)} levels, at most {self._max_levels}"
            worse = -INT64_LIMIT - 1
            cursor = worst_first(ladder)
            rung = next_better(&cursor)
            while rung != NULL:
                if rung.size <= 0:
                    problem = f"{name}: size {rung.size} at {rung.key}"
                elif rung.key * SIGN[side] <= 0:
                    problem = f"{name}: key {rung.key}"
                elif rung.key <= worse:
                    problem = f"{name}: keys {worse} and {rung.key} are not ascending"
                worse = rung.key
                rung = next_better(&cursor)
        if not (0 <= self._price_scale <= MAX_SCALE and 0 <= self._size_scale <= MAX_SCALE):
            problem = f"scales {self._price_scale}, {self._size_scale}"
        if self._state == LIVE and self._crossed():
            problem = "LIVE and crossed"
        if self._access != ACCESS_FROZEN and (self._state == LIVE) != (self._access == ACCESS_LIVE):
            problem = "readable in a state that is not LIVE, or the reverse"
        if self._state == LIVE and self._buffer:
            problem = "LIVE with updates still waiting"
        if self._buffered_rows != sum([(<_Pending>pending).n_rows for pending in self._buffer]):
            problem = "the count of waiting rows is wrong"
        if problem is not None:
            raise InvariantError(
                f"{self!r}: {problem}; sequence {self._sequence}, scales {self._price_scale}/"
                f"{self._size_scale}, worst levels first: bids {ladder_text(&self._ladders[0])}, "
                f"asks {ladder_text(&self._ladders[1])}"
            )


cdef bint fill_in_order(
    Ladder* fresh, const Row* rows, const Item* item, int side, Scales scales
) noexcept nogil:
    """Fill a new ladder by rows that come best first and without zeros, as venues send them; False,
    and it is as new as before, where they do not."""
    cdef Py_ssize_t count = item.count[side], i
    cdef const Row* row = &rows[item.first[side]]
    cdef Rung* rung = ladder_lay_out(fresh, count)
    cdef int64_t sign = SIGN[side]
    if rung == NULL:
        return False
    rung += count
    for i in range(count):
        rung -= 1
        rung.key = widened(row[i].price, scales.price) * sign
        rung.size = widened(row[i].size, scales.size)
        if rung.size == 0 or i != 0 and rung.key >= rung[1].key:
            ladder_lay_out(fresh, 0)
            return False
    return True


cdef void fill_loading(
    IndexedRung* loading, const Row* rows, const Item* item, int side, Scales scales
) noexcept nogil:
    cdef Py_ssize_t i
    cdef const Row* row
    for i in range(item.count[side]):
        row = &rows[item.first[side] + i]
        loading[i].key = at_scale(row.price, scales.price) * SIGN[side]
        loading[i].size = at_scale(row.size, scales.size)
        loading[i].arrival = i


cdef Demand demand_of(
    const Ladder* ladder, const Row* rows, const Item* item, int side, Scales scales
) noexcept nogil:
    cdef Demand demand = no_demand()
    cdef int64_t sign = 1 if side == 0 else -1
    cdef Py_ssize_t i
    cdef const Row* row
    for i in range(item.count[side]):
        row = &rows[item.first[side] + i]
        ladder_ask(
            ladder, &demand, widened(row.price, scales.price) * sign, widened(row.size, scales.size)
        )
    return demand


cdef struct Comparison:
    # Levels inside the known range that differ; levels of ours that are not there; levels that we
    # could not know.
    Py_ssize_t mismatches
    Py_ssize_t ghosts
    Py_ssize_t filled


cdef void compare_ladders(
    const Ladder* mine, const Ladder* fresh, int64_t covered, Comparison* found
) noexcept nogil:
    """Count in what two ladders differ from the best down to the key `covered`."""
    cdef Cursor my_cursor = best_first(mine), fresh_cursor = best_first(fresh)
    cdef const Rung* a = next_worse(&my_cursor)
    cdef const Rung* b = next_worse(&fresh_cursor)
    while True:
        if a != NULL and a.key < covered:
            a = NULL
        if b != NULL and b.key < covered:
            b = NULL
        if a == NULL and b == NULL:
            return
        if b == NULL or (a != NULL and a.key > b.key):
            found.ghosts += 1
            found.mismatches += a.key >= mine.known_from
            a = next_worse(&my_cursor)
        elif a == NULL or b.key > a.key:
            if b.key >= mine.known_from:
                found.mismatches += 1
            else:
                found.filled += 1
            b = next_worse(&fresh_cursor)
        else:
            if a.size != b.size:
                # An update told of it once, and of what became of it none did.
                if a.key >= mine.known_from:
                    found.mismatches += 1
                else:
                    found.ghosts += 1
            a = next_worse(&my_cursor)
            b = next_worse(&fresh_cursor)


cdef list ladder_text(const Ladder* ladder):
    cdef Cursor cursor = worst_first(ladder)
    cdef const Rung* rung
    cdef Py_ssize_t _
    text = []
    for _ in range(min(ladder_length(ladder), 50)):
        rung = next_better(&cursor)
        text.append((rung.key, rung.size))
    return text


cdef void remember_top(Book book, Rung* before, bint* had, Scales* scales) noexcept:
    cdef int side
    cdef const Rung* best
    for side in range(2):
        best = ladder_best(&book._ladders[side])
        had[side] = best != NULL
        if had[side]:
            before[side] = best[0]
    scales.price = book._price_scale
    scales.size = book._size_scale


cdef int top_change(
    Book book, const Rung* before, const bint* had, Scales scales, bint was_live
) noexcept:
    """TOP where the best price or size of a side is not what readers saw before."""
    cdef int side
    cdef const Rung* now
    for side in range(2):
        now = ladder_best(&book._ladders[side])
        if not was_live:
            if now != NULL:
                return TOP_BIT
            continue
        if had[side] != (now != NULL):
            return TOP_BIT
        if not had[side]:
            continue
        if not same_number(before[side].key, scales.price, now.key, book._price_scale):
            return TOP_BIT
        if not same_number(before[side].size, scales.size, now.size, book._size_scale):
            return TOP_BIT
    return 0


cdef bint same_number(int64_t a, int a_scale, int64_t b, int b_scale) noexcept nogil:
    while a_scale > b_scale:
        if a % 10 != 0:
            return False
        a //= 10
        a_scale -= 1
    while b_scale > a_scale:
        if b % 10 != 0:
            return False
        b //= 10
        b_scale -= 1
    return a == b


cdef bint named_again(const Row* rows, const Item* item, int side, Py_ssize_t i) noexcept nogil:
    """Whether a later row has the price of this one, and so wins over it."""
    cdef const Row* row = &rows[item.first[side] + i]
    cdef const Row* other
    cdef Py_ssize_t later
    for later in range(i + 1, item.count[side]):
        other = &rows[item.first[side] + later]
        if (
            other.price.mantissa == row.price.mantissa
            and other.price.exponent == row.price.exponent
        ):
            return True
    return False


cdef bint has_levels(const Row* rows, const Item* item) noexcept nogil:
    cdef int side
    cdef Py_ssize_t i
    for side in range(2):
        for i in range(item.count[side]):
            if rows[item.first[side] + i].size.mantissa != 0:
                return True
    return False


include "native/engine.pxi"
