# The best levels of a side, one slot for each price: a change is a store and no search.
#
# A window holds the sizes at keys that follow each other, from its base on; 0 is no level. Sizes
# have 32 bits; a window of a side that has larger ones is a wide one, of 64. The slot of a key is
# its lowest bits, whatever the base, so that a window that moves leaves everything where it is. A
# bit for each slot says whether there is a level: the best one and the next ones are found by
# them. Which levels are in a window, and when there is one, is the ladder's business
# (docs/ladder.md).
#
# Nothing but `new_window` takes memory or can fail. Keys are compared by unsigned distances, which
# are right at the ends of int64 too.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc

cdef extern from *:
    """
    #include <stdint.h>

    /* Where the highest and the lowest bit is that is set; one is. Machines have an instruction
       for it; any other compiler, and a build with BITMART_BOOK_PORTABLE, asks for halves. */
    #if !defined(BITMART_BOOK_PORTABLE) && defined(__GNUC__)
    static inline int bb_highest_bit(uint64_t bits) { return 63 - __builtin_clzll(bits); }
    static inline int bb_lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }
    #else
    static inline int bb_highest_bit(uint64_t bits) {
        int place = 0, half;
        for (half = 32; half; half >>= 1)
            if (bits >> half) {
                bits >>= half;
                place += half;
            }
        return place;
    }
    static inline int bb_lowest_bit(uint64_t bits) { return bb_highest_bit(bits & (0 - bits)); }
    #endif

    static inline int bb_count_bits(uint64_t bits) {
        bits -= bits >> 1 & UINT64_C(0x5555555555555555);
        bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
        bits = (bits + (bits >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
        return (int)(bits * UINT64_C(0x0101010101010101) >> 56);
    }
    #define BB_INT64_MIN INT64_MIN
    """
    int highest_bit "bb_highest_bit"(uint64_t) noexcept nogil
    int lowest_bit "bb_lowest_bit"(uint64_t) noexcept nogil
    int count_bits "bb_count_bits"(uint64_t) noexcept nogil
    const int64_t LOWEST_KEY "BB_INT64_MIN"

cdef enum:
    # The smallest window has sizes of 4 KiB: so many slots, or so many if it is wide.
    NARROW_SLOTS = 1024
    WIDE_SLOTS = 512
    MOST_SLOTS = 1048576
    # Slots that share a word of bits.
    WORD = 64

cdef struct Rung:
    int64_t key
    int64_t size

cdef struct Window:
    # The lowest key, a multiple of WORD, so that a word of bits is never half in it.
    int64_t base
    # A power of two.
    int64_t slots
    bint wide
    # Levels.
    Py_ssize_t count
    uint64_t* bits
    # In a wide one int64.
    uint32_t* sizes

# A place between two levels of a window. It is good until the window changes.
cdef struct Walk:
    # None where there is no window.
    const Window* window
    # The lowest key of a word, and which of its levels are still to come.
    int64_t word
    uint64_t bits
    Rung rung


cdef inline Window* new_window(int64_t base, int64_t slots, bint wide) noexcept nogil:
    """A window without levels, one piece of memory; NULL where there is none."""
    cdef size_t bits = <size_t>(slots // WORD) * sizeof(uint64_t)
    cdef size_t sizes = <size_t>slots * (sizeof(int64_t) if wide else sizeof(uint32_t))
    cdef Window* window = <Window*>calloc(1, sizeof(Window) + bits + sizes)
    if window != NULL:
        window.base = base
        window.slots = slots
        window.wide = wide
        window.bits = <uint64_t*>(window + 1)
        window.sizes = <uint32_t*>(window.bits + slots // WORD)
    return window


cdef inline int64_t base_under(int64_t key, int64_t slots) noexcept nogil:
    """The base of the window that holds `key` in its highest word, or as near to it as can be."""
    # Two's complement: the lowest bits of a negative number count upwards too.
    cdef int64_t word = key - <int64_t>(<uint64_t>key % WORD)
    if word < LOWEST_KEY + (slots - WORD):
        return LOWEST_KEY
    return word - (slots - WORD)


cdef inline int64_t top_of(const Window* window) noexcept nogil:
    """The highest key that the window can hold."""
    return window.base + (window.slots - 1)


cdef inline bint is_within(const Window* window, int64_t key) noexcept nogil:
    return <uint64_t>key - <uint64_t>window.base < <uint64_t>window.slots


cdef inline uint64_t word_at(const Window* window, int64_t key) noexcept nogil:
    """The bits of the word that holds `key`."""
    return window.bits[(<uint64_t>key & <uint64_t>(window.slots - 1)) // WORD]


cdef inline int64_t size_in(const Window* window, int64_t key) noexcept nogil:
    """The size at a key within the window; 0 where no level is."""
    cdef uint64_t slot = <uint64_t>key & <uint64_t>(window.slots - 1)
    if window.wide:
        return (<const int64_t*>window.sizes)[slot]
    return window.sizes[slot]


cdef inline bint window_put(Window* window, int64_t key, int64_t size) noexcept nogil:
    """Set the size at a key within the window, zero removes it; says whether that is a change.
    The size has 32 bits, or the window is wide.

    What it will be cannot be guessed, so nothing here is a branch but on the form of the window.
    """
    cdef uint64_t slot = <uint64_t>key & <uint64_t>(window.slots - 1)
    cdef uint64_t* word = &window.bits[slot // WORD]
    cdef int bit = <uint64_t>key % WORD
    cdef int64_t before
    if window.wide:
        before = (<int64_t*>window.sizes)[slot]
        (<int64_t*>window.sizes)[slot] = size
    else:
        before = window.sizes[slot]
        window.sizes[slot] = <uint32_t>size
    word[0] = word[0] & ~(<uint64_t>1 << bit) | <uint64_t>(size != 0) << bit
    window.count += (size != 0) - (before != 0)
    return before != size


# --- walking ---


cdef inline Walk from_top(const Window* window, int64_t best) noexcept nogil:
    """For `walk_down`: above the best level, which is known to be not above the key `best`. The
    window may be NULL."""
    cdef Walk walk
    walk.window = window
    walk.word = 0
    walk.bits = 0
    walk.rung.key = 0
    walk.rung.size = 0
    if window != NULL:
        best = max(window.base, min(best, top_of(window)))
        walk.word = best - <int64_t>(<uint64_t>best % WORD)
        walk.bits = word_at(window, walk.word)
    return walk


cdef inline const Rung* walk_down(Walk* walk) noexcept nogil:
    """The level below, which is stepped over; NULL at the end, and then for ever."""
    cdef int bit
    while walk.bits == 0:
        if walk.window == NULL or walk.word == walk.window.base:
            return NULL
        walk.word -= WORD
        walk.bits = word_at(walk.window, walk.word)
    bit = highest_bit(walk.bits)
    walk.bits ^= <uint64_t>1 << bit
    walk.rung.key = walk.word + bit
    walk.rung.size = size_in(walk.window, walk.rung.key)
    return &walk.rung


cdef inline Walk from_base(const Window* window) noexcept nogil:
    """Below the worst level: for `walk_up`. The window may be NULL."""
    cdef Walk walk
    walk.window = window
    walk.word = 0
    walk.bits = 0
    walk.rung.key = 0
    walk.rung.size = 0
    if window != NULL:
        walk.word = window.base
        walk.bits = word_at(window, walk.word)
    return walk


cdef inline const Rung* walk_up(Walk* walk) noexcept nogil:
    """The level above, which is stepped over; NULL at the end, and then for ever."""
    cdef int bit
    while walk.bits == 0:
        if walk.window == NULL or walk.word == walk.window.base + (walk.window.slots - WORD):
            return NULL
        walk.word += WORD
        walk.bits = word_at(walk.window, walk.word)
    bit = lowest_bit(walk.bits)
    walk.bits &= walk.bits - 1
    walk.rung.key = walk.word + bit
    walk.rung.size = size_in(walk.window, walk.rung.key)
    return &walk.rung


cdef inline Py_ssize_t count_below(const Window* window, int64_t key) noexcept nogil:
    """How many levels of the window are below `key`. Takes a step for each word of them."""
    cdef int64_t word
    cdef Py_ssize_t count = 0
    cdef int64_t i
    if key <= window.base:
        return 0
    if key > top_of(window):
        return window.count
    for i in range(window.slots // WORD):
        word = window.base + i * WORD
        if key <= word:
            break
        if key - word < WORD:
            return count + count_bits(word_at(window, word) << (WORD - (key - word)))
        count += count_bits(word_at(window, word))
    return count


# --- checking ---


cdef inline const char* window_fault(const Window* window) noexcept nogil:
    """What is wrong with the structure, or NULL."""
    cdef int64_t offset, key
    cdef Py_ssize_t count = 0
    if window.slots & (window.slots - 1) or not WIDE_SLOTS <= window.slots <= MOST_SLOTS:
        return "the window has another number of slots"
    if <uint64_t>window.base % WORD != 0:
        return "the window begins within a word"
    for offset in range(window.slots):
        key = window.base + offset
        count += size_in(window, key) != 0
        if (word_at(window, key) >> (<uint64_t>key % WORD) & 1) != (size_in(window, key) != 0):
            return "the window's bits are not where its levels are"
    if count != window.count:
        return "the window holds another number of levels"
    return NULL
