"""The commands that follow a feed: what they draw, print and answer. No network, no waiting."""

import collections
import contextlib
import importlib
import io
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import threading
import xml.etree.ElementTree
from datetime import date

import pytest
from rich.cells import cell_len
from rich.console import Console

import bitmart_book as bb
from bitmart_book import cli
from bitmart_book.cli import _live
from bitmart_book.cli._rows import named
from bitmart_book.cli.terminal.screen import Screen
from tests.helpers import frames
from tests.helpers.frames import spot

# The package names its commands as the modules they are in.
doctor = importlib.import_module("bitmart_book.cli.doctor")
watch = importlib.import_module("bitmart_book.cli.watch")

TRADE = (
    '{"table":"spot/trade","data":[{"symbol":"BTC_USDT","price":"100.05","side":"buy",'
    '"size":"0.25","s_t":1700000000,"ms_t":1700000000000}]}'
)


def levels(best, step, count, size="1.25"):
    return [(f"{best + step * n:.2f}", f"{float(size) * (n + 1):.3f}") for n in range(count)]


def snapshot(symbol="BTC_USDT", version=7, count=60):
    return spot("snapshot", version, levels(100, -0.01, count), levels(100.05, 0.01, count), symbol)


class Stream:
    def __init__(self, events):
        self.events = list(events)

    def get(self, timeout=None):
        if not self.events:
            raise TimeoutError
        return self.events.pop(0)


class FakeFeed:
    """What `bb.connect` returns, as far as the commands use it, over a real engine."""

    def __init__(self, engine, places=(), events=(), end=None, failures=0):
        self.engine = engine
        self.places = {str(number): place for number, place in enumerate(places)}
        self.failures = failures
        self._events = events
        self._end = end
        self.closed = False
        self.asked_trades = []

    books = property(lambda self: self.engine.books)
    stats = property(lambda self: self.engine.stats)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def __getitem__(self, key):
        return self.engine[key]

    def events(self, maxsize):
        return Stream(self._events)

    def report(self):
        return {"connections": self.places, "counters": {"connect_failures": self.failures}}

    def explain(self, topic):
        return bb.Book.explain(self.engine[topic]) + "."

    def trades(self, topic, *, maxsize):
        self.asked_trades.append(topic)

    def wait_for_end(self):
        if self._end is not None:
            raise self._end


def engine(*symbols, clock=None):
    made = bb.Engine(clock=clock)
    for symbol in symbols:
        made.apply(snapshot(symbol))
    return made


def drawn(books, width=80, height=24, levels=None, looks=((0.0, "12:00:00"),)):
    """The screen as lines of text."""
    screen = Screen("sim", levels)
    for now, clock in looks:
        screen.observe(named(books), now, clock, deepest=height)
    console = Console(
        record=True, file=io.StringIO(), width=width, height=height, force_terminal=True
    )
    console.print(screen, end="", height=height)
    lines = console.export_text().split("\n")
    assert lines.pop() == ""
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}
    return lines


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command in this process, with a clock of its own; gives status, output, errors."""

    def run(*arguments, feed=None):
        clock = Clock()
        asked = {}

        def connect(*symbols, **options):
            asked.update(options, symbols=symbols)
            if isinstance(feed, Exception):
                raise feed
            return feed

        if feed is not None:
            monkeypatch.setattr(bb, "connect", connect)
        stop = _live.Stop

        def ticking(seconds=None):
            return stop(seconds, clock=clock, sleep=clock.sleep)

        for module in ("watch", "top", "record"):
            monkeypatch.setattr(sys.modules[f"bitmart_book.cli.{module}"], "Stop", ticking)
        monkeypatch.setattr(sys, "argv", ["bitmart-book", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        output = capsys.readouterr()
        run.asked = asked
        return ended.value.code, output.out, output.err

    return run


# --- the screen ---


def test_two_symbols_fill_a_small_terminal():
    made = engine("BTC_USDT", "ETH_USDT")
    made.apply(TRADE)
    lines = drawn(made.books)
    assert lines[0].startswith("╭ BTC_USDT ─")
    assert lines[0].count(" LIVE ") == 2
    assert "last buy 0.25 at 100.05" in lines[1]
    asks = [index for index, line in enumerate(lines) if line.startswith("│ 100.05")]
    bids = [index for index, line in enumerate(lines) if line.startswith("│ 100.00")]
    assert bids[0] == asks[0] + 2, "the best levels are in the middle"
    assert sum("█" in line or "▏" in line for line in lines) == 18, "nine levels a side"
    assert "#7" in lines[-2]
    assert "sim · 2 books" in lines[-1]


def test_a_wide_panel_has_both_sides_beside_each_other():
    lines = drawn(engine("BTC_USDT").books)
    best = next(line for line in lines if "100.00 │ 100.05" in line)
    assert best.rindex("█" if "█" in best else "▏") > best.index("│ 100.05")
    assert sum(" │ 10" in line for line in lines) == 19


@pytest.mark.parametrize("height", [24, 50])
@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9, 20, 45])
def test_every_number_of_symbols_fits(width, height, count):
    books = engine(*(f"S{number}_USDT" for number in range(count))).books
    lines = drawn(books, width, height)
    shown = sum(f"S{number}_USDT" in "\n".join(lines) for number in range(count))
    more = [line for line in lines if " more" in line]
    assert shown == count or more


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 3), (20, 5), (33, 7), (34, 8), (5, 60)])
def test_a_tiny_terminal_breaks_nothing(width, height):
    made = engine("BTC_USDT", "ETH_USDT")
    drawn(made.books, width, height)
    made.invalidate(made["ETH_USDT"], "a long reason, which goes on and on and on")
    drawn(made.books, width, height)


def test_more_room_shows_more_levels():
    books = engine("BTC_USDT", "ETH_USDT").books

    def count(width, height, **options):
        text = "\n".join(drawn(books, width, height, **options))
        return text.count("  █") + text.count("  ▏") + sum(text.count(f"  {c}") for c in "▎▍▌▋▊▉")

    assert count(80, 24) < count(200, 24) < count(200, 50)
    assert count(80, 24, levels=3) == 2 * 2 * 3


@pytest.mark.parametrize("state", [s for s in bb.BookState if s != bb.BookState.LIVE])
@pytest.mark.parametrize("count", [1, 30])
def test_a_book_that_cannot_be_trusted_says_so(state, count):
    made = engine(*(f"S{number}_USDT" for number in range(count)))
    books = made.books
    if state == bb.BookState.CLOSED:
        made.close_book(books[0])
    else:
        made.invalidate(books[0], "because\x1b[2J", state=state)
    lines = drawn(books, 80, 40)
    assert f" {state} " in "\n".join(lines)
    assert "1 not LIVE" in lines[-1]
    assert state == bb.BookState.CLOSED or "because�[2J" in "\n".join(lines)


def test_a_book_that_cannot_be_trusted_is_grey():
    made = engine("BTC_USDT")
    made.invalidate(made["BTC_USDT"], "why")
    screen = Screen("sim")
    screen.observe(named(made.books), 0.0, "", deepest=20)
    console = Console(file=io.StringIO(), width=60, height=20, force_terminal=True)
    used = {
        segment.style.color.name
        for line in console.render_lines(screen)
        for segment in line
        if segment.style and segment.style.color
    }
    assert not used & {"green"}


def test_empty_sides_and_empty_screens():
    made = bb.Engine()
    assert "no books yet" in drawn(made.books)[0]
    made.apply(spot("snapshot", 1, [("1", "1")], [], "A_B"))
    made.apply(spot("snapshot", 1, [], [("1", "1")], "C_D"))
    made.book("E_F")
    text = "\n".join(drawn(made.books, 120))
    for part in ("no asks", "no bids", "no levels", "SYNCING"):
        assert part in text


def test_books_of_one_symbol_are_told_apart():
    made = engine("ETH_USDT")
    made.apply(frames.SPOT_DEPTH5)
    text = "\n".join(drawn(made.books, 120))
    assert "spot/depth/increase100:ETH_USDT" in text
    assert "spot/depth5:ETH_USDT" in text


def test_numbers_of_any_size_fit():
    made = bb.Engine()
    row = [("0.000000001734", "0.0000000001"), ("0.000000001733", "123456789")]
    made.apply(spot("snapshot", 1, row, [], "BABYDOGE_USDT"))
    text = "\n".join(drawn(made.books))
    assert "0.000000001734" in text
    assert "1.0e-10" in text, "a size that is there does not look like none"


def test_rates_count_updates_and_not_looks():
    made = engine("BTC_USDT")
    screen = Screen("sim")
    screen.observe(named(made.books), 0.0, "", deepest=5)
    for version in range(8, 28):
        made.apply(spot("update", version, [("99", str(version))]))
    screen.observe(named(made.books), 2.0, "12:00:02", deepest=5)
    console = Console(file=io.StringIO(), width=80, height=24, record=True)
    console.print(screen, end="", height=24)
    text = console.export_text()
    assert "10.0 upd/s" in text
    assert "10 updates/s · 12:00:02" in text


def test_a_table_says_how_many_it_cannot_show():
    made = engine(*(f"S{number}_USDT" for number in range(40)))
    made.invalidate(made["S39_USDT"], "why")
    lines = drawn(made.books, 80, 24)
    assert lines[-2].strip() == "… 19 more, 1 of them not LIVE"


def test_drawing_many_symbols_is_cheap():
    """A bound on what is done and not on how long it takes, that only a mistake breaks."""
    books = engine(*(f"S{number}_USDT" for number in range(20))).books
    screen = Screen("sim")
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    calls = collections.Counter()
    sys.setprofile(lambda frame, event, argument: calls.update([event]))
    try:
        for now in range(20):
            screen.observe(named(books), float(now), "", deepest=24)
            console.print(screen, end="", height=24)
    finally:
        sys.setprofile(None)
    assert calls["call"] / 20 < 40_000


# --- watch ---


def test_watch_in_a_pipe_prints_lines(run):
    feed = FakeFeed(engine("BTC_USDT", "ETH_USDT"))
    feed.wait_for_end = _never
    status, out, err = run("watch", "BTC_USDT", "ETH_USDT", "--seconds", 3, feed=feed)
    assert (status, err) == (0, "")
    assert [line.split(" | ")[0] for line in out.splitlines()] == [
        "BTC_USDT LIVE",
        "ETH_USDT LIVE",
    ] * 3
    assert sorted(feed.asked_trades) == ["spot:BTC_USDT", "spot:ETH_USDT"]
    assert run.asked["source"] == "live"
    assert feed.closed


def _never():
    threading.Event().wait()


def test_watch_of_a_capture_shows_what_was_asked_for(run):
    feed = FakeFeed(engine("BTC_USDT", "ETH_USDT"))
    status, out, _ = run("watch", "ETH_USDT", "--source", "file.jsonl", "--seconds", 1, feed=feed)
    assert status == 0
    assert "ETH_USDT" in out
    assert "BTC_USDT" not in out
    assert run.asked["speed"] == 1.0
    assert not feed.asked_trades


def test_watch_lets_the_simulator_fail(run):
    feed = FakeFeed(engine("BTC_USDT"))
    words = ("watch", "BTC_USDT", "--seconds", 1, "--faults", "gap%60", "--source")
    assert run(*words, "sim", feed=feed)[0] == 0
    assert run.asked["source"].faults.next_deadline() is not None
    for source in ("live", "file.jsonl", "ws://127.0.0.1:9"):
        status, _, err = run(*words, source, feed=feed)
        assert (status, err.count("\n")) == (2, 1)
        assert "--source sim" in err


def test_watch_writes_a_picture(run, tmp_path):
    path = tmp_path / "screen.svg"
    status, _, err = run(
        "watch", "BTC_USDT", "--seconds", 1, "--svg", path, feed=FakeFeed(engine("BTC_USDT"))
    )
    assert (status, err) == (0, "")
    text = path.read_text()
    xml.etree.ElementTree.fromstring(text)
    assert "BTC_USDT" in text
    assert "url(" not in text.replace("url(#", ""), "it fetches nothing"
    status, _, err = run(
        "watch", "BTC_USDT", "--seconds", 1, "--svg", tmp_path / "no" / "x.svg",
        feed=FakeFeed(engine("BTC_USDT")),
    )  # fmt: skip
    assert (status, err.count("\n")) == (2, 1)


def test_watch_draws_until_the_time_is_over():
    clock = Clock()
    stop = _live.Stop(2.0, clock=clock, sleep=clock.sleep)
    feed = FakeFeed(engine("BTC_USDT"))
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True)
    with contextlib.redirect_stdout(io.StringIO()) as lines:
        watch.draw(_live.Following(feed, None), Screen("sim"), console, stop)
    text = out.getvalue()
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
    assert 8 <= text.count("BTC_USDT") <= 14, "about five pictures a second"
    assert lines.getvalue().startswith("BTC_USDT LIVE | ")
    assert clock.now == pytest.approx(2.0)


# --- giving up ---


def test_a_feed_that_never_becomes_live_ends_with_one_line(run):
    made = bb.Engine()
    made.invalidate(made.book("BTC_USDT"), "not subscribed yet", state=bb.BookState.CONNECTING)
    event = bb.Event(kind="disconnected", time=0.0, reason="wss://x: no route")
    places = [{"url": "wss://x", "open": False}]
    for command in (["watch"], ["top"], ["record", "--out", os.devnull]):
        feed = FakeFeed(made, places, [event], failures=2)
        feed.wait_for_end = _never
        status, _, err = run(*command, "BTC_USDT", feed=feed)
        assert status == 1
        assert err.count("\n") == 1
        for part in ("nothing became LIVE within 3 s", "CONNECTING", "wss://x: no route"):
            assert part in err
        assert "--source sim" in err


def test_an_open_connection_that_says_nothing_is_given_more_time(run):
    made = bb.Engine()
    made.book("BTC_USDT")
    feed = FakeFeed(made, [{"url": "wss://x", "open": True}])
    feed.wait_for_end = _never
    status, _, err = run("watch", "BTC_USDT", "--source", "sim", feed=feed)
    assert status == 1
    assert "within 10 s" in err
    assert "--source sim" not in err, "no way out of the way out"


def test_errors_of_connect_name_the_way_out(run):
    status, _, err = run("watch", "BTC_USDT", feed=bb.NotConnected("no connection: wss://x"))
    assert status == 1
    assert err.startswith("bitmart-book: no connection: wss://x. ")
    assert "`--source sim`" in err
    status, _, err = run("watch", "b/c", feed=bb.UsageError("no such symbol"))
    assert (status, err) == (2, "bitmart-book: no such symbol\n")


def test_every_symbol_refused(run):
    made = bb.Engine()
    made.invalidate(made.book("NO_PE"), "refused: no such", state=bb.BookState.REJECTED)
    feed = FakeFeed(made)
    feed.wait_for_end = _never
    status, _, err = run("watch", "NO_PE", feed=feed)
    assert status == 1
    assert "every symbol was refused: NO_PE REJECTED (refused: no such)" in err


def test_a_capture_that_breaks_ends_the_watch():
    feed = FakeFeed(engine("BTC_USDT"), end=bb.CaptureError("f", 3, "bad"))
    following = _live.Following(feed, None)
    following._thread.join()
    with pytest.raises(bb.CaptureError):
        following.over()


# --- top ---


def test_top_prints_lines_and_json(run):
    feed = FakeFeed(engine("BTC_USDT", "ETH_USDT"))
    status, out, err = run("top", "BTC_USDT", "ETH_USDT", feed=feed)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == (
        "BTC_USDT LIVE | bid 100 x 1.25 | ask 100.05 x 1.25 | sequence 7 | age -"
    )
    status, out, _ = run("top", "--json", "BTC_USDT", feed=FakeFeed(engine("BTC_USDT")))
    assert json.loads(out) == {
        "symbol": "BTC_USDT",
        "sequence": 7,
        "state": "LIVE",
        "best_bid": ["100", "1.25"],
        "best_ask": ["100.05", "1.25"],
        "bids": 60,
        "asks": 60,
        "gaps": 0,
        "venue": "bitmart",
        "channel": "spot/depth/increase100",
        "reason": None,
        "age": None,
        "lag": None,
    }


def test_top_fails_when_a_symbol_is_not_live(run):
    made = engine("BTC_USDT")
    made.book("ETH_USDT")
    feed = FakeFeed(made)
    feed.wait_for_end = _never
    status, out, err = run("top", "--json", "BTC_USDT", "ETH_USDT", feed=feed)
    assert status == 1
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["LIVE", "SYNCING"]
    assert json.loads(out.splitlines()[1])["best_bid"] is None
    assert err == "bitmart-book: 1 of 2 not LIVE\n"


# --- record ---


def test_record_counts(run, tmp_path):
    feed = FakeFeed(engine("BTC_USDT"))
    feed.wait_for_end = _never
    out = tmp_path / "new.jsonl"
    status, text, _ = run("record", "BTC_USDT", "--out", out, "--seconds", 2, feed=feed)
    assert (status, text) == (0, f"1 frames, 0 bytes in {out}\n")
    assert run.asked["record"] == str(out)


def test_record_overwrites_nothing_unasked(run, tmp_path):
    old = tmp_path / "old.jsonl"
    old.write_text("precious")
    status, _, err = run("record", "BTC_USDT", "--out", old, feed=FakeFeed(engine("BTC_USDT")))
    assert status == 2
    assert "--force" in err
    assert old.read_text() == "precious"
    status, _, err = run("record", "A", "--out", tmp_path / "new", "--source", old)
    assert status == 2
    assert "is a capture already" in err


# --- doctor ---


def test_doctor_says_what_does_not_work(monkeypatch):
    def connect(*_, source, **__):
        assert source == "sim", "a doctor does not call the venue"
        raise bb.NotConnected("no loopback\nhere")

    monkeypatch.setattr(bb, "connect", connect)
    findings = list(doctor.examine(date(2026, 11, 20)))
    assert [f.sentence for f in findings if f.good is False] == [
        "The built-in simulator does not work: NotConnected: no loopback here"
    ]
    assert "closes on 2027-01-31" in findings[-1].sentence
    assert "cannot work any more" in list(doctor.examine(date(2027, 2, 1)))[-1].sentence


def test_doctor_fails_if_something_essential_does_not_work(run):
    status, out, err = run("doctor", feed=bb.NotConnected("no"))
    assert (status, err) == (1, "")
    assert "BROKEN" in out
    assert out.endswith("Something essential does not work.\n")


def test_doctor_examines_the_compiled_book(monkeypatch):
    monkeypatch.setattr(doctor, "UPDATE", doctor.UPDATE.replace('"100"', '"101"'))
    finding = doctor._guarded("The compiled book", doctor._compiled)
    assert finding.good is False
    assert "InvariantError" in finding.sentence


def test_doctor_explains_books(run, monkeypatch):
    monkeypatch.setattr(doctor, "examine", lambda today: [])
    made = engine("BTC_USDT", clock=lambda: 0)
    made.apply(spot("update", 9, [], [], "BTC_USDT"))
    made.apply(snapshot("ETH_USDT"))
    status, out, err = run("doctor", "BTC_USDT", "ETH_USDT", "--source", "sim", feed=FakeFeed(made))
    assert (status, err) == (1, "")
    first, second, conclusion = out.splitlines()
    assert first.startswith("BROKEN BTC_USDT is gap, not live for 0.0 s: version gap: ")
    assert second == "works  ETH_USDT is live: confirmed by snapshot 0.0 s ago, version 7."
    assert conclusion == "All that is essential works here, and 1 of 2 books cannot be read."


# --- the whole, against the simulator over loopback ---


def start(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "bitmart_book", *map(str, arguments)],
        capture_output=True,
        text=True,
        **options,
    )


def test_doctor_with_the_simulator():
    result = start("doctor")
    assert (result.returncode, result.stderr) == (0, "")
    assert "BTC_USDT was LIVE" in result.stdout
    assert "winding down" in result.stdout


def test_doctor_explains_books_of_the_simulator():
    result = start("doctor", "BTC_USDT", "NOPE_USDT", "--source", "sim")
    assert (result.returncode, result.stderr) == (1, "")
    lines = result.stdout.splitlines()[-3:]
    assert lines[0].startswith("works  BTC_USDT is live: confirmed by ")
    assert lines[1].startswith("BROKEN NOPE_USDT is rejected, not live for ")
    assert lines[1].endswith("refused: Invalid symbol param; refused for good.")


def test_top_with_the_simulator():
    result = start("top", "--source", "sim", "--json", "BTC_USDT", "ETH_USDT")
    assert (result.returncode, result.stderr) == (0, "")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["symbol"], row["state"]) for row in rows] == [
        ("BTC_USDT", "LIVE"),
        ("ETH_USDT", "LIVE"),
    ]
    assert all(float(row["best_bid"][0]) < float(row["best_ask"][0]) for row in rows)


def test_a_recording_can_be_replayed(tmp_path):
    out = tmp_path / "frames.jsonl.gz"
    result = start("record", "BTC_USDT", "--source", "sim", "--seconds", 3, "--out", out)
    assert result.returncode == 0, result.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    row = json.loads(start("replay", "--json", out).stdout)
    assert (row["symbol"], row["state"]) == ("BTC_USDT", "LIVE")


def test_a_closed_pipe_ends_the_watch():
    command = f"{sys.executable} -m bitmart_book watch BTC_USDT --source sim | head -n 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("BTC_USDT ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_on_a_terminal_ends_cleanly(number):
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bitmart_book", "watch", "BTC_USDT", "--source", "sim"],
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    ) as process:
        os.close(terminal)
        shown = b""
        sent = False
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux's way of saying that the other end is closed
                break
            if not part:
                break
            shown += part
            if not sent and b"42m LIVE " in shown:  # on green, as the book says it
                process.send_signal(number)
                sent = True
        assert process.wait() == 0
    os.close(main)
    assert b"\x1b[?1049h" in shown, "the other screen"
    restored = shown.rindex(b"\x1b[?1049l")
    assert b"\x1b[?25h" in shown[restored - 50 :], "the cursor"
    assert b"BTC_USDT LIVE | bid " in shown[restored:]
    assert b"Traceback" not in shown
