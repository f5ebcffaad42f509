# One side of a book: levels in a flat array, strictly ascending by key, the best one last.
#
# The key is the price for bids and the negated price for asks, so that one routine serves both.
# No Python objects, no numbers but integers; the caller reserves room before anything moves.

from libc.stdint cimport int64_t
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memcpy, memmove

from bitmart_book._number cimport INT64_LIMIT

cdef struct Rung:
    int64_t key
    int64_t size

cdef struct Ladder:
    Rung* rungs
    Py_ssize_t length
    Py_ssize_t capacity
    # Keys at or above it are known for certain; below it levels may exist that were never sent.
    int64_t known_from

cdef struct IndexedRung:
    int64_t key
    int64_t size
    Py_ssize_t arrival


cdef inline int ladder_reserve(Ladder* ladder, Py_ssize_t length) noexcept nogil:
    """Room for `length` levels. -1 without memory, and then nothing has changed."""
    cdef Py_ssize_t capacity = ladder.capacity
    cdef Rung* grown
    if length <= capacity:
        return 0
    if capacity < 32:
        capacity = 32
    while capacity < length:
        capacity += capacity // 2
    grown = <Rung*>realloc(ladder.rungs, <size_t>capacity * sizeof(Rung))
    if grown == NULL:
        return -1
    ladder.rungs = grown
    ladder.capacity = capacity
    return 0


cdef inline Py_ssize_t ladder_search(const Ladder* ladder, int64_t key) noexcept nogil:
    """Index of the first level whose key is not below `key`. O(log n), without branches."""
    cdef const Rung* base = ladder.rungs
    cdef Py_ssize_t length = ladder.length, half
    if length == 0:
        return 0
    while length > 1:
        half = length // 2
        base += half * (base[half - 1].key < key)
        length -= half
    return (base - ladder.rungs) + (base.key < key)


cdef inline bint ladder_put(Ladder* ladder, int64_t key, int64_t size) noexcept nogil:
    """Set the size at a key, zero removes it. Says whether anything changed. Needs room for one."""
    cdef Py_ssize_t at = ladder_search(ladder, key)
    cdef Rung* rung = ladder.rungs + at
    if at < ladder.length and rung.key == key:
        if size == rung.size:
            return False
        if size != 0:
            rung.size = size
            return True
        ladder.length -= 1
        memmove(rung, rung + 1, <size_t>(ladder.length - at) * sizeof(Rung))
        return True
    if size == 0:
        return False
    memmove(rung + 1, rung, <size_t>(ladder.length - at) * sizeof(Rung))
    rung.key = key
    rung.size = size
    ladder.length += 1
    return True


cdef inline int compare_rungs(const void* left, const void* right) noexcept nogil:
    cdef const IndexedRung* a = <const IndexedRung*>left
    cdef const IndexedRung* b = <const IndexedRung*>right
    if a.key != b.key:
        return -1 if a.key < b.key else 1
    return -1 if a.arrival < b.arrival else 1


cdef inline void ladder_load(Ladder* ladder, IndexedRung* rows, Py_ssize_t count) noexcept nogil:
    """Replace everything by rows in any order; of rows with one key the last wins, zeros vanish.

    Needs room for `count`; may reorder `rows`. Rows that come best first, as the venue sends
    them, are copied without sorting.
    """
    cdef Py_ssize_t i, n = 0
    cdef bint best_first = True
    for i in range(count - 1):
        if rows[i].key <= rows[i + 1].key:
            best_first = False
            break
    if best_first:
        for i in range(count - 1, -1, -1):
            if rows[i].size != 0:
                ladder.rungs[n].key = rows[i].key
                ladder.rungs[n].size = rows[i].size
                n += 1
    else:
        qsort(rows, <size_t>count, sizeof(IndexedRung), compare_rungs)
        for i in range(count):
            if i + 1 < count and rows[i + 1].key == rows[i].key:
                continue
            if rows[i].size != 0:
                ladder.rungs[n].key = rows[i].key
                ladder.rungs[n].size = rows[i].size
                n += 1
    ladder.length = n


cdef inline Py_ssize_t ladder_trim(Ladder* ladder, Py_ssize_t longest) noexcept nogil:
    """Drop the worst levels beyond `longest`; what was dropped is no longer known. Their number."""
    cdef Py_ssize_t excess = ladder.length - longest
    if excess <= 0:
        return 0
    memmove(ladder.rungs, ladder.rungs + excess, <size_t>longest * sizeof(Rung))
    ladder.length = longest
    if longest == 0:
        ladder.known_from = INT64_LIMIT
    elif ladder.rungs[0].key > ladder.known_from:
        ladder.known_from = ladder.rungs[0].key
    return excess


cdef inline void ladder_free(Ladder* ladder) noexcept nogil:
    free(ladder.rungs)
    ladder.rungs = NULL
    ladder.length = 0
    ladder.capacity = 0
