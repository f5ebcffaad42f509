# Part of _book: by how much what arrives is later than it could be.
#
# A venue stamps what it sends, and receipt is read from a clock that nobody sets. The two clocks
# tell different times, so their difference says nothing; its growth does. The least that a host of
# the venue has shown is the floor, and what is above it is lag: time that a frame spent waiting,
# on its way or inside the venue, where no pong would show it. The floor belongs to the host and
# stays for as long as the process lives: a new connection that is late from its first byte on has
# nothing else to be found out by.

cdef enum:
    NO_LAG = -1
    # Clocks drift: of what stands above the floor one part in so many is forgiven as time goes on.
    # 200 parts in a million; lag that grows more slowly cannot be seen.
    DRIFT = 5_000

# A stamp that says so much less than the floor is odd, or the venue's clock was set: it counts when
# so many in a row, for so long, say the same.
cdef int64_t ODD = 1_000_000_000
cdef int64_t ODD_FOR = 2_000_000_000
cdef int ODD_RUN = 3
# What a connection showed counts for its other frames no longer than this.
cdef int64_t LAG_COUNTS = 10_000_000_000
cdef int64_t NOTHING_SHOWN = INT64_LIMIT


cdef inline int64_t stamp_ns(int64_t stamp) noexcept nogil:
    """A stamp since 1970 in nanoseconds, whatever its unit: of the years 1973 to 2255 no two units
    can be mistaken for each other. -1 for what is no stamp."""
    # In each unit, 1973 is this power of ten, and 2255 ninety times as much.
    cdef int64_t early = <int64_t>100_000_000_000
    if early <= stamp < 90 * early:
        return stamp * 1_000_000
    if early // 1_000 <= stamp < 90 * (early // 1_000):
        return stamp * 1_000_000_000
    if early * 1_000 <= stamp < 90 * early * 1_000:
        return stamp * 1_000
    if early * 1_000_000 <= stamp < 90 * early * 1_000_000:
        return stamp
    return -1


@cython.final
cdef class _Host:
    """One host of a venue, as its stamps show it to one clock: the floor, and what was forgiven."""

    def __cinit__(self, name):
        self.name = name
        self.floor_at = NO_LAG
        self.shown = {}

    cdef int64_t _weigh(self, int64_t now, int64_t stamp) noexcept:
        """The lag of a frame that is stamped so, in nanoseconds; the floor follows."""
        cdef int64_t delay = now - stamp
        cdef int64_t lag
        if self.floor_at < 0:
            self.floor = delay
            self.floor_at = now
            return 0
        lag = delay - self.floor - (now - self.floor_at) // DRIFT
        if lag >= 0:
            self.odd_run = 0
            return lag
        if lag > -ODD:
            self.odd_run = 0
            self.floor = delay
            self.floor_at = now
            return 0
        self._less_by_far(now, delay)
        return 0

    cdef int64_t _above(self, int64_t now, int64_t stamp) noexcept:
        """The lag that a stamp shows, which moves no floor; below 0 before there is any."""
        if self.floor_at < 0:
            return NO_LAG
        return now - stamp - self.floor - (now - self.floor_at) // DRIFT

    cdef void _less_by_far(self, int64_t now, int64_t delay) noexcept:
        """A stamp that is too new by a second and more: one means nothing, a run is a new floor."""
        if self.odd_run == 0 or delay > self.odd_floor:
            self.odd_floor = delay
        if self.odd_run == 0:
            self.odd_since = now
        self.odd_run += 1
        if self.odd_run >= ODD_RUN and now - self.odd_since >= ODD_FOR:
            self.former = self.floor + (now - self.floor_at) // DRIFT
            self.has_former = True
            self.floor = self.odd_floor
            self.floor_at = now
            self.odd_run = 0

    def before(self, lag):
        """The stamps of this host have jumped by `lag` seconds: the stamp (ns) that would be
        punctual now, if that is where its floor was before its clock was set; None where it is not.
        """
        cdef int64_t back
        if not self.has_former:
            return None
        back = self.former - self.floor
        if not back - ODD <= seconds_to_ns(lag) <= back + 2 * ODD:
            return None
        return self.former

    @property
    def forgiven(self):
        """float, seconds of lag that are taken for steps of the venue's clock."""
        return self.forgiven_ns / 1e9

    def forgive(self, seconds):
        """Take so much lag for steps of the venue's clock, for as long as the process lives. It
        stays in the lag and the age of every book."""
        self.forgiven_ns = max(self.forgiven_ns, seconds_to_ns(seconds))

    cdef void _begin_anew(self):
        """Forget the floor, and what was measured from it."""
        self.floor_at = NO_LAG
        self.odd_run = 0
        self.has_former = False
        self.shown.clear()

    def punctual(self, now_ns):
        """The stamp (ns since 1970) of what would be punctual at that time of the clock; None
        before any stamp."""
        cdef int64_t now = now_ns
        if self.floor_at < 0:
            return None
        return now - self.floor - (now - self.floor_at) // DRIFT


# The hosts as the machine's clock sees them: those of all engines that read it.
cdef dict MACHINE_HOSTS = {}


cdef int64_t line_lag(_Line line, int64_t now) noexcept:
    """The lag that a connection showed last; NO_LAG where that is too long ago."""
    if line.lagged_at >= 0 and now - line.lagged_at < LAG_COUNTS:
        return line.lag
    return NO_LAG


cdef int64_t lag_of(Written book, const Item* item) noexcept:
    """How late a frame is that is about to be applied; NO_LAG where nothing tells.

    Its own stamp tells, if it is one of sending, and does not come a second time, as a heartbeat may
    repeat it. Else it is as late as what its connection brought last. A snapshot may come out of a
    cache: its stamp tells nothing of the connection, and of itself only that it is older.
    """
    cdef _Line line = book._line
    cdef int64_t lag, stamp, waited
    if line is None or line.host is None:
        return NO_LAG
    if item.kind == ITEM_SNAPSHOT:
        lag = line_lag(line, item.heard)
        stamp = stamp_ns(item.exchange_time) if book._spec.stamped_at_send else -1
        if stamp >= 0 and lag != NO_LAG:
            waited = line.host._above(item.heard, stamp)
            if lag < waited < LAG_COUNTS:
                return waited
        return lag
    if (
        item.exchange_time != book._stamp
        and book._spec.stamped_at_send and is_new_stamp(book, item)
    ):
        stamp = stamp_ns(item.exchange_time)
        if stamp >= 0:
            book._stamp = item.exchange_time
            lag = line.host._weigh(item.heard, stamp)
            line.lag = lag
            line.lagged_at = item.heard
            if lag < line.least:
                line.least = lag
            return lag
    return line_lag(line, item.heard)


cdef inline bint is_new_stamp(Written book, const Item* item) noexcept:
    """Whether a frame is a new one, and not a repeated one or a heartbeat with an old stamp."""
    if item.sequence < 0 or item.sequence > book._sequence:
        return True
    return (
        item.sequence == book._sequence and item.count[0] + item.count[1] == 0
        and item.exchange_time > book._exchange_time
    )
