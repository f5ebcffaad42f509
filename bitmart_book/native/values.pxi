# Part of _book: numbers at the edge, and the values that the hottest reads return.
#
# Knows no frame and no state: exact integers come in, floats and Decimals go out.

cdef double SMALLEST = 5e-324

cdef enum:
    # Of levels: all that there are.
    MOST_COUNT = 0x7FFFFFFF


cdef object exact_decimal(int64_t mantissa, int scale):
    """The Decimal of mantissa / 10**scale, without superfluous zeros, whatever the context."""
    while scale > 0 and mantissa % 10 == 0:
        mantissa //= 10
        scale -= 1
    return Decimal(f"{mantissa}E-{scale}")


cdef object shortest_text(double value):
    cdef char* text = PyOS_double_to_string(value, c'r', 0, 0, NULL)
    try:
        return (<bytes>text).decode("ascii")
    finally:
        PyMem_Free(text)


cdef object number_text(object value):
    """The decimal text that a value given by hand means. UsageError for what is no number."""
    if PyUnicode_Check(value):
        return value
    if PyFloat_Check(value):
        if not isfinite(PyFloat_AS_DOUBLE(value)):
            raise UsageError(f"a number must be finite, was {value}")
        return shortest_text(PyFloat_AS_DOUBLE(value))
    if PyLong_Check(value) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise UsageError(f"a number must be finite, was {value}")
        return str(value)
    # numpy scalars say what they are by their text, without their module having to be imported.
    if type(value).__module__ == "numpy" and not isinstance(value, bool):
        return str(value)
    raise UsageError(
        f"a number must be str, Decimal, int or float, was {type(value).__name__}"
    )


cdef object number_problem(NumberStatus status, object text):
    shown = repr(text[:40])
    if status == NUMBER_NEGATIVE:
        return f"a number must not be negative, was {shown}"
    if status == NUMBER_UNHOLDABLE:
        return f"the number {shown} has more digits than can be held exactly"
    return f"expected a decimal number, was {shown}"


cdef NumberStatus parse_text(object text, Number* out):
    cdef Py_ssize_t length = 0
    cdef const char* data
    try:
        data = PyUnicode_AsUTF8AndSize(text, &length)
    except UnicodeEncodeError:
        return NUMBER_MALFORMED
    return parse_number(data, length, out)


cdef int parse_by_hand(object value, Number* out) except -1:
    text = number_text(value)
    cdef NumberStatus status = parse_text(text, out)
    if status != NUMBER_OK:
        raise UsageError(number_problem(status, text))
    return 0


cdef int parse_amount(object value, Number* out) except -1:
    """A number given by hand that a read computes with."""
    parse_by_hand(value, out)
    if not -400 <= out.exponent <= 400:
        raise UsageError(f"{value!r} is out of range")
    return 0


cdef tuple ratio_of(Number number):
    """The exact value of a number as (numerator, denominator), not reduced."""
    if number.exponent >= 0:
        return number.mantissa * 10 ** <object>number.exponent, 1
    return number.mantissa, 10 ** <object>-number.exponent


cdef double about(object numerator, object denominator) except? -1.0:
    """The ratio of two ints, the smallest double where it is smaller and yet no zero, infinite
    where it is larger than any."""
    cdef double value
    try:
        value = numerator / denominator
    except OverflowError:
        return INFINITY
    return SMALLEST if value == 0.0 and numerator != 0 else value


cdef inline object power_of_ten(int scale):
    return <object>POW10[scale]


cdef inline object int_of(Total total):
    if total.high == 0:
        return <object>total.low
    return (<object>total.high << 64) + total.low


cdef enum:
    # A minus, 19 digits, a point, zeros in front, and the end.
    PLAIN_ROOM = 48


cdef void write_plain(char* text, int64_t mantissa, int scale) noexcept nogil:
    """mantissa / 10**scale, not negative, without superfluous zeros and without an exponent."""
    cdef char[PLAIN_ROOM] digits
    cdef int count = 0, place = 0
    while scale > 0 and mantissa % 10 == 0:
        mantissa //= 10
        scale -= 1
    while mantissa != 0 or count <= scale:
        digits[count] = <char>(c'0' + mantissa % 10)
        mantissa //= 10
        count += 1
    while count:
        if count == scale:
            text[place] = c'.'
            place += 1
        count -= 1
        text[place] = digits[count]
        place += 1
    text[place] = 0


cdef str plain_text(int64_t mantissa, int scale):
    cdef char[PLAIN_ROOM] text
    write_plain(text, mantissa, scale)
    return text.decode("ascii")


cdef str best_text(const Top* top, int side):
    if not top.present[side]:
        return "-"
    price = plain_text(top.prices[side], top.scales.price)
    return f"{price} x {plain_text(top.sizes[side], top.scales.size)}"


cdef inline double ratio(object numerator, object denominator) except? -1.0:
    # Division of Python ints is rounded once, to the nearest double.
    return numerator / denominator


cdef int side_number(object side) except -1:
    if side == "bid":
        return BID
    if side == "ask":
        return ASK
    raise UsageError(f'side must be "bid" or "ask", was {side!r}')


cdef Py_ssize_t level_count(object n, object name) except -1:
    if n is None:
        return MOST_COUNT
    if isinstance(n, bool) or not PyLong_Check(n):
        raise UsageError(f"{name} must be a whole number, was {n!r}")
    if n < 0:
        raise UsageError(f"{name} must not be negative, was {n}")
    return min(n, MOST_COUNT)


# --- values -------------------------------------------------------------------------------------


def _restore_level(int64_t price, int price_scale, int64_t size, int size_scale):
    return make_level(price, price_scale, size, size_scale)


cdef Level make_level(int64_t price, int price_scale, int64_t size, int size_scale):
    cdef Level level = Level.__new__(Level)
    level._price = price
    level._price_scale = price_scale
    level._size = size
    level._size_scale = size_scale
    return level


@cython.final
@cython.freelist(64)
cdef class Level:
    """A price and the size resting there; unpacks as `price, size = level`.

    `Level(price, size)` takes what a row by hand takes. Two levels are equal when their exact
    values are.

    >>> price, size = bb.Level("100.5", 2)
    >>> bb.Level("100.5", 2).exact
    (Decimal('100.5'), Decimal('2'))
    """

    __signature__ = _Signature("price, size")

    def __init__(self, price, size):
        cdef Number number
        for value, is_price in ((price, True), (size, False)):
            parse_by_hand(value, &number)
            scale = -number.exponent if number.exponent < 0 else 0
            if scale > MAX_SCALE or at_scale(number, scale) < 0:
                raise UsageError(f"{value!r} has more digits than can be held exactly")
            if is_price:
                self._price = at_scale(number, scale)
                self._price_scale = scale
            else:
                self._size = at_scale(number, scale)
                self._size_scale = scale

    @property
    def price(self):
        """float, the nearest to the exact price."""
        return to_double(self._price, self._price_scale)

    @property
    def size(self):
        """float, the nearest to the exact size."""
        return to_double(self._size, self._size_scale)

    @property
    def exact(self):
        """(Decimal, Decimal): price and size without rounding."""
        return (
            exact_decimal(self._price, self._price_scale),
            exact_decimal(self._size, self._size_scale),
        )

    def __len__(self):
        return 2

    def __iter__(self):
        return iter((self.price, self.size))

    def __getitem__(self, index):
        return (self.price, self.size)[index]

    def __eq__(self, other):
        if isinstance(other, Level):
            return self.exact == other.exact
        if isinstance(other, tuple):
            return (self.price, self.size) == other
        return NotImplemented

    def __hash__(self):
        # Of the floats, so that a level and the tuple it equals have one hash.
        return hash((self.price, self.size))

    def __repr__(self):
        return f"Level(price={self.price!r}, size={self.size!r})"

    def __reduce__(self):
        return _restore_level, (self._price, self._price_scale, self._size, self._size_scale)


@cython.final
cdef class Levels:
    """One side, best first, frozen when it was read: `len`, index, slice, iterate.

    >>> [level.price for level in book.bids[:2]]
    [100.5, 100.0]
    """

    __signature__ = _Signature("levels")

    def __init__(self, levels):
        self._levels = list(levels)

    def __len__(self):
        return len(self._levels)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Levels(self._levels[index])
        return self._levels[index]

    def __iter__(self):
        return iter(self._levels)

    def __reversed__(self):
        return reversed(self._levels)

    def __contains__(self, level):
        return level in self._levels

    def __eq__(self, other):
        if isinstance(other, Levels):
            return self._levels == (<Levels>other)._levels
        return NotImplemented

    __hash__ = None

    def __repr__(self):
        shown = ", ".join(f"({level.price!r}, {level.size!r})" for level in self._levels[:5])
        return f"Levels([{shown}{', ...' if len(self._levels) > 5 else ''}])"

    def _repr_html_(self):
        return html_of(self)

    def __reduce__(self):
        return Levels, (self._levels,)


cdef object price_on(const Top* top, int side):
    """float, the best price of a side; None where it is empty."""
    return to_double(top.prices[side], top.scales.price) if top.present[side] else None


cdef object size_on(const Top* top, int side):
    """float, the size at the best price of a side; None where it is empty."""
    return to_double(top.sizes[side], top.scales.size) if top.present[side] else None


cdef tuple exact_top(const Top* top):
    """(bid, bid size, ask, ask size) as Decimals, None where a side is empty."""
    cdef int side
    cdef list found = []
    for side in range(2):
        if top.present[side]:
            found.append(exact_decimal(top.prices[side], top.scales.price))
            found.append(exact_decimal(top.sizes[side], top.scales.size))
        else:
            found += [None, None]
    return tuple(found)


cdef object mid_of(const Top* top):
    """float, halfway between the best prices; None where a side is empty."""
    if not (top.present[BID] and top.present[ASK]):
        return None
    if top.prices[BID] < <int64_t>1 << 51 and top.prices[ASK] < <int64_t>1 << 51:
        return <double>(top.prices[BID] + top.prices[ASK]) / (2 * POW10_DOUBLE[top.scales.price])
    return ratio(
        <object>top.prices[BID] + <object>top.prices[ASK], 2 * power_of_ten(top.scales.price)
    )


cdef object spread_of(const Top* top):
    """float, best ask minus best bid, rounded once; None where a side is empty."""
    if not (top.present[BID] and top.present[ASK]):
        return None
    return to_double(top.prices[ASK] - top.prices[BID], top.scales.price)


def _restore_quote(tuple numbers, tuple facts):
    cdef Quote quote = Quote.__new__(Quote)
    (
        quote._top.present[0], quote._top.prices[0], quote._top.sizes[0],
        quote._top.present[1], quote._top.prices[1], quote._top.sizes[1],
        quote._top.scales.price, quote._top.scales.size,
        quote._sequence, quote._exchange_time, quote._ages, quote._age, quote._lag,
    ) = numbers
    state, quote.receive_time_ns, quote.epoch, quote.skipped, quote._names = facts
    quote._state = STATE_NUMBERS[state]
    return quote


# What it holds is numbers: objects are made of them by whoever asks for one.
@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class Quote:
    """Both sides of the top of a book and what is known about them, taken at one instant.

    `symbol`, `market` and `venue` say of which book, `sequence` is the venue's counter (None where
    it has none), `exchange_time_ms` its stamp, `receive_time_ns` the wall clock at receipt as the
    caller gave it, `age` the seconds since what it shows was last known to be the venue's newest
    (None without a clock), `lag` those by which what arrives is late (None where no stamp tells),
    `skipped` the number of quotes that a slow consumer did not see.

    >>> quote = book.quote
    >>> quote.bid, quote.ask, quote.mid, quote.sequence
    (100.5, 101.0, 100.75, 7)
    """

    __signature__ = _Signature("")

    def __init__(self):
        raise TypeError("a Quote is read from a book")

    @property
    def bid(self):
        """float, the best bid price; None where there is none."""
        return price_on(&self._top, BID)

    @property
    def bid_size(self):
        """float, the size at the best bid; None where there is none."""
        return size_on(&self._top, BID)

    @property
    def ask(self):
        """float, the best ask price; None where there is none."""
        return price_on(&self._top, ASK)

    @property
    def ask_size(self):
        """float, the size at the best ask; None where there is none."""
        return size_on(&self._top, ASK)

    @property
    def exact(self):
        """(bid, bid_size, ask, ask_size) as Decimals, None where a side is empty."""
        return exact_top(&self._top)

    @property
    def mid(self):
        """float, halfway between the best prices; None where a side is empty."""
        return mid_of(&self._top)

    @property
    def spread(self):
        """float, ask minus bid, rounded once; None where a side is empty."""
        return spread_of(&self._top)

    def to_dict(self):
        """Everything it says, by name, as plain values: a row of a table.

        `bb.to_pandas(quotes)` has a column for each. `state` is a text, prices and sizes are floats.

        >>> book.quote.to_dict()["spread"]
        0.5
        """
        return {
            "venue": self.venue, "market": self.market, "symbol": self.symbol,
            "state": STATES[self._state].value,
            "bid": self.bid, "bid_size": self.bid_size, "ask": self.ask, "ask_size": self.ask_size,
            "mid": self.mid, "spread": self.spread,
            "sequence": self.sequence, "exchange_time_ms": self.exchange_time_ms,
            "receive_time_ns": self.receive_time_ns, "age": self.age, "lag": self.lag,
            "epoch": self.epoch, "skipped": self.skipped,
        }

    @property
    def symbol(self):
        """The symbol of its book, as the venue spells it."""
        return self._names[0]

    @property
    def market(self):
        """The market of its book."""
        return self._names[1]

    @property
    def venue(self):
        """The venue of its book, as `bb.venues()` names it."""
        return self._names[2]

    @property
    def state(self):
        """The `BookState` of the book."""
        return STATES[self._state]

    @property
    def sequence(self):
        """int, the venue's counter; None where it has none."""
        return None if self._sequence < 0 else self._sequence

    @property
    def exchange_time_ms(self):
        """int, the venue's stamp, milliseconds since 1970; None where there is none."""
        return None if self._exchange_time < 0 else self._exchange_time

    @property
    def age(self):
        """float, seconds since what it shows was last known to be the venue's newest; None without
        a clock."""
        return self._age / 1e9 if self._ages else None

    @property
    def lag(self):
        """float, seconds by which what arrives is later than the earliest that this host of the
        venue has shown; None where no stamp tells."""
        return None if self._lag == NO_LAG else self._lag / 1e9

    cdef tuple _facts(self):
        return (
            self.sequence, self.exchange_time_ms, self.receive_time_ns, self.age, self.lag,
            self.state, self.epoch, self.skipped, self._names,
        )

    def __eq__(self, other):
        if isinstance(other, Quote):
            return self.exact == other.exact and self._facts() == (<Quote>other)._facts()
        return NotImplemented

    __hash__ = None

    def __repr__(self):
        return (
            f"Quote({self.symbol!r}, bid={self.bid!r}, bid_size={self.bid_size!r}, ask={self.ask!r}, "
            f"ask_size={self.ask_size!r}, sequence={self.sequence!r}, age={self.age!r}, "
            f"state={str(self.state)}, epoch={self.epoch})"
        )

    def _repr_html_(self):
        return html_of(self)

    def __reduce__(self):
        numbers = (
            self._top.present[0], self._top.prices[0], self._top.sizes[0],
            self._top.present[1], self._top.prices[1], self._top.sizes[1],
            self._top.scales.price, self._top.scales.size,
            self._sequence, self._exchange_time, self._ages, self._age, self._lag,
        )
        facts = (self.state, self.receive_time_ns, self.epoch, self.skipped, self._names)
        return _restore_quote, (numbers, facts)


@cython.final
cdef class Depth:
    """The best levels of both sides; unpacks as `bids, asks = depth`.

    `bids` and `asks` are float64 arrays of shape (k, 2), best first, or lists of (Decimal,
    Decimal) where exact numbers were asked for. `complete` says whether every level that was
    asked for is known for certain, `proven` whether the venue proves every level that is there:
    by an unbroken sequence, or by a checksum that covers it.

    >>> depth = book.depth(1)
    >>> depth.bids.tolist(), depth.asks.tolist(), depth.complete
    ([[100.5, 2.0]], [[101.0, 1.25]], True)
    """

    __signature__ = _Signature("bids, asks, complete, proven=True")

    def __init__(self, bids, asks, complete, proven=True):
        self.bids = bids
        self.asks = asks
        self.complete = complete
        self.proven = proven

    def __iter__(self):
        return iter((self.bids, self.asks))

    cdef dict _columns(self):
        rows = [("bid", *row) for row in _rows_of(self.bids)]
        rows += [("ask", *row) for row in _rows_of(self.asks)]
        return {
            name: [row[column] for row in rows]
            for column, name in enumerate(("side", "price", "size"))
        }

    def to_pandas(self):
        """A pandas DataFrame with the columns side, price and size. Needs pandas."""
        try:
            import pandas
        except ImportError:
            raise UsageError("to_pandas() needs pandas: pip install pandas") from None
        return pandas.DataFrame(self._columns())

    def to_polars(self):
        """A polars DataFrame with the columns side, price and size. Needs polars."""
        try:
            import polars
        except ImportError:
            raise UsageError("to_polars() needs polars: pip install polars") from None
        return polars.DataFrame(self._columns())

    def __eq__(self, other):
        if isinstance(other, Depth):
            return (
                _rows_of(self.bids) == _rows_of(other.bids)
                and _rows_of(self.asks) == _rows_of(other.asks)
                and self.complete == other.complete
                and self.proven == other.proven
            )
        return NotImplemented

    __hash__ = None

    def __repr__(self):
        return (
            f"Depth(bids={shown_rows(self.bids)}, asks={shown_rows(self.asks)}, "
            f"complete={bool(self.complete)}{'' if self.proven else ', proven=False'})"
        )

    def _repr_html_(self):
        return html_of(self)

    def __reduce__(self):
        return Depth, (self.bids, self.asks, self.complete, self.proven)


cdef str shown_rows(object rows):
    """The best three of them, and how many there are."""
    shown = ", ".join([f"({price}, {size})" for price, size in _rows_of(rows[:3])])
    return f"[{shown}, ... {len(rows)} levels]" if len(rows) > 3 else f"[{shown}]"


cdef list _rows_of(object rows):
    return [tuple(row) for row in (rows if isinstance(rows, list) else rows.tolist())]


@cython.final
cdef class Sweep:
    """What consuming one side of a book would give.

    `average_price` and `worst_price` are None when nothing was consumed; `size` and `notional`
    are what was consumed; `levels` how many levels were touched. Each float is rounded once from
    the exact sum. `complete` says whether all that was asked for was found, in levels that are
    known for certain, `proven` whether the venue proves every level that was touched: by an
    unbroken sequence, or by a checksum that covers it. Of a limit alone all is asked for that is
    no worse: `complete` says that there is certainly no more.

    >>> sweep = book.sweep("ask", notional=200)
    >>> sweep.levels, sweep.fills[0], sweep.next_price
    (2, (101.0, 1.25), 102.0)
    """

    __signature__ = _Signature(
        "average_price, worst_price, size, notional, levels, complete, proven=True, "
        "fills=(), next_price=None, exact=None"
    )

    def __init__(
        self, average_price, worst_price, size, notional, levels, complete, proven=True,
        fills=(), next_price=None, exact=None,
    ):
        self.average_price = average_price
        self.worst_price = worst_price
        self.size = size
        self.notional = notional
        self.levels = levels
        self.complete = complete
        self.proven = proven
        self._given = (fills, next_price, exact)

    @property
    def fills(self):
        """What was taken of each level, best first: a tuple of (price, size), floats. O(levels)."""
        if self._taken is None:
            return tuple(self._given[0])
        return fills_of(self)

    @property
    def next_price(self):
        """float, the best price that would be left standing, that of the last level where only a
        part of it was consumed; None where there is none, or none that is known for certain."""
        if self._taken is None:
            return self._given[1]
        return next_price_of(self)

    @property
    def exact(self):
        """(average_price, worst_price, size, notional) without rounding, as Fractions: an average is
        seldom a decimal number. None where the float is None."""
        if self._taken is not None:
            return exact_sums_of(self)
        if self._given[2] is not None:
            return tuple(self._given[2])
        return tuple([
            None if value is None else Fraction(value)
            for value in (self.average_price, self.worst_price, self.size, self.notional)
        ])

    cdef tuple _facts(self):
        return (
            self.average_price, self.worst_price, self.size, self.notional, self.levels,
            bool(self.complete), bool(self.proven), self.fills, self.next_price, self.exact,
        )

    def __eq__(self, other):
        if isinstance(other, Sweep):
            return self._facts() == (<Sweep>other)._facts()
        return NotImplemented

    __hash__ = None

    def __repr__(self):
        return (
            f"Sweep(average_price={self.average_price!r}, worst_price={self.worst_price!r}, "
            f"size={self.size!r}, notional={self.notional!r}, levels={self.levels}, "
            f"complete={bool(self.complete)}{'' if self.proven else ', proven=False'})"
        )

    def _repr_html_(self):
        return html_of(self)

    def __reduce__(self):
        return Sweep, self._facts()


@cython.final
cdef class Guard:
    """Lets a block of code run only on a quote that is good enough; made by `Book.guard`.

    >>> with book.guard(max_spread_bps=100, max_age=2) as quote:
    ...     print(quote.ask)
    101.0
    >>> with book.guard(max_spread_bps=1):
    ...     print("not reached")
    Traceback (most recent call last):
    bitmart_book.errors.GuardRefused: BTC_USDT is not good enough: 49.63 bps wide, at most 1 allowed
    """

    __signature__ = _Signature("book, max_age, max_spread_bps, levels=None, unproven=False")

    def __init__(self, Book book, max_age, max_spread_bps, levels=None, unproven=False):
        for name, value in (("max_age", max_age), ("max_spread_bps", max_spread_bps)):
            if value is not None and (
                isinstance(value, bool)
                or not isinstance(value, (int, float, Decimal))
                or not 0 <= value <= 1e12
            ):
                raise UsageError(f"{name} must be a number that is not negative, was {value!r}")
        if levels is not None:
            level_count(levels, "levels")
        self.book = book
        self.max_age = max_age
        self.max_spread_bps = max_spread_bps
        self.levels = levels
        self.unproven = bool(unproven)

    def __enter__(self):
        cdef Quote quote = self.book.quote
        problem = None
        # A book without a clock, or of a capture, does not age.
        if self.max_age is not None and quote.age is not None and quote.age > self.max_age:
            problem = f"confirmed {quote.age:.3f} s ago, at most {self.max_age} s allowed"
        elif self.levels is not None and not self.unproven and (
            self.levels > (<Book>self.book)._spec.proven
        ):
            problem = (
                f"the venue proves {(<Book>self.book)._spec.proven} levels a side, "
                f"{self.levels} are wanted"
            )
        elif self.max_spread_bps is not None:
            if not (quote._top.present[0] and quote._top.present[1]):
                problem = f"no {SIDE_NAMES[quote._top.present[0]]}, and so no spread"
            else:
                bid = <object>quote._top.prices[BID]
                ask = <object>quote._top.prices[ASK]
                if (ask - bid) * 20_000 > Fraction(self.max_spread_bps) * (ask + bid):
                    width = (ask - bid) * 20_000 / (ask + bid)
                    problem = f"{width:.2f} bps wide, at most {self.max_spread_bps} allowed"
        if problem is not None:
            raise GuardRefused(self.book.symbol, quote.state, problem, None, quote.epoch)
        return quote

    def __exit__(self, *_):
        return False

    def __repr__(self):
        bounds = [
            f"{name}={value!r}"
            for name, value in (
                ("max_age", self.max_age), ("max_spread_bps", self.max_spread_bps),
                ("levels", self.levels), ("unproven", self.unproven or None),
            )
            if value is not None
        ]
        return f"Guard({self.book.symbol}{''.join([', ' + bound for bound in bounds])})"
