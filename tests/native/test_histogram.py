"""Spans of time in buckets that double: what is said holds for the spans that were put in."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitmart_book._book import Histogram

MOST = 2**63 - 1
SPANS = st.one_of(st.integers(0, 5_000), st.integers(0, MOST), st.integers(-1_000, -1))


def of(spans):
    histogram = Histogram()
    for span in spans:
        histogram.add(span)
    return histogram


def test_nothing_was_counted_yet():
    summary = Histogram().summary()
    assert summary["count"] == summary["sum"] == 0
    assert summary["buckets"] == []
    assert {summary[key] for key in ("min", "p50", "p99", "p999", "max")} == {None}


@pytest.mark.parametrize(
    ("span", "bound"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1_000, 1_024), (1_024, 1_024),
     (1_025, 2_048), (2**40, 2**40), (2**40 + 1, 2**41), (2**62 + 1, MOST), (MOST, MOST)],
)  # fmt: skip
def test_a_bucket_ends_at_a_power_of_two_and_holds_it(span, bound):
    assert of([span]).buckets == [(bound / 1e9, 1)]


def test_of_a_thousand_equal_steps_each_share_is_the_bound_above_it():
    summary = of(range(1, 1_001)).summary()
    assert summary["count"] == 1_000
    assert (summary["min"], summary["max"]) == (1e-9, 1e-6)
    # The 500th is 500, the 990th 990: at most 512, and no more than the longest there was.
    assert (summary["p50"], summary["p99"], summary["p999"]) == (512e-9, 1e-6, 1e-6)
    assert summary["sum"] == pytest.approx(500_500e-9)
    assert of([1] * 989 + [1_000_000] * 11).summary()["p99"] == 1e-3
    assert of([1] * 990 + [1_000_000] * 10).summary()["p99"] == 1e-9


@given(st.lists(SPANS, min_size=1, max_size=60))
def test_what_is_said_is_never_less_than_the_truth_and_less_than_twice_it(spans):
    histogram = of(spans)
    summary = histogram.summary()
    ordered = sorted(spans)
    for key, share in (("p50", 500), ("p99", 990), ("p999", 999)):
        truth = ordered[max(0, math.ceil(len(spans) * share / 1_000) - 1)]
        said = summary[key]
        assert said >= truth / 1e9 or truth < 0
        assert said <= max(2 * truth, 1) / 1e9 or said == min(0, ordered[-1]) / 1e9
    assert summary["min"] == ordered[0] / 1e9
    assert summary["max"] == ordered[-1] / 1e9
    assert summary["below_zero"] == sum(span < 0 for span in spans)
    assert summary["below_zero"] + sum(n for _, n in histogram.buckets) == len(spans)
    assert summary["sum"] == pytest.approx(sum(spans) / 1e9, rel=1e-9, abs=1e-6)


def test_two_clocks_that_disagree_are_counted_and_make_no_bucket():
    summary = of([-5_000_000, -1, 7]).summary()
    assert (summary["below_zero"], summary["min"], summary["p50"]) == (2, -0.005, 0.0)
    assert summary["buckets"] == [(8e-9, 1)]
    assert of([-5, -3]).summary()["p99"] == -3e-9, "no more than the longest"


def test_what_no_int64_holds_counts_as_the_most_that_it_does():
    histogram = of([10**30, -(10**30)])
    assert histogram.buckets == [(MOST / 1e9, 1)]
    assert histogram.summary()["min"] == -MOST / 1e9


def test_its_summary_is_a_value_and_it_is_none():
    with pytest.raises(TypeError, match="summary"):
        pickle.dumps(Histogram())
