# Part of _book: levels that were copied in one moment, and what is computed from them.
#
# Everything here may run Python code and take its time: nobody writes to a copy.


@cython.final
@cython.no_gc
cdef class _Excerpts:
    """The best levels of one side or of both, with their scales and how far they are known.

    It is made before a read looks at the book; `take` then allocates no Python object.
    """

    cdef Excerpt sides[2]
    cdef Scales scales

    def __dealloc__(self):
        free(self.sides[BID].rungs)
        free(self.sides[ASK].rungs)

    cdef int take(self, const Sides* sides, int side, Py_ssize_t count) except -1:
        """Copy the best `count` levels of a side, or all there are. Once for each side."""
        if excerpt_take(&self.sides[side], &sides.ladders[side], count) < 0:
            raise MemoryError
        self.scales = sides.scales
        return 0

    cdef Levels levels(self, int side):
        cdef const Excerpt* taken = &self.sides[side]
        cdef Levels result = Levels.__new__(Levels)
        cdef Py_ssize_t i
        result._levels = [
            make_level(
                taken.rungs[i].key * SIGN[side], self.scales.price,
                taken.rungs[i].size, self.scales.size,
            )
            for i in range(taken.count)
        ]
        return result

    cdef list exact_rows(self, int side):
        """(Decimal, Decimal) of each level."""
        cdef const Excerpt* taken = &self.sides[side]
        cdef Py_ssize_t i
        return [
            (
                exact_decimal(taken.rungs[i].key * SIGN[side], self.scales.price),
                exact_decimal(taken.rungs[i].size, self.scales.size),
            )
            for i in range(taken.count)
        ]

    cdef object array(self, int side):
        """A float64 array of shape (k, 2)."""
        cdef const Excerpt* taken = &self.sides[side]
        cdef Py_ssize_t i
        return array_of([
            (
                to_double(taken.rungs[i].key * SIGN[side], self.scales.price),
                to_double(taken.rungs[i].size, self.scales.size),
            )
            for i in range(taken.count)
        ])

    cdef bint are_known(self, int side, Py_ssize_t wanted) noexcept:
        """Whether the best `wanted` levels are known for certain."""
        cdef const Excerpt* taken = &self.sides[side]
        cdef Py_ssize_t found = min(wanted, taken.count)
        return are_known(
            taken.known_from, wanted, found, 0 if found == 0 else taken.rungs[found - 1].key
        )

    cdef bint are_proven(self, int side, Py_ssize_t proven) noexcept:
        """Whether all levels that were copied are among the best `proven`."""
        return self.sides[side].count <= proven

    cdef Sweep swept(
        self, int side, object numerator, object denominator, bint by_notional,
        Py_ssize_t within, Py_ssize_t proven
    ):
        """What consuming the levels up to a size or a notional, given as a ratio, would give, of
        which so many are `within` the limit, where the venue proves so many levels."""
        cdef const Excerpt* taken = &self.sides[side]
        cdef Py_ssize_t i = 0, most = min(within, taken.count)
        cdef bint found, broken = False
        cdef Sweep result
        price_unit, size_unit = power_of_ten(self.scales.price), power_of_ten(self.scales.size)
        # In units of the scales all levels are integers; `left` counts in `denominator`-ths.
        left = numerator * size_unit * (price_unit if by_notional else 1)
        # Of the last level the part that `left` is of `whole`.
        whole = part = 1
        size = notional = 0
        while i < most and left > 0:
            level_price = <object>(taken.rungs[i].key * SIGN[side])
            level_size = <object>taken.rungs[i].size
            value = (level_size * level_price if by_notional else level_size) * denominator
            i += 1
            if value > left:
                whole = denominator * level_price if by_notional else denominator
                size = size * whole + left
                notional = notional * whole + left * level_price
                part = left
                broken = True
                left = 0
                break
            left -= value
            size += level_size
            notional += level_size * level_price
        found = left <= 0
        if i == 0:
            result = Sweep(None, None, 0.0, 0.0, 0, found, True)
        else:
            result = Sweep(
                ratio(notional, size * price_unit),
                to_double(taken.rungs[i - 1].key * SIGN[side], self.scales.price),
                ratio(size, whole * size_unit),
                ratio(notional, whole * size_unit * price_unit),
                i,
                found and i <= proven and self.are_known(side, i),
                i <= proven,
            )
        result._taken = self
        result._side = side
        result._standing = self.standing(side, i - broken, i <= proven, proven)
        result._sums = (size, notional, whole, part if broken else None)
        return result

    cdef Sweep swept_to(self, int side, Py_ssize_t within, int64_t edge, Py_ssize_t proven):
        """What consuming all levels that are within a limit, the key `edge`, would give."""
        cdef const Excerpt* taken = &self.sides[side]
        cdef Py_ssize_t i
        cdef Sweep result
        size = 0
        for i in range(within):
            size += <object>taken.rungs[i].size
        result = self.swept(side, size, power_of_ten(self.scales.size), False, within, proven)
        # All of it was found that can be: the question is whether there may be more.
        result.complete = result.proven and (
            taken.known_from == KNOWN_FROM_START
            or taken.known_from != INT64_LIMIT and edge >= taken.known_from
        ) and (
            # Behind the last level that is proven there may be one that is not told.
            within < proven
            or within > 0 and taken.rungs[within - 1].key == edge
        )
        return result

    cdef Py_ssize_t standing(
        self, int side, Py_ssize_t place, bint is_proven, Py_ssize_t proven
    ) noexcept:
        """The place of the best level that is left, -1 where none is known for certain to be it."""
        if place >= self.sides[side].count or is_proven and place >= proven:
            return -1
        return place if self.are_known(side, place + 1) else -1

    cdef object price_at(self, int side, Py_ssize_t place):
        """float, the price of a level; None for -1."""
        if place < 0:
            return None
        return to_double(self.sides[side].rungs[place].key * SIGN[side], self.scales.price)

    cdef tuple fills(self, int side, Py_ssize_t count, object part, object whole):
        """(price, size) of each of the best `count` levels; of the last one only a part where that
        is given, in `whole`-ths."""
        cdef const Excerpt* taken = &self.sides[side]
        cdef Py_ssize_t i
        cdef list rows = [
            (self.price_at(side, i), to_double(taken.rungs[i].size, self.scales.size))
            for i in range(count)
        ]
        if part is not None:
            size_unit = power_of_ten(self.scales.size)
            price, _ = rows.pop()
            rows.append((price, ratio(part, whole * size_unit)))
        return tuple(rows)

    cdef tuple exact_sums(
        self, int side, Py_ssize_t count, object size, object notional, object whole
    ):
        """(average price, worst price, size, notional) as fractions, of sums in `whole`-ths."""
        price_unit, size_unit = power_of_ten(self.scales.price), power_of_ten(self.scales.size)
        if count == 0:
            return None, None, Fraction(0), Fraction(0)
        worst = <object>(self.sides[side].rungs[count - 1].key * SIGN[side])
        return (
            Fraction(notional, size * price_unit),
            Fraction(worst, price_unit),
            Fraction(size, whole * size_unit),
            Fraction(notional, whole * size_unit * price_unit),
        )

    cdef int take_within(
        self, const Sides* sides, int side, double reach, int64_t opposite, Total* sure
    ) except -1:
        """Sum what is surely within reach of the price halfway to `opposite`, copy what may be at
        its edge."""
        if take_within(sides, side, reach, opposite, sure, &self.sides[side]) < 0:
            raise MemoryError
        self.scales = sides.scales
        return 0

    cdef object size_within(
        self, int side, int64_t best, int64_t opposite, Total sure, object numerator,
        object denominator
    ):
        """The size of all levels at most that part of a price away from it, which is halfway
        between two keys."""
        cdef const Excerpt* doubtful = &self.sides[side]
        cdef Py_ssize_t i
        total = int_of(sure)
        if doubtful.count:
            # Twice the price * (1 - reach), or 1 + reach, as a key: `denominator`-ths of it.
            part = numerator if side == ASK else -numerator
            limit = (<object>best + <object>opposite) * (denominator + part)
            for i in range(doubtful.count):
                if 2 * <object>doubtful.rungs[i].key * denominator < limit:
                    break
                total += <object>doubtful.rungs[i].size
        return ratio(total, power_of_ten(self.scales.size))

    cdef tuple grouped(self, int side, object numerator, object denominator, Py_ssize_t count):
        """The rows of a grid whose step is a ratio, at most `count`, as an array; and whether
        they are known for certain."""
        cdef const Excerpt* taken = &self.sides[side]
        cdef Py_ssize_t i
        # In units of the scale, a step is units / denominator.
        units = numerator * power_of_ten(self.scales.price)
        size_unit = power_of_ten(self.scales.size)
        groups = {}
        for i in range(taken.count):
            price = <object>(taken.rungs[i].key * SIGN[side]) * denominator
            index = price // units if side == BID else -(-price // units)
            if index in groups:
                groups[index] += <object>taken.rungs[i].size
            elif len(groups) == count:
                break
            else:
                groups[index] = <object>taken.rungs[i].size
        certain = taken.known_from == KNOWN_FROM_START or len(groups) == count and (
            # Certain where the far edge of the last row lies inside what is known.
            count == 0
            or next(reversed(groups)) * units * SIGN[side] >= <object>taken.known_from * denominator
        )
        return array_of([
            (ratio(index * numerator, denominator), ratio(total, size_unit))
            for index, total in groups.items()
        ]), certain


# What a `Sweep` computes only when it is asked, of the levels that it keeps.


cdef tuple fills_of(Sweep sweep):
    _, _, whole, part = sweep._sums
    return (<_Excerpts>sweep._taken).fills(sweep._side, sweep.levels, part, whole)


cdef object next_price_of(Sweep sweep):
    return (<_Excerpts>sweep._taken).price_at(sweep._side, sweep._standing)


cdef tuple exact_sums_of(Sweep sweep):
    size, notional, whole, _ = sweep._sums
    return (<_Excerpts>sweep._taken).exact_sums(sweep._side, sweep.levels, size, notional, whole)
