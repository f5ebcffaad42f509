# A double to the decimal number that its shortest text is, without writing the text.
#
# Answers only where that can be proved with one multiplication and one division; everything else
# is for the caller, who has a slower way to the same number.

from libc.stdint cimport int64_t

from bitmart_book.native.number cimport POW10_DOUBLE, ROUNDS_ONCE, Number

cdef enum:
    # Decimals of at most so many digits and doubles pair off: no double is nearest to two of them.
    SURE_DIGITS = 15


cdef inline bint number_of_double(double value, int scale, Number* out) noexcept nogil:
    """The number that repr() of a double names; False where it is not sure to be found.

    `scale` is from 0 to MAX_SCALE: so many decimals the number has at most, or fewer, as far as
    there are digits for them. The product is off by less than a quarter, so that rounding it
    gives the mantissa if there is one; the division, of two exact numbers, rounds once and so
    finds the double that this mantissa is the text of.
    """
    cdef double scaled = value * POW10_DOUBLE[scale]
    cdef int64_t mantissa
    while scaled >= POW10_DOUBLE[SURE_DIGITS]:
        if scale == 0:
            return False
        scale -= 1
        scaled = value * POW10_DOUBLE[scale]
    # Not so for nan and for what is below zero.
    if not ROUNDS_ONCE or not scaled >= 0:
        return False
    mantissa = <int64_t>(scaled + 0.5)
    if <double>mantissa / POW10_DOUBLE[scale] != value:
        return False
    if mantissa == 0:
        scale = 0
    while scale > 0 and mantissa % 10 == 0:
        mantissa //= 10
        scale -= 1
    out.mantissa = mantissa
    out.exponent = -scale
    return True
