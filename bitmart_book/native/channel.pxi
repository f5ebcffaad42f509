# Part of _book: a channel as the compiled code wants it, and which books there are of it.


@cython.final
cdef class _Channel:
    """A channel descriptor as the compiled code wants it, with the engine's books of it."""

    def __init__(self, profile, channel):
        self.market = profile.market
        self.guard_age = guard_age_of(profile, channel)
        self.stamped_at_send = channel.stamped_at_send
        self.name = channel.name
        self.kind = {"sequenced": ITEM_UPDATE, "full": ITEM_FULL, "one-sided": ITEM_SIDE}[
            channel.kind
        ]
        self.window = channel.window
        self.window_kept = channel.window_kept
        self.unit = channel.unit
        self.empty_advances = channel.empty_advances
        self.bids = channel.bids
        self.asks = channel.asks
        self.price = channel.price
        self.size = channel.size
        self.sequence = channel.sequence
        self.time = channel.time
        self.type = channel.type
        self.side = channel.side
        self.levels = channel.levels
        self.books = {}
        self.words = words_of(self)

    def __dealloc__(self):
        free(self.seats)

    cdef int seat_books(self) except -1:
        """Note which books there are; after every change of `books`."""
        cdef Book book
        cdef Seat* seats
        cdef size_t size = 8
        cdef Py_ssize_t length
        cdef const char* symbol
        while size < <size_t>len(self.books) * 2:
            size *= 2
        seats = <Seat*>calloc(size, sizeof(Seat))
        if seats == NULL:
            raise MemoryError
        free(self.seats)
        self.seats = seats
        self.n_seats = size
        self.last_book = NULL
        for book in self.books.values():
            # The text lives as long as the symbol, and that as long as the book.
            symbol = PyUnicode_AsUTF8AndSize(book.symbol, &length)
            place = hash_text(symbol, length) & (size - 1)
            while seats[place].book != NULL:
                place = (place + 1) & (size - 1)
            seats[place].symbol = symbol
            seats[place].length = length
            seats[place].book = <void*>book
        return 0

    cdef void* find(self, const char* symbol, Py_ssize_t length) noexcept:
        """The book of a symbol, borrowed; NULL where there is none."""
        cdef size_t place
        cdef Seat* seat
        if (
            self.last_book != NULL and self.last_length == length
            and memcmp(self.last_symbol, symbol, <size_t>length) == 0
        ):
            return self.last_book
        if self.seats == NULL:
            return NULL
        place = hash_text(symbol, length) & (self.n_seats - 1)
        while self.seats[place].book != NULL:
            seat = &self.seats[place]
            if seat.length == length and memcmp(seat.symbol, symbol, <size_t>length) == 0:
                self.last_book = seat.book
                self.last_symbol = seat.symbol
                self.last_length = length
                return seat.book
            place = (place + 1) & (self.n_seats - 1)
        return NULL


cdef inline size_t hash_text(const char* text, Py_ssize_t length) noexcept nogil:
    """Eight bytes at a time; the longest symbols have sixty-four."""
    cdef uint64_t mixed = <uint64_t>length * 0x9E3779B97F4A7C15u, part
    while length > 0:
        part = 0
        memcpy(&part, text, <size_t>min(length, 8))
        mixed = (mixed ^ part) * 0x9E3779B97F4A7C15u
        mixed ^= mixed >> 32
        text += 8
        length -= 8
    return <size_t>mixed


cdef uint64_t packed(object word) except? 0:
    """A key as the scanner compares it. UsageError for one that it could not."""
    cdef bytes text = word.encode("ascii")
    if not 0 < len(text) <= LONGEST_WORD:
        raise UsageError(f"a key of a channel must have 1 to {LONGEST_WORD} characters, was {word!r}")
    return pack_word(<const char*>text, len(text))


cdef Words words_of(_Channel channel):
    """The keys that matter to a channel of its kind; others are passed over."""
    cdef Words words
    memset(&words, 0, sizeof(words))
    words.kind = channel.kind
    words.price = packed(channel.price)
    words.size = packed(channel.size)
    words.time = packed(channel.time)
    if channel.kind == ITEM_SIDE:
        words.side = packed(channel.side)
        words.levels = packed(channel.levels)
    else:
        words.bids = packed(channel.bids)
        words.asks = packed(channel.asks)
    if channel.kind == ITEM_UPDATE:
        words.sequence = packed(channel.sequence)
        words.type = packed(channel.type)
    return words
