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
from libc.math cimport INFINITY, NAN, isfinite
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
    demand_add,
    ladder_begin,
    ladder_best,
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
from bitmart_book.native.sides cimport (
    ASK,
    BID,
    KNOWN_FROM_START,
    SIGN,
    Excerpt,
    Scales,
    Sides,
    Top,
    Total,
    excerpt_take,
    levels_for,
    levels_in_groups,
    levels_within,
    sides_copy,
    sides_crossed,
    sides_free,
    sides_top,
    total_add,
    total_size,
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

cdef tuple SIDE_NAMES = ("bid", "ask")

cdef int64_t NEVER = INT64_LIMIT
cdef object WIDEST_STEP = 10 ** 30
# The deadline of a connection that is held: no time is before it.
cdef int64_t HELD = -1

# Where the time of a book comes from: nowhere, the machine, a callable of the user's, or it has
# stopped. The callable is anybody's code: what was looked at before it ran may be different after.
cdef enum:
    CLOCK_NONE
    CLOCK_MACHINE
    CLOCK_CALLED
    CLOCK_STOPPED

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
include "native/excerpts.pxi"
include "native/standing.pxi"
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
        self._sides.ladders[0].known_from = KNOWN_FROM_START
        self._sides.ladders[1].known_from = KNOWN_FROM_START
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
        self._clock_kind = (
            CLOCK_NONE if clock is None else
            CLOCK_MACHINE if isinstance(clock, str) else CLOCK_CALLED
        )
        self._clock = clock
        self._valid_for = valid_for
        self._max_levels = max_levels
        self._state = SYNCING
        self._reason = "no snapshot yet"
        self._since = None if clock is None else self._now()
        return 0

    def __dealloc__(self):
        sides_free(&self._sides)
        Py_XDECREF(self._shown[0])
        Py_XDECREF(self._shown[1])

    def __reduce__(self):
        raise TypeError("a Book cannot be pickled or copied; pickle what you read from it")

    # --- state ---

    cdef int64_t _now(self) except? -1:
        """The clock, in nanoseconds; 0 without one."""
        if self._clock_kind == CLOCK_MACHINE:
            return monotonic_ns()
        if self._clock_kind == CLOCK_CALLED:
            return self._clock()
        return self._stopped_at

    @cython.final
    cdef int64_t _ends(self) noexcept:
        """When LIVE ends by itself: at the book's own deadline or at its connection's."""
        if self._line is not None and self._line.deadline < self._deadline:
            return self._line.deadline
        return self._deadline

    @cython.final
    cdef bint _lapsed_at(self, int64_t now) noexcept:
        """Whether LIVE had ended by itself at that time."""
        return self._state == LIVE and self._deadline != NEVER and now >= self._ends()

    cdef bint _lapsed(self) except -1:
        """Whether LIVE has ended by itself. The state is looked at after the clock, and so stays
        what it is until Python code runs."""
        if self._state != LIVE or self._deadline == NEVER:
            return False
        if self._clock_kind == CLOCK_MACHINE:
            return not is_before(self._ends(), self._valid_for)
        return self._lapsed_at(self._now())

    @cython.final
    cdef int _require_live(self) except -1:
        """Raise BookNotLive unless the book is LIVE. Where it returns, the last look was at the
        state: what the caller reads next, until it runs Python code, is of a LIVE book."""
        if self._access == ACCESS_LIVE and self._process == process_generation:
            if self._deadline == NEVER:
                return 0
            if self._clock_kind != CLOCK_MACHINE:
                return self._require_live_at(self._now())
            if is_before(self._ends(), self._valid_for):
                return 0
        elif self._access == ACCESS_FROZEN:
            return 0
        raise self._refusal(monotonic_ns())

    @cython.final
    cdef int _require_live_at(self, int64_t now) except -1:
        """The same for a time that has been read already."""
        if self._access == ACCESS_LIVE and self._process == process_generation:
            if self._deadline == NEVER or now < self._ends():
                return 0
        elif self._access == ACCESS_FROZEN:
            return 0
        raise self._refusal(now)

    cdef object _refusal(self, int64_t now):
        """The BookNotLive that says what the book is at this moment."""
        cdef _Standing standing = self._standing(now)
        return BookNotLive(
            self.symbol, STATES[standing.state], standing.reason(), standing.since(),
            standing.epoch,
        )

    cdef _Standing _standing(self, int64_t now):
        """What the book is and why, looked at in one moment; `now` is what its clock says, and
        counts while the book is LIVE."""
        cdef _Standing standing = _Standing.__new__(_Standing)
        standing.state = self._state
        standing.cause = CAUSE_GIVEN
        standing.given = self._reason
        standing.began = self._since
        standing.epoch = self._epoch
        standing.ended = NEVER
        if self._access == ACCESS_FROZEN:
            return standing
        if self._process != process_generation:
            standing.state = CLOSED
            standing.cause = CAUSE_FORKED
        elif self._lapsed_at(now):
            # The deadline ended LIVE by itself, before anybody announced it.
            standing.state = STALE
            standing.ended = self._ends()
            standing.cause = CAUSE_UNCONFIRMED
            standing.limit = self._valid_for
            if standing.ended == HELD:
                standing.cause = CAUSE_HELD
                standing.given = self._line.reason
                standing.began = self._line.held_at
            elif standing.ended < self._deadline:
                standing.cause = CAUSE_UNHEARD
                standing.limit = self._line.valid_for
        return standing

    cdef int64_t _moment(self) except? -1:
        """The clock, for `_standing`: it is not asked where it does not matter."""
        if self._state == LIVE and self._deadline != NEVER:
            return self._now()
        return 0

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
        if self._lapsed():
            return BookState.STALE
        return STATES[self._state]

    @property
    def reason(self):
        """Why the book is in its state, as a sentence; None while it is simply LIVE."""
        return self._standing(self._moment()).reason()

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

    cdef int _begin(self) except -1:
        """Look at the clock before a write: it may be anybody's code, and a write is not to be
        seen when it is half done."""
        self._heard_at = self._now()
        return 0

    cdef int _become(self, int state, object reason) except -1:
        if not ALLOWED[self._state] >> state & 1:
            raise InvariantError(
                f"{self.symbol}: a {STATES[self._state]} book cannot become {STATES[state]}"
            )
        # Whoever gave the last reason may have code that runs when it goes: it goes at the end.
        _before = self._reason
        if state == LIVE:
            self._epoch += 1
            self._access = ACCESS_LIVE
        elif self._state != state or self._access == ACCESS_LIVE:
            self._access = ACCESS_NONE
            self._since = None if self._clock_kind == CLOCK_NONE else self._heard_at
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
        if self._clock_kind != CLOCK_NONE:
            self._confirmed_at = self._heard_at
            if self._deadline != NEVER and self._confirmed_at >= self._deadline:
                self._counters.lapses += 1
            self._deadline = self._confirmed_at + self._valid_for
        self._confirmed_by = by
        return 0

    cdef int _drop_kept(self) except -1:
        """Forget the updates that wait. A new list might run a garbage collection."""
        if self._buffer:
            self._buffer.clear()
        self._buffered_rows = 0
        return 0

    cdef int _forget(self) except -1:
        """Drop everything that a later snapshot must not be joined to."""
        cdef int i
        self._drop_kept()
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
            self._become(SYNCING, "new connection, no snapshot yet")
            self._forget()
        _before = self._line
        self._generation = generation
        self._line = line
        return 0

    cdef int _refuse(self, object reason, int64_t now) except -1:
        """A frame of this book could not be read: whether it was the next update is unknowable."""
        self._heard_at = now
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
        cdef int64_t heard = self._now()
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
            item.heard = heard
            if sequence is not None:
                item.sequence = counter(sequence, "sequence")
            if exchange_time is not None:
                item.exchange_time = counter(exchange_time, "exchange_time_ms")
            now = self._sides.scales
            for side in range(2):
                item.first[side] = scratch.n_rows
                item.present[side] = True
                rows_by_hand(scratch, bids if side == BID else asks, side, now)
                item.count[side] = scratch.n_rows - item.first[side]
            # Odd rows run anybody's code.
            now = self._sides.scales
            item.fitting = fits(scratch.rows, item, now.price, now.size, &misfit)
            if not (
                item.fitting
                or plan(self._sides.ladders, now, scratch.rows, item, &wanted, &misfit)
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
        self._begin()
        self._require_writable()
        self._become(SYNCING, "cleared, no snapshot yet")
        self._forget()
        sides_free(&self._sides)
        self._sequence = -1

    # --- writing ---

    cdef int _apply_item(
        self, _Scratch scratch, const Row* rows, Item* item, object receive_time, bint by_hand
    ) except -1:
        """Apply one checked item; returns Change bits. The numbers are known to fit."""
        cdef int change
        cdef object _before
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
                # The last one may be anything, with code that runs when it goes.
                _before = self._receive_time
                self._receive_time = receive_time
        return change

    cdef bint _can_hold(self, const Row* rows, Item* item) noexcept:
        """Whether the numbers of an item can be held exactly, and it can be applied, now."""
        cdef Scales now, wanted
        cdef Misfit misfit
        now = self._sides.scales
        item.fitting = fits_at_a_glance(item, now) or fits(rows, item, now.price, now.size, &misfit)
        return item.fitting or plan(self._sides.ladders, now, rows, item, &wanted, &misfit)

    cdef int _apply_snapshot(
        self, _Scratch scratch, const Row* rows, Item* item, bint by_hand
    ) except -1:
        cdef bint was_live = self._state == LIVE
        cdef bint same_sequence = item.sequence >= 0 and item.sequence == self._sequence
        cdef bint announced = self._expected
        cdef bint complete = True
        cdef int change
        cdef int64_t before_sequence = self._sequence
        cdef Top before
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
        before = sides_top(&self._sides)
        if announced and same_sequence and self._is_synced():
            change = self._audit(scratch, rows, item)
            if change >= 0:
                change |= top_change(&self._sides, &before, was_live)
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
            self._drop_kept()
        change |= self._drain(&complete)
        self._trim()
        if by_hand and not complete:
            # Whoever feeds a book by hand decides what it continues from.
            self._drop_kept()
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
        return change | SNAPSHOT_BIT | top_change(&self._sides, &before, was_live)

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
        now = self._sides.scales
        if not plan(self._sides.ladders, now, rows, item, &wanted, &misfit):
            raise InvariantError(f"{self.symbol}: a snapshot was applied without being checked")
        if (
            wanted.price < now.price
            or wanted.size < now.size
            or not ladder_fits(&self._sides.ladders[0], POW10[wanted.price - now.price], POW10[wanted.size - now.size])
            or not ladder_fits(&self._sides.ladders[1], POW10[wanted.price - now.price], POW10[wanted.size - now.size])
        ):
            return -1
        memset(fresh, 0, sizeof(fresh))
        memset(joined, 0, sizeof(joined))
        memset(&found, 0, sizeof(found))
        try:
            loading = scratch.loading_room(max(item.count[0], item.count[1]))
            for side in range(2):
                mine = &self._sides.ladders[side]
                if (
                    ladder_begin(&fresh[side], item.count[side]) < 0
                    or ladder_begin(&joined[side], item.count[side] + ladder_length(mine)) < 0
                ):
                    raise MemoryError
            self._rescale(wanted)
            for side in range(2):
                mine = &self._sides.ladders[side]
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
                mine = &self._sides.ladders[side]
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
        cdef Top before
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
        before = sides_top(&self._sides)
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
        change |= top_change(&self._sides, &before, True)
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
            if self._sides.ladders[side].known_from != KNOWN_FROM_START and self._known(side) == 0:
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
        cdef Top before
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
        self._drop_kept()
        before = sides_top(&self._sides)
        change = self._load_sides(scratch, rows, item, self._window()) | SNAPSHOT_BIT
        self._exchange_time = item.exchange_time
        self._trim()
        if self._crossed():
            return change | self._crossed_gap()
        if not was_live:
            self._become(LIVE, None)
        self._confirm("picture")
        return change | top_change(&self._sides, &before, was_live)

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
        cdef Top before
        if was_live and self._staged is None and self._older(item):
            return DUPLICATE_BIT
        before = sides_top(&self._sides)
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
        return change | top_change(&self._sides, &before, was_live)

    cdef bint _would_cross(self, const Row* rows, const Item* item, int side) noexcept:
        """Whether the best row of one side would meet the other side as it is shown."""
        cdef const Rung* best = ladder_best(&self._sides.ladders[1 - side])
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
            price = at_scale(row.price, self._sides.scales.price)
            if price < 0:
                # Finer than the book's scale: cut to it. A cut price meets `limit` exactly when
                # the true one is at or beyond it, but for bids it may fall one short.
                price = row.price.mantissa // POW10[min(-(row.price.exponent + self._sides.scales.price), MAX_SCALE)]
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
        now = self._sides.scales
        if item.fitting:
            wanted = now
        elif not plan(self._sides.ladders, now, rows, item, &wanted, &misfit):
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
            old = &self._sides.ladders[side]
            if (
                now.price != wanted.price
                or now.size != wanted.size
                or not ladder_equal(old, &fresh[side])
            ):
                change = LEVELS_BIT
            if item.kind == ITEM_SNAPSHOT:
                ladder_expect(&fresh[side])
            ladder_exchange(old, &fresh[side])
        self._sides.scales.price = wanted.price
        self._sides.scales.size = wanted.size
        return change

    cdef int _rescale(self, Scales wanted) except -1:
        cdef int side
        cdef int64_t price_factor, size_factor
        if wanted.price == self._sides.scales.price and wanted.size == self._sides.scales.size:
            return 0
        if ladder_fold(&self._sides.ladders[0]) < 0 or ladder_fold(&self._sides.ladders[1]) < 0:
            raise MemoryError
        self._counters.widened += 1
        price_factor = POW10[wanted.price - self._sides.scales.price]
        size_factor = POW10[wanted.size - self._sides.scales.size]
        for side in range(2):
            ladder_rescale(&self._sides.ladders[side], price_factor, size_factor)
        self._sides.scales.price = wanted.price
        self._sides.scales.size = wanted.size
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
        now = self._sides.scales
        if item.fitting or fits(rows, item, now.price, now.size, &misfit):
            wanted = now
        elif not plan(self._sides.ladders, now, rows, item, &wanted, &misfit):
            applied[0] = False
            return 0
        if wanted.price != now.price or wanted.size != now.size:
            self._rescale(wanted)
        for side in range(2):
            ladder = &self._sides.ladders[side]
            demand = demand_of(ladder, rows, item, side, wanted)
            best[side] = demand.best
            if ladder_reserve(ladder, demand) < 0:
                raise MemoryError
        for side in range(2):
            ladder = &self._sides.ladders[side]
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
        self._counters.trimmed += ladder_trim(&self._sides.ladders[0], longest)
        self._counters.trimmed += ladder_trim(&self._sides.ladders[1], longest)
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
                self._drop_kept()
        if (
            len(self._buffer) >= MAX_BUFFERED_FRAMES
            or self._buffered_rows + item.count[0] + item.count[1] > MAX_BUFFERED_ROWS
        ):
            self._counters.buffer_overflows += 1
            self._drop_kept()
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
        if used:
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

    @cython.final
    cdef bint _crossed(self) noexcept:
        return sides_crossed(&self._sides)

    cdef str _cross_text(self):
        """Made without Python code: the levels are crossed already, and the state says LIVE."""
        cdef Top top = sides_top(&self._sides)
        cdef char[PLAIN_ROOM] bid
        cdef char[PLAIN_ROOM] ask
        write_plain(bid, top.prices[BID], top.scales.price)
        write_plain(ask, top.prices[ASK], top.scales.price)
        return f"bid {bid.decode('ascii')} is not below ask {ask.decode('ascii')}"

    # --- reading ---
    #
    # A read looks at the book in one piece of C: arguments are made numbers and arrays are made
    # before, then comes `_require_live`, and then, until all is looked at or copied, no Python
    # code. Garbage collections, signals and other threads come in wherever it runs; ints of more
    # than one digit (30 bits) let them in when they are multiplied or divided.

    @cython.final
    cdef Level _level(self, int side):
        """The best level; None where there is none."""
        cdef const Rung* rung = ladder_best(&self._sides.ladders[side])
        if rung == NULL:
            return None
        return make_level(
            rung.key * SIGN[side], self._sides.scales.price, rung.size, self._sides.scales.size
        )

    @cython.final
    cdef object _best_price(self, int side):
        cdef const Rung* best = ladder_best(&self._sides.ladders[side])
        cdef object price
        if best == NULL:
            return None
        if (
            best.key != self._shown_keys[side]
            or self._sides.scales.price != self._shown_scales[side]
            or self._shown[side] == NULL
        ):
            price = to_double(best.key * SIGN[side], self._sides.scales.price)
            Py_XDECREF(self._shown[side])
            Py_INCREF(price)
            self._shown[side] = <PyObject*>price
            self._shown_keys[side] = best.key
            self._shown_scales[side] = self._sides.scales.price
        return <object>self._shown[side]

    # For C, of whoever cimports this: side 0 are bids, 1 asks.

    cdef bint read_best(self, int side, double* price, double* size) except -1:
        """The best level of a side; False where there is none. Raises BookNotLive."""
        cdef const Rung* best
        self._require_live()
        best = ladder_best(&self._sides.ladders[side])
        if best == NULL:
            return False
        price[0] = to_double(best.key * SIGN[side], self._sides.scales.price)
        size[0] = to_double(best.size, self._sides.scales.size)
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
        cdef const Rung* best = ladder_best(&self._sides.ladders[BID])
        if best == NULL:
            return None
        return to_double(best.size, self._sides.scales.size)

    @property
    def best_ask_size(self):
        """float, or None where there is no ask. O(1)."""
        self._require_live()
        cdef const Rung* best = ladder_best(&self._sides.ladders[ASK])
        if best == NULL:
            return None
        return to_double(best.size, self._sides.scales.size)

    @property
    def quote(self):
        """A `Quote`: both sides, sequence, times, age and state, taken at one instant. O(1)."""
        cdef int64_t now = 0
        if self._clock_kind == CLOCK_NONE:
            self._require_live()
        else:
            # One look at the clock, for the deadline and the age.
            now = self._now()
            self._require_live_at(now)
        return self._make_quote(0, now)

    def quote_in_any_state(self, skipped=0):
        """A `Quote` that never raises: while the book is not LIVE its prices are None. O(1)."""
        cdef int64_t missed = skipped
        cdef int64_t now = self._now()
        cdef Quote quote = self._make_quote(missed, now)
        if self._access == ACCESS_FROZEN:
            return quote
        if self._process != process_generation:
            quote._state = CLOSED
        elif self._lapsed_at(now):
            quote._state = STALE
        if quote._state != LIVE:
            quote._top.present[BID] = False
            quote._top.present[ASK] = False
        return quote

    @cython.final
    cdef Quote _make_quote(self, int64_t skipped, int64_t now):
        cdef Quote quote = Quote.__new__(Quote)
        if self._clock_kind != CLOCK_NONE and self._confirmed_by is not None:
            quote._ages = True
            quote._age = now - self._confirmed_at
        quote._state = self._state
        quote._top = sides_top(&self._sides)
        quote._sequence = self._sequence
        quote._exchange_time = self._exchange_time
        quote.receive_time_ns = self._receive_time
        quote.epoch = self._epoch
        quote.skipped = skipped
        return quote

    @cython.final
    cdef bint _both(self, Top* top) except -1:
        """The best level of both sides; False where one has none."""
        self._require_live()
        top[0] = sides_top(&self._sides)
        return top.present[BID] and top.present[ASK]

    @property
    def mid(self):
        """float, halfway between the best prices; None where a side is empty."""
        cdef Top top
        if not self._both(&top):
            return None
        if top.prices[BID] < 1 << 51 and top.prices[ASK] < 1 << 51:
            return <double>(top.prices[BID] + top.prices[ASK]) / (2 * POW10_DOUBLE[top.scales.price])
        return ratio(
            <object>top.prices[BID] + <object>top.prices[ASK], 2 * power_of_ten(top.scales.price)
        )

    @property
    def spread(self):
        """float, best ask minus best bid, rounded once; None where a side is empty."""
        cdef Top top
        if not self._both(&top):
            return None
        return to_double(top.prices[ASK] - top.prices[BID], top.scales.price)

    @property
    def microprice(self):
        """float, (bid * ask_size + ask * bid_size) / (bid_size + ask_size), rounded once."""
        cdef Top top
        if not self._both(&top):
            return None
        bid, ask = <object>top.prices[BID], <object>top.prices[ASK]
        bid_size, ask_size = <object>top.sizes[BID], <object>top.sizes[ASK]
        return ratio(
            bid * ask_size + ask * bid_size,
            (bid_size + ask_size) * power_of_ten(top.scales.price),
        )

    def imbalance(self, levels=1):
        """float in [-1, 1]: (bid size - ask size) / (bid size + ask size) over so many levels.

        None where a side is empty.
        """
        cdef Py_ssize_t count = level_count(levels, "levels")
        cdef Total bids, asks
        self._require_live()
        bids = total_size(&self._sides.ladders[BID], count)
        asks = total_size(&self._sides.ladders[ASK], count)
        if count == 0:
            raise UsageError("levels must be at least 1, was 0")
        bid_size, ask_size = int_of(bids), int_of(asks)
        if bid_size == 0 or ask_size == 0:
            return None
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
        cdef _Excerpts taken = _Excerpts.__new__(_Excerpts)
        self._require_live()
        taken.take(&self._sides, side, MOST_COUNT)
        return taken.levels(side)

    def depth(self, n=None, *, out=None, exact=False):
        """The best `n` levels a side (all by default) as a `Depth`, best first.

        With `out=(bids, asks)`, two writable C-contiguous float64 arrays of shape (k, 2), those
        are filled, the rest of them set to nan, the counts (bids, asks) returned and nothing
        allocated. With `exact=True` the sides are lists of (Decimal, Decimal).
        """
        cdef Py_ssize_t count = level_count(n, "n")
        if out is not None:
            if exact:
                self._require_live()
                raise UsageError("out= takes float64 arrays; it cannot be exact")
            return self._fill_pair(count, out)
        if exact:
            return self._exact_depth(count)
        return self._array_depth(count)

    cdef Depth _exact_depth(self, Py_ssize_t count):
        cdef _Excerpts taken = _Excerpts.__new__(_Excerpts)
        cdef bint complete
        self._require_live()
        taken.take(&self._sides, BID, count)
        taken.take(&self._sides, ASK, count)
        complete = self._whole(BID, count) and self._whole(ASK, count)
        return Depth(taken.exact_rows(BID), taken.exact_rows(ASK), complete)

    cdef Depth _array_depth(self, Py_ssize_t count):
        cdef Grid bids, asks
        cdef bint complete
        cdef Py_ssize_t n_bids = self._count(BID, count), n_asks = self._count(ASK, count)
        cdef _Excerpts taken
        # Making an array runs numpy's code: made first, and looked at when both are there.
        bid_array = new_array(n_bids)
        ask_array = new_array(n_asks)
        self._require_live()
        complete = self._whole(BID, count) and self._whole(ASK, count)
        if (
            n_bids == self._count(BID, count) and n_asks == self._count(ASK, count)
            and grid_of_array(bid_array, CONTIGUOUS | WRITEABLE, &bids)
            and grid_of_array(ask_array, CONTIGUOUS | WRITEABLE, &asks)
        ):
            self._fill_cells(BID, n_bids, bids.first, n_bids, False)
            self._fill_cells(ASK, n_asks, asks.first, n_asks, False)
            return Depth(bid_array, ask_array, complete)
        # The book has changed meanwhile, or the arrays are of a strange numpy.
        taken = _Excerpts.__new__(_Excerpts)
        taken.take(&self._sides, BID, count)
        taken.take(&self._sides, ASK, count)
        return Depth(taken.array(BID), taken.array(ASK), complete)

    @cython.final
    cdef Py_ssize_t _count(self, int side, Py_ssize_t count) noexcept:
        return min(count, ladder_length(&self._sides.ladders[side]))

    cdef object _fill_pair(self, Py_ssize_t count, object out):
        """Write the best levels of both sides into two arrays of the caller's; how many of each."""
        cdef Grid bids, asks
        cdef _Buffer bid_buffer, ask_buffer
        self._require_live()
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            raise UsageError("out must be a pair of arrays: (bids, asks)")
        first, second = out
        if not (
            grid_of_array(first, CONTIGUOUS | WRITEABLE, &bids)
            and grid_of_array(second, CONTIGUOUS | WRITEABLE, &asks)
        ):
            # A buffer is anybody's code to get, and stays where it is until it is given back.
            bid_buffer = writable_buffer(first)
            ask_buffer = writable_buffer(second)
            bids = bid_buffer.grid
            asks = ask_buffer.grid
            self._require_live()
        return (
            self._fill_cells(BID, count, bids.first, bids.rows, True),
            self._fill_cells(ASK, count, asks.first, asks.rows, True),
        )

    cdef Py_ssize_t _fill_cells(
        self, int side, Py_ssize_t count, char* cells, Py_ssize_t rows, bint pad
    ) noexcept:
        cdef const Ladder* ladder = &self._sides.ladders[side]
        cdef Cursor cursor = best_first(ladder)
        cdef const Rung* rung
        cdef Py_ssize_t i
        cdef Py_ssize_t filled = min(min(count, rows), ladder_length(ladder))
        cdef double price_unit = SIGN[side] * POW10_DOUBLE[self._sides.scales.price]
        cdef double size_unit = POW10_DOUBLE[self._sides.scales.size]
        cdef double price, size
        for i in range(filled):
            rung = next_worse(&cursor)
            if -LAST_EXACT <= rung.key <= LAST_EXACT and rung.size <= LAST_EXACT:
                # Beside each other, as one division of two.
                price = <double>rung.key / price_unit
                size = <double>rung.size / size_unit
            else:
                price = to_double(rung.key * SIGN[side], self._sides.scales.price)
                size = to_double(rung.size, self._sides.scales.size)
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
        key = -1
        if status == NUMBER_OK:
            key = at_scale(wanted, self._sides.scales.price)
        if key < 0:
            return 0.0  # finer or larger than any price in the book
        return to_double(
            ladder_size(&self._sides.ladders[number], key * SIGN[number]), self._sides.scales.size
        )

    def sweep(self, side, *, size=None, notional=None):
        """What consuming `side` ("bid" or "ask") up to a size or a notional would give: a `Sweep`.

        Exactly one of `size` and `notional` is given (float, text, Decimal or int, not negative).
        All sums are exact.
        """
        cdef int number = side_number(side)
        cdef bint by_notional = size is None
        cdef Number wanted
        cdef double amount
        cdef _Excerpts taken
        if (size is None) == (notional is None):
            raise UsageError("sweep() takes either size= or notional=")
        parse_amount(notional if by_notional else size, &wanted)
        numerator, denominator = ratio_of(wanted)
        amount = about(numerator, denominator)
        taken = _Excerpts.__new__(_Excerpts)
        self._require_live()
        taken.take(&self._sides, number, levels_for(&self._sides, number, amount, by_notional))
        return taken.swept(number, numerator, denominator, by_notional)

    def size_within(self, side, bps):
        """float, the cumulative size within `bps` basis points of that side's best price."""
        cdef int number = side_number(side)
        cdef Number wanted
        cdef double reach
        cdef _Excerpts taken = _Excerpts.__new__(_Excerpts)
        parse_amount(bps, &wanted)
        numerator, denominator = ratio_of(wanted)
        denominator *= 10_000
        reach = about(numerator, denominator)
        self._require_live()
        taken.take(&self._sides, number, levels_within(&self._sides, number, reach))
        return taken.size_within(number, numerator, denominator)

    def grouped(self, step, n=None):
        """The ladder on a coarser grid of `step`, at most `n` rows a side: a `Depth`.

        Bids are rounded down and asks up, so that no row looks better than its levels are.
        """
        cdef Py_ssize_t count = level_count(n, "n")
        cdef Number width
        cdef int side
        cdef _Excerpts taken
        parse_amount(step, &width)
        numerator, denominator = ratio_of(width)
        if width.mantissa == 0:
            raise UsageError("step must be greater than zero")
        if numerator > WIDEST_STEP * denominator:
            raise UsageError(f"step is wider than any price, was {step!r}")
        taken = _Excerpts.__new__(_Excerpts)
        self._require_live()
        for side in range(2):
            taken.take(&self._sides, side, levels_in_groups(&self._sides, side, width, count))
        bids, bids_certain = taken.grouped(BID, numerator, denominator, count)
        asks, asks_certain = taken.grouped(ASK, numerator, denominator, count)
        return Depth(bids, asks, bids_certain and asks_certain)

    cdef Py_ssize_t _known(self, int side) noexcept:
        cdef const Ladder* ladder = &self._sides.ladders[side]
        return ladder_count_from(ladder, ladder.known_from)

    cdef bint _whole(self, int side, Py_ssize_t levels) noexcept:
        if self._sides.ladders[side].known_from == KNOWN_FROM_START:
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
        cdef int64_t now = self._now()
        cdef _Standing standing = self._standing(now)
        cdef int64_t confirmed_at = self._confirmed_at, sequence = self._sequence
        cdef bint ages = self._clock_kind != CLOCK_NONE
        confirmed_by = self._confirmed_by
        # Sentences run Python code: from here on only what was looked at.
        reason = standing.reason()
        version = "" if sequence < 0 else f", version {sequence}"
        if standing.state == LIVE:
            age = ""
            if confirmed_by is not None:
                age = f": confirmed by {confirmed_by}"
                if ages:
                    age += f" {max(0.0, (now - confirmed_at) / 1e9):.1f} s ago"
            return f"{self.symbol} is live{f' ({reason})' if reason else ''}{age}{version}"
        since = standing.since()
        lasted = ""
        if since is not None and ages:
            lasted = f" for {max(0.0, (now - since) / 1e9):.1f} s"
        state = str(STATES[standing.state]).lower()
        return f"{self.symbol} is {state}, not live{lasted}{f': {reason}' if reason else ''}{version}"

    def peek(self):
        """A frozen copy of the last values, readable in any state; its `state` says how far to
        trust it. O(n)."""
        cdef Book copy = Book.__new__(Book)
        cdef int64_t now = self._now()
        cdef _Standing standing = self._standing(now)
        if sides_copy(&copy._sides, &self._sides) < 0:
            raise MemoryError
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
        copy._access = ACCESS_FROZEN
        copy._state = standing.state
        if self._clock_kind != CLOCK_NONE:
            # Time stands still in the copy: its age is what it was now.
            copy._clock_kind = CLOCK_STOPPED
            copy._stopped_at = now
            copy._confirmed_at = self._confirmed_at
        copy._reason = standing.reason()
        copy._since = standing.since()
        return copy

    def __repr__(self):
        cdef _Standing standing = self._standing(self._moment())
        cdef Top top = sides_top(&self._sides)
        cdef Py_ssize_t n_bids = ladder_length(&self._sides.ladders[BID])
        cdef Py_ssize_t n_asks = ladder_length(&self._sides.ladders[ASK])
        kind = "frozen " if self._access == ACCESS_FROZEN else ""
        reason = standing.reason()
        return (
            f"<{kind}Book {self.channel}:{self.symbol} {STATES[standing.state]}"
            f"{f' ({reason})' if reason else ''} "
            f"bid {best_text(&top, BID)} | ask {best_text(&top, ASK)}, {n_bids}/{n_asks} levels>"
        )

    def _repr_html_(self):
        return None if display_html is None else display_html(self.peek())

    def check(self):
        """Assert every invariant of the book; raises InvariantError with its state in the message.

        Never needed in good health: it is for tests, and for users who want to be sure. O(n).
        """
        # In good health nothing here makes an object: all is looked at in one moment.
        problem = self._problem()
        if problem is not None:
            raise InvariantError(
                f"{self!r}: {problem}; sequence {self._sequence}, scales "
                f"{self._sides.scales.price}/{self._sides.scales.size}, worst levels first: "
                f"bids {ladder_text(&self._sides.ladders[BID])}, "
                f"asks {ladder_text(&self._sides.ladders[ASK])}"
            )

    cdef object _problem(self):
        """Which invariant does not hold; None where all do."""
        cdef int side
        cdef Scales scales = self._sides.scales
        cdef _Pending pending
        cdef Py_ssize_t waiting = 0, i
        for side in range(2):
            problem = self._side_problem(side)
            if problem is not None:
                return f"{SIDE_NAMES[side]}: {problem}"
        if not (0 <= scales.price <= MAX_SCALE and 0 <= scales.size <= MAX_SCALE):
            return f"scales {scales.price}, {scales.size}"
        if self._state == LIVE and self._crossed():
            return "LIVE and crossed"
        if self._access != ACCESS_FROZEN and (self._state == LIVE) != (self._access == ACCESS_LIVE):
            return "readable in a state that is not LIVE, or the reverse"
        if self._state == LIVE and self._buffer:
            return "LIVE with updates still waiting"
        for i in range(len(self._buffer)):
            pending = <_Pending>self._buffer[i]
            waiting += pending.n_rows
        if self._buffered_rows != waiting:
            return "the count of waiting rows is wrong"
        return None

    cdef object _side_problem(self, int side):
        cdef const Ladder* ladder = &self._sides.ladders[side]
        cdef const char* fault = ladder_fault(ladder)
        cdef Cursor cursor = worst_first(ladder)
        cdef const Rung* rung
        cdef int64_t worse = -INT64_LIMIT - 1
        if fault != NULL:
            return fault.decode()
        if ladder_length(ladder) > self._max_levels and self._access != ACCESS_FROZEN:
            return f"{ladder_length(ladder)} levels, at most {self._max_levels}"
        rung = next_better(&cursor)
        while rung != NULL:
            if rung.size <= 0:
                return f"size {rung.size} at {rung.key}"
            if rung.key * SIGN[side] <= 0:
                return f"key {rung.key}"
            if rung.key <= worse:
                return f"keys {worse} and {rung.key} are not ascending"
            worse = rung.key
            rung = next_better(&cursor)
        return None


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
        demand_add(
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


cdef int top_change(Sides* sides, const Top* before, bint was_live) noexcept nogil:
    """TOP where the best price or size of a side is not what readers saw before."""
    cdef int side
    cdef const Rung* now
    for side in range(2):
        now = ladder_best(&sides.ladders[side])
        if not was_live:
            if now != NULL:
                return TOP_BIT
            continue
        if before.present[side] != (now != NULL):
            return TOP_BIT
        if now == NULL:
            continue
        if not same_number(
            before.prices[side], before.scales.price, now.key * SIGN[side], sides.scales.price
        ):
            return TOP_BIT
        if not same_number(before.sizes[side], before.scales.size, now.size, sides.scales.size):
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
