"""The stages from the venue to a user's code, under clocks that the test sets."""

import pytest

import bitmart_book as bb
from bitmart_book import Change
from bitmart_book._book import Latency, Notice, Timed

SECOND = 1_000_000_000
MS = 1_000_000
# Milliseconds since 1970.
STAMP = 1_698_292_343_610


def frame(kind, version, stamp_ms=STAMP, symbol="BTC_USDT"):
    size = version % 7 + 1
    return (
        f'{{"data":[{{"asks":[["101","1"]],"bids":[["99","{size}"]],"ms_t":{stamp_ms},'
        f'"symbol":"{symbol}","type":"{kind}","version":{version}}}],'
        '"table":"spot/depth/increase100"}'
    ).encode()


class World:
    """An engine with a clock and one LIVE book, whose frames come on a connection to a host."""

    def __init__(self):
        self.now = 1_000 * SECOND
        self.engine = bb.Engine(clock=lambda: self.now, valid_for=9.5)
        self.engine.open_line(1, 9.5, host="a host")
        self.engine.apply(frame("snapshot", 1), 0, generation=1)
        self.book = self.engine["BTC_USDT"]
        self.latency = Latency(lambda: self.now)

    def update(self, version, stamp_ms):
        return self.engine.apply(frame("update", version, stamp_ms), 0, generation=1)


@pytest.fixture
def world():
    return World()


def stage(latency, name):
    summary = latency.summary()[name]
    return summary["count"], summary["min"], summary["max"]


# --- venue to socket, socket to applied ---


def test_the_stamp_counts_to_the_moment_at_which_the_bytes_were_read(world):
    world.update(2, STAMP + 100)
    # Applied at 130 ms by the wall clock, 20 ms after its bytes were read.
    world.latency.applied(world.engine, (STAMP + 130) * MS, 20 * MS)
    assert stage(world.latency, "venue_to_socket") == (1, 0.01, 0.01)
    assert stage(world.latency, "socket_to_applied") == (1, 0.02, 0.02)


def test_a_venue_whose_clock_is_ahead_is_told_as_it_is(world):
    world.update(2, STAMP + 100)
    world.latency.applied(world.engine, (STAMP + 40) * MS, 0)
    assert world.latency.summary()["venue_to_socket"]["below_zero"] == 1
    assert stage(world.latency, "venue_to_socket") == (1, -0.06, -0.06)


def test_a_stamp_that_says_nothing_of_now_is_not_counted(world):
    wall = (STAMP + 130) * MS
    # A snapshot may come out of a cache.
    world.engine.apply(frame("snapshot", 5, STAMP + 50), 0, generation=1)
    world.latency.applied(world.engine, wall, 0)
    world.update(6, STAMP + 100)
    world.latency.applied(world.engine, wall, 0)
    # A stamp that comes again, on the next frame or on the same one.
    world.now += SECOND
    world.update(7, STAMP + 100)
    world.latency.applied(world.engine, wall + SECOND, 0)
    world.update(7, STAMP + 100)
    world.latency.applied(world.engine, wall + SECOND, 0)
    assert stage(world.latency, "venue_to_socket") == (1, 0.03, 0.03)
    assert world.latency.socket_to_applied.count == 4


def test_a_frame_that_no_connection_brought_has_no_way(world):
    engine = bb.Engine(clock=lambda: world.now)
    world.latency.applied(engine, STAMP * MS, 0)
    engine.apply(frame("snapshot", 1))
    engine.apply(frame("update", 2, STAMP + 1))
    world.latency.applied(engine, STAMP * MS, 0)
    assert world.latency.venue_to_socket.count == 0


# --- to the callback, and who took how long ---


def test_a_callback_is_called_so_long_after(world):
    latency, slow, quick = world.latency, Timed(), Timed()
    since = latency.now()
    world.now += 3 * MS
    begun = latency.begin(since, None)
    world.now += 200 * MS
    latency.end(slow, begun)
    for _ in range(3):
        begun = latency.begin(None, since)
        world.now += 50 * MS
        latency.end(quick, begun)
    assert stage(latency, "applied_to_callback") == (1, 0.003, 0.003)
    assert stage(latency, "not_live_to_callback") == (3, 0.203, 0.303)
    assert latency.take_busiest() == (slow, 200 * MS, 1)
    assert latency.take_busiest() is None, "what was told is not told again"


def test_many_short_calls_are_as_long_as_one_long_one(world):
    latency, often, once = world.latency, Timed(), Timed()
    for called, span in ((often, 30), (once, 80), (often, 30), (often, 30)):
        begun = latency.begin(None, None)
        world.now += span * MS
        latency.end(called, begun)
    assert latency.take_busiest() == (often, 90 * MS, 3)


def test_without_a_clock_nothing_is_counted():
    latency = Latency(None)
    assert latency.now() is None
    latency.told(5, 5)
    latency.end(Timed(), latency.begin(5, 5))
    assert latency.take_busiest() is None
    assert {stage["count"] for stage in latency.summary().values()} == {0}


def test_the_clock_is_one_of_these():
    with pytest.raises(bb.UsageError, match="clock"):
        Latency("of the wall")
    before = bb._book.clock_ns()
    assert before <= Latency().now() <= bb._book.clock_ns()


# --- since when a book was not LIVE ---


def noticing(world):
    notes = []
    notice = Notice(notes, "it")
    notice.want(world.book, Change.TOP)
    return notes, notice


def test_a_book_that_lapsed_has_not_been_live_since_its_deadline(world):
    notes, notice = noticing(world)
    deadline = world.book.valid_until
    world.now = deadline - 1
    world.engine.look()
    assert (notes, notice.lost_at) == ([], None)
    # The loop was blocked, and nobody looked for a while.
    world.now = deadline + 700 * MS
    world.engine.look()
    assert (notes, notice.lost_at) == ([("it", 0)], deadline)
    # What is said of it afterwards makes it no later.
    world.now += SECOND
    world.engine.invalidate(world.book, "doubted")
    assert notice.lost_at == deadline
    assert notice.ceased() == deadline


def test_a_book_that_a_frame_lost_has_not_been_live_since_that_frame(world):
    _, notice = noticing(world)
    world.now += 3 * MS
    lost = world.now
    world.update(9, STAMP + 100)
    world.now += 3 * MS
    assert (notice.lost_at, notice.ceased()) == (lost, lost)
    world.engine.apply(frame("snapshot", 12), 0, generation=1)
    assert notice.lost_at is None
    assert notice.ceased() is None


def test_who_asks_before_it_was_noticed_is_told_the_deadline(world):
    _, notice = noticing(world)
    deadline = world.book.valid_until
    world.now = deadline + 20 * MS
    assert notice.lost_at is None
    assert notice.ceased() == deadline
    world.engine.look()
    assert notice.lost_at == deadline


def test_a_new_start_forgets_what_was_lost_before(world):
    _, notice = noticing(world)
    world.update(9, STAMP + 100)
    assert notice.lost_at is not None
    world.engine.apply(frame("snapshot", 12), 0, generation=1)
    world.update(20, STAMP + 200)
    notice.want(world.book, Change.TOP)
    assert notice.lost_at is None
