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
from bitmart_book.model import SYMBOL, BookState, Change, html_of

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
from cpython.number cimport PyIndex_Check, PyNumber_Index
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.unicode cimport PyUnicode_Check, PyUnicode_CheckExact
from libc.math cimport INFINITY, NAN, isfinite
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from bitmart_book.native.checksum cimport (
    MOST_SUMMED,
    MOST_WRITTEN,
    SUM_DIGITS,
    SUM_PADDED,
    SUM_STRIPPED,
    SumRule,
    checksum_of,
    crc_prepare,
    sum_free,
    sum_new,
    sum_touch,
)
from bitmart_book.native.clock cimport HAS_COARSE, coarse_ns, is_before, monotonic_ns
from bitmart_book.native.double cimport number_of_double
from bitmart_book.native.json cimport BY_SIXTEEN, BY_WORDS, LONGEST_KEY, Span, pack_word
from bitmart_book.native.ladder cimport (
    Cursor,
    Demand,
    IndexedRung,
    Ladder,
    best_first,
    demand_add,
    ladder_append,
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
    NOBODYS_CHECKSUM,
    NO_CHECKSUM,
    STAMP_MS,
    STAMP_NS,
    STAMP_TEXT,
    Item,
    ItemKind,
    Place,
    Row,
    Rows,
    TopicKey,
    Words,
    find_topic,
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
    ROUNDS_ONCE,
    Number,
    NumberStatus,
    at_scale,
    holds,
    parse_number,
    to_double,
    widened,
)
from bitmart_book.native.questions cimport note_question, take_answer
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
    are_known,
    excerpt_take,
    levels_for,
    levels_in_groups,
    levels_up_to,
    take_within,
    sides_copy,
    sides_crossed,
    sides_free,
    sides_top,
    tops_differ,
    total_add,
    total_size,
)
from bitmart_book.native.stamp cimport stamp_of_text
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

__all__ = [
    "Book", "Depth", "Engine", "Guard", "Lens", "Level", "Levels", "NetBook", "NetTop", "Quote",
    "Sweep", "Trigger", "Watcher", "clock_ns",
]

cdef tuple SIDE_NAMES = ("bid", "ask")


class _Default:
    """What is meant where nothing is said."""

    def __repr__(self):
        return "DEFAULT"


DEFAULT = _Default()

cdef object WIDEST_STEP = 10 ** 30
# No time, as a number of nanoseconds.
cdef int64_t NO_TIME = -INT64_LIMIT - 1
# Of what watchers are told: the book has become LIVE, which concerns every one of them.
cdef int MADE_LIVE = 1 << 29
TOLD_NOW = (
    "a watcher or a trigger's callback is being told of a book, and must not write to one, "
    "subscribe, unsubscribe or close from within: note it, and do it afterwards, as in "
    "asyncio.get_running_loop().call_soon(...)"
)

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

# Bounds on what a hostile or broken server can make us hold. The largest real frame seen is a
# 1.1 MB snapshot; websockets and most servers stop at 1 MiB, so 4 MiB leaves room.
DEFAULT_MAX_FRAME_BYTES = 4 * 1024 * 1024
DEFAULT_MAX_LEVELS = 50_000
DEFAULT_MAX_BOOKS = 2_000
# Decoded, a frame takes many times its length: of one that is so long the scanner makes the book
# too. Short ones are left to the decoder, which knows everything about them.
cdef Py_ssize_t LARGE_FRAME = 64 * 1024
# A frame may have as many levels as a book may keep: 32 bytes each while they are checked.
cdef Py_ssize_t MAX_ROWS = 2 * DEFAULT_MAX_LEVELS
# A frame of so many levels with four members each has fewer. Decoded, every value is an object, and
# small ones take twenty times their text: 30 MiB at most, until the frame has been applied.
cdef Py_ssize_t MAX_COMMAS = 4 * MAX_ROWS + 20_000
cdef Py_ssize_t MAX_OBJECTS = MAX_ROWS + 5_000
cdef Py_ssize_t MAX_BUFFERED_FRAMES = 1_000
cdef Py_ssize_t MAX_BUFFERED_ROWS = 4 * 1024 * 1024 // sizeof(Row)


def clock_ns():
    """int, nanoseconds of the clock that "monotonic" means: it never goes back, and where the
    system can tell it goes on while the machine sleeps."""
    return monotonic_ns()


class _BareNumber(str):
    """The text of a JSON number that is no integer: no digit passes through a double."""

    __slots__ = ()


cdef object _decode = msgspec.json.Decoder(float_hook=_BareNumber).decode

# How this build takes frames and makes floats: for whoever reports a problem, and for the tests,
# which are run with each kind of build.
_characters_at_once = 16 if BY_SIXTEEN else 8 if BY_WORDS else 1
_rounds_once = bool(ROUNDS_ONCE)

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
# How old a quote may be that a guard lets pass, by profile and channel: set by the package too.
cdef object guard_age_of = lambda profile, channel: None


# What a venue is that is named: a function of a name, a venue, or a tuple of these; set as well.
cdef object find_venue = lambda venue: default_venue if venue is None else venue


def _set_default_venue(venue):
    global default_venue
    default_venue = venue


def _set_venues(find):
    global find_venue
    find_venue = find


def _set_guard_ages(of):
    global guard_age_of
    guard_age_of = of


class _Signature:
    """The parameters of a class, for `inspect.signature`: a compiled `__init__` cannot be asked."""

    def __init__(self, text):
        self._text = text

    def __get__(self, one, kind):
        import inspect

        if hasattr(kind.__init__, "__code__"):
            # Of a class that somebody has derived from it.
            whole = inspect.signature(kind.__init__)
            return whole.replace(parameters=list(whole.parameters.values())[1:])
        return inspect.signature(eval(f"lambda {self._text}: None", {
            "Book": Book,
            "DEFAULT_MAX_BOOKS": DEFAULT_MAX_BOOKS,
            "DEFAULT_MAX_FRAME_BYTES": DEFAULT_MAX_FRAME_BYTES,
            "DEFAULT_MAX_LEVELS": DEFAULT_MAX_LEVELS,
        }))


crc_prepare()

include "native/arrays.pxi"
include "native/values.pxi"
include "native/excerpts.pxi"
include "native/channel.pxi"
include "native/steps.pxi"
include "native/rows.pxi"
include "native/trust.pxi"
include "native/lag.pxi"
include "native/sequence.pxi"
include "native/written.pxi"


cdef class Book(Written):
    """The order book of one symbol on one channel.

    By itself it is fed by hand or with raw frames of its own symbol; an `Engine` makes and feeds
    books of many. One thread writes; any thread may read, and what a read returns is of one moment.

    `venue` is one of `bb.venues()`, or what else `Engine` takes; BitMart where none is said.
    `clock` is a callable that returns monotonic nanoseconds, or "monotonic" for the machine's
    own, read in C. With a clock a book is STALE when nothing has confirmed it for `valid_for`
    seconds; without one it never is. Each side holds at most `max_levels` levels; worse ones are
    dropped after each frame. (Where the venue shows a certain depth, and tells of no level beyond
    it, a book has that depth.) `price_step` and `size_step` are the market's, for floats that were
    computed: see `apply_snapshot`.

    The best prices: best_bid, best_ask, best_bid_price, best_ask_price, best_bid_size,
    best_ask_size, quote, guard; mid, spread, spread_bps, microprice.
    Levels: bids, asks, depth, grouped, size_at, size_within, total_size, sweep, imbalance,
    complete_depth.
    In any state: state, reason, explain, epoch, confirmed_by, valid_until, quote_in_any_state, peek.
    What it was told last: sequence, exchange_time_ms, receive_time_ns, last_trade, last_change,
    stats.
    What the venue proves: proven_levels.
    What it is: symbol, venue, market, channel, unit.
    Writing: apply, apply_snapshot, apply_delta, clear. Checking: check.

    >>> book = bb.Book("BTC_USDT")
    >>> bids, asks = [("100.5", 2), (100, 5)], [(101, "1.25"), (102, 4)]
    >>> change = book.apply_snapshot(bids, asks, sequence=7)
    >>> book.best_bid, book.spread
    (Level(price=100.5, size=2.0), 0.5)
    """

    __signature__ = _Signature(
        "symbol, *, venue=None, channel=None, market=None, clock=None, valid_for=9.5, "
        "max_levels=DEFAULT_MAX_LEVELS, price_step=None, size_step=None"
    )

    def __init__(
        self, symbol, *, venue=None, channel=None, market=None, clock=None, valid_for=9.5,
        max_levels=DEFAULT_MAX_LEVELS, price_step=None, size_step=None,
    ):
        if not isinstance(symbol, str):
            raise UsageError(f"a symbol must be str, was {type(symbol).__name__}")
        spoken = find_venue(venue)
        profile, found = spoken.book_channel(symbol, channel=channel, market=market)
        self._spoken = spoken
        self._set_up(
            spoken.bare(symbol), _Channel(profile, found), clock, seconds_to_ns(valid_for),
            level_limit(max_levels),
        )
        read_step(price_step, &self._steps, OF_PRICES)
        read_step(size_step, &self._steps, OF_SIZES)

    def __dealloc__(self):
        Py_XDECREF(self._shown[BID])
        Py_XDECREF(self._shown[ASK])

    def __reduce__(self):
        raise TypeError("a Book cannot be pickled or copied; pickle what you read from it")

    # A read looks at the book in one piece of C: arguments are made numbers and arrays are made
    # before, then comes `_require_live`, and then, until all is looked at or copied, no Python
    # code. Garbage collections, signals and other threads come in wherever it runs; ints of more
    # than one digit (30 bits) let them in when they are multiplied or divided.

    @property
    def unit(self):
        """What sizes count: "base", the base currency, or "contracts"."""
        if self._spec.contracts is not None and self._spec.contracts(self.symbol):
            return "contracts"
        return self._spec.unit

    @property
    def venue(self):
        """The venue it is of, as `bb.venues()` names it."""
        return self._spec.venue

    @property
    def proven_levels(self):
        """int, how many of the best levels a side the venue proves by its checksum; None where an
        unbroken sequence proves all, or each picture is whole; 0 where nothing does. Never raises.
        """
        return None if self._spec.proven == MOST_COUNT else self._spec.proven

    @property
    def sequence(self):
        """The venue's counter after the last applied frame; None where it has none."""
        return None if self._sequence < 0 else self._sequence

    @property
    def exchange_time_ms(self):
        """The venue's stamp on the last applied frame, milliseconds since 1970, or None."""
        return None if self._exchange_time < 0 else self._exchange_time

    @property
    def receive_time_ns(self):
        """Wall-clock time of receipt of the last applied frame, as the caller gave it, or None."""
        return time_or_none(self._receive_time)

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
        cdef int64_t worst
        self._require_live()
        return self._fill_cells(side, rows, <char*>cells, rows, False, &worst)

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
        """A `Quote` that never raises: while the book is not LIVE its prices are None. O(1).

        >>> bb.Book("BTC_USDT").quote_in_any_state().state
        <BookState.SYNCING: 'SYNCING'>
        """
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
        quote._lag = self._lag
        quote._names = self._names
        quote._state = self._state
        sides_top(&self._sides, &quote._top)
        quote._sequence = self._sequence
        quote._exchange_time = self._exchange_time
        quote.receive_time_ns = time_or_none(self._receive_time)
        quote.epoch = self._epoch
        quote.skipped = skipped
        return quote

    @cython.final
    cdef bint _both(self, Top* top) except -1:
        """The best level of both sides; False where one has none."""
        self._require_live()
        sides_top(&self._sides, top)
        return top.present[BID] and top.present[ASK]

    @property
    def mid(self):
        """float, halfway between the best prices; None where a side is empty."""
        cdef Top top
        self._both(&top)
        return mid_of(&top)

    @property
    def spread(self):
        """float, best ask minus best bid, rounded once; None where a side is empty."""
        cdef Top top
        self._both(&top)
        return spread_of(&top)

    @property
    def spread_bps(self):
        """float, the spread in basis points of the mid, rounded once; None where a side is empty."""
        cdef Top top
        if not self._both(&top):
            return None
        bid, ask = <object>top.prices[BID], <object>top.prices[ASK]
        return ratio(20_000 * (ask - bid), ask + bid)

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

        >>> book.imbalance(2)
        0.14285714285714285
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

        >>> bids, asks = book.depth(2)
        >>> asks.tolist()
        [[101.0, 1.25], [102.0, 4.0]]
        >>> book.depth(1, exact=True).bids
        [(Decimal('100.5'), Decimal('2'))]
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
        cdef bint complete, proven
        self._require_live()
        taken.take(&self._sides, BID, count)
        taken.take(&self._sides, ASK, count)
        proven = taken.are_proven(BID, self._spec.proven) and taken.are_proven(ASK, self._spec.proven)
        complete = proven and taken.are_known(BID, count) and taken.are_known(ASK, count)
        return Depth(taken.exact_rows(BID), taken.exact_rows(ASK), complete, proven)

    cdef Depth _array_depth(self, Py_ssize_t count):
        cdef Grid bids, asks
        cdef Py_ssize_t n_bids = self._count(BID, count), n_asks = self._count(ASK, count)
        cdef bint complete, proven
        cdef _Excerpts taken
        # Making an array runs numpy's code: both are made before anything is looked at.
        bid_array = new_array(n_bids)
        ask_array = new_array(n_asks)
        self._require_live()
        if (
            n_bids == self._count(BID, count) and n_asks == self._count(ASK, count)
            and grid_of_array(bid_array, CONTIGUOUS | WRITEABLE, &bids)
            and grid_of_array(ask_array, CONTIGUOUS | WRITEABLE, &asks)
        ):
            complete = self._fill_known(BID, count, bids.first, n_bids)
            complete &= self._fill_known(ASK, count, asks.first, n_asks)
            proven = max(n_bids, n_asks) <= self._spec.proven
            return Depth(bid_array, ask_array, complete and proven, proven)
        # The book has changed meanwhile, or the arrays are of a strange numpy.
        taken = _Excerpts.__new__(_Excerpts)
        taken.take(&self._sides, BID, count)
        taken.take(&self._sides, ASK, count)
        proven = taken.are_proven(BID, self._spec.proven) and taken.are_proven(ASK, self._spec.proven)
        complete = proven and taken.are_known(BID, count) and taken.are_known(ASK, count)
        return Depth(taken.array(BID), taken.array(ASK), complete, proven)

    @cython.final
    cdef Py_ssize_t _count(self, int side, Py_ssize_t count) noexcept:
        return min(count, ladder_length(&self._sides.ladders[side]))

    @cython.final
    cdef bint _fill_known(
        self, int side, Py_ssize_t count, char* cells, Py_ssize_t rows
    ) noexcept:
        """Fill an array that has room for all that there are of the best `count` levels; whether
        these are known for certain."""
        cdef int64_t worst = 0
        self._fill_cells(side, count, cells, rows, False, &worst)
        return are_known(self._sides.ladders[side].known_from, count, rows, worst)

    cdef object _fill_pair(self, Py_ssize_t count, object out):
        """Write the best levels of both sides into two arrays of the caller's; how many of each."""
        cdef Grid bids, asks
        cdef int64_t worst
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
            self._fill_cells(BID, count, bids.first, bids.rows, True, &worst),
            self._fill_cells(ASK, count, asks.first, asks.rows, True, &worst),
        )

    cdef Py_ssize_t _fill_cells(
        self, int side, Py_ssize_t count, char* cells, Py_ssize_t rows, bint pad, int64_t* worst
    ) noexcept:
        """Write the best levels, at most `count` and at most `rows`; how many. `worst` is the key
        of the last one, and left alone where there is none."""
        cdef const Ladder* ladder = &self._sides.ladders[side]
        cdef Cursor cursor = best_first(ladder)
        cdef const Rung* rung = NULL
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
        if filled:
            worst[0] = rung.key
        if pad:
            for i in range(filled, rows):
                put_level(cells, i, NAN, NAN)
        return filled

    def size_at(self, side, price):
        """float, the size resting at exactly that price (float, text or Decimal); 0.0 if none.

        >>> book.size_at("bid", "100")
        5.0
        """
        cdef int number = side_number(side)
        cdef Number wanted
        cdef NumberStatus status
        cdef int64_t key = -1
        status = self._price_given(price, &wanted)
        self._require_live()
        if status == NUMBER_OK:
            key = at_scale(wanted, self._sides.scales.price)
        if key < 0:
            return 0.0  # finer or larger than any price in the book
        return to_double(
            ladder_size(&self._sides.ladders[number], key * SIGN[number]), self._sides.scales.size
        )

    @cython.final
    cdef bint _means_step(self, object price, Number* out) noexcept:
        """Whether a price is a float and near to a multiple of this book's step, which is known."""
        return (
            self._steps.widths[OF_PRICES] != 0 and PyFloat_Check(price)
            and near_step(PyFloat_AS_DOUBLE(price), &self._steps, OF_PRICES, out)
        )

    cdef NumberStatus _price_given(self, object price, Number* out) except? NUMBER_MALFORMED:
        """A price that a read is asked for: NUMBER_OK, or NUMBER_UNHOLDABLE, which no level has."""
        cdef NumberStatus status
        if self._means_step(price, out):
            return NUMBER_OK
        text = number_text(price)
        status = parse_text(text, out)
        if status != NUMBER_OK and status != NUMBER_UNHOLDABLE:
            raise UsageError(number_problem(status, text))
        return status

    def sweep(self, side, *, size=None, notional=None, limit=None):
        """What consuming `side` ("bid" or "ask") up to a size or a notional would give: a `Sweep`.

        `limit` is the worst price that is still taken, as of a limit order; alone it takes all
        down to there. Of `size` and `notional` at most one is given, and one of the three at
        least (float, text, Decimal or int, not negative). All sums are exact.

            book.sweep("ask", size=2, limit="101.5").fills

        >>> cost = book.sweep("ask", size=2)
        >>> cost.average_price, cost.worst_price, cost.complete
        (101.375, 102.0, True)
        >>> book.sweep("ask", size=2, limit="101.5").fills
        ((101.0, 1.25),)
        """
        cdef int number = side_number(side)
        cdef bint by_notional = notional is not None
        cdef Number wanted, worst
        cdef double amount = INFINITY
        cdef Py_ssize_t count, within = MOST_COUNT, proven = self._spec.proven
        cdef int64_t edge = 0
        cdef _Excerpts taken
        if (size is None) == (notional is None) and (by_notional or limit is None):
            raise UsageError("sweep() takes either size= or notional=, with limit= or without, or limit=")
        numerator = denominator = None
        if by_notional or size is not None:
            parse_amount(notional if by_notional else size, &wanted)
            numerator, denominator = ratio_of(wanted)
            amount = about(numerator, denominator)
        if limit is not None and not self._means_step(limit, &worst):
            parse_amount(limit, &worst)
        taken = _Excerpts.__new__(_Excerpts)
        self._require_live()
        if limit is not None:
            within = levels_up_to(&self._sides, number, worst, &edge)
        count = min(within, levels_for(&self._sides, number, amount, by_notional))
        # And the one that is left standing.
        taken.take(&self._sides, number, count + 1)
        if numerator is None:
            return taken.swept_to(number, within, edge, proven)
        return taken.swept(number, numerator, denominator, by_notional, within, proven)

    def total_size(self, side, levels=None):
        """float, all that rests on a side, or on its best `levels` levels; rounded once from the
        exact sum. 0.0 where there is nothing.

        >>> book.total_size("bid"), book.total_size("bid", 1)
        (7.0, 2.0)
        """
        cdef int number = side_number(side)
        cdef Py_ssize_t count = level_count(levels, "levels")
        cdef Total total
        cdef int scale
        self._require_live()
        total = total_size(&self._sides.ladders[number], count)
        scale = self._sides.scales.size
        return ratio(int_of(total), power_of_ten(scale))

    def size_within(self, side, bps, of="best"):
        """float, the cumulative size within `bps` basis points of that side's best price, a level at
        just that distance included; 0.0 where the side is empty.

        With `of="mid"` within so many of the mid, and None where a side is empty and there is none.

        >>> book.size_within("ask", 100)
        5.25
        """
        cdef int number = side_number(side)
        cdef bint of_mid = of != "best"
        cdef Number wanted
        cdef double reach
        cdef const Rung* best
        cdef const Rung* opposite
        cdef int64_t key, other
        cdef Total sure
        cdef _Excerpts taken = _Excerpts.__new__(_Excerpts)
        if of_mid and of != "mid":
            raise UsageError(f'of must be "best" or "mid", was {of!r}')
        parse_amount(bps, &wanted)
        numerator, denominator = ratio_of(wanted)
        denominator *= 10_000
        reach = about(numerator, denominator)
        self._require_live()
        best = ladder_best(&self._sides.ladders[number])
        opposite = ladder_best(&self._sides.ladders[1 - number])
        if of_mid and (best == NULL or opposite == NULL):
            return None
        if best == NULL:
            return 0.0
        key = best.key
        other = -opposite.key if of_mid else key
        taken.take_within(&self._sides, number, reach, other, &sure)
        return taken.size_within(number, key, other, sure, numerator, denominator)

    def grouped(self, step, n=None):
        """The ladder on a coarser grid of `step`, at most `n` rows a side: a `Depth`.

        Bids are rounded down and asks up, so that no row looks better than its levels are.

        >>> book.grouped(1).bids.tolist()
        [[100.0, 7.0]]
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
        proven = taken.are_proven(BID, self._spec.proven) and taken.are_proven(ASK, self._spec.proven)
        bids, bids_certain = taken.grouped(BID, numerator, denominator, count)
        asks, asks_certain = taken.grouped(ASK, numerator, denominator, count)
        return Depth(bids, asks, proven and bids_certain and asks_certain, proven)

    def complete_depth(self, side):
        """int, how many of the best levels of that side are known for certain.

        A snapshot cut at the venue's window says nothing of the levels beyond it; those that
        changed since are in the book, but others may stand between them. It is never more than
        what the venue proves: `proven_levels`.

        >>> book.complete_depth("bid")
        2
        """
        cdef int number = side_number(side)
        self._require_live()
        return self._certain(number)

    @property
    def lag(self):
        """float, seconds by which what arrives for this book is later than the earliest that its
        host has shown; None where no stamp tells. Never raises."""
        return None if self._lag == NO_LAG else self._lag / 1e9

    def guard(self, *, max_age=DEFAULT, max_spread_bps=None, levels=None, unproven=False):
        """A `Guard`: `with book.guard(max_age=0.5, max_spread_bps=20) as quote:`

        Entering it raises BookNotLive while the book is not LIVE, and GuardRefused (a kind of it)
        where the quote's age is more than `max_age` seconds or the spread is more than
        `max_spread_bps` basis points of the mid (or a side is empty); so that no order is sent on
        such a quote. Both are numbers from 0 on, UsageError otherwise. Where no `max_age` is said
        it is 8 s on sequenced channels, and on pictures 2 s more than the time after which they
        are subscribed anew; `None` lets any age pass. A book without a clock does not age.
        `levels`: how many levels a side are going to be used. It is refused where the venue proves
        fewer, whether there are so many or not; `unproven=True` lets them pass all the same.

        >>> with book.guard(max_spread_bps=100) as quote:
        ...     print(quote.bid)
        100.5
        """
        return Guard(
            self, self._spec.guard_age if max_age is DEFAULT else max_age, max_spread_bps, levels,
            unproven,
        )

    @property
    def watched(self):
        """int, the `Change` bits that anybody wants to hear of: watchers, triggers, listeners of a
        feed. A frame with none of them costs nobody anything. Never raises."""
        return self._wanted

    def when(
        self, *, spread_bps=None, imbalance=None, top_size=None, mid_moved=None, state=None,
        levels=1, tick=None, hysteresis=0,
    ):
        """A `Trigger` that fires when all of these become true, behind the frame that makes them:

            book.when(spread_bps=(">", 5), hysteresis=1).on(print)

        spread_bps: the spread in basis points of the mid. imbalance: that of `levels` levels.
        top_size: of a side, ("bid", "<", 0.5), or of the smaller one, ("<", 0.5). mid_moved: so
        many ticks of `tick`, from where it was when this was made or fired last. state: one or
        several, or ("!=", "LIVE"). Relations are >, >=, < and <=, limits exact: a float is what its
        shortest text says. `hysteresis` is by how much a value has to be on the other side of its
        limit before it can fire again, of several conditions by name. An empty side has no value,
        and what is not LIVE only a state. UsageError for anything else.

        >>> trigger = book.when(spread_bps=("<", 100))
        >>> trigger.is_true, trigger.quote.bid
        (True, 100.5)
        """
        return Trigger(
            self, spread_bps=spread_bps, imbalance=imbalance, top_size=top_size,
            mid_moved=mid_moved, state=state, levels=levels, tick=tick, hysteresis=hysteresis,
        )

    @cython.final
    cdef bint _is_live_at(self, int64_t now) noexcept:
        """Whether a read at that time of the clock answers."""
        return (
            self._access == ACCESS_LIVE and self._process == process_generation
            and (self._deadline == NEVER or now < self._ends())
        )

    @cython.final
    cdef void _tell_watchers(self, int change) noexcept:
        """Tell them what a write did that is over, `change`, and what the book is now."""
        cdef tuple watchers
        cdef PyObject* one
        cdef Py_ssize_t i
        cdef bint live
        if self._watch is None or self._shared.telling:
            return
        self._shared.telling = True
        # Each is borrowed of a tuple that is never changed, whoever cancels from within.
        watchers = self._watch.watchers
        live = self._is_live_at(self._shared.now)
        if not live or self._watch.state != LIVE or self._watch.missed:
            change = self._tell_state(self._watch, live, change)
        for i in range(PyTuple_GET_SIZE(watchers)):
            one = PyTuple_GET_ITEM(watchers, i)
            if (
                ((<Watcher>one).wants | MADE_LIVE) & change and (live or (<Watcher>one)._always)
                and (<Watcher>one).book is not None
            ):
                (<Watcher>one).changed(self, change & ~MADE_LIVE)
        if change == 0 and self._publication is not None:
            (<Publication>self._publication)._publish(self, ALL_STORES)
        self._shared.telling = False
        if self._state == CLOSED:
            for watcher in watchers:
                watcher.cancel()

    @cython.final
    cdef int _tell_state(self, _Watch watch, bint live, int change) noexcept:
        """Tell that it is not LIVE, or was not for a while. What has changed for all where it is
        LIVE again: they all want to hear of that."""
        cdef int state = told_state(self, self._shared.now)
        cdef bint made_live = live and (watch.state != LIVE or watch.missed)
        cdef bint tells = not live and state != watch.state or watch.missed and watch.state == LIVE
        cdef Watcher watcher
        watch.missed = False
        watch.state = state
        if tells:
            for watcher in watch.watchers:
                if watcher.book is not None:
                    watcher.lost(self)
        return change | TOP_BIT | MADE_LIVE if made_live else change

    cdef int _tell_by_hand(self, int change) except -1:
        """The same of a write that came through no engine's frame."""
        cdef _Shared shared = self._shared
        cdef Book book
        if change & self._wanted:
            self._tell_watchers(change)
        while shared.pending:
            book = shared.pending.pop(0)
            book._tell_watchers(0)
        shared.concerned = False
        return 0

    def explain(self):
        """A sentence about the state of this book, for people. Never raises.

        >>> book.explain()
        'BTC_USDT is live: confirmed by snapshot, version 7'
        """
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
        trust it. O(n).

        >>> copy = bb.Book("BTC_USDT").peek()
        >>> copy.state, copy.best_bid
        (<BookState.SYNCING: 'SYNCING'>, None)
        """
        cdef Book copy = Book.__new__(Book)
        self._copy_to(copy, self._now())
        return copy

    def net(self, orders=None):
        """A frozen copy without own orders: a `NetBook`, with every read of a book and `certain`.

        The orders are those that the lens of this book knows of; or those that are given, `Order`
        values that rest in it, which is the caller's word: of these `certain` is False where one is
        not older than what the book shows, or its level holds less. Raises BookNotLive. O(n).

        >>> facts = {"market": book.market, "symbol": "BTC_USDT", "side": "buy", "status": "new"}
        >>> mine = bb.Order(order_id="1", price="100.5", size="0.5", **facts)
        >>> book.best_bid.size, book.net([mine]).best_bid.size
        (2.0, 1.5)
        """
        cdef NetBook copy = NetBook.__new__(NetBook)
        cdef int64_t now
        if orders is not None:
            given = given_sizes(self, orders)
        elif self._lens is None:
            raise UsageError(
                f"whose orders? feed.account.lens(book) knows those of {self.symbol}; "
                "or say them: book.net(orders)"
            )
        now = self._now()
        self._require_live_at(now)
        self._copy_to(copy, now)
        if orders is None:
            copy.certain = (<Lens>self._lens)._certain
            (<Lens>self._lens).take_out(&copy._sides)
        else:
            copy.certain = take_given(copy, given)
        return copy

    @cython.final
    cdef int _copy_to(self, Book copy, int64_t now) except -1:
        """Make a frozen copy of this book, as of now."""
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
        copy._steps = self._steps
        copy._names = self._names
        copy._access = ACCESS_FROZEN
        copy._state = standing.state
        copy._lag = self._lag
        if self._clock_kind != CLOCK_NONE:
            # Time stands still in the copy: its age is what it was now.
            copy._clock_kind = CLOCK_STOPPED
            copy._stopped_at = now
            copy._confirmed_at = self._confirmed_at
        copy._reason = standing.reason()
        copy._since = standing.since()
        return 0

    def __repr__(self):
        cdef _Standing standing = self._standing(self._moment())
        cdef Top top
        cdef Py_ssize_t n_bids = ladder_length(&self._sides.ladders[BID])
        cdef Py_ssize_t n_asks = ladder_length(&self._sides.ladders[ASK])
        sides_top(&self._sides, &top)
        kind = "frozen " if self._access == ACCESS_FROZEN else ""
        reason = standing.reason()
        return (
            f"<{kind}Book {self.channel}:{self.symbol} {STATES[standing.state]}"
            f"{f' ({reason})' if reason else ''} "
            f"bid {best_text(&top, BID)} | ask {best_text(&top, ASK)}, {n_bids}/{n_asks} levels>"
        )

    def _repr_html_(self):
        return html_of(self.peek())

    def check(self):
        """Assert every invariant of the book; raises InvariantError with its state in the message.

        Never needed in good health: it is for tests, and for users who want to be sure. O(n).

        >>> book.check()
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
        most = self._spec.depth if self._spec.depth else self._max_levels
        if ladder_length(ladder) > most and self._access != ACCESS_FROZEN:
            return f"{ladder_length(ladder)} levels, at most {most}"
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


include "native/lens.pxi"


cdef list ladder_text(const Ladder* ladder):
    cdef Cursor cursor = worst_first(ladder)
    cdef const Rung* rung
    cdef Py_ssize_t _
    text = []
    for _ in range(min(ladder_length(ladder), 50)):
        rung = next_better(&cursor)
        text.append((rung.key, rung.size))
    return text


include "native/watch.pxi"
include "native/shared_layout.pxi"
include "native/publisher.pxi"
include "native/attached.pxi"
include "native/engine.pxi"
include "native/door.pxi"
include "native/histogram.pxi"
include "native/latency.pxi"
include "native/transcript.pxi"
