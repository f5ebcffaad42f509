"""The command line as a user meets it: output, exit status, one line of error."""

import gzip
import json
import os
import pty
import subprocess
import sys

import pytest

from benchmarks.frames import capture
from tests.helpers import frames
from tests.helpers.command import run
from tests.helpers.frames import futures_side, spot


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "capture.jsonl"
    path.write_text(frames.SPOT_SNAPSHOT_4 + "\n" + frames.SPOT_UPDATE_5 + "\n")
    return path


def test_replay_json(file):
    result = run("replay", "--json", file)
    assert (result.returncode, result.stderr) == (0, "")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "symbol": "BTC_USDT",
            "sequence": 5,
            "state": "LIVE",
            "best_bid": ["23105", "1.80114"],
            "best_ask": ["23200", "0.59959"],
            "bids": 1,
            "asks": 2,
            "gaps": 0,
        }
    ]


def test_replay_json_of_a_book_that_cannot_be_trusted(tmp_path):
    path = tmp_path / "gap.jsonl"
    lines = [
        frames.SPOT_SNAPSHOT_4,
        spot("update", 9),
        spot("snapshot", 1, [], [("2", "1")], "A_B"),
    ]
    path.write_text("\n".join(lines))
    gap, one_sided = (
        json.loads(line) for line in run("replay", "--json", path).stdout.splitlines()
    )
    assert (gap["state"], gap["best_bid"], gap["bids"], gap["gaps"]) == ("GAP", None, 1, 1)
    assert (one_sided["best_bid"], one_sided["best_ask"]) == (None, ["2", "1"])


def test_books_of_one_symbol_are_told_apart(tmp_path):
    path = tmp_path / "both.jsonl"
    lines = [frames.FUTURES_SNAPSHOT, futures_side(1, [("1", "1")]), futures_side(2, [("2", "1")])]
    path.write_text("\n".join(lines))
    symbols = [
        json.loads(line)["symbol"] for line in run("replay", "--json", path).stdout.splitlines()
    ]
    assert symbols == ["futures/depthIncrease20:BTCUSDT", "futures/depth20:BTCUSDT"]


def test_replay_shows_ladders(tmp_path):
    path = tmp_path / "two.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(capture(("BTC_USDT", "ETH_USDT"), 50, seed=3))))
    result = run("replay", path, "--levels", 3)
    assert result.returncode == 0
    assert "BTC_USDT LIVE (end of capture)" in result.stdout
    assert "ETH_USDT LIVE (end of capture)" in result.stdout
    assert result.stdout.count("spread ") == 2
    assert "102 frames, 2 books, 0 gaps, 0 bad frames" in result.stdout
    assert "\x1b" not in result.stdout, "no colours in a pipe"


def test_replay_on_a_terminal_has_a_progress_bar_and_colours(tmp_path):
    path = tmp_path / "two.jsonl"
    path.write_bytes(b"\n".join(capture(("BTC_USDT",), 500, seed=3)))
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bitmart_book", "replay", path],
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"},
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux's way of saying that the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(main)
    assert process.returncode == 0
    assert b"reading" in shown
    assert b"\x1b[31m" in shown
    assert b"\x1b[32m" in shown


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["replay"], 2, "Missing argument 'FILE...'"),
        (["replay", "no-such-file"], 2, "cannot read no-such-file"),
        (["replay", "--max-levels", "0", "{file}"], 2, "max_levels must be from 1 to 50000"),
        (["replay", "--max-levels", "x", "{file}"], 2, "'x' is not a valid integer"),
        (["replay", "--nonsense", "{file}"], 2, "No such option"),
        (["fly"], 2, "No such command 'fly'"),
        (["replay", "{bad}"], 1, "bad.jsonl: line 2: BTC_USDT: expected a version"),
    ],
)
def test_errors_are_one_line(file, tmp_path, arguments, status, problem):
    bad = tmp_path / "bad.jsonl"
    unversioned = spot("update", 5).replace('"version": 5', '"version": null')
    bad.write_text(f"{frames.SPOT_SNAPSHOT_4}\n{unversioned}\n")
    result = run(*(argument.format(file=file, bad=bad) for argument in arguments))
    assert result.returncode == status
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("bitmart-book: ")
    assert result.stdout == ""


def test_bad_lines_can_be_skipped(file):
    with file.open("a") as more:
        more.write("rubbish\n" + spot("update", 6, [("1", "1")]) + "\n")
    result = run("replay", "--json", "--skip-bad-lines", file)
    assert result.returncode == 1
    assert json.loads(result.stdout)["sequence"] == 6
    assert "line 3: not JSON" in result.stderr


def test_help_version_and_no_arguments():
    assert "replay" in run("--help").stdout
    assert run("--version").stdout.startswith("bitmart-book, version ")
    nothing = run()
    assert nothing.returncode == 2
    assert "Commands:" in nothing.stdout


def test_a_closed_pipe_is_no_error(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text(
        "\n".join(spot("snapshot", 1, [("1", "1")], [], f"S{n}_T") for n in range(1500))
    )
    command = f"{sys.executable} -m bitmart_book replay --json {path} | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""
