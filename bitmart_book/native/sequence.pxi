# Part of _book: the sequence rule, the one place that says how a version follows another.


cdef inline Verdict judge(
    int64_t last, int64_t version, bint empty, bint empty_advances
) noexcept nogil:
    """How a version follows the last one; below zero is none. `empty_advances`: whether a frame
    without levels may carry the next version."""
    if version < 0:
        return UNCOUNTED
    if last < 0:
        return NO_COUNTER
    if version == last + 1:
        return NEXT if empty_advances or not empty else NEXT_IS_LOST
    if version > last:
        return AHEAD
    if version < last:
        return OLDER
    return SAME_HEARTBEAT if empty else SAME
