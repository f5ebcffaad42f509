"""A machine whose clocks a test sets.

`python -m tests.helpers.clocks SCENARIO` runs with `LIBRARY` preloaded.

The library stands before the C library's `clock_gettime`, which both Python and the compiled book
call, and shows what it is told to. A scenario fails by an exception.
"""

import ctypes
import random
import sys

import numpy as np
import pytest

import bitmart_book as bb
from tests.helpers.frames import spot

LIBRARY = r"""
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int faking;
long long shown[16];
long long asked[16];
int clock_gettime(clockid_t id, struct timespec *now) {
    if (!faking || id < 0 || id > 15)
        return (int)syscall(SYS_clock_gettime, id, now);
    asked[id]++;
    now->tv_sec = shown[id] / 1000000000;
    now->tv_nsec = shown[id] % 1000000000;
    return 0;
}
"""
REALTIME, MONOTONIC, REALTIME_COARSE, MONOTONIC_COARSE, BOOTTIME = 0, 1, 5, 6, 7
COARSE = {REALTIME: REALTIME_COARSE, MONOTONIC: MONOTONIC_COARSE}
TICK = 10_000_000
SECOND = 1_000_000_000


class Machine:
    """Its time awake, asleep, and on the wall, in nanoseconds; coarse clocks show whole ticks."""

    def __init__(self):
        library = ctypes.CDLL(None)
        self._shown = (ctypes.c_longlong * 16).in_dll(library, "shown")
        self.asked = (ctypes.c_longlong * 16).in_dll(library, "asked")
        self._awake, self._asleep, self._wall = (
            1_000 * SECOND + TICK // 3,
            500 * SECOND,
            1_700_000_000 * SECOND,
        )
        self._show()
        ctypes.c_int.in_dll(library, "faking").value = 1

    def _show(self, coarse=True):
        self._shown[MONOTONIC] = self._awake
        self._shown[BOOTTIME] = self._awake + self._asleep
        self._shown[REALTIME] = self._awake + self._asleep + self._wall
        if coarse:
            behind = self._awake % TICK
            for clock, coarse_clock in COARSE.items():
                self._shown[coarse_clock] = self._shown[clock] - behind

    @property
    def now(self):
        return self._shown[BOOTTIME]

    def runs(self, ns, coarse=True):
        self._awake += ns
        self._show(coarse)

    def sleeps(self, ns):
        self._asleep += ns
        self._show()

    def sets_its_clock(self, ns):
        self._wall += ns
        self._show()

    def counts(self, work):
        before = list(self.asked)
        work()
        return [after - then for after, then in zip(self.asked, before, strict=True)]


def live_book(valid_for=10.0, **options):
    engine = bb.Engine(clock="monotonic", valid_for=valid_for, **options)
    engine.apply(spot("snapshot", 4, [["99", "1"]], [["101", "2"]]))
    return engine, engine["BTC_USDT"]


OUT = np.empty((2, 2)), np.empty((2, 2))
READS = [
    lambda book: book.best_bid_price,
    lambda book: book.best_ask,
    lambda book: book.quote,
    lambda book: book.depth(1, out=OUT),
    lambda book: book.mid,
]


def is_readable(book):
    """What every read says, and they say the same."""
    answers = set()
    for read in READS:
        try:
            read(book)
        except bb.BookNotLive as error:
            answers.add(error.state != bb.BookState.STALE)
        else:
            answers.add(True)
    answers.add(book.state == bb.BookState.LIVE)
    assert len(answers) == 1, answers
    return answers.pop()


def reads_in_good_time_need_no_exact_clock(machine):
    _, book = live_book()
    assert is_readable(book)
    machine.runs(4 * SECOND)
    assert book.best_bid_price == 99
    asked = machine.counts(lambda: [book.best_bid_price for _ in range(100)])
    assert asked[BOOTTIME] == 0
    assert asked[MONOTONIC_COARSE] == asked[REALTIME_COARSE] == 100
    machine.runs(5 * SECOND)
    asked = machine.counts(lambda: [book.best_bid_price for _ in range(100)])
    assert asked[BOOTTIME] == 100, "so near to the deadline only the exact one will do"


def the_deadline_is_exact(machine):
    _, book = live_book()
    machine.runs(10 * SECOND - 1)
    assert is_readable(book)
    assert book.quote.age == (10 * SECOND - 1) / 1e9
    machine.runs(1)
    assert not is_readable(book)


def a_sleep_is_seen_by_the_next_read(machine):
    for sleep in (10 * SECOND, 3600 * SECOND, 10**6 * SECOND):
        for read in READS:
            _, book = live_book()
            assert is_readable(book)
            machine.sleeps(sleep)
            with pytest.raises(bb.BookNotLive, match="not confirmed for 10 s"):
                read(book)


def a_short_sleep_counts(machine):
    _, book = live_book()
    assert is_readable(book)
    machine.sleeps(6 * SECOND)
    assert is_readable(book)
    machine.runs(4 * SECOND - 1)
    assert is_readable(book)
    machine.runs(1)
    assert not is_readable(book)


def many_naps_count(machine):
    """Each too short to be noticed by itself."""
    _, book = live_book()
    ends = book.valid_until
    while machine.now < ends + SECOND:
        assert is_readable(book) == (machine.now < ends)
        machine.sleeps(20_000_000)
        machine.runs(1_000_000)


def a_clock_that_is_set_costs_no_book_its_life(machine):
    for step in (
        3600 * SECOND,
        -3600 * SECOND,
        100_000_000,
        -100_000_000,
        SECOND,
        -(10**8) * SECOND,
    ):
        _, book = live_book()
        ends = book.valid_until
        while machine.now < ends:
            assert is_readable(book)
            machine.sets_its_clock(step)
            assert is_readable(book)
            machine.runs(700_000_000)
        assert not is_readable(book)


def coarse_clocks_may_stand_still(machine):
    """For half of the time that a book is valid; a machine does so for some milliseconds."""
    for runs in range(5, 10):
        _, book = live_book()
        machine.runs(runs * SECOND)
        assert is_readable(book)
        machine.runs((10 - runs) * SECOND - 1, coarse=False)
        assert is_readable(book)
        machine.runs(1, coarse=False)
        assert not is_readable(book)
        machine.runs(0)
        assert not is_readable(book)


def whatever_happens(machine):
    rng = random.Random(7)
    seen = [0, 0]
    for _ in range(300):
        _, book = live_book(rng.choice([0.05, 0.3, 10.0, 100.0]))
        ends = book.valid_until
        valid_for = ends - machine.now
        for _ in range(12):
            event = rng.choice([machine.runs, machine.runs, machine.sleeps, machine.sets_its_clock])
            ns = int(valid_for * rng.choice([0.01, 0.2, 0.4, 1.5]) * rng.random())
            event(-ns if event == machine.sets_its_clock and rng.random() < 0.5 else ns)
            readable = is_readable(book)
            assert readable == (machine.now < ends)
            seen[readable] += 1
            machine.runs(max(0, min(ends - machine.now - 1, rng.randrange(valid_for))))
            assert is_readable(book) == (machine.now < ends)
    assert min(seen) > 200


def a_held_connection_is_seen_at_once(machine):
    engine, book = live_book()
    engine.open_line(1, 30.0)
    engine.apply(spot("snapshot", 5, [["99", "1"]], [["101", "2"]]), generation=1)
    assert is_readable(book)
    engine.hold(1, "something waits")
    assert not is_readable(book)
    engine.release(1)
    assert is_readable(book)


def an_injected_clock_is_the_only_one(machine):
    now = [5 * SECOND]
    engine = bb.Engine(clock=lambda: now[0], valid_for=10.0)
    engine.apply(spot("snapshot", 4, [["99", "1"]], [["101", "2"]]))
    book = engine["BTC_USDT"]
    assert is_readable(book)
    asked = machine.counts(lambda: is_readable(book))
    assert asked[BOOTTIME] == asked[MONOTONIC_COARSE] == asked[REALTIME_COARSE] == 0
    now[0] += 10 * SECOND - 1
    assert is_readable(book)
    now[0] += 1
    assert not is_readable(book)


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        reads_in_good_time_need_no_exact_clock,
        the_deadline_is_exact,
        a_sleep_is_seen_by_the_next_read,
        a_short_sleep_counts,
        many_naps_count,
        a_clock_that_is_set_costs_no_book_its_life,
        coarse_clocks_may_stand_still,
        whatever_happens,
        a_held_connection_is_seen_at_once,
        an_injected_clock_is_the_only_one,
    )
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](Machine())
