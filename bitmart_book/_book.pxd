# The compiled book and engine: what is declared here is what a `cimport` can see.

from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from bitmart_book.native.json cimport Span
from bitmart_book.native.ladder cimport IndexedRung, Ladder
from bitmart_book.native.scan cimport Item, ItemKind, Row, Words

cdef enum:
    RECENT = 32
    MOST_TOPIC_KEYS = 8
    MOST_TAIL = 160

cdef struct Scales:
    int price
    int size

cdef struct Counters:
    int64_t snapshots
    int64_t updates
    int64_t heartbeats
    int64_t duplicates
    int64_t held_snapshots
    int64_t gaps
    int64_t crossed
    int64_t buffered
    int64_t buffer_overflows
    int64_t refused_generation
    int64_t bad_frames
    int64_t widened
    int64_t trimmed
    int64_t ignored
    int64_t lapses
    int64_t merges
    int64_t audits
    int64_t audit_mismatches
    int64_t ghosts
    int64_t old_snapshots


cdef class Level:
    cdef int64_t _price
    cdef int64_t _size
    cdef int _price_scale
    cdef int _size_scale


cdef class Levels:
    cdef list _levels


cdef class Quote:
    cdef int64_t _prices[2]
    cdef int64_t _sizes[2]
    cdef bint _present[2]
    cdef int _price_scale
    cdef int _size_scale
    cdef int _state
    cdef int64_t _sequence
    cdef int64_t _exchange_time
    # Nanoseconds, where `_ages` says that there is an age.
    cdef int64_t _age
    cdef bint _ages
    cdef readonly object receive_time_ns
    cdef readonly int64_t epoch
    cdef readonly int64_t skipped

    cdef object _price(self, int side)
    cdef object _size(self, int side)
    cdef tuple _facts(self)


cdef class Depth:
    cdef readonly object bids
    cdef readonly object asks
    cdef readonly bint complete

    cdef dict _columns(self)


cdef class Sweep:
    cdef readonly object average_price
    cdef readonly object worst_price
    cdef readonly double size
    cdef readonly double notional
    cdef readonly Py_ssize_t levels
    cdef readonly bint complete

    cdef tuple _facts(self)


cdef class Guard:
    cdef readonly Book book
    cdef readonly object max_age
    cdef readonly object max_spread_bps


# A channel as the scanner finds it: by the key that names it and the name behind that key.
cdef struct Route:
    uint64_t key
    uint64_t symbol_key
    const char* name
    Py_ssize_t length
    Words words
    void* channel


# A place in a table of symbols; `book` NULL: free.
cdef struct Seat:
    const char* symbol
    Py_ssize_t length
    void* book


cdef class _Channel:
    cdef readonly object market
    cdef readonly object name
    cdef readonly ItemKind kind
    cdef readonly Py_ssize_t window
    cdef readonly bint window_kept
    cdef readonly bint empty_advances
    cdef readonly object unit
    cdef readonly object bids, asks, price, size, sequence, time, type, side, levels
    cdef readonly dict books
    cdef Words words
    cdef Seat* seats
    cdef size_t n_seats
    cdef void* last_book
    cdef const char* last_symbol
    cdef Py_ssize_t last_length

    cdef int seat_books(self) except -1
    cdef void* find(self, const char* symbol, Py_ssize_t length) noexcept


cdef class _Line:
    cdef int64_t heard
    cdef int64_t valid_for
    cdef int64_t deadline
    cdef object held_at
    cdef object reason

    cdef int _hear(self, int64_t now) except -1


cdef class _Scratch:
    cdef Row* rows
    cdef Py_ssize_t n_rows, row_capacity
    cdef Item* items
    cdef Py_ssize_t n_items, item_capacity
    cdef IndexedRung* loading
    cdef Py_ssize_t loading_capacity
    cdef bint busy
    cdef int64_t now
    # Where the sides of a snapshot are made; empty between frames.
    cdef Ladder fresh[2]

    cdef int clear(self) except -1
    cdef Row* add_row(self) except NULL
    cdef Py_ssize_t row_room(self, Py_ssize_t count) except -1
    cdef Item* add_item(self, ItemKind kind) except NULL
    cdef IndexedRung* loading_room(self, Py_ssize_t count) except NULL


cdef class _Pending:
    cdef Row* rows
    cdef Py_ssize_t n_rows
    cdef Item item


cdef class Book:
    cdef readonly str symbol
    cdef readonly str market
    cdef readonly str channel
    cdef object __weakref__
    cdef Ladder _ladders[2]
    cdef int _price_scale
    cdef int _size_scale
    cdef int _access
    cdef int _process
    cdef int64_t _deadline
    cdef bint _native_clock
    cdef object _clock
    cdef int64_t _valid_for
    cdef int _state
    cdef object _reason
    cdef object _since
    cdef int64_t _epoch
    cdef int64_t _sequence
    cdef int64_t _exchange_time
    cdef object _receive_time
    cdef int64_t _confirmed_at
    cdef object _confirmed_by
    cdef int64_t _generation
    cdef bint _assigned
    cdef _Line _line
    cdef bint _expected
    cdef bint _narrow
    cdef int64_t _overtaken_from
    cdef _Channel _spec
    cdef Py_ssize_t _max_levels
    cdef list _buffer
    cdef Py_ssize_t _buffered_rows
    cdef _Pending _staged
    cdef int _stale_run
    cdef bint _refused
    cdef int64_t _heard_at
    cdef int64_t _held_sequence
    cdef int _empty_snapshots
    cdef bint _side_seen[2]
    cdef int64_t _recent_sequence[RECENT]
    cdef uint64_t _recent_digest[RECENT]
    cdef object _last_trade
    cdef int _change
    cdef _Scratch _scratch
    cdef object _standalone
    cdef Counters _counters
    # The best prices as they were last given out, and what they were made of: good while the best
    # level has that key at that scale, so that whoever changes a level need not know of them.
    cdef PyObject* _shown[2]
    cdef int64_t _shown_keys[2]
    cdef int _shown_scales[2]

    cdef int _set_up(
        self, str symbol, _Channel spec, object clock, int64_t valid_for, Py_ssize_t
        max_levels
    ) except -1
    cdef int64_t _now(self) except? -1
    cdef int64_t _ends(self) noexcept
    cdef bint _lapsed(self) except -1
    cdef int _require_live(self) except -1
    cdef int _require_live_at(self, int64_t now) except -1
    cdef object _not_live(self)
    cdef object _since_now(self)
    cdef int _require_writable(self) except -1
    cdef int _become(self, int state, object reason) except -1
    cdef bint _is_synced(self) noexcept
    cdef int _confirm(self, object by) except -1
    cdef int _forget(self) except -1
    cdef int _adopt(self, int64_t generation, _Line line) except -1
    cdef int _refuse(self, object reason) except -1
    cdef object _by_hand(
        self, ItemKind kind, object bids, object asks, object sequence, object
        exchange_time, object receive_time
    )
    cdef int _apply_item(
        self, _Scratch scratch, const Row* rows, Item* item, object receive_time, bint
        by_hand
    ) except -1
    cdef bint _can_hold(self, const Row* rows, Item* item) noexcept
    cdef int _apply_snapshot(
        self, _Scratch scratch, const Row* rows, Item* item, bint by_hand
    ) except -1
    cdef int _merged(self, int change, Item* item) except -1
    cdef int _audit(self, _Scratch scratch, const Row* rows, Item* item) except -2
    cdef int _restarted(self, int64_t sequence) except -1
    cdef int _apply_update(self, const Row* rows, Item* item) except -1
    cdef bint _is_early_heartbeat(self, const Item* item) noexcept
    cdef bint _is_in_the_dark(self) noexcept
    cdef int _crossed_gap(self) except -1
    cdef int _unholdable(self) except -1
    cdef int _apply_full(self, _Scratch scratch, const Row* rows, Item* item) except -1
    cdef bint _older(self, const Item* item) noexcept
    cdef int _apply_side(self, _Scratch scratch, const Row* rows, Item* item) except -1
    cdef bint _would_cross(self, const Row* rows, const Item* item, int side) noexcept
    cdef Py_ssize_t _window(self) noexcept
    cdef int _load_sides(
        self, _Scratch scratch, const Row* rows, Item* item, Py_ssize_t window
    ) except -1
    cdef int _rescale(self, Scales wanted) except -1
    cdef int _put_rows(self, const Row* rows, Item* item, bint* applied) except -1
    cdef int _trim(self) except -1
    cdef int _keep(self, const Row* rows, Item* item) except -1
    cdef int _drain(self, bint* complete) except -1
    cdef uint64_t _digest(self, const Row* rows, const Item* item) noexcept
    cdef bint _is_repeat(self, const Row* rows, Item* item) noexcept
    cdef void _remember(self, const Row* rows, Item* item) noexcept
    cdef bint _crossed(self) noexcept
    cdef str _cross_text(self)
    cdef Level _level(self, int side)
    cdef object _best_price(self, int side)
    cdef bint read_best(self, int side, double* price, double* size) except -1
    cdef Py_ssize_t read_levels(self, int side, double* cells, Py_ssize_t rows) except -1
    cdef Quote _make_quote(self, int64_t skipped, int64_t now)
    cdef bint _both(self, int64_t* prices, int64_t* sizes) except -1
    cdef object _total_size(self, int side, Py_ssize_t levels)
    cdef Levels _side_levels(self, int side)
    cdef Py_ssize_t _fill(self, int side, Py_ssize_t count, object array, bint pad) except -1
    cdef Py_ssize_t _fill_cells(
        self, int side, Py_ssize_t count, char* cells, Py_ssize_t rows, bint pad
    ) noexcept
    cdef Py_ssize_t _known(self, int side) noexcept
    cdef bint _whole(self, int side, Py_ssize_t levels) noexcept


cdef class Engine:
    cdef readonly object venue
    cdef object __weakref__
    cdef dict _routes
    cdef Route* _scanned_routes
    cdef Py_ssize_t _n_routes
    cdef Py_ssize_t _last_route
    # How the last scanned frame ended, where it ended with its topic: the next one mostly does so
    # too, and then its channel is known without a look.
    cdef char _tail[MOST_TAIL]
    cdef Py_ssize_t _tail_length
    cdef Py_ssize_t _tail_topic
    cdef Py_ssize_t _tail_topic_length
    cdef Py_ssize_t _tail_name_length
    cdef uint64_t _topic_keys[MOST_TOPIC_KEYS]
    cdef Py_ssize_t _n_topic_keys
    cdef tuple _route_names
    cdef int64_t _scanned
    cdef int64_t _decoded
    cdef tuple _envelopes
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
    cdef dict _lines
    cdef int64_t _last_generation
    cdef _Line _last_line
    cdef tuple _last_trades
    # What the last frame that was neither a book's nor a trade's says, decoded.
    cdef readonly object message

    cdef int _lay_out_routes(self) except -1
    cdef int _apply(
        self, object frame, object receive_time, int64_t generation, Book only
    ) except -1
    cdef int _apply_scanned(
        self, object frame, Py_ssize_t length, object receive_time, int64_t generation, Book
        only
    ) except -1
    cdef int _scan(
        self, const char* text, Py_ssize_t length, object receive_time, int64_t generation,
        Book only
    ) except -1
    cdef void _remember_tail(
        self, const char* text, Py_ssize_t length, Span topic, Span name
    ) noexcept
    cdef Route* _find_route(self, uint64_t key, Span name) noexcept
    cdef Book _scanned_book(self, const Route* route, Span topic, Span name, Span symbol)
    cdef int _apply_to(
        self, Book book, Item* item, object receive_time, int64_t generation
    ) except -1
    cdef int _touch(self, Book book, int change) except -1
    cdef int _refuse_unread(self, object frame, object problem) except -1
    cdef int _apply_message(
        self, object message, object receive_time, int64_t generation, Book only
    ) except -1
    cdef int _refuse_named(self, _Channel channel, object symbols, object error) except -1
    cdef int _apply_books(
        self, _Channel channel, object topic_symbol, object data, object receive_time,
        int64_t generation, Book only
    ) except -1
    cdef int _reject(self, _Channel channel, object error) except -1
    cdef object _parse_item(self, _Channel channel, object topic_symbol, object entry)
    cdef int _apply_trades(self, object market, object channel, dict message) except -1
    cdef int64_t _now(self) except? -1
    cdef _Line _line(self, int64_t generation)
    cdef Book _mine(self, object book)
    cdef int _require_room(self, Py_ssize_t books) except -1
    cdef Book _book_for(self, _Channel channel, str symbol)
    cdef object _find(self, object key)
