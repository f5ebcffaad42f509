"""What systems do not share, with all taken away that Windows lacks.

This is no Windows. What is shown is that nothing asks for what is not there, and what happens in
its place.
"""

import asyncio
import errno
import os
import signal
import stat
import warnings
from types import SimpleNamespace

import pytest

import bitmart_book as bb
from bitmart_book.bench import footprint, report, stages
from bitmart_book.cli import _live
from bitmart_book.client.times import LOOK_FOR_SIGNALS
from bitmart_book.feed import blocking, thread, waiting
from bitmart_book.system import files, signals
from bitmart_book.wire.capture import Capture, CaptureWriter
from tests.helpers import frames, windows
from tests.helpers.command import run


@pytest.fixture
def bare(monkeypatch):
    windows.take_away(monkeypatch)
    return monkeypatch


KEYS = "key=key-canary-5a1d\nsecret=secret-canary-7c3e\nmemo=memo-canary-9e5b\n"


@pytest.mark.private(files=True)
def test_keys_are_read_from_a_file_whose_permissions_say_nothing(tmp_path, bare):
    path = tmp_path / "keys"
    path.write_text(KEYS)
    path.chmod(0o666)  # what Windows says of every file
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bb.Credentials.from_file(path)
    with pytest.raises(bb.UsageError, match=r"is no file|Is a directory"):
        bb.Credentials.from_file(tmp_path)


def test_files_are_opened_as_bytes(tmp_path, bare):
    """There a file is opened as text unless one says otherwise, and line ends are translated."""
    seen = []
    bare.setattr(os, "O_BINARY", windows.BINARY, raising=False)
    bare.setattr(os, "open", lambda path, flags, mode=0o777: seen.append(flags) or 99)
    assert files.open_to_read("a") == 99
    assert files.open_to_write(str(tmp_path / "b")) == 99
    assert all(flags & windows.BINARY for flags in seen)
    assert seen[1] & os.O_CREAT


def test_a_capture_is_written_and_read(tmp_path, bare):
    path = tmp_path / "capture.jsonl"
    with CaptureWriter(path) as writer:
        writer.write(b'{"a": 1}', 5, "spot-1")
    with Capture(path) as capture:
        assert [frame.frame for frame in capture] == [b'{"a": 1}']
    with pytest.raises(bb.UsageError, match="exists and is not empty"):
        CaptureWriter(path)
    assert path.read_bytes().count(b"\n") == 1


def test_a_capture_does_not_follow_links(tmp_path, bare):
    there, link, loose = tmp_path / "there", tmp_path / "link", tmp_path / "loose"
    there.touch()
    link.symlink_to(there)
    loose.symlink_to(tmp_path / "elsewhere")
    for path in (link, loose):
        with pytest.raises(bb.UsageError, match="symbolic link"):
            CaptureWriter(path)
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            files.open_to_write(str(path))
    assert not (tmp_path / "elsewhere").exists()


def test_a_feed_records(tmp_path, bare):
    path = tmp_path / "feed.jsonl.gz"
    with bb.connect("BTC_USDT", source="sim", record=path) as feed:
        assert feed["BTC_USDT"].best_bid
    with bb.connect(source=path) as feed:
        assert feed["BTC_USDT"].best_bid


def test_a_file_of_ours_is_nobody_elses(tmp_path):
    """Here, where there are permissions."""
    path = tmp_path / "mine"
    path.touch(0o644)
    descriptor = files.open_to_write(str(path))
    try:
        assert files.others_can_read(os.fstat(descriptor))
        files.keep_private(descriptor)
        assert not files.others_can_read(os.fstat(descriptor))
        assert os.get_blocking(descriptor)
    finally:
        os.close(descriptor)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# --- signals ---


def test_the_signals_that_there_are(monkeypatch):
    here = signals.ending_signals()
    assert here == (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    windows.take_away(monkeypatch)
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGTERM, raising=False)
    assert signals.ending_signals() == (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)


def test_a_command_that_follows_a_feed_can_be_stopped(bare):
    before = signal.getsignal(signal.SIGTERM)
    with _live.Stop() as stop:
        stop.begin()
        signal.raise_signal(signal.SIGTERM)
        assert stop
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, windows.NoSignals])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_box_serves_until_a_signal_asks_it_to_end(loop, number):
    served = []

    def ready(urls):
        served.append(set(urls))
        signal.raise_signal(number)

    before = signal.getsignal(number)
    simulator = bb.Simulator(seed=1)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(simulator._run(ready))
    assert served
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("timeout", [None, 0.0, 0.5, 1000.0])
def test_a_wait_is_no_longer_than_a_moment_at_a_time(timeout, bare):
    """A lock of Windows does not hear a Ctrl-C: it counts between two waits."""
    waited = []

    def happens(within):
        waited.append(within)
        clock.now += within
        return len(waited) == 4

    clock = SimpleNamespace(now=100.0)
    bare.setattr(waiting.time, "monotonic", lambda: clock.now)
    assert waiting.wait_for(happens, timeout) == (timeout not in (0.0, 0.5))
    assert all(0.0 <= within <= LOOK_FOR_SIGNALS for within in waited)
    assert sum(waited) == pytest.approx({0.0: 0.0, 0.5: 0.5}.get(timeout, 4 * LOOK_FOR_SIGNALS))


def test_everywhere_else_a_wait_is_one_wait():
    waited = []
    assert waiting.wait_for(lambda within: waited.append(within) or True, None)
    assert not waiting.wait_for(lambda within: waited.append(within), 3.0)
    assert waited == [None, 3.0]


def test_a_feed_and_its_streams_wait_in_moments(bare):
    """All that block go through it."""
    seen = []
    for module in (blocking, thread):
        bare.setattr(module, "wait_for", lambda *of: seen.append(of) or waiting.wait_for(*of))
    with bb.connect("BTC_USDT", source="sim") as feed:
        trades = feed.trades("BTC_USDT")
        for _ in zip(range(3), feed["BTC_USDT"].quotes(timeout=60.0), strict=False):
            pass
        assert trades.get(timeout=60.0).price
        with pytest.raises(TimeoutError):
            feed.events().get(timeout=0.01)
    assert {timeout for _, timeout in seen} >= {None, 60.0, 0.01}


# --- text ---


@pytest.mark.parametrize("encoding", ["cp1252", "iso-8859-15"])
@pytest.mark.parametrize("command", ["replay", "top"])
def test_symbols_that_a_pipe_cannot_show(command, encoding, tmp_path):
    """A pipe has the old encoding of Windows there, and no symbol may end a command."""
    path = tmp_path / "capture.jsonl"
    picture = frames.spot("snapshot", 1, [("99.5", "1")], [("100.5", "3")], "索拉拉_USDT")
    path.write_text(picture, "utf-8")
    words = ["replay", path] if command == "replay" else ["top", "索拉拉_USDT", "--source", path]
    result = run(*words, env=os.environ | {"PYTHONIOENCODING": encoding})
    assert (result.returncode, result.stderr) == (0, "")
    assert r"\u7d22\u62c9\u62c9_USDT" in result.stdout or command == "replay"
    assert "100.5" in result.stdout


# --- what is measured ---


def test_memory_is_not_measured_where_nobody_says_it(bare, tmp_path):
    bare.setattr("builtins.open", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError()))
    assert footprint.resident() is None
    plan = stages.Plan(stages.QUICK, 1, (), None)
    result = report.run(plan, ["memory"])
    assert result.stages == []
    assert result.not_run == {"memory": "this system does not say how much memory a process has"}
    machine = report.machine()
    assert machine["load"] is None
    assert machine["processor"]


def test_memory_is_measured_here():
    assert 2**20 < footprint.resident() < 2**34
