"""docs/stability.md: what it promises is there, and what was promised before still is."""

import gzip
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import surface
from tests.helpers.command import run

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "stability.md").read_text()
PROMISED = json.loads(surface.FILE.read_text())
NOW = surface.surface()
# As version 0.2.0 wrote it, of a feed of the box in which things go wrong.
CAPTURE = Path(__file__).parent / "wire" / "capture-0.2.0.jsonl.gz"


def takes_as_before(old, new):
    """Whether whoever calls with the old parameters can go on: none is gone or has moved."""
    places = [name for name in old[: old.index("*")] if name[0] != "*"] if "*" in old else old
    return new[: len(places)] == places and set(old) <= set(new)


def gone(old, new, where):
    """What is missing in the new, by its full name."""
    if isinstance(old, dict):
        for name, what in old.items():
            if not isinstance(new, dict) or name not in new:
                yield f"{where}.{name}"
            else:
                yield from gone(what, new[name], f"{where}.{name}")
    elif isinstance(old, (int, str)) and old != new:
        yield f"{where} = {old!r}"
    elif isinstance(old, list) and not (isinstance(new, list) and takes_as_before(old, new)):
        yield f"{where}({', '.join(old)})"


@pytest.mark.parametrize("module", ["bitmart_book", "bitmart_book.sync"])
def test_every_name_that_was_promised_is_there(module):
    assert list(gone(PROMISED[module], NOW[module], module)) == []


def test_every_command_line_that_was_promised_is_taken():
    missing = {
        f"{name} {word}"
        for name, words in PROMISED["commands"].items()
        for word in words
        if word not in NOW["commands"].get(name, ())
    }
    assert not missing


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ({"a": None}, {}, ["m.a"]),
        ({"a": {"b": None}}, {"a": {"c": None}}, ["m.a.b"]),
        ({"f": ["a", "*", "b"]}, {"f": ["a", "c", "*", "b", "d"]}, []),
        ({"f": ["a", "*", "b"]}, {"f": ["c", "a", "*", "b"]}, ["m.f(a, *, b)"]),
        ({"f": ["a", "*", "b"]}, {"f": ["a", "*"]}, ["m.f(a, *, b)"]),
        ({"f": ["a"]}, {"f": None}, ["m.f(a)"]),
        ({"f": 1}, {"f": 2}, ["m.f = 1"]),
    ],
)
def test_what_is_gone_is_seen(old, new, problem):
    assert list(gone(old, new, "m")) == problem


# --- exit statuses ---

STATUSES = {
    int(status): meaning
    for status, meaning in re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGE, re.MULTILINE)
}


def test_exit_statuses(tmp_path):
    """Each on the page was seen here, and none that is not on it."""
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    with gzip.open(CAPTURE) as file:
        lines = file.read().splitlines(keepends=True)
    good.write_bytes(b"".join(lines))
    bad.write_bytes(b"".join(lines) + b'{"frame"\n')
    seen = {
        run("replay", good).returncode,
        run("replay", bad).returncode,
        run("replay", "--skip-bad-lines", bad).returncode,
        run("replay", tmp_path / "none").returncode,
        run("replay", "--no-such-option").returncode,
        run().returncode,
        interrupted(),
    }
    assert seen == set(STATUSES) == {0, 1, 2, 130}


def interrupted():
    """The status of a command that is asked to end before it has begun."""
    code = (
        "import signal, sys; sys.argv = ['bitmart-book', 'top', 'BTC_USDT']\n"
        "import bitmart_book as bb, bitmart_book.cli as cli\n"
        "bb.connect = lambda *_, **__: signal.raise_signal(signal.SIGINT)\n"
        "cli.main()"
    )
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode


# --- what programs read ---


def keys(heading):
    """The words in code of the sentence under a heading that lists what an output has."""
    text = PAGE.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    return set(re.findall(r'`"(\w+)"`', text))


def test_rows_of_json(tmp_path):
    rows = [json.loads(line) for line in run("replay", "--json", CAPTURE).stdout.splitlines()]
    assert rows
    assert all(set(row) >= keys("Rows of books") for row in rows)
    assert len(keys("Rows of books")) == 8


def test_the_first_line_of_the_box():
    process = subprocess.Popen(
        [sys.executable, "-m", "bitmart_book", "sim"], stdout=subprocess.PIPE, text=True
    )
    with process:
        line = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    said = keys("The first line of the box")
    assert set(line["credentials"]) == {"key", "secret", "memo"} < said
    assert set(line) == said - set(line["credentials"])


# --- captures ---


def test_a_capture_of_an_older_version_is_read_as_it_was():
    """The file is never written anew."""
    expected = json.loads(CAPTURE.with_suffix("").with_suffix(".json").read_text())
    rows = [json.loads(line) for line in run("replay", "--json", CAPTURE).stdout.splitlines()]
    assert rows == expected
    assert {row["state"] for row in rows} == {"LIVE"}


def test_what_the_page_says_of_lines_is_true_of_that_capture():
    with gzip.open(CAPTURE) as file:
        header, *lines = [json.loads(line) for line in file]
    assert header == {"bitmart_book": "0.2.0"}
    frames = [line for line in lines if "frame" in line]
    events = [line for line in lines if "event" in line]
    assert len(frames) + len(events) == len(lines)
    assert frames
    assert events
    said = keys("Lines of a capture")
    assert said == {"bitmart_book", "t", "at", "conn", "frame", "event"}
    assert all(set(line) == said - {"bitmart_book", "event"} for line in frames)
    assert all(set(line) >= said - {"bitmart_book", "frame"} for line in events)


def test_what_nobody_knows_yet_is_passed_over(tmp_path):
    """Later versions may write more: keys, events, and whole lines of another kind."""
    with gzip.open(CAPTURE) as file:
        first, *lines = file.read().splitlines()
    more = tmp_path / "more.jsonl"
    header = json.dumps(json.loads(first) | {"novelty": [1]})
    odd = json.dumps({"t": 1, "at": 1, "conn": None, "event": "novelty", "of": {"a": 1}})
    changed = [json.dumps(json.loads(line) | {"novelty": 1}) for line in lines]
    more.write_text("\n".join([header, odd, *changed, odd]) + "\n")
    before, after = run("replay", "--json", CAPTURE), run("replay", "--json", more)
    assert (after.returncode, after.stderr) == (0, "")
    assert after.stdout == before.stdout
