"""What a client tells its engine is told again from a recording."""

import pytest

import bitmart_book as bb
from bitmart_book.wire.capture import CapturedEvent
from bitmart_book.wire.told import retell, telling
from tests.helpers.frames import spot

SECOND = 1_000_000_000


@pytest.mark.parametrize("acknowledged", [False, True])
def test_an_acknowledgement_is_told_again_and_so_is_that_none_came(acknowledged):
    told = []
    live, replayed = bb.Engine(), bb.Engine()
    bids = [(str(price), "1") for price in range(99, 89, -1)]
    for engine in (live, replayed):
        engine.apply(spot("snapshot", 1, bids, [("101", "1")]))
    client = telling(live, lambda *facts: told.append(facts), lambda: 0)
    client.expect(live["BTC_USDT"], subscribed=True, acknowledged=False)
    if acknowledged:
        client.acknowledge(live["BTC_USDT"])
    for event, _, facts in told:
        retell(replayed, CapturedEvent(event, facts, None, None, 1, 0), 0, 0, "a capture")
    for engine in (live, replayed):
        engine.apply(spot("snapshot", 2, bids[:5], [("101", "1")]))
        assert engine["BTC_USDT"].depth(10).complete == acknowledged


def test_what_another_connection_has_confirmed_is_as_young_in_a_replay():
    now, told = 0, []

    def engine_with_a_book():
        engine = bb.Engine("kraken", clock=lambda: now)
        engine.book("BTC/USD").apply_snapshot([("99", "1")], [("101", "1")])
        return engine

    live, replayed = engine_with_a_book(), engine_with_a_book()
    now = 5 * SECOND
    telling(live, lambda *facts: told.append(facts), lambda: now).confirm(
        live["BTC/USD"], now + 3 * SECOND, by="another connection", known_ns=now - 2 * SECOND
    )
    ((event, _, facts),) = told
    retell(replayed, CapturedEvent(event, facts, None, None, 1, now), 0, now, "a capture")
    for engine in (live, replayed):
        book = engine["BTC/USD"]
        assert (book.quote.age, book.valid_until) == (2.0, 8 * SECOND)
        assert book.confirmed_by == "another connection"
