# JSON's words, read where they lie: white space, strings, keys, and values that nobody wants.
#
# Every function takes where to read and where the bytes end, never looks at or behind that end, and
# returns where it stopped, or NULL for what it does not know. That need not be wrong: the general
# decoder has the last word.

from libc.stdint cimport uint64_t
from libc.string cimport memcmp

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

    /* How many of eight characters stand before the first quote; 8: there is none. */
    static inline int bb_before_quote(uint64_t word) {
        word ^= UINT64_C(0x2222222222222222);
        word = (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
        return word ? bb_lowest(word) : 8;
    }
    """
    const bint BY_WORDS "BB_BY_WORDS"
    const bint BY_SIXTEEN "BB_BY_SIXTEEN"
    uint64_t load_word "bb_load"(const char*) noexcept nogil
    int before_quote "bb_before_quote"(uint64_t) noexcept nogil

cdef enum:
    # Nine characters of seven bits fit into sixty-four.
    LONGEST_WORD = 9
    LONGEST_KEY = 64

# Bytes of the frame, by where they are.
cdef struct Span:
    const char* text
    Py_ssize_t length


cdef inline uint64_t pack_word(const char* text, Py_ssize_t length) noexcept nogil:
    """A key as a number that no other key has; 0 where it is empty.

    Up to seven ASCII characters leave room for their number, so that no trailing NUL goes unseen;
    eight leave the highest bit of each byte free, and the ninth lies there. What is longer is mixed
    to sixty-three bits, the highest one set, which no shorter key has: two of them are the same
    once in 2**63, and it is the venue that writes them.
    """
    cdef uint64_t packed = 0
    cdef Py_ssize_t i
    if length > LONGEST_WORD:
        packed = <uint64_t>length
        for i in range(length):
            packed = (packed ^ <unsigned char>text[i]) * 0x9E3779B97F4A7C15u
            packed ^= packed >> 29
        return packed | <uint64_t>1 << 63
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
    """A key and its colon; its packed form is 0 for the empty one, which no channel has.

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


cdef inline const char* read_packed(const char* p, const char* end, uint64_t* out) noexcept nogil:
    """A string as far as its first quote, packed like a key."""
    cdef Span text
    cdef uint64_t word
    cdef int n
    if BY_WORDS and end - p > 10 and p[0] == c'"':
        word = load_word(p + 1)
        n = before_quote(word)
        if n < 8:
            out[0] = word & ((<uint64_t>1 << (8 * n)) - 1) | <uint64_t>n << 56
            return p + n + 2
    p = read_word(p, end, &text)
    if p == NULL:
        return NULL
    out[0] = pack_word(text.text, text.length)
    return p


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
