"""Arrow and Parquet: what is read back is what was written, and that is what a replay shows."""

import warnings

import pyarrow as pa
import pytest
from pyarrow import parquet

import bitmart_book as bb
from bitmart_book.display import history
from bitmart_book.display.files import export
from tests.helpers.command import run
from tests.helpers.tables import rows

SCHEMAS = ["quotes", "trades", "incremental", "mbp-10", "frames"]


def plain(table):
    """Rows of a table; times as nanoseconds."""
    found = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            assert column.type == pa.timestamp("ns", "UTC")
            column = column.cast(pa.int64())
        found[name] = column.to_pylist()
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(history, "_PIECE_BYTES", 1)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_table_is_what_a_replay_shows(story, schema, small_pieces):
    assert plain(bb.to_arrow(story, schema)) == rows(story, schema)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_parquet(story, tmp_path, schema):
    out = str(tmp_path / "out.parquet")
    export(story, out, schema=schema)
    assert plain(parquet.read_table(out)) == rows(story, schema)


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_files_of_many_pieces(story, tmp_path, ending, small_pieces):
    out = str(tmp_path / f"out{ending}")
    count, problems = export(story, out, schema="incremental")
    expected = rows(story, "incremental")
    assert (count, problems) == (len(expected), [])
    if ending == ".parquet":
        assert parquet.ParquetFile(out).num_row_groups > 3
        table = parquet.read_table(out)
    else:
        with pa.memory_map(out) as file:
            table = pa.ipc.open_file(file).read_all()
    assert plain(table) == expected


def test_a_folder_gets_a_file_of_each_capture(story, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_bytes(story.read_bytes())
    result = run("export", story, other, "--to", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    tables = [
        plain(parquet.read_table(tmp_path / f"{n}.quotes.parquet")) for n in ("story", "other")
    ]
    assert tables[0] == tables[1] == rows(story, "quotes")


def test_values():
    book = bb.Book("BTC_USDT")
    waiting = book.quote_in_any_state()
    book.apply_snapshot([("1", "2")], [("1.5", "3")], exchange_time_ms=7)
    table = bb.to_arrow([waiting, book.quote])
    assert table["bid"].to_pylist() == [None, 1.0]
    assert table.schema.field("ts_event").type == pa.timestamp("ns", "UTC")
    assert bb.to_arrow([{"a": True, "b": "x"}, {"a": None}])["a"].to_pylist() == [True, None]
    assert bb.to_arrow([]).num_rows == 0
    with pytest.raises(bb.UsageError, match="schema= is for captures"):
        bb.to_arrow([book.quote], schema="quotes")


def test_what_cannot_be_read_is_a_warning(story, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text("garbage\n" + story.read_text())
    with pytest.warns(UserWarning, match="skipped .*line 1: not JSON"):
        table = bb.replay_job(bad)
    assert plain(table) == rows(bad, "quotes")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bb.to_arrow([story, story], "quotes").num_rows > bb.replay_job(story).num_rows
