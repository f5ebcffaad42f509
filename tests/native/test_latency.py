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
        self.engine.apply(frame("snapshot", 1), generation=1)
        self.book = self.engine["BTC_USDT"]
        self.latency = Latency(lambda: self.now)

    def update(self, version, stamp_ms, wall_ms=0):
        """Received so many milliseconds after STAMP, by the wall clock."""
        wall = (STAMP + wall_ms) * MS
        return self.engine.apply(frame("update", version, stamp_ms), wall, generation=1)


@pytest.fixture
def world():
    return World()


def stage(latency, name):
    summary = latency.summary()[name]
    return summary["count"], summary["min"], summary["max"]


# --- venue to socket, socket to applied ---


def test_the_stamp_counts_to_the_moment_at_which_the_bytes_were_read(world):
    read_at = world.now
    # Handed over 20 ms after its bytes were read, which is 130 ms by the wall clock; and applied.
    world.now += 20 * MS
    world.update(2, STAMP + 100, wall_ms=130)
    world.now += MS
    assert world.latency.applied(world.engine, read_at) == world.now
    assert stage(world.latency, "venue_to_socket") == (1, 0.01, 0.01)
    assert stage(world.latency, "socket_to_applied") == (1, 0.021, 0.021)


def test_a_venue_whose_clock_is_ahead_is_told_as_it_is(world):
    world.update(2, STAMP + 100, wall_ms=40)
    world.latency.applied(world.engine, world.now)
    assert world.latency.summary()["venue_to_socket"]["below_zero"] == 1
    assert stage(world.latency, "venue_to_socket") == (1, -0.06, -0.06)


def test_a_stamp_that_says_nothing_of_now_is_not_counted(world):
    def apply(kind, version, stamp_ms):
        world.now += SECOND
        wall = (STAMP + 130) * MS
        world.engine.apply(frame(kind, version, stamp_ms), wall, generation=1)
        world.latency.applied(world.engine, world.now)

    # A snapshot may come out of a cache.
    apply("snapshot", 5, STAMP + 50)
    apply("update", 6, STAMP + 100)
    # A stamp that comes again, on the next frame or on the same one.
    apply("update", 7, STAMP + 100)
    apply("update", 7, STAMP + 100)
    assert stage(world.latency, "venue_to_socket") == (1, 0.03, 0.03)
    assert world.latency.socket_to_applied.count == 4


def test_a_frame_that_no_connection_brought_has_no_way(world):
    engine = bb.Engine(clock=lambda: world.now)
    world.latency.applied(engine, world.now)
    engine.apply(frame("snapshot", 1), STAMP * MS)
    engine.apply(frame("update", 2, STAMP + 1), STAMP * MS)
    world.latency.applied(engine, world.now)
    world.engine.apply(frame("update", 2, STAMP + 1), generation=1)
    world.latency.applied(world.engine, world.now)
    assert world.latency.venue_to_socket.count == 0, "nor one that was received nobody knows when"


# --- to the callback, and who took how long ---


def test_a_callback_is_called_so_long_after(world):
    latency, slow, quick = world.latency, Timed(), Timed()

    def work(span):
        world.now += span * MS
        return span

    since = latency.now()
    world.now += 3 * MS
    assert latency.call(slow, work, (200,), since, None) == 200
    for _ in range(3):
        latency.call(quick, work, (50,), None, since)
    assert stage(latency, "applied_to_callback") == (1, 0.003, 0.003)
    assert stage(latency, "not_live_to_callback") == (3, 0.203, 0.303)
    assert latency.take_busiest() == (slow, 200 * MS, 1)
    assert latency.take_busiest() is None, "what was told is not told again"


def test_many_short_calls_are_as_long_as_one_long_one(world):
    latency, often, once = world.latency, Timed(), Timed()

    def work(span):
        world.now += span * MS
        raise RuntimeError("of the user")

    for called, span in ((often, 30), (once, 80), (often, 30), (often, 30)):
        with pytest.raises(RuntimeError, match="of the user"):
            latency.call(called, work, (span,), None, None)
    assert latency.take_busiest() == (often, 90 * MS, 3)


def test_what_is_over_counts_nothing_and_holds_nobody(world):
    latency = world.latency
    latency.call(Timed(), abs, (-5,), None, None)
    latency.call(Timed(), latency.stop, (), 5, None)
    assert latency.call(Timed(), abs, (-5,), 5, None) == 5
    assert latency.take_busiest() is None
    assert stage(latency, "applied_to_callback")[0] == 1, "what was counted can be read"


def test_without_a_clock_nothing_is_counted():
    latency = Latency(None)
    assert latency.now() is None
    latency.told(5, 5)
    assert latency.applied(bb.Engine(), 5) is None
    assert latency.call(Timed(), abs, (-5,), 5, 5) == 5
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
