# Part of _book: how a file lies in memory through which one process shows its books to others.
#
# Everything is 64-bit words. A page of what never changes, which Python writes and checks
# (`share/header.py`), with a cache line of what does: until when the publisher counts as alive, when
# it closed, how many books there are. Then a record for each book, in words for people (JSON), and
# a slot for each book: a counter, two pictures, and statistics.
#
# A counter of 2n says that picture n is whole, in the place n % 2. Picture n + 1 goes into the other
# place: first the counter becomes 2n + 1, then the picture is written, then the counter is 2n + 2.
# Whoever has copied picture n may use it while the counter is 2n + 2 at most: with 2n + 3 its place
# is being written anew. A writer that dies, at whatever store, leaves a whole picture behind.
#
# Of a picture, what a read of the best prices needs with its verdict stands in its first cache line.

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L && !defined(__STDC_NO_ATOMICS__)
    #include <stdatomic.h>
    #define BB_HAS_ATOMICS 1
    static inline int64_t bb_word(const int64_t *word) {
        return atomic_load_explicit((const _Atomic int64_t *)word, memory_order_relaxed);
    }
    static inline int64_t bb_word_acquire(const int64_t *word) {
        return atomic_load_explicit((const _Atomic int64_t *)word, memory_order_acquire);
    }
    static inline void bb_put_word(int64_t *word, int64_t value) {
        atomic_store_explicit((_Atomic int64_t *)word, value, memory_order_relaxed);
    }
    static inline void bb_word_release(int64_t *word, int64_t value) {
        atomic_store_explicit((_Atomic int64_t *)word, value, memory_order_release);
    }
    static inline void bb_fence_acquire(void) { atomic_thread_fence(memory_order_acquire); }
    static inline void bb_fence_release(void) { atomic_thread_fence(memory_order_release); }
    #else
    /* Nobody publishes with this: `attach` and `publish` refuse where it was compiled. */
    #define BB_HAS_ATOMICS 0
    static inline int64_t bb_word(const int64_t *word) { return *word; }
    static inline int64_t bb_word_acquire(const int64_t *word) { return *word; }
    static inline void bb_put_word(int64_t *word, int64_t value) { *word = value; }
    static inline void bb_word_release(int64_t *word, int64_t value) { *word = value; }
    static inline void bb_fence_acquire(void) {}
    static inline void bb_fence_release(void) {}
    #endif
    """
    const bint HAS_ATOMICS "BB_HAS_ATOMICS"
    int64_t load_word "bb_word"(const int64_t*) noexcept nogil
    int64_t load_acquire "bb_word_acquire"(const int64_t*) noexcept nogil
    void store_word "bb_put_word"(int64_t*, int64_t) noexcept nogil
    void store_release "bb_word_release"(int64_t*, int64_t) noexcept nogil
    void fence_acquire "bb_fence_acquire"() noexcept nogil
    void fence_release "bb_fence_release"() noexcept nogil

cdef enum:
    WORD_BYTES = 8
    # A cache line, in words.
    LINE = 8
    PAGE_WORDS = 512
    # In the page: what changes, and has a line each.
    ALIVE_AT = 448
    CLOSED_AT = 449
    BOOKS_AT = 456
    RECORD_WORDS = 64
    # Of a picture: what a read of the best prices needs, all that has one size, and texts.
    TOP_WORDS = 16
    FIXED_WORDS = 32
    TEXT_WORDS = 24
    BY_WORDS_LONG = 4
    COUNTER_WORDS = 32
    MOST_SHARED_LEVELS = 1_000
    # More stores than any picture takes.
    ALL_STORES = 0x7FFFFFFF


# All of it are words, so that it can be copied by words; `form` and the two pairs are several
# numbers in one word: see `packed_form` and `pair`.
cdef struct Picture:
    int64_t deadline
    int64_t line_deadline
    int64_t prices[2]
    int64_t sizes[2]
    int64_t form
    int64_t sequence

    int64_t confirmed_at
    int64_t epoch
    int64_t exchange_time
    int64_t receive_time
    int64_t lag
    # How often the best prices, their sizes, or the state have changed.
    int64_t tops
    # How many levels follow, and how many there are at the publisher.
    int64_t counts
    int64_t lengths

    int64_t known_from[2]
    int64_t valid_for
    int64_t line_valid_for
    int64_t since
    int64_t change
    # Bytes of the reason; `held`: whether it is the connection's.
    int64_t text_length
    int64_t held

    int64_t by[BY_WORDS_LONG]
    int64_t spare[4]


cdef inline int64_t packed_form(int state, const Scales* scales) noexcept:
    return state | scales.price << 8 | scales.size << 16


cdef inline int64_t pair(int64_t first, int64_t second) noexcept:
    return first | second << 32


cdef inline int64_t first_of(int64_t two) noexcept:
    return two & 0xFFFFFFFF


cdef inline int64_t second_of(int64_t two) noexcept:
    return two >> 32 & 0xFFFFFFFF


cdef inline Py_ssize_t picture_words(Py_ssize_t levels) noexcept:
    # A level is two words, and a whole number of cache lines is a picture.
    cdef Py_ssize_t words = FIXED_WORDS + TEXT_WORDS + 4 * levels
    return (words + LINE - 1) // LINE * LINE


cdef inline Py_ssize_t slot_words(Py_ssize_t levels) noexcept:
    return LINE + COUNTER_WORDS + 2 * picture_words(levels)


def shared_sizes(levels, capacity):
    """Where things lie in a shared file of so many levels a side and so many books at most, in
    bytes: {"records", "record", "slots", "slot", "whole"}."""
    cdef Py_ssize_t slots = PAGE_WORDS + capacity * RECORD_WORDS
    slots = (slots + PAGE_WORDS - 1) // PAGE_WORDS * PAGE_WORDS
    return {
        "records": PAGE_WORDS * WORD_BYTES,
        "record": RECORD_WORDS * WORD_BYTES,
        "slots": slots * WORD_BYTES,
        "slot": slot_words(levels) * WORD_BYTES,
        "whole": (slots + capacity * slot_words(levels)) * WORD_BYTES,
    }


_has_atomics = bool(HAS_ATOMICS)
_most_shared_levels = MOST_SHARED_LEVELS


@cython.final
cdef class Room:
    """A shared file as it is mapped here.

    mapping: a buffer over the whole file; levels, capacity: what its header says, checked.
    alive_for: seconds that a publisher counts as alive after it was last heard.
    """

    cdef Py_buffer _view
    cdef bint _viewed
    cdef int64_t* _words
    cdef readonly Py_ssize_t levels
    cdef readonly Py_ssize_t capacity
    cdef int64_t _alive_for
    cdef Py_ssize_t _slots
    cdef Py_ssize_t _slot_words
    cdef Py_ssize_t _picture_words

    def __init__(self, mapping, levels, capacity, alive_for):
        sizes = shared_sizes(levels, capacity)
        PyObject_GetBuffer(mapping, &self._view, 0)
        self._viewed = True
        if self._view.len < sizes["whole"] or not 0 < levels <= MOST_SHARED_LEVELS:
            raise UsageError("the file is shorter than its header says")
        self._words = <int64_t*>self._view.buf
        self.levels = levels
        self.capacity = capacity
        self._alive_for = seconds_to_ns(alive_for)
        self._slots = sizes["slots"] // WORD_BYTES
        self._slot_words = slot_words(levels)
        self._picture_words = picture_words(levels)

    def __dealloc__(self):
        if self._viewed:
            PyBuffer_Release(&self._view)

    @property
    def is_writable(self):
        """Whether this process made it."""
        return not self._view.readonly

    cdef int64_t* slot(self, Py_ssize_t index) except NULL:
        if not 0 <= index < self.capacity:
            raise UsageError(f"there is no slot {index}")
        return self._words + self._slots + index * self._slot_words

    cdef int _require_writable(self) except -1:
        if self._view.readonly:
            raise UsageError("another process writes this")
        return 0

    # --- what changes in the page ---

    @property
    def alive_until(self):
        """Clock time (ns) until which the publisher counts as alive."""
        return load_acquire(&self._words[ALIVE_AT])

    @property
    def closed_at(self):
        """Clock time (ns) at which it was closed; 0: it was not."""
        return load_acquire(&self._words[CLOSED_AT])

    @property
    def books(self):
        """int, how many books there are; their records and slots are whole."""
        return load_acquire(&self._words[BOOKS_AT])

    def beat(self, now):
        """The publisher is alive at that time of the clock (ns)."""
        self._require_writable()
        self._beat(now)

    cdef inline void _beat(self, int64_t now) noexcept:
        if self._words[CLOSED_AT] == 0 and self._words[ALIVE_AT] < now + self._alive_for:
            store_release(&self._words[ALIVE_AT], now + self._alive_for)

    def show_books(self, count):
        """So many books are there to be read from now on."""
        self._require_writable()
        store_release(&self._words[BOOKS_AT], count)

    def close(self, now):
        """Nothing of it can be read from now on."""
        self._require_writable()
        store_release(&self._words[CLOSED_AT], now)
        store_release(&self._words[ALIVE_AT], 0)
