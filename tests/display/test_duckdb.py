"""DuckDB makes the books again, by the query of docs/tables.md."""

import os
import re
from pathlib import Path

import duckdb
import pytest

import bitmart_book as bb
from bitmart_book.display.files import export
from bitmart_book.display.history import History

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("BITMART_BOOK_DATA", ROOT.parent / "shared" / "data"))
STREAMS = sorted((DATA / "frames").glob("*.frames.jsonl.gz"))
QUERY = re.search(r"^```sql\n(.*?)^```", (ROOT / "docs" / "tables.md").read_text(), re.S | re.M)[1]


def rebuilt(out):
    found = {}
    rows = duckdb.sql(QUERY.replace("out.parquet", out)).fetchall()
    for channel, symbol, side, price, size in rows:
        found.setdefault((channel, symbol, side), {})[price] = size
    return found


def shown(path):
    history = History(path, "frames")
    for _ in history.columns():
        pass
    return {
        (book.channel, book.symbol, side): {level.price: level.size for level in levels}
        for book in history.engine.books
        if book.state is bb.BookState.LIVE
        for side, levels in (("B", book.bids), ("A", book.asks))
        if levels
    }


def test_a_story(story, tmp_path):
    out = str(tmp_path / "story.parquet")
    export(story, out, schema="incremental")
    assert rebuilt(out) == shown(story)


@pytest.mark.slow
@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.name.partition(".")[0])
def test_recorded_streams(path, tmp_path):
    out = str(tmp_path / "stream.parquet")
    export(path, out, schema="incremental")
    assert rebuilt(out) == shown(path)
