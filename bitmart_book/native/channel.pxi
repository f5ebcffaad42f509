# Part of _book: a channel as the compiled code wants it, and which books there are of it.


@cython.final
cdef class _Channel:
    """A channel descriptor as the compiled code wants it, with the engine's books of it."""

    def __init__(self, profile, channel):
        self.profile = profile
        self.venue = profile.venue
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
        self.symbol = channel.symbol
        self.contracts = channel.contracts
        self.outer_type = channel.outer_type
        self.outer_time = channel.outer_time
        self.snapshot_word = channel.snapshot_word
        self.update_word = channel.update_word
        self.rule = {
            "next": RULE_NEXT, "chain": RULE_CHAIN, "range": RULE_RANGE, "none": RULE_NONE,
        }[channel.rule]
        linked = self.kind == ITEM_UPDATE and self.rule in (RULE_CHAIN, RULE_RANGE)
        self.previous = channel.previous if linked else None
        self.replaces = channel.replaces
        self.depth = channel.depth
        self.proven = MOST_COUNT if channel.proven_levels is None else channel.proven_levels
        self.checksum = None
        if channel.checksum is not None and self.kind == ITEM_UPDATE:
            self.checksum = channel.checksum.key
            self.sum = sum_rule_of(channel.checksum)
        self.books = {}
        self.words = words_of(self, profile, channel)

    def __dealloc__(self):
        free(self.seats)

    cdef int seat(self, Book book) except -1:
        """Let that book be found by the text of its symbol. A quarter of the seats are taken at
        least once there are some, and a half at most."""
        cdef Seat* seats
        cdef Seat* before = self.seats
        cdef size_t size, i
        if self.n_seated * 2 >= self.n_seats:
            size = self.n_seats * 2 if self.n_seats != 0 else 8
            seats = <Seat*>calloc(size, sizeof(Seat))
            if seats == NULL:
                raise MemoryError
            for i in range(self.n_seats):
                if before[i].book != NULL:
                    free_seat(seats, size, before[i].symbol, before[i].length)[0] = before[i]
            self.seats = seats
            self.n_seats = size
            free(before)
        cdef Seat taken
        # The text lives as long as the symbol, and that as long as the book.
        taken.symbol = PyUnicode_AsUTF8AndSize(book.symbol, &taken.length)
        taken.book = <void*>book
        free_seat(self.seats, self.n_seats, taken.symbol, taken.length)[0] = taken
        self.n_seated += 1
        return 0

    cdef int unseat(self, Book book) except -1:
        """Let it be found no more. Those behind it that had to pass its seat move up."""
        cdef size_t last = self.n_seats - 1
        cdef size_t place, other, first
        cdef Py_ssize_t length
        cdef const char* symbol = PyUnicode_AsUTF8AndSize(book.symbol, &length)
        self.last_book = NULL
        place = hash_text(symbol, length) & last
        while self.seats[place].book != <void*>book:
            if self.seats[place].book == NULL:
                return 0
            place = (place + 1) & last
        other = (place + 1) & last
        while self.seats[other].book != NULL:
            first = hash_text(self.seats[other].symbol, self.seats[other].length) & last
            if ((other - first) & last) >= ((other - place) & last):
                self.seats[place] = self.seats[other]
                place = other
            other = (other + 1) & last
        memset(&self.seats[place], 0, sizeof(Seat))
        self.n_seated -= 1
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


cdef inline Seat* free_seat(
    Seat* seats, size_t size, const char* symbol, Py_ssize_t length
) noexcept nogil:
    """Where a book of that symbol is to be seated, which is not there yet."""
    cdef size_t place = hash_text(symbol, length) & (size - 1)
    while seats[place].book != NULL:
        place = (place + 1) & (size - 1)
    return &seats[place]


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
    if not 0 < len(text) <= LONGEST_KEY:
        raise UsageError(f"a key of a channel must have 1 to {LONGEST_KEY} characters, was {word!r}")
    return pack_word(<const char*>text, len(text))


cdef SumRule sum_rule_of(object checksum):
    cdef SumRule rule
    if not 0 < checksum.levels <= MOST_SUMMED:
        raise UsageError(f"a checksum covers 1 to {MOST_SUMMED} levels, was {checksum.levels!r}")
    rule.levels = checksum.levels
    rule.text = {"digits": SUM_DIGITS, "padded": SUM_PADDED, "stripped": SUM_STRIPPED}[checksum.text]
    rule.interleaved = checksum.interleaved
    rule.joint = ord(checksum.joint) if checksum.joint else 0
    return rule


cdef Words words_of(_Channel channel, object profile, object described):
    """The keys that matter to a channel of its kind; others are passed over."""
    cdef Words words
    memset(&words, 0, sizeof(words))
    words.kind = channel.kind
    words.data = packed(profile.framing.data_key)
    words.symbol = packed(channel.symbol)
    words.price = packed(channel.price)
    words.size = packed(channel.size)
    words.stamp = {"ms": STAMP_MS, "ns": STAMP_NS, "text": STAMP_TEXT}[described.clock]
    words.skipped = described.before_price
    words.longer = described.longer
    if channel.outer_time:
        words.outer_time = packed(channel.time)
    else:
        words.time = packed(channel.time)
    if channel.kind == ITEM_SIDE:
        words.side = packed(channel.side)
        words.levels = packed(channel.levels)
    else:
        words.bids = packed(channel.bids)
        words.asks = packed(channel.asks)
    if channel.kind == ITEM_UPDATE or channel.outer_type:
        words.snapshot = packed(channel.snapshot_word)
        words.update = packed(channel.update_word)
        if channel.outer_type:
            words.outer_type = packed(channel.type)
        else:
            words.type = packed(channel.type)
    if channel.kind == ITEM_UPDATE and channel.rule != RULE_NONE:
        words.sequence = packed(channel.sequence)
    if channel.previous:
        words.previous = packed(channel.previous)
    if channel.checksum:
        words.checksum = packed(channel.checksum)
        words.noted = channel.sum.text != SUM_STRIPPED
    return words


@cython.final
cdef class _Table:
    """Which channels the frames of some profiles may be of, as the scanner and the general decoder
    look for them."""

    def __init__(self, profiles, channels):
        self.profiles = tuple(profiles)
        self.channels = channels
        self.names = []
        self.channels_in_bytes = []
        self.envelopes = []
        keys = set()
        for profile in self.profiles:
            self.n_routes += len(profile.books)
        self.routes = <Route*>calloc(<size_t>self.n_routes + 1, sizeof(Route))
        if self.routes == NULL:
            raise MemoryError
        self.n_routes = 0
        for profile in self.profiles:
            self._add_key(profile)
            for described in profile.books:
                self._add_route(profile, described, channels[described.name])
                keys.add(described.symbol)
            wires = [profile.framing.wire_name(described) for described in profile.books]
            self.shares |= len(set(wires)) < len(wires)
            # Where a text names the channel as we do, it can be taken apart at once.
            is_plain = (
                profile.framing.argument is None and profile.framing.separator == ":"
                and not any(described.wire for described in profile.books)
            )
            self.envelopes.append((
                profile, profile.framing.channel_key,
                profile.framing.channel_prefix if is_plain else None,
                profile.framing.symbol_key, frozenset(profile.channels),
            ))
            framing = profile.framing
            key = framing.channel_key if framing.argument is None else framing.argument[0]
            self.channels_in_bytes.append((profile, re.compile(
                b'"%b"[ \\t\\n\\r\\f\\v]*:[ \\t\\n\\r\\f\\v]*"([^"\\\\]{1,400})"' % key.encode()
            )))
            if profile.framing.argument is not None:
                keys.add(profile.framing.argument[1])
        # Symbols of the wire are taken verbatim; refused is only what could not be told apart in a
        # topic or a log line. What a user may ask for is the venue's business, and narrower.
        self.symbols_in_bytes = re.compile(
            b'"(?:%b)"[ \\t\\n\\r\\f\\v]*:[ \\t\\n\\r\\f\\v]*"([^"\\\\]{1,256})"'
            % b"|".join(re.escape(key.encode()) for key in sorted(keys | {"symbol"}))
        )

    def __dealloc__(self):
        free(self.routes)

    cdef int _add_key(self, object profile) except -1:
        """Note a key that names channels. Of two shapes of one key the first is scanned."""
        cdef uint64_t key = packed(profile.framing.channel_key), channel = 0, symbol = 0
        cdef Py_ssize_t i
        if profile.framing.argument is not None:
            channel = packed(profile.framing.argument[0])
            symbol = packed(profile.framing.argument[1])
        for i in range(self.n_keys):
            if self.keys[i].key == key:
                return 0
        if self.n_keys == MOST_TOPIC_KEYS:
            raise UsageError(f"more than {MOST_TOPIC_KEYS} keys that name a channel")
        self.keys[self.n_keys].key = key
        self.keys[self.n_keys].channel = channel
        self.keys[self.n_keys].symbol = symbol
        self.n_keys += 1
        return 0

    cdef int _add_route(self, object profile, object described, _Channel channel) except -1:
        cdef bytes name = profile.framing.wire_name(described).encode("ascii")
        cdef Route* route = &self.routes[self.n_routes]
        cdef Route* other
        cdef Py_ssize_t i
        self.names.append(name)
        route.key = packed(profile.framing.channel_key)
        route.symbol_key = 0 if profile.framing.symbol_key is None else packed(profile.framing.symbol_key)
        route.name = <const char*>name
        route.length = len(name)
        route.separator = <char>ord(profile.framing.separator)
        route.words = channel.words
        route.channel = <void*>channel
        route.other = -1
        for i in range(self.n_routes):
            other = &self.routes[i]
            if (
                other.key == route.key and other.length == route.length
                and memcmp(other.name, route.name, <size_t>route.length) == 0
            ):
                if (
                    memcmp(&other.words, &route.words, sizeof(Words)) != 0
                    or other.separator != route.separator or other.symbol_key != route.symbol_key
                ):
                    # They look alike and mean something else.
                    other.mixed = route.mixed = True
                if other.other < 0:
                    other.other = self.n_routes
                    break
        self.n_routes += 1
        return 0

    cdef void _remember_tail(
        self, const char* text, Py_ssize_t length, Span topic, Span name
    ) noexcept:
        """The frame has been read; if nothing but its topic stands behind its last comma, note
        how it ends."""
        cdef const char* p = topic.text - 1
        while p > text and p[0] != c',' and topic.text - p < 24:
            p -= 1
        self.tail_length = text + length - (p + 1)
        if p[0] != c',' or p[1] != c'"' or self.tail_length > MOST_TAIL:
            self.tail_length = 0
            return
        if topic.text + topic.length + 2 != text + length:
            # Blanks at the end, or something else than the topic.
            self.tail_length = 0
            return
        memcpy(self.tail, p + 1, <size_t>self.tail_length)
        self.tail_topic = topic.text - (p + 1)
        self.tail_topic_length = topic.length
        self.tail_name_length = name.length

    cdef Route* _find_route(self, uint64_t key, Span topic, Span* name) noexcept:
        """The channel that a topic begins with, the first of those of one name; `name` is that
        beginning."""
        cdef Py_ssize_t i
        cdef Route* route
        name[0] = topic_name(topic)
        for i in range(-1, self.n_routes):
            # Mostly it is the channel of the frame before.
            route = &self.routes[self.last_route if i < 0 else i]
            if route.key != key:
                continue
            if route.separator == c':':
                if route.length != name.length:
                    continue
            elif route.length >= topic.length or topic.text[route.length] != route.separator:
                continue
            if memcmp(route.name, topic.text, <size_t>route.length) == 0:
                name.length = route.length
                self.last_route = route - self.routes
                return route
        return NULL
