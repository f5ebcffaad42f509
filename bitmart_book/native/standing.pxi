# Part of _book: what a book is and why, looked at in one moment; its sentences are made afterwards.

cdef enum:
    CAUSE_GIVEN
    CAUSE_FORKED
    CAUSE_UNCONFIRMED
    CAUSE_UNHEARD
    CAUSE_HELD


@cython.final
@cython.no_gc
cdef class _Standing:
    """The state of a book, what it is due to, and since when."""

    cdef object reason(self):
        """A sentence; None while the book is simply LIVE."""
        if self.cause == CAUSE_FORKED:
            return "closed in a forked child"
        if self.cause == CAUSE_UNCONFIRMED:
            return f"not confirmed for {self.limit / 1e9:g} s"
        if self.cause == CAUSE_UNHEARD:
            return f"nothing heard on its connection for {self.limit / 1e9:g} s"
        return self.given

    cdef object since(self):
        """Clock time in nanoseconds; None without a clock."""
        if self.ended == NEVER or self.cause == CAUSE_HELD:
            return self.began
        return self.ended
