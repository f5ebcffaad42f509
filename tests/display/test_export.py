"""`bitmart-book export`, as far as no library is needed: CSV, names of files, what is said."""

import csv
import os
import re
import stat
import sys

import pytest

import bitmart_book as bb
from bitmart_book.cli import commands
from bitmart_book.display import files
from tests.helpers.command import run
from tests.helpers.tables import rows


def export_at_once(*words):
    """The command without a process of its own: its exit status."""
    words = ["export", *map(str, words)]
    return commands.main(words, prog_name="bitmart-book", standalone_mode=False)


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_every_number_as_it_was(story, tmp_path):
    out = tmp_path / "out.csv"
    result = run("export", story, "--to", out, "--schema", "mbp-3")
    assert (result.returncode, result.stderr) == (0, "")
    expected = rows(story, "mbp-3")
    assert result.stdout == f"{len(expected):,} rows in {out}\n"
    assert read(out) == [
        {name: "" if cell is None else str(cell) for name, cell in row.items()} for row in expected
    ]
    assert float(read(out)[0]["bid_px_00"]) == expected[0]["bid_px_00"]
    if os.name == "posix":
        assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_what_can_be_read_is_kept(story, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(story.read_text() + "garbage\n" * 7)
    out = tmp_path / "out.csv"
    result = run("export", bad, "--to", out)
    said = result.stderr.splitlines()
    assert result.returncode == 1
    assert len(said) == 6
    assert "skipped" in said[0]
    assert said[-1] == "bitmart-book: and 2 more"
    assert [row["reason"] for row in read(out)[-7:]] == [
        row["reason"] for row in rows(bad, "quotes")[-7:]
    ]


def test_nothing_is_overwritten(story, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("mine")
    with pytest.raises(bb.UsageError, match=r"out.csv exists and is not empty; --force overwrites"):
        export_at_once(story, "--to", out)
    assert out.read_text() == "mine"
    assert export_at_once(story, "--to", out, "--force") == 0
    assert read(out)


def test_no_file_is_left_of_what_is_no_capture(tmp_path):
    odd, out = tmp_path / "odd.txt", tmp_path / "out.csv"
    odd.write_text("hello\n")
    result = run("export", odd, "--to", out)
    assert result.returncode == 2
    assert result.stderr.startswith("bitmart-book: this is no capture: ")
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--to", "out.xlsx"], "the name of a file must end with .parquet, .arrow, .csv"),
        (["--to", "out.csv", "--schema", "mbp"], "schema must be one of quotes, trades"),
        (["--to", "nowhere/out.csv"], "cannot write nowhere/out.csv: No such file"),
        (["--to", "out.csv", "--venue", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be(story, tmp_path, monkeypatch, words, problem):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bb.UsageError, match=re.escape(problem)):
        export_at_once(story, *words)
    assert not list(tmp_path.glob("out*"))


def test_a_folder_gets_a_file_of_each(story, tmp_path):
    (tmp_path / "a").mkdir()
    twin = tmp_path / "a" / story.name
    twin.write_bytes(story.read_bytes())
    with pytest.raises(bb.UsageError, match=r"would both be .*story.quotes.parquet"):
        export_at_once(story, twin, "--to", tmp_path)


@pytest.mark.parametrize(
    ("name", "wanted_by", "command"),
    [
        ("pyarrow", "to_arrow", "pip install 'bitmart_book[parquet]'"),
        ("pandas", "to_pandas", "pip install pandas"),
        ("polars", "to_polars", "pip install polars"),
    ],
)
def test_a_library_that_is_missing_is_named(story, monkeypatch, name, wanted_by, command):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(bb.UsageError) as caught:
        getattr(bb, wanted_by)(story)
    assert str(caught.value) == f"{wanted_by}() needs {name}: {command}"


def test_a_library_that_is_missing_leaves_no_file(story, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    out = tmp_path / "out.parquet"
    with pytest.raises(bb.UsageError, match="needs pyarrow: pip install 'bitmart_book"):
        files.export(story, str(out), schema="quotes")
    assert not out.exists()
