# Stamps that are texts, by RFC 3339 in UTC, to milliseconds since 1970.

from libc.stdint cimport int64_t

from bitmart_book.native.json cimport is_digit


cdef inline int two_digits(const char* p) noexcept nogil:
    """What two characters say; below zero where they are no digits."""
    if not (is_digit(p[0]) and is_digit(p[1])):
        return -1000
    return (p[0] - c'0') * 10 + (p[1] - c'0')


cdef inline int64_t stamp_of_text(const char* text, Py_ssize_t length) noexcept nogil:
    """2026-08-16T23:37:03.745044Z as milliseconds since 1970; -1 for what is not written so. Of the
    fraction there may be nine digits; what is below a millisecond is cut off."""
    cdef int64_t year, month, day, hour, minute, second, milli = 0, days
    cdef Py_ssize_t i
    cdef int weight = 100
    if length < 20 or length > 30 or text[length - 1] != c'Z':
        return -1
    if (
        text[4] != c'-' or text[7] != c'-' or text[10] != c'T' or text[13] != c':'
        or text[16] != c':'
    ):
        return -1
    year = two_digits(text) * 100 + two_digits(text + 2)
    month, day = two_digits(text + 5), two_digits(text + 8)
    hour, minute, second = two_digits(text + 11), two_digits(text + 14), two_digits(text + 17)
    if not (
        1970 <= year and 1 <= month <= 12 and 1 <= day <= 31 and 0 <= hour <= 23
        and 0 <= minute <= 59 and 0 <= second <= 59
    ):
        return -1
    if month == 2 and day > 28 + (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):
        return -1
    if day == 31 and (month == 4 or month == 6 or month == 9 or month == 11):
        return -1
    if length > 20:
        if text[19] != c'.' or length == 21:
            return -1
        for i in range(20, length - 1):
            if not is_digit(text[i]):
                return -1
            milli += (text[i] - c'0') * weight
            weight //= 10
    # Years that begin in March, so that the day that some have more is the last one.
    if month <= 2:
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day
    return (((days - 719469) * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + milli
