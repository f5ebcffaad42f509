# Part of _book: the sequence rule, the one place that says how a version follows another.


cdef inline Verdict judge(
    int64_t last, int64_t version, bint empty, bint empty_advances
) noexcept nogil:
    """How a version follows the last one where each is one more; below zero is none.
    `empty_advances`: whether a frame without levels may carry the next version."""
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


cdef inline Verdict judge_linked(
    Rule rule, int64_t last, int64_t previous, int64_t version, bint empty
) noexcept nogil:
    """The same where an update says what it continues. `previous` is, of a chain, the version
    before it, and of a range its first version; below zero is none.

    A chain may go down: a venue that starts counting anew names the old version before the new
    one. Only what names the last version continues it.
    """
    if version < 0 or rule == RULE_NONE:
        return UNCOUNTED
    if last < 0:
        return NO_COUNTER
    if rule == RULE_CHAIN:
        if previous == last:
            return NEXT if version != last else SAME_HEARTBEAT if empty else SAME
        # What names another one is the same once more, or nothing that could be continued.
        if version == last:
            return SAME
        return OLDER if version < last else AHEAD
    if version <= last:
        return OLDER if version < last else SAME_HEARTBEAT if empty else SAME
    return NEXT if previous <= last + 1 else AHEAD


cdef inline Verdict judge_by_hand(
    int64_t last, int64_t previous, int64_t begins, int64_t version, bint empty
) noexcept nogil:
    """The same of an update given by hand that says itself what it continues: the version that it
    names, or one that is in its range or just before it; below zero is what it does not say.

    Where both are said one is enough: of what Binance sends for futures the first update behind a
    snapshot is found by its range, and all others by name.
    """
    if last < 0:
        return NO_COUNTER
    if last == previous:
        return NEXT if version != last else SAME_HEARTBEAT if empty else SAME
    if version == last:
        return SAME
    if version < last:
        return OLDER
    return NEXT if 0 <= begins <= last + 1 else AHEAD
