"""A publisher and its readers in one process, with a clock that tests set."""

import mmap
import os

from bitmart_book import Engine
from bitmart_book._book import Mirror, Publication, Room, shared_sizes
from bitmart_book.model import BookState
from tests.helpers.frames import spot

SECOND = 10**9
FACTS = {
    "topic": "spot/depth/increase100:BTC_USDT", "names": ["BTC_USDT"], "symbol": "BTC_USDT",
    "venue": "bitmart", "market": "spot", "channel": "spot/depth/increase100", "unit": "base",
    "proven": None, "guard_age": 8.0,
}  # fmt: skip


class Clock:
    """The time of both, in nanoseconds."""

    def __init__(self, now=100 * SECOND):
        self.now = now

    def __call__(self):
        return self.now

    def pass_by(self, seconds):
        self.now += int(seconds * SECOND)


class Source:
    """Who knows nothing of any other publisher."""

    def __init__(self):
        self.found = None

    def find(self, _room, _topic):
        return self.found

    def why(self, _room, _topic, _now):
        return BookState.STALE, "nobody vouches for it"


class Pair:
    """An engine, its book, published with so many levels, and the same book as another reads it."""

    def __init__(self, levels=3, capacity=4, alive_for=1.0):
        self.clock = Clock()
        self.engine = Engine(clock=self.clock)
        self.owner = self.engine.book("BTC_USDT")
        self.file = mmap.mmap(-1, shared_sizes(levels, capacity)["whole"])
        self.room = Room(self.file, levels, capacity, alive_for)
        self.publication = Publication(self.room, 0)
        self.publication.show(self.owner)
        self.room.show_books(1)
        self.room.beat(self.clock.now)
        self.source = Source()
        self.book = self.reader()

    def reader(self):
        """One more reader of it."""
        seen = memoryview(self.file).toreadonly()
        room = Room(seen, self.room.levels, self.room.capacity, 1.0)
        return Mirror(self.source, room, 0, FACTS, self.clock)

    def apply(self, *frame, **options):
        return self.engine.apply(spot(*frame), **options)


def side(best, step, count, size="1"):
    return [(str(best + step * place), size) for place in range(count)]


def rest_of_directory(path):
    """What is left in a folder; nothing where there is none."""
    return sorted(os.listdir(path)) if os.path.isdir(path) else []
