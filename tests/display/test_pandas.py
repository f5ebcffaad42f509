"""pandas: types, times and holes."""

import pandas

import bitmart_book as bb
from tests.helpers.tables import rows


def test_a_capture(story):
    frame = bb.to_pandas(story)
    expected = rows(story, "quotes")
    assert frame["ts_recv"].astype("int64").tolist() == [row["ts_recv"] for row in expected]
    assert str(frame["ts_recv"].dtype) == "datetime64[ns, UTC]"
    for name in ("bid", "sequence", "state", "reason"):
        found = [None if pandas.isna(cell) else cell for cell in frame[name]]
        assert found == [row[name] for row in expected]


def test_values():
    frame = bb.to_pandas([{"a": True, "b": 1, "c": "x"}, {"a": None, "b": None, "c": None}])
    assert [str(kind) for kind in frame.dtypes] == ["boolean", "Int64", "category"]
    assert frame.isna().values.tolist() == [[False] * 3, [True] * 3]
    assert bb.to_pandas([]).empty
