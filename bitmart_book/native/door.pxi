# Part of _book: the door of a feed, as far as it is in the way of every frame.
#
# Whoever has a frame asks it first, be that Python or a wire in C. Mostly that is all: the frame is
# in its book, and nobody has to hear of it.


@cython.final
cdef class Door:
    """Lets frames in to an engine from where their bytes lie.

    shown: `Change` bits of frames that the client has to see. notes: the list in which books note
    what somebody wants to hear; without one each frame that changed something is told.

    `overdue_ns`: the time of the clock after which the client has to be called before anything is
    applied. `is_shut`: whether every frame has to go in as bytes, because somebody looks at them.
    """

    def __init__(self, Engine engine not None, int shown, list notes=None):
        self.engine = engine
        self.shown = shown
        self.notes = notes
        self.overdue_ns = NEVER
        # An engine that compares, or anything else, with each frame.
        self.compares = type(engine).apply is not Engine.apply

    cdef int take(
        self, const char* text, Py_ssize_t length, int64_t receive_time, int64_t generation,
        int64_t now
    ) except -1:
        """Apply a text frame, received at that wall clock, NO_TIME where nobody knows; `now` is the
        engine's clock. The bytes stay the caller's.

        QUIET: it is in, and that is all. AS_BYTES: nothing has been done with it, and it has to go
        to `Intake.receive`. Else the `Change` bits that `Intake.taken` has to be told.
        """
        cdef int change
        if self.compares or self.is_shut or now > self.overdue_ns:
            return AS_BYTES
        change = self.engine.take(text, length, receive_time, generation)
        if change == NOT_SCANNED:
            return AS_BYTES
        if change != 0 and not change & self.shown:
            if self.notes is not None and PyList_GET_SIZE(self.notes) == 0:
                return QUIET
        return change

    def offer(self, payload, receive_time_ns, int64_t generation, int64_t now_ns):
        """`take` of a bytes object, for Python; its answers are None where the frame has to go in
        as bytes, -1 where it is in and nobody has to hear of it, else `Change` bits."""
        cdef int change
        if not isinstance(payload, bytes):
            return None
        change = self.take(
            PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), given_time(receive_time_ns),
            generation, now_ns,
        )
        if change == AS_BYTES:
            return None
        return -1 if change == QUIET else change
