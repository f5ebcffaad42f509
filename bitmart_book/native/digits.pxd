# Numbers as a frame writes them, to exact ones: prices, sizes, versions and times.
#
# The common form, short and quoted, is read at once; what is longer or stranger one character after
# the other, and all of it by JSON's own grammar. As everywhere here: nothing at or behind `end` is
# looked at, and NULL means that the general decoder has to see it.

from libc.stdint cimport int32_t, int64_t, uint64_t

from bitmart_book.native.json cimport (
    BY_SIXTEEN,
    BY_WORDS,
    Span,
    is_digit,
    past_number,
    read_text,
)
from bitmart_book.native.number cimport INT64_LIMIT, NUMBER_OK, POW10, Number, parse_number

cdef extern from *:
    """
    /* How many of eight characters are digits, before the first that is none. `digits` has their
       values, one in a byte. */
    static inline int bb_count_digits(const char* p, uint64_t* digits) {
        uint64_t word = bb_load(p) ^ UINT64_C(0x3030303030303030);
        uint64_t other = ((word + UINT64_C(0x7676767676767676)) | word) & UINT64_C(0x8080808080808080);
        *digits = word;
        return other ? bb_lowest(other) : 8;
    }

    /* The number that the first `count` digits make; 1 to 8 of them. */
    static inline uint64_t bb_value(uint64_t digits, int count) {
        digits <<= (8 - count) * 8;
        digits = digits * 10 + (digits >> 8);
        return ((digits & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064)
            + ((digits >> 16) & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001)) >> 32;
    }

    /* How many of the first `count` digits, 1 to 8, remain without the zeros at their end. */
    static inline int bb_without_zeros(uint64_t digits, int count) {
        digits <<= (8 - count) * 8;
        return digits ? count - bb_highest(digits) : 0;
    }

    /* Where the point of a number stands, and its quote; 0: not known, or there is no point. */
    typedef struct { int point, quote; } bb_form;

    #if BB_BY_SIXTEEN
    static const uint64_t BB_FIRST[9] = {
        0, UINT64_C(0xFF), UINT64_C(0xFFFF), UINT64_C(0xFFFFFF), UINT64_C(0xFFFFFFFF),
        UINT64_C(0xFFFFFFFFFF), UINT64_C(0xFFFFFFFFFFFF), UINT64_C(0xFFFFFFFFFFFFFF), UINT64_MAX
    };

    static inline int bb_are_digits(uint64_t digits) {
        return !(((digits + UINT64_C(0x7676767676767676)) | digits) & UINT64_C(0x8080808080808080));
    }

    /* What up to eight characters say, of which the first is the lowest byte and all before them
       are zero. False: some of them is no digit. */
    static inline int bb_digits(
        uint64_t digits, int decimals, int64_t* mantissa, int32_t* exponent
    ) {
        int zeros;
        if (!bb_are_digits(digits)) {
            return 0;
        }
        zeros = bb_highest(digits | 1);
        zeros = zeros < decimals ? zeros : decimals;
        *mantissa = (int64_t)bb_value(digits << (8 * zeros), 8);
        *exponent = zeros - decimals;
        return 1;
    }

    /* The same of nine to fifteen characters, whose point stands behind `whole` of them. */
    static int bb_many_digits(
        const char* p, int whole, int count, int64_t* mantissa, int32_t* exponent
    ) {
        static const int64_t ten[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
        const int first = whole < 8 ? whole : 8;
        const int second = whole - first;
        const int more = count - 8;
        const int decimals = count - whole;
        uint64_t high = (bb_load(p) & BB_FIRST[first]) | (bb_load(p + 1) & ~BB_FIRST[first]);
        uint64_t low = (bb_load(p + 8) & BB_FIRST[second]) | (bb_load(p + 9) & ~BB_FIRST[second]);
        int zeros;
        high ^= UINT64_C(0x3030303030303030);
        low = (low ^ UINT64_C(0x3030303030303030)) << (64 - 8 * more);
        if (low == 0 && decimals >= more) {
            /* Padding. */
            return bb_digits(high, decimals - more, mantissa, exponent);
        }
        if (!bb_are_digits(high) || !bb_are_digits(low)) {
            return 0;
        }
        zeros = bb_highest(low | 1);
        zeros = zeros < decimals ? zeros : decimals;
        *mantissa = (int64_t)(bb_value(high, 8) * ten[more - zeros] + bb_value(low << (8 * zeros), 8));
        *exponent = zeros - decimals;
        return 1;
    }

    /* A number of up to fourteen digits and its quote, without a branch that depends on where its
       point stands or whether it has one: such branches cannot be guessed. Reads 17 characters.
       Returns behind the quote, or NULL for what is longer, or none. Called twice a level, from
       several places, it is worth its room in each of them. */
    __attribute__((always_inline)) static inline const char* bb_short_number(
        const char* p, int64_t* mantissa, int32_t* exponent, bb_form* form
    ) {
        const __m128i text = _mm_loadu_si128((const __m128i*)p);
        const unsigned quotes = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
        const unsigned points = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')));
        const int length = __builtin_ctz(quotes | 0x10000u);
        const int whole = __builtin_ctz(quotes | points | 0x10000u);
        const int count = length - (whole != length);
        uint64_t joined;
        if ((unsigned)(count - 1) > 7u) {
            if ((unsigned)(count - 1) > 13u || !bb_many_digits(p, whole, count, mantissa, exponent)) {
                return 0;
            }
            form->quote = 0;
            return p + length + 1;
        }
        joined = (bb_load(p) & BB_FIRST[whole]) | (bb_load(p + 1) & ~BB_FIRST[whole]);
        joined = (joined ^ UINT64_C(0x3030303030303030)) << (64 - 8 * count);
        if (!bb_digits(joined, count - whole, mantissa, exponent)) {
            return 0;
        }
        form->point = whole;
        form->quote = whole == length ? 0 : length;
        return p + length + 1;
    }

    /* The same of a number that is written like the one before, as prices mostly are. */
    static inline const char* bb_number_alike(
        const char* p, int64_t* mantissa, int32_t* exponent, const bb_form* form
    ) {
        const uint64_t first = BB_FIRST[form->point];
        uint64_t joined;
        if (p[form->point] != '.' || p[form->quote] != '"') {
            return 0;
        }
        joined = (bb_load(p) & first) | (bb_load(p + 1) & ~first);
        joined = (joined ^ UINT64_C(0x3030303030303030)) << (72 - 8 * form->quote);
        if (!bb_digits(joined, form->quote - 1 - form->point, mantissa, exponent)) {
            return 0;
        }
        return p + form->quote + 1;
    }

    /* The same of a number that ends before `stop`, quoted or by JSON's grammar for bare ones;
       `written` are its decimals, zeros at the end included. Returns where `stop` is. */
    static inline const char* bb_number_until(
        const char* p, char stop, int bare, int64_t* mantissa, int32_t* exponent, int32_t* written
    ) {
        const __m128i text = _mm_loadu_si128((const __m128i*)p);
        const unsigned stops = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8(stop)));
        const unsigned points = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')));
        const int length = __builtin_ctz(stops | 0x10000u);
        const int whole = __builtin_ctz(stops | points | 0x10000u);
        const int count = length - (whole != length);
        uint64_t joined;
        if (bare && (whole == 0 || whole + 1 == length || (whole > 1 && p[0] == '0'))) {
            return 0;
        }
        *written = count - whole;
        if ((unsigned)(count - 1) > 7u) {
            if ((unsigned)(count - 1) > 13u || !bb_many_digits(p, whole, count, mantissa, exponent)) {
                return 0;
            }
            return p + length;
        }
        joined = (bb_load(p) & BB_FIRST[whole]) | (bb_load(p + 1) & ~BB_FIRST[whole]);
        joined = (joined ^ UINT64_C(0x3030303030303030)) << (64 - 8 * count);
        if (!bb_digits(joined, count - whole, mantissa, exponent)) {
            return 0;
        }
        return p + length;
    }
    #else
    static inline const char* bb_number_until(
        const char* p, char stop, int bare, int64_t* mantissa, int32_t* exponent, int32_t* written
    ) {
        (void)p; (void)stop; (void)bare; (void)mantissa; (void)exponent; (void)written;
        return 0;
    }

    static inline const char* bb_short_number(
        const char* p, int64_t* mantissa, int32_t* exponent, bb_form* form
    ) {
        (void)p; (void)mantissa; (void)exponent; (void)form;
        return 0;
    }

    static inline const char* bb_number_alike(
        const char* p, int64_t* mantissa, int32_t* exponent, const bb_form* form
    ) {
        (void)p; (void)mantissa; (void)exponent; (void)form;
        return 0;
    }
    #endif
    """
    int count_digits "bb_count_digits"(const char*, uint64_t*) noexcept nogil
    uint64_t digits_value "bb_value"(uint64_t, int) noexcept nogil
    int without_zeros "bb_without_zeros"(uint64_t, int) noexcept nogil
    ctypedef struct Form "bb_form":
        int point
        int quote
    const char* short_number "bb_short_number"(const char*, int64_t*, int32_t*, Form*) noexcept nogil
    const char* number_alike "bb_number_alike"(const char*, int64_t*, int32_t*, const Form*) noexcept nogil
    const char* number_until "bb_number_until"(
        const char*, char, bint, int64_t*, int32_t*, int32_t*
    ) noexcept nogil

cdef enum:
    # Digits that fit into an int64 whatever they are.
    SAFE_DIGITS = 18


cdef inline const char* read_whole(const char* p, const char* end, int64_t* out) noexcept nogil:
    """A whole number that is not negative, bare or quoted."""
    cdef bint quoted = p < end and p[0] == c'"'
    cdef const char* start
    cdef uint64_t value = 0, first, second
    cdef int n, more
    p += quoted
    start = p
    if BY_WORDS and end - p > 16:
        # Versions and times have up to fifteen digits.
        n = count_digits(p, &first)
        if n == 8:
            more = count_digits(p + 8, &second)
            if more == 0:
                value = digits_value(first, 8)
                p += 8
            elif more < 8:
                value = digits_value(first, 8) * <uint64_t>POW10[more] + digits_value(second, more)
                p += 8 + more
        elif n != 0:
            value = digits_value(first, n)
            p += n
    while p < end and is_digit(p[0]):
        value = value * 10 + <uint64_t>(p[0] - c'0')
        p += 1
        if p - start > SAFE_DIGITS:
            # One digit more still fits into an unsigned one.
            if p - start > SAFE_DIGITS + 1 or value > <uint64_t>INT64_LIMIT:
                return NULL
    if p == start or p >= end:
        return NULL
    if quoted:
        if p[0] != c'"':
            return NULL
        p += 1
    elif start[0] == c'0' and p - start > 1 or p[0] == c'.' or p[0] == c'e' or p[0] == c'E':
        return NULL
    out[0] = <int64_t>value
    return p


cdef inline const char* read_signed(const char* p, const char* end, int64_t* out) noexcept nogil:
    """A whole number that may be below zero where it is bare."""
    if p < end and p[0] == c'-':
        p = read_whole(p + 1, end, out) if p + 1 < end and p[1] != c'"' else NULL
        out[0] = -out[0]
        return p
    return read_whole(p, end, out)


cdef inline const char* read_number(const char* p, const char* end, Number* out) noexcept nogil:
    """A price or size, quoted or bare."""
    cdef const char* start
    cdef uint64_t whole, part
    cdef int n, kept
    cdef Form form
    if BY_WORDS and end - p > 26 and p[0] == c'"':
        start = p + 1
        if BY_SIXTEEN:
            p = short_number(start, &out.mantissa, &out.exponent, &form)
            if p != NULL:
                return p
        n = count_digits(start, &whole)
        p = start + n
        if n != 0:
            if p[0] == c'"':
                out.mantissa = <int64_t>digits_value(whole, n)
                out.exponent = 0
                return p + 1
            if p[0] == c'.':
                kept = count_digits(p + 1, &part)
                if kept != 0 and p[kept + 1] == c'"':
                    p += kept + 2
                    out.mantissa = <int64_t>digits_value(whole, n)
                    kept = without_zeros(part, kept)
                    if kept != 0:
                        out.mantissa = out.mantissa * POW10[kept] + <int64_t>digits_value(part, kept)
                    out.exponent = -kept
                    return p
        p = start - 1
    return read_any_number(p, end, out)


cdef inline const char* read_any_number(const char* p, const char* end, Number* out) noexcept nogil:
    """A price or size of up to eighteen digits, one after the other."""
    cdef bint quoted = p < end and p[0] == c'"'
    cdef const char* start = p + quoted
    # One digit more than is safe still fits into an unsigned one.
    cdef const char* limit = end if end - start < SAFE_DIGITS + 1 else start + SAFE_DIGITS + 1
    cdef const char* point
    cdef uint64_t mantissa = 0, kept, digit
    cdef int32_t kept_decimals = 0
    out.written = 0
    p = start
    while p < limit:
        digit = <uint64_t><unsigned char>p[0] - c'0'
        if digit > 9:
            break
        mantissa = mantissa * 10 + digit
        p += 1
    if p == start or p == limit:
        return read_odd_number(start, end, quoted, out)
    kept = mantissa
    if p[0] == c'.':
        point = p
        p += 1
        while p < limit:
            digit = <uint64_t><unsigned char>p[0] - c'0'
            if digit > 9:
                break
            mantissa = mantissa * 10 + digit
            p += 1
            if digit != 0:
                kept = mantissa
                kept_decimals = <int32_t>(p - point - 1)
        if p == limit or p - point == 1:
            return read_odd_number(start, end, quoted, out)
        out.written = <int32_t>(p - point - 1)
    if quoted:
        if p[0] != c'"':
            return read_odd_number(start, end, quoted, out)
        p += 1
    elif (start[0] == c'0' and p - start > 1 and start[1] != c'.') or p[0] == c'e' or p[0] == c'E':
        return read_odd_number(start, end, quoted, out)
    out.mantissa = <int64_t>kept
    out.exponent = -kept_decimals
    return p


cdef inline const char* read_odd_number(
    const char* start, const char* end, bint quoted, Number* out
) noexcept nogil:
    """A number that is long, or has an exponent, or none of its digits."""
    cdef Span text
    cdef const char* p
    if quoted:
        p = read_text(start - 1, end, &text)
        if p == NULL:
            return NULL
    else:
        p = past_number(start, end)
        if p == NULL:
            return NULL
        text.text = start
        text.length = p - start
    if parse_number(text.text, text.length, out) != NUMBER_OK:
        return NULL
    return p
