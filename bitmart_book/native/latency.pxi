# Part of _book: how long it takes from the venue to a user's code, stage by stage, and which of his
# functions took how long.
#
# Nothing of this is in the way of a frame that nobody listens to: `applied` is called for frames
# that somebody is told of, the rest where users' code is called.


cdef class Timed:
    """What is called and timed: derive from it. It counts its calls, and the time they took, since
    the event loop was last seen to run."""

    cdef int64_t _calls
    cdef int64_t _spent


@cython.final
cdef class Latency:
    """The stages of one feed, as a `Histogram` each, and who took how long since the event loop was
    last seen to run.

    clock: that of the feed's engine, "monotonic" or a callable of nanoseconds. With None nothing is
    counted: the time of a capture says nothing of this machine.
    """

    cdef readonly Histogram venue_to_socket
    cdef readonly Histogram socket_to_applied
    cdef readonly Histogram applied_to_callback
    cdef readonly Histogram not_live_to_callback
    cdef object _clock
    cdef bint _is_machine
    cdef list _ran

    def __init__(self, clock="monotonic"):
        if not (clock is None or clock == "monotonic" or callable(clock)):
            raise UsageError(f'clock must be None, "monotonic" or a callable, was {clock!r}')
        self.venue_to_socket = Histogram()
        self.socket_to_applied = Histogram()
        self.applied_to_callback = Histogram()
        self.not_live_to_callback = Histogram()
        self._clock = clock
        self._is_machine = isinstance(clock, str)
        self._ran = []

    cdef int64_t _now(self) except? -1:
        return monotonic_ns() if self._is_machine else self._clock()

    cdef int64_t _glance(self) except? -1:
        """A clock that is read in no time and is up to ten milliseconds late: good enough for what
        takes a tenth of a second, in one call or added up over thousands."""
        return coarse_ns() if self._is_machine and HAS_COARSE else self._now()

    def now(self):
        """Clock time (ns), to be given back as `since`; None without a clock."""
        return None if self._clock is None else self._now()

    def applied(self, Engine engine not None, read_at):
        """A frame was applied just now, whose bytes were read at that time of the clock (ns).
        Returns what it is now, None without a clock."""
        cdef Book book = engine._touched
        cdef int64_t now, stamp, read = read_at
        if self._clock is None:
            return None
        now = self._now()
        self.socket_to_applied.put(now - read)
        # Its own stamp, if it is one of sending, and not repeated: the one that told its lag.
        if (
            book is not None and book._line is not None
            and book._line.lagged_at == engine._shared.now and book._stamp == book._exchange_time
            and book._receive_time != NO_TIME
        ):
            stamp = stamp_ns(book._stamp)
            if stamp >= 0:
                # By the wall clock it was handed over when it began to be applied, and read before.
                self.venue_to_socket.put(
                    book._receive_time - (engine._shared.now - read) - stamp
                )
        return now

    cdef void _count(self, int64_t now, object since, object lost_at) noexcept:
        if since is not None:
            self.applied_to_callback.put(now - <int64_t>since)
        if lost_at is not None:
            self.not_live_to_callback.put(now - <int64_t>lost_at)

    def told(self, since, lost_at):
        """A user is told at this moment of what was applied at `since`, and, where this is news to
        him, that a book has not been LIVE since `lost_at` (clock times in ns, or None)."""
        if self._clock is not None and (since is not None or lost_at is not None):
            self._count(self._now(), since, lost_at)

    def call(self, Timed called not None, function, tuple arguments not None, since, lost_at):
        """Call a function of the user's with these arguments, tell it as `told` does, and count how
        long it takes as `called`'s. Returns and raises what it does."""
        cdef int64_t begun
        if self._clock is None:
            return function(*arguments)
        if since is not None or lost_at is not None:
            self._count(self._now(), since, lost_at)
        begun = self._glance()
        try:
            return function(*arguments)
        finally:
            # It may have been the one that closed the feed.
            if self._clock is not None:
                if called._calls == 0:
                    self._ran.append(called)
                called._calls += 1
                called._spent += self._glance() - begun

    def take_busiest(self):
        """(what was called, nanoseconds, calls) of what took longest altogether since this was
        asked last; None where nothing was called."""
        cdef Timed called, busiest = None
        cdef int64_t spent = 0, calls = 0
        for called in self._ran:
            if busiest is None or called._spent > spent:
                busiest, spent, calls = called, called._spent, called._calls
            called._calls = called._spent = 0
        self._ran.clear()
        return None if busiest is None else (busiest, spent, calls)

    def stop(self):
        """Count nothing more, and hold nobody who was called: the feed is over."""
        self._clock = None
        self._ran.clear()

    def summary(self):
        """The stages by name, as `Histogram.summary` each."""
        return {
            "venue_to_socket": self.venue_to_socket.summary(),
            "socket_to_applied": self.socket_to_applied.summary(),
            "applied_to_callback": self.applied_to_callback.summary(),
            "not_live_to_callback": self.not_live_to_callback.summary(),
        }
