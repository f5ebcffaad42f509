# Part of _book: what lies between a frame and a ladder.
#
# Rows of a frame or of a user become exact numbers in scratch arrays, and it is decided whether
# every one of them can be held, before any ladder is touched.


@cython.final
cdef class _Scratch:
    """Where a frame lies while it is checked: rows of both sides, items, room for sorting."""

    def __dealloc__(self):
        free(self.rows)
        free(self.items)
        free(self.loading)
        ladder_free(&self.fresh[0])
        ladder_free(&self.fresh[1])

    cdef int clear(self) except -1:
        if self.busy:
            raise UsageError(TOLD_NOW if self.telling else "apply was called from within apply")
        self.n_rows = 0
        self.n_items = 0
        return 0

    cdef Row* add_row(self) except NULL:
        cdef Row* grown
        cdef Py_ssize_t capacity
        if self.n_rows == self.row_capacity:
            capacity = 256 if self.row_capacity == 0 else self.row_capacity * 2
            grown = <Row*>realloc(self.rows, <size_t>capacity * sizeof(Row))
            if grown == NULL:
                raise MemoryError
            self.rows = grown
            self.row_capacity = capacity
        self.n_rows += 1
        return &self.rows[self.n_rows - 1]

    cdef Py_ssize_t row_room(self, Py_ssize_t count) except -1:
        """Room for so many rows, from the first one on."""
        cdef Row* grown
        if count > self.row_capacity:
            grown = <Row*>realloc(self.rows, <size_t>count * sizeof(Row))
            if grown == NULL:
                raise MemoryError
            self.rows = grown
            self.row_capacity = count
        return count

    cdef Item* add_item(self, ItemKind kind) except NULL:
        cdef Item* grown
        cdef Item* item
        cdef Py_ssize_t capacity
        if self.n_items == self.item_capacity:
            capacity = 4 if self.item_capacity == 0 else self.item_capacity * 2
            grown = <Item*>realloc(self.items, <size_t>capacity * sizeof(Item))
            if grown == NULL:
                raise MemoryError
            self.items = grown
            self.item_capacity = capacity
        item = &self.items[self.n_items]
        memset(item, 0, sizeof(Item))
        item.kind = kind
        item.sequence = -1
        item.exchange_time = -1
        item.previous = -1
        item.begins = -1
        item.checksum = NO_CHECKSUM
        self.n_items += 1
        return item

    cdef IndexedRung* loading_room(self, Py_ssize_t count) except NULL:
        cdef IndexedRung* grown
        if count > self.loading_capacity or self.loading == NULL:
            grown = <IndexedRung*>realloc(self.loading, <size_t>(count + 64) * sizeof(IndexedRung))
            if grown == NULL:
                raise MemoryError
            self.loading = grown
            self.loading_capacity = count + 64
        return self.loading


@cython.final
cdef class _Pending:
    """One parsed update or side, kept: it waits for its snapshot or for the other side."""

    def __dealloc__(self):
        free(self.rows)


cdef _Pending keep_item(const Row* rows, Item* item):
    cdef _Pending pending = _Pending.__new__(_Pending)
    cdef Py_ssize_t count = item.count[0] + item.count[1]
    cdef Py_ssize_t place = 0
    cdef int side
    pending.rows = <Row*>malloc(<size_t>(count + 1) * sizeof(Row))
    if pending.rows == NULL:
        raise MemoryError
    pending.n_rows = count
    pending.item = item[0]
    # The scales may be others when its time comes.
    pending.item.fitting = False
    for side in range(2):
        if item.count[side] != 0:
            memcpy(
                pending.rows + place, rows + item.first[side],
                <size_t>item.count[side] * sizeof(Row),
            )
        pending.item.first[side] = place
        place += item.count[side]
    return pending


# Of so many digits, fifteen, are floats that somebody has computed with, and hardly any others.
cdef int64_t COMPUTED = 100_000_000_000_000


cdef struct Misfit:
    int side
    Py_ssize_t row


cdef inline int decimals(Number number) noexcept nogil:
    return -number.exponent if number.exponent < 0 else 0


cdef bint fits_at_a_glance(const Item* item, Scales scales) noexcept nogil:
    """Whether what the scanner has noted of all numbers is enough to say that they fit. It has
    noted nothing of an item that it has not read, and of one without levels there is nothing."""
    return (
        item.bits[0] != 0 and not item.coarse
        and item.finest[0] + scales.price >= 0 and item.finest[1] + scales.size >= 0
        and item.bits[0] <= <uint64_t>MOST10[scales.price]
        and item.bits[1] <= <uint64_t>MOST10[scales.size]
    )


cdef bint fits(
    const Row* rows, const Item* item, int price_scale, int size_scale, Misfit* misfit
) noexcept nogil:
    """Whether every number of an item can be held at these scales."""
    cdef int side
    cdef Py_ssize_t i
    cdef const Row* row
    for side in range(2):
        for i in range(item.count[side]):
            row = &rows[item.first[side] + i]
            if not (holds(row.price, price_scale) and holds(row.size, size_scale)):
                misfit.side = side
                misfit.row = i
                return False
    return True


cdef void needed_scales(
    const Row* rows, const Item* item, int* price_scale, int* size_scale, Misfit* finest
) noexcept nogil:
    """Raise the scales to what the item's numbers need; `finest` is the row that asked for most."""
    cdef int side
    cdef Py_ssize_t i
    cdef const Row* row
    for side in range(2):
        for i in range(item.count[side]):
            row = &rows[item.first[side] + i]
            if decimals(row.price) > price_scale[0] or decimals(row.size) > size_scale[0]:
                price_scale[0] = max(price_scale[0], decimals(row.price))
                size_scale[0] = max(size_scale[0], decimals(row.size))
                finest.side = side
                finest.row = i


cdef bint plan(
    const Ladder* ladders, Scales now, const Row* rows, const Item* item, Scales* wanted,
    Misfit* misfit
) noexcept nogil:
    """The scales at which the item can be applied, or False and the row that cannot be held."""
    cdef int side
    cdef Scales own
    wanted[0] = now
    needed_scales(rows, item, &wanted.price, &wanted.size, misfit)
    if wanted.price <= MAX_SCALE and wanted.size <= MAX_SCALE:
        if item.kind == ITEM_SNAPSHOT or item.kind == ITEM_FULL:
            # The rows replace what there is: only they have to fit.
            if fits(rows, item, wanted.price, wanted.size, misfit):
                return True
        else:
            if wanted.price == now.price and wanted.size == now.size:
                return fits(rows, item, wanted.price, wanted.size, misfit)
            for side in range(2):
                if not ladder_fits(
                    &ladders[side],
                    POW10[wanted.price - now.price],
                    POW10[wanted.size - now.size],
                ):
                    return False
            return fits(rows, item, wanted.price, wanted.size, misfit)
    if item.kind != ITEM_SNAPSHOT and item.kind != ITEM_FULL:
        return False
    # The old scale does not bind a picture that replaces everything.
    own.price = 0
    own.size = 0
    needed_scales(rows, item, &own.price, &own.size, misfit)
    if own.price > MAX_SCALE or own.size > MAX_SCALE:
        return False
    wanted[0] = own
    return fits(rows, item, own.price, own.size, misfit)


cdef str unholdable_text(const Row* row):
    """Says which level does not fit. Its neighbours may have the decimals that it has no room for."""
    return (
        "the numbers have more digits than can be held exactly: the level "
        f"{written_out(row.price)} x {written_out(row.size)} beside the others"
    )


cdef str unholdable_by_hand(str symbol, const Row* rows, const Item* item, Misfit misfit):
    """The same of rows given by hand, with the number of the row. Where there is no room because some
    other number has the decimals of a computed float, that number is named."""
    cdef int side, which, most = 0, noisy = -1
    cdef Py_ssize_t i
    cdef Number number
    cdef const Row* row
    for side in range(2):
        for i in range(item.count[side]):
            row = &rows[item.first[side] + i]
            for which in range(2):
                number = row.size if which else row.price
                if decimals(number) > most and number.mantissa >= COMPUTED:
                    most = decimals(number)
                    noisy = which
                    misfit.side = side
                    misfit.row = i
    row = &rows[item.first[misfit.side] + misfit.row]
    where = f"{symbol} {SIDE_NAMES[misfit.side]} row {misfit.row}: "
    if noisy < 0:
        return where + unholdable_text(row)
    name, step = ("size", "size_step") if noisy else ("price", "price_step")
    return (
        f"{where}the {name} {written_out(row.size if noisy else row.price)} has {most} decimals, and "
        "beside the other numbers there is no room for so many; round floats that were computed to "
        f"the market's step, with {step}='0.001' or f'{{{name}:.3f}}'"
    )


cdef str written_out(Number number):
    """A number as one would write it, whatever the precision that the user's program has set."""
    text = str(number.mantissa)
    if 0 <= number.exponent <= MAX_SCALE:
        return text + "0" * number.exponent
    if -2 * MAX_SCALE <= number.exponent < 0:
        text = text.rjust(1 - number.exponent, "0")
        return f"{text[:number.exponent]}.{text[number.exponent:]}"
    return f"{text}e{number.exponent}"


cdef int64_t seconds_to_ns(object seconds) except -1:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e9:
        raise UsageError(f"valid_for must be a positive number of seconds, was {seconds!r}")
    return <int64_t>(seconds * 1e9)


cdef Py_ssize_t level_limit(object levels) except -1:
    if isinstance(levels, bool) or not isinstance(levels, int) or not 1 <= levels <= DEFAULT_MAX_LEVELS:
        raise UsageError(f"max_levels must be from 1 to {DEFAULT_MAX_LEVELS}, was {levels!r}")
    return levels


cdef inline object time_or_none(int64_t time):
    return None if time == NO_TIME else time


cdef inline int64_t given_time(object time) except? -2:
    """A `receive_time_ns=` as a number; NO_TIME for None."""
    return NO_TIME if time is None else whole_time(time)


cdef int64_t whole_time(object time) except? -2:
    cdef int overflow = 0
    cdef int64_t number = 0
    if not isinstance(time, bool) and PyIndex_Check(time):
        number = PyLong_AsLongLongAndOverflow(PyNumber_Index(time), &overflow)
        if not overflow and number != NO_TIME:
            return number
    raise UsageError(f"receive_time_ns must be whole nanoseconds, was {time!r}")


cdef int64_t counter(object value, object name) except -1:
    cdef int overflow = 0
    cdef int64_t number
    if PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if number >= 0 and not overflow:
            return number
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= INT64_LIMIT:
        raise UsageError(f"{name} must be a whole number that is not negative, was {value!r}")
    return value


cdef inline bint parse_plain(
    object value, int scale, const Steps* steps, int which, Number* out
) noexcept:
    """A plain str or float, read where it lies; False where `parse_in_steps` has to look at it.

    `scale` is a guess at the most decimals that a float may have.
    """
    if PyUnicode_CheckExact(value):
        if not PyUnicode_IS_ASCII(value):
            return False
        return NUMBER_OK == parse_number(
            <const char*>PyUnicode_1BYTE_DATA(value), PyUnicode_GET_LENGTH(value), out
        )
    if PyFloat_CheckExact(value):
        return number_of_float(PyFloat_AS_DOUBLE(value), scale, steps, which, out)
    return False


cdef int parse_pair(
    object pair, Scales* guess, const Steps* steps, Number* price, Number* size
) except -1:
    """Parse one (price, size) of any kind; UsageError says what is wrong with it."""
    try:
        price_value, size_value = pair
    except (TypeError, ValueError):
        raise UsageError(f"expected (price, size), was {pair!r}") from None
    if isinstance(pair, str):
        raise UsageError(f"expected (price, size), was {pair!r}")
    parse_in_steps(price_value, steps, OF_PRICES, price)
    parse_in_steps(size_value, steps, OF_SIZES, size)
    # What one number needed the next will need.
    guess.price = min(max(guess.price, decimals(price[0])), MAX_SCALE)
    guess.size = min(max(guess.size, decimals(size[0])), MAX_SCALE)
    return 0


cdef bint is_padding(object pair, const Steps* steps) except -1:
    """Whether a row only fills a table: price and size NaN, as `depth(out=...)` leaves them, or
    both of them zero."""
    cdef Number price, size
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        return False
    first, second = pair
    if PyFloat_Check(first) and PyFloat_Check(second) and first != first:
        return second != second
    try:
        parse_in_steps(first, steps, OF_PRICES, &price)
        parse_in_steps(second, steps, OF_SIZES, &size)
    except UsageError:
        return False
    return price.mantissa == 0 and size.mantissa == 0


cdef int add_pair(
    _Scratch scratch, object pair, int side, Py_ssize_t place, Scales* guess, const Steps* steps
) except -1:
    """Parse one row given by hand into the scratch; `place` is its number, for the error."""
    cdef Row* row
    cdef Number price, size
    cdef PyObject* price_value
    cdef PyObject* size_value
    cdef bint read = False
    # Nobody else's code runs while the two are borrowed.
    if PyTuple_CheckExact(pair) and PyTuple_GET_SIZE(pair) == 2:
        price_value = PyTuple_GET_ITEM(pair, 0)
        size_value = PyTuple_GET_ITEM(pair, 1)
        read = True
    elif PyList_CheckExact(pair) and PyList_GET_SIZE(pair) == 2:
        price_value = PyList_GET_ITEM(pair, 0)
        size_value = PyList_GET_ITEM(pair, 1)
        read = True
    elif (isinstance(pair, (tuple, list)) or getattr(pair, "ndim", 0)) and len(pair) > 2:
        # Sources have more columns than price and size: counts of orders, times. A number of
        # numpy's looks like one of its arrays, but for its dimensions.
        return add_pair(scratch, (pair[0], pair[1]), side, place, guess, steps)
    if not (
        read
        and parse_plain(<object>price_value, guess.price, steps, OF_PRICES, &price)
        and parse_plain(<object>size_value, guess.size, steps, OF_SIZES, &size)
        and price.mantissa != 0
    ):
        if is_padding(pair, steps):
            return 0
        try:
            parse_pair(pair, guess, steps, &price, &size)
            if price.mantissa == 0:
                raise UsageError("a price must not be zero")
        except UsageError as error:
            raise UsageError(f"{SIDE_NAMES[side]} row {place}: {error}") from None
    row = scratch.add_row()
    row.price = price
    row.size = size
    return 0


cdef int rows_by_hand(
    _Scratch scratch, object rows, int side, Scales now, const Steps* steps
) except -1:
    """Parse rows of (price, size) given by hand; UsageError says which row is wrong.

    `now` are the scales of the book, which the numbers probably have; floats mean multiples of the
    `steps`, where there are any.
    """
    cdef Py_ssize_t place = 0
    cdef Scales guess = now
    if PyList_CheckExact(rows):
        # As long as it is now: odd rows run their own code.
        while place < PyList_GET_SIZE(rows):
            add_pair(scratch, (<list>rows)[place], side, place, &guess, steps)
            place += 1
        return 0
    if PyTuple_CheckExact(rows):
        for place in range(PyTuple_GET_SIZE(rows)):
            add_pair(scratch, (<tuple>rows)[place], side, place, &guess, steps)
        return 0
    if PyObject_CheckBuffer(rows) and rows_from_doubles(scratch, rows, side, &guess, steps):
        return 0
    if getattr(rows, "size", None) == 0:
        return 0  # an empty numpy array of whatever shape
    try:
        iterator = iter(rows)
    except TypeError:
        raise UsageError(
            f"{SIDE_NAMES[side]}s must be rows of (price, size), were {type(rows).__name__}"
        ) from None
    for pair in iterator:
        add_pair(scratch, pair, side, place, &guess, steps)
        place += 1
    return 0


cdef bint rows_from_doubles(
    _Scratch scratch, object rows, int side, Scales* guess, const Steps* steps
) except -1:
    """Rows of a float64 array of shape (n, 2); False for a buffer of another kind."""
    cdef Py_buffer view
    cdef Grid grid
    if grid_of_array(rows, 0, &grid):
        rows_from_grid(scratch, &grid, side, guess, steps)
        return True
    try:
        PyObject_GetBuffer(rows, &view, PyBUF_FORMAT | PyBUF_STRIDED_RO)
    except (BufferError, ValueError):
        return False
    try:
        if not is_grid(&view):
            return False
        get_acquainted(rows)
        grid.first = <char*>view.buf
        grid.rows = view.shape[0]
        grid.down = view.strides[0]
        grid.across = view.strides[1]
        rows_from_grid(scratch, &grid, side, guess, steps)
        return True
    finally:
        PyBuffer_Release(&view)


cdef int rows_from_grid(
    _Scratch scratch, const Grid* grid, int side, Scales* guess, const Steps* steps
) except -1:
    cdef Py_ssize_t i
    cdef Row* row
    cdef const char* place
    cdef double price, size
    for i in range(grid.rows):
        place = grid.first + i * grid.down
        # They need not be aligned.
        memcpy(&price, place, sizeof(double))
        memcpy(&size, place + grid.across, sizeof(double))
        row = scratch.add_row()
        if not (
            number_of_float(price, guess.price, steps, OF_PRICES, &row.price)
            and number_of_float(size, guess.size, steps, OF_SIZES, &row.size)
            and row.price.mantissa != 0
        ):
            # By way of their text.
            scratch.n_rows -= 1
            add_pair(scratch, (price, size), side, i, guess, steps)
    return 0


cdef int64_t whole_number(object value) except -2:
    """A wire integer, sent as a number or as text; -1 where it is neither."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not PyLong_Check(value) or isinstance(value, bool) or not 0 <= value <= INT64_LIMIT:
        return -1
    return value


# No number that a frame may name.
cdef int64_t NO_NUMBER = -INT64_LIMIT - 1


cdef int64_t signed_number(object value) except? -2:
    """A wire integer that may be below zero where it is a number; NO_NUMBER where it is neither."""
    cdef int64_t found
    if PyLong_Check(value) and not isinstance(value, bool) and -INT64_LIMIT <= value < 0:
        return value
    found = whole_number(value)
    return NO_NUMBER if found < 0 else found


cdef int64_t stamp_number(object value, Stamp stamp) except -2:
    """A stamp in milliseconds, whatever it is in the frame; -1 where it is none."""
    cdef Py_ssize_t length = 0
    cdef const char* text
    cdef int64_t found
    if stamp == STAMP_TEXT:
        if type(value) is not str or not value.isascii():
            return -1
        text = PyUnicode_AsUTF8AndSize(value, &length)
        return stamp_of_text(text, length)
    found = whole_number(value)
    return found // 1_000_000 if stamp == STAMP_NS and found > 0 else found


cdef object shown(object value):
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


cdef int parse_wire_number(object value, Number* out, str symbol, int side, object row) except -1:
    cdef NumberStatus status
    if PyUnicode_Check(value):
        text = value
    elif PyLong_Check(value) and not isinstance(value, bool):
        text = str(value)
    else:
        raise MessageError(
            f"expected a decimal number, was {shown(value)}",
            symbol=symbol, side=SIDE_NAMES[side], row=row,
        )
    status = parse_text(text, out)
    if status != NUMBER_OK:
        raise (NumberError if status == NUMBER_UNHOLDABLE else MessageError)(
            number_problem(status, text), symbol=symbol, side=SIDE_NAMES[side], row=row
        )
    return 0


cdef int parse_side(_Scratch scratch, Item* item, _Channel channel, object levels, str symbol, int side) except -1:
    """One side of a book frame into scratch rows. null, "" and {} are empty sides."""
    cdef Py_ssize_t place
    cdef Row* row
    cdef Number price, size
    item.first[side] = scratch.n_rows
    item.present[side] = True
    if isinstance(levels, list):
        for place, level in enumerate(<list>levels):
            if isinstance(level, list):
                if len(<list>level) != 2 + channel.words.skipped and not (
                    channel.words.longer and len(<list>level) > 2 + channel.words.skipped
                ):
                    raise MessageError(
                        f"expected [price, size], was {shown(level)}",
                        symbol=symbol, side=SIDE_NAMES[side], row=place,
                    )
                price_value = (<list>level)[channel.words.skipped]
                size_value = (<list>level)[channel.words.skipped + 1]
            elif isinstance(level, dict):
                price_value = (<dict>level).get(channel.price)
                size_value = (<dict>level).get(channel.size)
            else:
                raise MessageError(
                    f"expected a level, was {shown(level)}",
                    symbol=symbol, side=SIDE_NAMES[side], row=place,
                )
            parse_wire_number(price_value, &price, symbol, side, place)
            parse_wire_number(size_value, &size, symbol, side, place)
            if price.mantissa == 0:
                raise MessageError(
                    "a price must not be zero", symbol=symbol, side=SIDE_NAMES[side], row=place
                )
            if scratch.n_rows >= MAX_ROWS:
                raise MessageError(
                    f"more than {MAX_ROWS} levels in one frame",
                    symbol=symbol, side=SIDE_NAMES[side], row=place,
                )
            row = scratch.add_row()
            row.price = price
            row.size = size
            if channel.words.noted:
                item.written[0] = max(item.written[0], price.written)
                item.written[1] = max(item.written[1], size.written)
    elif not (levels is None or levels == "" or levels == {}):
        raise MessageError(
            f"expected a list of levels, was {shown(levels)}",
            symbol=symbol, side=SIDE_NAMES[side],
        )
    item.count[side] = scratch.n_rows - item.first[side]
    return 0
