"""What stands in a publisher's file, and what is said of files that cannot be read here."""

import os
import struct
import zlib

import pytest

import bitmart_book as bb
from bitmart_book import AttachError, NoSuchBook, NotPublished, UsageError
from bitmart_book._book import DEFAULT_MAX_BOOKS, Engine, shared_sizes
from bitmart_book.share import attaching, header, places, publishing
from tests.helpers.frames import spot
from tests.helpers.shared import rest_of_directory


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where everything of a test is."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(places, "folders", lambda: [str(tmp_path / "bitmart_book")])
    monkeypatch.setattr(attaching, "folders", places.folders)
    return tmp_path / "bitmart_book"


def fed(levels=3):
    engine = Engine(clock="monotonic")
    engine.apply(spot("snapshot", 5, [("100", "1"), ("99", "2")], [("101", "3")]))
    return engine


@pytest.fixture
def engine():
    return fed()


def published(engine, name="prices", levels=3):
    return publishing.Publisher(engine, name, levels, pytest.fail)


@pytest.fixture
def publisher(engine):
    publisher = published(engine)
    yield publisher
    publisher.close()


def test_a_book_is_read_under_each_of_its_names(publisher, folder):
    books = bb.attach("prices", timeout=0)
    book = books["BTC_USDT"]
    assert (book.best_bid_price, book.best_ask_price, book.levels) == (100.0, 101.0, 3)
    assert list(books) == ["BTC_USDT"]
    assert len(books) == 1
    assert "ETH_USDT" not in books
    for name in ("bitmart:BTC_USDT", "spot:BTC_USDT", "spot/depth/increase100:BTC_USDT"):
        assert books[name] is book
    with pytest.raises(NoSuchBook, match="prices shows no book of ETH_USDT; it shows BTC_USDT"):
        books["ETH_USDT"]
    assert isinstance(book, bb.AttachedBook)
    assert repr(books) == "<Attached prices: BTC_USDT>"
    assert rest_of_directory(folder) == ["prices"]
    assert (folder.stat().st_mode & 0o777, (folder / "prices").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


def test_books_that_come_later_are_there_too(publisher, engine):
    books = bb.attach("prices", timeout=0)
    engine.apply(spot("snapshot", 1, [("10", "1")], [("11", "1")], "ETH_USDT"))
    publisher.look()
    assert books["ETH_USDT"].best_bid_price == 10.0
    assert list(books) == ["BTC_USDT", "ETH_USDT"]


def test_a_book_that_is_subscribed_anew_goes_on_in_its_place(publisher, engine):
    book = bb.attach("prices", timeout=0)["BTC_USDT"]
    assert book.epoch == 1
    engine.close_book(engine["BTC_USDT"])
    assert book.state == "CLOSED"
    engine.apply(spot("snapshot", 1, [("50", "1")], [("51", "1")]))
    publisher.look()
    assert (book.best_bid_price, book.epoch) == (50.0, 2)


def test_an_orderly_end_leaves_nothing_and_is_told(engine, folder):
    publisher = published(engine)
    book = bb.attach("prices", timeout=0)["BTC_USDT"]
    publisher.close()
    publisher.close()
    assert rest_of_directory(folder) == []
    with pytest.raises(bb.BookNotLive, match="prices was closed by its publisher"):
        book.best_bid
    assert book.state == "CONNECTING"
    with pytest.raises(NotPublished, match="nobody publishes prices"):
        bb.attach("prices", timeout=0)


def test_another_publisher_is_found_at_the_first_refused_read(engine):
    first = published(engine)
    books = bb.attach("prices", timeout=0)
    book = books["BTC_USDT"]
    assert book.quote.epoch == 1
    first.close()
    other = fed()
    other.apply(spot("update", 6, [("100.5", "1")]))
    second = published(other, levels=5)
    try:
        assert book.best_bid_price == 100.5
        assert book.quote.epoch == 2
        assert book.levels == 5
        assert books["BTC_USDT"] is book
    finally:
        second.close()


def test_another_publisher_may_not_have_the_book(engine):
    first = published(engine)
    book = bb.attach("prices", timeout=0)["BTC_USDT"]
    first.close()
    empty = Engine(clock="monotonic")
    second = published(empty)
    try:
        assert book.state == "SYNCING"
        assert "does not show spot/depth/increase100:BTC_USDT yet" in book.reason
        empty.apply(spot("snapshot", 9, [("70", "1")], [("71", "1")]))
        second.look()
        assert book.best_bid_price == 70.0
    finally:
        second.close()


def test_a_name_is_one_publisher_s(publisher, engine):
    with pytest.raises(UsageError, match="prices is published already"):
        published(engine)


def test_what_the_dead_left_is_taken_over(engine, folder):
    folder.mkdir(0o700)
    (folder / "prices").write_bytes(b"old")
    (folder / ".prices.dead").write_bytes(b"half")
    publisher = published(engine)
    assert rest_of_directory(folder) == ["prices"]
    assert bb.attach("prices", timeout=0)["BTC_USDT"].best_ask_price == 101.0
    publisher.close()


def test_a_publisher_that_died_is_said_to_be_dead(engine, folder):
    publisher = published(engine)
    book = bb.attach("prices", timeout=0)["BTC_USDT"]
    # What a kill does: nothing is told, and the lock is free.
    os.close(publisher._lock)
    publisher._room.close(0)
    with pytest.raises(bb.BookNotLive, match="the program that published prices has ended"):
        book.best_bid
    with pytest.raises(NotPublished, match="the program that did has ended"):
        bb.attach("prices", timeout=0)
    publisher._lock = os.open(os.devnull, os.O_RDONLY)


# --- files that cannot be read here ---

WHOLE = shared_sizes(3, DEFAULT_MAX_BOOKS)["whole"]


def written(folder, start=None, size=None, **other):
    """A file that begins so, held by somebody alive."""
    import fcntl

    whole = header.pack(header.Header(3, DEFAULT_MAX_BOOKS, 7, 8)) if start is None else start
    path = folder / "prices"
    folder.mkdir(0o700, exist_ok=True)
    path.write_bytes(whole)
    path.chmod(0o600)
    os.truncate(path, WHOLE if size is None else size)
    held = os.open(path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    return held


def changed(number, value):
    """A header, well formed, of which one field is another."""
    fixed = header.pack(header.Header(3, DEFAULT_MAX_BOOKS, 7, 8))[: header.FORM.size]
    fields = list(header.FORM.unpack(fixed))
    fields[number] = value
    fixed = header.FORM.pack(*fields)
    return fixed + struct.pack("<I", zlib.crc32(fixed))


@pytest.mark.parametrize(
    ("start", "size", "problem"),
    [
        (b"", 0, "does not begin like one"),
        (b"something else", None, "does not begin like one"),
        (changed(1, 2), None, "is published in layout 2"),
        (changed(2, 0), None, "says what cannot be"),
        (changed(2, 10**9), None, "says what cannot be"),
        (changed(3, -1), None, "says what cannot be"),
        (changed(4, 8), None, "says what cannot be"),
        (changed(5, 2**62), None, "says what cannot be"),
        (changed(8, b"another boot"), None, "before this machine was started last"),
        (changed(9, 12), None, "another time namespace"),
        (None, 5_000, "is cut short"),
    ],
)
def test_what_cannot_be_read_here_is_said(folder, start, size, problem):
    held = written(folder, start, size)
    with pytest.raises(AttachError, match=problem):
        bb.attach("prices", timeout=0)
    os.close(held)


def test_a_header_with_one_wrong_bit_is_refused(folder):
    good = header.pack(header.Header(3, DEFAULT_MAX_BOOKS, 7, 8))
    assert header.read("prices", good, WHOLE).levels == 3
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AttachError):
            header.read("prices", bytes(bad), WHOLE)
    for length in range(len(good)):
        with pytest.raises(AttachError):
            header.read("prices", good[:length], WHOLE)


def test_a_damaged_record_is_said(publisher, folder):
    with open(folder / "prices", "r+b") as file:
        file.seek(4096)
        file.write(b"\xff\xff not json")
    with pytest.raises(AttachError, match="record 0 is damaged"):
        bb.attach("prices", timeout=0)


def test_what_others_can_write_to_is_not_read(publisher, folder):
    (folder / "prices").chmod(0o666)
    with pytest.raises(AttachError, match="is not this user's alone"):
        bb.attach("prices", timeout=0)
    folder.chmod(0o777)
    with pytest.raises(AttachError, match="is not this user's alone"):
        published(fed(), "other")
    folder.chmod(0o700)


def test_a_link_leads_nowhere(folder, publisher):
    os.symlink(folder / "prices", folder / "link")
    with pytest.raises(AttachError, match="cannot read"):
        bb.attach("link", timeout=0)


@pytest.mark.parametrize("name", ["", "../prices", "a/b", ".hidden", "x" * 65, None, 7])
def test_what_cannot_be_a_name(name, engine):
    with pytest.raises(UsageError, match="a publication has a name"):
        bb.attach(name)
    with pytest.raises(UsageError, match="a publication has a name"):
        published(engine, name)


@pytest.mark.parametrize("levels", [0, -1, 1_001, True, 2.5, "20"])
def test_what_levels_cannot_be(levels, engine):
    with pytest.raises(UsageError, match="levels must be"):
        published(engine, levels=levels)


def test_where_it_was_never_tried_it_is_refused(monkeypatch, engine):
    monkeypatch.setattr(places.sysconfig, "get_platform", lambda: "macosx-14.0-arm64")
    for call in (lambda: bb.attach("prices"), lambda: published(engine)):
        with pytest.raises(UsageError, match=r"for Linux on x86-64.*macosx"):
            call()


def test_a_book_that_cannot_be_shown_is_told_once_and_the_others_are_shown(monkeypatch):
    engine, problems = fed(), []
    monkeypatch.setattr(publishing, "DEFAULT_MAX_BOOKS", 1)
    engine.apply(spot("snapshot", 1, [("10", "1")], [("11", "1")], "ETH_USDT"))
    publisher = publishing.Publisher(engine, "prices", 3, problems.append)
    publisher.refresh()
    assert list(bb.attach("prices", timeout=0)) == ["BTC_USDT"]
    assert [str(error) for error in problems] == [
        "no room to publish spot/depth/increase100:ETH_USDT: there are 1 books"
    ]
    publisher.close()
