# The machine's clock, and a cheaper way to be certain that a deadline has not come.
#
# The clock goes on while the machine sleeps, as the market does: the first read after waking is
# refused, before anybody has noticed that there was a sleep. No coarse clock does so. But the wall
# clock is set forward by as much as was slept, and the coarse monotonic one is not: while the two
# are as far apart as when the exact clock was last read beside them, nobody has slept, and the
# coarse one tells the time. Whatever else makes them differ costs one more look at the exact clock
# and means nothing. Only a wall clock that is set back after a sleep by just as much, before any
# book has been read, would hide it.
#
# Which of a system's clocks that is: CLOCK_BOOTTIME on Linux, the monotonic one of macOS, and the
# performance counter of Windows, which has no call of POSIX; all three count sleep.

from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(_WIN32)
    #ifndef WIN32_LEAN_AND_MEAN
    #define WIN32_LEAN_AND_MEAN
    #endif
    #ifndef NOMINMAX
    #define NOMINMAX
    #endif
    #include <windows.h>
    static inline int64_t bb_monotonic_ns(void) {
        static int64_t frequency = 0;
        LARGE_INTEGER now;
        if (frequency == 0) {
            LARGE_INTEGER found;
            QueryPerformanceFrequency(&found);
            frequency = found.QuadPart;
        }
        QueryPerformanceCounter(&now);
        /* The whole seconds apart: a year of ticks times a billion is more than 64 bits hold. */
        return now.QuadPart / frequency * 1000000000
            + now.QuadPart % frequency * 1000000000 / frequency;
    }
    #else
    #include <time.h>
    static inline int64_t bb_read_ns(clockid_t clock) {
        struct timespec now;
        clock_gettime(clock, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    #if defined(CLOCK_BOOTTIME)
    #define BB_EXACT CLOCK_BOOTTIME
    #else
    #define BB_EXACT CLOCK_MONOTONIC
    #endif
    static inline int64_t bb_monotonic_ns(void) { return bb_read_ns(BB_EXACT); }
    #endif
    #if defined(__linux__) && defined(CLOCK_BOOTTIME) && defined(CLOCK_MONOTONIC_COARSE) \\
        && defined(CLOCK_REALTIME_COARSE)
    #define BB_HAS_COARSE 1
    static inline int64_t bb_coarse_ns(void) { return bb_read_ns(CLOCK_MONOTONIC_COARSE); }
    static inline int64_t bb_wall_ns(void) { return bb_read_ns(CLOCK_REALTIME_COARSE); }
    #else
    #define BB_HAS_COARSE 0
    static inline int64_t bb_coarse_ns(void) { return 0; }
    static inline int64_t bb_wall_ns(void) { return 0; }
    #endif
    /* What the others showed beyond the coarse monotonic clock when the three were last read
       together: `exact` never less than the truth. No wall clock is where this one starts. */
    static struct { int64_t exact, wall; } bb_ahead = { 0, INT64_MIN / 2 };
    """
    int64_t monotonic_ns "bb_monotonic_ns"() noexcept nogil
    int64_t coarse_ns "bb_coarse_ns"() noexcept nogil
    int64_t wall_ns "bb_wall_ns"() noexcept nogil
    const bint HAS_COARSE "BB_HAS_COARSE"
    ctypedef struct Ahead:
        int64_t exact
        int64_t wall
    Ahead ahead "bb_ahead"

cdef enum:
    # The two coarse clocks are read one after the other, and tick up to ten milliseconds apart.
    SAME = 50_000_000
    # Beyond that a coarse clock is late by a tick, and by however long the machine that a virtual
    # one runs on lets it stand: half the time that a book stays valid is left for it.
    RESERVE = 100_000_000


cdef inline bint is_before(int64_t deadline, int64_t valid_for) noexcept:
    """Whether the exact clock has not come to a deadline, which was set `valid_for` ahead."""
    cdef int64_t coarse, wall, now
    if not HAS_COARSE:
        return monotonic_ns() < deadline
    coarse = coarse_ns()
    wall = wall_ns() - coarse
    if -SAME < wall - ahead.wall < SAME:
        if coarse + ahead.exact + valid_for // 2 + RESERVE < deadline:
            return True
        return monotonic_ns() < deadline
    now = monotonic_ns()
    ahead.exact = now - coarse
    ahead.wall = wall
    return now < deadline
