# Both sides of a book at the scales that they share, as one value, and copies of parts of it.
#
# A reader may look at a book only while no Python code can run: a garbage collection, a signal or
# another thread may write in between, and even a multiplication of large ints lets them in. So
# whatever makes objects of levels, or computes with Python's numbers, copies the levels it needs
# first, together with their scales. Everything here is C and runs in one piece; how many levels a
# read needs is found here too, so that it copies no more.

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

from bitmart_book.native.ladder cimport (
    Cursor,
    Ladder,
    best_first,
    ladder_best,
    ladder_copy,
    ladder_free,
    ladder_length,
    next_worse,
)
from bitmart_book.native.number cimport (
    INT64_LIMIT,
    MAX_SCALE,
    POW10,
    POW10_DOUBLE,
    Number,
    at_scale,
)
from bitmart_book.native.window cimport Rung

cdef extern from *:
    """
    #include <stdint.h>
    /* A ladder's key times this is a price, and a price times this a key. */
    static const int64_t BB_SIGN[2] = {1, -1};
    #define BB_KNOWN_FROM_START (-INT64_MAX)
    """
    const int64_t SIGN "BB_SIGN"[2]
    # What `known_from` of a ladder is where the whole side is known.
    const int64_t KNOWN_FROM_START "BB_KNOWN_FROM_START"

# Bid keys are prices, ask keys are negated prices: the best level of either side is the last.
cdef enum:
    BID = 0
    ASK = 1

cdef struct Scales:
    int price
    int size

cdef struct Sides:
    Ladder ladders[2]
    Scales scales

# The best level of each side, where there is one; prices, not keys.
cdef struct Top:
    bint present[2]
    int64_t prices[2]
    int64_t sizes[2]
    Scales scales

# Copies of the best levels of a side, best first.
cdef struct Excerpt:
    Rung* rungs
    Py_ssize_t count
    int64_t known_from


cdef inline bint are_known(
    int64_t known_from, Py_ssize_t wanted, Py_ssize_t found, int64_t worst
) noexcept nogil:
    """Whether the best `wanted` levels are known for certain, of which `found` were found, the
    last one at the key `worst`."""
    if known_from == KNOWN_FROM_START:
        return True
    return found == wanted and (wanted == 0 or worst >= known_from)


cdef inline void sides_free(Sides* sides) noexcept nogil:
    ladder_free(&sides.ladders[BID])
    ladder_free(&sides.ladders[ASK])


cdef inline int sides_copy(Sides* to, const Sides* source) noexcept nogil:
    """Copy both sides into a new value. -1 without memory."""
    cdef int side
    for side in range(2):
        if ladder_copy(&to.ladders[side], &source.ladders[side], 0) < 0:
            return -1
    to.scales = source.scales
    return 0


cdef inline void sides_top(const Sides* sides, Top* top) noexcept nogil:
    cdef int side
    cdef const Rung* best
    for side in range(2):
        best = ladder_best(&sides.ladders[side])
        top.present[side] = best != NULL
        top.prices[side] = 0 if best == NULL else best.key * SIGN[side]
        top.sizes[side] = 0 if best == NULL else best.size
    top.scales = sides.scales


cdef inline bint same_number(int64_t a, int a_scale, int64_t b, int b_scale) noexcept nogil:
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


cdef inline bint tops_differ(const Top* a, const Top* b) noexcept nogil:
    """Whether a best price or size is another number, however it is scaled."""
    cdef int side
    for side in range(2):
        if a.present[side] != b.present[side]:
            return True
        if not same_number(a.prices[side], a.scales.price, b.prices[side], b.scales.price):
            return True
        if not same_number(a.sizes[side], a.scales.size, b.sizes[side], b.scales.size):
            return True
    return False


cdef inline bint sides_crossed(const Sides* sides) noexcept nogil:
    """Whether the best bid is not below the best ask; locked counts as crossed."""
    cdef const Rung* bid = ladder_best(&sides.ladders[BID])
    cdef const Rung* ask = ladder_best(&sides.ladders[ASK])
    if bid == NULL or ask == NULL:
        return False
    return bid.key >= -ask.key


# --- sums ---

# A sum of sizes: each fits into int64, all of them together into this.
cdef struct Total:
    uint64_t low
    uint64_t high


cdef inline void total_add(Total* total, int64_t size) noexcept nogil:
    total.low += <uint64_t>size
    total.high += total.low < <uint64_t>size


cdef inline Total total_size(const Ladder* ladder, Py_ssize_t levels) noexcept nogil:
    """The exact sum of the best sizes of a side."""
    cdef Cursor cursor = best_first(ladder)
    cdef Total total
    cdef Py_ssize_t _
    total.low = total.high = 0
    for _ in range(min(levels, ladder_length(ladder))):
        total_add(&total, next_worse(&cursor).size)
    return total


# --- copies of parts ---


cdef inline int excerpt_take(Excerpt* excerpt, const Ladder* ladder, Py_ssize_t count) noexcept nogil:
    """Copy the best `count` levels, or all there are. -1 without memory."""
    cdef Cursor cursor = best_first(ladder)
    cdef Py_ssize_t i
    count = min(count, ladder_length(ladder))
    excerpt.rungs = <Rung*>malloc(<size_t>(count + 1) * sizeof(Rung))
    if excerpt.rungs == NULL:
        return -1
    for i in range(count):
        excerpt.rungs[i] = next_worse(&cursor)[0]
    excerpt.count = count
    excerpt.known_from = ladder.known_from
    return 0


cdef inline Py_ssize_t levels_for(
    const Sides* sides, int side, double amount, bint by_notional
) noexcept nogil:
    """How many levels hold a size or a notional, for certain: perhaps one more than needed.

    Sums of doubles: of 50,000 terms, none negative, the error is far below the reserve."""
    cdef const Ladder* ladder = &sides.ladders[side]
    cdef Cursor cursor = best_first(ladder)
    cdef const Rung* rung
    cdef double unit = POW10_DOUBLE[sides.scales.size]
    cdef double found = 0.0, value
    cdef Py_ssize_t count = 0, length = ladder_length(ladder)
    if by_notional:
        unit *= POW10_DOUBLE[sides.scales.price]
    amount = amount * unit * (1.0 + 1e-9)
    if amount >= INFINITY:
        return length
    while count < length and found < amount:
        rung = next_worse(&cursor)
        value = <double>rung.size
        if by_notional:
            value *= <double>(rung.key * SIGN[side])
        found += value
        count += 1
    return count


cdef inline Py_ssize_t levels_up_to(
    const Sides* sides, int side, Number price, int64_t* edge
) noexcept nogil:
    """How many levels are no worse than a price, which may be finer than the book's unit or larger
    than any; `edge` is its key, or the next one beyond it where it has none."""
    cdef const Ladder* ladder = &sides.ladders[side]
    cdef Cursor cursor = best_first(ladder)
    cdef int shift = price.exponent + sides.scales.price
    cdef int64_t found = at_scale(price, sides.scales.price)
    cdef bint between = found < 0
    cdef Py_ssize_t count = 0, length = ladder_length(ladder)
    if between and shift >= 0:
        edge[0] = INT64_LIMIT if side == BID else -INT64_LIMIT
        return 0 if side == BID else length
    if between:
        # Two prices that levels can have lie around it: this is the worse one.
        found = price.mantissa // POW10[-shift] if shift >= -MAX_SCALE else 0
        found += side == ASK
    edge[0] = found * SIGN[side]
    while count < length and next_worse(&cursor).key >= edge[0] + between:
        count += 1
    return count


cdef inline int take_within(
    const Sides* sides, int side, double reach, int64_t opposite, Total* sure, Excerpt* doubtful
) noexcept nogil:
    """Sum the sizes of the levels that are at most that part of a price away from it, and copy
    those of which doubles cannot tell. The price lies halfway between the best one and `opposite`,
    a key of the same side. -1 without memory."""
    cdef const Ladder* ladder = &sides.ladders[side]
    cdef Cursor cursor = best_first(ladder)
    cdef const Rung* rung = next_worse(&cursor)
    cdef double middle, limit, error
    cdef Py_ssize_t count = 0, passed = 0, i, _
    sure.low = sure.high = 0
    doubtful.count = 0
    if rung == NULL:
        return 0
    middle = 0.5 * <double>rung.key + 0.5 * <double>opposite
    limit = middle - middle * SIGN[side] * reach
    error = middle * SIGN[side] * (1.0 + reach) * 4e-15
    while rung != NULL and <double>rung.key > limit + error:
        total_add(sure, rung.size)
        passed += 1
        rung = next_worse(&cursor)
    while rung != NULL and <double>rung.key >= limit - error:
        count += 1
        rung = next_worse(&cursor)
    if count == 0:
        return 0
    doubtful.rungs = <Rung*>malloc(<size_t>count * sizeof(Rung))
    if doubtful.rungs == NULL:
        return -1
    cursor = best_first(ladder)
    for _ in range(passed):
        rung = next_worse(&cursor)
    for i in range(count):
        doubtful.rungs[i] = next_worse(&cursor)[0]
    doubtful.count = count
    return 0


cdef inline int64_t group_of(int side, int64_t price, int64_t width) noexcept nogil:
    """The place of a price on a grid: bids are rounded down, asks up."""
    # Both are positive.
    return price // width if side == BID else (price - 1) // width + 1


cdef inline Py_ssize_t levels_in_groups(
    const Sides* sides, int side, Number step, Py_ssize_t groups
) noexcept nogil:
    """How many of the best levels lie in the best `groups` places of a grid of `step`, empty ones
    not counted. All there are where that would take more than int64 to find out."""
    cdef const Ladder* ladder = &sides.ladders[side]
    cdef Cursor cursor = best_first(ladder)
    cdef Py_ssize_t length = ladder_length(ladder), count, seen = 0
    cdef int64_t width = at_scale(step, sides.scales.price), factor = 1, price, group, last = -1
    cdef int finer = -(step.exponent + sides.scales.price)
    if groups >= length:
        return length
    if width < 0:
        # The step is wider than any price, or finer than the book's unit.
        if not 0 < finer <= MAX_SCALE:
            return length
        width = step.mantissa
        factor = POW10[finer]
    for count in range(length):
        price = next_worse(&cursor).key * SIGN[side]
        if price > INT64_LIMIT // factor:
            return length
        group = group_of(side, price * factor, width)
        if group != last:
            if seen == groups:
                return count
            seen += 1
            last = group
    return length
