"""What a client tells its engine is told again from a recording."""

import bitmart_book as bb
from bitmart_book.wire.capture import CapturedEvent
from bitmart_book.wire.told import retell, telling

SECOND = 1_000_000_000


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
