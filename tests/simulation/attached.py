"""A world whose books are published too, and read as another program would, at the same moments.

What is LIVE there must be LIVE here, with the same numbers and no less an age. The publisher
beats as a feed does, four times a second, while its event loop runs.
"""

import mmap
from collections import Counter

from bitmart_book._book import Mirror, Publication, Room, shared_sizes
from bitmart_book.client.times import ALIVE_FOR, SHOW_AGAIN
from bitmart_book.model import BookState
from bitmart_book.share.publishing import facts_of
from tests.simulation.world import World

LEVELS = 20


class Source:
    """Nobody else publishes."""

    def find(self, _room, _topic):
        return None

    def why(self, _room, _topic, _now):
        return BookState.STALE, "nobody vouches for it"


class Pair:
    """A book, shown, and read elsewhere."""

    def __init__(self, engine, book, clock):
        self.book = book
        file = mmap.mmap(-1, shared_sizes(LEVELS, 1)["whole"])
        self.room = Room(file, LEVELS, 1, ALIVE_FOR)
        self.publication = Publication(self.room, 0)
        self.publication.show(book)
        self.room.beat(clock())
        seen = Room(memoryview(file).toreadonly(), LEVELS, 1, ALIVE_FOR)
        facts = facts_of(engine, f"{book.channel}:{book.symbol}", book)
        self.mirror = Mirror(Source(), seen, 0, facts, clock)

    def difference(self, levels):
        """What is LIVE there and otherwise here; None where all is well."""
        here, there = self.book.quote, self.mirror.quote
        if (here.exact, here.sequence, here.epoch) != (there.exact, there.sequence, there.epoch):
            return f"shows {there}, and here is {here}"
        if there.age < here.age:
            return f"{there.age} s old, and here {here.age}"
        if levels:
            here, there = (one.depth(LEVELS, exact=True) for one in (self.book, self.mirror))
            if (here.bids, here.asks, here.complete) != (there.bids, there.asks, there.complete):
                return "other levels"
        return None


class AttachedWorld(World):
    """`compared`: how many looks there were at what was LIVE in both, here alone, or in neither."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._pairs = {}
        self.compared = Counter()
        self.at(0.0, self._beat)

    def _beat(self):
        self.at(self.now + SHOW_AGAIN, self._beat)
        if self.now >= self._blocked_until:
            for pair in self._pairs.values():
                pair.publication.refresh()
                pair.room.beat(self._clock())

    def _look(self, book, *, full=False):
        super()._look(book, full=full)
        pair = self._pairs.get(book)
        if pair is None:
            if book.state == BookState.CLOSED:
                return
            pair = self._pairs[book] = Pair(self.engine, book, self._clock)
        self._compare(pair, full or self.compared.total() % 50 == 0)

    def _compare(self, pair, full):
        here, there = pair.book.state, pair.mirror.state
        if there is not BookState.LIVE:
            self.compared["here alone" if here is BookState.LIVE else "neither"] += 1
            return
        self.compared["both"] += 1
        wrong = pair.difference(full) if here is BookState.LIVE else f"LIVE, and here {here}"
        if wrong is not None:
            self.wrong.append(
                (self.now, pair.book.symbol, pair.book.sequence, f"attached: {wrong}")
            )
