"""Time is whole nanoseconds since a run began; these are its units."""

MILLI = 1_000_000
SECOND = 1_000_000_000


def seconds(value: float) -> int:
    """That many seconds in nanoseconds."""
    return round(value * SECOND)
