# The compiled book for other compiled code: `from bitmart_book._book cimport Book`.
#
# Two functions of a book are for users, and keep their form: `read_best` and `read_levels`. Both
# raise BookNotLive while the book cannot be trusted, deadline included, and make no Python object.
# Several calls are of one moment as long as no Python code runs between them; a clock that is a
# Python callable is such code, and each call asks it.

include "native/layout.pxi"

from bitmart_book.native.number cimport NUMBER_MALFORMED, NumberStatus


cdef class Book(Written):
    # Side 0 are bids, 1 asks.
    #
    # The best level of a side; False, and neither is written, where there is none.
    cdef bint read_best(self, int side, double* price, double* size) except -1
    # The best levels of a side, best first, as price, size, price, size, ... into room for `rows`
    # of them. How many there were.
    cdef Py_ssize_t read_levels(self, int side, double* cells, Py_ssize_t rows) except -1

    # From here on nothing is for users.

    # The best prices as they were last given out, and what they were made of: good while the best
    # level has that key at that scale, so that whoever changes a level need not know of them.
    cdef PyObject* _shown[2]
    cdef int64_t _shown_keys[2]
    cdef int _shown_scales[2]

    cdef void _tell_watchers(self, int change) noexcept
    cdef int _tell_state(self, _Watch watch, bint live, int change) noexcept
    cdef int _tell_by_hand(self, int change) except -1
    cdef bint _is_live_at(self, int64_t now) noexcept
    cdef Level _level(self, int side)
    cdef object _best_price(self, int side)
    cdef Quote _make_quote(self, int64_t skipped, int64_t now)
    cdef bint _both(self, Top* top) except -1
    cdef Levels _side_levels(self, int side)
    cdef Depth _exact_depth(self, Py_ssize_t count)
    cdef Depth _array_depth(self, Py_ssize_t count)
    cdef Py_ssize_t _count(self, int side, Py_ssize_t count) noexcept
    cdef object _fill_pair(self, Py_ssize_t count, object out)
    cdef bint _fill_known(
        self, int side, Py_ssize_t count, char* cells, Py_ssize_t rows
    ) noexcept
    cdef Py_ssize_t _fill_cells(
        self, int side, Py_ssize_t count, char* cells, Py_ssize_t rows, bint pad, int64_t* worst
    ) noexcept
    cdef bint _means_step(self, object price, Number* out) noexcept
    cdef NumberStatus _price_given(self, object price, Number* out) except? NUMBER_MALFORMED
    cdef object _problem(self)
    cdef object _side_problem(self, int side)
    cdef int _copy_to(self, Book copy, int64_t now) except -1


cdef class NetBook(Book):
    cdef readonly bint certain


cdef class NetTop:
    cdef Top _top
    cdef int64_t _sequence
    cdef readonly bint certain

    cdef tuple _facts(self)


cdef class _Own:
    cdef object id
    cdef object rank
    cdef object much
    cdef int side
    cdef Number price
    cdef Number left
    # Of the last word about it: the venue's stamp, when it came, and how many frames had come.
    cdef int64_t stamp
    cdef int64_t heard
    cdef int64_t frame
    cdef bint doubtful
    cdef bint gone
    # Whether it is in what the book shows, for certain; and then at which key, and how much.
    cdef bint counts
    cdef int64_t key
    cdef int64_t units
    cdef int64_t others
    # What is ahead of it at most, in units of `scale`, -1: nobody knows; and without what the last
    # frame says. `seen`, `earlier`: the stamps of the last two frames.
    cdef int64_t most
    cdef int64_t before
    cdef int scale
    cdef int64_t epoch
    cdef int64_t seen
    cdef int64_t earlier


cdef class Lens:
    cdef readonly Book book
    cdef object __weakref__
    cdef list _bids
    cdef list _asks
    cdef dict _by_id
    cdef int64_t _frames
    cdef bint _whole
    cdef bint _certain
    cdef tuple _traded

    cdef list _rows(self, int side)
    cdef int _put_rows(self, int side, list rows) except -1
    cdef int _date(self, _Own own, object stamp_ms, object now) except -1
    cdef int _remove(self, _Own own) except -1
    cdef int look(self) except -1
    cdef bint _is_settled(self, _Own own) noexcept
    cdef int _judge(self) except -1
    cdef bint _place(self, _Own own, const Sides* sides) noexcept
    cdef void _bound(self, _Own own, int64_t others, int scale) noexcept
    cdef bint _fits(self, list rows, const Sides* sides) noexcept
    cdef void _find_top(self, int side, const Sides* sides, Top* top) noexcept
    cdef int64_t _at(self, int side, int64_t key) noexcept
    cdef void take_out(self, Sides* sides) noexcept


# Compiled code that is told of a book: what a user derives a class from.
#
# `changed` is called once after each frame that changed something of `wants` (`Change` bits) in the
# book, after all that the frame says is decided, while a read at that moment is LIVE; and when the
# book has become LIVE. `lost` is called whenever the book is not LIVE any more, by a frame, by its
# connection or by its deadline, and for each state until it is LIVE again. Both are noexcept: they
# read, note and compute. Whoever writes to the book or its engine from within is refused.
cdef class Watcher:
    cdef readonly Book book
    cdef readonly int wants
    # Whether frames count as well while the book is not LIVE.
    cdef bint _always

    cdef void changed(self, Book book, int change) noexcept
    cdef void lost(self, Book book) noexcept

    # From here on nothing is for users.
    cdef int _attach(self, Book book, int wants) except -1


cdef class Engine:
    cdef readonly object venue
    cdef _Shared _shared
    cdef object __weakref__
    cdef dict _routes
    # What frames may be of where no connection says more, and what those of one endpoint may be.
    cdef _Table _table
    cdef dict _tables
    # Of symbols on channels that share a name: which channel an acknowledgement named, and which
    # got the last frame, by connection and symbol.
    cdef dict _told
    cdef dict _settled
    # Of how many books the checksums have stopped.
    cdef int64_t _stopped
    cdef int64_t _scanned
    cdef int64_t _decoded
    cdef dict _trade_routes
    cdef dict _books
    cdef dict _by_symbol
    cdef Book _touched
    cdef list _also_touched
    cdef object _clock
    cdef int64_t _valid_for
    cdef object _book_type
    cdef Py_ssize_t _max_levels
    cdef Py_ssize_t _max_frame
    cdef Py_ssize_t _max_books
    cdef _Scratch _scratch
    cdef int _process
    cdef int64_t _frames
    cdef int64_t _bad_frames
    cdef int64_t _other
    cdef int64_t _trades
    cdef bint _only_known
    cdef bint _scans
    cdef bint _trusts_empty
    cdef dict _lines
    cdef dict _hosts
    # When the frame that is under way was heard, if somebody said so; else NEVER.
    cdef int64_t _heard
    cdef int64_t _last_generation
    cdef _Line _last_line
    cdef tuple _last_trades
    # What the last frame that was neither a book's nor a trade's says, decoded.
    cdef readonly object message

    cdef _Table _table_of(self, object profiles)
    cdef _Table _table_for(self, int64_t generation)
    # `apply` of a frame that the scanner understands, for compiled code. The bytes stay the caller's,
    # and no Python object is made of them. NOT_SCANNED: it has to be given to `apply`.
    cdef int take(
        self, const char* text, Py_ssize_t length, int64_t receive_time, int64_t generation
    ) except -1
    cdef int _begin(self, int64_t generation) except -1
    cdef int _apply(
        self, object frame, int64_t receive_time, int64_t generation, Book only
    ) except -1
    cdef int _tell(self) except -1
    cdef int _tell_states(self) except -1
    cdef int _tell_line(self, _Line line) except -1
    cdef int _apply_scanned(
        self, object frame, Py_ssize_t length, int64_t receive_time, int64_t generation, Book
        only
    ) except -1
    cdef int _scan(
        self, const char* text, Py_ssize_t length, int64_t receive_time, int64_t generation,
        Book only
    ) except -1
    cdef Book _scanned_book(
        self, _Table table, const Route* route, Span topic, Span name, Span* symbol,
        int64_t generation
    )
    cdef void* _only_book(
        self, _Table table, const Route* route, Span symbol, int64_t generation
    ) noexcept
    cdef Book _first_scanned_book(
        self, const Route* route, Span symbol, const Row* rows, Item* item
    )
    cdef _Channel _settle(
        self, object names, str symbol, int64_t generation, bint whole, Py_ssize_t longest
    )
    cdef int _hear_reply(self, _Table table, object message, int64_t generation) except -1
    cdef int _apply_to(
        self, Book book, Item* item, int64_t receive_time, int64_t generation
    ) except -1
    cdef int _touch(self, Book book, int change) except -1
    cdef int _refuse_unread(self, object frame, object problem, int64_t generation) except -1
    cdef int _apply_message(
        self, object message, int64_t receive_time, int64_t generation, Book only
    ) except -1
    cdef object _addressed(self, _Table table, dict message)
    cdef int _refuse_named(
        self, object names, object symbols, object error, int64_t generation
    ) except -1
    cdef int _apply_books(
        self, object names, object topic_symbol, object data, dict message, int64_t receive_time,
        int64_t generation, Book only
    ) except -1
    cdef int _miss(self, _Channel channel, object error) except -1
    cdef object _parse_item(
        self, _Channel channel, object topic_symbol, object entry, dict message
    )
    cdef int _apply_trades(self, object market, object channel, dict message) except -1
    cdef int64_t _now(self) except? -1
    cdef _Line _line(self, int64_t generation)
    cdef Book _mine(self, object book)
    cdef int _require_room(self, Py_ssize_t books) except -1
    cdef Book _book_for(self, _Channel channel, str symbol)
    cdef object _find(self, object key)
    cdef object _elsewhere(self, object key, object bare)


cdef class Door:
    cdef Engine engine
    cdef int shown
    cdef list notes
    cdef bint compares
    cdef public int64_t overdue_ns
    cdef public bint is_shut

    cdef int take(
        self, const char* text, Py_ssize_t length, int64_t receive_time, int64_t generation,
        int64_t now
    ) except -1
