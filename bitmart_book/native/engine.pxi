# Part of _book: raw frames to the books they belong to.
#
# Decodes, routes and names; what an item does to a book is the book's business.


cdef tuple split_topic(object topic):
    """Channel and symbol of a raw topic. The speed behind an @ is no part of the book: the server
    may echo another one than was asked for."""
    channel, _, symbol = topic.partition("@")[0].partition(":")
    return channel, symbol


cdef bint is_overfull(object frame) except -1:
    """Whether a frame has more values than its levels could need."""
    if not isinstance(frame, str):
        text = frame if isinstance(frame, (bytes, bytearray)) else bytes(frame)
        return text.count(b",") > MAX_COMMAS or text.count(b"{") > MAX_OBJECTS
    return frame.count(",") > MAX_COMMAS or frame.count("{") > MAX_OBJECTS


cdef class Engine:
    """Turns raw frames into books: one call for any frame of any market and symbol.

    A book is made when its first well-formed frame arrives (at most `max_books` of them), unless
    `only_known` says that only books made beforehand by `book()` are wanted.
    With `scan=False` every frame takes the general decoder: the same answers, several times slower.
    An empty snapshot of a market that has shown no levels makes a book LIVE only for as long as it
    is empty; with `trust_empty=True`, which is for recordings, also what is built on it.
    `engine["BTC_USDT"]` is the sequenced book of a symbol, `engine["spot/depth5:BTC_USDT"]` the
    book of any topic. `clock`, `valid_for` and `max_levels` are those of its books.

    `venue` is one of `bb.venues()`, a `bb.Venue`, or a tuple of these; BitMart where none is said.
    Of several, a bare symbol says its venue: `engine["kraken:BTC/USD"]`. Where frames of several
    channels look alike, their connection says which it is (`open_line`, `assign`); without one, it
    is that of the book of the symbol that there is, else the one that an acknowledgement named,
    else the smallest that holds the snapshot.

    Frames: apply; of the last one: touched, trades, message. What there is: book, get, books, venue,
    stats.
    What it is told of connections: open_line, line, hold, release, set_floor, forget_generation; of
    a book: assign, expect, acknowledge, confirm, invalidate, close_book; of time: look; of the end of
    a recording: finish.
    What it is asked of a book: updates, changes_told, runs_short, goes_back; before a call that
    changes what there is: require_quiet.

    >>> engine = bb.Engine()
    >>> row = '"symbol":"BTC_USDT","type":"snapshot","version":4,"ms_t":1698292343610'
    >>> sides = '"bids":[["23105","1.8"]],"asks":[["23200","0.7"]]'
    >>> change = engine.apply(f'{{"table":"spot/depth/increase100","data":[{{{row},{sides}}}]}}')
    >>> bool(change & bb.Change.TOP), engine["BTC_USDT"].best_ask
    (True, Level(price=23200.0, size=0.7))
    """

    __signature__ = _Signature(
        "venue=None, *, clock=None, valid_for=9.5, max_levels=DEFAULT_MAX_LEVELS, "
        "max_books=DEFAULT_MAX_BOOKS, max_frame_bytes=DEFAULT_MAX_FRAME_BYTES, "
        "book_type=Book, only_known=False, scan=True, trust_empty=False"
    )

    def __init__(
        self, venue=None, *, clock=None, valid_for=9.5, max_levels=DEFAULT_MAX_LEVELS,
        max_books=DEFAULT_MAX_BOOKS, max_frame_bytes=DEFAULT_MAX_FRAME_BYTES, book_type=Book,
        only_known=False, scan=True, trust_empty=False,
    ):
        self.venue = find_venue(venue)
        self._routes = {}
        self._trade_routes = {}
        for profile in self.venue.profiles:
            for channel in profile.books:
                self._routes[channel.name] = _Channel(profile, channel)
            for channel in profile.streams:
                if channel.trades:
                    self._trade_routes[channel.name] = (profile.market, channel)
        self._tables = {}
        self._table = self._table_of(self.venue.profiles)
        self._told = {}
        self._settled = {}
        self._only_known = only_known
        self._scans = scan
        self._trusts_empty = trust_empty
        self._lines = {}
        self._heard = NEVER
        # A floor is the difference of two clocks: who reads another clock has other floors.
        self._hosts = MACHINE_HOSTS if isinstance(clock, str) else {}
        self._last_trades = ()
        self._books = {}
        self._by_symbol = {}
        self._also_touched = []
        if not (clock is None or clock == "monotonic" or callable(clock)):
            raise UsageError(f'clock must be None, "monotonic" or a callable, was {clock!r}')
        self._clock = clock
        self._valid_for = seconds_to_ns(valid_for)
        if not (isinstance(book_type, type) and issubclass(book_type, Book)):
            raise UsageError(f"book_type must be a kind of Book, was {book_type!r}")
        self._book_type = book_type
        self._max_levels = level_limit(max_levels)
        self._max_books = counter(max_books, "max_books")
        self._max_frame = max_frame_bytes
        self._scratch = _Scratch()
        self._shared = _Shared()
        self._process = process_generation

    def __reduce__(self):
        raise TypeError("an Engine cannot be pickled or copied")

    cdef _Table _table_of(self, object profiles):
        """What frames of these profiles may be of."""
        key = tuple(profile.endpoint for profile in profiles)
        if key not in self._tables:
            self._tables[key] = _Table(profiles, self._routes)
        return self._tables[key]

    cdef _Table _table_for(self, int64_t generation):
        """What a frame of that connection may be of."""
        cdef _Line line
        if generation != 0:
            line = self._line(generation)
            if line.table is not None:
                return line.table
        return self._table

    # --- writing ---

    def apply(self, frame, receive_time_ns=None, *, generation=0, heard_ns=None):
        """Apply one raw frame; returns `Change` bits, the union over the books it changed.

        frame: bytes, bytearray, memoryview or str, already inflated. receive_time_ns: wall clock
        at receipt, kept for readers. generation: number of the connection the frame came on;
        frames of an older connection of the same book are refused, the first one of a newer
        connection makes the book wait for a snapshot; 0 says nothing. heard_ns: when the frame was
        heard, by the engine's clock, where that was earlier.

        Raises MessageError for a frame that is not of the documented shape: no level has changed,
        and if its book can be named and is sequenced, that book is in GAP.
        """
        cdef int64_t received = given_time(receive_time_ns)
        if heard_ns is not None:
            self._heard = heard_ns
        # Whoever watches a book is told once, after all of the frame, be it good or bad.
        try:
            return self._apply(frame, received, generation, None)
        finally:
            if heard_ns is not None:
                self._heard = NEVER
            if self._shared.concerned:
                self._tell()

    cdef int _tell(self) except -1:
        """Tell who wants to hear what the frame did; a frame that concerns nobody costs nothing."""
        cdef Book book
        self._shared.concerned = False
        self._scratch.busy = self._scratch.telling = True
        if self._touched is not None and self._touched._change & self._touched._wanted:
            self._touched._tell_watchers(self._touched._change)
        if PyList_GET_SIZE(self._also_touched):
            for book in self._also_touched:
                if book._change & book._wanted:
                    book._tell_watchers(book._change)
        if PyList_GET_SIZE(self._shared.pending):
            self._tell_states()
        self._scratch.busy = self._scratch.telling = False
        return 0

    cdef int _tell_states(self) except -1:
        """Tell of the states that have changed in a write that is over."""
        cdef _Shared shared = self._shared
        cdef _Scratch scratch = self._scratch
        cdef bint was_busy = scratch.busy, was_telling = scratch.telling
        cdef Book book
        if not shared.pending:
            return 0
        scratch.busy = scratch.telling = True
        while shared.pending:
            book = shared.pending.pop(0)
            book._tell_watchers(0)
        scratch.busy = was_busy
        scratch.telling = was_telling
        shared.concerned = False
        return 0

    cdef int _tell_line(self, _Line line) except -1:
        """A connection is held, or no more: what can be read of its books has changed."""
        cdef Book book
        if self._shared.watched:
            self._shared.now = self._now()
            for book in tuple(self._books.values()):
                if book._line is line and book._watch is not None:
                    book._note()
            self._tell_states()
        return 0

    def require_quiet(self):
        """Raises UsageError while a watcher is being told of a book: nothing may be written."""
        self._shared.require_quiet()

    def look(self):
        """Tell whoever watches a book that has ceased to be LIVE by itself, its deadline being
        over: for who has a clock. Returns the clock time (ns) of the next deadline of a book that
        is watched; None where there is none."""
        cdef Book book
        cdef int64_t next = NEVER
        if self._shared.watched == 0 or self._clock is None or self._shared.telling:
            return None
        self._shared.now = self._now()
        for book in tuple(self._books.values()):
            if book._watch is None:
                continue
            book._tell_watchers(0)
            if book._is_live_at(self._shared.now) and book._deadline != NEVER:
                next = min(next, book._ends())
        return None if next == NEVER else next

    @cython.final
    cdef int _begin(self, int64_t generation) except -1:
        """What comes before every frame, and may be done twice for one."""
        cdef int64_t now = 0
        if self._process != process_generation:
            raise FeedClosed(
                "the engine belongs to the process that made it; this is a forked child"
            )
        # The clock may be anybody's code: before anything is begun.
        if self._clock is not None:
            now = self._now()
            self._shared.now = now
            now = min(now, self._heard)
        self._scratch.clear()
        self._scratch.now = now
        self._touched = None
        if self._also_touched:
            self._also_touched = []
        if self._last_trades:
            self._last_trades = ()
        if generation != 0:
            self._line(generation)._hear(self._scratch.now)
        return 0

    cdef int take(
        self, const char* text, Py_ssize_t length, int64_t receive_time, int64_t generation
    ) except -1:
        cdef int change
        self._begin(generation)
        if not self._scans or length > self._max_frame:
            return NOT_SCANNED
        self._frames += 1
        try:
            change = self._scan(text, length, receive_time, generation, None)
        finally:
            if self._shared.concerned:
                self._tell()
        if change == NOT_SCANNED:
            self._frames -= 1
        return change

    cdef int _apply(
        self, object frame, int64_t receive_time, int64_t generation, Book only
    ) except -1:
        cdef Py_ssize_t length
        cdef int change
        # First what is most frequent: these tests are in the way of every frame.
        cdef bint is_bytes = isinstance(frame, bytes)
        self._begin(generation)
        self._frames += 1
        if is_bytes:
            length = PyBytes_GET_SIZE(frame)
        elif isinstance(frame, (bytearray, str)):
            length = len(frame)
        elif isinstance(frame, memoryview):
            length = frame.nbytes
        else:
            raise UsageError(
                f"a frame must be bytes, bytearray, memoryview or str, was {type(frame).__name__}"
            )
        if length > self._max_frame:
            self._refuse_unread(
                frame, f"a frame of {length} bytes; the limit is {self._max_frame}", generation
            )
        if self._scans:
            if is_bytes:
                change = self._scan(
                    PyBytes_AS_STRING(frame), length, receive_time, generation, only
                )
            else:
                change = self._apply_scanned(frame, length, receive_time, generation, only)
            if change != NOT_SCANNED:
                return change
        # The one documented frame that is not JSON: the answer to a text ping.
        if length == 4 and (frame == "pong" if isinstance(frame, str) else frame == b"pong"):
            self._other += 1
            self.message = "pong"
            return OTHER_BIT
        if length > MAX_COMMAS and is_overfull(frame):
            self._refuse_unread(
                frame, f"a frame of more than {MAX_COMMAS} values or {MAX_OBJECTS} objects",
                generation,
            )
        try:
            message = _decode(frame)
        except (msgspec.DecodeError, ValueError, RecursionError, BufferError) as error:
            self._refuse_unread(frame, f"not JSON: {str(error)[:200]}", generation)
        self._scratch.busy = True
        try:
            return self._apply_message(message, receive_time, generation, only)
        finally:
            self._scratch.busy = False

    cdef int _apply_scanned(
        self, object frame, Py_ssize_t length, int64_t receive_time, int64_t generation, Book only
    ) except -1:
        """`_scan` for what is not bytes."""
        cdef Py_buffer view
        cdef const char* text
        if isinstance(frame, str):
            if not PyUnicode_IS_ASCII(frame):
                return NOT_SCANNED
            text = <const char*>PyUnicode_1BYTE_DATA(frame)
            return self._scan(text, length, receive_time, generation, only)
        PyObject_GetBuffer(frame, &view, PyBUF_STRIDED_RO)
        try:
            if not PyBuffer_IsContiguous(&view, c'C'):
                return NOT_SCANNED
            return self._scan(<const char*>view.buf, view.len, receive_time, generation, only)
        finally:
            PyBuffer_Release(&view)

    cdef int _scan(
        self, const char* text, Py_ssize_t length, int64_t receive_time, int64_t generation,
        Book only
    ) except -1:
        """A book frame of one item whose book exists, straight from its bytes; NOT_SCANNED, and
        nothing has changed, for every other one."""
        cdef _Scratch scratch = self._scratch
        cdef _Table table = self._table
        cdef Item* item
        cdef Route* route
        cdef Rows rows
        cdef Place place
        cdef Span symbol, name
        cdef const TopicKey* which
        cdef Book book
        cdef const char* tail = NULL
        if generation != 0 and self._last_line.table is not None:
            # Of what arrives on it, its connection has been looked up already.
            table = self._last_line.table
        if (
            table.tail_length != 0 and table.tail_length < length
            and memcmp(text + length - table.tail_length, table.tail, <size_t>table.tail_length) == 0
        ):
            tail = text + length - table.tail_length
            place.topic.text = name.text = tail + table.tail_topic
            place.topic.length = table.tail_topic_length
            place.symbol.text = NULL
            name.length = table.tail_name_length
            route = &table.routes[table.last_route]
            which = table.tail_key
        else:
            table.tail_length = 0
            which = find_topic(text, text + length, table.keys, table.n_keys, &place)
            if which == NULL:
                return NOT_SCANNED
            route = table._find_route(which.key, place.topic, &name)
            if route == NULL or route.mixed:
                return NOT_SCANNED
        # The smallest level is [1,1] and its comma.
        rows.capacity = scratch.row_room(min(length // 6 + 1, MAX_ROWS))
        rows.rows = scratch.rows
        rows.count = 0
        scratch.n_items = 0
        item = scratch.add_item(route.words.kind)
        if not scan_frame(
            text, length, &route.words, which, &place, route.symbol_key, table.keys, table.n_keys,
            tail, &rows, item, &symbol
        ):
            scratch.n_items = 0
            return NOT_SCANNED
        scratch.n_rows = rows.count
        if tail == NULL and which.channel == 0:
            table._remember_tail(text, length, place.topic, name)
            table.tail_key = which
        book = self._scanned_book(table, route, place.topic, name, &symbol, generation)
        if (
            book is None and length >= LARGE_FRAME and only is None and symbol.text != NULL
            and route.other < 0
        ):
            book = self._first_scanned_book(route, symbol, rows.rows, item)
        if book is None or (only is not None and book is not only) or not book._can_hold(rows.rows, item):
            scratch.n_items = scratch.n_rows = 0
            return NOT_SCANNED
        self._scanned += 1
        scratch.busy = True
        try:
            return self._apply_to(book, item, receive_time, generation)
        finally:
            scratch.busy = False

    cdef Book _scanned_book(
        self, _Table table, const Route* route, Span topic, Span name, Span* symbol,
        int64_t generation
    ):
        """The book that the frame is of; None where there is none yet, where the general decoder
        has to say which of several it is, or, without a symbol then, where its name is in doubt."""
        cdef Span named
        cdef void* book
        named.text = name.text + name.length + 1
        named.length = 0
        if name.length < topic.length and name.text[name.length] == route.separator:
            if route.separator == c':':
                while (
                    named.text + named.length < topic.text + topic.length
                    and named.text[named.length] != c'@'
                ):
                    named.length += 1
            else:
                named.length = topic.text + topic.length - named.text
        if named.length:
            if symbol.text == NULL:
                symbol[0] = named
            elif (
                symbol.length != named.length
                or memcmp(symbol.text, named.text, <size_t>named.length) != 0
            ):
                symbol.text = NULL
                return None
        if symbol.text == NULL:
            return None
        if route.other >= 0:
            book = self._only_book(table, route, symbol[0], generation)
        else:
            book = (<_Channel>route.channel).find(symbol.text, symbol.length)
        return None if book == NULL else <Book>book

    cdef void* _only_book(
        self, _Table table, const Route* route, Span symbol, int64_t generation
    ) noexcept:
        """Of several channels with one name: the book on that connection, or the only one that
        there is; borrowed, NULL where nothing of that is so."""
        cdef void* book
        cdef void* only = NULL
        cdef Py_ssize_t found = 0
        while True:
            book = (<_Channel>route.channel).find(symbol.text, symbol.length)
            if book != NULL:
                if generation != 0 and (<Book>book)._generation == generation:
                    return book
                only = book
                found += 1
            if route.other < 0:
                return only if found == 1 else NULL
            route = &table.routes[route.other]

    cdef Book _first_scanned_book(self, const Route* route, Span symbol, const Row* rows, Item* item):
        """The book that a scanned frame is the first one of, made now; None where the general
        decoder has to look at it, or nobody wants it."""
        cdef _Channel channel = <_Channel>route.channel
        if self._only_known or len(self._books) >= self._max_books:
            return None
        try:
            name = symbol.text[:symbol.length].decode("ascii")
        except UnicodeDecodeError:
            return None
        if not SYMBOL.fullmatch(name) or not EMPTY_BOOK._can_hold(rows, item):
            return None
        return self._book_for(channel, name)

    cdef int _apply_to(
        self, Book book, Item* item, int64_t receive_time, int64_t generation
    ) except -1:
        """Apply one checked item of the scratch to its book, and note what it changed."""
        cdef int change
        if generation != 0 and generation != book._generation:
            if book._assigned or generation < book._generation:
                book._counters.refused_generation += 1
                return 0
            line = self._line(generation)
            book._heard_at = self._scratch.now
            book._adopt(generation, line)
        item.heard = self._scratch.now
        book._lag = lag_of(book, item)
        book._unseen = 0
        item.known = item.heard
        if book._lag != NO_LAG:
            item.known -= book._lag
        elif book._line is not None:
            book._unseen = book._line.unseen
        change = book._apply_item(self._scratch, self._scratch.rows, item, receive_time, False)
        if book._tells:
            book._tells = False
            self._stopped += 1
        if change != 0:
            self._touch(book, change)
        elif book._publication is not None:
            # Nothing has changed, but what it shows may be of another version now, or younger.
            book._note()
        return change

    cdef int _touch(self, Book book, int change) except -1:
        """Note that the frame has changed a book, and what. Mostly there is no second one."""
        if self._touched is None:
            self._touched = book
        elif self._touched is book or book in self._also_touched:
            book._change |= change
            if change & book._wanted:
                self._shared.concerned = True
            return 0
        else:
            self._also_touched.append(book)
        book._change = change
        if change & book._wanted:
            self._shared.concerned = True
        return 0

    cdef int _refuse_unread(self, object frame, object problem, int64_t generation) except -1:
        """A frame that cannot be decoded: find out whose it was, as far as its bytes tell."""
        cdef Book book
        cdef _Channel channel
        cdef _Table table = self._table_for(generation)
        self._bad_frames += 1
        if isinstance(frame, str):
            frame = frame.encode("utf-8", "surrogatepass")
        frame = bytes(frame)
        symbols = set()
        for count, found in enumerate(table.symbols_in_bytes.finditer(frame)):
            if count == self._max_books:
                # It goes on and on: every book is in doubt.
                symbols |= {book.symbol for book in self._books.values()}
                break
            symbol = found[1].decode("utf-8", "surrogateescape")
            if SYMBOL.fullmatch(symbol):
                symbols.add(symbol)
        named = None
        for profile, pattern in table.channels_in_bytes:
            match = pattern.search(frame)
            if match:
                named, symbol = profile.split(match[1].decode("utf-8", "surrogateescape"))
                if symbol:
                    symbols.add(symbol)
                break
        for symbol in symbols:
            # Truncated before it named its channel: it may have been any book of the symbol.
            for channel in table.channels.values():
                if named is not None and channel.name not in named or channel.profile not in table.profiles:
                    continue
                book = channel.books.get(symbol)
                if book is None or not is_on(book, generation, named):
                    continue
                if book._refuse(problem, self._scratch.now):
                    self._touch(book, GAP_BIT)
        raise MessageError(problem, symbol=symbols.pop() if len(symbols) == 1 else None)

    cdef int _apply_message(
        self, object message, int64_t receive_time, int64_t generation, Book only
    ) except -1:
        cdef _Channel channel
        if not isinstance(message, dict):
            self._bad_frames += 1
            raise MessageError(f"expected a JSON object, was {shown(message)}")
        cdef _Table table = self._table_for(generation)
        found = self._addressed(table, message)
        if found is None:
            if table.shares:
                self._hear_reply(table, message, generation)
            self._other += 1
            self.message = message
            return OTHER_BIT
        profile, names, symbol, _ = found
        if profile.framing.data_key not in <dict>message:
            # Acknowledgements, errors, pongs: for the session, not for a book.
            if profile.framing.reply_keys.isdisjoint(<dict>message):
                if names[0] in self._routes and profile.framing.symbol_key is None:
                    self._refuse_named(
                        names, symbol,
                        MessageError("a push without data", symbol=symbol or None), generation,
                    )
            elif table.shares:
                self._hear_reply(table, message, generation)
            self._other += 1
            self.message = message
            return OTHER_BIT
        if names[0] in self._routes:
            return self._apply_books(
                names, symbol, (<dict>message)[profile.framing.data_key], message, receive_time, generation,
                only,
            )
        trades = self._trade_routes.get(names[0])
        if trades is not None and only is None:
            if (<dict>message)[profile.framing.data_key] in (None, ""):
                return 0
            return self._apply_trades(trades[0], trades[1], message)
        if only is not None:
            raise UsageError(
                f"the frame is of {names[0]}:{symbol}, the book of {only.channel}:{only.symbol}"
            )
        self._other += 1
        self.message = message
        return OTHER_BIT

    cdef object _addressed(self, _Table table, dict message):
        """(profile, names of channels, symbol) of a frame that names a channel: all that it may be
        of, those of a market that owns its symbol first; None where it names none."""
        found = None
        for profile, key, prefix, symbol_key, own in table.envelopes:
            if found is not None and key != found[0].framing.channel_key:
                continue
            named = message.get(key)
            if named is None:
                continue
            if prefix is None:
                address = profile.address(message)
                if address is None:
                    continue
                names, symbol = address
            elif isinstance(named, str):
                name, symbol = split_topic(prefix + named)
                names = (name,)
                if symbol_key is not None and not symbol:
                    symbol = message.get(symbol_key)
                    # The oldest feed named its symbols by number.
                    symbol = symbol if type(symbol) is str else str(symbol)
            elif len(table.profiles) == 1:
                return None
            else:
                continue
            known = names[0] in own
            if found is None or known and not found[3]:
                found = (profile, names, symbol, known)
            elif names[0] in found[1]:
                # Public and private frames of a market look alike.
                continue
            elif known and profile.symbols.owns(symbol) and not found[0].symbols.owns(symbol):
                found = (profile, names + found[1], symbol, True)
            elif known:
                found = (found[0], found[1] + names, found[2], True)
        return found

    cdef int _hear_reply(self, _Table table, object message, int64_t generation) except -1:
        """Note which channel an acknowledgement names, where frames do not name it."""
        for profile in table.profiles:
            reply = profile.classify(message)
            if reply is None or reply.kind != "ack" or not reply.topic:
                continue
            name, symbol = split_topic(reply.topic)
            if name not in self._routes or len(self._told) >= self._max_books:
                continue
            if reply.operation == "subscribe":
                self._told[generation, symbol] = name
            else:
                self._told.pop((generation, symbol), None)
        return 0

    cdef _Channel _settle(
        self, object names, str symbol, int64_t generation, bint whole, Py_ssize_t longest
    ):
        """Which of several channels of one name a frame is of; None where that is nobody's yet.
        `whole`: it is a snapshot, whose longer side has so many levels."""
        cdef Book book
        cdef list here = []
        cdef list free = []
        channels = [self._routes[name] for name in names]
        for channel in channels:
            book = (<_Channel>channel).books.get(symbol)
            if book is None:
                continue
            if generation != 0 and book._generation == generation:
                return channel
            here.append(channel)
            if generation == 0 or not book._assigned:
                free.append(channel)
        if here and not free:
            # Of another connection than theirs: whichever it is, the frame is refused.
            return here[0]
        if len(free) == 1:
            return free[0]
        told = self._told.get((generation, symbol))
        if told in names and (not free or self._routes[told] in free):
            return self._routes[told]
        if free:
            if not whole:
                return self._routes.get(self._settled.get((generation, symbol)), free[0])
            channels = free
        owner = (<_Channel>channels[0]).profile
        channels = [one for one in channels if (<_Channel>one).profile is owner]
        if len(channels) == 1:
            return channels[0]
        if not whole:
            return None
        holds = None
        for channel in channels:
            if (<_Channel>channel).window >= longest and (
                holds is None or (<_Channel>channel).window < (<_Channel>holds).window
            ):
                holds = channel
        return self._routes[owner.default_book] if holds is None else holds

    cdef int _refuse_named(
        self, object names, object symbols, object error, int64_t generation
    ) except -1:
        cdef Book book
        self._bad_frames += 1
        for symbol in (symbols,) if isinstance(symbols, str) else symbols:
            for name in names:
                book = (<_Channel>self._routes[name]).books.get(symbol)
                if book is None or not is_on(book, generation, names):
                    continue
                if book._refuse(str(error), self._scratch.now):
                    self._touch(book, GAP_BIT)
        raise error

    cdef int _apply_books(
        self, object names, object topic_symbol, object data, dict message, int64_t receive_time,
        int64_t generation, Book only
    ) except -1:
        """Parse every item, check that every number can be held, then apply them in order."""
        self._decoded += 1
        cdef _Scratch scratch = self._scratch
        cdef _Channel channel = self._routes[names[0]]
        cdef _Channel settled
        cdef list books = []
        cdef list channels = []
        cdef dict symbols = {}
        cdef Book book
        cdef Item* item
        cdef Py_ssize_t i
        cdef int change = 0
        cdef Scales now, wanted
        cdef Misfit misfit = Misfit(0, 0)
        cdef dict planned = {}
        cdef set replaced = set()
        cdef Py_ssize_t failing = -1
        if len(names) > 1 and topic_symbol:
            # What keys mean may depend on whose it is.
            settled = self._settle(names, topic_symbol, generation, True, 0)
            if settled is not None:
                channel = settled
        if isinstance(data, dict):
            data = (data,)
        elif data is None or data == "":
            return 0
        elif not isinstance(data, list):
            self._refuse_named(
                names, topic_symbol,
                MessageError(f"data must be a list, was {shown(data)}", symbol=topic_symbol or None),
                generation,
            )
        # Name the books first: a frame that turns out to be bad puts all of them in doubt.
        for entry in data:
            symbol = entry.get(channel.symbol) if isinstance(entry, dict) else None
            if symbol is None and topic_symbol:
                symbol = topic_symbol
            if isinstance(symbol, str):
                symbols[symbol] = None
        if topic_symbol:
            symbols[topic_symbol] = None
        try:
            for entry in data:
                symbol = self._parse_item(channel, topic_symbol, entry, message)
                if only is not None and symbol != only.symbol:
                    raise UsageError(f"the frame is of {symbol}, the book of {only.symbol}")
                books.append(symbol)
            for i in range(scratch.n_items):
                symbol = books[i]
                item = &scratch.items[i]
                failing = i
                settled = channel
                if len(names) > 1:
                    settled = self._settle(
                        names, symbol, generation, item.kind != ITEM_UPDATE,
                        max(item.count[0], item.count[1]),
                    )
                channels.append(settled)
                book = None if settled is None else settled.books.get(symbol)
                if symbol in planned:
                    now.price, now.size = planned[symbol]
                elif book is None:
                    now.price = now.size = 0
                else:
                    now = book._sides.scales
                if book is None:
                    book = only if only is not None else EMPTY_BOOK
                if not plan(
                    book._sides.ladders, now, scratch.rows, item, &wanted, &misfit
                ) or not (
                    symbol in replaced
                    or fit_levels(book, item, wanted, scratch.rows, &misfit)
                ):
                    raise NumberError(
                        unholdable_text(&scratch.rows[item.first[misfit.side] + misfit.row]),
                        symbol=symbol, side=SIDE_NAMES[misfit.side], row=misfit.row,
                    )
                planned[symbol] = (wanted.price, wanted.size)
                if item.kind == ITEM_SNAPSHOT or item.kind == ITEM_FULL:
                    replaced.add(symbol)
        except NumberError as error:
            item = &scratch.items[failing if failing >= 0 else scratch.n_items - 1]
            if item.kind == ITEM_SNAPSHOT or item.kind == ITEM_FULL:
                if len(names) > 1:
                    channel = self._settle(names, error.symbol, generation, True, MAX_ROWS)
                self._miss(channel, error)
            self._refuse_named(names, symbols, error, generation)
        except MessageError as error:
            self._refuse_named(names, symbols, error, generation)
        # All books first: when there are too many, no item has been applied and none was made.
        if not self._only_known and len(books) > 1:
            self._require_room(len({
                symbol for settled, symbol in zip(channels, books)
                if settled is not None and symbol not in settled.books
            }))
        for i in range(scratch.n_items):
            settled = channels[i]
            symbol = books[i]
            if settled is None:
                # An update before any snapshot, of who knows which channel: nobody's.
                books[i] = None
            elif self._only_known:
                books[i] = settled.books.get(symbol)
            else:
                books[i] = self._book_for(settled, symbol)
        for i in range(scratch.n_items):
            book = books[i]
            if book is not None:
                if len(names) > 1:
                    self._settled[generation, book.symbol] = book.channel
                change |= self._apply_to(book, &scratch.items[i], receive_time, generation)
        return change

    cdef int _miss(self, _Channel channel, object error) except -1:
        """A snapshot that cannot be held: what the book was, it is no more. The level that does not
        fit beside the others may be gone from the next one."""
        cdef Book book
        if self._only_known and error.symbol not in channel.books:
            return 0
        book = self._book_for(channel, error.symbol)
        if book._state not in (CLOSED, REJECTED):
            reason = str(error)
            book._heard_at = self._scratch.now
            book._counters.gaps += 1
            book._become(MISFITTED, reason)
            book._forget()
            self._touch(book, GAP_BIT)
        return 0

    cdef object _parse_item(
        self, _Channel channel, object topic_symbol, object entry, dict message
    ):
        """One element of `data` into an item of the scratch; returns its symbol."""
        cdef Item* item
        cdef int64_t number
        cdef dict fields
        if not isinstance(entry, dict):
            raise MessageError(
                f"expected an object in data, was {shown(entry)}", symbol=topic_symbol or None
            )
        fields = entry
        symbol = fields.get(channel.symbol)
        if symbol is None and topic_symbol:
            symbol = topic_symbol
        if type(symbol) is not str or not SYMBOL.fullmatch(symbol):
            raise MessageError(f"expected a symbol, was {shown(symbol)}")
        if topic_symbol and symbol != topic_symbol:
            raise MessageError(
                f"the topic names {topic_symbol}, its data {symbol}", symbol=topic_symbol
            )
        item = self._scratch.add_item(channel.kind)
        if channel.kind == ITEM_UPDATE or channel.outer_type:
            kind = (message if channel.outer_type else fields).get(channel.type)
            if kind == channel.snapshot_word:
                if channel.kind == ITEM_UPDATE:
                    item.kind = ITEM_SNAPSHOT
            elif kind != channel.update_word or channel.kind != ITEM_UPDATE:
                words = repr(channel.snapshot_word).replace("'", '"')
                if channel.kind == ITEM_UPDATE:
                    words += " or " + repr(channel.update_word).replace("'", '"')
                raise MessageError(f"expected type {words}, was {shown(kind)}", symbol=symbol)
        if channel.kind == ITEM_UPDATE and channel.rule != RULE_NONE:
            item.sequence = whole_number(fields.get(channel.sequence))
            if item.sequence < 0:
                raise MessageError(
                    f"expected a version, was {shown(fields.get(channel.sequence))}", symbol=symbol
                )
        if channel.previous is not None:
            item.previous = signed_number(fields.get(channel.previous))
            if item.previous == NO_NUMBER:
                raise MessageError(
                    f"expected a version, was {shown(fields.get(channel.previous))}", symbol=symbol
                )
        if channel.checksum is not None and fields.get(channel.checksum) is not None:
            number = signed_number(fields[channel.checksum])
            if not -<int64_t>0x80000000 <= number <= <int64_t>0xFFFFFFFF:
                raise MessageError(
                    f"expected a checksum, was {shown(fields[channel.checksum])}", symbol=symbol
                )
            item.checksum = number & <int64_t>0xFFFFFFFF
        time = (message if channel.outer_time else fields).get(channel.time)
        if time is not None and time != "":
            item.exchange_time = stamp_number(time, channel.words.stamp)
            if item.exchange_time < 0:
                raise MessageError(f"expected a time, was {shown(time)}", symbol=symbol)
        if channel.kind == ITEM_SIDE:
            number = whole_number(fields.get(channel.side))
            if number != 1 and number != 2:
                raise MessageError(
                    f"expected side 1 or 2, was {shown(fields.get(channel.side))}", symbol=symbol
                )
            if channel.levels not in fields:
                raise MessageError(f"no {channel.levels!r}", symbol=symbol)
            parse_side(
                self._scratch, item, channel, fields[channel.levels], symbol, <int>number - 1
            )
            return symbol
        for side, name in ((BID, channel.bids), (ASK, channel.asks)):
            if name not in fields and item.kind != ITEM_UPDATE:
                raise MessageError(
                    f"no {name!r} in a full picture", symbol=symbol, side=SIDE_NAMES[side]
                )
            parse_side(self._scratch, item, channel, fields.get(name), symbol, side)
        return symbol

    cdef int _apply_trades(self, object market, object channel, dict message) except -1:
        cdef _Channel books
        cdef Book book
        found = channel.read(message)
        trades = found.values
        self._trades += len(trades)
        self._last_trades = tuple(trades)
        for trade in trades:
            for books in self._routes.values():
                if books.market == market:
                    book = books.books.get(trade.symbol)
                    if book is not None:
                        book._last_trade = trade
                        if book._lens is not None and trade.side is not None:
                            side = "ask" if trade.side == "buy" else "bid"
                            (<Lens>book._lens)._heard_trade(side, *trade.exact, trade.time_ms)
                        if not found.unread:
                            self._touch(book, TRADE_BIT)
        if found.unread:
            # Some trades are missing. Those that could be read are in `trades` all the same, and
            # no book is in doubt.
            self._bad_frames += 1
            keys = {row.key for row in found.unread}
            key = keys.pop() if len(keys) == 1 else None
            raise MessageError(
                f"not a trade: {shown(found.unread[0].reason)}",
                # What stands in a sentence must be fit to be shown.
                symbol=key if key is not None and key.isprintable() else None,
            )
        return TRADE_BIT if trades else 0

    cdef int64_t _now(self) except? -1:
        if self._clock is None:
            return 0
        if isinstance(self._clock, str):
            return monotonic_ns()
        return self._clock()

    cdef _Line _line(self, int64_t generation):
        cdef _Line line
        if generation == self._last_generation and self._last_line is not None:
            return self._last_line
        line = self._lines.get(generation)
        if line is None:
            line = self._lines[generation] = _Line.__new__(_Line)
            line.deadline = line.valid_for = NEVER
            line.heard = line.lag = line.lagged_at = -1
            line.least = NOTHING_SHOWN
        self._last_generation = generation
        self._last_line = line
        return line

    def open_line(
        self, generation, valid_for, *, host=None, unseen=0.0, punctual_ns=None, profile=None
    ):
        """A connection has opened: its books are readable only while something, whatever it is,
        has been heard on it within `valid_for` seconds.

        `profile`: what is spoken on it; without one, a frame may be of whatever looks like it.

        `host`: whose stamps it brings; without one, or without a clock, nothing is known of their
        lag. `unseen`: seconds by which a frame may be late that no stamp tells of. `punctual_ns`:
        the stamp of what would be punctual now, for a host of which nothing is known yet.

        Once that time has passed, no late frame revives them: what arrives then may have waited
        on its way. `release` does, or a newer connection.
        """
        cdef _Line line = self._line(generation)
        cdef int64_t limit = seconds_to_ns(valid_for)
        cdef int64_t now = self._now()
        line.valid_for = limit
        if profile is not None:
            line.table = self._table_of((profile,))
        line.heard = now
        line.deadline = now + limit
        line.unseen = seconds_to_ns(unseen) if unseen else 0
        if host is not None and self._clock is not None:
            line.host = self._hosts.get(host)
            if line.host is None:
                line.host = self._hosts[host] = _Host(host)
            if punctual_ns is not None and line.host.floor_at < 0:
                self.set_floor(host, punctual_ns)

    def hold(self, generation, reason):
        """Frames of that connection may have waited on their way: its books are not readable
        until `release`. They are kept up to date meanwhile."""
        cdef _Line line = self._line(generation)
        cdef int64_t now = self._now()
        self._shared.require_quiet()
        _before = line.reason
        if line.deadline != HELD:
            line.deadline = HELD
            line.held_at = now
        line.reason = reason
        self._tell_line(line)

    def release(self, generation):
        """What that connection says is known to be of now again."""
        cdef _Line line = self._line(generation)
        cdef int64_t now = self._now()
        self._shared.require_quiet()
        line.deadline = NEVER if line.valid_for == NEVER else now + line.valid_for
        self._tell_line(line)

    def line(self, generation):
        """What is known of a connection: see `_Line`; None before it has opened or said anything."""
        return self._lines.get(generation)

    def set_floor(self, host, punctual_ns):
        """Say that what a host stamps so (ns since 1970) and arrives now is punctual, whatever it
        has shown before; None: begin anew, with the next stamp."""
        cdef _Host known = self._hosts.get(host)
        if known is None:
            raise UsageError(f"nothing is known of a host {host!r}")
        known._begin_anew()
        if punctual_ns is None:
            known.forgiven_ns = 0
            return
        known.floor_at = self._now()
        known.floor = known.floor_at - punctual_ns

    def forget_generation(self, generation):
        """Drop what is kept of a connection that is gone."""
        cdef _Line line = self._lines.pop(generation, None)
        self._last_line = None
        for memory in (self._told, self._settled):
            for key in [key for key in memory if key[0] == generation]:
                del memory[key]
        if line is not None and line.host is not None:
            line.host.shown.pop(line, None)

    def invalidate(self, book, reason, *, state=BookState.GAP):
        """Say that a book cannot be trusted, and why: CONNECTING, SYNCING, STALE, GAP, ..."""
        cdef Book mine = self._mine(book)
        cdef int number = STATE_NUMBERS[BookState(state)]
        if number == LIVE:
            raise UsageError("only frames make a book LIVE")
        self._shared.require_quiet()
        mine._begin()
        if number == STALE and mine._state != LIVE:
            return  # what is worse than STALE does not become better by it
        mine._become(NAMED_EVENTS[number], reason)
        if number != STALE:
            mine._suspect()
            mine._forget()
        self._shared.now = mine._heard_at
        self._tell_states()

    def assign(self, book, generation):
        """Say on which connection a book is subscribed: frames of every other one are refused.

        The book waits for a snapshot from there.
        """
        cdef Book mine = self._mine(book)
        cdef int64_t number = generation
        cdef _Line line = self._line(number)
        self._shared.require_quiet()
        mine._begin()
        _before = mine._line
        mine._become(BEGUN_ANEW, "subscribed, no snapshot yet")
        mine._assigned = True
        mine._generation = number
        mine._line = line
        mine._narrow = False
        mine._forget()
        mine._leave()
        # A subscription asks for a snapshot too.
        mine._ask(mine._heard_at, True, True)
        mine._stamp = -1
        self._shared.now = mine._heard_at
        self._tell_states()

    def expect(self, book, *, subscribed=False, acknowledged=True):
        """One more snapshot of that book will be the reply to a request, sent now; or it will come
        by itself, as the book is subscribed anew.

        Snapshots are taken for the answer to the oldest request or subscription that none has come
        for, and count from then: what comes late confirms as little as it should. A reply of the
        book's own sequence is compared with the book, and joined to it where they agree: deeper
        levels stay, the same run goes on. Any other snapshot replaces. Returns how many replies may
        still come.

        What a subscription begins with is believed where it is short: there is no more. With
        `acknowledged=False` the next snapshot is not known to be that one, as it may have been on
        its way before: it says no more than a reply, unless `acknowledge` comes before it.
        """
        cdef Book mine = self._mine(book)
        mine._ask(mine._now(), subscribed, acknowledged)
        return mine._requests.count

    def acknowledge(self, book):
        """Say that the venue has acknowledged that the book is subscribed anew: the next snapshot is
        what that begins with.

        After `expect(book, subscribed=True, acknowledged=False)`. Where a snapshot has come in
        between, nobody knows whether it was that one or one of before, and this says nothing.
        """
        cdef Book mine = self._mine(book)
        if mine._renewed:
            mine._begin_with_next()
        mine._renewed = False

    def runs_short(self, book, levels):
        """Whether of some side only a part is known, and that less than `levels` and than the last
        picture of it showed. Never raises for a book's state."""
        cdef Book mine = self._mine(book)
        cdef int side
        for side in range(2):
            if (
                mine._sides.ladders[side].known_from != KNOWN_FROM_START
                and mine._known(side) < min(<Py_ssize_t>levels, mine._pictured[side])
            ):
                return True
        return False

    def updates(self, book):
        """How many updates and heartbeats of that book have been applied: frames that only a
        subscription brings."""
        cdef Book mine = self._mine(book)
        return mine._counters.updates + mine._counters.heartbeats

    def changes_told(self, book):
        """How many frames have told of a change of that book: applied, kept, or beyond a gap."""
        cdef Book mine = self._mine(book)
        return mine._counters.updates + mine._counters.buffered + mine._counters.gaps

    def goes_back(self, book):
        """Whether the last frames of that book were of a lower count than its own, or stamped
        before what it shows, and so were not applied."""
        cdef Book mine = self._mine(book)
        return mine._stale_run > 0 or mine._side_stale[BID] > 0 or mine._side_stale[ASK] > 0

    def confirm(self, book, until_ns, *, by="connection", known_ns=None):
        """Say that a LIVE book holds until that time of the clock (ns), and what says so.

        A book that is not LIVE, or whose deadline has passed, is not revived by this. `known_ns`:
        as of when it is known to be the venue's newest; without it, it is made no younger: it says
        nothing of the book's own news.
        """
        cdef Book mine = self._mine(book)
        if mine._clock_kind == CLOCK_NONE:
            raise UsageError("a book without a clock has no deadline to move")
        cdef int64_t until = until_ns
        cdef int64_t known = -1 if known_ns is None else known_ns
        cdef int64_t now = mine._now()
        if mine._state == LIVE and not mine._lapsed_at(now):
            _before = mine._confirmed_by
            mine._deadline = until
            mine._confirmed_at = max(mine._confirmed_at, min(known, now))
            mine._confirmed_by = by
            if mine._publication is not None:
                # Nobody else is told, and it may end earlier now.
                (<Publication>mine._publication)._publish(mine, ALL_STORES)

    def finish(self, reason):
        """The input is at its end: books that are LIVE stay so, with this reason, and time stops.

        For captures: what was true at their last frame can be read for ever after.
        """
        cdef Book book
        cdef int64_t now
        for book in tuple(self._books.values()):
            now = book._now()
            if book._state == LIVE and not book._lapsed_at(now):
                _before = book._reason
                if book._clock_kind != CLOCK_NONE:
                    book._clock_kind = CLOCK_STOPPED
                    book._stopped_at = now
                book._deadline = NEVER
                book._reason = reason

    def close_book(self, book):
        """Close a book for good and forget it; a later frame of its topic makes a new one."""
        cdef Book mine = self._mine(book)
        self._shared.require_quiet()
        mine._begin()
        mine._become(FINISHED, "closed by the user")
        mine._forget()
        self._shared.now = mine._heard_at
        self._tell_states()
        mine._spec.unseat(mine)
        del mine._spec.books[mine.symbol]
        del self._books[f"{mine.channel}:{mine.symbol}"]
        self._by_symbol.clear()

    cdef Book _mine(self, object book):
        if not isinstance(book, Book) or (<Book>book)._spec is not self._routes.get(book.channel):
            raise UsageError(f"{book!r} is not a book of this engine")
        return book

    cdef int _require_room(self, Py_ssize_t books) except -1:
        if len(self._books) + books > self._max_books:
            raise LimitError(
                f"more than {self._max_books} books in one engine; max_books= is how many there may be"
            )
        return 0

    cdef Book _book_for(self, _Channel channel, str symbol):
        cdef Book book = channel.books.get(symbol)
        if book is None:
            self._require_room(1)
            book = self._book_type.__new__(self._book_type)
            book._set_up(symbol, channel, self._clock, self._valid_for, self._max_levels)
            book._trusts_empty = self._trusts_empty
            book._spoken = self.venue
            book._shared = self._shared
            channel.books[symbol] = book
            channel.seat(book)
            self._books[f"{channel.name}:{symbol}"] = book
            self._by_symbol.clear()
        return book

    def _own(self, Book book):
        # A book by itself reads frames through an engine of its own.
        cdef _Channel channel = self._routes[book.channel]
        self._clock = book._clock
        self._shared = book._shared
        book._spec = channel
        channel.books[book.symbol] = book
        channel.seat(book)
        self._books[f"{book.channel}:{book.symbol}"] = book

    # --- reading ---

    def book(self, symbol, *, channel=None, market=None):
        """The book of that symbol, made if there is none yet.

        A bare symbol means the venue's default: BitMart's spot `depth/increase100` or futures
        `depthIncrease50`, Kraken's `book10`, OKX's `books`, Bybit's `orderbook.50`; `channel`
        ("depth20") and `market` ("futures") choose others. UsageError for what cannot exist.

        >>> bb.Engine().book("BTC_USDT", channel="depth20").state
        <BookState.SYNCING: 'SYNCING'>
        """
        found = self.venue.book_channel(symbol, channel=channel, market=market)[1]
        return self._book_for(self._routes[found.name], self.venue.bare(symbol))

    def __getitem__(self, key):
        book = self._by_symbol.get(key)
        if book is None:
            book = self._find(key)
            self._by_symbol[key] = book
        return book

    cdef object _find(self, object key):
        cdef _Channel channel
        if not isinstance(key, str):
            raise KeyError(key)
        name, symbol = split_topic(key)
        if symbol:
            book = self._books.get(f"{name}:{symbol}")
            if book is not None:
                return book
            if self.venue.is_topic(key):
                raise KeyError(f"no book of {key}")
        bare = self.venue.bare(key)
        try:
            found = self.venue.book_channel(key)[1]
            if bare in (<_Channel>self._routes[found.name]).books:
                return (<_Channel>self._routes[found.name]).books[bare]
            if bare != key:
                return self._elsewhere(key, bare)
        except UsageError:
            pass  # a frame may have brought a symbol that nobody could ask for
        for channel in self._routes.values():
            if channel.kind == ITEM_UPDATE and key in channel.books:
                return channel.books[key]
        others = [topic for topic in self._books if topic.endswith(":" + key)]
        raise KeyError(
            f"no sequenced book of {key}" + (f"; there is {', '.join(others)}" if others else "")
        )

    cdef object _elsewhere(self, object key, object bare):
        """The sequenced book of a symbol on any channel of the venue or market that it names."""
        cdef _Channel channel
        place = key[:len(key) - len(bare) - 1]
        for channel in self._routes.values():
            if (
                channel.kind == ITEM_UPDATE and place in (channel.venue, channel.market)
                and bare in channel.books
            ):
                return channel.books[bare]
        raise KeyError(f"no sequenced book of {key}")

    def get(self, key, default=None):
        """The book of a symbol or topic, or `default`.

        >>> bb.Engine().get("BTC_USDT") is None
        True
        """
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key):
        return self.get(key) is not None

    def _ipython_key_completions_(self):
        """What `engine["` is completed to: symbols where they say enough, and all topics."""
        symbols = [book.symbol for book in self._books.values() if self.get(book.symbol) is book]
        return [*symbols, *self._books]

    def __iter__(self):
        return iter(tuple(self._books))

    def __len__(self):
        return len(self._books)

    @property
    def books(self):
        """tuple of all books, in the order in which they were made."""
        return tuple(self._books.values())

    @property
    def touched(self):
        """tuple of the books that the last `apply` changed."""
        return () if self._touched is None else (self._touched, *self._also_touched)

    @property
    def trades(self):
        """tuple of the `Trade`s of the last `apply`, oldest first."""
        return self._last_trades

    @property
    def stats(self):
        """dict of counters: frames, bad_frames, other, trades, books; of the book frames how many
        were scanned, and how many took the general decoder; and of how many books the checksums
        have stopped, which their own `stats` tell as well."""
        return {
            "frames": self._frames,
            "scanned": self._scanned,
            "decoded": self._decoded,
            "bad_frames": self._bad_frames,
            "other": self._other,
            "trades": self._trades,
            "checksums_stopped": self._stopped,
            "books": len(self._books),
        }

    def __repr__(self):
        return f"<Engine {len(self._books)} books, {self._frames} frames>"


cdef bint fit_levels(
    Book book, const Item* item, Scales wanted, const Row* rows, Misfit* misfit
) noexcept:
    """Whether the levels that a book has can be held at the scales that an item needs: those of the
    item before it, in the same frame, may be finer than the book's."""
    cdef Scales now = book._sides.scales
    cdef int side
    if item.kind == ITEM_SNAPSHOT or item.kind == ITEM_FULL:
        return True
    for side in range(2):
        if not ladder_fits(
            &book._sides.ladders[side],
            POW10[wanted.price - now.price], POW10[wanted.size - now.size],
        ):
            needed_scales(rows, item, &now.price, &now.size, misfit)
            return False
    return True


cdef bint is_on(Book book, int64_t generation, object names) except -1:
    """Whether a frame of that connection may be of a book, where several channels look alike."""
    return (
        names is None or len(names) == 1 or generation == 0 or not book._assigned
        or book._generation == generation
    )


# Stands for the ladders of a book that does not exist yet, when a first frame is checked.
cdef Book EMPTY_BOOK = Book.__new__(Book)
