"""The venue's own checksum: right for every book, and what happens where it is not the book's."""

import random

import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book.check.shadow import ShadowEngine
from tests.fuzz.stories import Market
from tests.helpers.strange_venue import STRANGE, strange, strange_sum
from tests.helpers.venue_frames import kraken, kraken_sum, okx, okx_sum

# Kraken's API Center, "Book Checksum (WebSocket v2)": the worked example.
BIDS = [
    ("45283.5", "0.10000000"), ("45283.4", "1.54582015"), ("45282.1", "0.10000000"),
    ("45281.0", "0.10000000"), ("45280.3", "1.54592586"), ("45279.0", "0.07990000"),
    ("45277.6", "0.03310103"), ("45277.5", "0.30000000"), ("45277.3", "1.54602737"),
    ("45276.6", "0.15445238"),
]  # fmt: skip
ASKS = [
    ("45285.2", "0.00100000"), ("45286.4", "1.54571953"), ("45286.6", "1.54571109"),
    ("45289.6", "1.54560911"), ("45290.2", "0.15890660"), ("45291.8", "1.54553491"),
    ("45294.7", "0.04454749"), ("45296.1", "0.35380000"), ("45297.5", "0.09945542"),
    ("45299.5", "0.18772827"),
]  # fmt: skip
DOCUMENTED = 3310070434
both = pytest.mark.parametrize("scan", [True, False], ids=["scanned", "decoded"])


def stripped(rows):
    return [
        tuple(text.rstrip("0").rstrip(".") if "." in text else text for text in row) for row in rows
    ]


@both
def test_the_documented_example(scan):
    engine = bb.Engine("kraken", scan=scan)
    book = engine.book("BTC/USD")
    assert engine.apply(kraken("snapshot", BIDS, ASKS, checksum=DOCUMENTED)) & Change.TOP
    assert book.state is BookState.LIVE
    assert (book.stats["checksums"], book.stats["checksum_mismatches"]) == (1, 0)
    assert book.exchange_time_ms == 1786923424190


def sequenced(venue, scan):
    return {
        "kraken": lambda: bb.Engine("kraken", scan=scan),
        "okx": lambda: bb.Engine("okx", scan=scan),
        "strange": lambda: bb.Engine(STRANGE, scan=scan),
    }[venue]()


def frames_of(venue, rng, updates):
    """A story without a loss, its checksums by plain Python."""
    market = Market(rng, rng.choice((0, 1, 2, 6)), rng.choice((0, 2, 8)))
    most = 10 if venue == "kraken" else None

    def frame(first, rows, version):
        shown = [market.rows(side, most) for side in range(2)]
        if venue == "kraken":
            kind = "snapshot" if first else "update"
            return kraken(kind, *rows, checksum=kraken_sum(*shown))
        if venue == "okx":
            kind, previous = ("snapshot", -1) if first else ("update", version - 1)
            crc = okx_sum(*map(stripped, shown))
            return okx(kind, previous, version, *rows, checksum=crc)
        kind = "everything" if first else "difference"
        return strange(kind, version, version, *rows, checksum=strange_sum(*shown))

    yield frame(True, [market.rows(side, most) for side in range(2)], 7)
    for version in range(8, 8 + updates):
        yield frame(False, market.change(most), version)


@both
@pytest.mark.parametrize("venue", ["kraken", "okx", "strange"])
def test_every_frame_of_a_story_is_right(venue, scan):
    for seed in range(25):
        engine = sequenced(venue, scan)
        for frame in frames_of(venue, random.Random(seed), 40):
            engine.apply(frame)
            (book,) = engine.books
            assert book.state is BookState.LIVE, (seed, book.reason)
            book.check()
        assert book.stats["checksum_mismatches"] == 0
        assert book.stats["checksums"] > 30


@pytest.mark.parametrize("venue", ["kraken", "okx", "strange"])
def test_the_reference_sums_alike(venue):
    engine = ShadowEngine(venue=STRANGE if venue == "strange" else venue)
    for frame in frames_of(venue, random.Random(5), 25):
        engine.apply(frame)


@both
def test_sides_that_are_empty_come_and_go(scan):
    """Where numbers are joined by something, nothing stands behind the last one."""
    engine = bb.Engine(STRANGE, scan=scan)
    bid, ask, gone = ("9.0", "1.5"), ("10.0", "2.5"), "0.0"
    story = [
        ([bid], [ask], [bid], [ask]),
        ([(bid[0], gone)], [], [], [ask]),
        ([], [("10.25", "1.50")], [], [("10.00", "2.50"), ("10.25", "1.50")]),
        ([bid], [("10.0", gone), ("10.25", gone)], [("9.00", "1.50")], []),
        # In one frame with a finer number everything of a side goes.
        ([(bid[0], gone)], [("10.125", "1.125")], [], [("10.125", "1.125")]),
    ]
    for version, (bids, asks, all_bids, all_asks) in enumerate(story, 1):
        kind = "everything" if version == 1 else "difference"
        crc = strange_sum(all_bids, all_asks)
        engine.apply(strange(kind, version, version, bids, asks, checksum=crc))
        assert engine["~A"].state is BookState.LIVE, (version, engine["~A"].reason)
        assert engine["~A"].stats["checksums"] == version


def test_what_is_given_by_hand_is_summed_too():
    engine = bb.Engine("kraken")
    book = engine.book("BTC/USD")
    engine.apply(kraken("snapshot", BIDS, ASKS))
    book.apply_delta([("45283.5", "7.00000000")], [])
    now = [("45283.5", "7.00000000"), *BIDS[1:]]
    engine.apply(kraken("update", checksum=kraken_sum(now, ASKS)))
    assert book.state is BookState.LIVE
    book.apply_snapshot(BIDS, ASKS)
    engine.apply(kraken("update", checksum=DOCUMENTED))
    assert book.state is BookState.LIVE
    book.clear()
    engine.apply(kraken("snapshot", BIDS, ASKS, checksum=DOCUMENTED))
    assert book.state is BookState.LIVE


@both
def test_one_digit_that_is_wrong_is_a_gap_with_both_sums(scan):
    engine = bb.Engine("kraken", scan=scan)
    book = engine.book("BTC/USD")
    engine.apply(kraken("snapshot", BIDS, ASKS))
    wrong = [("45283.5", "0.10000001")]
    theirs = kraken_sum([("45283.5", "0.20000000"), *BIDS[1:]], ASKS)
    mine = kraken_sum([*wrong, *BIDS[1:]], ASKS)
    assert engine.apply(kraken("update", wrong, checksum=theirs)) & Change.GAP
    assert book.state is BookState.GAP
    assert book.reason == f"checksum: the venue's is {theirs}, the book's is {mine}"
    assert book.stats["checksum_mismatches"] == 1
    with pytest.raises(bb.BookNotLive):
        _ = book.best_bid
    # Nothing but a snapshot heals it.
    assert engine.apply(kraken("update", [("45283.5", "0.2")], checksum=theirs)) == Change.GAP
    engine.apply(kraken("snapshot", BIDS, ASKS))
    assert book.state is BookState.LIVE


@pytest.mark.parametrize("checksum", [None, 0])
def test_where_only_the_checksum_proves_one_that_is_not_there_is_wrong(checksum):
    engine = bb.Engine("kraken")
    book = engine.book("BTC/USD")
    engine.apply(kraken("snapshot", BIDS, ASKS))
    engine.apply(kraken("update", [BIDS[0]], checksum=checksum))
    assert book.state is BookState.GAP
    assert book.reason.startswith(
        "checksum: the venue sent none, " if checksum is None else "checksum: the venue's is 0, "
    )
    for _ in range(2):
        engine.apply(kraken("snapshot", BIDS, ASKS, checksum=checksum))
        assert book.state is BookState.GAP
    # After the third renewal it is clear that there are none any more.
    engine.apply(kraken("snapshot", BIDS, ASKS, checksum=checksum))
    assert (book.state, book.reason) == (BookState.STALE, "the venue's checksums stopped")
    assert engine.stats["checksums_stopped"] == book.stats["checksums_stopped"] == 1
    # No update makes it any better; a snapshot that has one does.
    engine.apply(kraken("update", [BIDS[0]], checksum=DOCUMENTED))
    assert book.state is BookState.STALE
    engine.apply(kraken("snapshot", BIDS, ASKS))
    assert book.state is BookState.LIVE
    engine.apply(kraken("snapshot", BIDS, ASKS, checksum=checksum))
    assert book.state is BookState.GAP


def test_a_snapshot_without_one_is_a_gap_from_the_start():
    engine = bb.Engine("kraken")
    for state in (BookState.GAP,) * 3 + (BookState.STALE,) * 2:
        engine.apply(kraken("snapshot", BIDS, ASKS, checksum=None))
        assert engine["BTC/USD"].state is state


@both
def test_where_a_sequence_proves_checksums_may_stop_and_that_is_told_once(scan):
    engine = bb.Engine("okx", scan=scan)
    bids, asks = [("9", "1")], [("10", "2.5")]
    engine.apply(okx("snapshot", -1, 5, bids, asks, checksum=okx_sum(bids, asks)))
    (book,) = engine.books
    assert engine.stats["checksums_stopped"] == 0
    for sequence, checksum in ((6, 0), (7, None), (8, 0)):
        engine.apply(
            okx("update", sequence - 1, sequence, [("9", str(sequence))], checksum=checksum)
        )
        assert book.state is BookState.LIVE
    assert engine.stats["checksums_stopped"] == 1
    assert book.stats["checksums"] == 1
    assert book.stats["checksums_stopped"] == 1
    engine.apply(okx("update", 8, 9, [("9", "9")], checksum=okx_sum(bids, asks)))
    assert book.state is BookState.GAP


def test_a_venue_that_never_sent_any_is_not_told_of():
    engine = bb.Engine("okx")
    engine.apply(okx("snapshot", -1, 5, [("9", "1")], [("10", "2")]))
    engine.apply(okx("update", 5, 6, [("9", "2")]))
    assert engine.stats["checksums_stopped"] == 0
    assert engine["BTC-USDT"].proven_levels is None


@both
def test_another_precision_is_taken_from_the_snapshot(scan):
    """Kraken writes with more or fewer decimals from one day to the next; finer ones stay in the
    scales of a book, and not in its checksums."""
    engine = bb.Engine("kraken", scan=scan)
    book = engine.book("BTC/USD")
    for bid, ask, size in (("9.25", "9.50", "1.00"), ("9.2", "9.5", "1.0000"), ("9", "10", "1")):
        engine.apply(kraken("snapshot", [(bid, size)], [(ask, size)]))
        assert book.state is BookState.LIVE, book.reason
        more = (bid.replace("9", "8", 1), size.replace("1", "3"))
        update = kraken("update", [more], checksum=kraken_sum([(bid, size), more], [(ask, size)]))
        engine.apply(update)
        assert book.state is BookState.LIVE, book.reason


def test_of_a_side_that_is_not_known_far_enough_nothing_is_summed():
    engine = bb.Engine("okx", max_levels=2)
    bids, asks = [("9", "1"), ("8", "1"), ("7", "1")], [("10", "2")]
    engine.apply(okx("snapshot", -1, 5, bids, asks, checksum=okx_sum(bids, asks)))
    (book,) = engine.books
    assert (book.state, book.stats["checksums"]) == (BookState.LIVE, 0)


@both
def test_each_side_is_cut_to_the_depth_that_is_shown(scan):
    engine = bb.Engine("kraken", scan=scan, max_levels=3)
    book = engine.book("BTC/USD")
    engine.apply(kraken("snapshot", BIDS, ASKS))
    assert len(book.bids) == 10  # what the venue shows counts more than a limit of ours
    better = ("45283.6", "1.00000000")
    engine.apply(kraken("update", [better], checksum=kraken_sum([better, *BIDS[:9]], ASKS)))
    assert [level.exact[0] for level in book.bids][-1] == bb.Level("45277.3", 1).exact[0]
    # It comes back in the message that takes the other one away.
    gone = [("45283.6", "0.00000000"), BIDS[9]]
    engine.apply(kraken("update", gone, checksum=kraken_sum(BIDS, ASKS)))
    assert book.state is BookState.LIVE
    assert book.complete_depth("bid") == book.complete_depth("ask") == 10
    assert book.depth(10).complete
    assert not book.depth(11).complete
    # Where it does not, that was lost: the next sum shows it.
    engine.apply(kraken("update", [("45283.5", "0")], checksum=kraken_sum(BIDS[1:], ASKS)))
    assert (book.state, len(book.bids)) == (BookState.LIVE, 9)
    assert book.depth(20).complete is False
    assert book.depth().complete is False


def deeper(count):
    bids = [(f"{45000 - place}.0", "1.00000000") for place in range(count)]
    asks = [(f"{45001 + place}.0", "1.00000000") for place in range(count)]
    return bids, asks


def test_what_is_proven_of_a_deeper_book():
    engine = bb.Engine("kraken", clock=lambda: 0)
    book = engine.book("BTC/USD", channel="book25")
    engine.apply(kraken("snapshot", *deeper(25)))
    assert book.proven_levels == 10
    assert book.complete_depth("bid") == 10
    for n in (1, 10):
        assert (book.depth(n).proven, book.depth(n).complete) == (True, True)
        assert book.depth(n, exact=True).proven
    for n in (11, 25, None):
        assert (book.depth(n).proven, book.depth(n).complete) == (False, False)
        assert not book.depth(n, exact=True).proven
    assert "proven=False" in repr(book.depth(25))
    ten, eleven = book.sweep("ask", size=10), book.sweep("ask", size=11)
    assert (ten.levels, ten.proven, ten.complete) == (10, True, True)
    assert (eleven.levels, eleven.proven, eleven.complete) == (11, False, False)
    assert book.grouped(5, 2).proven
    assert not book.grouped(5).proven
    with book.guard(levels=10):
        pass
    with (
        pytest.raises(bb.GuardRefused, match="the venue proves 10 levels a side, 50 are wanted"),
        book.guard(levels=50),
    ):
        pass
    with book.guard(levels=50, unproven=True):
        pass
    for levels in (-1, 2.5, True):
        with pytest.raises(bb.UsageError, match="levels"):
            book.guard(levels=levels)


def test_where_a_sequence_or_a_picture_proves_all_everything_is_proven():
    engine = bb.Engine("okx")
    engine.apply(okx("snapshot", -1, 5, *deeper(60)))
    book = engine["BTC-USDT"]
    assert book.proven_levels is None
    assert book.depth(60).proven
    assert book.complete_depth("bid") == 60
    with book.guard(levels=60):
        pass
    assert bb.Book("BTC_USDT").proven_levels is None
    assert bb.Book("BTC_USDT", channel="depth5").proven_levels is None
