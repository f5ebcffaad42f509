"""A book that another process reads says what its owner says, or less, and never more."""

import contextlib
import copy
from collections import Counter
from random import Random

import pytest

import bitmart_book as bb
from bitmart_book import BookNotLive, BookState, UsageError
from bitmart_book._book import shared_sizes
from tests.helpers.reads import READS
from tests.helpers.shared import SECOND, Pair, side

# Time is the owner's own, and only a reader has to be vouched for.
OTHERWISE = {"valid_until", "watched", "last_trade"}
# More levels than are published, of all reads that are tried.
ENOUGH = 1_000

FINE = (
    [("200.00000001", "40000.125"), ("199.5", "0.0000001"), ("90", "3")],
    [("201.125", "3"), ("201.250000001", "40000.5"), ("207", "1"), ("208", "2")],
)


def answer(call, look, book):
    try:
        return look(call(book))
    except BookNotLive as error:
        return error.args, error.state, error.reason, error.since, error.epoch


def compared(pair, but=OTHERWISE):
    """Every read of the owner and of the reader, side by side."""
    pair.publication.refresh()
    for name, variants in READS.items():
        for variant, call, look in variants if name not in but else ():
            yield name, variant, answer(call, look, pair.owner), answer(call, look, pair.book)


def different(pair):
    return [row for row in compared(pair) if row[2] != row[3]]


def test_every_read_is_the_owner_s():
    pair = Pair(levels=ENOUGH)
    assert different(pair) == []
    pair.apply("snapshot", 5, *FINE)
    assert pair.book.state == BookState.LIVE
    assert different(pair) == []
    pair.clock.pass_by(0.25)
    pair.apply("update", 6, [("200.00000001", "0"), ("150", "2")], [("205", "9")])
    assert different(pair) == []
    # What is missing, and then what is won back.
    pair.apply("update", 9, [("150", "3")], [])
    assert pair.book.state == BookState.GAP
    assert different(pair) == []
    pair.apply("snapshot", 12, side(100, -1, 5), side(101, 1, 5))
    assert different(pair) == []
    pair.engine.close_book(pair.owner)
    assert pair.book.state == BookState.CLOSED
    assert different(pair) == []


def test_a_reader_sees_the_connection_of_its_book():
    pair = Pair(levels=ENOUGH)
    pair.engine.open_line(1, 4.0)
    pair.engine.assign(pair.owner, 1)
    pair.apply("snapshot", 5, *FINE, generation=1)
    assert pair.book.best_bid_price == 200.00000001
    pair.engine.hold(1, "behind by 3 s")
    with pytest.raises(BookNotLive, match="behind by 3 s"):
        pair.book.best_bid_price
    assert different(pair) == []
    pair.engine.release(1)
    assert pair.book.best_bid_price == 200.00000001
    for _ in range(16):
        pair.clock.pass_by(0.25)
        pair.room.beat(pair.clock.now)
    assert pair.owner.state == pair.book.state == BookState.STALE
    assert different(pair) == []


def test_a_deadline_that_is_set_earlier_holds_at_once():
    pair = Pair()
    pair.apply("snapshot", 5, *FINE)
    pair.engine.confirm(pair.owner, pair.clock.now + 5)
    pair.clock.now += 5
    assert pair.owner.state == pair.book.state == BookState.STALE


def test_whose_publisher_says_nothing_for_a_second_is_not_live():
    pair = Pair()
    pair.apply("snapshot", 5, *FINE)
    pair.clock.now += SECOND - 1
    assert pair.book.state == BookState.LIVE
    assert pair.book.best_bid_price
    pair.clock.now += 1
    for read in ("best_bid_price", "quote", "bids"):
        with pytest.raises(BookNotLive, match="nobody vouches for it"):
            getattr(pair.book, read)
    assert pair.owner.state == BookState.LIVE
    assert pair.book.state == BookState.STALE
    assert pair.book.quote_in_any_state().bid is None
    # It may be looked at, and says what it is.
    assert pair.book.peek().best_bid.price == 200.00000001
    pair.room.beat(pair.clock.now)
    assert pair.book.best_bid_price == 200.00000001


def test_what_is_closed_is_not_live_at_once():
    pair = Pair()
    pair.apply("snapshot", 5, *FINE)
    pair.room.close(pair.clock.now)
    with pytest.raises(BookNotLive):
        pair.book.best_ask
    pair.room.beat(pair.clock.now)
    with pytest.raises(BookNotLive):
        pair.book.best_ask


def test_a_frame_is_a_beat():
    pair = Pair()
    pair.apply("snapshot", 5, *FINE)
    pair.clock.pass_by(0.75)
    pair.apply("update", 6, [("1", "1")], [])
    pair.clock.pass_by(0.75)
    assert pair.book.best_bid_price == 200.00000001


def test_a_frame_that_changes_no_level_is_told_too():
    pair = Pair()
    pair.apply("snapshot", 5, *FINE)
    pair.clock.pass_by(0.25)
    pair.apply("update", 6, [("90", "3")], [])
    assert pair.owner.sequence == pair.book.sequence == 6
    assert pair.book.quote.age == pair.owner.quote.age == 0.0


def test_ages_are_the_owner_s_and_never_less():
    pair = Pair()
    pair.apply("snapshot", 5, *FINE)
    pair.clock.pass_by(0.5)
    assert pair.book.quote.age == pair.owner.quote.age == 0.5
    with pytest.raises(bb.GuardRefused), pair.book.guard(max_age=0.25):
        pass
    with pair.book.guard(max_age=0.75) as quote:
        assert quote.bid == 200.00000001


# --- as far as it is published ---


def test_beyond_what_is_published_there_is_no_answer():
    pair = Pair(levels=3)
    pair.apply("snapshot", 5, side(100, -1, 9), side(101, 1, 9))
    book, owner = pair.book, pair.owner
    assert book.depth(3).bids.tolist() == owner.depth(3).bids.tolist()
    assert book.depth(3).complete is owner.depth(3).complete is True
    assert len(book.bids) == 3
    assert book.depth().complete is False
    assert book.size_at("bid", 98) == 1.0
    assert book.size_within("bid", 150) == owner.size_within("bid", 150) == 2.0
    assert book.total_size("ask", 3) == 3.0
    assert book.complete_depth("ask") == 3
    assert book.sweep("ask", size=3).complete is True
    assert book.sweep("ask", size=4).complete is False
    for read in (
        lambda: book.depth(4),
        lambda: book.depth(4, exact=True),
        lambda: book.imbalance(4),
        lambda: book.total_size("bid"),
        lambda: book.total_size("bid", 4),
        lambda: book.size_at("bid", 97),
        lambda: book.size_at("ask", "104"),
        lambda: book.size_within("ask", 1_000),
    ):
        with pytest.raises(UsageError, match="published"):
            read()


def test_all_of_a_small_book_is_known():
    pair = Pair(levels=3)
    pair.apply("snapshot", 5, side(100, -1, 3), side(101, 1, 2))
    assert pair.book.total_size("bid") == 3.0
    assert pair.book.size_at("ask", 150) == 0.0
    assert pair.book.size_within("ask", 9_000) == 2.0
    assert pair.book.depth().complete is True


@pytest.mark.parametrize("levels", [1, 256, 257, 1_000])
def test_as_many_levels_as_are_published(levels):
    pair = Pair(levels=levels, capacity=1)
    pair.apply("snapshot", 5, side(2_000, -1, levels), side(3_000, 1, levels))
    for version in range(6, 9):
        pair.apply("update", version, [("2000.5", str(version))], [("3000", "0")])
        wanted = pair.owner.depth(levels, exact=True)
        shown = pair.book.depth(levels, exact=True)
        assert (shown.bids, shown.asks) == (wanted.bids, wanted.asks)


def test_who_reads_writes_nothing():
    pair = Pair()
    pair.apply("snapshot", 5, *FINE)
    for write in (
        lambda book: book.apply_snapshot([], []),
        lambda book: book.clear(),
        lambda book: book.when(spread_bps=(">", 1)),
        lambda book: bb.Watcher().watch(book),
        bb.Lens,
    ):
        with pytest.raises(UsageError):
            write(pair.book)
    with pytest.raises(TypeError):
        copy.copy(pair.book)


# --- one picture or nothing ---


@pytest.mark.parametrize("lost", [False, True])
def test_a_writer_that_dies_at_any_store_leaves_a_whole_picture(lost):
    """Stopped after k stores, whichever k, a reader has the picture before or the one after."""
    pair = Pair(levels=3)
    pair.apply("snapshot", 5, side(100, -1, 4, "1"), side(101, 1, 4, "1"))

    def seen(book):
        pair.room.beat(pair.clock.now)
        with contextlib.suppress(BookNotLive):
            return book.sequence, str(book.depth(3, exact=True)), book.best_bid_price, book.state
        return book.sequence, book.state, book.reason

    known = pair.reader()
    pair.publication.hide()
    if lost:
        pair.apply("update", 9, [("99", "7")], [("101", "0")])
    else:
        pair.apply("update", 6, [("100", "0"), ("99", "7")], [("101", "0"), ("105", "2")])
    before = seen(known)
    shown, stores = [], 0
    while not pair.publication._publish_until(pair.owner, stores):
        shown += [seen(known), seen(pair.reader())]
        stores += 1
    after = seen(pair.reader())
    assert set(shown) == {before}
    assert after == seen(known) != before
    assert stores > 30


def test_garbage_in_a_slot_hurts_nobody():
    """Whatever stands there, a reader answers or refuses; mostly it is no picture at all."""
    pair = Pair(levels=3)
    pair.apply("snapshot", 5, side(100, -1, 4), side(101, 1, 4))
    good = bytes(pair.file)
    start = shared_sizes(3, 4)["slots"] + 8
    random = Random(1)
    outcomes = Counter()
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(random.choice((1, 3, 200))):
            at = start + 8 * random.randrange(250)
            bad[at : at + 8] = random.choice(
                (random.randbytes(8), b"\xff" * 8, b"\0" * 7 + b"\x7f")
            )
        pair.file[:] = bytes(bad)
        book = pair.reader()
        for name in ("best_bid", "quote", "bids", "peek", "explain", "depth", "__repr__"):
            try:
                read = getattr(book, name)
                assert (read() if callable(read) else read) is not pair
                outcomes["answered"] += 1
            except BookNotLive:
                outcomes["refused"] += 1
    assert outcomes["answered"] > 50
    assert outcomes["refused"] > 50
