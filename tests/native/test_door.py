"""A frame goes into its book from where its bytes lie, and Python hears of it only where somebody
has to."""

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book._book import Door, Notice
from bitmart_book.check.shadow import ShadowEngine
from tests.helpers.frames import spot, spot_item, spot_items

SHOWN = Change.SNAPSHOT | Change.GAP | Change.TRADE | Change.OTHER
TRADES = '{"table":"spot/trade","data":[{"symbol":"BTC_USDT","price":"1","size":"1","side":"buy",'
TRADES += '"s_t":1,"ms_t":1000}]}'
# What `offer` answers of a frame that has to go in as bytes, and of one that is in.
AS_BYTES, QUIET = None, -1


class Hall:
    """An engine behind its door."""

    def __init__(self, engine=None, **options):
        self.now = 10**9
        self.engine = engine
        if engine is None:
            self.engine = bb.Engine(clock=lambda: self.now, **options)
        self.notes = []
        self.door = Door(self.engine, SHOWN, self.notes)
        self.engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")]), 5)
        self.book = self.engine["BTC_USDT"]

    def offer(self, text, received=None, *, generation=0):
        return self.door.offer(text.encode(), received, generation, self.now)


def update(version, size="3", price="1", **more):
    return spot("update", version, [(price, size)], [], **more)


def test_a_frame_that_nobody_listens_to_is_in_and_that_is_all():
    hall = Hall()
    assert hall.offer(update(2), 77) == QUIET
    assert (hall.book.sequence, hall.book.best_bid.size) == (2, 3.0)
    assert (hall.book.receive_time_ns, hall.book.last_change) == (
        77,
        Change.LEVELS | Change.TOP,
    )
    assert hall.engine.touched == (hall.book,)
    assert hall.engine.stats == {**Hall().engine.stats, "frames": 2, "scanned": 1, "decoded": 1}


def test_what_the_client_has_to_see_is_said():
    hall = Hall()
    assert hall.offer(spot("snapshot", 5, [("1", "1")], [("2", "1")])) & Change.SNAPSHOT
    assert hall.offer(update(9)) == Change.GAP
    assert hall.book.state == BookState.GAP


def test_what_changed_nothing_is_said():
    """It may be a frame of a second connection that is compared with the book."""
    hall = Hall()
    hall.engine.assign(hall.book, 2)
    assert hall.offer(update(2), generation=1) == 0
    assert (
        hall.offer(spot("snapshot", 7, [("1", "1")], [("2", "1")]), generation=2) & Change.SNAPSHOT
    )


def test_what_somebody_watches_is_said_and_nothing_else():
    hall = Hall()
    Notice(hall.notes, "key").want(hall.book, Change.TOP)
    assert hall.offer(update(2, price="0.5")) == QUIET
    assert hall.offer(update(3)) == Change.LEVELS | Change.TOP
    assert hall.notes == [("key", Change.LEVELS | Change.TOP)]
    # What nobody has come for yet is not forgotten.
    assert hall.offer(update(4, "4", "0.5")) == Change.LEVELS


def test_a_state_that_ended_by_itself_is_said():
    hall = Hall()
    Notice(hall.notes, "key").want(hall.book, 0)
    hall.now += 60 * 10**9
    hall.engine.look()
    assert hall.notes == [("key", 0)]
    assert hall.offer(update(2)) == Change.LEVELS | Change.TOP


def test_without_notes_every_change_is_said():
    engine = bb.Engine()
    door = Door(engine, SHOWN)
    engine.apply(spot("snapshot", 1, [("1", "1")], [("2", "1")]))
    assert door.offer(update(2, price="0.5").encode(), None, 0, 0) == Change.LEVELS


@pytest.mark.parametrize(
    "text",
    [
        "pong",
        "{rubbish",
        TRADES,
        update(2, symbol="ETH_USDT"),
        spot_items(spot_item("update", 2, [("1", "5")]), spot_item("update", 3, [("1", "6")])),
        update(2, size="1" * 20),
        update(2) + " " * (1 << 20),
    ],
    ids=["pong", "rubbish", "trades", "new book", "two items", "too long a number", "long"],
)
def test_what_the_scanner_does_not_know_is_left_untouched(text):
    hall = Hall(max_frame_bytes=1 << 20)
    before, stats = hall.book.peek().stats, hall.engine.stats
    assert hall.offer(text) is AS_BYTES
    assert hall.engine.stats == stats
    assert (hall.book.sequence, hall.book.peek().stats) == (1, before)
    assert hall.engine.touched == ()
    # And then it goes in as it does everywhere.
    twin = Hall(max_frame_bytes=1 << 20)
    answers = []
    for engine in (hall.engine, twin.engine):
        try:
            answers.append(engine.apply(text.encode()))
        except bb.MessageError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
    assert hall.engine.stats == twin.engine.stats


def test_a_client_that_is_overdue_comes_first():
    hall = Hall()
    hall.door.overdue_ns = hall.now
    assert hall.offer(update(2)) == QUIET
    hall.now += 1
    assert hall.offer(update(3)) is AS_BYTES
    assert hall.book.sequence == 2


def test_who_looks_at_every_frame_gets_bytes():
    hall = Hall()
    hall.door.is_shut = True
    assert hall.offer(update(2)) is AS_BYTES
    hall.door.is_shut = False
    assert hall.offer(update(2)) == QUIET


def test_an_engine_that_compares_gets_bytes():
    assert Hall(ShadowEngine(clock="monotonic")).offer(update(2)) is AS_BYTES
    assert Hall(bb.Engine(scan=False)).offer(update(2)) is AS_BYTES


def test_only_bytes_are_taken():
    hall = Hall()
    for odd in (update(2), bytearray(update(2).encode()), None):
        assert hall.door.offer(odd, None, 0, hall.now) is AS_BYTES


def test_the_connection_has_spoken_whoever_reads_the_frame():
    hall = Hall()
    hall.engine.open_line(3, 2.0)
    hall.engine.assign(hall.book, 3)
    assert hall.offer(spot("snapshot", 1, [("1", "1")], [("2", "1")]), generation=3)
    for version in range(2, 6):
        hall.now += 1_500_000_000
        assert hall.offer(update(version, str(version)), generation=3) == QUIET
        assert hall.book.state == BookState.LIVE
    hall.now += 2_000_000_000
    assert hall.book.state == BookState.STALE


def test_a_watcher_writes_nothing_from_within():
    hall = Hall()
    refused = []

    def call(quote):
        try:
            hall.offer(update(9))
        except bb.UsageError as error:
            refused.append(str(error))

    hall.book.when(top_size=("bid", ">", 2)).on(call)
    assert hall.offer(update(2)) == QUIET
    assert len(refused) == 1
    assert hall.book.sequence == 2


@pytest.mark.parametrize("time", ["5", 5.0, True, 1 << 63, -(1 << 63), object()])
def test_a_time_of_receipt_that_is_none(time):
    hall = Hall()
    with pytest.raises(bb.UsageError, match="receive_time_ns must be whole nanoseconds"):
        hall.engine.apply(update(2), time)
    with pytest.raises(bb.UsageError, match="receive_time_ns must be whole nanoseconds"):
        hall.book.apply(update(2), time)
    assert (hall.book.sequence, hall.book.state) == (1, BookState.LIVE)
    with pytest.raises(bb.UsageError, match=r"receive_time_ns .* the book is in GAP"):
        hall.book.apply_delta([], [], receive_time_ns=time)


@pytest.mark.parametrize("time", [0, -1, (1 << 63) - 1, 1 - (1 << 63)])
def test_times_of_receipt(time):
    hall = Hall()
    hall.engine.apply(update(2), time)
    assert hall.book.receive_time_ns == hall.book.quote.receive_time_ns == time
    hall.engine.apply(update(3))
    assert hall.book.receive_time_ns == hall.book.peek().receive_time_ns == time
    assert bb.Book("BTC_USDT").receive_time_ns is None
