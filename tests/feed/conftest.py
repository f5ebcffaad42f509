"""What several tests of the feed need."""

import pytest

from bitmart_book.feed import options
from bitmart_book.wire.transports import why_not_fast


@pytest.fixture
def refused_at_once(monkeypatch):
    """An error that may be about a topic refuses it without waiting for what might acquit it: for
    tests in which nothing would come."""
    monkeypatch.setattr("bitmart_book.client.accused.ACCUSED_FOR", 0.0)


@pytest.fixture(params=["websockets", "picows"])
def wire(request, monkeypatch):
    """What carries the frames of every feed of a test that says nothing of it."""
    if request.param == "picows" and (why := why_not_fast()) is not None:
        pytest.skip(f"the fast wire cannot be tried here: {why}")
    monkeypatch.setitem(options.DEFAULTS, "transport", request.param)
    return request.param
