# Part of _book: who is told of a book in compiled code, and when.
#
# Watchers run once for a frame, behind its last item, when sequence, crossing and hold are decided;
# and where a book ceases to be LIVE without a frame, when that is noticed. They are told under the
# time that the write has read already. What they call may look at anything and write nothing.


@cython.final
cdef class _Shared:
    """What the books of one engine share about their watchers."""

    def __cinit__(self):
        self.pending = []

    cdef int require_quiet(self) except -1:
        if self.telling:
            raise UsageError(TOLD_NOW)
        return 0


@cython.final
cdef class _Watch:
    """Who watches one book."""


cdef class Watcher:
    """What is told of a book in compiled code: derive a `cdef class` from it, and override
    `changed` and `lost`; see `_book.pxd`. One of it watches one book.

    `book`: the `Book` that it watches, None before and after. `wants`: the `Change` bits that it
    wants to hear of.

    >>> watcher = bb.Watcher()
    >>> watcher.watch(book)
    >>> watcher.book is book, book.watched == bb.Change.TOP
    (True, True)
    >>> watcher.cancel()
    """

    def watch(self, Book book not None, wants=TOP_BIT):
        """Be told of that book from now on, whenever one of these `Change` bits is set, and when it
        is not LIVE any more. UsageError while another one is watched."""
        if self.book is not None:
            raise UsageError(f"this watches {self.book.symbol} already: cancel() it first")
        self._attach(book, wants)

    def cancel(self):
        """Be told of nothing more. May be called twice, from within as well."""
        cdef Book book = self.book
        cdef _Watch watch
        if book is None:
            return
        self.book = None
        watch = book._watch
        if watch is None:
            return
        watch.watchers = tuple([one for one in watch.watchers if one is not self])
        book._wanted = wanted_by(watch.watchers)
        if not watch.watchers:
            book._watch = None
            book._shared.watched -= 1

    cdef int _attach(self, Book book, int wants) except -1:
        cdef _Watch watch = book._watch
        if book._access == ACCESS_FROZEN:
            raise UsageError("a frozen copy never changes: watch the book itself")
        if book._access == ACCESS_ATTACHED:
            raise UsageError(
                "nobody is told of a book of another process: quotes() asks for it again and again"
            )
        book._require_writable()
        if watch is None:
            watch = _Watch.__new__(_Watch)
            watch.watchers = ()
            watch.state = told_state(book, book._now())
            book._watch = watch
            book._shared.watched += 1
        self.book = book
        self.wants = wants
        watch.watchers = (*watch.watchers, self)
        book._wanted = wanted_by(watch.watchers)
        return 0

    cdef void changed(self, Book book, int change) noexcept:
        pass

    cdef void lost(self, Book book) noexcept:
        pass


cdef int wanted_by(tuple watchers) noexcept:
    cdef Watcher watcher
    cdef int wanted = 0
    for watcher in watchers:
        wanted |= watcher.wants
    return wanted


cdef int told_state(Book book, int64_t now) noexcept:
    """The state of a book at that time of its clock, its deadlines included."""
    if book._process != process_generation:
        return CLOSED
    if book._lapsed_at(now):
        return STALE
    return book._state


cdef object ceased_at(Book book, int64_t now):
    """Clock time (ns) at which a book that is not LIVE ceased to be: its deadline, where it ended
    by itself. None without a clock."""
    cdef _Standing standing = book._standing(now)
    return standing.since()


cdef class Notice(Watcher):
    """Notes in a list that a book has changed, for who looks at it when all has been applied:
    (key, change), and a change of 0 where only its state has.

    `lost_at`: when it was noticed that the book is not LIVE any more, since when it was not (clock
    time in ns); None once it is LIVE again, and without a clock.
    """

    cdef list _notes
    cdef object _key
    cdef readonly object lost_at

    def __init__(self, notes, key):
        self._notes = notes
        self._key = key
        self._always = True

    def want(self, Book book not None, wants):
        """Note these `Change` bits of that book, and its states; instead of those before."""
        if self.book is not None:
            self.cancel()
        self._attach(book, wants)
        self.lost_at = None

    def ceased(self):
        """`lost_at`, of a book that is not LIVE at this moment noticed now at the latest."""
        cdef Book book = self.book
        cdef int64_t now
        if self.lost_at is None and book is not None:
            now = book._now()
            if not book._is_live_at(now):
                self.lost_at = ceased_at(book, now)
        return self.lost_at

    cdef void changed(self, Book book, int change) noexcept:
        if self.lost_at is not None and book._is_live_at(book._shared.now):
            self.lost_at = None
        self._notes.append((self._key, change))

    cdef void lost(self, Book book) noexcept:
        if self.lost_at is None:
            self.lost_at = ceased_at(book, book._shared.now)
        self._notes.append((self._key, 0))


# --- triggers ---

cdef enum:
    SPREAD_BPS
    IMBALANCE
    TOP_SIZE
    MID_MOVED
    STATE_IS

cdef enum:
    ABOVE
    AT_LEAST
    BELOW
    AT_MOST

cdef tuple RELATIONS = (">", ">=", "<", "<=")
cdef int SMALLER_SIDE = 2
# Of a value that doubles compute: nearer than that to its limit, exact numbers decide.
cdef double DOUBTFUL = 1e-13

# What is not known: an empty side has no spread.
cdef enum:
    NO
    YES
    PERHAPS


# One condition of a trigger: a value of the book, a relation and a limit.
cdef struct Term:
    int kind
    int side
    int relation
    Py_ssize_t levels
    # To become true, and to be armed anew.
    double[2] limits
    # Of a mid that moves: where it was, as the sum of both prices; negative before it was anywhere.
    double origin
    # Of states: those that make it true, as bits.
    int states

cdef enum:
    MOST_TERMS = 5


cdef int glance(const Term* term, const Sides* sides, int limit_of) noexcept:
    """Whether a condition of prices holds, as far as doubles tell."""
    cdef const Rung* bid = ladder_best(&sides.ladders[BID])
    cdef const Rung* ask = ladder_best(&sides.ladders[ASK])
    cdef double value, bids, asks, reserve, limit = term.limits[limit_of]
    if bid == NULL and term.side != ASK or ask == NULL and term.side != BID:
        return NO
    if term.kind == SPREAD_BPS:
        bids, asks = <double>bid.key, -<double>ask.key
        value = 20_000.0 * <double>(-ask.key - bid.key) / (asks + bids)
    elif term.kind == TOP_SIZE:
        value = <double>top_size(term.side, bid, ask) / POW10_DOUBLE[sides.scales.size]
    elif term.kind == IMBALANCE:
        bids = double_of(total_size(&sides.ladders[BID], term.levels))
        asks = double_of(total_size(&sides.ladders[ASK], term.levels))
        value = (bids - asks) / (bids + asks)
    else:
        value = (<double>bid.key - <double>ask.key) / POW10_DOUBLE[sides.scales.price]
        # What is computed is small beside what it is computed from.
        reserve = DOUBTFUL * (value + term.origin)
        value -= term.origin
        if value < 0:
            value = -value
        return YES if value > limit + reserve else NO if value < limit - reserve else PERHAPS
    reserve = DOUBTFUL * (1.0 + (limit if limit > 0 else -limit))
    if -reserve <= value - limit <= reserve:
        return PERHAPS
    return (value > limit) == (term.relation <= AT_LEAST)


cdef inline int64_t top_size(int side, const Rung* bid, const Rung* ask) noexcept:
    if side == SMALLER_SIDE:
        return min(bid.size, ask.size)
    return bid.size if side == BID else ask.size


cdef inline double double_of(Total total) noexcept:
    return <double>total.high * 18446744073709551616.0 + <double>total.low


cdef void call_back(object callback, object quote) noexcept:
    """What it raises goes to `sys.unraisablehook`, and no further."""
    callback(quote)


@cython.final
cdef class _Condition(Watcher):
    """What a trigger waits for, as the book knows it: held by the book, and not by the trigger."""

    cdef Term[MOST_TERMS] _terms
    cdef int _n_terms
    # The limits once more, exact; and where a mid that moves was, None before it was anywhere.
    cdef list _limits
    cdef object _origin
    cdef list _callbacks
    cdef bint _moves
    cdef bint _of_states
    # Whether it has fired and is not armed again.
    cdef bint is_true
    # How often it has fired, and the quote of the last time.
    cdef int64_t fired
    cdef object quote
    # A sentence about what it waits for.
    cdef str text

    def __init__(
        self, Book book not None, *, spread_bps=None, imbalance=None, top_size=None,
        mid_moved=None, state=None, levels=1, tick=None, hysteresis=0,
    ):
        self._limits = []
        self._callbacks = []
        given = {
            "spread_bps": spread_bps, "imbalance": imbalance, "top_size": top_size,
            "mid_moved": mid_moved, "state": state,
        }
        given = {name: what for name, what in given.items() if what is not None}
        if not given:
            raise UsageError(
                'when() takes a condition: spread_bps=(">", 5), imbalance=(">", 0.6), '
                'top_size=("bid", "<", 0.5), mid_moved=3 (ticks), state="GAP"'
            )
        reserves = hysteresis_of(hysteresis, given)
        for name, what in given.items():
            self._limits.append(
                read_term(
                    &self._terms[self._n_terms], name, what, reserves.get(name, 0), levels, tick,
                    book,
                )
            )
            self._n_terms += 1
        self.text = " and ".join([f"{name} {shown_condition(what)}" for name, what in given.items()])
        self._moves = mid_moved is not None
        self._of_states = state is not None
        wants = LEVELS_BIT | SNAPSHOT_BIT | TOP_BIT if imbalance is not None else TOP_BIT
        if set(given) == {"state"}:
            wants = 0
        self._attach(book, wants)
        book._shared.now = book._now()
        self._weigh(book, told_state(book, book._shared.now))

    cdef void changed(self, Book book, int change) noexcept:
        self._weigh(book, LIVE)

    cdef void lost(self, Book book) noexcept:
        cdef int state = book._watch.state if book._watch is not None else CLOSED
        if self._of_states:
            self._weigh(book, state)
        else:
            self.is_true = False

    cdef int _weigh(self, Book book, int state) except -1:
        """Look at all conditions: fire, or be armed anew."""
        cdef bint holds = True
        cdef int i, answer
        for i in range(self._n_terms):
            if self._terms[i].kind == STATE_IS:
                holds = self._terms[i].states >> state & 1
            elif state != LIVE:
                holds = False
            elif self._terms[i].kind == MID_MOVED and self._origin is None:
                self._begin(book, i)
                holds = False
            else:
                answer = glance(&self._terms[i], &book._sides, self.is_true)
                holds = answer == YES or answer == PERHAPS and self._holds_exactly(book, i)
            if not holds:
                break
        if holds and not self.is_true:
            self.is_true = True
            self._fire(book, state)
        elif not holds:
            self.is_true = False
        return 0

    cdef bint _holds_exactly(self, Book book, int i) except -1:
        """What doubles cannot tell, of exact numbers; both sides are there."""
        cdef const Term* term = &self._terms[i]
        cdef Top top
        cdef Total bids, asks
        cdef int relation = term.relation
        sides_top(&book._sides, &top)
        if term.kind == IMBALANCE:
            bids = total_size(&book._sides.ladders[BID], term.levels)
            asks = total_size(&book._sides.ladders[ASK], term.levels)
            value = Fraction(int_of(bids) - int_of(asks), int_of(bids) + int_of(asks))
        elif term.kind == TOP_SIZE:
            size = min(
                <object>top.sizes[BID] if term.side != ASK else <object>top.sizes[ASK],
                <object>top.sizes[ASK] if term.side != BID else <object>top.sizes[BID],
            )
            value = Fraction(size, power_of_ten(top.scales.size))
        else:
            bid, ask = <object>top.prices[BID], <object>top.prices[ASK]
            if term.kind == SPREAD_BPS:
                value = Fraction(20_000 * (ask - bid), ask + bid)
            else:
                value = abs(Fraction(bid + ask, power_of_ten(top.scales.price)) - self._origin)
        limit = self._limits[i][self.is_true]
        if relation == ABOVE:
            return value > limit
        if relation == AT_LEAST:
            return value >= limit
        return value < limit if relation == BELOW else value <= limit

    cdef int _begin(self, Book book, int i) except -1:
        """From here on the mid moves, if it is anywhere."""
        cdef Top top
        sides_top(&book._sides, &top)
        if top.present[BID] and top.present[ASK]:
            self._origin = Fraction(
                <object>top.prices[BID] + <object>top.prices[ASK], power_of_ten(top.scales.price)
            )
            self._terms[i].origin = self._origin
        return 0

    cdef int _fire(self, Book book, int state) except -1:
        cdef int i
        if state == LIVE:
            # Under the time that the write has read.
            quote = book._make_quote(0, book._shared.now)
        else:
            quote = book.quote_in_any_state()
        self.quote = quote
        self.fired += 1
        if self._moves:
            # It has moved from there; now it moves from here.
            self.is_true = False
            for i in range(self._n_terms):
                if self._terms[i].kind == MID_MOVED:
                    self._begin(book, i)
        for callback in tuple(self._callbacks):
            call_back(callback, quote)
        return 0


cdef class Trigger:
    """Fires when a condition of a book becomes true; made by `Book.when`.

    It fires once, when all its conditions hold, behind the frame that made them; and again when one
    of them did not hold meanwhile, by as much as `hysteresis` says, or the book was not LIVE. Where
    they hold from the start it has fired. A condition of prices holds on a LIVE book only.

    It ends when `cancel` is called, when its book is closed, or, where it has no callback, when
    nobody holds it any more.

    >>> trigger = book.when(imbalance=(">", 0.5))
    >>> trigger.is_true, trigger.fired
    (False, 0)
    >>> change = book.apply_delta([("100.5", 20)], [], sequence=8)
    >>> trigger.is_true, trigger.fired, trigger.quote.bid_size
    (True, 1, 20.0)
    """

    cdef _Condition _condition
    cdef bint _has_callbacks
    cdef readonly Book book

    __signature__ = _Signature(
        "book, *, spread_bps=None, imbalance=None, top_size=None, mid_moved=None, "
        "state=None, levels=1, tick=None, hysteresis=0"
    )

    def __init__(
        self, Book book not None, *, spread_bps=None, imbalance=None, top_size=None,
        mid_moved=None, state=None, levels=1, tick=None, hysteresis=0,
    ):
        self.book = book
        self._condition = _Condition(
            book, spread_bps=spread_bps, imbalance=imbalance, top_size=top_size,
            mid_moved=mid_moved, state=state, levels=levels, tick=tick, hysteresis=hysteresis,
        )

    def __del__(self):
        if self._condition is not None and not self._has_callbacks:
            self._condition.cancel()

    def _listen(self, callback):
        """`on`, of who does not keep the trigger alive by it."""
        self._condition._callbacks.append(callback)
        if self._condition.fired:
            callback(self._condition.quote)

    def on(self, callback):
        """Call `callback(quote)` each time it fires, at once where it is true now. Returns the
        trigger. It is called while the frame is being applied: it must not write to a book,
        subscribe or close from within. What it raises goes to `sys.unraisablehook`."""
        if not callable(callback):
            raise UsageError(f"a callback must be callable, was {callback!r}")
        self._has_callbacks = True
        self._condition._callbacks.append(callback)
        if self._condition.is_true:
            self.book._shared.require_quiet()
            self.book._shared.telling = True
            try:
                callback(self._condition.quote)
            finally:
                self.book._shared.telling = False
        return self

    def cancel(self):
        """End it; may be called twice, from its own callback as well."""
        if self._condition is not None:
            self._condition.cancel()

    @property
    def is_true(self):
        """Whether it has fired and is not armed again."""
        return self._condition.is_true

    @property
    def fired(self):
        """int, how often it has fired."""
        return self._condition.fired

    @property
    def quote(self):
        """The `Quote` of the last firing; None before any."""
        return self._condition.quote

    @property
    def condition(self):
        """A sentence about what it waits for."""
        return self._condition.text

    def __repr__(self):
        ended = "" if self._condition.book is not None else ", ended"
        return f"<Trigger {self.book.symbol}: {self.condition}; fired {self.fired} times{ended}>"


cdef object shown_condition(object what):
    if isinstance(what, (tuple, list)):
        return " ".join(str(part) for part in what)
    return str(what)


cdef dict hysteresis_of(object hysteresis, dict given):
    """How much each condition has to give way before it can become true again."""
    reserves = hysteresis if isinstance(hysteresis, dict) else {}
    if not isinstance(hysteresis, dict):
        named = [name for name in given if name not in ("mid_moved", "state")]
        if hysteresis and len(named) != 1:
            raise UsageError(
                f"hysteresis={hysteresis!r} of which condition? write "
                f"hysteresis={{{(named or ['spread_bps'])[0]!r}: {hysteresis!r}}}"
            )
        reserves = {named[0]: hysteresis} if named else {}
    for name, reserve in reserves.items():
        if name not in given or name in ("mid_moved", "state"):
            raise UsageError(f"hysteresis of {name!r}, which is no condition of this trigger")
        if exact_of("hysteresis", reserve) < 0:
            raise UsageError(f"hysteresis must not be negative, was {reserve!r}")
    return reserves


cdef object exact_of(object name, object number):
    """A number of a condition, exact: a float is what its shortest text says."""
    if isinstance(number, bool) or not isinstance(number, (int, float, Decimal, str)):
        raise UsageError(f"{name} takes a number, was {number!r}")
    try:
        return Fraction(repr(number) if isinstance(number, float) else number)
    except (ValueError, OverflowError, ZeroDivisionError):
        raise UsageError(f"{name} takes a number, was {number!r}") from None


cdef tuple read_term(
    Term* term, object name, object what, object reserve, object levels, object tick, Book book
):
    """Fill in what a condition says; its limits, exact."""
    if name == "state":
        term.kind = STATE_IS
        term.states = states_of(what)
        return ()
    term.levels = level_count(levels, "levels")
    if term.levels == 0:
        raise UsageError("levels must be at least 1, was 0")
    term.side = SMALLER_SIDE
    if name == "mid_moved":
        term.kind = MID_MOVED
        term.relation = AT_LEAST
        limit = exact_of(name, what)
        if tick is None:
            raise UsageError(
                f"the tick of {book.symbol} is not known: write when(mid_moved={what!r}, "
                'tick="0.01")'
            )
        limit = 2 * limit * exact_of("tick", tick)
        if limit <= 0:
            raise UsageError(f"mid_moved and tick must be above zero, were {what!r} and {tick!r}")
        term.limits[0] = term.limits[1] = limit
        return limit, limit
    parts = what if isinstance(what, (tuple, list)) else ()
    if name == "top_size" and len(parts) == 3:
        term.side = side_number(parts[0])
        parts = parts[1:]
    if len(parts) != 2 or parts[0] not in RELATIONS:
        example = '("bid", "<", 0.5)' if name == "top_size" else '(">", 5)'
        raise UsageError(
            f"{name} takes a relation and a number, as in {name}={example}; was {what!r}"
        )
    term.kind = {"spread_bps": SPREAD_BPS, "imbalance": IMBALANCE, "top_size": TOP_SIZE}[name]
    term.relation = RELATIONS.index(parts[0])
    limit = exact_of(name, parts[1])
    reserve = exact_of("hysteresis", reserve)
    relaxed = limit - reserve if term.relation <= AT_LEAST else limit + reserve
    term.limits[0] = limit
    term.limits[1] = relaxed
    return limit, relaxed


cdef int states_of(object what) except -1:
    """The states of a condition as bits: "GAP", BookState.GAP, several, or ("!=", "LIVE")."""
    several = isinstance(what, (tuple, list, set, frozenset))
    words = list(what) if several else [what]
    others = bool(words) and words[0] == "!="
    if words and words[0] in ("!=", "=="):
        words = words[1:]
    states = 0
    for word in words:
        try:
            states |= 1 << STATE_NUMBERS[BookState(word.upper() if isinstance(word, str) else word)]
        except ValueError:
            raise UsageError(
                f"state takes one of {', '.join(map(str, BookState))}, several of them, or "
                f'("!=", "LIVE"); was {word!r}'
            ) from None
    if not states:
        raise UsageError(f"state takes a BookState, was {what!r}")
    return ~states & (1 << STATE_COUNT) - 1 if others else states
