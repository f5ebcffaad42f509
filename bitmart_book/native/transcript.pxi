# Part of _book: what frames did to books, written down as rows of a table.
#
# A row says what changed between two looks at a book, and not what a frame said: so whoever puts
# the rows together again has the book that a reader had, whatever the channel counts, repeats,
# cuts off or leaves out. What nobody could read is in no row; that it could not be is one.

from libc.stdint cimport int8_t, int32_t, uint8_t

cdef enum:
    # Databento's names of what happened, and its flags.
    ACTION_ADD = 65  # A
    ACTION_MODIFY = 77  # M
    ACTION_CANCEL = 67  # C
    ACTION_CLEAR = 82  # R
    FLAG_LAST = 128
    FLAG_SNAPSHOT = 32
    FLAG_MAYBE_BAD = 4
    NO_SIDE = 78  # N
    MOST_TABLE_LEVELS = 1000

cdef uint8_t[2] SIDE_LETTERS = [c'B', c'A']
# What numpy takes for no time at all.

# The part of a row that every schema has; `display.history` knows it as `LINE`.
cdef struct Line:
    int64_t event_time
    int64_t receive_time
    int64_t sequence
    int64_t epoch
    int32_t book
    int32_t reason
    int8_t state
    uint8_t side
    uint8_t action
    uint8_t flags
    int32_t spare


@cython.final
cdef class _Page:
    """What a transcript has shown of one book."""

    cdef Book book
    cdef int32_t number
    # NOWHERE: nothing has been shown yet.
    cdef int state
    cdef int64_t epoch
    # The levels, best first, at these scales; the room of each side, and one to fill meanwhile.
    cdef Rung* rungs[2]
    cdef Py_ssize_t counts[2]
    cdef Py_ssize_t rooms[2]
    cdef Rung* spare
    cdef Py_ssize_t spare_room
    cdef Scales scales

    def __cinit__(self):
        self.state = NOWHERE

    def __dealloc__(self):
        free(self.rungs[BID])
        free(self.rungs[ASK])
        free(self.spare)

    cdef Rung* room(self, Py_ssize_t count) except NULL:
        """Where a side of so many levels is laid out."""
        cdef Rung* grown
        if count > self.spare_room or self.spare == NULL:
            grown = <Rung*>realloc(self.spare, <size_t>(count + 64) * sizeof(Rung))
            if grown == NULL:
                raise MemoryError
            self.spare = grown
            self.spare_room = count + 64
        return self.spare

    cdef void keep(self, int side, Py_ssize_t count) noexcept:
        """What was laid out is what is shown of that side now."""
        cdef Rung* before = self.rungs[side]
        cdef Py_ssize_t room = self.rooms[side]
        self.rungs[side] = self.spare
        self.rooms[side] = self.spare_room
        self.counts[side] = count
        self.spare = before
        self.spare_room = room

    cdef bint rescale(self, Scales wanted) noexcept:
        """Hold what is shown at the book's scales; False where that cannot be."""
        cdef int side
        cdef Py_ssize_t i
        cdef int64_t price_factor, size_factor
        if wanted.price < self.scales.price or wanted.size < self.scales.size:
            return False
        price_factor = POW10[wanted.price - self.scales.price]
        size_factor = POW10[wanted.size - self.scales.size]
        for side in range(2):
            for i in range(self.counts[side]):
                if (
                    self.rungs[side][i].key * SIGN[side] > INT64_LIMIT // price_factor
                    or self.rungs[side][i].size > INT64_LIMIT // size_factor
                ):
                    return False
        for side in range(2):
            for i in range(self.counts[side]):
                self.rungs[side][i].key *= price_factor
                self.rungs[side][i].size *= size_factor
        self.scales = wanted
        return True


@cython.final
cdef class Transcript:
    """Writes down what happens to the books of one engine: call `take` after each `apply`, and
    wherever else a state may have changed.

    levels: 0: a row for each level that changed, `action` A, M or C; before the first of them a
    row R, which says that all is forgotten, and then each level that there is. n: a row with the
    best n levels of both sides whenever one of these changed; with `mids` it has the mid and the
    spread too. In both: a row without prices whenever a book ceases to be LIVE, or was not LIVE
    when it was first seen.
    """

    cdef readonly Py_ssize_t levels
    # Numbers in a row.
    cdef readonly Py_ssize_t width
    cdef bint mids
    cdef Line* lines
    cdef double* cells
    cdef Py_ssize_t count
    cdef Py_ssize_t room
    cdef dict pages
    cdef list in_order
    cdef list names
    cdef dict reasons
    cdef Py_ssize_t known
    cdef int64_t received

    def __init__(self, levels, mids=False):
        cdef Py_ssize_t wanted = levels
        if not 0 <= wanted <= MOST_TABLE_LEVELS:
            raise UsageError(f"levels must be from 0 to {MOST_TABLE_LEVELS}, was {levels!r}")
        self.levels = wanted
        self.mids = mids and wanted != 0
        self.width = (2 if wanted == 0 else 4 * wanted) + 2 * self.mids
        self.pages = {}
        self.in_order = []
        self.names = []
        self.reasons = {}

    def __dealloc__(self):
        free(self.lines)
        free(self.cells)

    def __len__(self):
        return self.count

    def take(self, Engine engine not None, receive_time_ns=None):
        """Write down what the last `apply`, or whatever else was done, has changed.
        receive_time_ns: wall clock, or None."""
        cdef int64_t now = 0 if engine._clock is None else engine._now()
        cdef Book book
        cdef Py_ssize_t i
        self.received = given_time(receive_time_ns)
        if len(engine._books) != self.known:
            for book in engine._books.values():
                self._page(book)
            self.known = len(engine._books)
        # A frame may have made books that have no page yet; any other may have lapsed meanwhile.
        touched = engine.touched
        for book in touched:
            self._page(book)
        for i in range(len(self.in_order)):
            self._look(<_Page>self.in_order[i], now)
        for book in touched:
            self._show(self._page(book), now)

    def hole(self, reason, receive_time_ns=None):
        """Write down that something was missed, and nobody can say of which book."""
        self.received = given_time(receive_time_ns)
        cdef Line* line = self._line(None, FLAG_MAYBE_BAD | FLAG_LAST)
        line.action = ACTION_CLEAR
        line.reason = self._number_of(reason)

    def rows(self):
        """(lines, cells, books, reasons): what was written since this was asked last. The first two
        are bytes; a book is (venue, market, channel, symbol). What lines name by number are all
        that there have been."""
        cdef Py_ssize_t count = self.count
        self.count = 0
        return (
            (<char*>self.lines)[:count * <Py_ssize_t>sizeof(Line)] if count else b"",
            (<char*>self.cells)[:count * self.width * <Py_ssize_t>sizeof(double)] if count else b"",
            list(self.names),
            list(self.reasons),
        )

    cdef _Page _page(self, Book book):
        cdef _Page page = self.pages.get(book)
        if page is None:
            page = _Page.__new__(_Page)
            page.book = book
            page.number = <int32_t>len(self.names)
            self.pages[book] = page
            self.in_order.append(page)
            symbol, market, venue = book._names
            self.names.append((venue, market, book.channel, symbol))
        return page

    cdef int32_t _number_of(self, object reason) except -2:
        if reason is None:
            return -1
        return self.reasons.setdefault(reason, len(self.reasons))

    cdef int _look(self, _Page page, int64_t now) except -1:
        """Write down that a book is LIVE no more, or is so again."""
        cdef Book book = page.book
        cdef int state = book._state
        cdef Line* line
        if state == LIVE and book._lapsed_at(now):
            state = STALE
        if state == LIVE:
            if page.state != LIVE or page.epoch != book._epoch:
                self._begin(page)
            return 0
        if state == page.state:
            return 0
        page.state = state
        line = self._line(page, FLAG_MAYBE_BAD | FLAG_LAST)
        line.action = ACTION_CLEAR
        line.reason = self._number_of(book._standing(now).reason())
        return 0

    cdef int _show(self, _Page page, int64_t now) except -1:
        """Write down what has changed of a book that a frame has touched."""
        cdef Book book = page.book
        cdef int side
        cdef Py_ssize_t before = self.count
        if page.state != LIVE or book._state != LIVE or book._lapsed_at(now):
            return 0
        if self.levels:
            self._show_best(page, 0)
            return 0
        if (
            page.scales.price != book._sides.scales.price
            or page.scales.size != book._sides.scales.size
        ) and not page.rescale(book._sides.scales):
            self._begin(page)
            return 0
        for side in range(2):
            self._compare(page, side, 0)
        if self.count != before:
            self.lines[self.count - 1].flags |= FLAG_LAST
        return 0

    cdef int _begin(self, _Page page) except -1:
        """All levels of a book that is LIVE, after a row that says that this is so."""
        cdef int side
        cdef Line* line
        cdef bint broken = page.state == LIVE
        page.state = LIVE
        page.epoch = page.book._epoch
        page.scales = page.book._sides.scales
        page.counts[BID] = page.counts[ASK] = 0
        if self.levels:
            self._show_best(page, FLAG_SNAPSHOT)
        else:
            line = self._line(page, FLAG_SNAPSHOT)
            line.action = ACTION_CLEAR
            if broken:
                line.reason = self._number_of("a new run began")
            for side in range(2):
                self._compare(page, side, FLAG_SNAPSHOT)
        self.lines[self.count - 1].flags |= FLAG_LAST
        return 0

    cdef int _compare(self, _Page page, int side, int flags) except -1:
        """A row for each level of a side that is not as it was shown; it is shown now."""
        cdef const Ladder* ladder = &page.book._sides.ladders[side]
        cdef Py_ssize_t length = ladder_length(ladder), count = page.counts[side], i = 0, j
        cdef Rung* fresh = page.room(length)
        cdef const Rung* old = page.rungs[side]
        cdef Cursor cursor = best_first(ladder)
        cdef Rung rung
        for j in range(length):
            rung = next_worse(&cursor)[0]
            fresh[j] = rung
            while i < count and old[i].key > rung.key:
                self._level(page, side, ACTION_CANCEL, old[i].key, 0, flags)
                i += 1
            if i == count or old[i].key != rung.key:
                self._level(page, side, ACTION_ADD, rung.key, rung.size, flags)
                continue
            if old[i].size != rung.size:
                self._level(page, side, ACTION_MODIFY, rung.key, rung.size, flags)
            i += 1
        while i < count:
            self._level(page, side, ACTION_CANCEL, old[i].key, 0, flags)
            i += 1
        page.keep(side, length)
        return 0

    cdef int _level(
        self, _Page page, int side, int action, int64_t key, int64_t size, int flags
    ) except -1:
        cdef Line* line = self._line(page, flags)
        cdef double* cells = self.cells + 2 * (self.count - 1)
        line.side = SIDE_LETTERS[side]
        line.action = <uint8_t>action
        cells[0] = to_double(key * SIGN[side], page.scales.price)
        cells[1] = to_double(size, page.scales.size)
        return 0

    cdef int _show_best(self, _Page page, int flags) except -1:
        """A row with the best levels, unless they are as they were shown."""
        cdef const Ladder* ladder
        cdef Cursor cursor
        cdef Rung* fresh
        cdef Py_ssize_t count[2]
        cdef Py_ssize_t i
        cdef int side
        cdef bint same = flags == 0
        cdef Scales scales = page.book._sides.scales
        cdef double* cells
        cdef Top top
        same = same and page.scales.price == scales.price and page.scales.size == scales.size
        page.scales = scales
        for side in range(2):
            ladder = &page.book._sides.ladders[side]
            count[side] = min(self.levels, ladder_length(ladder))
            fresh = page.room(self.levels)
            cursor = best_first(ladder)
            for i in range(count[side]):
                fresh[i] = next_worse(&cursor)[0]
            same = same and count[side] == page.counts[side] and (
                count[side] == 0
                or memcmp(fresh, page.rungs[side], <size_t>count[side] * sizeof(Rung)) == 0
            )
            page.keep(side, count[side])
        if same:
            return 0
        self._line(page, flags | FLAG_LAST)
        cells = self.cells + self.width * (self.count - 1)
        for side in range(2):
            for i in range(count[side]):
                cells[4 * i + side] = to_double(
                    page.rungs[side][i].key * SIGN[side], scales.price
                )
                cells[4 * i + 2 + side] = to_double(page.rungs[side][i].size, scales.size)
        if self.mids and count[BID] and count[ASK]:
            sides_top(&page.book._sides, &top)
            cells[self.width - 2] = mid_of(&top)
            cells[self.width - 1] = spread_of(&top)
        return 0

    cdef Line* _line(self, _Page page, int flags) except NULL:
        """The next row: without prices, of a book or of nobody knows which."""
        cdef Line* line
        cdef double* cells
        cdef Py_ssize_t i
        if self.count == self.room:
            self._grow()
        line = &self.lines[self.count]
        memset(line, 0, sizeof(Line))
        line.event_time = NO_TIME
        line.receive_time = self.received
        line.sequence = line.book = line.reason = line.state = -1
        line.side = NO_SIDE
        line.flags = <uint8_t>flags
        if page is not None:
            line.book = page.number
            line.state = <int8_t>page.state
            line.sequence = page.book._sequence
            line.epoch = page.book._epoch
            if page.book._exchange_time >= 0:
                line.event_time = page.book._exchange_time * 1_000_000
        cells = self.cells + self.width * self.count
        for i in range(self.width):
            cells[i] = NAN
        self.count += 1
        return line

    cdef int _grow(self) except -1:
        cdef Py_ssize_t room = 1024 if self.room == 0 else 2 * self.room
        cdef Line* lines = <Line*>realloc(self.lines, <size_t>room * sizeof(Line))
        cdef double* cells
        if lines == NULL:
            raise MemoryError
        self.lines = lines
        cells = <double*>realloc(
            self.cells, <size_t>room * <size_t>self.width * sizeof(double)
        )
        if cells == NULL:
            raise MemoryError
        self.cells = cells
        self.room = room
        return 0
