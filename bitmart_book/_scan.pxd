# One strict pass over the bytes of a book frame: numbers into scratch rows, no Python object.
#
# It knows JSON and the shapes of books, and no venue's words: which keys mean what is handed in.
# Whatever it does not recognise, or would refuse, it leaves to the general decoder, which has to
# agree with it wherever both understand. Every function takes where to read and where the bytes
# end, never looks at or behind that end, and returns where it stopped, or NULL.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcmp, memset

from bitmart_book._number cimport NUMBER_OK, POW10, Number, parse_number

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* Eight characters at a time, where a word holds the first one in its lowest byte, and sixteen
       where every processor of the kind can. Every other machine, and a build with
       BITMART_BOOK_PORTABLE, takes them one by one. */
    #if !defined(BITMART_BOOK_PORTABLE) && defined(__GNUC__) && defined(__BYTE_ORDER__) \\
        && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define BB_BY_WORDS 1
    static inline int bb_lowest(uint64_t bits) { return __builtin_ctzll(bits) >> 3; }
    static inline int bb_highest(uint64_t bits) { return __builtin_clzll(bits) >> 3; }
    #else
    #define BB_BY_WORDS 0
    static inline int bb_lowest(uint64_t bits) { (void)bits; return 0; }
    static inline int bb_highest(uint64_t bits) { (void)bits; return 0; }
    #endif
    #if BB_BY_WORDS && defined(__SSE2__)
    #define BB_BY_SIXTEEN 1
    #include <emmintrin.h>
    #else
    #define BB_BY_SIXTEEN 0
    #endif

    static inline uint64_t bb_load(const char* p) {
        uint64_t word;
        memcpy(&word, p, 8);
        return word;
    }

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

    static const uint64_t BB_FIRST[9] = {
        0, UINT64_C(0xFF), UINT64_C(0xFFFF), UINT64_C(0xFFFFFF), UINT64_C(0xFFFFFFFF),
        UINT64_C(0xFFFFFFFFFF), UINT64_C(0xFFFFFFFFFFFF), UINT64_C(0xFFFFFFFFFFFFFF), UINT64_MAX
    };

    /* Where the point of a number stands, and its quote; 0: not known, or there is no point. */
    typedef struct { int point, quote; } bb_form;

    #if BB_BY_SIXTEEN
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
       Returns behind the quote, or NULL for what is longer, or none. */
    static inline const char* bb_short_number(
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
    #else
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

    /* How many of eight characters stand before the first quote; 8: there is none. */
    static inline int bb_before_quote(uint64_t word) {
        word ^= UINT64_C(0x2222222222222222);
        word = (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
        return word ? bb_lowest(word) : 8;
    }
    """
    const bint BY_WORDS "BB_BY_WORDS"
    uint64_t load_word "bb_load"(const char*) noexcept nogil
    int count_digits "bb_count_digits"(const char*, uint64_t*) noexcept nogil
    uint64_t digits_value "bb_value"(uint64_t, int) noexcept nogil
    int without_zeros "bb_without_zeros"(uint64_t, int) noexcept nogil
    const bint BY_SIXTEEN "BB_BY_SIXTEEN"
    ctypedef struct Form "bb_form":
        int point
        int quote
    const char* short_number "bb_short_number"(const char*, int64_t*, int32_t*, Form*) noexcept nogil
    const char* number_alike "bb_number_alike"(const char*, int64_t*, int32_t*, const Form*) noexcept nogil
    int before_quote "bb_before_quote"(uint64_t) noexcept nogil

cdef enum:
    # Digits that fit into an int64 whatever they are.
    SAFE_DIGITS = 18
    # What lies beyond it is no symbol, and no name of a channel.
    MAX_NAME = 128
    # Of two short numbers with all that is around them, and what looking at the second may read.
    SHORT_LEVEL = 48
    # Nine characters of seven bits fit into sixty-four.
    LONGEST_WORD = 9

cdef enum ItemKind:
    ITEM_SNAPSHOT
    ITEM_UPDATE
    ITEM_FULL
    ITEM_SIDE

cdef struct Row:
    Number price
    Number size

# One snapshot or update, parsed but not applied: rows of both sides lie in one array.
cdef struct Item:
    ItemKind kind
    int64_t sequence        # -1: none
    int64_t exchange_time   # -1: none
    int64_t heard           # when its frame came, by the engine's clock; 0: not said
    bint fitting            # every number is known to fit at the book's scales
    # Of all prices and of all sizes: every bit that some mantissa has, the least exponent, and
    # whether an exponent is positive.
    uint64_t bits[2]
    int32_t finest[2]
    bint coarse
    Py_ssize_t first[2]
    Py_ssize_t count[2]
    bint present[2]

# Bytes of the frame, by where they are.
cdef struct Span:
    const char* text
    Py_ssize_t length

# The keys of a channel's items, packed by `pack_word`; 0: the channel has no such key.
cdef struct Words:
    ItemKind kind
    uint64_t bids
    uint64_t asks
    uint64_t price
    uint64_t size
    uint64_t sequence
    uint64_t time
    uint64_t type
    uint64_t side
    uint64_t levels

# How the last level was written that was an object: what stands before its first number, between
# its two numbers, and whether the first is the price. A level that is written alike has the same
# keys. Length 0: not known.
cdef struct Spelling:
    const char* before
    Py_ssize_t before_length
    const char* between
    Py_ssize_t between_length
    bint price_first

# Where the rows of a frame go.
cdef struct Rows:
    Row* rows
    Py_ssize_t count
    Py_ssize_t capacity


cdef inline uint64_t pack_word(const char* text, Py_ssize_t length) noexcept nogil:
    """A key of up to nine ASCII characters as a number; 0 where it is longer, or empty.

    Up to seven leave room for their number, so that no trailing NUL goes unseen; eight leave the
    highest bit of each byte free, and the ninth lies there.
    """
    cdef uint64_t packed = 0
    cdef Py_ssize_t i
    if length > LONGEST_WORD:
        return 0
    if length < 8:
        packed = <uint64_t>length << 56
    for i in range(min(length, 8)):
        packed |= <uint64_t><unsigned char>text[i] << (8 * i)
    if length == LONGEST_WORD:
        for i in range(8):
            packed |= (<uint64_t><unsigned char>text[8] >> i & 1) << (8 * i + 7)
    return packed


cdef inline bint is_plain(char c) noexcept nogil:
    """Printable ASCII that means itself within a string."""
    return <unsigned char>(c - 32) < 95 and c != c'\\'


cdef inline const char* blank(const char* p, const char* end) noexcept nogil:
    """Behind the white space, of which there mostly is none."""
    while p < end and <unsigned char>p[0] <= c' ':
        if p[0] != c' ' and p[0] != c'\n' and p[0] != c'\t' and p[0] != c'\r':
            break
        p += 1
    return p


cdef inline const char* past(const char* p, const char* end, char c) noexcept nogil:
    """Behind that character, and the white space around it."""
    p = blank(p, end)
    if p >= end or p[0] != c:
        return NULL
    return blank(p + 1, end)


cdef inline const char* read_text(const char* p, const char* end, Span* out) noexcept nogil:
    """A string without escapes and with nothing but printable ASCII."""
    cdef const char* start
    if p >= end or p[0] != c'"':
        return NULL
    p += 1
    start = p
    while p < end and p[0] != c'"':
        if not is_plain(p[0]):
            return NULL
        p += 1
    if p >= end:
        return NULL
    out.text = start
    out.length = p - start
    return p + 1


cdef inline const char* read_word(const char* p, const char* end, Span* out) noexcept nogil:
    """A string as far as its first quote; whoever compares it finds out what else is in it."""
    cdef int n
    if p >= end or p[0] != c'"':
        return NULL
    p += 1
    out.text = p
    if BY_WORDS:
        while end - p >= 8:
            n = before_quote(load_word(p))
            p += n
            if n < 8:
                out.length = p - out.text
                return p + 1
    while p < end and p[0] != c'"':
        p += 1
    if p >= end:
        return NULL
    out.length = p - out.text
    return p + 1


cdef inline const char* read_key(const char* p, const char* end, uint64_t* out) noexcept nogil:
    """A key and its colon; its packed form is 0 for one that no channel can have.

    What it holds beside letters has to be looked at where it is no key that was looked for.
    """
    cdef Span key
    cdef uint64_t word
    cdef int n
    if BY_WORDS and end - p > 10 and p[0] == c'"':
        word = load_word(p + 1)
        n = before_quote(word)
        if n < 8:
            out[0] = word & ((<uint64_t>1 << (8 * n)) - 1) | <uint64_t>n << 56
            p += n + 2
            # Mostly the colon stands right behind it, and the value behind that.
            if p[0] == c':' and <unsigned char>p[1] > c' ':
                return p + 1
            return past(p, end, c':')
    p = read_text(p, end, &key)
    if p == NULL:
        return NULL
    out[0] = pack_word(key.text, key.length)
    return past(p, end, c':')


cdef inline bint is_plain_key(uint64_t key) noexcept nogil:
    """Whether a packed key consists of plain characters. Longer ones have been looked at."""
    cdef uint64_t length = key >> 56
    if length > 7:
        return True
    while length > 0:
        if not is_plain(<char>(key & 0xFF)):
            return False
        key >>= 8
        length -= 1
    return True


cdef inline bint is_digit(char c) noexcept nogil:
    return <unsigned char>(c - c'0') <= 9


cdef inline const char* past_number(const char* p, const char* end) noexcept nogil:
    """Behind a number that is not negative, by JSON's own grammar."""
    if p >= end or not is_digit(p[0]):
        return NULL
    if p[0] == c'0':
        p += 1
    else:
        while p < end and is_digit(p[0]):
            p += 1
    if p < end and p[0] == c'.':
        p += 1
        if p >= end or not is_digit(p[0]):
            return NULL
        while p < end and is_digit(p[0]):
            p += 1
    if p < end and (p[0] == c'e' or p[0] == c'E'):
        p += 1
        if p < end and (p[0] == c'+' or p[0] == c'-'):
            p += 1
        if p >= end or not is_digit(p[0]):
            return NULL
        while p < end and is_digit(p[0]):
            p += 1
    return p


cdef inline const char* past_plain(const char* p, const char* end) noexcept nogil:
    """Behind a value that nobody wants, if it is a plain one: text, number, true, false, null."""
    cdef Span text
    if p >= end:
        return NULL
    if p[0] == c'"':
        return read_text(p, end, &text)
    if p[0] == c'-':
        return past_number(p + 1, end)
    if is_digit(p[0]):
        return past_number(p, end)
    if end - p >= 4 and (memcmp(p, b"true", 4) == 0 or memcmp(p, b"null", 4) == 0):
        return p + 4
    if end - p >= 5 and memcmp(p, b"false", 5) == 0:
        return p + 5
    return NULL


cdef inline const char* read_whole(const char* p, const char* end, int64_t* out) noexcept nogil:
    """A whole number that is not negative, bare or quoted."""
    cdef bint quoted = p < end and p[0] == c'"'
    cdef const char* start
    cdef uint64_t value = 0
    p += quoted
    start = p
    while p < end and is_digit(p[0]):
        value = value * 10 + <uint64_t>(p[0] - c'0')
        p += 1
        if p - start > SAFE_DIGITS:
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


cdef inline const char* read_level_alike(
    const char* p, const char* end, const Spelling* spelling, Row* row
) noexcept nogil:
    """A level, from its opening brace on, if it is written like the one before."""
    cdef Form form
    if (
        end - p < spelling.before_length + spelling.between_length + SHORT_LEVEL
        or memcmp(p, spelling.before, <size_t>spelling.before_length) != 0
    ):
        return NULL
    p = short_number(p + spelling.before_length, &row.price.mantissa, &row.price.exponent, &form)
    if p == NULL or memcmp(p, spelling.between, <size_t>spelling.between_length) != 0:
        return NULL
    p = short_number(p + spelling.between_length, &row.size.mantissa, &row.size.exponent, &form)
    if p == NULL or p[0] != c'}':
        return NULL
    if not spelling.price_first:
        row.price, row.size = row.size, row.price
    return p + 1


cdef inline const char* read_level_object(
    const char* p, const char* end, const Words* words, Row* row, Spelling* spelling
) noexcept nogil:
    """A level as an object, from its opening brace on. Keys that are no price or size are passed
    over."""
    cdef const char* start = p
    cdef const char* values[2]
    cdef const char* behind = p
    cdef uint64_t key
    cdef bint has_price = False, has_size = False
    cdef int n_keys = 0
    spelling.before_length = 0
    p = blank(p + 1, end)
    while True:
        p = read_key(p, end, &key)
        if p == NULL:
            return NULL
        if key == words.price:
            if has_price:
                return NULL
            has_price = True
            values[has_size] = p
            spelling.price_first = not has_size
            p = read_number(p, end, &row.price)
        elif key == words.size:
            if has_size:
                return NULL
            has_size = True
            values[has_price] = p
            p = read_number(p, end, &row.size)
        elif is_plain_key(key):
            p = past_plain(p, end)
        else:
            return NULL
        if p == NULL:
            return NULL
        n_keys += 1
        if n_keys == 1:
            behind = p
        p = blank(p, end)
        if p >= end:
            return NULL
        if p[0] == c'}':
            if not (has_price and has_size):
                return NULL
            if BY_SIXTEEN and n_keys == 2 and values[0][0] == c'"' and values[1][0] == c'"':
                spelling.before = start
                spelling.before_length = values[0] + 1 - start
                spelling.between = behind
                spelling.between_length = values[1] + 1 - behind
            return p + 1
        p = past(p, end, c',')
        if p == NULL:
            return NULL


cdef inline void note_numbers(Item* item, const Row* row) noexcept nogil:
    """Add a level to what is known of all numbers of the item."""
    item.bits[0] |= <uint64_t>row.price.mantissa
    item.bits[1] |= <uint64_t>row.size.mantissa
    item.finest[0] = min(item.finest[0], row.price.exponent)
    item.finest[1] = min(item.finest[1], row.size.exponent)
    item.coarse |= row.price.exponent > 0 or row.size.exponent > 0


cdef inline const char* read_short_levels(
    const char* p, const char* end, Rows* rows, Item* item
) noexcept nogil:
    """As many levels as come in the venue's own spelling, ["price","size"] without a blank. Behind
    the last comma, or where the bracket behind the last level closes the side."""
    cdef Row* row = &rows.rows[rows.count]
    cdef Row* full = &rows.rows[rows.capacity]
    cdef const char* q
    cdef uint64_t price_bits = item.bits[0], size_bits = item.bits[1]
    cdef int32_t price_finest = item.finest[0], size_finest = item.finest[1]
    cdef Form form, other
    form.point = form.quote = 0
    while end - p >= SHORT_LEVEL and row != full and p[0] == c'[' and p[1] == c'"':
        q = NULL
        if form.quote != 0:
            q = number_alike(p + 2, &row.price.mantissa, &row.price.exponent, &form)
        if q == NULL:
            q = short_number(p + 2, &row.price.mantissa, &row.price.exponent, &form)
        if q == NULL or q[0] != c',' or q[1] != c'"':
            break
        q = short_number(q + 2, &row.size.mantissa, &row.size.exponent, &other)
        if q == NULL or q[0] != c']' or row.price.mantissa == 0:
            break
        if q[1] != c',' and q[1] != c']':
            break
        price_bits |= <uint64_t>row.price.mantissa
        size_bits |= <uint64_t>row.size.mantissa
        price_finest = min(price_finest, row.price.exponent)
        size_finest = min(size_finest, row.size.exponent)
        row += 1
        if q[1] == c']':
            p = q + 1
            break
        p = q + 2
    rows.count = row - rows.rows
    item.bits[0], item.bits[1] = price_bits, size_bits
    item.finest[0], item.finest[1] = price_finest, size_finest
    return p


cdef inline const char* read_levels(
    const char* p, const char* end, const Words* words, Rows* rows, Item* item, int side
) noexcept nogil:
    """One side of a book: an array of levels, or null."""
    cdef Row* row
    cdef const char* start
    cdef Spelling spelling
    memset(&spelling, 0, sizeof(Spelling))
    item.present[side] = True
    item.first[side] = rows.count
    item.count[side] = 0
    if end - p >= 4 and p[0] == c'n' and memcmp(p, b"null", 4) == 0:
        return p + 4
    p = past(p, end, c'[')
    if p == NULL or p >= end:
        return NULL
    if p[0] == c']':
        return p + 1
    while True:
        if BY_SIXTEEN:
            p = read_short_levels(p, end, rows, item)
            if p < end and p[0] == c']' and p[-1] == c']':
                item.count[side] = rows.count - item.first[side]
                return p + 1
            p = blank(p, end)
        if rows.count >= rows.capacity or p >= end:
            return NULL
        row = &rows.rows[rows.count]
        if p[0] == c'[':
            p = read_number(blank(p + 1, end), end, &row.price)
            if p == NULL:
                return NULL
            p = past(p, end, c',')
            if p == NULL:
                return NULL
            p = read_number(p, end, &row.size)
            if p == NULL:
                return NULL
            p = blank(p, end)
            if p >= end or p[0] != c']':
                return NULL
            p += 1
        elif p[0] == c'{':
            start = p
            p = NULL
            if spelling.before_length != 0:
                p = read_level_alike(start, end, &spelling, row)
            if p == NULL:
                p = read_level_object(start, end, words, row, &spelling)
            if p == NULL:
                return NULL
        else:
            return NULL
        if row.price.mantissa == 0:
            return NULL
        note_numbers(item, row)
        rows.count += 1
        p = blank(p, end)
        if p >= end:
            return NULL
        if p[0] == c']':
            item.count[side] = rows.count - item.first[side]
            return p + 1
        p = past(p, end, c',')
        if p == NULL:
            return NULL


cdef inline uint64_t word_symbol() noexcept nogil:
    return pack_word(b"symbol", 6)


cdef inline const char* read_item(
    const char* p, const char* end, const Words* words, Rows* rows, Item* item, Span* symbol
) noexcept nogil:
    """One element of `data`, behind its opening brace. `symbol` keeps its text where it has none."""
    cdef uint64_t key
    cdef Span text
    cdef int64_t way = 0
    cdef bint has_type = False, has_symbol = False, has_levels = False
    item.sequence = -1
    item.exchange_time = -1
    item.present[0] = item.present[1] = False
    item.first[0] = item.first[1] = 0
    item.count[0] = item.count[1] = 0
    item.kind = words.kind
    while True:
        p = read_key(p, end, &key)
        if p == NULL:
            return NULL
        if key == 0:
            p = past_plain(p, end)
        elif key == words.asks:
            if item.present[1]:
                return NULL
            p = read_levels(p, end, words, rows, item, 1)
        elif key == words.bids:
            if item.present[0]:
                return NULL
            p = read_levels(p, end, words, rows, item, 0)
        elif key == word_symbol():
            if has_symbol:
                return NULL
            p = read_word(p, end, symbol)
            has_symbol = True
        elif key == words.type:
            if has_type:
                return NULL
            p = read_word(p, end, &text)
            has_type = True
            if p != NULL:
                if text.length == 8 and memcmp(text.text, b"snapshot", 8) == 0:
                    item.kind = ITEM_SNAPSHOT
                elif text.length != 6 or memcmp(text.text, b"update", 6) != 0:
                    return NULL
        elif key == words.sequence:
            if item.sequence >= 0:
                return NULL
            p = read_whole(p, end, &item.sequence)
        elif key == words.time:
            if item.exchange_time >= 0:
                return NULL
            p = read_whole(p, end, &item.exchange_time)
        elif key == words.levels:
            # Which side it is may stand behind it; it is moved there when that is known.
            if has_levels:
                return NULL
            p = read_levels(p, end, words, rows, item, 0)
            has_levels = True
        elif key == words.side:
            if way:
                return NULL
            p = read_whole(p, end, &way)
        elif is_plain_key(key):
            p = past_plain(p, end)
        else:
            return NULL
        if p == NULL:
            return NULL
        p = blank(p, end)
        if p >= end:
            return NULL
        if p[0] == c'}':
            break
        p = past(p, end, c',')
        if p == NULL:
            return NULL
    p += 1
    if words.kind == ITEM_SIDE:
        if not has_levels or way != 1 and way != 2:
            return NULL
        if way == 2:
            item.first[1], item.count[1] = item.first[0], item.count[0]
            item.first[0] = item.count[0] = 0
            item.present[0], item.present[1] = False, True
        return p
    if words.kind == ITEM_UPDATE and (not has_type or item.sequence < 0):
        return NULL
    if item.kind != ITEM_UPDATE and not (item.present[0] and item.present[1]):
        return NULL
    # A side that an update does not name has not changed.
    item.present[0] = item.present[1] = True
    return p


cdef inline bint is_among(uint64_t key, const uint64_t* keys, Py_ssize_t n_keys) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n_keys):
        if key == keys[i]:
            return True
    return False


cdef inline bint find_topic(
    const char* text, const char* end, const uint64_t* keys, Py_ssize_t n_keys, uint64_t* key,
    Span* topic
) noexcept nogil:
    """Where the frame names its channel: as its first member or as its last. A guess, which the
    pass over the whole frame has to meet."""
    cdef const char* p = past(text, end, c'{')
    cdef const char* close
    if p == NULL:
        return False
    p = read_key(p, end, key)
    if p == NULL:
        return False
    if is_among(key[0], keys, n_keys) and read_text(p, end, topic) != NULL:
        return True
    # From behind: }, the text, the colon, the key.
    p = end
    while p > text and (p[-1] == c' ' or p[-1] == c'\n' or p[-1] == c'\t' or p[-1] == c'\r'):
        p -= 1
    if p - text < 8 or p[-1] != c'}':
        return False
    p -= 1
    while p > text and (p[-1] == c' ' or p[-1] == c'\n' or p[-1] == c'\t' or p[-1] == c'\r'):
        p -= 1
    if p - text < 8 or p[-1] != c'"':
        return False
    close = p - 1
    p = close
    while p > text and p[-1] != c'"':
        p -= 1
        if close - p > MAX_NAME:
            return False
    if p - text < 4:
        return False
    topic.text = p
    topic.length = close - p
    p -= 1
    while p > text and (p[-1] == c' ' or p[-1] == c'\n' or p[-1] == c'\t' or p[-1] == c'\r'):
        p -= 1
    if p == text or p[-1] != c':':
        return False
    p -= 1
    while p > text and (p[-1] == c' ' or p[-1] == c'\n' or p[-1] == c'\t' or p[-1] == c'\r'):
        p -= 1
    if p == text or p[-1] != c'"':
        return False
    close = p - 1
    p = close
    while p > text and p[-1] != c'"' and close - p <= LONGEST_WORD:
        p -= 1
    if p == text or p[-1] != c'"':
        return False
    key[0] = pack_word(p, close - p)
    return is_among(key[0], keys, n_keys)


cdef inline bint scan_frame(
    const char* text, Py_ssize_t length, const Words* words, uint64_t channel_key, Span topic,
    uint64_t symbol_key, const uint64_t* keys, Py_ssize_t n_keys, const char* tail, Rows* rows,
    Item* item, Span* symbol
) noexcept nogil:
    """The whole frame, whose channel was found by the topic that `find_topic` has guessed.

    `keys` are those by which any protocol names its channels: a frame that has a second one is
    for the general decoder. `tail`: where the frame is known to end with the topic alone, or NULL.
    `symbol.text` is NULL where neither item nor frame has a symbol.
    """
    cdef const char* end = text + length
    cdef const char* p = past(text, end, c'{')
    cdef uint64_t key
    cdef Span found, outer
    cdef bint has_topic = False, has_data = False, listed
    outer.text = NULL
    outer.length = 0
    symbol.text = NULL
    symbol.length = 0
    if p == NULL:
        return False
    while True:
        if p == tail:
            if has_topic:
                return False
            has_topic = True
            p = end - 1
            break
        p = read_key(p, end, &key)
        if p == NULL:
            return False
        if key == channel_key:
            p = read_text(p, end, &found)
            if p == NULL or found.text != topic.text or found.length != topic.length:
                return False
            has_topic = True
        elif key == pack_word(b"data", 4):
            if has_data or p >= end:
                return False
            has_data = True
            listed = p[0] == c'['
            if listed:
                p = blank(p + 1, end)
            if p >= end or p[0] != c'{':
                return False
            p = read_item(blank(p + 1, end), end, words, rows, item, symbol)
            if p == NULL:
                return False
            if listed:
                p = blank(p, end)
                if p >= end or p[0] != c']':
                    return False
                p += 1
        elif key != 0 and key == symbol_key:
            if outer.text != NULL:
                return False
            p = read_text(p, end, &outer)
            if p == NULL:
                return False
        else:
            if not is_plain_key(key) or is_among(key, keys, n_keys):
                return False
            p = past_plain(p, end)
            if p == NULL:
                return False
        p = blank(p, end)
        if p >= end:
            return False
        if p[0] == c'}':
            break
        p = past(p, end, c',')
        if p == NULL:
            return False
    if not (has_topic and has_data) or (p != end - 1 and blank(p + 1, end) != end):
        return False
    if symbol_key != 0 and outer.text == NULL:
        return False
    if outer.text != NULL:
        if symbol.text == NULL:
            symbol[0] = outer
        elif symbol.length != outer.length or memcmp(symbol.text, outer.text, <size_t>outer.length):
            return False
    return True


cdef inline Span topic_name(Span topic) noexcept nogil:
    """The channel of a topic: what stands before its symbol and its speed."""
    cdef Span name
    name.text = topic.text
    name.length = 0
    while (
        name.length < topic.length
        and name.text[name.length] != c':' and name.text[name.length] != c'@'
    ):
        name.length += 1
    return name
