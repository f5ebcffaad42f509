# The venue's own proof of a book: a CRC32 of the text of its best levels.
#
# The text is made of the integers that a ladder holds. From one frame to the next little changes
# among the best levels, so the text of each is kept, and so is the sum of each side: a side of which
# a frame says nothing is not even looked at, and the sum of both is made of their two.

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from bitmart_book.native.ladder cimport Cursor, Ladder, best_first, next_worse
from bitmart_book.native.sides cimport ASK, BID, SIGN, Sides
from bitmart_book.native.window cimport Rung

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* CRC32 (IEEE 802.3, as in zlib and PNG), eight bytes at a time. */
    static uint32_t bb_crc_table[8][256];
    /* What a sum becomes by so many bytes that follow: it is multiplied by this power of x. */
    #define BB_LONGEST_SIDE 3072
    static uint32_t bb_crc_power[BB_LONGEST_SIDE + 1];

    /* The product of two polynomials of bits, of which the highest is x**0, modulo that of the
       sum. */
    static uint32_t bb_crc_times(uint32_t a, uint32_t b) {
        uint32_t product = 0;
        int i;
        for (i = 0; i < 32; i++) {
            product ^= b & (0 - (a >> 31));
            a <<= 1;
            b = (b >> 1) ^ (UINT32_C(0xEDB88320) & (0 - (b & 1)));
        }
        return product;
    }

    static inline void bb_crc_prepare(void) {
        uint32_t i, j, crc;
        for (i = 0; i < 256; i++) {
            crc = i;
            for (j = 0; j < 8; j++) {
                crc = (crc >> 1) ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
            }
            bb_crc_table[0][i] = crc;
        }
        for (j = 1; j < 8; j++) {
            for (i = 0; i < 256; i++) {
                crc = bb_crc_table[j - 1][i];
                bb_crc_table[j][i] = (crc >> 8) ^ bb_crc_table[0][crc & 0xFF];
            }
        }
        bb_crc_power[0] = UINT32_C(1) << 31;
        for (i = 0; i < BB_LONGEST_SIDE; i++) {
            bb_crc_power[i + 1] = bb_crc_times(bb_crc_power[i], UINT32_C(1) << 23);
        }
    }

    /* The sum of two texts, of their sums and the length of the second. */
    static uint32_t bb_crc_both(uint32_t first, uint32_t second, int length) {
        return bb_crc_times(bb_crc_power[length], first) ^ second;
    }

    /* Of what was summed before, inverted, and of more text. */
    static uint32_t bb_crc_more(uint32_t crc, const char* p, int length) {
        while (length >= 8) {
            const unsigned char* b = (const unsigned char*)p;
            const uint32_t low = crc ^ ((uint32_t)b[0] | (uint32_t)b[1] << 8
                | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24);
            crc = bb_crc_table[7][low & 0xFF] ^ bb_crc_table[6][low >> 8 & 0xFF]
                ^ bb_crc_table[5][low >> 16 & 0xFF] ^ bb_crc_table[4][low >> 24]
                ^ bb_crc_table[3][b[4]] ^ bb_crc_table[2][b[5]]
                ^ bb_crc_table[1][b[6]] ^ bb_crc_table[0][b[7]];
            p += 8;
            length -= 8;
        }
        while (length-- > 0) {
            crc = bb_crc_table[0][(crc ^ (unsigned char)*p++) & 0xFF] ^ (crc >> 8);
        }
        return crc;
    }

    static const char bb_pairs[201] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";

    /* Writes the digits of a number so that they end before `end`, none for zero; where they
       begin. */
    static inline char* bb_digits_before(char* end, uint64_t value) {
        while (value >= 100) {
            const unsigned pair = (unsigned)(value % 100);
            value /= 100;
            end -= 2;
            memcpy(end, bb_pairs + 2 * pair, 2);
        }
        if (value >= 10) {
            end -= 2;
            memcpy(end, bb_pairs + 2 * value, 2);
        } else if (value > 0) {
            *--end = (char)('0' + value);
        }
        return end;
    }
    """
    void crc_prepare "bb_crc_prepare"()
    uint32_t crc_more "bb_crc_more"(uint32_t, const char*, int) noexcept nogil
    uint32_t crc_both "bb_crc_both"(uint32_t, uint32_t, int) noexcept nogil
    char* digits_before "bb_digits_before"(char*, uint64_t) noexcept nogil

cdef enum:
    # Levels a side that a sum may cover.
    MOST_SUMMED = 32
    # Decimals that a number may be written with: with more it can be summed by nobody.
    MOST_WRITTEN = 24
    # Nineteen digits and those decimals, twice, a point, a zero and a joint each.
    LEVEL_TEXT = 96
    NUMBER_TEXT = 48

# How a number is written in the text.
cdef enum SumText:
    # Its digits without point and leading zeros, with as many decimals as the venue writes.
    SUM_DIGITS
    # The same with its point, and a zero before it.
    SUM_PADDED
    # Without zeros at its end.
    SUM_STRIPPED

cdef struct SumRule:
    int levels              # 0: there is no checksum
    SumText text
    bint interleaved        # bid, ask, bid, ask; else the asks and then the bids
    char joint              # between two numbers; 0: nothing

cdef struct SummedLevel:
    int64_t key
    int64_t size
    int32_t length
    char text[LEVEL_TEXT]

cdef struct SummedSide:
    # The texts of levels, in any order, and which of them are the best ones, best first.
    SummedLevel levels[MOST_SUMMED]
    int order[MOST_SUMMED]
    int count
    # Whether levels may have changed since.
    bint touched
    # All of it, as far as the sides are not interleaved, without a joint at its end where nothing
    # follows, and its sum.
    char text[MOST_SUMMED * LEVEL_TEXT]
    int length
    bint ends
    uint32_t crc

# What is kept of one book.
cdef struct Sum:
    SummedSide sides[2]
    # Decimals of prices and of sizes as the venue writes them.
    int written[2]
    # What the kept texts were made for.
    int made_written[2]
    int made_scales[2]
    uint32_t crc


cdef inline char* write_number(
    char* out, int64_t mantissa, int scale, int written, SumText how
) noexcept nogil:
    """mantissa / 10**scale as it goes into the sum."""
    cdef char[NUMBER_TEXT + 32] room
    cdef char* end = &room[NUMBER_TEXT + 31]
    cdef char* start = end
    cdef Py_ssize_t count, whole
    cdef int _i
    if how == SUM_STRIPPED:
        written = 0
    # The book's scale may be finer than what the venue writes now.
    while scale > written and mantissa % 10 == 0:
        mantissa //= 10
        scale -= 1
    if how != SUM_STRIPPED:
        for _i in range(written - scale):
            start -= 1
            start[0] = c'0'
        scale = max(scale, written)
    start = digits_before(start, <uint64_t>mantissa)
    count = end - start
    if how == SUM_DIGITS:
        memcpy(out, start, <size_t>count)
        return out + count
    while count <= scale:
        start -= 1
        start[0] = c'0'
        count += 1
    whole = count - scale
    memcpy(out, start, <size_t>whole)
    out += whole
    if scale > 0:
        out[0] = c'.'
        memcpy(out + 1, start + whole, <size_t>scale)
        out += scale + 1
    return out


cdef inline void write_level(
    SummedLevel* level, const Rung* rung, int side, const Sum* sum, const SumRule* rule
) noexcept nogil:
    cdef char* out = level.text
    level.key = rung.key
    level.size = rung.size
    out = write_number(
        out, rung.key * SIGN[side], sum.made_scales[0], sum.made_written[0], rule.text
    )
    if rule.joint != 0:
        out[0] = rule.joint
        out += 1
    out = write_number(out, rung.size, sum.made_scales[1], sum.made_written[1], rule.text)
    if rule.joint != 0:
        out[0] = rule.joint
        out += 1
    level.length = <int32_t>(out - level.text)


cdef inline bint update_side(
    Sum* sum, int side, const Ladder* ladder, const SumRule* rule
) noexcept nogil:
    """Write the best levels that are new; whether any is, or one has gone."""
    cdef SummedSide* kept = &sum.sides[side]
    cdef Cursor cursor = best_first(ladder)
    cdef Rung[MOST_SUMMED] fresh
    cdef int[MOST_SUMMED] places
    cdef const Rung* rung
    cdef SummedLevel* level
    cdef uint64_t used = 0
    cdef int count = 0, old = 0, new = 0, place = 0, i
    cdef bint changed
    while count < rule.levels:
        rung = next_worse(&cursor)
        if rung == NULL:
            break
        # Both come best first.
        while old < kept.count and kept.levels[kept.order[old]].key > rung.key:
            old += 1
        places[count] = -1
        if old < kept.count:
            level = &kept.levels[kept.order[old]]
            if level.key == rung.key and level.size == rung.size:
                places[count] = kept.order[old]
                used |= <uint64_t>1 << kept.order[old]
        if places[count] < 0:
            fresh[count] = rung[0]
            new += 1
        count += 1
    changed = new != 0 or count != kept.count
    if not changed:
        return False
    for i in range(count):
        if places[i] < 0:
            while used >> place & 1:
                place += 1
            used |= <uint64_t>1 << place
            places[i] = place
            write_level(&kept.levels[place], &fresh[i], side, sum, rule)
        kept.order[i] = places[i]
    kept.count = count
    return True


cdef inline char* append_level(char* out, const SummedLevel* level) noexcept nogil:
    # Mostly it is shorter than that, and what stands behind it is written over.
    memcpy(out, level.text, 32)
    if level.length > 32:
        memcpy(out + 32, level.text + 32, LEVEL_TEXT - 32)
    return out + level.length


cdef inline void sum_side(SummedSide* kept, bint ends, const SumRule* rule) noexcept nogil:
    """Sum one side by itself. `ends`: nothing follows it."""
    cdef char* out = kept.text
    cdef int i
    for i in range(kept.count):
        out = append_level(out, &kept.levels[kept.order[i]])
    kept.ends = ends
    kept.length = <int>(out - kept.text)
    if ends and rule.joint != 0 and kept.length:
        kept.length -= 1
    kept.crc = ~crc_more(0xFFFFFFFFu, kept.text, kept.length)


cdef inline uint32_t sum_interleaved(const Sum* sum, const SumRule* rule) noexcept nogil:
    cdef uint32_t crc = 0xFFFFFFFFu
    cdef const SummedSide* kept
    cdef const SummedLevel* level
    cdef int i, side, length
    cdef int last = max(sum.sides[BID].count, sum.sides[ASK].count) - 1
    cdef int last_side = ASK if sum.sides[ASK].count > last else BID
    for i in range(last + 1):
        for side in range(2):
            kept = &sum.sides[side]
            if i < kept.count:
                level = &kept.levels[kept.order[i]]
                # Nothing follows the last number.
                length = level.length - (rule.joint != 0 and i == last and side == last_side)
                crc = crc_more(crc, level.text, length)
    return ~crc


cdef inline void sum_touch(Sum* sum, int side) noexcept nogil:
    """Levels of that side may be others than before."""
    sum.sides[side].touched = True


cdef inline uint32_t checksum_of(Sum* sum, const Sides* sides, const SumRule* rule) noexcept nogil:
    """The checksum of both sides as they are now."""
    cdef SummedSide* asks = &sum.sides[ASK]
    cdef SummedSide* bids = &sum.sides[BID]
    cdef bint[2] changed
    cdef bint ends
    cdef int side
    changed[BID] = changed[ASK] = False
    if (
        sum.made_scales[0] != sides.scales.price or sum.made_scales[1] != sides.scales.size
        or sum.made_written[0] != sum.written[0] or sum.made_written[1] != sum.written[1]
    ):
        sum.made_scales[0] = sides.scales.price
        sum.made_scales[1] = sides.scales.size
        for side in range(2):
            sum.made_written[side] = sum.written[side]
            sum.sides[side].count = 0
            sum_touch(sum, side)
            changed[side] = True
    for side in range(2):
        if sum.sides[side].touched:
            changed[side] |= update_side(sum, side, &sides.ladders[side], rule)
            sum.sides[side].touched = False
    if not changed[0] and not changed[1]:
        return sum.crc
    if rule.interleaved:
        sum.crc = sum_interleaved(sum, rule)
        return sum.crc
    ends = bids.count == 0
    if changed[ASK] or asks.ends != ends:
        sum_side(asks, ends, rule)
    if changed[BID]:
        sum_side(bids, True, rule)
    sum.crc = crc_both(asks.crc, bids.crc, bids.length)
    return sum.crc


cdef inline Sum* sum_new() noexcept nogil:
    """NULL without memory."""
    return <Sum*>calloc(1, sizeof(Sum))


cdef inline void sum_free(Sum* sum) noexcept nogil:
    free(sum)
