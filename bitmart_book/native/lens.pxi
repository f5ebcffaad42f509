# Part of _book: a book as it is without one's own orders, and where those stand in their queues.
#
# Own orders are told by another stream than the book's, and neither waits for the other. So each
# word about an order is set beside what the book shows only when the book has shown something
# later than it; what is not sure to be in the book is left in, and `certain` is False. Nothing here
# runs Python code while it looks at a ladder. docs/own-orders.md derives the bounds.

cdef class NetBook(Book):
    """A frozen book without own orders, as `Book.net` made it; every read of a book works on it.

    `certain` says whether all of one's own orders were known to be in it and were taken out. Where
    it is False some may have been left in, never too much was taken out.

    >>> net = book.net(())
    >>> net.best_bid.price, net.certain
    (100.5, True)
    """


@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class NetTop:
    """The best prices of a book without one's own orders, taken at one instant.

    `certain` is False where some of them may still be in it. `sequence` is that of the book.

    >>> top = bb.Account().lens(book).top
    >>> top.bid, top.ask, top.certain
    (100.5, 101.0, False)
    """

    __signature__ = _Signature("")

    def __init__(self):
        raise TypeError("a NetTop is read from a lens: lens.top")

    @property
    def bid(self):
        """float, or None where nobody else bids."""
        return price_on(&self._top, BID)

    @property
    def bid_size(self):
        """float, what others have there, or None."""
        return size_on(&self._top, BID)

    @property
    def ask(self):
        """float, or None where nobody else offers."""
        return price_on(&self._top, ASK)

    @property
    def ask_size(self):
        """float, what others have there, or None."""
        return size_on(&self._top, ASK)

    @property
    def exact(self):
        """(bid, bid_size, ask, ask_size) as Decimals, None where a side is empty."""
        return exact_top(&self._top)

    @property
    def mid(self):
        """float, halfway between the best prices of others; None where a side is empty."""
        return mid_of(&self._top)

    @property
    def spread(self):
        """float, best ask minus best bid of others, rounded once; None where a side is empty."""
        return spread_of(&self._top)

    @property
    def sequence(self):
        """The venue's counter of the book, or None where it has none."""
        return None if self._sequence < 0 else self._sequence

    cdef tuple _facts(self):
        return (
            self._top.present[BID], self._top.prices[BID], self._top.sizes[BID],
            self._top.present[ASK], self._top.prices[ASK], self._top.sizes[ASK],
            self._top.scales.price, self._top.scales.size, self._sequence, self.certain,
        )

    def __eq__(self, other):
        if not isinstance(other, NetTop):
            return NotImplemented
        return (
            self.exact == other.exact and self.certain == other.certain
            and self.sequence == other.sequence
        )

    __hash__ = None

    def __repr__(self):
        return (
            f"NetTop(bid={self.bid!r}, bid_size={self.bid_size!r}, ask={self.ask!r}, "
            f"ask_size={self.ask_size!r}, certain={self.certain!r})"
        )

    def __reduce__(self):
        return _restore_net_top, self._facts()


def _restore_net_top(*facts):
    cdef NetTop top = NetTop.__new__(NetTop)
    (
        top._top.present[0], top._top.prices[0], top._top.sizes[0],
        top._top.present[1], top._top.prices[1], top._top.sizes[1],
        top._top.scales.price, top._top.scales.size, top._sequence, top.certain,
    ) = facts
    return top


@cython.final
cdef class _Own:
    """One order of one's own, as the lens of its book knows it."""

    def __lt__(self, other):
        return (<_Own>self).rank < (<_Own>other).rank


@cython.final
cdef class Lens:
    """A book seen by whoever has orders in it: `feed.account.lens(book)`.

    `top` are the best prices without them, `ahead` says where they stand in their queues, `share`
    what of a side is one's own, `would_cross` whether an order would trade at once. `certain` says
    whether every own order is known to be where it is. As every read of a book, they raise
    BookNotLive while it is not LIVE.

        lens = feed.account.lens(book)
        top = lens.top
        if top.certain and top.bid is not None: ...

    >>> lens = bb.Account().lens(book)
    >>> lens.top.bid, lens.would_cross("bid", 101)
    (100.5, True)
    """

    __signature__ = _Signature("book")

    def __init__(self, Book book not None):
        if book._access == ACCESS_FROZEN:
            raise UsageError("a frozen book changes no more: a lens needs the book itself")
        if book._access == ACCESS_ATTACHED:
            raise UsageError("a lens needs the book itself, which another process keeps")
        if book._lens is not None:
            raise UsageError(f"the book of {book.symbol} has a lens: account.lens(book)")
        self.book = book
        self._bids = []
        self._asks = []
        self._by_id = {}
        self._traded = ()
        book._lens = self

    # --- what the account says ---

    def _tell(
        self, order_id, side, price, left, *, stamp_ms=None, now=None, doubtful=False, met=False
    ):
        """An order rests at that price, or may, with so much left. For accounts.

        `stamp_ms` is the venue's of that word, `now` when it arrived (seconds of the clock of the
        book), `doubtful` whether it is not sure, `met` whether the word is that somebody has just
        traded with it where it rests: then nobody is ahead of it.
        """
        cdef _Own own = self._by_id.get(order_id)
        cdef _Own told = _Own.__new__(_Own)
        cdef int number = side_number(side)
        parse_by_hand(price, &told.price)
        parse_by_hand(left, &told.left)
        if (
            own is not None and own.side == number and not own.gone
            and own.price.mantissa == told.price.mantissa
            and own.price.exponent == told.price.exponent
            and own.left.mantissa == told.left.mantissa
            and own.left.exponent == told.left.exponent and own.doubtful == bool(doubtful)
        ):
            return
        told.side = number
        told.rank = Decimal(number_text(price))
        told.much = Decimal(number_text(left))
        told.id = order_id
        told.doubtful = doubtful
        self._date(told, stamp_ms, now)
        told.most = told.before = -1
        if (
            own is not None and own.side == number and own.price.mantissa == told.price.mantissa
            and own.price.exponent == told.price.exponent and not own.gone
            and told.much <= own.much
        ):
            # It waits where it waited, and less of it.
            told.most, told.before, told.scale = own.most, own.before, own.scale
            told.seen, told.earlier, told.epoch = own.seen, own.earlier, own.epoch
            if met and told.most > 0:
                told.most = told.before = 0
        self._remove(own)
        self._by_id[order_id] = told
        self._put_rows(number, sorted([*self._rows(number), told]))
        self._judge()

    def _forget_order(self, order_id, *, stamp_ms=None, now=None):
        """An order is over. Until the book has shown something later, it may be in it."""
        cdef _Own own = self._by_id.get(order_id)
        if own is None or own.gone:
            return
        own.gone = True
        self._date(own, stamp_ms, now)
        self._judge()

    def _say_whole(self, whole):
        """Whether all open orders are known: not after a hole, until the account is reconciled."""
        self._whole = whole
        self._judge()

    cdef list _rows(self, int side):
        return self._bids if side == BID else self._asks

    cdef int _put_rows(self, int side, list rows) except -1:
        if side == BID:
            self._bids = rows
        else:
            self._asks = rows
        return 0

    cdef int _date(self, _Own own, object stamp_ms, object now) except -1:
        own.stamp = -1 if stamp_ms is None else stamp_ms
        own.heard = -1 if now is None else <int64_t>(<double>now * 1e9)
        own.frame = self._frames
        return 0

    cdef int _remove(self, _Own own) except -1:
        if own is not None:
            rows = [row for row in self._rows(own.side) if row is not own]
            self._put_rows(own.side, rows)
            self._by_id.pop(own.id, None)
        return 0

    # --- after each frame ---

    cdef int look(self) except -1:
        """The book has taken a frame in."""
        self._frames += 1
        if self._bids or self._asks or not self._certain:
            self._judge()
        return 0

    cdef bint _is_settled(self, _Own own) noexcept:
        """Whether the book has shown something later than the last word about an order."""
        cdef Book book = self.book
        if self._frames <= own.frame:
            return False
        if own.stamp >= 0 and book._exchange_time >= 0:
            return book._exchange_time > own.stamp
        return (
            book._clock_kind == CLOCK_NONE or own.heard < 0 or book._confirmed_at > own.heard
        )

    cdef int _judge(self) except -1:
        """Which orders are in the book for certain, and what is ahead of them at most."""
        cdef Book book = self.book
        cdef bint certain = self._whole
        cdef int side
        cdef _Own own
        cdef list rows, over = None
        cdef Py_ssize_t i
        if book._state != LIVE:
            self._certain = False
            return 0
        for side in range(2):
            rows = self._rows(side)
            i = 0
            while i < len(rows):
                own = <_Own>rows[i]
                own.counts = False
                if own.gone and self._is_settled(own):
                    if over is None:
                        over = []
                    over.append(own)
                elif own.gone or own.doubtful or not self._is_settled(own):
                    certain = False
                else:
                    certain &= self._place(own, &book._sides)
                i += 1
            certain &= self._fits(rows, &book._sides)
            for i in range(len(rows)):
                own = <_Own>rows[i]
                if own.counts:
                    self._bound(own, own.others, book._sides.scales.size)
        self._certain = certain
        if over is not None:
            for own in over:
                self._remove(own)
        return 0

    cdef bint _place(self, _Own own, const Sides* sides) noexcept:
        """Find an order in what the book shows; whether that fits."""
        cdef const Ladder* ladder = &sides.ladders[own.side]
        cdef int64_t key = at_scale(own.price, sides.scales.price), size
        own.units = at_scale(own.left, sides.scales.size)
        if key < 0 or own.units < 0:
            # Finer than anything in the book: it is not in it.
            return False
        own.key = key * SIGN[own.side]
        size = ladder_size(ladder, own.key)
        if size == 0 and own.key < ladder.known_from:
            # Deeper than what the venue shows.
            return True
        if size < own.units:
            # Some of it was filled, and the word about it is on its way.
            return False
        own.counts = True
        own.others = size - own.units
        return True

    cdef void _bound(self, _Own own, int64_t others, int scale) noexcept:
        """Nobody comes in before an order that waits: what is ahead of it is never more than what
        others have had there since."""
        cdef Book book = self.book
        if own.most < 0 or own.epoch != book._epoch or own.scale != scale:
            own.most = own.before = others
            own.scale = scale
            own.epoch = book._epoch
            own.earlier = book._exchange_time
        else:
            own.before = own.most
            own.most = min(own.most, others)
            own.earlier = own.seen
        own.seen = book._exchange_time

    cdef bint _fits(self, list rows, const Sides* sides) noexcept:
        """Whether no level has less than what all orders at its price have left together. They
        stand in the order of their prices."""
        cdef Py_ssize_t i, first = 0
        cdef int64_t sum = 0
        cdef bint fits = True
        cdef _Own own, other
        if len(rows) < 2:
            return True
        for i in range(len(rows)):
            own = <_Own>rows[i]
            other = <_Own>rows[first]
            if own.price.mantissa != other.price.mantissa or own.price.exponent != other.price.exponent:
                first = i
                sum = 0
            if own.counts:
                if own.units > INT64_LIMIT - sum:
                    sum = INT64_LIMIT
                else:
                    sum += own.units
                if sum > ladder_size(&sides.ladders[own.side], own.key):
                    fits = False
                    while first <= i:
                        (<_Own>rows[first]).counts = False
                        first += 1
                    first = i
        return fits

    def _heard_trade(self, side, price, size, stamp_ms):
        """A public trade has taken so much from that side of the book. For engines."""
        cdef _Own own
        cdef Number traded_at, much
        cdef int64_t units, stamp
        cdef int number = side_number(side)
        if not self._rows(number) or stamp_ms is None:
            return
        stamp = stamp_ms
        parse_by_hand(price, &traded_at)
        parse_by_hand(size, &much)
        word = (stamp, price, size)
        if word in self._traded:
            # Perhaps it is told twice: of two that are alike one is counted.
            return
        self._traded = (word, *self._traded[:15])
        for own in self._rows(number):
            if (
                own.price.mantissa != traded_at.mantissa or own.price.exponent != traded_at.exponent
                or own.most < 0 or own.epoch != self.book._epoch or own.seen < 0
            ):
                continue
            units = at_scale(much, own.scale)
            if units < 0:
                continue
            if stamp > own.seen:
                own.most = max(0, own.most - units)
                own.before = max(0, own.before - units)
            elif stamp > own.earlier:
                own.before = max(0, own.before - units)
                own.most = min(own.most, own.before)

    # --- reads ---

    @property
    def certain(self):
        """Whether every own order is known to be where it is: False after a hole until the account
        is reconciled, and while an order is unconfirmed, younger than what the book shows, or has
        left it since. Raises BookNotLive."""
        self.book._require_live()
        return self._certain

    @property
    def top(self):
        """The best prices without own orders: a `NetTop`. Raises BookNotLive."""
        cdef Book book = self.book
        cdef NetTop top = NetTop.__new__(NetTop)
        book._require_live()
        top._sequence = book._sequence
        top.certain = self._certain
        top._top.scales = book._sides.scales
        self._find_top(BID, &book._sides, &top._top)
        self._find_top(ASK, &book._sides, &top._top)
        return top

    cdef void _find_top(self, int side, const Sides* sides, Top* top) noexcept:
        cdef const Ladder* ladder = &sides.ladders[side]
        cdef const Rung* rung = ladder_best(ladder)
        cdef Cursor cursor
        cdef int64_t size
        top.present[side] = False
        top.prices[side] = top.sizes[side] = 0
        if rung == NULL:
            return
        size = rung.size - self._at(side, rung.key)
        if size <= 0:
            cursor = best_first(ladder)
            while size <= 0:
                rung = next_worse(&cursor)
                if rung == NULL:
                    return
                size = rung.size - self._at(side, rung.key)
        top.present[side] = True
        top.prices[side] = rung.key * SIGN[side]
        top.sizes[side] = size

    cdef int64_t _at(self, int side, int64_t key) noexcept:
        """What is one's own at a key, for certain."""
        cdef list rows = self._rows(side)
        cdef Py_ssize_t i
        cdef int64_t size = 0
        for i in range(len(rows)):
            if (<_Own>rows[i]).counts and (<_Own>rows[i]).key == key:
                size += (<_Own>rows[i]).units
        return size

    cdef void take_out(self, Sides* sides) noexcept:
        """Take what is one's own out of a copy of the book's levels."""
        cdef int side
        cdef list rows
        cdef Py_ssize_t i
        cdef _Own own
        for side in range(2):
            rows = self._rows(side)
            for i in range(len(rows)):
                own = <_Own>rows[i]
                if own.counts:
                    ladder_put(
                        &sides.ladders[side], own.key,
                        ladder_size(&sides.ladders[side], own.key) - own.units,
                    )

    def ahead(self, order_id):
        """What waits before an order at its price: (least, most), floats, sizes of this book; None
        where it cannot be known.

        Orders of one's own that wait there too are counted like others'. The bounds are true of a
        venue that fills a price in the order of arrival: nobody comes in before an order that
        waits, so that no more is ahead of it than others have had there since, and public trades
        at its price, where they are subscribed, have taken what was ahead first.
        """
        cdef _Own own
        self.book._require_live()
        own = self._by_id.get(order_id)
        if own is None or not own.counts or own.most < 0:
            return None
        return 0.0, to_double(own.most, own.scale)

    def share(self, side, levels=1):
        """float from 0 to 1: what of the size of the best so many levels of a side ("bid", "ask")
        is one's own; None where the side is empty, or it is not certain."""
        cdef int number = side_number(side)
        cdef Py_ssize_t count = level_count(levels, "levels"), i
        cdef Book book = self.book
        cdef const Ladder* ladder
        cdef Cursor cursor
        cdef const Rung* rung
        cdef Total all, own
        if count == 0:
            raise UsageError("levels must be at least 1, was 0")
        book._require_live()
        if not self._certain:
            return None
        ladder = &book._sides.ladders[number]
        all = total_size(ladder, count)
        own.low = own.high = 0
        cursor = best_first(ladder)
        for i in range(min(count, ladder_length(ladder))):
            rung = next_worse(&cursor)
            total_add(&own, self._at(number, rung.key))
        whole = int_of(all)
        return None if whole == 0 else ratio(int_of(own), whole)

    def would_cross(self, side, price):
        """Whether an order on that side ("bid" or "ask") at that price would trade at once, with
        whomever; False where the other side is empty. Raises BookNotLive."""
        cdef int number = side_number(side)
        cdef Number wanted
        cdef Top top
        parse_by_hand(price, &wanted)
        self.book._require_live()
        sides_top(&self.book._sides, &top)
        if not top.present[1 - number]:
            return False
        # Python's numbers: the price may be finer than any of the book's.
        numerator, denominator = ratio_of(wanted)
        there = <object>top.prices[1 - number] * denominator
        asked = numerator * power_of_ten(top.scales.price)
        return bool(asked >= there if number == BID else asked <= there)

    def __reduce__(self):
        raise TypeError("a Lens cannot be pickled or copied")

    def __repr__(self):
        orders = sum(not (<_Own>own).gone for own in self._by_id.values())
        sure = "certain" if self._certain else "not certain"
        return f"<Lens of {self.book.symbol}: {orders} own orders, {sure}>"


cdef list given_sizes(Book book, object orders):
    """(side, price, size, stamp) of orders that a user gave."""
    found = []
    for order in orders:
        price, size = order.exact
        if order.symbol != book.symbol or price is None or size is None:
            continue
        left = size - (order.exact.filled_size or 0)
        if left > 0:
            side = BID if order.side == "buy" else ASK
            found.append((side, number_text(price), number_text(left), order.update_time_ms))
    return found


cdef bint take_given(NetBook copy, list given) except -1:
    """Take them out of a copy; whether all of it was surely there."""
    cdef Number price, left
    cdef int side
    cdef int64_t key, units, size
    cdef bint certain = True
    for side, price_text, left_text, stamp in given:
        parse_by_hand(price_text, &price)
        parse_by_hand(left_text, &left)
        key = at_scale(price, copy._sides.scales.price)
        units = at_scale(left, copy._sides.scales.size)
        size = 0 if key < 0 else ladder_size(&copy._sides.ladders[side], key * SIGN[side])
        if size == 0 and key >= 0 and key * SIGN[side] < copy._sides.ladders[side].known_from:
            continue
        if (
            units < 0 or size < units
            or (stamp is not None and copy._exchange_time >= 0 and stamp >= copy._exchange_time)
        ):
            certain = False
        else:
            ladder_put(&copy._sides.ladders[side], key * SIGN[side], size - units)
    return certain
