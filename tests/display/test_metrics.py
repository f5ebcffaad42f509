"""Metrics where nothing is installed: said in a sentence."""

import sys

import pytest

import bitmart_book as bb


def test_a_client_that_is_missing_is_named(monkeypatch):
    for name in ("prometheus_client", "prometheus_client.core"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(bb.UsageError) as caught:
        bb.metrics(None)
    assert str(caught.value) == (
        "bb.metrics() needs prometheus_client: pip install 'bitmart_book[metrics]'"
    )
