"""Every read is of one moment: whatever writes while it runs, it answers what it would have
answered before, or after.

Reads that run Python code can be interrupted there: by another thread, by a garbage collection and
what that finalizes, by a clock or a number of the user's. Each read is run again and again, and a
write comes in at its first such point, at its second, and so on until it has no more.
"""

import contextlib
import gc
import sys
import threading
from decimal import Decimal

import pytest

import bitmart_book as bb
from bitmart_book import Book, BookNotLive, BookState
from tests.helpers.frames import spot
from tests.helpers.reads import READS, WRITES, OddDecimal, depth, frozen

MOST_POINTS = 5_000


NAMES = [(name, variant) for name, variants in READS.items() for variant, _, _ in variants]


def test_every_public_name_of_a_book_is_a_read_or_a_write_that_is_known_here():
    public = {name for name in dir(Book) if not name.startswith("_")}
    special = {
        name
        for name in ("__repr__", "__str__", "__len__", "__iter__", "__getitem__", "__bool__",
                     "__format__", "__eq__", "_repr_html_")
        if name in vars(Book) or any(name in vars(base) for base in Book.__mro__[1:-1])
    }  # fmt: skip
    assert public | special == set(READS) | WRITES


# --- states ---


class Clock:
    """Python code that tells the time; `hook` is called when it is asked."""

    def __init__(self):
        self.hook = lambda: None

    def __call__(self):
        self.hook()
        return 5_000_000_000


def side(best, step, count, size):
    return [(str(best + step * place), size) for place in range(count)]


# A hundred levels fill the venue's window: below them nothing is known. Coarse scales.
WIDE = spot("snapshot", 5, side(100, -1, 100, "0.5"), side(101, 1, 100, "0.25"))
DEEPER = spot("update", 6, [("0.9", "7")], [("999.5", "7")])
# Fine scales, so that one level's ints are of several digits; fewer levels, all of them known.
OTHER = spot(
    "snapshot", 9, [("200.00000001", "40000.125"), ("199.5", "0.0000001")],
    [("201.125", "3"), ("201.250000001", "40000.5"), ("207", "1"), ("208", "2")],
)  # fmt: skip
LOST = spot("update", 99, [("50", "1")])
# Other levels, and not LIVE.
CROSSING = spot(
    "update", 7, [("150", "1"), ("100", "3"), ("99", "5")], [("101", "0.75"), ("201.125", "8")]
)


class World:
    """A book that has just been made, and the ways in which it may change."""

    def __init__(self, *, live=True):
        self.clock = Clock()
        self.engine = bb.Engine(clock=self.clock)
        self.engine.open_line(1, 8)
        for version, frame in enumerate((WIDE, DEEPER)):
            self.engine.apply(frame, 1_000 + version, generation=1)
        self.book = self.engine["BTC_USDT"]
        if not live:
            self.lose()

    def replace(self):
        self.engine.apply(OTHER, 2_000, generation=1)

    def lose(self):
        self.engine.apply(LOST, 3_000, generation=1)

    def cross(self):
        self.engine.apply(CROSSING, 3_000, generation=1)

    def hold(self):
        self.engine.hold(1, "a pong is late")

    def start_anew(self):
        self.engine.assign(self.book, 2)


# Whether the book is LIVE at first, and what is written.
CHANGES = {
    "another snapshot": (True, World.replace),
    "a gap": (True, World.lose),
    "a crossing": (True, World.cross),
    "held": (True, World.hold),
    "a new connection": (True, World.start_anew),
    "won back": (False, World.replace),
}


def answer(call, look, book):
    try:
        value = call(book)
    except BookNotLive as error:
        return ("not live", type(error), error.state, error.reason, error.since, error.epoch)
    return ("answer", value, look)


def compared(found):
    kind, value, *rest = found
    return (kind, rest[0](value)) if kind == "answer" else found


# --- ways to interrupt ---


class Interruption:
    """Writes at one point of a read, the `at`-th."""

    def __init__(self, write, at):
        self.write = write
        self.left = at
        self.open = False

    def point(self):
        if self.open:
            self.left -= 1
            if self.left == 0:
                self.open = False
                self.write()

    @property
    def happened(self):
        return self.left <= 0


@contextlib.contextmanager
def by_profiler(interruption, _):
    """At each call and return of Python code."""

    def hook(*_):
        interruption.point()

    interruption.open = True
    sys.setprofile(hook)
    try:
        yield
    finally:
        sys.setprofile(None)
        interruption.open = False


@contextlib.contextmanager
def by_collector(interruption, _):
    """At each garbage collection, of which there are as many as can be."""

    def hook(phase, _):
        if phase == "start":
            interruption.point()

    before = gc.get_threshold()
    gc.callbacks.append(hook)
    gc.set_threshold(1)
    interruption.open = True
    try:
        yield
    finally:
        interruption.open = False
        gc.set_threshold(*before)
        gc.callbacks.remove(hook)


@contextlib.contextmanager
def by_clock(interruption, world):
    """Whenever the clock is asked."""
    world.clock.hook = interruption.point
    interruption.open = True
    try:
        yield
    finally:
        interruption.open = False


WAYS = {"profiler": by_profiler, "collector": by_collector, "clock": by_clock}


def variant_of(name, variant):
    return next((call, look) for one, call, look in READS[name] if one == variant)


def at_each_point(way, make, write, read):
    """What a read answers when a write comes in at its first point, at its second, and so on."""
    for at in range(1, MOST_POINTS):
        world = make()
        interruption = Interruption(lambda: write(world), at)  # noqa: B023
        # What has been made for this must not be what the collections are spent on.
        gc.collect(0)
        with WAYS[way](interruption, world):
            found = read(world)
        yield at, world, found
        if not interruption.happened:
            return
    pytest.fail("there is no end to the points at which it can be interrupted")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "variant"), NAMES)
def test_a_read_is_of_one_moment_wherever_it_is_interrupted(name, variant, way):
    call, look = next((call, look) for one, call, look in READS[name] if one == variant)

    def read(world):
        return answer(call, look, world.book)

    for live, write in CHANGES.values():
        before, after = World(live=live), World(live=live)
        write(after)
        allowed = [compared(read(before)), compared(read(after))]
        for at, world, found in at_each_point(way, lambda: World(live=live), write, read):  # noqa: B023
            assert compared(found) in allowed, (at, compared(found), *allowed)
            world.book.check()


def test_the_ways_to_interrupt_do_interrupt():
    """Each of them comes into a read that is known to run Python code."""
    reads = {
        "profiler": lambda book: book.size_at("bid", OddDecimal("99")),
        "collector": lambda book: [[] for _ in book.bids for _ in range(2_000)],
        "clock": lambda book: book.quote,
    }
    for way, read in reads.items():
        world = World()
        interruption = Interruption(world.replace, 1)
        with WAYS[way](interruption, world):
            read(world.book)
        assert interruption.happened, way


# --- the writes: what a reader sees in the middle of one ---


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_write_is_seen_whole_or_not_at_all(change, way):
    """Whatever runs in the middle of a write reads the book."""
    live, write = CHANGES[change]
    before, after = World(live=live), World(live=live)
    write(after)
    allowed = [frozen(world.book.peek()) for world in (before, after)]
    for at in range(1, MOST_POINTS):
        world = World(live=live)
        seen = []
        interruption = Interruption(lambda: seen.append(world.book.peek()), at)  # noqa: B023
        gc.collect(0)
        with WAYS[way](interruption, world):
            write(world)
        assert [copy for copy in map(frozen, seen) if copy not in allowed] == []
        assert frozen(world.book.peek()) == allowed[1]
        if not interruption.happened:
            return


# --- the inputs by which it was found ---


def pictures():
    """Two whole pictures of which no part fits the other."""
    yield side(2_000, -1, 300, "1"), side(2_001, 1, 300, "1")
    yield side(Decimal("20100.5"), -1, 300, "2"), side(Decimal("20101.25"), 1, 300, "2")


def test_a_thread_swaps_pictures_and_another_groups_them():
    book = bb.Book("BTC_USDT")
    both = list(pictures())
    whole = []
    for picture in both:
        book.apply_snapshot(*picture)
        whole.append(depth(book.grouped("5", 300)))
    done = threading.Event()

    def write():
        while not done.is_set():
            for picture in both:
                book.apply_snapshot(*picture)

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        torn = [d for d in (depth(book.grouped("5", 300)) for _ in range(150)) if d not in whole]
    finally:
        done.set()
        writer.join()
        sys.setswitchinterval(switch)
    assert torn == []


def test_groups_of_a_live_feed_do_not_cross():
    """On 3.13 one read in a thousand or two did."""
    switch = sys.getswitchinterval()
    with bb.connect("BTC_USDT", source="sim") as feed:
        book = feed["BTC_USDT"]
        sys.setswitchinterval(1e-5)
        try:
            for _ in range(1_000):
                bids, asks = book.grouped("0.01")
                assert bids[0, 0] <= asks[0, 0]
        finally:
            sys.setswitchinterval(switch)


def test_a_scale_is_of_the_moment_of_its_rows():
    """Asks of 201125.0 were seen where 201.125 is true."""

    def make():
        book = bb.Book("BTC_USDT")
        book.apply_snapshot([("100", "1"), ("99", "1")], [("101", "1")])
        return book

    def write(book):
        book.apply_snapshot([("200.125", "1")], [("201.125", "1")])

    def read(book):
        return depth(book.grouped("0.125"))

    for _, _, (bids, asks, _) in at_each_point("profiler", make, write, read):
        assert (bids[0], asks[0]) in (
            ([100.0, 1.0], [101.0, 1.0]),
            ([200.125, 1.0], [201.125, 1.0]),
        )


def test_what_is_known_is_of_the_moment_of_the_levels():
    """A sweep of 50 was called complete with 5 levels known of 105."""

    def rows(first, count, size="1"):
        return [(str(first + place), size) for place in range(count)]

    def make():
        engine = bb.Engine()
        engine.apply(spot("snapshot", 1, [("100", "1")], rows(101, 100)))
        engine.apply(spot("update", 2, [], rows(106, 95, "0")))
        engine.apply(spot("update", 3, [], rows(201, 100)))
        return engine

    def write(engine):
        # All that was shown before is known then.
        engine.apply(spot("snapshot", 4, [("100", "1")], rows(150, 100)))

    def read(engine):
        return engine["BTC_USDT"].sweep("ask", size=50)

    assert make()["BTC_USDT"].complete_depth("ask") == 5
    for _, _, found in at_each_point("profiler", make, write, read):
        assert (found.worst_price, found.complete) in ((245.0, False), (199.0, True))


@pytest.mark.parametrize("account", [None, bb.Account()])
def test_a_collection_between_the_sides_of_an_exact_depth(account):
    """A bid of 100 and an ask of 201 were seen, on 3.11; `net_depth` reads through it."""

    def read(world):
        return world.book.depth(exact=True) if account is None else account.net_depth(world.book)

    for _, _, found in at_each_point("collector", World, World.replace, read):
        assert (found.bids[0][0], found.asks[0][0]) in (
            (100, 101),
            (Decimal("200.00000001"), Decimal("201.125")),
        )


# --- states ---


def test_a_book_that_a_clock_has_put_out_of_live_is_not_read():
    """The clock is asked first and the state looked at afterwards."""
    world = World()
    world.clock.hook = lambda: (setattr(world.clock, "hook", lambda: None), world.lose())
    with pytest.raises(BookNotLive) as caught:
        _ = world.book.best_bid
    assert caught.value.state is BookState.GAP
