# Part of _book: how far a book can be trusted: its states, and how long it is LIVE.
#
# LIVE is a deadline that each read compares, not a flag. From state to state a book goes by events
# only, and the table below says which event leads where.

cdef int64_t NEVER = INT64_LIMIT
# The deadline of a connection that is held: no time is before it.
cdef int64_t HELD = -1

# Where the time of a book comes from: nowhere, the machine, a callable of the user's, or it has
# stopped. The callable is anybody's code: what was looked at before it ran may be different after.
cdef enum:
    CLOCK_NONE
    CLOCK_MACHINE
    CLOCK_CALLED
    CLOCK_STOPPED

# Who may read: nobody, anybody before the deadline, anybody (frozen copies); of a book of another
# process that is found out at each read.
cdef enum:
    ACCESS_NONE
    ACCESS_LIVE
    ACCESS_FROZEN
    ACCESS_ATTACHED

cdef enum:
    CONNECTING
    SYNCING
    LIVE
    STALE
    GAP
    CLOSED
    REJECTED

cdef tuple STATES = (
    BookState.CONNECTING,
    BookState.SYNCING,
    BookState.LIVE,
    BookState.STALE,
    BookState.GAP,
    BookState.CLOSED,
    BookState.REJECTED,
)
cdef dict STATE_NUMBERS = {state: number for number, state in enumerate(STATES)}

cdef enum:
    STATE_COUNT = 7
    NOWHERE = -1

# The transition table: what each event is called, and to which state it leads from each. From a
# state that is not named the event cannot come. REJECTED is left by hand or by a new
# subscription, CLOSED never.
cdef tuple TRANSITIONS = (
    ("applied", {
        CONNECTING: LIVE, SYNCING: LIVE, LIVE: LIVE, STALE: LIVE, GAP: LIVE, REJECTED: LIVE,
    }),
    ("continued", {STALE: LIVE}),
    ("empty", {
        CONNECTING: SYNCING, SYNCING: SYNCING, LIVE: SYNCING, STALE: SYNCING, GAP: SYNCING,
    }),
    ("too old", {CONNECTING: GAP, SYNCING: SYNCING, STALE: GAP, GAP: GAP}),
    ("crossed snapshot", {
        CONNECTING: STALE, SYNCING: STALE, LIVE: STALE, STALE: STALE, GAP: STALE, REJECTED: STALE,
    }),
    ("dark", {CONNECTING: STALE, SYNCING: STALE, LIVE: STALE, STALE: STALE, GAP: STALE}),
    ("crossed", {CONNECTING: GAP, SYNCING: GAP, LIVE: GAP, STALE: GAP, GAP: GAP}),
    ("missed", {LIVE: GAP, STALE: GAP}),
    ("misfit", {CONNECTING: GAP, SYNCING: GAP, LIVE: GAP, STALE: GAP, GAP: GAP}),
    ("alone", {LIVE: STALE}),
    ("unproven", {CONNECTING: STALE, SYNCING: STALE, STALE: STALE, GAP: STALE}),
    ("unsummed", {CONNECTING: STALE, SYNCING: STALE, LIVE: STALE, STALE: STALE, GAP: STALE}),
    ("mismatched", {CONNECTING: GAP, SYNCING: GAP, LIVE: GAP, STALE: GAP, GAP: GAP}),
    ("anew", {
        CONNECTING: SYNCING, SYNCING: SYNCING, LIVE: SYNCING, STALE: SYNCING, GAP: SYNCING,
        REJECTED: SYNCING,
    }),
    ("disconnected", {
        CONNECTING: CONNECTING, SYNCING: CONNECTING, LIVE: CONNECTING, STALE: CONNECTING,
        GAP: CONNECTING, REJECTED: CONNECTING,
    }),
    ("doubted", {LIVE: STALE}),
    ("lost", {CONNECTING: GAP, SYNCING: GAP, LIVE: GAP, STALE: GAP, GAP: GAP}),
    ("refused", {
        CONNECTING: REJECTED, SYNCING: REJECTED, LIVE: REJECTED, STALE: REJECTED, GAP: REJECTED,
        REJECTED: REJECTED,
    }),
    ("closed", {
        CONNECTING: CLOSED, SYNCING: CLOSED, LIVE: CLOSED, STALE: CLOSED, GAP: CLOSED,
        REJECTED: CLOSED, CLOSED: CLOSED,
    }),
)
cdef int[EVENTS][STATE_COUNT] NEXT_STATE
# Which event it is when whoever feeds a book names the state that it is in now.
cdef dict NAMED_EVENTS = {
    CONNECTING: DISCONNECTED, SYNCING: BEGUN_ANEW, STALE: DOUBTED, GAP: LOST,
    REJECTED: TURNED_DOWN, CLOSED: FINISHED,
}


cdef int lay_out_transitions() except -1:
    cdef int event, state
    for event in range(<int>EVENTS):
        for state in range(STATE_COUNT):
            NEXT_STATE[event][state] = TRANSITIONS[event][1].get(state, NOWHERE)
    return 0


lay_out_transitions()


def _transitions():
    """The transition table, for documents and tests: {event: {state: next state}}."""
    return {
        event: {STATES[state]: STATES[after] for state, after in row.items()}
        for event, row in TRANSITIONS
    }


@cython.final
cdef class _Line:
    """A connection as its books see it: until when what it said counts as of now."""

    cdef int _hear(self, int64_t now) except -1:
        self.heard = now
        # Past the deadline only `release` opens it again.
        if self.deadline != NEVER and now < self.deadline:
            self.deadline = now + self.valid_for
        return 0

    @property
    def last_heard(self):
        """Clock time (ns) of the last frame, good or bad; None before any."""
        return None if self.heard < 0 else self.heard

    @property
    def spoke_at(self):
        """Clock seconds as of when the last frame spoke that was stamped at sending, of any book;
        None before any."""
        return None if self.lagged_at < 0 else (self.lagged_at - self.lag) / 1e9

    def take_lag(self):
        """(seconds, clock seconds): how late at the least what was brought since this was asked
        last, and when the last of it came; None where nothing told. The host is told."""
        if self.host is None or self.least == NOTHING_SHOWN:
            return None
        found = (self.least / 1e9, self.lagged_at / 1e9)
        self.least = NOTHING_SHOWN
        self.host.shown[self] = found
        return found

    def beside(self, since):
        """list of the lags (seconds) that the other connections to the same host, of all engines,
        have shown since that time (clock seconds)."""
        if self.host is None:
            return []
        return [
            least for other, (least, at) in self.host.shown.items()
            if other is not self and at >= since
        ]


cdef enum:
    CAUSE_GIVEN
    CAUSE_FORKED
    CAUSE_UNCONFIRMED
    CAUSE_LATE
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
        if self.cause == CAUSE_LATE:
            return f"what it was told last was {self.limit / 1e9:.1f} s late"
        if self.cause == CAUSE_UNHEARD:
            return f"nothing heard on its connection for {self.limit / 1e9:g} s"
        return self.given

    cdef object since(self):
        """Clock time in nanoseconds; None without a clock."""
        if self.ended == NEVER or self.cause == CAUSE_HELD:
            return self.began
        return self.ended


cdef class Trusted:
    """What is the same of whatever is kept in step with a venue: its state, why, since when, and
    until when it is LIVE unless something confirms it."""

    def __cinit__(self):
        self.symbol = ""
        self.market = ""
        self.channel = ""
        self._names = ("", "", "")
        self._state = CLOSED
        self._access = ACCESS_NONE
        self._deadline = NEVER
        self._lag = NO_LAG
        self._process = process_generation

    cdef int _set_clock(self, object clock, int64_t valid_for) except -1:
        if not (clock is None or clock == "monotonic" or callable(clock)):
            raise UsageError(f'clock must be None, "monotonic" or a callable, was {clock!r}')
        self._clock_kind = (
            CLOCK_NONE if clock is None else
            CLOCK_MACHINE if isinstance(clock, str) else CLOCK_CALLED
        )
        self._clock = clock
        self._valid_for = valid_for
        self._state = SYNCING
        self._reason = "no snapshot yet"
        self._since = None if clock is None else self._now()
        return 0

    cdef int64_t _now(self) except? -1:
        """The clock, in nanoseconds; 0 without one."""
        if self._clock_kind == CLOCK_MACHINE:
            return monotonic_ns()
        if self._clock_kind == CLOCK_CALLED:
            return self._clock()
        return self._stopped_at

    @cython.final
    cdef int64_t _ends(self) noexcept:
        """When LIVE ends by itself: at the book's own deadline or at its connection's."""
        if self._line is not None and self._line.deadline < self._deadline:
            return self._line.deadline
        return self._deadline

    @cython.final
    cdef bint _lapsed_at(self, int64_t now) noexcept:
        """Whether LIVE had ended by itself at that time."""
        return self._state == LIVE and self._deadline != NEVER and now >= self._ends()

    @cython.final
    cdef bint _lapsed(self) except -1:
        """Whether LIVE has ended by itself. The state is looked at after the clock, and so stays
        what it is until Python code runs."""
        if self._state != LIVE or self._deadline == NEVER:
            return False
        if self._clock_kind == CLOCK_MACHINE:
            return not is_before(self._ends(), self._valid_for)
        return self._lapsed_at(self._now())

    @cython.final
    cdef int _require_live(self) except -1:
        """Raise BookNotLive unless the book is LIVE. Where it returns, the last look was at the
        state: what the caller reads next, until it runs Python code, is of a LIVE book."""
        if self._access == ACCESS_LIVE and self._process == process_generation:
            if self._deadline == NEVER:
                return 0
            if self._clock_kind != CLOCK_MACHINE:
                return self._require_live_at(self._now())
            if is_before(self._ends(), self._valid_for):
                return 0
        elif self._access == ACCESS_FROZEN or self._access == ACCESS_ATTACHED and self._found_live():
            return 0
        raise self._refusal(monotonic_ns())

    @cython.final
    cdef int _require_live_at(self, int64_t now) except -1:
        """The same for a time that has been read already."""
        if self._access == ACCESS_LIVE and self._process == process_generation:
            if self._deadline == NEVER or now < self._ends():
                return 0
        elif self._access == ACCESS_FROZEN or self._access == ACCESS_ATTACHED and self._found_live():
            return 0
        raise self._refusal(now)

    cdef bint _found_live(self) except -1:
        """Whether a book of another process, looked up there, can be read."""
        return False

    cdef object _refusal(self, int64_t now):
        """The BookNotLive that says what the book is at this moment."""
        cdef _Standing standing = self._standing(now)
        return BookNotLive(
            self.symbol, STATES[standing.state], standing.reason(), standing.since(),
            standing.epoch,
        )

    cdef _Standing _standing(self, int64_t now):
        """What the book is and why, looked at in one moment; `now` is what its clock says, and
        counts while the book is LIVE."""
        cdef _Standing standing = _Standing.__new__(_Standing)
        standing.state = self._state
        standing.cause = CAUSE_GIVEN
        standing.given = self._reason
        standing.began = self._since
        standing.epoch = self._epoch
        standing.ended = NEVER
        if self._access == ACCESS_FROZEN:
            return standing
        if self._process != process_generation:
            standing.state = CLOSED
            standing.cause = CAUSE_FORKED
        elif self._lapsed_at(now):
            # The deadline ended LIVE by itself, before anybody announced it.
            standing.state = STALE
            standing.ended = self._ends()
            standing.cause = CAUSE_UNCONFIRMED
            standing.limit = self._valid_for
            if self._lag > self._valid_for // 4:
                standing.cause = CAUSE_LATE
                standing.limit = self._lag
            if standing.ended == HELD:
                standing.cause = CAUSE_HELD
                standing.given = self._line.reason
                standing.began = self._line.held_at
            elif standing.ended < self._deadline:
                standing.cause = CAUSE_UNHEARD
                standing.limit = self._line.valid_for
        return standing

    cdef int64_t _moment(self) except? -1:
        """The clock, for `_standing`: it is not asked where it does not matter."""
        if self._state == LIVE and self._deadline != NEVER:
            return self._now()
        return 0

    cdef int _require_writable(self) except -1:
        if self._access == ACCESS_FROZEN:
            raise UsageError("this is a frozen copy, made by peek()")
        if self._access == ACCESS_ATTACHED:
            raise UsageError("another process writes this book; here it is only read")
        if self._process != process_generation:
            raise FeedClosed("the book belongs to the process that made it; this is a forked child")
        if self._state == CLOSED:
            raise FeedClosed(f"the book of {self.symbol} is closed")
        return 0

    @property
    def state(self):
        """The `BookState` now, deadline included. Never raises."""
        if self._access == ACCESS_FROZEN:
            return STATES[self._state]
        if self._process != process_generation:
            return BookState.CLOSED
        if self._lapsed():
            return BookState.STALE
        return STATES[self._state]

    @property
    def reason(self):
        """Why the book is in its state, as a sentence; None while it is simply LIVE."""
        return self._standing(self._moment()).reason()

    @property
    def epoch(self):
        """Number of the current unbroken run; 0 before the first."""
        return self._epoch

    @property
    def confirmed_by(self):
        """What last confirmed the book: "snapshot", "update", "heartbeat", ...; None before."""
        return self._confirmed_by

    @property
    def valid_until(self):
        """Clock time (ns) until which the book is LIVE unless confirmed again; None: no deadline."""
        return None if self._deadline == NEVER else max(self._ends(), 0)

    cdef int _begin(self) except -1:
        """Look at the clock before a write: it may be anybody's code, and a write is not to be
        seen when it is half done."""
        self._heard_at = self._now()
        return 0

    cdef int _become(self, Event event, object reason) except -1:
        """Go where the table says; InvariantError where it says that this cannot happen."""
        cdef int state = NEXT_STATE[<int>event][self._state]
        if state == NOWHERE:
            raise InvariantError(
                f"{self.symbol}: a {STATES[self._state]} book cannot be {TRANSITIONS[event][0]}"
            )
        # Whoever gave the last reason may have code that runs when it goes: it goes at the end.
        _before = self._reason
        if state == LIVE:
            self._epoch += 1
            self._access = ACCESS_LIVE
            if event == APPLIED:
                # What confirmed the run before says nothing of this one.
                self._confirmed_at = self._known_at
        elif self._state != state or self._access == ACCESS_LIVE:
            self._access = ACCESS_NONE
            self._since = None if self._clock_kind == CLOCK_NONE else self._heard_at
        if state != LIVE:
            self._deadline = NEVER
        self._state = state
        self._reason = reason
        self._refused = False
        if self._watch is not None:
            self._note()
        return 0

    cdef int _note(self) except -1:
        """Watchers are to be told of the state, when the write is over."""
        self._shared.pending.append(self)
        self._shared.concerned = True
        return 0

    @cython.final
    cdef void _say_as_of(self, int64_t moment) noexcept:
        """What the write that is under way says is known to be true of that moment, which may be
        long ago; how late it arrived does not matter then."""
        self._known_at = moment
        self._unseen = 0

    cdef int _confirm(self, object by) except -1:
        """What was heard just now says that the book is the venue's newest, as of `_known_at`; it
        lengthens nobody's life by more than that."""
        if self._clock_kind == CLOCK_NONE:
            self._confirmed_by = by
            return 0
        if self._known_at >= self._confirmed_at:
            self._confirmed_at = self._known_at
        elif self._deadline < NEVER:
            # Something newer is known already.
            return 0
        if self._deadline != NEVER and self._heard_at >= self._deadline:
            self._counters.lapses += 1
            if self._watch is not None:
                self._watch.missed = True
                self._note()
        self._deadline = self._confirmed_at + self._valid_for - self._unseen
        self._confirmed_by = by
        return 0
