# Part of _book: one book, shown to other processes.
#
# A publication is a watcher: behind each frame that changed something of its book, and whenever the
# book is not LIVE any more, it draws a picture in memory of its own and copies it to where the
# others look. A feed that publishes nothing has no such watcher, and pays nothing.

# All that a frame can do to a book, but trades, which are none of its business.
cdef int SHOWN_CHANGES = (
    SNAPSHOT_BIT | LEVELS_BIT | TOP_BIT | HEARTBEAT_BIT | DUPLICATE_BIT | GAP_BIT | BUFFERED_BIT
    | CROSSED_BIT
)


cdef inline int64_t copy_out(
    int64_t* target, const int64_t* source, Py_ssize_t count, int64_t stores
) noexcept:
    """Store so many words, but no more than `stores`; how many stores are left."""
    cdef Py_ssize_t i
    if count > stores:
        count = stores
    for i in range(count):
        store_word(&target[i], source[i])
    return stores - count


cdef inline int64_t copy_side(
    int64_t* target, const Ladder* ladder, Py_ssize_t levels, int64_t stores
) noexcept:
    """Store the best levels of a side as they lie in a ladder, the best one last: one word after
    the other, but no more than `stores`; how many stores are left."""
    cdef Cursor cursor = best_first(ladder)
    cdef const Rung* rung
    cdef Py_ssize_t place = 2 * min(levels, ladder_length(ladder))
    while place and stores >= 2:
        place -= 2
        rung = next_worse(&cursor)
        store_word(&target[place], rung.key)
        store_word(&target[place + 1], rung.size)
        stores -= 2
    if place and stores == 1:
        store_word(&target[place - 2], next_worse(&cursor).key)
        stores = 0
    return 0 if place else stores


cdef int64_t text_into(int64_t* words, Py_ssize_t room, object text) noexcept:
    """Write the UTF-8 of a text, as much as there is room for; how many bytes."""
    cdef const char* bytes_of = NULL
    cdef Py_ssize_t length = 0
    if text is None:
        return 0
    try:
        bytes_of = PyUnicode_AsUTF8AndSize(text, &length)
    except Exception:
        # Not a text, or none that can be written: what it says is lost, and not that it is so.
        return 0
    length = min(length, room * WORD_BYTES)
    memcpy(words, bytes_of, <size_t>length)
    return length


cdef int64_t time_or_never(object time) noexcept:
    """A time that may be None, or, where users gave it, anything."""
    cdef int overflow = 0
    cdef int64_t number
    if not PyLong_CheckExact(time):
        return NEVER
    number = PyLong_AsLongLongAndOverflow(time, &overflow)
    return NEVER if overflow else number


@cython.final
cdef class Publication(Watcher):
    """Shows one book in a slot of a room. One slot may show one book after the other."""

    cdef Room _room
    cdef int64_t* _slot
    cdef int64_t _n
    cdef int64_t _epochs
    cdef Picture _picture
    cdef int64_t[TEXT_WORDS] _text
    cdef object _by
    cdef object _reason

    def __cinit__(self):
        self._always = True

    def __init__(self, Room room not None, index):
        room._require_writable()
        self._room = room
        self._slot = room.slot(index)

    def show(self, Book book not None):
        """Show that book from now on, whatever happens to it."""
        if book._clock_kind == CLOCK_NONE:
            raise UsageError(f"{book!r} has no clock, so nobody would see when it is out of date")
        if book._publication is not None:
            raise UsageError(f"{book!r} is published already")
        if self.book is not None:
            self.hide()
        # What one book has told is never taken for what the next one tells.
        self._epochs = self._picture.epoch
        self._attach(book, SHOWN_CHANGES)
        book._publication = self
        self._publish(book, ALL_STORES)

    def hide(self):
        """The book is another's business from now on; the last picture stays."""
        if self.book is not None:
            self.book._publication = None
        self.cancel()

    def refresh(self):
        """Show what no frame tells of: a connection that was heard, a reason that is another; and
        how often what has happened. Whether there is a book still."""
        cdef Book book = self.book
        if book is None:
            return False
        self._publish(book, ALL_STORES)
        self._count(book)
        return True

    def _publish_until(self, Book book not None, stores):
        """Show a book and be interrupted after so many stores, for tests. Whether all were made."""
        cdef int64_t before = self._n
        self._publish(book, stores)
        return self._n != before

    cdef void changed(self, Book book, int change) noexcept:
        self._publish(book, ALL_STORES)
        self._room._beat(book._shared.now)

    cdef void lost(self, Book book) noexcept:
        self._publish(book, ALL_STORES)

    cdef void _count(self, Book book) noexcept:
        """Statistics: each number by itself, as nobody adds them up to decide anything."""
        copy_out(
            self._slot + LINE, <int64_t*>&book._counters, sizeof(Counters) // WORD_BYTES, ALL_STORES
        )

    cdef void _publish(self, Book book, int64_t stores) noexcept:
        """Draw the book as it is and show that, in so many stores at most."""
        cdef int64_t* target
        cdef int64_t n = self._n + 1
        cdef Py_ssize_t levels = self._room.levels
        self._draw(book)
        if stores <= 0:
            return
        target = self._slot + LINE + COUNTER_WORDS + (n & 1) * self._room._picture_words
        store_word(self._slot, 2 * n - 1)
        fence_release()
        stores -= 1
        stores = copy_out(target, <int64_t*>&self._picture, FIXED_WORDS, stores)
        target += FIXED_WORDS
        stores = copy_out(
            target, self._text, (self._picture.text_length + WORD_BYTES - 1) // WORD_BYTES, stores
        )
        target += TEXT_WORDS
        stores = copy_side(target, &book._sides.ladders[BID], levels, stores)
        stores = copy_side(target + 2 * levels, &book._sides.ladders[ASK], levels, stores)
        if stores <= 0:
            return
        store_release(self._slot, 2 * n)
        self._n = n

    cdef void _draw(self, Book book) noexcept:
        cdef Picture* picture = &self._picture
        cdef _Line line = book._line
        cdef Top top
        cdef int side
        cdef Py_ssize_t bids, asks
        cdef int64_t form = packed_form(book._state, &book._sides.scales)
        cdef object reason = book._reason, since = book._since
        sides_top(&book._sides, &top)
        picture.tops += (
            form != picture.form or top.prices[BID] != picture.prices[BID]
            or top.prices[ASK] != picture.prices[ASK] or top.sizes[BID] != picture.sizes[BID]
            or top.sizes[ASK] != picture.sizes[ASK]
        )
        picture.form = form
        for side in range(2):
            picture.prices[side] = top.prices[side]
            picture.sizes[side] = top.sizes[side]
            picture.known_from[side] = book._sides.ladders[side].known_from
        picture.deadline = book._deadline
        picture.line_deadline = NEVER
        picture.line_valid_for = NEVER
        picture.held = False
        if line is not None:
            picture.line_deadline = line.deadline
            picture.line_valid_for = line.valid_for
            if line.deadline == HELD and book._state == LIVE:
                picture.held = True
                reason, since = line.reason, line.held_at
        picture.sequence = book._sequence
        picture.confirmed_at = book._confirmed_at
        picture.epoch = self._epochs + book._epoch
        picture.exchange_time = book._exchange_time
        picture.receive_time = book._receive_time
        picture.lag = book._lag
        picture.valid_for = book._valid_for
        picture.since = time_or_never(since)
        picture.change = book._change
        if reason is not self._reason:
            picture.text_length = text_into(self._text, TEXT_WORDS, reason)
            self._reason = reason
        if book._confirmed_by is not self._by:
            memset(picture.by, 0, sizeof(picture.by))
            text_into(picture.by, BY_WORDS_LONG, book._confirmed_by)
            self._by = book._confirmed_by
        bids = ladder_length(&book._sides.ladders[BID])
        asks = ladder_length(&book._sides.ladders[ASK])
        picture.lengths = pair(bids, asks)
        picture.counts = pair(min(bids, self._room.levels), min(asks, self._room.levels))
