"""Capture files: every form and compression, and what is wrong with a bad one."""

import gzip
import json
import os
import stat

import pytest
import zstandard

import bitmart_book as bb
from bitmart_book.wire.capture import Capture, CaptureWriter
from tests.helpers import frames
from tests.helpers.frames import spot

LINES = [frames.SPOT_SNAPSHOT_4, frames.SPOT_UPDATE_5, spot("update", 6, [("1", "1")])]
RECORDED = [
    json.dumps({"t": 1_000 + place, "conn": "public-1", "frame": line})
    for place, line in enumerate(LINES)
]


def compress_in_frames(data):
    """Two zstd frames one after the other, as an appended file has them."""
    half = len(data) // 2
    return b"".join(zstandard.compress(part) for part in (data[:half], data[half:]))


COMPRESSIONS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "zstd appended": compress_in_frames,
}


@pytest.fixture
def write(tmp_path):
    def write(lines, compress=bytes, name="capture"):
        path = tmp_path / name
        path.write_bytes(compress("\n".join(lines).encode("utf-8", "surrogateescape")))
        return path

    return write


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("lines", [LINES, RECORDED], ids=["bare", "recorded"])
def test_every_form(write, lines, compression):
    with Capture(write(lines, COMPRESSIONS[compression])) as capture:
        captured = list(capture)
        assert capture.bytes_read == capture.bytes_total
    assert [frame.frame.decode() for frame in captured] == LINES
    assert [frame.line for frame in captured] == [1, 2, 3]
    recorded = lines is RECORDED
    assert captured[1].receive_time_ns == (1_001 if recorded else None)
    assert captured[1].connection == ("public-1" if recorded else None)


def test_books_at_the_end(write):
    with bb.connect("BTC_USDT", source=write(RECORDED)) as feed:
        book = feed["BTC_USDT"]
        assert book.state == bb.BookState.LIVE
        assert book.reason == "end of capture"
        assert book.sequence == 6
        assert book.receive_time_ns == 1_002
        assert list(feed) == ["spot/depth/increase100:BTC_USDT"]
        assert "BTC_USDT" in feed
        assert len(feed) == 1
        assert feed.stats["frames"] == 3
    assert book.state == bb.BookState.CLOSED
    with pytest.raises(bb.FeedClosed):
        feed["BTC_USDT"]
    feed.close()


def test_blank_lines_and_a_missing_last_newline_do_not_matter(write):
    with bb.connect(source=write(["", LINES[0], "   ", LINES[1], "", ""])) as feed:
        assert feed["BTC_USDT"].sequence == 5


def test_several_files_are_several_connections(write):
    first = write(LINES, name="first")
    again = write(LINES[:2], gzip.compress, name="again")
    with bb.connect(source=[first, again]) as feed:
        assert feed["BTC_USDT"].sequence == 5
        assert feed["BTC_USDT"].state == "LIVE"


def test_a_new_connection_in_a_recording_needs_its_own_snapshot(write):
    moved = [*RECORDED, json.dumps({"t": 9, "conn": "public-2", "frame": spot("update", 7)})]
    with bb.connect(source=write(moved)) as feed:
        assert feed["BTC_USDT"].state == "SYNCING"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("{", "not JSON"),
        ('{"frame": 5}', "Expected `str`"),
        ('{"frame": "x"', "not JSON"),
        ('{"t": 1.5, "conn": "a", "frame": "{}"}', "Expected `int | null`"),
        ('{"t": 1, "conn": 7, "frame": "{}"}', "Expected `str | null`"),
        (json.dumps({"t": 1, "conn": "a", "frame": "rubbish"}), "not JSON"),
        (spot("update", 6, [("1", "-1")]), "BTC_USDT bid row 0: a number must not be negative"),
        ("\udcff\udcfe", "not JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_read_if_wanted(write, bad, problem):
    path = write([*LINES[:2], bad, spot("snapshot", 50, [("3", "1")], [("4", "1")])])
    with pytest.raises(bb.CaptureError, match=problem) as caught:
        bb.connect(source=path)
    assert caught.value.line == 3
    assert caught.value.path == str(path)
    with bb.connect(source=path, on_bad_line="skip") as feed:
        assert [error.line for error in feed.bad_lines] == [3]
        assert feed["BTC_USDT"].sequence == 50


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_file_that_was_cut_off(write, compression):
    lines = [LINES[0], *(spot("update", 5 + n, [(str(n + 1), "1")]) for n in range(2_000))]
    path = write(lines, COMPRESSIONS[compression])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(bb.CaptureError, match="ends or is damaged here"):
        bb.connect(source=path)
    with bb.connect(source=path, on_bad_line="skip") as feed:
        assert feed["BTC_USDT"].sequence is not None
        assert len(feed.bad_lines) == 1


def test_a_line_without_end(write, monkeypatch):
    monkeypatch.setattr("bitmart_book.wire.capture.MAX_LINE_BYTES", 1_000)
    path = write([LINES[0], "x" * 5_000, LINES[1]])
    with bb.connect(source=path, on_bad_line="skip") as feed:
        assert [str(error).split(": ", 1)[1] for error in feed.bad_lines] == [
            "line 2: longer than 1000 bytes"
        ]
        assert feed["BTC_USDT"].sequence == 5


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"source": "no-such-file"}, "cannot read no-such-file: No such file or directory"),
        ({"source": "/"}, "cannot read /: Is a directory"),
    ],
)
def test_sources_that_cannot_be(options, problem):
    with pytest.raises(bb.UsageError, match=problem):
        bb.connect(**options)


def test_what_is_there_is_never_overwritten(tmp_path):
    there = tmp_path / "there.jsonl"
    there.write_text("precious\n")
    there.chmod(0o644)
    link = tmp_path / "link.jsonl"
    link.symlink_to(there)
    loose = tmp_path / "loose.jsonl"
    loose.symlink_to(tmp_path / "elsewhere")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, problem in [
        (there, "exists and is not empty"),
        (link, "symbolic link"),
        (loose, "symbolic link"),
        (tmp_path, "Is a directory"),
        (pipe, "No such device|not a plain file"),
        ("/dev/null", "not a plain file"),
    ]:
        with pytest.raises(bb.UsageError, match=problem):
            CaptureWriter(path)
    with pytest.raises(bb.UsageError, match="not empty"):
        bb.connect("BTC_USDT", source="sim", record=there)
    assert there.read_text() == "precious\n"
    assert stat.S_IMODE(there.stat().st_mode) == 0o644
    assert not (tmp_path / "elsewhere").exists()
    empty = tmp_path / "empty.jsonl"
    empty.touch(0o644)
    with CaptureWriter(empty) as writer:
        writer.write(b"{}", 1, "a")
    assert stat.S_IMODE(empty.stat().st_mode) == 0o600


@pytest.mark.parametrize("line", [b"\n", b"0\n", b"{}\n"], ids=["blank", "number", "object"])
def test_a_small_file_that_goes_on_and_on_is_refused_in_time(tmp_path, line, monkeypatch):
    monkeypatch.setattr("bitmart_book.wire.capture.FREE_LINES", 10_000)
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(line * 50_000))
    with Capture(path) as capture:
        with pytest.raises(bb.CaptureError, match="this is no recording"):
            for _ in capture:
                pass
        assert capture.record() is None, "that is its end, whoever wants to skip it"
    with bb.connect(source=path, on_bad_line="skip") as feed:
        assert len(feed.bad_lines) <= 20_000


def test_other_misuse(write):
    with pytest.raises(bb.UsageError, match="no book of ETH_USDT; it holds spot/depth"):
        bb.connect("BTC_USDT", "ETH_USDT", source=write(LINES))
    with pytest.raises(bb.UsageError, match="on_bad_line"):
        bb.connect(source=write(LINES), on_bad_line="ignore")


def test_zstd_without_a_library(write, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    monkeypatch.setitem(__import__("sys").modules, "compression", None)
    with pytest.raises(bb.UsageError, match=r"pip install 'bitmart_book\[zstd\]'"):
        Capture(write(LINES, zstandard.compress))


def test_a_shadowed_replay(write):
    with bb.connect(source=write(LINES), shadow=True) as feed:
        assert feed["BTC_USDT"].sequence == 6


def test_progress_is_told(write):
    seen = []
    bb.connect(source=write(LINES), progress=lambda *of: seen.append(of)).close()
    assert seen[-1][0] == seen[-1][1] > 0


def test_an_error_without_a_reason_of_the_system_says_what_it_is(tmp_path, monkeypatch):
    def fails(path):
        raise OSError("odd things happened")

    monkeypatch.setattr("bitmart_book.wire.capture.open_to_write", fails)
    with pytest.raises(bb.UsageError, match="odd things happened"):
        CaptureWriter(tmp_path / "new.jsonl")
