"""polars: types, times and holes."""

import polars

import bitmart_book as bb
from tests.helpers.tables import rows


def test_a_capture(story):
    for schema in ("quotes", "frames"):
        frame = bb.to_polars(story, schema)
        assert frame["ts_recv"].dtype == polars.Datetime("ns", "UTC")
        plain = frame.with_columns(polars.col(polars.Datetime).cast(polars.Int64))
        assert plain.to_dicts() == rows(story, schema)


def test_values():
    frame = bb.to_polars([{"a": True, "b": 1, "c": "x"}, {"a": None, "b": None, "c": None}])
    assert frame.dtypes == [polars.Boolean, polars.Int64, polars.Categorical]
    assert frame.rows() == [(True, 1, "x"), (None, None, None)]
    assert bb.to_polars([]).is_empty()
