# Part of _book: floats that were computed, and the steps of a market that they are rounded to.
#
# 0.1 + 0.2 is a float that nobody means. Where it is said of what prices and sizes are multiples, a
# float means the multiple that it is near to, and one that is near to none is refused. What is
# written as text, Decimal or int is exact as it is, and nothing rounds it.

cdef enum:
    OF_PRICES = 0
    OF_SIZES = 1

cdef tuple STEP_NAMES = ("price_step", "size_step")
# How far from a multiple a float may be: so much of a step, or so much of itself where that is more,
# which is eight units in its last place. Beyond so many steps floats are too coarse to tell.
cdef double NEAR_STEP = 1e-6
cdef double NEAR_ITSELF = 8 * 2.220446049250313e-16
cdef double MOST_STEPS = 1e14


cdef int read_step(object step, Steps* steps, int which) except -1:
    """Note a step that was given by hand; None leaves what there is."""
    cdef Number unit
    if step is None:
        return 0
    parse_by_hand(step, &unit)
    if unit.mantissa == 0:
        raise UsageError(f"{STEP_NAMES[which]} must be greater than zero")
    if not -MAX_SCALE <= unit.exponent <= 0:
        raise UsageError(f"{STEP_NAMES[which]} cannot be held exactly, was {step!r}")
    steps.units[which] = unit
    steps.widths[which] = to_double(unit.mantissa, -unit.exponent)
    return 0


cdef bint near_step(double value, const Steps* steps, int which, Number* out) noexcept nogil:
    """The multiple of the step that a float is near to; False where there is none."""
    cdef double count = value / steps.widths[which]
    cdef int64_t whole
    cdef double away, allowed
    # Not so for nan. What is left of a size, after subtractions, may be a hair below zero.
    if not -1.0 < count < MOST_STEPS:
        return False
    whole = <int64_t>(count + 0.5)
    away = count - <double>whole
    allowed = max(NEAR_STEP, count * NEAR_ITSELF)
    if away > allowed or -away > allowed:
        return False
    if whole > INT64_LIMIT // steps.units[which].mantissa:
        return False
    out.mantissa = whole * steps.units[which].mantissa
    out.exponent = steps.units[which].exponent if whole else 0
    while out.exponent < 0 and out.mantissa % 10 == 0:
        out.mantissa //= 10
        out.exponent += 1
    return True


cdef inline bint number_of_float(
    double value, int scale, const Steps* steps, int which, Number* out
) noexcept nogil:
    """The number that a float means; False where it is not sure to be found without its text."""
    if steps.widths[which] != 0:
        return near_step(value, steps, which, out)
    return number_of_double(value, scale, out)


cdef int parse_in_steps(object value, const Steps* steps, int which, Number* out) except -1:
    """A number given by hand, a float rounded to its step; UsageError where it is near to none."""
    cdef Number unit
    if steps.widths[which] == 0 or not PyFloat_Check(value):
        return parse_by_hand(value, out)
    if near_step(PyFloat_AS_DOUBLE(value), steps, which, out):
        return 0
    parse_by_hand(value, out)
    unit = steps.units[which]
    numerator, denominator = ratio_of(out[0])
    if numerator * power_of_ten(-unit.exponent) % (denominator * unit.mantissa) != 0:
        raise UsageError(
            f"{value!r} is near no multiple of {STEP_NAMES[which]}, {written_out(unit)}: "
            "another step, or what is exact, as text or Decimal"
        )
    return 0
