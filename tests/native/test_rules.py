"""How updates of other venues follow each other, and snapshots that come in their turn."""

import json

import msgspec
import pytest

import bitmart_book as bb
from bitmart_book import BookState, Change
from bitmart_book.check.shadow import ShadowEngine
from bitmart_book.venues import OKX
from tests.helpers.strange_venue import STRANGE, strange
from tests.helpers.venue_frames import bybit, kraken, okx, okx_picture

BIDS, ASKS = [("99", "1"), ("98", "2")], [("101", "1"), ("102", "2")]
LIVE, GAP, SYNCING, STALE = BookState.LIVE, BookState.GAP, BookState.SYNCING, BookState.STALE
GAP_BIT, HEARTBEAT, DUPLICATE = Change.GAP, Change.HEARTBEAT, Change.DUPLICATE
kinds = pytest.mark.parametrize("kind", ["scanned", "decoded", "beside the reference"])


def engine_of(venue, kind):
    if kind == "beside the reference":
        return ShadowEngine(venue=venue)
    return bb.Engine(venue, scan=kind == "scanned")


def play(engine, *steps):
    """Frames, and what each of them is answered and leaves behind."""
    for number, (frame, answer, state, sequence) in enumerate(steps):
        change = engine.apply(frame)
        (book,) = engine.books
        assert (number, change & (GAP_BIT | HEARTBEAT | DUPLICATE)) == (number, answer)
        assert (number, book.state, book.sequence) == (number, state, sequence), book.reason
        book.check()
    return book


# --- a chain: each update names the one before it ---


@kinds
def test_a_chain_is_continued_by_what_names_its_last_version(kind):
    book = play(
        engine_of("okx", kind),
        (okx("snapshot", -1, 100, BIDS, ASKS), 0, LIVE, 100),
        (okx("update", 100, 107, [("99", "5")]), 0, LIVE, 107),
        # Nothing has happened for a minute.
        (okx("update", 107, 107), HEARTBEAT, LIVE, 107),
        # It counts anew, from below, and says so.
        (okx("update", 107, 3, [("99", "6")]), 0, LIVE, 3),
        (okx("update", 3, 9, [], [("101", "0")]), 0, LIVE, 9),
        (okx("update", 9, 12), 0, LIVE, 12),
    )
    assert book.stats["gaps"] == 0
    assert book.best_ask.exact == bb.Level(102, 2).exact


@kinds
@pytest.mark.parametrize(
    ("previous", "sequence"), [(101, 102), (99, 105), (-1, 101), (99, 100), (50, 60)]
)
def test_an_update_that_names_another_version_is_a_gap(kind, previous, sequence):
    play(
        engine_of("okx", kind),
        (okx("snapshot", -1, 100, BIDS, ASKS), 0, LIVE, 100),
        (okx("update", previous, sequence, [("99", "5")]), GAP_BIT, GAP, 100),
        # Nothing is kept, and nothing heals but a snapshot, whatever its version.
        (okx("update", sequence, sequence + 1, [("99", "6")]), GAP_BIT, GAP, 100),
        (okx("snapshot", -1, 7, BIDS, ASKS), 0, LIVE, 7),
        (okx("update", 7, 8, [("99", "6")]), 0, LIVE, 8),
    )


@kinds
def test_the_same_update_once_more_is_a_duplicate(kind):
    update = okx("update", 100, 107, [("99", "5")])
    play(
        engine_of("okx", kind),
        (okx("snapshot", -1, 100, BIDS, ASKS), 0, LIVE, 100),
        (update, 0, LIVE, 107),
        (update, DUPLICATE, LIVE, 107),
        (okx("update", 107, 108, [("98", "5")]), 0, LIVE, 108),
        (update, DUPLICATE, LIVE, 108),
        # Another one of that version is not.
        (okx("update", 100, 107, [("99", "7")]), GAP_BIT, GAP, 108),
    )


@kinds
def test_the_version_that_is_there_with_levels_is_no_heartbeat(kind):
    play(
        engine_of("okx", kind),
        (okx("snapshot", -1, 100, BIDS, ASKS), 0, LIVE, 100),
        (okx("update", 100, 100, [("99", "5")]), GAP_BIT, GAP, 100),
    )


@kinds
def test_an_update_has_to_name_its_predecessor(kind):
    engine = engine_of("okx", kind)
    engine.apply(okx("snapshot", -1, 100, BIDS, ASKS))
    for word in ("null", '"x"', "1.5", "-9223372036854775808"):
        frame = okx("update", 100, 101).replace('"prevSeqId":100', f'"prevSeqId":{word}')
        with pytest.raises(bb.MessageError, match="expected a version"):
            engine.apply(frame)
        assert engine["BTC-USDT"].state is GAP


# --- one more each time, and snapshots of any version ---


@kinds
def test_a_snapshot_replaces_whatever_its_version_is(kind):
    book = play(
        engine_of("bybit", kind),
        (bybit("snapshot", 500, BIDS, ASKS), 0, LIVE, 500),
        (bybit("delta", 501, [("99", "5")]), 0, LIVE, 501),
        # The venue's service has begun anew.
        (bybit("snapshot", 1, [("97", "1")], ASKS), 0, LIVE, 1),
        (bybit("delta", 2, [("97.5", "1")]), 0, LIVE, 2),
    )
    assert book.best_bid.price == 97.5
    assert len(book.bids) == 2


@kinds
def test_what_came_before_a_snapshot_continues_none(kind):
    book = play(
        engine_of("bybit", kind),
        (bybit("snapshot", 500, BIDS, ASKS), 0, LIVE, 500),
        (bybit("delta", 503, [("99", "7")]), GAP_BIT, GAP, 500),
        (bybit("delta", 504, [("99", "8")]), GAP_BIT, GAP, 500),
        (bybit("snapshot", 502, BIDS, ASKS), 0, LIVE, 502),
    )
    assert book.best_bid.size == 1.0
    assert book.stats["buffered"] == 0


@kinds
@pytest.mark.parametrize("u", [1, 480, 500])
def test_an_update_from_below_is_no_late_one(kind, u):
    """Nothing overtakes anything on one connection: it is of another count."""
    play(
        engine_of("bybit", kind),
        (bybit("snapshot", 500, BIDS, ASKS), 0, LIVE, 500),
        (bybit("delta", u, [("99", "7")]), GAP_BIT, GAP, 500),
        (bybit("snapshot", u + 1, BIDS, ASKS), 0, LIVE, u + 1),
    )


@kinds
def test_the_same_delta_once_more_is_a_duplicate(kind):
    delta = bybit("delta", 501, [("99", "5")])
    play(
        engine_of("bybit", kind),
        (bybit("snapshot", 500, BIDS, ASKS), 0, LIVE, 500),
        (delta, 0, LIVE, 501),
        (delta, DUPLICATE, LIVE, 501),
        (bybit("delta", 502, [("99", "6")]), 0, LIVE, 502),
    )


@kinds
def test_pictures_say_that_they_are_ones(kind):
    engine = engine_of("bybit", kind)
    play(
        engine,
        (bybit("snapshot", 5, BIDS[:1], ASKS[:1], depth=1), 0, LIVE, None),
        # Repeated after three quiet seconds.
        (bybit("snapshot", 5, BIDS[:1], ASKS[:1], depth=1), 0, LIVE, None),
        (bybit("snapshot", 2, BIDS[1:], ASKS[:1], depth=1), 0, LIVE, None),
    )
    (book,) = engine.books
    assert (book.epoch, book.best_bid.price) == (1, 98.0)
    with pytest.raises(bb.MessageError, match='expected type "snapshot", was'):
        engine.apply(bybit("delta", 6, BIDS[:1], ASKS[:1], depth=1))
    assert book.best_bid.price == 98.0


@kinds
def test_pictures_of_okx_have_no_word_for_it(kind):
    engine = engine_of("okx", kind)
    for channel in ("books5", "bbo-tbt"):
        engine.apply(okx_picture(channel, BIDS, ASKS))
        assert engine[f"okx/{channel}:BTC-USDT"].best_bid.price == 99.0


@pytest.mark.parametrize(
    ("venue", "empty", "full"),
    [
        ("bybit", bybit("snapshot", 5), bybit("snapshot", 6, BIDS, ASKS)),
        ("okx", okx("snapshot", -1, 5), okx("snapshot", -1, 6, BIDS, ASKS)),
        ("kraken", kraken("snapshot"), kraken("snapshot", BIDS, ASKS)),
    ],
)
def test_where_nobody_can_ask_a_second_empty_snapshot_is_believed(venue, empty, full):
    """It comes by a new subscription: the only question that there is."""
    engine = bb.Engine(venue)
    engine.apply(full)
    (book,) = engine.books
    engine.assign(book, 1)
    engine.apply(empty, generation=1)
    assert (book.state, book.reason) == (SYNCING, "empty snapshot, waiting for a second one")
    engine.assign(book, 2)
    engine.apply(empty, generation=2)
    assert book.state is LIVE
    assert book.best_bid is None
    engine.apply(full, generation=2)
    assert book.best_bid.price == 99.0


# --- ranges ---


@kinds
@pytest.mark.parametrize(
    ("first", "last", "answer"),
    [
        (11, 11, 0), (11, 15, 0), (9, 12, 0), (12, 15, GAP_BIT), (13, 13, GAP_BIT),
        (5, 9, GAP_BIT), (10, 10, GAP_BIT),
    ],
)  # fmt: skip
def test_a_range_has_to_hold_the_next_version(kind, first, last, answer):
    play(
        engine_of(STRANGE, kind),
        (strange("everything", 10, 10, BIDS, ASKS), 0, LIVE, 10),
        (strange("difference", first, last, [("99", "5")]), answer, GAP if answer else LIVE,
         10 if answer else last),
    )  # fmt: skip


@kinds
def test_an_empty_range_advances_and_the_same_one_is_a_heartbeat(kind):
    play(
        engine_of(STRANGE, kind),
        (strange("everything", 10, 10, BIDS, ASKS), 0, LIVE, 10),
        (strange("difference", 11, 14), 0, LIVE, 14),
        (strange("difference", 11, 14), HEARTBEAT, LIVE, 14),
        (strange("difference", 15, 15, [("99", "3")]), 0, LIVE, 15),
    )


# --- nothing that proves anything ---


@kinds
def test_a_channel_that_nothing_proves_is_never_live(kind):
    (profile,) = OKX.profiles
    books = (
        msgspec.structs.replace(profile.books[0], rule="none", previous="", checksum=None),
        *profile.books[1:],
    )
    engine = engine_of(bb.Venue(profiles=(msgspec.structs.replace(profile, books=books),)), kind)
    for frame in (
        okx("snapshot", -1, 5, BIDS, ASKS), okx("update", 5, 6, BIDS),
        okx("snapshot", -1, 5, BIDS, ASKS),
    ):  # fmt: skip
        engine.apply(frame)
        (book,) = engine.books
        assert book.state is STALE
    assert book.reason == "nothing that comes on this channel proves a book"
    assert book.proven_levels == 0


# --- shapes ---


@kinds
def test_long_keys_nanoseconds_and_levels_with_something_before_them(kind):
    engine = engine_of(STRANGE, kind)
    engine.apply(strange("everything", 1, 1, BIDS, ASKS))
    book = engine["~A"]
    assert book.exchange_time_ms == 1786310818129
    assert [level.price for level in book.bids] == [99.0, 98.0]
    assert engine.stats["decoded"] == 1
    engine.apply(strange("difference", 2, 2, [("99", "4")]))
    assert book.best_bid.size == 4.0
    if kind == "scanned":
        assert engine.stats["scanned"] == 1
    # Another key of the same length and beginning is another key.
    frame = strange("difference", 3, 3).replace("last_change_id", "last_change_no")
    with pytest.raises(bb.MessageError, match="expected a version"):
        engine.apply(frame)


@kinds
@pytest.mark.parametrize(
    ("stamp", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-08-16T23:37:04.190019Z", 1786923424190),
        ("2024-02-29T23:59:59.9Z", 1709251199900),
        ("2100-03-01T00:00:00.123456789Z", 4107542400123),
        ("2023-02-29T00:00:00Z", None),
        ("2100-02-29T00:00:00Z", None),
        ("2026-04-31T00:00:00Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-08-16T24:00:00Z", None),
        ("2026-08-16T23:60:00Z", None),
        ("2026-08-16T23:37:60Z", None),
        ("2026-08-16T23:37:04.Z", None),
        ("2026-08-16T23:37:04.1234567890Z", None),
        ("2026-08-16T23:37:04+00:00", None),
        ("2026-08-16 23:37:04Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("26-08-16T23:37:04Z", None),
        ("2026-08-16T23:37:0\u0664Z", None),
    ],
)
def test_stamps_that_are_texts(kind, stamp, milliseconds):
    engine = engine_of("kraken", kind)
    engine.apply(kraken("snapshot", BIDS, ASKS))
    book = engine["BTC/USD"]
    frame = kraken("snapshot", BIDS, ASKS, stamp=stamp)
    if milliseconds is None:
        with pytest.raises(bb.MessageError, match="expected a time"):
            engine.apply(frame)
        assert book.state is GAP
    else:
        engine.apply(frame)
        assert book.exchange_time_ms == milliseconds


@kinds
def test_levels_may_be_longer_and_keys_in_another_order(kind):
    engine = engine_of("okx", kind)
    message = json.loads(okx("snapshot", -1, 5, BIDS, ASKS))
    message["data"][0]["bids"] = [["99", "1"], ["98", "2", "0"], ["97", "3", "0", "1", None, "x"]]
    reversed_keys = dict(reversed(message.items()))
    reversed_keys["data"] = [dict(reversed(message["data"][0].items()))]
    engine.apply(json.dumps(reversed_keys))
    assert len(engine["BTC-USDT"].bids) == 3
    for bad in (["99"], [], {"price": "1"}, "99", ["99", "1", [1]]):
        message["data"][0]["bids"] = [bad]
        if bad == ["99", "1", [1]]:
            assert engine.apply(json.dumps(message)) & Change.SNAPSHOT
            continue
        with pytest.raises(bb.MessageError):
            engine.apply(json.dumps(message))


@kinds
def test_a_push_without_data_puts_its_book_in_doubt(kind):
    engine = engine_of("okx", kind)
    engine.apply(okx("snapshot", -1, 5, BIDS, ASKS))
    acknowledged = {"event": "subscribe", "arg": {"channel": "books", "instId": "BTC-USDT"}}
    assert engine.apply(json.dumps(acknowledged)) == Change.OTHER
    assert engine["BTC-USDT"].state is LIVE
    with pytest.raises(bb.MessageError, match="a push without data"):
        engine.apply(json.dumps({"arg": acknowledged["arg"], "action": "update"}))
    assert engine["BTC-USDT"].state is GAP
