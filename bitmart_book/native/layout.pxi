# Part of _book: how the compiled classes lie in memory, and their methods that only C calls.
#
# All of it may change with any version; for users there is what `_book.pxd` says.

from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from bitmart_book.native.checksum cimport Sum, SumRule
from bitmart_book.native.json cimport Span
from bitmart_book.native.ladder cimport IndexedRung, Ladder
from bitmart_book.native.number cimport Number
from bitmart_book.native.questions cimport Questions
from bitmart_book.native.scan cimport Item, ItemKind, Place, Row, Stamp, TopicKey, Words
from bitmart_book.native.sides cimport Scales, Sides, Top

cdef enum:
    RECENT = 32
    MOST_LEFT = 4
    MOST_TOPIC_KEYS = 8
    MOST_TAIL = 160
    # A snapshot that was stamped so long before the last update waited somewhere; one that seems
    # older than the other bound was stamped by another clock. Both in milliseconds.
    WAITED_MS = 2_000
    CLOCKS_MS = 60_000
    # Of two stamps of one unit neither is so many times the other.
    OTHER_UNIT = 100

# Answers about a frame that are no Change bits.
cdef enum:
    # It is not one that the scanner understands, and nothing has been done with it.
    NOT_SCANNED = 1 << 30
    # It has to go in as bytes, and nothing has been done with it.
    AS_BYTES = 1 << 29
    # It is in its book, and nobody has to hear of it.
    QUIET = 1 << 28

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
    int64_t overtaken
    int64_t checksums
    int64_t checksum_mismatches
    int64_t checksums_stopped


cdef class Level:
    cdef int64_t _price
    cdef int64_t _size
    cdef int _price_scale
    cdef int _size_scale


cdef class Levels:
    cdef list _levels


cdef class Quote:
    cdef Top _top
    cdef int _state
    cdef int64_t _sequence
    cdef int64_t _exchange_time
    # Nanoseconds, where `_ages` says that there is an age.
    cdef int64_t _age
    cdef bint _ages
    # Nanoseconds; NO_LAG: nothing tells.
    cdef int64_t _lag
    # Symbol, market and venue of its book.
    cdef tuple _names
    cdef readonly object receive_time_ns
    cdef readonly int64_t epoch
    cdef readonly int64_t skipped

    cdef tuple _facts(self)


cdef class Depth:
    cdef readonly object bids
    cdef readonly object asks
    cdef readonly bint complete
    cdef readonly bint proven

    cdef dict _columns(self)


cdef class Sweep:
    cdef readonly object average_price
    cdef readonly object worst_price
    cdef readonly double size
    cdef readonly double notional
    cdef readonly Py_ssize_t levels
    cdef readonly bint complete
    cdef readonly bint proven
    # What the rest is computed of when somebody asks: the levels, which of them is left standing,
    # and (size, notional, whole, part of the last level). Or what was given.
    cdef object _taken
    cdef int _side
    cdef Py_ssize_t _standing
    cdef tuple _sums
    cdef tuple _given

    cdef tuple _facts(self)


cdef class Guard:
    cdef readonly object book
    cdef readonly object max_age
    cdef readonly object max_spread_bps
    cdef readonly object levels
    cdef readonly bint unproven


# How an update of a channel follows what is there.
cdef enum Rule:
    # By the next version.
    RULE_NEXT
    # By naming the version before.
    RULE_CHAIN
    # By a range of versions that holds the next one.
    RULE_RANGE
    # Nothing is counted.
    RULE_NONE


# A channel as the scanner finds it: by the key that names it and the name behind that key. Where
# several channels have one name, `other` is the next of them in the table; -1: there is none. A
# `mixed` one has frames whose keys mean other things on another of them.
cdef struct Route:
    uint64_t key
    uint64_t symbol_key
    const char* name
    Py_ssize_t length
    char separator
    Words words
    void* channel
    Py_ssize_t other
    bint mixed


# A place in a table of symbols; `book` NULL: free.
cdef struct Seat:
    const char* symbol
    Py_ssize_t length
    void* book


# What the frames of some profiles may be of: those of one connection, or all that an engine knows.
cdef class _Table:
    cdef readonly tuple profiles
    cdef dict channels
    cdef Route* routes
    cdef Py_ssize_t n_routes
    cdef Py_ssize_t last_route
    # How the last scanned frame ended, where it ended with its topic: the next one mostly does so
    # too, and then its channel is known without a look.
    cdef char tail[MOST_TAIL]
    cdef Py_ssize_t tail_length
    cdef Py_ssize_t tail_topic
    cdef Py_ssize_t tail_topic_length
    cdef Py_ssize_t tail_name_length
    cdef const TopicKey* tail_key
    cdef TopicKey keys[MOST_TOPIC_KEYS]
    cdef Py_ssize_t n_keys
    # The names that the routes point to.
    cdef list names
    # Whether a name may be of several channels of one profile, of which acknowledgements tell.
    cdef bint shares
    # What a frame that cannot be read may name: a symbol, and by profile a channel.
    cdef object symbols_in_bytes
    cdef list channels_in_bytes
    # (profile, key of the channel, what our names have before the wire's, key of the symbol, names
    # of its channels); where the profile has to take the name apart, there is nothing before it.
    cdef list envelopes

    cdef int _add_key(self, object profile) except -1
    cdef int _add_route(self, object profile, object described, _Channel channel) except -1
    cdef void _remember_tail(
        self, const char* text, Py_ssize_t length, Span topic, Span name
    ) noexcept
    cdef Route* _find_route(self, uint64_t key, Span topic, Span* name) noexcept


cdef class _Channel:
    cdef readonly object profile
    cdef readonly object venue
    cdef readonly object market
    cdef readonly object name
    cdef readonly ItemKind kind
    cdef readonly Py_ssize_t window
    cdef readonly bint window_kept
    cdef readonly bint empty_advances
    cdef readonly bint stamped_at_send
    cdef readonly object guard_age
    cdef readonly object unit
    cdef readonly object bids, asks, price, size, sequence, time, type, side, levels
    cdef readonly object symbol, previous, checksum, contracts
    cdef readonly bint outer_type, outer_time
    cdef readonly object snapshot_word, update_word
    cdef Rule rule
    cdef bint replaces
    # To how many levels a side is cut after each frame; 0: to none.
    cdef Py_ssize_t depth
    # Levels a side that the venue proves; MOST_COUNT: all of them.
    cdef Py_ssize_t proven
    cdef SumRule sum
    cdef readonly dict books
    cdef Words words
    cdef Seat* seats
    cdef size_t n_seats
    cdef size_t n_seated
    cdef void* last_book
    cdef const char* last_symbol
    cdef Py_ssize_t last_length

    cdef int seat(self, Book book) except -1
    cdef int unseat(self, Book book) except -1
    cdef void* find(self, const char* symbol, Py_ssize_t length) noexcept


# All times are in nanoseconds of the clock of whoever hears.
cdef class _Host:
    cdef readonly object name
    # The least difference between receipt and stamp, and when that was; before any: NO_LAG.
    cdef int64_t floor
    cdef int64_t floor_at
    # Stamps that are too new, one after the other: how many, since when, and the largest of theirs.
    cdef int odd_run
    cdef int64_t odd_since
    cdef int64_t odd_floor
    # Where the floor was before the venue's clock was set forward.
    cdef bint has_former
    cdef int64_t former
    cdef int64_t forgiven_ns
    # What the connections have shown of late: (seconds of lag at the least, when that was).
    cdef readonly dict shown

    cdef int64_t _weigh(self, int64_t now, int64_t stamp) noexcept
    cdef int64_t _above(self, int64_t now, int64_t stamp) noexcept
    cdef void _less_by_far(self, int64_t now, int64_t delay) noexcept
    cdef void _begin_anew(self)


cdef class _Line:
    cdef int64_t heard
    cdef int64_t valid_for
    cdef int64_t deadline
    cdef readonly _Host host
    # How late the last frame was whose stamp tells, when that was, and the least since it was
    # last asked for.
    cdef int64_t lag
    cdef int64_t lagged_at
    cdef int64_t least
    # By how much a frame may be late that nothing is known of.
    cdef int64_t unseen
    cdef object held_at
    cdef object reason
    # What its frames may be of; None: of anything.
    cdef _Table table

    cdef int _hear(self, int64_t now) except -1


cdef class _Scratch:
    cdef Row* rows
    cdef Py_ssize_t n_rows, row_capacity
    cdef Item* items
    cdef Py_ssize_t n_items, item_capacity
    cdef IndexedRung* loading
    cdef Py_ssize_t loading_capacity
    cdef bint busy
    # Whether it is busy because watchers are told of what was applied.
    cdef bint telling
    cdef int64_t now
    # Where the sides of a snapshot are made; empty between frames.
    cdef Ladder fresh[2]

    cdef int clear(self) except -1
    cdef Row* add_row(self) except NULL
    cdef Py_ssize_t row_room(self, Py_ssize_t count) except -1
    cdef Item* add_item(self, ItemKind kind) except NULL
    cdef IndexedRung* loading_room(self, Py_ssize_t count) except NULL


cdef class _Standing:
    cdef int state
    cdef int cause
    cdef object given
    cdef object began
    cdef int64_t ended
    cdef int64_t limit
    cdef int64_t epoch

    cdef object reason(self)
    cdef object since(self)


cdef class _Pending:
    cdef Row* rows
    cdef Py_ssize_t n_rows
    cdef Item item


# What may happen to a book. Those above the gap are told by frames, those below it by whoever
# feeds the book.
cdef enum Event:
    APPLIED
    CONTINUED
    EMPTIED
    FELL_SHORT
    CAME_CROSSED
    DARKENED
    CROSSED
    MISSED
    MISFITTED
    LEFT_ALONE
    UNPROVEN
    UNSUMMED
    MISMATCHED

    BEGUN_ANEW
    DISCONNECTED
    DOUBTED
    LOST
    TURNED_DOWN
    FINISHED

    EVENTS


cdef enum Hearing:
    # No update of that version is remembered, or only its heartbeat.
    UNHEARD
    # The same update was heard before.
    REPEATED
    # Another update of the same version was heard before.
    CONTRADICTED


cdef enum Verdict:
    # The frame carries no version: there is nothing to compare.
    UNCOUNTED
    # The book has no version: nothing that carries one can continue it.
    NO_COUNTER
    # The version that was due.
    NEXT
    # The version that was due, on a frame without levels, where such frames repeat a version: it
    # is the heartbeat of an update that was lost.
    NEXT_IS_LOST
    # A later version than the one that was due, or, of a chain, one whose predecessor is another.
    AHEAD
    # The same version on a frame without levels: nothing has happened since.
    SAME_HEARTBEAT
    # The same version once more.
    SAME
    # An earlier version.
    OLDER


# What the books of one engine share: how many of them are watched; those whose state has changed
# since their watchers were told; whether the frame that is under way concerns any watcher; whether
# these are being told now; and what the clock said when the write began of which they are.
cdef class _Shared:
    cdef Py_ssize_t watched
    cdef list pending
    cdef bint concerned
    cdef bint telling
    cdef int64_t now

    cdef int require_quiet(self) except -1


# Who watches one book. The tuple is replaced and never changed.
cdef class _Watch:
    cdef tuple watchers
    # As which they know the book.
    cdef int state
    # Whether it ceased to be LIVE and was LIVE again before anybody noticed.
    cdef bint missed


cdef class Trusted:
    cdef readonly str symbol
    cdef readonly str market
    cdef readonly str channel
    # Symbol, market and venue.
    cdef tuple _names
    cdef object __weakref__
    cdef int _state
    cdef int _access
    cdef int _process
    cdef int _clock_kind
    cdef int64_t _deadline
    cdef _Line _line
    cdef int64_t _valid_for
    cdef object _clock
    cdef int64_t _stopped_at
    # What the clock said at the beginning of the write that is under way, or was.
    cdef int64_t _heard_at
    # When what that write says was known to be the venue's newest, and by how much it was late
    # (NO_LAG: nobody knows, and then it may be late by `_unseen`).
    cdef int64_t _known_at
    cdef int64_t _lag
    cdef int64_t _unseen
    cdef object _reason
    cdef object _since
    cdef int64_t _epoch
    cdef int64_t _confirmed_at
    cdef object _confirmed_by
    cdef bint _refused
    cdef Counters _counters
    # None while nobody watches; and the `Change` bits that anybody wants to hear of.
    cdef _Watch _watch
    cdef int _wanted
    cdef _Shared _shared
    # What shows it to other processes; None mostly.
    cdef object _publication

    cdef int _set_clock(self, object clock, int64_t valid_for) except -1
    cdef int64_t _now(self) except? -1
    cdef int64_t _ends(self) noexcept
    cdef bint _lapsed_at(self, int64_t now) noexcept
    cdef bint _lapsed(self) except -1
    cdef int _require_live(self) except -1
    cdef int _require_live_at(self, int64_t now) except -1
    cdef bint _found_live(self) except -1
    cdef object _refusal(self, int64_t now)
    cdef _Standing _standing(self, int64_t now)
    cdef int64_t _moment(self) except? -1
    cdef int _require_writable(self) except -1
    cdef int _begin(self) except -1
    cdef int _become(self, Event event, object reason) except -1
    cdef int _confirm(self, object by) except -1
    cdef int _note(self) except -1
    cdef void _say_as_of(self, int64_t moment) noexcept


# What prices and sizes are multiples of, where that was said; a width of zero: it was not.
cdef struct Steps:
    Number units[2]
    double widths[2]


cdef class Written(Trusted):
    cdef Sides _sides
    cdef Steps _steps
    cdef int64_t _sequence
    cdef int64_t _exchange_time
    # The last stamp of sending that told a lag.
    cdef int64_t _stamp
    # Wall clock in nanoseconds; NO_TIME before any, and where it was not said.
    cdef int64_t _receive_time
    cdef int64_t _generation
    cdef bint _assigned
    cdef bint _narrow
    cdef int64_t _overtaken_from
    cdef int _overtaken
    # What a snapshot has to reach to be believed by itself: the highest version that this book has
    # come to, `_sequence` apart. `_elsewhere`: on an earlier connection, or subscription.
    cdef int64_t _reached
    cdef bint _elsewhere
    # How far the counts had come that the venue's counter left when it restarted: the last few.
    cdef int64_t _left_at[MOST_LEFT]
    cdef unsigned int _times_left
    # The highest version that it left: up to there it passes versions a second time.
    cdef int64_t _passed
    # Whether the venue's counter began anew, so that no version is worth more than another.
    cdef bint _recounted
    # Whether what is held is a snapshot that is not believed yet.
    cdef bint _unproven
    # The requests that may still be answered; and with them the subscriptions, of which each
    # begins with a snapshot.
    cdef Questions _requests
    cdef Questions _snapshots_due
    # Whether the next snapshot is the first of a subscription; and whether it was subscribed anew,
    # and neither an acknowledgement has come since nor a snapshot. What comes then may have been on
    # its way before.
    cdef bint _begins
    cdef bint _renewed
    # How many updates had been told of when the subscription began that the next snapshot is of.
    cdef int64_t _told_before
    cdef _Channel _spec
    # What its checksum is made of; NULL where there is none.
    cdef Sum* _sum
    # How many snapshots without a checksum have come one after the other.
    cdef int _unsummed
    # Whether somebody has to be told that its checksums have stopped.
    cdef bint _tells
    cdef Py_ssize_t _max_levels
    cdef list _buffer
    cdef Py_ssize_t _buffered_rows
    cdef _Pending _staged
    cdef int _stale_run
    cdef int64_t _held_sequence
    cdef int _empty_snapshots
    # Which kinds of empty snapshots have come one after the other: 1 unasked, 2 asked for.
    cdef int _empties
    # Whether the snapshot that all is built on was empty, and only one kind of source says so.
    cdef bint _hollow
    cdef bint _trusts_empty
    # How many levels the last picture of a side showed.
    cdef Py_ssize_t _pictured[2]
    cdef bint _side_seen[2]
    # Of a channel that sends its sides by themselves: the stamp of each side, how many older ones
    # have come since, and how often the side has come since its partner did.
    cdef int64_t _side_time[2]
    cdef int _side_stale[2]
    cdef int _side_alone[2]
    # As of when each side is known to be the venue's newest.
    cdef int64_t _side_known[2]
    cdef int64_t _recent_sequence[RECENT]
    cdef uint64_t _recent_digest[RECENT]
    # The same of what was heard before the counter restarted.
    cdef int64_t _former_sequence[RECENT]
    cdef uint64_t _former_digest[RECENT]
    cdef object _last_trade
    cdef int _change
    cdef _Scratch _scratch
    cdef object _standalone
    # The venue of a book by itself.
    cdef object _spoken
    # The `Lens` of whoever has orders in it; None mostly.
    cdef object _lens

    cdef int _set_up(
        self, str symbol, _Channel spec, object clock, int64_t valid_for, Py_ssize_t
        max_levels
    ) except -1
    cdef bint _is_synced(self) noexcept
    cdef int _drop_kept(self) except -1
    cdef int _forget(self) except -1
    cdef int _adopt(self, int64_t generation, _Line line) except -1
    cdef int _refuse(self, object reason, int64_t now) except -1
    cdef object _by_hand(
        self, ItemKind kind, object bids, object asks, object sequence, object previous,
        object exchange_time, object receive_time, object price_step, object size_step
    )
    cdef int _apply_item(
        self, _Scratch scratch, const Row* rows, Item* item, int64_t receive_time, bint
        by_hand
    ) except -1
    cdef bint _can_hold(self, const Row* rows, Item* item) noexcept
    cdef int _count_by_hand(self, Item* item, object sequence, object previous) except -1
    cdef int _apply_snapshot(
        self, _Scratch scratch, const Row* rows, Item* item, bint by_hand
    ) except -1
    cdef int _merged(self, int change, Item* item, int64_t asked) except -1
    cdef bint _is_behind_time(self, const Item* item) except -1
    cdef bint _is_later(self, const Item* item) noexcept
    cdef void _begin_with_next(self) noexcept
    cdef int64_t _told(self) noexcept
    cdef bint _is_begun_with(self, const Item* item) noexcept
    cdef bint _is_proven(self, int64_t sequence, bint announced) noexcept
    cdef void _believe(self) noexcept
    cdef void _counts_from(self, int64_t sequence) noexcept
    cdef void _note_left(self, int64_t sequence) noexcept
    cdef void _reach(self, int64_t sequence) noexcept
    cdef void _leave(self) noexcept
    cdef int64_t _last_kept_at(self) except? -2
    cdef void _ask(self, int64_t now, bint subscribed, bint acknowledged) noexcept
    cdef bint _is_of_former_count(self, int64_t sequence) noexcept
    cdef int64_t _former_count(self, int64_t sequence) noexcept
    cdef void _overtake(self, int64_t before, int64_t sequence) noexcept
    cdef str _unproven_text(self)
    cdef bint _is_contradicted(self) noexcept
    cdef void _suspect(self) noexcept
    cdef int _audit(self, _Scratch scratch, const Row* rows, Item* item) except -2
    cdef int _restarted(self, int64_t sequence) except -1
    cdef bint _is_summed(self, const Item* item) except -1
    cdef void _stop_summing(self) noexcept
    cdef bint _sums_up(self, const Item* item) except -1
    cdef int _mismatched(self, const Item* item, int64_t mine) except -1
    cdef bint _can_sum(self) noexcept
    cdef int _apply_update(self, const Row* rows, Item* item, bint by_hand) except -1
    cdef Verdict _judge(self, int64_t last, const Item* item) noexcept
    cdef int _not_next(self, const Row* rows, Item* item, Verdict verdict) except -1
    cdef str _gap_text(self, const Item* item, Verdict verdict)
    cdef int _not_new(self, const Row* rows, Item* item) except -1
    cdef bint _is_restart(self, bint certain) noexcept
    cdef int _top_bit(self, const Top* before, bint was_live) noexcept
    cdef bint _is_in_the_dark(self) noexcept
    cdef int _darken(self) except -1
    cdef str _dark_text(self)
    cdef bint _is_a_guess(self, int side) noexcept
    cdef bint _is_empty(self) noexcept
    cdef bint _waits_for_another(self, bint announced) noexcept
    cdef void _mark_end(self, Ladder* fresh, const Item* item, int side, Py_ssize_t window, bint later) noexcept
    cdef int _crossed_gap(self) except -1
    cdef int _unholdable(self) except -1
    cdef int _apply_full(self, _Scratch scratch, const Row* rows, Item* item) except -1
    cdef bint _older(self, int64_t time, int64_t last, int* stale_run) noexcept
    cdef int _wait_for_partner(self, int side) except -1
    cdef int _apply_side(self, _Scratch scratch, const Row* rows, Item* item) except -1
    cdef bint _would_cross(self, const Row* rows, const Item* item, int side) noexcept
    cdef Py_ssize_t _window(self) noexcept
    cdef int _load_sides(
        self, _Scratch scratch, const Row* rows, Item* item, Py_ssize_t window, bint later
    ) except -1
    cdef int _rescale(self, Scales wanted) except -1
    cdef int _put_rows(self, const Row* rows, Item* item, bint* applied) except -1
    cdef int _trim(self) except -1
    cdef void _cut(self) noexcept
    cdef void _bound(self) noexcept
    cdef int _keep(self, const Row* rows, Item* item) except -1
    cdef int _drain(self, bint* complete, bint* continued) except -1
    cdef uint64_t _digest(self, const Row* rows, const Item* item) noexcept
    cdef Hearing _heard_before(self, const Row* rows, Item* item) noexcept
    cdef void _forget_recent(self) noexcept
    cdef void _leave_recent(self) noexcept
    cdef bint _is_of_former_run(self, const Row* rows, const Item* item) noexcept
    cdef bint _has_been_heard(self, const Row* rows, Item* item) noexcept
    cdef bint _is_passed_again(self, int64_t sequence) noexcept
    cdef bint _is_out_of_time(self, const Item* item) noexcept
    cdef int _contradicted(self, const Row* rows, Item* item) except -1
    cdef void _remember(self, const Row* rows, Item* item) noexcept
    cdef bint _crossed(self) noexcept
    cdef str _cross_text(self)
    cdef Py_ssize_t _known(self, int side) noexcept
    cdef Py_ssize_t _certain(self, int side) noexcept
