"""A book on one connection whose frames are stamped, early or late."""

import bitmart_book as bb
from tests.helpers.frames import spot

VENUE = 1_700_000_000.0
"""What the venue's clock says when ours says 0."""
DEEP = [("1", "1")], [("9", "1")]


class Line:
    """An engine with one book on one connection. Times are in seconds of our clock."""

    def __init__(self, host="venue", unseen=3.0, now=100.0):
        self.now = now
        self.engine = bb.Engine(clock=lambda: round(self.now * 1e9))
        self.generation = 0
        self.book = self.engine.book("BTC_USDT")
        self.version = 0
        self.open(host, unseen)
        self.hear("snapshot", None, DEEP)

    def open(self, host="venue", unseen=3.0):
        self.generation += 1
        self.engine.open_line(self.generation, 100.0, host=host, unseen=unseen)
        self.engine.assign(self.book, self.generation)

    def hear(self, kind, sent, rows=((), ()), version=None, **more):
        """A frame that was stamped when our clock said `sent`; None: without a stamp."""
        self.version = self.version + 1 if version is None else version
        stamp = None if sent is None else round((VENUE + sent) * 1000)
        more.setdefault("ms_t", stamp)
        return self.engine.apply(
            spot(kind, self.version, *rows, **more), generation=self.generation
        )

    def update(self, lag=0.0, **more):
        return self.hear("update", self.now - lag, ([("1", str(self.version + 2))], []), **more)

    def reply(self, version=None, **more):
        self.version -= 1
        return self.hear("snapshot", more.pop("sent", None), DEEP, version or self.version + 1)
