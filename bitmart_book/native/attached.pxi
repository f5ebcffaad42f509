# Part of _book: a book that another process publishes, read here.
#
# Each read looks at the counter of its slot, and where that has moved copies the picture: its first
# lines for the best prices, all of it for everything else, into ladders of its own. From there on
# every read is the book's. What is copied is one picture or nothing (see shared_layout.pxi), and it
# is LIVE while the publisher's book says so, its deadlines have not come, and the publisher is alive:
# all of them are compared at each read. A read that is refused because nobody is alive there looks
# whether somebody else publishes by now, and says what it has found.

cdef enum:
    # How often a picture is copied anew because it was written meanwhile: each time two of them.
    MOST_COPIES = 1_000


cdef class Mirror(Book):
    """A book of another process; `share.attached` makes it a book that users hold.

    source: who knows the file: `find(room)` gives (a newer `Room` and what it says of the book, or
    None), `why(room)` (a state and a sentence) where nobody is alive. room, index: where it is now.
    facts: what does not change of the book. clock: None, or the publisher's for tests.
    """

    cdef Room _room
    cdef const int64_t* _slot
    cdef object _source
    # The picture whose top was copied, and the one of which all was; -1: none.
    cdef int64_t _n
    cdef int64_t _whole
    cdef Picture _picture
    cdef int64_t[TEXT_WORDS] _words
    # What `_confirmed_by` was made of.
    cdef int64_t[BY_WORDS_LONG] _by
    cdef int64_t _epochs

    __signature__ = _Signature("source, room, index, facts, clock=None")

    def __init__(self, source, Room room not None, index, facts, clock=None):
        cdef _Channel spec = _Channel.__new__(_Channel)
        self.symbol = facts["symbol"]
        self.market = facts["market"]
        self.channel = facts["channel"]
        self._names = (self.symbol, self.market, facts["venue"])
        spec.venue = facts["venue"]
        spec.market = self.market
        spec.name = self.channel
        spec.unit = facts["unit"]
        spec.guard_age = facts["guard_age"]
        spec.proven = MOST_COUNT if facts["proven"] is None else facts["proven"]
        spec.books = {}
        self._spec = spec
        self._line = _Line.__new__(_Line)
        self._line.deadline = self._line.valid_for = NEVER
        self._shared = _Shared()
        self._source = source
        self._clock = clock
        self._clock_kind = CLOCK_MACHINE if clock is None else CLOCK_CALLED
        self._access = ACCESS_ATTACHED
        self._max_levels = room.levels
        self._sequence = self._exchange_time = -1
        self._move(room, index)

    cdef int _move(self, Room room, object index) except -1:
        """From now on it is there; None: nowhere yet."""
        cdef int side
        for side in range(2):
            ladder_free(&self._sides.ladders[side])
            if ladder_begin(&self._sides.ladders[side], room.levels) < 0:
                raise MemoryError
        self._slot = NULL if index is None else room.slot(index)
        self._room = room
        self._max_levels = room.levels
        # One that takes over has told nothing of what the one before told.
        self._epochs += self._picture.epoch
        self._picture.epoch = 0
        self._n = self._whole = -1
        return 0

    @property
    def levels(self):
        """int, how many levels a side are published at most."""
        return self._room.levels

    # --- copying ---

    cdef bint _copy(self, bint whole) noexcept:
        """Have the newest picture here, its top or all of it; False where there is none."""
        cdef int64_t n, seen
        cdef const int64_t* source
        cdef int attempt
        if self._slot == NULL:
            return False
        for attempt in range(MOST_COPIES):
            n = load_acquire(self._slot) >> 1
            if n == (self._whole if whole else self._n):
                return True
            if n <= 0:
                return False
            source = self._slot + LINE + COUNTER_WORDS + (n & 1) * self._room._picture_words
            if not self._copy_from(source, whole):
                # Of two pictures at once, or damaged.
                continue
            fence_acquire()
            seen = load_word(self._slot)
            if seen <= 2 * n + 2:
                self._n = n
                if whole:
                    self._whole = n
                return True
            self._n = self._whole = -1
        if whole:
            # Of what was copied nothing is shown, not even to whoever asks for the last values.
            self._copy_nothing()
        return False

    cdef void _copy_nothing(self) noexcept:
        cdef int side
        for side in range(2):
            ladder_free(&self._sides.ladders[side])
            ladder_begin(&self._sides.ladders[side], 0)

    cdef bint _copy_from(self, const int64_t* source, bint whole) noexcept:
        cdef int64_t* fixed = <int64_t*>&self._picture
        cdef int64_t scales
        cdef Py_ssize_t i
        self._n = self._whole = -1
        for i in range(FIXED_WORDS if whole else TOP_WORDS):
            fixed[i] = load_word(&source[i])
        scales = self._picture.form >> 8
        if (
            self._picture.form & 0xFF >= STATE_COUNT
            or scales & 0xFF > MAX_SCALE or scales >> 8 > MAX_SCALE or scales < 0
        ):
            return False
        if not whole:
            return True
        source += FIXED_WORDS
        if not 0 <= self._picture.text_length <= TEXT_WORDS * WORD_BYTES:
            return False
        if self._picture.text_length:
            for i in range(TEXT_WORDS):
                self._words[i] = load_word(&source[i])
        source += TEXT_WORDS
        return (
            self._copy_side(BID, first_of(self._picture.counts), source)
            and self._copy_side(
                ASK, second_of(self._picture.counts), source + 2 * self._room.levels
            )
        )

    cdef bint _copy_side(self, int side, int64_t count, const int64_t* source) noexcept:
        cdef Ladder* ladder = &self._sides.ladders[side]
        cdef int64_t* rungs
        cdef Py_ssize_t i
        if not 0 <= count <= self._room.levels:
            return False
        if ladder.blocks == NULL and ladder.capacity >= count:
            rungs = <int64_t*>ladder_lay_out(ladder, count)
            for i in range(2 * count):
                rungs[i] = load_word(&source[i])
            return True
        # More than lie in one piece.
        ladder_free(ladder)
        if ladder_begin(ladder, self._room.levels) < 0:
            return False
        for i in range(count):
            ladder_append(ladder, load_word(&source[2 * i]), load_word(&source[2 * i + 1]))
        return True

    cdef int _take_over(self) except -1:
        """Make all that was copied this book's own, for reads that are any book's. What was there
        before are texts and numbers, so that no code of anybody's runs when it goes."""
        cdef Picture* picture = &self._picture
        cdef int side
        cdef int64_t count, length
        cdef const Ladder* ladder
        self._state = picture.form & 0xFF
        self._sides.scales.price = picture.form >> 8 & 0xFF
        self._sides.scales.size = picture.form >> 16 & 0xFF
        for side in range(2):
            ladder = &self._sides.ladders[side]
            count = second_of(picture.counts) if side else first_of(picture.counts)
            length = second_of(picture.lengths) if side else first_of(picture.lengths)
            self._sides.ladders[side].known_from = picture.known_from[side]
            if count < length and count:
                # What is not published is not known here.
                self._sides.ladders[side].known_from = max(
                    picture.known_from[side], ladder_worst(ladder).key
                )
        self._deadline = picture.deadline
        self._line.deadline = picture.line_deadline
        self._line.valid_for = picture.line_valid_for
        self._valid_for = picture.valid_for
        self._sequence = picture.sequence
        self._confirmed_at = picture.confirmed_at
        self._epoch = self._epochs + picture.epoch
        self._exchange_time = picture.exchange_time
        self._lag = picture.lag
        self._change = <int>picture.change
        self._receive_time = picture.receive_time
        self._since = None if picture.since == NEVER else picture.since
        if memcmp(self._by, picture.by, sizeof(picture.by)) != 0:
            memcpy(self._by, picture.by, sizeof(picture.by))
            self._confirmed_by = text_of(<const char*>picture.by, BY_WORDS_LONG * WORD_BYTES)
        self._reason = self._line.reason = None
        if picture.held:
            self._line.reason = self._text()
            self._line.held_at = self._since
        else:
            self._reason = self._text()
        return 0

    cdef object _text(self):
        """The reason in the picture that was copied."""
        cdef int64_t length = self._picture.text_length
        return (<const char*>self._words)[:length].decode("utf-8", "ignore") if length else None

    # --- the verdict ---

    cdef int64_t _time(self) except? -1:
        return monotonic_ns() if self._clock_kind == CLOCK_MACHINE else self._clock()

    cdef bint _is_live(self, int64_t alive) except -1:
        """Whether what was copied can be read; the last look is at the clock."""
        cdef int64_t ends = min(alive, self._picture.deadline, self._picture.line_deadline)
        if self._picture.form & 0xFF != LIVE:
            return False
        if self._clock_kind == CLOCK_MACHINE:
            return is_before(ends, self._room._alive_for)
        return <int64_t>self._clock() < ends

    cdef bint _found_live(self) except -1:
        """Have all of the newest picture here; whether it can be read."""
        cdef int64_t alive
        cdef int attempt
        for attempt in range(2):
            alive = load_acquire(&self._room._words[ALIVE_AT])
            if self._have_whole() and self._is_live(alive):
                return True
            if not self._looked_elsewhere(alive):
                return False
        return False

    cdef bint _have_whole(self) except -1:
        cdef int64_t before = self._whole
        if not self._copy(True):
            return False
        if self._whole != before:
            self._take_over()
        return True

    cdef bint _looked_elsewhere(self, int64_t alive) except -1:
        """Where nobody is alive, or the book is not there: whether somebody else publishes."""
        if self._slot != NULL and self._time() < alive:
            return False
        found = self._source.find(self._room, f"{self.channel}:{self.symbol}")
        if found is None or found[0] is self._room and self._slot != NULL:
            return False
        self._move(found[0], found[1])
        return self._slot != NULL

    cdef int _require_top(self) except -1:
        """Raise BookNotLive unless the book is LIVE, with the top of the newest picture here."""
        cdef int64_t alive = load_acquire(&self._room._words[ALIVE_AT])
        if self._copy(False) and self._is_live(alive):
            return 0
        if self._found_live():
            return 0
        raise self._refusal(self._time())

    cdef object _refusal(self, int64_t now):
        # Whoever asks has read the machine's clock.
        cdef _Standing standing = self._standing(self._time())
        if standing.state == LIVE:
            # It has become so since it was asked.
            standing.state = STALE
            standing.given = "it was not live a moment ago"
        return BookNotLive(
            self.symbol, STATES[standing.state], standing.reason(), standing.since(),
            standing.epoch,
        )

    cdef _Standing _standing(self, int64_t now):
        cdef _Standing standing
        cdef int64_t alive
        self._found_live()
        self._take_counters()
        # A mapping is shared with children that fork() makes, and reading it is harmless.
        self._process = process_generation
        alive = load_acquire(&self._room._words[ALIVE_AT])
        standing = Book._standing(self, now)
        if self._slot == NULL or self._whole < 0 or now >= alive:
            state, standing.given = self._source.why(self._room, f"{self.channel}:{self.symbol}", now)
            standing.state = STATE_NUMBERS[state]
            standing.cause = CAUSE_GIVEN
            standing.began = None if self._whole < 0 else min(now, max(alive, self._closed_at()))
            standing.ended = NEVER
        return standing

    cdef int64_t _closed_at(self) noexcept:
        return load_acquire(&self._room._words[CLOSED_AT])

    cdef int64_t _now(self) except? -1:
        return self._time()

    cdef int64_t _moment(self) except? -1:
        return self._time()

    # --- reads of the best prices: of the top alone ---

    cdef object _price(self, int side):
        cdef int64_t mantissa = self._picture.prices[side]
        cdef int scale = self._picture.form >> 8 & 0xFF
        cdef object price
        if self._picture.sizes[side] == 0:
            return None
        if (
            mantissa != self._shown_keys[side] or scale != self._shown_scales[side]
            or self._shown[side] == NULL
        ):
            price = to_double(mantissa, scale)
            Py_XDECREF(self._shown[side])
            Py_INCREF(price)
            self._shown[side] = <PyObject*>price
            self._shown_keys[side] = mantissa
            self._shown_scales[side] = scale
        return <object>self._shown[side]

    cdef object _size(self, int side):
        if self._picture.sizes[side] == 0:
            return None
        return to_double(self._picture.sizes[side], self._picture.form >> 16 & 0xFF)

    cdef Level _top_level(self, int side):
        if self._picture.sizes[side] == 0:
            return None
        return make_level(
            self._picture.prices[side], self._picture.form >> 8 & 0xFF,
            self._picture.sizes[side], self._picture.form >> 16 & 0xFF,
        )

    @property
    def best_bid(self):
        """The best bid `Level`, or None where there is none. O(1)."""
        self._require_top()
        return self._top_level(BID)

    @property
    def best_ask(self):
        """The best ask `Level`, or None where there is none. O(1)."""
        self._require_top()
        return self._top_level(ASK)

    @property
    def best_bid_price(self):
        """float, or None where there is no bid. O(1)."""
        self._require_top()
        return self._price(BID)

    @property
    def best_ask_price(self):
        """float, or None where there is no ask. O(1)."""
        self._require_top()
        return self._price(ASK)

    @property
    def best_bid_size(self):
        """float, or None where there is no bid. O(1)."""
        self._require_top()
        return self._size(BID)

    @property
    def best_ask_size(self):
        """float, or None where there is no ask. O(1)."""
        self._require_top()
        return self._size(ASK)

    @property
    def quote(self):
        """A `Quote`: both sides, sequence, times, age and state, taken at one instant. O(1)."""
        self._require_top()
        return self._top_quote(0)

    cdef Quote _top_quote(self, int64_t skipped):
        """The quote of the top that was copied, which is LIVE."""
        cdef Quote quote = Quote.__new__(Quote)
        cdef Picture* picture = &self._picture
        cdef int side
        quote._ages = True
        quote._age = self._time() - picture.confirmed_at
        quote._lag = picture.lag
        quote._names = self._names
        quote._state = LIVE
        for side in range(2):
            quote._top.present[side] = picture.sizes[side] != 0
            quote._top.prices[side] = picture.prices[side]
            quote._top.sizes[side] = picture.sizes[side]
        quote._top.scales.price = picture.form >> 8 & 0xFF
        quote._top.scales.size = picture.form >> 16 & 0xFF
        quote._sequence = picture.sequence
        quote._exchange_time = picture.exchange_time
        quote.receive_time_ns = time_or_none(picture.receive_time)
        quote.epoch = self._epochs + picture.epoch
        quote.skipped = skipped
        return quote

    def quote_in_any_state(self, skipped=0):
        """A `Quote` that never raises: while the book is not LIVE its prices are None. O(1)."""
        cdef int64_t missed = skipped
        cdef int64_t now = self._time()
        cdef _Standing standing = self._standing(now)
        cdef Quote quote = self._make_quote(missed, max(now, self._confirmed_at))
        quote._state = standing.state
        if quote._state != LIVE:
            quote._top.present[BID] = False
            quote._top.present[ASK] = False
        return quote

    def _tops(self):
        """(how often best prices or state have changed, the state now): for who asks again and
        again whether there is a newer quote."""
        cdef int64_t tops = -1
        if self._copy(False):
            tops = self._picture.tops
        return tops, self.state

    # --- reads of anything else that look at no level ---

    @property
    def state(self):
        """The `BookState` now, deadlines and the publisher's life included. Never raises."""
        return STATES[self._standing(self._time()).state]

    @property
    def epoch(self):
        """Number of the current unbroken run; 0 before the first. Another publisher goes on where
        the one before ended."""
        self._found_live()
        return self._epoch

    @property
    def confirmed_by(self):
        """What last confirmed the book: "snapshot", "update", "heartbeat", ...; None before."""
        self._found_live()
        return self._confirmed_by

    @property
    def valid_until(self):
        """Clock time (ns) until which the book is LIVE unless confirmed again."""
        self._found_live()
        return max(min(self._ends(), load_acquire(&self._room._words[ALIVE_AT])), 0)

    @property
    def sequence(self):
        """The venue's counter after the last applied frame; None where it has none."""
        self._found_live()
        return None if self._sequence < 0 else self._sequence

    @property
    def exchange_time_ms(self):
        """The venue's stamp on the last applied frame, milliseconds since 1970, or None."""
        self._found_live()
        return None if self._exchange_time < 0 else self._exchange_time

    @property
    def receive_time_ns(self):
        """Wall-clock time of receipt of the last applied frame, or None."""
        self._found_live()
        return time_or_none(self._receive_time)

    @property
    def last_change(self):
        """`Change` bits of the last frame that changed this book."""
        self._found_live()
        return self._change

    @property
    def lag(self):
        """float, seconds by which what arrives is late; None where no stamp tells."""
        self._found_live()
        return None if self._lag == NO_LAG else self._lag / 1e9

    @property
    def stats(self):
        """dict of counters of everything that happened to the book, a quarter of a second old at
        most while its publisher is alive."""
        cdef Counters counters
        self._take_counters()
        counters = self._counters
        return counters

    cdef int _take_counters(self) except -1:
        cdef int64_t* counters = <int64_t*>&self._counters
        cdef Py_ssize_t i
        if self._slot != NULL:
            for i in range(<Py_ssize_t>(sizeof(Counters) // WORD_BYTES)):
                counters[i] = load_word(&self._slot[LINE + i])
        return 0

    # --- reads of levels: up to those that are published ---

    cdef int _require_published(self, object n) except -1:
        if n is not None and level_count(n, "n") > self._room.levels:
            raise UsageError(
                f"{n} levels of {self.symbol}, of which {self._room.levels} a side are published: "
                f"its publisher has to say publish(..., levels={n})"
            )
        return 0

    cdef bint _is_cut(self, int side) noexcept:
        """Whether the publisher has more levels than it shows."""
        if side:
            return second_of(self._picture.counts) < second_of(self._picture.lengths)
        return first_of(self._picture.counts) < first_of(self._picture.lengths)

    cdef object _beyond(self, object what):
        return UsageError(
            f"{what} of {self.symbol} reaches beyond the {self._room.levels} levels a side that are "
            "published: its publisher has to publish more"
        )

    def depth(self, n=None, *, out=None, exact=False):
        """The best `n` levels a side as a `Depth`, best first: as `Book.depth`. All by default are
        those that are published; `complete` says whether there are more. UsageError for more."""
        cdef Py_ssize_t count = level_count(n, "n")
        self._require_published(n)
        if out is not None:
            if exact:
                self._require_live()
                raise UsageError("out= takes float64 arrays; it cannot be exact")
            return self._fill_pair(count, out)
        self._require_live()
        if exact:
            return self._exact_depth(count)
        return self._array_depth(count)

    cdef object _fill_pair(self, Py_ssize_t count, object out):
        """Of plain arrays straight from where the picture lies."""
        cdef Grid bids, asks
        cdef const int64_t* source
        cdef Py_ssize_t n_bids, n_asks
        cdef int attempt
        if (
            not isinstance(out, tuple) or len(out) != 2
            or not grid_of_array(out[0], CONTIGUOUS | WRITEABLE, &bids)
            or not grid_of_array(out[1], CONTIGUOUS | WRITEABLE, &asks)
        ):
            return Book._fill_pair(self, count, out)
        for attempt in range(MOST_COPIES):
            self._require_top()
            source = self._slot + LINE + COUNTER_WORDS + FIXED_WORDS + TEXT_WORDS
            source += (self._n & 1) * self._room._picture_words
            n_bids = self._fill_side(BID, first_of(self._picture.counts), source, count, &bids)
            source += 2 * self._room.levels
            n_asks = self._fill_side(ASK, second_of(self._picture.counts), source, count, &asks)
            fence_acquire()
            if load_word(self._slot) <= 2 * self._n + 2:
                return n_bids, n_asks
            # It is being written anew. What is in the arrays is nothing, should it not be LIVE now.
            fill_nan(bids.first, 0, bids.rows)
            fill_nan(asks.first, 0, asks.rows)
        return Book._fill_pair(self, count, out)

    cdef Py_ssize_t _fill_side(
        self, int side, int64_t there, const int64_t* source, Py_ssize_t count, const Grid* grid
    ) noexcept:
        """Write the best levels of a picture, of which there are so many; how many."""
        cdef int price_scale = self._picture.form >> 8 & 0xFF
        cdef int size_scale = self._picture.form >> 16 & 0xFF
        cdef double price_unit = SIGN[side] * POW10_DOUBLE[price_scale]
        cdef double size_unit = POW10_DOUBLE[size_scale]
        cdef double price, size
        cdef int64_t key, mantissa
        cdef Py_ssize_t i
        cdef Py_ssize_t levels = min(there, self._room.levels)
        cdef Py_ssize_t filled = min(min(count, grid.rows), levels)
        # The best one is the last.
        source += 2 * (levels - 1)
        for i in range(filled):
            key = load_word(&source[-2 * i])
            mantissa = load_word(&source[1 - 2 * i])
            if -LAST_EXACT <= key <= LAST_EXACT and mantissa <= LAST_EXACT:
                price = <double>key / price_unit
                size = <double>mantissa / size_unit
            else:
                price = to_double(key * SIGN[side], price_scale)
                size = to_double(mantissa, size_scale)
            put_level(grid.first, i, price, size)
        fill_nan(grid.first, filled, grid.rows)
        return filled

    def imbalance(self, levels=1):
        """float in [-1, 1]: as `Book.imbalance`. UsageError for more levels than are published."""
        self._require_published(levels)
        return Book.imbalance(self, levels)

    def total_size(self, side, levels=None):
        """float, what rests on a side: as `Book.total_size`. UsageError where that is more than is
        published."""
        cdef int number = side_number(side)
        self._require_published(levels)
        self._require_live()
        if levels is None and self._is_cut(number):
            raise self._beyond("all")
        return Book.total_size(self, side, levels)

    def size_at(self, side, price):
        """float, the size resting at exactly that price: as `Book.size_at`. UsageError for a price
        beyond the last level that is published."""
        cdef int number = side_number(side)
        cdef Number wanted
        cdef int64_t key = -1
        cdef NumberStatus status = self._price_given(price, &wanted)
        self._require_live()
        if status == NUMBER_OK:
            key = at_scale(wanted, self._sides.scales.price)
        if key < 0:
            return 0.0
        key *= SIGN[number]
        if self._is_cut(number) and key < ladder_worst(&self._sides.ladders[number]).key:
            raise self._beyond("that price")
        return to_double(
            ladder_size(&self._sides.ladders[number], key), self._sides.scales.size
        )

    def size_within(self, side, bps, of="best"):
        """float, the cumulative size within `bps` basis points: as `Book.size_within`. UsageError
        where that reaches beyond the last level that is published."""
        cdef int number = side_number(side)
        cdef bint cut
        cdef Book copy
        self._require_live()
        cut = self._is_cut(number)
        copy = Book.__new__(Book)
        self._copy_to(copy, self._time())
        found = copy.size_within(side, bps, of)
        if cut and found is not None and found >= copy.total_size(side):
            raise self._beyond(f"{bps} bps")
        return found

    cdef object _problem(self):
        self._found_live()
        for side in range(2):
            problem = self._side_problem(side)
            if problem is not None:
                return f"{SIDE_NAMES[side]}: {problem}"
        return None


cdef inline void fill_nan(char* cells, Py_ssize_t start, Py_ssize_t end) noexcept:
    cdef Py_ssize_t i
    for i in range(start, end):
        put_level(cells, i, NAN, NAN)


cdef object text_of(const char* text, Py_ssize_t room):
    """The text in a field that zeros fill up; None: there is none."""
    cdef Py_ssize_t length = 0
    while length < room and text[length] != 0:
        length += 1
    return text[:length].decode("utf-8", "ignore") if length else None
