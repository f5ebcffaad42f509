"""The transition table of a book: every event is brought about in every state, and leads where the
table says; where it says nothing, nothing happens."""

import contextlib
import json

import pytest

import bitmart_book as bb
from bitmart_book import BookState, InvariantError
from bitmart_book._book import _transitions
from tests.helpers.frames import futures_side, spot
from tests.helpers.venue_frames import kraken

CONNECTING, SYNCING, LIVE = BookState.CONNECTING, BookState.SYNCING, BookState.LIVE
STALE, GAP, CLOSED, REJECTED = BookState.STALE, BookState.GAP, BookState.CLOSED, BookState.REJECTED
TABLE = _transitions()
BIDS, ASKS = [("99", "1"), ("98", "1")], [("101", "1"), ("102", "1")]
HUNDRED = [(str(1_000 - place), "1") for place in range(100)]


class Start:
    """A book of one kind of channel in one state."""

    def __init__(self, state, channel, *, crossed=False, reached=False):
        market = {"depth20": "futures", "book10": "kraken"}.get(channel, "spot")
        symbol = {"futures": "BTCUSDT", "kraken": "BTC/USD"}.get(market, "BTC_USDT")
        self.engine = bb.Engine("kraken" if market == "kraken" else "bitmart")
        self.book = self.engine.book(symbol, channel=channel, market=market)
        self.engine.assign(self.book, 1)
        if state is STALE and crossed:
            self.frame(spot("snapshot", 5, ASKS, BIDS))
        elif reached or state not in (SYNCING, CONNECTING):
            for frame in first_frames(channel):
                self.frame(frame)
            assert self.book.state is LIVE
        if self.book.state is not state:
            self.tell(state)
        assert self.book.state is state

    def frame(self, frame):
        self.engine.apply(frame, generation=1)

    def tell(self, state):
        self.engine.invalidate(self.book, "told so", state=state)


def picture(bids, asks):
    item = {"asks": asks, "bids": bids, "symbol": "BTC_USDT", "ms_t": 1}
    return json.dumps({"table": "spot/depth5", "data": [item]})


def first_frames(channel):
    if channel == "depth5":
        return [picture(BIDS, ASKS)]
    if channel == "depth20":
        return [futures_side(1, BIDS), futures_side(2, ASKS)]
    if channel == "book10":
        return [kraken("snapshot", BIDS, ASKS)]
    return [spot("snapshot", 5, BIDS, ASKS)]


def fell_short(start):
    if start.book.state is not LIVE:
        start.frame(spot("update", 30, [("97", "1")]))
    start.frame(spot("snapshot", 20, BIDS, ASKS))


def darkened(start):
    gone = spot("update", 21, [(price, "0") for price, _ in HUNDRED] + [("10", "1")])
    asks = [("2000", "1")]
    if start.book.state is LIVE:
        start.frame(spot("snapshot", 20, HUNDRED, asks))
        start.frame(gone)
    else:
        start.frame(gone)
        start.frame(spot("snapshot", 20, HUNDRED, asks))


def misfitted(start):
    """Two sides in one frame: each can be held, and both together cannot."""
    sides = [
        json.loads(futures_side(way, [row]))
        for way, row in ((1, ("9000000000000", "1")), (2, ("0.0000000001", "1")))
    ]
    start.frame(json.dumps({**sides[0], "data": [side["data"] for side in sides]}))


# event: (channel, how it is brought about, what the reason says then)
EVENTS = {
    "applied": ("increase100", lambda s: s.book.apply_snapshot(BIDS, ASKS, 20), None),
    "continued": ("increase100", lambda s: s.frame(spot("update", 5)), None),
    "empty": ("increase100", lambda s: s.frame(spot("snapshot", 20)), "empty snapshot"),
    "too old": ("increase100", fell_short, "does not reach"),
    "crossed snapshot": (
        "increase100", lambda s: s.book.apply_snapshot(ASKS, BIDS, 20), "crossed snapshot",
    ),
    "dark": ("increase100", darkened, "no level is known"),
    "crossed": ("depth5", lambda s: s.frame(picture(ASKS, BIDS)), "crossed: "),
    "missed": ("increase100", lambda s: s.frame(spot("update", 9, BIDS)), "version gap"),
    "misfit": ("depth20", misfitted, "held exactly"),
    "unproven": (
        "increase100", lambda s: s.frame(spot("snapshot", 4, BIDS, ASKS)), "older than version 5",
    ),
    "unsummed": (
        "book10",
        lambda s: [s.frame(kraken("snapshot", BIDS, ASKS, checksum=None)) for _ in range(4)],
        "checksums stopped",
    ),
    "mismatched": (
        "book10", lambda s: s.frame(kraken("snapshot", BIDS, ASKS, checksum=1)), "the venue's is 1",
    ),
    "anew": ("increase100", lambda s: s.book.clear(), "cleared"),
    "disconnected": ("increase100", lambda s: s.tell(CONNECTING), "told so"),
    "alone": (
        "depth20",
        lambda s: [s.frame(futures_side(1, BIDS)) for _ in range(3)],
        "the bids came 3 times without the asks",
    ),
    "doubted": ("increase100", lambda s: s.tell(STALE), "told so"),
    "lost": ("increase100", lambda s: s.tell(GAP), "told so"),
    "refused": ("increase100", lambda s: s.tell(REJECTED), "told so"),
    "closed": ("increase100", lambda s: s.tell(CLOSED), "told so"),
}  # fmt: skip
# A STALE book that waits for a snapshot, as only one does whose last snapshot was crossed.
WAITS = {"too old", "dark", "unproven"}


def test_every_event_is_brought_about():
    assert set(EVENTS) == set(TABLE)


@pytest.mark.parametrize("state", BookState)
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_leads_where_the_table_says(event, state):
    channel, bring_about, reason = EVENTS[event]
    start = Start(state, channel, crossed=event in WAITS, reached=event == "unproven")
    epoch, after = start.book.epoch, TABLE[event].get(state)
    with contextlib.suppress(bb.BitmartBookError) if after is None else contextlib.nullcontext():
        bring_about(start)
    found = start.book
    found.check()
    if after is None:
        assert found.state is (LIVE if (event, state) == ("too old", LIVE) else state)
        assert event in WAITS or found.epoch == epoch
    else:
        assert found.state is after
        assert (found.reason is None) if reason is None else (reason in found.reason)
        assert (found.epoch > epoch) == (after is LIVE or (event, state) == ("dark", LIVE))


def test_what_the_table_forbids_raises():
    for state in (CONNECTING, SYNCING, GAP, REJECTED):
        start = Start(CLOSED, "increase100")
        with pytest.raises(InvariantError, match="a CLOSED book cannot be"):
            start.tell(state)
        assert start.book.state is CLOSED
    start = Start(REJECTED, "increase100")
    with pytest.raises(InvariantError, match="a REJECTED book cannot be lost"):
        start.tell(GAP)


def test_no_state_can_be_left_out():
    """Every state but CLOSED can be left for LIVE and for CLOSED; CLOSED is for good."""
    for state in set(BookState) - {CLOSED}:
        assert {row.get(state) for row in TABLE.values()} >= {LIVE, CLOSED}
    assert [event for event, row in TABLE.items() if CLOSED in row] == ["closed"]
