# Part of _book: what a frame, or a user, does to a book.
#
# Every write follows one order: the whole item is parsed and checked before a level changes, and
# from the first level to the last word on the state no Python code runs, so that nobody sees a
# book that is half written.

# So many frames below the book's version that are no repeats: the venue's counter restarted.
cdef int STALE_RUN = 3
# A snapshot may have overtaken so many updates on their way; more of them count as above.
cdef int MOST_OVERTAKEN = 32
# Where only its checksum proves a book, so many snapshots in a row without one mean that there are
# none any more: the first, and three for which it was subscribed anew.
cdef int MOST_UNSUMMED = 4


cdef class Written(Trusted):
    """The levels of a book and how they are written, by the venue's sequence or without one."""

    def __cinit__(self):
        self._sequence = -1
        self._exchange_time = -1
        self._stamp = -1
        self._receive_time = NO_TIME
        self._held_sequence = -1
        self._overtaken_from = -1
        self._reached = -1
        self._passed = -1
        self._sides.ladders[BID].known_from = KNOWN_FROM_START
        self._sides.ladders[ASK].known_from = KNOWN_FROM_START
        self._forget_recent()
        self._buffer = []

    def __dealloc__(self):
        sides_free(&self._sides)
        sum_free(self._sum)

    cdef int _set_up(
        self, str symbol, _Channel spec, object clock, int64_t valid_for, Py_ssize_t max_levels
    ) except -1:
        self._set_clock(clock, valid_for)
        self.symbol = symbol
        self.market = spec.market
        self.channel = spec.name
        self._names = (symbol, spec.market, spec.venue)
        self._spec = spec
        if spec.sum.levels and self._sum == NULL:
            self._sum = sum_new()
            if self._sum == NULL:
                raise MemoryError
        self._max_levels = max_levels
        if self._shared is None:
            self._shared = _Shared()
        return 0

    cdef bint _is_synced(self) noexcept:
        """Whether updates continue what is held. Nothing continues a snapshot that was crossed: an
        update that happens to end the crossing does not make the rest of it right."""
        return self._state == LIVE or (self._state == STALE and not self._refused)

    cdef int _drop_kept(self) except -1:
        """Forget the updates that wait. A new list might run a garbage collection."""
        if self._buffer:
            self._buffer.clear()
        self._buffered_rows = 0
        return 0

    cdef int _forget(self) except -1:
        """Drop everything that a later snapshot must not be joined to."""
        cdef int side
        self._drop_kept()
        self._staged = None
        self._stale_run = 0
        self._held_sequence = -1
        self._overtaken_from = -1
        for side in range(2):
            self._side_seen[side] = False
            self._side_time[side] = -1
            self._side_stale[side] = 0
            self._side_alone[side] = 0
        self._forget_recent()
        return 0

    cdef int _adopt(self, int64_t generation, _Line line) except -1:
        """Frames now come over a newer connection: nothing continues what the older one said."""
        if self._generation != 0 and self._state not in (CLOSED, REJECTED):
            self._become(BEGUN_ANEW, "new connection, no snapshot yet")
            self._forget()
            self._leave()
        _before = self._line
        self._generation = generation
        self._line = line
        return 0

    cdef int _refuse(self, object reason, int64_t now) except -1:
        """A frame of this book could not be read: whether it was the next update is unknowable."""
        self._heard_at = now
        self._counters.bad_frames += 1
        if self._spec.kind == ITEM_UPDATE and self._state in (LIVE, STALE):
            self._counters.gaps += 1
            self._suspect()
            self._become(MISSED, reason)
            return GAP_BIT
        return 0

    def apply(self, frame, receive_time_ns=None):
        """Apply one raw frame of this book's own channel and symbol; returns `Change` bits.

        frame: bytes, bytearray, memoryview or str. Raises MessageError for a frame that is not of
        the documented shape and UsageError for one of another book; neither changes a level.
        """
        self._require_writable()
        self._shared.require_quiet()
        cdef Engine engine
        if self._standalone is None:
            engine = Engine(self._spoken)
            engine._own(self)
            self._standalone = engine
        engine = <Engine>self._standalone
        cdef int64_t received = given_time(receive_time_ns)
        try:
            return engine._apply(frame, received, 0, self)
        finally:
            if self._shared.concerned:
                engine._tell()

    def apply_snapshot(
        self, bids, asks, sequence=None, *, exchange_time_ms=None, receive_time_ns=None,
        price_step=None, size_step=None,
    ):
        """Replace the whole book; returns `Change` bits.

        bids, asks: rows of (price, size), each str, Decimal, int or float, in any order, or a
        float array of shape (n, 2). A float means its shortest repr. Further columns are not looked
        at; rows that are NaN, or zero in both, only fill a table. Of rows with one price the last
        wins; size zero is no level. Raises UsageError for NaN, infinite, negative or
        unreadable numbers, and then nothing has changed.

        `price_step` and `size_step`, of what prices and sizes are multiples, are for floats that
        were computed: 0.1 + 0.2 then means 0.3. One that is near to no multiple is refused. Where
        they are not said they are those of the book.
        """
        return self._by_hand(
            ITEM_SNAPSHOT, bids, asks, sequence, None, exchange_time_ms, receive_time_ns,
            price_step, size_step,
        )

    def apply_delta(
        self, bids, asks, sequence=None, *, previous=None, exchange_time_ms=None,
        receive_time_ns=None, price_step=None, size_step=None,
    ):
        """Set the sizes at some prices; size zero removes a level. Returns `Change` bits.

        Rows as for `apply_snapshot`. A `sequence` must continue the book's: a later one returns
        GAP and applies nothing, an earlier one returns DUPLICATE. `sequence=None` is not checked.
        Before a snapshot nothing is applied: a counted update is kept for it, any other is a GAP.
        One without a sequence that raises leaves the book in GAP: it is missing, and no later one
        would show that.

        For venues that count otherwise: `previous` is the sequence that the change continues, and
        `sequence=(first, last)` says that it covers a range. With either it continues a book whose
        sequence is `previous`, or is in the range or just before it.

            book.apply_delta(bids, asks, sequence=message["seqId"], previous=message["prevSeqId"])
            book.apply_delta(bids, asks, sequence=(message["U"], message["u"]))
        """
        return self._by_hand(
            ITEM_UPDATE, bids, asks, sequence, previous, exchange_time_ms, receive_time_ns,
            price_step, size_step,
        )

    cdef int _count_by_hand(self, Item* item, object sequence, object previous) except -1:
        """Note the sequence of an item, and what it says that it continues."""
        if sequence is None:
            if previous is not None:
                raise UsageError("previous= says what a sequence continues: say sequence= as well")
            return 0
        item.linked = previous is not None
        if item.kind == ITEM_UPDATE and isinstance(sequence, (tuple, list)):
            if len(sequence) != 2:
                raise UsageError(f"a range is sequence=(first, last), was {sequence!r}")
            item.linked = True
            item.begins = counter(sequence[0], "the first sequence")
            item.sequence = counter(sequence[1], "the last sequence")
            if item.begins > item.sequence:
                raise UsageError(f"a range is sequence=(first, last), was {sequence!r}")
        else:
            item.sequence = counter(sequence, "sequence")
        if previous is not None:
            item.previous = counter(previous, "previous")
        return 0

    cdef object _by_hand(
        self, ItemKind kind, object bids, object asks, object sequence, object previous,
        object exchange_time, object receive_time, object price_step, object size_step
    ):
        cdef int64_t heard = self._now(), received
        self._require_writable()
        if self._scratch is None:
            self._scratch = _Scratch()
        cdef _Scratch scratch = self._scratch
        cdef Item* item
        cdef Scales now, wanted
        cdef Steps steps = self._steps
        cdef Misfit misfit
        cdef int side, change = 0
        cdef bint read = False
        self._shared.require_quiet()
        scratch.clear()
        scratch.busy = True
        try:
            item = scratch.add_item(kind)
            item.heard = item.known = heard
            item.checksum = NOBODYS_CHECKSUM
            self._lag = NO_LAG
            self._unseen = 0
            self._count_by_hand(item, sequence, previous)
            read_step(price_step, &steps, OF_PRICES)
            read_step(size_step, &steps, OF_SIZES)
            if exchange_time is not None:
                item.exchange_time = counter(exchange_time, "exchange_time_ms")
            received = given_time(receive_time)
            now = self._sides.scales
            for side in range(2):
                item.first[side] = scratch.n_rows
                item.present[side] = True
                rows_by_hand(scratch, bids if side == BID else asks, side, now, &steps)
                item.count[side] = scratch.n_rows - item.first[side]
            # Odd rows run anybody's code.
            now = self._sides.scales
            item.fitting = fits(scratch.rows, item, now.price, now.size, &misfit)
            if not (
                item.fitting
                or plan(self._sides.ladders, now, scratch.rows, item, &wanted, &misfit)
            ):
                raise UsageError(unholdable_by_hand(self.symbol, scratch.rows, item, misfit))
            read = True
            change = self._apply_item(scratch, scratch.rows, item, received, True)
            return change
        except BaseException as error:
            if read or kind != ITEM_UPDATE or sequence is not None or not self._is_synced():
                raise
            # Nothing will ever show that it is missing.
            self._heard_at = heard
            self._counters.gaps += 1
            self._become(MISSED, "a change given by hand could not be read, and had no sequence")
            if type(error) is UsageError:
                raise UsageError(f"{error}; the book is in GAP, as this change is missing") from None
            raise
        finally:
            scratch.busy = False
            if self._watch is not None:
                self._shared.now = heard
                (<Book>self)._tell_by_hand(change)

    def clear(self):
        """Forget every level; the book is SYNCING until its next snapshot."""
        self._begin()
        self._require_writable()
        self._shared.require_quiet()
        self._become(BEGUN_ANEW, "cleared, no snapshot yet")
        self._forget()
        self._leave()
        self._believe()
        sides_free(&self._sides)
        if self._sum != NULL:
            sum_touch(self._sum, BID)
            sum_touch(self._sum, ASK)
        if self._watch is not None:
            self._shared.now = self._heard_at
            (<Book>self)._tell_by_hand(0)

    cdef int _apply_item(
        self, _Scratch scratch, const Row* rows, Item* item, int64_t receive_time, bint by_hand
    ) except -1:
        """Apply one checked item; returns Change bits. The numbers are known to fit."""
        cdef int change
        self._heard_at = item.heard
        self._known_at = item.known
        if self._state == CLOSED or (self._state == REJECTED and not by_hand):
            self._counters.ignored += 1
            return 0
        if item.kind == ITEM_SNAPSHOT:
            change = self._apply_snapshot(scratch, rows, item, by_hand)
        elif item.kind == ITEM_UPDATE:
            change = self._apply_update(rows, item, by_hand)
        elif item.kind == ITEM_FULL:
            change = self._apply_full(scratch, rows, item)
        else:
            change = self._apply_side(scratch, rows, item)
        if change & LEVELS_BIT and not by_hand and self._spec.depth == 0:
            self._bound()
        if change & (SNAPSHOT_BIT | LEVELS_BIT | HEARTBEAT_BIT) or change == 0:
            if receive_time != NO_TIME:
                self._receive_time = receive_time
            if self._lens is not None:
                (<Lens>self._lens).look()
        return change

    cdef bint _can_hold(self, const Row* rows, Item* item) noexcept:
        """Whether the numbers of an item can be held exactly, and it can be applied, now."""
        cdef Scales now, wanted
        cdef Misfit misfit
        now = self._sides.scales
        item.fitting = fits_at_a_glance(item, now) or fits(rows, item, now.price, now.size, &misfit)
        return item.fitting or plan(self._sides.ladders, now, rows, item, &wanted, &misfit)

    cdef int _apply_snapshot(
        self, _Scratch scratch, const Row* rows, Item* item, bint by_hand
    ) except -1:
        cdef bint was_live = self._state == LIVE
        cdef bint same_sequence = item.sequence >= 0 and item.sequence == self._sequence
        cdef int64_t requested = -1 if by_hand else take_answer(&self._requests)
        cdef int64_t asked = -1 if by_hand else take_answer(&self._snapshots_due)
        cdef bint announced = requested >= 0
        cdef bint is_first = asked >= 0 and (not announced or asked < requested)
        cdef bint complete = True
        cdef bint continued = False
        cdef bint hollow = False
        cdef int64_t told
        cdef bint is_behind = same_sequence and self._is_contradicted()
        cdef int change
        cdef int64_t before_sequence = self._sequence
        cdef Top before
        if announced and (asked < 0 or requested < asked):
            asked = requested
        if (
            not by_hand and not self._spec.replaces and self._is_synced()
            and judge(self._sequence, item.sequence, False, True) == OLDER
            # Of two counts neither is known to be the venue's: the next update will tell.
            and not (
                self._unproven and (self._recounted or self._is_of_former_count(self._sequence))
            )
        ):
            # A late reply to an old request: showing it would be showing an older book as live.
            self._counters.held_snapshots += 1
            self._held_sequence = item.sequence
            # Certain where what was asked for, and updates too, are of a lower count.
            if self._is_restart(announced and self._stale_run > 0):
                return self._restarted(item.sequence)
            return DUPLICATE_BIT
        if (
            not by_hand and self._is_synced() and not self._unproven
            and not self._spec.replaces and self._is_of_former_count(item.sequence)
        ):
            # A reply that waited since before the counter restarted, or comes out of a cache.
            self._counters.held_snapshots += 1
            return DUPLICATE_BIT
        if not by_hand and self._is_behind_time(item):
            # It has waited for long, whatever its version says.
            self._counters.held_snapshots += 1
            return DUPLICATE_BIT
        if self._unproven and same_sequence and self._is_synced() and not by_hand:
            if not self._is_proven(item.sequence, announced):
                # Twice the same says no more than once: caches repeat themselves.
                self._counters.held_snapshots += 1
                return DUPLICATE_BIT
            self._believe()
        if not by_hand and not self._trusts_empty and not has_levels(rows, item):
            if self._waits_for_another(announced):
                self._counts_from(item.sequence)
                self._become(EMPTIED, "empty snapshot, waiting for a second one")
                return GAP_BIT
            hollow = True
        self._counters.snapshots += 1
        sides_top(&self._sides, &before)
        if announced and same_sequence and self._is_synced():
            change = self._audit(scratch, rows, item)
            if change >= 0:
                change |= self._top_bit(&before, was_live)
                return self._merged(change, item, asked)
        change = self._load_sides(
            scratch, rows, item, 0 if by_hand else self._window(),
            not by_hand and (announced or self._is_later(item)),
        )
        self._begins = False
        self._renewed = False
        self._hollow = hollow
        if hollow:
            # Whatever is put on it is not known to be all there is.
            self._sides.ladders[BID].known_from = INT64_LIMIT
            self._sides.ladders[ASK].known_from = INT64_LIMIT
        else:
            self._empties = 0
        self._overtake(before_sequence, item.sequence)
        if not self._unproven:
            self._reach(before_sequence)
        self._sequence = item.sequence
        self._exchange_time = item.exchange_time
        self._empty_snapshots = 0
        if not is_behind:
            self._stale_run = 0
        self._held_sequence = -1
        if item.sequence < 0 or self._spec.replaces:
            # Nothing that was counted can be joined to a snapshot that was not, and nothing that
            # came before one that came in its turn.
            self._drop_kept()
            self._forget_recent()
        told = self._last_kept_at()
        change |= self._drain(&complete, &continued)
        self._trim()
        self._unproven = not (
            by_hand or continued or self._spec.replaces
            # Where it is ahead of another one that was not believed, the updates between the two
            # should have come before it.
            or self._is_proven(item.sequence, announced and not self._unproven)
        )
        if not self._unproven:
            self._believe()
        if by_hand and not complete:
            # Whoever feeds a book by hand decides what it continues from.
            self._drop_kept()
        elif not complete:
            self._counters.old_snapshots += 1
            self._become(
                FELL_SHORT,
                f"the snapshot {item.sequence} does not reach the updates kept for it",
            )
            return GAP_BIT
        if self._spec.proven != MOST_COUNT and not by_hand and not self._is_summed(item):
            return change | SNAPSHOT_BIT | GAP_BIT
        if self._sum != NULL and not self._sums_up(item):
            return change | SNAPSHOT_BIT | GAP_BIT
        if self._crossed():
            self._counters.crossed += 1
            self._become(CAME_CROSSED, f"crossed snapshot: {self._cross_text()}")
            self._refused = not by_hand
            return change | SNAPSHOT_BIT | CROSSED_BIT
        if self._is_in_the_dark():
            self._darken()
            return change | SNAPSHOT_BIT | GAP_BIT
        if self._unproven:
            self._become(UNPROVEN, self._unproven_text())
            return change | SNAPSHOT_BIT | GAP_BIT
        # A reply was true when it was asked for, or later; so was the first snapshot when it was
        # subscribed, but that may come out of a cache: by what frames may be late, it may be older.
        # Which of them it is nothing says: it counts from the first that is open. With all that
        # updates told before, it was true as of the last of them.
        if is_first:
            self._known_at = min(max(asked, told), self._heard_at)
        elif announced:
            self._say_as_of(max(asked, told))
        if not (was_live and same_sequence and change == 0):
            # A reply that only repeats what is shown confirms the run; anything else starts one.
            self._become(APPLIED, "empty, unconfirmed" if hollow and not self._assigned else None)
        if not is_behind:
            self._confirm("snapshot")
        return change | SNAPSHOT_BIT | self._top_bit(&before, was_live)

    cdef bint _is_behind_time(self, const Item* item) except -1:
        """Whether a snapshot was stamped seconds before the last update that has come, so that it
        shows what was then. Stamps that are further apart are of clocks, and not of one clock; and
        what a subscription begins with, or may, can come from another server."""
        cdef int64_t last = self._exchange_time
        cdef _Pending kept
        if self._begins or self._renewed or self._spec.replaces or item.exchange_time < 0:
            return False
        if self._buffer:
            kept = self._buffer[len(self._buffer) - 1]
            if kept.item.exchange_time >= 0:
                last = kept.item.exchange_time
        return last >= 0 and WAITED_MS <= last - item.exchange_time < CLOCKS_MS

    @cython.final
    cdef bint _is_later(self, const Item* item) noexcept:
        """Whether a snapshot that nobody asked for is not the one that a subscription begins with.
        Where nobody can be asked, one without a side is believed: nothing would ever show it."""
        return (
            not self._is_begun_with(item) and not self._spec.replaces
            and (self._assigned or item.count[BID] > 0 and item.count[ASK] > 0)
        )

    @cython.final
    cdef void _begin_with_next(self) noexcept:
        """What comes from now on is of a new subscription, which begins with a snapshot."""
        self._begins = True
        self._told_before = self._told()

    @cython.final
    cdef int64_t _told(self) noexcept:
        return self._counters.updates + self._counters.buffered + self._counters.heartbeats

    @cython.final
    cdef bint _is_begun_with(self, const Item* item) noexcept:
        """Whether a snapshot may be what a subscription begins with. That was taken before the first
        of its updates: one that has overtaken any of them is a later one, and the first was lost."""
        cdef _Pending kept
        if not self._begins or self._told() == self._told_before:
            return self._begins
        if not self._buffer:
            return False
        kept = self._buffer[0]
        return item.sequence < kept.item.sequence

    @cython.final
    cdef bint _is_proven(self, int64_t sequence, bint announced) noexcept:
        """Whether a snapshot is believed although no update continues it. Replies come from
        caches, and what is older than what the book had come to may be just that. A new connection
        may count lower; its first snapshot too may be old, but then a reply shows it."""
        if self._recounted or self._is_of_former_count(sequence):
            return False
        return sequence >= self._reached or self._elsewhere and announced

    @cython.final
    cdef bint _is_of_former_count(self, int64_t sequence) noexcept:
        return self._former_count(sequence) >= 0

    @cython.final
    cdef int64_t _former_count(self, int64_t sequence) noexcept:
        """Where the count ended, when the venue's counter restarted, that a version is of: it is no
        higher than that, and nearer to it than to what has been counted since. -1: of none."""
        cdef int64_t now = self._reached if self._reached >= 0 else self._sequence
        cdef unsigned int i
        for i in range(min(self._times_left, <unsigned int>MOST_LEFT)):
            if now < sequence <= self._left_at[i] and self._left_at[i] - sequence < sequence - now:
                return self._left_at[i]
        return -1

    @cython.final
    cdef void _believe(self) noexcept:
        """What is held is what the venue says now, and its version the one to count from."""
        self._note_left(self._sequence)
        self._unproven = False
        self._recounted = False
        self._elsewhere = False
        self._reached = -1

    @cython.final
    cdef void _counts_from(self, int64_t sequence) noexcept:
        """A snapshot that is not shown says all the same how far a new connection has counted."""
        if not self._elsewhere or sequence < 0:
            return
        self._note_left(sequence)
        self._reached = sequence
        self._elsewhere = False

    @cython.final
    cdef void _note_left(self, int64_t sequence) noexcept:
        """From now on versions are counted from that one: a higher count that was is over."""
        if self._reached > sequence >= 0:
            self._left_at[self._times_left % MOST_LEFT] = self._reached
            self._passed = max(self._passed, self._reached)
            self._times_left += 1

    @cython.final
    cdef void _reach(self, int64_t sequence) noexcept:
        if sequence > self._reached:
            self._reached = sequence
            self._elsewhere = False

    @cython.final
    cdef void _leave(self) noexcept:
        """The book is told of elsewhere from now on, where its version may be another."""
        if not self._unproven:
            self._reach(self._sequence)
        self._elsewhere = True
        self._begin_with_next()
        self._renewed = False
        self._recounted = False
        self._unproven = False
        self._sequence = -1
        self._overtaken = 0
        self._empties = 0
        self._requests.count = 0
        self._snapshots_due.count = 0

    cdef str _unproven_text(self):
        if self._recounted:
            return (
                f"the venue's counter restarted: no update has continued the snapshot "
                f"{self._sequence} yet"
            )
        if self._is_of_former_count(self._sequence):
            return (
                f"the snapshot {self._sequence} is of the count that the venue's counter left at "
                f"{self._former_count(self._sequence)}, and no update has continued it yet"
            )
        return (
            f"the snapshot {self._sequence} is older than version {self._reached}, which was reached "
            "before, and no update has continued it yet"
        )

    @cython.final
    cdef void _overtake(self, int64_t before, int64_t sequence) noexcept:
        """Updates that a snapshot has overtaken on their way are no sign of a restarted counter, if
        they are few: until one is applied again, all are counted, whatever snapshots come."""
        if self._overtaken_from < 0:
            self._overtaken = 0
        if before > sequence:
            self._overtaken_from = -1
        elif before < sequence and self._overtaken_from < 0:
            self._overtaken_from = before

    @cython.final
    cdef void _suspect(self) noexcept:
        """The book is lost. If it was contradicted before, no version is worth more than another."""
        if self._is_contradicted():
            self._recounted = True

    @cython.final
    cdef bint _is_contradicted(self) noexcept:
        """Whether updates have come that are below the book, and none since that continues it: they
        were overtaken, and the last of them has not come yet, or they are of another count."""
        return (
            self._overtaken_from >= 0 and self._overtaken > 0
            or self._stale_run > 0 and self._held_sequence < 0
        )

    @cython.final
    cdef void _ask(self, int64_t now, bint subscribed, bint acknowledged) noexcept:
        """Note that a request is sent, or a subscription, which begins with a snapshot. Of one that
        is long past none is waited for."""
        cdef int64_t lost = now - 2 * self._valid_for
        note_question(&self._snapshots_due, now, lost)
        if subscribed and acknowledged:
            self._begin_with_next()
        self._renewed |= subscribed and not acknowledged
        if not subscribed:
            note_question(&self._requests, now, lost)

    cdef int64_t _last_kept_at(self) except? -2:
        """As of when the last of the updates speaks that wait for a snapshot; -1 where none does."""
        cdef _Pending last
        if not self._buffer:
            return -1
        last = self._buffer[len(self._buffer) - 1]
        return last.item.known

    cdef int _merged(self, int change, Item* item, int64_t asked) except -1:
        """The reply has been joined to the book, which goes on in the same run."""
        self._counters.merges += 1
        self._empty_snapshots = 0
        if self._is_contradicted():
            # Updates have come since that are below it: that it says the same again is no proof.
            return change | SNAPSHOT_BIT
        self._stale_run = 0
        self._held_sequence = -1
        if item.exchange_time >= 0:
            self._exchange_time = item.exchange_time
        self._trim()
        if self._crossed():
            self._counters.crossed += 1
            self._become(CAME_CROSSED, f"crossed snapshot: {self._cross_text()}")
            self._refused = True
            return change | SNAPSHOT_BIT | CROSSED_BIT
        if self._is_in_the_dark():
            self._darken()
            return change | SNAPSHOT_BIT | GAP_BIT
        if self._state == STALE:
            self._become(CONTINUED, None)
        self._say_as_of(self._heard_at if asked < 0 else asked)
        self._confirm("snapshot")
        return change | SNAPSHOT_BIT

    cdef int _audit(self, _Scratch scratch, const Row* rows, Item* item) except -2:
        """Compare the book with an announced reply of the same sequence, and join the two.

        Returns the Change bits of a merge: levels of the price range that the reply covers are
        the reply's, deeper ones stay, and more is known than before. Returns -1, and has changed
        no level, where the two disagree on something the book should have known; then the reply
        must replace the book.
        """
        cdef Ladder[2] fresh
        cdef Ladder[2] joined
        cdef int64_t[2] covered
        cdef int side
        cdef Py_ssize_t window = self._window()
        cdef Comparison found
        cdef Ladder* mine
        cdef int64_t below
        cdef int change = 0
        cdef Scales now, wanted
        cdef Misfit misfit
        self._counters.audits += 1
        now = self._sides.scales
        if not plan(self._sides.ladders, now, rows, item, &wanted, &misfit):
            raise InvariantError(f"{self.symbol}: a snapshot was applied without being checked")
        if (
            wanted.price < now.price
            or wanted.size < now.size
            or not ladder_fits(&self._sides.ladders[0], POW10[wanted.price - now.price], POW10[wanted.size - now.size])
            or not ladder_fits(&self._sides.ladders[1], POW10[wanted.price - now.price], POW10[wanted.size - now.size])
        ):
            return -1
        memset(fresh, 0, sizeof(fresh))
        memset(joined, 0, sizeof(joined))
        memset(&found, 0, sizeof(found))
        try:
            loading = scratch.loading_room(max(item.count[0], item.count[1]))
            for side in range(2):
                mine = &self._sides.ladders[side]
                if (
                    ladder_begin(&fresh[side], item.count[side]) < 0
                    or ladder_begin(&joined[side], item.count[side] + ladder_length(mine)) < 0
                ):
                    raise MemoryError
            self._rescale(wanted)
            for side in range(2):
                mine = &self._sides.ladders[side]
                fill_loading(loading, rows, item, side, wanted)
                ladder_load(&fresh[side], loading, item.count[side])
                fresh[side].known_from = KNOWN_FROM_START
                ladder_trim(&fresh[side], self._max_levels)
                self._mark_end(&fresh[side], item, side, window, True)
                covered[side] = fresh[side].known_from
                compare_ladders(mine, &fresh[side], covered[side], &found)
            self._counters.audit_mismatches += found.mismatches
            self._counters.ghosts += found.ghosts
            if found.ghosts:
                # The venue does not tell of every level that goes: keep no more than it shows.
                self._narrow = True
            if found.mismatches:
                return -1
            if found.filled or found.ghosts:
                change = LEVELS_BIT
            for side in range(2):
                mine = &self._sides.ladders[side]
                below = covered[side]
                joined[side].known_from = min(mine.known_from, covered[side])
                if (
                    self._narrow and below != INT64_LIMIT
                    and ladder_count_from(mine, below) < ladder_length(mine)
                ):
                    below = KNOWN_FROM_START
                    joined[side].known_from = covered[side]
                    change = LEVELS_BIT
                ladder_join(&joined[side], mine, below, &fresh[side])
                ladder_expect(&joined[side])
                ladder_move(mine, &joined[side])
        finally:
            for side in range(2):
                ladder_free(&fresh[side])
                ladder_free(&joined[side])
        return change

    cdef int _restarted(self, int64_t sequence) except -1:
        self._counters.gaps += 1
        self._become(
            MISSED, f"the venue's counter restarted: expected {self._sequence + 1}, was {sequence}"
        )
        self._stale_run = 0
        self._held_sequence = -1
        self._recounted = True
        self._leave_recent()
        return GAP_BIT

    cdef bint _is_summed(self, const Item* item) except -1:
        """Whether a snapshot of a channel that only a checksum proves has one, or may have one in
        the next; where neither, the book is STALE."""
        if self._spec.proven == 0:
            self._become(UNSUMMED, "nothing that comes on this channel proves a book")
            # No update makes it any better.
            self._refused = True
            return False
        if item.checksum > 0 or item.checksum == 0 and self._is_empty():
            self._unsummed = 0
            return True
        self._unsummed = min(self._unsummed + 1, MOST_UNSUMMED)
        if self._unsummed < MOST_UNSUMMED:
            return True
        self._stop_summing()
        self._become(UNSUMMED, "the venue's checksums stopped")
        self._refused = True
        return False

    cdef void _stop_summing(self) noexcept:
        """There were checksums, and are none any more: that is told once."""
        self._tells |= self._counters.checksums_stopped == 0
        self._counters.checksums_stopped = 1

    cdef bint _sums_up(self, const Item* item) except -1:
        """Whether the venue's checksum is that of the book, now that the whole frame is applied; a
        book that it is not of is in GAP."""
        cdef int i
        cdef uint32_t mine
        for i in range(2):
            if item.count[i] or item.kind == ITEM_SNAPSHOT:
                sum_touch(self._sum, i)
        if item.checksum == NOBODYS_CHECKSUM:
            # Whoever feeds a book by hand answers for it.
            return True
        for i in range(2):
            # A snapshot says anew how numbers are written.
            if item.written[i] > self._sum.written[i] or item.kind == ITEM_SNAPSHOT:
                self._sum.written[i] = min(<int>item.written[i], <int>MOST_WRITTEN)
        if self._spec.rule != RULE_NONE:
            # The sequence proves the book; that there are no checksums any more is told once.
            if item.checksum <= 0:
                if self._counters.checksums:
                    self._stop_summing()
                return True
            if not self._can_sum():
                return True
        elif item.checksum == NO_CHECKSUM:
            self._mismatched(item, checksum_of(self._sum, &self._sides, &self._spec.sum))
            return False
        self._counters.checksums += 1
        mine = checksum_of(self._sum, &self._sides, &self._spec.sum)
        if mine == <uint32_t>item.checksum:
            return True
        self._mismatched(item, mine)
        return False

    cdef int _mismatched(self, const Item* item, int64_t mine) except -1:
        self._counters.checksum_mismatches += 1
        self._counters.gaps += 1
        if item.checksum <= 0:
            self._unsummed = max(self._unsummed, 1)
        theirs = "the venue sent none" if item.checksum < 0 else f"the venue's is {item.checksum}"
        self._become(MISMATCHED, f"checksum: {theirs}, the book's is {mine}")
        return 0

    cdef bint _can_sum(self) noexcept:
        """Whether all levels that a checksum covers are known, of sides that have fewer all."""
        cdef int side
        for side in range(2):
            if (
                self._sides.ladders[side].known_from != KNOWN_FROM_START
                and self._known(side) < self._spec.sum.levels
            ):
                return False
        return True

    cdef int _apply_update(self, const Row* rows, Item* item, bint by_hand) except -1:
        cdef Verdict verdict
        cdef int change
        cdef bint applied = True
        cdef Top before
        if not self._is_synced():
            if item.sequence < 0 or self._spec.replaces:
                # Nothing to wait for: the snapshot will come after all that it says.
                return GAP_BIT
            return self._keep(rows, item)
        verdict = self._judge(self._sequence, item)
        if verdict != NEXT and verdict != UNCOUNTED:
            return self._not_next(rows, item, verdict)
        if not by_hand and self._is_passed_again(item.sequence) and (
            self._has_been_heard(rows, item) or self._is_out_of_time(item)
        ):
            self._counters.gaps += 1
            self._become(
                MISSED, f"the update {item.sequence} may be of before the venue's counter restarted"
            )
            return GAP_BIT
        sides_top(&self._sides, &before)
        change = self._put_rows(rows, item, &applied)
        if not applied:
            return self._unholdable()
        self._counters.updates += 1
        self._stale_run = 0
        self._overtaken_from = -1
        if item.sequence >= 0:
            self._sequence = item.sequence
            self._remember(rows, item)
        if item.exchange_time >= 0:
            self._exchange_time = item.exchange_time
        self._trim()
        change |= self._top_bit(&before, True)
        if self._sum != NULL and not self._sums_up(item):
            return change | GAP_BIT
        if self._crossed():
            return change | self._crossed_gap()
        # A book that was not in the dark comes into it with another best price only.
        if (change & TOP_BIT or self._state != LIVE) and self._is_in_the_dark():
            if self._state != STALE:
                self._darken()
            return change | GAP_BIT
        if self._state == STALE:
            self._believe()
            self._become(CONTINUED, None)
        self._confirm("update")
        return change

    @cython.final
    cdef Verdict _judge(self, int64_t last, const Item* item) noexcept:
        """How an update follows a version. That an empty one with the next version was lost before
        it came minds only a feed, which can ask, and only where heartbeats repeat the version."""
        cdef bint empty = item.count[0] + item.count[1] == 0
        if item.linked:
            return judge_by_hand(last, item.previous, item.begins, item.sequence, empty)
        if self._spec.rule != RULE_NEXT:
            return judge_linked(self._spec.rule, last, item.previous, item.sequence, empty)
        return judge(
            last, item.sequence, empty,
            not empty or not self._assigned or self._spec.empty_advances,
        )

    cdef int _not_next(self, const Row* rows, Item* item, Verdict verdict) except -1:
        """A counted update that is not the one that was due."""
        if verdict == SAME_HEARTBEAT:
            # BitMart's spot heartbeat repeats the version; it proves that nothing was lost.
            self._counters.heartbeats += 1
            self._stale_run = 0
            if self._state == STALE and (self._crossed() or self._is_in_the_dark()):
                return HEARTBEAT_BIT
            self._overtaken_from = -1
            if self._state == STALE:
                self._believe()
                self._become(CONTINUED, None)
            self._confirm("heartbeat")
            return HEARTBEAT_BIT
        if verdict == SAME or verdict == OLDER:
            return self._not_new(rows, item)
        self._counters.gaps += 1
        if verdict == NEXT_IS_LOST:
            self._become(MISSED, f"version gap: a heartbeat of {item.sequence} before its update")
            self._reach(item.sequence)
            return GAP_BIT
        self._become(MISSED, self._gap_text(item, verdict))
        if not self._spec.replaces:
            self._keep(rows, item)
        return GAP_BIT

    cdef str _gap_text(self, const Item* item, Verdict verdict):
        if item.begins < 0 and (item.linked or self._spec.rule == RULE_CHAIN):
            return f"version gap: expected what follows {self._sequence}, was what follows {item.previous}"
        expected = "no counter" if verdict == NO_COUNTER else self._sequence + 1
        first = item.previous if self._spec.rule == RULE_RANGE else item.sequence
        if item.linked:
            first = item.begins
        return f"version gap: expected {expected}, was {first}"

    cdef int _not_new(self, const Row* rows, Item* item) except -1:
        """An update that is not above the book: a duplicate, or a sign that the counter restarted.
        Taking all for duplicates would freeze the book for ever."""
        cdef Hearing heard = self._heard_before(rows, item)
        if heard == CONTRADICTED:
            return self._contradicted(rows, item)
        if heard != REPEATED and self._spec.replaces:
            # Nothing overtakes anything there.
            return self._restarted(item.sequence)
        self._counters.duplicates += 1
        if heard == REPEATED:
            return DUPLICATE_BIT
        if item.sequence > self._overtaken_from >= 0 and self._held_sequence < 0:
            self._overtaken += 1
            self._counters.overtaken += 1
            if self._overtaken <= MOST_OVERTAKEN:
                self._remember(rows, item)
                if item.sequence == self._sequence:
                    # The last of them: from here on the like is evidence again.
                    self._overtaken_from = -1
                return DUPLICATE_BIT
        if not self._is_restart(judge(self._held_sequence, item.sequence, False, True) == NEXT):
            return DUPLICATE_BIT
        self._restarted(item.sequence)
        self._keep(rows, item)
        return GAP_BIT

    cdef int _contradicted(self, const Row* rows, Item* item) except -1:
        """Two different updates have one version: the counter restarted, or counts nothing."""
        self._counters.gaps += 1
        self._become(MISSED, f"there are two different updates of version {item.sequence}")
        self._recounted = True
        self._leave_recent()
        if not self._spec.replaces:
            self._keep(rows, item)
        return GAP_BIT

    cdef bint _is_restart(self, bint certain) noexcept:
        """Whether one more frame below the book, which it has not applied, makes it certain that
        the counter restarted."""
        self._stale_run += 1
        return certain or self._stale_run >= STALE_RUN

    cdef bint _is_in_the_dark(self) noexcept:
        """Whether the best price of some side is a guess: all that was known of it has gone, and
        what lay below it, beyond the venue's window or `max_levels`, is not known."""
        cdef int side
        cdef const Ladder* ladder
        cdef const Rung* best
        for side in range(2):
            ladder = &self._sides.ladders[side]
            if ladder.known_from == KNOWN_FROM_START:
                continue
            # Every update comes by here: whether none is known the best one says.
            best = ladder_best(ladder)
            if (best == NULL or best.key < ladder.known_from) and self._is_a_guess(side):
                # A side that was said to be empty is shown as that, and nothing else.
                return not (self._hollow and self._is_empty())
        return False

    cdef bint _is_a_guess(self, int side) noexcept:
        """Whether a side of which nothing is known for certain is not to be shown.

        A feed can ask, and always minds. Who replays a recording can not: there a side that has
        grown to at least a picture's length again, by updates alone, passes for the market's.
        """
        return (
            self._assigned or self._counters.trimmed > 0
            or ladder_length(&self._sides.ladders[side]) < self._spec.window
        )

    cdef int _darken(self) except -1:
        """Levels were told of a book that was said to be empty: whoever said so has to say it
        again, all of them; or all that was known of a side has gone."""
        self._empties = 0
        self._become(DARKENED, self._dark_text())
        return 0

    cdef str _dark_text(self):
        if self._hollow:
            return "base unconfirmed: the snapshot that these levels came after was empty"
        return "of one side no level is known for certain"

    @cython.final
    cdef bint _is_empty(self) noexcept:
        return ladder_length(&self._sides.ladders[BID]) == 0 == ladder_length(
            &self._sides.ladders[ASK]
        )

    cdef bint _waits_for_another(self, bint announced) noexcept:
        """Whether one more snapshot has to say that there are no levels: an empty market and a
        server that is not ready look the same. Where one can ask, both what comes unasked and the
        answer to a request have to say so; where nobody can, the second one, unless there were no
        levels before either."""
        if self._assigned and not self._spec.replaces:
            self._empties |= 2 if announced else 1
            return self._empties != 3
        self._empty_snapshots += 1
        return self._empty_snapshots < 2 and (self._assigned or not self._is_empty())

    cdef int _crossed_gap(self) except -1:
        self._counters.crossed += 1
        self._counters.gaps += 1
        self._become(CROSSED, f"crossed: {self._cross_text()}")
        return CROSSED_BIT | GAP_BIT

    cdef int _unholdable(self) except -1:
        """The item can be held by itself, but not beside what has come since it was checked: in
        the same frame, or kept from an earlier one."""
        self._counters.gaps += 1
        self._side_seen[0] = False
        self._side_seen[1] = False
        self._become(MISFITTED, "the numbers have more digits than can be held exactly")
        return GAP_BIT

    cdef int _apply_full(self, _Scratch scratch, const Row* rows, Item* item) except -1:
        """A full picture of an unsequenced channel replaces the book each time."""
        cdef bint was_live = self._state == LIVE
        cdef bint hollow = False
        cdef int change
        cdef Top before
        if was_live and self._older(
            item.exchange_time, self._exchange_time, &self._stale_run
        ):
            return DUPLICATE_BIT
        if has_levels(rows, item) or self._trusts_empty:
            self._empty_snapshots = 0
        else:
            self._empty_snapshots += 1
            if self._empty_snapshots < 2 and (self._assigned or not self._is_empty()):
                self._become(EMPTIED, "empty picture, waiting for a second one")
                return GAP_BIT
            hollow = not self._assigned
        self._counters.snapshots += 1
        # Updates that were kept by hand have nothing to continue here.
        self._drop_kept()
        sides_top(&self._sides, &before)
        change = self._load_sides(scratch, rows, item, self._window(), False) | SNAPSHOT_BIT
        self._exchange_time = item.exchange_time
        self._trim()
        if self._crossed():
            return change | self._crossed_gap()
        if not was_live or hollow != self._hollow:
            self._become(APPLIED, "empty, unconfirmed" if hollow else None)
        self._hollow = hollow
        self._confirm("picture")
        return change | self._top_bit(&before, was_live)

    cdef bint _older(self, int64_t time, int64_t last, int* stale_run) noexcept:
        """Whether a picture is older than the last one of the same. A few in a row mean that a
        clock was set. A stamp of zero is none, and one of another unit can not be compared."""
        if time <= 0 or time >= last or time < last // OTHER_UNIT:
            stale_run[0] = 0
            return False
        self._counters.duplicates += 1
        stale_run[0] += 1
        if stale_run[0] < STALE_RUN:
            return True
        stale_run[0] = 0
        return False

    cdef int _apply_side(self, _Scratch scratch, const Row* rows, Item* item) except -1:
        """One side of an unsequenced channel that sends its sides in turn.

        Between a side and its partner the book may look crossed; such a side waits, unseen,
        until the partner comes. The two are stamped, and may be late, each by itself; a partner
        that does not come any more is noticed by the side that does.
        """
        cdef int side = BID if item.present[0] else ASK
        cdef bint was_live = self._state == LIVE
        cdef int change
        cdef _Pending staged
        cdef Top before
        if was_live and self._staged is None and self._older(
            item.exchange_time, self._side_time[side], &self._side_stale[side]
        ):
            return DUPLICATE_BIT
        self._side_alone[side] += 1
        self._side_alone[1 - side] = 0
        if self._state == STALE and self._side_seen[0] and self._side_seen[1]:
            # What was there before the doubt is too old: both sides have to come anew.
            self._side_seen[0] = False
            self._side_seen[1] = False
        sides_top(&self._sides, &before)
        staged = self._staged
        self._staged = None
        if not self._can_hold(rows, item):
            return self._unholdable()
        if was_live and self._would_cross(rows, item, side):
            if staged is None or staged.item.present[side]:
                if staged is not None:
                    # The same side twice and still crossed: no partner is coming to explain it.
                    self._side_seen[1 - side] = False
                    return self._load_sides(scratch, rows, item, self._window(), False) | self._crossed_gap()
                self._staged = keep_item(rows, item)
                return BUFFERED_BIT
        change = SNAPSHOT_BIT
        if staged is not None and not staged.item.present[side]:
            change |= self._load_sides(
                scratch, staged.rows, &staged.item, self._window(), False
            )
            self._side_time[1 - side] = staged.item.exchange_time
            self._side_known[1 - side] = staged.item.known
            if not self._can_hold(rows, item):
                return change & ~SNAPSHOT_BIT | self._unholdable()
        change |= self._load_sides(scratch, rows, item, self._window(), False)
        self._counters.snapshots += 1
        self._side_seen[side] = True
        self._side_time[side] = item.exchange_time
        self._side_known[side] = self._known_at
        self._exchange_time = item.exchange_time
        self._trim()
        if not (self._side_seen[0] and self._side_seen[1]):
            return change & ~SNAPSHOT_BIT
        if self._crossed():
            change |= self._crossed_gap()
            self._side_seen[0] = False
            self._side_seen[1] = False
            return change
        if was_live and self._side_alone[side] >= STALE_RUN:
            return change | self._wait_for_partner(side)
        # A book is as old as the older of its sides, which this one says nothing of.
        self._known_at = min(self._known_at, self._side_known[1 - side])
        if not was_live:
            self._become(APPLIED, None)
        if not was_live or self._known_at > self._confirmed_at:
            self._confirm("picture")
        return change | self._top_bit(&before, was_live)

    cdef int _wait_for_partner(self, int side) except -1:
        """The side has come three times in a row without the other one, which so is too old to be
        shown. It is brought up to date unseen, until the other one comes."""
        self._become(
            LEFT_ALONE,
            f"the {SIDE_NAMES[side]}s came {STALE_RUN} times without the {SIDE_NAMES[1 - side]}s",
        )
        return GAP_BIT

    cdef bint _would_cross(self, const Row* rows, const Item* item, int side) noexcept:
        """Whether the best row of one side would meet the other side as it is shown."""
        cdef const Rung* best = ladder_best(&self._sides.ladders[1 - side])
        cdef Py_ssize_t i
        cdef const Row* row
        cdef int64_t price
        cdef int64_t limit
        if best == NULL:
            return False
        limit = best.key * SIGN[1 - side]
        for i in range(item.count[side]):
            row = &rows[item.first[side] + i]
            if row.size.mantissa == 0:
                continue
            price = at_scale(row.price, self._sides.scales.price)
            if price < 0:
                # Finer than the book's scale: cut to it. A cut price meets `limit` exactly when
                # the true one is at or beyond it, but for bids it may fall one short.
                price = row.price.mantissa // POW10[min(-(row.price.exponent + self._sides.scales.price), MAX_SCALE)]
                if side == ASK:
                    price += 1
            if (side == BID and price >= limit) or (side == ASK and price <= limit):
                if not named_again(rows, item, side, i):
                    return True
        return False

    cdef Py_ssize_t _window(self) noexcept:
        return 0 if self._spec.window_kept else self._spec.window

    cdef int _load_sides(
        self, _Scratch scratch, const Row* rows, Item* item, Py_ssize_t window, bint later
    ) except -1:
        """Replace the sides that the item holds. Memory is taken before anything changes.

        `window` is where the venue cuts its pictures; 0: this one is whole. `later`: it is not the
        one that a subscription begins with.
        """
        cdef Ladder* fresh = scratch.fresh
        cdef Scales now, wanted
        cdef Misfit misfit
        cdef IndexedRung* loading
        cdef int side
        cdef int change = 0
        cdef Ladder* old
        now = self._sides.scales
        if item.fitting:
            wanted = now
        elif not plan(self._sides.ladders, now, rows, item, &wanted, &misfit):
            raise InvariantError(f"{self.symbol}: a snapshot was applied without being checked")
        for side in range(2):
            if item.present[side] and ladder_begin(&fresh[side], item.count[side]) < 0:
                raise MemoryError
        loading = scratch.loading_room(max(item.count[0], item.count[1]))
        if item.kind == ITEM_SIDE:
            # The other side stays and has to follow the scale.
            self._rescale(wanted)
        for side in range(2):
            if not item.present[side]:
                continue
            if not fill_in_order(&fresh[side], rows, item, side, wanted):
                fill_loading(loading, rows, item, side, wanted)
                ladder_load(&fresh[side], loading, item.count[side])
            fresh[side].known_from = KNOWN_FROM_START
            self._counters.trimmed += ladder_trim(
                &fresh[side], self._spec.depth if self._spec.depth else self._max_levels
            )
            self._mark_end(&fresh[side], item, side, window, later)
            old = &self._sides.ladders[side]
            if (
                now.price != wanted.price
                or now.size != wanted.size
                or not ladder_equal(old, &fresh[side])
            ):
                change = LEVELS_BIT
            if item.kind == ITEM_SNAPSHOT:
                ladder_expect(&fresh[side])
            ladder_exchange(old, &fresh[side])
        self._sides.scales.price = wanted.price
        self._sides.scales.size = wanted.size
        return change

    @cython.final
    cdef void _mark_end(
        self, Ladder* fresh, const Item* item, int side, Py_ssize_t window, bint later
    ) noexcept:
        """Note how far a side of a picture reaches.

        It may have been cut at the window, which counts rows: below its last level nothing is
        known. One that is shorter says that there is no more. Of the first of a subscription that
        is believed; but a later one, asked for or not, may have been cut as well where the book
        has more levels, or no end that it knows. That holds too where updates keep the window
        full: they tell of no level that does not change.
        """
        cdef const Ladder* old = &self._sides.ladders[side]
        self._pictured[side] = ladder_length(fresh)
        if (window == 0 or item.count[side] < window) and not (
            later and item.count[side] < self._spec.window and (
                old.known_from != KNOWN_FROM_START or item.count[side] < ladder_length(old)
            )
        ):
            return
        if ladder_length(fresh) == 0:
            fresh.known_from = INT64_LIMIT
        else:
            fresh.known_from = ladder_worst(fresh).key

    cdef int _rescale(self, Scales wanted) except -1:
        cdef int side
        cdef int64_t price_factor, size_factor
        if wanted.price == self._sides.scales.price and wanted.size == self._sides.scales.size:
            return 0
        if ladder_fold(&self._sides.ladders[0]) < 0 or ladder_fold(&self._sides.ladders[1]) < 0:
            raise MemoryError
        self._counters.widened += 1
        price_factor = POW10[wanted.price - self._sides.scales.price]
        size_factor = POW10[wanted.size - self._sides.scales.size]
        for side in range(2):
            ladder_rescale(&self._sides.ladders[side], price_factor, size_factor)
        self._sides.scales.price = wanted.price
        self._sides.scales.size = wanted.size
        return 0

    cdef int _put_rows(self, const Row* rows, Item* item, bint* applied) except -1:
        """Put an update's rows in order; with `applied` False nothing was changed."""
        cdef Scales now, wanted
        cdef Misfit misfit
        cdef int side
        cdef Py_ssize_t i
        cdef const Row* row
        cdef Ladder* ladder
        cdef Demand demand
        cdef int64_t key, sign
        cdef int64_t[2] best
        cdef bint changed = False
        now = self._sides.scales
        if item.fitting or fits(rows, item, now.price, now.size, &misfit):
            wanted = now
        elif not plan(self._sides.ladders, now, rows, item, &wanted, &misfit):
            applied[0] = False
            return 0
        if wanted.price != now.price or wanted.size != now.size:
            self._rescale(wanted)
        for side in range(2):
            ladder = &self._sides.ladders[side]
            demand = demand_of(ladder, rows, item, side, wanted)
            best[side] = demand.best
            if ladder_reserve(ladder, demand) < 0:
                raise MemoryError
        for side in range(2):
            ladder = &self._sides.ladders[side]
            sign = 1 if side == 0 else -1
            for i in range(item.count[side]):
                row = &rows[item.first[side] + i]
                key = widened(row.price, wanted.price) * sign
                changed |= ladder_put(ladder, key, widened(row.size, wanted.size))
            ladder_settle(ladder, best[side])
        return LEVELS_BIT if changed else 0

    cdef void _cut(self) noexcept:
        """Cut each side to what the venue shows: it tells of every level within that, and of none
        beyond it. So all that is left is known, and where there is less, there is no more."""
        cdef Ladder* ladder
        cdef int side
        for side in range(2):
            ladder = &self._sides.ladders[side]
            ladder_trim(ladder, self._spec.depth)
            if ladder_length(ladder) == self._spec.depth:
                ladder.known_from = ladder_worst(ladder).key
            else:
                ladder.known_from = KNOWN_FROM_START

    @cython.final
    cdef void _bound(self) noexcept:
        """A side that was known to be short has grown to the window: a venue may tell of no level
        beyond it. Whoever feeds a book by hand tells of all of them."""
        cdef Py_ssize_t window, place
        cdef Ladder* ladder
        cdef Cursor cursor
        cdef const Rung* rung = NULL
        cdef int side
        for side in range(2):
            ladder = &self._sides.ladders[side]
            if ladder.known_from != KNOWN_FROM_START:
                continue
            window = self._window()
            if window == 0 or ladder_length(ladder) < window:
                continue
            cursor = best_first(ladder)
            for place in range(window):
                rung = next_worse(&cursor)
            ladder.known_from = rung.key

    cdef int _trim(self) except -1:
        cdef Py_ssize_t longest = self._max_levels
        if self._spec.depth != 0:
            self._cut()
            return 0
        if self._narrow and 0 < self._window() < longest:
            longest = self._window()
        self._counters.trimmed += ladder_trim(&self._sides.ladders[0], longest)
        self._counters.trimmed += ladder_trim(&self._sides.ladders[1], longest)
        return 0

    cdef int _keep(self, const Row* rows, Item* item) except -1:
        """Keep an update until a snapshot arrives that it continues."""
        cdef _Pending tail
        cdef Verdict verdict
        cdef Hearing heard = self._heard_before(rows, item)
        if heard == REPEATED:
            self._counters.duplicates += 1
            return DUPLICATE_BIT
        if self._is_of_former_run(rows, item):
            # It is repeated, or says the same as one of then: what continues what nobody can say.
            self._counters.duplicates += 1
            self._drop_kept()
            self._recounted = True
            return DUPLICATE_BIT
        if heard == CONTRADICTED:
            # Which of the two counts nobody can say, nor what those count that were kept.
            self._drop_kept()
            self._leave_recent()
            self._recounted = True
        if self._buffer:
            tail = self._buffer[len(self._buffer) - 1]
            verdict = self._judge(tail.item.sequence, item)
            if verdict == SAME or verdict == SAME_HEARTBEAT:
                self._counters.duplicates += 1
                return DUPLICATE_BIT
            if verdict == OLDER:
                # The counter went back: what was kept belongs to the old count.
                self._drop_kept()
                if item.sequence <= max(self._reached, self._sequence):
                    self._recounted = True
        if (
            len(self._buffer) >= MAX_BUFFERED_FRAMES
            or self._buffered_rows + item.count[0] + item.count[1] > MAX_BUFFERED_ROWS
        ):
            self._counters.buffer_overflows += 1
            self._drop_kept()
            self._reason = "too many updates while waiting for a snapshot"
            return GAP_BIT
        if item.count[0] + item.count[1] or self._spec.empty_advances:
            self._remember(rows, item)
        if (self._empties or self._empty_snapshots) and has_levels(rows, item):
            # Whoever said that there are no levels has to say it again, all of them.
            self._empties = self._empty_snapshots = 0
        self._buffer.append(keep_item(rows, item))
        self._buffered_rows += item.count[0] + item.count[1]
        self._counters.buffered += 1
        return BUFFERED_BIT

    cdef int _drain(self, bint* complete, bint* continued) except -1:
        """Apply the kept updates that continue the snapshot: whether all of them do, or are behind
        it, and whether any does."""
        cdef _Pending pending
        cdef Verdict verdict
        cdef int change = 0
        cdef bint applied = True
        cdef Py_ssize_t used = 0
        for pending in self._buffer:
            verdict = self._judge(self._sequence, &pending.item)
            if verdict == NEXT:
                if self._is_passed_again(pending.item.sequence) and self._is_out_of_time(&pending.item):
                    break
                change |= self._put_rows(pending.rows, &pending.item, &applied)
                if not applied:
                    break
                self._counters.updates += 1
                continued[0] = True
                self._sequence = pending.item.sequence
                self._remember(pending.rows, &pending.item)
                if pending.item.exchange_time >= 0:
                    self._exchange_time = pending.item.exchange_time
            elif verdict == SAME_HEARTBEAT:
                continued[0] = True
            elif verdict == SAME or verdict == OLDER:
                self._counters.overtaken += 1
            else:
                break
            self._buffered_rows -= pending.n_rows
            used += 1
        complete[0] = used == len(self._buffer)
        if used:
            del self._buffer[:used]
        return change

    cdef uint64_t _digest(self, const Row* rows, const Item* item) noexcept:
        """A number that two different updates hardly ever share."""
        cdef uint64_t digest = <uint64_t>item.count[0] * 1099511628211u
        cdef uint64_t price, size
        cdef int side
        cdef Py_ssize_t i
        cdef const Row* row
        # Each row by itself, so that none waits for the one before; its place is part of it.
        for side in range(2):
            for i in range(item.count[side]):
                row = &rows[item.first[side] + i]
                price = <uint64_t>row.price.mantissa ^ <uint64_t>row.price.exponent << 58
                size = <uint64_t>row.size.mantissa ^ <uint64_t>row.size.exponent << 58
                price = (price + <uint64_t>i) * 0x9E3779B97F4A7C15u + size
                digest += (price ^ price >> 32) * 0xD6E8FEB86659FD93u
        return digest

    cdef Hearing _heard_before(self, const Row* rows, Item* item) noexcept:
        cdef int slot = item.sequence & (RECENT - 1)
        if self._recent_sequence[slot] != item.sequence:
            return UNHEARD
        if self._recent_digest[slot] == self._digest(rows, item):
            return REPEATED
        # A heartbeat has the version of the update before it, and says nothing else of it.
        return CONTRADICTED if item.count[0] + item.count[1] else UNHEARD

    @cython.final
    cdef bint _is_of_former_run(self, const Row* rows, const Item* item) noexcept:
        """Whether an update was heard before the venue's counter restarted."""
        cdef int slot = item.sequence & (RECENT - 1)
        return (
            self._former_sequence[slot] == item.sequence
            and self._former_digest[slot] == self._digest(rows, item)
        )

    @cython.final
    cdef bint _has_been_heard(self, const Row* rows, Item* item) noexcept:
        return self._is_of_former_run(rows, item) or self._heard_before(rows, item) == REPEATED

    @cython.final
    cdef bint _is_passed_again(self, int64_t sequence) noexcept:
        """Whether the venue's counter had been at a version before it restarted, so that there is
        an update of that version of then, which may come late, or again."""
        return 0 <= sequence and (sequence <= self._passed or sequence <= self._reached)

    @cython.final
    cdef bint _is_out_of_time(self, const Item* item) noexcept:
        """Whether an update was stamped before what it seems to continue; where the stamps are
        further apart, a clock was set."""
        return (
            item.exchange_time >= 0
            and 0 < self._exchange_time - item.exchange_time < CLOCKS_MS
        )

    cdef void _forget_recent(self) noexcept:
        cdef int i
        for i in range(RECENT):
            self._recent_sequence[i] = self._former_sequence[i] = -1

    @cython.final
    cdef void _leave_recent(self) noexcept:
        """The counter restarted: what was heard until now is no repeat of what is counted since."""
        cdef int i
        for i in range(RECENT):
            if self._recent_sequence[i] >= 0:
                self._former_sequence[i] = self._recent_sequence[i]
                self._former_digest[i] = self._recent_digest[i]
            self._recent_sequence[i] = -1

    cdef void _remember(self, const Row* rows, Item* item) noexcept:
        cdef int slot = item.sequence & (RECENT - 1)
        self._recent_sequence[slot] = item.sequence
        self._recent_digest[slot] = self._digest(rows, item)

    @cython.final
    cdef int _top_bit(self, const Top* before, bint was_live) noexcept:
        """TOP where the best price or size of a side is not what readers saw before."""
        cdef Top now
        sides_top(&self._sides, &now)
        if was_live:
            return TOP_BIT if tops_differ(before, &now) else 0
        return TOP_BIT if now.present[BID] or now.present[ASK] else 0

    @cython.final
    cdef bint _crossed(self) noexcept:
        return sides_crossed(&self._sides)

    cdef str _cross_text(self):
        """Made without Python code: the levels are crossed already, and the state says LIVE."""
        cdef Top top
        sides_top(&self._sides, &top)
        cdef char[PLAIN_ROOM] bid
        cdef char[PLAIN_ROOM] ask
        write_plain(bid, top.prices[BID], top.scales.price)
        write_plain(ask, top.prices[ASK], top.scales.price)
        return f"bid {bid.decode('ascii')} is not below ask {ask.decode('ascii')}"

    #
    # A read looks at the book in one piece of C: arguments are made numbers and arrays are made
    # before, then comes `_require_live`, and then, until all is looked at or copied, no Python
    # code. Garbage collections, signals and other threads come in wherever it runs; ints of more
    # than one digit (30 bits) let them in when they are multiplied or divided.

    cdef Py_ssize_t _known(self, int side) noexcept:
        cdef const Ladder* ladder = &self._sides.ladders[side]
        return ladder_count_from(ladder, ladder.known_from)

    cdef Py_ssize_t _certain(self, int side) noexcept:
        """How many of the best levels are known, and proven by the venue."""
        return min(self._known(side), self._spec.proven)


cdef bint fill_in_order(
    Ladder* fresh, const Row* rows, const Item* item, int side, Scales scales
) noexcept nogil:
    """Fill a new ladder by rows that come best first and without zeros, as venues send them; False,
    and it is as new as before, where they do not."""
    cdef Py_ssize_t count = item.count[side], i
    cdef const Row* row = &rows[item.first[side]]
    cdef Rung* rung = ladder_lay_out(fresh, count)
    cdef int64_t sign = SIGN[side]
    if rung == NULL:
        return False
    rung += count
    for i in range(count):
        rung -= 1
        rung.key = widened(row[i].price, scales.price) * sign
        rung.size = widened(row[i].size, scales.size)
        if rung.size == 0 or i != 0 and rung.key >= rung[1].key:
            ladder_lay_out(fresh, 0)
            return False
    return True


cdef void fill_loading(
    IndexedRung* loading, const Row* rows, const Item* item, int side, Scales scales
) noexcept nogil:
    cdef Py_ssize_t i
    cdef const Row* row
    for i in range(item.count[side]):
        row = &rows[item.first[side] + i]
        loading[i].key = at_scale(row.price, scales.price) * SIGN[side]
        loading[i].size = at_scale(row.size, scales.size)
        loading[i].arrival = i


cdef Demand demand_of(
    const Ladder* ladder, const Row* rows, const Item* item, int side, Scales scales
) noexcept nogil:
    cdef Demand demand = no_demand()
    cdef int64_t sign = 1 if side == 0 else -1
    cdef Py_ssize_t i
    cdef const Row* row
    for i in range(item.count[side]):
        row = &rows[item.first[side] + i]
        demand_add(
            ladder, &demand, widened(row.price, scales.price) * sign, widened(row.size, scales.size)
        )
    return demand


cdef struct Comparison:
    # Levels inside the known range that differ; levels of ours that are not there; levels that we
    # could not know.
    Py_ssize_t mismatches
    Py_ssize_t ghosts
    Py_ssize_t filled


cdef void compare_ladders(
    const Ladder* mine, const Ladder* fresh, int64_t covered, Comparison* found
) noexcept nogil:
    """Count in what two ladders differ from the best down to the key `covered`."""
    cdef Cursor my_cursor = best_first(mine), fresh_cursor = best_first(fresh)
    cdef const Rung* a = next_worse(&my_cursor)
    cdef const Rung* b = next_worse(&fresh_cursor)
    while True:
        if a != NULL and a.key < covered:
            a = NULL
        if b != NULL and b.key < covered:
            b = NULL
        if a == NULL and b == NULL:
            return
        if b == NULL or (a != NULL and a.key > b.key):
            found.ghosts += 1
            found.mismatches += a.key >= mine.known_from
            a = next_worse(&my_cursor)
        elif a == NULL or b.key > a.key:
            if b.key >= mine.known_from:
                found.mismatches += 1
            else:
                found.filled += 1
            b = next_worse(&fresh_cursor)
        else:
            if a.size != b.size:
                # An update told of it once, and of what became of it none did.
                if a.key >= mine.known_from:
                    found.mismatches += 1
                else:
                    found.ghosts += 1
            a = next_worse(&my_cursor)
            b = next_worse(&fresh_cursor)


cdef bint named_again(const Row* rows, const Item* item, int side, Py_ssize_t i) noexcept nogil:
    """Whether a later row has the price of this one, and so wins over it."""
    cdef const Row* row = &rows[item.first[side] + i]
    cdef const Row* other
    cdef Py_ssize_t later
    for later in range(i + 1, item.count[side]):
        other = &rows[item.first[side] + later]
        if (
            other.price.mantissa == row.price.mantissa
            and other.price.exponent == row.price.exponent
        ):
            return True
    return False


cdef bint has_levels(const Row* rows, const Item* item) noexcept nogil:
    cdef int side
    cdef Py_ssize_t i
    for side in range(2):
        for i in range(item.count[side]):
            if rows[item.first[side] + i].size.mantissa != 0:
                return True
    return False
