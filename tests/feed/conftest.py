"""What several tests of the feed need."""

import pytest


@pytest.fixture
def refused_at_once(monkeypatch):
    """An error that may be about a topic refuses it without waiting for what might acquit it: for
    tests in which nothing would come."""
    monkeypatch.setattr("bitmart_book.client.accused.ACCUSED_FOR", 0.0)
