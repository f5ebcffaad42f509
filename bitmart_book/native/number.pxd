# Decimal text to an exact integer, and an exact integer to the nearest double.
#
# No Python objects and no floats on the way in: the text's digits become an int64 mantissa and a
# power of ten. What does not fit is an answer of its own, never a rounding.

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf

cdef extern from *:
    """
    #include <stdint.h>
    #include <inttypes.h>
    static const int64_t BB_POW10[19] = {
        INT64_C(1), INT64_C(10), INT64_C(100), INT64_C(1000), INT64_C(10000), INT64_C(100000),
        INT64_C(1000000), INT64_C(10000000), INT64_C(100000000), INT64_C(1000000000),
        INT64_C(10000000000), INT64_C(100000000000), INT64_C(1000000000000),
        INT64_C(10000000000000), INT64_C(100000000000000), INT64_C(1000000000000000),
        INT64_C(10000000000000000), INT64_C(100000000000000000), INT64_C(1000000000000000000)
    };
    /* The largest mantissa that survives a multiplication by that power of ten. */
    static const int64_t BB_MOST10[19] = {
        INT64_MAX, INT64_MAX / 10, INT64_MAX / 100, INT64_MAX / 1000, INT64_MAX / 10000,
        INT64_MAX / 100000, INT64_MAX / 1000000, INT64_MAX / 10000000, INT64_MAX / 100000000,
        INT64_MAX / 1000000000, INT64_MAX / INT64_C(10000000000),
        INT64_MAX / INT64_C(100000000000), INT64_MAX / INT64_C(1000000000000),
        INT64_MAX / INT64_C(10000000000000), INT64_MAX / INT64_C(100000000000000),
        INT64_MAX / INT64_C(1000000000000000), INT64_MAX / INT64_C(10000000000000000),
        INT64_MAX / INT64_C(100000000000000000), INT64_MAX / INT64_C(1000000000000000000)
    };
    static const double BB_POW10_DOUBLE[19] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
        1e16, 1e17, 1e18
    };
    #define BB_INT64_MAX INT64_MAX
    #define BB_DECIMAL_FORMAT "%" PRId64 "E-%d"
    """
    const int64_t POW10 "BB_POW10"[19]
    const int64_t MOST10 "BB_MOST10"[19]
    const double POW10_DOUBLE "BB_POW10_DOUBLE"[19]
    const int64_t INT64_LIMIT "BB_INT64_MAX"
    const char* DECIMAL_FORMAT "BB_DECIMAL_FORMAT"

cdef extern from "Python.h":
    double PyOS_string_to_double(const char*, char**, object) except? -1.0

cdef enum:
    # Beyond 18 decimals the value 10 would no longer fit into an int64.
    MAX_SCALE = 18
    # The longest text seen is a size padded to 30 decimals; twice that bounds the work.
    MAX_NUMBER_TEXT = 64

cdef enum NumberStatus:
    NUMBER_OK
    NUMBER_MALFORMED
    NUMBER_NEGATIVE
    NUMBER_UNHOLDABLE

cdef struct Number:
    # mantissa * 10**exponent; of one value there is one form: no superfluous decimals, and a
    # positive exponent only where the digits would not fit
    int64_t mantissa
    int32_t exponent
    # Decimals as they were written, zeros at the end included; only where somebody wants to know.
    int32_t written


cdef inline NumberStatus parse_number(const char* text, Py_ssize_t length, Number* out) noexcept nogil:
    """Digits, optionally with one point, optionally an exponent. A minus only before zero."""
    cdef Py_ssize_t i = 0
    cdef int64_t mantissa = 0
    cdef int32_t fraction_digits = 0, trailing_zeros = 0, exponent = 0, digit
    cdef bint negative = False, seen_digit = False, seen_point = False, unholdable = False
    cdef bint negative_exponent = False
    cdef char c
    if length <= 0 or length > MAX_NUMBER_TEXT:
        return NUMBER_MALFORMED
    if text[0] == c'-':
        negative = True
        i = 1
    while i < length:
        c = text[i]
        if c'0' <= c <= c'9':
            seen_digit = True
            fraction_digits += seen_point
            digit = c - c'0'
            if digit == 0:
                trailing_zeros += mantissa != 0
            elif mantissa == 0:
                mantissa = digit
            else:
                # The zeros passed over since the last other digit turned out to be inner ones.
                trailing_zeros += 1
                if trailing_zeros > MAX_SCALE or mantissa > (INT64_LIMIT - digit) // POW10[trailing_zeros]:
                    unholdable = True
                else:
                    mantissa = mantissa * POW10[trailing_zeros] + digit
                trailing_zeros = 0
        elif c == c'.' and not seen_point:
            seen_point = True
        elif (c == c'e' or c == c'E') and seen_digit:
            i += 1
            if i < length and (text[i] == c'-' or text[i] == c'+'):
                negative_exponent = text[i] == c'-'
                i += 1
            if i >= length:
                return NUMBER_MALFORMED
            while i < length:
                c = text[i]
                if not c'0' <= c <= c'9':
                    return NUMBER_MALFORMED
                if exponent < 100000:
                    exponent = exponent * 10 + (c - c'0')
                i += 1
            break
        else:
            return NUMBER_MALFORMED
        i += 1
    if not seen_digit:
        return NUMBER_MALFORMED
    out.written = max(0, fraction_digits + exponent if negative_exponent else fraction_digits - exponent)
    if mantissa == 0:
        out.mantissa = 0
        out.exponent = 0
        return NUMBER_OK
    if negative:
        return NUMBER_NEGATIVE
    if unholdable:
        return NUMBER_UNHOLDABLE
    exponent = (-exponent if negative_exponent else exponent) - fraction_digits + trailing_zeros
    if 0 < exponent <= MAX_SCALE and mantissa <= MOST10[exponent]:
        mantissa *= POW10[exponent]
        exponent = 0
    out.mantissa = mantissa
    out.exponent = exponent
    return NUMBER_OK


cdef inline int64_t at_scale(Number number, int scale) noexcept nogil:
    """The mantissa at that scale, or -1 where it is too large or has more decimals."""
    cdef int32_t shift = number.exponent + scale
    if number.mantissa == 0:
        return 0
    if shift < 0 or shift > MAX_SCALE or number.mantissa > MOST10[shift]:
        return -1
    return number.mantissa * POW10[shift]


cdef inline bint holds(Number number, int scale) noexcept nogil:
    """Whether a number fits at that scale."""
    cdef int32_t shift = number.exponent + scale
    if <uint32_t>shift > MAX_SCALE:
        return number.mantissa == 0
    return number.mantissa <= MOST10[shift]


cdef inline int64_t widened(Number number, int scale) noexcept nogil:
    """The mantissa at a scale at which it is known to fit."""
    # Zero is zero at every scale; whether a size is zero cannot be guessed, hence no branch.
    cdef int32_t shift = (number.exponent + scale) & -<int32_t>(number.mantissa != 0)
    return number.mantissa * POW10[shift]


cdef inline double to_double(int64_t mantissa, int scale) noexcept:
    """The double nearest to mantissa / 10**scale: what float() makes of the text."""
    cdef char text[40]
    # Both operands are exact up to 2**53 and 10**22, so the one division rounds once.
    if -9007199254740992 <= mantissa <= 9007199254740992:
        return <double>mantissa / POW10_DOUBLE[scale]
    snprintf(text, sizeof(text), DECIMAL_FORMAT, mantissa, scale)
    return PyOS_string_to_double(text, NULL, None)
