"""A book and what its venue says of it, a frame at a time, beside the reference."""

from bitmart_book import BookState
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.frames import spot

BIDS, ASKS = [("100", "1"), ("99", "1")], [("101", "1"), ("102", "1")]


class Talk:
    """A book of one connection, and what is said to it."""

    def __init__(self, engine=None, *, version=100):
        self.engine = ShadowEngine() if engine is None else engine
        self.generation = 0
        self.move()
        self.book = self.engine["BTC_USDT"]
        self.snapshot(version)
        assert self.book.state == BookState.LIVE

    def move(self):
        self.generation += 1
        self.engine.assign(self.engine.book("BTC_USDT"), self.generation)

    def say(self, kind, version, bids=(), asks=(), ms=None):
        stamp = {} if ms is None else {"ms_t": 1_700_000_000_000 + ms}
        frame = spot(kind, version, bids, asks, **stamp)
        return self.engine.apply(frame, generation=self.generation)

    def snapshot(self, version, bids=BIDS, asks=ASKS, ms=None):
        return self.say("snapshot", version, bids, asks, ms)

    def reply(self, version, bids=BIDS, asks=ASKS, ms=None):
        self.engine.expect(self.book)
        return self.snapshot(version, bids, asks, ms)

    def update(self, version, bids=(("49", "2"),), asks=(), ms=None):
        return self.say("update", version, list(bids), list(asks), ms)

    def heartbeat(self, version):
        return self.say("update", version)

    @property
    def state(self):
        return self.book.state
